//! Node: npm, Yarn, pnpm, Bun.
//!
//! Sources: the documentation of the four command lines; hazards H042 to H047 and H061.

use crate::context::project::{NodeLockKind, NodeManager, NodeProject, Stack as Project, node_project_at};
use crate::context::{join, split};

use super::{Command, Dependencies, First, Place, Refusal, Stack};

/// The stack.
pub(super) const STACK: Stack =
    Stack { name: "Node", words: &["npm", "yarn", "bun", "corepack"], read, installs };

/// Where dependencies are installed: in the project's own directory.
const MAKES: &[&str] = &["node_modules", ".pnp.cjs", ".yarn/install-state.gz", ".yarn/unplugged"];

/// The commands of a manager that install what the manifest lists.
const INSTALLS: &[&str] = &[
    "install",
    "i",
    "ci",
    "clean-install",
    "install-clean",
    "in",
    "ins",
    "inst",
    "isntall",
    "fetch",
    "focus",
];

/// Flags that take the next word for their value.
const VALUES: &[&str] = &[
    "--prefix",
    "-C",
    "--cwd",
    "--dir",
    "--registry",
    "--cache",
    "--loglevel",
    "--omit",
    "--include",
    "-w",
    "--workspace",
    "--tag",
    "--userconfig",
    "--globalconfig",
    "--install-strategy",
    "--fetch-timeout",
    "--fetch-retries",
    "--maxsockets",
    "--cpu",
    "--os",
    "--libc",
    "--script-shell",
    "--only",
    "--cache-folder",
    "--modules-folder",
    "--network-timeout",
    "--network-concurrency",
    "--mutex",
    "--global-folder",
    "--use-yarnrc",
    "--mode",
    "--filter",
    "-F",
    "--store-dir",
    "--reporter",
    "--lockfile-dir",
    "--virtual-store-dir",
    "--modules-dir",
    "--backend",
    "--cache-dir",
    "--config",
    "--child-concurrency",
];

/// Flags that read or write where nobody looks.
const ELSEWHERE: &[&str] = &[
    "--location",
    "--userconfig",
    "--globalconfig",
    "--modules-folder",
    "--modules-dir",
    "--lockfile-dir",
    "--virtual-store-dir",
    "--use-yarnrc",
    "--fix-lockfile",
    "--config",
    "--script-shell",
    "--lockfile-only",
    "--package-lock-only",
    "--dry-run",
    "--install-links",
];

/// Flags that choose among the members of a workspace.
const MEMBERS: &[&str] = &[
    "-w",
    "--workspace",
    "--workspaces",
    "-ws",
    "-W",
    "--workspace-root",
    "--include-workspace-root",
    "-iwr",
    "-r",
    "--recursive",
    "-F",
    "--filter",
    "--ignore-workspace-root-check",
    "--all",
    "-A",
];

