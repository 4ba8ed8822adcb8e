//! The unit of work: Dockerfiles that share a build context.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Engine, FileReport};
use crate::context::{Answer, ContextFiles, Entry, EntryKind, NoContext};
use crate::model::{BuildModel, BuiltImage, ModelInputs};
use crate::rule::{ContextView, Findings, GroupFiles, Severity, Siblings, Subject, Suppressions};
use crate::syntax::{Dockerfile, SyntaxProblem};

/// A Dockerfile to work on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SourceFile {
    /// Its path as the user knows it; it is only shown.
    pub path: String,
    /// Its path in the context, when it lies in it.
    pub context_path: Option<String>,
    /// Its text.
    pub text: Arc<str>,
    /// The stages that something outside of the file builds, in lower case.
    pub targets: Vec<String>,
    /// The references of the image that is built from it (`image:` beside `build:` in a Compose file), when known.
    pub builds: Vec<String>,
    /// Whether the file is there only because others share its context: they are judged with it, and it is not fixed.
    pub only_seen: bool,
}

impl SourceFile {
    /// A file with this path and text.
    pub fn new(path: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self {
            path: path.into(),
            context_path: None,
            text: text.into(),
            targets: Vec::new(),
            builds: Vec::new(),
            only_seen: false,
        }
    }

    /// Says where in the context it lies.
    #[must_use]
    pub fn in_context_at(mut self, path: impl Into<String>) -> Self {
        self.context_path = Some(path.into());
        self
    }
}

static NO_CONTEXT: NoContext = NoContext;

/// All Dockerfiles that share a build context, and a view of it. They are planned, gated and written together.
#[derive(Clone)]
#[non_exhaustive]
pub struct ContextGroup<'a> {
    /// The Dockerfiles.
    pub files: Vec<SourceFile>,
    /// The context.
    pub context: &'a dyn ContextFiles,
    /// The images that Dockerfiles of the repository build, those of other groups included: a FROM of one of them takes
    /// its user, shell and entry point from there (H155). See [`Engine::built_images`].
    pub images: Arc<BTreeMap<String, BuiltImage>>,
}

impl<'a> ContextGroup<'a> {
    /// A group.
    pub fn new(files: Vec<SourceFile>, context: &'a dyn ContextFiles) -> Self {
        Self { files, context, images: Arc::default() }
    }
}

impl ContextGroup<'static> {
    /// A text of which no context is known.
    pub fn of_text(text: &str) -> Self {
        Self::new(vec![SourceFile::new("Dockerfile", text)], &NO_CONTEXT)
    }
}

/// Files that were made or changed by fixes, over the context as it is.
pub(super) struct Overlay<'a> {
    base: &'a dyn ContextFiles,
    files: RefCell<BTreeMap<String, Arc<str>>>,
}

impl<'a> Overlay<'a> {
    pub(super) fn new(base: &'a dyn ContextFiles) -> Self {
        Self { base, files: RefCell::default() }
    }

    /// Adds or replaces a file. A view that has looked at the context before does not see it.
    pub(super) fn insert(&self, path: &str, text: Arc<str>) {
        self.files.borrow_mut().insert(path.to_owned(), text);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.borrow().is_empty()
    }

    fn entry_of(name: &str, text: &str) -> Entry {
        let name = name.rsplit('/').next().unwrap_or(name).to_owned();
        Entry { name, kind: EntryKind::File, size: text.len() as u64 }
    }
}

impl ContextFiles for Overlay<'_> {
    fn entry(&self, path: &str) -> Answer<Entry> {
        match self.files.borrow().get(path) {
            Some(text) => Answer::Present(Self::entry_of(path, text)),
            None => self.base.entry(path),
        }
    }

    fn read(&self, path: &str) -> Answer<Arc<[u8]>> {
        match self.files.borrow().get(path) {
            Some(text) => Answer::Present(Arc::from(text.as_bytes())),
            None => self.base.read(path),
        }
    }

    fn list(&self, dir: &str) -> Answer<Vec<Entry>> {
        let answer = self.base.list(dir);
        let files = self.files.borrow();
        if files.is_empty() {
            return answer;
        }
        answer.map(|mut entries| {
            for (path, text) in files.iter() {
                let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
                if parent != dir {
                    continue;
                }
                entries.retain(|entry| entry.name != name);
                entries.push(Self::entry_of(name, text));
            }
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            entries
        })
    }
}

/// A group, understood as far as somebody asked.
pub(super) struct Analysis<'a> {
    engine: &'a Engine,
    files: Vec<Rc<Parsed>>,
    pub(super) context: &'a dyn ContextFiles,
    /// Shared, because they remember what was read of the context.
    views: Rc<Vec<ContextView<'a>>>,
    sources: Rc<Sources>,
    pub(super) images: Arc<Images>,
    reports: Vec<OnceCell<FileReport>>,
    /// Its number: two analyses have not the same.
    generation: u64,
}

