//! See [`RULE`].

use std::collections::BTreeMap;

use crate::model::{BuildModel, Delta, Known};
use crate::rule::installs::pip::{NEEDLES, Pip, PipAge, pips_at, pips_of};
use crate::rule::installs::{
    Install, ShellRun, has_mount_over, inner_scripts, installs, last_cache_clean, shell_runs,
};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::shell::Script;
use crate::text::TextEdit;

rule! {
    /// `pip install` that keeps what it downloaded and built in the layer.
    ///
    /// ## Why
    ///
    /// pip keeps every package that it downloads, and every wheel that it builds, in `~/.cache/pip`. In an image nothing
    /// is ever installed from there again.
    ///
    /// ```dockerfile
    /// FROM python:3.12-slim
    /// COPY requirements.txt .
    /// RUN pip install -r requirements.txt
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM python:3.12-slim
    /// COPY requirements.txt .
    /// RUN pip install --no-cache-dir -r requirements.txt
    /// ```
    ///
    /// ## Fix
    ///
    /// `--no-cache-dir` goes behind `install`.
    ///
    /// ## Stays silent
    ///
    /// - With `--no-cache-dir` or `--cache-dir`, before or behind `install`, and with `--dry-run`.
    /// - When `PIP_NO_CACHE_DIR` is set before, to whatever: every value switches the cache off (H117). When
    ///   `PIP_CACHE_DIR` is set, or `pip config set` is about the cache.
    /// - When a cache or tmpfs mount is there for it: the flag would defeat the mount (H117).
    /// - When the same RUN removes the cache: `rm -rf ~/.cache`, `pip cache purge`.
    /// - In a stage whose layers reach no image: files are only copied from it.
    /// - For pipenv, pipx, poetry and uv, which are other programs. When a variable may hold the flag.
    /// - In text that the shell grammar cannot read, in stages whose shell is not a POSIX one, and in the exec form
    ///   unless it runs a shell.
    ///
    /// ## Refuses
    ///
    /// - Where pip is that of a release from before pip 6.0, such as Ubuntu 14.04 and Debian 8, and was not upgraded
    ///   before: it has no cache and does not know the option.
    /// - In a heredoc and in text for another shell.
    ///
    /// ## Safety
    ///
    /// Safe where pip is certainly 6.0 or newer: it installs the same. Unsafe where nobody can say how old it is.
    "pip-cache" {
        aliases: ["hadolint:DL3042"],
        since: "0.1.0",
        severity: Warning,
        phase: Clean,
        check: check,
        plan: plan,
    }
}

const MESSAGE: &str = "keeps what pip downloads in the layer, where nothing is installed from it again";

const FLAG: &str = "--no-cache-dir";

/// What sets pip up to keep no cache, or to keep it elsewhere.
const SETTINGS: [&str; 4] =
    ["PIP_NO_CACHE_DIR", "PIP_CACHE_DIR", "global.no-cache-dir", "install.no-cache-dir"];

fn caching(script: &Script) -> Vec<Install<'_>> {
    let mut installs = installs(script, "pip");
    installs.retain(|install| {
        let command = &install.read;
        !command.has_effect("cache") && !command.has_flag("--cache-dir") && !command.has_effect("dry-run")
    });
    if installs.is_empty() {
        return installs;
    }
    let last = last_cache_clean(script, "pip");
    installs.retain(|install| last.is_none_or(|last| install.command > last));
    let set_at =
        SETTINGS.iter().filter_map(|setting| script.text().find(setting)).min().unwrap_or(usize::MAX);
    let start =
        |install: &Install<'_>| install.simple.words.get(install.prefix).map_or(0, |word| word.span.start);
    installs.retain(|install| start(install) < set_at);
    installs
}

