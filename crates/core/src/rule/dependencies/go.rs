//! Go: a build needs the source, and `go mod download` fetches the modules before it.
//!
//! Source: the Go Modules Reference (`go mod download`, vendoring, `GOFLAGS`), tried with Go 1.22: the download reads
//! `go.mod`, `go.sum`, the workspace's files and the `go.mod` of what is replaced by a directory, and no Go file.

use crate::context::project::{GoProject, Stack as Project};

use super::{Command, Dependencies, First, Place, Refusal, Stack};

/// The stack. A Makefile may hold the build.
pub(super) const STACK: Stack = Stack { name: "Go", words: &["go ", "make"], read, installs };

/// What fetches the modules.
const DOWNLOAD: &str = "go mod download";

/// How far above the directory of a command its `go.mod` is looked for.
const LEVELS: usize = 6;

fn read(place: &Place<'_>, words: &[&str]) -> Command {
    let Some((way, rest)) = way(place, words) else { return Command::NotMine };
    let way = match way {
        Reads::Nothing => return Command::Nothing,
        Reads::Manifests => First::Move,
        Reads::Source => First::Add(DOWNLOAD.to_owned()),
    };
    if rest.contains(&"-mod=vendor") || variable_has(place, "GOFLAGS", "-mod=vendor") {
        return Command::NotMine;
    }
    // GOPATH of old: there are no modules.
    if place.variable("GO111MODULE") == Some("off") || place.caches(&["/pkg/mod", "/go", "/go/pkg"]) {
        return Command::NotMine;
    }
    let Some((project, found, is_here)) = module(place) else { return Command::NotMine };
    let is_sent =
        |path: &str| place.context.sent().is_some_and(|sent| sent.iter().any(|file| file.path == path));
    // What is vendored is not downloaded: since Go 1.14, when `go.mod` asks for that version.
    let is_vendored = found.vendor.as_deref().is_some_and(is_sent) && at_least(found, 14);
    if !found.downloads() || is_vendored && way != First::Move {
        return Command::NotMine;
    }
    // Below GOPATH, Go 1.11 and 1.12 do not look at go.mod unless they are told to.
    if place.directory.starts_with("/go/src")
        && !at_least(found, 13)
        && place.variable("GO111MODULE") != Some("on")
    {
        return Command::NotMine;
    }
    let mut files = found.download_reads().map_err(Refusal::from);
    if !is_here && place.directory != place.begins {
        let reason =
            "the command changes to a directory of the source, which is not there before it is copied";
        files = Err(Refusal::hazard("H063", reason));
    }
    Command::Installs(Dependencies { project, makes: &[], files, first: way, remarks: Vec::new() })
}

/// What a command reads of the copied files.
enum Reads {
    Nothing,
    Manifests,
    Source,
}

/// What a command of Go reads, and the words behind its verb.
fn way<'a>(place: &Place<'_>, words: &'a [&'a str]) -> Option<(Reads, &'a [&'a str])> {
    let rest = match words {
        [program, rest @ ..] if *program == "go" || program.ends_with("/bin/go") => rest,
        ["make", rest @ ..] => return makes_go(place, rest).then_some((Reads::Source, rest)),
        _ => return None,
    };
    let is_versioned = |rest: &[&str]| {
        let mut packages = rest.iter().filter(|word| !word.starts_with('-')).peekable();
        packages.peek().is_some()
            && packages.all(|package| package.contains('@') && !package.starts_with('.'))
    };
    Some(match rest {
        ["version" | "env" | "help", rest @ ..] => (Reads::Nothing, rest),
        ["mod", "download", rest @ ..] if rest.iter().all(|word| word.starts_with('-') || *word == "all") => {
            (Reads::Manifests, rest)
        }
        ["mod", "verify"] => (Reads::Manifests, &[]),
        ["mod", "tidy" | "vendor" | "download", rest @ ..] => (Reads::Source, rest),
        // A tool with its version is installed without a look at the module around it.
        ["install", rest @ ..] if is_versioned(rest) => (Reads::Nothing, rest),
        ["build" | "install" | "run" | "test" | "vet" | "get" | "list" | "generate", rest @ ..]
            if !rest.contains(&"-C") && !rest.iter().any(|word| word.starts_with("-modfile")) =>
        {
            (Reads::Source, rest)
        }
        _ => return None,
    })
}

/// Whether `make` runs Go commands here. Where they are called by a variable, its usual names are known.
fn makes_go(place: &Place<'_>, words: &[&str]) -> bool {
    const SIGNS: [&str; 6] =
        ["go build", "go install", "$(GO) build", "$(GOBUILD)", "$(GO) install", "go mod"];
    if words.iter().any(|word| word.starts_with(['-', '/']) || word.contains('/')) {
        return false;
    }
    let makefile = ["GNUmakefile", "makefile", "Makefile"].iter().find_map(|name| place.file(name));
    let Some(bytes) = makefile.and_then(|(path, _)| place.context.files().read(&path).present()) else {
        return false;
    };
    let text = String::from_utf8_lossy(&bytes);
    SIGNS.iter().any(|sign| text.contains(sign))
}

/// The module that a command works on, and whether it is in this very directory: the go command looks for `go.mod` here
/// and upwards.
fn module<'a>(place: &Place<'a>) -> Option<(String, &'a GoProject, bool)> {
    let mut above = ".".to_owned();
    for level in 0..LEVELS {
        let found = place.within(&above, |place| place.file("go.mod")).flatten();
        if let Some((_, project)) = found {
            let projects = place.context.projects()?;
            return projects.iter().find_map(|known| match &known.stack {
                Project::Go(go) if known.root == project => Some((project.clone(), &**go, level == 0)),
                _ => None,
            });
        }
        above.push_str("/..");
    }
    None
}

fn variable_has(place: &Place<'_>, name: &str, part: &str) -> bool {
    place.variable(name).is_some_and(|value| value.contains(part))
}

/// Whether `go.mod` asks for Go 1.`minor` or later.
fn at_least(project: &GoProject, minor: u32) -> bool {
    let version = project.go.as_deref().unwrap_or_default();
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    match (parts.next(), parts.next()) {
        (Some(1), Some(known)) => known >= minor,
        (Some(major), _) => major > 1,
        _ => false,
    }
}

/// Whether a command fetches the modules of a project, by its words.
fn installs(words: &[&str]) -> bool {
    match words {
        ["go", "mod", "download" | "tidy" | "vendor", ..] => true,
        ["go", "build" | "get" | "install", rest @ ..] => {
            let mut packages = rest.iter().filter(|word| !word.starts_with('-'));
            packages.all(|package| {
                package.starts_with('.') || package.contains("...") || package.strip_suffix(".go").is_some()
            })
        }
        _ => false,
    }
}
