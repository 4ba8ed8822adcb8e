//! Python: pip, uv, Poetry, Pipenv, PDM, conda.
//!
//! Sources: pip.pypa.io (pip install, pip wheel, requirements file format), docs.astral.sh/uv (CLI reference, "Using uv in
//! Docker"), python-poetry.org/docs/cli, pipenv.pypa.io, pdm-project.org, docs.conda.io.

use crate::context::EntryKind;
use crate::context::project::{
    PYTHON_ENVIRONMENTS, Project, PythonProject, Stack as ProjectStack, python_project,
};
use crate::model::Known;
use crate::shell::quote::posix_quote;

use super::{Command, Dependencies, First, Place, Refusal, Stack, place_from};

mod conda;
mod harmless;
mod managers;
mod pip;

pub(super) use pip::is_package_name;

/// The stack.
pub(super) const STACK: Stack = Stack {
    name: "Python",
    words: &["pip", "uv", "poetry", "pdm", "conda", "mamba", "setup.py"],
    read,
    installs,
};

fn read(place: &Place<'_>, words: &[&str]) -> Command {
    let Some(call) = Call::read(words) else { return Command::NotMine };
    // A program that came with the source is no tool.
    if words.first().is_some_and(|program| program.contains('/') && place.file(program).is_some()) {
        return Command::NotMine;
    }
    if harmless::reads_nothing(place, &call) {
        return Command::Nothing;
    }
    match call.name {
        "pip" => pip::read(place, &call),
        "uv" => managers::uv(place, &call),
        "poetry" => managers::poetry(place, &call),
        "pdm" => managers::pdm(place, &call),
        "pipenv" => managers::pipenv(place, &call),
        "pip-sync" => pip::sync(place, &call),
        "conda" => conda::read(place, &call),
        "setup.py" => setup(place, &call),
        _ => Command::NotMine,
    }
}

/// Whether a command installs what a manifest lists, as far as its words tell.
fn installs(words: &[&str]) -> bool {
    let Some(call) = Call::read(words) else { return false };
    let has = |wanted: &[&str]| call.args().iter().any(|word| wanted.contains(word));
    match call.name {
        "pip" => has(&["install", "wheel"]),
        "uv" => has(&["sync"]) || has(&["pip"]) && has(&["install", "sync"]),
        "poetry" | "pdm" | "pipenv" => has(&["install", "sync"]),
        "pip-sync" => true,
        "conda" => has(&["create", "update", "install"]) && has(&["-f", "--file"]),
        _ => false,
    }
}

/// A command line of one of the tools, however it is started: `poetry`, `/opt/poetry/bin/poetry`, `python3 -m poetry`.
struct Call<'a> {
    words: &'a [&'a str],
    /// Where the arguments begin.
    start: usize,
    /// The tool; every pip and every conda by one name.
    name: &'a str,
}

impl<'a> Call<'a> {
    fn read(words: &'a [&'a str]) -> Option<Self> {
        let first = words.first()?;
        let program = first.rsplit('/').next().unwrap_or(first);
        let versioned = |name: &str| {
            let rest = program.strip_prefix(name);
            rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
        };
        if versioned("python") || versioned("pypy") {
            // Options of the interpreter stand before `-m` or the script: `python -u -m pip`.
            let at = words
                .iter()
                .skip(1)
                .position(|word| !word.starts_with('-') || matches!(*word, "-m" | "-c"))?
                + 1;
            return match *words.get(at)? {
                "-m" => Some(Self { words, start: at + 2, name: one_name(words.get(at + 1)?) }),
                "-c" => Some(Self { words, start: at + 1, name: "python" }),
                "setup.py" | "./setup.py" => Some(Self { words, start: at + 1, name: "setup.py" }),
                script if installer(script).is_some() => Some(Self { words, start: at, name: "installer" }),
                _ => None,
            };
        }
        let name = if versioned("pip") { "pip" } else { one_name(program) };
        Some(Self { words, start: 1, name })
    }

    fn args(&self) -> &'a [&'a str] {
        self.words.get(self.start..).unwrap_or_default()
    }

    /// The first argument that is no flag, by its place among the arguments. `values` are the flags before it that take
    /// a value.
    fn verb(&self, values: &[&str]) -> Option<usize> {
        let args = self.args();
        let mut at = 0;
        while let Some(word) = args.get(at) {
            if !word.starts_with('-') {
                return Some(at);
            }
            at += if values.contains(word) { 2 } else { 1 };
        }
        None
    }

    /// Whether one of these flags stands among the arguments, alone or with `=`.
    fn has(&self, flags: &[&str]) -> bool {
        self.args()
            .iter()
            .any(|word| flags.contains(word) || flags.contains(&word.split('=').next().unwrap_or(word)))
    }

    /// The command line with a flag behind the argument at `at`.
    fn with(&self, at: usize, flag: &str) -> String {
        let mut words: Vec<String> = self.words.iter().map(|word| posix_quote(word)).collect();
        words.insert((self.start + at + 1).min(words.len()), flag.to_owned());
        words.join(" ")
    }
}

