//! Who is next among those that wait.

use super::*;

/// Who waits: urgency, namespace and target, as `R a/q`. In line in this order.
fn line(calls: &[&str]) -> Line<String> {
    let mut line = Line::new();
    for (ticket, call) in (0..).zip(calls) {
        line.enter(&purpose(call), ticket, (*call).to_owned());
    }
    line
}

fn purpose(call: &str) -> Purpose {
    let (class, place) = call.split_once(' ').unwrap();
    let (namespace, target) = place.split_once('/').unwrap();
    let urgency = match class {
        "R" => Urgency::Revocation,
        "C" => Urgency::Change,
        _ => Urgency::Look,
    };
    Purpose::new(urgency, namespace, target)
}

/// The classes of the next turns, while one of each of these always waits.
fn classes(always: &str, turns: usize) -> String {
    let mut line = Line::new();
    let enter = |line: &mut Line<char>, ticket, class: char| {
        line.enter(&purpose(&format!("{class} a/q")), ticket, class);
    };
    for (ticket, class) in (0..).zip(always.chars()) {
        enter(&mut line, ticket, class);
    }
    let mut told = String::new();
    for ticket in 10..10 + turns as u64 {
        let (_, class) = line.next().unwrap();
        told.push(class);
        enter(&mut line, ticket, class);
    }
    told
}

fn all(mut line: Line<String>) -> Vec<String> {
    std::iter::from_fn(|| line.next().map(|(_, call)| call)).collect()
}

#[test]
fn the_most_urgent_goes_first_whoever_came_first() {
    let line = line(&["L a/q", "C a/q", "R a/q", "C a/q", "R a/q"]);
    assert_eq!(all(line), ["R a/q", "R a/q", "C a/q", "C a/q", "L a/q"]);
}

#[test]
fn every_class_that_waits_gets_a_tenth() {
    assert_eq!(classes("CL", 21), "CCCCCCCCCLCCCCCCCCCLC");
    assert_eq!(classes("RC", 21), "RRRRRRRRRCRRRRRRRRRCR");
    assert_eq!(classes("RCL", 33), "RRRRRRRRRLRCRRRRRRRLRCRRRRRRRLRCR");
}

#[test]
fn a_revocation_that_comes_is_next_even_if_others_are_due() {
    let mut line = Line::new();
    for ticket in 0..30 {
        line.enter(&purpose(if ticket < 15 { "L a/q" } else { "C a/q" }), ticket, ());
    }
    line.next();
    for turn in 0..14 {
        line.enter(&purpose("R b/q"), 100 + turn, ());
        assert_eq!(line.next().map(|(ticket, ())| ticket), Some(100 + turn));
        line.next();
    }
}

#[test]
fn namespaces_take_turns_and_so_do_the_targets_of_one() {
    let calls = ["C a/1", "C a/1", "C a/1", "C a/2", "C a/2", "C b/9", "C b/9", "C c/5"];
    assert_eq!(all(line(&calls)), ["C a/1", "C b/9", "C c/5", "C a/2", "C b/9", "C a/1", "C a/2", "C a/1"]);
}

#[test]
fn a_namespace_with_a_thousand_targets_does_not_starve_one_that_has_one() {
    let mut line = Line::new();
    for ticket in 0..1000 {
        line.enter(&purpose(&format!("L many/{ticket}")), ticket, "many");
    }
    for ticket in 1000..1010 {
        line.enter(&purpose("L one/q"), ticket, "one");
    }
    let turns: Vec<_> = (0..20).filter_map(|_| line.next()).map(|(_, namespace)| namespace).collect();
    assert_eq!(turns, ["many", "one"].repeat(10));
}

#[test]
fn of_one_target_who_came_first_is_first() {
    let mut line = Line::new();
    for ticket in [3, 7, 12] {
        line.enter(&purpose("C a/q"), ticket, ());
    }
    let tickets: Vec<_> = std::iter::from_fn(|| line.next().map(|(ticket, ())| ticket)).collect();
    assert_eq!(tickets, [3, 7, 12]);
}

#[test]
fn who_leaves_is_not_called_and_leaves_nothing_behind() {
    let mut line = line(&["C a/1", "C a/2", "R b/1"]);
    assert_eq!(line.leave(&purpose("R b/1"), 2).as_deref(), Some("R b/1"));
    assert_eq!(line.leave(&purpose("R b/1"), 2), None);
    assert_eq!(line.leave(&purpose("C a/1"), 7), None);
    assert_eq!(line.next().map(|(ticket, _)| ticket), Some(0));
    line.leave(&purpose("C a/2"), 1);
    assert_eq!(line.next(), None);
    assert!(line.classes.iter().all(Class::is_empty));
}
