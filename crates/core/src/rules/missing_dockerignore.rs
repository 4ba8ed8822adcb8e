//! See [`RULE`].

use crate::context::dockerignore::{DOCKERIGNORE, find_ignore_file};
use crate::context::normalise;
use crate::model::Delta;
use crate::rule::ignoring::{describe, is_the_context};
use crate::rule::litter::{self, Choice, Demands, Group, Judged, Litter, Scope};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};

rule! {
    /// The whole context is copied, and no `.dockerignore` keeps out what is not meant for the image.
    ///
    /// ## Why
    ///
    /// Everything in the context is sent to the builder, and `COPY . .` puts it into the image: the history of the
    /// repository, packages that were installed for another system, secrets. A change of any of it runs the step again,
    /// and all that follow.
    ///
    /// ```text .git/HEAD
    /// ref: refs/heads/main
    /// ```
    /// ```text .env
    /// DB_PASSWORD=only-here
    /// ```
    /// ```js server.js
    /// require("http").createServer().listen(3000);
    /// ```
    /// ```dockerfile
    /// FROM node:20
    /// WORKDIR /app
    /// COPY . .
    /// CMD ["node", "server.js"]
    /// ```
    /// ->
    /// ```text .dockerignore
    /// # version control
    /// .git
    ///
    /// # secrets
    /// **/.env
    /// ```
    ///
    /// ## Fix
    ///
    /// A `.dockerignore` at the root of the context. It names what is there: version control, installed dependencies that
    /// the image installs itself, build output, caches, secrets, logs, files of editors and operating systems. It names
    /// what is not there yet as well, where the tools of a project make it on every developer's machine (`node_modules`,
    /// `.venv`, `target`, `bin` and `obj`), or git is told to leave it out (`.env`): a fresh clone has none of them.
    ///
    /// Nothing that a COPY, ADD or bind mount of any Dockerfile with this context names (H128, H133), and no README,
    /// LICENSE, tests or documentation, which builds read. Where another Dockerfile of the context runs on what this one
    /// installs for itself, the file is made for this one alone, as `<name>.dockerignore` (H131).
    ///
    /// The title says what the context has before and after in bytes, a remark the number of files.
    ///
    /// ## Stays silent
    ///
    /// Without a build context. When there is an ignore file, `.dockerignore` or one that belongs to the Dockerfile
    /// (H131). When no COPY, ADD or mount takes the whole context or a directory with such things in it. When there is
    /// nothing in the context that should be kept out, and nothing of the kind is expected. `node_modules`, virtual
    /// environments and the like stay when a Dockerfile that copies them installs no dependencies, and `.env` stays when a
    /// step or the program is told to read it, or when git knows it and some source names it. A private key stays when
    /// some file names it. A pattern is rooted at the context unless it begins with `**/` (H130).
    ///
    /// ## Refuses
    ///
    /// When the context cannot be listed. When nothing that a COPY names is in it: then it may be another folder (H132).
    /// When it is not known what some COPY takes (H128). When there is nothing but `.git`, and the build reads it (H052).
    ///
    /// ## Safety
    ///
    /// Unsafe: what is not sent any more is not in the image, and something may read it there.
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

/// More Dockerfiles than this get one ignore file together: nobody wants so many files.
const MAX_OWN: usize = 8;

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    if !has_no_ignore_file(subject) {
        return;
    }
    let memory = subject.context.litter();
    let own = memory.own(subject);
    if own.takes.is_empty() {
        return;
    }
    let Some((judged, _)) = judged(subject) else {
        // What lies at the top is seen all the same.
        let files = subject.context.files();
        let Some(top) = litter::top(files) else { return };
        let refusal = Refusal::because("the build context cannot be listed, or is too large");
        report(subject, findings, &own, &Choice::of(litter::find(&top, files)), Some(refusal));
        return;
    };
    match &judged.choice {
        Ok(choice) => report(subject, findings, &own, choice, is_the_context(subject, &own).err()),
        Err(refusal) => {
            let all = Choice::of(judged.all.iter().filter(|one| one.present).cloned().collect());
            report(subject, findings, &own, &all, Some(refusal.clone()));
        }
    }
}

