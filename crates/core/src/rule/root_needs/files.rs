//! The files of the build context that are in an image, by the paths that they have there.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{absolute, is_in};
use crate::context::Answer;
use crate::model::{Base, FileView, Source, Stage};
use crate::rule::Subject;
use crate::rule::exec_form::lineage;
use crate::syntax::{Keyword, Lexer};

/// Stages that copy from stages that copy from stages: further back nobody has a script that a container starts.
const DEPTH: usize = 4;

/// The files of an image that the context has, as far as they can be followed.
#[derive(Default)]
pub(super) struct ImageFiles {
    /// Paths in the image with their paths in the context.
    pub(super) targets: BTreeMap<String, String>,
    /// Texts that COPY heredocs write.
    pub(super) texts: BTreeMap<String, String>,
    /// All context files that the image, or a stage that it copies from, was given: what its programs are made from.
    pub(super) sources: BTreeSet<String>,
    /// Whether there are copies that could not be followed.
    pub(super) has_gaps: bool,
}

impl ImageFiles {
    /// The files of a stage. Without a context they are all gaps.
    pub(super) fn of(subject: &Subject<'_>, stage: &Stage) -> Self {
        let mut files = Self::default();
        if subject.context.is_known() {
            let view = FileView::new(subject.context);
            files.add_stage(subject, &view, stage, 0);
        } else {
            files.has_gaps = true;
        }
        files
    }

    fn add_stage(&mut self, subject: &Subject<'_>, view: &FileView, stage: &Stage, depth: usize) {
        let model = subject.model;
        for (index, instruction) in lineage(model, stage) {
            if !matches!(instruction.keyword, Keyword::Copy | Keyword::Add) {
                continue;
            }
            if instruction.flag("from").is_some() {
                match model.copy_source(index) {
                    Some(Source::Stage(from)) if depth < DEPTH => {
                        self.add_from(subject, view, index, from, depth);
                    }
                    Some(Source::Image(_)) => {}
                    _ => self.has_gaps = true,
                }
                continue;
            }
            let target = instruction.value_texts().last().and_then(|target| place(subject, index, target));
            if let ([heredoc], Some(target)) = (instruction.heredocs.as_slice(), &target) {
                self.texts.insert(target.clone(), heredoc.body.of(subject.file().text()).to_owned());
            }
            match view.copied(model, index) {
                Some(copied) => {
                    for file in copied {
                        self.sources.insert(file.path.clone());
                        self.targets.insert(file.target, file.path);
                    }
                }
                None => self.has_gaps = true,
            }
        }
        if let Base::Unknown(_) = stage.base {
            self.has_gaps = true;
        }
    }

    /// What a COPY takes from another stage: the context's files there, under their new paths.
    fn add_from(&mut self, subject: &Subject<'_>, view: &FileView, index: usize, from: usize, depth: usize) {
        let Some(from) = subject.model.stages().get(from) else { return };
        let mut there = Self::default();
        there.add_stage(subject, view, from, depth + 1);
        self.sources.append(&mut there.sources);
        let Some(instruction) = subject.model.instruction(index) else { return };
        let mut words: Vec<&str> = instruction.value_texts().collect();
        let Some(target) = words.pop() else { return };
        let Some(place) = place(subject, index, target) else {
            self.has_gaps = true;
            return;
        };
        let is_directory = target.ends_with('/') || target.ends_with('.') || words.len() > 1;
        for word in words {
            // Sources of a stage begin at its root, whatever its working directory is.
            let Some(source) = expanded(subject, index, word).and_then(|word| absolute("/", &word)) else {
                self.has_gaps = true;
                continue;
            };
            let moved = |path: &String| {
                let rest = if is_in(path, &source) {
                    path.get(source.trim_end_matches('/').len()..)?
                } else {
                    return None;
                };
                let name = if !rest.is_empty() {
                    rest.to_owned()
                } else if is_directory {
                    format!("/{}", path.rsplit('/').next().unwrap_or_default())
                } else {
                    String::new()
                };
                Some(format!("{}{name}", place.trim_end_matches('/')))
            };
            let targets = there.targets.iter().filter_map(|(path, file)| Some((moved(path)?, file.clone())));
            self.targets.extend(targets.collect::<Vec<_>>());
            let texts = there.texts.iter().filter_map(|(path, text)| Some((moved(path)?, text.clone())));
            self.texts.extend(texts.collect::<Vec<_>>());
        }
    }

    /// The text of the file that the image has at a path.
    pub(super) fn text(&self, subject: &Subject<'_>, path: &str) -> Option<String> {
        if let Some(text) = self.texts.get(path) {
            return Some(text.clone());
        }
        read(subject, self.targets.get(path)?)
    }
}

/// The text of a file of the context.
pub(super) fn read(subject: &Subject<'_>, path: &str) -> Option<String> {
    match subject.context.files().read(path) {
        Answer::Present(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        _ => None,
    }
}

/// A word of an instruction with its variables replaced.
pub(crate) fn expanded(subject: &Subject<'_>, index: usize, word: &str) -> Option<String> {
    let (_, step) = subject.model.place(index)?;
    let lexer = Lexer::new(subject.file().escape());
    Some(lexer.expand(word, &*step.state).ok()?.text)
}

/// The absolute path that a word of an instruction names.
pub(crate) fn place(subject: &Subject<'_>, index: usize, word: &str) -> Option<String> {
    let word = expanded(subject, index, word)?;
    let (_, step) = subject.model.place(index)?;
    let directory = step.state.workdir.value().map(String::as_str).unwrap_or_default();
    absolute(directory, &word)
}
