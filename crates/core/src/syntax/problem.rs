//! What BuildKit would refuse.

use crate::text::TextRange;

/// The kind of a syntax problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The file has no instruction.
    NoInstructions,
    /// A directive stands twice at the top.
    RepeatedDirective,
    /// `# escape=` names something else than a backslash or a backtick.
    BadEscape,
    /// A line of 64 KiB or more, which BuildKit's reader cannot hold.
    LineTooLong,
    /// A heredoc whose terminator never comes.
    UnterminatedHeredoc,
    /// A heredoc's word that cannot be read.
    BadHeredoc,
    /// A JSON array with something else than strings in it.
    NotOnlyStrings,
    /// `ENV` or `LABEL` that is neither `name=value` nor `name value`.
    BadKeyValue,
    /// A word that is no instruction.
    UnknownInstruction,
    /// A flag that the instruction does not have, that stands twice, or whose value is wrong.
    BadFlag,
    /// Too few or too many arguments.
    WrongArguments,
    /// Something that is valid elsewhere but not here: an instruction before the first FROM, `ONBUILD FROM`.
    Misplaced,
    /// A value that BuildKit cannot use: a bad stage name, port, duration, substitution.
    BadValue,
    /// A stage or image that cannot be what it says: a FROM of nothing, a circular or unknown stage.
    BadReference,
}

/// Something that BuildKit refuses, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyntaxProblem {
    /// What kind of problem it is.
    pub kind: ProblemKind,
    /// The bytes that are wrong.
    pub range: TextRange,
    /// One sentence for the user, without a full stop.
    pub message: String,
    /// What was probably meant, to replace the bytes of the range.
    pub suggestion: Option<String>,
}

impl SyntaxProblem {
    pub(crate) fn new(kind: ProblemKind, range: TextRange, message: impl Into<String>) -> Self {
        Self { kind, range, message: message.into(), suggestion: None }
    }

    /// The problem with a hint of what was probably meant.
    #[must_use]
    pub(crate) fn with_suggestion(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }
}
