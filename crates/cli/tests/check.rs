//! `dockmend check`, through the binary.

mod support;

use support::{ONE_LEFT, Project, RULES, TWO_FIXES};

#[test]
fn nothing_found_is_success() {
    let project = Project::new(&[("Dockerfile", "FROM scratch\n")]);
    project.run(&["check"]).code(0).says("Checked 1 Dockerfile: nothing found.\n").quietly();
}

#[test]
fn a_finding_shows_its_line_its_rule_and_its_page() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    project
        .run(&["check", RULES])
        .code(0)
        .says("warning[maintainer-instruction]: MAINTAINER is deprecated")
        .says(" --> Dockerfile:2:1")
        .says("2 | MAINTAINER Jo")
        .says("= fix: dockmend fix Dockerfile")
        .says("= page: https://dockmend.github.io/dockmend/rules/maintainer-instruction")
        .says("hint[apt-recommends]")
        .says("Checked 1 Dockerfile: 1 warning, 1 hint; 2 have a fix.")
        .quietly();
}

#[test]
fn the_context_and_its_source_are_said() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    project.run(&["check", RULES]).says("Dockerfile: context ., known from the folder of the Dockerfile");
    project
        .write("compose.yaml", "services:\n  api:\n    build: { context: ., dockerfile: api/Dockerfile }\n");
    project.write("api/Dockerfile", TWO_FIXES);
    project
        .run(&["check", RULES, "api"])
        .says("api/Dockerfile: context ., known from service `api` in compose.yaml");
    project
        .run(&["check", RULES, "--context", "api", "api/Dockerfile"])
        .says("api/Dockerfile: context api, known from the command line");
}

#[test]
fn a_guess_that_nothing_confirms_is_no_context() {
    let project =
        Project::new(&[("docker/Dockerfile", "FROM scratch\nMAINTAINER Jo\nCOPY package.json /\n")]);
    project
        .run(&["check", RULES])
        .says("context not known: it is not the folder of the Dockerfile, which has no `package.json` (copied in line 3)");
    project.write("docker/package.json", "{}");
    project.run(&["check", RULES]).says("context docker, known from the folder of the Dockerfile");
}

#[test]
fn the_configuration_names_contexts() {
    let project = Project::new(&[
        ("docker/Dockerfile", "FROM scratch\nMAINTAINER Jo\n"),
        ("dockmend.toml", "[contexts]\n\"docker/Dockerfile\" = \".\"\n"),
    ]);
    project.run(&["check", RULES]).says("context ., known from the configuration");
}

#[test]
fn a_remote_context_is_not_known() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    project
        .run(&["check", RULES, "--context", "https://example.com/x.git", "Dockerfile"])
        .code(0)
        .says("context not known: https://example.com/x.git, named by the command line, is remote");
}

#[test]
fn fail_on_decides_the_exit_code() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES), ("low/Dockerfile", ONE_LEFT)]);
    for (level, path, code) in [
        ("error", "Dockerfile", 0),
        ("warning", "Dockerfile", 1),
        ("hint", "Dockerfile", 1),
        ("never", "Dockerfile", 0),
        ("warning", "low/Dockerfile", 0),
        ("hint", "low/Dockerfile", 1),
    ] {
        assert_eq!(project.run(&["check", RULES, "--fail-on", level, path]).code, code, "{level} {path}");
    }
}

#[test]
fn what_buildkit_refuses_is_an_error() {
    let project = Project::new(&[("Dockerfile", "FROM alpine\nRUN <<EOF\necho\n")]);
    project.run(&["check"]).code(1).says("error[syntax]: ").says(" --> Dockerfile:2:").says("1 error");
    project.run(&["check", "--fail-on", "never"]).code(0);
}

#[test]
fn select_and_ignore_take_ids_and_aliases() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    project.run(&["check", "--select", "DL3015"]).says("apt-recommends").says_not("maintainer-instruction");
    project
        .run(&["check", RULES, "--ignore", "DL4000"])
        .says("apt-recommends")
        .says_not("maintainer-instruction");
    project
        .run(&["check", "--select", "DL3015,DL4000"])
        .says("apt-recommends")
        .says("maintainer-instruction");
}

#[test]
fn select_goes_over_the_configuration() {
    let project =
        Project::new(&[("Dockerfile", TWO_FIXES), ("dockmend.toml", "ignore = [\"DL3015\", \"DL4000\"]\n")]);
    project.run(&["check"]).says_not("maintainer-instruction").says_not("apt-recommends");
    project.run(&["check", "--select", "DL4000"]).says("maintainer-instruction").says_not("apt-recommends");
}

