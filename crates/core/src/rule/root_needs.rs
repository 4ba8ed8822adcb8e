//! Whether a container can run without root, and what has to be given to its user for that.
//!
//! Everything that the file says about a stage is gone through, and what the build context shows: the scripts that a
//! container starts, the scripts of packages, the sources, Compose files. The answer is one-sided: a refusal may be needless,
//! but what is let through has been looked at. Without a context, what a script does cannot be seen, and is refused.

mod built;
mod compose;
mod files;
mod judge;
mod package_script;
pub(crate) mod paths;
mod ports;
mod script;
mod sources;
mod steps;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use self::files::{ImageFiles, place};
use self::judge::Judge;
use super::exec_form::lineage;
use super::users::RunAs;
use super::{Refusal, Subject, process};
use crate::context::Answer;
use crate::model::{FileView, ShellKind, Stage};
use crate::syntax::{Instruction, Keyword};

/// What the program of a stage writes to, and so has to be given. All paths are absolute.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// Directories that it writes in.
    pub(crate) dirs: BTreeSet<String>,
    /// Those of them that a RUN of the file makes, and which.
    pub(crate) made: BTreeMap<String, usize>,
    /// Directories of tools, which these make by themselves where they may.
    pub(crate) caches: BTreeSet<String>,
    /// Directories that it writes in at any depth, where a RUN may have put something before. They are small.
    pub(crate) trees: BTreeSet<String>,
    /// Files that it writes to, in directories that are not its own.
    pub(crate) files: BTreeSet<String>,
    /// Volumes, which are given before VOLUME names them (H027).
    pub(crate) volumes: BTreeSet<String>,
    /// COPYs whose files the user could not read otherwise.
    pub(crate) copies: BTreeSet<usize>,
    /// Whether its own folder is left as it is: what runs there has never been root.
    pub(crate) keeps_owners: bool,
    /// Whether it is a program that was compiled: its folder holds nothing that it would change.
    pub(crate) is_compiled: bool,
    /// The name of that program.
    pub(crate) program: Option<String>,
    /// What the user of the tool should know.
    pub(crate) remarks: Vec<String>,
}

/// A stage, and what is known about it.
pub(crate) struct Survey<'a> {
    pub(crate) subject: &'a Subject<'a>,
    pub(crate) stage: &'a Stage,
    pub(crate) run_as: &'a RunAs,
    /// The instructions of the stage and those that it is built on.
    pub(crate) lineage: Vec<(usize, &'a Instruction)>,
    /// The folders of the application: the working directories that may be given away.
    pub(crate) app_dirs: Vec<String>,
    files: OnceCell<ImageFiles>,
    started: Result<Vec<String>, Refusal>,
}

/// Whether a stage runs as a user without breaking, and what the user has to be given.
///
/// # Errors
/// Why a container of the stage may need root.
pub(crate) fn survey<'a>(
    subject: &'a Subject<'a>,
    stage: &'a Stage,
    run_as: &'a RunAs,
) -> Result<(Survey<'a>, Needs), Refusal> {
    let refuse = |hazard: &'static str, why: &str| Err(Refusal::hazard(hazard, why));
    if is_workshop(subject.path) {
        return refuse("H040", "the file's path says that it is for building or for developing in");
    }
    if is_action(subject) {
        return refuse(
            "H040",
            "it is an action of GitHub, which has to run as root to write to the workspace",
        );
    }
    if !subject.model.children(stage.index).is_empty() {
        return refuse("H155", "another stage is built on this one");
    }
    if !stage.config.triggers.is_empty() {
        return refuse("H039", "the ONBUILD instructions would run as that user");
    }
    let survey = Survey::new(subject, stage, run_as);
    let mut needs = Needs::default();
    Judge::new(&survey, &mut needs).base()?;
    if let Ok(words) = &survey.started {
        Judge::new(&survey, &mut needs).role_of(words)?;
    }
    let services = compose::services(subject);
    compose::refuse(&services)?;
    if let Some(port) = ports::low(subject, stage, survey.started.as_deref().unwrap_or_default()) {
        if services.on_host_network {
            return refuse("H020", "it opens a port below 1024 on the network of the host");
        }
        needs.remarks.push(format!(
            "Port {port} is below 1024: Docker lets every user open it since 20.10, Kubernetes and older engines may not (H020)."
        ));
    }
    steps::survey(&survey, &mut needs)?;
    judge::starts(&survey, &mut needs)?;
    sources::survey(&survey, &mut needs)?;
    mounted(&survey, &services, &mut needs);
    Ok((survey, needs))
}

