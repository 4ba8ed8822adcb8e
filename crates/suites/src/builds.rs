//! Whole projects, built and run before and after `dockmend rewrite all`.
//!
//! The projects are those of `fixtures/projects`. What must hold of each is in `gates`; that the gates notice what they are
//! for is shown by the bad rewrites of `seeded`.

mod container;
mod engine;
mod gates;
mod image;
mod measure;
mod project;
mod rewriting;
mod seeded;
mod table;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rayon::prelude::*;

use self::engine::{Engine, Own};
use self::gates::Red;
use self::measure::{Measured, measure};
use self::project::{Copy, Project};
use self::rewriting::{Dockmend, Outcome};
use crate::cache;
use crate::verdicts::builder::{Answer, Builder};

const USAGE: &str = "\
cargo xtask builds [--only NAME...] [--quick] [--seeded] [--cold] [--jobs N] [--write] [--dir PATH] [--record]

Builds, runs and stops every project before and after `dockmend rewrite all`, and exits with 1 when a gate is red.

--only NAME...  these projects
--quick         the few projects that are marked as quick, and the bad rewrites of these
--seeded        only the bad rewrites of seeded.toml, each of which has to turn its gate red
--cold          take no layer from the build cache
--jobs N        build so many projects at once; default 2
--write         write the table to docs/rewrites/measured.md
--dir PATH      the folder of the projects; default: fixtures/projects
--record        build nothing: write what the rewrites make of each project to fixtures/projects/expected

The engine is the one of the environment (DOCKER_HOST, or what `docker` finds). Where there is none, one is made of Debian's
packages in the cache folder, which needs root and Debian; it reaches no container registry, and stand-ins are made for the base
images. Where neither can be had, nothing is built.";

#[allow(clippy::struct_excessive_bools)] // Flags of a command line, each on its own.
struct Options {
    only: Vec<String>,
    quick: bool,
    seeded: bool,
    cold: bool,
    write: bool,
    record: bool,
    /// So many projects are built at once.
    jobs: usize,
    folder: Option<PathBuf>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self {
            only: Vec::new(),
            quick: false,
            seeded: false,
            cold: false,
            write: false,
            record: false,
            jobs: 2,
            folder: None,
        };
        let mut arguments = arguments.iter().peekable();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--only" => {
                    while let Some(name) = arguments.next_if(|next| !next.starts_with('-')) {
                        options.only.push(name.clone());
                    }
                }
                "--quick" => options.quick = true,
                "--seeded" => options.seeded = true,
                "--cold" => options.cold = true,
                "--jobs" => {
                    let number = arguments.next().context("--jobs needs a number")?;
                    options.jobs = number.parse().with_context(|| format!("--jobs {number}"))?;
                }
                "--write" => options.write = true,
                "--record" => options.record = true,
                "--dir" => options.folder = Some(arguments.next().context("--dir needs a path")?.into()),
                "--help" | "-h" => return Ok(None),
                other => bail!("there is no option {other}\n{USAGE}"),
            }
        }
        Ok(Some(options))
    }
}

/// What came out for one project.
pub(crate) struct Row {
    project: Project,
    outcome: Outcome,
    /// Before and after; nothing when it is only checked, or failed.
    measured: Option<(Measured, Measured)>,
    /// Why it was not built.
    not_built: Option<String>,
    red: Red,
    /// Why nothing could be said about it at all.
    skipped: Option<String>,
}

/// Runs the suite. The exit code is 1 when a gate is red.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = Options::parse(arguments)? else {
        println!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    if options.record {
        return record();
    }
    if !engine::answers() {
        let own = match Own::start()? {
            Ok(own) => own,
            Err(reason) => {
                println!("skipped: {reason}");
                return Ok(ExitCode::SUCCESS);
            }
        };
        // Once more, with the engine in the environment.
        let variables = own.variables.iter().map(|(name, value)| (name, value));
        let mut again = Command::new(std::env::current_exe()?);
        let status = again.arg("builds").args(arguments).envs(variables).status()?;
        return Ok(status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .map_or(ExitCode::FAILURE, ExitCode::from));
    }
    Suite::new(&options)?.run(&options)
}

