//! What `fix` and `rewrite` share: the engine's rewrite of a group, written to disk or shown, and told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dockmend_core::rewrite::{Change, FixOptions, Ready, Rewrite, Target};
use dockmend_core::rule::{Finding, Fixability, Refusal, Rule};
use dockmend_core::text::{LineIndex, TextRange};
use dockmend_workspace::read::Fingerprint;
use dockmend_workspace::write;

use super::check::tally;
use super::prove::{Proofs, Prover};
use crate::arguments::{FailOn, Format};
use crate::group::{Group, Loaded};
use crate::output::human::{self, Shown, argument};
use crate::output::json::{File, Places};
use crate::output::{Look, Outcome, calm_line, counted, diff, near, page, say};

/// What is to be done, and how it is told.
pub(super) struct Mending {
    /// Which fixes may be applied.
    pub(super) options: FixOptions,
    /// The rules whose rewrites were named; `None` for `fix`.
    pub(super) named: Option<Vec<&'static Rule>>,
    /// Whether only a diff is shown.
    pub(super) diff: bool,
    /// Builds before and after, when that is wanted.
    pub(super) prover: Option<Prover>,
    /// From which severity on what is left is shown.
    pub(super) fail_on: FailOn,
    /// How it is told.
    pub(super) format: Format,
    /// How it looks.
    pub(super) look: Look,
    /// The context that was named on the command line: the proposed commands name it as well.
    pub(super) context: Option<String>,
    /// Whether a file without anything to say is named all the same.
    pub(super) verbose: bool,
}

/// What was done to the files of a group: for each that was to be written and could not be, why.
pub(super) type Failures = BTreeMap<usize, String>;

impl Mending {
    /// Mends a group, writes it unless a diff is wanted, and tells.
    pub(super) fn group(&self, group: &Group<'_>) -> Vec<Outcome> {
        let rewrite = group.configured.engine.fix(&group.core, &self.options);
        let (proofs, mut failures) = match &self.prover {
            Some(prover) if !rewrite.changes.is_empty() => prover.prove(group, &rewrite),
            _ => (Proofs::new(), Failures::new()),
        };
        // Dockerfiles of one context are one unit: when one of them does not hold, none is written.
        if !self.diff && failures.is_empty() {
            failures = write_all(group, &rewrite);
        }
        let mut outcomes: Vec<Outcome> = (0..group.files.len())
            .map(|index| {
                if let Some(message) = failures.get(&index) {
                    let file = &group.files[index];
                    return Outcome::unprocessed(file.index, file.name.clone(), message.clone());
                }
                let mut outcome = self.outcome(group, &rewrite, index);
                outcome.text.extend(proofs.get(&index).map(String::as_str));
                outcome
            })
            .collect();
        if let Some(first) = outcomes.first_mut()
            && !rewrite.unsettled.is_empty()
        {
            first.warnings.push(format!(
                "{}: the fixes of {} undo each other; that is a bug of ours, please report it",
                first.name,
                rewrite.unsettled.join(" and ")
            ));
        }
        outcomes
    }

    /// Mends a text from standard input. Returns the text after, or the diff, and what goes to standard error.
    pub(super) fn stdin(&self, group: &Group<'_>) -> (String, String, Vec<String>) {
        let rewrite = group.configured.engine.fix(&group.core, &self.options);
        let text = if self.diff { self.diffs(group, &rewrite, 0) } else { rewrite.text().to_owned() };
        let Some(file) = group.files.first() else { return (text, String::new(), Vec::new()) };
        let fixed = rewrite.fixed.len();
        let told = if fixed == 0 {
            String::new()
        } else {
            format!("Fixed {} in {}; the gate found no other change.", counted(fixed, "problem"), file.name)
        };
        (text, told, rejections(&rewrite, 0, file))
    }

