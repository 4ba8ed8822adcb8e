//! Which files of the context a step can see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::diff::{Matched, matched};
use super::{Base, BuildModel, Delta, Known, State};
use crate::context::{DockerIgnore, EntryKind, Found, normalise};
use crate::rule::ContextView;
use crate::syntax::{Instruction, Keyword, Lexer};

/// A file of the context and where it comes to stand in the image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct CopiedFile {
    /// Its path in the context.
    pub path: String,
    /// Its path in the image.
    pub target: String,
}

/// The files that the builder is sent, to ask which of them a COPY takes.
pub struct FileView {
    sent: Option<Arc<Vec<Found>>>,
}

impl FileView {
    /// A view of what the builder is sent.
    pub fn new(context: &ContextView<'_>) -> Self {
        Self { sent: context.sent().cloned() }
    }

    /// The context files that a COPY or ADD takes. `None` when it is not known: no context, a source with an unknown
    /// variable, a target that depends on one.
    pub fn copied(&self, model: &BuildModel, index: usize) -> Option<Vec<CopiedFile>> {
        let sent = self.sent.as_ref()?;
        let instruction = model.instruction(index)?;
        let (_, step) = model.place(index)?;
        let (sources, target) = sources(model, instruction, &step.state)?;
        let target = target_directory(&target, &step.state)?;
        let parents = instruction.flag("parents").is_some();
        let several = sources.len() > 1 || target.ends_with('/');
        let mut copied = BTreeSet::new();
        for source in sources {
            let source = normalise(&source)?;
            for found in matching(sent, &source) {
                if !is_file(found) {
                    continue;
                }
                let is_itself =
                    found.path == source || is_pattern(&source) && !is_below(&found.path, &source);
                let name = if parents {
                    found.path.clone()
                } else if is_itself {
                    let name = found.path.rsplit('/').next().unwrap_or(&found.path);
                    if several || is_pattern(&source) { name.to_owned() } else { String::new() }
                } else {
                    below(&found.path, &source)
                };
                let target = if name.is_empty() {
                    target.trim_end_matches('/').to_owned()
                } else {
                    format!("{}/{name}", target.trim_end_matches('/'))
                };
                copied.insert(CopiedFile { path: found.path.clone(), target });
            }
        }
        Some(copied.into_iter().collect())
    }

    /// A source of a COPY or ADD that `self` has files for and `after` does not, or a file that is named by itself and
    /// is not sent `after`.
    pub(crate) fn named_loss(&self, after: &Self, model: &BuildModel, index: usize) -> Option<String> {
        let (old, new) = (self.sent.as_ref()?, after.sent.as_ref()?);
        let instruction = model.instruction(index)?;
        let (_, step) = model.place(index)?;
        let (sources, _) = sources(model, instruction, &step.state)?;
        sources.into_iter().find(|source| {
            let Some(path) = normalise(source) else { return false };
            let count = |sent: &[Found]| matching(sent, &path).filter(|found| is_file(found)).count();
            let is_broad = path.is_empty() || path == "*";
            let (before, after) = (count(old), count(new));
            if is_broad { before > 0 && after == 0 } else { after < before }
        })
    }
}

/// The sources and the target of a COPY or ADD from the context. `None` for others, and where one is not known.
fn sources(model: &BuildModel, instruction: &Instruction, state: &State) -> Option<(Vec<String>, String)> {
    if !matches!(instruction.keyword, Keyword::Copy | Keyword::Add) || instruction.flag("from").is_some() {
        return None;
    }
    let lexer = Lexer::new(model.file().escape());
    let mut words = Vec::new();
    for value in &instruction.values {
        words.push(lexer.expand(&value.text, state).ok()?.text);
    }
    let target = words.pop()?;
    // What is not a file of the context: URLs, git repositories, heredocs.
    words.retain(|word| !word.contains("://") && !word.starts_with("git@") && !word.starts_with("<<"));
    Some((words, target))
}

fn target_directory(target: &str, state: &State) -> Option<String> {
    if target.starts_with('/') {
        return Some(target.to_owned());
    }
    match &state.workdir {
        Known::Value(workdir) => {
            let rest = target.strip_prefix("./").unwrap_or(target);
            let rest = if rest == "." { "" } else { rest };
            let slash = if rest.is_empty() || target.ends_with('/') { "/" } else { "" };
            let joined = format!("{}/{}", workdir.trim_end_matches('/'), rest.trim_end_matches('/'));
            Some(format!("{}{slash}", joined.trim_end_matches('/')))
        }
        // Where it stands is not known, but it is always the same place.
        Known::Unknown(_) => Some(format!("?/{target}")),
    }
}

