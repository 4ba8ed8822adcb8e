//! On which conditions an installation comes before the source.

use std::collections::BTreeSet;

use crate::context::join;
use crate::model::{CopiedFile, FileView, Known, copy_words, place_of};
use crate::rule::dependencies::{Reads, Way, may_install, reads};
use crate::rule::{Refusal, Subject};
use crate::syntax::{Instruction, Keyword};

use super::{Copied, Found, is_within};

/// What the change is made of, when everything that it asks for holds.
pub(crate) struct Ready {
    /// What the installation reads and has to be copied before it, as paths of the context; the rest is there already.
    pub(super) missing: Vec<String>,
    /// Whether the new COPYs stand where the first COPY of the source stood, so that they make the directory as it did.
    pub(super) at_copy: bool,
}

/// What the installation reads, when everything that the fix asks for holds.
///
/// # Errors
/// A refusal with the first thing that does not.
pub(crate) fn conditions(subject: &Subject<'_>, found: &Found) -> Result<Ready, Refusal> {
    let files = found.install.files.clone()?;
    let model = subject.model;
    let is_shipped = model.stage_of(found.run).is_some_and(|stage| stage.shipped);
    if let (Some(command), true) = (&found.install.takes_back, is_shipped) {
        let reason = format!("`{command}` in the same step takes away what a layer of its own would keep");
        return Err(Refusal::hazard("H092", reason));
    }
    let at_copy = between(subject, found)?;
    let view = FileView::new(subject.context);
    let moved: Vec<usize> = found.moved.iter().map(|copy| copy.index).collect();
    let unknown = || Refusal::because("it is not known which files the steps see");
    if subject.context.sent().is_none() {
        return Err(Refusal::because("the build context cannot be listed"));
    }
    let had = view.visible(model, found.run).ok_or_else(unknown)?;
    let kept = view.visible_without(model, found.run, &moved).ok_or_else(unknown)?;
    let of = |seen: &BTreeSet<CopiedFile>, path: &str| -> BTreeSet<CopiedFile> {
        seen.iter().filter(|file| is_within(&file.path, path)).cloned().collect()
    };
    // What the ignore file keeps out, or no COPY brings, the installation has not seen so far either.
    let (files, unseen): (Vec<String>, Vec<String>) =
        files.into_iter().partition(|path| !of(&had, path).is_empty());
    if let (true, Some(path)) = (files.is_empty(), unseen.first()) {
        return Err(Refusal::hazard("H064", format!("the ignore file keeps `{path}` out of the context")));
    }
    let last = view.effective(model, found.run).ok_or_else(unknown)?;
    for file in files.iter().flat_map(|path| of(&had, path)) {
        if last.get(&file.target) != Some(&file.path) {
            let reason = format!("`{}` is copied over by another file", file.path);
            return Err(Refusal::hazard("H063", reason));
        }
    }
    let missing: Vec<String> =
        files.iter().filter(|path| !of(&had, path).is_subset(&of(&kept, path))).cloned().collect();
    for path in &missing {
        let copy = bringing(subject, found, path)?;
        if let Some(flag) = copy.flags.iter().find(|flag| !matches!(flag.name(), "chown" | "chmod" | "link"))
        {
            return Err(Refusal::because(format!("the COPY has the flag `{}`", flag.text)));
        }
        let target = copy.values.last().map(|value| value.text.as_str()).unwrap_or_default();
        if !is_plain(target, "$") {
            return Err(Refusal::because("the target of the COPY is quoted"));
        }
        if !is_plain(path, "") {
            return Err(Refusal::because(format!("the name of `{path}` would have to be quoted")));
        }
    }
    let in_the_way = found.install.makes.iter().map(|name| join(&found.install.project, name));
    for path in in_the_way {
        if had.iter().any(|file| is_within(&file.path, &path)) {
            let reason = format!(
                "`{path}` of the context would be copied over what was installed; `dockmend rewrite ignore order` keeps it out first"
            );
            return Err(Refusal::hazard("H060", reason));
        }
    }
    overlaid(subject, found, &view)?;
    Ok(Ready { missing, at_copy })
}

/// The COPY among those that move that brings a path, as a directory or below one.
pub(super) fn bringing<'a>(
    subject: &Subject<'a>,
    found: &Found,
    path: &str,
) -> Result<&'a Instruction, Refusal> {
    let copy = found.moved.iter().rev().find(|copy| copy.brings(path).is_some());
    let instruction = copy.and_then(|copy| subject.model.instruction(copy.index));
    instruction.ok_or_else(|| {
        Refusal::hazard("H047", format!("the install reads `{path}`, which no COPY of a directory brings"))
    })
}

/// A COPY that stays, and is passed by one that moves, may not have been meant to replace what that one brings.
fn overlaid(subject: &Subject<'_>, found: &Found, view: &FileView) -> Result<(), Refusal> {
    let unknown = || Refusal::because("it is not known which files the steps see");
    let first = found.moved.first().map_or(found.run, |copy| copy.index);
    let is_moved = |index: usize| found.moved.iter().any(|copy| copy.index == index);
    for staying in found.copies.iter().filter(|copy| copy.index > first && !is_moved(copy.index)) {
        let stays = view.copied(subject.model, staying.index).ok_or_else(unknown)?;
        for moved in found.moved.iter().filter(|copy| copy.index < staying.index) {
            let brings = view.copied(subject.model, moved.index).ok_or_else(unknown)?;
            let other = brings.iter().find(|file| {
                stays.iter().any(|known| known.target == file.target && known.path != file.path)
            });
            if let Some(file) = other {
                let reason = format!("`{}` is copied over by a later COPY", file.path);
                return Err(Refusal::hazard("H063", reason));
            }
        }
    }
    Ok(())
}

