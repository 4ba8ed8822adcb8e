//! `dockmend explain`: the page of a rule, or of a hazard that a refusal names.

use anyhow::{Result, bail};
use dockmend_core::knowledge::{Evidence, Hazard, hazard};
use dockmend_core::rule::Rule;

use super::rule_named;
use crate::Exit;
use crate::arguments::{ExplainArguments, Format};
use crate::output::{Look, Printer, page, say};

/// Prints the page.
///
/// # Errors
/// A rule or hazard that does not exist.
pub(crate) fn run(arguments: &ExplainArguments) -> Result<Exit> {
    let name = arguments.rule.trim();
    if is_hazard(name) {
        let Some(hazard) = hazard(&name.to_ascii_uppercase()) else {
            bail!("there is no hazard `{name}`");
        };
        let mut printer = Printer::new(Format::Human);
        let text = render_hazard(hazard, printer.look());
        printer.out(&text);
        return Ok(Exit::Success);
    }
    let rule = rule_named(name)?;
    let mut printer = Printer::new(Format::Human);
    let text = render(rule, printer.look());
    printer.out(&text);
    Ok(Exit::Success)
}

fn render(rule: &Rule, look: Look) -> String {
    let mut facts = vec![rule.severity.to_string()];
    facts.push(if rule.default_on { "on by default" } else { "off by default" }.to_owned());
    facts.push(match (rule.plan.is_some(), rule.rewrite) {
        (_, Some(name)) => format!("mended by `dockmend rewrite {name}`"),
        (true, None) => "has a fix".to_owned(),
        (false, None) => "only reports".to_owned(),
    });
    if rule.needs_context {
        facts.push("needs the build context".to_owned());
    }
    let mut out = format!("{}\n{}\n", look.bold(rule.id), look.dim(&facts.join(", ")));
    if !rule.aliases.is_empty() {
        out.push_str(&look.dim(&format!("elsewhere: {}", rule.aliases.join(", "))));
        out.push('\n');
    }
    out.push('\n');
    out.push_str(&page::render(rule.docs, look));
    say!(out, "\n{}", rule.url());
    out
}

fn render_hazard(hazard: &Hazard, look: Look) -> String {
    let evidence: Vec<_> = hazard.evidence.iter().map(|evidence| words(*evidence)).collect();
    format!(
        "{}  {}\n\n{}\n{}\n\n{}\n{}\n\n{}\n",
        look.bold(&hazard.id),
        hazard.title,
        look.bold("What breaks"),
        page::render(&hazard.breaks, look).trim_end(),
        look.bold("What every fix is held to"),
        page::render(&hazard.handling, look).trim_end(),
        look.dim(&format!("Known from {}.", evidence.join(", "))),
    )
}

fn words(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Docs => "the documentation",
        Evidence::Issue => "reports of builds that broke",
        Evidence::Seen => "other tools",
        Evidence::Measured => "a measurement",
        _ => "reasoning",
    }
}

/// `H` and digits: the number of a hazard.
fn is_hazard(name: &str) -> bool {
    name.strip_prefix(['H', 'h'])
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}
