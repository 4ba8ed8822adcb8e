//! See [`RULE`].

use std::collections::BTreeMap;

use crate::knowledge::User;
use crate::model::{Base, BuildModel, Delta, Meaning, ShellKind, Stage};
use crate::rule::root_needs::Needs;
use crate::rule::users::{Grant, RunAs, grant, ready, user_of};
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
    /// RUN chown 1000:1000 /app
    /// COPY --chown=1000:1000 . .
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
    /// What the program writes to is given to that user, in the narrowest way:
    ///
    /// - `--chown` on the COPYs of the application, which costs no layer; installed packages stay with root (H021);
    /// - one `chown`, not recursive, of the working directory (H022), of volumes (before VOLUME, H027), of directories that
    ///   a RUN makes for data, and of those that the sources, variables and Compose files of the context name (H026, H041);
    /// - the few directories that a framework writes in, such as `tmp` and `log` of Rails.
    ///
    /// A port below 1024 stays as it is: Docker lets every user open it since 20.10, and a remark says where that does not
    /// hold (H020).
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
    /// - Programs that start as root and change the user themselves, and daemons that have to (H025, H037).
    /// - What lives in root's home: `pip install --user`, nvm, models and browsers that were downloaded there (H028, H073).
    /// - Programs and scripts that write to directories of the system, or install packages when they start (H021, H075).
    /// - Scripts that nobody can see: without a context, or written by a RUN (H025). Scripts of the context, `npm start`
    ///   and its kin are read, command by command.
    /// - sudo, capabilities, devices, raw sockets, the engine's socket (H036, H038, H041).
    /// - Images for building and developing, actions of GitHub (H040).
    /// - Root that is named on purpose (H024), users of the stage's own that it never switches to (H034).
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
    let is_returning = earlier.is_some();
    let run_as = if let Some(run_as) = earlier {
        run_as
    } else {
        let facts = stage.facts.as_deref();
        user_of(facts.ok_or_else(|| Refusal::hazard("H030", "nothing is known about the base image"))?)?
    };
    let (survey, needs) = root_needs::survey(subject, stage, &run_as)?;
    let place = Place::of(model, stage);
    // What the user that it returns to may write is as it was: the stage was made for it.
    let grant = if is_returning { Grant::default() } else { grant(&survey, &needs, place.behind)? };
    write(subject, stage, &run_as, &place, &grant, &needs)
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
        return Some(RunAs::returning(user));
    }
    let user: &User = stage.facts.as_ref()?.user.as_ref().filter(|user| !user.is_root())?;
    let began_as = stage.steps.first()?.state.user.value()?;
    let is_base_user = user.name.as_ref() == Some(began_as)
        || user.uid.map(|uid| uid.to_string()).as_ref() == Some(began_as);
    is_base_user.then(|| ready(user))
}

/// Where USER comes.
struct Place {
    /// The instruction that it stands behind: the last that may need root, or what follows that.
    behind: usize,
    /// The CMD or ENTRYPOINT that it stands above, when it does.
    above: Option<usize>,
}

impl Place {
    /// Behind the last step that may need root (H023), above the first CMD or ENTRYPOINT that follows it.
    fn of(model: &BuildModel, stage: &Stage) -> Self {
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
        let above = steps.get(behind..).unwrap_or_default().iter().find(starts).map(|(index, _)| *index);
        let behind = match above {
            Some(above) => above.saturating_sub(1),
            None => steps.last().map_or(stage.from, |(index, _)| *index),
        };
        Self { behind, above }
    }
}

/// Writes the owners of COPYs, the RUNs and the USER, and declares them.
fn write(
    subject: &Subject<'_>,
    stage: &Stage,
    run_as: &RunAs,
    place: &Place,
    grant: &Grant,
    needs: &Needs,
) -> Result<Plan, Refusal> {
    let model = subject.model;
    let file = subject.file();
    if !grant.runs.is_empty() && stage.end.shell_kind() != ShellKind::Posix {
        return Err(Refusal::hazard("H030", "a RUN would be read by another shell"));
    }
    let from = model.instruction(stage.from).map(Instruction::keyword_text).unwrap_or_default();
    let is_lower = from.chars().all(char::is_lowercase);
    let keyword = |word: &str| if is_lower { word.to_lowercase() } else { word.to_owned() };
    let mut edit = TextEdit::builder();
    let mut declared = Vec::new();
    let flag = format!("--chown={}", run_as.owner());
    for index in &grant.copies {
        let Some(copy) = model.instruction(*index) else { continue };
        let behind = copy.flags.last().map_or(copy.keyword_span, |flag| flag.span);
        edit.insert(copy.file_range(behind).end, format!(" {flag}"));
        declared.push(Delta::FlagAdded { instruction: *index, flag: flag.clone() });
    }
    let mut lines: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for run in &grant.runs {
        lines.entry(run.after).or_default().push(format!("{} {}", keyword("RUN"), run.command));
    }
    lines.entry(place.behind).or_default().push(format!("{} {}", keyword("USER"), run_as.user));
    let ending = file.line_ending().as_str();
    for (after, lines) in &lines {
        for (order, line) in lines.iter().enumerate() {
            let meaning =
                Meaning::of_text(line).ok_or_else(|| Refusal::because("the lines cannot be read back"))?;
            declared.push(Delta::StepAdded { after: Some(*after), order, meaning: meaning.to_string() });
        }
        let text = lines.join(ending);
        let above = place.above.filter(|_| *after == place.behind);
        if let Some((above, instruction)) = above.and_then(|above| Some((above, model.instruction(above)?))) {
            let glued = file.comments_glued_to(above).first().map(|comment| comment.range.start);
            let at = glued.unwrap_or(instruction.range.start);
            edit.insert(file.line_index().line_start(line_of(file.text(), at)), text + ending);
        } else {
            let last = model.instruction(*after).ok_or_else(|| Refusal::because("the stage is gone"))?;
            let end = file.whole_lines(last).end;
            let has_newline = file.text().get(..end).is_some_and(|before| before.ends_with('\n'));
            edit.insert(end, if has_newline { text + ending } else { format!("{ending}{text}") });
        }
    }
    declared.extend(model.declare_config(stage.index, "user", Some(&run_as.user), Keyword::User));
    let mut plan = Plan::edit(format!("run as {}, not root", run_as.shown), edit.finish(), declared)?
        .remark(run_as.remark.clone());
    for remark in &needs.remarks {
        plan = plan.remark(remark.clone());
    }
    if !subject.context.is_known() {
        plan = plan.remark(
            "Compose files and manifests that rely on root's paths or ports have to follow (H026, H041).",
        );
    }
    Ok(plan)
}

/// The line of an offset, counted from 0.
fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or_default().matches('\n').count()
}
