//! What Compose files in the context say about containers of this image (H041).
//!
//! They are read line by line, by indentation: enough for the few keys that matter here, and nothing is changed in them.

use super::paths::absolute;
use crate::context::{Answer, EntryKind, normalise};
use crate::rule::{Refusal, Subject};

/// What the services that are built from a Dockerfile are run with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Services {
    /// Where named volumes are mounted.
    pub(super) named_volumes: Vec<String>,
    /// Where directories of the host are mounted.
    pub(super) host_paths: Vec<String>,
    /// Whether a service says which user it runs as.
    pub(super) sets_user: bool,
    /// Whether it shares the network of the host.
    pub(super) on_host_network: bool,
    /// What needs root: a capability, a device, the engine's socket.
    pub(super) needs_root: Option<String>,
    /// The words of a `command:` that a service starts instead.
    pub(super) commands: Vec<String>,
}

/// Reads the Compose files at the root of the context and beside the Dockerfile.
pub(super) fn services(subject: &Subject<'_>) -> Services {
    let mut found = Services::default();
    let dockerfile = subject.context.dockerfile().unwrap_or("Dockerfile");
    let beside = dockerfile.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut directories = vec![""];
    if !beside.is_empty() {
        directories.push(beside);
    }
    for directory in directories {
        let Answer::Present(entries) = subject.context.files().list(directory) else { continue };
        for entry in entries {
            let name = &entry.name;
            let is_yaml = [".yml", ".yaml"].iter().any(|extension| name.ends_with(extension));
            let is_compose = name.starts_with("compose") || name.starts_with("docker-compose");
            if entry.kind != EntryKind::File || !is_yaml || !is_compose || name.contains("test") {
                continue;
            }
            let path = if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
            if let Some(text) = super::files::read(subject, &path) {
                read(&text, directory, dockerfile, &mut found);
            }
        }
    }
    found
}

/// A line of a service: its indentation, and what it says without a comment.
struct Line<'a> {
    indent: usize,
    text: &'a str,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let cut = |line: &str| line.find(" #").unwrap_or(line.len());
    text.lines()
        .filter_map(|line| {
            let text = line.get(..cut(line))?.trim_end();
            let bare = text.trim_start();
            let is_empty = bare.is_empty() || bare.starts_with('#') || text.starts_with("---");
            (!is_empty).then_some(Line { indent: text.len() - bare.len(), text: bare })
        })
        .collect()
}

fn read(text: &str, directory: &str, dockerfile: &str, found: &mut Services) {
    let lines = lines(text);
    let Some(start) = lines.iter().position(|line| line.indent == 0 && line.text == "services:") else {
        return;
    };
    let body: Vec<&Line<'_>> = lines.iter().skip(start + 1).take_while(|line| line.indent > 0).collect();
    let Some(indent) = body.first().map(|line| line.indent) else { return };
    for service in body.split_inclusive_at(|line| line.indent == indent) {
        if is_of(service, directory, dockerfile) {
            take(service, found);
        }
    }
}

/// Cuts a slice before each element that begins a part.
trait SplitInclusiveAt<T> {
    fn split_inclusive_at(&self, begins: impl Fn(&T) -> bool) -> Vec<&[T]>;
}

impl<T> SplitInclusiveAt<T> for Vec<T> {
    fn split_inclusive_at(&self, begins: impl Fn(&T) -> bool) -> Vec<&[T]> {
        let mut starts: Vec<usize> =
            (0..self.len()).filter(|at| self.get(*at).is_some_and(&begins)).collect();
        starts.push(self.len());
        starts.windows(2).filter_map(|pair| self.get(*pair.first()?..*pair.get(1)?)).collect()
    }
}

fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let rest = line.strip_prefix("- ").unwrap_or(line).strip_prefix(key)?.strip_prefix(':')?;
    Some(rest.trim().trim_matches(['"', '\'']))
}

/// Whether a service is built from this Dockerfile.
fn is_of(service: &[&Line<'_>], directory: &str, dockerfile: &str) -> bool {
    let mut context = None;
    let mut file = "Dockerfile".to_owned();
    for line in service {
        if let Some(build) = value_of(line.text, "build") {
            context = context.or((!build.is_empty()).then(|| build.to_owned()));
        }
        if let Some(path) = value_of(line.text, "context") {
            context = Some(path.to_owned());
        }
        if let Some(path) = value_of(line.text, "dockerfile") {
            path.clone_into(&mut file);
        }
    }
    let Some(context) = context else { return false };
    let join = |parts: &[&str]| normalise(&parts.join("/"));
    join(&[directory, &context, &file]).as_deref() == Some(dockerfile)
}

fn take(service: &[&Line<'_>], found: &mut Services) {
    let mut section = "";
    let inner = service.get(1).map_or(0, |line| line.indent);
    for line in service.iter().skip(1) {
        if line.indent == inner && !line.text.starts_with("- ") {
            section = line.text.split(':').next().unwrap_or_default();
        }
        match section {
            "privileged" if line.text.ends_with("true") => {
                found.needs_root = Some("is privileged".to_owned());
            }
            "cap_add" => found.needs_root = Some("is given capabilities".to_owned()),
            "devices" => found.needs_root = Some("is given devices".to_owned()),
            "user" => found.sets_user = true,
            "network_mode" if line.text.contains("host") => found.on_host_network = true,
            "command" | "entrypoint" if !line.text.is_empty() => found.commands.push(line.text.to_owned()),
            "volumes" => volume(line.text, found),
            _ => {}
        }
    }
}

fn volume(text: &str, found: &mut Services) {
    let text = text.trim_start_matches("- ").trim_matches(['"', '\'']);
    if text.contains("docker.sock") || text.starts_with("/dev/") {
        found.needs_root = Some("uses the engine's socket or a device".to_owned());
    }
    let mut parts = text.split(':');
    let (Some(source), Some(target)) = (parts.next(), parts.next()) else { return };
    let Some(target) = absolute("", target) else { return };
    if source.starts_with(['.', '/', '~', '$']) {
        found.host_paths.push(target);
    } else if !source.is_empty() && source.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) {
        found.named_volumes.push(target);
    }
}

/// Why what a service is run with needs root.
///
/// # Errors
/// The [`Refusal`].
pub(super) fn refuse(services: &Services) -> Result<(), Refusal> {
    match &services.needs_root {
        Some(why) => Err(Refusal::hazard("H041", format!("its service in a Compose file {why}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_of_a_dockerfile_are_read() {
        let text = "version: '3'\nservices:\n  web:\n    build:\n      context: .\n    user: \"1000\" # me\n    volumes:\n      \
                    - .:/app\n      - data:/app/data\n      - /app/node_modules\n  db:\n    image: postgres\n    privileged: true\n\
                    volumes:\n  data:\n";
        let mut found = Services::default();
        read(text, "", "Dockerfile", &mut found);
        assert_eq!(found.named_volumes, ["/app/data"]);
        assert_eq!(found.host_paths, ["/app"]);
        assert!(found.sets_user && found.needs_root.is_none() && !found.on_host_network);
        let mut other = Services::default();
        read(text, "", "api/Dockerfile", &mut other);
        assert_eq!(other, Services::default());
        let mut beside = Services::default();
        let text = "services:\n  a:\n    build: ./api\n    privileged: true\n";
        read(text, "", "api/Dockerfile", &mut beside);
        assert!(beside.needs_root.is_some());
    }
}
