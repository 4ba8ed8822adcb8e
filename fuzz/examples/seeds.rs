//! Writes the seeds of the targets `parse` and `fix` from the fixtures: every syntax fixture, and every text before in a
//! fixture of a rule. Files of one's own can be added: `cargo run --example seeds FILE...`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = root.join("../fixtures");
    let mut seeds = Vec::new();
    for path in files(&fixtures.join("syntax"))? {
        if path.extension().is_some_and(|extension| extension == "Dockerfile") {
            seeds.push(fs::read(path)?);
        }
    }
    for folder in ["rules", "hazards", "pairs"] {
        for path in files(&fixtures.join(folder))? {
            blocks(&fs::read_to_string(path)?, &mut seeds);
        }
    }
    for path in std::env::args_os().skip(1) {
        seeds.push(fs::read(path)?);
    }
    for target in ["parse", "fix"] {
        let folder = root.join("seeds").join(target);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("{number:05}")), seed)?;
        }
    }
    println!("{} seeds", seeds.len());
    Ok(())
}

/// The files of a folder, sorted; none when there is no such folder.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

/// The `dockerfile` blocks of a fixture, with what Markdown cannot show put back.
fn blocks(markdown: &str, seeds: &mut Vec<Vec<u8>>) {
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if !line.starts_with("```dockerfile") {
            continue;
        }
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let body = body.join("\n") + "\n";
        let body = body.replace("<CR>\n", "\r\n").replace("<EOF>\n", "");
        seeds.push(body.replace("<BOM>", "\u{feff}").replace("<SP>", " ").into_bytes());
    }
}
