//! Making the stages: an interpreter of the instructions that keeps track of the state.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};

use super::state::Variables;
use super::{Base, Cause, CommandLine, ImageConfig, Known, Meaning, ShellKind, Stage, State, Step};
use crate::knowledge::{ImageFacts, Knowledge, Shell};
use crate::syntax::{Dockerfile, Environment, ExpandError, Instruction, Keyword, Lexer, Lookup};

/// What a model is made from besides the file.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ModelInputs<'a> {
    /// What is known about images.
    pub knowledge: &'a Knowledge,
    /// Names of stages that something outside of the file builds (`--target` in Compose or Bake), in lower case.
    pub targets: &'a [String],
    /// The images that other Dockerfiles of the repository build, by reference.
    pub built_here: Option<&'a BTreeMap<String, BuiltImage>>,
}

/// How an image that a Dockerfile of the repository builds ends: a stage from it goes on from there (H155).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BuiltImage {
    state: State,
    config: ImageConfig,
    facts: Option<Arc<ImageFacts>>,
}

impl BuiltImage {
    /// The image that a stage ends with.
    pub fn of(stage: &Stage) -> Self {
        let mut end = State::clone(&stage.end);
        // Arguments end with their stage, and instructions are numbered in their own file.
        end.args = Variables::default();
        let mut config = stage.config.clone();
        for command in [&mut config.entrypoint, &mut config.cmd] {
            if let Known::Value(Some(command)) = command {
                command.instruction = None;
            }
        }
        Self { state: end, config, facts: stage.facts.clone() }
    }
}

impl Default for ModelInputs<'_> {
    fn default() -> Self {
        static BUILTIN: LazyLock<Knowledge> = LazyLock::new(Knowledge::builtin);
        Self { knowledge: &BUILTIN, targets: &[], built_here: None }
    }
}

impl<'a> ModelInputs<'a> {
    /// Inputs with this knowledge and these targets.
    pub fn new(knowledge: &'a Knowledge, targets: &'a [String]) -> Self {
        Self { knowledge, targets, built_here: None }
    }

    /// The same, with the images that other Dockerfiles of the repository build.
    #[must_use]
    pub fn with_images(mut self, images: &'a BTreeMap<String, BuiltImage>) -> Self {
        self.built_here = Some(images);
        self
    }
}

/// What is made of a file.
pub(super) struct Built {
    pub(super) stages: Vec<Stage>,
    /// For each instruction its stage and step.
    pub(super) places: Vec<Option<(usize, usize)>>,
    /// The stages of each name, in order.
    pub(super) names: BTreeMap<String, Vec<usize>>,
}

pub(super) fn build(file: &Dockerfile, inputs: &ModelInputs<'_>) -> Built {
    let mut builder = Builder {
        file,
        inputs,
        lexer: Lexer::new(file.escape()),
        globals: Globals { values: BTreeMap::new() },
        stages: Vec::new(),
        places: vec![None; file.instructions().len()],
        names: BTreeMap::new(),
    };
    for (index, instruction) in file.instructions().iter().enumerate() {
        builder.instruction(index, instruction);
    }
    builder.close_stage();
    builder.mark_shipped();
    Built { stages: builder.stages, places: builder.places, names: builder.names }
}

/// The arguments before the first FROM. They are seen by FROM lines alone.
struct Globals {
    values: BTreeMap<String, Known<String>>,
}

impl Environment for Globals {
    fn lookup(&self, name: &str) -> Lookup<'_> {
        match self.values.get(name) {
            Some(Known::Value(value)) => Lookup::Set(value.as_str().into()),
            Some(Known::Unknown(_)) => Lookup::Unknown,
            None if is_platform_argument(name) => Lookup::Unknown,
            None => Lookup::Unset,
        }
    }
}

/// The arguments that BuildKit sets itself, for the platform of the build.
///
/// Source: the Dockerfile reference, "Automatic platform ARGs in the global scope".
fn is_platform_argument(name: &str) -> bool {
    let rest = name.strip_prefix("TARGET").or_else(|| name.strip_prefix("BUILD"));
    matches!(rest, Some("PLATFORM" | "OS" | "ARCH" | "VARIANT" | "STAGE" | "OSVERSION"))
}

struct Builder<'a> {
    file: &'a Dockerfile,
    inputs: &'a ModelInputs<'a>,
    lexer: Lexer,
    globals: Globals,
    stages: Vec<Stage>,
    places: Vec<Option<(usize, usize)>>,
    /// The stages of each name, in order.
    names: BTreeMap<String, Vec<usize>>,
}

