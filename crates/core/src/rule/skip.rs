//! Files that are not looked at: templates, and what something else writes (H146).
//!
//! A template is no Dockerfile yet, and a fix could break it. A generated file is written anew from its source, and a fix
//! in it would be lost. Both are told by signs that ordinary Dockerfiles do not have; text that only looks like one (a
//! format string in quotes, a mention of another file) does not count.

use super::Subject;
use crate::model::Base;
use crate::syntax::{Dockerfile, Instruction, Keyword};
use crate::text::TextRange;

/// Why a file is not looked at.
pub(crate) fn skipped(subject: &Subject<'_>) -> Option<String> {
    let file = subject.file();
    template(file).or_else(|| placeholder(subject)).or_else(|| generated(file))
}

fn template_at(file: &Dockerfile, offset: usize, sign: &str) -> String {
    let line = file.text().get(..offset).unwrap_or_default().matches('\n').count() + 1;
    format!("it is a template: {sign} in line {line} is filled in by something else")
}

/// The signs of template languages. Each text test before a loop keeps ordinary files cheap.
fn template(file: &Dockerfile) -> Option<String> {
    let text = file.text();
    let braces = ["{{", "{%", "<%", "%%"].iter().any(|sign| text.contains(sign));
    let macros = MACROS.iter().any(|name| text.contains(name));
    if !braces && !macros {
        return None;
    }
    file.instructions().iter().find_map(|instruction| {
        let sign = macros.then(|| macro_call(instruction)).flatten();
        let (offset, sign) =
            sign.or_else(|| if braces { in_instruction(text, instruction) } else { None })?;
        Some(template_at(file, offset, sign))
    })
}

/// Macros of m4 that begin a line. m4 has no other sign.
const MACROS: [&str; 10] = [
    "define(",
    "include(",
    "sinclude(",
    "changequote",
    "divert(",
    "ifdef(",
    "ifelse(",
    "undefine(",
    "m4_",
    "dnl",
];

fn macro_call(instruction: &Instruction) -> Option<(usize, &'static str)> {
    if instruction.keyword != Keyword::Unknown {
        return None;
    }
    let word = instruction.keyword_text();
    let name = MACROS.iter().find(|name| word.starts_with(**name))?;
    let is_macro = *name != "dnl" || word == "dnl";
    is_macro.then(|| (instruction.range.start, name.trim_end_matches('(')))
}

/// A pair of signs around what is filled in.
struct Sign {
    open: &'static str,
    close: &'static str,
    name: &'static str,
}

const SIGNS: [Sign; 4] = [
    Sign { open: "{{", close: "}}", name: "{{ }}" },
    Sign { open: "{%", close: "%}", name: "{% %}" },
    Sign { open: "<%", close: "%>", name: "<% %>" },
    Sign { open: "%%", close: "%%", name: "%%...%%" },
];

/// What is filled in is short. Nothing is looked for further away, so that no line is searched again and again.
const LONGEST: usize = 300;

/// The first sign of a template in an instruction: its file offset and its name.
fn in_instruction(text: &str, instruction: &Instruction) -> Option<(usize, &'static str)> {
    let head = instruction.head_range();
    let head_text = head.of(text);
    for sign in &SIGNS {
        let mut quotes = Quotes::default();
        let mut from = 0;
        while let Some(found) = head_text.get(from..).and_then(|rest| rest.find(sign.open)) {
            let at = from + found;
            from = at + sign.open.len();
            let is_quoted = quotes.open_at(head_text, at);
            let rest = &head_text[from..];
            let near = &rest[..rest.floor_char_boundary(LONGEST)];
            let line = near.split('\n').next().unwrap_or_default();
            let Some(len) = line.find(sign.close) else { continue };
            let found = Found { sign, before: &head_text[..at], inner: &line[..len], is_quoted };
            if is_filled_in(sign, found.inner)
                && !is_ordinary(instruction, &found)
                && !in_comment(instruction, head.start + at)
            {
                return Some((head.start + at, sign.name));
            }
        }
    }
    None
}

/// A sign where it stands.
struct Found<'a> {
    sign: &'a Sign,
    before: &'a str,
    inner: &'a str,
    /// Whether it stands in quotes.
    is_quoted: bool,
}

