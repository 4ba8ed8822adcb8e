//! What a RUN reads of the files that were copied into the image, where that can be told: an installation of a project's
//! dependencies reads its manifests, an installation of the distribution's packages reads nothing.
//!
//! The rule that puts manifests before the source asks, and so does the gate: each with its own view of where the files
//! of the context are in the image.

use crate::context::normalise;
use crate::context::project::{NodeLockKind, NodeManager, NodeProject, Obstacle, Stack, requirements_reads};
use crate::knowledge::InstallCommand;
use crate::model::{BuildModel, ShellKind, ShellText, directory_of};
use crate::shell::{Joiner, Node, Simple};
use crate::syntax::{Instruction, Keyword};
use crate::text::TextRange;

use super::{ContextView, Refusal};

/// What a RUN reads of the copied files.
#[derive(Debug)]
pub(crate) enum Reads {
    /// Nothing.
    Nothing,
    /// What an installation of dependencies reads.
    Install(Install),
    /// It cannot be told.
    Anything,
}

/// An installation of a project's dependencies.
#[derive(Debug)]
pub(crate) struct Install {
    /// The command, as it is typed: `npm ci`.
    pub(crate) command: String,
    /// Where it stands in the file.
    pub(crate) range: TextRange,
    /// The directory of the project, as a path of the context.
    pub(crate) project: String,
    /// Whether the dependencies are installed into the project's own directory, as Node's are.
    pub(crate) installs_beside: bool,
    /// The files and directories of the context that the whole RUN reads; otherwise why that is not certain.
    pub(crate) files: Result<Vec<String>, Refusal>,
}

/// Finds the context's file for a path in the image: whether it is there does not matter.
pub(crate) type Locate<'a> = &'a dyn Fn(&str) -> Option<String>;

impl From<Obstacle> for Refusal {
    fn from(obstacle: Obstacle) -> Self {
        Self::hazard(obstacle.hazard, obstacle.reason)
    }
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
    let mut reading = Reading { context, instruction, text, locate, directory, install: None, other: None };
    reading.list();
    reading.finish()
}

struct Reading<'a> {
    context: &'a ContextView<'a>,
    instruction: &'a Instruction,
    text: &'a ShellText,
    locate: Locate<'a>,
    /// Where the next command runs.
    directory: String,
    install: Option<Install>,
    /// The first thing that may read anything.
    other: Option<String>,
}

