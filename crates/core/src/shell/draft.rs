//! What is known of a word while it is being read.

use super::tree::{Expansion, ExpansionKind, Span};

/// A word that is being read.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // What was seen so far, each on its own.
pub(super) struct Draft {
    pub(super) unquoted: String,
    pub(super) quoted: bool,
    pub(super) expansions: Vec<Expansion>,
    pub(super) joints: Vec<usize>,
    pub(super) has_glob: bool,
    pub(super) has_tilde: bool,
    pub(super) has_brace: bool,
    pub(super) assigns_at: Option<usize>,
    /// The character before, when it was not quoted and no expansion.
    pub(super) plain: Option<char>,
    bracket_open: bool,
    brace_open: bool,
    brace_divided: bool,
    equals_seen: bool,
}

impl Draft {
    /// Adds an unquoted character that ends at `after`.
    pub(super) fn push_plain(&mut self, char: char, after: usize, is_first: bool) {
        match char {
            '*' | '?' => self.has_glob = true,
            '[' => self.bracket_open = true,
            ']' => self.has_glob |= self.bracket_open,
            '{' => self.brace_open = true,
            ',' => self.brace_divided |= self.brace_open,
            '.' => self.brace_divided |= self.brace_open && self.plain == Some('.'),
            '}' => self.has_brace |= self.brace_divided,
            '~' => {
                let after_sign = self.equals_seen && matches!(self.plain, Some('=' | ':'));
                self.has_tilde |= is_first || after_sign;
            }
            '=' if !self.equals_seen => {
                self.equals_seen = true;
                let is_target = is_assignment_target(&self.unquoted);
                if is_target && !self.quoted && (self.expansions.is_empty() || self.unquoted.contains('[')) {
                    self.assigns_at = Some(after);
                }
            }
            _ => {}
        }
        self.unquoted.push(char);
        self.plain = Some(char);
    }

    pub(super) fn expand(&mut self, span: Span, quoted: bool, kind: ExpansionKind) {
        self.plain = None;
        self.expansions.push(Expansion { span, quoted, kind });
    }

    pub(super) fn parameter(&mut self, span: Span, quoted: bool, name: String) {
        self.expand(
            span,
            quoted,
            ExpansionKind::Parameter { name, modifier: String::new(), nested: Vec::new() },
        );
    }

    /// Whether the word so far is `name=` or `name+=` and nothing else.
    pub(super) fn ends_in_assignment(&self) -> bool {
        self.assigns_at.is_some()
            && self.plain == Some('=')
            && self.unquoted.ends_with('=')
            && self.unquoted.matches('=').count() == 1
    }
}

/// Whether the text before a `=` names what an assignment sets: `name`, `name+`, `name[...]`.
fn is_assignment_target(text: &str) -> bool {
    let text = text.strip_suffix('+').unwrap_or(text);
    match text.split_once('[') {
        Some((name, subscript)) => is_name(name) && subscript.ends_with(']'),
        None => is_name(text),
    }
}

pub(super) fn is_name(text: &str) -> bool {
    text.bytes().all(is_name_byte) && text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
