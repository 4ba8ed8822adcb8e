//! The syntax tree of a shell text.
//!
//! Every span is a byte range into the text that [`Script::parse`](super::Script::parse) was given, and lies inside
//! the span of the part that holds it. A here-document is the one exception: its body stands behind the line
//! of its redirection, so `HereDoc::body` is outside `Redirect::span`.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A range of byte offsets into the text of the script.
pub type Span = Range<usize>;

/// The text that all parts of one tree share.
#[derive(Clone)]
pub(super) struct Source(pub(super) Arc<str>);

impl Source {
    /// The text of a span; empty when the span is none of this text.
    pub(super) fn slice(&self, span: &Span) -> &str {
        self.0.get(span.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for Source {
    /// Leaves the text out: each word holds it, and a printed tree would repeat it at each of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// How a command of a list is joined to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Joiner {
    /// `;` or a line break: runs whatever became of the one before.
    Sequence,
    /// `&&`: runs when what stands before it succeeded.
    And,
    /// `||`: runs when what stands before it failed.
    Or,
    /// `&`: what stands before it was sent to the background.
    Background,
}

/// The operator between two commands of a list.
#[derive(Clone, Debug)]
pub struct Join {
    /// What the operator means.
    pub kind: Joiner,
    /// Where the operator is written; for a line break, the line feed.
    pub span: Span,
    /// Whether the operator is a line break instead of a `;`.
    pub line_break: bool,
}

/// One command of a list, with the operator before it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Item {
    /// How this command hangs on the one before it; `None` at the first.
    pub joiner: Option<Join>,
    /// The command.
    pub node: Node,
    /// The `&` directly behind it, which sends it, and the `&&`/`||` chain that it ends, to the background.
    pub background: Option<Span>,
    /// The `;` directly behind it.
    pub semicolon: Option<Span>,
}

/// A command of any kind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Node {
    /// A command with its words: `apt-get update`.
    Simple(Box<Simple>),
    /// Commands joined by `|`, or one behind `!`.
    Pipeline(Pipeline),
    /// `( ... )`.
    Subshell(Block),
    /// `{ ...; }`.
    Group(Block),
    /// A command with reserved words: `if`, `for`, `case`, `[[` and the like.
    Compound(Box<Compound>),
    /// Text that was not understood. A script that holds one is not readable.
    Other {
        /// Where the text is.
        span: Span,
    },
}

impl Node {
    /// From the first to the last byte of the command, its redirections included.
    pub fn span(&self) -> Span {
        match self {
            Node::Simple(simple) => simple.span.clone(),
            Node::Pipeline(pipeline) => pipeline.span.clone(),
            Node::Subshell(block) | Node::Group(block) => block.span.clone(),
            Node::Compound(compound) => compound.span.clone(),
            Node::Other { span } => span.clone(),
        }
    }
}

/// Commands joined by `|`, or one command behind `!`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Pipeline {
    /// The whole pipeline.
    pub span: Span,
    /// The `!` that turns its exit status around.
    pub negated: Option<Span>,
    /// The commands, at least one.
    pub commands: Vec<Node>,
    /// The `|` or `|&` between the commands: one less than there are commands.
    pub pipes: Vec<Span>,
}

/// A list in parentheses or braces.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Block {
    /// From the opening to the closing sign, or to the end of the last redirection.
    pub span: Span,
    /// What runs inside.
    pub body: Vec<Item>,
    /// The redirections behind the closing sign.
    pub redirects: Vec<Redirect>,
}

/// Which compound command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Keyword {
    /// `if ...; then ...; fi`
    If,
    /// `for x in ...; do ...; done`, also with an arithmetic head
    For,
    /// `select x in ...; do ...; done` (bash)
    Select,
    /// `while ...; do ...; done`
    While,
    /// `until ...; do ...; done`
    Until,
    /// `case x in ...) ...;; esac`
    Case,
    /// `f() { ...; }` or `function f { ...; }`
    Function,
    /// `[[ ... ]]` (bash)
    Test,
    /// `(( ... ))` (bash)
    Arithmetic,
}

