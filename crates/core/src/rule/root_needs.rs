//! Whether a container may need root, by everything that the file says about its stage.
//!
//! The answer is one-sided: a container that would break is never called plain, but many that would work are refused.

mod command;
mod ports;

use self::command::Command;
use super::exec_form::lineage;
use super::{Refusal, Subject, process};
use crate::knowledge::ProgramRole;
use crate::model::Stage;
use crate::shell::{Script, Simple};
use crate::syntax::{Instruction, Keyword};

/// Texts separated by `|`, the hazard that they stand for, and what is to be said about them.
type Signs = (&'static str, &'static str, &'static str);

/// Text of a RUN, ENV or COPY that speaks of something that only root can do or find.
const SIGNS: &[Signs] = &[
    ("gosu|su-exec|setpriv|fixuid|entrypoint-user", "H025", "a program that changes the user is installed"),
    ("supervisor|s6-overlay|runit", "H037", "a supervisor is installed, which starts as root"),
    ("nginx|apache2|httpd|vsftpd|install cron|cronie", "H037", "a daemon is installed that starts as root"),
    (
        "docker.sock|/dev/kvm|/dev/tty|/dev/ttyUSB|/dev/mem|/dev/snd|/dev/dri|/dev/net|/dev/video|/dev/fuse",
        "H038",
        "a device or socket of root's is used",
    ),
    (
        "setcap|mknod|CAP_|iptables|nftables|wireguard|openvpn|libpcap|tcpdump|nmap|libvirt|docker.io|docker-ce|get.docker.com",
        "H038",
        "the file deals with capabilities or devices",
    ),
    (
        "chmod 600|chmod 0600|chmod 400|chmod 0400|chmod 700|chmod 0700|chmod go-|chmod -R 700|chmod -R 600|chmod u=|umask 077",
        "H038",
        "some files can be read by root alone",
    ),
    (
        "rustup|nvm-sh|nvm install|get.rvm.io|rvm install|rbenv|pyenv|sdkman|ghcup|install-poetry|get-poetry|install.python-poetry|pipx |pipenv |bun.sh/install|astral.sh/uv|uv python|install.meteor|mix local|stack setup|stack install|cabal |opam |volta|fnm install|get.sdkman|conda init|nodenv|asdf",
        "H028",
        "a tool is installed into root's home",
    ),
    (
        "migrate|init db|initdb|init-db|createdb|create_db|sqlite3 |syncdb|db upgrade|db:create|db:setup",
        "H021",
        "a database is made in the image, and it belongs to root",
    ),
    (
        "jupyter|ipython|notebook",
        "H028",
        "notebooks keep their settings in the home of the user that they were set up for",
    ),
    (
        "playwright install|puppeteer|nltk|huggingface|from_pretrained|spacy download|gitbook|go run|julia|R CMD|cypress",
        "H073",
        "something is downloaded into root's home",
    ),
];

/// Parts of a path that say that a program writes there.
const WRITTEN: &[&str] = &[
    "log",
    "logs",
    "data",
    "db",
    "database",
    "upload",
    "uploads",
    "media",
    "cache",
    "storage",
    "run",
    "backup",
    "backups",
    "output",
    "out",
    "results",
    "spool",
    "lib",
    "sessions",
    "pids",
    "sockets",
    "downloads",
];

/// Why a container of the stage may need root; `Ok` for a plain case.
pub(crate) fn refuse_unless_plain(subject: &Subject<'_>, stage: &Stage) -> Result<(), Refusal> {
    let refuse = |hazard: &'static str, why: &str| Err(Refusal::hazard(hazard, why));
    if is_workshop(subject.path) {
        return refuse("H040", "the file's path says that it is for building or for developing in");
    }
    if !subject.model.children(stage.index).is_empty() {
        return refuse("H155", "another stage is built on this one");
    }
    if !stage.config.triggers.is_empty() {
        return refuse("H039", "the ONBUILD instructions would run as that user");
    }
    let facts = stage.facts.as_deref();
    if facts.and_then(|facts| facts.drops_privileges) == Some(true) {
        return refuse("H037", "what the base image starts begins as root and changes the user by itself");
    }
    let started = process::started(subject, stage);
    let commands = started.as_deref().unwrap_or_default();
    if let Some(refusal) = commands.iter().find_map(|words| role(subject, words)) {
        return Err(refusal);
    }
    ports::refuse_low(subject, stage, commands)?;
    if !stage.config.volumes.is_empty() {
        return refuse("H026", "a volume keeps the owner that it has, and the program may write there");
    }
    let lineage = lineage(subject.model, stage);
    for (index, instruction) in &lineage {
        step(subject, *index, instruction)?;
    }
    paths_of_config(stage)?;
    let commands = started?;
    let [words] = commands.as_slice() else {
        return refuse("H025", "the container starts more than one program");
    };
    Command { subject, stage, lineage: &lineage, words }.refuse_unless_plain()
}

/// A devcontainer, or an image for continuous integration (H040).
fn is_workshop(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let parts = path.split(['/', '\\']);
    let is_word = |word: &str| {
        matches!(
            word,
            "ci" | "build" | "builder" | "devcontainer" | "toolchain" | "cross" | "jenkins" | "dev" | "test"
        )
    };
    parts.into_iter().any(|part| {
        matches!(part, ".devcontainer" | ".circleci" | ".ci" | ".gitlab" | ".github" | ".buildkite" | "ci")
            || part.contains("dockerfile") && part.split(['.', '-', '_']).any(is_word)
    })
}

fn role(subject: &Subject<'_>, words: &[String]) -> Option<Refusal> {
    words.iter().take(3).find_map(|word| {
        let name = word.rsplit('/').next().unwrap_or(word);
        let role = subject.knowledge.program_role(word).filter(|role| role.expects_root())?;
        let hazard = if role == ProgramRole::Switcher { "H025" } else { "H037" };
        // An argument may have the name of a program by chance, but that is no plain case either.
        Some(Refusal::hazard(hazard, format!("`{name}` starts as root and changes the user by itself")))
    })
}

/// What one instruction says about needs of root.
fn step(subject: &Subject<'_>, index: usize, instruction: &Instruction) -> Result<(), Refusal> {
    let refuse = |hazard: &'static str, why: &str| Err(Refusal::hazard(hazard, why));
    let text = instruction.arguments_text();
    match instruction.keyword {
        Keyword::Run => return run(subject, index, instruction),
        Keyword::Copy | Keyword::Add => {
            let target = instruction.value_texts().last().unwrap_or_default();
            if is_in_root_home(target) {
                return refuse("H028", "files are copied into root's home, which nobody else may enter");
            }
            if instruction.flag("chmod").is_some() {
                return refuse("H038", "the files' mode is set, and may keep other users out");
            }
            let owner = instruction.flag("chown").and_then(|flag| flag.value());
            if owner.is_some_and(|owner| !matches!(owner.split(':').next(), Some("root" | "0"))) {
                return refuse("H021", "files are given to a user that the stage does not switch to");
            }
            if instruction.value_texts().any(|path| subject.knowledge.is_secret_file(path)) {
                return refuse("H038", "a file with a secret may be readable by root alone");
            }
        }
        Keyword::Workdir | Keyword::Env if is_in_root_home(text) || text.contains("/root") => {
            return refuse("H028", "root's home is where the program lives, and nobody else may enter it");
        }
        Keyword::Workdir | Keyword::Env => {}
        _ => return Ok(()),
    }
    signs(text)
}

fn signs(text: &str) -> Result<(), Refusal> {
    for (words, hazard, why) in SIGNS {
        if words.split('|').any(|word| text.contains(word)) {
            return Err(Refusal::hazard(hazard, *why));
        }
    }
    Ok(())
}

fn is_in_root_home(path: &str) -> bool {
    let path = path.trim_matches('"');
    path == "~"
        || path.starts_with("~/")
        || path.starts_with("$HOME")
        || path.starts_with("${HOME}")
        || path == "/root"
        || path.starts_with("/root/")
}

fn run(subject: &Subject<'_>, index: usize, instruction: &Instruction) -> Result<(), Refusal> {
    let file = subject.file().text();
    let mut text = instruction.arguments_text().to_owned();
    for heredoc in &instruction.heredocs {
        text.push('\n');
        text.push_str(heredoc.body.of(file));
    }
    if text.split(|letter: char| !letter.is_alphanumeric() && letter != '-').any(|word| word == "sudo") {
        return Err(Refusal::hazard("H036", "the stage uses sudo"));
    }
    signs(&text)?;
    let words = ["useradd", "adduser", "groupadd", "addgroup", "usermod", "chown"];
    if let Some(word) = words.iter().find(|word| text.contains(*word)) {
        let why =
            format!("`{word}`: the stage has users of its own, and which of them is meant cannot be told");
        return Err(Refusal::hazard("H034", why));
    }
    let mentions_home =
        text.contains("/root") || text.contains('~') || text.contains("HOME") || text.contains("--user");
    let writes = text.contains("mkdir") || text.contains("touch");
    if !mentions_home && !writes {
        return Ok(());
    }
    let of_home =
        || Refusal::hazard("H028", "something is put into root's home, which nobody else may enter");
    let shell;
    let script = if let Some(text) = subject.model.shell_text(index) {
        &text.script
    } else {
        shell = Script::parse(&text);
        &shell
    };
    if !script.is_readable() {
        return if mentions_home { Err(of_home()) } else { Ok(()) };
    }
    let is_removal = |simple: &Simple| matches!(simple.name(), Some("rm"));
    for simple in script.all_commands().filter(|simple| !is_removal(simple)) {
        let assigned = simple.assignments.iter().map(|assignment| &assignment.value);
        let redirected = simple.redirects.iter().map(|redirect| &redirect.target);
        for word in simple.words.iter().chain(assigned).chain(redirected) {
            let written = word.raw();
            let mentions = word.has_tilde
                || written.contains("/root")
                || written.contains("$HOME")
                || written.contains("${HOME")
                || written.contains("~/")
                || written == "--user";
            if mentions {
                return Err(of_home());
            }
        }
        if matches!(simple.name(), Some("mkdir" | "touch" | "install")) {
            let is_written = |path: &str| path.split('/').any(|part| WRITTEN.contains(&part));
            if simple.args().iter().any(|word| is_written(word.raw())) {
                let why = "a directory is made that the program seems to write to, and it belongs to root";
                return Err(Refusal::hazard("H021", why));
            }
        }
    }
    Ok(())
}

/// Paths that the environment and the working directory name.
fn paths_of_config(stage: &Stage) -> Result<(), Refusal> {
    let workdir = stage.config.workdir.value().map(String::as_str).unwrap_or_default();
    if is_in_root_home(workdir) {
        return Err(Refusal::hazard(
            "H028",
            "the working directory is root's home, which nobody else may enter",
        ));
    }
    let is_written = |name: &str, value: &str| {
        let name = name.to_ascii_uppercase();
        let says_so = [
            "DATA", "LOG", "UPLOAD", "STORAGE", "CACHE", "DB", "SQLITE", "OUTPUT", "MEDIA", "DIR", "STATE",
            "STORE", "FILE",
        ];
        let is_code = value.trim_end_matches('/') == workdir;
        value.starts_with('/')
            && !is_code
            && (says_so.iter().any(|word| name.contains(word)) || name == "HOME")
            || value.contains("sqlite:")
    };
    if stage.config.env.iter().any(|(name, value)| is_written(name, value)) {
        let why = "a variable names a path that the program seems to write to, and it belongs to root";
        return Err(Refusal::hazard("H021", why));
    }
    Ok(())
}
