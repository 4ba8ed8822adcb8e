//! Python: what installs and builds, and what a program needs of it.
//!
//! What pip installs lies in `site-packages` and in `bin`, both at paths that the same version of the interpreter has
//! in the slim image (H071, H072). A virtual environment comes over whole, to the same path.

use std::collections::BTreeSet;

use super::compose::sibling_text;
use super::demands;
use super::steps::{Command, Effect};
use super::{BuildStage, Runtime, Stack, is_at_or_below};
use crate::knowledge::{Family, Knowledge};
use crate::rule::Refusal;

pub(super) static STACK: Stack =
    Stack { words: &["pip", "poetry", "uv ", "pipenv"], effect, saves: |_| false, runtime };

fn is_python(program: &str) -> bool {
    program
        .strip_prefix("python")
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// The words of pip behind its name, when a command is one of it.
fn pip<'w>(command: &'w Command<'_>) -> Option<&'w [&'w str]> {
    let words = command.words.as_slice();
    let program = command.program();
    let is_pip = program
        .strip_prefix("pip")
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    if is_pip {
        return words.get(1..);
    }
    match words {
        [_, "-m", "pip", rest @ ..] if is_python(program) => Some(rest),
        ["uv", "pip", rest @ ..] => Some(rest),
        _ => None,
    }
}

fn effect(command: &Command<'_>) -> Option<Effect> {
    let program = command.program();
    if let Some(download) = Knowledge::builtin().python_download(&command.words) {
        // One that lies among the packages, or in one known place, comes over from there.
        let is_plain =
            download.places.len() < 2 && download.name != "playwright" && download.name != "pyppeteer";
        return Some(if is_plain { Effect::Builds { inside: false } } else { Effect::Unknown });
    }
    if let Some(words) = pip(command) {
        return Some(pip_effect(words));
    }
    let inside = Some(Effect::Builds { inside: true });
    match program {
        _ if is_python(program) => Some(python_effect(command)),
        "poetry" => match command.verb() {
            "config" | "--version" | "cache" | "check" | "env" | "self" | "show" | "" => {
                Some(Effect::Nothing)
            }
            _ => inside,
        },
        "uv" => match command.verb() {
            "sync" | "run" | "lock" | "export" | "add" | "build" | "venv" => inside,
            "cache" | "version" | "help" | "" => Some(Effect::Nothing),
            _ => Some(Effect::Unknown),
        },
        "pipenv" => {
            let goes_in =
                command.has(&["--system"]) || command.state.variable("PIPENV_VENV_IN_PROJECT").is_some();
            match command.verb() {
                "install" | "sync" if goes_in => Some(Effect::Builds { inside: !command.has(&["--system"]) }),
                "lock" | "requirements" | "run" => inside,
                _ => Some(Effect::Unknown),
            }
        }
        "virtualenv" => Some(Effect::Builds { inside: false }),
        "django-admin" | "pytest" | "flake8" | "black" | "mypy" | "ruff" | "alembic" | "flask"
        | "pybabel" => inside,
        _ => None,
    }
}

fn pip_effect(words: &[&str]) -> Effect {
    let verb = words.iter().find(|word| !word.starts_with('-')).copied().unwrap_or_default();
    match verb {
        "install" | "uninstall" | "sync" => {
            let elsewhere = words.iter().any(|word| {
                ["--target", "-t", "--prefix", "--root", "--src"]
                    .iter()
                    .any(|flag| word == flag || word.starts_with(&format!("{flag}=")))
            });
            let is_local = words
                .iter()
                .any(|word| matches!(*word, "-e" | "--editable") || word.starts_with("--editable="));
            if elsewhere { Effect::Unknown } else { Effect::Builds { inside: is_local } }
        }
        "cache" | "config" | "list" | "freeze" | "check" | "show" | "--version" | "debug" | "" => {
            Effect::Nothing
        }
        _ => Effect::Unknown,
    }
}

fn python_effect(command: &Command<'_>) -> Effect {
    let words = command.words.get(1..).unwrap_or_default();
    match words {
        ["--version" | "-V"] => Effect::Nothing,
        ["-m", "venv", ..] => Effect::Builds { inside: false },
        ["-m", "compileall" | "build" | "grpc_tools.protoc" | "pytest", ..] => {
            Effect::Builds { inside: true }
        }
        ["-c", code] if code.starts_with("import ") && !code.contains(['(', ';']) => Effect::Nothing,
        [script, verb, ..] if script.rsplit('/').next() == Some("manage.py") => {
            const VERBS: &[&str] = &[
                "collectstatic",
                "compilemessages",
                "migrate",
                "makemigrations",
                "compress",
                "check",
                "test",
                "loaddata",
                "tailwind",
                "createcachetable",
                "makemessages",
            ];
            if VERBS.contains(verb) { Effect::Builds { inside: true } } else { Effect::Unknown }
        }
        ["setup.py", ..] => Effect::Builds { inside: true },
        _ => Effect::Unknown,
    }
}

/// The virtual environment that a command makes.
fn made_venv(command: &Command<'_>) -> Option<String> {
    let words = command.words.as_slice();
    let target = match words {
        [program, "-m", "venv", rest @ ..] if is_python(program.rsplit('/').next().unwrap_or(program)) => {
            rest
        }
        ["virtualenv", rest @ ..] | ["uv", "venv", rest @ ..] => rest,
        _ => return None,
    };
    let path = target.iter().rfind(|word| !word.starts_with('-'));
    match path {
        Some(path) => command.path(path),
        None => command.path(".venv"),
    }
}

fn runtime(stage: &BuildStage<'_>) -> Result<Runtime, Refusal> {
    if stage.image != "python" {
        return Err(Refusal::hazard(
            "H084",
            format!("it is not known how Python came into `{}`", stage.base),
        ));
    }
    let started = demands::started_by(stage)?;
    let mut runtime = Runtime { base: sibling_text(stage)?, ..Runtime::default() };
    if let Some(slim) = &stage.slim {
        runtime.left_behind.push(format!("the build tools of {} ({slim} runs the program)", stage.base));
    }
    runtime.copies = copies(stage)?;
    runtime.packages = system_needs(stage)?;
    let starts = ["subprocess", "os.system", "os.popen", "pexpect", "asyncio.create_subprocess"];
    for package in demands::packages(stage, &started, &starts, &[".py"])? {
        if !runtime.packages.contains(&package) {
            runtime.packages.push(package);
        }
    }
    Ok(runtime)
}

/// The `X.Y` that the tag names.
fn version(stage: &BuildStage<'_>) -> Option<String> {
    let (_, tag) = stage.base.rsplit_once(':')?;
    let mut parts = tag.split('-').next()?.split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(major) && is_number(minor)).then(|| format!("{major}.{minor}"))
}

