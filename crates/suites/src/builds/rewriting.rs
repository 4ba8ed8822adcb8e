//! Running `dockmend` on a copy of a project, as its user would.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;
use tempfile::TempDir;

use super::engine::text_of;
use super::project::Copy;

/// The built program.
pub(super) struct Dockmend {
    /// A copy, so that a build while the suite runs does not change what is tested.
    program: PathBuf,
    _folder: TempDir,
    /// The name of each rewrite, by the ids of its rules.
    rewrites: BTreeMap<String, String>,
}

/// What was done to the project's Dockerfile.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The names of the rewrites that were applied.
    pub(super) offered: BTreeSet<String>,
    /// What was left alone: the name of the rewrite, the hazard, the reason.
    pub(super) refused: Vec<(String, Option<String>, String)>,
    /// What the gate did not let through: each is a bug.
    pub(super) rejected: Vec<String>,
}

#[derive(Deserialize)]
struct Report {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    path: String,
    error: Option<String>,
    fixed: Vec<Entry>,
    refused: Vec<Entry>,
    rejections: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    rule: String,
    reason: Option<String>,
    hazard: Option<String>,
}

#[derive(Deserialize)]
struct Rules {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    rewrite: Option<String>,
}

impl Dockmend {
    /// Builds the program with the profile that the suite itself was built with.
    pub(super) fn build() -> Result<Self> {
        let folder = std::env::current_exe()?.parent().context("a program lies in a folder")?.to_owned();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "dockmend"]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        crate::cache::run(&mut build)?;
        let copy = tempfile::tempdir()?;
        let program = copy.path().join("dockmend");
        std::fs::copy(folder.join("dockmend"), &program)?;
        let output = Command::new(&program).args(["rules", "--format", "json"]).output();
        let text = text_of(&output.with_context(|| format!("cannot start {}", program.display()))?)?;
        let rules: Rules = serde_json::from_str(&text)?;
        let rewrites = rules.rules.into_iter().filter_map(|rule| Some((rule.id, rule.rewrite?)));
        Ok(Self { program, _folder: copy, rewrites: rewrites.collect() })
    }

    /// Applies the safe fixes.
    pub(super) fn fix(&self, copy: &Copy) -> Result<()> {
        self.run(copy, &["fix"]).map(|_| ())
    }

    /// Applies every great rewrite.
    pub(super) fn rewrite(&self, copy: &Copy) -> Result<Outcome> {
        let report = self.run(copy, &["rewrite", "all"])?;
        let name = |rule: &str| self.rewrites.get(rule).cloned().unwrap_or_else(|| rule.to_owned());
        let mut outcome = Outcome::default();
        for file in report.files {
            outcome.rejected.extend(file.error);
            outcome.rejected.extend(file.rejections.into_iter().filter_map(|entry| entry.reason));
            if copy.path(&file.path) != copy.dockerfile() {
                continue;
            }
            outcome.offered.extend(file.fixed.iter().map(|entry| name(&entry.rule)));
            for entry in file.refused {
                outcome.refused.push((name(&entry.rule), entry.hazard, entry.reason.unwrap_or_default()));
            }
        }
        Ok(outcome)
    }

    fn run(&self, copy: &Copy, arguments: &[&str]) -> Result<Report> {
        let mut command = Command::new(&self.program);
        command.current_dir(copy.path("")).args(arguments);
        command.args(["--format", "json", "--fail-on", "never"]).arg(Path::new("."));
        let text =
            text_of(&command.output()?).with_context(|| format!("dockmend {}", arguments.join(" ")))?;
        serde_json::from_str(&text).context("dockmend printed no JSON")
    }
}

impl Outcome {
    /// What stands in a table: the names of what was applied.
    pub(super) fn names(&self) -> String {
        self.offered.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}
