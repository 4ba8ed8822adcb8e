//! Changes of files, in the form that the editor takes.

use std::collections::HashMap;
use std::path::Path;

use dockmend_core::rewrite::{Change, Target};
use dockmend_core::text::{LineIndex, TextEdit as CoreEdit, TextRange};
use tower_lsp::ls_types::{
    CreateFile, DocumentChangeOperation, DocumentChanges, OneOf, OptionalVersionedTextDocumentIdentifier,
    Position, Range, ResourceOp, TextDocumentEdit, TextEdit, Uri, WorkspaceEdit,
};

use crate::documents::range_of;
use crate::world::World;

/// Why an edit cannot be put into a form that the editor takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It creates a file, and the editor has not declared that it can.
    CreatesFile,
    /// The file's path cannot be written as a URI.
    NoUri,
}

/// Builds one edit from changes that belong together.
pub(crate) struct Builder<'a> {
    world: &'a World,
    /// The Dockerfile that the changes are about.
    dockerfile: &'a Uri,
    /// The context's folder.
    folder: Option<&'a Path>,
}

/// The new text of one file, as edits.
struct FileEdits {
    uri: Uri,
    version: Option<i32>,
    create: bool,
    edits: Vec<TextEdit>,
}

impl<'a> Builder<'a> {
    /// A builder for changes around a Dockerfile.
    pub(crate) fn new(world: &'a World, dockerfile: &'a Uri, folder: Option<&'a Path>) -> Self {
        Self { world, dockerfile, folder }
    }

    /// An edit of the Dockerfile alone.
    pub(crate) fn dockerfile(&self, text: &str, edit: &CoreEdit) -> WorkspaceEdit {
        let edits = self.text_edits(text, edit);
        self.assemble(vec![self.file(self.dockerfile.clone(), false, edits)])
    }

    /// The edit that makes these changes. `edit` is the minimal one of the Dockerfile, which is not computed again.
    ///
    /// # Errors
    /// [`Unfit`] when the editor cannot make it.
    pub(crate) fn changes(
        &self,
        changes: &[Change],
        edit: Option<&CoreEdit>,
    ) -> Result<WorkspaceEdit, Unfit> {
        let mut files = Vec::new();
        for change in changes {
            match &change.target {
                Target::Dockerfile(0) => {
                    let before = change.before.as_deref().unwrap_or_default();
                    let edits = match edit {
                        Some(edit) => self.text_edits(before, edit),
                        None => self.whole(before, &change.after),
                    };
                    files.push(self.file(self.dockerfile.clone(), false, edits));
                }
                Target::Context(path) => files.push(self.beside(path, change)?),
                // Neighbours are judged and not changed.
                _ => {}
            }
        }
        Ok(self.assemble(files))
    }

    fn beside(&self, path: &str, change: &Change) -> Result<FileEdits, Unfit> {
        let path = self.folder.ok_or(Unfit::NoUri)?.join(path);
        let uri = Uri::from_file_path(&path).ok_or(Unfit::NoUri)?;
        match &change.before {
            Some(before) => {
                let edits = self.whole(before, &change.after);
                Ok(self.file(uri, false, edits))
            }
            None if !self.world.client.creates_files => Err(Unfit::CreatesFile),
            None => {
                let start = Position { line: 0, character: 0 };
                let insert =
                    TextEdit { range: Range { start, end: start }, new_text: change.after.to_string() };
                Ok(self.file(uri, true, vec![insert]))
            }
        }
    }

    fn file(&self, uri: Uri, create: bool, edits: Vec<TextEdit>) -> FileEdits {
        let version = self.world.documents.get(&uri).map(|document| document.version);
        FileEdits { uri, version, create, edits }
    }

    fn text_edits(&self, text: &str, edit: &CoreEdit) -> Vec<TextEdit> {
        let lines = LineIndex::new(text);
        let encoding = self.world.client.encoding;
        let one = |range: TextRange, new_text: String| TextEdit {
            range: range_of(text, &lines, range, encoding),
            new_text,
        };
        edit.replacements()
            .iter()
            .map(|replacement| one(replacement.range, replacement.text.clone()))
            .collect()
    }

    /// The difference of two texts as one replacement.
    fn whole(&self, before: &str, after: &str) -> Vec<TextEdit> {
        let mut edit = CoreEdit::builder();
        edit.replace(TextRange::new(0, before.len()), after);
        // One replacement cannot meet another.
        edit.finish().map(|edit| self.text_edits(before, &edit.minimal(before))).unwrap_or_default()
    }

    fn assemble(&self, files: Vec<FileEdits>) -> WorkspaceEdit {
        let mut result = WorkspaceEdit::default();
        if !self.world.client.document_changes {
            let changes: HashMap<Uri, Vec<TextEdit>> =
                files.into_iter().map(|file| (file.uri, file.edits)).collect();
            result.changes = Some(changes);
            return result;
        }
        let creates = files.iter().any(|file| file.create);
        let mut edits = Vec::new();
        let mut operations = Vec::new();
        for file in files {
            let create = file.create.then(|| {
                ResourceOp::Create(CreateFile { uri: file.uri.clone(), options: None, annotation_id: None })
            });
            operations.extend(create.map(DocumentChangeOperation::Op));
            edits.push(TextDocumentEdit {
                text_document: OptionalVersionedTextDocumentIdentifier {
                    uri: file.uri,
                    version: file.version,
                },
                edits: file.edits.into_iter().map(OneOf::Left).collect(),
            });
            if creates {
                operations.extend(edits.pop().map(DocumentChangeOperation::Edit));
            }
        }
        result.document_changes = Some(if creates {
            DocumentChanges::Operations(operations)
        } else {
            DocumentChanges::Edits(edits)
        });
        result
    }
}
