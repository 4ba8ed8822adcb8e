//! Edits: sorted, disjoint replacements.

use super::TextRange;

/// One replacement: the bytes of `range` give way to `text`. An empty range inserts, an empty text deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// What is replaced, in offsets of the text before the edit.
    pub range: TextRange,
    /// What stands there afterwards.
    pub text: String,
}

/// Why replacements do not make an edit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// Two replacements share a byte, or two insertions stand at the same place, so that their order would be a guess.
    #[error("two replacements meet at bytes {first:?} and {second:?}")]
    Overlap {
        /// The one that starts first.
        first: TextRange,
        /// The one that meets it.
        second: TextRange,
    },
    /// A replacement does not fit the text: behind its end, or inside a character.
    #[error("the replacement at bytes {range:?} does not fit the text")]
    OutOfBounds {
        /// The range that does not fit.
        range: TextRange,
    },
}

/// Which side an offset goes to when an edit inserts exactly there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// The offset stays before what is inserted.
    Left,
    /// The offset moves behind what is inserted.
    Right,
}

/// A change of one text: replacements that are sorted, share no byte and never touch each other at the same insertion
/// point. Bytes outside of them stay as they are.
///
/// ```
/// use dockmend_core::text::{TextEdit, TextRange};
/// let mut edit = TextEdit::builder();
/// edit.replace(TextRange::new(0, 3), "COPY");
/// let edit = edit.finish().unwrap();
/// assert_eq!(edit.apply("ADD . .").unwrap(), "COPY . .");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextEdit {
    replacements: Vec<Replacement>,
}

/// Collects replacements in any order.
#[derive(Clone, Debug, Default)]
pub struct TextEditBuilder {
    replacements: Vec<Replacement>,
}

impl TextEditBuilder {
    /// Replaces the bytes of `range` by `text`.
    pub fn replace(&mut self, range: TextRange, text: impl Into<String>) -> &mut Self {
        self.replacements.push(Replacement { range, text: text.into() });
        self
    }

    /// Inserts `text` before the byte at `offset`.
    pub fn insert(&mut self, offset: usize, text: impl Into<String>) -> &mut Self {
        self.replace(TextRange::empty(offset), text)
    }

    /// Deletes the bytes of `range`.
    pub fn delete(&mut self, range: TextRange) -> &mut Self {
        self.replace(range, "")
    }

    /// Sorts the replacements and checks that no two of them meet.
    ///
    /// # Errors
    /// [`EditError::Overlap`] when two replacements share a byte or insert at the same place.
    pub fn finish(mut self) -> Result<TextEdit, EditError> {
        self.replacements.retain(|replacement| !replacement.range.is_empty() || !replacement.text.is_empty());
        self.replacements.sort_by_key(|replacement| (replacement.range.start, replacement.range.end));
        for pair in self.replacements.windows(2) {
            let [first, second] = pair else { continue };
            let same_place = first.range.is_empty() && second.range.start == first.range.start;
            if first.range.end > second.range.start || same_place {
                return Err(EditError::Overlap { first: first.range, second: second.range });
            }
        }
        Ok(TextEdit { replacements: self.replacements })
    }
}

impl TextEdit {
    /// An edit to fill in.
    pub fn builder() -> TextEditBuilder {
        TextEditBuilder::default()
    }

    /// The replacements, sorted and disjoint, in offsets of the text before the edit.
    pub fn replacements(&self) -> &[Replacement] {
        &self.replacements
    }

    /// Whether the edit changes nothing.
    pub fn is_empty(&self) -> bool {
        self.replacements.is_empty()
    }

    /// The text after the edit.
    ///
    /// # Errors
    /// [`EditError::OutOfBounds`] when a replacement reaches behind the text or into the middle of a
    /// character, or ends before it starts.
    pub fn apply(&self, text: &str) -> Result<String, EditError> {
        let added: usize = self.replacements.iter().map(|replacement| replacement.text.len()).sum();
        let mut after = String::with_capacity(text.len() + added);
        let mut at = 0;
        for replacement in &self.replacements {
            let range = replacement.range;
            let out_of_bounds = EditError::OutOfBounds { range };
            let kept = text.get(at..range.start).ok_or_else(|| out_of_bounds.clone())?;
            if range.end < range.start || !text.is_char_boundary(range.end) {
                return Err(out_of_bounds);
            }
            after.push_str(kept);
            after.push_str(&replacement.text);
            at = range.end;
        }
        after.push_str(text.get(at..).unwrap_or_default());
        Ok(after)
    }

