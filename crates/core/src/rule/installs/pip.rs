//! How old the pip is that a command runs. Before 6.0 it has no cache, and refuses `--no-cache-dir`.
//!
//! Source: pip.pypa.io/en/stable/news, 6.0 (2014-12-22): "caching of http requests" with the option.

use std::collections::{BTreeMap, BTreeSet};

use super::{MOST_STEPS, ShellRun, Started, installs, mentions, started};
use crate::knowledge::{ImageReference, Knowledge};
use crate::model::{Base, BuildModel, Stage};
use crate::syntax::Keyword;

/// What a RUN that has to do with pip mentions.
pub(crate) const NEEDLES: [&str; 4] = ["pip", "conda", "venv", "distribute"];

/// A stage that stands on more stages than this is not followed down.
const LONGEST_CHAIN: usize = 16;

/// What is known of a pip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pip {
    /// It is 6.0 or newer.
    Modern,
    /// Nobody can say.
    Unknown,
    /// It is the one of a release from before 6.0.
    Old,
}

/// The pip that the steps of a stage find, followed from command to command.
#[derive(Clone, Copy)]
pub(crate) struct PipAge {
    /// What the releases of the base have.
    packaged: Pip,
    now: Pip,
}

impl PipAge {
    /// At the start of a stage, with what its base stages in the file do.
    pub(crate) fn at_start(model: &BuildModel, stage: &Stage) -> Self {
        let unknown = Self { packaged: Pip::Unknown, now: Pip::Unknown };
        let mut chain = Vec::new();
        let mut root = stage;
        while let Base::Stage(base) = root.base {
            let Some(base) = model.stages().get(base) else { return unknown };
            chain.push(base);
            if chain.len() > LONGEST_CHAIN {
                return unknown;
            }
            root = base;
        }
        let Base::Image(reference) = &root.base else { return unknown };
        let packaged = of_base(reference, root);
        let mut age = Self { packaged, now: packaged };
        for stage in chain.iter().rev() {
            age.follow_stage(model, stage);
        }
        age
    }

    fn follow_stage(&mut self, model: &BuildModel, stage: &Stage) {
        for (index, instruction) in model.stage_instructions(stage).take(MOST_STEPS) {
            if instruction.keyword == Keyword::Run
                && mentions(model, instruction, &NEEDLES)
                && let Some(run) = ShellRun::at(model, index)
            {
                started(&run.text.script).for_each(|started| self.follow(&started));
            }
        }
    }

    /// The pip that a command would run here.
    pub(crate) fn of(self, started: &Started<'_>) -> Pip {
        let path = started.word(0).map_or("", super::text_of);
        // conda brings its own, and it has never been that old.
        if path.contains("conda") { Pip::Modern } else { self.now }
    }

    /// Goes past a command.
    pub(crate) fn follow(&mut self, started: &Started<'_>) {
        let words: Vec<&str> = started.words().collect();
        let program = started.program();
        let names_pip = |word: &&str| {
            let name = word.trim_matches(['"', '\'']);
            name == "pip" || ["pip=", "pip>", "pip<", "pip~"].iter().any(|start| name.starts_with(start))
        };
        let old_pin = |word: &&str| {
            let version = word.trim_matches(['"', '\'']).split_once("==").map(|(_, version)| version);
            let major = version.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
            major.is_some_and(|major| major < 6)
        };
        let brings = words.iter().any(|word| word.contains("get-pip") || word.contains("ensurepip"))
            || program.starts_with("easy_install") && words.iter().any(names_pip)
            || matches!(program, "conda" | "mamba" | "micromamba")
            || words.iter().any(|word| matches!(*word, "venv")) && program.starts_with("python3");
        if brings {
            self.now = Pip::Modern;
            return;
        }
        let Some(install) = super::Install::of(*started, "pip") else {
            if super::Install::of(*started, "apt-get").is_some()
                || super::Install::of(*started, "dnf").is_some()
            {
                if words.iter().any(|word| is_packaged(word)) {
                    self.now = self.packaged;
                }
                // Packages that only releases from before 6.0 have.
                if words.contains(&"python-distribute") {
                    (self.packaged, self.now) = (Pip::Old, Pip::Old);
                }
            }
            return;
        };
        let mut packages = install.packages().map(super::text_of);
        if let Some(package) = packages.find(|package| names_pip(package)) {
            let upgrades = ["-U", "--upgrade", "-I", "--ignore-installed", "--force-reinstall"]
                .iter()
                .any(|flag| install.read.has_flag(flag));
            if old_pin(&package) {
                self.now = Pip::Old;
            } else if upgrades || package.contains('=') {
                self.now = Pip::Modern;
            }
        }
    }
}

/// pip as a package of the distribution.
fn is_packaged(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or(word);
    name.starts_with("python") && name.ends_with("-pip")
}

/// What the packages of a base have.
fn of_base(reference: &str, stage: &Stage) -> Pip {
    let Some(pip) = Knowledge::builtin().package_manager("pip") else { return Pip::Unknown };
    let lower = reference.to_lowercase();
    let Some(parsed) = ImageReference::parse(&lower) else { return Pip::Unknown };
    let name = parsed.familiar_name();
    let tag = parsed.tag.as_deref().unwrap_or("latest");
    let of_image = |images: &[String]| images.iter().any(|image| image == "*" || *image == name);
    if pip.old_releases.iter().any(|old| of_image(&old.images) && old.holds(tag)) {
        return Pip::Old;
    }
    if pip.new_releases.iter().any(|new| of_image(&new.images) && new.holds(tag)) {
        return Pip::Modern;
    }
    // An official image without a version is the newest.
    let is_newest = matches!(tag, "latest" | "slim");
    let known = stage.facts.as_ref().is_some_and(|facts| facts.official);
    if known && is_newest { Pip::Modern } else { Pip::Unknown }
}

/// For each command of a RUN that installs with pip, the pip that it runs.
pub(crate) fn pips_of(age: &mut PipAge, run: &ShellRun<'_>) -> BTreeMap<usize, Pip> {
    let mut found = BTreeMap::new();
    let commands: BTreeSet<usize> =
        installs(&run.text.script, "pip").iter().map(|install| install.command).collect();
    for started in started(&run.text.script) {
        if commands.contains(&started.command) {
            found.insert(started.command, age.of(&started));
        }
        age.follow(&started);
    }
    found
}

/// The pips that the commands of one RUN run.
pub(crate) fn pips_at(model: &BuildModel, instruction: usize) -> BTreeMap<usize, Pip> {
    let Some(stage) = model.stage_of(instruction) else { return BTreeMap::new() };
    // The position in the stage, for nothing that is too long is followed.
    if stage.steps.partition_point(|step| step.instruction < instruction) > MOST_STEPS {
        return BTreeMap::new();
    }
    let mut age = PipAge::at_start(model, stage);
    for step in &stage.steps {
        let Some(earlier) = model.instruction(step.instruction) else { continue };
        if earlier.keyword != Keyword::Run || !mentions(model, earlier, &NEEDLES) {
            continue;
        }
        let Some(run) = ShellRun::at(model, step.instruction) else { continue };
        let pips = pips_of(&mut age, &run);
        if step.instruction == instruction {
            return pips;
        }
    }
    BTreeMap::new()
}
