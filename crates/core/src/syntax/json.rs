//! The JSON array of the exec form, read as Go's `encoding/json` reads it.

use super::{LineRules, Span, Value};

/// What a text that should be a JSON array is.
pub(super) enum JsonArray {
    /// An array of strings.
    Strings(Vec<Value>),
    /// A valid array with something else in it: BuildKit refuses the file.
    NotOnlyStrings,
    /// No array, or an invalid one: BuildKit falls back to the shell form.
    No,
}

/// Go gives up on values nested deeper than this.
const MAX_DEPTH: usize = 10_000;

/// Reads `text`; `base` is its offset in the logical line, which the values' spans count from.
pub(super) fn read_array(text: &str, base: usize, rules: LineRules) -> JsonArray {
    let trimmed = text.trim_start();
    if !trimmed.starts_with('[') {
        return JsonArray::No;
    }
    let start = text.len() - trimmed.len();
    let mut reader = Reader { text, at: start, base, number_too_large: false };
    let Some((values, only_strings)) = reader.array() else { return JsonArray::No };
    // BuildKit 0.12 read the first value and left the rest of the line alone.
    if rules != LineRules::BuildKit0_12 {
        reader.blanks();
        if reader.at != text.len() {
            return JsonArray::No;
        }
    }
    if reader.number_too_large {
        return JsonArray::No;
    }
    if only_strings { JsonArray::Strings(values) } else { JsonArray::NotOnlyStrings }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    base: usize,
    /// A number outside of what a 64 bit float holds makes Go's decoder fail after it has read everything.
    number_too_large: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The elements of the outermost array, and whether all of them are strings.
    fn array(&mut self) -> Option<(Vec<Value>, bool)> {
        let mut values = Vec::new();
        let mut only_strings = true;
        self.at += 1;
        self.blanks();
        if self.eat(b']') {
            return Some((values, true));
        }
        loop {
            self.blanks();
            if self.peek() == Some(b'"') {
                let start = self.at;
                let text = self.string()?;
                values.push(Value { text, span: Span::new(self.base + start, self.base + self.at) });
            } else {
                only_strings = false;
                self.skip_value()?;
            }
            self.blanks();
            if self.eat(b']') {
                return Some((values, only_strings));
            }
            if !self.eat(b',') {
                return None;
            }
        }
    }

    /// Skips one value of any kind, without recursion.
    fn skip_value(&mut self) -> Option<()> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.blanks();
            match self.peek()? {
                b'[' => {
                    self.open(b']', &mut open)?;
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                b'{' => {
                    self.open(b'}', &mut open)?;
                    if self.peek() != Some(b'}') {
                        self.key()?;
                        continue;
                    }
                }
                b'"' => drop(self.string()?),
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                _ => self.number()?,
            }
            // A value has ended (or an empty array or object is about to): close what ends here, go on with the next.
            loop {
                let Some(close) = open.last().copied() else { return Some(()) };
                self.blanks();
                if self.eat(close) {
                    open.pop();
                    continue;
                }
                if !self.eat(b',') {
                    return None;
                }
                if close == b'}' {
                    self.blanks();
                    self.key()?;
                }
                break;
            }
        }
    }

    /// Goes into an array or object that ends with `close`.
    fn open(&mut self, close: u8, open: &mut Vec<u8>) -> Option<()> {
        self.at += 1;
        open.push(close);
        self.blanks();
        // The outermost array counts too.
        (open.len() < MAX_DEPTH).then_some(())
    }

    fn key(&mut self) -> Option<()> {
        if self.peek() != Some(b'"') {
            return None;
        }
        self.string()?;
        self.blanks();
        self.eat(b':').then_some(())
    }

    fn literal(&mut self, word: &str) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') && self.digits() == 0 {
            return None;
        }
        if self.eat(b'.') && self.digits() == 0 {
            return None;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return None;
            }
        }
        let value: f64 = self.text[start..self.at].parse().ok()?;
        self.number_too_large |= value.is_infinite();
        Some(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    /// A string, its escapes resolved. Lone surrogates become U+FFFD, as in Go.
    fn string(&mut self) -> Option<String> {
        let mut text = String::new();
        self.at += 1;
        loop {
            let rest = self.text.get(self.at..)?;
            let end =
                rest.find(|character: char| character == '"' || character == '\\' || character < ' ')?;
            text.push_str(&rest[..end]);
            self.at += end;
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(text);
                }
                b'\\' => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => byte as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.hex4()?;
                if (0xd800..0xdc00).contains(&unit) {
                    let back = self.at;
                    if self.text[self.at..].starts_with("\\u") {
                        self.at += 2;
                        let low = self.hex4()?;
                        if (0xdc00..0xe000).contains(&low) {
                            return char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
                        }
                        self.at = back;
                    }
                }
                char::from_u32(unit).unwrap_or('\u{fffd}')
            }
            _ => return None,
        })
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}
