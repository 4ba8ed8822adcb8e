//! Node projects: the manifest, the lockfiles, and what `npm install` and its kin read besides.
//!
//! Sources: the documentation of npm (`package.json`, scripts, `.npmrc`), Yarn, pnpm and Bun; hazards H042 to
//! H047 and H061.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Answer, ContextFiles, Folder, Obstacle, Project, Stack};
use crate::context::dockerignore::DockerIgnore;

mod lock;
mod prisma;
mod reads;
mod scripts;
#[cfg(test)]
mod tests;
mod workspace;

pub use lock::{NodeLock, NodeLockKind};

/// The scripts that an installation in the project's own directory runs, in npm's order.
const LIFECYCLE: &[&str] = &[
    "pnpm:devPreinstall",
    "preinstall",
    "install",
    "postinstall",
    "prepublish",
    "preprepare",
    "prepare",
    "postprepare",
];

/// A program that installs packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodeManager {
    /// npm.
    Npm,
    /// Yarn, classic or berry.
    Yarn,
    /// pnpm.
    Pnpm,
    /// Bun.
    Bun,
}

/// A dependency that does not come from a registry but from a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalDependency {
    /// The name of the package.
    pub name: String,
    /// Where it is, as the manifest says it (`file:../lib`, `workspace:*`).
    pub specifier: String,
}

/// What is known about a Node project. Paths are relative to the root of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeProject {
    /// `name` of the manifest.
    pub name: Option<String>,
    /// `packageManager` as it is written (`pnpm@9.1.0`); Corepack obeys it.
    pub package_manager: Option<String>,
    /// The manager that `packageManager` names, else the one whose lockfile is there; `None` when there is no
    /// lockfile, or several of different managers.
    pub manager: Option<NodeManager>,
    /// The lockfiles, in the order npm, Yarn, pnpm, Bun.
    pub locks: Vec<NodeLock>,
    /// The globs that name the members of a workspace, as written, from the manifest or `pnpm-workspace.yaml`.
    pub workspaces: Vec<String>,
    /// The directories of the members, as far as the globs are understood.
    pub members: Vec<String>,
    /// The directory of the workspace that this project is a member of.
    pub workspace_root: Option<String>,
    /// All scripts by name.
    pub scripts: BTreeMap<String, String>,
    /// Dependencies that come from directories or files.
    pub local_dependencies: Vec<LocalDependency>,
    /// Patch files and directories of them that an installation applies.
    pub patches: Vec<String>,
    /// Files and directories that configure the manager (`.npmrc`, `.yarn/releases`).
    pub config: Vec<String>,
    /// The schema of Prisma, when there is one.
    pub prisma_schema: Option<String>,
    /// Directories into which the installation writes code, as far as it is not `node_modules`.
    pub generated: Vec<String>,
    /// A script of the installation that minds whether there is a `.git`: its name and text (H043).
    pub needs_git: Option<(String, String)>,
    reads: Reads,
}

/// What an installation reads.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reads {
    /// Without its scripts.
    plain: Result<Vec<String>, Obstacle>,
    /// With them.
    with_scripts: Result<Vec<String>, Obstacle>,
}

impl Reads {
    fn failed(obstacle: Obstacle) -> Self {
        Self { plain: Err(obstacle.clone()), with_scripts: Err(obstacle) }
    }
}

impl NodeProject {
    /// The paths that the installation of dependencies reads, manifest and lockfiles first, when that is
    /// certain; otherwise what stands in the way.
    ///
    /// Without a lockfile the list is still certain, but the versions are not (H046): see [`locks`](Self::locks). A
    /// script that sets up git hooks may mind whether there is a `.git`: see [`needs_git`](Self::needs_git).
    ///
    /// A member of a workspace is taken for a project of its own; where it lies below its root, what the root reads
    /// counts.
    pub fn install_reads(&self) -> Result<Vec<String>, Obstacle> {
        self.reads.with_scripts.clone()
    }

    /// The same for an installation that runs no scripts (`--ignore-scripts`).
    pub fn install_reads_without_scripts(&self) -> Result<Vec<String>, Obstacle> {
        self.reads.plain.clone()
    }

    /// The scripts that an installation runs, as (name, text), in npm's order.
    pub fn lifecycle_scripts(&self) -> impl Iterator<Item = (&str, &str)> {
        LIFECYCLE.iter().filter_map(|name| {
            self.scripts.get_key_value(*name).map(|(name, text)| (name.as_str(), text.as_str()))
        })
    }
}

/// The Node project in one folder, told by its `package.json`.
pub(super) fn detect(folder: Folder<'_>) -> Option<Project> {
    if !folder.has_file("package.json") {
        return None;
    }
    let locks = lock::detect(folder);
    let manifest = folder.path("package.json");
    let parsed = match folder.text("package.json") {
        Answer::Present(text) => serde_json::from_str::<Value>(&text)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| Obstacle::new("H042", format!("`{manifest}` is not valid JSON"))),
        Answer::Absent | Answer::Unknown => {
            Err(Obstacle::new("H042", format!("`{manifest}` could not be read")))
        }
    };
    let lockfiles: Vec<String> = locks.iter().map(|lock| lock.path.clone()).collect();
    let node = match parsed {
        Ok(json) => read_manifest(folder, &json, locks),
        Err(obstacle) => {
            NodeProject { reads: Reads::failed(obstacle), ..read_manifest(folder, &Value::Null, locks) }
        }
    };
    Some(Project {
        root: folder.root.to_owned(),
        stack: Stack::Node(Box::new(node)),
        manifests: vec![manifest],
        lockfiles,
    })
}

