//! Files that are not looked at.

use super::Subject;

/// Why a file is not looked at: it is a template, or something else writes it (H146).
pub(crate) fn skipped(_subject: &Subject<'_>) -> Option<String> {
    None
}
