//! When a credential may call: its calls keep to a rate, so many run at once, all pause when one is throttled, and who
//! waits goes in the order of its [`Line`].
//!
//! No task runs behind this: who leaves a turn calls the next, and one of those who wait looks to the time.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

use super::gate::Gate;
use super::line::Line;
use super::rate::Rate;
use super::{Fault, Observer, Purpose, Urgency, Vendor};

/// Calls at once, of credentials that are proven.
pub(super) const CALLS_AT_ONCE: usize = 16;
/// The longest first pause after a throttled call; doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause that is of our own making.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause that a cloud can impose.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_mins(10);

/// The calls one credential may make.
pub(super) struct Budget {
    /// What the cloud thinks of the credential.
    gate: Gate,
    vendor: Vendor,
    observer: Arc<dyn Observer>,
    /// A number in `0..1`, random but in tests.
    jitter: fn() -> f64,
    state: Mutex<State>,
    /// Held by the one of those who wait that calls the next when the rate allows it.
    timekeeper: tokio::sync::Mutex<()>,
    /// Tells that one that something has changed.
    changed: Notify,
}

struct State {
    rate: Rate,
    line: Line<oneshot::Sender<()>>,
    last_ticket: u64,
    /// The tickets of the calls that may go now.
    under_way: BTreeSet<u64>,
    paused_until: Instant,
    /// Throttled calls since the last one that was not.
    throttled: u32,
}

/// Why a call may not go now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wait {
    /// The cloud has refused the credentials, in these words, and they rest.
    Refused(Fault),
    /// All calls pause for so long.
    Paused(Duration),
    /// Its turn would come too late.
    TooLong,
    /// It was taken back.
    Recalled,
    /// Another call has been trying out the credentials for too long.
    OnTrial,
}

/// A place in the line and then, once called, a call that may go. Either ends when dropped.
pub(super) struct Turn<'a> {
    budget: &'a Budget,
    purpose: Purpose,
    ticket: u64,
    /// When it came.
    since: Option<Instant>,
}

impl Budget {
    pub(super) fn new(vendor: Vendor, observer: Arc<dyn Observer>, jitter: fn() -> f64) -> Self {
        let now = Instant::now();
        let state = State {
            rate: Rate::new(now),
            line: Line::new(),
            last_ticket: 0,
            under_way: BTreeSet::new(),
            paused_until: now,
            throttled: 0,
        };
        Self {
            gate: Gate::default(),
            vendor,
            observer,
            jitter,
            state: Mutex::new(state),
            timekeeper: tokio::sync::Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// An account uses the credential from now on, at this pace. `None`: the cloud's throttling slows it down, or others'
    /// paces.
    pub(super) fn join(&self, calls_per_second: Option<u32>) {
        if let Some(pace) = calls_per_second {
            self.change(|state| state.rate.join(pace));
        }
    }

    /// It no longer does.
    pub(super) fn leave(&self, calls_per_second: Option<u32>) {
        if let Some(pace) = calls_per_second {
            self.change(|state| state.rate.leave(pace));
        }
    }

    /// Must what the cloud has said still be known to whoever uses the credential next?
    pub(super) fn is_remembered(&self) -> bool {
        let (now, state) = (Instant::now(), self.state());
        self.gate.is_remembered() || state.paused_until > now || state.rate.is_limited(now)
    }

    /// Waits for a turn, no later than `latest`; not at all while the account pauses or its credentials rest. Of credentials
    /// that are not proven one call goes at a time.
    pub(super) async fn turn(&self, purpose: &Purpose, latest: Instant) -> Result<Turn<'_>, Wait> {
        self.check(&self.state())?;
        let _waiting = Waiting::new(self, purpose.urgency);
        let recalled = pin!(purpose.recall.given());
        match select(recalled, pin!(self.called(purpose, latest))).await {
            Either::Left(_) => Err(Wait::Recalled),
            Either::Right((turn, _)) => turn,
        }
    }

    /// Waits in line, until called.
    async fn called(&self, purpose: &Purpose, latest: Instant) -> Result<Turn<'_>, Wait> {
        loop {
            let (mut turn, mut called) = self.enter(purpose, latest)?;
            let next = async {
                tokio::select! {
                    biased;
                    called = &mut called => called,
                    never = self.keep_time() => match never {},
                }
            };
            match timeout_at(latest, next).await {
                Ok(Ok(())) => {
                    self.check(&self.state())?;
                    turn.since = Some(Instant::now());
                    return Ok(turn);
                }
                // Sent away: the next round says why, unless that is over already.
                Ok(Err(_)) => {}
                Err(_) if self.gate.is_proven() || self.state().under_way.is_empty() => return Err(Wait::TooLong),
                Err(_) => return Err(Wait::OnTrial),
            }
        }
    }

