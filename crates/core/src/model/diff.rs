//! What is different between two builds.
//!
//! The instructions of the two files are aligned by what they mean, and what is left over is named: a [`Delta`] for
//! each difference, and [`Delta::Unexplained`] for everything that has no name. The texts in between count too:
//! comments, directives, the byte order mark and line endings may not change.

mod align;
mod commands;
mod lockstep;
mod split;
mod trivia;

use std::collections::{BTreeMap, BTreeSet};

use super::{BuildModel, Delta, Known, Meaning, MeaningBody, ShellKind, Source, State, StateField};
use crate::syntax::{Instruction, Keyword};

use align::{Alignment, Match};
use lockstep::Lockstep;

pub(crate) use align::Match as Matched;
pub(crate) use split::{Split, find as find_split};
pub(crate) use trivia::is_addressed;

/// All differences, sorted.
///
/// ```
/// use dockmend_core::model::{BuildModel, Delta, diff};
/// let before = BuildModel::of("FROM alpine\nrun apk add curl\n");
/// let after = BuildModel::of("FROM alpine\nRUN apk add --no-cache curl\n");
/// assert_eq!(
///     diff(&before, &after),
///     [Delta::WordsAdded { instruction: 1, command: 0, at: 2, words: vec!["--no-cache".to_owned()] }],
/// );
/// ```
pub fn diff(before: &BuildModel, after: &BuildModel) -> Vec<Delta> {
    differences(before, after, align::align(before, after).as_ref())
}

/// [`diff`], and `numbers` of the instructions before carried to the instructions after. A new one gets a number that no other
/// has.
pub(crate) fn diff_and_carry(
    before: &BuildModel,
    after: &BuildModel,
    numbers: &[usize],
) -> (Vec<Delta>, Vec<usize>) {
    let alignment = align::align(before, after);
    let deltas = differences(before, after, alignment.as_ref());
    (deltas, carry(&alignment.unwrap_or_default(), before, after, numbers))
}

fn differences(before: &BuildModel, after: &BuildModel, alignment: Option<&Alignment>) -> Vec<Delta> {
    if let Some(split) = split::find(before, after) {
        let mut deltas = split.deltas(before, after);
        deltas.sort();
        return deltas;
    }
    let Some(alignment) = alignment else {
        return vec![Delta::Unexplained { what: "too much has changed to compare".to_owned() }];
    };
    let mut differ = Differ { before, after, alignment, deltas: Vec::new() };
    differ.run();
    let mut deltas = differ.deltas;
    deltas.sort();
    deltas
}

/// The instructions that are in both files; `None` when too much has changed.
pub(crate) fn matched(before: &BuildModel, after: &BuildModel) -> Option<Vec<Matched>> {
    align::align(before, after).map(|alignment| alignment.matches)
}

/// Numbers above this are those of instructions that a fix has brought; no file has so many of its own.
const FIRST_NEW: usize = 1 << 30;

/// Carries a number for each instruction over an edit. One that was moved keeps its number, and a new one gets one that
/// no other has.
fn carry(alignment: &Alignment, before: &BuildModel, after: &BuildModel, numbers: &[usize]) -> Vec<usize> {
    let mut pairs: Vec<(usize, usize)> =
        alignment.matches.iter().map(|pair| (pair.before, pair.after)).collect();
    pairs.extend(moved(alignment, before, after));
    let mut carried = vec![None; after.file().instructions().len()];
    for (old, new) in pairs {
        if let (Some(slot), Some(number)) = (carried.get_mut(new), numbers.get(old)) {
            *slot = Some(*number);
        }
    }
    let mut next = numbers.iter().max().map_or(0, |max| max + 1).max(FIRST_NEW);
    let mut fresh = || {
        next += 1;
        next
    };
    carried.into_iter().map(|number| number.unwrap_or_else(&mut fresh)).collect()
}

