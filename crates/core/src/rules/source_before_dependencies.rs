//! See [`RULE`].

use std::collections::HashSet;

use crate::context::{join, normalise, split};
use crate::model::{Base, Delta, FileView, Meaning, copy_words, place_of};
use crate::rule::dependencies::{Install, Reads, installs_dependencies, reads};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::syntax::{Instruction, Keyword};
use crate::text::{TextEdit, TextRange};

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
    /// package manager, patches, included requirements files. The COPY of the source moves directly below it, with the
    /// comments that are glued to it. Flags such as `--chown` are carried over.
    ///
    /// ## Stays silent
    ///
    /// Without a build context. When an earlier step has installed dependencies with the same package manager. When the
    /// manifest is not in the context. For package managers other than npm, Yarn 1, pnpm and pip. In the exec form, in
    /// heredocs and in Windows stages.
    ///
    /// ## Refuses
    ///
    /// When it is not certain what the installation reads: scripts that it runs (H042, H043), workspaces (H044), Yarn 2
    /// (H045), no lockfile (H046), dependencies in directories (H047), requirements that include what is not there
    /// (H050), a project that installs itself (H051, H052), a build or a generator in the same step (H061), a mount of
    /// the context (H065). When installed packages in the context would be copied over those of the image (H060): a
    /// `.dockerignore` keeps them out. When an instruction in between could make a difference (H062, H063), and when
    /// the ignore file keeps a manifest out (H064).
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
        check: check,
        plan: plan,
    }
}

/// The words without which no RUN is looked at.
const WORDS: [&str; 4] = ["npm", "yarn", "pip", "uv"];

/// A COPY of a directory of the context.
struct BroadCopy {
    index: usize,
    /// The directory, as a path of the context.
    from: String,
    /// Where its files go: a path in the image.
    to: String,
}

impl BroadCopy {
    /// The context's file for a path in the image.
    fn locate(&self, path: &str) -> Option<String> {
        let inside = path.strip_prefix(&self.to)?.strip_prefix('/')?;
        Some(join(&self.from, inside))
    }

    fn read(subject: &Subject<'_>, index: usize) -> Option<Self> {
        let (sources, target) = copy_words(subject.model, index)?;
        let [source] = sources.as_slice() else { return None };
        let from = normalise(source)?;
        let is_directory = |path: &str| {
            let entry = subject.context.files().entry(path).present();
            entry.is_some_and(|entry| entry.kind == crate::context::EntryKind::Directory)
        };
        if !is_directory(&from) {
            return None;
        }
        Some(Self { index, from, to: place_of(subject.model, index, &target)? })
    }
}

/// A COPY of the source and the installation behind it.
struct Found {
    copy: BroadCopy,
    run: usize,
    install: Install,
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for found in find(subject) {
        let Some(instruction) = subject.model.instruction(found.copy.index) else { continue };
        let command = &found.install.command;
        let message = format!(
            "copies the source before `{command}` installs the dependencies: every edit installs them again"
        );
        let refusal = conditions(subject, &found).err();
        findings.push(
            findings
                .at(found.copy.index, instruction.head_range(), message)
                .note(found.install.range, "re-runs on every source edit")
                .refused_if(refusal),
        );
    }
}

/// At most one in each stage: the first installation, and the last COPY that brings it its manifests.
fn find(subject: &Subject<'_>) -> Vec<Found> {
    let model = subject.model;
    let mut list = Vec::new();
    for stage in model.stages() {
        let mut copies: Vec<BroadCopy> = Vec::new();
        for (index, instruction) in model.stage_instructions(stage) {
            match instruction.keyword {
                Keyword::Copy | Keyword::Add => copies.extend(BroadCopy::read(subject, index)),
                Keyword::Run if !copies.is_empty() && may_install(instruction) => {
                    let locate = |path: &str| copies.iter().rev().find_map(|copy| copy.locate(path));
                    let Reads::Install(install) = reads(subject.context, model, index, &locate) else {
                        continue;
                    };
                    let takes = |copy: &BroadCopy| {
                        let project = &install.project;
                        copy.from.is_empty()
                            || *project == copy.from
                            || project.strip_prefix(&copy.from).is_some_and(|rest| rest.starts_with('/'))
                    };
                    let Some(at) = copies.iter().rposition(takes) else { continue };
                    let copy = copies.swap_remove(at);
                    let found = Found { copy, run: index, install };
                    if !has_installed(subject, &found) {
                        list.push(found);
                    }
                    break;
                }
                _ => {}
            }
        }
    }
    list
}

