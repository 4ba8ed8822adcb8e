//! Java: Maven and Gradle build with a JDK, and what they make runs with a JRE.
//!
//! The runtime is the JRE of the same distribution, version and system (H084). Where it is certain that nothing but the jar is
//! looked for, the jar alone comes over; otherwise the whole directory does (H080).

use std::collections::BTreeSet;

use super::compiled;
use super::steps::{Command, Effect};
use super::{BuildStage, Runtime, Stack, demands, is_at_or_below};
use crate::context::project::{MavenProject, Tree};
use crate::rule::Refusal;

pub(super) static STACK: Stack = Stack { words: &["mvn", "gradle"], effect, saves, runtime };

/// Where a build puts jars.
const RESULTS: &[&str] = &["/target/", "/build/libs/"];

fn effect(command: &Command<'_>) -> Option<Effect> {
    let builds = Some(Effect::Builds { inside: true });
    match command.program() {
        "mvn" | "mvnw" | "gradle" | "gradlew" => {
            let asks = command.words.len() == 2 && command.has(&["-v", "--version", "-version"]);
            if asks { Some(Effect::Nothing) } else { builds }
        }
        "sh" | "bash" => {
            let script = command.words.get(1)?.rsplit('/').next()?;
            if matches!(script, "mvnw" | "gradlew") { builds } else { None }
        }
        "javac" | "jar" => builds,
        // The result of the build gets another name: `mv target/*.jar app.jar`.
        "cp" | "mv" => {
            let mut operands = command.words.iter().skip(1).filter(|word| !word.starts_with('-'));
            let from = operands.next()?;
            let to = command.path(operands.next()?)?;
            let directory = command.directory.as_deref()?;
            let is_result = ["target/", "build/libs/"].iter().any(|place| from.contains(place));
            (is_result && is_at_or_below(&to, directory)).then_some(Effect::Builds { inside: true })
        }
        _ => None,
    }
}

/// A JDK and what Maven or Gradle fetched stay behind, whatever else is saved.
fn saves(stage: &BuildStage<'_>) -> bool {
    matches!(stage.image.as_str(), "maven" | "gradle")
        || matches!(stage.image.as_str(), "eclipse-temurin" | "openjdk") && !stage.base.contains("jre")
}

fn runtime(stage: &BuildStage<'_>) -> Result<Runtime, Refusal> {
    let base = compiled::runtimes(stage)?.into_iter().next().unwrap_or_default();
    let workdir = compiled::workdir(stage)?;
    compiled::user(stage, &[])?;
    let mut started = demands::started_by(stage)?;
    add_arguments(&mut started);
    needs_no_compiler(stage, &started)?;
    let packages = compiled::packages(stage, &started, &["java"])?;
    let jar = only_jar(stage, &started, &workdir);
    let copies = jar.clone().map_or_else(|| stage.directories.clone(), |jar| vec![jar]);
    let mut runtime = Runtime {
        copies,
        packages,
        left_behind: vec![format!("the JDK and what the build fetched ({base} runs the program)")],
        base,
        ..Runtime::default()
    };
    let vendor = |image: &str| image.split(':').next().unwrap_or_default().to_owned();
    if stage.image == "openjdk" && vendor(&runtime.base) != "openjdk" {
        let remark = format!(
            "There is no JRE of this version from `openjdk`, which is not published any more; `{}` is built from the same source.",
            runtime.base
        );
        runtime.remarks.push(remark);
    }
    if jar.is_none() {
        runtime.remarks.push(
            "The whole directory comes over, the source included: it is not certain that the program reads nothing of it.".to_owned(),
        );
    }
    Ok(runtime)
}

/// `sh -c "java $JAVA_OPTS -jar app.jar"` and `dumb-init java -jar app.jar` start Java too.
fn add_arguments(started: &mut demands::Started) {
    let behind = |words: &Vec<String>| {
        let at = words.iter().skip(1).position(|word| word == "java")? + 1;
        words.get(at..).map(<[String]>::to_vec)
    };
    let more: Vec<Vec<String>> = started.commands.iter().filter_map(behind).collect();
    started.commands.extend(more);
}

