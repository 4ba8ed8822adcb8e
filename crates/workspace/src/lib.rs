//! Finds Dockerfiles and their build contexts on disk, reads them, and writes rewrites atomically.
//!
//! Everything that touches a disk is here, and no opinion about Dockerfiles is: rules and rewrites live in
//! `dockmend-core`, which sees texts and a [`snapshot`] of the build context only.
//!
//! | module | question |
//! |---|---|
//! | [`discover`] | Which Dockerfiles are meant by the files and folders that a user named? |
//! | [`read`] | What does a Dockerfile say, or why can it not be read? |
//! | [`contexts`] | Which folder is a Dockerfile built from, and from where is that known? |
//! | [`neighbours`] | Which other Dockerfiles matter for it? |
//! | [`snapshot`] | Which files are in that folder? |
//! | [`config`] | Which configuration file applies to a Dockerfile? |
//! | [`docker`] | What does the user's own engine make of a Dockerfile? |
//! | [`mod@write`] | How does a rewrite reach the disk without ever losing a file? |
//!
//! Each of them returns problems as values whose messages name the file, and the line where there is one.

pub mod config;
pub mod contexts;
pub mod discover;
pub mod docker;
pub mod neighbours;
mod path;
pub mod read;
pub mod snapshot;
pub mod write;
