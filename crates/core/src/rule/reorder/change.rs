//! The change: the new instructions, the deltas that it declares, and the edit.

use std::collections::BTreeSet;

use crate::context::{EntryKind, split};
use crate::model::{Delta, FileView, Meaning};
use crate::rule::dependencies::Way;
use crate::rule::{Refusal, Subject};
use crate::syntax::{Instruction, Keyword};
use crate::text::{EditError, TextEdit, TextRange};

use super::Found;
use super::conditions::{changed, conditions};

/// A change that may be made.
pub(crate) struct Reorder<'a> {
    subject: &'a Subject<'a>,
    found: Found,
    copy: &'a Instruction,
    run: &'a Instruction,
    /// What the installation reads, as paths of the context.
    files: Vec<String>,
    /// The new instructions, as they are written: COPYs of what is read and, where there is one, the new RUN.
    steps: Vec<String>,
}

impl<'a> Reorder<'a> {
    /// The change for what was found.
    ///
    /// # Errors
    /// A refusal when one of the conditions does not hold.
    pub(crate) fn new(subject: &'a Subject<'a>, found: Found) -> Result<Self, Refusal> {
        let files = conditions(subject, &found)?;
        let copy = subject.model.instruction(found.copy.index).ok_or_else(changed)?;
        let run = subject.model.instruction(found.run).ok_or_else(changed)?;
        let mut reorder = Self { subject, found, copy, run, files, steps: Vec::new() };
        reorder.steps = reorder.copies();
        if let Way::Split { first, .. } = &reorder.found.install.way {
            let keyword = keyword_like(run, "RUN");
            let step = format!("{keyword}{} {first}", flags(run));
            reorder.steps.push(step);
        }
        Ok(reorder)
    }

    /// What the user should know.
    pub(crate) fn remarks(&self) -> Vec<String> {
        self.found.install.remarks.clone()
    }

    /// Whether the RUN itself comes before the source.
    fn is_whole(&self) -> bool {
        self.found.install.way == Way::Whole
    }

    /// Whether the COPY stays where it is: nothing stands between it and a RUN that stays too.
    fn copy_stays(&self) -> bool {
        !self.is_whole() && self.found.copy.index + 1 == self.found.run
    }

    /// The COPYs of what the installation reads: one for each directory.
    fn copies(&self) -> Vec<String> {
        let is_directory = |path: &String| {
            let entry = self.subject.context.files().entry(path).present();
            entry.is_some_and(|entry| entry.kind == EntryKind::Directory)
        };
        let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
        for path in &self.files {
            // A COPY takes the contents of a directory, so each goes to a place of its own (H059).
            let is_directory = is_directory(path);
            let place = if is_directory { path.as_str() } else { split(path).0 };
            match groups.iter_mut().find(|(known, _)| !is_directory && known == place) {
                Some((_, paths)) => paths.push(path),
                None => groups.push((place.to_owned(), vec![path])),
            }
        }
        let target = self.copy.values.last().map(|value| value.text.as_str()).unwrap_or_default();
        let target = target.trim_end_matches('/');
        let keyword = keyword_like(self.copy, "COPY");
        let flags = flags(self.copy);
        let line = |(place, paths): (String, Vec<&str>)| {
            let inside =
                place.strip_prefix(self.found.copy.from.as_str()).unwrap_or(&place).trim_matches('/');
            let slash = if inside.is_empty() { "" } else { "/" };
            format!("{keyword}{flags} {} {target}/{inside}{slash}", paths.join(" "))
        };
        groups.into_iter().map(line).collect()
    }

    /// The differences that the change makes.
    ///
    /// # Errors
    /// A refusal when it is not known which files the steps see.
    pub(crate) fn declare(&self) -> Result<Vec<Delta>, Refusal> {
        let unknown = || Refusal::because("it is not known which files the steps see");
        let (copy, run) = (self.found.copy.index, self.found.run);
        let above = if self.copy_stays() || run - 1 == copy { copy - 1 } else { run - 1 };
        let mut declared = Vec::new();
        for (order, step) in self.steps.iter().enumerate() {
            let meaning = Meaning::of_text(step).ok_or_else(unknown)?.to_string();
            declared.push(Delta::StepAdded { after: Some(above), order, meaning });
        }
        if let Way::Split { removed, .. } = &self.found.install.way {
            declared.extend(removed.iter().map(|removed| Delta::CommandRemoved {
                instruction: run,
                command: removed.command,
                joiner: removed.joiner.to_owned(),
                text: removed.text.clone(),
            }));
        }
        if self.is_whole() {
            declared.push(Delta::StepMoved { instruction: copy, after: Some(run), order: 0 });
        } else if !self.copy_stays() {
            let order = self.steps.len();
            declared.push(Delta::StepMoved { instruction: copy, after: Some(above), order });
        }
        declared.extend(self.lost().ok_or_else(unknown)?);
        Ok(declared)
    }

    /// The files that the RUNs between the two, and one that moves whole, do not see any more.
    fn lost(&self) -> Option<Vec<Delta>> {
        let model = self.subject.model;
        let (copy, run) = (self.found.copy.index, self.found.run);
        let view = FileView::new(self.subject.context);
        let moved = view.copied(model, copy)?;
        let is_read = |path: &str| {
            self.files.iter().any(|read| {
                path == read || path.strip_prefix(read.as_str()).is_some_and(|rest| rest.starts_with('/'))
            })
        };
        let mut lost = Vec::new();
        for index in copy + 1..=run {
            let is_run =
                model.instruction(index).is_some_and(|instruction| instruction.keyword == Keyword::Run);
            if !is_run || index == run && !self.is_whole() {
                continue;
            }
            let saw = view.visible(model, index)?;
            let mut sees = view.visible_without(model, index, copy)?;
            if index == run {
                sees.extend(moved.iter().filter(|file| is_read(&file.path)).cloned());
            }
            if !saw.is_subset(&sees) {
                let kept: BTreeSet<String> = sees.into_iter().map(|file| file.path).collect();
                lost.push(Delta::VisibleFilesLost {
                    instruction: index,
                    before: saw.len(),
                    kept: kept.into_iter().collect(),
                });
            }
        }
        Some(lost)
    }

