//! pip, and what takes its command line: `pip wheel`, `uv pip install`, `pip-sync`.

use crate::context::project::{PythonProject, requirements_reads};
use crate::knowledge::{InstallCommand, InstallFlag};
use crate::shell::quote::posix_quote;

use super::{
    Call, Command, Dependencies, First, Place, Refusal, after_source, environment, is_directory,
    is_in_the_way, locate, parent, with_project,
};

/// The options of `uv pip install` that take a value and are not pip's, and lead to no file that matters.
const UV_VALUES: &[&str] = &[
    "--extra",
    "-p",
    "--python",
    "--index",
    "--default-index",
    "--index-strategy",
    "--link-mode",
    "--prerelease",
    "--resolution",
    "--exclude-newer",
    "--torch-backend",
    "-P",
    "--upgrade-package",
    "--python-platform",
    "--reinstall-package",
    "--refresh-package",
    "--no-build-isolation-package",
    "--color",
    "--allow-insecure-host",
    "--fork-strategy",
    "--no-build-package",
    "--no-binary-package",
    "--keyring-provider",
];

/// Options that name a place which is written to.
const WRITES: &[&str] =
    &["-t", "--target", "--prefix", "--root", "--src", "--log", "--report", "--cache-dir"];

/// Options that name a file or directory which is read.
const READS: &[&str] = &["-f", "--find-links", "--cert", "--client-cert"];

/// The words of a command, as far as pip's own reading goes, each with its place in the command.
struct Line<'a> {
    words: Vec<&'a str>,
    places: Vec<usize>,
    /// Where `pip wheel` and `pip download` put what they make.
    output: Option<&'a str>,
    is_uv: bool,
}

impl<'a> Line<'a> {
    /// `None` when the command is not one that installs or fetches.
    fn read(call: &Call<'a>, is_uv: bool) -> Option<Self> {
        let mut line = Line { words: vec!["pip"], places: vec![0], output: None, is_uv };
        let mut verb = None;
        let args = call.args();
        // Behind the word `pip` of `uv --quiet pip install`.
        let mut at =
            if is_uv { args.iter().position(|word| *word == "pip").map_or(0, |pip| pip + 1) } else { 0 };
        while let Some(word) = args.get(at).copied() {
            let (name, value) =
                word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            let here = at;
            at += 1;
            if verb.is_none() && matches!(word, "install" | "wheel" | "download") {
                verb = Some(word);
                line.push("install", call.start + here);
                continue;
            }
            let is_output = matches!(
                (verb, name),
                (Some("wheel"), "-w" | "--wheel-dir") | (Some("download"), "-d" | "--dest")
            );
            if is_output || is_uv && UV_VALUES.contains(&name) {
                let value = value.or_else(|| {
                    at += 1;
                    args.get(at - 1).copied()
                });
                if is_output {
                    line.output = value;
                }
                continue;
            }
            let word = match word {
                "--requirements" => "--requirement",
                "--constraints" => "--constraint",
                other => other,
            };
            line.push(word, call.start + here);
        }
        verb.map(|_| line)
    }

    fn push(&mut self, word: &'a str, place: usize) {
        self.words.push(word);
        self.places.push(place);
    }
}

/// What is installed besides packages of an index.
#[derive(Default)]
struct Sources<'a> {
    /// Requirements and constraints files, as written.
    lists: Vec<&'a str>,
    /// Directories and archives, as written, each with the indices of its words in [`Line`].
    local: Vec<(&'a str, Vec<usize>, bool)>,
}

impl<'a> Sources<'a> {
    fn read(line: &Line<'a>, command: &'a InstallCommand) -> Self {
        let mut sources = Self::default();
        for index in &command.packages {
            let word = line.words.get(*index).copied().unwrap_or_default();
            if !is_package_name(word) && !is_remote(word) {
                sources.local.push((word, vec![*index], false));
            }
        }
        for flag in &command.flags {
            let Some(value) = flag.value.as_deref() else { continue };
            if is_list(flag) && !value.contains("://") {
                sources.lists.push(value);
            } else if matches!(flag.name.as_str(), "-e" | "--editable") && !is_remote(value) {
                let words = std::iter::once(flag.word).chain(flag.value_word).collect();
                sources.local.push((value, words, true));
            }
        }
        sources
    }
}

