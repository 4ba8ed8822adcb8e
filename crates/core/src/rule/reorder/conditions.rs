//! On which conditions an installation comes before the source.

use std::collections::HashSet;

use crate::context::join;
use crate::rule::dependencies::{Reads, reads};
use crate::rule::{Refusal, Subject};
use crate::syntax::{Instruction, Keyword};

use super::Found;

/// What the installation reads, when everything that the fix asks for holds.
pub(crate) fn conditions(subject: &Subject<'_>, found: &Found) -> Result<Vec<String>, Refusal> {
    let files = found.install.files.clone()?;
    let copy = subject.model.instruction(found.copy.index).ok_or_else(changed)?;
    between(subject, found, copy)?;
    if let Some(flag) = copy.flags.iter().find(|flag| !matches!(flag.name(), "chown" | "chmod" | "link")) {
        return Err(Refusal::because(format!("the COPY has the flag `{}`", flag.text)));
    }
    let target = copy.values.last().map(|value| value.text.as_str()).unwrap_or_default();
    if !is_plain(target, "$") {
        return Err(Refusal::because("the target of the COPY is quoted"));
    }
    for path in &files {
        if !is_plain(path, "") {
            return Err(Refusal::because(format!("the name of `{path}` would have to be quoted")));
        }
        if found.copy.from != *"" && !path.starts_with(&format!("{}/", found.copy.from)) {
            let reason = format!("the install reads `{path}`, which this COPY does not bring");
            return Err(Refusal::hazard("H047", reason));
        }
    }
    let sent =
        subject.context.sent().ok_or_else(|| Refusal::because("the build context cannot be listed"))?;
    let sent: HashSet<&str> = sent.iter().map(|found| found.path.as_str()).collect();
    let is_sent = |path: &str| sent.contains(path);
    if let Some(path) = files.iter().find(|path| !is_sent(path)) {
        return Err(Refusal::hazard("H064", format!("the ignore file keeps `{path}` out of the context")));
    }
    let in_the_way =
        found.install.makes.iter().map(|name| join(&found.install.project, name)).find(|path| is_sent(path));
    if let Some(path) = in_the_way {
        let reason = format!(
            "`{path}` of the context would be copied over what was installed; `dockmend rewrite ignore order` keeps it out first"
        );
        return Err(Refusal::hazard("H060", reason));
    }
    Ok(files)
}

/// What stands between the COPY and the installation may not mind which of the two comes first.
fn between(subject: &Subject<'_>, found: &Found, copy: &Instruction) -> Result<(), Refusal> {
    let model = subject.model;
    let has_variable = copy.logical.slice(crate::syntax::Span::new(0, copy.arguments.end)).contains('$');
    let is_absolute = copy.values.last().is_some_and(|target| target.text.starts_with('/'));
    let stands_alone = is_absolute && copy.flags.is_empty();
    for index in found.copy.index + 1..found.run {
        let Some(instruction) = model.instruction(index) else { return Err(changed()) };
        let passes = match instruction.keyword {
            Keyword::Label
            | Keyword::Expose
            | Keyword::Cmd
            | Keyword::Entrypoint
            | Keyword::Healthcheck
            | Keyword::Stopsignal
            | Keyword::Maintainer => true,
            Keyword::Env | Keyword::Arg if has_variable => {
                return Err(Refusal::hazard(
                    "H062",
                    format!("the COPY uses a variable, and {} stands below it", instruction.keyword),
                ));
            }
            Keyword::Env | Keyword::Arg => true,
            // It makes the directory as the COPY would have made it, and the COPY does not start from it.
            Keyword::Workdir => stands_alone && !has_variable,
            Keyword::Run => {
                matches!(
                    reads(subject.context, model, index, &|path| found.copy.locate(path)),
                    Reads::Nothing
                )
            }
            _ => false,
        };
        if !passes {
            return Err(Refusal::hazard(
                "H063",
                format!(
                    "line {} between the COPY and the install may need the source",
                    instruction.lines.start()
                ),
            ));
        }
    }
    Ok(())
}

pub(super) fn changed() -> Refusal {
    Refusal::because("the text has changed")
}

/// Whether a path can stand in a COPY as it is: no blank, quote, wildcard or escape.
fn is_plain(path: &str, also: &str) -> bool {
    let is_plain = |c: char| {
        c.is_alphanumeric()
            || "-_./@+~=,".contains(c)
            || also.contains(c)
            || (also == "$" && "{}".contains(c))
    };
    !path.is_empty() && !path.starts_with('-') && path.chars().all(is_plain)
}