#[test]
fn the_nearest_configuration_applies() {
    let project = Project::new(&[
        ("a/Dockerfile", TWO_FIXES),
        ("b/Dockerfile", TWO_FIXES),
        ("dockmend.toml", "select = [\"DL4000\"]\n"),
        ("b/dockmend.toml", "select = [\"DL3015\"]\n"),
    ]);
    project.run(&["check", "a"]).says("maintainer-instruction").says_not("apt-recommends");
    project.run(&["check", "b"]).says("apt-recommends").says_not("maintainer-instruction");
    project.run(&["check"]).says("maintainer-instruction").says("apt-recommends");
}

#[test]
fn a_folder_is_walked_for_the_usual_names() {
    let project = Project::new(&[
        ("Dockerfile", TWO_FIXES),
        ("b/api.Dockerfile", TWO_FIXES),
        ("b/Containerfile", TWO_FIXES),
        ("b/Dockerfile.j2", TWO_FIXES),
        ("b/Dockerfile.dockerignore", "x"),
        ("b/notes.txt", "x"),
        ("node_modules/x/Dockerfile", TWO_FIXES),
        (".gitignore", "ignored/\n"),
        ("ignored/Dockerfile", TWO_FIXES),
    ]);
    project.run(&["check", RULES]).says("Checked 3 Dockerfiles: 3 warnings, 3 hints");
    project.run(&["check", RULES, "b/Dockerfile.j2"]).says("Checked 1 Dockerfile");
}

#[test]
fn results_come_in_the_order_of_the_paths() {
    let names: Vec<String> = (0..40).map(|number| format!("s{number:02}/Dockerfile")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), TWO_FIXES)).collect();
    let project = Project::new(&files);
    // Some of them share a context, which must not bring them forward.
    let service =
        |number| format!("  s{number}:\n    build: {{ context: ., dockerfile: s{number:02}/Dockerfile }}\n");
    let services: Vec<String> = (0..40).step_by(3).map(service).collect();
    project.write("compose.yaml", format!("services:\n{}", services.concat()));
    let (_, json) = project.json(&["check", "--format", "json"]);
    let paths: Vec<&str> =
        json["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, names);
}

#[test]
fn a_folder_without_dockerfiles_is_said() {
    let project = Project::new(&[("notes.txt", "x")]);
    project.run(&["check"]).code(0).warns("no Dockerfile found in .");
}

#[test]
fn standard_input_has_no_context_and_a_name() {
    let project = Project::new(&[]);
    project.pipe(&["check", RULES, "-"], TWO_FIXES).code(0).says("<stdin>:2:1").says("context not known");
    project
        .pipe(&["check", RULES, "--fail-on", "warning", "--stdin-filename", "api/Dockerfile", "-"], TWO_FIXES)
        .code(1)
        .says("api/Dockerfile:2:1");
}

#[test]
fn the_configuration_of_the_named_file_applies_to_standard_input() {
    let project = Project::new(&[("api/dockmend.toml", "select = [\"DL3015\"]\n")]);
    project
        .pipe(&["check", "--stdin-filename", "api/Dockerfile", "-"], TWO_FIXES)
        .says("apt-recommends")
        .says_not("maintainer-instruction");
}

#[test]
fn control_characters_of_a_file_do_not_reach_the_terminal() {
    let project = Project::new(&[("Dockerfile", "FROM scratch\nMAINTAINER \u{1b}]0;x\u{7}Jo\n")]);
    project.run(&["check", RULES]).says("maintainer-instruction").says_not("\u{1b}").says_not("\u{7}");
}

#[test]
fn colours_follow_the_environment() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    let output = |variables: &[(&str, &str)]| {
        let output = project.command(&["check", RULES]).envs(variables.iter().copied()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!output(&[]).contains('\u{1b}'), "a pipe gets no colours");
    assert!(output(&[("CLICOLOR_FORCE", "1")]).contains('\u{1b}'));
    assert!(!output(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).contains('\u{1b}'));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::io::Read as _;
    use std::process::{Command, Stdio};
    let names: Vec<String> = (0..200).map(|number| format!("s{number}/Dockerfile")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), TWO_FIXES)).collect();
    let project = Project::new(&files);
    let mut child = Command::new(env!("CARGO_BIN_EXE_dockmend"))
        .args(["check", RULES])
        .current_dir(project.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 16];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
}
