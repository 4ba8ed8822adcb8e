//! The commands of one RUN, put together: what they read, and which of them can run before the source is copied.

use crate::model::{ShellText, State};
use crate::shell::{Item, Join, Joiner, Node, Pipeline, RedirectOp, Simple};
use crate::syntax::Instruction;

use super::filled::{Filled, fill};
use super::{
    Command, ContextView, Dependencies, First, Install, Locate, Place, Reads, Refusal, Removed, STACKS,
    Stack, Way, cache_mounts, harmless, is_context_mount, java, place_from, system,
};

/// A RUN that is being read.
pub(super) struct Reading<'a> {
    context: &'a ContextView<'a>,
    instruction: &'a Instruction,
    text: &'a ShellText,
    locate: Locate<'a>,
    state: &'a State,
    /// Where the RUN begins.
    begins: String,
    /// Where the next command runs.
    directory: String,
    /// Where the RUN mounts caches.
    caches: Vec<String>,
    /// The directories that were entered.
    entered: Vec<String>,
    /// What the text itself has set so far.
    variables: Vec<(String, String)>,
    parts: Vec<Part<'a>>,
}

/// A command at the top of the text.
struct Part<'a> {
    item: &'a Item,
    kind: Kind,
}

enum Kind {
    /// It only changes the shell that it runs in: `cd web`, `set -e`, `export CI=1`.
    Prelude,
    /// It reads none of the copied files.
    Nothing,
    /// It installs.
    Install(&'static Stack, String, Dependencies),
    /// It may read anything.
    Other,
}

impl Part<'_> {
    /// Whether it can run before the source is there.
    fn is_light(&self) -> bool {
        match &self.kind {
            Kind::Prelude | Kind::Nothing => true,
            Kind::Install(_, _, found) => found.first == First::Move,
            Kind::Other => false,
        }
    }
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        context: &'a ContextView<'a>,
        instruction: &'a Instruction,
        text: &'a ShellText,
        locate: Locate<'a>,
        state: &'a State,
        directory: String,
    ) -> Self {
        let mut reading = Self {
            context,
            instruction,
            text,
            locate,
            state,
            begins: directory.clone(),
            directory,
            caches: cache_mounts(instruction),
            entered: Vec::new(),
            variables: Vec::new(),
            parts: Vec::new(),
        };
        for item in text.script.list() {
            let kind = match &item.node {
                Node::Simple(simple) if item.background.is_none() => reading.simple(simple),
                Node::Pipeline(pipeline) if item.background.is_none() => reading.pipeline(pipeline),
                _ => Kind::Other,
            };
            reading.parts.push(Part { item, kind });
        }
        reading
    }

    /// Commands joined by `|`: nothing is read where none of them reads anything, and a program may come that way:
    /// `curl -sSL https://install.python-poetry.org | python3 -`.
    fn pipeline(&mut self, pipeline: &Pipeline) -> Kind {
        let reads_nothing = pipeline.commands.iter().enumerate().all(|(at, command)| {
            let Node::Simple(simple) = command else { return false };
            let words = simple.literal_words().unwrap_or_default();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let place = self.place(&self.variables);
            let is_fed = at > 0
                && simple.redirects.iter().all(is_thrown_away)
                && system::reads_its_input(&place, &words);
            is_fed || matches!(self.simple(simple), Kind::Nothing)
        });
        if reads_nothing { Kind::Nothing } else { Kind::Other }
    }

    fn place<'b>(&'b self, variables: &'b [(String, String)]) -> Place<'b> {
        Place {
            context: self.context,
            directory: &self.directory,
            begins: &self.begins,
            caches: &self.caches,
            state: self.state,
            locate: self.locate,
            variables,
        }
    }

    /// The value of a variable that nothing else can set: the text itself, or ENV.
    fn set(&self, name: &str) -> Option<&str> {
        let own = self.variables.iter().rev().find(|(known, _)| known == name);
        let outside = || self.state.env().find(|(known, _)| *known == name)?.1.value();
        own.map(|(_, value)| value.as_str()).or_else(|| outside().map(String::as_str))
    }

    /// Whether output goes to a file that the context has nothing to do with.
    fn goes_elsewhere(&self, redirect: &crate::shell::Redirect) -> bool {
        let is_output = matches!(redirect.operator, RedirectOp::Write | RedirectOp::Append);
        let Some(target) = redirect.target.value().filter(|_| is_output && redirect.here_doc.is_none())
        else {
            return false;
        };
        !self.is_copied(target)
    }

    /// What one command is.
    fn simple(&mut self, simple: &Simple) -> Kind {
        let is_plain =
            simple.redirects.iter().all(|redirect| is_thrown_away(redirect) || self.goes_elsewhere(redirect))
                && simple.assignments.iter().all(|assignment| assignment.value.value().is_some());
        if is_plain && harmless::removes_caches(simple) {
            return Kind::Nothing;
        }
        let filled: Vec<Filled> =
            simple.words.iter().filter_map(|word| fill(word, &|name| self.set(name))).collect();
        let known: Vec<&str> = filled.iter().map(Filled::text).collect();
        let is_literal = is_plain && known.len() == simple.words.len();
        let is_typed = filled.iter().all(|word| matches!(word, Filled::Known(_)));
        if is_literal && is_typed && self.is_prelude(simple, &known) {
            return Kind::Prelude;
        }
        if is_literal && harmless::reads_nothing(&known) {
            return Kind::Nothing;
        }
        let mut variables = self.variables.clone();
        variables.extend(simple.assignments.iter().filter_map(variable));
        let place = self.place(&variables);
        // The name of a package may be in a variable.
        let are_names = simple.words.first().is_some_and(|word| word.value().is_some())
            && simple.words.iter().all(|word| {
                let is_variable = word.substitutions().next().is_none() && !word.has_glob && !word.has_tilde;
                word.value().is_some() || is_variable
            });
        if is_plain && are_names && system::minds_no_words(&known)
            || is_literal && system::reads_nothing(&place, &known)
        {
            return Kind::Nothing;
        }
        for stack in STACKS {
            match (stack.read)(&place, &known) {
                Command::NotMine => {}
                Command::Nothing if is_literal => return Kind::Nothing,
                Command::Nothing => return Kind::Other,
                Command::Installs(mut found) => {
                    let is_typed_again = match &mut found.first {
                        First::Move => true,
                        First::Add(command) => types_variables_again(command, simple, &filled),
                    };
                    if !is_literal || !is_typed_again {
                        let text = shown(self.text.script.text().get(simple.span.clone()));
                        let reason = format!("what `{text}` reads is up to the shell");
                        found.files = Err(Refusal::hazard("H061", reason));
                    }
                    if let First::Add(command) = &mut found.first {
                        for assignment in simple.assignments.iter().rev() {
                            *command = format!("{} {command}", assignment.canonical());
                        }
                    }
                    // `chmod +x mvnw` stands for the wrapper.
                    let shown = java::wrapper_of(&known)
                        .map_or_else(|| known.iter().take(2).copied().collect(), |own| vec![own]);
                    return Kind::Install(stack, shown.join(" "), found);
                }
            }
        }
        Kind::Other
    }

    /// A directory that was entered and is not there before the source: below none of those that the RUN begins in, and
    /// without one of the files that are copied before.
    fn is_missing(&self, entered: &str, files: &[String]) -> bool {
        let is_begun = self.begins == entered
            || self.begins.strip_prefix(entered).is_some_and(|rest| rest.starts_with('/'));
        let Some(inside) = (self.locate)(&format!("{}/x", entered.trim_end_matches('/'))) else {
            return false;
        };
        let directory = inside.strip_suffix('x').unwrap_or(&inside);
        !is_begun
            && !files
                .iter()
                .any(|path| path.starts_with(directory) || directory.starts_with(&format!("{path}/")))
    }

    /// Whether a file comes with the context.
    fn is_copied(&self, name: &str) -> bool {
        let path = place_from(&self.directory, name).and_then(|path| (self.locate)(&path));
        path.is_some_and(|path| self.context.files().entry(&path).is_present())
    }

    /// Follows a command that only changes the shell.
    fn is_prelude(&mut self, simple: &Simple, words: &[&str]) -> bool {
        match words {
            [] if simple.redirects.is_empty() && !simple.assignments.is_empty() => {
                self.variables.extend(simple.assignments.iter().filter_map(variable));
                true
            }
            ["cd", to] => match place_from(&self.directory, to) {
                Some(directory) if *to != "-" => {
                    self.entered.push(directory.clone());
                    self.directory = directory;
                    true
                }
                _ => false,
            },
            ["set", options @ ..] => {
                options.iter().all(|option| option.starts_with(['-', '+']) || *option == "pipefail")
            }
            ["export", settings @ ..] => {
                let pairs: Option<Vec<_>> = settings.iter().map(|setting| setting.split_once('=')).collect();
                let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
                self.variables.extend(pairs.iter().flatten().copied().map(own));
                pairs.is_some()
            }
            ["umask", _] => true,
            // A virtual environment is switched on by a script that it made itself.
            ["." | "source", script] if !self.is_copied(script) => {
                let environment = script.strip_suffix("/bin/activate");
                let variable = environment.map(|path| ("VIRTUAL_ENV".to_owned(), path.to_owned()));
                self.variables.extend(variable);
                environment.is_some()
            }
            _ => false,
        }
    }

    /// The whole RUN.
    pub(super) fn finish(self) -> Reads {
        let mounts_context = self.instruction.flags.iter().any(is_context_mount);
        let light = self.parts.iter().take_while(|part| part.is_light()).count();
        let (lead, rest) = self.parts.split_at(light);
        // A download of what is installed a command before is not added again.
        let added = match rest.first().map(|part| &part.kind) {
            Some(Kind::Install(stack, _, found)) if !installs(lead, stack, &found.project) => Some(found),
            _ => None,
        };
        let first_of =
            |parts: &[Part<'_>]| parts.iter().position(|part| matches!(part.kind, Kind::Install(..)));
        let at = first_of(lead).or_else(|| Some(light + first_of(rest)?));
        let Some((part, (stack, command, found))) = at.and_then(|at| self.parts.get(at)).and_then(|part| {
            let Kind::Install(stack, command, found) = &part.kind else { return None };
            Some((part, (stack, command, found)))
        }) else {
            let is_missing = self.entered.iter().any(|entered| self.is_missing(entered, &[]));
            return if rest.is_empty() && !mounts_context && !is_missing {
                Reads::Nothing
            } else {
                Reads::Anything
            };
        };
        let mut remarks: Vec<String> = Vec::new();
        let mut files = Ok(Vec::new());
        let counted = lead.iter().filter_map(|part| match &part.kind {
            Kind::Install(_, _, found) => Some(found),
            _ => None,
        });
        for found in counted.chain(added) {
            join_files(&mut files, &found.files);
            for remark in &found.remarks {
                if !remarks.contains(remark) {
                    remarks.push(remark.clone());
                }
            }
        }
        let way = if rest.is_empty() { Ok(Way::Whole) } else { self.split(lead, rest, added) };
        let (way, refusal) = match way {
            Ok(way) => (way, None),
            Err(refusal) => (Way::Whole, Some(refusal)),
        };
        if let (Ok(_), Some(refusal)) = (&files, refusal) {
            files = Err(refusal);
        }
        if let (Ok(known), true) = (&files, rest.is_empty())
            && let Some(entered) = self.entered.iter().find(|entered| self.is_missing(entered, known))
        {
            files =
                Err(Refusal::hazard("H061", format!("`{entered}` is entered, and comes with the source")));
        }
        if mounts_context {
            files = Err(Refusal::hazard("H065", "the step mounts files of the context"));
        }
        let Node::Simple(simple) = &part.item.node else { return Reads::Anything };
        let start = simple.words.first().map_or(simple.span.start, |word| word.span.start);
        Reads::Install(Box::new(Install {
            command: command.clone(),
            range: self.text.file_range(self.instruction, &(start..simple.span.end)),
            stack: stack.name,
            project: found.project.clone(),
            makes: found.makes,
            files,
            way,
            takes_back: rest.iter().find_map(|part| self.takes_back(part)),
            remarks,
        }))
    }

    /// A command that makes the layer smaller by what an earlier command of the RUN has put there.
    fn takes_back(&self, part: &Part<'_>) -> Option<String> {
        let Node::Simple(simple) = &part.item.node else { return None };
        let words: Vec<&str> = simple.words.iter().filter_map(|word| word.value()).collect();
        let takes = match words.as_slice() {
            ["npm" | "pnpm" | "yarn" | "bun", "prune", ..] | ["apk", "del", ..] => true,
            ["apt-get" | "apt" | "dnf" | "yum" | "microdnf", rest @ ..] => {
                rest.iter().any(|word| matches!(*word, "remove" | "purge" | "autoremove"))
            }
            ["rm", rest @ ..]
                if rest.iter().any(|word| word.trim_end_matches('/').ends_with("node_modules")) =>
            {
                true
            }
            _ => harmless::removes_caches(simple) || system::cleans_up(&words),
        };
        takes.then(|| shown(self.text.script.text().get(simple.span.clone())))
    }

    /// The commands that come before the source, when `rest` has to stay behind it.
    fn split(
        &self,
        lead: &[Part<'_>],
        rest: &[Part<'_>],
        added: Option<&Dependencies>,
    ) -> Result<Way, Refusal> {
        let stays = || {
            let text = rest.first().map(|part| self.text.script.text().get(part.item.node.span()));
            let reason = format!("`{}` in the same step may read the source", shown(text.flatten()));
            Refusal::hazard("H061", reason)
        };
        let has_install = lead.iter().any(|part| matches!(part.kind, Kind::Install(..)));
        if !has_install && added.is_none() {
            return Err(stays());
        }
        // What stands behind the last command that does something only changes the shell for what follows.
        let end = lead.iter().rposition(|part| !matches!(part.kind, Kind::Prelude)).map_or(0, |at| at + 1);
        let mut first = String::new();
        let kept = if end == 0 { lead } else { lead.get(..end).unwrap_or_default() };
        for part in kept {
            first.push_str(operator(part.item.joiner.as_ref()).map_or("", |(_, blank)| blank));
            first.push_str(&part.item.canonical());
        }
        if let Some(Dependencies { first: First::Add(command), .. }) = added {
            // What the shell is told behind the last command counts for the added one too.
            for part in lead.get(end..).unwrap_or_default().iter().filter(|_| end > 0) {
                first.push_str(" && ");
                first.push_str(&part.item.canonical());
            }
            if !first.is_empty() {
                first.push_str(" && ");
            }
            first.push_str(command);
        }
        let mut removed = Vec::new();
        if end > 0 {
            if !self.can_be_cut(lead, rest) {
                return Err(stays());
            }
            for (command, part) in lead.iter().enumerate() {
                let next = lead.iter().chain(rest).nth(command + 1).map(|part| part.item);
                let (Some(next), false) = (next, matches!(part.kind, Kind::Prelude)) else { continue };
                removed.push(Removed {
                    command,
                    joiner: operator(next.joiner.as_ref()).map_or("", |(name, _)| name),
                    text: part.item.canonical(),
                    span: part.item.node.span().start..next.node.span().start,
                });
            }
        }
        Ok(Way::Split { first, removed })
    }

    /// Whether the list can be cut in two so that the second half runs exactly when the first succeeds: only `&&` from
    /// the cut on, or `;` where `set -e` makes it one.
    fn can_be_cut(&self, lead: &[Part<'_>], rest: &[Part<'_>]) -> bool {
        const KEPT: [&str; 3] = ["cache", "secret", "ssh"];
        let stops_at_errors = lead.iter().any(|part| match &part.item.node {
            Node::Simple(simple) if simple.name() == Some("set") => simple
                .args()
                .iter()
                .filter_map(|word| word.value())
                .any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('e')),
            _ => false,
        });
        let goes_on = |part: &Part<'_>| match part.item.joiner.as_ref().map(|join| join.kind) {
            Some(Joiner::And) | None => true,
            Some(Joiner::Sequence) => stops_at_errors,
            Some(_) => false,
        };
        // A directory in memory is another one in the second RUN.
        let keeps_mounts = self.instruction.flags.iter().filter(|flag| flag.name() == "mount").all(|flag| {
            let mut options = flag.value().unwrap_or_default().split(',');
            options.any(|option| KEPT.iter().any(|kind| option.strip_prefix("type=") == Some(kind)))
        });
        rest.iter().all(goes_on)
            && lead
                .iter()
                .all(|part| goes_on(part) || is_or(part.item) && !matches!(part.kind, Kind::Prelude))
            && rest.iter().all(|part| part.item.background.is_none())
            && keeps_mounts
            && self.text.script.comments().is_empty()
    }
}

