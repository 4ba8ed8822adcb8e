//! The edits: the text stays where it stands, with its line breaks and comments.

use super::array::Array;
use super::reading::{Form, Reading};
use crate::model::{ShellText, render_words};
use crate::rule::Refusal;
use crate::shell::{Simple, Span};
use crate::syntax::Instruction;
use crate::text::{TextEditBuilder, TextRange};

/// Writes the exec form of a reading.
///
/// # Errors
/// A [`Refusal`] when a comment stands where it could not stay.
pub(super) fn write(
    edit: &mut TextEditBuilder,
    instruction: &Instruction,
    reading: &Reading<'_>,
    file: &str,
) -> Result<(), Refusal> {
    match &reading.form {
        Form::Words { simple, dropped, semicolon } => {
            if let Some(semicolon) = semicolon {
                // With the blanks before it.
                let end = simple.span.end;
                edit.delete(reading.text.file_range(instruction, &(end..semicolon.end)));
            }
            let written = Written { instruction, text: reading.text };
            written.words(edit, simple, *dropped, &reading.words, file)
        }
        Form::Shell { shell, exec } => {
            around(edit, instruction, reading.text, shell, *exec);
            Ok(())
        }
        Form::Array(array) => Written { instruction, text: reading.text }.array(edit, array),
    }
}

pub(super) fn json_string(word: &str) -> String {
    let array = render_words(std::slice::from_ref(&word.to_owned()));
    array.get(1..array.len() - 1).unwrap_or_default().to_owned()
}

struct Written<'a> {
    instruction: &'a Instruction,
    text: &'a ShellText,
}

impl Written<'_> {
    /// Where a part of the text stands in the file, when no comment stands inside of it.
    fn place(&self, span: &Span) -> Result<TextRange, Refusal> {
        let range = self.text.file_range(self.instruction, span);
        if self.instruction.comment_lines.iter().any(|line| line.overlaps(range)) {
            return Err(Refusal::hazard("H015", "a comment stands inside of a word"));
        }
        Ok(range)
    }

    /// Each word becomes a JSON string where it stands, so that line breaks and comments between the words stay.
    fn words(
        &self,
        edit: &mut TextEditBuilder,
        simple: &Simple,
        dropped: usize,
        words: &[String],
        file: &str,
    ) -> Result<(), Refusal> {
        if let Some(exec) = simple.words.first().filter(|_| dropped == 1) {
            let range = self.place(&exec.span)?;
            let behind = file.get(range.end..).unwrap_or_default();
            let blanks = behind.len() - behind.trim_start_matches([' ', '\t']).len();
            edit.delete(TextRange::new(range.start, range.end + blanks));
        }
        let last = words.len().saturating_sub(1);
        for (at, (word, written)) in words.iter().zip(simple.words.iter().skip(dropped)).enumerate() {
            let open = if at == 0 { "[" } else { "" };
            let close = if at == last { "]" } else { "," };
            edit.replace(self.place(&written.span)?, format!("{open}{}{close}", json_string(word)));
        }
        Ok(())
    }

    /// What is wrong with an array is mended, element by element.
    fn array(&self, edit: &mut TextEditBuilder, array: &Array) -> Result<(), Refusal> {
        let last = array.elements.len().saturating_sub(1);
        for (at, element) in array.elements.iter().enumerate() {
            let lacks = match at == last {
                true if !array.closed => "]",
                false if element.lacks_comma() => ",",
                _ => "",
            };
            let string = json_string(&element.value);
            let as_written = self.text.script.text().get(element.span.clone()) == Some(string.as_str());
            if !as_written || !lacks.is_empty() {
                edit.replace(self.place(&element.span)?, format!("{string}{lacks}"));
            }
        }
        if let Some(comma) = &array.last_comma {
            edit.delete(self.place(comma)?);
        }
        Ok(())
    }
}

/// The text stays byte for byte, inside of a JSON string behind the words of its shell. `exec` is put in at an offset.
pub(super) fn around(
    edit: &mut TextEditBuilder,
    instruction: &Instruction,
    shell_text: &ShellText,
    shell: &[String],
    exec: Option<usize>,
) {
    let text = shell_text.script.text();
    let place = |at: usize, length: usize| shell_text.file_range(instruction, &(at..at + length));
    let opening = render_words(shell);
    let opening = format!("{}, \"", opening.trim_end_matches(']'));
    // Edits that touch become one, so that each keeps its place.
    let mut pending = (TextRange::empty(place(0, 1).start), opening);
    let mut push = |range: TextRange, text: &str| {
        if range.start == pending.0.end {
            pending = (TextRange::new(pending.0.start, range.end), std::mem::take(&mut pending.1) + text);
        } else {
            let (range, text) = std::mem::replace(&mut pending, (range, text.to_owned()));
            edit.replace(range, text);
        }
    };
    for (offset, character) in text.char_indices() {
        if exec == Some(offset) {
            push(TextRange::empty(place(offset, 1).start), "exec ");
        }
        let escaped = match character {
            '"' | '\\' => format!("\\{character}"),
            '\t' => "\\t".to_owned(),
            control if control < ' ' => format!("\\u{:04x}", control as u32),
            _ => continue,
        };
        push(place(offset, character.len_utf8()), &escaped);
    }
    push(TextRange::empty(shell_text.insert_after(instruction, text.len())), "\"]");
    let (range, text) = pending;
    edit.replace(range, text);
}
