//! What is printed, and where.

/// Adds formatted text to a `String`, which cannot fail as writing to something else can.
macro_rules! add {
    ($out:expr, $($format:tt)+) => {
        $out.push_str(&format!($($format)+))
    };
}

/// As [`add`], with the end of a line.
macro_rules! say {
    ($out:expr, $($format:tt)+) => {{
        $out.push_str(&format!($($format)+));
        $out.push('\n');
    }};
}

pub(crate) use say;

pub(crate) mod diff;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod page;
pub(crate) mod words;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::LazyLock;

use anstyle::{AnsiColor, Style};
use dockmend_core::rule::Severity;

use crate::arguments::Format;

/// What came of one Dockerfile.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Its place among all Dockerfiles of the run.
    pub(crate) index: usize,
    /// Its path as it is shown.
    pub(crate) name: String,
    /// What goes to standard output, ready to be printed.
    pub(crate) text: String,
    /// What could not be done, one message each, with the path.
    pub(crate) problems: Vec<String>,
    /// What is worth saying on standard error besides.
    pub(crate) warnings: Vec<String>,
    /// What it adds to the sums.
    pub(crate) tally: Tally,
}

impl Outcome {
    /// A file that could not be processed.
    pub(crate) fn unprocessed(index: usize, name: impl Into<String>, message: String) -> Self {
        let tally = Tally { unprocessed: 1, ..Tally::default() };
        Self { index, name: name.into(), problems: vec![message], tally, ..Self::default() }
    }
}

/// Sums over files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Findings (or what is left of them) by severity; syntax problems are errors.
    pub(crate) errors: usize,
    /// See `errors`.
    pub(crate) warnings: usize,
    /// See `errors`.
    pub(crate) hints: usize,
    /// Findings that have a fix.
    pub(crate) fixable: usize,
    /// Findings that were fixed.
    pub(crate) fixed: usize,
    /// Files that were, or with `--diff` would be, changed.
    pub(crate) changed: usize,
    /// Files that were not looked at because they are templates or generated.
    pub(crate) skipped: usize,
    /// Those of them that the user named: somebody expected something of them.
    pub(crate) skipped_by_name: usize,
    /// Files that could not be processed.
    pub(crate) unprocessed: usize,
}

impl Tally {
    /// Adds the sums of another.
    pub(crate) fn add(&mut self, other: &Self) {
        self.errors += other.errors;
        self.warnings += other.warnings;
        self.hints += other.hints;
        self.fixable += other.fixable;
        self.fixed += other.fixed;
        self.changed += other.changed;
        self.skipped += other.skipped;
        self.skipped_by_name += other.skipped_by_name;
        self.unprocessed += other.unprocessed;
    }

    /// Counts one finding.
    pub(crate) fn count(&mut self, severity: Severity) {
        match severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Hint => self.hints += 1,
        }
    }
}

/// How text is dressed: colours, and the number of columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Whether colours and other attributes are used.
    pub(crate) colour: bool,
    /// How many columns a line may take.
    pub(crate) width: usize,
    /// Whether a person's terminal reads this, so that control characters of a file must not reach it.
    pub(crate) terminal: bool,
}

impl Look {
    /// What standard output asks for: its terminal, `NO_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`.
    pub(crate) fn of_stdout() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let colour = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
        let columns = terminal.then(terminal_size::terminal_size).flatten();
        let width = columns.map_or(100, |(terminal_size::Width(width), _)| usize::from(width)).clamp(40, 140);
        Self { colour, width, terminal }
    }

    /// `text` in a style, or as it is.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Bold.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// Less prominent.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    /// In a colour.
    pub(crate) fn hue(self, colour: AnsiColor, text: &str) -> String {
        self.paint(colour.on_default(), text)
    }
}

/// Writes to standard output and standard error. When the reader of standard output has gone, the rest is dropped in
/// silence: `dockmend check | head` is no error, and `dockmend fix | head` still fixes everything.
pub(crate) struct Printer {
    look: Look,
    gone: bool,
    format: Format,
    /// Whether a file has been printed as JSON, so that a comma comes before the next.
    any_file: bool,
    /// What belongs to no file, for the end of the JSON.
    unplaced: Vec<String>,
}

