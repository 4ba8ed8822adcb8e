//! The logical line: what BuildKit sees of an instruction after it has joined the continued lines.

use crate::text::TextRange;

/// A half-open range of byte offsets into a logical line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The offset of the first byte.
    pub start: usize,
    /// The offset just behind the last byte.
    pub end: usize,
}

impl Span {
    /// A span from `start` to `end`. An `end` before `start` gives the empty span at `start`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// The number of bytes.
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether there are no bytes in the span.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The same span, `by` bytes further on.
    #[must_use]
    pub fn shifted(self, by: usize) -> Self {
        Self { start: self.start + by, end: self.end + by }
    }
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self::new(range.start, range.end)
    }
}

/// An instruction's lines joined as BuildKit joins them: escape character, the blanks behind it, line ending, comment
/// lines and blank lines are gone (H153). It knows where each of its bytes comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogicalLine {
    text: String,
    /// Where in the logical line a stretch begins, and where in the file. Never empty unless the text is.
    stretches: Vec<(usize, usize)>,
}

impl LogicalLine {
    /// Adds the bytes of `text`, which stand in the file from `file_start` on.
    pub(crate) fn push(&mut self, text: &str, file_start: usize) {
        let at = self.text.len();
        let continues = self.stretches.last().is_some_and(|(start, file)| file + (at - start) == file_start);
        if !continues && (!text.is_empty() || self.stretches.is_empty()) {
            self.stretches.push((at, file_start));
        }
        self.text.push_str(text);
    }

    /// The joined text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a span, or the empty text when the span does not fit.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// The file offset of the byte at `offset`. An offset at the end gives the file offset just behind the last byte.
    pub fn file_offset(&self, offset: usize) -> usize {
        let index = self.stretches.partition_point(|(start, _)| *start <= offset);
        // The end of the line belongs to its last stretch, not to one that would begin there.
        let (start, file) = self.stretches.get(index.saturating_sub(1)).copied().unwrap_or_default();
        file + offset.min(self.text.len()) - start
    }

    /// The file offset just behind the byte before `offset`: where a span that ends at `offset` ends in the file.
    pub fn file_end(&self, offset: usize) -> usize {
        if offset == 0 { self.file_offset(0) } else { self.file_offset(offset - 1) + 1 }
    }

    /// The range of the file from the first to the last byte of the span. It holds the gaps (continuations, comments)
    /// that the span crosses.
    pub fn file_range(&self, span: Span) -> TextRange {
        if span.is_empty() {
            return TextRange::empty(self.file_offset(span.start));
        }
        TextRange::new(self.file_offset(span.start), self.file_end(span.end))
    }

    /// The ranges of the file that the bytes of the span stand in, in order, without the gaps.
    pub fn file_ranges(&self, span: Span) -> Vec<TextRange> {
        let mut ranges = Vec::new();
        for (index, (start, file)) in self.stretches.iter().enumerate() {
            let end = self.stretches.get(index + 1).map_or(self.text.len(), |(next, _)| *next);
            let from = span.start.max(*start);
            let to = span.end.min(end);
            if from < to {
                ranges.push(TextRange::new(file + from - start, file + to - start));
            }
        }
        ranges
    }

    /// Whether the span crosses a gap: its text is not one stretch of the file.
    pub fn crosses_gap(&self, span: Span) -> bool {
        self.file_range(span).len() != span.len()
    }

    /// The offset in the logical line of a file offset, when that byte is part of it.
    pub fn offset_of(&self, file_offset: usize) -> Option<usize> {
        self.stretches.iter().enumerate().find_map(|(index, (start, file))| {
            let end = self.stretches.get(index + 1).map_or(self.text.len(), |(next, _)| *next);
            (*file <= file_offset && file_offset - file < end - start).then(|| start + file_offset - file)
        })
    }
}
