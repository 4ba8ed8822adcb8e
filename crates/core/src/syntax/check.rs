//! BuildKit's checks of instructions: what makes `docker build` refuse a file that its line parser accepts.
//!
//! There are two passes, as in BuildKit. The first looks at each instruction alone: its name, flags and arguments. The
//! second walks through the stages with the variables that are known, and looks at values: ports, signals, images,
//! where files are copied from. A value that hangs on something outside of the file (a build argument without a
//! default, the base image's variables, the platform) is not judged.
//!
//! All stages are judged, also those that the last one does not need: `docker build --check` does the same.
//!
//! Source: BuildKit 0.25, `frontend/dockerfile/instructions` and `frontend/dockerfile/dockerfile2llb`. A file with a
//! `# syntax=` line names its own frontend, so what only newer ones accept is accepted there.

mod arguments;
mod environment;
mod flags;
mod mount;
mod nearest;
mod numbers;
mod reference;
mod source;
mod stages;
mod values;

use super::{DirectiveName, Dockerfile, Flag, Instruction, Keyword, ProblemKind, Span, SyntaxProblem, Value};

impl Dockerfile {
    /// What BuildKit refuses beyond [`Dockerfile::problems`], in the order of the file.
    ///
    /// An instruction that the line parser refuses already is not judged again. The ranges are those of the words that
    /// are wrong.
    ///
    /// ```
    /// use dockmend_core::syntax::Dockerfile;
    /// let file = Dockerfile::parse("FROM alpine\nCOPPY a /b\n");
    /// let problems = file.check_instructions();
    /// assert_eq!(problems[0].range.of(file.text()), "COPPY");
    /// assert_eq!(problems[0].suggestion.as_deref(), Some("COPY"));
    /// ```
    pub fn check_instructions(&self) -> Vec<SyntaxProblem> {
        let mut checker = Checker {
            file: self,
            own_frontend: self.directive(DirectiveName::Syntax).is_some(),
            problems: Vec::new(),
        };
        checker.directive();
        let broken = checker.instructions();
        stages::check(&mut checker, &broken);
        checker.problems.sort_by_key(|problem| problem.range);
        checker.problems
    }
}

/// Something wrong in an instruction, in its logical line.
#[derive(Debug)]
struct Wrong {
    kind: ProblemKind,
    span: Span,
    message: String,
    suggestion: Option<String>,
}

impl Wrong {
    fn new(kind: ProblemKind, span: Span, message: impl Into<String>) -> Self {
        Self { kind, span, message: message.into(), suggestion: None }
    }

    fn suggesting(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }
}

struct Checker<'a> {
    file: &'a Dockerfile,
    /// The file names the frontend that reads it, which may be newer than the one in Docker.
    own_frontend: bool,
    problems: Vec<SyntaxProblem>,
}

