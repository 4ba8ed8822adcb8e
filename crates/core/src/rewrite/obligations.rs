//! What a rewrite owes to the build context: which files steps see, and which are sent at all.

mod sent;
pub(super) mod stages;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use self::sent::Sent;
use super::gate::Rejected;
use super::group::{Analysis, Overlay};
use crate::context::join;
use crate::knowledge::Knowledge;
use crate::model::{
    BuildModel, Delta, FileView, Meaning, is_file, lost_files, matched, place_of, same_at_the_end,
};
use crate::rule::ContextView;
use crate::rule::dependencies::{Reads, Way, reads};
use crate::syntax::Keyword;

/// The deltas that only the context shows.
///
/// `reorders` says that a fix moves steps on the strength of what they read. It is then checked here, apart from the
/// rule, that they do not miss anything.
///
/// # Errors
/// [`Rejected`] when a file that a COPY, ADD or bind mount of any Dockerfile of the group names would no longer be sent
/// (H128, H133), and when a step that has lost files may read them.
pub(super) fn context_deltas(
    analysis: &Analysis<'_>,
    file: usize,
    after: &BuildModel,
    overlay: &Overlay<'_>,
    reorders: bool,
) -> Result<Vec<Delta>, Rejected> {
    let view = analysis.view(file);
    if !view.is_known() {
        return if reorders || crate::model::find_split(analysis.model(file), after).is_some() {
            rejected("steps are moved, and the build context is not known")
        } else {
            Ok(Vec::new())
        };
    }
    let mut deltas = Vec::new();
    let before = analysis.model(file);
    let ignore_changed = !overlay.is_empty();
    let new_view = ignore_changed.then(|| ContextView::new(overlay, view.dockerfile().map(str::to_owned)));
    // A context that stays the same is not read again.
    let after_view = new_view.as_ref().unwrap_or(view);
    if ignore_changed {
        deltas.extend(files_lost(view, after_view));
        let mut sent = Sent::new(view, after_view);
        for index in 0..analysis.len() {
            let dockerfile = analysis.view(index).dockerfile();
            if sent.has_lost(dockerfile) {
                sent.named_files_stay(dockerfile, if index == file { after } else { analysis.model(index) })?;
            }
        }
    }
    if let Some(split) = crate::model::find_split(before, after) {
        stages::hold(after_view, analysis.knowledge(), before, after, &split)?;
    } else if reorders || places(before) != places(after) {
        // What the ignore file takes away is told by `ContextFilesLost`; here both sides see the same context.
        let files = FileView::new(after_view);
        let lost = lost_files(before, after, &files);
        if reorders {
            nothing_is_missed(after_view, &files, before, after, &lost)?;
        }
        deltas.extend(lost);
    }
    Ok(deltas)
}

fn rejected<T>(reason: impl Into<String>) -> Result<T, Rejected> {
    Err(Rejected { reason: reason.into() })
}

/// Everything that says which files are where at which step: two files with the same show the same files to their RUNs.
fn places(model: &BuildModel) -> Vec<(&'static str, &str, Vec<&str>)> {
    let place = |instruction: &'_ crate::syntax::Instruction| match instruction.keyword {
        Keyword::Copy | Keyword::Add => Some("COPY"),
        Keyword::Run => Some("RUN"),
        Keyword::From | Keyword::Workdir | Keyword::Env | Keyword::Arg => Some(instruction.keyword.as_str()),
        _ => None,
    };
    let instructions = model.file().instructions().iter();
    instructions
        .filter_map(|instruction| {
            let name = place(instruction)?;
            if name == "RUN" {
                return Some((name, "", Vec::new()));
            }
            let flags = instruction.flags.iter().map(|flag| flag.text.as_str()).collect();
            Some((name, instruction.arguments_text(), flags))
        })
        .collect()
}

