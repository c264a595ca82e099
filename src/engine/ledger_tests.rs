//! What goes, what is held back, and what is remembered of both.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::constant(1_000_000 + second, 0)
}

fn of(target: &str, principal: &str) -> HeldRevocation {
    HeldRevocation { target: target.to_owned(), principal: principal.to_owned(), access: vec!["SUBMIT_JOB".to_owned()] }
}

const TWO_IN_A_MINUTE: Option<Limit> = Some(Limit { count: 2, window: Duration::from_mins(1) });

/// Asks for these principals of namespace `team` on target `q`, of which there are no others.
fn ask(ledger: &Ledger, limit: Option<Limit>, names: &[&str], released: Option<&str>, second: i64) -> Answer {
    let asked: Vec<_> = names.iter().map(|name| ("team".to_owned(), of("q", name))).collect();
    ask_of(ledger, limit, "q", &asked, released, second)
}

fn ask_of(
    ledger: &Ledger,
    limit: Option<Limit>,
    target: &str,
    revocations: &[(String, HeldRevocation)],
    released: Option<&str>,
    second: i64,
) -> Answer {
    let about: BTreeSet<&str> = revocations.iter().map(|(_, one)| one.principal.as_str()).collect();
    let question = Question { target, revocations, about: &about, principals: Some(&about), released, now: at(second) };
    ledger.answer(limit, &question)
}

fn held(ledger: &Ledger) -> Vec<&str> {
    let held = ledger.held.iter().flat_map(|held| &held.revocations);
    held.map(|one| one.principal.as_str()).collect()
}

fn id(ledger: &Ledger) -> &str {
    ledger.held.as_ref().map_or("", |held| &held.id)
}

#[test]
fn as_many_go_as_the_limit_says_and_more_when_the_window_has_passed() {
    let first = ask(&Ledger::default(), TWO_IN_A_MINUTE, &["a", "b", "c", "d"], None, 0);
    assert_eq!(first.goes, [true, true, false, false]);
    assert_eq!(held(&first.ledger), ["c", "d"]);
    assert_eq!(first.again_at, Some(at(60)));
    let early = ask(&first.ledger, TWO_IN_A_MINUTE, &["c", "d"], None, 59);
    assert_eq!(early.goes, [false, false]);
    assert_eq!(early.ledger, first.ledger, "nothing to write");
    let late = ask(&first.ledger, TWO_IN_A_MINUTE, &["c", "d"], None, 60);
    assert_eq!(late.goes, [true, true]);
    assert_eq!(late.ledger.held, None);
}

#[test]
fn each_namespace_has_its_own_share() {
    let asked = ["a", "b", "c"].map(|name| ("team".to_owned(), of("q", name)));
    let other = [("other".to_owned(), of("q", "d"))];
    let answer = ask_of(&Ledger::default(), TWO_IN_A_MINUTE, "q", &[&asked[..], &other].concat(), None, 0);
    assert_eq!(answer.goes, [true, true, false, true]);
}

#[test]
fn a_limit_of_none_holds_all_and_no_limit_none() {
    let none = Some(Limit { count: 0, window: Duration::MAX });
    let answer = ask(&Ledger::default(), none, &["a"], None, 0);
    assert_eq!((answer.goes.as_slice(), held(&answer.ledger)), ([false].as_slice(), vec!["a"]));
    let lifted = ask(&answer.ledger, None, &["a"], None, 1);
    assert_eq!((lifted.goes.as_slice(), lifted.ledger), ([true].as_slice(), Ledger::default()));
}

#[test]
fn an_id_lets_go_exactly_what_it_stood_for() {
    let none = Some(Limit { count: 0, window: Duration::from_mins(1) });
    let before = ask(&Ledger::default(), none, &["a", "b"], None, 0).ledger;
    let released = id(&before).to_owned();
    let first = ask(&before, none, &["a", "b", "c"], Some(&released), 1);
    assert_eq!(first.goes, [true, true, false]);
    assert_eq!((id(&first.ledger), held(&first.ledger)), (&*released, vec!["a", "b"]), "c came later, and waits");
    let half_done = ask(&first.ledger, none, &["b", "c"], Some(&released), 2);
    assert_eq!(half_done.goes, [true, false]);
    assert_eq!((id(&half_done.ledger), held(&half_done.ledger)), (&*released, vec!["b"]), "as after a restart");
    let done = ask(&half_done.ledger, none, &["c"], Some(&released), 3);
    assert_eq!((done.goes.as_slice(), held(&done.ledger)), ([false].as_slice(), vec!["c"]));
    assert_ne!(id(&done.ledger), released);
    assert_eq!(ask(&done.ledger, none, &["c"], Some(&released), 4).goes, [false]);
}

