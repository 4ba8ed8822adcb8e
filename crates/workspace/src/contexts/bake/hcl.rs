//! As much of HCL as the plain settings of a `target` block need; see the [syntax of HCL][hcl].
//!
//! Everything else is stepped over by its brackets. A value that is not one plain string, or one list of plain strings,
//! is unknown.
//!
//! [hcl]: https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md

use super::{Setting, Target, Targets};

/// Why a text is not HCL, and on which 1-based line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HclError {
    pub(super) line: usize,
    pub(super) message: &'static str,
}

/// The `target` blocks of a bake file.
pub(super) fn targets(text: &str) -> Result<Targets, HclError> {
    let tokens = Lexer { text, at: 0, line: 1 }.tokens()?;
    let mut targets = Targets::new();
    let mut rest = tokens.as_slice();
    while let Some((token, after)) = rest.split_first() {
        rest = match (token, after) {
            (Token::Word("target"), [label, Token::Open, body @ ..]) if label.as_label().is_some() => {
                let (body, after) = split_at_close(body);
                if let Some(name) = label.as_label() {
                    targets.insert(name.to_owned(), target(body));
                }
                after
            }
            (Token::Open, inside) => split_at_close(inside).1,
            _ => after,
        };
    }
    Ok(targets)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token<'t> {
    /// A name, a number, a keyword.
    Word(&'t str),
    /// A quoted string; `None` when something in it is replaced.
    Text(Option<String>),
    /// `{`, `[` or `(`. Which one does not matter: only balanced texts come this far.
    Open,
    Close,
    Equals,
    Comma,
    Newline,
    Other,
}

impl Token<'_> {
    fn as_label(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            Self::Text(text) => text.as_deref(),
            _ => None,
        }
    }
}

/// Parts the tokens behind an opening bracket into those inside and those behind the closing one.
fn split_at_close<'s, 't>(tokens: &'s [Token<'t>]) -> (&'s [Token<'t>], &'s [Token<'t>]) {
    let mut depth = 1_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (inside, behind) = tokens.split_at(index);
            return (inside, behind.get(1..).unwrap_or_default());
        }
    }
    (tokens, &[])
}

fn target(body: &[Token<'_>]) -> Target {
    let mut target = Target { inherits: Some(Vec::new()), ..Target::default() };
    let mut rest = body;
    while let Some((token, after)) = rest.split_first() {
        rest = match (token, after) {
            (Token::Word(name), [Token::Equals, value @ ..]) => {
                let (value, after) = split_at_newline(value);
                match *name {
                    "context" => target.context = setting(value),
                    "dockerfile" => target.dockerfile = setting(value),
                    "target" => target.stage = setting(value),
                    "dockerfile-inline" => target.inline = true,
                    "inherits" => target.inherits = list(value),
                    _ => {}
                }
                after
            }
            (Token::Open, inside) => split_at_close(inside).1,
            _ => after,
        };
    }
    target
}

/// Parts the tokens behind `=` into the value and what follows it. Newlines in brackets belong to the value.
fn split_at_newline<'s, 't>(tokens: &'s [Token<'t>]) -> (&'s [Token<'t>], &'s [Token<'t>]) {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            Token::Newline if depth == 0 => return tokens.split_at(index),
            _ => {}
        }
    }
    (tokens, &[])
}

