//! Reads one Dockerfile: its bytes as text, or the reason why there is none.
//!
//! The builder takes a Dockerfile as UTF-8 and works on bytes. Here a file that is not UTF-8, or that holds a NUL, is
//! refused with the place of the first bad byte: columns, ranges and edits would have no meaning in it.

use std::fmt;
use std::fs::{self, File, FileType};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use thiserror::Error;

/// The largest file that [`read`] takes, in bytes: 16 MiB. The largest Dockerfiles seen are generated ones of a few MB.
pub const DEFAULT_LIMIT: u64 = 16 * 1024 * 1024;

/// A short mark of a file's bytes, to see whether the file on disk is still the one that was read.
///
/// It is the length and the 64-bit FNV-1a hash (Fowler, Noll, Vo). That is enough to notice an edit made between
/// reading and writing; it is no protection against somebody who wants two files to have the same mark. The value is
/// the same in every release and on every machine, so that it may be stored beside a plan.
///
/// ```
/// use dockmend_workspace::read::Fingerprint;
///
/// assert_eq!(Fingerprint::of(b"FROM scratch\n"), Fingerprint::of(b"FROM scratch\n"));
/// assert_ne!(Fingerprint::of(b"FROM scratch\n"), Fingerprint::of(b"FROM scratch"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    length: u64,
    hash: u64,
}

impl Fingerprint {
    /// The mark of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let hash =
            bytes.iter().fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
        Self { length: bytes.len() as u64, hash }
    }

    /// The number of bytes of the file.
    pub fn length(self) -> u64 {
        self.length
    }
}

impl fmt::Display for Fingerprint {
    /// Length in bytes and hash, both in hexadecimal: `d-3a5f0c…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:016x}", self.length, self.hash)
    }
}

/// One file as it was read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Source {
    /// The path as it was given to [`read`].
    pub path: PathBuf,
    /// The whole text: a byte order mark, the line endings and a missing final newline are as on disk.
    pub text: String,
    /// The mark of the bytes of `text`, to be handed to [`write`](crate::write) later.
    pub fingerprint: Fingerprint,
    /// The file itself, where `path` is a symlink or leads through one.
    pub target: Option<PathBuf>,
    /// Whether the file's own permissions forbid writing it.
    pub read_only: bool,
    /// When the file was last changed, where the file system says so.
    pub modified: Option<SystemTime>,
}

/// Why there is no text; the message names the file, and the line (1-based) where there is one.
#[derive(Debug, Error)]
#[error("{}: {reason}", path.display())]
pub struct ReadProblem {
    /// The path as it was given.
    pub path: PathBuf,
    /// What stands in the way.
    pub reason: ReadReason,
}

/// What stands in the way of reading a file as text.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadReason {
    /// No such file.
    #[error("does not exist")]
    Missing,
    /// Something that is no regular file; the text says what it is, with its article.
    #[error("is {0}, not a file")]
    NotAFile(&'static str),
    /// A symlink whose target does not exist.
    #[error("is a symlink to {}, which does not exist", target.display())]
    DanglingLink {
        /// What the link says, relative to the link's folder unless absolute.
        target: PathBuf,
    },
    /// A symlink that leads back to itself.
    #[error("is a symlink that leads back to itself")]
    LinkLoop,
    /// The file's or a folder's permissions forbid it.
    #[error("cannot be read: permission denied")]
    Denied,
    /// Larger than the limit; both in bytes.
    #[error("is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Not UTF-8.
    #[error("line {line}, byte {column}: not UTF-8{}", hint(*utf16))]
    NotUtf8 {
        /// The 1-based line of the first bad byte.
        line: usize,
        /// The 1-based place of that byte in its line, counted in bytes.
        column: usize,
        /// Whether the file starts with the byte order mark of UTF-16.
        utf16: bool,
    },
    /// A NUL byte, which no text has.
    #[error("line {line}: a NUL byte; this is not a text file, or it is UTF-16")]
    Nul {
        /// The 1-based line of the first NUL.
        line: usize,
    },
    /// Anything else that the operating system says.
    #[error("cannot be read: {0}")]
    Io(io::Error),
}

