//! `dockmend fix` and `dockmend rewrite`, through the binary.

mod support;

use std::fs;

use support::{ONE_LEFT, Project, RULES, TWO_FIXES};

#[test]
fn safe_fixes_are_applied_and_named() {
    let project = Project::new(&[("api/Dockerfile", TWO_FIXES)]);
    project
        .run(&["fix", RULES, "api/Dockerfile"])
        .code(0)
        .says("  line 2: say it with the label org.opencontainers.image.authors (maintainer-instruction)\n")
        .says("Fixed 1 problem in api/Dockerfile; the gate found no other change.\n")
        .says("1 fix is unsafe; --unsafe-fixes applies it: apt-recommends (line 3)\n")
        .quietly();
    assert_eq!(project.read("api/Dockerfile"), ONE_LEFT);
}

#[test]
fn unsafe_fixes_are_applied_when_asked_for() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    project.run(&["fix", RULES, "--unsafe-fixes"]).code(0).says("Fixed 2 problems in Dockerfile;");
    assert!(project.read("Dockerfile").contains("--no-install-recommends"));
}

#[test]
fn a_second_run_changes_nothing() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    project.run(&["fix", RULES, "--unsafe-fixes"]).code(0);
    let first = project.read("Dockerfile");
    project.run(&["fix", RULES, "--unsafe-fixes"]).code(0).says("Nothing was fixed in 1 Dockerfile.");
    assert_eq!(project.read("Dockerfile"), first);
}

#[test]
fn a_diff_writes_nothing_and_can_be_applied() {
    let project = Project::new(&[("api/Dockerfile", TWO_FIXES)]);
    project
        .run(&["fix", RULES, "--diff"])
        .code(0)
        .says("--- a/api/Dockerfile\n+++ b/api/Dockerfile\n@@ -1,3 +1,3 @@\n")
        .says("-MAINTAINER Jo\n+LABEL org.opencontainers.image.authors=\"Jo\"\n")
        .says("Would fix 1 problem in api/Dockerfile;");
    assert_eq!(project.read("api/Dockerfile"), TWO_FIXES);
}

#[test]
fn line_endings_and_the_byte_order_mark_stay() {
    let before = "\u{feff}FROM scratch\r\nMAINTAINER Jo\r\n# end";
    let project = Project::new(&[("Dockerfile", before)]);
    project.run(&["fix", RULES]).code(0).says("Fixed 1 problem");
    let after = before.replace("MAINTAINER Jo", "LABEL org.opencontainers.image.authors=\"Jo\"");
    assert_eq!(project.read("Dockerfile"), after);
}

#[test]
fn what_is_left_at_fail_on_is_shown_and_fails() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    project
        .run(&["fix", RULES, "--fail-on", "hint"])
        .code(1)
        .says("Fixed 1 problem")
        .says("hint[apt-recommends]")
        .says(" --> Dockerfile:3:");
    project.run(&["fix", RULES, "--fail-on", "warning"]).code(0);
}

#[test]
fn several_files_end_with_a_sum() {
    let project = Project::new(&[("a/Dockerfile", TWO_FIXES), ("b/Dockerfile", "FROM scratch\n")]);
    project
        .run(&["fix", RULES])
        .code(0)
        .says("Fixed 1 problem in 1 of 2 Dockerfiles.\n")
        .says_not("b/Dockerfile");
}

#[test]
fn fix_of_standard_input_prints_the_text_and_nothing_else() {
    let project = Project::new(&[]);
    let ran = project.pipe(&["fix", RULES, "-"], TWO_FIXES).code(0).warns("Fixed 1 problem in <stdin>");
    assert_eq!(ran.out, ONE_LEFT);
    let ran = project.pipe(&["fix", RULES, "-"], "FROM scratch").code(0).quietly();
    assert_eq!(ran.out, "FROM scratch", "a text without anything to fix comes back as it is");
}

#[test]
fn fix_of_standard_input_succeeds_with_findings_left() {
    let project = Project::new(&[]);
    let broken = "FROM alpine\nRUN <<EOF\n";
    let ran = project.pipe(&["fix", "--fail-on", "hint", "-"], broken).code(0);
    assert_eq!(ran.out, broken);
}

