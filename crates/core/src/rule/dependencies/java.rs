//! Maven and Gradle: what a build fetches can be fetched before the source is there.

use crate::context::join;
use crate::context::project::{GradleProject, MavenProject, Obstacle, Tree};

use super::words::{Word, has_flag, read_words, typed, value_of, with_tree};
use super::{Command, Dependencies, First, Place, Refusal, Stack};

/// Maven.
pub(super) const MAVEN: Stack =
    Stack { name: "Maven", words: &["mvn"], read: read_maven, installs: |words| maven(words).is_some() };

/// Gradle.
pub(super) const GRADLE: Stack = Stack {
    name: "Gradle",
    words: &["gradle"],
    read: read_gradle,
    installs: |words| gradle(words).is_some(),
};

/// How a program is started: the words before its arguments, and its own script where it is the wrapper.
struct Program<'a> {
    head: Vec<&'a str>,
    wrapper: Option<&'a str>,
    arguments: &'a [&'a str],
}

/// `mvn`, `./mvnw`, `sh mvnw`.
fn program<'a>(words: &'a [&'a str], name: &str, wrapper: &str) -> Option<Program<'a>> {
    let shells = usize::from(matches!(words.first(), Some(&("sh" | "bash" | "/bin/sh" | "/bin/bash"))));
    let (head, arguments) = words.split_at_checked(shells + 1)?;
    let called = head.last()?;
    let own_name = called.rsplit('/').next()?;
    let is_wrapper = own_name == wrapper;
    (is_wrapper || own_name == name && shells == 0).then(|| Program {
        head: head.to_vec(),
        wrapper: is_wrapper.then_some(*called),
        arguments,
    })
}

const MAVEN_VALUES: &[&str] = &[
    "-f",
    "--file",
    "-s",
    "--settings",
    "-gs",
    "--global-settings",
    "-pl",
    "--projects",
    "-P",
    "--activate-profiles",
    "-D",
    "--define",
    "-T",
    "--threads",
    "-l",
    "--log-file",
    "-t",
    "--toolchains",
    "-gt",
    "--global-toolchains",
    "-rf",
    "--resume-from",
    "-b",
    "--builder",
    "-ep",
    "-emp",
    "--color",
];

const MAVEN_PHASES: &[&str] = &[
    "validate",
    "initialize",
    "generate-sources",
    "process-sources",
    "generate-resources",
    "process-resources",
    "compile",
    "process-classes",
    "test-compile",
    "test",
    "prepare-package",
    "package",
    "pre-integration-test",
    "integration-test",
    "verify",
    "install",
    "deploy",
];

/// The words of a Maven command that fetches something.
fn maven<'a>(words: &'a [&'a str]) -> Option<(Program<'a>, Vec<Word<'a>>)> {
    let program = program(words, "mvn", "mvnw")?;
    let read = read_words(program.arguments, MAVEN_VALUES);
    let is_goal = |word: &Word<'_>| matches!(word, Word::Plain(goal) if MAVEN_PHASES.contains(goal) || goal.contains(':'));
    let fetches =
        read.iter().any(is_goal) && !has_flag(&read, &["-o", "--offline", "-v", "--version", "-h", "--help"]);
    fetches.then_some((program, read))
}

/// `chmod +x mvnw`: the wrapper is about to be run, and what it fetches can be fetched before. A copy of the context
/// takes the permission away again, so the added command asks a shell to read the script: this is the shell, and the script.
///
/// Whether the wrapper is run at all is for the caller to see: [`wrapper_of`] names it.
fn soon_run<'a>(place: &Place<'_>, words: &[&'a str], wrapper: &str) -> Option<[&'a str; 2]> {
    let file = wrapper_of(words).filter(|file| file.trim_start_matches("./") == wrapper)?;
    let (path, _) = place.file(file)?;
    let text = place.context.files().read(&path).present()?;
    let first_line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_bash = first_line.windows(4).any(|part| part == b"bash");
    Some([if is_bash { "bash" } else { "sh" }, file])
}

/// Whether a command builds with a wrapper, in its own directory and with no settings of its own.
pub(super) fn runs_wrapper(words: &[&str], wrapper: &str) -> bool {
    const OTHER: &[&str] =
        &["-s", "--settings", "-f", "--file", "-p", "--project-dir", "-b", "-c", "-I", "--init-script"];
    let found = if wrapper == "mvnw" { maven(words) } else { gradle(words) };
    found.is_some_and(|(program, words)| {
        program.wrapper.is_some_and(|file| file.rsplit('/').next() == Some(wrapper))
            && !has_flag(&words, OTHER)
    })
}

/// The program of [`soon_run`], without arguments.
fn soon_program([shell, file]: [&str; 2]) -> Program<'_> {
    Program { head: vec![shell, file], wrapper: Some(file), arguments: &[] }
}

