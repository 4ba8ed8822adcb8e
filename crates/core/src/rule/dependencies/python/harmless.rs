//! Commands of Python's tools that read none of the copied files.

use crate::context::project::PYTHON_ENVIRONMENTS;
use crate::knowledge::Knowledge;

use super::{Call, Place};

/// Whether a command certainly reads none of the files that were copied.
pub(super) fn reads_nothing(place: &Place<'_>, call: &Call<'_>) -> bool {
    let args = call.args();
    if matches!(args, ["--version" | "-V" | "-v" | "--help" | "-h", ..]) {
        return true;
    }
    match (call.name, args) {
        ("pip", ["check" | "list" | "freeze" | "cache" | "config" | "show" | "debug", ..]) => true,
        ("pip", ["uninstall", names @ ..]) => !names.contains(&"-r"),
        // Settings of the user; those of the project are written to a file beside the manifest.
        ("poetry", ["config", rest @ ..]) => {
            !rest.contains(&"--local") || place.file("poetry.toml").is_none()
        }
        ("poetry", ["self" | "cache" | "about", ..]) => true,
        ("pdm", ["config", rest @ ..]) => !rest.contains(&"--local") || place.file("pdm.toml").is_none(),
        ("pdm", ["self" | "cache", ..]) => true,
        ("uv", ["cache" | "self" | "version", ..]) => true,
        ("uv", ["tool", "install", names @ ..]) => {
            names.iter().all(|name| super::is_package_name(name) || name.starts_with('-'))
        }
        ("uv", ["pip", "list" | "freeze" | "check" | "cache" | "uninstall", ..]) => true,
        ("pipx", ["install", names @ ..]) => {
            names.iter().all(|name| super::is_package_name(name) || name.starts_with('-'))
        }
        ("pipx", ["ensurepath", ..]) => true,
        ("ensurepip", _) => true,
        // One that was fetched; one of the context is a file of the source.
        ("installer", [script, ..]) => place.file(script).is_none(),
        ("venv" | "virtualenv", rest) => {
            let target = rest.iter().rfind(|word| !word.starts_with('-'));
            // What lies at its place in the context is in the way of what is installed there (H060).
            let is_environment = |target: &str| {
                let name = target.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                PYTHON_ENVIRONMENTS.contains(&name)
            };
            target.is_some_and(|target| is_environment(target) || !super::is_in_the_way(place, target))
        }
        ("conda", ["clean" | "init" | "config" | "info" | "list" | "shell", ..]) => true,
        ("conda", ["install" | "update" | "create" | "remove", rest @ ..]) => {
            !rest.iter().any(|word| matches!(*word, "-f" | "--file") || word.starts_with("--file="))
        }
        _ => downloads(place, call),
    }
}

/// Whether a command fetches data for installed packages (H073) and looks at nothing else. A program that imports what
/// lies beside it reads that.
fn downloads(place: &Place<'_>, call: &Call<'_>) -> bool {
    if Knowledge::builtin().python_download(call.words).is_none() {
        return false;
    }
    let Some(code) = call.args().first().filter(|_| call.name == "python") else { return true };
    let is_here = |module: &str| {
        let name = module.split('.').next().unwrap_or_default().trim();
        place.file(&format!("{name}.py")).is_some() || place.file(&format!("{name}/__init__.py")).is_some()
    };
    let mut statements = code.split([';', '\n']).map(str::trim);
    !code.contains("open(")
        && !code.contains("__import__")
        && statements.all(|statement| match statement.split_once(' ') {
            Some(("import", modules)) => {
                !modules.split(',').any(|module| is_here(module.trim().split(' ').next().unwrap_or_default()))
            }
            Some(("from", rest)) => !is_here(rest.trim().split(' ').next().unwrap_or_default()),
            _ => true,
        })
}
