//! Package installations in the shell text of a RUN, for the rules about package managers.

pub(crate) mod apk;
pub(crate) mod apt;
mod clean;
mod inner;
pub(crate) mod lists;
pub(crate) mod needs;
pub(crate) mod pip;
mod wrapper;

use crate::knowledge::InstallCommand;
use crate::model::{BuildModel, ShellText};
use crate::rule::Refusal;
use crate::shell::{ExpansionKind, Script, Simple, Word};
use crate::syntax::{Instruction, Keyword};
use crate::text::TextRange;

pub(crate) use clean::{has_mount_over, last_cache_clean, removes};
pub(crate) use inner::{InnerScript, inner_scripts};

/// The command that removes the package lists of apt, in canonical form.
pub const APT_LISTS_CLEANUP: &str = "rm -rf /var/lib/apt/lists/*";

/// More steps than this before or behind an installation are not followed: nobody writes them, and looking at all of
/// them for each of them takes quadratic time.
const MOST_STEPS: usize = 300;

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

impl<'a> ShellRun<'a> {
    /// The RUN at `index`, when it is one in shell form that can be read.
    pub fn at(model: &'a BuildModel, index: usize) -> Option<Self> {
        let instruction = model.instruction(index)?;
        if instruction.keyword != Keyword::Run || instruction.json {
            return None;
        }
        let text = model.shell_text(index).filter(|text| text.script.is_readable())?;
        Some(Self { index, instruction, text })
    }

    /// The same RUN when a fix may edit its text.
    ///
    /// # Errors
    /// A refusal when the text is the body of a heredoc.
    pub(crate) fn editable(self) -> Result<Self, Refusal> {
        if self.text.is_heredoc() {
            return Err(Refusal::because("the command stands in a heredoc"));
        }
        Ok(self)
    }

    /// Whether the layers of the stage that the RUN belongs to reach an image.
    pub(crate) fn is_shipped(&self, model: &BuildModel) -> bool {
        model.stage_of(self.index).is_some_and(|stage| stage.shipped)
    }
}

/// Whether the text of an instruction, its heredocs included, holds one of `words`.
pub(crate) fn mentions(model: &BuildModel, instruction: &Instruction, words: &[&str]) -> bool {
    let holds = |text: &str| words.iter().any(|word| text.contains(word));
    holds(instruction.arguments_text())
        || instruction.heredocs.iter().any(|heredoc| holds(heredoc.body.of(model.file().text())))
}

/// The RUNs in shell form whose text holds one of `words` (a cheap test before the text is parsed), is run by a POSIX
/// shell and can be read.
pub fn shell_runs<'a>(model: &'a BuildModel, words: &'a [&'a str]) -> impl Iterator<Item = ShellRun<'a>> {
    model.file().instructions().iter().enumerate().filter_map(move |(index, instruction)| {
        let is_text = instruction.keyword == Keyword::Run && !instruction.json;
        (is_text && mentions(model, instruction, words)).then(|| ShellRun::at(model, index)).flatten()
    })
}

/// A word as the program will see it, or as it is written where that cannot be known.
pub(crate) fn text_of(word: &Word) -> &str {
    word.value().unwrap_or_else(|| word.raw())
}

/// A command without what only starts it: `sudo`, `env A=b`, `xargs`.
#[derive(Clone, Copy)]
pub(crate) struct Started<'a> {
    /// Which command of the text, counted from 0 in the order they are written.
    pub(crate) command: usize,
    /// The command, whole.
    pub(crate) simple: &'a Simple,
    /// How many of its words stand before the program.
    pub(crate) prefix: usize,
    /// Whether it is run with the rights of another user.
    pub(crate) sudo: bool,
    /// Whether it gets further words from its input.
    pub(crate) xargs: bool,
}

impl<'a> Started<'a> {
    pub(crate) fn new(command: usize, simple: &'a Simple) -> Self {
        let wrapper = wrapper::wrapper(&simple.words);
        Self { command, simple, prefix: wrapper.words, sudo: wrapper.sudo, xargs: wrapper.xargs }
    }

    /// The words from the program on.
    pub(crate) fn words(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.simple.words.get(self.prefix..).unwrap_or_default().iter().map(text_of)
    }

