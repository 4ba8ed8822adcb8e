//! Who needs apt's package lists (H102).

use super::apt::AptCommand;
use super::{MOST_STEPS, ShellRun, Started, mentions, started};
use crate::knowledge::Knowledge;
use crate::model::{BuildModel, CommandLine};
use crate::syntax::Keyword;

/// Programs that use the lists that are there, or may install from them.
const READERS: [&str; 10] = [
    "apt-cache",
    "apt-file",
    "aptitude",
    "apt-show-versions",
    "gdebi",
    "gdebi-core",
    "mk-build-deps",
    "rosdep",
    "tasksel",
    "dselect",
];

/// Whether a step behind `instruction`, in its stage or one built on it, installs packages with apt before the lists are
/// fetched again (H102).
pub(crate) fn are_needed_behind(model: &BuildModel, instruction: usize) -> bool {
    let Some(stage) = model.stage_of(instruction) else { return true };
    if let Some(needed) = first_use(model, stage.index, instruction + 1) {
        return needed;
    }
    model.children(stage.index).into_iter().any(|child| first_use(model, child, 0) == Some(true))
}

/// Whether the first use of the lists in a stage from an instruction on needs them; `None` when there is none.
fn first_use(model: &BuildModel, stage: usize, from: usize) -> Option<bool> {
    let stage = model.stages().get(stage)?;
    let start = stage.steps.partition_point(|step| step.instruction < from);
    for (count, step) in stage.steps.iter().skip(start).enumerate() {
        let instruction = model.instruction(step.instruction)?;
        if !matches!(instruction.keyword, Keyword::Run | Keyword::Onbuild)
            || !mentions(model, instruction, &["apt", "gdebi", "build-deps", "rosdep", "tasksel"])
        {
            continue;
        }
        if count > MOST_STEPS {
            return Some(true);
        }
        if instruction.keyword == Keyword::Onbuild {
            // The trigger runs in another build, and nothing is between.
            if instruction.arguments_text().contains("install") {
                return Some(true);
            }
            continue;
        }
        let Some(run) = ShellRun::at(model, step.instruction) else {
            // Something with apt that cannot be read may be anything.
            return Some(true);
        };
        if let Some(needed) = started(&run.text.script).find_map(|started| use_of(&started)) {
            return Some(needed);
        }
    }
    None
}

/// Whether a command needs the lists (`true`), fetches them (`false`), or does neither.
fn use_of(started: &Started<'_>) -> Option<bool> {
    if let Some(command) = AptCommand::of(*started) {
        if command.updates() {
            return Some(false);
        }
        return match command.verb_text() {
            Some("clean" | "autoclean" | "autoremove" | "autopurge" | "remove" | "purge") | None => None,
            Some(_) => Some(true),
        };
    }
    if READERS.contains(&started.program()) {
        return Some(!started.words().any(|word| word == "update"));
    }
    // A text for another shell, or an argument of another program; not one that is only printed.
    if matches!(started.program(), "echo" | "printf") {
        return None;
    }
    let is_apt = |token: &str| matches!(token.trim_matches(['"', '\'']), "apt" | "apt-get");
    let hidden = |word: &str| {
        let mut tokens = word.split_whitespace();
        tokens.any(is_apt) && tokens.next().is_some()
    };
    started.words().skip(1).any(hidden).then_some(true)
}

/// Whether a step behind `instruction`, in its stage or one built on it, runs a script or program that does not come
/// with a package, so that it may use the lists without anybody seeing it.
pub(crate) fn may_be_read_unseen(model: &BuildModel, instruction: usize) -> bool {
    let Some(stage) = model.stage_of(instruction) else { return true };
    let mut stages = vec![stage.index];
    stages.extend(model.children(stage.index));
    let mut count = 0;
    for index in stages {
        let Some(stage) = model.stages().get(index) else { return true };
        let start = stage.steps.partition_point(|step| step.instruction <= instruction);
        for step in stage.steps.iter().skip(start) {
            count += 1;
            let Some(later) = model.instruction(step.instruction) else { return true };
            if later.keyword != Keyword::Run {
                continue;
            }
            if count > MOST_STEPS / 3 {
                return true;
            }
            let Some(run) = ShellRun::at(model, step.instruction) else { return true };
            if started(&run.text.script).any(|started| is_unseen(&started)) {
                return true;
            }
        }
        // A container of a shell is there to type in, and what is typed may be an installation.
        let is_shell = |command: &CommandLine| match command.words.as_slice() {
            [.., last] => {
                !command.words.iter().any(|word| word == "-c") && Knowledge::builtin().is_shell(last)
            }
            [] => false,
        };
        let typed = [&stage.config.entrypoint, &stage.config.cmd];
        if typed.iter().any(|command| command.value().and_then(Option::as_ref).is_some_and(is_shell)) {
            return true;
        }
    }
    false
}

/// A program by a path outside of the system's, a script for a shell, or a variable.
fn is_unseen(started: &Started<'_>) -> bool {
    let mut words = started.words();
    let Some(program) = words.next() else { return false };
    let is_system = ["/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"].iter().any(|dir| program.starts_with(dir));
    if program.starts_with('$')
        || program.contains('/') && !is_system
        || program.strip_suffix(".sh").is_some()
    {
        return true;
    }
    matches!(program, "." | "source") || Knowledge::builtin().is_shell(program)
}
