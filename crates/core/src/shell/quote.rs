//! Quoting a word for a POSIX shell.

use std::borrow::Cow;

/// Whether a shell takes `word` as it is, wherever it stands among the arguments of a command: no quoting needed.
///
/// Only letters, digits and `% + , - . / : = @ _` count as plain; an empty word is not plain.
///
/// ```
/// use dockmend_core::shell::quote::is_plain_word;
/// assert!(is_plain_word("--user=www-data"));
/// assert!(!is_plain_word("*.txt"));
/// assert!(!is_plain_word(""));
/// ```
pub fn is_plain_word(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'%' | b'+' | b',' | b'-' | b'.' | b'/' | b':' | b'=' | b'@' | b'_')
        })
}

/// Writes `word` so that a POSIX shell reads back exactly this one word, as an argument.
///
/// A plain word stays as it is. Otherwise the word is put in single quotes; one that holds a single quote is put in
/// double quotes when nothing in it is special there, and else each single quote is written `'\''`.
///
/// ```
/// use dockmend_core::shell::quote::posix_quote;
/// assert_eq!(posix_quote("curl"), "curl");
/// assert_eq!(posix_quote("a b"), "'a b'");
/// assert_eq!(posix_quote("it's"), "\"it's\"");
/// assert_eq!(posix_quote("$it's"), r"'$it'\''s'");
/// ```
pub fn posix_quote(word: &str) -> String {
    quoted(word).into_owned()
}

fn quoted(word: &str) -> Cow<'_, str> {
    if is_plain_word(word) {
        return Cow::Borrowed(word);
    }
    if !word.contains('\'') {
        return Cow::Owned(format!("'{word}'"));
    }
    // An exclamation mark is special in double quotes to an interactive bash.
    if !word.contains(['"', '$', '`', '\\', '!']) {
        return Cow::Owned(format!("\"{word}\""));
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}
