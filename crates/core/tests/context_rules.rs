//! The rules that need a build context: on the projects of `fixtures/projects`, and with several Dockerfiles.

#![allow(clippy::disallowed_methods)] // Tests read fixtures; only the library itself touches no disk.

use std::path::Path;

use dockmend_core::config::{Options, Settings};
use dockmend_core::context::MemoryFiles;
use dockmend_core::rewrite::{ContextGroup, Engine, FixOptions, Rewrite, SourceFile, Target};

fn engine() -> Engine {
    let options = Options::parse(
        r#"select = ["missing-dockerignore", "incomplete-dockerignore", "source-before-dependencies"]"#,
    )
    .unwrap();
    Engine::new(Settings::combine(&[options]).unwrap())
}

/// The files below a directory, with paths from there.
fn files_below(directory: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            files_below(&entry.path(), &format!("{name}/"), files);
        } else {
            files.push((name, std::fs::read(entry.path()).unwrap()));
        }
    }
}

/// Both rewrites on a project as it is in the repository, and what else lies on a developer's machine.
fn mended(project: &str, more: &[(&str, usize)]) -> Rewrite {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/projects").join(project);
    let mut files = Vec::new();
    files_below(&root, "", &mut files);
    // What says how the project is tried is no part of it.
    files.retain(|(path, _)| path != "project.toml");
    files.extend(more.iter().map(|(path, size)| ((*path).to_owned(), vec![b'x'; *size])));
    let text = files.iter().find(|(path, _)| path == "Dockerfile").unwrap().1.clone();
    let files = MemoryFiles::new(files);
    let file = SourceFile::new("Dockerfile", String::from_utf8(text).unwrap()).in_context_at("Dockerfile");
    let rewrite = engine().fix(&ContextGroup::new(vec![file], &files), &FixOptions::default().unsafe_fixes());
    assert!(rewrite.rejections.is_empty(), "{project}: {:?}", rewrite.rejections);
    rewrite
}

fn ignore_text(rewrite: &Rewrite) -> &str {
    let target = Target::Context(".dockerignore".to_owned());
    rewrite.changes.iter().find(|change| change.target == target).map_or("", |change| &change.after)
}

fn titles(rewrite: &Rewrite) -> Vec<&str> {
    rewrite.fixed.iter().map(|fixed| fixed.title.as_str()).collect()
}

#[test]
fn the_node_project_is_mended() {
    let rewrite = mended(
        "node-shop",
        &[
            ("node_modules/express/index.js", 2_400_000),
            (".git/objects/pack/a.pack", 809_000_000 / 100),
            (".env", 33),
        ],
    );
    let order = "WORKDIR /app\n\n# git: one dependency comes from a repository\nRUN apt-get update && apt-get install git\n\n\
                 COPY package.json package-lock.json /app/\nRUN npm ci\nADD . /app\n\nARG THEME=plain\n";
    assert!(rewrite.text().contains(order), "{}", rewrite.text());
    let ignore = ignore_text(&rewrite);
    for pattern in ["\n.git\n", "\n**/node_modules\n", "\n**/.env\n"] {
        assert!(ignore.contains(pattern), "{pattern:?} in\n{ignore}");
    }
    let titles = titles(&rewrite);
    assert!(titles.contains(&"install before copying source: an edit re-runs 2 steps, not 4"), "{titles:?}");
    assert!(
        titles.iter().any(|title| title.starts_with("create .dockerignore: context 10 MB -> ")),
        "{titles:?}"
    );
}

#[test]
fn the_python_project_is_mended() {
    let rewrite = mended("flask-notes", &[("notes/__pycache__/__main__.cpython-311.pyc", 1200)]);
    let order = "WORKDIR /srv\nRUN apt update && apt install -y --no-install-recommends curl\nCOPY requirements.txt ./\n\
                 RUN pip install -r requirements.txt\nCOPY . .\n";
    assert!(rewrite.text().contains(order), "{}", rewrite.text());
    assert!(ignore_text(&rewrite).contains("**/__pycache__\n"), "{}", ignore_text(&rewrite));
}

