//! Node: what installs and builds, and what a server needs of it.
//!
//! The whole directory of the program comes over: frameworks read manifests, views, migrations and generated clients from
//! it (H074). Compiled modules work on, because release and library of C stay the same (H068).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::compose::sibling_text;
use super::demands::{self, Started};
use super::steps::{Command, Effect};
use super::{BuildStage, Runtime, Stack, is_at_or_below};
use crate::knowledge::{DependencyNeed, Family};
use crate::rule::Refusal;

pub(super) static STACK: Stack =
    Stack { words: &["npm", "yarn", "pnpm", "npx", "corepack"], effect, saves, runtime };

/// Programs that come with packages and compile or bundle below the directory they run in.
const BUILDERS: &[&str] = &[
    "tsc",
    "ng",
    "vite",
    "next",
    "nest",
    "webpack",
    "gulp",
    "grunt",
    "rollup",
    "esbuild",
    "turbo",
    "nx",
    "lerna",
    "prisma",
    "react-scripts",
    "parcel",
    "babel",
    "swc",
    "tailwindcss",
    "ts-node",
    "tsx",
    "nuxt",
    "gatsby",
    "astro",
    "remix",
    "node-gyp",
    "tsup",
    "rimraf",
    "eslint",
    "jest",
    "mocha",
    "vitest",
];

/// Global packages that only build.
const GLOBAL_BUILDERS: &[&str] = &[
    "typescript",
    "@nestjs/cli",
    "@angular/cli",
    "node-gyp",
    "turbo",
    "lerna",
    "nx",
    "gulp",
    "gulp-cli",
    "grunt",
    "grunt-cli",
    "rimraf",
    "webpack",
    "webpack-cli",
    "vite",
    "@vue/cli",
    "create-react-app",
    "rollup",
    "node-pre-gyp",
    "@mapbox/node-pre-gyp",
    "node-prune",
    "eslint",
    "jest",
    "bower",
    "tsup",
    "esbuild",
    "npm-check-updates",
];

fn effect(command: &Command<'_>) -> Option<Effect> {
    let builds = Some(Effect::Builds { inside: true });
    match command.program() {
        "npm" | "yarn" | "pnpm" => Some(manager(command)),
        "npx" | "pnpx" | "yarnpkg" => {
            if command.has(&["playwright", "puppeteer", "cypress", "@puppeteer/browsers"]) {
                return Some(Effect::Unknown);
            }
            builds
        }
        "node" if command.has(&["-v", "--version", "-p", "--print"]) => Some(Effect::Nothing),
        "node" => builds,
        "corepack" => Some(Effect::System),
        "node-prune" | "modclean" => builds,
        program if BUILDERS.contains(&program) => builds,
        _ => None,
    }
}

fn manager(command: &Command<'_>) -> Effect {
    let operands: Vec<&str> =
        command.words.iter().skip(1).filter(|word| !word.starts_with('-')).copied().collect();
    let verb = operands.first().copied().unwrap_or_default();
    let is_global = command.has(&["-g", "--global", "--location=global"])
        || (command.program() == "yarn" && verb == "global");
    let looks = [
        "config", "set", "get", "cache", "whoami", "view", "info", "ls", "list", "help", "fund", "audit",
        "root", "prefix", "store", "policies", "version", "pkg", "ping", "c",
    ];
    if looks.contains(&verb) || (verb.is_empty() && command.has(&["-v", "--version"])) {
        return Effect::Nothing;
    }
    if is_global {
        let packages = operands.iter().skip(1).filter(|word| !matches!(**word, "add" | "install" | "i"));
        // Behind the first letter, an `@` begins the version.
        let name = |package: &str| {
            let end =
                package.char_indices().skip(1).find(|(_, c)| *c == '@').map_or(package.len(), |(at, _)| at);
            package.get(..end).unwrap_or_default().to_owned()
        };
        let mut packages = packages.peekable();
        let any = packages.peek().is_some();
        let only_builds = packages.all(|package| GLOBAL_BUILDERS.contains(&name(package).as_str()));
        return if any && only_builds { Effect::Tools } else { Effect::System };
    }
    let elsewhere =
        command.words.iter().position(|word| matches!(*word, "--prefix" | "-C" | "--cwd" | "--dir"));
    let target = elsewhere.and_then(|at| command.words.get(at + 1)).and_then(|path| command.path(path));
    if elsewhere.is_some() {
        let here = command.directory.clone().unwrap_or_default();
        return match target {
            Some(path) if is_at_or_below(&path, &here) && !here.is_empty() => Effect::Builds { inside: true },
            _ => Effect::Unknown,
        };
    }
    Effect::Builds { inside: true }
}

