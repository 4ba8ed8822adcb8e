//! What an installation reads besides the manifest, or why that is not certain.

use serde_json::Value;

use super::super::{Answer, Folder, Obstacle, add_new};
use super::{NodeProject, specifiers};
use crate::context::EntryKind;

/// Files beside the manifest that configure a manager. Each is read when it is there.
const CONFIG: &[&str] = &[
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    "pnpm-workspace.yaml",
    "bunfig.toml",
    ".pnp.cjs",
    ".pnp.loader.mjs",
];

/// The parts of `.yarn` that an installation reads; the rest is written by it.
const YARN: &[&str] = &["cache", "patches", "plugins", "releases"];

/// Fills in what the folder tells about the project, and lists what its installation reads. The first
/// obstacle is the answer, but everything that is known is filled in before.
pub(super) fn find(
    folder: Folder<'_>,
    json: &Value,
    node: &mut NodeProject,
) -> Result<Vec<String>, Obstacle> {
    node.config = folder.those_of(CONFIG);
    let configured = configuration(folder, node);
    let patched = patches(folder, json, node);
    let schema = prisma_schema(folder, json);
    node.prisma_schema = schema.clone().unwrap_or_default();

    let mut reads = vec![folder.path("package.json")];
    add_new(&mut reads, node.locks.iter().map(|lock| lock.path.clone()));
    check_locks(node)?;
    let ignores_scripts = configured?;
    patched?;
    add_new(&mut reads, node.config.iter().cloned());
    add_new(&mut reads, node.patches.iter().cloned());
    check_workspace(folder, node)?;
    add_new(&mut reads, local_archives(folder, node)?);
    // The installation of Prisma's client generates it when it finds a schema, without a script here.
    if specifiers(json).iter().any(|(name, _)| name == "@prisma/client") {
        add_new(&mut reads, schema?);
    }
    if !ignores_scripts {
        check_scripts(folder, node)?;
        if runs(node, "prisma") {
            add_new(&mut reads, node.prisma_schema.clone());
        }
    }
    Ok(reads)
}

fn check_locks(node: &NodeProject) -> Result<(), Obstacle> {
    if let Some(broken) = node.locks.iter().find(|lock| lock.broken) {
        return Err(Obstacle::new("H046", format!("`{}` is not a valid lockfile", broken.path)));
    }
    let Some(written) = &node.package_manager else { return Ok(()) };
    let fits = node.locks.iter().any(|lock| Some(lock.kind.manager()) == node.manager);
    if node.locks.is_empty() || fits {
        return Ok(());
    }
    Err(Obstacle::new(
        "H046",
        format!("`packageManager` is `{written}`, but the lockfile is another manager's"),
    ))
}

/// Reads the manager's own configuration and adds what it names. Says whether scripts are switched off.
fn configuration(folder: Folder<'_>, node: &mut NodeProject) -> Result<bool, Obstacle> {
    let mut ignores_scripts = false;
    for name in [".npmrc", ".yarnrc", ".yarnrc.yml"] {
        let text = match folder.text(name) {
            Answer::Absent => continue,
            Answer::Unknown => return Err(Obstacle::new("H045", format!("`{name}` could not be read"))),
            Answer::Present(text) => text,
        };
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
            let Some((key, value)) = line.split_once(['=', ':', ' ']) else { continue };
            let value = value.trim().trim_matches(['"', '\'']);
            if name == ".npmrc" && key.trim() == "ignore-scripts" {
                ignores_scripts = value == "true";
            }
            let names_path = matches!(
                key.trim_matches(['"', '\'', ' ', '-']),
                "cafile"
                    | "yarnPath"
                    | "yarn-path"
                    | "path"
                    | "yarn-offline-mirror"
                    | "globalconfig"
                    | "userconfig"
            ) || value.starts_with("./")
                || value.starts_with("../");
            // `${HOME}/ca.pem` or `/etc/ssl/ca.pem` are the image's, not the context's.
            if names_path && !value.starts_with(['/', '$', '~']) && value != "true" && !value.contains("://")
            {
                add_new(&mut node.config, named(folder, value, name)?);
            }
        }
    }
    if folder.has_directory(".yarn") {
        let Answer::Present(entries) = folder.files.list(&folder.path(".yarn")) else {
            return Err(Obstacle::new("H045", "`.yarn` could not be listed"));
        };
        let read = entries.iter().filter(|entry| YARN.contains(&entry.name.as_str()));
        node.config.extend(read.map(|entry| folder.path(&format!(".yarn/{}", entry.name))));
    }
    if let Some(code) = [".pnpmfile.cjs", "pnpmfile.js"].into_iter().find(|name| folder.has_file(name)) {
        return Err(Obstacle::new("H045", format!("`{code}` is code that the install runs")));
    }
    // What lies in a directory that is read anyway needs no mention of its own.
    let directories: Vec<String> = node.config.iter().map(|path| format!("{path}/")).collect();
    node.config.retain(|path| !directories.iter().any(|directory| path.starts_with(directory)));
    Ok(ignores_scripts)
}

