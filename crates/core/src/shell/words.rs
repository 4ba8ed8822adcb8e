//! Reads the inside of words: quotes and expansions.

use super::draft::{Draft, is_name_byte};
use super::lexer::{Lexer, Mode, Op, Read, Token};
use super::tree::{Expansion, ExpansionKind, Item, Word};

impl<'s> Lexer<'s> {
    /// Reads one word; there must be one.
    pub(super) fn word(&mut self, mode: Mode) -> Read<Word> {
        let start = self.pos;
        let mut draft = Draft::default();
        while let Some(byte) = self.byte(0) {
            let plain_start = self.pos;
            match byte {
                b' ' | b'\t' | b'\n' => break,
                b'<' | b'>' if self.byte(1) == Some(b'(') => self.process(&mut draft)?,
                b'(' if mode == Mode::Command && draft.ends_in_assignment() => self.array(&mut draft)?,
                b'|' | b'&' | b';' | b'<' | b'>' | b'(' | b')' if mode == Mode::Command => break,
                b'\\' if self.byte(1) == Some(b'\n') => {
                    if self.continuation_ends_word()? {
                        break;
                    }
                    draft.joints.push(self.pos);
                    self.pos += 2;
                }
                b'\\' => {
                    draft.quoted = true;
                    draft.plain = None;
                    self.pos += 1;
                    // At the very end of the text the backslash stands for itself.
                    draft.unquoted.push(self.take_char().unwrap_or('\\'));
                }
                b'\'' => {
                    draft.quoted = true;
                    draft.plain = None;
                    let quote = self.single_quote()?;
                    draft.unquoted.push_str(quote);
                }
                b'"' => self.double_quote(&mut draft)?,
                b'`' => self.backticks(&mut draft, false)?,
                b'$' => self.dollar(&mut draft, false)?,
                _ => {
                    let Some(char) = self.take_char() else { break };
                    draft.push_plain(char, self.pos, plain_start == start);
                }
            }
        }
        if self.pos == start {
            return self.fail();
        }
        Ok(Word {
            span: start..self.pos,
            quoted: draft.quoted,
            expansions: draft.expansions,
            has_glob: draft.has_glob,
            has_tilde: draft.has_tilde,
            has_brace: draft.has_brace,
            unquoted: draft.unquoted,
            joints: draft.joints,
            assigns_at: draft.assigns_at,
            source: self.source.clone(),
        })
    }

    /// At a continuation inside a word: whether the word ends here. What follows on the next line could become one with
    /// the text before, so a sign that would be read differently then is refused.
    fn continuation_ends_word(&self) -> Read<bool> {
        let mut ahead = 0;
        while self.byte(ahead) == Some(b'\\') && self.byte(ahead + 1) == Some(b'\n') {
            ahead += 2;
        }
        match self.byte(ahead) {
            None | Some(b' ' | b'\t' | b'\n' | b')' | b';' | b'&' | b'|') => Ok(true),
            Some(b'<' | b'>' | b'(') => self.fail(),
            Some(_) => Ok(false),
        }
    }

    fn take_char(&mut self) -> Option<char> {
        let char = self.text.get(self.pos..self.end)?.chars().next()?;
        self.pos += char.len_utf8();
        Some(char)
    }

