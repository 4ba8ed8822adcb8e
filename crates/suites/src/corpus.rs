//! Every rule and fix over a folder of real Dockerfiles.
//!
//! For each file, with safe fixes and with unsafe ones: what BuildKit's parser accepted it still accepts, a second run
//! changes nothing, the bytes outside of the reported edits are the same, nothing panics, and what the gate rejected is
//! listed. And so that silence does not pass for care: per rule what was found, fixed and refused, and how that compares
//! with the files that were labelled by hand.

mod labels;
mod tally;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use dockmend_core::config::{Options, Settings};
use dockmend_core::rewrite::{Engine, FixOptions, Rewrite};
use dockmend_core::syntax::Dockerfile;
use dockmend_core::text::TextEdit;
use rayon::prelude::*;

use crate::cache;
use tally::Tally;

/// Runs the suite: `corpus [--examples N] [DIR]`.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let mut folder = None;
    let mut examples = 3;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == "--examples" {
            examples = words.next().context("--examples takes a number")?.parse()?;
        } else {
            folder = Some(PathBuf::from(word));
        }
    }
    let Some(folder) = folder.map_or_else(cache::corpus, |folder| Ok(Some(folder)))? else {
        println!(
            "The corpus is not there (../shared/corpus beside the checkout), so only a folder of your own can be run."
        );
        return Ok(ExitCode::from(2));
    };
    let files = cache::files(&folder)?;
    println!("{} files", files.len());
    let mut failed = false;
    for (name, options) in [("safe", FixOptions::default()), ("unsafe", FixOptions::default().unsafe_fixes())]
    {
        let tally = over(&files, &options);
        tally.print(name, examples);
        failed |= tally.is_wrong();
    }
    labels::compare(&folder)?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// An engine with every rule on, those that are off by default included.
pub(crate) fn engine() -> Result<Engine> {
    let options = Options::parse("select = [\"all\"]")?;
    Ok(Engine::new(Settings::combine(&[options])?))
}

fn over(files: &[PathBuf], options: &FixOptions) -> Tally {
    files
        .par_iter()
        .map_init(engine, |engine, path| {
            let mut tally = Tally::default();
            match engine {
                Ok(engine) => one(engine, path, options, &mut tally),
                Err(error) => tally.unread(path, &error.to_string()),
            }
            tally
        })
        .reduce(Tally::default, Tally::join)
}

fn one(engine: &Engine, path: &Path, options: &FixOptions, tally: &mut Tally) {
    let text = match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => return tally.unread(path, "not UTF-8"),
        Err(error) => return tally.unread(path, &error.to_string()),
    };
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let rewrite = engine.fix_text(&text, options);
        let again = engine.fix_text(rewrite.text(), options);
        (rewrite, again)
    }));
    let Ok((rewrite, again)) = caught else { return tally.panicked(path) };
    tally.count(path, &rewrite);
    if accepted(&text) && !accepted(rewrite.text()) {
        tally.broken(path, "BuildKit's parser accepted it before and refuses it after");
    }
    if again.text() != rewrite.text() {
        tally.unsettled(path);
    }
    if let Some(problem) = touched(&text, &rewrite) {
        tally.touched(path, &problem);
    }
}

/// Whether BuildKit accepts a text: its line parser, and its instructions.
fn accepted(text: &str) -> bool {
    let file = Dockerfile::parse(Arc::<str>::from(text));
    file.problems().is_empty() && file.check_instructions().is_empty()
}

/// Walks both texts along the reported edit. What it does not replace must be the same bytes in the same order.
fn touched(before: &str, rewrite: &Rewrite) -> Option<String> {
    let after = rewrite.text();
    let (_, edit): &(Arc<str>, TextEdit) = rewrite.edits.first()?;
    let (mut at, mut at_after) = (0, 0);
    for replacement in edit.replacements() {
        let kept = before.get(at..replacement.range.start)?;
        if !after.get(at_after..)?.starts_with(kept) {
            return Some(format!("bytes {at}..{} have changed", replacement.range.start));
        }
        at_after += kept.len();
        if !after.get(at_after..)?.starts_with(&replacement.text) {
            return Some(format!("the replacement at {} is not what stands there", replacement.range.start));
        }
        at_after += replacement.text.len();
        at = replacement.range.end;
    }
    (before.get(at..) != after.get(at_after..)).then(|| format!("bytes {at}.. have changed"))
}
