//! The long-running suites: conformance, corpus, real builds, benchmarks.

mod bench;
mod builds;
mod cache;
mod conformance;
mod corpus;
mod verdicts;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let outcome = match command.as_str() {
        "bench" => bench::run(&rest),
        "builds" => builds::run(&rest),
        "conformance" => conformance::run(&rest),
        "corpus" => corpus::run(&rest),
        "verdicts" => verdicts::run(&rest),
        _ => Err(anyhow::anyhow!(
            "there is no suite {command:?}; there are: bench, builds, conformance, corpus, verdicts"
        )),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
