//! Finds the Dockerfiles that a user means by naming files and folders.
//!
//! A file that is named is always taken, whatever it is called. A folder is walked, several threads at a time, and
//! files with a usual [name](is_dockerfile_name) are taken. `.gitignore`, `.ignore` and git's own excludes are honoured
//! (also without a repository: an export of one ignores the same files); hidden folders are walked, because
//! `.devcontainer/Dockerfile` is a Dockerfile like any other.

mod names;
mod twins;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use globset::{Glob, GlobSet, GlobSetBuilder};
use ignore::{DirEntry, WalkBuilder, WalkState};
use thiserror::Error;

pub use names::is_dockerfile_name;

/// Folders that are never entered: git's own, and those that hold other people's sources.
///
/// One of them is walked all the same when the user names it.
pub const NEVER_ENTERED: [&str; 3] = [".git", "node_modules", "vendor"];

/// How to walk; `Options::default()` is the usual way.
///
/// Patterns are globs. One with a `/` is matched against the path below the walked folder, one without against the
/// file's name.
#[derive(Clone, Debug)]
pub struct Options {
    /// Patterns of further files to take, such as `*.docker` or `docker/*.df`.
    pub include: Vec<String>,
    /// Patterns of files and folders to leave out of a walk; a file that is named is taken nevertheless.
    pub exclude: Vec<String>,
    /// Whether `.gitignore`, `.ignore` and git's excludes are honoured.
    pub respect_ignore_files: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { include: Vec::new(), exclude: Vec::new(), respect_ignore_files: true }
    }
}

/// What was found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Discovery {
    /// The Dockerfiles, sorted by path, each file once: of several links to it, the one that the user named, else the
    /// one that is no symlink, else the first. Paths start as the user's did (`./` is dropped).
    pub dockerfiles: Vec<PathBuf>,
    /// The compose and bake files met in the walked folders, sorted; see [`contexts`](crate::contexts).
    pub build_files: Vec<PathBuf>,
    /// What could not be looked into; the rest was found regardless. Sorted by path.
    pub problems: Vec<DiscoverProblem>,
}

/// Something that a walk could not look into, or a pattern that is none.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DiscoverProblem {
    /// A file or folder that the user named does not exist.
    #[error("{}: does not exist", path.display())]
    Missing {
        /// The path as it was named.
        path: PathBuf,
    },
    /// A file or folder that cannot be looked at, most often for want of permission.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The path, as far as it is known.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// A line of an ignore file that is no pattern, or another trouble in the walk; the message names file and line.
    #[error("{message}")]
    Walk {
        /// The file or folder concerned, where it is known.
        path: PathBuf,
        /// The whole message.
        message: String,
    },
    /// A pattern in [`Options`] that is no glob.
    #[error("pattern `{pattern}`: {message}")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        message: String,
    },
}

impl DiscoverProblem {
    fn sort_key(&self) -> &Path {
        match self {
            Self::Missing { path } | Self::Unreadable { path, .. } | Self::Walk { path, .. } => path,
            Self::Pattern { pattern, .. } => Path::new(pattern),
        }
    }
}

/// Finds the Dockerfiles among `paths` (files and folders, relative to the current folder or absolute).
///
/// A path that is neither a file nor a folder now, such as a dangling symlink, is taken as a Dockerfile too when it exists
/// in any way: [`read`](crate::read::read) then says what is wrong with it.
///
/// ```
/// use dockmend_workspace::discover::{Options, discover};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n")?;
/// std::fs::write(folder.path().join("Dockerfile.j2"), "FROM {{ base }}\n")?;
/// let found = discover(&[folder.path()], &Options::default());
/// assert_eq!(found.dockerfiles, [folder.path().join("Dockerfile")]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn discover<P: AsRef<Path>>(paths: &[P], options: &Options) -> Discovery {
    let mut problems = Vec::new();
    let filter = Arc::new(Filter {
        include: Patterns::new(&options.include, &mut problems),
        exclude: Patterns::new(&options.exclude, &mut problems),
    });
    let mut found = Found { problems, ..Found::default() };
    for path in paths {
        let path = path.as_ref();
        if path.is_dir() {
            found.append(walk(path, &filter, options.respect_ignore_files));
            continue;
        }
        match path.symlink_metadata() {
            Ok(_) => found.files.push(twins::Candidate::named(tidy(path))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                found.problems.push(DiscoverProblem::Missing { path: path.to_owned() });
            }
            Err(error) => {
                found.problems.push(DiscoverProblem::Unreadable { path: path.to_owned(), error });
            }
        }
    }
    found.build_files.sort();
    found.build_files.dedup();
    found.problems.sort_by(|a, b| a.sort_key().cmp(b.sort_key()));
    Discovery {
        dockerfiles: twins::once_each(found.files),
        build_files: found.build_files,
        problems: found.problems,
    }
}

/// What the walks have come upon so far.
#[derive(Default)]
struct Found {
    files: Vec<twins::Candidate>,
    build_files: Vec<PathBuf>,
    problems: Vec<DiscoverProblem>,
}

