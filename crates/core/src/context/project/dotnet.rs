//! .NET projects: the graph of project files, and what `dotnet restore` reads besides.
//!
//! Sources: the documentation of `MSBuild` ("Customize your build by folder", imports, item metadata), of `NuGet`
//! ("Central Package Management", "nuget.config", "Locking dependencies") and of `global.json`; H055.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::tree::{Tree, upwards};
use super::xml::{attribute, is, parse, text};
use super::{Folder, Obstacle, Project, Stack, add_new};
use crate::context::{EntryKind, join, normalise, split};

#[cfg(test)]
mod tests;

/// More project files than this are not read.
const MAX_FILES: usize = 600;

/// The files that `MSBuild` imports by itself from a project's folder or the nearest one above it.
const DIRECTORY_FILES: &[&str] = &[
    "Directory.Build.props",
    "Directory.Build.targets",
    "Directory.Build.rsp",
    "Directory.Packages.props",
    "Directory.Solution.props",
    "Directory.Solution.targets",
];

/// What a .NET project is, as its own file tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DotNetProject {
    /// The project or solution file that was asked for.
    pub path: String,
    /// The `Sdk` of a project: `Microsoft.NET.Sdk.Web`.
    pub sdk: Option<String>,
    /// `OutputType`, as written.
    pub output_type: Option<String>,
    /// The name without ending of what is made; `None` when it is put together from properties.
    pub assembly: Option<String>,
    /// `TargetFramework`, or `TargetFrameworks`, as written.
    pub framework: Option<String>,
    /// The names of its packages.
    pub packages: Vec<String>,
    /// Frameworks that it refers to: `Microsoft.AspNetCore.App`.
    pub frameworks: Vec<String>,
    /// Every project file that is restored, itself included.
    pub projects: Vec<String>,
    /// Properties of its own, by name in lower case.
    properties: Vec<(String, String)>,
    reads: Result<Vec<String>, Obstacle>,
}

/// The .NET project in one folder, told by the names of its files.
pub(super) fn detect(folder: Folder<'_>) -> Option<Project> {
    let files = folder.entries.iter().filter(|entry| entry.kind != EntryKind::Directory);
    let manifests: Vec<String> = files
        .filter(|entry| is_project(&entry.name) || is_solution(&entry.name))
        .map(|entry| folder.path(&entry.name))
        .collect();
    (!manifests.is_empty()).then(|| Project {
        root: folder.root.to_owned(),
        stack: Stack::DotNet,
        manifests,
        lockfiles: folder.those_of(&["packages.lock.json"]),
    })
}

fn ends_with(name: &str, endings: &[&str]) -> bool {
    let lower = name.to_ascii_lowercase();
    endings.iter().any(|ending| lower.len() > ending.len() && lower.ends_with(ending))
}

fn is_project(name: &str) -> bool {
    ends_with(name, &[".csproj", ".fsproj", ".vbproj"])
}

fn is_solution(name: &str) -> bool {
    ends_with(name, &[".sln", ".slnx"])
}

impl DotNetProject {
    /// The one project or solution of a directory, as `dotnet` finds it without being told; `None` when there is none,
    /// or more than one.
    pub fn in_directory(tree: Tree<'_>, directory: &str) -> Option<String> {
        let entries = tree.list(directory);
        let files = || entries.iter().filter(|entry| entry.kind != EntryKind::Directory);
        let only = |fits: fn(&str) -> bool| {
            let mut found = files().filter(|entry| fits(&entry.name));
            found.next().filter(|_| found.next().is_none()).map(|entry| join(directory, &entry.name))
        };
        let both =
            files().any(|entry| is_project(&entry.name)) && files().any(|entry| is_solution(&entry.name));
        // MSBuild takes the solution where a project of the same name lies beside it; other pairs are an error.
        if both {
            only(is_solution).filter(|_| only(is_project).is_some())
        } else {
            only(|name| is_project(name) || is_solution(name))
        }
    }