    fn outcome(&self, group: &Group<'_>, rewrite: &Rewrite, index: usize) -> Outcome {
        let file = &group.files[index];
        let mut sums = rewrite.remaining.get(index).map(tally).unwrap_or_default();
        sums.fixed = rewrite.fixed.iter().filter(|fixed| fixed.file == index).count();
        sums.changed = usize::from(rewrite.changed_text(index).is_some());
        if self.named.is_some() {
            self.count_named(rewrite, index, &mut sums);
        }
        let text = match self.format {
            Format::Human => self.in_words(group, rewrite, index),
            Format::Json => self.in_json(group, rewrite, index),
        };
        Outcome {
            index: file.index,
            name: file.name.clone(),
            text,
            problems: Vec::new(),
            warnings: rejections(rewrite, index, file),
            tally: sums,
        }
    }

    /// Of a named rewrite only what its own rules find counts for the exit code.
    fn count_named(&self, rewrite: &Rewrite, index: usize, sums: &mut crate::output::Tally) {
        (sums.errors, sums.warnings, sums.hints) = (0, 0, 0);
        for finding in rewrite.remaining.get(index).into_iter().flat_map(|report| &report.findings) {
            if self.is_named(finding.rule) {
                sums.count(finding.severity);
            }
        }
    }

    fn is_named(&self, rule: &Rule) -> bool {
        self.named.as_ref().is_none_or(|named| named.iter().any(|named| named.id == rule.id))
    }

    fn in_json(&self, group: &Group<'_>, rewrite: &Rewrite, index: usize) -> String {
        let file = &group.files[index];
        let after = rewrite.changed_text(index).unwrap_or(&file.text);
        let lines = LineIndex::new(after);
        let places = Places { text: after, lines: &lines };
        let Some(report) = rewrite.remaining.get(index) else { return String::new() };
        let mut json = File::of(report, &file.name, &file.context, places);
        json.add(rewrite, index, Places { text: &file.text, lines: &file.lines }, places);
        json.diff = self.diff.then(|| self.diffs(group, rewrite, index));
        json.to_line()
    }

    /// The changes that belong to a Dockerfile; those of the context are told with the first that was changed for them.
    fn diffs(&self, group: &Group<'_>, rewrite: &Rewrite, index: usize) -> String {
        let mut out = String::new();
        for change in &rewrite.changes {
            let name = match &change.target {
                Target::Dockerfile(file) if *file == index => group.files[index].name.clone(),
                Target::Context(path) if owner(rewrite, path) == index => name_in(group, path),
                _ => continue,
            };
            out.push_str(&diff::unified(&name, change.before.as_deref(), &change.after, self.look));
        }
        out
    }

    fn in_words(&self, group: &Group<'_>, rewrite: &Rewrite, index: usize) -> String {
        let told = Told { mending: self, group, rewrite, index, file: &group.files[index] };
        told.all()
    }
}

/// One file's part of a rewrite, told in words.
struct Told<'a> {
    mending: &'a Mending,
    group: &'a Group<'a>,
    rewrite: &'a Rewrite,
    index: usize,
    file: &'a Loaded,
}

