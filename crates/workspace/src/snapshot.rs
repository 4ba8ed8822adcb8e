//! A build context on disk, as the read-only snapshot that rules ask.
//!
//! A folder is listed when something in it is asked for, and from then on the answers are the same: what a rule
//! saw is what the plan made from it, and the gate, see as well. Existence is decided by the listing, not by opening the
//! path, because a disk that ignores case would find `dockerfile` where the builder does not.
//!
//! Nothing outside the root is ever read. A symlink that leads out of it, nowhere, or back to a folder that it lies in is a
//! [`EntryKind::Symlink`], and what is behind it is unknown.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use dockmend_core::context::{Answer, ContextFiles, Entry, EntryKind, normalise};

use crate::read::bytes_up_to;

/// The largest file that is read, in bytes: 1 MiB. Manifests and ignore files are far smaller; lockfiles that are larger
/// are known to exist, and their text is unknown.
pub const READ_LIMIT: u64 = 1024 * 1024;

/// The files below a folder, looked at when asked for and remembered. It may be shared between threads.
///
/// ```
/// use dockmend_core::context::{Answer, ContextFiles};
/// use dockmend_workspace::snapshot::DiskFiles;
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("package.json"), "{}")?;
/// let files = DiskFiles::new(folder.path());
/// assert_eq!(files.read("package.json").present().as_deref(), Some(&b"{}"[..]));
/// assert_eq!(files.entry("yarn.lock"), Answer::Absent);
/// assert_eq!(files.entry("../x"), Answer::Unknown);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct DiskFiles {
    root: PathBuf,
    listings: RwLock<HashMap<String, Answer<Arc<Listing>>>>,
    texts: RwLock<HashMap<String, Answer<Arc<[u8]>>>>,
}

/// One folder.
#[derive(Debug)]
struct Listing {
    /// The folder itself, links resolved.
    real: PathBuf,
    /// Sorted by name.
    entries: Vec<Entry>,
}

impl Listing {
    fn entry(&self, name: &str) -> Option<&Entry> {
        let index = self.entries.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok()?;
        self.entries.get(index)
    }
}

impl DiskFiles {
    /// A snapshot of what is below `root`. Nothing is looked at yet; when `root` is no readable folder, every answer is
    /// unknown.
    pub fn new(root: &Path) -> Self {
        Self { root: crate::path::identity(root), listings: RwLock::default(), texts: RwLock::default() }
    }

    /// The folder, with links in its path resolved.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The listing of the folder at `path`, which is in normal form.
    fn folder(&self, path: &str) -> Answer<Arc<Listing>> {
        if let Some(known) = self.known(path) {
            return known;
        }
        // From the root down, so that a path is never followed beyond the first thing that is no folder.
        let mut chain: Vec<Arc<Listing>> = Vec::new();
        let mut here = String::new();
        for part in std::iter::once("").chain(path.split('/').filter(|part| !part.is_empty())) {
            if let Some(parent) = chain.last() {
                match parent.entry(part).map(|entry| entry.kind) {
                    Some(EntryKind::Directory) => {}
                    Some(EntryKind::Symlink) => return Answer::Unknown,
                    _ => return Answer::Absent,
                }
                if !here.is_empty() {
                    here.push('/');
                }
                here.push_str(part);
            }
            let listing = self.known(&here).unwrap_or_else(|| {
                let listing = self.look(&here, &chain);
                // The first answer stays, also when two threads looked at once.
                write(&self.listings).entry(here.clone()).or_insert(listing).clone()
            });
            match listing {
                Answer::Present(listing) => chain.push(listing),
                other => return other,
            }
        }
        chain.pop().map_or(Answer::Unknown, Answer::Present)
    }

