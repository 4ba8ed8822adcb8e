//! The server as an editor meets it, over a real process.

mod support;

use serde_json::{Value, json};
use support::{ALE, EGLOT, Editor, HELIX, NEOVIM, VSCODE, applied, edits_of};

const CLIENTS: [(&str, &str); 5] =
    [("VS Code", VSCODE), ("Neovim", NEOVIM), ("Helix", HELIX), ("eglot", EGLOT), ("ALE", ALE)];

const SHOP: &str =
    "FROM node:20\nMAINTAINER Jo\nWORKDIR /app\nCOPY . .\nRUN npm ci\nCMD [\"node\", \"server.js\"]\n";

const FILES: &[(&str, &str)] = &[
    ("Dockerfile", SHOP),
    ("package.json", r#"{"name": "shop", "dependencies": {"express": "4.21.2"}}"#),
    ("package-lock.json", r#"{"lockfileVersion": 3}"#),
    ("server.js", "require('express')().listen(3000)"),
    ("node_modules/express/index.js", ""),
    (".env", "TOKEN=x"),
];

fn rules(diagnostics: &[Value]) -> Vec<&str> {
    let mut rules: Vec<_> = diagnostics.iter().filter_map(|one| one["code"].as_str()).collect();
    rules.sort_unstable();
    rules
}

#[test]
fn every_editor_gets_the_same_findings_in_its_own_way() {
    for (name, capabilities) in CLIENTS {
        let mut editor = Editor::start(capabilities, FILES);
        editor.open("Dockerfile", SHOP);
        let found = editor.diagnostics("Dockerfile", 1);
        let rules = rules(&found);
        for rule in
            ["maintainer-instruction", "missing-dockerignore", "root-user", "source-before-dependencies"]
        {
            assert!(rules.contains(&rule), "{name}: {rules:?}");
        }
        let maintainer = found.iter().find(|one| one["code"] == "maintainer-instruction").unwrap();
        assert_eq!(maintainer["range"]["start"]["line"], 1, "{name}");
        assert_eq!(maintainer["data"]["rule"], "maintainer-instruction", "{name}");
        assert!(maintainer["codeDescription"]["href"].as_str().unwrap().ends_with("/maintainer-instruction"));
        editor.stop();
    }
}

#[test]
fn diagnostics_are_pulled_or_pushed_and_never_both() {
    for (name, capabilities) in CLIENTS {
        let mut editor = Editor::start(capabilities, FILES);
        let pulls = editor.server_capabilities.get("diagnosticProvider").is_some();
        assert_eq!(pulls, !matches!(name, "eglot" | "ALE"), "{name}");
        editor.open("Dockerfile", SHOP);
        if pulls {
            editor.diagnostics("Dockerfile", 1);
            // Something else is answered, and nothing was sent before.
            let uri = editor.uri("Dockerfile");
            editor.ask("textDocument/foldingRange", json!({"textDocument": {"uri": uri}}));
            assert!(!editor.was_told("textDocument/publishDiagnostics"), "{name}");
        } else {
            editor.diagnostics("Dockerfile", 1);
        }
        editor.stop();
    }
}

#[test]
fn a_quick_fix_is_the_fix_of_the_command_line() {
    for (name, capabilities) in CLIENTS {
        let mut editor = Editor::start(capabilities, FILES);
        editor.open("Dockerfile", SHOP);
        let actions = editor.actions("Dockerfile", 1, None);
        let edit = editor.pick(&actions, "label org.opencontainers");
        let uri = editor.uri("Dockerfile");
        let after = applied(SHOP, &edits_of(&edit, &uri));
        assert_eq!(
            after,
            SHOP.replace("MAINTAINER Jo", "LABEL org.opencontainers.image.authors=\"Jo\""),
            "{name}"
        );
        assert_eq!(edit.get("documentChanges").is_some(), name != "ALE", "{name}");
        if name != "ALE" {
            assert_eq!(edit["documentChanges"][0]["textDocument"]["version"], 1, "{name}");
        }
        editor.stop();
    }
}

#[test]
fn a_great_rewrite_is_offered_anywhere_in_the_file_and_computed_when_picked() {
    for (name, capabilities) in CLIENTS {
        let mut editor = Editor::start(capabilities, FILES);
        editor.open("Dockerfile", SHOP);
        let actions = editor.actions("Dockerfile", 5, Some(&["refactor"]));
        assert!(
            actions.iter().all(|one| one["kind"].as_str().unwrap().starts_with("refactor.rewrite.dockmend."))
        );
        let edit = editor.pick(&actions, "Rewrite: user");
        let uri = editor.uri("Dockerfile");
        let after = applied(SHOP, &edits_of(&edit, &uri));
        assert!(after.contains("\nUSER 1000:1000\nCMD"), "{name}: {after}");
        editor.stop();
    }
}

#[test]
fn a_file_is_created_only_by_editors_that_can() {
    for (name, capabilities) in CLIENTS {
        let mut editor = Editor::start(capabilities, FILES);
        editor.open("Dockerfile", SHOP);
        let actions = editor.actions("Dockerfile", 3, Some(&["refactor.rewrite.dockmend.ignore"]));
        let edit = match actions.as_slice() {
            // One that cannot ask later is not offered what cannot be done.
            [] => Value::Null,
            _ => editor.pick(&actions, "ignore"),
        };
        let creates = !matches!(name, "eglot" | "ALE");
        assert_eq!(!edit.is_null(), creates, "{name}: {edit}");
        if creates {
            let operations = edit["documentChanges"].as_array().unwrap();
            assert_eq!(operations[0]["kind"], "create", "{name}");
            assert_eq!(operations[0]["uri"], editor.uri(".dockerignore").as_str());
            assert_eq!(operations[1]["textDocument"]["version"], Value::Null);
            let text = operations[1]["edits"][0]["newText"].as_str().unwrap();
            assert!(text.contains("node_modules") && text.contains(".env"), "{text}");
        }
        editor.stop();
    }
}

#[test]
fn fix_all_applies_what_is_safe_and_nothing_else() {
    let mut editor = Editor::start(VSCODE, FILES);
    let text = "from alpine:3.20\nMAINTAINER Jo\nRUN apk add curl\nCMD [\"curl\"]\n";
    editor.open("Dockerfile", text);
    assert!(editor.actions("Dockerfile", 0, None).iter().all(|one| one["kind"] != "source.fixAll.dockmend"));
    let actions = editor.actions("Dockerfile", 0, Some(&["source.fixAll"]));
    let edit = editor.pick(&actions, "safe");
    let uri = editor.uri("Dockerfile");
    let after = applied(text, &edits_of(&edit, &uri));
    assert!(
        after.contains("LABEL org.opencontainers") && after.contains("apk add --no-cache curl"),
        "{after}"
    );
    assert!(!after.contains("USER"), "{after}");
    editor.stop();
}

#[test]
fn a_finding_can_be_switched_off_where_it_stands() {
    let mut editor = Editor::start(VSCODE, FILES);
    editor.open("Dockerfile", SHOP);
    let actions = editor.actions("Dockerfile", 1, Some(&["quickfix"]));
    let edit = editor.pick(&actions, "Ignore maintainer-instruction here");
    let uri = editor.uri("Dockerfile");
    let after = applied(SHOP, &edits_of(&edit, &uri));
    assert!(after.contains("\n# dockmend: ignore=maintainer-instruction\nMAINTAINER Jo\n"), "{after}");
    editor.tell(
        "textDocument/didChange",
        json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": after}]}),
    );
    let found = editor.diagnostics("Dockerfile", 2);
    assert!(!rules(&found).contains(&"maintainer-instruction"));
    editor.stop();
}

#[test]
fn three_hundred_rapid_edits_arrive_in_order() {
    for (name, capabilities) in [("VS Code", VSCODE), ("eglot", EGLOT)] {
        let mut editor = Editor::start(capabilities, FILES);
        let start = "FROM alpine:3.20\nMAINTAINER ";
        editor.open("Dockerfile", start);
        let uri = editor.uri("Dockerfile");
        for version in 2..=301 {
            // Each letter goes behind the one before, so that any other order would show.
            let letter = char::from(b'a' + u8::try_from(version % 26).unwrap());
            let at = json!({"line": 1, "character": 11 + version - 2});
            editor.tell(
                "textDocument/didChange",
                json!({"textDocument": {"uri": uri, "version": version},
                       "contentChanges": [{"range": {"start": at, "end": at}, "text": letter.to_string()}]}),
            );
        }
        let typed: String = (2..=301).map(|n| char::from(b'a' + u8::try_from(n % 26).unwrap())).collect();
        assert_eq!(rules(&editor.diagnostics("Dockerfile", 301)), ["maintainer-instruction"], "{name}");
        let actions = editor.actions("Dockerfile", 1, Some(&["quickfix"]));
        let edit = editor.pick(&actions, "label org.opencontainers");
        let after = applied(&format!("{start}{typed}"), &edits_of(&edit, &uri));
        assert_eq!(
            after,
            format!("FROM alpine:3.20\nLABEL org.opencontainers.image.authors=\"{typed}\""),
            "{name}"
        );
        assert_eq!(edit["documentChanges"][0]["textDocument"]["version"], 301, "{name}");
        editor.stop();
    }
}

#[test]
fn columns_are_counted_as_the_editor_counts_them() {
    let text = "FROM alpine:3.20\nRUN echo e\u{301}🐳 && apk add curl\n";
    for (name, capabilities, column) in [("VS Code", VSCODE, 18), ("Neovim", NEOVIM, 21), ("ALE", ALE, 18)] {
        let mut editor = Editor::start(capabilities, &[("Dockerfile", text)]);
        editor.open("Dockerfile", text);
        let actions = editor.actions("Dockerfile", 1, Some(&["quickfix"]));
        let edit = editor.pick(&actions, "--no-cache");
        let uri = editor.uri("Dockerfile");
        let start = &edits_of(&edit, &uri)[0]["range"]["start"];
        let expected = column + "apk add".len();
        assert!(
            [json!(expected), json!(expected - 1), json!(expected + 1)].contains(&start["character"]),
            "{name}: {start}"
        );
        editor.stop();
    }
}

#[test]
fn a_document_that_was_never_saved_has_findings_too() {
    let mut editor = Editor::start(EGLOT, FILES);
    editor.open_uri("untitled:Untitled-1", "FROM alpine:3.20\nMAINTAINER Jo\n");
    let published =
        editor.await_told("textDocument/publishDiagnostics", |params| params["uri"] == "untitled:Untitled-1");
    let found = published["diagnostics"].as_array().unwrap().clone();
    assert_eq!(rules(&found), ["maintainer-instruction"]);
    editor.stop();
}

#[test]
fn what_is_wrong_with_the_configuration_is_said() {
    let mut editor =
        Editor::start(VSCODE, &[("Dockerfile", SHOP), ("dockmend.toml", "select = [\"rot-user\"]\n")]);
    editor.open("Dockerfile", SHOP);
    let found = editor.diagnostics("Dockerfile", 1);
    assert_eq!(found.len(), 1);
    let message = found[0]["message"].as_str().unwrap();
    assert!(message.contains("dockmend.toml") && message.contains("rot-user"), "{message}");
    // It is mended on disk, without a word to the server.
    std::fs::write(editor.path("dockmend.toml"), "select = [\"root-user\"]\n").unwrap();
    let uri = editor.uri("Dockerfile");
    editor.tell("textDocument/didSave", json!({"textDocument": {"uri": uri}}));
    assert_eq!(rules(&editor.diagnostics("Dockerfile", 1)), ["root-user"]);
    editor.stop();
}

#[test]
fn settings_of_the_editor_come_on_top() {
    let mut editor = Editor::start(VSCODE, FILES);
    editor.open("Dockerfile", SHOP);
    editor.tell(
        "workspace/didChangeConfiguration",
        json!({"settings": {"dockmend": {"select": ["maintainer-instruction"]}}}),
    );
    assert_eq!(rules(&editor.diagnostics("Dockerfile", 1)), ["maintainer-instruction"]);
    editor.stop();
}

#[test]
fn a_half_typed_line_leaves_the_findings_of_the_others() {
    let mut editor = Editor::start(VSCODE, FILES);
    let text = "FROM node:20\nMAINTAINER Jo\nRU\nCOPY --fro\nCMD [\"node\", \n";
    editor.open("Dockerfile", text);
    let found = editor.diagnostics("Dockerfile", 1);
    assert!(rules(&found).contains(&"maintainer-instruction"), "{found:#?}");
    let actions = editor.actions("Dockerfile", 2, None);
    let edit = editor.pick(&actions, "Change to `RUN`");
    let uri = editor.uri("Dockerfile");
    assert!(applied(text, &edits_of(&edit, &uri)).contains("\nRUN\nCOPY"));
    editor.stop();
}

#[test]
fn the_outline_has_the_stages() {
    let text =
        "FROM node:20 AS build\nRUN npm ci && \\\n    npm run build\nFROM scratch\nCOPY --from=build /a /a\n";
    let mut editor = Editor::start(VSCODE, &[("Dockerfile", text)]);
    editor.open("Dockerfile", text);
    let uri = editor.uri("Dockerfile");
    let symbols = editor.ask("textDocument/documentSymbol", json!({"textDocument": {"uri": uri}}));
    assert_eq!(symbols[0]["name"], "build");
    assert_eq!(symbols[0]["children"][0]["name"], "RUN");
    assert_eq!(symbols[1]["name"], "stage 1");
    let folds = editor.ask("textDocument/foldingRange", json!({"textDocument": {"uri": uri}}));
    let lines: Vec<_> = folds
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["startLine"].clone(), one["endLine"].clone()))
        .collect();
    assert!(lines.contains(&(json!(0), json!(2))) && lines.contains(&(json!(1), json!(2))), "{folds}");
    let at = json!({"line": 1, "character": 1});
    let hover = editor.ask("textDocument/hover", json!({"textDocument": {"uri": uri}, "position": at}));
    assert!(hover["contents"]["value"].as_str().unwrap().contains("Stage build"), "{hover}");
    editor.stop();
}

