//! A snapshot that remembers what it was asked, so that a cached result can be dropped when one of its
//! answers may have changed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Answer, ContextFiles, Entry};

/// One question put to a context. Paths are as they were asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Question {
    /// What is at this path: answered anew when it appears, disappears or changes kind or size.
    Entry(String),
    /// What the file holds: answered anew when its bytes change.
    Read(String),
    /// What a directory holds: answered anew when a name comes or goes.
    List(String),
}

impl Question {
    /// The path that was asked about.
    pub fn path(&self) -> &str {
        match self {
            Self::Entry(path) | Self::Read(path) | Self::List(path) => path,
        }
    }
}

/// Passes each question on to another snapshot and records it.
///
/// ```
/// use dockmend_core::context::{ContextFiles, MemoryFiles, Question, Recording};
/// let files = MemoryFiles::new([("go.mod", "module x")]);
/// let recording = Recording::new(&files);
/// let _ = recording.entry("go.sum");
/// assert_eq!(recording.asked(), [Question::Entry("go.sum".into())]);
/// ```
#[derive(Debug)]
pub struct Recording<'a, F: ?Sized = dyn ContextFiles + 'a> {
    inner: &'a F,
    asked: Mutex<BTreeSet<Question>>,
}

impl<'a, F: ContextFiles + ?Sized> Recording<'a, F> {
    /// Records what is asked of `inner`.
    pub fn new(inner: &'a F) -> Self {
        Self { inner, asked: Mutex::default() }
    }

    /// The questions so far, each once, sorted.
    pub fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn note(&self, question: Question) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(question);
    }
}

impl<F: ContextFiles + ?Sized> ContextFiles for Recording<'_, F> {
    fn entry(&self, path: &str) -> Answer<Entry> {
        self.note(Question::Entry(path.to_owned()));
        self.inner.entry(path)
    }

    fn read(&self, path: &str) -> Answer<Arc<[u8]>> {
        self.note(Question::Read(path.to_owned()));
        self.inner.read(path)
    }

    fn list(&self, dir: &str) -> Answer<Vec<Entry>> {
        self.note(Question::List(dir.to_owned()));
        self.inner.list(dir)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MemoryFiles, NoContext};
    use super::*;

    #[test]
    fn each_question_is_kept_once_with_its_kind() {
        let files = MemoryFiles::new([("a", "1")]);
        let recording = Recording::new(&files);
        assert!(recording.read("a").is_present());
        assert!(recording.read("a").is_present());
        assert!(recording.entry("b").is_absent());
        assert!(recording.list("").is_present());
        let wanted = [Question::Entry("b".into()), Question::Read("a".into()), Question::List(String::new())];
        assert_eq!(recording.asked(), wanted);
        assert_eq!(recording.asked()[0].path(), "b");
    }

    #[test]
    fn it_works_behind_a_trait_object() {
        let inner: &dyn ContextFiles = &NoContext;
        let recording: Recording<'_> = Recording::new(inner);
        let outer: &dyn ContextFiles = &recording;
        assert!(outer.entry("x").is_unknown());
        assert_eq!(recording.asked().len(), 1);
    }
}
