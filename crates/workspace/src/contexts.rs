//! Which folder each Dockerfile is built from, and from where that is known.
//!
//! The build context is often not the Dockerfile's own folder (H132): `docker build -f docker/api.Dockerfile .`, or
//! `context: ..` in a compose file. In order of trust it is known from a command-line flag, from the configuration, from
//! a compose or bake file that builds this Dockerfile, or it is assumed to be the Dockerfile's folder.
//!
//! Compose and bake files are taken from the folders upwards of each Dockerfile and of each given root, as far as the root
//! of the repository, and from a walk ([`Discovery::build_files`](crate::discover::Discovery::build_files)). What they
//! say with a variable or an expression in it is skipped: it is not known here what they stand for. So is a build whose
//! context is remote, because its Dockerfile is remote too.

mod bake;
mod compose;
mod confirm;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use confirm::{missing_source, path_in};

use crate::path::{absolute, folder_of, identity, normal, repository_root};
use crate::read::{ReadProblem, read_up_to};

/// From where a build context is known, the most trusted first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ContextSource {
    /// The user named it on the command line.
    Flag,
    /// The configuration names it for this Dockerfile.
    Config,
    /// A service of a compose file is built from it.
    Compose {
        /// The compose file.
        file: PathBuf,
        /// The service's name.
        service: String,
    },
    /// A target of a bake file is built from it.
    Bake {
        /// The bake file.
        file: PathBuf,
        /// The target's name.
        target: String,
    },
    /// Nothing says otherwise, so it is taken to be the folder of the Dockerfile. This is a guess: whether the sources of
    /// COPY exist in it is for the caller to see.
    Folder,
}

impl fmt::Display for ContextSource {
    /// As the end of a sentence: "the context is known from …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("the command line"),
            Self::Config => f.write_str("the configuration"),
            Self::Compose { file, service } => write!(f, "service `{service}` in {}", file.display()),
            Self::Bake { file, target } => write!(f, "target `{target}` in {}", file.display()),
            Self::Folder => f.write_str("the folder of the Dockerfile"),
        }
    }
}

/// The folder of a build context, or why there is none to look into.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContextDir {
    /// The absolute path of a folder that exists.
    Known(PathBuf),
    /// A URL or a git repository.
    Remote(String),
    /// The folder that is named does not exist, or is none.
    Missing(PathBuf),
    /// Several builds use this Dockerfile with different contexts (all of them listed, sorted), so that no one of them may
    /// be taken for the truth.
    Several(Vec<PathBuf>),
}

/// What is known about the builds of one Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildContext {
    /// The context's folder.
    pub dir: ContextDir,
    /// From where it is known; the first of several.
    pub source: ContextSource,
    /// The stages that compose and bake files build by name (`target`): these names must stay (H078).
    pub targets: BTreeSet<String>,
    /// Whether a compose or bake file names a target that is not known here, because a variable is in it.
    pub unknown_targets: bool,
    /// The references of the images that compose files give to what the last stage builds (`image` beside `build`): other
    /// Dockerfiles may build on them.
    pub images: BTreeSet<String>,
}

impl BuildContext {
    /// The folder, where it is known.
    pub fn folder(&self) -> Option<&Path> {
        match &self.dir {
            ContextDir::Known(folder) => Some(folder),
            _ => None,
        }
    }
}

/// What the caller knows; all of it may be empty.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The context given on the command line, a folder or a URL: it holds for all Dockerfiles.
    pub flag: Option<String>,
    /// The context, a folder or a URL, of each Dockerfile that the configuration names.
    pub config: BTreeMap<PathBuf, String>,
    /// The folders that the user named. Their compose and bake files are read, and those of the folders above.
    pub roots: Vec<PathBuf>,
    /// Further compose and bake files, as a walk found them.
    pub build_files: Vec<PathBuf>,
}

/// The contexts of a number of Dockerfiles.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Contexts {
    /// By the paths of the Dockerfiles as they were given; each of them is there.
    pub of: BTreeMap<PathBuf, BuildContext>,
    /// The existing Dockerfiles that compose and bake files build, given or not: absolute, sorted.
    pub declared: Vec<PathBuf>,
    /// The compose and bake files that could not be understood.
    pub problems: Vec<ContextProblem>,
}

