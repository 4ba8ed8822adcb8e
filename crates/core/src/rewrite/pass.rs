//! A run over a group: phase by phase, pass by pass, until nothing is left to do.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::gate::{self, Passed};
use super::group::{Analysis, ContextGroup, Overlay};
use super::safety::judge;
use super::{Change, Engine, FixOptions, Fixed, Ready, Rejection, Rewrite, Target};
use crate::model::Delta;
use crate::rule::{FileEdit, Finding, FindingKey, Fixability, Phase, Plan, Refusal, Safety};
use crate::text::TextEdit;

/// Two rules that undo each other are stopped after so many passes of one phase. Fixes on one instruction take a pass
/// each, so that it must be more than the rules that can meet there.
const MAX_PASSES: usize = 24;

/// A run and what it has done so far.
pub(super) struct Run<'a> {
    engine: &'a Engine,
    group: &'a ContextGroup<'a>,
    options: &'a FixOptions,
    /// The context with what the run has changed in it.
    overlay: &'a Overlay<'a>,
    /// The files as they are now.
    current: Rc<Analysis<'a>>,
    edits: Vec<TextEdit>,
    side: BTreeMap<String, Change>,
    fixed: Vec<Fixed>,
    rejections: Vec<Rejection>,
    /// Findings that are not tried again: refused, rejected, or not permitted.
    closed: BTreeSet<(usize, FindingKey)>,
    unsettled: BTreeSet<&'static str>,
}

/// A plan that waits for its turn in a pass.
struct Candidate {
    finding: Finding,
    plan: Plan,
    safety: Safety,
}

impl<'a> Run<'a> {
    /// A run over `group`; `overlay` lies over the group's context and is empty.
    pub(super) fn new(
        engine: &'a Engine,
        group: &'a ContextGroup<'a>,
        overlay: &'a Overlay<'a>,
        options: &'a FixOptions,
    ) -> Self {
        Self {
            engine,
            group,
            options,
            overlay,
            current: Rc::new(Analysis::over(engine, group, overlay)),
            edits: vec![TextEdit::default(); group.files.len()],
            side: BTreeMap::new(),
            fixed: Vec::new(),
            rejections: Vec::new(),
            closed: BTreeSet::new(),
            unsettled: BTreeSet::new(),
        }
    }

    pub(super) fn run(mut self) -> Rewrite {
        for phase in Phase::ALL {
            for file in 0..self.group.files.len() {
                if self.group.files[file].only_seen {
                    continue;
                }
                self.phase(phase, file);
            }
        }
        self.finish()
    }

    fn phase(&mut self, phase: Phase, file: usize) {
        if !self.engine.rules().iter().any(|rule| rule.phase == phase && rule.plan.is_some()) {
            return;
        }
        let mut fixed_by_half = 0;
        for pass in 0.. {
            let analysis = Rc::clone(&self.current);
            let candidates = self.candidates(&analysis, phase, file);
            if candidates.is_empty() {
                return;
            }
            if pass == MAX_PASSES / 2 {
                fixed_by_half = self.fixed.len();
            }
            if pass == MAX_PASSES {
                self.unsettled.extend(candidates.iter().map(|candidate| candidate.finding.rule.id));
                // Whatever was still being fixed in the second half takes part in the quarrel.
                self.unsettled.extend(self.fixed[fixed_by_half..].iter().map(|fixed| fixed.finding.rule.id));
                return;
            }
            let chosen = disjoint(candidates);
            if let Some((applied, passed)) = self.hold(&analysis, file, chosen) {
                self.apply(file, applied, passed);
            }
        }
    }

