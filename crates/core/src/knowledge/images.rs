//! Base images: the table, and how the facts of one tag are found in it.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};

use super::reference::{ImageReference, split_tag};
use super::tag::{Tag, Verdict};

/// The family of distributions an image belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Family {
    /// Debian and what is built from it, other than Ubuntu.
    Debian,
    /// Ubuntu.
    Ubuntu,
    /// Alpine Linux.
    Alpine,
    /// RHEL, UBI, `CentOS`, Fedora, Rocky, Alma, Amazon Linux and Oracle Linux.
    RedHat,
    /// SLES and openSUSE.
    Suse,
    /// Arch Linux.
    Arch,
    /// `BusyBox` alone.
    Busybox,
    /// Google's distroless images and others without a shell and package manager.
    Distroless,
    /// Nothing at all.
    Scratch,
    /// Windows.
    Windows,
    /// Wolfi and Chainguard's images.
    Wolfi,
    /// Nix.
    Nix,
    /// `VMware` Photon OS.
    Photon,
    /// CBL-Mariner and Azure Linux.
    AzureLinux,
}

/// What `/bin/sh` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Shell {
    /// Debian's and Ubuntu's.
    Dash,
    /// Bash under the name of `sh`.
    Bash,
    /// `BusyBox`'s `ash`.
    Busybox,
    /// There is none at `/bin/sh`.
    #[serde(rename = "none")]
    Absent,
    /// Windows' `cmd`.
    Cmd,
}

impl Shell {
    /// Whether `sh -c 'program'` keeps the shell as process 1, so that the program does not get the stop signal; `false`
    /// where the shell replaces itself by a last simple command (H151). `None` where there is no such shell.
    pub fn stays_process_one(self) -> Option<bool> {
        match self {
            Self::Dash => Some(true),
            Self::Bash | Self::Busybox => Some(false),
            Self::Absent | Self::Cmd => None,
        }
    }
}

/// The command an image has for making users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum UserTool {
    /// `useradd` and `groupadd` of shadow.
    Useradd,
    /// `adduser` and `addgroup` of `BusyBox`.
    Adduser,
    /// Known to have none.
    #[serde(rename = "none")]
    Absent,
}

/// A user of an image. In TOML a table, or text as USER takes it: `"root"`, `"app"`, `"1001"`, `"1001:0"`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct User {
    /// The name in `/etc/passwd`.
    pub name: Option<String>,
    /// The number of the user.
    pub uid: Option<u32>,
    /// The number of the main group.
    pub gid: Option<u32>,
    /// The home directory.
    pub home: Option<String>,
}

impl User {
    /// Whether this is the superuser.
    pub fn is_root(&self) -> bool {
        self.uid == Some(0) || self.name.as_deref() == Some("root")
    }

    fn from_text(text: &str) -> Self {
        let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
        if user == "root" {
            return Self {
                name: Some("root".into()),
                uid: Some(0),
                gid: Some(0),
                home: Some("/root".into()),
            };
        }
        let uid = user.parse().ok();
        let name = uid.is_none().then(|| user.to_owned());
        Self { name, uid, gid: group.and_then(|group| group.parse().ok()), home: None }
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            name: Option<String>,
            uid: Option<u32>,
            gid: Option<u32>,
            home: Option<String>,
        }
        struct UserVisitor;
        impl<'de> Visitor<'de> for UserVisitor {
            type Value = User;
            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter
                    .write_str("a user such as \"app\" or \"1001:0\", or a table of name, uid, gid and home")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<User, E> {
                if text.is_empty() {
                    return Err(E::custom("a user has a name or a number"));
                }
                Ok(User::from_text(text))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<User, A::Error> {
                let Table { name, uid, gid, home } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(User { name, uid, gid, home })
            }
        }
        deserializer.deserialize_any(UserVisitor)
    }
}

