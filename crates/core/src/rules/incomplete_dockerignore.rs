//! See [`RULE`].

use std::rc::Rc;

use crate::context::DockerIgnore;
use crate::model::Delta;
use crate::rule::ignoring::{describe, is_the_context};
use crate::rule::litter::{self, Choice, Group, Judged, Litter, Scope};
use crate::rule::{FileEdit, Finding, Findings, Plan, Refusal, Subject, rule};

rule! {
    /// The ignore file lets secrets, the history or installed dependencies through, and a COPY takes them.
    ///
    /// ## Why
    ///
    /// What the ignore file does not name is sent to the builder, and `COPY . .` puts it into the image: secrets, the
    /// history of the repository, packages that were installed for another system and are copied over those that the image
    /// installs. A change of any of it runs the step again, and all that follow.
    ///
    /// ```text .dockerignore
    /// docs
    /// ```
    /// ```text .git/HEAD
    /// ref: refs/heads/main
    /// ```
    /// ```text .env
    /// DB_PASSWORD=only-here
    /// ```
    /// ```dockerfile
    /// FROM node:20
    /// WORKDIR /app
    /// COPY . .
    /// CMD ["node", "server.js"]
    /// ```
    /// ->
    /// ```text .dockerignore
    /// docs
    ///
    /// # version control, secrets: not for the image
    /// .git
    /// **/.env
    /// ```
    ///
    /// ## Fix
    ///
    /// Patterns at the end of the ignore file that the builder takes for this Dockerfile, `.dockerignore` or
    /// `<name>.dockerignore` (H131), behind one comment. What is there stays as it is and in its order, because the last
    /// pattern that matches decides (H130). Nothing that a COPY, ADD or bind mount of any Dockerfile names for which the same
    /// file is taken (H128, H133).
    ///
    /// ## Stays silent
    ///
    /// Without a build context, and without an ignore file, which is the matter of `missing-dockerignore`. When no COPY, ADD
    /// or mount takes what is let through. At what the ignore file brings back by name with `!`. At logs, caches of tools and
    /// files of editors, which do no harm. Where `missing-dockerignore` would keep them too: dependencies that the image does
    /// not install by itself, `.env` that a step reads, a private key that some file names, the history when the version
    /// comes from git (H052).
    ///
    /// ## Refuses
    ///
    /// When it is not known what some COPY takes (H128). When the folder may not be the build context (H132). When the builder
    /// cannot read the ignore file, or it is no UTF-8.
    ///
    /// ## Safety
    ///
    /// Unsafe: what is not sent any more is not in the image, and something may read it there.
    "incomplete-dockerignore" {
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

/// What is to be said about the ignore file in effect: its path, and what it lets through.
struct Leaks {
    path: String,
    judged: Rc<Judged>,
    choice: Result<Choice, Refusal>,
}

fn leaks(subject: &Subject<'_>) -> Option<Leaks> {
    let (path, rules) = subject.context.ignore()?;
    let judged = subject.context.litter().judged(subject, &Scope::Under(path.clone()))?;
    let matters = |one: &Litter| is_harmful(one) && !is_brought_back(rules, one);
    let choice = match &judged.choice {
        Ok(choice) => {
            let litter = choice.litter.iter().filter(|one| matters(one)).cloned().collect();
            let mut leaking = Choice::of(litter);
            leaking.remarks.clone_from(&choice.remarks);
            Ok(leaking)
        }
        Err(refusal) => Err(refusal.clone()),
    };
    Some(Leaks { path: path.clone(), judged, choice })
}

/// Whether it does harm: a secret, the history, or what was made for another system.
fn is_harmful(litter: &Litter) -> bool {
    match litter.group {
        Group::VersionControl => {
            matches!(litter.path.rsplit('/').next(), Some(".git" | ".hg" | ".svn"))
        }
        Group::Dependencies | Group::Secrets => true,
        Group::Generated => litter.maker.is_some(),
        Group::Logs | Group::Editors => false,
    }
}

/// Whether an exception of the ignore file names it: somebody wants it.
fn is_brought_back(rules: &DockerIgnore, litter: &Litter) -> bool {
    let name = litter.path.rsplit('/').next().unwrap_or(&litter.path);
    let mut exceptions = rules.patterns().iter().filter(|pattern| pattern.negated);
    exceptions.any(|pattern| pattern.cleaned.split('/').any(|part| part == name))
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    if subject.context.ignore().is_none() {
        return;
    }
    let own = subject.context.litter().own(subject);
    if own.takes.is_empty() {
        return;
    }
    let Some(leaks) = leaks(subject) else { return };
    let (choice, refusal) = match leaks.choice {
        Ok(choice) => (choice, is_the_context(subject, &own).err()),
        // The history is let through because the build reads it.
        Err(refusal) if refusal.hazard == Some("H052") => return,
        Err(refusal) => {
            let harmful = leaks.judged.all.iter().filter(|one| is_harmful(one)).cloned().collect();
            (Choice::of(harmful), Some(refusal))
        }
    };
    let Some((index, what)) = describe(subject, &own, &choice) else { return };
    let Some(instruction) = subject.model.instruction(index) else { return };
    let message = format!("{what}: {} lets that through", leaks.path);
    findings.push(findings.at(index, instruction.head_range(), message).refused_if(refusal));
}

fn plan(subject: &Subject<'_>, _finding: &Finding) -> Result<Plan, Refusal> {
    let unknown = || Refusal::because("the ignore file cannot be read");
    let leaks = leaks(subject).ok_or_else(unknown)?;
    let choice = leaks.choice?;
    let (text, measured) = leaks.judged.planned(|| {
        let files = subject.context.files();
        let bytes = files.read(&leaks.path).present().ok_or_else(unknown)?;
        let old = std::str::from_utf8(&bytes).map_err(|_| unknown())?;
        let cannot = |problem| Refusal::because(format!("the builder cannot read it: {problem}"));
        DockerIgnore::parse(old).check().map_err(cannot)?;
        let text = litter::addition(old, &choice.litter, &leaks.judged.all, &leaks.judged.sent);
        let measured = litter::measure(files, &leaks.judged.sent, &text, &choice.litter)?;
        Ok((text, measured))
    })?;
    let (count, bytes) = measured.lost;
    if count == 0 {
        return Err(Refusal::because("what could be ignored holds no files"));
    }
    let declared =
        vec![Delta::FileChanged { path: leaks.path.clone() }, Delta::ContextFilesLost { count, bytes }];
    let title = format!("add to {}: context {}", leaks.path, measured.sizes());
    let edits = vec![FileEdit::Replace { path: leaks.path, text }];
    let mut plan = Plan { title, edits, declared, remarks: vec![measured.remark()] };
    plan.remarks.extend(choice.remarks);
    Ok(plan)
}
