//! What a `pyproject.toml` says: who builds and installs the project, and where its dependencies come from.

use toml::{Table, Value};

use super::super::add_new;
use super::PythonLock;

/// The tool that manages a project by its `pyproject.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PythonTool {
    /// Poetry.
    Poetry,
    /// uv.
    Uv,
    /// PDM.
    Pdm,
    /// Hatch.
    Hatch,
    /// setuptools, which is also meant when no build system is named.
    Setuptools,
    /// Flit.
    Flit,
    /// maturin, for packages written in Rust.
    Maturin,
    /// Any other build system.
    Other,
}

/// What a `pyproject.toml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pyproject {
    /// The name of the project.
    pub name: Option<String>,
    /// `build-system.build-backend`, such as `hatchling.build`.
    pub build_backend: Option<String>,
    /// The tool that installs it, as far as the tables and the lockfiles tell.
    pub tool: PythonTool,
    /// Whether an installation includes the project itself (H051).
    pub installs_itself: bool,
    /// Whether its version comes from git (H052).
    pub version_from_git: bool,
    /// Dependencies that come from directories or files.
    pub local_dependencies: Vec<LocalPackage>,
    /// The workspace whose root this is; uv only.
    pub workspace: Option<PythonWorkspace>,
    /// The names of the commands that an installation makes (`project.scripts`).
    pub scripts: Vec<String>,
    /// The fields of the project that are computed when it is built.
    pub dynamic: Vec<String>,
}

/// A dependency with a place on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalPackage {
    /// Its name, or the whole requirement where that says both.
    pub name: String,
    /// Where it is.
    pub place: LocalPlace,
    /// Whether it is installed as a link to its directory.
    pub editable: bool,
}

/// Where a local dependency is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalPlace {
    /// A path as written, relative to the directory of the manifest.
    Path(String),
    /// A member of the workspace.
    Member,
}

/// The patterns of a workspace's members, relative to the directory of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PythonWorkspace {
    /// `tool.uv.workspace.members`.
    pub members: Vec<String>,
    /// `tool.uv.workspace.exclude`.
    pub exclude: Vec<String>,
}

pub(super) fn at<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(*key))
}

pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn describe(table: &Table, locks: &[PythonLock]) -> Pyproject {
    let text = |keys: &[&str]| at(table, keys).and_then(Value::as_str).map(str::to_owned);
    let flag = |keys: &[&str]| at(table, keys).and_then(Value::as_bool);
    let build_backend = text(&["build-system", "build-backend"]);
    let tool = tool(table, build_backend.as_deref(), locks);
    let installs_itself = match tool {
        PythonTool::Poetry => flag(&["tool", "poetry", "package-mode"]) != Some(false),
        // uv installs a project that has a build system, and only that, unless it is told.
        PythonTool::Uv => flag(&["tool", "uv", "package"]).unwrap_or(table.contains_key("build-system")),
        PythonTool::Pdm => flag(&["tool", "pdm", "distribution"]) != Some(false),
        _ => true,
    };
    Pyproject {
        name: text(&["project", "name"]).or_else(|| text(&["tool", "poetry", "name"])),
        build_backend,
        tool,
        installs_itself,
        version_from_git: version_from_git(table),
        local_dependencies: local_dependencies(table),
        workspace: at(table, &["tool", "uv", "workspace"]).map(|workspace| PythonWorkspace {
            members: texts(workspace.get("members")),
            exclude: texts(workspace.get("exclude")),
        }),
        scripts: scripts(table),
        dynamic: texts(at(table, &["project", "dynamic"])),
    }
}

fn tool(table: &Table, backend: Option<&str>, locks: &[PythonLock]) -> PythonTool {
    const MANAGERS: &[(&str, PythonTool)] =
        &[("poetry", PythonTool::Poetry), ("uv", PythonTool::Uv), ("pdm", PythonTool::Pdm)];
    // A lockfile is the surest sign; then the tables of the managers; then who builds the package.
    if let Some(tool) = locks.iter().find_map(|lock| lock.tool) {
        return tool;
    }
    if let Some((_, tool)) = MANAGERS.iter().find(|(name, _)| at(table, &["tool", name]).is_some()) {
        return *tool;
    }
    let Some(backend) = backend else { return PythonTool::Setuptools };
    match backend.split(['.', ':']).next().unwrap_or_default() {
        "poetry" => PythonTool::Poetry,
        "uv_build" => PythonTool::Uv,
        "pdm" => PythonTool::Pdm,
        "hatchling" => PythonTool::Hatch,
        "setuptools" => PythonTool::Setuptools,
        "flit_core" | "flit" => PythonTool::Flit,
        "maturin" => PythonTool::Maturin,
        _ => PythonTool::Other,
    }
}

