//! The commands inside RUN, CMD, ENTRYPOINT and HEALTHCHECK.
//!
//! [`Script::parse`] takes the text that the shell would get: the logical line as `BuildKit` joins it, with escape
//! characters, line breaks and comment lines removed (hazard H153), or the body of a here-document. It returns an owned
//! tree: lists, pipelines, simple commands, words. All positions are byte offsets into that text.
//!
//! Words and their values are read by the rules of POSIX. tree-sitter-bash reads the same text independently, and only
//! when it finds no error and the same commands at the same places, the script [is readable](Script::is_readable).
//! What is not readable has no commands: nobody should act on a guess.

mod canonical;
mod draft;
mod lexer;
pub mod quote;
mod read;
mod settle;
#[cfg(test)]
mod tests;
mod tree;
mod walk;
mod witness;
mod words;

use std::sync::Arc;

pub use self::tree::{
    Assignment, Block, Compound, Context, Expansion, ExpansionKind, HereDoc, Item, Join, Joiner, Keyword,
    Node, Pipeline, Redirect, RedirectOp, Role, Section, Simple, Span, Word,
};

use self::lexer::{Lexer, Token};
use self::settle::Settle;
use self::tree::Source;
use self::walk::Walk;

/// Texts above this many bytes are not read. The largest RUN seen in the wild has a few hundred kilobytes.
const LARGEST: usize = 4 << 20;

/// Texts up to this many bytes are read by the grammar as a whole.
const SHORT: usize = 16 << 10;

/// Longer texts are read command by command, and none of these may have more bytes than this.
const LARGEST_PIECE: usize = 64 << 10;

/// Why a text is not readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// Not shell, or shell that two shells read differently, or that is too rare to be supported.
    Syntax {
        /// The byte offset up to which the text was read.
        at: usize,
    },
    /// Nested deeper than any hand-written script.
    TooDeep {
        /// The byte offset of the part that is too deep.
        at: usize,
    },
    /// Larger than anything written by hand: the text, or one command at its top.
    TooLarge,
    /// tree-sitter-bash finds an error.
    Grammar,
    /// tree-sitter-bash finds other commands.
    Disagreement {
        /// The byte offset of the first command that only one of the two readings has.
        at: usize,
    },
}

/// A shell text and what it says. A clone shares everything.
#[derive(Clone, Debug)]
pub struct Script {
    source: Source,
    items: Arc<[Item]>,
    comments: Arc<[Span]>,
    trouble: Option<Trouble>,
}

impl Script {
    /// Reads `text`. A text that cannot be understood gives a script that is not readable.
    ///
    /// ```
    /// use dockmend_core::shell::{Joiner, Script};
    /// let script = Script::parse("apt-get update && apt-get install -y 'curl'");
    /// assert!(script.is_readable());
    /// let words: Vec<_> = script.commands().filter_map(|command| command.literal_words()).collect();
    /// assert_eq!(words, [vec!["apt-get", "update"], vec!["apt-get", "install", "-y", "curl"]]);
    /// assert_eq!(script.list()[1].joiner.as_ref().map(|join| join.kind), Some(Joiner::And));
    /// ```
    pub fn parse(text: &str) -> Script {
        let source = Source(Arc::from(text));
        match read(&source, text) {
            Ok((items, comments)) => {
                Script { source, items: items.into(), comments: comments.into(), trouble: None }
            }
            Err(trouble) => {
                let node = Node::Other { span: 0..text.len() };
                let item = Item { joiner: None, node, background: None, semicolon: None };
                Script { source, items: [item].into(), comments: [].into(), trouble: Some(trouble) }
            }
        }
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.source.0
    }

    /// The text as it was given, to share.
    pub(crate) fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.source.0)
    }

    /// Whether the tree says what a shell would run. Otherwise it holds one [`Node::Other`] and no command.
    pub fn is_readable(&self) -> bool {
        self.trouble.is_none()
    }

    /// Why the text is not readable.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    /// The commands at the top, in source order.
    pub fn list(&self) -> &[Item] {
        &self.items
    }

    /// The comments, from `#` to the end of the line, in source order.
    pub fn comments(&self) -> &[Span] {
        &self.comments
    }

    /// Every simple command in source order, in groups, subshells and compound commands as well, but not those in
    /// substitutions.
    pub fn commands(&self) -> impl Iterator<Item = &Simple> {
        self.walk(false)
    }

    /// Every simple command, those in command and process substitutions included. A command stands before those that
    /// its words substitute.
    pub fn all_commands(&self) -> impl Iterator<Item = &Simple> {
        self.walk(true)
    }

    fn walk(&self, substitutions: bool) -> std::vec::IntoIter<&Simple> {
        let mut walk = Walk { substitutions, found: Vec::new() };
        walk.list(&self.items);
        walk.found.into_iter()
    }

    /// The script in the one spelling that all texts share that differ only in what no shell sees: unquoted blanks, line
    /// continuations, line breaks that separate nothing, and where a comment stands. In front of a reserved word, `)` or
    /// `;;`, a `;` and a line break count as the same. The text itself when it is not readable.
    ///
    /// ```
    /// use dockmend_core::shell::Script;
    /// let canonical = |text| Script::parse(text).canonical();
    /// assert_eq!(canonical("a  b &&\n  c"), canonical("a b && c"));
    /// assert_ne!(canonical("a 'b  c'"), canonical("a 'b c'"));
    /// ```
    pub fn canonical(&self) -> String {
        if self.trouble.is_some() {
            return self.text().to_owned();
        }
        let mut canonical = self.command_canonical();
        for comment in self.comments.iter() {
            if !canonical.is_empty() {
                canonical.push('\n');
            }
            canonical.push_str(self.source.slice(comment));
        }
        canonical
    }

    /// [`canonical`](Self::canonical) without the comments: only what runs.
    pub fn command_canonical(&self) -> String {
        if self.trouble.is_some() { self.text().to_owned() } else { canonical::of_list(&self.items) }
    }
}