    /// The permitted fixes of a phase.
    fn candidates(&mut self, analysis: &Analysis<'_>, phase: Phase, file: usize) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        let subject = analysis.subject(file);
        for finding in &analysis.report(file).findings {
            let available = finding.fix == Fixability::Available;
            let key = (file, finding.key.clone());
            if finding.rule.phase != phase || !available || self.closed.contains(&key) {
                continue;
            }
            if !self.options.permits(finding.rule, Safety::Safe) {
                continue;
            }
            let Ok(plan) = Engine::draft(analysis, file, finding) else {
                self.closed.insert(key);
                continue;
            };
            let safety = judge(&plan.declared, &subject);
            if self.options.permits(finding.rule, safety) {
                candidates.push(Candidate { finding: finding.clone(), plan, safety });
            } else {
                self.closed.insert(key);
            }
        }
        candidates
    }

    /// Shows the candidates to the gate: all at once, and when that fails in halves, so that the wrong one alone is
    /// dropped.
    fn hold(
        &mut self,
        analysis: &Analysis<'a>,
        file: usize,
        chosen: Vec<Candidate>,
    ) -> Option<(Vec<Candidate>, Passed<'a>)> {
        let plans: Vec<Plan> = chosen.iter().map(|candidate| candidate.plan.clone()).collect();
        let findings: Vec<&Finding> = chosen.iter().map(|candidate| &candidate.finding).collect();
        match gate::hold(analysis, file, &plans, &findings) {
            Ok(passed) => return Some((chosen, passed)),
            Err(rejected) if chosen.len() == 1 => {
                for candidate in chosen {
                    self.closed.insert((file, candidate.finding.key.clone()));
                    let reason = rejected.reason.clone();
                    self.rejections.push(Rejection { file, finding: candidate.finding, reason });
                }
                return None;
            }
            Err(_) => {}
        }
        let mut first = chosen;
        let second = first.split_off(first.len() / 2);
        // The halves are planned from the same text, so only one of them can be applied in this pass.
        self.hold(analysis, file, first).or_else(|| self.hold(analysis, file, second))
    }

    fn apply(&mut self, file: usize, applied: Vec<Candidate>, passed: Passed<'a>) {
        let original = &self.group.files[file].text;
        let back = self.edits[file].offsets_back();
        for mut candidate in applied {
            candidate.finding.range = back.map_range(candidate.finding.range);
            for note in &mut candidate.finding.notes {
                note.range = back.map_range(note.range);
            }
            self.fixed.push(Fixed {
                file,
                title: candidate.plan.title,
                remarks: candidate.plan.remarks,
                safety: candidate.safety,
                deltas: candidate.plan.declared,
                finding: candidate.finding,
            });
        }
        // Composing can only fail for an edit that does not fit, and the gate has applied this one.
        if let Ok(composed) = self.edits[file].compose(&passed.edit, original) {
            self.edits[file] = composed;
        }
        for change in passed.changes {
            if let Target::Context(path) = &change.target {
                self.overlay.insert(path, Arc::clone(&change.after));
                let before =
                    self.side.get(path).map_or(change.before.clone(), |earlier| earlier.before.clone());
                self.side.insert(path.clone(), Change { before, ..change });
            }
        }
        self.current = Rc::new(
            passed.settled.unwrap_or_else(|| self.current.with_context(self.overlay, file, &passed.parsed)),
        );
    }

    fn finish(mut self) -> Rewrite {
        let analysis = Rc::clone(&self.current);
        let mut rewrite = Rewrite::default();
        let mut sides = Sides::new();
        for file in 0..self.group.files.len() {
            rewrite.remaining.push(analysis.report(file).clone());
            if !self.group.files[file].only_seen {
                self.what_is_left(&analysis, file, &mut sides, &mut rewrite);
            }
        }
        // The ignore file first: a context with too much in it builds, one with too little may not.
        rewrite.changes.extend(std::mem::take(&mut self.side).into_values());
        for (file, source) in self.group.files.iter().enumerate() {
            let after = analysis.text(file);
            if *after != *source.text {
                let before = Some(Arc::clone(&source.text));
                rewrite.changes.push(Change { target: Target::Dockerfile(file), before, after });
            }
            rewrite.edits.push((Arc::clone(&source.text), self.edits[file].minimal(&source.text)));
        }
        self.fixed.sort_by(|a, b| {
            (a.file, a.finding.range, a.finding.rule.id).cmp(&(b.file, b.finding.range, b.finding.rule.id))
        });
        rewrite.fixed = self.fixed;
        rewrite.rejections = self.rejections;
        rewrite.unsettled = self.unsettled.into_iter().collect();
        rewrite
    }

