//! See [`RULE`].

use crate::model::{BuildModel, Delta};
use crate::rule::installs::apt::{configured_from, inner_installs};
use crate::rule::installs::needs::{Surroundings, package_name};
use crate::rule::installs::{Install, ShellRun, inner_scripts, installs, shell_runs, text_of};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::text::{TextEdit, TextEditBuilder};

rule! {
    /// `apt-get install` without `--no-install-recommends`.
    ///
    /// ## Why
    ///
    /// apt installs every package that one of the named packages recommends. In an image nobody asked for them, they
    /// make it larger and bring more to patch.
    ///
    /// ```dockerfile
    /// FROM debian:12-slim
    /// RUN apt-get update && \
    ///     # for the health check
    ///     apt-get -y install curl \
    ///     && rm -rf /var/lib/apt/lists/*
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM debian:12-slim
    /// RUN apt-get update && \
    ///     # for the health check
    ///     apt-get -y install --no-install-recommends ca-certificates curl \
    ///     && rm -rf /var/lib/apt/lists/*
    /// ```
    ///
    /// ## Fix
    ///
    /// The flag goes behind `install`. Where a package would lose something it is of little use without (the TLS
    /// certificates of curl, wget and git), that is named too, unless a step before or the base image has it.
    ///
    /// ## Stays silent
    ///
    /// - When the flag is there, or the option `APT::Install-Recommends` on the command or in a file under
    ///   `/etc/apt/apt.conf.d` that the stage writes before. `--install-recommends` says that they are wanted.
    /// - When the command installs nothing (`--download-only`), or names nothing (`apt-get install -f`).
    /// - When a variable may hold the flag: `$APT_OPTS`, `"$@"`.
    /// - In text that the shell grammar cannot read, in stages whose shell is not a POSIX one, and in the exec form
    ///   unless it runs a shell.
    ///
    /// ## Refuses
    ///
    /// - When packages cannot be seen: a variable, `$(cat packages)`, `xargs` (H101).
    /// - When a later step uses something that only a recommendation brings, as far as it is known: pip's compiler
    ///   and setuptools, gnupg's dirmngr, make of cmake (H101).
    /// - When a later step runs wget, curl, git, gcc, make and the like, and no step installs them by name (H101).
    /// - In a heredoc and in text for another shell.
    ///
    /// ## Safety
    ///
    /// Unsafe (H101): packages that something relies on may be missing.
    "apt-recommends" {
        aliases: ["hadolint:DL3015"],
        since: "0.1.0",
        severity: Hint,
        phase: Clean,
        check: check,
        plan: plan,
    }
}

const MESSAGE: &str =
    "installs what the packages only recommend: the image grows by packages nobody asked for";

const FLAG: &str = "--no-install-recommends";

/// Whether a command installs recommendations that nobody decided on.
fn is_undecided(install: &Install<'_>) -> bool {
    let command = &install.read;
    (!command.packages.is_empty() || install.has_unseen_packages())
        && !command.has_effect("recommended")
        && !command.has_flag("--install-recommends")
        && !command.has_effect("dry-run")
        && install.option("apt::install-recommends").is_none()
}

