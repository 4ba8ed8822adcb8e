//! The projects of `fixtures/projects`: what their `project.toml` says, and copies of them to work on.
//!
//! The format is described in `fixtures/projects/README.md`. `crates/cli/tests/projects.rs` reads it too, without an
//! engine, and compares what the rewrites make of each project with what is committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tempfile::TempDir;

use crate::cache;

/// What a `project.toml` says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Project {
    /// The name of its folder.
    #[serde(skip)]
    pub(super) name: String,
    /// Where it lies.
    #[serde(skip)]
    pub(super) folder: PathBuf,
    /// One sentence: what it is and what is odd about it.
    pub(super) about: String,
    pub(super) stack: Stack,
    /// Whether it is among the few of a quick run.
    #[serde(default)]
    pub(super) quick: bool,
    /// Why it is not built but only checked, where the stack alone is no reason.
    pub(super) only_checked: Option<String>,
    /// Whether the build before is that of the project as `dockmend fix` leaves it, because it does not build as it is.
    #[serde(default)]
    pub(super) fix_first: bool,
    #[serde(default)]
    pub(super) build: Build,
    /// Images that only exist at the project's owner, and what stands for them here.
    #[serde(default)]
    pub(super) images: BTreeMap<String, String>,
    /// Files of so many bytes that lie about on a developer's machine and are not committed.
    #[serde(default)]
    pub(super) litter: BTreeMap<String, usize>,
    /// What is expected of each rewrite, by its name: `offered`, `refused`, or the number of a hazard.
    #[serde(default)]
    pub(super) rewrites: BTreeMap<String, String>,
    pub(super) run: Option<Run>,
    pub(super) edit: Option<Edit>,
}

/// What a project is made of. It decides from where its dependencies come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stack {
    Node,
    Python,
    Go,
    Rust,
    C,
    Shell,
    Static,
    Java,
    Dotnet,
    Ruby,
    Php,
    Elixir,
}

impl Stack {
    /// The name, as in the file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Python => "python",
            Self::Go => "go",
            Self::Rust => "rust",
            Self::C => "c",
            Self::Shell => "shell",
            Self::Static => "static",
            Self::Java => "java",
            Self::Dotnet => "dotnet",
            Self::Ruby => "ruby",
            Self::Php => "php",
            Self::Elixir => "elixir",
        }
    }

    /// Why projects of this stack are not built: the registries they need are not among those that can be reached.
    fn out_of_reach(self) -> Option<&'static str> {
        match self {
            Self::Java => Some("its dependencies come from a Maven registry"),
            Self::Dotnet => Some("its dependencies come from NuGet"),
            Self::Ruby => Some("its dependencies come from RubyGems"),
            Self::Php => Some("its dependencies come from Packagist"),
            Self::Elixir => Some("its dependencies come from Hex"),
            _ => None,
        }
    }
}

/// How it is built. Paths are relative to the project's folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Build {
    pub(super) context: String,
    pub(super) dockerfile: String,
    pub(super) target: Option<String>,
    pub(super) args: BTreeMap<String, String>,
}

impl Default for Build {
    fn default() -> Self {
        Self { context: ".".into(), dockerfile: "Dockerfile".into(), target: None, args: BTreeMap::new() }
    }
}

/// How it is run and asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Run {
    /// The port of a server; a worker or a job has none.
    pub(super) port: Option<u16>,
    pub(super) env: BTreeMap<String, String>,
    /// Paths whose answers have to be the same before and after.
    pub(super) routes: Vec<String>,
    /// The path that takes a line by POST and returns all lines by GET.
    pub(super) write: Option<String>,
    /// The folder that a named volume is mounted on.
    pub(super) volume: Option<String>,
    /// Lines that a worker or job prints.
    pub(super) says: Vec<String>,
    /// A file that a worker or job writes.
    pub(super) writes: Option<String>,
    /// Whether it ends by itself.
    pub(super) job: bool,
    /// Whether it ends with 0 by itself when it gets SIGTERM.
    pub(super) handles_sigterm: bool,
    /// Whether it must run under any uid with group 0, too.
    pub(super) any_uid: bool,
}

