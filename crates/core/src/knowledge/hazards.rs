//! The hazards: what a rewrite can break, by the number that a refusal names.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

const HAZARDS: &str = include_str!("hazards.toml");

// A table that cannot be read is empty. The tests keep that from being released.
static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(HAZARDS).unwrap_or_default());

/// What stands behind a hazard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Evidence {
    /// The documentation of Docker or `BuildKit`.
    Docs,
    /// A public thread about a build or an image that broke.
    Issue,
    /// The sources or the output of another tool.
    Seen,
    /// A count over real files, or an experiment with an engine.
    Measured,
    /// Reasoned, not read.
    Inferred,
}

/// A way in which a rewrite of a Dockerfile can break a build or a running image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Hazard {
    /// The number, such as `H001`. It never gets another meaning.
    pub id: String,
    /// One line.
    pub title: String,
    /// What goes wrong: one to three sentences of Markdown.
    pub breaks: String,
    /// What every fix is held to: one or two sentences of Markdown.
    pub handling: String,
    /// What stands behind it; never empty.
    pub evidence: Vec<Evidence>,
}

#[derive(Default)]
struct Table {
    hazards: Vec<Hazard>,
    by_id: HashMap<String, usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    hazard: Vec<Hazard>,
}

impl Table {
    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let hazards = toml::from_str::<File>(text)?.hazard;
        let by_id = hazards.iter().enumerate().map(|(index, hazard)| (hazard.id.clone(), index)).collect();
        Ok(Self { hazards, by_id })
    }
}

/// The hazard of a number as a refusal names it; `None` when there is no such number. The table is read when the first
/// hazard is asked for.
///
/// ```
/// use dockmend_core::knowledge::hazard;
/// assert_eq!(hazard("H001").unwrap().title, "Exec form expands no variables");
/// assert!(hazard("H999").is_none());
/// ```
pub fn hazard(id: &str) -> Option<&'static Hazard> {
    let table: &'static Table = &TABLE;
    table.hazards.get(*table.by_id.get(id)?)
}

/// Every hazard, by number.
pub fn hazards() -> &'static [Hazard] {
    &TABLE.hazards
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_from_1_to_157_is_there_once_and_in_order() {
        let expected: Vec<String> = (1..=157).map(|number| format!("H{number:03}")).collect();
        let found: Vec<&str> = hazards().iter().map(|hazard| hazard.id.as_str()).collect();
        assert_eq!(found, expected);
        assert!(expected.iter().all(|id| hazard(id).is_some_and(|hazard| hazard.id == *id)));
    }

    #[test]
    fn no_entry_is_left_half_written() {
        for Hazard { id, title, breaks, handling, evidence } in hazards() {
            assert!(!title.is_empty() && !title.ends_with('.') && title.len() < 70, "{id}: {title}");
            assert!(breaks.ends_with('.') && breaks.len() >= 30, "{id}: {breaks}");
            assert!(handling.ends_with('.') && handling.len() >= 20, "{id}: {handling}");
            assert!(!evidence.is_empty(), "{id}: no evidence");
        }
    }

    #[test]
    fn every_hazard_that_a_rule_names_is_in_the_table() {
        for rule in crate::rules::ALL {
            for id in numbers(rule.docs) {
                assert!(hazard(id).is_some(), "{}: {id}", rule.id);
            }
        }
    }

    /// Words like `H102` in a text.
    fn numbers(text: &str) -> impl Iterator<Item = &str> {
        let words = text.split(|character: char| !character.is_ascii_alphanumeric());
        words.filter(|word| {
            word.len() == 4 && word.strip_prefix('H').is_some_and(|rest| rest.parse::<u16>().is_ok())
        })
    }
}
