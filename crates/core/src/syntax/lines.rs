//! Cutting a file into instructions.

use std::collections::HashMap;
use std::sync::Arc;

use super::directive::{DirectiveReader, Read};
use super::heredoc::{self, Heredoc, Opener};
use super::instruction;
use super::{
    Comment, Directive, DirectiveName, Dockerfile, Instruction, LineRules, LogicalLine, ProblemKind, Span,
    SyntaxProblem,
};
use crate::text::{LineIndex, TextRange};

/// The longest line, its `\n` included, that BuildKit's reader can hold.
const MAX_LINE: usize = 64 * 1024;

/// A line of the file.
#[derive(Clone, Copy)]
struct Line<'a> {
    /// The text without `\r` and `\n` at its end.
    text: &'a str,
    /// Where the text starts in the file.
    start: usize,
    /// Where the next line starts.
    next: usize,
}

impl Line<'_> {
    /// Without the line ending.
    fn range(&self) -> TextRange {
        TextRange::new(self.start, self.start + self.text.len())
    }

    fn is_comment(&self) -> bool {
        self.text.trim_start().starts_with('#')
    }
}

pub(super) fn parse(text: Arc<str>, rules: LineRules) -> Dockerfile {
    let line_index = LineIndex::new(&text);
    let mut parser = Parser {
        text: &text,
        rules,
        at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 },
        line: 0,
        escape: '\\',
        reader: DirectiveReader::new(rules),
        directives: Vec::new(),
        comments: Vec::new(),
        claimed: 0,
        instructions: Vec::new(),
        problems: Vec::new(),
        last_lines: None,
    };
    parser.file();
    let Parser { escape, directives, comments, instructions, problems, .. } = parser;
    Dockerfile { text, line_index, rules, escape, directives, comments, instructions, problems }
}

struct Parser<'a> {
    text: &'a str,
    rules: LineRules,
    /// The offset of the next line.
    at: usize,
    /// The number of lines read.
    line: usize,
    escape: char,
    reader: DirectiveReader,
    directives: Vec<Directive>,
    comments: Vec<Comment>,
    /// The number of comments that belong to an instruction already.
    claimed: usize,
    instructions: Vec<Instruction>,
    problems: Vec<SyntaxProblem>,
    /// Where the last line with each text starts, with leading tabs cut off or not. It is made when the first heredoc
    /// turns out to be open, so that a file of open heredocs is not searched once for each of them.
    last_lines: Option<[HashMap<&'a str, usize>; 2]>,
}

