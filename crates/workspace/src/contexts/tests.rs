//! Contexts declared in small trees.

use std::fs;

use super::*;

/// A repository with the given files, and `.git` so that searches end in it.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        fs::create_dir(tree.at(".git")).unwrap();
        for (name, text) in files {
            tree.put(name, text);
        }
        tree
    }

    fn at(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.0.path().to_owned() } else { self.0.path().join(name) }
    }

    fn put(&self, name: &str, text: &str) {
        fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        fs::write(self.at(name), text).unwrap();
    }

    fn find(&self, dockerfile: &str, request: &Request) -> BuildContext {
        let contexts = find(&[self.at(dockerfile)], request);
        assert!(contexts.problems.is_empty(), "{:?}", contexts.problems);
        contexts.of[&self.at(dockerfile)].clone()
    }

    /// What is found for a Dockerfile, in short: folder, source, targets.
    fn says(&self, dockerfile: &str) -> String {
        let found = self.find(dockerfile, &Request::default());
        let short = |path: &Path| {
            let path = path.strip_prefix(self.0.path()).unwrap().to_string_lossy().replace('\\', "/");
            if path.is_empty() { ".".to_owned() } else { path }
        };
        let dir = match &found.dir {
            ContextDir::Known(dir) => short(dir),
            ContextDir::Remote(place) => format!("remote {place}"),
            ContextDir::Missing(dir) => format!("missing {}", short(dir)),
            ContextDir::Several(dirs) => {
                let dirs: Vec<_> = dirs.iter().map(|dir| short(dir)).collect();
                format!("several {}", dirs.join(" "))
            }
        };
        let source = match &found.source {
            ContextSource::Compose { file, service } => format!("{} {service}", short(file)),
            ContextSource::Bake { file, target } => format!("{} {target}", short(file)),
            other => format!("{other:?}"),
        };
        let mut targets: Vec<_> = found.targets.iter().map(String::as_str).collect();
        if found.unknown_targets {
            targets.push("?");
        }
        format!("{dir} | {source} | {}", targets.join(" "))
    }
}

#[test]
fn names_of_build_files() {
    for name in [
        "compose.yml",
        "compose.yaml",
        "compose.prod.yaml",
        "docker-compose.yml",
        "docker-compose.override.yaml",
        "docker-compose-test.yml",
        "docker-bake.hcl",
        "docker-bake.json",
        "docker-bake.override.hcl",
    ] {
        assert!(is_build_file_name(name), "{name}");
    }
    for name in ["composer.yml", "compose.json", "docker-compose", "bake.hcl", "docker-bake.hcl.tmpl"] {
        assert!(!is_build_file_name(name), "{name}");
    }
}

#[test]
fn without_a_word_it_is_the_dockerfiles_folder() {
    let tree =
        Tree::new(&[("api/Dockerfile", ""), ("compose.yaml", "services: { db: { image: postgres } }")]);
    assert_eq!(tree.says("api/Dockerfile"), "api | Folder | ");
}

#[test]
fn compose_builds_in_all_their_shapes() {
    let tree = Tree::new(&[
        ("a/Dockerfile", ""),
        ("docker/b.Dockerfile", ""),
        ("c/Dockerfile", ""),
        ("d/Dockerfile", ""),
        ("e/Dockerfile", ""),
        ("f/Dockerfile", ""),
        ("g/Dockerfile", ""),
        ("h/Dockerfile", ""),
        (
            "docker-compose.yml",
            r"
x-build: &shared { context: ., dockerfile: c/Dockerfile }
x-more: &more
  <<: *shared
  target: more
services:
  a: { build: a }
  b:
    build:
      context: .
      dockerfile: docker/b.Dockerfile
      target: prod
  b-dev:
    extends: b
    build: { target: dev }
  c:
    build:
      <<: [*more]
  d: { build: { context: '${D:-d}' } }
  e: { build: { context: e, target: $STAGE } }
  f: { build: { context: f, dockerfile_inline: FROM scratch } }
  g: { build: 'https://github.com/x/y.git#main:g' }
  h: { build: { context: gone, dockerfile: ../h/Dockerfile } }
  i: { image: i }
  j: { build: null }
  k: 7
",
        ),
    ]);
    for (dockerfile, expected) in [
        ("a/Dockerfile", "a | docker-compose.yml a | "),
        ("docker/b.Dockerfile", ". | docker-compose.yml b | dev prod"),
        ("c/Dockerfile", ". | docker-compose.yml c | more"),
        ("d/Dockerfile", "d | Folder | "),
        ("e/Dockerfile", "e | docker-compose.yml e | ?"),
        ("f/Dockerfile", "f | Folder | "),
        ("g/Dockerfile", "g | Folder | "),
        ("h/Dockerfile", "missing gone | docker-compose.yml h | "),
    ] {
        assert_eq!(tree.says(dockerfile), expected, "{dockerfile}");
    }
    let contexts = find(&[tree.at("a/Dockerfile")], &Request::default());
    let declared = ["a/Dockerfile", "c/Dockerfile", "docker/b.Dockerfile", "e/Dockerfile", "h/Dockerfile"];
    let declared: Vec<_> = declared.iter().map(|name| tree.at(name).canonicalize().unwrap()).collect();
    assert_eq!(contexts.declared, declared);
}

