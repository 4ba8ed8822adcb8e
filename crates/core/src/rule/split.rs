//! A stage that builds what it ships, taken apart: what builds, what runs, and what the one leaves to the other.
//!
//! The parts that every stack has in common are here and below: the [steps](steps) of the stage and what each command
//! does, the [packages](packages) of the distribution, what the programs that are started [demand](demands) of the
//! system, and the [composition](compose) of the final stage. What is particular to a stack is one file beside them: a
//! [`Stack`] says which commands build, and what the [`Runtime`] of their results is.
//!
//! The rule of thumb is that of H080: everything is kept but what only builds. Directories come over whole and at the same
//! path, in the same release of the same distribution, with the same library of C (H067, H068, H084).

mod compiled;
mod compose;
mod demands;
mod dotnet;
mod go;
mod java;
mod native;
mod node;
mod packages;
pub(crate) mod programs;
mod python;
mod rust;
pub(crate) mod steps;

use std::collections::BTreeMap;

use crate::knowledge::{Family, ImageFacts, ImageReference};
use crate::model::{Base, BuildModel, FileView, ShellKind, Stage};
use crate::rule::{Refusal, Subject};
use crate::syntax::{Instruction, Keyword};

pub(crate) use compose::{Composed, compose};
use steps::{Command, Effect, RunStep};

