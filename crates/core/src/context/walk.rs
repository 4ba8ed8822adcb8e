//! Lists what a build sends: the whole tree, less what the ignore file leaves out.

use super::dockerignore::{DockerIgnore, ParentMatches};
use super::{Answer, ContextFiles, Entry, EntryKind, join};

/// One path that the builder receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Relative to the root of the context.
    pub path: String,
    /// What is there.
    pub entry: Entry,
}

/// A directory whose children are still to be looked at.
struct Pending {
    children: std::vec::IntoIter<Entry>,
    path: String,
    matches: ParentMatches,
    /// The directory itself, while nothing has made the builder send it: an ignored directory is sent
    /// only once something below it is.
    unsent: Option<Entry>,
}

/// Lists the tree depth first, each directory sorted by name and standing before its children; the root is
/// not part of the list. Without an ignore file everything is listed.
///
/// An ignored directory is only entered when an exception (`!`) of the ignore file could reach into it, as the
/// builder does it. `cap` bounds the number of entries looked at, ignored ones included.
///
/// `Unknown` when some directory could not be listed or the cap was reached: half a list would look like a
/// whole one. `Absent` when the root is not there.
pub fn walk(files: &dyn ContextFiles, ignore: Option<&DockerIgnore>, cap: usize) -> Answer<Vec<Found>> {
    let children = match files.list("") {
        Answer::Present(children) => children,
        Answer::Absent => return Answer::Absent,
        Answer::Unknown => return Answer::Unknown,
    };
    let mut found = Vec::new();
    let mut seen = 0_usize;
    let mut stack = vec![Pending {
        children: children.into_iter(),
        path: String::new(),
        matches: ParentMatches::default(),
        unsent: None,
    }];
    while let Some(top) = stack.last_mut() {
        let Some(entry) = top.children.next() else {
            stack.pop();
            continue;
        };
        seen += 1;
        if seen > cap {
            return Answer::Unknown;
        }
        let path = join(&top.path, &entry.name);
        let (ignored, matches) = match ignore {
            Some(ignore) => ignore.visit(&path, &top.matches),
            None => (false, ParentMatches::default()),
        };
        if !ignored {
            send_parents(&mut stack, &mut found);
            found.push(Found { path: path.clone(), entry: entry.clone() });
        }
        if entry.kind != EntryKind::Directory {
            continue;
        }
        if ignored && !ignore.is_some_and(|ignore| ignore.may_reach_into(&path)) {
            continue;
        }
        match files.list(&path) {
            Answer::Present(children) => stack.push(Pending {
                children: children.into_iter(),
                path,
                matches,
                unsent: ignored.then_some(entry),
            }),
            // It was listed a moment ago as a directory, so this snapshot contradicts itself.
            Answer::Absent | Answer::Unknown => return Answer::Unknown,
        }
    }
    Answer::Present(found)
}

/// Something below these directories is sent, so they are too.
fn send_parents(stack: &mut [Pending], found: &mut Vec<Found>) {
    // Once a directory has been sent, so have all above it: only the end of the stack can be unsent.
    let first = stack.iter().rposition(|dir| dir.unsent.is_none()).map_or(0, |last| last + 1);
    for dir in stack.iter_mut().skip(first) {
        if let Some(entry) = dir.unsent.take() {
            found.push(Found { path: dir.path.clone(), entry });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MemoryFiles, NoContext, Question, Recording};
    use super::*;

    fn paths(files: &dyn ContextFiles, ignore: &str) -> Vec<String> {
        let ignore = DockerIgnore::parse(ignore);
        walk(files, Some(&ignore), 100).present().unwrap().into_iter().map(|found| found.path).collect()
    }

    #[test]
    fn the_tree_is_listed_in_order_and_once() {
        let files = MemoryFiles::new([("b/c", ""), ("b/a/x", ""), ("a", "123")]).with_directory("e");
        assert_eq!(paths(&files, ""), ["a", "b", "b/a", "b/a/x", "b/c", "e"]);
        let all = walk(&files, None, 100).present().unwrap();
        assert_eq!(all.len(), 6);
        assert_eq!(all[0].entry.size, 3);
    }

    #[test]
    fn an_ignored_directory_comes_back_with_what_is_kept_in_it() {
        let files = MemoryFiles::new([("d/keep/x", ""), ("d/lose", ""), ("z", "")]);
        assert_eq!(paths(&files, "d\n!d/keep/x"), ["d", "d/keep", "d/keep/x", "z"]);
        assert_eq!(paths(&files, "*\n!**/x"), ["d", "d/keep", "d/keep/x"]);
        assert_eq!(paths(&files, "*"), Vec::<String>::new());
    }

    #[test]
    fn ignored_directories_are_not_entered_without_need() {
        let files = MemoryFiles::new([("node_modules/a/b", ""), ("src/c", "")]);
        for (ignore, entered) in [
            ("node_modules", false),
            ("node_modules\n!src/c", false),
            ("node_modules\n!node_modules/a", true),
            ("node_modules\n!node_modules/*", true),
            ("node_modules\n!**/*.md", true),
        ] {
            let recording = Recording::new(&files);
            let _ = walk(&recording, Some(&DockerIgnore::parse(ignore)), 100);
            let asked = recording.asked().contains(&Question::List("node_modules".into()));
            assert_eq!(asked, entered, "{ignore:?}");
        }
    }

    #[test]
    fn a_list_that_would_be_cut_is_unknown() {
        let files = MemoryFiles::new([("a", ""), ("b", ""), ("c", "")]);
        assert!(walk(&files, None, 2).is_unknown());
        assert!(walk(&files, None, 3).is_present());
        assert!(walk(&NoContext, None, 3).is_unknown());
    }

    #[test]
    fn a_tree_may_be_deep() {
        let path = vec!["d"; 3000].join("/");
        let files = MemoryFiles::new([(path.as_str(), "")]);
        assert_eq!(walk(&files, None, 10_000).present().unwrap().len(), 3000);
    }
}
