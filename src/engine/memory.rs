//! What the engine remembers of a target between passes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::entry::ObjectKey;
use super::gather::Supply;
use super::holds::Holds;
use super::landing::Landing;
use super::parts::Part;
use super::reaction::Trouble;
use super::ready::Due;
use crate::plan::Access;

/// What the engine remembers of one target.
#[derive(Debug, Default)]
pub(crate) struct TargetMemory {
    /// Writes as lists show them.
    pub(crate) landing: Landing,
    /// Principal → what was last set for it beside the access.
    supplied: BTreeMap<String, LastSet>,
    /// Principal → account → what failed last.
    failures: BTreeMap<String, BTreeMap<ObjectKey, Failure>>,
    /// What accounts hold back, and what they have let go.
    pub(crate) holds: Holds,
    /// Principal → when somebody's request last had what failed tried again.
    requests: BTreeMap<String, Instant>,
    /// Passes in a row that could not read the list through every account.
    pub(crate) failed_looks: u32,
    /// Passes in a row that left something to wait for.
    pub(crate) waits: u32,
    /// Which claims lacked their Secret, or what they name on the target, and in how many passes in a row.
    lacking: (BTreeSet<String>, u32),
    /// A list has shown two names that differ in case alone.
    pub(crate) tells_case: bool,
    /// When the first change failed: pauses are counted from then.
    begun: Option<Instant>,
    /// The rest after the last pass.
    pub(crate) rest: Option<Rest>,
    /// What the last pass had no time for.
    pub(crate) unserved: Unserved,
}

/// The rest of a target after a pass.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) until: Instant,
    /// When the pass would look again.
    pub(crate) next: Instant,
    /// What the pass was for.
    pub(crate) due: Due,
}

impl Rest {
    /// Until when the next pass waits, if it does. What is more urgent than what the last one was for does not wait, nor what
    /// that did not try to take away; what it tried in vain does no longer than it would without a rest.
    pub(crate) fn holds(&self, due: &Due, now: Instant) -> Option<Instant> {
        let is_time = !due.revocations.is_empty() && self.next <= now;
        let goes = self.until <= now || is_time || due.is_news_to(&self.due);
        (!goes).then(|| if self.next > now { self.next.min(self.until) } else { self.until })
    }
}

/// What a pass had no time for. The next one, whose list shows what this one wrote, goes on there.
#[derive(Debug, Default)]
pub(crate) struct Unserved {
    /// The principals that were written to and are to be reported on, and those that would have been served next.
    pub(crate) principals: Vec<String>,
    /// The claims from which access was taken away, or could not be, since the last pass that was not cut short; by uid.
    pub(crate) tried: BTreeSet<String>,
    /// When the claims were fenced that were to be granted next; by uid.
    pub(crate) fenced: BTreeMap<String, Instant>,
}

/// Whoever asks for looks has what failed for a principal tried again only so often.
const REQUEST_PACE: Duration = Duration::from_secs(10);

/// A pause ends later by up to one in so many parts of the longest it could have been, together with others.
const GRID: u64 = 4;

/// What this process last set for a principal beside the access.
#[derive(Debug, Clone)]
pub(crate) struct LastSet {
    /// What the cloud said last that it took; nothing if its answer was lost, or left open whose account it is.
    taken: Option<Supply>,
    /// Until then something that was sent before may land over it.
    doubt: Option<Instant>,
}

impl LastSet {
    /// This is to be set: another value was taken, or what was sent before may have landed over it.
    pub(crate) fn is_outdated_by(&self, supply: &Supply, now: Instant) -> bool {
        match (&self.taken, self.doubt) {
            (None, _) => true,
            (Some(_), Some(doubt)) if doubt <= now => true,
            (Some(taken), _) => !taken.is_as_good_as(supply),
        }
    }

    /// The cloud has this, and will keep it.
    pub(crate) fn is_surely(&self, supply: &Supply) -> bool {
        self.doubt.is_none() && self.taken.as_ref().is_some_and(|taken| taken.is_as_good_as(supply))
    }
}

/// A part of a change that failed, and until when the same is not tried again. Another one is tried at once.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) added: Access,
    pub(crate) removed: Access,
    /// What was to be set beside the access.
    supplied: Option<Supply>,
    pub(crate) trouble: Trouble,
    /// The cloud's answer may have been about it, last time or before.
    pub(crate) answered: bool,
    /// How often in a row it has failed before.
    attempts: u32,
    pub(crate) until: Instant,
}

impl Failure {
    /// The access stayed; only what is supplied beside it was to be set.
    pub(crate) fn is_of_a_rotation(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    /// To try it again is less urgent than what was not tried yet: the cloud has said no, and nothing was to be taken away.
    pub(crate) fn gives_way(&self) -> bool {
        self.trouble.outcome.is_refusal() && self.removed.is_empty()
    }
}

impl TargetMemory {
    /// These claims lack something. Returns in how many passes before this one they did, if no other does.
    pub(crate) fn lack(&mut self, claims: BTreeSet<String>) -> Option<u32> {
        let passes = if claims.is_subset(&self.lacking.0) { self.lacking.1 } else { 0 };
        let lacking = !claims.is_empty();
        self.lacking = (claims, passes + 1);
        lacking.then_some(passes)
    }

