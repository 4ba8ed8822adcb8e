//! The builds of bake files: `target` blocks in `docker-bake.hcl` and `docker-bake.json`, after the
//! [Bake file reference][bake].
//!
//! Bake takes paths from the folder it is run in; that is taken to be the file's own. Functions, variables and
//! `matrix` are not evaluated: a setting with an expression in it is unknown, and so is the build when its paths are.
//!
//! [bake]: https://docs.docker.com/build/bake/reference/

mod hcl;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::{ContextSource, Declared, Files, Setting, declare};
use crate::path::folder_of;

/// How deep `inherits` is followed; a circle ends here.
const DEPTH: usize = 16;

/// The most targets that are visited for one build: `inherits` may name several, each of which may do so again.
const VISITS: usize = 256;

pub(super) fn is_name(name: &str) -> bool {
    matches!(
        name,
        "docker-bake.hcl" | "docker-bake.json" | "docker-bake.override.hcl" | "docker-bake.override.json"
    )
}

/// The settings of one target that say what it builds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Target {
    context: Setting,
    dockerfile: Setting,
    stage: Setting,
    inline: bool,
    /// `None` when it is an expression.
    inherits: Option<Vec<String>>,
}

impl Target {
    fn over(self, below: Self) -> Self {
        let inline = self.inline || (below.inline && self.dockerfile == Setting::Absent);
        Self {
            context: self.context.or(below.context),
            dockerfile: self.dockerfile.or(below.dockerfile),
            stage: self.stage.or(below.stage),
            inline,
            inherits: match self.inherits {
                Some(own) if own.is_empty() => below.inherits,
                own => own,
            },
        }
    }
}

type Targets = BTreeMap<String, Target>;

/// The builds that the bake file at `path` declares and whose paths are known.
pub(super) fn builds(path: &Path, files: &mut Files) -> Vec<Declared> {
    let Some(own) = targets(path, files) else { return Vec::new() };
    let names: Vec<_> = own.keys().cloned().collect();
    let all = with_main(path, own, files);
    names.into_iter().filter_map(|name| declared(path, &all, name)).collect()
}

/// `own`, with the targets of the main files under it when `path` is an override file.
fn with_main(path: &Path, own: Targets, files: &mut Files) -> Targets {
    let is_override = path.file_stem().is_some_and(|stem| stem == "docker-bake.override");
    if !is_override {
        return own;
    }
    let mut all = Targets::new();
    for main in ["docker-bake.json", "docker-bake.hcl"] {
        let main = path.with_file_name(main);
        if main.is_file() {
            // What is wrong with the main file is told when it is read for itself.
            let before = files.problems.len();
            all.extend(targets(&main, files).unwrap_or_default());
            files.problems.truncate(before);
        }
    }
    for (name, target) in own {
        let below =
            all.remove(&name).unwrap_or_else(|| Target { inherits: Some(Vec::new()), ..Target::default() });
        all.insert(name, target.over(below));
    }
    all
}

fn declared(path: &Path, all: &Targets, name: String) -> Option<Declared> {
    let target = resolved(all, &name, DEPTH, &mut VISITS.clone())?;
    if target.inline {
        return None;
    }
    let text = |setting, default: &str| match setting {
        Setting::Text(text) => Some(text),
        Setting::Absent => Some(default.to_owned()),
        Setting::Unknown => None,
    };
    let context = text(target.context, ".")?;
    let dockerfile = text(target.dockerfile, "Dockerfile")?;
    let source = ContextSource::Bake { file: path.to_owned(), target: name };
    declare(folder_of(path), &context, &dockerfile, target.stage, source)
}

/// A target with what it inherits; of several parents, the later wins. `None` when a parent is not known.
fn resolved(all: &Targets, name: &str, depth: usize, visits: &mut usize) -> Option<Target> {
    let depth = depth.checked_sub(1)?;
    *visits = visits.checked_sub(1)?;
    let target = all.get(name)?;
    let mut result = Target { inherits: Some(Vec::new()), ..target.clone() };
    for parent in target.inherits.as_ref()?.iter().rev() {
        result = result.over(resolved(all, parent, depth, visits)?);
    }
    Some(result)
}

fn targets(path: &Path, files: &mut Files) -> Option<Targets> {
    let text = files.text(path)?;
    if path.extension().is_some_and(|ending| ending == "json") {
        match serde_json::from_str::<Value>(&text) {
            Ok(value) => Some(from_json(&value)),
            Err(error) => {
                files.syntax(path, Some(error.line()), error.to_string());
                None
            }
        }
    } else {
        match hcl::targets(&text) {
            Ok(targets) => Some(targets),
            Err(error) => {
                let message = format!("{} at line {}", error.message, error.line);
                files.syntax(path, Some(error.line), message);
                None
            }
        }
    }
}

fn from_json(value: &Value) -> Targets {
    let Some(targets) = value.get("target").and_then(Value::as_object) else { return Targets::new() };
    let setting = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Setting::Absent,
        Some(Value::String(text)) => Setting::literal(text),
        Some(_) => Setting::Unknown,
    };
    let list = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().filter(|text| !text.contains("${")).map(str::to_owned))
            .collect(),
        Some(_) => None,
    };
    targets
        .iter()
        .map(|(name, target)| {
            let target = Target {
                context: setting(target.get("context")),
                dockerfile: setting(target.get("dockerfile")),
                stage: setting(target.get("target")),
                inline: target.get("dockerfile-inline").is_some_and(|inline| !inline.is_null()),
                inherits: list(target.get("inherits")),
            };
            (name.clone(), target)
        })
        .collect()
}