    fn known(&self, path: &str) -> Option<Answer<Arc<Listing>>> {
        self.listings.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    /// Lists a folder on disk; `chain` are the folders that it lies in, from the root down.
    fn look(&self, path: &str, chain: &[Arc<Listing>]) -> Answer<Arc<Listing>> {
        let Some(real) = self.real(path) else { return Answer::Unknown };
        let Ok(found) = real.read_dir() else { return Answer::Unknown };
        let mut entries = Vec::new();
        for entry in found {
            let Ok(entry) = entry else { return Answer::Unknown };
            let (kind, size) = self.describe(&entry, &real, chain);
            // A name that is not UTF-8 cannot be asked for; it is listed so that the folder is not taken to be empty.
            let name = entry.file_name();
            let kind = if name.to_str().is_some() { kind } else { EntryKind::Other };
            entries.push(Entry { name: name.to_string_lossy().into_owned(), kind, size });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Answer::Present(Arc::new(Listing { real, entries }))
    }

    fn describe(&self, entry: &fs::DirEntry, folder: &Path, chain: &[Arc<Listing>]) -> (EntryKind, u64) {
        let plain = |metadata: &fs::Metadata| {
            if metadata.is_file() {
                (EntryKind::File, metadata.len())
            } else if metadata.is_dir() {
                (EntryKind::Directory, 0)
            } else {
                (EntryKind::Other, 0)
            }
        };
        // This is about the entry itself, a link not followed.
        let Ok(metadata) = entry.metadata() else { return (EntryKind::Other, 0) };
        if !metadata.is_symlink() {
            return plain(&metadata);
        }
        let Ok(target) = entry.path().canonicalize() else { return (EntryKind::Symlink, 0) };
        let circle = target == folder || chain.iter().any(|above| above.real == target);
        if circle || !target.starts_with(&self.root) {
            return (EntryKind::Symlink, 0);
        }
        fs::metadata(&target).map_or((EntryKind::Symlink, 0), |metadata| plain(&metadata))
    }

    /// The path on disk with links resolved, when it is within the root.
    fn real(&self, path: &str) -> Option<PathBuf> {
        let relative = Path::new(path);
        // On Windows `C:x` in a path would replace the root.
        if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            return None;
        }
        let real = self.root.join(relative).canonicalize().ok()?;
        real.starts_with(&self.root).then_some(real)
    }

    fn read_file(&self, path: &str) -> Answer<Arc<[u8]>> {
        match self.entry(path) {
            Answer::Present(Entry { kind: EntryKind::File, size, .. }) if size <= READ_LIMIT => {}
            Answer::Present(Entry { kind: EntryKind::Directory, .. }) | Answer::Absent => {
                return Answer::Absent;
            }
            Answer::Present(_) | Answer::Unknown => return Answer::Unknown,
        }
        let Some(real) = self.real(path) else { return Answer::Unknown };
        match bytes_up_to(&real, READ_LIMIT) {
            Ok(bytes) => Answer::Present(Arc::from(bytes)),
            // It was there when its folder was listed, so the snapshot does not say that it is not.
            Err(_) => Answer::Unknown,
        }
    }
}

impl ContextFiles for DiskFiles {
    fn entry(&self, path: &str) -> Answer<Entry> {
        let Some(path) = normalise(path) else { return Answer::Unknown };
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        match self.folder(folder) {
            Answer::Present(_) if name.is_empty() => {
                Answer::Present(Entry { name: String::new(), kind: EntryKind::Directory, size: 0 })
            }
            Answer::Present(listing) => listing.entry(name).cloned().map_or(Answer::Absent, Answer::Present),
            Answer::Absent => Answer::Absent,
            Answer::Unknown => Answer::Unknown,
        }
    }

    fn read(&self, path: &str) -> Answer<Arc<[u8]>> {
        let Some(path) = normalise(path) else { return Answer::Unknown };
        let known = self.texts.read().unwrap_or_else(PoisonError::into_inner).get(&path).cloned();
        known.unwrap_or_else(|| {
            let answer = self.read_file(&path);
            write(&self.texts).entry(path).or_insert(answer).clone()
        })
    }

