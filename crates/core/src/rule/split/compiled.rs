//! What the stacks have in common whose programs run in another image than the one that builds them: Java and .NET.

use std::collections::BTreeSet;

use super::BuildStage;
use super::demands::Started;
use super::steps::Effect;
use crate::knowledge::{Family, ImageReference};
use crate::model::Known;
use crate::rule::Refusal;
use crate::syntax::Keyword;

/// Programs that every image with a shell has.
const EVERYWHERE: &[&str] = &[
    "sh", "exec", "cd", "export", "set", "echo", "sleep", "env", "cat", "mkdir", "chmod", "chown", "ls",
    "test", "[", "true", "exit", "if", "for", "while", "printf", "date", "grep", "sed", "head", "tail",
    "cut", "tr", "id", "cp", "mv", "rm", "touch", "until", ":", "trap", "wait", "kill", "shift", "read",
    "return", "source", ".", "unset", "umask", "command", "eval", "dirname", "basename", "pwd", "find",
    "xargs", "ln", "nohup", "expr", "which", "su",
];

/// The images that may run what the stage builds, best first. It is not said in a build argument which they are.
///
/// # Errors
/// A refusal when that is not known (H084).
pub(super) fn runtimes(stage: &BuildStage<'_>) -> Result<Vec<String>, Refusal> {
    let from = stage.model().instruction(stage.stage.from);
    let written = from.and_then(|from| from.value_texts().next()).unwrap_or_default();
    if written != stage.base {
        return Err(Refusal::hazard("H084", "the runtime image hangs on a build argument"));
    }
    let reference = ImageReference::parse(stage.base);
    let found =
        reference.map(|reference| stage.subject.knowledge.runtimes_of(&reference)).unwrap_or_default();
    if found.is_empty() {
        return Err(Refusal::hazard(
            "H084",
            format!("it is not known which image runs what is built in `{}`", stage.base),
        ));
    }
    Ok(found)
}

/// The working directory that a container starts in, which the stage has to set by itself: another image has another.
///
/// # Errors
/// A refusal when it does not (H076).
pub(super) fn workdir(stage: &BuildStage<'_>) -> Result<String, Refusal> {
    let mut instructions = stage.model().stage_instructions(stage.stage);
    let is_set = instructions.any(|(_, step)| {
        step.keyword == Keyword::Workdir
            && step.value_texts().next().is_some_and(|path| path.starts_with('/') || path.starts_with('$'))
    });
    match &stage.stage.config.workdir {
        Known::Value(path) if is_set => Ok(path.clone()),
        _ => Err(Refusal::hazard(
            "H076",
            "the working directory is that of the base image, and another image has another",
        )),
    }
}

/// The user that a container runs as is one that the other image has: root, a number, or one that a step makes.
///
/// # Errors
/// A refusal when it is the base image's own (H084).
pub(super) fn user(stage: &BuildStage<'_>, has_it_too: &[&str]) -> Result<(), Refusal> {
    let own = stage.facts.ready_user.iter().filter_map(|user| user.name.clone());
    for name in own.filter(|name| !has_it_too.contains(&name.as_str())) {
        let names_it = |(_, step): (usize, &crate::syntax::Instruction)| {
            step.keyword == Keyword::User
                && step.value_texts().next().is_some_and(|user| user.split(':').next() == Some(name.as_str()))
        };
        if stage.model().stage_instructions(stage.stage).any(names_it) {
            return Err(Refusal::hazard("H084", format!("the user `{name}` is one of the base image")));
        }
    }
    Ok(())
}

