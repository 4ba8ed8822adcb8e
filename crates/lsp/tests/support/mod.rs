//! An editor that is played by a script: it starts the server as a process and speaks to it over its standard streams.

#![allow(dead_code, unreachable_pub)] // Each test binary uses its own part.
#![allow(clippy::needless_pass_by_value)] // `json!` makes values that nobody else wants.

use std::collections::VecDeque;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// No answer takes so long, on however busy a machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What VS Code declares, as far as the server looks at it.
pub const VSCODE: &str = include_str!("../clients/vscode.json");
/// Neovim 0.11.
pub const NEOVIM: &str = include_str!("../clients/neovim.json");
/// Helix 25.07.
pub const HELIX: &str = include_str!("../clients/helix.json");
/// Emacs with eglot 30.1.
pub const EGLOT: &str = include_str!("../clients/eglot.json");
/// Vim with ALE 3.3.
pub const ALE: &str = include_str!("../clients/ale.json");

/// The server, and a folder that is open in the editor.
pub struct Editor {
    server: Child,
    input: ChildStdin,
    output: Receiver<Value>,
    /// Notifications that came while something else was awaited.
    waiting: VecDeque<Value>,
    next: i64,
    folder: TempDir,
    /// What the server answered to `initialize`.
    pub server_capabilities: Value,
}

impl Editor {
    /// Starts the server with the capabilities of an editor, in a folder with these files.
    pub fn start(capabilities: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut editor = Self::bare(folder);
        let root = editor.uri("");
        let capabilities: Value = serde_json::from_str(capabilities).unwrap();
        let answer = editor.ask(
            "initialize",
            json!({"processId": null, "rootUri": root, "capabilities": capabilities,
                   "workspaceFolders": [{"uri": root, "name": "x"}]}),
        );
        editor.server_capabilities = answer["capabilities"].clone();
        editor.tell("initialized", json!({}));
        editor
    }

