//! Writes changed files so that at every moment each of them is either wholly old or wholly new.
//!
//! A new text goes to a temporary file in the same folder (a rename does not cross file systems), which then takes the
//! place of the old file. Mode, and where permitted owner and group, are kept. Of a symlink the target is
//! replaced, and the link stays. Just before the rename the file on disk is compared with what was read: somebody else's
//! edit is never overwritten.
//!
//! The one exception is a file with several hard links: a rename would part it from its twins, so it is written in place,
//! and put back as it was should that fail.
//!
//! Files that belong together, such as a Dockerfile and its new `.dockerignore`, are written by [`write_group`].

use std::collections::HashSet;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};
use thiserror::Error;

use crate::path::{absolute, folder_of};
use crate::read::{Fingerprint, ReadProblem, ReadReason, bytes_up_to, explain, other_kind};

/// How to write; `Options::default()` leaves it to the system when data reaches the disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether to wait until the texts, and their names in the folders, are on the disk itself (`fsync`).
    pub sync: bool,
}

/// One file of a unit of work.
#[derive(Clone, Debug)]
pub struct Change {
    /// The file to write.
    pub path: PathBuf,
    /// What it was when it was read; `None` for a file that must not exist yet.
    pub before: Option<Fingerprint>,
    /// Its whole new text.
    pub after: String,
}

/// Why a file was not written. Unless the variant says otherwise it is as it was; the message names it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteProblem {
    /// The file on disk is not the one that was read.
    #[error("{}: changed on disk since it was read; nothing was written to it", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A file that was to be created exists by now.
    #[error("{}: exists already; it was not overwritten", path.display())]
    Appeared {
        /// The file.
        path: PathBuf,
    },
    /// The file's own permissions say that it is not to be written.
    #[error("{}: is read-only", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// No temporary file can be made in the file's folder.
    #[error("{}: cannot write to the folder {}: {error}", path.display(), folder.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// Two changes of one group go to the same file.
    #[error("{}: would be written twice at once", path.display())]
    Repeated {
        /// The second path of the two.
        path: PathBuf,
    },
    /// The file cannot be looked at.
    #[error(transparent)]
    Unreadable(#[from] ReadProblem),
    /// Anything else that the operating system says, such as a full disk.
    #[error("{}: cannot be written: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// A file with several hard links was written in place, that failed, and so did putting the old text back.
    #[error("{}: writing it in place failed half-way: {error}; its new text is in {}", path.display(), kept.display())]
    HalfWritten {
        /// The file, now damaged.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
        /// A complete copy of the new text.
        kept: PathBuf,
    },
}

/// Where [`write_group`] stopped.
#[derive(Debug, Error)]
#[error("{problem}{}", also_written(written))]
#[non_exhaustive]
pub struct GroupProblem {
    /// What went wrong, and with which file.
    pub problem: WriteProblem,
    /// The files that were written before, in order; empty when the trouble was seen beforehand.
    pub written: Vec<PathBuf>,
}

fn also_written(written: &[PathBuf]) -> String {
    if written.is_empty() {
        return String::new();
    }
    let names: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
    format!(" (already written: {})", names.join(", "))
}

/// Replaces the text of the file at `path`, if it still is what it was when `before` was taken.
///
/// ```
/// use dockmend_workspace::{read, write};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("Dockerfile");
/// std::fs::write(&path, "FROM a\nMAINTAINER me\n")?;
/// let source = read::read(&path)?;
/// write::write(&path, source.fingerprint, "FROM a\n", write::Options::default())?;
/// assert_eq!(std::fs::read_to_string(&path)?, "FROM a\n");
///
/// let late = write::write(&path, source.fingerprint, "FROM b\n", write::Options::default());
/// assert!(matches!(late, Err(write::WriteProblem::Changed { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(path: &Path, before: Fingerprint, after: &str, options: Options) -> Result<(), WriteProblem> {
    Staged::replace(path, before, after, options)?.commit(options)
}

/// Creates a file that must not exist yet; its mode is what a new file of this user has.
pub fn create(path: &Path, text: &str, options: Options) -> Result<(), WriteProblem> {
    Staged::create(path, text, options)?.commit(options)
}

