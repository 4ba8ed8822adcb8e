//! See [`RULE`].

use crate::rule::{Finding, Findings, Plan, Refusal, Subject, exec_form, rule};
use crate::syntax::Keyword;

rule! {
    /// ENTRYPOINT in shell form.
    ///
    /// ## Why
    ///
    /// A shell stands between the container and the program. Where it stays process 1 (dash: Debian and Ubuntu), it gets
    /// the signal of `docker stop` and the program does not. The arguments of `docker run` and CMD are ignored.
    ///
    /// ```dockerfile
    /// FROM debian:12-slim
    /// ENTRYPOINT exec python3 -m http.server --directory "$ROOT"
    /// ```
    /// ->
    /// ```dockerfile unsafe
    /// FROM debian:12-slim
    /// ENTRYPOINT ["/bin/sh", "-c", "exec python3 -m http.server --directory \"$ROOT\""]
    /// ```
    ///
    /// ## Fix
    ///
    /// Literal words become a JSON array, each where it stands. A leading `exec` is dropped. A single command that needs
    /// the shell keeps it, and the shell replaces itself.
    ///
    /// ## Stays silent
    ///
    /// - In a stage whose shell is set by SHELL, or by the base image: somebody wants that shell (H006).
    /// - With a shell of Windows.
    /// - At an ENTRYPOINT that a later one overrides (H017), behind ONBUILD, and in a stage that only gives files to
    ///   others.
    ///
    /// ## Refuses
    ///
    /// What `shell-form-cmd` refuses. Where a CMD is set too: the entry point would begin to get it as arguments (H007).
    ///
    /// ## Safety
    ///
    /// Unsafe: the arguments of `docker run` were ignored and are passed on then (H007). Safe in an image without a
    /// shell, where nothing worked before (H012).
    "shell-form-entrypoint" {
        aliases: ["hadolint:DL3025", "buildkit:JSONArgsRecommended"],
        since: "0.1.0",
        severity: Warning,
        default: true,
        phase: ExecForm,
        rewrite: "exec",
        check: check,
        plan: plan,
    }
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    exec_form::check(subject, findings, Keyword::Entrypoint);
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    exec_form::plan(subject, finding)
}
