//! Several paths to one file, by symlinks, hard links or spelling, become one path.
//!
//! Without this a file that is linked twice would be reported twice, and mended twice at the same time (H150).

use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};

/// A path that may be a Dockerfile, with what decides between it and its twins.
pub(super) struct Candidate {
    /// Lower is better: named by the user, then a file of its own, then a symlink.
    rank: u8,
    path: PathBuf,
}

impl Candidate {
    pub(super) fn named(path: PathBuf) -> Self {
        Self { rank: 0, path }
    }

    pub(super) fn walked(path: PathBuf, is_symlink: bool) -> Self {
        Self { rank: if is_symlink { 2 } else { 1 }, path }
    }
}

/// The best path of each file, sorted.
pub(super) fn once_each(candidates: Vec<Candidate>) -> Vec<PathBuf> {
    let mut best: HashMap<Identity, Candidate> = HashMap::with_capacity(candidates.len());
    for candidate in candidates {
        let identity = Identity::of(&candidate.path);
        match best.get_mut(&identity) {
            Some(kept) if (candidate.rank, &candidate.path) < (kept.rank, &kept.path) => *kept = candidate,
            Some(_) => {}
            None => drop(best.insert(identity, candidate)),
        }
    }
    let mut paths: Vec<_> = best.into_values().map(|candidate| candidate.path).collect();
    paths.sort();
    paths
}

/// What is the same for two paths to one file.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    /// The device and the number of the file on it: a look-up that keeps no file open, as thousands of `same_file`
    /// handles would.
    #[cfg(unix)]
    Inode(u64, u64),
    /// Elsewhere a file must be opened to be known again; the handle limit there is in the millions.
    #[cfg(not(unix))]
    Handle(same_file::Handle),
    /// A file that cannot be looked at: only its spelling is known.
    Path(PathBuf),
}

impl Identity {
    #[cfg(unix)]
    fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        path.metadata().map_or_else(
            |_| Self::Path(crate::path::absolute(path)),
            |metadata| Self::Inode(metadata.dev(), metadata.ino()),
        )
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> Self {
        same_file::Handle::from_path(path)
            .map_or_else(|_| Self::Path(crate::path::absolute(path)), Self::Handle)
    }
}
