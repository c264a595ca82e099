//! What a change adds to somebody's access, and what it takes away.

use std::collections::BTreeSet;

/// The difference between the access before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) added: BTreeSet<String>,
    pub(super) removed: BTreeSet<String>,
}

impl Difference {
    pub(super) fn new(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Self {
        Self { added: after - before, removed: before - after }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    /// Is there what was to be added, and nothing of what was to be removed?
    pub(super) fn holds(&self, now: &BTreeSet<String>) -> bool {
        self.added.is_subset(now) && self.removed.is_disjoint(now)
    }
}