fn may_install(instruction: &Instruction) -> bool {
    WORDS.iter().any(|word| instruction.arguments_text().contains(word))
}

/// Whether dependencies were installed by the same program before the source was copied.
fn has_installed(subject: &Subject<'_>, found: &Found) -> bool {
    let model = subject.model;
    let program = match found.install.command.split(' ').next().unwrap_or_default() {
        "npm" => "npm",
        "yarn" => "yarn",
        "pnpm" => "pnpm",
        _ => "pip",
    };
    let mut stage = model.stage_of(found.copy.index);
    let mut end = found.copy.index;
    while let Some(here) = stage {
        let before = model.stage_instructions(here).take_while(|(index, _)| *index < end);
        for (index, instruction) in before {
            let is_run = instruction.keyword == Keyword::Run && may_install(instruction);
            if is_run && installs_dependencies(model, index, program) {
                return true;
            }
        }
        end = usize::MAX;
        stage = match here.base {
            Base::Stage(base) => model.stages().get(base),
            _ => None,
        };
    }
    false
}

/// What the installation reads, when everything that the fix asks for holds.
fn conditions(subject: &Subject<'_>, found: &Found) -> Result<Vec<String>, Refusal> {
    let files = found.install.files.clone()?;
    let copy = subject.model.instruction(found.copy.index).ok_or_else(changed)?;
    between(subject, found, copy)?;
    if let Some(flag) = copy.flags.iter().find(|flag| !matches!(flag.name(), "chown" | "chmod" | "link")) {
        return Err(Refusal::because(format!("the COPY has the flag `{}`", flag.text)));
    }
    let target = copy.values.last().map(|value| value.text.as_str()).unwrap_or_default();
    if !is_plain(target, "$") {
        return Err(Refusal::because("the target of the COPY is quoted"));
    }
    for path in &files {
        if !is_plain(path, "") {
            return Err(Refusal::because(format!("the name of `{path}` would have to be quoted")));
        }
        if found.copy.from != *"" && !path.starts_with(&format!("{}/", found.copy.from)) {
            let reason = format!("the install reads `{path}`, which this COPY does not bring");
            return Err(Refusal::hazard("H047", reason));
        }
    }
    let sent =
        subject.context.sent().ok_or_else(|| Refusal::because("the build context cannot be listed"))?;
    let sent: HashSet<&str> = sent.iter().map(|found| found.path.as_str()).collect();
    let is_sent = |path: &str| sent.contains(path);
    if let Some(path) = files.iter().find(|path| !is_sent(path)) {
        return Err(Refusal::hazard("H064", format!("the ignore file keeps `{path}` out of the context")));
    }
    let installed: &[&str] =
        if found.install.installs_beside { &["node_modules", ".pnp.cjs"] } else { &[".venv", "venv"] };
    let in_the_way =
        installed.iter().map(|name| join(&found.install.project, name)).find(|path| is_sent(path));
    if let Some(path) = in_the_way {
        let reason = format!(
            "`{path}` of the context would be copied over what was installed; create a .dockerignore (rewrite `ignore`) or add it there"
        );
        return Err(Refusal::hazard("H060", reason));
    }
    Ok(files)
}