/// Volumes that a Compose file mounts are as good as those that the image names; a mounted folder of the host keeps its
/// owner.
fn mounted(survey: &Survey<'_>, services: &compose::Services, needs: &mut Needs) {
    for path in &services.named_volumes {
        if paths::is_givable(path) && !paths::is_installed(path) {
            needs.dirs.insert(path.clone());
            needs.remarks.push(format!(
                "The named volume at {path} keeps root as its owner where it exists already: give it to {} once, or make it \
                 anew (H026).",
                survey.run_as.user
            ));
        }
    }
    if let Some(path) = services
        .host_paths
        .iter()
        .find(|path| survey.app_dirs.iter().any(|app| paths::is_in(path, app) || paths::is_in(app, path)))
    {
        needs.remarks.push(format!(
            "A Compose file mounts a folder of the host at {path}: what the program writes there needs the permission of its \
             owner (H026)."
        ));
    }
    if services.sets_user {
        needs
            .remarks
            .push("A Compose file names a user of its own, which wins over this one (H041).".to_owned());
    }
}

impl<'a> Survey<'a> {
    fn new(subject: &'a Subject<'a>, stage: &'a Stage, run_as: &'a RunAs) -> Self {
        let lineage = lineage(subject.model, stage);
        let mut app_dirs: Vec<String> = Vec::new();
        let ends = stage.config.workdir.value().cloned();
        let workdirs = stage.steps.iter().filter_map(|step| step.state.workdir.value().cloned());
        for directory in workdirs.chain(ends) {
            let directory = directory.trim_end_matches('/').to_owned();
            if paths::is_givable(&directory)
                && !paths::is_installed(&directory)
                && !app_dirs.contains(&directory)
            {
                app_dirs.push(directory);
            }
        }
        let started = process::started(stage);
        Self { subject, stage, run_as, lineage, app_dirs, files: OnceCell::new(), started }
    }

    /// Whether the build context is known.
    pub(crate) fn knows_context(&self) -> bool {
        self.subject.context.is_known()
    }

    /// The directory that a container starts in, when it is known.
    pub(crate) fn workdir(&self) -> Option<&str> {
        self.stage.config.workdir.value().map(String::as_str)
    }

    /// Whether the directory that a container starts in can be given to its user.
    pub(crate) fn owns_workdir(&self) -> bool {
        self.workdir()
            .is_some_and(|directory| self.app_dirs.iter().any(|app| app == directory.trim_end_matches('/')))
    }

    /// Whether a RUN can be added at the end.
    pub(crate) fn has_shell(&self) -> bool {
        self.stage.end.shell_kind() == ShellKind::Posix
    }

    fn files(&self) -> &ImageFiles {
        self.files.get_or_init(|| ImageFiles::of(self.subject, self.stage))
    }

    /// Whether the files of a COPY can be given away: it stands in the stage itself, and has no owner yet.
    pub(crate) fn can_give(&self, index: usize) -> bool {
        let is_here = self.stage.steps.iter().any(|step| step.instruction == index);
        is_here && self.subject.model.instruction(index).is_some_and(|copy| copy.flag("chown").is_none())
    }

    /// The COPY that brings a file, and that can be given away: the last before `index`.
    fn copy_of(&self, path: &str, index: usize) -> Option<usize> {
        let view = FileView::new(self.subject.context);
        let brings = |copy: usize, instruction: &Instruction| {
            if let Some(copied) = view.copied(self.subject.model, copy) {
                return copied.iter().any(|file| file.target == path);
            }
            let mut words: Vec<&str> = instruction.value_texts().collect();
            let Some(target) = words.pop() else { return false };
            let Some(target) = place(self.subject, copy, target) else { return false };
            let name = path.rsplit('/').next().unwrap_or_default();
            let named = words.iter().any(|word| word.trim_end_matches('/').rsplit('/').next() == Some(name));
            target == path || (named && paths::parent(path) == target)
        };
        let copies = self.lineage.iter().rev().filter(|(copy, instruction)| {
            *copy < index && matches!(instruction.keyword, Keyword::Copy | Keyword::Add)
        });
        copies
            .into_iter()
            .find(|(copy, instruction)| brings(*copy, instruction))
            .map(|(copy, _)| *copy)
            .filter(|copy| self.can_give(*copy))
    }