/// Writes down what the rewrites make of the projects. The test that compares it does it, so that the two agree.
fn record() -> Result<ExitCode> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut test = Command::new(cargo);
    test.args([
        "test",
        "--quiet",
        "--package",
        "dockmend",
        "--test",
        "projects",
        "--",
        "--include-ignored",
        "--nocapture",
    ]);
    cache::run(test.env("DOCKMEND_RECORD", "1").current_dir(cache::checkout()))?;
    println!("written to fixtures/projects/expected: read the differences before you commit them");
    Ok(ExitCode::SUCCESS)
}

struct Suite {
    engine: Engine,
    dockmend: Dockmend,
    projects: Vec<Project>,
    seeds: Vec<seeded::Seed>,
    begin: Instant,
}

impl Suite {
    fn new(options: &Options) -> Result<Self> {
        let begin = Instant::now();
        let engine = Engine::reach()?;
        let images =
            if engine.stand_ins() { "stand-ins for the official images" } else { "images from registries" };
        println!("{}, {images}, {} projects at once", engine.version, options.jobs);
        let folder = options.folder.clone().unwrap_or_else(project::home);
        let mut projects = project::load(&folder)?;
        let known: BTreeSet<String> = projects.iter().map(|project| project.name.clone()).collect();
        if let Some(name) = options.only.iter().find(|name| !known.contains(*name)) {
            bail!("there is no project {name} in {}", folder.display());
        }
        let seeds = if folder.join("seeded.toml").is_file() { seeded::load(&folder)? } else { Vec::new() };
        if let Some(seed) = seeds.iter().find(|seed| !known.contains(&seed.project)) {
            bail!("seeded.toml: there is no project {}", seed.project);
        }
        projects.retain(|project| {
            (options.only.is_empty() || options.only.contains(&project.name))
                && (!options.quick || project.quick)
        });
        Ok(Self { engine, dockmend: Dockmend::build()?, projects, seeds, begin })
    }

