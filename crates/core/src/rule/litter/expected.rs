//! What is not there yet: folders that the tools of a project make on every developer's machine, and secrets that git is told
//! to leave out. A fresh clone has none of them, and an ignore file that does not name them lets them in later (H060).

use std::collections::BTreeSet;

use super::git::{GitIgnore, ours};
use super::{Group, Litter, Maker};
use crate::context::{ContextFiles, EntryKind, Found, join, split};

/// More folders of one kind than this are not listed one by one: what a monorepo has of them is found when it is there.
const MAX_EACH: usize = 40;

/// The folders and secrets that are expected in a context and are not there, in the order of its listing.
pub(super) fn find(files: &dyn ContextFiles, listing: &[Found], litter: &[Litter]) -> Vec<Litter> {
    let paths: BTreeSet<&str> = listing.iter().map(|found| found.path.as_str()).collect();
    let git = GitIgnore::new(files);
    let mut found = Expected { paths: &paths, found: Vec::new(), seen: BTreeSet::new() };
    let signs = [".gitignore", ".gitattributes", ".gitmodules", ".github"];
    if signs.iter().any(|sign| paths.contains(sign)) {
        found.add("", ".git", Group::VersionControl, Name::Own, None);
    }
    for manifest in ours(listing, litter) {
        let (folder, name) = split(&manifest.path);
        found.of_manifest(&git, folder, name);
    }
    let has_example = || {
        [".env.example", ".env.sample", ".env.template", ".env.dist"].iter().any(|name| paths.contains(name))
    };
    if git.covers(".env") || !git.is_there() && has_example() {
        found.add("", ".env", Group::Secrets, Name::Own, None);
    }
    found.found
}

/// Whether a name is used by that tool alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Own,
    Generic,
    Path,
}

struct Expected<'a> {
    paths: &'a BTreeSet<&'a str>,
    found: Vec<Litter>,
    seen: BTreeSet<String>,
}

impl Expected<'_> {
    fn add(&mut self, folder: &str, name: &'static str, group: Group, kind: Name, maker: Option<Maker>) {
        let path = join(folder, name);
        let alike = self.found.iter().filter(|one| one.pattern == Some(name)).count();
        if self.paths.contains(path.as_str()) || alike > MAX_EACH || !self.seen.insert(path.clone()) {
            return;
        }
        let pattern = (kind != Name::Path).then_some(name);
        let generic = kind == Name::Generic;
        self.found.push(Litter { path, group, pattern, generic, maker, present: false });
    }

    fn of_manifest(&mut self, git: &GitIgnore<'_>, folder: &str, name: &str) {
        use Group::{Dependencies, Generated, Secrets};
        let has = |other: &str| self.paths.contains(join(folder, other).as_str());
        let above = |other: &str| {
            let mut folders = folder.match_indices('/').map(|(at, _)| &folder[..at]);
            !folder.is_empty()
                && (has_at(self.paths, "", other) || folders.any(|f| has_at(self.paths, f, other)))
        };
        match name {
            "package.json" => self.add(folder, "node_modules", Dependencies, Name::Own, Some(Maker::Node)),
            "pyproject.toml" | "requirements.txt" | "setup.py" | "Pipfile" | "manage.py" => {
                self.add(folder, "__pycache__", Generated, Name::Own, None);
                if folder.is_empty() || git.covers(&join(folder, ".venv")) {
                    self.add(folder, ".venv", Dependencies, Name::Own, Some(Maker::Python));
                }
                if git.covers(&join(folder, "venv")) {
                    self.add(folder, "venv", Dependencies, Name::Path, Some(Maker::Python));
                }
            }
            "Cargo.toml" if !above("Cargo.toml") => {
                self.add(folder, "target", Generated, Name::Generic, Some(Maker::Cargo));
            }
            "pom.xml" => self.add(folder, "target", Generated, Name::Generic, Some(Maker::Maven)),
            "build.gradle" | "build.gradle.kts" => {
                if !above("settings.gradle") && !above("settings.gradle.kts") {
                    self.add(folder, ".gradle", Generated, Name::Own, None);
                }
                self.add(folder, "build", Generated, Name::Generic, Some(Maker::Gradle));
            }
            "composer.json" if !has("vendor") => {
                self.add(folder, "vendor", Dependencies, Name::Generic, Some(Maker::Composer));
            }
            "mix.exs" => {
                self.add(folder, "_build", Generated, Name::Path, Some(Maker::Mix));
                self.add(folder, "deps", Dependencies, Name::Path, Some(Maker::Mix));
            }
            "Gemfile" => {
                if git.covers(&join(folder, "vendor/bundle")) {
                    self.add(folder, "vendor/bundle", Dependencies, Name::Path, Some(Maker::Bundler));
                }
                if has("config/application.rb") && git.covers(&join(folder, "config/master.key")) {
                    self.add(folder, "config/master.key", Secrets, Name::Path, None);
                }
            }
            _ if [".csproj", ".fsproj", ".vbproj"].iter().any(|ending| name.ends_with(ending)) => {
                self.add(folder, "bin", Generated, Name::Generic, Some(Maker::DotNet));
                self.add(folder, "obj", Generated, Name::Generic, Some(Maker::DotNet));
            }
            _ => {}
        }
    }
}

fn has_at(paths: &BTreeSet<&str>, folder: &str, name: &str) -> bool {
    paths.contains(join(folder, name).as_str())
}

/// The top of a context as a listing: all that is seen of one that is too large.
pub(crate) fn top(files: &dyn ContextFiles) -> Option<Vec<Found>> {
    let entries = files.list("").present()?;
    let found = entries.into_iter().map(|entry| Found { path: entry.name.clone(), entry });
    Some(found.filter(|found| matches!(found.entry.kind, EntryKind::File | EntryKind::Directory)).collect())
}
