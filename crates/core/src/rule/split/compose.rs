//! The final stage: what of the old stage is restated in it, what moves into it, and what is copied.

use std::collections::{BTreeMap, BTreeSet};

use super::packages::{self, with_packages};
use super::steps::{Effect, RunStep};
use super::{BuildStage, Runtime, is_at_or_below};
use crate::model::{Known, place_of};
use crate::rule::Refusal;
use crate::shell::Joiner;
use crate::syntax::{Instruction, Keyword, Lexer};

/// Two stages, ready to be written.
pub(crate) struct Composed {
    /// The name of the build stage.
    pub(crate) name: String,
    /// What the final stage starts from.
    pub(crate) base: String,
    /// Instructions at the end of the build stage.
    pub(crate) prepared: Vec<String>,
    /// Instructions at the start of the final stage, in order.
    pub(crate) restated: Vec<String>,
    /// What moves into the final stage, behind `restated`.
    pub(crate) moved: Vec<usize>,
    /// What is left behind.
    pub(crate) left_behind: Vec<String>,
}

/// An instruction of the head that comes again.
struct Entry {
    index: usize,
    keyword: Keyword,
    text: String,
}

/// Composes the two stages.
///
/// # Errors
/// A refusal when a step cannot be told to belong to one of them.
pub(crate) fn compose(stage: &BuildStage<'_>, runtime: Runtime) -> Result<Composed, Refusal> {
    tail_runs_without_tools(stage, &runtime)?;
    let mut composer =
        Composer { stage, runtime: &runtime, left_behind: Vec::new(), installed: BTreeSet::new() };
    let mut entries = Vec::new();
    let mut moved = Vec::new();
    for (index, step) in stage.head() {
        match step.keyword {
            Keyword::Label
            | Keyword::Expose
            | Keyword::Volume
            | Keyword::Stopsignal
            | Keyword::Healthcheck
            | Keyword::Cmd
            | Keyword::Entrypoint
            | Keyword::Maintainer => moved.push(index),
            Keyword::Onbuild => return Err(Refusal::hazard("H076", "the stage has ONBUILD triggers")),
            Keyword::Unknown | Keyword::From => return Err(Refusal::because("an instruction is not known")),
            Keyword::Copy | Keyword::Add => {
                if composer.stays_outside(index, step)? {
                    entries.push(Entry { index, keyword: step.keyword, text: raw(stage, step) });
                }
            }
            Keyword::Run => {
                let run = stage.runs.iter().find(|run| run.index == index);
                let text = run.map(|run| composer.run(run)).transpose()?.flatten();
                entries.extend(text.map(|text| Entry { index, keyword: step.keyword, text }));
            }
            Keyword::Arg | Keyword::Env | Keyword::Shell | Keyword::User | Keyword::Workdir => {
                entries.push(Entry { index, keyword: step.keyword, text: raw(stage, step) });
            }
        }
    }
    let owners = owners(stage, &runtime)?;
    let mut left_behind = composer.left_behind;
    let missing: Vec<String> =
        runtime.packages.iter().filter(|package| !composer.installed.contains(*package)).cloned().collect();
    let entries = without_superseded(stage, entries, &runtime)?;
    let mut restated = Vec::new();
    if !missing.is_empty() {
        // Above any USER, and above what may need them.
        restated.push(install_of(stage, &missing)?);
    }
    let name = free_name(stage);
    let copies = runtime.copies.iter().map(|path| {
        let owner = owners.get(path).map(|owner| format!(" --chown={owner}")).unwrap_or_default();
        format!("COPY --from={name}{owner} {path} {path}")
    });
    let placed = runtime.placed.iter().map(|(from, to)| format!("COPY --from={name} {from} {to}"));
    // A directory that WORKDIR makes belongs to root, one that COPY makes to the owner that it names.
    let is_given = |entry: &Entry| {
        entry.keyword == Keyword::Workdir
            && workdir_behind(stage, entry.index)
                .is_some_and(|made| owners.keys().any(|copy| is_at_or_below(&made, copy)))
    };
    let (behind, before): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(is_given);
    restated.extend(runtime.workdir.iter().map(|path| format!("WORKDIR {path}")));
    restated.extend(before.into_iter().map(|entry| entry.text));
    restated.extend(copies.chain(placed));
    restated.extend(behind.into_iter().map(|entry| entry.text));
    left_behind.splice(0..0, runtime.left_behind.clone());
    left_behind.dedup();
    Ok(Composed { name, base: runtime.base, prepared: runtime.prepared, restated, moved, left_behind })
}

