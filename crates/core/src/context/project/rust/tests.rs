use super::super::detect as detect_all;
use super::*;
use crate::context::MemoryFiles;

fn project(root: &str, files: &[(&str, &str)]) -> RustProject {
    let found = detect_all(&MemoryFiles::new(files.iter().copied())).present().unwrap();
    let at = found.into_iter().find(|project| project.root == root);
    let Some(Project { stack: Stack::Rust(rust), .. }) = at else { panic!("no Rust project in {root:?}") };
    *rust
}

const LOCK: &str = "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"openssl-sys\"\nversion = \"0.9.104\"\nsource = \"registry+https://example.com/index\"\n";
const APP: &str = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";

fn fetch(root: &str, files: &[(&str, &str)]) -> Result<(Vec<String>, Vec<String>), String> {
    let fetch = project(root, files).fetch().map_err(|obstacle| obstacle.to_string())?;
    Ok((fetch.files, fetch.targets))
}

fn paths(list: &[&str]) -> Vec<String> {
    list.iter().map(|path| (*path).to_owned()).collect()
}

#[test]
fn a_package_is_read() {
    let files = [
        ("Cargo.toml", APP),
        ("Cargo.lock", LOCK),
        ("src/main.rs", ""),
        ("src/lib.rs", ""),
        ("src/bin/worker.rs", ""),
        ("src/bin/admin/main.rs", ""),
        ("build.rs", ""),
        ("rust-toolchain.toml", "[toolchain]\nchannel = \"1.85\"\n"),
        (".cargo/config.toml", "[build]\n"),
    ];
    let rust = project("", &files);
    let package = rust.package.clone().unwrap();
    let bins: Vec<&str> = package.bins.iter().map(|bin| bin.name.as_str()).collect();
    assert_eq!(bins, ["app", "admin", "worker"]);
    assert!(package.has_build_script && !package.is_proc_macro);
    assert_eq!(rust.toolchain.as_deref(), Some("1.85"));
    assert!(rust.downloads());
    assert_eq!(rust.sys_crates().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["openssl-sys"]);
    assert_eq!(rust.workspace_root, None);
    let files = paths(&["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml"]);
    assert_eq!(rust.fetch(), Ok(CargoFetch { files, targets: paths(&["src/main.rs"]) }));
}

#[test]
fn the_targets_that_must_exist_are_named() {
    for (manifest, more, targets) in [
        ("", &["src/lib.rs"][..], &["src/lib.rs"][..]),
        ("[lib]\nname = \"x\"\n", &["src/lib.rs", "src/main.rs"], &["src/lib.rs"]),
        ("[[bin]]\nname = \"server\"\npath = \"src/server.rs\"\n", &["src/server.rs"], &[]),
        ("[[bin]]\nname = \"server\"\n", &["src/main.rs"], &["src/main.rs"]),
        ("[[bin]]\nname = \"b\"\n", &["src/main.rs", "src/bin/b.rs"], &["src/bin/b.rs"]),
        (
            "[[bench]]\nname = \"speed\"\nharness = false\n[lib]\npath = \"lib.rs\"\n",
            &["lib.rs", "benches/speed.rs"],
            &["benches/speed.rs"],
        ),
        ("", &["src/bin/only.rs"], &["src/bin/only.rs"]),
    ] {
        let manifest = format!("{APP}{manifest}");
        let mut files = vec![("Cargo.toml", manifest.as_str()), ("Cargo.lock", LOCK)];
        files.extend(more.iter().map(|path| (*path, "")));
        assert_eq!(fetch("", &files).map(|found| found.1), Ok(paths(targets)), "{manifest}");
    }
    let reason = fetch("", &[("Cargo.toml", APP), ("Cargo.lock", LOCK)]);
    assert_eq!(reason, Err("`app` has neither a library nor a binary (H058)".to_owned()));
    let bench = format!("{APP}[[bench]]\nname = \"gone\"\n");
    let reason = fetch("", &[("Cargo.toml", &bench), ("Cargo.lock", LOCK), ("src/main.rs", "")]);
    assert!(reason.is_err_and(|reason| reason.contains("bench `gone`")));
}

#[test]
fn a_workspace_lists_its_members_and_what_they_take_from_directories() {
    let member = "[package]\nname = \"api\"\nversion.workspace = true\n[dependencies]\nshared = { path = \"../shared\" }\n";
    let files = [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"crates/*\"]\nexclude = [\"crates/old\"]\n[workspace.dependencies]\nunused = { path = \"gone\" }\n",
        ),
        ("Cargo.lock", LOCK),
        ("crates/api/Cargo.toml", member),
        ("crates/api/src/main.rs", ""),
        ("crates/shared/Cargo.toml", "[package]\nname = \"shared\"\n[lib]\nproc-macro = true\n"),
        ("crates/shared/src/lib.rs", ""),
        ("crates/old/Cargo.toml", "[package]\nname = \"old\"\n"),
        ("crates/notes/readme.txt", ""),
    ];
    let files_read =
        paths(&["Cargo.toml", "Cargo.lock", "crates/api/Cargo.toml", "crates/shared/Cargo.toml"]);
    let targets = paths(&["crates/api/src/main.rs", "crates/shared/src/lib.rs"]);
    assert_eq!(fetch("", &files), Ok((files_read.clone(), targets.clone())));
    assert_eq!(fetch("crates/api", &files), Ok((files_read, targets)));
    let root = project("", &files);
    assert_eq!(root.workspace_root.as_deref(), Some(""));
    let members: Vec<(&str, bool)> =
        root.members.iter().map(|member| (member.name.as_str(), member.is_proc_macro)).collect();
    assert_eq!(members, [("api", false), ("shared", true)]);
    assert_eq!(project("crates/old", &files).workspace_root, None);
}

#[test]
fn what_cannot_be_followed_is_an_obstacle() {
    for (manifest, reason) in [
        ("[dependencies]\nx = { path = \"../x\" }\n", "`../x` is outside of the build context (H047)"),
        ("[dependencies]\nx = { path = \"x\" }\n", "there is no `x/Cargo.toml` (H047)"),
        ("[patch.crates-io]\nx = { path = \"x\" }\n", "there is no `x/Cargo.toml` (H047)"),
        ("[target.'cfg(unix)'.dependencies]\nx = { path = \"x\" }\n", "there is no `x/Cargo.toml` (H047)"),
        ("[workspace]\nmembers = [\"a\"]\n", "there is no `a/Cargo.toml` (H047)"),
        ("[", "`Cargo.toml` is not valid TOML (H047)"),
    ] {
        let manifest = format!("{APP}{manifest}");
        let files = [("Cargo.toml", manifest.as_str()), ("Cargo.lock", LOCK), ("src/main.rs", "")];
        assert_eq!(fetch("", &files), Err(reason.to_owned()), "{manifest}");
    }
    let unlocked = fetch("", &[("Cargo.toml", APP), ("src/main.rs", "")]);
    assert!(unlocked.is_err_and(|reason| reason.contains("H046")));
}

#[test]
fn vendored_crates_are_not_downloaded() {
    let config = "[source.crates-io]\nreplace-with = \"v\"\n[source.v]\ndirectory = \"vendor\"\n";
    let files =
        [("Cargo.toml", APP), ("Cargo.lock", LOCK), ("src/main.rs", ""), (".cargo/config.toml", config)];
    let rust = project("", &files);
    assert!(rust.is_vendored && !rust.downloads());
}
