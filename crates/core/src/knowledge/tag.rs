//! What a tag says: the words in it and the version it stands for.

use std::cmp::Ordering;
use std::collections::HashMap;

/// Whether a condition holds; a tag that cannot be read leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Yes,
    No,
    Open,
}

impl Verdict {
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Open, _) | (_, Self::Open) => Self::Open,
            _ => Self::Yes,
        }
    }
}

/// The version a tag starts with or has by name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Version {
    /// Such as `latest` or `alpine`: what is current.
    Newest,
    Numbered(String),
    Unknown,
}

/// A tag, read for one image.
#[derive(Debug, Clone)]
pub(super) struct Tag<'text> {
    text: Option<&'text str>,
    version: Version,
}

impl<'text> Tag<'text> {
    /// Reads a tag. `None` is a digest without a tag: nothing is known. A `$` in the text is a variable without value.
    pub(super) fn read(text: Option<&'text str>, names: &HashMap<String, String>, newest: &[String]) -> Self {
        let version = text.map_or(Version::Unknown, |text| read_version(text, names, newest));
        Self { text, version }
    }

    /// The version as the tag writes it (`20.1` in `20.1-alpine`), if it starts with one.
    pub(super) fn version_text(&self) -> Option<&'text str> {
        let first = self.text?.split('-').next()?;
        (first.starts_with(|letter: char| letter.is_ascii_digit()) && !first.contains('$')).then_some(first)
    }

    /// Whether one of the words is a part of the tag, alone or followed by a number.
    pub(super) fn has(&self, words: &[String]) -> Verdict {
        let Some(text) = self.text else { return Verdict::Open };
        if parts(text).any(|part| words.iter().any(|word| is_word(part, word))) {
            return Verdict::Yes;
        }
        if text.contains('$') { Verdict::Open } else { Verdict::No }
    }

    /// Whether the text stands anywhere in the tag.
    pub(super) fn contains(&self, needle: &str) -> Verdict {
        match self.text {
            None => Verdict::Open,
            Some(text) if text.contains(needle) => Verdict::Yes,
            Some(text) if text.contains('$') => Verdict::Open,
            Some(_) => Verdict::No,
        }
    }

    /// Whether the version is this one or later.
    pub(super) fn at_least(&self, least: &str) -> Verdict {
        match &self.version {
            Version::Newest => Verdict::Yes,
            Version::Unknown => Verdict::Open,
            Version::Numbered(version) => at_least(version, least),
        }
    }

    /// Whether the version is before this one.
    pub(super) fn below(&self, limit: &str) -> Verdict {
        match self.at_least(limit) {
            Verdict::Yes => Verdict::No,
            Verdict::No => Verdict::Yes,
            Verdict::Open => Verdict::Open,
        }
    }
}

fn parts(tag: &str) -> impl Iterator<Item = &str> {
    tag.split(['-', '_'])
}

/// `alpine3.19` is the word `alpine`; `alpinelinux` is not.
fn is_word(part: &str, word: &str) -> bool {
    part.strip_prefix(word)
        .is_some_and(|rest| rest.is_empty() || rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

fn read_version(tag: &str, names: &HashMap<String, String>, newest: &[String]) -> Version {
    let first = tag.split('-').next().unwrap_or(tag);
    if first.contains('$') {
        return Version::Unknown;
    }
    let number = first.strip_prefix('v').unwrap_or(first);
    if number.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Version::Numbered(number.to_owned());
    }
    if let Some(version) = parts(tag).find_map(|part| names.get(part)) {
        return Version::Numbered(version.clone());
    }
    if !tag.contains('$') && parts(tag).all(|part| newest.iter().any(|word| is_word(part, word))) {
        Version::Newest
    } else {
        Version::Unknown
    }
}

/// Compares number by number as far as both go. A tag that names only a part moves with its releases, so that `12` is the
/// last 12.x and at least 12.4.
fn at_least(version: &str, least: &str) -> Verdict {
    let mut numbers = numbers(version);
    for wanted in self::numbers(least) {
        match numbers.next() {
            None => return Verdict::Yes,
            Some(number) => match number.cmp(&wanted) {
                Ordering::Less => return Verdict::No,
                Ordering::Greater => return Verdict::Yes,
                Ordering::Equal => {}
            },
        }
    }
    Verdict::Yes
}

/// The numbers at the start: 20, 4 of `20.04`; 17, 0, 5 of `17.0.5_8`; 8 of `8u151`.
fn numbers(version: &str) -> impl Iterator<Item = u64> {
    let end = version.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(version.len());
    version.get(..end).unwrap_or_default().split('.').map_while(|number| number.parse().ok())
}
