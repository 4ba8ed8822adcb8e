//! Reads the shell texts that a container starts, command by command.

use super::judge::{Judge, name_of, refuse};
use super::paths::{is_free, is_givable, is_installed, parent};
use crate::rule::Refusal;
use crate::shell::{RedirectOp, Script, Simple, Word};

/// Programs that look, wait or print, and change nothing but what they are told to write to.
const HARMLESS: &[&str] = &[
    "cat",
    "grep",
    "egrep",
    "sleep",
    "date",
    "awk",
    "gawk",
    "cut",
    "head",
    "tail",
    "tr",
    "sort",
    "uniq",
    "wc",
    "find",
    "ls",
    "ps",
    "printenv",
    "nc",
    "ncat",
    "netcat",
    "curl",
    "wget",
    "pg_isready",
    "psql",
    "mysql",
    "mysqladmin",
    "mariadb",
    "redis-cli",
    "mongosh",
    "mongo",
    "id",
    "whoami",
    "hostname",
    "uname",
    "dirname",
    "basename",
    "realpath",
    "readlink",
    "seq",
    "wait-for-it",
    "wait-for",
    "wait",
    "wait4x",
    "wtfc",
    "openssl",
    "jq",
    "yq",
    "envsubst",
    "pkill",
    "pgrep",
    "tput",
    "nproc",
    "free",
    "df",
    "du",
    "mktemp",
    "expr",
    "bc",
    "base64",
    "md5sum",
    "sha256sum",
    "getent",
    "nslookup",
    "dig",
    "clear",
    "xargs",
    "which",
    "file",
    "stat",
    "tee",
    "ping",
    "banner",
    "figlet",
    "rev",
    "paste",
    "column",
    "dockerize",
    "timeout",
    "time",
    "strings",
    "less",
    "more",
    "diff",
    "cmp",
    "sync",
    "stty",
    "ionice",
    "chronic",
    "logger",
    "alembic",
];

/// Scripts that wait for a port and then start what stands behind `--`.
const WAITING: &[&str] = &["wait-for-it.sh", "wait-for-it", "wait-for.sh", "wait-for", "wait_for_it.sh"];

impl Judge<'_, '_> {
    /// A script of a shell: its text has to be in the context.
    pub(super) fn script(&mut self, path: &str, arguments: &[String]) -> Result<(), Refusal> {
        if WAITING.contains(&name_of(path)) {
            let program =
                arguments.iter().position(|word| word == "--").and_then(|at| arguments.get(at + 1..));
            return program.map_or(Ok(()), |program| self.words(program.to_vec()));
        }
        let Some(text) = self.script_text(path) else {
            return refuse("H025", "the command is a script that cannot be seen");
        };
        let script = Script::parse(&text.replace("\r\n", "\n"));
        if !script.is_readable() {
            return refuse("H025", format!("the script {path} cannot be read with certainty"));
        }
        let outer = (self.directory.clone(), std::mem::replace(&mut self.arguments, arguments.to_vec()));
        let home = self.place(path).map(|path| parent(&path).to_owned());
        let home = std::mem::replace(&mut self.home, home);
        let result = self.text(&script);
        (self.directory, self.arguments) = outer;
        self.home = home;
        result
    }

    /// A shell text: each of its commands, those in branches that may not be taken as well.
    pub(super) fn text(&mut self, script: &Script) -> Result<(), Refusal> {
        if !script.is_readable() {
            return refuse("H025", "the shell text of the command cannot be read");
        }
        let functions = script.list().iter().filter_map(|item| function_name(&item.node));
        self.functions.extend(functions.map(str::to_owned));
        for simple in script.all_commands() {
            if simple.name().is_some_and(|name| self.functions.contains(name)) {
                continue;
            }
            self.simple(simple)?;
        }
        Ok(())
    }

