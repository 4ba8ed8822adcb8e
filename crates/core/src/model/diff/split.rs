//! One stage became two: a build stage that does what the old one did, and a final stage that takes over what runs.
//!
//! The alignment by meaning does not fit here, because what is restated in the final stage is there twice. So the shape is
//! read off step by step, and it is a narrow one: everything above the stage is as it was; the build stage has the steps
//! of the old stage down to one of them, in order and to the letter; the final stage ends with the others, in order and to
//! the letter. What has come or gone besides is listed. Any other shape is no split.

use super::align::{Added, Alignment, Match};
use super::{Differ, state_changes, trivia};
use crate::model::{BuildModel, Cause, CommandLine, ConfigField, Delta, ImageConfig, Known, Meaning};
use crate::syntax::{Instruction, Keyword};

/// The last stage of `before` as two stages of `after`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Split {
    /// The stage, by its index before; the build stage has the same index after, the final stage the next.
    pub(crate) stage: usize,
    /// The last step that stays in the build stage, by its index before.
    pub(crate) last: usize,
    /// The steps at the end of the build stage that are new, by their index after.
    pub(crate) prepared: Vec<usize>,
    /// The steps at the start of the final stage that are new, by their index after.
    pub(crate) restated: Vec<usize>,
    /// What has moved from above the cut into the final stage: before and after.
    pub(crate) moved: Vec<Match>,
    /// The instructions that are in both files and were not moved.
    pub(crate) kept: Vec<Match>,
    /// The FROM of the final stage, by its index after.
    pub(crate) from: usize,
}

/// What says something about the image and nothing about the build.
fn is_metadata(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::Label
            | Keyword::Expose
            | Keyword::Volume
            | Keyword::Stopsignal
            | Keyword::Healthcheck
            | Keyword::Cmd
            | Keyword::Entrypoint
            | Keyword::Maintainer
    )
}

/// Reads off the split. `None` when `after` is something else.
pub(crate) fn find(before: &BuildModel, after: &BuildModel) -> Option<Split> {
    if after.stages().len() != before.stages().len() + 1 || before.file().escape() != after.file().escape() {
        return None;
    }
    let same = |old: usize, new: usize| {
        let (old, new) = (before.instruction(old)?, after.instruction(new)?);
        Some(old.range.of(before.file().text()) == new.range.of(after.file().text()))
    };
    let is_same = |old: usize, new: usize| same(old, new) == Some(true);
    let old = before.stages().last()?;
    let (build, last) = (after.stages().get(old.index)?, after.stages().get(old.index + 1)?);
    if build.from != old.from || !(0..old.from).all(|index| is_same(index, index)) {
        return None;
    }
    let names =
        (before.instruction(old.from)?, after.instruction(build.from)?, after.instruction(last.from)?);
    froms(names.0, names.1, names.2)?;
    let mut split = Split { stage: old.index, from: last.from, ..Split::default() };
    split.kept.extend((0..=old.from).map(|index| Match { before: index, after: index }));

    // The build stage, step by step.
    let steps: Vec<usize> = old.steps.iter().map(|step| step.instruction).collect();
    let mut passed = Vec::new();
    let mut at = 0;
    let mut next = 0;
    for step in &build.steps {
        let here = loop {
            let Some(index) = steps.get(next).copied() else { break None };
            if is_same(index, step.instruction) {
                break Some(index);
            }
            if !before.instruction(index).is_some_and(|instruction| is_metadata(instruction.keyword)) {
                break None;
            }
            passed.push(index);
            next += 1;
        };
        let Some(index) = here else { break };
        split.kept.push(Match { before: index, after: step.instruction });
        split.last = index;
        (at, next) = (at + 1, next + 1);
    }
    if at == 0 {
        return None;
    }
    split.prepared = build.steps.iter().skip(at).map(|step| step.instruction).collect();
    passed.retain(|index| *index < split.last);

    // The final stage ends with what was left.
    let tail: Vec<usize> = steps.into_iter().filter(|index| *index > split.last).collect();
    let first = last.steps.len().checked_sub(tail.len())?;
    let (new, kept) = last.steps.split_at(first);
    for (index, step) in tail.iter().zip(kept) {
        if !is_same(*index, step.instruction) {
            return None;
        }
        split.kept.push(Match { before: *index, after: step.instruction });
    }
    let mut passed = passed.into_iter().peekable();
    for step in new {
        match passed.peek() {
            Some(index) if is_same(*index, step.instruction) => {
                split.moved.push(Match { before: *index, after: step.instruction });
                passed.next();
            }
            _ => split.restated.push(step.instruction),
        }
    }
    passed.next().is_none().then_some(split)
}

/// The build stage starts from what the old one started from and has a name, the final one has the old one's name.
fn froms(old: &Instruction, build: &Instruction, last: &Instruction) -> Option<()> {
    let flags = |from: &Instruction| from.flags.iter().map(|flag| flag.text.clone()).collect::<Vec<_>>();
    let words = |from: &Instruction| from.value_texts().map(str::to_owned).collect::<Vec<_>>();
    let (old_words, build_words, last_words) = (words(old), words(build), words(last));
    let same_base = old_words.first() == build_words.first() && build_words.len() == 3;
    let same_name = old_words.get(1..) == last_words.get(1..);
    let same_flags = flags(old) == flags(build) && flags(old) == flags(last);
    (same_base && same_name && same_flags && old_words.get(2) != build_words.get(2)).then_some(())
}

