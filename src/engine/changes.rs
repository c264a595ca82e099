//! Writes changes to the cloud: what was taken away first, each fenced by what is stored now, each remembered before it
//! is sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::Instant;
use tracing::warn;

use super::asked::asked;
use super::entry::ObjectKey;
use super::gather::{Member, Principal, Written};
use super::kind::{AccessKind, Change};
use super::memory::Failure;
use super::parts::Part;
use super::pass::Pass;
use super::reaction::{Trouble, may_have_landed};
use super::steps::Planned;
use crate::api::{ConditionStatus, ConditionType, HeldRevocation};
use crate::clouds::{CloudError, Purpose};
use crate::plan::{Access, ClaimState, Standing};

/// Reads of claims in flight at once in one pass.
const CONCURRENT_READS: usize = 32;

/// For so long what was stored when a claim was fenced is gone by, unless its event says otherwise.
const FENCED_FOR: Duration = Duration::from_secs(30);

/// For so long what was refused is left to passes that have nothing else to write.
const LONGEST_GIVING_WAY: Duration = Duration::from_secs(30);

/// One change that is to be written now.
pub(crate) struct Write<D> {
    principal: usize,
    pub(crate) part: Part,
    pub(crate) change: Change<D>,
    /// What of it an account may hold back, and the namespace that it counts for.
    pub(crate) revokes: Option<(String, Access)>,
    /// It gives back what somebody took away by hand.
    repairs: bool,
}

impl<D> Write<D> {
    /// What it revokes, as accounts list it.
    pub(crate) fn revocation(&self, target: &str) -> Option<(String, HeldRevocation)> {
        let (namespace, access) = self.revokes.as_ref()?;
        let principal = self.change.principal.clone();
        let access = access.iter().cloned().collect();
        Some((namespace.clone(), HeldRevocation { target: target.to_owned(), principal, access }))
    }
}

