//! Package installations in the shell text of a RUN, for the rules about package managers.

use crate::knowledge::InstallCommand;
use crate::model::{BuildModel, ShellText};
use crate::shell::Simple;
use crate::syntax::{Instruction, Keyword};
use crate::text::TextRange;

/// The command that removes the package lists of apt, in canonical form.
pub const APT_LISTS_CLEANUP: &str = "rm -rf /var/lib/apt/lists/*";

/// A RUN in shell form whose text can be read.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ShellRun<'a> {
    /// The index of the RUN.
    pub index: usize,
    /// The RUN.
    pub instruction: &'a Instruction,
    /// Its text.
    pub text: &'a ShellText,
}

/// The RUNs in shell form whose text holds one of `words` (a cheap test before the text is parsed), is run by a POSIX
/// shell and can be read.
pub fn shell_runs<'a>(model: &'a BuildModel, words: &'a [&'a str]) -> impl Iterator<Item = ShellRun<'a>> {
    model.file().instructions().iter().enumerate().filter_map(move |(index, instruction)| {
        if instruction.keyword != Keyword::Run || instruction.json {
            return None;
        }
        let holds = |text: &str| words.iter().any(|word| text.contains(word));
        let in_heredoc =
            || instruction.heredocs.iter().any(|heredoc| holds(heredoc.body.of(model.file().text())));
        if !holds(instruction.arguments_text()) && !in_heredoc() {
            return None;
        }
        let text = model.shell_text(index).filter(|text| text.script.is_readable())?;
        Some(ShellRun { index, instruction, text })
    })
}

/// A command that installs packages.
pub struct Install<'a> {
    /// Which command of the text, counted from 0 in the order they are written.
    pub command: usize,
    /// The command.
    pub simple: &'a Simple,
    /// How many of its words stand before the package manager: `sudo`, `env A=b`.
    pub prefix: usize,
    /// What it installs, with word indices that count from the package manager.
    pub read: InstallCommand,
}

impl Install<'_> {
    /// The index of the verb (`install`, `add`) among all words of the command.
    pub fn verb(&self) -> Option<usize> {
        self.read.verb.map(|verb| verb + self.prefix)
    }

    /// The words that are packages, as they are written.
    pub fn packages(&self) -> impl Iterator<Item = &str> {
        self.read.packages.iter().filter_map(|index| Some(self.simple.words.get(index + self.prefix)?.raw()))
    }

    /// Where the words from the package manager to the verb stand in the file.
    pub fn range(&self, run: &ShellRun<'_>) -> TextRange {
        let first = self.simple.words.get(self.prefix);
        let last = self.verb().and_then(|verb| self.simple.words.get(verb)).or(first);
        match (first, last) {
            (Some(first), Some(last)) => {
                run.text.file_range(run.instruction, &(first.span.start..last.span.end))
            }
            _ => run.instruction.keyword_range(),
        }
    }
}

/// The installations by a package manager (given by the name of its table) in a RUN, those in substitutions excluded.
pub fn installs<'a>(run: &ShellRun<'a>, manager: &str) -> Vec<Install<'a>> {
    let commands = run.text.script.commands().enumerate();
    commands
        .filter_map(|(command, simple)| {
            let words: Vec<&str> =
                simple.words.iter().map(|word| word.value().unwrap_or(word.raw())).collect();
            let prefix = wrapper_words(&words);
            let read = InstallCommand::read(words.get(prefix..)?)?;
            (read.manager.name == manager).then_some(Install { command, simple, prefix, read })
        })
        .collect()
}

/// How many leading words only start the program behind them.
fn wrapper_words(words: &[&str]) -> usize {
    let mut count = 0;
    while let Some(word) = words.get(count) {
        let rest = &words[count + 1..];
        match *word {
            "sudo" | "env" | "time" | "nice" | "exec" | "command" | "eatmydata" => count += 1,
            _ => break,
        }
        // Flags of the wrapper, and the variables of `env` and `sudo`.
        count += rest.iter().take_while(|word| word.starts_with('-') || word.contains('=')).count();
    }
    count
}

/// The words of a command, quotes removed, with variables as they are written.
pub(crate) fn literal_words(model: &BuildModel, instruction: usize, command: usize) -> Option<Vec<String>> {
    let simple = model.shell_text(instruction)?.script.commands().nth(command)?;
    let words: Vec<&str> = simple.words.iter().map(|word| word.value().unwrap_or(word.raw())).collect();
    let prefix = wrapper_words(&words);
    Some(words[prefix..].iter().map(|word| (*word).to_owned()).collect())
}

/// Whether a step behind `instruction`, in its stage or one built on it, installs packages with apt before the lists are
/// fetched again (H102).
pub(crate) fn lists_are_needed_behind(model: &BuildModel, instruction: usize) -> bool {
    let Some(stage) = model.stage_of(instruction) else { return true };
    if let Some(needed) = first_use(model, stage.index, instruction + 1) {
        return needed;
    }
    model.children(stage.index).into_iter().any(|child| first_use(model, child, 0) == Some(true))
}

/// Whether the first apt command of a stage from an instruction on is an installation; `None` when there is none.
fn first_use(model: &BuildModel, stage: usize, from: usize) -> Option<bool> {
    let stage = model.stages().get(stage)?;
    for (index, instruction) in model.stage_instructions(stage).filter(|(index, _)| *index >= from) {
        let text = instruction.arguments_text();
        let holds_apt = text.contains("apt")
            || instruction.heredocs.iter().any(|h| h.body.of(model.file().text()).contains("apt"));
        if instruction.keyword != Keyword::Run || !holds_apt {
            continue;
        }
        let Some(shell) = model.shell_text(index).filter(|shell| shell.script.is_readable()) else {
            // Something with apt that cannot be read may be anything.
            return Some(true);
        };
        for simple in shell.script.commands() {
            let words: Vec<&str> =
                simple.words.iter().map(|word| word.value().unwrap_or(word.raw())).collect();
            let words = &words[wrapper_words(&words)..];
            let Some((program, rest)) = words.split_first() else { continue };
            if !matches!(*program, "apt" | "apt-get" | "aptitude" | "apt-cache" | "apt-file") {
                // A text for another shell, or a script of another program.
                if rest.iter().any(|word| word.contains("apt-get ") || word.contains("apt ")) {
                    return Some(true);
                }
                continue;
            }
            let verb = rest.iter().find(|word| !word.starts_with('-'));
            match verb.copied() {
                Some("update") => return Some(false),
                Some("clean" | "autoclean" | "autoremove" | "remove" | "purge") | None => {}
                Some(_) => return Some(true),
            }
        }
    }
    None
}
