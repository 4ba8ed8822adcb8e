//! See [`RULE`].

use crate::rule::reorder::{Reorder, conditions, find};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};

rule! {
    /// The source is copied before its dependencies are installed, so that every edit installs them again.
    ///
    /// ## Why
    ///
    /// A step is taken from the cache only when all steps before it were. A COPY of the whole source is another with
    /// every edit, and so is everything behind it. The manifests change far less often: when they are copied first,
    /// the installation stays in the cache.
    ///
    /// ```json package.json
    /// {"name": "shop", "dependencies": {"express": "4.21.2"}}
    /// ```
    /// ```json package-lock.json
    /// {"lockfileVersion": 3}
    /// ```
    /// ```js server.js
    /// require("express")().listen(3000);
    /// ```
    /// ```dockerfile
    /// FROM node:20
    /// WORKDIR /app
    /// COPY . .
    /// RUN npm ci
    /// CMD ["node", "server.js"]
    /// ```
    /// ->
    /// ```dockerfile unsafe
    /// FROM node:20
    /// WORKDIR /app
    /// COPY package.json package-lock.json ./
    /// RUN npm ci
    /// COPY . .
    /// CMD ["node", "server.js"]
    /// ```
    ///
    /// ## Fix
    ///
    /// What the installation reads is copied directly above it: the manifest, the lockfile, the configuration of the
    /// package manager, patches, included requirements files, the manifests of all members of a workspace. What is there
    /// already is not copied again. The COPYs of the source move directly below it, in their order and with the comments
    /// that are glued to them. Flags such as `--chown` are carried over.
    ///
    /// A step that installs and builds is cut in two: `npm ci && npm run build` becomes a step with `npm ci` before the
    /// source, and one with `npm run build` behind it, with the same flags and the same `cd`, `set` and `export`.
    ///
    /// Where the installation includes the project itself, its dependencies are installed before the source by a step of
    /// their own: `poetry install --no-root`, `uv sync --no-install-project`, `pdm sync --no-self`, the requirements file
    /// that a `setup.py` reads. The step itself stays behind the source, and finds them there.
    ///
    /// Go and Rust compile dependencies with the source, so what comes before it is their download: `go mod download`, and
    /// `cargo fetch` with empty files where cargo insists on a target. No dummy program is compiled (H058).
    ///
    /// What a build fetches by itself is fetched before the source too: `mvn dependency:go-offline` where no module needs
    /// another of the same build, `gradle dependencies`, `dotnet restore` with every project file at its own path, and
    /// `composer install --no-scripts --no-autoloader`; the build, or Composer's scripts and autoloader, stay behind it.
    ///
    /// ## Stays silent
    ///
    /// Without a build context. When an earlier step has installed the dependencies of the same project. When the
    /// manifest is not in the context. When nothing would be downloaded: no requirements, vendored modules, a cache mount.
    /// When only what an installation often needs is copied before it (`scripts`, `prisma`, `patches`). In the exec form,
    /// in heredocs and in Windows stages.
    ///
    /// ## Refuses
    ///
    /// When it is not certain what the installation reads: a script that it runs and that is not known to read nothing
    /// (H042), git hooks that ask for the repository (H043), members of a workspace that are not understood (H044), hooks of
    /// the package manager in code (H045), an install that fails without a lockfile (H046; without one, `npm install` is
    /// moved with a remark), dependencies in directories outside of the project (H047), requirements that include what is
    /// not there (H050), a project that installs itself (H051, H052), plugins of Composer and code in Gemfiles, project files
    /// and build scripts that may read the source (H053 to H055, H057), modules of Maven that need each other (H056), a generator before the install, or a command that
    /// takes back in the same layer what was installed (H061), a mount of the context (H065). When installed packages or
    /// generated code in the context would be copied over those of the image (H060): `dockmend rewrite ignore order` makes a
    /// `.dockerignore` first. When an instruction in between could make a difference (H062, H063): a USER, a LABEL, packages
    /// of the distribution, users, downloads make none. When the ignore file keeps out what the install fails without
    /// (H064).
    ///
    /// ## Safety
    ///
    /// Unsafe: that the installation reads nothing else is known from the manifests, and a dependency may still run
    /// code that looks around.
    "source-before-dependencies" {
        aliases: [],
        since: "0.1.0",
        severity: Warning,
        default: true,
        phase: Reorder,
        needs_context: true,
        rewrite: "order",
        reveals: ["pip-cache", "apk-cache", "apt-command", "apt-lists-kept", "apt-prompt", "apt-recommends"],
        check: check,
        plan: plan,
    }
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for stage in find(subject) {
        for found in stage {
            let Some(instruction) = subject.model.instruction(found.copy) else { continue };
            let command = &found.install.command;
            let message = format!(
                "copies the source before `{command}` installs the dependencies: every edit installs them again"
            );
            let refusal = conditions(subject, &found).err();
            let is_refused = refusal.is_some();
            findings.push(
                findings
                    .at(found.copy, instruction.head_range(), message)
                    .subject(found.subject())
                    .note(found.install.range, "re-runs on every source edit")
                    .refused_if(refusal),
            );
            // What comes behind can be told when this one is mended.
            if !is_refused {
                break;
            }
        }
    }
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, _) = finding.instruction_in(subject)?;
    let changed = || Refusal::because("the text has changed");
    let mut all = find(subject).into_iter().flatten();
    let found = all.find(|found| found.copy == index && found.subject() == finding.key.subject);
    let reorder = Reorder::new(subject, found.ok_or_else(changed)?)?;
    let plan = Plan::edit(reorder.title(), reorder.edit()?, reorder.declare()?)?;
    Ok(reorder.remarks().into_iter().fold(plan, Plan::remark))
}
