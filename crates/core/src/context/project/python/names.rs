//! The packages that a project asks for, by name.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::super::Folder;
use super::pyproject::{at, texts};
use super::{CondaEnvironment, PythonLock, Requirements};

/// The name of a package as indexes compare it: lower case, `-` for every run of `-`, `_` and `.`.
///
/// Source: packaging.python.org, "Names and normalization".
///
/// ```
/// use dockmend_core::context::project::python_package_name;
/// assert_eq!(python_package_name("Flask_SQLAlchemy[async] >= 3 ; python_version > '3.8'").as_deref(), Some("flask-sqlalchemy"));
/// assert_eq!(python_package_name("git+https://x.example/a.git"), None);
/// ```
pub fn python_package_name(requirement: &str) -> Option<String> {
    let requirement = requirement.trim();
    let end = requirement.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    let (name, rest) = requirement.split_at(end.unwrap_or(requirement.len()));
    let is_name =
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && !rest.starts_with(['+', ':', '/', '\\']);
    if !is_name {
        // `git+https://x.example/a.git#egg=a` says its name at the end.
        let (_, egg) = requirement.split_once("#egg=")?;
        return python_package_name(egg.split('&').next().unwrap_or_default());
    }
    let parts: Vec<&str> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    Some(parts.join("-").to_ascii_lowercase())
}

/// Every package that one of the project's files names, locks included.
pub(super) fn find(
    folder: Folder<'_>,
    requirements: &[Requirements],
    conda: &[CondaEnvironment],
    locks: &[PythonLock],
) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let listed = requirements.iter().flat_map(|file| &file.packages);
    let listed = listed.chain(conda.iter().flat_map(|environment| environment.packages.iter()));
    names.extend(listed.filter_map(|requirement| python_package_name(requirement)));
    let table = |name: &str| folder.text(name).present().and_then(|text| text.parse::<Table>().ok());
    if let Some(table) = table("pyproject.toml") {
        names.extend(of_pyproject(&table));
    }
    if let Some(table) = table("Pipfile") {
        let groups = table
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "source" | "requires" | "scripts" | "pipenv"));
        names.extend(groups.filter_map(|(_, group)| group.as_table()).flat_map(keys));
    }
    for lock in locks.iter().filter(|lock| lock.tool.is_some()) {
        if let Some(text) = super::text(folder.files, &lock.path).present() {
            names.extend(of_lock(&text));
        }
    }
    names
}

fn keys(table: &Table) -> impl Iterator<Item = String> {
    table.keys().filter_map(|name| python_package_name(name))
}

fn of_pyproject(table: &Table) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut lists = vec![at(table, &["project", "dependencies"])];
    for groups in [
        &["project", "optional-dependencies"][..],
        &["dependency-groups"],
        &["tool", "pdm", "dev-dependencies"],
    ] {
        let groups = at(table, groups).and_then(Value::as_table).into_iter().flatten();
        lists.extend(groups.map(|(_, list)| Some(list)));
    }
    names.extend(lists.into_iter().flat_map(texts).filter_map(|text| python_package_name(&text)));
    let groups = at(table, &["tool", "poetry", "group"]).and_then(Value::as_table).into_iter().flatten();
    let tables = groups.filter_map(|(_, group)| group.get("dependencies"));
    let own = ["dependencies", "dev-dependencies"].map(|name| at(table, &["tool", "poetry", name]));
    for table in tables.chain(own.into_iter().flatten()).filter_map(Value::as_table) {
        names.extend(keys(table).filter(|name| name != "python"));
    }
    names
}

/// The names of `[[package]]` tables, read line by line: a lockfile can have thousands.
fn of_lock(text: &str) -> impl Iterator<Item = String> {
    let mut in_package = false;
    text.lines().filter_map(move |line| {
        if line.starts_with('[') {
            in_package = line.trim_end() == "[[package]]";
        }
        let name = line.strip_prefix("name = ").filter(|_| in_package)?;
        python_package_name(name.trim().trim_matches('"'))
    })
}