/// What comes over: the installed packages and their programs, virtual environments, and the directories of the program
/// unless everything in them is copied from the context behind the build again.
fn copies(stage: &BuildStage<'_>) -> Result<Vec<String>, Refusal> {
    let mut copies: Vec<String> = Vec::new();
    let mut site = false;
    let venvs: Vec<String> = stage.commands().filter_map(made_venv).collect();
    for command in stage.commands().filter(|command| matches!(command.effect, Effect::Builds { .. })) {
        if made_venv(command).is_some() {
            continue;
        }
        let is_root = command.state.user.value().is_some_and(|user| user == "root" || user == "0");
        let place = Knowledge::builtin().python_download(&command.words).and_then(|download| {
            (download.variable.as_ref().is_none_or(|name| command.state.variable(name).is_none()))
                .then_some(download.places.first())?
        });
        if let Some(place) = place {
            let rest = place.strip_prefix('~').filter(|_| is_root);
            let rest = rest.ok_or_else(|| {
                Refusal::hazard(
                    "H073",
                    format!("`{}` downloads to a place that is not known", command.words.join(" ")),
                )
            })?;
            copies.push(format!("/root{rest}"));
            continue;
        }
        let installs = pip(command).is_some()
            || matches!(command.program(), "poetry" | "pipenv" | "spacy")
            || command.words.contains(&"setup.py")
            || command.words.contains(&"spacy");
        if !installs {
            continue;
        }
        let path = command.state.variable("PATH").and_then(|path| path.value().cloned()).unwrap_or_default();
        let written =
            command.state.variable("VIRTUAL_ENV").and_then(|path| path.value().cloned()).unwrap_or_default();
        let in_venv = venvs.iter().any(|venv| {
            path.starts_with(&format!("{venv}/bin"))
                || written == *venv
                || command
                    .words
                    .first()
                    .is_some_and(|word| command.path(word).is_some_and(|path| is_at_or_below(&path, venv)))
        }) || (!venvs.is_empty() && enters_venv(stage, &venvs));
        if in_venv || (pip(command).is_none() && makes_own_environment(stage, command)?) {
            continue;
        }
        if command.has(&["--user"]) {
            if !is_root {
                return Err(Refusal::hazard("H072", "the packages are installed in the home of a user"));
            }
            copies.push("/root/.local".to_owned());
            continue;
        }
        if !is_root {
            return Err(Refusal::hazard("H072", "another user than root installs the packages"));
        }
        site = true;
    }
    if site {
        let version = version(stage).ok_or_else(|| {
            Refusal::hazard(
                "H071",
                format!("`{}` does not say which minor version of Python it is", stage.base),
            )
        })?;
        copies.push(format!("/usr/local/lib/python{version}/site-packages"));
        copies.push("/usr/local/bin".to_owned());
    }
    copies.extend(venvs.into_iter().filter(|venv| !stage.is_inside(venv)));
    let before = stage.files_before(stage.last + 1)?;
    let view = crate::model::FileView::new(stage.subject.context);
    let again: BTreeSet<String> = stage
        .tail()
        .filter_map(|(index, _)| view.copied(stage.model(), index))
        .flatten()
        .map(|file| file.target)
        .collect();
    for directory in &stage.directories {
        let works_in = stage.commands().any(|command| match &command.effect {
            Effect::Builds { inside } => {
                (*inside && command.directory.as_ref().is_some_and(|here| is_at_or_below(here, directory)))
                    || made_venv(command).is_some_and(|venv| is_at_or_below(&venv, directory))
            }
            Effect::Writes(paths) | Effect::Fetches(paths) => {
                paths.iter().any(|path| is_at_or_below(path, directory))
            }
            _ => false,
        });
        let covered = before
            .keys()
            .filter(|target| is_at_or_below(target, directory))
            .all(|target| again.contains(target));
        if works_in || !covered {
            copies.push(directory.clone());
        }
    }
    copies.extend(static_files(stage, &copies)?);
    let mut seen = BTreeSet::new();
    copies.retain(|copy| seen.insert(copy.clone()));
    if copies.is_empty() {
        return Err(Refusal::hazard("H072", "it is not known where the packages are installed"));
    }
    Ok(copies)
}

