//! The exec form of CMD, ENTRYPOINT and HEALTHCHECK: where it is missing, what it would be, and how it is written.
//!
//! A command whose words are literal becomes those words. One that needs the shell, for a variable or for the commands
//! before it, keeps it and has it replace itself: `["/bin/sh", "-c", "exec ..."]`. What was meant as an array and is none
//! becomes one. Everything else is refused (H001 to H018).

mod array;
mod pair;
mod program;
mod reading;
mod stage;
mod write;

use std::cell::OnceCell;

use self::pair::Together;
use self::reading::{Form, Reading, is_broken_array, read};
use self::stage::{effective, in_shell_form, may_be_run_of};
use super::{Finding, Findings, Plan, Refusal, Severity, Subject};
use crate::knowledge::Shell;
use crate::model::{BuildModel, Delta, MeaningBody, ShellKind, Stage, State, render_words};
use crate::shell::ExpansionKind;
use crate::syntax::{Instruction, Keyword};
use crate::text::TextEdit;

pub(crate) use self::program::starts_alone;
pub(crate) use self::stage::{lacks_shell, lineage};

/// Finds the CMD or ENTRYPOINT in shell form that is in effect, in each stage that somebody may run.
pub(crate) fn check(subject: &Subject<'_>, findings: &mut Findings<'_>, keyword: Keyword) {
    let may_be_run = OnceCell::new();
    for stage in subject.model.stages() {
        let Some((index, instruction)) = in_shell_form(subject.model, stage, keyword) else { continue };
        let may_be_run: &Vec<bool> = may_be_run.get_or_init(|| may_be_run_of(subject.model));
        if may_be_run.get(stage.index) != Some(&true)
            || is_for_another_shell(subject, stage, index, instruction)
        {
            continue;
        }
        let (severity, message) = if is_array(subject, index, instruction) {
            (Severity::Error, format!("this {keyword} is no JSON array, so a shell is given the brackets"))
        } else {
            severity(subject, stage, index, instruction)
        };
        findings.push(findings.at(index, instruction.keyword_range(), message).severity(severity));
    }
}

/// Whether it was meant as an array.
fn is_array(subject: &Subject<'_>, index: usize, instruction: &Instruction) -> bool {
    instruction.arguments_text().starts_with('[')
        && subject.model.shell_text(index).is_some_and(|text| is_broken_array(&text.script))
}

/// Another shell than `/bin/sh -c` or one that SHELL names is at work: one of the base image (H006), one of Windows (H145),
/// or a program that is no shell.
fn is_for_another_shell(
    subject: &Subject<'_>,
    stage: &Stage,
    index: usize,
    instruction: &Instruction,
) -> bool {
    let Some((_, place)) = subject.model.place(index) else { return true };
    let before = &place.state;
    if before.shell.is_some() && !names_a_shell(before) {
        return true;
    }
    if !matches!(before.shell_kind(), ShellKind::Posix | ShellKind::None) {
        return true;
    }
    // The first word of a health check is `CMD`.
    let text = instruction.value_texts().last().unwrap_or_default();
    let first = text.split_whitespace().next().unwrap_or_default();
    let is_drive_path = text.as_bytes().windows(3).any(|w| w[0].is_ascii_alphabetic() && &w[1..] == b":\\");
    let unknown = stage.facts.is_none();
    subject.knowledge.is_windows_shell(first)
        || (unknown && (is_drive_path || subject.file().escape() == '`'))
}

/// Whether a SHELL of the file names a POSIX shell that takes a text: its last word is `-c`, `-lc` or the like.
fn names_a_shell(state: &State) -> bool {
    let takes_text = |word: &String| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c');
    state.shell_is_explicit
        && state.shell_kind() == ShellKind::Posix
        && state.shell.as_ref().and_then(|words| words.last()).is_some_and(takes_text)
}

