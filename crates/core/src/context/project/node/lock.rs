//! Lockfiles of Node's package managers: which, and of which format.

use serde::Deserialize;

use super::super::{Answer, Folder};
use super::NodeManager;

/// The kinds of lockfiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodeLockKind {
    /// `package-lock.json`.
    PackageLock,
    /// `npm-shrinkwrap.json`, which npm prefers.
    Shrinkwrap,
    /// `yarn.lock` of Yarn 1, or one that could not be read.
    YarnClassic,
    /// `yarn.lock` of Yarn 2 and later.
    YarnBerry,
    /// `pnpm-lock.yaml`.
    Pnpm,
    /// `bun.lock`.
    Bun,
    /// `bun.lockb`, the binary form.
    BunBinary,
}

impl NodeLockKind {
    /// The manager that writes it.
    pub const fn manager(self) -> NodeManager {
        match self {
            Self::PackageLock | Self::Shrinkwrap => NodeManager::Npm,
            Self::YarnClassic | Self::YarnBerry => NodeManager::Yarn,
            Self::Pnpm => NodeManager::Pnpm,
            Self::Bun | Self::BunBinary => NodeManager::Bun,
        }
    }
}

/// One lockfile.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeLock {
    /// Relative to the root of the context.
    pub path: String,
    /// Which it is.
    pub kind: NodeLockKind,
    /// The version of its format (`"3"`, `"9.0"`); `None` when it is not said or could not be read.
    pub version: Option<String>,
    /// Whether it was read and is not what it should be: markers of a merge, or no lockfile at all.
    pub broken: bool,
}

/// The lockfiles in a folder.
pub(super) fn detect(folder: Folder<'_>) -> Vec<NodeLock> {
    const NAMES: &[(&str, NodeLockKind)] = &[
        ("npm-shrinkwrap.json", NodeLockKind::Shrinkwrap),
        ("package-lock.json", NodeLockKind::PackageLock),
        ("yarn.lock", NodeLockKind::YarnClassic),
        ("pnpm-lock.yaml", NodeLockKind::Pnpm),
        ("bun.lock", NodeLockKind::Bun),
        ("bun.lockb", NodeLockKind::BunBinary),
    ];
    let present = NAMES.iter().filter(|(name, _)| folder.has_file(name));
    present.map(|&(name, kind)| read(folder, name, kind)).collect()
}

fn read(folder: Folder<'_>, name: &str, kind: NodeLockKind) -> NodeLock {
    let mut lock = NodeLock { path: folder.path(name), kind, version: None, broken: false };
    if kind == NodeLockKind::BunBinary {
        return lock;
    }
    // One that is too large to be read is most likely a good one.
    let Answer::Present(text) = folder.text(name) else { return lock };
    match kind {
        NodeLockKind::PackageLock | NodeLockKind::Shrinkwrap => {
            // Everything but the version is skipped while parsing: lockfiles have megabytes.
            #[derive(Deserialize)]
            struct Head {
                #[serde(rename = "lockfileVersion")]
                version: Option<u32>,
            }
            match serde_json::from_str::<Head>(&text) {
                Ok(head) => lock.version = head.version.map(|version| version.to_string()),
                Err(_) => lock.broken = true,
            }
        }
        NodeLockKind::YarnClassic => {
            if let Some((_, metadata)) = text.split_once("__metadata:") {
                lock.kind = NodeLockKind::YarnBerry;
                lock.version = value_after(metadata, "version:");
            } else if text.lines().take(10).any(|line| line.contains("yarn lockfile v1")) {
                lock.version = Some("1".to_owned());
            }
        }
        NodeLockKind::Pnpm => lock.version = value_after(&text, "lockfileVersion:"),
        _ => lock.version = value_after(&text, "\"lockfileVersion\":"),
    }
    lock.broken |= text.lines().any(|line| line.starts_with("<<<<<<< "));
    lock
}

/// The plain value behind a key near the top of a file.
fn value_after(text: &str, key: &str) -> Option<String> {
    let rest = text.lines().take(20).find_map(|line| line.trim_start().strip_prefix(key))?;
    let value = rest.trim_matches([' ', '\t', '\r', ',', '\'', '"']);
    (!value.is_empty()).then(|| value.to_owned())
}
