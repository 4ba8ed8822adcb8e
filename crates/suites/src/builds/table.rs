//! The table of what was measured, as Markdown.

use super::Row;
use super::measure::{Life, Measured};

/// Above the table, in the page that `--write` writes.
const INTRODUCTION: &str = "\
# What was measured

Written by `cargo xtask builds --write`. Each project of `fixtures/projects` is built, run, written to, stopped and started again before and after
`dockmend rewrite all`. In each cell the value before stands left of the arrow; a cell without one was the same before and after.

| column | meaning |
|---|---|
| rewrites | what was offered and applied |
| size | megabytes of the image |
| context | files and kilobytes that are sent to the builder |
| installs | RUN steps that install dependencies and are executed again after an edit of one line; in brackets all RUN steps |
| uid | of the first process |
| answers | whether all routes (or lines and files of a worker) answered the same |
| write | whether what was sent to it could be read again; and again after a restart, on a named volume where the project has one |
| SIGTERM | the exit code after it; 137 is a kill after six seconds |
| any uid | whether it starts and writes under a uid that the image does not know, with group 0 |

The sizes are of stand-ins for the official images, made of Debian's packages; with the real ones the numbers differ, the differences hardly.
";

/// The page.
pub(super) fn page(rows: &[Row], summary: &[String]) -> String {
    let mut page = format!("{INTRODUCTION}\n");
    for line in summary {
        page.push_str(&format!("{line}\n"));
    }
    page.push_str(
        "\n| project | stack | rewrites | size | context | installs | uid | answers | write | SIGTERM | any uid |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows.iter().filter(|row| row.measured.is_some()) {
        page.push_str(&line(row));
    }
    page.push_str("\nOnly checked, by BuildKit's own `--check` before and after:\n\n| project | stack | rewrites | why it is not built |\n|---|---|---|---|\n");
    for row in rows.iter().filter(|row| row.measured.is_none()) {
        let why = row.not_built.as_deref().unwrap_or("it failed");
        page.push_str(&format!(
            "| {} | {} | {} | {why} |\n",
            row.project.name,
            row.project.stack.name(),
            row.outcome.names()
        ));
    }
    page
}

/// One row, red gates included.
pub(super) fn line(row: &Row) -> String {
    let Some((before, after)) = &row.measured else { return String::new() };
    let answers = match (life(before), life(after)) {
        (Some(_), Some(_)) if row.red.has("answers") => "different",
        (Some(_), Some(_)) => "same",
        (None, None) if before.life.is_none() => "-",
        _ => "none",
    };
    let cells = [
        row.project.name.clone(),
        row.project.stack.name().to_owned(),
        row.outcome.names(),
        pair(before, after, |it| format!("{:.0}", it.size as f64 / 1e6)),
        pair(before, after, |it| format!("{}, {:.0}", it.context.0, it.context.1 as f64 / 1e3)),
        pair(before, after, |it| match (it.installs, it.reruns) {
            (Some(installs), Some(reruns)) => format!("{installs} ({reruns})"),
            _ => "-".to_owned(),
        }),
        pair(before, after, |it| option(life(it).and_then(|life| life.uid))),
        answers.to_owned(),
        pair(before, after, |it| match life(it).map(|life| (&life.write, &life.restart)) {
            Some((Some(Ok(())), Some(Ok(())))) => "kept".to_owned(),
            Some((Some(Ok(())), _)) => "lost".to_owned(),
            Some((Some(Err(_)), _)) => "fails".to_owned(),
            _ => "-".to_owned(),
        }),
        pair(before, after, |it| {
            option(life(it).and_then(|life| life.stopped).map(|stopped| stopped.code))
        }),
        pair(before, after, |it| match life(it).map(|life| life.any_uid.is_ok()) {
            Some(true) => "yes".to_owned(),
            Some(false) => "no".to_owned(),
            None => "-".to_owned(),
        }),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn life(measured: &Measured) -> Option<&Life> {
    measured.life.as_ref().and_then(|life| life.as_ref().ok())
}

fn option(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn pair(before: &Measured, after: &Measured, value: impl Fn(&Measured) -> String) -> String {
    let (before, after) = (value(before), value(after));
    if before == after { after } else { format!("{before} → {after}") }
}
