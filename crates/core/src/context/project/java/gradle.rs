//! What Gradle reads while it configures a build, before any task runs.
//!
//! The scripts are code. Only plain lines are read: what is included, which scripts are applied, which files are
//! named. Whatever else could read a file is an obstacle (H057).
//!
//! Sources: Gradle's user manual, "Settings file basics", "Organizing Gradle projects" (`buildSrc`, composite
//! builds), "Version catalogs", "The Gradle wrapper", "Locking dependency versions".

use super::super::tree::Tree;
use super::super::{Obstacle, add_new};
use crate::context::{join, normalise};

/// More scripts than this are not read.
const MAX_SCRIPTS: usize = 600;

/// A Gradle build, as its scripts tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GradleProject {
    /// The directory of the settings; of the build script where there are none.
    pub root: String,
    /// The directories of the projects in it, the root left out.
    pub projects: Vec<String>,
    /// `rootProject.name`, else the name of the directory where that is known.
    pub name: Option<String>,
    /// Whether a script applies the plugin of Spring Boot.
    pub spring_boot: bool,
    reads: Result<Vec<String>, Obstacle>,
}

impl GradleProject {
    /// Reads the build in a directory; `None` when there is none.
    pub fn read(tree: Tree<'_>, root: &str) -> Option<Self> {
        let settings = script(tree, root, "settings");
        if settings.is_none() && script(tree, root, "build").is_none() {
            return None;
        }
        let mut build = Build {
            tree,
            root: root.to_owned(),
            reads: Vec::new(),
            scanned: 0,
            projects: Vec::new(),
            name: None,
            spring_boot: false,
        };
        let closure = build.close(settings);
        Some(Self {
            root: root.to_owned(),
            projects: build.projects,
            name: build.name,
            spring_boot: build.spring_boot,
            reads: closure.map(|()| build.reads),
        })
    }

    /// What is read while the build is configured, the settings first, when that is certain; otherwise what stands in
    /// the way. The wrapper's script is not among them.
    pub fn configuration_reads(&self) -> Result<Vec<String>, Obstacle> {
        self.reads.clone()
    }
}

/// `settings.gradle` or `settings.gradle.kts`, and the same for `build`.
fn script(tree: Tree<'_>, directory: &str, name: &str) -> Option<String> {
    let names = [format!("{name}.gradle"), format!("{name}.gradle.kts")];
    names.iter().map(|name| join(directory, name)).find(|path| tree.has_file(path))
}

/// A use of a name in a script, with the texts before and behind it.
struct Use<'a> {
    name: &'a str,
    before: &'a str,
    arguments: &'a str,
}

struct Build<'a> {
    tree: Tree<'a>,
    root: String,
    reads: Vec<String>,
    scanned: usize,
    projects: Vec<String>,
    name: Option<String>,
    spring_boot: bool,
}

