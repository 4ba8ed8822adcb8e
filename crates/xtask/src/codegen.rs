//! Files that are made from others: the list of rules, the pages of rules and hazards, the table in the README.
//!
//! Nothing here depends on the crates that it generates code for: it reads the sources as text.

mod hazard;
mod page;
mod rule;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};

use self::hazard::Hazard;
use self::rule::Rule;

const RULES: &str = "crates/core/src/rules";
const RULE_PAGES: &str = "docs/rules";

/// Writes the generated files; with `check`, only says whether they are as they would be written.
pub(crate) fn run(root: &Path, check: bool) -> Result<()> {
    let rules = read_rules(root)?;
    let hazards = hazard::parse(&read(root, hazard::TABLE)?, &hazard_fixtures(root)?)?;
    let wanted = generated(&rules, &hazards, &read(root, "README.md")?)?;
    let mut stale = Vec::new();
    for (path, text) in &wanted {
        let old = std::fs::read_to_string(root.join(path)).unwrap_or_default();
        // A checkout may have converted the line endings.
        if old.replace("\r\n", "\n") == *text {
            continue;
        }
        stale.push(path.clone());
        if !check {
            write(root, path, text)?;
        }
    }
    for path in abandoned(root, &wanted)? {
        if !check {
            std::fs::remove_file(root.join(&path)).with_context(|| format!("cannot remove {path}"))?;
            println!("removed {path}");
        }
        stale.push(path);
    }
    if check && !stale.is_empty() {
        bail!("not as generated: {}; run `cargo xtask codegen` and commit what it writes", stale.join(", "));
    }
    if stale.is_empty() {
        println!("{} generated files are up to date", wanted.len());
    }
    Ok(())
}

/// Path and text of every generated file.
fn generated(rules: &[Rule], hazards: &[Hazard], readme: &str) -> Result<Vec<(String, String)>> {
    let known: BTreeSet<&str> = hazards.iter().map(|hazard| hazard.id.as_str()).collect();
    for rule in rules {
        if let Some(id) = rule.hazards.iter().find(|id| !known.contains(id.as_str())) {
            bail!("{} names {id}, which {} does not have", rule.path(), hazard::TABLE);
        }
    }
    let mut files = vec![
        (format!("{RULES}.rs"), rule_list(rules)),
        ("docs/hazards.md".to_owned(), page::hazards(hazards, rules)),
        (format!("{RULE_PAGES}/README.md"), page::rule_index(rules)),
        ("README.md".to_owned(), page::with_table(readme, &page::rule_table(rules, "docs/rules/"))?),
    ];
    files.extend(rules.iter().map(|rule| (format!("{RULE_PAGES}/{}.md", rule.id), page::rule(rule))));
    Ok(files)
}

/// Pages of rules that are no more.
fn abandoned(root: &Path, wanted: &[(String, String)]) -> Result<Vec<String>> {
    let Ok(entries) = std::fs::read_dir(root.join(RULE_PAGES)) else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for entry in entries {
        let path = format!("{RULE_PAGES}/{}", entry?.file_name().to_string_lossy());
        if !wanted.iter().any(|(wanted, _)| *wanted == path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The fixtures of hazards: number and text.
fn hazard_fixtures(root: &Path) -> Result<BTreeMap<String, String>> {
    let mut fixtures = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(root.join(hazard::FIXTURES)) else { return Ok(fixtures) };
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(id) = name.strip_suffix(".md") {
            fixtures.insert(id.to_owned(), read(root, &format!("{}/{name}", hazard::FIXTURES))?);
        }
    }
    Ok(fixtures)
}

fn read(root: &Path, path: &str) -> Result<String> {
    let text = std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))?;
    Ok(text.replace("\r\n", "\n"))
}

fn write(root: &Path, path: &str, text: &str) -> Result<()> {
    let target = root.join(path);
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(target, text).with_context(|| format!("cannot write {path}"))?;
    println!("wrote {path}");
    Ok(())
}

/// The rules below `rules/`, by the names of their modules.
fn read_rules(root: &Path) -> Result<Vec<Rule>> {
    let folder = root.join(RULES);
    let mut modules = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            modules.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    modules.sort();
    let parse = |module: String| {
        let path = format!("{RULES}/{module}.rs");
        Rule::parse(&module, &read(root, &path)?).with_context(|| path)
    };
    modules.into_iter().map(parse).collect()
}

/// `rules.rs`.
fn rule_list(rules: &[Rule]) -> String {
    let mut text = String::from(
        "//! The rules. This file is written by `cargo xtask codegen`: add a file to `rules/` and run it.\n\n",
    );
    for rule in rules {
        let _ = writeln!(text, "pub mod {};", rule.module);
    }
    text.push_str("\nuse crate::rule::Rule;\n\n/// Every rule, by id.\npub static ALL: &[&Rule] = &[\n");
    for rule in rules {
        let _ = writeln!(text, "    &{}::RULE,", rule.module);
    }
    text.push_str("];\n");
    text
}
