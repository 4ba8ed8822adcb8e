//! The installation of dependencies before the copy of the source: what is found, on which conditions it is changed, and
//! the change.

use crate::context::{EntryKind, join, normalise, split};
use crate::model::{Base, BuildModel, Stage, copy_words, directory_of, place_of};
use crate::rule::Subject;
use crate::rule::dependencies::{self, Install, Reads, may_install, reads};
use crate::syntax::Keyword;

mod change;
mod conditions;

pub(crate) use change::Reorder;
pub(crate) use conditions::conditions;

/// A COPY or ADD of files of the context.
#[derive(Clone)]
pub(crate) struct Copied {
    /// Its index.
    pub(crate) index: usize,
    /// What it takes, as paths of the context, and whether that is a directory.
    sources: Vec<(String, bool)>,
    /// Where its files go: a path in the image.
    pub(crate) to: String,
    /// Whether files go into `to`, rather than to that name.
    into: bool,
}

impl Copied {
    fn read(subject: &Subject<'_>, index: usize) -> Option<Self> {
        let (sources, target) = copy_words(subject.model, index)?;
        let to = place_of(subject.model, index, &target)?;
        let is_directory = |path: &str| {
            let entry = subject.context.files().entry(path).present();
            entry.is_some_and(|entry| entry.kind == EntryKind::Directory)
        };
        let into = sources.len() > 1
            || target.ends_with(['/', '.'])
            || directory_of(subject.model, index).is_some_and(|directory| directory == to);
        let sources = sources.iter().filter_map(|source| {
            let path = normalise(source)?;
            Some((path.clone(), is_directory(&path)))
        });
        Some(Self { index, sources: sources.collect(), to, into })
    }

    /// The context's file for a path in the image.
    fn locate(&self, path: &str) -> Option<String> {
        let inside = path.strip_prefix(&self.to)?;
        self.sources.iter().rev().find_map(|(source, is_directory)| {
            if *is_directory {
                return Some(join(source, inside.strip_prefix('/')?));
            }
            if !self.into {
                return inside.is_empty().then(|| source.clone());
            }
            let name = inside.strip_prefix('/').filter(|name| !name.contains('/'))?;
            let (directory, pattern) = split(source);
            is_match(pattern, name).then(|| join(directory, name))
        })
    }

    /// The directory that brings a path of the context.
    fn brings(&self, path: &str) -> Option<&str> {
        let directories = self.sources.iter().filter(|(_, is_directory)| *is_directory);
        directories.map(|(source, _)| source.as_str()).find(|source| is_within(path, source))
    }

    /// Whether it takes nothing but paths of the list, or what lies below them.
    fn takes_only(&self, paths: &[String]) -> bool {
        self.sources.iter().all(|(source, is_directory)| {
            let (directory, pattern) = split(source);
            let is_pattern = !is_directory && pattern.contains('*');
            paths.iter().any(|path| {
                is_within(source, path)
                    || is_pattern && split(path).0 == directory && is_match(pattern, split(path).1)
            })
        })
    }

    /// Whether it takes a directory with what nobody has to install: source.
    fn is_source(&self, files: &[String]) -> bool {
        // Small and rarely changed, and often there for the installation.
        const BESIDE: &[&str] = &[
            "scripts", "script", "prisma", "patches", ".yarn", ".husky", "bin", "tools", "config", "docker",
            "vendor", "certs",
        ];
        self.sources.iter().any(|(source, is_directory)| {
            let read = |path: &String| is_within(source, path) || is_within(path, source);
            *is_directory && !BESIDE.contains(&split(source).1) && !files.iter().any(read)
        })
    }
}