impl<K: AccessKind> Pass<'_, K> {
    /// Writes what is planned for those of these principals that are open, where nothing speaks against it.
    pub(crate) async fn changes(&self, principals: &mut [Principal<K>], open: &[usize]) {
        let mut writes = Vec::new();
        for at in self.fence(principals, open).await {
            writes.extend(self.write_for(at, &principals[at]));
        }
        let writes = self.brake(writes, principals).await;
        let mut writes = self.without_retries(writes);
        // Who failed before and may be the reason goes last: a batch ends after some refusals in a row.
        writes.sort_by_cached_key(|write| {
            let memory = self.memory();
            let failure = memory.standing_failure(&principals[write.principal].name, &write.part);
            failure.is_some_and(|failure| failure.answered)
        });
        let (removals, others): (Vec<_>, Vec<_>) = writes.into_iter().partition(|write| write.part.is_removal());
        for batch in [removals, others] {
            let mut by_account: BTreeMap<ObjectKey, Vec<Write<K::Details>>> = BTreeMap::new();
            for write in batch {
                by_account.entry(write.part.account.clone()).or_default().push(write);
            }
            for (account, writes) in by_account {
                self.write(&account, writes, principals).await;
            }
        }
    }

    /// What was refused before, and is to be granted all the same, gives way to what is new, but not for long: who waits for
    /// that does not wait for what may well be refused again.
    fn without_retries(&self, mut writes: Vec<Write<K::Details>>) -> Vec<Write<K::Details>> {
        let (memory, now) = (self.memory(), Instant::now());
        let failure =
            |write: &Write<K::Details>| memory.standing_failure(&write.change.principal, &write.part).cloned();
        if writes.iter().any(|write| failure(write).is_none()) {
            self.has_news.store(true, Relaxed);
        }
        if self.has_news.load(Relaxed) {
            writes.retain(|write| {
                let gives_way = |failure: Failure| failure.gives_way() && now < failure.until + LONGEST_GIVING_WAY;
                let is_left = failure(write).is_some_and(gives_way);
                self.look.at(is_left.then_some(now));
                !is_left
            });
        }
        writes
    }

    /// What to write for a principal now, if anything.
    fn write_for(&self, at: usize, principal: &Principal<K>) -> Option<Write<K::Details>> {
        let planned = self.plan(principal);
        let change = planned.plan.change.as_ref()?;
        if principal.members.iter().any(|member| member.stale) {
            return None;
        }
        let part = match self.next_part(principal, &planned, change) {
            Ok(part) => part,
            Err(retry) => {
                self.look.at(retry);
                return None;
            }
        };
        let details = part.change.supplier.and_then(|claim| principal.members[claim].located.claim.as_ref());
        let kept = |state: &ClaimState| match state.standing() {
            Standing::Live => &state.wanted & &state.owned,
            Standing::Frozen => state.owned.clone(),
            Standing::Ended if state.deleting && state.retain => state.owned.clone(),
            Standing::Ended => Access::new(),
        };
        let owned: Access = planned.states.iter().flat_map(|state| &state.owned).cloned().collect();
        let given_up = &owned - &planned.states.iter().flat_map(kept).collect();
        // What does not show yet is taken away once it shows, if its account may hold that back.
        let is_limited = self.engine.accounts.limits_revocations(&part.account);
        let given_up = if is_limited { Access::new() } else { given_up };
        let purpose = self.purpose_of(principal, &part);
        let purpose = Purpose { asked: vec![Arc::new(asked(principal, &planned.states, &part))], ..purpose };
        let change = Change {
            principal: principal.name.clone(),
            before: part.change.before.clone(),
            after: part.change.after.clone(),
            details: details.map(|claim| claim.details.clone()),
            unseen: &self.memory().landing.unseen(&principal.name) - &given_up,
            secret: part.supply.as_ref().map(|supply| supply.value.clone()),
            purpose,
        };
        let revokes = self.revokes(principal, &planned, &part);
        let repairs = repairs(principal, &planned, &part);
        Some(Write { principal: at, part, change, revokes, repairs })
    }

    /// What of a part an account may hold back. Not what is over, whatever else ends it, nor a move, nor what it has let go
    /// before.
    pub(crate) fn revokes(&self, principal: &Principal<K>, planned: &Planned, part: &Part) -> Option<(String, Access)> {
        if K::EXCLUSIVE && !part.change.after.is_empty() {
            return None;
        }
        let claims = || principal.members.iter().zip(&planned.states);
        let expired = claims().filter(|(member, _)| member.entry.validity().has_expired(planned.now));
        let over: Access = expired.flat_map(|(_, state)| &state.owned).cloned().collect();
        if K::EXCLUSIVE && !over.is_empty() {
            return None;
        }
        let revoked = &(&part.change.removed() - &over) - &self.memory().holds.gone_ahead(&principal.name);
        let gives_up = |(member, state): &(&Member<K>, &ClaimState)| {
            member.account() == Some(&part.account) && (state.adopt || !state.owned.is_disjoint(&revoked))
        };
        let namespace = claims().find(gives_up);
        let namespace = namespace.map_or(&part.account.namespace, |(member, _)| &member.entry.key.namespace);
        (!revoked.is_empty()).then(|| (namespace.clone(), revoked))
    }

    /// Reads the claims for which something is to be added or set that no step has fenced just now: what we know of them may be
    /// older than their deletion. What was fenced a while ago must still stand as it did. Returns for which principals something
    /// is to be written at all.
    async fn fence(&self, principals: &mut [Principal<K>], open: &[usize]) -> Vec<usize> {
        let engine = self.engine;
        let (mut changing, mut unfenced, mut edited) = (Vec::new(), Vec::new(), Vec::new());
        for &at in open {
            let principal = &principals[at];
            let planned = self.plan(principal);
            let Some(change) = &planned.plan.change else { continue };
            changing.push(at);
            let (added, supplier) = (change.added(), change.supplier);
            for (index, (member, state)) in principal.members.iter().zip(&planned.states).enumerate() {
                let adds = state.standing() == Standing::Live && !state.owned.is_disjoint(&added);
                let asks = adds || supplier == Some(index);
                if !asks || member.stale {
                    continue;
                }
                if member.fenced_at.is_none_or(|at| at.elapsed() >= FENCED_FOR) {
                    unfenced.push((at, index, member.entry.key.clone()));
                    continue;
                }
                let now = engine.store.get(&member.entry.key);
                if !now.is_some_and(|now| now.uid == member.entry.uid && now.stands_as(&member.entry)) {
                    edited.push((at, index));
                }
            }
        }
        // Since its step was carried out. Its event brings the next pass.
        for (at, index) in edited {
            principals[at].members[index].stale = true;
        }
        let reads = stream::iter(unfenced)
            .map(|(at, index, key)| async move { (at, index, Instant::now(), engine.objects.get(&key).await) })
            .buffer_unordered(CONCURRENT_READS)
            .collect::<Vec<_>>()
            .await;
        for (at, index, asked_at, read) in reads {
            let member = &mut principals[at].members[index];
            match read {
                Ok(entry) => {
                    let now = engine.store.answer(entry);
                    member.stale = !now.clone().is_some_and(|now| member.refresh(now));
                    member.fenced_at = (!member.stale).then_some(asked_at);
                    if let Some(now) = now.filter(|_| member.stale) {
                        engine.schedule_all(engine.store.group_of(&now.key));
                    }
                }
                // A read is in conflict with nothing, and who is not there for it may be there for the watch: no event need be on
                // its way that would bring the next pass.
                Err(error) => {
                    warn!(object = %member.entry.key, %error, "a claim could not be read; nothing is granted for it now");
                    member.stale = true;
                    self.look.at(Some(Instant::now() + engine.settings.retry_after_refusal));
                }
            }
        }
        changing
    }

    async fn write(&self, account: &ObjectKey, writes: Vec<Write<K::Details>>, principals: &mut [Principal<K>]) {
        let Some(client) = self.observation.client(account).cloned() else {
            return;
        };
        let until = Instant::now() + self.engine.settings.in_flight_window;
        for write in &writes {
            self.memory().landing.sending(&write.change.principal, &write.part.change, until);
        }
        let (written, changes): (Vec<_>, Vec<_>) =
            writes.into_iter().map(|write| ((write.principal, write.part, write.repairs), write.change)).unzip();
        let results = K::write(&client, self.target, &changes).await;
        let now = Instant::now();
        let mut doubtful = false;
        for (((at, part, repairs), change), result) in written.into_iter().zip(&changes).zip(results) {
            let mut memory = self.memory();
            if let Err(CloudError::TurnMissed { fault }) = &result
                && !fault.partly
            {
                memory.landing.refused(&change.principal, &part.change, until);
                principals[at].written = Written::TurnMissed;
                continue;
            }
            principals[at].written = Written::Sent(Purpose { asked: Vec::new(), ..change.purpose.clone() });
            match result {
                Ok(()) => {
                    if repairs {
                        self.engine.metrics.drift_repaired();
                    }
                    memory.landing.accepted(&change.principal, &part.change, until, now);
                    memory.succeeded(&change.principal, &part, now, self.engine.sure_from());
                }
                Err(error) => {
                    doubtful |= matches!(error, CloudError::CredentialsRejected { .. });
                    if may_have_landed(&error) {
                        memory.unsure_of(&change.principal, &part, until);
                    } else {
                        memory.landing.refused(&change.principal, &part.change, until);
                    }
                    let (trouble, random) = (Trouble::from(&error), (self.engine.settings.random)());
                    memory.failed(&change.principal, &part, trouble, now, random);
                }
            }
        }
        if doubtful {
            self.engine.accounts.doubt(account).await;
        }
    }
}

/// A part gives back what a claim had and asks for as before: somebody else has taken it away.
fn repairs<K: AccessKind>(principal: &Principal<K>, planned: &Planned, part: &Part) -> bool {
    let added = part.change.added();
    let had_some = |(member, state): (&Member<K>, &ClaimState)| {
        let held = member.entry.status().condition(ConditionType::Held);
        let was_held = held.is_some_and(|held| held.status == ConditionStatus::True);
        was_held && member.entry.is_settled() && !added.is_disjoint(&state.owned)
    };
    principal.members.iter().zip(&planned.states).any(had_some)
}
