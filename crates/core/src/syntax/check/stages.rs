//! The second pass: stages, their variables, and the values that these make.

mod copy;

use std::collections::{HashMap, HashSet};

use super::environment::{Environments, GLOBAL, Known, Outcome};
use super::mount::Directory;
use super::{Checker, Wrong, flag_value_span, mount, numbers, part, reference, values};
use crate::syntax::{Flag, Heredoc, Instruction, Keyword, Lexer, ProblemKind, Span};

/// What a stage is built on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    Stage(usize),
    Scratch,
    Image,
}

struct Stage<'a> {
    /// The name in lower case.
    name: Option<String>,
    base: Base,
    /// The instructions that may be looked at.
    instructions: Vec<&'a Instruction>,
    /// What ONBUILD of the base brings in.
    triggers: Vec<Ran<'a>>,
    /// The base has triggers that are not looked at again: what they set is not known.
    opaque: bool,
}

/// An instruction that runs in a stage, with the heredocs that belong to it.
#[derive(Clone, Copy)]
struct Ran<'a> {
    instruction: &'a Instruction,
    heredocs: &'a [Heredoc],
}

/// Runs the second pass over the instructions that are not broken.
pub(super) fn check(checker: &mut Checker<'_>, broken: &[bool]) {
    let lexer = Lexer::new(checker.file.escape());
    let mut pass = Pass {
        environments: Environments::new(),
        lexer,
        stages: Vec::new(),
        by_name: HashMap::new(),
        added_sources: 0,
        directory: Vec::new(),
        layers: Vec::new(),
        checker,
    };
    pass.collect(broken);
    pass.bring_in_triggers();
    for index in 0..pass.stages.len() {
        pass.stage(index);
    }
}

struct Pass<'c, 'a> {
    checker: &'c mut Checker<'a>,
    environments: Environments,
    lexer: Lexer,
    stages: Vec<Stage<'a>>,
    /// The last stage of each name.
    by_name: HashMap<String, usize>,
    /// BuildKit counts images and scratch, as they are copied or mounted from, behind the stages; a number in --from
    /// can name them.
    added_sources: usize,
    /// Where each stage's working directory is at its end.
    directory: Vec<Directory>,
    /// The layer of each stage's variables.
    layers: Vec<usize>,
}

