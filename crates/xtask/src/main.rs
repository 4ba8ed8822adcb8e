//! Chores: code generation, generated documents, and the way into the suites.

fn main() {}
