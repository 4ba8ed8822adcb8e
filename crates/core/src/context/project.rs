//! Stub.
use super::{Answer, ContextFiles};
/// P.
#[derive(Debug, Clone)]
pub struct Project;
/// D.
pub fn detect(_files: &dyn ContextFiles) -> Answer<Vec<Project>> {
    Answer::Unknown
}