/// The name of a script that installs a tool, as its authors publish it.
fn installer(script: &str) -> Option<&str> {
    let name = script.rsplit('/').next().unwrap_or(script);
    ["get-pip.py", "ez_setup.py", "get-poetry.py", "install-poetry.py"].contains(&name).then_some(name)
}

/// The tool of a program or module.
fn one_name(program: &str) -> &str {
    match program {
        "mamba" | "micromamba" => "conda",
        other => other,
    }
}

/// `python setup.py install`: only with the source.
fn setup(place: &Place<'_>, call: &Call<'_>) -> Command {
    let installs = call.args().iter().any(|word| matches!(*word, "install" | "develop"));
    let Some((path, _)) = place.file("setup.py").filter(|_| installs) else { return Command::NotMine };
    let project = parent(&path);
    let reason = "`setup.py` installs the source itself, with its dependencies";
    Command::Installs(after_source(project, Refusal::hazard("H051", reason)))
}

/// An installation that has to stay behind the source, and for which nothing can be installed before.
fn after_source(project: String, refusal: Refusal) -> Dependencies {
    Dependencies {
        project,
        makes: &[],
        files: Err(refusal),
        first: First::Add(String::new()),
        remarks: Vec::new(),
    }
}

fn parent(path: &str) -> String {
    crate::context::split(path).0.to_owned()
}

/// A file of the context that a command names.
struct Located {
    /// The file.
    path: String,
    /// The context's directory in which the command runs, where that is known.
    root: Option<String>,
}

impl Located {
    /// The directory in which a path of the context is looked for that is written relative to where the command runs. One
    /// that does not exist where that lies outside of what was copied.
    fn base(&self) -> &str {
        self.root.as_deref().unwrap_or("?")
    }

    /// The directory of the project: where the command runs, else where the file is.
    fn project(&self) -> String {
        self.root.clone().unwrap_or_else(|| parent(&self.path))
    }
}

/// The context's file for a name in a command, when it is there.
fn locate(place: &Place<'_>, name: &str) -> Option<Located> {
    let path = place.path(name)?;
    place.context.files().entry(&path).is_present().then_some(())?;
    let image = place_from(place.directory, name)?;
    let below =
        image.strip_prefix(place.directory.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
    let root =
        below.and_then(|below| path.strip_suffix(below)).map(|root| root.trim_end_matches('/').to_owned());
    Some(Located { path, root })
}

/// Whether something is written to a place in what was copied where the context has something, too.
fn is_in_the_way(place: &Place<'_>, target: &str) -> bool {
    let inside = place.path(&format!("{}/x", target.trim_end_matches('/')));
    inside.is_some_and(|path| place.context.files().entry(&parent(&path)).is_present())
}

fn is_directory(place: &Place<'_>, path: &str) -> bool {
    let entry = place.context.files().entry(path).present();
    entry.is_some_and(|entry| entry.kind == EntryKind::Directory)
}

/// Asks the project in a directory of the context.
fn with_project<T>(place: &Place<'_>, root: &str, ask: impl FnOnce(&PythonProject) -> T) -> Option<T> {
    let of = |project: &'_ Project| match &project.stack {
        ProjectStack::Python(python) if project.root == root => Some(python.clone()),
        _ => None,
    };
    // The list does not go down to every directory.
    let known = place.context.projects()?.iter().find_map(of);
    let python = known.or_else(|| python_project(place.context.files(), root).map(Box::new))?;
    Some(ask(&python))
}

/// The environment in the project's own directory that a command installs to, as far as the program and the environment
/// of the step tell (H060). pip installs to the system where nothing says otherwise.
fn environment(place: &Place<'_>, call: &Call<'_>) -> &'static [&'static str] {
    let mut places = vec![call.words.first().copied().unwrap_or_default()];
    places.extend(
        ["VIRTUAL_ENV", "PATH", "UV_PROJECT_ENVIRONMENT"].iter().filter_map(|name| place.variable(name)),
    );
    let parts: Vec<&str> = places.iter().flat_map(|place| place.split(['/', ':'])).collect();
    for (at, name) in PYTHON_ENVIRONMENTS.iter().enumerate() {
        // `/usr/bin/env` is a program.
        if *name != "env" && parts.contains(name) {
            return PYTHON_ENVIRONMENTS.get(at..=at).unwrap_or_default();
        }
    }
    // `PATH=/app/.venv/bin:$PATH` ends with what the base image has, which is not known.
    match place.state.variable("PATH") {
        Some(Known::Unknown(_)) => PYTHON_ENVIRONMENTS.get(..2).unwrap_or_default(),
        _ => &[],
    }
}