/// A path that a file of the project names, when it is there.
fn named(folder: Folder<'_>, path: &str, by: &str) -> Result<Option<String>, Obstacle> {
    let resolved = folder.resolve(path).filter(|path| folder.files.entry(path).is_present());
    resolved.map(Some).ok_or_else(|| {
        Obstacle::new("H045", format!("`{by}` names `{path}`, which is not found in the context"))
    })
}

/// The patches that an installation applies: `patches/`, and those that manifests name.
fn patches(folder: Folder<'_>, json: &Value, node: &mut NodeProject) -> Result<(), Obstacle> {
    if folder.has_directory("patches") {
        node.patches.push(folder.path("patches"));
    }
    let mut files: Vec<String> = Vec::new();
    for holder in [Some(json), json.get("pnpm")].into_iter().flatten() {
        files.extend(super::strings(holder.get("patchedDependencies")).into_values());
    }
    for (_, specifier) in specifiers(json).iter().filter(|(_, specifier)| specifier.starts_with("patch:")) {
        let sources = specifier.split_once('#').map_or("", |(_, sources)| sources);
        let sources = sources.split("::").next().unwrap_or_default().split('&');
        let own = sources.filter(|source| !source.is_empty() && !source.contains("builtin<"));
        files.extend(
            own.map(|source| source.trim_start_matches("optional!").trim_start_matches("~/").to_owned()),
        );
    }
    for file in files {
        let Some(path) = named(folder, &file, "package.json")? else { continue };
        let covered = |list: &[String]| list.iter().any(|known| path.starts_with(&format!("{known}/")));
        if !covered(&node.patches) && !covered(&node.config) {
            add_new(&mut node.patches, [path]);
        }
    }
    Ok(())
}

fn check_workspace(folder: Folder<'_>, node: &mut NodeProject) -> Result<(), Obstacle> {
    let refuse = |reason: &str| Err(Obstacle::new("H044", reason));
    match folder.text("pnpm-workspace.yaml") {
        Answer::Absent => {}
        Answer::Unknown => return refuse("`pnpm-workspace.yaml` could not be read"),
        Answer::Present(text) => {
            let Some(mut globs) = pnpm_packages(&text) else {
                return refuse("`pnpm-workspace.yaml` lists its members in a way that is not understood");
            };
            node.workspaces.append(&mut globs);
            let top_level = |key: &str| text.lines().any(|line| line.starts_with(key));
            if top_level("patchedDependencies:") && node.patches.is_empty() {
                return Err(Obstacle::new("H045", "`pnpm-workspace.yaml` names patches"));
            }
        }
    }
    if !node.workspaces.is_empty() {
        return refuse("the install of a workspace reads the manifest of each member");
    }
    if ["lerna.json", "rush.json"].iter().any(|name| folder.has_file(name)) {
        return Err(Obstacle::new("H061", "a monorepo tool installs its packages"));
    }
    Ok(())
}

/// The list behind `packages:` at the start of a line, in block or in flow style. Empty without that key (the
/// file then only holds settings); `None` when the value is anything else.
fn pnpm_packages(text: &str) -> Option<Vec<String>> {
    let clean = |item: &str| item.trim().trim_matches(['"', '\'']).to_owned();
    let mut lines = text.lines();
    let Some(value) = lines.find_map(|line| line.strip_prefix("packages:")) else { return Some(Vec::new()) };
    let value = value.split(" #").next().unwrap_or_default().trim();
    if let Some(list) = value.strip_prefix('[') {
        let items = list.strip_suffix(']')?.split(',').map(clean);
        return Some(items.filter(|item| !item.is_empty()).collect());
    }
    if !value.is_empty() {
        return None;
    }
    let mut items = Vec::new();
    for line in lines {
        let item = line.trim();
        if item.is_empty() || item.starts_with('#') {
            continue;
        }
        match item.strip_prefix("- ") {
            Some(item) => items.push(clean(item.split(" #").next().unwrap_or_default())),
            // The next key ends the list; anything deeper is not a list of texts.
            None if !line.starts_with([' ', '\t', '-']) => break,
            None => return None,
        }
    }
    Some(items)
}

