//! `dockmend why`: what a rule saw in a file, and which condition failed.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use dockmend_core::knowledge::ImageFacts;
use dockmend_core::model::{Base, BuildModel, Known, ModelInputs, Stage, State};
use dockmend_core::rewrite::{Engine, FileReport, Verified};
use dockmend_core::rule::{Finding, Refusal, Rule, Safety};
use dockmend_core::syntax::Dockerfile;

use super::{rule_named, stdin};
use crate::Exit;
use crate::arguments::{Choice, Format, WhyArguments};
use crate::configuration::Configurations;
use crate::group::{Group, Loaded};
use crate::output::{Look, Outcome, Printer, calm_line, counted, near, page, say, shown, words};
use crate::run::{Run, is_stdin, reads_stdin};

/// Looks and tells.
///
/// # Errors
/// Wrong usage or configuration.
pub(crate) fn run(arguments: &WhyArguments) -> Result<Exit> {
    let rule = rule_named(&arguments.rule)?;
    let choice = Choice { context: arguments.context.clone(), ..Choice::default() };
    let paths = std::slice::from_ref(&arguments.file);
    let mut printer = Printer::new(Format::Human);
    let look = printer.look();
    let configurations = Configurations::new(&choice)?;
    if reads_stdin(paths, &choice, &arguments.stdin)? {
        let input = stdin::read(&arguments.stdin, configurations)?;
        let outcome = match input.text {
            Ok(text) => {
                let group = Group::of_stdin(&input.configured, &input.name, text);
                Outcome { text: why(&group, 0, rule, look), ..Outcome::default() }
            }
            Err(message) => Outcome::unprocessed(0, shown(&input.name), message),
        };
        printer.outcome(&outcome);
        return Ok(if outcome.problems.is_empty() { Exit::Success } else { Exit::Unprocessed });
    }
    if arguments.file.is_dir() {
        bail!("{}: is a folder; `why` looks at one Dockerfile", shown(&arguments.file));
    }
    debug_assert!(!is_stdin(&arguments.file), "standard input was handled above");
    let run = Run::prepare(paths, &choice, configurations)?;
    let file: PathBuf = arguments.file.clone();
    let tally = run.each(&mut printer, &|group| {
        let files = group.files.iter().enumerate();
        files
            .map(|(index, loaded)| Outcome {
                index: loaded.index,
                name: shown(&file),
                text: why(group, index, rule, look),
                ..Outcome::default()
            })
            .collect()
    });
    Ok(if tally.unprocessed > 0 { Exit::Unprocessed } else { Exit::Success })
}

/// Everything that is to be said about one rule and one file.
fn why(group: &Group<'_>, index: usize, rule: &'static Rule, look: Look) -> String {
    let file = &group.files[index];
    let configured = group.configured;
    let is_on = configured.engine.rules().iter().any(|on| on.id == rule.id);
    // Only this rule is run, so that what comments switch off is this rule's. It is asked even when it is off.
    let engine = configured.engine.clone().with_rules(vec![rule]);
    let reports = engine.check(&group.core);
    let mut out = String::new();
    say!(out, "{} in {}: {}", look.bold(rule.id), file.name, calm_line(rule.summary()));
    say!(out, "{}", calm_line(&file.context.to_string()));
    if !is_on {
        say!(out, "{}", off(rule, configured.file.as_deref()));
    }
    let Some(report) = reports.get(index) else { return out };
    let model = BuildModel::new(
        Dockerfile::parse(file.text.as_ref()),
        &ModelInputs::new(engine.knowledge(), &file.targets),
    );
    if report.findings.is_empty() {
        out.push('\n');
        out.push_str(&silence(report, rule, file));
        out.push_str(&overview(&model, file));
        say!(out, "\n`dockmend explain {}` says when it stays silent.", rule.id);
        return out;
    }
    for finding in &report.findings {
        out.push('\n');
        let told = Told { engine: &engine, group, index, file, model: &model, look };
        told.finding(finding, &mut out);
    }
    if report.suppressed > 0 {
        let is = if report.suppressed == 1 { "1 more is" } else { "more are" };
        say!(out, "\n{is} switched off by a comment in the file.");
    }
    say!(out, "\n{}", rule.url());
    out
}

