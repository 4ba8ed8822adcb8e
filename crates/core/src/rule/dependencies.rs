//! What a RUN reads of the files that were copied into the image, where that can be told: an installation of a project's
//! dependencies reads its manifests, an installation of the distribution's packages reads nothing.
//!
//! The rule that puts manifests before the source asks, and so does the gate: each with its own view of where the files
//! of the context are in the image.
//!
//! Each stack is one file with one [`Stack`], and one line in [`STACKS`]. A stack is asked about one simple command at a
//! time; what a whole RUN is made of, and how it comes before the source, is put together in `reading`.

use crate::context::normalise;
use crate::context::project::Obstacle;
use crate::model::{BuildModel, ShellKind, State, directory_of};
use crate::syntax::{Flag, Instruction, Keyword};
use crate::text::TextRange;

use super::{ContextView, Refusal};

mod dotnet;
mod filled;
mod go;
mod harmless;
mod java;
mod node;
mod php;
mod python;
mod reading;
mod ruby;
mod rust;
mod system;
mod words;

/// Every stack whose installations are understood. To add one: a file beside this with its [`Stack`], and a line here.
const STACKS: &[&Stack] = &[
    &node::STACK,
    &python::STACK,
    &java::MAVEN,
    &java::GRADLE,
    &dotnet::STACK,
    &ruby::STACK,
    &php::STACK,
    &go::STACK,
    &rust::STACK,
];

/// How the commands of a stack are read.
pub(crate) struct Stack {
    /// Its name, as in a sentence: two installations are of one kind when their stacks have the same name.
    pub(crate) name: &'static str,
    /// A RUN whose text holds none of these is not looked at.
    pub(crate) words: &'static [&'static str],
    /// What one command is, given where it runs. The words are literal, quotes removed.
    pub(crate) read: fn(&Place<'_>, &[&str]) -> Command,
    /// Whether a command installs what a manifest lists, by its words alone. It is asked of the steps before a COPY of the
    /// source: where one of them has installed already, there is nothing to be found.
    pub(crate) installs: fn(&[&str]) -> bool,
}

/// What one command is to a stack.
pub(crate) enum Command {
    /// Not a command of this stack, or one that may read anything: a build.
    NotMine,
    /// It certainly reads none of the copied files: a question for a version, a setting, a tool by its name.
    #[allow(dead_code)] // The stacks that are to come answer so.
    Nothing,
    /// It installs the dependencies of a project.
    Installs(Dependencies),
}

/// An installation of a project's dependencies, as a stack reads it from one command.
pub(crate) struct Dependencies {
    /// The directory of the project, as a path of the context.
    pub(crate) project: String,
    /// What the installation makes in the project's own directory (`node_modules`): it may not come with the context
    /// (H060).
    pub(crate) makes: &'static [&'static str],
    /// The files and directories of the context that the command reads (with [`First::Add`]: that the added command
    /// reads); otherwise why that is not certain.
    pub(crate) files: Result<Vec<String>, Refusal>,
    /// How it comes before the source.
    pub(crate) first: First,
    /// What the user should know before it is moved.
    pub(crate) remarks: Vec<String>,
}

/// How an installation comes before the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// The command itself reads nothing but manifests, and is run before the source is copied.
    Move,
    /// The command needs the source. This one, in the same directory, fetches or installs the dependencies beforehand
    /// and reads manifests only: `go mod download` for `go build`. It must itself be read as an installation with
    /// [`First::Move`] of the same project: the gate asks.
    #[allow(dead_code)] // The stacks that are to come answer so.
    Add(String),
}

/// What a RUN reads of the copied files.
#[derive(Debug)]
pub(crate) enum Reads {
    /// Nothing.
    Nothing,
    /// What an installation of dependencies reads.
    Install(Box<Install>),
    /// It cannot be told.
    Anything,
}

