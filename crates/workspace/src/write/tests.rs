//! Writes into small folders, and what is left there when a write fails.

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) -> Fingerprint {
        fs::write(self.at(name), text).unwrap();
        Fingerprint::of(text.as_bytes())
    }

    fn get(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    /// The names in the folder: a temporary file that was left behind would show.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn change(&self, name: &str, before: Option<Fingerprint>, after: &str) -> Change {
        Change { path: self.at(name), before, after: after.to_owned() }
    }
}

const QUICK: Options = Options { sync: false };

#[test]
fn a_text_is_replaced() {
    for options in [QUICK, Options { sync: true }] {
        let folder = Folder::new();
        let before = folder.put("Dockerfile", "old, and longer");
        write(&folder.at("Dockerfile"), before, "new", options).unwrap();
        assert_eq!(folder.get("Dockerfile"), "new");
        assert_eq!(folder.names(), ["Dockerfile"]);
    }
}

#[cfg(unix)]
#[test]
fn the_mode_is_kept_and_a_new_file_has_the_usual_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let mode = |name: &str| fs::metadata(folder.at(name)).unwrap().permissions().mode() & 0o7777;
    for wanted in [0o640, 0o755, 0o600, 0o664] {
        let before = folder.put("Dockerfile", "old");
        fs::set_permissions(folder.at("Dockerfile"), fs::Permissions::from_mode(wanted)).unwrap();
        write(&folder.at("Dockerfile"), before, "new", QUICK).unwrap();
        assert_eq!(mode("Dockerfile"), wanted, "{wanted:o}");
    }
    folder.put("plain", "");
    create(&folder.at(".dockerignore"), "x\n", QUICK).unwrap();
    assert_eq!(mode(".dockerignore"), mode("plain"));
}

#[cfg(unix)]
#[test]
fn a_symlink_stays_and_its_target_is_replaced() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    fs::create_dir(folder.at("real")).unwrap();
    let before = folder.put("real/Dockerfile", "old");
    symlink("real/Dockerfile", folder.at("Dockerfile")).unwrap();
    write(&folder.at("Dockerfile"), before, "new", QUICK).unwrap();
    assert!(folder.at("Dockerfile").symlink_metadata().unwrap().is_symlink());
    assert_eq!(folder.get("real/Dockerfile"), "new");
    assert_eq!(folder.names(), ["Dockerfile", "real"]);
}

#[cfg(unix)]
#[test]
fn a_link_turned_elsewhere_is_a_change() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    let before = folder.put("a", "same");
    folder.put("b", "same");
    symlink("a", folder.at("Dockerfile")).unwrap();
    let staged = Staged::replace(&folder.at("Dockerfile"), before, "new", QUICK).unwrap();
    fs::remove_file(folder.at("Dockerfile")).unwrap();
    symlink("b", folder.at("Dockerfile")).unwrap();
    assert!(matches!(staged.commit(QUICK), Err(WriteProblem::Changed { .. })));
    assert_eq!((folder.get("a"), folder.get("b")), ("same".into(), "same".into()));
    assert_eq!(folder.names(), ["Dockerfile", "a", "b"]);
}

#[cfg(unix)]
#[test]
fn hard_links_stay_together() {
    let folder = Folder::new();
    let before = folder.put("a", "an old and longer text");
    fs::hard_link(folder.at("a"), folder.at("b")).unwrap();
    write(&folder.at("a"), before, "new", QUICK).unwrap();
    assert_eq!((folder.get("a"), folder.get("b")), ("new".into(), "new".into()));
    assert_eq!(folder.names(), ["a", "b"]);
}

#[test]
fn somebody_elses_edit_is_never_overwritten() {
    for edit in ["old and more", "odd", ""] {
        let folder = Folder::new();
        let before = folder.put("Dockerfile", "old");
        let staged = Staged::replace(&folder.at("Dockerfile"), before, "new", QUICK).unwrap();
        folder.put("Dockerfile", edit);
        let problem = staged.commit(QUICK).unwrap_err();
        assert!(matches!(problem, WriteProblem::Changed { .. }), "{problem}");
        assert!(problem.to_string().contains("Dockerfile: changed on disk"), "{problem}");
        assert_eq!(folder.get("Dockerfile"), edit);
        assert_eq!(folder.names(), ["Dockerfile"]);
    }
}

#[test]
fn a_removed_file_is_not_brought_back() {
    let folder = Folder::new();
    let before = folder.put("Dockerfile", "old");
    let staged = Staged::replace(&folder.at("Dockerfile"), before, "new", QUICK).unwrap();
    fs::remove_file(folder.at("Dockerfile")).unwrap();
    assert!(matches!(staged.commit(QUICK), Err(WriteProblem::Changed { .. })));
    assert!(folder.names().is_empty());
    assert!(write(&folder.at("Dockerfile"), before, "new", QUICK).is_err());
}