/// A command that installs the packages of the project.
fn is_install(command: &Command<'_>) -> bool {
    let verb = command.verb();
    match command.program() {
        "npm" => matches!(verb, "ci" | "install" | "i" | "clean-install" | "add"),
        "yarn" | "pnpm" => matches!(verb, "" | "install" | "i" | "add"),
        _ => false,
    }
}

fn leaves_out_development(command: &Command<'_>) -> bool {
    let production = command.state.variable("NODE_ENV").and_then(|value| value.value());
    let by_flag = command.words.iter().any(|word| {
        matches!(
            *word,
            "--production"
                | "--prod"
                | "-P"
                | "--omit=dev"
                | "--only=production"
                | "--only=prod"
                | "--production=true"
        )
    }) || command
        .words
        .windows(2)
        .any(|pair| pair == ["--omit", "dev"] || pair == ["--only", "production"]);
    let includes = command.has(&["--include=dev", "--production=false", "--include"]);
    !includes && (by_flag || production.is_some_and(|value| value == "production"))
}

/// A `package.json` of the image.
struct Manifest {
    /// Its directory in the image.
    directory: String,
    json: Value,
}

impl Manifest {
    fn names(&self, key: &str) -> BTreeSet<&str> {
        self.json
            .get(key)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect()
    }

    fn script(&self, name: &str) -> Option<&str> {
        self.json.get("scripts")?.get(name)?.as_str()
    }

    /// What is installed without the development dependencies.
    fn kept(&self) -> BTreeSet<&str> {
        let mut names = self.names("dependencies");
        names.extend(self.names("optionalDependencies"));
        names
    }

    fn development(&self) -> BTreeSet<&str> {
        let kept = self.kept();
        self.names("devDependencies").into_iter().filter(|name| !kept.contains(name)).collect()
    }
}

/// The manifest in a directory of the image.
fn manifest(stage: &BuildStage<'_>, files: &BTreeMap<String, String>, directory: &str) -> Option<Manifest> {
    let path = files.get(&format!("{directory}/package.json"))?;
    let json = serde_json::from_str(stage.read(path)?.trim_start_matches('\u{feff}')).ok()?;
    Some(Manifest { directory: directory.to_owned(), json })
}

fn saves(stage: &BuildStage<'_>) -> bool {
    let installs = stage.commands().find(|command| is_install(command));
    let Some(install) = installs.filter(|install| !leaves_out_development(install)) else { return false };
    let builds = stage.commands().any(|command| {
        !is_install(command) && matches!(command.effect, Effect::Builds { .. }) && !is_pruning(command)
    });
    let prunes = stage.commands().any(is_pruning);
    let has_development = || {
        let path = stage.locate(&format!("{}/package.json", install.directory.as_deref()?))?;
        let manifest =
            Manifest { directory: String::new(), json: serde_json::from_str(&stage.read(&path)?).ok()? };
        Some(!manifest.development().is_empty())
    };
    builds && !prunes && has_development() == Some(true)
}

/// A command that takes development dependencies away.
fn is_pruning(command: &Command<'_>) -> bool {
    (matches!(command.program(), "npm" | "pnpm") && command.verb() == "prune")
        || (is_install(command) && leaves_out_development(command))
}

