//! Tests of the parser as a whole. What it shares with BuildKit 0.12 is compared with that parser's own answers in
//! `tests/syntax_conformance.rs`; here is what has changed since, and what holds for any text.

use proptest::prelude::*;

use super::{Dockerfile, Instruction, LineRules, Span};
use crate::text::TextRange;

/// What of a file the two generations read differently, in one line: `rejected`, or the instructions with keyword,
/// flags, form, values and heredocs.
fn summary(text: &str, rules: LineRules) -> String {
    let file = Dockerfile::parse_with(text, rules);
    if !file.problems().is_empty() {
        return "rejected".to_owned();
    }
    let instructions: Vec<String> = file.instructions().iter().map(instruction_summary).collect();
    instructions.join("; ")
}

fn instruction_summary(instruction: &Instruction) -> String {
    let mut parts = vec![instruction.keyword_text().to_owned()];
    parts.extend(instruction.flags.iter().map(|flag| flag.text.clone()));
    if instruction.json {
        parts.push("json".to_owned());
    }
    parts.extend(instruction.values.iter().map(|value| format!("<{}>", value.text)));
    parts.extend(instruction.heredocs.iter().map(|heredoc| format!("heredoc {}", heredoc.name)));
    parts.join(" ")
}

#[test]
fn what_has_changed_since_buildkit_0_12() {
    // Source: the history of BuildKit's frontend/dockerfile/parser and shell, from v0.12.5 to August 2026.
    let cases = [
        ("text behind a JSON array", "CMD [\"a\"] b", "CMD json <a>", "CMD <[\"a\"] b>"),
        ("brackets behind a JSON array", "CMD [\"a\"]]", "CMD json <a>", "CMD <[\"a\"]]>"),
        ("blanks behind a JSON array", "CMD [\"a\"] \t", "CMD json <a>", "CMD json <a>"),
        ("text behind numbers", "CMD [1] b", "rejected", "CMD <[1] b>"),
        ("text behind a list", "COPY [\"a\"] b", "COPY json <a>", "COPY <[\"a\"]> <b>"),
        (
            "blank before a heredoc's word",
            "RUN << EOF\na\nEOF",
            "RUN <<< EOF>; a; EOF",
            "RUN <<< EOF> heredoc EOF",
        ),
        ("blank behind a dash", "RUN <<- EOF\nEOF", "RUN <<<- EOF>; EOF", "RUN <<<- EOF>; EOF"),
        ("spaced shift", "RUN $((1 << 2))\n2))", "RUN <$((1 << 2))>; 2))", "RUN <$((1 << 2))> heredoc 2))"),
        ("here-string", "RUN a <<< b", "RUN <a <<< b>", "RUN <a <<< b>"),
        ("glued to a word", "RUN cat<<EOF\nEOF", "RUN <cat<<EOF>; EOF", "RUN <cat<<EOF>; EOF"),
        (
            "check directive before escape",
            "# check=skip=all\n# escape=`\nRUN a `\nb",
            "RUN <a `>; b",
            "RUN <a b>",
        ),
        ("check directive twice", "# check=a\n# check=b\nRUN a", "RUN <a>", "rejected"),
        ("no-break space in a directive", "#\u{a0}escape=`\nRUN a `\nb", "RUN <a `>; b", "RUN <a b>"),
        ("backtick in a flag", "# escape=`\nRUN --x=a` b c", "RUN --x=a` <b c>", "RUN --x=a b <c>"),
        ("backslash in a flag", "# escape=`\nRUN --x=a\\ b c", "RUN --x=a b <c>", "RUN --x=a\\ <b c>"),
        ("prefix pattern", "RUN ${v#x} <<A\nA", "RUN <${v#x} <<A>; A", "RUN <${v#x} <<A> heredoc A"),
        ("suffix pattern", "RUN ${v%%x} <<A\nA", "RUN <${v%%x} <<A>; A", "RUN <${v%%x} <<A> heredoc A"),
        ("replacement", "RUN ${v//x/y} <<A\nA", "RUN <${v//x/y} <<A>; A", "RUN <${v//x/y} <<A> heredoc A"),
        ("length", "RUN ${#v} <<A\nA", "RUN <${#v} <<A>; A", "RUN <${#v} <<A>; A"),
        ("substring", "RUN ${v:1} <<A\nA", "RUN <${v:1} <<A> heredoc A", "RUN <${v:1} <<A> heredoc A"),
        (
            "default in the word",
            "RUN <<${v:-A}\n${v:-A}",
            "RUN <<<${v:-A}> heredoc ${v:-A}",
            "RUN <<<${v:-A}>; ${v:-A}",
        ),
        (
            "default before the word",
            "RUN a${v:-b} <<A\nA",
            "RUN <a${v:-b} <<A> heredoc A",
            "RUN <a${v:-b} <<A> heredoc A",
        ),
    ];
    for (name, text, old, current) in cases {
        assert_eq!(summary(text, LineRules::BuildKit0_12), old, "{name}, BuildKit 0.12");
        assert_eq!(summary(text, LineRules::Current), current, "{name}, current");
    }
}

