//! See [`RULE`].

use crate::model::{BuildModel, Delta};
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

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for stage in subject.model.stages() {
        for kind in KINDS {
            let of_kind = subject.model.stage_instructions(stage).filter(|(_, i)| i.keyword == kind);
            let all: Vec<_> = of_kind.collect();
            let Some(((_, last), replaced)) = all.split_last() else { continue };
            for (index, instruction) in replaced {
                let message = format!(
                    "{kind} has no effect: the {kind} in line {} replaces it",
                    last.lines.start()
                );
                let finding = findings
                    .at(*index, instruction.keyword_range(), message)
                    .note(last.keyword_range(), "this one is kept")
                    .refused_if(kept_apart(subject.model, *index));
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
    if let Some(refusal) = kept_apart(subject.model, index) {
        return Err(refusal);
    }
    let mut edit = TextEdit::builder();
    edit.delete(subject.file().whole_lines(instruction));
    let title = format!("delete the {} that has no effect", instruction.keyword);
    Plan::edit(title, edit.finish(), vec![Delta::StepRemoved { instruction: index }])
}
