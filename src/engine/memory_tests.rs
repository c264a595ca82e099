//! What a target's failures, values and lacks lead to.

use secrecy::SecretString;

use super::*;
use crate::clouds::{CloudError, Fault, Urgency};
use crate::engine::problem::Problem;
use crate::plan::{Change, Outcome};

fn access(strings: &str) -> Access {
    strings.split_whitespace().map(str::to_owned).collect()
}

fn account(name: &str) -> ObjectKey {
    ObjectKey { namespace: "data".to_owned(), name: name.to_owned() }
}

fn supply(claim: &str, value: &str) -> Supply {
    Supply { claim: claim.to_owned(), version: "uid/1/password".into(), value: SecretString::from(value) }
}

fn part(before: &str, after: &str, supply: Option<Supply>) -> Part {
    let change = Change { before: access(before), after: access(after), supplier: supply.as_ref().map(|_| 0) };
    Part { account: account("cloud"), change, supply, is_cut: false }
}

/// What pauses 2 s, 4 s, 8 s …, at most 30 s, if all of it is drawn.
fn trouble() -> Trouble {
    Trouble::from(Problem::new(Outcome::Rejected, "no"))
}

/// Milliseconds since the start of the test.
fn clock() -> impl Fn(u64) -> Instant {
    let start = Instant::now();
    move |milliseconds| start + Duration::from_millis(milliseconds)
}

#[test]
fn passes_are_counted_while_no_other_claim_lacks_something() {
    let mut memory = TargetMemory::default();
    for (claims, passes) in [
        ("", None),
        ("", None),
        ("a b", Some(0)),
        ("a b", Some(1)),
        ("a", Some(2)),
        ("a", Some(3)),
        ("a b", Some(0)),
        ("b c", Some(0)),
        ("b c", Some(1)),
        ("", None),
        ("b", Some(0)),
    ] {
        assert_eq!(memory.lack(access(claims)), passes, "{claims:?}");
    }
}

#[test]
fn a_pause_grows_while_the_same_part_fails_again_and_counts() {
    let (at, mut memory) = (clock(), TargetMemory::default());
    let mut throttled = trouble();
    throttled.counts = false;
    let (one, other) = (part("", "read", None), part("", "write", None));
    for (principal, part, trouble, pause) in [
        ("alice", &one, trouble(), 2_000),
        ("alice", &one, trouble(), 4_000),
        ("alice", &one, throttled.clone(), 4_000),
        ("alice", &one, trouble(), 8_000),
        ("bob", &one, trouble(), 2_000),
        ("alice", &other, trouble(), 2_000),
        ("alice", &one, trouble(), 2_000),
    ] {
        memory.failed(principal, part, trouble, at(0), 1.0);
        let until = memory.standing_failure(principal, part).map(|failure| failure.until);
        assert_eq!(until, Some(at(pause)), "{principal} {:?}", part.change);
    }
}

#[test]
fn another_part_is_tried_at_once() {
    let mut memory = TargetMemory::default();
    let tried = || part("old", "new", Some(supply("claim", "one")));
    memory.failed("alice", &tried(), trouble(), Instant::now(), 1.0);
    let with = |supply| part("old", "new", supply);
    let elsewhere = Part { account: account("other"), ..tried() };
    for (what, principal, part, stands) in [
        ("the same", "alice", tried(), true),
        ("beside what stays", "alice", part("old kept", "new kept", Some(supply("claim", "one"))), true),
        ("of another principal", "bob", tried(), false),
        ("through another account", "alice", elsewhere, false),
        ("adding more", "alice", part("old", "new more", Some(supply("claim", "one"))), false),
        ("removing more", "alice", part("old more", "new", Some(supply("claim", "one"))), false),
        ("with another value", "alice", with(Some(supply("claim", "two"))), false),
        ("with another claim's value", "alice", with(Some(supply("other", "one"))), false),
        ("with no value", "alice", with(None), false),
    ] {
        assert_eq!(memory.standing_failure(principal, &part).is_some(), stands, "{what}");
    }
    memory.failed("alice", &with(None), trouble(), Instant::now(), 1.0);
    assert!(memory.standing_failure("alice", &with(None)).is_some());
    assert!(memory.standing_failure("alice", &tried()).is_none(), "a value came that was not there before");
}

#[test]
fn a_failure_of_a_rotation_touches_no_access() {
    let mut memory = TargetMemory::default();
    for (before, after, rotation) in [("a", "a", true), ("a", "a b", false), ("a b", "a", false)] {
        memory.failed("alice", &part(before, after, Some(supply("claim", "one"))), trouble(), Instant::now(), 1.0);
        let failure = memory.failure("alice", &account("cloud"));
        assert_eq!(failure.map(Failure::is_of_a_rotation), Some(rotation), "{before:?} becomes {after:?}");
    }
}

