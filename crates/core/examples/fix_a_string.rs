//! Fixes a text of which nothing is known but itself: what an editor, a web page or a bot has.
//!
//! `cargo run -p dockmend-core --example fix_a_string`

use dockmend_core::rewrite::{Engine, FixOptions};

const DOCKERFILE: &str = "\
FROM python:3.12-slim
MAINTAINER Jo Doe <jo@example.com>
COPY . /app
CMD [\"python\", \"/app/main.py\"]
";

fn main() {
    let rewrite = Engine::default().fix_text(DOCKERFILE, &FixOptions::default());
    for fixed in &rewrite.fixed {
        println!("{}: {}", fixed.finding.rule.id, fixed.title);
    }
    println!("\n{}", rewrite.text());
}
