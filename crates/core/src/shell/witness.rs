//! A second opinion on a shell text: what tree-sitter-bash makes of it.
//!
//! The reader of this module follows POSIX, but it is written by the same hands as the rules that build on it. A text
//! is only called readable when an independent grammar finds the same commands at the same places.

use std::cell::RefCell;

use tree_sitter::{Parser, Tree};

thread_local! {
    static PARSER: RefCell<Option<Parser>> = const { RefCell::new(None) };
}

/// Where the names of the commands in `text` begin, in source order. `None` when the grammar finds an error.
pub(super) fn command_names(text: &str) -> Option<Vec<usize>> {
    let tree = parse(text)?;
    if tree.root_node().has_error() {
        return None;
    }
    let mut names = Vec::new();
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        let start = node.start_byte();
        let is_name = match node.kind() {
            "command_name" | "declaration_command" | "unset_command" => true,
            "test_command" => !text.get(start..).is_some_and(|rest| rest.starts_with("[[")),
            _ => false,
        };
        if is_name {
            names.push(start);
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return Some(names);
            }
        }
    }
}

fn parse(text: &str) -> Option<Tree> {
    PARSER.with(|slot| {
        let mut slot = slot.try_borrow_mut().ok()?;
        if slot.is_none() {
            let mut parser = Parser::new();
            parser.set_language(&tree_sitter_bash::LANGUAGE.into()).ok()?;
            *slot = Some(parser);
        }
        let parser = slot.as_mut()?;
        // The parser runs to its end each time: the caller bounds the length of the text instead of stopping it.
        parser.parse(text, None)
    })
}
