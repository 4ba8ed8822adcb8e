//! What a source of COPY or ADD is: a path, a URL, or a Git repository.

use super::numbers;

/// A kind of source.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A path in the context or a stage.
    Local,
    /// A file behind `http://` or `https://`.
    Http,
    /// A Git repository, with what its query says of the `.git` directory and the checksum.
    Git { keep_git_dir: Option<bool>, checksum: Option<String> },
    /// A Git repository with a query that BuildKit refuses.
    BadGit(String),
}

/// What BuildKit takes a source for.
pub(super) fn classify(source: &str) -> Source {
    if let Some((scheme, rest)) = source.split_once("://")
        && !scheme.is_empty()
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        let (rest, fragment) = cut(rest, '#');
        let (address, query) = cut(rest, '?');
        let is_git = match scheme.to_ascii_lowercase().as_str() {
            "ssh" | "git" => true,
            "http" | "https" => {
                address.split_once('/').is_some_and(|(_, path)| path.as_bytes().ends_with(b".git"))
            }
            _ => return Source::Local,
        };
        return if is_git {
            git(query, fragment)
        } else if matches!(scheme, "http" | "https") {
            Source::Http
        } else {
            Source::Local
        };
    }
    if is_scp_style(source) {
        let (rest, fragment) = cut(source, '#');
        return git(cut(rest, '?').1, fragment);
    }
    Source::Local
}

/// The text before and behind the first `at`.
fn cut(text: &str, at: char) -> (&str, &str) {
    text.split_once(at).unwrap_or((text, ""))
}

/// `user@host:path`.
fn is_scp_style(source: &str) -> bool {
    let Some((user, rest)) = source.split_once('@') else { return false };
    let Some((host, path)) = rest.split_once(':') else { return false };
    let word = |text: &str, extra: &[u8]| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte))
    };
    word(user, b"-_") && word(host, b"-.") && !path.contains('\n')
}

/// Reads the query of a Git URL; fields with escapes are not judged.
fn git(query: &str, fragment: &str) -> Source {
    let mut keep_git_dir = None;
    let mut checksum = None;
    let mut seen: Vec<&str> = Vec::new();
    let (reference, directory) = cut(fragment, ':');
    let mut reference = reference.to_owned();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if pair.contains(['%', '+', ';']) {
            continue;
        }
        let (name, value) = cut(pair, '=');
        let is_switch = matches!(name, "submodules" | "keep-git-dir");
        if !is_switch && !matches!(name, "ref" | "tag" | "branch" | "subdir" | "checksum" | "commit") {
            return Source::BadGit(format!("a Git URL has no query {name:?}"));
        }
        if seen.contains(&name) {
            return Source::BadGit(format!("the query {name:?} of a Git URL stands twice"));
        }
        seen.push(name);
        if value.is_empty() && !is_switch {
            return Source::BadGit(format!("the query {name:?} of a Git URL has no value"));
        }
        let switch = if value.is_empty() { Some(true) } else { numbers::boolean(value) };
        if is_switch && switch.is_none() {
            return Source::BadGit(format!(
                "{name} of a Git URL is {value:?}, but it takes only true or false"
            ));
        }
        let full = match name {
            "tag" if !value.starts_with("refs/tags/") => format!("refs/tags/{value}"),
            "branch" if !value.starts_with("refs/heads/") => format!("refs/heads/{value}"),
            _ => value.to_owned(),
        };
        match name {
            "keep-git-dir" => keep_git_dir = switch,
            "checksum" | "commit" => checksum = Some(full),
            "ref" | "tag" | "branch" if !reference.is_empty() && reference != full => {
                return Source::BadGit(format!("a Git URL names both {reference} and {full}"));
            }
            "ref" | "tag" | "branch" => reference = full,
            "subdir" if !directory.is_empty() && directory != value => {
                return Source::BadGit(format!("a Git URL names both directories {directory} and {value}"));
            }
            _ => {}
        }
    }
    Source::Git { keep_git_dir, checksum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        for local in ["a", "./git@x:y", "C:/x", "ftp://x/y", "github.com/a/b", "HTTP://x/y", "a b@c:d", "x@y"]
        {
            assert_eq!(classify(local), Source::Local, "{local}");
        }
        for http in [
            "http://x/y",
            "https://github.com/a/b",
            "https://x/y.git.tar",
            "https://x?y=.git",
            "https://x.git",
        ] {
            assert_eq!(classify(http), Source::Http, "{http}");
        }
        for git in [
            "https://x/y.git",
            "https://x/y.git#v1:dir",
            "git@x:y",
            "git://x",
            "ssh://x/y",
            "HTTPS://x/y.git",
        ] {
            assert!(matches!(classify(git), Source::Git { .. }), "{git}");
        }
        for bad in
            ["https://x/y.git?z=1", "https://x/y.git?ref=", "https://x/y.git?ref=a#b", "git@x:y?submodules=q"]
        {
            assert!(matches!(classify(bad), Source::BadGit(_)), "{bad}");
        }
    }
}
