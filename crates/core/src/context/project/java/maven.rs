//! What Maven reads before it compiles: the POMs of a project, its parents and modules.
//!
//! Sources: <https://maven.apache.org/pom.html> (inheritance, aggregation, the super POM),
//! <https://maven.apache.org/configure.html> (`.mvn`), <https://maven.apache.org/plugins/maven-dependency-plugin/go-offline-mojo.html>,
//! and for what `go-offline` cannot do the issues #1186, #959 and #1203 of that plugin (H056).

use std::collections::{BTreeMap, HashMap};

use roxmltree::Node;

use super::super::tree::{Tree, upwards};
use super::super::xml::{child, is, parse, text, text_of};
use super::super::{Answer, Obstacle, add_new};
use crate::context::{join, normalise, split};

/// More POMs than this are not read.
const MAX_POMS: usize = 400;

/// A Maven project, as its POMs in the context tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MavenProject {
    /// The POM that was asked for.
    pub pom: String,
    /// `jar`, `war`, `pom` and so on.
    pub packaging: String,
    /// The name without ending of what `package` makes in `target`, when it can be told.
    pub final_name: Option<String>,
    /// Whether the plugin of Spring Boot packs it, so that `java -jar` starts it.
    pub spring_boot: bool,
    /// The artifacts of the plugins that it and its parents in the context configure.
    pub plugins: Vec<String>,
    /// The POMs of its modules, at every level.
    pub modules: Vec<String>,
    reads: Result<Vec<String>, Obstacle>,
}

impl MavenProject {
    /// Reads the POM at `pom`, its parents and modules.
    pub fn read(tree: Tree<'_>, pom: &str) -> Result<Self, Obstacle> {
        let mut reactor = Reactor { tree, poms: BTreeMap::new(), order: Vec::new() };
        let closure = reactor.close(pom);
        let Some(known) = reactor.poms.get(pom) else {
            return Err(closure.err().unwrap_or_else(|| unreadable(pom)));
        };
        let lineage = reactor.lineage(pom);
        let plugins: Vec<String> = lineage.iter().flat_map(|pom| pom.plugins.iter().cloned()).collect();
        Ok(Self {
            pom: pom.to_owned(),
            packaging: known.pom.packaging.clone().unwrap_or_else(|| "jar".to_owned()),
            final_name: final_name(&lineage),
            spring_boot: plugins.iter().any(|name| name == "spring-boot-maven-plugin"),
            plugins,
            modules: reactor.order.iter().filter(|path| reactor.is_module(path, pom)).cloned().collect(),
            reads: closure.and_then(|()| reactor.reads(pom)),
        })
    }

    /// What `mvn dependency:go-offline` reads, the POM first, when it is certain that it succeeds wherever the build
    /// does; otherwise what stands in the way.
    pub fn prefetch_reads(&self) -> Result<Vec<String>, Obstacle> {
        self.reads.clone()
    }
}

fn unreadable(pom: &str) -> Obstacle {
    Obstacle::new("H056", format!("`{pom}` could not be read"))
}

/// A POM and whether it is built, or only inherited from.
struct Known {
    pom: Pom,
    built: bool,
}

struct Reactor<'a> {
    tree: Tree<'a>,
    poms: BTreeMap<String, Known>,
    order: Vec<String>,
}