    /// Starts the server and says nothing to it.
    pub fn bare(folder: TempDir) -> Self {
        let mut server = Command::new(env!("CARGO_BIN_EXE_dockmend-lsp"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let input = server.stdin.take().unwrap();
        let mut output = BufReader::new(server.stdout.take().unwrap());
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Self {
            server,
            input,
            output: receiver,
            waiting: VecDeque::new(),
            next: 0,
            folder,
            server_capabilities: Value::Null,
        }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The URI of a path in the folder.
    pub fn uri(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display().to_string().trim_end_matches('/'))
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).unwrap();
        self.input.flush().unwrap();
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.send_raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    /// Sends a notification.
    pub fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request and returns its number.
    pub fn begin(&mut self, method: &str, params: Value) -> i64 {
        self.next += 1;
        let id = self.next;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// The answer to a request, result and error included.
    pub fn end(&mut self, id: i64) -> Value {
        loop {
            let message = self.output.recv_timeout(PATIENCE).expect("the server answers");
            if message["id"] == json!(id) && message.get("method").is_none() {
                return message;
            }
            self.note(message);
        }
    }

    /// The result of a request.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params);
        let answer = self.end(id);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Keeps a notification for later, and agrees to whatever the server asks for.
    fn note(&mut self, message: Value) {
        if let (Some(id), Some(_)) = (message.get("id").cloned(), message.get("method")) {
            self.send(&json!({"jsonrpc": "2.0", "id": id, "result": null}));
        }
        self.waiting.push_back(message);
    }

    /// The next notification of this method for which the test holds.
    pub fn await_told(&mut self, method: &str, test: impl Fn(&Value) -> bool) -> Value {
        loop {
            while let Some(message) = self.waiting.pop_front() {
                if message["method"] == method && test(&message["params"]) {
                    return message["params"].clone();
                }
            }
            let message = self.output.recv_timeout(PATIENCE).expect("the server says something");
            self.note(message);
        }
    }

    /// Whether a notification of this method has come so far.
    pub fn was_told(&self, method: &str) -> bool {
        self.waiting.iter().any(|message| message["method"] == method)
    }

    /// Opens a file of the folder with a text.
    pub fn open(&mut self, name: &str, text: &str) {
        let uri = self.uri(name);
        self.open_uri(&uri, text);
    }

    /// Opens a document.
    pub fn open_uri(&mut self, uri: &str, text: &str) {
        self.tell(
            "textDocument/didOpen",
            json!({"textDocument": {"uri": uri, "languageId": "dockerfile", "version": 1, "text": text}}),
        );
    }

    /// The diagnostics of a file, in the way that the editor gets them.
    pub fn diagnostics(&mut self, name: &str, version: i64) -> Vec<Value> {
        let uri = self.uri(name);
        if self.server_capabilities.get("diagnosticProvider").is_some() {
            let report = self.ask("textDocument/diagnostic", json!({"textDocument": {"uri": uri}}));
            return report["items"].as_array().unwrap().clone();
        }
        let published = self.await_told("textDocument/publishDiagnostics", |params| {
            params["uri"] == uri.as_str() && params["version"] == json!(version)
        });
        published["diagnostics"].as_array().unwrap().clone()
    }

    /// The code actions at a line, from 0.
    pub fn actions(&mut self, name: &str, line: u32, only: Option<&[&str]>) -> Vec<Value> {
        let at = json!({"line": line, "character": 0});
        let mut context = json!({"diagnostics": []});
        if let Some(only) = only {
            context["only"] = json!(only);
        }
        let uri = self.uri(name);
        let range = json!({"start": at, "end": {"line": line, "character": 200}});
        let listed = self.ask(
            "textDocument/codeAction",
            json!({"textDocument": {"uri": uri}, "range": range, "context": context}),
        );
        listed.as_array().cloned().unwrap_or_default()
    }

    /// The edit of the action whose title holds these words, as the editor gets it when it is picked.
    pub fn pick(&mut self, actions: &[Value], words: &str) -> Value {
        let action = actions
            .iter()
            .find(|action| action["title"].as_str().unwrap().contains(words))
            .unwrap_or_else(|| panic!("{words:?} is not among {actions:#?}"));
        if action.get("edit").is_some() {
            return action["edit"].clone();
        }
        self.ask("codeAction/resolve", action.clone())["edit"].clone()
    }

    /// Says goodbye; the server ends.
    pub fn stop(mut self) {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        assert!(self.server.wait().unwrap().success());
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // A test that failed leaves no server behind.
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

fn read(output: &mut impl std::io::BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// A text after the edits of one file, which count columns in UTF-16 or bytes: the texts of these tests are ASCII where it
/// matters.
pub fn applied(text: &str, edits: &Value) -> String {
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let offset = |position: &Value| {
        let line = position["line"].as_u64().unwrap() as usize;
        starts[line] + position["character"].as_u64().unwrap() as usize
    };
    let mut edits: Vec<(usize, usize, String)> = edits
        .as_array()
        .unwrap()
        .iter()
        .map(|edit| {
            let range = &edit["range"];
            (offset(&range["start"]), offset(&range["end"]), edit["newText"].as_str().unwrap().to_owned())
        })
        .collect();
    edits.sort();
    let mut after = text.to_owned();
    for (start, end, new) in edits.into_iter().rev() {
        after.replace_range(start..end, &new);
    }
    after
}

/// The edits of one file in a workspace edit, whichever form it has.
pub fn edits_of(edit: &Value, uri: &str) -> Value {
    if let Some(changes) = edit.get("changes") {
        return changes[uri].clone();
    }
    let operations = edit["documentChanges"].as_array().unwrap();
    operations.iter().find(|one| one["textDocument"]["uri"] == uri).unwrap()["edits"].clone()
}

/// Whether two paths are the same file.
pub fn same(a: &Path, b: &Path) -> bool {
    a.canonicalize().ok() == b.canonicalize().ok()
}
