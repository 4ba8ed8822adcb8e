//! Finds what is wrong in a Dockerfile, rewrites it, and checks that the rewrite changed nothing else.

pub mod config;
pub mod context;
pub mod knowledge;
pub mod model;
pub mod rewrite;
pub mod rule;
pub mod rules;
pub mod shell;
pub mod syntax;
pub mod text;
