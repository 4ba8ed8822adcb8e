//! What `npm start` and its kin start: the scripts of a `package.json`.

use serde_json::Value;

use super::judge::{Judge, refuse};
use crate::rule::Refusal;
use crate::shell::Script;
use crate::syntax::Keyword;

impl Judge<'_, '_> {
    /// A command of npm, Yarn, pnpm or Bun.
    pub(super) fn package_manager(&mut self, name: &str, others: &[String]) -> Result<(), Refusal> {
        let outer = self.directory.clone();
        let mut words: Vec<String> = Vec::new();
        let mut rest = others.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "--prefix" | "-C" | "--cwd" | "--dir" => {
                    let directory = rest.next().cloned().unwrap_or_default();
                    self.directory = self.place(&directory);
                }
                "--filter" | "-F" | "--workspace" | "-w" | "workspace" | "workspaces" | "-r" => {
                    return refuse("H075", format!("which package `{name} {word}` starts cannot be seen"));
                }
                "--" => break,
                _ if word.starts_with('-') && words.is_empty() => {}
                _ => words.push(word.clone()),
            }
        }
        let result = self.package_command(name, &words);
        self.directory = outer;
        result
    }

    fn package_command(&mut self, name: &str, words: &[String]) -> Result<(), Refusal> {
        if !self.survey.knows_context() {
            return self.unseen_script(words);
        }
        self.manager_is_at_hand(name)?;
        let verb = words.first().map(String::as_str).unwrap_or_default();
        let behind = words.get(1..).unwrap_or_default();
        if matches!(name, "npx" | "bunx" | "pnpx") {
            return self.package_program(words);
        }
        match (name, verb) {
            (
                _,
                "ci" | "install" | "i" | "add" | "update" | "upgrade" | "rebuild" | "link" | "dedupe"
                | "prune",
            )
            | ("yarn" | "corepack", "") => refuse(
                "H075",
                format!(
                    "`{name} {verb}` installs packages when the container starts, into folders of root's"
                ),
            ),
            (_, "exec" | "x" | "dlx") => self.package_program(behind),
            (_, "run" | "run-script" | "rum" | "urn") => {
                self.package_text(name, behind.first().map_or("", String::as_str), behind)
            }
            ("npm", "start" | "test" | "stop" | "restart") => self.package_text(name, verb, words),
            ("npm", _) => refuse("H075", format!("what `npm {verb}` does cannot be seen")),
            _ => self.package_text(name, verb, words),
        }
    }

    /// Corepack and pnpm keep the manager that a project asks for in the home of who has asked first: root's.
    fn manager_is_at_hand(&self, name: &str) -> Result<(), Refusal> {
        if !matches!(name, "yarn" | "pnpm" | "corepack" | "pnpx") {
            return Ok(());
        }
        let is_moved = self.survey.stage.config.env.contains_key("COREPACK_HOME");
        if self.survey.runs_contain("corepack") && !is_moved {
            return refuse("H028", format!("Corepack keeps {name} in root's home"));
        }
        let manifest = self.manifest();
        let wanted =
            manifest.as_ref().and_then(|manifest| manifest.get("packageManager")).and_then(Value::as_str);
        let wanted = wanted.and_then(|wanted| wanted.split('+').next());
        if name == "pnpm" && wanted.is_some_and(|wanted| !self.survey.runs_contain(wanted)) {
            return refuse(
                "H028",
                "pnpm keeps the version of itself that the project asks for in root's home",
            );
        }
        Ok(())
    }

    fn manifest(&self) -> Option<Value> {
        let path = self.place("package.json")?;
        serde_json::from_str(&self.survey.files().text(self.subject(), &path)?).ok()
    }

    /// A script by name, or what else the manager takes the word for.
    fn package_text(&mut self, manager: &str, script: &str, words: &[String]) -> Result<(), Refusal> {
        let Some(manifest) = self.manifest() else {
            if manager == "bun" {
                return Ok(());
            }
            return refuse("H075", "what the package's script does cannot be seen");
        };
        let text_of = |name: &str| {
            manifest.get("scripts").and_then(|scripts| scripts.get(name)).and_then(Value::as_str)
        };
        let Some(text) = text_of(script) else {
            return match (manager, script) {
                ("npm", "start") => self.words(vec!["node".to_owned(), "server.js".to_owned()]),
                ("npm", _) => refuse("H075", format!("package.json has no script {script}")),
                ("bun", _) if words.is_empty() => refuse("H040", "it waits for what somebody types"),
                ("bun", _) => Ok(()),
                _ => self.package_program(words),
            };
        };
        for name in [format!("pre{script}"), format!("post{script}")] {
            if let Some(text) = text_of(&name) {
                self.package_shell(text)?;
            }
        }
        self.package_shell(text)
    }

    fn package_shell(&mut self, text: &str) -> Result<(), Refusal> {
        if self.depth > 8 {
            return refuse("H025", "scripts start each other too deeply");
        }
        self.depth += 1;
        let outer = (self.directory.clone(), std::mem::replace(&mut self.in_package, true));
        let result = self.text(&Script::parse(text));
        (self.directory, self.in_package) = outer;
        self.depth -= 1;
        result
    }

    /// A program of a package.
    fn package_program(&mut self, words: &[String]) -> Result<(), Refusal> {
        let words: Vec<String> = words.iter().skip_while(|word| word.starts_with('-')).cloned().collect();
        if words.is_empty() {
            return refuse("H025", "it is not known what a container starts");
        }
        let outer = std::mem::replace(&mut self.in_package, true);
        let result = self.words(words);
        self.in_package = outer;
        result
    }

    /// Programs that start others, the packages' own wrappers: `Some` when it is one.
    pub(super) fn package_wrapper(&mut self, name: &str, others: &[String]) -> Option<Result<(), Refusal>> {
        match name {
            "cross-env" | "cross-env-shell" | "dotenv" | "env-cmd" | "dotenvx" => {
                let behind = others.iter().position(|word| word == "--").map_or(0, |at| at + 1);
                let rest = others.get(behind..).unwrap_or_default().iter();
                let mut rest = rest.skip_while(|word| {
                    word.contains('=') || word.starts_with('-') || word.starts_with(".env") || *word == "run"
                });
                let first = rest.next()?;
                if first.contains(' ') {
                    return Some(self.package_shell(&first.clone()));
                }
                let words = std::iter::once(first).chain(rest).cloned().collect();
                Some(self.words(words))
            }
            "concurrently" => {
                let texts: Vec<String> = others
                    .iter()
                    .filter(|word| word.contains([' ', ':']) && !word.starts_with('-'))
                    .cloned()
                    .collect();
                Some(texts.iter().try_for_each(|text| match text.strip_prefix("npm:") {
                    Some(script) => self.package_text("npm", script, &[]),
                    None => self.package_shell(text),
                }))
            }
            "run-s" | "run-p" | "npm-run-all" => {
                let scripts: Vec<String> =
                    others.iter().filter(|word| !word.starts_with('-')).cloned().collect();
                Some(scripts.iter().try_for_each(|script| self.package_text("npm", script, &[])))
            }
            _ => None,
        }
    }

    /// `npm start` is plain when what it starts is a server in production: a server for developing writes beside the
    /// source (H075).
    fn unseen_script(&self, words: &[String]) -> Result<(), Refusal> {
        let mut rest = words.iter();
        let script = match rest.next().map(String::as_str) {
            Some("run" | "run-script") => rest.next().map(String::as_str).unwrap_or_default(),
            Some(verb @ ("start" | "serve")) => verb,
            _ => "",
        };
        let starts = script.starts_with("start") || script.starts_with("serve");
        let in_production = script.contains("prod")
            || self.survey.stage.config.env.get("NODE_ENV").is_some_and(|value| value == "production")
            || self.survey.lineage.iter().any(|(_, instruction)| {
                let text = instruction.arguments_text();
                let flags = ["--production", "--only=prod", "--omit=dev", "--prod"];
                instruction.keyword == Keyword::Run && flags.iter().any(|flag| text.contains(flag))
            });
        if starts && in_production {
            return Ok(());
        }
        refuse(
            "H075",
            "what the package's script does cannot be seen, and a server for developing writes beside the source",
        )
    }
}
