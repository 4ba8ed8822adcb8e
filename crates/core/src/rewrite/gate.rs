//! The gate: what everything that is written has passed.
//!
//! - The edits apply, and cover no text that they keep.
//! - The text after is parsed afresh. BuildKit refuses nothing that it did not refuse before.
//! - The observed deltas are exactly the declared ones, and none is unexplained.
//! - The findings that are fixed are gone. What was found instead was announced by the rule.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use super::group::{Analysis, Overlay, Parsed, problems};
use super::{Change, FileReport, Target};
use crate::context::ContextFiles;
use crate::model::{BuildModel, Delta, diff, diff_and_carry};
use crate::rule::{FileEdit, Finding, FindingKey, Plan};
use crate::syntax::{ProblemKind, SyntaxProblem};
use crate::text::TextEdit;

/// Why the gate did not let something through.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The reason, for the report of a bug.
    pub reason: String,
}

fn rejected<T>(reason: impl Into<String>) -> Result<T, Rejected> {
    Err(Rejected { reason: reason.into() })
}

/// What passed.
pub(super) struct Passed<'a> {
    pub(super) changes: Vec<Change>,
    pub(super) edit: TextEdit,
    /// The Dockerfile after, with the numbers of its instructions in finding keys.
    pub(super) parsed: Rc<Parsed>,
    /// The group after, its report made already; `None` when the context has changed too.
    pub(super) settled: Option<Analysis<'a>>,
}

/// Checks that two texts differ in exactly the declared way: the heart of the gate, without rules and context.
///
/// # Errors
/// [`Rejected`] when BuildKit refuses something that it did not refuse before, or when the observed deltas are not
/// the declared ones.
///
/// ```
/// use dockmend_core::model::{BuildModel, Delta};
/// use dockmend_core::rewrite::gate::compare;
/// let before = BuildModel::of("FROM alpine\nWORKDIR /app\nCOPY . .\n");
/// let wrong = BuildModel::of("FROM alpine\nWORKDIR /appCOPY . .\n");
/// assert!(compare(&before, &wrong, &[Delta::StepRemoved { instruction: 2 }]).is_err());
/// ```
pub fn compare(before: &BuildModel, after: &BuildModel, declared: &[Delta]) -> Result<(), Rejected> {
    if let Some(problem) = new_problems(&problems(before.file()), &problems(after.file())).first() {
        return rejected(format!("BuildKit would refuse the text after: {}", problem.message));
    }
    let observed = diff(before, after);
    compare_deltas(&observed, declared)
}

/// Checks that a last stage which became two keeps what it owes to the image that is shipped, besides the deltas that
/// [`compare`] looks at: its config, its files, its packages, and a base that stands in for the old one.
///
/// # Errors
/// [`Rejected`] when it does not, and when `after` is not `before` with its last stage split.
pub fn compare_stages(
    context: &dyn ContextFiles,
    before: &BuildModel,
    after: &BuildModel,
) -> Result<(), Rejected> {
    if let Some(problem) = new_problems(&problems(before.file()), &problems(after.file())).first() {
        return rejected(format!("BuildKit would refuse the text after: {}", problem.message));
    }
    let Some(split) = crate::model::find_split(before, after) else {
        return rejected("the last stage is not split");
    };
    let view = crate::rule::ContextView::new(context, Some("Dockerfile".to_owned()));
    let knowledge = crate::knowledge::Knowledge::builtin();
    super::obligations::stages::hold(&view, &knowledge, before, after, &split)
}

/// Checks that steps which were moved, cut in two or added miss no file and do what was done before, besides the deltas
/// that [`compare`] looks at.
///
/// # Errors
/// [`Rejected`] when one of them does not, or when that cannot be told.
pub fn compare_order(
    context: &dyn ContextFiles,
    before: &BuildModel,
    after: &BuildModel,
) -> Result<(), Rejected> {
    if let Some(problem) = new_problems(&problems(before.file()), &problems(after.file())).first() {
        return rejected(format!("BuildKit would refuse the text after: {}", problem.message));
    }
    let view = crate::rule::ContextView::new(context, Some("Dockerfile".to_owned()));
    super::obligations::hold_order(&view, before, after)
}

fn compare_deltas(observed: &[Delta], declared: &[Delta]) -> Result<(), Rejected> {
    let mut observed = observed.to_vec();
    let mut declared = declared.to_vec();
    observed.sort();
    declared.sort();
    if let Some(Delta::Unexplained { what }) =
        observed.iter().find(|delta| matches!(delta, Delta::Unexplained { .. }))
    {
        return rejected(format!("unexplained: {what}"));
    }
    if observed == declared {
        return Ok(());
    }
    let extra: Vec<&Delta> = observed.iter().filter(|delta| !declared.contains(delta)).collect();
    let missing: Vec<&Delta> = declared.iter().filter(|delta| !observed.contains(delta)).collect();
    rejected(format!("observed but not declared: {extra:?}; declared but not observed: {missing:?}"))
}

/// The problems of the text after that the text before did not have.
fn new_problems<'a>(before: &[SyntaxProblem], after: &'a [SyntaxProblem]) -> Vec<&'a SyntaxProblem> {
    let mut known: HashMap<(ProblemKind, &str), usize> = HashMap::new();
    for problem in before {
        *known.entry((problem.kind, problem.message.as_str())).or_default() += 1;
    }
    let mut new = Vec::new();
    for problem in after {
        match known.get_mut(&(problem.kind, problem.message.as_str())) {
            Some(count) if *count > 0 => *count -= 1,
            _ => new.push(problem),
        }
    }
    new
}

