//! The `dockmend` command: reads its arguments, runs one of [`commands`], and exits.
//!
//! Exit codes: 0 all is well, 1 findings at `--fail-on`, 2 usage or configuration, 3 some file could not be processed.

mod arguments;
mod commands;
mod configuration;
mod group;
mod output;
mod run;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};

/// How a run ends when nothing stopped it before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Success,
    /// There are findings at the level of `--fail-on`.
    Findings,
    /// Some file could not be processed; the others were.
    Unprocessed,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match arguments.command {
        Command::Check(arguments) => commands::check::run(&arguments),
        Command::Fix(arguments) => commands::fix::run(&arguments),
        Command::Rewrite(arguments) => commands::rewrite::run(&arguments),
        Command::Why(arguments) => commands::why::run(&arguments),
        Command::Explain(arguments) => commands::explain::run(&arguments),
        Command::Rules(arguments) => commands::rules::run(&arguments),
        Command::Lsp => dockmend_lsp::serve().map(|()| Exit::Success).map_err(Into::into),
        Command::Completions(arguments) => commands::completions::run(&arguments),
    };
    match ended {
        Ok(Exit::Success) => ExitCode::SUCCESS,
        Ok(Exit::Findings) => ExitCode::from(1),
        Ok(Exit::Unprocessed) => ExitCode::from(3),
        Err(problem) => {
            output::complain("error", &format!("{problem:#}"));
            ExitCode::from(2)
        }
    }
}