impl Reading<'_> {
    fn list(&mut self) {
        for item in self.text.script.list() {
            let joined =
                item.joiner.as_ref().is_none_or(|join| matches!(join.kind, Joiner::And | Joiner::Sequence));
            match &item.node {
                Node::Simple(simple) if joined && item.background.is_none() => self.simple(simple),
                other => {
                    let text = self.text.script.text().get(other.span()).unwrap_or_default();
                    self.other(text);
                }
            }
        }
    }

    fn other(&mut self, text: &str) {
        self.other.get_or_insert_with(|| text.split_whitespace().collect::<Vec<_>>().join(" "));
    }

    fn simple(&mut self, simple: &Simple) {
        let text = self.text.script.text().get(simple.span.clone()).unwrap_or_default();
        let is_plain = simple.redirects.is_empty()
            && simple.assignments.iter().all(|assignment| assignment.value.value().is_some());
        if is_plain && removes_caches(simple) {
            return;
        }
        let Some(words) = simple.literal_words().filter(|_| is_plain) else {
            self.unclear(simple, text);
            return;
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let ["cd", to] = words.as_slice() {
            match place_from(&self.directory, to) {
                Some(directory) => self.directory = directory,
                None => self.other(text),
            }
            return;
        }
        if reads_nothing(&words) {
            return;
        }
        let command = InstallCommand::read(&words);
        let install = command.and_then(|command| match command.manager.name.as_str() {
            "npm" | "yarn" | "pnpm" => self.node(&command, &words),
            "pip" => self.pip(&command, &words),
            _ => None,
        });
        match install {
            Some((project, installs_beside, files)) => {
                let command = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
                self.add(command, simple, project, installs_beside, files);
            }
            None => self.other(text),
        }
    }

    /// An installation with words that are not known, or with output that goes elsewhere.
    fn unclear(&mut self, simple: &Simple, text: &str) {
        let known: Vec<&str> = simple.words.iter().map_while(|word| word.value()).collect();
        let is_install = InstallCommand::read(&known)
            .is_some_and(|command| matches!(command.manager.name.as_str(), "npm" | "yarn" | "pnpm"));
        match self.locate_manifest("package.json").filter(|_| is_install) {
            Some((_, project)) => {
                let reason = format!("what `{text}` reads is up to the shell");
                let command = known.iter().take(2).copied().collect::<Vec<_>>().join(" ");
                self.add(command, simple, project, true, Err(Refusal::hazard("H061", reason)));
            }
            None => self.other(text),
        }
    }

    fn add(
        &mut self,
        command: String,
        simple: &Simple,
        project: String,
        installs_beside: bool,
        files: Result<Vec<String>, Refusal>,
    ) {
        let span = simple.words.first().map_or(simple.span.start, |word| word.span.start)..simple.span.end;
        let range = self.text.file_range(self.instruction, &span);
        match &mut self.install {
            None => self.install = Some(Install { command, range, project, installs_beside, files }),
            Some(first) => {
                first.installs_beside |= installs_beside;
                match (&mut first.files, files) {
                    (Ok(known), Ok(more)) => {
                        let new: Vec<String> =
                            more.into_iter().filter(|path| !known.contains(path)).collect();
                        known.extend(new);
                    }
                    (Ok(_), Err(refusal)) => first.files = Err(refusal),
                    (Err(_), _) => {}
                }
            }
        }
    }

    fn finish(self) -> Reads {
        let mounts_context = self.instruction.flags.iter().any(is_context_mount);
        match (self.install, self.other) {
            (None, None) if !mounts_context => Reads::Nothing,
            (None, None) => Reads::Anything,
            (None, Some(_)) => Reads::Anything,
            (Some(mut install), other) => {
                if mounts_context {
                    let reason = "the step mounts files of the context";
                    install.files = Err(Refusal::hazard("H065", reason));
                }
                if let Some(other) = other {
                    let reason = format!("`{other}` in the same step may read the source");
                    install.files = Err(Refusal::hazard("H061", reason));
                }
                Reads::Install(install)
            }
        }
    }

    /// A file in the current directory, and the directory that the project has in the context.
    fn locate_manifest(&self, name: &str) -> Option<(String, String)> {
        let path = (self.locate)(&place_from(&self.directory, name)?)?;
        self.context.files().entry(&path).is_present().then_some(())?;
        let inside = normalise(name)?;
        let project = path.strip_suffix(&inside)?.trim_end_matches('/').to_owned();
        Some((path, project))
    }

    fn node(
        &self,
        command: &InstallCommand,
        words: &[&str],
    ) -> Option<(String, bool, Result<Vec<String>, Refusal>)> {
        const ELSEWHERE: &[&str] = &[
            "-g",
            "--global",
            "--location",
            "--prefix",
            "-C",
            "--cwd",
            "--dir",
            "-w",
            "--workspace",
            "--workspaces",
            "-W",
            "-r",
            "--recursive",
            "-F",
            "--filter",
            "--userconfig",
            "--globalconfig",
            "--modules-folder",
            "--modules-dir",
            "--lockfile-dir",
            "--virtual-store-dir",
            "--use-yarnrc",
            "--fix-lockfile",
        ];
        if !command.packages.is_empty()
            || words.iter().any(|word| matches!(*word, "--version" | "-v" | "--help" | "-h"))
        {
            return None;
        }
        let verb = command.verb.and_then(|verb| words.get(verb)).copied().unwrap_or("install");
        if verb == "add" || !matches!(words, ["npm" | "yarn" | "pnpm", ..]) {
            return None;
        }
        let (_, project) = self.locate_manifest("package.json")?;
        if let Some(flag) = command.flags.iter().find(|flag| ELSEWHERE.contains(&flag.name.as_str())) {
            let reason = format!("`{}` makes the install read or write elsewhere", flag.name);
            return Some((project, true, Err(Refusal::hazard("H061", reason))));
        }
        let found = self.context.projects()?.iter().find_map(|known| match &known.stack {
            Stack::Node(node) if known.root == project => Some(node),
            _ => None,
        });
        let files = match found {
            Some(node) => node_files(node, words[0]),
            None => Err(Refusal::because("the project lies too deep in the context to be looked at")),
        };
        Some((project, true, files))
    }

    fn pip(
        &self,
        command: &InstallCommand,
        words: &[&str],
    ) -> Option<(String, bool, Result<Vec<String>, Refusal>)> {
        const ELSEWHERE: &[&str] = &[
            "-t",
            "--target",
            "--prefix",
            "--root",
            "--src",
            "-f",
            "--find-links",
            "--cert",
            "--client-cert",
            "-d",
            "--download",
            "--group",
            "--python",
            "--report",
            "--log",
            "-b",
            "--build-constraint",
        ];
        let is = |flag: &str, names: [&str; 2]| names.contains(&flag);
        let package = |index: &usize| words.get(*index).copied().unwrap_or_default();
        let local = command.packages.iter().map(package).find(|package| !is_package_name(package));
        let editable = command.flags.iter().find(|flag| is(&flag.name, ["-e", "--editable"]));
        let here = ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt"]
            .iter()
            .find_map(|name| self.locate_manifest(name));
        if let Some(editable) = editable {
            let reason =
                format!("`-e {}` installs the source itself", editable.value.as_deref().unwrap_or_default());
            return Some((here?.1, false, Err(Refusal::hazard("H047", reason))));
        }
        if let Some(local) = local {
            let reason = format!("`pip install {local}` installs the source itself");
            return Some((here?.1, false, Err(Refusal::hazard("H051", reason))));
        }
        let mut files: Vec<String> = Vec::new();
        let mut project = None;
        for flag in &command.flags {
            let is_list = is(&flag.name, ["-r", "--requirement"]) || is(&flag.name, ["-c", "--constraint"]);
            let value = flag.value.as_deref().filter(|value| is_list && !value.contains("://"));
            let Some(value) = value else { continue };
            let (path, root) = self.locate_manifest(value)?;
            project.get_or_insert_with(|| root.clone());
            match requirements_reads(self.context.files(), &path, &root) {
                Ok(more) => {
                    let new: Vec<String> = more.into_iter().filter(|path| !files.contains(path)).collect();
                    files.extend(new);
                }
                Err(obstacle) => return Some((root, false, Err(obstacle.into()))),
            }
        }
        let project = project?;
        if let Some(flag) = command.flags.iter().find(|flag| ELSEWHERE.contains(&flag.name.as_str())) {
            let reason = format!("`{}` makes the install read or write elsewhere", flag.name);
            return Some((project, false, Err(Refusal::hazard("H050", reason))));
        }
        Some((project, false, Ok(files)))
    }
}

