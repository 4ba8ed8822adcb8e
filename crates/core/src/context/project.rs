//! The projects in a build context, told by their manifests and lockfiles.
//!
//! A rule that copies manifests before the source has to know which files the installation of dependencies
//! reads. Where that is certain, [`NodeProject::install_reads`] and [`PythonProject::install_reads`] list them;
//! where it is not, they name the [`Obstacle`] and its hazard, and the rule leaves the Dockerfile alone.
//!
//! ```
//! use dockmend_core::context::MemoryFiles;
//! use dockmend_core::context::project::{Stack, detect};
//!
//! let files = MemoryFiles::new([
//!     ("package.json", r#"{"name": "shop", "scripts": {"start": "node ."}}"#),
//!     ("package-lock.json", r#"{"lockfileVersion": 3}"#),
//! ]);
//! let projects = detect(&files).present().unwrap_or_default();
//! let Some(Stack::Node(node)) = projects.first().map(|project| &project.stack) else { panic!() };
//! assert_eq!(node.install_reads(), Ok(vec!["package.json".to_owned(), "package-lock.json".to_owned()]));
//! ```

use std::collections::VecDeque;

use super::{Answer, ContextFiles, Entry, EntryKind, join, normalise};

mod dotnet;
mod go;
mod java;
mod native;
mod node;
mod others;
mod php;
mod python;
mod ruby;
mod rust;
mod tree;
mod xml;

pub use dotnet::DotNetProject;
pub use go::{GoProject, GoReplace, GoRequire, GoSources};
pub use java::{GradleProject, MavenProject};
pub use native::{NativeBuild, NativeProject};
pub(crate) use node::at as node_project_at;
pub use node::{LocalDependency, NodeLock, NodeLockKind, NodeManager, NodeProject};
pub use php::PhpProject;
pub use python::{
    Building, CondaEnvironment, LocalPackage, LocalPlace, PYTHON_ENVIRONMENTS, Pyproject, PythonLock,
    PythonProject, PythonTool, PythonWorkspace, Requirements, conda_reads, python_package_name,
    requirements_reads,
};
pub use ruby::RubyProject;
pub use rust::{CargoFetch, LockedCrate, RustBin, RustPackage, RustProject};
pub use tree::Tree;

/// How far below the root projects are looked for: `services/web` is found, `a/b/c` is not.
const DEPTH: usize = 2;

/// How many directories are listed at most, nearest to the root first.
const MAX_DIRECTORIES: usize = 500;

/// Directories that hold what others wrote, or what a build made. Names that start with `.` are left out too.
const SKIPPED: &[&str] = &[
    "__pycache__",
    "bower_components",
    "build",
    "dist",
    "env",
    "node_modules",
    "site-packages",
    "target",
    "vendor",
    "venv",
];

/// One project: a directory with at least one manifest or lockfile of one stack.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Project {
    /// Its directory, relative to the root of the context; `""` is the root.
    pub root: String,
    /// What it is made with, and what is known about that.
    pub stack: Stack,
    /// Its manifests, relative to the root of the context.
    pub manifests: Vec<String>,
    /// Its lockfiles, relative to the root of the context.
    pub lockfiles: Vec<String>,
}

/// What a project is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stack {
    /// `package.json`.
    Node(Box<NodeProject>),
    /// `requirements.txt`, `pyproject.toml`, `Pipfile`, `setup.py`, `environment.yml`.
    Python(Box<PythonProject>),
    /// `go.mod`, `go.work`.
    Go(Box<GoProject>),
    /// `Cargo.toml`.
    Rust(Box<RustProject>),
    /// C and C++: `CMake`, autotools, Meson, make.
    Native(Box<NativeProject>),
    /// Maven or Gradle, and so Kotlin.
    Java,
    /// A project or solution file of .NET.
    DotNet,
    /// `Gemfile` or a gemspec.
    Ruby,
    /// `composer.json`.
    Php,
    /// `mix.exs`.
    Elixir,
    /// `deno.json`.
    Deno,
    /// `pubspec.yaml`, Flutter included.
    Dart,
    /// `Package.swift`.
    Swift,
    /// Stack or Cabal.
    Haskell,
    /// `build.sbt`.
    Scala,
}

/// Why it is not certain what an installation of dependencies reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} ({hazard})")]
pub struct Obstacle {
    /// What stands in the way; reads on after "left alone: ".
    pub reason: String,
    /// The number of the hazard, such as `"H042"`.
    pub hazard: &'static str,
}

impl Obstacle {
    pub(crate) fn new(hazard: &'static str, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hazard }
    }
}

/// A directory that is looked at: where it is and what is in it.
#[derive(Clone, Copy)]
struct Folder<'a> {
    files: &'a dyn ContextFiles,
    root: &'a str,
    entries: &'a [Entry],
}

