//! `docker build --check` as a judge that needs no registry.
//!
//! The check fails on a base image that cannot be resolved before it looks at the instructions, so every image that a
//! file names is tagged on an empty one, or, with a digest or a foreign platform, given as an empty named context. The
//! build context is empty too: the check copies nothing. The empty image has a working directory, so that only those
//! verdicts are about `/` which the file itself decides.

use std::collections::HashSet;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use dockmend_core::syntax::{DirectiveName, Dockerfile};
use serde::Deserialize;
use tempfile::TempDir;

/// What the builder says about a file.
pub(crate) enum Answer {
    Accepted,
    /// Its message.
    Refused(String),
    /// Something else than the file's text got in the way.
    NotComparable(String),
}

/// A Docker engine.
pub(crate) struct Builder {
    version: String,
    /// An empty folder: the build context, and the stand-in for images.
    empty: TempDir,
}

/// The name of the empty image that all the others are.
const EMPTY_IMAGE: &str = "dockmend-verdicts-empty:2";

/// So many images may one file name.
const MAX_IMAGES: usize = 60;

/// The part of the check's JSON that is read.
#[derive(Deserialize)]
struct Check {
    #[serde(rename = "buildError")]
    build_error: Option<BuildError>,
}

#[derive(Deserialize)]
struct BuildError {
    message: String,
}

impl Builder {
    /// The engine of the environment; the inner error says why there is none.
    pub(crate) fn reach() -> Result<Result<Self, String>> {
        if std::env::var_os("DOCKER_HOST").is_none_or(|host| host.is_empty()) {
            return Ok(Err("no Docker engine: DOCKER_HOST is not set".to_owned()));
        }
        let Ok(output) = Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output()
        else {
            return Ok(Err("no Docker engine: there is no docker command".to_owned()));
        };
        if !output.status.success() {
            return Ok(Err("no Docker engine answers at DOCKER_HOST".to_owned()));
        }
        let version = format!("Docker {}", String::from_utf8_lossy(&output.stdout).trim());
        let builder = Self { version, empty: TempDir::new()? };
        make_empty_image()?;
        if !matches!(builder.ask("FROM scratch\n", &[]), Ok(Answer::Accepted)) {
            return Ok(Err(format!("{} has no working `docker build --check`", builder.version)));
        }
        Ok(Ok(builder))
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// The verdict on a text, with values for some of its build arguments. A `# syntax=` line is taken out first.
    pub(crate) fn ask(&self, text: &str, arguments: &[String]) -> Result<Answer> {
        let file = tempfile::Builder::new().suffix(".Dockerfile").tempfile()?;
        std::fs::write(file.path(), without_syntax(text))?;
        let mut tagged = HashSet::new();
        let mut contexts: Vec<String> = Vec::new();
        for _ in 0..MAX_IMAGES {
            let mut build = docker(&["buildx", "build", "--call=check,format=json"]);
            for argument in arguments {
                build.arg("--build-arg").arg(argument);
            }
            for context in &contexts {
                build.arg("--build-context").arg(format!("{context}={}", self.empty.path().display()));
            }
            let output = build.arg("-f").arg(file.path()).arg(self.empty.path()).output()?;
            let Ok(check) = serde_json::from_slice::<Check>(&output.stdout) else {
                let message = String::from_utf8_lossy(&output.stderr);
                return Ok(Answer::NotComparable(message.lines().last().unwrap_or_default().to_owned()));
            };
            let Some(BuildError { message }) = check.build_error else { return Ok(Answer::Accepted) };
            // A `# check=error=true` line makes errors of warnings.
            if message.contains("lint violation found") {
                return Ok(Answer::Accepted);
            }
            let Some(image) = unresolved(&message) else { return Ok(Answer::Refused(message)) };
            if !image.contains('@')
                && tagged.insert(image.to_owned())
                && docker(&["tag", EMPTY_IMAGE, image]).output()?.status.success()
            {
                continue;
            }
            let name = image.strip_prefix("docker.io/").unwrap_or(image);
            let name = name.strip_prefix("library/").unwrap_or(name).to_owned();
            if contexts.contains(&name) {
                return Ok(Answer::NotComparable(format!("the image {image} has no stand-in")));
            }
            contexts.push(name);
        }
        Ok(Answer::NotComparable(format!("it names more than {MAX_IMAGES} images")))
    }
}

/// Makes the image that stands for all the others, unless the engine has it.
fn make_empty_image() -> Result<()> {
    let inspect = docker(&["image", "inspect", EMPTY_IMAGE]).output()?;
    if inspect.status.success() {
        return Ok(());
    }
    // Two blocks of zeros are an empty archive.
    let output = with_input(
        &mut docker(&["import", "--platform", "linux/amd64", "--change", "WORKDIR /base", "-", EMPTY_IMAGE]),
        &[0; 1024],
    )?;
    if !output.status.success() {
        bail!("cannot make an empty image: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// The image that a message says cannot be found.
fn unresolved(message: &str) -> Option<&str> {
    let (_, behind) = message.split_once("failed to resolve source metadata for ")?;
    Some(behind.split_once(": ").map_or(behind, |(image, _)| image))
}

/// The text without its `# syntax=` line, which would have to be pulled. Another comment takes its place, so that the
/// lines keep their numbers; when further directives follow, which a comment would end, the line goes away.
pub(super) fn without_syntax(text: &str) -> String {
    let file = Dockerfile::parse(text);
    let Some(syntax) = file.directive(DirectiveName::Syntax) else { return text.to_owned() };
    let followed = file.directives().iter().any(|directive| directive.line > syntax.line);
    let start = syntax.range.start;
    let mut end = syntax.range.end;
    if followed {
        end = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    }
    let comment = if followed { "" } else { "#" };
    format!("{}{comment}{}", &text[..start], &text[end..])
}

fn docker(arguments: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.args(arguments).stdin(Stdio::null());
    command
}

fn with_input(command: &mut Command, input: &[u8]) -> Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("the program has no input")?.write_all(input)?;
    Ok(child.wait_with_output()?)
}