impl Printer {
    /// A printer that looks as standard output asks for.
    pub(crate) fn new(format: Format) -> Self {
        let mut look = Look::of_stdout();
        if format == Format::Json {
            look = Look { colour: false, terminal: false, ..look };
        }
        Self { look, gone: false, format, any_file: false, unplaced: Vec::new() }
    }

    /// Begins the list of files.
    pub(crate) fn begin(&mut self) {
        if self.format == Format::Json {
            self.out(&json::head());
        }
    }

    /// Ends the list of files. `summary` is the last line for people, where there is something to say.
    pub(crate) fn end(&mut self, tally: &Tally, files: usize, summary: Option<&str>) {
        match self.format {
            Format::Json => {
                let tail = json::tail(&self.unplaced, tally, files);
                self.out(&tail);
            }
            Format::Human => self.out(summary.unwrap_or_default()),
        }
    }

    /// How standard output looks.
    pub(crate) fn look(&self) -> Look {
        self.look
    }

    /// Writes to standard output, byte by byte as given where there are no colours.
    pub(crate) fn out(&mut self, text: &str) {
        self.write(text, self.look.colour);
    }

    /// Writes to standard output, byte by byte as given.
    pub(crate) fn raw(&mut self, text: &str) {
        self.write(text, false);
    }

    fn write(&mut self, text: &str, colour: bool) {
        if self.gone || text.is_empty() {
            return;
        }
        let written = if colour {
            let mut stdout = anstream::stdout().lock();
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
        } else {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
        };
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.gone = true,
            Err(error) => {
                self.gone = true;
                complain("error", &format!("standard output cannot be written: {error}"));
            }
        }
    }

    /// Says on standard error what could not be done and belongs to no Dockerfile.
    pub(crate) fn problem(&mut self, message: &str) {
        complain("error", message);
        self.unplaced.push(message.to_owned());
    }

    /// Says something on standard error that keeps nothing from being done.
    #[allow(clippy::unused_self)] // Messages and results come from one place, in one order.
    pub(crate) fn warning(&mut self, message: &str) {
        complain("warning", message);
    }

    /// Prints what came of a file.
    pub(crate) fn outcome(&mut self, outcome: &Outcome) {
        match self.format {
            Format::Human => self.out(&outcome.text),
            Format::Json => {
                let mut text = if self.any_file { ",\n".to_owned() } else { String::new() };
                if outcome.text.is_empty() {
                    text.push_str(&json::File::failed(&outcome.name, &outcome.problems.join("; ")).to_line());
                } else {
                    text.push_str(&outcome.text);
                }
                self.any_file = true;
                self.out(&text);
            }
        }
        outcome.problems.iter().for_each(|problem| complain("error", problem));
        outcome.warnings.iter().for_each(|warning| self.warning(warning));
    }
}

/// A message on standard error. That it cannot be written is nothing one could tell anybody.
pub(crate) fn complain(label: &str, message: &str) {
    let colour = match label {
        "error" => AnsiColor::BrightRed,
        "warning" => AnsiColor::BrightYellow,
        _ => AnsiColor::BrightGreen,
    };
    let style = colour.on_default().bold();
    let _ = writeln!(anstream::stderr().lock(), "{style}{label}{style:#}: {}", calm(message));
}

/// A path as the user gave it.
pub(crate) fn shown(path: &Path) -> String {
    calm_line(&path.to_string_lossy())
}

/// An absolute path as seen from the current folder, when it lies there.
pub(crate) fn near(path: &Path) -> String {
    static HERE: LazyLock<Option<std::path::PathBuf>> = LazyLock::new(|| std::env::current_dir().ok());
    let inside = HERE.as_ref().and_then(|here| path.strip_prefix(here).ok());
    match inside {
        Some(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
        Some(inside) => shown(inside),
        None => shown(path),
    }
}

/// `text` with its control characters made visible, line ends and tabs excepted: what stands in a file must not steer
/// somebody's terminal.
pub(crate) fn calm(text: &str) -> String {
    visible(text, |character| character == '\n' || character == '\t')
}

/// As [`calm`], on one line.
pub(crate) fn calm_line(text: &str) -> String {
    visible(text, |_| false)
}

fn visible(text: &str, keep: impl Fn(char) -> bool) -> String {
    if !text.chars().any(|character| character.is_control() && !keep(character)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && !keep(character) {
            add!(out, "{}", character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// `1 error`, `2 errors`.
pub(crate) fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}
