//! Changed Dockerfiles, from a seed: lines cut, doubled and swapped, characters changed, and the things put in that
//! BuildKit's rules turn on.

/// A small generator of numbers (splitmix64), the same on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when `end` is.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { usize::try_from(self.next() % end as u64).unwrap_or(0) }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// What BuildKit's line rules turn on.
const TOKENS: &[&str] = &[
    "\\\n",
    "\\ \t\n",
    "\\\r\n",
    "\\\\\n",
    "`\n",
    "\\",
    "`",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\n  \n",
    "\n# note\n",
    "\n  # note \\\n",
    "#",
    " # ",
    "<<EOF",
    "<<-EOF",
    "<<'EOF'",
    "<<\"E F\"",
    "3<<EOF",
    "<<",
    "<<<",
    "<<A <<B",
    "\nEOF\n",
    "\n\tEOF\n",
    "EOF",
    "[",
    "]",
    "[\"a\", \"b\"]",
    "[\"a\"] b",
    "[1]",
    "\"",
    "'",
    "\\\"",
    "\\u00e9",
    "{",
    "}",
    "$",
    "${",
    "${x:-",
    "${x#y}",
    "$((1<<2))",
    "--",
    " --x=y ",
    " --x=\"a b\" ",
    "--\\ x",
    "=",
    " = ",
    "a=b ",
    "a=\"b c\" ",
    "\t",
    "\u{b}",
    "\u{c}",
    " ",
    "  ",
    "\u{85}",
    "\u{a0}",
    "\u{2003}",
    "\u{3000}",
    "\u{feff}",
    "\u{200b}",
    "à",
    "Å",
    "é",
    "日本",
    "🐳",
    "\u{301}",
    "\u{1}",
    "ONBUILD ",
    "onbuild ",
    "RUN ",
    "run ",
    "COPY ",
    "ENV ",
    "LABEL ",
    "HEALTHCHECK ",
    "CMD ",
    "CMD",
    "BOGUS ",
    "\nRUN <<A\n",
    "\nENV a\n",
    "\nHEALTHCHECK NONE\n",
    "# escape=`\n",
    "# escape=\\\n",
    "# syntax=x\n",
    "# check=skip=all\n",
    "-",
    ":",
    ",",
    "&&",
    ";",
    "|",
    "(",
    ")",
];

/// A changed copy of `text`: one to four changes.
pub(crate) fn mutant(text: &str, random: &mut Random) -> String {
    let mut text = text.to_owned();
    for _ in 0..=random.below(4) {
        text = changed(&text, random);
    }
    text
}

fn changed(text: &str, random: &mut Random) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let line = random.below(lines.len());
    let at = boundary(text, random.below(text.len() + 1));
    match random.below(16) {
        0 if !lines.is_empty() => without(&lines, line),
        1 if !lines.is_empty() => {
            let mut lines = lines;
            lines.insert(line, lines[line]);
            lines.concat()
        }
        2 if !lines.is_empty() => {
            let mut lines = lines;
            let other = random.below(lines.len());
            lines.swap(line, other);
            lines.concat()
        }
        3 => text[..at].to_owned(),
        4 | 5 => replace_character(text, at, ""),
        6 => {
            let character = char::from(b' ' + u8::try_from(random.below(95)).unwrap_or(0));
            replace_character(text, at, character.encode_utf8(&mut [0; 4]))
        }
        7 | 8 => replace_character(text, at, random.pick(TOKENS)),
        9 => random.pick(TOKENS).to_owned() + text,
        10 => text.replace("\r\n", "\n").replace('\n', "\r\n"),
        11 if !lines.is_empty() => {
            let start = lines[..line].concat();
            start + random.pick(TOKENS) + &lines[line..].concat()
        }
        12 if !lines.is_empty() => {
            let head: usize = lines[..=line].iter().map(|line| line.len()).sum();
            let end = text[..head].trim_end_matches(['\r', '\n']).len();
            text[..end].to_owned() + random.pick(TOKENS) + &text[end..]
        }
        _ => text[..at].to_owned() + random.pick(TOKENS) + &text[at..],
    }
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn without(lines: &[&str], line: usize) -> String {
    lines[..line].concat() + &lines[line + 1..].concat()
}

fn replace_character(text: &str, at: usize, by: &str) -> String {
    let len = text[at..].chars().next().map_or(0, char::len_utf8);
    text[..at].to_owned() + by + &text[at + len..]
}