#[test]
fn nested_triggers_share_the_logical_line_and_deep_ones_are_dropped() {
    let file = Dockerfile::parse(
        "FROM a\nONBUILD ONBUILD \\\n RUN b\n".to_owned() + &"ONBUILD ".repeat(10_000) + "RUN c",
    );
    let outer = &file.instructions()[1];
    let inner = outer.trigger.as_ref().and_then(|trigger| trigger.trigger.as_ref()).unwrap();
    assert_eq!((inner.keyword_text(), inner.arguments_text()), ("RUN", "b"));
    assert_eq!(inner.lines, 2..=3);
    let mut depth = 0;
    let mut next = &file.instructions()[2];
    while let Some(trigger) = &next.trigger {
        depth += 1;
        next = trigger;
    }
    assert!(depth < 10, "{depth}");
}

#[test]
fn json_nests_as_deep_as_in_go() {
    for (depth, verdict) in [(10_000, "rejected"), (10_001, "shell form")] {
        let text = format!("CMD {}{}", "[".repeat(depth), "]".repeat(depth));
        let found = summary(&text, LineRules::Current);
        assert_eq!(if found == "rejected" { "rejected" } else { "shell form" }, verdict, "{depth}");
    }
}

/// Everything that must hold for any text.
fn check(text: &str, rules: LineRules) -> Result<(), TestCaseError> {
    let file = Dockerfile::parse_with(text, rules);
    prop_assert_eq!(file.text(), text);
    let mut end = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut line = 0;
    let mut outside = text[..end].to_owned();
    for instruction in file.instructions() {
        prop_assert!(end <= instruction.range.start, "instructions overlap");
        prop_assert!(line < *instruction.lines.start());
        outside.push_str(&text[end..instruction.range.start]);
        outside.push_str(instruction.range.of(text));
        (line, end) = (*instruction.lines.end(), instruction.range.end);
        check_instruction(instruction, text)?;
    }
    outside.push_str(&text[end..]);
    prop_assert_eq!(&outside, text);
    // Between instructions stands nothing but blank lines, comments and directives.
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    for instruction in
        file.instructions().iter().map(|instruction| instruction.range).chain([TextRange::empty(text.len())])
    {
        for line in text[at..instruction.start].split('\n') {
            let line = line.trim_start();
            prop_assert!(line.is_empty() || line.starts_with('#'), "{:?} is lost", line);
        }
        at = instruction.end;
    }
    for (index, instruction) in file.instructions().iter().enumerate() {
        let Some(image) = file.reading(index).image else { continue };
        for span in [Some(image.name), image.tag, image.digest, image.alias].into_iter().flatten() {
            prop_assert!(instruction.logical.text().get(span.start..span.end).is_some(), "{:?}", image);
        }
    }
    for comment in file.comments() {
        prop_assert!(comment.range.of(text).starts_with('#'));
    }
    for directive in file.directives() {
        prop_assert!(directive.range.of(text).starts_with('#'));
    }
    for problem in file.problems() {
        prop_assert!(text.get(problem.range.start..problem.range.end).is_some(), "{:?}", problem);
    }
    Ok(())
}

