//! See [`RULE`].

use crate::model::{BuildModel, Delta};
use crate::rule::installs::apt::{configured_from, inner_installs, is_fed};
use crate::rule::installs::{Install, ShellRun, inner_scripts, installs, shell_runs};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::text::TextEdit;

rule! {
    /// `apt-get install` without `-y`, so that it asks whether to go on.
    ///
    /// ## Why
    ///
    /// Nobody answers in a build. apt asks as soon as it would install more than what was named, finds no terminal and
    /// aborts. It does not always ask, so that a build may fail only when a package has got a new dependency.
    ///
    /// ```dockerfile
    /// FROM debian:12-slim
    /// RUN apt-get update && apt-get install jq
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM debian:12-slim
    /// RUN apt-get update && apt-get install -y jq
    /// ```
    ///
    /// ## Fix
    ///
    /// `-y` goes behind `install`.
    ///
    /// ## Stays silent
    ///
    /// - With `-y`, `--yes`, `--assume-yes`, `-qq`, `-q=2` or `--force-yes`, before or behind `install`, alone or in a
    ///   bundle (`-qy`).
    /// - With `-o APT::Get::Assume-Yes=true`, or when the stage has written that option to a file of apt before.
    /// - When the command is fed: `yes | apt-get install`, `echo y |`, `<<< y`.
    /// - When it installs nothing: `--dry-run`, `--download-only`, `--print-uris`.
    /// - When a variable may hold the flag: `$APT_OPTS`, `"$@"`.
    /// - In text that the shell grammar cannot read, in stages whose shell is not a POSIX one, and in the exec form
    ///   unless it runs a shell.
    ///
    /// `DEBIAN_FRONTEND=noninteractive` answers the questions of packages, not this one, and does not keep it silent.
    ///
    /// ## Refuses
    ///
    /// Commands in a heredoc or in the text for another shell.
    ///
    /// ## Safety
    ///
    /// Safe (H124): where the question is not asked the flag does nothing, and where it is the build fails without.
    "apt-prompt" {
        aliases: ["hadolint:DL3014"],
        since: "0.1.0",
        severity: Warning,
        phase: Clean,
        check: check,
        plan: plan,
    }
}

const MESSAGE: &str = "asks whether to go on, and nobody answers in a build";

const FLAG: &str = "-y";

/// Whether nothing is known to answer the question.
fn asks(install: &Install<'_>) -> bool {
    let assumed = ["apt::get::assume-yes", "apt::get::force-yes"].iter().any(|name| {
        install.option(name).is_some_and(|value| !matches!(value.as_str(), "false" | "no" | "0" | "off"))
    });
    !install.read.answers_prompts() && !install.read.has_effect("dry-run") && !assumed
}

fn asking<'a>(model: &BuildModel, run: &ShellRun<'a>) -> Vec<Install<'a>> {
    let mut installs = installs(&run.text.script, "apt-get");
    installs.retain(|install| {
        asks(install)
            && !is_fed(&run.text.script, install)
            && !install.may_have_unseen_flags(model, run.index)
    });
    if installs.is_empty() {
        return installs;
    }
    let from = configured_from(model, run, "Assume-Yes").unwrap_or(usize::MAX);
    installs.retain(|install| install.simple.span.start < from);
    installs
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for run in shell_runs(subject.model, &["apt"]) {
        let asking = asking(subject.model, &run);
        let Some(first) = asking.first() else { continue };
        let finding = findings.at(run.index, first.range(&run), MESSAGE);
        findings.push(finding.refused_if(run.editable().err()));
    }
    for inner in inner_scripts(subject, &["apt"]) {
        let installs = inner_installs(&inner);
        let asks = installs.iter().any(|install| {
            asks(install)
                && !is_fed(&inner.script, install)
                && !install.may_have_unseen_flags(subject.model, inner.index)
        });
        if asks {
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
    let mut edit = TextEdit::builder();
    let mut declared = Vec::new();
    for install in asking(subject.model, &run) {
        let verb = install.verb_word()?;
        edit.insert(run.text.insert_after(run.instruction, verb.span.end), format!(" {FLAG}"));
        declared.push(Delta::WordsAdded {
            instruction: index,
            command: install.command,
            at: install.verb().map_or(0, |verb| verb + 1),
            words: vec![FLAG.to_owned()],
        });
    }
    Plan::edit("answer with -y", edit.finish(), declared)
}
