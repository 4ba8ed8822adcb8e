//! Cases for the reader of shell texts.

use proptest::prelude::*;

use super::quote::{is_plain_word, posix_quote};
use super::tree::Source;
use super::{
    Expansion, ExpansionKind, Item, Joiner, Keyword, Node, RedirectOp, Role, Script, Simple, Span, Trouble,
    Word, read_alone,
};

fn readable(text: &str) -> Script {
    let script = Script::parse(text);
    assert!(script.is_readable(), "{text:?}: {:?}", script.trouble());
    script
}

/// The commands as `name arg arg`, with `?` for a word that is not literal.
fn outline(script: &Script) -> Vec<String> {
    script.commands().map(outline_of).collect()
}

fn outline_of(simple: &Simple) -> String {
    let assignments = simple
        .assignments
        .iter()
        .map(|assignment| format!("{}={}", assignment.name, assignment.value.value().unwrap_or("?")));
    let words = simple.words.iter().map(|word| word.value().unwrap_or("?").to_owned());
    assignments.chain(words).collect::<Vec<_>>().join(" ")
}

#[test]
fn commands_are_found_at_any_depth() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("   ", &[]),
        ("\n\n", &[]),
        ("# only a comment", &[]),
        ("a", &["a"]),
        ("a;", &["a"]),
        ("a # b && c", &["a"]),
        ("x a#b #c", &["x a#b"]),
        ("a && b || c; d &", &["a", "b", "c", "d"]),
        ("a&&b||c;d&e", &["a", "b", "c", "d", "e"]),
        ("a | b |& c", &["a", "b", "c"]),
        ("! a b", &["a b"]),
        ("! a | b", &["a", "b"]),
        ("( a; b ) && { c; d; }", &["a", "b", "c", "d"]),
        ("if a; then b; elif c; then d; else e; fi", &["a", "b", "c", "d", "e"]),
        ("for x in 1 2; do echo $x; done", &["echo ?"]),
        ("for x; do a; done", &["a"]),
        ("for ((i=0;i<3;i++)); do a; done", &["a"]),
        ("while a; do b; done", &["a", "b"]),
        ("until a\ndo b\ndone", &["a", "b"]),
        ("case $x in a|b) c ;; *) d;; esac", &["c", "d"]),
        ("case x in a) ;; (b) c\nesac", &["c"]),
        ("f() { a; }; f", &["a", "f"]),
        ("function f { a; } && f", &["a", "f"]),
        ("[ -f /x ] && a", &["[ -f /x ]", "a"]),
        ("test -f /x && a", &["test -f /x", "a"]),
        ("[[ $a == b && ! -f c ]] && d", &["d"]),
        ("(( a + 1 )) && b", &["b"]),
        ("echo $((1<<2))", &["echo ?"]),
        ("echo $(a b) `c`", &["echo ? ?"]),
        ("time a b", &["time a b"]),
        ("sudo -E apt-get update", &["sudo -E apt-get update"]),
        ("A=b C='d e' f g", &["A=b C=d e f g"]),
        ("A=b", &["A=b"]),
        ("A= b", &["A= b"]),
        ("env A=b c", &["env A=b c"]),
        ("export A=b C", &["export A=b C"]),
        ("unset A", &["unset A"]),
        ("> f", &[""]),
        ("2>/dev/null a b >c d", &["a b d"]),
        ("echo if then", &["echo if then"]),
        ("find . -name x -exec rm {} \\;", &["find . -name x -exec rm {} ;"]),
        ("find . -exec rm {} +", &["find . -exec rm {} +"]),
        ("a &&\n\n b", &["a", "b"]),
        ("a |\n b", &["a", "b"]),
        ("a \\\n  b\\\n  c", &["a b c"]),
        ("apk add git `# for composer` curl", &["apk add git ? curl"]),
        ("set -eux; a", &["set -eux", "a"]),
        ("cat <<E\nx && y\nE\nb", &["cat", "b"]),
        ("cat <<E && b\nx\nE\n", &["cat", "b"]),
        ("cat <<-'E' | b\n\t$x\n\tE\nc", &["cat", "b", "c"]),
        ("a <<< b c", &["a c"]),
        ("ä \u{1F433}", &["ä \u{1F433}"]),
        // A blank to some, a letter to a shell; and a character that the scanner of the grammar must not see.
        ("a\u{3000}b c\r", &["a\u{3000}b c\r"]),
        ("a {\u{10FFFF}", &["a {\u{10FFFF}"]),
    ];
    for (text, expected) in cases {
        assert_eq!(outline(&readable(text)), *expected, "{text:?}");
    }
}