impl<'a> Parser<'a> {
    fn next_line(&mut self) -> Option<Line<'a>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let len = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let text = rest[..len].trim_end_matches(['\r', '\n']);
        let line = Line { text, start: self.at, next: self.at + len };
        // The byte order mark takes its place in the reader's buffer too.
        let read = len + if self.line == 0 { self.at } else { 0 };
        self.at += len;
        self.line += 1;
        if read > MAX_LINE || (read == MAX_LINE && !rest[..len].ends_with('\n')) {
            let message = format!(
                "the line has {} bytes; BuildKit reads lines of at most {} bytes",
                text.len(),
                MAX_LINE - 1
            );
            self.problem(ProblemKind::LineTooLong, line.range(), message);
        }
        Some(line)
    }

    fn problem(&mut self, kind: ProblemKind, range: TextRange, message: impl Into<String>) {
        self.problems.push(SyntaxProblem::new(kind, range, message));
    }

    fn file(&mut self) {
        while let Some(line) = self.next_line() {
            let text = line.text.trim_start();
            let indent = line.text.len() - text.len();
            let range = TextRange::new(line.start + indent, line.start + line.text.len());
            match self.reader.read(text) {
                Read::Directive(name, value) => {
                    if name == DirectiveName::Escape {
                        self.escape = value.chars().next().unwrap_or('\\');
                    }
                    self.directives.push(Directive { name, value, range, line: self.line });
                    continue;
                }
                Read::Problem(kind, message) => {
                    self.problem(kind, range, message);
                    continue;
                }
                Read::Nothing => {}
            }
            if let Some(comment) = text.strip_prefix('#') {
                self.comments.push(Comment { range, line: self.line, text: comment.trim().to_owned() });
            } else if !text.is_empty() {
                self.instruction(Line { text, start: range.start, next: line.next });
            }
        }
        if self.instructions.is_empty() {
            let range = TextRange::empty(0);
            self.problem(ProblemKind::NoInstructions, range, "the file has no instructions");
        }
    }

    /// Reads the instruction that begins on `first`, whose leading blanks are cut off.
    fn instruction(&mut self, first: Line<'a>) {
        let first_line = self.line;
        let mut logical = LogicalLine::default();
        let mut blank_lines = Vec::new();
        let mut comment_lines = Vec::new();
        let mut last = first;
        let (text, mut ended) = cut_continuation(first.text, self.escape);
        logical.push(text, first.start);
        while !ended {
            let Some(line) = self.next_line() else { break };
            last = line;
            let whole = TextRange::new(line.start, line.next);
            if line.is_comment() {
                comment_lines.push(whole);
            } else if line.text.trim_start().is_empty() {
                blank_lines.push(whole);
            } else {
                let (text, end) = cut_continuation(line.text, self.escape);
                logical.push(text, line.start);
                ended = end;
            }
        }
        let span = Span::new(0, logical.text().len());
        let instruction::Read { mut instruction, problem } =
            instruction::read(logical.text(), span, self.escape, self.rules);
        if let Some((kind, span, message)) = problem {
            let range = logical.file_range(span);
            self.problem(kind, range, message);
        } else {
            last = self.heredocs(&mut instruction, &logical).unwrap_or(last);
        }
        instruction.range = TextRange::new(first.start, last.range().end);
        instruction.lines = first_line..=self.line;
        instruction.blank_lines = blank_lines;
        instruction.comment_lines = comment_lines;
        instruction.comments = self.claimed..self.comments.len();
        instruction.logical = logical;
        let Instruction { range, lines, logical, trigger, .. } = &mut instruction;
        let mut next = trigger.as_deref_mut();
        while let Some(trigger) = next {
            trigger.range = *range;
            trigger.lines = lines.clone();
            trigger.logical = logical.clone();
            next = trigger.trigger.as_deref_mut();
        }
        self.claimed = self.comments.len();
        self.instructions.push(instruction);
    }

    /// Goes to the line that ends the heredoc; stays where it is when there is none.
    fn find_terminator(&mut self, opener: &Opener) -> Option<Line<'a>> {
        let back = (self.at, self.line, self.problems.len());
        while let Some(line) = self.next_line() {
            if terminator_text(line.text, opener.chomp) == opener.name {
                return Some(line);
            }
        }
        let problems;
        (self.at, self.line, problems) = back;
        self.problems.truncate(problems);
        self.index_last_lines();
        None
    }

    /// Whether a line that ends the heredoc may be ahead.
    fn may_end(&self, opener: &Opener) -> bool {
        self.last_lines.as_ref().is_none_or(|last_lines| {
            last_lines[usize::from(opener.chomp)]
                .get(opener.name.as_str())
                .is_some_and(|start| *start >= self.at)
        })
    }

    fn index_last_lines(&mut self) {
        if self.last_lines.is_some() {
            return;
        }
        let mut last_lines = [HashMap::new(), HashMap::new()];
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            let text = line.trim_end_matches(['\r', '\n']);
            last_lines[0].insert(text, start);
            last_lines[1].insert(terminator_text(text, true), start);
            start += line.len();
        }
        self.last_lines = Some(last_lines);
    }

    /// Reads the bodies of the heredocs that the line opens, and returns the last line of the last.
    fn heredocs(&mut self, instruction: &mut Instruction, logical: &LogicalLine) -> Option<Line<'a>> {
        let inner = instruction.trigger.as_deref().unwrap_or(instruction);
        if !inner.keyword.takes_heredocs() || inner.json {
            return None;
        }
        let openers = match heredoc::openers(logical.text(), self.rules) {
            Ok(openers) => openers,
            Err(error) => {
                let range = logical.file_range(instruction.arguments);
                self.problem(ProblemKind::BadHeredoc, range, error.to_string());
                return None;
            }
        };
        let mut last = None;
        for opener in openers {
            let body_start = self.at;
            let found = if self.may_end(&opener) { self.find_terminator(&opener) } else { None };
            let Some(line) = found else {
                // Half-typed: the lines behind it are read as instructions, so that they keep their findings.
                let message =
                    format!("the heredoc {} is never closed: no line consists of it alone", opener.name);
                let range = logical.file_range(instruction.arguments);
                self.problem(ProblemKind::UnterminatedHeredoc, range, message);
                break;
            };
            instruction.heredocs.push(Heredoc {
                name: opener.name,
                descriptor: opener.descriptor,
                expand: opener.expand,
                chomp: opener.chomp,
                body: TextRange::new(body_start, line.start),
                terminator: line.range(),
            });
            last = Some(line);
        }
        last
    }
}

/// A line as a terminator: `<<-` ignores tabs before it.
fn terminator_text(text: &str, chomp: bool) -> &str {
    if chomp { text.trim_start_matches('\t') } else { text }
}

/// The line without its continuation, and whether the instruction ends here. The escape character continues a line
/// when only blanks and tabs follow it, unless another one stands before it.
fn cut_continuation(text: &str, escape: char) -> (&str, bool) {
    let trimmed = text.trim_end_matches([' ', '\t']);
    match trimmed.strip_suffix(escape) {
        Some(rest) if !rest.ends_with(escape) => (rest, false),
        _ => (text, true),
    }
}
