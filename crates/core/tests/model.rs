//! The model, from tables. Each fact names its source.

#![allow(clippy::too_many_lines)]

use dockmend_core::model::{Base, BuildModel, Cause, Delta, Known, ShellKind, Source, diff};
use dockmend_core::syntax::Keyword;

fn last(text: &str) -> BuildModel {
    BuildModel::of(text)
}

/// The final user, working directory, entry point and command of the last stage.
fn config(text: &str) -> (Option<String>, Option<String>, Option<String>, Option<String>) {
    let model = last(text);
    let config = &model.last_stage().unwrap().config;
    let words = |command: &Known<Option<dockmend_core::model::CommandLine>>| match command {
        Known::Value(Some(command)) => Some(command.words.join(" ")),
        Known::Value(None) => Some("none".to_owned()),
        Known::Unknown(_) => None,
    };
    (
        config.user.value().cloned(),
        config.workdir.value().cloned(),
        words(&config.entrypoint),
        words(&config.cmd),
    )
}

#[test]
fn the_final_config() {
    let cases: &[(&str, &str, [Option<&str>; 4])] = &[
        // The reference, "USER" and "WORKDIR": scratch runs as root in `/`... nothing sets a directory there.
        ("FROM scratch\n", "scratch has nothing", [Some("root"), None, Some("none"), Some("none")]),
        (
            "FROM scratch\nWORKDIR /a\nWORKDIR b\nWORKDIR ../c/.\n",
            "relative directories",
            [Some("root"), Some("/a/c"), Some("none"), Some("none")],
        ),
        (
            "FROM scratch\nENV D=/x\nWORKDIR $D/y\n",
            "variables in WORKDIR",
            [Some("root"), Some("/x/y"), Some("none"), Some("none")],
        ),
        // The reference, "Understand how CMD and ENTRYPOINT interact": ENTRYPOINT drops an inherited CMD (H008).
        (
            "FROM scratch AS a\nCMD [\"x\"]\nFROM a\nENTRYPOINT [\"e\"]\n",
            "an inherited CMD is dropped",
            [Some("root"), None, Some("e"), Some("none")],
        ),
        (
            "FROM scratch\nCMD [\"x\"]\nENTRYPOINT [\"e\"]\n",
            "a CMD of the same stage stays",
            [Some("root"), None, Some("e"), Some("x")],
        ),
        (
            "FROM scratch AS a\nCMD [\"x\"]\nUSER u\nFROM a\n",
            "a stage inherits",
            [Some("u"), None, Some("none"), Some("x")],
        ),
        // The reference, "SHELL": the shell form is run by it.
        (
            "FROM scratch\nSHELL [\"/bin/bash\", \"-c\"]\nCMD run it\n",
            "the shell form takes the shell",
            [Some("root"), None, Some("none"), Some("/bin/bash -c run it")],
        ),
        (
            "FROM scratch\nCMD run it\n",
            "the default shell",
            [Some("root"), None, Some("none"), Some("/bin/sh -c run it")],
        ),
        // Unknown stays unknown.
        ("FROM corp/unheard\n", "an unknown image", [None, None, None, None]),
        (
            "FROM corp/unheard\nUSER app\nCMD [\"a\"]\n",
            "what the file sets is known",
            [Some("app"), None, None, Some("a")],
        ),
        ("FROM debian:12\n", "a known image", [Some("root"), None, Some("none"), Some("bash")]),
    ];
    for (text, what, [user, workdir, entrypoint, cmd]) in cases {
        let (got_user, got_workdir, got_entrypoint, got_cmd) = config(text);
        assert_eq!(got_user.as_deref(), *user, "user: {what}");
        if workdir.is_some() {
            assert_eq!(got_workdir.as_deref(), *workdir, "workdir: {what}");
        }
        assert_eq!(got_entrypoint.as_deref(), *entrypoint, "entry point: {what}");
        assert_eq!(got_cmd.as_deref(), *cmd, "command: {what}");
    }
}

#[test]
fn stages_and_what_refers_to_them() {
    let model = last(
        "ARG BASE=golang:1.22\nFROM ${BASE} AS Build\nFROM build AS test\nFROM scratch\nCOPY --from=BUILD /a /a\n\
         COPY --from=1 /b /b\nCOPY --from=nginx:1 /c /c\nCOPY --from=9 /d /d\n",
    );
    let bases: Vec<_> = model.stages().iter().map(|stage| stage.base.clone()).collect();
    assert_eq!(bases, [Base::Image("golang:1.22".to_owned()), Base::Stage(0), Base::Scratch]);
    // BuildKit compares the names of stages in lower case.
    assert_eq!(model.stages()[0].name.as_deref(), Some("build"));
    let sources: Vec<_> = (4..8).map(|index| model.copy_source(index)).collect();
    let expected =
        [Some(Source::Stage(0)), Some(Source::Stage(1)), Some(Source::Image("nginx:1".to_owned())), None];
    assert_eq!(sources, expected);
    assert_eq!(model.children(0), [1]);
    let shipped: Vec<bool> = model.stages().iter().map(|stage| stage.shipped).collect();
    assert_eq!(shipped, [false, false, true]);
}

