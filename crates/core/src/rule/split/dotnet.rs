//! .NET: the SDK builds, and the runtime of ASP.NET Core or of .NET runs.
//!
//! Source: learn.microsoft.com/dotnet/core/docker/build-container and the READMEs of github.com/dotnet/dotnet-docker.

use super::compiled;
use super::steps::{Command, Effect};
use super::{BuildStage, Runtime, Stack, demands, is_at_or_below};
use crate::context::project::{DotNetProject, Tree};
use crate::knowledge::Family;
use crate::rule::Refusal;
use crate::syntax::Keyword;

pub(super) static STACK: Stack = Stack { words: &["dotnet"], effect, saves, runtime };

fn effect(command: &Command<'_>) -> Option<Effect> {
    if command.program() != "dotnet" {
        return None;
    }
    Some(match command.verb() {
        "restore" | "build" | "publish" | "clean" | "pack" | "msbuild" | "test" => {
            Effect::Builds { inside: true }
        }
        "tool" if command.has(&["restore", "run"]) => Effect::Builds { inside: true },
        "tool" => Effect::Tools,
        "" if command.has(&["--version", "--info"]) => Effect::Nothing,
        _ => Effect::Unknown,
    })
}

fn saves(stage: &BuildStage<'_>) -> bool {
    stage.image.ends_with("/sdk")
}

fn runtime(stage: &BuildStage<'_>) -> Result<Runtime, Refusal> {
    let runtimes = compiled::runtimes(stage)?;
    let workdir = compiled::workdir(stage)?;
    compiled::user(stage, &["app"])?;
    let started = demands::started_by(stage)?;
    starts_what_was_built(&started)?;
    let packages = compiled::packages(stage, &started, &["dotnet"])?;
    let is_web = needs_web(stage);
    let base =
        runtimes.iter().find(|image| is_web || image.contains("/runtime:")).cloned().unwrap_or_default();
    listens_alike(stage, is_web)?;
    formats_alike(stage)?;
    let outputs = outputs(stage)?;
    let is_left =
        |directory: &String| !outputs.is_empty() && !is_looked_at(stage, &started, &workdir, directory);
    let mut copies: Vec<String> =
        stage.directories.iter().filter(|directory| !is_left(directory)).cloned().collect();
    let further: Vec<String> =
        outputs.into_iter().filter(|path| !copies.iter().any(|copy| is_at_or_below(path, copy))).collect();
    copies.extend(further);
    let has_source = stage.directories.iter().any(|directory| copies.contains(directory));
    let mut remarks = Vec::new();
    if has_source {
        remarks.push(
            "The whole directory comes over, the source included: the program starts in it, and may read its settings there.".to_owned(),
        );
    }
    Ok(Runtime {
        copies,
        packages,
        left_behind: vec![format!("the SDK and what the build fetched ({base} runs the program)")],
        base,
        remarks,
        ..Runtime::default()
    })
}

/// `dotnet App.dll`, not `dotnet run` and its like (H075).
fn starts_what_was_built(started: &demands::Started) -> Result<(), Refusal> {
    for words in &started.commands {
        let at = words.iter().position(|word| word.rsplit('/').next() == Some("dotnet"));
        let Some(next) = at.and_then(|at| words.get(at + 1)) else { continue };
        let is_program = next.strip_suffix(".dll").is_some() || next.starts_with('$') || next == "exec";
        if !is_program {
            return Err(Refusal::hazard("H075", format!("`dotnet {next}` is run when a container starts")));
        }
    }
    Ok(())
}

/// Whether the program may need ASP.NET Core: everything may but a console program without packages and references.
fn needs_web(stage: &BuildStage<'_>) -> bool {
    let Ok(files) = stage.files() else { return true };
    let tree = Tree::new(stage.subject.context.files(), &|_| true);
    let ends = |path: &&String| [".csproj", ".fsproj", ".vbproj"].iter().any(|ending| path.ends_with(ending));
    let mut projects = files.values().filter(ends).peekable();
    if projects.peek().is_none() {
        return true;
    }
    projects.any(|path| match DotNetProject::read(tree, path) {
        Ok(project) => {
            project.sdk.as_deref() != Some("Microsoft.NET.Sdk")
                || !project.packages.is_empty()
                || !project.frameworks.is_empty()
        }
        Err(_) => true,
    })
}

/// The SDK's image empties the variable that says where to listen, and the runtime's image sets it: 8080 since .NET 8, 80 before.
/// Where nothing in the project says it, the program listened on port 5000 of its own host.
fn listens_alike(stage: &BuildStage<'_>, is_web: bool) -> Result<(), Refusal> {
    if !is_web {
        return Ok(());
    }
    let text = stage.subject.file().text();
    let says = ["ASPNETCORE_URLS", "ASPNETCORE_HTTP_PORTS", "DOTNET_URLS", "--urls"]
        .iter()
        .any(|name| text.contains(name));
    let in_code = || {
        compiled::mentions(
            stage,
            &[".cs", ".json"],
            &["UseUrls", "Kestrel", "\"Urls\"", "\"urls\"", ".Urls.Add"],
        )
    };
    if says || in_code().is_some() || !text.contains("5000") {
        return Ok(());
    }
    Err(Refusal::hazard(
        "H076",
        "the runtime image listens on another port than the SDK's, and the file counts on 5000",
    ))
}

/// Alpine's runtime images come without the data for languages, and say so in a variable; the SDK's have it (H070).
fn formats_alike(stage: &BuildStage<'_>) -> Result<(), Refusal> {
    let is_alpine = stage.facts.family == Some(Family::Alpine);
    let is_said = stage.subject.file().text().contains("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT")
        || compiled::mentions(stage, &[".csproj", ".props"], &["<InvariantGlobalization>true"]).is_some();
    if is_alpine && !is_said {
        return Err(Refusal::hazard(
            "H070",
            "the runtime image of Alpine has no data for languages, and the SDK's has",
        ));
    }
    Ok(())
}

/// The directories that are named as output, absolute.
fn outputs(stage: &BuildStage<'_>) -> Result<Vec<String>, Refusal> {
    let mut outputs = Vec::new();
    for command in stage.commands().filter(|command| command.program() == "dotnet") {
        let named = command.words.iter().enumerate().find_map(|(at, word)| match *word {
            "-o" | "--output" => command.words.get(at + 1).copied(),
            word => word.strip_prefix("--output=").or_else(|| word.strip_prefix("-o:")),
        });
        let Some(named) = named else { continue };
        let unknown = || Refusal::hazard("H074", format!("it is not known where `{named}` is"));
        let path = command.path(named).ok_or_else(unknown)?;
        if command.verb() == "publish" || !stage.is_inside(&path) {
            outputs.push(path);
        }
    }
    outputs.sort();
    outputs.dedup();
    Ok(outputs)
}

/// Whether a container may look for a directory: it starts in it, or something that it is told lies there.
fn is_looked_at(stage: &BuildStage<'_>, started: &demands::Started, workdir: &str, directory: &str) -> bool {
    let says_so = stage.model().stage_instructions(stage.stage).any(|(_, step)| {
        matches!(step.keyword, Keyword::Env | Keyword::Volume | Keyword::Healthcheck)
            && step.arguments_text().contains(directory)
    });
    is_at_or_below(workdir, directory)
        || started.commands.iter().flatten().any(|word| word.contains(directory))
        || says_so
}