/// Both Dockerfiles stand in one context; the ignore file that is made for the first.
fn ignored_for_two(files: &[(&str, &str)], first: &str, second: &str) -> String {
    let files =
        MemoryFiles::new(files.iter().copied().chain([("Dockerfile", first), ("Dockerfile.two", second)]));
    let group = ContextGroup::new(
        vec![
            SourceFile::new("Dockerfile", first).in_context_at("Dockerfile"),
            SourceFile::new("Dockerfile.two", second).in_context_at("Dockerfile.two"),
        ],
        &files,
    );
    let rewrite = engine().fix(&group, &FixOptions::default().unsafe_fixes());
    assert!(rewrite.rejections.is_empty(), "{:?}", rewrite.rejections);
    ignore_text(&rewrite).to_owned()
}

#[test]
fn what_another_dockerfile_needs_stays() {
    let files = [
        ("package.json", "{}"),
        ("package-lock.json", "{}"),
        ("node_modules/a/index.js", "1"),
        ("app.log", "x"),
        (".env", "A=1"),
        (".git/HEAD", "x"),
    ];
    let first = "FROM node:20\nCOPY . /app\nWORKDIR /app\nRUN npm ci\n";
    for (second, gone) in [
        // H133: it names one, mounts one, runs on what the machine has installed, reads one, asks git.
        ("FROM alpine\nCOPY app.log /\n", "app.log"),
        ("FROM alpine\nRUN --mount=type=bind,source=app.log,target=/l cat /l\n", "*.log"),
        ("FROM node:20\nCOPY . /app\nCMD [\"node\", \"/app\"]\n", "node_modules"),
        ("FROM node:20\nCOPY . /app\nRUN npm ci && . /app/.env\n", ".env"),
        ("FROM node:20\nCOPY . /app\nRUN npm ci && git describe\n", ".git"),
    ] {
        let ignore = ignored_for_two(&files, first, second);
        assert!(!ignore.contains(gone), "{second}\n{ignore}");
        assert!(!ignore.is_empty(), "{second}");
    }
    let all = ignored_for_two(&files, first, "FROM node:20\nCOPY package.json /\n");
    for pattern in ["*.log", "node_modules", ".env", ".git"] {
        assert!(all.contains(pattern), "{all}");
    }
}

/// The files that are made for a group of Dockerfiles, by path.
fn made_for(files: &[(&str, &str)], dockerfiles: &[(&str, &str)]) -> Vec<(String, String)> {
    let context = MemoryFiles::new(files.iter().chain(dockerfiles).copied());
    let sources = dockerfiles.iter().map(|(path, text)| SourceFile::new(*path, *text).in_context_at(*path));
    let group = ContextGroup::new(sources.collect(), &context);
    let rewrite = engine().fix(&group, &FixOptions::default().unsafe_fixes());
    assert!(rewrite.rejections.is_empty(), "{:?}", rewrite.rejections);
    let made = rewrite.changes.iter().filter_map(|change| match &change.target {
        Target::Context(path) => Some((path.clone(), change.after.to_string())),
        _ => None,
    });
    made.collect()
}

#[test]
fn dockerfiles_that_disagree_get_an_ignore_file_each() {
    let files = [("package.json", "{}"), ("node_modules/a/index.js", "1"), (".git/HEAD", "x")];
    let installs = "FROM node:20\nCOPY . /app\nWORKDIR /app\nRUN npm ci\n";
    let runs_on_it = "FROM node:20\nCOPY . /app\nCMD [\"node\", \"/app\"]\n";
    let made = made_for(&files, &[("Dockerfile", installs), ("docker/Dockerfile.dev", runs_on_it)]);
    let expected = [
        (".dockerignore", "# version control\n.git\n"),
        (
            "Dockerfile.dockerignore",
            "# version control\n.git\n\n# dependencies: the image installs its own\n**/node_modules\n",
        ),
    ];
    assert_eq!(made, expected.map(|(path, text)| (path.to_owned(), text.to_owned())));
    // The other way round: the one that needs more is first, and the root is for both until the second has its own.
    let made = made_for(&files, &[("Dockerfile", runs_on_it), ("docker/Dockerfile.dev", installs)]);
    let paths: Vec<&str> = made.iter().map(|(path, _)| path.as_str()).collect();
    assert!(paths.contains(&".dockerignore"), "{made:?}");
    assert!(
        !made.iter().any(|(path, text)| path == ".dockerignore" && text.contains("node_modules")),
        "{made:?}"
    );
}