/// What is known of an image that a stage starts from. `None` is unknown: nothing may be built on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageFacts {
    /// The family of distributions.
    pub family: Option<Family>,
    /// Who the image runs as.
    pub user: Option<User>,
    /// A user that the image has ready for programs to run as.
    pub ready_user: Option<User>,
    /// What `/bin/sh` is.
    pub shell: Option<Shell>,
    /// Where a shell lies, when there is none at `/bin/sh`.
    pub shell_path: Option<String>,
    /// The package managers by command, the one to prefer first; empty where there is none.
    pub package_managers: Option<Vec<String>>,
    /// The command for making users.
    pub user_tool: Option<UserTool>,
    /// The inherited ENTRYPOINT; empty where there is none.
    pub entrypoint: Option<Vec<String>>,
    /// Whether the entry point acts by its first argument, so that another CMD changes what it does (H010).
    pub entrypoint_branches: Option<bool>,
    /// The inherited CMD; empty where there is none.
    pub cmd: Option<Vec<String>>,
    /// Whether the image runs a service when nothing else is said.
    pub service: Option<bool>,
    /// Whether its entry point or daemon starts as root and changes user by itself (H025, H037).
    pub drops_privileges: Option<bool>,
    /// Whether that service also starts as the ready user, and then does the same.
    pub unprivileged: Option<bool>,
    /// The working directory it leaves behind.
    pub workdir: Option<String>,
    /// The value of `PATH`.
    pub path: Option<String>,
    /// The SHELL it leaves behind, where that is not the default.
    pub default_shell: Option<Vec<String>>,
    /// Whether it brings ONBUILD triggers.
    pub onbuild: Option<bool>,
    /// A smaller image for running what was built in this one.
    pub runtime: Option<String>,
    /// The image of the same name, version, release and library of C without the tools to build; the image itself when
    /// it is that already.
    pub slim: Option<String>,
    /// Whether it is one of Docker's official images.
    pub official: bool,
    /// The month in which the facts were last gone through, such as `2026-11`.
    pub as_of: String,
    /// Where the facts come from.
    pub source: String,
}

/// Calls a macro with the names of all facts, after the arguments.
macro_rules! with_facts {
    ($call:ident, $($argument:expr),*) => {
        $call!($($argument),*; family, user, ready_user, shell, shell_path, package_managers, user_tool, entrypoint,
            entrypoint_branches, cmd, service, drops_privileges, unprivileged, workdir, path, default_shell, onbuild, runtime,
            slim)
    };
}
macro_rules! overlay {
    ($into:expr, $from:expr; $($fact:ident),*) => {
        $(if $from.$fact.is_some() { $into.$fact.clone_from(&$from.$fact); })*
    };
}
macro_rules! keep_agreed {
    ($into:expr, $other:expr; $($fact:ident),*) => { $(if $into.$fact != $other.$fact { $into.$fact = None; })* };
}
macro_rules! forget {
    ($into:expr, $name:expr; $($fact:ident),*) => {
        match $name { $(stringify!($fact) => $into.$fact = None,)* _ => {} }
    };
}
#[cfg(test)]
macro_rules! names {
    (; $($fact:ident),*) => { [$(stringify!($fact)),*] };
}

/// Facts with the conditions they depend on: an image, or one of its rules. The table's head explains the keys.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Layer {
    has: Vec<String>,
    contains: Option<String>,
    at_least: Option<String>,
    below: Option<String>,
    reset: bool,
    forget: Vec<String>,
    like: Option<String>,
    variants: Vec<String>,
    versions: HashMap<String, String>,
    rules: Vec<Layer>,
    family: Option<Family>,
    user: Option<User>,
    ready_user: Option<User>,
    shell: Option<Shell>,
    shell_path: Option<String>,
    package_managers: Option<Vec<String>>,
    user_tool: Option<UserTool>,
    entrypoint: Option<Vec<String>>,
    entrypoint_branches: Option<bool>,
    cmd: Option<Vec<String>>,
    service: Option<bool>,
    drops_privileges: Option<bool>,
    unprivileged: Option<bool>,
    workdir: Option<String>,
    path: Option<String>,
    default_shell: Option<Vec<String>>,
    onbuild: Option<bool>,
    runtime: Option<String>,
    slim: Option<String>,
}

