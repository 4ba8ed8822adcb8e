//! The gate is proven by mutation: wrong edits are seeded into fixes that are right, and every one that changes what the
//! file means must be rejected.
//!
//! Whether a mutant means something else is decided here, apart from the code that the gate is made of: by the values
//! of the line parser (which is held to BuildKit's own by the conformance suite), by the comments, and by the bytes that
//! no instruction owns.

#![allow(clippy::disallowed_methods)] // Tests read fixtures; only the library itself touches no disk.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use dockmend_core::config::{Options, Settings};
use dockmend_core::context::MemoryFiles;
use dockmend_core::model::{BuildModel, Delta};
use dockmend_core::rewrite::{ContextGroup, Engine, SourceFile, gate};
use dockmend_core::syntax::{Dockerfile, Keyword, Lexer};
use dockmend_core::text::TextRange;

/// A fix that is right: the text before, the text after, and what it declares.
struct Sound {
    before: BuildModel,
    after: String,
    declared: Vec<Delta>,
}

/// The fixes of all fixtures that need no context, and of the texts below.
fn sound_fixes() -> Vec<Sound> {
    let options = Options::parse("select = [\"all\"]").unwrap();
    let engine = Engine::new(Settings::combine(&[options]).unwrap());
    let mut texts: Vec<String> = RICH.iter().map(|text| (*text).to_owned()).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/rules");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let cases = support::cases(&text, "");
        texts.extend(cases.into_iter().filter(|case| case.context.is_none()).map(|case| case.before));
    }
    let mut sound = Vec::new();
    for text in texts {
        let group = ContextGroup::of_text(&text);
        for finding in &engine.check(&group)[0].findings {
            let Ok(verified) = engine.plan(&group, 0, &finding.key) else { continue };
            let Some(edit) = verified.plan.dockerfile() else { continue };
            let after = edit.apply(&text).unwrap();
            sound.push(Sound {
                before: BuildModel::of(&text),
                after,
                declared: verified.plan.declared.clone(),
            });
        }
    }
    sound
}

/// Texts with much to lose.
const RICH: [&str; 3] = [
    "# syntax=docker/dockerfile:1\nARG TAG=12\n# the base\nFROM debian:${TAG} AS base\nMAINTAINER Jo \"the\" Doe\nWORKDIR /app\n\
     COPY --chown=1000:1000 a b ./\n# hadolint ignore=DL3008\nRUN --network=none --mount=type=cache,target=/var/cache/apt \\\n    apt-get update && \\\n    # tools\n    \
     apt-get install -y curl 'jq' git \\\n    && rm -rf /tmp/x\nRUN <<EOF\nset -e\necho one two\nEOF\nENV A=\"x y\" B='z'\n\
     FROM base\nCOPY --from=base /app /app\nUSER app\nCMD [\"run\", \"--it\"]\n",
    "\u{feff}FROM alpine:3.20\r\nrun apk add curl \\\r\n  && echo \"done\"\r\nWORKDIR app\r\nEXPOSE 80\r\nENTRYPOINT [\"/app\"]\r\nCMD a\r\nCMD b\r\n",
    "FROM node:20\nENV PATH /opt/bin:$PATH\nWORKDIR /app\nCOPY package.json .\nRUN npm ci; npm run build || true\nADD . .\nCMD node server.js",
];