/// What is started and what the program is made of need a JRE only.
fn needs_no_compiler(stage: &BuildStage<'_>, started: &demands::Started) -> Result<(), Refusal> {
    let words = || started.commands.iter().flatten();
    if let Some(word) = words().find(|word| word.contains(".m2/") || word.contains(".gradle/")) {
        return Err(Refusal::hazard(
            "H073",
            format!("`{word}` is what the build fetched to the home directory"),
        ));
    }
    if !words().any(|word| word.rsplit('/').next() == Some("java")) {
        let program = started.commands.first().and_then(|words| words.first()).cloned().unwrap_or_default();
        return Err(Refusal::hazard("H075", format!("a container starts `{program}`, not Java")));
    }
    let in_code = &["javax.tools", "com.sun.tools", "com.sun.jdi", "jdk.jshell", "sun.jvmstat"];
    let in_manifests = &["drools", "org.kie", "jasperreports", "tools.jar", "jdk.jshell"];
    let found = compiled::mentions(stage, &[".java", ".kt", ".groovy", ".scala"], in_code)
        .or_else(|| compiled::mentions(stage, &["pom.xml", ".gradle", ".gradle.kts"], in_manifests));
    match found {
        Some((path, sign)) => {
            Err(Refusal::hazard("H075", format!("`{path}` names `{sign}`, which may need a JDK")))
        }
        None => Ok(()),
    }
}

/// The jar that a container starts, when nothing else of the directory is looked for: Maven certainly makes it under that
/// name, with everything in it, and the rest of the directory is what the build reads.
fn only_jar(stage: &BuildStage<'_>, started: &demands::Started, workdir: &str) -> Option<String> {
    let knowledge = stage.subject.knowledge;
    let named: BTreeSet<&str> = started
        .commands
        .iter()
        .filter_map(|words| words.get(words.iter().position(|word| word == "-jar")? + 1))
        .map(String::as_str)
        .collect();
    let mut named = named.into_iter();
    let written = named.next().filter(|word| !word.contains('$'))?;
    if named.next().is_some()
        || started.commands.iter().flatten().any(|word| matches!(word.as_str(), "-cp" | "-classpath"))
    {
        return None;
    }
    let files = stage.files().ok()?;
    let is_inside = |path: &&String| stage.is_inside(path);
    if !files.keys().filter(is_inside).all(|path| knowledge.is_java_build_input(path)) {
        return None;
    }
    let writes_inside = |path: &String| stage.is_inside(path) && !knowledge.is_java_build_input(path);
    let writes = |command: &Command<'_>| match &command.effect {
        Effect::Writes(paths) | Effect::Fetches(paths) => paths.iter().any(writes_inside),
        _ => false,
    };
    if stage.runs.iter().flat_map(super::steps::RunStep::commands).any(writes) {
        return None;
    }
    if compiled::mentions(stage, &[".java", ".kt", ".yml", ".yaml", ".properties"], &["src/main/"]).is_some()
    {
        return None;
    }
    // The last command that builds with Maven says which project it is.
    let build = stage.commands().filter(|command| matches!(command.program(), "mvn" | "mvnw")).last()?;
    let alters = |word: &&str| {
        word.starts_with("-P")
            || word.starts_with("-f")
            || word.starts_with("-Drevision")
            || *word == "--file"
    };
    if build.words.iter().any(alters) {
        return None;
    }
    let directory = build.directory.clone()?;
    let pom = files.get(&format!("{directory}/pom.xml"))?;
    let project = MavenProject::read(Tree::new(stage.subject.context.files(), &|_| true), pom).ok()?;
    let is_whole = project.spring_boot || project.plugins.iter().any(|plugin| plugin == "maven-shade-plugin");
    if !is_whole || project.packaging != "jar" || !project.modules.is_empty() {
        return None;
    }
    let made = format!("{directory}/target/{}.jar", project.final_name?);
    let path = if written.starts_with('/') {
        written.to_owned()
    } else {
        format!("{workdir}/{}", written.trim_start_matches("./"))
    };
    let is_made = path == made || path == format!("{directory}/target/*.jar");
    if is_made {
        return Some(made);
    }
    // `mv target/*.jar app.jar`
    let moved = stage.commands().any(|command| {
        let operands: Vec<&str> =
            command.words.iter().skip(1).filter(|word| !word.starts_with('-')).copied().collect();
        let [from, to] = operands.as_slice() else { return false };
        matches!(command.program(), "cp" | "mv")
            && RESULTS.iter().any(|place| format!("/{from}").contains(place))
            && command.path(to).as_deref() == Some(path.as_str())
    });
    moved.then_some(path)
}
