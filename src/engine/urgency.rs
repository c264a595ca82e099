//! How urgent a pass's calls are, and for whom they are made.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::gather::{Member, Principal};
use super::group::Group;
use super::kind::AccessKind;
use super::memory::Failure;
use super::parts::Part;
use super::pass::Pass;
use crate::clouds::{Purpose, Recall, Urgency};

/// What a list of the group's target is for: the most urgent thing that a claim asks for. None of a group without a target.
pub(crate) fn purpose_of_look<K: AccessKind>(
    group: &Group,
    principals: &[Principal<K>],
    now: Timestamp,
) -> Option<Purpose> {
    let Group::Target(target) = group else { return None };
    let members = principals.iter().flat_map(|principal| &principal.members);
    let (urgency, member) =
        members.map(|member| (urgency_of(member, now), member)).min_by_key(|(urgency, _)| *urgency)?;
    Some(Purpose::new(urgency, member.entry.key.namespace.as_str(), Arc::clone(target)))
}

/// How urgent it is to look at the target for a claim, as far as that can be told without a list.
fn urgency_of<K: AccessKind>(member: &Member<K>, now: Timestamp) -> Urgency {
    if member.has_ended(now) && !member.is_at_rest(now) {
        Urgency::Revocation
    } else if member.entry.is_settled() && !member.entry.is_requested() {
        Urgency::Look
    } else if member.gives_up(now) {
        Urgency::Revocation
    } else if member.entry.is_served() {
        Urgency::Look
    } else {
        Urgency::Change
    }
}

/// Sorts by rank; among those of one rank, lanes take turns, and those of one lane stay in order.
pub(crate) fn in_turns<T, R: Ord + Copy, L: Ord>(
    all: impl IntoIterator<Item = T>,
    place: impl Fn(&T) -> (R, L),
) -> Vec<T> {
    let mut turns: BTreeMap<(R, L), usize> = BTreeMap::new();
    let in_rounds = all.into_iter().map(|one| {
        let (rank, lane) = place(&one);
        let turn = turns.entry((rank, lane)).or_default();
        *turn += 1;
        ((rank, *turn), one)
    });
    let mut in_rounds: Vec<_> = in_rounds.collect();
    in_rounds.sort_by_key(|(place, _)| *place);
    in_rounds.into_iter().map(|(_, one)| one).collect()
}

impl<K: AccessKind> Pass<'_, K> {
    /// What it is for to write this part: for whoever supplies what is added, or had what is taken away.
    pub(crate) fn purpose_of(&self, principal: &Principal<K>, part: &Part) -> Purpose {
        let supplier = part.change.supplier.map(|claim| &principal.members[claim]);
        let owner = || principal.members.iter().find(|member| !member.entry.status().owned.is_empty());
        let namespace = supplier.or_else(owner).map_or(&part.account.namespace, |member| &member.entry.key.namespace);
        let target = self.target_key.unwrap_or_default();
        if part.is_removal() {
            return Purpose::new(Urgency::Revocation, namespace.as_str(), target);
        }
        let is_retry = self.memory().standing_failure(&principal.name, part).is_some_and(Failure::gives_way);
        let urgency = if is_retry { Urgency::Look } else { Urgency::Change };
        let purpose = Purpose::new(urgency, namespace.as_str(), target);
        Purpose { recall: Recall::by(&self.hurry), ..purpose }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_of_one_rank_take_turns_and_keep_their_order() {
        let all = ["2 a one", "1 a two", "2 a three", "2 b four", "2 a five", "1 b six", "1 a seven"];
        let sorted = in_turns(all, |one| (one.as_bytes()[0], one.as_bytes()[2]));
        assert_eq!(sorted, ["1 a two", "1 b six", "1 a seven", "2 a one", "2 b four", "2 a three", "2 a five"]);
    }

    #[test]
    fn the_most_urgent_purpose_counts_and_the_first_of_equals() {
        let purpose = |urgency, namespace: &str| Purpose::new(urgency, namespace, "q");
        let (change, other) = (purpose(Urgency::Change, "a"), purpose(Urgency::Change, "b"));
        let revocation = purpose(Urgency::Revocation, "c");
        assert_eq!(Purpose::most_urgent([&change, &other]), Some(&change));
        assert_eq!(Purpose::most_urgent([&change, &revocation, &other]), Some(&revocation));
        assert_eq!(Purpose::most_urgent([]), None);
    }
}
