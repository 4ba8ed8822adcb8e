//! See [`RULE`].

use crate::model::Delta;
use crate::rewrite::author_label;
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::syntax::{Keyword, Lexer};
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
    /// When the stage sets that label itself: which of the two is meant is not ours to say. When the value cannot be
    /// written inside of quotes.
    ///
    /// ## Safety
    ///
    /// Safe (H141): the image's author field becomes a label, which `docker inspect` shows too.
    "maintainer-instruction" {
        aliases: ["buildkit:MaintainerDeprecated", "hadolint:DL4000"],
        since: "0.1.0",
        severity: Warning,
        phase: Normalise,
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

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    let model = subject.model;
    let stage = model.stage_of(index).ok_or_else(|| Refusal::because("it stands before the first FROM"))?;
    let count =
        model.stage_instructions(stage).filter(|(_, other)| other.keyword == Keyword::Maintainer).count();
    if stage.config.labels.contains_key(LABEL) || count > 1 {
        return Err(Refusal::hazard("H141", "the stage names its authors more than once"));
    }
    let author = instruction.arguments_text();
    let value = quoted(author, subject.file().escape())
        .ok_or_else(|| Refusal::hazard("H141", "the value cannot be written inside of quotes"))?;
    let mut edit = TextEdit::builder();
    let keyword = if instruction.keyword_text() == "maintainer" { "label" } else { "LABEL" };
    edit.replace(instruction.keyword_range(), keyword);
    edit.replace(instruction.file_range(instruction.arguments), format!("{LABEL}={value}"));
    let mut declared = vec![
        Delta::StepRemoved { instruction: index },
        Delta::StepAdded { after: index.checked_sub(1), order: 0, meaning: author_label(author) },
    ];
    declared.extend(model.declare_config(stage.index, "author", None, Keyword::Maintainer));
    declared.extend(model.declare_config(
        stage.index,
        &format!("label {LABEL}"),
        Some(author),
        Keyword::Maintainer,
    ));
    Plan::edit(format!("say it with the label {LABEL}"), edit.finish(), declared)
}
