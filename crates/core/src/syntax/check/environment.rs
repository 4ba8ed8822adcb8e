//! The variables of each stage, as far as they are known.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

use super::mount;
use crate::syntax::{Environment, ExpandError, Expanded, Lexer, Lookup};

/// What is known of a variable.
#[derive(Clone, Debug)]
pub(super) enum Known {
    Value(String),
    Unknown,
}

/// The variables that one stage sets, on top of those of another.
pub(super) struct Layer {
    values: HashMap<String, Known>,
    parent: Option<usize>,
    /// Whether the image below may set variables of its own.
    open: bool,
    depth: usize,
}

/// A longer value is not kept: nothing it decides is checked here, and references to it could multiply.
const MAX_VALUE: usize = 1024;

/// Below so many stages nothing is known any more, so that no lookup walks far.
const MAX_DEPTH: usize = 64;

/// The characters that all the words of a file may be given, pattern matching counted with its steps.
const BUDGET: usize = 50_000_000;

/// The result of replacing a word's variables.
pub(super) enum Outcome {
    Known(Expanded),
    /// It hangs on something outside of the file.
    Unknown,
    /// BuildKit refuses the word, whatever the variables are.
    Invalid(String),
}

/// All layers of a file. The first is that of the ARGs before the first FROM.
pub(super) struct Environments {
    layers: Vec<Layer>,
    budget: Cell<usize>,
}

/// The arguments that BuildKit sets itself; they hang on the machine and the command line.
const PLATFORM_ARGUMENTS: &[&str] = &[
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDOSVERSION",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETOSVERSION",
    "TARGETARCH",
    "TARGETVARIANT",
    "TARGETSTAGE",
];

/// The layer of the ARGs before the first FROM.
pub(super) const GLOBAL: usize = 0;

impl Environments {
    pub(super) fn new() -> Self {
        let values = PLATFORM_ARGUMENTS.iter().map(|name| ((*name).to_owned(), Known::Unknown)).collect();
        let global = Layer { values, parent: None, open: false, depth: 0 };
        Self { layers: vec![global], budget: Cell::new(BUDGET) }
    }

    /// Adds a layer on top of another, or on an image whose variables are not known, or on nothing.
    pub(super) fn add(&mut self, parent: Option<usize>, open: bool) -> usize {
        let depth = parent.and_then(|parent| self.layers.get(parent)).map_or(0, |layer| layer.depth + 1);
        self.layers.push(Layer { values: HashMap::new(), parent, open, depth });
        self.layers.len() - 1
    }

    pub(super) fn set(&mut self, layer: usize, name: &str, value: Known) {
        let value = match value {
            Known::Value(value) if value.len() > MAX_VALUE => Known::Unknown,
            value => value,
        };
        if let Some(layer) = self.layers.get_mut(layer) {
            layer.values.insert(name.to_owned(), value);
        }
    }

    /// The value of an ARG before the first FROM; `None` when there is none.
    pub(super) fn global(&self, name: &str) -> Option<Known> {
        self.layers.first().and_then(|layer| layer.values.get(name)).cloned()
    }

    /// Replaces the variables of a word.
    pub(super) fn expand(&self, lexer: Lexer, word: &str, layer: usize) -> Outcome {
        let patterns = word.contains("${") && word.contains(['#', '%', '/']);
        let view =
            View { environments: self, layer, patterns: if patterns { word.len() } else { 0 }, guess: false };
        match lexer.expand(word, &view) {
            Ok(expanded) => Outcome::Known(expanded),
            Err(ExpandError::Invalid(message)) => Outcome::Invalid(message),
            // No operator fails because a variable is set: what fails now fails with every value.
            Err(_) => match lexer.expand(word, &View { guess: true, ..view }) {
                Err(ExpandError::Invalid(message)) => Outcome::Invalid(message),
                _ => Outcome::Unknown,
            },
        }
    }

    /// The same, for the field of a mount.
    pub(super) fn expand_field(&self, lexer: Lexer, word: &str, layer: usize) -> mount::Text {
        match self.expand(lexer, word, layer) {
            Outcome::Known(expanded) => mount::Text::Known(expanded.text),
            Outcome::Unknown => mount::Text::Unknown,
            Outcome::Invalid(message) => mount::Text::Invalid(message),
        }
    }
}

/// The variables as one word sees them.
struct View<'a> {
    environments: &'a Environments,
    layer: usize,
    /// The length of the word when it matches patterns, else 0.
    patterns: usize,
    /// Variables that are not known have some value.
    guess: bool,
}

impl View<'_> {
    fn find(&self, name: &str) -> Option<&Known> {
        let mut at = self.layer;
        loop {
            let layer = self.environments.layers.get(at)?;
            if layer.depth > MAX_DEPTH {
                return Some(&Known::Unknown);
            }
            if let Some(known) = layer.values.get(name) {
                return Some(known);
            }
            match layer.parent {
                Some(parent) => at = parent,
                None if layer.open => return Some(&Known::Unknown),
                None => return None,
            }
        }
    }

    /// Takes what a value costs from the budget.
    fn can_pay(&self, value: &str) -> bool {
        let len = value.len();
        let cost =
            if self.patterns > 0 { len.saturating_mul(len).saturating_mul(self.patterns) } else { len };
        let left = self.environments.budget.get().checked_sub(cost);
        self.environments.budget.set(left.unwrap_or(0));
        left.is_some()
    }
}

impl Environment for View<'_> {
    fn lookup(&self, name: &str) -> Lookup<'_> {
        match self.find(name) {
            None => Lookup::Unset,
            Some(Known::Value(value)) if self.can_pay(value) => Lookup::Set(Cow::Borrowed(value)),
            Some(_) if self.guess => Lookup::Set(Cow::Borrowed("x")),
            Some(_) => Lookup::Unknown,
        }
    }
}