impl Told<'_> {
    fn all(&self) -> String {
        let mut out = String::new();
        let Some(report) = self.rewrite.remaining.get(self.index) else { return out };
        if let Some(reason) = &report.skipped {
            say!(out, "{}: not looked at: {}\n", self.file.name, calm_line(reason));
            return out;
        }
        if self.mending.diff {
            out.push_str(&self.mending.diffs(self.group, self.rewrite, self.index));
        }
        let fixed = self.fixed(&mut out);
        let left = self.left(&mut out);
        self.named(&mut out);
        let waits = self.ready(&mut out) | self.refused(&mut out) | self.not_permitted(&mut out);
        if !(fixed || left || waits || self.mending.verbose) {
            return String::new();
        }
        if !out.is_empty() {
            say!(out, "{}\n", self.mending.look.dim(&format!("{}: {}", self.file.name, self.file.context)));
        }
        out
    }

    /// Each fix with its place in the text before, and how many there are.
    fn fixed(&self, out: &mut String) -> bool {
        let look = self.mending.look;
        let fixed: Vec<_> = self.rewrite.fixed.iter().filter(|fixed| fixed.file == self.index).collect();
        if fixed.is_empty() {
            return false;
        }
        say!(out, "{}", look.bold(&self.file.name));
        for fix in &fixed {
            let line = self.file.lines.line(fix.finding.range.start) + 1;
            let title = calm_line(&fix.title);
            say!(out, "  line {line}: {title} {}", look.dim(&format!("({})", fix.finding.rule.id)));
            for remark in &fix.remarks {
                for line in page::wrap(&calm_line(remark), look.width.saturating_sub(4), "") {
                    say!(out, "    {line}");
                }
            }
        }
        for path in self.context_files() {
            let verb = if self.mending.diff { "would be written" } else { "was written" };
            say!(out, "  {path} {verb}");
        }
        let verb = if self.mending.diff { "Would fix" } else { "Fixed" };
        say!(
            out,
            "{verb} {} in {}; the gate found no other change.",
            counted(fixed.len(), "problem"),
            self.file.name
        );
        true
    }

    fn context_files(&self) -> Vec<String> {
        let changes = self.rewrite.changes.iter().filter_map(|change| match &change.target {
            Target::Context(path) if owner(self.rewrite, path) == self.index => Some(path),
            _ => None,
        });
        changes.map(|path| name_in(self.group, path)).collect()
    }

    /// What is left and makes the run fail.
    fn left(&self, out: &mut String) -> bool {
        let Some(report) = self.rewrite.remaining.get(self.index) else { return false };
        let after = self.rewrite.changed_text(self.index).unwrap_or(&self.file.text);
        let lines = LineIndex::new(after);
        let shown = Shown { name: &self.file.name, text: after, lines: &lines };
        let problems = if self.mending.named.is_none() { &report.problems[..] } else { &[] };
        let failing: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| {
                self.mending.fail_on.includes(finding.severity) && self.mending.is_named(finding.rule)
            })
            .collect();
        if problems.is_empty() && failing.is_empty() {
            return false;
        }
        out.push('\n');
        for problem in problems {
            out.push_str(&human::problem(problem, shown, self.mending.look));
        }
        for finding in failing {
            out.push_str(&human::finding(finding, shown, self.mending.look));
        }
        true
    }

    /// What became of each rewrite that was named, where nothing else says it.
    fn named(&self, out: &mut String) {
        let Some(named) = &self.mending.named else { return };
        if !self.mending.verbose {
            return;
        }
        let mut said: Vec<&str> = Vec::new();
        for rule in named {
            let name = rule.rewrite.unwrap_or(rule.id);
            // Two rules may share a rewrite: what one of them did is what the rewrite did.
            if said.contains(&name) || self.acted(name) {
                continue;
            }
            said.push(name);
            let why = if !self.group.configured.engine.rules().iter().any(|on| on.id == rule.id) {
                "switched off by --ignore or the configuration".to_owned()
            } else if rule.needs_context && self.file.context.folder.is_none() {
                format!("needs the build context ({})", self.file.context)
            } else {
                "nothing to do".to_owned()
            };
            say!(out, "{name}: {why} in {}", self.file.name);
        }
    }

    /// Whether a rule with a rewrite of this name fixed something in the file.
    fn acted(&self, name: &str) -> bool {
        let of_file =
            |file: usize, finding: &Finding| file == self.index && finding.rule.rewrite == Some(name);
        self.rewrite.fixed.iter().any(|fixed| of_file(fixed.file, &fixed.finding))
            || self.rewrite.refused.iter().any(|(file, finding, _)| of_file(*file, finding))
            || self.rewrite.rejections.iter().any(|rejection| of_file(rejection.file, &rejection.finding))
    }

    /// The rewrites that wait, and the commands that preview and apply them. The preview has the remarks.
    fn ready(&self, out: &mut String) -> bool {
        let ready: Vec<&Ready> = self.rewrite.ready.iter().filter(|ready| ready.file == self.index).collect();
        let mut names: Vec<&str> = Vec::new();
        for ready in &ready {
            if !names.contains(&ready.name) {
                names.push(ready.name);
            }
        }
        let Some(width) = names.iter().map(|name| name.len()).max() else { return false };
        let line = if names.len() == 1 {
            "1 rewrite is ready. It changes how the image is built or run, so it waits for you:".to_owned()
        } else {
            format!(
                "{} rewrites are ready. They change how the image is built or run, so they wait for you:",
                names.len()
            )
        };
        say!(out, "{line}");
        for ready in &ready {
            let name = self.mending.look.bold(&format!("{:width$}", ready.name));
            say!(out, "  {name}  {}", calm_line(&ready.title));
        }
        let context = self.mending.context.as_ref();
        let context = context.map(|dir| format!("--context {} ", argument(dir))).unwrap_or_default();
        let path = argument(&self.file.name);
        say!(out, "Preview: dockmend rewrite {context}--diff {path}");
        say!(out, "Apply:   dockmend rewrite {context}{} {path}", names.join(" "));
        true
    }

    /// What has a fix in principle and was left alone, and why.
    fn refused(&self, out: &mut String) -> bool {
        let refused: Vec<(&Finding, &Refusal)> = self
            .rewrite
            .refused
            .iter()
            .filter(|(file, finding, _)| *file == self.index && self.mending.is_named(finding.rule))
            .map(|(_, finding, refusal)| (finding, refusal))
            .collect();
        let name = |finding: &Finding| finding.rule.rewrite.unwrap_or(finding.rule.id);
        match refused.as_slice() {
            [] => return false,
            [(finding, refusal)] => {
                say!(out, "1 left alone: {} - {}", name(finding), calm_line(&refusal.to_string()));
            }
            many => {
                say!(out, "{} left alone:", many.len());
                for (finding, refusal) in many {
                    let line = self.line_of(finding.range);
                    let reason = calm_line(&refusal.to_string());
                    say!(out, "  {}, line {line} - {reason}", name(finding));
                }
            }
        }
        true
    }

    /// Fixes that are unsafe and were not asked for.
    fn not_permitted(&self, out: &mut String) -> bool {
        if self.mending.named.is_some() || self.mending.options.unsafe_fixes {
            return false;
        }
        let Some(report) = self.rewrite.remaining.get(self.index) else { return false };
        let mut rules: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for finding in &report.findings {
            let refused = self
                .rewrite
                .refused
                .iter()
                .any(|(file, other, _)| *file == self.index && other.key == finding.key);
            let rejected = self
                .rewrite
                .rejections
                .iter()
                .any(|other| other.file == self.index && other.finding.key == finding.key);
            if finding.fix == Fixability::Available && finding.rule.rewrite.is_none() && !refused && !rejected
            {
                rules.entry(finding.rule.id).or_default().push(self.line_of(finding.range).to_string());
            }
        }
        let count: usize = rules.values().map(Vec::len).sum();
        if count == 0 {
            return false;
        }
        let (subject, verb) = if count == 1 { ("1 fix is", "applies it") } else { ("", "applies them") };
        let subject = if subject.is_empty() { format!("{count} fixes are") } else { subject.to_owned() };
        let named: Vec<_> =
            rules.iter().map(|(rule, lines)| format!("{rule} (line {})", lines.join(", "))).collect();
        say!(out, "{subject} unsafe; --unsafe-fixes {verb}: {}", named.join("; "));
        true
    }

    /// The line of a range of the text after: in the file as it now is, or still is.
    fn line_of(&self, range: TextRange) -> usize {
        if self.mending.diff {
            return self.file.lines.line(self.rewrite.original_range(self.index, range).start) + 1;
        }
        let after = self.rewrite.changed_text(self.index).unwrap_or(&self.file.text);
        after.bytes().take(range.start).filter(|byte| *byte == b'\n').count() + 1
    }
}

