//! One `Cargo.toml`: its package, its targets, and the directories that it names.

use toml::{Table, Value};

use super::super::{Answer, Obstacle, text};
use super::{RustBin, RustPackage, above};
use crate::context::{ContextFiles, EntryKind, join, normalise, split};

/// A manifest, and what lies beside it that cargo looks for.
pub(super) struct Manifest {
    /// Its directory, relative to the root of the context.
    pub(super) root: String,
    table: Table,
    found: Found,
}

/// The target files that are found by their places (Cargo Book, "Target auto-discovery").
#[derive(Default)]
struct Found {
    lib: bool,
    main: bool,
    build: bool,
    /// `(kind, name, path)` of `src/bin/name.rs`, `examples/name/main.rs` and so on, relative to the manifest.
    others: Vec<(&'static str, String, String)>,
}

/// The kinds of targets that are listed by name, and where they are looked for.
const KINDS: [(&str, &str); 4] =
    [("bin", "src/bin"), ("example", "examples"), ("test", "tests"), ("bench", "benches")];

impl Manifest {
    /// Reads the manifest in `root`.
    pub(super) fn read(files: &dyn ContextFiles, root: &str) -> Result<Self, Obstacle> {
        let path = join(root, "Cargo.toml");
        let table = match text(files, &path) {
            Answer::Present(text) => text
                .parse::<Table>()
                .map_err(|_| Obstacle::new("H047", format!("`{path}` is not valid TOML")))?,
            Answer::Absent => return Err(Obstacle::new("H047", format!("there is no `{path}`"))),
            Answer::Unknown => return Err(Obstacle::new("H047", format!("`{path}` could not be read"))),
        };
        Ok(Self { root: root.to_owned(), found: Found::look(files, root), table })
    }

    pub(super) fn is_workspace(&self) -> bool {
        self.table.contains_key("workspace")
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.table.get("package").or_else(|| self.table.get("project"))?.get(name)
    }

    /// The workspace's directory, for a manifest that is none itself: named, or the nearest manifest above that is one.
    pub(super) fn workspace_above(&self, files: &dyn ContextFiles) -> Option<String> {
        if let Some(named) = self.field("workspace").and_then(Value::as_str) {
            return normalise(&format!("{}/{named}", self.root));
        }
        let above = above(&self.root).into_iter().skip(1);
        let mut manifests = above.filter_map(|directory| Self::read(files, directory).ok());
        let root = manifests.find(Self::is_workspace)?;
        (!root.excludes(&self.root)).then_some(root.root)
    }

    /// Whether the workspace leaves a directory out.
    pub(super) fn excludes(&self, directory: &str) -> bool {
        self.workspace_texts("exclude").iter().any(|excluded| {
            let excluded = normalise(&format!("{}/{excluded}", self.root));
            excluded.is_some_and(|excluded| {
                directory == excluded
                    || directory.strip_prefix(&excluded).is_some_and(|rest| rest.starts_with('/'))
            })
        })
    }

