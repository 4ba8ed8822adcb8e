//! The RUNs of a stage, command by command, and what each command leaves behind.

use crate::model::{Known, State};
use crate::rule::Subject;
use crate::rule::installs::{Started, text_of};
use crate::shell::{Item, Joiner, RedirectOp, Simple};
use crate::syntax::{Instruction, Lexer};

use super::Stack;

/// What a command leaves in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing, or what only matters to the RUN itself and to caches.
    Nothing,
    /// It changes the shell that the commands behind it run in: `cd`, `export`.
    Shell,
    /// It builds or installs dependencies; `inside`: below its directory.
    Builds {
        /// Whether the result is below the directory it runs in.
        inside: bool,
    },
    /// It writes to these absolute paths.
    Writes(Vec<String>),
    /// The same, with a program that only full images have.
    Fetches(Vec<String>),
    /// It installs programs of the stack for the whole image that only build, as a global package does.
    Tools,
    /// It changes the system (users, links, certificates), and can be repeated in the final stage.
    System,
    /// It installs packages of the distribution.
    Packages,
    /// It removes packages of the distribution.
    Removes,
    /// It is not known what it leaves.
    Unknown,
}

/// A command.
pub(crate) struct Command<'a> {
    /// The words from the program on, without `sudo`, `env` and the like.
    pub(crate) words: Vec<&'a str>,
    /// The command as the shell has it.
    pub(crate) started: Started<'a>,
    /// The directory it runs in, where that is known.
    pub(crate) directory: Option<String>,
    /// The state its RUN runs in.
    pub(crate) state: &'a State,
    /// The escape character of the file.
    pub(crate) escape: char,
    /// What it leaves.
    pub(crate) effect: Effect,
}