fn lacking<'a>(model: &BuildModel, run: &ShellRun<'a>) -> Vec<Install<'a>> {
    let mut installs = installs(&run.text.script, "apt-get");
    installs.retain(|install| is_undecided(install) && !install.may_have_unseen_flags(model, run.index));
    if installs.is_empty() {
        return installs;
    }
    let from = configured_from(model, run, "Install-Recommends").unwrap_or(usize::MAX);
    installs.retain(|install| install.simple.span.start < from);
    installs
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for run in shell_runs(subject.model, &["apt"]) {
        let lacking = lacking(subject.model, &run);
        let Some(first) = lacking.first() else { continue };
        let unseen = lacking.iter().any(Install::has_unseen_packages);
        let unseen =
            unseen.then(|| Refusal::hazard("H101", "a package cannot be seen, nor what it recommends"));
        let finding = findings.at(run.index, first.range(&run), MESSAGE);
        findings.push(finding.refused_if(run.editable().err().or(unseen)));
    }
    for inner in inner_scripts(subject, &["apt"]) {
        let lacks = |install: &Install<'_>| {
            is_undecided(install) && !install.may_have_unseen_flags(subject.model, inner.index)
        };
        if inner_installs(&inner).iter().any(lacks) {
            let finding = findings.at(inner.index, inner.range, MESSAGE).subject("inner");
            findings
                .push(finding.refused(Refusal::because("the command stands in the text for another shell")));
        }
    }
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, _) = finding.instruction_in(subject)?;
    let run = ShellRun::at(subject.model, index)
        .ok_or_else(|| Refusal::because("the shell text cannot be read"))?
        .editable()?;
    let lacking = lacking(subject.model, &run);
    let first = lacking.first().ok_or_else(|| Refusal::because("the text has changed"))?;
    let around = Surroundings::of(first.read.manager, subject.model, &run, first.command)?;
    if let Some(refusal) = around.missed(&lacking) {
        return Err(refusal);
    }
    let text = subject.file().text();
    let mut fix = Fix { text, run, edit: TextEdit::builder(), declared: Vec::new(), added: Vec::new() };
    for install in &lacking {
        let companions = fix.companions(install, &around);
        fix.mend(install, &companions)?;
    }
    let title = match fix.added.as_slice() {
        [] => format!("add {FLAG}"),
        added => format!("add {FLAG}, and name {}", added.join(", ")),
    };
    Plan::edit(title, fix.edit.finish(), fix.declared)
}

struct Fix<'a> {
    /// The file.
    text: &'a str,
    run: ShellRun<'a>,
    edit: TextEditBuilder,
    declared: Vec<Delta>,
    /// The packages that are named now.
    added: Vec<String>,
}

impl Fix<'_> {
    /// The packages that are to be named with those of a command.
    fn companions(&mut self, install: &Install<'_>, around: &Surroundings<'_>) -> Vec<String> {
        let mut companions: Vec<String> = Vec::new();
        for word in install.packages() {
            let Some(wanted) = install.read.manager.companions.get(package_name(text_of(word))) else {
                continue;
            };
            for package in wanted {
                if !around.has_package(package) && !self.added.contains(package) {
                    self.added.push(package.clone());
                    companions.push(package.clone());
                }
            }
        }
        companions
    }

    fn mend(&mut self, install: &Install<'_>, companions: &[String]) -> Result<(), Refusal> {
        let verb = install.verb_word()?;
        let at = install.verb().map_or(0, |verb| verb + 1);
        self.edit.insert(self.run.text.insert_after(self.run.instruction, verb.span.end), format!(" {FLAG}"));
        let mut words = vec![FLAG.to_owned()];
        let first = install.read.packages.first().map(|package| package + install.prefix);
        if let (Some(first), false) = (first, companions.is_empty()) {
            self.name(install, first, companions);
            if first == at {
                words.extend_from_slice(companions);
            } else {
                self.added_words(install.command, first, companions.to_vec());
            }
        }
        self.added_words(install.command, at, words);
        Ok(())
    }

    fn added_words(&mut self, command: usize, at: usize, words: Vec<String>) {
        self.declared.push(Delta::WordsAdded { instruction: self.run.index, command, at, words });
    }

    /// Puts packages before the first, on lines of their own where the first stands on one.
    fn name(&mut self, install: &Install<'_>, first: usize, companions: &[String]) {
        let words = &install.simple.words;
        let (Some(before), Some(package)) = (words.get(first - 1), words.get(first)) else { return };
        let place = |span| self.run.text.file_range(self.run.instruction, span);
        let (before, at) = (place(&before.span).end, place(&package.span).start);
        let gap = self.text.get(before..at).unwrap_or_default();
        let separator = if gap.contains('\n') && !gap.contains('#') { gap } else { " " };
        let text: String = companions.iter().flat_map(|package| [package.as_str(), separator]).collect();
        self.edit.insert(at, text);
    }
}