    /// Whether one of the programs, separated by `|`, is among the words that a container is started with, or in the
    /// scripts of the context that these name.
    fn starts_one_of(&self, programs: &str) -> bool {
        let Ok(words) = &self.started else { return true };
        let is_one = |word: &str| programs.split('|').any(|program| word.rsplit('/').next() == Some(program));
        words.iter().flat_map(|word| word.split([' ', '\n', ';', '&', '"', '\''])).any(|word| {
            let text = place_in(self.workdir(), word).and_then(|path| self.files().text(self.subject, &path));
            is_one(word) || text.is_some_and(|text| text.split_whitespace().any(is_one))
        })
    }

    /// The text of a file of the context, by its path in the image.
    fn text_of(&self, path: &str) -> Option<String> {
        self.files().text(self.subject, path)
    }

    /// Whether the context has files that come to stand in a directory.
    pub(crate) fn has_files_below(&self, directory: &str) -> bool {
        let start = format!("{directory}/");
        self.files()
            .targets
            .range(start.clone()..)
            .next()
            .is_some_and(|(target, _)| target.starts_with(&start))
    }

    fn runs_contain(&self, part: &str) -> bool {
        self.lineage
            .iter()
            .any(|(_, step)| step.keyword == Keyword::Run && step.arguments_text().contains(part))
    }

    /// Whether the application may keep a database in a file: not when its context is known and no source speaks of it.
    fn may_use_sqlite(&self) -> bool {
        !self.knows_context() || self.files().has_gaps || sources::mention(self, &["sqlite"])
    }
}

/// Where a COPY or ADD puts what it copies.
pub(crate) fn place_of_copy(survey: &Survey<'_>, index: usize) -> Option<String> {
    let target = survey.subject.model.instruction(index)?.value_texts().last()?;
    place(survey.subject, index, target)
}

/// Whether a RUN behind a COPY asks git about the files: it does not answer where they belong to another than who asks
/// ("dubious ownership", since 2.35.2).
pub(crate) fn minds_git(survey: &Survey<'_>, copy: usize) -> bool {
    let runs = || {
        survey.stage.steps.iter().map(|step| step.instruction).filter(|index| {
            let is_run =
                survey.subject.model.instruction(*index).is_some_and(|step| step.keyword == Keyword::Run);
            *index > copy && is_run
        })
    };
    if runs().next().is_none() {
        return false;
    }
    let sent = survey.subject.context.sent();
    if sent
        .is_some_and(|sent| !sent.iter().any(|found| found.path == ".git" || found.path.ends_with("/.git")))
    {
        return false;
    }
    let asks = |index: usize| {
        let script = survey.subject.model.shell_text(index).map(|text| &text.script);
        script.is_some_and(|script| {
            script.all_commands().any(|simple| {
                let verb = simple.args().first().and_then(|word| word.value()).unwrap_or_default();
                simple.name() == Some("git") && !matches!(verb, "clone" | "config" | "lfs")
            })
        })
    };
    let tools = [
        "setuptools_scm",
        "setuptools-scm",
        "versioneer",
        "hatch-vcs",
        "dynamic-versioning",
        "rev-parse",
        "git describe",
    ];
    runs().any(asks) || (sent.is_some() && sources::mention(survey, &tools))
}

fn place_in(directory: Option<&str>, path: &str) -> Option<String> {
    paths::absolute(directory.unwrap_or_default(), path)
}

/// A devcontainer, or an image for continuous integration (H040).
fn is_workshop(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let parts = path.split(['/', '\\']);
    let is_word = |word: &str| {
        matches!(
            word,
            "ci" | "build" | "builder" | "devcontainer" | "toolchain" | "cross" | "jenkins" | "dev" | "test"
        )
    };
    parts.into_iter().any(|part| {
        matches!(part, ".devcontainer" | ".circleci" | ".ci" | ".gitlab" | ".github" | ".buildkite" | "ci")
            || part.contains("dockerfile") && part.split(['.', '-', '_']).any(is_word)
    })
}

/// An action of GitHub that is built from this Dockerfile. Source: docs.github.com, "Dockerfile support for GitHub
/// Actions": "Docker actions must be run by the default Docker user (root)".
fn is_action(subject: &Subject<'_>) -> bool {
    ["action.yml", "action.yaml"].iter().any(|name| match subject.context.files().read(name) {
        Answer::Present(bytes) => String::from_utf8_lossy(&bytes).contains("docker"),
        _ => false,
    })
}
