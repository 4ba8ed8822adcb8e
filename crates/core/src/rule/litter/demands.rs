//! What one Dockerfile asks of its context: which paths it takes, which dependencies it installs by itself, and whether it
//! reads `.env` or the history of the repository. Made from its model alone, and kept for all Dockerfiles of a context.

use std::collections::BTreeSet;

use crate::context::normalise;
use crate::model::{Base, BuildModel, Source, context_sources};
use crate::syntax::{Instruction, Keyword};

/// What makes a folder anew, so that the one of the developer's machine is not wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Maker {
    Node,
    Bower,
    FrontEnd,
    Python,
    Composer,
    Bundler,
    Cargo,
    Maven,
    Gradle,
    DotNet,
    Mix,
    CMake,
}

impl Maker {
    const ALL: [Self; 12] = [
        Self::Node,
        Self::Bower,
        Self::FrontEnd,
        Self::Python,
        Self::Composer,
        Self::Bundler,
        Self::Cargo,
        Self::Maven,
        Self::Gradle,
        Self::DotNet,
        Self::Mix,
        Self::CMake,
    ];

    /// The commands that do it: a program, and the verbs behind it. Without verbs any use counts, and an empty verb is
    /// the program alone.
    fn commands(self) -> &'static [(&'static str, &'static [&'static str])] {
        const INSTALL: &[&str] = &["install", "i", "ci", "clean-install", "add", "fetch"];
        match self {
            Self::Node => &[
                ("npm", INSTALL),
                ("pnpm", INSTALL),
                ("bun", INSTALL),
                ("yarn", &["install", "add", "workspaces", ""]),
            ],
            Self::Bower => &[("bower", &["install"])],
            Self::FrontEnd => &[
                ("npm", &["run", "run-script"]),
                ("pnpm", &["run", "build", "generate"]),
                ("bun", &["run", "build"]),
                ("yarn", &["run", "build", "generate"]),
                ("next", &["build"]),
                ("npx", &[]),
            ],
            Self::Python => &[
                ("pip", &[]),
                ("pip3", &[]),
                ("poetry", &[]),
                ("uv", &[]),
                ("pdm", &[]),
                ("pipenv", &[]),
                ("conda", &[]),
                ("mamba", &[]),
                ("micromamba", &[]),
            ],
            Self::Composer => &[
                ("composer", &["install", "update", "create-project", "require", "i"]),
                ("composer.phar", &["install", "update", "i"]),
            ],
            Self::Bundler => &[("bundle", &["install", ""]), ("bundler", &["install", ""])],
            Self::Cargo => &[("cargo", &["build", "install", "run", "test", "b", "r", "chef", "xbuild"])],
            Self::Maven => &[("mvn", &[]), ("mvnw", &[])],
            Self::Gradle => &[("gradle", &[]), ("gradlew", &[])],
            Self::DotNet => &[("dotnet", &["build", "publish", "restore", "run", "test", "pack"])],
            Self::Mix => &[("mix", &[])],
            Self::CMake => &[("cmake", &[])],
        }
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// What one instruction takes from the context.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Take {
    pub(crate) instruction: usize,
    /// The paths, as COPY and the ignore file have them; a directory stands for what it holds, and `""` for all.
    pub(crate) sources: Vec<String>,
}

/// What one Dockerfile asks of its context.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Demands {
    /// What the stages that are built take. Unknown sources are left out.
    pub(crate) takes: Vec<Take>,
    /// Every source of any stage; the line of an instruction whose sources are not known.
    pub(crate) needs: Result<BTreeSet<String>, usize>,
    /// A set of makers.
    makers: u16,
    /// Whether a step or the program is told to read `.env`, or a front end is built, which takes values from it.
    pub(crate) reads_dotenv: bool,
    /// The line of a RUN that asks git about the repository (H052).
    pub(crate) asks_git: Option<usize>,
    /// The line of a `go build`, which writes the revision into the program where git and the history are there.
    pub(crate) builds_go: Option<usize>,
}

