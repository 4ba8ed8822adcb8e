//! What may stand on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use dockmend_core::rule::Severity;

/// Mends Dockerfiles: finds what is wrong, rewrites it, and shows that nothing else changed.
#[derive(Debug, Parser)]
#[command(
    name = "dockmend",
    version,
    after_help = "Examples:
  dockmend check                          all Dockerfiles below this folder
  dockmend fix api/Dockerfile             apply what is proven safe
  dockmend rewrite user order api         apply two great rewrites by name
  dockmend why api/Dockerfile root-user   what was seen, and what stands in the way

Exit codes: 0 all is well; 1 findings at --fail-on; 2 wrong usage or
configuration; 3 some file could not be processed (the others were).
Colours follow the terminal, NO_COLOR and CLICOLOR_FORCE."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find what is wrong, and change nothing
    Check(CheckArguments),
    /// Apply the fixes that are proven to change nothing else
    Fix(FixArguments),
    /// Apply great rewrites; naming one is the consent
    Rewrite(RewriteArguments),
    /// Say what a rule saw in a file, and which condition failed
    Why(WhyArguments),
    /// Show the page of a rule or hazard
    Explain(ExplainArguments),
    /// List the rules
    Rules(RulesArguments),
    /// Serve an editor over standard input and output (Language Server Protocol)
    Lsp,
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
}

/// Which rules are on, and from where the files are built.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Choice {
    /// Only these rules, whatever the configuration says (ids or aliases such as DL3015; `all` for every rule)
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Not these rules
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    /// The build context of all files: a folder or a URL [default: from the configuration, compose and bake files, else
    /// the folder of each Dockerfile]
    #[arg(long, value_name = "DIR")]
    pub(crate) context: Option<String>,
}

/// What is said about a text from standard input.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Stdin {
    /// The name of the file that comes from standard input: it is shown, and its configuration applies
    #[arg(long, value_name = "FILE")]
    pub(crate) stdin_filename: Option<PathBuf>,
}

/// How the result is told.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Report {
    /// Exit with 1 when something of this severity, or a worse one, is there
    #[arg(long, value_name = "SEVERITY", default_value = "error")]
    pub(crate) fail_on: FailOn,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: Format,
}

/// The severities, and never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Would not build, or is a definite secret
    Error,
    /// Costs safety or speed, and is certain
    Warning,
    /// Worth knowing
    Hint,
    /// Never
    Never,
}

impl FailOn {
    /// Whether a finding of this severity makes the run fail.
    pub(crate) fn includes(self, severity: Severity) -> bool {
        match self {
            Self::Error => severity >= Severity::Error,
            Self::Warning => severity >= Severity::Warning,
            Self::Hint => severity >= Severity::Hint,
            Self::Never => false,
        }
    }
}

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// For programs; the schema is versioned and described in docs/json.md
    Json,
}

/// `dockmend check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dockmend check
  dockmend check --fail-on warning services/ build/prod.Dockerfile
  dockmend check --select root-user,DL3015 --context . docker/Dockerfile
  dockmend check --format json - < Dockerfile")]
pub(crate) struct CheckArguments {
    /// Dockerfiles, folders to walk, or `-` for standard input
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) choice: Choice,
    #[command(flatten)]
    pub(crate) stdin: Stdin,
    #[command(flatten)]
    pub(crate) report: Report,
}

/// `dockmend fix`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dockmend fix
  dockmend fix --diff api/Dockerfile
  dockmend fix --unsafe-fixes --ignore DL3015 api
  dockmend fix --stdin-filename api/Dockerfile - < api/Dockerfile   the fixed text goes to standard output")]
pub(crate) struct FixArguments {
    /// Dockerfiles, folders to walk, or `-` for standard input
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// Show the changes as a unified diff, and write nothing
    #[arg(long)]
    pub(crate) diff: bool,
    /// Apply fixes that change how the image is built or run, too
    #[arg(long)]
    pub(crate) unsafe_fixes: bool,
    #[command(flatten)]
    pub(crate) choice: Choice,
    #[command(flatten)]
    pub(crate) stdin: Stdin,
    #[command(flatten)]
    pub(crate) report: Report,
}

/// `dockmend rewrite`.
#[derive(Debug, Args)]
#[command(
    override_usage = "dockmend rewrite [OPTIONS] NAME... PATH\n       dockmend rewrite --diff [NAME...] PATH",
    after_help = "Examples:
  dockmend rewrite user order api/Dockerfile
  dockmend rewrite all api/Dockerfile             apply everything that is ready
  dockmend rewrite --diff api/Dockerfile          preview it
  dockmend rewrite --prove all api/Dockerfile     build before and after, and write what holds
`dockmend rules` lists the names."
)]
pub(crate) struct RewriteArguments {
    /// The rewrites to apply (`all` for every one), and last the Dockerfile or folder
    #[arg(value_name = "NAME... PATH", required = true)]
    pub(crate) names_and_path: Vec<String>,
    /// Show the changes as a unified diff, and write nothing
    #[arg(long)]
    pub(crate) diff: bool,
    /// Build before and after with your Docker engine, print what differs as a table for a pull request, and write only
    /// what builds
    #[arg(long)]
    pub(crate) prove: bool,
    /// With --prove: an option for `docker build`, such as --build-option=--build-arg=VERSION=1
    #[arg(long, value_name = "OPTION", requires = "prove")]
    pub(crate) build_option: Vec<String>,
    #[command(flatten)]
    pub(crate) choice: Choice,
    #[command(flatten)]
    pub(crate) report: Report,
}

/// `dockmend why`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dockmend why api/Dockerfile root-user
  dockmend why api/Dockerfile DL3015")]
pub(crate) struct WhyArguments {
    /// The Dockerfile, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The rule, by its id or an alias
    #[arg(value_name = "RULE")]
    pub(crate) rule: String,
    /// The build context: a folder or a URL
    #[arg(long, value_name = "DIR")]
    pub(crate) context: Option<String>,
    #[command(flatten)]
    pub(crate) stdin: Stdin,
}

/// `dockmend explain`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dockmend explain apt-recommends
  dockmend explain DL3015
  dockmend explain H001")]
pub(crate) struct ExplainArguments {
    /// The rule, by its id or an alias, or the hazard that a refusal names (H001)
    #[arg(value_name = "RULE")]
    pub(crate) rule: String,
}

/// `dockmend rules`.
#[derive(Debug, Args)]
pub(crate) struct RulesArguments {
    /// How to print the list
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: Format,
}

/// `dockmend completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  dockmend completions bash > /etc/bash_completion.d/dockmend")]
pub(crate) struct CompletionsArguments {
    /// The shell
    pub(crate) shell: Shell,
}
