//! `why`, `explain`, `rules`, `completions`, help and JSON, through the binary.

mod support;

use support::{Project, RULES, TWO_FIXES};

#[test]
fn why_tells_what_was_seen_and_what_the_fix_changes() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    project
        .run(&["why", "Dockerfile", "DL3015"])
        .code(0)
        .says("apt-recommends in Dockerfile: ")
        .says("context ., known from the folder of the Dockerfile")
        .says("line 3: apt-get install")
        .says("stage 1 (line 1) from debian:12-slim")
        .says("family debian")
        .says("USER root")
        .says("(dockmend fix --unsafe-fixes)")
        .says("unsafe: it changes how the image is built or run")
        .says("line 3: a command gets `--no-install-recommends`")
        .says("passed")
        .quietly();
    assert_eq!(project.read("Dockerfile"), TWO_FIXES);
}

#[test]
fn why_tells_which_condition_failed() {
    let project =
        Project::new(&[("Dockerfile", "FROM debian:12\nRUN <<EOF\napt-get install -y curl\nEOF\n")]);
    project
        .run(&["why", "Dockerfile", "apt-recommends"])
        .code(0)
        .says("left alone: the command stands in a heredoc");
}

#[test]
fn why_tells_that_nothing_was_found() {
    let project = Project::new(&[("Dockerfile", "FROM debian:12 AS Build\nUSER app\n")]);
    project
        .run(&["why", "Dockerfile", "maintainer-instruction"])
        .code(0)
        .says("The rule looked and found nothing.")
        .says("stage 1 `build` (line 1) from debian:12")
        .says("USER app");
}

#[test]
fn why_tells_that_a_rule_is_off() {
    let project = Project::new(&[("Dockerfile", "FROM a\nrun b\nRUN c\nRUN d\n")]);
    project
        .run(&["why", "Dockerfile", "mixed-instruction-casing"])
        .says("The rule is off by default")
        .says("line 2: run");
    project.write("dockmend.toml", "ignore = [\"DL4000\"]\n");
    project
        .run(&["why", "Dockerfile", "maintainer-instruction"])
        .says("The rule is switched off in dockmend.toml.");
}

#[test]
fn why_tells_that_a_context_is_needed() {
    let project = Project::new(&[("Dockerfile", "FROM a\n")]);
    project
        .run(&["why", "--context", "https://example.com/x.git", "Dockerfile", "missing-dockerignore"])
        .code(0)
        .says("The rule needs the build context, which is not known");
}

#[test]
fn why_tells_that_a_comment_switches_a_rule_off() {
    let project = Project::new(&[("Dockerfile", "FROM a\n# hadolint ignore=DL4000\nMAINTAINER Jo\n")]);
    project
        .run(&["why", "Dockerfile", "maintainer-instruction"])
        .says("A comment in the file switches it off here: it would have 1 finding.");
}

#[test]
fn why_reads_standard_input() {
    let project = Project::new(&[]);
    project
        .pipe(&["why", "-", "DL4000"], TWO_FIXES)
        .code(0)
        .says("context not known: the text comes from standard input")
        .says("safe: proven");
    project.run(&["why", "nowhere", "DL4000"]).code(3).warns("nowhere: does not exist");
}

#[test]
fn explain_shows_the_page_by_id_and_alias() {
    let project = Project::new(&[]);
    for name in ["apt-recommends", "DL3015", "hadolint:DL3015", "APT-Recommends"] {
        project
            .run(&["explain", name])
            .code(0)
            .says("apt-recommends\nhint, on by default, has a fix\nelsewhere: hadolint:DL3015\n")
            .says("\nWhy\n")
            .says("\n    FROM debian:12-slim\n")
            .says("  becomes\n")
            .says_not("##")
            .says_not("```");
    }
    project.run(&["explain", "apt-recomends"]).code(2).warns("did you mean `apt-recommends`?");
}

#[test]
fn explain_shows_hazards() {
    let project = Project::new(&[]);
    project
        .run(&["explain", "H001"])
        .code(0)
        .says("H001  Exec form expands no variables")
        .says("What breaks");
    project.run(&["explain", "h001"]).code(0).says("H001");
    project.run(&["explain", "H999"]).code(2).warns("there is no hazard `H999`");
}

#[test]
fn every_rule_is_listed_and_can_be_explained() {
    let project = Project::new(&[]);
    let list = project.run(&["rules"]).code(0).says("rule ").out;
    let (_, json) = project.json(&["rules", "--format", "json"]);
    assert_eq!(json["schema"], 1);
    let rules = json["rules"].as_array().unwrap();
    assert_eq!(rules.len(), list.lines().count() - 1);
    for rule in rules {
        let id = rule["id"].as_str().unwrap();
        assert!(list.lines().any(|line| line.starts_with(id)), "{id}");
        project.run(&["explain", id]).code(0).says(id).says(rule["url"].as_str().unwrap());
    }
    let apt = rules.iter().find(|rule| rule["id"] == "apt-recommends").unwrap();
    assert_eq!(apt["severity"], "hint");
    assert_eq!(apt["default"], true);
    assert_eq!(apt["fixable"], true);
    assert_eq!(apt["aliases"][0], "hadolint:DL3015");
}