impl Reactor<'_> {
    fn is_module(&self, path: &str, root: &str) -> bool {
        path != root && self.poms.get(path).is_some_and(|known| known.built)
    }

    /// Reads every POM that is reached from one.
    fn close(&mut self, root: &str) -> Result<(), Obstacle> {
        let mut open = vec![(root.to_owned(), true)];
        while let Some((path, built)) = open.pop() {
            if let Some(known) = self.poms.get_mut(&path) {
                if !built || known.built {
                    continue;
                }
                known.built = true;
            } else {
                if self.poms.len() >= MAX_POMS {
                    return Err(Obstacle::new("H056", "the build has too many modules to be looked at"));
                }
                let text = self.tree.known_text(&path).ok_or_else(|| unreadable(&path))?;
                let pom = Pom::parse(&path, &text)
                    .ok_or_else(|| Obstacle::new("H056", format!("`{path}` is not a valid POM")))?;
                self.order.push(path.clone());
                if let Some(parent) = self.parent_path(&pom) {
                    open.push((parent, false));
                }
                self.poms.insert(path.clone(), Known { pom, built });
            }
            if built {
                for module in self.modules(&path)?.into_iter().rev() {
                    open.push((module, true));
                }
            }
        }
        Ok(())
    }

    /// The POMs of the modules of one.
    fn modules(&self, path: &str) -> Result<Vec<String>, Obstacle> {
        let Some(known) = self.poms.get(path) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for (name, in_profile) in &known.pom.modules {
            let place = normalise(&format!("{}/{name}", split(path).0));
            let place = place.filter(|_| !name.contains("${"));
            let pom = place.and_then(|place| {
                let inside = join(&place, "pom.xml");
                [inside, place].into_iter().find(|path| self.tree.has_file(path))
            });
            match pom {
                Some(pom) => found.push(pom),
                // A profile that is not active may name what is not there.
                None if *in_profile => {}
                None => {
                    let reason = format!("the module `{name}` of `{path}` is not found in the context");
                    return Err(Obstacle::new("H056", reason));
                }
            }
        }
        Ok(found)
    }

    /// Where the parent is in the context, when Maven takes it from there: another artifact at that place is ignored.
    fn parent_path(&self, pom: &Pom) -> Option<String> {
        let parent = pom.parent.as_ref()?;
        let relative = parent.relative.as_deref().unwrap_or("../pom.xml");
        if relative.is_empty() {
            return None;
        }
        let place = normalise(&format!("{}/{relative}", split(&pom.path).0))?;
        let inside = join(&place, "pom.xml");
        let path = [inside, place].into_iter().find(|path| self.tree.has_file(path))?;
        let found = Pom::parse(&path, &self.tree.known_text(&path)?)?;
        (found.artifact == parent.artifact).then_some(path)
    }

    /// A POM and its parents in the context, nearest first.
    fn lineage(&self, pom: &str) -> Vec<&Pom> {
        let mut list: Vec<&Pom> = Vec::new();
        let mut next = self.poms.get(pom).map(|known| &known.pom);
        while let Some(pom) = next {
            if list.iter().any(|known| known.path == pom.path) {
                break;
            }
            list.push(pom);
            next = self.parent_path(pom).and_then(|path| self.poms.get(&path)).map(|known| &known.pom);
        }
        list
    }

    fn reads(&self, root: &str) -> Result<Vec<String>, Obstacle> {
        let mut reads = self.order.clone();
        for path in &self.order {
            let Some(known) = self.poms.get(path) else { continue };
            if let Some(obstacle) = &known.pom.obstacle {
                return Err(obstacle.clone());
            }
            for directory in &known.pom.repositories {
                let place = normalise(&format!("{}/{directory}", split(path).0));
                let Some(place) = place.filter(|place| self.tree.has_directory(place)) else {
                    let reason = format!("`{path}` takes packages from the directory `{directory}`");
                    return Err(Obstacle::new("H047", reason));
                };
                add_new(&mut reads, [place]);
            }
        }
        self.check_siblings()?;
        // `.mvn` is looked for from the project upwards.
        for directory in upwards(split(root).0) {
            let place = join(directory, ".mvn");
            if self.tree.has_directory(&place) {
                self.check_configuration(&place)?;
                add_new(&mut reads, [place]);
            }
        }
        Ok(reads)
    }

    /// A module that is not built yet cannot be resolved, and `go-offline` would fail (H056).
    fn check_siblings(&self) -> Result<(), Obstacle> {
        let built = || self.poms.values().filter(|known| known.built).map(|known| &known.pom);
        let artifacts: HashMap<&str, &Pom> = built().map(|pom| (pom.artifact.as_str(), pom)).collect();
        for pom in self.poms.values().map(|known| &known.pom) {
            for (group, artifact) in &pom.uses {
                let Some(sibling) = artifacts.get(artifact.as_str()) else { continue };
                let same = match (group.as_deref(), sibling.group.as_deref()) {
                    (Some(group), Some(own)) => group == own || group.contains("${") || own.contains("${"),
                    _ => true,
                };
                if same && sibling.path != pom.path {
                    let reason = format!(
                        "`{}` needs the module `{artifact}` of the same build, which Maven cannot fetch before it is built",
                        pom.path
                    );
                    return Err(Obstacle::new("H056", reason));
                }
            }
        }
        Ok(())
    }

    /// What `.mvn` says may change which files are read.
    fn check_configuration(&self, place: &str) -> Result<(), Obstacle> {
        let config = join(place, "maven.config");
        match self.tree.text(&config) {
            Answer::Absent => {}
            Answer::Unknown => return Err(unreadable(&config)),
            Answer::Present(text) => {
                let names_files = |word: &str| {
                    ["-s", "--settings", "-gs", "--global-settings", "-f", "--file", "-t", "-pl", "-o"]
                        .iter()
                        .any(|flag| {
                            word == *flag || word.strip_prefix(flag).is_some_and(|rest| rest.starts_with('='))
                        })
                };
                if text.split_whitespace().any(names_files) {
                    return Err(Obstacle::new("H056", format!("`{config}` names other files or modules")));
                }
            }
        }
        let extensions = join(place, "extensions.xml");
        match self.tree.text(&extensions) {
            Answer::Absent => Ok(()),
            Answer::Unknown => Err(unreadable(&extensions)),
            Answer::Present(text) if text.to_ascii_lowercase().contains("git") => {
                Err(Obstacle::new("H052", format!("`{extensions}` takes the version from git")))
            }
            Answer::Present(_) => Ok(()),
        }
    }
}

struct Parent {
    artifact: String,
    group: Option<String>,
    version: Option<String>,
    /// As written; empty when the element is there and empty.
    relative: Option<String>,
}

