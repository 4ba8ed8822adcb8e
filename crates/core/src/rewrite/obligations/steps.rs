//! The RUNs of a file whose installation came before the source: each runs what it ran, and one that was added installs
//! what the one behind it would have installed.
//!
//! This looks at two texts. It knows nothing of the rule, and reads the commands by itself.

use std::collections::BTreeSet;

use crate::model::{BuildModel, CopiedFile, FileView, directory_of};
use crate::rule::ContextView;
use crate::rule::dependencies::{Install, Reads, Way, place_from, reads};
use crate::shell::{Item, Joiner, Node};
use crate::syntax::Keyword;

use super::super::gate::Rejected;
use super::{beside, needed_are_there, rejected, source_of};

/// The RUNs of both files belong together: the same ones in the same order, but that one may have been cut in two, or
/// have got a RUN before it that installs its dependencies.
pub(super) fn runs_belong_together(
    context: &ContextView<'_>,
    files: &FileView,
    before: &BuildModel,
    after: &BuildModel,
) -> Result<(), Rejected> {
    for (old_stage, new_stage) in before.stages().iter().zip(after.stages()) {
        let runs = |model: &BuildModel, stage| -> Vec<usize> {
            let all = BuildModel::stage_instructions(model, stage);
            all.filter(|(_, instruction)| instruction.keyword == Keyword::Run)
                .map(|(index, _)| index)
                .collect()
        };
        let (old, new) = (runs(before, old_stage), runs(after, new_stage));
        let mut new = new.into_iter();
        for old in old {
            let Some(next) = new.next() else { return rejected("a RUN is missing") };
            if before.meaning(old) == after.meaning(next) {
                continue;
            }
            let Some(rest) = new.next() else { return rejected(format!("instruction {old} has changed")) };
            let cut = Cut { context, files, before, after, old, first: next, rest };
            cut.check()?;
        }
        if new.next().is_some() {
            return rejected("there is a RUN that belongs to none of before");
        }
    }
    Ok(())
}

/// One RUN before, and the two that came of it.
struct Cut<'a> {
    context: &'a ContextView<'a>,
    files: &'a FileView,
    before: &'a BuildModel,
    after: &'a BuildModel,
    old: usize,
    first: usize,
    rest: usize,
}