    /// Where the byte at `offset` of the text before is in the text after. An offset inside a replaced range goes to
    /// the start of the replacement with [`Bias::Left`] and to its end with [`Bias::Right`].
    ///
    /// Takes time for each replacement: see [`TextEdit::offsets`] for many offsets.
    pub fn map_offset(&self, offset: usize, bias: Bias) -> usize {
        self.offsets().map_offset(offset, bias)
    }

    /// Where a range of the text before is in the text after: the smallest range that holds what is left of it.
    pub fn map_range(&self, range: TextRange) -> TextRange {
        self.offsets().map_range(range)
    }

    /// What maps many offsets of the text before to the text after.
    pub fn offsets(&self) -> OffsetMap {
        OffsetMap { pairs: self.ranges().collect() }
    }

    /// What maps many offsets of the text after to the text before: the offsets of the [inverse](Self::inverse).
    ///
    /// ```
    /// use dockmend_core::text::{Bias, TextEdit};
    /// let mut edit = TextEdit::builder();
    /// edit.insert(0, "abc");
    /// let back = edit.finish().unwrap().offsets_back();
    /// assert_eq!(back.map_offset(5, Bias::Left), 2);
    /// ```
    pub fn offsets_back(&self) -> OffsetMap {
        OffsetMap { pairs: self.ranges().map(|(before, after)| (after, before)).collect() }
    }

    /// The range of each replacement in the text before and in the text after.
    fn ranges(&self) -> impl Iterator<Item = (TextRange, TextRange)> {
        let (mut added, mut removed) = (0, 0);
        self.replacements.iter().map(move |Replacement { range, text }| {
            let start = range.start + added - removed;
            added += text.len();
            removed += range.len();
            (*range, TextRange::new(start, start + text.len()))
        })
    }

    /// The one edit that does what `self` does and then `next` does to its result. `before` is the text that `self`
    /// applies to.
    ///
    /// # Errors
    /// Those of [`TextEdit::apply`], of either edit.
    pub fn compose(&self, next: &Self, before: &str) -> Result<Self, EditError> {
        let middle = self.apply(before)?;
        next.apply(&middle)?;
        let mut builder = Self::builder();
        let mut pending: Option<Replacement> = None;
        for piece in Pieces::new(self, next, &middle) {
            match piece {
                Piece::Kept => {
                    if let Some(replacement) = pending.take() {
                        builder.replacements.push(replacement);
                    }
                }
                Piece::Changed { before, text } => {
                    let replacement = pending.get_or_insert(Replacement {
                        range: TextRange::empty(before.start),
                        text: String::new(),
                    });
                    replacement.range = replacement.range.union(before);
                    replacement.text.push_str(&text);
                }
            }
        }
        builder.replacements.extend(pending);
        builder.finish()
    }

    /// The edit that undoes this one: applied to the text after, it gives `before` back.
    #[must_use]
    pub fn inverse(&self, before: &str) -> Self {
        let texts = self
            .ranges()
            .map(|(range, after)| Replacement { range: after, text: range.of(before).to_owned() });
        let replacements = texts.collect();
        Self { replacements }
    }

    /// The same change without the bytes at the edges of a replacement that stay what they are, so that no edit
    /// covers text it keeps.
    #[must_use]
    pub fn minimal(&self, before: &str) -> Self {
        let trimmed = self.replacements.iter().filter_map(|replacement| {
            let old = replacement.range.of(before);
            let new = replacement.text.as_str();
            let head = common_prefix(old, new);
            let tail = common_prefix_from_end(&old[head..], &new[head..]);
            let range = TextRange::new(replacement.range.start + head, replacement.range.end - tail);
            let text = &new[head..new.len() - tail];
            (!range.is_empty() || !text.is_empty()).then(|| Replacement { range, text: text.to_owned() })
        });
        Self { replacements: trimmed.collect() }
    }
}

/// Maps offsets over an edit, in logarithmic time each. See [`TextEdit::offsets`].
#[derive(Clone, Debug, Default)]
pub struct OffsetMap {
    /// The ranges that correspond, sorted.
    pairs: Vec<(TextRange, TextRange)>,
}

impl OffsetMap {
    /// Where the byte at `offset` is on the other side: see [`TextEdit::map_offset`].
    pub fn map_offset(&self, offset: usize, bias: Bias) -> usize {
        let is_behind = |(from, _): &(TextRange, TextRange)| {
            from.end < offset || (from.end == offset && (bias == Bias::Right || !from.is_empty()))
        };
        let next = self.pairs.partition_point(is_behind);
        if let Some((from, to)) = self.pairs.get(next)
            && from.start < offset
        {
            return if bias == Bias::Left { to.start } else { to.end };
        }
        match next.checked_sub(1).and_then(|last| self.pairs.get(last)) {
            Some((from, to)) => to.end + (offset - from.end),
            None => offset,
        }
    }

