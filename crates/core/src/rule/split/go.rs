//! Go: what builds, where the program comes to, and what it needs.
//!
//! Source: `go help build` and `go help install` (names of programs, `-o`, GOBIN), the images' Dockerfiles
//! (github.com/docker-library/golang: GOPATH is `/go`).

use std::collections::BTreeSet;

use super::programs::{self, Language, Outputs};
use super::steps::{Command, Effect};
use super::{BuildStage, Runtime, Stack};
use crate::context::project::{GoSources, Stack as Project};
use crate::rule::Refusal;

pub(super) static STACK: Stack = Stack {
    words: &["go build", "go install", "go get ", "go mod "],
    effect,
    saves: |stage| stage.subject.knowledge.runner(stage.base).is_some(),
    runtime,
};

pub(super) static LANGUAGE: Language = Language {
    sources: &[".go", ".s", ".c", ".h", ".cc", ".cpp", ".proto"],
    manifests: &["go.mod", "go.sum", "go.work", "go.work.sum"],
    directories: &["vendor", "testdata"],
    installed: &["/go/bin", "/root/go/bin"],
    compilers: &[
        "go",
        "air",
        "gow",
        "reflex",
        "CompileDaemon",
        "fresh",
        "dlv",
        "realize",
        "gin",
        "modd",
        "nodemon",
        "watchexec",
        "wgo",
        "mage",
    ],
    starts: &["exec.Command", "exec.CommandContext", "exec.LookPath"],
    may_be_whole: true,
};

/// Programs that generate sources or the like, below the directory they run in.
const GENERATORS: &[&str] = &[
    "make",
    "swag",
    "templ",
    "protoc",
    "buf",
    "wire",
    "sqlc",
    "mockgen",
    "statik",
    "rice",
    "packr",
    "packr2",
    "task",
    "goreleaser",
    "qtc",
    "ent",
    "gqlgen",
    "oapi-codegen",
    "stringer",
    "tailwindcss",
    "golangci-lint",
];

fn effect(command: &Command<'_>) -> Option<Effect> {
    let builds = Some(Effect::Builds { inside: true });
    match command.program() {
        "go" => match command.verb() {
            "install" if is_versioned(command) => Some(Effect::Tools),
            "build" | "install" | "get" | "run" | "generate" => builds,
            "mod" => match command.words.iter().skip(2).find(|word| !word.starts_with('-')) {
                Some(&("tidy" | "vendor" | "init" | "edit")) => builds,
                _ => Some(Effect::Nothing),
            },
            "version" | "env" | "vet" | "test" | "list" | "clean" | "help" | "fmt" | "work" | "" => {
                Some(Effect::Nothing)
            }
            _ => None,
        },
        program if GENERATORS.contains(&program) => builds,
        _ => programs::effect_on_results(command),
    }
}

/// The packages that a `go build` or `go install` names.
fn packages<'c>(command: &'c Command<'_>) -> Vec<&'c str> {
    const VALUES: &[&str] = &[
        "-o",
        "-p",
        "-asmflags",
        "-buildmode",
        "-buildvcs",
        "-compiler",
        "-gccgoflags",
        "-gcflags",
        "-installsuffix",
        "-ldflags",
        "-mod",
        "-modfile",
        "-overlay",
        "-pgo",
        "-pkgdir",
        "-tags",
        "-toolexec",
        "-C",
        "-covermode",
        "-coverpkg",
    ];
    let mut words = command.words.iter().skip(2);
    let mut packages = Vec::new();
    while let Some(word) = words.next() {
        let flag = word.strip_prefix('-').map(|word| format!("-{}", word.trim_start_matches('-')));
        match flag {
            Some(flag) if VALUES.contains(&flag.as_str()) => {
                words.next();
            }
            Some(_) => {}
            None => packages.push(*word),
        }
    }
    packages
}

fn is_source(package: &str) -> bool {
    package.strip_suffix(".go").is_some()
}

fn is_versioned(command: &Command<'_>) -> bool {
    let packages = packages(command);
    !packages.is_empty() && packages.iter().all(|package| package.contains('@') && !package.starts_with('.'))
}

/// The value of `-o`.
fn output<'c>(command: &'c Command<'_>) -> Option<&'c str> {
    let at = command.words.iter().position(|word| matches!(*word, "-o" | "--o"));
    let apart = at.and_then(|at| command.words.get(at + 1)).copied();
    apart.or_else(|| command.words.iter().find_map(|word| word.strip_prefix("-o=")))
}

/// The last part of a package's path, without a major version: `v2`.
fn name_of(package: &str) -> &str {
    let package = package.split('@').next().unwrap_or(package).trim_end_matches("/...").trim_end_matches('/');
    let mut parts = package.rsplit('/');
    let last = parts.next().unwrap_or_default();
    let is_version = last
        .strip_prefix('v')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    if is_version { parts.next().unwrap_or(last) } else { last }
}

fn runtime(stage: &BuildStage<'_>) -> Result<Runtime, Refusal> {
    if stage.image != "golang" {
        return Err(Refusal::hazard("H084", format!("it is not known how Go came into `{}`", stage.base)));
    }
    programs::runtime(stage, &LANGUAGE, outputs(stage)?, Vec::new())
}

