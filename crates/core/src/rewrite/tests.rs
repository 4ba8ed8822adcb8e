//! The machinery, with rules that are made to misbehave.

use super::*;
use crate::model::Delta;
use crate::rule::{Findings, Phase, Severity, Subject};
use crate::syntax::Keyword;
use crate::text::TextEdit;

/// A rule for a test: finds what `check` finds, and plans with `plan`.
macro_rules! test_rule {
    ($name:ident, $id:literal, $check:expr, $plan:expr) => {
        static $name: Rule = Rule {
            id: $id,
            docs: "For a test.",
            aliases: &[],
            since: "0.1.0",
            severity: Severity::Warning,
            default_on: true,
            phase: Phase::Normalise,
            needs_context: false,
            rewrite: None,
            reveals: &["upper", "lower"],
            check: $check,
            plan: Some($plan),
        };
    };
}

/// Finds every keyword that is not in the wanted case.
fn find_case(subject: &Subject<'_>, findings: &mut Findings<'_>, lower: bool) {
    for (index, instruction) in subject.file().instructions().iter().enumerate() {
        let keyword = instruction.keyword_text();
        let wanted = if lower { keyword.to_lowercase() } else { keyword.to_uppercase() };
        if keyword != wanted {
            findings.push(findings.at(index, instruction.keyword_range(), "case"));
        }
    }
}

fn set_case(subject: &Subject<'_>, finding: &Finding, lower: bool) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    let keyword = instruction.keyword_text();
    let mut edit = TextEdit::builder();
    edit.replace(
        instruction.keyword_range(),
        if lower { keyword.to_lowercase() } else { keyword.to_uppercase() },
    );
    Plan::edit("case", edit.finish(), vec![Delta::LayoutChanged { instruction: index }])
}

fn find_user(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for (index, instruction) in subject.file().instructions().iter().enumerate() {
        if instruction.keyword == Keyword::User {
            findings.push(findings.at(index, instruction.range, "user"));
        }
    }
}

/// Deletes the line end as well, so that the next instruction is swallowed, and says nothing of it.
fn swallow(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    let mut edit = TextEdit::builder();
    let end = subject.file().whole_lines(instruction).end;
    edit.delete(crate::text::TextRange::new(instruction.range.end, end));
    Plan::edit("swallow", edit.finish(), vec![Delta::LayoutChanged { instruction: index }])
}

test_rule!(UPPER, "upper", |s, f| find_case(s, f, false), |s, f| set_case(s, f, false));
test_rule!(LOWER, "lower", |s, f| find_case(s, f, true), |s, f| set_case(s, f, true));
test_rule!(SWALLOW, "swallow", find_user, swallow);

fn engine(rules: &[&'static Rule]) -> Engine {
    Engine::default().with_rules(rules.to_vec())
}

#[test]
fn two_rules_that_undo_each_other_are_named() {
    let rewrite = engine(&[&UPPER, &LOWER]).fix_text("FROM alpine\nRUN a\n", &FixOptions::default());
    assert_eq!(rewrite.unsettled, ["lower", "upper"]);
}

#[test]
fn what_the_gate_rejects_is_named_and_leaves_the_file_alone() {
    let text = "FROM alpine\nUSER app\nCMD [\"a\"]\nworkdir /x\n";
    let rewrite = engine(&[&SWALLOW, &UPPER]).fix_text(text, &FixOptions::default());
    let rejected: Vec<_> = rewrite.rejections.iter().map(|rejection| rejection.finding.rule.id).collect();
    assert_eq!(rejected, ["swallow"]);
    // The sound fix of the same pass is applied all the same.
    assert_eq!(rewrite.text(), "FROM alpine\nUSER app\nCMD [\"a\"]\nWORKDIR /x\n");
}

#[test]
fn a_stale_change_is_refused() {
    let engine = engine(&[&UPPER]);
    let group = ContextGroup::of_text("from alpine\n");
    let finding = engine.check(&group)[0].findings[0].clone();
    let verified = engine.plan(&group, 0, &finding.key).unwrap();
    let [change] = verified.changes.as_slice() else { panic!("one change") };
    assert_eq!(change.apply_to(Some("from alpine\n")).unwrap().as_ref(), "FROM alpine\n");
    assert!(change.apply_to(Some("from alpine:3\n")).is_err());
    assert!(change.apply_to(None).is_err());
}

#[test]
fn ranges_of_what_was_fixed_are_those_of_the_original_text() {
    let text = "from alpine\nmaintainer Jo\nrun apk add curl\n";
    let rewrite = Engine::default().fix_text(text, &FixOptions::default());
    for fixed in &rewrite.fixed {
        let found = fixed.finding.range.of(text);
        assert!(text.contains(found) && !found.is_empty(), "{}: {found:?}", fixed.finding.rule.id);
    }
    assert!(rewrite.fixed.iter().any(|fixed| fixed.finding.range.of(text) == "maintainer"));
}

#[test]
fn the_order_of_the_rules_makes_no_difference() {
    let texts = [
        "from debian:12\nMAINTAINER Jo\nENV A b\nRUN apt install curl \\\n\n  git\nADD . /app\nCMD a\nCMD node x.js\n",
        "FROM alpine:3.20 as build\nRUN apk update && apk add curl\nFROM node:20\nCOPY --from=build /a /a\nRUN pip install x\nENTRYPOINT node a.js\n",
        "FROM ubuntu:22.04\r\nRUN apt-get update && apt-get install wget\r\nENTRYPOINT /run.sh\r\nCMD --help\r\n",
    ];
    let all: Vec<&'static Rule> = rules::ALL.to_vec();
    for text in texts {
        let options = FixOptions::default().unsafe_fixes();
        let expected = engine(&all).fix_text(text, &options);
        let mut shuffled = all.clone();
        // Every rotation and its mirror puts each rule before and behind each other one.
        for turn in 0..all.len() {
            shuffled.rotate_left(1);
            for _ in 0..2 {
                shuffled.reverse();
                let got = engine(&shuffled).fix_text(text, &options);
                assert_eq!(got.text(), expected.text(), "turn {turn}");
                assert_eq!(got.fixed.len(), expected.fixed.len());
            }
        }
    }
}
