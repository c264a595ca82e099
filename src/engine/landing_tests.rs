//! What is remembered of writes until lists show them.

use super::*;

fn access(strings: &str) -> Access {
    strings.split_whitespace().map(str::to_owned).collect()
}

fn change(before: &str, after: &str) -> Change {
    Change { before: access(before), after: access(after), supplier: None }
}

/// Seconds since the start of the test.
fn clock() -> impl Fn(u64) -> Instant {
    let start = Instant::now();
    move |seconds| start + Duration::from_secs(seconds)
}

/// A complete list that began then and shows this of alice, and nothing of anybody else.
fn list(landing: &mut Landing, shown: &str, began: Instant) {
    let shown = |principal: &str| if principal == "alice" { access(shown) } else { Access::new() };
    landing.saw(shown, &Access::new(), began);
}

fn pending(landing: &Landing, principal: &str) -> Access {
    landing.of(principal, true).pending
}

fn removing(landing: &Landing, principal: &str) -> Access {
    landing.of(principal, true).removing
}

#[test]
fn what_was_added_is_pending_until_a_list_shows_it_or_begins_when_it_is_overdue() {
    let (at, mut landing) = (clock(), Landing::default());
    landing.sending("alice", &change("", "read write"), at(10));
    landing.sending("bob", &change("", "read"), at(10));
    assert_eq!(pending(&landing, "alice"), access("read write"));
    assert_eq!(pending(&landing, "carol"), access(""));
    list(&mut landing, "read other", at(3));
    assert_eq!(pending(&landing, "alice"), access("write"));
    assert_eq!(pending(&landing, "bob"), access("read"), "alice's row says nothing of bob's");
    list(&mut landing, "", at(9));
    assert_eq!(pending(&landing, "alice"), access("write"));
    assert!(!landing.is_quiet("alice"));
    list(&mut landing, "", at(10));
    assert_eq!(pending(&landing, "alice"), access(""));
    assert!(landing.is_quiet("alice"));
}

#[test]
fn what_is_removed_is_no_longer_expected_and_whatever_else_is_stays_so() {
    let at = clock();
    // What is pending at first; the change that is sent; what is pending then.
    for (first, before, after, then) in [
        ("read", "", "write", "read write"),
        ("read", "other", "", "read"),
        ("read", "read", "read write", "read write"),
        ("read write", "read", "", "write"),
        ("read", "read", "write", "write"),
    ] {
        let mut landing = Landing::default();
        landing.sending("alice", &change("", first), at(10));
        landing.sending("bob", &change("", first), at(10));
        landing.sending("alice", &change(before, after), at(11));
        let told = format!("{first:?} is pending, {before:?} becomes {after:?}");
        assert_eq!(pending(&landing, "alice"), access(then), "{told}");
        assert_eq!(pending(&landing, "bob"), access(first), "{told}");
    }
}

#[test]
fn an_unanswered_write_may_take_away_all_that_was_there_whatever_lists_show() {
    let (at, mut landing) = (clock(), Landing::default());
    landing.sending("alice", &change("read write", "read"), at(10));
    for shown in ["", "read", "read write"] {
        list(&mut landing, shown, at(9));
        assert_eq!(removing(&landing, "alice"), access("read write"), "after a list that shows {shown:?}");
    }
    assert_eq!(removing(&landing, "bob"), access(""));
    assert!(!landing.is_quiet("alice"));
    list(&mut landing, "read write", at(10));
    assert_eq!(removing(&landing, "alice"), access(""));
    assert!(landing.is_quiet("alice"));
}

#[test]
fn an_answer_ends_the_wait_for_its_own_write_alone() {
    let at = clock();
    let (first, second) = (change("read write", "read"), change("read", ""));
    for accepted in [true, false] {
        let mut landing = Landing::default();
        landing.sending("alice", &first, at(10));
        landing.sending("alice", &second, at(12));
        landing.sending("bob", &second, at(12));
        if accepted {
            landing.accepted("alice", &second, at(12), at(3));
        } else {
            landing.refused("alice", &second, at(12));
        }
        assert_eq!(removing(&landing, "alice"), access("read write"), "the first one is still unanswered");
        assert_eq!(removing(&landing, "bob"), access("read"));
        landing.refused("alice", &first, at(10));
        assert_eq!(removing(&landing, "alice"), access(""), "both are answered, though no list was read since");
        assert!(landing.is_quiet("alice"));
    }
}