/// Whether the state of a RUN, or a mount, keeps the cache out of the layer.
fn is_spared(model: &BuildModel, run: &ShellRun<'_>) -> bool {
    let Some((stage, step)) = model.place(run.index) else { return true };
    let is_set = |name: &str| match step.state.variable(name) {
        Some(Known::Value(value)) => !value.is_empty(),
        Some(Known::Unknown(_)) => true,
        None => false,
    };
    !stage.shipped
        || is_set("PIP_NO_CACHE_DIR")
        || is_set("PIP_CACHE_DIR")
        || has_mount_over(run.instruction, |target| target.contains("cache") || target.contains("pip"))
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let mut ages = Ages { stage: None };
    for run in shell_runs(subject.model, &NEEDLES) {
        let pips = ages.pips(subject.model, &run);
        if pips.is_empty() || is_spared(subject.model, &run) {
            continue;
        }
        let caching = caching_in(subject.model, &run);
        let is_old = |install: &&Install<'_>| pips.get(&install.command) == Some(&Pip::Old);
        if let Some(first) = caching.iter().find(|install| !is_old(install)) {
            let finding = findings.at(run.index, first.range(&run), MESSAGE);
            findings.push(finding.refused_if(run.editable().err()));
        }
        if let Some(first) = caching.iter().find(is_old) {
            let finding = findings.at(run.index, first.range(&run), MESSAGE).subject("old");
            findings.push(finding.refused(Refusal::because("pip before 6.0 does not know --no-cache-dir")));
        }
    }
    for inner in inner_scripts(subject, &["pip"]) {
        let spared = ShellRun::at(subject.model, inner.index).is_some_and(|run| {
            is_spared(subject.model, &run) || last_cache_clean(&run.text.script, "pip").is_some()
        });
        let shipped = subject.model.stage_of(inner.index).is_some_and(|stage| stage.shipped);
        let caches = |install: &Install<'_>| !install.may_have_unseen_flags(subject.model, inner.index);
        if shipped && !spared && caching(&inner.script).iter().any(caches) {
            let finding = findings.at(inner.index, inner.range, MESSAGE).subject("inner");
            findings
                .push(finding.refused(Refusal::because("the command stands in the text for another shell")));
        }
    }
}

fn caching_in<'a>(model: &BuildModel, run: &ShellRun<'a>) -> Vec<Install<'a>> {
    let mut caching = caching(&run.text.script);
    caching.retain(|install| !install.may_have_unseen_flags(model, run.index));
    caching
}

/// The pip of each stage, followed from RUN to RUN.
struct Ages {
    stage: Option<(usize, PipAge)>,
}

impl Ages {
    fn pips(&mut self, model: &BuildModel, run: &ShellRun<'_>) -> BTreeMap<usize, Pip> {
        let Some(stage) = model.stage_of(run.index) else { return BTreeMap::new() };
        let mut age = match self.stage {
            Some((index, age)) if index == stage.index => age,
            _ => PipAge::at_start(model, stage),
        };
        let pips = pips_of(&mut age, run);
        self.stage = Some((stage.index, age));
        pips
    }
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, _) = finding.instruction_in(subject)?;
    let run = ShellRun::at(subject.model, index)
        .ok_or_else(|| Refusal::because("the shell text cannot be read"))?
        .editable()?;
    let pips = pips_at(subject.model, index);
    if pips.is_empty() {
        return Err(Refusal::because("the stage is too long to see which pip it runs"));
    }
    let mut edit = TextEdit::builder();
    let mut declared = Vec::new();
    for install in caching_in(subject.model, &run) {
        if pips.get(&install.command) == Some(&Pip::Old) {
            continue;
        }
        let verb = install.verb_word()?;
        edit.insert(run.text.insert_after(run.instruction, verb.span.end), format!(" {FLAG}"));
        declared.push(Delta::WordsAdded {
            instruction: index,
            command: install.command,
            at: install.verb().map_or(0, |verb| verb + 1),
            words: vec![FLAG.to_owned()],
        });
    }
    Plan::edit(format!("add {FLAG}"), edit.finish(), declared)
}