impl Layer {
    fn verdict(&self, tag: &Tag) -> Verdict {
        let mut verdict = Verdict::Yes;
        if !self.has.is_empty() {
            verdict = verdict.and(tag.has(&self.has));
        }
        if let Some(needle) = &self.contains {
            verdict = verdict.and(tag.contains(needle));
        }
        if let Some(version) = &self.at_least {
            verdict = verdict.and(tag.at_least(version));
        }
        if let Some(version) = &self.below {
            verdict = verdict.and(tag.below(version));
        }
        verdict
    }

    fn apply(&self, facts: &mut ImageFacts) {
        if self.reset {
            *facts = ImageFacts::default();
        }
        for name in &self.forget {
            with_facts!(forget, facts, name.as_str());
        }
        with_facts!(overlay, facts, self);
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FamilyFacts {
    shell: Option<Shell>,
    package_managers: Option<Vec<String>>,
    user_tool: Option<UserTool>,
    #[allow(dead_code, reason = "a source is for readers of the table, and required of it")]
    source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    source: String,
    /// When this group was gone through, if not with the rest of the table.
    as_of: Option<String>,
    images: HashMap<String, Layer>,
}

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    as_of: String,
    newest: Vec<String>,
    official_prefixes: Vec<String>,
    registries: HashMap<String, String>,
    families: HashMap<Family, FamilyFacts>,
    users: HashMap<Family, Vec<User>>,
    variants: HashMap<String, Vec<Layer>>,
    groups: Vec<Group>,
}

/// The table of base images, indexed by name.
#[derive(Debug, Default)]
pub(super) struct Images {
    table: Table,
    /// Group and image by name. A name that ends in `*` is here without it, in `prefixes`.
    names: HashMap<String, usize>,
    /// The longest first.
    prefixes: Vec<(String, String, usize)>,
}

impl Images {
    pub(super) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let table: Table = toml::from_str(text)?;
        let mut names = HashMap::new();
        let mut prefixes = Vec::new();
        for (index, group) in table.groups.iter().enumerate() {
            for name in group.images.keys() {
                if let Some(prefix) = name.strip_suffix('*') {
                    prefixes.push((prefix.to_owned(), name.clone(), index));
                } else {
                    names.insert(name.clone(), index);
                }
            }
        }
        prefixes.sort_by_key(|(prefix, ..)| std::cmp::Reverse(prefix.len()));
        Ok(Self { table, names, prefixes })
    }

    /// The users that every image of a family has.
    pub(super) fn family_users(&self, family: Family) -> &[User] {
        self.table.users.get(&family).map_or(&[], Vec::as_slice)
    }

    /// The facts of a reference as FROM has it.
    pub(super) fn facts(&self, reference: &str) -> Option<ImageFacts> {
        let (name, tag) = name_and_tag(reference)?;
        if name == "scratch" && reference != "scratch" {
            // Only the bare word is the empty image; the repository of that name cannot be pulled.
            return None;
        }
        let name = self.normalise(&name);
        let (entry_name, entry, group) = self.entry(&name)?;
        let mut layers = Vec::new();
        self.collect(entry, &mut layers, 0);
        let no_names = HashMap::new();
        let names =
            layers.iter().map(|layer| &layer.versions).find(|names| !names.is_empty()).unwrap_or(&no_names);
        let tag = Tag::read(tag.as_deref(), names, &self.table.newest);
        let mut facts = self.evaluate(&layers, &tag);
        if let Some(runtime) = &facts.runtime
            && runtime.contains("{version}")
        {
            facts.runtime = tag.version_text().map(|version| runtime.replace("{version}", version));
        }
        facts.slim = facts.slim.take().and_then(|pattern| slim_sibling(reference, &pattern, names));
        facts.official = !entry_name.contains('/');
        facts.as_of.clone_from(group.as_of.as_ref().unwrap_or(&self.table.as_of));
        facts.source = group.source.replace("{name}", entry_name.trim_end_matches('*'));
        Some(facts)
    }

