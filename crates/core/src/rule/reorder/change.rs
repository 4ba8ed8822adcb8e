//! The change: the new instructions, the deltas that it declares, and the edit.

use std::collections::BTreeSet;

use crate::context::{EntryKind, split};
use crate::model::{Delta, FileView, Meaning};
use crate::rule::dependencies::Way;
use crate::rule::{Refusal, Subject};
use crate::syntax::{Instruction, Keyword};
use crate::text::{EditError, TextEdit, TextRange};

use super::conditions::{Ready, bringing, changed, conditions};
use super::{Found, is_within};

/// A change that may be made.
pub(crate) struct Reorder<'a> {
    subject: &'a Subject<'a>,
    found: Found,
    ready: Ready,
    run: &'a Instruction,
    /// The COPYs of what the installation reads, as they are written.
    copies: Vec<String>,
    /// The new RUN, where there is one.
    first: Option<String>,
}

impl<'a> Reorder<'a> {
    /// The change for what was found.
    ///
    /// # Errors
    /// A refusal when one of the conditions does not hold.
    pub(crate) fn new(subject: &'a Subject<'a>, found: Found) -> Result<Self, Refusal> {
        let ready = conditions(subject, &found)?;
        let run = subject.model.instruction(found.run).ok_or_else(changed)?;
        let first = match &found.install.way {
            Way::Whole => None,
            Way::Split { first, .. } => Some(format!("{}{} {first}", keyword_like(run, "RUN"), flags(run))),
        };
        if subject.file().escape() != '\\' && first.as_ref().is_some_and(|first| first.contains(['\\', '`']))
        {
            return Err(Refusal::because("the new step would hold an escape character"));
        }
        let copies = copies(subject, &found, &ready)?;
        Ok(Self { subject, found, ready, run, copies, first })
    }

    /// What the user should know.
    pub(crate) fn remarks(&self) -> Vec<String> {
        self.found.install.remarks.clone()
    }

    /// Whether the RUN itself comes before the source.
    fn is_whole(&self) -> bool {
        self.first.is_none()
    }

    /// The indices of the COPYs that come behind the installation.
    fn moved(&self) -> Vec<usize> {
        self.found.moved.iter().map(|copy| copy.index).collect()
    }

    fn first_moved(&self) -> usize {
        self.moved().first().copied().unwrap_or(self.found.run)
    }

    /// The last instruction above the RUN that does not move.
    fn above(&self) -> usize {
        let moved = self.moved();
        (0..self.found.run).rev().find(|index| !moved.contains(index)).unwrap_or_default()
    }

    /// Whether the COPYs stay where they are: nothing stands between them and a RUN that stays too.
    fn copies_stay(&self) -> bool {
        !self.is_whole() && self.above() < self.first_moved()
    }

    /// The differences that the change makes.
    ///
    /// # Errors
    /// A refusal when it is not known which files the steps see.
    pub(crate) fn declare(&self) -> Result<Vec<Delta>, Refusal> {
        let unknown = || Refusal::because("it is not known which files the steps see");
        let (run, above) = (self.found.run, self.above());
        let beside = if self.ready.at_copy { self.first_moved().saturating_sub(1) } else { above };
        let mut declared = Vec::new();
        let meaning =
            |step: &str| Meaning::of_text(step).map(|meaning| meaning.to_string()).ok_or_else(unknown);
        for (order, step) in self.copies.iter().enumerate() {
            declared.push(Delta::StepAdded { after: Some(beside), order, meaning: meaning(step)? });
        }
        let mut order = if beside == above { self.copies.len() } else { 0 };
        if let Some(step) = &self.first {
            declared.push(Delta::StepAdded { after: Some(above), order, meaning: meaning(step)? });
            order += 1;
        }
        if let Way::Split { removed, .. } = &self.found.install.way {
            declared.extend(removed.iter().map(|removed| Delta::CommandRemoved {
                instruction: run,
                command: removed.command,
                joiner: removed.joiner.to_owned(),
                text: removed.text.clone(),
            }));
        }
        if !self.copies_stay() {
            let (after, order) = if self.is_whole() { (run, 0) } else { (above, order) };
            let moved = self.moved().into_iter().enumerate();
            declared.extend(moved.map(|(at, instruction)| Delta::StepMoved {
                instruction,
                after: Some(after),
                order: order + at,
            }));
        }
        declared.extend(self.lost().ok_or_else(unknown)?);
        Ok(declared)
    }