#[test]
fn a_refusal_takes_back_what_its_own_write_was_to_add_and_nothing_else() {
    let (at, mut landing) = (clock(), Landing::default());
    landing.sending("alice", &change("", "lost"), at(10));
    landing.sending("alice", &change("", "beside"), at(12));
    landing.sending("alice", &change("old", "old refused"), at(12));
    landing.sending("bob", &change("old", "old refused"), at(12));
    landing.refused("alice", &change("old", "old refused"), at(12));
    assert_eq!(pending(&landing, "alice"), access("lost beside"));
    assert_eq!(pending(&landing, "bob"), access("refused"));
    landing.refused("alice", &change("", "beside"), at(11));
    assert_eq!(pending(&landing, "alice"), access("lost beside"), "no write until then was sent");
}

#[test]
fn only_what_was_carried_out_and_does_not_show_is_unseen() {
    let (at, mut landing) = (clock(), Landing::default());
    let (lost, done) = (change("", "lost"), change("", "done shown"));
    landing.sending("alice", &lost, at(10));
    landing.sending("alice", &done, at(12));
    landing.sending("bob", &done, at(12));
    assert_eq!(landing.unseen("alice"), access(""));
    assert!(!landing.lags("alice"));
    landing.accepted("alice", &done, at(12), at(3));
    assert_eq!(landing.unseen("alice"), access("done shown"));
    assert_eq!(landing.unseen("bob"), access(""));
    assert!(landing.lags("alice"));
    assert_eq!(pending(&landing, "alice"), access("lost done shown"), "accepted is not shown");
    list(&mut landing, "shown", at(4));
    landing.accepted("alice", &change("shown", "shown more"), at(13), at(4));
    assert_eq!(landing.unseen("alice"), access("done"), "what was accepted stays so");
    list(&mut landing, "shown done", at(5));
    assert_eq!(landing.unseen("alice"), access(""));
    assert!(!landing.lags("alice"));
}

#[test]
fn lists_lag_behind_a_removal_until_they_show_it_or_it_is_overdue() {
    let (at, removal) = (clock(), change("read write", "write"));
    // A list: what it shows, when it began, and whether it lags.
    for (shown, began, lags) in
        [("read write", 11, true), ("read", 11, true), ("write", 11, false), ("read write", 12, false)]
    {
        let mut landing = Landing::default();
        landing.sending("alice", &removal, at(12));
        assert!(!landing.lags("alice"), "nothing was accepted yet");
        landing.accepted("alice", &removal, at(12), at(3));
        assert!(landing.lags("alice"));
        assert!(!landing.lags("bob"));
        list(&mut landing, shown, at(began));
        assert_eq!(landing.lags("alice"), lags, "{shown:?} in a list of second {began}");
        assert_eq!(landing.awaits(), lags, "{shown:?} in a list of second {began}");
    }
}

#[test]
fn a_removal_is_not_repeated_for_ten_seconds_after_all_of_it_was_accepted() {
    let (at, mut landing) = (clock(), Landing::default());
    for (change, accepted) in [(change("a b c", "b c"), 1), (change("b c", "c"), 3)] {
        landing.sending("alice", &change, at(60));
        assert_eq!(landing.settles("alice", &change.removed(), at(accepted)), None, "not accepted yet");
        landing.accepted("alice", &change, at(60), at(accepted));
    }
    for (removed, now, until) in [
        ("a", 3, Some(11)),
        ("b", 3, Some(13)),
        ("a b", 3, Some(11)),
        ("a", 10, Some(11)),
        ("a", 11, None),
        ("a b", 12, None),
        ("b", 12, Some(13)),
        ("a c", 3, None),
        ("", 3, None),
    ] {
        let settles = landing.settles("alice", &access(removed), at(now));
        assert_eq!(settles, until.map(&at), "the removal of {removed:?} in second {now}");
    }
    assert_eq!(landing.settles("bob", &access("a"), at(3)), None);
    landing.accepted("alice", &change("c", "a c"), at(60), at(4));
    assert_eq!(landing.settles("alice", &access("a"), at(5)), None, "it was granted again since");
    assert_eq!(landing.settles("alice", &access("b"), at(5)), Some(at(13)));
}

