//! `dockmend completions`: a completion script for a shell.

use anyhow::Result;
use clap::CommandFactory as _;

use crate::Exit;
use crate::arguments::{Arguments, CompletionsArguments, Format};
use crate::output::Printer;

/// Prints the script.
///
/// # Errors
/// None so far.
#[allow(clippy::unnecessary_wraps)] // All commands have one shape.
pub(crate) fn run(arguments: &CompletionsArguments) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "dockmend", &mut script);
    Printer::new(Format::Json).out(&String::from_utf8_lossy(&script));
    Ok(Exit::Success)
}
