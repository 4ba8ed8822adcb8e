//! The Docker engine that builds and runs: the one of the environment, or one of our own.
//!
//! Our own is made of Debian packages below the cache folder by `crates/suites/engine/start.sh`, as root, and ends with the
//! suite. It has no bridge and reaches no container registry, so the images that projects begin with are stand-ins, made by
//! `crates/suites/engine/bases.sh` of packages of Debian, of npm and for Python.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use crate::cache;

/// A Docker engine that answers.
pub(super) struct Engine {
    /// Whether containers can have addresses of their own; without it they get a loopback of their own.
    pub(super) bridge: bool,
    /// Whether the images are stand-ins.
    stand_ins: bool,
    /// Sets of stand-ins that are made, or that could not be.
    made: Mutex<BTreeSet<String>>,
    pub(super) version: String,
}

/// An engine of our own that runs until this is dropped.
pub(super) struct Own {
    folder: PathBuf,
    /// The variables that lead to it.
    pub(super) variables: Vec<(String, String)>,
}

impl Own {
    /// Starts an engine; the inner error says why that cannot be done here.
    pub(super) fn start() -> Result<Result<Self, String>> {
        if std::env::var_os("DOCKER_HOST").is_some_and(|host| !host.is_empty()) {
            return Ok(Err("no Docker engine answers at DOCKER_HOST".to_owned()));
        }
        if let Some(reason) = impossible() {
            return Ok(Err(format!("there is no Docker engine, and none can be started: {reason}")));
        }
        let folder = cache::folder()?.join("engine");
        println!("starting an engine in {}", folder.display());
        let output = Command::new("bash").arg(script("start.sh")).arg(&folder).output()?;
        if let Err(error) = text_of(&output) {
            return Ok(Err(format!("an engine could not be started: {error}")));
        }
        let variables = variables(&folder)?;
        Ok(Ok(Self { folder, variables }))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(Command::new("bash").arg(script("stop.sh")).arg(&self.folder).status());
    }
}

/// Whether a Docker engine answers in this environment.
pub(super) fn answers() -> bool {
    Command::new("docker").arg("version").output().is_ok_and(|output| output.status.success())
}

impl Engine {
    /// The engine of the environment.
    pub(super) fn reach() -> Result<Self> {
        let mut engine =
            Self { bridge: false, stand_ins: false, made: Mutex::default(), version: String::new() };
        engine.version = format!("Docker {}", engine.text(&["version", "--format", "{{.Server.Version}}"])?);
        let networks = engine.text(&["network", "ls", "--format", "{{.Driver}}"])?;
        engine.bridge = networks.lines().any(|driver| driver == "bridge");
        let label = r#"{{index .Config.Labels "standin"}}"#;
        let label = engine.text(&["image", "inspect", "--format", label, "debian:bookworm-slim"]);
        engine.stand_ins =
            std::env::var_os("DOCKMEND_STAND_INS").is_some() || label.is_ok_and(|label| label == "true");
        Ok(engine)
    }

    /// Whether its images are stand-ins made from packages.
    pub(super) fn stand_ins(&self) -> bool {
        self.stand_ins
    }

    /// A command of the `docker` program.
    pub(super) fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("docker");
        command.args(arguments);
        command
    }

    /// A program that calls the engine.
    #[allow(clippy::unused_self)] // Nothing can be asked before there is an engine.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DOCKER_BUILDKIT", "1");
        command
    }

    /// What a command of `docker` prints.
    ///
    /// # Errors
    /// It fails; the error has what it said.
    pub(super) fn text(&self, arguments: &[&str]) -> Result<String> {
        let output = self.docker(arguments).output().context("cannot start docker")?;
        text_of(&output).with_context(|| format!("docker {}", arguments.join(" ")))
    }

    /// Runs a command of `docker` that may fail: something is cleaned up that may not be there.
    pub(super) fn quietly(&self, arguments: &[&str]) {
        drop(self.docker(arguments).output());
    }

    /// Makes sure that an image is there: by pulling it, or by making its stand-in.
    ///
    /// # Errors
    /// Why it is not to be had.
    pub(super) fn need(&self, image: &str) -> Result<()> {
        // `docker build --check` needs no more than the name, and other suites tag empty images with it.
        let label = r#"{{index .Config.Labels "standin"}}"#;
        let inspect = ["image", "inspect", "--format", label, image];
        let present = || self.text(&inspect).is_ok_and(|label| !self.stand_ins || label == "true");
        if present() {
            return Ok(());
        }
        if !self.stand_ins {
            self.text(&["pull", "--quiet", image])?;
            return Ok(());
        }
        let Some(set) = set_of(image) else { bail!("there is no stand-in for the image {image}") };
        // One at a time: the sets build on each other.
        let mut made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if made.insert(set.to_owned()) {
            println!("making the stand-ins of {set}");
            let bases = cache::folder()?.join("bases");
            let output = self.command("bash").arg(script("bases.sh")).arg(&bases).arg(set).output()?;
            text_of(&output).with_context(|| format!("the stand-ins of {set} could not be made"))?;
        }
        if present() { Ok(()) } else { bail!("there is no stand-in for the image {image}") }
    }
}

/// What a program printed.
///
/// # Errors
/// It failed; the error has the end of what it said.
pub(super) fn text_of(output: &Output) -> Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    bail!("{}", lines[lines.len().saturating_sub(15)..].join("\n"))
}

/// Why no engine of our own can be started here.
fn impossible() -> Option<&'static str> {
    let id = Command::new("id").arg("-u").output().ok();
    if id.is_none_or(|id| id.stdout != b"0\n") {
        return Some("that needs root");
    }
    let debian = std::fs::read_to_string("/etc/os-release").is_ok_and(|text| text.contains("\nID=debian\n"));
    if debian { None } else { Some("it is made of Debian's packages, and this is not Debian") }
}

fn script(name: &str) -> PathBuf {
    cache::checkout().join("crates/suites/engine").join(name)
}

/// The variables that `start.sh` wrote down: a line `NAME=value` each.
fn variables(folder: &Path) -> Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(folder.join("env"))?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The set of stand-ins that has an image.
fn set_of(image: &str) -> Option<&'static str> {
    let name = image.split([':', '@']).next().unwrap_or(image);
    Some(match name {
        "debian" | "buildpack-deps" => "core",
        "node" => "node",
        "oven/bun" => "bun",
        "python" | "ghcr.io/astral-sh/uv" => "python",
        "golang" => "go",
        "rust" => "rust",
        "nginx" => "web",
        "alpine" | "busybox" => "tiny",
        name if name.starts_with("gcr.io/distroless/") => "tiny",
        _ => return None,
    })
}