    /// The files that the RUNs between the two, and one that moves whole, do not see any more.
    fn lost(&self) -> Option<Vec<Delta>> {
        let model = self.subject.model;
        let (first, run) = (self.first_moved(), self.found.run);
        let view = FileView::new(self.subject.context);
        let moved = self.moved();
        let mut brought = BTreeSet::new();
        for copy in &moved {
            brought.extend(view.copied(model, *copy)?);
        }
        let is_read = |path: &str| self.ready.missing.iter().any(|read| is_within(path, read));
        let mut lost = Vec::new();
        for index in first..=run {
            let is_run =
                model.instruction(index).is_some_and(|instruction| instruction.keyword == Keyword::Run);
            if !is_run || index == run && !self.is_whole() {
                continue;
            }
            let saw = view.visible(model, index)?;
            let mut sees = view.visible_without(model, index, &moved)?;
            if index == run || self.ready.at_copy {
                sees.extend(brought.iter().filter(|file| is_read(&file.path)).cloned());
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
        let before = steps(self.first_moved());
        match &self.found.install.way {
            Way::Whole => {
                // The COPYs themselves are among them, wherever they stand.
                let after = steps(self.found.run + 1) + self.found.moved.len();
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

    /// Puts the new instructions above the RUN, or above COPYs that stay; cuts the lines of COPYs that move out and
    /// puts them behind the installation.
    ///
    /// # Errors
    /// A refusal when the RUN cannot be cut in two.
    pub(crate) fn edit(&self) -> Result<Result<TextEdit, EditError>, Refusal> {
        let file = self.subject.file();
        let text = file.text();
        let ending = file.line_ending().as_str();
        let mut blocks = Vec::new();
        for index in self.moved() {
            let copy = self.subject.model.instruction(index).ok_or_else(changed)?;
            blocks.push(self.with_comments(index, copy));
        }
        let run_block = self.with_comments(self.found.run, self.run);
        let first_block = blocks.first().copied().unwrap_or(run_block);
        let written = |target: TextRange, steps: &mut dyn Iterator<Item = &String>| -> String {
            let line = target.of(text);
            let indent =
                line.get(..line.len() - line.trim_start_matches([' ', '\t']).len()).unwrap_or_default();
            steps.flat_map(|step| [indent, step.as_str(), ending]).collect()
        };
        let mut edit = TextEdit::builder();
        let stay = self.copies_stay();
        let target = if stay { first_block } else { run_block };
        let mut new = String::new();
        // What comes to stand where the first COPY stood.
        let mut instead = String::new();
        if self.ready.at_copy && !stay {
            instead = written(first_block, &mut self.copies.iter());
            new.push_str(&written(target, &mut self.first.iter()));
        } else {
            new.push_str(&written(target, &mut self.copies.iter().chain(&self.first)));
        }
        if !stay {
            for block in &blocks {
                let end = if instead.is_empty() { blank_end(text, *block) } else { block.end };
                edit.replace(TextRange::new(block.start, end), std::mem::take(&mut instead));
            }
            let moved: String = blocks.iter().map(|block| block.of(text)).collect();
            if !self.is_whole() {
                new.push_str(&moved);
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

/// The COPYs of what the installation reads and is not there yet: one for each directory and each COPY that brings it.
fn copies(subject: &Subject<'_>, found: &Found, ready: &Ready) -> Result<Vec<String>, Refusal> {
    let is_directory = |path: &String| {
        let entry = subject.context.files().entry(path).present();
        entry.is_some_and(|entry| entry.kind == EntryKind::Directory)
    };
    let mut groups: Vec<(String, &Instruction, Vec<&str>)> = Vec::new();
    for path in &ready.missing {
        let copy = bringing(subject, found, path)?;
        let from = found.moved.iter().rev().find_map(|copy| copy.brings(path)).unwrap_or_default();
        // A COPY takes the contents of a directory, so each goes to a place of its own (H059).
        let is_directory = is_directory(path);
        let place = if is_directory { path.as_str() } else { split(path).0 };
        let inside = place.strip_prefix(from).unwrap_or(place).trim_matches('/');
        let target = copy.values.last().map(|value| value.text.as_str()).unwrap_or_default();
        let slash = if inside.is_empty() { "" } else { "/" };
        let target = format!("{}/{inside}{slash}", target.trim_end_matches('/'));
        match groups.iter_mut().find(|(known, _, _)| !is_directory && *known == target) {
            Some((_, _, paths)) => paths.push(path),
            None => groups.push((target, copy, vec![path])),
        }
    }
    let line = |(target, copy, paths): (String, &Instruction, Vec<&str>)| {
        format!("{}{} {} {target}", keyword_like(copy, "COPY"), flags(copy), paths.join(" "))
    };
    Ok(groups.into_iter().map(line).collect())
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