/// The text of an instruction. Comments inside of it stay where they are.
fn raw(stage: &BuildStage<'_>, step: &Instruction) -> String {
    if step.comment_lines.is_empty() {
        return step.range.of(stage.subject.file().text()).to_owned();
    }
    step.logical.slice(crate::syntax::Span::new(step.keyword_span.start, step.arguments.end)).to_owned()
}

/// The command that installs packages in the final stage.
fn install_of(stage: &BuildStage<'_>, packages: &[String]) -> Result<String, Refusal> {
    let refused = |reason: &str| Refusal::hazard("H066", format!("{} {reason}", packages.join(", ")));
    if !stage.facts.user.as_ref().is_some_and(crate::knowledge::User::is_root) {
        return Err(refused("would have to be installed, and the base image does not run as root"));
    }
    if stage.facts.family == Some(crate::knowledge::Family::Alpine) {
        return Ok(format!("RUN apk add --no-cache {}", packages.join(" ")));
    }
    let tag = stage.base.rsplit_once(':').map_or("latest", |(_, tag)| tag);
    // The releases of Ubuntu that images are built on stay where they are, and what a compiled program runs on is a
    // release that lives.
    let stays = stage.facts.family == Some(crate::knowledge::Family::Ubuntu)
        || stage.subject.knowledge.runner(stage.base).is_some();
    if !stays && !stage.subject.knowledge.is_installable(&stage.image, tag) && !installs_with_apt(stage) {
        return Err(refused("would have to be installed, and the packages of the base's release are gone"));
    }
    let install = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    Ok(joined(
        "RUN ",
        vec!["apt-get update".to_owned(), install, "rm -rf /var/lib/apt/lists/*".to_owned()],
        stage,
    ))
}

/// Whether the stage installs packages with apt itself.
fn installs_with_apt(stage: &BuildStage<'_>) -> bool {
    stage.runs.iter().flat_map(RunStep::commands).any(|command| command.effect == Effect::Packages)
}

/// A RUN of several commands, each on a line of its own; one that is long has its words on further lines.
fn joined(head: &str, commands: Vec<String>, stage: &BuildStage<'_>) -> String {
    const WIDTH: usize = 110;
    let ending = stage.subject.file().line_ending().as_str();
    let broken = |command: String| {
        let verb =
            [" install ", " add "].iter().find_map(|verb| command.find(verb).map(|at| at + verb.len()));
        let (Some(verb), true) = (verb, command.len() > WIDTH) else { return command };
        let (head, words) = command.split_at(verb);
        let (flags, names): (Vec<&str>, Vec<&str>) = words.split(' ').partition(|word| word.starts_with('-'));
        let lines: String = names.iter().flat_map(|name| [" \\", ending, "        ", name]).collect();
        format!("{head}{}{lines}", flags.join(" "))
    };
    let commands: Vec<String> = commands.into_iter().map(broken).collect();
    format!("{head}{}", commands.join(&format!(" \\{ending}    && ")))
}

struct Composer<'a, 'b> {
    stage: &'b BuildStage<'a>,
    runtime: &'b Runtime,
    left_behind: Vec<String>,
    installed: BTreeSet<String>,
}

impl Composer<'_, '_> {
    /// Whether a path comes over by a COPY from the build stage, or lies where the program lies.
    fn comes_over(&self, path: &str) -> bool {
        self.stage.is_inside(path) || self.runtime.copies.iter().any(|copy| is_at_or_below(path, copy))
    }

