//! See [`RULE`].

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::context::dockerignore::{DOCKERIGNORE, find_ignore_file};
use crate::context::{Answer, DockerIgnore, Found, normalise, split, walk};
use crate::model::{Base, BuildModel, Delta, Source, context_sources, is_file};
use crate::rule::litter::{self, Group, Litter};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::syntax::{Instruction, Keyword};

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
    /// A `.dockerignore` at the root of the context, with only what is there: version control, installed dependencies
    /// that the image installs itself, caches, secrets, logs, files of editors and operating systems. Nothing that a
    /// COPY, ADD or bind mount of any Dockerfile with this context names (H128, H133), and no README, LICENSE, tests or
    /// documentation, which builds read.
    ///
    /// ## Stays silent
    ///
    /// Without a build context. When there is an ignore file, `.dockerignore` or one that belongs to the Dockerfile
    /// (H131). When no COPY, ADD or mount takes the whole context or a directory with such things in it. When there is
    /// nothing in the context that should be kept out. `node_modules`, virtual environments and the like stay when a
    /// Dockerfile that copies them installs no dependencies, and `.env` stays when a step or the program is told to read
    /// it. A pattern is rooted at the context unless it begins with `**/` (H130).
    ///
    /// ## Refuses
    ///
    /// When the context cannot be listed. When a source of a COPY is not in it: then it may be another folder (H132).
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

/// Files beside the Dockerfiles that say how something is built: at most so many are searched for uses of git.
const MAX_BUILD_FILES: usize = 200;

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let takes = takes(subject.model);
    if takes.is_empty() || !has_no_ignore_file(subject) {
        return;
    }
    let files = subject.context.files();
    let Some(listing) = subject.context.listing() else {
        // What lies at the top is seen all the same.
        let Answer::Present(top) = files.list("") else { return };
        let top: Vec<Found> =
            top.into_iter().map(|entry| Found { path: entry.name.clone(), entry }).collect();
        let refusal = Refusal::because("the build context cannot be listed, or is too large");
        report(subject, findings, &takes, &litter::find(&top, files), Some(refusal));
        return;
    };
    let litter = litter::find(listing, files);
    if litter.is_empty() {
        return;
    }
    match choose(subject, listing, &litter) {
        Ok(choice) => report(subject, findings, &takes, &choice.litter, None),
        Err(refusal) => report(subject, findings, &takes, &litter, Some(refusal)),
    }
}

/// What one instruction takes from the context.
struct Take {
    instruction: usize,
    /// The paths, as COPY and the ignore file have them; a directory stands for what it holds.
    sources: Vec<String>,
}

/// Reports the first instruction that takes something that should stay out.
fn report(
    subject: &Subject<'_>,
    findings: &mut Findings<'_>,
    takes: &[Take],
    litter: &[Litter],
    refusal: Option<Refusal>,
) {
    for take in takes {
        let is_taken = |one: &&Litter| take.sources.iter().any(|source| is_below(&one.path, source));
        let names: Vec<&str> = litter.iter().filter(is_taken).map(|one| one.path.as_str()).collect();
        let Some(instruction) = subject.model.instruction(take.instruction).filter(|_| !names.is_empty())
        else {
            continue;
        };
        let verb = if instruction.keyword == Keyword::Run { "mounts" } else { "copies" };
        let message = format!("{verb} {} too: no .dockerignore keeps that out", enumerate(&names));
        findings.push(findings.at(take.instruction, instruction.head_range(), message).refused_if(refusal));
        return;
    }
}

fn enumerate(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} and {two}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
    }
}

/// Whether it is certain that the builder finds no ignore file (H131).
fn has_no_ignore_file(subject: &Subject<'_>) -> bool {
    let path = subject.context.dockerfile().unwrap_or("Dockerfile");
    find_ignore_file(subject.context.files(), path).is_absent()
        && subject.context.files().entry(DOCKERIGNORE).is_absent()
}

