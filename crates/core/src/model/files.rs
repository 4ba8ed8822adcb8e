//! Which files of the context a step can see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::diff::{Matched, matched};
use super::{Base, BuildModel, Delta, Known};
use crate::context::{DockerIgnore, EntryKind, Found, normalise};
use crate::rule::ContextView;
use crate::syntax::{Keyword, Lexer};

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
    /// variable, a target that depends on one, `--exclude`, or a pattern whose target may be a file or a directory.
    ///
    /// Source: the Dockerfile reference, "COPY": of a directory the contents are copied and not the directory itself; a
    /// target that ends in a slash is a directory, and so is one that takes several sources.
    pub fn copied(&self, model: &BuildModel, index: usize) -> Option<Vec<CopiedFile>> {
        let sent = self.sent.as_ref()?;
        let instruction = model.instruction(index)?;
        let (sources, target) = copy_words(model, index)?;
        if instruction.flag("exclude").is_some() {
            return None;
        }
        let is_directory =
            sources.len() > 1 || is_directory_by_name(&target) || is_above_workdir(model, index, &target);
        let target = place_of(model, index, &target)?;
        let keeps_parents = instruction.flag("parents").is_some();
        let mut copied = BTreeSet::new();
        for source in sources {
            let pivot = if keeps_parents { pivot_of(&source)? } else { String::new() };
            let source = normalise(&source)?;
            for found in matching(sent, &source) {
                if !is_file(found) {
                    continue;
                }
                let is_itself =
                    found.path == source || is_pattern(&source) && !is_below(&found.path, &source);
                if is_itself && is_pattern(&source) && !is_directory && !keeps_parents {
                    // One match becomes the target, a match for a target that exists goes into it: not to be told.
                    return None;
                }
                let name = if keeps_parents {
                    below(&found.path, &pivot)
                } else if !is_itself {
                    below(&found.path, &source)
                } else if is_directory {
                    found.path.rsplit('/').next().unwrap_or(&found.path).to_owned()
                } else {
                    String::new()
                };
                copied.insert(CopiedFile { path: found.path.clone(), target: joined(&target, &name) });
            }
        }
        Some(copied.into_iter().collect())
    }

    /// The context files in the image before an instruction: those that its stage and the stages below it have copied.
    /// `None` when one of the copies is not known.
    pub(crate) fn visible(&self, model: &BuildModel, instruction: usize) -> Option<BTreeSet<CopiedFile>> {
        Visible::new(model, self).at(instruction)
    }

    /// The same as [`visible`](Self::visible), with the file that was copied last for each place in the image.
    pub(crate) fn effective(
        &self,
        model: &BuildModel,
        instruction: usize,
    ) -> Option<BTreeMap<String, String>> {
        let stage = model.stage_of(instruction)?.index;
        Visible::new(model, self).last_copied(stage, instruction)
    }

    /// The same without what some COPYs or ADDs bring.
    pub(crate) fn visible_without(
        &self,
        model: &BuildModel,
        instruction: usize,
        copies: &[usize],
    ) -> Option<BTreeSet<CopiedFile>> {
        let mut visible = Visible::new(model, self);
        visible.copied.extend(copies.iter().map(|copy| (*copy, Some(Arc::default()))));
        visible.at(instruction)
    }
}

/// The sources and the target of a COPY or ADD from the context. `None` for others, and where one is not known.
pub(crate) fn copy_words(model: &BuildModel, index: usize) -> Option<(Vec<String>, String)> {
    let instruction = model.instruction(index)?;
    let (_, step) = model.place(index)?;
    if !matches!(instruction.keyword, Keyword::Copy | Keyword::Add) || instruction.flag("from").is_some() {
        return None;
    }
    let lexer = Lexer::new(model.file().escape());
    let mut words = Vec::new();
    for value in &instruction.values {
        words.push(lexer.expand(&value.text, &*step.state).ok()?.text);
    }
    let target = words.pop()?;
    // What is not a file of the context: URLs, git repositories, heredocs.
    words.retain(|word| !word.contains("://") && !word.starts_with("git@") && !word.starts_with("<<"));
    Some((words, target))
}

/// The paths of the context that an instruction names: the sources of a COPY or ADD, those of a RUN's bind mounts.
/// Empty when it names none; `None` when they cannot be known.
///
/// Source: the Dockerfile reference, "RUN --mount": `bind` is the default type, its source the root of the context.
pub(crate) fn context_sources(model: &BuildModel, index: usize) -> Option<Vec<String>> {
    let Some(instruction) = model.instruction(index) else { return Some(Vec::new()) };
    match instruction.keyword {
        Keyword::Copy | Keyword::Add if instruction.flag("from").is_none() => {
            copy_words(model, index).map(|(sources, _)| sources)
        }
        Keyword::Run => {
            let Some((_, step)) = model.place(index) else { return Some(Vec::new()) };
            let lexer = Lexer::new(model.file().escape());
            let mut sources = Vec::new();
            for mount in instruction.flags.iter().filter(|flag| flag.name() == "mount") {
                let options = mount.value().unwrap_or_default();
                let option = |names: &[&str]| {
                    let mut pairs = options.rsplit(',').filter_map(|option| option.split_once('='));
                    pairs.find(|(name, _)| names.contains(name)).map(|(_, value)| value)
                };
                if option(&["from"]).is_some() || option(&["type"]).is_some_and(|kind| kind != "bind") {
                    continue;
                }
                let source = option(&["source", "src"]).unwrap_or("/");
                sources.push(lexer.expand(source, &*step.state).ok()?.text);
            }
            Some(sources)
        }
        _ => Some(Vec::new()),
    }
}