/// A RUN that installs a project's dependencies.
#[derive(Debug)]
pub(crate) struct Install {
    /// The command, as it is typed: `npm ci`.
    pub(crate) command: String,
    /// Where it stands in the file.
    pub(crate) range: TextRange,
    /// The name of its stack.
    pub(crate) stack: &'static str,
    /// The directory of the project, as a path of the context.
    pub(crate) project: String,
    /// What the installation makes in the project's own directory.
    pub(crate) makes: &'static [&'static str],
    /// The files and directories of the context that are read before the source is there; otherwise why that is not
    /// certain.
    pub(crate) files: Result<Vec<String>, Refusal>,
    /// How the RUN comes before the source.
    pub(crate) way: Way,
    /// A command behind the installation that takes away what was installed or downloaded before it.
    pub(crate) takes_back: Option<String>,
    /// What the user should know before it is moved.
    pub(crate) remarks: Vec<String>,
}

/// How a RUN comes before the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// All of it reads manifests only.
    Whole,
    /// A RUN with the commands `first` comes before the source. Behind the source stays this one, without the commands
    /// `removed`.
    Split {
        /// The commands of the new RUN.
        first: String,
        /// The commands that this one loses; none when `first` is only added.
        removed: Vec<Removed>,
    },
}

/// A command that moves to a RUN of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Removed {
    /// Which of the text's commands, counted from 0 in the order they are written.
    pub(crate) command: usize,
    /// The operator behind it.
    pub(crate) joiner: &'static str,
    /// The command, in canonical form.
    pub(crate) text: String,
    /// What goes, the operator included: bytes of the shell text.
    pub(crate) span: std::ops::Range<usize>,
}

/// Finds the context's file for a path in the image: whether it is there does not matter.
pub(crate) type Locate<'a> = &'a dyn Fn(&str) -> Option<String>;

impl From<Obstacle> for Refusal {
    fn from(obstacle: Obstacle) -> Self {
        Self::hazard(obstacle.hazard, obstacle.reason)
    }
}

/// Where a command runs.
pub(crate) struct Place<'a> {
    /// The build context.
    pub(crate) context: &'a ContextView<'a>,
    /// The directory in the image.
    pub(crate) directory: &'a str,
    /// The directory that the RUN begins in: it is there before anything is copied.
    pub(crate) begins: &'a str,
    /// Where the RUN mounts caches.
    caches: &'a [String],
    #[allow(dead_code)] // Read by `variable`.
    state: &'a State,
    locate: Locate<'a>,
    /// The variables that the shell text has set itself, the last one last.
    #[allow(dead_code)] // Read by `variable`.
    variables: &'a [(String, String)],
}

#[allow(dead_code)] // The stacks that are to come ask more.
impl Place<'_> {
    /// The context's file for a path as the command would take it, when it is there, and the directory in the context that
    /// the path is relative to.
    pub(crate) fn file(&self, name: &str) -> Option<(String, String)> {
        let path = self.path(name)?;
        self.context.files().entry(&path).is_present().then_some(())?;
        let inside = normalise(name)?;
        let project = path.strip_suffix(&inside)?.trim_end_matches('/').to_owned();
        Some((path, project))
    }

    /// The context's file for a path as the command would take it, whether it is there or not.
    pub(crate) fn path(&self, name: &str) -> Option<String> {
        (self.locate)(&place_from(self.directory, name)?)
    }

    /// The same command in another directory.
    pub(crate) fn within<T>(&self, directory: &str, ask: impl FnOnce(&Place<'_>) -> T) -> Option<T> {
        let directory = place_from(self.directory, directory)?;
        let place = Place {
            context: self.context,
            directory: &directory,
            begins: self.begins,
            caches: self.caches,
            state: self.state,
            locate: self.locate,
            variables: self.variables,
        };
        Some(ask(&place))
    }

    /// Whether the RUN mounts a cache at a path with one of these endings.
    pub(crate) fn caches(&self, endings: &[&str]) -> bool {
        self.caches.iter().any(|path| endings.iter().any(|ending| path.ends_with(ending)))
    }

    /// The value of a variable that the text, ENV or ARG sets; `None` when nothing sets it or its value is not known.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let own = self.variables.iter().rev().find(|(known, _)| known == name);
        own.map(|(_, value)| value.as_str()).or_else(|| Some(self.state.variable(name)?.value()?.as_str()))
    }
}

/// Whether a text may hold an installation: the test before anything is parsed.
pub(crate) fn may_install(text: &str) -> bool {
    STACKS.iter().any(|stack| stack.words.iter().any(|word| text.contains(word)))
}

