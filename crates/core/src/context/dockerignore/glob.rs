//! Compiles one pattern of an ignore file and matches paths with it.
//!
//! The builder turns a pattern into a Go regular expression. The same translation is made here, because its
//! oddities are visible: `**foo` ends with `foo` but `**foo*` starts a path part with it, `[^a]` matches a
//! `/`, a `*` in brackets closes them early, `\d` is a digit. What comes out is not run by a regex engine,
//! but as a list of steps that are tried side by side: each character of the path is looked at once, whatever
//! the pattern, so that `*a*a*a*a*b` costs no more than its length times that of the path.

use std::iter::Peekable;
use std::str::Chars;

/// Why the builder would not take a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GlobError {
    /// Brackets that are empty, not closed or hold a stray `-`; a `\` with nothing behind it.
    Syntax,
    /// A range in brackets that runs backwards, or a class of characters that does not exist.
    Range,
    /// A `\` before a letter or digit to which it gives no meaning.
    Escape,
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Glob {
    /// The path is this text.
    Exact(String),
    /// The path starts with this text (`dir/**`).
    Prefix(String),
    /// The path ends with this text (`**/name`, `**name`); a leading `/` may also be the start of the path.
    Suffix(String),
    /// Anything else.
    Steps(Steps),
}

/// The general form: steps, and the fixed text at both ends by which most paths are dismissed at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Steps {
    list: Vec<Step>,
    head: String,
    tail: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// One character of this set.
    One(Set),
    /// Any number of characters of this set.
    Many(Set),
    /// Either nothing, or [`Step::Deeper`]: the way into `**/`.
    MaybeDeeper,
    /// Any text that ends in `/`.
    Deeper,
    /// Only the start of the path: a `^` that the translation leaves as it is.
    Start,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Set {
    Only(char),
    NotSlash,
    /// Anything but a line feed.
    Any,
    Class(Class),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Class {
    negated: bool,
    members: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Set {
    fn has(&self, c: char) -> bool {
        match self {
            Self::Only(only) => *only == c,
            Self::NotSlash => c != '/',
            Self::Any => c != '\n',
            Self::Class(class) => class.members.iter().any(|member| member.has(c)) != class.negated,
        }
    }
}

impl Member {
    fn has(&self, c: char) -> bool {
        self.ranges.iter().any(|&(low, high)| low <= c && c <= high) != self.negated
    }
}

impl Glob {
    /// Compiles a pattern that is already cleaned and without its `!`.
    pub(super) fn compile(pattern: &str) -> Result<Self, GlobError> {
        check_syntax(pattern)?;
        match translate(pattern) {
            Shape::Exact => Ok(Self::Exact(pattern.to_owned())),
            Shape::Prefix => Ok(Self::Prefix(pattern.strip_suffix("**").unwrap_or(pattern).to_owned())),
            Shape::Suffix => Ok(Self::Suffix(pattern.strip_prefix("**").unwrap_or(pattern).to_owned())),
            Shape::Expression(expression) => Steps::parse(&expression).map(Self::Steps),
        }
    }

    /// Whether the pattern matches the whole of `path`.
    pub(super) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(text) => path == text,
            Self::Prefix(text) => path.starts_with(text.as_str()),
            Self::Suffix(text) => {
                path.ends_with(text.as_str()) || text.strip_prefix('/').is_some_and(|rest| rest == path)
            }
            Self::Steps(steps) => {
                if !path.starts_with(steps.head.as_str()) || !path.ends_with(steps.tail.as_str()) {
                    return false;
                }
                let mut last = false;
                steps.run(path, |matched| last = matched);
                last
            }
        }
    }

    /// Whether the pattern matches each of the directories that lead to `path`, outermost first, and at last
    /// `path` itself.
    pub(super) fn matches_along(&self, path: &str) -> Vec<bool> {
        if let Self::Steps(steps) = self {
            let mut along = Vec::new();
            steps.run(path, |matched| along.push(matched));
            return along;
        }
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.map(|end| path.get(..end).is_some_and(|part| self.matches(part))).collect()
    }
}

