//! Whether two states are equal, asked along two traces at once.
//!
//! A state holds every variable that was set before it, so comparing two of them whole at each step would take time that
//! grows with the square of the number of ENV instructions. Along steps that follow each other in both files only the
//! variables can come to differ, or cease to, that the steps in between set.

use std::collections::HashSet;

use super::align::Match;
use crate::model::state::Variables;
use crate::model::{BuildModel, State};
use crate::syntax::{Instruction, Keyword};

/// What differs between the states of the last pair of steps.
pub(super) struct Lockstep<'a> {
    before: &'a BuildModel,
    after: &'a BuildModel,
    last: Option<Match>,
    env: HashSet<String>,
    args: HashSet<String>,
}

impl<'a> Lockstep<'a> {
    pub(super) fn new(before: &'a BuildModel, after: &'a BuildModel) -> Self {
        Self { before, after, last: None, env: HashSet::new(), args: HashSet::new() }
    }

    /// Whether the states before two matched steps are equal. The pairs are to be asked about in order.
    pub(super) fn are_equal(&mut self, pair: Match, old: &State, new: &State) -> bool {
        if let Some(names) = self.set_since_last(pair) {
            for name in names {
                update(&mut self.env, name, &old.env, &new.env);
                update(&mut self.args, name, &old.args, &new.args);
            }
        } else {
            self.env = differences(&old.env, &new.env);
            self.args = differences(&old.args, &new.args);
        }
        self.last = Some(pair);
        let equal = self.env.is_empty() && self.args.is_empty() && is_rest_equal(old, new);
        debug_assert_eq!(equal, old == new, "an instruction sets variables that nobody named here");
        equal
    }

    /// The variables that may have been set since the last pair; `None` when that is not known.
    fn set_since_last(&self, pair: Match) -> Option<Vec<&'a str>> {
        let last = self.last.filter(|last| last.before + 1 == pair.before && last.after + 1 == pair.after)?;
        let mut names = names_set(self.before.instruction(last.before)?)?;
        names.extend(names_set(self.after.instruction(last.after)?)?);
        Some(names)
    }
}

/// The variables that an instruction sets; `None` when a name is not plain, so that it hangs on the state.
fn names_set(instruction: &Instruction) -> Option<Vec<&str>> {
    let names: Vec<&str> = match instruction.keyword {
        Keyword::Env => instruction.pairs.iter().map(|pair| pair.name.text.as_str()).collect(),
        Keyword::Arg => {
            let name = |text: &'_ str| text.find('=').unwrap_or(text.len());
            instruction.value_texts().map(|text| &text[..name(text)]).collect()
        }
        _ => return Some(Vec::new()),
    };
    let is_plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    names.iter().all(is_plain).then_some(names)
}

fn update(differing: &mut HashSet<String>, name: &str, old: &Variables, new: &Variables) {
    if old.get(name) == new.get(name) {
        differing.remove(name);
    } else {
        differing.insert(name.to_owned());
    }
}

fn differences(old: &Variables, new: &Variables) -> HashSet<String> {
    // Most pairs are equal, and walking both maps side by side is the fastest way to see it.
    if old == new {
        return HashSet::new();
    }
    let names = old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name));
    names.cloned().collect()
}

/// Whether everything but the variables is equal.
fn is_rest_equal(old: &State, new: &State) -> bool {
    // Taken apart, so that a new field cannot be forgotten here.
    let State { user, workdir, shell, shell_is_explicit, default_shell, env: _, args: _, outside } = old;
    *user == new.user
        && *workdir == new.workdir
        && *shell == new.shell
        && *shell_is_explicit == new.shell_is_explicit
        && *default_shell == new.default_shell
        && *outside == new.outside
}