fn is_pattern(source: &str) -> bool {
    source.contains(['*', '?', '['])
}

/// Whether it is a file, or a link that may be one.
pub(crate) fn is_file(found: &Found) -> bool {
    found.entry.kind != EntryKind::Directory
}

/// Whether `path` lies below something that the pattern matches.
fn is_below(path: &str, pattern: &str) -> bool {
    path.split('/').count() > pattern.split('/').count()
}

fn below(path: &str, source: &str) -> String {
    if is_pattern(source) {
        // The matched directory's own name is left out, as Docker leaves it out.
        return path.split('/').skip(source.split('/').count()).collect::<Vec<_>>().join("/");
    }
    path.strip_prefix(source).unwrap_or(path).trim_start_matches('/').to_owned()
}

/// The files that a source names: itself, what lies below it, what its pattern matches.
fn matching<'a>(sent: &'a [Found], source: &str) -> impl Iterator<Item = &'a Found> {
    let source = source.to_owned();
    // The matcher of ignore files has the same wildcards (Go's filepath.Match) and takes what lies below along.
    let pattern = is_pattern(&source).then(|| DockerIgnore::parse(&source));
    sent.iter().filter(move |found| match &pattern {
        Some(pattern) => pattern.is_ignored(&found.path),
        None => {
            source.is_empty()
                || found.path == source
                || found.path.strip_prefix(&source).is_some_and(|rest| rest.starts_with('/'))
        }
    })
}

/// For each RUN that is in both files, the context files that it saw before and does not see after.
pub(crate) fn lost_files(before: &BuildModel, after: &BuildModel, files: &FileView) -> Vec<Delta> {
    let Some(pairs) = matched(before, after) else { return Vec::new() };
    let mut old = Visible::new(before, files);
    let mut new = Visible::new(after, files);
    let mut deltas = Vec::new();
    for Matched { before: old_index, after: new_index } in pairs {
        if before.instruction(old_index).is_none_or(|instruction| instruction.keyword != Keyword::Run) {
            continue;
        }
        let (Some(saw), Some(sees)) = (old.at(old_index), new.at(new_index)) else { continue };
        if saw.is_subset(&sees) {
            continue;
        }
        let kept = sees.iter().map(|file| file.path.clone()).collect::<BTreeSet<_>>();
        deltas.push(Delta::VisibleFilesLost {
            instruction: old_index,
            before: saw.len(),
            kept: kept.into_iter().collect(),
        });
    }
    deltas
}

/// The context files in an image, step by step.
struct Visible<'a> {
    model: &'a BuildModel,
    files: &'a FileView,
    copied: BTreeMap<usize, Option<Arc<Vec<CopiedFile>>>>,
}

impl<'a> Visible<'a> {
    fn new(model: &'a BuildModel, files: &'a FileView) -> Self {
        Self { model, files, copied: BTreeMap::new() }
    }

    /// What was copied before the instruction, in its stage and the stages that it is built on.
    fn at(&mut self, instruction: usize) -> Option<BTreeSet<CopiedFile>> {
        let model = self.model;
        let mut seen = BTreeSet::new();
        let mut stage = model.stage_of(instruction)?;
        let mut end = instruction;
        loop {
            let steps = stage.steps.iter().map(|step| step.instruction).filter(|index| *index < end);
            for index in steps {
                let is_copy = model
                    .instruction(index)
                    .is_some_and(|i| matches!(i.keyword, Keyword::Copy | Keyword::Add));
                if !is_copy || model.instruction(index).is_some_and(|i| i.flag("from").is_some()) {
                    continue;
                }
                let files = self.files;
                let copied =
                    self.copied.entry(index).or_insert_with(|| files.copied(model, index).map(Arc::new));
                seen.extend(copied.as_ref()?.iter().cloned());
            }
            match stage.base {
                Base::Stage(base) => stage = &model.stages()[base],
                _ => return Some(seen),
            }
            end = usize::MAX;
        }
    }
}