fn runtime(stage: &BuildStage<'_>) -> Result<Runtime, Refusal> {
    if stage.image != "node" {
        return Err(Refusal::hazard("H084", format!("it is not known how Node came into `{}`", stage.base)));
    }
    let files = stage.files()?;
    let directories: BTreeSet<&str> = stage
        .commands()
        .filter(|command| is_install(command))
        .filter_map(|command| command.directory.as_deref())
        .collect();
    let manifests: Vec<Manifest> =
        directories.iter().filter_map(|directory| manifest(stage, &files, directory)).collect();
    let mut started = demands::started_by(stage)?;
    follow_scripts(stage, &files, &mut started);
    develops(&started)?;
    let mut runtime = Runtime { base: sibling_text(stage)?, ..Runtime::default() };
    if let Some(slim) = &stage.slim {
        runtime.left_behind.push(format!("the build tools of {} ({slim} runs the program)", stage.base));
    }
    let prune = prune(stage, &manifests, &started);
    match &prune {
        Ok(Some(command)) => {
            runtime.prepared.push(command.clone());
            runtime.left_behind.push("the development dependencies".to_owned());
        }
        Ok(None) => {}
        Err(refusal) if stage.slim.is_none() && !super::packages::installs_tools(stage) => {
            return Err(refusal.clone());
        }
        Err(refusal) => {
            runtime.remarks.push(format!("The development dependencies stay: {}.", refusal.reason));
        }
    }
    runtime.packages = system_needs(stage, &manifests, &files, prune.is_ok_and(|prune| prune.is_some()))?;
    for package in demands::packages(
        stage,
        &started,
        &["child_process", "execa", "shelljs", "zx"],
        &[".js", ".ts", ".mjs", ".cjs", ".tsx", ".mts"],
    )? {
        if !runtime.packages.contains(&package) {
            runtime.packages.push(package);
        }
    }
    builds_inside(stage)?;
    runtime.copies = copies(stage, &manifests, &started)?;
    let starts = |program: &str| {
        started.commands.iter().flatten().any(|word| word.rsplit('/').next() == Some(program))
    };
    runtime.keeps_tools =
        started.is_open || BUILDERS.iter().chain(&["vue", "lerna", "bower"]).any(|program| starts(program));
    Ok(runtime)
}

/// Adds the scripts of `package.json` that are started: `npm start`, `yarn serve`, what these run in turn.
fn follow_scripts(stage: &BuildStage<'_>, files: &BTreeMap<String, String>, started: &mut Started) {
    let workdir = stage.stage.config.workdir.value().cloned().unwrap_or_default();
    let Some(manifest) = manifest(stage, files, &workdir) else { return };
    let mut seen = BTreeSet::new();
    let mut next = 0;
    while let Some(words) = started.commands.get(next).cloned() {
        next += 1;
        let mut names: Vec<&str> =
            words.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
        if !names.first().is_some_and(|program| matches!(*program, "npm" | "yarn" | "pnpm")) {
            continue;
        }
        names.remove(0);
        let name = match names.first() {
            Some(&"run" | &"run-script") => names.get(1),
            first => first,
        };
        let Some(name) = name.copied() else { continue };
        for script in [format!("pre{name}"), name.to_owned(), format!("post{name}")] {
            if seen.insert(script.clone())
                && let Some(text) = manifest.script(&script)
            {
                started.add(text);
            }
        }
    }
}

/// A container that starts a development server is there for developing (H040, H075).
fn develops(started: &Started) -> Result<(), Refusal> {
    for words in &started.commands {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let names = |program: &str, verb: &str| words.contains(&program) && words.contains(&verb);
        let develops = words.contains(&"nodemon")
            || words.contains(&"ts-node-dev")
            || matches!(
                words.first(),
                Some(&"tsc" | &"webpack" | &"esbuild" | &"rollup" | &"parcel" | &"gulp" | &"grunt")
            )
            || (words.first().is_some_and(|program| {
                matches!(
                    *program,
                    "npm"
                        | "yarn"
                        | "pnpm"
                        | "next"
                        | "nest"
                        | "vite"
                        | "ng"
                        | "react-scripts"
                        | "vue-cli-service"
                        | "npx"
                )
            }) && words.contains(&"build"))
            || names("react-scripts", "start")
            || names("next", "dev")
            || names("ng", "serve")
            || names("nuxt", "dev")
            || names("vue-cli-service", "serve")
            || names("nest", "--watch")
            || (words.first() == Some(&"vite") && !words.contains(&"preview") && !words.contains(&"build"))
            || words
                .windows(2)
                .any(|pair| matches!(pair, ["run" | "yarn" | "pnpm", "dev"] | ["run", "start:dev"]));
        if develops {
            return Err(Refusal::hazard(
                "H075",
                format!("`{}` builds when a container starts", words.join(" ")),
            ));
        }
    }
    Ok(())
}

