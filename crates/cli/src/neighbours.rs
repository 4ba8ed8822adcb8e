//! Dockerfiles that nobody named, and that matter for those that were: they share a build context (a `.dockerignore` is
//! judged by all of them), or build an image that a FROM names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dockmend_core::rewrite::{Engine, SourceFile};
use dockmend_workspace::contexts::{self, BuildContext, Contexts, Request};
use dockmend_workspace::discover::is_dockerfile_name;
use dockmend_workspace::read::read;

use crate::configuration::Configured;
use crate::group::{Images, Input};

/// The Dockerfiles that compose and bake files build, and those beside the named files and in their contexts, without
/// the given ones.
pub(crate) fn find(
    named: &[PathBuf],
    given: &[PathBuf],
    contexts: &Contexts,
    request: &Request,
) -> Vec<Input> {
    let mut candidates: BTreeSet<PathBuf> = contexts.declared.iter().cloned().collect();
    // Walked folders have been looked through.
    for file in named.iter().filter(|path| path.is_file()) {
        candidates.extend(dockerfiles_in(file.parent().unwrap_or(Path::new("."))));
        if let Some(folder) = contexts.of.get(file).and_then(BuildContext::folder) {
            candidates.extend(dockerfiles_in(folder));
        }
    }
    if candidates.is_empty() {
        return Vec::new();
    }
    let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    let given: BTreeSet<PathBuf> = given.iter().map(real).collect();
    let mut known = BTreeSet::new();
    let others: Vec<PathBuf> = candidates
        .into_iter()
        .filter(|path| {
            let real = real(path);
            !given.contains(&real) && known.insert(real)
        })
        .collect();
    if others.is_empty() {
        return Vec::new();
    }
    let mut found = contexts::find(&others, request);
    others
        .into_iter()
        .map(|path| Input { index: usize::MAX, context: found.of.remove(&path), path })
        .collect()
}

fn dockerfiles_in(folder: &Path) -> Vec<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
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
pub(crate) fn images(
    configured: &[Arc<Configured>],
    given: &[PathBuf],
    contexts: &Contexts,
    others: &[Input],
) -> Images {
    let of_given = given.iter().filter_map(|path| Some((path, contexts.of.get(path)?)));
    let of_others = others.iter().filter_map(|other| Some((&other.path, other.context.as_ref()?)));
    let builders = of_given.chain(of_others).filter(|(_, context)| !context.images.is_empty());
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
    let files: Vec<&SourceFile> = sources.iter().collect();
    match configured.first() {
        Some(configured) => configured.engine.built_images(&files),
        None => Engine::default().built_images(&files),
    }
}
