//! Package managers, and the reading of a command that installs packages.

use std::collections::HashMap;

use serde::Deserialize;

use super::Knowledge;

/// A package manager's command line and what it leaves behind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PackageManager {
    /// The command, by which rules know it: `apt-get` also stands for `apt`, `dnf` for `yum`.
    pub name: String,
    /// Other commands with the same command line.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The Python module that is the same program: `python -m pip`.
    pub module: Option<String>,
    /// Where this is documented.
    pub source: String,
    /// The words that install; one that ends in `*` is a flag to which others may be bundled (pacman's `-Syu`).
    pub verbs: Vec<String>,
    /// Words that may stand before the verb: `yarn global add`.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// Whether the command alone installs.
    #[serde(default)]
    pub bare_installs: bool,
    /// The words that fetch package lists.
    pub update_verbs: Vec<String>,
    /// The flags that answer prompts.
    pub answers: Vec<String>,
    /// Whether it never asks.
    #[serde(default)]
    pub never_asks: bool,
    /// The flags that take a value.
    pub values: Vec<String>,
    /// What a flag does: `prompts`, `cache`, `recommended`, `lists`, `dry-run`.
    pub effects: HashMap<String, String>,
    /// Where downloads are kept; `~` is the home of the user that runs it.
    pub cache_paths: Vec<String>,
    /// Where package lists are kept.
    pub list_paths: Vec<String>,
    /// Commands that remove the caches or lists.
    pub clean: Vec<Vec<String>>,
    /// Recommended packages that are missed when they are left out, by the package that recommends them (H101).
    #[serde(default)]
    pub recommended: HashMap<String, Vec<String>>,
    /// Where `recommended` comes from.
    pub recommended_source: Option<String>,
    /// The packages to name with a package, so that it is of use without its recommendations.
    #[serde(default)]
    pub companions: HashMap<String, Vec<String>>,
    /// What later steps use that only a recommendation brings.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// The packages that bring a program which often comes unnamed, as a recommendation, by the program.
    #[serde(default)]
    pub programs: HashMap<String, Vec<String>>,
    /// Images that have some of `programs` already.
    #[serde(default)]
    pub equipped: Vec<Equipped>,
    /// Releases that package a version too old for the flags of `effects`.
    #[serde(default)]
    pub old_releases: Vec<Releases>,
    /// Releases that package one that is new enough.
    #[serde(default)]
    pub new_releases: Vec<Releases>,
}

/// Something that breaks without recommended packages (H101).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Need {
    /// The packages that recommend it; empty when it may come with any.
    #[serde(default)]
    pub packages: Vec<String>,
    /// The commands that use it: a program and the beginnings of words that must be among its arguments. Empty when the
    /// package itself is of no use without.
    #[serde(default)]
    pub users: Vec<String>,
    /// Releases that are not concerned.
    #[serde(default)]
    pub not_on: Vec<Releases>,
    /// Nothing is missed when one package of each list is named.
    pub unless: Vec<Vec<String>>,
    /// What is missed, as the end of a refusal.
    pub why: String,
}

/// Images that have programs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Equipped {
    /// The familiar names of the images.
    pub images: Vec<String>,
    /// Parts of a tag that say otherwise: `slim`.
    #[serde(default)]
    pub except: Vec<String>,
    /// The programs, and packages without one.
    pub have: Vec<String>,
}

/// Releases of images, by their tags.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Releases {
    /// The familiar names of the images; `*` for all.
    pub images: Vec<String>,
    /// What a tag begins with (`14.04`, of 14.04.3 as well), or has as one of its parts between dashes.
    pub tags: Vec<String>,
}

impl Releases {
    /// Whether a tag, in lower case, is one of these releases.
    pub fn holds(&self, tag: &str) -> bool {
        let begins = |text: &str, start: &str| {
            text.strip_prefix(start).is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
        };
        self.tags.iter().any(|release| {
            release == "*" || begins(tag, release) || tag.split('-').any(|part| begins(part, release))
        })
    }
}

