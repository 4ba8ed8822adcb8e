//! One instruction.

use std::ops::{Range, RangeInclusive};

use super::{Heredoc, Keyword, LineRules, LogicalLine, ProblemKind, Span, json, words};
use crate::text::TextRange;

/// A value of an instruction: its text as BuildKit takes it, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The text: for a JSON string what it stands for, for a word the word with its quotes.
    pub text: String,
    /// Where it stands in the logical line, quotes included.
    pub span: Span,
}

/// A flag such as `--from=builder`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The flag without quotes, `--` included.
    pub text: String,
    /// Where it stands in the logical line.
    pub span: Span,
}

impl Flag {
    /// The name between `--` and `=`.
    pub fn name(&self) -> &str {
        let name = self.text.strip_prefix("--").unwrap_or(&self.text);
        name.split_once('=').map_or(name, |(name, _)| name)
    }

    /// What stands behind the `=`.
    pub fn value(&self) -> Option<&str> {
        self.text.split_once('=').map(|(_, value)| value)
    }
}

/// A name and a value of ENV or LABEL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The name, quotes included.
    pub name: Value,
    /// The value, quotes included.
    pub value: Value,
    /// Whether it is the old form, `name value` without `=`.
    pub legacy: bool,
}

/// One instruction: what BuildKit reads of it, and where that stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Instruction {
    /// Which instruction it is.
    pub keyword: Keyword,
    /// The keyword as written, in the logical line.
    pub keyword_span: Span,
    /// The flags, in order.
    pub flags: Vec<Flag>,
    /// Everything behind the flags, without blanks around it, in the logical line.
    pub arguments: Span,
    /// Whether the arguments are a JSON array: the exec form.
    pub json: bool,
    /// The values, as BuildKit's parser splits them: one for text in shell form, names and values in turn for ENV.
    pub values: Vec<Value>,
    /// The names and values of ENV and LABEL.
    pub pairs: Vec<Pair>,
    /// The heredocs, in order. Those of an ONBUILD belong to the ONBUILD itself.
    pub heredocs: Vec<Heredoc>,
    /// The instruction behind ONBUILD. Its spans count in the ONBUILD's logical line.
    pub trigger: Option<Box<Instruction>>,
    /// The logical line; for a trigger that of its ONBUILD.
    pub logical: LogicalLine,
    /// From the keyword to the last byte of the last line, heredocs included, the line ending excluded.
    pub range: TextRange,
    /// The first and last line, counted from 1, heredocs included.
    pub lines: RangeInclusive<usize>,
    /// Blank lines inside the continuation, each with its line ending.
    pub blank_lines: Vec<TextRange>,
    /// Comment lines inside the continuation, each with its line ending.
    pub comment_lines: Vec<TextRange>,
    /// Which of [`Dockerfile::comments`](super::Dockerfile::comments) stand between the instruction before and this.
    pub comments: Range<usize>,
}

impl Instruction {
    /// The keyword as written.
    pub fn keyword_text(&self) -> &str {
        self.logical.slice(self.keyword_span)
    }

    /// The arguments' text as BuildKit sees it.
    pub fn arguments_text(&self) -> &str {
        self.logical.slice(self.arguments)
    }

    /// The first flag of that name, given without `--`.
    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().find(|flag| flag.name() == name)
    }

    /// Where a span of the logical line stands in the file, gaps included.
    pub fn file_range(&self, span: Span) -> TextRange {
        self.logical.file_range(span)
    }

    /// Where the keyword stands in the file.
    pub fn keyword_range(&self) -> TextRange {
        self.file_range(self.keyword_span)
    }

    /// The file range of the logical line alone: from the keyword to the last argument, without heredocs.
    pub fn head_range(&self) -> TextRange {
        self.file_range(Span::new(self.keyword_span.start, self.arguments.end.max(self.keyword_span.end)))
    }

    /// The texts of the values.
    pub fn value_texts(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|value| value.text.as_str())
    }
}

/// What the text of an instruction says, before its heredocs are read.
pub(super) struct Read {
    pub(super) instruction: Instruction,
    pub(super) problem: Option<(ProblemKind, Span, String)>,
}

/// Reads the bytes of `span` of a logical line as one instruction.
pub(super) fn read(line: &str, span: Span, escape: char, rules: LineRules) -> Read {
    let mut outer = Vec::new();
    let mut next = span;
    let (mut instruction, problem) = loop {
        let (instruction, problem) = read_one(line, next, escape, rules);
        if instruction.keyword != Keyword::Onbuild || instruction.arguments.is_empty() {
            break (instruction, problem);
        }
        next = instruction.arguments;
        outer.push(instruction);
    };
    if outer.len() > MAX_TRIGGERS {
        outer.truncate(MAX_TRIGGERS);
        instruction = outer.pop().unwrap_or(instruction);
    }
    for onbuild in outer.into_iter().rev() {
        let trigger = std::mem::replace(&mut instruction, onbuild);
        instruction.trigger = Some(Box::new(trigger));
    }
    Read { instruction, problem }
}