/// A local dependency that is one packed file is read as that file; a directory has files without end.
fn local_archives(folder: Folder<'_>, node: &NodeProject) -> Result<Vec<String>, Obstacle> {
    let mut archives = Vec::new();
    for dependency in &node.local_dependencies {
        let specifier = dependency.specifier.as_str();
        let path = specifier.strip_prefix("file:").unwrap_or(specifier);
        let is_archive = [".tgz", ".tar.gz", ".tar"].iter().any(|ending| path.ends_with(ending));
        let found = folder.resolve(path).filter(|path| {
            let entry = folder.files.entry(path).present();
            entry.is_some_and(|entry| entry.kind == EntryKind::File)
        });
        match found {
            Some(found) if is_archive && !path.starts_with(['/', '~']) => archives.push(found),
            _ => {
                let hazard = if specifier.starts_with("workspace:") { "H044" } else { "H047" };
                let name = &dependency.name;
                return Err(Obstacle::new(
                    hazard,
                    format!("`{name}` comes from a directory (`{specifier}`)"),
                ));
            }
        }
    }
    Ok(archives)
}

/// Where Prisma finds its schema. `None` inside when there is none.
fn prisma_schema(folder: Folder<'_>, json: &Value) -> Result<Option<String>, Obstacle> {
    let has_config = folder.entries.iter().any(|entry| entry.name.starts_with("prisma.config."));
    if has_config {
        return Err(Obstacle::new("H061", "a configuration in code says where Prisma's schema is"));
    }
    if let Some(path) = json.get("prisma").and_then(|prisma| prisma.get("schema")).and_then(Value::as_str) {
        let found = folder.resolve(path).filter(|path| folder.files.entry(path).is_present());
        let missing =
            || Obstacle::new("H061", format!("Prisma's schema `{path}` is not found in the context"));
        return found.map(Some).ok_or_else(missing);
    }
    for name in ["schema.prisma", "prisma/schema.prisma", "prisma/schema"] {
        let path = folder.path(name);
        match folder.files.entry(&path) {
            Answer::Present(_) => return Ok(Some(path)),
            Answer::Absent => {}
            Answer::Unknown => return Err(Obstacle::new("H061", format!("`{path}` cannot be seen"))),
        }
    }
    Ok(None)
}

fn check_scripts(folder: Folder<'_>, node: &NodeProject) -> Result<(), Obstacle> {
    for (name, text) in node.lifecycle_scripts() {
        check_script(node, name, text)?;
    }
    // npm builds a native addon by itself when nothing else is said.
    if folder.has_file("binding.gyp") && !node.scripts.contains_key("install") {
        return Err(Obstacle::new("H042", "`binding.gyp` makes the install compile sources"));
    }
    Ok(())
}

/// Whether a lifecycle script runs this program.
fn runs(node: &NodeProject, program: &str) -> bool {
    node.lifecycle_scripts().any(|(_, text)| commands(text).any(|words| words.first() == Some(&program)))
}

/// The simple commands of a script, as words, without the runner in front of a package's program.
fn commands(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.split(['&', ';', '|']).filter(|part| !part.trim().is_empty()).map(|part| {
        let runner = |word: &&str| matches!(*word, "npx" | "bunx" | "pnpx" | "--yes" | "-y" | "--no-install");
        part.split_ascii_whitespace().skip_while(runner).collect()
    })
}

/// Only scripts that are known to read nothing, or to read what is listed anyway, pass.
fn check_script(node: &NodeProject, name: &str, text: &str) -> Result<(), Obstacle> {
    let touches = || Obstacle::new("H042", format!("the script `{name}` runs at install (`{text}`)"));
    if text.contains(['$', '`', '<', '>', '(', '{']) {
        return Err(touches());
    }
    for words in commands(text) {
        match words.as_slice() {
            ["only-allow", _] | ["true" | ":"] | ["exit", "0"] | ["echo", ..] => {}
            ["patch-package"] => {}
            ["prisma", "generate"] if node.prisma_schema.is_some() => {}
            ["husky" | "lefthook" | "simple-git-hooks" | "is-ci" | "pre-commit", ..] => {
                return Err(Obstacle::new(
                    "H043",
                    format!("the script `{name}` sets up git hooks (`{text}`)"),
                ));
            }
            [
                "nx"
                | "turbo"
                | "lerna"
                | "rush"
                | "protoc"
                | "buf"
                | "orval"
                | "graphql-codegen"
                | "openapi-generator"
                | "openapi-generator-cli"
                | "openapi-typescript",
                ..,
            ] => {
                return Err(Obstacle::new("H061", format!("the script `{name}` generates code (`{text}`)")));
            }
            _ => return Err(touches()),
        }
    }
    Ok(())
}