impl Command<'_> {
    /// The program, without its path.
    pub(crate) fn program(&self) -> &str {
        self.words.first().map_or("", |word| word.rsplit('/').next().unwrap_or(word))
    }

    /// The first word behind the program that is no flag.
    pub(crate) fn verb(&self) -> &str {
        self.words.iter().skip(1).find(|word| !word.starts_with('-')).copied().unwrap_or_default()
    }

    /// Whether one of these words is there.
    pub(crate) fn has(&self, words: &[&str]) -> bool {
        self.words.iter().any(|word| words.contains(word))
    }

    /// The words behind the program that are no flags.
    fn operands(&self) -> impl Iterator<Item = &str> {
        self.words.iter().skip(1).filter(|word| !word.starts_with('-')).copied()
    }

    /// A path that it names, absolute. `None` when that is not known.
    pub(crate) fn path(&self, word: &str) -> Option<String> {
        let word = word.trim_matches(['"', '\'']);
        let word = Lexer::new(self.escape).expand(word, self.state).ok()?.text;
        let home = if self.state.user.value().is_some_and(|user| user == "root" || user == "0") {
            Some("/root")
        } else {
            None
        };
        let word = match word.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{}{rest}", home?),
            Some(_) => return None,
            None => word,
        };
        let whole =
            if word.starts_with('/') { word } else { format!("{}/{word}", self.directory.as_deref()?) };
        Some(format!("/{}", crate::context::normalise(&whole)?))
    }

    fn paths<'w>(&self, words: impl Iterator<Item = &'w str>) -> Effect {
        words.map(|word| self.path(word)).collect::<Option<Vec<_>>>().map_or(Effect::Unknown, Effect::Writes)
    }

    /// What every stage may run, whatever it is built with.
    fn common_effect(&self) -> Effect {
        const QUIET: &[&str] = &[
            "echo",
            "true",
            ":",
            "ls",
            "cat",
            "pwd",
            "printenv",
            "whoami",
            "test",
            "[",
            "sleep",
            "date",
            "which",
            "du",
            "df",
            "id",
            "uname",
            "printf",
            "type",
            "stat",
            "wc",
            "head",
            "tail",
            "grep",
            "hash",
            "tree",
            "env",
            "sort",
            "awk",
            "cut",
            "tr",
            "basename",
            "dirname",
            "sync",
            "history",
            "ldd",
            "locale",
            "arch",
            "dpkg",
            "dpkg-query",
            "clear",
            "nproc",
            "free",
            "ps",
        ];
        const SYSTEM: &[&str] = &[
            "useradd",
            "adduser",
            "groupadd",
            "addgroup",
            "usermod",
            "groupmod",
            "deluser",
            "userdel",
            "groupdel",
            "delgroup",
            "passwd",
            "chpasswd",
            "update-ca-certificates",
            "ldconfig",
            "locale-gen",
            "dpkg-reconfigure",
            "update-locale",
            "localedef",
            "update-alternatives",
            "a2enmod",
            "setup-timezone",
        ];
        let program = self.program();
        match program {
            "" => Effect::Nothing,
            "cd" | "export" | "unset" | "set" | "umask" | "exit" | "alias" | "shopt" | "trap" => {
                Effect::Shell
            }
            "apt-get" | "apt" | "aptitude" => match self.verb() {
                "update" | "clean" | "autoclean" | "autoremove" | "check" | "list" | "--version" => {
                    Effect::Nothing
                }
                "install" => Effect::Packages,
                "remove" | "purge" => Effect::Removes,
                "upgrade" | "dist-upgrade" | "full-upgrade" => Effect::System,
                _ => Effect::Unknown,
            },
            "apk" => match self.verb() {
                "update" | "cache" | "info" | "fix" => Effect::Nothing,
                "add" => Effect::Packages,
                "del" => Effect::Removes,
                "upgrade" => Effect::System,
                _ => Effect::Unknown,
            },
            _ if SYSTEM.contains(&program) => Effect::System,
            _ if QUIET.contains(&program) => Effect::Nothing,
            "rm" | "rmdir" => self.removes(),
            "mkdir" | "touch" | "cp" | "mv" | "ln" | "tee" | "install" | "unzip" | "gunzip" | "gzip"
            | "truncate" | "dos2unix" => self.paths(self.file_operands()),
            "chmod" | "chown" | "chgrp" => self.paths(self.operands().skip(1)),
            "sed" => self.sed(),
            "find" => {
                self.paths(self.words.iter().skip(1).take_while(|word| !word.starts_with('-')).copied())
            }
            "curl" | "wget" => self.download(),
            "git" => self.git(),
            _ => Effect::Unknown,
        }
    }

    /// The operands that are files: not the value of `-m`, `-o` and `-t`.
    fn file_operands(&self) -> impl Iterator<Item = &str> {
        let mut words = self.words.iter().skip(1).copied();
        std::iter::from_fn(move || {
            loop {
                let word = words.next()?;
                if matches!(word, "-m" | "--mode" | "-o" | "-g") {
                    words.next();
                } else if !word.starts_with('-') {
                    return Some(word);
                }
            }
        })
    }

    fn removes(&self) -> Effect {
        const CACHES: &[&str] = &[
            "/var/lib/apt/lists",
            "/var/cache",
            "/tmp",
            "/root/.cache",
            "/root/.npm",
            "/root/.yarn",
            "/usr/share/doc",
            "/usr/share/man",
            "/var/log",
            "/usr/local/share/.cache",
            "/var/tmp",
            "/root/.node-gyp",
            "/root/.config",
        ];
        let Effect::Writes(mut paths) = self.paths(self.operands()) else { return Effect::Unknown };
        paths.retain(|path| !CACHES.iter().any(|cache| path.starts_with(cache)));
        if paths.is_empty() { Effect::Nothing } else { Effect::Writes(paths) }
    }

    fn sed(&self) -> Effect {
        let in_place = self.words.iter().any(|word| {
            word.starts_with("-i")
                || *word == "--in-place"
                || (word.starts_with('-') && !word.starts_with("--") && word.contains('i'))
        });
        if !in_place {
            return Effect::Nothing;
        }
        let by_flag = self.has(&["-e", "--expression", "-f"]);
        let mut files: Vec<&str> = Vec::new();
        let mut skip = usize::from(!by_flag);
        let mut words = self.words.iter().skip(1);
        while let Some(word) = words.next() {
            if matches!(*word, "-e" | "-f" | "--expression") {
                words.next();
            } else if word.starts_with('-') {
            } else if skip > 0 {
                skip -= 1;
            } else {
                files.push(word);
            }
        }
        self.paths(files.into_iter())
    }

    fn download(&self) -> Effect {
        let named: &[&str] =
            if self.program() == "curl" { &["-o", "--output"] } else { &["-O", "--output-document"] };
        let mut words = self.words.iter().skip(1);
        let mut to_stdout = self.program() == "curl";
        while let Some(word) = words.next() {
            let attached = named.iter().find_map(|flag| word.strip_prefix(&format!("{flag}=")));
            let value = attached.or_else(|| {
                if named.contains(word)
                    || (word.starts_with('-') && !word.starts_with("--") && word.ends_with(&named[0][1..]))
                {
                    words.next().copied()
                } else {
                    None
                }
            });
            if let Some(path) = value {
                if path == "-" || path == "/dev/null" {
                    return if path == "-" { Effect::Unknown } else { Effect::Nothing };
                }
                return self.path(path).map_or(Effect::Unknown, |path| Effect::Fetches(vec![path]));
            }
            to_stdout &= !(word.starts_with('-') && !word.starts_with("--") && word.contains('O')
                || *word == "--remote-name");
        }
        match (&self.directory, to_stdout || self.started.simple.context.in_pipeline) {
            (Some(directory), false) => Effect::Fetches(vec![format!("{directory}/download")]),
            _ => Effect::Unknown,
        }
    }

    fn git(&self) -> Effect {
        match self.verb() {
            "config" | "rev-parse" | "describe" | "log" | "--version" | "status" => Effect::Nothing,
            "clone" => {
                let operands: Vec<&str> = self.operands().filter(|word| *word != "clone").collect();
                let target =
                    operands.iter().rposition(|word| word.contains("://") || word.starts_with("git@"));
                let path = match target.and_then(|at| Some((operands.get(at)?, operands.get(at + 1)))) {
                    Some((_, Some(path))) => self.path(path),
                    Some((url, None)) => {
                        let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                        self.path(name.trim_end_matches(".git"))
                    }
                    None => None,
                };
                path.map_or(Effect::Unknown, |path| Effect::Fetches(vec![path]))
            }
            "submodule" | "checkout" | "pull" | "lfs" => match &self.directory {
                Some(directory) => Effect::Fetches(vec![directory.clone()]),
                None => Effect::Unknown,
            },
            _ => Effect::Unknown,
        }
    }
}