impl PackageManager {
    fn takes_value(&self, flag: &str) -> bool {
        self.values.iter().any(|known| known == flag)
    }

    fn is_verb(&self, word: &str) -> bool {
        self.verbs.iter().any(|verb| match verb.strip_suffix('*') {
            // Of pacman's flags to -S these refresh, upgrade, and say how much to print; s, i, l and c do not install.
            Some(flag) => word
                .strip_prefix(flag)
                .is_some_and(|rest| rest.bytes().all(|letter| b"yuqvw".contains(&letter))),
            None => verb == word,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[allow(dead_code, reason = "a date is for readers of the table, and required of it")]
    as_of: String,
    managers: Vec<PackageManager>,
}

/// All package managers, indexed by command.
#[derive(Debug, Default)]
pub(super) struct Packages {
    managers: Vec<PackageManager>,
    commands: HashMap<String, usize>,
}

impl Packages {
    pub(super) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let table: Table = toml::from_str(text)?;
        let mut commands = HashMap::new();
        for (index, manager) in table.managers.iter().enumerate() {
            for name in std::iter::once(&manager.name).chain(&manager.aliases) {
                commands.insert(name.clone(), index);
            }
        }
        Ok(Self { managers: table.managers, commands })
    }

    /// The manager of a command, which may be a path or carry a version.
    pub(super) fn manager(&self, command: &str) -> Option<&PackageManager> {
        let name = command.rsplit('/').next().unwrap_or(command);
        let index = self.commands.get(name).or_else(|| self.commands.get(without_minor_version(name)?))?;
        self.managers.get(*index)
    }

    fn module(&self, name: &str) -> Option<&PackageManager> {
        self.managers.iter().find(|manager| manager.module.as_deref() == Some(name))
    }

    /// The manager that an argument vector runs, and the word after its command.
    fn command(&self, words: &[&str]) -> Option<(&PackageManager, usize)> {
        let first = words.first()?;
        if let Some(manager) = self.manager(first) {
            return Some((manager, 1));
        }
        let program = first.rsplit('/').next().unwrap_or(first);
        if !super::programs::is_versioned(program, "python")
            && !super::programs::is_versioned(program, "pypy")
        {
            return None;
        }
        for (index, word) in words.iter().enumerate().skip(1) {
            if *word == "-m" {
                return Some((self.module(words.get(index + 1)?)?, index + 2));
            }
            if !word.starts_with('-') || *word == "-c" {
                return None;
            }
        }
        None
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> &[PackageManager] {
        &self.managers
    }
}

/// `pip3` of `pip3.11`.
fn without_minor_version(name: &str) -> Option<&str> {
    let (major, minor) = name.split_once('.')?;
    (!minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit())).then_some(major)
}

/// A flag of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstallFlag {
    /// The index of its word; the letters of a bundle share it.
    pub word: usize,
    /// The flag with its dashes, without a value: `-y`, `--target`.
    pub name: String,
    /// Its value: attached, behind `=`, or the next word.
    pub value: Option<String>,
    /// The index of the word that is the value, where that is a word of its own.
    pub value_word: Option<usize>,
}

/// A command that installs packages, with its words told apart.
///
/// ```
/// use dockmend_core::knowledge::InstallCommand;
/// let command = InstallCommand::read(&["apt-get", "-y", "-o", "A=b", "install", "curl"]).unwrap();
/// assert_eq!(command.verb, Some(4));
/// assert_eq!(command.packages, [5]);
/// assert!(command.answers_prompts());
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InstallCommand {
    /// The package manager.
    pub manager: &'static PackageManager,
    /// The index of the verb's word; `None` where the command alone installs (`yarn`).
    pub verb: Option<usize>,
    /// The flags before and after the verb, in order.
    pub flags: Vec<InstallFlag>,
    /// The indices of the words that are packages, in order. What a package is, is the manager's to say: a name with or
    /// without a version, a path, an address; a word with a variable in it may be more than one.
    pub packages: Vec<usize>,
}

impl InstallCommand {
    /// Reads an argument vector, quotes removed. `None` when it installs nothing: another program, another verb. A wrapper
    /// such as `sudo` or `env` is another program.
    pub fn read(words: &[&str]) -> Option<Self> {
        let (manager, start) = Knowledge::packages().command(words)?;
        let mut command = Self { manager, verb: None, flags: Vec::new(), packages: Vec::new() };
        let mut only_packages = false;
        let mut index = start;
        while let Some(word) = words.get(index).copied() {
            let next = words.get(index + 1).copied();
            let here = index;
            index += 1;
            if command.verb.is_none() && manager.is_verb(word) {
                command.verb = Some(here);
            } else if only_packages || !word.starts_with('-') || word == "-" {
                match command.verb {
                    Some(_) => command.packages.push(here),
                    None if manager.prefixes.iter().any(|prefix| prefix == word) => {}
                    None => return None,
                }
            } else if word == "--" {
                only_packages = true;
            } else if command.read_flag(here, word, next) {
                index += 1;
            }
        }
        (command.verb.is_some() || manager.bare_installs).then_some(command)
    }

