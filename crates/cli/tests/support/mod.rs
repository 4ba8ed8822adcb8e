//! A folder on disk, and the binary run in it.

#![allow(dead_code, unreachable_pub)] // Each test binary uses its own part.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

/// A Dockerfile with one safe fix (`maintainer-instruction`, line 2) and one unsafe one (`apt-recommends`, line 3).
pub const TWO_FIXES: &str = "FROM debian:12-slim\nMAINTAINER Jo\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n";

/// What the safe fix makes of [`TWO_FIXES`].
pub const ONE_LEFT: &str = "FROM debian:12-slim\nLABEL org.opencontainers.image.authors=\"Jo\"\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n";

/// Only these rules are looked at where a test is not about rules, so that a new rule changes no test.
pub const RULES: &str = "--select=maintainer-instruction,apt-recommends";

/// A temporary folder that is the root of a repository: no configuration from above reaches into it.
pub struct Project {
    folder: TempDir,
}

/// What a run left behind.
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Project {
    /// A folder with these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(project.path(".git")).unwrap();
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, its folders included.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The text of a file.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The binary, ready to be run in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("dockmend").unwrap();
        command.current_dir(self.folder.path()).args(arguments);
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs the binary in the folder.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// Runs the binary with a text on standard input.
    pub fn pipe(&self, arguments: &[&str], input: impl Into<Vec<u8>>) -> Ran {
        ran(self.command(arguments).write_stdin(input.into()))
    }

    /// Runs the binary and reads its output as JSON.
    pub fn json(&self, arguments: &[&str]) -> (i32, serde_json::Value) {
        let ran = self.run(arguments);
        let value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out));
        (ran.code, value)
    }
}

/// Runs a command that is ready.
pub fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// Expects this exit code.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "standard output:\n{}\nstandard error:\n{}", self.out, self.err);
        self
    }

    /// Expects this in standard output.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.out.contains(text), "{text:?} is not in standard output:\n{}\n{}", self.out, self.err);
        self
    }

    /// Expects that this is not in standard output.
    #[track_caller]
    pub fn says_not(self, text: &str) -> Self {
        assert!(!self.out.contains(text), "{text:?} is in standard output:\n{}", self.out);
        self
    }

    /// Expects this in standard error.
    #[track_caller]
    pub fn warns(self, text: &str) -> Self {
        assert!(self.err.contains(text), "{text:?} is not in standard error:\n{}\n{}", self.err, self.out);
        self
    }

    /// Expects nothing in standard error.
    #[track_caller]
    pub fn quietly(self) -> Self {
        assert_eq!(self.err, "");
        self
    }
}

/// Whether permissions hold back whoever runs the tests; they do not hold back root.
pub fn permissions_count(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let probe = folder.join("probe");
    fs::write(&probe, "").unwrap();
    fs::set_permissions(&probe, fs::Permissions::from_mode(0o000)).unwrap();
    let counts = fs::read(&probe).is_err();
    fs::remove_file(&probe).unwrap();
    counts
}
