//! Where Prisma finds its schema, and where it writes the client.
//!
//! Source: the documentation of Prisma, "Prisma schema location", "prisma.config.ts" and "Generators".

use serde_json::Value;

use super::super::{Answer, Folder, Obstacle, text};
use super::scripts::imports;
use crate::context::{EntryKind, normalise, split};

/// What `prisma generate` reads and writes.
pub(super) struct Prisma {
    /// The schema, a file or a directory.
    pub(super) schema: String,
    /// All that is read: configuration and schema.
    pub(super) reads: Vec<String>,
    /// Where the client is written, when that is in the project.
    pub(super) generated: Vec<String>,
}

/// What Prisma reads in a folder, with the schema that `--schema` names. `None` when there is no schema.
///
/// # Errors
/// H061 when a configuration in code cannot be followed, or a schema that is named is not there.
pub(super) fn find(folder: Folder<'_>, named: Option<&str>) -> Result<Option<Prisma>, Obstacle> {
    let mut reads = Vec::new();
    let mut said = named.map(str::to_owned);
    if let Some(config) = folder.entries.iter().find(|entry| entry.name.starts_with("prisma.config.")) {
        let Answer::Present(text) = folder.text(&config.name) else { return Err(in_code()) };
        said = said.or(configured(&text)?);
        reads.push(folder.path(&config.name));
        if text.contains("dotenv") && folder.has_file(".env") {
            reads.push(folder.path(".env"));
        }
    }
    if said.is_none()
        && let Answer::Present(text) = folder.text("package.json")
    {
        let json = serde_json::from_str::<Value>(&text).unwrap_or_default();
        let schema = json.get("prisma").and_then(|prisma| prisma.get("schema")).and_then(Value::as_str);
        said = schema.map(str::to_owned);
    }
    let schema = match said {
        Some(path) => {
            let found = folder.resolve(&path).filter(|path| folder.files.entry(path).is_present());
            found.ok_or_else(|| {
                Obstacle::new("H061", format!("Prisma's schema `{path}` is not found in the context"))
            })?
        }
        None => match usual(folder)? {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    reads.push(schema.clone());
    Ok(Some(Prisma { generated: generated(folder, &schema), schema, reads }))
}

/// The schema where it is when nobody says anything.
fn usual(folder: Folder<'_>) -> Result<Option<String>, Obstacle> {
    for name in ["schema.prisma", "prisma/schema.prisma", "prisma/schema"] {
        let path = folder.path(name);
        match folder.files.entry(&path) {
            Answer::Present(_) => return Ok(Some(path)),
            Answer::Absent => {}
            Answer::Unknown => return Err(Obstacle::new("H061", format!("`{path}` cannot be seen"))),
        }
    }
    Ok(None)
}

fn in_code() -> Obstacle {
    Obstacle::new("H061", "a configuration in code says where Prisma's schema is")
}

/// The schema that a configuration in code names, when it reads nothing else but `.env`.
fn configured(text: &str) -> Result<Option<String>, Obstacle> {
    let known = |name: &String| {
        const KNOWN: &[&str] =
            &["prisma/config", "@prisma/config", "path", "node:path", "prisma", "dotenv", "dotenv/config"];
        KNOWN.contains(&name.as_str())
    };
    if !imports(text).is_some_and(|names| names.iter().all(known)) {
        return Err(in_code());
    }
    let Some((_, value)) = text.split_once("schema:") else { return Ok(None) };
    let value = value.trim_start();
    let literal = |text: &str| {
        let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        text.get(1..)?.split_once(quote).map(|(value, _)| value.to_owned())
    };
    if let Some(path) = literal(value) {
        return Ok(Some(path));
    }
    // path.join("prisma", "schema")
    let joined =
        value.strip_prefix("path.join(").and_then(|rest| rest.split_once(')')).map(|(words, _)| words);
    let words = joined
        .and_then(|words| words.split(',').map(|word| literal(word.trim())).collect::<Option<Vec<_>>>());
    words.map(|words| Some(words.join("/"))).ok_or_else(in_code)
}

/// The directories that the generators of a schema name, as far as they are in the context.
fn generated(folder: Folder<'_>, schema: &str) -> Vec<String> {
    let is_directory =
        folder.files.entry(schema).present().is_some_and(|entry| entry.kind == EntryKind::Directory);
    let files: Vec<String> = if is_directory {
        let entries = folder.files.list(schema).present().unwrap_or_default();
        entries
            .iter()
            .map(|entry| format!("{schema}/{}", entry.name))
            .filter(|path| path.ends_with(".prisma"))
            .collect()
    } else {
        vec![schema.to_owned()]
    };
    let mut outputs = Vec::new();
    for file in files {
        let Answer::Present(text) = text(folder.files, &file) else { continue };
        for line in text.lines() {
            let Some((key, value)) = line.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            if key.trim() == "output" && !value.contains("node_modules") && !value.contains('(') {
                outputs.extend(normalise(&format!("{}/{value}", split(&file).0)));
            }
        }
    }
    outputs
}
