//! What lies in a build context and is not meant for an image: what tools made, what only the developer's machine needs,
//! secrets. By name, and where a name can mean two things by what lies beside or inside.

mod choice;
mod demands;
mod expected;
mod git;
mod memory;
mod text;

use std::collections::HashSet;

use crate::context::{ContextFiles, EntryKind, Found};

pub(crate) use choice::Choice;
pub(crate) use demands::{Demands, Maker};
pub(crate) use expected::top;
pub(crate) use git::GitIgnore;
pub(crate) use memory::{Judged, Memory, Scope};
pub(crate) use text::{addition, ignore_text, measure};

/// Why something should not be sent. The order is that of the groups in an ignore file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Group {
    VersionControl,
    Dependencies,
    Generated,
    Secrets,
    Logs,
    Editors,
}

impl Group {
    /// The comment above the group's lines in an ignore file.
    pub(crate) fn comment(self) -> &'static str {
        match self {
            Self::VersionControl => "# version control",
            Self::Dependencies => "# dependencies: the image installs its own",
            Self::Generated => "# build output and caches",
            Self::Secrets => "# secrets",
            Self::Logs => "# logs",
            Self::Editors => "# editors and operating systems",
        }
    }

    /// The group in a list of several.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::VersionControl => "version control",
            Self::Dependencies => "dependencies",
            Self::Generated => "build output",
            Self::Secrets => "secrets",
            Self::Logs => "logs",
            Self::Editors => "editors",
        }
    }
}

/// One path that should not be sent. What lies below a directory is not listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Litter {
    /// Its path in the context.
    pub(crate) path: String,
    /// Why it should not be sent.
    pub(crate) group: Group,
    /// The last part of a pattern that matches it wherever it lies (`node_modules`, `*.log`); `None` where another file
    /// of such a name may be wanted, so that only its whole path will do.
    pub(crate) pattern: Option<&'static str>,
    /// Whether that name is one that people give to folders too (`target`, `bin`), so that a path is better where it does.
    pub(crate) generic: bool,
    /// It is only litter where a RUN makes it anew.
    pub(crate) maker: Option<Maker>,
    /// Whether it is there: what a tool makes sooner or later is named before it is.
    pub(crate) present: bool,
}

impl Litter {
    /// A file that programs take their settings from, secrets among them: `.env`, `.env.local`.
    pub(crate) fn is_dotenv(&self) -> bool {
        self.path.rsplit('/').next().is_some_and(|name| name.starts_with(".env"))
    }
}

/// Directories that are litter by their name alone.
const DIRECTORIES: &[(&str, Group)] = &[
    (".git", Group::VersionControl),
    (".hg", Group::VersionControl),
    (".svn", Group::VersionControl),
    (".github", Group::VersionControl),
    ("__pycache__", Group::Generated),
    (".pytest_cache", Group::Generated),
    (".mypy_cache", Group::Generated),
    (".ruff_cache", Group::Generated),
    (".hypothesis", Group::Generated),
    (".ipynb_checkpoints", Group::Generated),
    (".tox", Group::Generated),
    (".nox", Group::Generated),
    ("htmlcov", Group::Generated),
    (".nyc_output", Group::Generated),
    (".parcel-cache", Group::Generated),
    (".sass-cache", Group::Generated),
    (".gradle", Group::Generated),
    (".terraform", Group::Generated),
    (".aws", Group::Secrets),
    (".ssh", Group::Secrets),
    (".idea", Group::Editors),
    (".vscode", Group::Editors),
    (".vs", Group::Editors),
];

/// Files that are litter by their name alone.
const FILES: &[(&str, Group)] = &[
    (".git", Group::VersionControl),
    (".coverage", Group::Generated),
    (".eslintcache", Group::Generated),
    (".env", Group::Secrets),
    (".env.local", Group::Secrets),
    (".netrc", Group::Secrets),
    (".pypirc", Group::Secrets),
    ("id_rsa", Group::Secrets),
    ("id_ed25519", Group::Secrets),
    ("id_ecdsa", Group::Secrets),
    (".DS_Store", Group::Editors),
    ("Thumbs.db", Group::Editors),
];

/// Names that only tools give: whatever a COPY takes from a directory, it is not these (H128).
///
/// `path` is relative to the directory that is copied.
pub(crate) fn is_made_by_tools(path: &str) -> bool {
    const NAMES: &[&str] = &[
        ".git",
        ".hg",
        ".svn",
        "node_modules",
        "__pycache__",
        ".venv",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".idea",
        ".vscode",
        ".vs",
        ".DS_Store",
        "Thumbs.db",
    ];
    path.split('/').any(|part| NAMES.contains(&part)) || is_compiled(path)
}

fn is_compiled(path: &str) -> bool {
    [".pyc", ".pyo"].iter().any(|ending| path.ends_with(ending))
}