#[test]
fn dockerfiles_that_agree_share_one() {
    let files = [("package.json", "{}"), ("node_modules/a/index.js", "1")];
    let installs = "FROM node:20\nCOPY . /app\nWORKDIR /app\nRUN npm ci\n";
    let made = made_for(&files, &[("Dockerfile", installs), ("Dockerfile.two", installs)]);
    let paths: Vec<&str> = made.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, [".dockerignore"]);
}

#[test]
fn one_of_its_own_does_not_bind_the_others() {
    let files =
        [("package.json", "{}"), ("node_modules/a/index.js", "1"), ("Dockerfile.dev.dockerignore", "docs\n")];
    let installs = "FROM node:20\nCOPY . /app\nWORKDIR /app\nRUN npm ci\n";
    let runs_on_it = "FROM node:20\nCOPY . /app\n";
    let made = made_for(&files, &[("Dockerfile", installs), ("Dockerfile.dev", runs_on_it)]);
    let expected = "# dependencies: the image installs its own\n**/node_modules\n";
    assert_eq!(made, [(".dockerignore".to_owned(), expected.to_owned())]);
}

#[test]
fn an_ignore_file_is_completed_once_for_all() {
    let files = [(".git/HEAD", "x"), (".env", "A=1"), (".dockerignore", "docs\n"), ("app.log", "x")];
    let first = "FROM alpine\nCOPY . /a\n";
    let second = "FROM alpine\nCOPY . /a\nRUN . /a/.env\n";
    let made = made_for(&files, &[("Dockerfile", first), ("Dockerfile.two", second)]);
    let expected = "docs\n\n# version control: not for the image\n.git\n";
    assert_eq!(made, [(".dockerignore".to_owned(), expected.to_owned())]);
}

#[test]
fn thousands_of_dockerfiles_are_judged_once() {
    let names: Vec<String> = (0..3000).map(|number| format!("d/Dockerfile.{number}")).collect();
    let text = "FROM node:20\nCOPY . /app\nWORKDIR /app\nRUN npm ci\n";
    let dockerfiles: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), text)).collect();
    let files = [("package.json", "{}"), ("node_modules/a/index.js", "1")];
    let context = MemoryFiles::new(files.iter().chain(&dockerfiles).copied());
    let sources = dockerfiles.iter().map(|(path, text)| SourceFile::new(*path, *text).in_context_at(*path));
    let group = ContextGroup::new(sources.collect(), &context);
    // Nothing unsafe is permitted: every file has its offer, and all of them are the same.
    let rewrite = engine().fix(&group, &FixOptions::default());
    let ready = rewrite.ready.iter().filter(|ready| ready.name == "ignore").count();
    assert_eq!(ready, 3000);
}

#[test]
fn sizes_are_those_of_what_is_sent() {
    let files = MemoryFiles::new([("a.py", vec![b'x'; 1500]), (".git/x", vec![b'x'; 2_000_000])]);
    let file = SourceFile::new("Dockerfile", "FROM alpine\nCOPY . /a\n");
    let rewrite = engine().fix(&ContextGroup::new(vec![file], &files), &FixOptions::default().unsafe_fixes());
    assert_eq!(titles(&rewrite), ["create .dockerignore: context 2 MB -> 1.5 kB"]);
}

#[test]
fn a_context_that_cannot_be_listed_is_left_alone() {
    let many: Vec<String> = (0..200_010).map(|number| format!("d/{number}")).collect();
    let paths = many.iter().map(String::as_str).chain([".git/HEAD"]);
    let files = MemoryFiles::new(paths.map(|path| (path, "")));
    let file = SourceFile::new("Dockerfile", "FROM alpine\nCOPY . /a\n");
    let rewrite = engine().fix(&ContextGroup::new(vec![file], &files), &FixOptions::default().unsafe_fixes());
    assert!(rewrite.changes.is_empty());
    let reasons: Vec<&str> = rewrite.refused.iter().map(|(_, _, refusal)| refusal.reason.as_str()).collect();
    assert_eq!(reasons, ["the build context cannot be listed, or is too large"]);
}
