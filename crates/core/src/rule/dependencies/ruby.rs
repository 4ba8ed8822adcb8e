//! Ruby: `bundle install`.

use crate::context::project::{RubyProject, Tree};

use super::words::{Word, has_flag, read_words, value_of, with_tree};
use super::{Command, Dependencies, First, Place, Refusal, Stack};

/// The stack.
pub(super) const STACK: Stack = Stack { name: "Ruby", words: &["bundle", "gem "], read, installs };

/// Where Bundler keeps its settings, and the gems of a deployment.
const MAKES: &[&str] = &[".bundle", "vendor/bundle"];

const VALUES: &[&str] = &[
    "-j",
    "--jobs",
    "--retry",
    "--path",
    "--gemfile",
    "--without",
    "--with",
    "--shebang",
    "--target-rbconfig",
    "-P",
    "--trust-policy",
];

fn bundle<'a>(words: &'a [&'a str]) -> Option<&'a [&'a str]> {
    let (program, rest) = words.split_first()?;
    matches!(program.rsplit('/').next()?, "bundle" | "bundler").then_some(rest)
}

fn installs(words: &[&str]) -> bool {
    bundle(words).is_some_and(is_install)
}

/// `bundle install`, or `bundle` alone, which is the same.
fn is_install(rest: &[&str]) -> bool {
    let asks = |word: &&str| matches!(*word, "-v" | "--version" | "-h" | "--help");
    match rest.iter().find(|word| !word.starts_with('-')) {
        Some(verb) => *verb == "install",
        None => !rest.iter().any(asks),
    }
}

fn read(place: &Place<'_>, words: &[&str]) -> Command {
    if installs_gems(words) {
        return Command::Nothing;
    }
    let Some(rest) = bundle(words) else { return Command::NotMine };
    match rest {
        ["-v" | "--version" | "version"] => return Command::Nothing,
        ["config", ..] => return Command::Nothing,
        // It reads the same, and installs nothing: `bundle check || bundle install`.
        ["check", ..] => {}
        _ if is_install(rest) => {}
        _ => return Command::NotMine,
    }
    let gemfile = ["Gemfile", "gems.rb"].iter().find_map(|name| place.file(name));
    let Some((_, project)) = gemfile else { return Command::NotMine };
    let read = |tree: Tree<'_>| RubyProject::read(tree, &project).map(|ruby| ruby.install_reads());
    let files = match with_tree(place, read) {
        Some(reads) => elsewhere(place, rest).map_or_else(|| reads.map_err(Refusal::from), Err),
        None => Err(Refusal::hazard("H064", "the ignore file keeps the Gemfile out of the context")),
    };
    Command::Installs(Dependencies { project, makes: MAKES, files, first: First::Move, remarks: Vec::new() })
}

/// What makes the installation read another Gemfile, or write into the source.
fn elsewhere(place: &Place<'_>, rest: &[&str]) -> Option<Refusal> {
    let words = read_words(rest, VALUES);
    let gemfile = value_of(&words, &["--gemfile"]).or_else(|| place.variable("BUNDLE_GEMFILE"));
    if let Some(gemfile) = gemfile
        && place.path(gemfile).is_none_or(|path| {
            ["Gemfile", "gems.rb"].iter().find_map(|name| place.file(name)).is_none_or(|(own, _)| own != path)
        })
    {
        return Some(Refusal::hazard("H054", format!("the Gemfile is `{gemfile}`")));
    }
    if has_flag(&words, &["--binstubs", "--standalone"]) {
        return Some(Refusal::hazard("H060", "the install writes programs beside the source"));
    }
    let path = value_of(&words, &["--path"]).or_else(|| place.variable("BUNDLE_PATH"))?;
    let inside = place.path(path)?;
    super::words::is_sent(place, &inside).then(|| super::words::in_the_way(&inside))
}

/// `gem install bundler -v 2.5.6`: gems of the index, by name.
fn installs_gems(words: &[&str]) -> bool {
    let [program, "install" | "update", rest @ ..] = words else { return false };
    if *program != "gem" {
        return false;
    }
    let words =
        read_words(rest, &["-v", "--version", "-i", "--install-dir", "-n", "--bindir", "-s", "--source"]);
    let is_name = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:.~>= ,".contains(&byte))
            && name.strip_suffix(".gem").is_none()
    };
    !has_flag(&words, &["-g", "--file", "-l", "--local"])
        && words.iter().all(|word| match word {
            Word::Plain(name) => is_name(name),
            Word::Flag(..) => true,
        })
}
