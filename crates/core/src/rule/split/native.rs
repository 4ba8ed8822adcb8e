//! C and C++: compilers that the distribution brings, and what is made with them.
//!
//! The final stage starts from the same image, without the packages that only compile; the libraries behind packages to
//! compile against stay (H066). The directory of the program comes over whole: what `make` makes in it is not known.

use super::compose::sibling_text;
use super::programs::{self, Language, Outputs};
use super::steps::{Command, Effect};
use super::{BuildStage, Runtime, Stack};
use crate::knowledge::Runner;
use crate::rule::Refusal;

pub(super) static STACK: Stack = Stack {
    words: &["make", "gcc", "g++", "clang", "configure", "meson", "ninja", "c++", "cc "],
    effect,
    saves: |stage| stage.subject.knowledge.runner(stage.base).is_some(),
    runtime,
};

/// Programs that compile below the directory that they run in.
const COMPILERS: &[&str] = &[
    "make",
    "gmake",
    "cmake",
    "ninja",
    "gcc",
    "g++",
    "cc",
    "c++",
    "clang",
    "clang++",
    "meson",
    "configure",
    "autoreconf",
    "autoconf",
    "automake",
    "autogen.sh",
    "bootstrap",
    "bootstrap.sh",
    "scons",
    "qmake",
    "ar",
    "ld",
    "ctest",
    "bear",
];

static LANGUAGE: Language = Language {
    sources: &[],
    manifests: &[],
    directories: &[],
    installed: &[],
    compilers: COMPILERS,
    starts: &[],
    may_be_whole: true,
};

fn effect(command: &Command<'_>) -> Option<Effect> {
    match command.program() {
        program if COMPILERS.contains(&program) && command.has(&["--version", "-v"]) => Some(Effect::Nothing),
        program if COMPILERS.contains(&program) => Some(Effect::Builds { inside: true }),
        _ => programs::effect_on_results(command),
    }
}

fn runtime(stage: &BuildStage<'_>) -> Result<Runtime, Refusal> {
    let mut outputs = Outputs::default();
    match stage.image.as_str() {
        // A Makefile that calls the go command.
        "golang" => return programs::runtime(stage, &super::go::LANGUAGE, outputs, Vec::new()),
        "debian" | "ubuntu" | "alpine" => {}
        _ => {
            let reason =
                format!("it is not known what a program that was compiled in `{}` runs on", stage.base);
            return Err(Refusal::hazard("H084", reason));
        }
    }
    for command in stage.commands().filter(|command| COMPILERS.contains(&command.program())) {
        if command.has(&["install", "--install"]) {
            let reason = "the build installs into the system, and it is not known what";
            return Err(Refusal::hazard("H080", reason));
        }
        let at = command.words.iter().position(|word| *word == "-o");
        let output = at.and_then(|at| command.words.get(at + 1)).and_then(|path| command.path(path));
        outputs.programs.extend(output.filter(|path| !stage.is_inside(path)));
    }
    let mut libraries = Vec::new();
    for path in stage.files()?.values() {
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_recipe =
            matches!(name, "Makefile" | "makefile" | "GNUmakefile" | "CMakeLists.txt" | "meson.build")
                || [".mk", ".cmake", ".am"].iter().any(|ending| name.ends_with(ending));
        let Some(text) = stage.read(path).filter(|_| is_recipe) else { continue };
        // Libraries that come with the compiler.
        if text.contains("fopenmp") || text.contains("OpenMP") {
            libraries.push("libgomp1".to_owned());
        }
        if text.contains("fsanitize") {
            return Err(Refusal::hazard("H066", format!("`{path}` links the program with a sanitizer")));
        }
    }
    libraries.sort();
    libraries.dedup();
    if stage.image == "alpine" && !libraries.is_empty() {
        return Err(Refusal::hazard("H066", "the program is linked with the library of OpenMP"));
    }
    let runner = Runner {
        base: sibling_text(stage)?,
        release: None,
        packages: Vec::new(),
        toolchain: "the compilers".to_owned(),
    };
    programs::runtime_on(stage, &LANGUAGE, outputs, libraries, &runner)
}
