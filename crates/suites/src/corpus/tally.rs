//! What was counted, and how it is printed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dockmend_core::rewrite::Rewrite;
use dockmend_core::rule::{Refusal, Safety};

/// The counts of some files.
#[derive(Default)]
pub(super) struct Tally {
    files: usize,
    changed: usize,
    skipped: usize,
    broken: Vec<(PathBuf, String)>,
    unsettled: Vec<PathBuf>,
    touched: Vec<(PathBuf, String)>,
    panicked: Vec<PathBuf>,
    unread: Vec<(PathBuf, String)>,
    /// By rule and reason.
    rejected: BTreeMap<(&'static str, String), Vec<PathBuf>>,
    rules: BTreeMap<&'static str, OfRule>,
}

#[derive(Default)]
struct OfRule {
    safe: usize,
    not_safe: usize,
    left: usize,
    /// By hazard, or else by reason.
    refused: BTreeMap<String, usize>,
}

fn merge<K: Ord, V: Default>(into: &mut BTreeMap<K, V>, from: BTreeMap<K, V>, add: impl Fn(&mut V, V)) {
    for (key, value) in from {
        add(into.entry(key).or_default(), value);
    }
}

impl Tally {
    pub(super) fn join(mut self, other: Self) -> Self {
        self.files += other.files;
        self.changed += other.changed;
        self.skipped += other.skipped;
        self.broken.extend(other.broken);
        self.unsettled.extend(other.unsettled);
        self.touched.extend(other.touched);
        self.panicked.extend(other.panicked);
        self.unread.extend(other.unread);
        merge(&mut self.rejected, other.rejected, |into: &mut Vec<PathBuf>, from| into.extend(from));
        merge(&mut self.rules, other.rules, |into: &mut OfRule, from| {
            into.safe += from.safe;
            into.not_safe += from.not_safe;
            into.left += from.left;
            merge(&mut into.refused, from.refused, |into: &mut usize, from| *into += from);
        });
        self
    }

    pub(super) fn unread(&mut self, path: &Path, why: &str) {
        self.unread.push((path.to_owned(), why.to_owned()));
    }

    pub(super) fn panicked(&mut self, path: &Path) {
        self.panicked.push(path.to_owned());
    }

    pub(super) fn broken(&mut self, path: &Path, why: &str) {
        self.broken.push((path.to_owned(), why.to_owned()));
    }

    pub(super) fn unsettled(&mut self, path: &Path) {
        self.unsettled.push(path.to_owned());
    }

    pub(super) fn touched(&mut self, path: &Path, what: &str) {
        self.touched.push((path.to_owned(), what.to_owned()));
    }

    pub(super) fn count(&mut self, path: &Path, rewrite: &Rewrite) {
        self.files += 1;
        self.changed += usize::from(!rewrite.changes.is_empty());
        self.skipped += rewrite.remaining.iter().filter(|report| report.skipped.is_some()).count();
        for fixed in &rewrite.fixed {
            let rule = self.rules.entry(fixed.finding.rule.id).or_default();
            *(if fixed.safety == Safety::Safe { &mut rule.safe } else { &mut rule.not_safe }) += 1;
        }
        for rejection in &rewrite.rejections {
            let key = (rejection.finding.rule.id, shortened(&rejection.reason));
            self.rejected.entry(key).or_default().push(path.to_owned());
        }
        for (_, finding, refusal) in &rewrite.refused {
            *self.rules.entry(finding.rule.id).or_default().refused.entry(reason(refusal)).or_default() += 1;
        }
        for report in &rewrite.remaining {
            for finding in &report.findings {
                self.rules.entry(finding.rule.id).or_default().left += 1;
            }
        }
        if !rewrite.unsettled.is_empty() {
            self.unsettled(path);
        }
    }

    pub(super) fn is_wrong(&self) -> bool {
        !(self.broken.is_empty()
            && self.unsettled.is_empty()
            && self.touched.is_empty()
            && self.panicked.is_empty()
            && self.unread.is_empty())
    }

    pub(super) fn print(&self, name: &str, examples: usize) {
        println!(
            "\n== {name} fixes: {} files, {} changed, {} skipped as templates",
            self.files, self.changed, self.skipped
        );
        let line = |what: &str, count: usize| println!("{what:<52} {count:>6}");
        line("accepted before and refused after", self.broken.len());
        line("changed again by a second run", self.unsettled.len());
        line("bytes changed outside of the reported edits", self.touched.len());
        line("panics", self.panicked.len());
        line("could not be read", self.unread.len());
        line("fixes that the gate rejected", self.rejected.values().map(Vec::len).sum());
        for (path, why) in self.broken.iter().chain(&self.touched).chain(&self.unread).take(examples * 3) {
            println!("  {}: {why}", path.display());
        }
        for path in self.unsettled.iter().chain(&self.panicked).take(examples * 3) {
            println!("  {}", path.display());
        }
        for ((rule, why), paths) in &self.rejected {
            println!("  rejected {} times: {rule}: {why}", paths.len());
            paths.iter().take(examples).for_each(|path| println!("    {}", path.display()));
        }
        println!(
            "\n{:<28} {:>7} {:>7} {:>7} {:>7}  refused by reason",
            "rule", "found", "safe", "unsafe", "left"
        );
        for (id, rule) in &self.rules {
            let mut refused: Vec<_> = rule.refused.iter().collect();
            refused.sort_by(|a, b| b.1.cmp(a.1));
            let refused: Vec<String> =
                refused.iter().map(|(reason, count)| format!("{reason}: {count}")).collect();
            let found = rule.safe + rule.not_safe + rule.left;
            println!(
                "{id:<28} {found:>7} {:>7} {:>7} {:>7}  {}",
                rule.safe,
                rule.not_safe,
                rule.left,
                refused.join(", ")
            );
        }
    }
}

fn reason(refusal: &Refusal) -> String {
    refusal.hazard.map_or_else(|| refusal.reason.clone(), str::to_owned)
}

/// Reasons of the gate name instructions; without the numbers they can be counted.
fn shortened(reason: &str) -> String {
    let text: String = reason.chars().filter(|character| !character.is_ascii_digit()).collect();
    text.chars().take(160).collect()
}