    /// Whether a COPY or ADD brings something that no copied directory holds.
    fn stays_outside(&self, index: usize, step: &Instruction) -> Result<bool, Refusal> {
        let unknown = || {
            Refusal::hazard(
                "H080",
                format!("it is not known where line {} copies to", self.stage.line(index)),
            )
        };
        let (_, place) = self.stage.model().place(index).ok_or_else(unknown)?;
        let target = step.values.last().ok_or_else(unknown)?;
        let lexer = Lexer::new(self.stage.subject.file().escape());
        let target = lexer.expand(&target.text, &*place.state).map_err(|_| unknown())?.text;
        let target = place_of(self.stage.model(), index, &target)
            .filter(|target| !target.starts_with('?'))
            .ok_or_else(unknown)?;
        let target = if target.is_empty() { "/".to_owned() } else { target };
        Ok(!self.comes_over(&target))
    }

    /// What of a RUN is restated.
    fn run(&mut self, run: &RunStep<'_>) -> Result<Option<String>, Refusal> {
        let line = self.stage.line(run.index);
        let unclear = |what: &str| {
            Refusal::hazard(
                "H080",
                format!("it is not known what `{what}` in line {line} leaves in the image"),
            )
        };
        if !run.is_readable {
            return Err(Refusal::hazard("H080", format!("the command in line {line} cannot be read")));
        }
        let mut kept: Vec<String> = Vec::new();
        let (mut stays, mut drops, mut updates, mut installs) = (false, false, false, false);
        for item in &run.items {
            let mut keep = None;
            for command in &item.commands {
                match &command.effect {
                    Effect::Nothing | Effect::Removes => {
                        updates |= command.verb() == "update";
                    }
                    Effect::Shell => stays |= matches!(command.program(), "cd" | "export"),
                    Effect::Builds { .. } => stays = true,
                    Effect::Writes(paths) | Effect::Fetches(paths) => {
                        let outside = paths.iter().filter(|path| !self.comes_over(path)).count();
                        let fetches = matches!(command.effect, Effect::Fetches(_));
                        if outside == 0 {
                            stays = true;
                        } else if outside < paths.len() || fetches {
                            return Err(unclear(&command.words.join(" ")));
                        } else {
                            keep = Some(item.text.clone());
                        }
                    }
                    Effect::Tools if !self.runtime.keeps_tools => stays = true,
                    Effect::System | Effect::Tools => keep = Some(item.text.clone()),
                    Effect::Packages => {
                        let mut of = packages::kept(self.stage, command)?;
                        let runs_as_root = command.state.user.value().is_some_and(|user| user == "root");
                        if !of.packages.is_empty() && !of.dropped.is_empty() && runs_as_root && run.is_chain()
                        {
                            // What is installed here anyway takes along what else the final stage needs.
                            let more = self.runtime.packages.iter().filter(|package| {
                                !self.installed.contains(*package) && !of.packages.contains(package)
                            });
                            let more: Vec<String> = more.cloned().collect();
                            of.packages.extend(more);
                        }
                        installs = true;
                        drops |= !of.dropped.is_empty();
                        self.left_behind.extend(of.dropped);
                        self.installed.extend(of.packages.iter().cloned());
                        if !of.packages.is_empty() {
                            if item.commands.len() > 1 {
                                return Err(unclear(&item.text));
                            }
                            keep = Some(
                                with_packages(command, &of.packages).ok_or_else(|| unclear(&item.text))?,
                            );
                        }
                    }
                    Effect::Unknown => return Err(unclear(&command.words.join(" "))),
                }
            }
            kept.extend(keep);
        }
        if kept.is_empty() {
            return Ok(None);
        }
        let is_apt = kept.iter().any(|text| text.contains("apt"));
        let is_whole = !stays && !drops && (!installs || updates || !is_apt);
        if is_whole {
            return Ok(Some(raw(self.stage, run.instruction)));
        }
        if !run.is_chain() || run.items.iter().any(|item| item.joiner == Some(Joiner::Or)) {
            return Err(Refusal::hazard(
                "H080",
                format!("line {line} builds and sets up the system in one list"),
            ));
        }
        if installs && is_apt {
            kept.insert(0, "apt-get update".to_owned());
            kept.push("rm -rf /var/lib/apt/lists/*".to_owned());
        }
        let flags: String = run.instruction.flags.iter().flat_map(|flag| [flag.text.as_str(), " "]).collect();
        Ok(Some(joined(&format!("RUN {flags}"), kept, self.stage)))
    }
}

