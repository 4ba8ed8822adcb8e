//! Findings and refusals.

use serde::Serialize;

use super::{Rule, Severity, Subject};
use crate::syntax::Instruction;
use crate::text::TextRange;

/// What a finding is about, whatever edits move it: never its range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub struct FindingKey {
    /// The rule's id.
    pub rule: &'static str,
    /// The instruction, by its index in the file that the analysis began with; `None` for a finding about the file.
    pub instruction: Option<usize>,
    /// What of the instruction, where a rule can find more than one thing in it; empty otherwise.
    pub subject: String,
}

/// Why a finding has no fix.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The reason, as the end of a sentence that begins with "left alone:".
    pub reason: String,
    /// The hazard behind it, such as `H001`.
    pub hazard: Option<&'static str>,
}

impl Refusal {
    /// A refusal because of a hazard of the catalogue.
    pub fn hazard(hazard: &'static str, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hazard: Some(hazard) }
    }

    /// A refusal for a reason that no hazard stands for.
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hazard: None }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)?;
        self.hazard.map_or(Ok(()), |hazard| write!(f, " ({hazard})"))
    }
}

/// Whether a finding has a fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "fix", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fixability {
    /// A fix may be had: ask for its plan.
    Available,
    /// There is a fix in principle, but not here.
    Refused(Refusal),
    /// The rule has no fix.
    ReportOnly,
}

/// A further place that belongs to a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// Where it is.
    pub range: TextRange,
    /// What is to be said about it.
    pub message: String,
}

/// Something wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// What it is about.
    pub key: FindingKey,
    /// The rule that found it.
    pub rule: &'static Rule,
    /// How much it matters.
    pub severity: Severity,
    /// The bytes that are wrong.
    pub range: TextRange,
    /// The instruction, by its index in the analysed text; `None` for a finding about the file.
    pub instruction: Option<usize>,
    /// One or two sentences: what is wrong and why it matters.
    pub message: String,
    /// Further places.
    pub notes: Vec<Note>,
    /// Whether it has a fix.
    pub fix: Fixability,
}

impl Finding {
    /// Another severity than the rule's.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// No fix, and why.
    #[must_use]
    pub fn refused(mut self, refusal: Refusal) -> Self {
        self.fix = Fixability::Refused(refusal);
        self
    }

    /// No fix when there is a refusal.
    #[must_use]
    pub fn refused_if(self, refusal: Option<Refusal>) -> Self {
        match refusal {
            Some(refusal) => self.refused(refusal),
            None => self,
        }
    }

    /// Something reported for which no fix exists.
    #[must_use]
    pub fn report_only(mut self) -> Self {
        self.fix = Fixability::ReportOnly;
        self
    }

    /// What of the instruction it is about, where there can be several.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.key.subject = subject.into();
        self
    }

    /// The instruction that the finding is about.
    ///
    /// # Errors
    /// A refusal when it is about the file, or when the text is not the one it was made from.
    pub fn instruction_in<'a>(&self, subject: &Subject<'a>) -> Result<(usize, &'a Instruction), Refusal> {
        let index = self.instruction.ok_or_else(|| Refusal::because("the finding is about the file"))?;
        let instruction = subject.model.instruction(index);
        instruction
            .map(|instruction| (index, instruction))
            .ok_or_else(|| Refusal::because("the text has changed"))
    }

    /// A further place.
    #[must_use]
    pub fn note(mut self, range: TextRange, message: impl Into<String>) -> Self {
        self.notes.push(Note { range, message: message.into() });
        self
    }
}

/// Takes the findings of the rules.
pub struct Findings<'a> {
    rule: &'static Rule,
    lineage: &'a [usize],
    list: Vec<Finding>,
}

impl<'a> Findings<'a> {
    /// `lineage` gives, for each instruction of the analysed text, its number in the key.
    pub(crate) fn new(rule: &'static Rule, lineage: &'a [usize]) -> Self {
        Self { rule, lineage, list: Vec::new() }
    }

    pub(crate) fn into_list(self) -> Vec<Finding> {
        self.list
    }

    /// A finding about an instruction.
    pub fn at(&self, instruction: usize, range: TextRange, message: impl Into<String>) -> Finding {
        let lineage = self.lineage.get(instruction).copied().unwrap_or(instruction);
        self.make(Some(instruction), Some(lineage), range, message.into())
    }

    /// A finding about the whole file; it is shown at `range`.
    pub fn about_file(&self, range: TextRange, message: impl Into<String>) -> Finding {
        self.make(None, None, range, message.into())
    }

    fn make(
        &self,
        instruction: Option<usize>,
        lineage: Option<usize>,
        range: TextRange,
        message: String,
    ) -> Finding {
        Finding {
            key: FindingKey { rule: self.rule.id, instruction: lineage, subject: String::new() },
            rule: self.rule,
            severity: self.rule.severity,
            range,
            instruction,
            message,
            notes: Vec::new(),
            fix: if self.rule.plan.is_some() { Fixability::Available } else { Fixability::ReportOnly },
        }
    }

    /// Reports a finding.
    pub fn push(&mut self, finding: Finding) {
        self.list.push(finding);
    }
}
