//! What is read of Maven and Gradle builds.

use super::super::{Obstacle, Stack, Tree, detect};
use super::*;
use crate::context::MemoryFiles;

fn maven(files: &[(&str, &str)], pom: &str) -> Result<MavenProject, Obstacle> {
    let files = MemoryFiles::new(files.iter().copied());
    MavenProject::read(Tree::new(&files, &|_| true), pom)
}

fn gradle(files: &[(&str, &str)]) -> GradleProject {
    let files = MemoryFiles::new(files.iter().copied());
    GradleProject::read(Tree::new(&files, &|_| true), "").unwrap()
}

fn hazard<T: std::fmt::Debug>(result: Result<T, Obstacle>) -> &'static str {
    result.unwrap_err().hazard
}

const BOOT: &str = "<project xmlns='http://maven.apache.org/POM/4.0.0'><parent>
    <groupId>org.springframework.boot</groupId><artifactId>spring-boot-starter-parent</artifactId>
    <version>3.3.1</version><relativePath/></parent>
    <groupId>com.acme</groupId><artifactId>shop</artifactId><version>1.2</version>
    <dependencies><dependency><groupId>org.x</groupId><artifactId>y</artifactId></dependency></dependencies>
    <build><plugins><plugin><groupId>org.springframework.boot</groupId>
      <artifactId>spring-boot-maven-plugin</artifactId></plugin></plugins></build></project>";

#[test]
fn manifests_are_told_by_their_names() {
    for (files, manifests) in [
        (&["pom.xml", "mvnw"][..], &["pom.xml"][..]),
        (&["build.gradle.kts", "gradlew"], &["build.gradle.kts"]),
        (&["pom.xml", "build.gradle", "gradle.lockfile"], &["build.gradle", "pom.xml"]),
    ] {
        let found = detect(&MemoryFiles::new(files.iter().map(|path| (path, "")))).present().unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].stack, Stack::Java);
        assert_eq!(found[0].manifests, manifests);
    }
}

#[test]
fn one_module_is_read_with_what_configures_maven() {
    let files = [("pom.xml", BOOT), (".mvn/wrapper/maven-wrapper.properties", ""), ("src/A.java", "")];
    let project = maven(&files, "pom.xml").unwrap();
    assert_eq!(project.prefetch_reads(), Ok(vec!["pom.xml".to_owned(), ".mvn".to_owned()]));
    assert_eq!(project.final_name.as_deref(), Some("shop-1.2"));
    assert!(project.spring_boot);
    assert_eq!(project.packaging, "jar");
}

#[test]
fn names_are_put_together_from_properties_of_parents() {
    let parent = "<project><groupId>g</groupId><artifactId>p</artifactId><version>${revision}</version>
        <packaging>pom</packaging><properties><revision>7</revision></properties></project>";
    let child = "<project><parent><groupId>g</groupId><artifactId>p</artifactId><version>${revision}</version></parent>
        <artifactId>c</artifactId><build><finalName>${project.artifactId}-v${project.version}</finalName></build></project>";
    let project = maven(&[("pom.xml", parent), ("c/pom.xml", child)], "c/pom.xml").unwrap();
    assert_eq!(project.final_name.as_deref(), Some("c-v7"));
    assert_eq!(project.prefetch_reads(), Ok(vec!["c/pom.xml".to_owned(), "pom.xml".to_owned()]));
    let circle = "<project><artifactId>a</artifactId><version>${version}</version></project>";
    assert_eq!(maven(&[("pom.xml", circle)], "pom.xml").unwrap().final_name, None);
}

#[test]
fn modules_that_need_each_other_cannot_be_fetched() {
    let root = "<project><groupId>g</groupId><artifactId>r</artifactId><version>1</version><packaging>pom</packaging>
        <modules><module>a</module><module>b</module></modules></project>";
    let module = |name: &str, needs: &str| {
        format!(
            "<project><parent><groupId>g</groupId><artifactId>r</artifactId><version>1</version></parent>
            <artifactId>{name}</artifactId><dependencies><dependency><groupId>${{project.groupId}}</groupId>
            <artifactId>{needs}</artifactId></dependency></dependencies></project>"
        )
    };
    let (a, b, apart) = (module("a", "junit"), module("b", "a"), module("b", "junit"));
    let together = maven(&[("pom.xml", root), ("a/pom.xml", &a), ("b/pom.xml", &b)], "pom.xml").unwrap();
    assert_eq!(together.modules, ["a/pom.xml", "b/pom.xml"]);
    assert_eq!(hazard(together.prefetch_reads()), "H056");
    let apart = maven(&[("pom.xml", root), ("a/pom.xml", &a), ("b/pom.xml", &apart)], "pom.xml").unwrap();
    assert_eq!(apart.prefetch_reads().unwrap(), ["pom.xml", "a/pom.xml", "b/pom.xml"]);
    let missing = maven(&[("pom.xml", root), ("a/pom.xml", &a)], "pom.xml").unwrap();
    assert_eq!(hazard(missing.prefetch_reads()), "H056");
}

