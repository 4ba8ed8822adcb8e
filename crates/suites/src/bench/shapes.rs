//! Made texts: how the time grows with the length, and what hostile texts cost.

use std::fmt::Write as _;
use std::hint::black_box;

use anyhow::Result;
use dockmend_core::config::{Options, Settings};
use dockmend_core::rewrite::{ContextGroup, Engine, FixOptions};

use super::measure;
use super::millis;

/// Makes a text with this many repetitions.
type Shape = fn(usize) -> String;

/// Shapes whose time for each line should not grow with their number.
const GROWTH: [(&str, Shape); 9] = [
    ("many RUN", |n| repeat("FROM debian:12\n", n, |i| format!("RUN make target-{i}\n"))),
    ("many RUN with something to fix", |n| {
        repeat("FROM debian:12\n", n, |i| format!("RUN apt-get update && apt-get install -y curl-{i}\n"))
    }),
    ("many stages", |n| {
        repeat("", n / 2, |i| format!("FROM alpine:3.20 AS stage{i}\nCOPY --from=other /a /b\n"))
    }),
    ("stages on each other", |n| {
        repeat("FROM alpine AS stage0\n", n / 2, |i| {
            format!("FROM stage{i} AS stage{}\nENV NAME{i}=value\n", i + 1)
        })
    }),
    ("many ENV", |n| repeat("FROM alpine\n", n, |i| format!("ENV NAME{i} value-{i}\n"))),
    ("one RUN with many commands", |n| {
        repeat("FROM debian:12\nRUN true", n, |i| format!(" && \\\n    apt-get install -y package-{i}"))
            + "\n"
    }),
    ("one RUN with many words", |n| {
        repeat("FROM debian:12\nRUN apt-get install -y", n, |i| format!(" \\\n    package-{i}")) + "\n"
    }),
    ("many comments", |n| repeat("FROM alpine\n", n, |i| format!("# comment {i}\n")) + "RUN true\n"),
    ("many heredocs", |n| {
        repeat("FROM alpine\n", n / 3, |i| format!("RUN <<EOF\napk add package-{i} && make\nEOF\n"))
    }),
];

/// Texts that nobody writes and that may not hang anything.
const HOSTILE: [(&str, Shape); 14] = [
    ("empty", |_| String::new()),
    ("10 MB of comments", |_| "# a comment that says nothing\n".repeat(350_000)),
    ("10 MB of RUN", |_| repeat("FROM debian:12\n", 350_000, |i| format!("RUN make target-{i} && b\n"))),
    ("10 MB of one RUN", |_| "FROM debian:12\nRUN a".to_owned() + &" && \\\n  make a b c".repeat(600_000)),
    ("10 MB of one heredoc", |_| {
        format!("FROM a\nRUN <<E\n{}E\n", "apt-get install -y curl\n".repeat(420_000))
    }),
    ("10 MB of open heredocs", |_| "FROM a\n".to_owned() + &"RUN <<E\n".repeat(1_250_000)),
    ("10 MB of empty lines", |_| "FROM a\n".to_owned() + &"\n".repeat(10_000_000)),
    ("10 MB without a line break", |_| "FROM a\nRUN ".to_owned() + &"x ".repeat(5_000_000)),
    ("a line of 1 MB", |_| "FROM a\nRUN echo ".to_owned() + &"x".repeat(1_000_000)),
    ("1 MB of NUL", |_| "\0".repeat(1_000_000)),
    ("1 MB of quotes and brackets", |_| "FROM a\nRUN ".to_owned() + &"[\"'${(`".repeat(140_000)),
    ("10,000 stages", |_| {
        repeat("FROM alpine AS s0\n", 10_000, |i| format!("FROM s{i} AS s{}\nCOPY . .\n", i + 1))
    }),
    ("10,000 RUN, each with something to fix", |_| {
        repeat("FROM debian:12\n", 10_000, |i| format!("RUN apt-get update && apt-get install -y curl-{i}\n"))
    }),
    ("10,000 different instructions", |_| {
        repeat("from debian:12\n", 2_500, |i| {
            format!("maintainer Jo {i}\nenv A{i} b\nadd a{i} /b\ncmd node {i}\n")
        })
    }),
];

fn repeat(head: &str, times: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = head.to_owned();
    (0..times).for_each(|index| text.push_str(&line(index)));
    text
}

/// The two tables.
pub(super) fn tables() -> Result<String> {
    let options = Options::parse("select = [\"all\"]")?;
    let engine = Engine::new(Settings::combine(&[options])?);
    let fix = FixOptions::default().unsafe_fixes();
    let checked = |text: &str| drop(black_box(engine.check(&ContextGroup::of_text(text))));
    let fixed = |text: &str| drop(black_box(engine.fix(&ContextGroup::of_text(text), &fix)));

    let mut page = String::from(
        "\nGrowth, with every rule on and unsafe fixes: microseconds for each line, for a text of 100 lines and one of \
         10,000.\n\n| text | check, 100 | check, 10,000 | fix, 100 | fix, 10,000 |\n|---|---:|---:|---:|---:|\n",
    );
    for (name, shape) in GROWTH {
        let mut cells = Vec::new();
        for work in [&checked as &dyn Fn(&str), &fixed] {
            for (lines, times, rounds) in [(100, 5, 100), (10_000, 2, 1)] {
                let text = shape(lines);
                let time = measure::least(times, || (0..rounds).for_each(|_| work(&text)))?;
                let micros = time.as_secs_f64() * 1e6 / f64::from(rounds) / text.lines().count() as f64;
                cells.push(format!("{micros:.1}"));
            }
        }
        eprintln!("{name}: {}", cells.join(" "));
        let _ = writeln!(page, "| {name} | {} |", cells.join(" | "));
    }

    page.push_str("\nHostile texts, each once.\n\n| text | check | fix |\n|---|---:|---:|\n");
    for (name, shape) in HOSTILE {
        let text = shape(0);
        let check = measure::once(|| checked(&text))?;
        eprintln!("{name}: check {}", millis(check));
        let fix = measure::once(|| fixed(&text))?;
        eprintln!("{name}: fix {}", millis(fix));
        let _ = writeln!(page, "| {name} | {} | {} |", millis(check), millis(fix));
    }
    Ok(page)
}
