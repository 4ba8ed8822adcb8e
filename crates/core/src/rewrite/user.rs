//! What a rewrite of the user owes: that the user it names is the one that is given things, and that nothing which may need
//! root comes behind.
//!
//! The gate looks at this in the text after and in what it observed, apart from the rule, which may be wrong about both.

use super::gate::Rejected;
use crate::model::{BuildModel, Delta};
use crate::shell::{Script, Word};
use crate::syntax::Keyword;

/// Directories of the system, which nobody is given.
const SYSTEM: &[&str] = &[
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib64",
    "/media",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/lib",
    "/usr/sbin",
    "/usr/share",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/run",
    "/var/spool",
];

/// Holds the observed deltas of a rewrite of the user to that.
///
/// # Errors
/// [`Rejected`] when the new user is root, when a RUN stands behind its USER, when files or directories are given to
/// another, and when directories of the system are given to anybody.
pub(super) fn holds(before: &BuildModel, after: &BuildModel, observed: &[Delta]) -> Result<(), Rejected> {
    let users: Vec<(usize, &str)> = observed.iter().filter_map(changed_user).collect();
    for (stage, user) in &users {
        if is_root(user) {
            return rejected(format!("the image of stage {stage} would still run as root"));
        }
        let Some(stage) = after.stages().get(*stage) else { return rejected("a stage is gone") };
        let steps: Vec<Keyword> = after.stage_instructions(stage).map(|(_, step)| step.keyword).collect();
        let last = steps.iter().rposition(|keyword| *keyword == Keyword::User);
        let behind = last.and_then(|last| steps.get(last..)).unwrap_or_default();
        if last.is_none() || behind.contains(&Keyword::Run) {
            return rejected(format!("a RUN of stage {} stands behind its new USER", stage.index));
        }
    }
    for delta in observed {
        match delta {
            Delta::FlagAdded { instruction, flag } => {
                let Some(owner) = flag.strip_prefix("--chown=") else { continue };
                let stage = before.stage_of(*instruction).map(|stage| stage.index);
                if !users.iter().any(|(of, user)| Some(*of) == stage && *user == owner) {
                    return rejected(format!(
                        "instruction {instruction} gives files to {owner}, who is not the user"
                    ));
                }
            }
            Delta::StepAdded { after: Some(after), meaning, .. } => {
                let stage = before.stage_of(*after).map(|stage| stage.index);
                let user = users.iter().find(|(of, _)| Some(*of) == stage).map(|(_, user)| *user);
                gives_to(user, meaning)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn rejected<T>(reason: impl Into<String>) -> Result<T, Rejected> {
    Err(Rejected { reason: reason.into() })
}

fn changed_user(delta: &Delta) -> Option<(usize, &str)> {
    match delta {
        Delta::ConfigChanged { stage, field, new: Some(new), .. } if field == "user" => Some((*stage, new)),
        _ => None,
    }
}

fn is_root(user: &str) -> bool {
    matches!(user.split(':').next(), Some("root" | "0" | ""))
}

/// An added RUN gives things to the user alone, and nothing of the system.
fn gives_to(user: Option<&str>, meaning: &str) -> Result<(), Rejected> {
    let Some(text) = meaning.strip_prefix("RUN ") else { return Ok(()) };
    let script = Script::parse(text);
    if !script.is_readable() {
        return rejected("an added RUN cannot be read");
    }
    for simple in script.all_commands().filter(|simple| simple.name() == Some("chown")) {
        let mut words = simple.args().iter().filter_map(Word::value).filter(|word| !word.starts_with('-'));
        let owner = words.next();
        if owner.is_none() || owner != user {
            return rejected(format!("an added RUN gives directories to {}", owner.unwrap_or("nobody")));
        }
        if let Some(path) =
            words.find(|path| SYSTEM.contains(&path.trim_end_matches('/')) || !path.starts_with('/'))
        {
            return rejected(format!("an added RUN gives {path} away"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diff;

    const BEFORE: &str =
        "FROM node:22 AS build\nRUN a\nFROM node:22\nWORKDIR /app\nRUN b\nCOPY . .\nCMD [\"c\"]\n";

    fn passes(after: &str) -> bool {
        let (before, after) = (BuildModel::of(BEFORE), BuildModel::of(after));
        holds(&before, &after, &diff(&before, &after)).is_ok()
    }

    #[test]
    fn wrong_users_are_seen_whatever_is_declared() {
        let right = "FROM node:22 AS build\nRUN a\nFROM node:22\nWORKDIR /app\nRUN b\nRUN chown 1000:1000 /app\n\
                     COPY --chown=1000:1000 . .\nUSER 1000:1000\nCMD [\"c\"]\n";
        assert!(passes(right));
        for (from, to) in [
            ("COPY --chown=1000:1000", "COPY --chown=1001:1000"),
            ("RUN chown 1000:1000 /app", "RUN chown 33:33 /app"),
            ("RUN chown 1000:1000 /app", "RUN chown -R 1000:1000 /usr"),
            ("RUN chown 1000:1000 /app", "RUN chown -R 1000:1000 ."),
            ("USER 1000:1000", "USER 0:1000"),
            ("USER 1000:1000", "USER node"),
            ("RUN b\nRUN chown", "USER 1000:1000\nRUN b\nRUN chown"),
        ] {
            let wrong = right.replace(from, to);
            let wrong = if to.starts_with("USER 1000:1000\nRUN b") {
                wrong.replace(". .\nUSER 1000:1000", ". .")
            } else {
                wrong
            };
            assert!(!passes(&wrong), "{wrong}");
        }
        let in_builder = right.replace("USER 1000:1000\n", "").replace("RUN a\n", "RUN a\nUSER 1000:1000\n");
        assert!(!passes(&in_builder));
    }
}
