//! What to write to the cloud for one principal: at most one change.

use super::names::Names;
use super::parties::{Party, Role, View};
use super::{Change, Memory};

pub(super) fn change(view: &View<'_>, memory: &Memory) -> Option<Change> {
    let added = additions(view, memory);
    let removed = removals(view);
    let moves_later = view.exclusive && added.is_empty() && is_served_elsewhere(view);
    if moves_later {
        return None;
    }
    if added.is_empty() && removed.is_empty() {
        return rotation(view);
    }
    let after = &(&view.cloud | &added) - &removed;
    Some(Change { before: view.cloud.to_access(), after: after.to_access(), supplier: supplier(view, &added) })
}

/// The principal is to be where it is not. It is moved in one write, once that can be written: taking it away first
/// would delete a user only to create it again, or, with an add still pending, delete what was just placed.
fn is_served_elsewhere(view: &View<'_>) -> bool {
    view.of(Role::Served).any(|party| !party.share.is_subset(&view.cloud))
}

/// Sets anew what a claim supplies beside the access: of one that answers for all of the access, and sees it there.
fn rotation(view: &View<'_>) -> Option<Change> {
    if view.exclusive && retained_owner(view) {
        return None;
    }
    let due = |party: &&Party<'_>| {
        let owns = party.has_recorded() && !party.share.is_empty();
        party.claim.rotated && owns && party.wanted.is_subset(&view.cloud)
    };
    let supplier = view.of(Role::Served).find(due)?.index;
    let access = view.cloud.to_access();
    Some(Change { before: access.clone(), after: access, supplier: Some(supplier) })
}

/// What each one we serve has recorded as its own, and we do not see. What is pending is not sent again: it may land by
/// itself. What only another claim has recorded has to wait, for that one may be dropping it in this very plan.
fn additions<'a>(view: &View<'a>, memory: &Memory) -> Names<'a> {
    if view.exclusive && retained_owner(view) {
        return Names::none();
    }
    let recorded = view.of(Role::Served).filter(|party| party.claim.finalizer);
    let absent = recorded.flat_map(|party| &(&party.share & &party.owned) - &view.cloud);
    absent.filter(|name| !memory.pending.contains(*name)).collect()
}

/// What is ours and no longer wanted, and under Adopt whatever else is there. A live claim takes nothing away before it
/// has recorded what it shall own, so that an edit of it is one write and its principal never holds neither.
fn removals<'a>(view: &View<'a>) -> Names<'a> {
    let recorded = || view.of(Role::Served).filter(|party| party.has_recorded());
    let wanted = view.wanted();
    let protected = &view.owned_by(Role::Frozen) | &view.owned_by(Role::Retained);
    let removed = if view.exclusive {
        exclusive_removals(view, &wanted, &protected)
    } else {
        let given_up: Names<'a> = recorded().flat_map(|party| &party.owned - &party.wanted).collect();
        let given_up = &given_up | &view.owned_by(Role::Ended);
        &(&(&given_up & &view.cloud) - &wanted) - &protected
    };
    let adopted = recorded().any(|party| party.claim.adopt);
    let retaining = view.exclusive && view.of(Role::Retained).next().is_some();
    if adopted && !retaining {
        return &removed | &(&(&view.foreign - &wanted) - &protected);
    }
    removed
}

/// Whoever owns the principal owns whatever is observed there: all of it goes but what is wanted.
fn exclusive_removals<'a>(view: &View<'a>, wanted: &Names<'a>, protected: &Names<'a>) -> Names<'a> {
    let ours = &view.cloud - &view.foreign;
    if retained_owner(view) {
        // It is let go in this very plan; what it leaves is foreign from then on.
        Names::none()
    } else if view.owned_by(Role::Frozen).is_empty() {
        &ours - wanted
    } else {
        &(&view.owned_by(Role::Ended) & &ours) - protected
    }
}

fn retained_owner(view: &View<'_>) -> bool {
    !view.owned_by(Role::Retained).is_empty()
}

/// The oldest that has recorded some of what is added: another one would supply its details only to be asked again.
fn supplier(view: &View<'_>, added: &Names<'_>) -> Option<usize> {
    let recorded = |party: &&Party<'_>| party.claim.finalizer && party.owned.meets(added);
    view.of(Role::Served).find(recorded).map(|party| party.index)
}
