//! The exec form of CMD and ENTRYPOINT: where it is missing, what it would be, and how it is written.
//!
//! A command whose words are literal becomes those words. One that needs the shell, for a variable say, keeps it and has
//! it replace itself: `["/bin/sh", "-c", "exec ..."]`. Everything else is refused (H001 to H015).

use std::cell::OnceCell;

use super::{Finding, Findings, Plan, Refusal, Severity, Subject};
use crate::knowledge::{ProgramRole, Shell};
use crate::model::{
    Base, BuildModel, CommandLine, Delta, FileView, Known, ShellKind, ShellText, Source, Stage, render_words,
};
use crate::shell::{ExpansionKind, Node, Simple};
use crate::syntax::{Instruction, Keyword};
use crate::text::{TextEdit, TextEditBuilder, TextRange};

/// Finds the CMD or ENTRYPOINT in shell form that is in effect, in each stage that somebody may run.
pub(crate) fn check(subject: &Subject<'_>, findings: &mut Findings<'_>, keyword: Keyword) {
    let may_be_run = OnceCell::new();
    for stage in subject.model.stages() {
        let Some((index, instruction)) = in_shell_form(subject.model, stage, keyword) else { continue };
        let may_be_run: &Vec<bool> = may_be_run.get_or_init(|| may_be_run_of(subject.model));
        if may_be_run.get(stage.index) != Some(&true)
            || is_for_another_shell(subject, stage, index, instruction)
        {
            continue;
        }
        let broken_array = is_broken_array(instruction.arguments_text());
        let (severity, message) = if broken_array {
            (Severity::Error, format!("this {keyword} is no JSON array, so a shell is given the brackets"))
        } else {
            severity(subject, stage, instruction)
        };
        let refusal = broken_array
            .then(|| Refusal::hazard("H004", "a JSON array needs double quotes and no comma at its end"));
        let finding = findings.at(index, instruction.keyword_range(), message);
        findings.push(finding.severity(severity).refused_if(refusal));
    }
}

/// The instruction that sets the command or entry point of a stage, if it stands in that stage and in shell form.
fn in_shell_form<'a>(
    model: &'a BuildModel,
    stage: &Stage,
    keyword: Keyword,
) -> Option<(usize, &'a Instruction)> {
    let index = effective(stage, keyword)?.instruction?;
    let instruction = model.instruction(index)?;
    let here = model.stage_of(index)?.index == stage.index;
    (here && !instruction.json && instruction.heredocs.is_empty()).then_some((index, instruction))
}

/// The command or entry point that a stage ends with.
fn effective(stage: &Stage, keyword: Keyword) -> Option<&CommandLine> {
    let config = if keyword == Keyword::Cmd { &stage.config.cmd } else { &stage.config.entrypoint };
    config.value()?.as_ref()
}

/// The stages that a container may be started from, by index: those that are shipped, or a base, or have a name and are
/// no mere source of files, so that somebody builds them with `--target`.
fn may_be_run_of(model: &BuildModel) -> Vec<bool> {
    let mut is_base = vec![false; model.stages().len()];
    let mut is_source = is_base.clone();
    let mark = |marks: &mut Vec<bool>, stage: usize| {
        if let Some(mark) = marks.get_mut(stage) {
            *mark = true;
        }
    };
    for stage in model.stages() {
        if let Base::Stage(base) = stage.base {
            mark(&mut is_base, base);
        }
    }
    for index in 0..model.file().instructions().len() {
        if let Some(Source::Stage(stage)) = model.copy_source(index) {
            mark(&mut is_source, stage);
        }
    }
    let stages = model.stages().iter().zip(is_base).zip(is_source);
    stages
        .map(|((stage, is_base), is_source)| stage.shipped || is_base || stage.name.is_some() && !is_source)
        .collect()
}

