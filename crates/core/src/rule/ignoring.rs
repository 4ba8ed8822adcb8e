//! What the two rules about ignore files share: which instruction takes litter, and whether the context is the right one.

use super::litter::{Choice, Demands};
use super::{Refusal, Subject};
use crate::syntax::Keyword;

/// The first instruction that takes something of the choice, and what is to be said about it: `copies .git and 3 more`.
/// What is there comes before what is expected.
pub(crate) fn describe(subject: &Subject<'_>, own: &Demands, choice: &Choice) -> Option<(usize, String)> {
    let verb = |index: usize| match subject.model.instruction(index).map(|instruction| instruction.keyword) {
        Some(Keyword::Run) => "mounts",
        _ => "copies",
    };
    for take in &own.takes {
        let names = choice.taken(&take.sources);
        if !names.is_empty() {
            return Some((take.instruction, format!("{} {} too", verb(take.instruction), enumerate(&names))));
        }
    }
    for take in &own.takes {
        let names: Vec<&str> = take.sources.iter().flat_map(|source| choice.expected(source)).collect();
        if !names.is_empty() {
            let what = enumerate(&names);
            return Some((
                take.instruction,
                format!("{} {what} too, once they are there", verb(take.instruction)),
            ));
        }
    }
    None
}

fn enumerate(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} and {two}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
    }
}

/// Names that builds give to their output, which may be made before the image is.
const OUTPUTS: &[&str] = &[
    "target",
    "dist",
    "build",
    "out",
    "bin",
    "publish",
    "release",
    "_build",
    "public",
    "output",
    ".next",
    "node_modules",
    "vendor",
    "artifacts",
    "staging",
    "lib",
];

/// Whether the folder that was taken for the context is it, as far as the sources that the Dockerfile names tell: one of
/// them is there, or all that are not are output of a build.
///
/// # Errors
/// A [`Refusal`] (H132) when it may be another folder.
pub(crate) fn is_the_context(subject: &Subject<'_>, own: &Demands) -> Result<(), Refusal> {
    let Ok(needs) = &own.needs else { return Ok(()) };
    let files = subject.context.files();
    let mut missing = None;
    for source in needs.iter().filter(|source| !source.is_empty() && !source.contains(['*', '?', '['])) {
        if files.entry(source).is_present() {
            return Ok(());
        }
        let is_output = source.split('/').any(|part| OUTPUTS.contains(&part));
        if !is_output && missing.is_none() {
            missing = Some(source);
        }
    }
    match missing {
        Some(source) => Err(Refusal::hazard(
            "H132",
            format!(
                "`{source}` is not in the folder that was taken for the build context: it may be another"
            ),
        )),
        None => Ok(()),
    }
}
