//! Deleting whole lines.

use crate::text::TextRange;

/// What is to be deleted so that these lines are gone and the file ends as it did. `lines` holds ranges of whole lines
/// with their line endings, in ascending order; ranges that touch are joined. Where the last line of a file without a
/// final newline goes, the line ending before it goes too.
pub(crate) fn deletions(lines: impl IntoIterator<Item = TextRange>, text: &str) -> Vec<TextRange> {
    let mut joined: Vec<TextRange> = Vec::new();
    for line in lines {
        match joined.last_mut() {
            Some(last) if last.end == line.start => last.end = line.end,
            _ => joined.push(line),
        }
    }
    if let Some(last) = joined.last_mut()
        && last.end == text.len()
        && !text.ends_with('\n')
    {
        let before = TextRange::new(0, last.start).of(text);
        let before = before.strip_suffix('\n').map_or(before, |line| line.strip_suffix('\r').unwrap_or(line));
        last.start = before.len();
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_the_end_of_the_file_stays() {
        let range = TextRange::new;
        let cases: [(&str, Vec<TextRange>, Vec<TextRange>); 5] = [
            ("a\nb\nc\n", vec![range(0, 2), range(2, 4)], vec![range(0, 4)]),
            ("a\nb\nc\n", vec![range(0, 2), range(4, 6)], vec![range(0, 2), range(4, 6)]),
            ("a\nb\nc", vec![range(2, 4), range(4, 5)], vec![range(1, 5)]),
            ("a\r\nb", vec![range(3, 4)], vec![range(1, 4)]),
            ("a\nb", vec![], vec![]),
        ];
        for (text, lines, expected) in cases {
            assert_eq!(deletions(lines, text), expected, "{text:?}");
        }
    }
}
