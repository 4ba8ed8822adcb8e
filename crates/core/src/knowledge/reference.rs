//! Image references, as FROM and `COPY --from` write them.
//!
//! The grammar is that of the distribution project (github.com/distribution/reference): an optional registry with an
//! optional port, a path, an optional tag, an optional digest. What Docker leaves out is filled in: `node` is
//! `docker.io/library/node`.

/// A reference to an image, taken apart.
///
/// ```
/// use dockmend_core::knowledge::ImageReference;
/// let reference = ImageReference::parse("localhost:5000/team/app:1.2").unwrap();
/// assert_eq!(reference.registry, "localhost:5000");
/// assert_eq!(reference.repository, "team/app");
/// assert_eq!(reference.tag.as_deref(), Some("1.2"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ImageReference {
    /// The registry's host, with its port where one is given; `docker.io` where the text names none.
    pub registry: String,
    /// The path within the registry; an official image is `library/node`.
    pub repository: String,
    /// The tag, without its colon. A reference with neither tag nor digest means `latest`.
    pub tag: Option<String>,
    /// The digest with its algorithm, such as `sha256:...`, without the `@`.
    pub digest: Option<String>,
}

impl ImageReference {
    /// Reads a reference in which all variables are already replaced. `None` when the text is not a reference.
    pub fn parse(text: &str) -> Option<Self> {
        let (text, digest) = match text.split_once('@') {
            Some((name, digest)) if is_digest(digest) => (name, Some(digest.to_owned())),
            Some(_) => return None,
            None => (text, None),
        };
        let (name, tag) = split_tag(text);
        if let Some(tag) = tag
            && !is_tag(tag)
        {
            return None;
        }
        let (registry, path) = split_registry(name);
        if path.is_empty() || name.len() > 255 || !path.split('/').all(is_path_component) {
            return None;
        }
        let registry = match registry {
            None | Some("index.docker.io") => "docker.io",
            Some(host) if is_host(host) => host,
            Some(_) => return None,
        };
        let official = registry == "docker.io" && !path.contains('/');
        let repository = if official { format!("library/{path}") } else { path.to_owned() };
        Some(Self { registry: registry.to_owned(), repository, tag: tag.map(str::to_owned), digest })
    }

    /// The name as people write it: `node`, `grafana/grafana`, `quay.io/fedora/fedora`; without tag and digest.
    pub fn familiar_name(&self) -> String {
        if self.registry == "docker.io" {
            self.repository.strip_prefix("library/").unwrap_or(&self.repository).to_owned()
        } else {
            format!("{}/{}", self.registry, self.repository)
        }
    }
}

/// Splits the tag off a name without digest. A colon before the last slash belongs to a port.
pub(super) fn split_tag(text: &str) -> (&str, Option<&str>) {
    let path_start = text.rfind('/').map_or(0, |slash| slash + 1);
    match text.get(path_start..).and_then(|last| last.find(':')) {
        Some(colon) => {
            let (name, tag) = text.split_at(path_start + colon);
            (name, tag.strip_prefix(':'))
        }
        None => (text, None),
    }
}

/// The first component is a registry when it cannot be a path's: a dot, a port, `localhost` or a capital letter.
fn split_registry(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (Some(first), rest)
        }
        _ => (None, name),
    }
}

fn is_host(host: &str) -> bool {
    // An IPv6 address stands in brackets; its inside is left to the registry.
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port_is_fine =
        port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let bracketed = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let name_is_fine = match bracketed {
        Some(address) => {
            !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
        }
        None => name.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        }),
    };
    port_is_fine && name_is_fine
}

/// Lower-case letters and digits, with single separators in between: `.`, `_`, `__` or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let starts_and_ends = component.bytes().next().is_some_and(is_alphanumeric)
        && component.bytes().last().is_some_and(is_alphanumeric);
    starts_and_ends
        && component.split(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit()).all(
            |separator| {
                matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
            },
        )
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|byte| is_word(byte) || byte == b'.' || byte == b'-')
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm.split(['+', '.', '-', '_']).all(|part| {
            part.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }) && hex.len() >= 32
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::ImageReference;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn takes_references_apart() {
        let with_digest = format!("node:20@{DIGEST}");
        for (text, registry, repository, tag, digest) in [
            ("node", "docker.io", "library/node", None, None),
            ("docker.io/node:20", "docker.io", "library/node", Some("20"), None),
            ("index.docker.io/library/node", "docker.io", "library/node", None, None),
            ("grafana/grafana", "docker.io", "grafana/grafana", None, None),
            ("localhost/app", "localhost", "app", None, None),
            ("localhost:5000/app:1", "localhost:5000", "app", Some("1"), None),
            ("r.example.com:5000/a/b__c/d--e", "r.example.com:5000", "a/b__c/d--e", None, None),
            ("[::1]:5000/app", "[::1]:5000", "app", None, None),
            (with_digest.as_str(), "docker.io", "library/node", Some("20"), Some(DIGEST)),
        ] {
            let read = ImageReference::parse(text).unwrap_or_else(|| panic!("{text} is a reference"));
            assert_eq!((read.registry.as_str(), read.repository.as_str()), (registry, repository), "{text}");
            assert_eq!((read.tag.as_deref(), read.digest.as_deref()), (tag, digest), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_reference() {
        for text in [
            "",
            ":",
            "@",
            "Node",
            "node:",
            "node:-x",
            "node@sha256:12",
            "a//b",
            "/a",
            "a/",
            "a___b",
            "-a",
            "a..b",
            "$BASE",
            "node:$V",
            "ex ample",
            "host:port/a",
            "höst.de/a",
            "a:b:c",
        ] {
            assert_eq!(ImageReference::parse(text), None, "{text:?}");
        }
    }
}
