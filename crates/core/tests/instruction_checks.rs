//! The instruction checks against the recorded verdicts of the real builder, and their ranges and messages.
//!
//! `fixtures/checks/expected.json` is what `docker build --check` said; `cargo xtask verdicts --record` writes it anew.

#![expect(clippy::disallowed_methods, reason = "the core touches no disk, but its tests read their fixtures")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use dockmend_core::syntax::{Dockerfile, SyntaxProblem};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/checks")
}

/// The text of a fixture, given without its extension.
fn fixture(name: &str) -> String {
    std::fs::read_to_string(folder().join(format!("{name}.Dockerfile"))).unwrap()
}

fn problems(text: &str) -> Vec<SyntaxProblem> {
    let file = Dockerfile::parse(text);
    let mut problems = file.problems().to_vec();
    problems.extend(file.check_instructions());
    problems
}

#[test]
fn verdicts_are_the_builder_s() {
    let recorded = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    let recorded: BTreeMap<String, Value> = serde_json::from_str(&recorded).unwrap();
    assert!(recorded.len() >= 300, "only {} verdicts are recorded", recorded.len());
    let mut wrong = Vec::new();
    for (name, expected) in &recorded {
        let name = name.trim_end_matches(".Dockerfile");
        let problems = problems(&fixture(name));
        let refused = expected["verdict"] == "refused";
        if problems.is_empty() == refused {
            let message = &expected["message"];
            wrong.push(format!("{name}: the builder says {message}, we say {problems:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "expected.json" || recorded.contains_key(&name), "{name} has no recorded verdict");
    }
}

#[test]
fn every_message_is_one_plain_sentence_about_a_place_in_the_file() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for problem in Dockerfile::parse(text.as_str()).check_instructions() {
            let shown = format!("{}: {problem:?}", path.display());
            assert!(!problem.message.ends_with('.') || problem.message.ends_with(" ."), "{shown}");
            assert!(!problem.message.contains('\n'), "{shown}");
            assert!(
                text.get(problem.range.start..problem.range.end).is_some_and(|words| !words.is_empty()),
                "{shown}"
            );
            assert_ne!(problem.suggestion.as_deref(), Some(problem.range.of(&text)), "{shown}");
        }
    }
}

/// The problems of a fixture, one a line: the words that are wrong, the message, and what was probably meant.
fn told(name: &str) -> String {
    let text = fixture(name);
    let mut told = String::new();
    for problem in Dockerfile::parse(text.as_str()).check_instructions() {
        write!(told, "[{}] {}", problem.range.of(&text), problem.message).unwrap();
        if let Some(suggestion) = problem.suggestion {
            write!(told, " -> {suggestion}").unwrap();
        }
        told.push('\n');
    }
    told
}

#[test]
fn the_words_that_are_wrong_are_named() {
    let cases = [
        ("unknown-instruction", "[FORM] FORM is no instruction -> FROM"),
        ("unknown-instruction-lower", "[coppy] coppy is no instruction -> copy"),
        ("unknown-first", "[APK] APK is no instruction"),
        ("only-args", "[ARG B] the file has no FROM, so there is nothing to build"),
        ("run-before-from", "[RUN] RUN stands before the first FROM, where only ARG may stand"),
        ("from-two-words", "[base] FROM takes an image, or an image, AS and a name -> AS base"),
        (
            "from-comment",
            "[# the base] FROM takes these words as arguments: a comment needs a line of its own",
        ),
        ("from-as-missing-name", "[AS] the stage name behind AS is missing"),
        (
            "from-name-symbol",
            "[b@se] \"b@se\" is no stage name; one begins with a letter and has only letters, digits and - _ .",
        ),
        ("from-upper-case", "[Alpine] the image name \"Alpine\" has upper case letters -> alpine"),
        ("from-bad-tag", "[alpine:-1] \"-1\" is no tag of an image"),
        ("from-undeclared-variable", "[$BASE] the image $BASE is empty: no ARG above the first FROM sets it"),
        (
            "from-undeclared-in-tag",
            "[alpine:${TAG}-x] the image is \"alpine:-x\", as no ARG above the first FROM sets TAG",
        ),
        ("from-open-brace", "[${BASE] a ${ is never closed"),
        (
            "from-platform-unknown",
            "[linus] \"linus\" is neither an operating system nor an architecture -> linux",
        ),
        ("copy-flag-mistyped", "[--chwon=a] COPY has no flag --chwon -> --chown=a"),
        ("copy-link-maybe", "[maybe] --link is \"maybe\", but it takes only true or false"),
        ("copy-link-twice", "[--link] the flag --link stands twice"),
        ("copy-flag-no-value", "[--chown] the flag --chown has no value"),
        (
            "copy-parents",
            "[--parents] COPY --parents needs a newer frontend than Docker's own; a # syntax= line can name one",
        ),
        ("copy-one-argument", "[a] COPY has a source but no destination"),
        ("copy-heredoc-destination", "[<<EOF] COPY takes no heredoc as its destination"),
        ("copy-heredoc-array", "[echo \"${list[@]}\"] unsupported modifier [ in a substitution"),
        ("copy-url-in-argument", "[$U/a] COPY takes no URL; ADD does"),
        ("copy-scp", "[git@example.com:a/b] COPY takes no Git repository; ADD does"),
        ("copy-chmod-nine", "[799] \"799\" is no mode such as 0755 or u=rwX,go=rX"),
        (
            "copy-from-later",
            "[b] the stage b begins further down; a stage can copy only from stages above it",
        ),
        ("copy-from-itself", "[a] a stage cannot copy from itself"),
        ("copy-from-number-large", "[2] there is no stage 2; the first one has the number 0"),
        (
            "copy-from-variable",
            "[$A] --from takes no variables; name a stage built FROM the variable instead",
        ),
        ("add-checksum-short", "[sha256:abc] \"sha256:abc\" is no checksum such as sha256:0a1b"),
        ("add-git-query-unknown", "[https://example.com/a.git?rev=b] a Git URL has no query \"rev\""),
        (
            "healthcheck-interval-number",
            "[30] --interval is \"30\", which is no duration such as 30s or 1m30s -> 30s",
        ),
        ("healthcheck-retries-negative", "[-1] --retries is \"-1\", but it cannot be negative"),
        ("healthcheck-no-cmd", "[curl] HEALTHCHECK takes CMD or NONE, not \"curl\" -> CMD curl"),
        ("healthcheck-cmd-empty", "[CMD] the command behind HEALTHCHECK CMD is missing"),
        (
            "shell-words",
            "[/bin/bash -c] SHELL takes only a JSON array, such as [\"/bin/sh\", \"-c\"] -> [\"/bin/bash\", \"-c\"]",
        ),
        ("volume-empty-string", "[\"\"] a path of VOLUME is empty"),
        ("expose-comma-end", "[80,] \"80,\" is no port; a port is a number up to 65535 -> 80"),
        ("expose-proto-bad", "[80/http] \"http\" is no protocol; there are tcp, udp and sctp -> 80/tcp"),
        ("expose-variable-bad", "[$P] \"web\" is no port; a port is a number up to 65535"),
        ("stopsignal-mistyped", "[SIGTREM] \"SIGTREM\" is no signal -> SIGTERM"),
        ("env-no-name", "[=a] a name of ENV is empty"),
        ("arg-empty", "[ARG] ARG needs at least one argument"),
        ("workdir-flag", "[--x] WORKDIR has no flags, so --x is unknown"),
        ("onbuild-onbuild", "[ONBUILD] ONBUILD cannot hold another ONBUILD"),
        ("onbuild-bad-copy-used", "[a] COPY has a source but no destination"),
        (
            "run-mount-type-mistyped",
            "[type=chache] \"chache\" is no type of mount; there are bind, cache, tmpfs, secret, ssh -> type=cache",
        ),
        ("run-mount-key-mistyped", "[tagret=/a] a mount has no field \"tagret\" -> target=/a"),
        (
            "run-mount-required-before-type",
            "[required] required does not fit a mount of type bind; the type has to stand before it",
        ),
        (
            "run-mount-from-later",
            "[from=b] the stage b begins further down; a stage can mount only from stages above it",
        ),
        (
            "run-network-unknown",
            "[nnoe] --network is \"nnoe\", but it takes only default, none, host -> none",
        ),
        (
            "check-option-unknown",
            "[# check=skpi=all] \"skpi\" is no check option; there are skip, experimental and error -> # check=skip=all",
        ),
        ("continued-flag", "[--chwon=a] COPY has no flag --chwon -> --chown=a"),
        (
            "several-problems",
            "[web] \"web\" is no port; a port is a number up to 65535\n[COPPY] COPPY is no instruction -> COPY\n\
             [a] COPY has a source but no destination\n[SIGFOO] \"SIGFOO\" is no signal",
        ),
    ];
    for (name, expected) in cases {
        assert_eq!(told(name).trim_end(), expected, "{name}");
    }
}

#[test]
fn a_suggestion_mends_the_file_or_leads_to_the_next_problem() {
    // What replaces the words of a range is written so that it can be applied as it stands.
    let names = [
        "unknown-instruction",
        "from-two-words",
        "from-as-mistyped",
        "from-upper-case",
        "copy-flag-mistyped",
        "shell-words",
        "expose-comma-end",
        "stopsignal-mistyped",
        "healthcheck-no-cmd",
        "healthcheck-interval-number",
        "run-mount-type-mistyped",
        "run-mount-key-mistyped",
        "run-network-unknown",
        "check-option-unknown",
        "from-platform-unknown",
        "copy-from-upper",
    ];
    for name in names {
        let mut text = fixture(name);
        let problems = problems(&text);
        let [problem] = problems.as_slice() else { panic!("{name}: {problems:?}") };
        let suggestion = problem.suggestion.as_deref().unwrap_or_else(|| panic!("{name}: {problem:?}"));
        text.replace_range(problem.range.start..problem.range.end, suggestion);
        let after = self::problems(&text);
        assert!(after.is_empty(), "{name}: {text:?} {after:?}");
    }
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

#[test]
fn no_mixture_of_the_fixtures_panics_or_gives_a_range_outside_of_the_file() {
    let texts: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "Dockerfile"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let bits =
        ["$", "{", "}", "\"", "'", "\\", "=", ",", ":", "/", "--", " ", "\n", "é", "\u{a0}", "<<E", "[", "@"];
    let mut numbers = Numbers(1);
    for _ in 0..20_000 {
        let mut text = texts[numbers.below(texts.len())].clone();
        for _ in 0..=numbers.below(3) {
            let other = &texts[numbers.below(texts.len())];
            let mut at = numbers.below(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            match numbers.below(3) {
                0 => text.insert_str(at, bits[numbers.below(bits.len())]),
                1 => text.insert_str(at, other),
                _ => text.truncate(at),
            }
        }
        for problem in Dockerfile::parse(text.as_str()).check_instructions() {
            assert!(text.get(problem.range.start..problem.range.end).is_some(), "{text:?} {problem:?}");
        }
    }
}
