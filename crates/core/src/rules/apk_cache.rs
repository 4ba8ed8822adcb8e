//! See [`RULE`].

use crate::model::Delta;
use crate::rule::installs::apk::{
    ApkCommand, IndexUse, NO_CACHE, apk_commands, index_use_behind, inner_adds, is_mounted, removal,
    update_before_install,
};
use crate::rule::installs::{ShellRun, inner_scripts, shell_runs};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::shell::Script;
use crate::text::{TextEdit, TextEditBuilder, TextRange};

rule! {
    /// `apk add` without `--no-cache`, or an `apk update` whose index stays in the layer.
    ///
    /// ## Why
    ///
    /// apk keeps the index of the repositories in /var/cache/apk. The running image has no use for it, and it is stale
    /// within days.
    ///
    /// ```dockerfile
    /// FROM alpine:3.20
    /// RUN apk update && apk add curl
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM alpine:3.20
    /// RUN apk add --no-cache curl
    /// ```
    ///
    /// ## Fix
    ///
    /// `--no-cache` goes behind `add`. It fetches the index each time and keeps nothing, so that it takes the place of
    /// `-U`, `--update` and `--update-cache`, and of an `apk update &&` right in front. An `apk upgrade` gets it too, and
    /// when an `apk update` goes, so do later installations that used its index.
    ///
    /// ## Stays silent
    ///
    /// - When the flag is there, before or behind `add`.
    /// - When a cache or tmpfs mount lies over /var/cache/apk or /etc/apk/cache.
    /// - With `--cache-dir` or `--simulate`.
    /// - In a stage whose layers reach no image: files are only copied from it.
    /// - In text that the shell grammar cannot read, in stages whose shell is not a POSIX one, and in the exec form
    ///   unless it runs a shell.
    ///
    /// ## Refuses
    ///
    /// - When an `apk update` must stay: it stands in a RUN of its own, or not right in front of an installation in a
    ///   plain list, or something else reads the index (H102).
    /// - When `rm` without `-f` removes the index: with nothing there it fails (H104).
    /// - In a heredoc and in text for another shell.
    ///
    /// ## Safety
    ///
    /// Safe: the same packages are installed from the same index.
    "apk-cache" {
        aliases: ["hadolint:DL3019"],
        since: "0.1.0",
        severity: Warning,
        phase: Clean,
        check: check,
        plan: plan,
    }
}

/// Nobody writes more than this in a RUN, and comparing the texts would take too long.
const MOST_UPDATES: usize = 20;

/// What is wrong with a RUN.
struct Cached<'a> {
    /// The installations without the flag.
    lacking: Vec<ApkCommand<'a>>,
    /// The updates whose index stays.
    updates: Vec<ApkCommand<'a>>,
}

impl<'a> Cached<'a> {
    fn of(script: &'a Script) -> Self {
        let mut cached = Self { lacking: Vec::new(), updates: Vec::new() };
        let mut installs = false;
        for command in apk_commands(script) {
            if command.lacks_flag() {
                installs |= command.verb_text == "add";
                cached.lacking.push(command);
            } else if command.verb_text == "update" && !command.is_clean() {
                cached.updates.push(command);
            }
        }
        // An upgrade alone is no installation; it is mended along with one.
        let last = cached.updates.last().map(|update| update.started.command);
        if last.is_some_and(|last| removal(script, last).is_some()) {
            cached.updates.clear();
        }
        if !installs && cached.updates.is_empty() {
            cached.lacking.clear();
        }
        cached
    }

    fn first(&self) -> Option<&ApkCommand<'a>> {
        self.lacking.iter().find(|command| command.verb_text == "add").or(self.updates.first())
    }
}

