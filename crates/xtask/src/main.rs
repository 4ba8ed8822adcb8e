//! Chores: code generation, generated documents, and the way into the suites.

mod codegen;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = root.ancestors().nth(2).context("the crate does not lie in the workspace")?.to_owned();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("codegen") => codegen::run(&root, arguments.iter().any(|argument| argument == "--check")),
        _ => bail!("cargo xtask codegen [--check]"),
    }
}
