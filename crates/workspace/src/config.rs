//! Finds the configuration file that applies to a Dockerfile. Parsing it is the work of `dockmend-core`.

use std::path::{Path, PathBuf};

use crate::path::{absolute, folder_of};
use crate::read::{ReadProblem, ReadReason, read};

/// The names of a configuration file; in one folder, the first wins.
pub const NAMES: [&str; 2] = ["dockmend.toml", ".dockmend.toml"];

/// A configuration file as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigFile {
    /// Its absolute path; paths in the file are meant from its folder.
    pub path: PathBuf,
    /// Its text, not parsed.
    pub text: String,
}

/// The configuration file nearest to `file`: in its folder, or in one above, up to and including the root of the
/// repository (the first folder with a `.git` entry), or the root of the disk where there is no repository.
///
/// `file` may be a file, a folder (which is then looked into itself), or a path that does not exist yet.
/// Returns `Ok(None)` where there is no configuration file, and an error where the nearest one cannot be read: to go on with
/// another file, or none, would silently change which rules run.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("dockmend.toml"), "select = []\n")?;
/// let found = dockmend_workspace::config::find(&folder.path().join("api/Dockerfile"))?;
/// assert_eq!(found.map(|config| config.text).as_deref(), Some("select = []\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn find(file: &Path) -> Result<Option<ConfigFile>, ReadProblem> {
    let file = absolute(file);
    let start = if file.is_dir() { file.as_path() } else { folder_of(&file) };
    for folder in start.ancestors() {
        for name in NAMES {
            if let Some(found) = at(folder.join(name))? {
                return Ok(Some(found));
            }
        }
        if folder.join(".git").symlink_metadata().is_ok() {
            break;
        }
    }
    Ok(None)
}

fn at(path: PathBuf) -> Result<Option<ConfigFile>, ReadProblem> {
    match read(&path) {
        Ok(source) => Ok(Some(ConfigFile { path, text: source.text })),
        // A folder above that may not be searched holds no configuration meant for this user.
        Err(ReadProblem { reason: ReadReason::Missing | ReadReason::NotAFile(_), .. }) => Ok(None),
        Err(_) if path.symlink_metadata().is_err() => Ok(None),
        Err(problem) => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_nearest_file_up_to_the_repository_wins() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("repo/api/src")).unwrap();
        fs::create_dir(at("repo/.git")).unwrap();
        fs::write(at("dockmend.toml"), "outside").unwrap();
        let text = |name: &str| find(&at(name)).unwrap().map(|config| config.text);

        assert_eq!(text("repo/api/src/Dockerfile"), None, "the search ends at the repository");
        fs::write(at("repo/.dockmend.toml"), "hidden").unwrap();
        assert_eq!(text("repo/api/src/Dockerfile").as_deref(), Some("hidden"));
        fs::write(at("repo/dockmend.toml"), "plain").unwrap();
        assert_eq!(text("repo/api/src/Dockerfile").as_deref(), Some("plain"), "plain name first");
        fs::write(at("repo/api/dockmend.toml"), "near").unwrap();
        assert_eq!(text("repo/api/src/Dockerfile").as_deref(), Some("near"));
        assert_eq!(text("repo/api").as_deref(), Some("near"), "a folder is looked into itself");
        assert_eq!(text("repo/Dockerfile").as_deref(), Some("plain"));
        assert_eq!(text("Dockerfile").as_deref(), Some("outside"));
    }

    #[test]
    fn a_git_file_ends_the_search_too() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tree")).unwrap();
        fs::write(folder.path().join("tree/.git"), "gitdir: elsewhere\n").unwrap();
        fs::write(folder.path().join("dockmend.toml"), "outside").unwrap();
        assert_eq!(find(&folder.path().join("tree/Dockerfile")).unwrap(), None);
    }

    #[test]
    fn a_file_that_is_not_text_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("dockmend.toml"), b"a = 1\n\xff").unwrap();
        let problem = find(&folder.path().join("Dockerfile")).unwrap_err();
        assert!(problem.to_string().ends_with("dockmend.toml: line 2, byte 1: not UTF-8"), "{problem}");
    }
}
