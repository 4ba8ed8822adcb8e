//! What the instructions of a stage say about needs of root, and about what the program writes to.

use super::files::{expanded, place};
use super::paths::{WRITTEN, absolute, directory_for, is_free, is_givable, is_in, is_in_root_home};
use super::{Needs, Survey};
use crate::rule::Refusal;
use crate::shell::{Script, Simple, Word};
use crate::syntax::{Instruction, Keyword};

/// Texts separated by `|`, the hazard that they stand for, and what is to be said about them.
type Signs = (&'static str, &'static str, &'static str);

/// Text of a RUN, ENV or COPY that speaks of something that only root can do or find.
const SIGNS: &[Signs] = &[
    ("gosu|su-exec|setpriv|fixuid|entrypoint-user", "H025", "a program that changes the user is installed"),
    ("supervisor|s6-overlay|runit", "H037", "a supervisor is installed, which starts as root"),
    ("vsftpd|install cron|cronie", "H037", "a daemon is installed that starts as root"),
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
        "jupyter|ipython|notebook",
        "H028",
        "notebooks keep their settings in the home of the user that they were set up for",
    ),
];

/// Tools that install themselves into root's home: how they are installed, the variable that says where instead, and
/// the name of their program.
const HOME_TOOLS: &[Signs] = &[
    ("rustup", "RUSTUP_HOME|CARGO_HOME", "cargo"),
    ("nvm-sh|nvm install", "NVM_DIR", "node|npm|npx|yarn|pnpm"),
    ("get.rvm.io|rvm install|rbenv", "RBENV_ROOT", "ruby|bundle|rails|rake|puma|rackup"),
    ("pyenv", "PYENV_ROOT", "python|python3|pip|gunicorn|uvicorn|flask|celery"),
    ("sdkman", "SDKMAN_DIR", "java|mvn|gradle|sbt|kotlin|scala"),
    ("install-poetry|get-poetry|install.python-poetry", "POETRY_HOME", "poetry"),
    ("pipx ", "PIPX_HOME|PIPX_BIN_DIR", "poetry|pipenv|uv|gunicorn|uvicorn|flask"),
    ("bun.sh/install", "BUN_INSTALL", "bun|bunx"),
    ("astral.sh/uv", "UV_INSTALL_DIR|UV_UNMANAGED_INSTALL", "uv|uvx"),
    ("uv python install", "UV_PYTHON_INSTALL_DIR", ""),
    ("volta|fnm install|nodenv|asdf", "VOLTA_HOME|FNM_DIR|ASDF_DATA_DIR", "node|npm|npx|yarn|pnpm"),
    ("ghcup|stack setup|stack install|cabal |opam |install.meteor|mix local|conda init", "MIX_HOME", ""),
];

/// What is downloaded into root's home, and the variable or flag that says where instead (H073).
const HOME_CACHES: &[(&str, &str)] = &[
    ("playwright install", "PLAYWRIGHT_BROWSERS_PATH"),
    ("puppeteer", "PUPPETEER_CACHE_DIR|PUPPETEER_EXECUTABLE_PATH|PUPPETEER_SKIP"),
    ("nltk.download", "NLTK_DATA|download_dir| -d "),
    (
        "huggingface|from_pretrained|SentenceTransformer(|from transformers|import transformers|snapshot_download",
        "HF_HOME|TRANSFORMERS_CACHE|HF_HUB_CACHE|SENTENCE_TRANSFORMERS_HOME|--local-dir|local_dir",
    ),
    ("whisper.load_model|torch.hub|torchvision.models|easyocr", "TORCH_HOME|XDG_CACHE_HOME|download_root"),
    ("gitbook", "XDG_CACHE_HOME"),
    ("julia", "JULIA_DEPOT_PATH"),
    ("R CMD", "R_LIBS"),
    ("cypress", "CYPRESS_CACHE_FOLDER"),
];

/// Words of commands that make a database.
const DATABASE: &[&str] = &[
    "migrate",
    "init db",
    "initdb",
    "init-db",
    "createdb",
    "create_db",
    "sqlite3",
    "syncdb",
    "db upgrade",
    "db:create",
    "db:setup",
];

