//! Python projects: requirements files, `pyproject.toml`, `Pipfile`, `setup.py`, and what an installation from
//! each reads.
//!
//! Sources: pip's documentation of the requirements file format, the specification of `pyproject.toml`, the
//! documentation of Poetry, uv, PDM and Pipenv; hazards H047 and H050 to H052.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, Folder, Obstacle, Project, Stack, text};
use crate::context::EntryKind;

mod build;
mod conda;
mod local;
mod names;
mod pyproject;
mod reads;
mod requirements;
#[cfg(test)]
mod tests;

pub use build::Building;
pub use conda::{CondaEnvironment, conda_reads};
pub use names::python_package_name;
pub use pyproject::{LocalPackage, LocalPlace, Pyproject, PythonTool, PythonWorkspace};
pub use requirements::{Requirements, requirements_reads};

/// Folders beside a project that hold packages installed for this machine: an image installs its own, and a COPY over
/// them would bring programs of another system (H060).
pub const PYTHON_ENVIRONMENTS: &[&str] = &[".venv", "venv", "env", ".tox", ".nox", "__pypackages__"];

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
    /// The environment files of conda.
    pub conda: Vec<CondaEnvironment>,
    /// The lockfiles.
    pub locks: Vec<PythonLock>,
    /// What building the project reads besides its packages; `None` when it is not built.
    pub building: Option<Building>,
    /// The packages that one of these files names, as [`python_package_name`] writes them: those that are needed only
    /// for development included, and with a lockfile of Poetry, uv or PDM those that others need.
    pub packages: BTreeSet<String>,
    /// Files that say which version of Python the project is for: `.python-version`.
    pub settings: Vec<String>,
    /// What taking the dependencies from `pyproject.toml` reads.
    listed: Result<Vec<String>, Obstacle>,
    /// The manifests of the members of the uv workspace whose root this is.
    members: Result<Vec<String>, Obstacle>,
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

    /// The paths that taking the dependencies from `pyproject.toml` without building the project reads: `uv pip install -r
    /// pyproject.toml`.
    pub fn static_reads(&self) -> Result<Vec<String>, Obstacle> {
        self.listed.clone()
    }

    /// The manifests of the members of the uv workspace whose root this is; none without a workspace. uv compares them
    /// with the lockfile, except with `--frozen`.
    pub fn workspace_members(&self) -> Result<&[String], Obstacle> {
        self.members.as_deref().map_err(Clone::clone)
    }

    fn reads_of(&self, manifest: &str) -> Result<&Reads, Obstacle> {
        let unknown = || Obstacle::new("H050", format!("`{manifest}` is not a manifest of this project"));
        self.reads.get(manifest).ok_or_else(unknown)
    }
}

/// The Python project in one folder.
pub(super) fn detect(folder: Folder<'_>) -> Option<Project> {
    let locks = locks(folder);
    let mut requirements = Vec::new();
    let mut reads = BTreeMap::new();
    let mut manifests = Vec::new();
    for path in requirements_files(folder) {
        reads.insert(path.clone(), Reads::same(requirements_reads(folder.files, &path, folder.root)));
        if let Answer::Present(text) = requirements::requirements_text(folder.files, &path) {
            requirements.push(Requirements::parse(&path, &text));
        }
        manifests.push(path);
    }
    let mut pyproject = None;
    let mut members = Ok(Vec::new());
    let mut listed = Err(Obstacle::new("H050", "there is no pyproject.toml"));
    if folder.has_file("pyproject.toml") {
        let path = folder.path("pyproject.toml");
        let described = reads::read(folder, &locks);
        // A folder whose pyproject.toml only configures a linter is a project all the same: its manifest is there.
        pyproject = described.pyproject;
        members = described.members;
        listed = described.listed;
        let both = Reads { install: described.install, dependencies: described.dependencies };
        reads.insert(path.clone(), both);
        manifests.push(path);
    }
    if folder.has_file("Pipfile") {
        let path = folder.path("Pipfile");
        reads.insert(path.clone(), Reads::same(reads::read_pipfile(folder)));
        manifests.push(path);
    }
    let conda = conda::find(folder);
    for environment in &conda {
        let path = &environment.path;
        reads.insert(path.clone(), Reads::same(conda_reads(folder.files, path)));
        manifests.push(path.clone());
    }
    for name in ["setup.py", "setup.cfg"].into_iter().filter(|name| folder.has_file(name)) {
        let path = folder.path(name);
        reads.insert(path.clone(), Reads::same(Err(setup_obstacle(folder, name))));
        // Many folders have a setup.cfg for their linters only.
        if name == "setup.py" || !manifests.is_empty() {
            manifests.push(path);
        }
    }
    if manifests.is_empty() {
        return None;
    }
    Some(Project {
        root: folder.root.to_owned(),
        lockfiles: locks.iter().map(|lock| lock.path.clone()).collect(),
        manifests,
        stack: Stack::Python(Box::new(PythonProject {
            building: build::find(folder, pyproject.as_ref()),
            packages: names::find(folder, &requirements, &conda, &locks),
            requirements,
            pyproject,
            conda,
            locks,
            settings: folder.those_of(&[".python-version"]),
            listed,
            members,
            reads,
        })),
    })
}

/// An installation through setuptools' own files reads the package, and often its history.
fn setup_obstacle(folder: Folder<'_>, name: &str) -> Obstacle {
    if folder.text(name).present().is_some_and(|text| build::from_git(&text)) {
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