/// A compound command.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Compound {
    /// From the first keyword to the last, or to the end of the last redirection.
    pub span: Span,
    /// Which command it is.
    pub keyword: Keyword,
    /// The words of its head: the loop's variable and then its values, the subject of a `case`, the name of a function,
    /// the words of a test.
    pub words: Vec<Word>,
    /// The lists inside it, in source order.
    pub sections: Vec<Section>,
    /// The redirections behind its last keyword.
    pub redirects: Vec<Redirect>,
    /// How the head was written, where the words do not say it.
    pub(super) head: Head,
    pub(super) source: Source,
}

/// How the head of a compound command is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// The words say all.
    Plain,
    /// A loop with `in`, which may have no values.
    In,
    /// An arithmetic expression, without its parentheses.
    Arithmetic(Span),
    /// A function's name with `()`, and whether `function` stands before it.
    Parentheses(bool),
}

/// What a list inside a compound command is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Its exit status decides: behind `if`, `elif`, `while`, `until`.
    Condition,
    /// Behind `then` or `do`; the body of a function.
    Body,
    /// Behind `else`.
    Else,
    /// An arm of a `case`.
    Arm,
}

/// One list inside a compound command.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Section {
    /// What the list is there for.
    pub role: Role,
    /// The patterns of a `case` arm.
    pub patterns: Vec<Word>,
    /// The commands; only an arm of a `case` may have none.
    pub items: Vec<Item>,
    /// `;;`, `;&` or `;;&` behind an arm.
    pub arm_end: Option<Span>,
    /// Whether a `(` stands before the patterns.
    pub(super) open: bool,
    pub(super) source: Source,
}

/// Where a simple command runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // Independent circumstances, each asked for by itself.
pub struct Context {
    /// Inside a pipeline of two or more commands.
    pub in_pipeline: bool,
    /// Inside `( ... )`: what it sets does not outlive it.
    pub in_subshell: bool,
    /// Inside `{ ...; }`.
    pub in_group: bool,
    /// Inside the condition of an `if`, `while` or `until`.
    pub in_condition: bool,
    /// Inside any compound command.
    pub in_compound: bool,
    /// Inside the body of a function: it runs when the function is called.
    pub in_function: bool,
    /// Inside a command or process substitution.
    pub in_substitution: bool,
    /// Inside a part of the list that is sent to the background.
    pub in_background: bool,
    /// Behind a `!`.
    pub negated: bool,
}

/// A command with its words.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Simple {
    /// From the first to the last byte, assignments and redirections included, bodies of here-documents not.
    pub span: Span,
    /// The assignments before the first word.
    pub assignments: Vec<Assignment>,
    /// The name and its arguments; empty when there are only assignments or redirections.
    pub words: Vec<Word>,
    /// The redirections, wherever they stand among the words.
    pub redirects: Vec<Redirect>,
    /// Where it runs.
    pub context: Context,
}

impl Simple {
    /// The name of the command when it is literal. `sudo`, `env`, `exec`, `time` are names like any other.
    pub fn name(&self) -> Option<&str> {
        self.words.first().and_then(Word::value)
    }

    /// The words behind the name.
    pub fn args(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The name and the arguments as the program will see them, when all of them are literal and there is a name.
    pub fn literal_words(&self) -> Option<Vec<String>> {
        if self.words.is_empty() {
            return None;
        }
        self.words.iter().map(|word| word.value().map(str::to_owned)).collect()
    }
}

/// An assignment before the name of a command.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Assignment {
    /// The whole assignment.
    pub span: Span,
    /// The variable, without a subscript.
    pub name: String,
    /// Whether it is written with `+=`.
    pub append: bool,
    /// Whether the variable has a subscript: `a[0]=x` (bash).
    pub subscript: bool,
    /// What stands behind the `=`; it may be empty. Globs and braces mean nothing there, so neither is marked.
    pub value: Word,
}

/// A word as it is written, and its value where that can be known.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // Independent properties of the text.
pub struct Word {
    /// Where the word is written.
    pub span: Span,
    /// Whether any part of it is quoted, by quotes or by a backslash.
    pub quoted: bool,
    /// Its expansions in source order, those inside double quotes included.
    pub expansions: Vec<Expansion>,
    /// Whether it holds an unquoted `*`, `?` or `[...]`.
    pub has_glob: bool,
    /// Whether it holds a `~` that a shell may expand.
    pub has_tilde: bool,
    /// Whether it holds an unquoted `{a,b}` or `{1..3}`, which bash expands and a POSIX shell does not.
    pub has_brace: bool,
    /// The word after quote removal; of use only when there are no expansions.
    pub(super) unquoted: String,
    /// The backslashes of line continuations inside the word.
    pub(super) joints: Vec<usize>,
    /// Whether the word begins like an assignment: where its value begins, in the text.
    pub(super) assigns_at: Option<usize>,
    pub(super) source: Source,
}