/// What is particular to a stack.
pub(crate) struct Stack {
    /// Words one of which a RUN that builds has. A cheap test before anything is parsed.
    pub(crate) words: &'static [&'static str],
    /// What a command does, where the stack knows its program.
    pub(crate) effect: fn(&Command<'_>) -> Option<Effect>,
    /// Whether something could be left behind even though the base image is small and installs no tools.
    pub(crate) saves: fn(&BuildStage<'_>) -> bool,
    /// What the final stage needs.
    pub(crate) runtime: fn(&BuildStage<'_>) -> Result<Runtime, Refusal>,
}

/// The stacks, in the order in which they are asked.
static STACKS: &[&Stack] =
    &[&node::STACK, &python::STACK, &java::STACK, &dotnet::STACK, &rust::STACK, &go::STACK, &native::STACK];

/// What the final stage needs besides what stood in the stage: a stack's answer.
#[derive(Debug, Default)]
pub(crate) struct Runtime {
    /// The image that it starts from, as FROM names it.
    pub(crate) base: String,
    /// RUNs at the end of the build stage.
    pub(crate) prepared: Vec<String>,
    /// Absolute paths that are copied from the build stage, to the same paths.
    pub(crate) copies: Vec<String>,
    /// Files that are copied from the build stage to another path: what was on the PATH of its base, and is not on that of
    /// the new one.
    pub(crate) placed: Vec<(String, String)>,
    /// The working directory of the base, when the stage sets none and the new base has another.
    pub(crate) workdir: Option<String>,
    /// Packages of the distribution that the base of the build stage has and the new one has not.
    pub(crate) packages: Vec<String>,
    /// Whether the programs that [`Effect::Tools`] installs are started at run time too.
    pub(crate) keeps_tools: bool,
    /// What stays behind, for the title; empty: nothing is saved, and nothing is offered.
    pub(crate) left_behind: Vec<String>,
    /// What the user should know.
    pub(crate) remarks: Vec<String>,
}

/// A stage that builds and is shipped.
pub(crate) struct BuildStage<'a> {
    pub(crate) subject: &'a Subject<'a>,
    pub(crate) stage: &'a Stage,
    pub(crate) stack: &'static Stack,
    pub(crate) facts: &'a ImageFacts,
    /// What it starts from, variables replaced.
    pub(crate) base: &'a str,
    /// The name of that image: `node`.
    pub(crate) image: String,
    /// The release of the distribution that its tag names.
    pub(crate) release: Option<&'static str>,
    /// The image without build tools, when the base is another.
    pub(crate) slim: Option<String>,
    /// The RUNs of the stage.
    pub(crate) runs: Vec<RunStep<'a>>,
    /// The last step that builds.
    pub(crate) last: usize,
    /// The directories that hold the program, absolute; none lies in another.
    pub(crate) directories: Vec<String>,
}

impl<'a> BuildStage<'a> {
    /// The last stage of the file, when it builds with tools that it need not ship. `None` when there is nothing to say.
    /// Its directories are not known yet: see [`BuildStage::placed`].
    pub(crate) fn find(subject: &'a Subject<'a>) -> Option<Self> {
        let model = subject.model;
        let stage = model.last_stage()?;
        let Base::Image(base) = &stage.base else { return None };
        let facts = stage.facts.as_deref()?;
        let mentions = |words: &[&str]| {
            model.stage_instructions(stage).any(|(_, step)| {
                step.keyword == Keyword::Run && super::installs::mentions(model, step, words)
            })
        };
        let stack = STACKS.iter().find(|stack| mentions(stack.words))?;
        if !matches!(facts.family, Some(Family::Debian | Family::Alpine | Family::Ubuntu))
            || stage.end.shell_kind() == ShellKind::Windows
        {
            return None;
        }
        let reference = ImageReference::parse(base)?;
        let tag = reference.tag.clone().unwrap_or_default();
        let runs: Vec<RunStep<'a>> = model
            .stage_instructions(stage)
            .filter(|(_, step)| step.keyword == Keyword::Run)
            .map(|(index, step)| RunStep::read(subject, index, step, stack))
            .collect();
        let last = runs.iter().rev().find(|run| run.builds())?.index;
        let this = Self {
            subject,
            stage,
            stack,
            facts,
            base,
            image: reference.familiar_name(),
            release: subject
                .knowledge
                .release_of_tag(&tag)
                .or_else(|| subject.knowledge.runner(base).and_then(|runner| runner.release)),
            slim: facts.slim.clone().filter(|slim| slim != base),
            runs,
            last,
            directories: Vec::new(),
        };
        (this.slim.is_some() || packages::installs_tools(&this) || (stack.saves)(&this)).then_some(this)
    }

    /// The stage with its directories, which takes a look at the whole context.
    ///
    /// # Errors
    /// A refusal when it is not known where the program lies.
    pub(crate) fn placed(mut self) -> Result<Self, Refusal> {
        self.place()?;
        self.take_owners_along();
        Ok(self)
    }

    /// The instructions of the stage down to the last that builds.
    pub(crate) fn head(&self) -> impl DoubleEndedIterator<Item = (usize, &'a Instruction)> {
        let last = self.last;
        self.model().stage_instructions(self.stage).filter(move |(index, _)| *index <= last)
    }

    /// The instructions behind it.
    pub(crate) fn tail(&self) -> impl DoubleEndedIterator<Item = (usize, &'a Instruction)> {
        let last = self.last;
        self.model().stage_instructions(self.stage).filter(move |(index, _)| *index > last)
    }

    /// The model of the file.
    pub(crate) fn model(&self) -> &'a BuildModel {
        self.subject.model
    }

    /// The 1-based line of an instruction, for messages.
    pub(crate) fn line(&self, index: usize) -> usize {
        self.model().instruction(index).map_or(0, |instruction| *instruction.lines.start())
    }

    /// Whether a path is one of the program's directories or lies in one.
    pub(crate) fn is_inside(&self, path: &str) -> bool {
        self.directories.iter().any(|directory| is_at_or_below(path, directory))
    }

    /// The commands of all RUNs down to the last that builds.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Command<'a>> {
        let runs = self.runs.iter().filter(|run| run.index <= self.last);
        runs.flat_map(|run| run.items.iter().flat_map(|item| &item.commands))
    }

    /// Finds the directories of the program: where its commands build, and where the context is copied to around that.
    fn place(&mut self) -> Result<(), Refusal> {
        let unknown = || Refusal::hazard("H074", "it is not known in which directory it is built");
        let mut directories: Vec<String> = Vec::new();
        for command in self.commands() {
            if command.effect == (Effect::Builds { inside: true }) {
                directories.push(command.directory.clone().ok_or_else(unknown)?);
            }
        }
        let files = FileView::new(self.subject.context);
        for (index, step) in self.model().stage_instructions(self.stage) {
            if !matches!(step.keyword, Keyword::Copy | Keyword::Add) || step.flag("from").is_some() {
                continue;
            }
            let Some(copied) = files.copied(self.model(), index) else { continue };
            let Some((_, target)) = crate::model::copy_words(self.model(), index) else { continue };
            let Some(target) = crate::model::place_of(self.model(), index, &target) else { continue };
            let workdir = self.stage.config.workdir.value().map(String::as_str).unwrap_or_default();
            let holds = |directory: &String| is_at_or_below(directory, &target);
            // What stands beside a directory that is built may get its products: `client` and `server`.
            let parent =
                |path: &str| path.rsplit_once('/').map_or(String::new(), |(parent, _)| parent.to_owned());
            let is_beside = !parent(&target).is_empty()
                && directories.iter().any(|directory| parent(directory) == parent(&target))
                && !is_of_the_system(&target);
            let is_directory = copied.iter().any(|file| file.target != target);
            if is_directory
                && !target.is_empty()
                && (directories.iter().any(holds) || is_beside || is_at_or_below(workdir, &target))
            {
                directories.push(target);
            }
        }
        directories.sort();
        directories.dedup();
        let all = directories.clone();
        directories.retain(|path| !all.iter().any(|other| other != path && is_at_or_below(path, other)));
        // A program that was compiled comes over by itself; what was copied around it to the root is copied there again.
        if self.subject.knowledge.runner(self.base).is_some() {
            directories.retain(|directory| !matches!(directory.as_str(), "" | "/"));
        }
        if let Some(system) = directories.iter().find(|directory| is_of_the_system(directory)) {
            let shown = if system.is_empty() { "/" } else { system };
            return Err(Refusal::hazard(
                "H074",
                format!("the program lies in `{shown}`, among the files of the system"),
            ));
        }
        self.directories = directories;
        Ok(())
    }

    /// A step directly behind the build that gives the program to somebody belongs to it: the COPY takes the owner over, and
    /// the files are not there twice.
    fn take_owners_along(&mut self) {
        let steps: Vec<(usize, Keyword)> = self.tail().map(|(index, step)| (index, step.keyword)).collect();
        for (index, keyword) in steps {
            if matches!(keyword, Keyword::Copy | Keyword::Add) {
                return;
            }
            let Some(run) = self.runs.iter().find(|run| run.index == index) else { continue };
            let gives = |command: &Command<'_>| {
                matches!(command.program(), "chown") && command.has(&["-R", "--recursive"])
            };
            let stays = run.is_readable
                && run.commands().all(|command| match &command.effect {
                    Effect::Nothing => true,
                    Effect::Writes(paths) => paths.iter().all(|path| self.is_inside(path)),
                    _ => false,
                });
            if !stays || !run.commands().any(gives) {
                return;
            }
            self.last = index;
        }
    }

    /// The context's file for a path in the image, by the words of the COPYs alone: enough to look for a manifest.
    pub(crate) fn locate(&self, path: &str) -> Option<String> {
        let files = self.subject.context.files();
        let model = self.model();
        let copies = model.stage_instructions(self.stage).rev();
        copies.filter(|(_, step)| matches!(step.keyword, Keyword::Copy | Keyword::Add)).find_map(
            |(index, _)| {
                let (sources, target) = crate::model::copy_words(model, index)?;
                let place = crate::model::place_of(model, index, &target)?;
                let rest = path.strip_prefix(&place)?.trim_start_matches('/');
                sources.iter().find_map(|source| {
                    let source = crate::context::normalise(source)?;
                    let beside = crate::context::join(crate::context::split(&source).0, rest);
                    let names = |path: &String| {
                        files
                            .entry(path)
                            .present()
                            .is_some_and(|entry| entry.kind == crate::context::EntryKind::File)
                    };
                    let is_file = source == beside || source.contains('*');
                    let found = if is_file { beside } else { crate::context::join(&source, rest) };
                    names(&found).then_some(found)
                })
            },
        )
    }

    /// The context files in the image behind the last step of the stage: their paths in the context by those in the image.
    ///
    /// # Errors
    /// A refusal when a COPY is not known.
    pub(crate) fn files(&self) -> Result<BTreeMap<String, String>, Refusal> {
        self.files_before(usize::MAX)
    }

    /// The same before an instruction.
    pub(crate) fn files_before(&self, index: usize) -> Result<BTreeMap<String, String>, Refusal> {
        let view = FileView::new(self.subject.context);
        let files = view.visible(self.model(), index);
        let files =
            files.ok_or_else(|| Refusal::hazard("H080", "it is not known which files a COPY brings"))?;
        Ok(files.into_iter().map(|file| (file.target, file.path)).collect())
    }

    /// The text of a context file, when it can be read.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        let bytes = self.subject.context.files().read(path).present()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Whether `path` is `directory` or lies below it.