/// What the gate rejected in a file.
fn rejections(rewrite: &Rewrite, index: usize, file: &Loaded) -> Vec<String> {
    let here = rewrite.rejections.iter().filter(|rejection| rejection.file == index);
    here.map(|rejection| {
        format!(
            "{}: the fix of {} did not pass the gate and was not applied; that is a bug of ours, please report it: {}",
            file.name, rejection.finding.rule.id, rejection.reason
        )
    })
    .collect()
}

/// The Dockerfile that a change of a context file is told with: the first whose fixes made it.
fn owner(rewrite: &Rewrite, path: &str) -> usize {
    use dockmend_core::model::Delta;
    let makes = |delta: &Delta| matches!(delta, Delta::FileCreated { path: made } | Delta::FileChanged { path: made } if made == path);
    rewrite.fixed.iter().find(|fixed| fixed.deltas.iter().any(makes)).map_or(0, |fixed| fixed.file)
}

fn name_in(group: &Group<'_>, path: &str) -> String {
    near(&group.folder.unwrap_or(Path::new("")).join(path))
}

/// Writes what has changed. Dockerfiles that change alone are written each for itself; together with a file of the
/// context they are one unit, that file first, so that the build works after each write.
fn write_all(group: &Group<'_>, rewrite: &Rewrite) -> Failures {
    let (context, dockerfiles): (Vec<&Change>, Vec<&Change>) =
        rewrite.changes.iter().partition(|change| matches!(change.target, Target::Context(_)));
    let mut failures = Failures::new();
    let units: Vec<Vec<&Change>> = if context.is_empty() {
        dockerfiles.into_iter().map(|change| vec![change]).collect()
    } else {
        vec![context.into_iter().chain(dockerfiles).collect()]
    };
    for unit in units {
        let changes: Vec<write::Change> = unit.iter().map(|change| on_disk(group, change)).collect();
        let Err(problem) = write::write_group(&changes, write::Options::default()) else { continue };
        let mut failed: Vec<usize> = unit
            .iter()
            .zip(&changes)
            .filter(|(_, change)| !problem.written.contains(&change.path))
            .map(|(change, _)| match &change.target {
                Target::Dockerfile(file) => *file,
                Target::Context(path) => owner(rewrite, path),
                _ => 0,
            })
            .collect();
        failed.sort_unstable();
        failed.dedup();
        // Each file is named; the reason is said with the first.
        for (nth, file) in failed.into_iter().enumerate() {
            let name = group.files.get(file).map_or("", |file| file.name.as_str());
            let message = if nth == 0 { problem.to_string() } else { format!("{name}: not written either") };
            failures.insert(file, message);
        }
    }
    failures
}

fn on_disk(group: &Group<'_>, change: &Change) -> write::Change {
    let (path, before): (PathBuf, _) = match &change.target {
        Target::Dockerfile(index) => {
            let file = group.files.get(*index);
            (file.map(|file| file.path.clone()).unwrap_or_default(), file.and_then(|file| file.fingerprint))
        }
        Target::Context(path) => (
            group.folder.unwrap_or(Path::new("")).join(path),
            change.before.as_ref().map(|text| Fingerprint::of(text.as_bytes())),
        ),
        _ => (PathBuf::new(), None),
    };
    write::Change { path, before, after: change.after.to_string() }
}

/// The last line of a run over several files.
pub(super) fn summary(tally: &crate::output::Tally, files: usize, diff: bool) -> Option<String> {
    let verb = if diff { "Would fix" } else { "Fixed" };
    match (files, tally.fixed) {
        (0, _) => None,
        (1, fixed) if fixed > 0 => None,
        (_, 0) => Some(format!("Nothing was fixed in {}.\n", counted(files, "Dockerfile"))),
        (_, fixed) => Some(format!(
            "{verb} {} in {} of {}.\n",
            counted(fixed, "problem"),
            tally.changed,
            counted(files, "Dockerfile")
        )),
    }
}
