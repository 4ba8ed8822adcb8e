//! The generated pages, in Markdown.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::hazard::{FIXTURES, Hazard};
use super::rule::{Rule, is_hazard};

const BEGIN: &str = "<!-- rules: this table is written by `cargo xtask codegen` -->\n";
const END: &str = "<!-- rules: end -->";

/// The page of one rule.
pub(super) fn rule(rule: &Rule) -> String {
    let mut text = format!("# {}\n\n{}\n\n", rule.id, rule.summary);
    let default = if rule.default_on { "on" } else { "off" };
    let mut facts = vec![
        ("Severity", rule.severity.clone()),
        ("By default", default.to_owned()),
        ("Fix", rule.fix()),
        ("Since", rule.since.clone()),
    ];
    if !rule.aliases.is_empty() {
        facts.push(("Other names", code_list(&rule.aliases)));
    }
    if rule.needs_context {
        facts.push(("Needs", "a known build context; silent without one".to_owned()));
    }
    text.push_str("| | |\n|---|---|\n");
    for (name, value) in facts {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    text.push('\n');
    text.push_str(&body(&rule.body));
    let _ = write!(
        text,
        "\n---\nWritten by `cargo xtask codegen` from [`{0}`](../../{0}). Switch it off with `ignore = [\"{1}\"]` in \
         `dockmend.toml`, or at one place with `# dockmend: ignore={1}` above the instruction.\n",
        rule.path(),
        rule.id,
    );
    text
}

/// The body of a page: outside of code, hazards become links and the arrow between two examples becomes a word.
fn body(markdown: &str) -> String {
    let mut text = String::new();
    let mut is_code = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
            text.push_str(line);
        } else if is_code {
            text.push_str(line);
        } else if line.trim() == "->" {
            text.push_str("\nbecomes\n");
        } else {
            text.push_str(&linked(line, "../hazards.md"));
        }
        text.push('\n');
    }
    text
}

/// The line with a link at each number of a hazard.
fn linked(line: &str, page: &str) -> String {
    let mut text = String::new();
    for word in line.split_inclusive(|character: char| !character.is_ascii_alphanumeric()) {
        let bare = word.trim_end_matches(|character: char| !character.is_ascii_alphanumeric());
        if is_hazard(bare) {
            let _ = write!(text, "[{bare}]({page}#{})", bare.to_lowercase());
            text.push_str(word.get(bare.len()..).unwrap_or_default());
        } else {
            text.push_str(word);
        }
    }
    text
}

fn code_list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The table of rules; `folder` is where their pages lie.
pub(super) fn rule_table(rules: &[Rule], folder: &str) -> String {
    let mut text = String::from(
        "| Rule | What it finds | Severity | By default | Fix | Other names |\n|---|---|---|---|---|---|\n",
    );
    for rule in rules {
        let default = if rule.default_on { "on" } else { "off" };
        let summary = rule.summary.trim_end_matches('.').replace('|', "\\|");
        let _ = writeln!(
            text,
            "| [{0}]({folder}{0}.md) | {summary} | {1} | {default} | {2} | {3} |",
            rule.id,
            rule.severity,
            rule.fix(),
            code_list(&rule.aliases),
        );
    }
    text
}

/// `docs/rules/README.md`.
pub(super) fn rule_index(rules: &[Rule]) -> String {
    format!(
        "# The rules\n\nWritten by `cargo xtask codegen` from the rules' own files. A fix is *safe* when the differences that \
         the gate observed are among those proven to change nothing that matters; any other is *unsafe* and waits for \
         `--unsafe-fixes`. A *rewrite* waits until it is named: `dockmend rewrite NAME PATH`. Numbers such as H001 are \
         explained on [the page of hazards](../hazards.md).\n\n{}",
        rule_table(rules, "")
    )
}

/// The text with the table between the two markers.
pub(super) fn with_table(text: &str, table: &str) -> Result<String> {
    let (head, rest) = text.split_once(BEGIN).context("README.md has no marker where the rules begin")?;
    let (_, tail) = rest.split_once(END).context("README.md has no marker where the rules end")?;
    Ok(format!("{head}{BEGIN}\n{table}\n{END}{tail}"))
}

/// `docs/hazards.md`.
pub(super) fn hazards(hazards: &[Hazard], rules: &[Rule]) -> String {
    let mut text = String::from(
        "# The hazards\n\nWhat a rewrite of a Dockerfile can break. A finding that is left alone names the hazard behind the \
         reason: `left alone: a later step installs packages from these lists (H102)`.\n\nEach entry says what breaks, and \
         what every fix is held to. Where no rule stands beside it, no rule of this version names it: what is said then is \
         what no fix does, or what the fix that will meet it has to do.\n\nThe evidence: *docs*, the documentation of \
         Docker or BuildKit; *issue*, a public thread; *seen*, the sources or the output of another tool; *measured*, a \
         count over real files or an experiment; *inferred*, reasoned and not read.\n\nWritten by `cargo xtask codegen` from \
         [`crates/core/src/knowledge/hazards.toml`](../crates/core/src/knowledge/hazards.toml).\n",
    );
    for hazard in hazards {
        text.push_str(&self::hazard(hazard, rules));
    }
    text
}

fn hazard(hazard: &Hazard, rules: &[Rule]) -> String {
    let shown_by = |rule: &Rule| hazard.shown_by.as_ref().is_some_and(|shown| shown.contains(&rule.id));
    let met: Vec<String> = rules
        .iter()
        .filter(|rule| rule.hazards.contains(&hazard.id) || shown_by(rule))
        .map(|rule| format!("[{0}](rules/{0}.md)", rule.id))
        .collect();
    // The heading is the number alone, so that its anchor is too.
    let mut text = format!(
        "\n## {}\n\n**{}.** {}\n\n{}\n\nEvidence: {}.",
        hazard.id,
        hazard.title,
        hazard.breaks,
        hazard.handling,
        hazard.evidence.join(", ")
    );
    if !met.is_empty() {
        let _ = write!(text, " Rules: {}.", met.join(", "));
    }
    if hazard.shown_by.is_some() {
        let _ = write!(text, " Shown by [its fixture](../{FIXTURES}/{}.md).", hazard.id);
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_links_outside_of_code_only() {
        assert_eq!(
            body("See (H001), not H1.\n```dockerfile\n# H002\n```\n->\n"),
            "See ([H001](../hazards.md#h001)), not H1.\n```dockerfile\n# H002\n```\n\nbecomes\n\n",
        );
    }

    #[test]
    fn the_table_replaces_what_stands_between_the_markers_and_nothing_else() {
        let text = format!("a\n{BEGIN}old\n{END}\nb\n");
        let once = with_table(&text, "| new |\n").unwrap();
        assert_eq!(once, format!("a\n{BEGIN}\n| new |\n\n{END}\nb\n"));
        assert_eq!(with_table(&once, "| new |\n").unwrap(), once);
        assert!(with_table("no markers", "").is_err());
    }
}
