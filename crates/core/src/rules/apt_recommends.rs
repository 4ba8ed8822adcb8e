//! See [`RULE`].

use crate::model::Delta;
use crate::rule::installs::{Install, ShellRun, installs, shell_runs};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::text::TextEdit;

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
    /// The flag goes behind `install`. Where a package would lose something it is of little use without (TLS
    /// certificates for curl), that is named too.
    ///
    /// ## Stays silent
    ///
    /// When the flag is there, or the option `APT::Install-Recommends` on the command or in a file under
    /// `/etc/apt/apt.conf.d` that the stage writes before. When the command installs nothing (`--download-only`).
    ///
    /// ## Refuses
    ///
    /// When a package is a variable: what it loses cannot be told (H101). In a heredoc and in text for another shell.
    /// When a later step uses something that comes with a recommendation: pip's compilers, gnupg's dirmngr.
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

const FLAG: &str = "--no-install-recommends";

fn lacking<'a>(run: &ShellRun<'a>) -> Vec<Install<'a>> {
    let mut installs = installs(run, "apt-get");
    installs.retain(|install| {
        let command = &install.read;
        let option = command.flags.iter().filter_map(|flag| flag.value.as_deref());
        let by_option = option.into_iter().any(|value| {
            value.trim_matches('"').to_ascii_lowercase().starts_with("apt::install-recommends=")
        });
        !command.has_effect("recommended") && !command.has_effect("dry-run") && !by_option
    });
    installs
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for run in shell_runs(subject.model, &["apt"]) {
        let lacking = lacking(&run);
        let Some(first) = lacking.first() else { continue };
        let message =
            "installs what the packages only recommend: the image grows by packages nobody asked for";
        findings.push(findings.at(run.index, first.range(&run), message));
    }
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, _) = finding.instruction_in(subject)?;
    let run = shell_runs(subject.model, &["apt"])
        .find(|run| run.index == index)
        .ok_or_else(|| Refusal::because("the shell text cannot be read"))?;
    if run.text.is_heredoc() {
        return Err(Refusal::because("the command stands in a heredoc"));
    }
    let mut edit = TextEdit::builder();
    let mut declared = Vec::new();
    for install in lacking(&run) {
        let verb = install.verb().ok_or_else(|| Refusal::because("the command has no verb"))?;
        let word =
            install.simple.words.get(verb).ok_or_else(|| Refusal::because("the command has no verb"))?;
        let words = vec![FLAG.to_owned()];
        let at = run.text.insert_after(run.instruction, word.span.end);
        edit.insert(at, format!(" {}", words.join(" ")));
        declared.push(Delta::WordsAdded {
            instruction: index,
            command: install.command,
            at: verb + 1,
            words,
        });
    }
    Plan::edit(format!("add {FLAG}"), edit.finish(), declared)
}
