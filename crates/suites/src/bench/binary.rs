//! The program itself: how fast it starts, how much memory it holds, how large it is.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::measure::{self, Taken};
use super::{Row, millis};
use crate::cache;

/// Runs of a program that takes a few milliseconds. The kernel counts in hundredths of a second.
const TIMES: usize = 200;

/// The rows about the program; none when it cannot be built.
pub(super) fn rows(corpus: &Path) -> Result<Vec<Row>> {
    let Some(program) = build()? else { return Ok(Vec::new()) };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("Dockerfile");
    std::fs::write(&file, "FROM alpine:3.20\nRUN apk add --no-cache curl\nUSER nobody\nCMD [\"curl\"]\n")?;
    let run = |times, arguments: &[&OsStr]| -> Result<Taken> {
        let mut command = vec![program.as_os_str()];
        command.extend(arguments);
        measure::program(times, &command)
    };
    let version = run(TIMES, &["--version".as_ref()])?;
    let check = run(TIMES, &["check".as_ref(), file.as_ref()])?;
    let all = run(3, &["check".as_ref(), corpus.as_os_str()])?;
    let size = std::fs::metadata(&program)?.len();
    let megabytes = |kilobytes: u64| format!("{:.1} MB", kilobytes as f64 / 1000.0);
    let row = |what: &str, measured: String, aim: &str| Row(what.to_owned(), measured, aim.to_owned());
    Ok(vec![
        row("`dockmend --version`", millis(version.time), "5 ms"),
        row("`dockmend check` of one small file", millis(check.time), "5 ms"),
        row("`dockmend check` of all files, every thread together", millis(all.time), ""),
        row("most memory that it held there", megabytes(all.kilobytes), "60 MB"),
        row("size of the program, stripped", megabytes(size / 1000), "12 MB"),
    ])
}

/// Builds the program as it is released; `None` when that fails.
fn build() -> Result<Option<PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(cache::checkout())
        .args(["build", "--release", "--quiet", "--package", "dockmend"])
        .status()?;
    let ours = std::env::current_exe()?;
    let program = ours.with_file_name(format!("dockmend{}", std::env::consts::EXE_SUFFIX));
    Ok((status.success() && program.is_file()).then_some(program))
}
