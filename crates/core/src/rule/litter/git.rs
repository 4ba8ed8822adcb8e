//! The history of the repository: what reads it when something is built (H052), and what git does not know.

use super::Litter;
use crate::context::{Answer, ContextFiles, DockerIgnore, Found, join, split};
use crate::model::is_file;

/// Files beside the Dockerfiles that say how something is built: at most so many are searched.
const MAX_BUILD_FILES: usize = 400;

/// What builds a part of a monorepo lies at most so deep.
const MAX_DEPTH: usize = 4;

/// A larger file is not searched: nobody wrote it by hand.
const MAX_SEARCHED: u64 = 256 * 1024;

/// What build files say when they ask git about the repository.
const MARKS: &[&str] = &[
    "git describe",
    "git rev-parse",
    "git log",
    "git ls-files",
    "git show",
    "git config",
    "git submodule",
    "lefthook install",
    "simple-git-hooks",
    "git-revision-date",
    "enableGitInfo",
    "showLastUpdate",
    "setuptools_scm",
    "setuptools-scm",
    "use_scm_version",
    "hatch-vcs",
    "versioningit",
    "dunamai",
    "dynamic-versioning",
    "git-versioning",
    "git-commit-id",
    "git-properties",
    "GitVersion",
    "gitversion",
    "MinVer",
    "Nerdbank",
    "vergen",
    "shadow-rs",
    "git-version",
    "git2",
    "versioneer",
    "palantir.git",
    "grgit",
    "jgit",
];

/// A file that says that the build takes something from the history of the repository (H052).
pub(super) fn file_that_asks(
    files: &dyn ContextFiles,
    listing: &[Found],
    litter: &[Litter],
) -> Option<String> {
    let build_files = ours(listing, litter).filter(|found| is_build_file(&found.path));
    first_with(files, build_files, |text| MARKS.iter().any(|mark| text.contains(mark)))
}

/// A source of Go that asks for the revision which `go build` writes into the program.
pub(super) fn go_file_that_asks(
    files: &dyn ContextFiles,
    listing: &[Found],
    litter: &[Litter],
) -> Option<String> {
    let sources = ours(listing, litter).filter(|found| found.path.rsplit('.').next() == Some("go"));
    first_with(files, sources, |text| text.contains("ReadBuildInfo"))
}

/// The first file of the developers' own that satisfies a condition.
pub(super) fn first_with<'a>(
    files: &dyn ContextFiles,
    candidates: impl Iterator<Item = &'a Found>,
    condition: impl Fn(&str) -> bool,
) -> Option<String> {
    let candidates = candidates.filter(|found| found.entry.size <= MAX_SEARCHED).take(MAX_BUILD_FILES);
    for found in candidates {
        let Answer::Present(bytes) = files.read(&found.path) else { continue };
        if condition(&String::from_utf8_lossy(&bytes)) {
            return Some(found.path.clone());
        }
    }
    None
}

/// The files that are no litter, and not installed.
pub(super) fn ours<'a>(listing: &'a [Found], litter: &'a [Litter]) -> impl Iterator<Item = &'a Found> {
    let litter: std::collections::HashSet<&str> = litter.iter().map(|one| one.path.as_str()).collect();
    let mut inside: Option<&str> = None;
    listing.iter().filter(move |found| {
        let path = found.path.as_str();
        if inside.is_some_and(|directory| is_inside(path, directory)) {
            return false;
        }
        inside = None;
        let is_installed = matches!(split(path).1, "node_modules" | "vendor" | "site-packages");
        if litter.contains(path) || is_installed && !is_file(found) {
            inside = Some(path);
            return false;
        }
        is_file(found)
    })
}

