//! The configuration: what a file says ([`Options`]) and what applies ([`Settings`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::knowledge::{ImageExtension, Knowledge};
use crate::rule::Rule;
use crate::rules;

/// What a `dockmend.toml` says. Unknown keys are errors.
///
/// ```
/// use dockmend_core::config::Options;
/// let options = Options::parse("ignore = [\"DL3008\", \"apt-recommends\"]").unwrap();
/// assert_eq!(options.ignore.unwrap().len(), 2);
/// assert!(Options::parse("ignroe = []").is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Options {
    /// The rules that are on, and no others. `all` stands for every rule.
    pub select: Option<Vec<String>>,
    /// Rules that are on besides.
    pub extend_select: Option<Vec<String>>,
    /// Rules that are off.
    pub ignore: Option<Vec<String>>,
    /// The build context of Dockerfiles: path of the Dockerfile to folder, both from the folder of the config file.
    #[serde(default)]
    pub contexts: BTreeMap<String, String>,
    /// Images that the built-in tables do not know: `[images."corp/node-base"] like = "node:20"`.
    #[serde(default)]
    pub images: BTreeMap<String, ImageExtension>,
}

/// What is wrong with a config.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It is not TOML, or has an unknown key or a wrong value; the message names the line.
    #[error("{0}")]
    Syntax(String),
    /// A rule that does not exist.
    #[error("there is no rule {name:?}{}", .suggestion.as_ref().map(|s| format!("; did you mean {s:?}?")).unwrap_or_default())]
    UnknownRule {
        /// The name that was given.
        name: String,
        /// A rule with a similar name.
        suggestion: Option<String>,
    },
    /// An image table that refers to something unknown.
    #[error("{0}")]
    Image(String),
}

impl Options {
    /// Reads the text of a config file.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] with line and column.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::Syntax(error.to_string()))
    }
}

/// What applies to a file.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Settings {
    select: Option<Vec<String>>,
    extend_select: Vec<String>,
    ignore: Vec<String>,
    images: BTreeMap<String, ImageExtension>,
}

impl Settings {
    /// Checks options and combines them; the later win.
    ///
    /// # Errors
    /// [`ConfigError::UnknownRule`] for a name that no rule has, [`ConfigError::Image`] for an image that cannot be
    /// described as it is.
    pub fn combine(all: &[Options]) -> Result<Self, ConfigError> {
        let mut settings = Self::default();
        for options in all {
            let named = [&options.select, &options.extend_select, &options.ignore];
            named.into_iter().flatten().flatten().try_for_each(|name| known_rule(name))?;
            if let Some(select) = &options.select {
                settings.select = Some(select.clone());
                settings.extend_select.clear();
            }
            settings.extend_select.extend(options.extend_select.iter().flatten().cloned());
            settings.ignore.extend(options.ignore.iter().flatten().cloned());
            settings.images.extend(options.images.clone());
        }
        if !settings.images.is_empty() {
            let extended = Knowledge::builtin().with_images(settings.images.clone());
            extended.map_err(|error| ConfigError::Image(error.to_string()))?;
        }
        Ok(settings)
    }

    /// Whether a rule is on.
    pub fn is_on(&self, rule: &Rule) -> bool {
        let named = |names: &[String]| {
            names.iter().any(|name| name.eq_ignore_ascii_case("all") || rule.answers_to(name))
        };
        let selected = match &self.select {
            Some(select) => named(select),
            None => rule.default_on,
        };
        (selected || named(&self.extend_select)) && !named(&self.ignore)
    }

    /// The built-in knowledge with the images of the config.
    pub fn knowledge(&self) -> Arc<Knowledge> {
        let builtin = Knowledge::builtin();
        if self.images.is_empty() {
            return Arc::new(builtin);
        }
        // `combine` has checked that the images can be described.
        Arc::new(builtin.clone().with_images(self.images.clone()).unwrap_or(builtin))
    }
}

fn known_rule(name: &str) -> Result<(), ConfigError> {
    if name.eq_ignore_ascii_case("all") || rules::ALL.iter().any(|rule| rule.answers_to(name)) {
        return Ok(());
    }
    // Rules of other tools may be named in a config that is shared with them, and change nothing here.
    if is_foreign(name) {
        return Ok(());
    }
    let ids = rules::ALL.iter().map(|rule| rule.id);
    Err(ConfigError::UnknownRule { name: name.to_owned(), suggestion: nearest(name, ids).map(str::to_owned) })
}

/// A name as hadolint or ShellCheck give them: `DL3008`, `SC2086`.
fn is_foreign(name: &str) -> bool {
    let bare = name.strip_prefix("hadolint:").unwrap_or(name);
    let digits = bare.strip_prefix("DL").or_else(|| bare.strip_prefix("SC"));
    digits.is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The candidate that is nearest to `name`, when one is near enough to be meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    let scored = candidates
        .into_iter()
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate));
    scored.filter(|(score, _)| *score <= limit).min().map(|(_, candidate)| candidate)
}

/// The number of characters to insert, delete, replace or swap with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for i in 0..=from.len() {
        for j in 0..=to.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
                let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[from.len()][to.len()]
}