/// Writes the files of one unit of work, in the order given, which is such that the build works after each of them.
///
/// All texts are first put beside their files, and all files are compared with what they were, so most troubles are
/// seen before anything has changed. What fails after that leaves the earlier files written; the error lists them.
pub fn write_group(changes: &[Change], options: Options) -> Result<(), GroupProblem> {
    let nothing = |problem| GroupProblem { problem, written: Vec::new() };
    let staged = stage(changes, options).map_err(nothing)?;
    for file in &staged {
        file.check().map_err(nothing)?;
    }
    commit(staged, options)
}

fn stage(changes: &[Change], options: Options) -> Result<Vec<Staged>, WriteProblem> {
    let mut targets = HashSet::new();
    changes
        .iter()
        .map(|change| {
            let staged = match change.before {
                Some(before) => Staged::replace(&change.path, before, &change.after, options),
                None => Staged::create(&change.path, &change.after, options),
            }?;
            if !targets.insert(staged.target.clone()) {
                return Err(WriteProblem::Repeated { path: change.path.clone() });
            }
            Ok(staged)
        })
        .collect()
}

fn commit(staged: Vec<Staged>, options: Options) -> Result<(), GroupProblem> {
    let mut written = Vec::new();
    for file in staged {
        let path = file.path.clone();
        if let Err(problem) = file.commit(options) {
            return Err(GroupProblem { problem, written });
        }
        written.push(path);
    }
    Ok(())
}

/// A new text that lies beside its file, ready to take its place. Dropped, it is removed.
#[derive(Debug)]
struct Staged {
    /// As the user knows it.
    path: PathBuf,
    /// The file itself, where `path` is or leads through a symlink.
    target: PathBuf,
    temporary: TempPath,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Nothing is there.
    New,
    /// A file that is replaced by the temporary one.
    Rename(Fingerprint),
    /// A file with several names, which is written to.
    Linked(Fingerprint),
}

impl Staged {
    fn create(path: &Path, text: &str, options: Options) -> Result<Self, WriteProblem> {
        if path.symlink_metadata().is_ok() {
            return Err(WriteProblem::Appeared { path: path.to_owned() });
        }
        let folder = folder_of(path);
        let target = match (folder.canonicalize(), path.file_name()) {
            (Ok(folder), Some(name)) => folder.join(name),
            _ => absolute(path),
        };
        let temporary = put_beside(path, folder, text, None, options)?;
        Ok(Self { path: path.to_owned(), target, temporary, place: Place::New })
    }

    fn replace(
        path: &Path,
        before: Fingerprint,
        after: &str,
        options: Options,
    ) -> Result<Self, WriteProblem> {
        let target = path.canonicalize().map_err(|error| unreadable(path, explain(path, error)))?;
        let metadata = fs::metadata(&target).map_err(|error| unreadable(path, explain(&target, error)))?;
        if let Some(kind) = other_kind(metadata.file_type()) {
            return Err(unreadable(path, ReadReason::NotAFile(kind)));
        }
        // A rename would succeed all the same, and so override what the file's owner asked for.
        if metadata.permissions().readonly() {
            return Err(WriteProblem::ReadOnly { path: path.to_owned() });
        }
        let temporary = put_beside(path, folder_of(&target), after, Some(&metadata), options)?;
        let place = if links(&metadata) > 1 { Place::Linked(before) } else { Place::Rename(before) };
        Ok(Self { path: path.to_owned(), target, temporary, place })
    }

    /// Whether the file on disk still is what it was, or still is not there.
    fn check(&self) -> Result<(), WriteProblem> {
        match self.place {
            Place::New if self.path.symlink_metadata().is_ok() => {
                Err(WriteProblem::Appeared { path: self.path.clone() })
            }
            Place::New => Ok(()),
            Place::Rename(before) | Place::Linked(before) => self.unchanged(before).map(drop),
        }
    }

    /// The bytes on disk, which are those that `before` was taken of.
    fn unchanged(&self, before: Fingerprint) -> Result<Vec<u8>, WriteProblem> {
        let changed = || WriteProblem::Changed { path: self.path.clone() };
        // The link may have been turned to another file meanwhile.
        if !self.path.canonicalize().is_ok_and(|target| target == self.target) {
            return Err(changed());
        }
        match bytes_up_to(&self.target, before.length()) {
            Ok(bytes) if Fingerprint::of(&bytes) == before => Ok(bytes),
            Ok(_) | Err(ReadReason::TooLarge { .. } | ReadReason::Missing) => Err(changed()),
            Err(reason) => Err(unreadable(&self.path, reason)),
        }
    }

