//! The journal: what was called, how it was answered, and what it changed. Never a secret.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The oldest entries go when there are more: a demo may run for days.
const KEPT: usize = 500_000;

/// What one principal held before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Who.
    pub principal: String,
    /// What the principal held, sorted; empty when not listed.
    pub before: Vec<String>,
    /// What the principal holds now.
    pub after: Vec<String>,
}

/// One call, one outside edit, or one effect that landed late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// From 1, without gaps, in the order of effects.
    pub sequence: u64,
    /// By the simulator's clock.
    pub timestamp: Timestamp,
    /// `dli`, `dws`, `dataarts`, `ehpc`, `iam`, `cce`, `sts`, or `gateway` for a path that belongs to no service.
    pub service: String,
    /// The vendor's name of the call; `OutsideEdit` for what came through the admin API; `LateEffect`
    /// for a call whose effect landed after its answer; `Unknown`.
    pub operation: String,
    /// The queue, cluster or workspace.
    pub target: Option<String>,
    /// The names or ids of the users and groups that a call is about, in its order.
    pub principals: Vec<String>,
    /// `grant`, `revoke`, `update`, `password`; for outside edits also `create` and `remove`: of the target or,
    /// when `privileges` names one, of a resource pool.
    pub action: Option<String>,
    /// What the call named of that which can be held: privileges, the resource pool, role ids, groups.
    pub privileges: Vec<String>,
    /// The status that the caller was sent; none when there was no answer.
    pub status: Option<u16>,
    /// The vendor's code in the answer.
    pub error_code: Option<String>,
    /// Whether the answer says that the call succeeded.
    pub succeeded: bool,
    /// The request id in the answer's header; a late effect has that of its call.
    pub request_id: Option<String>,
    /// What it changed in the access list, whatever was answered; empty when nothing.
    pub changed: Vec<Change>,
    /// Access key id, or `user:` and the name for a token or a password; as claimed, when refused.
    pub credential: Option<String>,
    /// The fault that was played, by its name in JSON.
    pub fault: Option<String>,
}

impl Entry {
    /// An entry that says nothing yet.
    pub(crate) fn blank(service: &str, operation: &str) -> Self {
        Self {
            sequence: 0,
            timestamp: Timestamp::UNIX_EPOCH,
            service: service.to_owned(),
            operation: operation.to_owned(),
            target: None,
            principals: Vec::new(),
            action: None,
            privileges: Vec::new(),
            status: None,
            error_code: None,
            succeeded: false,
            request_id: None,
            changed: Vec::new(),
            credential: None,
            fault: None,
        }
    }
}

/// The entries so far.
#[derive(Default)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    last: u64,
}

impl Journal {
    /// Numbers an entry and keeps it.
    pub(crate) fn record(&mut self, timestamp: Timestamp, entry: Entry) {
        self.last += 1;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { sequence: self.last, timestamp, ..entry });
    }

    /// The entries after a sequence number.
    pub(crate) fn after(&self, sequence: u64) -> Vec<Entry> {
        let first = self.entries.partition_point(|e| e.sequence <= sequence);
        self.entries.range(first..).cloned().collect()
    }

    /// The newest sequence number; 0 at the start.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }
}
