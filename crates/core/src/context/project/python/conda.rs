//! `environment.yml`: the environment file of conda.
//!
//! Source: docs.conda.io, "Managing environments" (creating an environment file manually). Read line by line: only the
//! list `dependencies` and the list `pip` in it matter, and conda writes them in no other form than the one below.

use super::super::{Folder, Obstacle, add_new, text};
use super::requirements::{Requirements, requirements_reads};
use crate::context::{Answer, ContextFiles, EntryKind, normalise, split};

/// One environment file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CondaEnvironment {
    /// Relative to the root of the context.
    pub path: String,
    /// `name:`.
    pub name: Option<String>,
    /// The packages that conda and pip install, as written.
    pub packages: Vec<String>,
    /// The entries under `pip:` that are options: `-r requirements.txt`, `-e .`.
    pub pip_options: Vec<String>,
}

impl CondaEnvironment {
    /// Parses the text of an environment file. No text is refused; what is not understood is left out.
    pub fn parse(path: &str, text: &str) -> Self {
        let mut file = Self { path: path.to_owned(), ..Self::default() };
        let mut in_dependencies = false;
        let mut pip_indent = None;
        for line in text.lines() {
            let line = line.split(" #").next().unwrap_or_default().trim_end();
            let bare = line.trim_start();
            let indent = line.len() - bare.len();
            if bare.is_empty() || bare.starts_with('#') {
                continue;
            }
            let Some(item) = bare.strip_prefix('-').filter(|item| item.starts_with([' ', '\t'])) else {
                if indent == 0 {
                    in_dependencies = bare.starts_with("dependencies:");
                    pip_indent = None;
                    if let Some(name) = bare.strip_prefix("name:") {
                        file.name = Some(unquoted(name).to_owned());
                    }
                }
                continue;
            };
            if !in_dependencies {
                continue;
            }
            let item = unquoted(item);
            if pip_indent.is_some_and(|outer| indent <= outer) {
                pip_indent = None;
            }
            if item == "pip:" {
                pip_indent = Some(indent);
            } else if pip_indent.is_some() && item.starts_with('-') {
                file.pip_options.push(item.to_owned());
            } else {
                let name = item.rsplit("::").next().unwrap_or(item);
                file.packages.push(name.to_owned());
            }
        }
        file
    }
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

/// The files that `conda env create -f path` reads, `path` first: those that its pip entries name. pip runs in the
/// directory of the environment file.
pub fn conda_reads(files: &dyn ContextFiles, path: &str) -> Result<Vec<String>, Obstacle> {
    let environment = match text(files, path) {
        Answer::Present(text) => CondaEnvironment::parse(path, &text),
        Answer::Absent => return Err(Obstacle::new("H050", format!("`{path}` is not in the context"))),
        Answer::Unknown => return Err(Obstacle::new("H050", format!("`{path}` could not be read"))),
    };
    let root = split(path).0;
    let mut reads = vec![path.to_owned()];
    // pip's part is a requirements file of its own.
    let listed = environment.pip_options.iter().chain(&environment.packages);
    let lines: Vec<&str> = listed.map(String::as_str).collect();
    let pip = Requirements::parse(path, &lines.join("\n"));
    for include in pip.includes.iter().chain(&pip.constraints).filter(|path| !path.contains("://")) {
        let inside = normalise(&format!("{root}/{include}")).filter(|_| !include.starts_with('/'));
        let include = inside.ok_or_else(|| {
            Obstacle::new("H050", format!("`{path}` includes `{include}`, which is outside of the context"))
        })?;
        add_new(&mut reads, requirements_reads(files, &include, root)?);
    }
    add_new(&mut reads, pip.beside(files, root)?);
    Ok(reads)
}

/// `environment.yml`, `environment-dev.yaml`, `conda.yml` and the like, those with a list of dependencies.
pub(super) fn find(folder: Folder<'_>) -> Vec<CondaEnvironment> {
    let is_environment = |name: &str| {
        let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"));
        stem.is_some_and(|stem| {
            ["environment", "conda"].iter().any(|part| stem.contains(part)) || stem == "env"
        })
    };
    let files =
        folder.entries.iter().filter(|entry| entry.kind == EntryKind::File && is_environment(&entry.name));
    files
        .filter_map(|entry| {
            let text = folder.text(&entry.name).present()?;
            let is_list = text.lines().any(|line| line.trim_end() == "dependencies:");
            is_list.then(|| CondaEnvironment::parse(&folder.path(&entry.name), &text))
        })
        .collect()
}
