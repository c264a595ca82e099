//! `docs/security.md` names the tests that cover each threat, and `docs/reliability.md` those for whatever breaks, or says why
//! there is none: what they name is a test, and for what breaks one that says what of the operator was taken out to see it fail.

use std::fs;

use crate::docs::{files_below, root};
use crate::outcomes::{quoted, rows};

/// What stands in a row that has no test for the threat, or not for all of it.
const NO_TEST: &str = "no test: ";

/// The functions in a file that are run as tests.
fn tests(source: &str) -> Vec<&str> {
    let (mut found, mut is_marked) = (Vec::new(), false);
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_marked = true;
        } else if is_marked && let Some((_, rest)) = line.split_once("fn ") {
            is_marked = false;
            found.extend(rest.split(['(', '<']).next());
        }
    }
    found
}

/// `tests/scenarios/NAME.txt` that is there, or `FILE.rs::TEST` with that test in that file.
fn is_test(name: &str) -> bool {
    let Some((path, test)) = name.split_once("::") else {
        return files_below(&root().join("tests/scenarios"), "txt").contains(&root().join(name));
    };
    fs::read_to_string(root().join(path)).is_ok_and(|source| tests(&source).contains(&test))
}

/// What stands at the head of a scenario, or of the test in that file: comments, and what marks it as a test.
fn head(name: &str) -> String {
    let Some((path, test)) = name.split_once("::") else {
        let script = fs::read_to_string(root().join(name)).unwrap();
        return script.lines().take_while(|line| line.starts_with('#')).collect();
    };
    let source = fs::read_to_string(root().join(path)).unwrap();
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.contains(&format!("fn {test}("))).unwrap();
    let is_head = |line: &&&str| line.starts_with("///") || line.starts_with("#[");
    lines[..at].iter().rev().take_while(is_head).copied().collect()
}

#[test]
fn tests_for_what_breaks_say_what_makes_them_fail() {
    let page = fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let named: Vec<_> = rows(&page, "what breaks").iter().flat_map(|row| quoted(row[2])).map(str::to_owned).collect();
    assert!(named.len() > 40, "the table was read: {named:?}");
    let silent: Vec<_> = named.into_iter().filter(|name| !head(name).contains("Fails")).collect();
    assert!(silent.is_empty(), "these do not say it: {silent:#?}");
}

#[test]
fn a_test_is_told_from_what_is_none() {
    for name in [
        "tests/scenarios/retain.txt",
        "tests/it/threats.rs::a_test_is_told_from_what_is_none",
        "tests/it/policy.rs::the_operator_may_write_no_more_than_status_and_its_finalizer_on_a_real_api_server",
        "src/clouds/signature.rs::an_encoded_word_decodes_to_itself_and_needs_no_further_encoding",
    ] {
        assert!(is_test(name), "{name}");
    }
    for name in [
        "retain.txt",
        "tests/scenarios/never-written.txt",
        "tests/it/main.rs",
        "tests/it/threats.rs::is_test",
        "tests/it/never_written.rs::a_test_is_told_from_what_is_none",
        "tests/it/threats.rs::a_test_is_told",
    ] {
        assert!(!is_test(name), "{name}");
    }
}

#[test]
fn every_threat_and_fault_names_tests_that_there_are_or_says_why_there_is_none() {
    let mut wrong = Vec::new();
    for (page, column, least) in [("docs/security.md", "threat", 20), ("docs/reliability.md", "what breaks", 15)] {
        let page = fs::read_to_string(root().join(page)).unwrap();
        let threats = rows(&page, column);
        assert!(threats.len() > least, "the table was read: {threats:?}");
        wrong.extend(threats.iter().flat_map(|row| faults_of(row)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with a row.
fn faults_of(row: &[&str]) -> Vec<String> {
    let [threat, _, tests] = row[..] else { panic!("a row has three cells: {row:?}") };
    let named: Vec<_> = quoted(tests).collect();
    let is_explained = tests.split_once(NO_TEST).is_some_and(|(_, why)| why.len() > 10);
    let mut wrong = Vec::new();
    if named.is_empty() && !is_explained {
        wrong.push(format!("{threat}: neither a test nor why there is none"));
    }
    wrong.extend(named.into_iter().filter(|name| !is_test(name)).map(|name| format!("{threat}: no test {name}")));
    wrong
}
