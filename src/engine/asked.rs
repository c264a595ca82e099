//! Who asked for a write: what the audit says of it.

use kube::Resource;

use super::gather::{Member, Principal};
use super::kind::AccessKind;
use super::parts::{Part, loses};
use crate::clouds::Asked;
use crate::plan::{Access, ClaimState, Standing};

/// What a part of a change does for a principal, and which objects asked for it.
pub(crate) fn asked<K: AccessKind>(principal: &Principal<K>, states: &[ClaimState], part: &Part) -> Asked {
    let (granted, revoked) = (part.change.added(), part.change.removed());
    let supplier = part.change.supplier.filter(|_| part.supply.is_some());
    let claims = || principal.members.iter().zip(states).enumerate();
    // Who is to have it, who gives it up, and of a place that can be held only once, who holds it by right.
    let concerned = |index: usize, state: &ClaimState| {
        let gains = state.standing() == Standing::Live && !state.owned.is_disjoint(&granted);
        let gives_up = !loses(states, index, &revoked).is_empty() || K::EXCLUSIVE && !state.owned.is_empty();
        gains || gives_up || supplier == Some(index)
    };
    let named = claims().filter(|(index, (_, state))| concerned(*index, state)).map(|(_, (member, _))| name(member));
    Asked {
        by: named.collect::<Vec<_>>().join(", "),
        account: format!("{:?} {}", part.account.account_kind(), part.account),
        principal: principal.name.clone(),
        granted: all(&granted),
        revoked: all(&revoked),
        secret_set: part.supply.is_some(),
    }
}

fn name<K: AccessKind>(member: &Member<K>) -> String {
    let entry = &member.entry;
    format!("{} {} (uid {}, generation {})", K::Object::kind(&()), entry.key, entry.uid, entry.generation)
}

/// All of it, unlike what people are told.
fn all(access: &Access) -> String {
    access.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
