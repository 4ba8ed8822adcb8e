//! What an instruction means, apart from how it is laid out.

use super::ShellText;
use super::config::render_words;
use crate::shell::Script;
use crate::syntax::{Dockerfile, Instruction, Keyword, Lexer};
use crate::text::TextRange;

/// An instruction's meaning. Two instructions with equal meanings do the same in the same state; letter case of
/// keywords, blanks, continuations and comments do not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Meaning {
    /// The instruction.
    pub keyword: Keyword,
    /// The flags, in order.
    pub flags: Vec<String>,
    /// The arguments.
    pub body: MeaningBody,
    /// The heredocs: opener, and the body byte for byte.
    pub heredocs: Vec<(String, String)>,
}

/// The arguments of a [`Meaning`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MeaningBody {
    /// Words whose quotes are resolved.
    Words(Vec<CanonicalWord>),
    /// Names and values of ENV and LABEL.
    Pairs(Vec<(CanonicalWord, CanonicalWord)>),
    /// The exec form. The first word of HEALTHCHECK (`CMD`) is not part of it.
    Exec(Vec<String>),
    /// The shell form, in the canonical form of [`Script`].
    Shell(String),
    /// The trigger of ONBUILD.
    Trigger(Box<Meaning>),
    /// Text that is not understood, as it stands.
    Raw(String),
}

/// A word with quotes resolved and variables left in place. The list tells `$A` from an escaped `\$A`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalWord {
    text: String,
    variables: Vec<String>,
}

impl CanonicalWord {
    fn of(text: &str, escape: char) -> Self {
        match Lexer::new(escape).skip_unset().expand(text, &|_: &str| None) {
            Ok(expanded) => Self { text: expanded.text, variables: expanded.variables },
            Err(_) => Self { text: text.to_owned(), variables: vec!["\u{0}".to_owned()] },
        }
    }

    /// A word without quotes and variables.
    pub fn literal(text: &str) -> Self {
        Self { text: text.to_owned(), variables: Vec::new() }
    }
}

impl Meaning {
    /// The meaning of an instruction of `file`.
    pub fn of(file: &Dockerfile, instruction: &Instruction) -> Self {
        Self::read(file, instruction, None)
    }

    /// The meaning of an instruction whose shell text is parsed already.
    pub(super) fn with_script(file: &Dockerfile, instruction: &Instruction, script: &Script) -> Self {
        Self::read(file, instruction, Some(script))
    }

    fn read(file: &Dockerfile, instruction: &Instruction, parsed: Option<&Script>) -> Self {
        let heredocs = instruction.heredocs.iter().map(|heredoc| {
            let opener =
                format!("{}<<{} {} {}", heredoc.descriptor, heredoc.name, heredoc.expand, heredoc.chomp);
            (opener, heredoc.body.of(file.text()).to_owned())
        });
        Self {
            keyword: instruction.keyword,
            flags: instruction.flags.iter().map(|flag| flag.text.clone()).collect(),
            body: body(file, instruction, parsed),
            heredocs: heredocs.collect(),
        }
    }

    /// The meaning of a LABEL that sets one name to one value, both literal.
    pub fn label(name: &str, value: &str) -> Self {
        let pair = (CanonicalWord::literal(name), CanonicalWord::literal(value));
        Self {
            keyword: Keyword::Label,
            flags: Vec::new(),
            body: MeaningBody::Pairs(vec![pair]),
            heredocs: Vec::new(),
        }
    }

    /// The meaning of an instruction given as text, such as `USER node`. For what a fix declares.
    pub fn of_text(text: &str) -> Option<Self> {
        let file = Dockerfile::parse(text);
        match file.instructions() {
            [instruction] => Some(Self::of(&file, instruction)),
            _ => None,
        }
    }
}

