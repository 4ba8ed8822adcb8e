//! See [`RULE`].

use crate::model::{BuildModel, Delta};
use crate::rule::installs::apt::{AptCommand, apt_commands};
use crate::rule::installs::{ShellRun, inner_scripts, shell_runs, text_of};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::text::TextEdit;

rule! {
    /// `apt` in a RUN, which is made for people at a terminal.
    ///
    /// ## Why
    ///
    /// apt itself warns: `WARNING: apt does not have a stable CLI interface. Use with caution in scripts.` Its defaults
    /// and output may change with any release; those of `apt-get` do not.
    ///
    /// ```dockerfile
    /// FROM debian:12-slim
    /// RUN apt update && apt install -y jq
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM debian:12-slim
    /// RUN apt-get update && apt-get install -y jq
    /// ```
    ///
    /// ## Fix
    ///
    /// `apt` becomes `apt-get`. `apt upgrade` may install new packages and `apt-get upgrade` may not, so that it gets
    /// `--with-new-pkgs`; `apt full-upgrade` becomes `apt-get dist-upgrade`, its name in every release.
    ///
    /// ## Stays silent
    ///
    /// For `apt list`, `apt search` and `apt show`, which have no form of `apt-get`. In text that the shell grammar
    /// cannot read, in stages whose shell is not a POSIX one, and in the exec form unless it runs a shell.
    ///
    /// ## Refuses
    ///
    /// `apt policy`, `apt edit-sources` and other verbs that `apt-get` does not have (H110). A package given as a
    /// pattern, which `apt-get` reads as a regular expression (H110). Commands in a heredoc or in the text for another
    /// shell.
    ///
    /// ## Safety
    ///
    /// Safe: both are front ends of one library, and for these verbs they do the same. (Outside of the official images,
    /// which remove downloaded packages anyway, `apt-get` keeps them in /var/cache/apt.)
    "apt-command" {
        aliases: ["hadolint:DL3027"],
        since: "0.1.0",
        severity: Hint,
        phase: Clean,
        check: check,
        plan: plan,
    }
}

const MESSAGE: &str =
    "runs apt, whose command line is made for a terminal and may change: scripts use apt-get";

/// The commands of `apt` that have something to do with `apt-get`.
fn of_apt(script: &crate::shell::Script) -> impl Iterator<Item = AptCommand<'_>> {
    apt_commands(script).filter(|command| {
        let is_query = matches!(command.verb_text(), Some("list" | "search" | "show") | None);
        command.started.program() == "apt" && !is_query
    })
}

/// The verb of `apt-get` that does what a verb of `apt` does, and the flag that it needs for it.
///
/// Source: apt's `apt-private/private-cmndline.cc`, the tables of commands and the configuration of `Binary::apt`.
pub(crate) fn same_verb(verb: &str) -> Option<(&str, Option<&'static str>)> {
    match verb {
        "upgrade" => Some(("upgrade", Some(NEW_PACKAGES))),
        "full-upgrade" => Some(("dist-upgrade", None)),
        "install" | "reinstall" | "update" | "dist-upgrade" | "remove" | "purge" | "autoremove"
        | "autopurge" | "clean" | "autoclean" | "build-dep" | "source" | "download" | "satisfy" => {
            Some((verb, None))
        }
        _ => None,
    }
}

/// What `apt upgrade` has set by its configuration.
const NEW_PACKAGES: &str = "--with-new-pkgs";

fn refusal(command: &AptCommand<'_>) -> Option<Refusal> {
    let verb = command.verb_text().unwrap_or_default();
    if same_verb(verb).is_none() {
        return Some(Refusal::hazard("H110", format!("apt-get has no {verb}")));
    }
    let is_pattern =
        |word: &str| word.starts_with(['~', '?']) || word.contains('*') || word.ends_with(['$', '^']);
    let mut arguments = command.started.words().skip(command.verb.unwrap_or(0) + 1);
    arguments.any(is_pattern).then(|| Refusal::hazard("H110", "apt and apt-get read patterns differently"))
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for run in shell_runs(subject.model, &["apt "]) {
        let mut commands = of_apt(&run.text.script).peekable();
        let Some(first) = commands.peek() else { continue };
        let range = first.started.range(&run, first.verb.unwrap_or(0));
        let refused = commands.find_map(|command| refusal(&command)).or_else(|| run.editable().err());
        findings.push(findings.at(run.index, range, MESSAGE).refused_if(refused));
    }
    for inner in inner_scripts(subject, &["apt "]) {
        if of_apt(&inner.script).next().is_some() {
            let finding = findings.at(inner.index, inner.range, MESSAGE).subject("inner");
            findings
                .push(finding.refused(Refusal::because("the command stands in the text for another shell")));
        }
    }
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, _) = finding.instruction_in(subject)?;
    let run = run_at(subject.model, index)?;
    let mut edit = TextEdit::builder();
    let mut declared = Vec::new();
    for command in of_apt(&run.text.script) {
        if let Some(refusal) = refusal(&command) {
            return Err(refusal);
        }
        replace(&run, &command, &mut edit, &mut declared)?;
    }
    Plan::edit("use apt-get", edit.finish(), declared)
}

fn run_at(model: &BuildModel, index: usize) -> Result<ShellRun<'_>, Refusal> {
    ShellRun::at(model, index).ok_or_else(|| Refusal::because("the shell text cannot be read"))?.editable()
}

fn replace(
    run: &ShellRun<'_>,
    command: &AptCommand<'_>,
    edit: &mut crate::text::TextEditBuilder,
    declared: &mut Vec<Delta>,
) -> Result<(), Refusal> {
    let prefix = command.started.prefix;
    let delta = |at: usize, from: &str, to: &str| Delta::WordReplaced {
        instruction: run.index,
        command: command.started.command,
        at: prefix + at,
        from: from.to_owned(),
        to: to.to_owned(),
    };
    let missing = || Refusal::because("the command has no verb");
    let program = command.started.word(0).ok_or_else(missing)?;
    if program.quoted {
        return Err(Refusal::because("the name of the command is quoted"));
    }
    edit.insert(run.text.insert_after(run.instruction, program.span.end), "-get");
    declared.push(delta(0, &program.canonical(), &format!("{}-get", program.canonical())));
    let at = command.verb.ok_or_else(missing)?;
    let verb = command.started.word(at).ok_or_else(missing)?;
    let (name, flag) = same_verb(text_of(verb)).ok_or_else(missing)?;
    if name != verb.raw() {
        edit.replace(run.text.file_range(run.instruction, &verb.span), name);
        declared.push(delta(at, &verb.canonical(), name));
    }
    if let Some(flag) = flag.filter(|flag| !command.started.words().any(|word| word == *flag)) {
        edit.insert(run.text.insert_after(run.instruction, verb.span.end), format!(" {flag}"));
        declared.push(Delta::WordsAdded {
            instruction: run.index,
            command: command.started.command,
            at: prefix + at + 1,
            words: vec![flag.to_owned()],
        });
    }
    Ok(())
}
