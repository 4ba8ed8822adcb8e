//! Programs by what they do with users, words of the shell, and names that files and variables carry.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

/// How a program relates to the user it is started as (H025, H037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ProgramRole {
    /// Must start as root, or changes user by itself.
    Daemon,
    /// Starts another program as another user.
    Switcher,
    /// Starts several daemons, each as its own user.
    Supervisor,
    /// A system's init, or what talks to it.
    Init,
    /// Passes on its arguments: the program behind it counts.
    Wrapper,
}

impl ProgramRole {
    /// Whether a program of this role expects to be started as root.
    pub fn expects_root(self) -> bool {
        self != Self::Wrapper
    }
}

/// The kind of a file that does not belong in a build context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LitterKind {
    /// Of a version control system.
    Vcs,
    /// Of an editor.
    Editor,
    /// Of the operating system or a failed program.
    Os,
    /// Installed or compiled for this machine.
    Dependencies,
}

/// A line for .dockerignore.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Litter {
    /// The pattern, as .dockerignore has it.
    pub pattern: String,
    /// What made it.
    pub kind: LitterKind,
    /// Why it should stay out, for a comment.
    pub why: String,
}

/// Each entry of the table names where it comes from; that is for its readers, and the test of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    role: ProgramRole,
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Builtins {
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
    also_files: HashSet<String>,
    posix: HashSet<String>,
    bash: HashSet<String>,
    keywords: HashSet<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shells {
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
    names: Vec<String>,
    windows: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
    names: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Archives {
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
    extensions: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
    words: Vec<String>,
    not: Vec<String>,
    files: Vec<String>,
    extensions: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LitterTable {
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
    patterns: Vec<Litter>,
}

/// What a program writes when it is started.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Start {
    programs: Vec<String>,
    #[serde(default)]
    with: Vec<String>,
    #[serde(default)]
    unless: Vec<String>,
    /// Directories that it writes in, from the one that it is started in.
    #[serde(default)]
    pub dirs: Vec<String>,
    /// Directories that it writes in at any depth.
    #[serde(default)]
    pub trees: Vec<String>,
    /// Why it cannot run as a user that does not own the image.
    pub refuse: Option<String>,
    /// The hazard behind that.
    pub hazard: Option<String>,
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
}

impl Start {
    fn fits(&self, program: &str, others: &[String]) -> bool {
        let has = |word: &String| others.contains(word);
        self.programs.iter().any(|name| name == program)
            && self.with.iter().all(has)
            && !self.unless.iter().any(has)
    }
}

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Programs {
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    as_of: String,
    #[serde(rename = "programs")]
    roles: HashMap<String, Program>,
    builtins: Builtins,
    shells: Shells,
    interpreters: Names,
    runners: Names,
    functions: Names,
    servers: Names,
    archives: Archives,
    secrets: Secrets,
    litter: LitterTable,
    starts: Vec<Start>,
}

impl Programs {
    pub(super) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    pub(super) fn role(&self, command: &str) -> Option<ProgramRole> {
        let name = file_name(command);
        if let Some(program) = self.roles.get(name) {
            return Some(program.role);
        }
        self.roles
            .iter()
            .find(|(pattern, _)| pattern.strip_suffix('*').is_some_and(|prefix| name.starts_with(prefix)))
            .map(|(_, program)| program.role)
    }

    pub(super) fn is_builtin(&self, word: &str) -> bool {
        self.builtins.posix.contains(word) || self.builtins.bash.contains(word) || self.is_keyword(word)
    }

    pub(super) fn is_keyword(&self, word: &str) -> bool {
        self.builtins.keywords.contains(word)
    }

    pub(super) fn is_also_a_file(&self, word: &str) -> bool {
        self.builtins.also_files.contains(word)
    }

    pub(super) fn is_shell(&self, command: &str) -> bool {
        self.shells.names.iter().any(|name| name == file_name(command))
    }

    pub(super) fn is_windows_shell(&self, command: &str) -> bool {
        let name = command.rsplit(['/', '\\']).next().unwrap_or(command);
        self.shells.windows.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    pub(super) fn is_interpreter(&self, command: &str) -> bool {
        self.interpreters.names.iter().any(|name| is_versioned(file_name(command), name))
    }

    pub(super) fn is_runner(&self, command: &str) -> bool {
        self.runners.names.iter().any(|name| name == file_name(command))
    }

    pub(super) fn is_known_function(&self, word: &str) -> bool {
        self.functions.names.iter().any(|name| name == word)
    }

    pub(super) fn is_server(&self, word: &str) -> bool {
        self.servers.names.iter().any(|name| name == word)
    }

    pub(super) fn is_archive_name(&self, path: &str) -> bool {
        let path = path.to_ascii_lowercase();
        self.archives.extensions.iter().any(|extension| path.ends_with(extension.as_str()))
    }

    pub(super) fn is_secret_variable(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        !self.secrets.not.iter().any(|word| name.contains(word.as_str()))
            && name.split('_').any(|part| self.secrets.words.iter().any(|word| word == part))
    }

    pub(super) fn is_secret_file(&self, path: &str) -> bool {
        let name = file_name(path);
        self.secrets.files.iter().any(|known| known == name)
            || self.secrets.extensions.iter().any(|extension| name.ends_with(extension.as_str()))
    }

    /// What is known of a program that is started with other words behind its name.
    pub(super) fn start(&self, command: &str, others: &[String]) -> Option<&Start> {
        let name = file_name(command);
        self.starts.iter().find(|start| start.fits(name, others))
    }

    pub(super) fn litter(&self) -> &[Litter] {
        &self.litter.patterns
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a program is this one, with or without a version behind its name: `python3.12` is `python`.
pub(super) fn is_versioned(program: &str, name: &str) -> bool {
    program
        .strip_prefix(name)
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::{ProgramRole, Programs};
    use crate::knowledge::{Knowledge, PROGRAMS};

    #[test]
    fn the_table_is_consistent() {
        let table = Programs::parse(PROGRAMS).expect("programs.toml");
        assert_eq!(table.as_of.len(), 7);
        for (name, program) in &table.roles {
            assert!(!program.source.is_empty(), "{name}");
        }
        for source in [
            &table.builtins.source,
            &table.shells.source,
            &table.interpreters.source,
            &table.runners.source,
            &table.functions.source,
            &table.servers.source,
            &table.archives.source,
            &table.secrets.source,
            &table.litter.source,
        ] {
            assert!(!source.is_empty());
        }
        for start in &table.starts {
            assert!(!start.programs.is_empty() && !start.source.is_empty(), "{start:?}");
            assert_eq!(start.refuse.is_some(), start.hazard.is_some(), "{start:?}");
        }
        assert!(table.builtins.also_files.is_subset(&table.builtins.posix));
        for extension in table.archives.extensions.iter().chain(&table.secrets.extensions) {
            assert!(extension.starts_with('.'), "{extension}");
        }
    }

    #[test]
    fn knows_programs() {
        let knowledge = Knowledge::builtin();
        for (command, role) in [
            ("gosu", Some(ProgramRole::Switcher)),
            ("/usr/sbin/sshd", Some(ProgramRole::Daemon)),
            ("/usr/bin/supervisord", Some(ProgramRole::Supervisor)),
            ("s6-svscan", Some(ProgramRole::Supervisor)),
            ("s6-setuidgid", Some(ProgramRole::Switcher)),
            ("php-fpm8.2", Some(ProgramRole::Daemon)),
            ("/sbin/tini", Some(ProgramRole::Wrapper)),
            ("/sbin/init", Some(ProgramRole::Init)),
            ("node", None),
            ("", None),
        ] {
            assert_eq!(knowledge.program_role(command), role, "{command}");
        }
    }

    #[test]
    fn knows_words_and_names() {
        let knowledge = Knowledge::builtin();
        assert!(knowledge.is_shell_builtin("cd") && knowledge.is_shell_builtin("source"));
        assert!(knowledge.is_shell_builtin("if") && !knowledge.is_shell_builtin("ls"));
        assert!(knowledge.is_shell("/bin/bash") && !knowledge.is_shell("fish.txt"));
        assert!(knowledge.is_windows_shell(r"C:\Windows\System32\CMD.EXE"));
        assert!(knowledge.is_interpreter("/usr/bin/python3.12") && knowledge.is_interpreter("node"));
        assert!(!knowledge.is_interpreter("nodemon"));
        assert!(knowledge.is_archive_name("a/B.TAR.GZ") && !knowledge.is_archive_name("a.zip"));
        for (name, secret) in [
            ("API_TOKEN", true),
            ("password", true),
            ("PUBLIC_KEY", false),
            ("TOKENIZER", false),
            ("KEYBOARD", false),
        ] {
            assert_eq!(knowledge.is_secret_variable(name), secret, "{name}");
        }
        assert!(knowledge.is_secret_file("home/.npmrc") && knowledge.is_secret_file("tls/server.key"));
        assert!(!knowledge.is_secret_file("package.json"));
        assert!(knowledge.litter().iter().any(|line| line.pattern == ".git"));
    }
}
