//! What an account's revocationLimit lets go, and what it holds back. Pure: from what the account's status remembers to what
//! it is to remember.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::api::{CloudAccountSpec, CloudAccountStatus, CountedRevocations, HeldRevocation, HeldRevocations};

/// As many as are listed for release at a time.
const MOST_LISTED: usize = 500;

/// As many as are counted one by one; beyond, the oldest are forgotten.
const MOST_COUNTED: usize = 4096;

/// What was let go is counted in so many parts of a window, each at its end.
const PARTS: u32 = 64;

/// How many revocations go in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) count: u32,
    pub(crate) window: Duration,
}

impl Limit {
    pub(crate) fn of(spec: &CloudAccountSpec) -> Option<Self> {
        spec.revocation_limit().map(|(count, window)| Self { count, window })
    }
}

/// What an account's status remembers of revocations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) counted: Vec<CountedRevocations>,
    pub(crate) held: Option<HeldRevocations>,
}

/// What is asked of an account: to let these revocations go on one target.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// The key of the target.
    pub(crate) target: &'a str,
    /// Each with the namespace of the object that it is for.
    pub(crate) revocations: &'a [(String, HeldRevocation)],
    /// The principals that this is all about: nothing else of theirs is held back.
    pub(crate) about: &'a BTreeSet<&'a str>,
    /// Every principal of the target that any object is about; `None` when other operators may serve some that are not known.
    pub(crate) principals: Option<&'a BTreeSet<&'a str>>,
    /// The id that the account's annotation lets go.
    pub(crate) released: Option<&'a str>,
    pub(crate) now: Timestamp,
}

/// What goes, and what is to be remembered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// For each revocation, in order.
    pub(crate) goes: Vec<bool>,
    pub(crate) ledger: Ledger,
    /// When the first of what was counted no longer counts.
    pub(crate) again_at: Option<Timestamp>,
}

impl Ledger {
    pub(crate) fn of(status: &CloudAccountStatus) -> Self {
        Self { counted: status.revocations.clone(), held: status.held.clone() }
    }

    /// Lets go what was released by its id, then as many as the limit leaves for each namespace. Without a limit, all go.
    pub(crate) fn answer(&self, limit: Option<Limit>, question: &Question<'_>) -> Answer {
        let now = question.now;
        let begins = |limit: Limit| now.checked_sub(limit.window).unwrap_or(Timestamp::MIN);
        let mut counted = self.counted.clone();
        counted.retain(|one| limit.is_some_and(|limit| one.at > begins(limit)));
        // What a clock that was wrong says is to come has been.
        for one in &mut counted {
            one.at = one.at.min(now);
        }
        let released = self.held.as_ref().filter(|held| question.released == Some(&*held.id));
        let mut left: BTreeMap<&str, u32> = BTreeMap::new();
        let mut fresh: BTreeMap<&str, u32> = BTreeMap::new();
        let goes = question.revocations.iter().map(|(namespace, revocation)| {
            let Some(limit) = limit else { return true };
            if released.is_some_and(|held| held.revocations.contains(revocation)) {
                return true;
            }
            let used = || counted.iter().filter(|one| one.namespace == *namespace).map(|one| one.count).sum();
            let left = left.entry(namespace).or_insert_with(|| limit.count.saturating_sub(used()));
            let goes = *left > 0;
            *left = left.saturating_sub(1);
            *fresh.entry(namespace).or_default() += u32::from(goes);
            goes
        });
        let goes: Vec<_> = goes.collect();
        for (namespace, count) in fresh.into_iter().filter(|(_, count)| *count > 0) {
            let part = limit.map(|limit| limit.window / PARTS).unwrap_or_default();
            add(&mut counted, namespace, count, now, part);
        }
        let surplus = counted.len().saturating_sub(MOST_COUNTED);
        counted.drain(..surplus);
        let held = self.held_after(released.is_some(), question, &goes);
        let again_at = limit.and_then(|limit| {
            let first = counted.iter().map(|one| one.at).min()?;
            first.checked_add(limit.window).ok()
        });
        Answer { goes, ledger: Ledger { counted, held }, again_at }
    }

    /// What is held back on the target is listed anew. While a list that was released is being worked off, nothing is added
    /// to it: its id stands for exactly those.
    fn held_after(&self, is_released: bool, question: &Question<'_>, goes: &[bool]) -> Option<HeldRevocations> {
        let before = self.held.as_ref().map(|held| held.revocations.as_slice()).unwrap_or_default();
        let asked = |revocation: &HeldRevocation| question.revocations.iter().any(|(_, asked)| asked == revocation);
        let concerns = |one: &HeldRevocation| {
            let name = one.principal.as_str();
            let is_nobodys = || question.principals.is_some_and(|principals| !principals.contains(name));
            one.target == question.target && (question.about.contains(name) || is_nobodys())
        };
        let left = before.iter().filter(|one| !concerns(one) || asked(one) && is_released);
        let mut list: Vec<_> = left.cloned().collect();
        if is_released && !list.is_empty() {
            return self.held.as_ref().map(|held| HeldRevocations { revocations: list, ..held.clone() }.counted());
        }
        let refused = question.revocations.iter().zip(goes).filter(|(_, goes)| !**goes);
        list.extend(refused.map(|((_, revocation), _)| revocation.clone()));
        list.sort();
        list.dedup();
        list.truncate(MOST_LISTED);
        if list.is_empty() {
            None
        } else if list == before {
            self.held.clone()
        } else {
            let id = id_of(&list, question.now);
            Some(HeldRevocations { id, count: 0, revocations: list }.counted())
        }
    }
}

/// Adds to what was counted: to the last of the namespace, if that is of the same part of a window. It then counts from now.
fn add(counted: &mut Vec<CountedRevocations>, namespace: &str, count: u32, now: Timestamp, part: Duration) {
    // Parts begin at fixed times: one that began with each addition would never end.
    let part_of = |at: Timestamp| i128::try_from(part.as_nanos()).map_or(0, |part| at.as_nanosecond() / part.max(1));
    let last = counted.iter_mut().rev().find(|one| one.namespace == namespace && part_of(one.at) == part_of(now));
    match last {
        Some(last) => {
            last.count += count;
            last.at = now;
        }
        None => counted.push(CountedRevocations { namespace: namespace.to_owned(), at: now, count }),
    }
}

/// Another one for each list, and for the same list at another time.
fn id_of(list: &[HeldRevocation], now: Timestamp) -> String {
    let mut hash = Sha256::new();
    hash.update(now.as_nanosecond().to_be_bytes());
    for one in list {
        let access = one.access.iter().map(String::as_str);
        for text in [one.target.as_str(), one.principal.as_str()].into_iter().chain(access) {
            hash.update(text);
            hash.update([0]);
        }
        hash.update([1]);
    }
    hash.finalize().iter().take(6).fold(String::new(), |id, byte| id + &format!("{byte:02x}"))
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
