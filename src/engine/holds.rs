//! What accounts hold back of what is to be taken away on a target, and what they have let go.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::entry::ObjectKey;
use super::reaction::Trouble;
use crate::plan::Access;

/// Access that is not taken away now, though nothing else speaks against it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) access: Access,
    pub(crate) trouble: Trouble,
    /// Then its account is asked again.
    pub(crate) until: Instant,
}

/// What is held back on one target, and what was let go.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    /// Principal → account → what the account holds back.
    held: BTreeMap<String, BTreeMap<ObjectKey, Held>>,
    /// Principal → what may be taken away without asking its account again: it was let go, and is not gone yet.
    ahead: BTreeMap<String, Access>,
}

impl Holds {
    /// An account holds this back.
    pub(crate) fn hold_back(&mut self, principal: String, account: ObjectKey, held: Held) {
        self.held.entry(principal).or_default().insert(account, held);
    }

    /// An account lets this be taken away from a principal.
    pub(crate) fn let_go(&mut self, principal: &str, account: &ObjectKey, access: &Access) {
        if let Some(held) = self.held.get_mut(principal) {
            held.remove(account);
        }
        self.ahead.entry(principal.to_owned()).or_default().extend(access.iter().cloned());
    }

    /// What an account holds back of a principal, as it said last.
    pub(crate) fn of(&self, principal: &str, account: &ObjectKey) -> Option<&Held> {
        self.held.get(principal)?.get(account)
    }

    /// Until when an account is not asked again to let exactly this be taken away.
    pub(crate) fn standing(
        &self,
        principal: &str,
        account: &ObjectKey,
        access: &Access,
        now: Instant,
    ) -> Option<Instant> {
        self.of(principal, account).filter(|held| held.access == *access).map(|held| held.until).filter(|at| *at > now)
    }

    /// What an account has let go, and is not gone yet.
    pub(crate) fn gone_ahead(&self, principal: &str) -> Access {
        self.ahead.get(principal).cloned().unwrap_or_default()
    }

    /// Of a principal, only this may still be taken away, or be on its way: whatever else was let go is gone.
    pub(crate) fn is_left(&mut self, principal: &str, access: &Access) {
        if let Some(ahead) = self.ahead.get_mut(principal) {
            ahead.retain(|string| access.contains(string));
        }
    }

    /// Nothing is left to do for a principal.
    pub(crate) fn forget(&mut self, principal: &str) {
        self.held.remove(principal);
        self.ahead.remove(principal);
    }

    /// What is held back of a principal, or through an account, may be asked for again.
    pub(crate) fn ask_again(&mut self, which: impl Fn(&str, &ObjectKey) -> bool, now: Instant) {
        for (principal, held) in &mut self.held {
            held.iter_mut().filter(|(account, _)| which(principal, account)).for_each(|(_, held)| held.until = now);
        }
    }

    /// When the first account from now on is asked again.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        self.held.values().flat_map(BTreeMap::values).map(|held| held.until).filter(|until| *until > now).min()
    }

    /// Forgets principals that nobody asks for any more.
    pub(crate) fn keep_only(&mut self, principals: &BTreeSet<&str>) {
        self.held.retain(|principal, _| principals.contains(principal.as_str()));
        self.ahead.retain(|principal, _| principals.contains(principal.as_str()));
    }
}
