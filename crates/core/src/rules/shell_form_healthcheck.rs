//! See [`RULE`].

use crate::rule::{Finding, Findings, Plan, Refusal, Subject, exec_form, rule};

rule! {
    /// HEALTHCHECK in shell form.
    ///
    /// ## Why
    ///
    /// Which shell reads a check is up to the SHELL before it, and Podman drops SHELL in images of the OCI format (H019).
    /// Named in the exec form, the shell is the same everywhere. Some linters ask for it.
    ///
    /// ```dockerfile
    /// FROM debian:12-slim
    /// HEALTHCHECK --interval=30s CMD curl -f http://localhost/ || exit 1
    /// ```
    /// ->
    /// ```dockerfile unsafe
    /// FROM debian:12-slim
    /// HEALTHCHECK --interval=30s CMD ["/bin/sh", "-c", "curl -f http://localhost/ || exit 1"]
    /// ```
    ///
    /// ## Fix
    ///
    /// The same text, byte for byte, for the same shell: `/bin/sh -c`, or the one that SHELL names. It is never split into
    /// words, because a check is mostly a line of shell with `|| exit 1` at its end (H018).
    ///
    /// ## Stays silent
    ///
    /// The rule is off unless it is selected: Docker starts both forms alike. At `HEALTHCHECK NONE`, at a check that a later
    /// one overrides, behind ONBUILD, in a stage that only gives files to others, with a shell of Windows, and with a shell
    /// that the base image sets (H006).
    ///
    /// ## Refuses
    ///
    /// In an image without a shell, where no text can be checked (H012). Text that is a damaged JSON array (H004).
    ///
    /// ## Safety
    ///
    /// Unsafe, as every change of the image's configuration.
    "shell-form-healthcheck" {
        aliases: ["hadolint:DL3025"],
        since: "0.1.0",
        severity: Hint,
        default: false,
        phase: ExecForm,
        check: check,
        plan: plan,
    }
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    exec_form::check_health(subject, findings);
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    exec_form::plan_health(subject, finding)
}
