//! What came of it.

use std::sync::Arc;

use super::{Change, Target};
use crate::model::Delta;
use crate::rule::{Finding, Refusal, Safety};
use crate::syntax::SyntaxProblem;
use crate::text::{OffsetMap, TextEdit, TextRange};

/// The findings of one file.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FileReport {
    /// Its path as the user knows it.
    pub path: String,
    /// What BuildKit would refuse.
    pub problems: Vec<SyntaxProblem>,
    /// The findings, by position.
    pub findings: Vec<Finding>,
    /// How many findings comments in the file have switched off.
    pub suppressed: usize,
    /// Why the file is not looked at, when it is not: a template, a generated file.
    pub skipped: Option<String>,
}

/// A problem that was fixed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fixed {
    /// The file, by its index in the group.
    pub file: usize,
    /// The finding, with its range in the original text.
    pub finding: Finding,
    /// What was done.
    pub title: String,
    /// What the user should know.
    pub remarks: Vec<String>,
    /// How safe it is.
    pub safety: Safety,
    /// The differences that the gate observed.
    pub deltas: Vec<Delta>,
}

/// A fix that the gate did not let through: a bug of ours.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rejection {
    /// The file, by its index in the group.
    pub file: usize,
    /// The finding.
    pub finding: Finding,
    /// Why the gate rejected its fix.
    pub reason: String,
}

/// A great rewrite that could be applied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ready {
    /// The file, by its index in the group.
    pub file: usize,
    /// The rewrite's name, as `dockmend rewrite` takes it.
    pub name: &'static str,
    /// The finding that it mends.
    pub finding: Finding,
    /// What it does.
    pub title: String,
    /// What the user should know.
    pub remarks: Vec<String>,
}

/// What a run over a group has done, and what is left.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Rewrite {
    /// The new texts. Empty when nothing is to be written.
    pub changes: Vec<Change>,
    /// For each Dockerfile, its text before, and the edit from it to its text after.
    pub edits: Vec<(Arc<str>, TextEdit)>,
    /// What was fixed, in the order of the original text.
    pub fixed: Vec<Fixed>,
    /// For each Dockerfile, what is left, with ranges of the text after.
    pub remaining: Vec<FileReport>,
    /// The findings whose fix was refused while planning, and why; ranges of the text after.
    pub refused: Vec<(usize, Finding, Refusal)>,
    /// The great rewrites that wait for consent.
    pub ready: Vec<Ready>,
    /// What the gate rejected.
    pub rejections: Vec<Rejection>,
    /// Rules whose fixes were still undoing each other when the passes were capped.
    pub unsettled: Vec<&'static str>,
}

impl Rewrite {
    /// The text after of the group's only, or first, Dockerfile.
    pub fn text(&self) -> &str {
        let changed = self.changes.iter().find(|change| change.target == Target::Dockerfile(0));
        match (changed, self.edits.first()) {
            (Some(change), _) => &change.after,
            (None, Some((text, _))) => text,
            (None, None) => "",
        }
    }

    /// The text after of a Dockerfile, when it has changed.
    pub fn changed_text(&self, file: usize) -> Option<&Arc<str>> {
        let changed = self.changes.iter().find(|change| change.target == Target::Dockerfile(file));
        changed.map(|change| &change.after)
    }

    /// A range of the text after, in the original text. For many ranges, ask [`Rewrite::original_offsets`] once.
    pub fn original_range(&self, file: usize, range: TextRange) -> TextRange {
        self.original_offsets(file).map_range(range)
    }

    /// What maps offsets of a Dockerfile's text after to its original text.
    pub fn original_offsets(&self, file: usize) -> OffsetMap {
        self.edits.get(file).map(|(_, edit)| edit.offsets_back()).unwrap_or_default()
    }
}