#[test]
fn what_the_target_does_not_know_is_doubtful_for_a_while_since_it_was_last_known() {
    let (at, mut landing, patience) = (clock(), Landing::default(), Duration::from_mins(1));
    let mut sees = |unknown: &str, began| landing.saw(|_| Access::new(), &access(unknown), at(began));
    sees("gone back", 1);
    sees("gone late", 5);
    sees("gone late back", 9);
    for (now, doubtful, next) in [
        (9, "gone late back", Some(61)),
        (60, "gone late back", Some(61)),
        (61, "late back", Some(65)),
        (65, "back", Some(69)),
        (69, "", None),
    ] {
        let asked = access("gone late back known");
        assert_eq!(landing.doubtful(&asked, patience, at(now)), access(doubtful), "in second {now}");
        assert_eq!(landing.next_believed(patience, at(now)), next.map(&at), "in second {now}");
    }
    assert_eq!(landing.doubtful(&access("late"), patience, at(9)), access("late"), "nobody asked for the others");
}

#[test]
fn a_target_is_idle_when_nothing_can_land_any_more_and_awaits_until_a_list_says_so() {
    let at = clock();
    assert!(Landing::default().is_idle(at(0)) && !Landing::default().awaits());
    // Something is only added, or only taken away.
    for change in [change("", "read"), change("read", "")] {
        let mut landing = Landing::default();
        landing.sending("bob", &change, at(20));
        landing.sending("alice", &change, at(10));
        for (now, idle, next) in [(9, false, Some(10)), (10, false, Some(20)), (19, false, Some(20)), (20, true, None)]
        {
            assert_eq!(landing.is_idle(at(now)), idle, "{change:?} in second {now}");
            assert_eq!(landing.next_overdue(at(now)), next.map(&at), "{change:?} in second {now}");
        }
        assert!(landing.awaits(), "no list has begun since");
        list(&mut landing, "", at(20));
        assert!(!landing.awaits(), "{change:?}");
    }
}

#[test]
fn an_accepted_change_that_takes_nothing_away_leaves_nothing_to_wait_for() {
    let (at, mut landing) = (clock(), Landing::default());
    let rotation = change("users", "users");
    landing.sending("alice", &rotation, at(10));
    landing.accepted("alice", &rotation, at(10), at(1));
    assert!(!landing.lags("alice") && !landing.awaits());
}

#[test]
fn what_was_taken_away_is_leaving_until_it_is_gone_asked_for_again_or_overdue() {
    let (at, mut landing) = (clock(), Landing::default());
    let removal = change("read write own", "");
    landing.sending("alice", &removal, at(10));
    assert_eq!(landing.leaving("alice"), access(""), "not accepted yet");
    landing.accepted("alice", &removal, at(10), at(1));
    assert_eq!(landing.leaving("alice"), access("own read write"));
    assert_eq!(landing.leaving("bob"), access(""));
    list(&mut landing, "own read", at(3));
    assert_eq!(landing.leaving("alice"), access("own read"));
    let again = change("", "read");
    landing.sending("alice", &again, at(12));
    landing.accepted("alice", &again, at(12), at(4));
    assert_eq!(landing.leaving("alice"), access("own"));
    list(&mut landing, "own read", at(10));
    assert_eq!(landing.leaving("alice"), access(""));
}

#[test]
fn what_was_sent_before_may_land_though_another_try_was_refused() {
    let (at, mut landing) = (clock(), Landing::default());
    let grant = change("", "read");
    landing.sending("alice", &grant, at(10));
    landing.sending("alice", &grant, at(20));
    landing.refused("alice", &grant, at(20));
    assert_eq!(pending(&landing, "alice"), access("read"), "the first was not answered");
    assert_eq!(landing.next_overdue(at(0)), Some(at(10)));
    list(&mut landing, "", at(10));
    assert!(landing.is_quiet("alice"));

    landing.sending("alice", &grant, at(30));
    landing.accepted("alice", &grant, at(30), at(11));
    landing.sending("alice", &grant, at(40));
    landing.refused("alice", &grant, at(40));
    assert_eq!(landing.unseen("alice"), access("read"), "it was carried out");
}