fn hint(utf16: bool) -> &'static str {
    if utf16 { " (looks like UTF-16; save the file as UTF-8)" } else { "" }
}

/// Reads the file at `path`, following symlinks, up to [`DEFAULT_LIMIT`].
///
/// ```no_run
/// let source = dockmend_workspace::read::read("api/Dockerfile".as_ref())?;
/// println!("{} lines", source.text.lines().count());
/// # Ok::<(), dockmend_workspace::read::ReadProblem>(())
/// ```
pub fn read(path: &Path) -> Result<Source, ReadProblem> {
    read_up_to(path, DEFAULT_LIMIT)
}

/// As [`read`], with a limit in bytes of the caller's own; a file of exactly `limit` bytes is still read.
pub fn read_up_to(path: &Path, limit: u64) -> Result<Source, ReadProblem> {
    attempt(path, limit).map_err(|reason| ReadProblem { path: path.to_owned(), reason })
}

fn attempt(path: &Path, limit: u64) -> Result<Source, ReadReason> {
    let metadata = fs::metadata(path).map_err(|error| explain(path, error))?;
    // Opening a pipe waits for its other end, so the kind is looked at first.
    if let Some(kind) = other_kind(metadata.file_type()) {
        return Err(ReadReason::NotAFile(kind));
    }
    let bytes = bytes_up_to(path, limit)?;
    let fingerprint = Fingerprint::of(&bytes);
    let text = decode(bytes)?;
    let target = path.canonicalize().ok().filter(|target| {
        // Only a path that leads through a link is worth telling; an absolute spelling is none.
        *target != crate::path::absolute(path)
    });
    Ok(Source {
        path: path.to_owned(),
        text,
        fingerprint,
        target,
        read_only: metadata.permissions().readonly(),
        modified: metadata.modified().ok(),
    })
}

/// The bytes of a file, or the reason why not; a file of more than `limit` bytes is given up early.
pub(crate) fn bytes_up_to(path: &Path, limit: u64) -> Result<Vec<u8>, ReadReason> {
    let file = File::open(path).map_err(|error| explain(path, error))?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| explain(path, error))?;
    if bytes.len() as u64 > limit { Err(ReadReason::TooLarge { limit }) } else { Ok(bytes) }
}

/// What a thing is that is no regular file.
pub(crate) fn other_kind(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else {
        Some("a device, pipe or socket")
    }
}

/// Turns what the operating system says about `path` into a reason, looking at the path once more for links.
pub(crate) fn explain(path: &Path, error: io::Error) -> ReadReason {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ReadReason::Denied,
        io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(target) => ReadReason::DanglingLink { target },
            Err(_) => ReadReason::Missing,
        },
        // `ErrorKind::FilesystemLoop` cannot be named in stable Rust, and its number differs between systems.
        _ if leads_to_itself(path) => ReadReason::LinkLoop,
        _ => ReadReason::Io(error),
    }
}

/// Whether a chain of links comes back to a link it has passed. Systems give up after about 40 links; so does this.
fn leads_to_itself(path: &Path) -> bool {
    let mut seen = vec![crate::path::absolute(path)];
    while seen.len() < 64 {
        let Some(last) = seen.last() else { return false };
        let Ok(target) = fs::read_link(last) else { return false };
        let next = crate::path::absolute(&crate::path::folder_of(last).join(target));
        if seen.contains(&next) {
            return true;
        }
        seen.push(next);
    }
    false
}

/// `bytes` as text, or where it stops being text.
fn decode(bytes: Vec<u8>) -> Result<String, ReadReason> {
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        // A NUL before the bad byte is the better hint at what the file is.
        if let Some(line) = line_of_nul(before) {
            return ReadReason::Nul { line };
        }
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        ReadReason::NotUtf8 { line: line_at_end(before), column: valid - start + 1, utf16 }
    })?;
    match line_of_nul(text.as_bytes()) {
        Some(line) => Err(ReadReason::Nul { line }),
        None => Ok(text),
    }
}

