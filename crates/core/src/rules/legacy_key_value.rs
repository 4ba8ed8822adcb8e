//! See [`RULE`].

use crate::model::{Delta, Meaning};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::syntax::{Instruction, Lexer, Pair, Span};
use crate::text::{TextEdit, TextEditBuilder};

rule! {
    /// ENV or LABEL with a blank instead of `=`.
    ///
    /// ## Why
    ///
    /// In the old form everything behind the name is the value: blanks, further names, what looks like a comment.
    /// BuildKit warns about it.
    ///
    /// ```dockerfile
    /// FROM eclipse-temurin:21
    /// ENV JAVA_OPTS -Xms64m  -Xmx512m
    /// LABEL version 1.0
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM eclipse-temurin:21
    /// ENV JAVA_OPTS="-Xms64m  -Xmx512m"
    /// LABEL version=1.0
    /// ```
    ///
    /// ## Fix
    ///
    /// The blank becomes a `=`, and the value is put in quotes where it needs them, so that BuildKit reads the same
    /// bytes.
    ///
    /// ## Stays silent
    ///
    /// Behind ONBUILD, where BuildKit says nothing either.
    ///
    /// ## Refuses
    ///
    /// When a quote of the value is never closed, and when a backslash in it would come to mean something else. When the
    /// value goes on over lines of which one begins like a further `NAME=value`: several variables were meant, and a
    /// fix that keeps the value would make that last. When a comment stands between the name and the value.
    ///
    /// ## Safety
    ///
    /// Safe: the value is the same byte for byte, whatever its variables are set to.
    "legacy-key-value" {
        aliases: ["buildkit:LegacyKeyValueFormat"],
        since: "0.1.0",
        severity: Warning,
        phase: Normalise,
        check: check,
        plan: plan,
    }
}

fn legacy(instruction: &Instruction) -> Option<&Pair> {
    instruction.pairs.first().filter(|pair| pair.legacy)
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for (index, instruction) in subject.file().instructions().iter().enumerate() {
        if legacy(instruction).is_some() {
            let keyword = instruction.keyword;
            let message = format!("{keyword} without = takes everything behind the name for the value");
            findings.push(findings.at(index, instruction.head_range(), message));
        }
    }
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    let pair = legacy(instruction).ok_or_else(|| Refusal::because("the text has changed"))?;
    let escape = subject.file().escape();
    expansions(&pair.value.text, escape).ok_or_else(|| Refusal::because("BuildKit cannot read the value"))?;
    layout_is_plain(subject, instruction, pair)?;
    let as_it_is = Word { text: pair.value.text.clone(), quoted: false, changes: Vec::new() };
    let value = match prove(subject, index, pair, &as_it_is.text) {
        Ok(()) => as_it_is,
        Err(_) => in_quotes(&pair.value.text, escape)?,
    };
    prove(subject, index, pair, &value.text)?;
    let crosses =
        |(change, _): &(Span, String)| instruction.logical.crosses_gap(change.shifted(pair.value.span.start));
    if value.changes.iter().any(crosses) {
        return Err(Refusal::hazard("H144", "a quote of the value stands at the end of a line"));
    }
    let mut edit = TextEdit::builder();
    let gap = Span::new(pair.name.span.end, pair.value.span.start);
    let gap = instruction.logical.file_end(gap.start)..instruction.logical.file_offset(gap.end);
    edit.replace(gap.into(), if value.quoted { "=\"" } else { "=" });
    value.edit(&mut edit, instruction, pair.value.span);
    let title = format!("write {}=", pair.name.text);
    Plan::edit(title, edit.finish(), vec![Delta::LayoutChanged { instruction: index }])
}

/// Refuses where lines or comments stand in the way.
fn layout_is_plain(subject: &Subject<'_>, instruction: &Instruction, pair: &Pair) -> Result<(), Refusal> {
    let logical = &instruction.logical;
    if logical.crosses_gap(pair.name.span) {
        return Err(Refusal::hazard("H144", "the name is split over lines"));
    }
    let value_start = logical.file_offset(pair.value.span.start);
    if instruction.comment_lines.iter().any(|comment| comment.start < value_start) {
        return Err(Refusal::hazard("H144", "a comment stands between the name and the value"));
    }
    let lines = logical.file_ranges(pair.value.span);
    let is_pair = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        word.split_once('=').is_some_and(|(name, _)| is_name(name))
    };
    let text = subject.file().text();
    if let Some(line) = lines.iter().skip(1).find(|line| is_pair(line.of(text))) {
        let word = line.of(text).split_whitespace().next().unwrap_or_default();
        return Err(Refusal::because(format!(
            "{word} in a later line is part of the value, though it looks like another variable"
        )));
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/'))
}

