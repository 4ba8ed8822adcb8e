//! The installation of dependencies before the copy of the source: what is found, on which conditions it is changed, and
//! the change.

use crate::context::{EntryKind, join, normalise};
use crate::model::{Base, copy_words, place_of};
use crate::rule::Subject;
use crate::rule::dependencies::{self, Install, Reads, may_install, reads};
use crate::syntax::Keyword;

mod change;
mod conditions;

pub(crate) use change::Reorder;
pub(crate) use conditions::conditions;

/// A COPY of files of the context.
pub(crate) struct Copied {
    /// Its index.
    pub(crate) index: usize,
    /// The directory, as a path of the context.
    pub(crate) from: String,
    /// Where its files go: a path in the image.
    pub(crate) to: String,
}

impl Copied {
    /// The context's file for a path in the image.
    fn locate(&self, path: &str) -> Option<String> {
        let inside = path.strip_prefix(&self.to)?.strip_prefix('/')?;
        Some(join(&self.from, inside))
    }

    /// A COPY of one directory.
    fn read(subject: &Subject<'_>, index: usize) -> Option<Self> {
        let (sources, target) = copy_words(subject.model, index)?;
        let [source] = sources.as_slice() else { return None };
        let from = normalise(source)?;
        let is_directory = |path: &str| {
            let entry = subject.context.files().entry(path).present();
            entry.is_some_and(|entry| entry.kind == EntryKind::Directory)
        };
        if !is_directory(&from) {
            return None;
        }
        Some(Self { index, from, to: place_of(subject.model, index, &target)? })
    }
}

/// A COPY of the source and the installation behind it.
pub(crate) struct Found {
    /// The COPY.
    pub(crate) copy: Copied,
    /// The index of the RUN.
    pub(crate) run: usize,
    /// What the RUN installs.
    pub(crate) install: Install,
}

/// At most one in each stage: the first installation, and the last COPY that brings it its manifests.
pub(crate) fn find(subject: &Subject<'_>) -> Vec<Found> {
    let model = subject.model;
    let mut list = Vec::new();
    for stage in model.stages() {
        let mut copies: Vec<Copied> = Vec::new();
        for (index, instruction) in model.stage_instructions(stage) {
            match instruction.keyword {
                Keyword::Copy | Keyword::Add => copies.extend(Copied::read(subject, index)),
                Keyword::Run if !copies.is_empty() && may_install(instruction.arguments_text()) => {
                    let locate = |path: &str| copies.iter().rev().find_map(|copy| copy.locate(path));
                    let Reads::Install(install) = reads(subject.context, model, index, &locate) else {
                        continue;
                    };
                    let takes = |copy: &Copied| {
                        let project = &install.project;
                        copy.from.is_empty()
                            || *project == copy.from
                            || project.strip_prefix(&copy.from).is_some_and(|rest| rest.starts_with('/'))
                    };
                    let Some(at) = copies.iter().rposition(takes) else { continue };
                    let copy = copies.swap_remove(at);
                    let found = Found { copy, run: index, install };
                    if !has_installed(subject, &found) {
                        list.push(found);
                    }
                    break;
                }
                _ => {}
            }
        }
    }
    list
}

/// Whether dependencies were installed by the same stack before the source was copied.
fn has_installed(subject: &Subject<'_>, found: &Found) -> bool {
    let model = subject.model;
    let mut stage = model.stage_of(found.copy.index);
    let mut end = found.copy.index;
    while let Some(here) = stage {
        let before = model.stage_instructions(here).take_while(|(index, _)| *index < end);
        for (index, instruction) in before {
            let is_run = instruction.keyword == Keyword::Run && may_install(instruction.arguments_text());
            if is_run && dependencies::installs(model, index, found.install.stack) {
                return true;
            }
        }
        end = usize::MAX;
        stage = match here.base {
            Base::Stage(base) => model.stages().get(base),
            _ => None,
        };
    }
    false
}
