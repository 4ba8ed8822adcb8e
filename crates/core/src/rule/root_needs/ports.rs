//! Ports that only root may open on some systems (H020).

use crate::model::Stage;
use crate::rule::{Refusal, Subject};

/// A port below 1024 (H020).
pub(super) fn refuse_low(
    subject: &Subject<'_>,
    stage: &Stage,
    commands: &[Vec<String>],
) -> Result<(), Refusal> {
    let refuse = |port: &str| {
        Err(Refusal::hazard("H020", format!("port {port} is one that only root may open on some systems")))
    };
    let lexer = crate::syntax::Lexer::new(subject.file().escape());
    for exposed in &stage.config.exposed {
        let Ok(expanded) = lexer.expand(exposed, &*stage.end) else {
            return Err(Refusal::hazard("H020", format!("it is not known which port {exposed} is")));
        };
        let number = expanded.text.split(['/', '-']).next().unwrap_or_default();
        if number.rsplit(':').next().is_some_and(is_low) || number.is_empty() {
            return refuse(&expanded.text);
        }
    }
    for (name, value) in &stage.config.env {
        let names_port = name.to_ascii_uppercase().contains("PORT") && is_low(value);
        if names_port || has_low_port(value) {
            return refuse(value);
        }
    }
    for word in commands.iter().flatten() {
        let number = word.rsplit('=').next().unwrap_or(word);
        if has_low_port(word) || is_low(number) && is_usual(number) || is_low(number) && word.contains("port")
        {
            return refuse(number);
        }
    }
    let old_aspnet = commands.iter().flatten().any(|word| is_library(word))
        && stage.facts.as_ref().is_some_and(|facts| facts.ready_user.is_none())
        && stage.config.exposed.is_empty()
        && !stage.config.env.keys().any(|name| name.contains("URLS"));
    if old_aspnet { refuse("80 of ASP.NET Core before .NET 8") } else { Ok(()) }
}

fn is_low(number: &str) -> bool {
    number.parse::<u32>().is_ok_and(|number| (1..1024).contains(&number))
}

/// Numbers below 1024 that stand for a port wherever they are read.
fn is_usual(number: &str) -> bool {
    const USUAL: [u32; 30] = [
        21, 22, 23, 25, 53, 67, 69, 80, 81, 82, 88, 110, 111, 123, 139, 143, 161, 389, 443, 444, 445, 465,
        514, 587, 631, 636, 873, 990, 993, 995,
    ];
    number.parse().is_ok_and(|number: u32| USUAL.contains(&number))
}

/// `0.0.0.0:80`, `http://+:80/`, `:443`.
fn has_low_port(text: &str) -> bool {
    text.split([';', ',', ' ', '"']).any(|part| {
        part.rsplit_once(':').is_some_and(|(_, tail)| {
            let digits = tail.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(tail.len());
            is_low(&tail[..digits]) && matches!(tail.get(digits..digits + 1), None | Some("/"))
        })
    })
}

/// `app.dll`, which `dotnet` starts.
pub(super) fn is_library(word: &str) -> bool {
    word.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("dll"))
}
