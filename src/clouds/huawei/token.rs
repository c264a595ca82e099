//! IAM tokens: fetched once for all who wait, kept until shortly before they expire, fetched anew when refused.
//!
//! The vendor's page is "Obtaining a User Token Through Password Authentication" of the IAM API reference.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::clock::Clock;
use crate::clouds::CloudError;

/// Assumed of a token that does not say how long it lives.
const ASSUMED_LIFE: SignedDuration = SignedDuration::from_mins(30);
/// How long before its end a token is renewed, if it lives long enough.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);
/// When renewing has failed while the token still serves, how long it is not tried again.
const RENEWAL_PAUSE: Duration = Duration::from_mins(1);

/// A token, and which one in the row of tokens it is.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) value: SecretString,
    pub(super) number: u64,
    renew_at: Timestamp,
    expires_at: Timestamp,
}

/// A token as IAM gave it.
pub(super) struct Fresh {
    pub(super) value: SecretString,
    pub(super) expires_at: Option<Timestamp>,
}

/// The token of one session.
#[derive(Default)]
pub(super) struct TokenCache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    fetched: u64,
    /// The last failure, for those who were waiting when it came.
    failure: Option<(Instant, CloudError)>,
}

impl TokenCache {
    /// A token other than number `refused`; none if waiting for another caller's fetch takes until `latest`.
    ///
    /// One caller fetches while the others wait; all get its result, failures included.
    pub(super) async fn get(
        &self,
        refused: Option<u64>,
        clock: &Clock,
        latest: Instant,
        fetch: impl Future<Output = Result<Fresh, CloudError>>,
    ) -> Option<Result<Token, CloudError>> {
        let asked = Instant::now();
        let mut state = timeout_at(latest, self.state.lock()).await.ok()?;
        let usable =
            state.token.clone().filter(|token| Some(token.number) != refused && clock.now() < token.expires_at);
        let failed_at = state.failure.as_ref().map(|(at, _)| *at);
        if let Some(token) = &usable
            && (clock.now() < token.renew_at || failed_at.is_some_and(|at| at.elapsed() < RENEWAL_PAUSE))
        {
            return Some(Ok(token.clone()));
        }
        if let Some((at, error)) = &state.failure
            && *at > asked
        {
            return Some(Err(error.clone()));
        }
        let result = match fetch.await {
            Ok(fresh) => {
                state.fetched += 1;
                state.failure = None;
                let token = Token::new(fresh, state.fetched, clock.now());
                state.token = Some(token.clone());
                Ok(token)
            }
            Err(error) => {
                state.failure = Some((Instant::now(), error.clone()));
                usable.ok_or(error)
            }
        };
        Some(result)
    }
}

impl Token {
    fn new(fresh: Fresh, number: u64, now: Timestamp) -> Self {
        let life = fresh.expires_at.map_or(ASSUMED_LIFE, |end| end.duration_since(now)).max(SignedDuration::ZERO);
        let after = |duration| now.checked_add(duration).unwrap_or(Timestamp::MAX);
        let margin = MARGIN.min(life / 2);
        Self { value: fresh.value, number, renew_at: after(life - margin), expires_at: after(life) }
    }
}

/// What to send to `POST /v3/auth/tokens`.
pub(super) fn body(domain_name: &str, user_name: &str, password: &str, project_id: &str) -> Value {
    json!({"auth": {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": user_name, "password": password, "domain": {"name": domain_name}}},
        },
        "scope": {"project": {"id": project_id}},
    }})
}

/// When the token in the answer ends.
pub(super) fn expiry(json: &Value) -> Option<Timestamp> {
    json.pointer("/token/expires_at")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use secrecy::ExposeSecret;

    use super::*;
    use crate::clouds::Fault;

    struct Iam {
        cache: TokenCache,
        clock: Clock,
        fetches: AtomicU32,
    }

    impl Iam {
        fn new() -> Self {
            let clock = Clock::virtual_from(Timestamp::UNIX_EPOCH);
            Self { cache: TokenCache::default(), clock, fetches: AtomicU32::new(0) }
        }

        async fn get(&self, refused: Option<u64>, works: bool) -> Result<String, CloudError> {
            let fetch = async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let number = self.fetches.fetch_add(1, Ordering::Relaxed) + 1;
                let value = SecretString::from(format!("token {number}"));
                let expires_at = Some(self.clock.now() + SignedDuration::from_hours(24));
                if works { Ok(Fresh { value, expires_at }) } else { Err(outage()) }
            };
            let latest = Instant::now() + Duration::from_secs(20);
            let token = self.cache.get(refused, &self.clock, latest, fetch).await.unwrap_or_else(|| Err(outage()));
            token.map(|token| token.value.expose_secret().to_owned())
        }
    }

    fn outage() -> CloudError {
        CloudError::Unavailable { fault: Fault::of("fetch an IAM token", "down") }
    }

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn one_fetch_serves_all_who_wait() {
        let iam = Iam::new();
        let tokens = tokio::join!(iam.get(None, true), iam.get(None, true), iam.get(None, true));
        assert_eq!(tokens, (Ok("token 1".to_owned()), Ok("token 1".to_owned()), Ok("token 1".to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_serves_all_who_wait_and_nobody_later() {
        let iam = Iam::new();
        let tokens = tokio::join!(iam.get(None, false), iam.get(None, true), iam.get(None, true));
        assert_eq!(tokens, (Err(outage()), Err(outage()), Err(outage())));
        assert_eq!(iam.get(None, true).await, Ok("token 2".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_it_expires() {
        let iam = Iam::new();
        assert_eq!(iam.get(None, true).await, Ok("token 1".to_owned()));
        tokio::time::advance(22 * HOUR).await;
        assert_eq!(iam.get(None, true).await, Ok("token 1".to_owned()));
        tokio::time::advance(HOUR).await;
        assert_eq!(iam.get(None, true).await, Ok("token 2".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_cannot_be_renewed_serves_until_it_expires() {
        let iam = Iam::new();
        assert_eq!(iam.get(None, true).await, Ok("token 1".to_owned()));
        tokio::time::advance(23 * HOUR + HOUR / 2).await;
        assert_eq!(iam.get(None, false).await, Ok("token 1".to_owned()));
        assert_eq!(iam.get(None, true).await, Ok("token 1".to_owned()), "not tried again at once");
        tokio::time::advance(HOUR).await;
        assert_eq!(iam.get(None, false).await, Err(outage()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_fetched_anew_once_for_all_who_had_it() {
        let iam = Iam::new();
        assert_eq!(iam.get(None, true).await, Ok("token 1".to_owned()));
        let tokens = tokio::join!(iam.get(Some(1), true), iam.get(Some(1), true));
        assert_eq!(tokens, (Ok("token 2".to_owned()), Ok("token 2".to_owned())));
    }

    #[test]
    fn the_body_is_what_iam_documents() {
        let expected = r#"{"auth":{"identity":{"methods":["password"],"password":{"user":{"domain":{"name":"d"},"name":"u","password":"p"}}},"scope":{"project":{"id":"i"}}}}"#;
        assert_eq!(body("d", "u", "p", "i").to_string(), expected);
        assert!(expiry(&json!({"token": {"expires_at": "2026-01-04T09:05:22.701000Z"}})).is_some());
    }
}
