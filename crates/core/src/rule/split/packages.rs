//! The packages of the distribution that a stage installs: which of them its runtime keeps.

use std::collections::BTreeSet;

use super::BuildStage;
use super::steps::{Command, Effect};
use crate::knowledge::Remains;
use crate::rule::Refusal;
use crate::rule::installs::{Install, text_of};

/// The name of the table of packages of a command.
pub(super) fn manager_of(command: &Command<'_>) -> &'static str {
    if command.program() == "apk" { "apk" } else { "apt-get" }
}

/// Whether the stage installs packages that only build, and does not remove them in the same step.
pub(super) fn installs_tools(stage: &BuildStage<'_>) -> bool {
    let removed = removed(stage);
    stage.runs.iter().flat_map(super::steps::RunStep::commands).any(|command| {
        names(command).is_some_and(|(names, group)| {
            !group.is_some_and(|group| removed.contains(&group))
                && names.iter().any(|name| {
                    let remains = stage.subject.knowledge.remains_of(
                        manager_of(command),
                        bare(name),
                        &stage.image,
                        stage.release,
                    );
                    !removed.contains(name) && remains != Remains::Itself
                })
        })
    })
}

/// The packages that a command installs, and the name that Alpine's `--virtual` gives them. `None` when it installs none,
/// or some that cannot be seen.
fn names(command: &Command<'_>) -> Option<(Vec<String>, Option<String>)> {
    if command.effect != Effect::Packages {
        return None;
    }
    let install = Install::of(command.started, manager_of(command))?;
    if install.has_unseen_packages() {
        return None;
    }
    let flags = install.read.flags.iter();
    let group = flags.clone().find(|flag| matches!(flag.name.as_str(), "-t" | "--virtual"));
    let group = group.and_then(|flag| flag.value.clone());
    Some((install.packages().map(|word| text_of(word).to_owned()).collect(), group))
}

/// A package without its version and architecture.
fn bare(package: &str) -> &str {
    package
        .split(['=', ':', '<', '>', '~', '/'])
        .next()
        .unwrap_or(package)
        .split('@')
        .next()
        .unwrap_or(package)
}

/// The names that a step of the stage removes again.
fn removed(stage: &BuildStage<'_>) -> BTreeSet<String> {
    let removes = stage.runs.iter().flat_map(super::steps::RunStep::commands);
    let removes = removes.filter(|command| command.effect == Effect::Removes);
    removes
        .flat_map(|command| command.words.iter().skip(1))
        .filter(|word| !word.starts_with('-'))
        .map(|word| (*word).to_owned())
        .collect()
}

/// What of an installation the runtime keeps.
pub(super) struct Kept {
    /// The packages, libraries instead of what is there to compile against them.
    pub(super) packages: Vec<String>,
    /// Those that stay behind.
    pub(super) dropped: Vec<String>,
}

/// What of an installation the runtime keeps.
///
/// # Errors
/// A refusal when the packages cannot be seen, or when the libraries behind one are not known (H066).
pub(super) fn kept(stage: &BuildStage<'_>, command: &Command<'_>) -> Result<Kept, Refusal> {
    let unseen =
        || Refusal::hazard("H066", "it is not known which packages of the distribution are installed");
    let (names, group) = names(command).ok_or_else(unseen)?;
    let mut kept = Kept { packages: Vec::new(), dropped: Vec::new() };
    let removed = removed(stage);
    if group.is_some_and(|group| removed.contains(&group)) {
        return Ok(kept);
    }
    let manager = manager_of(command);
    let remains =
        |name: &str| stage.subject.knowledge.remains_of(manager, bare(name), &stage.image, stage.release);
    let has_tools = names.iter().any(|name| remains(name) == Remains::Only(Vec::new()));
    for name in &names {
        if removed.contains(name) {
            continue;
        }
        // node-gyp wants Python beside a compiler (github.com/nodejs/node-gyp, "Installation").
        let is_for_gyp = stage.image == "node"
            && has_tools
            && matches!(
                bare(name),
                "python"
                    | "python2"
                    | "python3"
                    | "py3-pip"
                    | "py3-setuptools"
                    | "python3-pip"
                    | "python3-setuptools"
            );
        // Where a JDK is the base, these build and nothing else.
        let builds_java = matches!(stage.image.as_str(), "eclipse-temurin" | "openjdk")
            && matches!(bare(name), "maven" | "gradle" | "ant");
        match remains(name) {
            _ if is_for_gyp || builds_java => kept.dropped.push(name.clone()),
            Remains::Itself => kept.packages.push(name.clone()),
            Remains::Only(left) => {
                kept.packages.extend(left);
                kept.dropped.push(name.clone());
            }
            Remains::Unknown => {
                return Err(Refusal::hazard(
                    "H066",
                    format!("it is not known which libraries of `{name}` are needed at run time"),
                ));
            }
        }
    }
    Ok(kept)
}

/// The command with other packages: what stands before them and its flags stay as they are written.
pub(super) fn with_packages(command: &Command<'_>, packages: &[String]) -> Option<String> {
    let install = Install::of(command.started, manager_of(command))?;
    let named: Vec<usize> = install.read.packages.clone();
    let prefix = command.started.prefix;
    let grouped: BTreeSet<usize> = install
        .read
        .flags
        .iter()
        .filter(|flag| matches!(flag.name.as_str(), "-t" | "--virtual") && manager_of(command) == "apk")
        .flat_map(|flag| [Some(flag.word), flag.value_word])
        .flatten()
        .collect();
    let assigned = install
        .simple
        .assignments
        .iter()
        .map(|assignment| format!("{}={}", assignment.name, assignment.value.raw()));
    let words = install.simple.words.iter().enumerate().filter(|(index, _)| {
        index.checked_sub(prefix).is_none_or(|index| !named.contains(&index) && !grouped.contains(&index))
    });
    let mut words: Vec<String> = assigned.chain(words.map(|(_, word)| word.raw().to_owned())).collect();
    if manager_of(command) == "apk" && !words.iter().any(|word| word == "--no-cache") {
        words.push("--no-cache".to_owned());
    }
    words.extend(packages.iter().cloned());
    Some(words.join(" "))
}
