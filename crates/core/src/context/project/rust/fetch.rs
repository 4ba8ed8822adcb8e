//! What `cargo fetch` needs: every manifest that it resolves, and a file for each target that must exist.

use std::collections::{BTreeSet, VecDeque};

use toml::{Table, Value};

use super::super::{Answer, Obstacle, add_new, text};
use super::{Manifest, RustPackage, above, toolchain_file};
use crate::context::dockerignore::DockerIgnore;
use crate::context::{ContextFiles, EntryKind, join, normalise};

/// How many packages are looked at. A workspace with more is left alone.
const MAX_PACKAGES: usize = 300;

/// What `cargo fetch --locked` needs. Paths are relative to the root of the context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CargoFetch {
    /// The files that are read: manifests, the lockfile, configuration, the toolchain file.
    pub files: Vec<String>,
    /// The files that only have to exist, for cargo to accept the manifests. Their text does not matter: nothing is
    /// compiled.
    pub targets: Vec<String>,
}

impl CargoFetch {
    pub(super) fn with_lock(mut self, lock: &str) -> Self {
        self.files.insert(1.min(self.files.len()), lock.to_owned());
        self
    }
}

/// What [`find`] knows.
pub(super) struct Found {
    pub(super) fetch: CargoFetch,
    pub(super) members: Vec<RustPackage>,
    pub(super) is_vendored: bool,
}

/// Follows the members and the path dependencies from one manifest, whose workspace is in `home`.
pub(super) fn find(files: &dyn ContextFiles, manifest: &Manifest, home: &str) -> Result<Found, Obstacle> {
    let mut queue = VecDeque::from([home.to_owned()]);
    let mut known = BTreeSet::from([home.to_owned()]);
    let mut found = Found { fetch: CargoFetch::default(), members: Vec::new(), is_vendored: false };
    let mut add = |directory: String, queue: &mut VecDeque<String>| {
        if known.insert(directory.clone()) {
            queue.push_back(directory);
        }
    };
    add(manifest.root.clone(), &mut queue);
    let root = Manifest::read(files, home)?;
    if root.is_workspace() {
        for glob in root.workspace_texts("members") {
            let directories = expand(files, home, &glob)?;
            for directory in directories.into_iter().filter(|directory| !root.excludes(directory)) {
                add(directory, &mut queue);
            }
        }
    }
    while let Some(directory) = queue.pop_front() {
        let package = Manifest::read(files, &directory)?;
        found.fetch.files.push(join(&directory, "Cargo.toml"));
        if found.fetch.files.len() > MAX_PACKAGES {
            return Err(Obstacle::new("H047", "the workspace has too many packages to look at"));
        }
        add_new(&mut found.fetch.targets, package.target_files()?);
        let is_inside = home.is_empty() || directory == home || directory.starts_with(&format!("{home}/"));
        if (!is_inside || root.excludes(&directory)) && package.inherits() {
            let reason = format!("`{directory}` inherits from a workspace of its own");
            return Err(Obstacle::new("H047", reason));
        }
        if is_inside {
            found.members.extend(package.package());
        }
        let (needed, offered) = package.path_dependencies();
        for (path, is_needed) in
            needed.iter().map(|path| (path, true)).chain(offered.iter().map(|path| (path, false)))
        {
            let target = normalise(&format!("{directory}/{path}"));
            let exists = |target: &String| files.entry(&join(target, "Cargo.toml")).is_present();
            match target {
                Some(target) if exists(&target) => add(target, &mut queue),
                _ if !is_needed => {}
                Some(target) => {
                    return Err(Obstacle::new(
                        "H047",
                        format!("there is no `{}`", join(&target, "Cargo.toml")),
                    ));
                }
                None => {
                    return Err(Obstacle::new("H047", format!("`{path}` is outside of the build context")));
                }
            }
        }
    }
    let config = configuration(files, &manifest.root, &mut found)?;
    found.fetch.files.extend(config);
    found.fetch.files.extend(toolchain_file(files, &manifest.root));
    Ok(found)
}

/// The configuration files that cargo reads from this directory.
fn configuration(
    files: &dyn ContextFiles,
    directory: &str,
    found: &mut Found,
) -> Result<Vec<String>, Obstacle> {
    let mut paths = Vec::new();
    for directory in above(directory) {
        // The old name wins when both are there.
        let names = [".cargo/config", ".cargo/config.toml"].map(|name| join(directory, name));
        let Some(path) = names.into_iter().find(|path| files.entry(path).is_present()) else { continue };
        let Answer::Present(text) = text(files, &path) else {
            return Err(Obstacle::new("H047", format!("`{path}` could not be read")));
        };
        let Ok(table) = text.parse::<Table>() else {
            return Err(Obstacle::new("H047", format!("`{path}` is not valid TOML")));
        };
        if table.contains_key("paths") || table.contains_key("patch") || table.contains_key("include") {
            return Err(Obstacle::new("H047", format!("`{path}` names more manifests")));
        }
        let sources = table.get("source").and_then(Value::as_table).into_iter().flatten();
        found.is_vendored |= sources
            .filter(|(_, source)| source.get("directory").is_some() || source.get("local-registry").is_some())
            .count()
            > 0;
        paths.push(path);
    }
    Ok(paths)
}

/// The directories with a manifest that a member's glob names. A name without wildcards has to be there.
fn expand(files: &dyn ContextFiles, home: &str, glob: &str) -> Result<Vec<String>, Obstacle> {
    let glob = glob.trim_start_matches("./").trim_end_matches('/');
    let is_pattern = |part: &str| part.contains(['*', '?', '[']);
    if !is_pattern(glob) {
        let outside = || Obstacle::new("H047", format!("`{glob}` is outside of the build context"));
        return Ok(vec![normalise(&format!("{home}/{glob}")).ok_or_else(outside)?]);
    }
    let mut directories = vec![home.to_owned()];
    for part in glob.split('/') {
        if part == "**" {
            return Err(Obstacle::new("H047", format!("the members `{glob}` lie at any depth")));
        }
        let mut next = Vec::new();
        for directory in &directories {
            if !is_pattern(part) {
                next.extend(normalise(&format!("{directory}/{part}")));
                continue;
            }
            let pattern = DockerIgnore::parse(part);
            let Answer::Present(entries) = files.list(directory) else { continue };
            let matching = entries
                .iter()
                .filter(|entry| entry.kind == EntryKind::Directory && !entry.name.starts_with('.'))
                .filter(|entry| pattern.is_ignored(&entry.name));
            next.extend(matching.map(|entry| join(directory, &entry.name)));
        }
        directories = next;
        if directories.len() > MAX_PACKAGES {
            return Err(Obstacle::new("H047", "the workspace has too many packages to look at"));
        }
    }
    directories.retain(|directory| files.entry(&join(directory, "Cargo.toml")).is_present());
    Ok(directories)
}
