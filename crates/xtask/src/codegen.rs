//! Files that are made from the rules: the list of rules in `rules.rs`.
//!
//! Nothing here depends on the crates that it generates code for: it reads the sources as text.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// Writes the generated files; with `check`, only says whether they are as they would be written.
pub(crate) fn run(root: &Path, check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for (path, text) in [rule_list(root)?] {
        let old = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
        if old == text {
            continue;
        }
        if check {
            stale.push(path);
        } else {
            std::fs::write(root.join(&path), text).with_context(|| format!("cannot write {path}"))?;
            println!("wrote {path}");
        }
    }
    if !stale.is_empty() {
        bail!("not as generated: {}; run `cargo xtask codegen` and commit what it writes", stale.join(", "));
    }
    Ok(())
}

/// The modules below `rules/`, sorted.
fn rule_modules(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("crates/core/src/rules");
    let mut modules = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            modules.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    modules.sort();
    Ok(modules)
}

fn rule_list(root: &Path) -> Result<(String, String)> {
    let modules = rule_modules(root)?;
    let mut text = String::from(
        "//! The rules. This file is written by `cargo xtask codegen`: add a file to `rules/` and run it.\n\n",
    );
    for module in &modules {
        text.push_str(&format!("pub mod {module};\n"));
    }
    text.push_str("\nuse crate::rule::Rule;\n\n/// Every rule, by id.\npub static ALL: &[&Rule] = &[\n");
    for module in &modules {
        text.push_str(&format!("    &{module}::RULE,\n"));
    }
    text.push_str("];\n");
    Ok(("crates/core/src/rules.rs".to_owned(), text))
}
