//! The builder's rules as tables. The cases cover those that `moby/patternmatcher` tests itself with, and the
//! ones that people coming from gitignore get wrong (hazard H130).

use proptest::prelude::*;

use super::super::MemoryFiles;
use super::*;

fn ignored(patterns: &[&str], path: &str) -> bool {
    let ignore = DockerIgnore::parse(&patterns.join("\n"));
    assert_eq!(ignore.check(), Ok(()), "{patterns:?}");
    ignore.is_ignored(path)
}

#[test]
fn one_pattern() {
    let ignores: &[(&str, &[&str], &[&str])] = &[
        // (pattern, ignored, kept)
        ("**", &["x", "d/x", "d/", "d/e/x"], &[]),
        ("**/", &["x", "d/x"], &[]),
        ("**/**", &["d/x", "x"], &[]),
        ("*", &["x", "d/x", ".x"], &[]),
        (".*", &[".env", ".git/config"], &["env", "a/.env"]),
        ("d", &["d", "d/x", "d/e/x"], &["e/d", "dd", "d.txt"]),
        ("d/", &["d", "d/x"], &["e/d"]),
        ("/d", &["d", "d/x"], &["e/d"]),
        ("./d", &["d"], &["e/d"]),
        ("//d//e/", &["d/e", "d/e/f"], &["d"]),
        ("a/../d", &["d"], &["a"]),
        ("d/*", &["d/x", "d/e/x"], &["d", "x"]),
        ("d/**", &["d/x", "d/e/x"], &["d", "de/x"]),
        ("**/d", &["d", "d/x", "a/d", "a/b/d/x"], &["ad", "a/bd", "dd"]),
        ("**/d/*", &["a/d/x", "d/x", "a/b/d/x/y"], &["d", "a/d", "x"]),
        ("**/d/**", &["a/d/b/x", "d/x"], &["d", "a/d", "x"]),
        ("**d", &["d", "a/d", "ad", "a/b/cd"], &["da"]),
        ("**/x*", &["x", "a/b/x.txt", "xy"], &["ax"]),
        // With a wildcard at the end, `**` only stands before whole parts of a path.
        ("**x*", &["x", "a/x1"], &["ax"]),
        ("**/x*t", &["a/b/x.txt", "xt"], &["a/x.tx"]),
        ("**/x*.t*", &["a/x.txt"], &["a/x"]),
        ("**/**/*.txt", &["x.txt", "a/b/x.txt"], &["x.txt2"]),
        ("**/*.go", &["m.go", "a/b/m.go"], &["m.gox", "go"]),
        (
            "**/node_modules",
            &["node_modules", "web/node_modules/p/i.js"],
            &["node_modules2", "xnode_modules"],
        ),
        ("node_modules", &["node_modules/p"], &["web/node_modules/p"]),
        ("a**/*.txt", &["a/x.txt", "a/b/c/x.txt"], &["x.txt"]),
        ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab", "a/xb", "a"]),
        ("a/*/b", &["a/x/b"], &["a/b", "a/x/y/b"]),
        ("a/*.txt", &["a/x.txt"], &["a/b/x.txt"]),
        ("a/*.txt**", &["a/x.txt", "a/x.txt.d/y"], &["a/x"]),
        ("a**", &["a", "ab", "a/b", "ab/c"], &["b"]),
        ("*/*/x", &["a/b/x"], &["a/x", "x"]),
        ("a?c", &["abc", "a☺c"], &["ac", "a/c", "abbc"]),
        ("a???c", &["axyzc"], &["a☺c"]),
        ("a*c", &["ac", "abbc"], &["a/c"]),
        ("a*", &["a", "abc", "ab/c"], &["ba"]),
        ("a*/b", &["abc/b", "a/b"], &["a/c/b"]),
        ("a*b*c*d*e*/f", &["axbxcxdxe/f", "axbxcxdxexxx/f"], &["axbxcxdxe/xxx/f", "axbxcxdxexxx/ff"]),
        ("a*b?c*x", &["abxbbxdbxebxczzx"], &["abxbbxdbxebxczzy"]),
        ("a[b-d]e", &["ace", "abe"], &["ae", "aae", "aCe"]),
        // Negation in brackets does not stop at a slash.
        ("a[^b-d]e", &["aze", "a☺e", "a/e"], &["ace"]),
        ("a[!b]e", &["a!e", "abe"], &["ace"]),
        ("[a-ζ]*", &["α"], &["Z"]),
        ("*[a-z]", &["Az"], &["A"]),
        ("[.]env", &[".env"], &["xenv"]),
        ("[\\]a]", &["]", "a"], &["b"]),
        ("[\\-x]", &["-", "x"], &["a"]),
        ("[x\\-z]", &["-", "x", "z"], &["y"]),
        ("[[:digit:]]", &["1"], &["a", ":]", ":"]),
        // A wildcard closes the brackets it stands in: `[x`, `^`, `/`, any number of them, then `]`.
        ("[x*]", &["xx]", "]", "[^]"], &["x", "*"]),
        ("a.b", &["a.b"], &["axb"]),
        ("a(b)c/d", &["a(b)c/d"], &["abc/d"]),
        ("a.|)$(}+{b*", &["a.|)$(}+{bc"], &["a"]),
        ("p-2.4+g0a-py3.whl", &["p-2.4+g0a-py3.whl"], &["p-2x4+g0a-py3.whl"]),
        ("^a", &["^a"], &["a"]),
        ("^a*", &["ab"], &["^ab"]),
        ("a^b*", &[], &["a^b", "ab"]),
        ("a\\*b", &["a*b"], &["ab", "axb"]),
        ("a\\\\", &["a\\"], &["a"]),
        ("\\!x", &["!x"], &["x"]),
        ("\\#x", &["#x"], &["x"]),
        (" #x", &["#x"], &["x"]),
        ("  x  ", &["x"], &[" x", "x  "]),
        ("x\r", &["x"], &[]),
        ("a b", &["a b"], &["a"]),
        // Neither names anything that a context holds.
        (".", &[], &[".", "", "x"]),
        ("..", &[], &["x", "../x"]),
        ("../x", &[], &["x"]),
        ("/", &[], &["x"]),
        ("a/..", &[], &["a", "x"]),
        ("#x", &[], &["#x", "x"]),
        ("", &[], &["x"]),
        ("!x", &[], &["x"]),
        ("X", &["X"], &["x"]),
    ];
    for (pattern, lost, kept) in ignores {
        for path in *lost {
            assert!(ignored(&[pattern], path), "{pattern:?} should ignore {path:?}");
        }
        for path in *kept {
            assert!(!ignored(&[pattern], path), "{pattern:?} should keep {path:?}");
        }
    }
}

