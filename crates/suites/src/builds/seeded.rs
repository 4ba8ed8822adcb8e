//! Bad rewrites, made on purpose of good ones: each has to turn the suite red, and at the right gate.
//!
//! `fixtures/projects/seeded.toml` lists them. A seed changes the Dockerfile that the rewrites made, as a wrong rule would
//! have written it. When a text to replace is no longer there the seed is stale, which is an error.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::engine::Engine;
use super::gates::{self, Red};
use super::measure::measure;
use super::project::{Copy, Project};
use super::rewriting::Dockmend;

#[derive(Deserialize)]
struct Seeds {
    seed: Vec<Seed>,
}

/// One bad rewrite.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seed {
    /// What is wrong about it.
    pub(super) what: String,
    pub(super) project: String,
    /// Texts of the rewritten Dockerfile, and what stands there instead.
    replace: Vec<(String, String)>,
    /// The gate that has to be red.
    pub(super) red: String,
}

/// Reads the seeds.
pub(super) fn load(folder: &Path) -> Result<Vec<Seed>> {
    let file = folder.join("seeded.toml");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let seeds: Seeds = toml::from_str(&text).with_context(|| file.display().to_string())?;
    for seed in &seeds.seed {
        if !gates::NAMES.contains(&seed.red.as_str()) {
            bail!("{}: there is no gate {:?}", file.display(), seed.red);
        }
    }
    Ok(seeds.seed)
}

/// Builds and runs a seed, and says which gates it turned red.
pub(super) fn sow(engine: &Engine, dockmend: &Dockmend, project: &Project, seed: &Seed) -> Result<Red> {
    let before = Copy::of(project)?;
    let after = Copy::of(project)?;
    let outcome = dockmend.rewrite(&after)?;
    let mut text = after.text()?;
    for (old, new) in &seed.replace {
        if !text.contains(old.as_str()) {
            bail!("the seed is stale: the rewritten Dockerfile of {} has no {old:?}:\n{text}", project.name);
        }
        text = text.replace(old.as_str(), new);
    }
    std::fs::write(after.dockerfile(), text)?;
    // Several seeds may be of one project.
    let [was, is] = ["before", "after"].map(|variant| format!("seeded-{}-{variant}", seed.red));
    let before = measure(engine, project, &before, &was, false)?;
    Ok(match measure(engine, project, &after, &is, false) {
        Ok(after) => gates::judge(project, &outcome, &before, &after),
        Err(error) => Red::not_built(&error),
    })
}