impl Folder<'_> {
    fn path(&self, name: &str) -> String {
        join(self.root, name)
    }

    /// Resolves a path that a file in this folder names; `None` when it leaves the context.
    fn resolve(&self, path: &str) -> Option<String> {
        normalise(&format!("{}/{path}", self.root))
    }

    fn has_file(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name && entry.kind != EntryKind::Directory)
    }

    fn has_directory(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name && entry.kind == EntryKind::Directory)
    }

    /// Those of `names` that are files here, as paths.
    fn those_of(&self, names: &[&str]) -> Vec<String> {
        names.iter().filter(|name| self.has_file(name)).map(|name| self.path(name)).collect()
    }

    fn text(&self, name: &str) -> Answer<String> {
        text(self.files, &self.path(name))
    }
}

/// The text of a file without its byte order mark; unknown when it is not UTF-8.
fn text(files: &dyn ContextFiles, path: &str) -> Answer<String> {
    match files.read(path) {
        Answer::Present(bytes) => match std::str::from_utf8(&bytes) {
            Ok(text) => Answer::Present(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned()),
            Err(_) => Answer::Unknown,
        },
        Answer::Absent => Answer::Absent,
        Answer::Unknown => Answer::Unknown,
    }
}

/// Adds paths to a list that names each once, in the order of their first mention.
fn add_new(list: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    for path in more {
        if !list.contains(&path) {
            list.push(path);
        }
    }
}

/// The projects at the root of the context and up to two levels below it, nearest to the root first, then by
/// path. A directory can hold projects of several stacks.
///
/// `Unknown` when the root cannot be listed. A directory below that cannot be listed adds nothing: what is
/// found elsewhere is still true, but that there is no project somewhere is not said by this list.
pub fn detect(files: &dyn ContextFiles) -> Answer<Vec<Project>> {
    let entries = match files.list("") {
        Answer::Present(entries) => entries,
        Answer::Absent => return Answer::Absent,
        Answer::Unknown => return Answer::Unknown,
    };
    let mut projects = Vec::new();
    let mut queue = VecDeque::from([(String::new(), 0, entries)]);
    let mut listed = 1;
    while let Some((root, depth, entries)) = queue.pop_front() {
        look_at(Folder { files, root: &root, entries: &entries }, &mut projects);
        if depth == DEPTH {
            continue;
        }
        for entry in &entries {
            let skipped = entry.name.starts_with('.') || SKIPPED.contains(&entry.name.as_str());
            if entry.kind != EntryKind::Directory || skipped || listed >= MAX_DIRECTORIES {
                continue;
            }
            let path = join(&root, &entry.name);
            listed += 1;
            if let Answer::Present(entries) = files.list(&path) {
                queue.push_back((path, depth + 1, entries));
            }
        }
    }
    node::join_workspaces(&mut projects);
    Answer::Present(projects)
}

/// The Python project in a directory of the context, which may lie deeper than [`detect`] looks.
pub fn python_project(files: &dyn ContextFiles, root: &str) -> Option<PythonProject> {
    let entries = files.list(root).present()?;
    match python::detect(Folder { files, root, entries: &entries })?.stack {
        Stack::Python(project) => Some(*project),
        _ => None,
    }
}

fn look_at(folder: Folder<'_>, projects: &mut Vec<Project>) {
    projects.extend(node::detect(folder));
    projects.extend(python::detect(folder));
    projects.extend(go::detect(folder));
    projects.extend(rust::detect(folder));
    projects.extend(native::detect(folder));
    projects.extend(java::detect(folder));
    projects.extend(dotnet::detect(folder));
    projects.extend(ruby::detect(folder));
    projects.extend(php::detect(folder));
    projects.extend(others::detect(folder));
}

#[cfg(test)]
mod tests {
    use super::super::{MemoryFiles, NoContext};
    use super::*;

    #[test]
    fn projects_are_found_two_levels_deep_and_not_in_what_others_wrote() {
        let files = MemoryFiles::new([
            ("package.json", "{}"),
            ("services/api/go.mod", ""),
            ("services/web/requirements.txt", ""),
            ("a/b/c/go.mod", ""),
            ("node_modules/x/package.json", "{}"),
            ("vendor/y/composer.json", "{}"),
            (".git/go.mod", ""),
            (".venv/requirements.txt", ""),
        ]);
        let found = detect(&files).present().unwrap();
        let roots: Vec<_> = found.iter().map(|project| project.root.as_str()).collect();
        assert_eq!(roots, ["", "services/api", "services/web"]);
        assert_eq!(found[1].manifests, ["services/api/go.mod"]);
    }

    #[test]
    fn an_unknown_root_is_not_an_empty_one() {
        assert!(detect(&NoContext).is_unknown());
        assert_eq!(detect(&MemoryFiles::default()), Answer::Present(vec![]));
    }

    #[test]
    fn a_wide_tree_is_cut_off() {
        let mut paths: Vec<String> = (0..2000).map(|n| format!("d{n:04}/go.mod")).collect();
        paths.push("go.mod".to_owned());
        let files = MemoryFiles::new(paths.iter().map(|path| (path, "")));
        let found = detect(&files).present().unwrap();
        assert_eq!(found.len(), MAX_DIRECTORIES);
        assert_eq!(found[0].root, "");
    }
}
