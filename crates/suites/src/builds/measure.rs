//! Everything that is measured of one variant of a project: before the rewrites, or after them.

use anyhow::{Context, Result};

use super::container::{Container, Stopped};
use super::engine::Engine;
use super::image::{Image, context_of};
use super::project::{Copy, Project, Run};

/// What was measured. What could not be has its error.
#[derive(Debug)]
pub(super) struct Measured {
    /// The image's size in bytes.
    pub(super) size: u64,
    /// Files and bytes that are sent to the builder.
    pub(super) context: (usize, u64),
    /// Installs of dependencies that an edit of one line executes again.
    pub(super) installs: Option<usize>,
    /// RUN steps that it executes again.
    pub(super) reruns: Option<usize>,
    /// What came of running it; nothing for a project that is not run.
    pub(super) life: Option<Result<Life>>,
}

/// What came of running it.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) uid: Option<u32>,
    pub(super) answers: Vec<(String, String)>,
    /// The first write, and reading what was written.
    pub(super) write: Option<Result<()>>,
    /// Reading it after a restart, with the volume when there is one.
    pub(super) restart: Option<Result<()>>,
    /// How it ended on SIGTERM; nothing for a job.
    pub(super) stopped: Option<Stopped>,
    /// The same under a uid that nobody has heard of, with group 0.
    pub(super) any_uid: Result<()>,
}

/// A user that no image has, as OpenShift gives.
const NOBODY_KNOWN: &str = "54321:0";

/// Builds and runs one variant.
///
/// # Errors
/// It does not build, with the end of the log.
pub(super) fn measure(
    engine: &Engine,
    project: &Project,
    copy: &Copy,
    variant: &str,
    anew: bool,
) -> Result<Measured> {
    let (image, _) = Image::build(engine, project, copy, variant, anew).context("it does not build")?;
    let context = context_of(engine, copy).context("the context cannot be listed")?;
    let life = project.run.as_ref().map(|run| live(engine, project, &image, run, variant));
    let mut log = None;
    if let Some(edit) = &project.edit {
        copy.edit(edit)?;
        let tag = format!("{variant}-edited");
        log = Some(
            Image::build(engine, project, copy, &tag, false).context("it does not build after an edit")?.1,
        );
    }
    Ok(Measured {
        size: image.size()?,
        context,
        installs: log.as_ref().map(super::image::Log::installs),
        reruns: log.as_ref().map(|log| log.ran.len()),
        life,
    })
}

/// A named volume, removed when this is dropped.
struct Volume<'a> {
    engine: &'a Engine,
    name: String,
}

impl Drop for Volume<'_> {
    fn drop(&mut self) {
        self.engine.quietly(&["volume", "rm", "--force", &self.name]);
    }
}

fn live(engine: &Engine, project: &Project, image: &Image<'_>, run: &Run, variant: &str) -> Result<Life> {
    let name = format!("dockmend-builds-{}-{variant}-{}", project.name, std::process::id());
    let volume = Volume { engine, name };
    let named = run.volume.is_some().then_some(volume.name.as_str());
    let first = Container::start(engine, image, run, named, None)?;
    first.wait()?;
    let uid = first.uid().ok();
    let answers = first.answers();
    let write = run.write.as_ref().map(|path| first.write(path, "written before the restart"));
    let stopped = if run.job { None } else { Some(first.stop()?) };
    let restart = restart(engine, image, run, named, first, write.as_ref());
    Ok(Life { uid, answers, write, restart, stopped, any_uid: any_uid(engine, image, run) })
}

/// Starts it again: a new container on the same volume, or the same container. What was written has to be there.
fn restart(
    engine: &Engine,
    image: &Image<'_>,
    run: &Run,
    volume: Option<&str>,
    first: Container<'_>,
    write: Option<&Result<()>>,
) -> Option<Result<()>> {
    if run.job && volume.is_none() {
        return None;
    }
    let done = (|| {
        let second = if volume.is_some() {
            drop(first);
            Container::start(engine, image, run, volume, None)?
        } else {
            first.again()?;
            first
        };
        second.wait()?;
        match (&run.write, write) {
            (Some(path), Some(Ok(()))) => {
                second.reads(path, "written before the restart")?;
                second.write(path, "written after the restart")
            }
            _ => Ok(()),
        }
    })();
    Some(done)
}

fn any_uid(engine: &Engine, image: &Image<'_>, run: &Run) -> Result<()> {
    let container = Container::start(engine, image, run, None, Some(NOBODY_KNOWN))?;
    container.wait()?;
    match &run.write {
        Some(path) => container.write(path, "written by nobody known"),
        None => Ok(()),
    }
}
