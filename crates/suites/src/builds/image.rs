//! Building images, and what can be measured without running them.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::engine::{Engine, text_of};
use super::project::{Copy, Project};
use crate::cache;

/// No build takes longer, in seconds.
const LONGEST_BUILD: &str = "900";

/// An image that was built, by its name. It is removed when this is dropped.
pub(super) struct Image<'a> {
    engine: &'a Engine,
    pub(super) name: String,
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        self.engine.quietly(&["image", "rm", "--force", &self.name]);
    }
}

impl<'a> Image<'a> {
    /// Builds a copy. With `anew` no layer is taken from the cache.
    pub(super) fn build(
        engine: &'a Engine,
        project: &Project,
        copy: &Copy,
        tag: &str,
        anew: bool,
    ) -> Result<(Self, Log)> {
        // Two suites may share an engine.
        let name = format!("dockmend-builds/{}:{tag}-{}", project.name, std::process::id());
        let image = Self { engine, name };
        let mut build = engine.command("timeout");
        build.args([LONGEST_BUILD, "docker", "build", "--progress=plain", "--provenance=false"]);
        build.args(["--tag", &image.name, "--file"]).arg(copy.dockerfile());
        if !engine.bridge {
            build.arg("--network=host");
        }
        if anew {
            build.arg("--no-cache");
        }
        for (name, value) in &project.build.args {
            build.arg("--build-arg").arg(format!("{name}={value}"));
        }
        if let Some(target) = &project.build.target {
            build.args(["--target", target]);
        }
        let output = build.arg(copy.context()).output().context("cannot start docker")?;
        text_of(&output)?;
        Ok((image, Log::read(&String::from_utf8_lossy(&output.stderr))))
    }

    /// The size in bytes, as Docker reports it.
    pub(super) fn size(&self) -> Result<u64> {
        let size = self.engine.text(&["image", "inspect", "--format", "{{.Size}}", &self.name])?;
        Ok(size.parse()?)
    }
}

/// What a build did, step by step.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Log {
    /// The RUN steps that were executed, not taken from the cache: what stands behind RUN.
    pub(super) ran: Vec<String>,
}

impl Log {
    /// Reads what `--progress=plain` prints: `#8 [stage 3/7] RUN npm ci`, and later `#8 CACHED` or not.
    fn read(text: &str) -> Self {
        let mut steps: Vec<(&str, String)> = Vec::new();
        let mut cached: Vec<&str> = Vec::new();
        for line in text.lines().filter(|line| line.starts_with('#')) {
            let Some((number, rest)) = line.split_once(' ') else { continue };
            if rest == "CACHED" {
                cached.push(number);
            } else if rest.starts_with('[')
                && let Some((_, run)) = rest.split_once("] RUN ")
                && !steps.iter().any(|(known, _)| *known == number)
            {
                steps.push((number, run.to_owned()));
            }
        }
        steps.retain(|(number, _)| !cached.contains(number));
        Self { ran: steps.into_iter().map(|(_, run)| run).collect() }
    }

    /// The executed steps that install dependencies.
    pub(super) fn installs(&self) -> usize {
        self.ran.iter().filter(|run| installs(run)).count()
    }
}

/// Words that begin an install of dependencies, apart from the rules' own knowledge on purpose: the suite judges them.
const INSTALLS: [&str; 28] = [
    "npm ci",
    "npm install",
    "npm i ",
    "yarn install",
    "yarn --",
    "pnpm install",
    "pnpm i ",
    "pnpm fetch",
    "bun install",
    "bun i ",
    "pip install",
    "pip3 install",
    "poetry install",
    "uv sync",
    "uv pip install",
    "pipenv install",
    "pipenv sync",
    "pdm install",
    "pdm sync",
    "go mod download",
    "cargo fetch",
    "bundle install",
    "composer install",
    "dotnet restore",
    "apt-get install",
    "apt-get -y install",
    "apt install",
    "apk add",
];

fn installs(run: &str) -> bool {
    let run = format!("{run} ");
    // These install the project itself and nothing else.
    let own = run.contains("--only-root") || run.contains("--no-deps");
    !own && (INSTALLS.iter().any(|words| run.contains(words)) || run.trim() == "yarn")
}

/// What a build sends: files and bytes, seen by a build that copies the whole context.
pub(super) fn context_of(engine: &Engine, copy: &Copy) -> Result<(usize, u64)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("all.Dockerfile");
    std::fs::write(&file, "FROM scratch\nCOPY . /\n")?;
    // An ignore file of the Dockerfile's own goes before the one of the context.
    let own = format!("{}.dockerignore", copy.dockerfile().display());
    if Path::new(&own).is_file() {
        std::fs::copy(&own, folder.path().join("all.Dockerfile.dockerignore"))?;
    }
    let to = folder.path().join("context");
    let mut build = engine.docker(&["build", "--file"]);
    build.arg(&file).arg("--output").arg(format!("type=local,dest={}", to.display()));
    let output = build.arg(copy.context()).output()?;
    if let Err(error) = text_of(&output) {
        // BuildKit has no name for the copy of nothing.
        if error.to_string().contains("not found") {
            return Ok((0, 0));
        }
        bail!(error);
    }
    let files = cache::files(&to)?;
    let mut bytes = 0;
    for file in &files {
        bytes += file.symlink_metadata()?.len();
    }
    Ok((files.len(), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_what_was_executed() {
        let text = "#5 [1/4] FROM docker.io/library/node:20\n#5 CACHED\n#6 [2/4] COPY . .\n#6 DONE 0.1s\n\
                    #7 [3/4] RUN npm ci\n#7 0.4 added 66 packages\n#7 DONE 2.0s\n#8 [build 4/4] RUN npm run build\n#8 CACHED\n";
        let log = Log::read(text);
        assert_eq!(log.ran, ["npm ci"]);
        assert_eq!(log.installs(), 1);
    }

    #[test]
    fn installs_are_told_from_what_only_looks_like_one() {
        for run in
            ["npm ci", "apt-get update && apt-get install -y git", "yarn", "pip install -r requirements.txt"]
        {
            assert!(installs(run), "{run}");
        }
        for run in [
            "npm run build",
            "yarn build",
            "poetry install --only-root",
            "pip install --no-deps .",
            "make install",
        ] {
            assert!(!installs(run), "{run}");
        }
    }
}
