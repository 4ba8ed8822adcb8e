//! The ignore file of a build context, read and matched as the builder does it.
//!
//! These are not the rules of gitignore (hazard H130). A pattern is rooted at the context, so `node_modules`
//! ignores only the one at the top and `**/node_modules` all of them; `*`, `?` do not cross a `/`; a path is
//! ignored with its parent directory; of all patterns that match, the last one decides, and one that starts
//! with `!` keeps what an earlier one ignored, even inside a directory that is ignored. A `#` opens a comment
//! only in the first column.
//!
//! Sources: Docker's documentation of `.dockerignore`, and the behaviour of `moby/patternmatcher` and of
//! `tonistiigi/fsutil`, which walks the context for `BuildKit`. Where the two differ, the walk decides what is
//! sent, and so it does here: after `a/b`, `!a` does not bring `a/b` back, because nothing ignored `a` when the
//! walk tried it; after `*`, `!a/*/**` brings nothing back, because the walk takes it for an exception about
//! the children of `a` alone and skips the directories among them.
//!
//! An ignore file may name the Dockerfile and itself. The builder reads both all the same, so the build goes
//! on; but they are then not part of the context, and no COPY finds them.

use super::{Answer, ContextFiles, join, normalise, split};
use glob::{Glob, GlobError};

mod glob;
#[cfg(test)]
mod tests;

/// The name of the ignore file at the root of a context.
pub const DOCKERIGNORE: &str = ".dockerignore";

/// The builder reads lines through a buffer of this many bytes and gives up on a longer one.
const LONGEST_LINE: usize = 64 * 1024;

/// One pattern of an ignore file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Its line in the file, 1-based.
    pub line: usize,
    /// As it was written, without surrounding blanks.
    pub text: String,
    /// As it is matched: cleaned of `./`, `..`, doubled and outer slashes, and without its `!`.
    pub cleaned: String,
    /// Whether it starts with `!` and so keeps what it matches.
    pub negated: bool,
    glob: Glob,
}

/// What is wrong with a line of an ignore file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind} (`{text}`)")]
pub struct PatternProblem {
    /// The line, 1-based.
    pub line: usize,
    /// As it was written, without surrounding blanks.
    pub text: String,
    /// What is wrong.
    pub kind: PatternProblemKind,
}

/// The ways in which a pattern can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PatternProblemKind {
    /// A `!` with no pattern behind it. The build fails.
    #[error("`!` with no pattern behind it")]
    EmptyException,
    /// Brackets that are empty, not closed or hold a stray `-`, or a `\` at the end. The build fails.
    #[error("syntax error in pattern")]
    Syntax,
    /// A range that runs backwards or an unknown class of characters. The build fails.
    #[error("range in brackets is not valid")]
    Range,
    /// A `\` before a letter or digit that the builder cannot read, or reads in a way that no path can
    /// match. Most builds fail.
    #[error("`\\` before a letter or digit is not an escape")]
    Escape,
    /// The line is longer than the builder reads. The build fails.
    #[error("line is too long")]
    TooLong,
    /// A `\` before a letter that the builder takes for a class or a control character (`\d` is a digit), so
    /// that `bin\debug` does not match what it seems to. The build goes on.
    #[error("`\\` separates no path: before this letter it stands for other characters")]
    BackslashLetter,
}

impl PatternProblem {
    /// Whether a build with this line fails.
    pub fn is_error(&self) -> bool {
        self.kind != PatternProblemKind::BackslashLetter
    }
}

/// A parsed ignore file.
///
/// ```
/// use dockmend_core::context::DockerIgnore;
/// let ignore = DockerIgnore::parse("# generated\n**/node_modules\ndocs\n!docs/README.md\n");
/// assert!(ignore.is_ignored("web/node_modules/left-pad/index.js"));
/// assert!(ignore.is_ignored("docs/guide.md"));
/// assert!(!ignore.is_ignored("docs/README.md"));
/// assert_eq!(ignore.explain("docs/README.md").map(|pattern| pattern.line), Some(4));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DockerIgnore {
    patterns: Vec<Pattern>,
    problems: Vec<PatternProblem>,
}

