//! Our verdict on whole files, accepted or refused, against that of the real builder.
//!
//! The builder is `docker build --check` of a Docker engine with BuildKit 0.25 or newer inside; see `builder`. Only
//! whether a file is refused is compared: the messages are ours.

pub(crate) mod builder;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use dockmend_core::syntax::{Dockerfile, Instruction, Keyword, SyntaxProblem};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::builder::{Answer, Builder};
use crate::cache;

const USAGE: &str = "\
cargo xtask verdicts [PATH...] [--every N] [--first N] [--record]

PATH       Dockerfiles, or folders of them; default: fixtures/checks, fixtures/syntax and the corpus beside the checkout
--every N  which files of the corpus: every Nth of the sorted list; default 10
--first N  how many of those at most; default 500
--record   write the builder's verdicts on fixtures/checks to fixtures/checks/expected.json, and do nothing else

The builder is the Docker engine of the environment (DOCKER_HOST, DOCKER_CONFIG). Without one, nothing is compared.";

struct Options {
    paths: Vec<PathBuf>,
    every: usize,
    first: usize,
    record: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self { paths: Vec::new(), every: 10, first: 500, record: false };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut number = || -> Result<usize> {
                let value = arguments.next().with_context(|| format!("{argument} needs a number"))?;
                value.parse().with_context(|| format!("{argument} {value}"))
            };
            match argument.as_str() {
                "--every" => options.every = number()?.max(1),
                "--first" => options.first = number()?,
                "--record" => options.record = true,
                "--help" | "-h" => return Ok(None),
                flag if flag.starts_with('-') => bail!("there is no option {flag}\n{USAGE}"),
                path => options.paths.push(PathBuf::from(path)),
            }
        }
        Ok(Some(options))
    }
}

/// What is kept of the builder's verdict on a fixture.
#[derive(Serialize, Deserialize)]
struct Expectation {
    /// `accepted` or `refused`.
    verdict: String,
    /// The builder's message, when it refuses the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Runs the suite. The exit code is 1 when a verdict differs.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = Options::parse(arguments)? else {
        println!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    let builder = match Builder::reach()? {
        Ok(builder) => builder,
        Err(reason) => {
            println!("skipped: {reason}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    println!("the builder is {}", builder.version());
    let fixtures = cache::checkout().join("fixtures");
    if options.record {
        return record(&builder, &fixtures.join("checks"));
    }
    let mut report = Report::default();
    if options.paths.is_empty() {
        for name in ["checks", "syntax"] {
            report.compare(&builder, name, &dockerfiles(&fixtures.join(name))?)?;
        }
        match cache::corpus()? {
            None => println!("no corpus: shared/corpus/dockerfiles.tar.xz is not beside the checkout"),
            Some(folder) => {
                let files = cache::files(&folder)?.into_iter().filter(|file| is_dockerfile(file));
                let files: Vec<PathBuf> = files.step_by(options.every).take(options.first).collect();
                report.compare(&builder, "corpus", &files)?;
            }
        }
    }
    for path in &options.paths {
        let files = if path.is_dir() { dockerfiles(path)? } else { vec![path.clone()] };
        report.compare(&builder, &path.display().to_string(), &files)?;
    }
    Ok(report.finish())
}

fn is_dockerfile(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "Dockerfile")
        || path.file_name().is_some_and(|name| name == "Dockerfile")
}

/// The Dockerfiles below a folder, sorted; none when there is no such folder.
fn dockerfiles(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        println!("{} is not there", folder.display());
        return Ok(Vec::new());
    }
    Ok(cache::files(folder)?.into_iter().filter(|file| is_dockerfile(file)).collect())
}

/// Writes down what the builder says about each fixture.
fn record(builder: &Builder, folder: &Path) -> Result<ExitCode> {
    let mut expectations = BTreeMap::new();
    for file in dockerfiles(folder)? {
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let expectation = match builder.ask(&text, &[])? {
            Answer::Accepted => Expectation { verdict: "accepted".to_owned(), message: None },
            Answer::Refused(message) => Expectation { verdict: "refused".to_owned(), message: Some(message) },
            Answer::NotComparable(reason) => bail!("{name} cannot be a fixture: {reason}"),
        };
        expectations.insert(name, expectation);
    }
    let mut json = serde_json::to_string_pretty(&expectations)?;
    json.push('\n');
    std::fs::write(folder.join("expected.json"), json)?;
    println!("{} verdicts written", expectations.len());
    Ok(ExitCode::SUCCESS)
}

/// What came out for one file.
enum Outcome {
    BothAccept,
    BothRefuse,
    /// We refuse what the builder accepts.
    OnlyWe(Vec<SyntaxProblem>),
    /// The builder refuses what we accept.
    OnlyBuilder(String),
    NotComparable(String),
}

#[derive(Default)]
struct Report {
    differences: usize,
    compared: usize,
}

impl Report {
    fn compare(&mut self, builder: &Builder, title: &str, files: &[PathBuf]) -> Result<()> {
        let done = AtomicUsize::new(0);
        let outcomes: Vec<(&PathBuf, Outcome)> = files
            .par_iter()
            .map(|file| {
                let outcome = outcome(builder, file)?;
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if done.is_multiple_of(100) {
                    eprintln!("{title}: {done} of {}", files.len());
                }
                Ok((file, outcome))
            })
            .collect::<Result<_>>()?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (file, outcome) in &outcomes {
            let file = file.display();
            let count = match outcome {
                Outcome::BothAccept => "both accept",
                Outcome::BothRefuse => "both refuse",
                Outcome::OnlyWe(problems) => {
                    for problem in problems {
                        println!(
                            "only we refuse {file}: {:?} at {:?}: {}",
                            problem.kind, problem.range, problem.message
                        );
                    }
                    "only we refuse"
                }
                Outcome::OnlyBuilder(message) => {
                    println!("only the builder refuses {file}: {message}");
                    "only the builder refuses"
                }
                Outcome::NotComparable(reason) => {
                    println!("not compared {file}: {reason}");
                    "not compared"
                }
            };
            *counts.entry(count).or_default() += 1;
            self.differences += usize::from(count.starts_with("only"));
            self.compared += usize::from(count != "not compared");
        }
        let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        println!("{title}: {} files: {}", files.len(), counts.join(", "));
        Ok(())
    }