fn version_from_git(table: &Table) -> bool {
    const PLUGINS: &[&str] = &[
        "setuptools-scm",
        "setuptools-git-versioning",
        "hatch-vcs",
        "versioningit",
        "poetry-dynamic-versioning",
        "uv-dynamic-versioning",
        "versioneer",
        "dunamai",
        "pbr",
    ];
    let is_text = |keys: &[&str], text| at(table, keys).and_then(Value::as_str) == Some(text);
    let requires = texts(at(table, &["build-system", "requires"]));
    let by_plugin = requires.iter().any(|requirement| {
        let end = requirement.find(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)));
        let name = requirement.get(..end.unwrap_or(requirement.len())).unwrap_or_default();
        let name = name.to_ascii_lowercase().replace('_', "-");
        PLUGINS.contains(&name.as_str())
    });
    by_plugin
        || ["setuptools_scm", "versioneer", "versioningit"]
            .iter()
            .any(|name| at(table, &["tool", name]).is_some())
        || is_text(&["tool", "hatch", "version", "source"], "vcs")
        || is_text(&["tool", "pdm", "version", "source"], "scm")
}

fn scripts(table: &Table) -> Vec<String> {
    let mut names = Vec::new();
    for keys in [&["project", "scripts"][..], &["tool", "poetry", "scripts"]] {
        let table = at(table, keys).and_then(Value::as_table).into_iter();
        add_new(&mut names, table.flat_map(Table::keys).cloned());
    }
    names
}

/// Dependencies with a place on disk, in each tool's own way to write them.
fn local_dependencies(table: &Table) -> Vec<LocalPackage> {
    let mut local = Vec::new();
    let mut lists = vec![at(table, &["project", "dependencies"])];
    for groups in [
        &["project", "optional-dependencies"][..],
        &["dependency-groups"],
        &["tool", "pdm", "dev-dependencies"],
    ] {
        let groups = at(table, groups).and_then(Value::as_table).into_iter().flatten();
        lists.extend(groups.map(|(_, list)| Some(list)));
    }
    for text in lists.into_iter().flat_map(texts) {
        let (editable, text) = match text.trim_start().strip_prefix("-e ") {
            Some(place) => (true, place),
            None => (false, text.as_str()),
        };
        if !editable && !text.contains("file:") {
            continue;
        }
        let (name, place) = text.split_once('@').unwrap_or((text, text));
        let place = place.trim().split([';', ' ', '#']).next().unwrap_or_default();
        // PDM writes the place of the project so.
        let place = place.replace("file:///${PROJECT_ROOT}", ".");
        let name = name.trim().to_owned();
        add_once(&mut local, LocalPackage { name, place: LocalPlace::Path(place), editable });
    }
    let groups = at(table, &["tool", "poetry", "group"]).and_then(Value::as_table).into_iter().flatten();
    let grouped = groups.map(|(_, group)| group.get("dependencies"));
    let named = [
        &["tool", "poetry", "dependencies"][..],
        &["tool", "poetry", "dev-dependencies"],
        &["tool", "uv", "sources"],
    ];
    for table in named.iter().map(|keys| at(table, keys)).chain(grouped).flatten().filter_map(Value::as_table)
    {
        for (name, value) in table {
            // A dependency may be a list, with one entry a platform.
            for entry in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
                if let Some(package) = local_package(name, entry) {
                    add_once(&mut local, package);
                }
            }
        }
    }
    local
}

/// `{ path = "../b", develop = true }`, `{ workspace = true }`.
fn local_package(name: &str, entry: &Value) -> Option<LocalPackage> {
    let is_set = |key: &str| entry.get(key).and_then(Value::as_bool) == Some(true);
    let place = match entry.get("path").or_else(|| entry.get("file")) {
        Some(path) => LocalPlace::Path(path.as_str().unwrap_or_default().to_owned()),
        None => is_set("workspace").then_some(LocalPlace::Member)?,
    };
    let is_editable = is_set("develop") || is_set("editable");
    Some(LocalPackage { name: name.to_owned(), place, editable: is_editable })
}

fn add_once(list: &mut Vec<LocalPackage>, package: LocalPackage) {
    if !list.contains(&package) {
        list.push(package);
    }
}
