//! Our line rules against BuildKit's own parser, instruction by instruction.
//!
//! Texts come from real Dockerfiles, from the fixtures of one feature each, and from changed copies of both. The oracle
//! is BuildKit v0.12.5 as a Python wheel; see `shape` for what is compared.

mod mutate;
mod oracle;
mod shape;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;

use anyhow::{Context, Result, bail};
use dockmend_core::syntax::Dockerfile;
use rayon::prelude::*;
use serde::Serialize;

use self::mutate::Random;
use self::oracle::{Answer, Oracle, Questions};
use crate::cache;

const USAGE: &str = "\
cargo xtask conformance [DIR] [--mutants N] [--seed N] [--record]

DIR          Dockerfiles of any name, read recursively; default: the corpus beside the checkout
--mutants N  how many changed files are compared; default 100000
--seed N     which ones; default 1
--record     write the oracle's answers about fixtures/syntax to fixtures/syntax/expected.json, and do nothing else";

/// How many bytes of texts go into one question: enough that the pipe does not matter, few enough that both processes
/// always have work.
const BATCH: usize = 128 * 1024;

/// Larger files are compared as they are, but not changed: thousands of copies of them would take all the time.
const MAX_MUTATED: usize = 16 * 1024;

/// How many differing texts are printed; all of them are counted and saved.
const MAX_PRINTED: usize = 200;

struct Options {
    folder: Option<PathBuf>,
    mutants: usize,
    seed: u64,
    record: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self { folder: None, mutants: 100_000, seed: 1, record: false };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut number = || -> Result<u64> {
                let value = arguments.next().with_context(|| format!("{argument} needs a number"))?;
                value.parse().with_context(|| format!("{argument} {value}"))
            };
            match argument.as_str() {
                "--mutants" => options.mutants = usize::try_from(number()?)?,
                "--seed" => options.seed = number()?,
                "--record" => options.record = true,
                "--help" | "-h" => return Ok(None),
                flag if flag.starts_with('-') => bail!("there is no option {flag}\n{USAGE}"),
                _ if options.folder.is_none() => options.folder = Some(PathBuf::from(argument)),
                _ => bail!("one folder at a time\n{USAGE}"),
            }
        }
        Ok(Some(options))
    }
}

/// Runs the suite. The exit code is 1 when anything differs.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = Options::parse(arguments)? else {
        println!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    let fixtures = cache::checkout().join("fixtures/syntax");
    let fixture_texts = texts(&fixtures, Some("Dockerfile"))?;
    if options.record {
        return record(&fixtures, &fixture_texts);
    }
    let folder = if options.folder.is_some() { options.folder } else { cache::corpus()? };
    let corpus = if let Some(folder) = &folder {
        texts(folder, None)?
    } else {
        println!(
            "no corpus: shared/corpus/dockerfiles.tar.xz is not beside the checkout; only fixtures are used"
        );
        Vec::new()
    };
    let failures = cache::folder()?.join("conformance-failures");
    if failures.exists() {
        std::fs::remove_dir_all(&failures)?;
    }
    std::fs::create_dir_all(&failures)?;

    let mut oracle = Oracle::start()?;
    let mut report = Report { failures, ..Report::default() };
    report.compare(&mut oracle, "fixtures", fixture_texts.len(), |at| fixture_texts[at].clone())?;
    if folder.is_some() {
        report.compare(&mut oracle, "corpus", corpus.len(), |at| corpus[at].clone())?;
        grammar(&corpus);
    }
    let bases: Vec<&Text> = corpus.iter().filter(|text| text.text.len() <= MAX_MUTATED).collect();
    println!("mutants come from seed {}", options.seed);
    report.compare(&mut oracle, "mutants", options.mutants, |number| {
        // Each mutant has its own numbers, so that one can be made again alone.
        let mut random = Random::new(options.seed.wrapping_mul(1 << 32).wrapping_add(number as u64));
        let base = if bases.is_empty() || random.below(8) == 0 {
            &fixture_texts[random.below(fixture_texts.len())]
        } else {
            bases[random.below(bases.len())]
        };
        let name = format!("mutant-{number}-of-{}", base.name.replace('/', "-"));
        Text { name, text: mutate::mutant(&base.text, &mut random) }
    })?;
    oracle.stop()?;
    Ok(report.finish())
}