    /// How many steps an edit of the source runs again, before and after.
    pub(crate) fn title(&self) -> String {
        let model = self.subject.model;
        let Some(stage) = model.stage_of(self.found.run) else { return String::new() };
        let steps = |from: usize| {
            let steps = model.stage_instructions(stage).filter(|(index, _)| *index >= from);
            let is_step = |keyword| matches!(keyword, Keyword::Copy | Keyword::Add | Keyword::Run);
            steps.filter(|(_, step)| is_step(step.keyword)).count()
        };
        let before = steps(self.found.copy.index);
        match &self.found.install.way {
            Way::Whole => {
                // The COPY itself is one of them, wherever it stands.
                let after = steps(self.found.run + 1) + 1;
                let noun = if after == 1 { "step" } else { "steps" };
                format!("install before copying source: an edit re-runs {after} {noun}, not {before}")
            }
            Way::Split { first, removed } => {
                let shown = first.rsplit(" && ").next().unwrap_or(first);
                let verb = if removed.is_empty() { "add" } else { "split off" };
                format!(
                    "{verb} `{shown}` before copying source: an edit does not fetch the dependencies again"
                )
            }
        }
    }

    /// Puts the new instructions above the RUN, or above a COPY that stays; cuts the lines of a COPY that moves out and
    /// puts them behind the installation.
    ///
    /// # Errors
    /// A refusal when the RUN cannot be cut in two.
    pub(crate) fn edit(&self) -> Result<Result<TextEdit, EditError>, Refusal> {
        let file = self.subject.file();
        let text = file.text();
        let ending = file.line_ending().as_str();
        let block = self.with_comments(self.found.copy.index, self.copy);
        let run_block = self.with_comments(self.found.run, self.run);
        let target = if self.copy_stays() { block } else { run_block };
        let indent = target.of(text).len() - target.of(text).trim_start_matches([' ', '\t']).len();
        let indent = target.of(text).get(..indent).unwrap_or_default();
        let mut new = self.steps.iter().flat_map(|step| [indent, step.as_str(), ending]).collect::<String>();
        let mut edit = TextEdit::builder();
        let moved = block.of(text);
        if !self.copy_stays() {
            edit.delete(TextRange::new(block.start, blank_end(text, block)));
            if !self.is_whole() {
                new.push_str(moved);
            } else if run_block.of(text).ends_with('\n') {
                edit.insert(run_block.end, moved);
            } else {
                edit.insert(run_block.end, format!("{ending}{}", moved.trim_end_matches(['\r', '\n'])));
            }
        }
        edit.insert(target.start, new);
        for range in self.cuts()? {
            edit.delete(range);
        }
        Ok(edit.finish())
    }

    /// The commands that the RUN loses, with what joins them to the next.
    fn cuts(&self) -> Result<Vec<TextRange>, Refusal> {
        let Way::Split { removed, .. } = &self.found.install.way else { return Ok(Vec::new()) };
        let text = self.subject.model.shell_text(self.found.run).ok_or_else(changed)?;
        let mut cuts = Vec::new();
        for removed in removed {
            let start = text.file_range(self.run, &(removed.span.start..removed.span.start)).start;
            let end = text.file_range(self.run, &(removed.span.end..removed.span.end)).start;
            let holds = |comment: &&TextRange| comment.start < end && start < comment.end;
            if self.run.comment_lines.iter().find(holds).is_some() {
                return Err(Refusal::because("a comment stands between the commands of the RUN"));
            }
            cuts.push(TextRange::new(start, end));
        }
        Ok(cuts)
    }

    /// The lines of an instruction with the comments that are glued to it.
    fn with_comments(&self, index: usize, instruction: &Instruction) -> TextRange {
        let file = self.subject.file();
        let start = match file.comments_glued_to(index).first() {
            Some(comment) => file.line_index().line_start(comment.line - 1),
            None => file.whole_lines(instruction).start,
        };
        TextRange::new(start, file.whole_lines(instruction).end)
    }
}

/// A keyword in the letter case of another instruction's.
fn keyword_like(instruction: &Instruction, keyword: &str) -> String {
    let is_lower = instruction.keyword_text().chars().all(|c| c.is_ascii_lowercase());
    if is_lower { keyword.to_ascii_lowercase() } else { keyword.to_owned() }
}

/// The flags of an instruction as they are written, each behind a blank.
fn flags(instruction: &Instruction) -> String {
    instruction.flags.iter().flat_map(|flag| [" ", instruction.logical.slice(flag.span)]).collect()
}

/// Where what is cut out ends: with the blank line behind it, when one stands before it too.
fn blank_end(text: &str, block: TextRange) -> usize {
    let before = text.get(..block.start).unwrap_or_default();
    let is_blank_before = before.trim_end_matches([' ', '\t', '\r', '\n']).len() + 2 <= before.len()
        && before.trim_end_matches([' ', '\t']).ends_with('\n')
        && before.lines().last().is_none_or(|line| line.trim().is_empty());
    let behind = text.get(block.end..).unwrap_or_default();
    let line = behind.split_inclusive('\n').next().unwrap_or_default();
    if is_blank_before && line.trim().is_empty() { block.end + line.len() } else { block.end }
}