    /// The great rewrites that are ready, and the refusals that appear only when a fix is planned.
    fn what_is_left(&self, analysis: &Analysis<'_>, file: usize, sides: &mut Sides, rewrite: &mut Rewrite) {
        for finding in &analysis.report(file).findings {
            if let Fixability::Refused(refusal) = &finding.fix {
                rewrite.refused.push((file, finding.clone(), refusal.clone()));
                continue;
            }
            if finding.fix != Fixability::Available || self.was_rejected(file, &finding.key) {
                continue;
            }
            match Self::left(analysis, file, finding, sides) {
                Ok(Some(ready)) => rewrite.ready.push(ready),
                Ok(None) => {}
                Err(refusal) => rewrite.refused.push((file, finding.clone(), refusal)),
            }
        }
    }

    fn was_rejected(&self, file: usize, key: &FindingKey) -> bool {
        self.rejections.iter().any(|rejection| rejection.file == file && rejection.finding.key == *key)
    }

    fn left(
        analysis: &Analysis<'_>,
        file: usize,
        finding: &Finding,
        sides: &mut Sides,
    ) -> Result<Option<Ready>, Refusal> {
        let plan = Engine::draft(analysis, file, finding)?;
        let Some(name) = finding.rule.rewrite else { return Ok(None) };
        let (title, remarks) = (plan.title, plan.remarks);
        let side = match plan.edits.as_slice() {
            [FileEdit::Create { path, text } | FileEdit::Replace { path, text }] => {
                Some((path.clone(), text.clone()))
            }
            _ => None,
        };
        let verify = || Engine::plan_finding(analysis, file, finding).map(|_| ());
        match side {
            Some(side) => sides.entry(side).or_insert_with(verify).clone()?,
            None => verify()?,
        }
        Ok(Some(Ready { file, name, finding: finding.clone(), title, remarks }))
    }
}

/// What the gate says of fixes that change nothing but one file of the context, by its path and new text. All Dockerfiles
/// of a context may ask for the same ignore file, and it is judged by all of them.
type Sides = BTreeMap<(String, String), Result<(), Refusal>>;

/// Something that only one fix of a pass may touch.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Instruction(usize),
    Behind(Option<usize>),
    State(String),
    Config(usize, String),
    Side,
}

fn scopes(plan: &Plan) -> BTreeSet<Scope> {
    let mut scopes = BTreeSet::new();
    for delta in &plan.declared {
        scopes.extend(delta.instruction().map(Scope::Instruction));
        match delta {
            Delta::StepAdded { after, .. } | Delta::StepMoved { after, .. } => {
                scopes.insert(Scope::Behind(*after));
                scopes.extend(after.map(Scope::Instruction));
            }
            Delta::StateChanged { field, .. } => {
                scopes.insert(Scope::State(field.clone()));
            }
            Delta::ConfigChanged { stage, field, .. } => {
                scopes.insert(Scope::Config(*stage, field.clone()));
            }
            Delta::FileCreated { .. } | Delta::FileChanged { .. } | Delta::ContextFilesLost { .. } => {
                scopes.insert(Scope::Side);
            }
            _ => {}
        }
    }
    scopes
}

/// The candidates that do not meet each other; the others wait for the next pass.
fn disjoint(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut taken: BTreeSet<Scope> = BTreeSet::new();
    let mut chosen = Vec::new();
    for candidate in candidates {
        let scopes = scopes(&candidate.plan);
        if scopes.iter().any(|scope| taken.contains(scope)) {
            continue;
        }
        taken.extend(scopes);
        chosen.push(candidate);
    }
    chosen
}
