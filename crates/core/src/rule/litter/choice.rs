//! Which of the litter may be ignored, by what all Dockerfiles under one ignore file ask of the context (H128, H133).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;

use super::demands::names_dotenv;
use super::git::{GitIgnore, file_that_asks, first_with, go_file_that_asks, ours};
use super::{Demands, Group, Litter, is_made_by_tools};
use crate::context::{ContextFiles, DockerIgnore, Found, split};
use crate::rule::Refusal;

/// What goes into the ignore file, and what is to be said about it.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) litter: Vec<Litter>,
    pub(crate) remarks: Vec<String>,
    /// The paths of those that are there, with their groups.
    present: BTreeMap<String, Group>,
    /// The same, ordered by group.
    by_group: Vec<String>,
}

impl Choice {
    /// All of it, whatever a Dockerfile wants.
    pub(crate) fn of(litter: Vec<Litter>) -> Self {
        let mut choice = Self { litter, remarks: Vec::new(), present: BTreeMap::new(), by_group: Vec::new() };
        choice.index();
        choice
    }

    fn index(&mut self) {
        let present = self.litter.iter().filter(|one| one.present);
        self.present = present.map(|one| (one.path.clone(), one.group)).collect();
        self.by_group = self.present.keys().cloned().collect();
        self.by_group.sort_by_key(|path| self.present.get(path).copied());
    }

    /// The chosen paths that are there and lie at or below one of the sources, the most important groups first.
    pub(crate) fn taken(&self, sources: &[String]) -> Vec<&str> {
        if sources.iter().any(String::is_empty) {
            return self.by_group.iter().map(String::as_str).collect();
        }
        let mut taken: Vec<(Group, &str)> = Vec::new();
        for source in sources {
            // What lies below `a` stands between `a/` and `a0` when it is sorted.
            let below = (Bound::Included(format!("{source}/")), Bound::Excluded(format!("{source}0")));
            let own = self.present.get_key_value(source).into_iter();
            let all = own.chain(self.present.range::<String, _>(below));
            taken.extend(all.map(|(path, group)| (*group, path.as_str())));
        }
        taken.sort_unstable();
        taken.dedup();
        taken.into_iter().map(|(_, path)| path).collect()
    }

    /// Those that are not there yet and would be taken with `source`.
    pub(crate) fn expected<'a>(&'a self, source: &'a str) -> impl Iterator<Item = &'a str> {
        let expected = self.litter.iter().filter(|one| !one.present).map(|one| one.path.as_str());
        expected.filter(move |path| is_below(path, source))
    }
}

/// A Dockerfile under the ignore file.
pub(super) struct User<'a> {
    pub(super) path: &'a str,
    pub(super) demands: Rc<Demands>,
}

/// What the Dockerfiles together want.
struct Wants<'a> {
    literal: BTreeSet<&'a str>,
    patterns: BTreeSet<&'a str>,
}

/// Chooses.
///
/// # Errors
/// A [`Refusal`] when it is not known what some COPY takes (H128), or when nothing but the history could be ignored and
/// the build reads it (H052).
pub(super) fn choose(
    files: &dyn ContextFiles,
    listing: &[Found],
    all: &[Litter],
    users: &[User<'_>],
) -> Result<Choice, Refusal> {
    let mut wants = Wants { literal: BTreeSet::new(), patterns: BTreeSet::new() };
    for user in users {
        let needs = user.demands.needs.as_ref().map_err(|line| {
            Refusal::hazard("H128", format!("it is not known what line {line} of {} copies", user.path))
        })?;
        for source in needs {
            let is_pattern = source.contains(['*', '?', '[']);
            if is_pattern {
                wants.patterns.insert(source)
            } else {
                wants.literal.insert(source)
            };
        }
    }
    let patterns: Vec<(&str, DockerIgnore)> =
        wants.patterns.iter().map(|source| (*source, DockerIgnore::parse(source))).collect();
    let is_taken = |one: &Litter| {
        users.iter().any(|user| {
            user.demands.takes.iter().flat_map(|take| &take.sources).any(|source| is_below(&one.path, source))
        })
    };
    let mut choice = Choice::of(all.to_vec());
    choice.litter.retain(|one| {
        let named = wants.name(one) || patterns.iter().any(|(source, ignore)| reaches(source, ignore, one));
        !named && (one.present || is_taken(one))
    });
    keep_what_is_not_remade(&mut choice, users);
    dotenv(&mut choice, files, listing, all, users);
    private_keys(&mut choice, files, listing, all);
    history(&mut choice, files, listing, all, users)?;
    choice.index();
    Ok(choice)
}

impl Wants<'_> {
    /// Whether a source names a piece of litter, something in it, or takes it on purpose with the directory it lies in.
    fn name(&self, litter: &Litter) -> bool {
        let path = litter.path.as_str();
        let inside = format!("{path}/");
        let beyond =
            self.literal.range::<str, _>((Bound::Included(inside.as_str()), Bound::Unbounded)).next();
        if self.literal.contains(path) || beyond.is_some_and(|source| source.starts_with(&inside)) {
            return true;
        }
        is_deliberate(litter) && self.holds(path)
    }

    /// Whether a source is a directory above `path`, other than the context itself.
    fn holds(&self, path: &str) -> bool {
        path.match_indices('/')
            .any(|(at, _)| path.get(..at).is_some_and(|above| self.literal.contains(above)))
    }
}

