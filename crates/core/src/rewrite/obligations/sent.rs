//! An ignore file may keep nothing from the builder that a Dockerfile names (H128, H133).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound;
use std::rc::Rc;

use crate::context::normalise;
use crate::model::{BuildModel, context_sources, is_file, matching};
use crate::rewrite::gate::Rejected;
use crate::rule::ContextView;
use crate::rule::litter::is_made_by_tools;

/// What is sent before and after, by the ignore files that are taken before and after: most Dockerfiles share them.
pub(super) struct Sent<'a, 'c> {
    before: &'a ContextView<'c>,
    after: &'a ContextView<'c>,
    losses: BTreeMap<Taken, Rc<Loss>>,
}

/// The ignore files of a Dockerfile, before and after.
type Taken = (Option<String>, Option<String>);

/// The files that are not sent any more.
struct Loss {
    lost: BTreeSet<String>,
    /// Everything that was sent, directories included.
    had: HashSet<String>,
    /// Whether anything is sent at all.
    keeps: bool,
}

/// Folders that a tool makes beside a file that says so. They go by a name that people give to folders too.
const MADE: &[(&str, &[&str])] = &[
    ("target", &["Cargo.toml", "pom.xml"]),
    ("build", &["build.gradle", "build.gradle.kts"]),
    (".gradle", &["build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"]),
    ("vendor", &["composer.json"]),
    ("bundle", &["../Gemfile"]),
    ("bower_components", &["bower.json"]),
    ("venv", &["venv/pyvenv.cfg"]),
    ("env", &["env/pyvenv.cfg"]),
    ("bin", &["obj/project.assets.json", "bin/Debug", "bin/Release"]),
    ("obj", &["obj/project.assets.json"]),
    ("_build", &["mix.exs"]),
    ("deps", &["mix.exs"]),
    (".next", &["package.json"]),
    (".nuxt", &["package.json"]),
    (".output", &["package.json"]),
    (".svelte-kit", &["package.json"]),
    (".turbo", &["package.json"]),
    (".angular", &["package.json"]),
];

impl<'a, 'c> Sent<'a, 'c> {
    pub(super) fn new(before: &'a ContextView<'c>, after: &'a ContextView<'c>) -> Self {
        Self { before, after, losses: BTreeMap::new() }
    }

    fn loss(&mut self, dockerfile: Option<&str>) -> Rc<Loss> {
        let views = [self.before, self.after].map(|view| view.beside(dockerfile.map(str::to_owned)));
        let path = |view: &ContextView<'_>| view.ignore().map(|(path, _)| path.clone());
        let taken = (path(&views[0]), path(&views[1]));
        Rc::clone(self.losses.entry(taken).or_insert_with(|| Rc::new(Loss::between(&views[0], &views[1]))))
    }

    /// Whether a Dockerfile is sent less than before.
    pub(super) fn has_lost(&mut self, dockerfile: Option<&str>) -> bool {
        !self.loss(dockerfile).lost.is_empty()
    }

    /// A source that names something keeps naming something, and a file that is named itself stays. What a directory holds
    /// by the work of tools may go, and what programs take their settings from (`.env`).
    ///
    /// # Errors
    /// [`Rejected`] when a file that a COPY, ADD or bind mount names would be lost, or when it is not known what one names.
    pub(super) fn named_files_stay(
        &mut self,
        dockerfile: Option<&str>,
        model: &BuildModel,
    ) -> Result<(), Rejected> {
        let loss = self.loss(dockerfile);
        for (index, instruction) in model.file().instructions().iter().enumerate() {
            let Some(sources) = context_sources(model, index) else {
                let reason = format!("it is not known what instruction {index} copies (H128)");
                return Err(Rejected { reason });
            };
            let named = sources.iter().find(|one| normalise(one).is_some_and(|path| loss.is_named(&path)));
            if let Some(source) = named {
                let reason =
                    format!("{source}, which {} copies, would be ignored (H128)", instruction.keyword);
                return Err(Rejected { reason });
            }
        }
        Ok(())
    }
}

impl Loss {
    fn between(before: &ContextView<'_>, after: &ContextView<'_>) -> Self {
        let none = || Self { lost: BTreeSet::new(), had: HashSet::new(), keeps: true };
        let (Some(old), Some(new)) = (before.sent(), after.sent()) else { return none() };
        let kept: HashSet<&str> = new.iter().map(|found| found.path.as_str()).collect();
        let gone = old.iter().filter(|found| is_file(found) && !kept.contains(found.path.as_str()));
        Self {
            lost: gone.map(|found| found.path.clone()).collect(),
            had: old.iter().map(|found| found.path.clone()).collect(),
            keeps: old.iter().any(|found| is_file(found) && kept.contains(found.path.as_str())),
        }
    }