/// Why a rule is off.
fn off(rule: &Rule, config: Option<&Path>) -> String {
    match config {
        Some(config) if rule.default_on => format!("The rule is switched off in {}.", near(config)),
        _ => format!(
            "The rule is off by default; `--select {}` or `extend-select` in dockmend.toml asks for it.",
            rule.id
        ),
    }
}

/// Why a rule found nothing.
fn silence(report: &FileReport, rule: &Rule, file: &Loaded) -> String {
    if let Some(reason) = &report.skipped {
        return format!("The file is not looked at: {}.\n", calm_line(reason));
    }
    if report.suppressed > 0 {
        let findings = counted(report.suppressed, "finding");
        return format!("A comment in the file switches it off here: it would have {findings}.\n");
    }
    if rule.needs_context && file.context.folder.is_none() {
        return "The rule needs the build context, which is not known: it stays silent. Name it with --context DIR.\n".to_owned();
    }
    "The rule looked and found nothing.\n".to_owned()
}

/// What was seen of a file that has no finding: its stages.
fn overview(model: &BuildModel, file: &Loaded) -> String {
    let mut out = String::new();
    for stage in model.stages() {
        say!(out, "  seen:       {}", calm_line(&stage_in_words(model, stage, file)));
        say!(out, "  ends with:  {}", calm_line(&state_in_words(&stage.end)));
    }
    for problem in model.file().problems() {
        let line = file.lines.line(problem.range.start) + 1;
        say!(out, "  line {line} cannot be read: {}", calm_line(&problem.message));
    }
    out
}

/// One finding, told.
struct Told<'a> {
    engine: &'a Engine,
    group: &'a Group<'a>,
    index: usize,
    file: &'a Loaded,
    model: &'a BuildModel,
    look: Look,
}

impl Told<'_> {
    fn finding(&self, finding: &Finding, out: &mut String) {
        let line = self.file.lines.line(finding.range.start) + 1;
        let source = finding.range.of(&self.file.text).lines().next().unwrap_or_default();
        let place = match source.trim() {
            "" => format!("line {line}"),
            source => format!("line {line}: {}", cut(&calm_line(source), self.look.width.saturating_sub(12))),
        };
        say!(out, "{}", self.look.bold(&place));
        self.item(out, "found", &format!("{} ({})", finding.message, finding.severity));
        for note in &finding.notes {
            let line = self.file.lines.line(note.range.start) + 1;
            self.item(out, "", &format!("line {line}: {}", note.message));
        }
        self.seen(finding, out);
        match self.engine.plan(&self.group.core, self.index, &finding.key) {
            Ok(verified) => self.fix(finding, &verified, out),
            Err(refusal) => self.refusal(finding, &refusal, out),
        }
    }

    fn seen(&self, finding: &Finding, out: &mut String) {
        let Some(instruction) = finding.instruction else {
            for stage in self.model.stages() {
                self.item(out, "seen", &stage_in_words(self.model, stage, self.file));
            }
            return;
        };
        if let Some(stage) = self.model.stage_of(instruction) {
            self.item(out, "seen", &stage_in_words(self.model, stage, self.file));
        }
        if let Some((_, step)) = self.model.place(instruction) {
            self.item(out, "runs with", &state_in_words(&step.state));
        }
    }

    fn fix(&self, finding: &Finding, verified: &Verified, out: &mut String) {
        let command = match finding.rule.rewrite {
            Some(name) => format!("dockmend rewrite {name}"),
            None if verified.safety == Safety::Safe => "dockmend fix".to_owned(),
            None => "dockmend fix --unsafe-fixes".to_owned(),
        };
        let safety = match verified.safety {
            Safety::Safe => "safe: proven to change nothing that matters",
            Safety::Unsafe => "unsafe: it changes how the image is built or run",
            Safety::Manual => "shown, and never applied",
        };
        self.item(out, "fix", &format!("{} ({command})", verified.plan.title));
        self.item(out, "safety", safety);
        let line = |instruction: usize| {
            let instruction = self.model.instruction(instruction)?;
            Some(*instruction.lines.start())
        };
        for delta in &verified.plan.declared {
            self.item(out, "changes", &words::describe(delta, &line));
        }
        for remark in &verified.plan.remarks {
            self.item(out, "mind", remark);
        }
        self.item(out, "gate", "passed: the text after the fix differs in exactly this");
    }

    fn refusal(&self, finding: &Finding, refusal: &Refusal, out: &mut String) {
        if finding.rule.plan.is_none() {
            self.item(out, "no fix", "the rule only reports");
        } else {
            self.item(out, "left alone", &refusal.to_string());
        }
    }

    fn item(&self, out: &mut String, label: &str, text: &str) {
        const LABEL: usize = 14;
        let text = calm_line(text);
        let lines = page::wrap(&text, self.look.width.saturating_sub(LABEL).max(20), "");
        for (nth, line) in lines.iter().enumerate() {
            let label = if nth == 0 && !label.is_empty() { format!("{label}:") } else { String::new() };
            say!(out, "  {label:12}{line}");
        }
    }
}