/// The wrapper that a command makes executable.
pub(super) fn wrapper_of<'a>(words: &[&'a str]) -> Option<&'a str> {
    let ["chmod", mode, file] = words else { return None };
    let is_mode = !mode.starts_with('-') && mode.contains(['x', '5', '7']);
    (is_mode && matches!(file.rsplit('/').next(), Some("mvnw" | "gradlew"))).then_some(*file)
}

fn read_maven(place: &Place<'_>, words: &[&str]) -> Command {
    if let Some(program) = program(words, "mvn", "mvnw")
        && program.wrapper.is_none()
        && matches!(program.arguments, ["-v" | "--version" | "-version"])
    {
        return Command::Nothing;
    }
    let soon = soon_run(place, words, "mvnw");
    let found = soon.map(|soon| (soon_program(soon), Vec::new())).or_else(|| maven(words));
    let Some((program, words)) = found else { return Command::NotMine };
    let goals: Vec<&str> = words
        .iter()
        .filter_map(|word| match word {
            Word::Plain(goal) => Some(*goal),
            Word::Flag(..) => None,
        })
        .collect();
    let fetches_only = |goal: &&str| {
        let known = ["dependency:", "org.apache.maven.plugins:maven-dependency-plugin:"];
        known.iter().any(|start| goal.starts_with(start))
            && ["go-offline", "resolve", "resolve-plugins"]
                .iter()
                .any(|end| goal.rsplit(':').next() == Some(end))
    };
    let builds = |goal: &&str| MAVEN_PHASES.contains(goal);
    let named = value_of(&words, &["-f", "--file"]).unwrap_or("pom.xml");
    let inside = format!("{}/pom.xml", named.trim_end_matches('/'));
    let Some((pom, _)) =
        place.file(named).filter(|(path, _)| is_file(place, path)).or_else(|| place.file(&inside))
    else {
        return Command::NotMine;
    };
    let project = pom.rsplit_once('/').map_or("", |(project, _)| project).to_owned();
    let first = if soon.is_none() && goals.iter().all(fetches_only) {
        First::Move
    } else if soon.is_some() || goals.iter().any(builds) {
        match prefetch(&program, &words) {
            Some(command) => First::Add(command),
            None => return Command::NotMine,
        }
    } else {
        return Command::NotMine;
    };
    let files = maven_files(place, &program, &words, &pom);
    let remarks = match first {
        First::Move => Vec::new(),
        First::Add(_) => {
            vec!["what a plugin fetches while it runs is not known beforehand, and is fetched by the build as before".to_owned()]
        }
    };
    Command::Installs(Dependencies { project, makes: &[], files, first, remarks })
}

fn is_file(place: &Place<'_>, path: &str) -> bool {
    place.context.files().read(path).is_present()
}

