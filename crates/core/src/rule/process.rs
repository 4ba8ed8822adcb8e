//! What a container of a stage starts: the program behind shells and wrappers.

use super::{Refusal, Subject};
use crate::knowledge::ProgramRole;
use crate::model::{Known, Stage};
use crate::shell::{Node, Script};

/// The commands that a container runs when it starts, each as its words; more than one when a shell text says so.
///
/// # Errors
/// A [`Refusal`] when that cannot be told: an entry point that is not known, a text that cannot be read.
pub(crate) fn started(subject: &Subject<'_>, stage: &Stage) -> Result<Vec<Vec<String>>, Refusal> {
    let unknown =
        |what: &str| Refusal::hazard("H025", format!("it is not known what {what} of the base image starts"));
    let config = &stage.config;
    let entry = match &config.entrypoint {
        Known::Value(entry) => entry.as_ref(),
        // A tool without a service passes on what it is given, whichever release it is.
        Known::Unknown(_) if stage.facts.as_ref().and_then(|facts| facts.service) == Some(false) => None,
        Known::Unknown(_) => return Err(unknown("the entry point")),
    };
    let command = || match &config.cmd {
        Known::Value(command) => Ok(command.as_ref()),
        Known::Unknown(_) => Err(unknown("the command")),
    };
    let words = match entry {
        None => command()?.map(|command| command.words.clone()).unwrap_or_default(),
        Some(entry) if !entry.exec => entry.words.clone(),
        Some(entry) => {
            let arguments = command()?.map(|command| command.words.clone()).unwrap_or_default();
            let program = entry.words.first().map(String::as_str).unwrap_or_default();
            if entry.instruction.is_none() && passes_on(program) {
                arguments
            } else {
                entry.words.iter().cloned().chain(arguments).collect()
            }
        }
    };
    if words.is_empty() {
        return Err(Refusal::hazard("H025", "it is not known what a container starts"));
    }
    in_shell(subject, words, 0)
}

/// The entry point scripts of official images prepare something and start what they are given.
fn passes_on(program: &str) -> bool {
    program.contains("entrypoint")
}

/// Looks into `sh -c TEXT`, and behind programs that only pass on their arguments.
fn in_shell(subject: &Subject<'_>, words: Vec<String>, depth: usize) -> Result<Vec<Vec<String>>, Refusal> {
    let words = behind_wrappers(subject, words);
    let is_shell = words.first().is_some_and(|program| subject.knowledge.is_shell(program));
    let text =
        words.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'));
    let (true, Some(flag)) = (is_shell, text) else { return Ok(vec![words]) };
    let Some(text) = words.get(flag + 1).filter(|_| depth < 3) else { return Ok(vec![words]) };
    let script = Script::parse(text);
    if !script.is_readable() {
        return Err(Refusal::hazard("H025", "the shell text of the command cannot be read"));
    }
    if script.list().iter().any(|item| matches!(item.node, Node::Compound(_) | Node::Other { .. })) {
        return Err(Refusal::hazard("H025", "the command is a program of the shell"));
    }
    let mut commands = Vec::new();
    for simple in script.all_commands() {
        if !simple.redirects.is_empty() {
            return Err(Refusal::hazard("H021", "the command writes to a file"));
        }
        let words: Vec<String> =
            simple.words.iter().map(|word| word.value().unwrap_or(word.raw()).to_owned()).collect();
        if !words.is_empty() {
            commands.extend(in_shell(subject, words, depth + 1)?);
        }
    }
    Ok(commands)
}

fn behind_wrappers(subject: &Subject<'_>, mut words: Vec<String>) -> Vec<String> {
    while words.first().is_some_and(|word| subject.knowledge.program_role(word) == Some(ProgramRole::Wrapper))
    {
        let rest = words.iter().skip(1);
        let own = rest.take_while(|word| {
            word.starts_with('-') || word.contains('=') || word.bytes().all(|byte| byte.is_ascii_digit())
        });
        let count = 1 + own.count();
        words.drain(..count.min(words.len()));
    }
    words
}
