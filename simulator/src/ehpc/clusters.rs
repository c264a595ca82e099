//! The clusters: which generation sees them, their status, their users with groups and passwords.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::Generation;
use crate::access::{AccessList, Row, Target};
use crate::journal::Change;
use crate::switches::Switches;

/// The generations of the API that see a cluster; whether one sees the other's clusters is not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum VisibleTo {
    /// 2018-04-12 only.
    #[serde(rename = "2018")]
    V2018,
    /// 2024-07-30 only.
    #[serde(rename = "2024")]
    V2024,
    /// Both.
    #[default]
    #[serde(rename = "both")]
    Both,
}

/// A cluster with its users; each is in one group.
pub(crate) struct Cluster {
    visible_to: VisibleTo,
    pub(crate) status: String,
    created: Timestamp,
    list: AccessList,
    /// Also those of users who are gone: a list that lags behind still shows them.
    accounts: BTreeMap<String, Account>,
    opened: u32,
    /// Of those who are there, and of nobody else.
    passwords: BTreeMap<String, String>,
}

/// What a list tells beside name and group.
#[derive(Clone, Copy)]
pub(super) struct Account {
    pub(super) id: u32,
    pub(super) added: Timestamp,
}

impl Target for Cluster {
    const SERVICE: &'static str = "ehpc";

    fn list(&self) -> &AccessList {
        &self.list
    }

    fn list_mut(&mut self) -> &mut AccessList {
        &mut self.list
    }

    fn principal(switches: &Switches, principal: &str) -> String {
        switches.ehpc.names.key(principal)
    }

    fn joined(held: BTreeSet<String>, given: BTreeSet<String>) -> BTreeSet<String> {
        if given.is_empty() { held } else { given }
    }

    fn edited(&mut self, user: &str) {
        if self.group(user).is_none() {
            self.passwords.remove(user);
        } else if !self.passwords.contains_key(user) {
            let account = self.open(user, self.created);
            self.passwords.insert(user.to_owned(), format!("Outside+{user}+{}", account.id));
        }
    }
}

impl Cluster {
    /// A running cluster without users.
    pub(crate) fn new(visible_to: VisibleTo, created: Timestamp) -> Self {
        Self {
            visible_to,
            status: "running".to_owned(),
            created,
            list: AccessList::default(),
            accounts: BTreeMap::new(),
            opened: 0,
            passwords: BTreeMap::new(),
        }
    }

    /// Whether a generation sees it.
    pub(super) fn visible_to(&self, generation: Generation) -> bool {
        match self.visible_to {
            VisibleTo::V2018 => generation == Generation::V2018,
            VisibleTo::V2024 => generation == Generation::V2024,
            VisibleTo::Both => true,
        }
    }

    /// The group of a user who is there.
    pub(super) fn group(&self, user: &str) -> Option<String> {
        self.list.held(user).pop_first()
    }

    /// The password of a user who is there; for tests alone, no call gives it.
    pub(crate) fn password(&self, user: &str) -> Option<&str> {
        self.passwords.get(user).map(String::as_str)
    }

    /// Replaces the password of a user who is there; says whether one is.
    pub(crate) fn set_password(&mut self, user: &str, password: &str) -> bool {
        let held = self.passwords.get_mut(user);
        held.map(|held| password.clone_into(held)).is_some()
    }

    /// Adds a user, or replaces group and password.
    pub(super) fn add(&mut self, user: &str, group: &str, password: &str, now: Timestamp) -> Option<Change> {
        if !self.passwords.contains_key(user) {
            self.open(user, now);
        }
        self.passwords.insert(user.to_owned(), password.to_owned());
        self.set_group(user, group)
    }

    /// Moves a user to a group.
    pub(super) fn set_group(&mut self, user: &str, group: &str) -> Option<Change> {
        self.list.set_by_call(user, BTreeSet::from([group.to_owned()]))
    }

    /// Deletes a user; nothing is kept of the password.
    pub(super) fn delete(&mut self, user: &str) -> Option<Change> {
        self.passwords.remove(user);
        self.list.set_by_call(user, BTreeSet::new())
    }

    /// What lists show: names, groups, accounts.
    pub(super) fn listed(&self, visible_after_ms: u64) -> Vec<(String, String, Account)> {
        let rows = self.list.visible(visible_after_ms, visible_after_ms);
        let listed = |(user, row): (String, Row)| {
            let group = row.strings().into_iter().next()?;
            let account = *self.accounts.get(&user)?;
            Some((user, group, account))
        };
        rows.into_iter().filter_map(listed).collect()
    }

    fn open(&mut self, user: &str, added: Timestamp) -> Account {
        self.opened += 1;
        let account = Account { id: 1000 + self.opened, added };
        self.accounts.insert(user.to_owned(), account);
        account
    }
}
