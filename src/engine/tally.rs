//! How objects use accounts: counted in one sweep for all accounts.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Entry, ObjectKey};
use crate::api::{AccessObject, ConditionType};

/// How many objects name each account, by the reason of their condition Ready.
pub(crate) type Counts = BTreeMap<ObjectKey, BTreeMap<String, u32>>;

/// How some objects use accounts.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Counts,
    /// Accounts without which some object could not be revoked.
    needed: BTreeSet<ObjectKey>,
    /// Of some object that may have to be revoked, the account is not known.
    needs_any: bool,
}

/// How some objects use one account.
#[derive(Default)]
struct Use<'a> {
    counts: BTreeMap<&'a str, u32>,
    is_needed: bool,
}

impl Tally {
    pub(crate) fn of<'a, O: AccessObject>(entries: impl Iterator<Item = &'a Entry<O>>) -> Self {
        let mut tally = Self::default();
        let mut accounts: BTreeMap<_, Use<'_>> = BTreeMap::new();
        for entry in entries {
            let Some(named) = entry.names_account() else {
                tally.needs_any |= entry.may_own();
                continue;
            };
            let of_account = accounts.entry(named).or_default();
            let ready = entry.status().condition(ConditionType::Ready);
            *of_account.counts.entry(ready.map_or("New", |condition| &condition.reason)).or_default() += 1;
            of_account.is_needed |= entry.may_own();
        }
        for ((namespace, name), Use { counts, is_needed }) in accounts {
            let key = ObjectKey { namespace: namespace.to_owned(), name: name.to_owned() };
            tally.needed.extend(is_needed.then(|| key.clone()));
            tally.counts.insert(key, counts.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect());
        }
        tally
    }

    /// Some object could not be revoked without the account, as far as that is known.
    pub(crate) fn needs(&self, account: &ObjectKey) -> bool {
        self.needs_any || self.needed.contains(account)
    }

    /// Adds how many objects name each account, by how they rest.
    pub(crate) fn add_to(&self, counts: &mut Counts) {
        for (account, reasons) in &self.counts {
            let sums = counts.entry(account.clone()).or_default();
            for (reason, count) in reasons {
                *sums.entry(reason.clone()).or_default() += count;
            }
        }
    }
}
