//! The commands of apk, and who needs its index.

use super::{
    InnerScript, Install, MOST_STEPS, ShellRun, Started, has_mount_over, mentions, removes, started,
};
use crate::model::BuildModel;
use crate::shell::{Item, Joiner, Node, Script};
use crate::syntax::Keyword;

/// Where apk keeps its index.
pub(crate) const CACHE: &str = "/var/cache/apk";

/// The flag that keeps nothing.
pub(crate) const NO_CACHE: &str = "--no-cache";

/// The spellings of the flag that fetches the index, which `--no-cache` does too.
pub(crate) const UPDATE_FLAGS: [&str; 3] = ["-U", "--update", "--update-cache"];

/// A command of apk.
pub(crate) struct ApkCommand<'a> {
    /// The command.
    pub(crate) started: Started<'a>,
    /// The index of the verb, counted from the program.
    pub(crate) verb: usize,
    /// What the verb is.
    pub(crate) verb_text: &'a str,
}

impl<'a> ApkCommand<'a> {
    /// The command, when it is one of apk with a verb.
    pub(crate) fn of(started: Started<'a>) -> Option<Self> {
        const VALUES: [&str; 5] = ["-X", "--repository", "-p", "--root", "--repositories-file"];
        if started.program() != "apk" {
            return None;
        }
        let mut skip = false;
        for (verb, word) in started.words().enumerate().skip(1) {
            if std::mem::take(&mut skip) {
                continue;
            }
            if word.starts_with('-') {
                skip = VALUES.contains(&word);
            } else {
                return Some(Self { started, verb, verb_text: word });
            }
        }
        None
    }

    fn has(&self, flag: &str) -> bool {
        self.started.words().any(|word| word == flag)
    }

    /// Whether it keeps nothing.
    pub(crate) fn is_clean(&self) -> bool {
        self.has(NO_CACHE) || self.started.words().any(|word| word.starts_with("--cache-dir"))
    }

    /// Whether it installs from the repositories and keeps their index.
    pub(crate) fn lacks_flag(&self) -> bool {
        matches!(self.verb_text, "add" | "upgrade")
            && !self.is_clean()
            && !["-s", "--simulate"].iter().any(|flag| self.has(flag))
    }

    /// The index of a word that is a flag to fetch the index and nothing else, counted from the program.
    pub(crate) fn update_flag(&self) -> Option<usize> {
        self.started.words().position(|word| UPDATE_FLAGS.contains(&word))
    }
}

/// The commands of apk in a script.
pub(crate) fn apk_commands(script: &Script) -> impl Iterator<Item = ApkCommand<'_>> {
    started(script).filter_map(ApkCommand::of)
}

/// The installations by apk in a text for another shell.
pub(crate) fn inner_adds(inner: &InnerScript) -> Vec<Install<'_>> {
    super::installs(&inner.script, "apk")
}

/// Whether the cache of a RUN is a mount, so that nothing of it reaches the layer.
pub(crate) fn is_mounted(run: &ShellRun<'_>) -> bool {
    has_mount_over(run.instruction, |target| {
        let target = target.trim_end_matches('/');
        matches!(target, "/var/cache/apk" | "/var/cache" | "/etc/apk/cache" | "/etc/apk")
    })
}

/// The first command behind `from` that removes the index.
pub(crate) fn removal(script: &Script, from: usize) -> Option<Started<'_>> {
    started(script).skip(from).find(|started| removes(started, CACHE, false))
}

/// `apk update && apk add`: for each `apk update` of the top-level list whose next command is an installation joined by
/// `&&`, the item of the update.
pub(crate) fn update_before_install(script: &Script) -> Vec<usize> {
    let list = script.list();
    let command_of = |item: &Item| match &item.node {
        Node::Simple(simple) if simple.redirects.is_empty() && simple.assignments.is_empty() => {
            ApkCommand::of(Started::new(0, simple))
                .map(|command| (command.verb_text.to_owned(), simple.words.len()))
        }
        _ => None,
    };
    let mut found = Vec::new();
    for (index, pair) in list.windows(2).enumerate() {
        let [update, install] = pair else { continue };
        let joined = install.joiner.as_ref().is_some_and(|join| join.kind == Joiner::And);
        // The command in front must hang on by `&&` too, or by nothing: `a || apk update && apk add` is another thing.
        let leads =
            update.joiner.as_ref().is_none_or(|join| matches!(join.kind, Joiner::And | Joiner::Sequence));
        let is_update = command_of(update).is_some_and(|(verb, words)| verb == "update" && words == 2);
        let installs =
            command_of(install).is_some_and(|(verb, _)| matches!(verb.as_str(), "add" | "upgrade"));
        if joined && leads && is_update && installs {
            found.push(index);
        }
    }
    found
}

/// What of a later step needs an index that an earlier one left.
pub(crate) enum IndexUse {
    /// These RUNs install without `--no-cache`; they can be given it.
    Adds(Vec<usize>),
    /// Something that cannot be helped.
    Other,
}

/// Who needs the index behind a RUN, in its stage or one built on it, before it is fetched again.
pub(crate) fn index_use_behind(model: &BuildModel, instruction: usize) -> IndexUse {
    let Some(stage) = model.stage_of(instruction) else { return IndexUse::Other };
    let mut adds = Vec::new();
    let mut stages = vec![stage.index];
    stages.extend(model.children(stage.index));
    let mut count = 0;
    for index in stages {
        let Some(stage) = model.stages().get(index) else { return IndexUse::Other };
        let start = stage.steps.partition_point(|step| step.instruction <= instruction);
        'steps: for step in stage.steps.iter().skip(start) {
            let Some(later) = model.instruction(step.instruction) else { return IndexUse::Other };
            let may_run = matches!(later.keyword, Keyword::Run | Keyword::Onbuild);
            if !may_run || !mentions(model, later, &["apk"]) {
                continue;
            }
            count += 1;
            let run = ShellRun::at(model, step.instruction).filter(|run| !run.text.is_heredoc());
            let Some(run) = run.filter(|_| count <= MOST_STEPS) else { return IndexUse::Other };
            for started in started(&run.text.script) {
                match ApkCommand::of(started) {
                    Some(command) if command.verb_text == "update" => break 'steps,
                    Some(command) if command.lacks_flag() && adds.last() != Some(&step.instruction) => {
                        adds.push(step.instruction);
                    }
                    Some(command) if matches!(command.verb_text, "add" | "upgrade" | "del" | "cache") => {}
                    Some(_) => return IndexUse::Other,
                    None if started.words().skip(1).any(|word| word.contains("apk ")) => {
                        return IndexUse::Other;
                    }
                    None => {}
                }
            }
        }
    }
    IndexUse::Adds(adds)
}