/// What [`context_deltas`] checks of a fix that moves steps, for two models and a context.
pub(super) fn hold_order(
    context: &ContextView<'_>,
    before: &BuildModel,
    after: &BuildModel,
) -> Result<(), Rejected> {
    let files = FileView::new(context);
    nothing_is_missed(context, &files, before, after, &lost_files(before, after, &files))
}

/// Steps have been moved: no copy has passed another, every stage ends with the same files, each RUN is the one that it was
/// (or was cut in two, or has got one before it that installs), and a RUN that sees fewer files than before reads none of
/// those that it lost. What cannot be computed does not pass.
fn nothing_is_missed(
    context: &ContextView<'_>,
    files: &FileView,
    before: &BuildModel,
    after: &BuildModel,
    lost: &[Delta],
) -> Result<(), Rejected> {
    copies_keep_their_order(before, after)?;
    // That the ends are known means that every copy is, and so what each RUN sees.
    match same_at_the_end(before, after, files) {
        Some(true) => {}
        Some(false) => return rejected("a stage ends with other files"),
        None => return rejected("it is not known with which files a stage ends"),
    }
    steps::runs_belong_together(context, files, before, after)?;
    let Some(pairs) = matched(before, after) else { return rejected("too much has changed to compare") };
    for pair in pairs {
        if !lost.iter().any(|delta| delta.instruction() == Some(pair.before)) {
            continue;
        }
        let Some(had) = files.effective(before, pair.before) else {
            return rejected(format!("it is not known which files instruction {} sees", pair.before));
        };
        let locate = |path: &str| source_of(&had, path).or_else(|| beside(&had, path));
        let needed = match reads(context, before, pair.before, &locate) {
            Reads::Nothing => continue,
            Reads::Install(install) if install.way != Way::Whole => {
                return rejected(format!("a part of instruction {} needs the source", pair.before));
            }
            Reads::Install(install) => install.files,
            Reads::Anything => return rejected(format!("instruction {} may read any file", pair.before)),
        };
        match needed {
            Ok(needed) => needed_are_there(&needed, files, (before, pair.before), (after, pair.after))?,
            Err(refusal) => return rejected(format!("what an install reads is not known: {refusal}")),
        }
    }
    Ok(())
}

/// The path in the context that a file would have that is not there, beside its nearest neighbours.
fn beside(lies: &BTreeMap<String, String>, path: &str) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    for (target, file) in lies {
        // The directories that both paths end in are the same; what stands before was copied to what stands before.
        let ends = target.rsplit('/').zip(file.rsplit('/')).take_while(|(to, from)| to == from);
        let common: usize = ends.map(|(name, _)| name.len() + 1).sum();
        let root = target.get(..target.len().saturating_sub(common)).unwrap_or_default();
        let from = file.get(..file.len().saturating_sub(common)).unwrap_or_default();
        let Some(inside) = path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')) else { continue };
        if common > 0 && best.as_ref().is_none_or(|(length, _)| root.len() > *length) {
            best = Some((root.len(), join(from, inside)));
        }
    }
    best.map(|(_, path)| path)
}

/// Every COPY and ADD is still there. One that has passed another brings files of the context, so that which of them lie
/// where at the end can be computed, or goes to quite another place.
fn copies_keep_their_order(before: &BuildModel, after: &BuildModel) -> Result<(), Rejected> {
    const PASSED: &str = "a COPY or ADD has passed another";
    let (old, new) = (copies(before), copies(after));
    let mut taken = vec![false; new.len()];
    let mut places = Vec::new();
    for (_, key) in &old {
        let at = new.iter().zip(&taken).position(|((_, other), taken)| !taken && other == key);
        let Some(at) = at else { return rejected(PASSED) };
        taken[at] = true;
        places.push(at);
    }
    if places.is_sorted() {
        return Ok(());
    }
    if places.len() > 200 {
        return rejected("too many COPYs to compare");
    }
    for (i, (first, _)) in old.iter().enumerate() {
        for (j, (second, _)) in old.iter().enumerate().skip(i + 1) {
            let have_passed = places[i] > places[j];
            if have_passed
                && !(is_plain_copy(before, *first) && is_plain_copy(before, *second))
                && !are_apart(before, *first, *second)
            {
                return rejected(PASSED);
            }
        }
    }
    Ok(())
}

