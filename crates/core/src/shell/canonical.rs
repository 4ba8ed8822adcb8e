//! One spelling for all texts that a shell reads alike.
//!
//! The canonical form is itself shell text. It has one blank where a shell needs one, no line continuation, and comments
//! at its end. Words, operators, the order of redirections, the bodies of here-documents and whether a list goes on with
//! `;` or with a line break stay as they were written.

use super::tree::{
    Assignment, Block, Compound, Expansion, ExpansionKind, Head, Item, Join, Joiner, Keyword, Node, Pipeline,
    Redirect, RedirectOp, Role, Section, Simple, Span, Word,
};

/// What ends a list that stands in front of a reserved word.
const BEFORE_KEYWORD: bool = true;

/// Writes the canonical form of parts of a tree.
#[derive(Default)]
struct Canonical<'a> {
    out: String,
    /// The here-documents whose bodies are due at the next line break.
    due: Vec<&'a Redirect>,
}

impl Item {
    /// The canonical form of the command, without the operator before it.
    pub fn canonical(&self) -> String {
        self.node.canonical()
    }
}

impl Node {
    /// The canonical form of the command, the bodies of its here-documents included.
    pub fn canonical(&self) -> String {
        let mut canonical = Canonical::default();
        canonical.node(self);
        canonical.finish()
    }
}

impl Simple {
    /// The canonical form of the command, the bodies of its here-documents included.
    pub fn canonical(&self) -> String {
        let mut canonical = Canonical::default();
        canonical.simple(self);
        canonical.finish()
    }
}

impl Word {
    /// The word as it is written, but for line continuations, and with what it substitutes in canonical form.
    pub fn canonical(&self) -> String {
        let mut canonical = Canonical::default();
        canonical.word(self);
        canonical.out
    }
}

impl Redirect {
    /// The redirection, the body of a here-document included.
    pub fn canonical(&self) -> String {
        let mut canonical = Canonical::default();
        canonical.redirect(self);
        canonical.finish()
    }
}

impl Assignment {
    /// The assignment as it is written, but for line continuations.
    pub fn canonical(&self) -> String {
        let target = self.span.start..self.value.span.start;
        format!("{}{}", self.value.source.slice(&target), self.value.canonical())
    }
}

impl Compound {
    /// What stands before the first list inside it: the keyword and its words.
    pub fn canonical_head(&self) -> String {
        let words = self.words.iter().map(Word::canonical).collect::<Vec<_>>().join(" ");
        let expression = match &self.head {
            Head::Arithmetic(span) => self.source.slice(span),
            _ => "",
        };
        format!("{:?} {words} {expression}", self.keyword)
    }
}

/// The canonical form of a list of commands.
pub(super) fn of_list(items: &[Item]) -> String {
    let mut canonical = Canonical::default();
    canonical.list(items, !BEFORE_KEYWORD);
    canonical.finish()
}

impl<'a> Canonical<'a> {
    fn finish(mut self) -> String {
        self.bodies();
        self.out
    }

    /// Writes the bodies that are due, from a line break to the last delimiter.
    fn bodies(&mut self) -> bool {
        let due = std::mem::take(&mut self.due);
        for redirect in &due {
            if let Some(here_doc) = &redirect.here_doc {
                let source = &redirect.target.source;
                self.out.push('\n');
                self.out.push_str(source.slice(&here_doc.body));
                self.out.push_str(source.slice(&here_doc.end));
            }
        }
        !due.is_empty()
    }

    fn list(&mut self, items: &'a [Item], before_keyword: bool) {
        for item in items {
            if let Some(join) = &item.joiner {
                self.joiner(join);
            }
            self.node(&item.node);
        }
        match items.last() {
            Some(last) if last.background.is_some() => self.out.push_str(" &"),
            Some(last) if before_keyword || last.semicolon.is_some() => self.out.push(';'),
            _ => {}
        }
    }

    fn joiner(&mut self, join: &Join) {
        match join.kind {
            Joiner::Sequence if join.line_break => {
                self.bodies();
                self.out.push('\n');
            }
            Joiner::Sequence => self.out.push_str("; "),
            Joiner::And => self.out.push_str(" && "),
            Joiner::Or => self.out.push_str(" || "),
            Joiner::Background => self.out.push_str(" & "),
        }
    }