/// The syntax check of Go's `filepath.Match`, which the builder makes before anything else. It knows no
/// meaning: a range may still run backwards.
fn check_syntax(pattern: &str) -> Result<(), GlobError> {
    fn member(chars: &mut Peekable<Chars<'_>>) -> Result<(), GlobError> {
        match chars.next() {
            None | Some('-' | ']') => return Err(GlobError::Syntax),
            Some('\\') => chars.next().map(|_| ()).ok_or(GlobError::Syntax)?,
            Some(_) => {}
        }
        chars.peek().map(|_| ()).ok_or(GlobError::Syntax)
    }
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => chars.next().map(|_| ()).ok_or(GlobError::Syntax)?,
            '[' => {
                chars.next_if_eq(&'^');
                member(&mut chars)?;
                loop {
                    if chars.next_if_eq(&'-').is_some() {
                        member(&mut chars)?;
                    }
                    if chars.next_if_eq(&']').is_some() {
                        break;
                    }
                    member(&mut chars)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

enum Shape {
    Exact,
    Prefix,
    Suffix,
    Expression(String),
}

/// What the builder makes of a pattern: a plain comparison where it sees that one is enough, otherwise an
/// expression (here without the `^` and `$` around it). Only an expression has special characters escaped.
fn translate(pattern: &str) -> Shape {
    let mut expression = String::with_capacity(pattern.len() * 2);
    let mut shape = Shape::Exact;
    let mut chars = pattern.chars().peekable();
    let mut first = true;
    let general = || Shape::Expression(String::new());
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                if chars.peek().is_some() {
                    expression.push_str("(.*/)?");
                    shape = general();
                } else if matches!(shape, Shape::Exact) {
                    shape = Shape::Prefix;
                } else {
                    expression.push_str(".*");
                    shape = general();
                }
                if first {
                    shape = Shape::Suffix;
                }
            }
            '*' => {
                expression.push_str("[^/]*");
                shape = general();
            }
            '?' => {
                expression.push_str("[^/]");
                shape = general();
            }
            '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => expression.extend(['\\', c]),
            '\\' => {
                expression.push('\\');
                expression.extend(chars.next());
                shape = general();
            }
            '[' | ']' => {
                expression.push(c);
                shape = general();
            }
            _ => expression.push(c),
        }
        first = false;
    }
    match shape {
        Shape::Expression(_) => Shape::Expression(expression),
        other => other,
    }
}

impl Steps {
    fn parse(expression: &str) -> Result<Self, GlobError> {
        let mut steps = Vec::new();
        let mut chars = expression.chars().peekable();
        while let Some(c) = chars.next() {
            let set = match c {
                // The translation writes a group in one way only, and escapes every other parenthesis.
                '(' => {
                    chars.by_ref().take(".*/)?".len()).for_each(drop);
                    steps.extend([Step::MaybeDeeper, Step::Deeper]);
                    continue;
                }
                '^' => {
                    steps.push(Step::Start);
                    continue;
                }
                '.' => Set::Any,
                '[' => class(&mut chars)?,
                '\\' => match escape(&mut chars)? {
                    Escaped::Char(c) => Set::Only(c),
                    Escaped::Member(member) => Set::Class(Class { negated: false, members: vec![member] }),
                },
                c => Set::Only(c),
            };
            steps.push(if chars.next_if_eq(&'*').is_some() { Step::Many(set) } else { Step::One(set) });
        }
        let fixed = |step: &Step| match step {
            Step::One(Set::Only(c)) => Some(*c),
            _ => None,
        };
        let head = steps.iter().map_while(fixed).collect();
        let mut tail: Vec<char> = steps.iter().rev().map_while(fixed).collect();
        tail.reverse();
        Ok(Self { head, tail: tail.into_iter().collect(), list: steps })
    }

    /// Runs over the path once and says, at each `/` and at the end, whether what lies before it matches.
    fn run(&self, path: &str, mut report: impl FnMut(bool)) {
        let mut now = States::new(self.list.len());
        let mut next = States::new(self.list.len());
        self.enter(&mut now, 0, true);
        for c in path.chars() {
            if c == '/' {
                report(now.done);
            }
            next.clear();
            for &at in &now.list {
                match self.list.get(at) {
                    Some(Step::One(set)) if set.has(c) => self.enter(&mut next, at + 1, false),
                    Some(Step::Many(set)) if set.has(c) => self.enter(&mut next, at, false),
                    Some(Step::Deeper) if c != '\n' => {
                        next.add(at);
                        if c == '/' {
                            self.enter(&mut next, at + 1, false);
                        }
                    }
                    _ => {}
                }
            }
            std::mem::swap(&mut now, &mut next);
        }
        report(now.done);
    }

    /// Adds the step `at` and those that can be reached from it without a character.
    fn enter(&self, states: &mut States, mut at: usize, at_start: bool) {
        loop {
            match self.list.get(at) {
                None => {
                    states.done = true;
                    return;
                }
                Some(Step::One(_) | Step::Deeper) => {
                    states.add(at);
                    return;
                }
                Some(Step::Start) if at_start => at += 1,
                Some(Step::Start) => return,
                // Where it was entered before, so was all behind it: that keeps each character's work linear.
                Some(Step::Many(_)) if !states.add(at) => return,
                Some(Step::Many(_)) => at += 1,
                Some(Step::MaybeDeeper) => {
                    if !states.add(at) {
                        return;
                    }
                    states.add(at + 1);
                    at += 2;
                }
            }
        }
    }
}

