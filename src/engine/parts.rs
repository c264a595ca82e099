//! Which account writes which part of a change: nobody is granted or denied anything with a key that is not theirs to use.

use tokio::time::Instant;

use super::entry::ObjectKey;
use super::gather::{Member, Principal, Supply};
use super::holds::Held;
use super::kind::AccessKind;
use super::memory::Failure;
use super::pass::Pass;
use super::steps::Planned;
use crate::plan::{Access, Change, ClaimState, Standing};

/// What one account writes of a change.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) account: ObjectKey,
    pub(crate) change: Change,
    /// What is to be set beside the access.
    pub(crate) supply: Option<Supply>,
    /// What its account holds back was left out of it.
    pub(crate) is_cut: bool,
}

impl Part {
    /// Access is taken away, and nothing else.
    pub(crate) fn is_removal(&self) -> bool {
        self.change.added().is_empty() && self.supply.is_none()
    }

    /// The part without taking this away, which is held back; nothing if nothing else is in it.
    pub(crate) fn without(mut self, held: &Access) -> Option<Self> {
        self.change.after.extend(held.iter().cloned());
        self.is_cut = true;
        (self.change.before != self.change.after || self.supply.is_some()).then_some(self)
    }
}

impl<K: AccessKind> Pass<'_, K> {
    /// The part of a change to write now: the first whose last try did not just fail, nor just succeed, as lists may lag.
    /// Without one, when to try again.
    pub(crate) fn next_part(
        &self,
        principal: &Principal<K>,
        planned: &Planned,
        change: &Change,
    ) -> Result<Part, Option<Instant>> {
        let mut retry = None::<Instant>;
        for part in self.parts(principal, &planned.states, change) {
            let part = self.without_held(principal, planned, part);
            match part.and_then(|part| self.rests(principal, &part).map_or(Ok(part), Err)) {
                Ok(part) => return Ok(part),
                Err(until) => retry = Some(retry.map_or(until, |retry| retry.min(until))),
            }
        }
        Err(retry)
    }

    /// An account has something to write for a principal, or to hold back.
    pub(crate) fn has_part(&self, principal: &Principal<K>, account: &ObjectKey) -> bool {
        let planned = self.plan(principal);
        let parts = planned.plan.change.as_ref().map(|change| self.parts(principal, &planned.states, change));
        parts.into_iter().flatten().any(|part| part.account == *account)
    }

    /// What of a part its account does not hold back, or until when it holds back all. What is over by now is not held back.
    fn without_held(&self, principal: &Principal<K>, planned: &Planned, part: Part) -> Result<Part, Instant> {
        let Some((_, revoked)) = self.revokes(principal, planned, &part) else { return Ok(part) };
        let held = self.memory().holds.standing(&principal.name, &part.account, &revoked, Instant::now());
        match held {
            Some(until) => part.without(&revoked).ok_or(until),
            None => Ok(part),
        }
    }

    /// Until when a part is not tried again.
    fn rests(&self, principal: &Principal<K>, part: &Part) -> Option<Instant> {
        let (memory, now) = (self.memory(), Instant::now());
        let failed = memory.standing_failure(&principal.name, part).map(|failure| failure.until);
        let settles =
            || memory.landing.settles(&principal.name, &part.change.removed(), now).filter(|_| part.is_removal());
        failed.or_else(settles).filter(|until| *until > now)
    }

    /// All parts of a change, the supplier's first. What no able account has a claim in is in none of them.
    fn parts(&self, principal: &Principal<K>, states: &[ClaimState], change: &Change) -> Vec<Part> {
        let supplier = change.supplier.and_then(|claim| principal.members[claim].account());
        let mut accounts: Vec<_> = supplier.into_iter().collect();
        for account in principal.members.iter().filter_map(Member::account) {
            if !accounts.contains(&account) {
                accounts.push(account);
            }
        }
        accounts.retain(|account| self.observation.client(account).is_some());
        let part = |account: &ObjectKey| {
            let change = self.part(principal, states, change, account)?;
            let supplier = change.supplier.filter(|claim| change.before.is_empty() || states[*claim].rotated);
            let supply = supplier.and_then(|claim| principal.members[claim].supply.clone());
            Some(Part { account: account.clone(), change, supply, is_cut: false })
        };
        accounts.into_iter().filter_map(part).collect()
    }

    /// What of a change one account writes; none if it has no say in it.
    fn part(
        &self,
        principal: &Principal<K>,
        states: &[ClaimState],
        change: &Change,
        account: &ObjectKey,
    ) -> Option<Change> {
        let own = || own(principal, states, account);
        let may_adopt = own().any(|state| state.adopt && state.standing() == Standing::Live);
        let has_say = |state: &ClaimState| state.standing() != Standing::Frozen && !state.owned.is_empty();
        if K::EXCLUSIVE || change.is_rotation() {
            // A move is one write, by whoever supplies its details.
            let supplies = change.supplier.is_none_or(|claim| principal.members[claim].account() == Some(account));
            return (supplies && (may_adopt || own().any(has_say))).then(|| change.clone());
        }
        let asked: Access = own()
            .filter(|state| state.standing() == Standing::Live && state.finalizer)
            .flat_map(|state| &state.owned)
            .cloned()
            .collect();
        let given: Access = own().filter(|state| has_say(state)).flat_map(|state| &state.owned).cloned().collect();
        let foreign = |string: &String| !states.iter().any(|state| state.owned.contains(string));
        let may_remove = |string: &String| given.contains(string) || (may_adopt && foreign(string));
        let removed: Access = change.removed().into_iter().filter(may_remove).collect();
        let mut after = &change.before - &removed;
        // A replacement of a row spelled otherwise might rest on another's: take away now, add in the next pass.
        if removed.is_empty() || self.observation.spells(&principal.name) {
            after.extend(change.added().intersection(&asked).cloned());
        }
        (change.before != after).then(|| Change { before: change.before.clone(), after, supplier: change.supplier })
    }

    /// The failure to tell a claim of: of its own account, and of a part that touches it.
    pub(crate) fn failure_of(
        &self,
        principal: &Principal<K>,
        states: &[ClaimState],
        change: Option<&Change>,
        claim: usize,
    ) -> Option<Failure> {
        let account = principal.members[claim].account()?;
        let failure = self.memory().failure(&principal.name, account).cloned()?;
        let Some(change) = change else { return Some(failure) };
        let (state, rotates) = (&states[claim], change.is_rotation() && change.supplier == Some(claim));
        let touches = !state.wanted.is_disjoint(&(&failure.added & &change.added()))
            || !loses(states, claim, &(&failure.removed & &change.removed())).is_empty()
            || (rotates && failure.is_of_a_rotation());
        touches.then_some(failure)
    }

    /// What is held back of what a claim is to lose.
    pub(crate) fn held_of(
        &self,
        principal: &Principal<K>,
        states: &[ClaimState],
        change: Option<&Change>,
        claim: usize,
    ) -> Option<Held> {
        let held = self.memory().holds.of(&principal.name, principal.members[claim].account()?).cloned()?;
        let access = loses(states, claim, &(&held.access & &change?.removed()));
        (!access.is_empty()).then_some(Held { access, ..held })
    }
}

/// What of this a claim is to lose, or to see taken away: what it owns, and if it adopts what nobody owns.
pub(crate) fn loses(states: &[ClaimState], claim: usize, removed: &Access) -> Access {
    let state = &states[claim];
    let adopts = state.adopt && state.standing() == Standing::Live;
    let foreign = |string: &String| !states.iter().any(|other| other.owned.contains(string));
    removed.iter().filter(|string| state.owned.contains(*string) || adopts && foreign(string)).cloned().collect()
}

/// The claims that reach the target through an account.
fn own<'a, K: AccessKind>(
    principal: &'a Principal<K>,
    states: &'a [ClaimState],
    account: &ObjectKey,
) -> impl Iterator<Item = &'a ClaimState> {
    let members = principal.members.iter().zip(states);
    members.filter(move |(member, _)| member.account() == Some(account)).map(|(_, state)| state)
}
