//! Plans fixes, applies them in phases, and holds each to the gate.
//!
//! The unit of work is the [`ContextGroup`]: all Dockerfiles that share a build context. [`Engine::check`] finds
//! without planning, [`Engine::plan`] computes one fix and shows it to the gate, [`Engine::fix`] applies what is
//! permitted until nothing is left to do.
//!
//! **The gate** ([`gate`]) is a square that must commute. A fix declares the deltas it intends, made from the model;
//! the text after its edits is parsed afresh, and the deltas that are observed must be exactly those. What does not
//! pass is dropped, the file stays as it was, and the report names the rule: that is a bug of ours.

pub mod gate;
mod group;
mod obligations;
mod pass;
mod report;
mod safety;
#[cfg(test)]
mod tests;
mod user;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Settings;
use crate::knowledge::Knowledge;
use crate::model::BuiltImage;
use crate::rule::{Finding, FindingKey, Fixability, Plan, Refusal, Rule, Safety};
use crate::rules;

pub use group::{ContextGroup, SourceFile};
pub use report::{FileReport, Fixed, Ready, Rejection, Rewrite};
pub(crate) use safety::author_label;
pub use safety::judge;

use group::Analysis;

/// Finds and mends.
///
/// ```
/// use dockmend_core::rewrite::{Engine, FixOptions};
/// let engine = Engine::default();
/// let fixed = engine.fix_text("FROM alpine:3.20\nMAINTAINER Jo\nRUN apk add curl\n", &FixOptions::default());
/// assert_eq!(
///     fixed.text(),
///     "FROM alpine:3.20\nLABEL org.opencontainers.image.authors=\"Jo\"\nRUN apk add --no-cache curl\n",
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Engine {
    knowledge: Arc<Knowledge>,
    settings: Arc<Settings>,
    rules: Vec<&'static Rule>,
}

/// Which fixes may be applied.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FixOptions {
    /// Whether unsafe fixes are permitted, the great rewrites included.
    pub unsafe_fixes: bool,
    /// The great rewrites that are permitted by name.
    pub rewrites: Vec<String>,
    /// Whether only the named rewrites are applied, and no other fix.
    pub only_rewrites: bool,
}

impl FixOptions {
    /// Permits unsafe fixes too.
    #[must_use]
    pub fn unsafe_fixes(mut self) -> Self {
        self.unsafe_fixes = true;
        self
    }

    /// Permits these great rewrites and nothing else.
    #[must_use]
    pub fn only_rewrites(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.rewrites = names.into_iter().collect();
        self.only_rewrites = true;
        self
    }

    fn permits(&self, rule: &Rule, safety: Safety) -> bool {
        let named = rule.rewrite.is_some_and(|name| self.rewrites.iter().any(|wanted| wanted == name));
        if self.only_rewrites {
            return named && safety >= Safety::Unsafe;
        }
        match safety {
            Safety::Safe => true,
            Safety::Unsafe => self.unsafe_fixes || named,
            Safety::Manual => false,
        }
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

/// A fix that has passed the gate, not yet applied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verified {
    /// The plan.
    pub plan: Plan,
    /// How safe it is, by the deltas that the gate observed.
    pub safety: Safety,
    /// The texts that it changes: path, text before (`None` for a new file) and after. The Dockerfile's path is the one
    /// the group knows it by; other files are named by their path in the context.
    pub changes: Vec<Change>,
}

/// A new text of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Which file.
    pub target: Target,
    /// Its text before; `None` when there was none.
    pub before: Option<Arc<str>>,
    /// Its text after.
    pub after: Arc<str>,
}

/// A text is not the one that a change was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text has changed since the fix was computed")]
pub struct Stale;

impl Change {
    /// The text after, when `current` is the text that the change was made from (`None`: no such file).
    ///
    /// # Errors
    /// [`Stale`] when it is another.
    pub fn apply_to(&self, current: Option<&str>) -> Result<Arc<str>, Stale> {
        if self.before.as_deref() == current { Ok(Arc::clone(&self.after)) } else { Err(Stale) }
    }
}

/// A file that a change is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Target {
    /// The Dockerfile at this index of the group.
    Dockerfile(usize),
    /// A file of the context, by its path there.
    Context(String),
}

