//! The JSON that `--format json` prints. `docs/json.md` describes it; what is here is a promise of schema [`SCHEMA`].
//!
//! Fields may be added within a schema; one that is removed or means something else makes a new one.

use dockmend_core::rewrite::{FileReport, Fixed, Ready, Rejection, Rewrite};
use dockmend_core::rule::{Finding, Fixability, Refusal, Rule, Safety, Severity};
use dockmend_core::syntax::SyntaxProblem;
use dockmend_core::text::{ColumnEncoding, LineIndex, TextRange};
use serde::Serialize;

use super::{Tally, words};
use crate::group::ContextNote;

/// The version of the schema.
pub(crate) const SCHEMA: u32 = 1;

/// One Dockerfile.
#[derive(Debug, Default, Serialize)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) context: Context,
    /// Why it could not be processed.
    pub(crate) error: Option<String>,
    /// Why it was not looked at.
    pub(crate) skipped: Option<String>,
    pub(crate) suppressed: usize,
    pub(crate) problems: Vec<Problem>,
    pub(crate) findings: Vec<Found>,
    pub(crate) fixed: Vec<Mended>,
    pub(crate) ready: Vec<Waiting>,
    pub(crate) refused: Vec<Refused>,
    pub(crate) rejections: Vec<Refused>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) diff: Option<String>,
}

/// The build context.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Context {
    dir: Option<String>,
    source: String,
}

impl From<&ContextNote> for Context {
    fn from(note: &ContextNote) -> Self {
        let dir = note.folder.as_ref().map(|folder| folder.to_string_lossy().into_owned());
        Self { dir, source: note.source.clone() }
    }
}

/// A range of a text.
#[derive(Debug, Serialize)]
pub(crate) struct Range {
    start: Place,
    end: Place,
}

/// A place in a text: line from 1, column from 1 in characters (Unicode scalar values), offset from 0 in bytes.
#[derive(Debug, Serialize)]
struct Place {
    line: usize,
    column: usize,
    offset: usize,
}

/// A text in which ranges are.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    pub(crate) text: &'a str,
    pub(crate) lines: &'a LineIndex,
}

impl Places<'_> {
    fn range(self, range: TextRange) -> Range {
        let place = |offset: usize| {
            let at = self.lines.position(self.text, offset, ColumnEncoding::Utf32);
            Place { line: at.line + 1, column: at.column + 1, offset }
        };
        Range { start: place(range.start), end: place(range.end) }
    }
}

/// Something that BuildKit refuses.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    message: String,
    range: Range,
    suggestion: Option<String>,
}

/// A finding.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    rule: &'static str,
    severity: Severity,
    message: String,
    range: Range,
    notes: Vec<Note>,
    fix: Fix,
    url: String,
}

/// A further place of a finding.
#[derive(Debug, Serialize)]
struct Note {
    message: String,
    range: Range,
}