/// What the stages that are built take from the context. Unknown sources are left out.
fn takes(model: &BuildModel) -> Vec<Take> {
    let used = used_stages(model);
    let mut takes = Vec::new();
    for stage in model.stages().iter().filter(|stage| used.contains(&stage.index)) {
        for step in &stage.steps {
            let sources: Vec<String> = context_sources(model, step.instruction)
                .into_iter()
                .flatten()
                .filter_map(|source| normalise(&source))
                .map(|source| if source == "*" { String::new() } else { source })
                .collect();
            if !sources.is_empty() {
                takes.push(Take { instruction: step.instruction, sources });
            }
        }
    }
    takes
}

/// The stages that an image is made of: BuildKit skips the others.
fn used_stages(model: &BuildModel) -> BTreeSet<usize> {
    let mut used: BTreeSet<usize> = BTreeSet::new();
    for stage in model.stages().iter().rev() {
        if !stage.shipped && !used.contains(&stage.index) {
            continue;
        }
        used.insert(stage.index);
        if let Base::Stage(base) = stage.base {
            used.insert(base);
        }
        for (index, instruction) in model.stage_instructions(stage) {
            let froms = instruction.flags.iter().filter_map(|flag| {
                let value = flag.value()?;
                match flag.name() {
                    "from" => Some(value),
                    "mount" => value.split(',').find_map(|option| option.strip_prefix("from=")),
                    _ => None,
                }
            });
            for from in froms {
                if let Some(Source::Stage(source)) = model.resolve_source(index, from) {
                    used.insert(source);
                }
            }
        }
    }
    used
}

/// What goes into the ignore file, and what is to be said about it.
struct Choice {
    litter: Vec<Litter>,
    remarks: Vec<String>,
}

/// All Dockerfiles with this context.
fn models<'a>(subject: &Subject<'a>) -> Vec<(&'a str, &'a BuildModel)> {
    let siblings = subject.siblings.iter().map(|sibling| (sibling.path, sibling.model));
    std::iter::once((subject.path, subject.model)).chain(siblings).collect()
}

fn choose(subject: &Subject<'_>, listing: &[Found], litter: &[Litter]) -> Result<Choice, Refusal> {
    let models = models(subject);
    let mut sources = Vec::new();
    for (path, model) in &models {
        sources.push(needs(subject, path, model)?);
    }
    let mut choice = Choice { litter: litter.to_vec(), remarks: Vec::new() };
    choice.litter.retain(|one| !sources.iter().flatten().any(|source| names(source, one)));
    for ((path, model), sources) in models.iter().zip(&sources) {
        let takes = |one: &Litter| sources.iter().any(|source| is_below(&one.path, source));
        choice.litter.retain(|one| {
            let remade = one.remade_by.is_empty() || !takes(one) || runs_mention(model, one.remade_by);
            if !remade && !choice.remarks.iter().any(|remark| remark.starts_with(&one.path)) {
                choice.remarks.push(format!("{} is still sent: {path} does not make its own", one.path));
            }
            remade
        });
        if reads_dotenv(model) {
            choice.litter.retain(|one| !is_dotenv(&one.path));
        }
    }
    let has_history = litter.iter().any(|one| one.path == ".git");
    if let Some(user) = has_history.then(|| user_of_git(subject, &models, listing)).flatten() {
        let had = choice.litter.len();
        // A file that git knows and the builder does not get makes the version a dirty one (H129).
        choice.litter.retain(|one| matches!(one.group, Group::Dependencies | Group::Generated));
        if choice.litter.is_empty() && had > 0 {
            return Err(Refusal::hazard("H052", format!("{user} takes the version from git")));
        }
        choice
            .remarks
            .push(format!(".git is still sent, with all that git may know: {user} reads it (H052, H129)"));
    }
    if choice.litter.iter().any(|one| is_dotenv(&one.path)) {
        choice.remarks.push(
            ".env is no part of the image any more: where the program reads it, pass it when the container starts (--env-file)"
                .to_owned(),
        );
    }
    Ok(choice)
}