    fn simple(&mut self, simple: &Simple) -> Result<(), Refusal> {
        for assignment in &simple.assignments {
            if let Some(value) = self.value(&assignment.value) {
                self.variables.insert(assignment.name.clone(), value);
            }
        }
        for redirect in &simple.redirects {
            let writes = [
                RedirectOp::Write,
                RedirectOp::Append,
                RedirectOp::Clobber,
                RedirectOp::Both,
                RedirectOp::BothAppend,
            ];
            if writes.contains(&redirect.operator) {
                self.file_is_written(&redirect.target)?;
            }
        }
        let mut words: Vec<(String, Option<String>)> = Vec::new();
        for word in &simple.words {
            if matches!(word.raw(), "\"$@\"" | "$@" | "$*" | "\"$*\"" | "\"${@}\"" | "${@}") {
                words
                    .extend(self.arguments.iter().map(|argument| (argument.clone(), Some(argument.clone()))));
            } else {
                words.push((word.raw().to_owned(), self.value(word)));
            }
        }
        // `exec` and its like have no say; with nothing behind it, it only redirects.
        while words.len() > 1
            && matches!(words.first().map(|(raw, _)| raw.as_str()), Some("exec" | "command" | "nohup" | "!"))
        {
            words.remove(0);
        }
        let Some((raw, name)) = words.first().cloned() else { return Ok(()) };
        let Some(name) = name else {
            return refuse(
                "H025",
                format!("`{raw}` names what the script starts, and its value is not known"),
            );
        };
        let others = words.get(1..).unwrap_or_default();
        self.command(&name, others)
    }

    fn command(&mut self, name: &str, others: &[(String, Option<String>)]) -> Result<(), Refusal> {
        match name_of(name) {
            "cd" | "pushd" => {
                let target = others.first().and_then(|(_, value)| value.clone());
                self.directory = target.and_then(|target| self.place(&target));
                return Ok(());
            }
            "export" | "declare" | "local" | "readonly" | "typeset" => {
                for (_, value) in others {
                    if let Some((name, value)) = value.as_ref().and_then(|word| word.split_once('=')) {
                        self.variables.insert(name.to_owned(), value.to_owned());
                    }
                }
                return Ok(());
            }
            "set" if others.first().is_some_and(|(raw, _)| raw == "--") => {
                let rest = others.get(1..).unwrap_or_default();
                self.arguments =
                    rest.iter().map(|(raw, value)| value.clone().unwrap_or(raw.clone())).collect();
                return Ok(());
            }
            "." | "source" => return self.sourced(others),
            "eval" => return refuse("H025", "the script evaluates a text that is not known"),
            "mkdir" | "touch" | "cp" | "mv" | "rm" | "ln" | "tee" | "install" | "rsync" | "truncate"
            | "rmdir" | "unzip" | "tar" | "sed" | "chmod" => {
                return self.changes_files(name_of(name), others);
            }
            _ => {}
        }
        if self.subject().knowledge.is_shell_builtin(name) || HARMLESS.contains(&name_of(name)) {
            return Ok(());
        }
        let all = std::iter::once(name.to_owned())
            .chain(others.iter().map(|(raw, value)| value.clone().unwrap_or_else(|| raw.clone())));
        let directory = self.directory.clone();
        let result = self.words(all.collect());
        self.directory = directory;
        result
    }

    /// A file with settings is sourced for its variables; one that is not in the context is not known.
    fn sourced(&mut self, others: &[(String, Option<String>)]) -> Result<(), Refusal> {
        let Some((raw, value)) = others.first() else { return Ok(()) };
        let Some(path) = value else {
            return refuse("H025", format!("the script runs {raw}, and it is not known which file that is"));
        };
        if path.contains("/activate")
            || path.split('.').next_back() == Some("env")
            || path.contains("/etc/profile")
        {
            return Ok(());
        }
        self.depth += 1;
        let Some(text) = self.script_text(path).filter(|_| self.depth < 8) else {
            return refuse("H025", format!("the script runs {path}, which cannot be seen"));
        };
        let result = self.text(&Script::parse(&text.replace("\r\n", "\n")));
        self.depth -= 1;
        result
    }

    /// Commands that change files, by the words that name them.
    fn changes_files(&mut self, name: &str, others: &[(String, Option<String>)]) -> Result<(), Refusal> {
        let is_flag = |raw: &str| raw.starts_with(['-', '+']);
        let named: Vec<&(String, Option<String>)> = others.iter().filter(|(raw, _)| !is_flag(raw)).collect();
        if name == "sed"
            && !others.iter().any(|(raw, _)| raw.starts_with("-i") || raw.starts_with("--in-place"))
        {
            return Ok(());
        }
        let targets: Vec<&(String, Option<String>)> = match name {
            "cp" | "ln" | "install" | "rsync" | "sed" => named.last().copied().into_iter().collect(),
            "tar" | "unzip" => {
                let flag = others.iter().position(|(raw, _)| matches!(raw.as_str(), "-C" | "-d"));
                flag.and_then(|flag| others.get(flag + 1)).into_iter().collect()
            }
            "chmod" => named.get(1..).unwrap_or_default().to_vec(),
            _ => named,
        };
        for (raw, value) in targets {
            let Some(path) = value.as_ref().and_then(|value| self.place(value)) else {
                return refuse(
                    "H075",
                    format!("the script writes to {raw}, and where that is cannot be told"),
                );
            };
            match name {
                "mkdir" => self.writes_to(&path, raw)?,
                "chmod" => self.mode_is_set(&path, raw)?,
                _ => self.entry_is_changed(&path, raw)?,
            }
        }
        Ok(())
    }

