//! What a rule may look at.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::config::Settings;
use crate::context::project::{Project, detect};
use crate::context::{Answer, ContextFiles, DockerIgnore, Found, ignore_file_for, walk};
use crate::knowledge::Knowledge;
use crate::model::BuildModel;
use crate::syntax::Dockerfile;

/// A listing of the context stops at this many names: a larger one is taken for unknown.
const MAX_LISTED: usize = 200_000;

/// Another Dockerfile with the same context.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Sibling<'a> {
    /// Its path as the user knows it.
    pub path: &'a str,
    /// Its model.
    pub model: &'a BuildModel,
}

/// The build context as a rule sees it. Everything is read when it is first asked for.
pub struct ContextView<'a> {
    files: &'a dyn ContextFiles,
    /// The Dockerfile's path in the context, when it lies in it.
    dockerfile: Option<String>,
    ignore: OnceCell<Option<(String, DockerIgnore)>>,
    listing: OnceCell<Option<Arc<Vec<Found>>>>,
    sent: OnceCell<Option<Arc<Vec<Found>>>>,
    projects: OnceCell<Option<Vec<Project>>>,
}

impl<'a> ContextView<'a> {
    /// A view of `files` for the Dockerfile at `dockerfile`, a path in the context.
    pub fn new(files: &'a dyn ContextFiles, dockerfile: Option<String>) -> Self {
        Self {
            files,
            dockerfile,
            ignore: OnceCell::new(),
            listing: OnceCell::new(),
            sent: OnceCell::new(),
            projects: OnceCell::new(),
        }
    }

    /// The files themselves.
    pub fn files(&self) -> &'a dyn ContextFiles {
        self.files
    }

    /// Whether anything is known of the context. Without it, rules that need one are silent: unknown is not absent.
    pub fn is_known(&self) -> bool {
        !self.files.entry("").is_unknown()
    }

    /// The Dockerfile's path in the context, when it lies in it.
    pub fn dockerfile(&self) -> Option<&str> {
        self.dockerfile.as_deref()
    }

    /// The ignore file that the builder takes for this Dockerfile, and its path (H131); `None` when there is none.
    pub fn ignore(&self) -> Option<&(String, DockerIgnore)> {
        let read = || {
            let candidates = ignore_file_for(self.dockerfile.as_deref().unwrap_or("Dockerfile"));
            candidates.into_iter().find_map(|path| match self.files.read(path.as_ref()) {
                Answer::Present(bytes) => Some((path, DockerIgnore::parse(&String::from_utf8_lossy(&bytes)))),
                _ => None,
            })
        };
        self.ignore.get_or_init(read).as_ref()
    }

    /// Every file and directory of the context, whatever is ignored; `None` when it is not known or too large.
    pub fn listing(&self) -> Option<&Arc<Vec<Found>>> {
        self.listing.get_or_init(|| walk(self.files, None, MAX_LISTED).present().map(Arc::new)).as_ref()
    }

    /// What the builder is sent: everything that is not ignored; `None` when it is not known or too large.
    pub fn sent(&self) -> Option<&Arc<Vec<Found>>> {
        let read = || {
            let ignore = self.ignore().map(|(_, ignore)| ignore);
            walk(self.files, ignore, MAX_LISTED).present().map(Arc::new)
        };
        self.sent.get_or_init(read).as_ref()
    }

    /// The projects found in the context; `None` when it is not known.
    pub fn projects(&self) -> Option<&[Project]> {
        self.projects.get_or_init(|| detect(self.files).present()).as_deref()
    }
}

/// One Dockerfile and everything a rule may ask about it.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Subject<'a> {
    /// The path as the user knows it.
    pub path: &'a str,
    /// The Dockerfile with its meaning.
    pub model: &'a BuildModel,
    /// The build context.
    pub context: &'a ContextView<'a>,
    /// What is known about images and programs.
    pub knowledge: &'a Knowledge,
    /// The settings that apply to this file.
    pub settings: &'a Settings,
    /// The other Dockerfiles with the same context.
    pub siblings: &'a [Sibling<'a>],
}

impl<'a> Sibling<'a> {
    pub(crate) fn new(path: &'a str, model: &'a BuildModel) -> Self {
        Self { path, model }
    }
}

impl<'a> Subject<'a> {
    pub(crate) fn new(
        path: &'a str,
        model: &'a BuildModel,
        context: &'a ContextView<'a>,
        knowledge: &'a Knowledge,
        settings: &'a Settings,
        siblings: &'a [Sibling<'a>],
    ) -> Self {
        Self { path, model, context, knowledge, settings, siblings }
    }

    /// The parsed file.
    pub fn file(&self) -> &'a Dockerfile {
        self.model.file()
    }
}
