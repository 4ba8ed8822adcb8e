//! The commands of apt, and what a stage configures it to.

use super::{InnerScript, Install, MOST_STEPS, ShellRun, Started, started};
use crate::knowledge::Knowledge;
use crate::model::{Base, BuildModel};
use crate::shell::{Item, Node, RedirectOp, Script};
use crate::syntax::{Instruction, Keyword};

/// A stage that stands on more stages than this is not followed down.
const LONGEST_CHAIN: usize = 16;

/// A command of `apt-get` or `apt`.
pub(crate) struct AptCommand<'a> {
    /// The command.
    pub(crate) started: Started<'a>,
    /// The index of the verb, counted from the program.
    pub(crate) verb: Option<usize>,
}

impl<'a> AptCommand<'a> {
    /// The command, when it is one of apt.
    pub(crate) fn of(started: Started<'a>) -> Option<Self> {
        matches!(started.program(), "apt" | "apt-get").then(|| Self { verb: verb(&started), started })
    }

    /// The verb.
    pub(crate) fn verb_text(&self) -> Option<&'a str> {
        self.verb.and_then(|verb| self.started.word(verb)).map(super::text_of)
    }

    /// Whether it fetches package lists: `update`, or `install --update` (apt 2.9.23 and later).
    pub(crate) fn updates(&self) -> bool {
        match self.verb_text() {
            Some("update") => true,
            Some("install" | "upgrade" | "full-upgrade" | "dist-upgrade") => {
                self.started.words().any(|word| matches!(word, "--update" | "-U"))
            }
            _ => false,
        }
    }
}

/// The commands of apt in a script.
pub(crate) fn apt_commands(script: &Script) -> impl Iterator<Item = AptCommand<'_>> {
    started(script).filter_map(AptCommand::of)
}

/// The index of the first word that is no flag, no value of one, and no variable, counted from the program.
fn verb(started: &Started<'_>) -> Option<usize> {
    let values = Knowledge::builtin().package_manager("apt-get").map(|manager| manager.values.as_slice());
    let takes_value = |word: &str| values.is_some_and(|values| values.iter().any(|value| value == word));
    let mut skip = false;
    for (index, word) in started.words().enumerate().skip(1) {
        if std::mem::take(&mut skip) {
            continue;
        }
        if word.starts_with('-') {
            skip = takes_value(word);
        } else if !word.starts_with('$') {
            return Some(index);
        }
    }
    None
}

/// The installations by apt in a RUN and in the texts that it hands to other shells.
pub(crate) fn inner_installs(inner: &InnerScript) -> Vec<Install<'_>> {
    super::installs(&inner.script, "apt-get")
}

/// Whether a command gets input from somewhere: a pipe, a file, a text. What it is asked may be answered there.
/// Behind `xargs` it gets none.
pub(crate) fn is_fed(script: &Script, install: &Install<'_>) -> bool {
    let simple = install.simple;
    if install.started.xargs {
        return false;
    }
    let by_redirect = simple.redirects.iter().any(|redirect| {
        matches!(
            redirect.operator,
            RedirectOp::Read | RedirectOp::HereString | RedirectOp::HereDoc | RedirectOp::HereDocTabs
        ) && redirect.target.value() != Some("/dev/null")
    });
    by_redirect || simple.context.in_pipeline && in_fed_part(script.list(), simple.span.start)
}

/// Whether the command at `offset` stands behind a `|`.
fn in_fed_part(items: &[Item], offset: usize) -> bool {
    let index = items.partition_point(|item| item.node.span().end <= offset);
    items.get(index).is_some_and(|item| node_is_fed(&item.node, offset))
}

fn node_is_fed(node: &Node, offset: usize) -> bool {
    match node {
        Node::Pipeline(pipeline) => {
            let index = pipeline.commands.partition_point(|node| node.span().end <= offset);
            index > 0 || pipeline.commands.first().is_some_and(|node| node_is_fed(node, offset))
        }
        Node::Subshell(block) | Node::Group(block) => in_fed_part(&block.body, offset),
        Node::Compound(compound) => compound.sections.iter().any(|section| {
            let inside = section.items.last().is_some_and(|item| item.node.span().end > offset)
                && section.items.first().is_some_and(|item| item.node.span().start <= offset);
            inside && in_fed_part(&section.items, offset)
        }),
        Node::Simple(_) | Node::Other { .. } => false,
    }
}

/// From where in the text of a RUN on an option of apt is configured, given by the last part of its name (`Assume-Yes`):
/// `Some(0)` when a step before has written it to a file of apt, in the stage or one below.
///
/// Files that a stage copies to `/etc/apt/apt.conf.d` may hold anything, so they count for everything.
pub(crate) fn configured_from(model: &BuildModel, run: &ShellRun<'_>, option: &str) -> Option<usize> {
    let mut stage = model.stage_of(run.index)?;
    for _ in 0..LONGEST_CHAIN {
        let writes = |step: &crate::model::Step| {
            step.instruction < run.index
                && model
                    .instruction(step.instruction)
                    .is_some_and(|instruction| configures(model, instruction, option))
        };
        if stage.steps.iter().take(MOST_STEPS).any(writes) {
            return Some(0);
        }
        let Base::Stage(base) = stage.base else { break };
        stage = model.stages().get(base)?;
    }
    configures(model, run.instruction, option).then(|| set_at(run.text.script.text(), option)).flatten()
}

/// Whether an instruction configures apt.
fn configures(model: &BuildModel, instruction: &Instruction, option: &str) -> bool {
    let text = instruction.arguments_text();
    match instruction.keyword {
        Keyword::Copy | Keyword::Add => text.contains("/etc/apt/apt.conf"),
        Keyword::Env | Keyword::Arg => text.contains("APT_CONFIG"),
        Keyword::Run => {
            super::mentions(model, instruction, &["apt.conf", "/etc/apt"])
                && (set_at(text, option).is_some()
                    || instruction
                        .heredocs
                        .iter()
                        .any(|heredoc| set_at(heredoc.body.of(model.file().text()), option).is_some()))
        }
        _ => false,
    }
}

/// Where an option is first set in a text; `--no-install-recommends` is a flag and sets nothing.
fn set_at(text: &str, option: &str) -> Option<usize> {
    let (text, option) = (text.to_ascii_lowercase(), option.to_ascii_lowercase());
    let mut matches = text.match_indices(&option).map(|(at, _)| at);
    matches.find(|at| !text.get(..*at).is_some_and(|before| before.ends_with('-')))
}
