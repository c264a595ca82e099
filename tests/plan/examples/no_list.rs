//! Where no list decides: none could be read, the target is gone, the principal is an administrator.

use super::{access, additive, check, claim, deleted, exclusive, expired, frozen, owner, plan, retaining};
use crate::plan::{Access, Memory, Observed};

#[test]
fn without_a_list_only_whom_retain_lets_go_and_who_owns_nothing_is_released() {
    let claims = [
        claim("a", "read"),
        owner("b", "read", "read write"),
        frozen(owner("c", "read", "read")),
        expired(owner("d", "read", "read")),
        deleted(owner("e", "read", "read")),
        deleted(retaining(owner("f", "read", "read"))),
        deleted(owner("g", "read", "")),
    ];
    let expected = ["5: release", "6: release", "Unknown, Unknown, Frozen, Unknown, Unknown, Ended, Ended"];
    check(&additive(&claims, &Observed::Unknown), &expected);
    check(&exclusive(&claims, &Observed::Unknown), &expected);
}

#[test]
fn on_a_target_that_is_gone_everything_counts_as_gone_and_nothing_is_prepared() {
    let claims = [
        claim("a", "read"),
        owner("b", "read", "read write"),
        frozen(owner("c", "read", "read")),
        expired(owner("d", "lead", "lead")),
        deleted(owner("e", "lead", "lead")),
    ];
    let in_flight = Memory { pending: access("read lead"), removing: access("lead"), sure: false };
    let expected = ["1: owns [read]", "3: owns []", "4: release", "TargetGone, TargetGone, Frozen, Ended, Ended"];
    check(&plan(false, &claims, &Observed::TargetGone, &in_flight), &expected);
}

#[test]
fn an_administrator_satisfies_every_claim_and_is_never_changed() {
    let claims = [
        claim("a", "read"),
        owner("b", "read", "read write"),
        owner("c", "read", ""),
        frozen(owner("d", "read", "read")),
        expired(owner("e", "read", "read")),
        deleted(owner("f", "read", "read")),
    ];
    let expected =
        ["2: release", "4: owns []", "5: release", "AlreadyHeld, AlreadyHeld, AlreadyHeld, Frozen, Ended, Ended"];
    check(&additive(&claims, &Observed::Fixed(access("write"))), &expected);
    check(&exclusive(&claims, &Observed::Fixed(Access::new())), &expected);
}
