//! The folder outside of the checkout where the suites keep what they make, and the corpus in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The cache folder: `DOCKMEND_CACHE`, else `dockmend` in `XDG_CACHE_HOME` or `~/.cache`. It is made when missing.
pub(crate) fn folder() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("DOCKMEND_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("dockmend")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/dockmend")))
        .context("no cache folder: set DOCKMEND_CACHE")?;
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// The checkout's root.
pub(crate) fn checkout() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest)
}

/// The unpacked corpus of real Dockerfiles, when its archive stands beside the checkout.
pub(crate) fn corpus() -> Result<Option<PathBuf>> {
    let archive = checkout().join("../shared/corpus/dockerfiles.tar.xz");
    let folder = folder()?.join("corpus");
    if folder.join("dockerfiles").is_dir() {
        return Ok(Some(folder));
    }
    if !archive.is_file() {
        return Ok(None);
    }
    // Unpacked beside and renamed, so that an interrupted run leaves no half a corpus.
    let partial = tempfile::tempdir_in(self::folder()?)?;
    run(Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(partial.path()))?;
    std::fs::rename(partial.keep(), &folder)?;
    Ok(Some(folder))
}

/// Every file below `folder`, sorted by path.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Runs a program, and fails when it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("cannot start {program}"))?;
    if !status.success() {
        bail!("{program} failed: {status}");
    }
    Ok(())
}