/// A command of the list of a RUN, with all commands in it.
pub(crate) struct ItemView<'a> {
    /// Its text.
    pub(crate) text: String,
    /// How it hangs on the one before it.
    pub(crate) joiner: Option<Joiner>,
    /// The commands in it.
    pub(crate) commands: Vec<Command<'a>>,
}

/// A RUN.
pub(crate) struct RunStep<'a> {
    /// The index of the instruction.
    pub(crate) index: usize,
    /// The instruction.
    pub(crate) instruction: &'a Instruction,
    /// Its commands.
    pub(crate) items: Vec<ItemView<'a>>,
    /// Whether its text could be read.
    pub(crate) is_readable: bool,
}

impl<'a> RunStep<'a> {
    /// Reads a RUN.
    pub(super) fn read(
        subject: &'a Subject<'a>,
        index: usize,
        instruction: &'a Instruction,
        stack: &Stack,
    ) -> Self {
        let model = subject.model;
        let mut run = Self { index, instruction, items: Vec::new(), is_readable: false };
        let (Some(text), Some((_, step))) = (model.shell_text(index), model.place(index)) else { return run };
        if !text.script.is_readable() {
            return run;
        }
        run.is_readable = true;
        let state: &'a State = &step.state;
        let mut directory = match &state.workdir {
            Known::Value(directory) => Some(if directory == "/" { String::new() } else { directory.clone() }),
            Known::Unknown(_) => None,
        };
        let mut commands = text.script.commands().enumerate().peekable();
        for item in text.script.list() {
            let span = item.node.span();
            let mut view = ItemView {
                text: text.script.text().get(span.clone()).unwrap_or_default().to_owned(),
                joiner: item.joiner.as_ref().map(|joiner| joiner.kind),
                commands: Vec::new(),
            };
            if item.background.is_some() {
                run.is_readable = false;
            }
            while let Some((number, simple)) = commands.next_if(|(_, simple)| simple.span.start < span.end) {
                let started = Started::new(number, simple);
                let mut command = Command {
                    words: started.words().collect(),
                    started,
                    directory: directory.clone(),
                    state,
                    escape: model.file().escape(),
                    effect: Effect::Unknown,
                };
                command.effect = effect(&command, simple, stack, is_in_loop(item));
                if command.program() == "cd" {
                    directory = command.words.get(1).and_then(|to| command.path(to));
                }
                view.commands.push(command);
            }
            run.items.push(view);
        }
        run
    }

    /// Whether one of its commands builds.
    pub(crate) fn builds(&self) -> bool {
        self.commands().any(|command| matches!(command.effect, Effect::Builds { .. }))
    }

    /// All its commands.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Command<'a>> {
        self.items.iter().flat_map(|item| &item.commands)
    }

    /// Whether each command only runs when the one before it succeeded.
    pub(crate) fn is_chain(&self) -> bool {
        let sets_e = self.items.first().and_then(|item| item.commands.first()).is_some_and(|command| {
            command.program() == "set"
                && command.words.iter().any(|word| word.starts_with('-') && word.contains('e'))
        });
        self.items.iter().all(|item| match item.joiner {
            None | Some(Joiner::And) => true,
            Some(Joiner::Sequence) => sets_e,
            _ => false,
        })
    }
}

fn is_in_loop(item: &Item) -> bool {
    matches!(item.node, crate::shell::Node::Compound(_))
}

/// What a command leaves, its redirections included.
fn effect(command: &Command<'_>, simple: &Simple, stack: &Stack, in_compound: bool) -> Effect {
    let own = (stack.effect)(command).unwrap_or_else(|| command.common_effect());
    let mut written = Vec::new();
    for redirect in &simple.redirects {
        let writes = matches!(
            redirect.operator,
            RedirectOp::Write
                | RedirectOp::Append
                | RedirectOp::Clobber
                | RedirectOp::Both
                | RedirectOp::BothAppend
        );
        let target = text_of(&redirect.target);
        if !writes || target == "/dev/null" || target.starts_with("/dev/std") {
            continue;
        }
        match command.path(target) {
            Some(path) => written.push(path),
            None => return Effect::Unknown,
        }
    }
    // A variable of a loop is none that can be followed.
    if in_compound && matches!(own, Effect::Packages | Effect::Removes) {
        return Effect::Unknown;
    }
    match (own, written.is_empty()) {
        (own, true) => own,
        (Effect::Nothing | Effect::Shell, false) => Effect::Writes(written),
        (Effect::Writes(mut paths), false) => {
            paths.extend(written);
            Effect::Writes(paths)
        }
        (Effect::Builds { inside }, false) => Effect::Builds { inside },
        _ => Effect::Unknown,
    }
}
