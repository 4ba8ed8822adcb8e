//! Dockerfiles that share a build context, read and ready for the engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dockmend_core::context::{ContextFiles, NoContext};
use dockmend_core::rewrite::{ContextGroup, SourceFile};
use dockmend_core::text::LineIndex;
use dockmend_workspace::contexts::{BuildContext, ContextDir, ContextSource, missing_source, path_in};
use dockmend_workspace::neighbours::Images;
use dockmend_workspace::read::{Fingerprint, read};
use dockmend_workspace::snapshot::DiskFiles;

use crate::configuration::Configured;
use crate::output::{Outcome, near, shown};

/// What is around the Dockerfiles that share a context.
pub(crate) struct Surroundings<'a> {
    /// The absolute path of the context's folder, when it is known.
    pub(crate) folder: Option<&'a Path>,
    /// Dockerfiles of the same context that are not processed: the others are judged with them.
    pub(crate) seen: Vec<Input>,
    /// The images that the repository builds.
    pub(crate) images: &'a Arc<Images>,
}

/// A Dockerfile to be read.
#[derive(Clone)]
pub(crate) struct Input {
    /// Its place among all Dockerfiles of the run.
    pub(crate) index: usize,
    /// Its path as the user knows it.
    pub(crate) path: PathBuf,
    /// What is known about its builds.
    pub(crate) context: Option<BuildContext>,
}

/// What is said about a build context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContextNote {
    /// The folder, when rules were told about it.
    pub(crate) folder: Option<PathBuf>,
    /// From where it is known, or why it is not, as the end of a sentence.
    pub(crate) source: String,
}

impl std::fmt::Display for ContextNote {
    /// A whole sentence without its full stop.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.folder {
            Some(folder) => write!(f, "context {}, known from {}", near(folder), self.source),
            None => write!(f, "context not known: {}", self.source),
        }
    }
}

/// A Dockerfile that was read.
pub(crate) struct Loaded {
    /// Its place among all Dockerfiles of the run.
    pub(crate) index: usize,
    /// Its path on disk.
    pub(crate) path: PathBuf,
    /// Its path as it is shown.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: Arc<str>,
    /// The starts of its lines.
    pub(crate) lines: LineIndex,
    /// The mark of its bytes; `None` for standard input.
    pub(crate) fingerprint: Option<Fingerprint>,
    /// What is known about its context.
    pub(crate) context: ContextNote,
    /// The stages that compose and bake files build, in lower case.
    pub(crate) targets: Vec<String>,
}

/// The Dockerfiles of one context, for one engine.
pub(crate) struct Group<'a> {
    /// The engine and its configuration.
    pub(crate) configured: &'a Configured,
    /// The absolute path of the context's folder, when it is known.
    pub(crate) folder: Option<&'a Path>,
    /// The files.
    pub(crate) files: Vec<Loaded>,
    /// The same files as the engine takes them, in the same order.
    pub(crate) core: ContextGroup<'a>,
}

impl<'a> Group<'a> {
    /// A text of which no context is known, from standard input.
    pub(crate) fn of_stdin(configured: &'a Configured, name: &Path, text: String) -> Self {
        let source = "the text comes from standard input".to_owned();
        let loaded = Loaded {
            index: 0,
            path: name.to_owned(),
            name: shown(name),
            lines: LineIndex::new(&text),
            text: text.into(),
            fingerprint: None,
            context: ContextNote { folder: None, source },
            targets: Vec::new(),
        };
        Self::new(configured, None, &NoContext, vec![loaded])
    }