/// The working directory of an instruction. One that is not known has a name of its own (`?2`), so that two that may
/// differ do not look the same.
pub(crate) fn directory_of(model: &BuildModel, index: usize) -> Option<String> {
    let (stage, step) = model.place(index)?;
    if let Known::Value(directory) = &step.state.workdir {
        return Some(directory.clone());
    }
    let is_workdir =
        |index: usize| model.instruction(index).is_some_and(|other| other.keyword == Keyword::Workdir);
    let steps = stage.steps.iter().take_while(|step| step.instruction < index);
    Some(format!("?{}", steps.filter(|step| is_workdir(step.instruction)).count()))
}

/// Where a path that an instruction names is in the image, without a slash at its end (the root is empty).
pub(crate) fn place_of(model: &BuildModel, index: usize, path: &str) -> Option<String> {
    let directory = if path.starts_with('/') { String::new() } else { directory_of(model, index)? };
    let (root, directory) = match directory.strip_prefix('?') {
        Some(rest) => {
            let (number, below) = rest.split_once('/').unwrap_or((rest, ""));
            (format!("?{number}"), below.to_owned())
        }
        None => (String::new(), directory),
    };
    // What leads out of an unknown directory leads to another unknown one.
    let inside = normalise(&format!("{directory}/{path}"))?;
    Some(if inside.is_empty() { root } else { format!("{root}/{inside}") })
}

/// `.`, `..` and what ends in a slash.
fn is_directory_by_name(target: &str) -> bool {
    target.is_empty() || target.ends_with('/') || matches!(target.rsplit('/').next(), Some("." | ".."))
}

/// Whether a target is the working directory or above it, and so a directory that exists.
fn is_above_workdir(model: &BuildModel, index: usize, target: &str) -> bool {
    let (Some(place), Some(directory)) = (place_of(model, index, target), directory_of(model, index)) else {
        return false;
    };
    let directory = directory.trim_end_matches('/');
    directory.strip_prefix(&place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// With `--parents`, what stands before a `/./` of the source is not part of the path that is kept.
fn pivot_of(source: &str) -> Option<String> {
    source.split_once("/./").map_or(Some(String::new()), |(pivot, _)| normalise(pivot))
}

fn joined(directory: &str, name: &str) -> String {
    if name.is_empty() { directory.to_owned() } else { format!("{directory}/{name}") }
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

/// The pattern of a source as an ignore file writes it, where a leading `#` or `!` and two stars mean something else.
fn as_ignore_pattern(source: &str) -> String {
    let mut pattern = source.to_owned();
    while pattern.contains("**") {
        pattern = pattern.replace("**", "*");
    }
    if pattern.starts_with(['#', '!']) { format!("\\{pattern}") } else { pattern }
}

/// The files that a source names: itself, what lies below it, what its pattern matches.
pub(crate) fn matching<'a>(sent: &'a [Found], source: &str) -> impl Iterator<Item = &'a Found> {
    let source = source.to_owned();
    // The matcher of ignore files has the same wildcards (Go's filepath.Match) and takes what lies below along.
    let pattern = is_pattern(&source).then(|| DockerIgnore::parse(&as_ignore_pattern(&source)));
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
        let stage = self.model.stage_of(instruction)?.index;
        let copies = copies_before(self.model, stage, instruction);
        let mut seen = BTreeSet::new();
        for index in copies {
            seen.extend(self.copied(index)?.iter().cloned());
        }
        Some(seen)
    }

    /// The context files at the end of a stage: for each place the file that was copied there last.
    fn at_end(&mut self, stage: usize) -> Option<BTreeMap<String, String>> {
        self.last_copied(stage, usize::MAX)
    }

    /// The same before an instruction of the stage.
    fn last_copied(&mut self, stage: usize, instruction: usize) -> Option<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        for index in copies_before(self.model, stage, instruction) {
            let copied = self.copied(index)?;
            files.extend(copied.iter().map(|file| (file.target.clone(), file.path.clone())));
        }
        Some(files)
    }

    fn copied(&mut self, index: usize) -> Option<Arc<Vec<CopiedFile>>> {
        let (files, model) = (self.files, self.model);
        self.copied.entry(index).or_insert_with(|| files.copied(model, index).map(Arc::new)).clone()
    }
}

/// The COPYs and ADDs from the context before an instruction, in the order in which they are run.
fn copies_before(model: &BuildModel, stage: usize, instruction: usize) -> Vec<usize> {
    let mut chain = Vec::new();
    let mut next = model.stages().get(stage);
    let mut end = instruction;
    while let Some(stage) = next {
        chain.push((stage, end));
        end = usize::MAX;
        next = match stage.base {
            Base::Stage(base) => model.stages().get(base),
            _ => None,
        };
    }
    let is_copy = |index: usize| {
        model.instruction(index).is_some_and(|instruction| {
            matches!(instruction.keyword, Keyword::Copy | Keyword::Add) && instruction.flag("from").is_none()
        })
    };
    let steps = chain.into_iter().rev().flat_map(|(stage, end)| {
        stage.steps.iter().map(|step| step.instruction).filter(move |index| *index < end)
    });
    steps.filter(|index| is_copy(*index)).collect()
}

/// Whether each stage ends with the same context files at the same places in both builds. `None` when that cannot be
/// computed.
pub(crate) fn same_at_the_end(before: &BuildModel, after: &BuildModel, files: &FileView) -> Option<bool> {
    if before.stages().len() != after.stages().len() {
        return Some(false);
    }
    let (mut old, mut new) = (Visible::new(before, files), Visible::new(after, files));
    for stage in 0..before.stages().len() {
        if old.at_end(stage)? != new.at_end(stage)? {
            return Some(false);
        }
    }
    Some(true)
}

#[cfg(test)]
mod tests;
