//! What an installation through a manifest reads: the whole of it, and that of the dependencies alone.

use toml::{Table, Value};

use super::super::{Answer, Folder, Obstacle, add_new};
use super::PythonLock;
use super::local::local_reads;
use super::pyproject::{LocalPlace, Pyproject, PythonTool, PythonWorkspace, describe, texts};
use crate::context::{EntryKind, join};

type ReadPaths = Result<Vec<String>, Obstacle>;

/// The most members that a workspace is listed with.
const MAX_MEMBERS: usize = 64;

/// What is known of a project with a `pyproject.toml`.
pub(super) struct Described {
    pub(super) pyproject: Option<Pyproject>,
    /// What the plain installation reads.
    pub(super) install: ReadPaths,
    /// What that of the dependencies alone reads.
    pub(super) dependencies: ReadPaths,
    /// What a reading of the dependencies from the manifest alone reads.
    pub(super) listed: ReadPaths,
    /// The manifests of the workspace's members.
    pub(super) members: Result<Vec<String>, Obstacle>,
}

/// Reads the manifest: what it says, what an installation reads, and what one of the dependencies alone reads.
pub(super) fn read(folder: Folder<'_>, locks: &[PythonLock]) -> Described {
    let path = folder.path("pyproject.toml");
    let table = match folder.text("pyproject.toml") {
        Answer::Present(text) => {
            text.parse::<Table>().map_err(|_| Obstacle::new("H050", format!("`{path}` is not valid TOML")))
        }
        _ => Err(Obstacle::new("H050", format!("`{path}` could not be read"))),
    };
    match table {
        Ok(table) => {
            let pyproject = describe(&table, locks);
            let members =
                pyproject.workspace.as_ref().map_or(Ok(Vec::new()), |workspace| members(folder, workspace));
            let dependencies = dependency_reads(folder, &table, &pyproject, locks);
            let install = install_reads(&pyproject, &dependencies);
            let listed = static_reads(folder, &table, &pyproject);
            Described { pyproject: Some(pyproject), install, dependencies, listed, members }
        }
        Err(obstacle) => Described {
            pyproject: None,
            install: Err(obstacle.clone()),
            dependencies: Err(obstacle.clone()),
            listed: Err(obstacle),
            members: Ok(Vec::new()),
        },
    }
}

fn dependency_reads(
    folder: Folder<'_>,
    table: &Table,
    pyproject: &Pyproject,
    locks: &[PythonLock],
) -> ReadPaths {
    let config: &[&str] = match pyproject.tool {
        PythonTool::Poetry => &["poetry.toml"],
        PythonTool::Uv => &["uv.toml", ".python-version"],
        PythonTool::Pdm => &["pdm.toml"],
        // No option of pip leaves the project out.
        _ => return Err(installs_itself(pyproject)),
    };
    // In a project of Poetry they are computed from a table of the same file.
    let is_computed = |field: &str| pyproject.dynamic.iter().any(|one| one == field);
    if pyproject.tool != PythonTool::Poetry
        && (is_computed("dependencies") || is_computed("optional-dependencies"))
    {
        return Err(Obstacle::new("H051", "the dependencies are computed by building the project"));
    }
    if pyproject.tool == PythonTool::Uv {
        let uv = table.get("tool").and_then(|tool| tool.get("uv"));
        let links = texts(uv.and_then(|uv| uv.get("find-links")));
        if let Some(links) = links.iter().find(|links| !links.contains("://")) {
            return Err(Obstacle::new("H050", format!("uv looks for packages in `{links}`")));
        }
    }
    let mut reads = vec![folder.path("pyproject.toml")];
    let own = locks.iter().filter(|lock| lock.tool == Some(pyproject.tool));
    add_new(&mut reads, own.map(|lock| lock.path.clone()));
    add_new(&mut reads, folder.those_of(config));
    add_local(folder, pyproject, &mut reads)?;
    Ok(reads)
}

/// Adds the directories of local dependencies.
fn add_local(folder: Folder<'_>, pyproject: &Pyproject, reads: &mut Vec<String>) -> Result<(), Obstacle> {
    for local in &pyproject.local_dependencies {
        match &local.place {
            LocalPlace::Path(place) => {
                add_new(reads, local_reads(folder.files, folder.root, place, local.editable)?);
            }
            LocalPlace::Member if pyproject.workspace.is_some() => {}
            LocalPlace::Member => {
                let reason = format!("`{}` is a member of a workspace whose root is elsewhere", local.name);
                return Err(Obstacle::new("H047", reason));
            }
        }
    }
    Ok(())
}

