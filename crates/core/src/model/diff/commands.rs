//! The differences of two shell texts, command by command.

use crate::model::Delta;
use crate::shell::{Item, Joiner, Node, Redirect, Script, Simple, Word};

/// More cells than this in the table of the comparison are too many.
const MAX_CELLS: usize = 1_000_000;

/// The deltas; `None` when the difference has no name.
pub(super) fn diff(instruction: usize, before: &Script, after: &Script) -> Option<Vec<Delta>> {
    if !before.is_readable() || !after.is_readable() || comments(before) != comments(after) {
        return None;
    }
    let (old, new) = (units(before), units(after));
    by_keys(instruction, &old, &new).or_else(|| by_likeness(instruction, &old, &new))
}

/// The comments in the text: no delta speaks about them, so they may not change beside a command that does.
fn comments(script: &Script) -> Vec<&str> {
    script.comments().iter().filter_map(|span| script.text().get(span.clone())).collect()
}

/// What is between the commands that are the same.
fn by_keys(instruction: usize, old: &[Unit<'_>], new: &[Unit<'_>]) -> Option<Vec<Delta>> {
    let mut deltas = Vec::new();
    for gap in gaps(old, new, |old, new| old.key == new.key)? {
        deltas.extend(explain(instruction, old, new, &gap)?);
    }
    Some(deltas)
}

/// The same when commands are gone beside others that are changed, as when `update && add a` became `add --flag a`:
/// commands that are alike count as one, and what differs in them is named.
fn by_likeness(instruction: usize, old: &[Unit<'_>], new: &[Unit<'_>]) -> Option<Vec<Delta>> {
    let alike = |old: &Unit<'_>, new: &Unit<'_>| match (&old.kind, &new.kind) {
        (Kind::Command(old), Kind::Command(new)) => are_alike(old, new),
        _ => old.key == new.key,
    };
    let mut deltas = Vec::new();
    let (mut i, mut j) = (0, 0);
    let end = Gap { old: old.len()..old.len(), new: new.len()..new.len() };
    for gap in gaps(old, new, alike)?.into_iter().chain([end]) {
        for (before, after) in old.get(i..gap.old.start)?.iter().zip(new.get(j..gap.new.start)?) {
            if let (Kind::Command(old), Kind::Command(new)) = (&before.kind, &after.kind)
                && before.key != after.key
            {
                deltas.extend(words(instruction, before.command, old, new)?);
            }
        }
        (i, j) = (gap.old.end, gap.new.end);
        deltas.extend(explain(instruction, old, new, &gap)?);
    }
    Some(deltas)
}

/// A part of a shell text in the order it is written: a command, an operator, or a bracket of a structure.
struct Unit<'a> {
    /// What must be equal.
    key: String,
    kind: Kind<'a>,
    /// The number of commands before it.
    command: usize,
}

enum Kind<'a> {
    Command(&'a Simple),
    Operator(&'static str),
    Structure,
}

fn units(script: &Script) -> Vec<Unit<'_>> {
    let mut flat = Flat { units: Vec::new(), commands: 0 };
    flat.items(script.list());
    flat.units
}

struct Flat<'a> {
    units: Vec<Unit<'a>>,
    commands: usize,
}

impl<'a> Flat<'a> {
    fn push(&mut self, key: impl Into<String>, kind: Kind<'a>) {
        self.units.push(Unit { key: key.into(), kind, command: self.commands });
    }

    fn structure(&mut self, key: impl Into<String>) {
        self.push(key, Kind::Structure);
    }

    fn items(&mut self, items: &'a [Item]) {
        let last = items.len().checked_sub(1);
        for (index, item) in items.iter().enumerate() {
            if let Some(join) = &item.joiner {
                let operator = match join.kind {
                    Joiner::Sequence if join.line_break => "line break",
                    Joiner::Sequence => ";",
                    Joiner::And => "&&",
                    Joiner::Or => "||",
                    Joiner::Background => "&",
                };
                self.push(format!("operator {operator}"), Kind::Operator(operator));
            }
            self.node(&item.node);
            if item.background.is_some() {
                self.structure("background");
            }
            if item.semicolon.is_some() && Some(index) == last {
                self.structure("semicolon");
            }
        }
    }