/// The context's file for a path in the image, or its directory for a directory that has some of its files.
fn source_of(files: &BTreeMap<String, String>, path: &str) -> Option<String> {
    if let Some(file) = files.get(path) {
        return Some(file.clone());
    }
    let below = format!("{}/", path.trim_end_matches('/'));
    let inside = files.range(below.clone()..).take_while(|(target, _)| target.starts_with(&below));
    inside.into_iter().find_map(|(target, file)| {
        let directory = file.strip_suffix(target.strip_prefix(&below)?)?;
        Some(directory.trim_end_matches('/').to_owned())
    })
}

/// What the copies of a file mean, in order: the index, and the meaning with the number of the stage.
fn copies(model: &BuildModel) -> Vec<(usize, (usize, Meaning))> {
    let instructions = model.file().instructions().iter().enumerate();
    let copies = instructions.filter(|(_, i)| matches!(i.keyword, Keyword::Copy | Keyword::Add));
    copies
        .filter_map(|(index, _)| Some((index, (model.stage_of(index)?.index, model.meaning(index)?))))
        .collect()
}

/// A COPY of files of the context, or an ADD that does nothing else: of no address, and of nothing that it would unpack
/// (H125).
fn is_plain_copy(model: &BuildModel, index: usize) -> bool {
    let Some(copy) = model.instruction(index).filter(|copy| copy.flag("from").is_none()) else {
        return false;
    };
    let is_file =
        |source: &str| !source.contains([':', '$']) && !Knowledge::builtin().is_archive_name(source);
    match copy.keyword {
        Keyword::Copy => true,
        Keyword::Add => copy
            .values
            .split_last()
            .is_some_and(|(_, sources)| sources.iter().all(|source| is_file(&source.text))),
        _ => false,
    }
}

