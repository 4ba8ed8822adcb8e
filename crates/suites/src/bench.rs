//! How long things take, written into `docs/performance.md`.
//!
//! `bench [DIR]` measures processor time, not time on the clock, so that other programs on the machine count little;
//! each number is the least of several runs. Only Linux says what is asked here.

#![allow(clippy::cast_precision_loss, reason = "times and sizes are shown with three digits")]

mod binary;
mod measure;
mod shapes;

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use dockmend_core::model::{BuildModel, ModelInputs};
use dockmend_core::rewrite::{ContextGroup, Engine, FixOptions};
use dockmend_core::syntax::Dockerfile;

use crate::cache;
use measure::least;

const PAGE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->";

/// A row of the first table: what, how much, and what it should be at most.
struct Row(String, String, String);

/// Runs the suite: `bench [--no-write] [DIR]`.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if let Some(command) = arguments.strip_prefix(&["--child".to_owned()]) {
        return measure::child(command);
    }
    let writes = !arguments.iter().any(|argument| argument == "--no-write");
    let folder = arguments.iter().find(|argument| !argument.starts_with("--")).map(PathBuf::from);
    let Some(folder) = folder.map_or_else(cache::corpus, |folder| Ok(Some(folder)))? else {
        println!("The corpus is not there, so only a folder of your own can be measured.");
        return Ok(ExitCode::from(2));
    };
    let texts: Vec<Arc<str>> = cache::files(&folder)?.iter().filter_map(|path| text(path)).collect();
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let mut rows = in_process(&texts)?;
    rows.extend(binary::rows(&folder)?);
    let mut page = format!(
        "Measured on {} ({}), over {} Dockerfiles with {} KB on average. Processor time, not time on the clock; the least of \
         several runs.\n\n",
        measure::machine()?,
        std::env::consts::OS,
        texts.len(),
        bytes / texts.len().max(1) / 1000,
    );
    page.push_str("| what | measured | aim |\n|---|---:|---:|\n");
    for Row(what, measured, aim) in &rows {
        let _ = writeln!(page, "| {what} | {measured} | {aim} |");
    }
    page.push_str(&shapes::tables()?);
    println!("{page}");
    if writes {
        write(&cache::checkout().join(PAGE), &page)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The text of a file, when it is one.
fn text(path: &Path) -> Option<Arc<str>> {
    String::from_utf8(std::fs::read(path).ok()?).ok().map(Arc::from)
}

/// Writes what was measured between the page's marks.
fn write(path: &Path, measured: &str) -> Result<()> {
    let page = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (head, rest) = page.split_once(BEGIN).context("the page has no mark where the tables begin")?;
    let (_, tail) = rest.split_once(END).context("the page has no mark where the tables end")?;
    std::fs::write(path, format!("{head}{BEGIN}\n{measured}\n{END}{tail}"))?;
    Ok(())
}

/// What the library takes for each file, in one thread.
fn in_process(texts: &[Arc<str>]) -> Result<Vec<Row>> {
    let engine = Engine::default();
    let inputs = ModelInputs::default();
    let options = FixOptions::default();
    let each = |work: &dyn Fn(&Arc<str>)| {
        least(5, || texts.iter().for_each(work)).map(|time| {
            let micros = time.as_secs_f64() * 1e6 / texts.len().max(1) as f64;
            format!("{:.3} ms", micros / 1e3)
        })
    };
    let row = |what: &str, measured: String, aim: &str| Row(what.to_owned(), measured, aim.to_owned());
    Ok(vec![
        row("parse one file", each(&|text| drop(black_box(Dockerfile::parse(Arc::clone(text)))))?, ""),
        row(
            "parse and model it",
            each(&|text| drop(black_box(BuildModel::new(Dockerfile::parse(Arc::clone(text)), &inputs))))?,
            "",
        ),
        row(
            "check it with every rule that is on",
            each(&|text| drop(black_box(engine.check(&ContextGroup::of_text(text)))))?,
            "0.15 ms",
        ),
        row(
            "fix it, safe fixes",
            each(&|text| drop(black_box(engine.fix(&ContextGroup::of_text(text), &options))))?,
            "1 ms",
        ),
        row("make an engine", millis(least(20, || drop(black_box(Engine::default())))?), ""),
    ])
}

/// A time as the tables show it.
fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    match millis {
        millis if millis < 1.0 => format!("{millis:.3} ms"),
        millis if millis < 100.0 => format!("{millis:.1} ms"),
        millis => format!("{millis:.0} ms"),
    }
}
