//! What a COPY takes, by the words of the Dockerfile reference.

use super::*;
use crate::context::{ContextFiles, MemoryFiles};
use crate::model::lost_files;

fn context() -> MemoryFiles {
    MemoryFiles::new([
        ("Dockerfile", ""),
        ("package.json", "{}"),
        ("package-lock.json", "{}"),
        ("src/main.js", ""),
        ("src/lib/a.js", ""),
        ("docs/a.md", ""),
        ("x/one/z.txt", ""),
        ("x/two/z.txt", ""),
    ])
}

fn copied_in(files: &dyn ContextFiles, text: &str) -> Option<Vec<(String, String)>> {
    let model = BuildModel::of(text);
    let view = ContextView::new(files, Some("Dockerfile".to_owned()));
    let last = model.file().instructions().len() - 1;
    let copied = FileView::new(&view).copied(&model, last)?;
    Some(copied.into_iter().map(|file| (file.path, file.target)).collect())
}

#[test]
fn a_copy_takes_what_the_reference_says() {
    for (copy, wanted) in [
        // A file, to a name, to a directory, and to the working directory however it is written.
        ("package.json /app/p.json", "package.json=/app/p.json"),
        ("package.json /app/", "package.json=/app/package.json"),
        ("package.json .", "package.json=/srv/app/package.json"),
        ("package.json ./", "package.json=/srv/app/package.json"),
        ("package.json /srv/app", "package.json=/srv/app/package.json"),
        ("package.json /srv", "package.json=/srv/package.json"),
        ("package.json sub/p.json", "package.json=/srv/app/sub/p.json"),
        ("package.json ../p.json", "package.json=/srv/p.json"),
        ("package.json sub/..", "package.json=/srv/app/package.json"),
        // A directory's contents, and not the directory.
        ("src ./", "src/lib/a.js=/srv/app/lib/a.js src/main.js=/srv/app/main.js"),
        ("src /code", "src/lib/a.js=/code/lib/a.js src/main.js=/code/main.js"),
        ("/src/ /code/", "src/lib/a.js=/code/lib/a.js src/main.js=/code/main.js"),
        ("./src/lib /", "src/lib/a.js=/a.js"),
        // Several sources, of both kinds.
        ("package.json docs dir/", "docs/a.md=/srv/app/dir/a.md package.json=/srv/app/dir/package.json"),
        // Patterns do not cross a slash, and take the contents of the directories that they match.
        (
            "package*.json ./",
            "package-lock.json=/srv/app/package-lock.json package.json=/srv/app/package.json",
        ),
        ("packag?.json ./", "package.json=/srv/app/package.json"),
        ("*.js ./", ""),
        ("doc* /d/", "docs/a.md=/d/a.md"),
        ("x/* /d/", "x/one/z.txt=/d/z.txt x/two/z.txt=/d/z.txt"),
        ("nothing* ./", ""),
        // --parents keeps the directories, those behind a `/./` only.
        ("--parents x/one/z.txt /d/", "x/one/z.txt=/d/x/one/z.txt"),
        ("--parents x/./one/z.txt /d/", "x/one/z.txt=/d/one/z.txt"),
        ("--parents src/lib /d/", "src/lib/a.js=/d/src/lib/a.js"),
        // What is no file of the context adds nothing.
        ("https://example.com/x package.json ./", "package.json=/srv/app/package.json"),
        // Names from variables that are known.
        ("$FILE $TO/", "docs/a.md=/to/a.md"),
        (r#"["package.json", "/a b/"]"#, "package.json=/a b/package.json"),
    ] {
        let text = format!("FROM scratch\nENV FILE=docs/a.md TO=/to\nWORKDIR /srv/app\nCOPY {copy}\n");
        let copied = copied_in(&context(), &text).unwrap_or_else(|| panic!("{copy}: not known"));
        let got: Vec<String> = copied.into_iter().map(|(path, target)| format!("{path}={target}")).collect();
        assert_eq!(got.join(" "), wanted, "{copy}");
    }
}

#[test]
fn what_cannot_be_told_is_unknown() {
    for copy in [
        "$UNSET ./",
        "src $UNSET",
        "--exclude=*.md . ./",
        "../outside ./",
        // One match would become the target, unless the target is there.
        "package*.json /to",
    ] {
        let text = format!("FROM node:20\nWORKDIR /app\nARG UNSET\nCOPY {copy}\n");
        assert_eq!(copied_in(&context(), &text), None, "{copy}");
    }
    assert_eq!(copied_in(&crate::context::NoContext, "FROM node:20\nCOPY . .\n"), None);
    assert_eq!(copied_in(&context(), "FROM node:20\nCOPY --from=other . .\n"), None);
}

#[test]
fn an_unknown_directory_is_the_same_as_itself_and_no_other() {
    let targets = |text: &str| copied_in(&context(), text).unwrap()[0].1.clone();
    let first = targets("FROM example.com/own\nCOPY docs .\n");
    assert_eq!(first, targets("FROM example.com/own\nRUN true\nCOPY docs ./\n"));
    assert_ne!(first, targets("FROM example.com/own\nWORKDIR sub\nCOPY docs ./\n"));
}

#[test]
fn ignored_files_are_not_there() {
    let files =
        MemoryFiles::new([("a", ""), ("b", ""), (".dockerignore", "b\n.dockerignore"), ("Dockerfile", "")]);
    let copied = copied_in(&files, "FROM scratch\nCOPY . /\n").unwrap();
    assert_eq!(
        copied,
        [("Dockerfile".to_owned(), "/Dockerfile".to_owned()), ("a".to_owned(), "/a".to_owned())]
    );
    let files =
        MemoryFiles::new([("a", ""), (".dockerignore", "a"), ("Dockerfile.dockerignore", "Dockerfile*")]);
    let copied = copied_in(&files, "FROM scratch\nCOPY a /\n").unwrap();
    assert_eq!(copied, [("a".to_owned(), "/a".to_owned())], "the Dockerfile's own ignore file stands alone");
}

#[test]
fn a_run_sees_what_was_copied_before_it_and_in_the_stages_below() {
    let text = "FROM scratch AS base\nCOPY docs /d/\nFROM base\nCOPY package.json /p/\nRUN a\nCOPY src /s/\n";
    let model = BuildModel::of(text);
    let files = context();
    let view = ContextView::new(&files, None);
    let seen = FileView::new(&view).visible(&model, 4).unwrap();
    let paths: Vec<&str> = seen.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["docs/a.md", "package.json"]);
}

