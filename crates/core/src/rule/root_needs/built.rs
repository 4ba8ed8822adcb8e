//! Whether a program is one that the file brings itself: compiled in it, or installed with a package of its name.

use super::files::read;
use super::judge::{Judge, name_of, prepares};
use crate::model::{Base, Source};
use crate::rule::Subject;
use crate::rule::exec_form::lineage;
use crate::shell::Script;
use crate::syntax::{Instruction, Keyword};

impl Judge<'_, '_> {
    /// A program of a package of that name: a server, where the image has a port or the context is known.
    pub(super) fn is_installed(&self, name: &str) -> bool {
        let is_service = !self.survey.stage.config.exposed.is_empty() || self.seen();
        let is_named = |text: &str| {
            text.split_whitespace()
                .any(|word| word.split(['=', '<', '>', '[', '~', '@']).next() == Some(name))
        };
        is_service
            && !self.subject().knowledge.is_interpreter(name)
            && self.survey.lineage.iter().any(|(_, instruction)| {
                let text = instruction.arguments_text();
                let installs = [
                    "pip install",
                    "pip3 install",
                    "npm install -g",
                    "npm i -g",
                    "npm install --global",
                    "yarn global add",
                ];
                instruction.keyword == Keyword::Run
                    && installs.iter().any(|install| text.contains(install))
                    && is_named(text)
            })
    }

    /// A script that the metadata of a Python project in the context declares, and that an installation of it makes.
    pub(super) fn is_declared(&self, name: &str) -> bool {
        let installs = [
            "pip install",
            "pip3 install",
            "poetry install",
            "uv sync",
            "uv pip",
            "pdm install",
            "pdm sync",
            "pipenv",
            "setup.py",
        ];
        let is_installed = installs.iter().any(|install| self.survey.runs_contain(install));
        let is_metadata = |path: &&String| {
            matches!(name_of(path), "pyproject.toml" | "setup.py" | "setup.cfg")
                && path.matches('/').count() < 3
        };
        let declares = |text: String| {
            text.lines().any(|line| {
                let line = line.trim().trim_start_matches(['"', '\'', '[']);
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with('='))
            }) || text.contains(&format!("\"{name}="))
                || text.contains(&format!("'{name}="))
        };
        is_installed
            && self
                .survey
                .files()
                .sources
                .iter()
                .filter(is_metadata)
                .any(|path| read(self.subject(), path).is_some_and(declares))
    }

    /// A program that the file compiles, in this stage or in the one it is copied from.
    pub(super) fn is_built(&self, words: &[String]) -> bool {
        let program = words.first().map(String::as_str).unwrap_or_default();
        let name = name_of(program);
        // `start` and its like are words that the script of an Erlang or JVM release takes.
        let is_release =
            words.get(1).is_some_and(|word| matches!(word.as_str(), "start" | "foreground" | "console"));
        if name.contains('.') || (!self.seen() && prepares(name)) || is_release {
            return false;
        }
        let subject = self.subject();
        let lineage_here = &self.survey.lineage;
        if program.starts_with("/go/bin/")
            || lineage_here.iter().any(|(index, step)| compiles(subject, *index, step))
        {
            let installs = || lineage_here.iter().any(|(_, step)| installs_what_it_compiles(step));
            return self.seen() || program.contains('/') || installs();
        }
        let Some((index, _)) = lineage_here.iter().rev().find(|(index, step)| {
            step.keyword == Keyword::Copy
                && subject.model.copy_source(*index).is_some()
                && self.may_bring(step, program)
        }) else {
            return false;
        };
        let Some(Source::Stage(from)) = subject.model.copy_source(*index) else { return false };
        let Some(from) = subject.model.stages().get(from) else { return false };
        // Where there is no interpreter, a program is a binary.
        let alone = matches!(self.survey.stage.base, Base::Scratch);
        alone || lineage(subject.model, from).iter().any(|(index, step)| compiles(subject, *index, step))
    }

    /// Whether a COPY can be what puts the program at its path.
    fn may_bring(&self, copy: &Instruction, program: &str) -> bool {
        let target = copy.value_texts().last().unwrap_or_default();
        if name_of(target.trim_end_matches('/')) == name_of(program) {
            return true;
        }
        let workdir = self.survey.workdir().unwrap_or("/");
        let folder = match program.rsplit_once('/') {
            None => return target.trim_end_matches('/').ends_with("bin"),
            Some((folder, _)) if program.starts_with('/') => folder.to_owned(),
            Some((folder, _)) => {
                let folder = folder.trim_start_matches('.').trim_matches('/');
                format!("{}/{folder}", workdir.trim_end_matches('/'))
            }
        };
        let target = match target {
            "." | "./" => workdir,
            target => target,
        };
        let trim = |path: &str| path.trim_start_matches("./").trim_matches('/').to_owned();
        trim(&folder).starts_with(&trim(target)) || trim(&folder).ends_with(&trim(target))
    }
}

/// Whether a RUN compiles a program.
pub(super) fn compiles(subject: &Subject<'_>, index: usize, step: &Instruction) -> bool {
    const GOALS: [&str; 8] =
        ["package", "install", "verify", "build", "assemble", "installDist", "bootJar", "shadowJar"];
    const VERBS: [(&str, &[&str]); 9] = [
        ("go", &["build", "install", "get"]),
        ("cargo", &["build", "install"]),
        ("dotnet", &["publish", "build"]),
        ("swift", &["build"]),
        ("crystal", &["build"]),
        ("shards", &["build"]),
        ("zig", &["build"]),
        ("dune", &["build"]),
        ("nim", &["c", "compile"]),
    ];
    const COMPILERS: [&str; 10] =
        ["make", "gcc", "g++", "cc", "clang", "cmake", "ninja", "ghc", "rustc", "native-image"];
    if step.keyword != Keyword::Run {
        return false;
    }
    let text = step.arguments_text();
    let may_compile = !step.heredocs.is_empty()
        || ["mvn", "gradle"].iter().chain(&COMPILERS).any(|name| text.contains(name))
        || VERBS.iter().any(|(name, _)| text.contains(name));
    let script = subject.model.shell_text(index).filter(|_| may_compile).map(|text| &text.script);
    let commands = script.into_iter().flat_map(Script::commands);
    commands.into_iter().any(|simple| {
        let name = simple.name().map(name_of).unwrap_or_default();
        let verb = simple.args().iter().find_map(|word| word.value().filter(|value| !value.starts_with('-')));
        let has_goal =
            || simple.args().iter().filter_map(crate::shell::Word::value).any(|word| GOALS.contains(&word));
        COMPILERS.contains(&name)
            || (matches!(name, "mvn" | "mvnw" | "gradle" | "gradlew") && has_goal())
            || VERBS
                .iter()
                .any(|(program, verbs)| *program == name && verb.is_some_and(|verb| verbs.contains(&verb)))
    })
}

fn installs_what_it_compiles(step: &Instruction) -> bool {
    let text = step.arguments_text();
    step.keyword == Keyword::Run
        && ["make install", "go install", "cargo install"].iter().any(|text_part| text.contains(text_part))
}