#[test]
fn the_last_match_decides() {
    let cases: &[(&[&str], &str, bool)] = &[
        (&["docs", "!docs/a.md"], "docs/a.md", false),
        (&["docs", "!docs/a.md"], "docs/b.md", true),
        (&["docs/", "!docs/a.md"], "docs/a.md", false),
        (&["docs/*", "!docs/a.md"], "docs/a.md", false),
        (&["!a.go", "*.go"], "a.go", true),
        (&["*.go", "!a.go"], "a.go", false),
        (&["*.md", "!README*.md", "README-secret.md"], "README-secret.md", true),
        (&["*.md", "README-secret.md", "!README*.md"], "README-secret.md", false),
        (&["**", "!u/d/web"], "u/d/web/foo", false),
        (&["**", "!u/d/web"], "u/d", true),
        (&["**", "!u/d/web", "u/d/web/foo"], "u/d/web/foo", true),
        (&["**", "!dist/*.whl"], "dist/p-1+g0.whl", false),
        (&["*", "!src"], "src/a/b", false),
        (&["*", "!src", "**/*.o"], "src/a/b.o", true),
        (&["**/node_modules", "!node_modules/keep"], "node_modules/keep/x", false),
        (&["**/node_modules", "!node_modules/keep"], "web/node_modules/keep/x", true),
        (&["a", "! a/b"], "a/b", false),
        (&["a", "!/a/b/"], "a/b/c", false),
        (&["a", "!./a/b"], "a/b", false),
        // Nothing is ignored yet when the walk enters `a`, so the exception is not tried on it, and below it
        // the exception does not match by itself.
        (&["a/b", "!a"], "a/b", true),
        (&["a", "a/b", "!a"], "a/b", false),
        // The walk skips `a/x`: with its wildcards cut off, the exception does not lead there.
        (&["*", "!a/*/**"], "a/x/y", true),
        (&["*", "!a/*/**", "!**/nothing"], "a/x/y", false),
        (&["*", "!a/**"], "a/x/y", false),
        // Cleaning brings a second `!` to the front.
        (&["x", "/!x"], "x", false),
        (&["!!x"], "!x", false),
        (&["*", "!!x"], "!x", false),
    ];
    for (patterns, path, wanted) in cases {
        assert_eq!(ignored(patterns, path), *wanted, "{patterns:?} on {path:?}");
    }
}

