//! `dockmend rules`: the list of rules.

use anyhow::Result;
use dockmend_core::rule::Rule;
use dockmend_core::rules::ALL;

use crate::Exit;
use crate::arguments::{Format, RulesArguments};
use crate::output::{Look, Printer, json, say};

/// Prints the list.
///
/// # Errors
/// None so far.
#[allow(clippy::unnecessary_wraps)] // All commands have one shape.
pub(crate) fn run(arguments: &RulesArguments) -> Result<Exit> {
    let mut printer = Printer::new(arguments.format);
    let text = match arguments.format {
        Format::Human => table(ALL, printer.look()),
        Format::Json => json::rules(ALL),
    };
    printer.out(&text);
    Ok(Exit::Success)
}

fn table(rules: &[&Rule], look: Look) -> String {
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0).max(4);
    let mut out = String::new();
    let head = format!("{:width$}  {:8}  {:7}  {:14}  {}", "rule", "severity", "default", "fix", "aliases");
    say!(out, "{}", look.bold(&head));
    for rule in rules {
        let default = if rule.default_on { "on" } else { "off" };
        let fix = match (rule.plan.is_some(), rule.rewrite) {
            (_, Some(name)) => format!("rewrite {name}"),
            (true, None) => "yes".to_owned(),
            (false, None) => "-".to_owned(),
        };
        let line = format!(
            "{:width$}  {:8}  {default:7}  {fix:14}  {}",
            rule.id,
            rule.severity.to_string(),
            rule.aliases.join(" ")
        );
        say!(out, "{}", line.trim_end());
    }
    out
}
