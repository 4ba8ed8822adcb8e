//! What an installation reads besides the manifest, or why that is not certain.

use serde_json::Value;

use super::super::{Answer, Folder, Obstacle, add_new};
use super::scripts::{self, Scripts};
use super::{NodeProject, Reads, prisma, specifiers, workspace};
use crate::context::EntryKind;

/// Files beside the manifest that configure a manager. Each is read when it is there.
const CONFIG: &[&str] = &[
    ".npmrc",
    ".yarnrc",
    ".yarnclean",
    ".yarnrc.yml",
    "pnpm-workspace.yaml",
    "bunfig.toml",
    ".pnp.cjs",
    ".pnp.loader.mjs",
];

/// The parts of `.yarn` that an installation reads; the rest is written by it.
const YARN: &[&str] = &["cache", "patches", "plugins", "releases"];

/// More members than this are not copied one by one.
const MOST_MEMBERS: usize = 60;

/// Fills in what the folder tells about the project, and lists what its installation reads. The first
/// obstacle is the answer, but everything that is known is filled in before.
pub(super) fn find(folder: Folder<'_>, json: &Value, node: &mut NodeProject) -> Reads {
    let members = check_workspace(folder, node)
        .and_then(|()| workspace::members(folder.files, folder.root, &node.workspaces));
    node.members = members.as_ref().cloned().unwrap_or_default();
    let (mut plain, mut with_scripts) = match own(folder, json, node) {
        Ok(reads) => reads,
        Err(obstacle) => return Reads::failed(obstacle),
    };
    if let Err(obstacle) = members {
        return Reads::failed(obstacle);
    }
    if node.members.len() > MOST_MEMBERS {
        let reason =
            format!("the workspace has {} members, and each would be copied by itself", node.members.len());
        return Reads::failed(Obstacle::new("H044", reason));
    }
    for member in node.members.clone() {
        match read_member(folder, &member, node) {
            Ok((more, scripted)) => {
                add_new(&mut plain, more);
                with_scripts = with_scripts.and_then(|mut known| {
                    add_new(&mut known, scripted?);
                    Ok(known)
                });
            }
            Err(obstacle) => return Reads::failed(obstacle),
        }
    }
    let mut all = plain.clone();
    let with_scripts = with_scripts.map(|more| {
        add_new(&mut all, more);
        without_nested(all)
    });
    Reads { plain: Ok(without_nested(plain)), with_scripts }
}

/// What lies in a directory of the list needs no mention of its own.
fn without_nested(paths: Vec<String>) -> Vec<String> {
    let covered = |path: &String| {
        paths.iter().any(|known| path.strip_prefix(known.as_str()).is_some_and(|rest| rest.starts_with('/')))
    };
    let nested: Vec<bool> = paths.iter().map(covered).collect();
    paths.into_iter().zip(nested).filter(|(_, nested)| !nested).map(|(path, _)| path).collect()
}

/// What is read without scripts, and what scripts read besides.
type Own = (Vec<String>, Result<Vec<String>, Obstacle>);

/// What the installation reads of one folder.
fn own(folder: Folder<'_>, json: &Value, node: &mut NodeProject) -> Result<Own, Obstacle> {
    node.config = folder.those_of(CONFIG);
    let configured = configuration(folder, node);
    let patched = patches(folder, json, node);
    let schema = prisma::find(folder, None);
    node.prisma_schema =
        schema.as_ref().ok().and_then(|found| found.as_ref().map(|found| found.schema.clone()));

    let mut reads = vec![folder.path("package.json")];
    add_new(&mut reads, node.locks.iter().map(|lock| lock.path.clone()));
    if let Some(broken) = node.locks.iter().find(|lock| lock.broken) {
        return Err(Obstacle::new("H046", format!("`{}` is not a valid lockfile", broken.path)));
    }
    let ignores_scripts = configured?;
    patched?;
    add_new(&mut reads, node.config.iter().cloned());
    add_new(&mut reads, node.patches.iter().cloned());
    add_new(&mut reads, local_dependencies(folder, json, node)?);
    // The commands of a package are linked, and some managers leave out those that are not there yet.
    if json.pointer("/publishConfig/directory").is_some() {
        return Err(Obstacle::new(
            "H044",
            format!("`{}` is linked from the directory that it is built in", folder.path("")),
        ));
    }
    if ignores_scripts {
        return Ok((reads, Ok(Vec::new())));
    }
    let mut scripts = Scripts::default();
    let checked = scripts::check(folder, node, &mut scripts);
    node.generated = scripts.generated;
    node.needs_git = scripts.needs_git;
    let mut scripted = checked.map(|()| scripts.reads);
    // The installation of Prisma's client generates it when it finds a schema, without a script here.
    if specifiers(json).iter().any(|(name, _)| name == "@prisma/client") {
        scripted = scripted.and_then(|mut known| {
            if let Some(found) = schema? {
                add_new(&mut known, found.reads);
                add_new(&mut node.generated, found.generated);
            }
            Ok(known)
        });
    }
    Ok((reads, scripted))
}

