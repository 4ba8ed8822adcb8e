//! Prints what is wrong as JSON, one finding a line, with the reason where a finding has no fix.
//!
//! `cargo run -p dockmend-core --example findings_as_json`

use dockmend_core::knowledge::hazard;
use dockmend_core::rewrite::{ContextGroup, Engine};
use dockmend_core::rule::Fixability;
use dockmend_core::text::LineIndex;
use serde_json::json;

const DOCKERFILE: &str = "\
FROM debian:12
MAINTAINER Jo
RUN apt-get update && apt-get install -y $PACKAGES
ADD $ARCHIVE /opt
CMD exec run-server $PORT
";

fn main() {
    let lines = LineIndex::new(DOCKERFILE);
    let group = ContextGroup::of_text(DOCKERFILE);
    let engine = Engine::default();
    for report in engine.check(&group) {
        for finding in report.findings {
            // `check` says whether a fix may be had. Planning it may still find a reason against it.
            let refusal = match &finding.fix {
                Fixability::Refused(refusal) => Some(refusal.clone()),
                Fixability::Available => engine.plan(&group, 0, &finding.key).err(),
                _ => None,
            };
            let behind = refusal.as_ref().and_then(|refusal| refusal.hazard).and_then(hazard);
            println!(
                "{}",
                json!({
                    "rule": finding.rule.id,
                    "severity": finding.severity,
                    "line": lines.line(finding.range.start) + 1,
                    "message": finding.message,
                    "left_alone": refusal.map(|refusal| refusal.reason),
                    "hazard": behind.map(|hazard| format!("{}: {}", hazard.id, hazard.title)),
                })
            );
        }
    }
}