/// `ONBUILD ONBUILD` is refused by BuildKit, though not by its line parser. What is behind this many is read for its
/// problems and then dropped, so that no line exhausts the stack.
const MAX_TRIGGERS: usize = 4;

fn read_one(
    line: &str,
    span: Span,
    escape: char,
    rules: LineRules,
) -> (Instruction, Option<(ProblemKind, Span, String)>) {
    let split = words::split(line, span, escape, rules);
    let keyword_text = &line[split.keyword.start..split.keyword.end];
    let mut instruction = Instruction {
        keyword: Keyword::of(keyword_text),
        keyword_span: split.keyword,
        flags: split.flags,
        arguments: split.arguments,
        json: false,
        values: Vec::new(),
        pairs: Vec::new(),
        heredocs: Vec::new(),
        trigger: None,
        logical: LogicalLine::default(),
        range: TextRange::default(),
        lines: 0..=0,
        blank_lines: Vec::new(),
        comment_lines: Vec::new(),
        comments: 0..0,
    };
    let problem = read_arguments(&mut instruction, line, escape, rules);
    (instruction, problem)
}

fn read_arguments(
    instruction: &mut Instruction,
    line: &str,
    escape: char,
    rules: LineRules,
) -> Option<(ProblemKind, Span, String)> {
    let span = instruction.arguments;
    let text = &line[span.start..span.end];
    match instruction.keyword {
        Keyword::Env | Keyword::Label => {
            return read_pairs(instruction, text, span, escape)
                .map(|message| (ProblemKind::BadKeyValue, span, message));
        }
        Keyword::Arg => instruction.values = words::quoted(text, span.start, escape),
        Keyword::From | Keyword::Expose => instruction.values = words::separated(text, span.start),
        Keyword::Maintainer | Keyword::Stopsignal | Keyword::User | Keyword::Workdir => {
            instruction.values = whole(text, span.start);
        }
        Keyword::Run | Keyword::Cmd | Keyword::Entrypoint | Keyword::Shell => {
            return read_command(instruction, text, span.start, rules, whole);
        }
        Keyword::Add | Keyword::Copy | Keyword::Volume => {
            return read_command(instruction, text, span.start, rules, words::separated);
        }
        Keyword::Healthcheck => {
            let (kind, rest) = words::cut_bytewise(text);
            let kind = words::value(kind, span.start);
            let problem = read_command(instruction, rest, span.end - rest.len(), rules, whole);
            if !kind.text.is_empty() {
                instruction.values.insert(0, kind);
            }
            return problem;
        }
        Keyword::Onbuild | Keyword::Unknown => {}
    }
    None
}

/// The whole text as one value; none when it is empty.
fn whole(text: &str, start: usize) -> Vec<Value> {
    if text.is_empty() { Vec::new() } else { vec![words::value(text, start)] }
}

/// A JSON array, or what `otherwise` makes of the text.
fn read_command(
    instruction: &mut Instruction,
    text: &str,
    start: usize,
    rules: LineRules,
    otherwise: fn(&str, usize) -> Vec<Value>,
) -> Option<(ProblemKind, Span, String)> {
    match json::read_array(text, start, rules) {
        json::JsonArray::Strings(values) => {
            instruction.json = true;
            instruction.values = values;
        }
        json::JsonArray::No => instruction.values = otherwise(text, start),
        json::JsonArray::NotOnlyStrings => {
            let message = "a JSON array here may hold only strings".to_owned();
            return Some((ProblemKind::NotOnlyStrings, Span::new(start, start + text.len()), message));
        }
    }
    None
}

/// `ENV` and `LABEL`: a blank or a `=` behind the first word decides which form it is.
fn read_pairs(instruction: &mut Instruction, text: &str, span: Span, escape: char) -> Option<String> {
    let words = words::quoted(text, span.start, escape);
    let first = words.first()?;
    if !first.text.contains('=') {
        let Some((name, value)) = words::cut(text, span.start) else {
            return Some(format!("{} needs a name and a value", instruction.keyword));
        };
        instruction.values = vec![name.clone(), value.clone()];
        instruction.pairs = vec![Pair { name, value, legacy: true }];
        return None;
    }
    for word in words {
        let Some((name, value)) = word.text.split_once('=') else {
            return Some(format!("{:?} has no =; the form is name=value", word.text));
        };
        // The word's text is the file's but for an escape character at the very end, so lengths give the spans.
        let middle = word.span.start + name.len();
        let name = Value { text: name.to_owned(), span: Span::new(word.span.start, middle) };
        let value = Value { text: value.to_owned(), span: Span::new(middle + 1, word.span.end) };
        instruction.values.extend([name.clone(), value.clone()]);
        instruction.pairs.push(Pair { name, value, legacy: false });
    }
    None
}