/// A wrong edit: its name, and the mutants it makes of a right text.
type Mutation = (&'static str, fn(&str) -> Vec<String>);

const MUTATIONS: &[Mutation] = &[
    ("next instruction swallowed by a continuation", |text| each_line_end(text, " \\\n")),
    ("two instructions joined", |text| each_line_end(text, "")),
    ("text added behind a comment inside a continuation", |text| {
        each_match(text, "# tools", |at| (TextRange::empty(at + 7), " --no-install-recommends".to_owned()))
    }),
    ("heredoc body edited", |text| {
        each_match(text, "echo one", |at| (TextRange::new(at, at + 4), "exit".to_owned()))
    }),
    ("heredoc terminator indented", |text| {
        each_match(text, "\nEOF\n", |at| (TextRange::empty(at + 1), "  ".to_owned()))
    }),
    ("flag lost", |text| each_word(text, |word| word.starts_with("--"))),
    ("word lost", |text| each_word(text, |word| word.len() > 2 && word.chars().all(char::is_alphanumeric))),
    ("quote lost", |text| each_char(text, |character| matches!(character, '"' | '\''), "")),
    ("line ending turned", |text| each_match(text, "\r\n", |at| (TextRange::new(at, at + 1), String::new()))),
    ("line ending turned to CRLF", |text| {
        if text.contains("\r\n") {
            Vec::new()
        } else {
            each_match(text, "\n", |at| (TextRange::empty(at), "\r".to_owned()))
        }
    }),
    ("comment moved below its instruction", comments_moved),
    ("comment lost", |text| each_line(text, |line| line.trim_start().starts_with('#'))),
    ("instruction lost", |text| {
        each_line(text, |line| !line.trim_start().starts_with('#') && !line.trim().is_empty())
    }),
    ("instruction doubled", |text| doubled(text)),
    ("&& became ;", |text| each_match(text, "&&", |at| (TextRange::new(at, at + 2), ";".to_owned()))),
    ("&& became ||", |text| each_match(text, "&&", |at| (TextRange::new(at, at + 2), "||".to_owned()))),
    ("runs merged over flags", runs_merged),
    ("exec form became shell form", |text| each_char(text, |character| matches!(character, '[' | ']'), "")),
    ("byte order mark lost", |text| text.strip_prefix('\u{feff}').map(str::to_owned).into_iter().collect()),
    ("final newline lost", |text| text.strip_suffix('\n').map(str::to_owned).into_iter().collect()),
    ("final newline added", |text| if text.ends_with('\n') { Vec::new() } else { vec![format!("{text}\n")] }),
    ("text added at the end", |text| vec![format!("{text}USER root\n"), format!("{text} extra")]),
    ("case of an argument changed", |text| {
        each_word(text, |_| false).into_iter().chain(cases_changed(text)).collect()
    }),
];

fn replaced(text: &str, range: TextRange, new: &str) -> String {
    format!("{}{new}{}", &text[..range.start], &text[range.end..])
}

fn each_match(text: &str, needle: &str, change: impl Fn(usize) -> (TextRange, String)) -> Vec<String> {
    text.match_indices(needle)
        .map(|(at, _)| {
            let (range, new) = change(at);
            replaced(text, range, &new)
        })
        .collect()
}

fn each_line_end(text: &str, new: &str) -> Vec<String> {
    let ends = text.match_indices('\n').filter(|(at, _)| at + 1 < text.len());
    ends.map(|(at, _)| {
        let start = if text[..at].ends_with('\r') { at - 1 } else { at };
        replaced(text, TextRange::new(start, at + 1), new)
    })
    .collect()
}

fn each_char(text: &str, chosen: impl Fn(char) -> bool, new: &str) -> Vec<String> {
    let places = text.char_indices().filter(|(_, character)| chosen(*character));
    places.map(|(at, character)| replaced(text, TextRange::new(at, at + character.len_utf8()), new)).collect()
}

fn each_word(text: &str, chosen: impl Fn(&str) -> bool) -> Vec<String> {
    let mut mutants = Vec::new();
    let mut start = None;
    for (at, character) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, character.is_whitespace()) {
            (None, false) => start = Some(at),
            (Some(from), true) => {
                if chosen(&text[from..at]) {
                    mutants.push(replaced(text, TextRange::new(from, at), ""));
                }
                start = None;
            }
            _ => {}
        }
    }
    mutants
}