/// A stage: its number, name and base, and what is known of the base.
fn stage_in_words(model: &BuildModel, stage: &Stage, file: &Loaded) -> String {
    let line = model.instruction(stage.from).map_or(1, |from| file.lines.line(from.range.start) + 1);
    let name = stage.name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
    let base = match &stage.base {
        Base::Scratch => "from scratch".to_owned(),
        Base::Stage(index) => {
            let other = model.stages().get(*index).and_then(|stage| stage.name.clone());
            format!("from stage {}{}", index + 1, other.map(|name| format!(" `{name}`")).unwrap_or_default())
        }
        Base::Image(image) => format!("from {image}"),
        Base::Unknown(cause) => format!("from an unknown image ({cause})"),
        _ => "from something this version has no word for".to_owned(),
    };
    let facts = match (&stage.facts, &stage.base) {
        (Some(facts), _) => facts_in_words(facts),
        (None, Base::Scratch) => String::new(),
        (None, _) => ", of which nothing is known".to_owned(),
    };
    format!("stage {}{name} (line {line}) {base}{facts}", stage.index + 1)
}

fn facts_in_words(facts: &ImageFacts) -> String {
    let mut known = Vec::new();
    if let Some(family) = facts.family {
        known.push(format!("family {}", format!("{family:?}").to_lowercase()));
    }
    if let Some(shell) = facts.shell {
        known.push(format!("/bin/sh {}", format!("{shell:?}").to_lowercase()));
    }
    let user = |user: &dockmend_core::knowledge::User| {
        let name = user.name.clone();
        let uid = user.uid.map(|uid| uid.to_string());
        match (name, uid) {
            (Some(name), Some(uid)) => format!("{name} (uid {uid})"),
            (Some(name), None) => name,
            (None, uid) => uid.unwrap_or_default(),
        }
    };
    if let Some(runs_as) = &facts.user {
        known.push(format!("runs as {}", user(runs_as)));
    }
    if let Some(ready) = &facts.ready_user {
        known.push(format!("has the user {} ready", user(ready)));
    }
    if known.is_empty() {
        return ", of which little is known".to_owned();
    }
    let as_of = if facts.as_of.is_empty() { String::new() } else { format!("; as of {}", facts.as_of) };
    format!(", known: {}{as_of}", known.join(", "))
}

/// The state that an instruction runs in.
fn state_in_words(state: &State) -> String {
    let known = |value: &Known<String>| match value {
        Known::Value(value) => value.clone(),
        Known::Unknown(cause) => format!("unknown ({cause})"),
    };
    let source = if state.shell_is_explicit { "set by SHELL" } else { "not set in the file" };
    format!(
        "USER {}, WORKDIR {}, SHELL {} ({source})",
        known(&state.user),
        known(&state.workdir),
        state.shell_words().join(" ")
    )
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(3)).collect();
    short.push_str("...");
    short
}
