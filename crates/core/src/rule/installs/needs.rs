//! What later steps use that only a recommended package brings (H101).

use std::collections::BTreeSet;

use super::{Install, MOST_STEPS, ShellRun, Started, mentions, started, text_of};
use crate::knowledge::{ImageReference, Need, PackageManager};
use crate::model::{Base, BuildModel, Stage};
use crate::rule::Refusal;
use crate::shell::Script;
use crate::syntax::Keyword;

/// The steps around an installation: what they install by name, and what they run.
pub(crate) struct Surroundings<'a> {
    manager: &'static PackageManager,
    model: &'a BuildModel,
    /// The packages that steps install by name, in the stage, below it and on top of it.
    named: BTreeSet<&'a str>,
    /// The packages that are named before the installation, or in it.
    named_before: BTreeSet<&'a str>,
    /// The programs that ran before the installation, so that they were there.
    ran_before: BTreeSet<&'a str>,
    /// The commands that run behind it.
    behind: Vec<Started<'a>>,
    /// The texts behind it that cannot be read.
    unread: Vec<&'a str>,
    /// What the base image is known to have.
    equipped: BTreeSet<&'static str>,
    /// The base image: its familiar name, and its tag in lower case.
    base: Option<(String, String)>,
}

impl<'a> Surroundings<'a> {
    /// Looks at everything around the command `command` of `run`.
    ///
    /// # Errors
    /// A refusal when there are too many steps to follow.
    pub(crate) fn of(
        manager: &'static PackageManager,
        model: &'a BuildModel,
        run: &ShellRun<'a>,
        command: usize,
    ) -> Result<Self, Refusal> {
        let mut around = Self {
            manager,
            model,
            named: BTreeSet::new(),
            named_before: BTreeSet::new(),
            ran_before: BTreeSet::new(),
            behind: Vec::new(),
            unread: Vec::new(),
            equipped: BTreeSet::new(),
            base: None,
        };
        let stage =
            model.stage_of(run.index).ok_or_else(|| Refusal::because("the command is in no stage"))?;
        let mut stages = model.children(stage.index);
        stages.push(stage.index);
        let mut root = stage;
        while let Base::Stage(base) = root.base {
            let Some(base) = model.stages().get(base) else { break };
            stages.push(base.index);
            root = base;
        }
        around.base = base_of(root);
        around.equipped = around.base.as_ref().map_or_else(BTreeSet::new, |base| equipped(manager, base));
        let mut steps = 0;
        for stage in stages.iter().filter_map(|index| model.stages().get(*index)) {
            steps += stage.steps.len();
            if steps > MOST_STEPS {
                return Err(Refusal::hazard("H101", "the stage is too long to see what its steps need"));
            }
            around.look_at(stage, run, command);
        }
        Ok(around)
    }

    fn look_at(&mut self, stage: &'a Stage, run: &ShellRun<'a>, command: usize) {
        let model = self.model;
        let interesting: Vec<&str> = self.interesting();
        for step in &stage.steps {
            let Some(instruction) = model.instruction(step.instruction) else { continue };
            if !matches!(instruction.keyword, Keyword::Run | Keyword::Cmd | Keyword::Entrypoint) {
                continue;
            }
            if !mentions(model, instruction, &interesting) {
                continue;
            }
            let here = step.instruction == run.index;
            match model.shell_text(step.instruction).filter(|text| text.script.is_readable()) {
                Some(text) => {
                    self.read(&text.script, step.instruction, run.index, if here { command } else { 0 });
                }
                None if step.instruction > run.index => self.unread.push(instruction.arguments_text()),
                None => {}
            }
        }
    }

