//! The little of XML that project files need.

use roxmltree::{Document, Node, ParsingOptions};

/// Longer files are not read: no project file that a person wrote is.
const MAX_LENGTH: usize = 1 << 20;

/// Deeper nesting is not read: the parser calls itself for each level.
const MAX_DEPTH: usize = 300;

/// Parses a project file; `None` when it is not well-formed, too long, or has a document type of its own.
pub(super) fn parse(text: &str) -> Option<Document<'_>> {
    if text.len() > MAX_LENGTH || depth(text) > MAX_DEPTH {
        return None;
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: 200_000 };
    Document::parse_with_options(text, options).ok()
}

/// How deep the tags nest at most; what looks like a tag in a comment counts too.
fn depth(text: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    for tag in text.split('<').skip(1) {
        let is_whole = tag.split('>').next().is_some_and(|tag| tag.ends_with('/'));
        if tag.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if !tag.starts_with(['!', '?']) && !is_whole {
            depth += 1;
            most = most.max(depth);
        }
    }
    most
}

/// The first child element of this name, whatever the case of its letters and its namespace.
pub(super) fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| is(*child, name))
}

/// Whether a node is an element of this name.
pub(super) fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name().eq_ignore_ascii_case(name)
}

/// The text of the first child element of this name, without blanks around it; `None` when there is none.
pub(super) fn text_of(node: Node<'_, '_>, name: &str) -> Option<String> {
    child(node, name).map(text)
}

/// The text inside of an element, without blanks around it. A comment may stand in between.
pub(super) fn text(node: Node<'_, '_>) -> String {
    let parts = node.children().filter(Node::is_text).filter_map(|part| part.text());
    parts.collect::<String>().trim().to_owned()
}

/// An attribute, whatever the case of its name.
pub(super) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let found = node.attributes().find(|attribute| attribute.name().eq_ignore_ascii_case(name))?;
    Some(found.value().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_comments_and_case_do_not_matter() {
        let document = parse("<a xmlns='x'><!-- c --><B V=' 1 '> t<!-- --> </B></a>").unwrap();
        let root = document.root_element();
        assert_eq!(text_of(root, "b").as_deref(), Some("t"));
        assert_eq!(attribute(child(root, "b").unwrap(), "v"), Some("1"));
        assert_eq!(text_of(root, "c"), None);
    }

    #[test]
    fn what_is_no_project_file_is_not_read() {
        assert!(parse("").is_none());
        assert!(parse("<a>").is_none());
        assert!(parse("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>").is_none());
        assert!(parse(&"<a>".repeat(100_000)).is_none());
    }
}
