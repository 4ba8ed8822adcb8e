//! Reads the commands of a shell text: the grammar of POSIX (XCU 2.10), with bash's compound commands.

use super::draft::Draft;
use super::lexer::{Lexer, Mode, Op, Read, Token};
use super::tree::{
    Assignment, Block, Compound, Context, Expansion, Head, Item, Join, Joiner, Keyword, Node, Pipeline,
    Redirect, Role, Section, Simple, Span, Word,
};

/// Words that end a list where a command may begin.
const CLOSING: [&str; 8] = ["then", "elif", "else", "fi", "do", "done", "esac", "}"];

impl Lexer<'_> {
    /// Reads commands up to something that cannot begin one: the end, `)`, `;;`, or a reserved word that closes.
    pub(super) fn list(&mut self) -> Read<Vec<Item>> {
        let mut items: Vec<Item> = Vec::new();
        let mut joiner: Option<Join> = None;
        loop {
            self.skip_lines()?;
            if self.at_list_end()? {
                return match joiner {
                    Some(Join { kind: Joiner::And | Joiner::Or, .. }) => self.fail(),
                    _ => Ok(items),
                };
            }
            let node = self.pipeline()?;
            let mut item = Item { joiner: joiner.take(), node, background: None, semicolon: None };
            let (kind, span, line_break) = match self.peek()? {
                Token::Op(Op::AndIf, span) => (Joiner::And, span.clone(), false),
                Token::Op(Op::OrIf, span) => (Joiner::Or, span.clone(), false),
                Token::Op(Op::Semicolon, span) => (Joiner::Sequence, span.clone(), false),
                Token::Op(Op::LineBreak, span) => (Joiner::Sequence, span.clone(), true),
                Token::Op(Op::Background, span) => (Joiner::Background, span.clone(), false),
                _ => {
                    items.push(item);
                    return Ok(items);
                }
            };
            self.next()?;
            match kind {
                Joiner::Background => item.background = Some(span.clone()),
                Joiner::Sequence if !line_break => item.semicolon = Some(span.clone()),
                _ => {}
            }
            items.push(item);
            joiner = Some(Join { kind, span, line_break });
        }
    }

    /// Reads a list that may not be empty.
    fn full_list(&mut self) -> Read<Vec<Item>> {
        let items = self.list()?;
        if items.is_empty() { self.fail() } else { Ok(items) }
    }

    fn skip_lines(&mut self) -> Read<()> {
        while matches!(self.peek()?, Token::Op(Op::LineBreak, _)) {
            self.next()?;
        }
        Ok(())
    }

    fn at_list_end(&mut self) -> Read<bool> {
        Ok(match self.peek()? {
            Token::End | Token::Op(Op::Close | Op::ArmEnd, _) => true,
            Token::Word(word) => CLOSING.contains(&word.raw()),
            _ => false,
        })
    }

    /// Whether the next token is the word `text`, written without quotes.
    fn at_word(&mut self, text: &str) -> Read<bool> {
        Ok(matches!(self.peek()?, Token::Word(word) if word.raw() == text))
    }

    fn expect_word(&mut self, text: &str) -> Read<Span> {
        match self.next()? {
            Token::Word(word) if word.raw() == text => Ok(word.span),
            _ => self.fail(),
        }
    }

    fn any_word(&mut self) -> Read<Word> {
        match self.next()? {
            Token::Word(word) => Ok(*word),
            _ => self.fail(),
        }
    }

    fn pipeline(&mut self) -> Read<Node> {
        let negated = if self.at_word("!")? { Some(self.any_word()?.span) } else { None };
        let mut commands = vec![self.deeper(Self::command)?];
        let mut pipes = Vec::new();
        while let Token::Op(Op::Pipe, span) = self.peek()? {
            pipes.push(span.clone());
            self.next()?;
            self.skip_lines()?;
            commands.push(self.deeper(Self::command)?);
        }
        if negated.is_none() && pipes.is_empty() {
            return match commands.pop() {
                Some(node) => Ok(node),
                None => self.fail(),
            };
        }
        let end = commands.last().map_or(self.pos, |node| node.span().end);
        let first = commands.first().map_or(self.pos, |node| node.span().start);
        let span = negated.as_ref().map_or(first, |sign| sign.start)..end;
        Ok(Node::Pipeline(Pipeline { span, negated, commands, pipes }))
    }

    fn command(&mut self) -> Read<Node> {
        match self.peek()? {
            Token::Op(Op::Open, span) => {
                let start = span.start;
                if self.byte(0) == Some(b'(') { self.arithmetic_command(start) } else { self.subshell() }
            }
            Token::Redirect(_) => self.simple(),
            Token::Word(word) => {
                if !word.joints.is_empty() {
                    // A reserved word or an assignment may be hidden by a continuation.
                    return self.fail();
                }
                let start = word.span.start;
                match word.raw() {
                    "{" => self.group(),
                    "if" => self.if_command(start),
                    "while" => self.loop_command(Keyword::While, start),
                    "until" => self.loop_command(Keyword::Until, start),
                    "for" => self.for_command(Keyword::For, start),
                    "select" => self.for_command(Keyword::Select, start),
                    "case" => self.case_command(start),
                    "function" => self.function_command(start),
                    "[[" => self.test_command(start),
                    "!" | "in" | "coproc" => self.fail(),
                    raw if CLOSING.contains(&raw) => self.fail(),
                    _ => self.simple(),
                }
            }
            _ => self.fail(),
        }
    }

    fn simple(&mut self) -> Read<Node> {
        let mut simple = Simple {
            span: 0..0,
            assignments: Vec::new(),
            words: Vec::new(),
            redirects: Vec::new(),
            context: Context::default(),
        };
        let mut span: Option<Span> = None;
        loop {
            let part = match self.peek()? {
                Token::Word(_) => {
                    let word = self.any_word()?;
                    let part = word.span.clone();
                    if !simple.words.is_empty() {
                        simple.words.push(word);
                    } else if !word.joints.is_empty() {
                        // A continuation may hide an assignment.
                        return self.fail();
                    } else {
                        match word.assigns_at {
                            Some(at) => simple.assignments.push(assignment(word, at)),
                            None => simple.words.push(word),
                        }
                    }
                    part
                }
                Token::Redirect(_) => {
                    let Token::Redirect(redirect) = self.next()? else { return self.fail() };
                    let part = redirect.span.clone();
                    simple.redirects.push(*redirect);
                    part
                }
                Token::Op(Op::Open, _) => {
                    let only_name = simple.assignments.is_empty() && simple.redirects.is_empty();
                    let name = simple.words.pop();
                    return match name {
                        Some(name) if only_name && simple.words.is_empty() => {
                            let start = name.span.start;
                            self.function_body(name, false, start)
                        }
                        _ => self.fail(),
                    };
                }
                _ => break,
            };
            span = Some(span.map_or(part.start, |span| span.start)..part.end);
        }
        match span {
            Some(span) => simple.span = span,
            None => return self.fail(),
        }
        Ok(Node::Simple(Box::new(simple)))
    }

    /// Reads the redirections behind a compound command.
    fn redirects(&mut self) -> Read<Vec<Redirect>> {
        let mut redirects = Vec::new();
        while matches!(self.peek()?, Token::Redirect(_)) {
            if let Token::Redirect(redirect) = self.next()? {
                redirects.push(*redirect);
            }
        }
        Ok(redirects)
    }

    fn subshell(&mut self) -> Read<Node> {
        let Token::Op(Op::Open, open) = self.next()? else { return self.fail() };
        let body = self.full_list()?;
        let Token::Op(Op::Close, close) = self.next()? else { return self.fail() };
        let redirects = self.redirects()?;
        Ok(Node::Subshell(Block { span: open.start..end_of(&redirects, close.end), body, redirects }))
    }

    fn group(&mut self) -> Read<Node> {
        let open = self.expect_word("{")?;
        let body = self.full_list()?;
        let close = self.expect_word("}")?;
        let redirects = self.redirects()?;
        Ok(Node::Group(Block { span: open.start..end_of(&redirects, close.end), body, redirects }))
    }

    fn section(&self, role: Role, items: Vec<Item>) -> Section {
        Section { role, patterns: Vec::new(), items, arm_end: None, open: false, source: self.source.clone() }
    }

    /// Reads the redirections and builds the command that ends at `end`.
    fn compound(
        &mut self,
        keyword: Keyword,
        head: Head,
        words: Vec<Word>,
        sections: Vec<Section>,
        span: Span,
    ) -> Read<Node> {
        let redirects = self.redirects()?;
        let span = span.start..end_of(&redirects, span.end);
        let source = self.source.clone();
        Ok(Node::Compound(Box::new(Compound { span, keyword, words, sections, redirects, head, source })))
    }

    fn if_command(&mut self, start: usize) -> Read<Node> {
        let mut sections = Vec::new();
        self.expect_word("if")?;
        loop {
            let condition = self.full_list()?;
            sections.push(self.section(Role::Condition, condition));
            self.expect_word("then")?;
            let body = self.full_list()?;
            sections.push(self.section(Role::Body, body));
            if !self.at_word("elif")? {
                break;
            }
            self.next()?;
        }
        if self.at_word("else")? {
            self.next()?;
            let body = self.full_list()?;
            sections.push(self.section(Role::Else, body));
        }
        let end = self.expect_word("fi")?.end;
        self.compound(Keyword::If, Head::Plain, Vec::new(), sections, start..end)
    }

    fn do_group(&mut self) -> Read<(Section, usize)> {
        self.expect_word("do")?;
        let body = self.full_list()?;
        let end = self.expect_word("done")?.end;
        Ok((self.section(Role::Body, body), end))
    }

    fn loop_command(&mut self, keyword: Keyword, start: usize) -> Read<Node> {
        self.next()?;
        let condition = self.full_list()?;
        let condition = self.section(Role::Condition, condition);
        let (body, end) = self.do_group()?;
        self.compound(keyword, Head::Plain, Vec::new(), vec![condition, body], start..end)
    }

    fn for_command(&mut self, keyword: Keyword, start: usize) -> Read<Node> {
        self.next()?;
        let mut words = Vec::new();
        let mut head = Head::Plain;
        if keyword == Keyword::For && matches!(self.peek()?, Token::Op(Op::Open, _)) {
            head = Head::Arithmetic(self.double_parentheses()?);
        } else {
            words.push(self.any_word()?);
            self.skip_lines()?;
            if self.at_word("in")? {
                self.next()?;
                head = Head::In;
                while matches!(self.peek()?, Token::Word(_)) {
                    words.push(self.any_word()?);
                }
                if !matches!(self.peek()?, Token::Op(Op::Semicolon | Op::LineBreak, _)) {
                    return self.fail();
                }
            }
        }
        if matches!(self.peek()?, Token::Op(Op::Semicolon, _)) {
            self.next()?;
        }
        self.skip_lines()?;
        let (body, end) = self.do_group()?;
        self.compound(keyword, head, words, vec![body], start..end)
    }

    fn case_command(&mut self, start: usize) -> Read<Node> {
        self.next()?;
        let subject = self.any_word()?;
        self.skip_lines()?;
        self.expect_word("in")?;
        let mut sections = Vec::new();
        loop {
            self.skip_lines()?;
            if self.at_word("esac")? {
                break;
            }
            let open = matches!(self.peek()?, Token::Op(Op::Open, _));
            if open {
                self.next()?;
            }
            let mut patterns = vec![self.any_word()?];
            while let Token::Op(Op::Pipe, _) = self.peek()? {
                self.next()?;
                patterns.push(self.any_word()?);
            }
            let Token::Op(Op::Close, _) = self.next()? else { return self.fail() };
            let items = self.list()?;
            let mut arm = Section { patterns, open, ..self.section(Role::Arm, items) };
            if let Token::Op(Op::ArmEnd, span) = self.peek()? {
                arm.arm_end = Some(span.clone());
                self.next()?;
            } else if !self.at_word("esac")? {
                return self.fail();
            }
            sections.push(arm);
        }
        let end = self.expect_word("esac")?.end;
        self.compound(Keyword::Case, Head::Plain, vec![subject], sections, start..end)
    }

    fn function_command(&mut self, start: usize) -> Read<Node> {
        self.next()?;
        let name = self.any_word()?;
        self.function_body(name, true, start)
    }

    /// Reads what follows the name of a function.
    fn function_body(&mut self, name: Word, keyword: bool, start: usize) -> Read<Node> {
        let mut head = Head::Plain;
        if let Token::Op(Op::Open, _) = self.peek()? {
            self.next()?;
            let Token::Op(Op::Close, _) = self.next()? else { return self.fail() };
            head = Head::Parentheses(keyword);
        }
        if name.value().is_none() || name.quoted {
            return self.fail();
        }
        self.skip_lines()?;
        let node = self.deeper(Self::command)?;
        if matches!(node, Node::Simple(_)) {
            return self.fail();
        }
        let end = node.span().end;
        let item = Item { joiner: None, node, background: None, semicolon: None };
        let body = self.section(Role::Body, vec![item]);
        self.compound(Keyword::Function, head, vec![name], vec![body], start..end)
    }

    fn test_command(&mut self, start: usize) -> Read<Node> {
        self.next()?;
        let mut words = Vec::new();
        loop {
            self.skip_blanks();
            match self.byte(0) {
                Some(b'\n') => self.inner_line_break()?,
                Some(b']') if self.byte(1) == Some(b']') && self.byte(2).is_none_or(ends_word) => break,
                _ => words.push(self.word(Mode::Test)?),
            }
        }
        if words.is_empty() {
            return self.fail();
        }
        self.pos += 2;
        self.compound(Keyword::Test, Head::Plain, words, Vec::new(), start..self.pos)
    }

    fn arithmetic_command(&mut self, start: usize) -> Read<Node> {
        let inner = self.double_parentheses()?;
        let end = inner.end + 2;
        self.compound(Keyword::Arithmetic, Head::Arithmetic(inner), Vec::new(), Vec::new(), start..end)
    }

    /// Reads `(( ... ))`, whose first parenthesis is the next token.
    fn double_parentheses(&mut self) -> Read<Span> {
        let Token::Op(Op::Open, open) = self.next()? else { return self.fail() };
        if self.byte(0) != Some(b'(') {
            return self.fail();
        }
        self.pos += 1;
        let mut draft = Draft::default();
        self.arithmetic(&mut draft)?;
        // What runs inside is not in the tree, so it must not be compared with what the grammar saw.
        let inner = open.start + 2..self.pos - 2;
        self.opaque.push(inner.clone());
        Ok(inner)
    }
}

