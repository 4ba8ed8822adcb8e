//! Go projects: `go.mod`, `go.work`, and what `go mod download` reads.
//!
//! Sources: the Go Modules Reference (<https://go.dev/ref/mod>: the grammar of `go.mod` and `go.work`, `go mod download`,
//! vendoring); hazards H047 and H048.

use super::{Answer, Folder, Obstacle, Project, Stack, add_new, text};
use crate::context::{ContextFiles, join, normalise};

mod modfile;
mod sources;
#[cfg(test)]
mod tests;

use modfile::{Directive, directives};
pub use sources::GoSources;

/// A module that `go.mod` requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoRequire {
    /// The path of the module: `github.com/gin-gonic/gin`.
    pub module: String,
    /// Its version, as written: `v1.10.0`.
    pub version: String,
    /// Whether only other modules need it (`// indirect`).
    pub indirect: bool,
}

/// A module that is taken from a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoReplace {
    /// The path of the module that is replaced.
    pub module: String,
    /// The directory, as written: `../lib`.
    pub path: String,
}

/// What is known about a Go module. Paths are relative to the root of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GoProject {
    /// The path of the module.
    pub module: Option<String>,
    /// The `go` directive: `1.22`.
    pub go: Option<String>,
    /// The `toolchain` directive: `go1.22.3`.
    pub toolchain: Option<String>,
    /// What it requires.
    pub requires: Vec<GoRequire>,
    /// The modules that it takes from directories.
    pub replaces: Vec<GoReplace>,
    /// `vendor/modules.txt`, when it is there: since Go 1.14 a build then reads `vendor` and downloads nothing.
    pub vendor: Option<String>,
    /// The `go.work` that the go command finds from this directory.
    pub work: Option<String>,
    downloads: bool,
    reads: Result<Vec<String>, Obstacle>,
}

impl GoProject {
    /// The paths that `go mod download` reads in this directory, `go.mod` first, when that is certain; otherwise what
    /// stands in the way. `go.sum` is among them only where it exists (H048), and so is the `go.mod` of every module
    /// that is taken from a directory (H047).
    pub fn download_reads(&self) -> Result<Vec<String>, Obstacle> {
        self.reads.clone()
    }

    /// Whether there is a module to download at all: one that is required, and does not come from a directory.
    pub const fn downloads(&self) -> bool {
        self.downloads
    }
}

/// The Go module or workspace in one folder.
pub(super) fn detect(folder: Folder<'_>) -> Option<Project> {
    let manifests = folder.those_of(&["go.mod", "go.work"]);
    if manifests.is_empty() {
        return None;
    }
    Some(Project {
        root: folder.root.to_owned(),
        stack: Stack::Go(Box::new(read(folder))),
        manifests,
        lockfiles: folder.those_of(&["go.sum", "go.work.sum"]),
    })
}

fn read(folder: Folder<'_>) -> GoProject {
    let files = folder.files;
    let module = Module::read(files, folder.root);
    let vendor = folder
        .has_directory("vendor")
        .then(|| folder.path("vendor/modules.txt"))
        .filter(|path| files.entry(path).is_present());
    let work = work_above(files, folder.root);
    let mut project = GoProject {
        module: None,
        go: None,
        toolchain: None,
        requires: Vec::new(),
        replaces: Vec::new(),
        vendor,
        downloads: false,
        reads: Ok(Vec::new()),
        work,
    };
    if let Ok(module) = &module {
        module.describe(&mut project);
    }
    let found = match project.work.clone() {
        Some(work) => workspace_reads(files, folder.root, &work),
        None => module.and_then(|module| module_reads(files, &module)),
    };
    match found {
        Ok((reads, downloads)) => {
            project.reads = Ok(reads);
            project.downloads = downloads;
        }
        Err(obstacle) => {
            project.reads = Err(obstacle);
            project.downloads = !project.requires.is_empty();
        }
    }
    project
}

/// One `go.mod`.
struct Module {
    root: String,
    directives: Vec<Directive>,
}

impl Module {
    fn read(files: &dyn ContextFiles, root: &str) -> Result<Self, Obstacle> {
        let path = join(root, "go.mod");
        match text(files, &path) {
            Answer::Present(text) => Ok(Self { root: root.to_owned(), directives: directives(&text) }),
            Answer::Absent => Err(Obstacle::new("H047", format!("there is no `{path}`"))),
            Answer::Unknown => Err(Obstacle::new("H047", format!("`{path}` could not be read"))),
        }
    }

    fn describe(&self, project: &mut GoProject) {
        let first = |verb: &str| {
            let mut found = self.directives.iter().filter(|directive| directive.verb == verb);
            found.next().and_then(|directive| directive.words.first().cloned())
        };
        project.module = first("module");
        project.go = first("go");
        project.toolchain = first("toolchain");
        project.requires = self.requires();
        project.replaces = replaces(&self.directives);
    }

