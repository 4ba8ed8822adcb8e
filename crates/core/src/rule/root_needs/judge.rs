//! Judges the commands that a container starts.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{self, WRITTEN, directory_for, is_free, is_givable, is_in_root_home};
use super::{Needs, Survey};
use crate::knowledge::{ProgramRole, Start};
use crate::rule::process::behind_wrappers;
use crate::rule::{Refusal, Subject};
use crate::shell::Script;
use crate::syntax::Keyword;

/// Parts of the names of programs that work on the host: on its containers, its network or its hardware.
const PRIVILEGED: &str = "docker kube- minikube csi cni bpf wireguard vpn nfqueue libvirt kimchi xen cadvisor cron ofelia \
    journal wifi pcap dhcp vip iptables node_exporter network-manager agent";

/// Programs that change the system, and so need root whenever they run.
const SYSTEM: &[&str] = &[
    "apt",
    "apt-get",
    "apk",
    "yum",
    "dnf",
    "microdnf",
    "zypper",
    "pacman",
    "dpkg",
    "useradd",
    "adduser",
    "groupadd",
    "addgroup",
    "usermod",
    "groupmod",
    "deluser",
    "passwd",
    "chpasswd",
    "chown",
    "chgrp",
    "mount",
    "umount",
    "sysctl",
    "iptables",
    "ip6tables",
    "ip",
    "ifconfig",
    "route",
    "tc",
    "modprobe",
    "ldconfig",
    "update-ca-certificates",
    "update-alternatives",
    "setcap",
    "mknod",
    "visudo",
    "crontab",
    "a2enmod",
    "a2ensite",
    "phpenmod",
    "chsh",
    "swapon",
    "systemd-tmpfiles",
    "dpkg-reconfigure",
    "locale-gen",
    "chmem",
    "insmod",
];

/// Scripts that start scripts that start scripts: no container is further from its program.
const DEPTH: usize = 8;

/// Judges commands, and collects what they need.
pub(super) struct Judge<'s, 'a> {
    pub(super) survey: &'s Survey<'a>,
    pub(super) needs: &'s mut Needs,
    /// The directory that a command runs in.
    pub(super) directory: Option<String>,
    /// The variables that a script has set.
    pub(super) variables: BTreeMap<String, String>,
    /// What a script was given: `"$@"`.
    pub(super) arguments: Vec<String>,
    pub(super) depth: usize,
    /// The functions that the scripts have defined so far.
    pub(super) functions: BTreeSet<String>,
    /// The directory of the script that is read.
    pub(super) home: Option<String>,
    /// Whether it is a script of a package that is read: its words may be programs of packages.
    pub(super) in_package: bool,
}

/// Judges what a container starts.
pub(super) fn starts(survey: &Survey<'_>, needs: &mut Needs) -> Result<(), Refusal> {
    let words = survey.started.clone()?;
    Judge::new(survey, needs).words(words)
}

pub(super) fn refuse<T>(hazard: &'static str, why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::hazard(hazard, why))
}

