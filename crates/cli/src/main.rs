//! The `dockmend` command.

fn main() {}
