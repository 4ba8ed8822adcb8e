//! `dockmend fix`: applies what is proven safe, or, when asked, what is not.

use anyhow::{Result, bail};
use dockmend_core::rewrite::FixOptions;

use super::mend::{Mending, summary};
use crate::Exit;
use crate::arguments::{FixArguments, Format};
use crate::configuration::Configurations;
use crate::group::Group;
use crate::output::{Printer, complain};
use crate::run::{Run, exit_of, reads_stdin};

/// Fixes and prints.
///
/// # Errors
/// Wrong usage or configuration.
pub(crate) fn run(arguments: &FixArguments) -> Result<Exit> {
    let FixArguments { paths, diff, unsafe_fixes, choice, stdin, report } = arguments;
    let from_stdin = reads_stdin(paths, choice, stdin)?;
    if from_stdin && report.format == Format::Json {
        bail!("`fix -` prints the fixed text and nothing else; use `check --format json -` for the findings");
    }
    let configurations = Configurations::new(choice)?;
    let mut printer = Printer::new(report.format);
    let mut options = FixOptions::default();
    options.unsafe_fixes = *unsafe_fixes;
    let mut mending = Mending {
        options,
        named: None,
        diff: *diff,
        prover: None,
        fail_on: report.fail_on,
        format: report.format,
        look: printer.look(),
        context: choice.context.clone(),
        verbose: false,
    };
    if from_stdin {
        let input = super::stdin::read(stdin, configurations)?;
        return Ok(fix_stdin(&mending, input, &mut printer));
    }
    let run = Run::prepare(paths, choice, configurations)?;
    let files = run.files();
    mending.verbose = files == 1;
    printer.begin();
    let tally = run.each(&mut printer, &|group| mending.group(group));
    printer.end(&tally, files, summary(&tally, files, *diff).as_deref());
    Ok(exit_of(&tally, report.fail_on))
}

/// The text goes to standard output byte by byte, everything else to standard error, so that an editor can take it.
fn fix_stdin(mending: &Mending, input: super::stdin::Input, printer: &mut Printer) -> Exit {
    let text = match input.text {
        Ok(text) => text,
        Err(message) => {
            complain("error", &message);
            return Exit::Unprocessed;
        }
    };
    let group = Group::of_stdin(&input.configured, &input.name, text);
    let (text, told, warnings) = mending.stdin(&group);
    if mending.diff {
        printer.out(&text);
    } else {
        printer.raw(&text);
    }
    for warning in &warnings {
        printer.warning(warning);
    }
    if !told.is_empty() {
        complain("note", &told);
    }
    Exit::Success
}
