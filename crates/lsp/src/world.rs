//! Everything that the server knows at one moment. Requests work on a copy, which costs next to nothing, and so see
//! neither half a change nor one that came later.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use dockmend_core::config::Options;
use serde::Deserialize;
use tower_lsp::ls_types::Uri;

use crate::around::Cache;
use crate::client::Client;
use crate::documents::Document;

/// What the server knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    /// The open documents.
    pub(crate) documents: Arc<HashMap<Uri, Arc<Document>>>,
    /// The editor.
    pub(crate) client: Arc<Client>,
    /// The editor's settings.
    pub(crate) settings: Arc<Settings>,
    /// The folders that are open in the editor.
    pub(crate) folders: Arc<Vec<PathBuf>>,
    /// What was read from disk, for a short while.
    pub(crate) cache: Arc<Cache>,
}

/// The settings of the editor, under `dockmend`. What is missing or cannot be read is as it is by default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Settings {
    /// Rules that are on, whatever the configuration file says.
    pub(crate) select: Option<Vec<String>>,
    /// Rules that are off.
    pub(crate) ignore: Option<Vec<String>>,
}

impl Settings {
    /// The same as options that come on top of the configuration file.
    pub(crate) fn options(&self) -> Options {
        let mut options = Options::default();
        options.select.clone_from(&self.select);
        options.ignore.clone_from(&self.ignore);
        options
    }

    /// Reads what an editor sends: the section itself, or an object with the section in it.
    pub(crate) fn read(json: serde_json::Value) -> Self {
        let section = json.get("dockmend").cloned().unwrap_or(json);
        serde_json::from_value(section).unwrap_or_default()
    }
}

impl World {
    /// The texts of open documents by their paths.
    pub(crate) fn open_texts(&self) -> HashMap<PathBuf, Arc<str>> {
        let texts = self.documents.iter();
        texts.filter_map(|(uri, document)| Some((path_of(uri)?, Arc::clone(document.text())))).collect()
    }
}

/// The path of a document, when it is a file.
pub(crate) fn path_of(uri: &Uri) -> Option<PathBuf> {
    if uri.scheme().as_str() != "file" {
        return None;
    }
    uri.to_file_path().map(std::borrow::Cow::into_owned)
}

/// Whether a file is an ignore file.
pub(crate) fn is_ignore_file(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(".dockerignore"))
}

/// The one place where the world changes.
#[derive(Debug, Default)]
pub(crate) struct State(Mutex<World>);

impl State {
    /// The world as it is now.
    pub(crate) fn now(&self) -> World {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the world.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
