//! The managers of projects: uv, Poetry, PDM, Pipenv.
//!
//! Each installs the project itself with its dependencies, and has an option that leaves the project out. Where that is
//! not given, the same command with it comes before the source (H051). Sources: docs.astral.sh/uv/guides/integration/docker
//! ("Intermediate layers"; `--no-install-project` since 0.3.3), python-poetry.org/docs/cli (`--no-root` since 1.0),
//! pdm-project.org/en/latest/reference/cli (`--no-self`), pipenv.pypa.io/en/latest/cli.

use crate::context::join;
use crate::context::project::{Obstacle, PythonProject, PythonTool};

use super::{
    Call, Command, Dependencies, First, Place, Refusal, after_source, locate, parent, pip, with_project,
};

/// What a manager installs, when it is certain: what the dependencies read, and whether the project is one of them.
struct Plan {
    files: Result<Vec<String>, Obstacle>,
    first: First,
}

/// The installation of the project whose manifest lies where the command runs.
fn installs(
    place: &Place<'_>,
    manifest: &str,
    makes: &'static [&'static str],
    plan: impl FnOnce(&PythonProject, &str) -> Plan,
) -> Command {
    let Some(located) = locate(place, manifest) else { return Command::NotMine };
    let root = parent(&located.path);
    let Some(Plan { files, first }) = with_project(place, &root, |python| plan(python, &located.path)) else {
        return Command::NotMine;
    };
    let files = files.map_err(Refusal::from);
    Command::Installs(Dependencies { project: root, makes, files, first, remarks: Vec::new() })
}

/// An option that makes the command read another project, or that is not understood.
fn elsewhere(place: &Place<'_>, manifest: &str, call: &Call<'_>, options: &[&str]) -> Option<Command> {
    let option = call.args().iter().find(|word| {
        options.contains(word) || word.split_once('=').is_some_and(|(name, _)| options.contains(&name))
    })?;
    let Some(located) = locate(place, manifest) else { return Some(Command::NotMine) };
    let reason = format!("`{option}` makes the install read another project");
    Some(Command::Installs(after_source(parent(&located.path), Refusal::hazard("H050", reason))))
}