/// A text to compare, and what to call it.
#[derive(Clone)]
struct Text {
    name: String,
    text: String,
}

/// The files below `folder`, those with the extension when one is given.
fn texts(folder: &Path, extension: Option<&str>) -> Result<Vec<Text>> {
    let mut texts = Vec::new();
    for path in cache::files(folder)? {
        if extension.is_some_and(|extension| path.extension().is_none_or(|found| found != extension)) {
            continue;
        }
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
        match String::from_utf8(std::fs::read(&path)?) {
            Ok(text) => texts.push(Text { name, text }),
            Err(_) => println!("{name}: not UTF-8, left out"),
        }
    }
    Ok(texts)
}

/// Counts of one part of the suite.
#[derive(Default)]
struct Counts {
    texts: usize,
    accepted: usize,
    rejected: usize,
    instructions: usize,
    unable: BTreeMap<String, usize>,
    differing: usize,
}

#[derive(Default)]
struct Report {
    failures: PathBuf,
    printed: usize,
    differing: usize,
}

impl Report {
    /// Compares `count` texts: one thread asks, this one reads the answers.
    fn compare(
        &mut self,
        oracle: &mut Oracle,
        part: &str,
        count: usize,
        text: impl Fn(usize) -> Text + Send,
    ) -> Result<()> {
        let mut counts = Counts::default();
        let Oracle { questions, answers, .. } = oracle;
        std::thread::scope(|scope| -> Result<()> {
            let (sender, receiver) = mpsc::sync_channel::<Vec<Text>>(4);
            let asking = scope.spawn(move || ask(questions, &sender, count, text));
            for batch in receiver {
                for (text, answer) in batch.iter().zip(answers.next(batch.len())?) {
                    self.judge(text, answer, &mut counts)?;
                }
            }
            asking.join().map_err(|_| anyhow::anyhow!("the asking thread panicked"))?
        })?;
        let Counts { texts, accepted, rejected, instructions, unable, differing } = counts;
        println!(
            "{part}: {texts} files, {accepted} accepted, {rejected} rejected, {instructions} instructions compared, \
             {differing} files differ"
        );
        for (reason, times) in unable {
            println!("{part}: the oracle cannot answer {times} times: {reason}");
        }
        self.differing += differing;
        Ok(())
    }

