//! Finding the instructions of one file in the other.

use crate::model::{BuildModel, Meaning, MeaningBody};
use crate::syntax::{Instruction, Keyword};

/// An instruction that is in both files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// Its index before.
    pub(crate) before: usize,
    /// Its index after.
    pub(crate) after: usize,
}

/// An instruction that is only in the file after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Added {
    /// Its index after.
    pub(crate) index: usize,
    /// The last matched instruction above it, by its index before.
    pub(crate) behind: Option<usize>,
    /// Its place among those added there.
    pub(crate) order: usize,
}

/// Which instruction is which.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alignment {
    pub(crate) matches: Vec<Match>,
    pub(crate) removed: Vec<usize>,
    pub(crate) added: Vec<Added>,
}

/// More cells than this in the table of the comparison are too many.
const MAX_CELLS: usize = 4_000_000;

/// Aligns two files. `None` when too much has changed.
pub(crate) fn align(before: &BuildModel, after: &BuildModel) -> Option<Alignment> {
    if let Some(split) = super::split::find(before, after) {
        return Some(split.alignment());
    }
    let old: Vec<Side<'_>> = sides(before);
    let new: Vec<Side<'_>> = sides(after);
    let head = old.iter().zip(&new).take_while(|(old, new)| old.same_text(new)).count();
    let tail =
        old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(o, n)| o.same_text(n)).count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let mut matches: Vec<Match> = (0..head).map(|at| Match { before: at, after: at }).collect();
    matches.extend(middle(&old[head..old_end], &new[head..new_end], head)?);
    matches.extend((0..tail).map(|at| Match { before: old_end + at, after: new_end + at }));
    pair_changed(&old, &new, &mut matches);
    Some(with_leftovers(old.len(), new.len(), matches))
}

/// An instruction and what is needed to compare it.
struct Side<'a> {
    model: &'a BuildModel,
    index: usize,
    instruction: &'a Instruction,
}

fn sides(model: &BuildModel) -> Vec<Side<'_>> {
    let side = |(index, instruction)| Side { model, index, instruction };
    model.file().instructions().iter().enumerate().map(side).collect()
}

impl Side<'_> {
    fn same_text(&self, other: &Self) -> bool {
        let text = |side: &Self| side.instruction.range.of(side.model.file().text()).len();
        text(self) == text(other)
            && self.instruction.range.of(self.model.file().text())
                == other.instruction.range.of(other.model.file().text())
            && self.model.file().escape() == other.model.file().escape()
    }

    /// Its meaning. Every instruction of a model has one.
    fn meaning(&self) -> Option<&Meaning> {
        self.model.known_meaning(self.index)
    }

    /// How much it counts that the instruction stays in place: a FROM is never the one that moves, and of a COPY and a
    /// RUN that change places it is the COPY that has moved.
    fn weight(&self) -> u32 {
        match self.instruction.keyword {
            Keyword::From => 1000,
            Keyword::Run => 20,
            _ => 1,
        }
    }
}

