//! Whether the folder that was taken for a build context may be it, judged by what the Dockerfile copies.

use std::path::Path;

use dockmend_core::context::{Answer, ContextFiles, normalise};
use dockmend_core::syntax::{Dockerfile, Keyword};

/// What a Dockerfile copies from its context and is not there, and the line, when nothing that it copies by name is
/// there: then the folder of the Dockerfile is no good guess at its context (H132). What a build makes before
/// (`COPY target/app.jar`) may be absent as well, so one thing that is there confirms the guess.
pub fn missing_source(text: &str, files: &dyn ContextFiles) -> Option<(String, usize)> {
    let file = Dockerfile::parse(text);
    let mut missing = None;
    for instruction in file.instructions() {
        let copies = matches!(instruction.keyword, Keyword::Copy | Keyword::Add);
        if !copies || instruction.flag("from").is_some() {
            continue;
        }
        let mut sources: Vec<&str> = instruction.value_texts().collect();
        sources.pop();
        for source in sources {
            let is_plain =
                !source.contains(['$', '*', '?', '[', '"', '\'', '\\', '<']) && !source.contains("://");
            let Some(path) = normalise(source).filter(|path| is_plain && !path.is_empty()) else { continue };
            match files.entry(&path) {
                Answer::Absent => {
                    missing.get_or_insert((path, *instruction.lines.start()));
                }
                Answer::Present(_) | Answer::Unknown => return None,
            }
        }
    }
    missing
}

/// The path of a file in a context, with `/`; `None` when it lies elsewhere.
pub fn path_in(folder: &Path, file: &Path) -> Option<String> {
    let real = |path: &Path| path.canonicalize().ok();
    // The Dockerfile may be a link; what counts is where the link is.
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let inside = real(parent)?.join(file.file_name()?);
    let relative = inside.strip_prefix(real(folder)?).ok()?.to_str()?.replace('\\', "/");
    Some(relative)
}
