//! Finds what is wrong in a Dockerfile, rewrites it, and checks that the rewrite changed nothing else.
//!
//! Text and a view of the build context go in; findings and verified rewrites come out. The crate touches no disk,
//! network, environment or clock.
//!
//! ```
//! use dockmend_core::rewrite::{Engine, FixOptions};
//!
//! let engine = Engine::default();
//! let rewrite = engine.fix_text("FROM alpine:3.20\nMAINTAINER Jo\n", &FixOptions::default());
//! assert_eq!(
//!     rewrite.text(),
//!     "FROM alpine:3.20\nLABEL org.opencontainers.image.authors=\"Jo\"\n",
//! );
//! assert_eq!(rewrite.fixed[0].finding.rule.id, "maintainer-instruction");
//! ```
//!
//! # Where to begin
//!
//! - [`rewrite::Engine`] finds ([`check`](rewrite::Engine::check)), plans one fix ([`plan`](rewrite::Engine::plan)) and
//!   applies what is permitted ([`fix`](rewrite::Engine::fix)), in all Dockerfiles of a build context together
//!   ([`rewrite::ContextGroup`]).
//! - [`rule::Finding`] says what is wrong, where (byte offsets; [`text::LineIndex`] turns them into lines and columns),
//!   and whether it has a fix. One that has none says why: [`rule::Refusal`], often with the number of a
//!   [hazard](knowledge::hazard).
//! - [`config::Options`] is what a `dockmend.toml` says, [`config::Settings`] what applies.
//! - [`syntax::Dockerfile`] is the lossless parse, and [`model::BuildModel`] what it means, for tools of another kind.
//!
//! # The gate
//!
//! A fix declares the differences it makes ([`model::Delta`]), apart from its edits. The text after the edits is parsed
//! afresh, and the differences that are observed have to be exactly those ([`rewrite::gate`]). What does not pass is
//! dropped and reported as a [`rewrite::Rejection`], and the text stays as it was. How safe a fix is follows from what was
//! observed ([`rewrite::judge`]): [`Safe`](rule::Safety::Safe) is what is proven to change nothing that matters.
//!
//! Neither text nor context is trusted. A text or a context that makes a function of this crate panic is a bug.
//!
//! # Versions
//!
//! Semantic versioning. Before 1.0 a minor version may change the interface; a patch version does not. Rule ids and
//! their aliases, hazard numbers and the names of [`model::Delta`]s in JSON are part of the interface. Which findings a text gets
//! is not: a version that finds more is no breaking change. Enums and structs that may grow are `#[non_exhaustive]`.
//!
//! The crate compiles with Rust 1.95, which is also the oldest version it is built with. A newer minimum comes with a
//! minor version.

#![deny(missing_docs)]

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
