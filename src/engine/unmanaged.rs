//! Counts what nobody asked for: how many entries of a target's list no claim owns. Told in metrics, and in the statuses of
//! the accounts that see the target.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::warn;

use super::account_objects::accounts_like;
use super::accounts::Accounts;
use super::entry::ObjectKey;
use crate::api;
use crate::metrics::Metrics;

/// Counts that change are gathered for so long, so that many targets cost one write to their account.
const GATHERING: Duration = Duration::from_secs(5);

/// As many targets as an account's status names.
const MOST_NAMED: usize = 256;

/// How many principals of each target nobody answers for.
pub(crate) struct Unmanaged {
    metrics: Metrics,
    counts: Mutex<BTreeMap<Arc<str>, Count>>,
    changed: Notify,
    /// By then every target has been looked at: what is not counted is no longer there.
    complete_at: Instant,
}

/// Of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Count {
    principals: u32,
    /// The accounts that see the target.
    accounts: BTreeSet<ObjectKey>,
}

impl Unmanaged {
    /// All targets are looked at within so long.
    pub(crate) fn new(metrics: Metrics, within: Duration) -> Self {
        let complete_at = Instant::now() + within;
        Self { metrics, counts: Mutex::default(), changed: Notify::new(), complete_at }
    }

    /// A complete list of the target shows so many.
    pub(crate) fn set(&self, target: &str, principals: u32, accounts: &BTreeSet<ObjectKey>) {
        self.metrics.set_unmanaged_principals(target, u64::from(principals));
        let count = Count { principals, accounts: accounts.clone() };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.get(target) != Some(&count) {
            counts.insert(target.into(), count);
            self.changed.notify_one();
        }
    }

    /// Nobody asks for anything on the target any more.
    pub(crate) fn forget(&self, target: &str) {
        self.metrics.forget_target(target);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if Instant::now() < self.complete_at {
            // Of none it is known that nothing is to be told.
            counts.insert(target.into(), Count { principals: 0, accounts: BTreeSet::new() })
        } else {
            counts.remove(target)
        };
        if before.is_some_and(|before| before.principals > 0) {
            self.changed.notify_one();
        }
    }

    /// An account is new, or another one: its status may say otherwise.
    pub(crate) fn account_changed(&self) {
        self.changed.notify_one();
    }

    /// Keeps the statuses of accounts up to date. Does not return.
    pub(crate) async fn publish(&self, client: &Client, accounts: &Accounts, call_timeout: Duration) {
        let (mut complete, mut last_written) = (false, BTreeMap::new());
        loop {
            tokio::select! {
                () = self.changed.notified() => sleep(GATHERING).await,
                () = sleep_until(self.complete_at), if !complete => complete = true,
            }
            for key in accounts.keys() {
                let Some(stands) = accounts.unmanaged(&key) else { continue };
                let is = self.of(&key, &stands);
                // What the watch shows may be older than what was written last.
                if is == stands && last_written.get(&key).is_none_or(|last| *last == is) {
                    continue;
                }
                let patch = Patch::Merge(json!({"status": {"unmanaged": is}}));
                let accounts = accounts_like(client, &key);
                let params = PatchParams::default();
                let written = timeout(call_timeout, accounts.patch_status(&key.name, &params, &patch)).await;
                if matches!(written, Ok(Ok(_))) {
                    last_written.insert(key, is);
                } else {
                    warn!(account = %key, "what nobody asked for could not be written to the account; it is tried again");
                    self.changed.notify_one();
                }
            }
        }
    }

    /// What an account's status is to say. Until every target was looked at, what it says of the others stays.
    fn of(&self, account: &ObjectKey, stands: &[api::Unmanaged]) -> Vec<api::Unmanaged> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = counts.iter().filter(|(_, count)| count.principals > 0 && count.accounts.contains(account));
        let counted =
            counted.map(|(target, count)| api::Unmanaged { target: target.to_string(), principals: count.principals });
        let early = Instant::now() < self.complete_at;
        let stays = stands.iter().filter(|one| early && !counts.contains_key(&*one.target)).cloned();
        let mut list: Vec<_> = counted.chain(stays).collect();
        list.sort_by(|one, other| {
            (Reverse(one.principals), &one.target).cmp(&(Reverse(other.principals), &other.target))
        });
        list.truncate(MOST_NAMED);
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> ObjectKey {
        ObjectKey { namespace: "team".to_owned(), name: name.to_owned() }
    }

    fn told(unmanaged: &Unmanaged, account: &ObjectKey, stands: &[api::Unmanaged]) -> Vec<(String, u32)> {
        unmanaged.of(account, stands).into_iter().map(|one| (one.target, one.principals)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_is_told_of_the_targets_that_it_sees_those_with_most_first() {
        let unmanaged = Unmanaged::new(Metrics::default(), Duration::from_mins(10));
        let (first, second) = (account("first"), account("second"));
        let both = BTreeSet::from([first.clone(), second.clone()]);
        unmanaged.set("a", 1, &both);
        unmanaged.set("b", 3, &BTreeSet::from([first.clone()]));
        unmanaged.set("c", 0, &both);
        assert_eq!(told(&unmanaged, &first, &[]), [("b".to_owned(), 3), ("a".to_owned(), 1)]);
        assert_eq!(told(&unmanaged, &second, &[]), [("a".to_owned(), 1)]);
        let stands = unmanaged.of(&first, &[]);
        unmanaged.forget("b");
        assert_eq!(told(&unmanaged, &first, &stands), [("a".to_owned(), 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_stood_there_before_the_start_stays_until_every_target_was_looked_at() {
        let unmanaged = Unmanaged::new(Metrics::default(), Duration::from_mins(10));
        let first = account("first");
        let stood =
            [("a", 9), ("b", 2)].map(|(target, principals)| api::Unmanaged { target: target.to_owned(), principals });
        unmanaged.set("a", 1, &BTreeSet::from([first.clone()]));
        assert_eq!(told(&unmanaged, &first, &stood), [("b".to_owned(), 2), ("a".to_owned(), 1)]);
        tokio::time::advance(Duration::from_mins(10)).await;
        assert_eq!(told(&unmanaged, &first, &stood), [("a".to_owned(), 1)]);
    }
}