fn cases_changed(text: &str) -> Vec<String> {
    let places = text.char_indices().filter(|(at, c)| c.is_ascii_lowercase() && at % 3 == 0);
    places
        .map(|(at, c)| replaced(text, TextRange::new(at, at + 1), &c.to_ascii_uppercase().to_string()))
        .collect()
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn each_line(text: &str, chosen: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = lines(text);
    let places = (0..lines.len()).filter(|at| chosen(lines[*at]));
    places.map(|at| [&lines[..at], &lines[at + 1..]].concat().concat()).collect()
}

fn doubled(text: &str) -> Vec<String> {
    let lines = lines(text);
    (0..lines.len()).map(|at| [&lines[..=at], &lines[at..]].concat().concat()).collect()
}

fn comments_moved(text: &str) -> Vec<String> {
    let lines = lines(text);
    let places = (1..lines.len()).filter(|at| lines[at - 1].starts_with('#') && lines[*at].ends_with('\n'));
    places
        .map(|at| {
            let mut swapped = lines.clone();
            swapped.swap(at - 1, at);
            swapped.concat()
        })
        .collect()
}

fn runs_merged(text: &str) -> Vec<String> {
    each_match(text, "\nRUN ", |at| (TextRange::new(at, at + 5), " && ".to_owned()))
}

/// Changes of single bytes, by a small generator with a fixed seed.
fn random(text: &str, seed: u64, count: usize) -> Vec<String> {
    let mut state = seed | 1;
    let mut next = move |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end.max(1) as u64) as usize
    };
    let boundaries: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let alphabet =
        ["\n", " ", "\\", "#", "\"", "'", "$", "&", ";", "a", "0", "-", "=", "[", "<<X", "\t", "\\\n"];
    (0..count)
        .map(|_| {
            let index = next(boundaries.len());
            let start = boundaries[index];
            let end = if next(2) == 0 { start } else { boundaries[(index + 1).min(boundaries.len() - 1)] };
            let new = if next(4) == 0 { "" } else { alphabet[next(alphabet.len())] };
            replaced(text, TextRange::new(start, end), new)
        })
        .collect()
}

#[allow(clippy::struct_excessive_bools)] // Independent properties of a text.
struct Essence {
    parts: Vec<String>,
    byte_order_mark: bool,
    final_newline: bool,
    crlf: bool,
    lf: bool,
}

impl Essence {
    /// Whether both mean the same. A line ending of another kind counts where the text has any to keep.
    fn same(&self, mutant: &Self) -> bool {
        let newly = (mutant.crlf && !self.crlf) || (mutant.lf && !self.lf);
        self.parts == mutant.parts
            && self.byte_order_mark == mutant.byte_order_mark
            && self.final_newline == mutant.final_newline
            && !(newly && (self.crlf || self.lf))
    }
}

/// What a text means, for this test: what BuildKit's parser takes from it, its comments in their order among the
/// instructions, its first bytes and its line endings.
fn essence(text: &str) -> Essence {
    let file = Dockerfile::parse(text);
    let mut parts: Vec<String> = file
        .directives()
        .iter()
        .map(|directive| format!("{:?} {}", directive.name, directive.value))
        .collect();
    for (index, instruction) in file.instructions().iter().enumerate() {
        for comment in file.comments_before(index) {
            parts.push(format!("# {}", comment.text));
        }
        let inner = instruction.trigger.as_deref().unwrap_or(instruction);
        let is_shell = inner.keyword.takes_command() && !inner.json;
        // BuildKit takes quotes and escape characters out of words: `1\000` is `1000`.
        let lexer = Lexer::new(file.escape());
        let word = |text: &str| match lexer.expand(text, &|name: &str| Some(format!("<{name}>"))) {
            Ok(word) => format!("{} {:?}", word.text, word.variables),
            Err(_) => text.to_owned(),
        };
        let value = |text: &str| match inner.keyword {
            // BuildKit takes the first word of HEALTHCHECK in any case.
            Keyword::Healthcheck if text.eq_ignore_ascii_case("cmd") => "cmd".to_owned(),
            _ if is_shell => squeezed(text),
            Keyword::Maintainer | Keyword::Unknown => text.to_owned(),
            _ if inner.json => text.to_owned(),
            // `AS` has no case.
            Keyword::From if text.eq_ignore_ascii_case("as") => "as".to_owned(),
            _ => word(text),
        };
        let values: Vec<String> = inner.value_texts().map(value).collect();
        let heredocs: Vec<&str> = instruction.heredocs.iter().map(|heredoc| heredoc.body.of(text)).collect();
        let flags: Vec<&str> = instruction.flags.iter().map(|flag| flag.text.as_str()).collect();
        parts.push(format!(
            "{:?} {flags:?} {:?} {} {values:?} {heredocs:?}",
            instruction.keyword, inner.keyword, inner.json
        ));
        for line in &instruction.comment_lines {
            parts.push(line.of(text).trim().to_owned());
        }
    }
    parts.extend(file.problems().iter().map(|problem| format!("{:?}", problem.kind)));
    let crlf = text.matches("\r\n").count();
    let lf = text.matches('\n').count() - crlf;
    Essence {
        parts,
        byte_order_mark: text.starts_with('\u{feff}'),
        final_newline: text.ends_with('\n'),
        crlf: crlf > 0,
        lf: lf > 0,
    }
}

