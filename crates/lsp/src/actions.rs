//! Fixes, as an editor offers them.
//!
//! The list is made without planning where the editor can ask for the edit later: a request comes with every move of the
//! cursor. What is picked is computed from the text as it is then, and passes the gate then.

use std::collections::BTreeMap;

use dockmend_core::rewrite::{FileReport, FixOptions, Rewrite};
use dockmend_core::rule::{Finding, Fixability, Rule};
use dockmend_core::text::{LineIndex, TextEdit as CoreEdit, TextRange};
use serde::{Deserialize, Serialize};
use tower_lsp::ls_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, Diagnostic, Uri, WorkspaceEdit,
};

use crate::around::{Ready, look};
use crate::diagnostics::{Data, Shown};
use crate::documents::offset_of;
use crate::edits::Builder;
use crate::world::World;

/// All safe fixes of a file.
pub(crate) const FIX_ALL: CodeActionKind = CodeActionKind::new("source.fixAll.dockmend");

/// The great rewrites.
pub(crate) const REWRITE: CodeActionKind = CodeActionKind::new("refactor.rewrite.dockmend");

/// What is to be done when an action is picked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
pub(crate) enum Deed {
    /// Fixes one finding.
    Fix { uri: Uri, finding: Data },
    /// Fixes all findings of a rule.
    FixRule { uri: Uri, rule: String },
    /// Applies everything that is safe.
    FixAll { uri: Uri },
    /// Applies a great rewrite.
    Rewrite { uri: Uri, name: String },
}

/// The actions for a range of a document.
pub(crate) fn list(world: &World, params: &CodeActionParams) -> Vec<CodeActionOrCommand> {
    let uri = &params.text_document.uri;
    let Some(document) = world.documents.get(uri).filter(|_| world.client.action_literals) else {
        return Vec::new();
    };
    let text = document.text();
    let lines = LineIndex::new(text);
    let encoding = world.client.encoding;
    let range = TextRange::new(
        offset_of(text, &lines, params.range.start, encoding),
        offset_of(text, &lines, params.range.end, encoding),
    );
    let wanted = Wanted(params.context.only.as_deref());
    let listed = look(world, uri, |ready| {
        let report = ready.engine.check(&ready.group).into_iter().next().unwrap_or_default();
        let shown = Shown { world, uri, text, lines: &lines };
        let listing = Listing { shown, ready, report: &report, range, wanted };
        listing.all()
    });
    let actions = listed.and_then(Result::ok).unwrap_or_default();
    actions.into_iter().map(CodeActionOrCommand::CodeAction).collect()
}

/// The kinds that the editor asks for; `refactor` includes `refactor.rewrite`.
#[derive(Clone, Copy)]
struct Wanted<'a>(Option<&'a [CodeActionKind]>);

impl Wanted<'_> {
    fn includes(self, kind: &CodeActionKind) -> bool {
        let Some(only) = self.0 else { return true };
        only.iter().any(|wanted| {
            let (wanted, kind) = (wanted.as_str(), kind.as_str());
            wanted.is_empty()
                || kind == wanted
                || kind.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
        })
    }

    /// Whether the editor names a kind like this one. What belongs to the whole file is offered nowhere else.
    fn names(self, kind: &CodeActionKind) -> bool {
        self.0.is_some() && self.includes(kind)
    }
}

struct Listing<'a> {
    shown: Shown<'a>,
    ready: &'a Ready<'a>,
    report: &'a FileReport,
    range: TextRange,
    wanted: Wanted<'a>,
}

