//! The requirements file format of pip.

use super::super::{Obstacle, add_new};
use super::local::local_reads;
use crate::context::{Answer, ContextFiles, EntryKind, normalise, split};

/// How many files one requirements file may lead to.
const MAX_INCLUDED: usize = 64;

/// Options that stand on a line of their own and lead to no file.
const PLAIN_OPTIONS: &[&str] = &[
    "--no-index",
    "--pre",
    "--prefer-binary",
    "--require-hashes",
    "--trusted-host",
    "--use-feature",
    "--no-binary",
    "--only-binary",
];

/// One requirements file, by itself: the files it includes are not read here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Requirements {
    /// Relative to the root of the context.
    pub path: String,
    /// Packages from an index or a URL, as written, without comments and hashes.
    pub packages: Vec<String>,
    /// Files included with `-r`, as written (relative to this file).
    pub includes: Vec<String>,
    /// Files named with `-c`, as written (relative to this file).
    pub constraints: Vec<String>,
    /// Projects and archives on disk, as written: `-e .`, `./pkg`, `file:` URLs, wheels.
    pub local: Vec<String>,
    /// Those of `local` that are installed as a link to their directory (`-e`).
    pub editable: Vec<String>,
    /// The value of each `--find-links`.
    pub find_links: Vec<String>,
    /// The value of each `--index-url` and `--extra-index-url`.
    pub indexes: Vec<String>,
    /// Whether a requirement is pinned to a hash: pip then wants one for each.
    pub hashes: bool,
    /// Options that are not known here.
    pub unknown_options: Vec<String>,
}

impl Requirements {
    /// Parses the text of a requirements file. No text is refused.
    pub fn parse(path: &str, text: &str) -> Self {
        let mut file = Self { path: path.to_owned(), ..Self::default() };
        for line in logical_lines(text) {
            file.add(line.trim());
        }
        file
    }

    fn add(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        if !line.starts_with('-') {
            self.hashes |= line.contains("--hash");
            self.add_requirement(line.split(" --").next().unwrap_or_default().trim());
            return;
        }
        let (option, value) = option_and_value(line);
        match option {
            "-r" | "--requirement" => self.includes.push(value.to_owned()),
            "-c" | "--constraint" => self.constraints.push(value.to_owned()),
            "-f" | "--find-links" => self.find_links.push(value.to_owned()),
            "-i" | "--index-url" | "--pypi-url" | "--extra-index-url" => self.indexes.push(value.to_owned()),
            "-e" | "--editable" if value.contains("://") && !value.starts_with("file:") => {
                self.packages.push(value.to_owned());
            }
            "-e" | "--editable" => {
                let place = value.split([';', ' ']).next().unwrap_or_default();
                self.local.push(place.to_owned());
                self.editable.push(place.to_owned());
            }
            known if PLAIN_OPTIONS.contains(&known) => {}
            _ => self.unknown_options.push(option.to_owned()),
        }
    }

    fn add_requirement(&mut self, text: &str) {
        const ARCHIVES: &[&str] = &[".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar"];
        // `name @ url` is a package whose place is written out.
        let place = text.split_once(" @ ").map_or(text, |(_, url)| url.trim());
        let bare = place.split([';', ' ', '\t']).next().unwrap_or_default();
        let is_url = bare.contains("://") || bare.starts_with("file:");
        let is_path = bare.starts_with('.') || bare.contains(['/', '\\']);
        let is_archive = ARCHIVES.iter().any(|ending| bare.ends_with(ending));
        let is_local = if is_url { bare.contains("file:") } else { is_path || is_archive };
        if is_local {
            self.local.push(bare.to_owned());
        } else {
            self.packages.push(text.to_owned());
        }
    }
}

/// Splits `-rfile`, `-r file`, `--requirement file` and `--requirement=file`.
fn option_and_value(line: &str) -> (&str, &str) {
    let end = line.find([' ', '\t', '=']).unwrap_or(line.len());
    let (option, value) = line.split_at(end);
    if !option.starts_with("--")
        && let Some((short, glued)) = option.split_at_checked(2)
        && !glued.is_empty()
    {
        return (short, line.get(2..).unwrap_or_default().trim());
    }
    (option, value.trim_start_matches('=').trim().trim_matches(['"', '\'']))
}

