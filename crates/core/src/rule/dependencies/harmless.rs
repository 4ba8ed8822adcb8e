//! Commands that read none of the copied files, whatever the stack.

use crate::knowledge::InstallCommand;
use crate::shell::Simple;

use super::python::is_package_name;

/// Whether a command certainly reads none of the files that were copied.
pub(super) fn reads_nothing(words: &[&str]) -> bool {
    let is_plain_name = |word: &&str| {
        !word.contains('/')
            && !word.starts_with('.')
            && ![".deb", ".apk"].iter().any(|ending| word.ends_with(ending))
    };
    match words {
        ["true" | ":" | "echo" | "set", ..] => true,
        ["pwd" | "whoami" | "id" | "date" | "uname" | "which" | "printenv", ..] | ["env"] => true,
        // A directory that is listed by name may not be there yet.
        ["ls", rest @ ..] => rest.iter().all(|word| word.starts_with('-')),
        ["mkdir", "-p" | "-pv" | "--parents", ..] => true,
        ["python" | "python3" | "pip" | "pip3", "-v" | "--version"] => true,
        ["pip" | "pip3", "cache", "purge"] => true,
        ["apt-get" | "apt", rest @ ..] => {
            let verb = rest.iter().find(|word| !word.starts_with('-'));
            let is_known = verb.is_some_and(|verb| {
                matches!(
                    *verb,
                    "update"
                        | "install"
                        | "upgrade"
                        | "clean"
                        | "autoclean"
                        | "autoremove"
                        | "remove"
                        | "purge"
                )
            });
            is_known && rest.iter().all(is_plain_name) && !rest.contains(&"-c")
        }
        ["apk", rest @ ..] => {
            // `.build-deps` is the name of a group of packages.
            let is_group = |at: usize| at > 0 && matches!(rest.get(at - 1), Some(&("-t" | "--virtual")));
            let is_removed = rest.contains(&"del");
            rest.iter().any(|word| matches!(*word, "add" | "update" | "upgrade" | "del"))
                && rest.iter().enumerate().all(|(at, word)| is_group(at) || is_removed || is_plain_name(word))
        }
        _ => installs_by_name(words),
    }
}

/// `rm -rf /var/lib/apt/lists/*` and its like.
pub(super) fn removes_caches(simple: &Simple) -> bool {
    const CACHES: &[&str] = &["/var/lib/apt/lists", "/var/cache/", "/tmp/", "/root/.cache", "/root/.npm"];
    simple.name() == Some("rm")
        && simple.args().iter().all(|word| {
            let text = word.raw();
            let is_cache = CACHES.iter().any(|cache| text.starts_with(cache)) && !text.contains("..");
            word.expansions.is_empty() && !word.has_brace && (text.starts_with('-') || is_cache)
        })
}

/// Packages of an index, by name, for the whole image: `pip install --upgrade pip`.
fn installs_by_name(words: &[&str]) -> bool {
    let Some(command) = InstallCommand::read(words) else { return false };
    let mut packages = command.packages.iter().filter_map(|index| words.get(*index).copied()).peekable();
    if packages.peek().is_none() {
        return false;
    }
    match command.manager.name.as_str() {
        "pip" => {
            const HARMLESS: &[&str] = &[
                "-U",
                "--upgrade",
                "--no-cache-dir",
                "-q",
                "--quiet",
                "--disable-pip-version-check",
                "-v",
                "--root-user-action",
                "--no-input",
                "--user",
                "--break-system-packages",
                "-i",
                "--index-url",
            ];
            command.flags.iter().all(|flag| HARMLESS.contains(&flag.name.as_str()))
                && packages.all(is_package_name)
        }
        _ => false,
    }
}
