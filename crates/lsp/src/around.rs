//! What lies around a document: its configuration, its build context, the other Dockerfiles with that context.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dockmend_core::config::{Options, Settings as CoreSettings};
use dockmend_core::context::{Answer, ContextFiles, Entry, EntryKind, NoContext};
use dockmend_core::rewrite::{ContextGroup, Engine, SourceFile};
use dockmend_workspace::config;
use dockmend_workspace::contexts::{self, BuildContext, ContextSource, Request, missing_source, path_in};
use dockmend_workspace::neighbours::{self, Images};
use dockmend_workspace::read::read;
use dockmend_workspace::snapshot::DiskFiles;
use tower_lsp::ls_types::Uri;

use crate::world::{World, path_of};

/// What was read from disk is taken for true so long. Editors do not all tell when a file changes, so that everything is
/// looked at again when it is used; while somebody types, not for every letter.
const FRESH: Duration = Duration::from_secs(1);

/// A context that took long to read is believed longer: so many times as long as the reading took.
const PATIENCE: u32 = 20;

/// What was read from disk, by document.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    surroundings: Mutex<HashMap<PathBuf, Arc<Surroundings>>>,
    engines: Mutex<HashMap<String, Arc<Engine>>>,
}

/// What lies around one Dockerfile.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// The context's folder, where it is known, and its files.
    context: Option<(PathBuf, DiskFiles)>,
    /// The stages that compose and bake files build.
    targets: Vec<String>,
    /// The other Dockerfiles with this context, by their paths.
    seen: Vec<(PathBuf, SourceFile)>,
    images: Arc<Images>,
    /// The text of the configuration file, or why it cannot be read.
    config: Result<Option<(PathBuf, String)>, String>,
    read: Instant,
    cost: Duration,
}

impl Cache {
    /// Forgets what was read: something on disk has changed.
    pub(crate) fn forget(&self) {
        self.surroundings.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn around(&self, path: &Path, text: &str, world: &World) -> Arc<Surroundings> {
        let known = self.surroundings.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some(known) = known
            && known.read.elapsed() < FRESH.max(known.cost * PATIENCE)
        {
            return known;
        }
        let read = Arc::new(Surroundings::read(path, text, world));
        let mut all = self.surroundings.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(path.to_owned(), Arc::clone(&read));
        read
    }

    /// The engine for a configuration. Engines are made once for each text of a configuration.
    fn engine(&self, options: &[Options], key: String) -> Result<Arc<Engine>, String> {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = engines.get(&key) {
            return Ok(Arc::clone(engine));
        }
        let settings = CoreSettings::combine(options).map_err(|error| error.to_string())?;
        let engine = Arc::new(Engine::new(settings));
        if engines.len() > 64 {
            engines.clear();
        }
        engines.insert(key, Arc::clone(&engine));
        Ok(engine)
    }
}

impl Surroundings {
    fn read(path: &Path, text: &str, world: &World) -> Self {
        let begin = Instant::now();
        let config = match config::find(path) {
            Ok(found) => Ok(found.map(|file| (file.path, file.text))),
            Err(problem) => Err(problem.to_string()),
        };
        let mut request = Request::default();
        request.roots.clone_from(&world.folders);
        request.config = config.as_ref().ok().and_then(Option::as_ref).map(contexts_of).unwrap_or_default();
        let given = [path.to_owned()];
        let mut found = contexts::find(&given, &request);
        let others = neighbours::find(&given, &given, &found, &request);
        let own = found.of.remove(path);
        let context = own.as_ref().and_then(|own| confirmed(own, text));
        let mut seen = Vec::new();
        if let Some((folder, _)) = &context {
            for other in &others {
                let same = other.context.as_ref().and_then(BuildContext::folder) == Some(folder.as_path());
                let Some(source) = read(&other.path).ok().filter(|_| same) else { continue };
                let mut file = SourceFile::new(other.path.to_string_lossy(), source.text);
                file.context_path = path_in(folder, &other.path);
                file.targets = targets(other.context.as_ref());
                file.only_seen = true;
                seen.push((other.path.clone(), file));
            }
        }
        let of_others =
            others.iter().filter_map(|other| Some((other.path.as_path(), other.context.as_ref()?)));
        let builders = own.iter().map(|own| (path, own)).chain(of_others);
        Self {
            images: Arc::new(neighbours::images(&Engine::default(), builders)),
            context,
            targets: targets(own.as_ref()),
            seen,
            config,
            read: Instant::now(),
            cost: begin.elapsed(),
        }
    }
}

fn targets(context: Option<&BuildContext>) -> Vec<String> {
    context.into_iter().flat_map(|context| &context.targets).map(|target| target.to_lowercase()).collect()
}

/// The contexts that a configuration file names.
fn contexts_of((path, text): &(PathBuf, String)) -> BTreeMap<PathBuf, String> {
    let Ok(options) = Options::parse(text) else { return BTreeMap::new() };
    let folder = path.parent().unwrap_or(Path::new("."));
    let absolute = |context: &String| {
        let is_url = context.contains("://") || context.starts_with("git@");
        if is_url { context.clone() } else { folder.join(context).to_string_lossy().into_owned() }
    };
    options.contexts.iter().map(|(file, context)| (folder.join(file), absolute(context))).collect()
}

/// The folder of a context; a guess is dropped when nothing that the text copies is there (H132).
fn confirmed(context: &BuildContext, text: &str) -> Option<(PathBuf, DiskFiles)> {
    let folder = context.folder()?;
    let files = DiskFiles::new(folder);
    let is_guess = matches!(context.source, ContextSource::Folder);
    (!is_guess || missing_source(text, &files).is_none()).then(|| (folder.to_owned(), files))
}

/// Open documents over the files on disk.
struct Overlaid<'a> {
    disk: &'a DiskFiles,
    open: BTreeMap<String, Arc<str>>,
}

