//! A Docker engine, spoken to through the user's own `docker` command: what it builds, and what came of it.
//!
//! The command finds the engine as it does for the user: by `DOCKER_HOST`, its context, its configuration.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The `docker` command.
#[derive(Clone, Debug)]
pub struct Docker {
    options: Vec<String>,
}

/// What an engine could not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DockerProblem {
    /// The command cannot be started.
    #[error("the command `docker` cannot be started: {0}")]
    NoCommand(std::io::Error),
    /// A build failed.
    #[error("`docker build` failed: {0}")]
    Build(String),
    /// Another call failed, or answered what cannot be read.
    #[error("`docker {what}` failed: {said}")]
    Other {
        /// The call.
        what: &'static str,
        /// The end of what it said.
        said: String,
    },
}

/// A build that succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Built {
    /// The RUN steps that were executed, as the builder names them: those that came from the cache are left out.
    pub executed: Vec<String>,
}

/// An image of the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Image {
    /// Its size in bytes, as the engine reports it.
    pub size: u64,
    /// The fields of its config that are set, by the names that the engine gives them, each as compact JSON. The
    /// variables and labels have a field each: `Env PATH`.
    pub config: Vec<(String, String)>,
}

impl Docker {
    /// The engine that the environment names. `options` are passed on to each build (`--network=host`).
    pub fn new(options: Vec<String>) -> Self {
        Self { options }
    }

    /// Builds a Dockerfile, and gives the image a name.
    ///
    /// The ignore file is the one beside the Dockerfile (`Dockerfile.dockerignore`), if there is one.
    ///
    /// # Errors
    /// The engine cannot be reached, or the build fails: then with the end of its log.
    pub fn build(
        &self,
        dockerfile: &Path,
        context: &Path,
        target: Option<&str>,
        name: &str,
    ) -> Result<Built, DockerProblem> {
        let mut command = Command::new("docker");
        command.env("DOCKER_BUILDKIT", "1").args(["build", "--progress=plain", "--tag", name]);
        command.args(&self.options);
        command.args(target.map(|target| format!("--target={target}")));
        command.arg("--file").arg(dockerfile).arg(context);
        let output = command.output().map_err(DockerProblem::NoCommand)?;
        let log = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(DockerProblem::Build(end_of(&log)));
        }
        Ok(Built { executed: executed(&log) })
    }

    /// What an image is.
    ///
    /// # Errors
    /// There is no such image, or the engine cannot be reached.
    pub fn inspect(&self, name: &str) -> Result<Image, DockerProblem> {
        let output = Command::new("docker").args(["image", "inspect", name]).output();
        let output = succeeded("image inspect", output)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let problem = || DockerProblem::Other { what: "image inspect", said: end_of(&said) };
        let json: Value = serde_json::from_str(&said).map_err(|_| problem())?;
        let image = json.get(0).ok_or_else(problem)?;
        let size = image.get("Size").and_then(Value::as_u64).ok_or_else(problem)?;
        Ok(Image { size, config: config(image.get("Config")) })
    }

    /// Removes an image. That it is not there is no problem.
    pub fn remove(&self, name: &str) {
        // What cannot be removed is left for the user to see.
        drop(Command::new("docker").args(["image", "rm", "--force", name]).output());
    }
}

fn succeeded(what: &'static str, output: std::io::Result<Output>) -> Result<Output, DockerProblem> {
    let output = output.map_err(DockerProblem::NoCommand)?;
    if output.status.success() {
        return Ok(output);
    }
    Err(DockerProblem::Other { what, said: end_of(&String::from_utf8_lossy(&output.stderr)) })
}

/// The last lines of a log, without the empty ones.
fn end_of(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
}

/// The RUN steps of a log in BuildKit's plain format that were executed. A step is announced with a number
/// (`#7 [build 3/5] RUN npm ci`), and later `#7 CACHED` says that it came from the cache.
fn executed(log: &str) -> Vec<String> {
    let mut steps: Vec<(&str, &str)> = Vec::new();
    let mut cached: Vec<&str> = Vec::new();
    for line in log.lines() {
        let Some((number, rest)) = line.strip_prefix('#').and_then(|line| line.split_once(' ')) else {
            continue;
        };
        if rest == "CACHED" {
            cached.push(number);
        } else if let Some((_, step)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("] "))
            && step.starts_with("RUN ")
            && !steps.iter().any(|(known, _)| *known == number)
        {
            steps.push((number, step));
        }
    }
    let ran = steps.into_iter().filter(|(number, _)| !cached.contains(number));
    ran.map(|(_, step)| step.to_owned()).collect()
}

/// The fields that are set. A field that is empty is as good as none.
fn config(json: Option<&Value>) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for (name, value) in json.and_then(Value::as_object).into_iter().flatten() {
        match (name.as_str(), value) {
            // What the engine fills in for itself.
            ("Image" | "Hostname" | "Domainname", _) => {}
            ("Env", Value::Array(list)) => {
                for variable in list.iter().filter_map(Value::as_str) {
                    let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
                    fields.push((format!("Env {name}"), value.to_owned()));
                }
            }
            ("Labels", Value::Object(labels)) => {
                for (name, value) in labels {
                    fields.push((format!("Label {name}"), value.as_str().unwrap_or_default().to_owned()));
                }
            }
            (_, Value::Null | Value::Bool(false)) => {}
            (_, Value::String(text)) if text.is_empty() => {}
            (_, Value::Array(list)) if list.is_empty() => {}
            (_, Value::Object(map)) if map.is_empty() => {}
            (name, Value::String(text)) => fields.push((name.to_owned(), text.clone())),
            (name, other) => fields.push((name.to_owned(), other.to_string())),
        }
    }
    fields.sort();
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_from_the_cache_are_not_executed() {
        let log = "#5 [build 1/4] FROM node:20\n#6 [build 2/4] WORKDIR /app\n#6 CACHED\n#7 [build 3/4] RUN npm ci\n\
                   #7 CACHED\n#8 [build 4/4] RUN npm run build\n#8 0.4 > RUN x\n#8 DONE 1.2s\n\
                   #9 [stage-1 2/2] RUN --mount=type=cache,target=/x a && \\ b\n#9 DONE 0.1s\n";
        assert_eq!(executed(log), ["RUN npm run build", "RUN --mount=type=cache,target=/x a && \\ b"]);
    }

    #[test]
    fn a_config_is_its_fields_that_are_set() {
        let json = serde_json::json!({
            "User": "", "WorkingDir": "/app", "Env": ["PATH=/bin", "A=b=c"], "Cmd": ["node", "a.js"],
            "Entrypoint": null, "Labels": {"x": "y"}, "ExposedPorts": {"80/tcp": {}}, "Volumes": {},
        });
        let fields = config(Some(&json));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            fields,
            [
                ("Cmd", r#"["node","a.js"]"#),
                ("Env A", "b=c"),
                ("Env PATH", "/bin"),
                ("ExposedPorts", r#"{"80/tcp":{}}"#),
                ("Label x", "y"),
                ("WorkingDir", "/app"),
            ]
        );
    }
}
