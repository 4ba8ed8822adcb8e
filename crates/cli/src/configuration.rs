//! Which settings apply to which Dockerfile: the nearest `dockmend.toml`, and what the command line says on top.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use dockmend_core::config::{ConfigError, Options, Settings};
use dockmend_core::rewrite::Engine;
use dockmend_workspace::config::{self, ConfigFile};

use crate::arguments::Choice;
use crate::output::shown;

/// An engine and the configuration file it was made from.
pub(crate) struct Configured {
    /// The engine with its settings.
    pub(crate) engine: Engine,
    /// The configuration file, where there is one.
    pub(crate) file: Option<PathBuf>,
}

/// The configurations met so far. Each file is read and each engine is made once.
pub(crate) struct Configurations {
    command_line: Options,
    by_folder: HashMap<PathBuf, Arc<Configured>>,
    by_file: HashMap<Option<PathBuf>, Arc<Configured>>,
    /// The build contexts that configuration files name, by Dockerfile.
    pub(crate) contexts: BTreeMap<PathBuf, String>,
}

impl Configurations {
    /// Nothing but what the command line says.
    ///
    /// # Errors
    /// A rule that does not exist.
    pub(crate) fn new(choice: &Choice) -> Result<Self> {
        let mut command_line = Options::default();
        command_line.select = (!choice.select.is_empty()).then(|| trimmed(&choice.select));
        command_line.ignore = (!choice.ignore.is_empty()).then(|| trimmed(&choice.ignore));
        Settings::combine(std::slice::from_ref(&command_line))
            .map_err(|error| anyhow!("--select or --ignore: {error}"))?;
        Ok(Self {
            command_line,
            by_folder: HashMap::new(),
            by_file: HashMap::new(),
            contexts: BTreeMap::new(),
        })
    }

    /// Rules that are on, whatever is on by default: those whose rewrite was named.
    pub(crate) fn also_on(&mut self, rules: impl IntoIterator<Item = &'static str>) {
        self.command_line.extend_select.get_or_insert_default().extend(rules.into_iter().map(str::to_owned));
    }

    /// The configuration that applies to the file at `path`, which need not exist.
    ///
    /// # Errors
    /// A configuration file that cannot be read or understood, with its name and the line.
    pub(crate) fn of(&mut self, path: &Path) -> Result<Arc<Configured>> {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        if let Some(found) = self.by_folder.get(&folder) {
            return Ok(Arc::clone(found));
        }
        let found = config::find(path)?;
        let key = found.as_ref().map(|found| found.path.clone());
        let configured = match self.by_file.get(&key) {
            Some(configured) => Arc::clone(configured),
            None => Arc::new(self.configure(found)?),
        };
        self.by_file.insert(key, Arc::clone(&configured));
        self.by_folder.insert(folder, Arc::clone(&configured));
        Ok(configured)
    }

    fn configure(&mut self, found: Option<ConfigFile>) -> Result<Configured> {
        let Some(ConfigFile { path, text, .. }) = found else {
            let settings = Settings::combine(std::slice::from_ref(&self.command_line))?;
            return Ok(Configured { engine: Engine::new(settings), file: None });
        };
        let in_file = |error: &ConfigError| match line_of(error, &text) {
            Some(line) => anyhow!("{}: line {line}: {error}", shown(&path)),
            None => anyhow!("{}: {error}", shown(&path)),
        };
        let mut options = Options::parse(&text).map_err(|error| in_file(&error))?;
        // The file is checked by itself, so that a mistake in it is not hidden by the command line.
        Settings::combine(std::slice::from_ref(&options)).map_err(|error| in_file(&error))?;
        self.keep_contexts(&path, &options);
        if self.command_line.select.is_some() {
            // `--select` names the rules that are on, and no others: what the file switches off is named all the same.
            options.ignore = None;
        }
        let settings = Settings::combine(&[options, self.command_line.clone()])?;
        Ok(Configured { engine: Engine::new(settings), file: Some(path) })
    }

    fn keep_contexts(&mut self, path: &Path, options: &Options) {
        let folder = path.parent().unwrap_or(Path::new("."));
        for (dockerfile, context) in &options.contexts {
            let is_url = context.contains("://") || context.starts_with("git@");
            let context =
                if is_url { context.clone() } else { folder.join(context).to_string_lossy().into_owned() };
            self.contexts.insert(folder.join(dockerfile), context);
        }
    }
}

fn trimmed(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// The 1-based line of what is wrong, where the message does not name it itself.
fn line_of(error: &ConfigError, text: &str) -> Option<usize> {
    let ConfigError::UnknownRule { name, .. } = error else { return None };
    let quoted = [format!("\"{name}\""), format!("'{name}'")];
    text.lines()
        .position(|line| quoted.iter().any(|quoted| line.contains(quoted.as_str())))
        .map(|line| line + 1)
}
