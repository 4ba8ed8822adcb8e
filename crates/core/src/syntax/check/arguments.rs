//! The arguments of an instruction: how many there are, and what they look like before variables are replaced.

use super::{Wrong, flag_value_span, mount, nearest, numbers, values_span, whole};
use crate::syntax::{Instruction, Keyword, LineRules, ProblemKind, Value, heredoc};

pub(super) fn check(instruction: &Instruction, wrongs: &mut Vec<Wrong>) {
    match instruction.keyword {
        Keyword::Unknown => unknown(instruction, wrongs),
        Keyword::From => from(instruction, wrongs),
        Keyword::Add | Keyword::Copy => copy(instruction, wrongs),
        Keyword::Env | Keyword::Label => pairs(instruction, wrongs),
        Keyword::Arg => arg(instruction, wrongs),
        Keyword::Expose | Keyword::Volume | Keyword::Shell => {
            if instruction.values.is_empty() {
                too_few(instruction, "at least one argument", wrongs);
            } else {
                shell_or_volume(instruction, wrongs);
            }
        }
        Keyword::Maintainer | Keyword::Stopsignal | Keyword::User | Keyword::Workdir => {
            if instruction.values.is_empty() {
                too_few(instruction, "exactly one argument", wrongs);
            }
        }
        Keyword::Healthcheck => healthcheck(instruction, wrongs),
        Keyword::Onbuild => onbuild(instruction, wrongs),
        Keyword::Run => run(instruction, wrongs),
        Keyword::Cmd | Keyword::Entrypoint => {}
    }
}

fn too_few(instruction: &Instruction, needs: &str, wrongs: &mut Vec<Wrong>) {
    let message = format!("{} needs {needs}", instruction.keyword);
    wrongs.push(Wrong::new(ProblemKind::WrongArguments, whole(instruction), message));
}

fn unknown(instruction: &Instruction, wrongs: &mut Vec<Wrong>) {
    let word = instruction.keyword_text();
    let names: Vec<&str> = Keyword::ALL.iter().map(|keyword| keyword.as_str()).collect();
    let shown: String = word.chars().take(40).collect();
    let message = format!("{shown} is no instruction");
    let wrong = Wrong::new(ProblemKind::UnknownInstruction, instruction.keyword_span, message);
    wrongs.push(wrong.suggesting(nearest::nearest_any_case(word, &names)));
}

fn from(instruction: &Instruction, wrongs: &mut Vec<Wrong>) {
    match instruction.values.as_slice() {
        [] => too_few(instruction, "an image or a stage", wrongs),
        [_] => {}
        [_, separator, name] if separator.text.eq_ignore_ascii_case("as") => {
            if !is_stage_name(&name.text.to_lowercase()) {
                let message = format!(
                    "{:?} is no stage name; one begins with a letter and has only letters, digits and - _ .",
                    name.text
                );
                wrongs.push(Wrong::new(ProblemKind::BadValue, name.span, message));
            }
        }
        [_, rest @ ..] => {
            let span = values_span(rest, instruction.arguments);
            let (message, suggestion) = match rest {
                [first, ..] if first.text.starts_with('#') => {
                    ("FROM takes these words as arguments: a comment needs a line of its own", None)
                }
                [word] if word.text.eq_ignore_ascii_case("as") => {
                    ("the stage name behind AS is missing", None)
                }
                [name] => (
                    "FROM takes an image, or an image, AS and a name",
                    is_stage_name(&name.text.to_lowercase()).then(|| format!("AS {}", name.text)),
                ),
                [separator, name] => (
                    "FROM takes an image, or an image, AS and a name",
                    nearest::nearest_any_case(&separator.text, &["AS"])
                        .filter(|_| separator.text.len() <= 3)
                        .or_else(|| (separator.text.len() == 2).then(|| "AS".to_owned()))
                        .map(|near| format!("{near} {}", name.text)),
                ),
                _ => ("FROM takes an image, or an image, AS and a name", None),
            };
            wrongs.push(Wrong::new(ProblemKind::WrongArguments, span, message).suggesting(suggestion));
        }
    }
}

/// Whether BuildKit takes the lower-cased word for a stage's name.
pub(super) fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte))
}

fn copy(instruction: &Instruction, wrongs: &mut Vec<Wrong>) {
    match instruction.values.as_slice() {
        [] => too_few(instruction, "at least one source and a destination", wrongs),
        [only] => {
            let message = format!("{} has a source but no destination", instruction.keyword);
            wrongs.push(Wrong::new(ProblemKind::WrongArguments, only.span, message));
        }
        [.., destination] if is_heredoc(destination) => {
            let message = format!("{} takes no heredoc as its destination", instruction.keyword);
            wrongs.push(Wrong::new(ProblemKind::WrongArguments, destination.span, message));
        }
        _ => {}
    }
}

/// Whether a source of COPY or ADD is a heredoc.
pub(super) fn is_heredoc(value: &Value) -> bool {
    value.text.contains("<<") && matches!(heredoc::opener(&value.text, LineRules::Current), Ok(Some(_)))
}

fn pairs(instruction: &Instruction, wrongs: &mut Vec<Wrong>) {
    if instruction.pairs.is_empty() {
        too_few(instruction, "at least one name and value", wrongs);
    }
    for pair in instruction.pairs.iter().filter(|pair| pair.name.text.is_empty()) {
        let span = values_span(&[pair.name.clone(), pair.value.clone()], instruction.arguments);
        let message = format!("a name of {} is empty", instruction.keyword);
        wrongs.push(Wrong::new(ProblemKind::BadValue, span, message));
    }
}