/// A command of a manager.
struct Line<'a> {
    manager: NodeManager,
    /// The words that are neither flags nor their values, behind the manager.
    words: Vec<&'a str>,
    flags: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Line<'a> {
    fn of(words: &[&'a str]) -> Option<Self> {
        let (program, rest) = words.split_first()?;
        let manager = match *program {
            "corepack" => {
                return Self::of(rest).filter(|line| line.manager != NodeManager::Bun);
            }
            "npm" => NodeManager::Npm,
            "yarn" | "yarnpkg" => NodeManager::Yarn,
            "pnpm" => NodeManager::Pnpm,
            "bun" => NodeManager::Bun,
            _ => return None,
        };
        let (mut plain, mut flags) = (Vec::new(), Vec::new());
        let mut rest = rest.iter().copied();
        while let Some(word) = rest.next() {
            if !word.starts_with('-') {
                plain.push(word);
                continue;
            }
            match word.split_once('=') {
                Some((name, value)) => flags.push((name, Some(value))),
                None if VALUES.contains(&word) && !(word == "-w" && manager == NodeManager::Pnpm) => {
                    flags.push((word, rest.next()));
                }
                None => flags.push((word, None)),
            }
        }
        Some(Self { manager, words: plain, flags })
    }

    fn has(&self, names: &[&str]) -> bool {
        self.flags.iter().any(|(name, _)| names.contains(name))
    }

    fn value(&self, names: &[&str]) -> Option<&'a str> {
        self.flags.iter().rev().find(|(name, _)| names.contains(name)).and_then(|(_, value)| *value)
    }

    fn is_global(&self) -> bool {
        self.has(&["-g", "--global"])
            || self.words.first() == Some(&"global") && self.manager == NodeManager::Yarn
    }

    /// Whether it installs what a manifest lists, and nothing by name.
    fn installs_manifest(&self) -> bool {
        let is_install = match self.words.as_slice() {
            [] => self.manager == NodeManager::Yarn,
            [verb] => INSTALLS.contains(verb) && *verb != "focus",
            ["workspaces", "focus", ..] => self.manager == NodeManager::Yarn,
            _ => false,
        };
        is_install && !self.is_global() && !self.has(&["-v", "-V", "--version", "-h", "--help"])
    }

    /// Whether it reads none of the files that were copied.
    fn reads_nothing(&self, place: &Place<'_>) -> bool {
        let is_berry = || place.file(".yarnrc.yml").is_some();
        match self.words.as_slice() {
            [] => self.has(&["-v", "-V", "--version"]),
            ["cache" | "store", verb, ..] => {
                matches!(*verb, "clean" | "verify" | "prune" | "clear" | "dir" | "path")
            }
            ["pm", "cache", ..] => true,
            ["config", "get" | "list" | "ls", ..] | ["ping" | "whoami", ..] => true,
            ["config", "set" | "delete", ..] | ["set", _, _] | ["set", _] => {
                let elsewhere = self.has(&["--location", "-L", "--home", "-H"]);
                let writes_beside =
                    self.manager == NodeManager::Yarn && is_berry() || self.words == ["set", "version"];
                !elsewhere && !writes_beside && self.words.get(1) != Some(&"version")
            }
            ["global", "add", names @ ..] if self.manager == NodeManager::Yarn => are_names(names),
            [verb, names @ ..] if self.is_global() => {
                let known = INSTALLS.contains(verb)
                    || matches!(*verb, "add" | "update" | "upgrade" | "uninstall" | "rm" | "remove");
                known
                    && !names.is_empty()
                    && are_names(names)
                    && !self.has(&["--prefix", "-C", "--dir", "--cwd"])
            }
            _ => false,
        }
    }
}

/// Whether all are names of packages in a registry, not paths.
fn are_names(words: &[&str]) -> bool {
    let is_name = |word: &&str| {
        let name = word.strip_prefix('@').unwrap_or(word);
        let is_path = name.starts_with(['.', '/', '~'])
            || name.contains(':')
            || [".tgz", ".tar.gz"].iter().any(|ending| name.ends_with(ending));
        !is_path && name.matches('/').count() == usize::from(word.starts_with('@'))
    };
    words.iter().all(is_name)
}

fn installs(words: &[&str]) -> bool {
    Line::of(words).is_some_and(|line| line.installs_manifest())
}

fn read(place: &Place<'_>, words: &[&str]) -> Command {
    match words {
        ["node", "-v" | "--version"] => return Command::Nothing,
        ["corepack", "enable" | "disable", ..] => return Command::Nothing,
        ["corepack", "prepare", rest @ ..] if rest.iter().any(|word| word.contains('@')) => {
            return Command::Nothing;
        }
        ["corepack", "install", rest @ ..]
            if rest.iter().any(|word| *word == "-g" || *word == "--global") =>
        {
            return Command::Nothing;
        }
        // They take the manager's version from `packageManager`.
        ["corepack", "prepare", ..] | ["corepack", "install"] => return of_manifest(place),
        _ => {}
    }
    let Some(line) = Line::of(words) else { return Command::NotMine };
    if line.reads_nothing(place) {
        return Command::Nothing;
    }
    if !line.installs_manifest() {
        return Command::NotMine;
    }
    let elsewhere = line.value(&["--prefix", "-C", "--cwd", "--dir"]);
    let found = match elsewhere {
        Some(directory) => place.within(directory, |place| install(place, &line)).flatten(),
        None => install(place, &line),
    };
    found.map_or(Command::NotMine, Command::Installs)
}

