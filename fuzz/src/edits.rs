//! The laws of text edits, on any text and any edits that fit.

use dockmend_core::text::{Bias, TextEdit, TextRange};

/// Bytes that are read off the front as numbers.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }
}

/// A text and two edits, one behind the other, read from `bytes`; then every law.
pub fn check(bytes: &[u8]) {
    let mut numbers = Numbers(bytes);
    let before = text(&mut numbers);
    refused_or_applied(&before, &mut numbers);
    let first = edit(&before, &mut numbers);
    let middle = first.apply(&before).expect("the edit fits");
    let second = edit(&middle, &mut numbers);
    let after = second.apply(&middle).expect("the edit fits");

    let composed = first.compose(&second, &before).expect("both edits fit");
    assert_eq!(composed.apply(&before).as_deref(), Ok(after.as_str()), "composed");
    let back = first.inverse(&before);
    assert_eq!(back.apply(&middle).as_deref(), Ok(before.as_str()), "inverse");
    let there_and_back = (back.offsets(), first.offsets_back());
    for offset in 0..=middle.len() {
        for bias in [Bias::Left, Bias::Right] {
            let (there, back) = &there_and_back;
            assert_eq!(there.map_offset(offset, bias), back.map_offset(offset, bias), "offsets back");
        }
    }
    let minimal = first.minimal(&before);
    assert_eq!(minimal.apply(&before).as_deref(), Ok(middle.as_str()), "minimal");
    assert_eq!(minimal.minimal(&before), minimal, "minimal twice");
    // Two replacements can undo each other, so an edit that changes nothing need not be empty.
    assert!(!minimal.is_empty() || before == middle, "an empty edit changes something");
    let nothing = TextEdit::default();
    assert_eq!(nothing.apply(&before).as_deref(), Ok(before.as_str()), "nothing");

    let mut last = (0, 0);
    for offset in 0..=before.len() {
        let (left, right) = (first.map_offset(offset, Bias::Left), first.map_offset(offset, Bias::Right));
        assert!(left <= right, "{offset}: {left} is behind {right}");
        assert!(last.0 <= left && last.1 <= right, "{offset}: the order of offsets changes");
        assert!(right <= middle.len(), "{offset}: {right} is behind the text");
        last = (left, right);
        if before.is_char_boundary(offset) {
            assert!(middle.is_char_boundary(left) && middle.is_char_boundary(right), "{offset}: in a character");
        }
    }
    kept_stays_kept(&before, &middle, &first);
    for replacement in first.replacements() {
        let mapped = first.map_range(replacement.range);
        assert!(mapped.end <= middle.len(), "{mapped:?} is behind the text");
    }
}

/// What no replacement covers is the same text at its new place.
fn kept_stays_kept(before: &str, after: &str, edit: &TextEdit) {
    let mut at = 0;
    let ends = edit.replacements().iter().map(|replacement| replacement.range);
    for range in ends.chain([TextRange::empty(before.len())]) {
        let kept = &before[at..range.start];
        let start = edit.map_offset(at, Bias::Right);
        assert_eq!(after.get(start..start + kept.len()), Some(kept), "what is kept has moved elsewhere");
        at = range.end;
    }
}

/// An edit with any numbers for offsets is applied or refused, and never panics.
fn refused_or_applied(text: &str, numbers: &mut Numbers<'_>) {
    let mut builder = TextEdit::builder();
    for _ in 0..numbers.next() % 4 {
        let (start, end) = (numbers.next(), numbers.next());
        builder.replace(TextRange { start, end }, "x");
    }
    if let Ok(edit) = builder.finish() {
        let _ = edit.apply(text);
        let _ = edit.compose(&edit, text);
        let _ = edit.map_offset(numbers.next(), Bias::Left);
        let _ = edit.minimal(text);
        let _ = edit.inverse(text);
    }
}

/// Up to 63 characters of one to four bytes.
fn text(numbers: &mut Numbers<'_>) -> String {
    const CHARACTERS: [&str; 8] = ["a", "b", "\n", "\r\n", "é", "日", "🐳", " "];
    (0..numbers.next() % 64).map(|_| CHARACTERS[numbers.next() % CHARACTERS.len()]).collect()
}

/// An edit that fits `before`.
fn edit(before: &str, numbers: &mut Numbers<'_>) -> TextEdit {
    let boundaries: Vec<usize> =
        before.char_indices().map(|(at, _)| at).chain([before.len()]).collect();
    let mut builder = TextEdit::builder();
    let mut next = 0;
    for _ in 0..numbers.next() % 8 {
        let start = next + numbers.next() % 8;
        let end = start + numbers.next() % 4;
        let Some(range) = boundaries.get(start).zip(boundaries.get(end)) else { break };
        let new = text_of(numbers);
        let is_insertion = start == end;
        builder.replace(TextRange::new(*range.0, *range.1), new);
        // Two insertions at one place are refused, so the next replacement starts behind this one.
        next = if is_insertion { end + 1 } else { end };
        if !is_insertion && numbers.next() % 2 == 0 {
            next += 1;
        }
    }
    builder.finish().unwrap_or_default()
}

fn text_of(numbers: &mut Numbers<'_>) -> String {
    let length = numbers.next() % 4;
    let mut short = [0; 8];
    short[0] = u8::try_from(length).unwrap_or_default();
    for slot in short.iter_mut().skip(1).take(length) {
        *slot = u8::try_from(numbers.next()).unwrap_or_default();
    }
    text(&mut Numbers(&short))
}
