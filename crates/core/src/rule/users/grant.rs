//! What is given to the user of an application, in the narrowest way: an owner for what is copied to its folder, and one
//! `chown` of the directories that it writes in. Installed packages stay with root, and nothing is given away wholesale.

use std::collections::BTreeSet;

use crate::model::Known;
use crate::rule::Refusal;
use crate::rule::root_needs::paths::{is_in, is_installed};
use crate::rule::root_needs::{Needs, Survey, minds_git, place_of_copy};
use crate::syntax::{Instruction, Keyword};

/// Names of files that only the installation of packages reads.
const MANIFESTS: &[&str] = &[
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "bun.lockb",
    "bun.lock",
    "pyproject.toml",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "Pipfile",
    "Pipfile.lock",
    "setup.py",
    "setup.cfg",
    "Gemfile",
    "Gemfile.lock",
    "composer.json",
    "composer.lock",
    "go.mod",
    "go.sum",
    "Cargo.toml",
    "Cargo.lock",
    "pom.xml",
    ".npmrc",
    ".yarnrc.yml",
    ".yarnrc",
    "tsconfig.json",
    ".python-version",
    ".nvmrc",
    ".ruby-version",
];

/// A RUN to add: behind which instruction, and its command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Added {
    pub(crate) after: usize,
    pub(crate) command: String,
}

/// What is given to the user.
#[derive(Debug, Default)]
pub(crate) struct Grant {
    /// The COPYs and ADDs whose files get the owner.
    pub(crate) copies: BTreeSet<usize>,
    /// The RUNs that make the user and give it directories, in order.
    pub(crate) runs: Vec<Added>,
}

/// Plans what is given. USER comes behind the instruction `behind`, which is the last that may need root.
///
/// # Errors
/// A [`Refusal`] when something has to be given and there is no shell for it.
pub(crate) fn grant(survey: &Survey<'_>, needs: &Needs, behind: usize) -> Result<Grant, Refusal> {
    let steps: Vec<(usize, &Instruction)> = survey.subject.model.stage_instructions(survey.stage).collect();
    let grant = Planner { survey, needs, steps, behind };
    let mut copies = grant.copies();
    copies.extend(needs.copies.iter().filter(|copy| survey.can_give(**copy)));
    let runs = grant.runs(&copies)?;
    Ok(Grant { copies, runs })
}

struct Planner<'s, 'a> {
    survey: &'s Survey<'a>,
    needs: &'s Needs,
    steps: Vec<(usize, &'a Instruction)>,
    behind: usize,
}

impl Planner<'_, '_> {
    fn runs_after(&self, index: usize) -> impl Iterator<Item = &(usize, &Instruction)> {
        self.steps.iter().filter(move |(at, step)| *at > index && step.keyword == Keyword::Run)
    }

    /// The COPYs into the application's folder and into the directories that it writes in.
    fn copies(&self) -> BTreeSet<usize> {
        let mut copies = BTreeSet::new();
        if self.needs.keeps_owners {
            return copies;
        }
        for (index, step) in &self.steps {
            if !matches!(step.keyword, Keyword::Copy | Keyword::Add) || !self.survey.can_give(*index) {
                continue;
            }
            let Some(target) = place_of_copy(self.survey, *index) else { continue };
            let holds_it = |directory: &String| is_in(&target, directory);
            let is_state = self.needs.dirs.iter().chain(&self.needs.trees).any(holds_it);
            let in_app = self.survey.app_dirs.iter().any(|app| is_in(&target, app));
            if is_state || (in_app && self.is_for_the_program(*index, step, &target)) {
                copies.insert(*index);
            }
        }
        copies
    }

    /// Whether what a COPY brings is the application, or may be data of it: no packages, no manifest, no program.
    #[allow(clippy::case_sensitive_file_extension_comparisons)] // Builders look for these names in lower case.
    fn is_for_the_program(&self, index: usize, step: &Instruction, target: &str) -> bool {
        let mut sources: Vec<&str> = step.value_texts().collect();
        sources.pop();
        let name = |path: &&str| {
            let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            MANIFESTS.iter().any(|manifest| {
                *manifest == name
                    || name.split_once('*').is_some_and(|(start, end)| {
                        !start.is_empty() && manifest.starts_with(start) && manifest.ends_with(end)
                    })
            }) || (name.starts_with("requirements") && name.ends_with(".txt"))
                || name.ends_with("proj")
                || name.ends_with(".sln")
        };
        let is_manifest = !sources.is_empty() && sources.iter().all(name);
        if is_manifest || is_installed(target) || sources.iter().any(|source| is_installed(source)) {
            return false;
        }
        if !self.needs.is_compiled {
            return !minds_git(self.survey, index);
        }
        // The source of a program that is compiled here, or the program itself, is read alone.
        let is_program = |source: &&str| {
            let name = source.trim_end_matches('/').rsplit('/').next();
            source.ends_with(".jar") || source.ends_with(".war") || name == self.needs.program.as_deref()
        };
        step.flag("from").is_some() && !sources.iter().all(is_program)
    }