/// What the instructions say.
pub(super) fn survey(survey: &Survey<'_>, needs: &mut Needs) -> Result<(), Refusal> {
    for (index, instruction) in &survey.lineage {
        step(survey, *index, instruction, needs)?;
    }
    configured(survey, needs)
}

fn refuse<T>(hazard: &'static str, why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::hazard(hazard, why))
}

fn step(
    survey: &Survey<'_>,
    index: usize,
    instruction: &Instruction,
    needs: &mut Needs,
) -> Result<(), Refusal> {
    let text = instruction.arguments_text();
    match instruction.keyword {
        Keyword::Run => return run(survey, index, instruction, needs),
        Keyword::Copy | Keyword::Add => copy(survey, index, instruction, needs)?,
        Keyword::Workdir | Keyword::Env if is_in_root_home(text) || text.contains("/root") => {
            return refuse("H028", "root's home is where the program lives, and nobody else may enter it");
        }
        Keyword::Workdir | Keyword::Env => {}
        _ => return Ok(()),
    }
    signs(text)
}

fn signs(text: &str) -> Result<(), Refusal> {
    match SIGNS.iter().find(|(words, ..)| words.split('|').any(|word| text.contains(word))) {
        Some((_, hazard, why)) => refuse(hazard, *why),
        None => Ok(()),
    }
}

fn copy(
    survey: &Survey<'_>,
    index: usize,
    instruction: &Instruction,
    needs: &mut Needs,
) -> Result<(), Refusal> {
    let target = instruction.value_texts().last().unwrap_or_default();
    if is_in_root_home(target) {
        return refuse("H028", "files are copied into root's home, which nobody else may enter");
    }
    if let Some(owner) = instruction.flag("chown").and_then(|flag| flag.value())
        && !matches!(owner.split(':').next(), Some("root" | "0"))
        && !survey.run_as.is_called(owner)
    {
        return refuse("H021", "files are given to a user that the stage does not switch to");
    }
    let mode = instruction.flag("chmod").and_then(|flag| flag.value());
    let is_secret = instruction.value_texts().any(|path| survey.subject.knowledge.is_secret_file(path));
    if is_secret || mode.is_some_and(keeps_others_out) {
        // Whoever may read it alone is to be the user.
        needs.copies.insert(index);
        if !survey.can_give(index) {
            return refuse("H038", "a file that root alone may read is copied from below the stage");
        }
    }
    Ok(())
}

/// Whether a mode of `chmod` leaves others without the right to read, or to enter directories and start programs.
fn keeps_others_out(mode: &str) -> bool {
    if let Ok(number) = u32::from_str_radix(mode.trim_start_matches("0o"), 8) {
        let (owner, others) = (number >> 6 & 7, number & 7);
        return others & 4 == 0 || (owner & 1 == 1 && others & 1 == 0);
    }
    mode.split(',').any(|part| {
        let (who, _) = part.split_at(part.find(['+', '-', '=']).unwrap_or(0));
        let takes = part.contains('-') && (who.is_empty() || who.contains(['o', 'a']));
        let grants_owner_alone = matches!(who, "u" | "ug" | "gu");
        takes || (grants_owner_alone && part.contains('x'))
    })
}

