//! The stacks that are told by the names of their files alone.

use super::{Folder, Project, Stack};
use crate::context::EntryKind;

/// How a stack is recognised. A name that starts with `*` stands for every name with that ending.
struct Signs {
    stack: Stack,
    manifests: &'static [&'static str],
    lockfiles: &'static [&'static str],
}

const SIGNS: &[Signs] = &[
    Signs { stack: Stack::Elixir, manifests: &["mix.exs"], lockfiles: &["mix.lock"] },
    Signs { stack: Stack::Deno, manifests: &["deno.json", "deno.jsonc"], lockfiles: &["deno.lock"] },
    Signs { stack: Stack::Dart, manifests: &["pubspec.yaml"], lockfiles: &["pubspec.lock"] },
    Signs { stack: Stack::Swift, manifests: &["Package.swift"], lockfiles: &["Package.resolved"] },
    Signs {
        stack: Stack::Haskell,
        manifests: &["stack.yaml", "cabal.project", "*.cabal"],
        lockfiles: &["stack.yaml.lock", "cabal.project.freeze"],
    },
    Signs { stack: Stack::Scala, manifests: &["build.sbt"], lockfiles: &["build.sbt.lock"] },
];

/// The projects in one folder. A lockfile without a manifest makes none.
pub(super) fn detect(folder: Folder<'_>) -> Vec<Project> {
    SIGNS.iter().filter_map(|signs| project(folder, signs)).collect()
}

fn project(folder: Folder<'_>, signs: &Signs) -> Option<Project> {
    let manifests = matching(folder, signs.manifests);
    (!manifests.is_empty()).then(|| Project {
        root: folder.root.to_owned(),
        stack: signs.stack.clone(),
        manifests,
        lockfiles: matching(folder, signs.lockfiles),
    })
}

fn matching(folder: Folder<'_>, names: &[&str]) -> Vec<String> {
    let fits = |name: &str| {
        names.iter().any(|wanted| match wanted.strip_prefix('*') {
            Some(ending) => name.ends_with(ending) && name.len() > ending.len(),
            None => name == *wanted,
        })
    };
    let files = folder.entries.iter().filter(|entry| entry.kind != EntryKind::Directory);
    files.filter(|entry| fits(&entry.name)).map(|entry| folder.path(&entry.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::detect;
    use super::*;
    use crate::context::MemoryFiles;

    #[test]
    fn each_stack_is_told_by_its_names() {
        for (stack, files, manifests, lockfiles) in [
            (Stack::Elixir, &["mix.exs", "mix.lock"][..], &["mix.exs"][..], &["mix.lock"][..]),
            (Stack::Deno, &["deno.json"], &["deno.json"], &[]),
            (Stack::Dart, &["pubspec.yaml"], &["pubspec.yaml"], &[]),
            (Stack::Swift, &["Package.swift"], &["Package.swift"], &[]),
            (Stack::Haskell, &["x.cabal"], &["x.cabal"], &[]),
            (Stack::Scala, &["build.sbt"], &["build.sbt"], &[]),
        ] {
            let found = detect(&MemoryFiles::new(files.iter().map(|path| (path, "")))).present().unwrap();
            assert_eq!(found.len(), 1, "{stack:?}");
            assert_eq!(found[0].stack, stack);
            assert_eq!(found[0].manifests, manifests);
            assert_eq!(found[0].lockfiles, lockfiles);
        }
        for none in ["go.sum", ".csproj", "go.mod/x", "Gemfile.lock", "README.md"] {
            let found = detect(&MemoryFiles::new([(none, "")])).present().unwrap();
            assert_eq!(found, [], "{none}");
        }
    }

    #[test]
    fn one_folder_may_hold_several_stacks() {
        let files = MemoryFiles::new([("composer.json", ""), ("package.json", "{}"), ("Gemfile", "")]);
        assert_eq!(detect(&files).present().unwrap().len(), 3);
    }
}