/// Another shell than `/bin/sh -c` is at work: one that SHELL or the base image names (H006), or one of Windows (H145).
fn is_for_another_shell(
    subject: &Subject<'_>,
    stage: &Stage,
    index: usize,
    instruction: &Instruction,
) -> bool {
    let Some((_, place)) = subject.model.place(index) else { return true };
    let before = &place.state;
    if before.shell_is_explicit || before.shell.is_some() {
        return true;
    }
    if !matches!(before.shell_kind(), ShellKind::Posix | ShellKind::None) {
        return true;
    }
    let text = instruction.arguments_text();
    let first = text.split_whitespace().next().unwrap_or_default();
    let is_drive_path = text.as_bytes().windows(3).any(|w| w[0].is_ascii_alphabetic() && &w[1..] == b":\\");
    let unknown = stage.facts.is_none();
    subject.knowledge.is_windows_shell(first)
        || (unknown && (is_drive_path || subject.file().escape() == '`'))
}

/// Not quite a JSON array, such as one in single quotes: the builder takes it for shell text (H004).
fn is_broken_array(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('[') else { return false };
    text.ends_with(']') || inside.trim_start().starts_with('"')
}

fn severity(subject: &Subject<'_>, stage: &Stage, instruction: &Instruction) -> (Severity, String) {
    let keyword = instruction.keyword;
    if lacks_shell(subject.model, stage) {
        let message =
            format!("this {keyword} needs a shell and the image has none: a container cannot start");
        return (Severity::Error, message);
    }
    let stays = stage.facts.as_ref().and_then(|facts| facts.shell).and_then(Shell::stays_process_one);
    let replaced = instruction.arguments_text().starts_with("exec ");
    if stays == Some(true) && !replaced {
        let message = format!(
            "this {keyword} runs in a shell, which stays process 1 and keeps the stop signal to itself: \
             `docker stop` has to wait and kill"
        );
        return (Severity::Warning, message);
    }
    (
        Severity::Hint,
        format!("this {keyword} is read by a shell before the program starts: the exec form is not"),
    )
}

/// Whether the image has certainly no shell: its base has none, and nothing that the file does could bring one (H012).
pub(crate) fn lacks_shell(model: &BuildModel, stage: &Stage) -> bool {
    if stage.end.default_shell != Some(ShellKind::None) {
        return false;
    }
    !lineage(model, stage).into_iter().any(|(_, instruction)| match instruction.keyword {
        // A RUN in shell form would not have built.
        Keyword::Run => !instruction.json,
        Keyword::Add => true,
        Keyword::Copy => instruction.value_texts().any(brings_shell),
        _ => false,
    })
}

/// Whether a source or target of a COPY may be a shell, or a tree with one in it.
fn brings_shell(path: &str) -> bool {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    matches!(
        last,
        "sh" | "bash"
            | "ash"
            | "dash"
            | "busybox"
            | "bin"
            | "sbin"
            | "*"
            | "rootfs"
            | "root"
            | "install_root"
    ) || path.contains("rootfs")
}

/// The instructions of a stage and of the stages it is built on, the earliest first.
pub(crate) fn lineage<'a>(model: &'a BuildModel, stage: &'a Stage) -> Vec<(usize, &'a Instruction)> {
    let mut stages = vec![stage];
    while let Some(Base::Stage(base)) = stages.last().map(|stage| &stage.base)
        && let Some(base) = model.stages().get(*base)
    {
        stages.push(base);
    }
    stages.into_iter().rev().flat_map(|stage| model.stage_instructions(stage)).collect()
}

/// What an instruction in shell form becomes.
struct Reading<'a> {
    text: &'a ShellText,
    simple: &'a Simple,
    /// How many words at the start are dropped: a plain `exec`.
    dropped: usize,
    /// The words of the exec form.
    words: Vec<String>,
    /// Whether a shell is kept to expand the text.
    keeps_shell: bool,
}

