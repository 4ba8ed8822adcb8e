//! What removes files again in the same RUN, and what keeps them out of the layer: `rm`, `find`, mounts.

use super::{Started, text_of};
use crate::shell::{Script, Word};
use crate::syntax::Instruction;

/// Whether a command removes everything below `dir` (given without a slash at its end).
///
/// A glob removes only when it is not quoted. Braces are words of bash: where `braces` is false, a POSIX shell takes
/// them as they are, and nothing of that name exists.
pub(crate) fn removes(started: &Started<'_>, dir: &str, braces: bool) -> bool {
    let mut words = started.simple.words.iter().skip(started.prefix + 1);
    match started.program() {
        "rm" => words.any(|word| covers(word, dir, braces)),
        "find" => {
            let deletes = |word: &Word| matches!(text_of(word), "-delete" | "-exec" | "-execdir");
            words.clone().any(deletes) && words.any(|word| covers(word, dir, braces))
        }
        _ => false,
    }
}

fn covers(word: &Word, dir: &str, braces: bool) -> bool {
    let text = word.value().unwrap_or_else(|| word.raw());
    if word.has_brace {
        return braces && expand_braces(word.raw()).iter().any(|path| path_covers(path, word.has_glob, dir));
    }
    path_covers(text.trim_matches('"'), word.has_glob, dir)
}

/// Whether `path` is `dir`, one of its parents, or all that lies in one of them.
fn path_covers(path: &str, has_glob: bool, dir: &str) -> bool {
    let path = match path.strip_suffix("/*").or_else(|| path.strip_suffix("/**")) {
        Some(parent) if has_glob => parent,
        _ => path,
    };
    let path = path.trim_end_matches('/');
    let below = dir.strip_prefix(path);
    !path.is_empty() && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The words that bash makes of `a{b,c}d`, for the first pair of braces alone.
fn expand_braces(text: &str) -> Vec<String> {
    let parts = text.split_once('{').and_then(|(before, rest)| {
        let (inside, behind) = rest.split_once('}')?;
        Some((before, inside, behind))
    });
    let Some((before, inside, behind)) = parts else { return vec![text.to_owned()] };
    inside.split(',').map(|part| format!("{before}{part}{behind}")).collect()
}

/// The last command of a script that removes the cache of a tool in the home directory, or all caches there.
pub(crate) fn last_cache_clean(script: &Script, tool: &str) -> Option<usize> {
    let of_tool = format!("/.cache/{tool}");
    let cleans = |started: &Started<'_>| match started.program() {
        "rm" | "find" => started.words().skip(1).any(|word| {
            let word = word.trim_matches('"').trim_end_matches('*').trim_end_matches('/');
            word.ends_with("/.cache") || word.ends_with(&of_tool) || word == ".cache"
        }),
        _ => {
            let mut verbs = started.words().skip_while(|word| *word != "cache");
            started
                .words()
                .take(3)
                .any(|word| word.rsplit('/').next().is_some_and(|name| name.starts_with(tool)))
                && verbs.any(|word| matches!(word, "purge" | "clean"))
        }
    };
    super::started(script).filter(cleans).last().map(|started| started.command)
}

/// Whether a cache or tmpfs mount of a RUN has a target that `matches`.
///
/// Source: the Dockerfile reference, "RUN --mount".
pub(crate) fn has_mount_over(instruction: &Instruction, matches: impl Fn(&str) -> bool) -> bool {
    instruction.flags.iter().filter(|flag| flag.name() == "mount").filter_map(|flag| flag.value()).any(
        |options| {
            let value = |names: &[&str]| {
                options
                    .split(',')
                    .filter_map(|option| option.split_once('='))
                    .find(|(name, _)| names.contains(&name.trim()))
                    .map(|(_, value)| value.trim_matches('"'))
            };
            let keeps_out = matches!(value(&["type"]), Some("cache" | "tmpfs"));
            keeps_out && value(&["target", "dst", "destination"]).is_some_and(&matches)
        },
    )
}
