//! The state an instruction runs in.

use rpds::RedBlackTreeMapSync;

use super::{Cause, Known};
use crate::syntax::{Environment, Lookup};

/// What kind of shell the shell form is run by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ShellKind {
    /// A POSIX shell, or most likely one: the default of every Linux image.
    Posix,
    /// PowerShell or cmd.
    Windows,
    /// The image has no shell: scratch and most distroless images.
    None,
    /// Something else that was named by SHELL.
    Other,
}

/// A part of a [`State`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StateField {
    /// The user.
    User,
    /// The working directory.
    Workdir,
    /// The shell of the shell form.
    Shell,
    /// An environment variable.
    Env(String),
    /// A build argument.
    Arg(String),
}

/// Variables by name. The map shares its parts with the maps it was made from, so that a state for each step costs
/// little however many variables there are.
pub(super) type Variables = RedBlackTreeMapSync<String, Known<String>>;

/// The state before an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// The user, as USER names it; `root` where nothing names one.
    pub user: Known<String>,
    /// The working directory, absolute.
    pub workdir: Known<String>,
    /// The shell that SHELL set in this stage or a base stage of the file, or that the base image is known to have.
    pub shell: Option<Vec<String>>,
    /// Whether SHELL stands in the file before this (here or in a base stage), rather than in the base image.
    pub shell_is_explicit: bool,
    /// The shell that `/bin/sh` is; `None` where the base is not known.
    pub default_shell: Option<ShellKind>,
    /// The variables that ENV set.
    pub(super) env: Variables,
    /// The build arguments in scope.
    pub(super) args: Variables,
    /// The base image that may set further variables; `None` for scratch.
    pub(super) outside: Option<String>,
}

impl State {
    /// What kind of shell the shell form is run by.
    pub fn shell_kind(&self) -> ShellKind {
        match self.shell.as_deref() {
            Some([program, ..]) => kind_of_program(program),
            _ => self.default_shell.unwrap_or(ShellKind::Posix),
        }
    }

    /// The words that come before a shell-form text.
    ///
    /// Source: the Dockerfile reference, "SHELL": the default on Linux is `["/bin/sh", "-c"]`.
    pub fn shell_words(&self) -> Vec<String> {
        self.shell.clone().unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()])
    }

    /// A variable as instructions see it: ENV wins over ARG.
    ///
    /// Source: the Dockerfile reference, "Using ARG variables".
    pub fn variable(&self, name: &str) -> Option<&Known<String>> {
        self.env.get(name).or_else(|| self.args.get(name))
    }

    /// The variables that ENV set, by name.
    pub fn env(&self) -> impl Iterator<Item = (&str, &Known<String>)> {
        self.env.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The build arguments in scope, by name.
    pub fn args(&self) -> impl Iterator<Item = (&str, &Known<String>)> {
        self.args.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The cause that makes `name` unknown.
    pub(super) fn unknown_cause(&self, name: &str) -> Cause {
        match self.variable(name) {
            Some(Known::Unknown(cause)) => cause.clone(),
            _ => Cause::Variable(name.to_owned()),
        }
    }
}

fn kind_of_program(program: &str) -> ShellKind {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program).to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    match name {
        "sh" | "bash" | "ash" | "dash" | "ksh" | "mksh" | "zsh" | "busybox" => ShellKind::Posix,
        "cmd" | "powershell" | "pwsh" => ShellKind::Windows,
        _ => ShellKind::Other,
    }
}

impl Environment for State {
    fn lookup(&self, name: &str) -> Lookup<'_> {
        match self.variable(name) {
            Some(Known::Value(value)) => Lookup::Set(value.as_str().into()),
            Some(Known::Unknown(_)) => Lookup::Unknown,
            // What is not set in the file may be set by the base image.
            None if self.outside.is_some() => Lookup::Unknown,
            None => Lookup::Unset,
        }
    }
}
