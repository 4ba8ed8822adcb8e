//! C and C++ projects: `CMake`, make, autotools and Meson; what they build and where they install it.
//!
//! Sources: the manuals of `CMake` (`add_executable`, `install`, `find_package`, `pkg_check_modules`), GNU make and
//! Automake. Only what stands in the files in plain words is read; what a variable says is not.

use super::{Answer, Folder, Project, Stack, text};
use crate::context::{ContextFiles, EntryKind};

mod cmake;
#[cfg(test)]
mod tests;

/// What builds a native project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NativeBuild {
    /// `CMakeLists.txt`.
    CMake,
    /// `configure`, or what it is generated from.
    Autotools,
    /// `meson.build`.
    Meson,
    /// A plain `Makefile`.
    Make,
}

/// What is known about a native project. Paths are relative to the root of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NativeProject {
    /// What builds it; `CMake` before Autotools before Meson before a Makefile where several could.
    pub build: NativeBuild,
    /// The programs that are built, by the names of their targets; those whose name is up to a variable are left out.
    pub programs: Vec<String>,
    /// The libraries of the system that it looks for, as `find_package` and pkg-config name them.
    pub libraries: Vec<String>,
    /// Whether there is an installation: `install(...)`, a target `install`, or a build system that always has one.
    pub installs: bool,
    /// Where an installation goes when nothing else is said: `/usr/local`, where it is known.
    pub prefix: Option<String>,
}

/// The native project in one folder.
pub(super) fn detect(folder: Folder<'_>) -> Option<Project> {
    const AUTOTOOLS: &[&str] = &["configure", "configure.ac", "configure.in", "Makefile.am"];
    const MAKE: &[&str] = &["GNUmakefile", "makefile", "Makefile"];
    let cmake = folder.those_of(&["CMakeLists.txt"]);
    let autotools = folder.those_of(AUTOTOOLS);
    let meson = folder.those_of(&["meson.build"]);
    let make = folder.those_of(MAKE);
    let (build, manifests) = if !cmake.is_empty() {
        (NativeBuild::CMake, cmake)
    } else if !autotools.is_empty() {
        (NativeBuild::Autotools, autotools)
    } else if !meson.is_empty() {
        (NativeBuild::Meson, meson)
    } else if !make.is_empty() && has_sources(folder) {
        // Every other project has a Makefile too; this one compiles something.
        (NativeBuild::Make, make)
    } else {
        return None;
    };
    let mut project = NativeProject {
        build,
        programs: Vec::new(),
        libraries: Vec::new(),
        installs: matches!(build, NativeBuild::Autotools | NativeBuild::Meson),
        prefix: (build != NativeBuild::Make).then(|| "/usr/local".to_owned()),
    };
    match build {
        NativeBuild::CMake => cmake::read(folder.files, folder.root, &mut project),
        NativeBuild::Make => {
            for path in &manifests {
                read_makefile(folder.files, path, &mut project);
            }
        }
        NativeBuild::Autotools | NativeBuild::Meson => {}
    }
    Some(Project {
        root: folder.root.to_owned(),
        stack: Stack::Native(Box::new(project)),
        manifests,
        lockfiles: Vec::new(),
    })
}

fn has_sources(folder: Folder<'_>) -> bool {
    const ENDINGS: &[&str] = &[".c", ".cc", ".cpp", ".cxx", ".c++", ".C"];
    let is_source = |name: &str, kind: EntryKind| {
        kind != EntryKind::Directory && ENDINGS.iter().any(|ending| name.ends_with(ending))
    };
    let below = |name: &str| match folder.files.list(&folder.path(name)) {
        Answer::Present(entries) => entries.iter().any(|entry| is_source(&entry.name, entry.kind)),
        _ => false,
    };
    folder.entries.iter().any(|entry| is_source(&entry.name, entry.kind))
        || ["src", "source"].iter().any(|name| folder.has_directory(name) && below(name))
}

/// Whether it has a target `install`, and its `PREFIX`.
fn read_makefile(files: &dyn ContextFiles, path: &str, project: &mut NativeProject) {
    let Answer::Present(text) = text(files, path) else { return };
    for line in text.lines() {
        if let Some((targets, rest)) = line.split_once(':')
            && !rest.starts_with('=')
            && !line.starts_with(['\t', ' ', '#', '.'])
        {
            project.installs |= targets.split_whitespace().any(|target| target == "install");
        }
        let assignment = line.split_once('=').map(|(name, value)| {
            (name.trim_end_matches(['?', ':', ' ', '\t']).trim_start_matches("export ").trim(), value.trim())
        });
        if let Some(("PREFIX" | "prefix", value)) = assignment
            && value.starts_with('/')
            && !value.contains(['$', ' ', '#'])
        {
            project.prefix = Some(value.to_owned());
        }
    }
}