fn in_comment(instruction: &Instruction, offset: usize) -> bool {
    let comments = &instruction.comment_lines;
    let next = comments.partition_point(|comment: &TextRange| comment.end <= offset);
    comments.get(next).is_some_and(|comment| comment.contains(offset))
}

/// Whether what stands between the signs is something that a template fills in.
fn is_filled_in(sign: &Sign, inner: &str) -> bool {
    let first = inner.chars().next().unwrap_or(' ');
    match sign.open {
        // `{{a,b},c}` is a brace expansion of bash, and `{{}}` an empty dictionary in an empty dictionary.
        "{{" => !inner.trim().is_empty() && (!inner.contains(',') || inner.contains(['(', '|', '"'])),
        "{%" => matches!(first, ' ' | '-' | '+') || first.is_ascii_alphabetic(),
        "<%" => matches!(first, ' ' | '=' | '-' | '#') || first.is_ascii_alphabetic(),
        // `date +%%Y%%m` is for another kind of file.
        _ => {
            inner.len() > 1
                && inner.starts_with(|c: char| c.is_ascii_uppercase())
                && inner
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        }
    }
}

/// Whether the sign is ordinary text to the builder. In quotes of a command it is a format (`docker inspect --format
/// '{{.Id}}'`) or text for another file; behind `sed` it is what that replaces in another file.
fn is_ordinary(instruction: &Instruction, found: &Found<'_>) -> bool {
    let keyword = instruction.trigger.as_ref().map_or(instruction.keyword, |trigger| trigger.keyword);
    if keyword == Keyword::Unknown || keyword == Keyword::From {
        return false;
    }
    let is_braces = found.sign.open == "{{";
    if !keyword.takes_command() && keyword != Keyword::Shell {
        // ENV FORMAT="{{.Names}}" and the like: the fields of Go's templates begin with a point.
        return is_braces
            && found.is_quoted
            && found.inner.trim_start_matches(['-', ' ']).starts_with(['.', '$']);
    }
    // No program that a container starts takes `{{NAME}}`: formats begin with a point or hold more than a name.
    if is_braces && instruction.json && matches!(keyword, Keyword::Cmd | Keyword::Entrypoint) {
        let inner = found.inner.trim();
        return inner.is_empty() || !inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    }
    // `--format={{.Id}}` needs no quotes, and neither does the expression of `sed`.
    let word = found.before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let is_format = is_braces && found.inner.starts_with('.') && word.starts_with('-');
    let is_expression = word.starts_with("s/") || word.starts_with("s|");
    found.is_quoted || is_format || is_expression
}

/// Which quote is open, asked for ascending offsets of one text. Quotes count as a shell counts them.
#[derive(Default)]
struct Quotes {
    open: Option<u8>,
    at: usize,
}

impl Quotes {
    fn open_at(&mut self, text: &str, offset: usize) -> bool {
        let bytes = text.as_bytes();
        while self.at < offset {
            let byte = bytes.get(self.at).copied().unwrap_or_default();
            self.at += 1;
            match (self.open, byte) {
                (None | Some(b'"'), b'\\') => self.at += 1,
                (None, b'"' | b'\'') => self.open = Some(byte),
                (Some(open), _) if open == byte => self.open = None,
                _ => {}
            }
        }
        self.open.is_some()
    }
}

/// A base image that is no reference: `FROM @BASE@`, `FROM BASE_IMAGE`.
///
/// Source: the names of images are in lower case (the distribution project's `reference` grammar).
fn placeholder(subject: &Subject<'_>) -> Option<String> {
    subject.model.stages().iter().find_map(|stage| {
        let Base::Image(reference) = &stage.base else { return None };
        let from = subject.model.instruction(stage.from)?;
        let written = from.value_texts().next()?;
        if written.contains('$') || !(is_between_marks(reference) || is_upper_case(reference)) {
            return None;
        }
        Some(template_at(subject.file(), from.range.start, written))
    })
}

/// `@NAME@`, also as a part of the reference: `debian:@VERSION@`.
fn is_between_marks(reference: &str) -> bool {
    let mut parts = reference.split('@').skip(1);
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    reference.matches('@').count() > 1 && parts.next().is_some_and(is_name)
}

