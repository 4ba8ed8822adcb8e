//! `dockmend rewrite --prove`: builds before and after with the user's engine, in a copy of the build context, and says
//! what differs as a table for a pull request.
//!
//! A rewrite holds when it builds. What else differs (size, user, steps that are run again) is for people to read: it is
//! what they asked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use dockmend_core::context::{Answer, DockerIgnore, EntryKind, Found, ignore_file_for, walk};
use dockmend_core::rewrite::{Rewrite, Target};
use dockmend_workspace::docker::{Docker, Image};

use super::mend::Failures;
use crate::group::Group;
use crate::output::say;

/// A context with more files than this is not copied.
const MAX_FILES: usize = 100_000;

/// Files of a source: an empty line at the end means nothing to them.
const SOURCES: &[&str] = &[
    "js", "ts", "tsx", "jsx", "mjs", "cjs", "py", "go", "rs", "java", "kt", "cs", "rb", "php", "c", "cc",
    "cpp", "html", "css", "vue", "svelte",
];

/// The table of each file that was built, by its index in the group.
pub(super) type Proofs = BTreeMap<usize, String>;

/// Builds before and after.
pub(super) struct Prover {
    docker: Docker,
}

/// One text of a Dockerfile, and what a build of it showed.
struct Shown {
    image: Image,
    /// The RUN steps that an edit of the source runs again; `None` where there is no source to edit.
    again: Option<Vec<String>>,
    files: usize,
    bytes: u64,
}

impl Prover {
    /// A prover that passes these options on to `docker build`.
    pub(super) fn new(options: Vec<String>) -> Self {
        Self { docker: Docker::new(options) }
    }

    /// Builds every Dockerfile of the group that would change. When one of them does not hold, all of them fail: they
    /// are written together or not at all.
    pub(super) fn prove(&self, group: &Group<'_>, rewrite: &Rewrite) -> (Proofs, Failures) {
        let mut proofs = Proofs::new();
        let mut failures = Failures::new();
        let context_changes =
            rewrite.changes.iter().any(|change| matches!(change.target, Target::Context(_)));
        let concerned: Vec<usize> = (0..group.files.len())
            .filter(|file| context_changes || rewrite.changed_text(*file).is_some())
            .collect();
        for file in &concerned {
            match self.prove_file(group, rewrite, *file) {
                Ok(table) => drop(proofs.insert(*file, table)),
                Err(problem) => {
                    let name = &group.files[*file].name;
                    failures.insert(*file, format!("{name}: nothing was written: {problem:#}"));
                }
            }
        }
        if !failures.is_empty() {
            for file in concerned {
                let name = &group.files[file].name;
                failures.entry(file).or_insert_with(|| format!("{name}: not written either"));
            }
        }
        (proofs, failures)
    }

    fn prove_file(&self, group: &Group<'_>, rewrite: &Rewrite, file: usize) -> Result<String> {
        let loaded = &group.files[file];
        let Some(folder) = group.folder else {
            bail!("--prove needs the build context ({})", loaded.context)
        };
        let scratch = tempfile::tempdir().context("no temporary folder can be made")?;
        let bench = Bench { prover: self, group, file, folder, scratch: scratch.path() };
        let sent = bench.copy_context()?;
        let before = bench.build("before", &loaded.text, None, &sent).context("it does not build before")?;
        let mut ignore = None;
        for change in &rewrite.changes {
            let Target::Context(path) = &change.target else { continue };
            bench.write(path, &change.after)?;
            if ignore_files(bench.dockerfile()).any(|candidate| candidate == *path) {
                ignore = Some(change.after.as_ref());
            }
        }
        let text = rewrite.changed_text(file).unwrap_or(&loaded.text);
        let after =
            bench.build("after", text, ignore, &sent).context("it does not build after the rewrite")?;
        Ok(table(&loaded.name, &before, &after))
    }
}

/// A copy of a build context, where builds are tried.
struct Bench<'a> {
    prover: &'a Prover,
    group: &'a Group<'a>,
    file: usize,
    folder: &'a Path,
    scratch: &'a Path,
}

