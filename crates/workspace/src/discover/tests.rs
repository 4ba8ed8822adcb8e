//! Walks over small trees.

use std::fs;

use super::*;

/// A folder with the given files in it, each with a text of its own.
fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("# {file}\n")).unwrap();
    }
    folder
}

fn names(folder: &Path, paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/")).collect()
}

fn found(folder: &Path, options: &Options) -> Vec<String> {
    let discovery = discover(&[folder], options);
    assert!(discovery.problems.is_empty(), "{:?}", discovery.problems);
    names(folder, &discovery.dockerfiles)
}

#[test]
fn a_walk_takes_usual_names_sorted() {
    let tree = tree(&[
        "web/Dockerfile",
        "Dockerfile",
        "api/prod.dockerfile",
        ".devcontainer/Dockerfile",
        "README.md",
        "Dockerfile.j2",
        "Dockerfile.dockerignore",
        ".git/Dockerfile",
        "node_modules/x/Dockerfile",
        "web/vendor/Dockerfile",
    ]);
    let expected = [".devcontainer/Dockerfile", "Dockerfile", "api/prod.dockerfile", "web/Dockerfile"];
    assert_eq!(found(tree.path(), &Options::default()), expected);
}

#[test]
fn ignore_files_are_honoured_unless_told() {
    let tree = tree(&["Dockerfile", "out/Dockerfile", "gen/Dockerfile.a", "gen/Dockerfile.b"]);
    fs::write(tree.path().join(".gitignore"), "/out/\n").unwrap();
    fs::write(tree.path().join("gen/.gitignore"), "*.a\n").unwrap();
    assert_eq!(found(tree.path(), &Options::default()), ["Dockerfile", "gen/Dockerfile.b"]);
    let all = Options { respect_ignore_files: false, ..Options::default() };
    assert_eq!(found(tree.path(), &all).len(), 4);
}

#[test]
fn what_is_named_is_taken() {
    let tree = tree(&["out/strange", "vendor/Dockerfile", "Dockerfile.j2"]);
    fs::write(tree.path().join(".gitignore"), "/out/\n").unwrap();
    let at = |name: &str| tree.path().join(name);
    let paths = [at("out/strange"), at("vendor"), at("Dockerfile.j2")];
    let discovery = discover(&paths, &Options::default());
    assert_eq!(
        names(tree.path(), &discovery.dockerfiles),
        ["Dockerfile.j2", "out/strange", "vendor/Dockerfile"]
    );

    let discovery = discover(&[at("gone")], &Options::default());
    assert!(discovery.dockerfiles.is_empty());
    assert!(discovery.problems[0].to_string().ends_with("gone: does not exist"));
}

#[test]
fn patterns_add_and_leave_out() {
    let tree = tree(&["a.docker", "sub/b.docker", "sub/c.df", "c.df", "old/Dockerfile", "Dockerfile"]);
    let options = Options {
        include: vec!["*.docker".into(), "sub/*.df".into()],
        exclude: vec!["old/".into()],
        ..Options::default()
    };
    assert_eq!(found(tree.path(), &options), ["Dockerfile", "a.docker", "sub/b.docker", "sub/c.df"]);

    let options = Options { include: vec!["a[".into()], ..Options::default() };
    let discovery = discover(&[tree.path()], &options);
    assert_eq!(discovery.problems.len(), 1);
    assert!(discovery.problems[0].to_string().starts_with("pattern `a[`: "), "{:?}", discovery.problems);
    assert_eq!(discovery.dockerfiles.len(), 2, "a bad pattern does not stop the walk");
}

#[test]
fn a_folder_named_dockerfile_is_walked_not_taken() {
    let tree = tree(&["Dockerfile/Dockerfile", "Dockerfile/README.md"]);
    assert_eq!(found(tree.path(), &Options::default()), ["Dockerfile/Dockerfile"]);
}

#[test]
fn compose_and_bake_files_are_listed() {
    let tree = tree(&["deploy/compose.yaml", "docker-compose.dev.yml", "x/docker-bake.hcl", "other.yml"]);
    let discovery = discover(&[tree.path()], &Options::default());
    let expected = ["deploy/compose.yaml", "docker-compose.dev.yml", "x/docker-bake.hcl"];
    assert_eq!(names(tree.path(), &discovery.build_files), expected);
}

#[test]
fn hard_links_and_repeated_names_count_once() {
    let tree = tree(&["b/Dockerfile"]);
    fs::create_dir(tree.path().join("a")).unwrap();
    fs::hard_link(tree.path().join("b/Dockerfile"), tree.path().join("a/Dockerfile")).unwrap();
    assert_eq!(found(tree.path(), &Options::default()), ["a/Dockerfile"]);
    let paths =
        [tree.path().join("b/Dockerfile"), tree.path().to_owned(), tree.path().join("b/../b/Dockerfile")];
    let discovery = discover(&paths, &Options::default());
    assert_eq!(discovery.dockerfiles.len(), 1, "{:?}", discovery.dockerfiles);
    assert!(discovery.dockerfiles[0].starts_with(tree.path().join("b")), "the named one wins");
}

#[cfg(unix)]
#[test]
fn symlinks_count_once_and_loops_end() {
    use std::os::unix::fs::symlink;
    let tree = tree(&["real/Dockerfile", "a/keep"]);
    symlink("../real/Dockerfile", tree.path().join("a/Dockerfile")).unwrap();
    symlink("..", tree.path().join("real/up")).unwrap();
    symlink("real", tree.path().join("Dockerfile")).unwrap();
    assert_eq!(found(tree.path(), &Options::default()), ["real/Dockerfile"], "the file, not the link to it");

    symlink("loop", tree.path().join("loop")).unwrap();
    symlink("gone", tree.path().join("Dockerfile.gone")).unwrap();
    let discovery = discover(&[tree.path()], &Options::default());
    assert_eq!(names(tree.path(), &discovery.dockerfiles), ["real/Dockerfile"]);
    assert_eq!(discovery.problems.len(), 1, "{:?}", discovery.problems);
    assert!(discovery.problems[0].to_string().contains("Dockerfile.gone: "), "{:?}", discovery.problems);

    let discovery = discover(&[tree.path().join("Dockerfile.gone")], &Options::default());
    assert_eq!(discovery.dockerfiles.len(), 1, "a named link is left for `read` to explain");
}

#[cfg(unix)]
#[test]
fn an_unreadable_folder_does_not_stop_the_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let tree = tree(&["closed/Dockerfile", "open/Dockerfile"]);
    let closed = tree.path().join("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let discovery = discover(&[tree.path()], &Options::default());
    let binds = fs::read_dir(&closed).is_err();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    if !binds {
        eprintln!("skipped: permissions do not bind this user");
        return;
    }
    assert_eq!(names(tree.path(), &discovery.dockerfiles), ["open/Dockerfile"]);
    assert_eq!(discovery.problems.len(), 1);
    assert!(discovery.problems[0].to_string().contains("closed: "), "{:?}", discovery.problems);
}

#[test]
fn a_leading_dot_is_dropped() {
    assert_eq!(tidy(Path::new("./api/Dockerfile")), Path::new("api/Dockerfile"));
    assert_eq!(tidy(Path::new("../api/Dockerfile")), Path::new("../api/Dockerfile"));
    assert_eq!(tidy(Path::new("/api/Dockerfile")), Path::new("/api/Dockerfile"));
}
