//! What was found out about the litter of a context, kept for all Dockerfiles that share it: a context may have thousands,
//! and what may be ignored is up to all of them.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::choice::{Choice, User, choose};
use super::text::Measured;
use super::{Demands, Litter, expected, find};
use crate::context::Found;
use crate::rule::{Refusal, Subject};

/// Which Dockerfiles an ignore file is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// All of the context that have none: for one at its root that is to be made.
    Root,
    /// One of them alone, by its index.
    One(usize),
    /// Those for which the ignore file at this path is taken.
    Under(String),
}

/// What is known of a context.
#[derive(Default)]
pub(crate) struct Memory {
    /// The state of the group for which the demands are known.
    generation: Cell<Option<u64>>,
    demands: RefCell<Vec<Known>>,
    judged: RefCell<BTreeMap<Scope, Rc<Judged>>>,
}

/// The demands of a file, and the text they were made from.
#[derive(Clone)]
struct Known(Option<(Arc<str>, Rc<Demands>)>);

/// What is to be said about an ignore file for a scope.
pub(crate) struct Judged {
    /// What the builder is sent as it is.
    pub(crate) sent: Arc<Vec<Found>>,
    /// All litter in it, and that which is expected.
    pub(crate) all: Vec<Litter>,
    /// What may be ignored.
    pub(crate) choice: Result<Choice, Refusal>,
    /// How many Dockerfiles the scope has.
    pub(crate) users: usize,
    planned: OnceCell<Planned>,
}

/// The text of the ignore file, and what it does.
type Planned = Result<(String, Measured), Refusal>;

impl Judged {
    /// The text of the ignore file, made once.
    pub(crate) fn planned(&self, make: impl FnOnce() -> Planned) -> Planned {
        self.planned.get_or_init(make).clone()
    }
}

impl Memory {
    /// What the subject's own Dockerfile asks of the context.
    pub(crate) fn own(&self, subject: &Subject<'_>) -> Rc<Demands> {
        self.of_file(subject, subject.siblings.index())
    }

    fn of_file(&self, subject: &Subject<'_>, file: usize) -> Rc<Demands> {
        let text = subject.siblings.text(file);
        let mut known = self.demands.borrow_mut();
        if known.len() < subject.siblings.group_len() {
            known.resize(subject.siblings.group_len(), Known(None));
        }
        if let Some(Known(Some((of, demands)))) = known.get(file)
            && Arc::ptr_eq(of, text)
        {
            return Rc::clone(demands);
        }
        let demands = Rc::new(Demands::of(&subject.siblings.model(file)));
        if let Some(known) = known.get_mut(file) {
            // An edit that asks for the same as before changes nothing here.
            if known.0.as_ref().is_none_or(|(_, before)| *before != demands) {
                self.judged.borrow_mut().clear();
            }
            known.0 = Some((Arc::clone(text), Rc::clone(&demands)));
        }
        demands
    }

    /// The files whose text is not the one that their demands were made from.
    fn changed(&self, subject: &Subject<'_>) -> Vec<usize> {
        let known = self.demands.borrow();
        let is_known = |file: usize| {
            let text = subject.siblings.text(file);
            matches!(known.get(file), Some(Known(Some((of, _)))) if Arc::ptr_eq(of, text))
        };
        (0..subject.siblings.group_len()).filter(|file| !is_known(*file)).collect()
    }

    /// What is to be said about an ignore file for a scope; `None` when the context cannot be listed.
    pub(crate) fn judged(&self, subject: &Subject<'_>, scope: &Scope) -> Option<Rc<Judged>> {
        let generation = subject.siblings.generation();
        if self.generation.get() != Some(generation) {
            for file in self.changed(subject) {
                self.of_file(subject, file);
            }
            self.generation.set(Some(generation));
        }
        if let Some(judged) = self.judged.borrow().get(scope) {
            return Some(Rc::clone(judged));
        }
        let judged = Rc::new(self.judge(subject, scope)?);
        self.judged.borrow_mut().insert(scope.clone(), Rc::clone(&judged));
        Some(judged)
    }

    fn judge(&self, subject: &Subject<'_>, scope: &Scope) -> Option<Judged> {
        let files = subject.context.files();
        let (sent, is_new) = match scope {
            Scope::Root | Scope::One(_) => (subject.context.listing()?, true),
            Scope::Under(_) => (subject.context.sent()?, false),
        };
        let mut all = find(sent, files);
        if is_new {
            all.extend(expected::find(files, sent, &all));
        }
        let is_user = |file: usize| match scope {
            Scope::One(one) => *one == file,
            Scope::Root | Scope::Under(_) => {
                let path = subject.siblings.context_path(file).map(str::to_owned);
                let view = subject.context.beside(path);
                let ignore = view.ignore().map(|(path, _)| path.as_str());
                ignore == if let Scope::Under(path) = scope { Some(path.as_str()) } else { None }
            }
        };
        let users: Vec<User<'_>> = (0..subject.siblings.group_len())
            .filter(|file| is_user(*file))
            .map(|file| User { path: subject.siblings.path(file), demands: self.of_file(subject, file) })
            .collect();
        let choice = choose(files, sent, &all, &users);
        Some(Judged { sent: Arc::clone(sent), all, choice, users: users.len(), planned: OnceCell::new() })
    }
}