    /// Reads a project or solution file and everything that it refers to. `above` is the nearest directory above
    /// which nothing is in the image: no file is looked for beyond it.
    pub fn read(tree: Tree<'_>, path: &str) -> Result<Self, Obstacle> {
        let mut graph = Graph {
            tree,
            reads: Vec::new(),
            projects: Vec::new(),
            seen: BTreeSet::new(),
            tests: BTreeSet::new(),
        };
        let mut own = Self {
            path: path.to_owned(),
            sdk: None,
            output_type: None,
            assembly: None,
            framework: None,
            packages: Vec::new(),
            frameworks: Vec::new(),
            projects: Vec::new(),
            properties: Vec::new(),
            reads: Ok(Vec::new()),
        };
        let text = tree.known_text(path).ok_or_else(|| unreadable(path))?;
        if !is_solution(path) {
            own.describe(&text);
        }
        let closure = graph.close(path);
        own.projects = graph.projects;
        own.reads = closure.map(|()| graph.reads);
        Ok(own)
    }

    /// What `dotnet restore` reads, the project first, when that is certain; otherwise what stands in the way.
    pub fn restore_reads(&self) -> Result<Vec<String>, Obstacle> {
        self.reads.clone()
    }

    /// A property of its own file, as it is written, whatever the case of its name.
    pub fn property(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.properties.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    fn describe(&mut self, source: &str) {
        let Some(document) = parse(source) else { return };
        let root = document.root_element();
        self.sdk = attribute(root, "Sdk").map(str::to_owned);
        for node in root.descendants().filter(Node::is_element) {
            let name = node.tag_name().name();
            let include = || attribute(node, "Include").map(str::to_owned);
            match name {
                "PackageReference" => self.packages.extend(include()),
                "FrameworkReference" => self.frameworks.extend(include()),
                "Sdk" => self.sdk = self.sdk.take().or_else(|| attribute(node, "Name").map(str::to_owned)),
                _ if node.parent().is_some_and(|parent| is(parent, "PropertyGroup")) => {
                    self.properties.push((name.to_ascii_lowercase(), text(node)));
                }
                _ => {}
            }
        }
        self.output_type = self.property("OutputType").map(str::to_owned);
        self.framework =
            self.property("TargetFramework").or_else(|| self.property("TargetFrameworks")).map(str::to_owned);
        let stem = split(&self.path).1.rsplit_once('.').map_or("", |(stem, _)| stem).to_owned();
        let written = self.property("AssemblyName").map(|name| name.replace("$(MSBuildProjectName)", &stem));
        self.assembly = Some(written.unwrap_or(stem)).filter(|name| !name.contains("$("));
    }
}

fn unreadable(path: &str) -> Obstacle {
    Obstacle::new("H055", format!("`{path}` could not be read"))
}

struct Graph<'a> {
    tree: Tree<'a>,
    reads: Vec<String>,
    projects: Vec<String>,
    seen: BTreeSet<String>,
    /// Paths whose presence a condition asks for.
    tests: BTreeSet<String>,
}