/// A file of a group, parsed when it is first asked for: a group may hold thousands.
pub(super) struct Parsed {
    text: Arc<str>,
    model: OnceCell<Arc<BuildModel>>,
    /// For each instruction, its number in finding keys.
    lineage: OnceCell<Vec<usize>>,
    problems: OnceCell<Vec<SyntaxProblem>>,
}

impl Parsed {
    fn of(text: &Arc<str>) -> Self {
        Self {
            text: Arc::clone(text),
            model: OnceCell::new(),
            lineage: OnceCell::new(),
            problems: OnceCell::new(),
        }
    }

    /// A file that is known already.
    pub(super) fn known(model: Arc<BuildModel>, lineage: Vec<usize>, problems: Vec<SyntaxProblem>) -> Self {
        let text = model.file().shared_text();
        Self { text, model: model.into(), lineage: lineage.into(), problems: problems.into() }
    }
}

/// What is known of each file besides its text.
struct Sources {
    paths: Vec<String>,
    context_paths: Vec<Option<String>>,
    targets: Vec<Vec<String>>,
}

impl<'a> Analysis<'a> {
    pub(super) fn new(engine: &'a Engine, group: &ContextGroup<'a>) -> Self {
        Self::over(engine, group, group.context)
    }

    /// The group with another view of its context.
    pub(super) fn over(engine: &'a Engine, group: &ContextGroup<'_>, context: &'a dyn ContextFiles) -> Self {
        let files = group.files.iter().map(|file| Rc::new(Parsed::of(&file.text))).collect();
        let sources = Sources {
            paths: group.files.iter().map(|file| file.path.clone()).collect(),
            context_paths: group.files.iter().map(|file| file.context_path.clone()).collect(),
            targets: group.files.iter().map(|file| file.targets.clone()).collect(),
        };
        let views = views(context, &sources);
        Self::assemble(engine, context, views, Rc::new(sources), Arc::clone(&group.images), files)
    }

    fn assemble(
        engine: &'a Engine,
        context: &'a dyn ContextFiles,
        views: Rc<Vec<ContextView<'a>>>,
        sources: Rc<Sources>,
        images: Arc<Images>,
        files: Vec<Rc<Parsed>>,
    ) -> Self {
        let reports = files.iter().map(|_| OnceCell::new()).collect();
        let generation = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { engine, files, context, views, sources, images, reports, generation }
    }

    /// The files, of which one is another now.
    fn with(&self, file: usize, parsed: &Rc<Parsed>) -> Vec<Rc<Parsed>> {
        let mut files = self.files.clone();
        files[file] = Rc::clone(parsed);
        files
    }

    /// The group with another text of one file, over the same context: what was read of it is not read again.
    pub(super) fn with_file(&self, file: usize, parsed: &Rc<Parsed>) -> Self {
        let (views, sources, images) =
            (Rc::clone(&self.views), Rc::clone(&self.sources), Arc::clone(&self.images));
        Self::assemble(self.engine, self.context, views, sources, images, self.with(file, parsed))
    }