/// `mvn -B dependency:go-offline`, with those flags of the build that change what is fetched.
fn prefetch(program: &Program<'_>, words: &[Word<'_>]) -> Option<String> {
    const KEPT: &[&str] = &[
        "-f",
        "--file",
        "-s",
        "--settings",
        "-gs",
        "--global-settings",
        "-P",
        "--activate-profiles",
        "-pl",
        "--projects",
        "-am",
        "--also-make",
        "-ntp",
        "--no-transfer-progress",
        "-q",
        "--quiet",
        "-U",
        "--update-snapshots",
        "-t",
        "--toolchains",
    ];
    const OF_THE_BUILD: &[&str] =
        &["skipTests", "maven.test.skip", "skipITs", "maven.javadoc.skip", "checkstyle.skip"];
    let keeps = |word: &&Word<'_>| match word {
        Word::Plain(_) => false,
        Word::Flag(name @ ("-D" | "--define"), value) => {
            let own = value.unwrap_or_default();
            !name.is_empty() && !OF_THE_BUILD.contains(&own.split('=').next().unwrap_or_default())
        }
        Word::Flag(name, _) if name.starts_with("-D") => {
            let own = name.trim_start_matches("-D");
            !OF_THE_BUILD.contains(&own.split('=').next().unwrap_or_default())
        }
        Word::Flag(name, _) => {
            let head = name.split('=').next().unwrap_or_default();
            KEPT.contains(&head) || name.starts_with("-P") && !name.starts_with("--")
        }
    };
    let start = program.head.iter().copied().chain(["-B", "dependency:go-offline"]);
    let kept = words.iter().filter(keeps).flat_map(Word::typed);
    typed(start.chain(kept))
}

fn maven_files(
    place: &Place<'_>,
    program: &Program<'_>,
    words: &[Word<'_>],
    pom: &str,
) -> Result<Vec<String>, Refusal> {
    let mut files = with_tree(place, |tree| MavenProject::read(tree, pom)?.prefetch_reads())?;
    add_wrapper(place, program, &mut files)?;
    for names in [["-s", "--settings"], ["-gs", "--global-settings"], ["-t", "--toolchains"]] {
        let Some(named) = value_of(words, &names) else { continue };
        match place.file(named) {
            Some((path, _)) if !files.contains(&path) => files.push(path),
            Some(_) => {}
            // One of the image's own.
            None if named.starts_with('/') => {}
            None => {
                return Err(Refusal::hazard(
                    "H056",
                    format!("the settings `{named}` are not in the context"),
                ));
            }
        }
    }
    if has_flag(words, &["-rf", "--resume-from"]) {
        return Err(Refusal::hazard("H056", "the build begins at one of its modules"));
    }
    Ok(files)
}

/// The wrapper's own script, behind the first file: they are copied together.
fn add_wrapper(place: &Place<'_>, program: &Program<'_>, files: &mut Vec<String>) -> Result<(), Refusal> {
    let Some(wrapper) = program.wrapper else { return Ok(()) };
    let (path, _) = place
        .file(wrapper)
        .ok_or_else(|| Refusal::hazard("H057", format!("the script `{wrapper}` is not in the context")))?;
    if !files.contains(&path) {
        files.insert(files.len().min(1), path);
    }
    Ok(())
}

const GRADLE_VALUES: &[&str] = &[
    "-p",
    "--project-dir",
    "-b",
    "--build-file",
    "-c",
    "--settings-file",
    "-I",
    "--init-script",
    "-g",
    "--gradle-user-home",
    "-x",
    "--exclude-task",
    "-P",
    "--project-prop",
    "-D",
    "--system-prop",
    "--console",
    "--max-workers",
    "--priority",
    "--warning-mode",
    "--include-build",
    "--project-cache-dir",
    "--configuration",
];

/// The words of a Gradle command that runs tasks.
fn gradle<'a>(words: &'a [&'a str]) -> Option<(Program<'a>, Vec<Word<'a>>)> {
    let program = program(words, "gradle", "gradlew")?;
    let read = read_words(program.arguments, GRADLE_VALUES);
    let mut plain = read.iter().filter(|word| matches!(word, Word::Plain(_))).peekable();
    let only_wrapper =
        plain.peek().is_some_and(|word| matches!(word, Word::Plain("wrapper" | "init" | "--stop")));
    let fetches = plain.next().is_some()
        && !only_wrapper
        && !has_flag(&read, &["--offline", "-v", "--version", "-h", "--help", "--stop"]);
    fetches.then_some((program, read))
}

fn read_gradle(place: &Place<'_>, words: &[&str]) -> Command {
    if let Some(program) = program(words, "gradle", "gradlew")
        && program.wrapper.is_none()
        && matches!(program.arguments, ["-v" | "--version" | "-version"])
    {
        return Command::Nothing;
    }
    let soon = soon_run(place, words, "gradlew");
    let found = soon.map(|soon| (soon_program(soon), Vec::new())).or_else(|| gradle(words));
    let Some((program, words)) = found else { return Command::NotMine };
    let directory = value_of(&words, &["-p", "--project-dir"]).unwrap_or(".");
    let names = ["settings.gradle", "settings.gradle.kts", "build.gradle", "build.gradle.kts"];
    let script = names.iter().find_map(|name| place.file(&join(directory.trim_end_matches('/'), name)));
    let Some((script, _)) = script else { return Command::NotMine };
    let project = script.rsplit_once('/').map_or("", |(project, _)| project).to_owned();
    let is_report = |word: &Word<'_>| match word {
        Word::Plain(task) => task.rsplit(':').next() == Some("dependencies"),
        Word::Flag(..) => true,
    };
    let first = if soon.is_none() && words.iter().all(is_report) {
        First::Move
    } else {
        match report(&program, &words) {
            Some(command) => First::Add(command),
            None => return Command::NotMine,
        }
    };
    let remarks = match first {
        First::Move => Vec::new(),
        First::Add(_) => vec![
            "`gradle dependencies` fetches Gradle, its plugins and the descriptions of what the root project needs; the build fetches what is left"
                .to_owned(),
        ],
    };
    let files = gradle_files(place, &program, &words, &project);
    Command::Installs(Dependencies { project, makes: &[], files, first, remarks })
}