impl Bench<'_> {
    fn context(&self) -> PathBuf {
        self.scratch.join("context")
    }

    /// The Dockerfile's path in the context, when it lies in it.
    fn dockerfile(&self) -> &str {
        self.group.core.files[self.file].context_path.as_deref().unwrap_or("Dockerfile")
    }

    /// The text of the ignore file that the builder takes.
    fn ignore(&self) -> Option<String> {
        ignore_files(self.dockerfile()).find_map(|path| match self.group.core.context.read(&path) {
            Answer::Present(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            _ => None,
        })
    }

    fn sent(&self, ignore: Option<&str>) -> Result<Vec<Found>> {
        let ignore = ignore.map(DockerIgnore::parse);
        match walk(self.group.core.context, ignore.as_ref(), MAX_FILES) {
            Answer::Present(found) => Ok(found),
            _ => bail!("the build context cannot be listed, or has more than {MAX_FILES} files"),
        }
    }

    /// Copies what the builder is sent today. Nothing is ever built in, or written to, the user's own folder.
    fn copy_context(&self) -> Result<Vec<Found>> {
        let sent = self.sent(self.ignore().as_deref())?;
        fs::create_dir_all(self.context())?;
        for found in &sent {
            let (from, to) = (self.folder.join(&found.path), self.context().join(&found.path));
            if found.entry.kind == EntryKind::Directory {
                fs::create_dir_all(&to)?;
                continue;
            }
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            copy(&from, &to).with_context(|| format!("{} cannot be copied", from.display()))?;
        }
        Ok(sent)
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.context().join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(fs::write(path, text)?)
    }

    /// Builds a text twice, the second time with one line more in a source file.
    fn build(&self, name: &str, text: &str, ignore: Option<&str>, sent: &[Found]) -> Result<Shown> {
        let own = self.ignore();
        let ignore = ignore.or(own.as_deref());
        let place = self.scratch.join(name);
        fs::create_dir_all(&place)?;
        let dockerfile = place.join("Dockerfile");
        fs::write(&dockerfile, text)?;
        // The builder prefers the ignore file beside the Dockerfile to the one in the context.
        fs::write(place.join("Dockerfile.dockerignore"), ignore.unwrap_or_default())?;
        if sent.iter().any(|found| found.path == self.dockerfile()) {
            self.write(self.dockerfile(), text)?;
        }
        let tag =
            format!("dockmend-prove-{}-{}-{name}", std::process::id(), self.group.files[self.file].index);
        let built = self.build_twice(&dockerfile, &tag, sent, ignore);
        self.prover.docker.remove(&tag);
        let (image, again) = built?;
        let files: Vec<Found> =
            self.sent(ignore)?.into_iter().filter(|found| found.entry.kind != EntryKind::Directory).collect();
        let bytes = files.iter().map(|found| found.entry.size).sum();
        Ok(Shown { image, again, files: files.len(), bytes })
    }

    fn build_twice(
        &self,
        dockerfile: &Path,
        tag: &str,
        sent: &[Found],
        ignore: Option<&str>,
    ) -> Result<(Image, Option<Vec<String>>)> {
        let docker = &self.prover.docker;
        // A service that builds one target has it named; of several, the last stage is as good as any.
        let target = match self.group.files[self.file].targets.as_slice() {
            [target] => Some(target.as_str()),
            _ => None,
        };
        docker.build(dockerfile, &self.context(), target, tag)?;
        let image = docker.inspect(tag)?;
        let ignore = ignore.map(DockerIgnore::parse);
        let is_sent = |path: &str| ignore.as_ref().is_none_or(|ignore| !ignore.is_ignored(path));
        let Some(source) = sent.iter().find(|found| is_source(found) && is_sent(&found.path)) else {
            return Ok((image, None));
        };
        let path = self.context().join(&source.path);
        let text = fs::read(&path)?;
        fs::write(&path, [text.as_slice(), b"\n"].concat())?;
        let again = docker.build(dockerfile, &self.context(), target, tag);
        fs::write(&path, text)?;
        Ok((image, Some(again?.executed)))
    }
}

/// The names that the builder looks for, in its order.
fn ignore_files(dockerfile: &str) -> impl Iterator<Item = String> {
    ignore_file_for(dockerfile).into_iter()
}

fn is_source(found: &Found) -> bool {
    let extension = Path::new(&found.path).extension().and_then(|extension| extension.to_str());
    found.entry.kind == EntryKind::File
        && extension.is_some_and(|extension| SOURCES.contains(&extension))
        // What a tool is configured with may be read by an installation.
        && !found.path.contains("config")
}

#[cfg(unix)]
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(from)?, to);
    }
    fs::copy(from, to).map(drop)
}

#[cfg(not(unix))]
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::copy(from, to).map(drop)
}

/// The table, in Markdown.
fn table(name: &str, before: &Shown, after: &Shown) -> String {
    let mut out = String::new();
    say!(out, "\nBuilt before and after, {name}:\n");
    say!(out, "| | before | after |");
    say!(out, "|---|---|---|");
    let mut row = |title: &str, before: String, after: String| say!(out, "| {title} | {before} | {after} |");
    row("size", megabytes(before.image.size), megabytes(after.image.size));
    let field = |shown: &Shown, name: &str| {
        shown.image.config.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
    };
    let user = |shown: &Shown| field(shown, "User").unwrap_or_else(|| "root".to_owned());
    row("user", user(before), user(after));
    let mut names: Vec<&String> =
        before.image.config.iter().chain(&after.image.config).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    for name in names.into_iter().filter(|name| *name != "User") {
        let (old, new) = (field(before, name), field(after, name));
        if old != new {
            let cell = |value: Option<String>| value.map_or("not set".to_owned(), |value| code(&value));
            row(name, cell(old), cell(new));
        }
    }
    if let (Some(old), Some(new)) = (&before.again, &after.again) {
        row("RUN steps again after a source edit", old.len().to_string(), new.len().to_string());
    }
    let sent = |shown: &Shown| format!("{} files, {}", shown.files, megabytes(shown.bytes));
    row("build context", sent(before), sent(after));
    if let Some(again) = after.again.as_ref().filter(|again| !again.is_empty()) {
        say!(out, "\nStill run again after a source edit:");
        for step in again {
            say!(out, "- {}", code(step));
        }
    }
    out
}

/// A value as code in a cell of a table.
fn code(value: &str) -> String {
    format!("`{}`", value.replace('`', "'").replace('|', "\\|").replace('\n', " "))
}

fn megabytes(bytes: u64) -> String {
    // A tenth of a megabyte is precise enough; sizes are far below what a double holds exactly.
    #[allow(clippy::cast_precision_loss)]
    let megabytes = bytes as f64 / 1e6;
    format!("{megabytes:.1} MB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_break_the_table() {
        assert_eq!(code("a|b\n`c`"), "`a\\|b 'c'`");
        assert_eq!(megabytes(184_049_999), "184.0 MB");
    }
}