#[test]
fn completions_name_the_commands() {
    let project = Project::new(&[]);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        project.run(&["completions", shell]).code(0).says("rewrite").says("unsafe-fixes");
    }
}

#[test]
fn help_has_examples_and_exit_codes() {
    let project = Project::new(&[]);
    project.run(&["--help"]).code(0).says("Examples:").says("Exit codes: 0 all is well");
    for command in ["check", "fix", "rewrite", "why", "explain", "completions"] {
        project.run(&[command, "--help"]).code(0).says("Example").says("dockmend");
    }
    project.run(&["--version"]).code(0).says("dockmend 0");
}

#[test]
fn json_of_check_has_the_promised_fields() {
    let project =
        Project::new(&[("Dockerfile", "# \u{e9}\u{1f433}\nFROM debian:12-slim\nMAINTAINER \u{e9}\n")]);
    let (code, json) = project.json(&["check", RULES, "--fail-on", "warning", "--format", "json"]);
    assert_eq!(code, 1);
    assert_eq!(json["schema"], 1);
    let file = &json["files"][0];
    assert_eq!(file["path"], "Dockerfile");
    assert_eq!(file["context"]["source"], "the folder of the Dockerfile");
    assert!(file["context"]["dir"].as_str().unwrap().starts_with('/'));
    let finding = &file["findings"][0];
    assert_eq!(finding["rule"], "maintainer-instruction");
    assert_eq!(finding["severity"], "warning");
    assert_eq!(finding["fix"]["status"], "available");
    assert_eq!(finding["range"]["start"], serde_json::json!({"line": 3, "column": 1, "offset": 29}));
    assert!(finding["url"].as_str().unwrap().ends_with("/maintainer-instruction"));
    for list in ["problems", "fixed", "ready", "refused", "rejections"] {
        assert_eq!(file[list], serde_json::json!([]), "{list}");
    }
    assert_eq!(json["summary"]["warnings"], 1);
    assert_eq!(json["summary"]["files"], 1);
}

#[test]
fn json_of_fix_tells_what_was_fixed() {
    let project = Project::new(&[("Dockerfile", TWO_FIXES)]);
    let (code, json) = project.json(&["fix", RULES, "--diff", "--format", "json"]);
    assert_eq!(code, 0);
    let file = &json["files"][0];
    assert_eq!(file["fixed"][0]["rule"], "maintainer-instruction");
    assert_eq!(file["fixed"][0]["safety"], "safe");
    assert_eq!(file["findings"][0]["rule"], "apt-recommends");
    assert!(file["diff"].as_str().unwrap().starts_with("--- a/Dockerfile\n"));
    assert_eq!(json["summary"]["fixed"], 1);
    assert_eq!(project.read("Dockerfile"), TWO_FIXES);
    let (_, json) = project.json(&["fix", RULES, "--format", "json"]);
    assert_eq!(json["files"][0]["diff"], serde_json::Value::Null);
    assert_ne!(project.read("Dockerfile"), TWO_FIXES);
}

#[test]
fn json_stays_json_whatever_goes_wrong() {
    let project = Project::new(&[("b/Dockerfile", TWO_FIXES)]);
    project.write("a/Dockerfile", b"\xff");
    let (code, json) = project.json(&["check", RULES, "--format", "json", ".", "nowhere"]);
    assert_eq!(code, 3);
    assert_eq!(json["files"][0]["path"], "a/Dockerfile");
    assert!(json["files"][0]["error"].as_str().unwrap().contains("not UTF-8"));
    assert_eq!(json["files"][1]["error"], serde_json::Value::Null);
    assert_eq!(json["problems"][0], "nowhere: does not exist");
    assert_eq!(json["summary"]["unprocessed"], 2);
    let (_, json) = Project::new(&[]).json(&["check", "--format", "json"]);
    assert_eq!(json["files"], serde_json::json!([]));
}

#[test]
fn json_of_standard_input_is_json() {
    let project = Project::new(&[]);
    let ran = project.pipe(&["check", "--format", "json", "-"], "FROM alpine\nRUN <<EOF\n").code(1);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["files"][0]["context"]["dir"], serde_json::Value::Null);
    assert_eq!(json["files"][0]["problems"][0]["range"]["start"]["line"], 2);
}
