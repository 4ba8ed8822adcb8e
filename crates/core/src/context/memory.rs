//! Two snapshots that need no disk: one of nothing at all, one held in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Answer, ContextFiles, Entry, EntryKind, normalise, split};

/// The context of a Dockerfile that came without one (standard input, a lone file): every answer is unknown.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoContext;

impl ContextFiles for NoContext {
    fn entry(&self, _path: &str) -> Answer<Entry> {
        Answer::Unknown
    }

    fn read(&self, _path: &str) -> Answer<Arc<[u8]>> {
        Answer::Unknown
    }

    fn list(&self, _dir: &str) -> Answer<Vec<Entry>> {
        Answer::Unknown
    }
}

#[derive(Debug, Clone)]
enum Node {
    File(Arc<[u8]>),
    /// A file that is known to be there but whose text is not.
    Unreadable(u64),
    /// The names of its children.
    Directory(BTreeSet<String>),
    Symlink,
}

/// A whole context in memory. Parent directories are implied by the files in them.
///
/// A path that leaves the context is not part of what this knows, so it is unknown; on building, such a path
/// is left out. When a path is added twice, the later one stands; a file does not replace a directory.
#[derive(Debug, Clone)]
pub struct MemoryFiles {
    nodes: BTreeMap<String, Node>,
}

impl Default for MemoryFiles {
    fn default() -> Self {
        Self { nodes: BTreeMap::from([(String::new(), Node::Directory(BTreeSet::new()))]) }
    }
}

impl MemoryFiles {
    /// A context of these files, each a path and its bytes.
    pub fn new<P, B>(files: impl IntoIterator<Item = (P, B)>) -> Self
    where
        P: AsRef<str>,
        B: AsRef<[u8]>,
    {
        let mut memory = Self::default();
        for (path, bytes) in files {
            memory.insert(path.as_ref(), Node::File(Arc::from(bytes.as_ref())));
        }
        memory
    }

    /// Adds a directory, which may stay empty.
    #[must_use]
    pub fn with_directory(mut self, path: &str) -> Self {
        self.insert(path, Node::Directory(BTreeSet::new()));
        self
    }

    /// Adds a file of `size` bytes that is there but cannot be read.
    #[must_use]
    pub fn with_unreadable(mut self, path: &str, size: u64) -> Self {
        self.insert(path, Node::Unreadable(size));
        self
    }

    /// Adds a symbolic link that leads out of the context or nowhere.
    #[must_use]
    pub fn with_symlink(mut self, path: &str) -> Self {
        self.insert(path, Node::Symlink);
        self
    }

    fn insert(&mut self, path: &str, node: Node) {
        let Some(path) = normalise(path) else { return };
        if matches!(self.nodes.get(&path), Some(Node::Directory(_))) {
            return;
        }
        // Each parent learns its child's name; the way up ends at the first parent that already knew it.
        let mut child = path.as_str();
        while !child.is_empty() {
            let (parent, name) = split(child);
            let known = if let Some(Node::Directory(names)) = self.nodes.get_mut(parent) {
                !names.insert(name.to_owned())
            } else {
                let names = BTreeSet::from([name.to_owned()]);
                self.nodes.insert(parent.to_owned(), Node::Directory(names));
                false
            };
            if known {
                break;
            }
            child = parent;
        }
        self.nodes.insert(path, node);
    }

    fn describe(&self, path: &str) -> Option<Entry> {
        let (kind, size) = match self.nodes.get(path)? {
            Node::File(bytes) => (EntryKind::File, bytes.len() as u64),
            Node::Unreadable(size) => (EntryKind::File, *size),
            Node::Directory(_) => (EntryKind::Directory, 0),
            Node::Symlink => (EntryKind::Symlink, 0),
        };
        Some(Entry { name: split(path).1.to_owned(), kind, size })
    }
}

impl ContextFiles for MemoryFiles {
    fn entry(&self, path: &str) -> Answer<Entry> {
        let Some(path) = normalise(path) else { return Answer::Unknown };
        self.describe(&path).map_or(Answer::Absent, Answer::Present)
    }

    fn read(&self, path: &str) -> Answer<Arc<[u8]>> {
        let Some(path) = normalise(path) else { return Answer::Unknown };
        match self.nodes.get(&path) {
            Some(Node::File(bytes)) => Answer::Present(Arc::clone(bytes)),
            Some(Node::Unreadable(_) | Node::Symlink) => Answer::Unknown,
            Some(Node::Directory(_)) | None => Answer::Absent,
        }
    }

    fn list(&self, dir: &str) -> Answer<Vec<Entry>> {
        let Some(dir) = normalise(dir) else { return Answer::Unknown };
        match self.nodes.get(&dir) {
            Some(Node::Directory(names)) => Answer::Present(
                names.iter().filter_map(|name| self.describe(&super::join(&dir, name))).collect(),
            ),
            Some(Node::Symlink) => Answer::Unknown,
            Some(_) | None => Answer::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(answer: Answer<Vec<Entry>>) -> Vec<String> {
        answer.present().unwrap().into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn without_a_context_everything_is_unknown() {
        assert!(NoContext.entry("a").is_unknown());
        assert!(NoContext.read("a").is_unknown());
        assert!(NoContext.list("").is_unknown());
    }

    #[test]
    fn directories_are_implied_by_files() {
        let files = MemoryFiles::new([("src/deep/a.rs", "fn a() {}"), ("./b", ""), ("../out", "")])
            .with_directory("empty/")
            .with_unreadable("big.bin", 7)
            .with_symlink("away");
        assert_eq!(names(files.list("")), ["away", "b", "big.bin", "empty", "src"]);
        assert_eq!(names(files.list("src")), ["deep"]);
        assert_eq!(names(files.list("empty")), Vec::<String>::new());
        assert_eq!(files.entry("src").present().unwrap().kind, EntryKind::Directory);
        assert_eq!(files.entry("src/deep/a.rs").present().unwrap().size, 9);
        assert_eq!(files.entry("away").present().unwrap().kind, EntryKind::Symlink);
        assert_eq!(files.read("src/deep/a.rs").present().unwrap().as_ref(), b"fn a() {}");
    }

    #[test]
    fn absent_is_told_from_unknown() {
        let files = MemoryFiles::new([("a", "x")]).with_unreadable("big", 1);
        assert!(files.entry("nope").is_absent());
        assert!(files.read("").is_absent());
        assert!(files.list("a").is_absent());
        assert!(files.read("big").is_unknown());
        assert!(files.entry("../a").is_unknown());
    }

    #[test]
    fn the_later_file_stands_and_a_directory_stays_one() {
        let files = MemoryFiles::new([("a", "1"), ("a", "22"), ("d/x", ""), ("d", "file")]);
        assert_eq!(files.entry("a").present().unwrap().size, 2);
        assert_eq!(files.entry("d").present().unwrap().kind, EntryKind::Directory);
        // A file that turns out to be a directory becomes one.
        let files = MemoryFiles::new([("d", "file"), ("d/x", "")]);
        assert_eq!(names(files.list("d")), ["x"]);
    }
}
