//! `dockmend check`: finds what is wrong, and changes nothing.

use anyhow::Result;
use dockmend_core::rewrite::FileReport;
use dockmend_core::rule::{Fixability, Severity};

use crate::Exit;
use crate::arguments::{CheckArguments, Format};
use crate::configuration::Configurations;
use crate::group::{Group, Loaded};
use crate::output::human::{self, Shown};
use crate::output::json::{File, Places};
use crate::output::{Look, Outcome, Printer, Tally, calm_line};
use crate::run::{Run, exit_of, reads_stdin};

/// Checks and prints.
///
/// # Errors
/// Wrong usage or configuration.
pub(crate) fn run(arguments: &CheckArguments) -> Result<Exit> {
    let CheckArguments { paths, choice, stdin, report } = arguments;
    let from_stdin = reads_stdin(paths, choice, stdin)?;
    let configurations = Configurations::new(choice)?;
    let mut printer = Printer::new(report.format);
    let (look, format) = (printer.look(), report.format);
    if from_stdin {
        let input = super::stdin::read(stdin, configurations)?;
        let outcomes = match input.text {
            Ok(text) => check(&Group::of_stdin(&input.configured, &input.name, text), look, format),
            Err(message) => vec![Outcome::unprocessed(0, crate::output::shown(&input.name), message)],
        };
        printer.begin();
        let mut tally = Tally::default();
        for outcome in outcomes {
            tally.add(&outcome.tally);
            printer.outcome(&outcome);
        }
        printer.end(&tally, 1, Some(&human::summary(&tally, 1)));
        return Ok(exit_of(&tally, report.fail_on));
    }
    let run = Run::prepare(paths, choice, configurations)?;
    let files = run.files();
    printer.begin();
    let tally = run.each(&mut printer, &|group| check(group, look, format));
    let summary = (files > 0).then(|| human::summary(&tally, files));
    printer.end(&tally, files, summary.as_deref());
    Ok(exit_of(&tally, report.fail_on))
}

fn check(group: &Group<'_>, look: Look, format: Format) -> Vec<Outcome> {
    let reports = group.configured.engine.check(&group.core);
    reports.iter().zip(&group.files).map(|(report, file)| outcome(report, file, look, format)).collect()
}

fn outcome(report: &FileReport, file: &Loaded, look: Look, format: Format) -> Outcome {
    let text = match format {
        Format::Human => in_words(report, file, look),
        Format::Json => {
            let places = Places { text: &file.text, lines: &file.lines };
            File::of(report, &file.name, &file.context, places).to_line()
        }
    };
    Outcome { index: file.index, name: file.name.clone(), text, tally: tally(report), ..Outcome::default() }
}

fn in_words(report: &FileReport, file: &Loaded, look: Look) -> String {
    let shown = Shown { name: &file.name, text: &file.text, lines: &file.lines };
    let mut text = human::report(report, shown, look);
    if !report.findings.is_empty() {
        let note = calm_line(&format!("{}: {}", file.name, file.context));
        text.push_str(&look.dim(&note));
        text.push_str("\n\n");
    }
    text
}

/// What a report adds to the sums.
pub(super) fn tally(report: &FileReport) -> Tally {
    let mut tally = Tally { skipped: usize::from(report.skipped.is_some()), ..Tally::default() };
    report.problems.iter().for_each(|_| tally.count(Severity::Error));
    for finding in &report.findings {
        tally.count(finding.severity);
        tally.fixable += usize::from(finding.fix == Fixability::Available);
    }
    tally
}
