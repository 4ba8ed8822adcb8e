//! Reads words, operators, comments and here-documents from a shell text.
//!
//! The rules are those of POSIX (XCU 2.2 and 2.3), with bash's additions where a POSIX shell would refuse the text.
//! Where the two shells read the same text differently and the difference cannot be kept in the tree, reading stops.

use super::Trouble;
use super::draft::is_name;
use super::tree::{HereDoc, Item, Redirect, RedirectOp, Source, Span, Word};

/// How deep parts may be nested. Real scripts stay far below; the limit keeps the recursion within a small stack.
const DEPTH: usize = 40;

pub(super) type Read<T> = Result<T, Trouble>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    AndIf,
    OrIf,
    Semicolon,
    /// `;;`, `;&` or `;;&`
    ArmEnd,
    Background,
    /// `|` or `|&`
    Pipe,
    Open,
    Close,
    LineBreak,
}

#[derive(Debug)]
pub(super) enum Token {
    Word(Box<Word>),
    Op(Op, Span),
    Redirect(Box<Redirect>),
    End,
}

/// What ends a word besides blanks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The shell's operators.
    Command,
    /// Nothing: the words between `[[` and `]]`.
    Test,
}

/// A text that is being read.
pub(super) struct Lexer<'s> {
    pub(super) source: Source,
    pub(super) text: &'s str,
    pub(super) pos: usize,
    pub(super) end: usize,
    pub(super) peeked: Option<Token>,
    pub(super) comments: Vec<Span>,
    /// Texts inside words that were not read as commands.
    pub(super) opaque: Vec<Span>,
    /// Substitutions with no command inside.
    pub(super) empty: Vec<Span>,
    /// The here-documents in the order of their operators, each with the place of its operator; the bodies are filled in at the next line break.
    pub(super) here_docs: Vec<(usize, HereDoc)>,
    /// Those whose bodies are still to come: their index, and whether leading tabs are dropped.
    pending: Vec<(usize, bool)>,
    pub(super) depth: usize,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(source: Source, text: &'s str) -> Self {
        Lexer {
            source,
            text,
            pos: 0,
            end: text.len(),
            peeked: None,
            comments: Vec::new(),
            opaque: Vec::new(),
            empty: Vec::new(),
            here_docs: Vec::new(),
            pending: Vec::new(),
            depth: 0,
        }
    }

    /// The byte `ahead` bytes on, if the part that is being read has one.
    pub(super) fn byte(&self, ahead: usize) -> Option<u8> {
        let at = self.pos.saturating_add(ahead);
        if at < self.end { self.text.as_bytes().get(at).copied() } else { None }
    }

    pub(super) fn starts_with(&self, prefix: &str) -> bool {
        self.text.get(self.pos..self.end).is_some_and(|rest| rest.starts_with(prefix))
    }

    pub(super) fn fail<T>(&self) -> Read<T> {
        Err(Trouble::Syntax { at: self.pos })
    }

    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth >= DEPTH {
            return Err(Trouble::TooDeep { at: self.pos });
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads a list of commands inside a word, up to `end` or to what the list itself stops at.
    pub(super) fn inner_list(&mut self, end: usize) -> Read<Vec<Item>> {
        let outer_end = std::mem::replace(&mut self.end, end);
        let outer_pending = std::mem::take(&mut self.pending);
        let items = self.deeper(Self::list)?;
        if !self.pending.is_empty() {
            return self.fail();
        }
        self.pending = outer_pending;
        self.end = outer_end;
        Ok(items)
    }

    /// The next token, without taking it.
    pub(super) fn peek(&mut self) -> Read<&Token> {
        if self.peeked.is_none() {
            let token = self.token()?;
            self.peeked = Some(token);
        }
        Ok(self.peeked.as_ref().unwrap_or(&Token::End))
    }

    /// Takes the next token.
    pub(super) fn next(&mut self) -> Read<Token> {
        match self.peeked.take() {
            Some(token) => Ok(token),
            None => self.token(),
        }
    }

    /// Skips blanks, line continuations and a comment.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            match self.byte(0) {
                Some(b' ' | b'\t') => self.pos += 1,
                Some(b'\\') if self.byte(1) == Some(b'\n') => self.pos += 2,
                Some(b'#') => {
                    let start = self.pos;
                    let rest = self.text.get(start..self.end).unwrap_or_default();
                    self.pos += rest.find('\n').unwrap_or(rest.len());
                    self.comments.push(start..self.pos);
                }
                _ => return,
            }
        }
    }

    /// Passes a line break that separates nothing. Shells differ in whether a here-document would begin behind it.
    pub(super) fn inner_line_break(&mut self) -> Read<()> {
        if !self.pending.is_empty() {
            return self.fail();
        }
        self.pos += 1;
        Ok(())
    }

    fn token(&mut self) -> Read<Token> {
        self.skip_blanks();
        let Some(first) = self.byte(0) else {
            if !self.pending.is_empty() {
                return self.fail();
            }
            return Ok(Token::End);
        };
        let second = self.byte(1);
        let (op, length) = match (first, second) {
            (b'\n', _) => (Op::LineBreak, 1),
            (b'&', Some(b'&')) => (Op::AndIf, 2),
            (b'&', Some(b'>')) => return self.redirect(None),
            (b'&', _) => (Op::Background, 1),
            (b'|', Some(b'|')) => (Op::OrIf, 2),
            (b'|', Some(b'&')) => (Op::Pipe, 2),
            (b'|', _) => (Op::Pipe, 1),
            (b';', Some(b';')) => (Op::ArmEnd, if self.byte(2) == Some(b'&') { 3 } else { 2 }),
            (b';', Some(b'&')) => (Op::ArmEnd, 2),
            (b';', _) => (Op::Semicolon, 1),
            (b'(', _) => (Op::Open, 1),
            (b')', _) => (Op::Close, 1),
            (b'<' | b'>', Some(b'(')) => return self.word_token(),
            (b'<' | b'>', _) => return self.redirect(None),
            _ => return self.word_token(),
        };
        let start = self.pos;
        self.pos += length;
        if op == Op::LineBreak {
            self.bodies()?;
        }
        Ok(Token::Op(op, start..start + length))
    }

    /// Reads a word, or a redirection when the word is the descriptor of one.
    fn word_token(&mut self) -> Read<Token> {
        let word = self.word(Mode::Command)?;
        if matches!(self.byte(0), Some(b'<' | b'>')) && self.pos == word.span.end {
            let raw = word.raw();
            let named = raw.strip_prefix('{').and_then(|name| name.strip_suffix('}')).is_some_and(is_name);
            if raw.bytes().all(|byte| byte.is_ascii_digit()) || named {
                return self.redirect(Some(word.span.clone()));
            }
        }
        Ok(Token::Word(Box::new(word)))
    }

    fn redirect(&mut self, descriptor: Option<Span>) -> Read<Token> {
        const OPERATORS: [(&str, RedirectOp); 12] = [
            ("<<<", RedirectOp::HereString),
            ("<<-", RedirectOp::HereDocTabs),
            ("<<", RedirectOp::HereDoc),
            ("<>", RedirectOp::ReadWrite),
            ("<&", RedirectOp::DuplicateIn),
            ("<", RedirectOp::Read),
            (">>", RedirectOp::Append),
            (">&", RedirectOp::DuplicateOut),
            (">|", RedirectOp::Clobber),
            (">", RedirectOp::Write),
            ("&>>", RedirectOp::BothAppend),
            ("&>", RedirectOp::Both),
        ];
        let Some((text, operator)) = OPERATORS.into_iter().find(|(text, _)| self.starts_with(text)) else {
            return self.fail();
        };
        let operator_span = self.pos..self.pos + text.len();
        let start = descriptor.as_ref().map_or(operator_span.start, |span| span.start);
        self.pos = operator_span.end;
        let is_here_doc = matches!(operator, RedirectOp::HereDoc | RedirectOp::HereDocTabs);
        if is_here_doc && self.starts_with("\\\n") {
            // A continuation may hide the dash of `<<-`.
            return self.fail();
        }
        self.skip_blanks();
        let target = self.word(Mode::Command)?;
        let here_doc = if is_here_doc {
            if !target.expansions.is_empty() {
                return self.fail();
            }
            let here_doc = HereDoc {
                delimiter: target.unquoted.clone(),
                literal: target.quoted,
                // Their place is known at the next line break.
                body: 0..0,
                end: 0..0,
            };
            self.pending.push((self.here_docs.len(), operator == RedirectOp::HereDocTabs));
            self.here_docs.push((operator_span.start, here_doc.clone()));
            Some(here_doc)
        } else {
            None
        };
        let span = start..target.span.end;
        Ok(Token::Redirect(Box::new(Redirect {
            span,
            descriptor,
            operator,
            operator_span,
            target,
            here_doc,
        })))
    }

    /// Reads the bodies of the here-documents that the line just ended has opened.
    fn bodies(&mut self) -> Read<()> {
        for (index, strip_tabs) in std::mem::take(&mut self.pending) {
            let start = self.pos;
            let Some((_, here_doc)) = self.here_docs.get_mut(index) else { continue };
            let mut at = start;
            let mut continued = false;
            loop {
                let rest = self.text.get(at..self.end).unwrap_or_default();
                if rest.is_empty() {
                    return Err(Trouble::Syntax { at });
                }
                let line = rest.split('\n').next().unwrap_or_default();
                let mark = if strip_tabs { line.trim_start_matches('\t') } else { line };
                let after = (at + line.len() + 1).min(self.end);
                if !continued && mark == here_doc.delimiter {
                    here_doc.body = start..at;
                    here_doc.end = at..at + line.len();
                    self.pos = after;
                    break;
                }
                let backslashes = line.bytes().rev().take_while(|byte| *byte == b'\\').count();
                continued = !here_doc.literal && backslashes % 2 == 1;
                at = after;
            }
        }
        Ok(())
    }
}
