//! PHP: `composer install`, cut into the download of packages and the rest, which needs the source.

use crate::context::project::PhpProject;

use super::words::{Word, has_flag, in_the_way, is_sent, read_words, typed, value_of, with_tree};
use super::{Command, Dependencies, First, Place, Refusal, Stack};

/// The stack.
pub(super) const STACK: Stack = Stack { name: "PHP", words: &["composer"], read, installs };

const VALUES: &[&str] =
    &["-d", "--working-dir", "--ignore-platform-req", "--prefer-install", "--apcu-autoloader-prefix"];

/// The words that start Composer, its own file where that is named, and the words behind them.
struct Composer<'a> {
    head: &'a [&'a str],
    file: Option<&'a str>,
    words: Vec<Word<'a>>,
}

/// `composer`, `php composer.phar`, `php -d memory_limit=-1 /usr/local/bin/composer`.
fn composer<'a>(words: &'a [&'a str]) -> Option<Composer<'a>> {
    let is_composer = |word: &&str| matches!(word.rsplit('/').next(), Some("composer" | "composer.phar"));
    let at = match words.first()? {
        first if is_composer(first) => 0,
        first if matches!(first.rsplit('/').next(), Some("php")) => {
            let mut at = 1;
            while let Some(word) = words.get(at).filter(|word| word.starts_with('-')) {
                at += if *word == "-d" { 2 } else { 1 };
            }
            Some(at).filter(|at| words.get(*at).is_some_and(is_composer))?
        }
        _ => return None,
    };
    let (head, rest) = words.split_at_checked(at + 1)?;
    let file = head.last().copied().filter(|file| at > 0 || file.contains('/'));
    Some(Composer { head, file, words: read_words(rest, VALUES) })
}

fn plain<'a>(words: &[Word<'a>]) -> Vec<&'a str> {
    let plain = |word: &Word<'a>| match word {
        Word::Plain(word) => Some(*word),
        Word::Flag(..) => None,
    };
    words.iter().filter_map(plain).collect()
}

fn installs(words: &[&str]) -> bool {
    composer(words).is_some_and(|composer| matches!(plain(&composer.words).as_slice(), ["install" | "i"]))
}

fn read(place: &Place<'_>, words: &[&str]) -> Command {
    let Some(composer) = composer(words) else { return Command::NotMine };
    let is_own = composer.file.is_none_or(|file| place.file(file).is_none());
    match plain(&composer.words).as_slice() {
        ["install" | "i"] => {}
        ["global" | "self-update" | "selfupdate" | "clear-cache" | "clearcache" | "cc", ..] if is_own => {
            return Command::Nothing;
        }
        ["config", ..] if is_own && has_flag(&composer.words, &["-g", "--global"]) => {
            return Command::Nothing;
        }
        [] if is_own && has_flag(&composer.words, &["-V", "--version"]) => return Command::Nothing,
        _ => return Command::NotMine,
    }
    let directory = value_of(&composer.words, &["-d", "--working-dir"]).unwrap_or(".");
    let manifest = place.within(directory, |place| place.file("composer.json"));
    let Some((_, project)) = manifest.flatten() else { return Command::NotMine };
    let downloads_only =
        has_flag(&composer.words, &["--no-scripts"]) && has_flag(&composer.words, &["--no-autoloader"]);
    let first = if downloads_only {
        First::Move
    } else {
        match download(&composer) {
            Some(command) => First::Add(command),
            None => return Command::NotMine,
        }
    };
    let files = files(place, &composer, &project);
    Command::Installs(Dependencies { project, makes: &["vendor"], files, first, remarks: Vec::new() })
}

/// `composer install --no-scripts --no-autoloader`, with the flags that say which packages.
fn download(composer: &Composer<'_>) -> Option<String> {
    const OF_THE_AUTOLOADER: &[&str] = &[
        "-o",
        "--optimize-autoloader",
        "-a",
        "--classmap-authoritative",
        "--apcu-autoloader",
        "--apcu-autoloader-prefix",
        "--no-scripts",
        "--no-autoloader",
        "--strict-psr-autoloader",
        "--dry-run",
    ];
    let keeps = |word: &&Word<'_>| match word {
        Word::Plain(_) => true,
        Word::Flag(name, _) => !OF_THE_AUTOLOADER.contains(&name.split('=').next().unwrap_or_default()),
    };
    let kept = composer.words.iter().filter(keeps).flat_map(Word::typed);
    let added = ["--no-scripts", "--no-autoloader"];
    typed(composer.head.iter().copied().chain(kept).chain(added))
}

fn files(place: &Place<'_>, composer: &Composer<'_>, project: &str) -> Result<Vec<String>, Refusal> {
    let unread = || Refusal::hazard("H064", "the ignore file keeps `composer.json` out of the context");
    let php = with_tree(place, |tree| PhpProject::read(tree, project)).ok_or_else(unread)?;
    let mut files = php.install_reads()?;
    if let Some(name) = place.variable("COMPOSER") {
        return Err(Refusal::hazard("H053", format!("the manifest is `{name}`")));
    }
    if is_sent(place, &php.vendor) {
        return Err(in_the_way(&php.vendor));
    }
    // Composer itself, where it lies beside the source.
    if let Some((path, _)) = composer.file.and_then(|file| place.file(file))
        && !files.contains(&path)
    {
        files.push(path);
    }
    Ok(files)
}
