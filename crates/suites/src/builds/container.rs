//! Running an image and asking it.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::engine::{Engine, text_of};
use super::image::Image;
use super::project::Run;

/// A container that takes longer to start, or a job that takes longer to end, is broken.
const LONGEST_START: Duration = Duration::from_secs(40);

/// The seconds that a container has between SIGTERM and SIGKILL.
const GRACE: &str = "6";

/// A container, removed when this is dropped.
pub(super) struct Container<'a> {
    engine: &'a Engine,
    run: &'a Run,
    id: String,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stopped {
    /// Its exit code; 137 is that of SIGKILL.
    pub(super) code: i64,
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        self.engine.quietly(&["rm", "--force", "--volumes", &self.id]);
    }
}

impl<'a> Container<'a> {
    /// Starts a container, on a named volume when there is one, and as another user when one is given.
    pub(super) fn start(
        engine: &'a Engine,
        image: &Image<'_>,
        run: &'a Run,
        volume: Option<&str>,
        user: Option<&str>,
    ) -> Result<Self> {
        let mut command = engine.docker(&["run", "--detach"]);
        if !engine.bridge {
            // A loopback of its own; it is entered for each question.
            command.arg("--network=none");
        } else if let Some(port) = run.port {
            command.arg(format!("--publish=127.0.0.1::{port}"));
        }
        for (name, value) in &run.env {
            command.arg(format!("--env={name}={value}"));
        }
        if let (Some(volume), Some(folder)) = (volume, &run.volume) {
            command.arg(format!("--volume={volume}:{folder}"));
        }
        if let Some(user) = user {
            command.args(["--user", user]);
        }
        let id = text_of(&command.arg(&image.name).output()?)?;
        Ok(Self { engine, run, id })
    }

    /// Starts it again after it was stopped.
    pub(super) fn again(&self) -> Result<()> {
        self.engine.text(&["start", &self.id]).map(|_| ())
    }

    /// Waits until a server answers, a worker has said its lines, or a job has ended with 0.
    pub(super) fn wait(&self) -> Result<()> {
        let begin = Instant::now();
        loop {
            let state = self.inspect("{{.State.Running}} {{.State.ExitCode}}")?;
            let running = state.starts_with("true");
            if self.run.job {
                match state.as_str() {
                    "false 0" => return Ok(()),
                    _ if !running => bail!("it ended with {state}: {}", self.last_words()),
                    _ => {}
                }
            } else if !running {
                bail!("it ended by itself ({state}): {}", self.last_words());
            } else if self.is_ready() {
                return Ok(());
            }
            if begin.elapsed() > LONGEST_START {
                bail!("it was not ready after {} s: {}", LONGEST_START.as_secs(), self.last_words());
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn is_ready(&self) -> bool {
        match self.run.routes.first() {
            Some(route) if self.run.port.is_some() => self.get(route).is_ok(),
            _ => {
                let logs = self.logs();
                self.run.says.iter().all(|line| logs.contains(line.as_str()))
            }
        }
    }

    /// The answers on all routes, and what a worker or job wrote.
    pub(super) fn answers(&self) -> Vec<(String, String)> {
        let answer = |answer: Result<String>| answer.unwrap_or_else(|error| format!("no answer: {error:#}"));
        let routes = self.run.routes.iter().filter(|_| self.run.port.is_some());
        let mut answers: Vec<_> = routes.map(|route| (route.clone(), answer(self.get(route)))).collect();
        let logs = self.logs();
        for line in &self.run.says {
            let said = if logs.contains(line.as_str()) { "said" } else { "not said" };
            answers.push((line.clone(), said.to_owned()));
        }
        if let Some(path) = &self.run.writes {
            answers.push((path.clone(), answer(self.file(path))));
        }
        answers
    }

    /// Sends a line to the path that takes them, and reads it again.
    pub(super) fn write(&self, path: &str, line: &str) -> Result<()> {
        let answer = self.ask(path, &["--data-raw", line, "--header", "Content-Type: text/plain"])?;
        if !answer.starts_with('2') {
            bail!("POST {path}: {answer}");
        }
        self.reads(path, line)
    }

    /// Whether a line that was written is there.
    pub(super) fn reads(&self, path: &str, line: &str) -> Result<()> {
        let answer = self.get(path)?;
        if !answer.contains(line) {
            bail!("GET {path} has no {line:?}: {answer}");
        }
        Ok(())
    }

    /// The uid of its first process, as the engine's host sees it.
    pub(super) fn uid(&self) -> Result<u32> {
        let text = self.engine.text(&["top", &self.id, "-eo", "uid,pid"])?;
        let first = text.lines().nth(1).and_then(|line| line.split_whitespace().next());
        Ok(first.context("no process")?.parse()?)
    }

    /// Sends SIGTERM, and SIGKILL when that does nothing.
    pub(super) fn stop(&self) -> Result<Stopped> {
        self.engine.text(&["stop", "--time", GRACE, &self.id])?;
        Ok(Stopped { code: self.inspect("{{.State.ExitCode}}")?.parse()? })
    }

    fn get(&self, path: &str) -> Result<String> {
        self.ask(path, &[])
    }

    /// Status, type and body of an answer, in one text.
    fn ask(&self, path: &str, more: &[&str]) -> Result<String> {
        let port = self.run.port.context("a worker has no port")?;
        let (mut command, port) = if self.engine.bridge {
            let published = self.engine.text(&["port", &self.id, &format!("{port}/tcp")])?;
            let port = published.lines().next().and_then(|line| line.rsplit(':').next()?.parse().ok());
            (Command::new("curl"), port.context("the port is not published")?)
        } else {
            let pid = self.inspect("{{.State.Pid}}")?;
            let mut command = Command::new("nsenter");
            command.args(["--net", "--target", &pid, "curl"]);
            (command, port)
        };
        command.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "8"]);
        command.args(["--write-out", "\n%{http_code} %{content_type}"]).args(more);
        let output = command.arg(format!("http://127.0.0.1:{port}{path}")).output()?;
        let text = text_of(&output)?;
        let (body, status) = text.rsplit_once('\n').unwrap_or(("", &text));
        Ok(format!("{status}\n{body}"))
    }

    /// The text of a file in the container, which need not run and need have no programs.
    fn file(&self, path: &str) -> Result<String> {
        let folder = tempfile::tempdir()?;
        let to = folder.path().join("file");
        let from = format!("{}:{path}", self.id);
        text_of(&self.engine.docker(&["cp", &from]).arg(&to).output()?)?;
        Ok(std::fs::read_to_string(to)?)
    }

    fn inspect(&self, format: &str) -> Result<String> {
        self.engine.text(&["inspect", "--format", format, &self.id])
    }

    fn logs(&self) -> String {
        let output = self.engine.docker(&["logs", &self.id]).output();
        output.map_or_else(
            |_| String::new(),
            |output| {
                let text = [output.stdout, output.stderr].concat();
                String::from_utf8_lossy(&text).into_owned()
            },
        )
    }

    fn last_words(&self) -> String {
        let logs = self.logs();
        let lines: Vec<&str> = logs.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}
