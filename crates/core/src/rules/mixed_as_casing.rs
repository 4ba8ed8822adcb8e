//! See [`RULE`].

use crate::model::Delta;
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::syntax::{Instruction, Keyword, Value};
use crate::text::TextEdit;

rule! {
    /// `FROM` and `as` in different letter case.
    ///
    /// ## Why
    ///
    /// BuildKit takes both in any case. A line that mixes them is harder to read, and BuildKit warns about it.
    ///
    /// ```dockerfile
    /// FROM golang:1.22 as build
    /// RUN go build -o /app .
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM golang:1.22 AS build
    /// RUN go build -o /app .
    /// ```
    ///
    /// ## Fix
    ///
    /// `as` takes the case of its FROM.
    ///
    /// ## Stays silent
    ///
    /// When FROM itself is in mixed case: that is for `mixed-instruction-casing`. The stage's name is not looked at,
    /// and neither is the image.
    ///
    /// ## Refuses
    ///
    /// When the word is split over two lines.
    ///
    /// ## Safety
    ///
    /// Safe: only the layout changes.
    "mixed-as-casing" {
        aliases: ["buildkit:FromAsCasing"],
        since: "0.1.0",
        severity: Hint,
        default: false,
        phase: Normalise,
        check: check,
        plan: plan,
    }
}

/// The `as` of a FROM, and how it should be written, when that is not how it is.
///
/// Source: BuildKit, `instructions`, `doesFromCaseMatchAsCase`.
fn wrong_as(instruction: &Instruction) -> Option<(&Value, &'static str)> {
    let [_, word, _] = instruction.values.as_slice() else { return None };
    if instruction.keyword != Keyword::From || !word.text.eq_ignore_ascii_case("as") {
        return None;
    }
    let wanted = match instruction.keyword_text() {
        "FROM" => "AS",
        "from" => "as",
        _ => return None,
    };
    (word.text != wanted).then_some((word, wanted))
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for (index, instruction) in subject.file().instructions().iter().enumerate() {
        if let Some((word, wanted)) = wrong_as(instruction) {
            let keyword = instruction.keyword_text();
            let message =
                format!("{} is in another letter case than {keyword} before it: {wanted}", word.text);
            findings.push(findings.at(index, instruction.file_range(word.span), message));
        }
    }
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    let (word, wanted) = wrong_as(instruction).ok_or_else(|| Refusal::because("the text has changed"))?;
    if instruction.logical.crosses_gap(word.span) {
        return Err(Refusal::hazard("H144", "the word is split over lines"));
    }
    let mut edit = TextEdit::builder();
    edit.replace(instruction.file_range(word.span), wanted);
    Plan::edit(format!("write {wanted}"), edit.finish(), vec![Delta::LayoutChanged { instruction: index }])
}
