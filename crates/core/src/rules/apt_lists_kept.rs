//! See [`RULE`].

use crate::model::{BuildModel, Delta};
use crate::rule::installs::apt::{AptCommand, apt_commands};
use crate::rule::installs::{
    APT_LISTS_CLEANUP, ShellRun, has_mount_over, inner_scripts, lists, removes, shell_runs, started, text_of,
};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::shell::{Item, Joiner, Node, Script, Simple};
use crate::text::TextEdit;

rule! {
    /// `apt-get update` in a RUN that keeps the package lists in its layer.
    ///
    /// ## Why
    ///
    /// The lists are tens of megabytes that the running image has no use for, and they grow stale: an installation
    /// from them fails once the mirrors have moved on. Removing them in a later RUN does not take them out of the layer.
    ///
    /// ```dockerfile
    /// FROM debian:12-slim
    /// RUN apt-get update \
    ///     && apt-get install -y --no-install-recommends jq
    /// CMD ["jq", "--help"]
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM debian:12-slim
    /// RUN apt-get update \
    ///     && apt-get install -y --no-install-recommends jq \
    ///     && rm -rf /var/lib/apt/lists/*
    /// CMD ["jq", "--help"]
    /// ```
    ///
    /// ## Fix
    ///
    /// `&& rm -rf /var/lib/apt/lists/*` goes to the end of the RUN, with `sudo` where the update is run with it.
    ///
    /// ## Stays silent
    ///
    /// - When the lists are removed behind the last update of the RUN: by `rm` of the directory, of one above or of all
    ///   in it, by `find ... -delete`, or by a program with `clean` in its name that is not apt. (`apt-get clean` keeps
    ///   the lists. So does a quoted `"/var/lib/apt/lists/*"`, and under dash `/var/lib/{apt,dpkg}`, which is not there.)
    /// - When a cache or tmpfs mount lies over /var/lib/apt or its lists.
    /// - In a stage whose layers reach no image: files are only copied from it.
    /// - In text that the shell grammar cannot read, in stages whose shell is not a POSIX one, and in the exec form
    ///   unless it runs a shell.
    ///
    /// ## Refuses
    ///
    /// - When a later step of the stage, or of one built on it, installs packages without an update in between (H102).
    /// - When the text ends with something that cannot be gone on with `&&`: `||`, a comment, `&`, `if` and loops, `exec`
    ///   (H088).
    /// - In a heredoc and in text for another shell.
    ///
    /// ## Safety
    ///
    /// Safe when no later step can be using the lists and the image starts a program. Unsafe (H102) when it may be the
    /// base of other images, when a later step runs a script that nobody sees, or when its program is a shell.
    "apt-lists-kept" {
        aliases: ["hadolint:DL3009"],
        since: "0.1.0",
        severity: Warning,
        phase: Clean,
        check: check,
        plan: plan,
    }
}

const MESSAGE: &str = "keeps the package lists in the layer: tens of megabytes that soon are stale";

const LISTS: &str = "/var/lib/apt/lists";

/// The last update of a script, when nothing behind it removes the lists.
fn kept(script: &Script, braces: bool) -> Option<AptCommand<'_>> {
    let update = apt_commands(script).filter(AptCommand::updates).last()?;
    let mut inside = false;
    let removed = started(script).filter(|started| started.command > update.started.command).any(|started| {
        match started.program() {
            // `cd /var/lib/apt/lists && rm -rf *`.
            "cd" => {
                inside = started.word(1).is_some_and(|word| text_of(word).trim_end_matches('/') == LISTS);
                false
            }
            "rm" if inside => true,
            // What a script of that name removes cannot be seen.
            program if program.contains("clean") => true,
            _ => {
                removes(&started, LISTS, braces)
                    || started
                        .words()
                        .skip(1)
                        .any(|word| word.contains(' ') && word.contains("rm ") && word.contains(LISTS))
            }
        }
    });
    (!removed).then_some(update)
}

fn is_mounted(run: &ShellRun<'_>) -> bool {
    has_mount_over(run.instruction, |target| {
        matches!(target.trim_end_matches('/'), "/var/lib/apt" | LISTS | "/var/lib" | "/var")
    })
}

/// Whether the shell of the RUN makes words of braces.
fn expands_braces(model: &BuildModel, index: usize) -> bool {
    let shell = model.place(index).and_then(|(_, step)| step.state.shell.as_deref()?.first().cloned());
    shell.is_some_and(|shell| ["bash", "zsh", "ksh"].iter().any(|name| shell.ends_with(name)))
}

