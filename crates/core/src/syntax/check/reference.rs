//! Image references and platforms, as far as their spelling goes.

use super::nearest;

/// Why a reference is no image's name, and what was probably meant.
pub(super) fn problem(name: &str) -> Option<(String, Option<String>)> {
    if name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
        return Some((format!("{name} is an image's id, but BuildKit takes only names"), None));
    }
    let (domain, rest) = split_domain(name);
    let repository = rest.split(':').next().unwrap_or(rest);
    if repository.to_lowercase() != repository {
        let lower = rest.replacen(repository, &repository.to_lowercase(), 1);
        let suggestion = name.strip_suffix(rest).map(|domain| format!("{domain}{lower}"));
        let message = format!("the image name {name:?} has upper case letters");
        return Some((message, suggestion.filter(|lower| problem(lower).is_none())));
    }
    let (tagged, digest) = match rest.split_once('@') {
        Some((tagged, digest)) => (tagged, Some(digest)),
        None => (rest, None),
    };
    let last = tagged.rfind('/').map_or(0, |at| at + 1);
    let (path, tag) = match tagged[last..].split_once(':') {
        Some((end, tag)) => (&tagged[..last + end.len()], Some(tag)),
        None => (tagged, None),
    };
    let is_path = |path: &str| path.split('/').all(is_component);
    let is_name = (is_domain(domain) && is_path(path)) || (is_path(domain) && is_path(path));
    // The path of an official image has `library/` in front.
    let path_len = path.len() + if domain.is_empty() && !path.contains('/') { "library/".len() } else { 0 };
    if !is_name || path_len > 255 {
        return Some((format!("{name:?} is no image name"), None));
    }
    if let Some(tag) = tag
        && !is_tag(tag)
    {
        return Some((format!("{tag:?} is no tag of an image"), None));
    }
    digest
        .filter(|digest| !is_digest(digest))
        .map(|digest| (format!("{digest:?} is no digest of an image"), None))
}

/// The registry of a name, or nothing for Docker Hub, and the rest.
fn split_domain(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((domain, rest))
            if domain == "localhost" || domain.contains(['.', ':']) || domain.to_lowercase() != domain =>
        {
            (domain, rest)
        }
        _ => ("", name),
    }
}

fn is_domain(domain: &str) -> bool {
    if domain.is_empty() {
        return true;
    }
    let (host, port) =
        match domain.rfind(']').map_or(domain.find(':'), |at| domain[at..].find(':').map(|c| at + c)) {
            Some(at) => (&domain[..at], Some(&domain[at + 1..])),
            None => (domain, None),
        };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => {
            !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
        }
        None => host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        }),
    };
    is_host && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Lower case letters and digits, with one `.`, one or two `_`, or any number of `-` between them.
fn is_component(component: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    component.starts_with(is_letter)
        && component.ends_with(is_letter)
        && component.split(is_letter).all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
        })
}

fn is_tag(tag: &str) -> bool {
    tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && tag.len() <= 128
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Whether it is a digest of an algorithm that BuildKit knows.
pub(super) fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let len = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == len && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

const SYSTEMS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
    "zos",
    "macos",
];

const ARCHITECTURES: &[&str] = &[
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "armbe",
    "arm64",
    "arm64be",
    "ppc64",
    "ppc64le",
    "loong64",
    "mips",
    "mipsle",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "ppc",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
    "i386",
    "x86_64",
    "x86-64",
    "aarch64",
    "armhf",
    "armel",
];

/// Why BuildKit refuses a platform, and what was probably meant.
pub(super) fn platform_problem(platform: &str) -> Option<(String, Option<String>)> {
    let parts: Vec<&str> = platform.splitn(4, '/').collect();
    let word = |part: &str, extra: &[u8]| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte))
    };
    let (system, version) = match parts[0].split_once('(') {
        Some((system, version)) => (system, version.strip_suffix(')')),
        None => (parts[0], Some("")),
    };
    let is_version = version.is_some_and(|version| version.is_empty() || word(version, b"_.%+-"));
    let rest = parts.get(1..).unwrap_or_default();
    if parts.len() > 3 || !word(system, b"_-") || !is_version || !rest.iter().all(|part| word(part, b"_.-")) {
        return Some((format!("{platform:?} is no platform such as linux/amd64"), None));
    }
    let lower = system.to_lowercase();
    if parts.len() > 1 || SYSTEMS.contains(&lower.as_str()) || ARCHITECTURES.contains(&lower.as_str()) {
        return None;
    }
    let near = nearest::nearest(&lower, SYSTEMS).or_else(|| nearest::nearest(&lower, ARCHITECTURES));
    Some((
        format!("{platform:?} is neither an operating system nor an architecture"),
        near.map(str::to_owned),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let digest = format!("alpine@sha256:{}", "a".repeat(64));
        for name in [
            "alpine",
            "alpine:3.20",
            "library/alpine",
            "ghcr.io/a/b:c",
            "localhost/x",
            "localhost:5000/x:y",
            "a__b",
            "a--b/c.d",
            "MyHost/x",
            "[::1]:5000/x",
            digest.as_str(),
            "0",
        ] {
            assert_eq!(problem(name), None, "{name}");
        }
        let short = "alpine@sha256:abc";
        for name in [
            "",
            ":",
            "alpine:",
            "alpine:-x",
            "Alpine",
            "a b",
            "a//b",
            "/a",
            "a/",
            "a_-b",
            "../x",
            "ghcr.io/A/b",
            short,
            "http://x/y",
            "{{x}}",
            "a:b:c",
            "-a",
        ] {
            assert!(problem(name).is_some(), "{name}");
        }
        assert_eq!(problem("ghcr.io/A/b:X").unwrap().1.as_deref(), Some("ghcr.io/a/b:X"));
        assert!(problem(&"a".repeat(64)).is_some());
    }

    #[test]
    fn platforms() {
        for name in
            ["linux/amd64", "linux", "amd64", "linux/arm64/v8", "windows(10.0.17763)/amd64", "x/y", "aarch64"]
        {
            assert_eq!(platform_problem(name), None, "{name}");
        }
        for name in ["", "linus", "linux/", "linux/amd64/v1/x", "*", "a b", "linux/a b"] {
            assert!(platform_problem(name).is_some(), "{name}");
        }
        assert_eq!(platform_problem("linus").unwrap().1.as_deref(), Some("linux"));
    }
}