    fn node(&mut self, node: &'a Node) {
        match node {
            Node::Simple(simple) => {
                self.push(format!("command {}", simple.canonical()), Kind::Command(simple));
                self.commands += 1;
            }
            Node::Pipeline(pipeline) => {
                self.structure(if pipeline.negated.is_some() { "not pipeline" } else { "pipeline" });
                for (index, command) in pipeline.commands.iter().enumerate() {
                    let takes_errors =
                        index.checked_sub(1).is_some_and(|pipe| pipeline.pipes[pipe].len() == 2);
                    self.structure(if takes_errors { "pipe with errors" } else { "pipe" });
                    self.node(command);
                }
                self.structure("end");
            }
            Node::Subshell(block) => {
                self.structure("subshell");
                self.items(&block.body);
                self.structure(format!("end {}", redirects(&block.redirects)));
            }
            Node::Group(block) => {
                self.structure("group");
                self.items(&block.body);
                self.structure(format!("end {}", redirects(&block.redirects)));
            }
            Node::Compound(compound) => {
                self.structure(compound.canonical_head());
                for section in &compound.sections {
                    let patterns = section.patterns.iter().map(Word::canonical).collect::<Vec<_>>().join("|");
                    self.structure(format!("section {:?} {patterns}", section.role));
                    self.items(&section.items);
                }
                self.structure(format!("end {}", redirects(&compound.redirects)));
            }
            Node::Other { .. } => self.structure("other"),
        }
    }
}

fn redirects(redirects: &[Redirect]) -> String {
    redirects.iter().map(Redirect::canonical).collect::<Vec<_>>().join(" ")
}

/// Stretches of both lists that are not common.
struct Gap {
    old: std::ops::Range<usize>,
    new: std::ops::Range<usize>,
}