#[test]
fn fix_of_standard_input_keeps_every_byte() {
    let project = Project::new(&[]);
    let text = "\u{feff}FROM scratch\r\nENV A=\"\u{1b}[31m\u{7}é🐳\"\r\n";
    let mut command = project.command(&["fix", RULES, "-"]);
    let output = command.env("CLICOLOR_FORCE", "1").write_stdin(text).output().unwrap();
    assert_eq!(output.stdout, text.as_bytes());
}

#[test]
fn a_diff_of_standard_input_names_it() {
    let project = Project::new(&[]);
    project
        .pipe(&["fix", RULES, "--diff", "--stdin-filename", "api/Dockerfile", "-"], TWO_FIXES)
        .code(0)
        .says("--- a/api/Dockerfile\n")
        .says_not("FROM scratch");
}

#[cfg(unix)]
#[test]
fn mode_and_links_are_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new(&[("real/build.txt", TWO_FIXES)]);
    fs::set_permissions(project.path("real/build.txt"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real/build.txt", project.path("Dockerfile")).unwrap();
    project.run(&["fix", RULES, "Dockerfile"]).code(0).says("Fixed 1 problem in Dockerfile");
    assert!(project.path("Dockerfile").symlink_metadata().unwrap().is_symlink());
    assert_eq!(project.read("real/build.txt"), ONE_LEFT);
    assert_eq!(project.path("real/build.txt").metadata().unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn no_temporary_file_is_left() {
    let project = Project::new(&[("api/Dockerfile", TWO_FIXES)]);
    project.run(&["fix", RULES]).code(0);
    let names: Vec<_> =
        fs::read_dir(project.path("api")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["Dockerfile"]);
}

#[test]
fn a_read_only_file_is_said_and_the_others_are_fixed() {
    let project = Project::new(&[("a/Dockerfile", TWO_FIXES), ("b/Dockerfile", TWO_FIXES)]);
    let mut permissions = project.path("a/Dockerfile").metadata().unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(project.path("a/Dockerfile"), permissions).unwrap();
    project
        .run(&["fix", RULES])
        .code(3)
        .warns("a/Dockerfile: is read-only")
        .says("Fixed 1 problem in b/Dockerfile");
    assert_eq!(project.read("a/Dockerfile"), TWO_FIXES);
    assert_eq!(project.read("b/Dockerfile"), ONE_LEFT);
}

#[test]
fn a_read_only_file_does_not_stop_its_context() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES), ("Dockerfile.dev", TWO_FIXES)]);
    let mut permissions = project.path("Dockerfile").metadata().unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(project.path("Dockerfile"), permissions).unwrap();
    project.run(&["fix", RULES]).code(3).warns("Dockerfile: is read-only");
    assert_eq!(project.read("Dockerfile.dev"), ONE_LEFT);
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_said() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new(&[("a/Dockerfile", TWO_FIXES), ("b/Dockerfile", TWO_FIXES)]);
    if !support::permissions_count(&project.path(".")) {
        return;
    }
    fs::set_permissions(project.path("a"), fs::Permissions::from_mode(0o555)).unwrap();
    let ran = project.run(&["fix", RULES]);
    fs::set_permissions(project.path("a"), fs::Permissions::from_mode(0o755)).unwrap();
    ran.code(3).warns("a/Dockerfile: cannot write to the folder").says("Fixed 1 problem in b/Dockerfile");
}

#[test]
fn a_dockerfile_that_nobody_named_is_not_touched() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES), ("Dockerfile.dev", TWO_FIXES)]);
    project
        .run(&["fix", RULES, "Dockerfile"])
        .code(0)
        .says("Fixed 1 problem in Dockerfile")
        .says_not("Dockerfile.dev");
    assert_eq!(project.read("Dockerfile.dev"), TWO_FIXES);
}

