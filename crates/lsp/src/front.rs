//! The protocol's methods. No other file names the framework.
//!
//! Handlers are polled in the order in which messages arrive, and each changes the state before its first `await`: so
//! changes are made in order. Whatever takes time is done on a thread that may block.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::ls_types::{
    CodeAction, CodeActionKind, CodeActionOptions, CodeActionParams, CodeActionProviderCapability,
    CodeActionResponse, DiagnosticOptions, DiagnosticServerCapabilities, DidChangeConfigurationParams,
    DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidChangeWorkspaceFoldersParams,
    DidCloseTextDocumentParams, DidOpenTextDocumentParams, DidSaveTextDocumentParams,
    DocumentDiagnosticParams, DocumentDiagnosticReport, DocumentDiagnosticReportResult, DocumentSymbolParams,
    DocumentSymbolResponse, FoldingRange, FoldingRangeParams, FoldingRangeProviderCapability,
    FullDocumentDiagnosticReport, Hover, HoverParams, HoverProviderCapability, InitializeParams,
    InitializeResult, InitializedParams, MessageType, OneOf, RelatedFullDocumentDiagnosticReport,
    ServerCapabilities, ServerInfo, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, TextDocumentSyncSaveOptions, Uri, WorkspaceFoldersServerCapabilities,
    WorkspaceServerCapabilities,
};
use tower_lsp::{Client, LanguageServer, LspService, Server};

use crate::world::{Settings, State, World, is_ignore_file, path_of};
use crate::{actions, client, diagnostics, outline};

/// How many requests may be under way: more than an editor ever sends at once, so that none waits behind another.
const CONCURRENCY: usize = 1024;

/// Serves over standard input and output.
pub(crate) async fn serve() {
    let (service, socket) =
        LspService::new(|client| Front { client, state: Arc::default(), computing: Arc::default() });
    Server::new(tokio::io::stdin(), tokio::io::stdout(), socket)
        .concurrency_level(CONCURRENCY)
        .serve(service)
        .await;
}

struct Front {
    client: Client,
    state: Arc<State>,
    /// The documents whose diagnostics are being computed, to be sent.
    computing: Arc<Mutex<HashSet<Uri>>>,
}

impl Front {
    /// Does work on the world as it is now, on a thread that may block. A panic ends this work and nothing else.
    async fn work<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&World) -> T + Send + 'static,
    ) -> Result<T> {
        let world = self.state.now();
        let done =
            tokio::task::spawn_blocking(move || std::panic::catch_unwind(AssertUnwindSafe(|| work(&world))));
        if let Ok(Ok(result)) = done.await {
            return Ok(result);
        }
        let message = format!("dockmend failed on {what}, which is a bug of ours; please report it");
        self.client.log_message(MessageType::ERROR, &message).await;
        Err(Error { code: ErrorCode::InternalError, message: message.into(), data: None })
    }

    /// Sends the diagnostics of a document to an editor that does not ask for them. While they are computed, changes of
    /// the text start no second computation: the one that runs begins again when the text is another.
    fn publish(&self, uri: Uri) {
        if self.state.now().client.pulls || !is_looked_at(&uri) {
            return;
        }
        if !self.computing.lock().unwrap_or_else(PoisonError::into_inner).insert(uri.clone()) {
            return;
        }
        let (client, state, computing) =
            (self.client.clone(), Arc::clone(&self.state), Arc::clone(&self.computing));
        tokio::spawn(async move {
            loop {
                let world = state.now();
                let version = world.documents.get(&uri).map(|document| document.version);
                let of = uri.clone();
                let done = tokio::task::spawn_blocking(move || {
                    std::panic::catch_unwind(AssertUnwindSafe(|| diagnostics::of(&world, &of)))
                });
                let found = done.await.ok().and_then(std::result::Result::ok);
                let is_current =
                    || state.now().documents.get(&uri).map(|document| document.version) == version;
                if let Some(found) = found
                    && is_current()
                {
                    client.publish_diagnostics(uri.clone(), found, version).await;
                }
                // Between the look at the version and the removal no change may slip through.
                let mut computing = computing.lock().unwrap_or_else(PoisonError::into_inner);
                if is_current() {
                    computing.remove(&uri);
                    return;
                }
            }
        });
    }

    /// Everything that is shown may be another now.
    fn refresh(&self) {
        let world = self.state.now();
        world.cache.forget();
        if world.client.pulls {
            if world.client.refreshes_diagnostics {
                let client = self.client.clone();
                // A notification must not wait for the editor.
                tokio::spawn(async move { drop(client.workspace_diagnostic_refresh().await) });
            }
            return;
        }
        for uri in world.documents.keys() {
            self.publish(uri.clone());
        }
    }
}

/// Whether a document may be a Dockerfile: the editor's word for the language differs, so its name decides what is none.
fn is_looked_at(uri: &Uri) -> bool {
    path_of(uri).is_none_or(|path| !is_ignore_file(&path))
}