impl Demands {
    pub(crate) fn of(model: &BuildModel) -> Self {
        let made = Maker::ALL.iter().filter(|maker| runs_any(model, maker.commands()));
        Self {
            takes: takes(model),
            needs: needs(model),
            makers: made.fold(0, |makers, maker| makers | maker.bit()),
            reads_dotenv: reads_dotenv(model),
            asks_git: line_of_run(model, asks_git),
            builds_go: line_of_run(model, builds_go),
        }
    }

    /// Whether its own steps make what this maker makes.
    pub(crate) fn makes(&self, maker: Maker) -> bool {
        self.makers & maker.bit() != 0
    }
}

fn takes(model: &BuildModel) -> Vec<Take> {
    let used = used_stages(model);
    let mut takes = Vec::new();
    for stage in model.stages().iter().filter(|stage| used.contains(&stage.index)) {
        for step in &stage.steps {
            let sources: Vec<String> = context_sources(model, step.instruction)
                .into_iter()
                .flatten()
                .filter_map(|source| normalise(&source))
                .map(|source| if source == "*" { String::new() } else { source })
                .collect();
            if !sources.is_empty() {
                takes.push(Take { instruction: step.instruction, sources });
            }
        }
    }
    takes
}

fn needs(model: &BuildModel) -> Result<BTreeSet<String>, usize> {
    let mut needs = BTreeSet::new();
    for (index, instruction) in model.file().instructions().iter().enumerate() {
        let sources = context_sources(model, index).ok_or(*instruction.lines.start())?;
        let sources = sources.iter().filter_map(|source| normalise(source));
        needs.extend(sources.map(|source| if source == "*" { String::new() } else { source }));
    }
    Ok(needs)
}

/// The stages that an image is made of: BuildKit skips the others.
fn used_stages(model: &BuildModel) -> BTreeSet<usize> {
    let mut used: BTreeSet<usize> = BTreeSet::new();
    for stage in model.stages().iter().rev() {
        if !stage.shipped && !used.contains(&stage.index) {
            continue;
        }
        used.insert(stage.index);
        if let Base::Stage(base) = stage.base {
            used.insert(base);
        }
        for (index, instruction) in model.stage_instructions(stage) {
            let froms = instruction.flags.iter().filter_map(|flag| {
                let value = flag.value()?;
                match flag.name() {
                    "from" => Some(value),
                    "mount" => value.split(',').find_map(|option| option.strip_prefix("from=")),
                    _ => None,
                }
            });
            for from in froms {
                if let Some(Source::Stage(source)) = model.resolve_source(index, from) {
                    used.insert(source);
                }
            }
        }
    }
    used
}

/// The text of a RUN, heredocs included.
fn texts_of<'a>(model: &'a BuildModel, run: &'a Instruction) -> impl Iterator<Item = &'a str> {
    let bodies = run.heredocs.iter().map(|heredoc| heredoc.body.of(model.file().text()));
    std::iter::once(run.arguments_text()).chain(bodies)
}

fn run_texts(model: &BuildModel) -> impl Iterator<Item = &str> {
    let runs = model.file().instructions().iter().filter(|instruction| instruction.keyword == Keyword::Run);
    runs.flat_map(|run| texts_of(model, run))
}

fn runs_any(model: &BuildModel, commands: &[(&str, &[&str])]) -> bool {
    run_texts(model).any(|text| commands.iter().any(|(program, verbs)| runs(text, program, verbs)))
}

/// Whether a text of shell, or the words of an exec form, run a program with one of these verbs. Flags before the verb do
/// not count. Told by the text, because what is built by a script that nobody can read is built all the same.
fn runs(text: &str, program: &str, verbs: &[&str]) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.match_indices(program).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + program.len()..).unwrap_or_default();
        let is_whole = !before.is_some_and(is_word) && !after.starts_with(is_word);
        is_whole && (verbs.is_empty() || verbs.contains(&verb(after)))
    })
}

/// The first word that is no flag; empty when the command ends before one.
fn verb(rest: &str) -> &str {
    let line_end = rest.find(['\n', ';', '&', '|', ')', ']']).unwrap_or(rest.len());
    let line = rest.get(..line_end).unwrap_or_default();
    let is_edge = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '\\');
    let mut words = line.split(is_edge).filter(|word| !word.is_empty());
    words.find(|word| !word.starts_with('-')).unwrap_or_default()
}

