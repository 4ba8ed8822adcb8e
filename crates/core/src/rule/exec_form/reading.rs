//! What a text in shell form becomes: the words of one literal command, or the same text for the same shell, which replaces
//! itself by the last command.

use super::array::{self, Array};
use super::stage::lacks_shell;
use crate::model::{ShellKind, ShellText, Stage, State};
use crate::rule::{Refusal, Subject};
use crate::shell::{Item, Joiner, Keyword, Node, Script, Simple, Span};

/// What an instruction in shell form becomes.
pub(super) struct Reading<'a> {
    pub(super) text: &'a ShellText,
    pub(super) form: Form<'a>,
    /// The words of the exec form.
    pub(super) words: Vec<String>,
}

/// How the words come about.
pub(super) enum Form<'a> {
    /// One command with literal words.
    Words {
        simple: &'a Simple,
        /// How many words at the start are dropped: a plain `exec`.
        dropped: usize,
        /// A `;` behind it.
        semicolon: Option<Span>,
    },
    /// The shell stays, and gets the text.
    Shell {
        shell: Vec<String>,
        /// Where `exec` is put in, so that the shell replaces itself; `None` where it stands already.
        exec: Option<usize>,
    },
    /// What was meant as a JSON array.
    Array(Array),
}

impl Reading<'_> {
    /// Whether a shell is kept.
    pub(super) fn keeps_shell(&self) -> bool {
        matches!(self.form, Form::Shell { .. })
    }

    /// The name of the program that becomes process 1, where it is literal.
    pub(super) fn program(&self) -> Option<&str> {
        match &self.form {
            Form::Shell { .. } => {
                let Node::Simple(simple) = &self.text.script.list().last()?.node else { return None };
                let exec = usize::from(simple.words.first().is_some_and(|word| word.raw() == "exec"));
                simple.words.get(exec)?.value()
            }
            _ => self.words.first().map(String::as_str),
        }
    }
}

/// Reads the text of an instruction.
///
/// # Errors
/// A [`Refusal`] when no exec form does the same.
pub(super) fn read<'a>(subject: &Subject<'a>, stage: &Stage, index: usize) -> Result<Reading<'a>, Refusal> {
    let unreadable = || Refusal::hazard("H004", "the text is not read alike by every shell");
    let text = subject.model.shell_text(index).ok_or_else(unreadable)?;
    let script = &text.script;
    if let Some(array) = array::read(script.text()) {
        let words = array.elements.iter().map(|element| element.value.clone()).collect();
        return Ok(Reading { text, form: Form::Array(array), words });
    }
    if is_broken_array(script) {
        return Err(Refusal::hazard(
            "H004",
            "it was meant as a JSON array, and more than its quotes is wrong",
        ));
    }
    if !script.is_readable() {
        return Err(unreadable());
    }
    if !script.comments().is_empty() {
        return Err(Refusal::hazard("H015", "a comment of the shell stands in the text"));
    }
    let (_, step) = subject.model.place(index).ok_or_else(unreadable)?;
    if step.state.shell.is_none()
        && let Some(reading) = literal(subject, text)?
    {
        return Ok(reading);
    }
    if stage.end.default_shell == Some(ShellKind::None) {
        let why = if lacks_shell(subject.model, stage) {
            "the text needs a shell, and the image has none"
        } else {
            "the text needs a shell and the image may have none"
        };
        return Err(Refusal::hazard("H012", why));
    }
    in_shell(subject, text, &step.state)
}

/// The reading that keeps the shell, whatever the text is.
///
/// # Errors
/// A [`Refusal`] when the shell cannot replace itself by the last command.
pub(super) fn in_shell<'a>(
    subject: &Subject<'_>,
    text: &'a ShellText,
    state: &State,
) -> Result<Reading<'a>, Refusal> {
    let exec = place_of_exec(subject, &text.script)?;
    let shell = state.shell_words();
    let mut words = shell.clone();
    words.push(with_exec(text.script.text(), exec));
    Ok(Reading { text, form: Form::Shell { shell, exec }, words })
}

fn with_exec(text: &str, exec: Option<usize>) -> String {
    match exec.and_then(|at| text.split_at_checked(at)) {
        Some((before, after)) => format!("{before}exec {after}"),
        None => text.to_owned(),
    }
}

/// Not quite a JSON array: the builder takes it for shell text (H004).
pub(super) fn is_broken_array(script: &Script) -> bool {
    let text = script.text();
    let Some(inside) = text.strip_prefix('[') else { return false };
    if array::read(text).is_some() {
        return true;
    }
    // The shell's own `[` has a blank behind it.
    let is_test = inside.starts_with([' ', '\t'])
        && script.is_readable()
        && script.commands().next().is_some_and(|command| command.name() == Some("["));
    !is_test && (text.ends_with(']') || inside.trim_start().starts_with('"'))
}

