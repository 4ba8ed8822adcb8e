//! BuildKit's word lexer: quotes, escapes and `${variables}` in the arguments of instructions.
//!
//! It is not a shell: no globs, no command substitution, and only the modifiers `:-`, `-`, `:+`, `+`, `:?`, `?`, `#`,
//! `##`, `%`, `%%`, `/` and `//`. Source: the Dockerfile reference, "Environment replacement", and BuildKit's
//! `frontend/dockerfile/shell`.

use std::borrow::Cow;

use super::LineRules;
use super::names::{is_digit, is_letter};

/// What an [`Environment`] knows of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// The variable is set to this value.
    Set(Cow<'a, str>),
    /// The variable is not set.
    Unset,
    /// It cannot be told: the value comes from outside (a build argument without a default, an unknown base image).
    Unknown,
}

/// Where variables come from.
pub trait Environment {
    /// The value of `name`.
    fn lookup(&self, name: &str) -> Lookup<'_>;
}

impl<F: Fn(&str) -> Option<String>> Environment for F {
    fn lookup(&self, name: &str) -> Lookup<'_> {
        self(name).map_or(Lookup::Unset, |value| Lookup::Set(Cow::Owned(value)))
    }
}

/// An environment without variables.
struct Empty;

impl Environment for Empty {
    fn lookup(&self, _name: &str) -> Lookup<'_> {
        Lookup::Unset
    }
}

/// Why a word has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpandError {
    /// BuildKit refuses the word.
    #[error("{0}")]
    Invalid(String),
    /// The value of this variable is not known before the build.
    #[error("the value of ${0} is not known before the build")]
    Unknown(String),
}

/// A processed word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The word with quotes removed and variables replaced.
    pub text: String,
    /// The same, split at blanks that are not quoted.
    pub words: Vec<String>,
    /// The variables that were asked for, in order, with repetitions.
    pub variables: Vec<String>,
}

/// The lexer and its options.
///
/// ```
/// use dockmend_core::syntax::Lexer;
/// let lexer = Lexer::new('\\');
/// let env = |name: &str| (name == "TAG").then(|| "3.20".to_owned());
/// assert_eq!(lexer.expand("alpine:${TAG:-latest}", &env).unwrap().text, "alpine:3.20");
/// assert_eq!(lexer.expand("${NONE:-'a b'}", &env).unwrap().words, ["a", "b"]);
/// assert!(lexer.expand("${TAG", &env).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Lexer {
    escape: char,
    rules: LineRules,
    raw_quotes: bool,
    raw_escapes: bool,
    skip_unset: bool,
}

/// Nested `${a:-${b:-...}}` deeper than this is refused, so that no input can exhaust the stack.
const MAX_DEPTH: usize = 200;

impl Lexer {
    /// A lexer with the file's escape character.
    pub fn new(escape: char) -> Self {
        Self { escape, rules: LineRules::default(), raw_quotes: false, raw_escapes: false, skip_unset: false }
    }

    pub(super) fn with_rules(mut self, rules: LineRules) -> Self {
        self.rules = rules;
        self
    }

    /// Keeps quotes, and escape characters, as they stand.
    pub(super) fn raw(mut self, quotes: bool, escapes: bool) -> Self {
        self.raw_quotes = quotes;
        self.raw_escapes = escapes;
        self
    }

    /// Leaves variables that are not set in place, as they are written.
    #[must_use]
    pub(crate) fn skip_unset(mut self) -> Self {
        self.skip_unset = true;
        self
    }

    /// Removes quotes and replaces variables.
    ///
    /// # Errors
    /// [`ExpandError::Invalid`] when BuildKit refuses the word (an open quote, a bad substitution, `${x:?}` of an unset
    /// variable), [`ExpandError::Unknown`] when a variable's value is not known.
    pub fn expand(&self, word: &str, environment: &dyn Environment) -> Result<Expanded, ExpandError> {
        let word = word.strip_prefix('\u{feff}').unwrap_or(word);
        let mut run = Run {
            lexer: *self,
            rest: word.chars().peekable(),
            environment,
            variables: Vec::new(),
            depth: 0,
            nested: false,
        };
        let (text, words) = run.until(None, self.raw_escapes)?;
        Ok(Expanded { text, words, variables: run.variables })
    }

