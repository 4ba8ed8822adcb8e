//! See [`RULE`].

use crate::knowledge::User;
use crate::model::{Base, BuildModel, Delta, Meaning, ShellKind, Stage};
use crate::rule::users::{RunAs, ready, user_of};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, root_needs, rule};
use crate::syntax::{Instruction, Keyword};
use crate::text::TextEdit;

rule! {
    /// The container runs as root.
    ///
    /// ## Why
    ///
    /// Whoever breaks into the program is root in the container, may change it as they like, and is one mistake of the
    /// container engine away from root on the host.
    ///
    /// ```dockerfile
    /// FROM node:22-slim
    /// WORKDIR /app
    /// COPY . .
    /// CMD ["node", "server.js"]
    /// ```
    /// ->
    /// ```dockerfile unsafe
    /// FROM node:22-slim
    /// WORKDIR /app
    /// COPY . .
    /// USER 1000:1000
    /// CMD ["node", "server.js"]
    /// ```
    ///
    /// ## Fix
    ///
    /// A USER behind the last step that may need root: the user that the base image has ready, by number (H029, H031).
    /// Where it has none, one is made in the way of the distribution, with a home of its own (H028, H030). Where the stage
    /// had another user before `USER root`, it returns to that.
    ///
    /// ## Stays silent
    ///
    /// - When it is not known who the base image runs as: unknown is not root.
    /// - When nothing says what a container would start.
    /// - In stages that are not the result of the build (H039).
    /// - On Windows.
    ///
    /// ## Refuses
    ///
    /// Everything but plain cases. Programs that start as root and change the user themselves (H025, H037), ports below
    /// 1024 (H020), volumes (H026), what lives in root's home (H028, H073), what writes to root's directories when it
    /// starts (H021, H075), sudo (H036), capabilities, devices and secrets (H038), scripts and programs that cannot be
    /// seen (H025), images for building and developing (H040).
    ///
    /// ## Safety
    ///
    /// Unsafe: files that the program writes belong to root, and no file says all of them.
    "root-user" {
        aliases: ["hadolint:DL3002"],
        since: "0.1.0",
        severity: Warning,
        default: true,
        phase: User,
        rewrite: "user",
        check: check,
        plan: plan,
    }
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let model = subject.model;
    for (stage, is_result) in model.stages().iter().zip(results(model)) {
        if !is_result || !is_root(stage) || !is_runnable(stage) {
            continue;
        }
        if stage.end.shell_kind() == ShellKind::Windows {
            continue;
        }
        let named = last_user(model, stage);
        let (index, message) = match named {
            Some(index) => (index, "the container runs as root: the last USER says so"),
            None => {
                (stage.from, "the container runs as root: the base image does, and no USER says otherwise")
            }
        };
        let Some(instruction) = model.instruction(index) else { continue };
        findings.push(findings.at(index, instruction.head_range(), message));
    }
}

/// The stages that are a result of the build, by index: the last one and those that something outside of the file is
/// known to build, but none that another result is built on.
fn results(model: &BuildModel) -> Vec<bool> {
    let mut results: Vec<bool> = model.stages().iter().map(|stage| stage.shipped).collect();
    for stage in model.stages().iter().filter(|stage| stage.shipped) {
        if let Base::Stage(base) = stage.base
            && let Some(result) = results.get_mut(base)
        {
            *result = false;
        }
    }
    results
}

fn is_root(stage: &Stage) -> bool {
    stage.config.user.value().is_some_and(|user| names_root(user))
}

fn names_root(user: &str) -> bool {
    matches!(user.split(':').next(), Some("root" | "0" | ""))
}

fn is_runnable(stage: &Stage) -> bool {
    stage.config.is_runnable() || stage.facts.as_ref().and_then(|facts| facts.service) == Some(true)
}

/// The last USER of the stage itself.
fn last_user(model: &BuildModel, stage: &Stage) -> Option<usize> {
    let mut users = model.stage_instructions(stage).filter(|(_, step)| step.keyword == Keyword::User);
    users.next_back().map(|(index, _)| index)
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let model = subject.model;
    let (index, _) = finding.instruction_in(subject)?;
    let stage = model.stage_of(index).ok_or_else(|| Refusal::because("it stands before the first FROM"))?;
    let earlier = earlier_user(model, stage);
    if last_user(model, stage).is_some() && earlier.is_none() {
        return Err(Refusal::hazard("H024", "root is named on purpose, and there is no user to return to"));
    }
    root_needs::refuse_unless_plain(subject, stage)?;
    let run_as = if let Some(run_as) = earlier {
        run_as
    } else {
        let facts = stage.facts.as_deref();
        user_of(facts.ok_or_else(|| Refusal::hazard("H030", "nothing is known about the base image"))?)?
    };
    insert(subject, stage, &run_as)
}