fn is_list(flag: &InstallFlag) -> bool {
    matches!(
        flag.name.as_str(),
        "-r" | "--requirement"
            | "--requirements"
            | "-c"
            | "--constraint"
            | "--constraints"
            | "-b"
            | "--build-constraint"
    )
}

fn is_remote(word: &str) -> bool {
    word.contains("://") && !word.contains("file:")
}

pub(super) fn read(place: &Place<'_>, call: &Call<'_>) -> Command {
    install(place, call, false)
}

/// `uv pip install` and `uv pip sync`.
pub(super) fn read_uv(place: &Place<'_>, call: &Call<'_>) -> Command {
    match call.args() {
        ["pip", "sync", ..] => sync(place, call),
        _ => install(place, call, true),
    }
}

/// `pip-sync requirements.txt` and `uv pip sync requirements.txt`.
pub(super) fn sync(place: &Place<'_>, call: &Call<'_>) -> Command {
    let mut found = Found::default();
    let names = call.args().iter().filter(|word| !word.starts_with('-') && !matches!(**word, "pip" | "sync"));
    for name in names {
        found.list(place, name, false);
    }
    found.command(environment(place, call), First::Move)
}

/// What a command reads, as it is collected.
#[derive(Default)]
struct Found {
    project: Option<String>,
    files: Vec<String>,
    refusal: Option<Refusal>,
    /// A list is read that does not come from the context: an earlier command has made it.
    made: bool,
    /// A list lies where nothing is known of.
    unseen: bool,
}

impl Found {
    fn add(&mut self, files: impl IntoIterator<Item = String>) {
        for file in files {
            if !self.files.contains(&file) {
                self.files.push(file);
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.refusal.get_or_insert(refusal);
    }

    /// A requirements or constraints file.
    fn list(&mut self, place: &Place<'_>, name: &str, is_uv: bool) {
        let Some(located) = locate(place, name) else {
            let made = is_made(place, name);
            self.made |= made;
            self.unseen |= !made;
            return;
        };
        self.project.get_or_insert_with(|| located.project());
        let is_manifest = is_uv && located.path.rsplit('/').next() == Some("pyproject.toml");
        let files = if is_manifest {
            let root = parent(&located.path);
            with_project(place, &root, PythonProject::static_reads)
                .unwrap_or_else(|| Ok(vec![located.path.clone()]))
        } else {
            requirements_reads(place.context.files(), &located.path, located.base())
        };
        match files {
            Ok(files) => self.add(files),
            Err(obstacle) => self.refuse(obstacle.into()),
        }
    }

    /// A file that is read when it is there.
    fn also(&mut self, place: &Place<'_>, name: &str) {
        let located = locate(place, name);
        self.add(located.map(|located| located.path));
    }

    fn command(self, makes: &'static [&'static str], first: First) -> Command {
        let Some(project) = self.project else {
            // Everything that it reads was made by the commands before it.
            return if self.made && !self.unseen { Command::Nothing } else { Command::NotMine };
        };
        let files = self.refusal.map_or(Ok(without_nested(&self.files)), Err);
        Command::Installs(Dependencies { project, makes, files, first, remarks: Vec::new() })
    }
}

/// The paths that do not lie in a directory which is one of them.
fn without_nested(files: &[String]) -> Vec<String> {
    let is_nested = |path: &String| {
        files.iter().any(|other| path.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('/')))
    };
    files.iter().filter(|path| !is_nested(path)).cloned().collect()
}

/// Whether a file lies in a directory that was copied, and is not one of the context: an earlier command has made it. The
/// directory is known by a manifest in it.
fn is_made(place: &Place<'_>, name: &str) -> bool {
    let (directory, file) = crate::context::split(name);
    let beside = ["pyproject.toml", "Pipfile", "setup.py", "environment.yml"].iter().find_map(|manifest| {
        let manifest =
            if directory.is_empty() { (*manifest).to_owned() } else { format!("{directory}/{manifest}") };
        locate(place, &manifest)
    });
    beside.is_some_and(|beside| {
        let path = crate::context::join(&parent(&beside.path), file);
        place.context.files().entry(&path).is_absent()
    })
}

