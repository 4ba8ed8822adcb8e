//! Java and Kotlin projects: Maven and Gradle.
//!
//! Sources: the reference of Maven's POM, the documentation of the plugin `dependency`, Gradle's user manual
//! (settings, `buildSrc`, version catalogues, the wrapper); hazards H056 and H057.

use super::{Folder, Project, Stack};

mod gradle;
mod maven;
#[cfg(test)]
mod tests;

pub use gradle::GradleProject;
pub use maven::MavenProject;

/// The Java project in one folder: a folder with both tools is one project.
pub(super) fn detect(folder: Folder<'_>) -> Option<Project> {
    const MANIFESTS: &[&str] =
        &["build.gradle", "build.gradle.kts", "pom.xml", "settings.gradle", "settings.gradle.kts"];
    let manifests = folder.those_of(MANIFESTS);
    (!manifests.is_empty()).then(|| Project {
        root: folder.root.to_owned(),
        stack: Stack::Java,
        manifests,
        lockfiles: folder.those_of(&["gradle.lockfile"]),
    })
}
