//! What is known of a command only when all around it has been read: where it runs, and the text of here-documents.

use super::tree::{
    Context, Expansion, ExpansionKind, HereDoc, Item, Keyword, Node, Redirect, RedirectOp, Role, Simple, Word,
};

/// The here-documents of a script by the place of their operators, which ascends.
pub(super) struct Settle<'d> {
    pub(super) here_docs: &'d [(usize, HereDoc)],
}

impl Settle<'_> {
    pub(super) fn list(&self, items: &mut [Item], context: Context) {
        let mut in_background = context.in_background;
        let mut chained = false;
        // Backwards, because the `&` stands at the end of the chain that it sends to the background.
        for item in items.iter_mut().rev() {
            if !chained {
                in_background = context.in_background || item.background.is_some();
            }
            self.node(&mut item.node, Context { in_background, ..context });
            chained = item
                .joiner
                .as_ref()
                .is_some_and(|join| matches!(join.kind, super::Joiner::And | super::Joiner::Or));
        }
    }

    fn node(&self, node: &mut Node, context: Context) {
        match node {
            Node::Simple(simple) => self.simple(simple, context),
            Node::Pipeline(pipeline) => {
                let inner = Context {
                    in_pipeline: context.in_pipeline || pipeline.commands.len() > 1,
                    negated: context.negated || pipeline.negated.is_some(),
                    ..context
                };
                for command in &mut pipeline.commands {
                    self.node(command, inner);
                }
            }
            Node::Subshell(block) => {
                self.list(&mut block.body, Context { in_subshell: true, ..context });
                self.redirects(&mut block.redirects, context);
            }
            Node::Group(block) => {
                self.list(&mut block.body, Context { in_group: true, ..context });
                self.redirects(&mut block.redirects, context);
            }
            Node::Compound(compound) => {
                let inner = Context {
                    in_compound: true,
                    in_function: context.in_function || compound.keyword == Keyword::Function,
                    ..context
                };
                self.words(&mut compound.words, context);
                for section in &mut compound.sections {
                    let in_condition = context.in_condition || section.role == Role::Condition;
                    self.words(&mut section.patterns, context);
                    self.list(&mut section.items, Context { in_condition, ..inner });
                }
                self.redirects(&mut compound.redirects, context);
            }
            Node::Other { .. } => {}
        }
    }

    fn simple(&self, simple: &mut Simple, context: Context) {
        simple.context = context;
        for assignment in &mut simple.assignments {
            self.expansions(&mut assignment.value.expansions, context);
        }
        self.words(&mut simple.words, context);
        self.redirects(&mut simple.redirects, context);
    }

    fn redirects(&self, redirects: &mut [Redirect], context: Context) {
        for redirect in redirects {
            if matches!(redirect.operator, RedirectOp::HereDoc | RedirectOp::HereDocTabs) {
                let place = redirect.operator_span.start;
                let found = self.here_docs.binary_search_by_key(&place, |(at, _)| *at).ok();
                redirect.here_doc =
                    found.and_then(|index| self.here_docs.get(index)).map(|(_, doc)| doc.clone());
            }
            self.expansions(&mut redirect.target.expansions, context);
        }
    }

    fn words(&self, words: &mut [Word], context: Context) {
        for word in words {
            self.expansions(&mut word.expansions, context);
        }
    }

    fn expansions(&self, expansions: &mut [Expansion], context: Context) {
        for expansion in expansions {
            match &mut expansion.kind {
                ExpansionKind::Command(items) | ExpansionKind::Process(items) => {
                    self.list(items, Context { in_substitution: true, ..context });
                }
                ExpansionKind::Parameter { nested, .. } | ExpansionKind::Arithmetic { nested } => {
                    self.expansions(nested, context);
                }
                ExpansionKind::Array(elements) => self.words(elements, context),
                ExpansionKind::Opaque | ExpansionKind::Dollar => {}
            }
        }
    }
}