/// The Node project in a directory of the context, wherever it lies.
pub(crate) fn at(files: &dyn ContextFiles, root: &str) -> Option<NodeProject> {
    let entries = files.list(root).present()?;
    match detect(Folder { files, root, entries: &entries })?.stack {
        Stack::Node(node) => Some(*node),
        _ => None,
    }
}

fn read_manifest(folder: Folder<'_>, json: &Value, locks: Vec<NodeLock>) -> NodeProject {
    let mut node = bare(json, locks);
    node.reads = reads::find(folder, json, &mut node);
    node
}

/// What the manifest alone tells.
fn bare(json: &Value, locks: Vec<NodeLock>) -> NodeProject {
    let text_of = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
    let package_manager = text_of("packageManager");
    NodeProject {
        name: text_of("name"),
        manager: manager(package_manager.as_deref(), &locks),
        package_manager,
        locks,
        workspaces: workspaces(json),
        members: Vec::new(),
        workspace_root: None,
        scripts: strings(json.get("scripts")),
        local_dependencies: local_dependencies(json),
        patches: Vec::new(),
        config: Vec::new(),
        prisma_schema: None,
        generated: Vec::new(),
        needs_git: None,
        reads: Reads { plain: Ok(Vec::new()), with_scripts: Ok(Vec::new()) },
    }
}

fn manager(package_manager: Option<&str>, locks: &[NodeLock]) -> Option<NodeManager> {
    if let Some(written) = package_manager {
        return match written.split('@').next().unwrap_or_default() {
            "npm" => Some(NodeManager::Npm),
            "yarn" => Some(NodeManager::Yarn),
            "pnpm" => Some(NodeManager::Pnpm),
            "bun" => Some(NodeManager::Bun),
            _ => None,
        };
    }
    let first = locks.first()?.kind.manager();
    locks.iter().all(|lock| lock.kind.manager() == first).then_some(first)
}

/// `workspaces` is a list, or an object with the list in `packages` (Yarn, Bun).
fn workspaces(json: &Value) -> Vec<String> {
    let list = match json.get("workspaces") {
        Some(Value::Object(object)) => object.get("packages"),
        other => other,
    };
    let globs = list.and_then(Value::as_array).into_iter().flatten();
    globs.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The members of an object whose values are texts.
fn strings(value: Option<&Value>) -> BTreeMap<String, String> {
    let members = value.and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// Every (name, specifier) of the manifest, whichever list it is in. Overrides nest, so they are followed down.
fn specifiers(json: &Value) -> Vec<(String, String)> {
    const LISTS: &[&str] = &[
        "dependencies",
        "devDependencies",
        "optionalDependencies",
        "peerDependencies",
        "resolutions",
        "overrides",
    ];
    let pnpm = json.get("pnpm").and_then(|pnpm| pnpm.get("overrides"));
    let mut open: Vec<&Value> = LISTS.iter().filter_map(|list| json.get(*list)).chain(pnpm).collect();
    let mut all = Vec::new();
    while let Some(value) = open.pop() {
        for (name, value) in value.as_object().into_iter().flatten() {
            match value {
                Value::String(text) => all.push((name.clone(), text.clone())),
                Value::Object(_) => open.push(value),
                _ => {}
            }
        }
    }
    all.sort();
    all.dedup();
    all
}

fn local_dependencies(json: &Value) -> Vec<LocalDependency> {
    const LOCAL: &[&str] = &["file:", "link:", "portal:", "workspace:", "./", "../", "/", "~/"];
    let all = specifiers(json).into_iter();
    all.filter(|(_, specifier)| LOCAL.iter().any(|start| specifier.starts_with(start)))
        .map(|(name, specifier)| LocalDependency { name, specifier })
        .collect()
}

/// Marks the projects that are members of a workspace above them: their dependencies are installed from there.
pub(super) fn join_workspaces(projects: &mut [Project]) {
    let node = |project: &Project| match &project.stack {
        Stack::Node(node) if !node.workspaces.is_empty() => {
            // The globs of a workspace cross `/` as those of an ignore file do; a `!` takes a member out.
            Some((project.root.clone(), DockerIgnore::parse(&node.workspaces.join("\n"))))
        }
        _ => None,
    };
    let roots: Vec<_> = projects.iter().filter_map(node).collect();
    for project in projects {
        let Stack::Node(member) = &mut project.stack else { continue };
        for (root, globs) in &roots {
            let below = match root.as_str() {
                "" => Some(project.root.as_str()),
                root => project.root.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')),
            };
            let Some(below) = below.filter(|below| !below.is_empty()) else { continue };
            // One without a lockfile of its own is mostly installed with the lockfile above it, member or not.
            if globs.is_ignored(below) || member.locks.is_empty() {
                member.workspace_root = Some(root.clone());
            }
        }
    }
}