/// The one-line edit of the source behind which no dependency may be installed again.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Edit {
    pub(super) file: String,
    /// So many install commands are right after an edit: those that install the project itself.
    #[serde(default)]
    pub(super) installs: usize,
}

impl Project {
    /// Why it is not built, or nothing.
    pub(super) fn not_built(&self) -> Option<String> {
        self.only_checked.clone().or_else(|| self.stack.out_of_reach().map(str::to_owned))
    }
}

/// A git repository without a commit: `go build` asks git about it, and fails when it is none.
const REPOSITORY: [(&str, &str); 2] = [
    (".git/HEAD", "ref: refs/heads/main\n"),
    (".git/config", "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"),
];

/// The folder of the projects in the checkout.
pub(super) fn home() -> PathBuf {
    cache::checkout().join("fixtures/projects")
}

/// All projects below `folder`, by name: the folders with a `project.toml`.
pub(super) fn load(folder: &Path) -> Result<Vec<Project>> {
    let mut projects = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let folder = entry?.path();
        let file = folder.join("project.toml");
        if !file.is_file() {
            continue;
        }
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut project: Project = toml::from_str(&text).with_context(|| file.display().to_string())?;
        project.name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        project.folder = folder;
        projects.push(project);
    }
    projects.sort_by(|a, b| (a.stack, &a.name).cmp(&(b.stack, &b.name)));
    if projects.is_empty() {
        bail!("no project.toml in a folder of {}", folder.display());
    }
    Ok(projects)
}

/// A copy of a project that may be changed.
pub(super) struct Copy {
    folder: TempDir,
    build: Build,
}

impl Copy {
    /// Copies a project as a developer has it: with a repository around it and what lies about, without what is only
    /// there for the suite.
    pub(super) fn of(project: &Project) -> Result<Self> {
        let copy = Self { folder: tempfile::tempdir()?, build: project.build.clone() };
        for file in cache::files(&project.folder)? {
            let relative = file.strip_prefix(&project.folder)?;
            if relative != Path::new("project.toml") {
                let to = copy.path(relative);
                make_parent(&to)?;
                std::fs::copy(&file, to)?;
            }
        }
        for (name, text) in REPOSITORY {
            copy.write(name, text)?;
        }
        for name in ["objects", "refs"] {
            std::fs::create_dir_all(copy.path(".git").join(name))?;
        }
        for (name, size) in &project.litter {
            copy.write(name, &"x".repeat(*size))?;
        }
        Ok(copy)
    }

    /// A path in the copy.
    pub(super) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn dockerfile(&self) -> PathBuf {
        self.path(&self.build.dockerfile)
    }

    pub(super) fn context(&self) -> PathBuf {
        self.path(&self.build.context)
    }

    /// The text of its Dockerfile.
    pub(super) fn text(&self) -> Result<String> {
        let path = self.dockerfile();
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Adds a line to a source file that was in no build so far, so that no cache has it.
    pub(super) fn edit(&self, edit: &Edit) -> Result<()> {
        let path = self.path(&edit.file);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let unique = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos();
        let (open, close) = match path.extension().and_then(|extension| extension.to_str()) {
            Some("py" | "sh" | "rb" | "yml" | "yaml" | "toml" | "ex") => ("#", ""),
            Some("html" | "md" | "svg") => ("<!--", " -->"),
            Some("css") => ("/*", " */"),
            _ => ("//", ""),
        };
        Ok(std::fs::write(&path, format!("{text}{open} edited {unique}{close}\n"))?)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path(name);
        make_parent(&path)?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn make_parent(path: &Path) -> Result<()> {
    let parent = path.parent().context("a file lies in a folder")?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))
}
