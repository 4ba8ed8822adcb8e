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
    /// - Literal words become a JSON array, each where it stands. A leading `exec` is dropped.
    /// - A text that needs the shell keeps it, and the shell replaces itself by the last command: for a variable, a pattern,
    ///   a redirection, an assignment, or commands before the last.
    ///   `migrate && gunicorn app` becomes `["/bin/sh", "-c", "migrate && exec gunicorn app"]`.
    /// - Where SHELL names a shell, it is that shell which gets the text (H006).
    /// - What was meant as an array and is none (`['node', 'app.js']`) becomes one: nothing could start with it (H004).
    ///
    /// ## Stays silent
    ///
    /// - In a stage whose shell the base image sets: somebody wants that shell (H006).
    /// - With a shell of Windows.
    /// - At a CMD that a later one overrides (H017), behind ONBUILD, and in a stage that only gives files to others.
    /// - At HEALTHCHECK and RUN (H018).
    ///
    /// ## Refuses
    ///
    /// - Where the shell has to stay: a pipe, `||`, `&`, a subshell (H002); a statement, a `trap`, or a word of the shell as
    ///   the last command (H003).
    /// - What only the shell knows: a function of `nvm` or `conda` (H013).
    /// - A text that shells read differently, or an array that is damaged further (H004), and a comment of the shell (H015).
    /// - A text that needs a shell, in an image without one (H012).
    /// - A CMD that an ENTRYPOINT in shell form ignores (H007): the two are rewritten together, by `shell-form-entrypoint`.
    /// - A CMD behind an ENTRYPOINT that takes text for a shell, or one that needs a shell behind a program that wants
    ///   arguments (H009).
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
