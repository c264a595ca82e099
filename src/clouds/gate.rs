//! Keeps bad credentials from being tried again and again: more than five bad signatures in a row lock an access key.
//!
//! While credentials are unproven, one call goes at a time: the [`Budget`](super::budget::Budget) sees to that. Once the
//! cloud has refused them nothing is sent for a while, and callers get the refusal from memory; then one call tries again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Fault;

/// How long the cloud's word holds that it knows who calls. The secret of a key never changes: one that turns bad under
/// way was deleted or disabled, and it harms nobody to have that locked. Only a clock that is set makes a key look bad that is
/// not; so it is tried out anew after each rest from calling.
const TRUST: Duration = Duration::from_secs(10);
/// How long refused credentials rest; doubles with every further refusal.
const FIRST_REST: Duration = Duration::from_secs(30);
const LONGEST_REST: Duration = Duration::from_mins(10);

/// One credential, as far as the cloud has judged it.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last time that the cloud knew who called, if it has not refused since.
    accepted: Option<Instant>,
    refusals: u32,
    /// The last refusal, and how long the credentials rest because of it.
    rest: Option<(Instant, Fault)>,
}

impl Gate {
    /// May the credentials be presented? If not, what the cloud has said.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match &self.state().rest {
            Some((until, fault)) if Instant::now() < *until => Err(fault.clone()),
            _ => Ok(()),
        }
    }

    /// Has the cloud said, just now, that it knows who calls?
    pub(super) fn is_proven(&self) -> bool {
        self.state().accepted.is_some_and(|accepted| accepted.elapsed() < TRUST)
    }

    /// In answer to a call that began `since`, the cloud knew who was calling.
    pub(super) fn accepted(&self, since: Instant) {
        let mut state = self.state();
        let refused_meanwhile = state.rest.as_ref().is_some_and(|(until, _)| since < *until);
        if !refused_meanwhile {
            *state = State { accepted: Some(Instant::now()), ..State::default() };
        }
    }

    /// In answer to a call that began `since`, the cloud refused the credentials. Refusals of calls that were under way
    /// together count once.
    pub(super) fn refused(&self, since: Instant, fault: &Fault) {
        let now = Instant::now();
        let mut state = self.state();
        let known = state.rest.as_ref().is_some_and(|(until, _)| since < *until);
        if known {
            return;
        }
        let rest = FIRST_REST.saturating_mul(1_u32.checked_shl(state.refusals).unwrap_or(u32::MAX)).min(LONGEST_REST);
        *state = State {
            accepted: None,
            refusals: state.refusals.saturating_add(1),
            rest: Some((now + rest, fault.clone())),
        };
    }

    /// Must what the cloud has said still be known to whoever presents the credentials next? Beyond the rest, so that the
    /// next refusal counts as the one after.
    pub(super) fn is_remembered(&self) -> bool {
        self.state().rest.as_ref().is_some_and(|(until, _)| Instant::now() < *until + LONGEST_REST)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fault() -> Fault {
        Fault::of("list queue users", "bad signature")
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_are_proven_for_a_while_by_each_answer_that_accepts_them() {
        let gate = Gate::default();
        assert!(!gate.is_proven());
        for _ in 0..2 {
            gate.accepted(Instant::now());
            advance(9 * SECOND).await;
            assert!(gate.is_proven());
        }
        advance(SECOND).await;
        assert!(!gate.is_proven());
        assert_eq!(gate.check(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn refused_credentials_rest_ever_longer_and_then_one_call_tries() {
        let gate = Gate::default();
        for rest in [30, 60, 120, 240, 480, 600, 600] {
            assert_eq!(gate.check(), Ok(()));
            gate.refused(Instant::now(), &fault());
            advance((rest - 1) * SECOND).await;
            assert_eq!(gate.check(), Err(fault()));
            advance(SECOND).await;
            assert!(gate.check().is_ok() && !gate.is_proven());
        }
        gate.accepted(Instant::now());
        assert!(gate.is_proven());
        gate.refused(Instant::now(), &fault());
        assert!(!gate.is_proven());
        advance(30 * SECOND).await;
        assert_eq!(gate.check(), Ok(()), "as after the first");
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_of_calls_under_way_together_count_once_and_a_late_success_does_not_hide_them() {
        let gate = Gate::default();
        let began = Instant::now();
        gate.accepted(began);
        advance(SECOND).await;
        gate.refused(began, &fault());
        gate.refused(began, &fault());
        gate.accepted(began);
        assert!(!gate.is_proven());
        advance(29 * SECOND).await;
        assert_eq!(gate.check(), Err(fault()));
        advance(SECOND).await;
        assert_eq!(gate.check(), Ok(()));
    }
}