#[test]
fn lines_are_read_as_the_builder_reads_them() {
    let text = "\u{feff}# mark before a comment\n\none\r\n/two\n a/b/ \n #not a comment\n! /up/../three\n";
    let ignore = DockerIgnore::parse(text);
    assert_eq!(ignore.problems(), []);
    let read: Vec<_> =
        ignore.patterns().iter().map(|p| (p.line, p.text.as_str(), p.cleaned.as_str(), p.negated)).collect();
    assert_eq!(
        read,
        [
            (3, "one", "one", false),
            (4, "/two", "two", false),
            (5, "a/b/", "a/b", false),
            (6, "#not a comment", "#not a comment", false),
            (7, "! /up/../three", "three", true),
        ]
    );
    assert_eq!(DockerIgnore::parse("\u{feff}a").patterns()[0].cleaned, "a");
    assert_eq!(DockerIgnore::parse("a\n\u{feff}b").patterns()[1].cleaned, "\u{feff}b");
}

#[test]
fn what_the_builder_refuses_names_its_line() {
    use PatternProblemKind as Kind;
    for (pattern, kind) in [
        ("!", Kind::EmptyException),
        ("! ", Kind::EmptyException),
        ("!/", Kind::EmptyException),
        ("[", Kind::Syntax),
        ("a[", Kind::Syntax),
        ("[]a]", Kind::Syntax),
        ("[^]", Kind::Syntax),
        ("[^bc", Kind::Syntax),
        ("[-]", Kind::Syntax),
        ("[-x]", Kind::Syntax),
        ("[x-]", Kind::Syntax),
        ("[a-b-c]", Kind::Syntax),
        ("\\", Kind::Syntax),
        ("a\\ ", Kind::Syntax),
        ("[a/b", Kind::Syntax),
        ("[Local-Only]/", Kind::Range),
        ("[[:nope:]]", Kind::Range),
        ("a\\q", Kind::Escape),
        ("a\\1", Kind::Escape),
    ] {
        let ignore = DockerIgnore::parse(&format!("ok\n{pattern}\nfine\n"));
        let problem = ignore.check().unwrap_err();
        assert_eq!((problem.line, problem.kind), (2, kind), "{pattern:?}");
        assert_eq!(ignore.patterns().len(), 2, "{pattern:?}");
        assert!(problem.to_string().starts_with("line 2: "), "{problem}");
    }
    let long = "x".repeat(LONGEST_LINE);
    assert_eq!(DockerIgnore::parse(&long).check().unwrap_err().kind, Kind::TooLong);
    assert_eq!(DockerIgnore::parse(&long[1..]).check(), Ok(()));
}

#[test]
fn a_windows_path_is_pointed_at() {
    let ignore = DockerIgnore::parse("bin\\debug\n");
    assert_eq!(ignore.check(), Ok(()));
    assert_eq!(ignore.problems()[0].kind, PatternProblemKind::BackslashLetter);
    assert!(ignore.is_ignored("bin7ebug"));
    assert!(!ignore.is_ignored("bin/debug"));
}

#[test]
fn the_deciding_pattern_is_named() {
    let ignore = DockerIgnore::parse("a\n!a/b\n*.md\n!README.md\n");
    let line = |path| ignore.explain(path).map(|pattern| (pattern.line, pattern.negated));
    assert_eq!(line("a/x"), Some((1, false)));
    assert_eq!(line("a/b/c"), Some((2, true)));
    assert_eq!(line("x.md"), Some((3, false)));
    assert_eq!(line("README.md"), Some((4, true)));
    assert_eq!(line("src"), None);
    assert_eq!(line(""), None);
    assert!(ignore.has_exceptions());
}

