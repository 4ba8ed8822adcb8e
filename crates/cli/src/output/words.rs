//! The differences that the gate observes, in words.

use dockmend_core::model::Delta;

/// What a delta says, as one line. `line` gives the 1-based line of an instruction of the text before, where it is known.
pub(crate) fn describe(delta: &Delta, line: &dyn Fn(usize) -> Option<usize>) -> String {
    let at = |instruction: &usize| match line(*instruction) {
        Some(line) => format!("line {line}: "),
        None => String::new(),
    };
    match delta {
        Delta::LayoutChanged { instruction } => {
            format!("{}written differently, meaning the same", at(instruction))
        }
        Delta::WordsAdded { instruction, words, .. } => {
            format!("{}a command gets `{}`", at(instruction), words.join(" "))
        }
        Delta::WordsRemoved { instruction, words, .. } => {
            format!("{}a command loses `{}`", at(instruction), words.join(" "))
        }
        Delta::WordReplaced { instruction, from, to, .. } => {
            format!("{}`{from}` becomes `{to}`", at(instruction))
        }
        Delta::CommandAdded { instruction, joiner, command, .. } => {
            format!("{}`{joiner} {command}` is run as well", at(instruction))
        }
        Delta::CommandRemoved { instruction, text, .. } => {
            format!("{}`{text}` is no longer run", at(instruction))
        }
        Delta::KeywordChanged { instruction, from, to } => {
            format!("{}{} becomes {}", at(instruction), from.as_str(), to.as_str())
        }
        Delta::FlagAdded { instruction, flag } => format!("{}gets the flag `{flag}`", at(instruction)),
        Delta::FlagRemoved { instruction, flag } => format!("{}loses the flag `{flag}`", at(instruction)),
        Delta::FormChanged { instruction, from, to } => {
            format!("{}the shell form `{from}` becomes the exec form {to:?}", at(instruction))
        }
        Delta::ArgumentsChanged { instruction, from, to } => {
            format!("{}`{from}` becomes `{to}`", at(instruction))
        }
        Delta::StepAdded { after, meaning, .. } => match after.as_ref().and_then(|after| line(*after)) {
            Some(line) => format!("behind line {line}: a new instruction, `{meaning}`"),
            None => format!("a new instruction, `{meaning}`"),
        },
        Delta::StepRemoved { instruction } => format!("{}the instruction is removed", at(instruction)),
        Delta::StepMoved { instruction, after, .. } => match after.as_ref().and_then(|after| line(*after)) {
            Some(line) => format!("{}the instruction moves behind line {line}", at(instruction)),
            None => format!("{}the instruction moves", at(instruction)),
        },
        Delta::StateChanged { field, old, new, instructions } => {
            let lines: Vec<_> = instructions
                .iter()
                .filter_map(|instruction| line(*instruction))
                .map(|l| l.to_string())
                .collect();
            let whom =
                if lines.is_empty() { String::new() } else { format!(" for lines {}", lines.join(", ")) };
            format!("the {field} is {new}, not {old}{whom}")
        }
        Delta::ConfigChanged { stage, field, old, new } => {
            let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
            format!("the image of stage {} has as {field} {}, not {}", stage + 1, said(new), said(old))
        }
        Delta::StageSplit { last, build, runtime, .. } => {
            let to = line(*last).map_or(String::new(), |line| format!(" down to line {line}"));
            format!("the steps{to} become the stage {build}, and a final stage starts from {runtime}")
        }
        Delta::VisibleFilesLost { instruction, before, kept } => format!(
            "{}sees {} of the {before} files of the context that it saw before",
            at(instruction),
            kept.len()
        ),
        Delta::FileCreated { path } => format!("{path} is created"),
        Delta::FileChanged { path } => format!("{path} is changed"),
        Delta::ContextFilesLost { count, bytes } => {
            format!("{count} files ({}) are no longer sent to the builder", size(*bytes))
        }
        // A delta of a newer engine; its name says what it is.
        other => format!("{other:?}"),
    }
}

/// Bytes as people say them.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let (mut value, mut unit) = (bytes / 100, 0);
    while value >= 10_000 && unit + 1 < UNITS.len() {
        value /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", value / 10, value % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_the_unit_that_fits() {
        for (bytes, said) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (812_345_678, "812.3 MB"),
            (3_000_000_000, "3.0 GB"),
        ] {
            assert_eq!(size(bytes), said);
        }
    }

    #[test]
    fn lines_are_named_where_they_are_known() {
        let delta = Delta::FlagAdded { instruction: 1, flag: "--link".to_owned() };
        assert_eq!(describe(&delta, &|index| Some(index + 2)), "line 3: gets the flag `--link`");
        assert_eq!(describe(&delta, &|_| None), "gets the flag `--link`");
    }
}