/// The instructions that stand elsewhere: before and after.
fn moved(alignment: &Alignment, before: &BuildModel, after: &BuildModel) -> Vec<(usize, usize)> {
    if alignment.added.is_empty() || alignment.removed.is_empty() {
        return Vec::new();
    }
    let mut left: BTreeMap<Meaning, Vec<usize>> = BTreeMap::new();
    for index in alignment.removed.iter().rev() {
        if let Some(meaning) = before.meaning(*index) {
            left.entry(meaning).or_default().push(*index);
        }
    }
    let mut origin = |index: usize| left.get_mut(&after.meaning(index)?)?.pop();
    alignment.added.iter().filter_map(|added| Some((origin(added.index)?, added.index))).collect()
}

struct Differ<'a> {
    before: &'a BuildModel,
    after: &'a BuildModel,
    alignment: &'a Alignment,
    deltas: Vec<Delta>,
}

impl Differ<'_> {
    fn unexplained(&mut self, what: impl Into<String>) {
        self.deltas.push(Delta::Unexplained { what: what.into() });
    }

    fn run(&mut self) {
        let alignment = self.alignment;
        for matched in &alignment.matches {
            self.instruction(*matched);
        }
        self.added_and_removed();
        self.states();
        self.configs();
        self.sources();
        for what in trivia::differences(self.before.file(), self.after.file(), alignment) {
            self.unexplained(what);
        }
    }

    /// The deltas of an instruction that is in both files.
    fn instruction(&mut self, matched: Match) {
        let (Some(old), Some(new)) =
            (self.before.instruction(matched.before), self.after.instruction(matched.after))
        else {
            return;
        };
        let same_text = old.range.of(self.before.file().text()) == new.range.of(self.after.file().text());
        if same_text && self.before.file().escape() == self.after.file().escape() {
            return;
        }
        let instruction = matched.before;
        let meanings = (self.before.known_meaning(matched.before), self.after.known_meaning(matched.after));
        let (Some(old_meaning), Some(new_meaning)) = meanings else { return };
        if old_meaning == new_meaning {
            self.deltas.push(Delta::LayoutChanged { instruction });
            return;
        }
        if old_meaning.keyword != new_meaning.keyword {
            self.deltas.push(Delta::KeywordChanged {
                instruction,
                from: old_meaning.keyword,
                to: new_meaning.keyword,
            });
        }
        self.flags(instruction, &old_meaning.flags, &new_meaning.flags);
        if old_meaning.heredocs != new_meaning.heredocs {
            self.unexplained(format!("the heredocs of instruction {instruction} have changed"));
        }
        self.body(instruction, matched, old_meaning, new_meaning);
    }

    fn flags(&mut self, instruction: usize, old: &[String], new: &[String]) {
        let kept: Vec<&String> = old.iter().filter(|flag| new.contains(flag)).collect();
        let kept_new: Vec<&String> = new.iter().filter(|flag| old.contains(flag)).collect();
        if kept != kept_new {
            self.unexplained(format!("the flags of instruction {instruction} stand in another order"));
        }
        for flag in old.iter().filter(|flag| !new.contains(flag)) {
            self.deltas.push(Delta::FlagRemoved { instruction, flag: flag.clone() });
        }
        for flag in new.iter().filter(|flag| !old.contains(flag)) {
            self.deltas.push(Delta::FlagAdded { instruction, flag: flag.clone() });
        }
    }

    fn body(&mut self, instruction: usize, matched: Match, old: &Meaning, new: &Meaning) {
        if old.body == new.body {
            return;
        }
        match (&old.body, &new.body) {
            (MeaningBody::Shell(from), MeaningBody::Exec(to)) if old.keyword == new.keyword => {
                self.deltas.push(Delta::FormChanged { instruction, from: from.clone(), to: to.clone() });
            }
            (MeaningBody::Shell(_), MeaningBody::Shell(_)) if old.keyword == new.keyword => {
                let scripts = (self.before.shell_text(matched.before), self.after.shell_text(matched.after));
                let deltas = match scripts {
                    (Some(old), Some(new)) => commands::diff(instruction, &old.script, &new.script),
                    _ => None,
                };
                match deltas {
                    // No command differs, and yet the texts do: a comment has changed.
                    Some(deltas) if !deltas.is_empty() => self.deltas.extend(deltas),
                    _ => self.unexplained(format!("the shell text of instruction {instruction} has changed")),
                }
            }
            _ => self.deltas.push(Delta::ArgumentsChanged {
                instruction,
                from: old.to_string(),
                to: new.to_string(),
            }),
        }
    }

    fn added_and_removed(&mut self) {
        let mut removed: BTreeMap<Meaning, Vec<usize>> = BTreeMap::new();
        for index in self.alignment.removed.iter().rev() {
            if let Some(meaning) = self.before.meaning(*index) {
                removed.entry(meaning).or_default().push(*index);
            }
        }
        for added in &self.alignment.added {
            let Some(meaning) = self.after.meaning(added.index) else { continue };
            let (after, order) = (added.behind, added.order);
            if let Some(instruction) = removed.get_mut(&meaning).and_then(Vec::pop) {
                self.deltas.push(Delta::StepMoved { instruction, after, order });
            } else {
                self.deltas.push(Delta::StepAdded { after, order, meaning: meaning.to_string() });
            }
        }
        for instruction in removed.into_values().flatten() {
            self.deltas.push(Delta::StepRemoved { instruction });
        }
    }

    /// The instructions of both files that run in another state than before.
    fn states(&mut self) {
        let mut changes: BTreeMap<(StateField, String, String), Vec<usize>> = BTreeMap::new();
        let mut lockstep = Lockstep::new(self.before, self.after);
        for matched in &self.alignment.matches {
            let (Some((_, old)), Some((_, new))) =
                (self.before.place(matched.before), self.after.place(matched.after))
            else {
                continue;
            };
            if lockstep.are_equal(*matched, &old.state, &new.state) {
                continue;
            }
            let Some(instruction) = self.before.instruction(matched.before) else { continue };
            for (field, from, to) in state_changes(self.before, instruction, &old.state, &new.state) {
                changes.entry((field, from, to)).or_default().push(matched.before);
            }
        }
        for ((field, old, new), instructions) in changes {
            self.deltas.push(Delta::StateChanged { field: field.to_string(), old, new, instructions });
        }
    }

    fn configs(&mut self) {
        let stages = self.stages();
        if stages.len() != self.before.stages().len() || stages.len() != self.after.stages().len() {
            self.unexplained("the file has other stages");
        }
        for (old, new) in stages {
            let (old_stage, new_stage) = (&self.before.stages()[old], &self.after.stages()[new]);
            if old_stage.config == new_stage.config {
                continue;
            }
            let (old_fields, new_fields) = (old_stage.config.fields(), new_stage.config.fields());
            let names: BTreeSet<_> = old_fields.keys().chain(new_fields.keys()).collect();
            for field in names {
                let (from, to) = (old_fields.get(field), new_fields.get(field));
                if from != to {
                    self.deltas.push(Delta::ConfigChanged {
                        stage: old,
                        field: field.to_string(),
                        old: from.cloned(),
                        new: to.cloned(),
                    });
                }
            }
        }
    }

    /// The stages that are in both files: before and after.
    fn stages(&self) -> Vec<(usize, usize)> {
        let mut stages = Vec::new();
        for matched in &self.alignment.matches {
            let is_from = self.before.instruction(matched.before).is_some_and(|i| i.keyword == Keyword::From);
            if let (true, Some(old), Some(new)) =
                (is_from, self.before.stage_of(matched.before), self.after.stage_of(matched.after))
            {
                stages.push((old.index, new.index));
            }
        }
        stages
    }

    /// A `--from=0`, a stage name or a base may not come to mean another stage.
    fn sources(&mut self) {
        let stages: BTreeMap<usize, usize> = self.stages().into_iter().collect();
        let mut wrong = Vec::new();
        for matched in &self.alignment.matches {
            let pair = (self.before.copy_source(matched.before), self.after.copy_source(matched.after));
            if let (Some(Source::Stage(old)), new) = pair
                && !matches!(new, Some(Source::Stage(new)) if stages.get(&old) == Some(&new))
            {
                wrong.push(matched.before);
            }
        }
        for (old, new) in &stages {
            let bases = (&self.before.stages()[*old].base, &self.after.stages()[*new].base);
            let same = match bases {
                (super::Base::Stage(old), super::Base::Stage(new)) => stages.get(old) == Some(new),
                (old, new) => old == new,
            };
            let from = self.before.stages()[*old].from;
            let declared = self.deltas.iter().any(|delta| delta.instruction() == Some(from));
            if !same && !declared {
                wrong.push(from);
            }
        }
        for instruction in wrong {
            self.unexplained(format!("instruction {instruction} refers to another stage than before"));
        }
    }
}

