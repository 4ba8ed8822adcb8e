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
    /// As that of `shell-form-cmd`: literal words become a JSON array, a text that needs the shell keeps it, and the shell
    /// replaces itself by the last command.
    ///
    /// A CMD is ignored so far, and is passed on as arguments then (H007). Where it was written for this program (flags, or
    /// anything behind an entry point that ends with `exec "$@"`), the two are rewritten together, and the offer says what
    /// they mean. Where it reads like a program of its own, the shell stays between them, so that it is still ignored.
    ///
    /// ## Stays silent
    ///
    /// - In a stage whose shell the base image sets: somebody wants that shell (H006).
    /// - With a shell of Windows.
    /// - At an ENTRYPOINT that a later one overrides (H017), behind ONBUILD, and in a stage that only gives files to
    ///   others.
    ///
    /// ## Refuses
    ///
    /// What `shell-form-cmd` refuses. In an image without a shell, where a CMD is set that was written for another program
    /// (H007).
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