fn is_upper_case(reference: &str) -> bool {
    let name = reference.split(':').next().unwrap_or_default().trim_matches(['_', '#', '%']);
    name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.'))
}

/// A comment above the first instruction that says that a program writes the file.
fn generated(file: &Dockerfile) -> Option<String> {
    let comments = file.comments_before(0);
    let texts: Vec<String> = comments.iter().map(|comment| comment.text.to_lowercase()).collect();
    let header_says = |words: &[&str]| texts.iter().any(|text| words.iter().any(|word| text.contains(word)));
    let is_generated = header_says(&["generated", "created automatically", "written by"]);
    for (comment, text) in comments.iter().zip(&texts) {
        let says = says_generated(text)
            || (forbids_edits(text) && (is_generated || speaks_of_itself(text)))
            || comment.text.contains("DO NOT EDIT") && !names_another_file(text)
            || comment.text.contains("DO NOT MODIFY") && !names_another_file(text);
        if says {
            return Some(format!("something else writes it, as line {} says", comment.line));
        }
    }
    None
}

/// Whether a sentence says that this very file is generated. That somebody once generated it and goes on by hand
/// ("generated by docker init") is no reason to leave it alone.
fn says_generated(text: &str) -> bool {
    let subjects = ["this file", "this dockerfile", "the dockerfile", "dockerfile"];
    let verbs = [" was ", " is ", " has been ", " are "];
    let Some(at) = text.find("generated") else { return false };
    let before = &text[..at];
    let is_about_it = subjects.iter().any(|subject| {
        before.find(subject).is_some_and(|start| {
            let between = &before[start + subject.len()..];
            let how = between.trim_end_matches(['-', ' ']);
            verbs.iter().any(|verb| {
                let verb = verb.trim_end();
                how == verb
                    || how.strip_prefix(verb).is_some_and(|adverb| {
                        matches!(
                            adverb.trim(),
                            "auto" | "automatically" | "automatic" | "being" | "programmatically"
                        )
                    })
            })
        })
    });
    let is_label = matches!(
        before.trim_end_matches(['-', ' ']),
        "auto" | "automatically" | "note: auto" | "warning: auto"
    ) && ["file", "dockerfile", "from", "by", "with"]
        .iter()
        .any(|word| text[at..].split(|c: char| !c.is_alphanumeric()).nth(1) == Some(*word));
    is_about_it || is_label
}

fn forbids_edits(text: &str) -> bool {
    ["do not", "don't", "never", "please don't"].iter().any(|not| {
        text.match_indices(not).any(|(at, _)| {
            let rest = text[at + not.len()..].trim_start();
            ["edit", "modify", "change", "manually edit", "directly edit", "touch"].iter().any(|verb| {
                rest.strip_prefix(verb).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
            })
        })
    })
}

/// Whether the sentence that forbids edits is about this file.
fn speaks_of_itself(text: &str) -> bool {
    ["this file", "this dockerfile", "by hand", "manually", "directly"]
        .iter()
        .any(|words| text.contains(words))
        && !names_another_file(text)
}

/// Whether a name of a file stands in the text: then it is that file that shall not be edited.
fn names_another_file(text: &str) -> bool {
    if ["this file", "this dockerfile", "generated"].iter().any(|words| text.contains(words)) {
        return false;
    }
    let is_file = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let extension = word.rsplit_once('.').map(|(_, extension)| extension);
        extension.is_some_and(|extension| {
            (1..=5).contains(&extension.len()) && extension.chars().all(|c| c.is_ascii_alphanumeric())
        })
    };
    text.split_whitespace().any(is_file)
}

#[cfg(test)]
mod tests {
    use crate::rewrite::{ContextGroup, Engine};

    fn reason(text: &str) -> Option<String> {
        Engine::default().check(&ContextGroup::of_text(text)).remove(0).skipped
    }

