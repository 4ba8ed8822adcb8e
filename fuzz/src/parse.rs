//! Everything that reads a Dockerfile, on any text: no panic, no byte lost, no position outside of the text.

use dockmend_core::model::BuildModel;
use dockmend_core::syntax::{Dockerfile, Instruction, LineRules, Span};
use dockmend_core::text::{ColumnEncoding, TextRange};

/// Reads `text` as far as it can be read, and checks every position.
pub fn check(text: &str) {
    for rules in [LineRules::Current, LineRules::BuildKit0_12] {
        lines(&Dockerfile::parse_with(text, rules));
    }
    let model = BuildModel::of(text);
    meaning(&model);
}

fn lines(file: &Dockerfile) {
    let text = file.text();
    let mut end = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut last_line = 0;
    for (index, instruction) in file.instructions().iter().enumerate() {
        assert!(end <= instruction.range.start, "instructions overlap");
        assert!(last_line < *instruction.lines.start(), "two instructions on a line");
        between(&text[end..instruction.range.start]);
        positions(text, instruction);
        in_text(text, file.whole_lines(instruction));
        file.comments_glued_to(index);
        reading(file, index);
        (last_line, end) = (*instruction.lines.end(), instruction.range.end);
    }
    between(&text[end..]);
    for comment in file.comments() {
        assert!(in_text(text, comment.range).starts_with('#'));
    }
    for directive in file.directives() {
        assert!(in_text(text, directive.range).starts_with('#'));
    }
    for problem in file.problems().iter().chain(&file.check_instructions()) {
        in_text(text, problem.range);
        let position = file.line_index().position(text, problem.range.start, ColumnEncoding::Utf16);
        let back = file.line_index().offset(text, position, ColumnEncoding::Utf16);
        assert_eq!(back, problem.range.start, "a position does not come back");
    }
}

/// Between instructions stands nothing but blank lines, comments and directives.
fn between(text: &str) {
    for line in text.split('\n') {
        let line = line.trim_start();
        assert!(line.is_empty() || line.starts_with('#'), "{line:?} is lost");
    }
}

fn in_text(text: &str, range: TextRange) -> &str {
    text.get(range.start..range.end).unwrap_or_else(|| panic!("{range:?} does not fit the text"))
}

fn positions(text: &str, instruction: &Instruction) {
    let logical = &instruction.logical;
    in_text(text, instruction.range);
    let whole = logical.file_ranges(Span::new(0, logical.text().len()));
    let joined: String = whole.iter().map(|range| in_text(text, *range)).collect();
    assert_eq!(joined, logical.text(), "the logical line is not made of the file's bytes");
    let mut spans = vec![instruction.keyword_span, instruction.arguments];
    spans.extend(instruction.flags.iter().map(|flag| flag.span));
    spans.extend(instruction.values.iter().map(|value| value.span));
    spans.extend(instruction.pairs.iter().flat_map(|pair| [pair.name.span, pair.value.span]));
    for span in spans {
        assert!(logical.text().get(span.start..span.end).is_some(), "{span:?} does not fit");
        let range = logical.file_range(span);
        in_text(text, range);
        assert!(instruction.range.covers(range), "{range:?} is outside of {:?}", instruction.range);
    }
    for heredoc in &instruction.heredocs {
        for range in [heredoc.body, heredoc.terminator] {
            in_text(text, range);
            assert!(instruction.range.covers(range), "a heredoc outside of its instruction");
        }
    }
    for range in instruction.blank_lines.iter().chain(&instruction.comment_lines) {
        in_text(text, *range);
    }
    if let Some(trigger) = &instruction.trigger {
        positions(text, trigger);
    }
}

fn reading(file: &Dockerfile, index: usize) {
    let Some(image) = file.reading(index).image else { return };
    let logical = &file.instructions()[index].logical;
    for span in [Some(image.name), image.tag, image.digest, image.alias].into_iter().flatten() {
        assert!(logical.text().get(span.start..span.end).is_some(), "{image:?} does not fit");
    }
}

fn meaning(model: &BuildModel) {
    let text = model.file().text();
    for (index, instruction) in model.file().instructions().iter().enumerate() {
        model.meaning(index);
        model.copy_source(index);
        model.stage_of(index);
        model.place(index);
        let Some(shell) = model.shell_text(index) else { continue };
        let script = shell.script.text();
        for command in shell.script.all_commands() {
            assert!(script.get(command.span.clone()).is_some(), "a command outside of its script");
            in_text(text, shell.file_range(instruction, &command.span));
            for word in &command.words {
                assert!(script.get(word.span.clone()).is_some(), "a word outside of its script");
                in_text(text, shell.file_range(instruction, &word.span));
                let behind = shell.insert_after(instruction, word.span.end);
                assert!(text.is_char_boundary(behind), "an insertion inside of a character");
            }
        }
        // The one spelling of a script is a script in that spelling.
        let canonical = shell.script.canonical();
        if shell.script.is_readable() {
            let again = dockmend_core::shell::Script::parse(&canonical);
            assert!(!again.is_readable() || again.canonical() == canonical, "{canonical:?} is not canonical");
        }
    }
    for stage in model.stages() {
        model.children(stage.index);
        stage.config.fields();
    }
}
