//! `CMakeLists.txt`: the commands that say what is built, without running any of them.

use super::super::{Answer, add_new, text};
use super::NativeProject;
use crate::context::{ContextFiles, join};

/// How many `CMakeLists.txt` are followed.
const MAX_FILES: usize = 200;

/// Reads the file in `root` and those of its plain `add_subdirectory`.
pub(super) fn read(files: &dyn ContextFiles, root: &str, project: &mut NativeProject) {
    let mut open = vec![root.to_owned()];
    let mut left = MAX_FILES;
    while let Some(directory) = open.pop() {
        if left == 0 {
            return;
        }
        left -= 1;
        let Answer::Present(text) = text(files, &join(&directory, "CMakeLists.txt")) else { continue };
        for (name, words) in commands(&text) {
            let Some(first) = words.first().filter(|word| !word.contains('$')) else {
                project.installs |= name == "install";
                continue;
            };
            match name.as_str() {
                "add_executable" => {
                    let is_own = !words.iter().any(|word| word == "IMPORTED" || word == "ALIAS");
                    add_new(&mut project.programs, is_own.then(|| first.clone()));
                }
                "find_package" => add_new(&mut project.libraries, [first.clone()]),
                "pkg_check_modules" | "pkg_search_module" => {
                    let modules = words.iter().skip(1).filter(|word| {
                        let is_option =
                            matches!(word.as_str(), "REQUIRED" | "QUIET" | "IMPORTED_TARGET" | "GLOBAL");
                        !is_option && !word.contains('$')
                    });
                    let name =
                        |word: &String| word.split(['>', '<', '=']).next().unwrap_or_default().to_owned();
                    add_new(&mut project.libraries, modules.map(name));
                }
                "install" => project.installs = true,
                "add_subdirectory" => open.extend(crate::context::normalise(&join(&directory, first))),
                _ => {}
            }
        }
    }
}

/// The commands with their words: names in lower case, comments left out, quotes taken off. Bracket arguments
/// (`[[...]]`) are read as words, which none of the commands above uses.
fn commands(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let mut name = String::new();
    let mut words: Option<(Vec<String>, usize)> = None;
    let mut word = String::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c == '#' {
            while characters.next_if(|next| *next != '\n').is_some() {}
            continue;
        }
        let Some((list, depth)) = &mut words else {
            match c {
                '(' => words = Some((Vec::new(), 0)),
                c if c.is_whitespace() => {}
                c if c.is_alphanumeric() || c == '_' => name.push(c.to_ascii_lowercase()),
                _ => name.clear(),
            }
            continue;
        };
        match c {
            '"' => {
                while let Some(next) = characters.next() {
                    match next {
                        '"' => break,
                        '\\' => word.extend(characters.next()),
                        next => word.push(next),
                    }
                }
            }
            '(' => *depth += 1,
            ')' if *depth > 0 => *depth -= 1,
            ')' => {
                if !word.is_empty() {
                    list.push(std::mem::take(&mut word));
                }
                found.push((std::mem::take(&mut name), std::mem::take(list)));
                words = None;
            }
            c if c.is_whitespace() || c == ';' => {
                if !word.is_empty() {
                    list.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    found
}
