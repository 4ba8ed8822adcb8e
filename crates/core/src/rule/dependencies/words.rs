//! What several stacks need to read a command: its flags, words that can be typed again, and the files that are sent.

use std::collections::HashSet;

use crate::context::project::Tree;

use super::{Place, Refusal};

/// Asks about the files of the context that the builder is sent.
pub(super) fn with_tree<T>(place: &Place<'_>, ask: impl FnOnce(Tree<'_>) -> T) -> T {
    let listed = place.context.sent();
    let sent: HashSet<&str> =
        listed.iter().flat_map(|list| list.iter()).map(|found| found.path.as_str()).collect();
    let sees = |path: &str| path.is_empty() || sent.contains(path);
    ask(Tree::new(place.context.files(), &sees))
}

/// Whether the builder is sent this file or directory.
pub(super) fn is_sent(place: &Place<'_>, path: &str) -> bool {
    place.context.sent().is_some_and(|list| list.iter().any(|found| found.path == path))
}

/// That a folder of the context would be copied over what was installed.
pub(super) fn in_the_way(path: &str) -> Refusal {
    let reason = format!(
        "`{path}` of the context would be copied over what was installed; `dockmend rewrite ignore order` keeps it out first"
    );
    Refusal::hazard("H060", reason)
}

/// The words of a command, quoted where the shell would take them apart; `None` for those that no quotes help.
pub(super) fn typed<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut line = String::new();
    for word in words {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
        if !line.is_empty() {
            line.push(' ');
        }
        if !word.is_empty() && word.chars().all(is_plain) {
            line.push_str(word);
        } else if word.contains(['\'', '\n', '\\']) {
            return None;
        } else {
            line.push('\'');
            line.push_str(word);
            line.push('\'');
        }
    }
    Some(line)
}

/// A word of a command behind its program.
pub(super) enum Word<'a> {
    /// A flag, and its value where it has one.
    Flag(&'a str, Option<&'a str>),
    /// Anything else.
    Plain(&'a str),
}

impl<'a> Word<'a> {
    /// The name of a flag.
    pub(super) fn flag(&self) -> Option<&'a str> {
        match self {
            Self::Flag(name, _) => Some(name),
            Self::Plain(_) => None,
        }
    }

    /// The word as it is typed again.
    pub(super) fn typed(&self) -> Vec<&'a str> {
        match self {
            Self::Flag(name, value) => std::iter::once(*name).chain(*value).collect(),
            Self::Plain(word) => vec![word],
        }
    }
}

/// Reads the words behind a program. A flag of `with_value` takes the next word; `--flag=value` stays one word.
pub(super) fn read_words<'a>(words: &[&'a str], with_value: &[&str]) -> Vec<Word<'a>> {
    let mut read = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if !word.starts_with('-') || *word == "-" {
            read.push(Word::Plain(word));
        } else if with_value.contains(word) {
            read.push(Word::Flag(word, rest.next().copied()));
        } else {
            read.push(Word::Flag(word, None));
        }
    }
    read
}

/// The value of a flag, behind it or behind a `=`.
pub(super) fn value_of<'a>(words: &[Word<'a>], names: &[&str]) -> Option<&'a str> {
    words.iter().find_map(|word| match word {
        Word::Flag(name, Some(value)) if names.contains(name) => Some(*value),
        Word::Flag(name, None) => {
            let (head, value) = name.split_once('=')?;
            names.contains(&head).then_some(value)
        }
        _ => None,
    })
}

/// Whether a flag is among the words, with or without a value.
pub(super) fn has_flag(words: &[Word<'_>], names: &[&str]) -> bool {
    words.iter().filter_map(Word::flag).any(|flag| {
        names.contains(&flag) || flag.split_once('=').is_some_and(|(head, _)| names.contains(&head))
    })
}