fn run(
    survey: &Survey<'_>,
    index: usize,
    instruction: &Instruction,
    needs: &mut Needs,
) -> Result<(), Refusal> {
    let file = survey.subject.file().text();
    let mut text = instruction.arguments_text().to_owned();
    for heredoc in &instruction.heredocs {
        text.push('\n');
        text.push_str(heredoc.body.of(file));
    }
    if text.split(|letter: char| !letter.is_alphanumeric() && letter != '-').any(|word| word == "sudo") {
        return refuse("H036", "the stage uses sudo");
    }
    signs(&text)?;
    homes(survey, &text)?;
    // What a script of the context downloads, it downloads to the same place.
    for word in text.split_whitespace().filter(|word| matches!(word.rsplit('.').next(), Some("py" | "sh"))) {
        let path = place(survey.subject, index, word);
        if let Some(script) = path.and_then(|path| survey.text_of(&path)) {
            caches(survey, &script)?;
        }
    }
    let makes = ["useradd", "adduser", "groupadd", "addgroup", "usermod"];
    if let Some(word) = makes.iter().find(|word| text.contains(*word)) {
        let why =
            format!("`{word}`: the stage has users of its own, and which of them is meant cannot be told");
        return refuse("H034", why);
    }
    let mentions_home =
        text.contains("/root") || text.contains('~') || text.contains("HOME") || text.contains("--user");
    let concerns = ["mkdir", "touch", "chmod", "chown", "umask", "install -d"]
        .iter()
        .chain(DATABASE)
        .any(|word| text.contains(word));
    if !mentions_home && !concerns {
        return Ok(());
    }
    let shell;
    let script = if let Some(text) = survey.subject.model.shell_text(index) {
        &text.script
    } else {
        shell = Script::parse(&text);
        &shell
    };
    if !script.is_readable() {
        if mentions_home {
            return refuse("H028", "something is put into root's home, which nobody else may enter");
        }
        let secret = ["chmod 600", "chmod 0600", "chmod 700", "chmod 400", "chmod go-", "umask 077", "chown"];
        return match secret.iter().find(|sign| text.contains(*sign)) {
            Some(_) => refuse("H038", "some files may be for root alone"),
            None => Ok(()),
        };
    }
    let is_removal = |simple: &Simple| matches!(simple.name(), Some("rm"));
    for simple in script.all_commands().filter(|simple| !is_removal(simple)) {
        mentions_root_home(simple)?;
        if makes_database(simple) && survey.may_use_sqlite() {
            return refuse("H021", "a database is made in the image, and it belongs to root");
        }
        match simple.name().map(|name| name.rsplit('/').next().unwrap_or(name)) {
            Some("mkdir" | "touch" | "install") => made(survey, index, simple, needs),
            Some("chmod") => chmod(survey, index, simple, needs)?,
            Some("chown" | "chgrp") => chown(survey, simple)?,
            Some("umask") => return refuse("H038", "files are made for root alone"),
            _ => {}
        }
    }
    for simple in script.all_commands().filter(|simple| is_removal(simple)) {
        for word in simple.args() {
            if let Some(path) = word.value().and_then(|word| place(survey.subject, index, word)) {
                needs.dirs.retain(|directory| !is_in(directory, &path));
            }
        }
    }
    Ok(())
}

fn makes_database(simple: &Simple) -> bool {
    let name = simple.name().map(|name| name.rsplit('/').next().unwrap_or(name)).unwrap_or_default();
    let is_installer = matches!(
        name,
        "apt-get"
            | "apt"
            | "apk"
            | "yum"
            | "dnf"
            | "microdnf"
            | "curl"
            | "wget"
            | "git"
            | "pip"
            | "pip3"
            | "mkdir"
            | "rm"
    );
    let words: Vec<&str> = simple.words.iter().map(Word::raw).collect();
    let text = words.join(" ");
    !is_installer && !text.contains("install") && DATABASE.iter().any(|sign| text.contains(sign))
}

fn mentions_root_home(simple: &Simple) -> Result<(), Refusal> {
    let assigned = simple.assignments.iter().map(|assignment| &assignment.value);
    let redirected = simple.redirects.iter().map(|redirect| &redirect.target);
    let is_pip = simple.words.iter().any(|word| word.raw().contains("pip"));
    let mentions = |word: &Word| {
        let written = word.raw();
        word.has_tilde
            || written.contains("/root")
            || written.contains("$HOME")
            || written.contains("${HOME")
            || written.contains("~/")
            || (is_pip && written == "--user")
    };
    if simple.words.iter().chain(assigned).chain(redirected).any(mentions) {
        return refuse("H028", "something is put into root's home, which nobody else may enter");
    }
    Ok(())
}