    fn requires(&self) -> Vec<GoRequire> {
        let requires = self.directives.iter().filter(|directive| directive.verb == "require");
        requires
            .filter_map(|directive| match directive.words.as_slice() {
                [module, version] => Some(GoRequire {
                    module: module.clone(),
                    version: version.clone(),
                    indirect: directive.comment.contains("indirect"),
                }),
                _ => None,
            })
            .collect()
    }
}

/// The replacements by directories: those whose target begins with `./`, `../` or `/` and has no version.
fn replaces(directives: &[Directive]) -> Vec<GoReplace> {
    let replaces = directives.iter().filter(|directive| directive.verb == "replace");
    replaces
        .filter_map(|directive| {
            let arrow = directive.words.iter().position(|word| word == "=>")?;
            let [target] = directive.words.get(arrow + 1..)? else { return None };
            Some(GoReplace { module: directive.words.first()?.clone(), path: target.clone() })
        })
        .collect()
}

/// What `go mod download` reads of a module without a workspace, and whether there is something to download.
fn module_reads(files: &dyn ContextFiles, module: &Module) -> Result<(Vec<String>, bool), Obstacle> {
    let mut reads = vec![join(&module.root, "go.mod")];
    let sum = join(&module.root, "go.sum");
    if files.entry(&sum).is_present() {
        reads.push(sum);
    }
    let replaces = replaces(&module.directives);
    add_new(&mut reads, replaced(files, &module.root, &replaces)?);
    let mut requires = module.requires();
    requires.retain(|require| !replaces.iter().any(|replace| replace.module == require.module));
    Ok((reads, !requires.is_empty()))
}

/// The `go.mod` of each module that comes from a directory. What such a module replaces itself has no effect.
fn replaced(files: &dyn ContextFiles, root: &str, replaces: &[GoReplace]) -> Result<Vec<String>, Obstacle> {
    let manifest = |replace: &GoReplace| {
        let outside = || Obstacle::new("H047", format!("`{}` is outside of the build context", replace.path));
        let is_relative = replace.path.starts_with('.');
        let directory = is_relative.then(|| normalise(&format!("{root}/{}", replace.path))).flatten();
        let path = join(&directory.ok_or_else(outside)?, "go.mod");
        match files.entry(&path) {
            Answer::Present(_) => Ok(path),
            _ => Err(Obstacle::new("H047", format!("`{path}`, which a replace needs, is not there"))),
        }
    };
    replaces.iter().map(manifest).collect()
}

/// The `go.work` in this directory or the nearest one above it: the go command looks for it in that order.
fn work_above(files: &dyn ContextFiles, root: &str) -> Option<String> {
    let mut directory = root;
    loop {
        let path = join(directory, "go.work");
        if files.entry(&path).is_present() {
            return Some(path);
        }
        if directory.is_empty() {
            return None;
        }
        directory = crate::context::split(directory).0;
    }
}

/// What `go mod download` reads in a workspace: of each module `go.mod` and `go.sum`.
fn workspace_reads(
    files: &dyn ContextFiles,
    root: &str,
    work: &str,
) -> Result<(Vec<String>, bool), Obstacle> {
    let Answer::Present(content) = text(files, work) else {
        return Err(Obstacle::new("H047", format!("`{work}` could not be read")));
    };
    let directory = crate::context::split(work).0;
    let directives = directives(&content);
    let mut members = Vec::new();
    for directive in directives.iter().filter(|directive| directive.verb == "use") {
        let Some(path) = directive.words.first() else { continue };
        let outside = || Obstacle::new("H047", format!("`{path}` is outside of the build context"));
        members.push(normalise(&format!("{directory}/{path}")).ok_or_else(outside)?);
    }
    if root != directory && !members.iter().any(|member| member == root) {
        return Err(Obstacle::new("H047", format!("`{root}` is not a module of the workspace `{work}`")));
    }
    let mut reads = vec![work.to_owned()];
    let sum = join(directory, "go.work.sum");
    if files.entry(&sum).is_present() {
        reads.push(sum);
    }
    let mut replaces = replaces(&directives);
    add_new(&mut reads, replaced(files, directory, &replaces)?);
    let mut requires = Vec::new();
    for member in &members {
        let module = Module::read(files, member)?;
        let (more, _) = module_reads(files, &module)?;
        add_new(&mut reads, more);
        requires.extend(module.requires());
        replaces.extend(self::replaces(&module.directives));
        // A module of the workspace is not downloaded, whoever requires it.
        let names = module.directives.iter().filter(|directive| directive.verb == "module");
        let own = names.filter_map(|name| name.words.first().cloned());
        replaces.extend(own.map(|module| GoReplace { module, path: member.clone() }));
    }
    requires.retain(|require| !replaces.iter().any(|replace| replace.module == require.module));
    Ok((reads, !requires.is_empty()))
}
