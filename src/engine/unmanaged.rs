//! Counts what nobody asked for: how many entries of a target's list no claim owns. Told in metrics, and in the statuses of
//! the accounts that see the target.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::entry::ObjectKey;
use crate::api;
use crate::metrics::Metrics;

/// As many targets as an account's status names.
const MOST_NAMED: usize = 256;

/// How many principals of each target nobody answers for.
pub(crate) struct Unmanaged {
    metrics: Metrics,
    counts: Mutex<BTreeMap<Arc<str>, Count>>,
    /// By then every target has been looked at: what is not counted is no longer there.
    complete_at: Instant,
}

/// Of one target.
#[derive(Debug, Clone)]
struct Count {
    principals: u32,
    /// The accounts that see the target.
    accounts: BTreeSet<ObjectKey>,
}

impl Unmanaged {
    /// All targets are looked at within so long.
    pub(crate) fn new(metrics: Metrics, within: Duration) -> Self {
        let complete_at = Instant::now() + within;
        Self { metrics, counts: Mutex::default(), complete_at }
    }

    /// A complete list of the target shows so many.
    pub(crate) fn set(&self, target: &str, principals: u32, accounts: &BTreeSet<ObjectKey>) {
        self.metrics.set_unmanaged_principals(target, u64::from(principals));
        let count = Count { principals, accounts: accounts.clone() };
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).insert(target.into(), count);
    }

    /// Nobody asks for anything on the target any more.
    pub(crate) fn forget(&self, target: &str) {
        self.metrics.forget_target(target);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if Instant::now() < self.complete_at {
            // Of none it is known that nothing is to be told.
            counts.insert(target.into(), Count { principals: 0, accounts: BTreeSet::new() });
        } else {
            counts.remove(target);
        }
    }

    /// What an account's status is to say. Until every target was looked at, what it says of the others stays.
    pub(crate) fn of(&self, account: &ObjectKey, stands: &[api::Unmanaged]) -> Vec<api::Unmanaged> {
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
