//! The inside of an instruction, by the tree-sitter grammar for Dockerfiles.
//!
//! The line rules are the only source of values; the grammar gives structure and ranges within them, and only where it
//! agrees with them. It reads one instruction at a time, over exactly the bytes of its logical line and without its
//! heredocs' bodies, so what it cannot read stays alone: the instructions around it are not affected.

use std::cell::RefCell;

use tree_sitter::{Node, Parser, Point, Range, Tree};

use super::{Dockerfile, Instruction, Keyword, Span, Value};
use crate::text::LineIndex;

/// What the grammar makes of one instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading {
    /// The grammar cannot read the instruction, or some part of it: only keyword, flags and raw text are known, and
    /// nothing should be said about the inside.
    pub opaque: bool,
    /// The parts of the image that a FROM names. `None` for other instructions, and where grammar and line rules
    /// disagree.
    pub image: Option<ImageParts>,
}

/// Where the parts of `FROM name:tag@digest AS alias` stand in the logical line; separators are not included.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageParts {
    /// The name, with the registry and its port.
    pub name: Span,
    /// The tag.
    pub tag: Option<Span>,
    /// The digest, with its algorithm.
    pub digest: Option<Span>,
    /// The stage's name.
    pub alias: Option<Span>,
}

/// Longer instructions are opaque. The grammar's recovery from errors takes time that grows faster than the text.
const MAX_LEN: usize = 32 * 1024;

/// So are instructions with more of `<<`: the grammar looks ahead from each of them.
const MAX_OPENERS: usize = 64;

thread_local! {
    // Making a parser costs more than reading an instruction.
    static PARSER: RefCell<Option<Parser>> = const { RefCell::new(None) };
}

impl Dockerfile {
    /// What the grammar makes of the instruction at `index`; opaque when there is none.
    ///
    /// ```
    /// use dockmend_core::syntax::Dockerfile;
    /// let file = Dockerfile::parse("FROM registry:5000/alpine:3.20 AS base\n");
    /// let from = &file.instructions()[0];
    /// let image = file.reading(0).image.unwrap();
    /// assert_eq!(from.logical.slice(image.name), "registry:5000/alpine");
    /// assert_eq!(image.tag.map(|tag| from.logical.slice(tag)), Some("3.20"));
    /// assert_eq!(image.alias.map(|alias| from.logical.slice(alias)), Some("base"));
    /// ```
    pub fn reading(&self, index: usize) -> Reading {
        let opaque = Reading { opaque: true, image: None };
        let Some(instruction) = self.instructions.get(index) else { return opaque };
        if !has_grammar(instruction) {
            return opaque;
        }
        let Some(tree) = self.tree(instruction) else { return opaque };
        let root = tree.root_node();
        if root.has_error() {
            return opaque;
        }
        Reading { opaque: false, image: image(instruction, root) }
    }

    /// Parses the bytes of one logical line; positions are the file's.
    fn tree(&self, instruction: &Instruction) -> Option<Tree> {
        let logical = &instruction.logical;
        // Blanks behind the arguments mean nothing to BuildKit, but errors to the grammar.
        let end = instruction.arguments.end.max(instruction.keyword_span.end);
        let span = Span::new(instruction.keyword_span.start, end);
        if span.len() > MAX_LEN || logical.slice(span).matches("<<").nth(MAX_OPENERS).is_some() {
            return None;
        }
        let index = self.line_index();
        let ranges: Vec<Range> = logical
            .file_ranges(span)
            .into_iter()
            .map(|range| Range {
                start_byte: range.start,
                end_byte: range.end,
                start_point: point(index, range.start),
                end_point: point(index, range.end),
            })
            .collect();
        // No ranges would mean the whole file.
        if ranges.is_empty() {
            return None;
        }
        PARSER.with(|slot| {
            let mut slot = slot.try_borrow_mut().ok()?;
            if slot.is_none() {
                let mut parser = Parser::new();
                parser.set_language(&tree_sitter_dockerfile::LANGUAGE.into()).ok()?;
                *slot = Some(parser);
            }
            let parser = slot.as_mut()?;
            parser.set_included_ranges(&ranges).ok()?;
            parser.parse(self.text(), None)
        })
    }
}

/// Whether the grammar has a rule for the instruction, and for its trigger.
fn has_grammar(instruction: &Instruction) -> bool {
    let inner = instruction.trigger.as_deref().unwrap_or(instruction);
    instruction.keyword != Keyword::Unknown && inner.keyword != Keyword::Unknown
}

fn point(index: &LineIndex, offset: usize) -> Point {
    let line = index.line(offset);
    Point::new(line, offset - index.line_start(line))
}

