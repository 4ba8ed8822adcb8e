//! See [`RULE`].

use crate::model::{Delta, Meaning};
use crate::rule::split::{BuildStage, Composed, compose};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::syntax::Instruction;
use crate::text::{TextEdit, TextRange};

rule! {
    /// The image that is shipped holds the tools that built it.
    ///
    /// ## Why
    ///
    /// Compilers, headers, development dependencies and caches make an image several times as large, and everything in it
    /// has to be kept free of known vulnerabilities. None of it is needed once the program is built.
    ///
    /// ```json package.json
    /// {"name": "shop", "scripts": {"build": "tsc"}, "dependencies": {"express": "4.21.2"},
    ///  "devDependencies": {"typescript": "5.6.3"}}
    /// ```
    /// ```json package-lock.json
    /// {"lockfileVersion": 3}
    /// ```
    /// ```ts src/server.ts
    /// import express from "express";
    /// ```
    /// ```dockerfile
    /// FROM node:20
    /// WORKDIR /app
    /// COPY . .
    /// RUN npm ci
    /// RUN npm run build
    /// EXPOSE 3000
    /// CMD ["node", "dist/server.js"]
    /// ```
    /// ->
    /// ```dockerfile unsafe
    /// FROM node:20 AS build
    /// WORKDIR /app
    /// COPY . .
    /// RUN npm ci
    /// RUN npm run build
    /// RUN npm prune --omit=dev
    ///
    /// FROM node:20-slim
    /// WORKDIR /app
    /// COPY --from=build /app /app
    /// EXPOSE 3000
    /// CMD ["node", "dist/server.js"]
    /// ```
    ///
    /// ## Fix
    ///
    /// The stage becomes two. The build stage has the steps down to the last one that builds, as they are. The final stage
    /// starts from the slim image of the same version, release and library of C, restates ENV, WORKDIR, USER and what else
    /// run time needs, installs the libraries behind the packages that were there to compile against, and takes the program
    /// over at the same path. Instructions about the image (EXPOSE, LABEL, CMD) move there or stay there.
    ///
    /// What a JDK builds runs in the JRE of the same distribution, version and system, what the SDK of .NET builds in the
    /// runtime of ASP.NET Core or of .NET. Of a Spring Boot project the jar alone comes over, when nothing beside it can be
    /// looked for; otherwise the directory does.
    ///
    /// A program of Go or Rust comes over with what it may read: sources, manifests and what cargo leaves in `target` stay
    /// behind. It runs on the release of Debian or Alpine that it was compiled on, with certificates, time zones and the
    /// libraries that its crates are linked with. What is compiled with a compiler of the distribution runs on the same
    /// image without it.
    ///
    /// ## Stays silent
    ///
    /// - When nothing would be saved: a slim base, and neither tools nor development dependencies installed.
    /// - When the last stage builds nothing, or starts from another stage.
    /// - Without a build context, on Windows, and for images that are not known.
    ///
    /// ## Refuses
    ///
    /// - When it is not known which libraries are needed at run time (H066), or where the program lies (H074).
    /// - When a step leaves something that cannot be told to be inside or outside of the program's directory (H080), or is a
    ///   download to the home directory (H073).
    /// - When something is built when a container starts (H075).
    /// - When the base is small already and the program may need its development dependencies (H119).
    /// - When the slim image of the base cannot be told (H084).
    ///
    /// ## Safety
    ///
    /// Unsafe: the image holds less than before, and no file says all that a program may look for.
    "single-stage-build" {
        aliases: [],
        since: "0.1.0",
        severity: Hint,
        default: true,
        phase: Split,
        needs_context: true,
        rewrite: "stages",
        reveals: ["apt-recommends", "apt-prompt", "apt-lists-kept", "apt-command", "apk-cache", "pip-cache", "legacy-key-value", "mixed-instruction-casing", "root-user", "source-before-dependencies"],
        check: check,
        plan: plan,
    }
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let Some(stage) = BuildStage::find(subject) else { return };
    let index = stage.stage.from;
    let Some(from) = subject.model.instruction(index) else { return };
    let finding =
        findings.at(index, from.head_range(), "the image that is shipped holds the tools that built it");
    let last = subject.model.instruction(stage.last).map_or(TextRange::empty(0), Instruction::head_range);
    findings.push(finding.note(last, "the last step that builds"));
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (_, from) = finding.instruction_in(subject)?;
    let gone = || Refusal::because("the text has changed");
    let stage = BuildStage::find(subject).ok_or_else(gone)?.placed()?;
    if subject.file().escape() != '\\' {
        return Err(Refusal::because("the file has another escape character"));
    }
    let runtime = (stage.stack.runtime)(&stage)?;
    let remarks = runtime.remarks.clone();
    let composed = compose(&stage, runtime)?;
    if composed.left_behind.is_empty() {
        return Err(Refusal::because("nothing would be saved"));
    }
    let text = |texts: &[String]| -> Result<Vec<String>, Refusal> {
        texts
            .iter()
            .map(|text| Meaning::of_text(text).map(|meaning| meaning.to_string()).ok_or_else(gone))
            .collect()
    };
    let declared = vec![Delta::StageSplit {
        stage: stage.stage.index,
        last: stage.last,
        build: composed.name.clone(),
        runtime: composed.base.clone(),
        prepared: text(&composed.prepared)?,
        restated: text(&composed.restated)?,
        moved: composed.moved.clone(),
    }];
    let title = format!("build in a stage of its own: {} stay behind", composed.left_behind.join(", "));
    let mut plan = Plan::edit(title, edit(&stage, from, &composed), declared)?;
    for remark in remarks {
        plan = plan.remark(remark);
    }
    Ok(plan)
}