/// Whether a text names `.env` itself: not `process.env`, not `.env.example`.
pub(crate) fn names_dotenv(text: &str) -> bool {
    text.match_indices(".env").any(|(at, found)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let next = text.get(at + found.len()..).and_then(|rest| rest.chars().next());
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ')' | ']' | '.' | '?'))
            && next.is_none_or(|next| !next.is_alphanumeric() && !matches!(next, '.' | '_' | '-'))
    })
}

fn reads_dotenv(model: &BuildModel) -> bool {
    const BUILDS: &[&str] =
        &["run build", "yarn build", "pnpm build", "next build", "vite build", "bun build", "run generate"];
    let commands = model
        .file()
        .instructions()
        .iter()
        .filter(|instruction| matches!(instruction.keyword, Keyword::Cmd | Keyword::Entrypoint))
        .map(Instruction::arguments_text);
    run_texts(model).any(|text| BUILDS.iter().any(|build| text.contains(build)))
        || run_texts(model).chain(commands).any(names_dotenv)
}

fn line_of_run(model: &BuildModel, matches: fn(&BuildModel, usize, &Instruction) -> bool) -> Option<usize> {
    let mut instructions = model.file().instructions().iter().enumerate();
    let found =
        instructions.find(|(index, run)| run.keyword == Keyword::Run && matches(model, *index, run))?;
    Some(*found.1.lines.start())
}

/// Whether a RUN asks git about the repository. A clone asks another one.
fn asks_git(model: &BuildModel, index: usize, run: &Instruction) -> bool {
    if !texts_of(model, run).any(|text| text.contains("git")) {
        return false;
    }
    let Some(text) = model.shell_text(index).filter(|text| text.script.is_readable()) else {
        return texts_of(model, run).any(|text| runs(text, "git", &[]));
    };
    text.script.all_commands().any(|command| {
        let words: Vec<&str> = command.words.iter().map(|word| word.value().unwrap_or(word.raw())).collect();
        let verb = match words.as_slice() {
            ["git", "-C", _, rest @ ..] | ["git", rest @ ..] => {
                rest.iter().find(|word| !word.starts_with('-'))
            }
            _ => return false,
        };
        !verb.is_none_or(|verb| matches!(*verb, "clone" | "config" | "init" | "lfs" | "version"))
    })
}

/// Go writes the revision into the program, where git is there to ask (`-buildvcs=auto`).
///
/// Source: go.dev/doc/go1.18, "go version control".
fn builds_go(model: &BuildModel, _: usize, run: &Instruction) -> bool {
    texts_of(model, run)
        .any(|text| runs(text, "go", &["build", "install"]) && !text.contains("-buildvcs=false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Demands {
        Demands::of(&BuildModel::of(text))
    }

    #[test]
    fn what_steps_install_is_told_by_their_commands() {
        for (run, maker, expected) in [
            ("npm ci --omit=dev", Maker::Node, true),
            ("npm --prefix=web install", Maker::Node, true),
            ("cd web && yarn && yarn build", Maker::Node, true),
            ("yarn --frozen-lockfile", Maker::Node, true),
            ("npm run build", Maker::Node, false),
            ("yarn build", Maker::Node, false),
            ("[\"npm\", \"ci\"]", Maker::Node, true),
            ("composer dump-autoload", Maker::Composer, false),
            ("composer install --no-dev", Maker::Composer, true),
            ("./mvnw -q package", Maker::Maven, true),
            ("apt-get install -y cargo", Maker::Cargo, false),
            ("cargo build --release", Maker::Cargo, true),
            ("pip3 install -r requirements.txt", Maker::Python, true),
            ("pipx list", Maker::Python, false),
        ] {
            let demands = of(&format!("FROM a\nRUN {run}\n"));
            assert_eq!(demands.makes(maker), expected, "{run}");
        }
    }

    #[test]
    fn a_name_is_no_variable() {
        for (text, expected) in [
            ("cp .env /app", true),
            ("--env-file=.env", true),
            ("config/.env\n", true),
            ("process.env", false),
            (".env.example", false),
            ("import.meta.env", false),
            ("os.environ", false),
        ] {
            assert_eq!(names_dotenv(text), expected, "{text}");
        }
    }
}
