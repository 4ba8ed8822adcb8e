//! Every rule, with safe fixes and with unsafe ones, on any text without a known context.

use std::sync::{Arc, LazyLock};

use dockmend_core::config::{Options, Settings};
use dockmend_core::rewrite::{ContextGroup, Engine, FixOptions};
use dockmend_core::syntax::Dockerfile;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let options = Options::parse("select = [\"all\"]").expect("the options are valid");
    Engine::new(Settings::combine(&[options]).expect("the settings are valid"))
});

/// Checks and fixes `text`.
pub fn check(text: &str) {
    let group = ContextGroup::of_text(text);
    for report in ENGINE.check(&group) {
        for finding in &report.findings {
            let range = finding.range;
            assert!(text.get(range.start..range.end).is_some(), "{}: {range:?}", finding.rule.id);
        }
    }
    for options in [FixOptions::default(), FixOptions::default().unsafe_fixes()] {
        let rewrite = ENGINE.fix(&group, &options);
        if let Some(rejection) = rewrite.rejections.first() {
            panic!("the gate rejected {}: {}", rejection.finding.rule.id, rejection.reason);
        }
        assert!(rewrite.unsettled.is_empty(), "rules undo each other: {:?}", rewrite.unsettled);
        let after = rewrite.text();
        if is_accepted(text) {
            assert!(is_accepted(after), "BuildKit would refuse the text after:\n{after}");
        }
        if let Some((before, edit)) = rewrite.edits.first() {
            assert_eq!(edit.apply(before).as_deref(), Ok(after), "the edit does not give the text");
        }
        let again = ENGINE.fix_text(after, &options);
        assert_eq!(again.text(), after, "a second run changes something");
    }
}

/// Whether BuildKit accepts a text: its line parser, and its instructions.
fn is_accepted(text: &str) -> bool {
    let file = Dockerfile::parse(Arc::<str>::from(text));
    file.problems().is_empty() && file.check_instructions().is_empty()
}