    /// The group with another text of one file, over another view of the context.
    pub(super) fn with_context<'b>(
        &self,
        context: &'b dyn ContextFiles,
        file: usize,
        parsed: &Rc<Parsed>,
    ) -> Analysis<'b>
    where
        'a: 'b,
    {
        let (views, sources, images) =
            (views(context, &self.sources), Rc::clone(&self.sources), Arc::clone(&self.images));
        Analysis::assemble(self.engine, context, views, sources, images, self.with(file, parsed))
    }

    /// What a file means.
    pub(super) fn model(&self, file: usize) -> &Arc<BuildModel> {
        self.files[file].model.get_or_init(|| Arc::new(self.made(file)))
    }

    fn made(&self, file: usize) -> BuildModel {
        model(self.engine, &self.files[file].text, &self.sources.targets[file], &self.images)
    }

    /// For each instruction of a file, its number in finding keys.
    pub(super) fn lineage(&self, file: usize) -> &[usize] {
        let numbers = || (0..self.model(file).file().instructions().len()).collect();
        self.files[file].lineage.get_or_init(numbers)
    }

    /// The text of a file.
    pub(super) fn text(&self, file: usize) -> Arc<str> {
        Arc::clone(&self.files[file].text)
    }

    /// The model of a new text of a file, as the file's own model was made.
    pub(super) fn model_of(&self, file: usize, text: &Arc<str>) -> BuildModel {
        let after = model(self.engine, text, &self.sources.targets[file], &self.images);
        after.with_scripts_of(self.model(file))
    }

    /// Everything that BuildKit refuses about a file, by position.
    pub(super) fn problems(&self, file: usize) -> &[SyntaxProblem] {
        self.files[file].problems.get_or_init(|| problems(self.model(file).file()))
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// What is known about images and programs.
    pub(super) fn knowledge(&self) -> &'a crate::knowledge::Knowledge {
        self.engine.knowledge()
    }

    /// The Dockerfile's view of the context.
    pub(super) fn view(&self, file: usize) -> &ContextView<'a> {
        &self.views[file]
    }

    /// What rules are asked about.
    pub(super) fn subject(&self, file: usize) -> Subject<'_> {
        Subject::new(
            &self.sources.paths[file],
            self.model(file),
            &self.views[file],
            &self.engine.knowledge,
            &self.engine.settings,
            Siblings::new(self, file),
        )
    }

    /// Frees what was parsed for the report of a file. It is parsed again when somebody asks.
    pub(super) fn forget(&mut self, file: usize) {
        self.files[file] = Rc::new(Parsed::of(&self.files[file].text));
    }

    /// The findings of one file, which are not kept.
    pub(super) fn take_report(&mut self, file: usize) -> FileReport {
        self.reports[file].take().unwrap_or_else(|| self.make_report(file))
    }

    /// The findings of one file.
    pub(super) fn report(&self, file: usize) -> &FileReport {
        self.reports[file].get_or_init(|| self.make_report(file))
    }

    fn make_report(&self, file: usize) -> FileReport {
        let subject = self.subject(file);
        let mut report = FileReport { path: self.sources.paths[file].clone(), ..FileReport::default() };
        report.problems = self.problems(file).to_vec();
        if let Some(reason) = crate::rule::skipped(&subject) {
            report.skipped = Some(reason);
            // What a template looks like to BuildKit says nothing about what is made from it.
            report.problems.clear();
            return report;
        }
        let suppressions = Suppressions::of(subject.file());
        for rule in &self.engine.rules {
            if rule.needs_context && !subject.context.is_known() {
                continue;
            }
            let mut findings = Findings::new(rule, self.lineage(file));
            (rule.check)(&subject, &mut findings);
            for finding in findings.into_list() {
                if suppressions.covers(&finding) {
                    report.suppressed += 1;
                } else {
                    report.findings.push(finding);
                }
            }
        }
        // Nothing else is ordered by the order of the rules.
        report.findings.sort_by(|a, b| (a.range, a.rule.id, &a.key).cmp(&(b.range, b.rule.id, &b.key)));
        report
    }
}

impl GroupFiles for Analysis<'_> {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn path(&self, file: usize) -> &str {
        &self.sources.paths[file]
    }

    fn model(&self, file: usize) -> Arc<BuildModel> {
        self.files[file].model.get().map_or_else(|| Arc::new(self.made(file)), Arc::clone)
    }

    fn text(&self, file: usize) -> &Arc<str> {
        &self.files[file].text
    }

    fn context_path(&self, file: usize) -> Option<&str> {
        self.sources.context_paths[file].as_deref()
    }

    fn generation(&self) -> u64 {
        self.generation
    }
}

/// The number of the next analysis.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn views<'a>(context: &'a dyn ContextFiles, sources: &Sources) -> Rc<Vec<ContextView<'a>>> {
    let first = ContextView::new(context, None);
    Rc::new(sources.context_paths.iter().map(|path| first.beside(path.clone())).collect())
}

pub(super) fn model(engine: &Engine, text: &Arc<str>, targets: &[String], images: &Images) -> BuildModel {
    let inputs = ModelInputs::new(&engine.knowledge, targets).with_images(images);
    BuildModel::new(Dockerfile::parse(Arc::clone(text)), &inputs)
}

/// Images that the repository builds, by reference.
pub(super) type Images = BTreeMap<String, BuiltImage>;

/// A chain of images that are built on each other is followed so far.
const MAX_CHAIN: usize = 16;

/// What the images end with that these files build.
pub(super) fn built_images(engine: &Engine, files: &[&SourceFile]) -> Images {
    let builders: Vec<_> = files.iter().filter(|file| !file.builds.is_empty()).collect();
    let mut images = Images::new();
    // One file may build on the image of another, in whatever order they come.
    for _ in 0..builders.len().min(MAX_CHAIN) {
        let mut next = Images::new();
        for file in &builders {
            let model = model(engine, &file.text, &file.targets, &images);
            let Some(last) = model.last_stage() else { continue };
            let image = BuiltImage::of(last);
            next.extend(file.builds.iter().map(|name| (name.clone(), image.clone())));
        }
        images = next;
    }
    images
}

/// Everything that BuildKit refuses about a file, by position.
pub(super) fn problems(file: &Dockerfile) -> Vec<SyntaxProblem> {
    let mut problems = file.problems().to_vec();
    problems.extend(file.check_instructions());
    problems.sort_by_key(|problem| problem.range);
    problems
}

impl FileReport {
    /// The severest finding; a syntax problem is an error.
    pub fn worst(&self) -> Option<Severity> {
        let problems = self.problems.iter().map(|_| Severity::Error);
        self.findings.iter().map(|finding| finding.severity).chain(problems).max()
    }
}
