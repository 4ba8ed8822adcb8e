//! The fix of one finding, before the gate has seen it.

use crate::model::{BuildModel, Delta};
use crate::text::{EditError, TextEdit};

use super::Refusal;

/// An edit of one file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FileEdit {
    /// A change of the Dockerfile.
    Dockerfile(TextEdit),
    /// A new file in the context, by its path; there must be none.
    Create {
        /// Its path in the context.
        path: String,
        /// Its text.
        text: String,
    },
    /// A new text of a file in the context.
    Replace {
        /// Its path in the context.
        path: String,
        /// Its text after.
        text: String,
    },
}

/// The fix of one finding: the edits, and the differences that they are meant to make.
///
/// The two are made apart from each other: the edits from the text, the deltas from the model. That they agree is what
/// the gate checks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// What the fix does, as a command: "run as node (uid 1000), not root".
    pub title: String,
    /// The edits.
    pub edits: Vec<FileEdit>,
    /// The differences that it is meant to make.
    pub declared: Vec<Delta>,
    /// What the user should know before applying it.
    pub remarks: Vec<String>,
}

impl Plan {
    /// A plan that edits the Dockerfile.
    ///
    /// # Errors
    /// A refusal when the replacements meet each other: a bug of the rule, and no reason to break a file.
    pub fn edit(
        title: impl Into<String>,
        edit: Result<TextEdit, EditError>,
        declared: Vec<Delta>,
    ) -> Result<Self, Refusal> {
        let edit =
            edit.map_err(|error| Refusal::because(format!("the edits do not fit together: {error}")))?;
        Ok(Self {
            title: title.into(),
            edits: vec![FileEdit::Dockerfile(edit)],
            declared,
            remarks: Vec::new(),
        })
    }

    /// A plan that creates a file in the context.
    pub fn create(
        title: impl Into<String>,
        path: impl Into<String>,
        text: String,
        declared: Vec<Delta>,
    ) -> Self {
        let edits = vec![FileEdit::Create { path: path.into(), text }];
        Self { title: title.into(), edits, declared, remarks: Vec::new() }
    }

    /// Something that the user should know.
    #[must_use]
    pub fn remark(mut self, remark: impl Into<String>) -> Self {
        self.remarks.push(remark.into());
        self
    }

    /// The change of the Dockerfile, if there is one.
    pub fn dockerfile(&self) -> Option<&TextEdit> {
        self.edits.iter().find_map(|edit| match edit {
            FileEdit::Dockerfile(edit) => Some(edit),
            _ => None,
        })
    }
}

/// Deltas that follow from the model, for rules to declare.
impl BuildModel {
    /// The change of a config field of a stage, and of the stages that inherit it. `overridden` says which instruction
    /// sets the field itself, so that a stage with one does not inherit.
    pub fn declare_config(
        &self,
        stage: usize,
        field: &str,
        new: Option<&str>,
        overridden: crate::syntax::Keyword,
    ) -> Vec<Delta> {
        let mut deltas = Vec::new();
        let mut changed = vec![stage];
        for later in std::iter::once(stage).chain(self.children(stage)) {
            let Some(this) = self.stages().get(later) else { continue };
            let inherits = matches!(this.base, crate::model::Base::Stage(base) if changed.contains(&base));
            let sets =
                self.stage_instructions(this).any(|(_, instruction)| instruction.keyword == overridden);
            if later != stage && (!inherits || sets) {
                continue;
            }
            changed.push(later);
            let fields = this.config.fields();
            let old =
                fields.iter().find(|(name, _)| name.to_string() == field).map(|(_, value)| value.clone());
            if old.as_deref() != new {
                deltas.push(Delta::ConfigChanged {
                    stage: later,
                    field: field.to_owned(),
                    old,
                    new: new.map(str::to_owned),
                });
            }
        }
        deltas
    }
}
