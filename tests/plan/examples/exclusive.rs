//! Exclusive kinds: a principal is in one place, and one claim is served.

use super::{adopting, check, claim, deleted, exclusive, frozen, list, owner, pending, plan, retaining, rotated};

#[test]
fn the_oldest_is_served_and_the_others_are_told_by_whom_even_when_they_want_the_same() {
    let claims = [claim("b", "gold"), claim("a", "gold"), claim("c", "tin")];
    let expected = ["1: finalizer", "Conflict with 1, Progressing, Conflict with 1"];
    check(&exclusive(&claims, &list("")), &expected);
}

#[test]
fn age_does_not_evict_the_holder() {
    let claims = [claim("a", "tin"), owner("b", "gold", "gold")];
    check(&exclusive(&claims, &list("gold")), &["Conflict with 1, Granted"]);
}

#[test]
fn a_changed_claim_moves_its_principal_in_one_write() {
    let expected = ["0: owns [gold tin]", "Progressing"];
    check(&exclusive(&[owner("a", "gold", "tin")], &list("tin")), &expected);
    let expected = ["cloud: [tin] to [gold], details of 0", "Progressing"];
    check(&exclusive(&[owner("a", "gold", "gold tin")], &list("tin")), &expected);
}

#[test]
fn a_principal_is_not_taken_away_while_its_move_is_pending() {
    let memory = pending("gold");
    check(&plan(true, &[owner("a", "gold", "gold tin")], &list("tin"), &memory), &["Progressing"]);
}

#[test]
fn whoever_moves_an_owned_principal_it_is_moved_back() {
    let expected = ["cloud: [lead] to [gold], details of 0", "Progressing"];
    check(&exclusive(&[owner("a", "gold", "gold")], &list("lead")), &expected);
}

#[test]
fn a_principal_that_others_placed_is_left_there() {
    check(&exclusive(&[claim("a", "gold")], &list("gold")), &["AlreadyHeld"]);
    check(&exclusive(&[claim("a", "gold")], &list("tin")), &["Occupied"]);
}

#[test]
fn an_owner_that_returns_after_a_takeover_lets_go_even_when_it_is_older() {
    let claims = [owner("a", "tin", "tin"), owner("b", "gold", "gold")];
    check(&exclusive(&claims, &list("gold")), &["0: owns []", "Conflict with 1, Granted"]);
}

#[test]
fn nobody_is_served_while_a_frozen_claim_owns_the_principal() {
    let claims = [frozen(owner("a", "tin", "tin")), claim("b", "gold")];
    check(&exclusive(&claims, &list("tin")), &["Frozen, Conflict with 0"]);
    check(&exclusive(&claims, &list("lead")), &["Frozen, Conflict with 0"]);
}

#[test]
fn the_last_owner_is_released_only_when_the_principal_is_gone() {
    let claims = [deleted(owner("a", "gold", "gold"))];
    check(&exclusive(&claims, &list("lead")), &["cloud: [lead] to []", "Ending"]);
    check(&exclusive(&claims, &list("")), &["0: release", "Ended"]);
}

#[test]
fn a_password_is_set_anew_for_the_owner_that_is_served_and_nobody_else() {
    let set = ["cloud: [gold] to [gold], details of 0", "Granted"];
    check(&exclusive(&[rotated(owner("a", "gold", "gold"))], &list("gold")), &set);
    check(&exclusive(&[rotated(claim("a", "gold"))], &list("gold")), &["AlreadyHeld"]);
    let recorded_first = ["0: finalizer", "Granted"];
    check(&exclusive(&[rotated(adopting(claim("a", "gold")))], &list("gold")), &recorded_first);
    let others = [owner("a", "gold", "gold"), rotated(claim("b", "gold"))];
    check(&exclusive(&others, &list("gold")), &["Granted, Conflict with 0"]);
    check(&exclusive(&[rotated(frozen(owner("a", "gold", "gold")))], &list("gold")), &["Frozen"]);
}

#[test]
fn a_password_is_not_set_while_the_principal_is_on_its_way_or_let_go() {
    let claims = [rotated(owner("a", "gold", "gold tin"))];
    check(&exclusive(&claims, &list("tin")), &["cloud: [tin] to [gold], details of 0", "Progressing"]);
    check(&plan(true, &[rotated(owner("a", "gold", "gold"))], &list(""), &pending("gold")), &["Progressing"]);
    let leaving = [deleted(retaining(owner("a", "gold", "gold"))), rotated(owner("b", "gold", "gold"))];
    check(&exclusive(&leaving, &list("gold")), &["0: release", "Ended, Granted"]);
}