/// Whether there is a fix.
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Fix {
    Available { rewrite: Option<&'static str> },
    Refused { reason: String, hazard: Option<&'static str> },
    None,
}

/// A finding that was fixed; its range is of the text before.
#[derive(Debug, Serialize)]
pub(crate) struct Mended {
    rule: &'static str,
    severity: Severity,
    message: String,
    range: Range,
    title: String,
    safety: Safety,
    remarks: Vec<String>,
    changes: Vec<String>,
    url: String,
}

/// A great rewrite that waits for consent.
#[derive(Debug, Serialize)]
pub(crate) struct Waiting {
    name: &'static str,
    rule: &'static str,
    title: String,
    remarks: Vec<String>,
    range: Range,
    url: String,
}

/// A fix that was refused, or rejected by the gate.
#[derive(Debug, Serialize)]
pub(crate) struct Refused {
    rule: &'static str,
    range: Range,
    reason: String,
    hazard: Option<&'static str>,
    url: String,
}

/// The sums over all files.
#[derive(Debug, Serialize)]
struct Summary {
    files: usize,
    errors: usize,
    warnings: usize,
    hints: usize,
    fixed: usize,
    changed: usize,
    skipped: usize,
    unprocessed: usize,
}

/// A rule, for `dockmend rules`.
#[derive(Debug, Serialize)]
struct RuleRow {
    id: &'static str,
    summary: &'static str,
    severity: Severity,
    default: bool,
    fixable: bool,
    rewrite: Option<&'static str>,
    needs_context: bool,
    aliases: &'static [&'static str],
    since: &'static str,
    url: String,
}

impl File {
    /// A file with the findings of a report, whose ranges are of the text `places`.
    pub(crate) fn of(report: &FileReport, path: &str, context: &ContextNote, places: Places<'_>) -> Self {
        Self {
            path: path.to_owned(),
            context: context.into(),
            skipped: report.skipped.clone(),
            suppressed: report.suppressed,
            problems: report.problems.iter().map(|problem| Problem::of(problem, places)).collect(),
            findings: report.findings.iter().map(|finding| Found::of(finding, places)).collect(),
            ..Self::default()
        }
    }

    /// Adds what a rewrite did to the file at `index` of its group.
    pub(crate) fn add(&mut self, rewrite: &Rewrite, index: usize, before: Places<'_>, after: Places<'_>) {
        let of_file = |file: usize| file == index;
        let fixed = rewrite.fixed.iter().filter(|fixed| of_file(fixed.file));
        self.fixed = fixed.map(|fixed| Mended::of(fixed, before)).collect();
        let ready = rewrite.ready.iter().filter(|ready| of_file(ready.file));
        self.ready = ready.map(|ready| Waiting::of(ready, after)).collect();
        let refused = rewrite.refused.iter().filter(|(file, _, _)| of_file(*file));
        self.refused = refused.map(|(_, finding, refusal)| Refused::of(finding, refusal, after)).collect();
        let rejections = rewrite.rejections.iter().filter(|rejection| of_file(rejection.file));
        self.rejections = rejections.map(|rejection| Refused::rejected(rejection, after)).collect();
    }

    /// A file that could not be processed.
    pub(crate) fn failed(path: &str, error: &str) -> Self {
        Self { path: path.to_owned(), error: Some(error.to_owned()), ..Self::default() }
    }

    /// The file as one line of JSON.
    pub(crate) fn to_line(&self) -> String {
        to_json(self)
    }
}

impl Problem {
    fn of(problem: &SyntaxProblem, places: Places<'_>) -> Self {
        Self {
            message: problem.message.clone(),
            range: places.range(problem.range),
            suggestion: problem.suggestion.clone(),
        }
    }
}

impl Found {
    fn of(finding: &Finding, places: Places<'_>) -> Self {
        let note = |note: &dockmend_core::rule::Note| Note {
            message: note.message.clone(),
            range: places.range(note.range),
        };
        Self {
            rule: finding.rule.id,
            severity: finding.severity,
            message: finding.message.clone(),
            range: places.range(finding.range),
            notes: finding.notes.iter().map(note).collect(),
            fix: match &finding.fix {
                Fixability::Available => Fix::Available { rewrite: finding.rule.rewrite },
                Fixability::Refused(refusal) => {
                    Fix::Refused { reason: refusal.reason.clone(), hazard: refusal.hazard }
                }
                _ => Fix::None,
            },
            url: finding.rule.url(),
        }
    }
}

impl Mended {
    fn of(fixed: &Fixed, places: Places<'_>) -> Self {
        let finding = &fixed.finding;
        Self {
            rule: finding.rule.id,
            severity: finding.severity,
            message: finding.message.clone(),
            range: places.range(finding.range),
            title: fixed.title.clone(),
            safety: fixed.safety,
            remarks: fixed.remarks.clone(),
            // Earlier fixes may have moved the instructions that a delta counts, so that lines would mislead.
            changes: fixed.deltas.iter().map(|delta| words::describe(delta, &|_| None)).collect(),
            url: finding.rule.url(),
        }
    }
}

impl Waiting {
    fn of(ready: &Ready, places: Places<'_>) -> Self {
        Self {
            name: ready.name,
            rule: ready.finding.rule.id,
            title: ready.title.clone(),
            remarks: ready.remarks.clone(),
            range: places.range(ready.finding.range),
            url: ready.finding.rule.url(),
        }
    }
}

impl Refused {
    fn of(finding: &Finding, refusal: &Refusal, places: Places<'_>) -> Self {
        Self {
            rule: finding.rule.id,
            range: places.range(finding.range),
            reason: refusal.reason.clone(),
            hazard: refusal.hazard,
            url: finding.rule.url(),
        }
    }

    fn rejected(rejection: &Rejection, places: Places<'_>) -> Self {
        Self {
            rule: rejection.finding.rule.id,
            range: places.range(rejection.finding.range),
            reason: rejection.reason.clone(),
            hazard: None,
            url: rejection.finding.rule.url(),
        }
    }
}

/// What comes before the files.
pub(crate) fn head() -> String {
    format!("{{\"schema\": {SCHEMA}, \"files\": [\n")
}

/// What comes behind the files: what could not even be found, and the sums.
pub(crate) fn tail(problems: &[String], tally: &Tally, files: usize) -> String {
    let summary = Summary {
        files,
        errors: tally.errors,
        warnings: tally.warnings,
        hints: tally.hints,
        fixed: tally.fixed,
        changed: tally.changed,
        skipped: tally.skipped,
        unprocessed: tally.unprocessed,
    };
    format!("\n], \"problems\": {}, \"summary\": {}}}\n", to_json(&problems), to_json(&summary))
}

/// The list of rules.
pub(crate) fn rules(rules: &[&'static Rule]) -> String {
    let rows = rules.iter().map(|rule| RuleRow {
        id: rule.id,
        summary: rule.summary(),
        severity: rule.severity,
        default: rule.default_on,
        fixable: rule.plan.is_some(),
        rewrite: rule.rewrite,
        needs_context: rule.needs_context,
        aliases: rule.aliases,
        since: rule.since,
        url: rule.url(),
    });
    let rows: Vec<String> = rows.map(|row| to_json(&row)).collect();
    format!("{{\"schema\": {SCHEMA}, \"rules\": [\n{}\n]}}\n", rows.join(",\n"))
}

/// The structures here hold nothing that JSON cannot say.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