    fn single_quote(&mut self) -> Read<&'s str> {
        let rest = self.text.get(self.pos + 1..self.end).unwrap_or_default();
        let Some(length) = rest.find('\'') else { return self.fail() };
        self.pos += length + 2;
        Ok(rest.get(..length).unwrap_or_default())
    }

    fn double_quote(&mut self, draft: &mut Draft) -> Read<()> {
        draft.quoted = true;
        draft.plain = None;
        self.pos += 1;
        loop {
            match self.byte(0) {
                None => return self.fail(),
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(());
                }
                Some(b'\\') => match self.byte(1) {
                    Some(b'\n') => {
                        draft.joints.push(self.pos);
                        self.pos += 2;
                    }
                    Some(byte @ (b'$' | b'`' | b'"' | b'\\')) => {
                        draft.unquoted.push(char::from(byte));
                        self.pos += 2;
                    }
                    _ => {
                        draft.unquoted.push('\\');
                        self.pos += 1;
                    }
                },
                Some(b'$') => self.dollar(draft, true)?,
                Some(b'`') => self.backticks(draft, true)?,
                Some(_) => draft.unquoted.extend(self.take_char()),
            }
        }
    }

    fn backticks(&mut self, draft: &mut Draft, quoted: bool) -> Read<()> {
        let start = self.pos;
        let mut escaped = false;
        self.pos += 1;
        loop {
            match self.byte(0) {
                None => return self.fail(),
                Some(b'`') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.pos += 1;
                    if self.take_char().is_none() {
                        return self.fail();
                    }
                }
                Some(_) => self.pos += 1,
            }
        }
        let close = self.pos;
        let kind = if escaped {
            self.opaque.push(start..close + 1);
            ExpansionKind::Opaque
        } else {
            self.pos = start + 1;
            let items = self.inner_list(close)?;
            if self.pos != close {
                return self.fail();
            }
            self.peeked = None;
            ExpansionKind::Command(items)
        };
        self.pos = close + 1;
        if matches!(&kind, ExpansionKind::Command(items) if items.is_empty()) {
            self.empty.push(start..self.pos);
        }
        draft.expand(start..self.pos, quoted, kind);
        Ok(())
    }

    /// Reads the list of `$(`, `<(` or `>(` and the closing parenthesis.
    fn parenthesized(&mut self) -> Read<Vec<Item>> {
        self.pos += 2;
        let items = self.inner_list(self.end)?;
        match self.next()? {
            Token::Op(Op::Close, _) => Ok(items),
            _ => self.fail(),
        }
    }

    fn process(&mut self, draft: &mut Draft) -> Read<()> {
        let start = self.pos;
        let items = self.parenthesized()?;
        draft.expand(start..self.pos, false, ExpansionKind::Process(items));
        Ok(())
    }

    fn array(&mut self, draft: &mut Draft) -> Read<()> {
        let start = self.pos;
        let mut elements = Vec::new();
        self.pos += 1;
        loop {
            self.skip_blanks();
            match self.byte(0) {
                Some(b'\n') => self.inner_line_break()?,
                Some(b')') => break,
                _ => elements.push(self.deeper(|lexer| lexer.word(Mode::Command))?),
            }
        }
        self.pos += 1;
        draft.expand(start..self.pos, false, ExpansionKind::Array(elements));
        Ok(())
    }

    /// Reads what begins with a `$`, which may be nothing but the sign.
    fn dollar(&mut self, draft: &mut Draft, quoted: bool) -> Read<()> {
        let start = self.pos;
        match self.byte(1) {
            Some(b'(') if self.byte(2) == Some(b'(') => {
                self.pos += 3;
                let mut inner = Draft::default();
                self.deeper(|lexer| lexer.arithmetic(&mut inner))?;
                draft.joints.append(&mut inner.joints);
                draft.expand(start..self.pos, quoted, ExpansionKind::Arithmetic { nested: inner.expansions });
            }
            Some(b'(') => {
                let items = self.parenthesized()?;
                if items.is_empty() {
                    self.empty.push(start..self.pos);
                }
                draft.expand(start..self.pos, quoted, ExpansionKind::Command(items));
            }
            Some(b'{') => {
                self.pos += 2;
                let kind = self.deeper(|lexer| lexer.parameter(draft, quoted))?;
                draft.expand(start..self.pos, quoted, kind);
            }
            Some(b'\'') if !quoted => {
                self.pos += 2;
                while self.byte(0) != Some(b'\'') {
                    if self.byte(0) == Some(b'\\') {
                        self.pos += 1;
                    }
                    if self.take_char().is_none() {
                        return self.fail();
                    }
                }
                self.pos += 1;
                draft.quoted = true;
                draft.expand(start..self.pos, true, ExpansionKind::Dollar);
            }
            Some(b'"') if !quoted => {
                self.pos += 1;
                let sign = Expansion { span: start..self.pos, quoted, kind: ExpansionKind::Dollar };
                draft.expansions.push(sign);
                self.double_quote(draft)?;
            }
            // bash: arithmetic; elsewhere a plain sign. And a continuation may hide what belongs to the `$`.
            Some(b'[') => return self.fail(),
            Some(b'\\') if self.byte(2) == Some(b'\n') => return self.fail(),
            Some(byte) if byte.is_ascii_digit() || is_special(byte) => {
                self.pos += 2;
                let name = char::from(byte).to_string();
                draft.parameter(start..self.pos, quoted, name);
            }
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                self.pos += 1;
                let name = self.name();
                if self.starts_with("\\\n") && self.byte(2).is_some_and(is_name_byte) {
                    return self.fail();
                }
                draft.parameter(start..self.pos, quoted, name);
            }
            _ => {
                self.pos += 1;
                draft.unquoted.push('$');
                draft.plain = None;
            }
        }
        Ok(())
    }

    fn name(&mut self) -> String {
        let start = self.pos;
        while self.byte(0).is_some_and(is_name_byte) {
            self.pos += 1;
        }
        self.text.get(start..self.pos).unwrap_or_default().to_owned()
    }

    /// Reads the inside of `${...}` and its closing brace.
    fn parameter(&mut self, draft: &mut Draft, quoted: bool) -> Read<ExpansionKind> {
        let mut modifier = String::new();
        // `${#x}` and `${!x}`; but `${#}`, `${!}`, `${#-x}` are about the variables `#` and `!`.
        if let (Some(prefix @ (b'#' | b'!')), Some(next)) = (self.byte(0), self.byte(1))
            && (is_name_byte(next) || matches!(next, b'@' | b'*'))
        {
            modifier.push(char::from(prefix));
            self.pos += 1;
        }
        let mut name = self.name();
        if name.is_empty() {
            match self.byte(0) {
                Some(byte) if is_special(byte) => name.push(char::from(byte)),
                _ => return self.fail(),
            }
            self.pos += 1;
        }
        if self.starts_with("\\\n") {
            return self.fail();
        }
        let rest = self.pos;
        let is_pattern = matches!(self.byte(0), Some(b'#' | b'%' | b'/' | b'^' | b','));
        let mut inner = Draft::default();
        loop {
            match self.byte(0) {
                None => return self.fail(),
                Some(b'}') => break,
                Some(b'\\') if self.byte(1) == Some(b'\n') => {
                    inner.joints.push(self.pos);
                    self.pos += 2;
                }
                Some(b'\\') => {
                    self.pos += 1;
                    let _ = self.take_char();
                }
                Some(b'\'') if !quoted || is_pattern => {
                    self.single_quote()?;
                }
                Some(b'"') => self.double_quote(&mut inner)?,
                Some(b'`') => self.backticks(&mut inner, quoted)?,
                Some(b'$') => self.dollar(&mut inner, quoted)?,
                Some(_) => {
                    let _ = self.take_char();
                }
            }
        }
        modifier.push_str(self.text.get(rest..self.pos).unwrap_or_default());
        self.pos += 1;
        draft.joints.append(&mut inner.joints);
        Ok(ExpansionKind::Parameter { name, modifier, nested: inner.expansions })
    }

    /// Reads an arithmetic expression and the `))` behind it.
    pub(super) fn arithmetic(&mut self, draft: &mut Draft) -> Read<()> {
        let mut open = 0_usize;
        loop {
            match self.byte(0) {
                None => return self.fail(),
                Some(b')') if open == 0 => {
                    if self.byte(1) != Some(b')') {
                        // `$((a); (b))`: commands in a subshell after all, too rare to read twice.
                        return self.fail();
                    }
                    self.pos += 2;
                    return Ok(());
                }
                Some(b')') => {
                    open -= 1;
                    self.pos += 1;
                }
                Some(b'(') => {
                    open += 1;
                    self.pos += 1;
                }
                Some(b'\\') if self.byte(1) == Some(b'\n') => {
                    draft.joints.push(self.pos);
                    self.pos += 2;
                }
                Some(b'\\' | b'\'') => return self.fail(),
                Some(b'"') => self.double_quote(draft)?,
                Some(b'`') => self.backticks(draft, true)?,
                Some(b'$') => self.dollar(draft, true)?,
                Some(_) => {
                    let _ = self.take_char();
                }
            }
        }
    }
}

/// Whether the byte is the name of a special parameter.
fn is_special(byte: u8) -> bool {
    matches!(byte, b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!')
}
