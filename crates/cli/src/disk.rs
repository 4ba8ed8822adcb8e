//! A build context on disk, read as it is asked for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dockmend_core::context::{Answer, ContextFiles, Entry, EntryKind};
use dockmend_workspace::read::read_up_to;

/// The largest file of a context that is read, in bytes: manifests and lockfiles are smaller.
const LIMIT: u64 = 4 * 1024 * 1024;

/// The files below a folder. Each answer is given once and kept, so that one run sees one state of the disk.
pub(crate) struct Folder {
    root: PathBuf,
    entries: RefCell<HashMap<String, Answer<Entry>>>,
    texts: RefCell<HashMap<String, Answer<Arc<[u8]>>>>,
    lists: RefCell<HashMap<String, Answer<Vec<Entry>>>>,
}

impl Folder {
    /// The context whose root is the folder `root`.
    pub(crate) fn new(root: &Path) -> Self {
        // Links that lead out of the context are told from the real path.
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        Self { root, entries: RefCell::default(), texts: RefCell::default(), lists: RefCell::default() }
    }

    fn look_at(&self, path: &str) -> Answer<Entry> {
        match fs::symlink_metadata(self.root.join(path)) {
            Ok(metadata) => Answer::Present(self.describe(path, &metadata)),
            Err(error) => absent_or_unknown(&error),
        }
    }

    fn describe(&self, path: &str, metadata: &fs::Metadata) -> Entry {
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        let full = self.root.join(path);
        let (kind, size) = if metadata.is_symlink() {
            let inside = full.canonicalize().ok().filter(|target| target.starts_with(&self.root));
            match inside.and_then(|target| fs::metadata(target).ok()) {
                Some(target) => kind_of(&target),
                None => (EntryKind::Symlink, 0),
            }
        } else {
            kind_of(metadata)
        };
        Entry { name, kind, size }
    }

    fn look_into(&self, path: &str) -> Answer<Vec<Entry>> {
        let entries = match fs::read_dir(self.root.join(path)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Answer::Absent,
            Err(error) => return absent_or_unknown(&error),
        };
        let mut list = Vec::new();
        for entry in entries {
            // A name that is no UTF-8 cannot be asked about, so that the folder is not wholly known.
            let Ok(entry) = entry else { return Answer::Unknown };
            let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), entry.metadata()) else {
                return Answer::Unknown;
            };
            let inner = if path.is_empty() { name } else { format!("{path}/{name}") };
            list.push(self.describe(&inner, &metadata));
        }
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Answer::Present(list)
    }

    fn text(&self, path: &str) -> Answer<Arc<[u8]>> {
        match self.entry(path) {
            Answer::Present(entry) if entry.kind == EntryKind::File => {
                match read_up_to(&self.root.join(path), LIMIT) {
                    Ok(source) => Answer::Present(Arc::from(source.text.into_bytes())),
                    Err(_) => Answer::Unknown,
                }
            }
            Answer::Present(_) | Answer::Absent => Answer::Absent,
            Answer::Unknown => Answer::Unknown,
        }
    }
}

fn kind_of(metadata: &fs::Metadata) -> (EntryKind, u64) {
    if metadata.is_file() {
        (EntryKind::File, metadata.len())
    } else if metadata.is_dir() {
        (EntryKind::Directory, 0)
    } else {
        (EntryKind::Other, 0)
    }
}

fn absent_or_unknown<T>(error: &io::Error) -> Answer<T> {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Answer::Absent,
        _ => Answer::Unknown,
    }
}

impl ContextFiles for Folder {
    fn entry(&self, path: &str) -> Answer<Entry> {
        if let Some(answer) = self.entries.borrow().get(path) {
            return answer.clone();
        }
        let answer = self.look_at(path);
        self.entries.borrow_mut().insert(path.to_owned(), answer.clone());
        answer
    }

    fn read(&self, path: &str) -> Answer<Arc<[u8]>> {
        if let Some(answer) = self.texts.borrow().get(path) {
            return answer.clone();
        }
        let answer = self.text(path);
        self.texts.borrow_mut().insert(path.to_owned(), answer.clone());
        answer
    }

    fn list(&self, dir: &str) -> Answer<Vec<Entry>> {
        if let Some(answer) = self.lists.borrow().get(dir) {
            return answer.clone();
        }
        let answer = self.look_into(dir);
        self.lists.borrow_mut().insert(dir.to_owned(), answer.clone());
        answer
    }
}
