//! See [`RULE`].

use crate::rule::{Finding, Findings, Plan, Refusal, Subject, exec_form, rule};
use crate::syntax::Keyword;

rule! {
    /// CMD in shell form.
    ///
    /// ## Why
    ///
    /// A shell stands between the container and the program. Where it stays process 1 (dash: Debian and Ubuntu), it gets
    /// the signal of `docker stop` and the program does not, which is killed when the grace time is over. In an image
    /// without a shell the container does not start at all.
    ///
    /// ```dockerfile
    /// FROM debian:12-slim
    /// CMD python3 -m http.server 8000
    /// ```
    /// ->
    /// ```dockerfile safe
    /// FROM debian:12-slim
    /// CMD ["python3", "-m", "http.server", "8000"]
    /// ```
    ///
    /// ## Fix
    ///
    /// Literal words become a JSON array, each where it stands. A leading `exec` is dropped. A single command that needs
    /// the shell, for a variable or a pattern, keeps it, and the shell replaces itself:
    /// `["/bin/sh", "-c", "exec app --port $PORT"]`.
    ///
    /// ## Stays silent
    ///
    /// - In a stage whose shell is set by SHELL, or by the base image: somebody wants that shell (H006).
    /// - With a shell of Windows.
    /// - At a CMD that a later one overrides (H017), behind ONBUILD, and in a stage that only gives files to others.
    /// - At HEALTHCHECK and RUN (H018).
    ///
    /// ## Refuses
    ///
    /// Operators and redirections (H002), assignments and words of the shell (H003), text that is a damaged JSON array
    /// (H004), a comment of the shell (H015), a CMD that an ENTRYPOINT in shell form ignores (H007), a CMD behind an
    /// ENTRYPOINT that takes text for a shell (H009).
    ///
    /// ## Safety
    ///
    /// Safe when the words are literal, no entry point gets them, and the program is certainly one that the kernel can
    /// start (H014). Unsafe otherwise: with an entry point (H009, H010), with an unknown base, with a shell that stays.
    "shell-form-cmd" {
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
    exec_form::check(subject, findings, Keyword::Cmd);
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    exec_form::plan(subject, finding)
}
