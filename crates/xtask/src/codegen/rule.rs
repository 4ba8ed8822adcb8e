//! A rule's documentation and metadata, read from the text of its file.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};

/// The headings that each rule's documentation has, in this order.
const HEADINGS: [&str; 5] = ["Why", "Fix", "Stays silent", "Refuses", "Safety"];

/// What a page says about a rule.
#[derive(Debug)]
pub(super) struct Rule {
    /// The name of the module, which is the id with underscores.
    pub(super) module: String,
    /// The id.
    pub(super) id: String,
    /// The first sentence of the documentation.
    pub(super) summary: String,
    /// What follows it, from `## Why` on.
    pub(super) body: String,
    /// Names in other tools.
    pub(super) aliases: Vec<String>,
    /// The version that brought it.
    pub(super) since: String,
    /// In lower case.
    pub(super) severity: String,
    /// Whether it is on by default.
    pub(super) default_on: bool,
    /// Whether it only speaks with a known build context.
    pub(super) needs_context: bool,
    /// The name of the great rewrite that its fix is.
    pub(super) rewrite: Option<String>,
    /// Whether it has a fix.
    pub(super) has_fix: bool,
    /// The hazards that its documentation or its code names.
    pub(super) hazards: BTreeSet<String>,
}

impl Rule {
    /// Reads the one `rule!` of a file.
    pub(super) fn parse(module: &str, source: &str) -> Result<Self> {
        let mut lines = source.lines().skip_while(|line| *line != "rule! {").skip(1).peekable();
        let mut docs = String::new();
        while let Some(line) = lines.next_if(|line| line.trim_start().starts_with("///")) {
            let line = line.trim_start().trim_start_matches('/');
            docs.push_str(line.strip_prefix(' ').unwrap_or(line));
            docs.push('\n');
        }
        let (summary, body) = docs.split_once('\n').context("there is no `rule! {` with documentation")?;
        let opening = lines.next().unwrap_or_default().trim();
        let id = opening.strip_suffix('{').map(str::trim).and_then(unquoted);
        let id = id.with_context(|| format!("expected the id and a brace, not {opening:?}"))?;
        let metadata: Vec<&str> = lines.take_while(|line| *line != "    }").map(str::trim).collect();
        let mut fields = fields(&metadata.join(" "))?;
        let mut take = |name: &str| fields.remove(name);
        let rule = Self {
            module: module.to_owned(),
            id,
            summary: summary.to_owned(),
            body: body.trim().to_owned(),
            aliases: take("aliases").map(|list| strings(&list)).unwrap_or_default(),
            since: take("since").as_deref().and_then(unquoted).context("no `since`")?,
            severity: take("severity").context("no `severity`")?.to_lowercase(),
            default_on: take("default").as_deref() != Some("false"),
            needs_context: take("needs_context").as_deref() == Some("true"),
            rewrite: take("rewrite").as_deref().and_then(unquoted),
            has_fix: take("plan").is_some(),
            hazards: hazards(source).map(str::to_owned).collect(),
        };
        rule.check()?;
        Ok(rule)
    }

    /// Where it was read from.
    pub(super) fn path(&self) -> String {
        format!("{}/{}.rs", super::RULES, self.module)
    }

    /// What its fix is, in a word or two.
    pub(super) fn fix(&self) -> String {
        if !self.has_fix {
            return "report only".to_owned();
        }
        if let Some(name) = &self.rewrite {
            return format!("rewrite `{name}`");
        }
        let safety = self.body.split("## Safety").nth(1).unwrap_or_default().to_lowercase();
        let words: BTreeSet<&str> = safety.split(|letter: char| !letter.is_alphabetic()).collect();
        match (words.contains("safe"), words.contains("unsafe")) {
            (true, true) => "safe or unsafe",
            (true, false) => "safe",
            (false, true) => "unsafe",
            (false, false) => "yes",
        }
        .to_owned()
    }

    fn check(&self) -> Result<()> {
        ensure!(self.module == self.id.replace('-', "_"), "the file is not named after the id {:?}", self.id);
        ensure!(!self.summary.is_empty(), "the documentation does not begin with a sentence");
        let mut rest = self.body.as_str();
        for heading in HEADINGS {
            let line = format!("## {heading}\n");
            let Some(at) = rest.find(&line) else {
                bail!("no heading `## {heading}`, or not in the order {HEADINGS:?}")
            };
            rest = rest.get(at + line.len()..).unwrap_or_default();
        }
        Ok(())
    }
}

/// Words like `H102`.
pub(super) fn hazards(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric());
    words.filter(|word| is_hazard(word))
}

/// Whether a word is the number of a hazard.
pub(super) fn is_hazard(word: &str) -> bool {
    word.len() == 4
        && word.strip_prefix('H').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `name: value,` one after the other; a comma inside of brackets separates nothing.
fn fields(text: &str) -> Result<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let mut depth = 0_usize;
        let end = rest.find(|character| {
            match character {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            character == ',' && depth == 0
        });
        let (field, behind) = rest.split_at(end.context("a field without a comma behind it")?);
        let (name, value) = field.split_once(':').with_context(|| format!("no colon in {field:?}"))?;
        fields.insert(name.trim().to_owned(), value.trim().to_owned());
        rest = behind.trim_start_matches(',').trim_start();
    }
    Ok(fields)
}

fn unquoted(text: &str) -> Option<String> {
    text.strip_prefix('"')?.strip_suffix('"').map(str::to_owned)
}

/// The strings of `["a", "b"]`.
fn strings(list: &str) -> Vec<String> {
    list.trim_matches(['[', ']']).split(',').map(str::trim).filter_map(unquoted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
rule! {
    /// A thing is wrong.
    ///
    /// ## Why
    ///
    /// Because (H001).
    /// ## Fix
    /// It is mended.
    /// ## Stays silent
    /// Never.
    /// ## Refuses
    /// Never.
    /// ## Safety
    /// Safe when plain, unsafe otherwise.
    \"a-thing\" {
        aliases: [
            \"hadolint:DL1\",
            \"buildkit:Thing\",
        ],
        since: \"0.1.0\",
        severity: Warning,
        default: false,
        phase: Clean,
        check: check,
        plan: plan,
    }
}

fn check() { Refusal::hazard(\"H102\", \"\") }
";

    #[test]
    fn reads_documentation_and_metadata() {
        let rule = Rule::parse("a_thing", SOURCE).unwrap();
        assert_eq!((rule.id.as_str(), rule.summary.as_str()), ("a-thing", "A thing is wrong."));
        assert!(rule.body.starts_with("## Why\n\nBecause (H001).\n"));
        assert_eq!(rule.aliases, ["hadolint:DL1", "buildkit:Thing"]);
        assert_eq!((rule.severity.as_str(), rule.default_on, rule.needs_context), ("warning", false, false));
        assert_eq!(rule.fix(), "safe or unsafe");
        assert_eq!(rule.hazards.iter().collect::<Vec<_>>(), ["H001", "H102"]);
    }

    #[test]
    fn refuses_what_would_make_a_wrong_page() {
        assert!(Rule::parse("another_thing", SOURCE).is_err(), "the file has another name");
        assert!(Rule::parse("a_thing", &SOURCE.replace("## Refuses", "## Refuse")).is_err(), "a heading");
        assert!(Rule::parse("a_thing", &SOURCE.replace("severity: Warning,", "")).is_err(), "no severity");
        assert!(Rule::parse("a_thing", "fn main() {}").is_err(), "no rule");
    }
}
