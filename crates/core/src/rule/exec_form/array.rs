//! Arrays that are no JSON, such as one in single quotes: the builder takes them for shell text, and the shell looks for a
//! program whose name begins with a bracket (H004). No container can start with one.

use std::ops::Range;

/// A damaged array whose meaning is plain.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Array {
    /// Its elements, in order.
    pub(super) elements: Vec<Element>,
    /// The comma behind the last element.
    pub(super) last_comma: Option<Range<usize>>,
    /// Whether the closing bracket is there.
    pub(super) closed: bool,
}

/// One element of a damaged array.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// Where it is written, quotes included: byte offsets into the text.
    pub(super) span: Range<usize>,
    /// What it says.
    pub(super) value: String,
    /// Whether a comma follows.
    comma: bool,
    /// Whether it has no quotes.
    bare: bool,
}

impl Element {
    /// Whether the next element follows without a comma.
    pub(super) fn lacks_comma(&self) -> bool {
        !self.comma
    }
}

/// Reads a text as an array of strings, with what people get wrong: single or typographic quotes or none, a comma at the
/// end, one that is missing between two strings, no closing bracket. `None` when more is wrong than that.
pub(super) fn read(text: &str) -> Option<Array> {
    let mut reader = Reader { text, at: 1 };
    if !text.starts_with('[') {
        return None;
    }
    let (mut elements, mut last_comma, mut closed) = (Vec::<Element>::new(), None, false);
    loop {
        reader.blanks();
        match reader.rest().chars().next() {
            None => break,
            Some(']') => {
                reader.at += 1;
                closed = true;
                break;
            }
            Some(',') => {
                let element = elements.last_mut().filter(|element| !element.comma)?;
                element.comma = true;
                last_comma = Some(reader.at..reader.at + 1);
                reader.at += 1;
            }
            Some(_) => {
                elements.push(reader.element()?);
                last_comma = None;
            }
        }
    }
    reader.blanks();
    let (_, others) = elements.split_last()?;
    let has_bare = elements.iter().any(|element| element.bare);
    let is_joined = others.iter().all(|element| element.comma);
    // `[ -f x ]` is a test of the shell, `[abc]` a pattern: words without quotes need what only an array has.
    let is_plain = !has_bare || (is_joined && !others.is_empty() && closed);
    let is_cut_off = !closed && others.is_empty();
    (reader.rest().is_empty() && is_plain && !is_cut_off).then_some(Array { elements, last_comma, closed })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// What JSON takes for a blank (RFC 8259, section 2), and nothing else: what stays between the elements must be one.
    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn element(&mut self) -> Option<Element> {
        let start = self.at;
        let (value, bare) = match self.rest().chars().next()? {
            '"' => (self.json()?, false),
            quote @ ('\'' | '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}') => {
                (self.quoted(quote)?, false)
            }
            _ => (self.bare()?, true),
        };
        Some(Element { span: start..self.at, value, comma: false, bare })
    }

    /// A string of JSON, by the escapes that JSON has.
    fn json(&mut self) -> Option<String> {
        let inside = self.rest().get(1..)?;
        let mut value = String::new();
        let mut characters = inside.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += at + 2;
                    return Some(value);
                }
                '\\' => value.push(match characters.next()?.1 {
                    same @ ('"' | '\\' | '/') => same,
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    _ => return None,
                }),
                control if control < ' ' => return None,
                other => value.push(other),
            }
        }
        None
    }

    /// Text in other quotes, in which nothing is escaped.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let closing: &[char] = match quote {
            '\'' => &['\''],
            '\u{201c}' | '\u{201d}' => &['\u{201c}', '\u{201d}'],
            _ => &['\u{2018}', '\u{2019}'],
        };
        let inside = self.rest().get(quote.len_utf8()..)?;
        let end = inside.find(closing)?;
        let value = inside.get(..end)?;
        if value.contains('\\') {
            return None;
        }
        let value = value.to_owned();
        let last = inside.get(end..)?.chars().next()?;
        self.at += quote.len_utf8() + end + last.len_utf8();
        Some(value)
    }

    fn bare(&mut self) -> Option<String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:=@%+-".contains(c);
        let rest = self.rest();
        let end = rest.find(|c| !is_plain(c)).unwrap_or(rest.len());
        let value = rest.get(..end).filter(|value| value.contains(char::is_alphanumeric))?.to_owned();
        self.at += end;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn what_is_plain_is_read() {
        for (text, words) in [
            ("['node', 'app.js']", &["node", "app.js"][..]),
            (r#"["node", "app.js",]"#, &["node", "app.js"]),
            (r#"["node" "app.js"]"#, &["node", "app.js"]),
            (r#"["node", 'it"s']"#, &["node", "it\"s"]),
            (r#"["node", "a\"b""#, &["node", "a\"b"]),
            ("[node, app.js]", &["node", "app.js"]),
            ("[\u{201c}node\u{201d}, \u{201c}app.js\u{201d}]", &["node", "app.js"]),
        ] {
            let values: Vec<_> =
                read(text).unwrap().elements.into_iter().map(|element| element.value).collect();
            assert_eq!(values, words, "{text}");
        }
    }

    #[test]
    fn what_may_be_something_else_is_not() {
        for text in [
            "",
            "[",
            "[]",
            "[ -f x ]",
            "[abc]",
            "[ \"$X\" = 1 ] && app",
            "['a\\b']",
            r#"["a",, "b"]"#,
            r#"[, "a"]"#,
            r#"["a"] && b"#,
            r#"["a \d"]"#,
            "['a, 'b']",
            r#"[node "a"]"#,
            "[a b]",
            "[\"a\",\u{b}\"b\"]",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