impl Graph<'_> {
    fn close(&mut self, root: &str) -> Result<(), Obstacle> {
        if is_solution(root) {
            add_new(&mut self.reads, [root.to_owned()]);
            let text = self.tree.known_text(root).ok_or_else(|| unreadable(root))?;
            for project in solution_projects(root, &text)? {
                let Some(path) = resolve(split(root).0, &project) else {
                    let reason = format!("`{root}` names `{project}`, which is not in the context");
                    return Err(Obstacle::new("H055", reason));
                };
                // What is missing is missing after the change too, and restore makes the same of it.
                if self.tree.has_file(&path) {
                    self.project(&path)?;
                }
            }
            self.around(split(root).0)?;
        } else {
            self.project(root)?;
        }
        let unread = self.tests.iter().find(|path| {
            (self.tree.has_file(path) || self.tree.has_directory(path)) && !self.reads.contains(path)
        });
        match unread {
            Some(path) => Err(Obstacle::new("H055", format!("a condition asks whether `{path}` is there"))),
            None => Ok(()),
        }
    }

    /// A project, what it refers to, and what `MSBuild` and `NuGet` look for beside and above it.
    fn project(&mut self, root: &str) -> Result<(), Obstacle> {
        let mut open = vec![root.to_owned()];
        while let Some(path) = open.pop() {
            if !self.seen.insert(path.clone()) {
                continue;
            }
            let directory = split(&path).0.to_owned();
            let text = self.tree.known_text(&path).ok_or_else(|| unreadable(&path))?;
            add_new(&mut self.reads, [path.clone()]);
            add_new(&mut self.projects, [path.clone()]);
            if self.tree.has_file(&join(&directory, "packages.config")) {
                let reason =
                    format!("`{path}` has a `packages.config`, which `dotnet restore` does not read");
                return Err(Obstacle::new("H055", reason));
            }
            let mut references = Vec::new();
            self.file(&path, &text, &directory, &mut references)?;
            let stem = split(&path).1.rsplit_once('.').map_or("", |(stem, _)| stem);
            let beside = [
                "packages.lock.json".to_owned(),
                format!("packages.{stem}.lock.json"),
                format!("{}.user", split(&path).1),
            ];
            let beside = beside.map(|name| join(&directory, &name));
            add_new(&mut self.reads, beside.into_iter().filter(|path| self.tree.has_file(path)));
            self.around(&directory)?;
            open.extend(references.into_iter().rev());
        }
        Ok(())
    }

    /// What lies in a directory or above it and is taken from there.
    fn around(&mut self, directory: &str) -> Result<(), Obstacle> {
        for above in upwards(directory) {
            if !self.seen.insert(format!("{above}/")) {
                break; // Those above were looked at with it.
            }
            for name in DIRECTORY_FILES {
                let path = join(above, name);
                if !self.tree.has_file(&path) {
                    continue;
                }
                add_new(&mut self.reads, [path.clone()]);
                if *name != "Directory.Build.rsp" {
                    let text = self.tree.known_text(&path).ok_or_else(|| unreadable(&path))?;
                    let mut references = Vec::new();
                    self.file(&path, &text, above, &mut references)?;
                    for reference in references {
                        self.project(&reference)?;
                    }
                }
            }
            for name in ["nuget.config", "global.json"] {
                if let Some(path) = self.tree.any_case(above, name) {
                    if name == "nuget.config" {
                        self.sources(&path, above)?;
                    }
                    add_new(&mut self.reads, [path]);
                }
            }
        }
        Ok(())
    }

    /// The directories that a `nuget.config` takes packages from.
    fn sources(&mut self, path: &str, directory: &str) -> Result<(), Obstacle> {
        let text = self.tree.known_text(path).ok_or_else(|| unreadable(path))?;
        let document = parse(&text).ok_or_else(|| Obstacle::new("H055", format!("`{path}` is not valid")))?;
        let sources = document.descendants().filter(|node| {
            is(*node, "add")
                && node
                    .parent()
                    .is_some_and(|list| is(list, "packageSources") || is(list, "fallbackPackageFolders"))
        });
        for source in sources {
            let value = attribute(source, "value").unwrap_or_default();
            if value.contains("://") || value.starts_with('/') || value.is_empty() {
                continue;
            }
            let place = resolve(directory, value).filter(|_| !value.contains('%'));
            if let Some(place) = place.filter(|place| self.tree.has_directory(place) && !place.is_empty()) {
                add_new(&mut self.reads, [place]);
            } else {
                let reason = format!("`{path}` takes packages from `{value}`");
                return Err(Obstacle::new("H055", reason));
            }
        }
        Ok(())
    }

    /// One file of `MSBuild`'s: its imports are followed, and its references to projects are collected.
    fn file(
        &mut self,
        path: &str,
        source: &str,
        project: &str,
        references: &mut Vec<String>,
    ) -> Result<(), Obstacle> {
        if self.reads.len() > MAX_FILES {
            return Err(Obstacle::new("H055", "the build has too many projects to be looked at"));
        }
        let document =
            parse(source).ok_or_else(|| Obstacle::new("H055", format!("`{path}` is not valid")))?;
        let root = document.root_element();
        let here = split(path).0;
        for node in root.descendants().filter(Node::is_element) {
            for attribute in node.attributes() {
                self.expression(path, here, project, attribute.value(), node)?;
            }
            match node.tag_name().name().to_ascii_lowercase().as_str() {
                "import" if attribute(node, "Sdk").is_none() => {
                    self.import(
                        path,
                        here,
                        project,
                        attribute(node, "Project").unwrap_or_default(),
                        references,
                    )?;
                }
                "projectreference" => {
                    let include = attribute(node, "Include").unwrap_or_default();
                    for written in include.split(';').map(str::trim).filter(|written| !written.is_empty()) {
                        references.push(self.reference(path, here, project, written)?);
                    }
                }
                "restoresources"
                | "restoreadditionalprojectsources"
                | "restorepackagespath"
                | "nugetlockfilepath"
                | "restoreconfigfile"
                | "directorypackagespropspath" => {
                    let value = text(node);
                    let is_local = value.split(';').map(str::trim).any(|part| {
                        !part.is_empty()
                            && !part.contains("://")
                            && !part.eq_ignore_ascii_case("$(RestoreSources)")
                            && !part.eq_ignore_ascii_case("$(RestoreAdditionalProjectSources)")
                    });
                    if is_local {
                        let name = node.tag_name().name();
                        return Err(Obstacle::new("H055", format!("`{path}` sets `{name}` to `{value}`")));
                    }
                }
                _ if node.children().all(|child| !child.is_element()) => {
                    self.expression(path, here, project, &text(node), node)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Functions in a property or a condition that read files.
    fn expression(
        &mut self,
        path: &str,
        here: &str,
        project: &str,
        value: &str,
        node: Node<'_, '_>,
    ) -> Result<(), Obstacle> {
        if value.contains("ReadAllText") || value.contains("ReadAllLines") || value.contains("GetFiles(") {
            return Err(Obstacle::new("H055", format!("`{path}` reads another file in an expression")));
        }
        let lower = value.to_ascii_lowercase();
        let mut from = 0;
        while let Some(at) = lower.get(from..).and_then(|rest| rest.find("exists(")) {
            from += at + "exists(".len();
            let inside = value.get(from..).unwrap_or_default();
            let argument = inside.split(['\'', '"']).nth(1).unwrap_or_default();
            // In a target it is asked when the target runs, which is not while restoring.
            let in_target = node.ancestors().any(|above| is(above, "Target"));
            if in_target {
                continue;
            }
            match known_path(argument, project, [here, project]) {
                KnownPath::Place(place) => {
                    self.tests.insert(place);
                }
                KnownPath::Elsewhere => {}
                KnownPath::Unknown => {
                    return Err(Obstacle::new(
                        "H055",
                        format!("`{path}` asks whether `{argument}` is there"),
                    ));
                }
            }
        }
        Ok(())
    }

    fn import(
        &mut self,
        path: &str,
        here: &str,
        project: &str,
        written: &str,
        references: &mut Vec<String>,
    ) -> Result<(), Obstacle> {
        let unclear = || Obstacle::new("H055", format!("`{path}` imports `{written}`"));
        match known_path(written, here, [here, project]) {
            KnownPath::Elsewhere => Ok(()),
            KnownPath::Unknown => Err(unclear()),
            KnownPath::Place(place) if place.contains('*') => Err(unclear()),
            KnownPath::Place(place) => {
                if !self.tree.has_file(&place) || !self.seen.insert(format!("{place} in {project}")) {
                    return Ok(());
                }
                let text = self.tree.known_text(&place).ok_or_else(|| unreadable(&place))?;
                add_new(&mut self.reads, [place.clone()]);
                self.file(&place, &text, project, references)
            }
        }
    }

    /// The project file that a reference names, spelled as it is in the context.
    fn reference(&self, path: &str, here: &str, project: &str, written: &str) -> Result<String, Obstacle> {
        let place = match known_path(written, project, [here, project]) {
            KnownPath::Place(place) if !place.contains('*') => place,
            _ => return Err(Obstacle::new("H055", format!("`{path}` refers to `{written}`"))),
        };
        // In an imported file a reference starts from the project; a few authors mean the file.
        let beside = resolve(here, written).filter(|_| here != project);
        [Some(place), beside].into_iter().flatten().find(|place| self.tree.has_file(place)).ok_or_else(|| {
            Obstacle::new(
                "H055",
                format!("`{path}` refers to `{written}`, which is not found under that name"),
            )
        })
    }
}

enum KnownPath {
    /// A path of the context.
    Place(String),
    /// A file of the SDK, or one that restoring makes.
    Elsewhere,
    /// It cannot be told.
    Unknown,
}

/// A path with `MSBuild`'s properties; a relative one starts from `start`. What the properties name are the directories
/// of the file and of the project.
fn known_path(written: &str, start: &str, [here, project]: [&str; 2]) -> KnownPath {
    const SDK: &[&str] = &[
        "$(MSBuildExtensionsPath",
        "$(MSBuildToolsPath",
        "$(MSBuildBinPath",
        "$(MSBuildSDKsPath",
        "$(MSBuildProjectExtensionsPath",
        "$(VSToolsPath",
        "$(NuGetPackageRoot",
        "$(BaseIntermediateOutputPath",
        "$(IntermediateOutputPath",
        "$(OutputPath",
        "$(OutDir",
        "$(UserProfile",
        "$(HOME",
        "$(AppData",
        "$(LocalAppData",
        "$(CustomBefore",
        "$(CustomAfter",
        "obj/",
        "obj\\",
        "bin/",
        "bin\\",
    ];
    let written = written.trim();
    // What lies above is looked for everywhere above: those files are copied from every level.
    let is_above = written.contains("PathOfFileAbove") || written.contains("DirectoryNameOfFileAbove");
    if is_above && DIRECTORY_FILES.iter().any(|name| written.contains(name)) {
        return KnownPath::Elsewhere;
    }
    if written.is_empty()
        || SDK
            .iter()
            .any(|start| written.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)))
    {
        return KnownPath::Elsewhere;
    }
    let named = [("$(MSBuildThisFileDirectory)", here), ("$(MSBuildProjectDirectory)", project)];
    let after = named.iter().find_map(|(name, place)| {
        let head = written.get(..name.len()).filter(|head| head.eq_ignore_ascii_case(name))?;
        Some((*place, written.get(head.len()..)?))
    });
    let (start, rest) = after.unwrap_or((start, written));
    if rest.contains("$(") || rest.contains("@(") || rest.contains("%(") {
        return KnownPath::Unknown;
    }
    resolve(start, rest).map_or(KnownPath::Unknown, KnownPath::Place)
}

/// A path as `MSBuild` reads it: either slash separates.
fn resolve(directory: &str, written: &str) -> Option<String> {
    normalise(&format!("{directory}/{}", written.replace('\\', "/")))
}

/// The projects that a solution names, as they are written.
fn solution_projects(path: &str, source: &str) -> Result<Vec<String>, Obstacle> {
    if ends_with(path, &[".slnx"]) {
        let document =
            parse(source).ok_or_else(|| Obstacle::new("H055", format!("`{path}` is not valid")))?;
        let projects = document.descendants().filter(|node| is(*node, "Project"));
        return Ok(projects.filter_map(|node| attribute(node, "Path")).map(str::to_owned).collect());
    }
    // Project("{GUID}") = "Name", "folder\name.csproj", "{GUID}"
    let named = source.lines().filter_map(|line| {
        let line = line.trim();
        let rest = line.strip_prefix("Project(")?;
        let path = rest.split('"').nth(5)?;
        Some(path.to_owned()).filter(|path| ends_with(path, &["proj"]))
    });
    Ok(named.collect())
}
