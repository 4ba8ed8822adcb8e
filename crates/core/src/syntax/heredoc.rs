//! Heredocs: finding their openers in a logical line.

use super::{ExpandError, Lexer, LineRules};
use crate::text::TextRange;

/// A heredoc of an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc {
    /// The terminator's word, without quotes.
    pub name: String,
    /// The file descriptor before the `<<`; 0 when there is none.
    pub descriptor: u32,
    /// Whether variables in the body are expanded: no part of the word is quoted.
    pub expand: bool,
    /// Whether leading tabs are removed: `<<-`.
    pub chomp: bool,
    /// The body: whole lines, without the terminator's. Its text is the file's, byte for byte.
    pub body: TextRange,
    /// The terminator's line without its line ending; empty at the body's end when it never comes.
    pub terminator: TextRange,
}

/// An opener, before its body is read.
pub(super) struct Opener {
    pub(super) name: String,
    pub(super) descriptor: u32,
    pub(super) expand: bool,
    pub(super) chomp: bool,
}

/// The openers in a logical line. A line that the lexer cannot read (an open quote) has none, as in BuildKit.
///
/// The escape character is always the backslash here, whatever the file says.
pub(super) fn openers(line: &str, rules: LineRules) -> Result<Vec<Opener>, ExpandError> {
    // Nearly every line has none, and lexing each would be work for nothing.
    if !line.contains("<<") {
        return Ok(Vec::new());
    }
    let lexer = Lexer::new('\\').with_rules(rules).raw(true, true).skip_unset();
    let mut openers = Vec::new();
    for word in lexer.words(line) {
        openers.extend(opener(&word, rules)?);
    }
    Ok(openers)
}

/// Reads a word such as `<<EOF`, `3<<-"EOF"`; `None` when it opens no heredoc.
pub(super) fn opener(word: &str, rules: LineRules) -> Result<Option<Opener>, ExpandError> {
    let digits = word.len() - word.trim_start_matches(|character: char| character.is_ascii_digit()).len();
    let Some(rest) = word[digits..].strip_prefix("<<") else { return Ok(None) };
    let (chomp, mut rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if rules != LineRules::BuildKit0_12 {
        rest = rest.trim_start_matches(['\t', '\n', '\u{c}', '\r', ' ']);
    }
    // `<<<` is a here-string of the shell's (H154).
    if rest.is_empty() || rest.contains('<') {
        return Ok(None);
    }
    let lexer = Lexer::new('\\').with_rules(rules).skip_unset();
    let words = lexer.try_words(rest)?;
    let [name] = words.as_slice() else { return Ok(None) };
    let raw = lexer.raw(true, false).try_words(rest)?;
    let [raw_name] = raw.as_slice() else {
        return Err(ExpandError::Invalid(format!("the heredoc word {rest} cannot be read")));
    };
    let quotes = |text: &str| text.matches(['\'', '"']).count();
    Ok(Some(Opener {
        name: name.clone(),
        descriptor: word[..digits].parse().unwrap_or(0),
        expand: quotes(name) == quotes(raw_name),
        chomp,
    }))
}
