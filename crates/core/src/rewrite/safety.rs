//! How safe a fix is, by its deltas.
//!
//! Safety is not an author's label. A delta is safe when it is one of a short list of equivalences, and each of those
//! is proven here from the model, apart from the rule that wants it. Everything else is unsafe.

mod packages;

use crate::model::{BuildModel, Delta, Known, Meaning, ShellKind};
use crate::rule::{Safety, Subject, exec_form};
use crate::shell::Node;
use crate::syntax::Keyword;

/// The safety of a list of deltas: that of the least safe.
pub fn judge(deltas: &[Delta], subject: &Subject<'_>) -> Safety {
    let others = deltas.iter().filter(|delta| !packages::is_about_commands(delta));
    let others = others.map(|delta| one(delta, deltas, subject)).min().unwrap_or(Safety::Safe);
    others.min(packages::judge(deltas, subject))
}

fn safe_if(proven: bool) -> Safety {
    if proven { Safety::Safe } else { Safety::Unsafe }
}

fn one(delta: &Delta, all: &[Delta], subject: &Subject<'_>) -> Safety {
    let model = subject.model;
    match delta {
        Delta::LayoutChanged { .. } => Safety::Safe,
        Delta::KeywordChanged { instruction, from: Keyword::Add, to: Keyword::Copy } => {
            safe_if(unpacks_nothing(subject, *instruction))
        }
        Delta::FormChanged { instruction, to, .. } => safe_if(is_plain_exec(subject, *instruction, to)),
        Delta::StepRemoved { instruction } => {
            safe_if(is_overridden(model, *instruction) || is_restated(model, *instruction, all))
        }
        Delta::StepAdded { meaning, .. } => safe_if(restates_a_maintainer(model, meaning, all)),
        Delta::ConfigChanged { field, .. } => safe_if(follows(field, all, subject)),
        _ => Safety::Unsafe,
    }
}

/// Every source is certainly a directory, or a file that is no archive (H125).
fn unpacks_nothing(subject: &Subject<'_>, instruction: usize) -> bool {
    crate::rules::add_instead_of_copy::unpacks_nothing(subject, instruction).is_ok()
}

/// The words of the exec form are the words that the shell would have run, and nothing stands before or behind them:
/// no entry point that would take them for arguments, no CMD that would now be appended (H001 to H010), no script that
/// only a shell can start (H014). In an image without a shell nothing ran before, and any start is a repair (H012).
fn is_plain_exec(subject: &Subject<'_>, instruction: usize, words: &[String]) -> bool {
    let model = subject.model;
    let Some(text) = model.shell_text(instruction) else { return false };
    let [item] = text.script.list() else { return false };
    let Node::Simple(simple) = &item.node else { return false };
    let is_plain = simple.assignments.is_empty()
        && simple.redirects.is_empty()
        && item.background.is_none()
        && text.script.comments().is_empty();
    let Some(mut literal) = simple.literal_words() else { return false };
    if literal.first().is_some_and(|word| word == "exec") {
        literal.remove(0);
    }
    let Some((stage, step)) = model.place(instruction) else { return false };
    let has_own_shell = step.state.shell_is_explicit || step.state.shell.is_some();
    let lacks_shell = exec_form::lacks_shell(model, stage);
    let has_posix_shell = step.state.default_shell == Some(ShellKind::Posix);
    let Some(program) = literal.first() else { return false };
    let is_word_of_shell = subject.knowledge.is_shell_builtin(program)
        && !(has_posix_shell && subject.knowledge.is_builtin_also_a_file(program));
    let starts = lacks_shell || (has_posix_shell && exec_form::starts_alone(subject, stage, program));
    let config = &stage.config;
    let stands_alone = match model.instruction(instruction).map(|instruction| instruction.keyword) {
        Some(Keyword::Cmd) => match &config.entrypoint {
            Known::Value(None) => true,
            // The base image's own entry point, known to start whatever it is given.
            Known::Value(Some(entry)) => {
                let branches = stage.facts.as_ref().and_then(|facts| facts.entrypoint_branches);
                entry.instruction.is_none() && branches == Some(false)
            }
            Known::Unknown(_) => false,
        },
        // What `docker run` passes was ignored so far.
        Some(Keyword::Entrypoint) => lacks_shell && matches!(config.cmd, Known::Value(None)),
        _ => false,
    };
    is_plain && literal == words && !has_own_shell && !is_word_of_shell && starts && stands_alone
}

/// An instruction of which BuildKit only takes the last of a stage, and a later one is there; or the same one stands
/// directly before it.
///
/// Source: the Dockerfile reference, "CMD", "ENTRYPOINT" and "HEALTHCHECK".
fn is_overridden(model: &BuildModel, instruction: usize) -> bool {
    let keyword_of = |index: usize| model.instruction(index).map(|instruction| instruction.keyword);
    let Some(keyword) = keyword_of(instruction) else { return false };
    let Some(stage) = model.stage_of(instruction) else { return false };
    let of_kind = matches!(keyword, Keyword::Cmd | Keyword::Entrypoint | Keyword::Healthcheck);
    let comes_again = || {
        let mut later = model.stage_instructions(stage);
        later.any(|(index, later)| index > instruction && later.keyword == keyword)
    };
    let is_repeated = || {
        instruction.checked_sub(1).is_some_and(|before| {
            before > stage.from
                && keyword_of(before) == Some(keyword)
                && model.meaning(before) == model.meaning(instruction)
        })
    };
    of_kind && (comes_again() || is_repeated())
}

/// A MAINTAINER that comes back as a label (H141).
fn is_restated(model: &BuildModel, instruction: usize, all: &[Delta]) -> bool {
    let Some(removed) = model.instruction(instruction) else { return false };
    removed.keyword == Keyword::Maintainer
        && all.iter().any(|delta| {
            matches!(delta, Delta::StepAdded { meaning, .. } if *meaning == author_label(removed.arguments_text()))
        })
}

fn restates_a_maintainer(model: &BuildModel, meaning: &str, all: &[Delta]) -> bool {
    all.iter().any(|delta| {
        let Delta::StepRemoved { instruction } = delta else { return false };
        let removed = model.instruction(*instruction);
        removed.is_some_and(|removed| {
            removed.keyword == Keyword::Maintainer && meaning == author_label(removed.arguments_text())
        })
    })
}

/// The meaning of the label that says the same as a MAINTAINER.
pub(crate) fn author_label(author: &str) -> String {
    Meaning::label("org.opencontainers.image.authors", author).to_string()
}

/// A change of the config that another delta of the list makes, and that is as safe as that one.
fn follows(field: &str, all: &[Delta], subject: &Subject<'_>) -> bool {
    let from_form = |keyword: Keyword| {
        all.iter().any(|delta| {
            let Delta::FormChanged { instruction, .. } = delta else { return false };
            subject.model.instruction(*instruction).is_some_and(|instruction| instruction.keyword == keyword)
                && one(delta, all, subject) == Safety::Safe
        })
    };
    match field {
        "command" => from_form(Keyword::Cmd),
        "entry point" => from_form(Keyword::Entrypoint),
        "author" | "label org.opencontainers.image.authors" => all.iter().any(
            |delta| matches!(delta, Delta::StepAdded { .. } if one(delta, all, subject) == Safety::Safe),
        ),
        _ => false,
    }
}