/// What stands between the COPY and the installation may not mind which of the two comes first.
fn between(subject: &Subject<'_>, found: &Found, copy: &Instruction) -> Result<(), Refusal> {
    let model = subject.model;
    let has_variable = copy.logical.slice(crate::syntax::Span::new(0, copy.arguments.end)).contains('$');
    let is_absolute = copy.values.last().is_some_and(|target| target.text.starts_with('/'));
    let stands_alone = is_absolute && copy.flags.is_empty();
    for index in found.copy.index + 1..found.run {
        let Some(instruction) = model.instruction(index) else { return Err(changed()) };
        let passes = match instruction.keyword {
            Keyword::Label
            | Keyword::Expose
            | Keyword::Cmd
            | Keyword::Entrypoint
            | Keyword::Healthcheck
            | Keyword::Stopsignal
            | Keyword::Maintainer => true,
            Keyword::Env | Keyword::Arg if has_variable => {
                return Err(Refusal::hazard(
                    "H062",
                    format!("the COPY uses a variable, and {} stands below it", instruction.keyword),
                ));
            }
            Keyword::Env | Keyword::Arg => true,
            // It makes the directory as the COPY would have made it, and the COPY does not start from it.
            Keyword::Workdir => stands_alone && !has_variable,
            Keyword::Run => {
                matches!(
                    reads(subject.context, model, index, &|path| found.copy.locate(path)),
                    Reads::Nothing
                )
            }
            _ => false,
        };
        if !passes {
            return Err(Refusal::hazard(
                "H063",
                format!(
                    "line {} between the COPY and the install may need the source",
                    instruction.lines.start()
                ),
            ));
        }
    }
    Ok(())
}

fn changed() -> Refusal {
    Refusal::because("the text has changed")
}

/// Whether a path can stand in a COPY as it is: no blank, quote, wildcard or escape.
fn is_plain(path: &str, also: &str) -> bool {
    let is_plain = |c: char| {
        c.is_alphanumeric()
            || "-_./@+~=,".contains(c)
            || also.contains(c)
            || (also == "$" && "{}".contains(c))
    };
    !path.is_empty() && !path.starts_with('-') && path.chars().all(is_plain)
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, copy) = finding.instruction_in(subject)?;
    let found = find(subject).into_iter().find(|found| found.copy.index == index).ok_or_else(changed)?;
    let files = conditions(subject, &found)?;
    let steps = steps(subject, &found, copy, &files);
    let declared = declare(subject, &found, &files, &steps)?;
    let title = title(subject, &found);
    Plan::edit(title, edit(subject, &found, copy, &steps)?, declared)
}

/// The COPYs of what the installation reads: one for each directory.
fn steps(subject: &Subject<'_>, found: &Found, copy: &Instruction, files: &[String]) -> Vec<String> {
    let is_directory = |path: &String| {
        let entry = subject.context.files().entry(path).present();
        entry.is_some_and(|entry| entry.kind == crate::context::EntryKind::Directory)
    };
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for path in files {
        // A COPY takes the contents of a directory, so each goes to a place of its own (H059).
        let is_directory = is_directory(path);
        let place = if is_directory { path.as_str() } else { split(path).0 };
        match groups.iter_mut().find(|(known, _)| !is_directory && known == place) {
            Some((_, paths)) => paths.push(path),
            None => groups.push((place.to_owned(), vec![path])),
        }
    }
    let target = copy.values.last().map(|value| value.text.as_str()).unwrap_or_default();
    let target = target.trim_end_matches('/');
    let is_lower = copy.keyword_text().chars().all(|c| c.is_ascii_lowercase());
    let keyword = if is_lower { "copy" } else { "COPY" };
    let flags = copy.flags.iter().flat_map(|flag| [" ", copy.logical.slice(flag.span)]).collect::<String>();
    let line = |(place, paths): (String, Vec<&str>)| {
        let inside = place.strip_prefix(found.copy.from.as_str()).unwrap_or(&place).trim_matches('/');
        let slash = if inside.is_empty() { "" } else { "/" };
        format!("{keyword}{flags} {} {target}/{inside}{slash}", paths.join(" "))
    };
    groups.into_iter().map(line).collect()
}

