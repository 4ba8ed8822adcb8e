//! A run over Dockerfiles: finding them, grouping them by build context, working on the groups in parallel, and printing
//! what comes of it in the order of the paths.

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use dockmend_workspace::contexts::{self, BuildContext, Request};
use dockmend_workspace::discover::{self, discover, is_dockerfile_name};
use dockmend_workspace::neighbours::{self, Images, Neighbour};
use rayon::prelude::*;

use crate::Exit;
use crate::arguments::{Choice, FailOn, Stdin};
use crate::configuration::{Configurations, Configured};
use crate::group::{Group, Input, Surroundings};
use crate::output::{Outcome, Printer, Tally, shown};

/// So many groups are worked on before their results are printed and forgotten.
const GROUPS_AT_ONCE: usize = 128;

/// Deeply nested shell texts are read by recursion; the default of 2 MiB a thread is narrow for generated files.
const STACK: usize = 16 * 1024 * 1024;

/// Dockerfiles that share a build context, and so are worked on one after the other.
struct Unit {
    /// The absolute path of the context's folder, when it is known.
    folder: Option<PathBuf>,
    /// Inputs that share a configuration too; mostly one.
    parts: Vec<(Arc<Configured>, Vec<Input>)>,
    /// Dockerfiles of the same context that nobody asked to process.
    seen: Vec<Input>,
}

/// What is to be done.
pub(crate) struct Run {
    units: Vec<Unit>,
    /// What the images end with that Dockerfiles of the repository build.
    images: Arc<Images>,
    files: usize,
    /// Which of the Dockerfiles the user named, rather than a folder above them.
    named: HashSet<usize>,
    /// Named or walked things that cannot be processed, one message each.
    pub(crate) problems: Vec<String>,
    /// Things worth saying that keep nothing from being processed.
    pub(crate) warnings: Vec<String>,
}

impl Run {
    /// Finds the Dockerfiles among `paths`, their contexts and their configuration.
    ///
    /// # Errors
    /// Wrong usage, or a configuration file that is wrong: nothing is done then.
    pub(crate) fn prepare(
        paths: &[PathBuf],
        choice: &Choice,
        mut configurations: Configurations,
    ) -> Result<Self> {
        check_context(choice)?;
        let found = discover(paths, &discover::Options::default());
        let mut problems: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
        problems.extend(misnamed_folders(paths, &found.dockerfiles));
        let mut configured = Vec::with_capacity(found.dockerfiles.len());
        for path in &found.dockerfiles {
            configured.push(configurations.of(path)?);
        }
        let request = Request {
            flag: choice.context.clone(),
            config: std::mem::take(&mut configurations.contexts),
            roots: paths.iter().filter(|path| path.is_dir()).cloned().collect(),
            build_files: found.build_files,
        };
        let mut contexts = contexts::find(&found.dockerfiles, &request);
        let mut warnings: Vec<String> = contexts.problems.iter().map(ToString::to_string).collect();
        if found.dockerfiles.is_empty() && problems.is_empty() {
            let named: Vec<_> = paths.iter().map(|path| shown(path)).collect();
            warnings.push(format!("no Dockerfile found in {}", named.join(", ")));
        }
        let files = found.dockerfiles.len();
        let plain = |path: &Path| path.strip_prefix(".").unwrap_or(path).to_owned();
        let given: HashSet<PathBuf> = paths.iter().map(|path| plain(path)).collect();
        let named = found.dockerfiles.iter().enumerate().filter(|(_, path)| given.contains(&plain(path)));
        let named = named.map(|(index, _)| index).collect();
        let others = neighbours::find(paths, &found.dockerfiles, &contexts, &request);
        let images = images(&configured, &found.dockerfiles, &contexts, &others);
        let inputs = found.dockerfiles.into_iter().zip(configured).enumerate();
        let inputs = inputs.map(|(index, (path, configured))| {
            let context = contexts.of.remove(&path);
            (configured, Input { index, path, context })
        });
        let mut units = units(inputs);
        let others = others.into_iter().map(|Neighbour { path, context, .. }| Input {
            index: usize::MAX,
            path,
            context,
        });
        add_seen(&mut units, others);
        Ok(Self { units, images: Arc::new(images), files, named, problems, warnings })
    }

