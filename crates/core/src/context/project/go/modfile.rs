//! The line grammar that `go.mod` and `go.work` share (<https://go.dev/ref/mod#go-mod-file-lexical>).

/// One directive: `require a v1`, also when it stands in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    /// `module`, `require`, `replace`, `use`, ...
    pub(super) verb: String,
    /// The words behind it, without their quotes.
    pub(super) words: Vec<String>,
    /// What stands behind `//`.
    pub(super) comment: String,
}

/// All directives in order. What is no directive is passed over: the go command would say so.
pub(super) fn directives(text: &str) -> Vec<Directive> {
    let mut found = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        let (words, comment) = words(line);
        match (words.as_slice(), &block) {
            ([], _) => {}
            ([close], Some(_)) if close == ")" => block = None,
            ([verb, open], None) if open == "(" => block = Some(verb.clone()),
            ([verb], None) if verb.ends_with('(') => block = Some(verb.trim_end_matches('(').to_owned()),
            (_, Some(verb)) => found.push(Directive { verb: verb.clone(), words, comment }),
            ([verb, rest @ ..], None) => {
                found.push(Directive { verb: verb.clone(), words: rest.to_vec(), comment });
            }
        }
    }
    found
}

/// The words of a line, and its comment. A text in double quotes or backquotes is one word.
fn words(line: &str) -> (Vec<String>, String) {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            return (words, rest.trim_start_matches('/').trim().to_owned());
        }
        let (word, behind) = match first {
            '"' | '`' => {
                let inside = rest.get(1..).unwrap_or_default();
                inside.split_once(first).unwrap_or((inside, ""))
            }
            _ => {
                let blank = rest.find(char::is_whitespace).unwrap_or(rest.len());
                // It begins a comment inside of a word too; an address has to be quoted.
                let end = rest.find("//").filter(|comment| *comment < blank);
                rest.split_at(end.unwrap_or(blank))
            }
        };
        words.push(word.to_owned());
        rest = behind.trim_start();
    }
    (words, String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Vec<String>, String)> {
        directives(text).into_iter().map(|d| (d.verb, d.words, d.comment)).collect()
    }

    #[test]
    fn lines_blocks_quotes_and_comments() {
        let text = "// head\nmodule \"example.com/a\" // why\n\ngo 1.22\nrequire (\n\tb v1.0.0 // indirect\n\t// gone\n\tc v2.0.0+incompatible\n)\nreplace b => ../b\r\nuse(\n`x y`\n)\n";
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            read(text),
            [
                ("module".into(), words(&["example.com/a"]), "why".into()),
                ("go".into(), words(&["1.22"]), String::new()),
                ("require".into(), words(&["b", "v1.0.0"]), "indirect".into()),
                ("require".into(), words(&["c", "v2.0.0+incompatible"]), String::new()),
                ("replace".into(), words(&["b", "=>", "../b"]), String::new()),
                ("use".into(), words(&["x y"]), String::new()),
            ]
        );
    }

    #[test]
    fn nothing_breaks_it() {
        for text in ["", "\"", "`a", "require (", ")", "x//y", "ä//ö", "()"] {
            let _ = directives(text);
        }
        assert_eq!(read("go 1.22//x"), [("go".into(), vec!["1.22".into()], "x".into())]);
    }
}