/// Where Django collects its static files, when that is not among what comes over anyway.
///
/// # Errors
/// A refusal when the settings do not say it plainly (H080).
fn static_files(stage: &BuildStage<'_>, copies: &[String]) -> Result<Vec<String>, Refusal> {
    let collects = stage.commands().any(|command| command.has(&["collectstatic", "compress"]));
    let mut places = Vec::new();
    if !collects {
        return Ok(places);
    }
    for path in stage.files()?.values().filter(|path| path.strip_suffix(".py").is_some()) {
        let Some(text) = stage.read(path).filter(|text| text.contains("STATIC_ROOT")) else { continue };
        for line in text.lines().map(str::trim).filter(|line| line.starts_with("STATIC_ROOT")) {
            let Some((_, value)) = line.split_once('=') else { continue };
            let quoted = value.split(['"', '\'']).nth(1).unwrap_or_default();
            if quoted.starts_with('/') && !value.contains("BASE_DIR") {
                let place = quoted.trim_end_matches('/').to_owned();
                if !copies.iter().any(|copy| is_at_or_below(&place, copy)) {
                    places.push(place);
                }
            } else if value.contains(".parent")
                || value.contains("..")
                || value.contains("dirname")
                || !value.contains(['"', '\''])
            {
                return Err(Refusal::hazard(
                    "H080",
                    format!("it is not known where `{path}` collects static files"),
                ));
            }
        }
    }
    Ok(places)
}

