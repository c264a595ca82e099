//! Claims of additive kinds: alone, beside what others granted, together, and with writes that may still land.

use super::{
    additive, adopting, check, claim, deleted, exclusive, expired, frozen, list, owner, pending, plan, removing,
    retaining,
};
use crate::plan::{ClaimState, Memory};

#[test]
fn a_new_claim_gets_its_finalizer_first() {
    check(&additive(&[claim("a", "read")], &list("")), &["0: finalizer", "Progressing"]);
}

#[test]
fn then_what_it_shall_own_is_recorded() {
    check(&additive(&[owner("a", "read", "")], &list("")), &["0: owns [read]", "Progressing"]);
}

#[test]
fn only_then_the_cloud_is_touched() {
    let expected = ["cloud: [] to [read], details of 0", "Progressing"];
    check(&additive(&[owner("a", "read", "read")], &list("")), &expected);
}

#[test]
fn a_claim_whose_access_is_there_rests() {
    check(&additive(&[owner("a", "read", "read")], &list("read")), &["Granted"]);
}

#[test]
fn a_narrowed_claim_owns_what_it_gives_up_until_it_is_gone() {
    let narrowed = [owner("a", "read", "read write")];
    check(&additive(&narrowed, &list("read write")), &["cloud: [read write] to [read]", "Granted"]);
    check(&additive(&narrowed, &list("read")), &["0: owns [read]", "Granted"]);
}

#[test]
fn an_edited_claim_swaps_in_one_write() {
    check(&additive(&[owner("a", "write", "read")], &list("read")), &["0: owns [read write]", "Progressing"]);
    let expected = ["cloud: [read] to [write], details of 0", "Progressing"];
    check(&additive(&[owner("a", "write", "read write")], &list("read")), &expected);
}

#[test]
fn a_deleted_claim_is_released_once_its_access_is_gone() {
    let claims = [deleted(owner("a", "read", "read"))];
    check(&additive(&claims, &list("read")), &["cloud: [read] to []", "Ending"]);
    check(&additive(&claims, &list("")), &["0: release", "Ended"]);
}

#[test]
fn an_expired_claim_loses_its_access_then_its_record_then_its_finalizer() {
    let claims = [expired(owner("a", "read", "read"))];
    check(&additive(&claims, &list("read")), &["cloud: [read] to []", "Ending"]);
    check(&additive(&claims, &list("")), &["0: owns []", "Ended"]);
    check(&additive(&[expired(owner("a", "read", ""))], &list("")), &["0: release", "Ended"]);
    check(&additive(&[expired(claim("a", "read"))], &list("")), &["Ended"]);
}

#[test]
fn a_frozen_claim_adds_nothing_and_loses_nothing() {
    check(&additive(&[frozen(claim("a", "read"))], &list("")), &["Frozen"]);
    check(&additive(&[frozen(owner("a", "read", "read write"))], &list("write")), &["Frozen"]);
}

#[test]
fn freezing_does_not_stop_a_deletion() {
    let claims = [deleted(frozen(owner("a", "read", "read")))];
    check(&additive(&claims, &list("read")), &["cloud: [read] to []", "Ending"]);
}

#[test]
fn retain_releases_at_once_and_leaves_the_access() {
    let claims = [deleted(retaining(owner("a", "read", "read")))];
    check(&additive(&claims, &list("read")), &["0: release", "Ended"]);
    check(&exclusive(&claims, &list("read")), &["0: release", "Ended"]);
}

#[test]
fn expiry_revokes_even_under_retain() {
    let claims = [expired(retaining(owner("a", "read", "read")))];
    check(&additive(&claims, &list("read")), &["cloud: [read] to []", "Ending"]);
}

#[test]
fn a_released_claim_that_somebody_elses_finalizer_keeps_counts_for_nothing() {
    let lingering = ClaimState { finalizer: false, ..deleted(retaining(owner("a", "read", "read"))) };
    check(&additive(std::slice::from_ref(&lingering), &list("read")), &["Ended"]);
    let expected = ["cloud: [read] to [write], details of 1", "Ended, Progressing"];
    check(&exclusive(&[lingering, owner("b", "write", "write")], &list("read")), &expected);
}

#[test]
fn under_keep_what_others_granted_is_left_alone() {
    check(&additive(&[claim("a", "read")], &list("admin read")), &["AlreadyHeld"]);
    let expected = ["0: owns [write]", "Progressing"];
    check(&additive(&[owner("a", "read write", "")], &list("read")), &expected);
    let expected = ["cloud: [read] to [read write], details of 0", "Progressing"];
    check(&additive(&[owner("a", "read write", "write")], &list("read")), &expected);
}

