//! Rust: a build needs the source, and `cargo fetch` downloads the crates before it.
//!
//! Cargo refuses a manifest whose library or binary is not there, so the files that it looks for are made, empty, and the
//! copy of the source replaces them. Nothing is compiled from them: a dummy program that is built in their place can be
//! taken for the real one later, because a copy keeps old times (H058). Tried with cargo 1.95.
//!
//! Source: the Cargo Book (`cargo fetch`, `cargo install`: without `--locked` it takes no notice of `Cargo.lock`).

use crate::context::project::{CargoFetch, RustProject, Stack as Project};
use crate::context::split;

use super::{Command, Dependencies, First, Place, Refusal, Stack};

/// The stack.
pub(super) const STACK: Stack = Stack { name: "Rust", words: &["cargo"], read, installs };

/// How far above the directory of a command its `Cargo.toml` is looked for.
const LEVELS: usize = 6;

/// How many empty files are made at most: beyond, nobody wants to read the step.
const MAX_TARGETS: usize = 24;

fn read(place: &Place<'_>, words: &[&str]) -> Command {
    let rest = match words {
        ["cargo", rest @ ..] => rest,
        ["mkdir", "-p", paths @ ..] | ["touch", paths @ ..] => return makes(place, paths),
        _ => return Command::NotMine,
    };
    // A toolchain: `cargo +nightly build`.
    let (toolchain, rest) = match rest {
        [first, rest @ ..] if first.starts_with('+') => (format!(" {first}"), rest),
        _ => (String::new(), rest),
    };
    let [verb, rest @ ..] = rest else { return Command::NotMine };
    let is_locked = rest.iter().any(|word| matches!(*word, "--locked" | "--frozen"));
    let builds = matches!(
        *verb,
        "build" | "b" | "run" | "r" | "test" | "t" | "check" | "c" | "rustc" | "clippy" | "doc"
    );
    let installs_this = *verb == "install" && is_here(rest);
    let fetches = *verb == "fetch" && rest.iter().all(|word| *word == "--locked");
    if *verb == "install" && !installs_this {
        return tool(place, rest);
    }
    if !(builds || installs_this || fetches)
        || place.caches(&["/registry", "/registry/cache", "/.cargo", "/cargo"])
    {
        return Command::NotMine;
    }
    if rest.contains(&"--offline")
        || rest.iter().any(|word| word.starts_with("--manifest-path") || *word == "-C")
    {
        return Command::NotMine;
    }
    let Some((project, found, is_here)) = package(place) else { return Command::NotMine };
    if found.is_vendored || found.lock.is_some() && !found.downloads() {
        return Command::NotMine;
    }
    let lock = if is_locked { " --locked" } else { "" };
    let command = format!("cargo{toolchain} fetch{lock}");
    let uses_lock = !installs_this || is_locked;
    let (first, files) = match found.fetch() {
        Err(obstacle) => (First::Move, Err(obstacle.into())),
        // Where the targets are there, they came with the source, and the fetch needs stand-ins without it.
        Ok(fetch) if fetches && !fetch.targets.iter().any(|path| seen(place, path)) => {
            (First::Move, Ok(read_files(place, found, fetch, is_locked)))
        }
        Ok(_) if !is_here => {
            let reason = "`Cargo.toml` lies above the directory that the command runs in";
            (First::Add(command.clone()), Err(Refusal::hazard("H063", reason)))
        }
        Ok(fetch) => add(place, &project, found, fetch, &command, uses_lock),
    };
    let remarks = vec![
        "cargo still compiles the dependencies again after an edit; what is saved is their download"
            .to_owned(),
    ];
    Command::Installs(Dependencies { project, makes: &[], files, first, remarks })
}

/// What `cargo fetch` reads where it stands: without `--locked` it does without the lockfile.
fn read_files(place: &Place<'_>, found: &RustProject, fetch: CargoFetch, is_locked: bool) -> Vec<String> {
    let mut files = fetch.files;
    let is_seen = |lock: &String| seen(place, lock);
    if !is_locked && !found.lock.as_ref().is_some_and(is_seen) {
        files.retain(|path| found.lock.as_ref() != Some(path));
    }
    files
}

/// Whether a file of the context has come to the place that it has beside the project.
fn seen(place: &Place<'_>, path: &str) -> bool {
    let here = package(place).map(|(project, ..)| project).unwrap_or_default();
    place.path(&relative(&here, path)).is_some_and(|found| found == path)
}

