//! Facts that rules rely on but no Dockerfile states: base images, package managers, programs, names.
//!
//! They are data, in the TOML files beside this module, each dated and with its source. A table is parsed when it is first
//! asked for. What is not in them is unknown, and `None` to the caller: nothing is guessed.

mod hazards;
mod images;
mod packages;
mod programs;
mod python;
mod reference;
mod runtime;
mod siblings;
mod tag;

use std::collections::HashMap;
use std::sync::LazyLock;

use thiserror::Error;

pub use self::hazards::{Evidence, Hazard, hazard, hazards};
pub use self::images::{Family, ImageExtension, ImageFacts, Shell, User, UserTool};
pub use self::packages::{Equipped, InstallCommand, InstallFlag, Need, PackageManager, Releases};
pub use self::programs::{Litter, LitterKind, ProgramRole, Start};
pub use self::python::{DistroPackages, PythonDownload, PythonFramework, PythonNative};
pub use self::reference::ImageReference;
pub use self::runtime::{DependencyNeed, Remains, Runner};

use self::images::Images;
use self::packages::Packages;
use self::programs::Programs;
use self::python::Python;
use self::runtime::Runtime;

const IMAGES: &str = include_str!("knowledge/images.toml");
const PACKAGES: &str = include_str!("knowledge/packages.toml");
const PROGRAMS: &str = include_str!("knowledge/programs.toml");
const PYTHON: &str = include_str!("knowledge/python.toml");
const RUNTIME: &str = include_str!("knowledge/runtime.toml");

// A table that cannot be read is empty: everything unknown. Tests keep that from being released.
static IMAGE_TABLE: LazyLock<Images> = LazyLock::new(|| Images::parse(IMAGES).unwrap_or_default());
static PACKAGE_TABLE: LazyLock<Packages> = LazyLock::new(|| Packages::parse(PACKAGES).unwrap_or_default());
static PROGRAM_TABLE: LazyLock<Programs> = LazyLock::new(|| Programs::parse(PROGRAMS).unwrap_or_default());
static PYTHON_TABLE: LazyLock<Python> = LazyLock::new(|| Python::parse(PYTHON).unwrap_or_default());
static RUNTIME_TABLE: LazyLock<Runtime> = LazyLock::new(|| Runtime::parse(RUNTIME).unwrap_or_default());

/// What is wrong with a user's images.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KnowledgeError {
    /// The name in `[images."..."]` is not an image.
    #[error("`{0}` is not the name of an image")]
    NotAnImage(String),
    /// The image it should be like is not known.
    #[error("`{image}` is said to be like `{like}`, of which nothing is known")]
    UnknownLike {
        /// The name in the configuration.
        image: String,
        /// What it should be like.
        like: String,
    },
    /// Following `like` leads back.
    #[error("`{0}` is said to be like itself")]
    Circular(String),
}

/// The facts, with those that the configuration adds.
///
/// ```
/// use dockmend_core::knowledge::{Family, Knowledge};
/// let knowledge = Knowledge::builtin();
/// let node = knowledge.image("node:20-alpine").unwrap();
/// assert_eq!(node.family, Some(Family::Alpine));
/// assert!(knowledge.image("corp/unheard-of").is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Knowledge {
    /// By the image's familiar name, with a tag where the configuration gives one.
    extensions: HashMap<String, ImageExtension>,
}

impl Knowledge {
    /// What dockmend brings.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// Adds the images of a configuration: `[images."corp/node-base"]` holds for every tag without a table of its own,
    /// `[images."corp/node-base:20"]` for that tag, `[images."corp/*"]` for every image below `corp`. What they say comes
    /// before what is built in.
    pub fn with_images(
        mut self,
        table: impl IntoIterator<Item = (String, ImageExtension)>,
    ) -> Result<Self, KnowledgeError> {
        let mut names = Vec::new();
        for (name, extension) in table {
            let key = extension_key(&name).ok_or_else(|| KnowledgeError::NotAnImage(name.clone()))?;
            self.extensions.insert(key.clone(), extension);
            names.push((name, key));
        }
        names.sort();
        for (name, key) in names {
            self.check_like(&name, &key)?;
        }
        Ok(self)
    }