/// Tools and caches in root's home, unless a variable says that they are elsewhere.
fn homes(survey: &Survey<'_>, text: &str) -> Result<(), Refusal> {
    let env = &survey.stage.config.env;
    let is_set = |names: &str| {
        names.split('|').any(|name| {
            text.contains(name)
                || env.iter().any(|(key, value)| key.starts_with(name) && !value.contains("/root"))
        })
    };
    let has = |words: &str| words.split('|').any(|word| text.contains(word));
    for (words, variables, programs) in HOME_TOOLS {
        // Where nothing of it is started, it has only been used to build.
        let is_started = || programs.is_empty() || survey.starts_one_of(programs);
        if has(words) && !is_set(variables) && is_started() {
            return refuse("H028", "a tool is installed into root's home");
        }
    }
    // Poetry and Pipenv put what they install there too, unless they are told otherwise.
    let in_home = |tool: &str, inside: &[&str]| {
        let is_told = |part: &&str| env.iter().any(|(name, value)| format!("{name}={value}").contains(*part));
        let says = |part: &&str| survey.runs_contain(part) || is_told(part);
        text.contains(tool) && !inside.iter().any(says)
    };
    if in_home(
        "poetry install",
        &["virtualenvs.create false", "virtualenvs.in-project", "POETRY_VIRTUALENVS", "VIRTUAL_ENV"],
    ) || in_home("pipenv install", &["--system", "PIPENV_VENV_IN_PROJECT", "WORKON_HOME"])
        || in_home("pipenv sync", &["--system", "PIPENV_VENV_IN_PROJECT", "WORKON_HOME"])
    {
        return refuse("H028", "the packages are installed into an environment in root's home");
    }
    caches(survey, text)
}

/// What is downloaded to root's home, unless a variable or an argument says that it goes elsewhere.
fn caches(survey: &Survey<'_>, text: &str) -> Result<(), Refusal> {
    let env = &survey.stage.config.env;
    let is_set = |names: &str| {
        names.split('|').any(|name| {
            text.contains(name)
                || env.iter().any(|(key, value)| key.starts_with(name) && !value.contains("/root"))
        })
    };
    let has = |words: &str| words.split('|').any(|word| text.contains(word));
    match HOME_CACHES.iter().find(|(words, variables)| has(words) && !is_set(variables)) {
        Some(_) => refuse("H073", "something is downloaded into root's home"),
        None => Ok(()),
    }
}

/// Directories that a RUN makes: the program may write there.
fn made(survey: &Survey<'_>, index: usize, simple: &Simple, needs: &mut Needs) {
    let is_directory_made = simple.name() == Some("mkdir")
        || simple.args().iter().any(|word| matches!(word.raw(), "-d" | "-dm" | "-Dd"));
    for word in simple.args() {
        let written = word.value().map(str::to_owned).or_else(|| expanded(survey.subject, index, word.raw()));
        let Some(written) = written.filter(|word| !word.starts_with(['-', '+'])) else { continue };
        let Some(path) = place(survey.subject, index, &written) else { continue };
        let says_so = path.split('/').any(|part| WRITTEN.contains(&part));
        let is_own = survey.app_dirs.iter().any(|app| is_in(&path, app) && path != *app);
        let is_top = path.matches('/').count() == 1;
        if is_givable(&path)
            && !super::paths::is_installed(&path)
            && (says_so || is_own || is_top || path.starts_with("/var/"))
        {
            if is_directory_made {
                if !survey.app_dirs.contains(&path) {
                    needs.made.insert(path.clone(), index);
                    needs.dirs.insert(path);
                }
            } else if simple.name() == Some("touch") {
                needs.files.insert(path);
            }
        }
    }
}

/// A mode that keeps others out is no obstacle where the file is given to the user.
fn chmod(survey: &Survey<'_>, index: usize, simple: &Simple, needs: &mut Needs) -> Result<(), Refusal> {
    let mut words = simple.args().iter().filter(|word| {
        let raw = word.raw();
        !raw.starts_with("--") && !matches!(raw, "-R" | "-v" | "-f" | "-c" | "-Rf" | "-fR")
    });
    let Some(mode) = words.next() else { return Ok(()) };
    if !keeps_others_out(mode.value().unwrap_or(mode.raw())) {
        return Ok(());
    }
    for word in words {
        let path = word.value().and_then(|word| place(survey.subject, index, word));
        let copy = path.as_deref().and_then(|path| survey.copy_of(path, index));
        match copy {
            Some(copy) => {
                needs.copies.insert(copy);
            }
            None => return refuse("H038", "some files can be read or started by root alone"),
        }
    }
    Ok(())
}

