//! Ruby projects: what `bundle install` reads.
//!
//! A Gemfile is code. Its plain lines are read: which files it names, which gems come from directories. Code that could
//! read anything else is an obstacle (H054).
//!
//! Sources: Bundler's documentation (`gemfile(5)`, `bundle-install(1)`, `bundle-config(1)`, "How to package and share
//! code"), `RubyGems`' specification reference.

use super::tree::Tree;
use super::{Folder, Obstacle, Project, Stack, add_new};
use crate::context::{EntryKind, join, normalise, split};

#[cfg(test)]
mod tests;

/// What is known about a Ruby project.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RubyProject {
    /// `Gemfile` or `gems.rb`.
    pub gemfile: String,
    /// The lockfile, where there is one.
    pub lock: Option<String>,
    /// The names of all gems in the lockfile.
    pub gems: Vec<String>,
    /// Gems that come from a repository: git has to be there when they are installed.
    pub from_git: bool,
    reads: Result<Vec<String>, Obstacle>,
}

/// The Ruby project in one folder.
pub(super) fn detect(folder: Folder<'_>) -> Option<Project> {
    let mut manifests = folder.those_of(&["Gemfile", "gems.rb"]);
    let files = folder.entries.iter().filter(|entry| entry.kind != EntryKind::Directory);
    let specs = files.filter(|entry| entry.name.ends_with(".gemspec") && entry.name.len() > ".gemspec".len());
    manifests.extend(specs.map(|entry| folder.path(&entry.name)));
    (!manifests.is_empty()).then(|| Project {
        root: folder.root.to_owned(),
        stack: Stack::Ruby,
        manifests,
        lockfiles: folder.those_of(&["Gemfile.lock", "gems.locked"]),
    })
}

impl RubyProject {
    /// Reads the Gemfile of a directory; `None` when there is none.
    pub fn read(tree: Tree<'_>, directory: &str) -> Option<Self> {
        let names = [("Gemfile", "Gemfile.lock"), ("gems.rb", "gems.locked")];
        let (gemfile, lock) = names
            .iter()
            .map(|(file, lock)| (join(directory, file), join(directory, lock)))
            .find(|(file, _)| tree.has_file(file))?;
        let lock = Some(lock).filter(|lock| tree.has_file(lock));
        let locked = lock.as_deref().and_then(|lock| tree.known_text(lock)).map(|text| Lock::parse(&text));
        let mut reading = Reading { tree, reads: vec![gemfile.clone()] };
        add_new(&mut reading.reads, lock.clone());
        let closure = reading.gemfile(&gemfile).and_then(|()| reading.beside(directory, locked.as_ref()));
        Some(Self {
            gemfile,
            gems: locked.as_ref().map(|lock| lock.gems.clone()).unwrap_or_default(),
            from_git: locked.as_ref().is_some_and(|lock| lock.from_git),
            reads: match &lock {
                Some(lock) if locked.is_none() => {
                    Err(Obstacle::new("H054", format!("`{lock}` could not be read")))
                }
                _ => closure.map(|()| reading.reads),
            },
            lock,
        })
    }

    /// What `bundle install` reads, the Gemfile first, when that is certain; otherwise what stands in the way.
    pub fn install_reads(&self) -> Result<Vec<String>, Obstacle> {
        self.reads.clone()
    }
}

/// What a lockfile says.
struct Lock {
    gems: Vec<String>,
    /// The directories of gems that lie in the project.
    paths: Vec<String>,
    platforms: Vec<String>,
    from_git: bool,
}

impl Lock {
    fn parse(text: &str) -> Self {
        let mut lock = Self { gems: Vec::new(), paths: Vec::new(), platforms: Vec::new(), from_git: false };
        let mut section = "";
        for line in text.lines() {
            if !line.starts_with(' ') {
                section = line.trim();
                lock.from_git |= section == "GIT";
                continue;
            }
            let entry = line.trim();
            match section {
                "PATH" if entry.starts_with("remote:") => {
                    lock.paths.push(entry.trim_start_matches("remote:").trim().to_owned());
                }
                "PLATFORMS" => lock.platforms.push(entry.to_owned()),
                // `    rails (7.1.2)`: four blanks are a gem, six its dependencies.
                "GEM" | "GIT" | "PATH" if line.starts_with("    ") && !line.starts_with("     ") => {
                    lock.gems.extend(entry.split(' ').next().map(str::to_owned));
                }
                _ => {}
            }
        }
        lock
    }