/// A shell text with runs of blanks outside of quotes squeezed. A backslash takes the next character along.
fn squeezed(text: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut characters = text.trim().chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quote != Some('\'') => {
                out.push('\\');
                out.extend(characters.next());
                continue;
            }
            '"' | '\'' if quote.is_none() => quote = Some(character),
            _ if Some(character) == quote => quote = None,
            ' ' | '\t' if quote.is_none() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
                continue;
            }
            _ => {}
        }
        out.push(character);
    }
    out.replace("' >", "'>")
        .replace("\" >", "\">")
        .replace(" && ", "&&")
        .replace(" &&", "&&")
        .replace("&& ", "&&")
        .replace(" ;", ";")
        .replace("; ", ";")
        .replace(" || ", "||")
        .replace(" ||", "||")
        .replace("|| ", "||")
        .replace(" |", "|")
        .replace("| ", "|")
}

#[test]
fn every_wrong_edit_that_changes_the_meaning_is_rejected() {
    let sound = sound_fixes();
    assert!(sound.len() >= 3, "there are only {} fixes to mutate", sound.len());
    let mut let_through = Vec::new();
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (number, fix) in sound.iter().enumerate() {
        let right = BuildModel::of(&fix.after);
        gate::compare(&fix.before, &right, &fix.declared).expect("the right fix passes");
        let meant = essence(&fix.after);
        let named = MUTATIONS
            .iter()
            .flat_map(|(name, mutate)| mutate(&fix.after).into_iter().map(move |m| (*name, m)));
        let random =
            random(&fix.after, number as u64 + 1, 150).into_iter().map(|mutant| ("random bytes", mutant));
        for (name, mutant) in named.chain(random) {
            if mutant == fix.after || meant.same(&essence(&mutant)) {
                continue;
            }
            let count = counts.entry(name).or_default();
            count.0 += 1;
            match gate::compare(&fix.before, &BuildModel::of(&mutant), &fix.declared) {
                Err(_) => count.1 += 1,
                Ok(()) => let_through.push(format!("{name}:\n{}\n---\n{mutant}", fix.after)),
            }
        }
    }
    let total: usize = counts.values().map(|(seeded, _)| seeded).sum();
    println!("{} right fixes, {total} wrong edits that change the meaning:", sound.len());
    for (name, (seeded, rejected)) in &counts {
        println!("  {name}: {rejected} of {seeded} rejected");
    }
    let first = let_through.iter().take(12).cloned().collect::<Vec<_>>().join("\n========\n");
    assert!(let_through.is_empty(), "{} were let through, such as\n{first}", let_through.len());
}