/// `gradle dependencies --no-daemon`, with those flags of the build that change what is fetched.
fn report(program: &Program<'_>, words: &[Word<'_>]) -> Option<String> {
    const KEPT: &[&str] = &[
        "-p",
        "--project-dir",
        "-P",
        "--project-prop",
        "-D",
        "--system-prop",
        "-I",
        "--init-script",
        "-q",
        "--quiet",
        "-i",
        "--info",
        "--stacktrace",
        "--refresh-dependencies",
    ];
    let keeps = |word: &&Word<'_>| match word {
        Word::Plain(_) => false,
        Word::Flag(name, _) => {
            KEPT.contains(&name.split('=').next().unwrap_or_default())
                || (name.starts_with("-P") || name.starts_with("-D")) && name.len() > 2
        }
    };
    let start = program.head.iter().copied().chain(["dependencies", "--no-daemon"]);
    typed(start.chain(words.iter().filter(keeps).flat_map(Word::typed)))
}

fn gradle_files(
    place: &Place<'_>,
    program: &Program<'_>,
    words: &[Word<'_>],
    project: &str,
) -> Result<Vec<String>, Refusal> {
    const ELSEWHERE: &[&str] = &[
        "-b",
        "--build-file",
        "-c",
        "--settings-file",
        "--include-build",
        "-g",
        "--gradle-user-home",
        "--project-cache-dir",
    ];
    let read = |tree: Tree<'_>| {
        GradleProject::read(tree, project).ok_or_else(|| unread(project))?.configuration_reads()
    };
    let mut files = with_tree(place, read)?;
    add_wrapper(place, program, &mut files)?;
    if let Some(name) = ELSEWHERE.iter().find(|name| has_flag(words, &[name])) {
        return Err(Refusal::hazard("H057", format!("`{name}` makes the build read or write elsewhere")));
    }
    if let Some(named) = value_of(words, &["-I", "--init-script"]) {
        let (path, _) = place
            .file(named)
            .ok_or_else(|| Refusal::hazard("H057", format!("the script `{named}` is not in the context")))?;
        files.push(path);
    }
    Ok(files)
}

fn unread(project: &str) -> Obstacle {
    Obstacle::new("H057", format!("the build in `{project}` could not be read"))
}