/// The canonical form of a list of commands, of a substitution for instance.
pub fn list_canonical(items: &[Item]) -> String {
    canonical::of_list(items)
}

fn read(source: &Source, text: &str) -> Result<(Vec<Item>, Vec<Span>), Trouble> {
    if text.len() > LARGEST {
        return Err(Trouble::TooLarge);
    }
    if let Some(at) = text.find('\0') {
        return Err(Trouble::Syntax { at });
    }
    let (items, lexer) = read_alone(source, text)?;
    agree(text, &items, &lexer)?;
    Ok((items, lexer.comments))
}

/// Reads the text without asking the grammar.
fn read_alone<'s>(source: &Source, text: &'s str) -> Result<(Vec<Item>, Lexer<'s>), Trouble> {
    let mut lexer = Lexer::new(source.clone(), text);
    let mut items = lexer.list()?;
    if !matches!(lexer.next()?, Token::End) {
        return Err(Trouble::Syntax { at: lexer.pos });
    }
    Settle { here_docs: &lexer.here_docs }.list(&mut items, Context::default());
    Ok((items, lexer))
}

/// Compares the commands with those that the grammar finds.
fn agree(text: &str, items: &[Item], lexer: &Lexer<'_>) -> Result<(), Trouble> {
    let mut walk = Walk { substitutions: true, found: Vec::new() };
    walk.list(items);
    let mut ours: Vec<usize> =
        walk.found.iter().filter_map(|simple| simple.words.first()).map(|word| word.span.start).collect();
    ours.sort_unstable();
    if text.bytes().all(|byte| byte.is_ascii_whitespace()) {
        return Ok(());
    }
    let masked = masked(text, lexer);
    let mut theirs = Vec::new();
    for piece in pieces(text, items) {
        if piece.len() > LARGEST_PIECE {
            return Err(Trouble::TooLarge);
        }
        let names =
            witness::command_names(masked.get(piece.clone()).unwrap_or_default()).ok_or(Trouble::Grammar)?;
        theirs.extend(names.into_iter().map(|name| name + piece.start));
    }
    skip_opaque(&mut theirs, &lexer.opaque);
    let common = ours.iter().zip(&theirs).take_while(|(our, their)| our == their).count();
    match (ours.get(common), theirs.get(common)) {
        (None, None) => Ok(()),
        (Some(&our), Some(&their)) => Err(Trouble::Disagreement { at: our.min(their) }),
        (Some(&at), None) | (None, Some(&at)) => Err(Trouble::Disagreement { at }),
    }
}

/// What the grammar reads at once: a short text as a whole, of a long one each command of the list by itself. On a text
/// with many errors it takes quadratic time; so it ends with the first command that has one.
fn pieces(text: &str, items: &[Item]) -> Vec<Span> {
    if text.len() <= SHORT {
        return std::iter::once(0..text.len()).collect();
    }
    items.iter().map(|item| item.node.span()).collect()
}

/// Drops the names in parts of the text that were not read as commands. Both lists ascend.
fn skip_opaque(names: &mut Vec<usize>, opaque: &[Span]) {
    let mut opaque = opaque.to_vec();
    opaque.sort_unstable_by_key(|span| span.start);
    let mut opaque = opaque.into_iter().peekable();
    names.retain(|name| {
        while opaque.next_if(|span| span.end <= *name).is_some() {}
        opaque.peek().is_none_or(|span| span.start > *name)
    });
}

/// The text for the grammar, of the same length, without what it is known to stumble over and what holds no command:
/// comments, here-documents (two on a line are an error to it) and substitutions that hold nothing but a comment.
///
/// To a shell, control characters and all characters beyond ASCII are like letters. The scanner of tree-sitter-bash 0.25
/// asks the C library's `isdigit` and its kin about them, which reads out of bounds for a large character (seen as a
/// segmentation fault), and it takes some of them for blanks. So it gets to see none.
fn masked(text: &str, lexer: &Lexer<'_>) -> String {
    let is_letter =
        |byte: u8| !byte.is_ascii() || (byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n'));
    let mut bytes: Vec<u8> = text.bytes().map(|byte| if is_letter(byte) { b'x' } else { byte }).collect();
    let mut fill = |span: Span, filler: u8| {
        if let Some(part) = bytes.get_mut(span) {
            part.fill(filler);
        }
    };
    for comment in &lexer.comments {
        fill(comment.clone(), b' ');
    }
    for (operator, here_doc) in &lexer.here_docs {
        // The operator becomes a `<`, and the delimiter the name of a file.
        let dash = text.as_bytes().get(operator + 2) == Some(&b'-');
        fill(operator + 1..operator + if dash { 3 } else { 2 }, b' ');
        fill(here_doc.body.start..here_doc.end.end, b' ');
    }
    for span in &lexer.empty {
        fill(span.clone(), b'x');
    }
    // All of it is ASCII by now.
    String::from_utf8(bytes).unwrap_or_default()
}