fn install(place: &Place<'_>, call: &Call<'_>, is_uv: bool) -> Command {
    let Some(line) = Line::read(call, is_uv) else { return Command::NotMine };
    let Some(command) = InstallCommand::read(&line.words) else { return Command::NotMine };
    let sources = Sources::read(&line, &command);
    let mut found = Found::default();
    for list in &sources.lists {
        found.list(place, list, is_uv);
    }
    for variable in ["PIP_CONSTRAINT", "PIP_REQUIREMENT", "UV_CONSTRAINT"] {
        let lists = place.variable(variable).unwrap_or_default();
        for list in lists.split_whitespace().filter(|list| !list.contains("://")) {
            found.list(place, list, is_uv);
        }
    }
    for flag in &command.flags {
        option(place, flag, &mut found);
    }
    if let Some(output) = line.output.filter(|output| is_in_the_way(place, output)) {
        found.refuse(in_the_way(output));
    }
    for name in ["PIP_CONFIG_FILE", "UV_CONFIG_FILE"] {
        if let Some(file) = place.variable(name) {
            found.also(place, file);
        }
    }
    if is_uv {
        // Settings of the project hold for `uv pip`, too.
        found.also(place, "uv.toml");
        found.also(place, "pyproject.toml");
    }
    if sources.local.is_empty() {
        // Packages of an index by their names, and nothing that leads to a file.
        let by_name = found.project.is_none() && found.files.is_empty() && !found.made && !found.unseen;
        if by_name && found.refusal.is_none() && !command.packages.is_empty() {
            return Command::Nothing;
        }
        let makes = environment(place, call);
        return found.command(makes, First::Move);
    }
    with_local(place, call, &line, &command, &sources, found)
}

/// An option that leads to files.
fn option(place: &Place<'_>, flag: &InstallFlag, found: &mut Found) {
    let Some(value) = flag.value.as_deref().filter(|value| !value.contains("://")) else { return };
    if WRITES.contains(&flag.name.as_str()) && is_in_the_way(place, value) {
        found.refuse(in_the_way(value));
    }
    if READS.contains(&flag.name.as_str()) {
        match place.path(&format!("{}/x", value.trim_end_matches('/'))).map(|path| parent(&path)) {
            Some(path) if path.is_empty() => {
                found.refuse(Refusal::hazard("H050", "pip looks for packages in the source"));
            }
            Some(path) if is_directory(place, &path) => found.add([path]),
            _ => found.also(place, value),
        }
    }
    if flag.name == "--group" {
        found.also(place, "pyproject.toml");
    }
}

fn in_the_way(target: &str) -> Refusal {
    Refusal::hazard(
        "H060",
        format!("packages are installed into `{target}`, over which the source is copied"),
    )
}

