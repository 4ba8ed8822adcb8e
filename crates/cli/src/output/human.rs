//! Findings as people read them: the lines of the file with marks below, and what can be done.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use dockmend_core::rewrite::FileReport;
use dockmend_core::rule::{Finding, Fixability, Severity};
use dockmend_core::syntax::SyntaxProblem;
use dockmend_core::text::{ColumnEncoding, LineIndex, TextRange};

use super::{Look, Tally, calm, calm_line, counted};

/// A note is shown in the snippet of its finding when it is at most so many lines away.
const NEAR: usize = 12;

/// Lines of more bytes than this, together, are not shown: nobody reads a generated megabyte.
const SHOWN_BYTES: usize = 64 * 1024;

/// A text whose places are shown.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    /// Its path as the user knows it.
    pub(crate) name: &'a str,
    /// The text.
    pub(crate) text: &'a str,
    /// The starts of its lines.
    pub(crate) lines: &'a LineIndex,
}

impl<'a> Shown<'a> {
    /// The lines that the ranges stand on: the 1-based number of the first, and their text.
    fn window(self, ranges: &[TextRange]) -> Option<(usize, usize, &'a str)> {
        let first = ranges.iter().map(|range| self.lines.line(range.start)).min()?;
        let last =
            ranges.iter().map(|range| self.lines.line(range.end.saturating_sub(1).max(range.start))).max()?;
        let start = self.lines.line_start(first);
        let end = self.lines.line_start(last + 1).max(start);
        let text = self.text.get(start..end)?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        (text.len() <= SHOWN_BYTES).then_some((first + 1, start, text))
    }

    fn lines_of(self, range: TextRange) -> Range<usize> {
        self.lines.line(range.start)..self.lines.line(range.end.saturating_sub(1).max(range.start)) + 1
    }
}