fn severity(
    subject: &Subject<'_>,
    stage: &Stage,
    index: usize,
    instruction: &Instruction,
) -> (Severity, String) {
    let keyword = instruction.keyword;
    if lacks_shell(subject.model, stage) {
        let message =
            format!("this {keyword} needs a shell and the image has none: a container cannot start");
        return (Severity::Error, message);
    }
    let own = subject.model.place(index).and_then(|(_, step)| step.state.shell.as_ref()?.first());
    let is_default = own.is_none_or(|program| program.rsplit('/').next() == Some("sh"));
    let shell = stage.facts.as_ref().and_then(|facts| facts.shell).filter(|_| is_default);
    let text = instruction.arguments_text();
    let replaced = text.starts_with("exec ") || text.contains("&& exec ") || text.contains("; exec ");
    if shell.and_then(Shell::stays_process_one) == Some(true) && !replaced {
        let message = format!(
            "this {keyword} runs in a shell, which stays process 1 and keeps the stop signal to itself: \
             `docker stop` has to wait and kill"
        );
        return (Severity::Warning, message);
    }
    (
        Severity::Hint,
        format!("this {keyword} is read by a shell before the program starts: the exec form is not"),
    )
}

/// Plans the exec form of a CMD or an ENTRYPOINT.
///
/// # Errors
/// A [`Refusal`] when the text needs its shell to stay, or when ENTRYPOINT and CMD make no sense together.
pub(crate) fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    let model = subject.model;
    let stage = model.stage_of(index).ok_or_else(|| Refusal::because("it stands before the first FROM"))?;
    let reading = read(subject, stage, index)?;
    let together = if instruction.keyword == Keyword::Entrypoint {
        pair::entry(subject, stage, index, reading)?
    } else {
        let remarks = pair::command(subject, stage, &reading)?;
        Together { readings: vec![(index, reading)], remarks }
    };
    let mut edit = TextEdit::builder();
    let mut declared = Vec::new();
    let mut remarks = together.remarks;
    let mut title = "";
    for (at, reading) in &together.readings {
        let instruction = model.instruction(*at).ok_or_else(|| Refusal::because("the text has changed"))?;
        write::write(&mut edit, instruction, reading, model.file().text())?;
        declared.push(Delta::FormChanged {
            instruction: *at,
            from: reading.text.script.canonical(),
            to: reading.words.clone(),
        });
        declared.extend(config_deltas(model, *at, instruction.keyword, &reading.words));
        if *at == index {
            title = title_of(&reading.form);
            remarks.extend(about(subject, stage, reading));
        }
    }
    let mut plan = Plan::edit(title, edit.finish(), declared)?;
    plan.remarks = remarks;
    Ok(plan)
}

