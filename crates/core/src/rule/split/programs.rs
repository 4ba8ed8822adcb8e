//! Languages that compile to a program: what they have in common.
//!
//! The program comes over, at the path that it has, and with it what it may read when it runs: every file that was copied
//! or written beside it, save those that only a compiler reads (H074, H080). It runs on the same release of the same
//! distribution that it was compiled on, or a newer one (H067, H068), with the certificates and time zones that the
//! compiling image has (H069, H070).

use std::collections::BTreeSet;

use super::demands::{self, Started};
use super::steps::{Command, Effect};
use super::{BuildStage, Runtime, is_at_or_below};
use crate::knowledge::{Family, Remains, Runner};
use crate::rule::Refusal;
use crate::rule::litter::GitIgnore;
use crate::syntax::Keyword;

/// More entries than this are not listed one by one.
const MOST_ENTRIES: usize = 8;

/// What the commands of a stage make.
#[derive(Default)]
pub(super) struct Outputs {
    /// The programs, absolute.
    pub(super) programs: BTreeSet<String>,
    /// Programs that were installed by name, absolute: kept only when they are started.
    pub(super) tools: BTreeSet<String>,
    /// Whether nothing else is made in the directories of the program.
    pub(super) is_precise: bool,
}

/// What differs between the languages.
pub(super) struct Language {
    /// The endings of its sources, which nothing reads at run time.
    pub(super) sources: &'static [&'static str],
    /// Other files that only its tools read, by name.
    pub(super) manifests: &'static [&'static str],
    /// Directories whose contents only its tools read, below the program's directory.
    pub(super) directories: &'static [&'static str],
    /// Where its installed programs lie: on the PATH of the compiling image, and not on that of the other.
    pub(super) installed: &'static [&'static str],
    /// Programs that compile, or watch and compile: whoever starts them does not want a finished program (H075).
    pub(super) compilers: &'static [&'static str],
    /// What a source has that starts other programs.
    pub(super) starts: &'static [&'static str],
    /// Whether everything beside the program may come over whole: not where gigabytes of intermediate results lie there.
    pub(super) may_be_whole: bool,
}

/// Files that no program reads, whatever the language.
pub(crate) fn is_for_people(path: &str) -> bool {
    const NAMES: &[&str] = &[
        "dockerfile",
        "containerfile",
        "makefile",
        "justfile",
        "license",
        "licence",
        "copying",
        "contributing",
        "changelog",
        "readme",
        "authors",
        "codeowners",
        ".dockerignore",
        ".gitignore",
        ".gitattributes",
        ".gitmodules",
        ".gitlab-ci.yml",
        ".travis.yml",
        ".editorconfig",
        "docker-compose.yml",
        "docker-compose.yaml",
        "compose.yml",
        "compose.yaml",
        ".golangci.yml",
        ".golangci.yaml",
        ".goreleaser.yml",
        ".goreleaser.yaml",
        ".air.toml",
        "air.toml",
        "rustfmt.toml",
        ".rustfmt.toml",
        "clippy.toml",
        ".clang-format",
        ".clang-tidy",
        ".pre-commit-config.yaml",
        "jenkinsfile",
        "procfile",
        "fly.toml",
        "render.yaml",
        "renovate.json",
        "sonar-project.properties",
        "tilt",
        "tiltfile",
    ];
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let folders = [".git/", ".github/", ".gitlab/", ".circleci/", ".vscode/", ".idea/", ".devcontainer/"];
    let is_text_about = matches!(
        stem,
        "readme"
            | "license"
            | "licence"
            | "contributing"
            | "changelog"
            | "copying"
            | "authors"
            | "security"
            | "dockerfile"
    );
    NAMES.contains(&name)
        || is_text_about
        || name.strip_suffix(".dockerfile").is_some()
        || name.strip_suffix(".http").is_some()
        || matches!(
            name,
            ".env.example" | ".env-example" | ".env.sample" | "env.example" | "sqlc.yaml" | "sqlc.yml"
        )
        || (name.starts_with("buf.") && name.strip_suffix(".yaml").is_some())
        || name.starts_with("docker-compose")
        || folders.iter().any(|folder| lower.starts_with(folder) || lower.contains(&format!("/{folder}")))
}