/// The version that a requirement or a lockfile pins a package to, as numbers.
fn pinned(stage: &BuildStage<'_>, name: &str) -> Result<Option<Vec<u32>>, Refusal> {
    let numbers = |text: &str| -> Vec<u32> { text.split('.').map_while(|part| part.parse().ok()).collect() };
    for path in stage.files()?.values() {
        let file = path.rsplit('/').next().unwrap_or_default();
        let is_list = file.contains("requirements") || path.contains("requirements/");
        let is_lock = matches!(file, "poetry.lock" | "uv.lock" | "pdm.lock");
        if !is_list && !is_lock {
            continue;
        }
        let text = stage.read(path).unwrap_or_default().to_lowercase();
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if is_lock && line == format!("name = \"{name}\"") {
                let version =
                    lines.next().and_then(|line| line.strip_prefix("version = \"")).unwrap_or_default();
                return Ok(Some(numbers(version.trim_end_matches('"'))));
            }
            let listed = line.replace('_', "-");
            let rest =
                listed.strip_prefix(name).map(str::trim_start).and_then(|rest| rest.strip_prefix("=="));
            if let Some(version) = rest {
                let end = version.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(version.len());
                return Ok(Some(numbers(version.get(..end).unwrap_or_default())));
            }
        }
    }
    Ok(None)
}

/// Whether PATH holds the programs of an environment, the rest of it being the base's: `ENV PATH="/opt/venv/bin:$PATH"`.
fn enters_venv(stage: &BuildStage<'_>, venvs: &[String]) -> bool {
    let written = stage.stage.config.env.get("PATH").cloned().unwrap_or_default();
    venvs.iter().any(|venv| written.starts_with(&format!("{venv}/bin")))
        || venvs.iter().any(|venv| {
            written.starts_with("$VIRTUAL_ENV/bin") && stage.stage.config.env.get("VIRTUAL_ENV") == Some(venv)
        })
}

/// Whether Poetry or Pipenv put the packages below the project.
///
/// # Errors
/// A refusal when they go to a cache in the home directory (H073).
fn makes_own_environment(stage: &BuildStage<'_>, command: &Command<'_>) -> Result<bool, Refusal> {
    if command.program() != "poetry" {
        return Ok(command.program() == "pipenv" && !command.has(&["--system"]));
    }
    let is_set = |variable: &str, setting: &str, wanted: &str| {
        let by_variable = command
            .state
            .variable(variable)
            .and_then(|value| value.value().map(|value| value.to_lowercase()));
        let by_variable = by_variable.is_some_and(|value| {
            value == wanted || (wanted == "true" && value == "1") || (wanted == "false" && value == "0")
        });
        by_variable
            || stage.commands().any(|other| {
                other.program() == "poetry" && other.words.windows(2).any(|pair| matches!(pair, [name, value] if *name == setting && value.to_lowercase() == wanted))
            })
    };
    if is_set("POETRY_VIRTUALENVS_CREATE", "virtualenvs.create", "false") {
        return Ok(false);
    }
    if is_set("POETRY_VIRTUALENVS_IN_PROJECT", "virtualenvs.in-project", "true") {
        return Ok(true);
    }
    Err(Refusal::hazard("H073", "Poetry makes its environment in the home directory"))
}