/// What stands between the COPYs and the installation may not mind which of the two comes first. Says whether the new
/// COPYs have to make the directory that the first COPY has made.
fn between(subject: &Subject<'_>, found: &Found) -> Result<bool, Refusal> {
    let model = subject.model;
    let mut passed: Vec<(&Copied, &Instruction)> = Vec::new();
    let first = found.moved.first().map_or(found.run, |copy| copy.index);
    let mut at_copy = false;
    for index in first..found.run {
        let Some(instruction) = model.instruction(index) else { return Err(changed()) };
        if let Some(copy) = found.moved.iter().find(|copy| copy.index == index) {
            passed.push((copy, instruction));
            continue;
        }
        let sets = |name: &str| {
            let pairs = instruction.pairs.iter().any(|pair| pair.name.text == name);
            pairs || instruction.value_texts().any(|text| text.split('=').next() == Some(name))
        };
        let has_variable =
            || passed.iter().any(|(_, copy)| variables(copy).is_none_or(|names| names.into_iter().any(sets)));
        let is_relative =
            |copy: &Copied| !copy_words(model, copy.index).is_some_and(|(_, target)| target.starts_with('/'));
        let may_pass = match instruction.keyword {
            Keyword::Label
            | Keyword::Expose
            | Keyword::Cmd
            | Keyword::Entrypoint
            | Keyword::Healthcheck
            | Keyword::Stopsignal
            | Keyword::Maintainer
            // The owner of what is copied does not depend on the user.
            | Keyword::User => true,
            Keyword::Env | Keyword::Arg if has_variable() => {
                return Err(Refusal::hazard(
                    "H062",
                    format!("the COPY uses a variable, and {} stands below it", instruction.keyword),
                ));
            }
            Keyword::Env | Keyword::Arg => true,
            Keyword::Workdir => {
                // It would make the directory as root, or as the user of the moment; the COPY gives it to whom it says.
                let user = model.place(index).map(|(_, step)| &step.state.user);
                let is_other = match user {
                    Some(Known::Value(user)) => !matches!(user.split(':').next(), Some("root" | "0" | "")),
                    _ => false,
                };
                at_copy |= is_other || passed.iter().any(|(_, copy)| !copy.flags.is_empty());
                !passed.iter().any(|(copy, _)| is_relative(copy))
            }
            // What comes into a volume behind this is another matter than what was there.
            Keyword::Volume => instruction.value_texts().all(|path| {
                let place = place_of(model, index, path).filter(|_| !path.contains('$'));
                place.is_some_and(|at| {
                    passed.iter().all(|(copy, _)| !is_within(&at, &copy.to) && !is_within(&copy.to, &at))
                })
            }),
            Keyword::Copy | Keyword::Add if instruction.flag("from").is_some() => {
                let target = instruction.values.last().map(|value| value.text.as_str()).unwrap_or_default();
                place_of(model, index, target).is_some_and(|to| {
                    !target.contains('$')
                        && passed.iter().all(|(copy, _)| !is_within(&to, &copy.to) && !is_within(&copy.to, &to))
                })
            }
            // It brings what the installation reads, and is looked at apart.
            Keyword::Copy | Keyword::Add => found.copies.iter().any(|copy| copy.index == index),
            Keyword::Run => {
                // Another installation may be of what these COPYs bring, in a way that is not understood.
                let is_apart = passed.iter().all(|(copy, _)| copy.brings(&found.install.project).is_some());
                (is_apart || !may_install(instruction.arguments_text()))
                    && matches!(
                        reads(subject.context, model, index, &|path| found.locate(path)),
                        Reads::Nothing
                    )
            }
            _ => false,
        };
        if !may_pass {
            return Err(Refusal::hazard(
                "H063",
                format!(
                    "line {} between the COPY and the install may need the source",
                    instruction.lines.start()
                ),
            ));
        }
    }
    // Of two that change places, the gate takes the one that weighs less for the one that has moved.
    let weight = |index: usize| {
        let keyword = model.instruction(index).map(|instruction| instruction.keyword);
        if keyword == Some(Keyword::Run) { 20 } else { 1 }
    };
    let between = (first..found.run).filter(|index| !found.moved.iter().any(|copy| copy.index == *index));
    let stays: usize = between.map(weight).sum();
    let is_cut = matches!(&found.install.way, Way::Split { removed, .. } if !removed.is_empty());
    let run = if is_cut { 0 } else { 20 };
    if passed.len() >= (stays + run).max(2) && !(stays == 0 && found.install.way != Way::Whole) {
        return Err(Refusal::because("too many COPYs stand before the install"));
    }
    Ok(at_copy)
}

/// The variables that a COPY uses; `None` where they are not plain.
fn variables(copy: &Instruction) -> Option<Vec<&str>> {
    let text = copy.logical.slice(crate::syntax::Span::new(0, copy.arguments.end));
    text.split('$')
        .skip(1)
        .map(|rest| {
            let rest = rest.strip_prefix('{').unwrap_or(rest);
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            rest.get(..end).filter(|name| !name.is_empty())
        })
        .collect()
}

pub(super) fn changed() -> Refusal {
    Refusal::because("the text has changed")
}

/// Whether a path can stand in a COPY as it is: no blank, quote, wildcard or escape.
fn is_plain(path: &str, also: &str) -> bool {
    let is_plain = |c: char| {
        c.is_alphanumeric()
            || "-_./@+~=,".contains(c)
            || also.contains(c)
            || (also == "$" && "{}".contains(c))
    };
    !path.is_empty() && !path.starts_with('-') && path.chars().all(is_plain)
}