impl<'a> Pass<'_, 'a> {
    fn add(&mut self, instruction: &Instruction, wrong: Wrong) {
        self.checker.add(instruction, wrong);
    }

    /// Reads the ARGs before the first FROM, and each FROM.
    fn collect(&mut self, broken: &[bool]) {
        let file = self.checker.file;
        for (instruction, broken) in file.instructions().iter().zip(broken) {
            if instruction.keyword == Keyword::From {
                self.from(instruction, *broken);
            } else if let Some(stage) = self.stages.last_mut() {
                if !broken {
                    stage.instructions.push(instruction);
                }
            } else if instruction.keyword == Keyword::Arg && !broken {
                self.arg(instruction, GLOBAL);
            }
        }
    }

    fn from(&mut self, instruction: &'a Instruction, broken: bool) {
        let base = if broken { Some(Base::Image) } else { self.base(instruction) };
        let name = match instruction.values.as_slice() {
            [_, separator, name] if separator.text.eq_ignore_ascii_case("as") => {
                Some(name.text.to_lowercase())
            }
            _ => None,
        };
        if let Some(name) = &name {
            self.by_name.insert(name.clone(), self.stages.len());
        }
        let base = base.unwrap_or(Base::Image);
        self.stages.push(Stage { name, base, instructions: Vec::new(), triggers: Vec::new(), opaque: false });
        if !broken && let Some(flag) = instruction.flag("platform") {
            self.platform(instruction, flag);
        }
    }

    /// What a FROM is built on; `None` when that is not known or wrong.
    fn base(&mut self, instruction: &Instruction) -> Option<Base> {
        let image = instruction.values.first()?;
        let (name, variables) = match self.environments.expand(self.lexer, &image.text, GLOBAL) {
            Outcome::Unknown => return None,
            Outcome::Invalid(message) => {
                self.add(instruction, Wrong::new(ProblemKind::BadValue, image.span, message));
                return None;
            }
            Outcome::Known(expanded) => (expanded.text, expanded.variables),
        };
        if name.is_empty() {
            let message = format!("the image {} is empty: no ARG above the first FROM sets it", image.text);
            self.add(instruction, Wrong::new(ProblemKind::BadReference, image.span, message));
            return None;
        }
        if let Some(stage) = self.by_name.get(&name) {
            return Some(Base::Stage(*stage));
        }
        if name == "scratch" {
            return Some(Base::Scratch);
        }
        if let Some((message, suggestion)) = reference::problem(&name) {
            let unset = variables.iter().find(|name| self.environments.global(name).is_none());
            let message = match unset {
                Some(unset) => format!("the image is {name:?}, as no ARG above the first FROM sets {unset}"),
                None => message,
            };
            // A suggestion for what stands in a variable would go to the wrong place.
            let suggestion = suggestion.filter(|_| image.text == name);
            let wrong = Wrong::new(ProblemKind::BadReference, image.span, message);
            self.add(instruction, wrong.suggesting(suggestion));
        }
        Some(Base::Image)
    }

    fn platform(&mut self, instruction: &Instruction, flag: &Flag) {
        let Some(value) = flag.value().filter(|value| !value.is_empty()) else { return };
        let span = flag_value_span(instruction, flag);
        let (message, suggestion) = match self.environments.expand(self.lexer, value, GLOBAL) {
            Outcome::Unknown => return,
            Outcome::Invalid(message) => (message, None),
            Outcome::Known(expanded) if expanded.text.is_empty() => {
                (format!("the platform {value} is empty"), None)
            }
            Outcome::Known(expanded) => match reference::platform_problem(&expanded.text) {
                None => return,
                Some((message, suggestion)) => (message, suggestion.filter(|_| expanded.text == value)),
            },
        };
        self.add(instruction, Wrong::new(ProblemKind::BadValue, span, message).suggesting(suggestion));
    }

    /// Gives each stage that the last one needs the ONBUILD instructions of its base.
    ///
    /// BuildKit does not look at them otherwise. A trigger is judged where it runs first.
    fn bring_in_triggers(&mut self) {
        let Some(last) = self.stages.len().checked_sub(1) else { return };
        let mut reached = HashSet::from([last]);
        let mut used_bases = HashSet::new();
        let mut open = vec![last];
        while let Some(index) = open.pop() {
            let mut needs = Vec::new();
            let Some(stage) = self.stages.get(index) else { continue };
            if let Base::Stage(base) = stage.base {
                needs.push(base);
                self.inherit_triggers(index, base, &mut used_bases);
            }
            if let Some(stage) = self.stages.get(index) {
                let own = stage.instructions.iter().copied();
                for instruction in own.chain(stage.triggers.iter().map(|ran| ran.instruction)) {
                    needs.extend(self.needs(instruction));
                }
            }
            open.extend(needs.into_iter().filter(|need| reached.insert(*need)));
        }
    }

    fn inherit_triggers(&mut self, index: usize, base: usize, used_bases: &mut HashSet<usize>) {
        let triggers: Vec<Ran<'a>> = self
            .stages
            .get(base)
            .into_iter()
            .flat_map(|base| &base.instructions)
            .filter_map(|onbuild| {
                let instruction = onbuild.trigger.as_deref()?;
                Some(Ran { instruction, heredocs: &onbuild.heredocs })
            })
            .collect();
        if triggers.is_empty() {
            return;
        }
        let first_use = used_bases.insert(base);
        let mut sound = Vec::new();
        for ran in triggers.into_iter().filter(|_| first_use) {
            let wrongs = self.checker.judge(ran.instruction);
            if wrongs.is_empty() {
                sound.push(ran);
            }
            for wrong in wrongs {
                self.add(ran.instruction, wrong);
            }
        }
        if let Some(stage) = self.stages.get_mut(index) {
            stage.triggers = sound;
            stage.opaque = !first_use;
        }
    }

    /// The stages that an instruction copies or mounts from.
    fn needs(&self, instruction: &Instruction) -> Vec<usize> {
        let mut needs = Vec::new();
        match instruction.keyword {
            Keyword::Copy => {
                let from = instruction.flag("from").and_then(Flag::value).unwrap_or_default();
                let number = numbers::integer(from).and_then(|number| usize::try_from(number).ok());
                needs.extend(number.or_else(|| self.by_name.get(&from.to_lowercase()).copied()));
            }
            Keyword::Run => {
                for flag in instruction.flags.iter().filter(|flag| flag.name() == "mount") {
                    let from = mount::source(flag).from.unwrap_or_default();
                    needs.extend(self.by_name.get(&from.to_lowercase()));
                }
            }
            _ => {}
        }
        needs.retain(|need| *need < self.stages.len());
        needs
    }

    /// Walks through a stage's instructions.
    fn stage(&mut self, index: usize) {
        let Some(stage) = self.stages.get_mut(index) else { return };
        let instructions = std::mem::take(&mut stage.instructions);
        let triggers = std::mem::take(&mut stage.triggers);
        let (parent, open, directory) = match stage.base {
            Base::Stage(_) if stage.opaque => (None, true, Directory::UNKNOWN),
            Base::Stage(base) => (
                self.layers.get(base).copied(),
                false,
                self.directory.get(base).copied().unwrap_or(Directory::UNKNOWN),
            ),
            Base::Scratch => (None, false, Directory::ROOT),
            Base::Image => (None, true, Directory::UNKNOWN),
        };
        let layer = self.environments.add(parent, open);
        if stage.base == Base::Scratch {
            // BuildKit sets it where an image does not; its value decides nothing here.
            self.environments.set(layer, "PATH", Known::Unknown);
        }
        self.layers.push(layer);
        let mut place = Place { stage: index, layer, directory };
        for ran in triggers {
            self.run(ran, &mut place);
        }
        for instruction in instructions {
            self.run(Ran { instruction, heredocs: &instruction.heredocs }, &mut place);
        }
        self.directory.push(place.directory);
    }

    fn run(&mut self, ran: Ran<'a>, place: &mut Place) {
        let instruction = ran.instruction;
        match instruction.keyword {
            Keyword::Arg => self.arg(instruction, place.layer),
            Keyword::Env | Keyword::Label => self.pairs(instruction, place.layer),
            Keyword::Run => self.mounts(instruction, place),
            Keyword::Add | Keyword::Copy => self.copy(ran, place),
            Keyword::Workdir => self.workdir(instruction, place),
            Keyword::Expose => self.expose(instruction, place.layer),
            Keyword::Volume | Keyword::User | Keyword::Stopsignal => self.words(instruction, place.layer),
            _ => {}
        }
    }

    /// Replaces the variables of a word, and tells when that is refused. `None` when the result is not known.
    fn expand(&mut self, instruction: &Instruction, word: &str, span: Span, layer: usize) -> Option<String> {
        match self.environments.expand(self.lexer, word, layer) {
            Outcome::Known(expanded) => Some(expanded.text),
            Outcome::Unknown => None,
            Outcome::Invalid(message) => {
                self.add(instruction, Wrong::new(ProblemKind::BadValue, span, message));
                None
            }
        }
    }

    /// ARG, before the first FROM or in a stage. A default that is empty says only that the value comes from outside.
    fn arg(&mut self, instruction: &Instruction, layer: usize) {
        for value in &instruction.values {
            let (name, default) = match value.text.split_once('=') {
                Some((name, default)) => (name, Some(default)),
                None => (value.text.as_str(), None),
            };
            let known = match default {
                Some(default) => {
                    let span = part(instruction, value.span, &value.text, name.len() + 1, value.text.len());
                    match self.expand(instruction, default, span, layer) {
                        Some(value) if !value.is_empty() => Known::Value(value),
                        _ => Known::Unknown,
                    }
                }
                None if layer == GLOBAL => Known::Unknown,
                None => self.environments.global(name).unwrap_or(Known::Unknown),
            };
            self.environments.set(layer, name, known);
        }
    }

    /// ENV and LABEL. All values are read before the first of them counts.
    fn pairs(&mut self, instruction: &Instruction, layer: usize) {
        let mut set = Vec::new();
        for pair in &instruction.pairs {
            let name = self.expand(instruction, &pair.name.text, pair.name.span, layer);
            let value = self.expand(instruction, &pair.value.text, pair.value.span, layer);
            set.extend(name.map(|name| (name, value.map_or(Known::Unknown, Known::Value))));
        }
        if instruction.keyword == Keyword::Env {
            for (name, value) in set {
                self.environments.set(layer, &name, value);
            }
        }
    }

    /// VOLUME, USER and STOPSIGNAL.
    fn words(&mut self, instruction: &Instruction, layer: usize) {
        for value in &instruction.values {
            // BuildKit drops the blanks around a path of VOLUME; a JSON string may have some.
            let word = if instruction.keyword == Keyword::Volume { value.text.trim() } else { &value.text };
            let Some(text) = self.expand(instruction, word, value.span, layer) else { continue };
            let (message, suggestion) = match instruction.keyword {
                Keyword::Volume if text.is_empty() => (format!("the path {word} of VOLUME is empty"), None),
                Keyword::Stopsignal => match values::signal_problem(&text) {
                    Some((message, suggestion)) => (message, suggestion.filter(|_| text == value.text)),
                    None => continue,
                },
                _ => continue,
            };
            let wrong = Wrong::new(ProblemKind::BadValue, value.span, message);
            self.add(instruction, wrong.suggesting(suggestion));
        }
    }

    fn expose(&mut self, instruction: &Instruction, layer: usize) {
        for value in &instruction.values {
            let words = match self.environments.expand(self.lexer, &value.text, layer) {
                Outcome::Known(expanded) => expanded.words,
                Outcome::Unknown => continue,
                Outcome::Invalid(message) => {
                    self.add(instruction, Wrong::new(ProblemKind::BadValue, value.span, message));
                    continue;
                }
            };
            for word in words {
                let Some((message, suggestion)) = values::port_problem(&word) else { continue };
                let wrong = Wrong::new(ProblemKind::BadValue, value.span, message);
                self.add(instruction, wrong.suggesting(suggestion.filter(|_| word == value.text)));
                if word.starts_with('#') {
                    // A comment behind the ports: its other words are no news.
                    return;
                }
            }
        }
    }

    fn workdir(&mut self, instruction: &Instruction, place: &mut Place) {
        let Some(value) = instruction.values.first() else { return };
        let path = self.expand(instruction, &value.text, value.span, place.layer);
        place.directory = path.map_or(Directory::UNKNOWN, |path| place.directory.join(&path));
    }

    fn mounts(&mut self, instruction: &Instruction, place: &Place) {
        for flag in instruction.flags.iter().filter(|flag| flag.name() == "mount") {
            let mount = mount::source(flag);
            let mut wrongs = Vec::new();
            let from = mount.from.as_deref().unwrap_or("scratch");
            match self.by_name.get(&from.to_lowercase()).copied() {
                Some(stage) if stage >= place.stage && mount.from.is_some() => {
                    wrongs.push(mount.wrong_from(
                        instruction,
                        flag,
                        self.too_late(from, stage, place, "mount"),
                    ));
                }
                Some(_) => {}
                None => {
                    self.added_sources += 1;
                    if from != "scratch"
                        && let Some((message, _)) = reference::problem(from)
                    {
                        wrongs.push(mount.wrong_from(instruction, flag, message));
                    }
                }
            }
            if wrongs.is_empty() {
                let expand = |word: &str| self.environments.expand_field(self.lexer, word, place.layer);
                mount::check_late(instruction, flag, place.directory, expand, &mut wrongs);
            }
            for wrong in wrongs {
                self.add(instruction, wrong);
            }
        }
    }

    /// Why a stage cannot be the source of something in this stage.
    fn too_late(&self, from: &str, stage: usize, place: &Place, verb: &str) -> String {
        if stage == place.stage {
            return format!("a stage cannot {verb} from itself");
        }
        let shown = self.stages.get(stage).and_then(|stage| stage.name.as_deref()).unwrap_or(from);
        format!("the stage {shown} begins further down; a stage can {verb} only from stages above it")
    }
}

/// Where an instruction runs.
struct Place {
    stage: usize,
    layer: usize,
    directory: Directory,
}