fn message(command: &ApkCommand<'_>) -> &'static str {
    if command.verb_text == "update" {
        "keeps the index of the repositories in the layer, where it is stale within days"
    } else {
        "installs without --no-cache: the index of the repositories stays in the layer"
    }
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for run in shell_runs(subject.model, &["apk"]) {
        if !run.is_shipped(subject.model) || is_mounted(&run) {
            continue;
        }
        let cached = Cached::of(&run.text.script);
        let Some(first) = cached.first() else { continue };
        let finding = findings.at(run.index, first.started.range(&run, first.verb), message(first));
        findings.push(finding.refused_if(run.editable().err()));
    }
    for inner in inner_scripts(subject, &["apk"]) {
        let shipped = subject.model.stage_of(inner.index).is_some_and(|stage| stage.shipped);
        if shipped && inner_adds(&inner).iter().any(|add| !add.read.has_effect("cache")) {
            let message = "installs without --no-cache: the index of the repositories stays in the layer";
            let finding = findings.at(inner.index, inner.range, message).subject("inner");
            findings
                .push(finding.refused(Refusal::because("the command stands in the text for another shell")));
        }
    }
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, _) = finding.instruction_in(subject)?;
    let run = ShellRun::at(subject.model, index)
        .ok_or_else(|| Refusal::because("the shell text cannot be read"))?
        .editable()?;
    let mut fix = Fix { edit: TextEdit::builder(), declared: Vec::new() };
    let cached = Cached::of(&run.text.script);
    fix.mend(&run, &cached.lacking)?;
    let removable = update_before_install(&run.text.script);
    if !cached.updates.is_empty() {
        if cached.updates.len() != removable.len() {
            return Err(Refusal::hazard("H102", "an apk update does not stand right before an installation"));
        }
        if removable.len() > MOST_UPDATES {
            return Err(Refusal::because("there are too many apk update to remove"));
        }
        let IndexUse::Adds(later) = index_use_behind(subject.model, index) else {
            return Err(Refusal::hazard("H102", "a later step reads the index"));
        };
        if apk_commands(&run.text.script).any(|command| reads_index(command.verb_text)) {
            return Err(Refusal::hazard("H102", "another command reads the index"));
        }
        for later in later {
            let later = ShellRun::at(subject.model, later)
                .ok_or_else(|| Refusal::because("the shell text cannot be read"))?;
            let lacking: Vec<_> = apk_commands(&later.text.script).filter(ApkCommand::lacks_flag).collect();
            fix.mend(&later, &lacking)?;
        }
        for item in &removable {
            fix.remove_update(subject, &run, *item)?;
        }
    }
    Plan::edit(format!("add {NO_CACHE}"), fix.edit.finish(), fix.declared)
}

fn reads_index(verb: &str) -> bool {
    !matches!(verb, "add" | "del" | "update" | "upgrade" | "cache" | "info" | "version")
}

struct Fix {
    edit: TextEditBuilder,
    declared: Vec<Delta>,
}

impl Fix {
    fn mend(&mut self, run: &ShellRun<'_>, lacking: &[ApkCommand<'_>]) -> Result<(), Refusal> {
        let first = lacking.first().map_or(0, |command| command.started.command);
        if let Some(removal) = removal(&run.text.script, first).filter(|_| !lacking.is_empty()) {
            let forces = |word: &str| word.starts_with('-') && word.contains('f');
            if removal.program() == "rm" && !removal.words().any(forces) {
                return Err(Refusal::hazard("H104", "rm without -f fails when there is no index to remove"));
            }
        }
        for command in lacking {
            self.add_flag(run, command);
        }
        Ok(())
    }

    fn add_flag(&mut self, run: &ShellRun<'_>, command: &ApkCommand<'_>) {
        let started = &command.started;
        let (instruction, number) = (run.index, started.command);
        let flag = command.update_flag().and_then(|at| Some((at, started.word(at)?)));
        if let Some((at, word)) = flag.filter(|(_, word)| !word.quoted) {
            self.edit.replace(run.text.file_range(run.instruction, &word.span), NO_CACHE);
            self.declared.push(Delta::WordReplaced {
                instruction,
                command: number,
                at: started.prefix + at,
                from: word.canonical(),
                to: NO_CACHE.to_owned(),
            });
        } else if let Some(verb) = started.word(command.verb) {
            self.edit.insert(run.text.insert_after(run.instruction, verb.span.end), format!(" {NO_CACHE}"));
            self.declared.push(Delta::WordsAdded {
                instruction,
                command: number,
                at: started.prefix + command.verb + 1,
                words: vec![NO_CACHE.to_owned()],
            });
        }
    }

    /// Removes `apk update &&` up to the installation behind it.
    ///
    /// # Errors
    /// A refusal when a comment stands in between: it would be gone too.
    fn remove_update(
        &mut self,
        subject: &Subject<'_>,
        run: &ShellRun<'_>,
        item: usize,
    ) -> Result<(), Refusal> {
        let list = run.text.script.list();
        let (Some(update), Some(install)) = (list.get(item), list.get(item + 1)) else { return Ok(()) };
        let place = |span| run.text.file_range(run.instruction, span);
        let range = TextRange::new(place(&update.node.span()).start, place(&install.node.span()).start);
        if range.of(subject.file().text()).contains('#') {
            return Err(Refusal::because("a comment stands between apk update and the installation"));
        }
        self.edit.delete(range);
        let command = run
            .text
            .script
            .commands()
            .take_while(|simple| simple.span.start < update.node.span().start)
            .count();
        self.declared.push(Delta::CommandRemoved {
            instruction: run.index,
            command,
            joiner: "&&".to_owned(),
            text: update.canonical(),
        });
        Ok(())
    }
}
