//! Our line rules against recorded answers of BuildKit's own parser, one feature a file.
//!
//! `cargo xtask conformance --record` writes the answers; `cargo xtask conformance` asks BuildKit's parser itself, about
//! far more files.

#![allow(clippy::disallowed_methods)] // Tests read fixtures; only the library itself touches no disk.

// One definition of what is compared, for this test and for the suite. Each uses a part of it.
#[allow(dead_code, unreachable_pub, reason = "the suite uses the rest")]
#[path = "../../suites/src/conformance/shape.rs"]
mod shape;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Instructions(Vec<shape::Instruction>),
    Rejected(String),
}

#[test]
fn fixtures_are_read_as_buildkit_reads_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/syntax");
    let recorded = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let recorded: BTreeMap<String, Expected> = serde_json::from_str(&recorded).unwrap();
    assert!(recorded.len() >= 120, "only {} fixtures are recorded", recorded.len());

    let mut fixtures: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    fixtures.retain(|name| name.ends_with(".Dockerfile"));
    fixtures.sort();
    assert!(
        fixtures.iter().eq(recorded.keys()),
        "the fixtures and what is recorded differ: run cargo xtask conformance --record"
    );

    let mut wrong = Vec::new();
    for (name, expected) in &recorded {
        let text = String::from_utf8(std::fs::read(folder.join(name)).unwrap()).unwrap();
        match (expected, shape::ours(&text)) {
            (Expected::Rejected(_), Err(_)) => {}
            (Expected::Rejected(message), Ok(_)) => {
                wrong.push(format!("{name}: accepted, but BuildKit says {message}"));
            }
            (Expected::Instructions(_), Err(message)) => wrong.push(format!("{name}: refused, {message}")),
            (Expected::Instructions(expected), Ok(ours)) => {
                if expected.len() != ours.len() {
                    wrong.push(format!("{name}: {} instructions, not {}", ours.len(), expected.len()));
                }
                for (index, (expected, ours)) in expected.iter().zip(&ours).enumerate() {
                    for (field, expected, ours) in shape::differences(expected, ours) {
                        wrong.push(format!("{name}: instruction {index}: {field} is {ours}, not {expected}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
