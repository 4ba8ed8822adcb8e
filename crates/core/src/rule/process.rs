//! What a container of a stage starts: its words, and the program behind wrappers.

use super::{Refusal, Subject};
use crate::knowledge::ProgramRole;
use crate::model::{Known, Stage};

/// The words that a container is started with: entry point and command together, the shell of the shell form included.
/// Behind the entry point script of an official image, which starts what it is given, those of the command alone.
///
/// # Errors
/// A [`Refusal`] when that cannot be told: an entry point or a command of a base image that is not known.
pub(crate) fn started(stage: &Stage) -> Result<Vec<String>, Refusal> {
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
    Ok(words)
}

/// The entry point scripts of official images prepare something and start what they are given.
fn passes_on(program: &str) -> bool {
    program.contains("entrypoint")
}

/// The words without the wrappers at their start (`tini --`, `env A=1`, `exec`), which only pass on their arguments.
pub(crate) fn behind_wrappers(subject: &Subject<'_>, mut words: Vec<String>) -> Vec<String> {
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
