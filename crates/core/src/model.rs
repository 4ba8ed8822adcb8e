//! What a Dockerfile means: its stages, and the steps of each with the state they run in.
//!
//! The model never guesses. A value that comes from outside of the file (a build argument without a default, an image
//! that nobody described) is [`Known::Unknown`] with its [`Cause`], and whatever depends on it is unknown too.
//!
//! Sources: the Dockerfile reference on docs.docker.com, and BuildKit's `frontend/dockerfile/dockerfile2llb` for what
//! the reference leaves open. Each such place names its source.

mod build;
mod config;
mod delta;
mod diff;
mod files;
mod meaning;
mod state;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use crate::knowledge::{ImageFacts, Knowledge};
use crate::shell::Script;
use crate::syntax::{Dockerfile, Instruction, Span};
use crate::text::TextRange;

pub use build::{BuiltImage, ModelInputs};
pub(crate) use config::render_words;
pub use config::{CommandLine, ConfigField, ImageConfig};
pub use delta::Delta;
pub use diff::diff;
pub(crate) use diff::{Split, diff_and_carry, find_split, is_addressed, matched};
pub use files::{CopiedFile, FileView};
pub(crate) use files::{
    context_sources, copy_words, directory_of, is_file, lost_files, matching, place_of, same_at_the_end,
};
pub use meaning::{Meaning, MeaningBody};
pub use state::{ShellKind, State, StateField};

/// A value, or the reason why it cannot be known before the build.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Known<T> {
    /// The value.
    Value(T),
    /// Not known, and why.
    Unknown(Cause),
}

impl<T> Known<T> {
    /// The value, when it is known.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// Whether the value is known.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Value(_))
    }
}

/// Why something is not known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// It is up to this build argument, which has no default.
    BuildArgument(String),
    /// It is up to this base image, of which we know nothing.
    BaseImage(String),
    /// It is up to a variable that may come from the base image.
    Variable(String),
    /// BuildKit would refuse the text it comes from.
    Invalid(String),
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BuildArgument(name) => write!(f, "the build argument {name} has no default"),
            Self::BaseImage(name) => write!(f, "it is up to the base image {name}"),
            Self::Variable(name) => write!(f, "${name} may be set by the base image"),
            Self::Invalid(message) => write!(f, "{message}"),
        }
    }
}

/// Where a stage starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Base {
    /// Nothing at all.
    Scratch,
    /// An earlier stage of the same file, by index.
    Stage(usize),
    /// An image, with the reference as BuildKit expands it (defaults of build arguments taken).
    Image(String),
    /// A reference that cannot be expanded.
    Unknown(Cause),
}

/// One stage.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stage {
    /// Its number, from 0.
    pub index: usize,
    /// Its name in lower case, as BuildKit compares names.
    pub name: Option<String>,
    /// The index of its FROM in [`Dockerfile::instructions`].
    pub from: usize,
    /// Where it starts from.
    pub base: Base,
    /// What is known of the image at the root of its chain of bases.
    pub facts: Option<Arc<ImageFacts>>,
    /// Its steps, in order, FROM excluded.
    pub steps: Vec<Step>,
    /// The state behind its last step.
    pub end: Arc<State>,
    /// The image config that it ends with.
    pub config: ImageConfig,
    /// Whether the stage is the last, a named target, or a base of such a stage: its layers reach an image.
    pub shipped: bool,
    /// Whether the stage sets CMD itself.
    sets_cmd: bool,
}

/// One instruction of a stage, and the state before it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step {
    /// The index in [`Dockerfile::instructions`].
    pub instruction: usize,
    /// The state the instruction runs in.
    pub state: Arc<State>,
}

/// Where a `--from` or a mount's `from` points to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A stage of the file.
    Stage(usize),
    /// An image or a named context.
    Image(String),
}

