//! Splitting an instruction's text, as BuildKit's line parsers do.
//!
//! The corners are BuildKit's own: some splitters know only ASCII blanks, some all of Unicode's, and flags are read
//! byte by byte.

use super::{Flag, LineRules, Span, Value};

/// The blanks of BuildKit's `[\t\v\f\r ]+`.
fn is_separator(character: char) -> bool {
    matches!(character, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// The span of `text` without Unicode blanks around it; `base` is its offset in the logical line.
fn trimmed(text: &str, base: usize) -> Span {
    let start = text.len() - text.trim_start().len();
    Span::new(base + start, base + start + text.trim().len())
}

/// An instruction's text cut into keyword, flags and arguments.
pub(super) struct Split {
    pub(super) keyword: Span,
    pub(super) flags: Vec<Flag>,
    pub(super) arguments: Span,
}

/// Cuts the bytes of `span` of `line`.
pub(super) fn split(line: &str, span: Span, escape: char, rules: LineRules) -> Split {
    let span = trimmed(&line[span.start..span.end], span.start);
    let text = &line[span.start..span.end];
    let Some(keyword_end) = text.find(is_separator) else {
        return Split { keyword: span, flags: Vec::new(), arguments: Span::new(span.end, span.end) };
    };
    let rest = text[keyword_end..].trim_start_matches(is_separator);
    let rest_start = span.end - rest.len();
    // BuildKit 0.12 took the backslash here even where the file's escape character is the backtick.
    let escape = if rules == LineRules::BuildKit0_12 { '\\' } else { escape };
    let (flags, arguments_start) = flags(rest, rest_start, escape);
    Split {
        keyword: Span::new(span.start, span.start + keyword_end),
        flags,
        arguments: trimmed(&line[arguments_start..span.end], arguments_start),
    }
}

/// Unicode's blanks among the 256 characters that a byte, taken for a character, can be.
fn is_byte_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ' | 0x85 | 0xa0)
}

/// The flags at the start of `text`, and the offset of what follows them. BuildKit reads byte by byte, so a flag's
/// character outside of ASCII comes out as one character for each of its bytes.
fn flags(text: &str, base: usize, escape: char) -> (Vec<Flag>, usize) {
    let bytes = text.as_bytes();
    let boundary = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        base + at
    };
    let mut flags = Vec::new();
    let mut at = 0;
    loop {
        while at < bytes.len() && is_byte_space(bytes[at]) {
            at += 1;
        }
        if !bytes[at..].starts_with(b"--") {
            return (flags, boundary(at));
        }
        let start = at;
        let mut word = String::new();
        let mut quoted = false;
        let mut quote = None;
        while let Some(&byte) = bytes.get(at) {
            if quote.is_none() && is_byte_space(byte) {
                break;
            }
            at += 1;
            if quote == Some(byte) {
                quote = None;
            } else if quote.is_none() && matches!(byte, b'\'' | b'"') {
                quote = Some(byte);
                quoted = true;
            } else if char::from(byte) == escape {
                let Some(&escaped) = bytes.get(at) else { break };
                word.push(char::from(escaped));
                at += 1;
            } else {
                word.push(char::from(byte));
            }
        }
        let ends_options = word == "--";
        if !ends_options && (quoted || !word.is_empty()) {
            flags.push(Flag { text: word, span: Span::new(boundary(start), boundary(at)) });
        }
        if ends_options {
            return (flags, boundary(at));
        }
    }
}

/// The parts between runs of ASCII blanks. The text has no blanks around it.
pub(super) fn separated(text: &str, base: usize) -> Vec<Value> {
    let mut values = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let len = rest.find(is_separator).unwrap_or(rest.len());
        values.push(value(&rest[..len], base + at));
        at += len;
        at += text[at..].len() - text[at..].trim_start_matches(is_separator).len();
    }
    values
}

/// The first part before a run of ASCII blanks, and all behind it; `None` when there are no blanks.
pub(super) fn cut(text: &str, base: usize) -> Option<(Value, Value)> {
    let end = text.find(is_separator)?;
    let rest = text[end..].trim_start_matches(is_separator);
    Some((value(&text[..end], base), value(rest, base + text.len() - rest.len())))
}

/// A value that is its own text.
pub(super) fn value(text: &str, start: usize) -> Value {
    Value { text: text.to_owned(), span: Span::new(start, start + text.len()) }
}

/// The words of `text`, where quotes and the escape character keep blanks inside a word. Quotes and escapes stay.
pub(super) fn quoted(text: &str, base: usize, escape: char) -> Vec<Value> {
    let mut words = Vec::new();
    let mut rest = text.char_indices().peekable();
    loop {
        while rest.next_if(|(_, character)| character.is_whitespace()).is_some() {}
        let Some(&(start, _)) = rest.peek() else { return words };
        let mut word = String::new();
        let mut keep_empty = false;
        let mut quote = None;
        let mut end = text.len();
        while let Some(&(at, character)) = rest.peek() {
            if quote.is_none() && character.is_whitespace() {
                end = at;
                break;
            }
            rest.next();
            if quote.is_none() && matches!(character, '\'' | '"') {
                quote = Some(character);
                keep_empty = true;
            } else if quote == Some(character) {
                quote = None;
            }
            if character == escape && quote != Some('\'') {
                // An escape character at the very end escapes nothing and is dropped.
                let Some((_, escaped)) = rest.next() else { break };
                word.push(character);
                word.push(escaped);
            } else {
                word.push(character);
            }
        }
        if keep_empty || !word.is_empty() {
            words.push(Value { text: word, span: Span::new(base + start, base + end) });
        }
    }
}

/// The first word of `text` and what stands behind the blanks after it. BuildKit looks for the blanks byte by byte, so
/// only ASCII ones and halves of other characters end the word; where it would cut a character in two, the cut is here
/// made before the character.
pub(super) fn cut_bytewise(text: &str) -> (&str, &str) {
    let mut end = text.bytes().position(is_byte_space).unwrap_or(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let rest = &text[end..];
    (
        &text[..end],
        rest.trim_start_matches(|character: char| character.is_ascii() && is_byte_space(character as u8)),
    )
}