fn edit(
    stage: &BuildStage<'_>,
    from: &Instruction,
    composed: &Composed,
) -> Result<TextEdit, crate::text::EditError> {
    let file = stage.subject.file();
    let ending = file.line_ending().as_str();
    let is_lower = from.keyword_text().chars().all(char::is_lowercase);
    let word = |word: &str| if is_lower { word.to_lowercase() } else { word.to_owned() };
    let mut edit = TextEdit::builder();
    let old_name = from.values.get(2);
    match (old_name, from.values.first()) {
        (Some(name), _) => {
            edit.replace(from.file_range(name.span), composed.name.clone());
        }
        (None, Some(image)) => {
            edit.insert(from.logical.file_end(image.span.end), format!(" {} {}", word("AS"), composed.name));
        }
        _ => {}
    }
    let mut lines: Vec<String> = composed.prepared.clone();
    lines.push(String::new());
    let flags: String = from.flags.iter().flat_map(|flag| [" ", flag.text.as_str()]).collect();
    let name = old_name.map(|name| format!(" {} {}", word("AS"), name.text)).unwrap_or_default();
    lines.push(format!("{}{flags} {}{name}", word("FROM"), composed.base));
    lines.extend(composed.restated.iter().cloned());
    let mut cut = Vec::new();
    for index in &composed.moved {
        let Some(instruction) = file.instructions().get(*index) else { continue };
        let mut range = file.whole_lines(instruction);
        if let Some(comment) = file.comments_glued_to(*index).first() {
            range.start = file.line_index().line_start(comment.line - 1);
        }
        let text = range.of(file.text());
        lines.push(
            text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text)).to_owned(),
        );
        cut.push(range);
    }
    for range in crate::rule::whole_lines::deletions(cut, file.text()) {
        edit.delete(range);
    }
    let block = lines.join(ending);
    if let Some(last) = file.instructions().get(stage.last) {
        let end = file.whole_lines(last).end;
        let has_newline = file.text().get(..end).is_some_and(|text| text.ends_with('\n'));
        edit.insert(end, if has_newline { block + ending } else { format!("{ending}{block}") });
    }
    edit.finish()
}