    /// Reads the inputs and works on those that can be read, each with the context that it has.
    pub(crate) fn read_all(
        configured: &Configured,
        around: Surroundings<'_>,
        inputs: Vec<Input>,
        work: &(dyn Fn(&Group<'_>) -> Vec<Outcome> + Sync),
    ) -> Vec<Outcome> {
        let Surroundings { folder, seen, images } = around;
        let files = folder.map(DiskFiles::new);
        let mut outcomes = Vec::new();
        let mut together = Vec::new();
        for input in inputs {
            let (index, name) = (input.index, shown(&input.path));
            match load(input, files.as_ref()) {
                Err(message) => outcomes.push(Outcome::unprocessed(index, name, message)),
                Ok(loaded) if loaded.context.folder.is_some() => together.push(loaded),
                Ok(alone) => {
                    let mut group = Group::new(configured, None, &NoContext, vec![alone]);
                    group.core.images = Arc::clone(images);
                    outcomes.extend(work(&group));
                }
            }
        }
        if let Some(files) = &files
            && !together.is_empty()
        {
            let mut group = Group::new(configured, folder, files, together);
            group.core.images = Arc::clone(images);
            // One that cannot be read is nobody's problem here: it was not asked for.
            let seen = seen.into_iter().filter_map(|input| load(input, Some(files)).ok());
            for other in seen.filter(|other| other.context.folder.is_some()) {
                let mut source = other.source(folder);
                source.only_seen = true;
                group.core.files.push(source);
            }
            outcomes.extend(work(&group));
        }
        outcomes
    }

    fn new(
        configured: &'a Configured,
        folder: Option<&'a Path>,
        files: &'a dyn ContextFiles,
        loaded: Vec<Loaded>,
    ) -> Self {
        let sources = loaded.iter().map(|file| file.source(folder)).collect();
        let core = ContextGroup::new(sources, files);
        Self { configured, folder, files: loaded, core }
    }
}

impl Loaded {
    /// The file as the engine takes it.
    fn source(&self, folder: Option<&Path>) -> SourceFile {
        let mut source = SourceFile::new(self.name.clone(), Arc::clone(&self.text));
        source.context_path = folder.and_then(|folder| path_in(folder, &self.path));
        source.targets.clone_from(&self.targets);
        source
    }
}

fn load(input: Input, files: Option<&DiskFiles>) -> Result<Loaded, String> {
    let source = read(&input.path).map_err(|problem| problem.to_string())?;
    let text: Arc<str> = source.text.into();
    let (context, targets) = match &input.context {
        Some(context) => {
            (note(context, &text, files), context.targets.iter().map(|t| t.to_lowercase()).collect())
        }
        None => (ContextNote { folder: None, source: "nothing names it".to_owned() }, Vec::new()),
    };
    Ok(Loaded {
        index: input.index,
        name: shown(&input.path),
        path: input.path,
        lines: LineIndex::new(&text),
        text,
        fingerprint: Some(source.fingerprint),
        context,
        targets,
    })
}

fn note(context: &BuildContext, text: &str, files: Option<&DiskFiles>) -> ContextNote {
    let unknown = |source: String| ContextNote { folder: None, source };
    match &context.dir {
        ContextDir::Known(folder) => {
            let missing = match (&context.source, files) {
                (ContextSource::Folder, Some(files)) => missing_source(text, files),
                _ => None,
            };
            match missing {
                None => ContextNote { folder: Some(folder.clone()), source: words(&context.source) },
                Some((path, line)) => unknown(format!(
                    "it is not the folder of the Dockerfile, which has no `{path}` (copied in line {line}); \
                     say --context DIR"
                )),
            }
        }
        ContextDir::Remote(url) => unknown(format!("{url}, named by {}, is remote", words(&context.source))),
        ContextDir::Missing(folder) => {
            unknown(format!("{}, named by {}, is not a folder", near(folder), words(&context.source)))
        }
        ContextDir::Several(folders) => {
            let folders: Vec<_> = folders.iter().map(|folder| near(folder)).collect();
            unknown(format!("it is built from several ({}); say --context DIR", folders.join(", ")))
        }
        _ => unknown("it cannot be looked into".to_owned()),
    }
}

fn words(source: &ContextSource) -> String {
    match source {
        ContextSource::Compose { file, service } => format!("service `{service}` in {}", near(file)),
        ContextSource::Bake { file, target } => format!("target `{target}` in {}", near(file)),
        other => other.to_string(),
    }
}