/// A Dockerfile with its meaning.
///
/// ```
/// use dockmend_core::model::{Base, BuildModel};
/// let model = BuildModel::of("FROM golang:1.22 AS build\nRUN go build\nFROM scratch\nCOPY --from=build /app /app\n");
/// assert_eq!(model.stages()[0].name.as_deref(), Some("build"));
/// assert_eq!(model.stages()[1].base, Base::Scratch);
/// assert_eq!(model.stages()[1].end.user.value().map(String::as_str), Some("root"));
/// ```
#[derive(Debug)]
pub struct BuildModel {
    file: Dockerfile,
    stages: Vec<Stage>,
    /// The stages of each name, in order.
    names: BTreeMap<String, Vec<usize>>,
    /// For each instruction, the stage and the step in it; `None` before the first FROM and for FROM itself.
    places: Vec<Option<(usize, usize)>>,
    /// The shell text of each instruction, parsed when asked for.
    shell_texts: Vec<OnceLock<Option<Arc<ShellText>>>>,
    /// The meaning of each instruction, made when asked for.
    meanings: Vec<OnceLock<Meaning>>,
    /// Shell texts that another model has parsed.
    known_scripts: HashMap<Arc<str>, Script>,
    /// The images of the repository that its stages start from.
    images: BTreeMap<String, BuiltImage>,
}

/// The shell text of an instruction in shell form, parsed.
#[derive(Debug)]
pub struct ShellText {
    /// The parsed text.
    pub script: Script,
    /// Where the text starts in the instruction's logical line; `None` when it is the body of a heredoc.
    base: Option<usize>,
    /// Where the body of the heredoc starts in the file.
    file_base: usize,
}

impl ShellText {
    /// Whether the text is the body of a heredoc.
    pub fn is_heredoc(&self) -> bool {
        self.base.is_none()
    }

    /// Where a span of the script stands in the file. It may hold continuations.
    pub fn file_range(&self, instruction: &Instruction, span: &std::ops::Range<usize>) -> TextRange {
        match self.base {
            Some(base) => instruction.file_range(Span::new(base + span.start, base + span.end)),
            None => TextRange::new(self.file_base + span.start, self.file_base + span.end),
        }
    }

    /// Where in the file something is inserted that shall stand directly behind the byte before `offset`.
    pub fn insert_after(&self, instruction: &Instruction, offset: usize) -> usize {
        match self.base {
            Some(base) => instruction.logical.file_end(base + offset),
            None => self.file_base + offset,
        }
    }
}

impl BuildModel {
    /// The model of a text, with the built-in knowledge and nothing else.
    pub fn of(text: &str) -> Self {
        Self::new(Dockerfile::parse(text), &ModelInputs::default())
    }

    /// The model of a parsed file.
    pub fn new(file: Dockerfile, inputs: &ModelInputs<'_>) -> Self {
        let build::Built { stages, places, names } = build::build(&file, inputs);
        let shell_texts = file.instructions().iter().map(|_| OnceLock::new()).collect();
        let image = |stage: &Stage| {
            let Base::Image(reference) = &stage.base else { return None };
            Some((reference.clone(), inputs.built_here?.get(reference)?.clone()))
        };
        let images = stages.iter().filter_map(image).collect();
        let meanings = file.instructions().iter().map(|_| OnceLock::new()).collect();
        let known_scripts = HashMap::new();
        Self { file, stages, names, places, shell_texts, meanings, known_scripts, images }
    }

    /// The model of another text of the same file, by the same knowledge. No stage counts as a target, so `shipped` may
    /// differ.
    pub(crate) fn of_edited(&self, text: String, knowledge: &Knowledge) -> Self {
        let inputs = ModelInputs::new(knowledge, &[]).with_images(&self.images);
        Self::new(Dockerfile::parse(text), &inputs)
    }

    /// The parsed file.
    pub fn file(&self) -> &Dockerfile {
        &self.file
    }

    /// The stages in order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The stage that a plain build makes: the last.
    pub fn last_stage(&self) -> Option<&Stage> {
        self.stages.last()
    }

    /// The instruction at `index`.
    pub fn instruction(&self, index: usize) -> Option<&Instruction> {
        self.file.instructions().get(index)
    }

    /// The stage and step of an instruction; `None` for a FROM and for what stands before the first.
    pub fn place(&self, instruction: usize) -> Option<(&Stage, &Step)> {
        let (stage, step) = self.places.get(instruction).copied().flatten()?;
        let stage = self.stages.get(stage)?;
        Some((stage, stage.steps.get(step)?))
    }