/// What a Dockerfile needs of the context.
fn needs(subject: &Subject<'_>, path: &str, model: &BuildModel) -> Result<Vec<String>, Refusal> {
    let mut needs = Vec::new();
    for (index, instruction) in model.file().instructions().iter().enumerate() {
        let Some(sources) = context_sources(model, index) else {
            let line = instruction.lines.start();
            return Err(Refusal::hazard(
                "H128",
                format!("it is not known what line {line} of {path} copies"),
            ));
        };
        for source in sources {
            let Some(source) = normalise(&source) else { continue };
            let is_pattern = source.contains(['*', '?', '[']);
            let is_own = std::ptr::eq(model, subject.model);
            let is_there = || subject.context.files().entry(&source).is_present();
            if is_own && !source.is_empty() && !is_pattern && !is_there() {
                let reason = format!(
                    "`{source}` is not in the folder that was taken for the build context: it may be another"
                );
                return Err(Refusal::hazard("H132", reason));
            }
            needs.push(if source == "*" { String::new() } else { source });
        }
    }
    Ok(needs)
}

/// Whether a source names a piece of litter, something in it, or a file of its kind on purpose.
fn names(source: &str, litter: &Litter) -> bool {
    if source.is_empty() {
        return false;
    }
    let path = litter.path.as_str();
    let is_deliberate =
        matches!(litter.group, Group::Secrets | Group::Logs) || !litter::is_made_by_tools(path);
    if is_below(source, path) || (is_deliberate && is_below(path, source)) {
        return true;
    }
    let Some(wild) = source.find(['*', '?', '[']) else { return false };
    // `target/*.jar` reaches into `target`, `*.pem` names keys, `**/x` may name anything.
    let fixed = split(source.get(..wild).unwrap_or_default()).0;
    source.contains("**")
        || is_below(fixed, path) && !fixed.is_empty()
        || DockerIgnore::parse(source).is_ignored(path)
}

/// Whether `path` is `directory` or lies below it.
fn is_below(path: &str, directory: &str) -> bool {
    directory.is_empty()
        || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path or a directory above it is in a set.
fn is_covered(path: &str, set: &HashSet<&str>) -> bool {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end)).any(|part| set.contains(part))
}

/// The texts of all RUNs, heredocs included.
fn run_texts(model: &BuildModel) -> impl Iterator<Item = &str> {
    let runs = model.file().instructions().iter().filter(|instruction| instruction.keyword == Keyword::Run);
    runs.flat_map(|run| {
        let bodies = run.heredocs.iter().map(|heredoc| heredoc.body.of(model.file().text()));
        std::iter::once(run.arguments_text()).chain(bodies)
    })
}

fn runs_mention(model: &BuildModel, words: &[&str]) -> bool {
    run_texts(model).any(|text| words.iter().any(|word| text.contains(word)))
}

fn is_dotenv(path: &str) -> bool {
    split(path).1.starts_with(".env")
}

/// Whether a step or the program is told to read `.env`, or a front end is built, which takes values from it.
fn reads_dotenv(model: &BuildModel) -> bool {
    const BUILDS: &[&str] =
        &["run build", "yarn build", "pnpm build", "next build", "vite build", "bun build", "run generate"];
    let names_it = |text: &str| {
        text.match_indices(".env").any(|(at, found)| {
            let next = text.get(at + found.len()..).and_then(|rest| rest.chars().next());
            next.is_none_or(|next| !next.is_alphanumeric() && !matches!(next, '.' | '_' | '-'))
        })
    };
    let commands = model
        .file()
        .instructions()
        .iter()
        .filter(|instruction| matches!(instruction.keyword, Keyword::Cmd | Keyword::Entrypoint))
        .map(Instruction::arguments_text);
    runs_mention(model, BUILDS) || run_texts(model).chain(commands).any(names_it)
}

/// What build files say when they ask git about the repository.
const MARKS: &[&str] = &[
    "git describe",
    "git rev-parse",
    "git log",
    "git ls-files",
    "git show",
    "setuptools_scm",
    "setuptools-scm",
    "use_scm_version",
    "hatch-vcs",
    "versioningit",
    "dunamai",
    "dynamic-versioning",
    "git-versioning",
    "git-commit-id",
    "git-properties",
    "GitVersion",
    "gitversion",
    "MinVer",
    "Nerdbank",
    "vergen",
    "shadow-rs",
    "git-version",
    "git2",
    "versioneer",
    "palantir.git",
    "grgit",
    "jgit",
];

