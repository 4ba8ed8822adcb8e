//! What stands between the instructions: it may not change.

use std::cell::OnceCell;
use std::collections::HashSet;

use super::align::Alignment;
use crate::model::Meaning;
use crate::syntax::{Comment, Dockerfile};

/// The differences that no delta describes.
pub(super) fn differences(before: &Dockerfile, after: &Dockerfile, alignment: &Alignment) -> Vec<String> {
    let mut wrong = Vec::new();
    let directives = |file: &Dockerfile| -> Vec<_> {
        file.directives().iter().map(|directive| (directive.name, directive.value.clone())).collect()
    };
    if directives(before) != directives(after) {
        wrong.push("the directives at the top have changed".to_owned());
    }
    let bom = |file: &Dockerfile| file.text().starts_with('\u{feff}');
    if bom(before) != bom(after) {
        wrong.push("the byte order mark has changed".to_owned());
    }
    let final_newline = |file: &Dockerfile| file.text().ends_with('\n');
    if final_newline(before) != final_newline(after) {
        wrong.push("the final newline has changed".to_owned());
    }
    wrong.extend(line_endings(before, after));
    wrong.extend(comments(before, after, alignment));
    wrong
}

/// A file whose lines all end in one way keeps it.
fn line_endings(before: &Dockerfile, after: &Dockerfile) -> Option<String> {
    let endings = |file: &Dockerfile| {
        let crlf = file.text().matches("\r\n").count();
        (crlf > 0, file.text().matches('\n').count() > crlf)
    };
    let ((old_crlf, old_lf), (new_crlf, new_lf)) = (endings(before), endings(after));
    let newly = (new_crlf && !old_crlf) || (new_lf && !old_lf);
    (newly && (old_crlf || old_lf)).then(|| "the line endings have changed".to_owned())
}

/// Whether a comment speaks to a tool about the instruction below it (H148).
pub(crate) fn is_addressed(comment: &Comment) -> bool {
    let text = comment.text.trim_start();
    ["hadolint", "check=", "dockmend:", "tally", "nosemgrep", "checkov:", "trivy:", "kics-scan"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
}

fn comments(before: &Dockerfile, after: &Dockerfile, alignment: &Alignment) -> Vec<String> {
    let mut wrong = Vec::new();
    let moved = !alignment.removed.is_empty() && !alignment.added.is_empty();
    let all = |file: &Dockerfile| {
        let mut texts: Vec<String> = file.comments().iter().map(|comment| comment.text.clone()).collect();
        for instruction in file.instructions() {
            texts.extend(instruction.comment_lines.iter().map(|line| line.of(file.text()).trim().to_owned()));
        }
        if moved {
            texts.sort();
        }
        texts
    };
    if all(before) != all(after) {
        wrong.push("a comment was lost, changed or moved".to_owned());
    }
    for matched in &alignment.matches {
        let inside = |file: &Dockerfile, index: usize| -> Vec<String> {
            let instruction = file.instructions().get(index);
            let lines =
                instruction.map(|instruction| instruction.comment_lines.as_slice()).unwrap_or_default();
            lines.iter().map(|line| line.of(file.text()).trim().to_owned()).collect()
        };
        if inside(before, matched.before) != inside(after, matched.after) {
            wrong.push(format!("the comments inside instruction {} have changed", matched.before));
        }
        // Nothing was moved, so as many comments stand above each instruction as before.
        let above = |file: &Dockerfile, index: usize| file.instructions().get(index).map(|i| i.comments.end);
        if !moved && above(before, matched.before) != above(after, matched.after) {
            wrong.push(format!("a comment has changed sides with instruction {}", matched.before));
        }
        let old = before.comments_glued_to(matched.before);
        let new = after.comments_glued_to(matched.after);
        if !still_glued(old, new) {
            wrong.push(format!("the comments above instruction {} have changed", matched.before));
        }
    }
    for (removed, added) in replaced(before, after, alignment) {
        if !still_glued(before.comments_glued_to(removed), after.comments_glued_to(added)) {
            wrong.push(format!("the comments above instruction {removed} have changed"));
        }
    }
    wrong
}

/// The instructions that gave way to another one in their place, as MAINTAINER does to LABEL: before and after. Where
/// one was only moved, its comments have gone with it.
fn replaced(before: &Dockerfile, after: &Dockerfile, alignment: &Alignment) -> Vec<(usize, usize)> {
    let meaning = |file: &Dockerfile, index: usize| Some(Meaning::of(file, file.instructions().get(index)?));
    let removed: HashSet<usize> = alignment.removed.iter().copied().collect();
    let came: OnceCell<HashSet<Meaning>> = OnceCell::new();
    let mut pairs = Vec::new();
    for added in alignment.added.iter().filter(|added| added.order == 0) {
        let place = added.behind.map_or(0, |behind| behind + 1);
        if !removed.contains(&place) {
            continue;
        }
        let came = came
            .get_or_init(|| alignment.added.iter().filter_map(|added| meaning(after, added.index)).collect());
        if meaning(before, place).is_some_and(|meaning| !came.contains(&meaning)) {
            pairs.push((place, added.index));
        }
    }
    pairs
}

/// The comments above an instruction stay directly above it. Others may join them from an instruction that was removed
/// in between, but none that is addressed to a tool: it would come to speak about the wrong instruction.
fn still_glued(old: &[Comment], new: &[Comment]) -> bool {
    if new.len() < old.len() {
        return false;
    }
    let (joined, kept) = new.split_at(new.len() - old.len());
    let same = old.iter().zip(kept).all(|(old, new)| old.text == new.text);
    same && !joined.iter().any(is_addressed)
}
