//! Ports that only root may open on some systems (H020).

use super::judge::is_library;
use crate::model::Stage;
use crate::rule::Subject;

/// A port below 1024 that the stage names, the first that is found.
pub(super) fn low(subject: &Subject<'_>, stage: &Stage, words: &[String]) -> Option<String> {
    let lexer = crate::syntax::Lexer::new(subject.file().escape());
    for exposed in &stage.config.exposed {
        // A port that is not known may be any; that is for whoever sets it.
        let Ok(expanded) = lexer.expand(exposed, &*stage.end) else { continue };
        let number = expanded.text.split(['/', '-']).next().unwrap_or_default();
        if number.rsplit(':').next().is_some_and(is_low) {
            return Some(number.to_owned());
        }
    }
    for (name, value) in &stage.config.env {
        if name.to_ascii_uppercase().contains("PORT") && is_low(value) {
            return Some(value.clone());
        }
        if let Some(port) = low_port_in(value) {
            return Some(port);
        }
    }
    for word in words.iter().flat_map(|word| word.split_whitespace()) {
        let number = word.rsplit('=').next().unwrap_or(word);
        if is_low(number) && (is_usual(number) || word.contains("port")) {
            return Some(number.to_owned());
        }
        if let Some(port) = low_port_in(word) {
            return Some(port);
        }
    }
    let old_aspnet = words.iter().any(|word| is_library(word))
        && stage.facts.as_ref().is_some_and(|facts| facts.ready_user.is_none())
        && stage.config.exposed.is_empty()
        && !stage.config.env.keys().any(|name| name.contains("URLS"));
    old_aspnet.then(|| "80, which ASP.NET Core opens before .NET 8,".to_owned())
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
fn low_port_in(text: &str) -> Option<String> {
    text.split([';', ',', ' ', '"']).find_map(|part| {
        let (_, tail) = part.rsplit_once(':')?;
        let digits = tail.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(tail.len());
        let is_port = is_low(&tail[..digits]) && matches!(tail.get(digits..digits + 1), None | Some("/"));
        is_port.then(|| tail[..digits].to_owned())
    })
}