    fn list(&self, dir: &str) -> Answer<Vec<Entry>> {
        let Some(dir) = normalise(dir) else { return Answer::Unknown };
        self.folder(&dir).map(|listing| listing.entries.clone())
    }
}

/// A lock that a panic elsewhere left behind guards a map that is whole: entries are only ever added.
fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, DiskFiles) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join("root").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let files = DiskFiles::new(&folder.path().join("root"));
        (folder, files)
    }

    fn kind(files: &DiskFiles, path: &str) -> Answer<EntryKind> {
        files.entry(path).map(|entry| entry.kind)
    }

    fn text(files: &DiskFiles, path: &str) -> Answer<String> {
        files.read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    #[test]
    fn present_absent_unknown() {
        let (_folder, files) = tree(&[("a/b.txt", "bee"), ("c", "")]);
        for (path, expected) in [
            ("", Answer::Present(EntryKind::Directory)),
            ("a", Answer::Present(EntryKind::Directory)),
            ("./a/../a/", Answer::Present(EntryKind::Directory)),
            ("a/b.txt", Answer::Present(EntryKind::File)),
            ("a/B.TXT", Answer::Absent),
            ("x", Answer::Absent),
            ("x/y/z", Answer::Absent),
            ("c/d", Answer::Absent),
            ("..", Answer::Unknown),
            ("a\0b", Answer::Absent),
        ] {
            assert_eq!(kind(&files, path), expected, "{path:?}");
        }
        assert_eq!(
            files.entry("a/b.txt").map(|entry| (entry.name, entry.size)),
            Answer::Present(("b.txt".into(), 3))
        );
        assert_eq!(text(&files, "a/b.txt"), Answer::Present("bee".into()));
        assert_eq!(text(&files, "a"), Answer::Absent);
        assert_eq!(text(&files, "nope"), Answer::Absent);
        assert_eq!(text(&files, "../root/c"), Answer::Unknown);
        let names =
            files.list("").map(|entries| entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>());
        assert_eq!(names, Answer::Present(vec!["a".into(), "c".into()]));
        assert_eq!(files.list("c"), Answer::Absent);
        assert_eq!(files.list("x"), Answer::Absent);
    }

    #[test]
    fn a_missing_root_is_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let files = DiskFiles::new(&folder.path().join("gone"));
        assert_eq!(kind(&files, ""), Answer::Unknown);
        assert_eq!(kind(&files, "a"), Answer::Unknown);
        assert!(files.list("").is_unknown());
        assert!(files.read("a").is_unknown());
    }

    #[test]
    fn answers_stay_the_same() {
        let (folder, files) = tree(&[("a", "old")]);
        assert_eq!(text(&files, "a"), Answer::Present("old".into()));
        fs::write(folder.path().join("root/a"), "newer").unwrap();
        fs::write(folder.path().join("root/b"), "").unwrap();
        assert_eq!(text(&files, "a"), Answer::Present("old".into()));
        assert_eq!(files.entry("a").map(|entry| entry.size), Answer::Present(3));
        assert_eq!(kind(&files, "b"), Answer::Absent);
    }

    #[test]
    fn a_large_file_is_there_but_not_read() {
        let limit = usize::try_from(READ_LIMIT).unwrap();
        let (_folder, files) = tree(&[("fits", &"x".repeat(limit)), ("large", &"x".repeat(limit + 1))]);
        assert!(files.read("fits").is_present());
        assert_eq!(kind(&files, "large"), Answer::Present(EntryKind::File));
        assert!(files.read("large").is_unknown());
    }

    #[cfg(unix)]
    #[test]
    fn links_never_lead_out() {
        use std::os::unix::fs::symlink;
        let (folder, files) = tree(&[("real/file", "in"), ("real/sub/x", ""), ("other/x", "")]);
        let link = |target: &str, name: &str| symlink(target, folder.path().join("root").join(name)).unwrap();
        fs::write(folder.path().join("secret"), "out").unwrap();
        fs::create_dir(folder.path().join("root-twin")).unwrap();
        link("../secret", "leak");
        link("..", "up");
        link("../root-twin", "twin");
        link("/etc", "etc");
        link("gone", "dangling");
        link("self", "self");
        link("real/file", "file");
        link("real", "dir");
        link("../..", "real/sub/circle");
        link("../other", "real/there");
        link("../real", "other/back");
        for (path, expected) in [
            ("leak", EntryKind::Symlink),
            ("up", EntryKind::Symlink),
            ("twin", EntryKind::Symlink),
            ("etc", EntryKind::Symlink),
            ("dangling", EntryKind::Symlink),
            ("self", EntryKind::Symlink),
            ("real/sub/circle", EntryKind::Symlink),
            ("real/there", EntryKind::Directory),
            ("real/there/back", EntryKind::Symlink),
            ("file", EntryKind::File),
            ("dir", EntryKind::Directory),
            ("dir/file", EntryKind::File),
        ] {
            assert_eq!(kind(&files, path), Answer::Present(expected), "{path}");
        }
        assert_eq!(text(&files, "dir/file"), Answer::Present("in".into()));
        assert_eq!(text(&files, "file"), Answer::Present("in".into()));
        for path in ["leak", "etc/hostname", "up/secret", "dangling", "twin/x"] {
            assert_eq!(text(&files, path), Answer::Unknown, "{path}");
        }
        assert!(files.list("etc").is_unknown());
        assert!(files.entry("etc/hostname").is_unknown());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_is_not_utf8_is_listed_as_something_else() {
        use std::os::unix::ffi::OsStrExt as _;
        let (folder, files) = tree(&[("a", "")]);
        let name = std::ffi::OsStr::from_bytes(b"b\xff");
        fs::write(folder.path().join("root").join(name), "").unwrap();
        let entries = files.list("").present().unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].kind, EntryKind::Other);
    }

    #[cfg(unix)]
    #[test]
    fn what_cannot_be_listed_is_unknown() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, files) = tree(&[("closed/a", "")]);
        let closed = folder.path().join("root/closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        let binds = closed.read_dir().is_err();
        let answer = kind(&files, "closed/a");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
        if !binds {
            eprintln!("skipped: permissions do not bind this user");
            return;
        }
        assert_eq!(answer, Answer::Unknown);
    }

    #[test]
    fn a_path_of_many_parts_does_no_harm() {
        let (_folder, files) = tree(&[("a/b", "")]);
        assert_eq!(kind(&files, &"a/".repeat(100_000)), Answer::Absent);
    }

    #[test]
    fn threads_share_one_snapshot() {
        let (_folder, files) = tree(&[("a/b", "bee")]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(text(&files, "a/b"), Answer::Present("bee".into())));
            }
        });
    }
}