impl Cut<'_> {
    fn check(&self) -> Result<(), Rejected> {
        let read = |model, index| Trace::of(model, index);
        let traces = (read(self.before, self.old), read(self.after, self.first), read(self.after, self.rest));
        let (Some(old), Some(first), Some(rest)) = traces else {
            return rejected(format!("the commands of instruction {} cannot be followed", self.old));
        };
        if !self.same_place() {
            return rejected(
                "the new RUN has other flags, another user or another state than the one it comes from",
            );
        }
        let cut = old.commands.len().checked_sub(rest.commands.len());
        let Some((moved, kept)) = cut.and_then(|cut| old.commands.split_at_checked(cut)) else {
            return rejected("a RUN does more than before");
        };
        if kept != rest.commands || !first.commands.starts_with(moved) {
            return rejected("a RUN that was cut in two does not run the same commands in the same order");
        }
        if !moved.is_empty() && !old.stops_at_errors {
            return rejected("a RUN that was cut in two would have gone on behind an error");
        }
        if !first.stops_at_errors || rest.stops_at_errors != old.stops_at_errors {
            return rejected("a RUN would go on behind an error that has stopped it");
        }
        let added = first.commands.get(moved.len()..).unwrap_or_default();
        let Reads::Install(wanted) = self.read(self.before, self.old)? else {
            return rejected("a RUN is added to one that installs nothing");
        };
        let install = self.fed(&first, &wanted)?;
        self.added_is_known(&first, added, kept, (&wanted, &install))
    }

    /// Both RUNs are what the one was: flags, user, shell, variables, and the directory that they begin in.
    fn same_place(&self) -> bool {
        let flags = |model: &BuildModel, index: usize| {
            model
                .instruction(index)
                .map(|run| run.flags.iter().map(|flag| flag.text.clone()).collect::<Vec<_>>())
        };
        let state = |model: &BuildModel, index: usize| model.place(index).map(|(_, step)| step.state.clone());
        let begins = directory_of(self.before, self.old);
        let same = |index: usize| {
            flags(self.before, self.old) == flags(self.after, index)
                && state(self.before, self.old) == state(self.after, index)
                && directory_of(self.after, index) == begins
        };
        begins.is_some() && same(self.first) && same(self.rest)
    }

    /// What a RUN reads of the files that it sees.
    fn read(&self, model: &BuildModel, index: usize) -> Result<Reads, Rejected> {
        let Some(seen) = self.files.effective(model, index) else {
            return rejected(format!("it is not known which files instruction {index} sees"));
        };
        // What is in the context and was not copied yet is not there.
        let is_absent = |path: &String| self.context.files().entry(path).is_absent();
        let locate = |path: &str| {
            source_of(&seen, path).or_else(|| beside(&seen, path).filter(|found| is_absent(found)))
        };
        Ok(reads(self.context, model, index, &locate))
    }

    /// The first RUN is an installation, and finds everything at its place that it reads, and that the RUN before is
    /// known to have read for it: what is missing is not seen by asking the first alone.
    fn fed(&self, first: &Trace, wanted: &Install) -> Result<Box<Install>, Rejected> {
        let Reads::Install(install) = self.read(self.after, self.first)? else {
            return rejected(format!("the new RUN `{}` is no installation of what is there", first.shown()));
        };
        if install.way != Way::Whole {
            return rejected("the new RUN needs the source");
        }
        for files in [&install.files, &wanted.files] {
            match files {
                Ok(needed) => {
                    needed_are_there(needed, self.files, (self.before, self.old), (self.after, self.first))?;
                }
                Err(refusal) => return rejected(format!("what the new RUN reads is not known: {refusal}")),
            }
        }
        Ok(install)
    }

    /// A command that is only added is the one that is known to install the same for the next command. Before it may stand
    /// commands that make empty files, which the copy of the source replaces.
    fn added_is_known(
        &self,
        new: &Trace,
        added: &[Step],
        kept: &[Step],
        (wanted, install): (&Install, &Install),
    ) -> Result<(), Rejected> {
        let Some((_, made)) = added.split_last() else { return Ok(()) };
        let Some(had) = self.files.visible(self.before, self.old) else {
            return rejected(format!("it is not known which files instruction {} sees", self.old));
        };
        for step in made {
            self.is_replaced(step, &had)?;
        }
        let Way::Split { first, .. } = &wanted.way else {
            return rejected("a RUN is added to one that comes before the source itself");
        };
        let shown = added.iter().map(|step| step.command.as_str()).collect::<Vec<_>>().join(" && ");
        let is_last = first == &shown || first.ends_with(&format!(" {shown}"));
        // Nor is one of the commands before it forgotten.
        let whole = Trace::of(&BuildModel::of(&format!("FROM scratch\nRUN {first}\n")), 1);
        let is_last = is_last && whole.is_some_and(|whole| whole.commands.len() == new.commands.len());
        let same_context =
            kept.first().is_some_and(|next| added.iter().all(|step| next.prelude == step.prelude));
        if !is_last || !same_context || wanted.stack != install.stack || wanted.project != install.project {
            return rejected(format!("`{shown}` does not install what the step behind it needs"));
        }
        Ok(())
    }

    /// A command that makes nothing but directories and empty files where the copy behind it puts files of the context:
    /// nothing is left of it.
    fn is_replaced(&self, step: &Step, had: &BTreeSet<CopiedFile>) -> Result<(), Rejected> {
        let unknown = || Rejected { reason: format!("what `{}` leaves behind is not known", step.command) };
        let has = self.files.visible(self.after, self.first).ok_or_else(unknown)?;
        let mut directory = directory_of(self.after, self.first).ok_or_else(unknown)?;
        for told in step.prelude.iter().filter_map(|told| told.strip_prefix("cd ")) {
            directory = place_from(&directory, told).ok_or_else(unknown)?;
        }
        let words: Vec<&str> = step.command.split(' ').collect();
        let is_plain =
            |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
        let (paths, is_file) = match words.as_slice() {
            ["touch", paths @ ..] => (paths, true),
            ["mkdir", "-p", paths @ ..] => (paths, false),
            _ => return rejected(format!("`{}` is none of the commands of before", step.command)),
        };
        for path in paths {
            let place = Some(path).filter(|path| is_plain(path) && !path.starts_with('-'));
            let place = place.and_then(|path| place_from(&directory, path)).ok_or_else(unknown)?;
            let below = format!("{place}/");
            let comes = had
                .iter()
                .any(|file| if is_file { file.target == place } else { file.target.starts_with(&below) });
            if !comes || has.iter().any(|file| file.target == place) {
                return Err(unknown());
            }
        }
        Ok(())
    }
}