/// What takes something from the history of the repository, if anything does (H052).
fn user_of_git(subject: &Subject<'_>, models: &[(&str, &BuildModel)], listing: &[Found]) -> Option<String> {
    for (path, model) in models {
        for (index, instruction) in model.file().instructions().iter().enumerate() {
            if instruction.keyword == Keyword::Run && run_reads_git(model, index) {
                return Some(format!("line {} of {path}", instruction.lines.start()));
            }
        }
    }
    let mut searched = 0;
    for found in listing.iter().filter(|found| is_file(found) && is_build_file(&found.path)) {
        searched += 1;
        if searched > MAX_BUILD_FILES {
            break;
        }
        let Answer::Present(bytes) = subject.context.files().read(&found.path) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        if MARKS.iter().any(|mark| text.contains(mark)) {
            return Some(found.path.clone());
        }
    }
    None
}

/// Whether a RUN reads the repository. A clone reads another one.
fn run_reads_git(model: &BuildModel, index: usize) -> bool {
    let Some(instruction) = model.instruction(index) else { return false };
    let heredocs = instruction.heredocs.iter().map(|heredoc| heredoc.body.of(model.file().text()));
    let mut texts = std::iter::once(instruction.arguments_text()).chain(heredocs);
    if !texts.any(|text| text.contains("git") || text.contains("go ")) {
        return false;
    }
    let Some(text) = model.shell_text(index).filter(|text| text.script.is_readable()) else { return true };
    text.script.all_commands().any(|command| {
        let words: Vec<&str> = command.words.iter().map(|word| word.value().unwrap_or(word.raw())).collect();
        match words.as_slice() {
            ["git", rest @ ..] => {
                let verb = rest.iter().find(|word| !word.starts_with('-'));
                !verb.is_none_or(|verb| matches!(*verb, "clone" | "config" | "init" | "lfs" | "version"))
            }
            // Go writes the revision into the program, where git is there to ask.
            ["go", "build" | "install", rest @ ..] => !rest.contains(&"-buildvcs=false"),
            _ => false,
        }
    })
}

/// Whether a file says how something is built, outside of what was installed.
fn is_build_file(path: &str) -> bool {
    const NAMES: &[&str] = &[
        "Makefile",
        "makefile",
        "GNUmakefile",
        "justfile",
        "Justfile",
        "Rakefile",
        "Cargo.toml",
        "build.rs",
        "pom.xml",
        "build.gradle",
        "build.gradle.kts",
        "package.json",
        "setup.py",
        "setup.cfg",
        "pyproject.toml",
        "CMakeLists.txt",
        "meson.build",
        "build.sbt",
        "Directory.Build.props",
        "GitVersion.yml",
        ".goreleaser.yml",
    ];
    let (directory, name) = split(path);
    let is_shallow = directory.split('/').count() <= 2;
    let ours = !directory.split('/').any(|part| {
        matches!(
            part,
            "node_modules" | "vendor" | ".git" | ".venv" | "venv" | "env" | "site-packages" | "target"
        )
    });
    let by_ending = [".gemspec", ".csproj", ".sh"].iter().any(|ending| name.ends_with(ending));
    ours && is_shallow && (NAMES.contains(&name) || by_ending)
}