fn read<'a>(subject: &Subject<'a>, stage: &Stage, index: usize) -> Result<Reading<'a>, Refusal> {
    let unreadable = || Refusal::hazard("H004", "the text is not read alike by every shell");
    let text = subject.model.shell_text(index).ok_or_else(unreadable)?;
    let script = &text.script;
    if !script.is_readable() {
        return Err(unreadable());
    }
    if !script.comments().is_empty() {
        return Err(Refusal::hazard("H015", "a comment of the shell stands in the text"));
    }
    let [item] = script.list() else {
        return Err(Refusal::hazard("H002", "the shell runs more than one command"));
    };
    let simple = match &item.node {
        Node::Simple(simple) if item.background.is_none() && item.semicolon.is_none() => simple,
        Node::Compound(_) => return Err(Refusal::hazard("H003", "the text is a statement of the shell")),
        _ => return Err(Refusal::hazard("H002", "an operator of the shell is in the text")),
    };
    if !simple.redirects.is_empty() {
        return Err(Refusal::hazard("H002", "the shell redirects the input or output"));
    }
    if !simple.assignments.is_empty() {
        return Err(Refusal::hazard("H003", "the shell sets a variable first"));
    }
    let is_exec = simple.words.first().is_some_and(|word| word.raw() == "exec");
    let dropped = usize::from(is_exec);
    let program = simple.words.get(dropped).ok_or_else(|| Refusal::hazard("H003", "it starts no program"))?;
    if let Some(name) = program.value() {
        is_a_program(subject, name, simple, is_exec)?;
    }
    let literal: Option<Vec<String>> =
        simple.words.iter().skip(dropped).map(|word| word.value().map(str::to_owned)).collect();
    let keeps_shell = literal.is_none();
    if keeps_shell && stage.end.default_shell == Some(ShellKind::None) {
        return Err(Refusal::hazard("H012", "the text needs a shell and the image may have none"));
    }
    let tail = script.text().get(program.span.start..).unwrap_or_default();
    let words =
        literal.unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned(), format!("exec {tail}")]);
    Ok(Reading { text, simple, dropped, words, keeps_shell })
}

/// Whether the first word is a program, and none of the shell's own words (H003).
fn is_a_program(subject: &Subject<'_>, name: &str, simple: &Simple, is_exec: bool) -> Result<(), Refusal> {
    let refuse = |why: String| Err(Refusal::hazard("H003", why));
    if name.is_empty() || name.starts_with('-') && is_exec || name.contains('=') {
        return refuse("it starts no program".to_owned());
    }
    if !subject.knowledge.is_shell_builtin(name) {
        return Ok(());
    }
    // `kill` is a file only where procps is installed, and the `echo` of dash reads backslashes.
    let same_as_file = subject.knowledge.is_builtin_also_a_file(name)
        && name != "kill"
        && !simple.args().iter().any(|word| word.raw().contains('\\'));
    if same_as_file { Ok(()) } else { refuse(format!("`{name}` is a word of the shell")) }
}

/// What the other of CMD and ENTRYPOINT has to say (H007, H009, H010). Gives remarks for the offer.
fn beside(
    subject: &Subject<'_>,
    stage: &Stage,
    index: usize,
    keyword: Keyword,
    reading: &Reading<'_>,
) -> Result<Vec<String>, Refusal> {
    let mut remarks = Vec::new();
    if keyword == Keyword::Entrypoint {
        let with_command = subject.model.stages().iter().any(|other| {
            let is_ours = effective(other, Keyword::Entrypoint).is_some_and(|e| e.instruction == Some(index));
            is_ours && !matches!(other.config.cmd, Known::Value(None))
        });
        if with_command {
            let why =
                "an entry point in shell form ignores CMD, and in exec form it would get it as arguments";
            return Err(Refusal::hazard("H007", why));
        }
        remarks
            .push("Arguments of `docker run` were ignored so far; now they are passed on (H007).".to_owned());
        return Ok(remarks);
    }
    match &stage.config.entrypoint {
        Known::Value(None) => {}
        Known::Value(Some(entry)) if entry.instruction.is_some() => {
            if !entry.exec {
                let why = "the entry point is in shell form and ignores this CMD";
                return Err(Refusal::hazard("H007", why));
            }
            let program = entry.words.first().map(String::as_str).unwrap_or_default();
            if subject.knowledge.is_shell(program) && entry.words.iter().any(|word| word == "-c") {
                return Err(Refusal::hazard("H009", "the entry point is a shell with a text of its own"));
            }
            let passes_on = subject.knowledge.program_role(program) == Some(ProgramRole::Wrapper)
                || program.contains("entrypoint")
                || has_extension(program, &["sh"]);
            if reading.keeps_shell && !passes_on {
                let why = "the words are arguments of the entry point, and a shell between them is none";
                return Err(Refusal::hazard("H009", why));
            }
            remarks.push(format!(
                "The entry point {program} got `/bin/sh -c` and the text as its arguments; now it gets {} (H009).",
                if reading.keeps_shell { "them with `exec`" } else { "the words themselves" }
            ));
        }
        Known::Value(Some(_)) => {
            if stage.facts.as_ref().and_then(|facts| facts.entrypoint_branches) != Some(false) {
                let remark = "The entry point of the base image gets the words now instead of `/bin/sh`, and may act on them (H010).";
                remarks.push(remark.to_owned());
            }
        }
        Known::Unknown(_) => {
            let remark =
                "If the base image has an entry point, that gets the words now instead of `/bin/sh` (H010).";
            remarks.push(remark.to_owned());
        }
    }
    Ok(remarks)
}

