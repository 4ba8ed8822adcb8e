//! Programs that only start another.

use super::text_of;
use crate::shell::Word;

/// What stands before a program.
#[derive(Clone, Copy, Default)]
pub(super) struct Wrapper {
    /// How many words.
    pub(super) words: usize,
    /// Whether `sudo` is among them.
    pub(super) sudo: bool,
    /// Whether `xargs` is among them.
    pub(super) xargs: bool,
}

/// The flags of a wrapper that take the next word, and how many words of its own it has behind its flags; `None` for a
/// program that is none.
///
/// Sources: the manual pages of the programs, sudo(8) and the GNU coreutils and findutils.
fn grammar(program: &str) -> Option<(&'static [&'static str], usize)> {
    Some(match program {
        "exec" => (&["-a"], 0),
        "command" | "eatmydata" | "nohup" | "time" | "linux32" | "linux64" => (&[], 0),
        "env" => (&["-u", "-C", "--unset", "--chdir"], 0),
        "sudo" => (&["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-U", "-D", "--user", "--group"], 0),
        "nice" => (&["-n"], 0),
        "ionice" => (&["-c", "-n"], 0),
        "timeout" => (&["-k", "-s", "--kill-after", "--signal"], 1),
        "xargs" => (&["-a", "-d", "-E", "-I", "-L", "-n", "-P", "-s", "--arg-file", "--delimiter"], 0),
        _ => return None,
    })
}

/// The wrapper of a command. Each word is looked at once.
pub(super) fn wrapper(words: &[Word]) -> Wrapper {
    let mut wrapper = Wrapper::default();
    while let Some(word) = words.get(wrapper.words) {
        let name = text_of(word);
        let program = name.rsplit('/').next().unwrap_or(name);
        let Some((values, own)) = grammar(program) else { break };
        wrapper.sudo |= program == "sudo";
        wrapper.xargs |= program == "xargs";
        let takes_variables = matches!(program, "env" | "sudo");
        wrapper.words += 1;
        while let Some(word) = words.get(wrapper.words).map(text_of) {
            if values.contains(&word) {
                wrapper.words += 2;
            } else if word.starts_with('-') || takes_variables && word.contains('=') {
                wrapper.words += 1;
            } else {
                break;
            }
        }
        wrapper.words += own;
    }
    wrapper.words = wrapper.words.min(words.len());
    wrapper
}