impl std::fmt::Display for StateField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User => f.write_str("user"),
            Self::Workdir => f.write_str("workdir"),
            Self::Shell => f.write_str("shell"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Arg(name) => write!(f, "arg {name}"),
        }
    }
}

fn show(value: Option<&Known<String>>) -> String {
    match value {
        Some(Known::Value(value)) => value.clone(),
        Some(Known::Unknown(cause)) => format!("unknown: {cause}"),
        None => "not set".to_owned(),
    }
}

/// The parts of the state that differ and that the instruction minds.
fn state_changes(
    model: &BuildModel,
    instruction: &Instruction,
    old: &State,
    new: &State,
) -> Vec<(StateField, String, String)> {
    let mut changes = Vec::new();
    let runs = instruction.keyword == Keyword::Run;
    if runs && old.user != new.user {
        changes.push((StateField::User, show(Some(&old.user)), show(Some(&new.user))));
    }
    let minds_workdir = match instruction.keyword {
        Keyword::Run => true,
        Keyword::Copy | Keyword::Add => instruction.values.last().is_some_and(|to| !to.text.starts_with('/')),
        Keyword::Workdir => instruction.values.first().is_some_and(|to| !to.text.starts_with('/')),
        _ => false,
    };
    if minds_workdir && old.workdir != new.workdir {
        changes.push((StateField::Workdir, show(Some(&old.workdir)), show(Some(&new.workdir))));
    }
    let minds_shell = instruction.keyword.takes_command() && !instruction.json;
    if minds_shell && (old.shell != new.shell || old.shell_kind() != new.shell_kind()) {
        let show =
            |state: &State| format!("{:?} {:?}", state.shell_words(), state.shell_kind() == ShellKind::None);
        changes.push((StateField::Shell, show(old), show(new)));
    }
    let names: Vec<String> = if runs {
        let names = |state: &State| -> Vec<String> {
            state.env().chain(state.args()).map(|(name, _)| name.to_owned()).collect()
        };
        names(old).into_iter().chain(names(new)).collect::<BTreeSet<_>>().into_iter().collect()
    } else {
        variables(model, instruction)
    };
    for name in names {
        let (from, to) = (old.variable(&name), new.variable(&name));
        if from != to {
            let is_env = old.env.contains_key(&name) || new.env.contains_key(&name);
            let field = if is_env { StateField::Env(name) } else { StateField::Arg(name) };
            changes.push((field, show(from), show(to)));
        }
    }
    changes
}

/// The variables in the arguments of an instruction that BuildKit expands.
fn variables(model: &BuildModel, instruction: &Instruction) -> Vec<String> {
    let text = instruction.arguments_text();
    if !text.contains('$') {
        return Vec::new();
    }
    let lexer = crate::syntax::Lexer::new(model.file().escape());
    let names = std::cell::RefCell::new(BTreeSet::new());
    let record = |name: &str| {
        names.borrow_mut().insert(name.to_owned());
        Some(String::new())
    };
    // The result does not matter, only which variables were asked for.
    let _ = lexer.expand(text, &record);
    names.into_inner().into_iter().collect()
}
