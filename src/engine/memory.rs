//! What the engine remembers of a target between passes: writes that may still land, and failures to be patient with.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::reaction::Trouble;
use crate::plan::{self, Access};

/// What the engine remembers of one target.
#[derive(Debug, Default)]
pub(crate) struct TargetMemory {
    /// Principal → string → until when its addition may still land.
    pending: BTreeMap<String, BTreeMap<String, Instant>>,
    /// Principal → string → until when its removal, whose answer was lost, may still land.
    removing: BTreeMap<String, BTreeMap<String, Instant>>,
    /// Principal → the change that failed last.
    failures: BTreeMap<String, Failure>,
    /// Looks in a row that could not read the list.
    pub(crate) failed_looks: u32,
    /// Passes in a row that left something to wait for.
    pub(crate) waits: u32,
}

/// A change that failed, and until when the same change is not tried again. A different one is tried at once.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) change: plan::Change,
    pub(crate) trouble: Trouble,
    pub(crate) attempts: u32,
    pub(crate) until: Instant,
}

impl TargetMemory {
    /// Additions are about to be sent; they may land until then. Whatever is removed is no longer expected.
    pub(crate) fn sending(&mut self, principal: &str, change: &plan::Change, until: Instant) {
        let pending = self.pending.entry(principal.to_owned()).or_default();
        pending.retain(|string, _| change.after.contains(string));
        pending.extend(change.after.difference(&change.before).map(|string| (string.clone(), until)));
        let removing = self.removing.entry(principal.to_owned()).or_default();
        removing.extend(change.before.difference(&change.after).map(|string| (string.clone(), until)));
    }

    /// The cloud answered: the removals of a change were carried out, or will not be.
    pub(crate) fn answered(&mut self, principal: &str, change: &plan::Change) {
        if let Some(removing) = self.removing.get_mut(principal) {
            removing.retain(|string, _| change.after.contains(string) || !change.before.contains(string));
        }
    }

    /// The cloud refused a change: nothing of it will land.
    pub(crate) fn refused(&mut self, principal: &str, change: &plan::Change) {
        self.answered(principal, change);
        if let Some(pending) = self.pending.get_mut(principal) {
            pending.retain(|string, _| change.before.contains(string) || !change.after.contains(string));
        }
    }

    /// A complete list was read: what it shows has landed, and what is overdue never will.
    pub(crate) fn saw(&mut self, shown: impl Fn(&str) -> Access, now: Instant) {
        self.pending.retain(|principal, strings| {
            let shown = shown(principal);
            strings.retain(|string, until| *until > now && !shown.contains(string));
            !strings.is_empty()
        });
        self.removing.retain(|_, strings| {
            strings.retain(|_, until| *until > now);
            !strings.is_empty()
        });
    }

    /// What the plan is told.
    pub(crate) fn of(&self, principal: &str, sure: bool) -> plan::Memory {
        let strings = |of: &BTreeMap<String, BTreeMap<String, Instant>>| {
            of.get(principal).into_iter().flat_map(BTreeMap::keys).cloned().collect()
        };
        plan::Memory { pending: strings(&self.pending), removing: strings(&self.removing), sure }
    }

    /// Nothing of it matters to a later pass.
    pub(crate) fn is_idle(&self, now: Instant) -> bool {
        let awaited = self.pending.values().chain(self.removing.values()).flat_map(BTreeMap::values);
        awaited.into_iter().all(|until| *until <= now)
    }

    /// When the first write stops being awaited.
    pub(crate) fn next_overdue(&self) -> Option<Instant> {
        self.pending.values().chain(self.removing.values()).flat_map(BTreeMap::values).min().copied()
    }

    /// A change failed. The pause grows while the same change fails again.
    pub(crate) fn failed(
        &mut self,
        principal: &str,
        change: plan::Change,
        trouble: Trouble,
        now: Instant,
        random: f64,
    ) {
        let before = self.failures.get(principal).filter(|failure| failure.change == change);
        let attempts = before.map_or(0, |failure| failure.attempts + u32::from(trouble.counts));
        let until = now + trouble.pause(attempts, random);
        self.failures.insert(principal.to_owned(), Failure { change, trouble, attempts, until });
    }

    /// A change succeeded, or is no longer wanted.
    pub(crate) fn forgive(&mut self, principal: &str) {
        self.failures.remove(principal);
    }

    /// The failure that still stands against a change; without one, because nothing can be planned, the last.
    pub(crate) fn failure(&self, principal: &str, change: Option<&plan::Change>) -> Option<&Failure> {
        self.failures.get(principal).filter(|failure| change.is_none_or(|change| failure.change == *change))
    }

    /// When the first failed change may be tried again.
    pub(crate) fn next_retry(&self) -> Option<Instant> {
        self.failures.values().map(|failure| failure.until).min()
    }

    /// Forgets the failures of principals that nobody asks for any more. What may still land is not forgotten.
    pub(crate) fn keep_only(&mut self, principals: &BTreeSet<&str>) {
        self.failures.retain(|principal, _| principals.contains(principal.as_str()));
    }
}

/// When to look again: the soonest of what was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NextLook(pub(crate) Instant);

impl NextLook {
    pub(crate) fn at_latest(now: Instant, wait: Duration) -> Self {
        Self(now + wait)
    }

    pub(crate) fn at(&mut self, when: Option<Instant>) {
        self.0 = when.map_or(self.0, |when| self.0.min(when));
    }
}