#[test]
fn deleting_a_claim_does_not_revoke_what_others_had_granted() {
    let claims = [deleted(owner("a", "read write", "write"))];
    check(&additive(&claims, &list("read write")), &["cloud: [read write] to [read]", "Ending"]);
}

#[test]
fn under_adopt_what_others_granted_becomes_ours_and_their_surplus_goes() {
    check(&additive(&[adopting(claim("a", "read"))], &list("admin read")), &["0: finalizer", "Granted"]);
    check(&additive(&[adopting(owner("a", "read", ""))], &list("admin read")), &["0: owns [read]", "Granted"]);
    let expected = ["cloud: [admin read] to [read]", "Granted"];
    check(&additive(&[adopting(owner("a", "read", "read"))], &list("admin read")), &expected);
}

#[test]
fn a_claim_that_needs_nothing_of_its_own_drops_its_finalizer() {
    check(&additive(&[owner("a", "read", "")], &list("read")), &["0: release", "AlreadyHeld"]);
}

#[test]
fn claims_of_additive_kinds_add_up() {
    let claims = [owner("a", "read", "read"), owner("b", "write", "write")];
    check(&additive(&claims, &list("")), &["cloud: [] to [read write], details of 0", "Progressing, Progressing"]);
    check(&additive(&claims, &list("read write")), &["Granted, Granted"]);
}

#[test]
fn what_another_live_claim_wants_is_not_removed_and_passes_to_it() {
    let claims = [deleted(owner("a", "read", "read")), claim("b", "read")];
    check(&additive(&claims, &list("read")), &["1: finalizer", "Ending, Granted"]);
    let claims = [deleted(owner("a", "read", "read")), owner("b", "read", "read")];
    check(&additive(&claims, &list("read")), &["0: release", "Ended, Granted"]);
}

#[test]
fn what_a_frozen_claim_owns_is_not_removed_and_others_need_not_wait_for_it() {
    let claims = [frozen(owner("a", "read", "read")), deleted(owner("b", "read", "read"))];
    check(&additive(&claims, &list("read")), &["1: release", "Frozen, Ended"]);
}

#[test]
fn the_oldest_claim_that_recorded_what_is_added_supplies_the_details() {
    let claims = [owner("c", "write", "write"), owner("b", "write", "write"), owner("a", "read", "read")];
    let expected = ["cloud: [read] to [read write], details of 1", "Progressing, Progressing, Granted"];
    check(&additive(&claims, &list("read")), &expected);
}

#[test]
fn nothing_is_added_on_the_record_of_a_claim_that_is_dropping_it() {
    let claims = [owner("a", "read", "read write"), claim("b", "write")];
    let expected = ["0: owns [read]", "1: finalizer", "Granted, Progressing"];
    check(&additive(&claims, &list("read")), &expected);
}

#[test]
fn what_is_pending_is_not_added_again() {
    let memory = pending("read");
    check(&plan(false, &[owner("a", "read", "read")], &list(""), &memory), &["Progressing"]);
}

#[test]
fn nobody_is_released_while_an_add_may_still_land() {
    let memory = pending("read");
    check(&plan(false, &[deleted(owner("a", "read", "read"))], &list(""), &memory), &["Ending"]);
}

#[test]
fn nobody_is_released_while_a_removal_may_still_land() {
    let memory = removing("read");
    check(&plan(false, &[deleted(owner("a", "read", "read"))], &list(""), &memory), &["Ending"]);
    check(&plan(true, &[deleted(owner("a", "read", "read"))], &list(""), &memory), &["Ending"]);
}

#[test]
fn a_live_claim_does_not_wait_for_a_removal_that_may_still_land() {
    let memory = removing("read");
    let expected = ["cloud: [] to [read], details of 0", "Progressing"];
    check(&plan(false, &[owner("a", "read", "read")], &list(""), &memory), &expected);
}

#[test]
fn after_a_start_absence_is_repaired_but_not_yet_believed() {
    let memory = Memory::default();
    let expected = ["cloud: [] to [read], details of 0", "Progressing"];
    check(&plan(false, &[owner("a", "read", "read")], &list(""), &memory), &expected);
    check(&plan(false, &[deleted(owner("a", "read", "read"))], &list(""), &memory), &["Ending"]);
}