impl Builder<'_> {
    fn instruction(&mut self, index: usize, instruction: &Instruction) {
        if instruction.keyword == Keyword::From {
            self.close_stage();
            self.from(index, instruction);
            return;
        }
        let Some(stage) = self.stages.last_mut() else {
            if instruction.keyword == Keyword::Arg {
                self.global_arguments(instruction);
            }
            return;
        };
        self.places[index] = Some((stage.index, stage.steps.len()));
        stage.steps.push(Step { instruction: index, state: Arc::clone(&stage.end) });
        Effect { file: self.file, lexer: self.lexer, globals: &self.globals, stage, index }
            .apply(instruction);
    }

    fn global_arguments(&mut self, instruction: &Instruction) {
        for text in instruction.value_texts() {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, expand(self.lexer, value, &self.globals)),
                None => (text, Known::Unknown(Cause::BuildArgument(text.to_owned()))),
            };
            self.globals.values.insert(name.to_owned(), value);
        }
    }

    fn from(&mut self, index: usize, instruction: &Instruction) {
        let mut values = instruction.value_texts();
        let reference = values.next().unwrap_or_default();
        let name = match (values.next(), values.next()) {
            (Some(word), Some(name)) if word.eq_ignore_ascii_case("as") => Some(name.to_lowercase()),
            _ => None,
        };
        let base = match expand(self.lexer, reference, &self.globals) {
            Known::Value(reference) => self.base(&reference),
            Known::Unknown(Cause::Variable(argument)) => Base::Unknown(Cause::BuildArgument(argument)),
            Known::Unknown(cause) => Base::Unknown(cause),
        };
        let (end, config, facts) = self.start(&base, reference);
        let stage = Stage {
            index: self.stages.len(),
            name: name.clone(),
            from: index,
            base,
            facts,
            steps: Vec::new(),
            end: Arc::new(end),
            config,
            shipped: false,
            sets_cmd: false,
        };
        if let Some(name) = name {
            self.names.entry(name).or_default().push(stage.index);
        }
        self.stages.push(stage);
    }

    fn base(&self, reference: &str) -> Base {
        if let Some(stage) = self.names.get(&reference.to_lowercase()).and_then(|stages| stages.last()) {
            return Base::Stage(*stage);
        }
        match reference {
            "scratch" => Base::Scratch,
            "" => Base::Unknown(Cause::Invalid("the name of the base image is empty".to_owned())),
            _ => Base::Image(reference.to_owned()),
        }
    }

    /// The state and config that a stage begins with; `reference` is its base as it is written.
    fn start(&self, base: &Base, reference: &str) -> (State, ImageConfig, Option<Arc<ImageFacts>>) {
        match base {
            Base::Stage(parent) => {
                let parent = &self.stages[*parent];
                let mut state = State::clone(&parent.end);
                // Arguments end with their stage; ENV goes on.
                state.args = Variables::default();
                // Triggers do not go on either. Source: BuildKit, `dispatchState.init`.
                let config = ImageConfig { triggers: Vec::new(), ..parent.config.clone() };
                (state, config, parent.facts.clone())
            }
            Base::Image(reference) => {
                if let Some(built) = self.inputs.built_here.and_then(|built| built.get(reference)) {
                    return (built.state.clone(), built.config.clone(), built.facts.clone());
                }
                let facts = self.inputs.knowledge.image(reference);
                let (state, config) = start_from_image(reference, facts.as_ref());
                (state, config, facts.map(Arc::new))
            }
            Base::Scratch => {
                let facts = self.inputs.knowledge.image("scratch");
                let (mut state, config) = start_from_image("scratch", facts.as_ref());
                state.outside = None;
                (state, config, facts.map(Arc::new))
            }
            Base::Unknown(_) => {
                let (state, config) = start_from_image(reference, None);
                (state, config, None)
            }
        }
    }

    fn close_stage(&mut self) {
        if let Some(stage) = self.stages.last_mut() {
            stage.config.user = stage.end.user.clone();
            stage.config.workdir = stage.end.workdir.clone();
        }
    }

    /// Marks the last stage, the named targets, and the stages these are built on.
    fn mark_shipped(&mut self) {
        let last = self.stages.len().saturating_sub(1);
        for index in (0..self.stages.len()).rev() {
            let stage = &mut self.stages[index];
            let is_target = stage.name.as_ref().is_some_and(|name| self.inputs.targets.contains(name));
            stage.shipped |= index == last || is_target;
            if let (true, Base::Stage(base)) = (stage.shipped, stage.base.clone()) {
                self.stages[base].shipped = true;
            }
        }
    }
}