/// Holds plans for one file to the gate, together. Their scopes must not meet, so that a delta belongs to one of them.
pub(super) fn hold<'a>(
    analysis: &Analysis<'a>,
    file: usize,
    plans: &[Plan],
    findings: &[&Finding],
) -> Result<Passed<'a>, Rejected> {
    let before = analysis.model(file);
    let edit = joined_edit(plans, before.file().text())?;
    let after_text: Arc<str> = match edit.apply(before.file().text()) {
        Ok(text) => text.into(),
        Err(error) => return rejected(error.to_string()),
    };
    let after = Arc::new(analysis.model_of(file, &after_text));
    let after_problems = problems(after.file());
    if let Some(problem) = new_problems(analysis.problems(file), &after_problems).first() {
        return rejected(format!("BuildKit would refuse the text after: {}", problem.message));
    }

    let overlay = Overlay::new(analysis.context);
    let mut changes = Vec::new();
    let (mut observed, lineage) = diff_and_carry(before, &after, analysis.lineage(file));
    for side in plans.iter().flat_map(|plan| &plan.edits) {
        let Some((change, delta)) = side_edit(side, analysis.context)? else { continue };
        let Target::Context(path) = &change.target else { continue };
        overlay.insert(path, Arc::clone(&change.after));
        observed.push(delta);
        changes.push(change);
    }
    let reorders = findings.iter().any(|finding| finding.rule.rewrite == Some("order"));
    observed.extend(super::obligations::context_deltas(analysis, file, &after, &overlay, reorders)?);
    let declared: Vec<Delta> = plans.iter().flat_map(|plan| plan.declared.iter().cloned()).collect();
    compare_deltas(&observed, &declared)?;
    if findings.iter().any(|finding| finding.rule.rewrite == Some("user")) {
        super::user::holds(before, &after, &observed)?;
    }

    if *after_text != *before.file().text() {
        let before = Some(before.file().shared_text());
        changes.push(Change { target: Target::Dockerfile(file), before, after: after_text });
    }
    let parsed = Rc::new(Parsed::known(after, lineage, after_problems));
    let settled = if overlay.is_empty() {
        let settled = analysis.with_file(file, &parsed);
        gone_and_announced(analysis, &settled, file, findings)?;
        Some(settled)
    } else {
        let settled = analysis.with_context(&overlay, file, &parsed);
        gone_and_announced(analysis, &settled, file, findings)?;
        None
    };
    Ok(Passed { changes, edit, parsed, settled })
}

fn joined_edit(plans: &[Plan], before: &str) -> Result<TextEdit, Rejected> {
    let mut builder = TextEdit::builder();
    for edit in plans.iter().filter_map(Plan::dockerfile) {
        // No edit may cover text that it keeps.
        for replacement in edit.minimal(before).replacements() {
            builder.replace(replacement.range, replacement.text.clone());
        }
    }
    builder.finish().map_err(|error| Rejected { reason: error.to_string() })
}

/// The change and the delta of an edit beside the Dockerfile.
fn side_edit(edit: &FileEdit, context: &dyn ContextFiles) -> Result<Option<(Change, Delta)>, Rejected> {
    let text = |path: &str| match context.read(path) {
        crate::context::Answer::Present(bytes) => {
            String::from_utf8(bytes.to_vec()).ok().map(Arc::<str>::from)
        }
        _ => None,
    };
    match edit {
        FileEdit::Dockerfile(_) => Ok(None),
        FileEdit::Create { path, text } => {
            if !context.entry(path).is_absent() {
                return rejected(format!(
                    "{path} is to be created, but it is not certain that there is none"
                ));
            }
            let target = Target::Context(path.clone());
            let change = Change { target, before: None, after: text.as_str().into() };
            Ok(Some((change, Delta::FileCreated { path: path.clone() })))
        }
        FileEdit::Replace { path, text: after } => {
            let Some(before) = text(path) else {
                return rejected(format!("{path} is to be changed, but it cannot be read"));
            };
            let target = Target::Context(path.clone());
            let change = Change { target, before: Some(before), after: after.as_str().into() };
            Ok(Some((change, Delta::FileChanged { path: path.clone() })))
        }
    }
}

/// The fixed findings are gone, and every new one was announced by a rule that was applied.
fn gone_and_announced(
    before: &Analysis<'_>,
    after: &Analysis<'_>,
    file: usize,
    fixed: &[&Finding],
) -> Result<(), Rejected> {
    let report = after.report(file);
    let left: BTreeSet<&FindingKey> = report.findings.iter().map(|finding| &finding.key).collect();
    if let Some(finding) = fixed.iter().find(|finding| left.contains(&finding.key)) {
        return rejected(format!("{} is found again behind its own fix", finding.rule.id));
    }
    let known: BTreeSet<&FindingKey> =
        before.report(file).findings.iter().map(|finding| &finding.key).collect();
    let announced = |rule: &str| {
        fixed.iter().any(|finding| finding.rule.id == rule || finding.rule.reveals.contains(&rule))
    };
    // Of two instructions that are the same to the letter, the one that stays may be taken for the other. A finding about
    // it has another key then, and yet none has come.
    let of_rule = |report: &FileReport, id: &str| {
        report.findings.iter().filter(|finding| finding.rule.id == id).count()
    };
    let is_new = |finding: &&Finding| {
        let id = finding.rule.id;
        !known.contains(&finding.key)
            && !announced(id)
            && of_rule(report, id) > of_rule(before.report(file), id)
    };
    match report.findings.iter().find(is_new) {
        Some(finding) => rejected(format!("the fix brings a new finding: {}", finding.rule.id)),
        None => Ok(()),
    }
}
