//! What building a Python project reads besides its packages: the README that its metadata show, the file its version
//! stands in, the history of git.
//!
//! Sources: the specification of `pyproject.toml` (packaging.python.org), the documentation of setuptools
//! ("Configuring metadata using pyproject.toml", "setup.cfg"), Poetry, Hatch, PDM and Flit; hazards H051, H052, H128.

use toml::{Table, Value};

use super::super::{Answer, Folder, add_new};
use super::pyproject::{Pyproject, at, texts};

/// What building a project reads besides its packages. Paths are relative to the root of the context.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Building {
    /// The manifests and the files that they name, those that are in the context: `README.md`, `LICENSE`, a file with
    /// the version. Of `setup.py` every file that stands in it as a text.
    pub files: Vec<String>,
    /// Whether the version comes from git, so that `.git` is read (H052).
    pub needs_git: bool,
    /// Whether it runs code of the project (`setup.py`, a build script), which may read anything.
    pub runs_code: bool,
    /// The requirements files that the project's own dependencies are read from.
    pub requirements: Vec<String>,
}

/// Whether a setup.py or setup.cfg takes the version from git.
pub(super) fn from_git(text: &str) -> bool {
    ["setuptools_scm", "setuptools-scm", "use_scm_version", "versioneer", "pbr", "setuptools_git_versioning"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// What building the project in a folder reads; `None` when there is nothing that says how to build it.
pub(super) fn find(folder: Folder<'_>, pyproject: Option<&Pyproject>) -> Option<Building> {
    let mut building = Building::default();
    let table = folder.text("pyproject.toml").present().and_then(|text| text.parse::<Table>().ok());
    let setup = folder.text("setup.py").present();
    let is_package = table.as_ref().is_some_and(|table| {
        table.contains_key("project") || table.contains_key("build-system") || is_poetry(table)
    });
    if !is_package && setup.is_none() {
        return None;
    }
    let mut named = Vec::new();
    if let Some(table) = &table {
        named.extend(of_pyproject(table));
        building.requirements.extend(requirements_of_pyproject(table));
        building.runs_code |= has_build_script(table);
    }
    if let Answer::Present(text) = folder.text("setup.cfg") {
        named.extend(of_setup_cfg(&text));
        building.needs_git |= from_git(&text);
    }
    if let Some(text) = &setup {
        let mentioned: Vec<String> = literals(text).map(str::to_owned).collect();
        if text.contains("install_requires") {
            let lists = mentioned
                .iter()
                .filter(|name| name.contains("requirements") && name.strip_suffix(".txt").is_some());
            building.requirements.extend(lists.cloned());
        }
        named.extend(mentioned);
        building.needs_git |= from_git(text);
        building.runs_code = true;
    }
    building.needs_git |= pyproject.is_some_and(|pyproject| pyproject.version_from_git);
    building.files = folder.those_of(&["pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in"]);
    let is_file = |path: &String| {
        folder.files.entry(path).present().is_some_and(|entry| entry.kind == crate::context::EntryKind::File)
    };
    let resolve = |name: &String| folder.resolve(name).filter(is_file);
    add_new(&mut building.files, named.iter().filter_map(resolve));
    let requirements: Vec<String> = building.requirements.iter().filter_map(resolve).collect();
    building.requirements.clear();
    add_new(&mut building.requirements, requirements);
    Some(building)
}

fn is_poetry(table: &Table) -> bool {
    at(table, &["tool", "poetry", "name"]).is_some()
}

/// Texts: one, or each of a list.
fn one_or_many(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_str).map_or_else(|| texts(value), |text| vec![text.to_owned()])
}

fn of_pyproject(table: &Table) -> Vec<String> {
    const NAMED: &[&[&str]] = &[
        &["project", "readme"],
        &["project", "readme", "file"],
        &["project", "license", "file"],
        &["project", "license-files"],
        &["project", "license-files", "paths"],
        &["tool", "poetry", "readme"],
        &["tool", "poetry", "build"],
        &["tool", "poetry", "build", "script"],
        &["tool", "hatch", "version", "path"],
        &["tool", "hatch", "build", "hooks", "custom", "path"],
        &["tool", "hatch", "metadata", "hooks", "requirements_txt", "files"],
        &["tool", "pdm", "version", "path"],
        &["tool", "pdm", "build", "custom-hook"],
        &["tool", "flit", "metadata", "description-file"],
        &["tool", "setuptools", "license-files"],
    ];
    let mut named: Vec<String> = NAMED.iter().flat_map(|keys| one_or_many(at(table, keys))).collect();
    // Every field of setuptools can come from files.
    let fields =
        at(table, &["tool", "setuptools", "dynamic"]).and_then(Value::as_table).into_iter().flatten();
    for (name, value) in fields {
        if name == "optional-dependencies" {
            let groups = value.as_table().into_iter().flatten();
            named.extend(groups.flat_map(|(_, group)| one_or_many(group.get("file"))));
        }
        named.extend(one_or_many(value.get("file")));
    }
    let readme = at(table, &["tool", "hatch", "metadata", "hooks", "fancy-pypi-readme", "fragments"]);
    let fragments = readme.and_then(Value::as_array).into_iter().flatten();
    named.extend(fragments.flat_map(|fragment| one_or_many(fragment.get("path"))));
    if at(table, &["tool", "hatch", "build", "hooks", "custom"]).is_some() {
        named.push("hatch_build.py".to_owned());
    }
    named
}

fn requirements_of_pyproject(table: &Table) -> Vec<String> {
    const NAMED: &[&[&str]] = &[
        &["tool", "setuptools", "dynamic", "dependencies", "file"],
        &["tool", "hatch", "metadata", "hooks", "requirements_txt", "files"],
    ];
    NAMED.iter().flat_map(|keys| one_or_many(at(table, keys))).collect()
}

fn has_build_script(table: &Table) -> bool {
    const SCRIPTS: &[&[&str]] = &[
        &["tool", "poetry", "build"],
        &["tool", "hatch", "build", "hooks", "custom"],
        &["tool", "hatch", "metadata", "hooks", "custom"],
        &["tool", "pdm", "build", "custom-hook"],
    ];
    SCRIPTS.iter().any(|keys| at(table, keys).is_some())
}

/// The files of `long_description = file: README.md, CHANGES.md`.
fn of_setup_cfg(text: &str) -> Vec<String> {
    let values = text.lines().filter_map(|line| line.split_once('=')?.1.trim().strip_prefix("file:"));
    values.flat_map(|list| list.split(',')).map(|name| name.trim().to_owned()).collect()
}

/// The texts between quotes on one line that may be names of files. Where Python's own reading differs (a quote in a
/// comment), a name is missed or too many are found, and only those that exist count.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    const LONGEST: usize = 80;
    let fits = |part: &&str| {
        !part.is_empty()
            && part.len() <= LONGEST
            && !part.contains([' ', '\n', '\t', '*', '<', '>', '=', ','])
    };
    text.lines().flat_map(|line| line.split(['"', '\'']).skip(1).step_by(2)).filter(move |part| fits(part))
}
