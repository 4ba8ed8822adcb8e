//! Python: what installs and builds, and what a program needs of it.
//!
//! What pip installs lies in `site-packages` and in `bin`, both at paths that the same version of the interpreter has
//! in the slim image (H071, H072). A virtual environment comes over whole, to the same path.

use super::steps::{Command, Effect};
use super::{BuildStage, Runtime, Stack};
use crate::rule::Refusal;

pub(super) static STACK: Stack =
    Stack { words: &["pip", "poetry", "uv ", "pipenv"], effect, saves: |_| false, runtime };

fn effect(_: &Command<'_>) -> Option<Effect> {
    None
}

fn runtime(_: &BuildStage<'_>) -> Result<Runtime, Refusal> {
    Err(Refusal::hazard("H071", "Python is not there yet"))
}
