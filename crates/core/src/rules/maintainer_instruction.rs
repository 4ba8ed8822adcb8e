//! See [`RULE`].

use crate::model::{Base, Delta, Stage};
use crate::rewrite::author_label;
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::syntax::{Instruction, Keyword, Lexer};
use crate::text::TextEdit;

rule! {
    /// MAINTAINER is deprecated.
    ///
    /// ## Why
    ///
    /// BuildKit warns about it, and no tool that reads images looks for it. The label that stands for it is
    /// `org.opencontainers.image.authors`, of the OCI image specification.
    ///
    /// ```dockerfile
    /// FROM alpine:3.20
    /// MAINTAINER Jo Doe <jo@example.com>
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM alpine:3.20
    /// LABEL org.opencontainers.image.authors="Jo Doe <jo@example.com>"
    /// ```
    ///
    /// ## Fix
    ///
    /// The instruction becomes the label, with the same value byte for byte.
    ///
    /// ## Stays silent
    ///
    /// Behind ONBUILD, where BuildKit refuses MAINTAINER anyway.
    ///
    /// ## Refuses
    ///
    /// When the stage sets that label itself, or has a second MAINTAINER: which is meant is not ours to say. When a stage
    /// built on this one has a MAINTAINER that is left alone for such a reason: it would inherit the label. When a
    /// comment stands between the lines of the instruction.
    ///
    /// ## Safety
    ///
    /// Safe (H141): the image's author field becomes a label, which `docker inspect` shows too.
    "maintainer-instruction" {
        aliases: ["buildkit:MaintainerDeprecated", "hadolint:DL4000"],
        since: "0.1.0",
        severity: Warning,
        phase: Normalise,
        reveals: ["mixed-instruction-casing", "empty-continuation-line"],
        check: check,
        plan: plan,
    }
}

const LABEL: &str = "org.opencontainers.image.authors";

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for (index, instruction) in subject.file().instructions().iter().enumerate() {
        if instruction.keyword == Keyword::Maintainer {
            let message =
                format!("MAINTAINER is deprecated: the label {LABEL} says who looks after an image");
            findings.push(findings.at(index, instruction.keyword_range(), message));
        }
    }
}

/// The value inside of double quotes, such that BuildKit reads the same bytes.
fn quoted(value: &str, escape: char) -> Option<String> {
    let mut text = String::from("\"");
    for character in value.chars() {
        if matches!(character, '"' | '$') || character == escape {
            text.push(escape);
        }
        text.push(character);
    }
    text.push('"');
    let read = Lexer::new(escape).expand(&text, &|_: &str| None).ok()?;
    (read.text == value && read.variables.is_empty()).then_some(text)
}

/// Why a MAINTAINER of a stage cannot become a label, when it cannot; otherwise the value of the label in quotes.
fn label_value(subject: &Subject<'_>, stage: &Stage, instruction: &Instruction) -> Result<String, Refusal> {
    let model = subject.model;
    let of_stage = |keyword| model.stage_instructions(stage).filter(move |(_, i)| i.keyword == keyword);
    if of_stage(Keyword::Maintainer).count() > 1 || sets_label(subject, stage) {
        return Err(Refusal::hazard("H141", "the stage names its authors more than once"));
    }
    if !instruction.comment_lines.is_empty() {
        return Err(Refusal::hazard("H144", "a comment stands between its lines"));
    }
    if instruction.logical.crosses_gap(instruction.keyword_span) {
        return Err(Refusal::hazard("H144", "the keyword is split over lines"));
    }
    if instruction.arguments.is_empty() {
        return Err(Refusal::because("it names nobody"));
    }
    if !instruction.flags.is_empty() {
        return Err(Refusal::because("it has a flag, which BuildKit refuses"));
    }
    quoted(instruction.arguments_text(), subject.file().escape())
        .ok_or_else(|| Refusal::hazard("H141", "the value cannot be written inside of quotes"))
}

/// Whether an instruction of the stage sets the label.
fn sets_label(subject: &Subject<'_>, stage: &Stage) -> bool {
    let lexer = Lexer::new(subject.file().escape());
    let is_ours = |name: &str| lexer.expand(name, &|_: &str| None).is_ok_and(|name| name.text == LABEL);
    let mut instructions = subject.model.stage_instructions(stage);
    instructions.any(|(_, instruction)| {
        instruction.keyword == Keyword::Label && instruction.pairs.iter().any(|pair| is_ours(&pair.name.text))
    })
}

fn maintainer<'a>(subject: &Subject<'a>, stage: &'a Stage) -> Option<&'a Instruction> {
    let mut instructions = subject.model.stage_instructions(stage);
    instructions.find(|(_, instruction)| instruction.keyword == Keyword::Maintainer).map(|(_, found)| found)
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    let model = subject.model;
    let stage = model.stage_of(index).ok_or_else(|| Refusal::because("it stands before the first FROM"))?;
    let value = label_value(subject, stage, instruction)?;
    let author = instruction.arguments_text();
    let mut declared = vec![
        Delta::StepRemoved { instruction: index },
        Delta::StepAdded { after: index.checked_sub(1), order: 0, meaning: author_label(author) },
    ];
    declared.extend(inherited(subject, stage, author)?);
    let mut edit = TextEdit::builder();
    let keyword = if instruction.keyword_text() == "maintainer" { "label" } else { "LABEL" };
    edit.replace(instruction.keyword_range(), keyword);
    edit.replace(instruction.file_range(instruction.arguments), format!("{LABEL}={value}"));
    Plan::edit(format!("say it with the label {LABEL}"), edit.finish(), declared)
}

/// How the config of the stage and of those built on it changes.
///
/// # Errors
/// A refusal when one of those has a MAINTAINER of its own that stays: it would inherit the label and contradict it.
fn inherited(subject: &Subject<'_>, stage: &Stage, author: &str) -> Result<Vec<Delta>, Refusal> {
    let mut deltas = Vec::new();
    // Without its own, a stage has the author of the stage that it is built on.
    let below = match &stage.base {
        Base::Stage(base) => subject.model.stages().get(*base).and_then(|base| base.config.author.clone()),
        _ => None,
    };
    // The stages whose author, or whose label, is that of the stage.
    let mut with_author = vec![stage.index];
    let mut with_label = vec![stage.index];
    for index in std::iter::once(stage.index).chain(subject.model.children(stage.index)) {
        let Some(this) = subject.model.stages().get(index) else { continue };
        let inherits = |from: &[usize]| {
            index == stage.index || matches!(this.base, Base::Stage(base) if from.contains(&base))
        };
        let own = if index == stage.index { None } else { maintainer(subject, this) };
        if let Some(own) = own {
            label_value(subject, this, own)?;
        }
        let (author_changes, label_changes) = (
            inherits(&with_author) && own.is_none(),
            inherits(&with_label) && (index == stage.index || !sets_label(subject, this)),
        );
        if author_changes {
            with_author.push(index);
            let (old, new) = (this.config.author.clone(), below.clone());
            if old != new {
                deltas.push(Delta::ConfigChanged { stage: index, field: "author".to_owned(), old, new });
            }
        }
        if label_changes {
            with_label.push(index);
            let old = this.config.labels.get(LABEL).cloned();
            let new = Some(author.to_owned());
            if old != new {
                deltas.push(Delta::ConfigChanged { stage: index, field: format!("label {LABEL}"), old, new });
            }
        }
    }
    Ok(deltas)
}
