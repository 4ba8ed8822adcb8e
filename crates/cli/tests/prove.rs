//! `dockmend rewrite --prove`, through the binary, with an engine that is played by a script.

#![cfg(unix)]

mod support;

use std::os::unix::fs::PermissionsExt as _;

use support::Project;

const SHOP: &[(&str, &str)] = &[
    ("Dockerfile", "FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci\nCMD [\"node\", \"server.js\"]\n"),
    ("package.json", r#"{"name": "shop", "dependencies": {"express": "4.21.2"}}"#),
    ("package-lock.json", r#"{"lockfileVersion": 3}"#),
    ("server.js", "require('express')().listen(3000)"),
];

/// Answers as an engine would: a text whose source is copied before the installation runs it again.
const ENGINE: &str = r#"#!/bin/sh
[ "$1 $2" = "image rm" ] && exit 0
if [ "$1 $2" = "image inspect" ]; then
  case $3 in
    *after) echo '[{"Size": 90000000, "Config": {"User": "1000:1000", "Cmd": ["node", "server.js"]}}]' ;;
    *) echo '[{"Size": 90000000, "Config": {"User": "", "Cmd": ["node", "server.js"]}}]' ;;
  esac
  exit 0
fi
while [ "$1" != --file ]; do shift; done
echo "$2 $3" >> "$CALLS"
echo '#5 [2/4] RUN npm ci' >&2
if grep -q 'COPY package.json' "$2"; then
  [ -n "$BREAKS" ] && { echo '#5 ERROR: it broke' >&2; exit 1; }
  tail -c 1 "$3/server.js" | grep -q ')' || echo '#5 CACHED' >&2
fi
exit 0
"#;

fn with_engine(arguments: &[&str], breaks: &str) -> (Project, support::Ran) {
    let project = Project::new(SHOP);
    project.write("bin/docker", ENGINE);
    std::fs::set_permissions(project.path("bin/docker"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", project.path("bin").display(), std::env::var("PATH").unwrap());
    let mut command = project.command(arguments);
    command.env("PATH", path).env("CALLS", project.path("calls")).env("BREAKS", breaks);
    let ran = support::ran(&mut command);
    (project, ran)
}

#[test]
fn what_holds_is_written_and_told_as_a_table() {
    let (project, ran) = with_engine(&["rewrite", "--prove", "order", "user", "Dockerfile"], "");
    ran.code(0)
        .says("| user | root | 1000:1000 |\n")
        .says("| RUN steps again after a source edit | 1 | 0 |\n")
        .says("| build context | 5 files,")
        .says_not("Cmd");
    assert!(
        project.read("Dockerfile").contains("COPY package.json package-lock.json ./\nRUN npm ci\nRUN chown")
    );
    // Before, before with an edit, after, after with an edit; and never in the folder itself.
    let calls = project.read("calls");
    assert_eq!(calls.lines().count(), 4, "{calls}");
    assert!(!calls.contains(&project.path("").display().to_string()), "{calls}");
    assert_eq!(project.read("server.js"), SHOP[3].1);
}

#[test]
fn what_does_not_build_is_not_written() {
    let (project, ran) = with_engine(&["rewrite", "--prove", "order", "Dockerfile"], "yes");
    let ran = ran.code(3);
    assert!(ran.err.contains("nothing was written: it does not build after the rewrite"), "{}", ran.err);
    assert!(ran.err.contains("it broke"), "{}", ran.err);
    assert_eq!(project.read("Dockerfile"), SHOP[0].1);
}

#[test]
fn a_preview_with_proof_writes_nothing() {
    let (project, ran) = with_engine(&["rewrite", "--prove", "--diff", "order", "Dockerfile"], "");
    ran.code(0)
        .says("+COPY package.json package-lock.json ./")
        .says("| RUN steps again after a source edit | 1 | 0 |");
    assert_eq!(project.read("Dockerfile"), SHOP[0].1);
}

#[test]
fn without_an_engine_nothing_is_written_either() {
    let project = Project::new(SHOP);
    let mut command = project.command(&["rewrite", "--prove", "order", "Dockerfile"]);
    command.env("PATH", project.path("nothing"));
    let ran = support::ran(&mut command).code(3);
    assert!(ran.err.contains("the command `docker` cannot be started"), "{}", ran.err);
    assert_eq!(project.read("Dockerfile"), SHOP[0].1);
}

#[test]
fn all_stands_for_every_rewrite() {
    let project = Project::new(SHOP);
    project.write("node_modules/express/index.js", "");
    project.run(&["rewrite", "all", "Dockerfile"]).code(0);
    let text = project.read("Dockerfile");
    assert!(text.contains("USER 1000:1000") && text.contains("RUN npm ci\nCOPY"), "{text}");
    assert!(project.read(".dockerignore").contains("node_modules"));
}
