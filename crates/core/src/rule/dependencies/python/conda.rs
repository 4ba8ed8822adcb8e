//! conda, mamba and micromamba with an environment file.
//!
//! Sources: docs.conda.io/projects/conda/en/stable/commands (env create, env update, create, install),
//! the user guide of micromamba.

use crate::context::project::conda_reads;

use super::{Call, Command, Dependencies, First, Place, Refusal, locate};

/// `conda env create -f environment.yml`, `conda env update --file`, `micromamba install -f`, `conda create --file`.
pub(super) fn read(place: &Place<'_>, call: &Call<'_>) -> Command {
    let args = call.args();
    let verb = args.iter().position(|word| !word.starts_with('-'));
    let (is_env, verb) = match verb.map(|at| (args.get(at), args.get(at + 1))) {
        Some((Some(&"env"), Some(verb))) => (true, *verb),
        Some((Some(verb), _)) => (false, *verb),
        _ => return Command::NotMine,
    };
    if !matches!(verb, "create" | "update" | "install") {
        return Command::NotMine;
    }
    let mut named = files(args);
    if named.is_empty() && is_env && verb == "create" {
        named.push("environment.yml");
    }
    let Some(located) = named.first().and_then(|name| locate(place, name)) else { return Command::NotMine };
    let mut reads: Result<Vec<String>, Refusal> = Ok(Vec::new());
    for name in named.iter().filter(|name| !name.contains("://")) {
        let Some(file) = locate(place, name) else { continue };
        let is_list = [".txt", ".lock"].iter().any(|ending| file.path.ends_with(ending));
        let more = if is_list { Ok(vec![file.path]) } else { conda_reads(place.context.files(), &file.path) };
        match (&mut reads, more) {
            (Ok(known), Ok(more)) => known.extend(more),
            (Ok(_), Err(obstacle)) => reads = Err(obstacle.into()),
            (Err(_), _) => {}
        }
    }
    let prefix = args.iter().zip(args.iter().skip(1)).find(|(flag, _)| matches!(**flag, "-p" | "--prefix"));
    if let Some((_, prefix)) = prefix.filter(|(_, prefix)| super::is_in_the_way(place, prefix)) {
        let reason = format!("packages are installed into `{prefix}`, over which the source is copied");
        reads = Err(Refusal::hazard("H060", reason));
    }
    Command::Installs(Dependencies {
        project: located.project(),
        makes: &[],
        files: reads,
        first: First::Move,
        remarks: Vec::new(),
    })
}

/// The values of `-f` and `--file`.
fn files<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let next = args.iter().zip(args.iter().skip(1)).filter(|(flag, _)| matches!(**flag, "-f" | "--file"));
    let joined =
        args.iter().filter_map(|word| word.strip_prefix("--file=").or_else(|| word.strip_prefix("-f=")));
    next.map(|(_, file)| *file).chain(joined).collect()
}
