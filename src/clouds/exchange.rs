//! Where a session's access key comes from: it was given, or something of the operator's own is exchanged for temporary ones.
//!
//! A further way to come by a key is one file with an [`Exchange`], and one variant of its vendor's credentials.

use std::sync::Arc;

use futures::future::BoxFuture;
use http::HeaderMap;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::time::Instant;

use super::access_key::AccessKey;
use super::caller::{Wire, not_sent};
use super::renewal::{Fresh, Renewal};
use super::{CloudError, skew};

/// Temporary keys, as they are issued one after the other.
pub(super) type IssuedKeys = Renewal<Arc<AccessKey>>;

/// Something of the operator's own that is exchanged for a temporary key.
pub(super) trait Exchange: Send + Sync {
    /// Makes the exchange, once.
    fn exchange<'a>(&'a self, wire: &'a Wire) -> BoxFuture<'a, Result<Fresh<Arc<AccessKey>>, CloudError>>;
}

/// Where the access key comes from.
pub(super) enum Keys {
    /// From an account's Secret.
    Given(Arc<AccessKey>),
    /// From an exchange.
    Exchanged {
        /// Makes it.
        exchange: Box<dyn Exchange>,
        /// What came of it last, for all who share it.
        issued: Arc<IssuedKeys>,
    },
}

/// What signs one request: a key, all of it, and the time.
pub(super) struct Signer {
    pub(super) key: Arc<AccessKey>,
    pub(super) now: Timestamp,
    /// The seconds added to our clock.
    skew: i64,
    /// Which one in the row of exchanged keys it is.
    number: Option<u64>,
}

impl Keys {
    /// What signs the next request, other than what was `refused`.
    pub(super) async fn signer(
        &self,
        wire: &Wire,
        operation: &'static str,
        send_by: Instant,
        refused: Option<&Signer>,
    ) -> Result<Signer, CloudError> {
        let (key, number) = match self {
            Self::Given(key) => (Arc::clone(key), None),
            Self::Exchanged { exchange, issued } => {
                // If the clock was corrected since, that was the reason, and not the key.
                let refused = refused.filter(|refused| refused.skew == wire.now().1);
                let result =
                    issued.get(refused.and_then(|refused| refused.number), send_by, exchange.exchange(wire)).await;
                let result = result
                    .unwrap_or_else(|| Err(not_sent(operation, "another call is still exchanging the credentials")));
                let issued = result.map_err(refusal)?;
                (issued.value, Some(issued.number))
            }
        };
        let (now, skew) = wire.now();
        Ok(Signer { key, now, skew, number })
    }

    /// When the key that is presented now ends, by its issuer's word.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Given(_) => None,
            Self::Exchanged { issued, .. } => issued.expires_at(),
        }
    }
}

impl Signer {
    /// After its signature was refused: would another one have a chance? `date` is the time at which the cloud says so.
    pub(super) fn can_do_better(&self, wire: &Wire, date: Option<Timestamp>) -> bool {
        let corrected = date.is_some_and(|theirs| wire.skew.correct(self.skew, &wire.clock, theirs));
        corrected || self.number.is_some()
    }

    /// What must not show in an answer's words, beside what never must.
    pub(super) fn hidden(&self) -> Vec<SecretString> {
        if self.number.is_some() { self.key.hidden() } else { Vec::new() }
    }
}

/// A key as it was issued: id, secret and token, and when it ends. None if that is no whole key that fits into headers.
pub(super) fn fresh(
    wire: &Wire,
    headers: &HeaderMap,
    key: [Option<&str>; 3],
    expires_at: Option<&str>,
    is_in_id: fn(u8) -> bool,
) -> Option<Fresh<Arc<AccessKey>>> {
    let [Some(id), Some(secret), Some(token)] = key else { return None };
    let key = AccessKey { id: id.to_owned(), secret: secret.into(), security_token: Some(token.into()) };
    key.check(is_in_id).ok()?;
    Some(Fresh {
        value: Arc::new(key),
        issued_at: skew::date(headers).unwrap_or_else(|| wire.now().0),
        expires_at: expires_at.and_then(|end| end.parse().ok()),
    })
}

/// Whatever an exchange is refused for, there are no credentials without it.
fn refusal(error: CloudError) -> CloudError {
    match error {
        CloudError::AccessDenied { fault }
        | CloudError::TargetNotFound { fault }
        | CloudError::TargetNotReady { fault }
        | CloudError::PoolNotFound { fault }
        | CloudError::PrincipalNotFound { fault }
        | CloudError::Rejected { fault } => CloudError::CredentialsRejected { fault },
        CloudError::Throttled { .. }
        | CloudError::TurnMissed { .. }
        | CloudError::Unavailable { .. }
        | CloudError::Unreachable { .. }
        | CloudError::CredentialsRejected { .. }
        | CloudError::UnexpectedReply { .. } => error,
    }
}
