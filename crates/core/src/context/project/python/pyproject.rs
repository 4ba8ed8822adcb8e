//! `pyproject.toml` and `Pipfile`: who builds and installs the project, and what that reads.

use toml::{Table, Value};

use super::super::{Answer, Folder, Obstacle, add_new};
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
    /// Dependencies that come from directories or files, as written.
    pub local_dependencies: Vec<String>,
    /// The fields of the project that are computed when it is built.
    pub dynamic: Vec<String>,
}

type ReadPaths = Result<Vec<String>, Obstacle>;

/// Reads the manifest: what it says, what an installation reads, and what one of the dependencies alone reads.
pub(super) fn read(folder: Folder<'_>, locks: &[PythonLock]) -> (Option<Pyproject>, ReadPaths, ReadPaths) {
    let path = folder.path("pyproject.toml");
    let table = match folder.text("pyproject.toml") {
        Answer::Present(text) => {
            text.parse::<Table>().map_err(|_| Obstacle::new("H050", format!("`{path}` is not valid TOML")))
        }
        _ => Err(Obstacle::new("H050", format!("`{path}` could not be read"))),
    };
    match table {
        Ok(table) => {
            let pyproject = describe(&table, locks);
            let dependencies = dependency_reads(folder, &pyproject, locks);
            let install = install_reads(&pyproject, &dependencies);
            (Some(pyproject), install, dependencies)
        }
        Err(obstacle) => (None, Err(obstacle.clone()), Err(obstacle)),
    }
}

fn at<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(*key))
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn describe(table: &Table, locks: &[PythonLock]) -> Pyproject {
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

/// Dependencies with a place on disk, in each tool's own way to write them.
fn local_dependencies(table: &Table) -> Vec<String> {
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
    for list in lists {
        let is_local = |text: &String| text.contains("file:") || text.trim_start().starts_with("-e ");
        add_new(&mut local, texts(list).into_iter().filter(is_local));
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
            let entries = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            if entries.iter().any(|entry| entry.get("path").is_some() || entry.get("workspace").is_some()) {
                add_new(&mut local, [name.clone()]);
            }
        }
    }
    if at(table, &["tool", "uv", "workspace"]).is_some() {
        add_new(&mut local, ["the members of the workspace".to_owned()]);
    }
    local
}

fn dependency_reads(folder: Folder<'_>, pyproject: &Pyproject, locks: &[PythonLock]) -> ReadPaths {
    if let Some(local) = pyproject.local_dependencies.first() {
        return Err(Obstacle::new("H047", format!("the dependencies include a directory (`{local}`)")));
    }
    let config: &[&str] = match pyproject.tool {
        PythonTool::Poetry => &["poetry.toml"],
        PythonTool::Uv => &["uv.toml", ".python-version"],
        PythonTool::Pdm => &["pdm.toml"],
        // No option of pip leaves the project out.
        _ => return Err(installs_itself(pyproject)),
    };
    if ["dependencies", "optional-dependencies"]
        .iter()
        .any(|field| pyproject.dynamic.iter().any(|one| one == field))
    {
        return Err(Obstacle::new("H051", "the dependencies are computed by building the project"));
    }
    let mut reads = vec![folder.path("pyproject.toml")];
    let own = locks.iter().filter(|lock| lock.tool == Some(pyproject.tool));
    add_new(&mut reads, own.map(|lock| lock.path.clone()));
    add_new(&mut reads, folder.those_of(config));
    Ok(reads)
}

fn install_reads(pyproject: &Pyproject, dependencies: &ReadPaths) -> ReadPaths {
    if !pyproject.installs_itself {
        return dependencies.clone();
    }
    Err(installs_itself(pyproject))
}

fn installs_itself(pyproject: &Pyproject) -> Obstacle {
    if pyproject.version_from_git {
        return Obstacle::new("H052", "the install takes the version from git");
    }
    Obstacle::new("H051", "the install includes the project itself")
}

/// What `pipenv install` reads.
pub(super) fn read_pipfile(folder: Folder<'_>) -> ReadPaths {
    let path = folder.path("Pipfile");
    let Answer::Present(text) = folder.text("Pipfile") else {
        return Err(Obstacle::new("H050", format!("`{path}` could not be read")));
    };
    let Ok(table) = text.parse::<Table>() else {
        return Err(Obstacle::new("H050", format!("`{path}` is not valid TOML")));
    };
    // Every table but these is a group of packages.
    let groups = table
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "source" | "requires" | "scripts" | "pipenv"));
    for (name, value) in groups.filter_map(|(_, group)| group.as_table()).flatten() {
        let is_local =
            |key: &str| value.get(key).and_then(Value::as_str).is_some_and(|place| !place.contains("://"));
        if is_local("path") || is_local("file") {
            return Err(Obstacle::new("H047", format!("`{name}` comes from a directory")));
        }
    }
    let mut reads = vec![path];
    add_new(&mut reads, folder.those_of(&["Pipfile.lock"]));
    Ok(reads)
}