/// Whether somebody who names the directory above may mean this as well: not what a tool made there, nor `.env`.
fn is_deliberate(litter: &Litter) -> bool {
    let by_group = matches!(litter.group, Group::Secrets | Group::Logs) && !litter.is_dotenv();
    by_group || !(is_made_by_tools(&litter.path) || litter.maker.is_some() || litter.is_dotenv())
}

/// Whether a pattern may reach a piece of litter: `target/*.jar` reaches into `target`, `*.pem` names keys, `**/x` may name
/// anything.
fn reaches(source: &str, ignore: &DockerIgnore, litter: &Litter) -> bool {
    let path = litter.path.as_str();
    let wild = source.find(['*', '?', '[']).unwrap_or(source.len());
    let fixed = split(source.get(..wild).unwrap_or_default()).0;
    source.contains("**") || is_below(fixed, path) && !fixed.is_empty() || ignore.is_ignored(path)
}

/// Whether `path` is `directory` or lies below it.
pub(crate) fn is_below(path: &str, directory: &str) -> bool {
    directory.is_empty()
        || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a Dockerfile takes and does not make anew by itself is what it runs on.
fn keep_what_is_not_remade(choice: &mut Choice, users: &[User<'_>]) {
    let makers: BTreeSet<_> = choice.litter.iter().filter_map(|one| one.maker).collect();
    for maker in makers {
        let others = users.iter().filter(|user| !user.demands.makes(maker));
        let mut sources = BTreeMap::new();
        for user in others {
            for source in user.demands.takes.iter().flat_map(|take| &take.sources) {
                sources.entry(source.as_str()).or_insert(user.path);
            }
        }
        let taker = |path: &str| {
            let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
            std::iter::once("").chain(above).chain([path]).find_map(|source| sources.get(source).copied())
        };
        let remarks = &mut choice.remarks;
        choice.litter.retain(|one| {
            let Some(path) =
                Some(one).filter(|one| one.maker == Some(maker)).and_then(|one| taker(&one.path))
            else {
                return true;
            };
            if one.present && !remarks.iter().any(|remark| remark.starts_with(&one.path)) {
                remarks.push(format!("{} is still sent: {path} does not make its own", one.path));
            }
            false
        });
    }
}

/// `.env` stays where a step is told to read it. Where git knows it, it is no secret, and it stays where something names it.
fn dotenv(
    choice: &mut Choice,
    files: &dyn ContextFiles,
    listing: &[Found],
    all: &[Litter],
    users: &[User<'_>],
) {
    if !choice.litter.iter().any(Litter::is_dotenv) {
        return;
    }
    if let Some(user) = users.iter().find(|user| user.demands.reads_dotenv) {
        if choice.litter.iter().any(|one| one.is_dotenv() && one.present) {
            choice.remarks.push(format!(".env is still sent: {} reads it, or builds a front end", user.path));
        }
        choice.litter.retain(|one| !one.is_dotenv());
        return;
    }
    let git = GitIgnore::new(files);
    let mut reader = None;
    let mut kept = Vec::new();
    choice.litter.retain(|one| {
        if !one.is_dotenv() || !one.present || git.covers(&one.path) {
            return true;
        }
        let sources = || ours(listing, all).filter(|found| is_source(&found.path));
        let reader = reader.get_or_insert_with(|| {
            first_with(files, sources(), |text| names_dotenv(text) || loads_dotenv(text))
        });
        if let Some(reader) = reader {
            kept.push(format!("{} is still sent: git knows it, and {reader} reads it", one.path));
        }
        reader.is_none()
    });
    choice.remarks.append(&mut kept);
    if choice.litter.iter().any(|one| one.is_dotenv() && one.present) {
        choice.remarks.push(
            ".env is no part of the image any more: where the program reads it, pass it when the container starts (--env-file)"
                .to_owned(),
        );
    }
}

/// Packages that read `.env` by themselves when a program or a development server starts.
///
/// Source: the documentation of each.
const LOADERS: &[&str] = &[
    "dotenv",
    "env_file",
    "EnvironmentFile",
    "@nestjs/config",
    "\"next\"",
    "\"nuxt\"",
    "\"vite\"",
    "\"astro\"",
    "\"gatsby\"",
    "\"parcel\"",
    "\"react-scripts\"",
    "@vue/cli-service",
    "@sveltejs/kit",
    "@remix-run/",
    "node-config-ts",
    "pydantic-settings",
    "pydantic_settings",
    "BaseSettings",
    "decouple",
    "environs",
    "django-environ",
    "dynaconf",
    "starlette.config",
    "spf13/viper",
    "cleanenv",
    "symfony/runtime",
    "laravel/framework",
    "codeigniter4",
    "node-env-file",
    "foreman",
];

fn loads_dotenv(text: &str) -> bool {
    LOADERS.iter().any(|sign| text.contains(sign))
}

/// Whether a file may hold a program or its settings.
fn is_source(path: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "js",
        "mjs",
        "cjs",
        "ts",
        "mts",
        "jsx",
        "tsx",
        "vue",
        "py",
        "rb",
        "php",
        "go",
        "rs",
        "java",
        "kt",
        "cs",
        "ex",
        "exs",
        "sh",
        "json",
        "toml",
        "conf",
        "cfg",
        "ini",
        "properties",
        "xml",
        "txt",
    ];
    let name = split(path).1;
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    if name.contains("lock") {
        return false;
    }
    name == "Gemfile"
        || name == "Procfile"
        || name == "Makefile"
        || ending.is_some_and(|e| ENDINGS.contains(&e))
}

/// A private key that a program or its settings name is what it runs with.
fn private_keys(choice: &mut Choice, files: &dyn ContextFiles, listing: &[Found], all: &[Litter]) {
    let is_key = |one: &Litter| {
        one.group == Group::Secrets
            && one.present
            && [".pem", ".key"].iter().any(|ending| one.path.ends_with(ending))
    };
    if !choice.litter.iter().any(is_key) {
        return;
    }
    let mut kept = Vec::new();
    choice.litter.retain(|one| {
        if !is_key(one) {
            return true;
        }
        let name = split(&one.path).1;
        let is_settings =
            |path: &str| is_source(path) || [".yml", ".yaml"].iter().any(|ending| path.ends_with(ending));
        let sources = ours(listing, all).filter(|found| is_settings(&found.path));
        let reader = first_with(files, sources, |text| text.contains(name));
        if let Some(reader) = &reader {
            kept.push(format!("{} is a private key and still sent: {reader} names it", one.path));
        }
        reader.is_none()
    });
    choice.remarks.append(&mut kept);
}

/// The history stays, with all that git may know, where the build asks git (H052, H129).
fn history(
    choice: &mut Choice,
    files: &dyn ContextFiles,
    listing: &[Found],
    all: &[Litter],
    users: &[User<'_>],
) -> Result<(), Refusal> {
    let has_history = choice.litter.iter().any(|one| one.path == ".git");
    if !has_history {
        return Ok(());
    }
    let step =
        users.iter().find_map(|user| Some(format!("line {} of {}", user.demands.asks_git?, user.path)));
    let builds_go = users.iter().any(|user| user.demands.builds_go.is_some());
    let asks = step
        .or_else(|| file_that_asks(files, listing, all))
        .or_else(|| builds_go.then(|| go_file_that_asks(files, listing, all)).flatten());
    let Some(asks) = asks else {
        if builds_go {
            let remark = "Go does not write the revision into the program any more: there is no .git to ask, and no source reads it (H052)";
            choice.remarks.push(remark.to_owned());
        }
        return Ok(());
    };
    // A file that git knows and the builder does not get makes the version a dirty one (H129).
    choice.litter.retain(|one| matches!(one.group, Group::Dependencies | Group::Generated));
    if choice.litter.is_empty() {
        return Err(Refusal::hazard("H052", format!("{asks} takes the version from git")));
    }
    choice.remarks.retain(|remark| !remark.starts_with(".env"));
    choice
        .remarks
        .push(format!(".git is still sent, with all that git may know: {asks} reads it (H052, H129)"));
    Ok(())
}
