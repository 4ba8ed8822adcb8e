//! A Dockerfile from standard input. It has a name and a configuration, and no build context.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use dockmend_workspace::read::DEFAULT_LIMIT;

use crate::arguments::Stdin;
use crate::configuration::{Configurations, Configured};

/// The name of a text that has no other.
const NAME: &str = "<stdin>";

/// What came from standard input.
pub(super) struct Input {
    /// The name that is shown.
    pub(super) name: PathBuf,
    /// The configuration that applies.
    pub(super) configured: Arc<Configured>,
    /// The text, or why there is none.
    pub(super) text: Result<String, String>,
}

/// Reads standard input to its end.
///
/// # Errors
/// A wrong configuration.
pub(super) fn read(stdin: &Stdin, mut configurations: Configurations) -> Result<Input> {
    let configured = configurations.of(stdin.stdin_filename.as_deref().unwrap_or(Path::new("Dockerfile")))?;
    let name = stdin.stdin_filename.clone().unwrap_or_else(|| PathBuf::from(NAME));
    let shown = crate::output::shown(&name);
    let text = text().map_err(|reason| format!("{shown}: {reason}"));
    Ok(Input { name, configured, text })
}

/// The same limits as for files: UTF-8, no NUL, not too large.
fn text() -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(DEFAULT_LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("standard input cannot be read: {error}"))?;
    if bytes.len() as u64 > DEFAULT_LIMIT {
        return Err(format!("is larger than the limit of {DEFAULT_LIMIT} bytes"));
    }
    let line_of = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').count();
    if let Some(nul) = bytes.iter().position(|byte| *byte == 0) {
        let line = line_of(bytes.get(..nul).unwrap_or_default());
        return Err(format!("line {line}: a NUL byte; this is not a text file, or it is UTF-16"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        format!("line {}: not UTF-8", line_of(error.as_bytes().get(..valid).unwrap_or_default()))
    })
}