/// What one POM says.
struct Pom {
    path: String,
    group: Option<String>,
    artifact: String,
    version: Option<String>,
    packaging: Option<String>,
    final_name: Option<String>,
    parent: Option<Parent>,
    /// The modules, and whether a profile names them.
    modules: Vec<(String, bool)>,
    properties: BTreeMap<String, String>,
    /// (group, artifact) of everything that would have to be fetched.
    uses: Vec<(Option<String>, String)>,
    plugins: Vec<String>,
    /// Directories of the project that serve as repositories.
    repositories: Vec<String>,
    obstacle: Option<Obstacle>,
}

impl Pom {
    fn parse(path: &str, source: &str) -> Option<Self> {
        let document = parse(source)?;
        let root = document.root_element();
        if !is(root, "project") {
            return None;
        }
        let parent = child(root, "parent").and_then(|parent| {
            Some(Parent {
                artifact: text_of(parent, "artifactId")?,
                group: text_of(parent, "groupId"),
                version: text_of(parent, "version"),
                relative: text_of(parent, "relativePath"),
            })
        });
        let inherited =
            |pick: fn(&Parent) -> &Option<String>| parent.as_ref().and_then(|parent| pick(parent).clone());
        let properties = child(root, "properties").into_iter().flat_map(|list| list.children());
        let mut pom = Self {
            path: path.to_owned(),
            group: text_of(root, "groupId").or_else(|| inherited(|parent| &parent.group)),
            artifact: text_of(root, "artifactId")?,
            version: text_of(root, "version").or_else(|| inherited(|parent| &parent.version)),
            packaging: text_of(root, "packaging"),
            final_name: child(root, "build").and_then(|build| text_of(build, "finalName")),
            modules: Vec::new(),
            properties: properties
                .filter(Node::is_element)
                .map(|property| (property.tag_name().name().to_owned(), text(property)))
                .collect(),
            uses: Vec::new(),
            plugins: Vec::new(),
            repositories: Vec::new(),
            obstacle: None,
            parent,
        };
        for node in root.descendants().filter(Node::is_element) {
            pom.look_at(node);
        }
        Some(pom)
    }

    fn look_at(&mut self, node: Node<'_, '_>) {
        let below = |name: &str| node.ancestors().any(|above| is(above, name));
        match node.tag_name().name() {
            "module" | "subproject"
                if node.parent().is_some_and(|list| is(list, "modules") || is(list, "subprojects")) =>
            {
                self.modules.push((text(node), below("profile")));
            }
            "systemPath" => self.stop("has a dependency with a path of its own"),
            "activation" if child(node, "file").is_some() => {
                self.stop("has a profile that depends on whether a file is there");
            }
            name @ ("dependency" | "plugin" | "extension") => {
                let Some(artifact) = text_of(node, "artifactId") else { return };
                let managed = below("dependencyManagement");
                let is_import = text_of(node, "scope").as_deref() == Some("import");
                if name == "plugin" && !below("pluginManagement") {
                    match artifact.as_str() {
                        // It has no artifact: it speaks to Eclipse, and belongs into pluginManagement.
                        "lifecycle-mapping" => self.stop("lists a plugin that cannot be fetched"),
                        "tycho-maven-plugin" => {
                            self.stop("is built with Tycho, which reads more than the POM");
                        }
                        _ => {}
                    }
                    self.plugins.push(artifact.clone());
                }
                if !managed || is_import {
                    self.uses.push((text_of(node, "groupId"), artifact));
                }
            }
            "repository" | "pluginRepository" if !below("distributionManagement") => {
                let url = text_of(node, "url").unwrap_or_default();
                let local = ["${project.basedir}", "${basedir}", "${project.baseUri}"];
                let Some((_, inside)) = local.iter().find_map(|name| url.split_once(name)) else {
                    if url.starts_with("file:") {
                        self.stop("takes packages from a directory");
                    }
                    return;
                };
                self.repositories.push(inside.trim_start_matches('/').to_owned());
            }
            _ => {}
        }
    }

    fn stop(&mut self, what: &str) {
        let path = &self.path;
        self.obstacle.get_or_insert_with(|| Obstacle::new("H056", format!("`{path}` {what}")));
    }
}

/// What `package` names its result, when every part of the name is in the context.
fn final_name(lineage: &[&Pom]) -> Option<String> {
    let own = lineage.first()?;
    let written = lineage.iter().find_map(|pom| pom.final_name.clone());
    let mut name = written.unwrap_or_else(|| "${project.artifactId}-${project.version}".to_owned());
    // Properties may name properties; a circle ends it.
    for _ in 0..16 {
        let Some(start) = name.find("${") else { return Some(name) };
        let end = start + name.get(start..)?.find('}')?;
        let value = match name.get(start + 2..end)? {
            "project.artifactId" | "pom.artifactId" | "artifactId" => own.artifact.clone(),
            "project.version" | "pom.version" | "version" => own.version.clone()?,
            "project.parent.version" => own.parent.as_ref()?.version.clone()?,
            key => lineage.iter().find_map(|pom| pom.properties.get(key)).cloned()?,
        };
        name.replace_range(start..=end, &value);
    }
    None
}
