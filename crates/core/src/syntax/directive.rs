//! The parser directives at the top of a file.

use super::{LineRules, ProblemKind};
use crate::text::TextRange;

/// The directives BuildKit knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DirectiveName {
    /// `# syntax=`: the frontend that reads the file.
    Syntax,
    /// `# escape=`: the escape character.
    Escape,
    /// `# check=`: which of BuildKit's checks run.
    Check,
}

/// A directive such as `# syntax=docker/dockerfile:1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Which one.
    pub name: DirectiveName,
    /// What stands behind the `=`, without blanks around it.
    pub value: String,
    /// From the `#` to the last byte of the line, its line ending excluded.
    pub range: TextRange,
    /// The line, counted from 1.
    pub line: usize,
}

/// Reads directives from the first lines until one is none.
pub(super) struct DirectiveReader {
    rules: LineRules,
    done: bool,
    seen: Vec<DirectiveName>,
}

/// What a line at the top is.
pub(super) enum Read {
    /// No directive; none will follow.
    Nothing,
    Directive(DirectiveName, String),
    Problem(ProblemKind, String),
}

impl DirectiveReader {
    pub(super) fn new(rules: LineRules) -> Self {
        Self { rules, done: false, seen: Vec::new() }
    }

    /// Reads the next line, without its line ending and, outside continuations, without leading blanks.
    pub(super) fn read(&mut self, line: &str) -> Read {
        if self.done {
            return Read::Nothing;
        }
        let Some((name, value)) = self.split(line) else {
            self.done = true;
            return Read::Nothing;
        };
        let name = match name.to_ascii_lowercase().as_str() {
            "syntax" => DirectiveName::Syntax,
            "escape" => DirectiveName::Escape,
            "check" if self.rules != LineRules::BuildKit0_12 => DirectiveName::Check,
            _ => {
                self.done = true;
                return Read::Nothing;
            }
        };
        if self.seen.contains(&name) {
            let message = "a parser directive may stand only once at the top of the file".to_owned();
            return Read::Problem(ProblemKind::RepeatedDirective, message);
        }
        self.seen.push(name);
        if name == DirectiveName::Escape && value != "\\" && value != "`" {
            let message = format!("the escape character is {value:?}, but only \\ and ` are allowed");
            return Read::Problem(ProblemKind::BadEscape, message);
        }
        Read::Directive(name, value.to_owned())
    }

    /// `# name = value`, where BuildKit's regular expression takes `[\t\n\f\r ]` for blanks.
    fn split<'a>(&self, line: &'a str) -> Option<(&'a str, &'a str)> {
        let rest = line.strip_prefix('#')?;
        let rest = match self.rules {
            LineRules::BuildKit0_12 => rest.trim_start_matches(is_regexp_space),
            LineRules::Current => rest.trim_start(),
        };
        let name_end = rest.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(name_end);
        if !name.starts_with(|character: char| character.is_ascii_alphabetic()) {
            return None;
        }
        let rest = rest.trim_start_matches(is_regexp_space).strip_prefix('=')?;
        // The value's first character may be a blank when nothing else is left for it to be.
        let rest_trimmed = rest.trim_start_matches(is_regexp_space);
        let value = if rest_trimmed.is_empty() {
            let last = rest.char_indices().next_back().map_or(rest, |(at, _)| &rest[at..]);
            if last == "\n" { "" } else { last }
        } else {
            rest_trimmed.trim_end_matches(is_regexp_space)
        };
        (!value.is_empty()).then_some((name, value))
    }
}

fn is_regexp_space(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\u{c}' | '\r' | ' ')
}
