//! Rust: what builds, where the program comes to, and which libraries it is linked with.
//!
//! Source: the Cargo Book (`cargo build`, the layout of `target`, `cargo install`), the images' Dockerfiles
//! (github.com/docker-library/rust: `CARGO_HOME` is `/usr/local/cargo`).

use std::collections::BTreeSet;

use super::programs::{self, Language, Outputs};
use super::steps::{Command, Effect};
use super::{BuildStage, Runtime, Stack};
use crate::context::project::{RustProject, Stack as Project};
use crate::knowledge::Family;
use crate::rule::Refusal;

pub(super) static STACK: Stack = Stack {
    words: &["cargo build", "cargo install", "cargo b ", "cargo +", "cargo rustc"],
    effect,
    saves: |stage| stage.subject.knowledge.runner(stage.base).is_some(),
    runtime,
};

pub(super) static LANGUAGE: Language = Language {
    sources: &[".rs", ".c", ".h", ".cc", ".cpp", ".proto"],
    manifests: &[
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain",
        "rust-toolchain.toml",
        "Cross.toml",
        "deny.toml",
        "build.rs",
    ],
    directories: &["target", "benches", ".cargo", ".sqlx"],
    installed: &["/usr/local/cargo/bin", "/root/.cargo/bin"],
    compilers: &["cargo", "rustc", "cargo-watch", "trunk", "watchexec", "bacon"],
    starts: &["Command::new"],
    may_be_whole: false,
};

fn effect(command: &Command<'_>) -> Option<Effect> {
    let builds = Some(Effect::Builds { inside: true });
    match command.program() {
        "cargo" => match verb(command) {
            "install" if !command.words.iter().any(|word| word.starts_with("--path")) => Some(Effect::Tools),
            "build" | "b" | "rustc" | "install" | "run" | "r" => builds,
            "fetch" | "search" | "login" | "tree" | "update" | "generate-lockfile" | "fmt" | "test" | "t"
            | "check" | "clippy" | "clean" | "vendor" | "chef" | "init" | "new" | "metadata" | "doc"
            | "audit" | "" => Some(Effect::Nothing),
            _ => builds,
        },
        "rustup" => Some(Effect::Tools),
        "rustc" | "wasm-pack" | "trunk" | "sqlx" | "make" => builds,
        _ => programs::effect_on_results(command),
    }
}

/// The verb, behind a toolchain: `cargo +nightly build`.
fn verb<'c>(command: &'c Command<'_>) -> &'c str {
    command.words.iter().skip(1).find(|word| !word.starts_with(['-', '+'])).copied().unwrap_or_default()
}

/// The values of a flag: `--bin a`, `--bin=a`.
fn values<'c>(command: &'c Command<'_>, names: &[&str]) -> Vec<&'c str> {
    let apart = command.words.windows(2).filter_map(|pair| match pair {
        [flag, value] if names.contains(flag) => Some(*value),
        _ => None,
    });
    let joined = command.words.iter().filter_map(|word| {
        let (flag, value) = word.split_once('=')?;
        names.contains(&flag).then_some(value)
    });
    apart.chain(joined).collect()
}

fn runtime(stage: &BuildStage<'_>) -> Result<Runtime, Refusal> {
    if !matches!(stage.image.as_str(), "rust") {
        return Err(Refusal::hazard("H084", format!("it is not known how Rust came into `{}`", stage.base)));
    }
    let (outputs, projects) = outputs(stage)?;
    let libraries = libraries(stage, &projects)?;
    programs::runtime(stage, &LANGUAGE, outputs, libraries)
}

/// What the commands make, and the projects that they work on.
fn outputs<'a>(stage: &BuildStage<'a>) -> Result<(Outputs, Vec<&'a RustProject>), Refusal> {
    let mut outputs = Outputs { is_precise: true, ..Outputs::default() };
    let mut projects = Vec::new();
    for command in stage.commands() {
        match command.program() {
            "cargo" => {}
            "make" | "wasm-pack" | "trunk" | "rustc" => {
                return Err(Refusal::hazard(
                    "H080",
                    format!("it is not known what `{}` makes", command.program()),
                ));
            }
            _ => continue,
        }
        let verb = verb(command);
        if command.effect == Effect::Tools {
            let names = command.words.iter().skip(2).filter(|word| !word.starts_with('-'));
            outputs.tools.extend(names.map(|name| format!("{}/bin/{name}", home(command))));
            continue;
        }
        if !matches!(verb, "build" | "b" | "rustc" | "install") {
            continue;
        }
        let unknown = || Refusal::hazard("H074", "it is not known which package is built");
        let (root, project) = project(stage, command).ok_or_else(unknown)?;
        projects.push(project);
        let names = names(command, project, &root);
        if verb == "install" {
            let root = values(command, &["--root"])
                .first()
                .map_or_else(|| Some(home(command)), |path| command.path(path));
            let root = root.ok_or_else(unknown)?;
            outputs.programs.extend(names.iter().map(|name| format!("{root}/bin/{name}")));
            continue;
        }
        let target = target(stage, command, project, &root).ok_or_else(unknown)?;
        outputs.programs.extend(names.iter().map(|name| format!("{target}/{name}")));
    }
    Ok((only_started(stage, outputs)?, projects))
}

/// Of many programs of a workspace, those that are named where something is started or copied. Without any, all.
fn only_started(stage: &BuildStage<'_>, mut outputs: Outputs) -> Result<Outputs, Refusal> {
    if outputs.programs.len() < 2 {
        return Ok(outputs);
    }
    let started = super::demands::started_by(stage)?;
    let mut words: BTreeSet<String> = started.commands.iter().flatten().cloned().collect();
    words.extend(
        stage
            .commands()
            .filter(|command| command.program() != "cargo")
            .flat_map(|command| command.words.iter().map(|word| (*word).to_owned())),
    );
    let is_named = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        words.iter().any(|word| word.rsplit('/').next() == Some(name))
    };
    if !started.is_open && outputs.programs.iter().any(is_named) {
        outputs.programs.retain(is_named);
    }
    Ok(outputs)
}

