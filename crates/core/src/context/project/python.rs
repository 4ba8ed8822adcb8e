//! Python projects: requirements files, `pyproject.toml`, `Pipfile`, `setup.py`, and what an installation from
//! each reads.
//!
//! Sources: pip's documentation of the requirements file format, the specification of `pyproject.toml`, the
//! documentation of Poetry, uv, PDM and Pipenv; hazards H047 and H050 to H052.

use std::collections::BTreeMap;

use super::{Answer, Folder, Obstacle, Project, Stack, text};
use crate::context::EntryKind;

mod pyproject;
mod requirements;
#[cfg(test)]
mod tests;

pub use pyproject::{Pyproject, PythonTool};
pub use requirements::{Requirements, requirements_reads};

/// A lockfile and the tool that writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PythonLock {
    /// Relative to the root of the context.
    pub path: String,
    /// Whose it is; `None` for the standard `pylock.toml` and for `Pipfile.lock`.
    pub tool: Option<PythonTool>,
}

/// What is known about a Python project. Paths are relative to the root of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PythonProject {
    /// The requirements files in the project's folder and in its `requirements/`.
    pub requirements: Vec<Requirements>,
    /// What `pyproject.toml` says, when it is there and can be read.
    pub pyproject: Option<Pyproject>,
    /// The lockfiles.
    pub locks: Vec<PythonLock>,
    reads: BTreeMap<String, Reads>,
}

/// What two ways to install from one manifest read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reads {
    /// The plain installation, which for a package includes the package itself.
    install: Result<Vec<String>, Obstacle>,
    /// Dependencies only, where the tool can do that (`--no-root`, `--no-install-project`).
    dependencies: Result<Vec<String>, Obstacle>,
}

impl Reads {
    fn same(reads: Result<Vec<String>, Obstacle>) -> Self {
        Self { dependencies: reads.clone(), install: reads }
    }
}

impl PythonProject {
    /// The paths that a plain installation from `manifest` reads (`pip install -r`, `poetry install`, `uv sync`),
    /// the manifest first, when that is certain; otherwise what stands in the way. Most often that is the project
    /// itself, which is installed with its dependencies (H051).
    pub fn install_reads(&self, manifest: &str) -> Result<Vec<String>, Obstacle> {
        self.reads_of(manifest)?.install.clone()
    }

    /// The same for an installation without the project itself: `poetry install --no-root`, `uv sync
    /// --no-install-project`, `pdm sync --no-self`. For a requirements file and a `Pipfile` it is no other.
    pub fn dependency_reads(&self, manifest: &str) -> Result<Vec<String>, Obstacle> {
        self.reads_of(manifest)?.dependencies.clone()
    }

    fn reads_of(&self, manifest: &str) -> Result<&Reads, Obstacle> {
        let unknown = || Obstacle::new("H050", format!("`{manifest}` is not a manifest of this project"));
        self.reads.get(manifest).ok_or_else(unknown)
    }
}

/// The Python project in one folder.
pub(super) fn detect(folder: Folder<'_>) -> Option<Project> {
    let mut project = PythonProject {
        requirements: Vec::new(),
        pyproject: None,
        locks: locks(folder),
        reads: BTreeMap::new(),
    };
    let mut manifests = Vec::new();
    for path in requirements_files(folder) {
        project.reads.insert(path.clone(), Reads::same(requirements_reads(folder.files, &path, folder.root)));
        if let Answer::Present(text) = text(folder.files, &path) {
            project.requirements.push(Requirements::parse(&path, &text));
        }
        manifests.push(path);
    }
    if folder.has_file("pyproject.toml") {
        let path = folder.path("pyproject.toml");
        let (pyproject, install, dependencies) = pyproject::read(folder, &project.locks);
        // A folder whose pyproject.toml only configures a linter is a project all the same: its manifest is there.
        project.pyproject = pyproject;
        project.reads.insert(path.clone(), Reads { install, dependencies });
        manifests.push(path);
    }
    if folder.has_file("Pipfile") {
        let path = folder.path("Pipfile");
        project.reads.insert(path.clone(), Reads::same(pyproject::read_pipfile(folder)));
        manifests.push(path);
    }
    for name in ["setup.py", "setup.cfg"].into_iter().filter(|name| folder.has_file(name)) {
        let path = folder.path(name);
        project.reads.insert(path.clone(), Reads::same(Err(setup_obstacle(folder, name))));
        // Many folders have a setup.cfg for their linters only.
        if name == "setup.py" || !manifests.is_empty() {
            manifests.push(path);
        }
    }
    (!manifests.is_empty()).then(|| Project {
        root: folder.root.to_owned(),
        lockfiles: project.locks.iter().map(|lock| lock.path.clone()).collect(),
        stack: Stack::Python(Box::new(project)),
        manifests,
    })
}

/// An installation through setuptools' own files reads the package, and often its history.
fn setup_obstacle(folder: Folder<'_>, name: &str) -> Obstacle {
    const FROM_GIT: &[&str] = &["setuptools_scm", "setuptools-scm", "use_scm_version", "versioneer", "pbr"];
    let from_git =
        folder.text(name).present().is_some_and(|text| FROM_GIT.iter().any(|sign| text.contains(sign)));
    if from_git {
        return Obstacle::new("H052", format!("`{name}` takes the version from git"));
    }
    Obstacle::new("H050", format!("an install through `{name}` reads the package itself"))
}

fn locks(folder: Folder<'_>) -> Vec<PythonLock> {
    const NAMES: &[(&str, Option<PythonTool>)] = &[
        ("poetry.lock", Some(PythonTool::Poetry)),
        ("uv.lock", Some(PythonTool::Uv)),
        ("pdm.lock", Some(PythonTool::Pdm)),
        ("Pipfile.lock", None),
        ("pylock.toml", None),
    ];
    let present = NAMES.iter().filter(|(name, _)| folder.has_file(name));
    present.map(|&(name, tool)| PythonLock { path: folder.path(name), tool }).collect()
}

/// `requirements.txt`, `requirements-dev.txt`, `dev-requirements.txt`, `requirements/base.txt` and the like.
fn requirements_files(folder: Folder<'_>) -> Vec<String> {
    let is_text = |name: &str| name.strip_suffix(".txt").is_some_and(|stem| stem.contains("requirements"));
    let files = folder.entries.iter().filter(|entry| entry.kind != EntryKind::Directory);
    let mut paths: Vec<String> =
        files.filter(|entry| is_text(&entry.name)).map(|entry| folder.path(&entry.name)).collect();
    if folder.has_directory("requirements")
        && let Answer::Present(entries) = folder.files.list(&folder.path("requirements"))
    {
        let texts = entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::File && entry.name.strip_suffix(".txt").is_some());
        paths.extend(texts.map(|entry| folder.path(&format!("requirements/{}", entry.name))));
    }
    paths
}
