//! Gathers what a pass works on: the claims of a group by principal, as they stand when the pass starts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::accounts::Accounts;
use super::entry::{Entry, ObjectKey};
use super::group::{Located, locate};
use super::kind::AccessKind;
use super::observe::Observation;
use super::reaction::Trouble;
use crate::plan::{Access, ClaimState, Standing};

/// One claim of a pass.
pub(crate) struct Member<K: AccessKind> {
    pub(crate) entry: Arc<Entry<K::Object>>,
    pub(crate) located: Located<K::Details>,
    /// It changed while the pass ran: its event brings the next pass, this one leaves it alone.
    pub(crate) stale: bool,
    /// The API server refuses patches of it: this pass sends no more, and goes on with what is stored.
    pub(crate) refused: bool,
    /// A step of this pass was carried out on it, or it was read: what we know of it is what is stored.
    pub(crate) fenced: bool,
}

impl<K: AccessKind> Member<K> {
    pub(crate) fn new(entry: Arc<Entry<K::Object>>, accounts: &Accounts) -> Self {
        let located = locate::<K>(&entry, accounts);
        // Of an object that could not be read, nothing is known that could be written.
        let stale = entry.is_to_be_read();
        Self { entry, located, stale, refused: false, fenced: false }
    }

    /// The account that it reaches the target through.
    pub(crate) fn account(&self) -> Option<&ObjectKey> {
        self.located.account.as_ref()
    }

    /// Takes over what is stored now, if that differs in nothing that was asked or done. Returns whether it does not.
    pub(crate) fn refresh(&mut self, now: Arc<Entry<K::Object>>) -> bool {
        let same = now.uid == self.entry.uid && now.stands_as(&self.entry);
        if same {
            self.entry = now;
        }
        same
    }

    /// Why it can do nothing now: its own problem, or that its account could not list.
    pub(crate) fn trouble(&self, observation: &Observation<K>) -> Option<Trouble> {
        if let Some(problem) = &self.located.problem {
            return Some(problem.clone().into());
        }
        self.located.account.as_ref().and_then(|account| observation.trouble(account)).cloned()
    }

    /// The claim as the rule sees it.
    pub(crate) fn state(&self, observation: &Observation<K>, may_adopt: bool) -> ClaimState {
        let entry = &self.entry;
        let frozen = self.trouble(observation).is_some();
        ClaimState {
            age: (entry.created, entry.key.to_string()),
            wanted: self.wanted(),
            mode: if frozen { Standing::Frozen } else { Standing::Live },
            deleting: entry.deleting,
            finalizer: entry.has_finalizer(),
            owned: entry.status().owned.iter().cloned().collect(),
            adopt: may_adopt && entry.adopts(),
            retain: entry.retains(),
        }
    }

    pub(crate) fn wanted(&self) -> Access {
        self.located.claim.as_ref().map(|claim| claim.wanted.clone()).unwrap_or_default()
    }
}

/// One principal of a pass, with all claims on it.
pub(crate) struct Principal<K: AccessKind> {
    pub(crate) name: String,
    pub(crate) members: Vec<Member<K>>,
    /// Something was written to the cloud for it in this pass.
    pub(crate) written: bool,
}

/// The principals of a group: those with ended claims first, because access that was taken away goes first; then those
/// that were never looked at; then the others.
pub(crate) fn gather<K: AccessKind>(entries: Vec<Arc<Entry<K::Object>>>, accounts: &Accounts) -> Vec<Principal<K>> {
    let mut by_name: BTreeMap<String, Vec<Member<K>>> = BTreeMap::new();
    // An object that is being deleted and that nobody holds back is on its way out.
    for entry in entries.into_iter().filter(|entry| !entry.deleting || !entry.finalizers.is_empty()) {
        let member = Member::new(entry, accounts);
        by_name.entry(member.located.principal.clone()).or_default().push(member);
    }
    let mut principals: Vec<_> =
        by_name.into_iter().map(|(name, members)| Principal { name, members, written: false }).collect();
    principals.sort_by_key(|principal| {
        let any = |test: fn(&Entry<K::Object>) -> bool| principal.members.iter().any(|member| test(&member.entry));
        (!any(|entry| entry.deleting), !any(|entry| entry.status().observed_generation.unwrap_or(-1) < 0))
    });
    principals
}

/// The accounts that the claims of a pass reach the target through.
pub(crate) fn accounts_of<K: AccessKind>(principals: &[Principal<K>]) -> BTreeSet<ObjectKey> {
    principals.iter().flat_map(|principal| &principal.members).filter_map(Member::account).cloned().collect()
}