    /// A list of texts in `[workspace]`: `members`, `exclude`.
    pub(super) fn workspace_texts(&self, name: &str) -> Vec<String> {
        let list = self.table.get("workspace").and_then(|workspace| workspace.get(name));
        let items = list.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Whether a field or a dependency is inherited from a workspace.
    pub(super) fn inherits(&self) -> bool {
        fn inherits(value: &Value, depth: usize) -> bool {
            let Some(table) = value.as_table().filter(|_| depth < 4) else { return false };
            table.get("workspace").and_then(Value::as_bool) == Some(true)
                || table.values().any(|value| inherits(value, depth + 1))
        }
        self.table.iter().any(|(name, value)| name != "workspace" && inherits(value, 0))
    }

    /// The directories of path dependencies, as written; those that must be there first, then those that a member may
    /// never use (`[workspace.dependencies]`).
    pub(super) fn path_dependencies(&self) -> (Vec<String>, Vec<String>) {
        let (mut needed, mut offered) = (Vec::new(), Vec::new());
        let paths = |table: Option<&Value>, list: &mut Vec<String>| {
            let entries = table.and_then(Value::as_table).into_iter().flatten();
            list.extend(entries.filter_map(|(_, value)| value.get("path")?.as_str().map(str::to_owned)));
        };
        let of = |holder: &Value, list: &mut Vec<String>| {
            for name in [
                "dependencies",
                "dev-dependencies",
                "build-dependencies",
                "dev_dependencies",
                "build_dependencies",
            ] {
                paths(holder.get(name), list);
            }
        };
        let whole = Value::Table(self.table.clone());
        of(&whole, &mut needed);
        for (_, target) in whole.get("target").and_then(Value::as_table).into_iter().flatten() {
            of(target, &mut needed);
        }
        for (_, source) in whole.get("patch").and_then(Value::as_table).into_iter().flatten() {
            paths(Some(source), &mut needed);
        }
        paths(whole.get("replace"), &mut needed);
        if let Some(workspace) = whole.get("workspace") {
            paths(workspace.get("dependencies"), &mut offered);
        }
        (needed, offered)
    }

    /// The package, when it is one.
    pub(super) fn package(&self) -> Option<RustPackage> {
        let name = self.field("name")?.as_str()?.to_owned();
        let is_proc_macro = |key: &str| {
            self.table.get("lib").and_then(|lib| lib.get(key)).and_then(Value::as_bool) == Some(true)
        };
        Some(RustPackage {
            bins: self.bins(&name),
            default_run: self.field("default-run").and_then(Value::as_str).map(str::to_owned),
            has_build_script: match self.field("build") {
                Some(Value::Boolean(built)) => *built,
                Some(_) => true,
                None => self.found.build,
            },
            is_proc_macro: is_proc_macro("proc-macro") || is_proc_macro("proc_macro"),
            root: self.root.clone(),
            name,
        })
    }

    /// The explicit targets of a kind, as (name, path).
    fn explicit(&self, kind: &str) -> Vec<(Option<String>, Option<String>)> {
        let list = self.table.get(kind).and_then(Value::as_array).into_iter().flatten();
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        list.map(|target| (text(target, "name"), text(target, "path"))).collect()
    }

    fn bins(&self, package: &str) -> Vec<RustBin> {
        let mut bins: Vec<RustBin> = Vec::new();
        for (name, path) in self.explicit("bin") {
            let Some(name) = name else { continue };
            let path = path.or_else(|| self.inferred("bin", &name, package));
            let Some(path) = path.and_then(|path| normalise(&format!("{}/{path}", self.root))) else {
                continue;
            };
            bins.push(RustBin { name, path });
        }
        if self.field("autobins").and_then(Value::as_bool) == Some(false) {
            return bins;
        }
        let main = self.found.main.then(|| (package.to_owned(), "src/main.rs".to_owned()));
        let others = self.found.others.iter().filter(|(kind, ..)| *kind == "bin");
        for (name, path) in main.into_iter().chain(others.map(|(_, name, path)| (name.clone(), path.clone())))
        {
            let path = join(&self.root, &path);
            if !bins.iter().any(|bin| bin.name == name || bin.path == path) {
                bins.push(RustBin { name, path });
            }
        }
        bins
    }

    /// Where cargo looks for a target that is named without a path.
    fn inferred(&self, kind: &str, name: &str, package: &str) -> Option<String> {
        let mut others = self.found.others.iter();
        let other = others.find(|(of, known, _)| *of == kind && known == name);
        match other {
            Some((_, _, path)) => Some(path.clone()),
            // A binary with the package's name, or the only one, is `src/main.rs`.
            None if kind == "bin" && self.found.main => {
                (name == package || self.explicit("bin").len() == 1).then(|| "src/main.rs".to_owned())
            }
            None => None,
        }
    }

    /// The files that have to exist so that cargo accepts the manifest, whatever is in them. It never reads them to
    /// resolve and to fetch.
    pub(super) fn target_files(&self) -> Result<Vec<String>, Obstacle> {
        let Some(package) = self.field("name").and_then(Value::as_str) else { return Ok(Vec::new()) };
        let mut needed: Vec<String> = Vec::new();
        let mut has_target = false;
        if let Some(lib) = self.table.get("lib") {
            has_target = true;
            if lib.get("path").is_none() {
                needed.push("src/lib.rs".to_owned());
            }
        }
        for (kind, _) in KINDS {
            for (name, path) in self.explicit(kind) {
                has_target |= kind == "bin";
                if path.is_some() {
                    continue;
                }
                let found = name.as_deref().and_then(|name| self.inferred(kind, name, package));
                let Some(found) = found else {
                    let name = name.unwrap_or_default();
                    let reason = format!("the file of the {kind} `{name}` of `{package}` was not found");
                    return Err(Obstacle::new("H058", reason));
                };
                needed.push(found);
            }
        }
        if let Some(run) = self.field("default-run").and_then(Value::as_str) {
            let explicit = self.explicit("bin").into_iter().any(|(name, _)| name.as_deref() == Some(run));
            if !explicit {
                let found = self.inferred("bin", run, package);
                let reason =
                    || Obstacle::new("H058", format!("the binary `{run}` of `{package}` was not found"));
                needed.push(found.ok_or_else(reason)?);
            }
        }
        // A bench or a test alone is not enough.
        if !has_target && self.field("default-run").is_none() {
            let first_bin = self.found.others.iter().find(|(kind, ..)| *kind == "bin");
            needed.push(match first_bin {
                _ if self.found.main => "src/main.rs".to_owned(),
                _ if self.found.lib => "src/lib.rs".to_owned(),
                Some((_, _, path)) => path.clone(),
                None => {
                    return Err(Obstacle::new(
                        "H058",
                        format!("`{package}` has neither a library nor a binary"),
                    ));
                }
            });
        }
        needed.sort();
        needed.dedup();
        needed
            .iter()
            .map(|path| {
                let outside = || Obstacle::new("H047", format!("`{path}` is outside of the build context"));
                normalise(&format!("{}/{path}", self.root)).ok_or_else(outside)
            })
            .collect()
    }
}

impl Found {
    fn look(files: &dyn ContextFiles, root: &str) -> Self {
        let is_file = |path: &str| files.entry(&join(root, path)).is_present();
        let mut found = Self {
            lib: is_file("src/lib.rs"),
            main: is_file("src/main.rs"),
            build: is_file("build.rs"),
            others: Vec::new(),
        };
        for (kind, directory) in KINDS {
            let Answer::Present(entries) = files.list(&join(root, directory)) else { continue };
            for entry in entries {
                let path = join(directory, &entry.name);
                if entry.kind == EntryKind::Directory {
                    let main = join(&path, "main.rs");
                    if is_file(&main) {
                        found.others.push((kind, entry.name, main));
                    }
                } else if let Some(name) = split(&path).1.strip_suffix(".rs") {
                    found.others.push((kind, name.to_owned(), path.clone()));
                }
            }
        }
        found
    }
}