    /// Whether it holds for Linux. Where it does not, an installation writes another lockfile beside the source.
    fn holds_for_linux(&self) -> bool {
        self.platforms.is_empty()
            || self.platforms.iter().any(|platform| platform == "ruby" || platform.contains("linux"))
    }
}

struct Reading<'a> {
    tree: Tree<'a>,
    reads: Vec<String>,
}

impl Reading<'_> {
    /// A Gemfile and the files that it evaluates.
    fn gemfile(&mut self, path: &str) -> Result<(), Obstacle> {
        let text = self.text(path)?;
        let directory = split(path).0.to_owned();
        for line in code_lines(&text) {
            let mut words = line.split(|c: char| c.is_whitespace() || c == '(');
            match words.next().unwrap_or_default() {
                "eval_gemfile" => {
                    let named = self.named(path, line, &directory)?;
                    for file in named {
                        self.gemfile(&file)?;
                    }
                    continue;
                }
                "gemspec" => {
                    let place = option(line, "path")
                        .map_or(Some(directory.clone()), |value| inside(&directory, value));
                    let place = place.ok_or_else(|| unclear(path, line))?;
                    self.gemspec(&place, option(line, "name"))?;
                    continue;
                }
                _ => {}
            }
            if let Some(value) = option(line, "path") {
                let place = inside(&directory, value).ok_or_else(|| unclear(path, line))?;
                self.path_gem(path, &place)?;
            } else if line.starts_with("path ")
                || line.starts_with("path(")
                || line.contains(":path =>")
                || line.contains(" path: ")
            {
                let value = quoted(line).last().map(|(_, value)| value).ok_or_else(|| unclear(path, line))?;
                let place = inside(&directory, value).ok_or_else(|| unclear(path, line))?;
                self.path_gem(path, &place)?;
            }
            // `ruby file: ".ruby-version"`
            if line.starts_with("ruby")
                && let Some(value) = option(line, "file")
            {
                let file = inside(&directory, value).ok_or_else(|| unclear(path, line))?;
                self.file(file);
            }
            self.code(path, line, &directory)?;
        }
        Ok(())
    }

    /// Code that reads files: those that it names in full are copied, and anything else is an obstacle.
    fn code(&mut self, path: &str, line: &str, directory: &str) -> Result<(), Obstacle> {
        const NAMED: &[&str] = &[
            "File.read",
            "IO.read",
            "File.open",
            "File.exist?",
            "File.exists?",
            "File.file?",
            "File.readlines",
            "YAML.load_file",
            "Pathname",
            ".read_text",
            "instance_eval",
            "require_relative",
            "eval(",
            "eval ",
            "load ",
            "load(",
        ];
        const CODE: &[&str] = &[
            "Dir[",
            "Dir.",
            "Dir::",
            "`",
            "%x",
            "system(",
            "system ",
            "Open3",
            "IO.popen",
            "spawn",
            "git ls-files",
            "Find.",
            "FileList",
        ];
        if let Some(sign) = CODE.iter().find(|sign| line.contains(*sign)) {
            let shown = if *sign == "`" { "a command" } else { sign.trim() };
            return Err(Obstacle::new("H054", format!("`{path}` looks around with {shown}")));
        }
        if NAMED.iter().any(|sign| is_used(line, sign)) {
            let evaluates =
                line.contains("eval") || line.contains("require_relative") || line.contains("load ");
            for file in self.named(path, line, directory)? {
                if evaluates {
                    self.gemfile(&file)?;
                }
            }
        }
        Ok(())
    }

    /// The files that a line of code names in quotes. One that is not there is read by nobody.
    fn named(&mut self, path: &str, line: &str, directory: &str) -> Result<Vec<String>, Obstacle> {
        let mut found = Vec::new();
        let mut certain = false;
        for (_, value) in quoted(line) {
            if value.contains("#{") {
                // `"#{__dir__}/x"` is a path beside the file.
                let Some(rest) = value.strip_prefix("#{__dir__}/").filter(|rest| !rest.contains("#{")) else {
                    return Err(unclear(path, line));
                };
                certain = true;
                found.extend(normalise(&format!("{directory}/{rest}")));
                continue;
            }
            // `File.expand_path("../lib/x", __FILE__)` starts from the file, not from its directory.
            let from_file = line.contains("__FILE__") && !line.contains("File.dirname");
            let value = if from_file { value.strip_prefix("../").unwrap_or(value) } else { value };
            let place = inside(directory, value);
            let with_ending = place.as_ref().map(|place| format!("{place}.rb"));
            certain |= !value.is_empty();
            found.extend([place, with_ending].into_iter().flatten());
        }
        if !certain {
            return Err(unclear(path, line));
        }
        found.retain(|file| self.tree.has_file(file) && file != path);
        let new: Vec<String> = found.iter().filter(|file| !self.reads.contains(*file)).cloned().collect();
        add_new(&mut self.reads, found);
        Ok(new)
    }

    /// The specification of a gem in a directory, and the version file that it requires.
    fn gemspec(&mut self, directory: &str, name: Option<&str>) -> Result<(), Obstacle> {
        let entries = self.tree.list(directory);
        let specs = entries.iter().filter(|entry| {
            let stem = entry.name.strip_suffix(".gemspec").filter(|_| entry.kind != EntryKind::Directory);
            stem.is_some_and(|stem| name.is_none_or(|name| name == stem))
        });
        let specs: Vec<String> = specs.map(|entry| join(directory, &entry.name)).collect();
        let [spec] = specs.as_slice() else {
            return Err(Obstacle::new("H054", format!("the gemspec in `{directory}` is not certain")));
        };
        add_new(&mut self.reads, [spec.clone()]);
        let text = self.text(spec)?;
        for line in code_lines(&text) {
            let required = line.strip_prefix("require ").or_else(|| line.strip_prefix("require("));
            if let Some(required) = required {
                // Its own version, with `lib` in the path of what can be required.
                let file =
                    quoted(required).next().map(|(_, name)| join(directory, &format!("lib/{name}.rb")));
                self.version_file(file)?;
                continue;
            }
            if let Some(required) = line.strip_prefix("require_relative") {
                let file = quoted(required)
                    .next()
                    .and_then(|(_, name)| inside(directory, &format!("{}.rb", name.trim_end_matches(".rb"))));
                self.version_file(file)?;
                continue;
            }
            if line.contains("unshift") || line.starts_with("lib =") || line.starts_with("lib=") {
                continue;
            }
            self.code(spec, line, directory)?;
        }
        Ok(())
    }

    /// A file that a gemspec requires: it may require nothing itself.
    fn version_file(&mut self, file: Option<String>) -> Result<(), Obstacle> {
        let Some(file) = file.filter(|file| self.tree.has_file(file)) else { return Ok(()) };
        let text = self.text(&file)?;
        let reads_more = |line: &str| {
            ["require", "File.", "Dir", "IO.", "load", "`", "%x"].iter().any(|sign| is_used(line, sign))
        };
        if let Some(line) = code_lines(&text).find(|line| reads_more(line)) {
            return Err(unclear(&file, line));
        }
        self.file(file);
        Ok(())
    }

    /// A gem in a directory of the project: the whole directory is read.
    fn path_gem(&mut self, by: &str, place: &str) -> Result<(), Obstacle> {
        if place.is_empty() || !self.tree.has_directory(place) {
            return Err(Obstacle::new("H047", format!("`{by}` takes a gem from `{place}/`")));
        }
        add_new(&mut self.reads, [place.to_owned()]);
        Ok(())
    }

    /// What lies beside the Gemfile, and what the lockfile adds.
    fn beside(&mut self, directory: &str, lock: Option<&Lock>) -> Result<(), Obstacle> {
        for name in [".bundle", "vendor/cache"] {
            let place = join(directory, name);
            if self.tree.has_directory(&place) {
                add_new(&mut self.reads, [place]);
            }
        }
        let Some(lock) = lock else { return Ok(()) };
        if !lock.holds_for_linux() {
            let reason = format!(
                "the lockfile holds for {} only, so the install writes another one, which the source would replace",
                lock.platforms.join(", ")
            );
            return Err(Obstacle::new("H054", reason));
        }
        for written in &lock.paths {
            let place = inside(directory, written);
            let place =
                place.ok_or_else(|| Obstacle::new("H047", format!("the lockfile names `{written}`")))?;
            let covers = |known: &String| {
                *known == place || place.starts_with(&format!("{known}/")) || split(known).0 == place
            };
            if !self.reads.iter().any(covers) {
                return Err(Obstacle::new("H047", format!("the lockfile names gems in `{written}`")));
            }
        }
        Ok(())
    }

    fn file(&mut self, path: String) {
        if self.tree.has_file(&path) {
            add_new(&mut self.reads, [path]);
        }
    }

    fn text(&self, path: &str) -> Result<String, Obstacle> {
        self.tree.known_text(path).ok_or_else(|| Obstacle::new("H054", format!("`{path}` could not be read")))
    }
}

