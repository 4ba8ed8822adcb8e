//! A change as a unified diff that `patch` takes.

use std::path::Path;

use anstyle::AnsiColor;
use similar::{ChangeTag, TextDiff};

use super::{Look, calm};

/// How many lines are shown around a change.
const AROUND: usize = 3;

/// Comparing two texts takes at most this long; a coarser diff is still a right one.
const AT_MOST: std::time::Duration = std::time::Duration::from_secs(2);

/// The change of the file at `name` from `before` (`None` for a new file) to `after`. Line ends are those of the texts;
/// control characters are made visible only where a person's terminal reads.
pub(crate) fn unified(name: &str, before: Option<&str>, after: &str, look: Look) -> String {
    let old = before.unwrap_or_default();
    let diff = TextDiff::configure().timeout(AT_MOST).diff_lines(old, after);
    let mut out = String::new();
    let (from, to) = match before {
        Some(_) => (format!("a/{}", bare(name)), format!("b/{}", bare(name))),
        None => ("/dev/null".to_owned(), format!("b/{}", bare(name))),
    };
    out.push_str(&look.bold(&format!("--- {from}")));
    out.push('\n');
    out.push_str(&look.bold(&format!("+++ {to}")));
    out.push('\n');
    let mut unified = diff.unified_diff();
    unified.context_radius(AROUND);
    for hunk in unified.iter_hunks() {
        out.push_str(&look.hue(AnsiColor::Cyan, hunk.header().to_string().trim_end()));
        out.push('\n');
        for change in hunk.iter_changes() {
            let line = change.value();
            let text = line.strip_suffix('\n').unwrap_or(line);
            let text =
                if look.terminal { calm(text.strip_suffix('\r').unwrap_or(text)) } else { text.to_owned() };
            let marked = match change.tag() {
                ChangeTag::Equal => format!(" {text}"),
                ChangeTag::Delete => look.hue(AnsiColor::Red, &format!("-{text}")),
                ChangeTag::Insert => look.hue(AnsiColor::Green, &format!("+{text}")),
            };
            out.push_str(&marked);
            out.push('\n');
            if change.missing_newline() {
                out.push_str("\\ No newline at end of file\n");
            }
        }
    }
    out
}

/// Patches name paths below the current folder; `/` in front would be lost between `a/` and the rest.
fn bare(name: &str) -> &str {
    Path::new(name).to_str().unwrap_or(name).trim_start_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look { colour: false, width: 80, terminal: false };

    #[test]
    fn every_byte_of_the_lines_is_kept() {
        let diff = unified("d/Dockerfile", Some("FROM a\r\nRUN b"), "FROM a\r\nRUN c", PLAIN);
        assert_eq!(
            diff,
            "--- a/d/Dockerfile\n+++ b/d/Dockerfile\n@@ -1,2 +1,2 @@\n FROM a\r\n-RUN b\n\\ No newline at end of file\n+RUN c\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn a_new_file_comes_from_nothing() {
        let diff = unified(".dockerignore", None, ".git\n", PLAIN);
        assert_eq!(diff, "--- /dev/null\n+++ b/.dockerignore\n@@ -0,0 +1 @@\n+.git\n");
    }
}
