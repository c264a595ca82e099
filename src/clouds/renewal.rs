//! What a cloud issues for a while, such as a token: one exchange serves all who wait, it is renewed well before its end, and
//! made anew when it was refused.

use std::sync::{Mutex as Lock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::CloudError;

/// Assumed of what does not say how long it lives.
const ASSUMED_LIFE: Duration = Duration::from_mins(30);
/// At least so long it is used, even if it seems to be over: or a clock that is off would have each call ask for another.
const SHORTEST_LIFE: Duration = Duration::from_mins(1);
/// No longer than that, whatever it says.
const LONGEST_LIFE: Duration = Duration::from_hours(24 * 365);
/// How long before its end it is renewed, if that is not the greater part of its life.
const MARGIN: Duration = Duration::from_hours(1);
/// When renewing has failed while the old one still serves, how long it is not tried again.
const RENEWAL_PAUSE: Duration = Duration::from_mins(1);

/// What was issued, and which one in the row it is.
#[derive(Clone)]
pub(super) struct Issued<T> {
    pub(super) value: T,
    pub(super) number: u64,
    renew_at: Instant,
    ends_at: Instant,
}

/// What has just been issued, as its issuer says.
pub(super) struct Fresh<T> {
    pub(super) value: T,
    /// By the issuer's clock, if it told the time, so that ours may be wrong.
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
}

/// What was issued last, for all who need it.
pub(super) struct Renewal<T> {
    state: Mutex<State<T>>,
    /// When that ends, for those who do not wait.
    expires_at: Lock<Option<Timestamp>>,
}

struct State<T> {
    issued: Option<Issued<T>>,
    exchanges: u64,
    /// The last failure, for those who were waiting when it came.
    failure: Option<(Instant, CloudError)>,
}

impl<T> Default for Renewal<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { issued: None, exchanges: 0, failure: None }), expires_at: Lock::default() }
    }
}

impl<T: Clone> Renewal<T> {
    /// One other than number `refused`; none if waiting for another caller's exchange takes until `latest`.
    ///
    /// One caller makes the exchange while the others wait; all get its result, failures included.
    pub(super) async fn get(
        &self,
        refused: Option<u64>,
        latest: Instant,
        exchange: impl Future<Output = Result<Fresh<T>, CloudError>>,
    ) -> Option<Result<Issued<T>, CloudError>> {
        let asked = Instant::now();
        let mut state = timeout_at(latest, self.state.lock()).await.ok()?;
        let now = Instant::now();
        // What was refused is presented no more, whatever comes of the exchange.
        if state.issued.take_if(|issued| Some(issued.number) == refused).is_some() {
            self.set_expires_at(None);
        }
        let usable = state.issued.clone().filter(|issued| now < issued.ends_at);
        let failed_at = state.failure.as_ref().map(|(at, _)| *at);
        if let Some(issued) = &usable
            && (now < issued.renew_at || failed_at.is_some_and(|at| at.elapsed() < RENEWAL_PAUSE))
        {
            return Some(Ok(issued.clone()));
        }
        if let Some((at, error)) = &state.failure
            && *at > asked
        {
            return Some(Err(error.clone()));
        }
        let result = match exchange.await {
            Ok(fresh) => {
                state.exchanges += 1;
                state.failure = None;
                self.set_expires_at(fresh.expires_at);
                let issued = Issued::new(fresh, state.exchanges);
                state.issued = Some(issued.clone());
                Ok(issued)
            }
            Err(error) => {
                state.failure = Some((Instant::now(), error.clone()));
                usable.ok_or(error)
            }
        };
        Some(result)
    }

    /// When the one that is presented now ends, as its issuer says.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        *self.expires_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_expires_at(&self, end: Option<Timestamp>) {
        *self.expires_at.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }
}