/// A compose or bake file that could not be understood; the builds that it declares are not known.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ContextProblem {
    /// It could not be read.
    #[error(transparent)]
    Unreadable(#[from] ReadProblem),
    /// It is not the YAML, JSON or HCL that its name says; the message says on which line.
    #[error("{}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The 1-based line, where it is known.
        line: Option<usize>,
        /// What is wrong and where, in the words of the format's parser.
        message: String,
    },
}

/// Finds the build context of each of `dockerfiles`.
///
/// ```
/// use dockmend_workspace::contexts::{Request, find};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::create_dir_all(folder.path().join("docker"))?;
/// std::fs::write(folder.path().join("compose.yaml"), "
/// services:
///   api:
///     build: { context: ., dockerfile: docker/Dockerfile, target: prod }
/// ")?;
/// let dockerfile = folder.path().join("docker/Dockerfile");
/// std::fs::write(&dockerfile, "FROM scratch AS prod\n")?;
///
/// let request = Request { roots: vec![folder.path().to_owned()], ..Request::default() };
/// let contexts = find(&[&dockerfile], &request);
/// let context = &contexts.of[&dockerfile];
/// assert_eq!(context.folder(), Some(folder.path()));
/// assert!(context.targets.contains("prod"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn find<P: AsRef<Path>>(dockerfiles: &[P], request: &Request) -> Contexts {
    let mut files = Files::default();
    let mut declared: HashMap<PathBuf, Vec<Declared>> = HashMap::new();
    for path in build_files(dockerfiles, request) {
        for build in declared_in(&path, &mut files) {
            declared.entry(identity(&build.dockerfile)).or_default().push(build);
        }
    }
    let config: HashMap<_, _> =
        request.config.iter().map(|(file, context)| (identity(file), context)).collect();
    let of = dockerfiles
        .iter()
        .map(|path| {
            let path = path.as_ref();
            let key = identity(path);
            let builds = declared.get(&key).map_or(&[][..], Vec::as_slice);
            let given = match (&request.flag, config.get(&key)) {
                (Some(flag), _) => Some((flag, ContextSource::Flag)),
                (None, Some(config)) => Some((*config, ContextSource::Config)),
                (None, None) => None,
            };
            (path.to_owned(), context_of(path, given, builds))
        })
        .collect();
    let mut declared: Vec<_> = declared.into_keys().filter(|path| path.is_file()).collect();
    declared.sort();
    Contexts { of, declared, problems: files.problems }
}

/// Whether a file of this name declares builds: a compose file (`compose.yaml`, `compose.prod.yml`,
/// `docker-compose*.yml`, ...) or a bake file (`docker-bake.hcl`, `docker-bake.json` and their `.override` siblings).
pub fn is_build_file_name(name: &str) -> bool {
    compose::is_name(name) || bake::is_name(name)
}

/// One build that a compose or bake file declares, all its parts known.
struct Declared {
    /// Absolute.
    dockerfile: PathBuf,
    context: ContextDir,
    target: Setting,
    source: ContextSource,
    /// The reference of the image that is built, where it is known.
    image: Option<String>,
}

/// One setting of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Setting {
    #[default]
    Absent,
    Text(String),
    /// There is one, and what it says depends on something that is not known here.
    Unknown,
}

impl Setting {
    /// A text, unless something stands in it that is replaced before use.
    fn literal(text: &str) -> Self {
        if text.contains("${") || text.contains("%{") { Self::Unknown } else { Self::Text(text.to_owned()) }
    }

    /// This setting, or `other` where this is absent.
    fn or(self, other: Self) -> Self {
        if self == Self::Absent { other } else { self }
    }
}

/// The text of compose and bake files, read once each, and what was wrong with them.
#[derive(Default)]
struct Files {
    yaml: HashMap<PathBuf, Option<yaml_serde::Value>>,
    problems: Vec<ContextProblem>,
}

impl Files {
    /// The largest compose or bake file that is read, in bytes.
    const LIMIT: u64 = 4 * 1024 * 1024;

    fn text(&mut self, path: &Path) -> Option<String> {
        read_up_to(path, Self::LIMIT)
            .map(|source| source.text)
            .map_err(|problem| self.problems.push(problem.into()))
            .ok()
    }

    fn syntax(&mut self, path: &Path, line: Option<usize>, message: String) {
        self.problems.push(ContextProblem::Syntax { path: path.to_owned(), line, message });
    }
}

fn declared_in(path: &Path, files: &mut Files) -> Vec<Declared> {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) if bake::is_name(name) => bake::builds(path, files),
        _ => compose::builds(path, files),
    }
}