    /// How many Dockerfiles there are.
    pub(crate) fn files(&self) -> usize {
        self.files
    }

    /// Works on every group and prints what comes of it, in the order of the paths.
    pub(crate) fn each(
        self,
        printer: &mut Printer,
        work: &(dyn Fn(&Group<'_>) -> Vec<Outcome> + Sync),
    ) -> Tally {
        let mut tally = Tally::default();
        let mut waiting: BTreeMap<usize, Outcome> = BTreeMap::new();
        let mut next = 0;
        for problem in &self.problems {
            printer.problem(problem);
            tally.unprocessed += 1;
        }
        for warning in &self.warnings {
            printer.warning(warning);
        }
        if self.units.len() > 1 {
            // It fails when there is a pool already, which then has the default stack.
            drop(rayon::ThreadPoolBuilder::new().stack_size(STACK).build_global());
        }
        let images = self.images;
        let mut units = self.units.into_iter();
        loop {
            let batch: Vec<Unit> = units.by_ref().take(GROUPS_AT_ONCE).collect();
            if batch.is_empty() {
                break;
            }
            let outcomes: Vec<Vec<Outcome>> = if batch.len() == 1 {
                batch.into_iter().map(|unit| unit.work(&images, work)).collect()
            } else {
                batch.into_par_iter().map(|unit| unit.work(&images, work)).collect()
            };
            for outcome in outcomes.into_iter().flatten() {
                tally.add(&outcome.tally);
                if self.named.contains(&outcome.index) {
                    tally.skipped_by_name += outcome.tally.skipped;
                }
                waiting.insert(outcome.index, outcome);
            }
            while let Some(outcome) = waiting.remove(&next) {
                printer.outcome(&outcome);
                next += 1;
            }
        }
        // Every file has an outcome, so that nothing waits here; if one was lost, the others are printed all the same.
        for outcome in waiting.values() {
            printer.outcome(outcome);
        }
        tally
    }
}

impl Unit {
    fn work(self, images: &Arc<Images>, work: &(dyn Fn(&Group<'_>) -> Vec<Outcome> + Sync)) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        // Files of one context with different configurations are judged with each other all the same.
        let all: Vec<Input> = if self.parts.len() > 1 {
            self.parts.iter().flat_map(|(_, inputs)| inputs).cloned().collect()
        } else {
            Vec::new()
        };
        for (configured, inputs) in self.parts {
            let own: HashSet<usize> = inputs.iter().map(|input| input.index).collect();
            let others = all.iter().filter(|other| !own.contains(&other.index));
            let seen: Vec<Input> = others.chain(&self.seen).cloned().collect();
            let names: Vec<(usize, String)> =
                inputs.iter().map(|input| (input.index, shown(&input.path))).collect();
            let folder = self.folder.as_deref();
            let done = catch_unwind(AssertUnwindSafe(|| {
                Group::read_all(&configured, Surroundings { folder, seen, images }, inputs, work)
            }));
            match done {
                Ok(done) => outcomes.extend(done),
                Err(_) => outcomes.extend(names.into_iter().map(|(index, name)| {
                    let message = format!(
                        "{name}: dockmend failed on this file, which is a bug of ours; please report it"
                    );
                    Outcome::unprocessed(index, name, message)
                })),
            }
        }
        outcomes
    }
}

/// What the images end with that the given Dockerfiles and their neighbours build.
fn images(
    configured: &[Arc<Configured>],
    given: &[PathBuf],
    contexts: &contexts::Contexts,
    others: &[Neighbour],
) -> Images {
    let of_given = given.iter().filter_map(|path| Some((path.as_path(), contexts.of.get(path)?)));
    let of_others = others.iter().filter_map(|other| Some((other.path.as_path(), other.context.as_ref()?)));
    let builders = of_given.chain(of_others);
    match configured.first() {
        Some(configured) => neighbours::images(&configured.engine, builders),
        None => neighbours::images(&dockmend_core::rewrite::Engine::default(), builders),
    }
}

/// Gives each unit the Dockerfiles of its context that nobody asked to process.
fn add_seen(units: &mut [Unit], others: impl Iterator<Item = Input>) {
    let folders = units.iter().enumerate().filter_map(|(at, unit)| Some((unit.folder.clone()?, at)));
    let by_folder: BTreeMap<PathBuf, usize> = folders.collect();
    for other in others {
        let folder = other.context.as_ref().and_then(BuildContext::folder);
        if let Some(at) = folder.and_then(|folder| by_folder.get(folder)) {
            units[*at].seen.push(other);
        }
    }
}

/// The exit code that a tally means.
pub(crate) fn exit_of(tally: &Tally, fail_on: FailOn) -> Exit {
    use dockmend_core::rule::Severity;
    let counts =
        [(Severity::Error, tally.errors), (Severity::Warning, tally.warnings), (Severity::Hint, tally.hints)];
    if tally.unprocessed + tally.skipped_by_name > 0 {
        Exit::Unprocessed
    } else if counts.iter().any(|(severity, count)| *count > 0 && fail_on.includes(*severity)) {
        Exit::Findings
    } else {
        Exit::Success
    }
}

/// Whether a path is `-`, standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether the paths are standard input and nothing else.
///
/// # Errors
/// Standard input together with files, or with a context, which it never has.
pub(crate) fn reads_stdin(paths: &[PathBuf], choice: &Choice, stdin: &Stdin) -> Result<bool> {
    if !paths.iter().any(|path| is_stdin(path)) {
        if stdin.stdin_filename.is_some() {
            bail!("--stdin-filename names the text from standard input: use it together with the path `-`");
        }
        return Ok(false);
    }
    if paths.len() > 1 {
        bail!("`-` stands for standard input and cannot be mixed with other paths");
    }
    if choice.context.is_some() {
        bail!("a text from standard input has no build context: --context cannot be used with `-`");
    }
    Ok(true)
}

/// The context that is named must exist; a URL is not looked at.
fn check_context(choice: &Choice) -> Result<()> {
    let Some(context) = &choice.context else { return Ok(()) };
    let is_url = context.contains("://") || context.starts_with("git@") || context.starts_with("github.com/");
    if !is_url && !Path::new(context).is_dir() {
        bail!("--context: {context} is not a folder");
    }
    Ok(())
}

/// Folders with the name of a Dockerfile that were named and hold none: what was meant was a file.
fn misnamed_folders(paths: &[PathBuf], found: &[PathBuf]) -> Vec<String> {
    let is_misnamed = |path: &&PathBuf| {
        path.is_dir()
            && path.file_name().and_then(|name| name.to_str()).is_some_and(is_dockerfile_name)
            && !found.iter().any(|file| file.starts_with(path))
    };
    let say =
        |path: &PathBuf| format!("{}: is a directory, not a file, and no Dockerfile is in it", shown(path));
    paths.iter().filter(is_misnamed).map(say).collect()
}

/// The inputs by context, the groups in the order of their first paths. A file of which no context is known is alone.
fn units(inputs: impl Iterator<Item = (Arc<Configured>, Input)>) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut by_folder: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for (configured, input) in inputs {
        let Some(folder) = input.context.as_ref().and_then(BuildContext::folder).map(Path::to_owned) else {
            units.push(Unit { folder: None, parts: vec![(configured, vec![input])], seen: Vec::new() });
            continue;
        };
        let at = *by_folder.entry(folder.clone()).or_insert_with(|| {
            units.push(Unit { folder: Some(folder), parts: Vec::new(), seen: Vec::new() });
            units.len() - 1
        });
        let parts = &mut units[at].parts;
        match parts.iter_mut().find(|(other, _)| Arc::ptr_eq(other, &configured)) {
            Some((_, inputs)) => inputs.push(input),
            None => parts.push((configured, vec![input])),
        }
    }
    units
}
