//! The fixture format: Markdown, read by a few rules.
//!
//! - A heading `## ...` begins a case. In `fixtures/hazards` and `fixtures/pairs` it begins with the rules that are
//!   on: `## root-user: ...`, `## apt-prompt + apt-recommends: ...`.
//! - A block whose info string has a second word that is no flag is a file of the context: ```` ```json package.json ````.
//!   A name that ends in `/` is an empty directory. A case without such a block has no context at all, unless a line
//!   `context: empty` says so.
//! - The first `dockerfile` block is the text before. What follows says what is expected:
//!   - `->` and a second `dockerfile` block (`safe` or `unsafe` in its info string says how safe the fixes are), and
//!     blocks of files that the fix creates or changes;
//!   - `-> refused H001`, or `-> refused` for a reason without a hazard: found, and left alone for that reason;
//!   - `-> found`: found, and the rule has no fix;
//!   - nothing: neither found nor changed.

#![allow(dead_code)] // Each test program uses a part of it.

use std::collections::BTreeMap;

/// What a case expects.
#[derive(Debug, PartialEq)]
pub(crate) enum Expected {
    Nothing,
    Found,
    Refused(Option<String>),
    Fixed { text: Option<String>, safety: Option<String>, files: BTreeMap<String, String> },
}

/// One case of a fixture file.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) context: Option<BTreeMap<String, String>>,
    pub(crate) before: String,
    pub(crate) expected: Expected,
}

/// The cases of a fixture file. `default` names the case of text before the first heading.
pub(crate) fn cases(text: &str, default: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut draft = Draft::new(default, 1);
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        if let Some(name) = line.strip_prefix("## ") {
            cases.extend(std::mem::replace(&mut draft, Draft::new(name, number + 1)).finish());
        } else if let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) {
            let mut body = String::new();
            for (_, line) in lines.by_ref() {
                if line == "```" {
                    break;
                }
                body.push_str(line);
                body.push('\n');
            }
            draft.block(info, &body);
        } else if let Some(arrow) = line.strip_prefix("->") {
            draft.arrow(arrow.trim());
        } else if line.trim() == "context: empty" {
            draft.context.get_or_insert_default();
        }
    }
    cases.extend(draft.finish());
    cases
}

struct Draft {
    name: String,
    line: usize,
    context: Option<BTreeMap<String, String>>,
    before: Option<String>,
    expected: Option<Expected>,
}

impl Draft {
    fn new(name: &str, line: usize) -> Self {
        Self { name: name.to_owned(), line, context: None, before: None, expected: None }
    }

    fn block(&mut self, info: &str, body: &str) {
        let mut words = info.split_whitespace();
        let language = words.next().unwrap_or_default();
        let second = words.next();
        let is_dockerfile =
            language == "dockerfile" && second.is_none_or(|word| matches!(word, "safe" | "unsafe"));
        // `\r` and a missing final newline cannot be seen in Markdown, so they are spelled out.
        let body = body
            .replace("<CR>\n", "\r\n")
            .replace("<EOF>\n", "")
            .replace("<BOM>", "\u{feff}")
            .replace("<SP>", " ");
        match (&mut self.expected, second) {
            (Some(Expected::Fixed { text, safety, .. }), _) if is_dockerfile => {
                *text = Some(body);
                *safety = second.map(str::to_owned);
            }
            (None, _) if is_dockerfile => {
                assert!(self.before.is_none(), "{}: a second text before", self.name);
                self.before = Some(body);
            }
            (Some(Expected::Fixed { files, .. }), Some(path)) => {
                files.insert(path.to_owned(), body);
            }
            (None, Some(path)) => {
                self.context.get_or_insert_default().insert(path.to_owned(), body);
            }
            _ => {}
        }
    }

    fn arrow(&mut self, words: &str) {
        let mut words = words.split_whitespace();
        self.expected = Some(match words.next() {
            None => Expected::Fixed { text: None, safety: None, files: BTreeMap::new() },
            Some("found") => Expected::Found,
            Some("refused") => Expected::Refused(words.next().map(str::to_owned)),
            Some(other) => panic!("{}: {other} is no expectation", self.name),
        });
    }

    fn finish(self) -> Option<Case> {
        let before = self.before?;
        let expected = self.expected.unwrap_or(Expected::Nothing);
        Some(Case { name: self.name, line: self.line, context: self.context, before, expected })
    }
}