/// The steps that may come next.
struct States {
    list: Vec<usize>,
    present: Vec<bool>,
    done: bool,
}

impl States {
    fn new(count: usize) -> Self {
        Self { list: Vec::new(), present: vec![false; count], done: false }
    }

    /// Says whether it is new.
    fn add(&mut self, at: usize) -> bool {
        match self.present.get_mut(at) {
            Some(present) if !*present => {
                *present = true;
                self.list.push(at);
                true
            }
            _ => false,
        }
    }

    fn clear(&mut self) {
        for at in self.list.drain(..) {
            if let Some(present) = self.present.get_mut(at) {
                *present = false;
            }
        }
        self.done = false;
    }
}

/// Reads a class in brackets, behind the `[`, by the rules of Go's regular expressions.
fn class(chars: &mut Peekable<Chars<'_>>) -> Result<Set, GlobError> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut members = Vec::new();
    let mut first = true;
    loop {
        let c = chars.next().ok_or(GlobError::Syntax)?;
        if c == ']' && !first {
            break;
        }
        first = false;
        if c == '['
            && chars.peek() == Some(&':')
            && let Some(member) = named_class(chars)?
        {
            members.push(member);
            continue;
        }
        let low = match c {
            '\\' => match escape(chars)? {
                Escaped::Char(c) => c,
                Escaped::Member(member) => {
                    members.push(member);
                    continue;
                }
            },
            c => c,
        };
        // A `-` before the closing bracket stands for itself.
        let mut ahead = chars.clone();
        let is_range = ahead.next() == Some('-') && ahead.peek().is_some_and(|&c| c != ']');
        let high = if is_range {
            *chars = ahead;
            match chars.next().ok_or(GlobError::Syntax)? {
                '\\' => match escape(chars)? {
                    Escaped::Char(c) => c,
                    Escaped::Member(_) => return Err(GlobError::Range),
                },
                c => c,
            }
        } else {
            low
        };
        if high < low {
            return Err(GlobError::Range);
        }
        members.push(Member { negated: false, ranges: vec![(low, high)] });
    }
    if negated && members == [Member { negated: false, ranges: vec![('/', '/')] }] {
        return Ok(Set::NotSlash);
    }
    Ok(Set::Class(Class { negated, members }))
}

/// Reads `[:name:]` behind its `[`; nothing is consumed when it is not closed, as it then stands for itself.
fn named_class(chars: &mut Peekable<Chars<'_>>) -> Result<Option<Member>, GlobError> {
    const LONGEST: usize = "^xdigit".len();
    let mut ahead = chars.clone();
    ahead.next();
    let mut name = String::new();
    while let Some(c) = ahead.next() {
        if c == ':' && ahead.peek() == Some(&']') {
            ahead.next();
            *chars = ahead;
            let (negated, plain) = name.strip_prefix('^').map_or((false, name.as_str()), |rest| (true, rest));
            let ranges = named_ranges(plain).ok_or(GlobError::Range)?;
            return Ok(Some(Member { negated, ranges: ranges.to_vec() }));
        }
        // No name is longer, and looking on would make a pattern of many `[:` cost its square.
        if name.len() > LONGEST {
            break;
        }
        name.push(c);
    }
    Ok(None)
}

fn named_ranges(name: &str) -> Option<&'static [(char, char)]> {
    Some(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    })
}

enum Escaped {
    Char(char),
    Member(Member),
}

/// What a `\` makes of the character behind it. Punctuation stands for itself; letters are Go's.
fn escape(chars: &mut Peekable<Chars<'_>>) -> Result<Escaped, GlobError> {
    let c = chars.next().ok_or(GlobError::Syntax)?;
    let member = |negated, ranges: &[(char, char)]| Member { negated, ranges: ranges.to_vec() };
    let space: &[(char, char)] = &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')];
    Ok(match c {
        'd' | 'D' => Escaped::Member(member(c == 'D', &[('0', '9')])),
        's' | 'S' => Escaped::Member(member(c == 'S', space)),
        'w' | 'W' => Escaped::Member(member(c == 'W', named_ranges("word").unwrap_or_default())),
        'a' => Escaped::Char('\x07'),
        'f' => Escaped::Char('\x0c'),
        'n' => Escaped::Char('\n'),
        'r' => Escaped::Char('\r'),
        't' => Escaped::Char('\t'),
        'v' => Escaped::Char('\x0b'),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Escaped::Char(c),
        _ => return Err(GlobError::Escape),
    })
}