impl Listing<'_> {
    fn all(&self) -> Vec<CodeAction> {
        let mut actions = Vec::new();
        let here: Vec<&Finding> =
            self.report.findings.iter().filter(|finding| self.touches(finding.range)).collect();
        if self.wanted.includes(&CodeActionKind::QUICKFIX) {
            actions.extend(self.corrections());
            for finding in &here {
                actions.extend(self.fix(finding, here.len()));
            }
            actions.extend(self.whole_rules(&here));
            actions.extend(here.iter().filter_map(|finding| self.ignore(finding)));
        }
        actions.extend(self.rewrites(&here));
        if self.wanted.names(&FIX_ALL) {
            actions.push(self.lazily(CodeAction {
                title: "Apply all safe fixes (dockmend)".to_owned(),
                kind: Some(FIX_ALL),
                data: data(&Deed::FixAll { uri: self.shown.uri.clone() }),
                ..CodeAction::default()
            }));
        }
        // An action without an edit, where it cannot be asked for later, does nothing.
        actions.retain(|action| action.edit.is_some() || self.shown.world.client.resolves_edits);
        actions
    }

    fn touches(&self, range: TextRange) -> bool {
        range.start <= self.range.end && self.range.start <= range.end
    }

    /// What BuildKit would refuse, and what was probably meant.
    fn corrections(&self) -> Vec<CodeAction> {
        let here = self.report.problems.iter().filter(|problem| self.touches(problem.range));
        let correct = |problem: &dockmend_core::syntax::SyntaxProblem| {
            let meant = problem.suggestion.as_ref()?;
            let edit = self.replacing(problem.range, meant)?;
            Some(CodeAction {
                title: format!("Change to `{meant}`"),
                kind: Some(CodeActionKind::QUICKFIX),
                edit: Some(edit),
                is_preferred: Some(true),
                ..CodeAction::default()
            })
        };
        here.filter_map(correct).collect()
    }

    fn fix(&self, finding: &Finding, findings_here: usize) -> Option<CodeAction> {
        if finding.fix != Fixability::Available {
            return None;
        }
        let deed = Deed::Fix { uri: self.shown.uri.clone(), finding: Data::of(finding) };
        let plan = self.ready.engine.propose(&self.ready.group, 0, &finding.key).ok()?;
        Some(self.lazily(CodeAction {
            title: sentence(&plan.title),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![self.diagnostic(finding)]),
            is_preferred: (findings_here == 1).then_some(true),
            data: data(&deed),
            ..CodeAction::default()
        }))
    }

    /// "Fix all X in this file", where there are several.
    fn whole_rules(&self, here: &[&Finding]) -> Vec<CodeAction> {
        let mut rules: BTreeMap<&str, &Rule> = BTreeMap::new();
        for finding in here.iter().filter(|finding| finding.rule.rewrite.is_none()) {
            let all = self.report.findings.iter();
            let fixable =
                all.filter(|other| other.rule.id == finding.rule.id && other.fix == Fixability::Available);
            if fixable.count() > 1 {
                rules.insert(finding.rule.id, finding.rule);
            }
        }
        let action = |rule: &Rule| {
            self.lazily(CodeAction {
                title: format!("Fix all {} in this file", rule.id),
                kind: Some(CodeActionKind::QUICKFIX),
                data: data(&Deed::FixRule { uri: self.shown.uri.clone(), rule: rule.id.to_owned() }),
                ..CodeAction::default()
            })
        };
        rules.into_values().map(action).collect()
    }

    /// The great rewrites that the file offers: people look for them under the bulb, wherever the cursor is.
    fn rewrites(&self, here: &[&Finding]) -> Vec<CodeAction> {
        let mut names: BTreeMap<&str, (&Finding, CodeActionKind)> = BTreeMap::new();
        for finding in &self.report.findings {
            let Some(name) = finding.rule.rewrite.filter(|_| finding.fix == Fixability::Available) else {
                continue;
            };
            let kind = CodeActionKind::from(format!("{}.{name}", REWRITE.as_str()));
            if self.wanted.includes(&kind) {
                names.entry(name).or_insert((finding, kind));
            }
        }
        let action = |(name, (finding, kind)): (&str, (&Finding, CodeActionKind))| {
            let is_here = here.iter().any(|other| other.rule.rewrite == Some(name));
            // A quick fix stands there already for the one under the cursor, so its title need not be planned again.
            let title = if is_here {
                format!("Rewrite: {name}")
            } else {
                format!("Rewrite: {name} ({})", finding.rule.summary().trim_end_matches('.').to_lowercase())
            };
            self.lazily(CodeAction {
                title,
                kind: Some(kind),
                data: data(&Deed::Rewrite { uri: self.shown.uri.clone(), name: name.to_owned() }),
                ..CodeAction::default()
            })
        };
        names.into_iter().map(action).collect()
    }

    /// Adds the comment that switches a finding off.
    fn ignore(&self, finding: &Finding) -> Option<CodeAction> {
        let text = self.shown.text;
        let line = match finding.instruction {
            Some(_) => self.shown.lines.line(finding.range.start),
            None => 0,
        };
        let start = self.shown.lines.line_start(line);
        let rest = text.get(start..)?;
        let indent: String = rest.chars().take_while(|character| matches!(character, ' ' | '\t')).collect();
        let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let comment = format!("{indent}# dockmend: ignore={}{ending}", finding.rule.id);
        let edit = self.replacing(TextRange::empty(start), &comment)?;
        Some(CodeAction {
            title: format!("Ignore {} here", finding.rule.id),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![self.diagnostic(finding)]),
            edit: Some(edit),
            ..CodeAction::default()
        })
    }

    fn replacing(&self, range: TextRange, text: &str) -> Option<WorkspaceEdit> {
        let mut edit = CoreEdit::builder();
        edit.replace(range, text);
        let edit = edit.finish().ok()?;
        let builder = Builder::new(self.shown.world, self.shown.uri, self.ready.folder);
        Some(builder.dockerfile(self.shown.text, &edit))
    }

    fn diagnostic(&self, finding: &Finding) -> Diagnostic {
        self.shown.finding(finding)
    }

    /// Leaves the edit for later, or computes it now for an editor that cannot ask for it.
    fn lazily(&self, action: CodeAction) -> CodeAction {
        if self.shown.world.client.resolves_edits {
            return action;
        }
        with_edit(self.shown.world, self.ready, action)
    }
}

