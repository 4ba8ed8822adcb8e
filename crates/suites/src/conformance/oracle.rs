//! BuildKit's parser, run from its Python wheel in one long-running process.

use std::io::{BufRead, BufReader, BufWriter, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::shape::Instruction;
use crate::cache;

/// The wheel around BuildKit v0.12.5.
const WHEEL: &str = "dockerfile==3.4.0";

const SCRIPT: &str = include_str!("oracle.py");

/// What the oracle says of a text.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// BuildKit accepts it, and reads these instructions.
    Commands(Vec<Instruction>),
    /// BuildKit refuses it, with this message.
    Rejected(String),
    /// The wheel cannot answer, for this reason.
    Unable(String),
}

/// The running process.
pub(crate) struct Oracle {
    child: Child,
    pub(crate) questions: Questions,
    pub(crate) answers: Answers,
}

/// The way in.
pub(crate) struct Questions(BufWriter<ChildStdin>);

/// The way out.
pub(crate) struct Answers(Lines<BufReader<ChildStdout>>);

impl Oracle {
    /// Starts the oracle, and installs it first when the cache does not have it.
    pub(crate) fn start() -> Result<Self> {
        let python = installed(&cache::folder()?)?;
        let mut child = Command::new(python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Go's text scanner writes its complaints there, beside the answer.
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the oracle")?;
        let questions = child.stdin.take().context("the oracle has no input")?;
        let answers = child.stdout.take().context("the oracle has no output")?;
        Ok(Self {
            child,
            questions: Questions(BufWriter::new(questions)),
            answers: Answers(BufReader::new(answers).lines()),
        })
    }

    /// Ends the process.
    pub(crate) fn stop(self) -> Result<()> {
        let Self { mut child, questions, answers } = self;
        drop(questions);
        drop(answers);
        child.wait()?;
        Ok(())
    }
}

impl Questions {
    /// Asks about a batch of texts.
    pub(crate) fn ask(&mut self, texts: &[&str]) -> Result<()> {
        serde_json::to_writer(&mut self.0, texts)?;
        self.0.write_all(b"\n")?;
        self.0.flush()?;
        Ok(())
    }
}

impl Answers {
    /// The answers to the next batch.
    pub(crate) fn next(&mut self, count: usize) -> Result<Vec<Answer>> {
        let line = self.0.next().context("the oracle ended before it answered")??;
        let answers: Vec<Answer> =
            serde_json::from_str(&line).context("the oracle's answer cannot be read")?;
        if answers.len() != count {
            bail!("the oracle gave {} answers to {count} questions", answers.len());
        }
        Ok(answers)
    }
}

/// The interpreter of a virtual environment that has the wheel.
fn installed(cache: &Path) -> Result<PathBuf> {
    let folder = cache.join("oracle");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let mark = folder.join("installed");
    if std::fs::read_to_string(&mark).is_ok_and(|wheel| wheel == WHEEL) && python.exists() {
        return Ok(python);
    }
    eprintln!("installing {WHEEL} into {}", folder.display());
    cache::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    cache::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", WHEEL]))?;
    std::fs::write(&mark, WHEEL)?;
    Ok(python)
}