    /// Reads one word of flags; `true` when the next word is a value.
    fn read_flag(&mut self, word: usize, text: &str, next: Option<&str>) -> bool {
        let value_word = |taken: bool| taken.then_some(word + 1);
        if text.starts_with("--") || !text.is_ascii() {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            let takes_next = value.is_none() && next.is_some() && self.manager.takes_value(name);
            let value = if takes_next { next } else { value };
            self.push(word, name.to_owned(), value, value_word(takes_next));
            return takes_next;
        }
        let letters = text.get(1..).unwrap_or_default();
        for (offset, letter) in letters.char_indices() {
            let rest = letters.get(offset + 1..).unwrap_or_default();
            let name = format!("-{letter}");
            if self.manager.takes_value(&name) {
                let takes_next = rest.is_empty() && next.is_some();
                let value = if takes_next { next } else { Some(rest.strip_prefix('=').unwrap_or(rest)) };
                self.push(word, name, value.filter(|value| !value.is_empty()), value_word(takes_next));
                return takes_next;
            }
            if let Some(value) = rest.strip_prefix('=') {
                self.push(word, name, Some(value), None);
                return false;
            }
            self.push(word, name, None, None);
        }
        false
    }

    fn push(&mut self, word: usize, name: String, value: Option<&str>, value_word: Option<usize>) {
        self.flags.push(InstallFlag { word, name, value: value.map(str::to_owned), value_word });
    }

    /// Whether a flag is there: `--no-cache`, `-y` (alone or in a bundle), `-qq` (twice), or with its value `-q=2`.
    pub fn has_flag(&self, flag: &str) -> bool {
        if let Some(letter) = doubled_letter(flag) {
            return self.flags.iter().filter(|known| known.name.strip_prefix('-') == Some(letter)).count()
                > 1;
        }
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (flag, None),
        };
        self.flags
            .iter()
            .any(|known| known.name == name && (value.is_none() || known.value.as_deref() == value))
    }

    /// Whether nothing is asked: a flag says so, or the manager never asks.
    pub fn answers_prompts(&self) -> bool {
        self.manager.never_asks || self.manager.answers.iter().any(|flag| self.has_flag(flag))
    }

    /// Whether a flag has this effect: one of the words of [`PackageManager::effects`].
    pub fn has_effect(&self, effect: &str) -> bool {
        self.manager.effects.iter().any(|(flag, known)| known == effect && self.has_flag(flag))
    }
}

