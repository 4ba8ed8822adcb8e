//! The builds of compose files: `services.*.build`, after the [Compose specification][build].
//!
//! Anchors and aliases are the YAML reader's work; `<<` merges, `extends` and what an override file leaves to the main
//! file are resolved here, only for the settings of a build. `include` is not followed: an included file is read when
//! a walk finds it.
//!
//! [build]: https://docs.docker.com/reference/compose-file/build/

use std::path::{Path, PathBuf};

use yaml_serde::Value;

use super::{ContextSource, Declared, Files, Setting, declare};
use crate::path::{absolute, folder_of};

/// The names of a main file, in the order in which compose looks for them.
const MAIN: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// How deep `extends`, and merges in merges, are followed; a circle ends here.
const DEPTH: usize = 16;

pub(super) fn is_name(name: &str) -> bool {
    let Some((stem, "yml" | "yaml")) = name.rsplit_once('.') else { return false };
    stem == "compose" || stem.starts_with("compose.") || stem.starts_with("docker-compose")
}

/// The builds that the compose file at `path` declares and whose paths are known.
pub(super) fn builds(path: &Path, files: &mut Files) -> Vec<Declared> {
    let main = main_file(path);
    let names: Vec<String> = load(path, files)
        .and_then(|root| field(root, "services", DEPTH))
        .and_then(Value::as_mapping)
        .map(|services| services.keys().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    names.into_iter().filter_map(|service| declared(path, main.as_deref(), service, files)).collect()
}

fn declared(path: &Path, main: Option<&Path>, service: String, files: &mut Files) -> Option<Declared> {
    let mut build = Build::of(path, &service, DEPTH, files)?;
    // `docker-compose.dev.yml` often adds a target only, and leaves the rest to `docker-compose.yml`.
    if let Some(main) = main {
        let below = Build::of(main, &service, DEPTH, files)?;
        build = build.over(below);
    }
    if !build.exists || build.inline {
        return None;
    }
    let (folder, context) = match build.context {
        Setting::Text(context) => (build.folder, context),
        Setting::Absent => (folder_of(path).to_owned(), ".".to_owned()),
        Setting::Unknown => return None,
    };
    let dockerfile = match build.dockerfile {
        Setting::Text(dockerfile) => dockerfile,
        Setting::Absent => "Dockerfile".to_owned(),
        Setting::Unknown => return None,
    };
    // A target builds another stage than the last.
    let image = if build.target == Setting::Absent { image_of(path, main, &service, files) } else { None };
    let source = ContextSource::Compose { file: path.to_owned(), service };
    Some(Declared { image, ..declare(&folder, &context, &dockerfile, build.target, source)? })
}

/// The `image` of a service, in its file or in the main file beside it.
fn image_of(path: &Path, main: Option<&Path>, service: &str, files: &mut Files) -> Option<String> {
    [Some(path), main].into_iter().flatten().find_map(|file| {
        match setting(field(service_in(file, service, files)?, "image", DEPTH)) {
            Setting::Text(image) => Some(image),
            _ => None,
        }
    })
}

/// The main file beside an override file.
fn main_file(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    if MAIN.contains(&name) {
        return None;
    }
    MAIN.iter().map(|main| path.with_file_name(main)).find(|main| main.is_file())
}

/// What is said about the build of a service, here and in what it extends.
#[derive(Default)]
struct Build {
    /// Whether the service is built at all.
    exists: bool,
    /// The folder that `context` is relative to.
    folder: PathBuf,
    context: Setting,
    dockerfile: Setting,
    target: Setting,
    /// Whether the Dockerfile stands in the compose file itself.
    inline: bool,
}

impl Build {
    /// `None` when it extends something that is not known here.
    fn of(path: &Path, service: &str, depth: usize, files: &mut Files) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        let Some(value) = service_in(path, service, files) else { return Some(Self::default()) };
        let own = field(value, "build", DEPTH).map_or_else(Self::default, |build| Self::read(build, path));
        let Some(extends) = field(value, "extends", DEPTH).filter(|extends| !extends.is_null()) else {
            return Some(own);
        };
        let base = extends.as_str().or_else(|| field(extends, "service", DEPTH)?.as_str())?.to_owned();
        let file = match setting(field(extends, "file", DEPTH)) {
            Setting::Absent => path.to_owned(),
            Setting::Text(file) => absolute(&folder_of(path).join(file)),
            Setting::Unknown => return None,
        };
        service_in(&file, &base, files)?;
        Some(own.over(Self::of(&file, &base, depth, files)?))
    }

    fn read(build: &Value, path: &Path) -> Self {
        let folder = folder_of(path).to_owned();
        if build.is_null() {
            return Self::default();
        }
        if build.as_mapping().is_none() {
            return Self { exists: true, folder, context: setting(Some(build)), ..Self::default() };
        }
        Self {
            exists: true,
            folder,
            context: setting(field(build, "context", DEPTH)),
            dockerfile: setting(field(build, "dockerfile", DEPTH)),
            target: setting(field(build, "target", DEPTH)),
            inline: field(build, "dockerfile_inline", DEPTH).is_some_and(|inline| !inline.is_null()),
        }
    }

    fn over(self, below: Self) -> Self {
        // An own Dockerfile replaces one that stands inline below.
        let inline = self.inline || (below.inline && self.dockerfile == Setting::Absent);
        Self {
            exists: self.exists || below.exists,
            folder: if self.context == Setting::Absent { below.folder } else { self.folder },
            context: self.context.or(below.context),
            dockerfile: self.dockerfile.or(below.dockerfile),
            target: self.target.or(below.target),
            inline,
        }
    }
}

/// A scalar as a setting. Compose replaces `$NAME` as well as `${NAME}`, and only `$$` is a dollar.
fn setting(value: Option<&Value>) -> Setting {
    match value {
        None => Setting::Absent,
        Some(value) if value.is_null() => Setting::Absent,
        Some(value) => match value.as_str() {
            Some(text) if text.contains('$') => Setting::Unknown,
            Some(text) => Setting::Text(text.to_owned()),
            None => Setting::Unknown,
        },
    }
}

/// The value of `key` in a mapping: its own, or one that comes in by `<<`.
fn field<'a>(value: &'a Value, key: &str, depth: usize) -> Option<&'a Value> {
    let depth = depth.checked_sub(1)?;
    if let Some(own) = value.as_mapping()?.get(key) {
        return Some(own);
    }
    let merged = value.as_mapping()?.get("<<")?;
    match merged.as_sequence() {
        Some(several) => several.iter().find_map(|one| field(one, key, depth)),
        None => field(merged, key, depth),
    }
}

fn service_in<'a>(path: &Path, service: &str, files: &'a mut Files) -> Option<&'a Value> {
    field(field(load(path, files)?, "services", DEPTH)?, service, DEPTH)
}

/// The parsed file, read at most once; what is wrong with it is noted then.
fn load<'a>(path: &Path, files: &'a mut Files) -> Option<&'a Value> {
    if !files.yaml.contains_key(path) {
        let value = parse(path, files);
        files.yaml.insert(path.to_owned(), value);
    }
    files.yaml.get(path)?.as_ref()
}

fn parse(path: &Path, files: &mut Files) -> Option<Value> {
    let text = files.text(path)?;
    match yaml_serde::from_str(&text) {
        Ok(value) => Some(value),
        Err(error) => {
            files.syntax(path, error.location().map(|at| at.line()), error.to_string());
            None
        }
    }
}