#[test]
fn a_new_file_never_overwrites_one_that_appeared() {
    let folder = Folder::new();
    let staged = Staged::create(&folder.at(".dockerignore"), "mine", QUICK).unwrap();
    folder.put(".dockerignore", "theirs");
    assert!(matches!(staged.commit(QUICK), Err(WriteProblem::Appeared { .. })));
    assert!(matches!(create(&folder.at(".dockerignore"), "mine", QUICK), Err(WriteProblem::Appeared { .. })));
    assert_eq!(folder.get(".dockerignore"), "theirs");
    assert_eq!(folder.names(), [".dockerignore"]);
}

#[test]
fn a_group_is_written_in_order() {
    let folder = Folder::new();
    let before = folder.put("Dockerfile", "old");
    let changes =
        [folder.change(".dockerignore", None, "ignored"), folder.change("Dockerfile", Some(before), "new")];
    write_group(&changes, QUICK).unwrap();
    assert_eq!((folder.get("Dockerfile"), folder.get(".dockerignore")), ("new".into(), "ignored".into()));
    assert_eq!(folder.names(), [".dockerignore", "Dockerfile"]);
}

#[test]
fn a_group_that_cannot_succeed_changes_nothing() {
    let folder = Folder::new();
    let (a, b) = (folder.put("a", "a"), folder.put("b", "b"));
    folder.put("there", "already");
    fs::create_dir(folder.at("folder")).unwrap();
    let stale = Fingerprint::of(b"stale");
    for last in [
        folder.change("b", Some(stale), "B"),
        folder.change("there", None, "new"),
        folder.change("folder", None, "a directory is in the way"),
        folder.change("folder", Some(b), "a directory is in the way"),
        folder.change("gone", Some(b), "B"),
        folder.change("no/such/folder", None, "B"),
        folder.change("a", Some(a), "twice"),
    ] {
        let problem = write_group(&[folder.change("a", Some(a), "A"), last], QUICK).unwrap_err();
        assert!(problem.written.is_empty(), "{problem}");
        assert_eq!((folder.get("a"), folder.get("b")), ("a".into(), "b".into()), "{problem}");
        assert_eq!(folder.names(), ["a", "b", "folder", "there"], "{problem}");
    }
}

#[test]
fn a_group_that_fails_half_way_says_what_is_written() {
    let folder = Folder::new();
    let (a, c) = (folder.put("a", "a"), folder.put("c", "c"));
    let changes =
        [folder.change("a", Some(a), "A"), folder.change("b", None, "B"), folder.change("c", Some(c), "C")];
    let staged = stage(&changes, QUICK).unwrap();
    // A directory gets in the way between the look and the leap.
    fs::create_dir(folder.at("b")).unwrap();
    let problem = commit(staged, QUICK).unwrap_err();
    assert_eq!(problem.written, [folder.at("a")]);
    assert!(problem.to_string().contains("b: "), "{problem}");
    assert!(
        problem.to_string().ends_with(&format!("(already written: {})", folder.at("a").display())),
        "{problem}"
    );
    assert_eq!((folder.get("a"), folder.get("c")), ("A".into(), "c".into()));
    assert_eq!(folder.names(), ["a", "b", "c"]);
}

#[cfg(unix)]
#[test]
fn a_read_only_file_is_left_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let before = folder.put("Dockerfile", "old");
    fs::set_permissions(folder.at("Dockerfile"), fs::Permissions::from_mode(0o444)).unwrap();
    let problem = write(&folder.at("Dockerfile"), before, "new", QUICK).unwrap_err();
    assert!(matches!(problem, WriteProblem::ReadOnly { .. }), "{problem}");
    assert_eq!(folder.get("Dockerfile"), "old");
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_an_error_and_loses_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let before = folder.put("Dockerfile", "old");
    fs::set_permissions(folder.0.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let binds = File::create(folder.at("probe")).is_err();
    let result = write(&folder.at("Dockerfile"), before, "new", QUICK);
    fs::set_permissions(folder.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
    if !binds {
        eprintln!("skipped: permissions do not bind this user");
        return;
    }
    assert!(matches!(result, Err(WriteProblem::Folder { .. })), "{result:?}");
    assert_eq!(folder.get("Dockerfile"), "old");
    assert_eq!(folder.names(), ["Dockerfile"]);
}

/// Not even root may create a file in `/proc`.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_takes_no_files_is_named() {
    let problem = create(Path::new("/proc/Dockerfile"), "FROM a\n", QUICK).unwrap_err();
    assert!(
        problem.to_string().starts_with("/proc/Dockerfile: cannot write to the folder /proc: "),
        "{problem}"
    );
}