/// The step that comes before the source: it makes what cargo looks for, and fetches.
fn add(
    place: &Place<'_>,
    project: &str,
    found: &RustProject,
    fetch: CargoFetch,
    command: &str,
    uses_lock: bool,
) -> (First, Result<Vec<String>, Refusal>) {
    let add = |command: String, files| (First::Add(command), files);
    let refuse = |refusal: Refusal| add(command.to_owned(), Err(refusal));
    if fetch.targets.len() > MAX_TARGETS {
        return refuse(Refusal::hazard("H058", "the workspace has too many packages to stand in for"));
    }
    let targets: Vec<String> = fetch.targets.iter().map(|path| relative(project, path)).collect();
    let is_plain = |path: &String| {
        path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
            && !path.starts_with('-')
    };
    if !targets.iter().all(is_plain) {
        return refuse(Refusal::because("the name of a target would have to be quoted"));
    }
    let sent = place.context.sent();
    let is_sent = |path: &String| sent.is_some_and(|sent| sent.iter().any(|file| file.path == *path));
    if let Some(path) = fetch.targets.iter().find(|path| !is_sent(path)) {
        let reason = format!("the ignore file keeps `{path}` out of the context");
        return refuse(Refusal::hazard("H064", reason));
    }
    let mut directories: Vec<&str> = targets.iter().map(|path| split(path).0).collect();
    directories.retain(|directory| !directory.is_empty());
    directories.sort_unstable();
    directories.dedup();
    let mut steps = Vec::new();
    if !directories.is_empty() {
        steps.push(format!("mkdir -p {}", directories.join(" ")));
    }
    if !targets.is_empty() {
        steps.push(format!("touch {}", targets.join(" ")));
    }
    steps.push(command.to_owned());
    let mut files = fetch.files;
    if !uses_lock {
        files.retain(|path| found.lock.as_ref() != Some(path));
    }
    add(steps.join(" && "), Ok(files))
}

/// A path of the context as seen from a directory of it.
fn relative(from: &str, path: &str) -> String {
    let mut up = String::new();
    let mut base = from;
    loop {
        let inside = match base {
            "" => Some(path),
            base => path.strip_prefix(base).and_then(|rest| rest.strip_prefix('/')),
        };
        if let Some(inside) = inside {
            return format!("{up}{inside}");
        }
        up.push_str("../");
        base = split(base).0;
    }
}

/// New files and directories at places where nothing was copied to.
fn makes(place: &Place<'_>, paths: &[&str]) -> Command {
    let is_new = |path: &&str| !path.starts_with('-') && place.path(path).is_none();
    if !paths.is_empty() && paths.iter().all(is_new) { Command::Nothing } else { Command::NotMine }
}

/// Whether `cargo install` is told to install what is in this directory.
fn is_here(words: &[&str]) -> bool {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let path = match *word {
            "--path" => words.next().copied(),
            word => word.strip_prefix("--path="),
        };
        if let Some(path) = path {
            return matches!(path, "." | "./");
        }
    }
    false
}

/// A tool from the registry reads nothing of the project, unless a toolchain or a configuration lies in the directory.
fn tool(place: &Place<'_>, words: &[&str]) -> Command {
    const CHANGES: [&str; 4] =
        ["rust-toolchain", "rust-toolchain.toml", ".cargo/config", ".cargo/config.toml"];
    let is_remote = !words.iter().any(|word| word.starts_with("--path"))
        && words.iter().any(|word| !word.starts_with('-'));
    if is_remote && CHANGES.iter().all(|name| place.file(name).is_none()) {
        Command::Nothing
    } else {
        Command::NotMine
    }
}

/// The package or workspace that a command works on, and whether it is in this very directory: cargo looks for
/// `Cargo.toml` here and upwards.
fn package<'a>(place: &Place<'a>) -> Option<(String, &'a RustProject, bool)> {
    let mut above = ".".to_owned();
    for level in 0..LEVELS {
        let found = place.within(&above, |place| place.file("Cargo.toml")).flatten();
        if let Some((_, project)) = found {
            let projects = place.context.projects()?;
            return projects.iter().find_map(|known| match &known.stack {
                Project::Rust(rust) if known.root == project => Some((project.clone(), &**rust, level == 0)),
                _ => None,
            });
        }
        above.push_str("/..");
    }
    None
}

/// Whether a command downloads the crates of a project, by its words.
fn installs(words: &[&str]) -> bool {
    match words {
        ["cargo", toolchain, rest @ ..] if toolchain.starts_with('+') => {
            installs(&[&["cargo"], rest].concat())
        }
        ["cargo", "build" | "b" | "fetch" | "chef" | "check" | "vendor" | "test" | "run", ..] => true,
        ["cargo", "install", rest @ ..] => is_here(rest),
        _ => false,
    }
}