/// The user that the stage or its base had before it became root.
fn earlier_user(model: &BuildModel, stage: &Stage) -> Option<RunAs> {
    last_user(model, stage)?;
    let mut users = model.stage_instructions(stage).filter(|(_, step)| step.keyword == Keyword::User);
    let named = users.rfind(|(index, step)| {
        let text = step.value_texts().next().unwrap_or_default();
        let value = model.place(*index + 1).map(|(_, next)| next.state.user.clone());
        // A variable may have another value by now.
        !text.contains('$') && value.is_some_and(|value| value.value().is_some_and(|user| !names_root(user)))
    });
    if let Some((_, step)) = named {
        let user = step.value_texts().next()?.to_owned();
        let remark = format!("The stage ran as {user} before it became root.");
        return Some(RunAs { shown: user.clone(), user, made_by: None, remark });
    }
    let user: &User = stage.facts.as_ref()?.user.as_ref().filter(|user| !user.is_root())?;
    let began_as = stage.steps.first()?.state.user.value()?;
    let is_base_user = user.name.as_ref() == Some(began_as)
        || user.uid.map(|uid| uid.to_string()).as_ref() == Some(began_as);
    is_base_user.then(|| ready(user))
}

/// Writes the USER behind the last step that may need root, above the comments that belong to what follows.
fn insert(subject: &Subject<'_>, stage: &Stage, run_as: &RunAs) -> Result<Plan, Refusal> {
    let model = subject.model;
    let file = subject.file();
    let steps: Vec<(usize, &Instruction)> = model.stage_instructions(stage).collect();
    let needs_root = |keyword: Keyword| {
        !matches!(
            keyword,
            Keyword::Cmd
                | Keyword::Entrypoint
                | Keyword::Expose
                | Keyword::Label
                | Keyword::Env
                | Keyword::Arg
                | Keyword::Healthcheck
                | Keyword::Stopsignal
                | Keyword::Maintainer
                | Keyword::Shell
        )
    };
    let behind = steps.iter().rposition(|(_, step)| needs_root(step.keyword)).map_or(0, |at| at + 1);
    let starts =
        |(_, step): &&(usize, &Instruction)| matches!(step.keyword, Keyword::Cmd | Keyword::Entrypoint);
    let before = steps.get(behind..).unwrap_or_default().iter().find(starts).map(|(index, _)| *index);
    let after = match before {
        Some(before) => before.saturating_sub(1),
        None => steps.last().map_or(stage.from, |(index, _)| *index),
    };
    let from = model.instruction(stage.from).map(Instruction::keyword_text).unwrap_or_default();
    let is_lower = from.chars().all(char::is_lowercase);
    let keyword = |word: &str| if is_lower { word.to_lowercase() } else { word.to_owned() };
    let mut lines = Vec::new();
    if let Some(command) = &run_as.made_by {
        if stage.end.shell_kind() != ShellKind::Posix {
            return Err(Refusal::hazard("H030", "a RUN would be read by another shell"));
        }
        lines.push(format!("{} {command}", keyword("RUN")));
    }
    lines.push(format!("{} {}", keyword("USER"), run_as.user));
    let mut declared = Vec::new();
    for (order, line) in lines.iter().enumerate() {
        let meaning =
            Meaning::of_text(line).ok_or_else(|| Refusal::because("the lines cannot be read back"))?;
        declared.push(Delta::StepAdded { after: Some(after), order, meaning: meaning.to_string() });
    }
    declared.extend(model.declare_config(stage.index, "user", Some(&run_as.user), Keyword::User));
    let ending = file.line_ending().as_str();
    let text = lines.join(ending);
    let mut edit = TextEdit::builder();
    if let Some((before, instruction)) = before.and_then(|before| Some((before, model.instruction(before)?)))
    {
        let glued = file.comments_glued_to(before).first().map(|comment| comment.range.start);
        let at = glued.unwrap_or(instruction.range.start);
        edit.insert(file.line_index().line_start(line_of(file.text(), at)), text + ending);
    } else {
        let last = model.instruction(after).ok_or_else(|| Refusal::because("the stage is gone"))?;
        let end = file.whole_lines(last).end;
        let has_newline = file.text().get(..end).is_some_and(|before| before.ends_with('\n'));
        edit.insert(end, if has_newline { text + ending } else { format!("{ending}{text}") });
    }
    let mut plan = Plan::edit(format!("run as {}, not root", run_as.shown), edit.finish(), declared)?
        .remark(run_as.remark.clone());
    if let Some(workdir) = stage.config.workdir.value().filter(|workdir| *workdir != "/") {
        plan = plan.remark(format!(
            "{workdir} and what is copied there still belong to root: the program can read them and not write to them \
             (H021, H022)."
        ));
    }
    Ok(plan.remark(
        "Compose files and manifests that rely on root's paths or ports have to follow (H026, H041).",
    ))
}

/// The line of an offset, counted from 0.
fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or_default().matches('\n').count()
}
