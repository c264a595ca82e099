//! What the engine remembers of a target between passes: writes that may still land, and failures to be patient with.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::entry::ObjectKey;
use super::reaction::Trouble;
use crate::plan::{self, Access};

/// What the engine remembers of one target.
#[derive(Debug, Default)]
pub(crate) struct TargetMemory {
    /// Principal → string → until when its addition may still land.
    pending: BTreeMap<String, BTreeMap<String, Instant>>,
    /// Principal → string → until when each removal of it that was not answered may still land.
    removing: BTreeMap<String, BTreeMap<String, BTreeSet<Instant>>>,
    /// Principal → the change that failed last.
    failures: BTreeMap<String, Failure>,
    /// Passes in a row that could not read the list through every account.
    pub(crate) failed_looks: u32,
    /// Passes in a row that left something to wait for.
    pub(crate) waits: u32,
}

/// A change that failed, and until when the same change is not tried again. A different one is tried at once.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) change: plan::Change,
    /// The account that it was written through.
    pub(crate) account: ObjectKey,
    pub(crate) trouble: Trouble,
    /// How often in a row it has failed.
    pub(crate) attempts: u32,
    pub(crate) until: Instant,
}

impl Failure {
    /// It stands against a change that contains the failed one, as when a change was written in parts.
    fn stands_against(&self, change: &plan::Change) -> bool {
        let part = |part: &Access, whole: &Access| part.is_subset(whole);
        let (failed, planned) = (&self.change, change);
        part(&(&failed.after - &failed.before), &(&planned.after - &planned.before))
            && part(&(&failed.before - &failed.after), &(&planned.before - &planned.after))
    }
}

impl TargetMemory {
    /// A change is about to be sent: it may land until then. What is removed is no longer expected to appear; anything
    /// else that is expected stays so, whatever this change is about.
    pub(crate) fn sending(&mut self, principal: &str, change: &plan::Change, until: Instant) {
        let pending = self.pending.entry(principal.to_owned()).or_default();
        pending.extend(change.after.difference(&change.before).map(|string| (string.clone(), until)));
        let removing = self.removing.entry(principal.to_owned()).or_default();
        for string in change.before.difference(&change.after) {
            pending.remove(string);
            removing.entry(string.clone()).or_default().insert(until);
        }
    }

    /// The cloud answered a change sent until then: its removals were carried out, or will not be.
    pub(crate) fn answered(&mut self, principal: &str, change: &plan::Change, until: Instant) {
        let Some(removing) = self.removing.get_mut(principal) else { return };
        for string in change.before.difference(&change.after) {
            if let Some(sent) = removing.get_mut(string) {
                sent.remove(&until);
            }
        }
    }

    /// The cloud refused a change sent until then: nothing of it will land.
    pub(crate) fn refused(&mut self, principal: &str, change: &plan::Change, until: Instant) {
        self.answered(principal, change, until);
        let Some(pending) = self.pending.get_mut(principal) else { return };
        for string in change.after.difference(&change.before) {
            if pending.get(string) == Some(&until) {
                pending.remove(string);
            }
        }
    }

    /// A complete list was read: what it shows has landed, and what was overdue when it began never will.
    pub(crate) fn saw(&mut self, shown: impl Fn(&str) -> Access, began: Instant) {
        self.pending.retain(|principal, strings| {
            let shown = shown(principal);
            strings.retain(|string, until| *until > began && !shown.contains(string));
            !strings.is_empty()
        });
        self.removing.retain(|_, strings| {
            strings.retain(|_, sent| {
                sent.retain(|until| *until > began);
                !sent.is_empty()
            });
            !strings.is_empty()
        });
    }

    /// What the plan is told.
    pub(crate) fn of(&self, principal: &str, sure: bool) -> plan::Memory {
        let pending = self.pending.get(principal).into_iter().flat_map(BTreeMap::keys).cloned().collect();
        let removing = self.removing.get(principal).into_iter().flatten();
        let removing = removing.filter(|(_, sent)| !sent.is_empty()).map(|(string, _)| string.clone()).collect();
        plan::Memory { pending, removing, sure }
    }

    /// Nothing sent for a principal is still awaited.
    pub(crate) fn is_quiet(&self, principal: &str) -> bool {
        let memory = self.of(principal, true);
        memory.pending.is_empty() && memory.removing.is_empty()
    }

    /// Until when anything may still land.
    fn awaited(&self) -> impl Iterator<Item = Instant> {
        let pending = self.pending.values().flat_map(BTreeMap::values);
        let removing = self.removing.values().flat_map(BTreeMap::values).flatten();
        pending.chain(removing).copied()
    }

    /// Nothing of it matters to a later pass.
    pub(crate) fn is_idle(&self, now: Instant) -> bool {
        self.awaited().all(|until| until <= now)
    }

    /// Something sent was neither seen nor given up.
    pub(crate) fn awaits(&self) -> bool {
        self.awaited().next().is_some()
    }

    /// When the first write from now on stops being awaited.
    pub(crate) fn next_overdue(&self, now: Instant) -> Option<Instant> {
        self.awaited().filter(|until| *until > now).min()
    }

    /// How often in a row a change has failed already.
    pub(crate) fn attempts(&self, principal: &str, change: &plan::Change) -> u32 {
        self.failure(principal, Some(change)).map_or(0, |failure| failure.attempts)
    }

    /// A change failed.
    pub(crate) fn failed(&mut self, principal: &str, mut failure: Failure) {
        failure.attempts = self.attempts(principal, &failure.change) + u32::from(failure.trouble.counts);
        self.failures.insert(principal.to_owned(), failure);
    }

    /// A change succeeded, or is no longer wanted.
    pub(crate) fn forgive(&mut self, principal: &str) {
        self.failures.remove(principal);
    }

    /// The failure that still stands against a change; without one, because nothing can be planned or all of it is on its
    /// way, the last.
    pub(crate) fn failure(&self, principal: &str, change: Option<&plan::Change>) -> Option<&Failure> {
        self.failures.get(principal).filter(|failure| change.is_none_or(|change| failure.stands_against(change)))
    }

    /// When the first failed change may be tried again from now on.
    pub(crate) fn next_retry(&self, now: Instant) -> Option<Instant> {
        self.failures.values().map(|failure| failure.until).filter(|until| *until > now).min()
    }

    /// Forgets the failures of principals that nobody asks for any more. What may still land is not forgotten.
    pub(crate) fn keep_only(&mut self, principals: &BTreeSet<&str>) {
        self.failures.retain(|principal, _| principals.contains(principal.as_str()));
    }
}

/// When to look again: the soonest of what was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NextLook {
    at: Instant,
    /// Work was left undone for lack of time alone.
    again: bool,
}

/// Whatever is waited for, a target is not looked at again at once: only an event, or work left undone, does that.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

impl NextLook {
    pub(crate) fn at_latest(now: Instant, wait: Duration) -> Self {
        Self { at: now + wait, again: false }
    }

    pub(crate) fn at(&mut self, when: Option<Instant>) {
        self.at = when.map_or(self.at, |when| self.at.min(when));
    }

    /// Work was left undone for lack of time.
    pub(crate) fn again(&mut self) {
        self.again = true;
    }

    pub(crate) fn when(self, now: Instant) -> Instant {
        if self.again { now } else { self.at.max(now + SHORTEST_WAIT) }
    }
}