/// What the installation reads of a member: its manifest, the commands that it offers, what its scripts read.
fn read_member(folder: Folder<'_>, member: &str, root: &mut NodeProject) -> Result<Own, Obstacle> {
    let unseen = || Obstacle::new("H044", format!("the member `{member}` cannot be read"));
    let entries = folder.files.list(member).present().ok_or_else(unseen)?;
    let inside = Folder { files: folder.files, root: member, entries: &entries };
    let text = inside.text("package.json").present().ok_or_else(unseen)?;
    let json = serde_json::from_str::<Value>(&text).ok().filter(Value::is_object).ok_or_else(unseen)?;
    let mut node = super::bare(&json, super::lock::detect(inside));
    node.members.clone_from(&root.members);
    let (mut reads, scripted) = own(inside, &json, &mut node)?;
    let commands = match json.get("bin") {
        Some(Value::String(path)) => vec![path.clone()],
        other => super::strings(other).into_values().collect(),
    };
    let present = commands
        .iter()
        .filter_map(|path| inside.resolve(path))
        .filter(|path| folder.files.entry(path).is_present());
    add_new(&mut reads, present.collect::<Vec<_>>());
    add_new(&mut root.generated, node.generated);
    if root.needs_git.is_none() {
        root.needs_git = node.needs_git;
    }
    Ok((reads, scripted))
}

/// Reads the manager's own configuration and adds what it names. Says whether scripts are switched off.
fn configuration(folder: Folder<'_>, node: &mut NodeProject) -> Result<bool, Obstacle> {
    let mut ignores_scripts = false;
    for name in [".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml"] {
        let text = match folder.text(name) {
            Answer::Absent => continue,
            Answer::Unknown => return Err(Obstacle::new("H045", format!("`{name}` could not be read"))),
            Answer::Present(text) => text,
        };
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
            let Some((key, value)) = line.split_once(['=', ':', ' ']) else { continue };
            let value = value.trim().trim_matches(['"', '\'']);
            match (name, key.trim()) {
                (".npmrc", "ignore-scripts") => ignores_scripts = value == "true",
                (".yarnrc.yml", "enableScripts") => ignores_scripts |= value == "false",
                (".yarnrc.yml", "enableConstraintsChecks") if value == "true" => {
                    return Err(Obstacle::new("H045", "Yarn checks constraints at install, which are code"));
                }
                _ => {}
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
    for name in
        [".pnpmfile.cjs", ".pnpmfile.mjs", "pnpmfile.js"].into_iter().filter(|name| folder.has_file(name))
    {
        // Code that imports nothing cannot read anything.
        let text = folder.text(name).present();
        if text.and_then(|text| scripts::imports(&text)).is_none_or(|names| !names.is_empty()) {
            return Err(Obstacle::new("H045", format!("`{name}` is code that the install runs")));
        }
        node.config.push(folder.path(name));
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

/// Adds what `pnpm-workspace.yaml` says of members and patches.
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
            let lines = || text.lines().filter(|line| !line.trim_start().starts_with('#'));
            if lines().any(|line| line.starts_with("patchedDependencies:")) {
                for line in lines().filter(|line| line.contains(".patch")) {
                    let path =
                        line.rsplit_once(": ").map_or("", |(_, path)| path.trim().trim_matches(['"', '\'']));
                    add_new(&mut node.patches, named(folder, path, "pnpm-workspace.yaml")?);
                }
            }
            if lines().any(|line| ["link:", "file:"].iter().any(|local| line.contains(local))) {
                return Err(Obstacle::new("H047", "`pnpm-workspace.yaml` names a directory as a dependency"));
            }
        }
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

/// A local dependency is read as the file or the directory that it is; a member of the workspace is read anyway.
fn local_dependencies(folder: Folder<'_>, json: &Value, node: &NodeProject) -> Result<Vec<String>, Obstacle> {
    let injected = json.get("dependenciesMeta").and_then(Value::as_object).into_iter().flatten();
    if injected.into_iter().any(|(_, meta)| meta.get("injected") == Some(&Value::Bool(true))) {
        return Err(Obstacle::new("H044", "a member of the workspace is copied into `node_modules` whole"));
    }
    let mut reads = Vec::new();
    for dependency in &node.local_dependencies {
        let specifier = dependency.specifier.as_str();
        if specifier.starts_with("workspace:") {
            continue;
        }
        let path = ["file:", "link:", "portal:"]
            .iter()
            .find_map(|kind| specifier.strip_prefix(kind))
            .unwrap_or(specifier);
        let refuse = || Obstacle::new("H047", format!("`{}` comes from `{specifier}`", dependency.name));
        if path.starts_with(['/', '~']) {
            return Err(refuse());
        }
        let found = folder.resolve(path).ok_or_else(refuse)?;
        if node.members.contains(&found) {
            continue;
        }
        let entry = folder.files.entry(&found).present().ok_or_else(refuse)?;
        let is_archive = [".tgz", ".tar.gz", ".tar"].iter().any(|ending| path.ends_with(ending));
        let is_directory = entry.kind == EntryKind::Directory && !is_within(folder.root, &found);
        // Its own dependencies are installed too, and its scripts may be run.
        let is_plain = || match super::super::text(folder.files, &format!("{found}/package.json")) {
            Answer::Present(text) => serde_json::from_str::<Value>(&text).is_ok_and(|json| {
                super::local_dependencies(&json).is_empty()
                    && super::strings(json.get("scripts"))
                        .keys()
                        .all(|name| !super::LIFECYCLE.contains(&name.as_str()))
            }),
            Answer::Absent => true,
            Answer::Unknown => false,
        };
        if !(entry.kind == EntryKind::File && is_archive || is_directory && is_plain()) {
            return Err(refuse());
        }
        reads.push(found);
    }
    Ok(reads)
}

/// Whether `path` is `directory` or lies in it.
fn is_within(path: &str, directory: &str) -> bool {
    directory.is_empty()
        || path == directory
        || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}
