//! What a rewrite owes to the build context: which files steps see, and which are sent at all.

use std::sync::Arc;

use super::gate::Rejected;
use super::group::{Analysis, Overlay};
use crate::model::{BuildModel, Delta, FileView, is_file, lost_files};
use crate::rule::ContextView;

/// The deltas that only the context shows.
///
/// # Errors
/// [`Rejected`] when a file that a COPY or ADD of any Dockerfile of the group names would no longer be sent (H128,
/// H133).
pub(super) fn context_deltas(
    analysis: &Analysis<'_>,
    file: usize,
    models: &[Arc<BuildModel>],
    overlay: &Overlay<'_>,
) -> Result<Vec<Delta>, Rejected> {
    let view = analysis.view(file);
    if !view.is_known() {
        return Ok(Vec::new());
    }
    let mut deltas = Vec::new();
    let before = &analysis.models[file];
    let ignore_changed = !overlay.is_empty();
    let new_view = ignore_changed.then(|| ContextView::new(overlay, view.dockerfile().map(str::to_owned)));
    // A context that stays the same is not read again.
    let after_view = new_view.as_ref().unwrap_or(view);
    if ignore_changed {
        deltas.extend(files_lost(view, after_view));
        for (index, model) in models.iter().enumerate() {
            let dockerfile = analysis.view(index).dockerfile().map(str::to_owned);
            let sibling_view = ContextView::new(overlay, dockerfile);
            named_files_stay(analysis.view(index), &sibling_view, model)?;
        }
    }
    let copies_changed = before.file().text() != models[file].file().text();
    if copies_changed {
        // What the ignore file takes away is told by `ContextFilesLost`; here both sides see the same context.
        let files = FileView::new(after_view);
        deltas.extend(lost_files(before, &models[file], &files));
    }
    Ok(deltas)
}

/// The files that are not sent any more.
fn files_lost(before: &ContextView<'_>, after: &ContextView<'_>) -> Option<Delta> {
    let (before, after) = (before.sent()?, after.sent()?);
    let kept: std::collections::BTreeSet<&str> = after.iter().map(|found| found.path.as_str()).collect();
    let lost = before.iter().filter(|found| is_file(found) && !kept.contains(found.path.as_str()));
    let (count, bytes) = lost.fold((0, 0), |(count, bytes), found| (count + 1, bytes + found.entry.size));
    (count > 0).then_some(Delta::ContextFilesLost { count, bytes })
}

/// A source that names something keeps naming something, and a file that is named itself stays.
fn named_files_stay(
    before: &ContextView<'_>,
    after: &ContextView<'_>,
    model: &BuildModel,
) -> Result<(), Rejected> {
    let (old, new) = (FileView::new(before), FileView::new(after));
    for (index, instruction) in model.file().instructions().iter().enumerate() {
        let Some(lost) = old.named_loss(&new, model, index) else { continue };
        let reason = format!("{lost}, which {} copies, would be ignored (H128)", instruction.keyword);
        return Err(Rejected { reason });
    }
    Ok(())
}