/// Plans the exec form.
///
/// # Errors
/// A [`Refusal`] when the text needs its shell, or when ENTRYPOINT and CMD only make sense together.
pub(crate) fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    let keyword = instruction.keyword;
    let model = subject.model;
    let stage = model.stage_of(index).ok_or_else(|| Refusal::because("it stands before the first FROM"))?;
    let reading = read(subject, stage, index)?;
    let mut remarks = beside(subject, stage, index, keyword, &reading)?;
    let mut edit = TextEdit::builder();
    let title = if reading.keeps_shell {
        write_around(&mut edit, instruction, &reading);
        remarks.extend(unset_at_run_time(stage, &reading));
        "have the shell replace itself by the program"
    } else {
        write_words(&mut edit, instruction, &reading, model.file().text())?;
        "start the program without a shell"
    };
    let program = reading.words.first().map(String::as_str).unwrap_or_default();
    if !reading.keeps_shell && !lacks_shell(model, stage) && !starts_alone(subject, stage, program) {
        remarks.push(format!(
            "{program} must be a program or begin with `#!`: only a shell runs it otherwise (H014)."
        ));
    }
    remarks.push(
        "The program is process 1 then: the stop signal reaches it, but one that installs no handler ignores it; \
         `--init` helps (H011, H152)."
            .to_owned(),
    );
    let mut declared = vec![Delta::FormChanged {
        instruction: index,
        from: reading.text.script.canonical(),
        to: reading.words.clone(),
    }];
    declared.extend(config_deltas(model, index, keyword, &reading.words));
    let mut plan = Plan::edit(title, edit.finish(), declared)?;
    plan.remarks = remarks;
    Ok(plan)
}

/// Every stage that starts what this instruction says.
fn config_deltas(model: &BuildModel, index: usize, keyword: Keyword, words: &[String]) -> Vec<Delta> {
    let field = if keyword == Keyword::Cmd { "command" } else { "entry point" };
    let stages = model.stages().iter().filter_map(|stage| Some((stage.index, effective(stage, keyword)?)));
    let ours = stages.filter(|(_, command)| command.instruction == Some(index) && command.words != words);
    ours.map(|(stage, command)| Delta::ConfigChanged {
        stage,
        field: field.to_owned(),
        old: Some(render_words(&command.words)),
        new: Some(render_words(words)),
    })
    .collect()
}

fn json_string(word: &str) -> String {
    let array = render_words(std::slice::from_ref(&word.to_owned()));
    array.get(1..array.len() - 1).unwrap_or_default().to_owned()
}

