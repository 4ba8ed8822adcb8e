//! The lossless parse of one Dockerfile.
//!
//! BuildKit's line rules come first and are the only source of values: directives, continuations with the comment and
//! blank lines inside them, heredocs, `ONBUILD`. They cut the file into instructions, each with its **logical line**,
//! the text that is left when BuildKit has joined the continued lines. Positions in it are [`Span`]s;
//! [`Instruction::file_range`] turns them into [`TextRange`]s of the file.
//!
//! The parser never fails. What BuildKit would refuse is a [`SyntaxProblem`], and the instructions around it are still
//! read.
//!
//! Source of the rules: BuildKit's `frontend/dockerfile/parser`, and the Dockerfile reference on docs.docker.com.
//!
//! ```
//! use dockmend_core::syntax::{Dockerfile, Keyword};
//! let file = Dockerfile::parse("FROM alpine\nRUN apk add \\\n    # for the health check\n    curl\n");
//! let run = &file.instructions()[1];
//! assert_eq!(run.keyword, Keyword::Run);
//! assert_eq!(run.values[0].text, "apk add     curl");
//! assert_eq!(run.lines, 2..=4);
//! ```

mod check;
mod directive;
mod heredoc;
mod instruction;
mod json;
mod keyword;
mod lexer;
mod lines;
mod logical;
mod names;
mod problem;
#[cfg(test)]
mod tests;
mod tree;
mod words;

use std::sync::Arc;

use crate::text::{LineEnding, LineIndex, TextRange};

pub use directive::{Directive, DirectiveName};
pub use heredoc::Heredoc;
pub use instruction::{Flag, Instruction, Pair, Value};
pub use keyword::Keyword;
pub use lexer::{Environment, ExpandError, Expanded, Lexer, Lookup};
pub use logical::{LogicalLine, Span};
pub use problem::{ProblemKind, SyntaxProblem};
pub use tree::{ImageParts, Reading};

/// Whose line rules are followed. They differ in a few corners: trailing text behind a JSON array, blanks between `<<`
/// and a heredoc's word, the escape character inside flags, the `check` directive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineRules {
    /// BuildKit 0.12, of January 2024: the version behind the conformance suite's oracle.
    BuildKit0_12,
    /// BuildKit as of 2026, which every current Docker has.
    #[default]
    Current,
}

/// A comment line outside of any instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// From the `#` to the last byte of the line, its line ending excluded.
    pub range: TextRange,
    /// The line, counted from 1.
    pub line: usize,
    /// What follows the `#`, without blanks around it.
    pub text: String,
}

/// A parsed Dockerfile: its text, and where everything in it stands.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    text: Arc<str>,
    line_index: LineIndex,
    rules: LineRules,
    escape: char,
    directives: Vec<Directive>,
    comments: Vec<Comment>,
    instructions: Vec<Instruction>,
    problems: Vec<SyntaxProblem>,
}

impl Dockerfile {
    /// Parses `text` by the rules of today's BuildKit. Never fails: see [`Dockerfile::problems`].
    pub fn parse(text: impl Into<Arc<str>>) -> Self {
        Self::parse_with(text, LineRules::default())
    }

    /// Parses `text` by the rules of a given BuildKit.
    pub fn parse_with(text: impl Into<Arc<str>>, rules: LineRules) -> Self {
        lines::parse(text.into(), rules)
    }

    /// The text that was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text that was parsed, to share.
    pub fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// The lines of the text.
    pub fn line_index(&self) -> &LineIndex {
        &self.line_index
    }

    /// The rules it was parsed by.
    pub fn rules(&self) -> LineRules {
        self.rules
    }

    /// The escape character: `\`, or what the `escape` directive says.
    pub fn escape(&self) -> char {
        self.escape
    }

    /// The directives at the top (`# syntax=`, `# escape=`, `# check=`).
    pub fn directives(&self) -> &[Directive] {
        &self.directives
    }

    /// The value of a directive.
    pub fn directive(&self, name: DirectiveName) -> Option<&Directive> {
        self.directives.iter().find(|directive| directive.name == name)
    }

    /// The comment lines outside of instructions, directives excluded, in order.
    pub fn comments(&self) -> &[Comment] {
        &self.comments
    }

    /// The comments that stand between the instruction before and the one at `index`.
    pub fn comments_before(&self, index: usize) -> &[Comment] {
        let range = self.instructions.get(index).map(|instruction| instruction.comments.clone());
        range.and_then(|range| self.comments.get(range)).unwrap_or_default()
    }

    /// The comments glued above the instruction at `index`: no blank line between them and it.
    pub fn comments_glued_to(&self, index: usize) -> &[Comment] {
        let comments = self.comments_before(index);
        let Some(instruction) = self.instructions.get(index) else { return &[] };
        let mut line = *instruction.lines.start();
        let mut first = comments.len();
        while first > 0 && comments[first - 1].line + 1 == line {
            first -= 1;
            line = comments[first].line;
        }
        &comments[first..]
    }

    /// The instructions in order.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// What BuildKit's line parser would refuse. Empty: BuildKit's parser accepts the file.
    pub fn problems(&self) -> &[SyntaxProblem] {
        &self.problems
    }

    /// How the lines end.
    pub fn line_ending(&self) -> LineEnding {
        LineEnding::of(&self.text)
    }

    /// The whole lines of an instruction, the last line's ending included.
    pub fn whole_lines(&self, instruction: &Instruction) -> TextRange {
        let first = self.line_index.line_start(instruction.lines.start() - 1);
        TextRange::new(first, self.line_index.line_start(*instruction.lines.end()))
    }
}