/// The directory of the environment, by a variable that switches it on or off.
fn makes(place: &Place<'_>, name: &str, off: &[&str]) -> &'static [&'static str] {
    let value = place.variable(name).unwrap_or_default().to_ascii_lowercase();
    if off.contains(&value.as_str()) { &[] } else { &[".venv"] }
}

pub(super) fn poetry(place: &Place<'_>, call: &Call<'_>) -> Command {
    const ELSEWHERE: &[&str] = &["-C", "--directory", "-P", "--project"];
    const MANIFEST: &str = "pyproject.toml";
    let Some(verb) = call.verb(ELSEWHERE) else { return Command::NotMine };
    let name = call.args().get(verb).copied().unwrap_or_default();
    let asks = call.has(&["--help", "-h", "--dry-run", "--only-root"]);
    if !matches!(name, "install" | "sync" | "export") || asks {
        return Command::NotMine;
    }
    if let Some(refused) = elsewhere(place, MANIFEST, call, ELSEWHERE) {
        return refused;
    }
    let makes = makes(place, "POETRY_VIRTUALENVS_CREATE", &["false", "0"]);
    let is_alone = name == "export" || call.has(&["--no-root"]);
    installs(place, MANIFEST, makes, |python, path| {
        let installs_itself = python.pyproject.as_ref().is_none_or(|project| project.installs_itself);
        let first =
            if is_alone || !installs_itself { First::Move } else { First::Add(call.with(verb, "--no-root")) };
        Plan { files: managed(python, path, PythonTool::Poetry, "Poetry"), first }
    })
}

/// What the dependencies read, when the project is this tool's.
fn managed(
    python: &PythonProject,
    path: &str,
    tool: PythonTool,
    name: &str,
) -> Result<Vec<String>, Obstacle> {
    match &python.pyproject {
        Some(project) if project.tool != tool => {
            let reason = format!("`{path}` is not a project of {name}");
            Err(Obstacle { reason, hazard: "H050" })
        }
        _ => python.dependency_reads(path),
    }
}

pub(super) fn pdm(place: &Place<'_>, call: &Call<'_>) -> Command {
    const ELSEWHERE: &[&str] = &["-p", "--project", "-g", "--global", "-L", "--lockfile", "-c", "--config"];
    const MANIFEST: &str = "pyproject.toml";
    let Some(verb) = call.verb(ELSEWHERE) else { return Command::NotMine };
    let name = call.args().get(verb).copied().unwrap_or_default();
    if !matches!(name, "install" | "sync" | "i") || call.has(&["--help", "-h", "--dry-run"]) {
        return Command::NotMine;
    }
    if let Some(refused) = elsewhere(place, MANIFEST, call, ELSEWHERE) {
        return refused;
    }
    let is_alone = call.has(&["--no-self"]);
    installs(place, MANIFEST, &[".venv", "__pypackages__"], |python, path| {
        let installs_itself = python.pyproject.as_ref().is_none_or(|project| project.installs_itself);
        let first =
            if is_alone || !installs_itself { First::Move } else { First::Add(call.with(verb, "--no-self")) };
        Plan { files: managed(python, path, PythonTool::Pdm, "PDM"), first }
    })
}

pub(super) fn pipenv(place: &Place<'_>, call: &Call<'_>) -> Command {
    const VALUES: &[&str] =
        &["--python", "--pypi-mirror", "-i", "--index", "--extra-pip-args", "--categories"];
    const ELSEWHERE: &[&str] = &["-r", "--requirements", "-e", "--editable"];
    const MANIFEST: &str = "Pipfile";
    let Some(verb) = call.verb(VALUES) else { return Command::NotMine };
    let args = call.args();
    let name = args.get(verb).copied().unwrap_or_default();
    if !matches!(name, "install" | "sync") || call.has(&["--help", "-h"]) {
        return Command::NotMine;
    }
    if let Some(refused) = elsewhere(place, MANIFEST, call, ELSEWHERE) {
        return refused;
    }
    // `pipenv install flask` writes to the Pipfile.
    let rest = args.get(verb + 1..).unwrap_or_default();
    let names_package = rest.iter().enumerate().any(|(at, word)| {
        let is_value = at > 0 && rest.get(at - 1).is_some_and(|before| VALUES.contains(before));
        !word.starts_with('-') && !is_value
    });
    if names_package {
        return Command::NotMine;
    }
    if place.variable("PIPENV_PIPFILE").is_some() {
        let refusal = Refusal::hazard("H050", "`PIPENV_PIPFILE` names another Pipfile");
        return Command::Installs(after_source(String::new(), refusal));
    }
    let makes: &[&str] = if call.has(&["--system"]) { &[] } else { &[".venv"] };
    installs(place, MANIFEST, makes, |python, path| Plan {
        files: python.install_reads(path),
        first: First::Move,
    })
}

pub(super) fn uv(place: &Place<'_>, call: &Call<'_>) -> Command {
    const VALUES: &[&str] =
        &["--directory", "--project", "--config-file", "--cache-dir", "--color", "--allow-insecure-host"];
    let Some(verb) = call.verb(VALUES) else { return Command::NotMine };
    match call.args().get(verb..).unwrap_or_default() {
        ["pip", ..] => pip::read_uv(place, call),
        ["sync", ..] => sync(place, call, verb),
        ["venv", rest @ ..] => uv_venv(place, rest),
        ["python", "install" | "pin", ..] => settings(place),
        _ => Command::NotMine,
    }
}

/// `uv venv` takes the version of Python from the project, where nothing else names one.
fn uv_venv(place: &Place<'_>, rest: &[&str]) -> Command {
    let values = ["-p", "--python", "--prompt", "--link-mode"];
    let target = rest.iter().enumerate().find(|(at, word)| {
        let is_value = *at > 0 && rest.get(at - 1).is_some_and(|before| values.contains(before));
        !word.starts_with('-') && !is_value
    });
    let target = target.map_or(".venv", |(_, word)| word);
    if super::is_in_the_way(place, target) { Command::NotMine } else { settings(place) }
}

/// A command that reads nothing but the settings of the project.
fn settings(place: &Place<'_>) -> Command {
    let names = [".python-version", ".python-versions", "pyproject.toml", "uv.toml"];
    let found: Vec<_> = names.iter().filter_map(|name| locate(place, name)).collect();
    let Some(first) = found.first() else { return Command::Nothing };
    Command::Installs(Dependencies {
        project: first.project(),
        makes: &[],
        files: Ok(found.iter().map(|located| located.path.clone()).collect()),
        first: First::Move,
        remarks: Vec::new(),
    })
}

fn sync(place: &Place<'_>, call: &Call<'_>, verb: usize) -> Command {
    const ELSEWHERE: &[&str] = &["--directory", "--project", "--script", "--config-file", "--only-group"];
    const MANIFEST: &str = "pyproject.toml";
    if call.has(&["--help", "-h", "--dry-run"]) {
        return Command::NotMine;
    }
    if let Some(refused) = elsewhere(place, MANIFEST, call, ELSEWHERE) {
        return refused;
    }
    // An environment at a fixed place is made there.
    let is_absolute = place.variable("UV_PROJECT_ENVIRONMENT").is_some_and(|path| place.path(path).is_none());
    let makes: &[&str] = if is_absolute { &[] } else { &[".venv"] };
    let is_frozen = call.has(&["--frozen"]) || place.variable("UV_FROZEN").is_some_and(|value| value != "0");
    installs(place, MANIFEST, makes, |python, path| {
        let project = python.pyproject.as_ref();
        let is_workspace = project.is_some_and(|project| project.workspace.is_some());
        let is_alone = call.has(&["--no-install-workspace", "--no-install-local"])
            || !is_workspace && call.has(&["--no-install-project"]);
        let installs_itself = is_workspace || project.is_none_or(|project| project.installs_itself);
        let flag = if is_workspace { "--no-install-workspace" } else { "--no-install-project" };
        let first =
            if is_alone || !installs_itself { First::Move } else { First::Add(call.with(verb, flag)) };
        Plan { files: synced(python, path, is_frozen), first }
    })
}

/// What `uv sync` reads to install the dependencies: with a workspace the manifests of its members too, unless it is told
/// not to compare them with the lockfile.
fn synced(python: &PythonProject, path: &str, is_frozen: bool) -> Result<Vec<String>, Obstacle> {
    if python.pyproject.as_ref().is_some_and(|project| project.tool != PythonTool::Uv) {
        // A project without a lockfile or a table of uv is one all the same, when its dependencies are written down.
        return python.static_reads().map(|mut files| {
            let beside = |name: &str| join(&parent(path), name);
            files.extend(python.settings.iter().filter(|file| **file == beside(".python-version")).cloned());
            files
        });
    }
    let mut files = python.dependency_reads(path)?;
    if !is_frozen {
        files.extend(
            python
                .workspace_members()?
                .iter()
                .filter(|member| !files.contains(member))
                .cloned()
                .collect::<Vec<_>>(),
        );
    }
    Ok(files)
}