    fn finish(&self) -> ExitCode {
        println!("{} of {} verdicts differ", self.differences, self.compared);
        if self.differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn outcome(builder: &Builder, file: &Path) -> Result<Outcome> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(Outcome::NotComparable("it is not UTF-8".to_owned()));
    };
    // Both are asked about the text without its `# syntax=` line: which frontend that names decides what is refused.
    let text = builder::without_syntax(&text);
    let dockerfile = Dockerfile::parse(text.as_str());
    let mut problems = dockerfile.problems().to_vec();
    problems.extend(dockerfile.check_instructions());
    Ok(match (builder.ask(&text, &[])?, problems.is_empty()) {
        (Answer::NotComparable(reason), _) => Outcome::NotComparable(reason),
        (Answer::Accepted, true) => Outcome::BothAccept,
        (Answer::Accepted, false) => Outcome::OnlyWe(problems),
        (Answer::Refused(message), true) => match outside(builder, &text, &dockerfile, &message)? {
            Some(reason) => Outcome::NotComparable(format!("{reason}: {message}")),
            None => Outcome::OnlyBuilder(message),
        },
        (Answer::Refused(_), false) => Outcome::BothRefuse,
    })
}

/// Why a refusal hangs on something outside of the file: a build argument that nobody gave here, or a variable that
/// only the real base image has. We say nothing in these cases.
fn outside(
    builder: &Builder,
    text: &str,
    dockerfile: &Dockerfile,
    message: &str,
) -> Result<Option<&'static str>> {
    let values = dockerfile.instructions().iter().filter(|instruction| instruction.keyword == Keyword::Arg);
    let arguments: Vec<String> = values
        .flat_map(Instruction::value_texts)
        .map(|value| value.split_once('=').unwrap_or((value, "")))
        .filter(|(_, default)| default.trim_matches(['"', '\'']).is_empty())
        // A number is a valid image, tag, port and signal.
        .map(|(name, _)| format!("{name}=1"))
        .collect();
    if !arguments.is_empty() && matches!(builder.ask(text, &arguments)?, Answer::Accepted) {
        return Ok(Some("it hangs on a build argument without a default"));
    }
    let empty_variable = ["invalid signal: ", "can not be an empty string", "invalid port: "];
    if text.contains('$') && empty_variable.iter().any(|part| message.ends_with(part)) {
        return Ok(Some("it hangs on the base image's variables"));
    }
    Ok(None)
}
