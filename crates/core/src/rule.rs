//! What a rule is: its documentation, what it finds and how its fix is planned.
//!
//! A rule is one file in [`rules`](crate::rules), made by the `rule!` macro from a documentation comment, some metadata and
//! one or two functions. `check` finds; `plan` computes the edits of one finding when somebody asks for them, and may
//! still refuse. Rules do no I/O and know no image by name: they ask the [`Subject`].

pub(crate) mod dependencies;
pub(crate) mod exec_form;
mod finding;
pub(crate) mod ignoring;
pub mod installs;
pub(crate) mod litter;
mod plan;
pub(crate) mod process;
pub(crate) mod reorder;
pub(crate) mod root_needs;
mod skip;
pub(crate) mod split;
mod subject;
mod suppression;
pub(crate) mod users;
pub(crate) mod whole_lines;

use serde::Serialize;

pub use finding::{Finding, FindingKey, Findings, Fixability, Note, Refusal};
pub use plan::{FileEdit, Plan};
pub(crate) use skip::skipped;
pub(crate) use subject::GroupFiles;
pub use subject::{ContextView, Sibling, Siblings, Subject};
pub(crate) use suppression::Suppressions;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Hint,
    /// Costs safety or speed, and is certain.
    Warning,
    /// Would not build, or is a definite secret.
    Error,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Hint => "hint",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// How certain it is that a fix changes nothing but what the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Safety {
    /// Shown, never applied.
    Manual,
    /// Changes how the image is built or run: applied when the user consents.
    Unsafe,
    /// Proven to change nothing that matters.
    Safe,
}

/// When a fix is applied. After each phase the file is analysed afresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Spelling and layout.
    Normalise,
    /// The `.dockerignore`.
    IgnoreFile,
    /// More stages.
    Split,
    /// The order of instructions.
    Reorder,
    /// Exec form.
    ExecForm,
    /// The user.
    User,
    /// Caches, lists and flags.
    Clean,
}

impl Phase {
    /// The phases in the order they are run.
    pub const ALL: [Self; 7] = [
        Self::Normalise,
        Self::IgnoreFile,
        Self::Split,
        Self::Reorder,
        Self::ExecForm,
        Self::User,
        Self::Clean,
    ];
}

/// Finds what is wrong.
pub type Check = fn(&Subject<'_>, &mut Findings<'_>);

/// Computes the fix of one finding.
///
/// # Errors
/// A [`Refusal`] when a condition of the fix does not hold.
pub type Planner = fn(&Subject<'_>, &Finding) -> Result<Plan, Refusal>;

/// A rule. All of them are in [`rules::ALL`](crate::rules::ALL).
#[derive(Debug)]
#[non_exhaustive]
pub struct Rule {
    /// The id. It reads right behind "allow".
    pub id: &'static str,
    /// The rule's page, in Markdown: one sentence, then `## Why`, `## Fix`, `## Stays silent`, `## Refuses`, `## Safety`.
    pub docs: &'static str,
    /// Names of the rule in other tools: `hadolint:DL3015`, `buildkit:JSONArgsRecommended`.
    pub aliases: &'static [&'static str],
    /// The version that brought it.
    pub since: &'static str,
    /// The severity of most of its findings; a finding may have another.
    pub severity: Severity,
    /// Whether it is on unless somebody turns it off.
    pub default_on: bool,
    /// When its fix is applied.
    pub phase: Phase,
    /// Whether it is silent when the build context is not known.
    pub needs_context: bool,
    /// The name of the great rewrite that its fix is (`user`, `exec`, `order`, `ignore`), if it is one.
    pub rewrite: Option<&'static str>,
    /// Rules that may find something in the text that this rule's fix leaves, and could not before.
    pub reveals: &'static [&'static str],
    /// Finds what is wrong.
    pub check: Check,
    /// Computes a fix; `None` for a rule that only reports.
    pub plan: Option<Planner>,
}

impl Rule {
    /// The first sentence of the documentation, without Markdown's blanks around it.
    pub fn summary(&self) -> &'static str {
        self.docs.trim_start().lines().next().unwrap_or_default().trim()
    }

    /// Whether `name` is the rule's id or one of its aliases, with or without the tool before the colon. Case does not
    /// count, as in the tools the names come from.
    pub fn answers_to(&self, name: &str) -> bool {
        let is_alias = |alias: &&str| {
            let bare = alias.split_once(':').map_or(*alias, |(_, bare)| bare);
            alias.eq_ignore_ascii_case(name) || bare.eq_ignore_ascii_case(name)
        };
        self.id.eq_ignore_ascii_case(name) || self.aliases.iter().any(is_alias)
    }

    /// The address of the rule's page.
    pub fn url(&self) -> String {
        format!("https://dockmend.github.io/dockmend/rules/{}", self.id)
    }
}

/// Makes the static `RULE` of a rule's module from its documentation, its metadata and its functions.
macro_rules! rule {
    (
        $(#[doc = $doc:literal])*
        $id:literal {
            $(aliases: [$($alias:literal),* $(,)?],)?
            since: $since:literal,
            severity: $severity:ident,
            $(default: $default:literal,)?
            phase: $phase:ident,
            $(needs_context: $needs_context:literal,)?
            $(rewrite: $rewrite:literal,)?
            $(reveals: [$($reveals:literal),* $(,)?],)?
            check: $check:path,
            $(plan: $plan:path,)?
        }
    ) => {
        /// The rule.
        pub static RULE: $crate::rule::Rule = $crate::rule::Rule {
            id: $id,
            docs: concat!($($doc, "\n"),*),
            aliases: &[$($($alias),*)?],
            since: $since,
            severity: $crate::rule::Severity::$severity,
            default_on: $crate::rule::default_of!($($default)?),
            phase: $crate::rule::Phase::$phase,
            needs_context: $crate::rule::flag_of!($($needs_context)?),
            rewrite: $crate::rule::option_of!($($rewrite)?),
            reveals: &[$($($reveals),*)?],
            check: $check,
            plan: $crate::rule::option_of!($($plan)?),
        };
    };
}

/// `true` unless the metadata says otherwise.
macro_rules! default_of {
    () => {
        true
    };
    ($value:literal) => {
        $value
    };
}

/// `false` unless the metadata says otherwise.
macro_rules! flag_of {
    () => {
        false
    };
    ($value:literal) => {
        $value
    };
}

/// `None` unless the metadata gives a value.
macro_rules! option_of {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

pub(crate) use {default_of, flag_of, option_of, rule};
