//! What `dockmend rewrite all` makes of the projects in `fixtures/projects`, compared with what is committed.
//!
//! The results are in `fixtures/projects/expected`: each file that differs from the project's own, at its place.
//! `cargo xtask builds --record` (this test with `DOCKMEND_RECORD` set) writes them; whether they build and serve is shown by
//! `cargo xtask builds`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

/// Where a variable asks for the results to be written instead of compared.
const RECORD: &str = "DOCKMEND_RECORD";

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/projects")
}

/// The names of the projects, sorted.
fn names() -> Vec<String> {
    let entries = fs::read_dir(home()).unwrap().map(|entry| entry.unwrap().path());
    let projects = entries.filter(|path| path.join("project.toml").is_file());
    let mut names: Vec<String> =
        projects.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The files below a folder, by their paths from there with `/`; the copy's repository is left out.
fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        let Ok(entries) = fs::read_dir(&current) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// A project as a developer has it, and what its `project.toml` says.
struct Project {
    name: String,
    said: toml::Table,
    folder: TempDir,
}

impl Project {
    fn new(name: &str) -> Self {
        let source = home().join(name);
        let said = fs::read_to_string(source.join("project.toml")).unwrap();
        let said: toml::Table = said.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        let project = Self { name: name.to_owned(), said, folder: tempfile::tempdir().unwrap() };
        for (path, bytes) in files_of(&source) {
            if path != "project.toml" {
                project.write(&path, &bytes);
            }
        }
        // The copy of `cargo xtask builds` is the same.
        project.write(".git/HEAD", b"ref: refs/heads/main\n");
        project.write(
            ".git/config",
            b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n",
        );
        if let Some(litter) = project.said.get("litter") {
            for (path, size) in litter.as_table().unwrap() {
                let size = usize::try_from(size.as_integer().unwrap()).unwrap();
                project.write(path, "x".repeat(size).as_bytes());
            }
        }
        project
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Runs the program on the whole folder; its output as JSON.
    fn run(&self, arguments: &[&str]) -> serde_json::Value {
        let mut command = Command::cargo_bin("dockmend").unwrap();
        command.current_dir(self.folder.path()).args(arguments);
        let output = command.args(["--format", "json", "--fail-on", "never", "."]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}: {text}{}", self.name, String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&text).unwrap()
    }

    /// The path of its Dockerfile.
    fn dockerfile(&self) -> &str {
        let build = self.said.get("build").and_then(|build| build.get("dockerfile"));
        build.and_then(toml::Value::as_str).unwrap_or("Dockerfile")
    }

    fn is_set(&self, key: &str) -> bool {
        self.said.get(key).and_then(toml::Value::as_bool).unwrap_or_default()
    }

    /// Rewrites it. Returns the files that are different afterwards, and what is not as `project.toml` expects it.
    fn rewrite(&self, names: &BTreeMap<String, String>) -> (BTreeMap<String, Vec<u8>>, Vec<String>) {
        if self.is_set("fix-first") {
            self.run(&["fix"]);
        }
        let before = files_of(self.folder.path());
        let report = self.run(&["rewrite", "all"]);
        let mut after = files_of(self.folder.path());
        after.retain(|path, bytes| before.get(path) != Some(bytes));
        let mut wrong = Vec::new();
        for file in report["files"].as_array().unwrap() {
            let path = file["path"].as_str().unwrap();
            for rejected in file["rejections"].as_array().unwrap() {
                wrong.push(format!("{}: the gate rejected {rejected}", self.name));
            }
            if path == self.dockerfile() {
                wrong.extend(self.unexpected(file, names));
            }
        }
        // A second run finds nothing left to do.
        let again = files_of(self.folder.path());
        self.run(&["rewrite", "all"]);
        if files_of(self.folder.path()) != again {
            wrong.push(format!("{}: a second run changes more", self.name));
        }
        (after, wrong)
    }

    /// What the report on its Dockerfile says of each rewrite, where `project.toml` expects something else.
    fn unexpected(&self, file: &serde_json::Value, names: &BTreeMap<String, String>) -> Vec<String> {
        let mut seen: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (list, what) in [("fixed", "offered"), ("refused", "refused")] {
            for entry in file[list].as_array().unwrap() {
                let Some(name) = names.get(entry["rule"].as_str().unwrap()) else { continue };
                let said = entry["hazard"].as_str().unwrap_or(what);
                seen.entry(name).or_default().push(said.to_owned());
            }
        }
        let none = toml::Table::new();
        let expected = self.said.get("rewrites").map_or(&none, |table| table.as_table().unwrap());
        let mut wrong = Vec::new();
        for (name, expected) in expected {
            let expected = expected.as_str().unwrap();
            let seen = seen.remove(name.as_str()).unwrap_or_default();
            if !seen.iter().any(|seen| seen == expected) {
                wrong.push(format!("{}: {name} is {seen:?}, not {expected}", self.name));
            }
        }
        for (name, seen) in seen {
            wrong.push(format!("{}: {name} is {seen:?}, and project.toml says nothing of it", self.name));
        }
        wrong
    }
}

/// The name of each rewrite, by the id of its rule.
fn rewrites() -> BTreeMap<String, String> {
    let output =
        Command::cargo_bin("dockmend").unwrap().args(["rules", "--format", "json"]).output().unwrap();
    let rules: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rules = rules["rules"].as_array().unwrap().clone();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    rules.iter().filter_map(|rule| Some((text(&rule["id"])?, text(&rule["rewrite"])?))).collect()
}

#[test]
fn the_rewrites_of_all_projects_are_those_committed() {
    let record = std::env::var_os(RECORD).is_some();
    let rewrites = rewrites();
    let names = names();
    assert!(record || names.len() >= 40, "only {} projects", names.len());
    let mut wrong = Vec::new();
    for name in &names {
        let (results, unexpected) = Project::new(name).rewrite(&rewrites);
        let folder = home().join("expected").join(name);
        if record {
            drop(fs::remove_dir_all(&folder));
            for (path, bytes) in &results {
                let path = folder.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
        } else {
            let committed = files_of(&folder);
            for path in results.keys().chain(committed.keys().filter(|path| !results.contains_key(*path))) {
                let texts = [&committed, &results].map(|files| {
                    files.get(path).map_or("(none)\n".into(), |bytes| String::from_utf8_lossy(bytes))
                });
                if texts[0] != texts[1] {
                    wrong.push(format!(
                        "{name}/{path}: committed is\n{}the result is\n{}",
                        texts[0], texts[1]
                    ));
                }
            }
        }
        wrong.extend(unexpected);
    }
    if record {
        // What differs from the expectations is shown, and does not keep the rest from being written.
        println!("{}", wrong.join("\n"));
        return;
    }
    assert!(
        wrong.is_empty(),
        "{}\n`cargo xtask builds --record` writes the results; read the differences before you commit them",
        wrong.join("\n")
    );
}

#[test]
fn every_result_belongs_to_a_project() {
    let names = names();
    for entry in fs::read_dir(home().join("expected")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "fixtures/projects/expected/{name} belongs to no project");
    }
}

#[test]
fn no_lock_file_names_a_registry() {
    for name in names() {
        for (path, bytes) in files_of(&home().join(&name)) {
            let text = String::from_utf8_lossy(&bytes);
            let lock = path.contains("lock");
            for (number, line) in text.lines().enumerate() {
                let resolved = lock && line.trim_start().trim_start_matches('"').starts_with("resolved");
                let named = line.contains("://registry.") || (resolved && line.contains("://"));
                assert!(!named, "{name}/{path}:{}: {line}", number + 1);
            }
        }
    }
}
