//! The table of hazards, which lies with the core's knowledge, and the fixtures that show how each is met.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};

/// Where the table is.
pub(super) const TABLE: &str = "crates/core/src/knowledge/hazards.toml";

/// Where the fixtures are, one file a hazard.
pub(super) const FIXTURES: &str = "fixtures/hazards";

/// What the page says about a hazard.
#[derive(Debug)]
pub(super) struct Hazard {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) breaks: String,
    pub(super) handling: String,
    pub(super) evidence: Vec<String>,
    /// The rules in the fixture; `None` without a fixture.
    pub(super) shown_by: Option<BTreeSet<String>>,
}

/// Reads the table; `fixtures` holds the text of the fixture of a number.
pub(super) fn parse(text: &str, fixtures: &BTreeMap<String, String>) -> Result<Vec<Hazard>> {
    let table: toml::Table = text.parse().context(TABLE)?;
    let entries = table.get("hazard").and_then(toml::Value::as_array).context("no [[hazard]]")?;
    let hazards: Vec<Hazard> = entries.iter().map(|value| entry(value, fixtures)).collect::<Result<_>>()?;
    if let Some(id) = fixtures.keys().find(|id| hazards.iter().all(|hazard| hazard.id != **id)) {
        bail!("{FIXTURES}/{id}.md is about no hazard of {TABLE}");
    }
    Ok(hazards)
}

/// The rules of a fixture: `## apt-prompt + apt-recommends: ...` begins a case of two.
fn rules_shown(fixture: &str) -> BTreeSet<String> {
    let headings = fixture.lines().filter_map(|line| line.strip_prefix("## ")?.split_once(':'));
    headings.flat_map(|(rules, _)| rules.split('+').map(|rule| rule.trim().to_owned())).collect()
}

fn entry(value: &toml::Value, fixtures: &BTreeMap<String, String>) -> Result<Hazard> {
    let text = |name: &str| {
        let field = value.get(name).and_then(toml::Value::as_str).map(str::to_owned);
        field.with_context(|| format!("{TABLE}: an entry without {name}: {value}"))
    };
    let evidence = value.get("evidence").and_then(toml::Value::as_array);
    let evidence = evidence.with_context(|| format!("{TABLE}: an entry without evidence: {value}"))?;
    let id = text("id")?;
    Ok(Hazard {
        shown_by: fixtures.get(&id).map(|fixture| rules_shown(fixture)),
        id,
        title: text("title")?,
        breaks: text("breaks")?,
        handling: text("handling")?,
        evidence: evidence.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[[hazard]]\nid = \"H001\"\ntitle = \"T\"\nbreaks = \"B.\"\nhandling = \"H.\"\nevidence = [\"docs\"]\n";

    #[test]
    fn the_rules_of_a_fixture_are_those_of_its_headings() {
        let fixture = "## a-rule: plain\n## b-rule + c-rule: both\n## no rule\n".to_owned();
        let hazards = parse(TEXT, &[("H001".to_owned(), fixture)].into()).unwrap();
        let shown = hazards[0].shown_by.as_ref().unwrap();
        assert_eq!(shown.iter().collect::<Vec<_>>(), ["a-rule", "b-rule", "c-rule"]);
    }

    #[test]
    fn a_fixture_of_a_number_that_is_not_in_the_table_is_an_error() {
        assert!(parse(TEXT, &BTreeMap::new()).unwrap()[0].shown_by.is_none());
        assert!(parse(TEXT, &[("H999".to_owned(), String::new())].into()).is_err());
    }
}
