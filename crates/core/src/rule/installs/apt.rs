//! The commands of apt, and what a stage configures it to.

use super::{InnerScript, Install, ShellRun, Started, started};
use crate::knowledge::Knowledge;
use crate::model::{Base, BuildModel};
use crate::shell::{Item, Node, RedirectOp, Script, Simple};
use crate::syntax::Keyword;

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

/// Where the stages of a file first configure apt in some way.
///
/// Files that a stage copies to `/etc/apt/apt.conf.d` may hold anything, so they count for everything.
pub(crate) struct Configured {
    /// For each stage, the first instruction that writes the option; `Some(0)` when a stage below does.
    first: Vec<Option<usize>>,
    option: &'static str,
}

impl Configured {
    /// Looks for an option by the last part of its name: `Assume-Yes`.
    pub(crate) fn of(model: &BuildModel, option: &'static str) -> Self {
        let mut first: Vec<Option<usize>> = vec![None; model.stages().len()];
        for stage in model.stages() {
            let inherited = match stage.base {
                Base::Stage(base) => first.get(base).copied().flatten().map(|_| 0),
                _ => None,
            };
            let own = || {
                model.stage_instructions(stage).find_map(|(index, instruction)| {
                    let text = instruction.arguments_text();
                    let writes = match instruction.keyword {
                        Keyword::Copy | Keyword::Add => text.contains("/etc/apt/apt.conf"),
                        Keyword::Env | Keyword::Arg => text.contains("APT_CONFIG"),
                        Keyword::Run => {
                            super::mentions(model, instruction, &["apt.conf", "/etc/apt"])
                                && mentions_option(model, instruction, option)
                        }
                        _ => false,
                    };
                    writes.then_some(index)
                })
            };
            if let Some(slot) = first.get_mut(stage.index) {
                *slot = inherited.or_else(own);
            }
        }
        Self { first, option }
    }

    /// Whether the option is written before a command.
    pub(crate) fn holds_at(&self, model: &BuildModel, run: &ShellRun<'_>, simple: &Simple) -> bool {
        let Some(stage) = model.stage_of(run.index) else { return false };
        let Some(first) = self.first.get(stage.index).copied().flatten() else { return false };
        if first != run.index {
            return first < run.index;
        }
        // In the same RUN it must stand before the command.
        let before = run.text.script.text().get(..simple.span.start).unwrap_or_default();
        let (before, option) = (before.to_ascii_lowercase(), self.option.to_ascii_lowercase());
        before.match_indices(&option).any(|(at, _)| !before.get(..at).is_some_and(|text| text.ends_with('-')))
    }
}

/// Whether an option is set in the text of an instruction; `--no-install-recommends` is a flag and sets nothing.
fn mentions_option(model: &BuildModel, instruction: &crate::syntax::Instruction, option: &str) -> bool {
    let option = option.to_ascii_lowercase();
    let sets = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.match_indices(&option).any(|(at, _)| !text.get(..at).is_some_and(|before| before.ends_with('-')))
    };
    sets(instruction.arguments_text())
        || instruction.heredocs.iter().any(|heredoc| sets(heredoc.body.of(model.file().text())))
}
