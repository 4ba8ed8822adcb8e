//! What a stage that became two owes to the image that was shipped: the same config, the same files where a program may
//! look for them, the packages and users, on the same distribution. Judged from the two texts and the context, apart from
//! the rule that wants the split.

use std::collections::BTreeSet;

mod compiled;

use super::rejected;
use crate::knowledge::{ImageReference, Knowledge, Remains};
use crate::model::{Base, BuildModel, Cause, Delta, FileView, Known, Split, Stage, diff};
use crate::rewrite::gate::Rejected;
use crate::rule::ContextView;
use crate::rule::installs::{installs, started, text_of};
use crate::shell::Script;
use crate::syntax::Keyword;

/// Checks all obligations.
///
/// # Errors
/// [`Rejected`] with the first that does not hold.
pub(in crate::rewrite) fn hold(
    context: &ContextView<'_>,
    knowledge: &Knowledge,
    before: &BuildModel,
    after: &BuildModel,
    split: &Split,
) -> Result<(), Rejected> {
    let (Some(old), Some(build), Some(last)) = (
        before.stages().get(split.stage),
        after.stages().get(split.stage),
        after.stages().get(split.stage + 1),
    ) else {
        return rejected("the stages are gone");
    };
    if let Some(delta) =
        diff(before, after).into_iter().find(|delta| !matches!(delta, Delta::StageSplit { .. }))
    {
        return rejected(format!("a split may change nothing else: {delta:?}"));
    }
    let sides = Sides { context, knowledge, before, after, old, build, last };
    sides.bases()?;
    sides.environment()?;
    let copies = sides.copies()?;
    sides.files(&copies)?;
    sides.started(&copies)?;
    sides.programs(&copies)?;
    sides.packages()?;
    sides.dependencies()?;
    sides.users()
}

/// A COPY from the build stage.
struct FromBuild {
    path: String,
    /// Where it comes to: almost always the same.
    target: String,
}

struct Sides<'a> {
    context: &'a ContextView<'a>,
    knowledge: &'a Knowledge,
    before: &'a BuildModel,
    after: &'a BuildModel,
    old: &'a Stage,
    build: &'a Stage,
    last: &'a Stage,
}

fn is_at_or_below(path: &str, directory: &str) -> bool {
    path == directory || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a name has one of these endings, which stand behind its last dot.
fn has_ending(name: &str, endings: &[&str]) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
}

fn reference(stage: &Stage) -> Option<ImageReference> {
    match &stage.base {
        Base::Image(reference) => ImageReference::parse(reference),
        _ => None,
    }
}

/// The scripts of the RUNs of a stage; `None` for one that cannot be read.
fn scripts<'a>(model: &'a BuildModel, stage: &'a Stage) -> impl Iterator<Item = Option<&'a Script>> {
    let runs = model.stage_instructions(stage).filter(|(_, step)| step.keyword == Keyword::Run);
    runs.map(|(index, _)| {
        model.shell_text(index).map(|text| &text.script).filter(|script| script.is_readable())
    })
}

/// The packages of the distribution that the RUNs of a stage install, with their managers.
fn installed(model: &BuildModel, stage: &Stage) -> Vec<(&'static str, String)> {
    let mut packages = Vec::new();
    for script in scripts(model, stage).flatten() {
        for manager in ["apt-get", "apk"] {
            for install in installs(script, manager) {
                packages.extend(install.packages().map(|word| (manager, text_of(word).to_owned())));
            }
        }
    }
    packages
}

/// A package without version and architecture.
fn bare(package: &str) -> &str {
    package.split(['=', ':', '<', '>', '~', '/', '@']).next().unwrap_or(package)
}

