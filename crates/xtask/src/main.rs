//! Chores: code generation, generated documents, and the way into the suites.

mod codegen;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
cargo xtask <chore> [arguments]

codegen [--check]  what is generated from the rules and the settings; with --check only whether it is up to date
conformance        our line rules against BuildKit's own parser
verdicts           what we refuse against what a Docker engine refuses
corpus             every rule and fix over real Dockerfiles
builds             whole projects, built and run before and after their rewrites
bench              how long things take";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    run(&arguments).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    match arguments.first().map(String::as_str) {
        // What runs here depends on no crate of ours, so that it works when those do not compile.
        Some("codegen") => {
            codegen::run(root()?, arguments.iter().any(|argument| argument == "--check"))?;
            Ok(ExitCode::SUCCESS)
        }
        Some("conformance" | "verdicts" | "corpus" | "builds" | "bench") => suite(arguments),
        None | Some("--help" | "-h" | "help") => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        Some(other) => bail!("there is no chore {other:?}\n{USAGE}"),
    }
}

/// The checkout's root.
fn root() -> Result<&'static Path> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).context("the crate does not lie in the workspace")
}

/// Runs a suite, built with optimisation. They are a program of their own because they need our crates compiled.
fn suite(arguments: &[String]) -> Result<ExitCode> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--release", "--quiet", "--package", "dockmend-suites", "--"])
        .args(arguments)
        .status()
        .context("cannot start cargo")?;
    Ok(u8::try_from(status.code().unwrap_or(2)).map_or(ExitCode::FAILURE, ExitCode::from))
}