fn check_instruction(instruction: &Instruction, text: &str) -> Result<(), TestCaseError> {
    let logical = &instruction.logical;
    prop_assert!(text.get(instruction.range.start..instruction.range.end).is_some());
    let whole = Span::new(0, logical.text().len());
    let joined: String =
        logical.file_ranges(whole).iter().map(|range| &text[range.start..range.end]).collect();
    prop_assert_eq!(&joined, logical.text());
    let mut spans = vec![instruction.keyword_span, instruction.arguments];
    spans.extend(instruction.flags.iter().map(|flag| flag.span));
    spans.extend(instruction.values.iter().map(|value| value.span));
    for pair in &instruction.pairs {
        spans.extend([pair.name.span, pair.value.span]);
    }
    for span in spans {
        prop_assert!(logical.text().get(span.start..span.end).is_some(), "{:?}", span);
        let range = logical.file_range(span);
        prop_assert!(text.get(range.start..range.end).is_some(), "{:?} {:?}", span, range);
        prop_assert!(instruction.range.covers(range), "{:?} {:?} {:?}", span, range, instruction.range);
    }
    for heredoc in &instruction.heredocs {
        for range in [heredoc.body, heredoc.terminator] {
            prop_assert!(text.get(range.start..range.end).is_some());
            prop_assert!(instruction.range.covers(range));
        }
        let last = heredoc.terminator.of(text);
        let last = if heredoc.chomp { last.trim_start_matches('\t') } else { last };
        prop_assert_eq!(last, heredoc.name.as_str());
    }
    for range in instruction.blank_lines.iter().chain(&instruction.comment_lines) {
        prop_assert!(text.get(range.start..range.end).is_some());
    }
    if let Some(trigger) = &instruction.trigger {
        check_instruction(trigger, text)?;
    }
    Ok(())
}

/// Texts of the pieces that BuildKit's rules turn on.
fn dockerfiles() -> impl Strategy<Value = String> {
    let pieces = vec![
        "FROM ",
        "RUN ",
        "COPY ",
        "ENV ",
        "LABEL ",
        "ARG ",
        "HEALTHCHECK ",
        "ONBUILD ",
        "CMD ",
        "BOGUS ",
        "\n",
        "\n",
        "\\\n",
        "\\ \n",
        "`\n",
        "\r\n",
        "\\\r\n",
        "\r",
        "#",
        "# a\n",
        "# escape=`\n",
        "# syntax=a\n",
        "<<EOF",
        "EOF\n",
        "<<-'A'",
        "\tA\n",
        "<< B",
        "B\n",
        "--x=",
        "-- ",
        "[",
        "]",
        "\"",
        "'",
        ",",
        "=",
        "$",
        "${",
        "}",
        ":-",
        "\\",
        "`",
        " ",
        "\t",
        "\u{b}",
        "\u{85}",
        "\u{a0}",
        "\u{2003}",
        "\u{feff}",
        "a",
        "b",
        "à",
        "日",
        "🐳",
        "\0",
    ];
    proptest::collection::vec(proptest::sample::select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_without_loss(text in any::<String>()) {
        check(&text, LineRules::Current)?;
        check(&text, LineRules::BuildKit0_12)?;
    }

    #[test]
    fn any_dockerfile_is_read_without_loss(text in dockerfiles()) {
        check(&text, LineRules::Current)?;
        check(&text, LineRules::BuildKit0_12)?;
    }
}
