//! The shape in which BuildKit's parser and ours are compared: that of the wheel `dockerfile`.
//!
//! It is shared with the test of core that compares with recorded answers, without Python.

use dockmend_core::syntax::{self, Dockerfile, Keyword, LineRules};
use serde::{Deserialize, Serialize};

/// An instruction as the wheel shows it. The order of the fields is the wheel's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Instruction {
    /// The keyword as written.
    pub(crate) keyword: Option<String>,
    /// The keyword behind ONBUILD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trigger: Option<String>,
    /// Whether the arguments are a JSON array.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) json: bool,
    /// The logical line; the heredocs' bodies behind it.
    pub(crate) original: Option<String>,
    /// The first line, from 1.
    pub(crate) start_line: usize,
    /// The last line.
    pub(crate) end_line: usize,
    /// The flags, those of the ONBUILD rather than its trigger's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) flags: Vec<String>,
    /// The values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) values: Vec<String>,
    /// The heredocs; the wheel does not show those of an ONBUILD.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) heredocs: Vec<Heredoc>,
}

/// A heredoc as the wheel shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heredoc {
    /// The terminator's word.
    pub(crate) name: String,
    /// The descriptor; what does not fit into 64 bits wraps around in the wheel.
    pub(crate) descriptor: i64,
    /// The body.
    pub(crate) body: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// What our parser reads of `text`: the instructions, or why BuildKit would refuse it.
pub(crate) fn ours(text: &str) -> Result<Vec<Instruction>, String> {
    let file = Dockerfile::parse_with(text, LineRules::BuildKit0_12);
    if let Some(problem) = file.problems().first() {
        return Err(problem.message.clone());
    }
    Ok(file.instructions().iter().map(|instruction| shape(instruction, text)).collect())
}

fn shape(instruction: &syntax::Instruction, text: &str) -> Instruction {
    let inner = instruction.trigger.as_deref().unwrap_or(instruction);
    let mut original = instruction.logical.text().to_owned();
    let mut heredocs = Vec::new();
    if instruction.trigger.is_none() && !instruction.heredocs.is_empty() {
        original.push('\n');
        for heredoc in &instruction.heredocs {
            let body = heredoc.body.of(text);
            original.extend([body, &heredoc.name, "\n"]);
            heredocs.push(Heredoc {
                name: heredoc.name.clone(),
                descriptor: i64::from(heredoc.descriptor),
                body: body.to_owned(),
            });
        }
    }
    // What the parser does not know it ignores, which the wheel shows as one empty value; so it shows the trigger of
    // a trigger.
    let ignored =
        inner.keyword == Keyword::Unknown || instruction.trigger.is_some() && inner.trigger.is_some();
    Instruction {
        keyword: named(instruction.keyword_text()),
        trigger: instruction.trigger.as_ref().and_then(|trigger| named(inner_text(instruction, trigger))),
        json: inner.json,
        original: named(&original),
        start_line: *instruction.lines.start(),
        end_line: *instruction.lines.end(),
        flags: instruction.flags.iter().map(|flag| flag.text.clone()).collect(),
        values: if ignored {
            vec![String::new()]
        } else {
            inner.values.iter().map(|value| value.text.clone()).collect()
        },
        heredocs,
    }
}

fn inner_text<'a>(outer: &'a syntax::Instruction, trigger: &syntax::Instruction) -> &'a str {
    outer.logical.slice(trigger.keyword_span)
}

/// The wheel shows an empty text as none.
fn named(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The fields in which two instructions differ: the field, the oracle's value, ours.
pub(crate) fn differences(oracle: &Instruction, ours: &Instruction) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    macro_rules! compare {
        ($($field:ident),*) => {
            $(if oracle.$field != ours.$field {
                found.push((stringify!($field), format!("{:?}", oracle.$field), format!("{:?}", ours.$field)));
            })*
        };
    }
    compare!(keyword, trigger, json, original, start_line, end_line, flags, values, heredocs);
    found
}