/// A number for each instruction, the same for those that mean the same: numbers are compared for each pair.
fn numbered<'a>(old: &'a [Side<'a>], new: &'a [Side<'a>]) -> (Vec<usize>, Vec<usize>) {
    let mut numbers = std::collections::HashMap::new();
    let mut number = |side: &'a Side<'a>| {
        let next = numbers.len();
        *numbers.entry(side.meaning()).or_insert(next)
    };
    (old.iter().map(&mut number).collect(), new.iter().map(&mut number).collect())
}

/// The heaviest common subsequence.
fn middle(old: &[Side<'_>], new: &[Side<'_>], offset: usize) -> Option<Vec<Match>> {
    let width = new.len() + 1;
    if old.len().saturating_mul(new.len()) > MAX_CELLS {
        // Most edits change single instructions: if the files are equally long, try them one by one.
        let same_keywords =
            || old.iter().zip(new).all(|(o, n)| o.instruction.keyword == n.instruction.keyword);
        if old.len() != new.len() || !same_keywords() {
            return None;
        }
        return Some((0..old.len()).map(|at| Match { before: offset + at, after: offset + at }).collect());
    }
    let (old_ids, new_ids) = numbered(old, new);
    let mut table = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            let skip = table[(i + 1) * width + j].max(table[i * width + j + 1]);
            table[i * width + j] = if old_ids[i] == new_ids[j] {
                skip.max(table[(i + 1) * width + j + 1] + old[i].weight())
            } else {
                skip
            };
        }
    }
    let mut matches = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < old.len() && j < new.len() {
        let here = table[i * width + j];
        if old_ids[i] == new_ids[j] && here == table[(i + 1) * width + j + 1] + old[i].weight() {
            matches.push(Match { before: offset + i, after: offset + j });
            (i, j) = (i + 1, j + 1);
        } else if here == table[(i + 1) * width + j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    Some(matches)
}

/// Between two matches, what is left on both sides with the same keyword (or ADD and COPY) is the same instruction,
/// changed; unless it is found unchanged elsewhere.
fn pair_changed(old: &[Side<'_>], new: &[Side<'_>], matches: &mut Vec<Match>) {
    let mut gaps = Vec::new();
    let (mut i, mut j) = (0, 0);
    let end = Match { before: old.len(), after: new.len() };
    for matched in matches.iter().copied().chain([end]) {
        if matched.before > i && matched.after > j {
            gaps.push((i..matched.before, j..matched.after));
        }
        (i, j) = (matched.before + 1, matched.after + 1);
    }
    if gaps.is_empty() {
        return;
    }
    let matched_old: std::collections::HashSet<usize> =
        matches.iter().map(|matched| matched.before).collect();
    let matched_new: std::collections::HashSet<usize> = matches.iter().map(|matched| matched.after).collect();
    let old_left = leftovers(old, &matched_old);
    let new_left = leftovers(new, &matched_new);
    for (old_gap, new_gap) in gaps {
        let mut next = new_gap.start;
        for i in old_gap {
            if new_left.contains(&old[i].meaning()) {
                continue;
            }
            let mut candidates = (next..new_gap.end).filter(|j| {
                similar(old[i].instruction, new[*j].instruction) && !old_left.contains(&new[*j].meaning())
            });
            let first = candidates.next();
            // Of a RUN that was cut in two around a COPY, the half behind is the one that stays.
            let is_copy = |side: &Side<'_>| matches!(side.instruction.keyword, Keyword::Add | Keyword::Copy);
            let second = first.filter(|j| is_first_half(&old[i], &new[*j])).and_then(|_| candidates.next());
            let second = second.filter(|j| new[first.unwrap_or(*j)..*j].iter().any(is_copy));
            let cut = first.and_then(|first| {
                let mut behind = (first + 1..new_gap.end).filter(|j| new[first..*j].iter().any(is_copy));
                behind.find(|j| is_cut(&old[i], &new[first], &new[*j]))
            });
            let found = cut.or(second).or(first);
            if let Some(j) = found {
                matches.push(Match { before: i, after: j });
                next = j + 1;
            }
        }
    }
    matches.sort_by_key(|matched| matched.before);
}

/// The text of a RUN in canonical form.
fn shell_of<'a>(side: &'a Side<'_>) -> Option<&'a str> {
    match side.meaning().map(|meaning| &meaning.body) {
        Some(MeaningBody::Shell(text)) => Some(text.as_str()),
        _ => None,
    }
}

/// Whether a RUN was cut in two: one begins as it began, whatever was added to it, and the other ends as it ended.
fn is_cut(old: &Side<'_>, first: &Side<'_>, rest: &Side<'_>) -> bool {
    let is_run = [old, first, rest].iter().all(|side| side.instruction.keyword == Keyword::Run);
    let (Some(whole), Some(first), Some(rest)) = (shell_of(old), shell_of(first), shell_of(rest)) else {
        return false;
    };
    let commands = |text| str::split(text, " && ").collect::<Vec<_>>();
    let (whole, first, rest) = (commands(whole), commands(first), commands(rest));
    let same = whole.iter().zip(&first).take_while(|(old, new)| old == new).count();
    is_run && same > 0 && same < whole.len() && rest.ends_with(whole.get(same..).unwrap_or_default())
}

/// Whether a RUN begins with all commands of another, and has more.
fn is_first_half(old: &Side<'_>, new: &Side<'_>) -> bool {
    let (Some(whole), Some(half)) = (shell_of(old), shell_of(new)) else { return false };
    old.instruction.keyword == Keyword::Run
        && whole.strip_prefix(half).is_some_and(|rest| rest.starts_with(" &&"))
}

/// What the instructions mean that have no match.
fn leftovers<'a>(
    sides: &'a [Side<'a>],
    matched: &std::collections::HashSet<usize>,
) -> std::collections::HashSet<Option<&'a Meaning>> {
    let left = sides.iter().enumerate().filter(|(index, _)| !matched.contains(index));
    left.map(|(_, side)| side.meaning()).collect()
}

fn similar(old: &Instruction, new: &Instruction) -> bool {
    let copies = |keyword| matches!(keyword, Keyword::Add | Keyword::Copy);
    old.keyword == new.keyword || (copies(old.keyword) && copies(new.keyword))
}

fn with_leftovers(old_len: usize, new_len: usize, matches: Vec<Match>) -> Alignment {
    let mut alignment = Alignment::default();
    let (mut i, mut j, mut behind) = (0, 0, None);
    let end = Match { before: old_len, after: new_len };
    for matched in matches.iter().copied().chain([end]) {
        alignment.removed.extend(i..matched.before);
        let added = (j..matched.after).enumerate();
        alignment.added.extend(added.map(|(order, index)| Added { index, behind, order }));
        (i, j, behind) = (matched.before + 1, matched.after + 1, Some(matched.before));
    }
    alignment.matches = matches;
    alignment
}
