//! The text of an ignore file, and what it keeps out, by the matcher.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Group, Litter};
use crate::context::{ContextFiles, DockerIgnore, Found, split, walk};
use crate::model::is_file;
use crate::rule::Refusal;

/// A name that people give to folders too is written once for all directories where it stands at so many places.
const MANY: usize = 3;

/// The patterns of each group.
///
/// A pattern reaches every directory (`**/`) where all of its kind may go, and is a path of its own where not (H130).
fn patterns(chosen: &[Litter], all: &[Litter], listing: &[Found]) -> BTreeMap<Group, BTreeSet<String>> {
    let known: HashSet<&str> = all.iter().map(|one| one.path.as_str()).collect();
    let wanted: HashSet<&str> = chosen.iter().map(|one| one.path.as_str()).collect();
    // A pattern for all directories takes nothing along that stays, and nothing of that name which is no litter.
    let reaches_too_far = |pattern: &str| {
        let ignore = pattern.contains('*').then(|| DockerIgnore::parse(pattern));
        listing.iter().any(|found| {
            let name = split(&found.path).1;
            let matches = ignore.as_ref().map_or(name == pattern, |ignore| ignore.is_ignored(name));
            matches
                && !wanted.contains(found.path.as_str())
                && (known.contains(found.path.as_str()) || !is_covered(&found.path, &wanted))
        })
    };
    let count = |name: &str| chosen.iter().filter(|one| one.pattern == Some(name)).count();
    let mut reach: BTreeMap<&str, bool> = BTreeMap::new();
    let mut groups: BTreeMap<Group, BTreeSet<String>> = BTreeMap::new();
    for one in chosen {
        let reaches_all = one.pattern.filter(|name| {
            *reach.entry(name).or_insert_with(|| {
                // A generic name that is expected may be that of a source folder tomorrow.
                let is_enough = !one.generic || count(name) >= MANY;
                is_enough && !reaches_too_far(name)
            })
        });
        let is_only_one =
            |name: &str| !all.iter().any(|other| split(&other.path).1 == name && other.path != name);
        let pattern = match (one.pattern, reaches_all) {
            (Some(name), _)
                if one.group == Group::VersionControl && one.path == name && is_only_one(name) =>
            {
                name.to_owned()
            }
            (_, Some(pattern)) => format!("**/{pattern}"),
            _ => escaped(&one.path),
        };
        groups.entry(one.group).or_default().insert(pattern);
    }
    groups
}

/// The text of a new ignore file: a comment and the patterns of each group.
pub(crate) fn ignore_text(chosen: &[Litter], all: &[Litter], listing: &[Found]) -> String {
    let mut text = String::new();
    for (group, patterns) in patterns(chosen, all, listing) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(group.comment());
        text.push('\n');
        for pattern in patterns {
            text.push_str(&pattern);
            text.push('\n');
        }
    }
    text
}

/// An ignore file with more patterns at its end, behind one comment that says what they are. What was there stays as it is,
/// and in its order: the last pattern that matches decides.
pub(crate) fn addition(old: &str, chosen: &[Litter], all: &[Litter], listing: &[Found]) -> String {
    let newline = if old.contains("\r\n") { "\r\n" } else { "\n" };
    let mut text = old.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push_str(newline);
    }
    if !text.trim().is_empty() {
        text.push_str(newline);
    }
    let groups = patterns(chosen, all, listing);
    let names: Vec<&str> = groups.keys().map(|group| group.name()).collect();
    text.push_str("# ");
    text.push_str(&names.join(", "));
    text.push_str(": not for the image");
    text.push_str(newline);
    for pattern in groups.into_values().flatten() {
        text.push_str(&pattern);
        text.push_str(newline);
    }
    text
}

/// What an ignore file does to a context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Files and bytes that are sent without it, or with the one before.
    pub(crate) before: (usize, u64),
    /// Files and bytes that are not sent any more.
    pub(crate) lost: (usize, u64),
}

/// Measures what a text keeps out of what is `sent`.
///
/// # Errors
/// A [`Refusal`] when a pattern takes something along beside what it was written for: that would be a bug of ours.
pub(crate) fn measure(
    files: &dyn ContextFiles,
    sent: &[Found],
    text: &str,
    chosen: &[Litter],
) -> Result<Measured, Refusal> {
    let ignore = DockerIgnore::parse(text);
    let after = walk(files, Some(&ignore), usize::MAX)
        .present()
        .ok_or_else(|| Refusal::because("the build context cannot be listed"))?;
    let kept: HashSet<&str> = after.iter().map(|found| found.path.as_str()).collect();
    let wanted: HashSet<&str> = chosen.iter().map(|one| one.path.as_str()).collect();
    let mut measured = Measured::default();
    for found in sent.iter().filter(|found| is_file(found)) {
        let size = found.entry.size;
        measured.before = (measured.before.0 + 1, measured.before.1 + size);
        if kept.contains(found.path.as_str()) {
            continue;
        }
        if !is_covered(&found.path, &wanted) {
            return Err(Refusal::hazard("H128", format!("a pattern would also ignore {}", found.path)));
        }
        measured.lost = (measured.lost.0 + 1, measured.lost.1 + size);
    }
    Ok(measured)
}

impl Measured {
    /// `812 MB -> 3 MB`.
    pub(crate) fn sizes(&self) -> String {
        format!("{} -> {}", size(self.before.1), size(self.before.1 - self.lost.1))
    }

    /// A remark with the numbers of files.
    pub(crate) fn remark(&self) -> String {
        let files = |count: usize| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
        let (before, after) = (self.before, (self.before.0 - self.lost.0, self.before.1 - self.lost.1));
        format!("context: {}, {} -> {}, {}", files(before.0), size(before.1), files(after.0), size(after.1))
    }
}

/// Whether a path or a directory above it is in a set.
fn is_covered(path: &str, set: &HashSet<&str>) -> bool {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end)).any(|part| set.contains(part))
}

/// A path as a pattern that matches nothing else.
fn escaped(path: &str) -> String {
    let mut pattern = String::new();
    for (at, c) in path.char_indices() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') || (at == 0 && matches!(c, '!' | '#')) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// A number of bytes as people write it, in powers of 1000.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut whole, mut rest, mut unit) = (bytes / 1000, bytes % 1000, 0);
    while whole >= 1000 && unit + 1 < UNITS.len() {
        (whole, rest, unit) = (whole / 1000, whole % 1000, unit + 1);
    }
    let unit = UNITS.get(unit).copied().unwrap_or_default();
    if whole < 10 && rest >= 100 {
        format!("{whole}.{} {unit}", rest / 100)
    } else {
        format!("{whole} {unit}")
    }
}