fn data(deed: &Deed) -> Option<serde_json::Value> {
    serde_json::to_value(deed).ok()
}

/// The edit of an action that was picked, from the text as it is now. Without an edit when the finding is gone, or when
/// its fix is refused.
pub(crate) fn resolve(world: &World, action: CodeAction) -> CodeAction {
    let Some(uri) = deed(&action).map(|deed| deed.uri().clone()) else { return action };
    let looked = look(world, &uri, |ready| with_edit(world, ready, action.clone()));
    looked.and_then(Result::ok).unwrap_or(action)
}

fn deed(action: &CodeAction) -> Option<Deed> {
    serde_json::from_value(action.data.clone()?).ok()
}

impl Deed {
    fn uri(&self) -> &Uri {
        match self {
            Self::Fix { uri, .. }
            | Self::FixRule { uri, .. }
            | Self::FixAll { uri }
            | Self::Rewrite { uri, .. } => uri,
        }
    }
}

fn with_edit(world: &World, ready: &Ready<'_>, mut action: CodeAction) -> CodeAction {
    let Some(deed) = deed(&action) else { return action };
    let builder = Builder::new(world, deed.uri(), ready.folder);
    action.edit = match &deed {
        Deed::Fix { finding, .. } => fix_one(&builder, ready, finding),
        Deed::FixRule { rule, .. } => {
            let rules = ready.engine.rules().iter().copied().filter(|known| known.id == *rule).collect();
            let engine = ready.engine.clone().with_rules(rules);
            all_of(&builder, &engine.fix(&ready.group, &FixOptions::default().unsafe_fixes()))
        }
        Deed::FixAll { .. } => all_of(&builder, &ready.engine.fix(&ready.group, &FixOptions::default())),
        Deed::Rewrite { name, .. } => {
            let options = FixOptions::default().only_rewrites([name.clone()]);
            all_of(&builder, &ready.engine.fix(&ready.group, &options))
        }
    };
    action
}

fn fix_one(builder: &Builder<'_>, ready: &Ready<'_>, wanted: &Data) -> Option<WorkspaceEdit> {
    let report = ready.engine.check(&ready.group).into_iter().next()?;
    let finding = report.findings.iter().find(|finding| wanted.is_of(finding))?;
    let verified = ready.engine.plan(&ready.group, 0, &finding.key).ok()?;
    let text = &ready.group.files.first()?.text;
    let edit = verified.plan.dockerfile().map(|edit| edit.minimal(text));
    builder.changes(&verified.changes, edit.as_ref()).ok()
}

fn all_of(builder: &Builder<'_>, rewrite: &Rewrite) -> Option<WorkspaceEdit> {
    if rewrite.changes.is_empty() {
        return None;
    }
    builder.changes(&rewrite.changes, rewrite.edits.first().map(|(_, edit)| edit)).ok()
}

/// A title as a menu shows it.
fn sentence(title: &str) -> String {
    let mut characters = title.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