pub(crate) fn is_at_or_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Directories that belong to the distribution: copied whole they would bring the build's along.
fn is_of_the_system(path: &str) -> bool {
    const SYSTEM: &[&str] = &[
        "/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/var", "/boot", "/dev", "/proc", "/sys", "/run",
    ];
    const OWN: &[&str] = &[
        "/usr/src/",
        "/usr/app",
        "/usr/local/app",
        "/usr/local/src/",
        "/var/www",
        "/var/app",
        "/usr/share/",
        "/var/lib/",
        "/usr/node",
        "/usr/server",
        "/usr/code",
        "/usr/share/app",
    ];
    let is_named = matches!(
        path,
        "" | "/"
            | "/home"
            | "/opt"
            | "/srv"
            | "/mnt"
            | "/media"
            | "/tmp"
            | "/usr/src"
            | "/usr/local"
            | "/root"
    );
    is_named
        || SYSTEM.iter().any(|system| is_at_or_below(path, system))
            && !OWN.iter().any(|own| path.starts_with(own))
}

/// Whether the steps that build are run by more than one user.
pub(crate) fn builds_as_several_users(stage: &BuildStage<'_>) -> bool {
    let user = |index: usize| stage.model().place(index).map(|(_, step)| step.state.user.clone());
    let mut users = stage.runs.iter().filter(|run| run.builds()).map(|run| user(run.index));
    let first = users.next();
    users.any(|user| Some(user) != first)
}