impl Build<'_> {
    fn close(&mut self, settings: Option<String>) -> Result<(), Obstacle> {
        if let Some(settings) = settings {
            let text = self.text(&settings)?;
            self.settings(&settings, &text)?;
            self.script(&settings, &text, &self.root.clone())?;
        } else if super::super::tree::upwards(&self.root)
            .skip(1)
            .any(|above| script(self.tree, above, "settings").is_some())
        {
            return Err(Obstacle::new("H057", "the project belongs to a Gradle build above it"));
        }
        for directory in std::iter::once(self.root.clone()).chain(self.projects.clone()) {
            let is_root = directory == self.root;
            let build = script(self.tree, &directory, "build");
            let known = ["gradle.properties", "gradle.lockfile", "buildscript-gradle.lockfile"]
                .map(|name| join(&directory, name));
            let known: Vec<String> = known.into_iter().filter(|path| self.tree.has_file(path)).collect();
            if build.is_none() && known.is_empty() && !is_root {
                // Its directory has to be there (Gradle 9), and nothing in it would be copied.
                let reason = format!("the project `{directory}` has no build script of its own");
                return Err(Obstacle::new("H057", reason));
            }
            if let Some(build) = build {
                let text = self.text(&build)?;
                self.script(&build, &text, &directory)?;
            }
            add_new(&mut self.reads, known);
        }
        let beside = ["settings-gradle.lockfile"].map(|name| join(&self.root, name));
        add_new(&mut self.reads, beside.into_iter().filter(|path| self.tree.has_file(path)));
        for name in ["gradle", "buildSrc"] {
            let place = join(&self.root, name);
            if self.tree.has_directory(&place) {
                add_new(&mut self.reads, [place]);
            }
        }
        self.drop_covered();
        Ok(())
    }

    /// What lies in a directory that is read anyway needs no mention of its own.
    fn drop_covered(&mut self) {
        let places: Vec<String> = self.reads.iter().map(|path| format!("{path}/")).collect();
        self.reads.retain(|path| !places.iter().any(|place| path.starts_with(place.as_str())));
    }

    fn text(&mut self, path: &str) -> Result<String, Obstacle> {
        self.scanned += 1;
        let text = self.tree.known_text(path).filter(|_| self.scanned <= MAX_SCRIPTS);
        let text = text.ok_or_else(|| Obstacle::new("H057", format!("`{path}` could not be read")))?;
        Ok(without_comments(&text))
    }

    /// The projects that the settings include, and the builds.
    fn settings(&mut self, path: &str, text: &str) -> Result<(), Obstacle> {
        const CODE: &[&str] = &[
            "projectDir",
            "buildFileName",
            "eachDir",
            "eachFile",
            "listFiles",
            ".walk",
            "fileTree",
            "apply plugin: new",
        ];
        if let Some(sign) = CODE.iter().find(|sign| text.contains(*sign)) {
            return Err(Obstacle::new("H057", format!("`{path}` finds projects with code (`{sign}`)")));
        }
        let unclear = |what: &str| Obstacle::new("H057", format!("what `{path}` {what} is up to code"));
        for name in ["include", "includeFlat"] {
            for (_, arguments) in calls(text, name) {
                let (list, _) =
                    literals(arguments).filter(|_| name == "include").ok_or_else(|| unclear("includes"))?;
                for project in list {
                    let mut directory = self.root.clone();
                    // `a:b` includes `a` as well.
                    for part in project.split(':').filter(|part| !part.is_empty()) {
                        directory =
                            normalise(&format!("{directory}/{part}")).ok_or_else(|| unclear("includes"))?;
                        add_new(&mut self.projects, [directory.clone()]);
                    }
                }
            }
        }
        for (_, arguments) in calls(text, "includeBuild") {
            let (list, _) = literals(arguments).ok_or_else(|| unclear("includes"))?;
            for place in list {
                let directory = normalise(&format!("{}/{place}", self.root))
                    .filter(|directory| {
                        !directory.is_empty() && *directory != self.root && self.tree.has_directory(directory)
                    })
                    .ok_or_else(|| {
                        Obstacle::new(
                            "H057",
                            format!("`{path}` includes the build `{place}`, which is not in the context"),
                        )
                    })?;
                add_new(&mut self.reads, [directory]);
            }
        }
        let name = text.lines().find_map(|line| line.trim().strip_prefix("rootProject.name"));
        self.name = name
            .and_then(|rest| literals(rest.trim_start().strip_prefix('=')?))
            .and_then(|(list, _)| list.into_iter().next());
        Ok(())
    }

    /// Adds a script and what it reads; `place` is the directory that its relative paths start from.
    fn script(&mut self, path: &str, text: &str, place: &str) -> Result<(), Obstacle> {
        add_new(&mut self.reads, [path.to_owned()]);
        self.spring_boot |= text.contains("org.springframework.boot");
        check_code(path, text)?;
        for name in ["from", "file", "files"] {
            for (before, arguments) in calls(text, name) {
                self.named(path, &Use { name, before, arguments }, place)?;
            }
        }
        Ok(())
    }

    /// A file that a script names in `apply from:`, `file(...)` or `files(...)`.
    fn named(&mut self, path: &str, found: &Use<'_>, place: &str) -> Result<(), Obstacle> {
        let &Use { name, before, arguments } = found;
        let head = before.trim_end_matches(['(', ' ', ',']);
        let is_applied = name == "from" && head.ends_with("apply");
        if name == "from" && !is_applied {
            // What a task copies, a component that is published, or `from(files("..."))`, which is looked at as `files`.
            return Ok(());
        }
        let arguments = arguments.trim_start_matches([' ', ':', '=', '(']);
        let unclear = || {
            let line = arguments.lines().next().unwrap_or_default();
            let shown: String = line.chars().take(40).collect();
            Obstacle::new("H057", format!("`{path}` reads `{shown}`"))
        };
        let (list, _) = literals(arguments).ok_or_else(unclear)?;
        let from_root = head.ends_with("rootProject.") || head.ends_with("rootDir.");
        for written in list {
            let start = if from_root { self.root.as_str() } else { place };
            let Some(found) = self.resolve(&written, start).map_err(|()| unclear())? else { continue };
            if self.tree.has_directory(&found) && name == "file" {
                return Err(unclear());
            }
            if !self.tree.has_file(&found) {
                if is_applied {
                    return Err(unclear());
                }
                continue;
            }
            if is_applied {
                if self.reads.contains(&found) {
                    continue;
                }
                let text = self.text(&found)?;
                self.script(&found, &text, place)?;
            } else {
                add_new(&mut self.reads, [found]);
            }
        }
        Ok(())
    }

    /// A path in a script: `None` when it is none of the context's, an error when it cannot be told.
    fn resolve(&self, written: &str, place: &str) -> Result<Option<String>, ()> {
        const ROOT: &[&str] = &[
            "$rootDir",
            "${rootDir}",
            "${rootProject.projectDir}",
            "$rootProject.projectDir",
            "${rootProject.rootDir}",
        ];
        const HERE: &[&str] = &["$projectDir", "${projectDir}", "${project.projectDir}"];
        const BUILT: &[&str] = &[
            "$buildDir",
            "${buildDir}",
            "build/",
            "${project.buildDir}",
            "${layout.buildDirectory",
            "https:",
            "http:",
            "/",
        ];
        let after =
            |names: &[&str]| names.iter().find_map(|name| written.strip_prefix(name)).map(str::to_owned);
        let (start, rest) = if BUILT.iter().any(|name| written.starts_with(name)) {
            return Ok(None);
        } else if let Some(rest) = after(ROOT) {
            (self.root.as_str(), rest)
        } else if let Some(rest) = after(HERE) {
            (place, rest)
        } else {
            (place, written.to_owned())
        };
        if rest.contains('$') {
            return Err(());
        }
        normalise(&format!("{start}/{rest}")).map(Some).ok_or(())
    }
}