fn arg(instruction: &Instruction, wrongs: &mut Vec<Wrong>) {
    if instruction.values.is_empty() {
        too_few(instruction, "at least one argument", wrongs);
    }
    for value in instruction.values.iter().filter(|value| value.text.starts_with('=')) {
        wrongs.push(Wrong::new(ProblemKind::BadValue, value.span, "a name of ARG is empty"));
    }
}

fn shell_or_volume(instruction: &Instruction, wrongs: &mut Vec<Wrong>) {
    if instruction.keyword == Keyword::Volume {
        for value in instruction.values.iter().filter(|value| value.text.trim().is_empty()) {
            wrongs.push(Wrong::new(ProblemKind::BadValue, value.span, "a path of VOLUME is empty"));
        }
    }
    if instruction.keyword == Keyword::Shell && !instruction.json {
        let message = "SHELL takes only a JSON array, such as [\"/bin/sh\", \"-c\"]";
        let text = instruction.arguments_text();
        let plain = !text.contains(['[', ']', '"', '\'', '\\', '`', ',']) && !text.contains(char::is_control);
        let suggestion = plain.then(|| {
            let words: Vec<String> = text.split_whitespace().map(|word| format!("\"{word}\"")).collect();
            format!("[{}]", words.join(", "))
        });
        let wrong = Wrong::new(ProblemKind::WrongArguments, instruction.arguments, message);
        wrongs.push(wrong.suggesting(suggestion));
    }
}

fn healthcheck(instruction: &Instruction, wrongs: &mut Vec<Wrong>) {
    let Some((kind, command)) = instruction.values.split_first() else {
        return too_few(instruction, "CMD and a command, or NONE", wrongs);
    };
    match kind.text.to_uppercase().as_str() {
        "NONE" if command.is_empty() => return,
        "NONE" => {
            let span = values_span(command, instruction.arguments);
            let message = "HEALTHCHECK NONE takes no arguments";
            return wrongs.push(Wrong::new(ProblemKind::WrongArguments, span, message));
        }
        "CMD" if command.is_empty() => {
            let message = "the command behind HEALTHCHECK CMD is missing";
            wrongs.push(Wrong::new(ProblemKind::WrongArguments, kind.span, message));
        }
        "CMD" => {}
        _ => {
            let message = format!("HEALTHCHECK takes CMD or NONE, not {:?}", kind.text);
            // What stands there is most often the command itself.
            let suggestion = nearest::nearest_any_case(&kind.text, &["CMD", "NONE"])
                .filter(|_| kind.text.len() >= 3)
                .unwrap_or_else(|| format!("CMD {}", kind.text));
            let wrong = Wrong::new(ProblemKind::WrongArguments, kind.span, message);
            wrongs.push(wrong.suggesting(Some(suggestion)));
        }
    }
    for flag in &instruction.flags {
        let Some(value) = flag.value().filter(|value| !value.is_empty()) else { continue };
        let span = flag_value_span(instruction, flag);
        let name = flag.name();
        let message = match name {
            "interval" | "timeout" | "start-period" | "start-interval" => match numbers::duration(value) {
                None => format!("--{name} is {value:?}, which is no duration such as 30s or 1m30s"),
                Some(nanoseconds) if nanoseconds < 1_000_000 && nanoseconds != 0 => {
                    format!("--{name} is {value:?}, but it cannot be below 1ms")
                }
                Some(_) => continue,
            },
            "retries" => match numbers::integer(value).map(i32::try_from) {
                Some(Ok(0..)) => continue,
                Some(Ok(_)) => format!("--retries is {value:?}, but it cannot be negative"),
                _ => format!("--retries is {value:?}, which is no number"),
            },
            _ => continue,
        };
        let seconds = name != "retries" && value.bytes().all(|byte| byte.is_ascii_digit());
        let suggestion = seconds.then(|| format!("{value}s"));
        wrongs.push(Wrong::new(ProblemKind::BadValue, span, message).suggesting(suggestion));
    }
}

fn onbuild(instruction: &Instruction, wrongs: &mut Vec<Wrong>) {
    let Some(trigger) = &instruction.trigger else {
        return too_few(instruction, "an instruction", wrongs);
    };
    let message = match trigger.keyword {
        Keyword::Onbuild => "ONBUILD cannot hold another ONBUILD".to_owned(),
        keyword @ (Keyword::From | Keyword::Maintainer) => format!("ONBUILD cannot hold {keyword}"),
        _ => return,
    };
    wrongs.push(Wrong::new(ProblemKind::Misplaced, trigger.keyword_span, message));
}

const NETWORKS: &[&str] = &["default", "none", "host"];
const SECURITIES: &[&str] = &["insecure", "sandbox"];

fn run(instruction: &Instruction, wrongs: &mut Vec<Wrong>) {
    for flag in &instruction.flags {
        let Some(value) = flag.value() else { continue };
        let allowed = match flag.name() {
            "network" => NETWORKS,
            "security" => SECURITIES,
            "mount" => {
                mount::check_early(instruction, flag, wrongs);
                continue;
            }
            "device" => {
                mount::check_device(instruction, flag, wrongs);
                continue;
            }
            _ => continue,
        };
        if !allowed.contains(&value) {
            let span = flag_value_span(instruction, flag);
            let message = format!("--{} is {value:?}, but it takes only {}", flag.name(), allowed.join(", "));
            let wrong = Wrong::new(ProblemKind::BadValue, span, message);
            wrongs.push(wrong.suggesting(nearest::nearest(value, allowed)));
        }
    }
}