/// What an installation by this command reads of a Node project.
fn node_files(node: &NodeProject, program: &str) -> Result<Vec<String>, Refusal> {
    if let Some(root) = &node.workspace_root {
        let reason = format!("the project is a member of the workspace in `{root}`");
        return Err(Refusal::hazard("H044", reason));
    }
    let files = node.install_reads()?;
    let manager = match program {
        "npm" => NodeManager::Npm,
        "yarn" => NodeManager::Yarn,
        _ => NodeManager::Pnpm,
    };
    let Some(lock) = node.locks.iter().find(|lock| lock.kind.manager() == manager) else {
        let reason = format!(
            "there is no lockfile of {program}: an install that comes from the cache would keep old versions"
        );
        return Err(Refusal::hazard("H046", reason));
    };
    if lock.kind == NodeLockKind::YarnBerry {
        return Err(Refusal::hazard("H045", "Yarn 2 and later read more than the manifests"));
    }
    Ok(files)
}

/// The path of `to` as seen from a directory; an unknown directory (`?1`) stays the root of what is unknown.
fn place_from(directory: &str, to: &str) -> Option<String> {
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
fn is_context_mount(flag: &crate::syntax::Flag) -> bool {
    let options = flag.value().unwrap_or_default();
    flag.name() == "mount"
        && !["cache", "secret", "ssh", "tmpfs"]
            .iter()
            .any(|kind| options.split(',').any(|option| option.strip_prefix("type=") == Some(*kind)))
}

/// A requirement that names a package of an index.
fn is_package_name(word: &str) -> bool {
    let name = word.split(['=', '<', '>', '~', '!', '[', ';', '@', ' ']).next().unwrap_or_default();
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_archive = [".whl", ".zip", ".gz", ".tgz", ".bz2"].iter().any(|ending| word.ends_with(ending));
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    is_plain && starts && !is_archive && !word.contains("file:")
}

/// Whether a command certainly reads none of the files that were copied.
fn reads_nothing(words: &[&str]) -> bool {
    let is_plain_name = |word: &&str| {
        !word.contains('/')
            && !word.starts_with('.')
            && ![".deb", ".apk"].iter().any(|ending| word.ends_with(ending))
    };
    match words {
        ["true" | ":" | "echo" | "set", ..] => true,
        ["node" | "npm" | "yarn" | "pnpm" | "python" | "python3" | "pip" | "pip3", "-v" | "--version"] => {
            true
        }
        ["npm" | "yarn" | "pnpm", "cache" | "store", "clean" | "verify" | "prune", ..] => true,
        ["npm" | "yarn" | "pnpm", "config", "set", _, _] => true,
        ["pip" | "pip3", "cache", "purge"] => true,
        ["corepack", "enable" | "disable", ..] => true,
        ["corepack", "prepare", package, ..] => package.contains('@'),
        ["apt-get" | "apt", rest @ ..] => {
            let verb = rest.iter().find(|word| !word.starts_with('-'));
            let is_known = verb.is_some_and(|verb| {
                matches!(
                    *verb,
                    "update"
                        | "install"
                        | "upgrade"
                        | "clean"
                        | "autoclean"
                        | "autoremove"
                        | "remove"
                        | "purge"
                )
            });
            is_known && rest.iter().all(is_plain_name) && !rest.contains(&"-c")
        }
        ["apk", "add" | "update" | "upgrade" | "del", rest @ ..] => rest.iter().all(is_plain_name),
        _ => installs_by_name(words),
    }
}

/// `rm -rf /var/lib/apt/lists/*` and its like.
fn removes_caches(simple: &Simple) -> bool {
    const CACHES: &[&str] = &["/var/lib/apt/lists", "/var/cache/", "/tmp/", "/root/.cache", "/root/.npm"];
    simple.name() == Some("rm")
        && simple.args().iter().all(|word| {
            let text = word.raw();
            let is_cache = CACHES.iter().any(|cache| text.starts_with(cache)) && !text.contains("..");
            word.expansions.is_empty() && !word.has_brace && (text.starts_with('-') || is_cache)
        })
}

/// Packages of an index, by name, for the whole image: `npm install -g pnpm@9`, `pip install --upgrade pip`.
fn installs_by_name(words: &[&str]) -> bool {
    let Some(command) = InstallCommand::read(words) else { return false };
    let mut packages = command.packages.iter().filter_map(|index| words.get(*index).copied()).peekable();
    if packages.peek().is_none() {
        return false;
    }
    match command.manager.name.as_str() {
        "npm" | "pnpm" => {
            let is_global = command.flags.iter().any(|flag| matches!(flag.name.as_str(), "-g" | "--global"));
            let only_global =
                command.flags.iter().all(|flag| !matches!(flag.name.as_str(), "--prefix" | "-C" | "--dir"));
            let is_name = |package: &str| {
                let name = package.strip_prefix('@').unwrap_or(package);
                let is_path = name.starts_with(['.', '/', '~'])
                    || name.contains(':')
                    || [".tgz", ".tar.gz"].iter().any(|ending| name.ends_with(ending));
                let slashes = name.matches('/').count();
                !is_path && slashes == usize::from(package.starts_with('@'))
            };
            is_global && only_global && packages.all(is_name)
        }
        "pip" => {
            const HARMLESS: &[&str] = &[
                "-U",
                "--upgrade",
                "--no-cache-dir",
                "-q",
                "--quiet",
                "--disable-pip-version-check",
                "-v",
                "--root-user-action",
                "--no-input",
                "--user",
                "--break-system-packages",
                "-i",
                "--index-url",
            ];
            command.flags.iter().all(|flag| HARMLESS.contains(&flag.name.as_str()))
                && packages.all(is_package_name)
        }
        _ => false,
    }
}

/// Whether a RUN before has installed dependencies by one of these programs: then that is the cached layer.
pub(crate) fn installs_dependencies(model: &BuildModel, index: usize, program: &str) -> bool {
    let Some(text) = model.shell_text(index).filter(|text| text.script.is_readable()) else { return false };
    text.script.commands().any(|simple| {
        let words: Vec<&str> = simple.words.iter().map(|word| word.value().unwrap_or(word.raw())).collect();
        let manager =
            |words: &[&str]| InstallCommand::read(words).map(|command| command.manager.name.clone());
        manager(&words).is_some_and(|name| name == program) && !reads_nothing(&words)
    })
}