#[test]
fn the_ignore_file_beside_the_dockerfile_wins() {
    assert_eq!(ignore_file_for("Dockerfile"), ["Dockerfile.dockerignore", ".dockerignore"]);
    assert_eq!(ignore_file_for("./a/b.dockerfile"), ["a/b.dockerfile.dockerignore", ".dockerignore"]);
    assert_eq!(ignore_file_for("../Dockerfile"), ["../Dockerfile.dockerignore", ".dockerignore"]);

    let files =
        MemoryFiles::new([("Dockerfile.dockerignore", ""), (".dockerignore", "x"), ("web/Dockerfile", "")]);
    let found = |files: &MemoryFiles, path| find_ignore_file(files, path).present().map(|(path, _)| path);
    assert_eq!(found(&files, "Dockerfile").as_deref(), Some("Dockerfile.dockerignore"));
    assert_eq!(found(&files, "web/Dockerfile").as_deref(), Some(".dockerignore"));
    assert!(find_ignore_file(&MemoryFiles::default(), "Dockerfile").is_absent());
    let hidden = MemoryFiles::new([(".dockerignore", "x")]).with_unreadable("Dockerfile.dockerignore", 1);
    assert!(find_ignore_file(&hidden, "Dockerfile").is_unknown());
    assert!(find_ignore_file(&super::super::NoContext, "Dockerfile").is_unknown());
}

#[test]
fn hostile_patterns_cost_their_length() {
    // Backtracking would need more than the age of the universe for these.
    let path = "a".repeat(4000);
    let deep = "a/".repeat(2000) + "a";
    for pattern in
        ["*a".repeat(60) + "b", "**/a/".repeat(60) + "b", "[a-z]*".repeat(60) + "b", "*".repeat(301)]
    {
        let ignore = DockerIgnore::parse(&pattern);
        let _ = ignore.is_ignored(&path);
        let _ = ignore.is_ignored(&deep);
    }
    assert!(!DockerIgnore::parse(&("*a".repeat(60) + "*b")).is_ignored(&path));
    assert!(DockerIgnore::parse(&("*a".repeat(60) + "*")).is_ignored(&path));
    let _ = DockerIgnore::parse(&"[[:".repeat(20_000));
}

/// A matcher by recursion for patterns without brackets, escapes and `**`, against which the steps are held.
fn plainly(pattern: &[char], path: &[char]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, _) => path.is_empty(),
        (Some(('*', rest)), _) => {
            plainly(rest, path)
                || path.split_first().is_some_and(|(c, tail)| *c != '/' && plainly(pattern, tail))
        }
        (Some(('?', rest)), Some((c, tail))) => *c != '/' && plainly(rest, tail),
        (Some((wanted, rest)), Some((c, tail))) => wanted == c && plainly(rest, tail),
        (Some(_), None) => false,
    }
}

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,60}(\n\\PC{0,20}){0,4}", path in "\\PC{0,40}") {
        let ignore = DockerIgnore::parse(&text);
        let _ = ignore.is_ignored(&path);
        for pattern in ignore.patterns() {
            let _ = ignore.is_ignored(&pattern.cleaned);
        }
    }

    #[test]
    fn nothing_panics_on_what_looks_like_patterns(text in "[-!*?/\\[\\]\\\\^a-c.:\n# ]{0,40}", path in "[a-c/.]{0,12}") {
        let ignore = DockerIgnore::parse(&text);
        let _ = ignore.explain(&path);
    }

    #[test]
    fn steps_agree_with_recursion(pattern in "[ab]([*?]?[ab/]){0,6}[*]?[ab]", path in "[ab]([ab/]{0,2}[ab]){0,5}") {
        let pattern = clean(&pattern);
        let glob = Glob::compile(&pattern).unwrap();
        let chars: Vec<char> = path.chars().collect();
        prop_assert_eq!(glob.matches(&path), plainly(&pattern.chars().collect::<Vec<_>>(), &chars));
        let along = glob.matches_along(&path);
        let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).chain([path.len()]).collect();
        let wanted: Vec<bool> = ends.iter().map(|&end| glob.matches(&path[..end])).collect();
        prop_assert_eq!(along, wanted);
    }

    #[test]
    fn asking_and_walking_agree(
        patterns in prop::collection::vec("!?(\\*\\*/)?[abc*](/[abc*]){0,2}(/\\*\\*)?", 0..5),
        paths in prop::collection::vec("[abc](/[abc]){0,3}", 1..8),
    ) {
        let ignore = DockerIgnore::parse(&patterns.join("\n"));
        let files = MemoryFiles::new(paths.iter().map(|path| (path, "")));
        let found = super::super::walk(&files, Some(&ignore), 1000).present().unwrap();
        let all = super::super::walk(&files, None, 1000).present().unwrap();
        for one in all.iter().filter(|one| one.entry.kind == super::super::EntryKind::File) {
            let sent = found.iter().any(|found| found.path == one.path);
            prop_assert_eq!(sent, !ignore.is_ignored(&one.path), "{:?} {}", &patterns, &one.path);
        }
    }
}
