//! Python: pip.

use crate::context::project::requirements_reads;
use crate::knowledge::InstallCommand;

use super::{Command, Dependencies, First, Place, Refusal, Stack};

/// The stack.
pub(super) const STACK: Stack = Stack { name: "Python", words: &["pip", "uv"], read, installs };

/// Where dependencies are installed in the project's own directory.
const MAKES: &[&str] = &[".venv", "venv"];

fn read(place: &Place<'_>, words: &[&str]) -> Command {
    let found = InstallCommand::read(words).filter(|command| command.manager.name == "pip");
    let Some((project, files)) = found.and_then(|command| pip(place, &command, words)) else {
        return Command::NotMine;
    };
    Command::Installs(Dependencies { project, makes: MAKES, files, first: First::Move, remarks: Vec::new() })
}

fn installs(words: &[&str]) -> bool {
    InstallCommand::read(words).is_some_and(|command| command.manager.name == "pip")
}

fn pip(
    place: &Place<'_>,
    command: &InstallCommand,
    words: &[&str],
) -> Option<(String, Result<Vec<String>, Refusal>)> {
    const ELSEWHERE: &[&str] = &[
        "-t",
        "--target",
        "--prefix",
        "--root",
        "--src",
        "-f",
        "--find-links",
        "--cert",
        "--client-cert",
        "-d",
        "--download",
        "--group",
        "--python",
        "--report",
        "--log",
        "-b",
        "--build-constraint",
    ];
    let is = |flag: &str, names: [&str; 2]| names.contains(&flag);
    let package = |index: &usize| words.get(*index).copied().unwrap_or_default();
    let local = command.packages.iter().map(package).find(|package| !is_package_name(package));
    let editable = command.flags.iter().find(|flag| is(&flag.name, ["-e", "--editable"]));
    let here = ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt"]
        .iter()
        .find_map(|name| place.file(name));
    if let Some(editable) = editable {
        let reason =
            format!("`-e {}` installs the source itself", editable.value.as_deref().unwrap_or_default());
        return Some((here?.1, Err(Refusal::hazard("H047", reason))));
    }
    if let Some(local) = local {
        let reason = format!("`pip install {local}` installs the source itself");
        return Some((here?.1, Err(Refusal::hazard("H051", reason))));
    }
    let mut files: Vec<String> = Vec::new();
    let mut project = None;
    for flag in &command.flags {
        let is_list = is(&flag.name, ["-r", "--requirement"]) || is(&flag.name, ["-c", "--constraint"]);
        let value = flag.value.as_deref().filter(|value| is_list && !value.contains("://"));
        let Some(value) = value else { continue };
        let (path, root) = place.file(value)?;
        project.get_or_insert_with(|| root.clone());
        match requirements_reads(place.context.files(), &path, &root) {
            Ok(more) => {
                let new: Vec<String> = more.into_iter().filter(|path| !files.contains(path)).collect();
                files.extend(new);
            }
            Err(obstacle) => return Some((root, Err(obstacle.into()))),
        }
    }
    let project = project?;
    if let Some(flag) = command.flags.iter().find(|flag| ELSEWHERE.contains(&flag.name.as_str())) {
        let reason = format!("`{}` makes the install read or write elsewhere", flag.name);
        return Some((project, Err(Refusal::hazard("H050", reason))));
    }
    Some((project, Ok(files)))
}
/// A requirement that names a package of an index.
pub(super) fn is_package_name(word: &str) -> bool {
    let name = word.split(['=', '<', '>', '~', '!', '[', ';', '@', ' ']).next().unwrap_or_default();
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_archive = [".whl", ".zip", ".gz", ".tgz", ".bz2"].iter().any(|ending| word.ends_with(ending));
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    is_plain && starts && !is_archive && !word.contains("file:")
}