/// A stage that became two, rightly, with the context that it was judged by.
const SPLIT_BEFORE: &str = "FROM python:3.11\n# who\nLABEL team=\"a b\"\nARG REV\nENV MODE=prod REV=$REV\nWORKDIR /app\n\
    RUN apt-get update && apt-get install -y gcc libpq-dev tini && rm -rf /var/lib/apt/lists/*\n\
    RUN useradd -m app\nCOPY entry.sh /usr/local/bin/\nCOPY requirements.txt .\n# install\nRUN pip install -r requirements.txt\n\
    COPY . .\nRUN python manage.py collectstatic\nEXPOSE 8000\nVOLUME /data\nSTOPSIGNAL SIGINT\nHEALTHCHECK CMD python /app/check.py\n\
    USER app\nENTRYPOINT [\"tini\", \"/usr/local/bin/entry.sh\"]\nCMD [\"gunicorn\", \"app\"]\n";
const SPLIT_AFTER: &str = "FROM python:3.11 AS build\nARG REV\nENV MODE=prod REV=$REV\nWORKDIR /app\n\
    RUN apt-get update && apt-get install -y gcc libpq-dev tini && rm -rf /var/lib/apt/lists/*\n\
    RUN useradd -m app\nCOPY entry.sh /usr/local/bin/\nCOPY requirements.txt .\n# install\nRUN pip install -r requirements.txt\n\
    COPY . .\nRUN python manage.py collectstatic\n\nFROM python:3.11-slim\nARG REV\nENV MODE=prod REV=$REV\nWORKDIR /app\n\
    RUN apt-get update && apt-get install -y libpq5 tini && rm -rf /var/lib/apt/lists/*\n\
    RUN useradd -m app\nCOPY entry.sh /usr/local/bin/\n\
    COPY --from=build /usr/local/lib/python3.11/site-packages /usr/local/lib/python3.11/site-packages\n\
    COPY --from=build /app /app\n# who\nLABEL team=\"a b\"\nEXPOSE 8000\nVOLUME /data\nSTOPSIGNAL SIGINT\nHEALTHCHECK CMD python /app/check.py\n\
    USER app\nENTRYPOINT [\"tini\", \"/usr/local/bin/entry.sh\"]\nCMD [\"gunicorn\", \"app\"]\n";