    fn run(&self, options: &Options) -> Result<ExitCode> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs).build()?;
        let mut rows = Vec::new();
        let mut green = true;
        if !options.seeded {
            let done: Vec<Row> = pool.install(|| {
                self.projects.par_iter().with_max_len(1).map(|project| self.row(project, options)).collect()
            });
            rows = done;
            green &= Self::tell(&rows, options)?;
        }
        if options.seeded || options.quick || options.only.is_empty() {
            green &= pool.install(|| self.sow());
        }
        println!("{} s", self.begin.elapsed().as_secs());
        drop(rows);
        Ok(if green { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Everything about one project; an error is a red gate.
    fn row(&self, project: &Project, options: &Options) -> Row {
        let begin = Instant::now();
        let mut row = Row {
            project: project.clone(),
            outcome: Outcome::default(),
            measured: None,
            not_built: project.not_built(),
            red: Red::default(),
            skipped: None,
        };
        let red = match self.fill(&mut row, options) {
            Ok(red) => red,
            Err(error) => Red::not_built(&error),
        };
        row.red = Red::of_offer(project, &row.outcome).and(red);
        let colour = match &row.skipped {
            Some(reason) => format!("skipped: {reason}"),
            None if row.red.0.is_empty() => "green".to_owned(),
            None => "RED".to_owned(),
        };
        let kind = if row.not_built.is_some() { "checked" } else { "built" };
        println!("{}: {colour} ({kind} in {} s)", project.name, begin.elapsed().as_secs());
        for (gate, reason) in &row.red.0 {
            println!("  {gate}: {}", reason.replace('\n', "\n    "));
        }
        row
    }

    fn fill(&self, row: &mut Row, options: &Options) -> Result<Red> {
        let project = &row.project;
        let before = Copy::of(project)?;
        let after = Copy::of(project)?;
        if project.fix_first {
            self.dockmend.fix(&before)?;
            self.dockmend.fix(&after)?;
        }
        row.outcome = self.dockmend.rewrite(&after)?;
        if row.not_built.is_some() {
            return Self::check(row, &before, &after);
        }
        if let Some(reason) = self.images(project, &[&before, &after])? {
            row.skipped = Some(reason);
            return Ok(Red::default());
        }
        let was =
            measure(&self.engine, project, &before, "before", options.cold).context("before the rewrites")?;
        let is =
            measure(&self.engine, project, &after, "after", options.cold).context("after the rewrites")?;
        let red = gates::judge(project, &row.outcome, &was, &is);
        row.measured = Some((was, is));
        Ok(red)
    }

    /// What is asked of a project that is not built: BuildKit has nothing against it, neither before nor after.
    fn check(row: &mut Row, before: &Copy, after: &Copy) -> Result<Red> {
        let builder = match Builder::reach()? {
            Ok(builder) => builder,
            Err(reason) => {
                row.skipped = Some(reason);
                return Ok(Red::default());
            }
        };
        for (variant, copy) in [("before", before), ("after", after)] {
            match builder.ask(&copy.text()?, &[])? {
                Answer::Accepted => {}
                Answer::Refused(message) => bail!("BuildKit refuses it {variant} the rewrites: {message}"),
                Answer::NotComparable(reason) => row.skipped = Some(reason),
            }
        }
        Ok(Red::default())
    }

    /// Makes sure that all images are there that the variants begin with or copy from, or says why not.
    fn images(&self, project: &Project, copies: &[&Copy]) -> Result<Option<String>> {
        for (name, stands) in &project.images {
            if let Err(error) = self.engine.need(stands) {
                return Ok(Some(format!("{error:#}")));
            }
            self.engine.text(&["tag", stands, name])?;
        }
        for copy in copies {
            for image in images_of(&copy.text()?) {
                if let Err(error) = self.engine.need(&image) {
                    return Ok(Some(format!("{error:#}")));
                }
            }
        }
        Ok(None)
    }

    /// Prints the table and what was skipped; whether all is green.
    fn tell(rows: &[Row], options: &Options) -> Result<bool> {
        let built = rows.iter().filter(|row| row.measured.is_some()).count();
        let skipped: Vec<&Row> = rows.iter().filter(|row| row.skipped.is_some()).collect();
        let red = rows.iter().filter(|row| !row.red.0.is_empty()).count();
        let checked = rows
            .iter()
            .filter(|row| row.not_built.is_some() && row.skipped.is_none() && row.red.0.is_empty())
            .count();
        let mut summary = vec![format!(
            "{} projects: {built} built and run before and after, {checked} checked only, {} skipped, {red} red.",
            rows.len(),
            skipped.len()
        )];
        for rewrite in ["ignore", "stages", "order", "exec", "user"] {
            let offered = rows.iter().filter(|row| row.outcome.offered.contains(rewrite)).count();
            let shown = rows.iter().filter(|row| {
                row.outcome.offered.contains(rewrite) && row.measured.is_some() && row.red.0.is_empty()
            });
            summary
                .push(format!("- `{rewrite}`: offered in {offered}, built and green in {}", shown.count()));
        }
        for row in &skipped {
            summary.push(format!(
                "- skipped {}: {}",
                row.project.name,
                row.skipped.as_deref().unwrap_or_default()
            ));
        }
        let page = table::page(rows, &summary);
        println!("\n{}", page.split_once("\n\n").map_or(page.as_str(), |(_, rest)| rest.trim()));
        if options.write {
            let path = cache::checkout().join("docs/rewrites/measured.md");
            std::fs::create_dir_all(path.parent().context("it lies in a folder")?)?;
            std::fs::write(&path, page)?;
            println!("written to {}", path.display());
        }
        Ok(red == 0)
    }

    /// Builds the bad rewrites of the projects at hand; whether each turned its gate red.
    fn sow(&self) -> bool {
        let mine = |seed: &seeded::Seed| self.projects.iter().find(|project| project.name == seed.project);
        let seeds: Vec<_> = self.seeds.iter().filter_map(|seed| Some((seed, mine(seed)?))).collect();
        let missed = Mutex::new(0_usize);
        seeds.par_iter().with_max_len(1).for_each(|(seed, project)| {
            let name = format!("seeded {}: {}", project.name, seed.what);
            let red = seeded::sow(&self.engine, &self.dockmend, project, seed);
            match &red {
                Ok(red) if red.has(&seed.red) => {
                    let gates: Vec<&str> = red.0.iter().map(|(gate, _)| *gate).collect();
                    println!("{name}: noticed ({})", gates.join(", "));
                }
                Ok(red) => println!("{name}: NOT NOTICED by the gate {:?}; red are {:?}", seed.red, red.0),
                Err(error) => println!("{name}: {error:#}"),
            }
            if !red.is_ok_and(|red| red.has(&seed.red)) {
                *missed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += 1;
            }
        });
        let missed = missed.into_inner().unwrap_or(1);
        println!("{} of {} bad rewrites noticed", seeds.len() - missed, seeds.len());
        missed == 0
    }
}

/// The images that a Dockerfile begins with or copies from, stages left out. ARGs with a default are put in.
fn images_of(text: &str) -> BTreeSet<String> {
    let mut stages = BTreeSet::from(["scratch".to_owned()]);
    let mut arguments: Vec<(String, String)> = Vec::new();
    let mut images = BTreeSet::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(keyword) = words.first().map(|word| word.to_ascii_uppercase()) else { continue };
        if keyword == "ARG"
            && let Some((name, value)) = words.get(1).and_then(|word| word.split_once('='))
        {
            arguments.push((name.to_owned(), value.trim_matches('"').to_owned()));
        }
        let mut named: Vec<&str> = words.iter().filter_map(|word| word.strip_prefix("--from=")).collect();
        if keyword == "FROM" {
            named.extend(words.iter().skip(1).find(|word| !word.starts_with("--")));
        } else if keyword != "COPY" {
            continue;
        }
        for image in named {
            let mut image = image.to_owned();
            for (name, value) in &arguments {
                image = image.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value);
            }
            if !stages.contains(&image) && image.parse::<usize>().is_err() {
                images.insert(image);
            }
        }
        if keyword == "FROM"
            && let Some(at) = words.iter().position(|word| word.eq_ignore_ascii_case("as"))
            && let Some(name) = words.get(at + 1)
        {
            stages.insert((*name).to_owned());
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_of_a_file_are_found() {
        let text = "ARG V=20\nFROM --platform=linux/amd64 node:$V AS build\nCOPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/\n\
                    FROM node:${V}-slim\nCOPY --chown=1 --from=build /a /a\nCOPY --from=0 /b /b\nFROM scratch\n";
        let images: Vec<String> = images_of(text).into_iter().collect();
        assert_eq!(images, ["ghcr.io/astral-sh/uv:latest", "node:20", "node:20-slim"]);
    }

    #[test]
    fn every_project_can_be_read() {
        let projects = project::load(&project::home()).unwrap();
        for project in &projects {
            assert!(project.folder.join(&project.build.dockerfile).is_file(), "{}", project.name);
            if let Some(edit) = &project.edit {
                assert!(project.folder.join(&edit.file).is_file(), "{}: {}", project.name, edit.file);
            }
        }
        for seed in seeded::load(&project::home()).unwrap() {
            assert!(projects.iter().any(|project| project.name == seed.project), "{}", seed.project);
        }
    }
}
