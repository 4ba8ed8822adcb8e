//! .NET: `dotnet restore`, and the restore that a build or publish does by itself.

use crate::context::project::DotNetProject;
use crate::context::split;

use super::words::{Word, has_flag, in_the_way, is_sent, read_words, typed, value_of, with_tree};
use super::{Command, Dependencies, First, Place, Refusal, Stack};

/// The stack.
pub(super) const STACK: Stack = Stack { name: ".NET", words: &["dotnet"], read, installs };

const VALUES: &[&str] = &[
    "-c",
    "--configuration",
    "-o",
    "--output",
    "-r",
    "--runtime",
    "-f",
    "--framework",
    "-v",
    "--verbosity",
    "--version-suffix",
    "--configfile",
    "-s",
    "--source",
    "--packages",
    "-a",
    "--arch",
    "--os",
    "--manifest",
    "--lock-file-path",
    "-p",
    "--property",
    "--artifacts-path",
    "--logger",
];

/// The first word of what is asked of `dotnet`, and the words behind it.
fn verb<'a>(words: &'a [&'a str]) -> Option<(&'a str, &'a [&'a str])> {
    let (program, rest) = words.split_first()?;
    let (verb, rest) = rest.split_first()?;
    (program.rsplit('/').next() == Some("dotnet")).then_some((*verb, rest))
}

fn installs(words: &[&str]) -> bool {
    verb(words).is_some_and(|(verb, rest)| {
        verb == "restore"
            || is_build(verb) && !rest.iter().any(|word| matches!(*word, "--no-restore" | "--no-build"))
    })
}

/// The verbs that restore before they do their own work.
fn is_build(verb: &str) -> bool {
    matches!(verb, "build" | "publish" | "pack" | "test")
}

/// A command for `MSBuild` behind the verb: `/p:Version=1`.
fn is_switch(word: &str) -> bool {
    word.starts_with('/') && word.contains(':')
}

fn read(place: &Place<'_>, words: &[&str]) -> Command {
    let Some((verb, rest)) = verb(words) else { return Command::NotMine };
    match (verb, rest) {
        ("--version" | "--info" | "--list-sdks" | "--list-runtimes", []) => return Command::Nothing,
        ("tool", ["install" | "update", more @ ..])
            if more.iter().any(|word| matches!(*word, "-g" | "--global")) =>
        {
            return Command::Nothing;
        }
        ("restore", _) => {}
        (verb, rest)
            if is_build(verb) && !rest.iter().any(|word| matches!(*word, "--no-restore" | "--no-build")) => {}
        _ => return Command::NotMine,
    }
    let words = read_words(rest, VALUES);
    let targets: Vec<&str> = words
        .iter()
        .enumerate()
        .filter_map(|(at, word)| match word {
            // `--self-contained true`
            Word::Plain("true" | "false") if at > 0 => None,
            Word::Plain(word) if !is_switch(word) => Some(*word),
            _ => None,
        })
        .collect();
    let target = match targets.as_slice() {
        [] => None,
        [target] => Some(*target),
        _ => return Command::NotMine,
    };
    let Some(path) = find(place, target.unwrap_or(".")) else { return Command::NotMine };
    let first = if verb == "restore" {
        First::Move
    } else {
        match restore(target, &words) {
            Some(command) => First::Add(command),
            None => return Command::NotMine,
        }
    };
    let project = split(&path).0.to_owned();
    let files = files(place, &words, &path);
    Command::Installs(Dependencies { project, makes: &["obj"], files, first, remarks: Vec::new() })
}

/// The project or solution file that a command is about: named by itself, or the one in a directory.
fn find(place: &Place<'_>, target: &str) -> Option<String> {
    let target = target.replace('\\', "/");
    let endings = [".csproj", ".fsproj", ".vbproj", ".sln", ".slnx"];
    if endings.iter().any(|ending| target.ends_with(ending)) {
        return place.file(&target).map(|(path, _)| path);
    }
    // Where a directory is in the context is told by the files that are in it.
    let mut candidates = place.context.sent()?.iter().filter(|found| {
        let name = split(&found.path).1;
        endings.iter().any(|ending| name.ends_with(ending))
            && place.path(&format!("{target}/{name}")).as_deref() == Some(found.path.as_str())
    });
    let directory = split(&candidates.next()?.path).0.to_owned();
    with_tree(place, |tree| DotNetProject::in_directory(tree, &directory))
}

/// `dotnet restore`, with those flags of the build that change what is restored.
fn restore(target: Option<&str>, words: &[Word<'_>]) -> Option<String> {
    const KEPT: &[&str] = &["-r", "--runtime", "--configfile", "-s", "--source", "-p", "--property"];
    let keeps = |word: &&Word<'_>| match word {
        Word::Plain(word) => is_property(word),
        Word::Flag(name, _) => KEPT.contains(name) || is_property(name),
    };
    let kept = words.iter().filter(keeps).flat_map(Word::typed);
    typed(["dotnet", "restore"].into_iter().chain(target).chain(kept))
}

/// `-p:Name=value`, in any of its spellings. A version is no matter of what is restored, and changes too often.
fn is_property(word: &str) -> bool {
    const OF_THE_BUILD: &[&str] = &[
        "version",
        "assemblyversion",
        "fileversion",
        "informationalversion",
        "versionprefix",
        "versionsuffix",
    ];
    let lower = word.to_ascii_lowercase();
    let starts = ["-p:", "/p:", "--property:", "-property:", "/property:"];
    let named = starts.iter().find_map(|start| lower.strip_prefix(start));
    named.is_some_and(|named| !OF_THE_BUILD.contains(&named.split('=').next().unwrap_or_default()))
}

fn files(place: &Place<'_>, words: &[Word<'_>], path: &str) -> Result<Vec<String>, Refusal> {
    const ELSEWHERE: &[&str] = &["--packages", "--lock-file-path", "--artifacts-path"];
    let project = with_tree(place, |tree| DotNetProject::read(tree, path))?;
    let mut files = project.restore_reads()?;
    let made = project.projects.iter().map(|path| crate::context::join(split(path).0, "obj"));
    if let Some(made) = made.into_iter().find(|path| is_sent(place, path)) {
        return Err(in_the_way(&made));
    }
    if let Some(name) = ELSEWHERE.iter().find(|name| has_flag(words, &[name])) {
        return Err(Refusal::hazard("H055", format!("`{name}` makes the restore read or write elsewhere")));
    }
    if let Some(named) = value_of(words, &["--configfile"]) {
        let (path, _) = place.file(named).ok_or_else(|| {
            Refusal::hazard("H055", format!("the configuration `{named}` is not in the context"))
        })?;
        if !files.contains(&path) {
            files.push(path);
        }
    }
    if let Some(source) = value_of(words, &["-s", "--source"])
        && !source.contains("://")
    {
        return Err(Refusal::hazard("H055", format!("packages come from `{source}`")));
    }
    Ok(files)
}