impl<T> Issued<T> {
    fn new(fresh: Fresh<T>, number: u64) -> Self {
        let left = |end: Timestamp| Duration::try_from(end.duration_since(fresh.issued_at)).unwrap_or_default();
        let life = fresh.expires_at.map_or(ASSUMED_LIFE, left).clamp(SHORTEST_LIFE, LONGEST_LIFE);
        let now = Instant::now();
        let margin = MARGIN.min(life / 2);
        Self { value: fresh.value, number, renew_at: now + life.saturating_sub(margin), ends_at: now + life }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use jiff::SignedDuration;

    use super::*;
    use crate::clouds::Fault;

    /// Issues tokens that end a day after they were issued, by a clock that may tell something else than ours.
    #[derive(Default)]
    struct Issuer {
        renewal: Renewal<String>,
        exchanges: AtomicU32,
        life: Option<SignedDuration>,
    }

    impl Issuer {
        async fn get(&self, refused: Option<u64>, works: bool) -> Result<String, CloudError> {
            let exchange = async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let number = self.exchanges.fetch_add(1, Ordering::Relaxed) + 1;
                let life = self.life.unwrap_or(SignedDuration::from_hours(24));
                let (value, issued_at) = (format!("token {number}"), Timestamp::UNIX_EPOCH);
                if works { Ok(Fresh { value, issued_at, expires_at: Some(issued_at + life) }) } else { Err(outage()) }
            };
            let latest = Instant::now() + Duration::from_secs(20);
            let issued = self.renewal.get(refused, latest, exchange).await.unwrap_or_else(|| Err(outage()));
            issued.map(|issued| issued.value)
        }
    }

    fn outage() -> CloudError {
        CloudError::Unavailable { fault: Fault::of("fetch an IAM token", "down") }
    }

    #[expect(clippy::unnecessary_wraps, reason = "reads well beside failures")]
    fn token(number: u32) -> Result<String, CloudError> {
        Ok(format!("token {number}"))
    }

    const MINUTE: Duration = Duration::from_mins(1);
    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn one_exchange_serves_all_who_wait() {
        let issuer = Issuer::default();
        let tokens = tokio::join!(issuer.get(None, true), issuer.get(None, true), issuer.get(None, true));
        assert_eq!(tokens, (token(1), token(1), token(1)));
        assert_eq!(issuer.renewal.expires_at(), Some(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_serves_all_who_wait_and_nobody_later() {
        let issuer = Issuer::default();
        let tokens = tokio::join!(issuer.get(None, false), issuer.get(None, true), issuer.get(None, true));
        assert_eq!(tokens, (Err(outage()), Err(outage()), Err(outage())));
        assert_eq!(issuer.renewal.expires_at(), None);
        assert_eq!(issuer.get(None, true).await, token(2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_issued_is_renewed_before_it_ends() {
        let issuer = Issuer::default();
        assert_eq!(issuer.get(None, true).await, token(1));
        tokio::time::advance(22 * HOUR).await;
        assert_eq!(issuer.get(None, true).await, token(1));
        tokio::time::advance(HOUR).await;
        assert_eq!(issuer.get(None, true).await, token(2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_lives_an_hour_is_renewed_at_half_of_it() {
        let issuer = Issuer { life: Some(SignedDuration::from_hours(1)), ..Issuer::default() };
        assert_eq!(issuer.get(None, true).await, token(1));
        tokio::time::advance(29 * MINUTE).await;
        assert_eq!(issuer.get(None, true).await, token(1));
        tokio::time::advance(MINUTE).await;
        assert_eq!(issuer.get(None, true).await, token(2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_renewed_serves_until_it_ends() {
        let issuer = Issuer::default();
        assert_eq!(issuer.get(None, true).await, token(1));
        tokio::time::advance(23 * HOUR + HOUR / 2).await;
        assert_eq!(issuer.get(None, false).await, token(1));
        assert_eq!(issuer.get(None, true).await, token(1), "not tried again at once");
        tokio::time::advance(HOUR).await;
        assert_eq!(issuer.get(None, false).await, Err(outage()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_seems_to_be_over_when_it_is_issued_serves_for_a_minute() {
        let issuer = Issuer { life: Some(SignedDuration::from_hours(-8)), ..Issuer::default() };
        for _ in 0..3 {
            assert_eq!(issuer.get(None, true).await, token(1));
        }
        tokio::time::advance(SHORTEST_LIFE).await;
        assert_eq!(issuer.get(None, true).await, token(2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_is_made_anew_once_for_all_who_had_it() {
        let issuer = Issuer::default();
        assert_eq!(issuer.get(None, true).await, token(1));
        let tokens = tokio::join!(issuer.get(Some(1), true), issuer.get(Some(1), true));
        assert_eq!(tokens, (token(2), token(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_is_presented_no_more_even_if_there_is_no_other() {
        let issuer = Issuer::default();
        assert_eq!(issuer.get(None, true).await, token(1));
        assert_eq!(issuer.get(Some(1), false).await, Err(outage()));
        assert_eq!(issuer.renewal.expires_at(), None);
        assert_eq!(issuer.get(None, false).await, Err(outage()));
        assert_eq!(issuer.get(None, true).await, token(4));
    }
}