    /// The cloud throttled the call of `turn`: all calls pause, and go at half the rate from then on. Calls that were under
    /// way together are throttled together, and count once. Returns how long the pause lasts from now.
    pub(super) fn throttled(&self, turn: &Turn<'_>, asked: Option<Duration>) -> Duration {
        let now = Instant::now();
        let asked = asked.unwrap_or_default().min(LONGEST_ASKED_PAUSE);
        self.change(|state| {
            let known = turn.began() < state.paused_until;
            if known {
                state.paused_until = state.paused_until.max(now + asked);
            } else {
                let longest = FIRST_PAUSE
                    .saturating_mul(1_u32.checked_shl(state.throttled).unwrap_or(u32::MAX))
                    .min(LONGEST_PAUSE);
                let own = longest.mul_f64((self.jitter)().clamp(0.0, 1.0));
                state.paused_until = now + own.max(asked);
                state.rate.halve(state.throttled > 0, now, state.paused_until);
                state.throttled = state.throttled.saturating_add(1);
            }
            state.line.clear();
            state.paused_until.saturating_duration_since(now)
        })
    }

    /// The cloud answered the call of `turn`, and did not throttle it.
    pub(super) fn answered(&self, turn: &Turn<'_>) {
        let mut state = self.state();
        if turn.began() >= state.paused_until {
            state.throttled = 0;
        }
    }

    /// The cloud knew who made the call of `turn`.
    pub(super) fn accepted(&self, turn: &Turn<'_>) {
        self.gate.accepted(turn.began());
    }

    /// The cloud refused the credentials that the call of `turn` presented.
    pub(super) fn refused(&self, turn: &Turn<'_>, fault: &Fault) {
        self.gate.refused(turn.began(), fault);
        self.change(|state| state.line.clear());
    }

    /// May a call go, as far as others do not stand in its way?
    fn check(&self, state: &State) -> Result<(), Wait> {
        self.gate.check().map_err(Wait::Refused)?;
        let left = state.paused_until.saturating_duration_since(Instant::now());
        if left.is_zero() { Ok(()) } else { Err(Wait::Paused(left)) }
    }

    /// Gets in line. Refused if it is certain that the turn would come too late.
    fn enter(&self, purpose: &Purpose, latest: Instant) -> Result<(Turn<'_>, oneshot::Receiver<()>), Wait> {
        let (call, called) = oneshot::channel();
        let ticket = self.change(|state| {
            self.check(state)?;
            if state.rate.next(Instant::now()).is_some_and(|next| next > latest) {
                return Err(Wait::TooLong);
            }
            state.last_ticket += 1;
            state.line.enter(purpose, state.last_ticket, call);
            Ok(state.last_ticket)
        })?;
        Ok((Turn { budget: self, purpose: purpose.clone(), ticket, since: None }, called))
    }

    /// Calls those whose time has come; one of those who wait does so for all.
    async fn keep_time(&self) -> Infallible {
        let _only = self.timekeeper.lock().await;
        loop {
            let now = Instant::now();
            let next = {
                let mut state = self.state();
                self.call(&mut state);
                // When all places are taken, who leaves one says so.
                state.rate.next(now).filter(|_| self.has_place(&state))
            };
            let changed = self.changed.notified();
            match next {
                Some(next) => drop(timeout_at(next, changed).await),
                None => changed.await,
            }
        }
    }

    /// Calls who may go now.
    fn call(&self, state: &mut State) {
        let now = Instant::now();
        while self.has_place(state) && state.rate.next(now).is_none() {
            let Some((ticket, call)) = state.line.next() else { return };
            // Fails when it just gave up.
            if call.send(()).is_ok() {
                state.under_way.insert(ticket);
                state.rate.take(now);
            }
        }
    }

    fn has_place(&self, state: &State) -> bool {
        state.under_way.len() < if self.gate.is_proven() { CALLS_AT_ONCE } else { 1 }
    }

    /// Makes a change that may bring others their turn.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        self.call(&mut state);
        drop(state);
        self.changed.notify_one();
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    fn began(&self) -> Instant {
        self.since.unwrap_or_else(Instant::now)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.budget.change(|state| {
            if !state.under_way.remove(&self.ticket) {
                drop(state.line.leave(&self.purpose, self.ticket));
            } else if self.since.is_none() {
                state.rate.give_back(Instant::now());
            }
        });
    }
}

/// A call that waits, for those who watch.
struct Waiting<'a> {
    budget: &'a Budget,
    urgency: Urgency,
    since: Instant,
}

impl<'a> Waiting<'a> {
    fn new(budget: &'a Budget, urgency: Urgency) -> Self {
        budget.observer.call_waits(budget.vendor, urgency);
        Self { budget, urgency, since: Instant::now() }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.budget.observer.call_waited(self.budget.vendor, self.urgency, self.since.elapsed());
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