impl Found {
    fn append(&mut self, mut other: Self) {
        self.files.append(&mut other.files);
        self.build_files.append(&mut other.build_files);
        self.problems.append(&mut other.problems);
    }
}

struct Filter {
    include: Patterns,
    exclude: Patterns,
}

/// Globs, apart by what they are matched against.
struct Patterns {
    names: GlobSet,
    paths: GlobSet,
}

impl Patterns {
    fn new(patterns: &[String], problems: &mut Vec<DiscoverProblem>) -> Self {
        let (mut names, mut paths) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in patterns {
            // A leading or trailing slash says "from the top" or "a folder" in ignore files; users write it here too.
            let bare = pattern.trim_start_matches("./").trim_end_matches('/');
            let set = if bare.contains('/') { &mut paths } else { &mut names };
            match Glob::new(bare.trim_start_matches('/')) {
                Ok(glob) => drop(set.add(glob)),
                Err(error) => problems.push(DiscoverProblem::Pattern {
                    pattern: pattern.clone(),
                    message: error.kind().to_string(),
                }),
            }
        }
        let mut build = |builder: GlobSetBuilder| {
            builder.build().unwrap_or_else(|error| {
                problems.push(DiscoverProblem::Pattern {
                    pattern: patterns.join(" "),
                    message: error.to_string(),
                });
                GlobSet::empty()
            })
        };
        Self { names: build(names), paths: build(paths) }
    }

    fn matches(&self, root: &Path, path: &Path) -> bool {
        path.file_name().is_some_and(|name| self.names.is_match(name))
            || (!self.paths.is_empty() && self.paths.is_match(path.strip_prefix(root).unwrap_or(path)))
    }
}

fn walk(root: &Path, filter: &Arc<Filter>, respect_ignore_files: bool) -> Found {
    let mut builder = WalkBuilder::new(root);
    builder.standard_filters(respect_ignore_files).hidden(false).require_git(false);
    let (entering, top) = (Arc::clone(filter), root.to_owned());
    builder.filter_entry(move |entry| {
        entry.depth() == 0
            || !(entry.file_type().is_some_and(|kind| kind.is_dir()) && never_entered(entry.file_name())
                || entering.exclude.matches(&top, entry.path()))
    });
    let found = Mutex::new(Found::default());
    builder.build_parallel().run(|| {
        Box::new(|entry| {
            let seen = match entry {
                Ok(entry) => look_at(&entry, root, filter),
                Err(error) => Some(Seen::Problem(problem_of(&error, root))),
            };
            if let Some(seen) = seen {
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                match seen {
                    Seen::Dockerfile(candidate) => found.files.push(candidate),
                    Seen::BuildFile(path) => found.build_files.push(path),
                    Seen::Problem(problem) => found.problems.push(problem),
                }
            }
            WalkState::Continue
        })
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

enum Seen {
    Dockerfile(twins::Candidate),
    BuildFile(PathBuf),
    Problem(DiscoverProblem),
}

fn look_at(entry: &DirEntry, root: &Path, filter: &Filter) -> Option<Seen> {
    let kind = entry.file_type()?;
    let name = entry.file_name();
    let dockerfile =
        name.to_str().is_some_and(is_dockerfile_name) || filter.include.matches(root, entry.path());
    let build_file = name.to_str().is_some_and(crate::contexts::is_build_file_name);
    if kind.is_dir() || !(dockerfile || build_file) {
        return None;
    }
    let path = tidy(entry.path());
    if kind.is_symlink() {
        match entry.path().metadata() {
            Ok(target) if target.is_file() => {}
            Ok(_) => return None,
            Err(error) => return Some(Seen::Problem(DiscoverProblem::Unreadable { path, error })),
        }
    } else if !kind.is_file() {
        return None;
    }
    Some(if dockerfile {
        Seen::Dockerfile(twins::Candidate::walked(path, kind.is_symlink()))
    } else {
        Seen::BuildFile(path)
    })
}

fn never_entered(name: &OsStr) -> bool {
    NEVER_ENTERED.iter().any(|never| name == *never)
}

/// `./a/Dockerfile` is shown as `a/Dockerfile`, as the user thinks of it.
fn tidy(path: &Path) -> PathBuf {
    path.strip_prefix(".").unwrap_or(path).to_owned()
}

/// Takes the path out of the walk's nested error, so that problems can be sorted and shown alike.
fn problem_of(error: &ignore::Error, root: &Path) -> DiscoverProblem {
    let path = path_of(error).unwrap_or(root).to_owned();
    match error.io_error() {
        Some(io) => {
            // An `io::Error` cannot be cloned; kind and text are what is shown.
            let error = io
                .raw_os_error()
                .map_or_else(|| io::Error::new(io.kind(), io.to_string()), io::Error::from_raw_os_error);
            DiscoverProblem::Unreadable { path, error }
        }
        None => DiscoverProblem::Walk { path, message: error.to_string() },
    }
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        ignore::Error::Loop { child, .. } => Some(child),
        ignore::Error::Partial(errors) => errors.first().and_then(path_of),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
