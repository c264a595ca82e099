//! What the engine remembers of a target between passes: writes that may still land, and failures to be patient with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::entry::ObjectKey;
use super::gather::Supply;
use super::parts::Part;
use super::reaction::Trouble;
use crate::plan::{self, Access};

/// What the engine remembers of one target.
#[derive(Debug, Default)]
pub(crate) struct TargetMemory {
    /// Principal → string → until when its addition may still land.
    pending: BTreeMap<String, BTreeMap<String, Instant>>,
    /// Principal → string → until when each removal of it that was not answered may still land.
    removing: BTreeMap<String, BTreeMap<String, BTreeSet<Instant>>>,
    /// Principal → what was last set for it beside the access.
    supplied: BTreeMap<String, LastSet>,
    /// Principal and account → what failed last.
    failures: BTreeMap<(String, ObjectKey), Failure>,
    /// Passes in a row that could not read the list through every account.
    pub(crate) failed_looks: u32,
    /// Passes in a row that left something to wait for.
    pub(crate) waits: u32,
    /// Passes in a row in which a claim lacked its Secret, or what it names on the target.
    pub(crate) lacking: u32,
}

/// What this process last set for a principal beside the access.
#[derive(Debug, Clone)]
pub(crate) enum LastSet {
    /// The cloud said that it took this.
    This(Supply),
    /// The cloud's answer was lost, or says that somebody else may have been there.
    Unsure,
}

/// A part of a change that failed, and until when the same is not tried again. Another one is tried at once.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) added: Access,
    pub(crate) removed: Access,
    /// The version of the Secret whose value was to be set.
    supplied: Option<Arc<str>>,
    pub(crate) trouble: Trouble,
    /// How often in a row it has failed before.
    attempts: u32,
    pub(crate) until: Instant,
}

impl Failure {
    /// The access stayed; only what is supplied beside it was to be set.
    pub(crate) fn is_of_a_rotation(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
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

    /// A part of a change failed. The pause grows while it fails again; `random` in 0..1 spreads it.
    pub(crate) fn failed(&mut self, principal: &str, part: &Part, trouble: Trouble, now: Instant, random: f64) {
        let before = self.standing_failure(principal, part);
        let attempts = before.map_or(0, |failure| failure.attempts + u32::from(trouble.counts));
        let failure = Failure {
            added: part.change.added(),
            removed: part.change.removed(),
            supplied: part.version(),
            until: now + trouble.pause(attempts, random),
            trouble,
            attempts,
        };
        self.failures.insert((principal.to_owned(), part.account.clone()), failure);
    }

    /// What an account wrote for a principal succeeded.
    pub(crate) fn succeeded(&mut self, principal: &str, part: &Part) {
        self.failures.remove(&(principal.to_owned(), part.account.clone()));
        if let Some(supply) = &part.supply {
            self.supplied.insert(principal.to_owned(), LastSet::This(supply.clone()));
        }
    }

    /// A part that may have been carried out, or not: what it was to set beside the access is to be set again.
    pub(crate) fn unsure_of(&mut self, principal: &str, part: &Part) {
        if part.supply.is_some() {
            self.supplied.insert(principal.to_owned(), LastSet::Unsure);
        }
    }

    /// What was last set for a principal beside the access.
    pub(crate) fn last_set(&self, principal: &str) -> Option<&LastSet> {
        self.supplied.get(principal)
    }

    /// Nothing is left to do for a principal.
    pub(crate) fn forgive(&mut self, principal: &str) {
        self.failures.retain(|(failed, _), _| failed != principal);
    }

    /// What failed last for a principal through an account.
    pub(crate) fn failure(&self, principal: &str, account: &ObjectKey) -> Option<&Failure> {
        self.failures.get(&(principal.to_owned(), account.clone()))
    }

    /// The failure of this very part, if it was the last thing tried.
    pub(crate) fn standing_failure(&self, principal: &str, part: &Part) -> Option<&Failure> {
        let same = |failure: &&Failure| {
            failure.added == part.change.added()
                && failure.removed == part.change.removed()
                && failure.supplied == part.version()
        };
        self.failure(principal, &part.account).filter(same)
    }

    /// When the first failed change may be tried again from now on.
    pub(crate) fn next_retry(&self, now: Instant) -> Option<Instant> {
        self.failures.values().map(|failure| failure.until).filter(|until| *until > now).min()
    }

    /// Forgets the failures of principals that nobody asks for any more, and what was set for them. What may still land
    /// is not forgotten.
    pub(crate) fn keep_only(&mut self, principals: &BTreeSet<&str>) {
        self.supplied.retain(|principal, _| principals.contains(principal.as_str()));
        self.failures.retain(|(principal, _), _| principals.contains(principal.as_str()));
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
