//! The queues and their access lists: what is true, and what lists show of it so soon after a change.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::journal::Change;
use crate::switches::{Switches, UserNames};

/// What a queue runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueKind {
    /// SQL jobs.
    #[default]
    Sql,
    /// Flink and Spark jobs.
    General,
}

impl QueueKind {
    /// As the vendor writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::General => "general",
        }
    }
}

/// All queues of the project, by their lower-case names.
#[derive(Default)]
pub(crate) struct Queues {
    queues: BTreeMap<String, Queue>,
    created: u64,
}

impl Queues {
    /// Creates a queue; says whether it is new.
    pub(crate) fn create(&mut self, name: &str, kind: QueueKind, created_ms: i64) -> bool {
        let name = name.to_lowercase();
        if self.queues.contains_key(&name) {
            return false;
        }
        self.created += 1;
        let queue = Queue { id: self.created, kind, created_ms, rows: BTreeMap::new(), recent: BTreeMap::new() };
        self.queues.insert(name, queue);
        true
    }

    /// Removes a queue, and what everybody held there.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Vec<Change>> {
        let queue = self.queues.remove(&name.to_lowercase())?;
        let gone = |(principal, before)| Change { principal, before, after: Vec::new() };
        Some(queue.users().into_iter().map(gone).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Queue> {
        self.queues.get(&name.to_lowercase())
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Queue> {
        self.queues.get_mut(&name.to_lowercase())
    }

    /// Names and queues, sorted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Queue)> {
        self.queues.iter()
    }
}

/// A queue with its access list. The owner is not in it.
pub(crate) struct Queue {
    pub(crate) id: u64,
    pub(crate) kind: QueueKind,
    pub(crate) created_ms: i64,
    rows: BTreeMap<String, Row>,
    /// The last change that a call has made, per user and privilege.
    recent: BTreeMap<(String, String), Recent>,
}

/// What one user holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// Everything, and it cannot be changed.
    Administrator,
    /// These privileges; never none.
    Holds(BTreeSet<String>),
}

impl Row {
    /// As lists and the journal write it.
    pub(crate) fn privileges(&self) -> Vec<String> {
        match self {
            Self::Administrator => vec!["ALL".to_owned()],
            Self::Holds(set) => set.iter().cloned().collect(),
        }
    }
}

struct Recent {
    added: bool,
    at: Instant,
}

/// The name under which a user's row stands.
pub(crate) fn key(switches: &Switches, user: &str) -> String {
    match switches.user_names {
        UserNames::CaseSensitive => user.to_owned(),
        UserNames::CaseInsensitive => user.to_lowercase(),
    }
}

impl Queue {
    /// The truth: users and what they hold, sorted.
    pub(crate) fn users(&self) -> BTreeMap<String, Vec<String>> {
        let rows = self.rows.iter();
        rows.map(|(user, row)| (user.clone(), row.privileges())).collect()
    }

    pub(crate) fn row(&self, user: &str) -> Option<&Row> {
        self.rows.get(user)
    }

    /// What a user holds, apart from being an administrator.
    pub(crate) fn held(&self, user: &str) -> BTreeSet<String> {
        match self.rows.get(user) {
            Some(Row::Holds(set)) => set.clone(),
            Some(Row::Administrator) | None => BTreeSet::new(),
        }
    }

    /// Replaces what a user holds by a call: lists show it after a while.
    pub(crate) fn set_by_call(&mut self, user: &str, wanted: BTreeSet<String>) -> Option<Change> {
        let held = self.held(user);
        let at = Instant::now();
        for privilege in held.symmetric_difference(&wanted) {
            let added = wanted.contains(privilege);
            let place = (user.to_owned(), privilege.clone());
            self.recent.insert(place, Recent { added, at });
        }
        self.set(user, Some(Row::Holds(wanted)))
    }

    /// Replaces a row from outside: lists show it at once.
    pub(crate) fn set_outside(&mut self, user: &str, row: Option<Row>) -> Option<Change> {
        self.recent.retain(|(who, _), _| who != user);
        self.set(user, row)
    }

    fn set(&mut self, user: &str, row: Option<Row>) -> Option<Change> {
        let row = row.filter(|row| !row.privileges().is_empty());
        let after = row.as_ref().map(Row::privileges).unwrap_or_default();
        let replaced = match row {
            Some(row) => self.rows.insert(user.to_owned(), row),
            None => self.rows.remove(user),
        };
        let before = replaced.as_ref().map(Row::privileges).unwrap_or_default();
        let principal = user.to_owned();
        (before != after).then_some(Change { principal, before, after })
    }

    /// What lists show: without what was granted a moment ago, with what was revoked a moment ago.
    pub(crate) fn visible(&self, switches: &Switches) -> BTreeMap<String, Row> {
        let mut rows = self.rows.clone();
        let grants = Duration::from_millis(switches.grant_visible_after_ms);
        let revokes = Duration::from_millis(switches.revoke_visible_after_ms);
        for ((user, privilege), recent) in &self.recent {
            let delay = if recent.added { grants } else { revokes };
            if recent.at.elapsed() >= delay {
                continue;
            }
            let shown = rows.entry(user.clone()).or_insert_with(|| Row::Holds(BTreeSet::new()));
            if let Row::Holds(set) = shown {
                if recent.added {
                    set.remove(privilege);
                } else {
                    set.insert(privilege.clone());
                }
            }
        }
        rows.retain(|_, row| !row.privileges().is_empty());
        rows
    }
}
