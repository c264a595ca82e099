//! How a claim stands, for its status.

use super::parties::{Party, Role, View};
use super::{ClaimState, Standing, Verdict};

/// Against a complete list. `gone`: of an ended claim, nothing that it owns is left.
pub(super) fn verdict_on_list(view: &View<'_>, party: &Party<'_>, gone: bool) -> Verdict {
    match party.role {
        Role::Served => served(view, party),
        Role::Rival => rival(view),
        Role::Frozen => Verdict::Frozen,
        Role::Ended | Role::Retained if gone => Verdict::Ended,
        Role::Ended | Role::Retained => Verdict::Ending,
    }
}

/// Where no list decides: `live` for a live claim; an ended one has nothing left to lose.
pub(super) fn verdict_without_list(claim: &ClaimState, live: Verdict) -> Verdict {
    match claim.standing() {
        Standing::Live => live,
        Standing::Frozen => Verdict::Frozen,
        Standing::Ended => Verdict::Ended,
    }
}

fn served(view: &View<'_>, party: &Party<'_>) -> Verdict {
    let occupied = view.exclusive && !view.foreign.is_empty() && !party.claim.adopt;
    if !party.wanted.is_subset(&view.cloud) {
        return if occupied { Verdict::Occupied } else { Verdict::Progressing };
    }
    if party.share.is_empty() { Verdict::AlreadyHeld } else { Verdict::Granted }
}

/// Names whoever is served, or whoever is frozen and keeps the principal from being served.
fn rival(view: &View<'_>) -> Verdict {
    let frozen_owner = || view.of(Role::Frozen).find(|party| !party.owned.is_empty());
    let other = view.of(Role::Served).next().or_else(frozen_owner);
    other.map_or(Verdict::Progressing, |other| Verdict::Conflict { with: other.index })
}
