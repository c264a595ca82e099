//! How fast one credential may call: a pace, a bound on calls at once, and a pause of all its calls when one is throttled.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout_at};

/// Calls at once. Fewer than the five bad signatures that lock an access key, should it turn bad under way.
const CALLS_AT_ONCE: usize = 4;
/// The longest first pause after a throttled call; doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause that is of our own making.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause that a cloud can impose.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_mins(10);

/// The calls one credential may make.
pub(super) struct Budget {
    calls: Semaphore,
    /// A number in `0..1`, random but in tests.
    jitter: fn() -> f64,
    state: Mutex<State>,
}

struct State {
    /// The calls a second that its accounts want to keep to, and how many of them want each. The lowest holds.
    paces: BTreeMap<u32, usize>,
    /// When the next call may go if calls keep to the pace; up to one second in the past counts, as a burst.
    next: Instant,
    paused_until: Instant,
    /// Throttled calls since the last one that was not.
    throttled: u32,
}

/// Why a call may not go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// All calls pause for so long.
    Paused(Duration),
    /// Its turn would come too late.
    TooLong,
}

/// A call that may go now, and counts until dropped.
pub(super) struct Turn<'a> {
    since: Instant,
    _permit: SemaphorePermit<'a>,
}

impl Budget {
    pub(super) fn new(jitter: fn() -> f64) -> Self {
        let now = Instant::now();
        let state = State { paces: BTreeMap::new(), next: now, paused_until: now, throttled: 0 };
        Self { calls: Semaphore::new(CALLS_AT_ONCE), jitter, state: Mutex::new(state) }
    }

    /// An account uses the credential from now on, at this pace. `None`: the cloud's throttling slows it down, or others'
    /// paces.
    pub(super) fn join(&self, calls_per_second: Option<u32>) {
        if let Some(rate) = calls_per_second {
            *self.state().paces.entry(rate).or_default() += 1;
        }
    }

    /// It no longer does.
    pub(super) fn leave(&self, calls_per_second: Option<u32>) {
        let Some(rate) = calls_per_second else { return };
        let mut state = self.state();
        if let Some(accounts) = state.paces.get_mut(&rate) {
            *accounts = accounts.saturating_sub(1);
        }
        state.paces.retain(|_, accounts| *accounts > 0);
    }

    /// Do all calls pause?
    pub(super) fn is_paused(&self) -> bool {
        self.check_pause().is_err()
    }

