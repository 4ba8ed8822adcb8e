//! What the Go files of a module say: where the commands are, what is embedded, and whether C is called.
//!
//! This reads every file, so it is done when a rewrite asks, not with each look at a context.

use std::collections::BTreeSet;

use super::super::text;
use crate::context::{Answer, ContextFiles, EntryKind, join};

/// How many Go files are read at most. What is beyond is not known, see [`GoSources::is_whole`].
const MAX_FILES: usize = 2000;

/// What the Go files of one module say. Tests, `testdata`, `vendor` and modules inside of the module are left out,
/// as the go command leaves them out. Paths are relative to the root of the context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GoSources {
    /// The directories with a `package main`, sorted.
    pub mains: BTreeSet<String>,
    /// The files with `import "C"`.
    pub cgo: BTreeSet<String>,
    /// The patterns of `//go:embed`, each with the directory that it is relative to.
    pub embeds: BTreeSet<(String, String)>,
    /// Whether all files were read. Otherwise what is listed is there, and more may be.
    pub is_whole: bool,
}

impl GoSources {
    /// Reads the files of the module in `root`. `Unknown` when the directory cannot be listed.
    pub fn read(files: &dyn ContextFiles, root: &str) -> Answer<Self> {
        let first = match files.list(root) {
            Answer::Present(entries) => entries,
            Answer::Absent => return Answer::Absent,
            Answer::Unknown => return Answer::Unknown,
        };
        let mut sources = Self { is_whole: true, ..Self::default() };
        let mut left = MAX_FILES;
        let mut open = vec![(root.to_owned(), first)];
        while let Some((directory, entries)) = open.pop() {
            if directory != root && entries.iter().any(|entry| entry.name == "go.mod") {
                continue;
            }
            for entry in entries {
                let path = join(&directory, &entry.name);
                let is_skipped = entry.name.starts_with(['.', '_']);
                if entry.kind == EntryKind::Directory {
                    if is_skipped || matches!(entry.name.as_str(), "testdata" | "vendor" | "node_modules") {
                        continue;
                    }
                    match files.list(&path) {
                        Answer::Present(entries) => open.push((path, entries)),
                        _ => sources.is_whole = false,
                    }
                } else if !is_skipped && is_built(&entry.name) {
                    if left == 0 {
                        sources.is_whole = false;
                        continue;
                    }
                    left -= 1;
                    match text(files, &path) {
                        Answer::Present(text) => sources.add(&directory, &path, &text),
                        _ => sources.is_whole = false,
                    }
                }
            }
        }
        Answer::Present(sources)
    }

    fn add(&mut self, directory: &str, path: &str, text: &str) {
        let mut in_imports = false;
        let mut in_comment = false;
        let mut is_main = false;
        for line in text.lines() {
            let line = line.trim();
            if in_comment {
                in_comment = !line.contains("*/");
                continue;
            }
            if line.starts_with("/*") {
                in_comment = !line.contains("*/");
                continue;
            }
            if let Some(constraint) = line.strip_prefix("//go:build ") {
                // A file that is only ever run by `go generate`.
                if constraint.trim() == "ignore" {
                    return;
                }
            } else if let Some(patterns) = line.strip_prefix("//go:embed ") {
                let patterns = patterns.split_whitespace().map(|pattern| pattern.trim_matches(['"', '`']));
                self.embeds.extend(patterns.map(|pattern| (directory.to_owned(), pattern.to_owned())));
            } else if let Some(package) = line.strip_prefix("package ") {
                is_main = package.split_whitespace().next() == Some("main");
            } else if line.starts_with("import (") {
                in_imports = true;
            } else if in_imports && line.starts_with(')') {
                in_imports = false;
            }
            if line == "import \"C\"" || (in_imports && line == "\"C\"") {
                self.cgo.insert(path.to_owned());
            }
        }
        if is_main {
            self.mains.insert(directory.to_owned());
        }
    }
}

/// Whether the go command builds a file of this name into a program. Its names have no capitals to look past.
fn is_built(name: &str) -> bool {
    name.strip_suffix(".go").is_some_and(|stem| !stem.ends_with("_test"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::MemoryFiles;

    #[test]
    fn commands_cgo_and_embedded_files_are_found() {
        let files = MemoryFiles::new([
            (
                "cmd/web/main.go",
                "// Package main serves.\npackage main\n\nimport \"fmt\"\n//go:embed all:static *.html\nvar f embed.FS\n",
            ),
            ("cmd/gen/gen.go", "//go:build ignore\n\npackage main\n"),
            ("db/db.go", "package db\n\n/*\n#include <a.h>\n*/\nimport \"C\"\n"),
            ("db/db_test.go", "package main\n"),
            ("tools/go.mod", "module tools\n"),
            ("tools/main.go", "package main\n"),
            ("vendor/x/main.go", "package main\n"),
            ("lib.go", "package lib // main\n"),
        ]);
        let sources = GoSources::read(&files, "").present().unwrap();
        assert_eq!(sources.mains, BTreeSet::from(["cmd/web".to_owned()]));
        assert_eq!(sources.cgo, BTreeSet::from(["db/db.go".to_owned()]));
        let embedded = |pattern: &str| ("cmd/web".to_owned(), pattern.to_owned());
        assert_eq!(sources.embeds, BTreeSet::from([embedded("all:static"), embedded("*.html")]));
        assert!(sources.is_whole);
    }
}