    /// Everything that one of the tables asks about.
    fn interesting(&self) -> Vec<&'static str> {
        let users = self.manager.needs.iter().flat_map(|need| &need.users);
        let users = users.filter_map(|user| user.split(' ').next());
        let programs = self.manager.programs.keys().map(String::as_str);
        users.chain(programs).chain(["apt", "dpkg"]).collect()
    }

    fn read(&mut self, script: &'a Script, index: usize, run: usize, command: usize) {
        for started in started(script) {
            let behind = index > run || index == run && started.command > command;
            if let Some(install) = Install::of(started, "apt-get") {
                let names = install.packages().map(|word| package_name(text_of(word)));
                if behind {
                    self.named.extend(names);
                } else {
                    let names: Vec<&str> = names.collect();
                    let is_before = index < run || started.command < command;
                    if is_before && !install.read.has_effect("recommended") {
                        // Recommended, or named by the fix of that command.
                        let companions = names.iter().filter_map(|name| self.manager.companions.get(*name));
                        self.named_before.extend(companions.flatten().map(String::as_str));
                    }
                    self.named.extend(names.iter().copied());
                    self.named_before.extend(names);
                }
            }
            if matches!(
                started.program(),
                "aptitude" | "apt-fast" | "nala" | "install_packages" | "apt-install"
            ) {
                let names = started.words().skip(1).filter(|word| !word.starts_with('-')).map(package_name);
                let list = if behind { &mut self.named } else { &mut self.named_before };
                list.extend(names);
            }
            if behind {
                self.behind.push(started);
            } else if index < run || started.command < command {
                self.ran_before.insert(started.program());
            }
        }
    }

    /// Whether a package is installed by name before the installation or by it, or the base is known to have it.
    pub(crate) fn has_package(&self, package: &str) -> bool {
        self.named_before.contains(package) || self.equipped.contains(package)
    }

    /// The reason why recommendations must stay, if there is one.
    pub(crate) fn missed(&self, installs: &[Install<'a>]) -> Option<Refusal> {
        let installed: BTreeSet<&str> = installs
            .iter()
            .flat_map(super::Install::packages)
            .map(|word| package_name(text_of(word)))
            .collect();
        if let Some(need) = self.manager.needs.iter().find(|need| self.is_missed(need, &installed)) {
            return Some(Refusal::hazard("H101", need.why.clone()));
        }
        let program = self.unnamed_program()?;
        let reason = format!(
            "a later step runs {program}, and no step installs it by name: it may come with a recommendation"
        );
        Some(Refusal::hazard("H101", reason))
    }

    fn is_missed(&self, need: &Need, installed: &BTreeSet<&str>) -> bool {
        let concerns =
            need.packages.is_empty() || need.packages.iter().any(|name| installed.contains(name.as_str()));
        let is_named = |group: &Vec<String>| {
            group.iter().any(|name| self.named.contains(name.as_str()) || self.has_package(name))
        };
        let is_spared = self.base.as_ref().is_some_and(|(name, tag)| {
            need.not_on.iter().any(|releases| {
                releases.images.iter().any(|image| image == "*" || image == name) && releases.holds(tag)
            })
        });
        concerns
            && !is_spared
            && !need.unless.iter().all(is_named)
            && (need.users.is_empty() || need.users.iter().any(|user| self.is_run_behind(user)))
    }

    fn is_run_behind(&self, user: &str) -> bool {
        let mut parts = user.split(' ');
        let Some(program) = parts.next() else { return false };
        let arguments: Vec<&str> = parts.collect();
        self.behind.iter().any(|started| {
            is_program(started.program(), program)
                && arguments.iter().all(|start| started.words().skip(1).any(|word| word.starts_with(start)))
        }) || self.unread.iter().any(|text| has_word(text, program))
    }

    /// A program that a later step runs, and that neither a step nor the base brings by name.
    fn unnamed_program(&self) -> Option<&str> {
        let runs = self.behind.iter().map(super::Started::program);
        let unread = self.unread.iter().flat_map(|text| {
            self.manager.programs.keys().map(String::as_str).filter(|program| has_word(text, program))
        });
        runs.chain(unread).find(|program| {
            let Some(packages) = self.manager.programs.get(*program) else { return false };
            !packages.iter().any(|package| self.named.contains(package.as_str()) || self.has_package(package))
                && !self.ran_before.contains(program)
                && !self.equipped.contains(program)
        })
    }
}

/// `pip` is `pip`, and `pip3` is `pip3.11` too.
fn is_program(name: &str, program: &str) -> bool {
    name == program
        || name.strip_prefix(program).is_some_and(|rest| {
            let rest = rest.strip_prefix('-').unwrap_or(rest);
            rest.starts_with('.') && rest.bytes().skip(1).all(|byte| byte.is_ascii_digit())
        })
}

/// Whether a word stands in a text, with no letter, digit or dash around it.
fn has_word(text: &str, word: &str) -> bool {
    let part =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-_+".contains(byte));
    text.match_indices(word).any(|(at, _)| {
        let bytes = text.as_bytes();
        !part(at.checked_sub(1).and_then(|before| bytes.get(before))) && !part(bytes.get(at + word.len()))
    })
}

/// The package of an argument of apt: without version, release and architecture.
pub(crate) fn package_name(word: &str) -> &str {
    word.split(['=', ':']).next().unwrap_or(word)
}

/// The image that a stage starts from.
fn base_of(root: &Stage) -> Option<(String, String)> {
    let Base::Image(reference) = &root.base else { return None };
    let parsed = ImageReference::parse(reference)?;
    let name = parsed.familiar_name();
    Some((name, parsed.tag.unwrap_or_else(|| "latest".to_owned()).to_lowercase()))
}

/// What the table knows of the base image.
fn equipped(manager: &'static PackageManager, (name, tag): &(String, String)) -> BTreeSet<&'static str> {
    let rows = manager.equipped.iter().filter(|row| {
        let is_other =
            tag.split('-').any(|part| row.except.iter().any(|word| part.starts_with(word.as_str())));
        row.images.contains(name) && !is_other
    });
    rows.flat_map(|row| row.have.iter().map(String::as_str)).collect()
}