    /// The program, without its path; empty when there is none.
    pub(crate) fn program(&self) -> &'a str {
        let first = self.simple.words.get(self.prefix).map_or("", text_of);
        first.rsplit('/').next().unwrap_or(first)
    }

    /// The word at `index`, counted from the program.
    pub(crate) fn word(&self, index: usize) -> Option<&'a Word> {
        self.simple.words.get(self.prefix + index)
    }

    /// Where the words from the program to the one at `last` stand in the file.
    pub(crate) fn range(&self, run: &ShellRun<'_>, last: usize) -> TextRange {
        match (self.word(0), self.word(last).or(self.word(0))) {
            (Some(first), Some(last)) => {
                run.text.file_range(run.instruction, &(first.span.start..last.span.end))
            }
            _ => run.instruction.keyword_range(),
        }
    }
}

/// The commands of a script without what starts them, those in substitutions excluded.
pub(crate) fn started(script: &Script) -> impl Iterator<Item = Started<'_>> {
    script.commands().enumerate().map(|(command, simple)| Started::new(command, simple))
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
    started: Started<'a>,
}

impl<'a> Install<'a> {
    /// The installation that a command is, by the package manager of that name.
    pub(crate) fn of(started: Started<'a>, manager: &str) -> Option<Self> {
        if started.simple.words.len() < 2 {
            return None;
        }
        let words: Vec<&str> = started.words().collect();
        let read = InstallCommand::read(&words)?;
        let Started { command, simple, prefix, .. } = started;
        (read.manager.name == manager).then_some(Self { command, simple, prefix, read, started })
    }

    /// The index of the verb (`install`, `add`) among all words of the command.
    pub fn verb(&self) -> Option<usize> {
        self.read.verb.map(|verb| verb + self.prefix)
    }

    /// The words that are packages.
    pub fn packages(&self) -> impl Iterator<Item = &'a Word> {
        self.read.packages.iter().filter_map(|index| self.simple.words.get(index + self.prefix))
    }

    /// Where the words from the package manager to the verb stand in the file.
    pub fn range(&self, run: &ShellRun<'_>) -> TextRange {
        self.started.range(run, self.read.verb.unwrap_or(0))
    }

    /// Whether packages come from where they cannot be seen: a variable, a substitution, a glob, the input.
    pub(crate) fn has_unseen_packages(&self) -> bool {
        // A glob in the version is one of apt: `redis-server=2:2.8.*`.
        let is_version = |word: &Word| {
            word.expansions.is_empty()
                && !word.has_brace
                && word.raw().split_once('=').is_some_and(|(name, _)| !name.contains(['*', '?', '[']))
        };
        let is_seen = |word: &Word| word.value().is_some() || word.has_tilde || is_version(word);
        self.started.xargs || self.packages().any(|word| !is_seen(word))
    }

    /// Whether a variable among its words may hold flags: `$APT_OPTS`, `"$@"`, or one that is known to.
    pub(crate) fn may_have_unseen_flags(&self, model: &BuildModel, instruction: usize) -> bool {
        let state = model.place(instruction).map(|(_, step)| &step.state);
        self.simple.words.iter().skip(self.prefix).flat_map(|word| &word.expansions).any(|expansion| {
            let ExpansionKind::Parameter { name, modifier, .. } = &expansion.kind else { return false };
            let upper = name.to_ascii_uppercase();
            let speaks_of_flags = ["OPT", "ARG", "FLAG", "PARAM"].iter().any(|part| upper.contains(part));
            let is_positional = name.bytes().all(|byte| byte.is_ascii_digit()) || name == "@" || name == "*";
            let value = state.and_then(|state| state.variable(name)?.value());
            speaks_of_flags
                || is_positional
                || value.is_some_and(|value| value.trim_start().starts_with('-'))
                || modifier.contains('-') && modifier.contains("--")
        })
    }

    /// The word of its verb.
    ///
    /// # Errors
    /// A refusal when there is none, which [`InstallCommand`] only says of managers that no rule asks about.
    pub(crate) fn verb_word(&self) -> Result<&'a Word, Refusal> {
        let word = self.verb().and_then(|verb| self.simple.words.get(verb));
        word.ok_or_else(|| Refusal::because("the command has no verb"))
    }

    /// Whether `-o name=value` (or `--option`) says something about an option of apt, by its name in lower case.
    pub(crate) fn option(&self, name: &str) -> Option<String> {
        let values = self.read.flags.iter().filter_map(|flag| flag.value.as_deref());
        values.filter_map(|value| value.trim_matches(['"', '\'']).split_once('=')).find_map(|(key, value)| {
            key.eq_ignore_ascii_case(name).then(|| value.trim_matches(['"', '\'']).to_ascii_lowercase())
        })
    }
}

/// The installations by a package manager (given by the name of its table) in a script, those in substitutions excluded.
pub fn installs<'a>(script: &'a Script, manager: &str) -> Vec<Install<'a>> {
    started(script).filter_map(|started| Install::of(started, manager)).collect()
}
