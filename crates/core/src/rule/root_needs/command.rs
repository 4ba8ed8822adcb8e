//! The one command that a container starts, and whether it is a plain program.

use super::ports::is_library;
use super::{WRITTEN, is_in_root_home};
use crate::model::{Base, Source, Stage};
use crate::rule::exec_form::lineage;
use crate::rule::{Refusal, Subject};
use crate::shell::Script;
use crate::syntax::{Instruction, Keyword};

/// Parts of the names of programs that work on the host: on its containers, its network or its hardware.
const PRIVILEGED: &str = "docker kube- minikube csi cni bpf wireguard vpn nfqueue libvirt kimchi xen cadvisor cron ofelia \
    journal wifi pcap dhcp vip iptables node_exporter network-manager agent";

/// Programs that keep data where they are started or in a directory of their own.
const STORES: &str = "etcd consul vault minio influxd prometheus tidb-server tikv-server cockroach nats-server mongod \
    mysqld postgres redis-server memcached elasticsearch rabbitmq-server caddy ffmpeg protoc tor \
    bitcoind geth";

/// The one command that a container starts.
pub(super) struct Command<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) stage: &'a Stage,
    pub(super) lineage: &'a [(usize, &'a Instruction)],
    pub(super) words: &'a [String],
}

impl Command<'_> {
    /// Why the command may need root; `Ok` when it is a plain program.
    pub(super) fn refuse_unless_plain(&self) -> Result<(), Refusal> {
        let program = self.words.first().map(String::as_str).unwrap_or_default();
        let name = program.rsplit('/').next().unwrap_or(program);
        if self.subject.knowledge.is_shell(program) {
            let is_script = self.words.iter().skip(1).any(|word| !word.starts_with('-'));
            return Err(if is_script {
                Refusal::hazard("H025", "the command is a script that cannot be seen")
            } else {
                Refusal::hazard("H040", "the image is for working in: it starts a shell")
            });
        }
        if matches!(name, "npm" | "yarn" | "pnpm") {
            return self.package_script();
        }
        self.arguments()?;
        if let Some(sign) = PRIVILEGED.split(' ').find(|sign| name.to_ascii_lowercase().contains(sign)) {
            let why = format!("`{name}` seems to work on the host or its network ({sign})");
            return Err(Refusal::hazard("H038", why));
        }
        if STORES.split(' ').any(|store| store == name) {
            return Err(Refusal::hazard("H026", format!("`{name}` keeps data")));
        }
        let is_known = self.is_interpreted(program, name) || self.is_server(name);
        if is_known || self.is_built(program) {
            return Ok(());
        }
        let why = format!("what `{name}` does when it starts cannot be seen");
        Err(Refusal::hazard("H025", why))
    }

    /// Arguments that say that the program writes somewhere, or works on the source.
    fn arguments(&self) -> Result<(), Refusal> {
        const WORKS: [&str; 33] = [
            "rails",
            "rake",
            "fresh",
            "air",
            "jupyter",
            "notebook",
            "ipython",
            "lab",
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
        if self.words.iter().any(|word| matches!(word.as_str(), "-h" | "--help" | "help" | "--version")) {
            let why =
                "a tool for the command line works on files that are mounted, and those keep their owner";
            return Err(Refusal::hazard("H026", why));
        }
        for word in self.words {
            if word.contains("allow-root")
                || word.contains("allow_root")
                || is_in_root_home(word)
                || word.contains("/root/")
            {
                return Err(Refusal::hazard("H028", "the command names root, or root's home"));
            }
            let writes = [
                "/var/",
                "/run/",
                ".pid",
                ".sock",
                "unix:",
                ".log",
                "/dev/",
                "--log-file",
                "--logfile",
                "sqlite",
            ];
            let in_written = word.contains('/')
                && word.split(['/', '=']).any(|part| WRITTEN.contains(&part) && part != "lib");
            if word.rsplit_once('.').is_some_and(|(_, extension)| extension == "sh") {
                return Err(Refusal::hazard("H025", "the command is a script that cannot be seen"));
            }
            if writes.iter().any(|sign| word.contains(sign)) || in_written {
                let why =
                    format!("`{word}` seems to be a path that the program writes to, and it belongs to root");
                return Err(Refusal::hazard("H021", why));
            }
            let stem = word.rsplit('/').next().unwrap_or(word);
            let stem = stem.split(['.', ':']).next().unwrap_or(stem).trim_start_matches('-');
            if WORKS.contains(&stem) {
                let why = format!(
                    "`{stem}` works on files of the image when the container starts, and they belong to root"
                );
                return Err(Refusal::hazard("H075", why));
            }
        }
        Ok(())
    }

    /// `npm start` is plain when what it starts is a server in production: a server for developing writes beside the
    /// source (H075).
    fn package_script(&self) -> Result<(), Refusal> {
        let mut rest = self.words.iter().skip(1).filter(|word| !word.starts_with('-'));
        let script = match rest.next().map(String::as_str) {
            Some("run" | "run-script") => rest.next().map(String::as_str).unwrap_or_default(),
            Some(verb @ ("start" | "serve")) => verb,
            _ => "",
        };
        let starts = script.starts_with("start") || script.starts_with("serve");
        let in_production = script.contains("prod")
            || self.stage.config.env.get("NODE_ENV").is_some_and(|value| value == "production")
            || self.lineage.iter().any(|(_, instruction)| {
                let text = instruction.arguments_text();
                let flags = ["--production", "--only=prod", "--omit=dev", "--prod"];
                instruction.keyword == Keyword::Run && flags.iter().any(|flag| text.contains(flag))
            });
        if starts && in_production {
            return Ok(());
        }
        let why = "what the package's script does cannot be seen, and a server for developing writes beside the source";
        Err(Refusal::hazard("H075", why))
    }

    /// An interpreter with a program that is given to it, or such a program itself.
    fn is_interpreted(&self, program: &str, name: &str) -> bool {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension).unwrap_or_default();
        let own = matches!(extension, "py" | "js" | "mjs" | "rb" | "pl");
        let script = self.words.iter().skip(usize::from(!own)).find(|word| !word.starts_with('-'));
        if script.is_some_and(|script| prepares(script.rsplit('/').next().unwrap_or(script))) {
            return false;
        }
        if own {
            return true;
        }
        let keeps_caches =
            ["deno", "bun", "julia", "elixir", "php", "Rscript"].iter().any(|other| name.starts_with(other));
        if !self.subject.knowledge.is_interpreter(program) || keeps_caches {
            return false;
        }
        if name == "dotnet" {
            return self.words.get(1).is_some_and(|word| is_library(word));
        }
        // Without a program it waits for what somebody types.
        self.words.iter().skip(1).any(|word| !word.starts_with('-'))
    }

    /// A server that does nothing but serve an application.
    fn is_server(&self, name: &str) -> bool {
        let servers =
            ["gunicorn", "uvicorn", "hypercorn", "daphne", "waitress-serve", "flask", "celery", "rackup"];
        if servers.contains(&name) {
            return true;
        }
        // A program of the package of that name, in an image with a port: a server too.
        !self.stage.config.exposed.is_empty()
            && !self.subject.knowledge.is_interpreter(name)
            && self.lineage.iter().any(|(_, instruction)| {
                let text = instruction.arguments_text();
                instruction.keyword == Keyword::Run
                    && (text.contains("pip install") || text.contains("pip3 install"))
                    && text
                        .split_whitespace()
                        .any(|word| word.split(['=', '<', '>', '[']).next() == Some(name))
            })
    }

    /// A program that the file compiles, in this stage or in the one it is copied from.
    fn is_built(&self, program: &str) -> bool {
        let name = program.rsplit('/').next().unwrap_or(program);
        // `start` and its like are words that the script of an Erlang or JVM release takes.
        let is_release =
            self.words.get(1).is_some_and(|word| matches!(word.as_str(), "start" | "foreground" | "console"));
        if name.contains('.') || prepares(name) || is_release {
            return false;
        }
        if program.starts_with("/go/bin/")
            || self.lineage.iter().any(|(index, step)| compiles(self.subject, *index, step))
        {
            let installs = || self.lineage.iter().any(|(_, step)| installs_what_it_compiles(step));
            return program.contains('/') || installs();
        }
        let Some((index, _)) = self.lineage.iter().rev().find(|(index, step)| {
            step.keyword == Keyword::Copy
                && self.subject.model.copy_source(*index).is_some()
                && self.may_bring(step, program)
        }) else {
            return false;
        };
        let Some(Source::Stage(from)) = self.subject.model.copy_source(*index) else { return false };
        let Some(from) = self.subject.model.stages().get(from) else { return false };
        // Where there is no interpreter, a program is a binary.
        let alone = matches!(self.stage.base, Base::Scratch);
        alone
            || lineage(self.subject.model, from)
                .iter()
                .any(|(index, step)| compiles(self.subject, *index, step))
    }

    /// Whether a COPY can be what puts the program at its path.
    fn may_bring(&self, copy: &Instruction, program: &str) -> bool {
        let name = program.rsplit('/').next().unwrap_or(program);
        let target = copy.value_texts().last().unwrap_or_default();
        if target.trim_end_matches('/').rsplit('/').next() == Some(name) {
            return true;
        }
        let workdir = self.stage.config.workdir.value().map_or("/", String::as_str);
        let folder = match program.rsplit_once('/') {
            None => return target.trim_end_matches('/').ends_with("bin"),
            Some((folder, _)) if program.starts_with('/') => folder.to_owned(),
            Some((folder, _)) => {
                let folder = folder.trim_start_matches('.').trim_matches('/');
                format!("{}/{folder}", workdir.trim_end_matches('/'))
            }
        };
        let target = match target {
            "." | "./" => workdir,
            target => target,
        };
        let trim = |path: &str| path.trim_start_matches("./").trim_matches('/').to_owned();
        trim(&folder).starts_with(&trim(target)) || trim(&folder).ends_with(&trim(target))
    }
}