/// The names of packages in the manifests, lockfiles and commands.
fn named(stage: &BuildStage<'_>) -> Result<BTreeSet<String>, Refusal> {
    const MANIFESTS: &[&str] = &[
        "pyproject.toml",
        "poetry.lock",
        "uv.lock",
        "Pipfile",
        "Pipfile.lock",
        "setup.py",
        "setup.cfg",
        "pdm.lock",
    ];
    const ENDINGS: &[&str] = &[".txt", ".in"];
    let mut names = BTreeSet::new();
    let mut add = |text: &str| {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
        names.extend(
            words.filter(|word| !word.is_empty()).map(|word| word.to_lowercase().replace(['_', '.'], "-")),
        );
    };
    for path in stage.files()?.values() {
        let name = path.rsplit('/').next().unwrap_or_default();
        let in_folder = path.contains("requirements/");
        let is_list = (name.contains("requirements") || in_folder)
            && ENDINGS.iter().any(|ending| name.ends_with(ending));
        let is_aside = ["dev", "test", "docs", "lint"].iter().any(|part| name.contains(part));
        if (is_list && !is_aside) || MANIFESTS.contains(&name) {
            let text = stage.read(path).unwrap_or_default();
            text.lines().filter(|line| !line.trim_start().starts_with('#')).for_each(&mut add);
        }
    }
    stage.commands().filter_map(pip).flatten().for_each(|word| add(word));
    Ok(names)
}

/// The packages of the distribution that Python packages need, where the full image has them and the slim one has not.
fn system_needs(stage: &BuildStage<'_>) -> Result<Vec<String>, Refusal> {
    if stage.slim.is_none() {
        return Ok(Vec::new());
    }
    let knowledge = stage.subject.knowledge;
    let names = named(stage)?;
    let is_alpine = stage.facts.family == Some(Family::Alpine);
    let mut packages = BTreeSet::new();
    for need in knowledge.dependency_needs("python") {
        let Some(name) = need.names.iter().find(|name| names.contains(*name)) else { continue };
        if !need.wheels.is_empty() {
            // From some version on there is a wheel for this Python, which holds its libraries.
            let version = version(stage).unwrap_or_default();
            let numbers =
                |text: &String| -> Vec<u32> { text.split('.').map_while(|part| part.parse().ok()).collect() };
            let first = need.wheels.get(&version).map(numbers);
            let has_wheel = match (pinned(stage, name)?, first) {
                (Some(pinned), Some(first)) => pinned >= first,
                _ => true,
            };
            if has_wheel {
                continue;
            }
        }
        if let (Some(hazard), Some(why)) = (&need.hazard, &need.why) {
            let hazard = match hazard.as_str() {
                "H072" => "H072",
                "H073" => "H073",
                _ => "H066",
            };
            return Err(Refusal::hazard(hazard, format!("`{name}` {why}")));
        }
        packages.extend(if is_alpine { need.apk.iter() } else { need.apt.iter() }.cloned());
    }
    for name in &names {
        let Some(native) = knowledge.python_native(name).filter(|native| native.compiles) else { continue };
        for library in if is_alpine { &native.run.alpine } else { &native.run.debian } {
            let of_release = match library.split_once('|') {
                None => Some(library.as_str()),
                Some(_) => library
                    .split('|')
                    .find(|name| stage.release.is_some_and(|release| knowledge.is_library_of(name, release))),
            };
            let of_release = of_release.ok_or_else(|| {
                Refusal::hazard("H066", format!("the library that `{name}` needs has another name in each release, and the tag of the base does not name one"))
            })?;
            packages.insert(of_release.to_owned());
        }
    }
    Ok(packages.into_iter().collect())
}