    fn normalise(&self, name: &str) -> String {
        if let Some((registry, rest)) = name.split_once('/')
            && let Some(same) = self.table.registries.get(registry)
        {
            return format!("{same}/{rest}");
        }
        for prefix in &self.table.official_prefixes {
            if let Some(official) = name.strip_prefix(prefix.as_str())
                && !official.contains('/')
            {
                return official.to_owned();
            }
        }
        name.to_owned()
    }

    fn entry(&self, name: &str) -> Option<(&str, &Layer, &Group)> {
        let (key, index) = match self.names.get_key_value(name) {
            Some((key, &index)) => (key, index),
            None => self
                .prefixes
                .iter()
                .find(|(prefix, ..)| name.starts_with(prefix.as_str()))
                .map(|(_, key, index)| (key, *index))?,
        };
        let group = self.table.groups.get(index)?;
        Some((key, group.images.get(key)?, group))
    }

    /// The layers of an image in the order in which they apply: those of the one it is like, its own, its rules.
    fn collect<'table>(&'table self, entry: &'table Layer, layers: &mut Vec<&'table Layer>, depth: usize) {
        // The table has no cycles, as a test checks; the bound keeps an edited one from recursing for ever.
        if depth > 4 {
            return;
        }
        if let Some(like) = &entry.like
            && let Some((_, like, _)) = self.entry_by_key(like)
        {
            self.collect(like, layers, depth + 1);
        }
        layers.push(entry);
        layers.extend(entry.variants.iter().filter_map(|name| self.table.variants.get(name)).flatten());
        layers.extend(&entry.rules);
    }

    /// `like` names a key of the table, which may end in `*`.
    fn entry_by_key(&self, key: &str) -> Option<(&str, &Layer, &Group)> {
        self.entry(key.strip_suffix('*').unwrap_or(key))
    }

    /// Applies the layers. Those that the tag leaves open are tried one by one: a fact that any of them would change is
    /// unknown.
    fn evaluate(&self, layers: &[&Layer], tag: &Tag) -> ImageFacts {
        let verdicts: Vec<Verdict> = layers.iter().map(|layer| layer.verdict(tag)).collect();
        let run = |tried: Option<usize>| {
            let mut facts = ImageFacts::default();
            for (index, (layer, verdict)) in layers.iter().zip(&verdicts).enumerate() {
                if *verdict == Verdict::Yes || Some(index) == tried {
                    layer.apply(&mut facts);
                }
            }
            self.add_family_facts(&mut facts);
            facts
        };
        let mut facts = run(None);
        for (index, verdict) in verdicts.iter().enumerate() {
            if *verdict == Verdict::Open {
                let other = run(Some(index));
                with_facts!(keep_agreed, facts, other);
            }
        }
        facts
    }

    pub(super) fn add_family_facts(&self, facts: &mut ImageFacts) {
        let Some(family) = facts.family.and_then(|family| self.table.families.get(&family)) else { return };
        facts.shell = facts.shell.or(family.shell);
        facts.user_tool = facts.user_tool.or(family.user_tool);
        if facts.package_managers.is_none() {
            facts.package_managers.clone_from(&family.package_managers);
        }
    }
}

/// The familiar name and the tag of a reference: `None` where a digest stands alone, `latest` where nothing is said. A
/// tag may hold variables that have no value; a name may not.
pub(super) fn name_and_tag(reference: &str) -> Option<(String, Option<String>)> {
    if let Some(read) = ImageReference::parse(reference) {
        let tag = match (&read.tag, &read.digest) {
            (None, None) => Some("latest".to_owned()),
            (tag, _) => tag.clone(),
        };
        return Some((read.familiar_name(), tag));
    }
    let text = reference.split_once('@').map_or(reference, |(name, _)| name);
    let (name, tag) = split_variable_tag(text)?;
    Some((ImageReference::parse(name)?.familiar_name(), Some(tag.to_owned())))
}

