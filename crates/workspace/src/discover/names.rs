//! The names by which a Dockerfile is known in a folder.

/// Endings of a template: its text becomes a Dockerfile only when something else has filled it in.
const TEMPLATES: [&str; 13] = [
    "j2",
    "jinja",
    "jinja2",
    "tmpl",
    "tpl",
    "template",
    "erb",
    "in",
    "m4",
    "gotmpl",
    "mustache",
    "hbs",
    "handlebars",
];

/// Endings of the copies that editors, merges and patches leave behind.
const BACKUPS: [&str; 10] = ["orig", "bak", "backup", "old", "save", "swp", "swo", "rej", "tmp", "patch"];

/// Endings of things that are about a Dockerfile, or that make one, and are none. `js`, `go`, `rb` and the like are
/// not here: `Dockerfile.go` is the usual name of the Dockerfile of a Go program.
const OTHERS: [&str; 16] = [
    "dockerignore",
    "containerignore",
    "md",
    "rst",
    "adoc",
    "txt",
    "html",
    "json",
    "yml",
    "yaml",
    "toml",
    "lock",
    "sh",
    "py",
    "png",
    "svg",
];

/// Whether a file of this name is taken for a Dockerfile in a walk: `Dockerfile`, `Containerfile`, either with an
/// ending (`Dockerfile.dev`) or as the ending (`api.dockerfile`), in any case; no templates, backups, ignore files, or
/// files with the ending of something else (`Dockerfile.md`).
///
/// ```
/// use dockmend_workspace::discover::is_dockerfile_name;
///
/// assert!(is_dockerfile_name("Containerfile.dev"));
/// assert!(!is_dockerfile_name("Dockerfile.dockerignore"));
/// ```
pub fn is_dockerfile_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_word = |part: &str| matches!(part, "dockerfile" | "containerfile");
    let Some((_, ending)) = lower.rsplit_once('.') else { return is_word(&lower) };
    if is_word(ending) {
        return true;
    }
    lower.split_once('.').is_some_and(|(first, _)| is_word(first))
        && !ending.is_empty()
        && !lower.ends_with('~')
        && ![&TEMPLATES[..], &BACKUPS[..], &OTHERS[..]].iter().any(|endings| endings.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::is_dockerfile_name;

    #[test]
    fn usual_names_are_taken() {
        for name in [
            "Dockerfile",
            "dockerfile",
            "DOCKERFILE",
            "Containerfile",
            "Dockerfile.dev",
            "dockerfile.prod",
            "Dockerfile.go",
            "Dockerfile.py3.12",
            "Containerfile.fedora-40",
            "api.Dockerfile",
            "api.dockerfile",
            "build.api.containerfile",
            "Dockerfile.j2.linux",
            ".Dockerfile",
        ] {
            assert!(is_dockerfile_name(name), "{name}");
        }
    }

    #[test]
    fn look_alikes_are_not() {
        for name in [
            "",
            ".",
            "Dockerfile.",
            "Dockerfiles",
            "MyDockerfile",
            "Dockerfile-dev",
            "Dockerfile~",
            "Dockerfile.dev~",
            "Dockerfile.dockerignore",
            "api.Dockerfile.dockerignore",
            ".dockerignore",
            "Dockerfile.j2",
            "Dockerfile.dev.J2",
            "Dockerfile.jinja",
            "Dockerfile.jinja2",
            "Dockerfile.tmpl",
            "Dockerfile.tpl",
            "Dockerfile.template",
            "Dockerfile.erb",
            "Dockerfile.in",
            "Dockerfile.m4",
            "Dockerfile.gotmpl",
            "Dockerfile.mustache",
            "Dockerfile.hbs",
            "Dockerfile.orig",
            "Dockerfile.bak",
            "Dockerfile.swp",
            ".Dockerfile.swp",
            "Dockerfile.md",
            "Dockerfile.rst",
            "Dockerfile.html",
            "Dockerfile.json",
            "Dockerfile.yml",
            "Dockerfile.yaml",
            "Dockerfile.toml",
            "Dockerfile.lock",
            "Dockerfile.sh",
            "dockerfile.py",
            "dockerfile_test.go",
            "Jenkinsfile",
        ] {
            assert!(!is_dockerfile_name(name), "{name}");
        }
    }
}
