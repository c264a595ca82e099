//! The queues of the project.

use serde::{Deserialize, Serialize};

use crate::access::{AccessList, Target, Targets};
use crate::switches::Switches;

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

/// A queue; its users hold privileges.
pub(crate) struct Queue {
    pub(crate) id: usize,
    pub(crate) kind: QueueKind,
    pub(crate) created_ms: i64,
    pub(crate) list: AccessList,
}

impl Queue {
    /// A queue that nobody may use, beside those that are there.
    pub(crate) fn new(others: &Targets<Queue>, kind: QueueKind, created_ms: i64) -> Self {
        let last = others.iter().map(|(_, queue)| queue.id).max();
        Self { id: last.unwrap_or(0) + 1, kind, created_ms, list: AccessList::default() }
    }
}

impl Target for Queue {
    const SERVICE: &'static str = "dli";

    fn list(&self) -> &AccessList {
        &self.list
    }

    fn list_mut(&mut self) -> &mut AccessList {
        &mut self.list
    }

    /// Queue names are stored in lower case.
    fn key(id: &str) -> String {
        id.to_lowercase()
    }

    fn principal(switches: &Switches, principal: &str) -> String {
        switches.user_names.key(principal)
    }
}
