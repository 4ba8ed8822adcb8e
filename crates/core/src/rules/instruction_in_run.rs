//! See [`RULE`].

use crate::model::{Delta, Meaning, diff};
use crate::rule::installs::{ShellRun, shell_runs};
use crate::rule::{Finding, Findings, Plan, Refusal, Subject, rule};
use crate::shell::{Joiner, Keyword as ShellKeyword, Node, Simple};
use crate::syntax::{Dockerfile, Keyword};
use crate::text::{TextEdit, TextRange};

rule! {
    /// A Dockerfile instruction as a command of a RUN.
    ///
    /// ## Why
    ///
    /// Instructions stand on lines of their own. Behind `&&` or `;` the shell takes the word for a program, does not
    /// find it, and the build fails; or goes on without it where the failure is not minded.
    ///
    /// ```dockerfile
    /// FROM debian:12-slim
    /// RUN useradd --create-home app \
    ///     && USER app
    /// CMD ["bash"]
    /// ```
    /// ->
    /// ```dockerfile
    /// FROM debian:12-slim
    /// RUN useradd --create-home app
    /// USER app
    /// CMD ["bash"]
    /// ```
    ///
    /// ## Fix
    ///
    /// The last command of a chain of `&&` becomes an instruction of its own behind the RUN.
    ///
    /// ## Stays silent
    ///
    /// For lower-case words (`add`, `user` and `env` are programs), quoted words, and functions of that name that the
    /// RUN defines. For text in heredocs of other commands, and where the RUN is not run by a POSIX shell.
    ///
    /// ## Refuses
    ///
    /// When other commands follow: they would run in the changed state or not, and which is meant cannot be told. When
    /// the list is joined by something else than `&&`, when it is all that the RUN has, when its words are for the
    /// shell to expand, when a comment stands in between, and for FROM and ONBUILD.
    ///
    /// ## Safety
    ///
    /// Unsafe: the build that failed goes on.
    "instruction-in-run" {
        aliases: [],
        since: "0.1.0",
        severity: Error,
        phase: Normalise,
        reveals: [
            "mixed-instruction-casing",
            "unreachable-instruction",
            "add-instead-of-copy",
            "shell-form-cmd",
            "shell-form-entrypoint",
            "root-user",
            "legacy-key-value",
            "source-before-dependencies",
        ],
        check: check,
        plan: plan,
    }
}

const NAMES: [&str; 17] = [
    "USER",
    "WORKDIR",
    "ENV",
    "COPY",
    "ADD",
    "EXPOSE",
    "CMD",
    "ENTRYPOINT",
    "VOLUME",
    "LABEL",
    "FROM",
    "ARG",
    "RUN",
    "HEALTHCHECK",
    "STOPSIGNAL",
    "SHELL",
    "ONBUILD",
];

/// The commands of a RUN that are instructions, each with its number among the commands.
fn instructions<'a>(run: &ShellRun<'a>) -> Vec<(usize, &'a Simple, &'static str)> {
    let name = |simple: &Simple| {
        let word = simple.words.first()?;
        let name = NAMES.iter().copied().find(|name| word.value() == Some(*name))?;
        (!word.quoted && simple.assignments.is_empty()).then_some(name)
    };
    let commands = run.text.script.commands().enumerate();
    commands.filter_map(|(number, simple)| Some((number, simple, name(simple)?))).collect()
}

/// Whether the text defines a function. One with the name of an instruction is rare enough to give up at any.
fn defines_functions(run: &ShellRun<'_>) -> bool {
    let items = run.text.script.list();
    items.iter().any(
        |item| matches!(&item.node, Node::Compound(compound) if compound.keyword == ShellKeyword::Function),
    )
}

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for run in shell_runs(subject.model, &NAMES) {
        let found = instructions(&run);
        if found.is_empty() || defines_functions(&run) {
            continue;
        }
        for (number, simple, name) in found {
            let Some(word) = simple.words.first() else { continue };
            let range = run.text.file_range(run.instruction, &word.span);
            let message = format!("{name} is an instruction, but here the shell runs it as a command");
            let finding = findings
                .at(run.index, range, message)
                .subject(format!("{name} {number}"))
                .refused_if(last_of_chain(subject, &run, number, simple, name).err());
            findings.push(finding);
        }
    }
}

/// What the fix of the last command does.
struct Move {
    /// From the end of the command before to the end of this.
    removed: TextRange,
    /// The instruction.
    text: String,
    meaning: String,
    /// The command, in canonical form.
    command: String,
}

