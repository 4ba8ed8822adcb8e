//! See [`RULE`].

use crate::model::Delta;
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::syntax::{Instruction, Keyword};
use crate::text::TextEdit;

rule! {
    /// Keywords in different letter case.
    ///
    /// ## Why
    ///
    /// BuildKit takes keywords in any case. A file that mixes cases is harder to read, and BuildKit warns about it.
    ///
    /// ```dockerfile
    /// FROM alpine:3.20
    /// run apk add --no-cache curl
    /// Cmd ["curl", "--version"]
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM alpine:3.20
    /// RUN apk add --no-cache curl
    /// CMD ["curl", "--version"]
    /// ```
    ///
    /// ## Fix
    ///
    /// The keyword takes the case that most keywords of the file have; upper case when they are even.
    ///
    /// ## Stays silent
    ///
    /// When all keywords are in upper case, or all in lower case. The keyword behind ONBUILD is not looked at.
    ///
    /// ## Refuses
    ///
    /// When the keyword is split over two lines.
    ///
    /// ## Safety
    ///
    /// Safe: only the layout changes.
    "mixed-instruction-casing" {
        aliases: ["buildkit:ConsistentInstructionCasing"],
        since: "0.1.0",
        severity: Hint,
        default: false,
        phase: Normalise,
        reveals: ["mixed-as-casing"],
        check: check,
        plan: plan,
    }
}

/// Whether the file's keywords are to be in lower case.
///
/// Source: BuildKit, `dockerfile2llb`, `validateCaseMatch`: the case of the majority, counted over the keywords that are
/// wholly in one case.
fn is_lower(subject: &Subject<'_>) -> bool {
    let keywords = subject.file().instructions().iter().map(Instruction::keyword_text);
    let mut balance = 0_isize;
    for keyword in keywords {
        if keyword == keyword.to_lowercase() {
            balance += 1;
        } else if keyword == keyword.to_uppercase() {
            balance -= 1;
        }
    }
    balance > 0
}

/// The keyword as it is to be written: from its name and not from the letters that are there, because BuildKit reads
/// letters outside of ASCII as keywords too (`MAİNTAİNER`), whose other case it does not.
fn in_case(instruction: &Instruction, lower: bool) -> String {
    let name = instruction.keyword.as_str();
    if lower { name.to_ascii_lowercase() } else { name.to_owned() }
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let lower = is_lower(subject);
    for (index, instruction) in subject.file().instructions().iter().enumerate() {
        let keyword = instruction.keyword_text();
        let wanted = in_case(instruction, lower);
        if instruction.keyword == Keyword::Unknown || keyword == wanted {
            continue;
        }
        let message = format!("{keyword} is in another letter case than most keywords of the file: {wanted}");
        findings.push(findings.at(index, instruction.keyword_range(), message));
    }
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    let wanted = in_case(instruction, is_lower(subject));
    if instruction.logical.crosses_gap(instruction.keyword_span) {
        return Err(Refusal::hazard("H144", "the keyword is split over lines"));
    }
    let mut edit = TextEdit::builder();
    edit.replace(instruction.keyword_range(), wanted.clone());
    Plan::edit(format!("write {wanted}"), edit.finish(), vec![Delta::LayoutChanged { instruction: index }])
}
