//! What the scripts read that an installation runs: nothing, known files, or anything (H042, H043, H061).

use super::super::{Answer, Folder, Obstacle, add_new};
use super::{NodeProject, prisma};
use crate::shell::{RedirectOp, Script, Simple};

/// How deep a script may call another.
const MAX_DEPTH: usize = 4;

/// Programs that read nothing of the project but `package.json` and what is installed.
///
/// Sources: their own documentation. `husky` does nothing where there is no `.git` (husky 5 to 9: "`.git` can't be found" is
/// no error), and the hooks of a repository serve nobody in an image. `nuxt prepare` and `svelte-kit sync` write types that each
/// build writes again, and do nothing without their configuration.
const HARMLESS: &[&str] = &[
    "only-allow",
    "is-ci",
    "husky",
    "check-node-version",
    "check-engine",
    "check-engines",
    "npm-force-resolutions",
    "opencollective",
    "opencollective-postinstall",
    "ts-patch",
    "playwright",
    "webdriver-manager",
    "true",
    ":",
    "exit",
    "echo",
];

/// Programs that set up the hooks of a repository and fail, or do something else, without one.
const HOOKS: &[(&str, &[&str])] = &[
    (
        "lefthook",
        &[
            "lefthook.yml",
            ".lefthook.yml",
            "lefthook.yaml",
            ".lefthook.yaml",
            "lefthook.toml",
            "lefthook.json",
        ],
    ),
    (
        "simple-git-hooks",
        &[
            ".simple-git-hooks.js",
            ".simple-git-hooks.cjs",
            ".simple-git-hooks.json",
            "simple-git-hooks.js",
            "simple-git-hooks.cjs",
            "simple-git-hooks.json",
        ],
    ),
    ("pre-commit", &[".pre-commit-config.yaml"]),
    ("git", &[]),
    ("yorkie", &[]),
];

/// Programs that make code from other files.
const GENERATORS: &[&str] = &[
    "nx",
    "turbo",
    "lerna",
    "rush",
    "protoc",
    "buf",
    "orval",
    "graphql-codegen",
    "openapi-generator",
    "openapi-generator-cli",
    "openapi-typescript",
];

/// What the scripts of one project read and need.
#[derive(Default)]
pub(super) struct Scripts {
    /// The files and directories.
    pub(super) reads: Vec<String>,
    /// Where code is generated.
    pub(super) generated: Vec<String>,
    /// The script that minds whether there is a `.git`, and its text.
    pub(super) needs_git: Option<(String, String)>,
}

/// Follows the scripts that an installation runs.
pub(super) fn check(folder: Folder<'_>, node: &NodeProject, scripts: &mut Scripts) -> Result<(), Obstacle> {
    for (name, text) in node.lifecycle_scripts() {
        Reader { folder, node, name, text, scripts }.script(text, 0)?;
    }
    // npm builds a native addon by itself when nothing else is said.
    if folder.has_file("binding.gyp") && !node.scripts.contains_key("install") {
        return Err(Obstacle::new("H042", "`binding.gyp` makes the install compile sources"));
    }
    Ok(())
}

struct Reader<'a> {
    folder: Folder<'a>,
    node: &'a NodeProject,
    /// The script that the installation runs.
    name: &'a str,
    text: &'a str,
    scripts: &'a mut Scripts,
}