/// Programs by the package that brings them, where the two have different names.
const PROGRAMS: &[(&str, &str)] = &[
    ("nest", "@nestjs/cli"),
    ("remix-serve", "@remix-run/serve"),
    ("react-router-serve", "@react-router/serve"),
    ("ng", "@angular/cli"),
    ("tsc", "typescript"),
    ("strapi", "@strapi/strapi"),
    ("sequelize", "sequelize-cli"),
    ("sequelize-cli", "sequelize-cli"),
    ("dotenv", "dotenv-cli"),
    ("pm2-runtime", "pm2"),
    ("medusa", "@medusajs/medusa"),
    ("medusa", "@medusajs/cli"),
    ("babel-node", "@babel/node"),
    ("vue-cli-service", "@vue/cli-service"),
];

/// The command that takes away what only the build needed, when it is certain that the program runs without (H119).
/// `None` when there is nothing to take away.
fn prune(
    stage: &BuildStage<'_>,
    manifests: &[Manifest],
    started: &Started,
) -> Result<Option<String>, Refusal> {
    let uncertain = |why: String| Refusal::hazard("H119", why);
    let installs: Vec<&Command<'_>> = stage.commands().filter(|command| is_install(command)).collect();
    let [install] = installs.as_slice() else {
        return if installs.iter().all(|install| leaves_out_development(install)) {
            Ok(None)
        } else {
            Err(uncertain("packages are installed more than once".to_owned()))
        };
    };
    if leaves_out_development(install) || stage.commands().any(is_pruning) {
        return Ok(None);
    }
    let [manifest] = manifests else {
        return Err(uncertain("the manifest is not known".to_owned()));
    };
    let development = manifest.development();
    if development.is_empty() {
        return Ok(None);
    }
    if manifest.json.get("workspaces").is_some() {
        return Err(Refusal::hazard("H044", "the project is a workspace"));
    }
    if install.program() != "npm" {
        return Err(uncertain(format!("{} has no certain way to take them away", install.program())));
    }
    let workdir = stage.stage.config.workdir.value().cloned().unwrap_or_default();
    if workdir != manifest.directory || super::builds_as_several_users(stage) {
        return Err(uncertain(
            "they are installed elsewhere than the program runs, or by another user".to_owned(),
        ));
    }
    if started.is_open || started.commands.is_empty() {
        return Err(uncertain("it is not known what a container starts".to_owned()));
    }
    let kept = manifest.kept();
    for words in &started.commands {
        runs_without(words, &kept, &development)?;
    }
    imports_nothing_of(stage, manifest, &development, started)?;
    let kept_flags = ["--legacy-peer-deps", "--force"].into_iter().filter(|flag| install.has(&[flag]));
    let flags: String = kept_flags.flat_map(|flag| [" ", flag]).collect();
    let major: Option<u32> = tag_version(stage);
    let omit = if major.is_some_and(|major| major < 16) { "--production" } else { "--omit=dev" };
    Ok(Some(format!("RUN npm prune {omit}{flags}")))
}

fn tag_version(stage: &BuildStage<'_>) -> Option<u32> {
    let (_, tag) = stage.base.rsplit_once(':')?;
    tag.split(['.', '-']).next()?.parse().ok()
}

/// Programs that every image has, or that start another.
const KNOWN: &[&str] = &[
    "node",
    "npm",
    "yarn",
    "pnpm",
    "sh",
    "bash",
    "ash",
    "echo",
    "exec",
    "cd",
    "set",
    "export",
    "test",
    "[",
    "sleep",
    "mkdir",
    "cp",
    "true",
    "exit",
    "wait",
    "until",
    "while",
    "curl",
    "wget",
    "nc",
    "dumb-init",
    "tini",
    "docker-entrypoint.sh",
    "chown",
    "su-exec",
    "gosu",
    "cat",
    "ls",
    "rm",
    "source",
    ".",
    "if",
    "env",
    "printf",
    "date",
    "trap",
    "kill",
    "grep",
    "sed",
    "envsubst",
];