/// Code that may read files, or ask git, while the build is configured.
fn check_code(path: &str, text: &str) -> Result<(), Obstacle> {
    const GIT: &[&str] = &[
        "git-version",
        "gitVersion",
        "grgit",
        "axion-release",
        "nebula.release",
        "org.ajoberstar",
        "git describe",
        "git rev-parse",
        "'git'",
        "\"git\"",
        "git-semver",
        "com.palantir.git",
        "versioning.info",
    ];
    const CODE: &[&str] = &[
        "new File(",
        " File(",
        "(File(",
        "=File(",
        "readText",
        "readLines",
        ".text",
        ".newReader",
        "FileInputStream",
        "inputStream()",
        ".execute()",
        "ProcessBuilder",
        "providers.exec",
        "Runtime.getRuntime",
        "fileContents(",
        "XmlSlurper",
        "JsonSlurper",
        "ConfigSlurper",
        "Paths.get",
        "Files.read",
        "loadProperties",
    ];
    if let Some(sign) = GIT.iter().find(|sign| text.contains(*sign)) {
        return Err(Obstacle::new("H052", format!("`{path}` takes the version from git (`{sign}`)")));
    }
    match CODE.iter().find(|sign| text.contains(*sign)) {
        Some(sign) => {
            Err(Obstacle::new("H057", format!("`{path}` may read other files (`{}`)", sign.trim())))
        }
        None => Ok(()),
    }
}

/// The texts before and behind each use of a name as a word of its own.
fn calls<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '"' || c == '\'' || c == '-';
    text.match_indices(name).filter_map(move |(at, _)| {
        let (before, behind) = (text.get(..at)?, text.get(at + name.len()..)?);
        let starts = before.chars().next_back().is_none_or(|c| !is_part(c));
        let ends = behind.chars().next().is_some_and(|c| matches!(c, '(' | ' ' | '\t' | '\n' | '\r' | ':'));
        (starts && ends).then_some((before, behind))
    })
}

/// A list of texts in quotes, with or without brackets around it, and what stands behind it. `None` when something
/// else comes first, or when a text is put together from others.
fn literals(arguments: &str) -> Option<(Vec<String>, &str)> {
    let mut rest = arguments.trim_start().trim_start_matches('(').trim_start();
    let mut list = Vec::new();
    loop {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let inside = rest.get(1..)?;
        let end = inside.find(quote)?;
        let literal = inside.get(..end)?;
        if literal.contains(['\n', '\\']) {
            return None;
        }
        list.push(literal.to_owned());
        rest = inside.get(end + 1..)?.trim_start_matches([' ', '\t']);
        match rest.trim_start().strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => break,
        }
        // A comma may stand behind the last.
        if rest.starts_with(')') {
            break;
        }
    }
    // A text that goes on with `+` or a call is made from parts.
    let goes_on = rest.starts_with('+') || rest.starts_with('.') || rest.starts_with('*');
    (!goes_on).then_some((list, rest))
}

/// A script without its comments; texts in quotes stay.
fn without_comments(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    let mut quote: Option<char> = None;
    while let Some(c) = rest.chars().next() {
        if quote.is_none() && rest.starts_with("//") {
            rest = rest.find('\n').and_then(|end| rest.get(end..)).unwrap_or_default();
            continue;
        }
        if quote.is_none() && rest.starts_with("/*") {
            rest = rest.get(2..).and_then(|inside| inside.get(inside.find("*/")? + 2..)).unwrap_or_default();
            clean.push(' ');
            continue;
        }
        let length = if c == '\\' && quote.is_some() {
            1 + rest.chars().nth(1).map_or(0, char::len_utf8)
        } else {
            c.len_utf8()
        };
        match quote {
            Some(open) if c == open || c == '\n' => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => {}
        }
        let (part, more) = rest.split_at_checked(length).unwrap_or((rest, ""));
        clean.push_str(part);
        rest = more;
    }
    clean
}