/// The parts of a FROM's image, when they are all of what the line rules found.
fn image(instruction: &Instruction, root: Node) -> Option<ImageParts> {
    let (image, alias) = match instruction.values.as_slice() {
        [image] => (image, None),
        [image, _, alias] => (image, Some(alias)),
        _ => return None,
    };
    let from = root.named_child(0).filter(|node| node.kind() == "from_instruction")?;
    let mut cursor = from.walk();
    let spec = from.named_children(&mut cursor).find(|node| node.kind() == "image_spec")?;
    let span = |node: Node| span_of(instruction, node);
    // The grammar counts the separator to the part behind it.
    let behind = |node: Node| span(node).map(|span| Span::new(span.start + 1, span.end));
    let parts = ImageParts {
        name: span(spec.child_by_field_name("name")?)?,
        tag: spec.child_by_field_name("tag").and_then(behind),
        digest: spec.child_by_field_name("digest").and_then(behind),
        alias: from.child_by_field_name("as").and_then(span),
    };
    let end = parts.digest.or(parts.tag).unwrap_or(parts.name).end;
    let agrees = Span::new(parts.name.start, end) == image.span
        && parts.alias == alias.map(|alias: &Value| alias.span);
    agrees.then_some(parts)
}

/// Where a node of at least one byte stands in the logical line.
fn span_of(instruction: &Instruction, node: Node) -> Option<Span> {
    let start = instruction.logical.offset_of(node.start_byte())?;
    let last = instruction.logical.offset_of(node.end_byte().checked_sub(1)?)?;
    Some(Span::new(start, last + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<String> {
        let file = Dockerfile::parse(text);
        let instruction = &file.instructions()[0];
        let image = file.reading(0).image?;
        let slice = |span: Option<Span>| span.map_or("-", |span| instruction.logical.slice(span));
        Some(format!(
            "{} {} {} {}",
            slice(Some(image.name)),
            slice(image.tag),
            slice(image.digest),
            slice(image.alias)
        ))
    }

    #[test]
    fn images_come_apart() {
        let cases = [
            ("FROM alpine", Some("alpine - - -")),
            ("from alpine as base", Some("alpine - - base")),
            ("FROM alpine:3.20 AS base", Some("alpine 3.20 - base")),
            ("FROM --platform=linux/amd64 a/b:1", Some("a/b 1 - -")),
            ("FROM localhost:5000/a/b", Some("localhost:5000/a/b - - -")),
            ("FROM a:1@sha256:00ff", Some("a 1 sha256:00ff -")),
            ("FROM a@sha256:00ff AS b", Some("a - sha256:00ff b")),
            ("FROM ${BASE}:${TAG:-latest} AS b-$C", Some("${BASE} ${TAG:-latest} - b-$C")),
            ("FROM alp\\\nine:\\\n# note\n3.20 \\\n  AS ba\\\nse", Some("alpine 3.20 - base")),
            ("# escape=`\nFROM alpine:`\n3.20 `\n  AS base", Some("alpine 3.20 - base")),
            ("FROM alpine base", None),
            ("FROM \"alpine\"", Some("\"alpine\" - - -")),
            ("FROM", None),
            ("RUN a", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parts(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_opaque_and_alone() {
        // Each of these made the grammar lose the instructions behind it when it read whole files.
        let broken = [
            "RUN echo $((1<<2))",
            "RUN cat <<<EOF",
            "ENV X=\"\\\"\"\\\"",
            "USER \"${A}\"",
            "EXPOSE :80",
            "RUN a \\\n  [ -f b ]",
            "ENV A=${B%-*}",
            "BOGUS x",
            "FROM",
            "CMD ['a']",
            "{% if x %}",
            "RUN <<EOF\nUSER 'a\nEOF",
            "RUN \"",
            "\\",
        ];
        for broken in broken {
            let text = format!("FROM a:1 AS b\n{broken}\nCOPY c d\nUSER e\n");
            let file = Dockerfile::parse(text.as_str());
            let last = file.instructions().len() - 1;
            for index in [0, last - 1, last] {
                assert!(!file.reading(index).opaque, "{text}");
            }
            assert!(file.reading(0).image.is_some(), "{text}");
        }
    }

    #[test]
    fn readable_and_opaque_instructions_are_told_apart() {
        let cases = [
            ("RUN apt-get update && \\\n    # note\n\n    apt-get install -y curl", false),
            ("RUN --mount=type=cache,target=/x <<EOF\n'\nEOF", false),
            ("COPY --from=a <<A <<B /c/\n1\nA\n2\nB", false),
            ("ONBUILD RUN a", false),
            ("HEALTHCHECK --interval=5s CMD [\"a\"]", false),
            ("run [\"a\", \"b\"]", false),
            ("ADD a b \t\r\n", false),
            ("BOGUS a", true),
            ("ONBUILD BOGUS a", true),
            ("EXPOSE eighty", true),
            ("USER", true),
        ];
        for (text, opaque) in cases {
            assert_eq!(Dockerfile::parse(text).reading(0).opaque, opaque, "{text}");
        }
        assert!(Dockerfile::parse("FROM a").reading(1).opaque);
        for long in ["a ", "<"] {
            assert!(Dockerfile::parse(format!("RUN {}", long.repeat(MAX_LEN))).reading(0).opaque);
        }
    }
}