/// The state and config of a stage that starts from an image.
fn start_from_image(reference: &str, facts: Option<&ImageFacts>) -> (State, ImageConfig) {
    let unknown = || Cause::BaseImage(reference.to_owned());
    let user = facts
        .and_then(|facts| facts.user.as_ref())
        .and_then(|user| user.name.clone().or_else(|| user.uid.map(|uid| uid.to_string())));
    let user = user.map_or_else(|| Known::Unknown(unknown()), Known::Value);
    let workdir = facts.and_then(|facts| facts.workdir.clone());
    let workdir = workdir.map_or_else(|| Known::Unknown(unknown()), Known::Value);
    let command = |words: Option<&Vec<String>>| match words {
        Some(words) if words.is_empty() => Known::Value(None),
        Some(words) => Known::Value(Some(CommandLine {
            words: words.clone(),
            exec: true,
            instruction: None,
            set_here: false,
        })),
        None => Known::Unknown(unknown()),
    };
    let config = ImageConfig {
        user: user.clone(),
        workdir: workdir.clone(),
        entrypoint: command(facts.and_then(|facts| facts.entrypoint.as_ref())),
        cmd: command(facts.and_then(|facts| facts.cmd.as_ref())),
        healthcheck: None,
        exposed: RedBlackTreeSetSync::default(),
        volumes: RedBlackTreeSetSync::default(),
        labels: RedBlackTreeMapSync::default(),
        env: RedBlackTreeMapSync::default(),
        stop_signal: None,
        shell: None,
        author: None,
        triggers: Vec::new(),
    };
    let default_shell = facts.and_then(|facts| facts.shell).map(|shell| match shell {
        Shell::Absent => ShellKind::None,
        Shell::Cmd => ShellKind::Windows,
        _ => ShellKind::Posix,
    });
    let state = State {
        user,
        workdir,
        shell: facts.and_then(|facts| facts.default_shell.clone()),
        shell_is_explicit: false,
        default_shell,
        env: Variables::default(),
        args: Variables::default(),
        outside: Some(reference.to_owned()),
    };
    (state, config)
}

/// The value of a word.
fn expand(lexer: Lexer, word: &str, environment: &dyn Environment) -> Known<String> {
    match lexer.expand(word, environment) {
        Ok(expanded) => Known::Value(expanded.text),
        Err(ExpandError::Unknown(name)) => Known::Unknown(Cause::Variable(name)),
        Err(ExpandError::Invalid(message)) => Known::Unknown(Cause::Invalid(message)),
    }
}

/// The effect of one instruction on its stage.
struct Effect<'a> {
    file: &'a Dockerfile,
    lexer: Lexer,
    globals: &'a Globals,
    stage: &'a mut Stage,
    index: usize,
}