/// What the RUN at `index` reads of the files that were copied before it.
pub(crate) fn reads(
    context: &ContextView<'_>,
    model: &BuildModel,
    index: usize,
    locate: Locate<'_>,
) -> Reads {
    let Some(instruction) = model.instruction(index) else { return Reads::Anything };
    let (Some((_, step)), Some(directory)) = (model.place(index), directory_of(model, index)) else {
        return Reads::Anything;
    };
    let is_plain =
        instruction.keyword == Keyword::Run && !instruction.json && instruction.heredocs.is_empty();
    if !is_plain || step.state.shell_kind() != ShellKind::Posix {
        return Reads::Anything;
    }
    let Some(text) = model.shell_text(index).filter(|text| text.script.is_readable()) else {
        return Reads::Anything;
    };
    let read = reading::Reading::new(context, instruction, text, locate, &step.state, directory).finish();
    match read {
        Reads::Install(install) if !wrapper_is_run(model, index, &install.command) => Reads::Anything,
        read => read,
    }
}

/// An installation that was told by `chmod +x mvnw` counts when a RUN does run the wrapper, and asks for no settings of
/// its own.
fn wrapper_is_run(model: &BuildModel, index: usize, command: &str) -> bool {
    let name = command.trim_start_matches("./");
    if command.contains(' ') || !matches!(name, "mvnw" | "gradlew") {
        return true;
    }
    let Some(stage) = model.stage_of(index) else { return false };
    let behind = model.stage_instructions(stage).filter(|(run, _)| *run >= index);
    let texts = behind.filter_map(|(run, _)| model.shell_text(run)).filter(|text| text.script.is_readable());
    texts.flat_map(|text| text.script.commands()).any(|simple| {
        let words: Vec<&str> = simple.words.iter().map(|word| word.value().unwrap_or(word.raw())).collect();
        java::runs_wrapper(&words, name)
    })
}

/// Whether a command of the RUN installs dependencies of this stack, as far as its words tell.
pub(crate) fn installs(model: &BuildModel, index: usize, stack: &str) -> bool {
    let Some(stack) = STACKS.iter().find(|known| known.name == stack) else { return false };
    let Some(text) = model.shell_text(index).filter(|text| text.script.is_readable()) else { return false };
    text.script.commands().any(|simple| {
        let words: Vec<&str> = simple.words.iter().map(|word| word.value().unwrap_or(word.raw())).collect();
        (stack.installs)(&words) && !harmless::reads_nothing(&words)
    })
}

/// The path of `to` as seen from a directory; an unknown directory (`?1`) stays the root of what is unknown.
pub(crate) fn place_from(directory: &str, to: &str) -> Option<String> {
    if to.starts_with('/') {
        return Some(format!("/{}", normalise(to)?));
    }
    let (root, inside) = match directory.strip_prefix('?') {
        Some(rest) => {
            let (number, inside) = rest.split_once('/').unwrap_or((rest, ""));
            (format!("?{number}"), inside)
        }
        None => (String::new(), directory),
    };
    Some(format!("{root}/{}", normalise(&format!("{inside}/{to}"))?))
}

/// Whether a flag mounts files of the context into the step.
fn is_context_mount(flag: &Flag) -> bool {
    let options = flag.value().unwrap_or_default();
    flag.name() == "mount"
        && !["cache", "secret", "ssh", "tmpfs"]
            .iter()
            .any(|kind| options.split(',').any(|option| option.strip_prefix("type=") == Some(*kind)))
}

/// Where a RUN mounts caches.
fn cache_mounts(instruction: &Instruction) -> Vec<String> {
    let mounts = instruction.flags.iter().filter(|flag| flag.name() == "mount");
    let target = |options: &str| {
        let is_cache = options.split(',').any(|option| option == "type=cache");
        let mut options = options.split(',').filter_map(|option| option.split_once('='));
        let target = options.find(|(name, _)| matches!(*name, "target" | "dst" | "destination"));
        target.filter(|_| is_cache).map(|(_, path)| path.trim_end_matches('/').to_owned())
    };
    mounts.filter_map(|flag| target(flag.value()?)).collect()
}