/// The range within a window, brought to the boundaries of characters.
fn within(range: TextRange, start: usize, window: &str) -> Range<usize> {
    let clamp = |offset: usize| {
        let mut offset = offset.saturating_sub(start).min(window.len());
        while !window.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    let (from, to) = (clamp(range.start), clamp(range.end));
    from..to.max(from)
}

fn renderer(look: Look) -> Renderer {
    let renderer = if look.colour { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(look.width).hyperlink(look.colour && look.terminal)
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Hint => Level::INFO.with_name("hint"),
    }
}

/// One message with its place, and lines below: (label, text).
struct Piece<'a> {
    level: Level<'a>,
    title: &'a str,
    id: Option<&'a str>,
    url: Option<&'a str>,
    range: TextRange,
    notes: Vec<(TextRange, &'a str)>,
    below: Vec<(&'static str, String)>,
}

fn render(piece: Piece<'_>, shown: Shown<'_>, look: Look) -> String {
    let title = calm_line(piece.title);
    let mut title = piece.level.primary_title(&title);
    if let Some(id) = piece.id {
        title = title.id(id);
    }
    if let Some(url) = piece.url.filter(|_| look.colour && look.terminal) {
        title = title.id_url(url);
    }
    let lines = shown.lines_of(piece.range);
    let (close, far): (Vec<_>, Vec<_>) = piece.notes.iter().copied().partition(|(range, _)| {
        let note = shown.lines_of(*range);
        note.start + NEAR >= lines.start && note.end <= lines.end + NEAR
    });
    let ranges: Vec<_> = std::iter::once(piece.range).chain(close.iter().map(|(range, _)| *range)).collect();
    let mut group = match shown.window(&ranges) {
        Some((line, start, window)) => {
            let mut snippet = Snippet::source(window)
                .line_start(line)
                .path(shown.name)
                .annotation(AnnotationKind::Primary.span(within(piece.range, start, window)));
            for (range, message) in close {
                let span = within(range, start, window);
                snippet = snippet.annotation(AnnotationKind::Context.span(span).label(calm_line(message)));
            }
            title.element(snippet)
        }
        None => title.element(origin(shown, piece.range)),
    };
    for (range, message) in far {
        group = group.element(Level::NOTE.message(calm_line(message)));
        group = match shown.window(&[range]) {
            Some((line, start, window)) => group.element(
                Snippet::source(window)
                    .line_start(line)
                    .path(shown.name)
                    .annotation(AnnotationKind::Context.span(within(range, start, window))),
            ),
            None => group.element(origin(shown, range)),
        };
    }
    for (label, text) in &piece.below {
        group = group.element(Level::NOTE.with_name(*label).message(calm(text)));
    }
    let mut text = renderer(look).render(&[group]);
    text.push_str("\n\n");
    text
}

fn origin(shown: Shown<'_>, range: TextRange) -> Origin<'_> {
    let at = shown.lines.position(shown.text, range.start, ColumnEncoding::Utf32);
    Origin::path(shown.name).line(at.line + 1).char_column(at.column + 1)
}

/// A finding.
pub(crate) fn finding(finding: &Finding, shown: Shown<'_>, look: Look) -> String {
    let url = finding.rule.url();
    let mut below = Vec::new();
    match (&finding.fix, finding.rule.rewrite) {
        (Fixability::Available, Some(name)) => {
            below.push(("fix", format!("dockmend rewrite {name} {}", argument(shown.name))));
        }
        (Fixability::Available, None) => {
            below.push(("fix", format!("dockmend fix {}", argument(shown.name))));
        }
        (Fixability::Refused(refusal), _) => below.push(("left alone", refusal.to_string())),
        _ => {}
    }
    below.push(("page", url.clone()));
    let piece = Piece {
        level: level(finding.severity),
        title: &finding.message,
        id: Some(finding.rule.id),
        url: Some(&url),
        range: finding.range,
        notes: finding.notes.iter().map(|note| (note.range, note.message.as_str())).collect(),
        below,
    };
    render(piece, shown, look)
}

/// Something that BuildKit refuses.
pub(crate) fn problem(problem: &SyntaxProblem, shown: Shown<'_>, look: Look) -> String {
    let meant =
        problem.suggestion.as_ref().map(|suggestion| ("help", format!("did you mean `{suggestion}`?")));
    let piece = Piece {
        level: Level::ERROR,
        title: &problem.message,
        id: Some("syntax"),
        url: None,
        range: problem.range,
        notes: Vec::new(),
        below: meant.into_iter().collect(),
    };
    render(piece, shown, look)
}

/// Everything about one file: syntax problems and findings by position.
pub(crate) fn report(report: &FileReport, shown: Shown<'_>, look: Look) -> String {
    let mut out = String::new();
    if let Some(reason) = &report.skipped {
        say!(out, "{}: not looked at: {}\n", look.bold(shown.name), calm_line(reason));
        return out;
    }
    let mut pieces: Vec<(TextRange, String)> = Vec::new();
    pieces.extend(report.problems.iter().map(|found| (found.range, problem(found, shown, look))));
    pieces.extend(report.findings.iter().map(|found| (found.range, finding(found, shown, look))));
    pieces.sort_by_key(|(range, _)| *range);
    out.extend(pieces.into_iter().map(|(_, piece)| piece));
    out
}

/// The last line of `check`.
pub(crate) fn summary(tally: &Tally, files: usize) -> String {
    let looked_at = files.saturating_sub(tally.unprocessed.min(files)).saturating_sub(tally.skipped);
    let mut out = format!("Checked {}: ", counted(looked_at, "Dockerfile"));
    let kinds = [(tally.errors, "error"), (tally.warnings, "warning"), (tally.hints, "hint")];
    let named: Vec<_> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| counted(*count, kind)).collect();
    if named.is_empty() {
        out.push_str("nothing found");
    } else {
        out.push_str(&named.join(", "));
    }
    if tally.fixable > 0 {
        let verb = if tally.fixable == 1 { "has" } else { "have" };
        add!(out, "; {} {verb} a fix", tally.fixable);
    }
    out.push_str(".\n");
    out
}

/// A path as it can be pasted into a shell.
pub(crate) fn argument(path: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "/._-+@%,:=".contains(character);
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_can_be_pasted() {
        for (path, expected) in
            [("api/Dockerfile", "api/Dockerfile"), ("my app", "'my app'"), ("it's", "'it'\\''s'"), ("", "''")]
        {
            assert_eq!(argument(path), expected);
        }
    }

    #[test]
    fn ranges_are_brought_inside_the_window() {
        let window = "é🐳";
        assert_eq!(within(TextRange::new(11, 99), 10, window), 0..6);
        assert_eq!(within(TextRange::new(0, 3), 10, window), 0..0);
        assert_eq!(within(TextRange::new(12, 13), 10, window), 2..2);
    }
}
