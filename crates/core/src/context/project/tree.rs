//! The part of a context that is in the image when a command runs there.

use super::{Answer, text};
use crate::context::{ContextFiles, Entry, EntryKind, join, split};

/// Some of the files of a context. What it does not see is absent: a COPY did not bring it, or the ignore file keeps it out.
///
/// Paths are relative to the root of the context, in the form that [`normalise`](crate::context::normalise) gives.
#[derive(Clone, Copy)]
pub struct Tree<'a> {
    files: &'a dyn ContextFiles,
    sees: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for Tree<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tree")
    }
}

impl<'a> Tree<'a> {
    /// Those files and directories of the context for which `sees` is true.
    pub fn new(files: &'a dyn ContextFiles, sees: &'a dyn Fn(&str) -> bool) -> Self {
        Self { files, sees }
    }

    /// The text of a file without its byte order mark; unknown when it is not UTF-8.
    pub(super) fn text(&self, path: &str) -> Answer<String> {
        if (self.sees)(path) { text(self.files, path) } else { Answer::Absent }
    }

    /// The text of a file that is there and can be read.
    pub(super) fn known_text(&self, path: &str) -> Option<String> {
        self.text(path).present()
    }

    pub(super) fn has_file(&self, path: &str) -> bool {
        self.kind(path).is_some_and(|kind| kind != EntryKind::Directory)
    }

    pub(super) fn has_directory(&self, path: &str) -> bool {
        self.kind(path) == Some(EntryKind::Directory)
    }

    fn kind(&self, path: &str) -> Option<EntryKind> {
        if !(self.sees)(path) {
            return None;
        }
        self.files.entry(path).present().map(|entry| entry.kind)
    }

    /// What is in a directory, sorted by name; empty when it is not known.
    pub(super) fn list(&self, directory: &str) -> Vec<Entry> {
        let mut entries = self.files.list(directory).present().unwrap_or_default();
        entries.retain(|entry| (self.sees)(&join(directory, &entry.name)));
        entries
    }

    /// The file of this name in a directory, whatever the case of its letters.
    pub(super) fn any_case(&self, directory: &str, name: &str) -> Option<String> {
        let entry = self
            .list(directory)
            .into_iter()
            .find(|entry| entry.kind != EntryKind::Directory && entry.name.eq_ignore_ascii_case(name))?;
        Some(join(directory, &entry.name))
    }
}

/// A directory and those above it, up to the root of the context.
pub(super) fn upwards(directory: &str) -> impl Iterator<Item = &str> {
    let mut next = Some(directory);
    std::iter::from_fn(move || {
        let here = next?;
        next = (!here.is_empty()).then(|| split(here).0);
        Some(here)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::MemoryFiles;

    #[test]
    fn what_is_not_seen_is_absent() {
        let files = MemoryFiles::new([("a/pom.xml", "x"), ("b/pom.xml", "y")]);
        let sees = |path: &str| path.starts_with('a');
        let tree = Tree::new(&files, &sees);
        assert_eq!(tree.known_text("a/pom.xml").as_deref(), Some("x"));
        assert!(tree.text("b/pom.xml").is_absent());
        assert!(tree.has_directory("a") && !tree.has_directory("b") && !tree.has_file("a"));
        assert_eq!(tree.list("").len(), 1);
        assert_eq!(tree.any_case("a", "POM.xml").as_deref(), Some("a/pom.xml"));
    }

    #[test]
    fn the_way_up_ends_at_the_root() {
        assert_eq!(upwards("a/b").collect::<Vec<_>>(), ["a/b", "a", ""]);
        assert_eq!(upwards("").collect::<Vec<_>>(), [""]);
    }
}
