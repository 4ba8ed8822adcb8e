//! Node: npm, Yarn, pnpm.

use crate::context::project::{NodeLockKind, NodeManager, NodeProject, Stack as Project};
use crate::knowledge::InstallCommand;

use super::{Command, Dependencies, First, Place, Refusal, Stack};

/// The stack.
pub(super) const STACK: Stack = Stack { name: "Node", words: &["npm", "yarn"], read, installs };

/// Where dependencies are installed: in the project's own directory.
const MAKES: &[&str] = &["node_modules", ".pnp.cjs"];

fn is_manager(command: &InstallCommand) -> bool {
    matches!(command.manager.name.as_str(), "npm" | "yarn" | "pnpm")
}

fn read(place: &Place<'_>, words: &[&str]) -> Command {
    let command = InstallCommand::read(words).filter(is_manager);
    let Some((project, files)) = command.and_then(|command| node(place, &command, words)) else {
        return Command::NotMine;
    };
    Command::Installs(Dependencies { project, makes: MAKES, files, first: First::Move, remarks: Vec::new() })
}

fn installs(words: &[&str]) -> bool {
    InstallCommand::read(words).is_some_and(|command| is_manager(&command))
}

fn node(
    place: &Place<'_>,
    command: &InstallCommand,
    words: &[&str],
) -> Option<(String, Result<Vec<String>, Refusal>)> {
    const ELSEWHERE: &[&str] = &[
        "-g",
        "--global",
        "--location",
        "--prefix",
        "-C",
        "--cwd",
        "--dir",
        "-w",
        "--workspace",
        "--workspaces",
        "-W",
        "-r",
        "--recursive",
        "-F",
        "--filter",
        "--userconfig",
        "--globalconfig",
        "--modules-folder",
        "--modules-dir",
        "--lockfile-dir",
        "--virtual-store-dir",
        "--use-yarnrc",
        "--fix-lockfile",
    ];
    if !command.packages.is_empty()
        || words.iter().any(|word| matches!(*word, "--version" | "-v" | "--help" | "-h"))
    {
        return None;
    }
    let verb = command.verb.and_then(|verb| words.get(verb)).copied().unwrap_or("install");
    if verb == "add" || !matches!(words, ["npm" | "yarn" | "pnpm", ..]) {
        return None;
    }
    let (_, project) = place.file("package.json")?;
    if let Some(flag) = command.flags.iter().find(|flag| ELSEWHERE.contains(&flag.name.as_str())) {
        let reason = format!("`{}` makes the install read or write elsewhere", flag.name);
        return Some((project, Err(Refusal::hazard("H061", reason))));
    }
    let found = place.context.projects()?.iter().find_map(|known| match &known.stack {
        Project::Node(node) if known.root == project => Some(node),
        _ => None,
    });
    let files = match found {
        Some(node) => node_files(node, words[0]),
        None => Err(Refusal::because("the project lies too deep in the context to be looked at")),
    };
    Some((project, files))
}

/// What an installation by this command reads of a Node project.
fn node_files(node: &NodeProject, program: &str) -> Result<Vec<String>, Refusal> {
    if let Some(root) = &node.workspace_root {
        let reason = format!("the project is a member of the workspace in `{root}`");
        return Err(Refusal::hazard("H044", reason));
    }
    let files = node.install_reads()?;
    let manager = match program {
        "npm" => NodeManager::Npm,
        "yarn" => NodeManager::Yarn,
        _ => NodeManager::Pnpm,
    };
    let Some(lock) = node.locks.iter().find(|lock| lock.kind.manager() == manager) else {
        let reason = format!(
            "there is no lockfile of {program}: an install that comes from the cache would keep old versions"
        );
        return Err(Refusal::hazard("H046", reason));
    };
    if lock.kind == NodeLockKind::YarnBerry {
        return Err(Refusal::hazard("H045", "Yarn 2 and later read more than the manifests"));
    }
    Ok(files)
}