/// Whether a manager looks at a file of another manager: only npm and Bun do, at those that they understand.
fn reads_file(manager: NodeManager, node: &NodeProject, name: &str, path: &str) -> bool {
    let has_own = || node.locks.iter().any(|lock| lock.kind.manager() == manager);
    match name {
        "package-lock.json" | "npm-shrinkwrap.json" => {
            manager == NodeManager::Npm || manager == NodeManager::Bun && !has_own()
        }
        "yarn.lock" => {
            manager == NodeManager::Yarn
                || matches!(manager, NodeManager::Npm | NodeManager::Bun) && !has_own()
        }
        "pnpm-lock.yaml" | "pnpm-workspace.yaml" => {
            manager == NodeManager::Pnpm || manager == NodeManager::Bun && !has_own()
        }
        ".pnpmfile.cjs" | ".pnpmfile.mjs" | "pnpmfile.js" => manager == NodeManager::Pnpm,
        "bun.lock" | "bun.lockb" | "bunfig.toml" => manager == NodeManager::Bun,
        ".yarnrc" | ".yarnrc.yml" | ".yarnclean" | ".pnp.cjs" | ".pnp.loader.mjs" => {
            manager == NodeManager::Yarn
        }
        _ => !path.contains(".yarn/") || manager == NodeManager::Yarn,
    }
}

/// A command that reads `package.json` and nothing else.
fn of_manifest(place: &Place<'_>) -> Command {
    match place.file("package.json") {
        Some((path, project)) => Command::Installs(Dependencies {
            project,
            makes: &[],
            files: Ok(vec![path]),
            first: First::Move,
            remarks: Vec::new(),
        }),
        None => Command::NotMine,
    }
}

/// The installation of the project in this place.
fn install(place: &Place<'_>, line: &Line<'_>) -> Option<Dependencies> {
    let (_, project) = place.file("package.json")?;
    let dependencies = |project: String, files| Dependencies {
        project,
        makes: MAKES,
        files,
        first: First::Move,
        remarks: Vec::new(),
    };
    if let Some((flag, _)) = line.flags.iter().find(|(flag, _)| ELSEWHERE.contains(flag)) {
        let reason = format!("`{flag}` makes the install read or write elsewhere");
        return Some(dependencies(project, Err(Refusal::hazard("H061", reason))));
    }
    let own = project_at(place, &project)?;
    let (root, node) = match workspace_above(place, &project, &own) {
        Some((root, Ok(node))) => (root, node),
        Some((root, Err(refusal))) => return Some(dependencies(root, Err(refusal))),
        None => (project, own),
    };
    let files = files(place, line, &root, &node);
    let mut found = dependencies(root, files);
    if !node.locks.iter().any(|lock| lock.kind.manager() == line.manager) {
        let program = match line.manager {
            NodeManager::Npm => "npm",
            NodeManager::Yarn => "Yarn",
            NodeManager::Pnpm => "pnpm",
            NodeManager::Bun => "Bun",
        };
        found.remarks.push(format!(
            "there is no lockfile of {program}: the layer keeps the versions that it was built with until a manifest changes; commit a lockfile to decide them"
        ));
    }
    Some(found)
}

/// The project in a directory of the context, however deep.
fn project_at(place: &Place<'_>, directory: &str) -> Option<NodeProject> {
    let known = place.context.projects()?.iter().find_map(|known| match &known.stack {
        Project::Node(node) if known.root == directory => Some((**node).clone()),
        _ => None,
    });
    known.or_else(|| node_project_at(place.context.files(), directory))
}

