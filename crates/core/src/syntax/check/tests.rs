//! Sources of trouble that need no recorded verdict.

use std::fmt::Write as _;

use crate::syntax::Dockerfile;

fn messages(text: &str) -> Vec<String> {
    Dockerfile::parse(text).check_instructions().into_iter().map(|problem| problem.message).collect()
}

#[test]
fn what_comes_from_outside_is_not_judged() {
    for text in [
        "ARG BASE\nFROM $BASE\n",
        "ARG BASE=\nFROM $BASE\n",
        "FROM alpine\nSTOPSIGNAL $SIGNAL\n",
        "FROM alpine\nARG PORT\nEXPOSE $PORT/$PROTOCOL\n",
        "FROM --platform=$BUILDPLATFORM alpine\n",
        "FROM app-$TARGETARCH\n",
        "FROM alpine\nCOPY --chmod=$MODE a b\n",
        "FROM alpine\nRUN --mount=type=$TYPE,size=1 true\n",
        "FROM alpine\nRUN --mount=type=cache true\n",
    ] {
        assert_eq!(messages(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_bad_substitution_is_bad_whatever_the_variables_are() {
    assert_eq!(messages("FROM alpine\nENV A=$OUTSIDE${x!}\n").len(), 1);
    assert_eq!(messages("FROM alpine\nCOPY <<E /x\n\"it's $OUTSIDE\n${x!}\nE\n").len(), 1);
}

#[test]
fn one_wrong_from_is_one_problem() {
    assert_eq!(messages("FORM alpine\nRUN a\nRUN b\n").len(), 1);
    assert_eq!(messages("RUN a\nRUN b\nFROM alpine\n").len(), 1);
}

#[test]
fn values_that_double_do_not_explode() {
    let mut text = "FROM scratch\nENV A=aaaaaaaa\n".to_owned();
    for _ in 0..2000 {
        text.push_str("ENV A=$A$A B=${A//a*/b}\n");
    }
    let refs = "$A".repeat(20_000);
    write!(text, "LABEL x={refs}\nLABEL y=${{A//*a/{refs}}}\n").unwrap();
    assert!(messages(&text).is_empty());
}

#[test]
fn long_chains_of_stages_are_walked_once() {
    let mut text = "FROM scratch AS s0\nONBUILD ENV A=1\n".to_owned();
    for stage in 1..3000 {
        writeln!(text, "FROM s{} AS s{stage}\nENV V{stage}=1\nLABEL a=$NOPE\nCOPY --from=s0 a b", stage - 1)
            .unwrap();
    }
    assert!(messages(&text).is_empty());
}

#[test]
fn many_heredocs_of_one_instruction_are_read_once() {
    let openers: String = (0..3000).fold(String::new(), |text, number| text + &format!("<<E{number} "));
    let bodies: String = (0..3000).fold(String::new(), |text, number| text + &format!("$a\nE{number}\n"));
    assert!(messages(&format!("FROM scratch\nCOPY {openers}/x/\n{bodies}")).is_empty());
}