pub(super) fn name_of(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

impl<'s, 'a> Judge<'s, 'a> {
    pub(super) fn new(survey: &'s Survey<'a>, needs: &'s mut Needs) -> Self {
        let directory = survey.workdir().map(str::to_owned);
        Self {
            survey,
            needs,
            directory,
            variables: BTreeMap::new(),
            arguments: Vec::new(),
            depth: 0,
            functions: BTreeSet::new(),
            home: None,
            in_package: false,
        }
    }

    pub(super) fn subject(&self) -> &'a Subject<'a> {
        self.survey.subject
    }

    pub(super) fn seen(&self) -> bool {
        self.survey.knows_context()
    }

    /// What the base image starts by itself.
    pub(super) fn base(&self) -> Result<(), Refusal> {
        let facts = self.survey.stage.facts.as_deref();
        if facts.and_then(|facts| facts.drops_privileges) != Some(true) || self.runs_unprivileged() {
            return Ok(());
        }
        let is_nginx = facts
            .and_then(|facts| facts.cmd.as_deref())
            .is_some_and(|words| words.first().is_some_and(|word| word == "nginx"));
        let hint = if is_nginx {
            ": nginxinc/nginx-unprivileged is the same server for a user, on port 8080"
        } else {
            ""
        };
        refuse(
            "H037",
            format!("what the base image starts begins as root and changes the user by itself{hint}"),
        )
    }

    /// Whether the stage starts the service of its base image, which is known to start as its user too.
    fn runs_unprivileged(&self) -> bool {
        let Some(facts) = self.survey.stage.facts.as_deref() else { return false };
        let is_user = facts
            .ready_user
            .as_ref()
            .is_some_and(|user| user.uid.is_some_and(|uid| self.survey.run_as.is_called(&uid.to_string())));
        facts.unprivileged == Some(true) && is_user
    }

    /// Programs that expect to be started as root, among the first words.
    pub(super) fn role_of(&self, words: &[String]) -> Result<(), Refusal> {
        for word in words.iter().take(3) {
            let Some(role) = self.subject().knowledge.program_role(word).filter(|role| role.expects_root())
            else {
                continue;
            };
            if self.is_own_service(word) {
                continue;
            }
            let hazard = if role == ProgramRole::Switcher { "H025" } else { "H037" };
            // An argument may have the name of a program by chance, but that is no plain case either.
            return refuse(
                hazard,
                format!("`{}` starts as root and changes the user by itself", name_of(word)),
            );
        }
        Ok(())
    }

    fn is_own_service(&self, word: &str) -> bool {
        let facts = self.survey.stage.facts.as_deref();
        let own = facts.and_then(|facts| facts.cmd.as_deref()).and_then(<[String]>::first);
        self.runs_unprivileged() && own.is_some_and(|own| own == name_of(word))
    }

    /// Judges a command by its words.
    pub(super) fn words(&mut self, words: Vec<String>) -> Result<(), Refusal> {
        if self.depth > DEPTH {
            return refuse("H025", "scripts start each other too deeply");
        }
        self.depth += 1;
        let words = behind_wrappers(self.subject(), words);
        let Some(program) = words.first() else {
            return refuse("H025", "it is not known what a container starts");
        };
        let result = if name_of(program) == "busybox" {
            self.applet(&words)
        } else if self.subject().knowledge.is_shell(program) {
            self.shell(&words)
        } else if self.is_script(program) {
            self.script(&program.clone(), words.get(1..).unwrap_or_default())
        } else {
            self.program(&words)
        };
        self.depth -= 1;
        result
    }

    /// `busybox httpd`, `busybox sh`.
    fn applet(&mut self, words: &[String]) -> Result<(), Refusal> {
        let rest = words.get(1..).unwrap_or_default();
        match rest.first().map(String::as_str) {
            // They serve and wait as any user; only crond and its like want more.
            Some("httpd" | "nc" | "sleep" | "tail" | "top" | "echo" | "cat") => self.arguments(words),
            Some(applet) if applet != "busybox" => self.words(rest.to_vec()),
            _ => refuse("H040", "the image is for working in: it starts a shell"),
        }
    }

    fn shell(&mut self, words: &[String]) -> Result<(), Refusal> {
        let text = words
            .iter()
            .position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'));
        if let Some(text) = text.and_then(|flag| words.get(flag + 1)) {
            return self.text(&Script::parse(text));
        }
        let Some(at) = words.iter().skip(1).position(|word| !word.starts_with(['-', '+'])) else {
            return refuse("H040", "the image is for working in: it starts a shell");
        };
        let path = words.get(at + 1).cloned().unwrap_or_default();
        self.script(&path, words.get(at + 2..).unwrap_or_default())
    }

    /// The absolute path of something that a command names.
    pub(super) fn place(&self, path: &str) -> Option<String> {
        paths::absolute(self.directory.as_deref().unwrap_or_default(), path)
    }

    fn file(&self, path: &str) -> Option<String> {
        self.survey.files().text(self.subject(), &self.place(path)?)
    }

    /// A script of a shell that has no interpreter before it. On the path it is found where programs are.
    fn is_script(&self, program: &str) -> bool {
        if program.rsplit_once('.').is_some_and(|(_, extension)| matches!(extension, "sh" | "bash")) {
            return true;
        }
        let text = self.script_text(program);
        text.is_some_and(|text| {
            let first = text.lines().next().unwrap_or_default();
            let mut words = first.strip_prefix("#!").unwrap_or_default().split_whitespace();
            // `#!/usr/bin/env bash` names it behind env, and flags may follow.
            let shell = words.find(|word| name_of(word) != "env" && !word.starts_with('-'));
            shell.is_some_and(|shell| self.subject().knowledge.is_shell(shell))
        })
    }

    pub(super) fn script_text(&self, program: &str) -> Option<String> {
        if program.contains('/') {
            return self.file(program);
        }
        let folders = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"];
        folders
            .iter()
            .find_map(|folder| self.survey.files().text(self.subject(), &format!("{folder}/{program}")))
            .or_else(|| self.file(program))
    }

    /// A program that is no script of a shell.
    fn program(&mut self, words: &[String]) -> Result<(), Refusal> {
        let program = words.first().map(String::as_str).unwrap_or_default();
        let name = name_of(program);
        let others = words.get(1..).unwrap_or_default();
        self.role_of(words.get(..1).unwrap_or_default())?;
        if self.is_own_service(program) {
            self.needs.keeps_owners = true;
            return self.no_keys();
        }
        if SYSTEM.contains(&name) {
            return refuse("H025", format!("`{name}` changes the system when the container starts"));
        }
        if matches!(name, "npm" | "yarn" | "pnpm" | "npx" | "bun" | "bunx" | "yarnpkg" | "pnpx" | "corepack")
        {
            return self.package_manager(name, others);
        }
        if name == "bundle" && others.first().is_some_and(|word| word == "exec") {
            return self.words(others.get(1..).unwrap_or_default().to_vec());
        }
        if matches!(name, "poetry" | "pipenv" | "uv" | "pdm" | "hatch" | "conda" | "mamba" | "micromamba") {
            return self.environment(name, others);
        }
        if matches!(name, "pip" | "pip3" | "gem" | "composer" | "bundle") {
            return refuse(
                "H075",
                format!("`{name}` installs packages when the container starts, into folders of root's"),
            );
        }
        if let Some(result) = self.package_wrapper(name, others) {
            return result;
        }
        self.arguments(words)?;
        if let Some(start) = self.subject().knowledge.start(name, others) {
            return self.known(start);
        }
        if let Some(sign) = PRIVILEGED.split(' ').find(|sign| name.to_ascii_lowercase().contains(sign)) {
            return refuse("H038", format!("`{name}` seems to work on the host or its network ({sign})"));
        }
        if self.is_interpreted(words)? || self.is_installed(name) || self.is_declared(name) || self.in_package
        {
            return Ok(());
        }
        if self.is_built(words) {
            self.needs.is_compiled = true;
            self.needs.program = Some(name.to_owned());
            return Ok(());
        }
        refuse("H025", format!("what `{name}` does when it starts cannot be seen"))
    }

    /// A service that has been a user's all along may yet read keys as root before it becomes one.
    fn no_keys(&self) -> Result<(), Refusal> {
        let files = self.survey.files();
        let is_configuration = |path: &str| {
            [".conf", ".ini", ".conf.default"].iter().any(|end| path.ends_with(end))
                || path.contains("sites-")
        };
        for (target, path) in files.targets.iter().filter(|(target, _)| is_configuration(target)) {
            let Some(text) = super::files::read(self.subject(), path) else { continue };
            let signs = [
                "SSLCertificateKeyFile",
                "ssl_certificate_key",
                "listen = /",
                "listen=/",
                "user = root",
                "pid = /",
            ];
            if let Some(sign) = signs.iter().find(|sign| text.contains(*sign)) {
                return refuse("H037", format!("{target} has `{sign}`, which wants root to begin with"));
            }
        }
        let is_keyed = ["a2enmod ssl", "letsencrypt", "/etc/ssl/private"];
        match is_keyed.iter().find(|sign| self.survey.runs_contain(sign)) {
            Some(sign) => {
                refuse("H037", format!("`{sign}`: the service reads keys as root before it changes the user"))
            }
            None => Ok(()),
        }
    }

    /// What the table says of a program.
    pub(super) fn known(&mut self, start: &'static Start) -> Result<(), Refusal> {
        if let (Some(why), Some(hazard)) = (&start.refuse, &start.hazard) {
            return refuse(hazard, why.as_str());
        }
        for (paths, are_trees) in [(&start.dirs, false), (&start.trees, true)] {
            for path in paths {
                let Some(path) = self.place(path) else {
                    return refuse("H021", "it writes in a folder that is not known");
                };
                let kept = if are_trees { &mut self.needs.trees } else { &mut self.needs.caches };
                kept.insert(path);
            }
        }
        Ok(())
    }

    /// `poetry run`, `uv run` and their like.
    fn environment(&mut self, name: &str, others: &[String]) -> Result<(), Refusal> {
        let run = others.iter().position(|word| word == "run");
        let Some(run) = run else {
            return refuse(
                "H075",
                format!("`{name}` installs packages when the container starts, into folders of root's"),
            );
        };
        let is_told = others.iter().any(|word| word == "--no-sync")
            || self.survey.stage.config.env.contains_key("UV_NO_SYNC");
        if matches!(name, "uv" | "pdm" | "hatch") && !is_told && !(name == "uv" && self.is_synced(others)) {
            return refuse(
                "H075",
                format!("`{name} run` brings the environment up to date first, and that belongs to root"),
            );
        }
        let rest = others.get(run + 1..).unwrap_or_default();
        let rest: Vec<String> = rest.iter().skip_while(|word| word.starts_with('-')).cloned().collect();
        self.words(rest)
    }

    /// Whether the last `uv sync` of the file leaves nothing to do for `uv run`: it installed the project too, and the same
    /// groups. Then nothing is written to the environment (tried with uv 0.13).
    fn is_synced(&self, others: &[String]) -> bool {
        let mut runs = self.survey.lineage.iter().rev();
        let sync =
            runs.find(|(_, step)| step.keyword == Keyword::Run && step.arguments_text().contains("uv sync"));
        let Some((_, sync)) = sync else { return false };
        let text = sync.arguments_text();
        let has_no_dev = |text: &str| text.contains("--no-dev") || text.contains("--no-default-groups");
        let is_whole = !text.contains("--no-install")
            && !text.contains("--only")
            && !text.contains("--extra")
            && !text.contains("--group");
        is_whole
            && (!has_no_dev(text)
                || others.iter().any(|word| has_no_dev(word))
                || self.survey.stage.config.env.contains_key("UV_NO_DEV"))
    }

    /// Arguments that say that the program writes somewhere.
    pub(super) fn arguments(&mut self, words: &[String]) -> Result<(), Refusal> {
        if words.len() == 2
            && words.iter().any(|word| matches!(word.as_str(), "-h" | "--help" | "help" | "--version"))
        {
            return refuse(
                "H026",
                "a tool for the command line works on files that are mounted, and those keep their owner",
            );
        }
        for word in words {
            if word.contains("allow-root")
                || word.contains("allow_root")
                || is_in_root_home(word)
                || word.contains("/root/")
            {
                return refuse("H028", "the command names root, or root's home");
            }
        }
        if !self.seen() {
            unseen_words(words)?;
        }
        for word in words.iter().skip(1) {
            let value = word.rsplit_once('=').map_or(word.as_str(), |(_, value)| value);
            let path = value.strip_prefix("unix:").unwrap_or(value).trim_start_matches("//");
            if !path.starts_with('/') {
                continue;
            }
            let Some(path) = paths::absolute("", path) else { continue };
            let is_written =
                [".pid", ".sock", ".log", ".db", ".sqlite", ".sqlite3"].iter().any(|end| path.ends_with(end))
                    || path.split('/').any(|part| WRITTEN.contains(&part));
            if is_written {
                self.writes_to(&path, word)?;
            }
        }
        Ok(())
    }

    /// The program writes to this path.
    pub(super) fn writes_to(&mut self, path: &str, word: &str) -> Result<(), Refusal> {
        let directory = directory_for(path);
        if is_free(path) || self.survey.app_dirs.iter().any(|app| app == directory) {
            return Ok(());
        }
        if is_givable(directory) {
            self.needs.dirs.insert(directory.to_owned());
            return Ok(());
        }
        refuse(
            "H021",
            format!("`{word}` seems to be a path that the program writes to, and it belongs to the system"),
        )
    }

    /// An interpreter with a program that is given to it, or such a program itself.
    fn is_interpreted(&mut self, words: &[String]) -> Result<bool, Refusal> {
        let program = words.first().map(String::as_str).unwrap_or_default();
        let name = name_of(program);
        let extension = name.rsplit_once('.').map(|(_, extension)| extension).unwrap_or_default();
        let own = matches!(extension, "py" | "js" | "mjs" | "cjs" | "rb" | "pl");
        let rest = words.get(usize::from(!own)..).unwrap_or_default();
        if !self.seen()
            && rest.iter().find(|word| !word.starts_with('-')).is_some_and(|script| prepares(name_of(script)))
        {
            return Ok(false);
        }
        if own {
            return Ok(true);
        }
        let keeps_caches = ["deno", "julia", "elixir", "Rscript"].iter().any(|other| name.starts_with(other))
            || (!self.seen() && name.starts_with("php"));
        if !self.subject().knowledge.is_interpreter(program) || keeps_caches {
            return Ok(false);
        }
        if name == "dotnet" {
            return Ok(words.iter().skip(1).any(|word| is_library(word)));
        }
        if name == "java" {
            self.needs.is_compiled = true;
        }
        // A module is a program of its own: `python -m flask run`, `php artisan serve`.
        let module = rest.iter().position(|word| word == "-m").and_then(|flag| rest.get(flag + 1..));
        let script = rest.iter().position(|word| !word.starts_with('-')).and_then(|at| rest.get(at..));
        if let Some([inner, others @ ..]) = module.or(script)
            && let Some(start) = self.subject().knowledge.start(inner, others)
        {
            self.known(start)?;
        }
        // Without a program it waits for what somebody types.
        Ok(words.iter().skip(1).any(|word| !word.starts_with('-'))
            || (name.starts_with("php") && rest.iter().any(|word| word == "-S")))
    }
}

/// Words of a command that may be plain, but not where nobody has seen what they are about.
fn unseen_words(words: &[String]) -> Result<(), Refusal> {
    const WORKS: &[&str] = &[
        "rails",
        "rake",
        "make",
        "migrate",
        "install",
        "build",
        "watch",
        "webpack",
        "nodemon",
        "gulp",
        "grunt",
        "artisan",
        "collectstatic",
        "test",
        "pytest",
        "pip",
        "venv",
        "dev",
        "develop",
        "beat",
        "setup",
        "download",
        "init",
        "makemigrations",
        "syncdb",
        "compile",
        "update",
    ];
    if words.iter().any(|word| matches!(word.as_str(), "-h" | "--help" | "help" | "--version")) {
        return refuse(
            "H026",
            "a tool for the command line works on files that are mounted, and those keep their owner",
        );
    }
    for word in words {
        let stem = name_of(word).split(['.', ':']).next().unwrap_or_default().trim_start_matches('-');
        if WORKS.contains(&stem) {
            let why = format!(
                "`{stem}` works on files of the image when the container starts, and they belong to root"
            );
            return refuse("H075", why);
        }
        if word.contains("/dev/") && !is_free(word) {
            return refuse("H021", format!("`{word}` is a device"));
        }
    }
    Ok(())
}

/// `app.dll`, which `dotnet` starts.
pub(super) fn is_library(word: &str) -> bool {
    word.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("dll"))
}

/// Whether a name says that the file prepares something and then starts another: it may need root for that.
pub(super) fn prepares(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["start", "entry", "init", "launch", "boot", "deploy", "setup"].iter().any(|word| name.contains(word))
        || name == "run"
}
