//! The comparison with the files that were labelled by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use dockmend_core::rewrite::{ContextGroup, Engine};
use serde::Deserialize;

use crate::cache;

#[derive(Deserialize)]
struct Labels {
    #[serde(default)]
    finding: Vec<Label>,
}

#[derive(Deserialize)]
struct Label {
    rule: String,
    line: usize,
    handling: String,
}

#[derive(Default)]
struct OfRule {
    agreed: usize,
    missed: Vec<String>,
    false_alarms: Vec<String>,
    /// Found by both, but one would fix what the other would refuse.
    handling: Vec<String>,
}

/// Compares and prints, by rule.
pub(super) fn compare(folder: &Path) -> Result<()> {
    let engine = super::engine()?;
    let labels = cache::checkout().join("fixtures/labelled");
    let mut rules: BTreeMap<String, OfRule> = BTreeMap::new();
    let mut count = 0;
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let dockerfiles: BTreeMap<_, _> =
        cache::files(folder)?.into_iter().filter_map(|path| Some((stem(&path)?, path))).collect();
    for path in cache::files(&labels)? {
        let Some(name) = stem(&path) else { continue };
        let Some(Ok(text)) = dockerfiles.get(&name).map(std::fs::read_to_string) else { continue };
        let labels = std::fs::read_to_string(&path)?;
        let labels: Labels = toml::from_str(&labels).with_context(|| path.display().to_string())?;
        count += 1;
        one(&engine, &name[..8.min(name.len())], &text, &labels, &mut rules);
    }
    println!("\n== {count} files labelled by hand");
    println!("{:<28} {:>7} {:>7} {:>7} {:>9}", "rule", "agreed", "missed", "false", "handling");
    for (id, rule) in &rules {
        let (missed, wrong, handling) = (rule.missed.len(), rule.false_alarms.len(), rule.handling.len());
        println!("{id:<28} {:>7} {missed:>7} {wrong:>7} {handling:>9}", rule.agreed);
    }
    for (id, rule) in &rules {
        for (what, places) in
            [("missed", &rule.missed), ("false", &rule.false_alarms), ("handling", &rule.handling)]
        {
            if !places.is_empty() {
                println!("  {id} {what}: {}", places.join(" "));
            }
        }
    }
    Ok(())
}

fn one(engine: &Engine, name: &str, text: &str, labels: &Labels, rules: &mut BTreeMap<String, OfRule>) {
    let group = ContextGroup::of_text(text);
    let report = engine.check(&group).remove(0);
    let mut ours: BTreeMap<(String, usize), &str> = BTreeMap::new();
    let file = dockmend_core::syntax::Dockerfile::parse(text);
    for finding in &report.findings {
        let line = finding
            .instruction
            .and_then(|index| file.instructions().get(index))
            .map_or(1, |i| *i.lines.start());
        let handling = if engine.plan(&group, 0, &finding.key).is_ok() { "fix" } else { "refuse" };
        ours.insert((finding.rule.id.to_owned(), line), handling);
    }
    let mut theirs = BTreeSet::new();
    for label in &labels.finding {
        let key = (label.rule.clone(), label.line);
        let rule = rules.entry(label.rule.clone()).or_default();
        let place = format!("{name}:{}", label.line);
        match ours.get(&key) {
            None => rule.missed.push(place),
            Some(handling) => {
                rule.agreed += 1;
                if (label.handling == "fix") != (*handling == "fix") {
                    rule.handling.push(format!("{place}({} not {handling})", label.handling));
                }
            }
        }
        theirs.insert(key);
    }
    for key in ours.keys().filter(|key| !theirs.contains(*key)) {
        rules.entry(key.0.clone()).or_default().false_alarms.push(format!("{name}:{}", key.1));
    }
}
