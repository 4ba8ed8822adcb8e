//! Images that run what was built in another: a Java runtime for a Java compiler, the runtime of .NET for its SDK.
//!
//! Sources: hub.docker.com/_/eclipse-temurin, /_/maven, /_/gradle, /_/openjdk ("Supported tags", "Image variants");
//! github.com/dotnet/dotnet-docker (the READMEs of sdk, aspnet and runtime). Gone through in 2026-11.

use super::{ImageReference, Knowledge};

impl Knowledge {
    /// The images that run what was built in this one, on the same distribution where its tag names one. Empty when it is
    /// not known which they are, or when the image itself is one of them.
    ///
    /// ```
    /// use dockmend_core::knowledge::{ImageReference, Knowledge};
    /// let maven = ImageReference::parse("maven:3.9-eclipse-temurin-17-alpine").unwrap();
    /// assert_eq!(Knowledge::builtin().runtimes_of(&maven), ["eclipse-temurin:17-jre-alpine"]);
    /// ```
    pub fn runtimes_of(&self, image: &ImageReference) -> Vec<String> {
        let tag = image.tag.as_deref().unwrap_or_default();
        if image.digest.is_some() {
            return Vec::new();
        }
        let found = match image.familiar_name().as_str() {
            "eclipse-temurin" => temurin(tag),
            "maven" => maven(tag),
            "gradle" => gradle(tag),
            "openjdk" => openjdk(tag),
            name @ ("mcr.microsoft.com/dotnet/sdk" | "mcr.microsoft.com/dotnet/core/sdk") => {
                let host = name.trim_end_matches("sdk");
                return dotnet(tag, host.contains("/core/"))
                    .map(|tag| ["aspnet", "runtime"].map(|kind| format!("{host}{kind}:{tag}")).to_vec())
                    .unwrap_or_default();
            }
            _ => None,
        };
        found.into_iter().collect()
    }

    /// Whether a file is read by a build in Java or Kotlin and by nothing that it makes: a source, a resource that goes into
    /// the jar, a script of the build, a page for people. `path` may be in the context or in the image.
    pub fn is_java_build_input(&self, path: &str) -> bool {
        const NAMES: &[&str] = &[
            "pom.xml",
            "mvnw",
            "mvnw.cmd",
            "gradlew",
            "gradlew.bat",
            "build.gradle",
            "build.gradle.kts",
            "settings.gradle",
            "settings.gradle.kts",
            "gradle.properties",
            "lombok.config",
            ".gitignore",
            ".gitattributes",
            ".gitlab-ci.yml",
            ".dockerignore",
            ".editorconfig",
            "LICENSE",
            "LICENSE.txt",
            "NOTICE",
            "Jenkinsfile",
            "Makefile",
            "Procfile",
            "system.properties",
            "compose.yml",
            "compose.yaml",
            "docker-compose.yml",
            "docker-compose.yaml",
        ];
        const PLACES: &[&str] = &[
            "/src/main/java/",
            "/src/main/kotlin/",
            "/src/main/resources/",
            "/src/test/",
            "/.mvn/",
            "/gradle/wrapper/",
            "/buildSrc/",
            "/.git/",
            "/.github/",
            "/.idea/",
            "/.vscode/",
        ];
        let rooted = format!("/{}", path.trim_start_matches('/'));
        let name = rooted.rsplit('/').next().unwrap_or_default();
        NAMES.contains(&name)
            || name.starts_with("Dockerfile")
            || [".md", ".adoc", ".iml"].iter().any(|ending| name.ends_with(ending))
            || PLACES.iter().any(|place| rooted.contains(place))
    }
}

/// A version of Java, as the first part of a tag has it: `17`, `17.0.9_9`, `8u392`.
fn java_version(part: &str) -> Option<&str> {
    let major: String = part.chars().take_while(char::is_ascii_digit).collect();
    let is_known = major.parse::<u32>().is_ok_and(|major| (8..40).contains(&major));
    (is_known && part.chars().all(|c| c.is_ascii_alphanumeric() || "._+".contains(c))).then_some(part)
}