    /// Follows `like` from one extension, which takes no more steps than there are extensions.
    fn check_like(&self, name: &str, key: &str) -> Result<(), KnowledgeError> {
        let mut extension = self.extensions.get(key);
        for _ in 0..=self.extensions.len() {
            let Some(like) = extension.and_then(|extension| extension.like.as_deref()) else { return Ok(()) };
            extension = self.extension(like);
            if extension.is_none() {
                return match IMAGE_TABLE.facts(like) {
                    Some(_) => Ok(()),
                    None => {
                        Err(KnowledgeError::UnknownLike { image: name.to_owned(), like: like.to_owned() })
                    }
                };
            }
        }
        Err(KnowledgeError::Circular(name.to_owned()))
    }

    /// The extension for a reference, the most particular first.
    fn extension(&self, reference: &str) -> Option<&ImageExtension> {
        if self.extensions.is_empty() {
            return None;
        }
        let (name, tag) = images::name_and_tag(reference)?;
        if let Some(tag) = tag
            && let Some(extension) = self.extensions.get(&format!("{name}:{tag}"))
        {
            return Some(extension);
        }
        self.extensions.get(&name).or_else(|| {
            // From the last slash to the first: `corp/team/*`, then `corp/*`.
            name.rmatch_indices('/')
                .find_map(|(slash, _)| self.extensions.get(&format!("{}/*", name.get(..slash)?)))
        })
    }

    /// What is known of an image, by its reference as FROM has it, variables replaced. A tag may still hold a variable
    /// (`node:${V}-alpine`): then only what holds for every value is said. `None` when the image is not known at all.
    pub fn image(&self, reference: &str) -> Option<ImageFacts> {
        self.image_within(reference, self.extensions.len() + 1)
    }

    fn image_within(&self, reference: &str, steps: usize) -> Option<ImageFacts> {
        let Some(extension) = self.extension(reference) else { return IMAGE_TABLE.facts(reference) };
        let mut facts = match &extension.like {
            Some(like) if steps > 0 => self.image_within(like, steps - 1)?,
            _ => ImageFacts::default(),
        };
        extension.apply(&mut facts);
        IMAGE_TABLE.add_family_facts(&mut facts);
        Some(facts)
    }