/// `q` of `-qq`.
fn doubled_letter(flag: &str) -> Option<&str> {
    let letters = flag.strip_prefix('-').filter(|letters| letters.len() == 2 && !letters.starts_with('-'))?;
    let (first, second) = letters.split_at_checked(1)?;
    (first == second).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::{InstallCommand, Knowledge};

    #[test]
    fn every_manager_is_consistent() {
        let packages = super::Packages::parse(super::super::PACKAGES).expect("packages.toml");
        for manager in packages.all() {
            assert!(!manager.source.is_empty() && !manager.verbs.is_empty(), "{}", manager.name);
            for effect in manager.effects.values() {
                assert!(
                    ["prompts", "cache", "recommended", "lists", "dry-run"].contains(&effect.as_str()),
                    "{}: {effect}",
                    manager.name
                );
            }
            assert!(
                manager.recommended.is_empty() == manager.recommended_source.is_none(),
                "{}",
                manager.name
            );
            for packages in manager.companions.values().chain(manager.programs.values()) {
                assert!(!packages.is_empty(), "{}", manager.name);
            }
            for need in &manager.needs {
                assert!(!need.why.is_empty() && !need.unless.is_empty(), "{}", manager.name);
                assert!(
                    !need.packages.is_empty() || !need.users.is_empty(),
                    "{}: {}",
                    manager.name,
                    need.why
                );
            }
            for command in &manager.clean {
                assert!(!command.is_empty(), "{}", manager.name);
            }
            for flag in manager.values.iter().chain(&manager.answers).chain(manager.effects.keys()) {
                assert!(flag.starts_with('-'), "{}: {flag}", manager.name);
            }
            assert!(!manager.never_asks || manager.answers.is_empty(), "{}", manager.name);
        }
    }

    #[test]
    fn tells_the_words_apart() {
        // The command, its manager, the verb, the packages, and whether it answers prompts.
        for (text, manager, verb, packages, answers) in [
            ("apt-get install curl", "apt-get", Some(1), &[2][..], false),
            ("apt-get -y install curl git", "apt-get", Some(2), &[3, 4], true),
            ("apt-get install -qy curl", "apt-get", Some(1), &[3], true),
            ("apt-get install -qq curl", "apt-get", Some(1), &[3], true),
            ("apt-get -q -q install curl", "apt-get", Some(3), &[4], true),
            ("apt-get -q=2 install curl", "apt-get", Some(2), &[3], true),
            ("apt-get -q install curl", "apt-get", Some(2), &[3], false),
            ("/usr/bin/apt install -t sid -o A::B=c vim --yes", "apt-get", Some(1), &[6], true),
            ("apt-get -oA::B=c -ft sid install a", "apt-get", Some(4), &[5], false),
            ("apt-get install -y -- -odd", "apt-get", Some(1), &[4], true),
            ("apk add --no-cache -t .deps -X http://x git", "apk", Some(1), &[7], true),
            ("apk --repository http://x add git", "apk", Some(3), &[4], true),
            ("apk add --virtual=.deps git", "apk", Some(1), &[3], true),
            ("yum -y install a", "dnf", Some(2), &[3], true),
            ("dnf install --setopt install_weak_deps=False a", "dnf", Some(1), &[4], false),
            ("microdnf install -y a", "microdnf", Some(1), &[3], true),
            ("zypper -n in -r repo a", "zypper", Some(2), &[5], true),
            ("pacman -Syu --noconfirm a b", "pacman", Some(1), &[3, 4], true),
            ("pacman --noconfirm -S a", "pacman", Some(2), &[3], true),
            ("pip3.11 install -r req.txt a==1", "pip", Some(1), &[4], true),
            ("python3 -u -m pip install -U -i http://x a", "pip", Some(4), &[8], true),
            ("pip --no-cache-dir install -rreq.txt", "pip", Some(2), &[], true),
            ("npm ci --omit dev", "npm", Some(1), &[], true),
            ("npm install -g pnpm@9", "npm", Some(1), &[3], true),
            ("yarn", "yarn", None, &[], false),
            ("yarn --cwd app --non-interactive", "yarn", None, &[], true),
            ("yarn global add x", "yarn", Some(2), &[3], false),
            ("gem install -v 2.0 bundler", "gem", Some(1), &[4], true),
            ("conda install -yc conda-forge numpy", "conda", Some(1), &[4], true),
            ("apt-get install -t", "apt-get", Some(1), &[], false),
        ] {
            let words: Vec<&str> = text.split(' ').collect();
            let command = InstallCommand::read(&words).unwrap_or_else(|| panic!("{text} installs"));
            assert_eq!(command.manager.name, manager, "{text}");
            assert_eq!(command.verb, verb, "{text}");
            assert_eq!(command.packages, packages, "{text}");
            assert_eq!(command.answers_prompts(), answers, "{text}");
        }
    }

    #[test]
    fn leaves_other_commands_alone() {
        for text in [
            "",
            "apt-get",
            "apt-get update",
            "apt-get remove install",
            "sudo apt-get install a",
            "apk del git",
            "pacman -Ss a",
            "pacman -Scc",
            "pip download a",
            "python3 setup.py install",
            "python3 -c x",
            "python3 -m venv install",
            "npm run install",
            "yarn build",
            "conda create -n x",
            "installer",
            "python -m",
        ] {
            let words: Vec<&str> = text.split(' ').collect();
            assert!(InstallCommand::read(&words).is_none(), "{text}");
        }
        assert!(InstallCommand::read(&[]).is_none());
    }

    #[test]
    fn knows_effects_and_values() {
        let read = |text: &str| InstallCommand::read(&text.split(' ').collect::<Vec<_>>()).expect("installs");
        assert!(read("apt-get install --no-install-recommends a").has_effect("recommended"));
        assert!(read("dnf install --setopt install_weak_deps=False a").has_effect("recommended"));
        assert!(read("dnf install --setopt=install_weak_deps=False a").has_effect("recommended"));
        assert!(!read("dnf install --setopt=a=b a").has_effect("recommended"));
        assert!(read("apt-get -qs install a").has_effect("dry-run"));
        assert!(read("pip install --no-cache-dir a").has_effect("cache"));
        let flag = &read("apt-get -o A::B=c install a").flags[0];
        assert_eq!((flag.value.as_deref(), flag.value_word), (Some("A::B=c"), Some(2)));
        assert_eq!(read("apt-get -oA::B=c install a").flags[0].value.as_deref(), Some("A::B=c"));
    }

    #[test]
    fn tells_releases_by_tag() {
        let pip = Knowledge::builtin().package_manager("pip").expect("pip");
        let is_old = |image: &str, tag: &str| {
            pip.old_releases
                .iter()
                .any(|old| old.images.iter().any(|known| known == "*" || known == image) && old.holds(tag))
        };
        for (image, tag, old) in [
            ("ubuntu", "14.04", true),
            ("ubuntu", "14.04.3", true),
            ("ubuntu", "trusty-20190515", true),
            ("ubuntu", "16.04", false),
            ("debian", "8-slim", true),
            ("debian", "8.11", true),
            ("debian", "12", false),
            ("centos", "centos7", true),
            ("centos", "7.9.2009", true),
            ("centos", "8", false),
            ("node", "6-jessie", true),
            ("node", "8", false),
            ("nvidia/cuda", "7.5-devel-ubuntu14.04", true),
            ("ubuntu", "latest", false),
        ] {
            assert_eq!(is_old(image, tag), old, "{image}:{tag}");
        }
    }

    #[test]
    fn finds_managers_by_command() {
        let knowledge = Knowledge::builtin();
        assert_eq!(knowledge.package_manager("apt").map(|it| it.name.as_str()), Some("apt-get"));
        assert_eq!(knowledge.package_manager("/usr/bin/pip3.12").map(|it| it.name.as_str()), Some("pip"));
        assert!(knowledge.package_manager("pipx").is_none());
        assert!(knowledge.package_manager("").is_none());
    }
}
