//! `dockmend rewrite`: applies great rewrites. Naming one is the consent.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use dockmend_core::config::nearest;
use dockmend_core::rewrite::FixOptions;
use dockmend_core::rule::Rule;
use dockmend_core::rules::ALL;

use super::mend::{Mending, summary};
use super::prove::Prover;
use crate::Exit;
use crate::arguments::{Format, RewriteArguments};
use crate::configuration::Configurations;
use crate::output::Printer;
use crate::run::{Run, exit_of, is_stdin};

/// Rewrites and prints.
///
/// # Errors
/// Wrong usage or configuration.
pub(crate) fn run(arguments: &RewriteArguments) -> Result<Exit> {
    let RewriteArguments { names_and_path, diff, prove, build_option, choice, report } = arguments;
    if *prove && report.format == Format::Json {
        bail!("--prove prints a table for people: leave --format json out");
    }
    let (rules, path) = names_and_path_of(names_and_path, *diff)?;
    if is_stdin(&path) {
        bail!("a rewrite needs files: use `fix --unsafe-fixes -` for a text from standard input");
    }
    let mut configurations = Configurations::new(choice)?;
    configurations.also_on(rules.iter().map(|rule| rule.id));
    let mut printer = Printer::new(report.format);
    let names = rules.iter().filter_map(|rule| rule.rewrite).map(str::to_owned);
    let mut mending = Mending {
        options: FixOptions::default().only_rewrites(names),
        named: Some(rules),
        diff: *diff,
        prover: prove.then(|| Prover::new(build_option.clone())),
        fail_on: report.fail_on,
        format: report.format,
        look: printer.look(),
        context: choice.context.clone(),
        verbose: false,
    };
    let run = Run::prepare(std::slice::from_ref(&path), choice, configurations)?;
    let files = run.files();
    mending.verbose = files == 1;
    printer.begin();
    let tally = run.each(&mut printer, &|group| mending.group(group));
    let last = if files == 1 { None } else { summary(&tally, files, *diff) };
    printer.end(&tally, files, last.as_deref());
    Ok(exit_of(&tally, report.fail_on))
}

/// The rules of the named rewrites, all of them where none is named for a preview, and the path.
fn names_and_path_of(arguments: &[String], diff: bool) -> Result<(Vec<&'static Rule>, PathBuf)> {
    let Some((path, names)) = arguments.split_last() else {
        bail!("name the rewrites, and last a Dockerfile or folder")
    };
    if !rules_of(path).is_empty() && !Path::new(path).exists() {
        bail!("`{path}` is a rewrite: name the Dockerfile or folder behind it");
    }
    let mut rules: Vec<&'static Rule> = Vec::new();
    let every = || ALL.iter().copied().filter(|rule| rule.rewrite.is_some() && rule.default_on);
    for name in names {
        if name.eq_ignore_ascii_case("all") {
            rules.extend(every());
            continue;
        }
        let meant = rules_of(name);
        if meant.is_empty() {
            return Err(unknown(name));
        }
        for rule in meant {
            if !rules.iter().any(|other| other.id == rule.id) {
                rules.push(rule);
            }
        }
    }
    if rules.is_empty() {
        if !diff {
            bail!(
                "name the rewrites to apply to {path}: {}, or all; `dockmend rewrite --diff {path}` previews them",
                all_names().join(", ")
            );
        }
        rules = every().collect();
    }
    Ok((rules, PathBuf::from(path)))
}

/// The rules behind the name of a rewrite, or the rule of that id when its fix is one.
fn rules_of(name: &str) -> Vec<&'static Rule> {
    let is_meant = |rule: &&Rule| {
        rule.rewrite.is_some_and(|rewrite| rewrite.eq_ignore_ascii_case(name) || rule.answers_to(name))
    };
    ALL.iter().copied().filter(is_meant).collect()
}

fn all_names() -> Vec<&'static str> {
    let mut names: Vec<_> = ALL.iter().filter_map(|rule| rule.rewrite).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn unknown(name: &str) -> anyhow::Error {
    let names = all_names();
    if let Some(rule) = ALL.iter().find(|rule| rule.answers_to(name)) {
        return anyhow!("`{}` is a rule whose fix is no great rewrite; `dockmend fix` applies it", rule.id);
    }
    match nearest(name, names.iter().copied()) {
        Some(meant) => anyhow!("there is no rewrite `{name}`; did you mean `{meant}`?"),
        None => anyhow!("there is no rewrite `{name}`; there are {}", names.join(", ")),
    }
}
