//! Comments that say "not here".
//!
//! `# dockmend: ignore=RULE[,RULE]`, `# hadolint ignore=DL3008[,...]` and `# check=skip=Rule[,...]` directly above an
//! instruction are about that instruction. `# dockmend: ignore-file=RULE`, `# hadolint global ignore=...` and the
//! directive `# check=skip=...` at the top are about the whole file. `all` stands for every rule.
//!
//! Sources: hadolint's README, "Inline ignores"; the Dockerfile reference, "check".

use std::collections::BTreeMap;

use super::Finding;
use crate::syntax::{DirectiveName, Dockerfile};

/// The names that are switched off in a file.
#[derive(Debug, Default)]
pub(crate) struct Suppressions {
    whole_file: Vec<String>,
    by_instruction: BTreeMap<usize, Vec<String>>,
}

impl Suppressions {
    pub(crate) fn of(file: &Dockerfile) -> Self {
        let mut suppressions = Self::default();
        if let Some(check) = file.directive(DirectiveName::Check) {
            suppressions.whole_file.extend(check_skip(&check.value));
        }
        if file.comments().is_empty() {
            return suppressions;
        }
        for comment in file.comments() {
            suppressions.whole_file.extend(of_file(&comment.text));
        }
        for index in 0..file.instructions().len() {
            let names: Vec<String> = file
                .comments_glued_to(index)
                .iter()
                .flat_map(|comment| of_instruction(&comment.text))
                .collect();
            if !names.is_empty() {
                suppressions.by_instruction.insert(index, names);
            }
        }
        suppressions
    }

    /// Whether the finding is switched off. A finding about the file can be switched off above the first instruction.
    pub(crate) fn covers(&self, finding: &Finding) -> bool {
        let named = |names: &Vec<String>| {
            names.iter().any(|name| name.eq_ignore_ascii_case("all") || finding.rule.answers_to(name))
        };
        named(&self.whole_file)
            || self.by_instruction.get(&finding.instruction.unwrap_or(0)).is_some_and(named)
    }
}

fn names(list: &str) -> Vec<String> {
    let list = list.split_whitespace().next().unwrap_or_default();
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The names behind `skip=` in `skip=A,B;error=true`.
fn check_skip(value: &str) -> Vec<String> {
    let parts = value.split(';').filter_map(|part| part.trim().strip_prefix("skip="));
    parts.flat_map(|part| part.split(',')).map(|name| name.trim().to_owned()).collect()
}

fn of_file(comment: &str) -> Vec<String> {
    let dockmend = comment.strip_prefix("dockmend:").map(str::trim_start);
    if let Some(list) = dockmend.and_then(|rest| rest.strip_prefix("ignore-file=")) {
        return names(list);
    }
    let hadolint = comment.strip_prefix("hadolint").map(str::trim_start);
    let global = hadolint.and_then(|rest| rest.strip_prefix("global")).map(str::trim_start);
    global.and_then(|rest| rest.strip_prefix("ignore=")).map(all_names).unwrap_or_default()
}

fn of_instruction(comment: &str) -> Vec<String> {
    if let Some(rest) = comment.strip_prefix("dockmend:") {
        return rest.trim_start().strip_prefix("ignore=").map(names).unwrap_or_default();
    }
    if let Some(rest) = comment.strip_prefix("hadolint") {
        return rest.trim_start().strip_prefix("ignore=").map(all_names).unwrap_or_default();
    }
    let check = comment.strip_prefix("check=").or_else(|| comment.strip_prefix("check ="));
    check.map(check_skip).unwrap_or_default()
}

/// hadolint allows blanks behind the commas.
fn all_names(list: &str) -> Vec<String> {
    let list = list.split('#').next().unwrap_or_default();
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
