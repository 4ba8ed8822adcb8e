//! See [`RULE`].

use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};

rule! {
    /// To come.
    "missing-dockerignore" {
        aliases: [],
        since: "0.1.0",
        severity: Warning,
        default: true,
        phase: IgnoreFile,
        needs_context: true,
        rewrite: "ignore",
        check: check,
        plan: plan,
    }
}

fn check(_subject: &Subject<'_>, _findings: &mut Findings<'_>) {}

fn plan(_subject: &Subject<'_>, _finding: &Finding) -> Result<Plan, Refusal> {
    Err(Refusal::because("to come"))
}