impl Split {
    /// Which instruction is which.
    pub(crate) fn alignment(&self) -> Alignment {
        let mut alignment = Alignment { matches: self.kept.clone(), ..Alignment::default() };
        alignment.removed = self.moved.iter().map(|moved| moved.before).collect();
        let moved = self.moved.iter().map(|moved| moved.after);
        let mut added: Vec<usize> =
            self.prepared.iter().chain(&self.restated).copied().chain(moved).chain([self.from]).collect();
        added.sort_unstable();
        let added = added.into_iter().enumerate();
        alignment.added =
            added.map(|(order, index)| Added { index, behind: Some(self.last), order }).collect();
        alignment
    }

    /// All differences.
    pub(super) fn deltas(&self, before: &BuildModel, after: &BuildModel) -> Vec<Delta> {
        let alignment = self.alignment();
        let mut differ = Differ { before, after, alignment: &alignment, deltas: Vec::new() };
        differ.deltas.extend(self.delta(after));
        self.configs(before, after, &mut differ.deltas);
        self.states(before, after, &mut differ.deltas);
        for matched in &self.kept {
            if before.copy_source(matched.before) != after.copy_source(matched.after) {
                differ.unexplained(format!(
                    "instruction {} refers to another stage than before",
                    matched.before
                ));
            }
        }
        for what in trivia::differences(before.file(), after.file(), &alignment) {
            differ.unexplained(what);
        }
        differ.deltas
    }

    fn delta(&self, after: &BuildModel) -> Option<Delta> {
        let meaning = |index: &usize| after.meaning(*index).as_ref().map(Meaning::to_string);
        let word = |stage: usize, word: usize| {
            let from = after.instruction(after.stages().get(stage)?.from)?;
            from.value_texts().nth(word).map(str::to_owned)
        };
        Some(Delta::StageSplit {
            stage: self.stage,
            last: self.last,
            build: word(self.stage, 2)?,
            runtime: word(self.stage + 1, 0)?,
            prepared: self.prepared.iter().filter_map(meaning).collect(),
            restated: self.restated.iter().filter_map(meaning).collect(),
            moved: self.moved.iter().map(|moved| moved.before).collect(),
        })
    }

    /// The config of the image that is shipped. What both bases bring is not known here; that the one stands in for the
    /// other is an obligation of its own.
    fn configs(&self, before: &BuildModel, after: &BuildModel, deltas: &mut Vec<Delta>) {
        let (Some(old), Some(new)) = (before.stages().get(self.stage), after.stages().get(self.stage + 1))
        else {
            return;
        };
        let (old_fields, new_fields) = (old.config.fields(), new.config.fields());
        let names: std::collections::BTreeSet<_> = old_fields.keys().chain(new_fields.keys()).collect();
        for field in names {
            let (from, to) = (old_fields.get(field), new_fields.get(field));
            if from != to && !is_of_both_bases(field, &old.config, &new.config) {
                deltas.push(Delta::ConfigChanged {
                    stage: self.stage,
                    field: field.to_string(),
                    old: from.cloned(),
                    new: to.cloned(),
                });
            }
        }
    }

    /// What runs in another state than before. A build argument counts where the instruction names it.
    fn states(&self, before: &BuildModel, after: &BuildModel, deltas: &mut Vec<Delta>) {
        for matched in &self.kept {
            let (Some((_, old)), Some((_, new)), Some(instruction)) = (
                before.place(matched.before),
                after.place(matched.after),
                before.instruction(matched.before),
            ) else {
                continue;
            };
            for (field, from, to) in state_changes(before, instruction, &old.state, &new.state) {
                let by_base = |text: &str| text.starts_with("unknown: it is up to the base image");
                let is_named = |name: &str| instruction.logical.slice(all_of(instruction)).contains(name);
                let counts = match &field {
                    super::StateField::Arg(name) => is_named(name),
                    _ => !(by_base(&from) && by_base(&to)),
                };
                if counts {
                    deltas.push(Delta::StateChanged {
                        field: field.to_string(),
                        old: from,
                        new: to,
                        instructions: vec![matched.before],
                    });
                }
            }
        }
    }
}

fn all_of(instruction: &Instruction) -> crate::syntax::Span {
    crate::syntax::Span::new(instruction.keyword_span.start, instruction.arguments.end)
}

/// Whether a field has the value of the base in both configs, and that is not known.
fn is_of_both_bases(field: &ConfigField, old: &ImageConfig, new: &ImageConfig) -> bool {
    fn of_base<T>(value: &Known<T>) -> bool {
        matches!(value, Known::Unknown(Cause::BaseImage(_)))
    }
    match field {
        ConfigField::User => of_base(&old.user) && of_base(&new.user),
        ConfigField::Workdir => of_base(&old.workdir) && of_base(&new.workdir),
        // Two bases may have two entry points: that the one does what the other does is looked at with the bases.
        ConfigField::Entrypoint => {
            let inherited = |entrypoint: &Known<Option<CommandLine>>| {
                of_base(entrypoint)
                    || matches!(entrypoint, Known::Value(line) if line.as_ref().is_none_or(|line| !line.set_here))
            };
            inherited(&old.entrypoint) && inherited(&new.entrypoint)
        }
        ConfigField::Cmd => of_base(&old.cmd) && of_base(&new.cmd),
        _ => false,
    }
}