/// Whether one of the commands installs the same.
fn installs(parts: &[Part<'_>], stack: &Stack, project: &str) -> bool {
    parts.iter().any(|part| match &part.kind {
        Kind::Install(known, _, found) => known.name == stack.name && found.project == project,
        _ => false,
    })
}

fn is_or(item: &Item) -> bool {
    item.joiner.as_ref().is_some_and(|join| join.kind == Joiner::Or)
}

/// The operator as deltas name it, and as it is written between two commands.
fn operator(join: Option<&Join>) -> Option<(&'static str, &'static str)> {
    Some(match join?.kind {
        Joiner::And => ("&&", " && "),
        Joiner::Or => ("||", " || "),
        Joiner::Sequence if join?.line_break => ("line break", "; "),
        Joiner::Sequence => (";", "; "),
        Joiner::Background => ("&", " & "),
    })
}

/// Adds to what is read; the first thing that is in the way stays.
fn join_files(files: &mut Result<Vec<String>, Refusal>, more: &Result<Vec<String>, Refusal>) {
    match (files.as_mut(), more) {
        (Ok(known), Ok(more)) => {
            let new: Vec<String> = more.iter().filter(|path| !known.contains(path)).cloned().collect();
            known.extend(new);
        }
        (Ok(_), Err(refusal)) => *files = Err(refusal.clone()),
        (Err(_), _) => {}
    }
}

/// Whether output goes nowhere: `> /dev/null`, `2>&1`.
fn is_thrown_away(redirect: &crate::shell::Redirect) -> bool {
    redirect.here_doc.is_none()
        && match redirect.operator {
            RedirectOp::DuplicateOut => true,
            RedirectOp::Write | RedirectOp::Append | RedirectOp::Read => {
                redirect.target.value() == Some("/dev/null")
            }
            _ => false,
        }
}

fn variable(assignment: &crate::shell::Assignment) -> Option<(String, String)> {
    let is_plain = !assignment.append && !assignment.subscript;
    is_plain.then(|| Some((assignment.name.clone(), assignment.value.value()?.to_owned())))?
}

/// Puts the variables back into a command that was made of words in which they were replaced. Whether that is possible: a
/// word with one is there by itself, or not at all.
fn types_variables_again(command: &mut String, simple: &Simple, filled: &[Filled]) -> bool {
    let mut words: Vec<String> = command.split(' ').map(str::to_owned).collect();
    for (word, value) in simple.words.iter().zip(filled) {
        if word.value().is_some() || matches!(value, Filled::Versioned(_)) {
            continue;
        }
        for typed in words.iter_mut().filter(|typed| *typed == value.text()) {
            *typed = word.canonical();
        }
    }
    let is_left = |(word, value): (&crate::shell::Word, &Filled)| {
        word.value().is_none()
            && words.iter().any(|typed| !typed.contains('$') && typed.contains(value.text()))
    };
    if filled.len() != simple.words.len() || simple.words.iter().zip(filled).any(is_left) {
        return false;
    }
    *command = words.join(" ");
    true
}

/// A command as it is shown: on one line.
fn shown(text: Option<&str>) -> String {
    text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
