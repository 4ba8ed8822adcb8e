//! COPY and ADD: where files come from.

use std::collections::HashSet;

use super::super::environment::Outcome;
use super::super::source::{Source, classify};
use super::super::{Wrong, arguments, flag_value_span, nearest, numbers, reference};
use super::{Pass, Place, Ran};
use crate::syntax::{
    Flag, Heredoc, Instruction, Keyword, Lexer, LineRules, ProblemKind, Span, SyntaxProblem, heredoc,
};
use crate::text::TextRange;

/// So many stages are looked through for a name that was probably meant.
const MAX_NAMES: usize = 100;

impl<'a> Pass<'_, 'a> {
    pub(super) fn copy(&mut self, ran: Ran<'a>, place: &Place) {
        let instruction = ran.instruction;
        if instruction.keyword == Keyword::Copy
            && let Some(flag) = instruction.flag("from")
            && let Some(from) = flag.value().filter(|from| !from.is_empty())
        {
            self.copy_from(instruction, flag, from, place);
        }
        if let Some(flag) = instruction.flag("chown") {
            self.flag_value(instruction, flag, place.layer);
        }
        if let Some(flag) = instruction.flag("chmod")
            && let Some(mode) = self.flag_value(instruction, flag, place.layer)
            && !mode.is_empty()
            && !numbers::is_mode(&mode)
        {
            let message = format!("{mode:?} is no mode such as 0755 or u=rwX,go=rX");
            self.add(
                instruction,
                Wrong::new(ProblemKind::BadValue, flag_value_span(instruction, flag), message),
            );
        }
        let Some((destination, sources)) = instruction.values.split_last() else { return };
        self.expand(instruction, &destination.text, destination.span, place.layer);
        let mut paths = Vec::new();
        for value in sources.iter().filter(|value| !arguments::is_heredoc(value)) {
            let path = self.expand(instruction, &value.text, value.span, place.layer);
            let source = path.map(|path| classify(&path));
            if let Some(source) = &source {
                self.source(instruction, value.span, source);
            }
            paths.push(source);
        }
        if instruction.keyword == Keyword::Add {
            self.checksum(instruction, &paths, place.layer);
        }
        // A JSON array opens no heredocs, and a word without a terminator has none either.
        if ran.heredocs.iter().any(|heredoc| heredoc.expand) {
            let names: HashSet<String> =
                sources.iter().filter_map(|source| heredoc_name(&source.text)).collect();
            for heredoc in
                ran.heredocs.iter().filter(|heredoc| heredoc.expand && names.contains(&heredoc.name))
            {
                self.body(heredoc, place.layer);
            }
        }
    }

    fn flag_value(&mut self, instruction: &Instruction, flag: &Flag, layer: usize) -> Option<String> {
        self.expand(instruction, flag.value()?, flag_value_span(instruction, flag), layer)
    }

    /// `COPY --from`: a stage's name or number, or an image.
    fn copy_from(&mut self, instruction: &Instruction, flag: &Flag, from: &str, place: &Place) {
        let wrong = |message: String| {
            Wrong::new(ProblemKind::BadReference, flag_value_span(instruction, flag), message)
        };
        let no_variables = |_: &str| None;
        let expanded = self.lexer.expand(from, &no_variables);
        if !expanded.as_ref().is_ok_and(|expanded| expanded.text == from) {
            let message = match expanded {
                Ok(_) => "--from takes no variables; name a stage built FROM the variable instead".to_owned(),
                Err(error) => error.to_string(),
            };
            return self.add(instruction, wrong(message));
        }
        let stage = if let Some(number) = numbers::integer(from) {
            let known = self.stages.len() + self.added_sources;
            let Some(stage) = usize::try_from(number).ok().filter(|number| *number < known) else {
                let message = format!("there is no stage {number}; the first one has the number 0");
                return self.add(instruction, wrong(message));
            };
            stage
        } else {
            let Some(stage) = self.by_name.get(&from.to_lowercase()) else {
                self.added_sources += 1;
                if let Some((message, suggestion)) = self.image_problem(from, place) {
                    self.add(instruction, wrong(message).suggesting(suggestion));
                }
                return;
            };
            *stage
        };
        if (place.stage..self.stages.len()).contains(&stage) {
            let message = self.too_late(from, stage, place, "copy");
            self.add(instruction, wrong(message));
        }
    }

    /// Why a source that is no stage is no image either, and the stage that was probably meant.
    fn image_problem(&self, from: &str, place: &Place) -> Option<(String, Option<String>)> {
        if from == "scratch" {
            return None;
        }
        let (message, lower) = reference::problem(from)?;
        let stages = self.stages.iter().take(place.stage).take(MAX_NAMES);
        let names: Vec<&str> = stages.filter_map(|stage| stage.name.as_deref()).collect();
        let near = nearest::nearest(&from.to_lowercase(), &names).map(str::to_owned);
        Some((message, near.or(lower)))
    }

    fn source(&mut self, instruction: &Instruction, span: Span, source: &Source) {
        let message = match source {
            Source::BadGit(message) => message.clone(),
            Source::Http if instruction.keyword == Keyword::Copy => "COPY takes no URL; ADD does".to_owned(),
            Source::Git { .. } if instruction.keyword == Keyword::Copy => {
                "COPY takes no Git repository; ADD does".to_owned()
            }
            Source::Git { keep_git_dir: Some(in_url), .. } => {
                let flag = instruction
                    .flag("keep-git-dir")
                    .map(|flag| !flag.value().is_some_and(|value| value.eq_ignore_ascii_case("false")));
                if flag.is_none_or(|flag| flag == *in_url) {
                    return;
                }
                "the URL and --keep-git-dir contradict each other".to_owned()
            }
            _ => return,
        };
        self.add(instruction, Wrong::new(ProblemKind::BadValue, span, message));
    }

    /// `ADD --checksum`. A source that is not known is `None`.
    fn checksum(&mut self, instruction: &Instruction, sources: &[Option<Source>], layer: usize) {
        let Some(flag) = instruction.flag("checksum") else { return };
        let Some(checksum) = self.flag_value(instruction, flag, layer).filter(|sum| !sum.is_empty()) else {
            return;
        };
        let (span, message) = match sources {
            [None] => return,
            [Some(Source::Http)] if reference::is_digest(&checksum) => return,
            [Some(Source::Http)] => (
                flag_value_span(instruction, flag),
                format!("{checksum:?} is no checksum such as sha256:0a1b"),
            ),
            [Some(Source::Git { checksum: Some(in_url), .. })] if *in_url != checksum => (
                flag_value_span(instruction, flag),
                "the URL and --checksum contradict each other".to_owned(),
            ),
            [Some(Source::Git { .. } | Source::BadGit(_))] => return,
            [Some(Source::Local)] => {
                (flag.span, "--checksum fits only a source behind http, https or Git".to_owned())
            }
            _ => (flag.span, "--checksum fits only a single source".to_owned()),
        };
        self.add(instruction, Wrong::new(ProblemKind::BadValue, span, message));
    }

    /// Replaces the variables of a heredoc's body, in which quotes mean nothing.
    fn body(&mut self, heredoc: &Heredoc, layer: usize) {
        let text = heredoc.body.of(self.checker.file.text());
        if !text.contains('$') {
            return;
        }
        // The lexer would stop at quotes. A character that means as little takes their place: only whether the text is
        // refused counts here.
        let text = text.replace(['\'', '"'], "^");
        let lexer = Lexer::new('\\');
        let Outcome::Invalid(message) = self.environments.expand(lexer, &text, layer) else { return };
        let mut start = heredoc.body.start;
        let mut range = heredoc.body;
        for line in text.split_inclusive('\n') {
            if line.contains('$')
                && matches!(self.environments.expand(lexer, line, layer), Outcome::Invalid(_))
            {
                range = TextRange::new(start, start + line.trim_end().len());
                break;
            }
            start += line.len();
        }
        self.checker.problems.push(SyntaxProblem::new(ProblemKind::BadValue, range, message));
    }
}

/// The name of the heredoc that a source of COPY is.
fn heredoc_name(source: &str) -> Option<String> {
    if !source.contains("<<") {
        return None;
    }
    heredoc::opener(source, LineRules::Current).ok().flatten().map(|opener| opener.name)
}