fn unclear(path: &str, line: &str) -> Obstacle {
    let shown: String = line.chars().take(60).collect();
    Obstacle::new("H054", format!("`{path}` may read other files: `{shown}`"))
}

/// A path that a file in `directory` names; `None` when it leaves the context or is none.
fn inside(directory: &str, written: &str) -> Option<String> {
    let is_path = !written.starts_with(['/', '~']) && !written.contains("#{") && !written.contains("://");
    normalise(&format!("{directory}/{written}")).filter(|_| is_path)
}

/// The lines without comments and blank ones. A `#` in a text stays.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split("\n__END__").next().unwrap_or_default();
    code.lines()
        .map(|line| {
            let mut quote = None;
            let end = line.char_indices().find(|&(at, c)| {
                match quote {
                    Some(open) if c == open => quote = None,
                    None if matches!(c, '"' | '\'') => quote = Some(c),
                    None if c == '#' => return !line.get(at + 1..).is_some_and(|rest| rest.starts_with('{')),
                    _ => {}
                }
                false
            });
            line.get(..end.map_or(line.len(), |(at, _)| at)).unwrap_or_default().trim()
        })
        .filter(|line| !line.is_empty())
}

/// The texts in quotes on a line, each with where it starts.
fn quoted(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = line.get(from..)?;
        let (at, quote) = rest.char_indices().find(|(_, c)| matches!(c, '"' | '\''))?;
        let inside = rest.get(at + 1..)?;
        let end = inside.find(quote)?;
        let start = from + at + 1;
        from = start + end + 1;
        Some((start, inside.get(..end)?))
    })
}

/// The text behind `name: ` or `:name => ` on a line.
fn option<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let found = quoted(line).find(|(start, _)| {
        let before = line.get(..start.saturating_sub(1)).unwrap_or_default().trim_end();
        let key = before.strip_suffix(':').or_else(|| before.strip_suffix("=>").map(str::trim_end));
        key.and_then(|key| key.strip_suffix(name))
            .is_some_and(|head| !head.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    })?;
    Some(found.1)
}

/// Whether a line uses a name as a word of its own: `require` is not part of `required_ruby_version`.
fn is_used(line: &str, sign: &str) -> bool {
    line.match_indices(sign).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let behind = line.get(at + sign.len()..).and_then(|text| text.chars().next());
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let starts = before.is_none_or(|c| !is_part(c) && c != '.');
        let ends = sign.ends_with(|c: char| !is_part(c)) || behind.is_none_or(|c| !is_part(c) && c != ':');
        starts && ends
    })
}
