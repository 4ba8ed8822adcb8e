//! The image config that a stage ends with.

use std::collections::BTreeMap;

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};

use super::Known;

/// A command of the image config.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CommandLine {
    /// The words the container's process is started with, the shell's included.
    pub words: Vec<String>,
    /// Whether it is in exec form.
    pub exec: bool,
    /// The instruction that sets it; `None` when it comes from the base image.
    pub instruction: Option<usize>,
    /// Whether a Dockerfile of the repository sets it: this one, or the one that builds the base image.
    pub set_here: bool,
}

/// The config of an image: what a container is started with.
///
/// Source: the OCI image specification, "Image Configuration", and the Dockerfile reference.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageConfig {
    /// The user.
    pub user: Known<String>,
    /// The working directory.
    pub workdir: Known<String>,
    /// The entry point.
    pub entrypoint: Known<Option<CommandLine>>,
    /// The command, or the arguments of the entry point.
    pub cmd: Known<Option<CommandLine>>,
    /// The health check, as it is written, flags included.
    pub healthcheck: Option<String>,
    /// The ports, as they are written.
    pub exposed: RedBlackTreeSetSync<String>,
    /// The volumes, as they are written.
    pub volumes: RedBlackTreeSetSync<String>,
    /// The labels that the file sets. Like the other sets and maps here, it shares its parts with the config that it was
    /// made from: a chain of stages takes little, however much each inherits.
    pub labels: RedBlackTreeMapSync<String, String>,
    /// The variables that the file sets, as they are written.
    pub env: RedBlackTreeMapSync<String, String>,
    /// The stop signal, as it is written.
    pub stop_signal: Option<String>,
    /// The shell that SHELL set.
    pub shell: Option<Vec<String>>,
    /// What MAINTAINER set.
    pub author: Option<String>,
    /// The triggers of ONBUILD.
    pub triggers: Vec<String>,
}

impl ImageConfig {
    /// Whether a container of the image starts something that the file, or a base stage in it, names.
    pub fn is_runnable(&self) -> bool {
        let named = |command: &Known<Option<CommandLine>>| {
            command.value().and_then(Option::as_ref).is_some_and(|command| command.set_here)
        };
        named(&self.entrypoint) || named(&self.cmd)
    }
}

/// A field of the image config.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ConfigField {
    /// The user.
    User,
    /// The working directory.
    Workdir,
    /// The entry point.
    Entrypoint,
    /// The command.
    Cmd,
    /// The health check.
    Healthcheck,
    /// The exposed ports.
    Exposed,
    /// The volumes.
    Volumes,
    /// A label.
    Label(String),
    /// A variable.
    Env(String),
    /// The stop signal.
    StopSignal,
    /// The shell.
    Shell,
    /// The author.
    Author,
    /// The triggers.
    Triggers,
}

impl std::fmt::Display for ConfigField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User => f.write_str("user"),
            Self::Workdir => f.write_str("working directory"),
            Self::Entrypoint => f.write_str("entry point"),
            Self::Cmd => f.write_str("command"),
            Self::Healthcheck => f.write_str("health check"),
            Self::Exposed => f.write_str("exposed ports"),
            Self::Volumes => f.write_str("volumes"),
            Self::Label(name) => write!(f, "label {name}"),
            Self::Env(name) => write!(f, "variable {name}"),
            Self::StopSignal => f.write_str("stop signal"),
            Self::Shell => f.write_str("shell"),
            Self::Author => f.write_str("author"),
            Self::Triggers => f.write_str("triggers"),
        }
    }
}

impl ImageConfig {
    /// Every field that is set, rendered for comparison. Two configs are equal when the maps are.
    pub fn fields(&self) -> BTreeMap<ConfigField, String> {
        let mut fields = BTreeMap::new();
        let mut known = |field: ConfigField, value: &Known<String>| {
            let text = match value {
                Known::Value(value) => value.clone(),
                Known::Unknown(cause) => format!("unknown: {cause}"),
            };
            fields.insert(field, text);
        };
        known(ConfigField::User, &self.user);
        known(ConfigField::Workdir, &self.workdir);
        let mut command = |field: ConfigField, value: &Known<Option<CommandLine>>| {
            match value {
                Known::Value(Some(command)) => fields.insert(field, render_words(&command.words)),
                Known::Value(None) => None,
                Known::Unknown(cause) => fields.insert(field, format!("unknown: {cause}")),
            };
        };
        command(ConfigField::Entrypoint, &self.entrypoint);
        command(ConfigField::Cmd, &self.cmd);
        let mut set = |field: ConfigField, text: Option<String>| {
            if let Some(text) = text {
                fields.insert(field, text);
            }
        };
        set(ConfigField::Healthcheck, self.healthcheck.clone());
        set(ConfigField::StopSignal, self.stop_signal.clone());
        set(ConfigField::Author, self.author.clone());
        set(ConfigField::Shell, self.shell.as_deref().map(render_words));
        let joined = |set: &RedBlackTreeSetSync<String>| {
            (!set.is_empty()).then(|| set.iter().cloned().collect::<Vec<_>>().join(" "))
        };
        set(ConfigField::Exposed, joined(&self.exposed));
        set(ConfigField::Volumes, joined(&self.volumes));
        set(ConfigField::Triggers, (!self.triggers.is_empty()).then(|| self.triggers.join("\n")));
        for (name, value) in &self.labels {
            fields.insert(ConfigField::Label(name.clone()), value.clone());
        }
        for (name, value) in &self.env {
            fields.insert(ConfigField::Env(name.clone()), value.clone());
        }
        fields
    }
}

/// The words as a JSON array, which is how the exec form writes them.
pub(crate) fn render_words(words: &[String]) -> String {
    let mut text = String::from("[");
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        push_json_string(&mut text, word);
    }
    text.push(']');
    text
}

/// A JSON string. Characters outside of ASCII stay as they are; controls are escaped (RFC 8259, section 7).
fn push_json_string(text: &mut String, word: &str) {
    text.push('"');
    for character in word.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            control if control < ' ' => {
                text.push_str("\\u00");
                for digit in [control as u32 / 16, control as u32 % 16] {
                    text.extend(char::from_digit(digit, 16));
                }
            }
            other => text.push(other),
        }
    }
    text.push('"');
}
