//! The proofs for commands of package managers: a word more or less, a command more or less.

use std::collections::{BTreeMap, BTreeSet};

use crate::knowledge::{InstallCommand, Knowledge};
use crate::model::{BuildModel, Delta};
use crate::rule::installs::{APT_LISTS_CLEANUP, ShellRun, Started, apk, lists, pip};
use crate::rule::{Safety, Subject};
use crate::rules::apt_command;
use crate::shell::Simple;

/// Whether a delta is judged here.
pub(super) fn is_about_commands(delta: &Delta) -> bool {
    matches!(
        delta,
        Delta::WordsAdded { .. }
            | Delta::WordsRemoved { .. }
            | Delta::WordReplaced { .. }
            | Delta::CommandAdded { .. }
            | Delta::CommandRemoved { .. }
    )
}

/// The safety of the deltas about commands: that of the least safe.
pub(super) fn judge(deltas: &[Delta], subject: &Subject<'_>) -> Safety {
    let mut judge = Judge { subject, all: deltas, runs: BTreeMap::new(), pips: BTreeMap::new() };
    let mut about_commands = deltas.iter().filter(|delta| is_about_commands(delta));
    if about_commands.all(|delta| judge.is_proven(delta)) { Safety::Safe } else { Safety::Unsafe }
}

struct Judge<'a> {
    subject: &'a Subject<'a>,
    all: &'a [Delta],
    /// The commands of each RUN, listed once however many of them change.
    runs: BTreeMap<usize, Vec<&'a Simple>>,
    /// The commands of each RUN that run a pip which knows the option.
    pips: BTreeMap<usize, BTreeSet<usize>>,
}

impl<'a> Judge<'a> {
    fn model(&self) -> &'a BuildModel {
        self.subject.model
    }

    /// The command, without what starts it.
    fn command(&mut self, instruction: usize, command: usize) -> Option<Started<'a>> {
        let model = self.model();
        let list = || ShellRun::at(model, instruction).map(|run| run.text.script.commands().collect());
        let commands = self.runs.entry(instruction).or_insert_with(|| list().unwrap_or_default());
        Some(Started::new(command, commands.get(command)?))
    }

    fn is_proven(&mut self, delta: &Delta) -> bool {
        match delta {
            Delta::WordsAdded { instruction, command, words, .. } => {
                self.command(*instruction, *command).is_some_and(|started| {
                    words.iter().all(|word| self.adds_no_content(*instruction, &started, word))
                })
            }
            Delta::WordReplaced { instruction, command, at, from, to } => self
                .command(*instruction, *command)
                .is_some_and(|started| same_command(&started, *at, from, to)),
            Delta::CommandAdded { instruction, joiner, command, .. } => {
                joiner == "&&" && is_unread_cleanup(self.subject, *instruction, command)
            }
            Delta::CommandRemoved { instruction, command, joiner, text } => {
                joiner == "&&" && text == "apk update" && self.is_fetched_again(*instruction, *command)
            }
            _ => false,
        }
    }

    /// A flag whose only effect is that a cache is not kept, or that a prompt is answered (H124).
    fn adds_no_content(&mut self, instruction: usize, started: &Started<'_>, word: &str) -> bool {
        let words: Vec<&str> = started.words().collect();
        if word == "--with-new-pkgs" {
            // What `apt upgrade` does and `apt-get upgrade` does not (H110); only together with the change of the program.
            return self.all.iter().any(|delta| {
                matches!(delta, Delta::WordReplaced { instruction: there, command, to, .. }
                    if *there == instruction && *command == started.command && to.ends_with("apt-get"))
            });
        }
        if word == apk::NO_CACHE && matches!(words.as_slice(), ["apk", ..]) {
            return words.iter().any(|word| matches!(*word, "add" | "upgrade"));
        }
        let Some(install) = InstallCommand::read(&words) else { return false };
        match install.manager.effects.get(word).map(String::as_str) {
            Some("prompts") => true,
            Some("cache") if install.manager.name == "pip" => {
                let modern = |(command, pip)| (pip == pip::Pip::Modern).then_some(command);
                let model = self.model();
                let list = || pip::pips_at(model, instruction).into_iter().filter_map(modern).collect();
                self.pips.entry(instruction).or_insert_with(list).contains(&started.command)
            }
            effect => effect == Some("cache"),
        }
    }

    /// The index that an `apk update` fetches is fetched by the next command again, and nothing else reads it.
    fn is_fetched_again(&mut self, instruction: usize, command: usize) -> bool {
        let model = self.model();
        let Some(run) = ShellRun::at(model, instruction) else { return false };
        let stands_before = apk::update_before_install(&run.text.script).into_iter().any(|item| {
            let span = run.text.script.list().get(item).map(|item| item.node.span());
            self.command(instruction, command)
                .is_some_and(|started| Some(started.simple.span.clone()) == span)
        });
        let lacking = |run: &ShellRun<'_>| {
            apk::apk_commands(&run.text.script)
                .filter(apk::ApkCommand::lacks_flag)
                .map(|lacking| (run.index, lacking.started.command))
                .collect::<Vec<_>>()
        };
        let apk::IndexUse::Adds(later) = apk::index_use_behind(model, instruction) else { return false };
        let mut all = lacking(&run);
        all.extend(
            later.into_iter().filter_map(|later| ShellRun::at(model, later)).flat_map(|run| lacking(&run)),
        );
        stands_before && all.into_iter().all(|place| self.gets_no_cache(place))
    }

    fn gets_no_cache(&self, place: (usize, usize)) -> bool {
        self.all.iter().any(|delta| match delta {
            Delta::WordsAdded { instruction, command, words, .. } => {
                (*instruction, *command) == place && words.iter().any(|word| word == apk::NO_CACHE)
            }
            Delta::WordReplaced { instruction, command, to, .. } => {
                (*instruction, *command) == place && to == apk::NO_CACHE
            }
            _ => false,
        })
    }
}