#[test]
fn every_split_that_loses_something_is_rejected() {
    let files = dockmend_core::context::MemoryFiles::new([
        ("requirements.txt", "psycopg2==2.9\ngunicorn\n"),
        ("entry.sh", "#!/bin/sh\nexec \"$@\"\n"),
        ("manage.py", ""),
        ("check.py", ""),
        ("site/settings.py", ""),
    ]);
    let before = BuildModel::of(SPLIT_BEFORE);
    let hold = |after: &str| gate::compare_stages(&files, &before, &BuildModel::of(after));
    hold(SPLIT_AFTER).expect("the right split passes");
    let (build, last) = SPLIT_AFTER.split_once("\n\n").unwrap();
    // What is lost, or comes to stand there instead, in the final stage or in the build stage.
    let in_last = [
        ("a lost ENV", "ENV MODE=prod REV=$REV\n", ""),
        ("another value of ENV", "MODE=prod", "MODE=dev"),
        ("a lost ARG", "ARG REV\n", ""),
        ("another WORKDIR", "WORKDIR /app", "WORKDIR /srv"),
        ("a lost WORKDIR", "WORKDIR /app\n", ""),
        ("the program does not come over", "COPY --from=build /app /app\n", ""),
        (
            "a part of the program does not come over",
            "COPY --from=build /app /app",
            "COPY --from=build /app/site /app/site",
        ),
        ("the program comes to another place", "COPY --from=build /app /app", "COPY --from=build /app /srv"),
        (
            "a path that nothing makes",
            "COPY --from=build /app /app",
            "COPY --from=build /app /app\nCOPY --from=build /opt/venv /opt/venv",
        ),
        (
            "the packages of another Python",
            "python3.11/site-packages /usr/local/lib/python3.11",
            "python3.10/site-packages /usr/local/lib/python3.10",
        ),
        ("another stage", "--from=build /app", "--from=python:3.11 /app"),
        ("Alpine for glibc", "python:3.11-slim", "python:3.11-alpine"),
        ("another version", "python:3.11-slim", "python:3.12-slim"),
        ("another release", "python:3.11-slim", "python:3.11-slim-bullseye"),
        ("another vendor", "python:3.11-slim", "bitnami/python:3.11"),
        ("nothing at all", "python:3.11-slim", "scratch"),
        ("a missing library", "libpq5 ", ""),
        ("a missing package", " tini &&", " &&"),
        (
            "no packages",
            "RUN apt-get update && apt-get install -y libpq5 tini && rm -rf /var/lib/apt/lists/*\n",
            "",
        ),
        ("a user that is not made", "RUN useradd -m app\n", ""),
        ("another user that is made", "useradd -m app", "useradd -m other"),
        ("the entry point's script", "COPY entry.sh /usr/local/bin/\n", ""),
        ("a lost label", "LABEL team=\"a b\"\n", ""),
        ("a lost comment", "# who\n", ""),
        ("a lost port", "EXPOSE 8000\n", ""),
        ("another port", "EXPOSE 8000", "EXPOSE 80"),
        ("a lost volume", "VOLUME /data\n", ""),
        ("a lost stop signal", "STOPSIGNAL SIGINT\n", ""),
        ("a lost health check", "HEALTHCHECK CMD python /app/check.py\n", ""),
        ("a lost user", "USER app\n", ""),
        ("a lost entry point", "ENTRYPOINT [\"tini\", \"/usr/local/bin/entry.sh\"]\n", ""),
        ("a lost command", "CMD [\"gunicorn\", \"app\"]\n", ""),
        ("another command", "[\"gunicorn\", \"app\"]", "[\"gunicorn\"]"),
        ("a name that nobody gave", "python:3.11-slim", "python:3.11-slim AS app"),
        ("a further CMD", "USER app", "CMD x\nUSER app"),
    ];
    let in_build = [
        ("a changed step", "pip install -r requirements.txt", "pip install flask"),
        ("a lost step", "RUN python manage.py collectstatic", ""),
        ("a lost COPY", "COPY . .\n", ""),
        ("a lost comment", "# install\n", ""),
        ("another base", "python:3.11 AS", "python:3.12 AS"),
        ("a moved step", "WORKDIR /app\n", ""),
    ];
    let mutants = in_last
        .iter()
        .map(|(name, old, new)| (*name, *old, format!("{build}\n\n{}", last.replacen(old, new, 1))))
        .chain(
            in_build
                .iter()
                .map(|(name, old, new)| (*name, *old, format!("{}\n\n{last}", build.replacen(old, new, 1)))),
        );
    let mut let_through = Vec::new();
    for (name, old, mutant) in mutants {
        assert_ne!(mutant, SPLIT_AFTER, "{name}: {old:?} is not there");
        if hold(&mutant).is_ok() {
            let_through.push(name);
        }
    }
    assert!(let_through.is_empty(), "let through: {let_through:?}");
}