/// Directories whose sources do not run.
const ASIDE: &[&str] = &[
    "/test/",
    "/tests/",
    "/__tests__/",
    "/__mocks__/",
    "/node_modules/",
    "/e2e/",
    "/cypress/",
    "/scripts/",
    "/.storybook/",
    "/spec/",
    "/.next/",
    "/dist/",
    "/coverage/",
    "/docs/",
];

/// What is started comes from Node, the shell or a dependency that stays.
fn runs_without(
    words: &[String],
    kept: &BTreeSet<&str>,
    development: &BTreeSet<&str>,
) -> Result<(), Refusal> {
    let uncertain = |why: String| Refusal::hazard("H119", why);
    let uses = |word: &str| {
        development
            .iter()
            .find(|name| {
                word == **name
                    || word.starts_with(&format!("{name}/"))
                    || word.contains(&format!("node_modules/{name}/"))
                    || word.contains(&format!("node_modules/.bin/{name}"))
            })
            .copied()
    };
    if let Some(name) = words.iter().find_map(|word| uses(word)) {
        return Err(uncertain(format!("`{name}` is a development dependency and is started")));
    }
    let program = words.first().map(|word| word.rsplit('/').next().unwrap_or(word)).unwrap_or_default();
    let mut brought_by = PROGRAMS.iter().filter(|(name, _)| *name == program).map(|(_, package)| *package);
    let is_script = words.first().is_some_and(|word| word.contains('/') && !word.contains("node_modules"));
    // `npx X` and `npm exec X` start X.
    let through = match program {
        "npx" => words.iter().skip(1).find(|word| !word.starts_with('-')),
        _ => None,
    };
    if let Some(through) = through {
        return runs_without(std::slice::from_ref(through), kept, development);
    }
    if KNOWN.contains(&program)
        || is_script
        || ends_in(program, &[".js"])
        || kept.contains(program)
        || brought_by.any(|package| kept.contains(package))
    {
        return Ok(());
    }
    Err(uncertain(format!("it is not known which package brings `{program}`, which is started")))
}

/// No source imports a development dependency. Tests and the configuration of tools do, and do not run.
fn imports_nothing_of(
    stage: &BuildStage<'_>,
    manifest: &Manifest,
    development: &BTreeSet<&str>,
    started: &Started,
) -> Result<(), Refusal> {
    // A framework reads its own configuration when it starts.
    let programs: BTreeSet<&str> = started
        .commands
        .iter()
        .filter_map(|words| words.first())
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .collect();
    let is_read_at_start = |name: &str| {
        let stem = name.split('.').next().unwrap_or_default();
        name.contains(".config.") && (programs.contains(stem) || programs.contains("npx"))
    };
    for (target, path) in stage.files()? {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_source = [".js", ".ts", ".mjs", ".cjs", ".jsx", ".tsx", ".mts", ".cts"]
            .iter()
            .any(|ending| name.ends_with(ending));
        let is_aside = ASIDE.iter().any(|part| target.contains(part))
            || [".test.", ".spec.", ".config.", ".stories.", ".d.ts", ".conf.", ".setup."]
                .iter()
                .any(|part| name.contains(part))
            || name.starts_with('.')
            || matches!(
                name,
                "gulpfile.js" | "Gruntfile.js" | "jest.setup.js" | "setupTests.ts" | "setupTests.js"
            );
        if !is_source
            || (is_aside && !is_read_at_start(name))
            || !is_at_or_below(&target, &manifest.directory)
        {
            continue;
        }
        // Next looks for TypeScript when it starts with such a configuration, and installs it when it is missing.
        if name == "next.config.ts" && development.contains("typescript") && programs.contains("next") {
            return Err(Refusal::hazard("H119", format!("`{path}` needs TypeScript when Next starts")));
        }
        let Some(text) = stage.read(&path) else { continue };
        if let Some(used) = imported(&text).find(|module| development.contains(package_of(module))) {
            // A bundler has put it into what runs; only a server that is not bundled reads it at run time.
            return Err(Refusal::hazard(
                "H119",
                format!("`{path}` imports `{used}`, a development dependency"),
            ));
        }
    }
    Ok(())
}