#[test]
fn arguments_and_variables() {
    // The reference, "ARG": one before FROM is seen by FROM alone, until a stage declares it again (H077).
    let model = last(
        "ARG V=1\nARG NONE\nFROM alpine:$V\nRUN a\nARG V\nARG NONE\nARG OWN=o\nENV OWN=env\nENV A=1 B=$A\nENV C=$A\nRUN b\n",
    );
    let state = |index: usize| model.place(index).unwrap().1.state.clone();
    let value = |index: usize, name: &str| match state(index).variable(name) {
        Some(Known::Value(value)) => value.clone(),
        Some(Known::Unknown(Cause::BuildArgument(name))) => format!("argument {name}"),
        Some(Known::Unknown(cause)) => format!("unknown: {cause}"),
        None => "unset".to_owned(),
    };
    assert_eq!(value(3, "V"), "unset");
    let cases = [
        ("V", "1"),
        ("NONE", "argument NONE"),
        // ENV wins over ARG.
        ("OWN", "env"),
        // All values of one ENV see the state before it (H062).
        ("B", "unknown: $A may be set by the base image"),
        ("C", "1"),
    ];
    for (name, expected) in cases {
        assert_eq!(value(10, name), expected, "{name}");
    }
}

#[test]
fn an_argument_without_a_default_makes_the_base_unknown() {
    let model = last("ARG BASE\nFROM $BASE\nRUN x\n");
    assert_eq!(model.stages()[0].base, Base::Unknown(Cause::BuildArgument("BASE".to_owned())));
    assert!(!model.stages()[0].config.user.is_known());
}

#[test]
fn shells() {
    let cases = [
        ("FROM debian:12\nRUN x\n", ShellKind::Posix),
        ("FROM corp/unheard\nRUN x\n", ShellKind::Posix),
        ("FROM scratch\nRUN x\n", ShellKind::None),
        ("FROM debian:12\nSHELL [\"pwsh\", \"-c\"]\nRUN x\n", ShellKind::Windows),
        ("FROM debian:12\nSHELL [\"/usr/bin/python3\", \"-c\"]\nRUN x\n", ShellKind::Other),
        ("FROM mcr.microsoft.com/windows/servercore:ltsc2022\nRUN x\n", ShellKind::Windows),
    ];
    for (text, expected) in cases {
        let model = last(text);
        let run = model.file().instructions().iter().position(|i| i.keyword == Keyword::Run).unwrap();
        assert_eq!(model.place(run).unwrap().1.state.shell_kind(), expected, "{text}");
    }
}

fn deltas(before: &str, after: &str) -> Vec<Delta> {
    diff(&BuildModel::of(before), &BuildModel::of(after))
}

#[test]
fn differences_have_names() {
    let run = |text: &str| format!("FROM alpine:3\nRUN {text}\n");
    let words = |at, words: &[&str]| Delta::WordsAdded {
        instruction: 1,
        command: 0,
        at,
        words: words.iter().map(|word| (*word).to_owned()).collect(),
    };
    let added = |after: Option<usize>, command: &str, joiner: &str| Delta::CommandAdded {
        instruction: 1,
        after,
        order: 0,
        joiner: joiner.to_owned(),
        command: command.to_owned(),
    };
    let cases: Vec<(String, String, Vec<Delta>)> = vec![
        (run("a b"), run("a  \\\n  b"), vec![Delta::LayoutChanged { instruction: 1 }]),
        (run("a b"), run("a x b"), vec![words(1, &["x"])]),
        (run("a b"), run("a b x y"), vec![words(2, &["x", "y"])]),
        (run("a && b"), run("a && b && c"), vec![added(Some(1), "c", "&&")]),
        (run("a && b"), run("c && a && b"), vec![added(None, "c", "&&")]),
        (run("a && b"), run("a && c && b"), vec![added(Some(0), "c", "&&")]),
        (
            run("a && b"),
            run("b"),
            vec![Delta::CommandRemoved {
                instruction: 1,
                command: 0,
                joiner: "&&".to_owned(),
                text: "a".to_owned(),
            }],
        ),
        (
            run("if a; then b c; fi"),
            run("if a; then b x c; fi"),
            vec![Delta::WordsAdded { instruction: 1, command: 1, at: 1, words: vec!["x".to_owned()] }],
        ),
        (
            "FROM alpine:3\nADD a /a\n".to_owned(),
            "FROM alpine:3\nCOPY a /a\n".to_owned(),
            vec![Delta::KeywordChanged { instruction: 1, from: Keyword::Add, to: Keyword::Copy }],
        ),
        (
            "FROM scratch\nUSER a\n".to_owned(),
            "FROM scratch\n".to_owned(),
            vec![
                Delta::StepRemoved { instruction: 1 },
                Delta::ConfigChanged {
                    stage: 0,
                    field: "user".to_owned(),
                    old: Some("a".to_owned()),
                    new: Some("root".to_owned()),
                },
            ],
        ),
        (
            "FROM scratch\nCOPY . .\nRUN [\"x\"]\n".to_owned(),
            "FROM scratch\nRUN [\"x\"]\nCOPY . .\n".to_owned(),
            vec![Delta::StepMoved { instruction: 1, after: Some(2), order: 0 }],
        ),
        (
            "FROM scratch\nUSER a\nRUN [\"x\"]\n".to_owned(),
            "FROM scratch\nUSER b\nRUN [\"x\"]\n".to_owned(),
            vec![
                Delta::ArgumentsChanged {
                    instruction: 1,
                    from: "USER a".to_owned(),
                    to: "USER b".to_owned(),
                },
                Delta::StateChanged {
                    field: "user".to_owned(),
                    old: "a".to_owned(),
                    new: "b".to_owned(),
                    instructions: vec![2],
                },
                Delta::ConfigChanged {
                    stage: 0,
                    field: "user".to_owned(),
                    old: Some("a".to_owned()),
                    new: Some("b".to_owned()),
                },
            ],
        ),
    ];
    for (before, after, mut expected) in cases {
        expected.sort();
        assert_eq!(deltas(&before, &after), expected, "{before}\n->\n{after}");
        assert_eq!(deltas(&before, &before), [], "{before}");
    }
}