/// What the commands make.
fn outputs(stage: &BuildStage<'_>) -> Result<Outputs, Refusal> {
    let mut outputs = Outputs { is_precise: true, ..Outputs::default() };
    for command in stage.commands() {
        if GENERATORS.contains(&command.program()) {
            outputs.is_precise = false;
        }
        if command.program() != "go" {
            continue;
        }
        if command.words.iter().any(|word| word.contains("buildmode=plugin") || word.contains("c-shared")) {
            return Err(Refusal::hazard(
                "H066",
                "a plugin or a library is built, which is loaded at run time",
            ));
        }
        match command.verb() {
            "build" => {
                let Some(made) = built(stage, command) else {
                    outputs.is_precise = false;
                    continue;
                };
                outputs.programs.extend(made);
            }
            "install" | "get" => {
                let bin = bin(command);
                let packages = packages(command);
                let is_tool =
                    command.verb() == "get" && !packages.iter().all(|package| package.starts_with('.'));
                let names: Vec<String> = match (
                    is_versioned(command) || is_tool,
                    packages.iter().any(|package| package.contains("...")),
                ) {
                    (_, true) => mains(stage, command).unwrap_or_default(),
                    (_, false) if packages.is_empty() || packages.iter().all(|package| *package == ".") => {
                        module_name(stage, command).into_iter().collect()
                    }
                    (_, false) => packages.iter().map(|package| name_of(package).to_owned()).collect(),
                };
                let paths = names.into_iter().map(|name| format!("{bin}/{name}"));
                if is_versioned(command) || is_tool || command.has(&["-d"]) {
                    outputs.tools.extend(paths);
                } else {
                    outputs.programs.extend(paths);
                }
            }
            "run" | "generate" => outputs.is_precise = false,
            _ => {}
        }
    }
    Ok(outputs)
}

/// Where `go install` puts programs.
fn bin(command: &Command<'_>) -> String {
    let value = |name: &str| command.state.variable(name).and_then(|value| value.value()).cloned();
    value("GOBIN").unwrap_or_else(|| format!("{}/bin", value("GOPATH").unwrap_or_else(|| "/go".to_owned())))
}

/// The programs of a `go build`; none when it only checks. `None` when their names are not known.
fn built(stage: &BuildStage<'_>, command: &Command<'_>) -> Option<Vec<String>> {
    let packages = packages(command);
    let many = packages.len() > 1 && !packages.iter().all(|package| is_source(package));
    let spread = packages.iter().any(|package| package.contains("..."));
    if let Some(output) = output(command) {
        let path = command.path(output)?;
        if output.ends_with('/') || many || spread {
            let names = if spread {
                mains(stage, command)?
            } else {
                packages.iter().map(|package| name_of(package).to_owned()).collect()
            };
            return Some(
                names.into_iter().map(|name| format!("{}/{name}", path.trim_end_matches('/'))).collect(),
            );
        }
        return (!is_directory_of_the_context(stage, &path)).then(|| vec![path]);
    }
    if many || spread {
        return Some(Vec::new());
    }
    let name = match packages.first() {
        None | Some(&("." | "./")) => module_name(stage, command)?,
        Some(file) if is_source(file) => {
            let name = file.rsplit('/').next()?;
            name.strip_suffix(".go")?.to_owned()
        }
        Some(package) => name_of(package).to_owned(),
    };
    Some(vec![command.path(&name)?])
}

fn is_directory_of_the_context(stage: &BuildStage<'_>, path: &str) -> bool {
    let below = format!("{path}/");
    stage.files().is_ok_and(|files| files.keys().any(|target| target.starts_with(&below)))
}

/// The path in the context of the module that a command works on, and the directory of the command below it.
fn place(stage: &BuildStage<'_>, command: &Command<'_>) -> Option<(String, String)> {
    let files = stage.files().ok()?;
    let directory = command.directory.clone()?;
    let mut here = directory.as_str();
    loop {
        if let Some(path) = files.get(&format!("{here}/go.mod")) {
            let root = path.strip_suffix("go.mod")?.trim_end_matches('/').to_owned();
            return Some((root, directory.get(here.len()..)?.trim_matches('/').to_owned()));
        }
        here = here.rsplit_once('/')?.0;
    }
}

/// The name of the program of the package in the command's directory.
fn module_name(stage: &BuildStage<'_>, command: &Command<'_>) -> Option<String> {
    let (root, below) = place(stage, command)?;
    if !below.is_empty() {
        return Some(name_of(&below).to_owned());
    }
    stage.subject.context.projects()?.iter().find_map(|project| match &project.stack {
        Project::Go(go) if project.root == root => Some(name_of(go.module.as_deref()?).to_owned()),
        _ => None,
    })
}

/// The names of all programs of the module.
fn mains(stage: &BuildStage<'_>, command: &Command<'_>) -> Option<Vec<String>> {
    let (root, _) = place(stage, command)?;
    let sources =
        GoSources::read(stage.subject.context.files(), &root).present().filter(|sources| sources.is_whole)?;
    let names: BTreeSet<String> = sources
        .mains
        .iter()
        .filter_map(|directory| {
            if *directory == root { module_name(stage, command) } else { Some(name_of(directory).to_owned()) }
        })
        .collect();
    Some(names.into_iter().collect())
}