    /// A part of a change failed. The pause grows while it fails again; `random` in 0..1 spreads it.
    pub(crate) fn failed(&mut self, principal: &str, part: &Part, trouble: Trouble, now: Instant, random: f64) {
        self.begun.get_or_insert(now);
        let before = self.standing_failure(principal, part);
        let attempts = before.map_or(0, |failure| failure.attempts + u32::from(trouble.counts));
        let answered = trouble.is_answer || before.is_some_and(|failure| failure.answered);
        let failure = Failure {
            answered,
            added: part.change.added(),
            removed: part.change.removed(),
            supplied: part.supply.clone(),
            until: self.together(now + trouble.pause(attempts, random), trouble.longest_pause(attempts)),
            trouble,
            attempts,
        };
        self.failures.entry(principal.to_owned()).or_default().insert(part.account.clone(), failure);
    }

    /// What an account wrote for a principal succeeded. `sure_from`: nothing that a predecessor of this process has sent can
    /// land later.
    pub(crate) fn succeeded(&mut self, principal: &str, part: &Part, now: Instant, sure_from: Instant) {
        if let Some(failures) = self.failures.get_mut(principal) {
            failures.remove(&part.account);
        }
        let Some(supply) = &part.supply else { return };
        let doubt = match self.supplied.get(principal) {
            Some(last) => last.doubt,
            // A predecessor can have set no password of an account that was not there.
            None => Some(sure_from).filter(|_| !part.change.before.is_empty()),
        };
        let doubt = doubt.filter(|doubt| *doubt > now);
        self.supplied.insert(principal.to_owned(), LastSet { taken: Some(supply.clone()), doubt });
    }

    /// A part sent until then that may have been carried out, or not: what it was to set beside the access is to be set
    /// again.
    pub(crate) fn unsure_of(&mut self, principal: &str, part: &Part, until: Instant) {
        if part.supply.is_some() {
            self.supplied.insert(principal.to_owned(), LastSet { taken: None, doubt: Some(until) });
        }
    }

    /// What was last set for a principal beside the access.
    pub(crate) fn last_set(&self, principal: &str) -> Option<&LastSet> {
        self.supplied.get(principal)
    }

    /// What failed for a principal, or was held back, may be tried again at once, for somebody asks for it. Returns whether it
    /// may: not if somebody did a moment ago.
    pub(crate) fn try_again(&mut self, principal: &str, now: Instant) -> bool {
        if self.requests.get(principal).is_some_and(|last| now < *last + REQUEST_PACE) {
            return false;
        }
        self.requests.insert(principal.to_owned(), now);
        self.failures.remove(principal);
        self.holds.ask_again(|held, _| held == principal, now);
        true
    }

    /// Nothing is left to do for a principal.
    pub(crate) fn forgive(&mut self, principal: &str) {
        self.failures.remove(principal);
        self.holds.forget(principal);
    }

    /// What failed last for a principal through an account.
    pub(crate) fn failure(&self, principal: &str, account: &ObjectKey) -> Option<&Failure> {
        self.failures.get(principal)?.get(account)
    }

    /// The failure of this very part, if it was the last thing tried.
    pub(crate) fn standing_failure(&self, principal: &str, part: &Part) -> Option<&Failure> {
        let same = |failure: &&Failure| {
            failure.added == part.change.added()
                && failure.removed == part.change.removed()
                && match (&failure.supplied, &part.supply) {
                    (Some(tried), Some(supply)) => tried.is_as_good_as(supply),
                    (tried, supply) => tried.is_none() && supply.is_none(),
                }
        };
        self.failure(principal, &part.account).filter(same)
    }

    /// When the first failed change may be tried again from now on, the first account is asked again, or the first value that
    /// is in doubt is to be set again.
    pub(crate) fn next_retry(&self, now: Instant) -> Option<Instant> {
        let doubts = self.supplied.values().filter_map(|last| last.doubt);
        let failures = self.failures.values().flat_map(BTreeMap::values).map(|failure| failure.until);
        let waits = failures.chain(doubts).filter(|until| *until > now);
        waits.chain(self.holds.next(now)).min()
    }

    /// A time a little later, at which others are tried again, too: each try costs the target two lists, whoever it is for.
    fn together(&self, until: Instant, longest: Duration) -> Instant {
        let grid = Duration::from_secs((longest.as_secs() / GRID).checked_ilog2().map_or(0, |log| 1 << log));
        let Some(begun) = self.begun.filter(|_| !grid.is_zero()) else { return until };
        let late = until.saturating_duration_since(begun).as_nanos() % grid.as_nanos();
        if late == 0 { until } else { until + grid - Duration::from_nanos(u64::try_from(late).unwrap_or_default()) }
    }

    /// Forgets the failures of principals that nobody asks for any more, and what was set for them. What may still land
    /// is not forgotten, nor over what.
    pub(crate) fn keep_only(&mut self, principals: &BTreeSet<&str>, now: Instant) {
        let in_doubt = |last: &LastSet| last.doubt.is_some_and(|doubt| doubt > now);
        self.supplied.retain(|principal, last| principals.contains(principal.as_str()) || in_doubt(last));
        self.failures.retain(|principal, _| principals.contains(principal.as_str()));
        self.requests.retain(|principal, _| principals.contains(principal.as_str()));
        self.holds.keep_only(principals);
    }
}

/// When to look again: the soonest of what was asked for.
#[derive(Debug)]
pub(crate) struct NextLook(Mutex<Instant>);

/// Whatever is waited for, a target is not looked at again at once: only an event, or work left undone, does that.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

impl NextLook {
    pub(crate) fn at_latest(now: Instant, wait: Duration) -> Self {
        Self(Mutex::new(now + wait))
    }

    pub(crate) fn at(&self, when: Option<Instant>) {
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *at = when.map_or(*at, |when| when.min(*at));
    }

    pub(crate) fn when(self, now: Instant) -> Instant {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).max(now + SHORTEST_WAIT)
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
