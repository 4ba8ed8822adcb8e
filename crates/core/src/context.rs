//! A read-only view of a build context: its files, its `.dockerignore` and the projects found in it.
//!
//! Nothing here touches a disk. A caller hands in a [`ContextFiles`], a snapshot that gives one of three
//! answers: a path is *present*, it is *absent*, or it is *unknown*. Unknown is not absent: a Dockerfile read
//! from standard input has a context that nobody has seen, and a rule that needs one must then stay silent.
//!
//! Paths are relative to the root of the context and separated by `/`; the root itself is `""`. [`normalise`]
//! brings any other spelling into that form.
//!
//! ```
//! use dockmend_core::context::{walk, DockerIgnore, MemoryFiles};
//!
//! let files = MemoryFiles::new([("app/main.py", "print()"), ("app/.env", "KEY=1")]);
//! let ignore = DockerIgnore::parse("**/.env\n");
//! let sent = walk(&files, Some(&ignore), 1000).present().unwrap_or_default();
//! let paths: Vec<_> = sent.iter().map(|found| found.path.as_str()).collect();
//! assert_eq!(paths, ["app", "app/main.py"]);
//! ```

use std::sync::Arc;

pub mod dockerignore;
pub mod project;

mod memory;
mod recording;
mod walk;

pub use dockerignore::{DockerIgnore, ignore_file_for};
pub use memory::{MemoryFiles, NoContext};
pub use recording::{Question, Recording};
pub use walk::{Found, walk};

/// What a snapshot knows about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer<T> {
    /// It is there, and this is what it is.
    Present(T),
    /// It is certain that nothing of that kind is there.
    Absent,
    /// The snapshot cannot tell: there is no context, or this part of it was not read.
    Unknown,
}

impl<T> Answer<T> {
    /// The value, when it is present; absent and unknown both give `None`.
    pub fn present(self) -> Option<T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Unknown => None,
        }
    }

    /// Whether something is certainly there.
    pub const fn is_present(&self) -> bool {
        matches!(self, Self::Present(_))
    }

    /// Whether it is certain that nothing is there.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether the snapshot cannot tell.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// The same answer about a value made from this one.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Present(value) => Answer::Present(make(value)),
            Self::Absent => Answer::Absent,
            Self::Unknown => Answer::Unknown,
        }
    }
}

/// What kind of thing a name in the context is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A regular file, or a link to one inside the context.
    File,
    /// A directory, or a link to one inside the context.
    Directory,
    /// A symbolic link whose target is outside the context or does not exist.
    Symlink,
    /// A device, a socket, a named pipe.
    Other,
}

/// One name in a directory of the context.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The last part of the path; empty for the root.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its length in bytes; 0 for anything but a file.
    pub size: u64,
}

/// A read-only snapshot of a build context.
///
/// Paths come in the form that [`normalise`] gives.
pub trait ContextFiles {
    /// What is at `path`.
    fn entry(&self, path: &str) -> Answer<Entry>;

    /// The bytes of the file at `path`. `Absent` when there is no file of that name (a directory is none);
    /// `Unknown` when the file cannot be read or is larger than the snapshot reads.
    fn read(&self, path: &str) -> Answer<Arc<[u8]>>;

    /// The direct children of the directory `dir`, sorted by name. `Absent` when there is no such directory.
    fn list(&self, dir: &str) -> Answer<Vec<Entry>>;
}

/// Brings a path into the form that [`ContextFiles`] asks for: no leading `/` or `./`, no empty, `.` or `..`
/// parts, no trailing `/`. `None` when the path leaves the root of the context.
///
/// A leading `/` means the root of the context, as it does in the source of a COPY.
///
/// ```
/// use dockmend_core::context::normalise;
/// assert_eq!(normalise("./a//b/../c/").as_deref(), Some("a/c"));
/// assert_eq!(normalise("/").as_deref(), Some(""));
/// assert_eq!(normalise("a/../../b"), None);
/// ```
pub fn normalise(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// `name` inside `dir`, both in normal form.
pub(crate) fn join(dir: &str, name: &str) -> String {
    match (dir, name) {
        ("", name) => name.to_owned(),
        (dir, "") => dir.to_owned(),
        (dir, name) => format!("{dir}/{name}"),
    }
}

/// The directory that holds `path`, and the last part of it.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_brought_into_one_form() {
        for (given, wanted) in [
            ("", Some("")),
            (".", Some("")),
            ("/", Some("")),
            ("./", Some("")),
            ("a", Some("a")),
            ("/a", Some("a")),
            ("./a//b/../c", Some("a/c")),
            ("a/b/", Some("a/b")),
            ("a/..", Some("")),
            ("a/./b", Some("a/b")),
            ("..", None),
            ("../a", None),
            ("/..", None),
            ("a/../../a", None),
            ("...", Some("...")),
            (" a", Some(" a")),
        ] {
            assert_eq!(normalise(given).as_deref(), wanted, "{given:?}");
        }
    }

    #[test]
    fn joining_and_splitting_agree() {
        assert_eq!(join("", "a"), "a");
        assert_eq!(join("a", ""), "a");
        assert_eq!(join("a/b", "c"), "a/b/c");
        assert_eq!(split("a/b/c"), ("a/b", "c"));
        assert_eq!(split("a"), ("", "a"));
    }
}