#[test]
fn words_lose_their_quotes() {
    // The word, its value, and whether it is quoted.
    let cases: &[(&str, Option<&str>, bool)] = &[
        ("abc", Some("abc"), false),
        ("'a b'", Some("a b"), true),
        ("\"a b\"", Some("a b"), true),
        ("a\"b\"'c'", Some("abc"), true),
        ("''", Some(""), true),
        (r"a\ b", Some("a b"), true),
        (r"\\", Some("\\"), true),
        (r"'a\b'", Some(r"a\b"), true),
        (r#""\$\`\"\\""#, Some("$`\"\\"), true),
        (r#""\a\n""#, Some(r"\a\n"), true),
        ("\"a\\\nb\"", Some("ab"), true),
        ("a\\\nb", Some("ab"), false),
        (r"\$x", Some("$x"), true),
        ("'$x'", Some("$x"), true),
        ("$", Some("$"), false),
        ("a$", Some("a$"), false),
        ("\"^a$\"", Some("^a$"), true),
        ("$x", None, false),
        ("\"$x\"", None, true),
        ("${x:-y}", None, false),
        ("a${x}b", None, false),
        ("$(b)", None, false),
        ("`b`", None, false),
        ("$((1+1))", None, false),
        ("$'a'", None, true),
        ("$\"a\"", None, true),
        ("*.txt", None, false),
        ("'*'.txt", Some("*.txt"), true),
        (r"\*.txt", Some("*.txt"), true),
        ("a[bc]", None, false),
        ("'a[bc]'", Some("a[bc]"), true),
        ("a?", None, false),
        ("~", None, false),
        ("~/x", None, false),
        ("'~'/x", Some("~/x"), true),
        ("HEAD~1", Some("HEAD~1"), false),
        ("x=~/y", None, false),
        ("{a,b}", None, false),
        ("x{1..3}", None, false),
        ("{}", Some("{}"), false),
        ("'{a,b}'", Some("{a,b}"), true),
        ("a=b", Some("a=b"), false),
        ("a=b==1.0", Some("a=b==1.0"), false),
        ("%!^+,:@", Some("%!^+,:@"), false),
    ];
    for (text, value, quoted) in cases {
        let script = readable(&format!("x {text}"));
        let command = script.commands().next().expect("a command");
        let [word] = command.args() else { panic!("{text:?}: {:?}", command.words) };
        assert_eq!(word.value(), *value, "{text:?}");
        assert_eq!(word.quoted, *quoted, "{text:?}");
        assert_eq!(word.raw(), *text);
        assert_eq!(word.span, 2..2 + text.len());
    }
}

#[test]
fn words_name_what_they_hold() {
    let script = readable("x *$A\"${B:-$C}\"$(d $E)~ ~/{a,b}");
    let command = script.commands().next().expect("a command");
    let [first, second] = command.args() else { panic!("{:?}", command.words) };
    assert!(first.has_glob && !first.has_tilde && !first.has_brace);
    assert!(second.has_tilde && second.has_brace && !second.has_glob);
    let [a, b, d] = first.expansions.as_slice() else { panic!("{first:?}") };
    assert!(
        matches!(&a.kind, ExpansionKind::Parameter { name, modifier, .. } if name == "A" && modifier.is_empty())
    );
    assert!(!a.quoted);
    let ExpansionKind::Parameter { name, modifier, nested } = &b.kind else { panic!("{b:?}") };
    assert_eq!((name.as_str(), modifier.as_str(), nested.len(), b.quoted), ("B", ":-$C", 1, true));
    assert!(matches!(&d.kind, ExpansionKind::Command(items) if items.len() == 1));
    assert_eq!(first.substitutions().count(), 1);
    let all: Vec<_> = script.all_commands().map(outline_of).collect();
    assert_eq!(all, ["x ? ?", "d ?"]);
    assert!(script.all_commands().nth(1).is_some_and(|inner| inner.context.in_substitution));
}

#[test]
fn joiners_and_their_places() {
    let script = readable("a && b || c; d & e\nf;");
    let joiners: Vec<_> = script
        .list()
        .iter()
        .map(|item| item.joiner.as_ref().map(|join| (join.kind, join.span.clone(), join.line_break)))
        .collect();
    assert_eq!(
        joiners,
        [
            None,
            Some((Joiner::And, 2..4, false)),
            Some((Joiner::Or, 7..9, false)),
            Some((Joiner::Sequence, 11..12, false)),
            Some((Joiner::Background, 15..16, false)),
            Some((Joiner::Sequence, 18..19, true)),
        ]
    );
    let last = script.list().last().expect("a last item");
    assert_eq!(last.semicolon, Some(20..21));
    assert_eq!(script.list()[3].background, Some(15..16));
    assert!(last.background.is_none());
}

#[test]
fn contexts_tell_where_a_command_runs() {
    let script = readable("a | b; (c); { d; }; if e; then f; fi; g && h & ! i; j() { k; }; l");
    let find =
        |name| script.commands().find(|command| command.name() == Some(name)).expect("a command").context;
    assert!(find("a").in_pipeline && find("b").in_pipeline);
    assert!(find("c").in_subshell && !find("c").in_group);
    assert!(find("d").in_group && !find("d").in_compound);
    assert!(find("e").in_condition && find("e").in_compound);
    assert!(find("f").in_compound && !find("f").in_condition);
    assert!(find("g").in_background && find("h").in_background);
    assert!(find("i").negated && !find("i").in_pipeline && !find("i").in_background);
    assert!(find("k").in_function);
    assert_eq!(find("l"), super::Context::default());
}

#[test]
fn redirections_keep_descriptor_operator_and_target() {
    let cases: &[(&str, Option<&str>, RedirectOp, &str)] = &[
        ("a > f", None, RedirectOp::Write, "f"),
        ("a >>f", None, RedirectOp::Append, "f"),
        ("a 2>&1", Some("2"), RedirectOp::DuplicateOut, "1"),
        ("a 2>/dev/null", Some("2"), RedirectOp::Write, "/dev/null"),
        ("a >&2", None, RedirectOp::DuplicateOut, "2"),
        ("a &> f", None, RedirectOp::Both, "f"),
        ("a &>> f", None, RedirectOp::BothAppend, "f"),
        ("a < f", None, RedirectOp::Read, "f"),
        ("a >| f", None, RedirectOp::Clobber, "f"),
        ("a <<< 'b c'", None, RedirectOp::HereString, "b c"),
        ("{ a; } > f", None, RedirectOp::Write, "f"),
        ("( a ) > f", None, RedirectOp::Write, "f"),
        ("while a; do b; done > f", None, RedirectOp::Write, "f"),
    ];
    for (text, descriptor, operator, target) in cases {
        let script = readable(text);
        let redirects = match &script.list()[0].node {
            Node::Simple(simple) => &simple.redirects,
            Node::Group(block) | Node::Subshell(block) => &block.redirects,
            Node::Compound(compound) => &compound.redirects,
            other => panic!("{other:?}"),
        };
        let [redirect] = redirects.as_slice() else { panic!("{text:?}: {redirects:?}") };
        assert_eq!(redirect.descriptor.clone().map(|span| &text[span]), *descriptor, "{text:?}");
        assert_eq!(redirect.operator, *operator, "{text:?}");
        assert_eq!(redirect.target.value(), Some(*target), "{text:?}");
    }
}

#[test]
fn here_documents_know_their_bodies() {
    let text = "cat <<A <<'B' >f && b\none $x\nA\ntwo\nB\nc";
    let script = readable(text);
    let docs: Vec<_> = script
        .commands()
        .flat_map(|command| &command.redirects)
        .filter_map(|redirect| redirect.here_doc.as_ref())
        .map(|doc| (doc.delimiter.as_str(), doc.literal, &text[doc.body.clone()], &text[doc.end.clone()]))
        .collect();
    assert_eq!(docs, [("A", false, "one $x\n", "A"), ("B", true, "two\n", "B")]);
    assert_eq!(outline(&script), ["cat", "b", "c"]);
    let nested = readable("a \"$(cat <<E\nx\nE\n)\" b");
    assert_eq!(outline(&nested), ["a ? b"]);
}

#[test]
fn compound_commands_keep_their_parts() {
    let script = readable("case \"$x\" in a|b) c;; *) d;; esac");
    let Node::Compound(case) = &script.list()[0].node else { panic!("{script:?}") };
    assert_eq!((case.keyword, case.words[0].raw()), (Keyword::Case, "\"$x\""));
    let patterns: Vec<Vec<_>> =
        case.sections.iter().map(|arm| arm.patterns.iter().map(Word::raw).collect()).collect();
    assert_eq!(patterns, [vec!["a", "b"], vec!["*"]]);
    let script = readable("if a; then b; elif c; then d; else e; fi");
    let Node::Compound(branch) = &script.list()[0].node else { panic!("{script:?}") };
    let roles: Vec<_> = branch.sections.iter().map(|section| section.role).collect();
    assert_eq!(roles, [Role::Condition, Role::Body, Role::Condition, Role::Body, Role::Else]);
    let script = readable("[[ -f a || $b =~ ^(x|y)$ ]] && c");
    let Node::Compound(test) = &script.list()[0].node else { panic!("{script:?}") };
    assert_eq!((test.keyword, test.words.len()), (Keyword::Test, 6));
}

#[test]
fn what_is_no_shell_is_not_readable() {
    let cases = [
        "a &&",
        "&& a",
        "a | | b",
        "(a",
        "a)",
        "'a",
        "\"a",
        "`a",
        "$(a",
        "${a",
        "$((1+",
        "if a; then b",
        "a; ; b",
        "fi",
        "{ a",
        "a; }",
        "cat <<E",
        "cat <<E\nx\n",
        "case x in a",
        "a >",
        "()",
        "for; do a; done",
        "! ",
        "a \0",
        "echo $[1+1]",
        "a b()",
        "$\\\nx",
        "$a\\\nb",
        "2\\\n>f",
        "i\\\nf",
        "coproc a",
        "while do a; done",
    ];
    for text in cases {
        let script = Script::parse(text);
        assert!(!script.is_readable(), "{text:?}: {script:?}");
        assert_eq!(script.commands().count(), 0);
        assert_eq!(script.canonical(), text);
    }
}

#[test]
fn deep_nesting_ends_early_and_wide_lists_do_not() {
    for (open, close) in
        [("( ", ")"), ("$(", ")"), ("{ ", ";}"), ("\"$(", ")\""), ("${a:-", "}"), ("a=(", ")")]
    {
        let text = open.repeat(10_000) + "a" + &close.repeat(10_000);
        assert!(!Script::parse(&text).is_readable(), "{open:?}");
        let text = open.repeat(10_000);
        assert!(!Script::parse(&text).is_readable(), "{open:?}");
    }
    for opening in
        ["if ", "if a; then ", "case a in b) ", "f() ", "! ", "<(", "$((", "`", "'", "<<a ", "a=(", "&"]
    {
        assert!(!Script::parse(&opening.repeat(9_999)).is_readable(), "{opening:?}");
    }
    assert!(matches!(Script::parse(&"( ".repeat(100)).trouble(), Some(Trouble::TooDeep { .. })));
    let wide = vec!["a"; 5_000].join(" && ");
    assert_eq!(readable(&wide).list().len(), 5_000);
    let error = "(( find | xargs rm || true )) && ".repeat(2_000) + "a";
    assert_eq!(Script::parse(&error).trouble(), Some(Trouble::Grammar));
    assert_eq!(Script::parse(&"a ".repeat(50_000)).trouble(), Some(Trouble::TooLarge));
    let arms = "if a; then b; ".to_owned() + &"elif c; then d; ".repeat(2_000) + "fi";
    assert_eq!(readable(&arms).commands().count(), 4_002);
    // Assignments inside substitutions inside assignments: each level is read once.
    let nested = "A=$(".repeat(15) + "a" + &")".repeat(15);
    assert_eq!(readable(&nested).all_commands().count(), 16);
}

#[test]
fn canonical_ignores_only_what_no_shell_sees() {
    let same = [
        ("a  b", "a b"),
        (" a\tb ", "a b"),
        ("a \\\n b", "a b"),
        ("a\\\n b", "a b"),
        ("a b\\\nc", "a bc"),
        ("a&&b", "a && b"),
        ("a &&\n\n  b", "a && b"),
        ("a;\n\nb", "a; b"),
        ("a\n\n\nb\n", "a\nb"),
        ("a|b", "a |\n b"),
        ("(a;b)", "( a; b )"),
        ("{ a;b; }", "{ a; b\n}"),
        ("if a\nthen b\nfi", "if a; then b; fi"),
        ("a $(b  c)", "a $(b c)"),
        ("a \"$( b  c )\"", "a \"$(b c)\""),
        ("a >f", "a > f"),
        ("a 2> f", "a 2>f"),
        ("case x in a) b;; esac", "case x in\n a) b ;;\nesac"),
        ("cat <<E && b\nx\nE\n", "cat <<E &&\nx\nE\n b"),
        ("a=(1  2)", "a=(1 2 )"),
        ("f() { a; }", "f ()\n{ a; }"),
    ];
    for (left, right) in same {
        assert_eq!(readable(left).canonical(), readable(right).canonical(), "{left:?} {right:?}");
    }
    let different = [
        ("a b", "ab"),
        ("a 'b  c'", "a 'b c'"),
        ("a \"b  c\"", "a \"b c\""),
        ("a 'b'", "a b"),
        ("a; b", "a && b"),
        ("a; b", "a & b"),
        ("a; b", "a\nb"),
        ("a;", "a"),
        ("a &", "a"),
        ("a | b", "a |& b"),
        ("! a", "a"),
        ("(a)", "{ a; }"),
        ("a >f 2>&1", "a 2>&1 >f"),
        ("a 2 >f", "a 2>f"),
        ("a >f b", "a b >f"),
        ("A=b c", "A= b c"),
        ("cat <<E\nx\nE\n", "cat <<E\n x\nE\n"),
        ("cat <<E\nx\nE\n", "cat <<'E'\nx\nE\n"),
        ("a $(b)", "a `b`"),
        ("a $(b)", "a \"$(b)\""),
        ("while a; do b; done", "until a; do b; done"),
        ("for x in; do a; done", "for x; do a; done"),
        ("if a; then b; else c; fi", "if a; then b; elif c; then d; fi"),
        ("a # b", "a # c"),
        ("a # b", "a"),
        ("case x in a) b;; esac", "case x in a|c) b;; esac"),
        ("a \\ b", "a b"),
    ];
    for (left, right) in different {
        assert_ne!(Script::parse(left).canonical(), Script::parse(right).canonical(), "{left:?} {right:?}");
    }
}

#[test]
fn canonical_of_parts() {
    let script = readable("A=1  b   >f 'c  d' &&  { e;f; } # g");
    let parts: Vec<_> = script.list().iter().map(Item::canonical).collect();
    assert_eq!(parts, ["A=1 b >f 'c  d'", "{ e; f; }"]);
    assert_eq!(script.command_canonical(), "A=1 b >f 'c  d' && { e; f; }");
    assert_eq!(script.canonical(), "A=1 b >f 'c  d' && { e; f; }\n# g");
    assert_eq!(script.comments(), std::slice::from_ref(&(32..35)));
    let words: Vec<_> = script.commands().flat_map(|command| &command.words).map(Word::canonical).collect();
    assert_eq!(words, ["b", "'c  d'", "e", "f"]);
}

#[test]
fn assignments_are_split() {
    let text = "A=b+c D+=e F[0]=g H=~/x I=*.txt J=(k l) m N=o";
    let script = readable(text);
    let command = script.commands().next().expect("a command");
    let found: Vec<_> = command
        .assignments
        .iter()
        .map(|part| {
            (part.name.as_str(), part.append, part.subscript, part.value.value(), &text[part.span.clone()])
        })
        .collect();
    assert_eq!(
        found,
        [
            ("A", false, false, Some("b+c"), "A=b+c"),
            ("D", true, false, Some("e"), "D+=e"),
            ("F", false, true, Some("g"), "F[0]=g"),
            ("H", false, false, None, "H=~/x"),
            ("I", false, false, Some("*.txt"), "I=*.txt"),
            ("J", false, false, None, "J=(k l)"),
        ]
    );
    assert_eq!(command.literal_words(), Some(vec!["m".to_owned(), "N=o".to_owned()]));
}

/// Asserts that the spans of a list lie in `outer`, in order, on character boundaries.
fn check_list(text: &str, items: &[Item], outer: &Span) {
    let mut at = outer.start;
    for item in items {
        if let Some(join) = &item.joiner {
            check_span(text, &join.span, &(at..outer.end));
            at = at.max(join.span.end);
        }
        let span = item.node.span();
        check_span(text, &span, &(at..outer.end));
        check_node(text, &item.node);
        at = span.end;
    }
}

fn check_span(text: &str, span: &Span, outer: &Span) {
    assert!(
        span.start <= span.end && outer.start <= span.start && span.end <= outer.end,
        "{span:?} in {outer:?}"
    );
    assert!(text.get(span.clone()).is_some(), "{span:?} of {text:?}");
}

fn check_node(text: &str, node: &Node) {
    let outer = node.span();
    match node {
        Node::Simple(simple) => {
            for assignment in &simple.assignments {
                check_span(text, &assignment.span, &outer);
                check_word(text, &assignment.value, &assignment.span);
            }
            for word in &simple.words {
                check_word(text, word, &outer);
            }
            for redirect in &simple.redirects {
                check_span(text, &redirect.span, &outer);
                check_word(text, &redirect.target, &redirect.span);
                if let Some(doc) = &redirect.here_doc {
                    check_span(text, &doc.body, &(0..text.len()));
                    check_span(text, &doc.end, &(0..text.len()));
                }
            }
        }
        Node::Pipeline(pipeline) => {
            assert_eq!(pipeline.commands.len(), pipeline.pipes.len() + 1);
            for command in &pipeline.commands {
                check_span(text, &command.span(), &outer);
                check_node(text, command);
            }
        }
        Node::Subshell(block) | Node::Group(block) => check_list(text, &block.body, &outer),
        Node::Compound(compound) => {
            for word in &compound.words {
                check_word(text, word, &outer);
            }
            for section in &compound.sections {
                check_list(text, &section.items, &outer);
            }
        }
        Node::Other { span } => check_span(text, span, &(0..text.len())),
    }
}

fn check_word(text: &str, word: &Word, outer: &Span) {
    check_span(text, &word.span, outer);
    assert_eq!(&text[word.span.clone()], word.raw());
    check_expansions(text, &word.expansions, &word.span);
}

fn check_expansions(text: &str, expansions: &[Expansion], outer: &Span) {
    for expansion in expansions {
        check_span(text, &expansion.span, outer);
        match &expansion.kind {
            ExpansionKind::Command(items) | ExpansionKind::Process(items) => {
                check_list(text, items, &expansion.span);
            }
            ExpansionKind::Parameter { nested, .. } | ExpansionKind::Arithmetic { nested } => {
                check_expansions(text, nested, &expansion.span);
            }
            ExpansionKind::Array(elements) => {
                for element in elements {
                    check_word(text, element, &expansion.span);
                }
            }
            ExpansionKind::Opaque | ExpansionKind::Dollar => {}
        }
    }
}

fn check(text: &str) {
    let script = Script::parse(text);
    check_list(text, script.list(), &(0..text.len()));
    let canonical = script.canonical();
    if script.is_readable() {
        // Only the own reading must be the same: the grammar may read a text and stumble over its canonical form.
        let source = Source(canonical.as_str().into());
        let (items, lexer) = read_alone(&source, &canonical).expect(text);
        let again = Script { source, items: items.into(), comments: lexer.comments.into(), trouble: None };
        assert_eq!(again.canonical(), canonical, "{text:?}");
        assert_eq!(outline(&again), outline(&script), "{text:?}");
    }
}

/// Texts made of pieces that mean something to a shell, so that many of them are readable.
fn shell_like() -> impl Strategy<Value = String> {
    let pieces = vec![
        "a",
        "b",
        "1",
        " ",
        " ",
        " ",
        "\n",
        "\\\n",
        ";",
        "&&",
        "||",
        "|",
        "&",
        "(",
        ")",
        "{ ",
        "; }",
        "$(",
        "`",
        "\"",
        "'",
        "$x",
        "${x:-",
        "}",
        "$((",
        "))",
        "<<E",
        "\nE\n",
        ">",
        "2>&1",
        "<<<",
        "#",
        "\\",
        "=",
        "if ",
        "; then ",
        "; fi",
        "for x in ",
        "; do ",
        "; done",
        "case x in ",
        " ;; ",
        "esac",
        "! ",
        "[ ",
        " ]",
        "[[ ",
        " ]]",
        "é",
        "*",
        "~",
        "A=",
        "f() ",
        "$'",
        "{a,b}",
        "<(",
        "\t",
        "\r",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn shell_like_texts_keep_their_canonical_form(text in shell_like()) {
        check(&text);
    }

    #[test]
    fn any_word_can_be_quoted(word in "[^\0]*") {
        let text = format!("x {}", posix_quote(&word));
        let script = Script::parse(&text);
        // The grammar may stumble over an odd character; the own reading must not misread one.
        if script.is_readable() {
            let words = script.commands().next().and_then(Simple::literal_words);
            prop_assert_eq!(words, Some(vec!["x".to_owned(), word.clone()]));
        }
        prop_assert_eq!(is_plain_word(&word), posix_quote(&word) == word);
    }
}