#[test]
fn what_an_editor_does_wrong_does_not_stop_the_server() {
    let mut editor = Editor::start(VSCODE, FILES);
    let id = editor.begin("textDocument/nonsense", json!({}));
    assert_eq!(editor.end(id)["error"]["code"], -32601);
    let id = editor.begin("textDocument/hover", json!({"textDocument": 7}));
    assert!(editor.end(id).get("error").is_some());
    let uri = editor.uri("never-opened");
    assert_eq!(
        editor.ask("textDocument/diagnostic", json!({"textDocument": {"uri": uri}}))["items"],
        json!([])
    );
    editor.tell(
        "textDocument/didChange",
        json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": []}),
    );
    editor.open("Dockerfile", SHOP);
    assert!(!editor.diagnostics("Dockerfile", 1).is_empty());
    editor.stop();
}

#[test]
fn a_request_before_initialize_is_refused() {
    let mut editor = Editor::bare(tempfile::tempdir().unwrap());
    let id = editor.begin(
        "textDocument/hover",
        json!({"textDocument": {"uri": "file:///x"}, "position": {"line": 0, "character": 0}}),
    );
    assert_eq!(editor.end(id)["error"]["code"], -32002);
}

#[test]
fn ten_megabytes_are_no_trouble() {
    let mut editor = Editor::start(EGLOT, FILES);
    let text = format!("FROM alpine:3.20\n{}MAINTAINER Jo\n", "# a comment of some length\n".repeat(400_000));
    editor.open("Dockerfile", &text);
    assert_eq!(rules(&editor.diagnostics("Dockerfile", 1)), ["maintainer-instruction"]);
    editor.stop();
}