#[test]
fn a_run_that_moves_up_loses_files_and_the_end_stays_the_same() {
    let files = context();
    let view = ContextView::new(&files, None);
    let files = FileView::new(&view);
    let before = BuildModel::of("FROM scratch\nCOPY . /a/\nRUN x\n");
    let after = BuildModel::of("FROM scratch\nCOPY package.json /a/\nRUN x\nCOPY . /a/\n");
    let lost = lost_files(&before, &after, &files);
    let [Delta::VisibleFilesLost { instruction: 2, before: 8, kept }] = lost.as_slice() else {
        panic!("{lost:?}")
    };
    assert_eq!(kept, &["package.json"]);
    assert_eq!(same_at_the_end(&before, &after, &files), Some(true));
    let other = BuildModel::of("FROM scratch\nCOPY package.json /b/\nRUN x\nCOPY . /a/\n");
    assert_eq!(same_at_the_end(&before, &other, &files), Some(false));
}

#[test]
fn of_two_files_for_one_place_the_later_stays() {
    let files = context();
    let view = ContextView::new(&files, None);
    let files = FileView::new(&view);
    let one = BuildModel::of("FROM scratch\nCOPY x/one /d/\nCOPY x/two /d/\n");
    let other = BuildModel::of("FROM scratch\nCOPY x/two /d/\nCOPY x/one /d/\n");
    assert_eq!(same_at_the_end(&one, &other, &files), Some(false));
}

#[test]
fn sources_are_those_of_copies_and_bind_mounts() {
    for (line, wanted) in [
        ("COPY a b /c/", Some(vec!["a", "b"])),
        ("COPY --from=x a /c", Some(vec![])),
        ("RUN true", Some(vec![])),
        ("RUN --mount=type=cache,target=/x true", Some(vec![])),
        ("RUN --mount=type=bind,source=go.mod,target=go.mod true", Some(vec!["go.mod"])),
        ("RUN --mount=target=. true", Some(vec!["/"])),
        ("RUN --mount=type=bind,from=x,source=a,target=b true", Some(vec![])),
        ("COPY $NOT_KNOWN /c", None),
    ] {
        let model = BuildModel::of(&format!("FROM node:20\n{line}\n"));
        let sources = context_sources(&model, 1);
        assert_eq!(sources.as_deref().map(|s| s.iter().map(String::as_str).collect()), wanted, "{line}");
    }
}

#[test]
fn the_pattern_of_a_source_is_none_of_an_ignore_file() {
    use crate::context::DockerIgnore;
    for (source, path, takes) in [
        ("!a*", "!ab", true),
        ("#a*", "#ab", true),
        ("a**", "ab", true),
        ("**/c", "a/c", true),
        ("**/c", "a/b/c", false),
    ] {
        let pattern = DockerIgnore::parse(&super::as_ignore_pattern(source));
        assert_eq!(pattern.is_ignored(path), takes, "{source} {path}");
    }
}