fn title_of(form: &Form<'_>) -> &'static str {
    match form {
        Form::Words { .. } => "start the program without a shell",
        Form::Shell { .. } => "have the shell replace itself by the program",
        Form::Array(_) => "write the array as JSON",
    }
}

/// What is to be said about the program that becomes process 1.
fn about(subject: &Subject<'_>, stage: &Stage, reading: &Reading<'_>) -> Vec<String> {
    let mut remarks = Vec::new();
    let program = reading.program().unwrap_or("the program");
    if reading.keeps_shell() {
        remarks.extend(unset_at_run_time(stage, reading));
    } else if !lacks_shell(subject.model, stage) && !starts_alone(subject, stage, program) {
        remarks.push(format!(
            "{program} must be a program or begin with `#!`: only a shell runs it otherwise (H014)."
        ));
    }
    remarks.push(if subject.knowledge.is_runner(program) {
        format!(
            "{program} is process 1 then, and starts the script through a shell of its own: whether the stop signal \
             gets through is up to its version. The program itself in its place is surer (H011, H152)."
        )
    } else {
        "The program is process 1 then: the stop signal reaches it, but one that installs no handler ignores it; \
         `--init` helps (H011, H152)."
            .to_owned()
    });
    remarks
}

/// Every stage that starts what this instruction says.
fn config_deltas(model: &BuildModel, index: usize, keyword: Keyword, words: &[String]) -> Vec<Delta> {
    let field = if keyword == Keyword::Cmd { "command" } else { "entry point" };
    let stages = model.stages().iter().filter_map(|stage| Some((stage.index, effective(stage, keyword)?)));
    let ours = stages.filter(|(_, command)| command.instruction == Some(index) && command.words != words);
    ours.map(|(stage, command)| Delta::ConfigChanged {
        stage,
        field: field.to_owned(),
        old: Some(render_words(&command.words)),
        new: Some(render_words(words)),
    })
    .collect()
}

/// A variable that only ARG sets is empty when the container starts (H016).
fn unset_at_run_time(stage: &Stage, reading: &Reading<'_>) -> Option<String> {
    let commands = reading.text.script.commands();
    let names = commands.flat_map(|simple| &simple.words).flat_map(|word| &word.expansions);
    let names = names.filter_map(|expansion| {
        let ExpansionKind::Parameter { name, .. } = &expansion.kind else { return None };
        Some(name)
    });
    let only_argument = |name: &str| {
        let is_argument = stage.end.args().any(|(argument, _)| argument == name);
        is_argument && !stage.end.env().any(|(variable, _)| variable == name)
    };
    let mut names = names.filter(|name| only_argument(name));
    let name = names.next()?;
    Some(format!("ARG {name} does not exist any more when the container starts: ${name} is empty (H016)."))
}

/// Finds the health checks in shell form that are in effect, in each stage that somebody may run.
pub(crate) fn check_health(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let may_be_run = OnceCell::new();
    for stage in subject.model.stages() {
        let mut instructions = subject.model.stage_instructions(stage);
        let Some((index, instruction)) = instructions.rfind(|(_, i)| i.keyword == Keyword::Healthcheck)
        else {
            continue;
        };
        let has_command =
            instruction.value_texts().next().is_some_and(|kind| kind.eq_ignore_ascii_case("cmd"))
                && instruction.values.len() == 2;
        let may_be_run: &Vec<bool> = may_be_run.get_or_init(|| may_be_run_of(subject.model));
        if !has_command
            || instruction.json
            || !instruction.heredocs.is_empty()
            || may_be_run.get(stage.index) != Some(&true)
            || is_for_another_shell(subject, stage, index, instruction)
        {
            continue;
        }
        let lacks_shell = lacks_shell(subject.model, stage);
        let message = if lacks_shell {
            "this HEALTHCHECK needs a shell and the image has none: it always fails"
        } else {
            "this HEALTHCHECK is in shell form: which shell it gets is not said"
        };
        let refusal = lacks_shell.then(|| Refusal::hazard("H012", "the image has no shell to name"));
        let finding = findings.at(index, instruction.keyword_range(), message);
        let severity = if lacks_shell { Severity::Error } else { Severity::Hint };
        findings.push(finding.severity(severity).refused_if(refusal));
    }
}

/// Plans the exec form of a health check: the same text for the same shell, which is never split into words (H018).
///
/// # Errors
/// A [`Refusal`] when the image may have no shell, or when the text was meant as an array.
pub(crate) fn plan_health(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    let model = subject.model;
    let gone = || Refusal::because("the text has changed");
    let (stage, step) = model.place(index).ok_or_else(gone)?;
    let text = model.shell_text(index).ok_or_else(gone)?;
    if is_broken_array(&text.script) {
        return Err(Refusal::hazard("H004", "it was meant as a JSON array"));
    }
    if stage.end.default_shell == Some(ShellKind::None) {
        return Err(Refusal::hazard("H012", "the image may have no shell"));
    }
    let shell = step.state.shell_words();
    let mut words = shell.clone();
    words.push(text.script.text().to_owned());
    let mut edit = TextEdit::builder();
    write::around(&mut edit, instruction, text, &shell, None);
    let from = text.script.canonical();
    let mut declared = vec![Delta::FormChanged { instruction: index, from, to: words.clone() }];
    let mut meaning = model.meaning(index).ok_or_else(gone)?;
    meaning.body = MeaningBody::Exec(words);
    let new = meaning.to_string();
    declared.extend(model.declare_config(stage.index, "health check", Some(&new), Keyword::Healthcheck));
    let plan = Plan::edit("name the shell of the health check", edit.finish(), declared)?;
    Ok(plan.remark("The same shell runs the same text: it only says so (H018)."))
}