#[test]
fn what_a_prefetch_cannot_know_is_an_obstacle() {
    let with =
        |inside: &str| format!("<project><artifactId>a</artifactId><version>1</version>{inside}</project>");
    for (inside, number) in [
        (
            "<dependencies><dependency><artifactId>x</artifactId><systemPath>/l.jar</systemPath></dependency></dependencies>",
            "H056",
        ),
        ("<repositories><repository><url>file:///repo</url></repository></repositories>", "H056"),
        (
            "<repositories><repository><url>file://${project.basedir}/repo</url></repository></repositories>",
            "H047",
        ),
        (
            "<profiles><profile><activation><file><exists>x</exists></file></activation></profile></profiles>",
            "H056",
        ),
        (
            "<build><plugins><plugin><artifactId>lifecycle-mapping</artifactId></plugin></plugins></build>",
            "H056",
        ),
    ] {
        let project = maven(&[("pom.xml", &with(inside))], "pom.xml").unwrap();
        assert_eq!(hazard(project.prefetch_reads()), number, "{inside}");
    }
    let local =
        with("<repositories><repository><url>file://${basedir}/repo</url></repository></repositories>");
    let project = maven(&[("pom.xml", &local), ("repo/x/y.jar", "")], "pom.xml").unwrap();
    assert_eq!(project.prefetch_reads().unwrap(), ["pom.xml", "repo"]);
    let plain = with("");
    let project =
        maven(&[("pom.xml", &plain), (".mvn/extensions.xml", "<x>jgitver</x>")], "pom.xml").unwrap();
    assert_eq!(hazard(project.prefetch_reads()), "H052");
    let project = maven(&[("pom.xml", &plain), (".mvn/maven.config", "-T 4 -s my.xml")], "pom.xml").unwrap();
    assert_eq!(hazard(project.prefetch_reads()), "H056");
    assert_eq!(hazard(maven(&[("pom.xml", "<a/>")], "pom.xml")), "H056");
    assert_eq!(hazard(maven(&[], "pom.xml")), "H056");
}

#[test]
fn a_gradle_build_is_read_without_its_sources() {
    let project = gradle(&[
        (
            "settings.gradle",
            "rootProject.name = 'shop'\n// include 'no'\ninclude 'app', ':lib:core' // and\n",
        ),
        (
            "build.gradle",
            "plugins { id 'org.springframework.boot' version '3.3.1' }\napply from: 'gradle/x.gradle'\n",
        ),
        ("gradle/x.gradle", "ext.y = 1"),
        ("gradle/libs.versions.toml", ""),
        ("gradle/wrapper/gradle-wrapper.jar", ""),
        ("gradle.properties", ""),
        ("app/build.gradle", "dependencies { implementation fileTree(dir: 'libs', include: ['*.jar']) }"),
        ("lib/build.gradle.kts", "/* file(\"x\") */ val a = 1"),
        ("lib/core/build.gradle", ""),
        ("buildSrc/build.gradle", ""),
        ("src/main/java/A.java", ""),
    ]);
    assert_eq!(project.name.as_deref(), Some("shop"));
    assert_eq!(project.projects, ["app", "lib", "lib/core"]);
    assert!(project.spring_boot);
    assert_eq!(
        project.configuration_reads().unwrap(),
        [
            "settings.gradle",
            "build.gradle",
            "gradle.properties",
            "app/build.gradle",
            "lib/build.gradle.kts",
            "lib/core/build.gradle",
            "gradle",
            "buildSrc"
        ]
    );
}

#[test]
fn code_that_reads_files_is_an_obstacle() {
    for (script, number) in [
        ("version = file('VERSION').text", "H057"),
        ("def props = new Properties(); props.load(new FileInputStream(f))", "H057"),
        ("apply from: \"$x/y.gradle\"", "H057"),
        ("apply(from = \"missing.gradle.kts\")", "H057"),
        ("def d = file(\"$it/x\")", "H057"),
        ("plugins { id 'com.palantir.git-version' version '3.0' }", "H052"),
        ("def sha = ['git', 'rev-parse'].execute()", "H052"),
        ("task x { file('src') }", "H057"),
    ] {
        let project = gradle(&[("build.gradle", script), ("src/A.java", "")]);
        assert_eq!(hazard(project.configuration_reads()), number, "{script}");
    }
    let harmless =
        gradle(&[("build.gradle", "from components.java\nfrom(file(\"$buildDir/x\"))\nfiles('a.jar')")]);
    assert_eq!(harmless.configuration_reads().unwrap(), ["build.gradle"]);
    let included = [("settings.gradle.kts", "pluginManagement { includeBuild(\"logic\") }\ninclude(\":a\")")];
    let project = gradle(&[included[0], ("logic/build.gradle.kts", ""), ("a/build.gradle.kts", "")]);
    assert_eq!(
        project.configuration_reads().unwrap(),
        ["logic", "settings.gradle.kts", "a/build.gradle.kts"]
    );
    let project = gradle(&[included[0], ("logic/build.gradle.kts", ""), ("a/src/A.java", "")]);
    assert_eq!(hazard(project.configuration_reads()), "H057");
    let found = gradle(&[("settings.gradle", "file('x').eachDir { include it.name }")]);
    assert_eq!(hazard(found.configuration_reads()), "H057");
}