impl Effect<'_> {
    fn expand(&self, word: &str) -> Known<String> {
        match expand(self.lexer, word, &*self.stage.end) {
            Known::Unknown(Cause::Variable(name)) => Known::Unknown(self.stage.end.unknown_cause(&name)),
            value => value,
        }
    }

    fn state(&mut self) -> &mut State {
        Arc::make_mut(&mut self.stage.end)
    }

    fn apply(mut self, instruction: &Instruction) {
        let first = instruction.value_texts().next().unwrap_or_default().to_owned();
        match instruction.keyword {
            Keyword::User => {
                let user = self.expand(&first);
                self.state().user = user;
            }
            Keyword::Workdir => {
                let workdir = self.workdir(&first);
                self.state().workdir = workdir;
            }
            Keyword::Env => self.env(instruction),
            Keyword::Arg => self.arguments(instruction),
            Keyword::Shell if instruction.json => {
                let words: Vec<String> = instruction.value_texts().map(str::to_owned).collect();
                self.stage.config.shell = Some(words.clone());
                let state = self.state();
                state.shell = Some(words);
                state.shell_is_explicit = true;
            }
            Keyword::Cmd => {
                self.stage.sets_cmd = true;
                self.stage.config.cmd = Known::Value(self.command(instruction));
            }
            Keyword::Entrypoint => self.entrypoint(instruction),
            Keyword::Healthcheck => {
                self.stage.config.healthcheck = Some(self.render(instruction));
            }
            Keyword::Expose => {
                let ports = instruction.value_texts().map(str::to_owned);
                ports.for_each(|port| self.stage.config.exposed.insert_mut(port));
            }
            Keyword::Volume => {
                let volumes = instruction.value_texts().map(str::to_owned);
                volumes.for_each(|volume| self.stage.config.volumes.insert_mut(volume));
            }
            Keyword::Label => {
                for pair in &instruction.pairs {
                    let name = self.lexer_text(&pair.name.text);
                    let value = self.lexer_text(&pair.value.text);
                    self.stage.config.labels.insert_mut(name, value);
                }
            }
            Keyword::Stopsignal => self.stage.config.stop_signal = Some(first),
            Keyword::Maintainer => self.stage.config.author = Some(first),
            Keyword::Onbuild => {
                let trigger = self.render(instruction);
                self.stage.config.triggers.push(trigger);
            }
            _ => {}
        }
    }

    fn render(&self, instruction: &Instruction) -> String {
        Meaning::of(self.file, instruction).to_string()
    }

    /// A word with quotes resolved; variables stay in place where one of them is not known. Two spellings of one value
    /// give the same text.
    fn lexer_text(&self, text: &str) -> String {
        match self.expand(text) {
            Known::Value(value) => value,
            Known::Unknown(_) => self.in_place(text),
        }
    }

    /// A word with quotes resolved and variables as they are written.
    fn in_place(&self, text: &str) -> String {
        let expanded = self.lexer.skip_unset().expand(text, &|_: &str| None);
        expanded.map_or_else(|_| text.to_owned(), |expanded| expanded.text)
    }

    /// Source: the Dockerfile reference, "WORKDIR": a relative path is taken from the previous one.
    fn workdir(&self, word: &str) -> Known<String> {
        let Known::Value(path) = self.expand(word) else { return self.expand(word) };
        if path.starts_with('/') || path.as_bytes().get(1) == Some(&b':') || path.starts_with('\\') {
            return Known::Value(clean_path(&path));
        }
        match &self.stage.end.workdir {
            Known::Value(before) => Known::Value(clean_path(&format!("{before}/{path}"))),
            Known::Unknown(cause) => Known::Unknown(cause.clone()),
        }
    }

    /// Source: the Dockerfile reference, "ENV": all values of one instruction see the state before it.
    fn env(&mut self, instruction: &Instruction) {
        let mut set = Vec::new();
        for pair in &instruction.pairs {
            let Known::Value(name) = self.expand(&pair.name.text) else { continue };
            set.push((name, self.expand(&pair.value.text), self.lexer_text(&pair.value.text)));
        }
        for (name, value, written) in set {
            self.stage.config.env.insert_mut(name.clone(), written);
            self.state().env.insert_mut(name, value);
        }
    }

    /// Source: the Dockerfile reference, "ARG": one without a default takes the one before the first FROM.
    fn arguments(&mut self, instruction: &Instruction) {
        for text in instruction.value_texts() {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, self.expand(value)),
                None => (
                    text,
                    self.globals.values.get(text).cloned().unwrap_or_else(|| argument_of_outside(text)),
                ),
            };
            self.state().args.insert_mut(name.to_owned(), value);
        }
    }

    fn command(&self, instruction: &Instruction) -> Option<CommandLine> {
        let mut words: Vec<String> = instruction.value_texts().map(str::to_owned).collect();
        if words.is_empty() {
            return None;
        }
        if !instruction.json {
            let shell = self.stage.end.shell_words();
            words.splice(0..0, shell);
        }
        Some(CommandLine { words, exec: instruction.json, instruction: Some(self.index), set_here: true })
    }

    /// An ENTRYPOINT drops the CMD that the stage has not set itself (H008).
    ///
    /// Source: the Dockerfile reference, "Understand how CMD and ENTRYPOINT interact".
    fn entrypoint(&mut self, instruction: &Instruction) {
        self.stage.config.entrypoint = Known::Value(self.command(instruction));
        if !self.stage.sets_cmd {
            self.stage.config.cmd = Known::Value(None);
        }
    }
}

fn argument_of_outside(name: &str) -> Known<String> {
    Known::Unknown(Cause::BuildArgument(name.to_owned()))
}

/// An absolute path without empty, `.` and `..` parts and without a slash at its end.
fn clean_path(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
