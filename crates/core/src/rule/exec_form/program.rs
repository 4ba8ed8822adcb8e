//! Programs: whether the kernel starts one without a shell (H014), and what one does with its arguments.

use std::sync::Arc;

use super::stage::lineage;
use crate::knowledge::ProgramRole;
use crate::model::{FileView, Stage};
use crate::rule::Subject;
use crate::syntax::{Instruction, Keyword};

/// Whether a program starts what its arguments name, as far as its name or its text tells: a wrapper such as `tini`, or
/// an entry point script that ends with `exec "$@"`.
pub(super) fn passes_on(subject: &Subject<'_>, stage: &Stage, program: &str) -> bool {
    match subject.knowledge.program_role(program) {
        Some(ProgramRole::Wrapper | ProgramRole::Switcher | ProgramRole::Supervisor) => return true,
        Some(ProgramRole::Init | ProgramRole::Daemon) => return false,
        None => {}
    }
    match context_file(subject, stage, program) {
        Some(text) => String::from_utf8_lossy(&text).contains("exec \"$@\""),
        None => program.rsplit('/').next().is_some_and(|name| name.contains("entrypoint")),
    }
}

/// Whether a script of the context looks at none of its arguments.
pub(super) fn ignores_arguments(subject: &Subject<'_>, stage: &Stage, program: &str) -> bool {
    const ARGUMENTS: [&str; 9] = ["$@", "$*", "$1", "$#", "${1", "${@", "${*", "shift", "getopts"];
    let Some(bytes) = context_file(subject, stage, program) else { return false };
    let text = String::from_utf8_lossy(&bytes);
    text.starts_with("#!") && !ARGUMENTS.iter().any(|sign| text.contains(sign))
}

pub(super) fn has_extension(path: &str, extensions: &[&str]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
}

/// Where programs of the system lie.
const FOLDERS: [&str; 6] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];

/// Whether the kernel can start the program by itself: what lies in a folder of the system and was not put there by
/// the file, or a file of the context that begins with `#!` or as a binary (H014). `false` when that is not certain.
pub(crate) fn starts_alone(subject: &Subject<'_>, stage: &Stage, program: &str) -> bool {
    let model = subject.model;
    let name = program.rsplit('/').next().unwrap_or(program);
    if let Some(head) = context_file(subject, stage, program) {
        return head.starts_with(b"#!") || head.starts_with(b"\x7fELF");
    }
    let folder = program.rsplit_once('/').map(|(folder, _)| folder);
    let is_installed = folder.is_none_or(|folder| FOLDERS.contains(&folder))
        && !has_extension(name, &["sh", "bash", "py", "rb", "pl", "js", "php"]);
    let brought = |instruction: &Instruction| match instruction.keyword {
        Keyword::Copy | Keyword::Add => instruction.value_texts().any(|path| {
            let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            last == name || last == "bin" || last == "sbin"
        }),
        Keyword::Run => {
            let text = instruction.arguments_text();
            text.contains('>') && text.contains(&format!("/{name}")) || !instruction.heredocs.is_empty()
        }
        _ => false,
    };
    is_installed && !lineage(model, stage).into_iter().any(|(_, instruction)| brought(instruction))
}

/// The context file that a COPY puts at the program's path.
fn context_file(subject: &Subject<'_>, stage: &Stage, program: &str) -> Option<Arc<[u8]>> {
    if !subject.context.is_known() {
        return None;
    }
    let path = match (program.starts_with('/'), program.contains('/')) {
        (true, _) => program.to_owned(),
        (false, true) => {
            let rest = program.strip_prefix("./").unwrap_or(program);
            format!("{}/{rest}", stage.config.workdir.value()?.trim_end_matches('/'))
        }
        (false, false) => return None,
    };
    let files = FileView::new(subject.context);
    let copies = lineage(subject.model, stage).into_iter().rev();
    let source = copies
        .filter(|(_, instruction)| matches!(instruction.keyword, Keyword::Copy | Keyword::Add))
        .find_map(|(index, _)| {
            let placed = files.copied(subject.model, index)?;
            placed.into_iter().find(|file| file.target == path).map(|file| file.path)
        })?;
    subject.context.files().read(&source).present()
}
