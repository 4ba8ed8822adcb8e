//! Texts that a RUN hands to another shell: `sh -c "..."`, also in exec form.

use super::{Started, mentions, started, text_of};
use crate::knowledge::Knowledge;
use crate::model::{BuildModel, ShellKind};
use crate::rule::Subject;
use crate::shell::Script;
use crate::syntax::Keyword;
use crate::text::TextRange;

/// A script in a word of a RUN. What is found in it is reported; a fix would have to get the quotes right.
pub(crate) struct InnerScript {
    /// The index of the RUN.
    pub(crate) index: usize,
    /// Where the word stands in the file.
    pub(crate) range: TextRange,
    /// What it says.
    pub(crate) script: Script,
}

/// The scripts for other shells that hold one of `words` and can be read.
pub(crate) fn inner_scripts(subject: &Subject<'_>, words: &[&str]) -> Vec<InnerScript> {
    let model = subject.model;
    let mut found = Vec::new();
    for (index, instruction) in model.file().instructions().iter().enumerate() {
        if instruction.keyword != Keyword::Run || !mentions(model, instruction, words) {
            continue;
        }
        if instruction.json {
            found.extend(of_exec_form(subject, index, words));
        } else if instruction.arguments_text().contains(" -") {
            found.extend(of_commands(model, index, words));
        }
    }
    found
}

/// A flag such as `-c`, `-lc` or `-exc`.
fn is_command_flag(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--") && word.ends_with('c')
}

fn script(text: &str, words: &[&str]) -> Option<Script> {
    let script = words.iter().any(|word| text.contains(word)).then(|| Script::parse(text))?;
    script.is_readable().then_some(script)
}

fn of_exec_form(subject: &Subject<'_>, index: usize, words: &[&str]) -> Option<InnerScript> {
    let instruction = subject.model.instruction(index)?;
    let (_, step) = subject.model.place(index)?;
    if step.state.default_shell == Some(ShellKind::Windows) {
        return None;
    }
    let first = instruction.values.first()?;
    if !subject.knowledge.is_shell(&first.text) {
        return None;
    }
    let flag = instruction.values.iter().position(|value| is_command_flag(&value.text))?;
    let value = instruction.values.get(flag + 1)?;
    let script = script(&value.text, words)?;
    Some(InnerScript { index, range: instruction.file_range(value.span), script })
}

fn of_commands(model: &BuildModel, index: usize, words: &[&str]) -> Vec<InnerScript> {
    let Some(run) = super::ShellRun::at(model, index) else { return Vec::new() };
    let inner = |started: Started<'_>| {
        let word = inner_word(&started)?;
        let script = script(word.1, words)?;
        Some(InnerScript { index, range: run.text.file_range(run.instruction, &word.0), script })
    };
    started(&run.text.script).filter_map(inner).collect()
}

/// The span and the text of the word that a shell is to run.
fn inner_word<'a>(started: &Started<'a>) -> Option<(crate::shell::Span, &'a str)> {
    let program = started.program();
    let is_shell = program == "su" || Knowledge::builtin().is_shell(program);
    if !is_shell {
        return None;
    }
    let rest = started.simple.words.get(started.prefix + 1..)?;
    let flag = rest.iter().position(|word| is_command_flag(text_of(word)) || text_of(word) == "--command")?;
    let word = rest.get(flag + 1)?;
    let text = text_of(word);
    // A word with variables inside double quotes is not literal: read what stands between the quotes.
    let unquoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    Some((word.span.clone(), unquoted.unwrap_or(text)))
}
