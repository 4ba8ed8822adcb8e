//! What a rule may look at.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::config::Settings;
use crate::context::project::{Project, detect};
use crate::context::{Answer, ContextFiles, DockerIgnore, Found, ignore_file_for, walk};
use crate::knowledge::Knowledge;
use crate::model::BuildModel;
use crate::rule::litter::Memory;
use crate::syntax::Dockerfile;

/// A listing of the context stops at this many names: a larger one is taken for unknown.
const MAX_LISTED: usize = 200_000;

/// Another Dockerfile with the same context.
#[derive(Clone)]
#[non_exhaustive]
pub struct Sibling<'a> {
    /// Its path as the user knows it.
    pub path: &'a str,
    /// Its model.
    pub model: Arc<BuildModel>,
}

/// The build context as a rule sees it. Everything is read when it is first asked for, and once for all Dockerfiles that
/// share the context.
pub struct ContextView<'a> {
    shared: Rc<Shared<'a>>,
    /// The Dockerfile's path in the context, when it lies in it.
    dockerfile: Option<String>,
    ignore: OnceCell<Option<Rc<IgnoreFile>>>,
}

/// What all Dockerfiles of a context see alike.
struct Shared<'a> {
    files: &'a dyn ContextFiles,
    listing: OnceCell<Option<Arc<Vec<Found>>>>,
    projects: OnceCell<Option<Vec<Project>>>,
    /// The ignore files that were asked for, by their paths.
    ignores: RefCell<BTreeMap<String, Option<Rc<IgnoreFile>>>>,
    litter: Memory,
}

/// An ignore file, and what it leaves of the context.
struct IgnoreFile {
    named: (String, DockerIgnore),
    sent: OnceCell<Option<Arc<Vec<Found>>>>,
}

impl Shared<'_> {
    fn ignore(&self, path: &str) -> Option<Rc<IgnoreFile>> {
        if let Some(known) = self.ignores.borrow().get(path) {
            return known.clone();
        }
        let read = match self.files.read(path) {
            Answer::Present(bytes) => {
                let rules = DockerIgnore::parse(&String::from_utf8_lossy(&bytes));
                Some(Rc::new(IgnoreFile { named: (path.to_owned(), rules), sent: OnceCell::new() }))
            }
            _ => None,
        };
        self.ignores.borrow_mut().insert(path.to_owned(), read.clone());
        read
    }

    fn list(&self, ignore: Option<&DockerIgnore>) -> Option<Arc<Vec<Found>>> {
        walk(self.files, ignore, MAX_LISTED).present().map(Arc::new)
    }
}

impl<'a> ContextView<'a> {
    /// A view of `files` for the Dockerfile at `dockerfile`, a path in the context.
    pub fn new(files: &'a dyn ContextFiles, dockerfile: Option<String>) -> Self {
        let shared = Shared {
            files,
            listing: OnceCell::new(),
            projects: OnceCell::new(),
            ignores: RefCell::new(BTreeMap::new()),
            litter: Memory::default(),
        };
        Self { shared: Rc::new(shared), dockerfile, ignore: OnceCell::new() }
    }

    /// The view of another Dockerfile of the same context. What one of them has read, the other need not read.
    #[must_use]
    pub fn beside(&self, dockerfile: Option<String>) -> Self {
        Self { shared: Rc::clone(&self.shared), dockerfile, ignore: OnceCell::new() }
    }

