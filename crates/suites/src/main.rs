//! The long-running suites: conformance, corpus, benchmarks.

fn main() {}
