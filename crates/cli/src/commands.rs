//! The commands, one file each.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod explain;
pub(crate) mod fix;
mod mend;
mod prove;
pub(crate) mod rewrite;
pub(crate) mod rules;
mod stdin;
pub(crate) mod why;

use anyhow::{Result, anyhow};
use dockmend_core::config::nearest;
use dockmend_core::rule::Rule;
use dockmend_core::rules::ALL;

/// The rule with this id or alias.
///
/// # Errors
/// There is none; the message says which was probably meant.
fn rule_named(name: &str) -> Result<&'static Rule> {
    if let Some(rule) = ALL.iter().find(|rule| rule.answers_to(name)) {
        return Ok(rule);
    }
    let aliases = ALL.iter().flat_map(|rule| rule.aliases.iter().copied());
    let bare = aliases.map(|alias| alias.split_once(':').map_or(alias, |(_, bare)| bare));
    let meant = nearest(name, ALL.iter().map(|rule| rule.id).chain(bare));
    Err(match meant {
        Some(meant) => anyhow!("there is no rule `{name}`; did you mean `{meant}`?"),
        None => anyhow!("there is no rule `{name}`; `dockmend rules` lists them"),
    })
}
