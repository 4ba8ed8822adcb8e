//! What a split owes to a program that was compiled: it comes over, to where it is looked for, onto a system that it runs
//! on, with the libraries that it is linked with.

use std::collections::BTreeSet;

use super::{FromBuild, Sides, is_at_or_below, rejected};
use crate::knowledge::Remains;
use crate::model::{Base, FileView, Known, Stage};
use crate::rewrite::gate::Rejected;
use crate::rule::installs::started;
use crate::shell::Script;
use crate::syntax::Keyword;

/// Where Go and Cargo install programs: on the PATH of their images, and on that of no other.
const INSTALLED: [&str; 4] = ["/go/bin/", "/usr/local/cargo/bin/", "/root/go/bin/", "/root/.cargo/bin/"];

fn image(stage: &Stage) -> Option<&str> {
    match &stage.base {
        Base::Image(reference) => Some(reference),
        _ => None,
    }
}

/// A file of the context that only a compiler or a reader of the repository opens.
pub(super) fn is_source(path: &str) -> bool {
    const ENDINGS: [&str; 8] = [".go", ".rs", ".c", ".h", ".cc", ".cpp", ".s", ".proto"];
    const NAMES: [&str; 14] = [
        "go.mod",
        "go.sum",
        "go.work",
        "go.work.sum",
        "Cargo.toml",
        "Cargo.lock",
        "Cross.toml",
        "deny.toml",
        "rust-toolchain",
        "rust-toolchain.toml",
        ".gitignore",
        ".dockerignore",
        ".gitattributes",
        ".gitmodules",
    ];
    const FOLDERS: [&str; 12] = [
        "vendor",
        "testdata",
        "benches",
        "target",
        ".cargo",
        ".sqlx",
        ".git",
        ".github",
        ".gitlab",
        ".vscode",
        ".idea",
        ".devcontainer",
    ];
    let name = path.rsplit('/').next().unwrap_or_default();
    let in_folder = path.split('/').rev().skip(1).any(|part| FOLDERS.contains(&part) || part == ".circleci");
    ENDINGS.iter().any(|ending| name.ends_with(ending))
        || NAMES.contains(&name)
        || in_folder
        || crate::rule::split::programs::is_for_people(path)
}