/// What a declared build means as paths, from `folder`, the one its paths are relative to. `None` when it concerns no local
/// Dockerfile.
fn declare(
    folder: &Path,
    context: &str,
    dockerfile: &str,
    target: Setting,
    source: ContextSource,
) -> Option<Declared> {
    let local = dockerfile.strip_prefix("cwd://");
    let context = local_or_remote(folder, context);
    let dockerfile = match (&context, local) {
        (_, Some(local)) => folder.join(local),
        (ContextDir::Known(dir) | ContextDir::Missing(dir), None) => dir.join(dockerfile),
        // The Dockerfile of a remote context is remote, unless it is named by an absolute path.
        _ => Some(PathBuf::from(dockerfile)).filter(|path| path.is_absolute())?,
    };
    Some(Declared { dockerfile: absolute(&dockerfile), context, target, source, image: None })
}

/// `context` as a folder seen from `folder`, or as the remote place that it is.
fn local_or_remote(folder: &Path, context: &str) -> ContextDir {
    let local = context.strip_prefix("cwd://");
    if local.is_none() && is_remote(context) {
        return ContextDir::Remote(context.to_owned());
    }
    let dir = absolute(&folder.join(local.unwrap_or(context)));
    if dir.is_dir() { ContextDir::Known(dir) } else { ContextDir::Missing(dir) }
}

/// URLs, `git@host:path`, `github.com/owner/name`, and the other places that the `context` of `docker build` may name.
fn is_remote(context: &str) -> bool {
    context.contains("://")
        || context.starts_with("github.com/")
        || context.starts_with("git@")
        || context.starts_with("target:")
        || context == "-"
}

fn context_of(path: &Path, given: Option<(&String, ContextSource)>, builds: &[Declared]) -> BuildContext {
    let (dir, source) = if let Some((context, source)) = given {
        (local_or_remote(Path::new(""), context), source)
    } else if let Some(first) = builds.first() {
        (agreed(builds, &first.context), first.source.clone())
    } else {
        (local_or_remote(folder_of(path), ""), ContextSource::Folder)
    };
    let targets = builds.iter().filter_map(|build| match &build.target {
        Setting::Text(target) => Some(target.clone()),
        _ => None,
    });
    BuildContext {
        dir,
        source,
        targets: targets.collect(),
        unknown_targets: builds.iter().any(|build| build.target == Setting::Unknown),
        images: builds.iter().filter_map(|build| build.image.clone()).collect(),
    }
}

/// The context that all `builds` share; otherwise the list of those that are folders.
fn agreed(builds: &[Declared], first: &ContextDir) -> ContextDir {
    if builds.iter().all(|build| build.context == *first) {
        return first.clone();
    }
    let dirs: BTreeSet<_> = builds
        .iter()
        .filter_map(|build| match &build.context {
            ContextDir::Known(dir) | ContextDir::Missing(dir) => Some(dir.clone()),
            _ => None,
        })
        .collect();
    ContextDir::Several(dirs.into_iter().collect())
}

/// The compose and bake files that may build one of `dockerfiles`, sorted, each once.
fn build_files<P: AsRef<Path>>(dockerfiles: &[P], request: &Request) -> BTreeSet<PathBuf> {
    let roots: Vec<_> = request.roots.iter().map(|root| absolute(root)).collect();
    let mut found: BTreeSet<_> = request.build_files.iter().map(|path| absolute(path)).collect();
    let mut seen = HashSet::new();
    let folders = dockerfiles.iter().map(|path| absolute(folder_of(path.as_ref())));
    for start in roots.iter().cloned().chain(folders) {
        if seen.contains(&start) {
            continue;
        }
        // Without a repository the search goes no higher than what the user named.
        let top = repository_root(&start)
            .or_else(|| roots.iter().find(|root| start.starts_with(root)).cloned())
            .unwrap_or_else(|| start.clone());
        for folder in start.ancestors().take_while(|folder| folder.starts_with(&top)) {
            if !seen.insert(folder.to_owned()) {
                break;
            }
            found.extend(build_files_in(folder));
        }
    }
    found
}

fn build_files_in(folder: &Path) -> Vec<PathBuf> {
    // A folder that cannot be listed has been reported by the walk, or is above what the user named.
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_build_file_name))
        .map(|entry| normal(&entry.path()))
        .filter(|path| path.is_file())
        .collect()
}

#[cfg(test)]
mod tests;