    /// The users that every image of a family has, such as `nobody`.
    pub fn family_users(&self, family: Family) -> &'static [User] {
        IMAGE_TABLE.family_users(family)
    }

    /// The package manager of a command: `apt`, `/usr/bin/apt-get`, `pip3.11`.
    pub fn package_manager(&self, command: &str) -> Option<&'static PackageManager> {
        PACKAGE_TABLE.manager(command)
    }

    fn packages() -> &'static Packages {
        &PACKAGE_TABLE
    }

    /// What a program does with the user it is started as, by its name or path; `None` for an ordinary program.
    pub fn program_role(&self, command: &str) -> Option<ProgramRole> {
        PROGRAM_TABLE.role(command)
    }

    /// Whether a word is a builtin or keyword of the POSIX shell or of bash.
    pub fn is_shell_builtin(&self, word: &str) -> bool {
        PROGRAM_TABLE.is_builtin(word)
    }

    /// Whether a word is a keyword of the shell: `if`, `{`, `!`.
    pub fn is_shell_keyword(&self, word: &str) -> bool {
        PROGRAM_TABLE.is_keyword(word)
    }

    /// Whether a builtin is also a program of that name, as `echo` and `test` are.
    pub fn is_builtin_also_a_file(&self, word: &str) -> bool {
        PROGRAM_TABLE.is_also_a_file(word)
    }

    /// Whether a command is a POSIX-like shell, by name or path.
    pub fn is_shell(&self, command: &str) -> bool {
        PROGRAM_TABLE.is_shell(command)
    }

    /// Whether a command is `cmd` or `PowerShell`, by name or path.
    pub fn is_windows_shell(&self, command: &str) -> bool {
        PROGRAM_TABLE.is_windows_shell(command)
    }

    /// Whether a program runs a script or application that it is given: `node`, `python3.12`, `java`.
    pub fn is_interpreter(&self, command: &str) -> bool {
        PROGRAM_TABLE.is_interpreter(command)
    }

    /// Whether a program runs a command that it looks up by a name, through a shell of its own: `npm`, `yarn`.
    pub fn is_runner(&self, command: &str) -> bool {
        PROGRAM_TABLE.is_runner(command)
    }

    /// Whether a word is known as a function that a file brings which a shell reads in: `nvm`, `conda`.
    pub fn is_known_function(&self, word: &str) -> bool {
        PROGRAM_TABLE.is_known_function(word)
    }

    /// Whether a word is known as a server or tool that is installed as a file: `gunicorn`, `roslaunch`.
    pub fn is_server(&self, word: &str) -> bool {
        PROGRAM_TABLE.is_server(word)
    }

    /// Whether a path ends like an archive that ADD may unpack (H125). What ADD does depends on the content.
    pub fn is_archive_name(&self, path: &str) -> bool {
        PROGRAM_TABLE.is_archive_name(path)
    }

    /// Whether the name of a variable speaks of a secret.
    pub fn is_secret_variable(&self, name: &str) -> bool {
        PROGRAM_TABLE.is_secret_variable(name)
    }

    /// Whether the name of a file speaks of a secret.
    pub fn is_secret_file(&self, path: &str) -> bool {
        PROGRAM_TABLE.is_secret_file(path)
    }

    /// The release of the distribution that a tag names: `bookworm` of `20-bookworm-slim`.
    pub fn release_of_tag(&self, tag: &str) -> Option<&'static str> {
        RUNTIME_TABLE.release(tag)
    }

    /// What a program runs on that was compiled in an image, as FROM names it; `None` for images that do not compile, and
    /// where it is not known.
    pub fn runner(&self, reference: &str) -> Option<Runner> {
        let image = ImageReference::parse(reference).filter(|image| image.digest.is_none())?;
        RUNTIME_TABLE.runner(&image.familiar_name(), image.tag.as_deref().unwrap_or_default())
    }

    /// What remains of a package of the distribution once the build is over. `manager` is the name of its table
    /// (`apt-get`, `apk`), `image` the official image whose slim variant it is for (`node`), `release` the distribution's.
    pub fn remains_of(&self, manager: &str, package: &str, image: &str, release: Option<&str>) -> Remains {
        RUNTIME_TABLE.remains(manager, package, image, release)
    }

    /// Whether packages of the distribution can still be installed in an official image of Debian, by name and tag.
    pub fn is_installable(&self, image: &str, tag: &str) -> bool {
        RUNTIME_TABLE.is_installable(image, tag)
    }

    /// Whether a release of Debian has a library under this name, one that hangs on the release.
    pub fn is_library_of(&self, name: &str, release: &str) -> bool {
        RUNTIME_TABLE.is_library_of(name, release)
    }

    /// The package of a program that a full official image has and its slim sibling has not.
    pub fn package_of_full_program(&self, image: &str, program: &str) -> Option<&'static str> {
        RUNTIME_TABLE.package_of_program(image, program)
    }

    /// Whether a program of the full official images only builds.
    pub fn is_build_tool(&self, program: &str) -> bool {
        RUNTIME_TABLE.is_build_tool(program)
    }

    /// What packages of a language (`node`, `python`) need of the system.
    pub fn dependency_needs(&self, stack: &str) -> impl Iterator<Item = &'static DependencyNeed> {
        RUNTIME_TABLE.needs(stack)
    }

    /// What is known of a program that is started with `others` behind its name: where it writes, or why it needs root.
    pub fn start(&self, command: &str, others: &[String]) -> Option<&'static Start> {
        PROGRAM_TABLE.start(command, others)
    }

    /// What a .dockerignore should name.
    pub fn litter(&self) -> &'static [Litter] {
        PROGRAM_TABLE.litter()
    }
}

/// The key of an extension: the familiar name, the tag if one is written, `/*` if the name ends so.
fn extension_key(name: &str) -> Option<String> {
    if let Some(parent) = name.strip_suffix("/*") {
        // A registry alone is no reference: a component stands in for what `*` is to match.
        let familiar = ImageReference::parse(&format!("{parent}/x"))?.familiar_name();
        return Some(format!("{}/*", familiar.strip_suffix("/x")?));
    }
    let reference = ImageReference::parse(name)?;
    let familiar = reference.familiar_name();
    Some(match &reference.tag {
        Some(tag) => format!("{familiar}:{tag}"),
        None => familiar,
    })
}
