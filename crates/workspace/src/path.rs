//! Paths as text: made absolute, freed of `.` and `..`, and followed upwards to the root of a repository.

use std::path::{Component, Path, PathBuf};

/// `path`, made absolute from the current folder, with `.` and `..` resolved as text (a symlink is not followed).
///
/// Returns the path as it is when the current folder cannot be told.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    normal(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

/// `path` with `.` and `..` resolved as text. A `..` above the first component of a relative path is kept.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match out.components().next_back() {
                Some(Component::Normal(_)) => {
                    out.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                _ => out.push(".."),
            },
            other => out.push(other),
        }
    }
    out
}

/// The path that two spellings of one file share: symlinks followed where the file exists, text otherwise.
pub(crate) fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| absolute(path))
}

/// The nearest folder from `folder` upwards that has a `.git` entry (a folder, or a file in a work tree).
pub(crate) fn repository_root(folder: &Path) -> Option<PathBuf> {
    let folder = absolute(folder);
    folder.ancestors().find(|ancestor| ancestor.join(".git").symlink_metadata().is_ok()).map(Path::to_owned)
}

/// The folder that a file lies in; `.` for a bare name.
pub(crate) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_resolved_as_text() {
        for (path, expected) in [
            ("/a/./b/../c", "/a/c"),
            ("/../a", "/a"),
            ("a/../../b", "../b"),
            ("../../b", "../../b"),
            ("./x", "x"),
            (".", ""),
        ] {
            assert_eq!(normal(Path::new(path)), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn a_bare_name_lies_in_the_current_folder() {
        assert_eq!(folder_of(Path::new("Dockerfile")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/Dockerfile")), Path::new("a"));
    }
}
