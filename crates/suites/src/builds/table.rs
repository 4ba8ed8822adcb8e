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
    let mut lines: Vec<String> = vec![INTRODUCTION.to_owned()];
    lines.extend_from_slice(summary);
    let head = "
| project | stack | rewrites | size | context | installs | uid | answers | write | SIGTERM | any uid |
|---|---|---|---|---|---|---|---|---|---|---|";
    lines.push(head.to_owned());
    lines.extend(rows.iter().filter_map(line));
    let red: Vec<&Row> = rows.iter().filter(|row| !row.red.0.is_empty()).collect();
    if !red.is_empty() {
        lines.push("\nRed:\n".to_owned());
        let gates = |row: &Row| row.red.0.iter().map(|(gate, _)| *gate).collect::<Vec<_>>().join(", ");
        lines.extend(red.iter().map(|row| format!("- `{}`: {}", row.project.name, gates(row))));
    }
    let head = "
Only checked, by BuildKit's own `--check` before and after:

| project | stack | rewrites | why it is not built |
|---|---|---|---|";
    lines.push(head.to_owned());
    lines.extend(rows.iter().filter_map(|row| {
        let (project, why) = (&row.project, row.not_built.as_deref()?);
        Some(format!("| {} | {} | {} | {why} |", project.name, project.stack.name(), row.outcome.names()))
    }));
    lines.push("\nThe projects:\n".to_owned());
    lines.extend(rows.iter().map(|row| format!("- `{}`: {}", row.project.name, row.project.about)));
    lines.push(String::new());
    lines.join("\n")
}

/// One row, of a project that was built.
fn line(row: &Row) -> Option<String> {
    let (before, after) = row.measured.as_ref()?;
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
        pair(before, after, |it| rounded(it.size, 1_000_000).to_string()),
        pair(before, after, |it| format!("{}, {}", it.context.0, rounded(it.context.1, 1000))),
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
        pair(before, after, |it| option(life(it).and_then(|life| life.stopped).map(|stopped| stopped.code))),
        pair(before, after, |it| match life(it).map(|life| life.any_uid.is_ok()) {
            Some(true) => "yes".to_owned(),
            Some(false) => "no".to_owned(),
            None => "-".to_owned(),
        }),
    ];
    Some(format!("| {} |", cells.join(" | ")))
}

fn life(measured: &Measured) -> Option<&Life> {
    measured.life.as_ref().and_then(|life| life.as_ref().ok())
}

/// So many units, to the nearest one.
fn rounded(bytes: u64, unit: u64) -> u64 {
    (bytes + unit / 2) / unit
}

fn option(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn pair(before: &Measured, after: &Measured, value: impl Fn(&Measured) -> String) -> String {
    let (before, after) = (value(before), value(after));
    if before == after { after } else { format!("{before} → {after}") }
}