/// Which patterns matched a directory. Its children need it: they match what their parents match.
#[derive(Debug, Clone, Default)]
pub(crate) struct ParentMatches(Vec<bool>);

impl DockerIgnore {
    /// Reads the text of an ignore file. A line that the builder would refuse is left out and listed in
    /// [`problems`](Self::problems).
    pub fn parse(text: &str) -> Self {
        let mut ignore = Self::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.split('\n').enumerate() {
            ignore.add_line(index + 1, line);
        }
        ignore
    }

    fn add_line(&mut self, line: usize, raw: &str) {
        if raw.starts_with('#') && raw.len() < LONGEST_LINE {
            return;
        }
        let text = raw.trim();
        let mut problem = |kind| self.problems.push(PatternProblem { line, text: text.to_owned(), kind });
        if raw.len() >= LONGEST_LINE {
            problem(PatternProblemKind::TooLong);
            return;
        }
        if text.is_empty() {
            return;
        }
        // First as the ignore file is read, with the `!` set apart, ...
        let (mark, rest) = match text.strip_prefix('!') {
            Some(rest) => ("!", rest.trim()),
            None => ("", text),
        };
        let mut cleaned = if rest.is_empty() { String::new() } else { clean(rest) };
        if cleaned.len() > 1 && cleaned.starts_with('/') {
            cleaned.remove(0);
        }
        // ... then as the pattern is read, with the `!` in its place: the cleaning and trimming of the first
        // step can have brought new blanks, slashes and even a `!` to the front.
        let pattern = clean(format!("{mark}{cleaned}").trim());
        let (negated, pattern) = match pattern.strip_prefix('!') {
            Some("") => {
                problem(PatternProblemKind::EmptyException);
                return;
            }
            Some(rest) => (true, rest.to_owned()),
            None => (false, pattern),
        };
        match Glob::compile(&pattern) {
            Ok(glob) => {
                if has_escaped_letter(&pattern) {
                    problem(PatternProblemKind::BackslashLetter);
                }
                self.patterns.push(Pattern { line, text: text.to_owned(), cleaned: pattern, negated, glob });
            }
            Err(GlobError::Syntax) => problem(PatternProblemKind::Syntax),
            Err(GlobError::Range) => problem(PatternProblemKind::Range),
            Err(GlobError::Escape) => problem(PatternProblemKind::Escape),
        }
    }

    /// The patterns in the order of the file, without the lines that could not be read.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// What is wrong with the file, in the order of its lines.
    pub fn problems(&self) -> &[PatternProblem] {
        &self.problems
    }

    /// The first problem that makes a build fail.
    pub fn check(&self) -> Result<(), PatternProblem> {
        self.problems.iter().find(|problem| problem.is_error()).map_or(Ok(()), |first| Err(first.clone()))
    }