/// The command installs projects of the context: they stay behind the source, but what they depend on may be listed.
fn with_local(
    place: &Place<'_>,
    call: &Call<'_>,
    line: &Line<'_>,
    command: &InstallCommand,
    sources: &Sources<'_>,
    mut found: Found,
) -> Command {
    let mut added = Vec::new();
    let mut refusal = None;
    let mut left_out = Vec::new();
    let mut has_projects = false;
    for (written, words, editable) in &sources.local {
        let bare = written.split('[').next().unwrap_or_default();
        let directory = bare.trim_end_matches('/');
        let directory = if directory.is_empty() { bare } else { directory };
        let manifest = ["pyproject.toml", "setup.py", "setup.cfg"]
            .iter()
            .find_map(|name| locate(place, &format!("{directory}/{name}")));
        let Some(manifest) = manifest else {
            // An archive is a file like any other.
            match locate(place, bare).filter(|located| !is_directory(place, &located.path)) {
                Some(archive) => {
                    found.project.get_or_insert_with(|| archive.project());
                    found.add([archive.path]);
                }
                None => found.unseen = true,
            }
            continue;
        };
        has_projects = true;
        left_out.extend(words.iter().copied());
        let root = parent(&manifest.path);
        found.project.get_or_insert_with(|| root.clone());
        let lists = listed(place, line, &root, directory, written);
        match lists {
            Ok(lists) => {
                for (list, files) in lists {
                    found.add(files);
                    added.push(list);
                }
            }
            Err(_) if *editable => {
                let reason = format!("`-e {written}` installs the source itself");
                refusal.get_or_insert(Refusal::hazard("H047", reason));
            }
            Err(obstacle) => {
                refusal.get_or_insert(obstacle);
            }
        }
    }
    let makes = environment(place, call);
    if !has_projects {
        return if found.unseen { Command::NotMine } else { found.command(makes, First::Move) };
    }
    let Some(project) = found.project.clone() else { return Command::NotMine };
    let has_list = !sources.lists.is_empty() && !found.made && !found.unseen;
    if added.is_empty() && !has_list {
        // Without dependencies there is nothing to install first.
        if command.has_flag("--no-deps") {
            return Command::NotMine;
        }
        let unknown = || Refusal::hazard("H051", "the source is installed itself");
        return Command::Installs(after_source(project, refusal.unwrap_or_else(unknown)));
    }
    let left_out: Vec<usize> = left_out.iter().filter_map(|index| line.places.get(*index).copied()).collect();
    let words = call.words.iter().enumerate().filter(|(index, _)| !left_out.contains(index));
    let mut words: Vec<String> = words.map(|(_, word)| posix_quote(word)).collect();
    let has_manifest = line.is_uv && added.iter().any(|list| list.ends_with("pyproject.toml"));
    for list in added {
        words.extend(["-r".to_owned(), posix_quote(&list)]);
    }
    // What stands in brackets is an option where uv reads the table.
    let extras =
        sources.local.iter().filter_map(|(written, ..)| written.split_once('[')?.1.strip_suffix(']'));
    for extra in extras.filter(|_| has_manifest).flat_map(|extras| extras.split(',')) {
        words.extend(["--extra".to_owned(), posix_quote(extra.trim())]);
    }
    found.command(makes, First::Add(words.join(" ")))
}

/// A list, and the files that it reads.
type List = (String, Vec<String>);

/// The lists that hold what the project in `root` depends on, as the command would name them, and what they read.
fn listed(
    place: &Place<'_>,
    line: &Line<'_>,
    root: &str,
    directory: &str,
    written: &str,
) -> Result<Vec<List>, Refusal> {
    let named = |path: &str| {
        let inside = path.strip_prefix(root).unwrap_or(path).trim_start_matches('/');
        let directory = directory.strip_prefix("./").unwrap_or(directory);
        if directory == "." { inside.to_owned() } else { format!("{directory}/{inside}") }
    };
    let found = with_project(place, root, |python| {
        let building = python.building.clone().unwrap_or_default();
        if !building.requirements.is_empty() {
            let reads = |path: &String| {
                let files = requirements_reads(place.context.files(), path, root)?;
                Ok((named(path), files))
            };
            return building.requirements.iter().map(reads).collect();
        }
        // uv takes the table of the dependencies for a list.
        if line.is_uv {
            return python
                .static_reads()
                .map(|files| vec![(named("pyproject.toml"), files)])
                .map_err(Refusal::from);
        }
        let manifest = |name: &str| crate::context::join(root, name);
        let obstacle = ["pyproject.toml", "setup.py"]
            .iter()
            .filter_map(|name| python.install_reads(&manifest(name)).err())
            .find(|obstacle| obstacle.hazard == "H052");
        if let Some(obstacle) = obstacle {
            return Err(obstacle.into());
        }
        let reason = format!("`pip install {written}` installs the source itself");
        Err(Refusal::hazard("H051", reason))
    });
    found.unwrap_or_else(|| {
        Err(Refusal::hazard("H051", format!("`pip install {written}` installs the source itself")))
    })
}

/// A requirement that names a package of an index.
pub(in crate::rule::dependencies) fn is_package_name(word: &str) -> bool {
    let name = word.split(['=', '<', '>', '~', '!', '[', ';', '@', ' ']).next().unwrap_or_default();
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_archive = [".whl", ".zip", ".gz", ".tgz", ".bz2"].iter().any(|ending| word.ends_with(ending));
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    is_plain && starts && !is_archive && !word.contains("file:")
}
