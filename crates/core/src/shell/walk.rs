//! All simple commands of a tree, in source order.

use super::tree::{Expansion, ExpansionKind, Item, Node, Simple, Word};

/// Collects simple commands.
pub(super) struct Walk<'a> {
    /// Whether those in substitutions count.
    pub(super) substitutions: bool,
    pub(super) found: Vec<&'a Simple>,
}

impl<'a> Walk<'a> {
    pub(super) fn list(&mut self, items: &'a [Item]) {
        for item in items {
            self.node(&item.node);
        }
    }

    fn node(&mut self, node: &'a Node) {
        match node {
            Node::Simple(simple) => self.simple(simple),
            Node::Pipeline(pipeline) => {
                for command in &pipeline.commands {
                    self.node(command);
                }
            }
            Node::Subshell(block) | Node::Group(block) => {
                self.list(&block.body);
                for redirect in &block.redirects {
                    self.word(&redirect.target);
                }
            }
            Node::Compound(compound) => {
                self.words(&compound.words);
                for section in &compound.sections {
                    self.words(&section.patterns);
                    self.list(&section.items);
                }
                for redirect in &compound.redirects {
                    self.word(&redirect.target);
                }
            }
            Node::Other { .. } => {}
        }
    }

    fn simple(&mut self, simple: &'a Simple) {
        self.found.push(simple);
        for assignment in &simple.assignments {
            self.word(&assignment.value);
        }
        self.words(&simple.words);
        for redirect in &simple.redirects {
            self.word(&redirect.target);
        }
    }

    fn words(&mut self, words: &'a [Word]) {
        for word in words {
            self.word(word);
        }
    }

    fn word(&mut self, word: &'a Word) {
        if self.substitutions {
            self.expansions(&word.expansions);
        }
    }

    fn expansions(&mut self, expansions: &'a [Expansion]) {
        for expansion in expansions {
            match &expansion.kind {
                ExpansionKind::Command(items) | ExpansionKind::Process(items) => self.list(items),
                ExpansionKind::Parameter { nested, .. } | ExpansionKind::Arithmetic { nested } => {
                    self.expansions(nested);
                }
                ExpansionKind::Array(elements) => self.words(elements),
                ExpansionKind::Opaque | ExpansionKind::Dollar => {}
            }
        }
    }
}