    fn runs(&self, copies: &BTreeSet<usize>) -> Result<Vec<Added>, Refusal> {
        let mut dirs = BTreeSet::new();
        let workdir = self.survey.workdir().map(|directory| directory.trim_end_matches('/').to_owned());
        let own = workdir.filter(|_| self.survey.owns_workdir() && !self.needs.keeps_owners);
        for directory in &self.needs.dirs {
            if !self.is_brought(directory, copies) && own.as_ref() != Some(directory) {
                dirs.insert(directory.clone());
            }
        }
        for cache in self.needs.caches.iter().filter(|cache| self.is_made_before(cache, copies)) {
            dirs.insert(cache.clone());
        }
        let trees: Vec<&String> =
            self.needs.trees.iter().filter(|tree| self.is_made_before(tree, copies)).collect();
        let must = !self.needs.dirs.is_empty() || !self.needs.files.is_empty() || !trees.is_empty();
        if !self.survey.has_shell() {
            return if must {
                Err(Refusal::hazard(
                    "H026",
                    "an image without a shell has no way to give its user a directory",
                ))
            } else {
                Ok(Vec::new())
            };
        }
        self.with_parents(&mut dirs);
        dirs.retain(|path| own.as_ref() != Some(path) && !trees.iter().any(|tree| is_in(path, tree)));
        let made_by_copy = own.as_ref().is_some_and(|own| self.is_made_by_copy(own, copies));
        let given = own.filter(|_| !made_by_copy);
        let mut named = dirs.iter().chain(&given).chain(trees.iter().copied()).chain(&self.needs.files);
        let is_plain = |path: &&String| path.chars().all(|c| c.is_alphanumeric() || "/._-@+~=,:".contains(c));
        if let Some(odd) = named.find(|path| !is_plain(path)) {
            return Err(Refusal::because(format!("the name of {odd:?} would have to be quoted")));
        }
        let mut commands: Vec<String> = self.survey.run_as.made_by.iter().cloned().collect();
        let mut early = Vec::new();
        let first_volume =
            self.steps.iter().find(|(_, step)| step.keyword == Keyword::Volume).map(|(index, _)| *index);
        let place = self.place(given.is_some());
        if let Some(volume) = first_volume.filter(|volume| *volume <= place) {
            // What is given behind VOLUME may be lost (H027).
            let inside: BTreeSet<String> = dirs
                .iter()
                .filter(|path| self.needs.volumes.iter().any(|volume| is_in(path, volume)))
                .cloned()
                .collect();
            if !inside.is_empty() {
                dirs.retain(|path| !inside.contains(path));
                early.push(Added {
                    after: volume.saturating_sub(1),
                    command: self.give(volume.saturating_sub(1), None, &inside, &[], &BTreeSet::new()),
                });
            }
        }
        let command = self.give(place, given.as_deref(), &dirs, &trees, &self.needs.files);
        if !command.is_empty() {
            commands.push(command);
        }
        if !commands.is_empty() {
            early.push(Added { after: place, command: commands.join(" && ") });
        }
        Ok(early)
    }

    /// Directories between the application's folder and those that are made in it are its own too.
    fn with_parents(&self, dirs: &mut BTreeSet<String>) {
        let mut parents = BTreeSet::new();
        for directory in dirs.iter() {
            let Some(app) = self.survey.app_dirs.iter().find(|app| is_in(directory, app)) else { continue };
            let mut parent = directory.as_str();
            while let Some((above, _)) = parent.rsplit_once('/') {
                if above.len() <= app.len() || is_installed(above) {
                    break;
                }
                parents.insert(above.to_owned());
                parent = above;
            }
        }
        dirs.extend(parents);
    }

