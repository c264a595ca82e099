//! What may be done now for each claim, before the cloud is touched and after.

use super::change::change;
use super::names::Names;
use super::parties::{Party, Role, View, is_released};
use super::verdict::{verdict_on_list, verdict_without_list};
use super::{Access, ClaimState, Observed, Plan, Situation, Standing, Step, Verdict};

pub(super) fn plan(situation: &Situation<'_>) -> Plan {
    match situation.observed {
        Observed::Access(access) => on_list(situation, access),
        Observed::Fixed(_) => on_fixed_row(situation.claims),
        Observed::TargetGone => on_gone_target(situation),
        Observed::Unknown => on_unknown(situation.claims),
    }
}

fn on_list(situation: &Situation<'_>, access: &Access) -> Plan {
    let view = View::new(situation.exclusive, situation.claims, Names::of(access), Some(situation.memory));
    let steps =
        (view.parties.iter()).filter_map(|party| step_before(party).or_else(|| step_after(&view, party))).collect();
    let verdict = |party: &Party<'_>| verdict_on_list(&view, party, left(&view, party).is_empty());
    let verdicts = verdicts(situation.claims, &view, verdict);
    Plan { steps, change: change(&view, situation.memory), verdicts }
}

/// Everything on a target that is gone counts as gone: only what comes after the cloud is done, with an empty list and
/// nothing in flight, for nothing can land there any more.
fn on_gone_target(situation: &Situation<'_>) -> Plan {
    let view = View::new(situation.exclusive, situation.claims, Names::none(), None);
    let steps = view.parties.iter().filter_map(|party| step_after(&view, party)).collect();
    let verdicts = verdicts(situation.claims, &view, |party| verdict_without_list(party.claim, Verdict::TargetGone));
    Plan { steps, change: None, verdicts }
}

/// An administrator has everything and keeps it: claims that live own what they owned, in case it ceases to be one;
/// claims that ended are let go, for there is nothing that may be taken away.
fn on_fixed_row(claims: &[ClaimState]) -> Plan {
    let step = |(claim, state): (usize, &ClaimState)| match state.standing() {
        Standing::Frozen => None,
        Standing::Ended if state.deleting => state.finalizer.then_some(Step::Release { claim }),
        Standing::Ended if !state.owned.is_empty() => Some(Step::RecordOwned { claim, owned: Access::new() }),
        Standing::Live | Standing::Ended => release_if_nothing_owned(claim, state),
    };
    let verdict = |state: &ClaimState| verdict_without_list(state, Verdict::AlreadyHeld);
    Plan {
        steps: claims.iter().enumerate().filter_map(step).collect(),
        change: None,
        verdicts: claims.iter().map(verdict).collect(),
    }
}

/// Unknown is not absent: nothing is done but what needs no list, to let go of whom Retain lets go, and of whom nothing was
/// ever granted for: a record comes before the cloud is touched.
fn on_unknown(claims: &[ClaimState]) -> Plan {
    let free = |state: &ClaimState| state.deleting && state.finalizer && (state.retain || state.owned.is_empty());
    let verdict = |state: &ClaimState| {
        let ended = state.owned.is_empty() || free(state) || is_released(state);
        if state.standing() == Standing::Ended && !ended {
            Verdict::Unknown
        } else {
            verdict_without_list(state, Verdict::Unknown)
        }
    };
    Plan {
        steps: (claims.iter().enumerate())
            .filter(|(_, state)| free(state))
            .map(|(claim, _)| Step::Release { claim })
            .collect(),
        change: None,
        verdicts: claims.iter().map(verdict).collect(),
    }
}

/// Verdicts in the order of the claims. Whoever plays no part any more has ended.
fn verdicts(claims: &[ClaimState], view: &View<'_>, verdict: impl Fn(&Party<'_>) -> Verdict) -> Vec<Verdict> {
    let mut verdicts = vec![Verdict::Ended; claims.len()];
    for party in &view.parties {
        verdicts[party.index] = verdict(party);
    }
    verdicts
}

/// Before the cloud: first the finalizer, so that the object cannot vanish; then the record of what it shall own.
fn step_before(party: &Party<'_>) -> Option<Step> {
    if party.role != Role::Served {
        return None;
    }
    let claim = party.index;
    if party.lacks_finalizer() {
        return Some(Step::AddFinalizer { claim });
    }
    let owned = || (&party.owned | &party.share).to_access();
    (!party.has_recorded()).then(|| Step::RecordOwned { claim, owned: owned() })
}

/// After the cloud: a claim owns no longer what is gone, or what another one answers for.
fn step_after(view: &View<'_>, party: &Party<'_>) -> Option<Step> {
    match party.role {
        Role::Served => shrink(view, party),
        Role::Rival => give_way(view, party),
        Role::Frozen => None,
        Role::Ended | Role::Retained => end(view, party),
    }
}

fn shrink(view: &View<'_>, party: &Party<'_>) -> Option<Step> {
    let stays = |name: &str| party.wanted.contains(name) || !(kept_by_another(view, party, name) || view.is_gone(name));
    let owned = party.owned.filter(stays);
    if owned != party.owned {
        return Some(Step::RecordOwned { claim: party.index, owned: owned.to_access() });
    }
    party.share.is_empty().then(|| release_if_nothing_owned(party.index, party.claim)).flatten()
}

/// An owner that returns after another one was given its place lets go, even when it is the older one. It goes on
/// owning until the other has recorded that it owns: somebody must answer for the principal.
fn give_way(view: &View<'_>, party: &Party<'_>) -> Option<Step> {
    let server = view.of(Role::Served).next()?;
    if party.owned.is_empty() {
        release_if_nothing_owned(party.index, party.claim)
    } else if server.owned.is_empty() {
        None
    } else {
        Some(Step::RecordOwned { claim: party.index, owned: Access::new() })
    }
}

fn end(view: &View<'_>, party: &Party<'_>) -> Option<Step> {
    let claim = party.index;
    let left = left(view, party);
    if party.claim.deleting {
        left.is_empty().then_some(Step::Release { claim })
    } else if left == party.owned {
        release_if_nothing_owned(claim, party.claim)
    } else {
        Some(Step::RecordOwned { claim, owned: left.to_access() })
    }
}

/// What an ended claim still has to answer for.
fn left<'a>(view: &View<'a>, party: &Party<'a>) -> Names<'a> {
    if party.role == Role::Retained {
        return Names::none();
    }
    if !view.exclusive {
        return party.owned.filter(|name| !kept_by_another(view, party, name) && !view.is_gone(name));
    }
    let taken_over = view.parties.iter().any(|other| other.owned.iter().any(|name| other.keeps(name)));
    let principal_gone = view.cloud.is_empty() && view.in_flight.is_empty();
    if taken_over || principal_gone { Names::none() } else { party.owned.clone() }
}

fn kept_by_another(view: &View<'_>, party: &Party<'_>, name: &str) -> bool {
    view.parties.iter().any(|other| other.index != party.index && other.keeps(name))
}

fn release_if_nothing_owned(claim: usize, state: &ClaimState) -> Option<Step> {
    (state.finalizer && state.owned.is_empty()).then_some(Step::Release { claim })
}