    /// Where a range is on the other side: the smallest range that holds what is left of it.
    pub fn map_range(&self, range: TextRange) -> TextRange {
        TextRange::new(self.map_offset(range.start, Bias::Right), self.map_offset(range.end, Bias::Left))
    }
}

/// The number of leading bytes, in whole characters, that the two texts share.
fn common_prefix(left: &str, right: &str) -> usize {
    left.chars().zip(right.chars()).take_while(|(l, r)| l == r).map(|(l, _)| l.len_utf8()).sum()
}

/// The number of trailing bytes, in whole characters, that the two texts share.
fn common_prefix_from_end(left: &str, right: &str) -> usize {
    left.chars().rev().zip(right.chars().rev()).take_while(|(l, r)| l == r).map(|(l, _)| l.len_utf8()).sum()
}

/// A stretch of the composed edit: text that both edits keep, or a change of the text before the first edit.
enum Piece {
    Kept,
    Changed { before: TextRange, text: String },
}

/// Walks the middle text once, with the replacements of the first edit (which made parts of it) and of the second
/// (which remove parts of it).
struct Pieces<'a> {
    first: std::slice::Iter<'a, Replacement>,
    second: std::iter::Peekable<std::slice::Iter<'a, Replacement>>,
    /// What of the current insertion of the first edit is not yet walked, as a range of the middle text.
    inserted: TextRange,
    next_first: Option<&'a Replacement>,
    middle: &'a str,
    /// Where the walk is in the text before, and in the middle text.
    at_before: usize,
    at_middle: usize,
    queue: std::collections::VecDeque<Piece>,
}

impl<'a> Pieces<'a> {
    fn new(first: &'a TextEdit, second: &'a TextEdit, middle: &'a str) -> Self {
        let mut first = first.replacements.iter();
        let next_first = first.next();
        Self {
            first,
            second: second.replacements.iter().peekable(),
            inserted: TextRange::empty(0),
            next_first,
            middle,
            at_before: 0,
            at_middle: 0,
            queue: std::collections::VecDeque::new(),
        }
    }