    fn node(&mut self, node: &'a Node) {
        match node {
            Node::Simple(simple) => self.simple(simple),
            Node::Pipeline(pipeline) => self.pipeline(pipeline),
            Node::Subshell(block) => {
                // With a blank, since two parentheses would be arithmetic.
                self.out.push_str("( ");
                self.list(&block.body, !BEFORE_KEYWORD);
                self.close(block, " )");
            }
            Node::Group(block) => {
                self.out.push_str("{ ");
                self.list(&block.body, BEFORE_KEYWORD);
                self.close(block, " }");
            }
            Node::Compound(compound) => self.compound(compound),
            Node::Other { .. } => {}
        }
    }

    fn close(&mut self, block: &'a Block, sign: &str) {
        self.out.push_str(sign);
        self.redirects(&block.redirects);
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline) {
        if pipeline.negated.is_some() {
            self.out.push_str("! ");
        }
        let mut pipes = pipeline.pipes.iter();
        for (index, command) in pipeline.commands.iter().enumerate() {
            if index > 0 {
                // `|&` also pipes standard error.
                let takes_errors = pipes.next().is_some_and(|pipe| pipe.len() == 2);
                self.out.push_str(if takes_errors { " |& " } else { " | " });
            }
            self.node(command);
        }
    }

    fn simple(&mut self, simple: &'a Simple) {
        enum Part<'a> {
            Assignment(&'a Assignment),
            Word(&'a Word),
            Redirect(&'a Redirect),
        }
        let mut parts: Vec<(usize, Part<'a>)> = Vec::new();
        parts.extend(simple.assignments.iter().map(|part| (part.span.start, Part::Assignment(part))));
        parts.extend(simple.words.iter().map(|part| (part.span.start, Part::Word(part))));
        parts.extend(simple.redirects.iter().map(|part| (part.span.start, Part::Redirect(part))));
        parts.sort_by_key(|(start, _)| *start);
        for (index, (_, part)) in parts.into_iter().enumerate() {
            if index > 0 {
                self.out.push(' ');
            }
            match part {
                Part::Assignment(assignment) => {
                    let target = assignment.span.start..assignment.value.span.start;
                    self.out.push_str(assignment.value.source.slice(&target));
                    self.word(&assignment.value);
                }
                Part::Word(word) => self.word(word),
                Part::Redirect(redirect) => self.redirect(redirect),
            }
        }
    }

    fn redirects(&mut self, redirects: &'a [Redirect]) {
        for redirect in redirects {
            self.out.push(' ');
            self.redirect(redirect);
        }
    }

    fn redirect(&mut self, redirect: &'a Redirect) {
        let source = &redirect.target.source;
        if let Some(descriptor) = &redirect.descriptor {
            self.out.push_str(source.slice(descriptor));
        }
        self.out.push_str(source.slice(&redirect.operator_span));
        // `> >(x)` and `<< -x` need the blank.
        let takes_sign =
            matches!(redirect.operator, RedirectOp::HereDoc) && redirect.target.raw().starts_with('-');
        if takes_sign || redirect.target.raw().starts_with(['<', '>']) {
            self.out.push(' ');
        }
        self.word(&redirect.target);
        if redirect.here_doc.is_some() {
            self.due.push(redirect);
        }
    }

    fn words(&mut self, words: &'a [Word]) {
        for word in words {
            self.out.push(' ');
            self.word(word);
        }
    }

    fn compound(&mut self, compound: &'a Compound) {
        match compound.keyword {
            Keyword::If => {
                for (index, section) in compound.sections.iter().enumerate() {
                    self.out.push_str(match section.role {
                        Role::Condition if index == 0 => "if ",
                        Role::Condition => " elif ",
                        Role::Else => " else ",
                        Role::Body | Role::Arm => " then ",
                    });
                    self.list(&section.items, BEFORE_KEYWORD);
                }
                self.out.push_str(" fi");
            }
            Keyword::For | Keyword::Select => {
                self.out.push_str(if compound.keyword == Keyword::For { "for" } else { "select" });
                self.loop_head(compound);
                self.sections(compound, ";", " do ");
                self.out.push_str(" done");
            }
            Keyword::While | Keyword::Until => {
                self.out.push_str(if compound.keyword == Keyword::While { "while " } else { "until " });
                self.sections(compound, "", " do ");
                self.out.push_str(" done");
            }
            Keyword::Case => {
                self.out.push_str("case");
                self.words(&compound.words);
                self.out.push_str(" in ");
                for section in &compound.sections {
                    self.arm(section);
                }
                self.out.push_str("esac");
            }
            Keyword::Function => {
                let with_keyword = matches!(compound.head, Head::Plain | Head::Parentheses(true));
                self.out.push_str(if with_keyword { "function " } else { "" });
                for name in &compound.words {
                    self.word(name);
                }
                self.out.push_str(if compound.head == Head::Plain { " " } else { "() " });
                for section in &compound.sections {
                    self.list(&section.items, !BEFORE_KEYWORD);
                }
            }
            Keyword::Test => {
                self.out.push_str("[[");
                self.words(&compound.words);
                self.out.push_str(" ]]");
            }
            Keyword::Arithmetic => self.loop_head(compound),
        }
        self.redirects(&compound.redirects);
    }

    /// Writes what stands between `for` and the list, or an arithmetic command as a whole.
    fn loop_head(&mut self, compound: &'a Compound) {
        if let Head::Arithmetic(inner) = &compound.head {
            self.out.push_str(if compound.keyword == Keyword::For { " ((" } else { "((" });
            self.out.push_str(compound.source.slice(inner));
            self.out.push_str("))");
            return;
        }
        let (variable, values) = compound.words.split_at(compound.words.len().min(1));
        self.words(variable);
        if compound.head == Head::In {
            self.out.push_str(" in");
            self.words(values);
        }
    }

    fn sections(&mut self, compound: &'a Compound, before: &str, keyword: &str) {
        for section in &compound.sections {
            if section.role == Role::Body {
                self.out.push_str(before);
                self.out.push_str(keyword);
            }
            self.list(&section.items, BEFORE_KEYWORD);
        }
    }

    fn arm(&mut self, section: &'a Section) {
        self.out.push_str(if section.open { "(" } else { "" });
        for (index, pattern) in section.patterns.iter().enumerate() {
            self.out.push_str(if index > 0 { " | " } else { "" });
            self.word(pattern);
        }
        self.out.push_str(") ");
        // Before `;;` a `;` of its own would be an error, and a list that ends in one is the same without.
        for item in &section.items {
            if let Some(join) = &item.joiner {
                self.joiner(join);
            }
            self.node(&item.node);
        }
        let in_background = section.items.last().is_some_and(|last| last.background.is_some());
        match &section.arm_end {
            Some(end) => {
                self.out.push_str(if in_background { " & " } else { "" });
                self.out.push_str(section.source.slice(end));
            }
            None if in_background => self.out.push_str(" &"),
            None if section.items.is_empty() => {}
            None => self.out.push(';'),
        }
        self.out.push(' ');
    }

    fn word(&mut self, word: &'a Word) {
        let mut joints = word.joints.as_slice();
        let at = self.text(word, word.span.start, &word.expansions, &mut joints);
        self.rest(word, at..word.span.end, &mut joints);
    }

    /// Writes the word from `at` to the end of the last of the expansions, and returns that place.
    fn text(
        &mut self,
        word: &'a Word,
        mut at: usize,
        parts: &'a [Expansion],
        joints: &mut &'a [usize],
    ) -> usize {
        for part in parts {
            let Span { start, end } = part.span;
            match &part.kind {
                ExpansionKind::Command(items) | ExpansionKind::Process(items) => {
                    self.rest(word, at..start, joints);
                    let is_backtick = word.source.slice(&(start..start + 1)) == "`";
                    self.substitution(
                        items,
                        word.source.slice(&(start..start + if is_backtick { 1 } else { 2 })),
                    );
                }
                ExpansionKind::Array(elements) => {
                    self.rest(word, at..start, joints);
                    self.out.push('(');
                    self.words(elements);
                    self.out.push_str(" )");
                }
                ExpansionKind::Parameter { nested, .. } | ExpansionKind::Arithmetic { nested } => {
                    self.rest(word, at..start, joints);
                    let inner = self.text(word, start, nested, joints);
                    self.rest(word, inner..end, joints);
                }
                ExpansionKind::Opaque | ExpansionKind::Dollar => self.rest(word, at..end, joints),
            }
            at = end;
        }
        at
    }

    /// Writes a part of the word without its line continuations.
    fn rest(&mut self, word: &Word, part: Span, joints: &mut &'a [usize]) {
        let mut at = part.start;
        while let Some((&joint, others)) = joints.split_first() {
            if joint >= part.end {
                break;
            }
            *joints = others;
            self.out.push_str(word.source.slice(&(at..joint)));
            at = joint + 2;
        }
        self.out.push_str(word.source.slice(&(at..part.end)));
    }

    fn substitution(&mut self, items: &'a [Item], open: &str) {
        self.out.push_str(open);
        // With a blank, since two parentheses would be arithmetic.
        self.out.push(' ');
        let outer = std::mem::take(&mut self.due);
        self.list(items, !BEFORE_KEYWORD);
        let has_bodies = self.bodies();
        self.due = outer;
        self.out.push(if has_bodies { '\n' } else { ' ' });
        self.out.push(if open == "`" { '`' } else { ')' });
    }
}