#[test]
fn an_override_file_leaves_the_rest_to_the_main_one() {
    let tree = Tree::new(&[
        ("Dockerfile", ""),
        ("api/Dockerfile", ""),
        ("compose.yaml", "services: { api: { build: ./api } }"),
        ("compose.dev.yaml", "services: { api: { build: { target: dev } } }"),
    ]);
    assert_eq!(tree.says("api/Dockerfile"), "api | compose.dev.yaml api | dev");
    assert_eq!(tree.says("Dockerfile"), ". | Folder | ", "the default context is not taken");
}

#[test]
fn extends_takes_paths_from_the_other_files_folder() {
    let tree = Tree::new(&[
        ("lib/Dockerfile", ""),
        ("lib/common.yml", "services: { base: { build: { context: . } }, loop: { extends: loop } }"),
        (
            "compose.yaml",
            "services: { api: { extends: { file: lib/common.yml, service: base }, build: { target: t } }, \
             loop: { extends: { file: lib/common.yml, service: loop }, build: . } }",
        ),
    ]);
    assert_eq!(tree.says("lib/Dockerfile"), "lib | compose.yaml api | t");
}

#[test]
fn a_compose_file_beside_or_below_is_found() {
    let tree = Tree::new(&[
        ("src/docker/Dockerfile", ""),
        (
            "src/compose.yaml",
            "services: { near: { build: { context: .., dockerfile: src/docker/Dockerfile } } }",
        ),
        ("deploy/compose.yaml", "services: { far: { build: ../other } }"),
        ("other/Dockerfile", ""),
    ]);
    assert_eq!(tree.says("src/docker/Dockerfile"), ". | src/compose.yaml near | ");
    assert_eq!(tree.says("other/Dockerfile"), "other | Folder | ");
    let request = Request { build_files: vec![tree.at("deploy/compose.yaml")], ..Request::default() };
    let found = tree.find("other/Dockerfile", &request);
    assert!(matches!(found.source, ContextSource::Compose { .. }), "{found:?}");
}

#[test]
fn the_search_ends_at_the_repository_or_at_the_root() {
    let tree = Tree::new(&[
        ("inner/.git", "gitdir: x"),
        ("inner/api/Dockerfile", ""),
        ("compose.yaml", "services: { api: { build: { context: ., dockerfile: inner/api/Dockerfile } } }"),
    ]);
    assert_eq!(tree.says("inner/api/Dockerfile"), "inner/api | Folder | ");

    fs::remove_dir(tree.at(".git")).unwrap();
    fs::remove_file(tree.at("inner/.git")).unwrap();
    if repository_root(&tree.at("")).is_some() {
        eprintln!("skipped: temporary files are in a repository here");
        return;
    }
    assert_eq!(tree.says("inner/api/Dockerfile"), "inner/api | Folder | ");
    let request = Request { roots: vec![tree.at("")], ..Request::default() };
    assert_eq!(tree.find("inner/api/Dockerfile", &request).folder(), Some(tree.at("").as_path()));
}