fn line_of_nul(bytes: &[u8]) -> Option<usize> {
    let nul = bytes.iter().position(|byte| *byte == 0)?;
    Some(line_at_end(bytes.get(..nul).unwrap_or_default()))
}

/// The 1-based line that comes right behind `bytes`. A Dockerfile's lines end at `\n`, and so do these.
fn line_at_end(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Dockerfile");
        fs::write(&path, bytes).unwrap();
        let problem = read(&path).unwrap_err();
        assert_eq!(problem.path, path);
        let message = problem.to_string();
        message.strip_prefix(&format!("{}: ", path.display())).unwrap().to_owned()
    }

    #[test]
    fn the_text_is_what_the_disk_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Dockerfile");
        for text in ["", "FROM scratch", "\u{feff}FROM a\r\nRUN b\r\n", "# é\nFROM a\n"] {
            fs::write(&path, text).unwrap();
            let source = read(&path).unwrap();
            assert_eq!(source.text, text);
            assert_eq!(source.fingerprint, Fingerprint::of(text.as_bytes()));
            assert!(!source.read_only);
        }
    }

    #[test]
    fn bad_bytes_are_refused_with_their_place() {
        for (bytes, expected) in [
            (&b"FROM a\nRUN \xe9\n"[..], "line 2, byte 5: not UTF-8"),
            (b"\xff", "line 1, byte 1: not UTF-8"),
            (b"FROM a\n\xc3", "line 2, byte 1: not UTF-8"),
            (b"\xff\xfeF\0R\0", "line 1, byte 1: not UTF-8 (looks like UTF-16; save the file as UTF-8)"),
            (b"\xfe\xff\0F\0R", "line 1, byte 1: not UTF-8 (looks like UTF-16; save the file as UTF-8)"),
            (b"FROM a\nRUN b\n\0\n", "line 3: a NUL byte; this is not a text file, or it is UTF-16"),
            (b"F\0R\0\xff", "line 1: a NUL byte; this is not a text file, or it is UTF-16"),
        ] {
            assert_eq!(message(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn ten_megabytes_are_read_and_the_limit_is_exact() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Dockerfile");
        fs::write(&path, "#".repeat(10_000_000)).unwrap();
        assert_eq!(read(&path).unwrap().text.len(), 10_000_000);
        assert!(read_up_to(&path, 10_000_000).is_ok());
        let problem = read_up_to(&path, 9_999_999).unwrap_err();
        assert!(matches!(problem.reason, ReadReason::TooLarge { limit: 9_999_999 }), "{problem}");
    }

    #[test]
    fn what_is_no_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let problem = read(folder.path()).unwrap_err();
        assert!(problem.to_string().ends_with(": is a directory, not a file"), "{problem}");
        let problem = read(&folder.path().join("gone")).unwrap_err();
        assert!(problem.to_string().ends_with("gone: does not exist"), "{problem}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_or_explained() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("real"), "FROM a\n").unwrap();
        symlink("real", at("link")).unwrap();
        symlink("gone", at("dangling")).unwrap();
        symlink("loop-b", at("loop-a")).unwrap();
        symlink("loop-a", at("loop-b")).unwrap();

        let source = read(&at("link")).unwrap();
        assert_eq!(source.path, at("link"));
        assert_eq!(source.target, Some(at("real").canonicalize().unwrap()));
        let problem = read(&at("dangling")).unwrap_err();
        assert!(
            problem.to_string().ends_with("dangling: is a symlink to gone, which does not exist"),
            "{problem}"
        );
        let problem = read(&at("loop-a")).unwrap_err();
        assert!(matches!(problem.reason, ReadReason::LinkLoop), "{problem}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_read_permission_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Dockerfile");
        fs::write(&path, "FROM a\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        if File::open(&path).is_ok() {
            eprintln!("skipped: permissions do not bind this user");
            return;
        }
        assert!(matches!(read(&path).unwrap_err().reason, ReadReason::Denied));
    }
}
