//! Findings, as an editor shows them.

use dockmend_core::rewrite::FileReport;
use dockmend_core::rule::{Finding, Fixability, Severity};
use dockmend_core::text::{LineIndex, TextRange};
use serde::{Deserialize, Serialize};
use tower_lsp::ls_types::{
    CodeDescription, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString,
    Position, Range, Uri,
};

use crate::around::look;
use crate::documents::range_of;
use crate::world::World;

/// What a diagnostic carries, so that its code action can be found again: the key of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Data {
    /// The rule's id.
    pub(crate) rule: String,
    /// The instruction, by its index.
    pub(crate) instruction: Option<usize>,
    /// What of the instruction.
    pub(crate) subject: String,
}

impl Data {
    /// The key of a finding.
    pub(crate) fn of(finding: &Finding) -> Self {
        Self {
            rule: finding.key.rule.to_owned(),
            instruction: finding.key.instruction,
            subject: finding.key.subject.clone(),
        }
    }

    /// Whether a finding has this key.
    pub(crate) fn is_of(&self, finding: &Finding) -> bool {
        *self == Self::of(finding)
    }
}

/// The diagnostics of a document; none for one that is not open.
pub(crate) fn of(world: &World, uri: &Uri) -> Vec<Diagnostic> {
    let Some(document) = world.documents.get(uri) else { return Vec::new() };
    let looked = look(world, uri, |ready| ready.engine.check(&ready.group).into_iter().next());
    match looked {
        None | Some(Ok(None)) => Vec::new(),
        Some(Err(problem)) => vec![plain(problem)],
        Some(Ok(Some(report))) => {
            let text = document.text();
            let shown = Shown { world, uri, text, lines: &LineIndex::new(text) };
            shown.all(&report)
        }
    }
}

/// Something that is wrong with the surroundings and not with a place in the text.
fn plain(message: String) -> Diagnostic {
    Diagnostic {
        range: Range { start: Position { line: 0, character: 0 }, end: Position { line: 0, character: 0 } },
        severity: Some(DiagnosticSeverity::ERROR),
        source: Some("dockmend".to_owned()),
        message,
        ..Diagnostic::default()
    }
}

/// A document, to show findings of.
pub(crate) struct Shown<'a> {
    pub(crate) world: &'a World,
    pub(crate) uri: &'a Uri,
    pub(crate) text: &'a str,
    pub(crate) lines: &'a LineIndex,
}

impl Shown<'_> {
    fn all(&self, report: &FileReport) -> Vec<Diagnostic> {
        let problems = report.problems.iter().map(|problem| {
            let message = match &problem.suggestion {
                Some(meant) => format!("{}; did you mean `{meant}`?", problem.message),
                None => problem.message.clone(),
            };
            Diagnostic {
                range: self.range(problem.range),
                severity: Some(DiagnosticSeverity::ERROR),
                source: Some("dockmend".to_owned()),
                message: format!("BuildKit will refuse this: {message}"),
                ..Diagnostic::default()
            }
        });
        problems.chain(report.findings.iter().map(|finding| self.finding(finding))).collect()
    }

    /// A range as the editor counts it.
    pub(crate) fn range(&self, range: TextRange) -> Range {
        range_of(self.text, self.lines, range, self.world.client.encoding)
    }

    /// One finding.
    pub(crate) fn finding(&self, finding: &Finding) -> Diagnostic {
        let severity = match finding.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
            Severity::Hint => DiagnosticSeverity::INFORMATION,
        };
        let mut message = finding.message.clone();
        if let Fixability::Refused(refusal) = &finding.fix {
            // A disabled action is invisible in most editors, so the reason is said here.
            message = format!("{message}\nNo fix is offered: {refusal}");
        }
        let related = finding.notes.iter().map(|note| DiagnosticRelatedInformation {
            location: Location { uri: self.uri.clone(), range: self.range(note.range) },
            message: note.message.clone(),
        });
        Diagnostic {
            range: self.range(finding.range),
            severity: Some(severity),
            code: Some(NumberOrString::String(finding.rule.id.to_owned())),
            code_description: finding.rule.url().parse().ok().map(|href| CodeDescription { href }),
            source: Some("dockmend".to_owned()),
            message,
            related_information: (self.world.client.related && !finding.notes.is_empty())
                .then(|| related.collect()),
            tags: None,
            data: serde_json::to_value(Data::of(finding)).ok(),
        }
    }
}
