//! Projects in directories of the context that are installed as dependencies: `./libs/own`, `{ path = "libs/own" }`.

use toml::Table;

use super::super::{Obstacle, add_new, text};
use super::build::from_git;
use super::pyproject::{LocalPlace, describe};
use crate::context::{Answer, ContextFiles, EntryKind, join, normalise};

/// How many directories one project may lead to.
const MAX_DIRECTORIES: usize = 32;

/// What installing the archive or the project at `place` reads, where `place` is written in a file or command of the
/// directory `from`: the archive itself, or the whole directory with those of the projects that it depends on (H047).
///
/// An editable installation writes the package's metadata into the directory; where old metadata lie there, they would
/// be copied over it (H060).
pub(super) fn local_reads(
    files: &dyn ContextFiles,
    from: &str,
    place: &str,
    editable: bool,
) -> Result<Vec<String>, Obstacle> {
    let mut reads = Vec::new();
    let mut open = vec![resolve(from, place).ok_or_else(|| outside(place))?];
    while let Some(path) = open.pop() {
        if reads.contains(&path) {
            continue;
        }
        if reads.len() >= MAX_DIRECTORIES {
            return Err(Obstacle::new("H047", "the dependencies lead to too many directories"));
        }
        match files.entry(&path) {
            Answer::Present(entry) if entry.kind == EntryKind::File => {}
            Answer::Present(entry) if entry.kind == EntryKind::Directory => {
                let holds_asker = path.is_empty() || from == path || from.starts_with(&format!("{path}/"));
                if holds_asker {
                    return Err(Obstacle::new(
                        "H047",
                        format!("`{place}` is the project itself, installed with its dependencies"),
                    ));
                }
                open.extend(project(files, &path, editable)?);
            }
            _ => return Err(Obstacle::new("H047", format!("`{path}` is not a directory of the context"))),
        }
        add_new(&mut reads, [path]);
    }
    Ok(reads)
}

/// A place as a path of the context; `None` when it leaves the context.
fn resolve(from: &str, place: &str) -> Option<String> {
    let bare = place.split('[').next().unwrap_or_default();
    let bare = bare.strip_prefix("file:").unwrap_or(bare);
    let inside = !bare.starts_with(['/', '$', '~']) && !bare.contains(['\\', '{']);
    inside.then(|| normalise(&format!("{from}/{bare}"))).flatten()
}

fn outside(place: &str) -> Obstacle {
    Obstacle::new("H047", format!("`{place}` lies outside of the context"))
}

/// The directories that the project in a directory depends on.
fn project(files: &dyn ContextFiles, path: &str, editable: bool) -> Result<Vec<String>, Obstacle> {
    let read = |name: &str| text(files, &join(path, name));
    let (manifest, setup) = (read("pyproject.toml"), read("setup.py"));
    if manifest.is_absent() && setup.is_absent() {
        return Err(Obstacle::new("H047", format!("`{path}` has neither a pyproject.toml nor a setup.py")));
    }
    if let Answer::Present(text) = &setup {
        if from_git(text) {
            return Err(Obstacle::new("H052", format!("`{path}` takes its version from git")));
        }
        if text.contains("..") {
            return Err(Obstacle::new("H047", format!("`{path}/setup.py` may read what lies above it")));
        }
    }
    if editable && has_old_metadata(files, path) {
        let reason = format!("old metadata in `{path}` would be copied over those of the install");
        return Err(Obstacle::new("H060", reason));
    }
    let Answer::Present(manifest) = manifest else { return Ok(Vec::new()) };
    let unreadable = |_| Obstacle::new("H047", format!("`{path}/pyproject.toml` is not valid TOML"));
    let described = describe(&manifest.parse::<Table>().map_err(unreadable)?, &[]);
    if described.version_from_git {
        return Err(Obstacle::new("H052", format!("`{path}` takes its version from git")));
    }
    let places = described.local_dependencies.iter().map(|local| match &local.place {
        LocalPlace::Path(place) => resolve(path, place).ok_or_else(|| outside(place)),
        LocalPlace::Member => {
            Err(Obstacle::new("H047", format!("`{path}` depends on a member of its workspace")))
        }
    });
    places.collect()
}

/// Whether `*.egg-info` of an earlier installation lies in a project.
fn has_old_metadata(files: &dyn ContextFiles, path: &str) -> bool {
    [path.to_owned(), join(path, "src")].iter().any(|folder| {
        let entries = files.list(folder).present().unwrap_or_default();
        entries.iter().any(|entry| entry.name.ends_with(".egg-info"))
    })
}