#[test]
fn an_id_does_not_stand_for_the_same_at_another_time() {
    let none = Some(Limit { count: 0, window: Duration::from_mins(1) });
    let first = ask(&Ledger::default(), none, &["a"], None, 0).ledger;
    let gone = ask(&first, none, &[], Some(id(&first)), 1).ledger;
    assert_eq!(gone.held, None);
    let again = ask(&gone, none, &["a"], Some(id(&first)), 2);
    assert_eq!(again.goes, [false]);
    assert_ne!(id(&again.ledger), id(&first));
}

#[test]
fn what_another_access_would_be_taken_of_is_another_revocation() {
    let none = Some(Limit { count: 0, window: Duration::from_mins(1) });
    let first = ask(&Ledger::default(), none, &["a"], None, 0).ledger;
    let more = HeldRevocation { access: vec!["RESTART".to_owned(), "SUBMIT_JOB".to_owned()], ..of("q", "a") };
    let answer = ask_of(&first, none, "q", &[("team".to_owned(), more)], Some(id(&first)), 1);
    assert_eq!(answer.goes, [false]);
}

#[test]
fn targets_and_principals_that_are_not_asked_about_stay_listed() {
    let none = Some(Limit { count: 0, window: Duration::from_mins(1) });
    let first = ask(&Ledger::default(), none, &["a", "b"], None, 0).ledger;
    let both = ask_of(&first, none, "r", &[("team".to_owned(), of("r", "c"))], None, 1).ledger;
    assert_eq!(held(&both), ["a", "b", "c"]);
    let (about, principals) = (BTreeSet::from(["a"]), BTreeSet::from(["a", "b"]));
    let question = Question {
        target: "q",
        revocations: &[],
        about: &about,
        principals: Some(&principals),
        released: None,
        now: at(2),
    };
    assert_eq!(held(&both.answer(none, &question).ledger), ["b", "c"], "a is over, b is asked about later");
    let principals = BTreeSet::from(["a"]);
    let question = Question {
        target: "q",
        revocations: &[],
        about: &about,
        principals: Some(&principals),
        released: None,
        now: at(2),
    };
    assert_eq!(held(&both.answer(none, &question).ledger), ["c"], "nobody knows b any more");
    let question = Question { principals: None, ..question };
    assert_eq!(held(&both.answer(none, &question).ledger), ["b", "c"], "another operator may serve b");
}

#[test]
fn what_was_counted_in_one_part_of_a_window_is_counted_together() {
    let many = Some(Limit { count: 100, window: Duration::from_secs(640) });
    let first = ask(&Ledger::default(), many, &["a"], None, 0).ledger;
    let second = ask(&first, many, &["b", "c"], None, 9).ledger;
    assert_eq!(second.counted, [CountedRevocations { namespace: "team".to_owned(), at: at(9), count: 3 }]);
    let third = ask(&second, many, &["d"], None, 21).ledger;
    assert_eq!(third.counted.len(), 2);
    assert_eq!(ask(&third, many, &["e"], None, 650).ledger.counted.len(), 2, "the first counts no longer");
}

#[test]
fn what_is_counted_all_the_time_ends_all_the_same() {
    let many = Some(Limit { count: 100, window: Duration::from_secs(640) });
    let mut ledger = Ledger::default();
    for second in 0..300 {
        let name = format!("user{second}");
        let answer = ask(&ledger, many, &[&name], None, second * 9);
        assert_eq!(answer.goes, [true], "some seventy go in a window, and a hundred may: {second}");
        ledger = answer.ledger;
    }
    assert!(ledger.counted.iter().map(|one| one.count).sum::<u32>() <= 73, "{ledger:?}");
}

#[test]
fn what_a_clock_that_was_ahead_has_counted_counts_from_now() {
    let ahead = ask(&Ledger::default(), TWO_IN_A_MINUTE, &["a", "b"], None, 1_000_000).ledger;
    let back = ask(&ahead, TWO_IN_A_MINUTE, &["c"], None, 0);
    assert_eq!((back.goes.as_slice(), back.again_at), ([false].as_slice(), Some(at(60))));
    assert_eq!(ask(&back.ledger, TWO_IN_A_MINUTE, &["c"], None, 60).goes, [true]);
}