#[test]
fn what_has_no_name_is_unexplained() {
    let cases = [
        ("FROM a\n# one\nRUN x\n", "FROM a\nRUN x\n# one\n"),
        ("FROM a\n# one\nRUN x\n", "FROM a\n# two\nRUN x\n"),
        ("FROM a\nRUN x \\\n  # one\n  y\n", "FROM a\nRUN x \\\n  y\n"),
        ("FROM a\nRUN x # c\n", "FROM a\nRUN x # d\n"),
        ("FROM a\nRUN x | y\n", "FROM a\nRUN x; y\n"),
        ("FROM a\nRUN A=1 x\n", "FROM a\nRUN A=2 x\n"),
        ("FROM a\nRUN x > y\n", "FROM a\nRUN x > z\n"),
        ("FROM a\nRUN <<E\nx\nE\n", "FROM a\nRUN <<E\ny\nE\n"),
        ("FROM a\r\nRUN x\r\n", "FROM a\r\nRUN x\n"),
        ("FROM a\nRUN x\n", "FROM a\nRUN x"),
        ("\u{feff}FROM a\n", "FROM a\n"),
        ("# syntax=a\nFROM a\n", "# syntax=b\nFROM a\n"),
        ("FROM a AS b\nFROM c\nCOPY --from=0 x y\n", "FROM z\nFROM a AS b\nFROM c\nCOPY --from=0 x y\n"),
    ];
    for (before, after) in cases {
        let deltas = deltas(before, after);
        let unexplained = deltas.iter().any(|delta| matches!(delta, Delta::Unexplained { .. }));
        assert!(unexplained, "{before}\n->\n{after}\n{deltas:?}");
    }
}

#[test]
fn an_image_that_the_repository_builds_passes_its_end_on() {
    use dockmend_core::context::NoContext;
    use dockmend_core::rewrite::{ContextGroup, Engine, SourceFile};
    use std::sync::Arc;

    let engine = Engine::default();
    let mut parent = SourceFile::new("base/Dockerfile", "FROM debian:12\nUSER 1000:1000\nCMD [\"app\"]\n");
    parent.builds = vec!["corp/base:1".to_owned()];
    let mut middle = SourceFile::new("middle/Dockerfile", "FROM corp/base:1\nENV A=1\n");
    middle.builds = vec!["corp/middle".to_owned()];
    let child = SourceFile::new("api/Dockerfile", "FROM corp/middle\nCOPY a /a\n");
    let images = engine.built_images(&[&middle, &child, &parent]);
    assert_eq!(images.keys().collect::<Vec<_>>(), ["corp/base:1", "corp/middle"]);
    let knowledge = dockmend_core::knowledge::Knowledge::builtin();
    let inputs = dockmend_core::model::ModelInputs::new(&knowledge, &[]).with_images(&images);
    let model = BuildModel::new(dockmend_core::syntax::Dockerfile::parse(Arc::clone(&child.text)), &inputs);
    let end = model.last_stage().unwrap();
    assert_eq!(end.config.user, Known::Value("1000:1000".to_owned()));
    assert!(end.config.is_runnable(), "the parent's parent sets CMD");
    assert_eq!(end.config.env["A"], "1");
    let mut group = ContextGroup::new(vec![child], &NoContext);
    group.images = Arc::new(images);
    let found: Vec<_> = engine.check(&group)[0].findings.iter().map(|finding| finding.rule.id).collect();
    assert!(!found.contains(&"root-user"), "{found:?}");
}