fn joined<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// `17-jdk-alpine` and `17-alpine` have `17-jre-alpine`.
fn temurin(tag: &str) -> Option<String> {
    let mut parts = tag.split('-');
    let version = java_version(parts.next()?)?;
    let rest: Vec<&str> = parts.filter(|part| *part != "jdk").collect();
    if rest.contains(&"jre") {
        return None;
    }
    Some(format!("eclipse-temurin:{}", joined([version, "jre"].into_iter().chain(rest))))
}

/// `3.9-eclipse-temurin-17-alpine` is built on `eclipse-temurin:17-jdk-alpine`; `3.6-jdk-11-slim` and `3.8-openjdk-8` on
/// `openjdk`, of which only these two versions have a JRE.
fn maven(tag: &str) -> Option<String> {
    let parts: Vec<&str> = tag.split('-').collect();
    let at = |name: &[&str]| {
        let found = parts.windows(name.len()).position(|window| window == name)?;
        Some((java_version(parts.get(found + name.len())?)?, parts.get(found + name.len() + 1..)?))
    };
    if let Some((version, rest)) = at(&["eclipse", "temurin"]) {
        return Some(format!(
            "eclipse-temurin:{}",
            joined([version, "jre"].into_iter().chain(rest.iter().copied()))
        ));
    }
    let (version, rest) = at(&["openjdk"]).or_else(|| at(&["jdk"]))?;
    matches!(version, "8" | "11")
        .then(|| format!("openjdk:{}", joined([version, "jre"].into_iter().chain(rest.iter().copied()))))
}

/// `8.5-jdk17-alpine` is built on `eclipse-temurin:17-jdk-alpine` (since Gradle 7).
fn gradle(tag: &str) -> Option<String> {
    let parts: Vec<&str> = tag.split('-').collect();
    let major: u32 = parts.first()?.split('.').next()?.parse().ok()?;
    let (at, version) = parts
        .iter()
        .enumerate()
        .find_map(|(at, part)| Some((at, java_version(part.strip_prefix("jdk")?)?)))?;
    let rest = parts.get(at + 1..)?;
    let is_temurin = rest.iter().all(|part| ["alpine", "focal", "jammy", "noble"].contains(part));
    (major >= 7 && is_temurin).then(|| {
        format!("eclipse-temurin:{}", joined([version, "jre"].into_iter().chain(rest.iter().copied())))
    })
}

/// `openjdk` has a JRE up to version 11. Behind it only Temurin has one, for Alpine too.
fn openjdk(tag: &str) -> Option<String> {
    let mut parts = tag.split('-');
    let version = java_version(parts.next()?)?;
    let rest: Vec<&str> = parts.filter(|part| *part != "jdk").collect();
    let major: String = version.chars().take_while(char::is_ascii_digit).collect();
    let has_own = matches!(major.as_str(), "8" | "11") && !rest.contains(&"jre");
    let is_plain = rest.iter().all(|part| ["slim", "buster", "bullseye", "stretch", "alpine"].contains(part));
    if has_own && is_plain && !(major == "11" && rest.contains(&"alpine")) {
        return Some(format!("openjdk:{}", joined([version, "jre"].into_iter().chain(rest))));
    }
    (matches!(version, "11" | "17" | "21") && rest == ["alpine"])
        .then(|| format!("eclipse-temurin:{version}-jre-alpine"))
}