    /// Walks to `end` in the middle text; `kept` says whether the second edit keeps it or deletes it.
    fn walk(&mut self, end: usize, kept: bool) {
        loop {
            if !self.inserted.is_empty() {
                let upto = self.inserted.end.min(end);
                let text = if kept { self.middle[self.at_middle..upto].to_owned() } else { String::new() };
                self.at_middle = upto;
                self.inserted.start = upto;
                self.queue.push_back(Piece::Changed { before: TextRange::empty(self.at_before), text });
                if self.at_middle >= end && !self.inserted.is_empty() {
                    return;
                }
            }
            let next_start = self.next_first.map_or(usize::MAX, |replacement| replacement.range.start);
            let plain = next_start - self.at_before;
            if plain > 0 {
                let step = plain.min(end - self.at_middle);
                if step == 0 {
                    return;
                }
                let before = TextRange::new(self.at_before, self.at_before + step);
                self.at_before += step;
                self.at_middle += step;
                self.queue.push_back(if kept {
                    Piece::Kept
                } else {
                    Piece::Changed { before, text: String::new() }
                });
                continue;
            }
            let Some(replacement) = self.next_first else { return };
            self.queue.push_back(Piece::Changed { before: replacement.range, text: String::new() });
            self.at_before = replacement.range.end;
            self.inserted = TextRange::new(self.at_middle, self.at_middle + replacement.text.len());
            self.next_first = self.first.next();
        }
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            if let Some(piece) = self.queue.pop_front() {
                return Some(piece);
            }
            if let Some(replacement) = self.second.next() {
                self.walk(replacement.range.start, true);
                self.walk(replacement.range.end, false);
                let text = replacement.text.clone();
                self.queue.push_back(Piece::Changed { before: TextRange::empty(self.at_before), text });
                continue;
            }
            if self.at_middle >= self.middle.len() && self.next_first.is_none() && self.inserted.is_empty() {
                return None;
            }
            self.walk(self.middle.len(), true);
            if self.queue.is_empty() {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edit(replacements: &[(usize, usize, &str)]) -> TextEdit {
        let mut builder = TextEdit::builder();
        for (start, end, text) in replacements {
            builder.replace(TextRange::new(*start, *end), *text);
        }
        builder.finish().unwrap()
    }

    #[test]
    fn replacements_that_meet_are_refused() {
        let mut builder = TextEdit::builder();
        builder.insert(3, "a").insert(3, "b");
        assert!(matches!(builder.finish(), Err(EditError::Overlap { .. })));
        let mut builder = TextEdit::builder();
        builder.delete(TextRange::new(1, 4)).delete(TextRange::new(3, 5));
        assert!(builder.finish().is_err());
    }

    #[test]
    fn a_replacement_inside_a_character_is_refused() {
        assert!(edit(&[(1, 2, "x")]).apply("é!").is_err());
        assert!(edit(&[(9, 9, "x")]).apply("é!").is_err());
    }

    #[test]
    fn a_range_the_wrong_way_round_is_refused() {
        let mut builder = TextEdit::builder();
        builder.replace(TextRange { start: 4, end: 1 }, "x");
        let edit = builder.finish().unwrap();
        assert!(edit.apply("RUN true").is_err());
        assert_eq!(edit.minimal("RUN true").replacements().len(), 1);
        let _ = (edit.inverse("RUN true"), edit.map_offset(5, Bias::Left));
    }

    #[test]
    fn the_minimal_edit_covers_no_text_it_keeps() {
        let minimal = edit(&[(0, 11, "RUN apt-get")]).minimal("RUN apt get");
        assert_eq!(minimal, edit(&[(7, 8, "-")]));
        assert!(edit(&[(0, 3, "RUN")]).minimal("RUN apt").is_empty());
    }

    /// Texts with characters of one to four bytes.
    fn texts() -> impl Strategy<Value = String> {
        proptest::collection::vec(prop_oneof!["[a-d\\n]", Just("é".to_owned()), Just("🐳".to_owned())], 0..40)
            .prop_map(|parts| parts.concat())
    }

    /// A valid edit of `text`, from pairs of numbers that are cut to its character boundaries.
    fn edit_of(text: &str, cuts: &[(usize, usize, String)]) -> TextEdit {
        let boundaries: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let mut points: Vec<usize> = cuts
            .iter()
            .flat_map(|(a, b, _)| [boundaries[a % boundaries.len()], boundaries[b % boundaries.len()]])
            .collect();
        points.sort_unstable();
        let mut builder = TextEdit::builder();
        let mut last = None;
        for (pair, (_, _, new)) in points.chunks(2).zip(cuts) {
            let range = TextRange::new(pair[0], pair[1]);
            // Neighbours that touch would make the order of an insertion a guess.
            if last.is_some_and(|end| end >= range.start) {
                continue;
            }
            last = Some(range.end);
            builder.replace(range, new.clone());
        }
        builder.finish().unwrap()
    }

    fn cuts() -> impl Strategy<Value = Vec<(usize, usize, String)>> {
        proptest::collection::vec((0..200_usize, 0..200_usize, "[x-zé]{0,4}"), 0..6)
    }

    proptest! {
        #[test]
        fn composing_is_applying_one_after_the_other(text in texts(), one in cuts(), two in cuts()) {
            let first = edit_of(&text, &one);
            let middle = first.apply(&text).unwrap();
            let second = edit_of(&middle, &two);
            let after = second.apply(&middle).unwrap();
            let composed = first.compose(&second, &text).unwrap();
            prop_assert_eq!(composed.apply(&text).unwrap(), after);
        }

        #[test]
        fn the_inverse_gives_the_text_back(text in texts(), one in cuts()) {
            let edit = edit_of(&text, &one);
            let after = edit.apply(&text).unwrap();
            prop_assert_eq!(edit.inverse(&text).apply(&after).unwrap(), text);
        }

        #[test]
        fn bytes_outside_the_replacements_stay_and_are_where_map_offset_says(text in texts(), one in cuts()) {
            let edit = edit_of(&text, &one);
            let after = edit.apply(&text).unwrap();
            for (at, byte) in text.bytes().enumerate() {
                if edit.replacements().iter().any(|replacement| replacement.range.contains(at)) {
                    continue;
                }
                prop_assert_eq!(after.as_bytes()[edit.map_offset(at, Bias::Right)], byte);
            }
        }

        #[test]
        fn the_minimal_edit_does_the_same(text in texts(), one in cuts()) {
            let edit = edit_of(&text, &one);
            prop_assert_eq!(edit.minimal(&text).apply(&text).unwrap(), edit.apply(&text).unwrap());
        }

        #[test]
        fn offsets_keep_their_order(text in texts(), one in cuts()) {
            let edit = edit_of(&text, &one);
            let mapped: Vec<usize> = (0..=text.len()).map(|at| edit.map_offset(at, Bias::Right)).collect();
            prop_assert!(mapped.windows(2).all(|pair| pair[0] <= pair[1]));
        }
    }
}
