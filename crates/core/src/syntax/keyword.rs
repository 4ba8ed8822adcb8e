//! The instructions' names.

macro_rules! keywords {
    ($($variant:ident $text:literal $doc:literal,)*) => {
        /// The name of an instruction.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Keyword {
            $(#[doc = $doc] $variant,)*
            /// A word that BuildKit does not know.
            Unknown,
        }

        impl Keyword {
            /// Every keyword that BuildKit knows.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The keyword that `word` spells, in whatever case.
            pub fn of(word: &str) -> Self {
                $(if is_spelled(word, $text) { return Self::$variant; })*
                Self::Unknown
            }

            /// The keyword in upper case; empty for [`Keyword::Unknown`].
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Unknown => "",
                }
            }
        }
    };
}

keywords! {
    Add "ADD" "`ADD`: copies files, fetches URLs and unpacks archives.",
    Arg "ARG" "`ARG`: a variable of the build.",
    Cmd "CMD" "`CMD`: the default command, or the arguments of the entry point.",
    Copy "COPY" "`COPY`: copies files from the context, a stage or an image.",
    Entrypoint "ENTRYPOINT" "`ENTRYPOINT`: the program a container starts.",
    Env "ENV" "`ENV`: a variable of the build and the container.",
    Expose "EXPOSE" "`EXPOSE`: a port the container listens on.",
    From "FROM" "`FROM`: begins a stage.",
    Healthcheck "HEALTHCHECK" "`HEALTHCHECK`: how to tell that the container works.",
    Label "LABEL" "`LABEL`: metadata of the image.",
    Maintainer "MAINTAINER" "`MAINTAINER`: the deprecated form of a label.",
    Onbuild "ONBUILD" "`ONBUILD`: an instruction for the stages built on this image.",
    Run "RUN" "`RUN`: runs a command while building.",
    Shell "SHELL" "`SHELL`: the shell of the instructions in shell form.",
    Stopsignal "STOPSIGNAL" "`STOPSIGNAL`: the signal that stops the container.",
    User "USER" "`USER`: the user of what follows and of the container.",
    Volume "VOLUME" "`VOLUME`: directories kept outside of the image.",
    Workdir "WORKDIR" "`WORKDIR`: the directory of what follows and of the container.",
}

/// Whether `word` is `keyword` once in lower case. Go's lower case of the Kelvin sign and of the dotted capital I is in
/// ASCII, so BuildKit takes even those.
fn is_spelled(word: &str, keyword: &str) -> bool {
    if word.is_ascii() {
        return word.eq_ignore_ascii_case(keyword);
    }
    let folded = word.chars().map(|character| match character {
        '\u{212a}' => 'K',
        '\u{130}' => 'I',
        _ => character.to_ascii_uppercase(),
    });
    folded.eq(keyword.chars())
}

impl Keyword {
    /// Whether the arguments are a command: a JSON array (exec form) or text for a shell (shell form).
    pub fn takes_command(self) -> bool {
        matches!(self, Self::Run | Self::Cmd | Self::Entrypoint | Self::Healthcheck)
    }

    /// Whether the instruction may be followed by heredocs.
    pub(crate) fn takes_heredocs(self) -> bool {
        matches!(self, Self::Run | Self::Copy | Self::Add)
    }
}

impl std::fmt::Display for Keyword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