/// The tag of the runtime for a tag of the SDK, whose versions have a number of their own: `8.0.404` runs on `8.0`.
fn dotnet(tag: &str, is_core: bool) -> Option<String> {
    let mut parts = tag.split('-');
    let version = parts.next()?;
    let numbers: Vec<&str> = version.split('.').collect();
    let is_version =
        numbers.len() >= 2 && numbers.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let major: u32 = numbers.first()?.parse().ok()?;
    if !is_version || major < 3 || (major >= 5) == is_core {
        return None;
    }
    let rest: Vec<&str> = parts.collect();
    let is_windows = rest.iter().any(|part| part.contains("nanoserver") || part.contains("windows"));
    let is_other =
        rest.iter().any(|part| matches!(*part, "preview" | "rc" | "aot" | "amd64" | "arm64v8" | "arm32v7"));
    if is_windows || is_other {
        return None;
    }
    // Debian's images of .NET Core 3.1 are `-buster` with the SDK and `-buster-slim` without.
    let slim = if is_core && matches!(rest.as_slice(), ["buster" | "bullseye"]) { "slim" } else { "" };
    let version = numbers.get(..2)?.join(".");
    Some(joined([version.as_str()].into_iter().chain(rest).chain([slim])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_that_runs_what_was_built() {
        for (image, runtimes) in [
            ("eclipse-temurin:17", &["eclipse-temurin:17-jre"][..]),
            ("eclipse-temurin:17-jdk", &["eclipse-temurin:17-jre"]),
            ("eclipse-temurin:21-jdk-alpine", &["eclipse-temurin:21-jre-alpine"]),
            ("eclipse-temurin:17.0.9_9-jdk-jammy", &["eclipse-temurin:17.0.9_9-jre-jammy"]),
            ("eclipse-temurin:17-jre", &[]),
            ("eclipse-temurin", &[]),
            ("maven:3-eclipse-temurin-17", &["eclipse-temurin:17-jre"]),
            ("maven:3.9.6-eclipse-temurin-21-alpine", &["eclipse-temurin:21-jre-alpine"]),
            ("maven:3.6.3-jdk-11-slim", &["openjdk:11-jre-slim"]),
            ("maven:3.8.5-openjdk-17", &[]),
            ("maven:3.9-amazoncorretto-17", &[]),
            ("maven:latest", &[]),
            ("gradle:8.5.0-jdk17-alpine", &["eclipse-temurin:17-jre-alpine"]),
            ("gradle:8-jdk21", &["eclipse-temurin:21-jre"]),
            ("gradle:6-jdk11", &[]),
            ("gradle:jdk17", &[]),
            ("openjdk:8-jdk-alpine", &["openjdk:8-jre-alpine"]),
            ("openjdk:11-jdk-slim", &["openjdk:11-jre-slim"]),
            ("openjdk:17-jdk-slim", &[]),
            ("openjdk:17-alpine", &["eclipse-temurin:17-jre-alpine"]),
            ("openjdk:19-ea-jdk", &[]),
            (
                "mcr.microsoft.com/dotnet/sdk:8.0",
                &["mcr.microsoft.com/dotnet/aspnet:8.0", "mcr.microsoft.com/dotnet/runtime:8.0"],
            ),
            (
                "mcr.microsoft.com/dotnet/sdk:8.0.404-alpine3.20",
                &[
                    "mcr.microsoft.com/dotnet/aspnet:8.0-alpine3.20",
                    "mcr.microsoft.com/dotnet/runtime:8.0-alpine3.20",
                ],
            ),
            (
                "mcr.microsoft.com/dotnet/core/sdk:3.1-buster",
                &[
                    "mcr.microsoft.com/dotnet/core/aspnet:3.1-buster-slim",
                    "mcr.microsoft.com/dotnet/core/runtime:3.1-buster-slim",
                ],
            ),
            ("mcr.microsoft.com/dotnet/sdk:8.0-nanoserver-ltsc2022", &[]),
            ("mcr.microsoft.com/dotnet/sdk", &[]),
            ("node:20", &[]),
        ] {
            let reference = ImageReference::parse(image).unwrap();
            assert_eq!(Knowledge::builtin().runtimes_of(&reference), runtimes, "{image}");
        }
    }

    #[test]
    fn sources_are_no_matter_of_running() {
        let knowledge = Knowledge::builtin();
        for path in [
            "pom.xml",
            "/app/src/main/java/A.java",
            "src/test/resources/a.yml",
            "/app/README.md",
            ".mvn/jvm.config",
        ] {
            assert!(knowledge.is_java_build_input(path), "{path}");
        }
        for path in
            ["config/application.yml", "/app/src/main/webapp/index.jsp", "data.sql", "/app/static/a.css"]
        {
            assert!(!knowledge.is_java_build_input(path), "{path}");
        }
    }
}