/// A wrong edit of one line that a fix has added: its name, and what the line becomes.
type LineMutation = (&'static str, fn(&str) -> Vec<String>);

/// What a rule that puts manifests before the source could get wrong.
const ORDER_MUTATIONS: &[LineMutation] = &[
    ("COPY of manifests lost", |line| if is(line, "COPY") { vec![String::new()] } else { Vec::new() }),
    ("manifest not copied", |line| {
        let words: Vec<&str> = line.split(' ').collect();
        let sources = 1..words.len().saturating_sub(1);
        let is_flag = |at: usize| words[at].starts_with("--");
        let named: Vec<usize> = sources.filter(|at| !is_flag(*at)).collect();
        if !is(line, "COPY") || named.len() < 2 {
            return Vec::new();
        }
        named.into_iter().map(|at| [&words[..at], &words[at + 1..]].concat().join(" ")).collect()
    }),
    ("manifests copied elsewhere", |line| {
        let target = line.rsplit(' ').next().unwrap_or_default();
        if is(line, "COPY") { vec![line.replace(target, "/elsewhere/")] } else { Vec::new() }
    }),
    ("added in another directory", |line| {
        if is(line, "RUN") { vec![format!("WORKDIR /elsewhere\n{line}")] } else { Vec::new() }
    }),
    ("added under another user", |line| {
        if is(line, "RUN") { vec![format!("USER somebody\n{line}")] } else { Vec::new() }
    }),
    ("added with another variable", |line| {
        if is(line, "RUN") { vec![format!("ENV NODE_ENV=other\n{line}")] } else { Vec::new() }
    }),
    ("added with other flags", |line| {
        let rest = line.get(3..).unwrap_or_default();
        if is(line, "RUN") { vec![format!("RUN --network=none{rest}")] } else { Vec::new() }
    }),
    ("added for another tool", |line| {
        let tools = [
            "npm", "pnpm", "yarn", "pip", "uv", "poetry", "go", "cargo", "mvn", "dotnet", "composer",
            "bundle",
        ];
        let used = tools.iter().filter(|tool| line.split(' ').any(|word| word == **tool));
        let swap = |tool: &str| {
            let other = if tool == "npm" { "yarn" } else { "npm" };
            line.replace(&format!(" {tool} "), &format!(" {other} "))
        };
        if is(line, "RUN") {
            used.map(|tool| swap(tool)).filter(|new| new != line).collect()
        } else {
            Vec::new()
        }
    }),
    ("added with a command more", |line| {
        if is(line, "RUN") { vec![format!("{line} && rm -rf /data")] } else { Vec::new() }
    }),
    ("added, and goes on behind errors", |line| {
        if is(line, "RUN") && line.contains(" && ") && !line.contains("set -e") {
            vec![line.replace(" && ", " ; ")]
        } else {
            Vec::new()
        }
    }),
    ("added as the whole build", |line| {
        if is(line, "RUN") { vec![format!("{line} && npm run build")] } else { Vec::new() }
    }),
];

fn is(line: &str, keyword: &str) -> bool {
    line.get(..keyword.len()).is_some_and(|start| start.eq_ignore_ascii_case(keyword)) && line.contains(' ')
}

#[test]
fn wrong_orders_are_rejected_by_what_the_gate_sees_itself() {
    let options = Options::parse("select = [\"source-before-dependencies\"]").unwrap();
    let engine = Engine::new(Settings::combine(&[options]).unwrap());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/rules");
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut let_through = Vec::new();
    let mut right = 0;
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths
        .retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("source-before-dependencies"));
    paths.sort();
    for path in paths {
        for case in support::cases(&std::fs::read_to_string(&path).unwrap(), "") {
            let Some(context) = case.context else { continue };
            let files = MemoryFiles::new(context);
            let text = &case.before;
            let source = SourceFile::new("Dockerfile", text.as_str()).in_context_at("Dockerfile");
            let group = ContextGroup::new(vec![source], &files);
            for finding in &engine.check(&group)[0].findings {
                let Ok(verified) = engine.plan(&group, 0, &finding.key) else { continue };
                let after = verified.plan.dockerfile().unwrap().apply(text).unwrap();
                let before = BuildModel::of(text);
                let sees = |mutant: &str| gate::compare_order(&files, &before, &BuildModel::of(mutant));
                // A model without the knowledge of the engine may know less of the base.
                if sees(&after).is_err() {
                    continue;
                }
                right += 1;
                let old: Vec<&str> = text.lines().map(str::trim_end).collect();
                let new: Vec<&str> = after.lines().collect();
                for (at, line) in new.iter().enumerate().filter(|(_, line)| !old.contains(&line.trim_end())) {
                    for (name, mutate) in ORDER_MUTATIONS {
                        for mutated in mutate(line.trim_end()) {
                            // The half of a RUN that stays is not added; `rm` and builds belong to it.
                            let stays = is(line, "RUN")
                                && !new[at + 1..].iter().any(|line| is(line, "COPY") || is(line, "ADD"));
                            if stays {
                                continue;
                            }
                            let mut lines = new.clone();
                            lines[at] = &mutated;
                            let mutant = lines.join("\n") + "\n";
                            let count = counts.entry(name).or_default();
                            count.0 += 1;
                            match sees(&mutant) {
                                Err(_) => count.1 += 1,
                                Ok(()) => let_through.push(format!("{name}:\n{text}\n---\n{mutant}")),
                            }
                        }
                    }
                }
            }
        }
    }
    println!("{right} right orders:");
    for (name, (seeded, rejected)) in &counts {
        println!("  {name}: {rejected} of {seeded} rejected");
    }
    assert!(right >= 40 && counts.len() == ORDER_MUTATIONS.len(), "{right} {counts:?}");
    let first = let_through.iter().take(12).cloned().collect::<Vec<_>>().join("\n========\n");
    assert!(let_through.is_empty(), "{} were let through, such as\n{first}", let_through.len());
}