impl Engine {
    /// An engine with the built-in knowledge, extended by the settings.
    pub fn new(settings: Settings) -> Self {
        let knowledge = settings.knowledge();
        let rules = rules::ALL.iter().copied().filter(|rule| settings.is_on(rule)).collect();
        Self { knowledge, settings: Arc::new(settings), rules }
    }

    /// The same engine with its rules in another order. The order makes no difference; tests show that.
    #[must_use]
    pub fn with_rules(mut self, rules: Vec<&'static Rule>) -> Self {
        self.rules = rules;
        self
    }

    /// The rules that are on.
    pub fn rules(&self) -> &[&'static Rule] {
        &self.rules
    }

    /// What is known about images and programs.
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the images end with that these files build, for [`ContextGroup::images`]. Only files that say which image
    /// they build ([`SourceFile::builds`]) are looked at.
    pub fn built_images(&self, files: &[&SourceFile]) -> BTreeMap<String, BuiltImage> {
        group::built_images(self, files)
    }

    /// Finds what is wrong in every file of the group, without planning a fix. Sorted by position.
    pub fn check(&self, group: &ContextGroup<'_>) -> Vec<FileReport> {
        let mut analysis = Analysis::new(self, group);
        let report = |file| {
            let report = analysis.take_report(file);
            // A group may hold thousands of files.
            analysis.forget(file);
            report
        };
        (0..group.files.len()).map(report).collect()
    }

    /// Computes the fix of a finding and shows it to the gate.
    ///
    /// # Errors
    /// A [`Refusal`] when the finding has no fix, when a condition of the fix does not hold, or when the gate rejects it.
    pub fn plan(&self, group: &ContextGroup<'_>, file: usize, key: &FindingKey) -> Result<Verified, Refusal> {
        let analysis = Analysis::new(self, group);
        let report = analysis.report(file);
        let finding = report.findings.iter().find(|finding| finding.key == *key);
        let finding =
            finding.ok_or_else(|| Refusal::because("the text has changed and the finding is gone"))?;
        Self::plan_finding(&analysis, file, finding)
    }

    /// Computes the fix of a finding without showing it to the gate: to name it in a menu, never to apply it.
    ///
    /// # Errors
    /// A [`Refusal`] when the finding has no fix, or when a condition of the fix does not hold.
    pub fn propose(&self, group: &ContextGroup<'_>, file: usize, key: &FindingKey) -> Result<Plan, Refusal> {
        let analysis = Analysis::new(self, group);
        let finding = analysis.report(file).findings.iter().find(|finding| finding.key == *key);
        Self::draft(&analysis, file, finding.ok_or_else(|| Refusal::because("the finding is gone"))?)
    }

    /// Fixes what is permitted in every file of the group.
    pub fn fix(&self, group: &ContextGroup<'_>, options: &FixOptions) -> Rewrite {
        let overlay = group::Overlay::new(group.context);
        pass::Run::new(self, group, &overlay, options).run()
    }

    /// Fixes a text of which no context is known.
    pub fn fix_text(&self, text: &str, options: &FixOptions) -> Rewrite {
        self.fix(&ContextGroup::of_text(text), options)
    }

    fn plan_finding(analysis: &Analysis<'_>, file: usize, finding: &Finding) -> Result<Verified, Refusal> {
        let plan = Self::draft(analysis, file, finding)?;
        match gate::hold(analysis, file, std::slice::from_ref(&plan), &[finding]) {
            Ok(passed) => Ok(Verified {
                safety: safety::judge(&plan.declared, &analysis.subject(file)),
                changes: passed.changes,
                plan,
            }),
            Err(rejection) => {
                Err(Refusal::because(format!("the gate rejected the fix: {}", rejection.reason)))
            }
        }
    }

    /// The plan of a finding, before the gate.
    fn draft(analysis: &Analysis<'_>, file: usize, finding: &Finding) -> Result<Plan, Refusal> {
        match &finding.fix {
            Fixability::Refused(refusal) => return Err(refusal.clone()),
            Fixability::ReportOnly => return Err(Refusal::because("the rule only reports")),
            Fixability::Available => {}
        }
        let planner = finding.rule.plan.ok_or_else(|| Refusal::because("the rule only reports"))?;
        let mut plan = planner(&analysis.subject(file), finding)?;
        plan.declared.sort();
        Ok(plan)
    }
}
