//! Files that cannot be processed, wrong usage and wrong configuration, through the binary.

mod support;

use std::fs;

use support::{Project, RULES, TWO_FIXES};

#[test]
fn a_file_that_is_not_utf8_is_said_with_its_line() {
    let project = Project::new(&[("a/Dockerfile", TWO_FIXES)]);
    project.write("b/Dockerfile", b"FROM a\nRUN \xff\n");
    for command in ["check", "fix"] {
        project
            .run(&[command, RULES])
            .code(3)
            .warns("error: b/Dockerfile: line 2, byte 5: not UTF-8")
            .says("a/Dockerfile");
    }
}

#[test]
fn a_nul_is_said_with_its_line() {
    let project = Project::new(&[("Dockerfile", "FROM a\nRUN \0\n")]);
    project.run(&["check"]).code(3).warns("Dockerfile: line 2: a NUL byte");
    project.pipe(&["check", "-"], "FROM a\nRUN \0\n").code(3).warns("<stdin>: line 2: a NUL byte");
}

#[test]
fn utf16_is_recognised() {
    let project = Project::new(&[]);
    project.write("Dockerfile", b"\xff\xfeF\0R\0");
    project.run(&["check"]).code(3).warns("looks like UTF-16");
}

#[test]
fn standard_input_that_is_not_text_leaves_nothing_on_standard_output() {
    let project = Project::new(&[]);
    let ran =
        project.pipe(&["fix", "-"], b"FROM a\n\xff".to_vec()).code(3).warns("<stdin>: line 2: not UTF-8");
    assert_eq!(ran.out, "");
}

#[test]
fn a_missing_path_is_said_and_the_others_are_processed() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    project
        .run(&["check", RULES, "nowhere/Dockerfile", "Dockerfile"])
        .code(3)
        .warns("nowhere/Dockerfile: does not exist")
        .says("maintainer-instruction");
}

#[test]
fn a_directory_named_dockerfile_is_said() {
    let project = Project::new(&[("other/Dockerfile", TWO_FIXES)]);
    fs::create_dir_all(project.path("api/Dockerfile")).unwrap();
    project
        .run(&["check", RULES, "api/Dockerfile", "other"])
        .code(3)
        .warns("api/Dockerfile: is a directory, not a file")
        .says("maintainer-instruction");
    project.run(&["check", RULES]).code(0).says("Checked 1 Dockerfile");
}

#[test]
fn a_file_that_is_too_large_is_said() {
    let project = Project::new(&[("b/Dockerfile", TWO_FIXES)]);
    let file = fs::File::create(project.path("Dockerfile")).unwrap();
    file.set_len(17 * 1024 * 1024).unwrap();
    project.run(&["check", RULES]).code(3).warns("Dockerfile: is larger than the limit").says("b/Dockerfile");
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_are_said() {
    use std::os::unix::fs::symlink;
    let project = Project::new(&[("ok/Dockerfile", TWO_FIXES)]);
    symlink("Dockerfile", project.path("Dockerfile")).unwrap();
    symlink("gone", project.path("Containerfile")).unwrap();
    project
        .run(&["check", RULES, "Dockerfile", "Containerfile", "ok"])
        .code(3)
        .warns("Dockerfile: is a symlink that leads back to itself")
        .warns("Containerfile: is a symlink to gone, which does not exist")
        .says("ok/Dockerfile");
}

#[cfg(unix)]
#[test]
fn a_loop_of_folders_ends() {
    let project = Project::new(&[("a/Dockerfile", TWO_FIXES)]);
    std::os::unix::fs::symlink("..", project.path("a/up")).unwrap();
    project.run(&["check", RULES]).code(0).says("Checked 1 Dockerfile");
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_is_said() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new(&[("a/Dockerfile", TWO_FIXES), ("b/Dockerfile", TWO_FIXES)]);
    if !support::permissions_count(&project.path(".")) {
        return;
    }
    fs::set_permissions(project.path("a/Dockerfile"), fs::Permissions::from_mode(0o000)).unwrap();
    project
        .run(&["check", RULES])
        .code(3)
        .warns("a/Dockerfile: cannot be read: permission denied")
        .says("b/Dockerfile");
}

#[test]
fn a_wrong_compose_file_is_a_warning() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES), ("compose.yaml", "services: [\n")]);
    project
        .run(&["check", RULES])
        .code(0)
        .warns("warning: ")
        .warns("compose.yaml")
        .says("maintainer-instruction");
}

#[test]
fn an_unknown_key_is_an_error_with_file_and_line() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES), ("dockmend.toml", "# mine\nignroe = []\n")]);
    project.run(&["check"]).code(2).warns("dockmend.toml: ").warns("line 2").warns("ignroe");
    project.run(&["fix"]).code(2);
    assert_eq!(project.read("Dockerfile"), TWO_FIXES, "nothing is fixed by a wrong configuration");
}

#[test]
fn an_unknown_rule_is_an_error_with_file_and_line() {
    let project =
        Project::new(&[("Dockerfile", TWO_FIXES), ("dockmend.toml", "select = [\n  \"rot-user\",\n]\n")]);
    project
        .run(&["check"])
        .code(2)
        .warns("dockmend.toml: line 2: there is no rule \"rot-user\"; did you mean \"root-user\"?");
    project.run(&["check", "--select", "DL3015"]).code(2);
}

#[test]
fn wrong_usage_exits_with_2() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    for arguments in [
        &["chekc"][..],
        &[],
        &["check", "--fail-on", "sometimes"],
        &["check", "--select", "no-such-rule"],
        &["check", "--context", "nowhere"],
        &["check", "-", "Dockerfile"],
        &["check", "--context", ".", "-"],
        &["check", "--stdin-filename", "x", "Dockerfile"],
        &["fix", "--format", "json", "-"],
        &["why", "Dockerfile"],
        &["why", ".", "root-user"],
        &["why", "Dockerfile", "no-such-rule"],
        &["explain", "no-such-rule"],
        &["explain", "H999"],
        &["completions", "cobol"],
    ] {
        let ran = project.run(arguments).code(2);
        assert!(!ran.err.is_empty(), "{arguments:?}");
        assert_eq!(ran.out, "", "{arguments:?}");
    }
}

#[test]
fn odd_names_are_shown_and_processed() {
    let project =
        Project::new(&[("with blank/Dockerfile", TWO_FIXES), ("uml\u{e4}ut/Dockerfile", TWO_FIXES)]);
    project
        .run(&["check", RULES])
        .code(0)
        .says("= fix: dockmend fix 'with blank/Dockerfile'")
        .says("uml\u{e4}ut/Dockerfile:2:1");
}

#[test]
fn empty_and_strange_files_do_no_harm() {
    for text in [
        "",
        "\n",
        "\u{feff}",
        "#",
        "\\",
        "RUN",
        "FROM",
        "FROM a\n\\\n\\",
        "# escape=`\n",
        "\r\n\r",
        "<<<<",
        "FROM a\nRUN <<",
    ] {
        let project = Project::new(&[("Dockerfile", text)]);
        for command in ["check", "fix"] {
            let ran = project.run(&[command, "--fail-on", "never", "--select", "all"]).code(0);
            assert!(!ran.err.contains("bug of ours"), "{text:?}: {}", ran.err);
        }
        let ran = project.pipe(&["fix", "--select", "all", "-"], text).code(0);
        assert!(!ran.err.contains("panicked"), "{text:?}");
    }
}