    /// The stage that an instruction belongs to, FROM included.
    pub fn stage_of(&self, instruction: usize) -> Option<&Stage> {
        let next = self.stages.partition_point(|stage| stage.from <= instruction);
        self.stages.get(next.checked_sub(1)?)
    }

    /// The instructions of a stage, FROM excluded: index and instruction.
    pub fn stage_instructions<'a>(
        &'a self,
        stage: &'a Stage,
    ) -> impl DoubleEndedIterator<Item = (usize, &'a Instruction)> {
        stage.steps.iter().filter_map(|step| Some((step.instruction, self.instruction(step.instruction)?)))
    }

    /// The shell text of an instruction in shell form (or of its script heredoc), when its shell is a POSIX one.
    /// Parsed when first asked for. `None` for the exec form, for other instructions, and where the stage's shell is
    /// PowerShell or cmd.
    pub fn shell_text(&self, instruction: usize) -> Option<&ShellText> {
        let cell = self.shell_texts.get(instruction)?;
        cell.get_or_init(|| self.read_shell_text(instruction).map(Arc::new)).as_deref()
    }

    fn read_shell_text(&self, index: usize) -> Option<ShellText> {
        let instruction = self.instruction(index)?;
        let (_, step) = self.place(index)?;
        if step.state.shell_kind() == ShellKind::Windows {
            return None;
        }
        meaning::shell_text(&self.file, instruction, |text| self.script(text))
    }

    /// A shell text, parsed unless the model that this one comes from has parsed it.
    fn script(&self, text: &str) -> Script {
        self.known_scripts.get(text).cloned().unwrap_or_else(|| Script::parse(text))
    }

    /// Takes over the shell texts that `before` has parsed. Most of them stand in an edited file as they stood before.
    pub(crate) fn with_scripts_of(mut self, before: &Self) -> Self {
        let parsed = before.shell_texts.iter().filter_map(|cell| cell.get()?.as_ref());
        self.known_scripts = parsed.map(|text| (text.script.shared_text(), text.script.clone())).collect();
        self
    }

    /// Where the `--from` of a COPY points to, when it has one that is known.
    pub fn copy_source(&self, instruction: usize) -> Option<Source> {
        let from = self.instruction(instruction)?.flag("from")?.value()?;
        self.resolve_source(instruction, from)
    }

    /// The stage or image that `name` means to an instruction: an earlier stage's name or number, else an image.
    ///
    /// Source: BuildKit, `dispatchCopy` and `instructions.HasStage`: names are compared in lower case.
    pub fn resolve_source(&self, instruction: usize, name: &str) -> Option<Source> {
        let here = self.stage_of(instruction)?.index;
        let named = self.names.get(&name.to_lowercase());
        if let Some(stage) = named.and_then(|stages| stages.iter().rfind(|stage| **stage < here)) {
            return Some(Source::Stage(*stage));
        }
        if let Ok(number) = name.parse::<usize>() {
            return (number < here).then_some(Source::Stage(number));
        }
        Some(Source::Image(name.to_owned()))
    }

    /// The stages that are built on `stage`, directly or not, in order.
    pub fn children(&self, stage: usize) -> Vec<usize> {
        let mut children = vec![false; self.stages.len()];
        for later in self.stages.iter().skip(stage + 1) {
            if let Base::Stage(base) = later.base {
                children[later.index] = base == stage || children[base];
            }
        }
        children.iter().enumerate().filter(|(_, is_child)| **is_child).map(|(index, _)| index).collect()
    }

    /// What an instruction means, apart from how it is laid out.
    pub fn meaning(&self, instruction: usize) -> Option<Meaning> {
        self.known_meaning(instruction).cloned()
    }

    /// [`BuildModel::meaning`], made once.
    pub(crate) fn known_meaning(&self, instruction: usize) -> Option<&Meaning> {
        let read = self.instruction(instruction)?;
        let cell = self.meanings.get(instruction)?;
        Some(cell.get_or_init(|| match self.shell_text(instruction) {
            Some(text) => Meaning::with_script(&self.file, read, &text.script),
            None => Meaning::of(&self.file, read),
        }))
    }
}