    /// Whoever sets a mode has to own the file.
    fn mode_is_set(&self, path: &str, raw: &str) -> Result<(), Refusal> {
        let is_own = self.survey.copy_of(path, usize::MAX).is_some()
            && self.survey.app_dirs.iter().any(|app| super::paths::is_in(path, app));
        if is_free(path) || is_own {
            return Ok(());
        }
        refuse("H025", format!("the script sets the mode of {raw}, which belongs to root"))
    }

    fn file_is_written(&mut self, target: &Word) -> Result<(), Refusal> {
        let raw = target.raw();
        if raw.starts_with('&') || raw.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(());
        }
        match self.value(target).and_then(|value| self.place(&value)) {
            Some(path) => self.entry_is_changed(&path, raw),
            None => refuse("H075", format!("the script writes to {raw}, and where that is cannot be told")),
        }
    }

    /// A file is made, changed or removed: its directory has to be writable.
    fn entry_is_changed(&mut self, path: &str, raw: &str) -> Result<(), Refusal> {
        let directory = parent(path);
        if is_free(path) || is_free(directory) || self.survey.app_dirs.iter().any(|app| app == directory) {
            return Ok(());
        }
        if is_givable(directory) {
            if !is_installed(directory) {
                self.needs.dirs.insert(directory.to_owned());
            }
            return Ok(());
        }
        refuse("H075", format!("the script writes to {raw}, which belongs to root"))
    }

    /// The value of a word, by what the script and the image have set.
    fn value(&self, word: &Word) -> Option<String> {
        if let Some(value) = word.value() {
            return Some(value.to_owned());
        }
        if word.has_glob || word.has_tilde || word.has_brace {
            return None;
        }
        let mut raw = word.raw().replace('"', "");
        // How scripts find their own directory.
        if let Some(home) = &self.home {
            for idiom in [
                "$(cd $(dirname $0) && pwd)",
                "$(cd $(dirname ${BASH_SOURCE[0]}) && pwd)",
                "$(dirname $0)",
                "$(dirname ${BASH_SOURCE[0]})",
            ] {
                raw = raw.replace(idiom, home);
            }
        }
        let mut value = String::new();
        let mut rest = raw.as_str();
        while let Some(at) = rest.find('$') {
            value.push_str(rest.get(..at)?);
            let behind = rest.get(at + 1..)?;
            let (name, default, end) = if let Some(inner) = behind.strip_prefix('{') {
                let end = inner.find('}')?;
                let inside = inner.get(..end)?;
                let (name, default) = inside
                    .split_once(":-")
                    .or_else(|| inside.split_once('-'))
                    .map_or((inside, None), |(name, default)| (name, Some(default)));
                (name, default, end + 2)
            } else {
                let end =
                    behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
                (behind.get(..end)?, None, end)
            };
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let known = self
                .variable(name)
                .filter(|_| is_name)
                .or_else(|| default.filter(|default| !default.contains('$')).map(str::to_owned));
            value.push_str(&known?);
            rest = behind.get(end..)?;
        }
        value.push_str(rest);
        (!value.contains(['`', '\'', '\\'])).then_some(value)
    }

    fn variable(&self, name: &str) -> Option<String> {
        if let Ok(number) = name.parse::<usize>() {
            return self.arguments.get(number.checked_sub(1)?).cloned();
        }
        if let Some(value) = self.variables.get(name) {
            return Some(value.clone());
        }
        if name == "PWD" {
            return self.directory.clone();
        }
        let value = self.survey.stage.config.env.get(name)?;
        let value = value.trim_matches(['"', '\'']);
        (!value.contains('$')).then(|| value.to_owned())
    }
}

fn function_name(node: &crate::shell::Node) -> Option<&str> {
    match node {
        crate::shell::Node::Compound(compound) if compound.keyword == crate::shell::Keyword::Function => {
            compound.words.first().and_then(Word::value)
        }
        _ => None,
    }
}