/// The lines of the file with continued ones joined and comments gone. A comment ends a continued line.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let is_comment = line.trim_start().starts_with('#');
        if !is_comment && let Some(start) = line.strip_suffix('\\') {
            open.push_str(start);
            continue;
        }
        if !is_comment {
            open.push_str(line);
        }
        lines.push(without_comment(&std::mem::take(&mut open)).to_owned());
    }
    lines.push(without_comment(&open).to_owned());
    lines
}

/// A `#` opens a comment at the start of a line or behind a blank; in a URL it does not.
fn without_comment(line: &str) -> &str {
    let starts =
        |at: usize| line.get(..at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']));
    let end = line.match_indices('#').map(|(at, _)| at).find(|at| starts(*at));
    line.get(..end.unwrap_or(line.len())).unwrap_or_default()
}

/// The files that `pip install -r path` reads, `path` first, when run in the directory `root`: those that it
/// includes, and theirs, and archives that it names. Paths are relative to the root of the context.
pub fn requirements_reads(files: &dyn ContextFiles, path: &str, root: &str) -> Result<Vec<String>, Obstacle> {
    let mut reads = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        if reads.contains(&path) {
            continue;
        }
        if reads.len() >= MAX_INCLUDED {
            return Err(Obstacle::new("H050", "the requirements include too many files"));
        }
        let file = match requirements_text(files, &path) {
            Answer::Present(text) => Requirements::parse(&path, &text),
            Answer::Absent => return Err(Obstacle::new("H050", format!("`{path}` is not in the context"))),
            Answer::Unknown => return Err(Obstacle::new("H050", format!("`{path}` could not be read"))),
        };
        add_new(&mut reads, [path]);
        let extra = file.beside(files, root)?;
        open.extend(included(&file)?);
        add_new(&mut reads, extra);
    }
    Ok(reads)
}

/// The files that this one includes, last first.
fn included(file: &Requirements) -> Result<Vec<String>, Obstacle> {
    let dir = split(&file.path).0;
    let mut paths = Vec::new();
    for written in file.includes.iter().chain(&file.constraints).filter(|path| !path.contains("://")) {
        let inside = !written.is_empty() && !written.starts_with('/') && !written.contains('$');
        let path = inside.then(|| normalise(&format!("{dir}/{written}"))).flatten();
        paths.push(path.ok_or_else(|| {
            Obstacle::new(
                "H050",
                format!("`{}` includes `{written}`, which is outside of the context", file.path),
            )
        })?);
    }
    paths.reverse();
    Ok(paths)
}

/// The text of a requirements file, decoded as pip does: by its byte order mark, else as UTF-8. Other encodings are only
/// found in comments, and do not matter here.
///
/// Source: pip's `auto_decode` (pip/_internal/utils/encoding.py).
pub(super) fn requirements_text(files: &dyn ContextFiles, path: &str) -> Answer<String> {
    files.read(path).map(|bytes| {
        let wide = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
            let units = bytes.chunks_exact(2).map(|pair| match pair {
                [first, second] => read([*first, *second]),
                _ => 0,
            });
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        };
        match &*bytes {
            [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
            [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
            [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
            all => String::from_utf8_lossy(all).into_owned(),
        }
    })
}

impl Requirements {
    /// What this file names on disk, when pip runs in `root`.
    pub(super) fn beside(&self, files: &dyn ContextFiles, root: &str) -> Result<Vec<String>, Obstacle> {
        if let Some(option) = self.unknown_options.first() {
            return Err(Obstacle::new("H050", format!("`{}` has the option `{option}`", self.path)));
        }
        let mut reads = Vec::new();
        for local in &self.local {
            add_new(&mut reads, local_reads(files, root, local, self.editable.contains(local))?);
        }
        for links in self.find_links.iter().filter(|links| !links.starts_with("http")) {
            let path = (!links.starts_with('/')).then(|| normalise(&format!("{root}/{links}"))).flatten();
            let is_directory = |path: &String| {
                let entry = files.entry(path).present();
                !path.is_empty() && entry.is_some_and(|entry| entry.kind == EntryKind::Directory)
            };
            let directory = path.filter(is_directory).ok_or_else(|| {
                Obstacle::new("H050", format!("`{}` looks for packages in `{links}`", self.path))
            })?;
            add_new(&mut reads, [directory]);
        }
        // `${INDEX}` is filled in from the environment, and no file.
        let is_file = |index: &&String| {
            (!index.contains("://") || index.starts_with("file:")) && !index.starts_with('$')
        };
        if let Some(index) = self.indexes.iter().find(is_file) {
            return Err(Obstacle::new("H050", format!("`{}` has its index in `{index}`", self.path)));
        }
        Ok(reads)
    }
}
