//! Runs every fixture of `fixtures/rules`, `fixtures/hazards` and `fixtures/pairs`, and the examples in the rules' own
//! documentation. Each result is fixed again, to see that it has settled.

#![allow(clippy::disallowed_methods)] // Tests read fixtures; only the library itself touches no disk.

mod support;

use std::path::{Path, PathBuf};

use dockmend_core::config::{Options, Settings};
use dockmend_core::context::{ContextFiles, MemoryFiles, NoContext};
use dockmend_core::rewrite::{ContextGroup, Engine, FixOptions, Rewrite, SourceFile, Target};
use dockmend_core::rule::Fixability;
use dockmend_core::rules;
use support::{Case, Expected, cases};

fn fixtures(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap())).collect()
}

fn engine(ids: &[&str]) -> Engine {
    for id in ids {
        assert!(rules::ALL.iter().any(|rule| rule.id == *id), "there is no rule {id}");
    }
    let list = ids.iter().map(|id| format!("{id:?}")).collect::<Vec<_>>().join(", ");
    Engine::new(Settings::combine(&[Options::parse(&format!("select = [{list}]")).unwrap()]).unwrap())
}

fn group<'a>(case: &Case, text: &str, context: &'a dyn ContextFiles) -> ContextGroup<'a> {
    let file = SourceFile::new("Dockerfile", text);
    let file = if case.context.is_some() { file.in_context_at("Dockerfile") } else { file };
    ContextGroup::new(vec![file], context)
}

fn context(case: &Case) -> Box<dyn ContextFiles> {
    match &case.context {
        Some(files) => {
            let mut files = files.clone();
            files.insert("Dockerfile".to_owned(), case.before.clone());
            Box::new(MemoryFiles::new(files.into_iter().map(|(path, text)| (path, text.into_bytes()))))
        }
        None => Box::new(NoContext),
    }
}

/// The problem with a case, if there is one.
fn run(case: &Case, ids: &[&str]) -> Result<(), String> {
    let engine = engine(ids);
    let context = context(case);
    let group = group(case, &case.before, &*context);
    let report = engine.check(&group).remove(0);
    let rewrite = engine.fix(&group, &FixOptions::default().unsafe_fixes());
    if let Some(rejection) = rewrite.rejections.first() {
        return Err(format!("the gate rejected {}: {}", rejection.finding.rule.id, rejection.reason));
    }
    if !rewrite.unsettled.is_empty() {
        return Err(format!("not settled: {:?}", rewrite.unsettled));
    }
    match &case.expected {
        Expected::Nothing => match report.findings.first() {
            Some(finding) => return Err(format!("found: {}", finding.message)),
            None => unchanged(&rewrite)?,
        },
        Expected::Found => {
            let reported = report.findings.iter().any(|finding| finding.fix == Fixability::ReportOnly);
            if !reported {
                return Err(format!("not found as a report: {:?}", report.findings));
            }
            unchanged(&rewrite)?;
        }
        Expected::Refused(hazard) => {
            unchanged(&rewrite)?;
            let refusals: Vec<_> = rewrite.refused.iter().map(|(_, _, refusal)| refusal).collect();
            if !refusals.iter().any(|refusal| refusal.hazard == hazard.as_deref()) {
                return Err(format!("not refused with {hazard:?}, but {refusals:?}"));
            }
        }
        Expected::Fixed { text, safety, files } => {
            let expected = text.as_deref().unwrap_or(&case.before);
            if rewrite.text() != expected {
                let refused: Vec<_> =
                    rewrite.refused.iter().map(|(_, _, refusal)| refusal.to_string()).collect();
                return Err(format!(
                    "expected:\n{expected}\ngot:\n{}\nrefused: {refused:?}, found: {}",
                    rewrite.text(),
                    report.findings.len()
                ));
            }
            if let Some(safety) = safety {
                for fixed in &rewrite.fixed {
                    if format!("{:?}", fixed.safety).to_lowercase() != *safety {
                        return Err(format!("{} is {:?}, not {safety}", fixed.finding.rule.id, fixed.safety));
                    }
                }
            }
            for (path, expected) in files {
                let target = Target::Context(path.clone());
                let change = rewrite.changes.iter().find(|change| change.target == target);
                let got = change.map(|change| &*change.after);
                if got != Some(expected) {
                    return Err(format!("expected {path}:\n{expected}\ngot:\n{}", got.unwrap_or("nothing")));
                }
            }
            settled(case, &engine, &rewrite)?;
        }
    }
    Ok(())
}

fn unchanged(rewrite: &Rewrite) -> Result<(), String> {
    match rewrite.fixed.first() {
        Some(fixed) => {
            Err(format!("fixed by {}: {}\n{}", fixed.finding.rule.id, fixed.title, rewrite.text()))
        }
        None => Ok(()),
    }
}

/// A second run changes nothing.
fn settled(case: &Case, engine: &Engine, rewrite: &Rewrite) -> Result<(), String> {
    let mut files = case.context.clone();
    for change in &rewrite.changes {
        if let (Target::Context(path), Some(files)) = (&change.target, &mut files) {
            files.insert(path.clone(), change.after.to_string());
        }
    }
    let again = Case {
        name: case.name.clone(),
        line: case.line,
        context: files,
        before: rewrite.text().to_owned(),
        expected: Expected::Nothing,
    };
    let context = context(&again);
    let group = group(&again, &again.before, &*context);
    let second = engine.fix(&group, &FixOptions::default().unsafe_fixes());
    if second.changes.is_empty() {
        Ok(())
    } else {
        Err(format!("a second run changes it again:\n{}", second.text()))
    }
}

fn report(failures: &[String], count: usize) {
    assert!(failures.is_empty(), "{} of {count} cases fail:\n\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn the_examples_of_the_rules_hold() {
    let mut failures = Vec::new();
    let mut count = 0;
    for rule in rules::ALL {
        for case in cases(rule.docs.replace("\n ", "\n").trim_start(), rule.id) {
            count += 1;
            if let Err(problem) = run(&case, &[rule.id]) {
                failures.push(format!("{} ({}): {problem}", rule.id, case.name));
            }
        }
    }
    report(&failures, count);
}

#[test]
fn the_fixtures_of_the_rules_hold() {
    let mut failures = Vec::new();
    let mut count = 0;
    for (path, text) in fixtures("rules") {
        // `<id>--python.md` holds further cases of the same rule.
        let stem = path.file_stem().unwrap().to_string_lossy();
        let id = stem.split("--").next().unwrap().to_owned();
        for case in cases(&text, &id) {
            count += 1;
            if let Err(problem) = run(&case, &[&id]) {
                failures.push(format!("{}:{} {}: {problem}", path.display(), case.line, case.name));
            }
        }
    }
    report(&failures, count);
}

#[test]
fn the_fixtures_of_hazards_and_pairs_hold() {
    let mut failures = Vec::new();
    let mut count = 0;
    for (path, text) in fixtures("hazards").into_iter().chain(fixtures("pairs")) {
        for case in cases(&text, "") {
            count += 1;
            let ids = case.name.split(':').next().unwrap_or_default();
            let ids: Vec<&str> = ids.split('+').map(str::trim).collect();
            if let Err(problem) = run(&case, &ids) {
                failures.push(format!("{}:{} {}: {problem}", path.display(), case.line, case.name));
            }
        }
    }
    report(&failures, count);
}