#[test]
fn bake_files_in_both_formats() {
    let tree = Tree::new(&[
        ("docker/api.Dockerfile", ""),
        ("web/Dockerfile", ""),
        ("cwd/Dockerfile", ""),
        (
            "docker-bake.hcl",
            r#"
target "_base" { dockerfile = "docker/api.Dockerfile" }
target "api" {
  inherits = ["_base"]
  target   = "prod"
  tags     = ["x:${TAG}"]
}
target "computed" { context = "${DIR}" }
target "cwd" {
  context = "https://github.com/x/y.git"
  dockerfile = "cwd://cwd/Dockerfile"
}
"#,
        ),
        (
            "docker-bake.json",
            r#"{"target": {"web": {"context": "web", "target": "${T}"}, "lost": {"inherits": ["gone"]}}}"#,
        ),
        ("docker-bake.override.json", r#"{"target": {"web": {"target": "dev"}}}"#),
    ]);
    assert_eq!(tree.says("docker/api.Dockerfile"), ". | docker-bake.hcl _base | prod");
    assert_eq!(tree.says("web/Dockerfile"), "web | docker-bake.json web | dev ?");
    assert_eq!(tree.says("cwd/Dockerfile"), "remote https://github.com/x/y.git | docker-bake.hcl cwd | ");
}

#[test]
fn builds_that_disagree_leave_the_context_open() {
    let tree = Tree::new(&[
        ("api/Dockerfile", ""),
        (
            "compose.yaml",
            "services: { a: { build: { context: ., dockerfile: api/Dockerfile } }, b: { build: api } }",
        ),
    ]);
    assert_eq!(tree.says("api/Dockerfile"), "several . api | compose.yaml a | ");
}

#[test]
fn flag_before_config_before_compose() {
    let tree = Tree::new(&[
        ("api/Dockerfile", ""),
        ("compose.yaml", "services: { a: { build: { context: api, target: t } } }"),
        ("x/keep", ""),
    ]);
    let text = |name: &str| tree.at(name).to_string_lossy().into_owned();
    let mut request = Request::default();
    request.config.insert(tree.at("x/../api/Dockerfile"), text("x"));
    let found = tree.find("api/Dockerfile", &request);
    assert_eq!((found.folder(), &found.source), (Some(tree.at("x").as_path()), &ContextSource::Config));
    assert!(found.targets.contains("t"), "the targets still are what compose builds");

    request.flag = Some(text(""));
    let found = tree.find("api/Dockerfile", &request);
    assert_eq!((found.folder(), &found.source), (Some(tree.at("").as_path()), &ContextSource::Flag));
    for remote in ["git@github.com:x/y.git", "https://x.org/a.tar.gz", "github.com/x/y", "-"] {
        request.flag = Some(remote.to_owned());
        assert_eq!(tree.find("api/Dockerfile", &request).dir, ContextDir::Remote(remote.to_owned()));
    }
}

#[test]
fn broken_files_are_problems_and_the_rest_goes_on() {
    let tree = Tree::new(&[
        ("api/Dockerfile", ""),
        ("compose.yaml", "services:\n  a: { build: api }\n"),
        ("docker-compose.yml", "services:\n  a: [\n"),
        ("docker-compose.b.yml", "\u{0}"),
        ("docker-bake.json", "{\n"),
        ("docker-bake.hcl", "\ntarget \"x\" {\n"),
    ]);
    let contexts = find(&[tree.at("api/Dockerfile")], &Request::default());
    assert!(matches!(contexts.of[&tree.at("api/Dockerfile")].source, ContextSource::Compose { .. }));
    let messages: Vec<_> = contexts.problems.iter().map(ToString::to_string).collect();
    assert_eq!(messages.len(), 4, "{messages:?}");
    for (name, message) in
        ["docker-bake.hcl", "docker-bake.json", "docker-compose.b.yml", "docker-compose.yml"]
            .iter()
            .zip(&messages)
    {
        assert!(message.contains(name) && message.contains("line "), "{message}");
    }
}

#[test]
fn the_image_of_a_service_is_what_others_may_build_on() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("Dockerfile", "FROM scratch\n");
    write(
        "compose.yaml",
        "services:\n  a: { build: ., image: corp/base:1 }\n  b: { build: { context: ., target: t }, image: corp/t }\n  c: { build: ., image: \"corp/$X\" }\n",
    );
    let dockerfile = folder.path().join("Dockerfile");
    let contexts = find(&[&dockerfile], &Request::default());
    let images: Vec<_> = contexts.of[&dockerfile].images.iter().collect();
    assert_eq!(images, ["corp/base:1"]);
}