impl Sides<'_> {
    /// The same image in the same version, release and library of C, with or without the tools (H067, H068, H084).
    fn bases(&self) -> Result<(), Rejected> {
        let (Some(old), Some(new)) = (reference(self.old), reference(self.last)) else {
            return rejected("the final stage starts from something that is no image");
        };
        let families = (
            self.old.facts.as_ref().and_then(|facts| facts.family),
            self.last.facts.as_ref().and_then(|facts| facts.family),
        );
        if families.0.is_none() || families.0 != families.1 {
            return rejected("the final stage starts from another family of distributions");
        }
        // A runtime for what was built with a compiler is another image, and has to be a known one.
        if self.runs_elsewhere() {
            return self.entry_points();
        }
        if self.is_compiled() {
            return Ok(());
        }
        if (old.registry, old.repository, &old.digest) != (new.registry, new.repository, &new.digest) {
            return rejected("the final stage starts from an image of another vendor (H084)");
        }
        let parts = |tag: &Option<String>| -> BTreeSet<String> {
            let tag = tag.clone().unwrap_or_default();
            let parts = tag.split('-').filter(|part| !matches!(*part, "slim" | "latest" | ""));
            parts.map(str::to_owned).collect()
        };
        if parts(&old.tag) != parts(&new.tag) {
            return rejected("the final stage starts from another version or release (H067)");
        }
        Ok(())
    }

    /// The variables have the values that they had, also those that hang on a build argument (H077).
    fn environment(&self) -> Result<(), Rejected> {
        let of_base = |value: &Known<String>| matches!(value, Known::Unknown(Cause::BaseImage(_)));
        for (name, old) in self.old.end.env() {
            let new = self.last.end.env().find(|(other, _)| *other == name).map(|(_, value)| value);
            if !new.is_some_and(|new| new == old || (of_base(new) && of_base(old))) {
                return rejected(format!("the variable {name} has another value"));
            }
        }
        Ok(())
    }

    /// What a container starts is said in the file, and neither image's own entry point acts by it (H010).
    fn entry_points(&self) -> Result<(), Rejected> {
        let config = &self.old.config;
        let is_set = |command: &Known<Option<crate::model::CommandLine>>| {
            command.value().is_some_and(|line| line.as_ref().is_some_and(|line| line.set_here))
        };
        if is_set(&config.entrypoint) {
            return Ok(());
        }
        let passes_on = |stage: &Stage| {
            stage.facts.as_ref().is_some_and(|facts| {
                facts.entrypoint_branches == Some(false)
                    || facts.entrypoint.as_ref().is_some_and(Vec::is_empty)
            })
        };
        if !is_set(&config.cmd) || !passes_on(self.old) || !passes_on(self.last) {
            return rejected("the entry points of the two base images may differ in what they do (H010)");
        }
        Ok(())
    }

    /// Whether the final stage starts from an image that is known to run what is built in the old one, and to have no
    /// tools to build.
    fn runs_elsewhere(&self) -> bool {
        let (Some(old), Some(new)) = (reference(self.old), reference(self.last)) else { return false };
        let runtimes = self.knowledge.runtimes_of(&old);
        runtimes.iter().any(|runtime| ImageReference::parse(runtime).as_ref() == Some(&new))
    }

    /// Whether a file of the context that is not in the image any more was only there to build: a source of Java, or one
    /// in a directory that a container neither starts in nor is told of.
    fn only_builds(&self, target: &str) -> bool {
        if !self.runs_elsewhere() {
            return false;
        }
        let Known::Value(workdir) = &self.old.config.workdir else { return false };
        let config = &self.old.config;
        let told =
            [&config.entrypoint, &config.cmd].into_iter().filter_map(|command| command.value()?.as_ref());
        let directory = target.rsplit_once('/').map_or("", |(directory, _)| directory);
        let top = directory.split('/').take(2).collect::<Vec<_>>().join("/");
        let is_told = told.flat_map(|command| &command.words).any(|word| word.contains(&format!("{top}/")))
            || self.before.stage_instructions(self.old).any(|(_, step)| {
                matches!(step.keyword, Keyword::Env | Keyword::Healthcheck | Keyword::Volume)
                    && step.arguments_text().contains(&top)
            });
        let is_java = reference(self.last).is_some_and(|image| image.tag.unwrap_or_default().contains("jre"));
        (!is_at_or_below(target, workdir) && !is_at_or_below(workdir, &top) && !is_told)
            || is_java && self.knowledge.is_java_build_input(target)
    }

    /// The COPYs from the build stage: of paths that are there, to the same paths.
    fn copies(&self) -> Result<Vec<FromBuild>, Rejected> {
        let view = FileView::new(self.context);
        let end = self.build.steps.last().map_or(0, |step| step.instruction + 1);
        let files = view.visible(self.after, end.saturating_sub(1));
        let mut copies = Vec::new();
        for (index, step) in self.after.stage_instructions(self.last) {
            let from = self.after.copy_source(index);
            if from != Some(crate::model::Source::Stage(self.build.index)) {
                continue;
            }
            let [source, target] = step.values.as_slice() else {
                return rejected("a COPY from the build stage has several sources");
            };
            let path = source.text.trim_end_matches('/').to_owned();
            let to = target.text.trim_end_matches('/').to_owned();
            if (path != to && !self.may_move(&path, &to))
                || !path.starts_with('/')
                || path.contains(['*', '?', '[', '$'])
            {
                return rejected(format!("`{path}` comes to another place than it had"));
            }
            let holds_files = files
                .as_ref()
                .is_some_and(|files| files.iter().any(|file| is_at_or_below(&file.target, &path)));
            if !holds_files && !self.is_made(&path) && !self.is_compiled_there(&path) {
                return rejected(format!("nothing makes `{path}` in the build stage"));
            }
            copies.push(FromBuild { path, target: to });
        }
        if copies.is_empty() {
            return rejected("nothing comes over from the build stage");
        }
        Ok(copies)
    }

    /// Whether a step of the build stage makes a path, as far as its text says.
    fn is_made(&self, path: &str) -> bool {
        let mentions = |words: &[&str]| {
            self.after
                .stage_instructions(self.build)
                .any(|(_, step)| words.iter().any(|word| step.arguments_text().contains(word)))
        };
        let is_workdir = |path: &str| {
            self.build
                .steps
                .iter()
                .map(|step| &step.state)
                .chain([&self.build.end])
                .any(|state| matches!(&state.workdir, Known::Value(workdir) if workdir == path))
        };
        let python = ["pip", "poetry", "uv ", "pipenv", "python"];
        // A jar that Maven or Gradle makes, or a step that names it: `mv target/*.jar app.jar`.
        let is_jar = path.rsplit_once('/').is_some_and(|(directory, name)| {
            let project = ["/target", "/build/libs"].iter().find_map(|place| directory.strip_suffix(place));
            has_ending(name, &["jar"])
                && (project.is_some_and(is_workdir) && mentions(&["mvn", "gradle"])
                    || is_workdir(directory) && mentions(&[name]))
        });
        is_jar
            || is_workdir(path)
            || mentions(&[path])
            || path.strip_suffix("/node_modules").is_some_and(is_workdir)
            || path.strip_suffix("/.venv").is_some_and(is_workdir)
            || (path == "/root/.cache/node/corepack" && mentions(&["corepack"]))
            || (self.is_site_packages(path) && mentions(&python))
            || (path == "/usr/local/bin" && mentions(&python))
            || (path == "/root/.local" && mentions(&["--user"]))
            || self.is_download(path)
            || (mentions(&["manage.py"]) && self.is_named_by_settings(path))
    }

    /// A directory that the settings of a Django project name.
    fn is_named_by_settings(&self, path: &str) -> bool {
        let files = FileView::new(self.context).visible(self.before, usize::MAX).unwrap_or_default();
        files.iter().filter(|file| file.path.strip_suffix(".py").is_some()).any(|file| {
            let bytes = self.context.files().read(&file.path).present();
            bytes.is_some_and(|bytes| {
                let text = String::from_utf8_lossy(&bytes);
                text.lines().any(|line| line.trim_start().starts_with("STATIC_ROOT") && line.contains(path))
            })
        })
    }

    /// Where a command of the build stage is known to put what it downloads, as root.
    fn is_download(&self, path: &str) -> bool {
        let place = path.strip_prefix("/root").map(|rest| format!("~{rest}"));
        scripts(self.after, self.build).flatten().flat_map(started).any(|command| {
            let words: Vec<&str> = command.words().collect();
            let download = self.knowledge.python_download(&words);
            download.is_some_and(|download| download.places.iter().any(|known| Some(known) == place.as_ref()))
        })
    }

    /// Where pip installs for the version of Python that the tag of the base names.
    fn is_site_packages(&self, path: &str) -> bool {
        let version =
            path.strip_prefix("/usr/local/lib/python").and_then(|rest| rest.strip_suffix("/site-packages"));
        let tag = reference(self.build).and_then(|reference| reference.tag).unwrap_or_default();
        version.is_some_and(|version| {
            tag.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
        })
    }

    /// Every file of the context that was in the image is in it, at the same place.
    fn files(&self, copies: &[FromBuild]) -> Result<(), Rejected> {
        let view = FileView::new(self.context);
        let (Some(had), Some(has)) =
            (view.visible(self.before, usize::MAX), view.visible(self.after, usize::MAX))
        else {
            return rejected("it is not known which files of the context are in the image");
        };
        let lost = had.iter().find(|file| {
            let is_there =
                has.contains(*file) || copies.iter().any(|copy| is_at_or_below(&file.target, &copy.path));
            let is_for_the_build =
                self.only_builds(&file.target) || self.is_compiled() && compiled::is_source(&file.path);
            !is_there && !is_for_the_build
        });
        match lost {
            Some(file) => rejected(format!("{} is not in the image any more", file.target)),
            None => Ok(()),
        }
    }

    /// A path that a container starts and that a step of the old stage names comes over, or a step of the final stage
    /// names it.
    fn started(&self, copies: &[FromBuild]) -> Result<(), Rejected> {
        let config = &self.old.config;
        let commands =
            [&config.entrypoint, &config.cmd].into_iter().filter_map(|command| command.value()?.as_ref());
        let mut words: Vec<String> = commands
            .flat_map(|command| &command.words)
            .flat_map(|word| word.split_whitespace().map(str::to_owned))
            .collect();
        words.extend(config.healthcheck.iter().flat_map(|check| {
            check.split_whitespace().map(|word| word.trim_matches(['"', '\'', '[', ']', ',']).to_owned())
        }));
        let names = |model: &BuildModel, stage: &Stage, path: &str| {
            model.stage_instructions(stage).any(|(_, step)| {
                matches!(step.keyword, Keyword::Run | Keyword::Copy | Keyword::Add)
                    && step.arguments_text().contains(path)
            })
        };
        // A program that a global package brings: `npm install -g @nestjs/cli` and `nest start`.
        let brings = |model: &BuildModel, stage: &Stage, program: &str| {
            model.stage_instructions(stage).filter(|(_, step)| step.keyword == Keyword::Run).any(
                |(_, step)| {
                    let text = step.arguments_text();
                    (text.contains(" -g") || text.contains("global")) && text.contains(program)
                },
            )
        };
        for word in words.iter().filter(|word| {
            word.len() > 2
                && !matches!(word.as_str(), "npm" | "start" | "node" | "run" | "exec")
                && !(self.runs_elsewhere() && matches!(word.as_str(), "java" | "dotnet"))
        }) {
            let is_program = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !word.starts_with('-');
            if is_program && brings(self.before, self.old, word) && !brings(self.after, self.last, word) {
                return rejected(format!("`{word}`, which a container starts, is not installed any more"));
            }
        }
        // What a runtime is told to run comes over: `java -jar target/shop.jar`, `dotnet out/Shop.dll`.
        let workdir = config.workdir.value().map(String::as_str).unwrap_or_default();
        for word in words.iter().filter(|word| has_ending(word, &["jar", "dll"])) {
            let path = if word.starts_with('/') {
                word.clone()
            } else {
                format!("{workdir}/{}", word.trim_start_matches("./"))
            };
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            let comes = |copy: &FromBuild| {
                is_at_or_below(&path, &copy.path)
                    || path.contains('*') && copy.path.starts_with(&format!("{directory}/"))
            };
            if self.runs_elsewhere() && !copies.iter().any(comes) {
                return rejected(format!("{path}, which a container starts, does not come over"));
            }
        }
        for word in words.iter().filter(|word| word.starts_with('/') && word.len() > 1) {
            let comes = copies.iter().any(|copy| is_at_or_below(word, &copy.target));
            if !comes && names(self.before, self.old, word) && !names(self.after, self.last, word) {
                return rejected(format!("{word}, which a container starts, does not come over"));
            }
        }
        Ok(())
    }

    /// Each package of the distribution that was installed is there, or only builds and leaves its libraries (H066).
    fn packages(&self) -> Result<(), Rejected> {
        let Some(old) = reference(self.old) else { return Ok(()) };
        let tag = old.tag.clone().unwrap_or_default();
        let of_runner = || match &self.old.base {
            Base::Image(base) => self.knowledge.runner(base).and_then(|runner| runner.release),
            _ => None,
        };
        let release = self.knowledge.release_of_tag(&tag).or_else(of_runner);
        let image = old.familiar_name();
        let removed = self.removed();
        let has: BTreeSet<String> =
            installed(self.after, self.last).into_iter().map(|(_, name)| name).collect();
        let had = installed(self.before, self.old);
        let remains =
            |manager: &str, name: &str| self.knowledge.remains_of(manager, bare(name), &image, release);
        let has_tools = had.iter().any(|(manager, name)| remains(manager, name) == Remains::Only(Vec::new()));
        for (manager, name) in &had {
            if removed.contains(name)
                || has.contains(name)
                || (removed.iter().any(|name| name.starts_with('.')) && *manager == "apk")
            {
                continue;
            }
            let for_gyp =
                image == "node" && has_tools && (name.starts_with("python") || name.starts_with("py3-"));
            match remains(manager, name) {
                Remains::Only(left) => {
                    if let Some(library) = left.iter().find(|library| !has.contains(*library)) {
                        return rejected(format!("{library}, the library of {name}, is not installed"));
                    }
                }
                _ if for_gyp => {}
                _ if self.runs_elsewhere() && matches!(bare(name), "maven" | "gradle" | "ant") => {}
                _ => return rejected(format!("the package {name} is not installed any more")),
            }
        }
        Ok(())
    }

    /// The packages that a step of the old stage removes again.
    fn removed(&self) -> BTreeSet<String> {
        let mut removed = BTreeSet::new();
        for script in scripts(self.before, self.old).flatten() {
            for command in started(script) {
                let words: Vec<&str> = command.words().collect();
                let takes_away = matches!(command.program(), "apt-get" | "apt" | "apk")
                    && words.iter().any(|word| matches!(*word, "remove" | "purge" | "del"));
                if takes_away {
                    removed.extend(words.iter().skip(1).map(|word| (*word).to_owned()));
                }
            }
        }
        removed
    }

    /// What the manifests in the image name and what needs libraries that only the full image has is served (H066).
    fn dependencies(&self) -> Result<(), Rejected> {
        if self.old.base == self.last.base
            || self.old.facts.as_ref().and_then(|facts| facts.family)
                == Some(crate::knowledge::Family::Alpine)
        {
            return Ok(());
        }
        let has: BTreeSet<String> =
            installed(self.after, self.last).into_iter().map(|(_, name)| name).collect();
        let files = FileView::new(self.context).visible(self.before, usize::MAX).unwrap_or_default();
        for file in files {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let stack = match name {
                "package.json" if !file.target.contains("/node_modules/") => "node",
                _ if name.contains("requirements") && name.strip_suffix(".txt").is_some() => "python",
                "Cargo.lock" => "rust",
                _ => continue,
            };
            let Some(bytes) = self.context.files().read(&file.path).present() else { continue };
            if stack == "rust" {
                self.crates(&has, name, &String::from_utf8_lossy(&bytes))?;
                continue;
            }
            let text = String::from_utf8_lossy(&bytes).to_lowercase();
            let named: BTreeSet<String> = if stack == "node" {
                let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
                json.get("dependencies")
                    .and_then(serde_json::Value::as_object)
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name.clone())
                    .collect()
            } else {
                let name = |line: &str| {
                    line.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
                        .next()
                        .unwrap_or_default()
                        .replace('_', "-")
                };
                text.lines().map(|line| name(line.trim())).collect()
            };
            // Which versions have wheels is for the rule to know.
            for need in self.knowledge.dependency_needs(stack).filter(|need| need.wheels.is_empty()) {
                let missing = need.apt.iter().find(|package| !has.contains(*package));
                if let (Some(dependency), Some(package)) =
                    (need.names.iter().find(|name| named.contains(*name)), missing)
                {
                    return rejected(format!("{package}, which {dependency} needs, is not installed"));
                }
            }
        }
        Ok(())
    }

    /// Users and groups that the old stage makes are made in the final one.
    fn users(&self) -> Result<(), Rejected> {
        let made = |model: &BuildModel, stage: &Stage| -> BTreeSet<Vec<String>> {
            let mut made = BTreeSet::new();
            for script in scripts(model, stage).flatten() {
                for command in started(script) {
                    if matches!(
                        command.program(),
                        "useradd" | "adduser" | "groupadd" | "addgroup" | "usermod"
                    ) {
                        made.insert(command.words().map(str::to_owned).collect());
                    }
                }
            }
            made
        };
        let has = made(self.after, self.last);
        match made(self.before, self.old).iter().find(|words| !has.contains(*words)) {
            Some(words) => rejected(format!("`{}` is not run any more", words.join(" "))),
            None => Ok(()),
        }
    }
}
