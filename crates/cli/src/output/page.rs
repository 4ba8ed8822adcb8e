//! A rule's page, written in Markdown, as readable text.

use super::Look;

/// The page with headings set off, code indented and prose wrapped to the width.
pub(crate) fn render(markdown: &str, look: Look) -> String {
    let mut out = String::new();
    let mut paragraph = String::new();
    let mut in_code = false;
    for line in markdown.lines() {
        // Documentation comments keep one blank behind their slashes.
        let line = line.strip_prefix(' ').unwrap_or(line);
        if line.trim_start().starts_with("```") {
            flush(&mut paragraph, &mut out, look);
            in_code = !in_code;
        } else if in_code {
            out.push_str(&look.dim(&format!("    {line}")));
            out.push('\n');
        } else if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("# ")) {
            flush(&mut paragraph, &mut out, look);
            out.push_str(&look.bold(heading));
            out.push('\n');
        } else if line.trim() == "->" {
            flush(&mut paragraph, &mut out, look);
            out.push_str("  becomes\n");
        } else if line.trim().is_empty() {
            flush(&mut paragraph, &mut out, look);
            if !out.ends_with("\n\n") && !out.is_empty() {
                out.push('\n');
            }
        } else {
            if line.starts_with("- ") || line.starts_with('|') {
                flush(&mut paragraph, &mut out, look);
            }
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line.trim());
        }
    }
    flush(&mut paragraph, &mut out, look);
    out
}

fn flush(paragraph: &mut String, out: &mut String, look: Look) {
    let hanging = if paragraph.starts_with("- ") { "  " } else { "" };
    for line in wrap(paragraph, look.width.min(100), hanging) {
        out.push_str(&line);
        out.push('\n');
    }
    paragraph.clear();
}

/// `text` in lines of at most `width` characters, where its words allow; all lines but the first start with `hanging`.
pub(crate) fn wrap(text: &str, width: usize, hanging: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let word_length = word.chars().count();
        if length > hanging.len() && length + 1 + word_length > width {
            lines.push(std::mem::replace(&mut line, hanging.to_owned()));
            length = hanging.len();
        }
        if length > hanging.len() || (length > 0 && lines.is_empty()) {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += word_length;
    }
    if !line.trim().is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_wrapped_and_code_is_not() {
        let look = Look { colour: false, width: 20, terminal: false };
        let page = " One two three four five six.\n\n ## Why\n\n ```dockerfile\n FROM a very long line that stays\n ```\n ->\n";
        assert_eq!(
            render(page, look),
            "One two three four\nfive six.\n\nWhy\n\n    FROM a very long line that stays\n  becomes\n"
        );
    }

    #[test]
    fn list_items_hang() {
        assert_eq!(wrap("- one two three", 9, "  "), ["- one two", "  three"]);
        assert_eq!(wrap("", 9, ""), Vec::<String>::new());
        assert_eq!(wrap("averylongwordindeed x", 5, ""), ["averylongwordindeed", "x"]);
    }
}