/// What a RUN runs, one command after the other.
struct Trace {
    commands: Vec<Step>,
    /// Whether a command only runs when the ones before it have succeeded.
    stops_at_errors: bool,
}

/// A command with what the shell was told before it.
#[derive(Clone, PartialEq, Eq)]
struct Step {
    prelude: Vec<String>,
    command: String,
}

impl Trace {
    /// `None` where the text cannot be read.
    fn of(model: &BuildModel, index: usize) -> Option<Self> {
        let text = model.shell_text(index).filter(|text| text.script.is_readable() && !text.is_heredoc())?;
        let (mut prelude, mut commands) = (Vec::new(), Vec::<Step>::new());
        let (mut exits, mut stops_at_errors) = (false, true);
        for item in text.script.list() {
            let command = item.canonical();
            if item.background.is_some() {
                return None;
            }
            match item.joiner.as_ref().map(|join| join.kind) {
                None | Some(Joiner::And) => {}
                Some(Joiner::Sequence) => stops_at_errors &= exits,
                // An alternative belongs to the command before it.
                Some(Joiner::Or) => {
                    let last = commands.last_mut()?;
                    last.command = format!("{} || {command}", last.command);
                    continue;
                }
                Some(Joiner::Background) => return None,
            }
            if sets_the_shell(item) {
                exits |= command.strip_prefix("set -").is_some_and(|options| {
                    options.split(' ').next().is_some_and(|letters| letters.contains('e'))
                });
                prelude.push(command);
            } else {
                commands.push(Step { prelude: prelude.clone(), command });
            }
        }
        Some(Self { commands, stops_at_errors })
    }

    fn shown(&self) -> String {
        self.commands.iter().map(|step| step.command.as_str()).collect::<Vec<_>>().join(" && ")
    }
}

/// Whether a command changes nothing but the shell that it runs in.
fn sets_the_shell(item: &Item) -> bool {
    let Node::Simple(simple) = &item.node else { return false };
    // A variable has the same value in both RUNs; what a substitution gives may come from a file.
    let is_plain = simple.redirects.is_empty()
        && simple.words.iter().all(|word| word.substitutions().next().is_none() && !word.has_glob);
    match simple.name() {
        // The script that switches a virtual environment on.
        Some("." | "source") => {
            let script = simple.words.last().map(|word| word.raw().trim_end_matches('"'));
            is_plain
                && simple.words.len() == 2
                && script.is_some_and(|script| script.ends_with("/bin/activate"))
        }
        Some(name) => ["cd", "set", "export", "umask"].contains(&name) && is_plain,
        None => simple.words.is_empty() && !simple.assignments.is_empty(),
    }
}