    /// Behind the last RUN and WORKDIR, so that an edit of the source does not run it again, when a COPY follows.
    fn place(&self, needs_workdir: bool) -> usize {
        let counts = |keyword: Keyword| {
            keyword == Keyword::Run
                || (needs_workdir && keyword == Keyword::Workdir)
                || keyword == Keyword::Shell
                || keyword == Keyword::User
        };
        let before = |(index, _): &&(usize, &Instruction)| *index <= self.behind;
        let last = self
            .steps
            .iter()
            .filter(before)
            .rev()
            .find(|(_, step)| counts(step.keyword))
            .map(|(index, _)| *index);
        let last = last.unwrap_or(self.survey.stage.from);
        let copies_follow = self.steps.iter().any(|(index, step)| {
            *index > last && *index <= self.behind && matches!(step.keyword, Keyword::Copy | Keyword::Add)
        });
        let next = self.survey.subject.model.place(last + 1).map(|(_, step)| &step.state.user);
        let is_root = next.is_some_and(|user| matches!(user, Known::Value(user) if matches!(user.split(':').next(), Some("root" | "0" | ""))));
        if copies_follow && is_root { last } else { self.behind }
    }

    /// Whether a COPY that is given away makes the directory: no WORKDIR and no RUN has made it before.
    fn is_made_by_copy(&self, directory: &str, copies: &BTreeSet<usize>) -> bool {
        for (index, step) in &self.survey.lineage {
            match step.keyword {
                Keyword::Copy | Keyword::Add => {
                    if let Some(target) = place_of_copy(self.survey, *index)
                        && is_in(&target, directory)
                    {
                        return target == directory && copies.contains(index);
                    }
                }
                Keyword::Run => return false,
                Keyword::Workdir => {
                    let made = self
                        .survey
                        .subject
                        .model
                        .place(*index + 1)
                        .and_then(|(_, step)| step.state.workdir.value().cloned());
                    let made = made.or_else(|| self.survey.workdir().map(str::to_owned));
                    if made.is_some_and(|made| is_in(&made, directory)) {
                        return false;
                    }
                }
                _ => {}
            }
        }
        false
    }

    /// Whether files of the context are copied to the directory, and given away by that.
    fn is_brought(&self, directory: &str, copies: &BTreeSet<usize>) -> bool {
        !self.needs.volumes.contains(directory)
            && self.survey.has_files_below(directory)
            && copies
                .iter()
                .any(|copy| place_of_copy(self.survey, *copy).is_some_and(|target| is_in(directory, &target)))
    }

    /// Whether a RUN may have made the directory, or the one that it lies in, as root.
    fn is_made_before(&self, directory: &str, copies: &BTreeSet<usize>) -> bool {
        let covering = copies.iter().rev().find(|copy| {
            place_of_copy(self.survey, **copy).is_some_and(|target| {
                is_in(directory, &target) && (is_installed(&target) || !is_installed(directory))
            })
        });
        match covering {
            Some(copy) => self.runs_after(*copy).next().is_some(),
            None => true,
        }
    }

    /// The command behind an instruction that makes directories and gives them to the user. `workdir` is there already.
    fn give(
        &self,
        after: usize,
        workdir: Option<&str>,
        dirs: &BTreeSet<String>,
        trees: &[&String],
        files: &BTreeSet<String>,
    ) -> String {
        let owner = self.survey.run_as.owner();
        // Of a directory and one in it, `mkdir -p` needs the inner one alone, and none that a RUN has made.
        let all: Vec<&str> =
            dirs.iter().map(String::as_str).chain(trees.iter().map(|tree| tree.as_str())).collect();
        let is_made = |path: &str| self.needs.made.get(path).is_some_and(|index| *index <= after);
        let is_leaf = |path: &&str| !all.iter().any(|other| other != path && is_in(other, path));
        let leaves: Vec<&str> = all.iter().copied().filter(is_leaf).filter(|path| !is_made(path)).collect();
        let mut commands = Vec::new();
        if !leaves.is_empty() {
            commands.push(format!("mkdir -p {}", leaves.join(" ")));
        }
        let mut given: Vec<&str> = workdir.into_iter().chain(dirs.iter().map(String::as_str)).collect();
        given.extend(files.iter().map(String::as_str));
        if !given.is_empty() {
            commands.push(format!("chown {owner} {}", given.join(" ")));
        }
        if !trees.is_empty() {
            let trees: Vec<&str> = trees.iter().map(|tree| tree.as_str()).collect();
            commands.push(format!("chown -R {owner} {}", trees.join(" ")));
        }
        commands.join(" && ")
    }
}
