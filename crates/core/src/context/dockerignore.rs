//! Stub.
/// D.
#[derive(Debug, Clone)]
pub struct DockerIgnore;
impl DockerIgnore {
    /// P.
    pub fn parse(_t: &str) -> Self {
        Self
    }
    /// I.
    pub fn is_ignored(&self, _p: &str) -> bool {
        false
    }
    /// E.
    pub fn has_exceptions(&self) -> bool {
        false
    }
}
/// F.
pub fn ignore_file_for(p: &str) -> [String; 2] {
    [format!("{p}.dockerignore"), ".dockerignore".into()]
}
/// PM
#[derive(Default)]
pub struct ParentMatches;
impl DockerIgnore {
    pub(super) fn visit(&self, _p: &str, _m: &ParentMatches) -> (bool, ParentMatches) {
        (false, ParentMatches)
    }
    pub(super) fn may_reach_into(&self, _p: &str) -> bool {
        false
    }
}