impl Language {
    /// Whether a file of the context, by its path, is read by nothing but the language's tools and by people.
    pub(super) fn is_build_only(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or_default();
        self.sources.iter().any(|ending| name.ends_with(ending))
            || self.manifests.contains(&name)
            || self.directories.iter().any(|directory| {
                path.starts_with(&format!("{directory}/")) || path.contains(&format!("/{directory}/"))
            })
            || is_for_people(path)
    }
}

/// What the final stage needs, for an image whose programs run on another.
pub(super) fn runtime(
    stage: &BuildStage<'_>,
    language: &Language,
    outputs: Outputs,
    more: Vec<String>,
) -> Result<Runtime, Refusal> {
    let runner = runner(stage)?;
    runtime_on(stage, language, outputs, more, &runner)
}

/// What the final stage needs, on the image of the runner.
pub(super) fn runtime_on(
    stage: &BuildStage<'_>,
    language: &Language,
    mut outputs: Outputs,
    more: Vec<String>,
    runner: &Runner,
) -> Result<Runtime, Refusal> {
    if let Some(directory) = stage
        .directories
        .iter()
        .find(|directory| language.installed.iter().any(|bin| is_at_or_below(bin, directory)))
    {
        return Err(Refusal::hazard(
            "H074",
            format!("the program lies in `{directory}`, among what the image brings"),
        ));
    }
    copied_results(stage, language, &mut outputs);
    let started = demands::started_by(stage)?;
    if started.commands.is_empty() {
        return Err(Refusal::because("it is not known what a container starts"));
    }
    let mut runtime = Runtime {
        base: runner.base.clone(),
        left_behind: vec![runner.toolchain.clone()],
        ..Runtime::default()
    };
    let needed = needed(stage, language, &mut outputs, &started, &mut runtime)?;
    runtime.copies = copies(stage, language, &outputs, needed)?;
    runtime.packages = more;
    // The same image has the same programs.
    let missing = if runner.packages.is_empty() {
        Vec::new()
    } else {
        programs_of_the_image(stage, language, &started)?
    };
    for package in runner.packages.iter().chain(&missing) {
        if !runtime.packages.contains(package) {
            runtime.packages.push(package.clone());
        }
    }
    runtime.packages.sort();
    let sets_directory =
        stage.model().stage_instructions(stage.stage).any(|(_, step)| step.keyword == Keyword::Workdir);
    if !sets_directory {
        runtime.workdir = stage.facts.workdir.clone().filter(|path| path != "/");
    }
    Ok(runtime)
}

/// What the program runs on. Where the tag hangs on a build argument, what stands in it literally has to say enough.
pub(super) fn runner(stage: &BuildStage<'_>) -> Result<Runner, Refusal> {
    let unknown = || {
        Refusal::hazard(
            "H084",
            format!("it is not known what a program that was compiled in `{}` runs on", stage.base),
        )
    };
    let from = stage.model().instruction(stage.stage.from);
    let written = from.and_then(|from| from.value_texts().next()).unwrap_or_default();
    let reference = without_variables(written).ok_or_else(unknown)?;
    stage.subject.knowledge.runner(&reference).ok_or_else(unknown)
}

/// A reference with `latest` for each variable in its tag. `None` when the name itself hangs on one.
fn without_variables(written: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = written;
    while let Some((before, behind)) = rest.split_once('$') {
        text.push_str(before);
        if !text.rsplit('/').next().unwrap_or_default().contains(':') {
            return None;
        }
        text.push_str("latest");
        rest = match behind.strip_prefix('{') {
            Some(braced) => braced.split_once('}')?.1,
            None => behind.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_'),
        };
    }
    text.push_str(rest);
    Some(text)
}

/// A result that is copied or moved is a result where it comes to.
fn copied_results(stage: &BuildStage<'_>, language: &Language, outputs: &mut Outputs) {
    for command in stage.commands() {
        if !matches!(command.program(), "cp" | "mv" | "install" | "ln") {
            continue;
        }
        let operands: Vec<&str> =
            command.words.iter().skip(1).filter(|word| !word.starts_with('-')).copied().collect();
        let Some((target, sources)) = operands.split_last() else { continue };
        for source in sources {
            let (Some(from), Some(to)) = (command.path(source), command.path(target)) else { continue };
            let name = from.rsplit('/').next().unwrap_or_default();
            let is_result = outputs.programs.contains(&from)
                || language.installed.iter().any(|bin| is_at_or_below(&from, bin))
                || stage.is_inside(&from);
            if !is_result {
                continue;
            }
            let is_directory = target.ends_with('/') || sources.len() > 1 || is_directory(&to, stage);
            let to = if is_directory { format!("{}/{name}", to.trim_end_matches('/')) } else { to };
            // A copy that is left where it was made comes along only when it is started from there.
            if outputs.programs.remove(&from) && command.program() != "mv" {
                outputs.tools.insert(from.clone());
            }
            outputs.programs.insert(to);
        }
    }
}