/// What BuildKit reads without variables, and with each variable set to something that can be told from other text.
fn expansions(text: &str, escape: char) -> Option<[String; 2]> {
    let lexer = Lexer::new(escape);
    let unset = lexer.expand(text, &|_: &str| None).ok()?;
    let set = lexer.expand(text, &|name: &str| Some(format!("\u{1}{name}\u{2}"))).ok()?;
    Some([unset.text, set.text])
}

/// Shows that the new form is read as one pair with the same name and value.
fn prove(subject: &Subject<'_>, index: usize, pair: &Pair, value: &str) -> Result<(), Refusal> {
    let changed = || Refusal::because("the value would not be the same");
    let file = subject.file();
    let escape = file.escape();
    if expansions(&pair.value.text, escape) != expansions(value, escape) {
        return Err(changed());
    }
    let keyword =
        file.instructions().get(index).map(|instruction| instruction.keyword).ok_or_else(changed)?;
    let new = Meaning::of_text(&format!("# escape={escape}\n{keyword} {}={value}\n", pair.name.text));
    if new.is_none() || new != subject.model.meaning(index) {
        return Err(changed());
    }
    Ok(())
}

/// A value as the word behind a `=`.
struct Word {
    text: String,
    quoted: bool,
    /// Bytes of the old value that give way to other text, in order.
    changes: Vec<(Span, String)>,
}

impl Word {
    /// Adds the changes of the value, which stands at `span`, and the quote behind it.
    fn edit(&self, edit: &mut TextEditBuilder, instruction: &Instruction, span: Span) {
        for (change, text) in &self.changes {
            edit.replace(instruction.file_range(change.shifted(span.start)), text.clone());
        }
        if self.quoted {
            edit.insert(instruction.logical.file_end(span.end), "\"");
        }
    }
}

/// The value in one pair of double quotes.
fn in_quotes(value: &str, escape: char) -> Result<Word, Refusal> {
    let mut changes = Vec::new();
    let mut quote = None;
    let mut characters = value.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let span = Span::new(at, at + character.len_utf8());
        if character == escape && quote != Some('\'') {
            let Some((_, next)) = characters.next() else {
                return Err(Refusal::because("it ends in an escape character"));
            };
            let is_bare = quote.is_none();
            // Inside of double quotes the escape character stands for itself before anything but these.
            if is_bare && (next.is_whitespace() || next == '\'') {
                changes.push((span, String::new()));
            } else if is_bare && !matches!(next, '"' | '$') && next != escape {
                return Err(Refusal::because(format!(
                    "{escape}{next} in it would come to mean something else"
                )));
            }
            continue;
        }
        match (quote, character) {
            (None, '"' | '\'') => {
                quote = Some(character);
                changes.push((span, String::new()));
            }
            (Some(open), _) if open == character => {
                quote = None;
                changes.push((span, String::new()));
            }
            (Some('\''), '"' | '$') => changes.push((span, format!("{escape}{character}"))),
            (Some('\''), _) if character == escape => changes.push((span, format!("{escape}{escape}"))),
            (_, '$') if characters.peek().is_some_and(|(_, next)| *next == '{') => {
                // BuildKit reads what stands in the braces by itself, whatever quotes are around them.
                let end = at + braced(&value[at..], escape)?;
                while characters.next_if(|(next, _)| *next < end).is_some() {}
            }
            _ => {}
        }
    }
    let changes = joined(changes);
    let mut text = String::from("\"");
    let mut done = 0;
    for (change, new) in &changes {
        text.push_str(&value[done..change.start]);
        text.push_str(new);
        done = change.end;
    }
    text.push_str(&value[done..]);
    text.push('"');
    Ok(Word { text, quoted: true, changes })
}

/// Changes that touch become one, so that it is plain in which order they stand.
fn joined(changes: Vec<(Span, String)>) -> Vec<(Span, String)> {
    let mut joined: Vec<(Span, String)> = Vec::new();
    for (span, text) in changes {
        match joined.last_mut() {
            Some((last, before)) if last.end == span.start => {
                last.end = span.end;
                before.push_str(&text);
            }
            _ => joined.push((span, text)),
        }
    }
    joined
}

/// The length of a `${...}` that `text` begins with, when nothing in it is quoted or nested.
fn braced(text: &str, escape: char) -> Result<usize, Refusal> {
    let refusal = || Refusal::because("a substitution in it is too involved");
    let end = text.find('}').ok_or_else(refusal)?;
    let inner = text.get(2..end).ok_or_else(refusal)?;
    if inner.contains(['"', '\'', '{', escape]) {
        return Err(refusal());
    }
    Ok(end + 1)
}
