//! Keeps bad credentials from being tried again and again: five bad signatures in a row lock an access key.
//!
//! While credentials are unproven, one call goes at a time. Once the cloud has refused them nothing is sent for a while,
//! and callers get the refusal from memory; then one call tries again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Fault;

/// How long refused credentials rest; doubles with every further refusal.
const FIRST_REST: Duration = Duration::from_secs(30);
const LONGEST_REST: Duration = Duration::from_mins(10);

/// One credential, as far as the cloud has judged it.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    trial: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    proven: bool,
    refusals: u32,
    /// The last refusal, and how long the credentials rest because of it.
    rest: Option<(Instant, Fault)>,
}

/// A call that may present the credentials. While they are unproven it is the only one.
pub(super) struct Pass<'a> {
    since: Instant,
    _trial: Option<tokio::sync::MutexGuard<'a, ()>>,
}

/// Why a call may not present the credentials.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// The cloud has refused them, in these words.
    Refused(Fault),
    /// Another call has been trying them out for too long.
    OnTrial,
}

impl Gate {
    /// Waits, until `latest`, for leave to present the credentials.
    pub(super) async fn pass(&self, latest: Instant) -> Result<Pass<'_>, Closed> {
        if self.is_proven()? {
            return Ok(Pass { since: Instant::now(), _trial: None });
        }
        let Ok(trial) = timeout_at(latest, self.trial.lock()).await else {
            return Err(Closed::OnTrial);
        };
        // The call before may have settled it.
        let trial = if self.is_proven()? { None } else { Some(trial) };
        Ok(Pass { since: Instant::now(), _trial: trial })
    }

    /// The cloud knew who was calling.
    pub(super) fn accepted(&self, pass: &Pass<'_>) {
        let mut state = self.state();
        let refused_meanwhile = state.rest.as_ref().is_some_and(|(until, _)| pass.since < *until);
        if !refused_meanwhile {
            *state = State { proven: true, ..State::default() };
        }
    }

    /// The cloud refused the credentials. Refusals of calls that were under way together count once.
    pub(super) fn refused(&self, pass: &Pass<'_>, fault: &Fault) {
        let now = Instant::now();
        let mut state = self.state();
        let known = state.rest.as_ref().is_some_and(|(until, _)| pass.since < *until);
        if known {
            return;
        }
        let rest = FIRST_REST.saturating_mul(1_u32.checked_shl(state.refusals).unwrap_or(u32::MAX)).min(LONGEST_REST);
        *state = State {
            proven: false,
            refusals: state.refusals.saturating_add(1),
            rest: Some((now + rest, fault.clone())),
        };
    }

    /// Must what the cloud has said still be known to whoever presents the credentials next? Beyond the rest, so that the
    /// next refusal counts as the one after.
    pub(super) fn is_remembered(&self) -> bool {
        self.state().rest.as_ref().is_some_and(|(until, _)| Instant::now() < *until + LONGEST_REST)
    }

    fn is_proven(&self) -> Result<bool, Closed> {
        let state = self.state();
        match &state.rest {
            Some((until, fault)) if Instant::now() < *until => Err(Closed::Refused(fault.clone())),
            _ => Ok(state.proven),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn pass(gate: &Gate) -> Result<Pass<'_>, Closed> {
        gate.pass(Instant::now() + SECOND).await
    }

    fn fault() -> Fault {
        Fault::of("list queue users", "bad signature")
    }

    #[tokio::test(start_paused = true)]
    async fn unproven_credentials_are_tried_by_one_call_at_a_time() {
        let gate = Gate::default();
        let trial = pass(&gate).await;
        assert_eq!(pass(&gate).await.err(), Some(Closed::OnTrial));
        drop(trial);
        assert!(pass(&gate).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn proven_credentials_serve_many_calls_at_once() {
        let gate = Gate::default();
        let Ok(trial) = pass(&gate).await else { panic!("closed") };
        let (waiting, ()) = tokio::join!(pass(&gate), async {
            gate.accepted(&trial);
            drop(trial);
        });
        assert!(waiting.is_ok());
        let both = (pass(&gate).await, pass(&gate).await);
        assert!(both.0.is_ok() && both.1.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn refused_credentials_rest_ever_longer_and_then_one_call_tries() {
        let gate = Gate::default();
        for rest in [30, 60, 120, 240, 480, 600, 600] {
            let Ok(trial) = pass(&gate).await else { panic!("closed") };
            gate.refused(&trial, &fault());
            drop(trial);
            tokio::time::advance((rest - 1) * SECOND).await;
            assert_eq!(pass(&gate).await.err(), Some(Closed::Refused(fault())));
            tokio::time::advance(SECOND).await;
        }
        let trial = pass(&gate).await;
        assert_eq!(pass(&gate).await.err(), Some(Closed::OnTrial));
        drop(trial);
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_of_calls_under_way_together_count_once_and_a_late_success_does_not_hide_them() {
        let gate = Gate::default();
        let Ok(trial) = pass(&gate).await else { panic!("closed") };
        gate.accepted(&trial);
        drop(trial);
        let (Ok(one), Ok(two), Ok(three)) = (pass(&gate).await, pass(&gate).await, pass(&gate).await) else {
            panic!("closed")
        };
        gate.refused(&one, &fault());
        gate.refused(&two, &fault());
        gate.accepted(&three);
        tokio::time::advance(29 * SECOND).await;
        assert_eq!(pass(&gate).await.err(), Some(Closed::Refused(fault())));
        tokio::time::advance(SECOND).await;
        assert!(pass(&gate).await.is_ok());
    }
}