impl Sides<'_> {
    /// Whether the old image compiles and the new one is what its programs run on: the same release, or the current stable
    /// one where the tag does not say which (H067, H068).
    pub(super) fn is_compiled(&self) -> bool {
        let (Some(old), Some(new)) = (image(self.old), image(self.last)) else { return false };
        let Some(runner) = self.knowledge.runner(old) else { return false };
        let family = |stage: &Stage| stage.facts.as_ref().and_then(|facts| facts.family);
        let is_current =
            matches!(new, "debian:stable-slim" | "alpine:3") && family(self.old) == family(self.last);
        runner.base == new || is_current
    }

    /// A program that was on the PATH of the old image may come to another place, where its name is what is started.
    pub(super) fn may_move(&self, path: &str, target: &str) -> bool {
        let name = INSTALLED.iter().find_map(|bin| path.strip_prefix(bin)).filter(|name| !name.contains('/'));
        name.is_some_and(|name| self.is_compiled() && target == format!("/usr/local/bin/{name}"))
    }

    /// Whether a compiler of the build stage may have made a path.
    pub(super) fn is_compiled_there(&self, path: &str) -> bool {
        const COMPILES: [&str; 7] = ["go build", "go install", "go get", "cargo", "make", "gcc", "g++"];
        let runs =
            || self.after.stage_instructions(self.build).filter(|(_, step)| step.keyword == Keyword::Run);
        let compiles =
            runs().any(|(_, step)| COMPILES.iter().any(|word| step.arguments_text().contains(word)));
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_below_workdir = self
            .build
            .steps
            .iter()
            .map(|step| &step.state)
            .chain([&self.build.end])
            .any(|state| matches!(&state.workdir, Known::Value(workdir) if workdir != "/" && is_at_or_below(path, workdir)));
        let is_named = runs().any(|(_, step)| step.arguments_text().contains(name));
        let is_installed = INSTALLED.iter().any(|bin| path.starts_with(bin)) || path.contains("/target/");
        let is_known = is_below_workdir || is_installed || is_named || self.is_command_of_go(path);
        self.is_compiled() && compiles && is_known
    }

    /// `go build -o /usr/local/bin/ ./cmd/...` names each program after the directory of its sources.
    fn is_command_of_go(&self, path: &str) -> bool {
        let Some((directory, name)) = path.rsplit_once('/') else { return false };
        let flags = [format!("-o {directory}/ "), format!("-o={directory}/ ")];
        let is_built = self.after.stage_instructions(self.build).any(|(_, step)| {
            let text = step.arguments_text();
            text.contains("go build") && flags.iter().any(|flag| text.contains(flag.as_str()))
        });
        let is_source = |target: &str| {
            let parent = target.strip_suffix(".go").and_then(|target| target.rsplit_once('/'));
            parent.is_some_and(|(parent, _)| parent.rsplit('/').next() == Some(name))
        };
        let files = FileView::new(self.context).visible(self.before, usize::MAX).unwrap_or_default();
        is_built && files.iter().any(|file| is_source(&file.target))
    }

    /// Each program that a container starts is there: it comes over, or is a file of the context, or belongs to a package or
    /// to every system.
    pub(super) fn programs(&self, copies: &[FromBuild]) -> Result<(), Rejected> {
        if !self.is_compiled() {
            return Ok(());
        }
        let config = &self.last.config;
        let workdir = config.workdir.value().cloned().unwrap_or_default();
        let view = FileView::new(self.context);
        let has: BTreeSet<String> = view
            .visible(self.after, usize::MAX)
            .unwrap_or_default()
            .into_iter()
            .map(|file| file.target)
            .collect();
        let commands =
            [&config.entrypoint, &config.cmd].into_iter().filter_map(|command| command.value()?.as_ref());
        let first = commands.map(|command| command.words.clone()).find(|words| !words.is_empty());
        let Some(words) = first else { return rejected("nothing is started") };
        let shell = words.iter().position(|word| word == "-c");
        let programs: Vec<String> = match shell.and_then(|at| words.get(at + 1)) {
            Some(text) => {
                let script = Script::parse(text);
                started(&script)
                    .map(|command| command.words().next().unwrap_or_default().to_owned())
                    .collect()
            }
            None => words.first().cloned().into_iter().collect(),
        };
        for program in programs.iter().filter(|program| program.contains('/')) {
            let path =
                if program.starts_with('/') { program.clone() } else { format!("{workdir}/{program}") };
            let Some(path) = crate::context::normalise(&path).map(|path| format!("/{path}")) else {
                continue;
            };
            let comes = copies.iter().any(|copy| is_at_or_below(&path, &copy.target)) || has.contains(&path);
            let is_of_the_system =
                ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"].iter().any(|place| path.starts_with(place));
            if !comes && !is_of_the_system {
                return rejected(format!("{path}, which a container starts, does not come over"));
            }
        }
        for program in programs.iter().filter(|program| !program.contains('/')) {
            let is_made = |place: &str| {
                self.before.stage_instructions(self.old).any(|(_, step)| {
                    step.keyword == Keyword::Run
                        && step
                            .arguments_text()
                            .split([' ', '/', '\n'])
                            .any(|word| word.split('@').next() == Some(program))
                        && step.arguments_text().contains(place)
                })
            };
            let comes = copies.iter().any(|copy| copy.target.rsplit('/').next() == Some(program));
            if !comes && (is_made("go install") || is_made("cargo install")) {
                return rejected(format!(
                    "`{program}`, which a container starts, is not on the PATH any more"
                ));
            }
        }
        Ok(())
    }

    /// The libraries that the crates of a `Cargo.lock` are linked with are installed, and none is unknown (H066).
    pub(super) fn crates(&self, has: &BTreeSet<String>, name: &str, text: &str) -> Result<(), Rejected> {
        if name != "Cargo.lock" || !self.is_compiled() {
            return Ok(());
        }
        let release =
            image(self.old).and_then(|old| self.knowledge.runner(old)).and_then(|runner| runner.release);
        for locked in text.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')) {
            let locked = locked.to_lowercase();
            for need in self.knowledge.dependency_needs("rust").filter(|need| need.names.contains(&locked)) {
                for package in &need.apt {
                    match self.knowledge.remains_of("apt-get", package, "rust", release) {
                        Remains::Only(libraries) if libraries.iter().all(|library| has.contains(library)) => {
                        }
                        _ => {
                            return rejected(format!(
                                "the library of {package}, which {locked} is linked with, is not installed"
                            ));
                        }
                    }
                }
                if need.hazard.is_some() {
                    return rejected(format!("{locked} is linked with a library that is not known"));
                }
            }
        }
        Ok(())
    }
}