/// Whether two copies go to places of which none lies in the other.
fn are_apart(model: &BuildModel, first: usize, second: usize) -> bool {
    let place = |index: usize| {
        let to = model.instruction(index)?.values.last()?.text.clone();
        (!to.contains(['$', '"', '\'', '\\'])).then(|| place_of(model, index, &to))?
    };
    let (Some(first), Some(second)) = (place(first), place(second)) else { return false };
    let is_in = |path: &str, other: &str| {
        path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // What an unknown directory holds is not known to be elsewhere.
    !first.starts_with('?') && !second.starts_with('?') && !is_in(&first, &second) && !is_in(&second, &first)
}

/// Each file that an installation reads, or each file below a directory that it reads, is where it was: at each of its
/// places lies the file that lay there before, and no other that was copied over it.
fn needed_are_there(
    needed: &[String],
    files: &FileView,
    (before, old): (&BuildModel, usize),
    (after, new): (&BuildModel, usize),
) -> Result<(), Rejected> {
    let views = (files.visible(before, old), files.effective(before, old), files.effective(after, new));
    let (Some(saw), Some(had), Some(has)) = views else {
        return rejected(format!("it is not known which files instruction {old} sees"));
    };
    for path in needed {
        let below = format!("{path}/");
        // What was not there before is not missed now.
        let mut wanted = saw.iter().filter(|file| file.path == *path || file.path.starts_with(&below));
        if let Some(file) = wanted.find(|file| had.get(&file.target) != has.get(&file.target)) {
            return rejected(format!("{}, which an install reads, is not there any more", file.path));
        }
    }
    Ok(())
}

/// The files that are not sent any more.
fn files_lost(before: &ContextView<'_>, after: &ContextView<'_>) -> Option<Delta> {
    let (before, after) = (before.sent()?, after.sent()?);
    let kept: BTreeSet<&str> = after.iter().map(|found| found.path.as_str()).collect();
    let lost = before.iter().filter(|found| is_file(found) && !kept.contains(found.path.as_str()));
    let (count, bytes) = lost.fold((0, 0), |(count, bytes), found| (count + 1, bytes + found.entry.size));
    (count > 0).then_some(Delta::ContextFilesLost { count, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::MemoryFiles;

    const BEFORE: &str = "FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci\nRUN npm run build\n";

    /// What the check says about a move from `before` to `after`, whatever a rule would have said.
    fn held(files: &[(&str, &str)], before: &str, after: &str) -> Result<(), String> {
        let files = MemoryFiles::new(files.iter().copied());
        let view = ContextView::new(&files, Some("Dockerfile".to_owned()));
        let (before, after) = (BuildModel::of(before), BuildModel::of(after));
        let seen = FileView::new(&view);
        let lost = lost_files(&before, &after, &seen);
        nothing_is_missed(&view, &seen, &before, &after, &lost).map_err(|rejected| rejected.reason)
    }

    const SHOP: &[(&str, &str)] = &[
        ("package.json", "{}"),
        ("package-lock.json", r#"{"lockfileVersion": 3}"#),
        ("a.js", ""),
        ("Dockerfile", ""),
    ];

    #[test]
    fn a_move_that_loses_nothing_passes() {
        let after = "FROM node:20\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\nRUN npm run build\n";
        assert_eq!(held(SHOP, BEFORE, after), Ok(()));
    }

    #[test]
    fn what_a_wrong_rule_could_do_does_not_pass() {
        for (after, reason) in [
            // A manifest is forgotten.
            (
                "WORKDIR /app\nCOPY package.json ./\nRUN npm ci\nCOPY . .\nRUN npm run build",
                "package-lock.json",
            ),
            // It goes elsewhere.
            (
                "WORKDIR /app\nCOPY package.json package-lock.json /\nRUN npm ci\nCOPY . .\nRUN npm run build",
                "other files",
            ),
            // The source comes too late for the build.
            (
                "WORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nRUN npm run build\nCOPY . .",
                "may read any file",
            ),
            // The source does not come at all, or to another place.
            (
                "WORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nRUN npm run build",
                "has passed another",
            ),
            (
                "WORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nWORKDIR /b\nCOPY . .\nRUN npm run build",
                "other files",
            ),
        ] {
            let result = held(SHOP, BEFORE, &format!("FROM node:20\n{after}\n"));
            assert!(result.as_ref().is_err_and(|got| got.contains(reason)), "{after}: {result:?}");
        }
    }

    /// Crates that are fetched before the source, with empty files in place of the targets.
    #[test]
    fn empty_files_are_made_only_where_the_source_comes_over_them() {
        let manifest = "[package]\nname = \"a\"\n[dependencies]\nitoa = \"1\"\n";
        let lock = "[[package]]\nname = \"itoa\"\nversion = \"1.0.0\"\nsource = \"registry\"\n";
        let files = [("Cargo.toml", manifest), ("Cargo.lock", lock), ("src/main.rs", ""), ("src/a.rs", "")];
        let before = "FROM rust:1.85\nWORKDIR /a\nCOPY . .\nRUN cargo build\n";
        let manifests = "WORKDIR /a\nCOPY Cargo.toml Cargo.lock ./";
        let made = "RUN mkdir -p src && touch src/main.rs && cargo fetch";
        let source = "COPY . .\nRUN cargo build";
        let right = format!("FROM rust:1.85\n{manifests}\n{made}\n{source}\n");
        assert_eq!(held(&files, before, &right), Ok(()));
        for made in [
            // What cargo looks for is forgotten, or it is another file.
            "RUN cargo fetch",
            "RUN mkdir -p src && touch src/lib.rs && cargo fetch",
            "RUN mkdir -p src && touch src/a.rs && cargo fetch",
            // Something is left.
            "RUN mkdir -p src && touch src/main.rs && touch src/b.rs && cargo fetch",
            "RUN mkdir -p other && touch src/main.rs && cargo fetch",
            "RUN mkdir -p src && echo a > src/main.rs && cargo fetch",
            "RUN mkdir -p src && touch Cargo.lock && touch src/main.rs && cargo fetch",
            // Something is compiled (H058).
            "RUN mkdir -p src && touch src/main.rs && cargo build",
            "RUN mkdir -p src && touch src/main.rs && cargo fetch && cargo build",
            "RUN cd / && mkdir -p src && touch src/main.rs && cargo fetch",
        ] {
            let after = format!("FROM rust:1.85\n{manifests}\n{made}\n{source}\n");
            assert!(held(&files, before, &after).is_err(), "{made}");
        }
        let late = format!("FROM rust:1.85\nWORKDIR /a\nCOPY . .\n{made}\nRUN cargo build\n");
        assert!(held(&files, before, &late).is_err());
    }

    #[test]
    fn a_download_of_modules_is_added_only_with_its_manifests() {
        let manifest = "module a\nrequire example.com/b v1.0.0\nreplace example.com/c => ./c\n";
        let files = [("go.mod", manifest), ("go.sum", ""), ("c/go.mod", ""), ("main.go", "")];
        let before = "FROM golang:1.22\nWORKDIR /a\nCOPY . .\nRUN go build .\n";
        let after =
            |steps: &str| format!("FROM golang:1.22\nWORKDIR /a\n{steps}\nCOPY . .\nRUN go build .\n");
        let right = after("COPY go.mod go.sum ./\nCOPY c/go.mod ./c/\nRUN go mod download");
        assert_eq!(held(&files, before, &right), Ok(()));
        for steps in [
            "COPY go.mod go.sum ./\nRUN go mod download",
            "COPY go.mod ./\nCOPY c/go.mod ./c/\nRUN go mod download",
            "COPY go.mod go.sum ./\nCOPY c/go.mod ./\nRUN go mod download",
            "COPY go.mod go.sum ./\nCOPY c/go.mod ./c/\nRUN go mod tidy",
            "COPY go.mod go.sum ./\nCOPY c/go.mod ./c/\nRUN go build .",
            "COPY go.mod go.sum ./\nCOPY c/go.mod ./c/\nRUN go mod download && go clean -modcache",
        ] {
            assert!(held(&files, before, &after(steps)).is_err(), "{steps}");
        }
    }

    #[test]
    fn an_install_that_is_not_understood_does_not_pass() {
        let manifest = ("package.json", r#"{"workspaces": ["{a,b}"]}"#);
        let workspace = [manifest, SHOP[1], SHOP[2]];
        let after = "FROM node:20\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\nRUN npm run build\n";
        assert!(held(&workspace, BEFORE, after).is_err_and(|reason| reason.contains("H044")));
        let workspace =
            [("package.json", r#"{"workspaces": ["a"]}"#), ("a/package.json", "{}"), SHOP[1], SHOP[2]];
        assert!(held(&workspace, BEFORE, after).is_err_and(|reason| reason.contains("a/package.json")));
    }

    #[test]
    fn copies_do_not_pass_each_other_and_unknown_ones_stop_everything() {
        let before = "FROM node:20\nWORKDIR /app\nCOPY . .\nCOPY --from=nginx /etc /app\nRUN npm ci\n";
        let after = "FROM node:20\nWORKDIR /app\nCOPY --from=nginx /etc /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\n";
        assert!(held(SHOP, before, after).is_err_and(|reason| reason.contains("passed another")));
        let before = "FROM node:20\nARG X\nWORKDIR /app\nCOPY $X /x\nCOPY . .\nRUN npm ci\n";
        let after = "FROM node:20\nARG X\nWORKDIR /app\nCOPY $X /x\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\n";
        assert!(held(SHOP, before, after).is_err_and(|reason| reason.contains("not known")));
    }
}