/// Each word becomes a JSON string where it stands, so that line breaks and comments between the words stay.
fn write_words(
    edit: &mut TextEditBuilder,
    instruction: &Instruction,
    reading: &Reading<'_>,
    file: &str,
) -> Result<(), Refusal> {
    if let Some(exec) = reading.simple.words.first().filter(|_| reading.dropped == 1) {
        let range = reading.text.file_range(instruction, &exec.span);
        let blanks = file.get(range.end..).unwrap_or_default().len()
            - file.get(range.end..).unwrap_or_default().trim_start_matches([' ', '\t']).len();
        edit.delete(TextRange::new(range.start, range.end + blanks));
    }
    let last = reading.words.len().saturating_sub(1);
    for (at, (word, written)) in
        reading.words.iter().zip(reading.simple.words.iter().skip(reading.dropped)).enumerate()
    {
        let range = reading.text.file_range(instruction, &written.span);
        if instruction.comment_lines.iter().any(|line| line.overlaps(range)) {
            return Err(Refusal::hazard("H015", "a comment stands inside of a word"));
        }
        let open = if at == 0 { "[" } else { "" };
        let close = if at == last { "]" } else { "," };
        edit.replace(range, format!("{open}{}{close}", json_string(word)));
    }
    Ok(())
}

/// The text stays byte for byte, inside of a JSON string.
fn write_around(edit: &mut TextEditBuilder, instruction: &Instruction, reading: &Reading<'_>) {
    let text = reading.text.script.text();
    let start = reading.simple.words.get(reading.dropped).map_or(0, |word| word.span.start);
    let place = |at: usize, length: usize| reading.text.file_range(instruction, &(at..at + length));
    let prefix = "[\"/bin/sh\", \"-c\", \"exec ";
    // Edits that touch become one, so that each keeps its place.
    let mut pending = (TextRange::empty(place(start, 1).start), prefix.to_owned());
    if let Some(exec) = reading.simple.words.first().filter(|_| reading.dropped == 1) {
        // The blanks behind `exec` go with it.
        let from = reading.text.file_range(instruction, &exec.span).start;
        pending.0 = TextRange::new(from, place(start, 1).start);
    }
    let mut push = |range: TextRange, text: &str| {
        if range.start == pending.0.end {
            pending = (TextRange::new(pending.0.start, range.end), std::mem::take(&mut pending.1) + text);
        } else {
            let (range, text) = std::mem::replace(&mut pending, (range, text.to_owned()));
            edit.replace(range, text);
        }
    };
    for (offset, character) in text.get(start..).unwrap_or_default().char_indices() {
        let escaped = match character {
            '"' | '\\' => format!("\\{character}"),
            '\t' => "\\t".to_owned(),
            control if control < ' ' => format!("\\u{:04x}", control as u32),
            _ => continue,
        };
        push(place(start + offset, character.len_utf8()), &escaped);
    }
    push(TextRange::empty(reading.text.insert_after(instruction, text.len())), "\"]");
    let (range, text) = pending;
    edit.replace(range, text);
}

/// A variable that only ARG sets is empty when the container starts (H016).
fn unset_at_run_time(stage: &Stage, reading: &Reading<'_>) -> Option<String> {
    let names = reading.simple.words.iter().flat_map(|word| &word.expansions).filter_map(|expansion| {
        let ExpansionKind::Parameter { name, .. } = &expansion.kind else { return None };
        Some(name)
    });
    let only_argument = |name: &str| {
        let is_argument = stage.end.args().any(|(argument, _)| argument == name);
        is_argument && !stage.end.env().any(|(variable, _)| variable == name)
    };
    let mut names = names.filter(|name| only_argument(name));
    let name = names.next()?;
    Some(format!("ARG {name} does not exist any more when the container starts: ${name} is empty (H016)."))
}

fn has_extension(path: &str, extensions: &[&str]) -> bool {
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
    if let Some(head) = context_head(subject, stage, program) {
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

/// The first bytes of the context file that a COPY puts at the program's path.
fn context_head(subject: &Subject<'_>, stage: &Stage, program: &str) -> Option<Vec<u8>> {
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
    let bytes = subject.context.files().read(&source).present()?;
    Some(bytes.iter().take(4).copied().collect())
}