/// Whether `path` is `directory` or lies in it.
fn is_within(path: &str, directory: &str) -> bool {
    directory.is_empty()
        || path == directory
        || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a name matches a pattern in which stars are all that is special.
fn is_match(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(left) = name.strip_prefix(first) else { return false };
    match rest.rsplit_once('*') {
        None => left.ends_with(rest),
        Some((_, last)) => left.ends_with(last),
    }
}

/// COPYs of the source and the installation behind them.
pub(crate) struct Found {
    /// The COPY that brings the manifest, or the last one of the source.
    pub(crate) copy: usize,
    /// All that have to come behind the installation, in their order.
    pub(crate) moved: Vec<Copied>,
    /// All before the RUN, those of the stages below too.
    pub(crate) copies: Vec<Copied>,
    /// The index of the RUN.
    pub(crate) run: usize,
    /// What the RUN installs.
    pub(crate) install: Box<Install>,
}

impl Found {
    /// What tells it from others about the same COPY.
    pub(crate) fn subject(&self) -> String {
        format!("{}: {}", self.install.project, self.install.command)
    }

    /// The context's file for a path in the image, at the RUN.
    pub(crate) fn locate(&self, path: &str) -> Option<String> {
        locate(&self.copies, path)
    }
}

fn locate(copies: &[Copied], path: &str) -> Option<String> {
    copies.iter().rev().find_map(|copy| copy.locate(path))
}

/// What is found in each stage.
pub(crate) fn find(subject: &Subject<'_>) -> Vec<Vec<Found>> {
    subject.model.stages().iter().map(|stage| in_stage(subject, stage)).collect()
}

fn in_stage(subject: &Subject<'_>, stage: &Stage) -> Vec<Found> {
    let model = subject.model;
    let mut list = Vec::new();
    let mut own: Vec<Copied> = Vec::new();
    let mut below: Option<Vec<Copied>> = None;
    for (index, instruction) in model.stage_instructions(stage) {
        match instruction.keyword {
            Keyword::Copy | Keyword::Add => own.extend(Copied::read(subject, index)),
            Keyword::Run if !own.is_empty() && may_install(instruction.arguments_text()) => {
                if !own.iter().any(|copy| copy.sources.iter().any(|(_, is_directory)| *is_directory)) {
                    continue;
                }
                let below = below.get_or_insert_with(|| copies_below(subject, stage));
                let copies: Vec<Copied> = below.iter().chain(&own).cloned().collect();
                let Reads::Install(install) =
                    reads(subject.context, model, index, &|path| locate(&copies, path))
                else {
                    continue;
                };
                if let Some((copy, moved)) = chosen(&own, &install) {
                    let found = Found { copy, moved, copies, run: index, install };
                    if !has_installed(subject, &found) {
                        list.push(found);
                    }
                }
            }
            _ => {}
        }
    }
    list
}

/// The COPYs of the stages that a stage is built on, in the order in which they are run.
fn copies_below(subject: &Subject<'_>, stage: &Stage) -> Vec<Copied> {
    let mut copies = Vec::new();
    for stage in chain(subject.model, stage).into_iter().skip(1).rev() {
        let all = subject.model.stage_instructions(stage);
        let of_files = all.filter(|(_, i)| matches!(i.keyword, Keyword::Copy | Keyword::Add));
        copies.extend(of_files.filter_map(|(index, _)| Copied::read(subject, index)));
    }
    copies
}

/// A stage and those that it is built on.
fn chain<'a>(model: &'a BuildModel, stage: &'a Stage) -> Vec<&'a Stage> {
    let mut chain = vec![stage];
    while let Some(Base::Stage(base)) = chain.last().map(|stage| &stage.base) {
        match model.stages().get(*base).filter(|base| !chain.iter().any(|known| known.index == base.index)) {
            Some(base) => chain.push(base),
            None => break,
        }
    }
    chain
}

/// The COPY that is spoken about, and those that have to come behind the installation.
fn chosen(own: &[Copied], install: &Install) -> Option<(usize, Vec<Copied>)> {
    let brings = |copy: &&Copied| copy.brings(&install.project).is_some();
    let main = own.iter().rev().find(brings);
    let Ok(files) = &install.files else {
        let main = main?;
        return Some((main.index, vec![main.clone()]));
    };
    let is_main = |copy: &Copied| copy.brings(&install.project).is_some() && !copy.takes_only(files);
    let first = own.iter().position(|copy| is_main(copy) || copy.is_source(files))?;
    // Behind the first one everything else comes along, so that no two change places, but for what the installation reads.
    let moved: Vec<Copied> = own.iter().skip(first).filter(|copy| !copy.takes_only(files)).cloned().collect();
    let is_source = |copy: &&Copied| copy.is_source(files);
    let spoken = moved.iter().rev().find(|copy| is_main(copy)).or(moved.iter().rev().find(is_source))?;
    Some((spoken.index, moved.clone()))
}

/// Whether the dependencies of the same project were installed before the source was copied.
fn has_installed(subject: &Subject<'_>, found: &Found) -> bool {
    let model = subject.model;
    let Some(stage) = model.stage_of(found.run) else { return false };
    let end = found.moved.first().map_or(found.run, |copy| copy.index);
    let runs = chain(model, stage).into_iter().flat_map(|stage| model.stage_instructions(stage));
    let mut runs = runs.filter(|(index, instruction)| {
        *index < end && instruction.keyword == Keyword::Run && may_install(instruction.arguments_text())
    });
    runs.any(|(index, _)| {
        let before = found.copies.partition_point(|copy| copy.index < index);
        let before = found.copies.get(..before).unwrap_or_default();
        dependencies::installs(model, index, found.install.stack)
            && match reads(subject.context, model, index, &|path| locate(before, path)) {
                Reads::Install(install) => install.project == found.install.project,
                _ => true,
            }
    })
}
