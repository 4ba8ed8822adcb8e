//! What the editor has declared that it can do.

use dockmend_core::text::ColumnEncoding;
use tower_lsp::ls_types::{
    ClientCapabilities, InitializeParams, MarkupKind, PositionEncodingKind, ResourceOperationKind,
};

/// The declarations that answers depend on.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // Each is a declaration of its own.
pub(crate) struct Client {
    /// How columns are counted.
    pub(crate) encoding: ColumnEncoding,
    /// It asks for diagnostics; otherwise they are sent to it. Never both.
    pub(crate) pulls: bool,
    /// The edit of a code action may be computed when it is picked.
    pub(crate) resolves_edits: bool,
    /// Code actions may be literals with a kind; without that only commands are understood.
    pub(crate) action_literals: bool,
    /// `documentChanges` with versions are understood.
    pub(crate) document_changes: bool,
    /// An edit may create a file.
    pub(crate) creates_files: bool,
    /// Related places of a diagnostic are shown.
    pub(crate) related: bool,
    /// Hover may be Markdown.
    pub(crate) markdown: bool,
    /// Document symbols may be nested.
    pub(crate) nested_symbols: bool,
    /// `workspace/diagnostic/refresh` is understood.
    pub(crate) refreshes_diagnostics: bool,
}

impl Default for Client {
    fn default() -> Self {
        Self::of(&InitializeParams::default())
    }
}

impl Client {
    /// What `initialize` says.
    pub(crate) fn of(params: &InitializeParams) -> Self {
        let ClientCapabilities { general, text_document, workspace, .. } = &params.capabilities;
        let text = text_document.as_ref();
        let action = text.and_then(|text| text.code_action.as_ref());
        let edit = workspace.as_ref().and_then(|workspace| workspace.workspace_edit.as_ref());
        let resolve = action.and_then(|action| action.resolve_support.as_ref());
        let creates = edit
            .and_then(|edit| edit.resource_operations.as_ref())
            .is_some_and(|kinds| kinds.contains(&ResourceOperationKind::Create));
        let encodings = general.as_ref().and_then(|general| general.position_encodings.as_deref());
        Self {
            encoding: encoding(encodings.unwrap_or_default()),
            pulls: text.is_some_and(|text| text.diagnostic.is_some()),
            resolves_edits: resolve
                .is_some_and(|resolve| resolve.properties.iter().any(|property| property == "edit")),
            action_literals: action.is_some_and(|action| action.code_action_literal_support.is_some()),
            // No Neovim declares `documentChanges`, and each applies them; one that creates files has to.
            document_changes: creates || edit.is_some_and(|edit| edit.document_changes == Some(true)),
            creates_files: creates,
            related: text
                .and_then(|text| text.publish_diagnostics.as_ref())
                .is_some_and(|publish| publish.related_information == Some(true)),
            markdown: text
                .and_then(|text| text.hover.as_ref())
                .and_then(|hover| hover.content_format.as_ref())
                .is_some_and(|formats| formats.contains(&MarkupKind::Markdown)),
            nested_symbols: text
                .and_then(|text| text.document_symbol.as_ref())
                .is_some_and(|symbols| symbols.hierarchical_document_symbol_support == Some(true)),
            refreshes_diagnostics: workspace
                .as_ref()
                .and_then(|workspace| workspace.diagnostics.as_ref())
                .is_some_and(|diagnostics| diagnostics.refresh_support == Some(true)),
        }
    }

    /// The name of the encoding, for `initialize`.
    pub(crate) fn encoding_kind(&self) -> PositionEncodingKind {
        match self.encoding {
            ColumnEncoding::Utf8 => PositionEncodingKind::UTF8,
            ColumnEncoding::Utf32 => PositionEncodingKind::UTF32,
            ColumnEncoding::Utf16 => PositionEncodingKind::UTF16,
        }
    }
}

/// UTF-8 where it is offered, because texts are held in it; else what is offered first, and UTF-16 where nothing is said.
fn encoding(offered: &[PositionEncodingKind]) -> ColumnEncoding {
    let known = |kind: &PositionEncodingKind| match kind.as_str() {
        "utf-8" => Some(ColumnEncoding::Utf8),
        "utf-16" => Some(ColumnEncoding::Utf16),
        "utf-32" => Some(ColumnEncoding::Utf32),
        _ => None,
    };
    if offered.contains(&PositionEncodingKind::UTF8) {
        return ColumnEncoding::Utf8;
    }
    offered.iter().find_map(known).unwrap_or(ColumnEncoding::Utf16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_negotiated() {
        let kinds = |names: &[&str]| {
            names.iter().map(|name| PositionEncodingKind::from((*name).to_owned())).collect::<Vec<_>>()
        };
        for (offered, expected) in [
            (&[][..], ColumnEncoding::Utf16),
            (&["utf-16"], ColumnEncoding::Utf16),
            (&["utf-16", "utf-8"], ColumnEncoding::Utf8),
            (&["utf-32", "utf-16"], ColumnEncoding::Utf32),
            (&["utf-7"], ColumnEncoding::Utf16),
        ] {
            assert_eq!(encoding(&kinds(offered)), expected, "{offered:?}");
        }
    }
}
