//! Writes changes to the cloud: what was taken away first, each fenced by what is stored now, each remembered before it
//! is sent.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use tokio::time::Instant;
use tracing::{info, warn};

use super::entry::ObjectKey;
use super::gather::{Member, Principal};
use super::kind::{AccessKind, Change};
use super::memory::Failure;
use super::objects::ObjectError;
use super::pass::Pass;
use super::reaction::{Trouble, may_have_landed};
use super::report::words;
use crate::clouds::CloudError;
use crate::plan::{self, Access, Standing};

/// Reads of claims in flight at once in one pass.
const CONCURRENT_READS: usize = 32;

/// One change that is to be written now.
struct Write<D> {
    principal: usize,
    account: ObjectKey,
    plan: plan::Change,
    change: Change<D>,
}

impl<K: AccessKind> Pass<'_, K> {
    /// Writes what is planned for these principals, where nothing speaks against it.
    pub(crate) async fn changes(&mut self, principals: &mut [Principal<K>]) {
        self.fence(principals).await;
        let mut writes = Vec::new();
        for (at, principal) in principals.iter().enumerate() {
            writes.extend(self.write_for(at, principal));
        }
        let (removals, others): (Vec<_>, Vec<_>) =
            writes.into_iter().partition(|write| write.plan.after.is_subset(&write.plan.before));
        for batch in [removals, others] {
            let mut by_account: BTreeMap<ObjectKey, Vec<Write<K::Details>>> = BTreeMap::new();
            for write in batch {
                by_account.entry(write.account.clone()).or_default().push(write);
            }
            for (account, writes) in by_account {
                self.write(&account, writes, principals).await;
            }
        }
    }

    /// What to write for a principal now, if anything.
    fn write_for(&mut self, at: usize, principal: &Principal<K>) -> Option<Write<K::Details>> {
        let planned = self.plan(principal);
        let change = planned.plan.change?;
        if principal.members.iter().any(|member| member.stale) {
            return None;
        }
        // A change that failed is left alone for a while, but not what another account can do.
        let failed = planned.failure.filter(|failure| failure.until > Instant::now());
        let not = failed.as_ref().map(|failure| &failure.account);
        let Some(account) = self.writer(principal, &planned.states, &change, not).cloned() else {
            self.look.at(failed.map(|failure| failure.until));
            return None;
        };
        let change = self.part_of(change, principal, &planned.states, &account);
        let details = change.supplier.and_then(|claim| principal.members[claim].located.claim.as_ref());
        let kind_change = Change {
            principal: principal.name.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
            details: details.map(|claim| claim.details.clone()),
        };
        Some(Write { principal: at, account, plan: change, change: kind_change })
    }

    /// The part of a change that is written now: what the claims of the writing account asked for. Another account's
    /// wishes wait for the next pass and their own account, so that nobody is granted anything with a key that is not
    /// theirs to use.
    fn part_of(
        &self,
        mut change: plan::Change,
        principal: &Principal<K>,
        states: &[plan::ClaimState],
        account: &ObjectKey,
    ) -> plan::Change {
        let removed = &change.before - &change.after;
        let members = principal.members.iter().zip(states);
        let own = members.filter(|(member, state)| {
            member.account() == Some(account) && state.standing() == Standing::Live && state.finalizer
        });
        let asked: Access = own.flat_map(|(_, state)| &state.owned).cloned().collect();
        change.after.retain(|string| change.before.contains(string) || asked.contains(string));
        if !self.observation.spells(&principal.name) && !removed.is_empty() {
            // A replacement would rest on a row that may be another's: take away now, add in the next pass.
            change.after = &change.before - &removed;
        }
        change
    }

    /// The account that writes: the supplier's, else one whose claims ask for what is added, else an owner's of what is
    /// removed, else that of a claim that adopts. Never one that has no claim in it, nor the one that is left out.
    pub(crate) fn writer<'a>(
        &self,
        principal: &'a Principal<K>,
        states: &[plan::ClaimState],
        change: &plan::Change,
        not: Option<&ObjectKey>,
    ) -> Option<&'a ObjectKey> {
        let (added, removed) = (&change.after - &change.before, &change.before - &change.after);
        let able = |member: &'a Member<K>| {
            let account = member.account()?;
            (self.observation.client(account).is_some() && Some(account) != not).then_some(account)
        };
        let find = |wants: &dyn Fn(&plan::ClaimState) -> bool| {
            let members = principal.members.iter().zip(states);
            members.filter(|(_, state)| wants(state)).find_map(|(member, _)| able(member))
        };
        let live = |state: &plan::ClaimState| state.standing() == Standing::Live;
        let owns = |state: &plan::ClaimState, what: &Access| !state.owned.is_disjoint(what);
        let gives_up = |state: &plan::ClaimState| {
            let its = if K::EXCLUSIVE { !state.owned.is_empty() } else { owns(state, &removed) };
            its && (state.standing() == Standing::Ended || live(state))
        };
        let supplier = change.supplier.and_then(|claim| able(&principal.members[claim]));
        supplier
            .or_else(|| find(&|state| live(state) && state.finalizer && owns(state, &added)))
            .or_else(|| find(&gives_up))
            .or_else(|| find(&|state| live(state) && state.adopt))
    }

    /// Reads the claims for which something is to be added that no step of this pass has fenced: what we know of them may
    /// be older than their deletion.
    async fn fence(&mut self, principals: &mut [Principal<K>]) {
        let mut unfenced = Vec::new();
        for (at, principal) in principals.iter().enumerate() {
            let planned = self.plan(principal);
            let Some(change) = &planned.plan.change else { continue };
            let added = &change.after - &change.before;
            for (index, (member, state)) in principal.members.iter().zip(&planned.states).enumerate() {
                let asks = state.standing() == Standing::Live && !state.owned.is_disjoint(&added);
                if asks && !member.fenced && !member.stale {
                    unfenced.push((at, index, member.entry.key.clone()));
                }
            }
        }
        let engine = self.engine;
        let reads = stream::iter(unfenced)
            .map(|(at, index, key)| async move { (at, index, engine.objects.get(&key).await) })
            .buffer_unordered(CONCURRENT_READS)
            .collect::<Vec<_>>()
            .await;
        for (at, index, read) in reads {
            let member = &mut principals[at].members[index];
            match read {
                Ok(entry) => {
                    let now = engine.store.answer(entry);
                    member.fenced = now.clone().is_some_and(|now| member.refresh(now));
                    member.stale = !member.fenced;
                    if let Some(now) = now.filter(|_| member.stale) {
                        engine.schedule_all(engine.store.group_of(&now.key));
                    }
                }
                Err(ObjectError::Stale | ObjectError::Gone) => member.stale = true,
                Err(error @ (ObjectError::Refused(_) | ObjectError::Unavailable(_))) => {
                    warn!(object = %member.entry.key, %error, "a claim could not be read; nothing is granted for it now");
                    member.stale = true;
                    self.look.at(Some(Instant::now() + engine.settings.retry_after_refusal));
                }
            }
        }
    }

    async fn write(&mut self, account: &ObjectKey, writes: Vec<Write<K::Details>>, principals: &mut [Principal<K>]) {
        let Some(client) = self.observation.client(account).cloned() else {
            return;
        };
        let until = Instant::now() + self.engine.settings.in_flight_window;
        for write in &writes {
            self.memory().sending(&write.change.principal, &write.plan, until);
            principals[write.principal].written = true;
        }
        let (writes, changes): (Vec<_>, Vec<_>) =
            writes.into_iter().map(|write| ((write.principal, write.plan), write.change)).unzip();
        let results = K::write(&client, self.target, &changes).await;
        let now = Instant::now();
        let mut doubtful = false;
        for (((_, planned), change), result) in writes.into_iter().zip(&changes).zip(results) {
            self.log(account, change, &result);
            match result {
                Ok(()) => {
                    self.memory().answered(&change.principal, &planned, until);
                    self.memory().forgive(&change.principal);
                }
                Err(error) => {
                    doubtful |= matches!(error, CloudError::CredentialsRejected { .. });
                    if !may_have_landed(&error) {
                        self.memory().refused(&change.principal, &planned, until);
                    }
                    let trouble = Trouble::from(&error);
                    let pause = trouble
                        .pause(self.memory().attempts(&change.principal, &planned), (self.engine.settings.random)());
                    let failure =
                        Failure { change: planned, account: account.clone(), trouble, attempts: 0, until: now + pause };
                    self.memory().failed(&change.principal, failure);
                }
            }
        }
        if doubtful {
            self.engine.accounts.doubt(account).await;
        }
    }

    /// One line per cloud write: what, through which account, and how it ended.
    fn log(&self, account: &ObjectKey, change: &Change<K::Details>, result: &Result<(), CloudError>) {
        let (granted, revoked) = (words(&(&change.after - &change.before)), words(&(&change.before - &change.after)));
        let principal = &change.principal;
        match result {
            Ok(()) => info!(group = %self.group, %account, principal, granted, revoked, "access changed"),
            Err(error) => {
                warn!(group = %self.group, %account, principal, granted, revoked, %error, "a change of access failed");
            }
        }
    }
}
