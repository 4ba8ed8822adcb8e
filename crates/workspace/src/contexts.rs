//! To come.

/// Whether a file of this name declares builds.
pub fn is_build_file_name(name: &str) -> bool {
    name.starts_with("compose") || name.starts_with("docker-")
}