/// The modules that a source imports or requires, type-only imports left out.
fn imported(text: &str) -> impl Iterator<Item = &str> {
    const MARKS: [&str; 4] = ["from ", "require(", "import(", "import "];
    let is_code = |line: &&str| {
        let line = line.trim_start();
        !line.starts_with("import type") && !line.starts_with("//")
    };
    text.lines().filter(is_code).flat_map(|line| {
        MARKS
            .iter()
            .flat_map(move |mark| line.match_indices(mark).map(|(at, mark)| at + mark.len()))
            .filter_map(move |start| {
                let rest = line.get(start..)?.trim_start();
                let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
                rest.get(1..)?.split(quote).next()
            })
    })
}

/// `@scope/name` of `@scope/name/part`, `name` of `name/part`.
fn package_of(module: &str) -> &str {
    let parts = if module.starts_with('@') { 2 } else { 1 };
    let end = module.match_indices('/').nth(parts - 1).map_or(module.len(), |(at, _)| at);
    module.get(..end).unwrap_or(module)
}

/// The packages of the distribution that dependencies need, where the full image has them and the slim one has not.
fn system_needs(
    stage: &BuildStage<'_>,
    manifests: &[Manifest],
    files: &BTreeMap<String, String>,
    pruned: bool,
) -> Result<Vec<String>, Refusal> {
    let mut packages = BTreeSet::new();
    let locks: Vec<(&str, String)> = manifests
        .iter()
        .flat_map(|manifest| {
            ["package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"]
                .map(|name| format!("{}/{name}", manifest.directory))
        })
        .filter_map(|path| files.get(&path))
        .filter_map(|path| Some((path.as_str(), stage.read(path)?)))
        .collect();
    for need in stage.subject.knowledge.dependency_needs("node") {
        let DependencyNeed { names, apt, hazard, why, .. } = need;
        let direct = names.iter().find(|name| {
            manifests.iter().any(|manifest| {
                manifest.kept().contains(name.as_str())
                    || (!pruned && hazard.is_none() && manifest.development().contains(name.as_str()))
            })
        });
        let through = || names.iter().find(|name| locks.iter().any(|(_, text)| is_locked(text, name)));
        let found = direct.or_else(|| if hazard.is_some() { None } else { through() });
        let Some(name) = found else { continue };
        if let (Some(_), Some(why)) = (hazard, why) {
            // Where nothing but the tools that were installed by name goes, what such a module needs stays.
            let hazard = if hazard.as_deref() == Some("H073") { "H073" } else { "H066" };
            if hazard == "H073" || stage.slim.is_some() {
                return Err(Refusal::hazard(hazard, format!("`{name}` {why}")));
            }
        }
        if stage.slim.is_some() && stage.facts.family != Some(Family::Alpine) {
            packages.extend(apt.iter().cloned());
        }
    }
    Ok(packages.into_iter().collect())
}

/// Whether a lockfile of npm, Yarn or pnpm has a package.
fn is_locked(text: &str, name: &str) -> bool {
    [
        format!("node_modules/{name}\""),
        format!("\n{name}@"),
        format!("\n\"{name}@"),
        format!("\n  {name}@"),
        format!("\n  '{name}@"),
        format!("\n  /{name}"),
    ]
    .iter()
    .any(|entry| text.contains(entry.as_str()))
}

