//! What was probably meant.

/// The option nearest to `word` by edit distance: at most two edits away, in a short word one.
pub(super) fn nearest<'a>(word: &str, options: &[&'a str]) -> Option<&'a str> {
    let characters: Vec<char> = word.chars().take(MAX_WORD).collect();
    if characters.len() == MAX_WORD {
        return None;
    }
    let mut best = None;
    let mut best_distance = match characters.len() {
        0 | 1 => return None,
        2 | 3 => 2,
        _ => 3,
    };
    for option in options {
        let distance = distance(&characters, option);
        if distance < best_distance {
            best_distance = distance;
            best = Some(*option);
        }
    }
    best
}

/// Like [`nearest`], whatever the case of the word; the answer takes the word's case when it has one.
pub(super) fn nearest_any_case(word: &str, options: &[&str]) -> Option<String> {
    let upper = word.to_uppercase();
    let found = nearest(&upper, options)?;
    Some(if word == word.to_lowercase() { found.to_lowercase() } else { found.to_owned() })
}

/// Longer words are near to nothing.
const MAX_WORD: usize = 40;

/// The number of characters to add, remove or replace; two that changed places count as one.
fn distance(word: &[char], option: &str) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=word.len()).collect();
    let mut wanted_before = None;
    for (line, wanted) in option.chars().enumerate() {
        let mut next = vec![line + 1];
        for (at, character) in word.iter().enumerate() {
            let replaced = row[at] + usize::from(*character != wanted);
            let mut best = replaced.min(row[at + 1] + 1).min(next[at] + 1);
            if at > 0 && wanted_before == Some(*character) && word[at - 1] == wanted && !before.is_empty() {
                best = best.min(before[at - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
        wanted_before = Some(wanted);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_edits_are_near() {
        assert_eq!(nearest("chwon", &["chmod", "chown"]), Some("chown"));
        assert_eq!(nearest("interva", &["interval"]), Some("interval"));
        assert_eq!(nearest("xyz", &["interval", "retries"]), None);
        assert_eq!(nearest("APK", &["ADD", "ARG"]), None);
        assert_eq!(nearest("CMB", &["CMD", "ENV"]), Some("CMD"));
        assert_eq!(nearest("", &["id", "a"]), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), &["id"]), None);
    }

    #[test]
    fn the_case_of_the_word_is_kept() {
        assert_eq!(nearest_any_case("form", &["FROM"]).as_deref(), Some("from"));
        assert_eq!(nearest_any_case("FORM", &["FROM"]).as_deref(), Some("FROM"));
        assert_eq!(nearest_any_case("Form", &["FROM"]).as_deref(), Some("FROM"));
    }
}