/// The words of a text that is one command with literal words and nothing else.
fn literal<'a>(subject: &Subject<'_>, text: &'a ShellText) -> Result<Option<Reading<'a>>, Refusal> {
    let [item] = text.script.list() else { return Ok(None) };
    let Node::Simple(simple) = &item.node else { return Ok(None) };
    let is_plain = simple.redirects.is_empty() && simple.assignments.is_empty() && item.background.is_none();
    let Some(literal) = simple.literal_words().filter(|_| is_plain) else { return Ok(None) };
    let is_exec = literal.first().is_some_and(|word| word == "exec");
    let dropped = usize::from(is_exec);
    let mut words: Vec<String> = literal.into_iter().skip(dropped).collect();
    let program = words.first().ok_or_else(|| Refusal::hazard("H003", "it starts no program"))?;
    is_a_program(subject, program, simple, is_exec)?;
    if let [shell, option, inner] = words.as_slice()
        && subject.knowledge.is_shell(shell)
        && option == "-c"
    {
        // A shell for a shell: the one that is left replaces itself too, where it can.
        let script = Script::parse(inner);
        let place = if script.is_readable() { place_of_exec(subject, &script).ok().flatten() } else { None };
        let inner = with_exec(inner, place);
        words = vec![shell.clone(), option.clone(), inner];
    }
    let form = Form::Words { simple, dropped, semicolon: item.semicolon.clone() };
    Ok(Some(Reading { text, form, words }))
}

/// Where `exec` has to stand for the shell to replace itself by the last command; `None` where it stands already.
fn place_of_exec(subject: &Subject<'_>, script: &Script) -> Result<Option<usize>, Refusal> {
    let nothing = || Refusal::hazard("H003", "it starts no program");
    let items = script.list();
    let (last, before) = items.split_last().ok_or_else(nothing)?;
    shell_may_go(script, last, before)?;
    let simple = match &last.node {
        Node::Simple(simple) => simple,
        Node::Pipeline(_) => {
            return Err(Refusal::hazard("H002", "the shell joins the commands of a pipe"));
        }
        Node::Compound(_) => return Err(Refusal::hazard("H003", "the text is a statement of the shell")),
        _ => return Err(Refusal::hazard("H002", "the shell groups commands")),
    };
    if simple.redirects.iter().any(|redirect| redirect.here_doc.is_some() || is_of_bash(redirect)) {
        return Err(Refusal::hazard("H002", "not every shell redirects like that"));
    }
    let is_exec = simple.words.first().is_some_and(|word| word.raw() == "exec");
    let program = simple.words.get(usize::from(is_exec)).ok_or_else(nothing)?;
    if let Some(name) = program.value() {
        is_a_program(subject, name, simple, is_exec)?;
        // The shell's own word at the end of a list is not what the container is there for.
        if !before.is_empty() && subject.knowledge.is_shell_builtin(name) {
            return Err(Refusal::hazard(
                "H003",
                format!("the last command, `{name}`, is a word of the shell"),
            ));
        }
        may_be_no_file(subject, script, name)?;
    }
    Ok((!is_exec).then_some(program.span.start))
}

/// Whether nothing is left for the shell to do when the last command starts.
fn shell_may_go(script: &Script, last: &Item, before: &[Item]) -> Result<(), Refusal> {
    if last.background.is_some() {
        return Err(Refusal::hazard("H002", "the shell sends the program to the background"));
    }
    if before.iter().any(|item| item.background.is_some()) {
        let why = "the shell starts several programs side by side and has to stay for them";
        return Err(Refusal::hazard("H002", why));
    }
    if last.joiner.as_ref().is_some_and(|join| join.kind == Joiner::Or) {
        let why = "the last command only runs when another has failed, for which the shell has to wait";
        return Err(Refusal::hazard("H002", why));
    }
    let is_function =
        |item: &Item| matches!(&item.node, Node::Compound(compound) if compound.keyword == Keyword::Function);
    if before.iter().any(is_function) {
        return Err(Refusal::hazard("H003", "the text defines a function of the shell"));
    }
    if let Some(name) = script.commands().find_map(|command| command.name().filter(|name| *name == "trap")) {
        return Err(Refusal::hazard("H003", format!("`{name}` asks the shell to stay")));
    }
    Ok(())
}

/// A redirection that only bash has; another shell sends the command to the background, or fails.
fn is_of_bash(redirect: &crate::shell::Redirect) -> bool {
    use crate::shell::RedirectOp::{Both, BothAppend, HereString};
    matches!(redirect.operator, Both | BothAppend | HereString)
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

/// A name that a file which the shell has read in may define as a function or an alias (H013). The `activate` of a
/// virtual environment only sets variables.
fn may_be_no_file(subject: &Subject<'_>, script: &Script, name: &str) -> Result<(), Refusal> {
    let refuse = || {
        let why = format!("`{name}` may be a function or an alias that only the shell knows");
        Err(Refusal::hazard("H013", why))
    };
    let defines = |command: &Simple| match command.name() {
        Some("." | "source") => !command
            .args()
            .first()
            .is_some_and(|file| file.raw().trim_end_matches('"').ends_with("/activate")),
        Some("eval" | "alias") => true,
        _ => false,
    };
    if name.contains('/') || !script.commands().any(|command| defines(command) || is_activation(command)) {
        return Ok(());
    }
    let knowledge = subject.knowledge;
    if knowledge.is_known_function(name) {
        return refuse();
    }
    let is_known = knowledge.is_interpreter(name)
        || knowledge.is_runner(name)
        || knowledge.is_shell(name)
        || knowledge.program_role(name).is_some()
        || knowledge.is_server(name);
    let only_activates = !script.commands().any(defines);
    if is_known || only_activates { Ok(()) } else { refuse() }
}

fn is_activation(command: &Simple) -> bool {
    matches!(command.name(), Some("." | "source"))
}
