//! How fast calls may follow each other: as the accounts ask for, and as the cloud, by throttling, has taught.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// No throttling makes calls slower than this many a second. A quota that is counted over minutes, such as 200 in five,
/// may be less: there the pauses do the rest, and a target's list still comes to its end between them.
const SLOWEST: f64 = 1.0;
/// The time in which the limit grows by [`GROWTH`] of the rate that it was halved from.
const RECOVERY: Duration = Duration::from_secs(10);
const GROWTH: f64 = 0.1;

/// The rate of one credential's calls.
pub(super) struct Rate {
    /// The calls a second that its accounts want to keep to, and how many of them want each. The lowest holds.
    paces: BTreeMap<u32, usize>,
    /// What throttling has taught; none if that was long ago.
    limit: Option<Limit>,
    /// When the next call may go; up to one second in the past counts, as a burst.
    next: Instant,
    /// The calls of a second that began then, and of the second before.
    made: (Instant, u32, u32),
}

/// A limit that grows.
#[derive(Clone, Copy)]
struct Limit {
    /// Calls a second, until `since`.
    rate: f64,
    since: Instant,
    /// By how much it grows in [`RECOVERY`].
    step: f64,
    /// When it reaches this it is none any more: what was first halved.
    until: f64,
}

impl Limit {
    fn at(&self, now: Instant) -> f64 {
        let recovered = now.saturating_duration_since(self.since).as_secs_f64() / RECOVERY.as_secs_f64();
        self.step.mul_add(recovered, self.rate)
    }
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { paces: BTreeMap::new(), limit: None, next: now, made: (now, 0, 0) }
    }

    /// An account wants to keep to this pace.
    pub(super) fn join(&mut self, calls_per_second: u32) {
        *self.paces.entry(calls_per_second).or_default() += 1;
    }

    /// It no longer does.
    pub(super) fn leave(&mut self, calls_per_second: u32) {
        if let Some(accounts) = self.paces.get_mut(&calls_per_second) {
            *accounts = accounts.saturating_sub(1);
        }
        self.paces.retain(|_, accounts| *accounts > 0);
    }

    /// When the next call may go, if that is not now or before.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        (!self.interval(now).is_zero() && self.next > now).then_some(self.next)
    }

    /// A call goes.
    pub(super) fn take(&mut self, now: Instant) {
        let interval = self.interval(now);
        let burst = Duration::from_secs(1).saturating_sub(interval);
        self.next = self.next.max(now.checked_sub(burst).unwrap_or(now)) + interval;
        self.roll(now);
        self.made.1 = self.made.1.saturating_add(1);
    }

    /// It did not go after all.
    pub(super) fn give_back(&mut self, now: Instant) {
        self.next = self.next.checked_sub(self.interval(now)).unwrap_or(self.next);
        self.made.1 = self.made.1.saturating_sub(1);
    }

    /// Throttled, `again` without an answer since the last time: halves, and grows from `resumed` on, when calls go again.
    pub(super) fn halve(&mut self, again: bool, now: Instant, resumed: Instant) {
        self.roll(now);
        let (_, this, before) = self.made;
        let made = f64::from(this.max(before));
        let limit = self.limit(now);
        let from = match limit {
            // What was tried between pauses says nothing of a rate.
            Some(limit) if again => limit.at(now),
            Some(limit) => limit.at(now).min(made),
            None => made,
        };
        let from = from.max(2.0 * SLOWEST);
        let until = limit.map_or(from, |limit| limit.until.max(from));
        self.limit = Some(Limit { rate: from / 2.0, since: resumed, step: from * GROWTH, until });
        self.next = self.next.max(resumed);
    }

    /// Does what throttling has taught still count?
    pub(super) fn is_limited(&self, now: Instant) -> bool {
        self.limit(now).is_some()
    }

    /// What throttling has taught, if it still counts.
    fn limit(&self, now: Instant) -> Option<Limit> {
        self.limit.filter(|limit| limit.at(now) < limit.until)
    }

    /// The time from one call to the next.
    fn interval(&self, now: Instant) -> Duration {
        let pace = self.paces.keys().next().map(|pace| f64::from((*pace).max(1)));
        let rate = pace.into_iter().chain(self.limit(now).map(|limit| limit.at(now))).reduce(f64::min);
        rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1).div_f64(rate))
    }

    fn roll(&mut self, now: Instant) {
        let (began, made, _) = self.made;
        match now.saturating_duration_since(began).as_secs() {
            0 => {}
            1 => self.made = (began + Duration::from_secs(1), 0, made),
            _ => self.made = (now, 0, 0),
        }
    }
}

#[cfg(test)]
#[path = "rate_tests.rs"]
mod tests;
