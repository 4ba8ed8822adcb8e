//! What a document is made of: its stages and instructions, and what is in effect at a place.

use std::sync::Arc;

use dockmend_core::model::{BuildModel, Known, ModelInputs};
use dockmend_core::syntax::Dockerfile;
use dockmend_core::text::LineIndex;
use tower_lsp::ls_types::{
    DocumentSymbol, DocumentSymbolResponse, FoldingRange, FoldingRangeKind, Hover, HoverContents,
    MarkupContent, MarkupKind, Position, SymbolKind, Uri,
};

use crate::around::look;
use crate::documents::{offset_of, range_of};
use crate::world::World;

/// The stages, with their instructions below them.
pub(crate) fn symbols(world: &World, uri: &Uri) -> Option<DocumentSymbolResponse> {
    let text = world.documents.get(uri)?.text();
    let lines = LineIndex::new(text);
    let model = BuildModel::of(text);
    let range = |range| range_of(text, &lines, range, world.client.encoding);
    let instruction = |index: usize| {
        let instruction = model.instruction(index)?;
        let full = range(instruction.range);
        Some(symbol(
            instruction.keyword.as_str().to_owned(),
            Some(first_words(instruction.arguments_text())),
            SymbolKind::FUNCTION,
            full,
            range(instruction.keyword_range()),
        ))
    };
    let mut all = Vec::new();
    for stage in model.stages() {
        let Some(mut parent) = instruction(stage.from) else { continue };
        parent.name = stage.name.clone().unwrap_or_else(|| format!("stage {}", stage.index));
        parent.kind = SymbolKind::MODULE;
        let children: Vec<_> = stage.steps.iter().filter_map(|step| instruction(step.instruction)).collect();
        if let Some(last) = children.last() {
            parent.range.end = last.range.end;
        }
        parent.children = Some(children);
        all.push(parent);
    }
    if !world.client.nested_symbols {
        // One that cannot nest them gets the stages and what is in them in one list.
        let flat = all.into_iter().flat_map(|mut parent| {
            let children = parent.children.take().unwrap_or_default();
            std::iter::once(parent).chain(children)
        });
        return Some(DocumentSymbolResponse::Nested(flat.collect()));
    }
    Some(DocumentSymbolResponse::Nested(all))
}

#[allow(deprecated)] // The structure has a field that is.
fn symbol(
    name: String,
    detail: Option<String>,
    kind: SymbolKind,
    range: tower_lsp::ls_types::Range,
    selection_range: tower_lsp::ls_types::Range,
) -> DocumentSymbol {
    DocumentSymbol {
        name,
        detail,
        kind,
        tags: None,
        deprecated: None,
        range,
        selection_range,
        children: None,
    }
}

fn first_words(text: &str) -> String {
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// The stages, and instructions over several lines.
pub(crate) fn folds(world: &World, uri: &Uri) -> Option<Vec<FoldingRange>> {
    let text = world.documents.get(uri)?.text();
    let model = BuildModel::of(text);
    let mut folds = Vec::new();
    let mut fold = |first: usize, last: usize| {
        if last > first {
            folds.push(FoldingRange {
                start_line: first as u32 - 1,
                end_line: last as u32 - 1,
                kind: Some(FoldingRangeKind::Region),
                ..FoldingRange::default()
            });
        }
    };
    for stage in model.stages() {
        let last = stage.steps.last().map_or(stage.from, |step| step.instruction);
        if let (Some(first), Some(last)) = (model.instruction(stage.from), model.instruction(last)) {
            fold(*first.lines.start(), *last.lines.end());
        }
    }
    for instruction in model.file().instructions() {
        fold(*instruction.lines.start(), *instruction.lines.end());
    }
    Some(folds)
}

/// What is in effect at the instruction under the cursor.
pub(crate) fn hover(world: &World, uri: &Uri, position: Position) -> Option<Hover> {
    let document = world.documents.get(uri)?;
    let text = document.text();
    let lines = LineIndex::new(text);
    let at = offset_of(text, &lines, position, world.client.encoding);
    let said = look(world, uri, |ready| {
        let inputs = ModelInputs::new(ready.engine.knowledge(), &[]);
        let model = BuildModel::new(Dockerfile::parse(Arc::clone(text)), &inputs);
        let instructions = model.file().instructions();
        let index = instructions.iter().position(|one| one.range.start <= at && at <= one.range.end)?;
        let report = ready.engine.check(&ready.group).into_iter().next().unwrap_or_default();
        let here = report.findings.iter().filter(|one| one.range.start <= at && at <= one.range.end);
        let mut said = String::new();
        for finding in here {
            let rule = finding.rule;
            let page = format!("[{}]({})", rule.summary(), rule.url());
            said = format!("{said}**{}**: {}\n\n{page}\n\n", rule.id, finding.message);
        }
        said.push_str(&in_effect(&model, index));
        Some((said, instructions.get(index)?.keyword_range()))
    });
    let (said, range) = said?.ok()??;
    if said.is_empty() {
        return None;
    }
    let kind = if world.client.markdown { MarkupKind::Markdown } else { MarkupKind::PlainText };
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent { kind, value: said }),
        range: Some(range_of(text, &lines, range, world.client.encoding)),
    })
}

/// USER, WORKDIR and SHELL at an instruction, as far as they are known.
fn in_effect(model: &BuildModel, index: usize) -> String {
    let Some((stage, step)) = model.place(index) else { return String::new() };
    let value = |known: &Known<String>| match known {
        Known::Value(value) => format!("`{value}`"),
        Known::Unknown(cause) => format!("not known ({cause})"),
    };
    let name = stage.name.clone().unwrap_or_else(|| stage.index.to_string());
    format!("Stage {name}: runs as {}, in {}", value(&step.state.user), value(&step.state.workdir))
}
