//! Offsets to lines and columns and back.

/// What a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnEncoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units, the default of the Language Server Protocol.
    Utf16,
    /// Unicode scalar values.
    Utf32,
}

/// A position: line and column, both counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineColumn {
    /// The line, from 0.
    pub line: usize,
    /// The column, from 0, in the encoding that was asked for.
    pub column: usize,
}

/// The starts of a text's lines. Lines end at `\n`, as BuildKit counts them; a lone `\r` ends none.
///
/// ```
/// use dockmend_core::text::{ColumnEncoding, LineIndex};
/// let text = "FROM alpine\nRUN echo 🐳 | cat\n";
/// let lines = LineIndex::new(text);
/// let at = text.find('|').unwrap();
/// assert_eq!(lines.position(text, at, ColumnEncoding::Utf8).column, 14);
/// assert_eq!(lines.position(text, at, ColumnEncoding::Utf16).column, 12);
/// assert_eq!(lines.position(text, at, ColumnEncoding::Utf32).column, 11);
/// ```
#[derive(Clone, Debug)]
pub struct LineIndex {
    starts: Vec<usize>,
    len: usize,
}

impl LineIndex {
    /// Indexes the lines of `text`.
    pub fn new(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1));
        Self { starts, len: text.len() }
    }

    /// The number of lines; a text that ends in `\n` has an empty last line.
    pub fn line_count(&self) -> usize {
        self.starts.len()
    }

    /// The line, from 0, that the byte at `offset` is on.
    pub fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The offset of the first byte of `line` (from 0); the text's end for a line behind the last.
    pub fn line_start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.len)
    }

    /// Line and column of `offset`. An offset inside a character counts as that character's start.
    pub fn position(&self, text: &str, offset: usize, encoding: ColumnEncoding) -> LineColumn {
        let mut offset = offset.min(self.len);
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line(offset);
        let before = text.get(self.line_start(line)..offset).unwrap_or_default();
        let column = match encoding {
            ColumnEncoding::Utf8 => before.len(),
            ColumnEncoding::Utf16 => before.chars().map(char::len_utf16).sum(),
            ColumnEncoding::Utf32 => before.chars().count(),
        };
        LineColumn { line, column }
    }

    /// The offset of a position. A column behind the line's end gives the line's end (before its `\n`), a line behind
    /// the last gives the text's end, and a column inside a character gives the character's start.
    pub fn offset(&self, text: &str, position: LineColumn, encoding: ColumnEncoding) -> usize {
        let start = self.line_start(position.line);
        let end = self.starts.get(position.line + 1).map_or(self.len, |next| next - 1).max(start);
        let line = text.get(start..end).unwrap_or_default();
        let line = line.strip_suffix('\r').unwrap_or(line);
        let mut column = 0;
        for (at, character) in line.char_indices() {
            let width = match encoding {
                ColumnEncoding::Utf8 => character.len_utf8(),
                ColumnEncoding::Utf16 => character.len_utf16(),
                ColumnEncoding::Utf32 => 1,
            };
            if column + width > position.column {
                return start + at;
            }
            column += width;
        }
        start + line.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_offsets_agree_in_every_encoding() {
        let text = "FROM a\r\n# é🐳e\u{301}x\n\nEND";
        let lines = LineIndex::new(text);
        assert_eq!(lines.line_count(), 4);
        for encoding in [ColumnEncoding::Utf8, ColumnEncoding::Utf16, ColumnEncoding::Utf32] {
            for (offset, character) in text.char_indices() {
                if character == '\r' || character == '\n' {
                    continue;
                }
                let position = lines.position(text, offset, encoding);
                assert_eq!(lines.offset(text, position, encoding), offset, "{encoding:?} {position:?}");
            }
        }
    }

    #[test]
    fn positions_outside_are_brought_inside() {
        let text = "ab\r\ncd";
        let lines = LineIndex::new(text);
        let utf16 = ColumnEncoding::Utf16;
        assert_eq!(lines.offset(text, LineColumn { line: 0, column: 99 }, utf16), 2);
        assert_eq!(lines.offset(text, LineColumn { line: 9, column: 0 }, utf16), 6);
        assert_eq!(lines.position(text, 99, utf16), LineColumn { line: 1, column: 2 });
    }
}