fn capabilities(client: &client::Client) -> ServerCapabilities {
    let kinds = vec![CodeActionKind::QUICKFIX, actions::REWRITE, actions::FIX_ALL];
    ServerCapabilities {
        position_encoding: Some(client.encoding_kind()),
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::Supported(true)),
            ..TextDocumentSyncOptions::default()
        })),
        diagnostic_provider: client.pulls.then(|| {
            DiagnosticServerCapabilities::Options(DiagnosticOptions {
                identifier: Some("dockmend".to_owned()),
                // The ignore file, the manifests and the neighbours have a say.
                inter_file_dependencies: true,
                ..DiagnosticOptions::default()
            })
        }),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(kinds),
            resolve_provider: Some(client.resolves_edits),
            ..CodeActionOptions::default()
        })),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        folding_range_provider: Some(FoldingRangeProviderCapability::Simple(true)),
        workspace: Some(WorkspaceServerCapabilities {
            workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(OneOf::Left(true)),
            }),
            ..WorkspaceServerCapabilities::default()
        }),
        ..ServerCapabilities::default()
    }
}

impl LanguageServer for Front {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let client = client::Client::of(&params);
        let mut folders: Vec<_> =
            params.workspace_folders.iter().flatten().filter_map(|folder| path_of(&folder.uri)).collect();
        #[allow(deprecated)] // Editors that know no workspace folders send it.
        if folders.is_empty() {
            folders.extend(params.root_uri.as_ref().and_then(path_of));
        }
        let result = InitializeResult {
            capabilities: capabilities(&client),
            server_info: Some(ServerInfo {
                name: "dockmend".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
            ..InitializeResult::default()
        };
        self.state.change(|world| {
            world.client = Arc::new(client);
            world.folders = Arc::new(folders);
            world.settings = Arc::new(params.initialization_options.map(Settings::read).unwrap_or_default());
        });
        Ok(result)
    }

    async fn initialized(&self, _: InitializedParams) {}

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let document = params.text_document;
        self.state.change(|world| {
            let opened = crate::documents::Document::new(&document.text, document.version);
            Arc::make_mut(&mut world.documents).insert(document.uri.clone(), Arc::new(opened));
            world.cache.forget();
        });
        self.publish(document.uri);
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let uri = params.text_document.uri;
        self.state.change(|world| {
            let encoding = world.client.encoding;
            if let Some(document) = Arc::make_mut(&mut world.documents).get_mut(&uri) {
                Arc::make_mut(document).change(
                    params.text_document.version,
                    params.content_changes,
                    encoding,
                );
            }
        });
        if is_looked_at(&uri) {
            self.publish(uri);
        } else {
            self.refresh();
        }
    }

    async fn did_save(&self, _: DidSaveTextDocumentParams) {
        self.refresh();
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        let uri = params.text_document.uri;
        let pulls = self.state.change(|world| {
            Arc::make_mut(&mut world.documents).remove(&uri);
            world.client.pulls
        });
        if !pulls {
            // What is closed shows nothing.
            self.client.publish_diagnostics(uri, Vec::new(), None).await;
        }
    }

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        // Some send nothing, and want to be asked; what they have said before stays true until then.
        if params.settings.is_object() {
            self.state.change(|world| world.settings = Arc::new(Settings::read(params.settings)));
        }
        self.refresh();
    }

    async fn did_change_watched_files(&self, _: DidChangeWatchedFilesParams) {
        self.refresh();
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        self.state.change(|world| {
            let folders = Arc::make_mut(&mut world.folders);
            let removed: Vec<_> =
                params.event.removed.iter().filter_map(|folder| path_of(&folder.uri)).collect();
            folders.retain(|folder| !removed.contains(folder));
            folders.extend(params.event.added.iter().filter_map(|folder| path_of(&folder.uri)));
        });
        self.refresh();
    }

    async fn diagnostic(&self, params: DocumentDiagnosticParams) -> Result<DocumentDiagnosticReportResult> {
        let uri = params.text_document.uri;
        let items = if is_looked_at(&uri) {
            self.work("the diagnostics of a file", move |world| diagnostics::of(world, &uri)).await?
        } else {
            Vec::new()
        };
        let full = FullDocumentDiagnosticReport { result_id: None, items };
        let report = RelatedFullDocumentDiagnosticReport {
            related_documents: None,
            full_document_diagnostic_report: full,
        };
        Ok(DocumentDiagnosticReportResult::Report(DocumentDiagnosticReport::Full(report)))
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        if !is_looked_at(&params.text_document.uri) {
            return Ok(None);
        }
        self.work("the actions of a file", move |world| Some(actions::list(world, &params))).await
    }

    async fn code_action_resolve(&self, params: CodeAction) -> Result<CodeAction> {
        self.work("an action", move |world| actions::resolve(world, params)).await
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let place = params.text_document_position_params;
        if !is_looked_at(&place.text_document.uri) {
            return Ok(None);
        }
        self.work("a hover", move |world| outline::hover(world, &place.text_document.uri, place.position))
            .await
    }

    async fn document_symbol(&self, params: DocumentSymbolParams) -> Result<Option<DocumentSymbolResponse>> {
        let uri = params.text_document.uri;
        self.work("the outline of a file", move |world| outline::symbols(world, &uri)).await
    }

    async fn folding_range(&self, params: FoldingRangeParams) -> Result<Option<Vec<FoldingRange>>> {
        let uri = params.text_document.uri;
        self.work("the folds of a file", move |world| outline::folds(world, &uri)).await
    }
}