/// The workspace that a project is installed with, when its root lies above it in the image too.
fn workspace_above(
    place: &Place<'_>,
    project: &str,
    own: &NodeProject,
) -> Option<(String, Result<NodeProject, Refusal>)> {
    let mut up = String::new();
    let mut above = project;
    while !above.is_empty() {
        above = split(above).0;
        up.push_str("../");
        let there = ["package.json", "pnpm-workspace.yaml"].iter().any(|name| {
            let path = place.path(&format!("{up}{name}"));
            path == Some(join(above, name)) && place.context.files().entry(&join(above, name)).is_present()
        });
        if !there {
            continue;
        }
        let Some(root) = project_at(place, above) else { continue };
        if root.members.iter().any(|member| member == project) {
            return Some((above.to_owned(), Ok(root)));
        }
        // Where a directory below a workspace is neither a member nor locked by itself, the managers do not agree.
        if !root.workspaces.is_empty() && own.locks.is_empty() {
            let reason = format!("`{project}` lies below the workspace in `{above}` and is no member of it");
            return Some((above.to_owned(), Err(Refusal::hazard("H044", reason))));
        }
    }
    None
}

/// What the installation reads.
fn files(place: &Place<'_>, line: &Line<'_>, root: &str, node: &NodeProject) -> Result<Vec<String>, Refusal> {
    let chosen = line.flags.iter().find(|(flag, _)| MEMBERS.contains(flag));
    if let Some((flag, value)) = chosen
        && (node.members.is_empty() || value.is_some_and(|value| value.contains(['[', '{'])))
    {
        let reason = format!("`{flag}` chooses what is installed by what is there");
        return Err(Refusal::hazard("H061", reason));
    }
    if let Some(options) = place.variable("NODE_OPTIONS").filter(|options| options.contains(['/', '.'])) {
        return Err(Refusal::hazard("H061", format!("NODE_OPTIONS is `{options}`")));
    }
    let lock = node.locks.iter().find(|lock| lock.kind.manager() == line.manager);
    let asks = matches!(line.words.first(), Some(&("ci" | "clean-install" | "install-clean" | "fetch")))
        || line.has(&["--immutable"])
        || line.has(&["--frozen-lockfile"]) && line.manager != NodeManager::Yarn;
    if asks && lock.is_none() {
        return Err(Refusal::hazard("H046", "there is no lockfile, and this install fails without one"));
    }
    let is_berry = lock.is_some_and(|lock| lock.kind == NodeLockKind::YarnBerry);
    let no_scripts = line.has(&["--ignore-scripts"])
        || is_berry
            && line.value(&["--mode"]).is_some_and(|mode| matches!(mode, "skip-build" | "update-lockfile"));
    let mut files = if no_scripts { node.install_reads_without_scripts()? } else { node.install_reads()? };
    let sent = place.context.sent();
    let is_sent = |path: &str| {
        let below = format!("{path}/");
        sent.is_some_and(|sent| sent.iter().any(|found| found.path == path || found.path.starts_with(&below)))
    };
    if let Some(lock) = lock.filter(|lock| asks && !is_sent(&lock.path)) {
        let reason = format!("the ignore file keeps `{}` out, and this install fails without it", lock.path);
        return Err(Refusal::hazard("H064", reason));
    }
    if let Some((name, text)) =
        node.needs_git.as_ref().filter(|_| !no_scripts && is_sent(&join(root, ".git")))
    {
        return Err(Refusal::hazard(
            "H043",
            format!("the script `{name}` asks for the repository (`{text}`)"),
        ));
    }
    if let Some(path) = node.generated.iter().find(|path| !no_scripts && is_sent(path)) {
        let reason = format!("the install writes code into `{path}`, and the COPY brings another");
        return Err(Refusal::hazard("H060", reason));
    }
    if let Some(path) =
        node.members.iter().map(|member| join(member, "node_modules")).find(|path| is_sent(path))
    {
        let reason = format!(
            "`{path}` of the context would be copied over what was installed; `dockmend rewrite ignore order` keeps it out first"
        );
        return Err(Refusal::hazard("H060", reason));
    }
    files.retain(|path| reads_file(line.manager, node, split(path).1, path));
    // What a secret file says is only missed where it was there.
    files.retain(|path| split(path).1 != ".env" || is_sent(path));
    Ok(files)
}