#[test]
fn failures_end_with_a_success_of_the_account_or_when_nothing_is_left_to_do() {
    let tried = || part("", "read", None);
    let fails = || {
        let mut memory = TargetMemory::default();
        for principal in ["alice", "bob"] {
            for name in ["cloud", "other"] {
                let part = Part { account: account(name), ..tried() };
                memory.failed(principal, &part, trouble(), Instant::now(), 1.0);
            }
        }
        memory
    };
    let left = |memory: &TargetMemory| {
        let all = [("alice", "cloud"), ("alice", "other"), ("bob", "cloud"), ("bob", "other")];
        all.map(|(principal, name)| memory.failure(principal, &account(name)).is_some())
    };
    let (mut succeeded, mut forgiven, mut kept) = (fails(), fails(), fails());
    succeeded.succeeded("alice", &tried(), Instant::now(), Instant::now());
    assert_eq!(left(&succeeded), [false, true, true, true]);
    forgiven.forgive("alice");
    assert_eq!(left(&forgiven), [false, false, true, true]);
    kept.keep_only(&BTreeSet::from(["alice"]), Instant::now());
    assert_eq!(left(&kept), [true, true, false, false]);
}

#[test]
fn pauses_end_together_at_most_a_quarter_later() {
    let (at, mut memory) = (clock(), TargetMemory::default());
    assert_eq!(memory.together(at(20_300), Duration::from_mins(5)), at(20_300), "nothing has failed before");
    memory.begun = Some(at(0));
    // How long the pause could have been, when it was to end, and when it does, in milliseconds.
    for (longest, until, end) in [
        (3_000, 100_300, 100_300),
        (4_000, 100_300, 101_000),
        (7_000, 100_300, 101_000),
        (8_000, 100_300, 102_000),
        (8_000, 102_000, 102_000),
        (300_000, 100_300, 128_000),
        (300_000, 127_900, 128_000),
        (300_000, 128_100, 192_000),
    ] {
        let ends = memory.together(at(until), Duration::from_millis(longest));
        assert_eq!(ends, at(end), "{longest} ms, until {until}");
        assert!(end - until <= longest / 4, "{longest} ms, until {until}");
    }
}

#[test]
fn pauses_are_counted_from_the_first_failure() {
    let (at, mut memory) = (clock(), TargetMemory::default());
    let tried = part("", "read", None);
    for (principal, now, until) in [("alice", 100, 2_100), ("alice", 2_100, 6_100), ("bob", 2_300, 4_300)] {
        memory.failed(principal, &tried, trouble(), at(now), 1.0);
        assert_eq!(memory.failure(principal, &tried.account).map(|failure| failure.until), Some(at(until)));
    }
    memory.failed("bob", &tried, trouble(), at(4_300), 1.0);
    assert_eq!(memory.failure("bob", &tried.account).map(|failure| failure.until), Some(at(9_100)));
    assert_eq!(memory.next_retry(at(0)), Some(at(6_100)));
    assert_eq!(memory.next_retry(at(6_100)), Some(at(9_100)));
    assert_eq!(memory.next_retry(at(9_100)), None);
}

/// Whether a value is to be set then.
fn outdated(memory: &TargetMemory, supply: &Supply, now: Instant) -> bool {
    let Some(last) = memory.last_set("alice") else { panic!("nothing was set") };
    last.is_outdated_by(supply, now)
}

fn is_sure(memory: &TargetMemory, supply: &Supply) -> bool {
    memory.last_set("alice").is_some_and(|last| last.is_surely(supply))
}

#[test]
fn a_value_that_was_taken_is_set_again_only_when_it_is_another() {
    let (at, mut memory, one) = (clock(), TargetMemory::default(), supply("claim", "one"));
    memory.succeeded("alice", &part("users", "users", Some(one.clone())), at(5), at(5));
    assert!(is_sure(&memory, &one));
    assert_eq!(memory.next_retry(at(0)), None);
    for (other, outdates) in [
        (Supply { version: "uid/2/password".into(), ..one.clone() }, false),
        (supply("claim", "two"), true),
        (supply("other", "one"), true),
    ] {
        assert_eq!(outdated(&memory, &other, at(9_000)), outdates, "{other:?}");
        assert_eq!(is_sure(&memory, &other), !outdates, "{other:?}");
    }
    memory.succeeded("alice", &part("users", "users admins", None), at(6), at(5));
    assert!(is_sure(&memory, &one), "a change that sets nothing changes nothing of what was set");
    assert!(memory.last_set("bob").is_none());
    memory.keep_only(&BTreeSet::from(["alice"]), at(9));
    assert!(memory.last_set("alice").is_some());
    memory.keep_only(&BTreeSet::from(["bob"]), at(9));
    assert!(memory.last_set("alice").is_none());
}

#[test]
fn a_value_is_set_once_more_when_nothing_of_a_predecessor_can_land_over_it() {
    let (at, one) = (clock(), supply("claim", "one"));
    // What was there before, when it was taken, and whether something may land over it until 30 s after the start.
    for (before, now, doubt) in
        [("users", 5_000, true), ("users", 29_000, true), ("users", 30_000, false), ("", 5_000, false)]
    {
        let mut memory = TargetMemory::default();
        memory.succeeded("alice", &part(before, "users", Some(one.clone())), at(now), at(30_000));
        assert_eq!(is_sure(&memory, &one), !doubt, "{before:?} at {now}");
        assert!(!outdated(&memory, &one, at(29_999)), "{before:?} at {now}");
        assert_eq!(outdated(&memory, &one, at(30_000)), doubt, "{before:?} at {now}");
        assert_eq!(memory.next_retry(at(now)), doubt.then(|| at(30_000)), "{before:?} at {now}");
        memory.succeeded("alice", &part("users", "users", Some(one.clone())), at(30_000), at(30_000));
        assert!(is_sure(&memory, &one), "{before:?} at {now}");
    }
}

