//! What of a build is needed at run time: see the head of `runtime.toml`.

use std::collections::HashMap;

use serde::Deserialize;

/// What remains of a package of the distribution once the build is over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remains {
    /// Nothing: it only builds, and what it leaves behind is these packages.
    Only(Vec<String>),
    /// The package itself: what it is for is not known, or it is for run time.
    Itself,
    /// Libraries that are not known, or whose names hang on a release that is not known (H066).
    Unknown,
}

/// What a package of a language needs of the system.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DependencyNeed {
    /// The packages, in lower case.
    pub names: Vec<String>,
    /// The packages of Debian that it needs and that the full image has.
    #[serde(default)]
    pub apt: Vec<String>,
    /// The packages of Alpine that it needs.
    #[serde(default)]
    pub apk: Vec<String>,
    /// The first version that has a wheel, by the version of Python; it needs nothing then.
    #[serde(default)]
    pub wheels: HashMap<String, String>,
    /// Why nothing can be said, with its hazard.
    pub hazard: Option<String>,
    /// The reason, as the end of a sentence that begins with the package's name.
    pub why: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Toolchain {
    manager: String,
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
    packages: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Library {
    runtime: Vec<String>,
    by: HashMap<String, Vec<String>>,
    slim: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compilers {
    packages: Vec<String>,
    runtime: Vec<String>,
    slim: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Libraries {
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
    packages: HashMap<String, Library>,
    compilers: Option<Compilers>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FullPrograms {
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
    packages: HashMap<String, String>,
    tools: Vec<String>,
    node: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dependencies {
    stack: String,
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
    needs: Vec<DependencyNeed>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Installable {
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
    releases: Vec<String>,
    since: HashMap<String, String>,
    patches: HashMap<String, u32>,
}

/// What a program runs on when it was compiled in an official image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Runner {
    /// The image, as FROM names it: `debian:bookworm-slim`.
    pub base: String,
    /// The release of Debian that the compiling image is certainly on.
    pub release: Option<&'static str>,
    /// Packages that the compiling image has, that most programs need, and that the small one has not (H069, H070).
    pub packages: Vec<String>,
    /// What stays behind, in words.
    pub toolchain: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Builder {
    image: String,
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
    toolchain: String,
    packages: Vec<String>,
    releases: Vec<Versions>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Versions {
    from: String,
    to: String,
    release: String,
}

/// The first two numbers of a version; `None` when it is none, or says more than they do.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let (first, second) = (parts.next()??, parts.next()??);
    Some((first, second))
}

impl Builder {
    /// The release that a version without a name is on, as an entry of `releases`.
    fn release<'a>(&self, version: &str, releases: &'a [String]) -> Option<&'a str> {
        let version = minor(version)?;
        let holds = |versions: &&Versions| {
            minor(&versions.from).is_some_and(|from| from <= version)
                && minor(&versions.to).is_some_and(|to| version <= to)
        };
        let found = self.releases.iter().find(holds)?;
        releases.iter().find(|release| **release == found.release).map(String::as_str)
    }
}

/// The table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Runtime {
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    as_of: String,
    releases: Vec<String>,
    current: Vec<String>,
    installable: Installable,
    toolchain: Vec<Toolchain>,
    libraries: HashMap<String, Libraries>,
    programs: FullPrograms,
    dependencies: Vec<Dependencies>,
    builders: Vec<Builder>,
}

impl Runtime {
    pub(super) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The release that a part of the tag names.
    pub(super) fn release(&self, tag: &str) -> Option<&str> {
        let release = self.releases.iter().find(|release| tag.split(['-', '_']).any(|part| part == *release));
        release.map(String::as_str)
    }

    fn is_toolchain(&self, manager: &str, package: &str) -> bool {
        let matches = |name: &String| match name.split_once('*') {
            Some((start, end)) => {
                package.len() > start.len() + end.len()
                    && package.starts_with(start)
                    && package.ends_with(end)
            }
            None => name == package,
        };
        self.toolchain.iter().any(|list| list.manager == manager && list.packages.iter().any(matches))
    }

    pub(super) fn remains(
        &self,
        manager: &str,
        package: &str,
        image: &str,
        release: Option<&str>,
    ) -> Remains {
        let libraries = self.libraries.get(manager);
        if let Some(library) = libraries.and_then(|libraries| libraries.packages.get(package)) {
            if library.slim.iter().any(|slim| slim == image) {
                return Remains::Only(Vec::new());
            }
            if !library.runtime.is_empty() {
                return Remains::Only(library.runtime.clone());
            }
            let of_release = match release {
                Some(release) => library.by.get(release),
                None => self.same_on_all(library),
            };
            return of_release.map_or(Remains::Unknown, |packages| Remains::Only(packages.clone()));
        }
        if self.is_toolchain(manager, package) {
            let compilers = libraries.and_then(|libraries| libraries.compilers.as_ref());
            let left = compilers.filter(|compilers| {
                compilers.packages.iter().any(|name| name == package)
                    && !compilers.slim.iter().any(|slim| slim == image)
            });
            return Remains::Only(left.map(|compilers| compilers.runtime.clone()).unwrap_or_default());
        }
        if package.ends_with("-dev") { Remains::Unknown } else { Remains::Itself }
    }

    /// The names of a library that are the same on every release that a tag may mean.
    fn same_on_all<'a>(&self, library: &'a Library) -> Option<&'a Vec<String>> {
        let mut names = self.current.iter().map(|release| library.by.get(release));
        let first = names.next()??;
        names.all(|other| other == Some(first)).then_some(first)
    }

    /// Whether packages can still be installed in an image of Debian, by its name and tag.
    pub(super) fn is_installable(&self, image: &str, tag: &str) -> bool {
        if let Some(release) = self.release(tag) {
            return self.installable.releases.iter().any(|known| known == release);
        }
        let numbers: Vec<u32> = tag
            .split('-')
            .next()
            .unwrap_or_default()
            .split('.')
            .map_while(|part| part.parse().ok())
            .collect();
        let least: Vec<u32> = match self.installable.since.get(image) {
            Some(least) => least.split('.').map_while(|part| part.parse().ok()).collect(),
            None => return false,
        };
        match numbers.as_slice() {
            // `latest` and `lts` are made anew with each release.
            [] => !tag.starts_with(|c: char| c.is_ascii_digit()),
            [major, minor, patch, ..] => {
                let first = self.installable.patches.get(&format!("{image} {major}.{minor}"));
                numbers >= least && first.is_none_or(|first| patch >= first)
            }
            _ => numbers >= least || least.starts_with(&numbers),
        }
    }

    /// Whether a release has a library under this name.
    pub(super) fn is_library_of(&self, name: &str, release: &str) -> bool {
        self.libraries.values().flat_map(|libraries| libraries.packages.values()).any(|library| {
            library.by.get(release).is_some_and(|names| names.iter().any(|known| known == name))
        })
    }

    pub(super) fn package_of_program(&self, image: &str, program: &str) -> Option<&str> {
        let own = (image == "node").then(|| self.programs.node.get(program)).flatten();
        own.or_else(|| self.programs.packages.get(program)).map(String::as_str)
    }

    /// What a program runs on that was compiled in the image `name` with this tag.
    pub(super) fn runner(&'static self, name: &str, tag: &str) -> Option<Runner> {
        let builder = self.builders.iter().find(|builder| builder.image == name)?;
        let (mut version, mut alpine, mut release) = (None, None, None);
        for part in tag.split('-').filter(|part| !part.is_empty()) {
            let is_version = part.split('.').all(|number| number.parse::<u32>().is_ok());
            if is_version || matches!(part, "latest" | "stable" | "nightly") {
                version = Some(part);
            } else if let Some(number) = part.strip_prefix("alpine") {
                alpine = Some(number);
            } else if let Some(known) = self.releases.iter().find(|release| *release == part) {
                release = Some(known.as_str());
            } else if part != "slim" {
                return None;
            }
        }
        let release = release.or_else(|| builder.release(version?, &self.releases));
        let base = match (alpine, release) {
            (Some(""), _) => "alpine:3".to_owned(),
            (Some(number), _) if number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
                format!("alpine:{number}")
            }
            (Some(_), _) => return None,
            // Its packages have moved to the archive, and nothing can be installed any more.
            (None, Some(release)) if !self.current.iter().any(|known| known == release) => return None,
            (None, Some(release)) => format!("debian:{release}-slim"),
            (None, None) => "debian:stable-slim".to_owned(),
        };
        Some(Runner {
            base,
            release: release.filter(|_| alpine.is_none()),
            packages: builder.packages.clone(),
            toolchain: builder.toolchain.clone(),
        })
    }

    pub(super) fn is_build_tool(&self, program: &str) -> bool {
        self.programs.tools.iter().any(|tool| tool == program)
    }

    pub(super) fn needs(&self, stack: &str) -> impl Iterator<Item = &DependencyNeed> {
        self.dependencies.iter().filter(move |list| list.stack == stack).flat_map(|list| &list.needs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::RUNTIME;

    #[test]
    fn the_table_is_consistent() {
        let table = Runtime::parse(RUNTIME).expect("runtime.toml");
        assert_eq!(table.as_of.len(), 7);
        assert!(table.current.iter().all(|release| table.releases.contains(release)));
        assert!(table.toolchain.iter().all(|list| !list.source.is_empty()));
        assert!(!table.programs.source.is_empty());
        for (manager, libraries) in &table.libraries {
            assert!(!libraries.source.is_empty());
            for (name, library) in &libraries.packages {
                assert_ne!(library.runtime.is_empty(), library.by.is_empty(), "{manager} {name}");
                assert!(library.by.keys().all(|release| table.releases.contains(release)), "{name}");
            }
        }
        for list in &table.dependencies {
            assert!(!list.source.is_empty());
            for need in &list.needs {
                assert_eq!(need.hazard.is_some(), need.why.is_some(), "{:?}", need.names);
                assert!(need.names.iter().all(|name| *name == name.to_lowercase()));
            }
        }
    }

    #[test]
    fn packages_of_old_releases_cannot_be_installed() {
        let table = Runtime::parse(RUNTIME).expect("runtime.toml");
        for (image, tag, expected) in [
            ("node", "20", true),
            ("node", "16", false),
            ("node", "16-bullseye", true),
            ("node", "latest", true),
            ("python", "3.8.10", false),
            ("python", "3.8.20", true),
            ("python", "3.11.2", true),
            ("python", "2.7", false),
            ("python", "3", true),
            ("python", "3.11-buster", false),
        ] {
            assert_eq!(table.is_installable(image, tag), expected, "{image}:{tag}");
        }
    }

    #[test]
    fn a_program_runs_on_the_release_that_it_was_compiled_on() {
        use crate::knowledge::RUNTIME_TABLE;
        let base = |name: &str, tag: &str| RUNTIME_TABLE.runner(name, tag).map(|runner| runner.base);
        for (name, tag, expected) in [
            ("golang", "1.22", Some("debian:bookworm-slim")),
            ("golang", "1.22.3", Some("debian:bookworm-slim")),
            ("golang", "1.22-bullseye", Some("debian:bullseye-slim")),
            ("golang", "1.16-buster", None),
            ("golang", "", Some("debian:stable-slim")),
            ("golang", "latest", Some("debian:stable-slim")),
            ("golang", "1.24", Some("debian:stable-slim")),
            ("golang", "alpine", Some("alpine:3")),
            ("golang", "1.22-alpine3.19", Some("alpine:3.19")),
            ("golang", "1.22-windowsservercore", None),
            ("rust", "1.85-slim", Some("debian:bookworm-slim")),
            ("rust", "1.85-slim-trixie", Some("debian:trixie-slim")),
            ("rust", "1.70", Some("debian:stable-slim")),
            ("rust", "1", Some("debian:stable-slim")),
            ("rust", "nightly", Some("debian:stable-slim")),
            ("node", "20", None),
        ] {
            assert_eq!(base(name, tag).as_deref(), expected, "{name}:{tag}");
        }
    }

    #[test]
    fn each_compiling_image_says_from_where_its_facts_are() {
        let table = Runtime::parse(RUNTIME).expect("runtime.toml");
        for builder in &table.builders {
            assert!(!builder.source.is_empty(), "{}", builder.image);
        }
    }

    #[test]
    fn a_package_leaves_its_libraries_behind() {
        let table = Runtime::parse(RUNTIME).expect("runtime.toml");
        let only = |names: &[&str]| Remains::Only(names.iter().map(|name| (*name).to_owned()).collect());
        for (manager, package, image, release, expected) in [
            ("apt-get", "libpq-dev", "python", None, only(&["libpq5"])),
            ("apt-get", "build-essential", "python", None, only(&[])),
            ("apt-get", "libstdc++-12-dev", "python", None, only(&[])),
            ("apt-get", "libffi-dev", "python", None, only(&[])),
            ("apt-get", "libffi-dev", "node", None, Remains::Unknown),
            ("apt-get", "libffi-dev", "node", Some("bookworm"), only(&["libffi8"])),
            ("apt-get", "libwhatever-dev", "python", None, Remains::Unknown),
            ("apt-get", "ffmpeg", "python", None, Remains::Itself),
            ("apk", "g++", "python", None, only(&["libstdc++"])),
            ("apk", "g++", "node", None, only(&[])),
        ] {
            assert_eq!(table.remains(manager, package, image, release), expected, "{package} on {image}");
        }
    }
}
