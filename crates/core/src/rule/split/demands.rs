//! What a running program asks of the system: the programs that its start, its health check and its own code call.

use std::collections::BTreeSet;

use super::BuildStage;
use crate::model::{CommandLine, Known};
use crate::rule::Refusal;
use crate::rule::installs::started;
use crate::shell::Script;
use crate::syntax::Keyword;

/// Longer sources than this are not read: they are generated.
const LONGEST: usize = 512 << 10;

/// The commands that are known to be run when a container runs, each as its words.
#[derive(Debug, Default)]
pub(super) struct Started {
    pub(super) commands: Vec<Vec<String>>,
    /// Whether more may be run than is listed.
    pub(super) is_open: bool,
}

impl Started {
    fn text(&mut self, text: &str) {
        let script = Script::parse(text);
        if !script.is_readable() {
            self.is_open = true;
            return;
        }
        for started in started(&script) {
            let words: Vec<String> = started.words().map(str::to_owned).collect();
            if !words.is_empty() {
                self.commands.push(words);
            }
        }
    }

    /// Adds the commands of a shell text.
    pub(super) fn add(&mut self, text: &str) {
        self.text(text);
    }
}

/// What the entry point, the command and the health check start, and the scripts of the context that these name.
pub(super) fn started_by(stage: &BuildStage<'_>) -> Result<Started, Refusal> {
    let mut all = Started::default();
    let config = &stage.stage.config;
    let mut lines: Vec<Vec<String>> = Vec::new();
    for command in [&config.entrypoint, &config.cmd] {
        match command {
            // The entry point of the base passes on what it is given.
            Known::Value(Some(CommandLine { words, set_here: true, .. })) => lines.push(words.clone()),
            Known::Value(_) => {}
            Known::Unknown(_) => all.is_open = true,
        }
    }
    for (index, step) in stage.model().stage_instructions(stage.stage) {
        if step.keyword != Keyword::Healthcheck {
            continue;
        }
        match stage.model().shell_text(index) {
            Some(text) => lines.push(vec!["sh".into(), "-c".into(), text.script.text().to_owned()]),
            None => lines.push(step.value_texts().skip(1).map(str::to_owned).collect()),
        }
    }
    for words in lines {
        let shell =
            words.iter().position(|word| word == "-c" || word == "-lc" || word == "-ec" || word == "-exc");
        match shell.and_then(|at| words.get(at + 1)) {
            Some(text) => all.text(text),
            None => all.commands.push(words),
        }
    }
    let files = stage.files()?;
    let workdir = config.workdir.value().cloned().unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut next = 0;
    while let Some(words) = all.commands.get(next).cloned() {
        next += 1;
        for word in &words {
            let path = if word.starts_with('/') {
                word.clone()
            } else {
                format!("{workdir}/{}", word.trim_start_matches("./"))
            };
            let on_path = format!("/usr/local/bin/{word}");
            let Some(file) = files.get(&path).or_else(|| files.get(&on_path)) else { continue };
            let is_script = file.strip_suffix(".sh").is_some()
                || !file.rsplit('/').next().unwrap_or_default().contains('.');
            if is_script && seen.insert(file.clone()) && seen.len() < 20 {
                let text = stage.read(file).unwrap_or_default();
                if text.starts_with("#!") && !text.lines().next().unwrap_or_default().contains("sh") {
                    continue;
                }
                all.text(&text);
            }
        }
    }
    Ok(all)
}

/// The packages of the programs that the full image has and its slim sibling has not, and that are started at run time or
/// named in a source that starts programs.
///
/// # Errors
/// A refusal when something is compiled at run time (H075).
pub(super) fn packages(
    stage: &BuildStage<'_>,
    started: &Started,
    starts: &[&str],
    endings: &[&str],
) -> Result<Vec<String>, Refusal> {
    let knowledge = stage.subject.knowledge;
    let mut packages = BTreeSet::new();
    for words in &started.commands {
        let program = words.first().map(|word| word.rsplit('/').next().unwrap_or(word)).unwrap_or_default();
        if knowledge.is_build_tool(program) {
            return Err(Refusal::hazard("H075", format!("`{program}` is run when a container starts")));
        }
        packages.extend(knowledge.package_of_full_program(&stage.image, program));
    }
    if stage.slim.is_none() {
        return Ok(Vec::new());
    }
    for (target, file) in stage.files()? {
        let is_source = endings.iter().any(|ending| file.ends_with(ending));
        let is_aside = ["/node_modules/", "/test/", "/tests/", "/__tests__/", "/.git/"]
            .iter()
            .any(|part| target.contains(part));
        let size = stage.subject.context.files().entry(&file).present().map_or(0, |entry| entry.size);
        if !is_source || is_aside || size as usize > LONGEST {
            continue;
        }
        let Some(text) = stage.read(&file) else { continue };
        if starts.iter().any(|start| text.contains(start)) {
            packages.extend(
                called_in(&text)
                    .filter_map(|program| knowledge.package_of_full_program(&stage.image, program)),
            );
        }
    }
    Ok(packages.into_iter().map(str::to_owned).collect())
}

/// The first words of the strings of a source, but for those that strings often begin with for other reasons.
pub(super) fn called_in(text: &str) -> impl Iterator<Item = &str> {
    const COMMON: [&str; 14] = [
        "file",
        "free",
        "top",
        "watch",
        "patch",
        "convert",
        "identify",
        "composite",
        "montage",
        "m4",
        "ps",
        "python",
        "uptime",
        "python3",
    ];
    let quotes = ['"', '\'', '`'];
    text.split(quotes).skip(1).filter_map(|part| {
        let word = part.split([' ', '\t']).next()?;
        (!word.is_empty()
            && word.len() < 16
            && !COMMON.contains(&word)
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
        .then_some(word)
    })
}