impl ContextFiles for Overlaid<'_> {
    fn entry(&self, path: &str) -> Answer<Entry> {
        let answer = self.disk.entry(path);
        let Some(text) = self.open.get(path) else { return answer };
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        answer.map(|entry| Entry { size: text.len() as u64, ..entry }).or_file(name, text)
    }

    fn read(&self, path: &str) -> Answer<Arc<[u8]>> {
        match self.open.get(path) {
            Some(text) => Answer::Present(Arc::from(text.as_bytes())),
            None => self.disk.read(path),
        }
    }

    fn list(&self, dir: &str) -> Answer<Vec<Entry>> {
        self.disk.list(dir)
    }
}

trait OrFile {
    fn or_file(self, name: String, text: &str) -> Self;
}

impl OrFile for Answer<Entry> {
    /// A document that was never saved is a file all the same.
    fn or_file(self, name: String, text: &str) -> Self {
        match self {
            Self::Present(entry) => Self::Present(entry),
            _ => Self::Present(Entry { name, kind: EntryKind::File, size: text.len() as u64 }),
        }
    }
}

/// A document, ready to be looked at.
pub(crate) struct Ready<'a> {
    /// The engine with the configuration that applies.
    pub(crate) engine: &'a Engine,
    /// The Dockerfile, which is the first, and its neighbours.
    pub(crate) group: ContextGroup<'a>,
    /// The context's folder, where it is known.
    pub(crate) folder: Option<&'a Path>,
}

/// Looks at the Dockerfile of a document. `None` when it is not open.
///
/// # Errors
/// A configuration file that cannot be read or understood: nothing is found then, because it would be found wrongly.
pub(crate) fn look<T>(
    world: &World,
    uri: &Uri,
    look: impl FnOnce(&Ready<'_>) -> T,
) -> Option<Result<T, String>> {
    let document = world.documents.get(uri)?;
    let text = document.text();
    let path = path_of(uri);
    let around = path.as_ref().map(|path| world.cache.around(path, text, world));
    let engine = match engine(world, around.as_deref()) {
        Ok(engine) => engine,
        Err(problem) => return Some(Err(problem)),
    };
    let name = path.as_ref().map_or_else(|| uri.to_string(), |path| path.to_string_lossy().into_owned());
    let mut file = SourceFile::new(name, Arc::clone(text));
    let (Some(around), Some(path)) = (around.as_deref(), path.as_ref()) else {
        let group = ContextGroup::new(vec![file], &NoContext);
        return Some(Ok(look(&Ready { engine: &engine, group, folder: None })));
    };
    file.targets.clone_from(&around.targets);
    let Some((folder, disk)) = &around.context else {
        let mut group = ContextGroup::new(vec![file], &NoContext);
        group.images = Arc::clone(&around.images);
        return Some(Ok(look(&Ready { engine: &engine, group, folder: None })));
    };
    file.context_path = path_in(folder, path);
    let open = world.open_texts();
    let seen = around.seen.iter().map(|(path, file)| {
        let mut file = file.clone();
        if let Some(text) = open.get(path) {
            file.text = Arc::clone(text);
        }
        file
    });
    let in_context =
        open.iter().filter_map(|(path, text)| Some((path_in(folder, path)?, Arc::clone(text)))).collect();
    let files = Overlaid { disk, open: in_context };
    let mut group = ContextGroup::new(std::iter::once(file).chain(seen).collect(), &files);
    group.images = Arc::clone(&around.images);
    Some(Ok(look(&Ready { engine: &engine, group, folder: Some(folder) })))
}

fn engine(world: &World, around: Option<&Surroundings>) -> Result<Arc<Engine>, String> {
    let settings = world.settings.options();
    let key = format!("{settings:?}");
    let config = around.map_or(Ok(None), |around| around.config.as_ref().map(Option::as_ref));
    match config {
        Err(problem) => Err(problem.clone()),
        Ok(None) => world.cache.engine(&[settings], key),
        Ok(Some((path, text))) => {
            let in_file = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let mut options = Options::parse(text).map_err(|error| in_file(&error))?;
            if settings.select.is_some() {
                options.ignore = None;
            }
            world.cache.engine(&[options, settings], format!("{key}{text}")).map_err(|error| in_file(&error))
        }
    }
}