impl Checker<'_> {
    fn add(&mut self, instruction: &Instruction, wrong: Wrong) {
        let range = instruction.file_range(wrong.span);
        let problem = SyntaxProblem::new(wrong.kind, range, wrong.message);
        self.problems.push(problem.with_suggestion(wrong.suggestion));
    }

    /// The options of `# check=`, which BuildKit refuses when it does not know them.
    fn directive(&mut self) {
        let Some(directive) = self.file.directive(DirectiveName::Check) else { return };
        for option in directive.value.trim().splitn(3, ';') {
            let (name, value) =
                option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
            let name = name.trim();
            let message = match (name, value) {
                ("skip" | "experimental", Some(_)) => continue,
                ("error", Some(value)) if numbers::boolean(value.trim()).is_some() => continue,
                ("error", Some(value)) => format!("{:?} is not true or false", value.trim()),
                (_, None) => format!("the check option {:?} has no value", option.trim()),
                _ => format!("{name:?} is no check option; there are skip, experimental and error"),
            };
            let known = ["skip", "error", "experimental"];
            let suggestion = nearest::nearest(name, &known).filter(|_| !known.contains(&name));
            let suggestion =
                suggestion.map(|near| directive.range.of(self.file.text()).replacen(name, near, 1));
            let problem = SyntaxProblem::new(ProblemKind::BadValue, directive.range, message);
            self.problems.push(problem.with_suggestion(suggestion));
        }
    }

    /// The first pass. Returns for each instruction whether it must not be looked at again.
    fn instructions(&mut self) -> Vec<bool> {
        let file = self.file;
        let mut broken = vec![false; file.instructions().len()];
        let mut line_problems = file.problems().iter().peekable();
        let mut in_stage = false;
        let mut misplaced_told = false;
        let mut text_may_be_heredoc = false;
        for (instruction, broken) in file.instructions().iter().zip(&mut broken) {
            let keyword = instruction.keyword;
            while let Some(problem) =
                line_problems.next_if(|problem| problem.range.start <= instruction.range.end)
            {
                *broken |= problem.range.start >= instruction.range.start;
                text_may_be_heredoc |= problem.kind == ProblemKind::UnterminatedHeredoc;
            }
            // The body of a heredoc that never ends is read as instructions: its words are not news.
            if *broken || (keyword == Keyword::Unknown && text_may_be_heredoc) {
                *broken = true;
                in_stage |= keyword == Keyword::From;
                continue;
            }
            let wrongs = self.judge(instruction);
            *broken = !wrongs.is_empty();
            // One FROM with a typing error would make every line below it misplaced.
            misplaced_told |= wrongs.iter().any(|wrong| {
                wrong.kind == ProblemKind::UnknownInstruction
                    && wrong.suggestion.as_deref().is_some_and(|near| near.eq_ignore_ascii_case("FROM"))
            });
            for wrong in wrongs {
                self.add(instruction, wrong);
            }
            if keyword == Keyword::From {
                in_stage = true;
            } else if !in_stage && keyword != Keyword::Arg && !*broken {
                *broken = true;
                if !misplaced_told {
                    misplaced_told = true;
                    let message = format!("{keyword} stands before the first FROM, where only ARG may stand");
                    self.add(
                        instruction,
                        Wrong::new(ProblemKind::Misplaced, instruction.keyword_span, message),
                    );
                }
            }
        }
        if let (false, false, Some(last)) = (in_stage, misplaced_told, file.instructions().last())
            && self.problems.is_empty()
            && file.problems().is_empty()
        {
            let message = "the file has no FROM, so there is nothing to build";
            self.add(last, Wrong::new(ProblemKind::BadReference, whole(last), message));
        }
        broken
    }

    /// What is wrong with an instruction by itself.
    fn judge(&self, instruction: &Instruction) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        flags::check(instruction, self.own_frontend, &mut wrongs);
        arguments::check(instruction, &mut wrongs);
        wrongs
    }
}

/// The whole instruction, heredocs excluded.
fn whole(instruction: &Instruction) -> Span {
    Span::new(instruction.keyword_span.start, instruction.arguments.end.max(instruction.keyword_span.end))
}

/// Where a flag's value stands: all of the flag when there is none, or when quotes are in the way.
fn flag_value_span(instruction: &Instruction, flag: &Flag) -> Span {
    match flag.text.find('=') {
        Some(at) if at + 1 < flag.text.len() => {
            part(instruction, flag.span, &flag.text, at + 1, flag.text.len())
        }
        _ => flag.span,
    }
}

/// The span of the bytes `from..to` of a word's text; the whole word when its text is not the file's.
fn part(instruction: &Instruction, span: Span, text: &str, from: usize, to: usize) -> Span {
    if from < to && instruction.logical.slice(span) == text {
        Span::new(span.start + from, span.start + to)
    } else {
        span
    }
}

/// The values from `first` to the last one.
fn values_span(values: &[Value], otherwise: Span) -> Span {
    match (values.first(), values.last()) {
        (Some(first), Some(last)) => Span::new(first.span.start, last.span.end),
        _ => otherwise,
    }
}

#[cfg(test)]
mod tests;