    fn commit(self, options: Options) -> Result<(), WriteProblem> {
        match self.place {
            Place::New => {
                let Self { path, target, temporary, .. } = self;
                temporary.persist_noclobber(&target).map_err(|error| {
                    if error.error.kind() == io::ErrorKind::AlreadyExists {
                        WriteProblem::Appeared { path }
                    } else {
                        WriteProblem::Io { path, error: error.error }
                    }
                })?;
                sync_folder(&target, options);
                Ok(())
            }
            Place::Rename(before) => {
                self.unchanged(before)?;
                let Self { path, target, temporary, .. } = self;
                temporary.persist(&target).map_err(|error| WriteProblem::Io { path, error: error.error })?;
                sync_folder(&target, options);
                Ok(())
            }
            Place::Linked(before) => {
                let old = self.unchanged(before)?;
                self.write_in_place(&old, options)
            }
        }
    }

    fn write_in_place(self, old: &[u8], options: Options) -> Result<(), WriteProblem> {
        let Self { path, target, temporary, .. } = self;
        let io = |error| WriteProblem::Io { path: path.clone(), error };
        let new = fs::read(&temporary).map_err(io)?;
        let mut file = OpenOptions::new().write(true).open(&target).map_err(io)?;
        let Err(error) = overwrite(&mut file, &new, options) else { return Ok(()) };
        if overwrite(&mut file, old, options).is_ok() {
            return Err(io(error));
        }
        let kept = temporary.to_path_buf();
        // Where even this fails the text is lost with the file, and the first error says why.
        drop(temporary.keep());
        Err(WriteProblem::HalfWritten { path, error, kept })
    }
}

fn overwrite(file: &mut File, bytes: &[u8], options: Options) -> io::Result<()> {
    file.rewind()?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    if options.sync { file.sync_all() } else { Ok(()) }
}

fn unreadable(path: &Path, reason: ReadReason) -> WriteProblem {
    WriteProblem::Unreadable(ReadProblem { path: path.to_owned(), reason })
}

/// Writes `text` to a temporary file in `folder`, with the mode and owner of `like`, or those of a new file.
fn put_beside(
    path: &Path,
    folder: &Path,
    text: &str,
    like: Option<&Metadata>,
    options: Options,
) -> Result<TempPath, WriteProblem> {
    let mut builder = Builder::new();
    builder.prefix(".dockmend-").suffix(".tmp");
    #[cfg(unix)]
    if like.is_none() {
        use std::os::unix::fs::PermissionsExt as _;
        // The system takes the user's umask off, as it does for any new file.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut temporary = builder.tempfile_in(folder).map_err(|error| WriteProblem::Folder {
        path: path.to_owned(),
        folder: folder.to_owned(),
        error,
    })?;
    let io = |error| WriteProblem::Io { path: path.to_owned(), error };
    temporary.write_all(text.as_bytes()).map_err(io)?;
    if let Some(like) = like {
        keep_owner(temporary.path(), like);
        fs::set_permissions(temporary.path(), like.permissions()).map_err(io)?;
    }
    if options.sync {
        temporary.as_file().sync_all().map_err(io)?;
    }
    Ok(temporary.into_temp_path())
}

/// Gives a new file the owner and group of the old one, so that `sudo dockmend` leaves no file of root's behind. Others
/// than root may not give files away; the file is then theirs, as with most editors.
#[cfg(unix)]
fn keep_owner(path: &Path, like: &Metadata) {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let Ok(new) = fs::metadata(path) else { return };
    if (new.uid(), new.gid()) != (like.uid(), like.gid()) {
        let both = chown(path, Some(like.uid()), Some(like.gid()));
        if both.is_err() && new.gid() != like.gid() {
            drop(chown(path, None, Some(like.gid())));
        }
    }
}

#[cfg(not(unix))]
fn keep_owner(_path: &Path, _like: &Metadata) {}

#[cfg(unix)]
fn links(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.nlink()
}

/// Elsewhere the standard library does not tell; a rename is the safer guess.
#[cfg(not(unix))]
fn links(_metadata: &Metadata) -> u64 {
    1
}

/// Waits until the new name is on disk. Some file systems cannot; the text itself has been waited for already.
fn sync_folder(target: &Path, options: Options) {
    if options.sync
        && let Ok(folder) = File::open(folder_of(target))
    {
        drop(folder.sync_all());
    }
}

#[cfg(test)]
mod tests;