impl Reader<'_> {
    fn touches<T>(&self) -> Result<T, Obstacle> {
        let (name, text) = (self.name, self.text);
        Err(Obstacle::new("H042", format!("the script `{name}` runs at install (`{text}`)")))
    }

    fn script(&mut self, text: &str, depth: usize) -> Result<(), Obstacle> {
        let script = Script::parse(text);
        if !script.is_readable() || depth > MAX_DEPTH {
            return self.touches();
        }
        for simple in script.all_commands() {
            self.simple(simple, depth)?;
        }
        Ok(())
    }

    fn simple(&mut self, simple: &Simple, depth: usize) -> Result<(), Obstacle> {
        let quiet = simple.redirects.iter().all(|redirect| {
            redirect.operator == RedirectOp::DuplicateOut || redirect.target.value() == Some("/dev/null")
        });
        let words = simple.literal_words();
        let (true, Some(words)) = (quiet, words.as_ref()) else { return self.touches() };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.command(&words, depth)
    }

    fn command(&mut self, words: &[&str], depth: usize) -> Result<(), Obstacle> {
        match words {
            [] => Ok(()),
            ["npx" | "bunx" | "pnpx" | "cross-env" | "env", rest @ ..]
            | ["npm" | "pnpm" | "yarn" | "bun", "exec" | "dlx" | "x", rest @ ..] => {
                let is_option = |word: &&&str| {
                    word.starts_with('-') || word.split_once('=').is_some_and(|(name, _)| !name.contains('/'))
                };
                let skipped = rest.iter().take_while(is_option).count();
                self.command(rest.get(skipped..).unwrap_or_default(), depth)
            }
            ["[" | "test", ..] if words.iter().any(|word| word.contains(".git")) => Ok(()),
            ["npm" | "pnpm" | "yarn" | "bun", "run" | "run-script", name, ..] => {
                self.other_script(name, depth)
            }
            ["npm", "rebuild", ..] => Ok(()),
            ["yarn" | "pnpm" | "bun", name] if self.node.scripts.contains_key(*name) => {
                self.other_script(name, depth)
            }
            ["nuxt" | "nuxi", "prepare"]
                if self.a_script_has(&["nuxt build", "nuxi build", "nuxt generate", "nuxi generate"]) =>
            {
                Ok(())
            }
            ["svelte-kit", "sync"] if self.a_script_has(&["vite build"]) => Ok(()),
            ["prisma", "generate", flags @ ..] => self.prisma(flags),
            ["patch-package", flags @ ..] => self.patches(flags),
            ["node", path] => self.file(path),
            [program, ..] if HARMLESS.contains(program) => Ok(()),
            [program, ..] if HOOKS.iter().any(|(known, _)| known == program) => {
                let configs =
                    HOOKS.iter().filter(|(known, _)| known == program).flat_map(|(_, configs)| *configs);
                let present = configs.filter(|config| self.folder.has_file(config));
                let present: Vec<String> = present.map(|config| self.folder.path(config)).collect();
                add_new(&mut self.scripts.reads, present);
                let forgiven =
                    ["|| true", "|| :", "|| exit 0", "|| echo"].iter().any(|end| self.text.contains(end));
                if !forgiven {
                    self.scripts.needs_git.get_or_insert((self.name.to_owned(), self.text.to_owned()));
                }
                Ok(())
            }
            [program, ..] if GENERATORS.contains(program) => {
                let (name, text) = (self.name, self.text);
                Err(Obstacle::new("H061", format!("the script `{name}` generates code (`{text}`)")))
            }
            _ => self.touches(),
        }
    }

    fn a_script_has(&self, words: &[&str]) -> bool {
        self.node.scripts.values().any(|text| words.iter().any(|word| text.contains(word)))
    }

    fn other_script(&mut self, name: &str, depth: usize) -> Result<(), Obstacle> {
        let Some(text) = self.node.scripts.get(name) else { return self.touches() };
        self.script(&text.clone(), depth + 1)
    }

    fn prisma(&mut self, flags: &[&str]) -> Result<(), Obstacle> {
        let mut named = None;
        let mut flags = flags.iter();
        while let Some(flag) = flags.next() {
            match flag.split_once('=') {
                Some(("--schema", path)) => named = Some(path),
                None if *flag == "--schema" => named = flags.next().copied(),
                _ if matches!(
                    *flag,
                    "--no-engine" | "--no-hints" | "--data-proxy" | "--accelerate" | "--allow-no-models"
                ) => {}
                _ => return self.touches(),
            }
        }
        let Some(found) = prisma::find(self.folder, named)? else {
            return self.touches();
        };
        add_new(&mut self.scripts.reads, found.reads);
        add_new(&mut self.scripts.generated, found.generated);
        Ok(())
    }

    /// Without patches there is nothing to be applied, and that is no error.
    fn patches(&mut self, flags: &[&str]) -> Result<(), Obstacle> {
        match flags {
            [] | ["--error-on-fail" | "--error-on-warn"] => Ok(()),
            ["--patch-dir", directory] => {
                let Some(path) = self.folder.resolve(directory) else { return self.touches() };
                if self.folder.files.entry(&path).is_present() {
                    add_new(&mut self.scripts.reads, [path]);
                }
                Ok(())
            }
            _ => self.touches(),
        }
    }

    /// A script that imports nothing but what sets up hooks or asks about CI: it reads itself only.
    fn file(&mut self, path: &str) -> Result<(), Obstacle> {
        const KNOWN: &[&str] = &["husky", "is-ci", "ci-info"];
        let Some(resolved) = self.folder.resolve(path) else { return self.touches() };
        let Answer::Present(text) = super::super::text(self.folder.files, &resolved) else {
            return self.touches();
        };
        let known =
            imports(&text).is_some_and(|names| names.iter().all(|name| KNOWN.contains(&name.as_str())));
        if !known || text.len() > 4096 || text.contains("process.binding") {
            return self.touches();
        }
        add_new(&mut self.scripts.reads, [resolved]);
        Ok(())
    }
}

/// The modules that a text in JavaScript names; `None` when one is named in another way than by a literal.
pub(super) fn imports(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with('*')) {
        for word in ["require", "import", "from"] {
            for (at, _) in line.match_indices(word) {
                let is_part = |c: Option<char>| {
                    c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.' || c == '$')
                };
                let before = line.get(..at)?.chars().next_back();
                let rest = line.get(at + word.len()..)?;
                if is_part(before) || rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
                    continue;
                }
                let behind = rest.trim_start_matches(['(', ' ']);
                match behind.chars().next() {
                    Some(quote @ ('"' | '\'' | '`')) => {
                        names.push(behind.get(1..)?.split(quote).next()?.to_owned());
                    }
                    // `import x from "y"`: the name comes behind `from`. `import.meta` names nothing.
                    _ if word == "import" && !rest.starts_with('(') && rest.contains("from") => {}
                    _ if word == "from" || rest.starts_with('.') => {}
                    _ => return None,
                }
            }
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_modules_that_a_text_names() {
        for (text, names) in [
            ("const x = 1", Some(vec![])),
            (
                "if (process.env.CI) process.exit(0)\nconst husky = (await import('husky')).default",
                Some(vec!["husky"]),
            ),
            ("import fs from \"node:fs\"\nimport './x.js'", Some(vec!["node:fs", "./x.js"])),
            ("const { a } = require('../a')", Some(vec!["../a"])),
            ("require(name)", None),
            ("import(`${x}`)", Some(vec!["${x}"])),
            ("import {\n  a,\n} from 'b'", None),
            ("// require('fs')\nconst requirements = 2", Some(vec![])),
        ] {
            let wanted = names.map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(super::imports(text), wanted, "{text}");
        }
    }
}