impl std::fmt::Display for CanonicalWord {
    /// Such that two words which mean something else look different: a dollar that is no variable has a backslash, and a
    /// word with blanks has quotes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let literal = self.variables.is_empty();
        let text = if literal { self.text.replace('$', "\\$") } else { self.text.clone() };
        if text.is_empty() || text.contains(char::is_whitespace) {
            write!(f, "\"{text}\"")?;
        } else {
            f.write_str(&text)?;
        }
        // Some dollars are variables and some are not: which is which must be said.
        if !literal && self.text.matches('$').count() != self.variables.len() {
            write!(f, " (variables: {})", self.variables.join(" "))?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Meaning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.keyword.as_str())?;
        for flag in &self.flags {
            write!(f, " {flag}")?;
        }
        match &self.body {
            MeaningBody::Words(words) => words.iter().try_for_each(|word| write!(f, " {word}"))?,
            MeaningBody::Pairs(pairs) => {
                pairs.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))?;
            }
            MeaningBody::Exec(words) => write!(f, " {}", render_words(words))?,
            MeaningBody::Shell(text) | MeaningBody::Raw(text) => write!(f, " {text}")?,
            MeaningBody::Trigger(trigger) => write!(f, " {trigger}")?,
        }
        self.heredocs.iter().try_for_each(|(opener, body)| write!(f, "\n{opener}\n{body}"))
    }
}

fn body(file: &Dockerfile, instruction: &Instruction, parsed: Option<&Script>) -> MeaningBody {
    let escape = file.escape();
    let words = |instruction: &Instruction| {
        let literal = instruction.json;
        let words = instruction
            .value_texts()
            .map(|text| if literal { CanonicalWord::literal(text) } else { CanonicalWord::of(text, escape) });
        MeaningBody::Words(words.collect())
    };
    match instruction.keyword {
        Keyword::Env | Keyword::Label => {
            let pair = |pair: &crate::syntax::Pair| {
                (CanonicalWord::of(&pair.name.text, escape), CanonicalWord::of(&pair.value.text, escape))
            };
            MeaningBody::Pairs(instruction.pairs.iter().map(pair).collect())
        }
        Keyword::Run | Keyword::Cmd | Keyword::Entrypoint | Keyword::Healthcheck | Keyword::Shell => {
            let is_check = instruction.keyword == Keyword::Healthcheck;
            let skip = usize::from(is_check);
            if is_check && instruction.values.len() <= 1 {
                return words(instruction);
            }
            if instruction.json {
                return MeaningBody::Exec(instruction.value_texts().skip(skip).map(str::to_owned).collect());
            }
            let text = instruction.value_texts().nth(skip).unwrap_or_default();
            // The script of a heredoc is another text than the one on the line.
            let parsed = parsed.filter(|script| script.text() == text);
            MeaningBody::Shell(parsed.map_or_else(|| canonical_shell(text), Script::canonical))
        }
        Keyword::Onbuild => match &instruction.trigger {
            Some(trigger) => MeaningBody::Trigger(Box::new(Meaning::of(file, trigger))),
            None => MeaningBody::Raw(String::new()),
        },
        Keyword::From => from(instruction, escape),
        // MAINTAINER takes its text as it is, and nobody resolves quotes in it.
        Keyword::Maintainer | Keyword::Unknown => MeaningBody::Raw(instruction.arguments_text().to_owned()),
        _ => words(instruction),
    }
}

/// The words of FROM. BuildKit takes its `AS` in any case.
fn from(instruction: &Instruction, escape: char) -> MeaningBody {
    let word = |(at, text): (usize, &str)| {
        let is_as = at == 1 && text.eq_ignore_ascii_case("as");
        if is_as { CanonicalWord::literal("AS") } else { CanonicalWord::of(text, escape) }
    };
    MeaningBody::Words(instruction.value_texts().enumerate().map(word).collect())
}

/// The canonical form of a shell text.
pub(crate) fn canonical_shell(text: &str) -> String {
    Script::parse(text).canonical()
}

/// The shell text of an instruction: its arguments in shell form, or the body of its one script heredoc. `parse` parses
/// it.
pub(super) fn shell_text(
    file: &Dockerfile,
    instruction: &Instruction,
    parse: impl Fn(&str) -> Script,
) -> Option<ShellText> {
    if instruction.json || !instruction.keyword.takes_command() {
        return None;
    }
    let value = instruction.values.get(usize::from(instruction.keyword == Keyword::Healthcheck))?;
    if let [heredoc] = instruction.heredocs.as_slice() {
        // `RUN <<EOF`: the heredoc is the script, when nothing else stands on the line.
        if instruction.keyword == Keyword::Run && !value.text.trim().contains(char::is_whitespace) {
            let body: TextRange = heredoc.body;
            let script = parse(body.of(file.text()));
            return Some(ShellText { script, base: None, file_base: body.start });
        }
        return None;
    }
    if !instruction.heredocs.is_empty() {
        return None;
    }
    Some(ShellText { script: parse(&value.text), base: Some(value.span.start), file_base: 0 })
}