/// The packages of the programs that a container starts and that the runtime image has not.
///
/// # Errors
/// A refusal for a program of which that is not known (H083), or that builds (H075).
pub(super) fn packages(
    stage: &BuildStage<'_>,
    started: &Started,
    own: &[&str],
) -> Result<Vec<String>, Refusal> {
    if started.is_open {
        return Err(Refusal::hazard("H083", "what a container starts cannot be followed"));
    }
    let config = &stage.stage.config;
    let is_set = [&config.entrypoint, &config.cmd].into_iter().any(|command| {
        command.value().is_some_and(|command| command.as_ref().is_some_and(|line| line.set_here))
    });
    if !is_set {
        return Err(Refusal::hazard(
            "H075",
            "a container starts what the base image starts, which is a tool to build with",
        ));
    }
    let is_alpine = stage.facts.family == Some(Family::Alpine);
    let installed: BTreeSet<&str> = stage
        .runs
        .iter()
        .flat_map(super::steps::RunStep::commands)
        .filter(|command| command.effect == Effect::Packages)
        .flat_map(|command| command.words.iter().copied())
        .collect();
    if stage.facts.family == Some(Family::Ubuntu)
        && let Some(package) = installed.iter().find(|package| package.ends_with("-dev"))
    {
        let reason = format!("it is not known which libraries of `{package}` are needed at run time");
        return Err(Refusal::hazard("H066", reason));
    }
    let mut packages = Vec::new();
    for words in &started.commands {
        let Some(first) = words.first() else { continue };
        let program = first.rsplit('/').next().unwrap_or(first);
        if own.contains(&program) || EVERYWHERE.contains(&program) || installed.contains(program) {
            continue;
        }
        let workdir = config.workdir.value().cloned().unwrap_or_default();
        let path = if first.starts_with('/') {
            first.clone()
        } else {
            format!("{workdir}/{}", first.trim_start_matches("./"))
        };
        match program {
            "mvn" | "mvnw" | "gradle" | "gradlew" | "javac" | "jshell" => {
                return Err(Refusal::hazard("H075", format!("`{program}` is run when a container starts")));
            }
            "bash" | "tini" | "dumb-init" if is_alpine => packages.push(program.to_owned()),
            "bash" => {}
            "wget" if is_alpine => {}
            "curl" | "wget" | "tini" | "dumb-init" | "gosu" => packages.push(program.to_owned()),
            _ if first.contains('/') && (stage.is_inside(&path) || copied(stage, &path)) => {}
            _ if copied(stage, &format!("/usr/local/bin/{first}")) => {}
            _ => {
                return Err(Refusal::hazard(
                    "H083",
                    format!("`{program}`, which a container starts, may not be in the runtime image"),
                ));
            }
        }
    }
    packages.retain(|package| !installed.contains(package.as_str()));
    packages.sort();
    packages.dedup();
    // What a later step runs by hand is not there either.
    for run in stage.runs.iter().filter(|run| run.index > stage.last) {
        let lacks = run.commands().find(|command| {
            matches!(
                command.program(),
                "curl" | "wget" | "git" | "unzip" | "bash" | "java" | "dotnet" | "make" | "gcc"
            ) && !packages.iter().any(|package| package == command.program())
                && !installed.contains(command.program())
        });
        if let Some(command) = lacks {
            let line = stage.line(run.index);
            let reason =
                format!("`{}` in line {line} may need what only the build stage has", command.program());
            return Err(Refusal::hazard("H083", reason));
        }
    }
    Ok(packages)
}

fn copied(stage: &BuildStage<'_>, path: &str) -> bool {
    stage.files().is_ok_and(|files| files.contains_key(path))
}

/// Whether one of the context's files in the image, of these endings and outside of tests, holds one of these texts.
pub(super) fn mentions(
    stage: &BuildStage<'_>,
    endings: &[&str],
    texts: &[&'static str],
) -> Option<(String, &'static str)> {
    const LONGEST: u64 = 512 << 10;
    let files = stage.files().ok()?;
    files.values().find_map(|path| {
        let is_aside = path.contains("src/test/") || path.contains("node_modules/");
        if is_aside || !endings.iter().any(|ending| path.ends_with(ending)) {
            return None;
        }
        let size = stage.subject.context.files().entry(path).present().map_or(0, |entry| entry.size);
        let text = stage.read(path).filter(|_| size <= LONGEST)?;
        let found = texts.iter().find(|sign| text.contains(**sign))?;
        Some((path.clone(), *found))
    })
}
