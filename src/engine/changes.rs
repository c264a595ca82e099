//! Writes changes to the cloud: what was taken away first, each fenced by what is stored now, each remembered before it
//! is sent.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use tokio::time::Instant;
use tracing::{info, warn};

use super::entry::ObjectKey;
use super::gather::{Member, Principal};
use super::kind::{AccessKind, Change};
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
        let Some(mut change) = planned.plan.change else {
            self.memory().forgive(&principal.name);
            return None;
        };
        if principal.members.iter().any(|member| member.stale) {
            return None;
        }
        if let Some(failure) = planned.failure
            && failure.until > Instant::now()
        {
            self.look.at(Some(failure.until));
            return None;
        }
        let account = self.writer(principal, &planned.states, &change)?.clone();
        if !self.observation.spells(&principal.name) && !change.after.is_subset(&change.before) {
            // A replacement would rest on a row that may be another's: take away now, add in the next pass.
            let removed: Access = &change.before - &change.after;
            if !removed.is_empty() {
                change.after = &change.before - &removed;
            }
        }
        let details = change.supplier.and_then(|claim| principal.members[claim].located.claim.as_ref());
        let kind_change = Change {
            principal: principal.name.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
            details: details.map(|claim| claim.details.clone()),
        };
        Some(Write { principal: at, account, plan: change, change: kind_change })
    }

    /// The account that writes: the supplier's, else an owner's, else that of a claim that adopts; never one that has no
    /// claim in it.
    pub(crate) fn writer<'a>(
        &self,
        principal: &'a Principal<K>,
        states: &[plan::ClaimState],
        change: &plan::Change,
    ) -> Option<&'a ObjectKey> {
        let removed = &change.before - &change.after;
        let members = principal.members.iter().zip(states);
        let owner = |(member, state): (&'a Member<K>, &plan::ClaimState)| {
            let owns = K::EXCLUSIVE || !state.owned.is_disjoint(&removed);
            let may = owns && !state.owned.is_empty() && state.standing() != Standing::Frozen;
            member.account().filter(|account| may && self.observation.client(account).is_some())
        };
        let adopter = |(member, state): (&'a Member<K>, &plan::ClaimState)| {
            let may = state.adopt && state.standing() == Standing::Live;
            member.account().filter(|account| may && self.observation.client(account).is_some())
        };
        let supplier = change.supplier.and_then(|claim| principal.members[claim].account());
        supplier.or_else(|| members.clone().find_map(owner)).or_else(|| members.clone().find_map(adopter))
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
                Ok(entry) if entry.resource_version == member.entry.resource_version => member.fenced = true,
                Ok(entry) => {
                    member.stale = true;
                    engine.schedule_all(engine.store.put(entry));
                    engine.schedule_all(engine.store.await_newer(&member.entry));
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
                    self.memory().answered(&change.principal, &planned);
                    self.memory().forgive(&change.principal);
                }
                Err(error) => {
                    doubtful |= matches!(error, CloudError::CredentialsRejected { .. });
                    if !may_have_landed(&error) {
                        self.memory().refused(&change.principal, &planned);
                    }
                    let trouble = Trouble::from(&error);
                    self.memory().failed(&change.principal, planned, trouble, now, (self.engine.settings.random)());
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