/// Whether a path is known to be a directory.
fn is_directory(path: &str, stage: &BuildStage<'_>) -> bool {
    const SYSTEM: &[&str] = &[
        "/usr/local/bin",
        "/usr/bin",
        "/bin",
        "/usr/sbin",
        "/sbin",
        "/usr/local/sbin",
        "/opt",
        "/root",
        "/",
        "/srv",
        "/app",
    ];
    SYSTEM.contains(&path) || stage.directories.iter().any(|directory| is_at_or_below(directory, path))
}

/// Programs that every small image has, or that belong to the shell.
fn is_of_the_shell(program: &str) -> bool {
    matches!(
        program,
        "sh" | "bash"
            | "ash"
            | "dash"
            | "exec"
            | "echo"
            | "cd"
            | "set"
            | "export"
            | "test"
            | "["
            | "sleep"
            | "mkdir"
            | "cp"
            | "mv"
            | "true"
            | "false"
            | "exit"
            | "wait"
            | "until"
            | "while"
            | "if"
            | "env"
            | "printf"
            | "date"
            | "trap"
            | "kill"
            | "grep"
            | "sed"
            | "cat"
            | "ls"
            | "rm"
            | "source"
            | "."
            | "chown"
            | "chmod"
            | "touch"
            | "id"
            | "awk"
            | "cut"
            | "tr"
            | "head"
            | "tail"
            | "sort"
            | "read"
            | "shift"
            | "ulimit"
            | "unset"
            | "eval"
            | "nohup"
            | "stty"
            | "tee"
            | "uname"
            | "hostname"
            | "ln"
            | "find"
            | "xargs"
            | "wc"
            | "basename"
            | "dirname"
            | "pwd"
            | "which"
            | "command"
            | "type"
            | "umask"
            | "nice"
            | "timeout"
    )
}

/// The paths that have to be there because they are started. Programs that were on the PATH of the compiling image come to
/// a place that is on every PATH.
fn needed(
    stage: &BuildStage<'_>,
    language: &Language,
    outputs: &mut Outputs,
    started: &Started,
    runtime: &mut Runtime,
) -> Result<BTreeSet<String>, Refusal> {
    let files = stage.files()?;
    let workdir = stage.stage.config.workdir.value().cloned().unwrap_or_default();
    let mut needed = BTreeSet::new();
    let brings_packages = stage.commands().any(|command| command.effect == Effect::Packages);
    for words in &started.commands {
        let mut words =
            words.iter().map(String::as_str).skip_while(|word| matches!(*word, "exec" | "env" | "nohup"));
        let Some(program) = words.next() else { continue };
        let name = program.rsplit('/').next().unwrap_or(program);
        if language.compilers.contains(&name) || stage.subject.knowledge.is_build_tool(name) {
            return Err(Refusal::hazard("H075", format!("`{name}` builds when a container starts")));
        }
        // What a wrapper is given is a program too: `tini -- app`, `dumb-init app`.
        let wrapped = words
            .find(|word| !word.starts_with('-'))
            .filter(|_| matches!(name, "tini" | "dumb-init" | "gosu" | "su-exec"));
        for program in [Some(program), wrapped].into_iter().flatten() {
            let name = program.rsplit('/').next().unwrap_or(program);
            if program.contains(['$', '`']) {
                return Err(Refusal::hazard("H083", format!("what `{program}` starts is up to a variable")));
            }
            if program.contains('/') {
                let path = crate::context::normalise(&if program.starts_with('/') {
                    program.to_owned()
                } else {
                    format!("{workdir}/{program}")
                });
                let path = format!("/{}", path.unwrap_or_default());
                let on_path = language.installed.iter().any(|bin| is_at_or_below(&path, bin));
                if outputs.programs.contains(&path) || outputs.tools.contains(&path) || on_path {
                    needed.insert(path);
                } else if stage.is_inside(&path) {
                    // Something makes it, and it is not known what else that makes.
                    outputs.is_precise &= files.contains_key(&path);
                } else if !is_of_the_shell(name) && !files.contains_key(&path) && !is_of_the_system(&path) {
                    return Err(Refusal::hazard(
                        "H080",
                        format!("it is not known what makes `{path}`, which a container starts"),
                    ));
                }
                continue;
            }
            let ending = format!("/{name}");
            let found = outputs.programs.iter().chain(&outputs.tools).filter(|path| path.ends_with(&ending));
            let found = found.max_by_key(|path| {
                (is_of_the_path(path), language.installed.iter().any(|bin| is_at_or_below(path, bin)))
            });
            match found.cloned() {
                Some(path) if language.installed.iter().any(|bin| is_at_or_below(&path, bin)) => {
                    runtime.placed.push((path.clone(), format!("/usr/local/bin/{name}")));
                    outputs.programs.remove(&path);
                }
                Some(path) if is_of_the_path(&path) => {
                    needed.insert(path);
                }
                _ if is_of_the_shell(name)
                    || brings_packages
                    || files.contains_key(&format!("/usr/local/bin/{name}")) => {}
                _ if stage.subject.knowledge.package_of_full_program(&stage.image, name).is_some() => {}
                _ => {
                    return Err(Refusal::hazard(
                        "H083",
                        format!("it is not known what brings `{name}`, which a container starts"),
                    ));
                }
            }
        }
    }
    runtime.placed.sort();
    runtime.placed.dedup();
    Ok(needed)
}