impl Word {
    /// The word as it is written.
    pub fn raw(&self) -> &str {
        self.source.slice(&self.span)
    }

    /// The word as the program will see it: `None` when it has an expansion, a glob, a tilde or a brace expansion.
    pub fn value(&self) -> Option<&str> {
        let literal = self.expansions.is_empty() && !self.has_glob && !self.has_tilde && !self.has_brace;
        literal.then_some(self.unquoted.as_str())
    }

    /// The command and process substitutions at the top of the word and inside `${...}`, in source order.
    pub fn substitutions(&self) -> impl Iterator<Item = &[Item]> {
        let mut found = Vec::new();
        collect_substitutions(&self.expansions, &mut found);
        found.into_iter()
    }
}

fn collect_substitutions<'a>(expansions: &'a [Expansion], found: &mut Vec<&'a [Item]>) {
    for expansion in expansions {
        match &expansion.kind {
            ExpansionKind::Command(items) | ExpansionKind::Process(items) => found.push(items),
            ExpansionKind::Parameter { nested, .. } | ExpansionKind::Arithmetic { nested } => {
                collect_substitutions(nested, found);
            }
            ExpansionKind::Array(elements) => {
                for element in elements {
                    collect_substitutions(&element.expansions, found);
                }
            }
            ExpansionKind::Opaque | ExpansionKind::Dollar => {}
        }
    }
}

/// A part of a word that the shell replaces.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Expansion {
    /// From the `$` or the backtick to the last byte.
    pub span: Span,
    /// Whether it stands inside double quotes: the result is not split and not matched against files.
    pub quoted: bool,
    /// What it is.
    pub kind: ExpansionKind,
}

/// What an expansion is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExpansionKind {
    /// `$name` or `${name...}`.
    Parameter {
        /// The variable, or the digit or sign of a special one.
        name: String,
        /// What stands between the name and the `}`, with a `#` or `!` before the name: `:-default`.
        modifier: String,
        /// The expansions inside the braces.
        nested: Vec<Expansion>,
    },
    /// `$(...)`, or backticks without a backslash inside.
    Command(Vec<Item>),
    /// `<(...)` or `>(...)` (bash).
    Process(Vec<Item>),
    /// `$((...))`.
    Arithmetic {
        /// The expansions inside.
        nested: Vec<Expansion>,
    },
    /// The elements of `name=(...)` (bash).
    Array(Vec<Word>),
    /// Backticks with a backslash inside: their text was not read.
    Opaque,
    /// `$'...'` or `$"..."`, which bash reads as one quote, and an older POSIX shell as a `$` and a quote.
    Dollar,
}

/// Which redirection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedirectOp {
    /// `<`
    Read,
    /// `>`
    Write,
    /// `>>`
    Append,
    /// `>|`
    Clobber,
    /// `<>`
    ReadWrite,
    /// `<&`
    DuplicateIn,
    /// `>&`
    DuplicateOut,
    /// `&>` (bash; in a POSIX shell this is `&` and then `>`)
    Both,
    /// `&>>` (bash)
    BothAppend,
    /// `<<<` (bash)
    HereString,
    /// `<<`
    HereDoc,
    /// `<<-`: tabs at the beginning of the lines are dropped
    HereDocTabs,
}

/// A redirection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Redirect {
    /// From the descriptor or operator to the end of the target.
    pub span: Span,
    /// The descriptor before the operator: `2`, or `{name}` (bash).
    pub descriptor: Option<Span>,
    /// The operator.
    pub operator: RedirectOp,
    /// Where the operator is written.
    pub operator_span: Span,
    /// The word behind it; for a here-document the delimiter as it is written.
    pub target: Word,
    /// The text of a here-document.
    pub here_doc: Option<HereDoc>,
}

/// The text of a here-document.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HereDoc {
    /// The delimiter after quote removal.
    pub delimiter: String,
    /// Whether the delimiter is quoted, and the body therefore taken as it is.
    pub literal: bool,
    /// The lines of the body, the last line feed included.
    pub body: Span,
    /// The line with the delimiter, without its line feed.
    pub end: Span,
}
