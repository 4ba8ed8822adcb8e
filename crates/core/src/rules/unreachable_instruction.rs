//! See [`RULE`].

use crate::model::{BuildModel, Delta, Stage};
use crate::rule::whole_lines::deletions;
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::syntax::Keyword;
use crate::text::TextEdit;

rule! {
    /// A CMD, ENTRYPOINT or HEALTHCHECK that a later one in its stage replaces.
    ///
    /// ## Why
    ///
    /// Of each of these a stage keeps the last alone. One that stands before it says something that is not so, and
    /// BuildKit warns about it.
    ///
    /// ```dockerfile
    /// FROM nginx:1.27
    /// CMD ["nginx"]
    /// CMD ["nginx", "-g", "daemon off;"]
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM nginx:1.27
    /// CMD ["nginx", "-g", "daemon off;"]
    /// ```
    ///
    /// ## Fix
    ///
    /// The lines of the instruction are deleted. Comments above it stay.
    ///
    /// ## Stays silent
    ///
    /// A CMD before an ENTRYPOINT: it holds the arguments of the entry point. One in each of two stages, also when one
    /// stage is built on the other: the first may be built by itself. Behind ONBUILD.
    ///
    /// ## Refuses
    ///
    /// When a comment stands between its lines. When a comment above speaks to a tool about it: it would come to speak
    /// about the next instruction (H148).
    ///
    /// ## Safety
    ///
    /// Safe: the image has the same config.
    "unreachable-instruction" {
        aliases: ["buildkit:MultipleInstructionsDisallowed", "hadolint:DL3012", "hadolint:DL4003", "hadolint:DL4004"],
        since: "0.1.0",
        severity: Warning,
        phase: Normalise,
        reveals: ["mixed-instruction-casing"],
        check: check,
        plan: plan,
    }
}

const KINDS: [Keyword; 3] = [Keyword::Cmd, Keyword::Entrypoint, Keyword::Healthcheck];

/// The instructions of one finding: they stand directly behind each other and have the same text, so that it makes no
/// difference which of them go.
struct Replaced {
    indices: std::ops::RangeInclusive<usize>,
    /// The instruction that is kept.
    last: usize,
}

/// What is replaced in a stage, by kind.
fn replaced(model: &BuildModel, stage: &Stage, kind: Keyword) -> Vec<Replaced> {
    let text = |index: usize| model.instruction(index).map(|i| i.range.of(model.file().text()));
    let of_kind = model.stage_instructions(stage).filter(|(_, instruction)| instruction.keyword == kind);
    let mut runs: Vec<std::ops::RangeInclusive<usize>> = Vec::new();
    for (index, _) in of_kind {
        match runs.last_mut() {
            Some(run) if *run.end() + 1 == index && text(*run.start()) == text(index) => {
                *run = *run.start()..=index;
            }
            _ => runs.push(index..=index),
        }
    }
    let Some(last_run) = runs.pop() else { return Vec::new() };
    let last = *last_run.end();
    let mut replaced: Vec<Replaced> = runs.into_iter().map(|indices| Replaced { indices, last }).collect();
    // Of equal ones the first is kept: which it is cannot be seen.
    if last_run.start() < last_run.end() {
        let last = *last_run.start();
        replaced.push(Replaced { indices: last + 1..=*last_run.end(), last });
    }
    replaced
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for stage in subject.model.stages() {
        for kind in KINDS {
            for Replaced { indices, last } in replaced(subject.model, stage, kind) {
                let index = *indices.start();
                let instruction = subject.model.instruction(index);
                let (Some(instruction), Some(last)) = (instruction, subject.model.instruction(last)) else {
                    continue;
                };
                let line = last.lines.start();
                let message =
                    format!("{kind} has no effect: of each kind a stage keeps one, here that in line {line}");
                let finding = findings
                    .at(index, instruction.keyword_range(), message)
                    .note(last.keyword_range(), "this one is kept")
                    .refused_if(indices.into_iter().find_map(|index| kept_apart(subject.model, index)));
                findings.push(finding);
            }
        }
    }
}

/// Why the lines of the instruction cannot be deleted.
fn kept_apart(model: &BuildModel, index: usize) -> Option<Refusal> {
    let instruction = model.instruction(index)?;
    if !instruction.comment_lines.is_empty() {
        return Some(Refusal::hazard("H144", "a comment stands between its lines"));
    }
    let comments = model.file().comments_glued_to(index);
    if comments.iter().any(crate::model::is_addressed) {
        return Some(Refusal::hazard("H148", "a comment above it speaks to a tool"));
    }
    None
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    let gone = || Refusal::because("the text has changed");
    let stage = subject.model.stage_of(index).ok_or_else(gone)?;
    let all = replaced(subject.model, stage, instruction.keyword);
    let Replaced { indices, .. } =
        all.into_iter().find(|replaced| *replaced.indices.start() == index).ok_or_else(gone)?;
    let mut lines = Vec::new();
    let mut declared = Vec::new();
    for index in indices {
        if let Some(refusal) = kept_apart(subject.model, index) {
            return Err(refusal);
        }
        let instruction = subject.model.instruction(index).ok_or_else(gone)?;
        lines.push(subject.file().whole_lines(instruction));
        declared.push(Delta::StepRemoved { instruction: index });
    }
    let mut edit = TextEdit::builder();
    for range in deletions(lines, subject.file().text()) {
        edit.delete(range);
    }
    Plan::edit(format!("delete the {} that has no effect", instruction.keyword), edit.finish(), declared)
}