    /// Whether something is lost that a source names.
    fn is_named(&self, source: &str) -> bool {
        if source.is_empty() || source == "*" {
            return !self.keeps;
        }
        if source.contains(['*', '?', '[']) {
            let lost = self.lost.iter().map(|path| crate::context::Found {
                path: path.clone(),
                entry: crate::context::Entry {
                    name: String::new(),
                    kind: crate::context::EntryKind::File,
                    size: 0,
                },
            });
            let lost: Vec<_> = lost.collect();
            return matching(&lost, source).next().is_some();
        }
        let below = (Bound::Included(format!("{source}/")), Bound::Excluded(format!("{source}0")));
        self.lost.contains(source)
            || self.lost.range::<String, _>(below).any(|path| !self.may_go(path, source.len() + 1))
    }

    /// Whether what lies below a named directory is the work of a tool there, or settings. `from` is where the part below
    /// the directory begins.
    fn may_go(&self, path: &str, from: usize) -> bool {
        let below = path.get(from..).unwrap_or_default();
        let is_settings = below.rsplit('/').next().is_some_and(|name| {
            name == ".env" || (name.starts_with(".env") && name.rsplit('.').next() == Some("local"))
        });
        if is_settings || is_made_by_tools(below) {
            return true;
        }
        let mut at = from;
        below.split('/').any(|part| {
            let parent = path.get(..at).unwrap_or_default();
            let folder = path.get(..at + part.len()).unwrap_or_default();
            at += part.len() + 1;
            let beside = |name: &&str| {
                normalise(&format!("{parent}{name}")).is_some_and(|path| self.had.contains(&path))
            };
            let is_made = MADE.iter().any(|(name, signs)| *name == part && signs.iter().any(&beside));
            is_made || self.had.contains(&format!("{folder}/CMakeCache.txt"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::MemoryFiles;

    const FILES: &[(&str, &str)] = &[
        ("Dockerfile", ""),
        ("package.json", "{}"),
        ("src/a.js", "1"),
        ("src/.env", "A=1"),
        ("src/notes.log", "1"),
        ("web/package.json", "{}"),
        ("web/node_modules/x/i.js", "1"),
        ("rust/Cargo.toml", ""),
        ("rust/target/app", "1"),
        ("rust/src/target/mod.rs", "1"),
        ("certs/server.key", "1"),
    ];

    /// What the check says when this ignore file comes to the context of a Dockerfile, whatever a rule would have said.
    fn held(ignore: &str, dockerfile: &str) -> Result<(), String> {
        let before = MemoryFiles::new(FILES.iter().copied());
        let after = MemoryFiles::new(FILES.iter().copied().chain([(".dockerignore", ignore)]));
        let views = [
            ContextView::new(&before, Some("Dockerfile".to_owned())),
            ContextView::new(&after, Some("Dockerfile".to_owned())),
        ];
        let mut sent = Sent::new(&views[0], &views[1]);
        let model = BuildModel::of(&format!("FROM a\n{dockerfile}\n"));
        sent.named_files_stay(Some("Dockerfile"), &model).map_err(|rejected| rejected.reason)
    }

    #[test]
    fn what_tools_make_and_settings_may_go() {
        for (ignore, dockerfile) in [
            ("**/node_modules", "COPY . ."),
            ("**/node_modules", "COPY web /web"),
            ("**/.env", "COPY src /src"),
            ("rust/target", "COPY rust /rust"),
            ("certs", "COPY . ."),
            ("certs", "COPY src /src"),
            ("**/*.log", "COPY --from=x src/notes.log /"),
        ] {
            assert_eq!(held(ignore, dockerfile), Ok(()), "{ignore}: {dockerfile}");
        }
    }

    #[test]
    fn what_a_wrong_rule_could_ignore_does_not_pass() {
        for (ignore, dockerfile) in [
            ("**/*.log", "COPY src/notes.log /"),
            ("**/*.log", "COPY src /src"),
            ("**/*.log", "COPY src/* /src/"),
            ("**/*.log", "RUN --mount=type=bind,source=src/notes.log,target=/l cat /l"),
            ("src", "ADD src/a.js /"),
            ("package.json", "COPY package*.json ./"),
            ("**/node_modules", "COPY web/node_modules /n"),
            ("**/node_modules", "COPY web/node_modules/x /n"),
            ("**/.env", "COPY src/.env /"),
            ("**/target", "COPY rust /rust"),
            ("rust/target", "COPY rust/target/app /"),
            ("certs", "COPY certs /certs"),
            ("*", "COPY . ."),
            ("certs", "ARG X\nCOPY $X /x"),
        ] {
            let result = held(ignore, dockerfile);
            assert!(
                result.as_ref().is_err_and(|reason| reason.contains("H128")),
                "{ignore}: {dockerfile}: {result:?}"
            );
        }
    }
}
