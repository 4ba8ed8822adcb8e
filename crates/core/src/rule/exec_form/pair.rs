//! ENTRYPOINT and CMD as a pair: in shell form an entry point ignores its CMD, in exec form it gets it as arguments (H007 to
//! H010).

use super::program::{ignores_arguments, passes_on};
use super::reading::{Form, Reading, in_shell, read};
use super::stage::effective;
use crate::model::{BuildModel, CommandLine, Known, Stage};
use crate::rule::{Refusal, Subject};
use crate::syntax::Keyword;

/// What becomes of an instruction and of its counterpart.
pub(super) struct Together<'a> {
    /// Each instruction that changes, and what it becomes.
    pub(super) readings: Vec<(usize, Reading<'a>)>,
    /// What the user should know.
    pub(super) remarks: Vec<String>,
}

/// The entry point, together with every CMD that stands behind it.
///
/// # Errors
/// A [`Refusal`] when the CMD was written for another program and no shell is there to go on ignoring it.
pub(super) fn entry<'a>(
    subject: &Subject<'a>,
    stage: &Stage,
    index: usize,
    reading: Reading<'a>,
) -> Result<Together<'a>, Refusal> {
    let commands = commands_behind(subject.model, index)?;
    if commands.is_empty() {
        let remark = if reading.keeps_shell() {
            "Arguments of `docker run` stay without effect: the shell takes them for its own (H007)."
        } else {
            "Arguments of `docker run` were ignored so far; now they are passed on (H007)."
        };
        return Ok(Together { readings: vec![(index, reading)], remarks: vec![remark.to_owned()] });
    }
    let ignored =
        "CMD and arguments of `docker run` stay without effect: the shell takes them for its own (H007).";
    if reading.keeps_shell() {
        return Ok(Together { readings: vec![(index, reading)], remarks: vec![ignored.to_owned()] });
    }
    let is_repair = matches!(reading.form, Form::Array(_));
    let mut readings = Vec::new();
    let mut shown = Vec::new();
    for (owner, command) in commands {
        match arguments(subject, owner, command) {
            Some((words, shell_form))
                if is_repair || are_for(subject, stage, &reading.words, words.as_deref(command)) =>
            {
                shown.push(words.as_deref(command).join(" "));
                readings.extend(shell_form);
            }
            _ => return still_ignored(subject, index, &reading, ignored),
        }
    }
    let program = reading.words.first().map_or("", String::as_str);
    let remark = format!(
        "{program} gets `{}` as arguments now, and what `docker run` is given in their place; both were ignored so far (H007).",
        shown.join("` or `")
    );
    readings.insert(0, (index, reading));
    readings.sort_by_key(|(index, _)| *index);
    readings.dedup_by_key(|(index, _)| *index);
    Ok(Together { readings, remarks: vec![remark] })
}

/// The words of a CMD: its own in exec form, or those that it would have.
struct Arguments(Option<Vec<String>>);

impl Arguments {
    fn as_deref<'b>(&'b self, command: &'b CommandLine) -> &'b [String] {
        self.0.as_deref().unwrap_or(&command.words)
    }
}

/// The words of a CMD as arguments, and how it is read when it stands in shell form. `None` when only a shell can tell.
fn arguments<'a>(
    subject: &Subject<'a>,
    stage: &Stage,
    command: &CommandLine,
) -> Option<(Arguments, Option<(usize, Reading<'a>)>)> {
    if command.exec {
        return Some((Arguments(None), None));
    }
    let index = command.instruction?;
    let reading = read(subject, stage, index).ok().filter(|reading| !reading.keeps_shell())?;
    Some((Arguments(Some(reading.words.clone())), Some((index, reading))))
}

/// The CMD is of no use to the entry point, so it must not get it: the shell stays between them.
fn still_ignored<'a>(
    subject: &Subject<'a>,
    index: usize,
    reading: &Reading<'a>,
    ignored: &str,
) -> Result<Together<'a>, Refusal> {
    let refuse =
        || Refusal::hazard("H007", "its CMD is no list of arguments for it, and it would get it as such");
    let (stage, step) = subject.model.place(index).ok_or_else(refuse)?;
    let has_shell = stage.end.default_shell != Some(crate::model::ShellKind::None);
    if !has_shell || !matches!(reading.form, Form::Words { .. }) {
        return Err(refuse());
    }
    let reading = in_shell(subject, reading.text, &step.state).map_err(|_| refuse())?;
    let why = format!("{ignored} That CMD reads like a program of its own.");
    Ok(Together { readings: vec![(index, reading)], remarks: vec![why] })
}