    /// The files themselves.
    pub fn files(&self) -> &'a dyn ContextFiles {
        self.shared.files
    }

    /// Whether anything is known of the context. Without it, rules that need one are silent: unknown is not absent.
    pub fn is_known(&self) -> bool {
        !self.shared.files.entry("").is_unknown()
    }

    /// The Dockerfile's path in the context, when it lies in it.
    pub fn dockerfile(&self) -> Option<&str> {
        self.dockerfile.as_deref()
    }

    fn ignore_file(&self) -> Option<&IgnoreFile> {
        let read = || {
            let candidates = ignore_file_for(self.dockerfile.as_deref().unwrap_or("Dockerfile"));
            candidates.into_iter().find_map(|path| self.shared.ignore(path.as_ref()))
        };
        self.ignore.get_or_init(read).as_deref()
    }

    /// The ignore file that the builder takes for this Dockerfile, and its path (H131); `None` when there is none.
    pub fn ignore(&self) -> Option<&(String, DockerIgnore)> {
        self.ignore_file().map(|file| &file.named)
    }

    /// Every file and directory of the context, whatever is ignored; `None` when it is not known or too large.
    pub fn listing(&self) -> Option<&Arc<Vec<Found>>> {
        self.shared.listing.get_or_init(|| self.shared.list(None)).as_ref()
    }

    /// What the builder is sent: everything that is not ignored; `None` when it is not known or too large.
    pub fn sent(&self) -> Option<&Arc<Vec<Found>>> {
        match self.ignore_file() {
            Some(file) => file.sent.get_or_init(|| self.shared.list(Some(&file.named.1))).as_ref(),
            None => self.listing(),
        }
    }

    /// What was found out about things in the context that are not meant for an image.
    pub(crate) fn litter(&self) -> &Memory {
        &self.shared.litter
    }

    /// The projects found in the context; `None` when it is not known.
    pub fn projects(&self) -> Option<&[Project]> {
        self.shared.projects.get_or_init(|| detect(self.shared.files).present()).as_deref()
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
    pub siblings: Siblings<'a>,
}

/// The other Dockerfiles with the same context. Each is parsed when it is asked for.
#[derive(Clone, Copy)]
pub struct Siblings<'a> {
    group: &'a dyn GroupFiles,
    of: usize,
}

/// All Dockerfiles of a context, by index.
pub(crate) trait GroupFiles {
    /// How many there are.
    fn len(&self) -> usize;

    /// The path as the user knows it.
    fn path(&self, file: usize) -> &str;

    /// What a file means. One that nobody works on is parsed for this answer alone: a group may hold thousands.
    fn model(&self, file: usize) -> Arc<BuildModel>;

    /// The text of a file: the same allocation as long as nobody changes the file.
    fn text(&self, file: usize) -> &Arc<str>;

    /// The path of a file in the context, when it lies in it.
    fn context_path(&self, file: usize) -> Option<&str>;

    /// A number that is another one for every other state of the group.
    fn generation(&self) -> u64;
}

impl<'a> Siblings<'a> {
    pub(crate) fn new(group: &'a dyn GroupFiles, of: usize) -> Self {
        Self { group, of }
    }

    /// How many files the whole group has.
    pub(crate) fn group_len(self) -> usize {
        self.group.len()
    }

    /// The number of the file that the others are beside of.
    pub(crate) fn index(self) -> usize {
        self.of
    }

    /// The path of any file of the group.
    pub(crate) fn path(self, file: usize) -> &'a str {
        self.group.path(file)
    }

    /// What any file of the group means.
    pub(crate) fn model(self, file: usize) -> Arc<BuildModel> {
        self.group.model(file)
    }

    /// The text of any file of the group.
    pub(crate) fn text(self, file: usize) -> &'a Arc<str> {
        self.group.text(file)
    }

    /// The path of any file of the group in the context.
    pub(crate) fn context_path(self, file: usize) -> Option<&'a str> {
        self.group.context_path(file)
    }

    /// The state of the group.
    pub(crate) fn generation(self) -> u64 {
        self.group.generation()
    }

    /// Each of them, in the order of the group.
    pub fn iter(self) -> impl Iterator<Item = Sibling<'a>> {
        let others = (0..self.group.len()).filter(move |file| *file != self.of);
        others.map(move |file| Sibling { path: self.group.path(file), model: self.group.model(file) })
    }
}

impl<'a> Subject<'a> {
    pub(crate) fn new(
        path: &'a str,
        model: &'a BuildModel,
        context: &'a ContextView<'a>,
        knowledge: &'a Knowledge,
        settings: &'a Settings,
        siblings: Siblings<'a>,
    ) -> Self {
        Self { path, model, context, knowledge, settings, siblings }
    }

    /// The parsed file.
    pub fn file(&self) -> &'a Dockerfile {
        self.model.file()
    }
}