fn end_of(redirects: &[Redirect], end: usize) -> usize {
    redirects.last().map_or(end, |redirect| redirect.span.end)
}

fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')')
}

/// The word as an assignment whose value begins at `at`.
fn assignment(word: Word, at: usize) -> Assignment {
    let target = word.source.slice(&(word.span.start..at));
    let target = target.strip_suffix('=').unwrap_or(target);
    let append = target.ends_with('+');
    let target = target.strip_suffix('+').unwrap_or(target);
    let (name, subscript) = match target.split_once('[') {
        Some((name, _)) => (name.to_owned(), true),
        None => (target.to_owned(), false),
    };
    let value_span = at..word.span.end;
    let has_tilde = word.has_tilde || word.source.slice(&value_span).starts_with('~');
    // Up to the sign nothing is quoted, but a subscript may hold an expansion, which is not part of the value.
    let is_in_value = |part: &Expansion| part.span.start >= at;
    let value = Word {
        span: value_span,
        unquoted: word.unquoted.split_once('=').map(|(_, value)| value.to_owned()).unwrap_or_default(),
        expansions: word.expansions.into_iter().filter(is_in_value).collect(),
        has_tilde,
        has_glob: false,
        has_brace: false,
        assigns_at: None,
        ..word
    };
    Assignment { span: word.span, name, append, subscript, value }
}