/// The gaps between the longest common subsequence; `None` when the lists are too long to compare.
fn gaps<T>(old: &[T], new: &[T], same: impl Fn(&T, &T) -> bool) -> Option<Vec<Gap>> {
    let head = old.iter().zip(new).take_while(|(old, new)| same(old, new)).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(old, new)| same(old, new))
        .count();
    let (a, b) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    if a.len().saturating_mul(b.len()) > MAX_CELLS {
        // Most edits change single commands: if the lists are equally long, try them one by one.
        let changed = |at: usize| a.get(at).zip(b.get(at)).is_some_and(|(old, new)| !same(old, new));
        let single = |at: usize| Gap { old: head + at..head + at + 1, new: head + at..head + at + 1 };
        return (a.len() == b.len()).then(|| (0..a.len()).filter(|at| changed(*at)).map(single).collect());
    }
    let width = b.len() + 1;
    let mut table = vec![0_u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            table[i * width + j] = if same(&a[i], &b[j]) {
                table[(i + 1) * width + j + 1] + 1
            } else {
                table[(i + 1) * width + j].max(table[i * width + j + 1])
            };
        }
    }
    let mut gaps = Vec::new();
    let (mut i, mut j) = (0, 0);
    let mut start = (0, 0);
    let mut close = |from: (usize, usize), to: (usize, usize)| {
        if from != to {
            gaps.push(Gap { old: head + from.0..head + to.0, new: head + from.1..head + to.1 });
        }
    };
    while i < a.len() && j < b.len() {
        if same(&a[i], &b[j]) {
            close(start, (i, j));
            (i, j) = (i + 1, j + 1);
            start = (i, j);
        } else if table[(i + 1) * width + j] >= table[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    close(start, (a.len(), b.len()));
    Some(gaps)
}

/// The deltas of one gap.
fn explain(instruction: usize, old: &[Unit<'_>], new: &[Unit<'_>], gap: &Gap) -> Option<Vec<Delta>> {
    let (mut removed, mut added) = (&old[gap.old.clone()], &new[gap.new.clone()]);
    // How many commands of the old text stand before what is looked at.
    let mut position = match old.get(gap.old.start) {
        Some(unit) => unit.command,
        None => old.iter().filter(|unit| is_command(unit)).count(),
    };
    let mut deltas = Vec::new();
    // Commands changed in place, with whatever else the gap holds behind them.
    while let ([first_old, rest_old @ ..], [first_new, rest_new @ ..]) = (removed, added) {
        match (&first_old.kind, &first_new.kind) {
            (Kind::Command(before), Kind::Command(after)) => {
                deltas.extend(words(instruction, first_old.command, before, after)?);
                position += 1;
            }
            _ if first_old.key == first_new.key => {}
            _ => return None,
        }
        (removed, added) = (rest_old, rest_new);
    }
    for (order, (operator, command)) in pairs(added)?.into_iter().enumerate() {
        deltas.push(Delta::CommandAdded {
            instruction,
            after: position.checked_sub(1),
            order,
            joiner: operator.to_owned(),
            command: command.canonical(),
        });
    }
    for (index, (operator, command)) in pairs(removed)?.into_iter().enumerate() {
        deltas.push(Delta::CommandRemoved {
            instruction,
            command: position + index,
            joiner: operator.to_owned(),
            text: command.canonical(),
        });
    }
    Some(deltas)
}

/// Whether two commands run the same program with the same verb.
fn are_alike(one: &Simple, other: &Simple) -> bool {
    let verb = |simple: &Simple| {
        let words = simple.words.iter().map(Word::canonical).filter(|word| !word.starts_with('-'));
        words.take(2).collect::<Vec<_>>()
    };
    verb(one) == verb(other)
}

fn is_command(unit: &Unit<'_>) -> bool {
    matches!(unit.kind, Kind::Command(_))
}

/// Commands with their operators, as they are added or removed at once: `&& a && b` or, at the start, `a && b &&`.
fn pairs<'a>(units: &[Unit<'a>]) -> Option<Vec<(&'static str, &'a Simple)>> {
    units
        .chunks(2)
        .map(|pair| match pair {
            [Unit { kind: Kind::Operator(operator), .. }, Unit { kind: Kind::Command(command), .. }]
            | [Unit { kind: Kind::Command(command), .. }, Unit { kind: Kind::Operator(operator), .. }] => {
                Some((*operator, *command))
            }
            _ => None,
        })
        .collect()
}

/// The words that differ between two commands.
fn words(instruction: usize, command: usize, before: &Simple, after: &Simple) -> Option<Vec<Delta>> {
    let around = |simple: &Simple| {
        let assignments: Vec<String> =
            simple.assignments.iter().map(crate::shell::Assignment::canonical).collect();
        (assignments, redirects(&simple.redirects))
    };
    if around(before) != around(after) {
        return None;
    }
    let canonical = |simple: &Simple| simple.words.iter().map(Word::canonical).collect::<Vec<_>>();
    let (old, new) = (canonical(before), canonical(after));
    let mut deltas = Vec::new();
    for gap in gaps(&old, &new, |old, new| old == new)? {
        let at = gap.old.start;
        let (removed, added) = (&old[gap.old], &new[gap.new]);
        match (removed, added) {
            ([], words) => {
                deltas.push(Delta::WordsAdded { instruction, command, at, words: words.to_vec() });
            }
            (words, []) => {
                deltas.push(Delta::WordsRemoved { instruction, command, at, words: words.to_vec() });
            }
            (from, to) if from.len() == to.len() => {
                for (offset, (from, to)) in from.iter().zip(to).enumerate() {
                    let (from, to) = (from.clone(), to.clone());
                    deltas.push(Delta::WordReplaced { instruction, command, at: at + offset, from, to });
                }
            }
            _ => return None,
        }
    }
    Some(deltas)
}
