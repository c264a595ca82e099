//! Writes of this process as a target's lists show them: what may still land, what was carried out and does not show yet, and
//! what the target has not known for how long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::plan::{Access, Change, Memory};

/// How long a removal that the cloud has accepted is not repeated, though lists still show what was removed.
const SETTLING: Duration = Duration::from_secs(10);

/// What is remembered of one target's principals, by name and string.
#[derive(Debug, Default)]
pub(crate) struct Landing {
    /// What was added and no list has shown: until when each write may still add a string, and whether the cloud has said that
    /// it was carried out.
    pending: BTreeMap<String, BTreeMap<String, BTreeMap<Instant, bool>>>,
    /// Until when each write that was not answered may still take a string away.
    removing: BTreeMap<String, BTreeMap<String, BTreeSet<Instant>>>,
    /// Removals that the cloud has accepted.
    removed: BTreeMap<String, BTreeMap<String, Removal>>,
    /// Since when the target has not known a string that claims name.
    unknown: BTreeMap<String, Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Removal {
    accepted: Instant,
    /// Lists show it by then.
    until: Instant,
}

impl Landing {
    /// A change is about to be sent: it may land until then. What is removed is no longer expected to appear; anything
    /// else that is expected stays so, whatever this change is about. A write may replace all that was there, so it may
    /// take away whatever stays, should it land after another one.
    pub(crate) fn sending(&mut self, principal: &str, change: &Change, until: Instant) {
        let pending = self.pending.entry(principal.to_owned()).or_default();
        for string in change.added() {
            pending.entry(string).or_default().insert(until, false);
        }
        pending.retain(|string, _| change.after.contains(string) || !change.before.contains(string));
        let removing = self.removing.entry(principal.to_owned()).or_default();
        for string in &change.before {
            removing.entry(string.clone()).or_default().insert(until);
        }
    }

    /// The cloud said that a change sent until then was carried out.
    pub(crate) fn accepted(&mut self, principal: &str, change: &Change, until: Instant, now: Instant) {
        self.answered(principal, change, until);
        for sent in self.pending.get_mut(principal).into_iter().flat_map(BTreeMap::values_mut) {
            sent.entry(until).and_modify(|accepted| *accepted = true);
        }
        let removed = self.removed.entry(principal.to_owned()).or_default();
        removed.extend(change.removed().into_iter().map(|string| (string, Removal { accepted: now, until })));
        removed.retain(|string, _| !change.after.contains(string));
        self.removed.retain(|_, strings| !strings.is_empty());
    }

    /// The cloud refused a change sent until then, or it was not sent: nothing of it will land. What was sent before may.
    pub(crate) fn refused(&mut self, principal: &str, change: &Change, until: Instant) {
        self.answered(principal, change, until);
        if let Some(pending) = self.pending.get_mut(principal) {
            for string in change.added() {
                pending.get_mut(&string).map(|sent| sent.remove(&until));
            }
            pending.retain(|_, sent| !sent.is_empty());
        }
    }

    fn answered(&mut self, principal: &str, change: &Change, until: Instant) {
        let Some(removing) = self.removing.get_mut(principal) else { return };
        for string in &change.before {
            if let Some(sent) = removing.get_mut(string) {
                sent.remove(&until);
            }
        }
    }

    /// A complete list was read: what it shows has landed, and what was overdue when it began never will. `unknown` is what
    /// claims name and the target does not know.
    pub(crate) fn saw(&mut self, shown: impl Fn(&str) -> Access, unknown: &Access, began: Instant) {
        self.pending.retain(|principal, strings| {
            let shown = shown(principal);
            strings.retain(|string, sent| {
                sent.retain(|until, _| *until > began);
                !sent.is_empty() && !shown.contains(string)
            });
            !strings.is_empty()
        });
        self.removing.retain(|_, strings| {
            strings.retain(|_, sent| {
                sent.retain(|until| *until > began);
                !sent.is_empty()
            });
            !strings.is_empty()
        });
        self.removed.retain(|principal, strings| {
            let shown = shown(principal);
            strings.retain(|string, removal| removal.until > began && shown.contains(string));
            !strings.is_empty()
        });
        self.unknown.retain(|string, _| unknown.contains(string));
        for string in unknown {
            self.unknown.entry(string.clone()).or_insert(began);
        }
    }

    /// What the plan is told.
    pub(crate) fn of(&self, principal: &str, sure: bool) -> Memory {
        let pending = self.pending.get(principal).into_iter().flat_map(BTreeMap::keys).cloned().collect();
        let removing = self.removing.get(principal).into_iter().flatten();
        let removing = removing.filter(|(_, sent)| !sent.is_empty()).map(|(string, _)| string.clone()).collect();
        Memory { pending, removing, sure }
    }

    /// What was added for a principal, was carried out, and does not show yet.
    pub(crate) fn unseen(&self, principal: &str) -> Access {
        let pending = self.pending.get(principal).into_iter().flatten();
        pending.filter(|(_, sent)| sent.values().any(|accepted| *accepted)).map(|(string, _)| string.clone()).collect()
    }

    /// What was taken from a principal, was carried out, and still shows.
    pub(crate) fn leaving(&self, principal: &str) -> Access {
        self.removed.get(principal).into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// Lists lag behind what the cloud has accepted for a principal.
    pub(crate) fn lags(&self, principal: &str) -> bool {
        !self.unseen(principal).is_empty() || self.removed.contains_key(principal)
    }

    /// Until when a removal is not repeated: all of it was accepted a moment ago.
    pub(crate) fn settles(&self, principal: &str, removed: &Access, now: Instant) -> Option<Instant> {
        let accepted = self.removed.get(principal)?;
        let last = removed.iter().map(|string| accepted.get(string).map(|removal| removal.accepted + SETTLING));
        last.min().flatten().filter(|until| *until > now)
    }

    /// What of these strings the target has not known for less than so long: whoever owns one and shows nowhere may be there
    /// all the same, where the list does not reach.
    pub(crate) fn doubtful(&self, strings: &Access, patience: Duration, now: Instant) -> Access {
        let young = |string: &&String| self.unknown.get(*string).is_some_and(|since| now < *since + patience);
        strings.iter().filter(young).cloned().collect()
    }

    /// When the first string from now on that the target does not know is believed to be gone.
    pub(crate) fn next_believed(&self, patience: Duration, now: Instant) -> Option<Instant> {
        self.unknown.values().map(|since| *since + patience).filter(|at| *at > now).min()
    }

    /// Nothing sent for a principal is still awaited.
    pub(crate) fn is_quiet(&self, principal: &str) -> bool {
        let memory = self.of(principal, true);
        memory.pending.is_empty() && memory.removing.is_empty()
    }

    /// Until when anything may still land.
    fn awaited(&self) -> impl Iterator<Item = Instant> {
        let pending = self.pending.values().flat_map(BTreeMap::values).flat_map(BTreeMap::keys).copied();
        let removing = self.removing.values().flat_map(BTreeMap::values).flatten();
        pending.chain(removing.copied())
    }

    /// Nothing of it matters to a later pass.
    pub(crate) fn is_idle(&self, now: Instant) -> bool {
        self.awaited().all(|until| until <= now)
    }

    /// Something sent was neither seen nor given up.
    pub(crate) fn awaits(&self) -> bool {
        !self.removed.is_empty() || self.awaited().next().is_some()
    }

    /// When the first write from now on stops being awaited.
    pub(crate) fn next_overdue(&self, now: Instant) -> Option<Instant> {
        self.awaited().filter(|until| *until > now).min()
    }
}

#[cfg(test)]
#[path = "landing_tests.rs"]
mod tests;