/// Whether the command is the last of a plain chain of `&&`.
fn last_of_chain(
    subject: &Subject<'_>,
    run: &ShellRun<'_>,
    number: usize,
    simple: &Simple,
    name: &str,
) -> Result<Move, Refusal> {
    if matches!(name, "FROM" | "ONBUILD") {
        return Err(Refusal::because("what it was meant for cannot be told"));
    }
    if run.text.is_heredoc() {
        return Err(Refusal::because("the command stands in a heredoc"));
    }
    let script = &run.text.script;
    let [.., before, last] = script.list() else {
        return Err(Refusal::because("it is all that the RUN has"));
    };
    let is_last = matches!(&last.node, Node::Simple(node) if node.span == simple.span)
        && number + 1 == script.commands().count();
    if !is_last {
        return Err(Refusal::because("other commands follow, or the command is part of a larger one"));
    }
    let is_and = |item: &crate::shell::Item| item.joiner.as_ref().is_none_or(|join| join.kind == Joiner::And);
    let is_open = |item: &crate::shell::Item| item.background.is_some() || item.semicolon.is_some();
    if !script.list().iter().all(is_and) || script.list().iter().any(is_open) {
        return Err(Refusal::hazard("H088", "the commands are not a plain chain of &&"));
    }
    if !script.comments().is_empty() || !simple.redirects.is_empty() {
        return Err(Refusal::because("a comment or a redirection stands in the chain"));
    }
    let place = |offset: usize| run.text.insert_after(run.instruction, offset);
    let removed = TextRange::new(place(before.node.span().end), place(simple.span.end));
    let instruction = run.instruction;
    let inner = |line: &TextRange| line.end > removed.start;
    if instruction.comment_lines.iter().any(inner) {
        return Err(Refusal::hazard("H144", "a comment stands between its lines"));
    }
    let tail = TextRange::new(removed.end, instruction.range.end).of(subject.file().text());
    if !tail.trim().is_empty() || tail.contains('\n') {
        return Err(Refusal::hazard("H144", "the RUN goes on behind it"));
    }
    // What stays may not come to end in a continuation, or in blanks that BuildKit cuts off.
    let kept = script.text().get(..before.node.span().end).unwrap_or_default();
    if kept.ends_with(|c: char| c.is_whitespace() || c == subject.file().escape()) {
        return Err(Refusal::hazard("H144", "the command before it ends in a blank"));
    }
    if kept.starts_with('[') {
        return Err(Refusal::because("the RUN would come to be in exec form"));
    }
    let text = script.text().get(simple.span.clone()).unwrap_or_default().to_owned();
    let meaning = as_instruction(subject, simple, &text)
        .ok_or_else(|| Refusal::because("as an instruction it would mean something else"))?;
    Ok(Move { removed, text, meaning, command: simple.canonical() })
}

/// The meaning of the command's text as an instruction, when BuildKit reads the same words as the shell.
fn as_instruction(subject: &Subject<'_>, simple: &Simple, text: &str) -> Option<String> {
    let escape = subject.file().escape();
    if text.contains(['\n', '\r', '$', '`', '\\', escape]) {
        return None;
    }
    let file = Dockerfile::parse(format!("# escape={escape}\nFROM scratch\n{text}\n"));
    let [_, instruction] = file.instructions() else { return None };
    if !file.problems().is_empty()
        || !file.check_instructions().is_empty()
        || !instruction.heredocs.is_empty()
    {
        return None;
    }
    let count = instruction.values.len();
    let fits = match instruction.keyword {
        Keyword::Copy | Keyword::Add => count >= 2,
        // The old form takes in more than a shell's word.
        Keyword::Env | Keyword::Label => count > 0 && instruction.pairs.iter().all(|pair| !pair.legacy),
        Keyword::Shell => instruction.json,
        _ => count > 0,
    };
    // A JSON array is a pattern of file names to the shell, but nobody means that behind these words.
    let is_literal = instruction.json || simple.literal_words().is_some();
    (fits && is_literal).then(|| Meaning::of(&file, instruction).to_string())
}

fn plan(subject: &Subject<'_>, finding: &Finding) -> Result<Plan, Refusal> {
    let (index, instruction) = finding.instruction_in(subject)?;
    let gone = || Refusal::because("the text has changed");
    let run = shell_runs(subject.model, &NAMES).find(|run| run.index == index).ok_or_else(gone)?;
    let (number, simple, name) = instructions(&run).pop().ok_or_else(gone)?;
    let Move { removed, text, meaning, command } = last_of_chain(subject, &run, number, simple, name)?;
    let line = format!("{}{text}", subject.file().line_ending().as_str());

    let mut declared = consequences(subject, instruction.range.end, &line)?;
    declared.push(Delta::CommandRemoved {
        instruction: index,
        command: number,
        joiner: "&&".to_owned(),
        text: command,
    });
    declared.push(Delta::StepAdded { after: Some(index), order: 0, meaning });

    let mut edit = TextEdit::builder();
    edit.replace(removed, line);
    let plan = Plan::edit(format!("make {name} an instruction behind the RUN"), edit.finish(), declared)?;
    Ok(plan.remark("the build has failed here, or has gone on without it: see that it does what is meant"))
}

/// How the state and the config change when the instruction is added behind the RUN, as the model shows it. The text
/// that it is asked about is another than the one that the edit makes: the RUN stays as it is.
fn consequences(subject: &Subject<'_>, at: usize, line: &str) -> Result<Vec<Delta>, Refusal> {
    let file = subject.file();
    let mut edit = TextEdit::builder();
    edit.insert(at, line);
    let after = edit.finish().and_then(|edit| edit.apply(file.text()));
    let after = after.map_err(|error| Refusal::because(error.to_string()))?;
    let mut deltas = diff(subject.model, &subject.model.of_edited(after, subject.knowledge));
    deltas.retain(|delta| matches!(delta, Delta::StateChanged { .. } | Delta::ConfigChanged { .. }));
    Ok(deltas)
}
