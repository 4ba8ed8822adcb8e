//! The table of hazards, which lies with the core's knowledge.

use anyhow::{Context, Result};

/// Where the table is.
pub(super) const TABLE: &str = "crates/core/src/knowledge/hazards.toml";

/// What the page says about a hazard.
#[derive(Debug)]
pub(super) struct Hazard {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) breaks: String,
    pub(super) handling: String,
    pub(super) evidence: Vec<String>,
}

/// Reads the table.
pub(super) fn parse(text: &str) -> Result<Vec<Hazard>> {
    let table: toml::Table = text.parse().context(TABLE)?;
    let entries = table.get("hazard").and_then(toml::Value::as_array).context("no [[hazard]]")?;
    entries.iter().map(entry).collect()
}

fn entry(value: &toml::Value) -> Result<Hazard> {
    let text = |name: &str| {
        let field = value.get(name).and_then(toml::Value::as_str).map(str::to_owned);
        field.with_context(|| format!("{TABLE}: an entry without {name}: {value}"))
    };
    let evidence = value.get("evidence").and_then(toml::Value::as_array);
    let evidence = evidence.with_context(|| format!("{TABLE}: an entry without evidence: {value}"))?;
    Ok(Hazard {
        id: text("id")?,
        title: text("title")?,
        breaks: text("breaks")?,
        handling: text("handling")?,
        evidence: evidence.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect(),
    })
}
