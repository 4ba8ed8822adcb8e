//! The open documents, and positions in them.

use std::sync::Arc;

use dockmend_core::text::{ColumnEncoding, LineColumn, LineIndex, TextRange};
use ropey::Rope;
use tower_lsp::ls_types::{Position, Range, TextDocumentContentChangeEvent};

/// A document as the editor has it.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    rope: Rope,
    /// The version that the editor counts.
    pub(crate) version: i32,
    /// The whole text, made from the rope when it has changed.
    text: Arc<str>,
}

impl Document {
    /// A document that was opened.
    pub(crate) fn new(text: &str, version: i32) -> Self {
        Self { rope: Rope::from_str(text), version, text: text.into() }
    }

    /// The text.
    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Makes the editor's changes, one after the other. A position outside of the text is brought inside.
    pub(crate) fn change(
        &mut self,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
        encoding: ColumnEncoding,
    ) {
        for change in changes {
            match change.range {
                None => self.rope = Rope::from_str(&change.text),
                Some(range) => {
                    let start = offset(&self.rope, range.start, encoding);
                    let end = offset(&self.rope, range.end, encoding).max(start);
                    let (start, end) = (self.rope.byte_to_char(start), self.rope.byte_to_char(end));
                    self.rope.remove(start..end);
                    self.rope.insert(start, &change.text);
                }
            }
        }
        self.version = version;
        self.text = String::from(&self.rope).into();
    }
}

/// The byte offset of a position. Lines end at `\n` here, as everywhere in dockmend: editors that take a lone `\r` for the
/// end of a line send another one.
fn offset(rope: &Rope, position: Position, encoding: ColumnEncoding) -> usize {
    let Some(line) = rope.get_line(position.line as usize) else { return rope.len_bytes() };
    let text = String::from(line);
    let column = LineColumn { line: 0, column: position.character as usize };
    rope.line_to_byte(position.line as usize) + LineIndex::new(&text).offset(&text, column, encoding)
}

/// A range of the text as the editor counts it.
pub(crate) fn range_of(text: &str, lines: &LineIndex, range: TextRange, encoding: ColumnEncoding) -> Range {
    let position = |offset: usize| {
        let LineColumn { line, column, .. } = lines.position(text, offset, encoding);
        Position { line: line as u32, character: column as u32 }
    };
    Range { start: position(range.start), end: position(range.end) }
}

/// The byte offset of a position in a text.
pub(crate) fn offset_of(
    text: &str,
    lines: &LineIndex,
    position: Position,
    encoding: ColumnEncoding,
) -> usize {
    let column = LineColumn { line: position.line as usize, column: position.character as usize };
    lines.offset(text, column, encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(range: Option<[u32; 4]>, text: &str) -> TextDocumentContentChangeEvent {
        let range = range.map(|[a, b, c, d]| Range {
            start: Position { line: a, character: b },
            end: Position { line: c, character: d },
        });
        TextDocumentContentChangeEvent { range, range_length: None, text: text.to_owned() }
    }

    #[test]
    fn changes_are_made_in_the_encoding_of_the_editor() {
        for (encoding, column) in
            [(ColumnEncoding::Utf8, 17), (ColumnEncoding::Utf16, 14), (ColumnEncoding::Utf32, 13)]
        {
            let mut document = Document::new("FROM a\r\nRUN echo e\u{301}🐳 | b\n", 1);
            let edit = change(Some([1, column, 1, column + 3]), "&& c");
            document.change(2, vec![edit, change(Some([0, 5, 0, 6]), "alpine")], encoding);
            assert_eq!(&**document.text(), "FROM alpine\r\nRUN echo e\u{301}🐳 && c\n", "{encoding:?}");
            assert_eq!(document.version, 2);
        }
    }

    #[test]
    fn a_position_outside_is_brought_inside() {
        let mut document = Document::new("FROM a\n", 1);
        document.change(2, vec![change(Some([9, 9, 12, 1]), "RUN b\n")], ColumnEncoding::Utf16);
        document.change(3, vec![change(Some([0, 99, 1, 0]), "\n\n")], ColumnEncoding::Utf16);
        document.change(4, vec![change(Some([1, 0, 0, 6]), "")], ColumnEncoding::Utf16);
        assert_eq!(&**document.text(), "FROM a\n\nRUN b\n");
        document.change(5, vec![change(None, "")], ColumnEncoding::Utf16);
        assert_eq!(&**document.text(), "");
    }
}
