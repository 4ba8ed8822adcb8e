//! What Python packages need from the distribution, and what is downloaded while an image is built.

use std::collections::HashMap;

use serde::Deserialize;

use super::Knowledge;

/// Packages of the distributions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DistroPackages {
    /// Of Debian and Ubuntu. Names joined by `|` are one library in different releases.
    #[serde(default)]
    pub debian: Vec<String>,
    /// Of Alpine.
    #[serde(default)]
    pub alpine: Vec<String>,
}

/// A Python package that compiles against a library, or loads one that it does not bring.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PythonNative {
    /// Whether the index has no wheel of it, so that an installation compiles it.
    #[serde(default)]
    pub compiles: bool,
    /// What it compiles with, besides a compiler and Python's headers.
    #[serde(default)]
    pub build: DistroPackages,
    /// What it needs when it runs.
    #[serde(default)]
    pub run: DistroPackages,
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
}

/// A command that fetches data while an image is built (H073).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PythonDownload {
    /// The package whose data it fetches.
    pub name: String,
    /// Command lines that fetch, by their first words.
    pub commands: Vec<Vec<String>>,
    /// What stands in a program (`python -c`) that fetches.
    pub code: Vec<String>,
    /// Where the data go; `~` is the home of the user that runs it. Empty when they lie among the installed packages.
    pub places: Vec<String>,
    /// The environment variable that names another place.
    pub variable: Option<String>,
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
}

/// A package that says how a project is started.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PythonFramework {
    /// Its name.
    pub package: String,
    /// Whether it listens on a port.
    pub serves: bool,
    /// The port, where nothing else is said.
    pub port: Option<u16>,
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    source: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Python {
    #[cfg_attr(not(test), allow(dead_code, reason = "for readers of the table"))]
    as_of: String,
    packages: HashMap<String, PythonNative>,
    downloads: Vec<PythonDownload>,
    frameworks: Vec<PythonFramework>,
}

impl Python {
    pub(super) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

impl Knowledge {
    /// What a Python package needs from the distribution, by its normalised name. `None` when nothing is known of it:
    /// most packages need nothing.
    pub fn python_native(&self, package: &str) -> Option<&'static PythonNative> {
        super::PYTHON_TABLE.packages.get(package)
    }

    /// What a command of a build downloads for Python programs, by its words.
    ///
    /// ```
    /// use dockmend_core::knowledge::Knowledge;
    /// let known = Knowledge::builtin().python_download(&["python3", "-m", "nltk.downloader", "punkt"]).unwrap();
    /// assert_eq!(known.places[0], "~/nltk_data");
    /// ```
    pub fn python_download(&self, words: &[&str]) -> Option<&'static PythonDownload> {
        let program = words.first().map(|word| word.rsplit('/').next().unwrap_or(word))?;
        let is_python = super::programs::is_versioned(program, "python");
        let words: Vec<&str> = match words {
            // `poetry run playwright install` is what it runs.
            ["poetry" | "uv" | "pipenv" | "pdm", "run", rest @ ..] => rest.to_vec(),
            [_, rest @ ..] if is_python => [&["python"], rest].concat(),
            [_, rest @ ..] => [&[program], rest].concat(),
            [] => return None,
        };
        let begins = |command: &Vec<String>| {
            command.len() <= words.len() && command.iter().zip(&words).all(|(wanted, word)| wanted == word)
        };
        let code = match words.as_slice() {
            ["python", rest @ ..] => {
                rest.iter().position(|word| *word == "-c").and_then(|at| rest.get(at + 1)).copied()
            }
            _ => None,
        };
        super::PYTHON_TABLE.downloads.iter().find(|download| {
            download.commands.iter().any(begins)
                || code.is_some_and(|code| download.code.iter().any(|sign| code.contains(sign.as_str())))
        })
    }

    /// How projects that name this package are started.
    pub fn python_framework(&self, package: &str) -> Option<&'static PythonFramework> {
        super::PYTHON_TABLE.frameworks.iter().find(|framework| framework.package == package)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::project::python_package_name;

    #[test]
    fn the_table_is_in_order() {
        let table = Python::parse(super::super::PYTHON).unwrap();
        assert!(!table.as_of.is_empty());
        for (name, native) in &table.packages {
            assert_eq!(python_package_name(name).as_deref(), Some(name.as_str()));
            assert!(!native.source.is_empty(), "{name}");
            let both = |packages: &DistroPackages| packages.debian.is_empty() == packages.alpine.is_empty();
            assert!(both(&native.build) && both(&native.run), "{name}");
        }
        for download in &table.downloads {
            assert!(!download.source.is_empty(), "{}", download.name);
            assert!(!download.commands.is_empty() || !download.code.is_empty(), "{}", download.name);
        }
        for framework in &table.frameworks {
            assert!(!framework.source.is_empty() && framework.serves == framework.port.is_some());
        }
    }

    #[test]
    fn downloads_are_told_by_command_and_code() {
        let knowledge = Knowledge::builtin();
        for (words, name) in [
            (&["playwright", "install", "chromium"][..], Some("playwright")),
            (&["/opt/venv/bin/python3.12", "-m", "spacy", "download", "en"], Some("spacy")),
            (&["python", "-c", "import nltk; nltk.download('punkt')"], Some("nltk")),
            (&["uv", "run", "hf", "download", "x/y"], Some("huggingface")),
            (&["python", "-c", "print()"], None),
            (&["playwright", "--version"], None),
            (&[], None),
        ] {
            let found = knowledge.python_download(words).map(|download| download.name.as_str());
            assert_eq!(found, name, "{words:?}");
        }
        assert!(knowledge.python_native("psycopg2").unwrap().compiles);
        assert!(!knowledge.python_native("psycopg2-binary").unwrap().compiles);
        assert_eq!(knowledge.python_native("flask"), None);
        assert_eq!(knowledge.python_framework("streamlit").unwrap().port, Some(8501));
    }
}