fn declare(
    subject: &Subject<'_>,
    found: &Found,
    files: &[String],
    steps: &[String],
) -> Result<Vec<Delta>, Refusal> {
    let model = subject.model;
    let unknown = || Refusal::because("it is not known which files the steps see");
    let view = FileView::new(subject.context);
    let moved = view.copied(model, found.copy.index).ok_or_else(unknown)?;
    let mut declared =
        vec![Delta::StepMoved { instruction: found.copy.index, after: Some(found.run), order: 0 }];
    let above = found.run - 1;
    let above = if above == found.copy.index { above - 1 } else { above };
    for (order, step) in steps.iter().enumerate() {
        let meaning = Meaning::of_text(step).ok_or_else(unknown)?.to_string();
        declared.push(Delta::StepAdded { after: Some(above), order, meaning });
    }
    let is_read = |path: &str| {
        files.iter().any(|read| {
            path == read || path.strip_prefix(read.as_str()).is_some_and(|rest| rest.starts_with('/'))
        })
    };
    for run in found.copy.index + 1..=found.run {
        if model.instruction(run).is_none_or(|instruction| instruction.keyword != Keyword::Run) {
            continue;
        }
        let saw = view.visible(model, run).ok_or_else(unknown)?;
        let mut sees = view.visible_without(model, run, found.copy.index).ok_or_else(unknown)?;
        if run == found.run {
            sees.extend(moved.iter().filter(|file| is_read(&file.path)).cloned());
        }
        if !saw.is_subset(&sees) {
            let kept: std::collections::BTreeSet<String> = sees.into_iter().map(|file| file.path).collect();
            declared.push(Delta::VisibleFilesLost {
                instruction: run,
                before: saw.len(),
                kept: kept.into_iter().collect(),
            });
        }
    }
    Ok(declared)
}

/// How many steps an edit of the source runs again, before and after.
fn title(subject: &Subject<'_>, found: &Found) -> String {
    let Some(stage) = subject.model.stage_of(found.run) else { return String::new() };
    let steps = |from: usize| {
        let steps = subject.model.stage_instructions(stage).filter(|(index, _)| *index >= from);
        steps.filter(|(_, step)| matches!(step.keyword, Keyword::Copy | Keyword::Add | Keyword::Run)).count()
    };
    // The COPY itself is one of them, wherever it stands.
    let (before, after) = (steps(found.copy.index), steps(found.run + 1) + 1);
    let noun = if after == 1 { "step" } else { "steps" };
    format!("install before copying source: an edit re-runs {after} {noun}, not {before}")
}

/// Cuts the lines of the COPY out and puts them behind the installation, and the new COPYs above it.
fn edit(
    subject: &Subject<'_>,
    found: &Found,
    copy: &Instruction,
    steps: &[String],
) -> Result<Result<TextEdit, crate::text::EditError>, Refusal> {
    let file = subject.file();
    let text = file.text();
    let ending = file.line_ending().as_str();
    let run = subject.model.instruction(found.run).ok_or_else(changed)?;
    let with_comments = |index: usize, instruction: &Instruction| {
        let start = match file.comments_glued_to(index).first() {
            Some(comment) => file.line_index().line_start(comment.line - 1),
            None => file.whole_lines(instruction).start,
        };
        TextRange::new(start, file.whole_lines(instruction).end)
    };
    let block = with_comments(found.copy.index, copy);
    let run_block = with_comments(found.run, run);
    let mut edit = TextEdit::builder();
    edit.delete(TextRange::new(block.start, blank_end(text, block)));
    let indent = run_block.of(text).len() - run_block.of(text).trim_start_matches([' ', '\t']).len();
    let indent = run_block.of(text).get(..indent).unwrap_or_default();
    let new = steps.iter().flat_map(|step| [indent, step.as_str(), ending]).collect::<String>();
    edit.insert(run_block.start, new);
    let moved = block.of(text);
    if run_block.of(text).ends_with('\n') {
        edit.insert(run_block.end, moved);
    } else {
        edit.insert(run_block.end, format!("{ending}{}", moved.trim_end_matches(['\r', '\n'])));
    }
    Ok(edit.finish())
}

/// Where what is cut out ends: with the blank line behind it, when one stands before it too.
fn blank_end(text: &str, block: TextRange) -> usize {
    let before = text.get(..block.start).unwrap_or_default();
    let is_blank_before = before.trim_end_matches([' ', '\t', '\r', '\n']).len() + 2 <= before.len()
        && before.trim_end_matches([' ', '\t']).ends_with('\n')
        && before.lines().last().is_none_or(|line| line.trim().is_empty());
    let behind = text.get(block.end..).unwrap_or_default();
    let line = behind.split_inclusive('\n').next().unwrap_or_default();
    if is_blank_before && line.trim().is_empty() { block.end + line.len() } else { block.end }
}
