//! See [`RULE`].

use crate::model::Delta;
use crate::rule::whole_lines::deletions;
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::syntax::{Dockerfile, Instruction, Keyword, Span};
use crate::text::{TextEdit, TextRange};

rule! {
    /// A blank line inside of a continued instruction.
    ///
    /// ## Why
    ///
    /// The instruction goes on behind the blank line, which looks as if it ended there. BuildKit warns about it and
    /// has announced that it will become an error.
    ///
    /// ```dockerfile
    /// FROM debian:12-slim
    /// RUN apt-get update && \
    ///
    ///     # for the health check
    ///     apt-get install -y curl
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM debian:12-slim
    /// RUN apt-get update && \
    ///     # for the health check
    ///     apt-get install -y curl
    /// ```
    ///
    /// ## Fix
    ///
    /// The blank lines of the instruction are deleted.
    ///
    /// ## Stays silent
    ///
    /// When only comment lines interrupt the instruction, and for blank lines in a heredoc.
    ///
    /// ## Refuses
    ///
    /// When the line behind the blank one begins like an instruction: then the backslash above is the mistake, and the
    /// blank line is the last sign of it.
    ///
    /// ## Safety
    ///
    /// Safe: only the layout changes.
    "empty-continuation-line" {
        aliases: ["buildkit:NoEmptyContinuation"],
        since: "0.1.0",
        severity: Warning,
        phase: Normalise,
        check: check,
        plan: plan,
    }
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let file = subject.file();
    for (index, instruction) in file.instructions().iter().enumerate() {
        let Some(first) = instruction.blank_lines.first() else { continue };
        let message = "a blank line does not end the instruction: BuildKit reads on behind it, and will refuse it one day";
        let finding = findings
            .at(index, instruction.keyword_range(), message)
            .note(TextRange::empty(first.start), "the first blank line")
            .refused_if(swallowed(file, instruction));
        findings.push(finding);
    }
}

/// An instruction that was swallowed by the continuation above it, as far as its first word tells.
fn swallowed(file: &Dockerfile, instruction: &Instruction) -> Option<Refusal> {
    let is_lower = instruction.keyword_text() == instruction.keyword_text().to_lowercase();
    let looks_like_one = |line: &str| {
        let (text, indented) = (line.trim_start(), line.starts_with([' ', '\t']));
        // In the exec form it is a word in quotes.
        let word = text.split(char::is_whitespace).next().unwrap_or_default();
        let word = word.trim_start_matches('"').trim_end_matches(['"', ',', ']']);
        let in_same_case = word == if is_lower { word.to_lowercase() } else { word.to_uppercase() };
        // Many lower-case keywords are commands or options too (`user`, `add`), so those must stand like instructions.
        Keyword::of(word) != Keyword::Unknown && in_same_case && !(is_lower && indented)
    };
    // The lines of the instruction in order, and the blank lines that stand before each.
    let logical = &instruction.logical;
    let lines = logical.file_ranges(Span::new(0, logical.text().len()));
    let mut blanks = instruction.blank_lines.iter().peekable();
    for line in lines {
        let mut is_behind_blank = false;
        while blanks.next_if(|blank| blank.start < line.start).is_some() {
            is_behind_blank = true;
        }
        let text = line.of(file.text());
        if is_behind_blank && looks_like_one(text) {
            let word = text.split_whitespace().next().unwrap_or_default();
            let reason = format!("{word} behind it looks like an instruction that the continuation swallows");
            return Some(Refusal::hazard("H144", reason));
        }
    }
    None
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    let file = subject.file();
    if let Some(refusal) = swallowed(file, instruction) {
        return Err(refusal);
    }
    let mut edit = TextEdit::builder();
    for range in deletions(instruction.blank_lines.iter().copied(), file.text()) {
        edit.delete(range);
    }
    let title =
        if instruction.blank_lines.len() == 1 { "delete the blank line" } else { "delete the blank lines" };
    Plan::edit(title, edit.finish(), vec![Delta::LayoutChanged { instruction: index }])
}
