//! Paths of an image: which may be given to the user of an application, and which anybody may write to anyway.

/// Directories that a system has, whose contents a program may be given but not they themselves.
const SHARED: &[&str] = &["/home", "/media", "/mnt", "/opt", "/srv", "/var/www"];

/// Below these, each directory belongs to one program: `/var/log/app`.
const STATE: &[&str] = &[
    "/var/lib",
    "/var/log",
    "/var/cache",
    "/var/spool",
    "/var/run",
    "/run",
    "/var/opt",
    "/var/data",
    "/usr/src",
];

/// What belongs to the system.
const SYSTEM: &[&str] = &[
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/root", "/run",
    "/sbin", "/snap", "/sys", "/tmp", "/usr", "/var", "/nix", "/kaniko", "/busybox",
];

/// State of the distribution itself, in directories where programs have theirs.
const DISTRIBUTION: &[&str] = &[
    "/var/lib/apt",
    "/var/lib/dpkg",
    "/var/lib/apk",
    "/var/lib/rpm",
    "/var/lib/dnf",
    "/var/cache/apt",
    "/var/cache/apk",
    "/var/cache/yum",
    "/var/cache/dnf",
    "/var/cache/debconf",
    "/var/log/apt",
    "/var/lib/systemd",
    "/var/run/secrets",
    "/run/secrets",
];

/// Parts of a path that say that a program writes there.
pub(crate) const WRITTEN: &[&str] = &[
    "log",
    "logs",
    "data",
    "db",
    "database",
    "databases",
    "upload",
    "uploads",
    "media",
    "cache",
    "storage",
    "backup",
    "backups",
    "output",
    "outputs",
    "results",
    "spool",
    "sessions",
    "session",
    "pids",
    "sockets",
    "download",
    "downloads",
    "temp",
    "tmp",
    "state",
    "files",
    "reports",
    "exports",
    "artifacts",
    "instance",
    "saved",
    "workspace",
];

/// The path, absolute and without `.`, `..` and a slash at its end. `None` when it leads out of the root or holds
/// anything but plain characters.
pub(crate) fn absolute(directory: &str, path: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@');
    if path.is_empty()
        || !path.chars().all(is_plain)
        || (!path.starts_with('/') && !directory.starts_with('/'))
    {
        return None;
    }
    let path = if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
    crate::context::normalise(&path).map(|path| format!("/{path}"))
}

/// Whether `path` is `directory` or lies in it.
pub(crate) fn is_in(path: &str, directory: &str) -> bool {
    let directory = directory.trim_end_matches('/');
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The directory that holds a path.
pub(crate) fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((directory, _)) => directory,
    }
}

/// Whether anybody may write there in any image.
pub(crate) fn is_free(path: &str) -> bool {
    ["/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/proc/self/fd", "/proc/1/fd", "/dev/fd"]
        .iter()
        .any(|free| is_in(path, free))
        || matches!(
            path,
            "/dev/null" | "/dev/stdout" | "/dev/stderr" | "/dev/stdin" | "/dev/zero" | "/dev/urandom"
        )
}

/// Whether a directory may be given to a program: it is its own, and nothing of the system.
pub(crate) fn is_givable(path: &str) -> bool {
    let is_below = |directory: &&str| path != *directory && is_in(path, directory);
    if path.len() < 2 || !path.starts_with('/') || DISTRIBUTION.iter().any(|directory| is_in(path, directory))
    {
        return false;
    }
    // Of /usr/local only what the system has there by itself is no program's own.
    if let Some(rest) = path.strip_prefix("/usr/local/") {
        let first = rest.split('/').next().unwrap_or_default();
        return !matches!(
            first,
            "bin"
                | "etc"
                | "games"
                | "include"
                | "lib"
                | "lib32"
                | "lib64"
                | "libexec"
                | "man"
                | "sbin"
                | "share"
                | "src"
                | "bundle"
                | "cargo"
                | "rustup"
                | "go"
                | "php"
                | "openresty"
                | "apache2"
                | "tomcat"
                | "nvm"
                | "rvm"
                | "pyenv"
        ) || (first == "src" && rest.contains('/'));
    }
    if STATE.iter().any(is_below) || is_in(path, "/var/www") {
        return true;
    }
    !SYSTEM.iter().any(|directory| is_in(path, directory)) && !SHARED.contains(&path)
}

/// Whether it is what packages are installed to: read at run time, written by nobody.
pub(crate) fn is_installed(path: &str) -> bool {
    path.split('/').any(|part| {
        matches!(
            part,
            "node_modules" | "site-packages" | "vendor" | "venv" | ".venv" | "virtualenv" | "gems" | "bundle"
        )
    })
}

/// Whether a word names root's home.
pub(crate) fn is_in_root_home(path: &str) -> bool {
    let path = path.trim_matches('"');
    path == "~"
        || path.starts_with("~/")
        || path.starts_with("$HOME")
        || path.starts_with("${HOME}")
        || path == "/root"
        || path.starts_with("/root/")
}

/// The directory that a path stands for: itself, or what holds it when its name is that of a file.
pub(crate) fn directory_for(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_file = name.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty() && (1..9).contains(&extension.len()) && extension.chars().all(char::is_alphanumeric)
    });
    if is_file { parent(path) } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_judged() {
        for path in [
            "/app",
            "/data",
            "/srv/x",
            "/var/lib/app",
            "/var/log/app",
            "/usr/src/app",
            "/var/www/html",
            "/home/a/b",
            "/usr/local/app",
        ] {
            assert!(is_givable(path), "{path}");
        }
        for path in [
            "",
            "/",
            "/usr/local",
            "/usr/local/lib/x",
            "/srv",
            "/var",
            "/var/lib",
            "/etc/app",
            "/usr/local/bin",
            "/root/x",
            "/var/lib/apt/lists",
            "/run",
            "/usr/src",
        ] {
            assert!(!is_givable(path), "{path}");
        }
        assert!(is_free("/tmp/x") && is_free("/dev/stdout") && !is_free("/tmpx"));
        assert_eq!(absolute("/app", "./a/../b").as_deref(), Some("/app/b"));
        assert_eq!(absolute("/app", "../../.."), None);
        assert_eq!(absolute("/app", "a b"), None);
        assert_eq!(directory_for("/data/a.db"), "/data");
        assert_eq!(directory_for("/app/.next"), "/app/.next");
        assert_eq!(parent("/a"), "/");
    }
}
