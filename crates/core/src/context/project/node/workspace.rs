//! The members of a workspace: which directories its globs name.

use super::super::{Answer, Obstacle};
use crate::context::dockerignore::DockerIgnore;
use crate::context::{ContextFiles, EntryKind, join};

/// More directories than this are not listed in search of members.
const MAX_LISTED: usize = 1000;

/// The directories of the members, sorted: those that the globs match and that have a manifest.
///
/// Source: npm's documentation of `workspaces`, pnpm's of `pnpm-workspace.yaml`: `*` stands for one name, `**` for any
/// number, a leading `!` takes members out, and `node_modules` is never entered.
///
/// # Errors
/// H044 when a glob is not understood or the context cannot be listed.
pub(super) fn members(
    files: &dyn ContextFiles,
    root: &str,
    globs: &[String],
) -> Result<Vec<String>, Obstacle> {
    let mut search = Search { files, listed: 0, found: Vec::new() };
    let mut left_out = Vec::new();
    for glob in globs {
        let glob = glob.trim_start_matches("./").trim_end_matches('/');
        if let Some(out) = glob.strip_prefix('!') {
            left_out.push(out.trim_start_matches("./").trim_start_matches('/').to_owned());
            continue;
        }
        if glob.contains(['{', '[', '(', '?', '\\']) || glob.starts_with('/') || glob.contains("..") {
            return Err(Obstacle::new("H044", format!("the members `{glob}` are not understood")));
        }
        let names: Vec<&str> = glob.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
        search.descend(root, &names)?;
    }
    let out = DockerIgnore::parse(&left_out.join("\n"));
    let inside = |member: &str| {
        let below = member.strip_prefix(root).unwrap_or(member).trim_start_matches('/');
        !below.is_empty() && !out.is_ignored(below)
    };
    let mut found = search.found;
    found.retain(|member| inside(member));
    found.sort();
    found.dedup();
    Ok(found)
}

struct Search<'a> {
    files: &'a dyn ContextFiles,
    listed: usize,
    found: Vec<String>,
}

impl Search<'_> {
    /// Follows the names of a glob down from a directory.
    fn descend(&mut self, directory: &str, names: &[&str]) -> Result<(), Obstacle> {
        let Some((name, rest)) = names.split_first() else {
            match self.files.entry(&join(directory, "package.json")) {
                Answer::Present(_) => self.found.push(directory.to_owned()),
                Answer::Absent => {}
                Answer::Unknown => return Err(unseen(directory)),
            }
            return Ok(());
        };
        if !name.contains('*') {
            return self.descend(&join(directory, name), rest);
        }
        let crosses = name.contains("**");
        if crosses {
            self.descend(directory, rest)?;
        }
        for child in self.directories(directory)? {
            let below = join(directory, &child);
            if crosses {
                self.descend(&below, names)?;
            } else if matches_name(name, &child) {
                self.descend(&below, rest)?;
            }
        }
        Ok(())
    }

    fn directories(&mut self, directory: &str) -> Result<Vec<String>, Obstacle> {
        self.listed += 1;
        if self.listed > MAX_LISTED {
            return Err(Obstacle::new("H044", "the workspace has too many directories to look into"));
        }
        let entries = match self.files.list(directory) {
            Answer::Present(entries) => entries,
            Answer::Absent => return Ok(Vec::new()),
            Answer::Unknown => return Err(unseen(directory)),
        };
        let is_entered = |name: &str| !name.starts_with('.') && name != "node_modules";
        let directories = entries.iter().filter(|entry| entry.kind == EntryKind::Directory);
        Ok(directories.map(|entry| entry.name.clone()).filter(|name| is_entered(name)).collect())
    }
}

fn unseen(directory: &str) -> Obstacle {
    Obstacle::new("H044", format!("`{directory}` cannot be listed for members"))
}

/// Whether a name with stars in it matches.
fn matches_name(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}