    /// Whether some pattern is an exception (`!`).
    pub fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.negated)
    }

    /// Whether the builder leaves this path out of the context. The root is never left out, and a path that
    /// leaves the context is not ignored either: it was never in it.
    ///
    /// A directory that is ignored is sent nevertheless when something in it is kept; [`walk`](super::walk)
    /// tells.
    pub fn is_ignored(&self, path: &str) -> bool {
        self.explain(path).is_some_and(|pattern| !pattern.negated)
    }

    /// The pattern that decides about a path: the one that ignores it, or the exception that keeps it. `None`
    /// when no pattern ever touched it.
    pub fn explain(&self, path: &str) -> Option<&Pattern> {
        let path = normalise(path).filter(|path| !path.is_empty())?;
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let mut along: Vec<Option<Vec<bool>>> = vec![None; self.patterns.len()];
        let mut inherited = vec![false; self.patterns.len()];
        let mut decided = None;
        for (level, end) in ends.enumerate() {
            let mut ignored = false;
            decided = None;
            for (pattern, (along, inherited)) in
                self.patterns.iter().zip(along.iter_mut().zip(inherited.iter_mut()))
            {
                if !*inherited && pattern.negated == ignored {
                    *inherited = along
                        .get_or_insert_with(|| pattern.glob.matches_along(&path))
                        .get(level)
                        .copied()
                        .unwrap_or(false);
                }
                if *inherited {
                    ignored = !pattern.negated;
                    decided = Some(pattern);
                }
            }
            // The walk never gets to what lies below, whatever the exceptions say about it.
            if ignored && path.get(..end).is_some_and(|dir| !self.may_reach_into(dir)) {
                break;
            }
        }
        decided
    }

    /// One step of a walk: whether `path` is ignored, and what its children have to know, from what its
    /// parent directory knew. `path` is in normal form.
    pub(crate) fn visit(&self, path: &str, parent: &ParentMatches) -> (bool, ParentMatches) {
        let mut ignored = false;
        let mut known = Vec::with_capacity(self.patterns.len());
        for (index, pattern) in self.patterns.iter().enumerate() {
            let inherited = parent.0.get(index).copied().unwrap_or(false);
            // A pattern that could change nothing is not even tried, and its children do not inherit it.
            let matched = inherited || (pattern.negated == ignored && pattern.glob.matches(path));
            if matched {
                ignored = !pattern.negated;
            }
            known.push(matched);
        }
        (ignored, ParentMatches(known))
    }

    /// Whether an exception could keep something inside the ignored directory `dir`. The builder asks the same
    /// before it skips a directory whole.
    pub(crate) fn may_reach_into(&self, dir: &str) -> bool {
        let exceptions = || self.patterns.iter().filter(|pattern| pattern.negated);
        let is_wild = |text: &str| text.contains(['*', '[', ']', '?', '^', '\\']);
        exceptions().any(|pattern| is_wild(without_trailing_glob(&pattern.cleaned)))
            || exceptions().any(|pattern| {
                let text = without_trailing_glob(&pattern.cleaned);
                text.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }
}

fn without_trailing_glob(pattern: &str) -> &str {
    let pattern = pattern.strip_suffix("/**").unwrap_or(pattern);
    pattern.strip_suffix("/*").unwrap_or(pattern)
}

fn has_escaped_letter(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next().is_some_and(char::is_alphanumeric) {
            return true;
        }
    }
    false
}

/// The shortest spelling of a path, as Go's `filepath.Clean` has it: `.` for nothing, a leading `/` and
/// leading `..` stay.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// The places where the builder looks for the ignore file of a Dockerfile, best first: `<name>.dockerignore`
/// beside the Dockerfile, then `.dockerignore` at the root of the context. The first that exists is used alone,
/// even when it is empty (hazard H131).
///
/// `dockerfile` is relative to the root of the context; one outside of it (`../Dockerfile`) keeps its path as it is
/// written, and so does the first place. A Dockerfile that the builder found by its lower-case name alone counts as
/// `Dockerfile`.
///
/// ```
/// use dockmend_core::context::ignore_file_for;
/// assert_eq!(ignore_file_for("docker/Dockerfile.web"), ["docker/Dockerfile.web.dockerignore", ".dockerignore"]);
/// ```
pub fn ignore_file_for(dockerfile: &str) -> Vec<String> {
    let path = normalise(dockerfile).unwrap_or_else(|| dockerfile.to_owned());
    let (dir, name) = split(&path);
    if name.is_empty() {
        return vec![DOCKERIGNORE.to_owned()];
    }
    vec![join(dir, &format!("{name}{DOCKERIGNORE}")), DOCKERIGNORE.to_owned()]
}

/// The ignore file that is used for a Dockerfile, with its path. `Absent` when there is none. `Unknown` when
/// one of the places cannot be seen and no better one exists, or when the file is not text.
///
/// `dockerfile` is relative to the root of the context and inside it.
pub fn find_ignore_file(files: &dyn ContextFiles, dockerfile: &str) -> Answer<(String, DockerIgnore)> {
    for path in ignore_file_for(dockerfile) {
        match files.read(&path) {
            Answer::Absent => {}
            Answer::Unknown => return Answer::Unknown,
            Answer::Present(bytes) => {
                return match std::str::from_utf8(&bytes) {
                    Ok(text) => Answer::Present((path, DockerIgnore::parse(text))),
                    Err(_) => Answer::Unknown,
                };
            }
        }
    }
    Answer::Absent
}