/// Whether a name says that the file prepares something and then starts another: it may need root for that.
fn prepares(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["start", "entry", "init", "launch", "boot", "deploy", "setup"].iter().any(|word| name.contains(word))
        || name == "run"
}

/// Whether a RUN compiles a program.
fn compiles(subject: &Subject<'_>, index: usize, step: &Instruction) -> bool {
    const VERBS: [(&str, &[&str]); 9] = [
        ("go", &["build", "install", "get"]),
        ("cargo", &["build", "install"]),
        ("dotnet", &["publish", "build"]),
        ("swift", &["build"]),
        ("crystal", &["build"]),
        ("shards", &["build"]),
        ("zig", &["build"]),
        ("dune", &["build"]),
        ("nim", &["c", "compile"]),
    ];
    const COMPILERS: [&str; 10] =
        ["make", "gcc", "g++", "cc", "clang", "cmake", "ninja", "ghc", "rustc", "native-image"];
    if step.keyword != Keyword::Run {
        return false;
    }
    let text = step.arguments_text();
    let may_compile = !step.heredocs.is_empty()
        || COMPILERS.iter().any(|name| text.contains(name))
        || VERBS.iter().any(|(name, _)| text.contains(name));
    let script = subject.model.shell_text(index).filter(|_| may_compile).map(|text| &text.script);
    let commands = script.into_iter().flat_map(Script::commands);
    commands.into_iter().any(|simple| {
        let name = simple.name().map(|name| name.rsplit('/').next().unwrap_or(name)).unwrap_or_default();
        let verb = simple.args().iter().find_map(|word| word.value().filter(|value| !value.starts_with('-')));
        COMPILERS.contains(&name)
            || VERBS
                .iter()
                .any(|(program, verbs)| *program == name && verb.is_some_and(|verb| verbs.contains(&verb)))
    })
}

fn installs_what_it_compiles(step: &Instruction) -> bool {
    let text = step.arguments_text();
    step.keyword == Keyword::Run
        && ["make install", "go install", "cargo install"].iter().any(|text_part| text.contains(text_part))
}