/// The reference of the slim sibling. `pattern` says how its tag is made of `{version}` and `{release}`, joined by
/// dashes; either may be missing. `None` for tags of which it is not known (another distribution, a digest).
fn slim_sibling(reference: &str, pattern: &str, versions: &HashMap<String, String>) -> Option<String> {
    const RELEASES: [&str; 6] = ["jessie", "stretch", "buster", "bullseye", "bookworm", "trixie"];
    if reference.contains(['@', '$']) {
        return None;
    }
    let (name, tag) = split_tag(reference);
    let tag = tag.unwrap_or("latest");
    let (mut version, mut release, mut slim) = (None, None, false);
    for part in tag.split('-') {
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let is_version =
            is_number || versions.contains_key(part) || matches!(part, "lts" | "current" | "latest");
        if part == "slim" && !slim {
            slim = true;
        } else if is_version && version.is_none() {
            version = Some(part);
        } else if RELEASES.contains(&part) && release.is_none() {
            release = Some(part);
        } else {
            return None;
        }
    }
    if slim {
        return Some(reference.to_owned());
    }
    let version = version.filter(|version| *version != "latest");
    let parts = pattern.split('-').filter_map(|part| match part {
        "{version}" => version,
        "{release}" => release,
        part => Some(part),
    });
    Some(format!("{name}:{}", parts.collect::<Vec<_>>().join("-")))
}

/// Like [`split_tag`], for a tag with a variable in it, whose default may hold colons and slashes: `${V:-a/b}`.
fn split_variable_tag(text: &str) -> Option<(&str, &str)> {
    let dollar = text.find('$')?;
    let (before, _) = text.split_at(dollar);
    let (name, Some(_)) = split_tag(before) else { return None };
    Some((name, text.get(name.len() + 1..)?))
}

/// What a user's configuration says of an image: `[images."corp/node-base"]`. Facts come from the image it is `like`;
/// what stands beside that replaces them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ImageExtension {
    /// An image whose facts hold here too, with its tag: `node:20`. Another extension may be named.
    pub like: Option<String>,
    /// See [`ImageFacts`], here and below.
    pub family: Option<Family>,
    /// Who the image runs as.
    pub user: Option<User>,
    /// A user that is ready for programs.
    pub ready_user: Option<User>,
    /// What `/bin/sh` is.
    pub shell: Option<Shell>,
    /// Where a shell lies instead.
    pub shell_path: Option<String>,
    /// The package managers by command.
    pub package_managers: Option<Vec<String>>,
    /// The command for making users.
    pub user_tool: Option<UserTool>,
    /// The inherited ENTRYPOINT.
    pub entrypoint: Option<Vec<String>>,
    /// Whether the entry point acts by its first argument.
    pub entrypoint_branches: Option<bool>,
    /// The inherited CMD.
    pub cmd: Option<Vec<String>>,
    /// Whether it runs a service.
    pub service: Option<bool>,
    /// Whether it changes user by itself.
    pub drops_privileges: Option<bool>,
    /// Whether the service also starts as the ready user.
    pub unprivileged: Option<bool>,
    /// The working directory.
    pub workdir: Option<String>,
    /// The value of `PATH`.
    pub path: Option<String>,
    /// The SHELL it leaves behind.
    pub default_shell: Option<Vec<String>>,
    /// Whether it brings ONBUILD triggers.
    pub onbuild: Option<bool>,
    /// A smaller image for running.
    pub runtime: Option<String>,
    /// The same image without the tools to build, as FROM names it.
    pub slim: Option<String>,
}

impl ImageExtension {
    pub(super) fn apply(&self, facts: &mut ImageFacts) {
        // Another family brings another shell and other tools; those of the image it is like do not hold.
        if self.family.is_some() && self.family != facts.family {
            facts.shell = None;
            facts.package_managers = None;
            facts.user_tool = None;
        }
        // What an entry point does was said of the old one.
        if self.entrypoint.is_some() {
            facts.entrypoint_branches = None;
        }
        // The sibling of the image it is like is made by somebody else (H084).
        facts.slim = None;
        with_facts!(overlay, facts, self);
        facts.official = false;
        "the configuration".clone_into(&mut facts.source);
    }
}

#[cfg(test)]
#[path = "images_tests.rs"]
mod tests;
