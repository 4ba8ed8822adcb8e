//! Rust projects: `Cargo.toml`, workspaces, and what `cargo fetch` reads.
//!
//! Sources: the Cargo Book (the manifest format, workspaces, target auto-discovery, configuration,
//! `cargo fetch`), and tries with cargo 1.95: a manifest without a target file is refused ("no targets
//! specified in the manifest"), one whose `[[bin]]` names its path is not, whether the file is there or not. Hazards
//! H046, H047 and H058.

use toml::Table;

use super::{Answer, Folder, Obstacle, Project, Stack, text};
use crate::context::{ContextFiles, join, split};

mod fetch;
mod manifest;
#[cfg(test)]
mod tests;

pub use fetch::CargoFetch;
use manifest::Manifest;

/// A binary that a package builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RustBin {
    /// Its name, which is that of the file in `target/release`.
    pub name: String,
    /// Its source, relative to the root of the context.
    pub path: String,
}

/// A package: a manifest with `[package]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RustPackage {
    /// `package.name`.
    pub name: String,
    /// Its directory, relative to the root of the context.
    pub root: String,
    /// What it builds, by the rules of target auto-discovery.
    pub bins: Vec<RustBin>,
    /// `package.default-run`.
    pub default_run: Option<String>,
    /// Whether it has a build script.
    pub has_build_script: bool,
    /// Whether it is a procedural macro.
    pub is_proc_macro: bool,
}

/// A package of `Cargo.lock`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedCrate {
    /// Its name: `openssl-sys`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it is downloaded, from a registry or from git; a package of the workspace is not.
    pub is_downloaded: bool,
}

/// What is known about a Rust package or workspace. Paths are relative to the root of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RustProject {
    /// The package of this folder; `None` for a workspace without one.
    pub package: Option<RustPackage>,
    /// The directory of the workspace that this folder belongs to, itself included.
    pub workspace_root: Option<String>,
    /// All packages that are built with this one: the members of the workspace, else the package itself.
    pub members: Vec<RustPackage>,
    /// The lockfile that counts here, next to the root of the workspace.
    pub lock: Option<String>,
    /// What the lockfile holds; empty when there is none, or it cannot be read.
    pub locked: Vec<LockedCrate>,
    /// The channel that `rust-toolchain.toml` or `rust-toolchain` asks for.
    pub toolchain: Option<String>,
    /// Whether `.cargo/config.toml` takes the dependencies from a directory.
    pub is_vendored: bool,
    fetch: Result<CargoFetch, Obstacle>,
}

impl RustProject {
    /// What `cargo fetch --locked` needs in this folder, when that is certain; otherwise what stands in the way.
    pub fn fetch(&self) -> Result<CargoFetch, Obstacle> {
        self.fetch.clone()
    }

    /// Whether there is a crate to download at all.
    pub fn downloads(&self) -> bool {
        !self.is_vendored && self.locked.iter().any(|found| found.is_downloaded)
    }

    /// The locked crates that link a library of the system, by the custom that their name ends with `-sys`.
    pub fn sys_crates(&self) -> impl Iterator<Item = &LockedCrate> {
        self.locked.iter().filter(|found| found.name.ends_with("-sys"))
    }
}

/// The Rust package or workspace in one folder.
pub(super) fn detect(folder: Folder<'_>) -> Option<Project> {
    if !folder.has_file("Cargo.toml") {
        return None;
    }
    Some(Project {
        root: folder.root.to_owned(),
        stack: Stack::Rust(Box::new(read(folder))),
        manifests: vec![folder.path("Cargo.toml")],
        lockfiles: folder.those_of(&["Cargo.lock"]),
    })
}

fn read(folder: Folder<'_>) -> RustProject {
    let files = folder.files;
    let mut project = RustProject {
        package: None,
        workspace_root: None,
        members: Vec::new(),
        lock: None,
        locked: Vec::new(),
        toolchain: toolchain(files, folder.root),
        is_vendored: false,
        fetch: Ok(CargoFetch::default()),
    };
    let manifest = match Manifest::read(files, folder.root) {
        Ok(manifest) => manifest,
        Err(obstacle) => {
            project.fetch = Err(obstacle);
            return project;
        }
    };
    project.package = manifest.package();
    let root =
        if manifest.is_workspace() { Some(folder.root.to_owned()) } else { manifest.workspace_above(files) };
    project.workspace_root.clone_from(&root);
    let home = root.unwrap_or_else(|| folder.root.to_owned());
    let lock = join(&home, "Cargo.lock");
    project.lock = files.entry(&lock).is_present().then_some(lock);
    if let Some(lock) = &project.lock {
        project.locked = locked(files, lock);
    }
    match fetch::find(files, &manifest, &home) {
        Ok(found) => {
            project.members = found.members;
            project.is_vendored = found.is_vendored;
            project.fetch = match &project.lock {
                Some(lock) => Ok(found.fetch.with_lock(lock)),
                None => {
                    Err(Obstacle::new("H046", "there is no `Cargo.lock`: which versions are fetched is open"))
                }
            };
        }
        Err(obstacle) => {
            project.members = project.package.iter().cloned().collect();
            project.fetch = Err(obstacle);
        }
    }
    project
}

/// What a `Cargo.lock` lists.
fn locked(files: &dyn ContextFiles, path: &str) -> Vec<LockedCrate> {
    let Answer::Present(text) = text(files, path) else { return Vec::new() };
    let Ok(table) = text.parse::<Table>() else { return Vec::new() };
    let packages = table.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let field = |package: &toml::Value, name: &str| {
        package.get(name).and_then(toml::Value::as_str).map(str::to_owned)
    };
    packages
        .filter_map(|package| {
            Some(LockedCrate {
                name: field(package, "name")?,
                version: field(package, "version")?,
                is_downloaded: package.get("source").is_some(),
            })
        })
        .collect()
}

/// The toolchain file that rustup obeys: in this directory or the nearest one above it.
fn toolchain_file(files: &dyn ContextFiles, root: &str) -> Option<String> {
    above(root).into_iter().find_map(|directory| {
        let names = ["rust-toolchain", "rust-toolchain.toml"].map(|name| join(directory, name));
        names.into_iter().find(|path| files.entry(path).is_present())
    })
}

fn toolchain(files: &dyn ContextFiles, root: &str) -> Option<String> {
    let path = toolchain_file(files, root)?;
    let text = text(files, &path).present()?;
    let from_table = text
        .parse::<Table>()
        .ok()
        .and_then(|table| table.get("toolchain")?.get("channel")?.as_str().map(str::to_owned));
    // The old form is the channel alone.
    from_table.or_else(|| {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.next().filter(|line| !line.contains(['[', '='])).map(str::to_owned)
    })
}

/// A directory and all above it, up to the root of the context.
fn above(directory: &str) -> Vec<&str> {
    let mut list = vec![directory];
    let mut here = directory;
    while !here.is_empty() {
        here = split(here).0;
        list.push(here);
    }
    list
}