/// No configuration of a bundler or compiler leads its products out of the directories that come over.
fn builds_inside(stage: &BuildStage<'_>) -> Result<(), Refusal> {
    const KEYS: &[&str] = &["outDir", "outputPath", "outputDir", "--outDir", "--out-dir", "--output-path"];
    for (target, path) in stage.files()? {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_config = name == "package.json"
            || name == "angular.json"
            || name.starts_with("tsconfig")
            || name.contains(".config.");
        let directory = target.rsplit_once('/').map_or("", |(directory, _)| directory);
        if !is_config || target.contains("/node_modules/") || !stage.is_inside(directory) {
            continue;
        }
        let Some(text) = stage.read(&path).filter(|text| KEYS.iter().any(|key| text.contains(key))) else {
            continue;
        };
        for key in KEYS {
            for (at, _) in text.match_indices(key) {
                let rest = text.get(at + key.len()..).unwrap_or_default();
                let value = rest.trim_start_matches(['"', '\'', ':', '=', ' ']);
                let end = value.find(['"', '\'', ' ', ',', '\n']).unwrap_or(value.len());
                let value = value.get(..end).unwrap_or_default();
                let leads_out = value.starts_with('/') || value.split('/').any(|part| part == "..");
                let whole =
                    if value.starts_with('/') { value.to_owned() } else { format!("{directory}/{value}") };
                let made = crate::context::normalise(&whole).map(|made| format!("/{made}"));
                if leads_out && !made.is_some_and(|made| stage.is_inside(&made)) {
                    return Err(Refusal::hazard("H080", format!("`{path}` puts products to `{value}`")));
                }
            }
        }
    }
    Ok(())
}

/// What comes over: the directories whole, or only the installed packages where everything else is copied from the context
/// behind the build again.
fn copies(stage: &BuildStage<'_>, manifests: &[Manifest], started: &Started) -> Result<Vec<String>, Refusal> {
    let mut copies = Vec::new();
    let only_installs = stage
        .commands()
        .all(|command| !matches!(command.effect, Effect::Builds { .. }) || is_install(command));
    let before = stage.files_before(stage.last + 1)?;
    let brought: BTreeSet<String> = again(stage);
    for directory in &stage.directories {
        let of_it = manifests.iter().find(|manifest| manifest.directory == *directory);
        let has_hooks = of_it.is_none_or(|manifest| {
            ["preinstall", "install", "postinstall", "prepare", "prepublish"]
                .iter()
                .any(|name| manifest.script(name).is_some())
        });
        let writes = stage.commands().any(|command| matches!(&command.effect, Effect::Writes(paths) | Effect::Fetches(paths) if paths.iter().any(|path| is_at_or_below(path, directory))));
        let covered = before
            .keys()
            .filter(|target| is_at_or_below(target, directory))
            .all(|target| brought.contains(target));
        let lock = of_it.is_some_and(|_| {
            ["package-lock.json", "yarn.lock", "pnpm-lock.yaml", "npm-shrinkwrap.json"]
                .iter()
                .any(|name| before.contains_key(&format!("{directory}/{name}")))
        });
        if only_installs && !has_hooks && !writes && covered && lock {
            copies.push(format!("{directory}/node_modules"));
        } else {
            copies.push(directory.clone());
        }
    }
    // What Corepack has fetched for the build it would fetch again at each start (H073).
    let enables = stage.commands().position(|command| command.program() == "corepack");
    let is_used = enables.is_some_and(|at| {
        stage.commands().skip(at).any(|command| matches!(command.program(), "yarn" | "pnpm"))
    });
    let is_plain = stage.commands().all(|command| {
        command.state.variable("COREPACK_HOME").is_none()
            && command.state.user.value().is_some_and(|user| user == "root")
    });
    let is_started = started.is_open
        || started
            .commands
            .iter()
            .any(|words| words.first().is_some_and(|word| matches!(word.as_str(), "yarn" | "pnpm")));
    if is_used && is_started {
        if !is_plain {
            return Err(Refusal::hazard("H073", "Corepack keeps the package manager in the home of a user"));
        }
        copies.push("/root/.cache/node/corepack".to_owned());
    }
    Ok(copies)
}

/// The targets of the COPYs behind the cut.
fn again(stage: &BuildStage<'_>) -> BTreeSet<String> {
    let view = crate::model::FileView::new(stage.subject.context);
    stage
        .tail()
        .filter_map(|(index, _)| view.copied(stage.model(), index))
        .flatten()
        .map(|file| file.target)
        .collect()
}

/// Whether a name ends in one of these endings, which have a case.
fn ends_in(name: &str, endings: &[&str]) -> bool {
    endings.iter().any(|ending| name.ends_with(ending))
}