/// Each CMD that stands behind the entry point `index`, with the stage that has it.
fn commands_behind(model: &BuildModel, index: usize) -> Result<Vec<(&Stage, &CommandLine)>, Refusal> {
    let mut commands: Vec<(&Stage, &CommandLine)> = Vec::new();
    for stage in model.stages() {
        let is_ours =
            effective(stage, Keyword::Entrypoint).is_some_and(|entry| entry.instruction == Some(index));
        match &stage.config.cmd {
            _ if !is_ours => {}
            Known::Value(None) => {}
            Known::Value(Some(command)) => {
                let is_known = |(_, known): &(&Stage, &CommandLine)| known.instruction == command.instruction;
                if !commands.iter().any(is_known) {
                    commands.push((stage, command));
                }
            }
            Known::Unknown(_) => {
                let why = "an entry point in shell form ignores CMD, in exec form it gets it, and which one is not known";
                return Err(Refusal::hazard("H007", why));
            }
        }
    }
    Ok(commands)
}

/// Whether a CMD was written as arguments of an entry point, and not as another program.
fn are_for(subject: &Subject<'_>, stage: &Stage, entry: &[String], command: &[String]) -> bool {
    let knowledge = subject.knowledge;
    let (Some(program), Some(first)) = (entry.first(), command.first()) else { return true };
    let is_command = knowledge.is_interpreter(first)
        || knowledge.is_shell(first)
        || knowledge.is_runner(first)
        || knowledge.program_role(first).is_some();
    let is_bare_interpreter = knowledge.is_interpreter(program) && entry.len() == 1;
    first.starts_with('-')
        || is_bare_interpreter && !is_command
        || passes_on(subject, stage, program)
        || ignores_arguments(subject, stage, program)
}

/// The CMD, in view of the entry point that gets it.
///
/// # Errors
/// A [`Refusal`] when an entry point in shell form ignores it, or when its words make no sense to the one it has.
pub(super) fn command(
    subject: &Subject<'_>,
    stage: &Stage,
    reading: &Reading<'_>,
) -> Result<Vec<String>, Refusal> {
    let remark = match &stage.config.entrypoint {
        Known::Value(None) => return Ok(Vec::new()),
        Known::Value(Some(entry)) if entry.instruction.is_some() => {
            return behind_own(subject, stage, entry, reading).map(|remark| vec![remark]);
        }
        Known::Value(Some(_)) => {
            if stage.facts.as_ref().and_then(|facts| facts.entrypoint_branches) == Some(false) {
                return Ok(Vec::new());
            }
            "The entry point of the base image gets the words now instead of `/bin/sh`, and may act on them (H010)."
        }
        Known::Unknown(_) => {
            "If the base image has an entry point, that gets the words now instead of `/bin/sh` (H010)."
        }
    };
    // With the shell kept, the words begin as they did.
    Ok(if reading.keeps_shell() { Vec::new() } else { vec![remark.to_owned()] })
}

/// Behind an entry point that the file sets.
fn behind_own(
    subject: &Subject<'_>,
    stage: &Stage,
    entry: &CommandLine,
    reading: &Reading<'_>,
) -> Result<String, Refusal> {
    let knowledge = subject.knowledge;
    if !entry.exec {
        let why = "the entry point is in shell form and ignores this CMD; the two are rewritten together or not at all";
        return Err(Refusal::hazard("H007", why));
    }
    let program = entry.words.first().map(String::as_str).unwrap_or_default();
    let takes_text = |word: &String| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c');
    if knowledge.is_shell(program) && entry.words.iter().any(takes_text) {
        return Err(Refusal::hazard("H009", "the entry point is a shell with a text of its own"));
    }
    let starts_program = reading.program().is_some_and(|name| !name.starts_with('-'));
    let may_pass_on = passes_on(subject, stage, program)
        || starts_program && !knowledge.is_interpreter(program) && !knowledge.is_shell(program);
    if reading.keeps_shell() && !may_pass_on {
        let why = "the words are arguments of the entry point, and a shell between them is none";
        return Err(Refusal::hazard("H009", why));
    }
    Ok(format!(
        "The entry point {program} got `/bin/sh -c` and the text as its arguments; now it gets {} (H009).",
        if reading.keeps_shell() { "them with `exec`" } else { "the words themselves" }
    ))
}
