//! Dockerfiles that nobody named, and that matter for those that were: they share a build context (a `.dockerignore` is
//! judged by all of them), or build an image that a FROM names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use dockmend_core::model::BuiltImage;
use dockmend_core::rewrite::{Engine, SourceFile};

use crate::contexts::{self, BuildContext, Contexts, Request};
use crate::discover::is_dockerfile_name;
use crate::path::{folder_of, identity};
use crate::read::read;

/// What the images end with that Dockerfiles of the repository build, by reference.
pub type Images = BTreeMap<String, BuiltImage>;

/// A Dockerfile that was found beside others, with what is known about its builds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Neighbour {
    /// Its path.
    pub path: PathBuf,
    /// What is known about its builds.
    pub context: Option<BuildContext>,
}

/// The Dockerfiles that compose and bake files build, and those beside the `named` files and in their contexts, without
/// the `given` ones. `named` is what a user named, files and folders; folders were walked, and `given` holds what was
/// found in them.
pub fn find(named: &[PathBuf], given: &[PathBuf], contexts: &Contexts, request: &Request) -> Vec<Neighbour> {
    let mut candidates: BTreeSet<PathBuf> = contexts.declared.iter().cloned().collect();
    // Walked folders have been looked through.
    for file in named.iter().filter(|path| !path.is_dir()) {
        candidates.extend(dockerfiles_in(folder_of(file)));
        if let Some(folder) = contexts.of.get(file).and_then(BuildContext::folder) {
            candidates.extend(dockerfiles_in(folder));
        }
    }
    if candidates.is_empty() {
        return Vec::new();
    }
    let given: BTreeSet<PathBuf> = given.iter().map(|path| identity(path)).collect();
    let mut known = BTreeSet::new();
    let others: Vec<PathBuf> = candidates
        .into_iter()
        .filter(|path| {
            let real = identity(path);
            !given.contains(&real) && known.insert(real)
        })
        .collect();
    if others.is_empty() {
        return Vec::new();
    }
    let mut found = contexts::find(&others, request);
    others.into_iter().map(|path| Neighbour { context: found.of.remove(&path), path }).collect()
}

fn dockerfiles_in(folder: &Path) -> Vec<PathBuf> {
    // A folder that cannot be listed has nothing to tell.
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_dockerfile_name))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect()
}

/// What the images end with that these Dockerfiles build, as far as compose files name them.
pub fn images<'a>(
    engine: &Engine,
    builders: impl IntoIterator<Item = (&'a Path, &'a BuildContext)>,
) -> Images {
    let builders = builders.into_iter().filter(|(_, context)| !context.images.is_empty());
    let sources: Vec<SourceFile> = builders
        .filter_map(|(path, context)| {
            // What cannot be read is said when it is its turn.
            let source = read(path).ok()?;
            let mut file = SourceFile::new(path.to_string_lossy(), source.text);
            file.targets = context.targets.iter().map(|target| target.to_lowercase()).collect();
            file.builds = context.images.iter().cloned().collect();
            Some(file)
        })
        .collect();
    if sources.is_empty() {
        return Images::new();
    }
    engine.built_images(&sources.iter().collect::<Vec<_>>())
}
