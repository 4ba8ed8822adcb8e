//! The words of a command with the variables filled in whose values are known.
//!
//! `pip install "poetry==$POETRY_VERSION"` names a package of an index whatever its version is, and `-r
//! $APP_HOME/requirements.txt` is a path when ENV says what `APP_HOME` is. A build argument may be set to something else
//! when the image is built, so it is no value here.

use crate::shell::{Expansion, ExpansionKind, Word};

/// A word as the program will see it.
pub(super) enum Filled {
    /// What it is.
    Known(String),
    /// A package whose version is not known, which `0` stands for: not to be typed again.
    Versioned(String),
}

impl Filled {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Known(text) | Self::Versioned(text) => text,
        }
    }
}

/// Fills a word in; `None` where it is up to the shell.
pub(super) fn fill<'v>(word: &Word, value: &dyn Fn(&str) -> Option<&'v str>) -> Option<Filled> {
    if let Some(literal) = word.value() {
        return Some(Filled::Known(literal.to_owned()));
    }
    let raw = word.raw();
    if word.has_glob && word.expansions.is_empty() && !word.quoted && has_extras(raw) {
        return Some(Filled::Known(raw.to_owned()));
    }
    if word.has_glob || word.has_tilde || word.has_brace {
        return None;
    }
    let quoted = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let inner = quoted.unwrap_or(raw);
    if inner.contains(['"', '\'', '\\', '`']) {
        return None;
    }
    match values(inner, word, quoted.is_some(), value) {
        Some(text) => Some(Filled::Known(text)),
        None => versioned(inner, word).map(Filled::Versioned),
    }
}

/// `requests[security]`, `.[dev]`: to a shell a pattern, which it leaves as it is where no file has such a name.
fn has_extras(raw: &str) -> bool {
    let Some((name, rest)) = raw.split_once('[') else { return false };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let Some((extras, version)) = rest.split_once(']') else { return false };
    !name.is_empty()
        && name.chars().all(is_name)
        && extras.chars().all(|c| is_name(c) || c == ',')
        && version.chars().all(|c| is_name(c) || "=~+".contains(c))
}

/// The text with every variable replaced.
fn values<'v>(
    inner: &str,
    word: &Word,
    is_quoted: bool,
    value: &dyn Fn(&str) -> Option<&'v str>,
) -> Option<String> {
    let mut text = String::new();
    let mut rest = inner;
    for expansion in &word.expansions {
        let name = variable(expansion)?;
        let value = value(name)?;
        let splits = value.is_empty() || value.contains(|c: char| c.is_whitespace() || "*?[]".contains(c));
        if splits && !is_quoted {
            return None;
        }
        let (before, behind) = rest.split_once('$')?;
        text.push_str(before);
        text.push_str(value);
        rest = behind.strip_prefix(&format!("{{{name}}}")).or_else(|| behind.strip_prefix(name))?;
    }
    text.push_str(rest);
    Some(text)
}

/// The variable of `$X` or `${X}`.
fn variable(expansion: &Expansion) -> Option<&str> {
    match &expansion.kind {
        ExpansionKind::Parameter { name, modifier, .. } if modifier.is_empty() => Some(name),
        _ => None,
    }
}

/// `poetry==$VERSION`, `pnpm@${VERSION}`: a name, an operator, and a version in variables.
fn versioned(inner: &str, word: &Word) -> Option<String> {
    let is_variable = |expansion: &Expansion| matches!(expansion.kind, ExpansionKind::Parameter { .. });
    let (before, behind) = inner.split_once('$')?;
    let name = ["==", ">=", "<=", "~=", "@"].iter().find_map(|operator| before.strip_suffix(operator))?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.[],".contains(c));
    let fits = is_name && !behind.contains(['/', ' ']) && word.expansions.iter().all(is_variable);
    fits.then(|| format!("{before}0"))
}
