//! See [`RULE`].

use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};

rule! {
    /// To come.
    "add-instead-of-copy" {
        aliases: ["hadolint:DL3020"],
        since: "0.1.0",
        severity: Warning,
        phase: Normalise,
        check: check,
        plan: plan,
    }
}

pub(crate) fn unpacks_nothing(_subject: &Subject<'_>, _instruction: usize) -> Result<(), Refusal> {
    Err(Refusal::because("to come"))
}

fn check(_subject: &Subject<'_>, _findings: &mut Findings<'_>) {}

fn plan(_subject: &Subject<'_>, _finding: &Finding) -> Result<Plan, Refusal> {
    Err(Refusal::because("to come"))
}