/// Whether it is certain that the builder finds no ignore file (H131).
fn has_no_ignore_file(subject: &Subject<'_>) -> bool {
    let path = subject.context.dockerfile().unwrap_or("Dockerfile");
    find_ignore_file(subject.context.files(), path).is_absent()
        && subject.context.files().entry(DOCKERIGNORE).is_absent()
}

/// What is to be ignored, and for whom: for all Dockerfiles of the context, or for this one alone where another one runs on
/// what this one can spare (H131).
fn judged(subject: &Subject<'_>) -> Option<(std::rc::Rc<Judged>, Scope)> {
    let memory = subject.context.litter();
    let together = memory.judged(subject, &Scope::Root)?;
    if !(2..=MAX_OWN).contains(&together.users) || subject.context.dockerfile().is_none() {
        return Some((together, Scope::Root));
    }
    let scope = Scope::One(subject.siblings.index());
    let alone = memory.judged(subject, &scope)?;
    let Ok(own) = &alone.choice else { return Some((together, Scope::Root)) };
    let spared = |one: &&Litter| match &together.choice {
        Ok(together) => !together.litter.iter().any(|other| other.path == one.path),
        Err(_) => true,
    };
    let matters = |one: &Litter| {
        one.present && matches!(one.group, Group::VersionControl | Group::Dependencies | Group::Secrets)
    };
    let disagrees = own.litter.iter().filter(spared).any(matters);
    Some(if disagrees { (alone, scope) } else { (together, Scope::Root) })
}

/// Reports the first instruction that takes something that should stay out.
fn report(
    subject: &Subject<'_>,
    findings: &mut Findings<'_>,
    own: &Demands,
    choice: &Choice,
    refusal: Option<Refusal>,
) {
    let Some((instruction, what)) = describe(subject, own, choice) else { return };
    let Some(range) = subject.model.instruction(instruction).map(crate::syntax::Instruction::head_range)
    else {
        return;
    };
    let message = format!("{what}: no .dockerignore keeps that out");
    findings.push(findings.at(instruction, range, message).refused_if(refusal));
}

fn plan(subject: &Subject<'_>, _finding: &Finding) -> Result<Plan, Refusal> {
    let unknown = || Refusal::because("the build context cannot be listed");
    let (judged, scope) = judged(subject).ok_or_else(unknown)?;
    let choice = judged.choice.as_ref().map_err(Clone::clone)?;
    let path = match scope {
        Scope::One(_) => format!("{}.dockerignore", subject.context.dockerfile().unwrap_or("Dockerfile")),
        _ => DOCKERIGNORE.to_owned(),
    };
    let path = normalise(&path).ok_or_else(unknown)?;
    let (text, measured) = judged.planned(|| {
        let text = litter::ignore_text(&choice.litter, &judged.all, &judged.sent);
        let measured = litter::measure(subject.context.files(), &judged.sent, &text, &choice.litter)?;
        Ok((text, measured))
    })?;
    let mut declared = vec![Delta::FileCreated { path: path.clone() }];
    let (count, bytes) = measured.lost;
    let title = if count > 0 {
        declared.push(Delta::ContextFilesLost { count, bytes });
        format!("create {path}: context {}", measured.sizes())
    } else {
        format!("create {path}, for what tools will make")
    };
    let mut plan = Plan::create(title, path, text, declared);
    if count > 0 {
        plan.remarks.push(measured.remark());
    }
    let plan = match scope {
        Scope::One(_) => plan.remark("another Dockerfile of this context runs on what this one makes by itself, so this file is for this one alone; BuildKit reads it (H131)"),
        _ => plan,
    };
    Ok(choice.remarks.iter().cloned().fold(plan, Plan::remark))
}