/// What taking the dependencies from the table `project` reads, as uv does without building the project.
///
/// Source: docs.astral.sh/uv/pip/compile ("pyproject.toml" as a source of requirements).
fn static_reads(folder: Folder<'_>, table: &Table, pyproject: &Pyproject) -> ReadPaths {
    let is_computed = |field: &str| pyproject.dynamic.iter().any(|one| one == field);
    if !table.contains_key("project") || is_computed("dependencies") || is_computed("optional-dependencies") {
        return Err(Obstacle::new("H051", "the dependencies are computed by building the project"));
    }
    if pyproject.local_dependencies.iter().any(|local| local.place == LocalPlace::Member) {
        return Err(Obstacle::new("H047", "the dependencies include members of a workspace"));
    }
    let mut reads = vec![folder.path("pyproject.toml")];
    add_new(&mut reads, folder.those_of(&["uv.toml"]));
    add_local(folder, pyproject, &mut reads)?;
    Ok(reads)
}

fn install_reads(pyproject: &Pyproject, dependencies: &ReadPaths) -> ReadPaths {
    if pyproject.installs_itself {
        return Err(installs_itself(pyproject));
    }
    if pyproject.workspace.is_some() {
        dependencies.clone()?;
        return Err(Obstacle::new("H051", "the install includes members of the workspace"));
    }
    dependencies.clone()
}

fn installs_itself(pyproject: &Pyproject) -> Obstacle {
    if pyproject.version_from_git {
        return Obstacle::new("H052", "the install takes the version from git");
    }
    Obstacle::new("H051", "the install includes the project itself")
}

/// The manifests of a workspace's members. uv reads every one of them when it compares them with the lockfile.
///
/// Source: docs.astral.sh/uv/concepts/projects/workspaces: "every directory included by the members globs (and not
/// excluded by the exclude globs) must contain a pyproject.toml".
fn members(folder: Folder<'_>, workspace: &PythonWorkspace) -> Result<Vec<String>, Obstacle> {
    let unclear =
        |pattern: &str| Obstacle::new("H047", format!("the members `{pattern}` could not be listed"));
    let mut manifests = Vec::new();
    let mut excluded = Vec::new();
    for pattern in &workspace.exclude {
        excluded.extend(directories(folder, pattern).ok_or_else(|| unclear(pattern))?);
    }
    for pattern in &workspace.members {
        for directory in directories(folder, pattern).ok_or_else(|| unclear(pattern))? {
            let manifest = join(&directory, "pyproject.toml");
            let is_member = !excluded.contains(&directory) && folder.files.entry(&manifest).is_present();
            if is_member && directory != folder.root {
                add_new(&mut manifests, [manifest]);
            }
        }
    }
    if manifests.len() > MAX_MEMBERS {
        return Err(Obstacle::new("H047", "the workspace has too many members"));
    }
    Ok(manifests)
}

/// The directories that a pattern with `*` and `?` inside of its parts stands for. `None` when it has other wildcards,
/// or a directory cannot be listed.
fn directories(folder: Folder<'_>, pattern: &str) -> Option<Vec<String>> {
    if pattern.contains(['[', '{', '!']) || pattern.contains("**") {
        return None;
    }
    let mut found = vec![folder.root.to_owned()];
    for part in pattern.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            return None;
        }
        let mut next = Vec::new();
        for directory in &found {
            if !part.contains(['*', '?']) {
                next.push(join(directory, part));
                continue;
            }
            let entries = match folder.files.list(directory) {
                Answer::Present(entries) => entries,
                Answer::Absent => continue,
                Answer::Unknown => return None,
            };
            let fitting = entries.iter().filter(|entry| {
                entry.kind == EntryKind::Directory && !entry.name.starts_with('.') && fits(part, &entry.name)
            });
            next.extend(fitting.map(|entry| join(directory, &entry.name)));
        }
        found = next;
    }
    Some(found)
}

/// Whether a name fits a pattern of `*` and `?`.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut here, mut star) = (0, 0, None);
    while here < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(c) if *c == '?' || name.get(here) == Some(c) => {
                at += 1;
                here += 1;
            }
            _ => {
                // The last star takes one more.
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                here = taken + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|c| *c == '*')
}

/// What `pipenv install` reads.
pub(super) fn read_pipfile(folder: Folder<'_>) -> ReadPaths {
    let path = folder.path("Pipfile");
    let Answer::Present(text) = folder.text("Pipfile") else {
        return Err(Obstacle::new("H050", format!("`{path}` could not be read")));
    };
    let Ok(table) = text.parse::<Table>() else {
        return Err(Obstacle::new("H050", format!("`{path}` is not valid TOML")));
    };
    let mut reads = vec![path];
    add_new(&mut reads, folder.those_of(&["Pipfile.lock"]));
    // Every table but these is a group of packages.
    let groups = table
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "source" | "requires" | "scripts" | "pipenv"));
    for (_, value) in groups.filter_map(|(_, group)| group.as_table()).flatten() {
        for key in ["path", "file"] {
            let place = value.get(key).and_then(Value::as_str).filter(|place| !place.contains("://"));
            let Some(place) = place else { continue };
            let editable = value.get("editable").and_then(Value::as_bool) == Some(true);
            add_new(&mut reads, local_reads(folder.files, folder.root, place, editable)?);
        }
    }
    Ok(reads)
}