#[test]
fn after_a_lost_answer_a_value_is_set_again_and_once_more_when_the_lost_write_cannot_land() {
    let (at, mut memory, one) = (clock(), TargetMemory::default(), supply("claim", "one"));
    let rotation = part("users", "users", Some(one.clone()));
    memory.unsure_of("alice", &part("users", "users", None), at(20_000));
    assert!(memory.last_set("alice").is_none(), "nothing was to be set");
    memory.unsure_of("alice", &rotation, at(20_000));
    assert!(outdated(&memory, &one, at(1_000)));
    assert!(!is_sure(&memory, &one));
    memory.succeeded("alice", &rotation, at(5_000), at(0));
    assert!(!outdated(&memory, &one, at(19_999)));
    assert!(!is_sure(&memory, &one));
    assert_eq!(memory.next_retry(at(5_000)), Some(at(20_000)));
    assert!(outdated(&memory, &one, at(20_000)));
    memory.succeeded("alice", &rotation, at(20_000), at(0));
    assert!(!outdated(&memory, &one, at(99_000)));
    assert!(is_sure(&memory, &one));
}

#[test]
fn a_target_is_looked_at_again_at_the_soonest_of_what_was_asked_for_but_not_at_once() {
    let at = clock();
    let look = NextLook::at_latest(at(0), Duration::from_mins(1));
    look.at(None);
    look.at(Some(at(5_000)));
    look.at(Some(at(9_000)));
    assert_eq!(look.when(at(4_900)), at(5_900));
    let look = NextLook::at_latest(at(0), Duration::from_mins(1));
    assert_eq!(look.when(at(0)), at(60_000));
}

#[test]
fn a_value_in_doubt_is_not_forgotten_with_its_principal() {
    let (at, mut memory, one) = (clock(), TargetMemory::default(), supply("claim", "one"));
    memory.unsure_of("alice", &part("users", "users", Some(one)), at(10));
    memory.keep_only(&BTreeSet::from(["bob"]), at(9));
    assert!(memory.last_set("alice").is_some());
    memory.keep_only(&BTreeSet::from(["bob"]), at(10));
    assert!(memory.last_set("alice").is_none());
}

#[test]
fn whom_an_answer_was_about_once_is_not_forgotten_while_the_same_fails() {
    let mut memory = TargetMemory::default();
    let fault = || Fault::of("grant", "no");
    let answered = |memory: &mut TargetMemory, added: &str, error: &CloudError| {
        let tried = part("", added, None);
        memory.failed("alice", &tried, error.into(), Instant::now(), 1.0);
        memory.failure("alice", &tried.account).map(|failure| failure.answered)
    };
    for (added, error, expected) in [
        ("read", CloudError::Unreachable { fault: fault() }, false),
        ("read", CloudError::Rejected { fault: fault() }, true),
        ("read", CloudError::Unreachable { fault: fault() }, true),
        ("write", CloudError::Unreachable { fault: fault() }, false),
    ] {
        assert_eq!(answered(&mut memory, added, &error), Some(expected), "{added}: {error}");
    }
}

#[test]
fn a_target_rests_and_misses_no_time_at_which_access_is_to_be_taken_away() {
    let start = Instant::now();
    let at = |second: u64| start + Duration::from_secs(second);
    let due = |uids: &str| {
        let revocations = uids.split_whitespace().map(str::to_owned).collect();
        Due { urgency: Urgency::Revocation, objects: 1, revocations }
    };
    let rest = Rest { until: at(30), next: at(20), due: due("stuck") };
    for (second, revocations, expected) in [
        (1, "", Some(20)),
        (20, "", Some(30)),
        (30, "", None),
        (1, "stuck", Some(20)),
        (20, "stuck", None),
        (1, "fresh", None),
        (1, "stuck fresh", None),
    ] {
        assert_eq!(rest.holds(&due(revocations), at(second)), expected.map(at), "{revocations} at {second}");
    }
    let rest = Rest { next: at(300), ..rest };
    assert_eq!(rest.holds(&due("stuck"), at(1)), Some(at(30)));
}

#[test]
fn what_is_more_urgent_than_the_last_pass_does_not_wait_for_the_rest_after_it() {
    let start = Instant::now();
    let due = |urgency| Due { urgency, objects: 1, revocations: BTreeSet::new() };
    let held = |last, next| {
        let rest =
            Rest { until: start + Duration::from_secs(30), next: start + Duration::from_mins(5), due: due(last) };
        rest.holds(&due(next), start).is_some()
    };
    assert!(!held(Urgency::Look, Urgency::Change));
    assert!(held(Urgency::Change, Urgency::Change) && held(Urgency::Change, Urgency::Look));
}
