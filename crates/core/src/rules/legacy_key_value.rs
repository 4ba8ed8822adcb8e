//! See [`RULE`].

use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};

rule! {
    /// To come.
    "legacy-key-value" {
        aliases: ["buildkit:LegacyKeyValueFormat"],
        since: "0.1.0",
        severity: Warning,
        default: true,
        phase: Normalise,
        check: check,
        plan: plan,
    }
}

fn check(_subject: &Subject<'_>, _findings: &mut Findings<'_>) {}

fn plan(_subject: &Subject<'_>, _finding: &Finding) -> Result<Plan, Refusal> {
    Err(Refusal::because("to come"))
}