/// `apt` and `apt-get` are one program for these verbs (H110), and an update of the lists that is thrown away is none.
fn same_command(started: &Started<'_>, at: usize, from: &str, to: &str) -> bool {
    let words: Vec<&str> = started.words().collect();
    if from == "apt" && to == "apt-get" || from.ends_with("/apt") && to == format!("{from}-get") {
        let values = Knowledge::builtin().package_manager("apt-get").map(|manager| manager.values.as_slice());
        let is_value = |word: &str| values.is_some_and(|values| values.iter().any(|value| value == word));
        let mut before = "";
        let verb = words.iter().skip(1).find(|word| {
            let is_verb = !word.starts_with(['-', '$']) && !is_value(before);
            before = word;
            is_verb
        });
        return at == started.prefix && verb.is_some_and(|verb| apt_command::same_verb(verb).is_some());
    }
    match (from, to) {
        ("full-upgrade", "dist-upgrade") => words.first().is_some_and(|word| word.ends_with("apt")),
        ("-U" | "--update" | "--update-cache", apk::NO_CACHE) => words.first() == Some(&"apk"),
        _ => false,
    }
}

/// Package lists that are removed, where no later step reads them and no other image is built on this one (H102).
fn is_unread_cleanup(subject: &Subject<'_>, instruction: usize, command: &str) -> bool {
    let model = subject.model;
    let is_cleanup = command == APT_LISTS_CLEANUP || command.strip_prefix("sudo ") == Some(APT_LISTS_CLEANUP);
    is_cleanup
        && !lists::are_needed_behind(model, instruction)
        && !lists::may_be_read_unseen(model, instruction)
        && model.stage_of(instruction).is_some_and(|stage| {
            let mut ends = vec![stage.index];
            ends.extend(model.children(stage.index));
            let mut ends = ends.iter().filter_map(|index| model.stages().get(*index));
            ends.any(|stage| stage.config.is_runnable())
        })
}