/// What stands behind the cut runs in the final stage, which lacks some programs.
fn tail_runs_without_tools(stage: &BuildStage<'_>, runtime: &Runtime) -> Result<(), Refusal> {
    for run in stage.runs.iter().filter(|run| run.index > stage.last) {
        let line = stage.line(run.index);
        let unclear = |what: &str| {
            Refusal::hazard("H083", format!("`{what}` in line {line} may need what only the build stage has"))
        };
        if !run.is_readable {
            return Err(unclear("the command"));
        }
        let mut updates = false;
        for command in run.commands() {
            updates |= command.verb() == "update";
            let lacks = stage.slim.as_ref().and_then(|_| {
                stage.subject.knowledge.package_of_full_program(&stage.image, command.program())
            });
            if lacks.is_some_and(|package| !runtime.packages.iter().any(|known| known == package)) {
                return Err(unclear(command.program()));
            }
            match &command.effect {
                Effect::Packages if !updates && command.program() != "apk" => {
                    return Err(unclear("apt-get install"));
                }
                Effect::Unknown | Effect::Removes | Effect::Builds { .. } => {
                    return Err(unclear(&command.words.join(" ")));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Leaves out what a later instruction of the list says again before anything minds.
fn without_superseded(
    stage: &BuildStage<'_>,
    entries: Vec<Entry>,
    runtime: &Runtime,
) -> Result<Vec<Entry>, Refusal> {
    let minds = |entry: &Entry, keyword: Keyword| match keyword {
        Keyword::User => matches!(entry.keyword, Keyword::Run | Keyword::Workdir),
        _ => matches!(entry.keyword, Keyword::Run | Keyword::Copy | Keyword::Add),
    };
    let mut keep = vec![true; entries.len()];
    for (at, entry) in entries.iter().enumerate().rev() {
        if !matches!(entry.keyword, Keyword::User | Keyword::Workdir) {
            continue;
        }
        let mut later =
            entries.iter().zip(&keep).skip(at + 1).filter(|(_, keep)| **keep).map(|(entry, _)| entry);
        let said_again =
            later.by_ref().find(|other| other.keyword == entry.keyword || minds(other, entry.keyword));
        let superseded = said_again.is_some_and(|other| other.keyword == entry.keyword);
        let makes = entry.keyword == Keyword::Workdir
            && workdir_behind(stage, entry.index).is_none_or(|made| {
                !stage.is_inside(&made) && !runtime.copies.iter().any(|copy| is_at_or_below(&made, copy))
            });
        keep[at] = !superseded || makes;
    }
    let mut kept: Vec<Entry> =
        entries.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(entry, _)| entry).collect();
    for entry in kept.iter_mut().filter(|entry| entry.keyword == Keyword::Workdir) {
        let word = entry.text.split_whitespace().nth(1).unwrap_or_default().to_owned();
        if !word.starts_with('/') && !word.starts_with('$') {
            let made = workdir_behind(stage, entry.index)
                .ok_or_else(|| Refusal::hazard("H076", "the working directory is not known"))?;
            entry.text = format!("{} {made}", entry.text.split_whitespace().next().unwrap_or("WORKDIR"));
        }
    }
    // A build argument that nothing restated names stays in the build stage.
    let mut texts: String = kept
        .iter()
        .filter(|entry| entry.keyword != Keyword::Arg)
        .map(|entry| entry.text.as_str())
        .collect::<Vec<_>>()
        .join("\n");
    for (_, step) in stage.tail() {
        texts.push_str(step.range.of(stage.subject.file().text()));
    }
    for (index, _) in stage.head() {
        if let Some(step) = stage.model().instruction(index).filter(|step| {
            !matches!(step.keyword, Keyword::Run | Keyword::Copy | Keyword::Add | Keyword::Arg)
        }) {
            texts.push_str(step.arguments_text());
        }
    }
    let mut needed = Vec::new();
    for entry in kept.into_iter().rev() {
        if entry.keyword == Keyword::Arg {
            let names = stage.model().instruction(entry.index).into_iter().flat_map(Instruction::value_texts);
            let names: Vec<&str> = names.map(|text| text.split('=').next().unwrap_or(text)).collect();
            let is_needed = names
                .iter()
                .any(|name| texts.contains(&format!("${name}")) || texts.contains(&format!("${{{name}")));
            if !is_needed {
                continue;
            }
            texts.push_str(&entry.text);
        }
        needed.push(entry);
    }
    needed.reverse();
    Ok(needed)
}

/// The working directory behind an instruction.
fn workdir_behind(stage: &BuildStage<'_>, index: usize) -> Option<String> {
    let behind = match stage.model().place(index + 1) {
        Some((_, step)) => &step.state,
        None => &stage.stage.end,
    };
    match &behind.workdir {
        Known::Value(path) => Some(path.clone()),
        Known::Unknown(_) => None,
    }
}

/// The owners that the steps of the head give to directories that are copied: a COPY keeps the owners of what lies in a
/// directory, and not that of the directory itself (H081).
fn owners(stage: &BuildStage<'_>, runtime: &Runtime) -> Result<BTreeMap<String, String>, Refusal> {
    const COMMON: &[&str] = &[
        "755",
        "0755",
        "+x",
        "a+x",
        "u+x",
        "+rx",
        "a+rx",
        "ugo+rx",
        "u+rwX",
        "a+rX",
        "u+rwx",
        "u=rwX,go=rX",
    ];
    let mut owners = BTreeMap::new();
    for command in stage.commands() {
        let Effect::Writes(paths) = &command.effect else { continue };
        let touched =
            runtime.copies.iter().filter(|copy| paths.iter().any(|path| is_at_or_below(copy, path)));
        let touched: Vec<&String> = touched.collect();
        if touched.is_empty() {
            continue;
        }
        let mode =
            command.words.iter().skip(1).find(|word| !word.starts_with('-')).copied().unwrap_or_default();
        match command.program() {
            "chown" if mode.contains(['$', '`']) => {
                return Err(Refusal::hazard(
                    "H081",
                    format!("the owner `{mode}` of the program is not known"),
                ));
            }
            "chown" => {
                owners.extend(touched.into_iter().map(|copy| (copy.clone(), mode.to_owned())));
            }
            "chgrp" => {
                return Err(Refusal::hazard("H081", "the group of the program's directory is set by itself"));
            }
            "chmod" if !COMMON.contains(&mode) => {
                return Err(Refusal::hazard(
                    "H081",
                    format!("the program's directory has the mode `{mode}`, which a COPY does not keep"),
                ));
            }
            _ => {}
        }
    }
    Ok(owners)
}

/// A name that no stage has and no image that the file uses.
fn free_name(stage: &BuildStage<'_>) -> String {
    let model = stage.model();
    let text = stage.subject.file().text().to_lowercase();
    let is_free = |name: &&str| {
        model.stages().iter().all(|other| other.name.as_deref() != Some(*name))
            && !text.contains(&format!("from={name} "))
            && !text.contains(&format!("from {name}\n"))
    };
    let names = ["build", "builder", "build-stage", "compile", "build-env"];
    names
        .iter()
        .find(|name| is_free(name))
        .map_or_else(|| format!("build-{}", model.stages().len()), |name| (*name).to_owned())
}

/// The final stage's FROM, when its base is the slim sibling, as text: variables stay in it.
pub(super) fn sibling_text(stage: &BuildStage<'_>) -> Result<String, Refusal> {
    let from = stage.model().instruction(stage.stage.from);
    let written = from.and_then(|from| from.value_texts().next()).unwrap_or_default();
    let Some(slim) = &stage.slim else { return Ok(written.to_owned()) };
    if written == stage.base {
        return Ok(slim.clone());
    }
    let added = slim.strip_prefix(stage.base).filter(|added| added.starts_with('-'));
    let in_tag = written
        .split_once('$')
        .is_some_and(|(before, _)| before.rsplit('/').next().is_some_and(|last| last.contains(':')));
    match added {
        Some(added) if in_tag => Ok(format!("{written}{added}")),
        _ => Err(Refusal::hazard("H084", "the slim sibling of the base image hangs on a build argument")),
    }
}