/// The litter among the files of a context, in the order of the listing: a directory stands before what it holds.
pub(crate) fn find(listing: &[Found], files: &dyn ContextFiles) -> Vec<Litter> {
    let paths: HashSet<&str> = listing.iter().map(|found| found.path.as_str()).collect();
    let mut litter: Vec<Litter> = Vec::new();
    let mut inside: Option<String> = None;
    for found in listing {
        if inside.as_ref().is_some_and(|directory| found.path.starts_with(directory.as_str())) {
            continue;
        }
        let Some(new) = classify(found, &paths, files) else { continue };
        if found.entry.kind == EntryKind::Directory {
            inside = Some(format!("{}/", found.path));
        }
        litter.push(new);
    }
    litter
}

fn classify(found: &Found, paths: &HashSet<&str>, files: &dyn ContextFiles) -> Option<Litter> {
    let path = found.path.as_str();
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let beside = |name: &str| {
        let path = if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
        paths.contains(path.as_str())
    };
    let holds = |name: &str| paths.contains(format!("{path}/{name}").as_str());
    let make = |group, pattern, maker| {
        Some(Litter { path: path.to_owned(), group, pattern, generic: false, maker, present: true })
    };
    let generic = |group, name, maker| {
        Some(Litter {
            path: path.to_owned(),
            group,
            pattern: Some(name),
            generic: true,
            maker: Some(maker),
            present: true,
        })
    };
    if found.entry.kind == EntryKind::Directory {
        if let Some((name, group)) = DIRECTORIES.iter().find(|(known, _)| *known == name) {
            return make(*group, Some(*name), None);
        }
        return match name {
            "node_modules" if beside("package.json") => {
                make(Group::Dependencies, Some("node_modules"), Some(Maker::Node))
            }
            "bower_components" if beside("bower.json") => {
                make(Group::Dependencies, Some("bower_components"), Some(Maker::Bower))
            }
            ".venv" if holds("pyvenv.cfg") => make(Group::Dependencies, Some(".venv"), Some(Maker::Python)),
            "venv" | "env" if holds("pyvenv.cfg") => make(Group::Dependencies, None, Some(Maker::Python)),
            "vendor" if beside("composer.json") && holds("autoload.php") => {
                generic(Group::Dependencies, "vendor", Maker::Composer)
            }
            "bundle" if parent.rsplit('/').next() == Some("vendor") => {
                make(Group::Dependencies, None, Some(Maker::Bundler))
            }
            "coverage" if holds("lcov.info") || holds("lcov-report") || holds("coverage-final.json") => {
                make(Group::Generated, None, None)
            }
            "target"
                if beside("Cargo.toml") && (holds("CACHEDIR.TAG") || holds("debug") || holds("release")) =>
            {
                generic(Group::Generated, "target", Maker::Cargo)
            }
            "target" if beside("pom.xml") && holds("classes") => {
                generic(Group::Generated, "target", Maker::Maven)
            }
            "build" if is_gradle(&beside) && (holds("classes") || holds("libs") || holds("tmp")) => {
                generic(Group::Generated, "build", Maker::Gradle)
            }
            ".next" | ".nuxt" | ".output" | ".svelte-kit" | ".turbo" | ".angular"
                if beside("package.json") =>
            {
                make(Group::Generated, None, Some(Maker::FrontEnd))
            }
            "obj" if holds("project.assets.json") => generic(Group::Generated, "obj", Maker::DotNet),
            "bin" if holds("Debug") || holds("Release") => generic(Group::Generated, "bin", Maker::DotNet),
            "_build" if beside("mix.exs") => make(Group::Generated, None, Some(Maker::Mix)),
            "deps" if beside("mix.exs") && beside("mix.lock") => {
                make(Group::Dependencies, None, Some(Maker::Mix))
            }
            // The paths in its cache are those of the machine, and CMake refuses to go on with them.
            _ if holds("CMakeCache.txt") => make(Group::Generated, None, Some(Maker::CMake)),
            _ => None,
        };
    }
    if let Some((name, group)) = FILES.iter().find(|(known, _)| *known == name) {
        return make(*group, Some(*name), None);
    }
    let ends_in = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if name.starts_with(".env.") && ends_in(&[".local"]) || path.ends_with("config/master.key") {
        return make(Group::Secrets, None, None);
    }
    if is_compiled(name) {
        return make(Group::Generated, Some("*.py[co]"), None);
    }
    // Yarn notes in it how it linked what it installed; an installation in the image writes its own.
    if name == "install-state.gz" && parent.rsplit('/').next() == Some(".yarn") {
        return make(Group::Generated, None, None);
    }
    if ends_in(&[".swp", ".swo", "~"]) {
        return make(Group::Editors, None, None);
    }
    if ends_in(&[".log"]) {
        return make(Group::Logs, Some("*.log"), None);
    }
    // Certificates have the same endings, and are wanted.
    if ends_in(&[".pem", ".key"]) && is_private_key(path, files) {
        return make(Group::Secrets, None, None);
    }
    None
}

/// Whether a folder is a project of Gradle, by what lies beside.
fn is_gradle(beside: &impl Fn(&str) -> bool) -> bool {
    ["build.gradle", "build.gradle.kts"].iter().any(|name| beside(name))
}

fn is_private_key(path: &str, files: &dyn ContextFiles) -> bool {
    const MARK: &[u8] = b"PRIVATE KEY-----";
    let bytes = files.read(path).present();
    bytes.is_some_and(|bytes| bytes.windows(MARK.len()).any(|part| part == MARK))
}