    #[test]
    fn templates_are_skipped() {
        let cases = [
            "FROM {{ base }}\n",
            "FROM debian:12\n{{ if .Debug }}\nRUN apt-get install gdb\n{{ end }}\n",
            "FROM debian:12\nRUN pip install {{ packages|join(' ') }}\n",
            "FROM debian:12\nENV VERSION=\"{{ version }}\"\n",
            "FROM debian:12\n{% for user in users %}\nRUN useradd {{ user }}\n{% endfor %}\n",
            "FROM debian:12\n{%- if x %}\nRUN a\n{%- endif %}\n",
            "FROM debian:%%VERSION%%\n",
            "FROM debian:12\nENV GO_VERSION %%GO_VERSION%%\n",
            "FROM debian:12\nCMD [\"python\", \"/opt/{{PROJECT_NAME}}/run.py\"]\n",
            "FROM <%= base %>\n",
            "FROM debian:12\n<% if debug -%>\nRUN a\n<% end %>\n",
            "FROM debian:12\ninclude(`common.m4')\nRUN a\n",
            "changequote(<<, >>)\nFROM debian:12\n",
            "define(`VERSION', `1')\nFROM debian:VERSION\n",
            "dnl a comment\nFROM debian:12\n",
            "FROM @BASE@\n",
            "FROM debian:@VERSION@\n",
            "FROM ARG_FROM\nRUN a\n",
            "FROM __BASE_IMAGE__:1\n",
        ];
        for text in cases {
            let reason = reason(text);
            assert!(reason.as_ref().is_some_and(|reason| reason.contains("template")), "{reason:?}: {text}");
        }
    }

    #[test]
    fn generated_files_are_skipped() {
        let cases = [
            "# DO NOT EDIT\nFROM debian:12\n",
            "# Code generated by update.sh. DO NOT EDIT.\nFROM debian:12\n",
            "#\n# NOTE: THIS DOCKERFILE IS GENERATED VIA \"apply-templates.sh\"\n#\n# PLEASE DO NOT EDIT IT DIRECTLY.\n#\n\nFROM debian:12\n",
            "# syntax=docker/dockerfile:1\n# This file was generated by make.\nFROM debian:12\n",
            "# This Dockerfile is automatically generated from Dockerfile.in\nFROM debian:12\n",
            "# Auto-generated by build.py\n\nARG V=12\nFROM debian:$V\n",
            "# generated from template.in, do not edit\nFROM debian:12\n",
            "# Generated by tool.\n# Please don't edit.\nFROM debian:12\n",
            "# do not edit this file by hand\nFROM debian:12\n",
        ];
        for text in cases {
            let reason = reason(text);
            assert!(reason.as_ref().is_some_and(|reason| reason.contains("writes")), "{reason:?}: {text}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not_skipped() {
        let cases = [
            "FROM debian:12\nRUN docker inspect --format '{{.State}}' x\n",
            "FROM debian:12\nRUN docker inspect -f \"{{ .State }}\" x\n",
            "FROM debian:12\nRUN docker inspect --format={{.State}} x\n",
            "FROM debian:12\nHEALTHCHECK CMD [\"docker\", \"ps\", \"--format\", \"{{.ID}}\"]\n",
            "FROM debian:12\nENV DOCKER_FORMAT='{{.Names}}'\n",
            "FROM debian:12\nRUN cp {{a,b},c}/d /e\n",
            "FROM debian:12\n# {{ a comment }}\nRUN a && \\\n  # {{ b }}\n  b\n",
            "FROM debian:12\nRUN cat <<EOF > /t\n{{ x }} {% y %} <% z %> %%ZZ%%\nEOF\n",
            "FROM debian:12\nRUN sed -i s/%%VERSION%%/1/ /etc/x\n",
            "FROM debian:12\nRUN date +%%Y%%m && echo ${A%%.*} ${B%%-*}\n",
            "FROM debian:12\nRUN curl -w '%{http_code}' x && echo \"{% x %}\" > /t\n",
            "FROM debian@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
            "FROM debian:12 AS BASE\nFROM BASE\n",
            "ARG BASE\nFROM ${BASE}\n",
            "FROM debian:12\n# DO NOT EDIT requirements.txt\nCOPY . .\n",
            "# Do not edit requirements.txt by hand\nFROM debian:12\n",
            "FROM debian:12\n# This file was generated by hand\nRUN a\n",
            "# Copies the generated code\nFROM debian:12\n",
            "# generated by docker init\nFROM debian:12\n",
            "# Do not change the order\nFROM debian:12\n",
        ];
        for text in cases {
            assert_eq!(reason(text), None, "{text}");
        }
    }
}