/// Files that are given to the user that is going to be used are what it needs; those of another are not understood.
fn chown(survey: &Survey<'_>, simple: &Simple) -> Result<(), Refusal> {
    let owner =
        simple.args().iter().find(|word| !word.raw().starts_with('-')).map(Word::raw).unwrap_or_default();
    let owner = owner.trim_matches(['"', '\'']);
    let is_root = matches!(owner.split([':', '.']).next(), Some("root" | "0" | ""));
    if is_root || survey.run_as.is_called(owner) {
        return Ok(());
    }
    refuse(
        "H034",
        format!("`chown {owner}`: the stage has users of its own, and which of them is meant cannot be told"),
    )
}

/// What the configuration of the image names: the working directory, variables, volumes.
fn configured(survey: &Survey<'_>, needs: &mut Needs) -> Result<(), Refusal> {
    let workdir = survey.stage.config.workdir.value().map(String::as_str).unwrap_or_default();
    if is_in_root_home(workdir) {
        return refuse("H028", "the working directory is root's home, which nobody else may enter");
    }
    for (name, value) in &survey.stage.config.env {
        variable(survey, name, value, needs)?;
    }
    let lexer = crate::syntax::Lexer::new(survey.subject.file().escape());
    for volume in &survey.stage.config.volumes {
        let volume = volume.trim_matches(['[', ']', ',', '"']);
        let path = lexer.expand(volume, &*survey.stage.end).ok().and_then(|word| absolute("", &word.text));
        match path {
            Some(path) if is_free(&path) => {}
            Some(path) if is_givable(&path) => {
                needs.volumes.insert(path.clone());
                needs.dirs.insert(path);
            }
            _ => return refuse("H026", "a volume keeps the owner that it has, and it belongs to the system"),
        }
    }
    Ok(())
}

fn variable(survey: &Survey<'_>, name: &str, value: &str, needs: &mut Needs) -> Result<(), Refusal> {
    let upper = name.to_ascii_uppercase();
    let value = value.trim_matches(['"', '\'']);
    let path = match value.split_once("sqlite") {
        // Four slashes for an absolute path, three for one of the working directory.
        Some((_, rest)) => match rest.split_once("://") {
            Some((_, path)) => path.strip_prefix('/').unwrap_or(path),
            None => return Ok(()),
        },
        None => value,
    };
    let workdir = survey.workdir().unwrap_or_default();
    if !path.starts_with('/') && path == value {
        return Ok(());
    }
    let Some(path) = absolute(workdir, path) else { return Ok(()) };
    let written =
        ["DATA", "LOG", "UPLOAD", "STORAGE", "DB", "SQLITE", "OUTPUT", "MEDIA", "STATE", "STORE", "BACKUP"];
    let says_so = written.iter().any(|word| upper.contains(word)) || value.contains("sqlite");
    let may =
        upper == "HOME" || ["CACHE", "DIR", "PATH", "FILE", "TMP"].iter().any(|word| upper.contains(word));
    if (!says_so && !may) || is_free(&path) || survey.app_dirs.contains(&path) || upper == "PATH" {
        return Ok(());
    }
    let directory = directory_for(&path);
    let is_code = super::paths::is_installed(&path) || upper.contains("CERT") || upper.contains("CONFIG");
    if is_givable(directory) {
        let is_state = says_so || upper == "HOME" || path.split('/').any(|part| WRITTEN.contains(&part));
        if is_state && !is_code && !survey.app_dirs.iter().any(|app| app == directory) {
            needs.dirs.insert(directory.to_owned());
        }
    } else if says_so && !is_code && !survey.knows_context() {
        return refuse(
            "H021",
            "a variable names a path that the program seems to write to, and it belongs to the system",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::keeps_others_out;

    #[test]
    fn modes_that_keep_others_out() {
        for mode in ["600", "0700", "0o750", "go-rwx", "o-r", "u+x", "u=rwx", "a-x", "-x"] {
            assert!(keeps_others_out(mode), "{mode}");
        }
        for mode in ["755", "0644", "+x", "a+x", "777", "1777", "u+w", "ugo+x", "g+w", "g=u", "a+rX"] {
            assert!(!keeps_others_out(mode), "{mode}");
        }
    }
}