fn is_of_the_path(path: &str) -> bool {
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    matches!(directory, "/usr/local/bin" | "/usr/bin" | "/bin" | "/usr/local/sbin" | "/usr/sbin" | "/sbin")
}

fn is_of_the_system(path: &str) -> bool {
    ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/etc/", "/dev/"]
        .iter()
        .any(|directory| path.starts_with(directory))
}

/// What comes over: the programs, and what lies beside them that they may read.
fn copies(
    stage: &BuildStage<'_>,
    language: &Language,
    outputs: &Outputs,
    needed: BTreeSet<String>,
) -> Result<Vec<String>, Refusal> {
    let files = stage.files_before(stage.last + 1)?;
    let written: Vec<(&str, &String)> = stage
        .commands()
        .filter_map(|command| match &command.effect {
            Effect::Writes(paths) | Effect::Fetches(paths) => Some((command.program(), paths)),
            _ => None,
        })
        .flat_map(|(program, paths)| paths.iter().map(move |path| (program, path)))
        .collect();
    let mut copies: BTreeSet<String> = needed;
    let git = GitIgnore::new(stage.subject.context.files());
    for directory in &stage.directories {
        let inside = |path: &str| is_at_or_below(path, directory) && path != directory;
        let gives_it_away = written
            .iter()
            .any(|(program, path)| matches!(*program, "chown" | "chgrp") && is_at_or_below(directory, path));
        let mut entries: BTreeSet<String> = BTreeSet::new();
        let entry = |path: &str| {
            let rest = path.get(directory.len() + 1..).unwrap_or_default();
            format!("{directory}/{}", rest.split('/').next().unwrap_or(rest))
        };
        // What git ignores lies on this machine and in no fresh clone, where a COPY that names it would fail.
        let mut only_here: BTreeSet<String> = BTreeSet::new();
        for (target, file) in files.iter().filter(|(target, _)| inside(target)) {
            if !language.is_build_only(file) {
                if git.covers(file) {
                    only_here.insert(entry(target));
                } else {
                    entries.insert(entry(target));
                }
            }
        }
        let is_made = |path: &String| outputs.programs.contains(path);
        let is_local = only_here.iter().any(|entry| !entries.contains(entry) && !is_made(entry));
        for (program, path) in &written {
            let is_result = outputs.programs.contains(*path);
            if inside(path) && !is_result && !matches!(*program, "rm" | "chmod" | "chown") {
                entries.insert(entry(path));
            }
        }
        for program in outputs.programs.iter().filter(|path| inside(path)) {
            if !entries.contains(&entry(program)) {
                entries.insert(program.clone());
            }
        }
        let is_whole = !outputs.is_precise || gives_it_away || is_local || entries.len() > MOST_ENTRIES;
        if is_whole && language.may_be_whole {
            copies.insert(directory.clone());
        } else if !outputs.is_precise || gives_it_away || is_local {
            let reason = format!("it is not known what of `{directory}` the program needs at run time");
            return Err(Refusal::hazard("H080", reason));
        } else {
            copies.extend(entries);
        }
    }
    copies.extend(outputs.programs.iter().filter(|path| !stage.is_inside(path)).cloned());
    let all = copies.clone();
    let is_below_another =
        |path: &String| all.iter().any(|other| other != path && is_at_or_below(path, other));
    copies.retain(|path| !is_below_another(path));
    if let Some(path) = copies.iter().find(|path| super::is_of_the_system(path) && !path.contains("/bin/")) {
        return Err(Refusal::hazard(
            "H080",
            format!("the build writes `{path}`, among the files of the system"),
        ));
    }
    Ok(copies.into_iter().collect())
}