fn is_inside(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a file says how something is built.
fn is_build_file(path: &str) -> bool {
    const NAMES: &[&str] = &[
        "Makefile",
        "makefile",
        "GNUmakefile",
        "justfile",
        "Justfile",
        "Rakefile",
        "Cargo.toml",
        "build.rs",
        "pom.xml",
        "build.gradle",
        "build.gradle.kts",
        "package.json",
        "setup.py",
        "setup.cfg",
        "pyproject.toml",
        "CMakeLists.txt",
        "meson.build",
        "build.sbt",
        "Directory.Build.props",
        "GitVersion.yml",
        ".goreleaser.yml",
        "mkdocs.yml",
        "hugo.toml",
        "hugo.yaml",
        "config.toml",
        "Taskfile.yml",
        "Taskfile.yaml",
        "Earthfile",
    ];
    const ENDINGS: &[&str] = &[
        ".gemspec",
        ".csproj",
        ".sh",
        ".gradle",
        ".gradle.kts",
        ".props",
        ".targets",
        ".cmake",
        ".mk",
        ".rake",
        ".nix",
    ];
    const SCRIPTS: &[&str] = &[".js", ".mjs", ".cjs", ".ts", ".py", ".rb", ".php"];
    const FOLDERS: &[&str] = &["scripts", "script", "tools", "bin", "build", "ci", "hack", "config", "tasks"];
    let (directory, name) = split(path);
    let ends_in = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let is_script = ends_in(SCRIPTS) && (name.contains(".config.") || FOLDERS.contains(&split(directory).1));
    directory.split('/').count() <= MAX_DEPTH && (NAMES.contains(&name) || ends_in(ENDINGS) || is_script)
}

/// What git does not know by the `.gitignore` files at the root and beside a path.
pub(crate) struct GitIgnore<'a> {
    files: &'a dyn ContextFiles,
    root: Option<DockerIgnore>,
}

impl<'a> GitIgnore<'a> {
    pub(crate) fn new(files: &'a dyn ContextFiles) -> Self {
        Self { files, root: read(files, "") }
    }

    /// Whether there is a `.gitignore` at the root.
    pub(super) fn is_there(&self) -> bool {
        self.root.is_some()
    }

    /// Whether git is told to ignore a path, so that no fresh clone has it.
    pub(crate) fn covers(&self, path: &str) -> bool {
        let parent = split(path).0;
        let beside = || read(self.files, parent).is_some_and(|ignore| ignore.is_ignored(path));
        self.root.as_ref().is_some_and(|ignore| ignore.is_ignored(path)) || (!parent.is_empty() && beside())
    }
}

/// A `.gitignore` as an ignore file of Docker would say it: what has no slash inside is meant everywhere below.
///
/// Source: git-scm.com/docs/gitignore.
fn read(files: &dyn ContextFiles, directory: &str) -> Option<DockerIgnore> {
    let bytes = files.read(&join(directory, ".gitignore")).present()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut patterns = String::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (mark, line) = line.strip_prefix('!').map_or(("", line), |rest| ("!", rest));
        let line = line.trim_end_matches('/');
        let line = line.strip_suffix("/*").or_else(|| line.strip_suffix("/**")).unwrap_or(line);
        let rooted = line.contains('/');
        let line = line.trim_start_matches('/');
        patterns.push_str(mark);
        patterns.push_str(&join(directory, &if rooted { line.to_owned() } else { format!("**/{line}") }));
        patterns.push('\n');
    }
    Some(DockerIgnore::parse(&patterns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::MemoryFiles;

    #[test]
    fn what_git_ignores_is_known() {
        let files = MemoryFiles::new([
            (".gitignore", "# x\nnode_modules/\n/dist\n.env*\n!.env.example\nlogs/*\n"),
            ("web/.gitignore", "/build\n"),
        ]);
        let git = GitIgnore::new(&files);
        for (path, expected) in [
            ("node_modules", true),
            ("web/node_modules", true),
            ("dist", true),
            ("web/dist", false),
            (".env", true),
            ("web/.env", true),
            (".env.example", false),
            ("logs", true),
            ("web/build", true),
            ("build", false),
        ] {
            assert_eq!(git.covers(path), expected, "{path}");
        }
    }
}