    /// Waits for a turn, first come, first served; no later than `latest`, and not at all while the account pauses.
    pub(super) async fn turn(&self, latest: Instant) -> Result<Turn<'_>, Wait> {
        self.check_pause()?;
        // The semaphore is never closed: an error is the time that has passed.
        let Ok(Ok(permit)) = timeout_at(latest, self.calls.acquire()).await else {
            return Err(Wait::TooLong);
        };
        self.check_pause()?;
        sleep_until(self.reserve(latest)?).await;
        self.check_pause()?;
        Ok(Turn { since: Instant::now(), _permit: permit })
    }

    /// The cloud throttled the call of `turn`: all calls pause. Calls that were under way together are throttled
    /// together, and count once. Returns how long the pause lasts from now.
    pub(super) fn throttled(&self, turn: &Turn<'_>, asked: Option<Duration>) -> Duration {
        let now = Instant::now();
        let mut state = self.state();
        let known = turn.since < state.paused_until;
        if !known {
            state.throttled = state.throttled.saturating_add(1);
        }
        let longest = FIRST_PAUSE
            .saturating_mul(1_u32.checked_shl(state.throttled.saturating_sub(1)).unwrap_or(u32::MAX))
            .min(LONGEST_PAUSE);
        let own = if known { Duration::ZERO } else { longest.mul_f64((self.jitter)().clamp(0.0, 1.0)) };
        let asked = asked.unwrap_or_default().min(LONGEST_ASKED_PAUSE);
        state.paused_until = state.paused_until.max(now + own.max(asked));
        state.paused_until - now
    }

    /// The cloud answered the call of `turn`, and did not throttle it.
    pub(super) fn answered(&self, turn: &Turn<'_>) {
        let mut state = self.state();
        if turn.since >= state.paused_until {
            state.throttled = 0;
        }
    }

    fn check_pause(&self) -> Result<(), Wait> {
        let left = self.state().paused_until.saturating_duration_since(Instant::now());
        if left.is_zero() { Ok(()) } else { Err(Wait::Paused(left)) }
    }

    /// Takes the next place in the pace, unless it is later than `latest`.
    fn reserve(&self, latest: Instant) -> Result<Instant, Wait> {
        let now = Instant::now();
        let mut state = self.state();
        let interval = state.interval();
        let burst = Duration::from_secs(1).saturating_sub(interval);
        let place = state.next.max(now.checked_sub(burst).unwrap_or(now));
        if place > latest {
            return Err(Wait::TooLong);
        }
        state.next = place + interval;
        Ok(place)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The time from one call to the next.
    fn interval(&self) -> Duration {
        let lowest = self.paces.keys().next();
        lowest.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / (*rate).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn budget(rate: u32) -> Budget {
        let budget = Budget::new(|| 1.0);
        budget.join(Some(rate));
        budget
    }

    async fn turn(budget: &Budget, within: Duration) -> Result<Turn<'_>, Wait> {
        budget.turn(Instant::now() + within).await
    }

    async fn spend(budget: &Budget, calls: usize) -> Duration {
        let start = Instant::now();
        for _ in 0..calls {
            assert!(turn(budget, 100 * SECOND).await.is_ok());
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_pace_calls_go_as_they_come() {
        let budget = Budget::new(|| 1.0);
        budget.join(None);
        assert_eq!(spend(&budget, 1000).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_keep_to_the_pace() {
        let budget = budget(5);
        assert_eq!(spend(&budget, 5).await.as_millis(), 800);
        assert_eq!(spend(&budget, 50).await.as_millis(), 10_000);
    }

    #[tokio::test(start_paused = true)]
    async fn the_lowest_pace_of_those_in_use_holds() {
        let budget = budget(5);
        for rate in [Some(1), None, Some(2), Some(1)] {
            budget.join(rate);
        }
        for (left, seconds) in [(None, 4), (Some(1), 4), (Some(1), 2), (Some(2), 0)] {
            budget.leave(left);
            tokio::time::advance(60 * SECOND).await;
            spend(&budget, 5).await;
            assert_eq!(spend(&budget, 4).await.as_secs(), seconds, "without {left:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_account_may_burst_for_one_second_and_not_more() {
        let budget = budget(5);
        tokio::time::advance(60 * SECOND).await;
        assert_eq!(spend(&budget, 5).await.as_millis(), 0);
        assert_eq!(spend(&budget, 1).await.as_millis(), 200);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_would_come_too_late_is_refused_and_takes_no_place() {
        let budget = budget(1);
        spend(&budget, 1).await;
        assert_eq!(turn(&budget, SECOND / 2).await.err(), Some(Wait::TooLong));
        assert_eq!(spend(&budget, 1).await, SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_four_calls_run_at_once() {
        let budget = budget(100);
        let mut turns = Vec::new();
        for _ in 0..4 {
            turns.push(turn(&budget, SECOND).await);
        }
        assert_eq!(turn(&budget, SECOND).await.err(), Some(Wait::TooLong));
        turns.pop();
        assert!(turn(&budget, SECOND).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_account_pauses_as_a_whole_and_ever_longer() {
        let budget = budget(100);
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            let Ok(going) = turn(&budget, SECOND).await else { panic!("paused") };
            assert_eq!(budget.throttled(&going, None), expected * SECOND);
            assert_eq!(turn(&budget, 100 * SECOND).await.err(), Some(Wait::Paused(expected * SECOND)));
            tokio::time::advance(expected * SECOND).await;
        }
        let Ok(going) = turn(&budget, SECOND).await else { panic!("paused") };
        budget.answered(&going);
        assert_eq!(budget.throttled(&going, None), SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_throttled_together_count_once() {
        let budget = budget(100);
        let (Ok(one), Ok(two)) = (turn(&budget, SECOND).await, turn(&budget, SECOND).await) else { panic!("paused") };
        assert_eq!(budget.throttled(&one, None), SECOND);
        assert_eq!(budget.throttled(&two, None), SECOND);
        tokio::time::advance(SECOND).await;
        let Ok(next) = turn(&budget, SECOND).await else { panic!("paused") };
        assert_eq!(budget.throttled(&next, None), 2 * SECOND, "the second time, not the third");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_cloud_asks_for_is_honoured_within_reason() {
        let budget = budget(100);
        let Ok(going) = turn(&budget, SECOND).await else { panic!("paused") };
        assert_eq!(budget.throttled(&going, Some(7 * SECOND)), 7 * SECOND);
        assert_eq!(budget.throttled(&going, Some(Duration::MAX)), LONGEST_ASKED_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_in_line_when_the_pause_begins_does_not_go() {
        let budget = budget(1);
        let Ok(going) = turn(&budget, SECOND).await else { panic!("paused") };
        let (waiting, ()) = tokio::join!(turn(&budget, 5 * SECOND), async {
            budget.throttled(&going, Some(3 * SECOND));
        });
        assert_eq!(waiting.err(), Some(Wait::Paused(2 * SECOND)));
    }
}
