//! The ways in which two builds can differ.

use serde::Serialize;

use crate::syntax::Keyword;

/// One observed or declared difference. Instructions are meant by their index in the file **before**.
///
/// A fix declares the deltas it intends, the gate observes those that are there, and the two lists must be equal. No
/// fix can declare [`Delta::Unexplained`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Delta {
    /// The instruction is laid out differently and means the same.
    LayoutChanged {
        /// The instruction.
        instruction: usize,
    },
    /// A command of the instruction's shell text has more words.
    WordsAdded {
        /// The instruction.
        instruction: usize,
        /// Which of the text's commands, counted from 0 in the order they are written.
        command: usize,
        /// Before which of the command's words.
        at: usize,
        /// The words, in canonical form.
        words: Vec<String>,
    },
    /// A command of the instruction's shell text has fewer words.
    WordsRemoved {
        /// The instruction.
        instruction: usize,
        /// Which of the text's commands.
        command: usize,
        /// The first of the words that are gone.
        at: usize,
        /// The words, in canonical form.
        words: Vec<String>,
    },
    /// A word of a command is another.
    WordReplaced {
        /// The instruction.
        instruction: usize,
        /// Which of the text's commands.
        command: usize,
        /// Which word.
        at: usize,
        /// The word before.
        from: String,
        /// The word after.
        to: String,
    },
    /// The shell text has one more command.
    CommandAdded {
        /// The instruction.
        instruction: usize,
        /// Behind which command; `None` when it is the first.
        after: Option<usize>,
        /// Its place among those added there, from 0.
        order: usize,
        /// The operator that joins it: `&&`, `||` or `;`.
        joiner: String,
        /// The command, in canonical form.
        command: String,
    },
    /// The shell text has one command less.
    CommandRemoved {
        /// The instruction.
        instruction: usize,
        /// Which of the text's commands.
        command: usize,
        /// The operator that joined it.
        joiner: String,
        /// The command, in canonical form.
        text: String,
    },
    /// The instruction is another: ADD became COPY.
    KeywordChanged {
        /// The instruction.
        instruction: usize,
        /// The keyword before.
        #[serde(serialize_with = "keyword")]
        from: Keyword,
        /// The keyword after.
        #[serde(serialize_with = "keyword")]
        to: Keyword,
    },
    /// The instruction has one more flag.
    FlagAdded {
        /// The instruction.
        instruction: usize,
        /// The flag, `--` included.
        flag: String,
    },
    /// The instruction has one flag less.
    FlagRemoved {
        /// The instruction.
        instruction: usize,
        /// The flag, `--` included.
        flag: String,
    },
    /// The shell form became the exec form.
    FormChanged {
        /// The instruction.
        instruction: usize,
        /// The shell text, in canonical form.
        from: String,
        /// The words of the exec form.
        to: Vec<String>,
    },
    /// The arguments are others.
    ArgumentsChanged {
        /// The instruction.
        instruction: usize,
        /// What the instruction meant.
        from: String,
        /// What it means.
        to: String,
    },
    /// There is one more instruction.
    StepAdded {
        /// The instruction of the file before that it stands behind; `None` at the start.
        after: Option<usize>,
        /// Its place among those added there, from 0.
        order: usize,
        /// What it means.
        meaning: String,
    },
    /// An instruction is gone.
    StepRemoved {
        /// The instruction.
        instruction: usize,
    },
    /// An instruction stands elsewhere.
    StepMoved {
        /// The instruction.
        instruction: usize,
        /// The instruction of the file before that it now stands behind; `None` at the start.
        after: Option<usize>,
        /// Its place among those added there, from 0.
        order: usize,
    },
    /// Instructions run in another state.
    StateChanged {
        /// The part of the state: `user`, `workdir`, `shell`, `env NAME`, `arg NAME`.
        field: String,
        /// Its value before.
        old: String,
        /// Its value after.
        new: String,
        /// The instructions that run in it and mind.
        instructions: Vec<usize>,
    },
    /// The image config of a stage is another.
    ConfigChanged {
        /// The stage.
        stage: usize,
        /// The field.
        field: String,
        /// Its value before; `None` when it was not set.
        old: Option<String>,
        /// Its value after; `None` when it is not set.
        new: Option<String>,
    },
    /// The last stage became two: a build stage with its first steps, and a final stage with the others.
    StageSplit {
        /// The stage before.
        stage: usize,
        /// The last step that stays in the build stage.
        last: usize,
        /// The name of the build stage.
        build: String,
        /// What the final stage starts from, as it is written.
        runtime: String,
        /// The steps that are new at the end of the build stage.
        prepared: Vec<String>,
        /// The steps that are new at the start of the final stage, in order.
        restated: Vec<String>,
        /// Instructions about the image that have moved from above the cut into the final stage.
        moved: Vec<usize>,
    },
    /// Context files that an instruction could see are not there for it any more.
    VisibleFilesLost {
        /// The instruction.
        instruction: usize,
        /// How many files it saw before.
        before: usize,
        /// The files that it still sees, as paths of the context.
        kept: Vec<String>,
    },
    /// A file beside the Dockerfile is new.
    FileCreated {
        /// Its path in the context.
        path: String,
    },
    /// A file beside the Dockerfile is another.
    FileChanged {
        /// Its path in the context.
        path: String,
    },
    /// Files of the context are not sent to the builder any more.
    ContextFilesLost {
        /// How many.
        count: usize,
        /// How many bytes they have.
        bytes: u64,
    },
    /// Something differs that no delta describes. It rejects the fix.
    Unexplained {
        /// What it is, for the report of the bug.
        what: String,
    },
}

#[allow(clippy::trivially_copy_pass_by_ref)] // The signature is serde's.
fn keyword<S: serde::Serializer>(keyword: &Keyword, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(keyword.as_str())
}

impl Delta {
    /// The instruction that the delta is about, where it is about one.
    pub fn instruction(&self) -> Option<usize> {
        match self {
            Self::LayoutChanged { instruction }
            | Self::WordsAdded { instruction, .. }
            | Self::WordsRemoved { instruction, .. }
            | Self::WordReplaced { instruction, .. }
            | Self::CommandAdded { instruction, .. }
            | Self::CommandRemoved { instruction, .. }
            | Self::KeywordChanged { instruction, .. }
            | Self::FlagAdded { instruction, .. }
            | Self::FlagRemoved { instruction, .. }
            | Self::FormChanged { instruction, .. }
            | Self::ArgumentsChanged { instruction, .. }
            | Self::StepRemoved { instruction }
            | Self::StepMoved { instruction, .. }
            | Self::VisibleFilesLost { instruction, .. } => Some(*instruction),
            _ => None,
        }
    }
}