fn setting(value: &[Token<'_>]) -> Setting {
    match value {
        [Token::Text(Some(text))] => Setting::Text(text.clone()),
        [Token::Word("null")] => Setting::Absent,
        _ => Setting::Unknown,
    }
}

fn list(value: &[Token<'_>]) -> Option<Vec<String>> {
    let [Token::Open, items @ .., Token::Close] = value else { return None };
    let mut names = Vec::new();
    for item in items {
        match item {
            Token::Text(Some(name)) => names.push(name.clone()),
            Token::Comma | Token::Newline => {}
            _ => return None,
        }
    }
    Some(names)
}

struct Lexer<'t> {
    text: &'t str,
    /// The byte offset of what comes next.
    at: usize,
    /// Its 1-based line.
    line: usize,
}

impl<'t> Lexer<'t> {
    fn tokens(mut self) -> Result<Vec<Token<'t>>, HclError> {
        let mut tokens = Vec::new();
        let mut open: Vec<(char, usize)> = Vec::new();
        while let Some(next) = self.peek() {
            let token = match next {
                '\n' => {
                    self.bump();
                    Token::Newline
                }
                '#' => self.comment(),
                '/' if self.rest().starts_with("//") => self.comment(),
                '/' if self.rest().starts_with("/*") => {
                    self.long_comment()?;
                    continue;
                }
                '"' => self.string()?,
                '<' if self.rest().starts_with("<<") => self.heredoc()?,
                '=' if !self.rest().starts_with("==") && !self.rest().starts_with("=>") => {
                    self.bump();
                    Token::Equals
                }
                ',' => {
                    self.bump();
                    Token::Comma
                }
                '{' | '[' | '(' => {
                    open.push((next, self.line));
                    self.bump();
                    Token::Open
                }
                '}' | ']' | ')' => {
                    let fits = open.pop().is_some_and(|(open, _)| {
                        matches!((open, next), ('{', '}') | ('[', ']') | ('(', ')'))
                    });
                    if !fits {
                        return Err(self.error("a closing bracket without its opening one"));
                    }
                    self.bump();
                    Token::Close
                }
                _ if is_word(next) => {
                    let end = self.rest().find(|c| !is_word(c)).unwrap_or(self.rest().len());
                    Token::Word(self.take(end))
                }
                _ => {
                    self.bump();
                    if next.is_whitespace() || next == '\u{feff}' {
                        continue;
                    }
                    // `==`, `=>` and the like: the second character is no `=` of its own.
                    if matches!(next, '=' | '!' | '<' | '>')
                        && self.peek().is_some_and(|c| matches!(c, '=' | '>'))
                    {
                        self.bump();
                    }
                    Token::Other
                }
            };
            tokens.push(token);
        }
        match open.pop() {
            Some((_, line)) => Err(HclError { line, message: "a bracket that is never closed" }),
            None => Ok(tokens),
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        self.line += usize::from(next == '\n');
        Some(next)
    }

    /// Takes `length` bytes.
    fn take(&mut self, length: usize) -> &'t str {
        let taken = self.rest().get(..length).unwrap_or_default();
        self.at += taken.len();
        self.line += taken.matches('\n').count();
        taken
    }

    fn error(&self, message: &'static str) -> HclError {
        HclError { line: self.line, message }
    }

    /// Up to the newline, which counts: a comment ends a setting.
    fn comment(&mut self) -> Token<'t> {
        let end = self.rest().find('\n').map_or(self.rest().len(), |newline| newline + 1);
        self.take(end);
        Token::Newline
    }

    /// It counts as a space, even over several lines.
    fn long_comment(&mut self) -> Result<(), HclError> {
        let Some(end) = self.rest().find("*/") else {
            return Err(self.error("a comment that is never closed"));
        };
        self.take(end + 2);
        Ok(())
    }

    /// A quoted string. In `${ }` and `%{ }` there may be strings again, so the nesting is kept on a stack.
    fn string(&mut self) -> Result<Token<'t>, HclError> {
        const UNCLOSED: &str = "a string that is never closed";
        let unclosed = self.error(UNCLOSED);
        // `"` for a string, `{` for a bracket in an expression.
        let mut nesting = vec!['"'];
        let mut plain = true;
        let mut value = String::new();
        self.bump();
        while let Some(inside) = nesting.last().copied() {
            let rest = self.rest();
            let Some(next) = self.bump() else { return Err(unclosed) };
            match (inside, next) {
                ('"', '"') => drop(nesting.pop()),
                ('"', '\n') => return Err(unclosed),
                ('"', '\\') => match self.bump() {
                    Some('n') => value.push('\n'),
                    Some('t') => value.push('\t'),
                    Some(quoted @ ('"' | '\\')) => value.push(quoted),
                    _ => plain = false,
                },
                ('"', '$' | '%') if rest.starts_with("$${") || rest.starts_with("%%{") => {
                    value.push_str(self.take(2));
                }
                ('"', '$' | '%') if self.peek() == Some('{') => {
                    self.bump();
                    plain = false;
                    nesting.push('{');
                }
                ('"', other) => value.push(other),
                (_, '"') => nesting.push('"'),
                (_, '{') => nesting.push('{'),
                (_, '}') => drop(nesting.pop()),
                _ => {}
            }
        }
        Ok(Token::Text(plain.then_some(value)))
    }

    /// `<<WORD` or `<<-WORD`, up to the line that is the word alone. Its text is of no use here.
    fn heredoc(&mut self) -> Result<Token<'t>, HclError> {
        let unclosed = self.error("a heredoc that is never closed");
        self.take(2);
        let first = self.rest().find('\n').unwrap_or(self.rest().len());
        let word = self.take(first).trim_start_matches('-').trim();
        self.bump();
        while !self.rest().is_empty() {
            let end = self.rest().find('\n').unwrap_or(self.rest().len());
            let line = self.take(end);
            if line.trim() == word {
                // The newline stays: it ends the setting.
                return Ok(Token::Other);
            }
            self.bump();
        }
        Err(unclosed)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Setting {
        Setting::Text(text.to_owned())
    }

    #[test]
    fn plain_settings_are_read() {
        let targets = targets(
            r#"
# the usual
group "default" { targets = ["api", "web"] }
variable "TAG" { default = "x" }
target "api" {
  context = "./api" // here
  dockerfile = "docker/\"q\".Dockerfile" /* and */
  target="prod"
  inherits = [
    "base", # first
    "more",
  ]
  args = { context = "no", A = "${TAG}" }
  tags = ["a:${TAG}", "b:${join("}", ["x"])}"]
}
target web {
  context = null
  dockerfile-inline = <<-EOT
    target "not" { context = "x" }
  EOT
  target = "last"
}
"#,
        )
        .unwrap();
        assert_eq!(targets.keys().collect::<Vec<_>>(), ["api", "web"]);
        let api = &targets["api"];
        assert_eq!(api.context, text("./api"));
        assert_eq!(api.stage, text("prod"));
        assert_eq!(api.inherits, Some(vec!["base".to_owned(), "more".to_owned()]));
        let web = &targets["web"];
        assert_eq!((&web.context, &web.stage, web.inline), (&Setting::Absent, &text("last"), true));
    }

    #[test]
    fn what_is_computed_is_unknown() {
        for value in [
            "\"./${DIR}\"",
            "DIR",
            "\"a\" + \"b\"",
            "DIR == \"\" ? \".\" : DIR",
            "join(\"/\", [\"a\"])",
            "\"%{ if x }a%{ endif }\"",
            "<<EOF\n.\nEOF",
            "[\".\"]",
            "",
        ] {
            let targets =
                targets(&format!("target \"a\" {{\n context = {value}\n target = \"t\"\n}}\n")).unwrap();
            assert_eq!(targets["a"].context, Setting::Unknown, "{value}");
            assert_eq!(targets["a"].stage, text("t"), "{value}");
        }
        let plain = targets("target \"a\" {\n context = \"$${x}\"\n}").unwrap();
        assert_eq!(plain["a"].context, text("${x}"));
    }

    #[test]
    fn what_is_no_hcl_is_told_with_its_line() {
        for (source, line) in [
            ("target \"a\" {\n", 1),
            ("\n}\n", 2),
            ("a = [\n{ ]\n", 2),
            ("a = 1\nb = \"x\n", 2),
            ("a = \"${x\n", 1),
            ("\n/* x", 2),
            ("x = <<EOF\nabc\n", 1),
        ] {
            assert_eq!(targets(source).unwrap_err().line, line, "{source:?}");
        }
    }

    #[test]
    fn any_prefix_is_survived() {
        let source = "target \"é\" { context = \"$${a}${b(\"}\")}\" x = <<-E\n E\n y = [1, (2)] } # ü\n";
        for (end, _) in source.char_indices() {
            drop(targets(&source[..end]));
        }
    }
}