    /// The words of a text without variables; empty when the text cannot be read.
    pub(super) fn words(self, text: &str) -> Vec<String> {
        self.expand(text, &Empty).map(|expanded| expanded.words).unwrap_or_default()
    }

    pub(super) fn try_words(self, text: &str) -> Result<Vec<String>, ExpandError> {
        self.expand(text, &Empty).map(|expanded| expanded.words)
    }
}

/// Words as they grow.
#[derive(Default)]
struct Words {
    word: String,
    words: Vec<String>,
}

impl Words {
    fn push(&mut self, character: char) {
        if !character.is_whitespace() {
            self.word.push(character);
        } else if !self.word.is_empty() {
            self.words.push(std::mem::take(&mut self.word));
        }
    }

    fn finish(mut self) -> Vec<String> {
        if !self.word.is_empty() {
            self.words.push(self.word);
        }
        self.words
    }
}

struct Run<'a> {
    lexer: Lexer,
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    environment: &'a dyn Environment,
    variables: Vec<String>,
    depth: usize,
    /// Whether words inside a substitution were read since the last call of `forget_word`.
    nested: bool,
}

fn invalid<T>(message: impl Into<String>) -> Result<T, ExpandError> {
    Err(ExpandError::Invalid(message.into()))
}

impl Run<'_> {
    /// Reads up to the end, or up to and over `stop`.
    fn until(&mut self, stop: Option<char>, raw_escapes: bool) -> Result<(String, Vec<String>), ExpandError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return invalid("substitutions are nested too deeply");
        }
        let outer_raw = std::mem::replace(&mut self.lexer.raw_escapes, raw_escapes);
        let result = self.read_until(stop);
        self.lexer.raw_escapes = outer_raw;
        self.depth -= 1;
        self.nested = self.depth > 0;
        result
    }

    fn read_until(&mut self, stop: Option<char>) -> Result<(String, Vec<String>), ExpandError> {
        let mut text = String::new();
        let mut words = Words::default();
        while let Some(&character) = self.rest.peek() {
            if Some(character) == stop {
                self.rest.next();
                return Ok((text, words.finish()));
            }
            match character {
                '\'' | '"' => {
                    let quoted = if character == '"' { self.double_quoted()? } else { self.single_quoted()? };
                    text.push_str(&quoted);
                    self.forget_word(&mut words);
                    words.word.push_str(&quoted);
                }
                '$' => {
                    let value = self.dollar()?;
                    text.push_str(&value);
                    self.forget_word(&mut words);
                    value.chars().for_each(|character| words.push(character));
                }
                '<' if self.lexer.rules != LineRules::BuildKit0_12 => {
                    let angle = self.possible_heredoc();
                    text.push_str(&angle);
                    words.word.push_str(&angle);
                }
                _ if character == self.lexer.escape => {
                    self.rest.next();
                    if self.lexer.raw_escapes {
                        words.word.push(character);
                        text.push(character);
                    }
                    let Some(escaped) = self.rest.next() else { break };
                    words.word.push(escaped);
                    text.push(escaped);
                }
                _ => {
                    self.rest.next();
                    words.push(character);
                    text.push(character);
                }
            }
        }
        match stop {
            Some(stop) => invalid(format!("the end comes before the matching {stop}")),
            None => Ok((text, words.finish())),
        }
    }

    /// Since BuildKit shares one buffer between a word and the words of a substitution inside it, such a substitution
    /// makes it forget the word's beginning: `<<${x:-EOF}` opens no heredoc. Only the split words suffer.
    fn forget_word(&mut self, words: &mut Words) {
        if std::mem::take(&mut self.nested) && self.lexer.rules != LineRules::BuildKit0_12 {
            words.word.clear();
        }
    }

    fn single_quoted(&mut self) -> Result<String, ExpandError> {
        let mut text = String::new();
        self.quote('\'', &mut text);
        loop {
            match self.rest.next() {
                None => return invalid("a single quote is never closed"),
                Some('\'') => {
                    if self.lexer.raw_quotes {
                        text.push('\'');
                    }
                    return Ok(text);
                }
                Some(character) => text.push(character),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<String, ExpandError> {
        let mut text = String::new();
        self.quote('"', &mut text);
        loop {
            match self.rest.peek().copied() {
                None => return invalid("a double quote is never closed"),
                Some('"') => {
                    self.quote('"', &mut text);
                    return Ok(text);
                }
                Some('$') => text.push_str(&self.dollar()?),
                Some(mut character) => {
                    self.rest.next();
                    if character == self.lexer.escape {
                        if self.lexer.raw_escapes {
                            text.push(character);
                        }
                        match self.rest.peek().copied() {
                            None => continue,
                            Some(next) if next == '"' || next == '$' || next == self.lexer.escape => {
                                self.rest.next();
                                character = next;
                            }
                            Some(_) => {}
                        }
                    }
                    text.push(character);
                }
            }
        }
    }

    /// Takes a quote, and keeps it when quotes are raw.
    fn quote(&mut self, quote: char, text: &mut String) {
        self.rest.next();
        if self.lexer.raw_quotes {
            text.push(quote);
        }
    }

    /// `<<` and the blanks behind it belong to the heredoc's word.
    fn possible_heredoc(&mut self) -> String {
        self.rest.next();
        let mut text = "<".to_owned();
        if self.rest.next_if_eq(&'<').is_some() {
            text.push('<');
            while let Some(blank) = self.rest.next_if(|character| matches!(character, '\t' | '\r' | ' ')) {
                text.push(blank);
            }
        }
        text
    }

    fn dollar(&mut self) -> Result<String, ExpandError> {
        self.rest.next();
        if self.rest.next_if_eq(&'{').is_some() {
            return self.braced();
        }
        let name = self.name();
        if name.is_empty() {
            return Ok("$".to_owned());
        }
        match self.get(&name)? {
            None if self.lexer.skip_unset => Ok(format!("${name}")),
            value => Ok(value.unwrap_or_default()),
        }
    }

    fn braced(&mut self) -> Result<String, ExpandError> {
        match self.rest.peek() {
            None => return invalid("a ${ is never closed"),
            Some('{' | '}' | ':') => return invalid("bad substitution"),
            Some(_) => {}
        }
        let name = self.name();
        let mut modifier = String::new();
        let Some(mut character) = self.rest.next() else { return invalid("a ${ is never closed") };
        modifier.push(character);
        if character == '}' {
            return match self.get(&name)? {
                None if self.lexer.skip_unset => Ok(format!("${{{name}}}")),
                value => Ok(value.unwrap_or_default()),
            };
        }
        let old = self.lexer.rules == LineRules::BuildKit0_12;
        if character == '/' && !old {
            return self.replaced(&name);
        }
        let empty_is_unset = character == ':';
        if empty_is_unset {
            let Some(next) = self.rest.next() else { return invalid("a ${ is never closed") };
            character = next;
            modifier.push(next);
        }
        let is_pattern = !old && matches!(character, '#' | '%');
        // BuildKit reads the word before it notices that it does not know what stands behind a colon.
        let known = matches!(character, '-' | '+' | '?') || is_pattern;
        if !(known || empty_is_unset) || (empty_is_unset && is_pattern) {
            return invalid(format!("unsupported modifier {modifier} in a substitution"));
        }
        let (word, _) = self.until(Some('}'), is_pattern)?;
        let value = self.get(&name)?;
        if value.is_none() && self.lexer.skip_unset {
            return Ok(format!("${{{name}{modifier}{word}}}"));
        }
        let unset = value.is_none() || (empty_is_unset && value.as_deref() == Some(""));
        let value = value.unwrap_or_default();
        match character {
            '-' => Ok(if unset { word } else { value }),
            '+' => Ok(if unset { String::new() } else { word }),
            '?' if unset => {
                let message =
                    if word.is_empty() { "is not allowed to be unset or empty".to_owned() } else { word };
                invalid(format!("{name}: {message}"))
            }
            '?' => Ok(value),
            '#' | '%' => {
                let (pattern, longest) = match word.strip_prefix(character) {
                    Some(pattern) => (pattern, true),
                    None => (word.as_str(), false),
                };
                trim(&value, pattern, character == '%', longest)
            }
            _ => invalid(format!("unsupported modifier {modifier} in a substitution")),
        }
    }

    /// `${name/pattern/replacement}` and `${name//pattern/replacement}`, behind the first slash.
    fn replaced(&mut self, name: &str) -> Result<String, ExpandError> {
        let all = self.rest.next_if_eq(&'/').is_some();
        let (pattern, _) = self.until(Some('/'), true)?;
        let (replacement, _) = self.until(Some('}'), true)?;
        let Some(value) = self.get(name)? else {
            let unset = format!("${{{name}/{pattern}/{replacement}}}");
            return Ok(if self.lexer.skip_unset { unset } else { String::new() });
        };
        let pattern = Pattern::parse(&pattern)?;
        let value: Vec<char> = value.chars().collect();
        let mut text = String::new();
        let mut at = 0;
        let mut done = false;
        while at <= value.len() {
            let found = if done { None } else { pattern.longest_at(&value[at..]) };
            match found {
                Some(len) if len > 0 => {
                    text.push_str(&replacement);
                    at += len;
                    done = !all;
                }
                _ => {
                    text.extend(value.get(at));
                    at += 1;
                }
            }
        }
        Ok(text)
    }

    /// A variable's name: letters, digits and underscores; only digits when it begins with one; one special character.
    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(digit) = self.rest.next_if(|character| is_digit(*character)) {
            name.push(digit);
        }
        if !name.is_empty() {
            return name;
        }
        if let Some(special) = self.rest.next_if(|c| matches!(c, '@' | '*' | '#' | '?' | '-' | '$' | '!')) {
            return special.to_string();
        }
        while let Some(character) = self.rest.next_if(|c| is_letter(*c) || is_digit(*c) || *c == '_') {
            name.push(character);
        }
        name
    }

    fn get(&mut self, name: &str) -> Result<Option<String>, ExpandError> {
        self.variables.push(name.to_owned());
        match self.environment.lookup(name) {
            Lookup::Set(value) => Ok(Some(value.into_owned())),
            Lookup::Unset => Ok(None),
            Lookup::Unknown => Err(ExpandError::Unknown(name.to_owned())),
        }
    }
}

/// Removes what `pattern` matches at the front of `value`, or at its end.
fn trim(value: &str, pattern: &str, at_end: bool, longest: bool) -> Result<String, ExpandError> {
    let pattern = Pattern::parse(pattern)?;
    let value: Vec<char> = value.chars().collect();
    let mut cuts: Vec<usize> = (0..=value.len()).collect();
    // A cut leaves `len` characters to the pattern, shortest first.
    if longest {
        cuts.reverse();
    }
    for len in cuts {
        let (kept, removed) = if at_end {
            let (kept, removed) = value.split_at(value.len() - len);
            (kept, removed)
        } else {
            let (removed, kept) = value.split_at(len);
            (kept, removed)
        };
        if pattern.matches(removed) {
            return Ok(kept.iter().collect());
        }
    }
    Ok(value.into_iter().collect())
}

enum Glob {
    Any,
    One,
    Literal(char),
}

/// A pattern of `*`, `?` and characters, as in `${name#pattern}`.
struct Pattern(Vec<Glob>);

impl Pattern {
    fn parse(text: &str) -> Result<Self, ExpandError> {
        let mut globs = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            globs.push(match character {
                '*' => Glob::Any,
                '?' => Glob::One,
                '\\' => match rest.next() {
                    Some(escaped @ ('}' | '/' | '*' | '?' | '\\')) => Glob::Literal(escaped),
                    other => {
                        let other = other.map(String::from).unwrap_or_default();
                        return invalid(format!("invalid escape \\{other} in a pattern"));
                    }
                },
                _ => Glob::Literal(character),
            });
        }
        Ok(Self(globs))
    }

    fn matches(&self, text: &[char]) -> bool {
        self.ends(text).last().copied().unwrap_or(false)
    }

    /// The length of the longest match at the start of `text`.
    fn longest_at(&self, text: &[char]) -> Option<usize> {
        self.ends(text).iter().rposition(|end| *end)
    }

    /// For each length, whether the pattern matches exactly that many leading characters.
    fn ends(&self, text: &[char]) -> Vec<bool> {
        let mut ends = vec![false; text.len() + 1];
        ends[0] = true;
        for glob in &self.0 {
            if let Glob::Any = glob {
                let first = ends.iter().position(|end| *end).unwrap_or(ends.len());
                ends[first..].fill(true);
                continue;
            }
            for at in (1..=text.len()).rev() {
                let fits = match glob {
                    Glob::Literal(character) => text[at - 1] == *character,
                    _ => true,
                };
                ends[at] = ends[at - 1] && fits;
            }
            ends[0] = false;
        }
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            "PATH_" => Some("/usr/local/lib.tar.gz".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn words_are_expanded_as_buildkit_does() {
        let cases = [
            ("plain", "plain"),
            ("'a $A b'", "a $A b"),
            ("\"a $A b\"", "a value b"),
            ("\\$A", "$A"),
            ("\"\\$A \\x\"", "$A \\x"),
            ("$A$A-${A}", "valuevalue-value"),
            ("$NOPE.", "."),
            ("${NOPE-x}${EMPTY-x}", "x"),
            ("${NOPE:-x}${EMPTY:-y}", "xy"),
            ("${A:+set}${NOPE:+set}", "set"),
            ("${NOPE:-${A}}", "value"),
            ("${PATH_#*/}", "usr/local/lib.tar.gz"),
            ("${PATH_##*/}", "lib.tar.gz"),
            ("${PATH_%.*}", "/usr/local/lib.tar"),
            ("${PATH_%%.*}", "/usr/local/lib"),
            ("${PATH_/lib/share}", "/usr/local/share.tar.gz"),
            ("${PATH_//l/L}", "/usr/LocaL/Lib.tar.gz"),
            ("$1x", "x"),
            ("a$", "a$"),
            ("trailing\\", "trailing"),
        ];
        for (word, expected) in cases {
            assert_eq!(Lexer::new('\\').expand(word, &env).unwrap().text, expected, "{word}");
        }
    }

    #[test]
    fn what_buildkit_refuses_is_refused() {
        for word in
            ["'open", "\"open", "${A", "${}", "${:}", "${A!x}", "${NOPE?gone}", "${EMPTY:?gone}", "${A#\\q}"]
        {
            assert!(matches!(Lexer::new('\\').expand(word, &env), Err(ExpandError::Invalid(_))), "{word}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow() {
        let word = "${a:-".repeat(100_000);
        assert!(Lexer::new('\\').expand(&word, &env).is_err());
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        struct Outside;
        impl Environment for Outside {
            fn lookup(&self, _name: &str) -> Lookup<'_> {
                Lookup::Unknown
            }
        }
        let error = Lexer::new('\\').expand("${A:-b}", &Outside).unwrap_err();
        assert_eq!(error, ExpandError::Unknown("A".to_owned()));
    }
}
