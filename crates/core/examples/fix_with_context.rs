//! Fixes a Dockerfile in its build context. Some rules speak only when they know which files the builder is sent, and
//! some fixes reach beyond the Dockerfile. The context is held in memory here; implement `ContextFiles` for another.
//!
//! `cargo run -p dockmend-core --example fix_with_context`

use dockmend_core::context::MemoryFiles;
use dockmend_core::rewrite::{ContextGroup, Engine, FixOptions, SourceFile, Target};

const DOCKERFILE: &str = "\
FROM node:20
WORKDIR /app
ADD . /app
RUN npm ci
CMD node server.js
";

fn main() {
    let context = MemoryFiles::new([
        ("Dockerfile", DOCKERFILE),
        ("package.json", r#"{"name": "shop", "scripts": {"start": "node server.js"}}"#),
        (
            "package-lock.json",
            r#"{"name": "shop", "lockfileVersion": 3, "packages": {"": {"name": "shop"}}}"#,
        ),
        ("server.js", "require('http').createServer().listen(3000)"),
        ("node_modules/express/index.js", ""),
    ]);
    let file = SourceFile::new("shop/Dockerfile", DOCKERFILE).in_context_at("Dockerfile");
    let group = ContextGroup::new(vec![file], &context);

    let rewrite = Engine::default().fix(&group, &FixOptions::default().unsafe_fixes());
    for fixed in &rewrite.fixed {
        println!("{} ({:?}): {}", fixed.finding.rule.id, fixed.safety, fixed.title);
    }
    for (_, finding, refusal) in &rewrite.refused {
        println!("{} left alone: {refusal}", finding.rule.id);
    }
    for change in &rewrite.changes {
        let name = match &change.target {
            Target::Context(path) => path.as_str(),
            _ => "Dockerfile",
        };
        println!("\n--- {name}\n{}", change.after);
    }
}