/// A fix of the user, and edits that leave the container as root, without its files, or as somebody else.
#[test]
fn every_wrong_user_is_rejected() {
    let text = "FROM node:22 AS build\nWORKDIR /src\nRUN npm ci\nFROM python:3.12-slim\nWORKDIR /app\nRUN pip install flask\n\
                COPY . .\nVOLUME /data\nCMD [\"python\", \"app.py\"]\n";
    let engine =
        Engine::new(Settings::combine(&[Options::parse("select = [\"root-user\"]").unwrap()]).unwrap());
    let group = ContextGroup::of_text(text);
    let finding = engine.check(&group)[0].findings[0].key.clone();
    let verified = engine.plan(&group, 0, &finding).unwrap();
    let right = verified.plan.dockerfile().unwrap().apply(text).unwrap();
    let before = BuildModel::of(text);
    gate::compare(&before, &BuildModel::of(&right), &verified.plan.declared).expect("the right fix passes");

    let user = "USER 10001:10001\n";
    let without = right.replace(user, "");
    let lines: Vec<&str> = right.lines().collect();
    let run = lines.iter().find(|line| line.starts_with("RUN groupadd")).unwrap();
    let run_line = format!("{run}\n");
    let mutants = [
        without.clone(),
        without.replace("RUN pip install", &format!("{user}RUN pip install")),
        without.replace("WORKDIR /app", &format!("{user}WORKDIR /app")),
        without.replace("RUN npm ci\n", &format!("RUN npm ci\n{user}")),
        right.replace(user, "USER 10002:10001\n"),
        right.replace(user, "USER app\n"),
        right.replace(user, "USER 10001:10001\nUSER root\n"),
        right.replace(" --chown=10001:10001", ""),
        right.replace(" --chown=10001:10001", " --chown=10002:10001"),
        right.replace("COPY --chown=10001:10001 . .", "COPY --chown=10001:10001 . /"),
        right.replace("chown 10001:10001 /app", "chown 10002:10001 /app"),
        right.replace("chown 10001:10001 /app", "chown -R 10001:10001 /app"),
        right.replace("chown 10001:10001 /app", "chown 10001:10001 /usr"),
        right.replace(&run_line, ""),
        right.replace(&run_line, "").replace("RUN npm ci\n", &format!("RUN npm ci\n{run_line}")),
        right.replace("--uid 10001", "--uid 0"),
    ];
    for mutant in mutants {
        assert_ne!(mutant, right);
        let judged = gate::compare(&before, &BuildModel::of(&mutant), &verified.plan.declared);
        assert!(judged.is_err(), "let through:\n{mutant}");
    }
    // What is given behind VOLUME may be lost.
    let given =
        lines.iter().find(|line| line.contains("/data") && line.starts_with("RUN mkdir")).unwrap_or(run);
    let late = right
        .replace(&format!("{given}\n"), "")
        .replace("VOLUME /data\n", &format!("VOLUME /data\n{given}\n"));
    assert!(gate::compare(&before, &BuildModel::of(&late), &verified.plan.declared).is_err(), "{late}");
}