fn kept_in<'a>(model: &BuildModel, run: &ShellRun<'a>) -> Option<AptCommand<'a>> {
    if !run.is_shipped(model) || is_mounted(run) {
        return None;
    }
    kept(&run.text.script, expands_braces(model, run.index))
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for run in shell_runs(subject.model, &["apt"]) {
        let Some(update) = kept_in(subject.model, &run) else { continue };
        let range = update.started.range(&run, update.verb.unwrap_or(0));
        findings.push(findings.at(run.index, range, MESSAGE).refused_if(run.editable().err()));
    }
    for inner in inner_scripts(subject, &["apt"]) {
        let shipped = subject.model.stage_of(inner.index).is_some_and(|stage| stage.shipped);
        if !shipped || kept(&inner.script, true).is_none() {
            continue;
        }
        let removed_behind = ShellRun::at(subject.model, inner.index).is_some_and(|run| {
            is_mounted(&run) || started(&run.text.script).any(|started| removes(&started, LISTS, false))
        });
        if !removed_behind {
            let finding = findings.at(inner.index, inner.range, MESSAGE).subject("inner");
            findings
                .push(finding.refused(Refusal::because("the command stands in the text for another shell")));
        }
    }
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, _) = finding.instruction_in(subject)?;
    let model = subject.model;
    let run = ShellRun::at(model, index)
        .ok_or_else(|| Refusal::because("the shell text cannot be read"))?
        .editable()?;
    if lists::are_needed_behind(model, index) {
        return Err(Refusal::hazard("H102", "a later step installs packages from these lists"));
    }
    let end = end_of_chain(&run.text.script)?;
    let sudo = apt_commands(&run.text.script).any(|command| command.updates() && command.started.sudo);
    let command = if sudo { format!("sudo {APT_LISTS_CLEANUP}") } else { APT_LISTS_CLEANUP.to_owned() };
    let mut edit = TextEdit::builder();
    let at = run.text.insert_after(run.instruction, end.end);
    edit.insert(at, format!("{}{command}", joint(subject, &run, &end)));
    let declared = vec![Delta::CommandAdded {
        instruction: index,
        after: run.text.script.commands().count().checked_sub(1),
        order: 0,
        joiner: "&&".to_owned(),
        command,
    }];
    Plan::edit("remove the package lists", edit.finish(), declared)
}

/// The span of the last command at the top, when `&&` and a further command may follow it: the status of the whole
/// stays what it was when it fails, and the command runs when it does not (H088).
fn end_of_chain(script: &Script) -> Result<crate::shell::Span, Refusal> {
    let refused = |reason: &str| Err(Refusal::hazard("H088", reason));
    if !script.comments().is_empty() {
        return refused("the shell text ends in a comment");
    }
    let Some(last) = script.list().last() else { return refused("there is nothing to go on with") };
    if last.background.is_some() {
        return refused("the commands end in the background");
    }
    let chain = script.list().iter().rev().map_while(|item| item.joiner.as_ref().map(|join| join.kind));
    if chain.take_while(|joiner| *joiner != Joiner::Sequence).any(|joiner| joiner != Joiner::And) {
        return refused("the commands do not end in a list of && alone");
    }
    match &last.node {
        Node::Simple(simple) if leaves(simple) => refused("the last command ends the shell"),
        Node::Simple(simple) if simple.redirects.iter().any(|redirect| redirect.here_doc.is_some()) => {
            refused("the last command reads a here-document")
        }
        Node::Pipeline(pipeline) if pipeline.negated.is_some() => refused("the last command is negated"),
        Node::Compound(_) | Node::Other { .. } => refused("the commands end in a compound command"),
        _ => Ok(last.node.span()),
    }
}

fn leaves(simple: &Simple) -> bool {
    matches!(simple.name(), Some("exec" | "exit" | "return"))
}

/// What stands between the last command and the new one, as it stands between the last two.
fn joint(subject: &Subject<'_>, run: &ShellRun<'_>, end: &crate::shell::Span) -> String {
    let text = subject.file().text();
    let last_two = run.text.script.list().iter().rev().take(2).collect::<Vec<&Item>>();
    if let [last, before] = last_two.as_slice() {
        let place = |node: &Node| run.text.file_range(run.instruction, &node.span());
        let gap = text.get(place(&before.node).end..place(&last.node).start).unwrap_or_default();
        let is_plain = !gap.contains(['#', ';']) && gap.matches("&&").count() == 1;
        if is_plain && gap.matches('\n').count() == 1 {
            return gap.to_owned();
        }
    }
    let range = run.text.file_range(run.instruction, &(0..end.end));
    let lines = range.of(text);
    let Some((_, last_line)) = lines.rsplit_once('\n') else { return " && ".to_owned() };
    let indent: String = last_line.chars().take_while(|letter| matches!(letter, ' ' | '\t')).collect();
    format!(" {}{}{indent}&& ", subject.file().escape(), subject.file().line_ending().as_str())
}