fn plan(subject: &Subject<'_>, _finding: &Finding) -> Result<Plan, Refusal> {
    let unknown = || Refusal::because("the build context cannot be listed");
    let listing = subject.context.listing().ok_or_else(unknown)?;
    let all = litter::find(listing, subject.context.files());
    let choice = choose(subject, listing, &all)?;
    let text = ignore_text(&choice.litter, &all, listing);
    let ignore = DockerIgnore::parse(&text);
    let sent = walk(subject.context.files(), Some(&ignore), usize::MAX).present().ok_or_else(unknown)?;
    let kept: HashSet<&str> = sent.iter().map(|found| found.path.as_str()).collect();
    let chosen: HashSet<&str> = choice.litter.iter().map(|one| one.path.as_str()).collect();
    let (mut count, mut lost, mut total) = (0, 0, 0);
    for found in listing.iter().filter(|found| is_file(found)) {
        total += found.entry.size;
        if kept.contains(found.path.as_str()) {
            continue;
        }
        // What a pattern takes along beside what it was written for would be a bug of ours.
        if !is_covered(&found.path, &chosen) {
            return Err(Refusal::hazard("H128", format!("a pattern would also ignore {}", found.path)));
        }
        count += 1;
        lost += found.entry.size;
    }
    if count == 0 {
        return Err(Refusal::because("what could be ignored holds no files"));
    }
    let mut declared = vec![Delta::FileCreated { path: DOCKERIGNORE.to_owned() }];
    declared.push(Delta::ContextFilesLost { count, bytes: lost });
    let title = format!("create .dockerignore: context {} -> {}", size(total), size(total - lost));
    let plan = Plan::create(title, DOCKERIGNORE, text, declared);
    Ok(choice.remarks.into_iter().fold(plan, Plan::remark))
}

/// The text of the ignore file: a comment and the patterns of each group.
///
/// A pattern reaches every directory (`**/`) where all of its kind may go, and is a path of its own where not (H130).
fn ignore_text(chosen: &[Litter], all: &[Litter], listing: &[Found]) -> String {
    let known: HashSet<&str> = all.iter().map(|one| one.path.as_str()).collect();
    let wanted: HashSet<&str> = chosen.iter().map(|one| one.path.as_str()).collect();
    // A pattern for all directories takes nothing along that stays, and nothing of that name which is no litter.
    let reaches_too_far = |pattern: &str| {
        let ignore = pattern.contains('*').then(|| DockerIgnore::parse(pattern));
        listing.iter().any(|found| {
            let name = split(&found.path).1;
            let matches = ignore.as_ref().map_or(name == pattern, |ignore| ignore.is_ignored(name));
            matches
                && !wanted.contains(found.path.as_str())
                && (known.contains(found.path.as_str()) || !is_covered(&found.path, &wanted))
        })
    };
    let mut reach: BTreeMap<&str, bool> = BTreeMap::new();
    let mut groups: BTreeMap<Group, BTreeSet<String>> = BTreeMap::new();
    for one in chosen {
        let is_only_one =
            |name: &str| !all.iter().any(|other| split(&other.path).1 == name && other.path != name);
        let pattern = match one.pattern {
            Some(name) if one.group == Group::VersionControl && one.path == name && is_only_one(name) => {
                name.to_owned()
            }
            Some(pattern) if !*reach.entry(pattern).or_insert_with(|| reaches_too_far(pattern)) => {
                format!("**/{pattern}")
            }
            _ => escaped(&one.path),
        };
        groups.entry(one.group).or_default().insert(pattern);
    }
    let mut text = String::new();
    for (group, patterns) in groups {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(group.comment());
        text.push('\n');
        for pattern in patterns {
            text.push_str(&pattern);
            text.push('\n');
        }
    }
    text
}

/// A path as a pattern that matches nothing else.
fn escaped(path: &str) -> String {
    let mut pattern = String::new();
    for (at, c) in path.char_indices() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') || (at == 0 && matches!(c, '!' | '#')) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// A number of bytes as people write it, in powers of 1000.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut whole, mut rest, mut unit) = (bytes / 1000, bytes % 1000, 0);
    while whole >= 1000 && unit + 1 < UNITS.len() {
        (whole, rest, unit) = (whole / 1000, whole % 1000, unit + 1);
    }
    let unit = UNITS.get(unit).copied().unwrap_or_default();
    if whole < 10 && rest >= 100 {
        format!("{whole}.{} {unit}", rest / 100)
    } else {
        format!("{whole} {unit}")
    }
}