#[test]
fn an_unknown_rewrite_is_a_usage_error() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    project
        .run(&["rewrite", "usr", "Dockerfile"])
        .code(2)
        .warns("there is no rewrite `usr`; did you mean `user`?");
    project.run(&["rewrite", "zzzzzz", "Dockerfile"]).code(2).warns("there are exec, ignore, order");
    project
        .run(&["rewrite", "DL3015", "Dockerfile"])
        .code(2)
        .warns("is a rule whose fix is no great rewrite");
}

#[test]
fn a_rewrite_needs_names_and_a_path() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    project
        .run(&["rewrite", "user"])
        .code(2)
        .warns("`user` is a rewrite: name the Dockerfile or folder behind it");
    project.run(&["rewrite", "Dockerfile"]).code(2).warns("name the rewrites to apply to Dockerfile");
    project.run(&["rewrite", "user", "-"]).code(2).warns("a rewrite needs files");
    project.run(&["rewrite"]).code(2);
}

#[test]
fn a_rewrite_applies_no_other_fix() {
    let project = Project::new(&[("Dockerfile", "FROM scratch\nMAINTAINER Jo\n")]);
    project.run(&["rewrite", "user", "Dockerfile"]).code(0).says("user: nothing to do in Dockerfile");
    assert_eq!(project.read("Dockerfile"), "FROM scratch\nMAINTAINER Jo\n");
    project.run(&["rewrite", "--diff", "Dockerfile"]).code(0);
}

#[test]
fn a_rewrite_that_is_switched_off_says_so() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES), ("dockmend.toml", "ignore = [\"root-user\"]\n")]);
    project
        .run(&["rewrite", "user", "Dockerfile"])
        .code(0)
        .says("user: switched off by --ignore or the configuration");
}

#[test]
fn a_rewrite_that_needs_a_context_says_so() {
    let project = Project::new(&[("Dockerfile", "FROM scratch\n")]);
    project
        .run(&["rewrite", "ignore", "--context", "https://example.com/x.git", "Dockerfile"])
        .code(0)
        .says("ignore: needs the build context (context not known: https://example.com/x.git");
}

/// A file in which the rewrite `user` is ready.
const ROOT: &str = "FROM node:20\nMAINTAINER Jo\nWORKDIR /app\nCMD [\"node\", \"server.js\"]\n";

const USER_RULES: &str = "--select=maintainer-instruction,root-user";

#[test]
fn rewrites_that_are_ready_wait_and_are_named() {
    let project = Project::new(&[("api/Dockerfile", ROOT)]);
    project
        .run(&["fix", USER_RULES, "api/Dockerfile"])
        .code(0)
        .says("Fixed 1 problem in api/Dockerfile; the gate found no other change.\n1 rewrite is ready. It changes how the image is built or run, so it waits for you:\n  user  run as node")
        .says("\nPreview: dockmend rewrite --diff api/Dockerfile\nApply:   dockmend rewrite user api/Dockerfile\n");
    assert!(!project.read("api/Dockerfile").contains("USER"));
    let (_, json) = project.json(&["fix", USER_RULES, "--format", "json"]);
    assert_eq!(json["files"][0]["ready"][0]["name"], "user");
}

#[test]
fn the_proposed_commands_name_the_context_and_quote_the_path() {
    let project = Project::new(&[("my api/Dockerfile", ROOT)]);
    project
        .run(&["fix", USER_RULES, "--context", ".", "my api"])
        .says("Apply:   dockmend rewrite --context . user 'my api/Dockerfile'\n");
}

#[test]
fn a_named_rewrite_is_applied_alone() {
    let project = Project::new(&[("Dockerfile", ROOT)]);
    project.run(&["rewrite", "--diff", "Dockerfile"]).code(0).says("+USER ").says_not("+LABEL");
    assert_eq!(project.read("Dockerfile"), ROOT);
    project.run(&["rewrite", "user", "Dockerfile"]).code(0).says("Fixed 1 problem in Dockerfile;");
    let after = project.read("Dockerfile");
    assert!(after.contains("USER ") && after.contains("MAINTAINER Jo"), "{after}");
}

#[test]
fn a_named_rewrite_fails_by_its_own_rule_only() {
    let project = Project::new(&[("Dockerfile", ROOT)]);
    project.run(&["rewrite", "--fail-on", "warning", "user", "Dockerfile"]).code(0);
}