/// The packages of programs that the compiling image has and the other has not, and that are started or named in a source
/// that starts programs.
fn programs_of_the_image(
    stage: &BuildStage<'_>,
    language: &Language,
    started: &Started,
) -> Result<Vec<String>, Refusal> {
    let knowledge = stage.subject.knowledge;
    let mut packages: BTreeSet<&str> = BTreeSet::new();
    for words in &started.commands {
        for word in words {
            let name = word.rsplit('/').next().unwrap_or(word);
            packages.extend(knowledge.package_of_full_program(&stage.image, name));
        }
    }
    for (target, file) in stage.files()? {
        if !language.sources.iter().any(|ending| file.ends_with(ending))
            || target.contains("/vendor/")
            || file.ends_with("_test.go")
        {
            continue;
        }
        let Some(text) =
            stage.read(&file).filter(|text| language.starts.iter().any(|start| text.contains(start)))
        else {
            continue;
        };
        for name in demands::called_in(&text) {
            if language.compilers.contains(&name)
                && language.starts.iter().any(|start| text.contains(&format!("{start}(\"{name}\"")))
            {
                return Err(Refusal::hazard("H075", format!("`{file}` starts `{name}`")));
            }
            packages.extend(knowledge.package_of_full_program(&stage.image, name));
        }
    }
    let is_alpine = stage.facts.family == Some(Family::Alpine);
    // The names are Debian's; Alpine's are the same for those that matter, and BusyBox brings the rest.
    let packages = packages
        .into_iter()
        .filter(|package| !is_alpine || matches!(*package, "curl" | "git" | "openssl" | "bash"));
    Ok(packages.map(str::to_owned).collect())
}

/// The libraries behind packages to compile against, on the release that the program runs on.
///
/// # Errors
/// A refusal when the names hang on a release that is not known (H066).
pub(super) fn libraries(stage: &BuildStage<'_>, packages: &BTreeSet<&str>) -> Result<Vec<String>, Refusal> {
    let mut libraries = BTreeSet::new();
    for package in packages {
        let remains = stage.subject.knowledge.remains_of("apt-get", package, &stage.image, stage.release);
        let Remains::Only(left) = remains else {
            let reason = format!(
                "the library of `{package}` has another name on each release, and `{}` names none",
                stage.base
            );
            return Err(Refusal::hazard("H066", reason));
        };
        libraries.extend(left);
    }
    Ok(libraries.into_iter().collect())
}

/// What every compiled language does with its results: it moves them, strips them, makes them executable. That belongs to
/// the build.
pub(super) fn effect_on_results(command: &Command<'_>) -> Option<Effect> {
    let is_of_the_system = |word: &&&str| {
        ["/etc", "/usr/share", "/lib", "/var"].iter().any(|directory| is_at_or_below(word, directory))
    };
    match command.program() {
        "strip" | "upx" => Some(Effect::Builds { inside: false }),
        "cp" | "mv" if !command.words.iter().skip(1).any(|word| is_of_the_system(&word)) => {
            Some(Effect::Builds { inside: false })
        }
        "rm" if !command
            .words
            .iter()
            .skip(1)
            .any(|word| word.starts_with('/') && !word.starts_with("/app")) =>
        {
            Some(Effect::Builds { inside: false })
        }
        _ => None,
    }
}
