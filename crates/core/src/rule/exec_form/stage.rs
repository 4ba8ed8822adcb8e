//! Which stages a container may be started from, what they start, and whether they have a shell.

use crate::model::{Base, BuildModel, CommandLine, ShellKind, Source, Stage};
use crate::syntax::{Instruction, Keyword};

/// The instruction that sets the command or entry point of a stage, if it stands in that stage and in shell form.
pub(super) fn in_shell_form<'a>(
    model: &'a BuildModel,
    stage: &Stage,
    keyword: Keyword,
) -> Option<(usize, &'a Instruction)> {
    let index = effective(stage, keyword)?.instruction?;
    let instruction = model.instruction(index)?;
    let here = model.stage_of(index)?.index == stage.index;
    (here && !instruction.json && instruction.heredocs.is_empty()).then_some((index, instruction))
}

/// The command or entry point that a stage ends with.
pub(super) fn effective(stage: &Stage, keyword: Keyword) -> Option<&CommandLine> {
    let config = if keyword == Keyword::Cmd { &stage.config.cmd } else { &stage.config.entrypoint };
    config.value()?.as_ref()
}

/// The stages that a container may be started from, by index: those that are shipped, or a base, or have a name and are
/// no mere source of files, so that somebody builds them with `--target`.
pub(super) fn may_be_run_of(model: &BuildModel) -> Vec<bool> {
    let mut is_base = vec![false; model.stages().len()];
    let mut is_source = is_base.clone();
    let mark = |marks: &mut Vec<bool>, stage: usize| {
        if let Some(mark) = marks.get_mut(stage) {
            *mark = true;
        }
    };
    for stage in model.stages() {
        if let Base::Stage(base) = stage.base {
            mark(&mut is_base, base);
        }
    }
    for index in 0..model.file().instructions().len() {
        if let Some(Source::Stage(stage)) = model.copy_source(index) {
            mark(&mut is_source, stage);
        }
    }
    let stages = model.stages().iter().zip(is_base).zip(is_source);
    stages
        .map(|((stage, is_base), is_source)| stage.shipped || is_base || stage.name.is_some() && !is_source)
        .collect()
}

/// Whether the image has certainly no shell: its base has none, and nothing that the file does could bring one (H012).
pub(crate) fn lacks_shell(model: &BuildModel, stage: &Stage) -> bool {
    if stage.end.default_shell != Some(ShellKind::None) {
        return false;
    }
    !lineage(model, stage).into_iter().any(|(_, instruction)| match instruction.keyword {
        // A RUN in shell form would not have built.
        Keyword::Run => !instruction.json,
        Keyword::Add => true,
        Keyword::Copy => instruction.value_texts().any(brings_shell),
        _ => false,
    })
}

/// Whether a source or target of a COPY may be a shell, or a tree with one in it.
fn brings_shell(path: &str) -> bool {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    matches!(
        last,
        "sh" | "bash"
            | "ash"
            | "dash"
            | "busybox"
            | "bin"
            | "sbin"
            | "*"
            | "rootfs"
            | "root"
            | "install_root"
    ) || path.contains("rootfs")
}

/// The instructions of a stage and of the stages it is built on, the earliest first.
pub(crate) fn lineage<'a>(model: &'a BuildModel, stage: &'a Stage) -> Vec<(usize, &'a Instruction)> {
    let mut stages = vec![stage];
    while let Some(Base::Stage(base)) = stages.last().map(|stage| &stage.base)
        && let Some(base) = model.stages().get(*base)
    {
        stages.push(base);
    }
    stages.into_iter().rev().flat_map(|stage| model.stage_instructions(stage)).collect()
}
