//! Text, positions and edits.
//!
//! Everything in this crate speaks of **byte offsets into the file as it is on disk** (UTF-8, the byte order mark
//! included). [`LineIndex`] turns them into lines and columns in the three encodings editors use, and [`TextEdit`] is
//! the only way a text is ever changed: sorted, disjoint replacements, so that every byte outside them stays.

mod edit;
mod lines;

pub use edit::{Bias, EditError, OffsetMap, Replacement, TextEdit, TextEditBuilder};
pub use lines::{ColumnEncoding, LineColumn, LineIndex};

/// A half-open range of byte offsets into one text.
///
/// ```
/// use dockmend_core::text::TextRange;
/// let range = TextRange::new(5, 8);
/// assert_eq!(range.len(), 3);
/// assert!(range.contains(5) && !range.contains(8));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TextRange {
    /// The offset of the first byte.
    pub start: usize,
    /// The offset just behind the last byte.
    pub end: usize,
}

impl TextRange {
    /// A range from `start` to `end`. An `end` before `start` gives the empty range at `start`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// The empty range at `offset`.
    pub fn empty(offset: usize) -> Self {
        Self { start: offset, end: offset }
    }

    /// The number of bytes.
    pub fn len(self) -> usize {
        // The fields are public, so a range may be the wrong way round.
        self.end.saturating_sub(self.start)
    }

    /// Whether there are no bytes in the range.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether the byte at `offset` lies in the range.
    pub fn contains(self, offset: usize) -> bool {
        self.start <= offset && offset < self.end
    }

    /// Whether all of `other` lies in the range.
    pub fn covers(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether the two ranges share a byte.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The smallest range that covers both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The text of the range, or the empty text when the range does not fit into `text`.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

impl std::fmt::Debug for TextRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

impl From<std::ops::Range<usize>> for TextRange {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self::new(range.start, range.end)
    }
}

/// How the lines of a text end. Edits that add lines use the file's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnding {
    /// `\n`
    Lf,
    /// `\r\n`
    CrLf,
}

impl LineEnding {
    /// The line ending of the text's first line; `\n` for a text of one line.
    pub fn of(text: &str) -> Self {
        match text.find('\n') {
            Some(at) if text[..at].ends_with('\r') => Self::CrLf,
            _ => Self::Lf,
        }
    }

    /// The characters themselves.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
        }
    }
}
