//! Flags: which an instruction has, and what they take.

use super::{Wrong, flag_value_span, nearest};
use crate::syntax::{Instruction, Keyword, ProblemKind};

/// What a flag takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Nothing, or true or false.
    Boolean,
    /// One value.
    Value,
    /// A value, and the flag may be repeated.
    Values,
}

use Takes::{Boolean, Value, Values};

/// The flags of an instruction; `None` when BuildKit does not look at them.
fn flags(keyword: Keyword) -> Option<&'static [(&'static str, Takes)]> {
    Some(match keyword {
        Keyword::Add => &[
            ("chown", Value),
            ("chmod", Value),
            ("link", Boolean),
            ("keep-git-dir", Boolean),
            ("checksum", Value),
            ("unpack", Boolean),
            ("exclude", Values),
        ],
        Keyword::Copy => &[
            ("chown", Value),
            ("from", Value),
            ("chmod", Value),
            ("link", Boolean),
            ("exclude", Values),
            ("parents", Boolean),
        ],
        Keyword::From => &[("platform", Value)],
        Keyword::Healthcheck => &[
            ("interval", Value),
            ("timeout", Value),
            ("start-period", Value),
            ("start-interval", Value),
            ("retries", Value),
        ],
        Keyword::Run => &[("mount", Values), ("network", Value), ("security", Value), ("device", Values)],
        Keyword::Arg | Keyword::Stopsignal | Keyword::Unknown => return None,
        _ => &[],
    })
}

/// Flags that the frontend inside Docker 28 does not have: newer ones do, and the `labs` ones.
const NEWER: &[(Keyword, &str)] =
    &[(Keyword::Copy, "parents"), (Keyword::Run, "security"), (Keyword::Run, "device")];

pub(super) fn check(instruction: &Instruction, own_frontend: bool, wrongs: &mut Vec<Wrong>) {
    let keyword = instruction.keyword;
    let Some(known) = flags(keyword) else { return };
    // HEALTHCHECK NONE has no flags, and BuildKit drops those it gets.
    let first = instruction.values.first();
    if keyword == Keyword::Healthcheck && first.is_some_and(|kind| kind.text.to_uppercase() == "NONE") {
        return;
    }
    let mut seen = vec![false; known.len()];
    for flag in &instruction.flags {
        let name = flag.name();
        let wrong = |message: String| Wrong::new(ProblemKind::BadFlag, flag.span, message);
        let Some(index) = known.iter().position(|(known, _)| *known == name) else {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let suggestion = nearest::nearest(name, &names).map(|near| flag.text.replacen(name, near, 1));
            let message = if known.is_empty() {
                format!("{keyword} has no flags, so --{name} is unknown")
            } else {
                format!("{keyword} has no flag --{name}")
            };
            wrongs.push(wrong(message).suggesting(suggestion));
            continue;
        };
        let takes = known.get(index).map_or(Value, |(_, takes)| *takes);
        if !own_frontend && NEWER.contains(&(keyword, name)) {
            wrongs.push(wrong(format!(
                "{keyword} --{name} needs a newer frontend than Docker's own; a # syntax= line can name one"
            )));
        } else if seen.get(index) == Some(&true) && takes != Values {
            wrongs.push(wrong(format!("the flag --{name} stands twice")));
        }
        if let Some(seen) = seen.get_mut(index) {
            *seen = true;
        }
        match (takes, flag.value()) {
            (Boolean, Some("")) | (Value | Values, None) => {
                wrongs.push(wrong(format!("the flag --{name} has no value")));
            }
            (Boolean, Some(value)) if !matches!(value.to_lowercase().as_str(), "true" | "false") => {
                let span = flag_value_span(instruction, flag);
                let message = format!("--{name} is {value:?}, but it takes only true or false");
                let suggestion = nearest::nearest(&value.to_lowercase(), &["true", "false"]);
                wrongs.push(Wrong::new(ProblemKind::BadFlag, span, message).suggesting(suggestion));
            }
            _ => {}
        }
    }
}