    fn judge(&mut self, text: &Text, answer: Answer, counts: &mut Counts) -> Result<()> {
        counts.texts += 1;
        let mut lines = Vec::new();
        match (answer, shape::ours(&text.text)) {
            (Answer::Unable(reason), _) => {
                // The position in the message differs each time; its kind is what counts.
                let kind = reason.split(": ").next().unwrap_or_default();
                let kind = if kind == "UnicodeDecodeError" {
                    "BuildKit cut a character in two, and Python has no text for the halves".to_owned()
                } else {
                    reason
                };
                *counts.unable.entry(kind).or_default() += 1;
            }
            (Answer::Rejected(_), Err(_)) => counts.rejected += 1,
            (Answer::Rejected(message), Ok(_)) => {
                lines.push(format!("oracle: rejected, {message}\n  ours: accepted"));
            }
            (Answer::Commands(_), Err(message)) => {
                lines.push(format!("oracle: accepted\n  ours: rejected, {message}"));
            }
            (Answer::Commands(oracle), Ok(ours)) => {
                counts.accepted += 1;
                counts.instructions += oracle.len();
                if oracle.len() != ours.len() {
                    lines.push(format!("oracle: {} instructions\n  ours: {}", oracle.len(), ours.len()));
                }
                for (index, (oracle, ours)) in oracle.iter().zip(&ours).enumerate() {
                    for (field, oracle, ours) in shape::differences(oracle, ours) {
                        lines.push(format!(
                            "instruction {}, {field}\noracle: {oracle}\n  ours: {ours}",
                            index + 1
                        ));
                    }
                }
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        counts.differing += 1;
        std::fs::write(self.failures.join(text.name.replace(['/', '\\'], "-")), &text.text)?;
        self.printed += 1;
        if self.printed <= MAX_PRINTED {
            println!("{}:", text.name);
            for line in lines {
                println!("  {}", line.replace('\n', "\n  "));
            }
        }
        Ok(())
    }

    fn finish(&self) -> ExitCode {
        if self.differing == 0 {
            println!("no differences");
            return ExitCode::SUCCESS;
        }
        if self.printed > MAX_PRINTED {
            println!("{} more files differ", self.printed - MAX_PRINTED);
        }
        println!("{} files differ; they are in {}", self.differing, self.failures.display());
        ExitCode::FAILURE
    }
}

/// Asks about all texts, in batches; each batch goes to `sender` when it has been asked.
fn ask(
    questions: &mut Questions,
    sender: &mpsc::SyncSender<Vec<Text>>,
    count: usize,
    text: impl Fn(usize) -> Text,
) -> Result<()> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    for number in 0..count {
        let next = text(number);
        bytes += next.text.len();
        batch.push(next);
        if bytes >= BATCH || number + 1 == count {
            let texts: Vec<&str> = batch.iter().map(|text| text.text.as_str()).collect();
            questions.ask(&texts)?;
            bytes = 0;
            if sender.send(std::mem::take(&mut batch)).is_err() {
                // The reader has given up, and says why.
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Counts the instructions whose inside the tree-sitter grammar cannot read.
fn grammar(texts: &[Text]) {
    let counts = texts.par_iter().map(|text| {
        let file = Dockerfile::parse(text.text.as_str());
        let mut opaque: BTreeMap<&'static str, usize> = BTreeMap::new();
        for (index, instruction) in file.instructions().iter().enumerate() {
            if file.reading(index).opaque {
                *opaque.entry(instruction.keyword.as_str()).or_default() += 1;
            }
        }
        (file.instructions().len(), opaque)
    });
    let (instructions, opaque) = counts.reduce(
        || (0, BTreeMap::new()),
        |(instructions, mut opaque), (more_instructions, more_opaque)| {
            for (keyword, count) in more_opaque {
                *opaque.entry(keyword).or_default() += count;
            }
            (instructions + more_instructions, opaque)
        },
    );
    let total: usize = opaque.values().sum();
    let each: Vec<String> = opaque
        .iter()
        .map(|(keyword, count)| format!("{} {count}", if keyword.is_empty() { "unknown" } else { keyword }))
        .collect();
    println!(
        "grammar: {total} of {instructions} instructions of the corpus are opaque ({})",
        each.join(", ")
    );
}

/// What is written down of a fixture.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Expected<'a> {
    Instructions(&'a [shape::Instruction]),
    Rejected(&'a str),
}

fn record(folder: &Path, fixtures: &[Text]) -> Result<ExitCode> {
    let mut oracle = Oracle::start()?;
    let texts: Vec<&str> = fixtures.iter().map(|fixture| fixture.text.as_str()).collect();
    oracle.questions.ask(&texts)?;
    let answers = oracle.answers.next(texts.len())?;
    oracle.stop()?;
    let mut expected = BTreeMap::new();
    for (fixture, answer) in fixtures.iter().zip(&answers) {
        let recorded = match answer {
            Answer::Commands(instructions) => Expected::Instructions(instructions),
            Answer::Rejected(message) => Expected::Rejected(message),
            Answer::Unable(reason) => bail!("{}: the oracle cannot answer: {reason}", fixture.name),
        };
        expected.insert(fixture.name.as_str(), recorded);
    }
    let mut json = serde_json::to_string_pretty(&expected)?;
    json.push('\n');
    std::fs::write(folder.join("expected.json"), json)?;
    println!("recorded the oracle's answers about {} fixtures", expected.len());
    Ok(ExitCode::SUCCESS)
}
