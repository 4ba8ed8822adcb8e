//! What has to hold of a project after its rewrites, measured against the project before them.

use super::measure::{Life, Measured};
use super::project::Project;
use super::rewriting::Outcome;

/// The gates, by their names in the table and in `seeded.toml`.
pub(super) const NAMES: [&str; 10] =
    ["expected", "builds", "answers", "write", "restart", "uid", "any-uid", "sigterm", "installs", "size"];

/// The gates that are red, each with the reason.
#[derive(Debug, Default)]
pub(super) struct Red(pub(super) Vec<(&'static str, String)>);

impl Red {
    /// Whether this gate is among them.
    pub(super) fn has(&self, gate: &str) -> bool {
        self.0.iter().any(|(name, _)| *name == gate)
    }

    fn add(&mut self, gate: &'static str, reason: impl Into<String>) {
        self.0.push((gate, reason.into()));
    }

    /// What is offered has to be what `project.toml` expects, and nothing may be stopped by dockmend's own gate.
    pub(super) fn of_offer(project: &Project, outcome: &Outcome) -> Self {
        let mut red = Self::default();
        for (rewrite, expected) in &project.rewrites {
            if (expected == "offered") != outcome.offered.contains(rewrite) {
                let reasons = outcome.refused.iter().filter(|(name, ..)| name == rewrite);
                let mut reasons = reasons.map(|(_, hazard, reason)| match hazard {
                    Some(hazard) => format!("{reason} ({hazard})"),
                    None => reason.clone(),
                });
                let what = reasons.next().unwrap_or_else(|| {
                    let applied = outcome.offered.contains(rewrite);
                    if applied { "offered".to_owned() } else { "not found".to_owned() }
                });
                red.add("expected", format!("{rewrite} is to be {expected}: {what}"));
            }
        }
        for reason in &outcome.rejected {
            red.add("expected", format!("the gate rejected a rewrite: {reason}"));
        }
        red
    }

    /// Both.
    pub(super) fn and(mut self, mut other: Self) -> Self {
        self.0.append(&mut other.0);
        self
    }

    /// A variant that could not be built or measured at all.
    pub(super) fn not_built(error: &anyhow::Error) -> Self {
        Self(vec![("builds", format!("{error:#}"))])
    }
}

/// Judges a project that was built before and after.
pub(super) fn judge(project: &Project, outcome: &Outcome, before: &Measured, after: &Measured) -> Red {
    let mut red = Red::default();
    if outcome.offered.contains("order")
        && let Some(installs) = after.installs
    {
        let right = project.edit.as_ref().map_or(0, |edit| edit.installs);
        if installs > right {
            red.add("installs", format!("{installs} installs ran again after an edit"));
        }
    }
    if outcome.offered.contains("stages") && after.size >= before.size {
        red.add("size", format!("{} bytes before, {} after", before.size, after.size));
    }
    match (&before.life, &after.life) {
        (Some(Err(error)), _) => red.add("answers", format!("before the rewrites: {error:#}")),
        (_, Some(Err(error))) => red.add("answers", format!("{error:#}")),
        (Some(Ok(before)), Some(Ok(after))) => judge_life(project, outcome, before, after, &mut red),
        (None, _) | (_, None) => {}
    }
    red
}

fn judge_life(project: &Project, outcome: &Outcome, before: &Life, after: &Life, red: &mut Red) {
    for ((route, was), (_, is)) in before.answers.iter().zip(&after.answers) {
        if is != was {
            red.add("answers", format!("{route}: {was:?} before, {is:?} after"));
        } else if is.starts_with(['4', '5']) || is.starts_with("no answer") || is == "not said" {
            red.add("answers", format!("{route}: {is}"));
        }
    }
    for (gate, was, is) in
        [("write", &before.write, &after.write), ("restart", &before.restart, &after.restart)]
    {
        if let Some(Err(error)) = was {
            red.add(gate, format!("before the rewrites: {error:#}"));
        }
        if let Some(Err(error)) = is {
            red.add(gate, format!("{error:#}"));
        }
    }
    if outcome.offered.contains("user") && after.uid.is_none_or(|uid| uid == 0) {
        let uid = after.uid.map_or_else(|| "unknown".to_owned(), |uid| uid.to_string());
        // A job has ended before it can be asked.
        if !project.run.as_ref().is_some_and(|run| run.job) {
            red.add("uid", format!("the uid is {uid}"));
        }
    }
    let Some(run) = &project.run else { return };
    if run.any_uid
        && let Err(error) = &after.any_uid
    {
        red.add("any-uid", format!("{error:#}"));
    }
    let delivered = |life: &Life| life.stopped.is_some_and(|stopped| stopped.code == 0);
    if run.handles_sigterm && (outcome.offered.contains("exec") || delivered(before)) && !delivered(after) {
        red.add("sigterm", format!("it ended with {:?}", after.stopped.map(|stopped| stopped.code)));
    }
}