fn home(command: &Command<'_>) -> String {
    let value = command.state.variable("CARGO_HOME").and_then(|value| value.value());
    value.cloned().unwrap_or_else(|| "/usr/local/cargo".to_owned())
}

/// The project that a command works on, and its directory in the image.
fn project<'a>(stage: &BuildStage<'a>, command: &Command<'_>) -> Option<(String, &'a RustProject)> {
    let files = stage.files().ok()?;
    let named = values(command, &["--manifest-path"])
        .first()
        .copied()
        .map(|path| path.trim_end_matches("Cargo.toml"));
    let named = named.or_else(|| values(command, &["--path"]).first().copied());
    let mut here = match named {
        Some("") => command.directory.clone()?,
        Some(path) => command.path(path)?,
        None => command.directory.clone()?,
    };
    loop {
        if let Some(path) = files.get(&format!("{here}/Cargo.toml")) {
            let root = path.strip_suffix("Cargo.toml")?.trim_end_matches('/');
            let projects = stage.subject.context.projects()?;
            let found = projects.iter().find_map(|project| match &project.stack {
                Project::Rust(rust) if project.root == root => Some(&**rust),
                _ => None,
            })?;
            return Some((here, found));
        }
        here.truncate(here.rfind('/')?);
    }
}

/// The names of the programs that a command builds.
fn names(command: &Command<'_>, project: &RustProject, _: &str) -> Vec<String> {
    let bins = values(command, &["--bin"]);
    if !bins.is_empty() {
        return bins.into_iter().map(str::to_owned).collect();
    }
    let packages = values(command, &["-p", "--package"]);
    let is_all = command.has(&["--workspace", "--all", "--bins", "--all-targets"]);
    let of_package = project.package.iter().filter(|_| !is_all);
    let members = project
        .members
        .iter()
        .filter(|member| packages.is_empty() || packages.contains(&member.name.as_str()));
    let mut names: BTreeSet<String> = BTreeSet::new();
    if packages.is_empty() && project.package.is_some() && !is_all {
        names.extend(of_package.flat_map(|package| &package.bins).map(|bin| bin.name.clone()));
    } else {
        names.extend(members.flat_map(|member| &member.bins).map(|bin| bin.name.clone()));
    }
    names.into_iter().collect()
}

/// The directory of the results.
fn target(
    stage: &BuildStage<'_>,
    command: &Command<'_>,
    project: &RustProject,
    root: &str,
) -> Option<String> {
    let variable = command.state.variable("CARGO_TARGET_DIR").and_then(|value| value.value());
    let named = values(command, &["--target-dir"]).first().copied().or(variable.map(String::as_str));
    let base = if let Some(path) = named {
        command.path(path)?
    } else {
        // Beside the workspace's manifest.
        let own = project.package.as_ref().map(|package| package.root.as_str());
        let up = match (&project.workspace_root, own) {
            (Some(home), Some(own)) => own
                .strip_prefix(home.as_str())?
                .trim_matches('/')
                .split('/')
                .filter(|part| !part.is_empty())
                .count(),
            _ => 0,
        };
        let mut home = root;
        for _ in 0..up {
            home = home.rsplit_once('/')?.0;
        }
        format!("{home}/target")
    };
    let profile = values(command, &["--profile"]).first().copied();
    let profile = match profile {
        Some("dev" | "test") => "debug",
        Some("bench") => "release",
        Some(profile) => profile,
        None if command.has(&["--release", "-r"]) => "release",
        None => "debug",
    };
    let configured = [".cargo/config.toml", ".cargo/config"].iter().any(|name| {
        let files = stage.files().unwrap_or_default();
        let text = files.get(&format!("{root}/{name}")).and_then(|path| stage.read(path)).unwrap_or_default();
        text.contains("target-dir") || text.contains("[build]") && text.contains("target")
    });
    if configured || command.state.variable("CARGO_BUILD_TARGET").is_some() {
        return None;
    }
    Some(match values(command, &["--target"]).first() {
        Some(triple) => format!("{base}/{triple}/{profile}"),
        None => format!("{base}/{profile}"),
    })
}

/// The libraries of the system that the crates are linked with (H066). On Alpine everything is linked statically.
fn libraries(stage: &BuildStage<'_>, projects: &[&RustProject]) -> Result<Vec<String>, Refusal> {
    if stage.facts.family == Some(Family::Alpine) {
        return Ok(Vec::new());
    }
    let knowledge = stage.subject.knowledge;
    let mut packages = BTreeSet::new();
    for project in projects {
        if project.locked.is_empty() {
            return Err(Refusal::hazard(
                "H066",
                "there is no `Cargo.lock` that says which libraries the program is linked with",
            ));
        }
        for found in &project.locked {
            let name = found.name.to_lowercase();
            let need = knowledge.dependency_needs("rust").find(|need| need.names.contains(&name));
            if let Some(need) = need {
                if let Some(why) = &need.why {
                    return Err(Refusal::hazard("H066", format!("`{name}` {why}")));
                }
                packages.extend(need.apt.iter().map(String::as_str));
            } else if found.is_downloaded
                && (name.ends_with("-sys") || name.ends_with("_sys"))
                && !knowledge.dependency_needs("rust-static").any(|need| need.names.contains(&name))
            {
                return Err(Refusal::hazard(
                    "H066",
                    format!("it is not known which library `{name}` is linked with"),
                ));
            }
        }
    }
    programs::libraries(stage, &packages)
}
