//! The account on the wire: waits for its turn, authenticates, sends and judges one call.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use tokio::time::{Instant, timeout};

use bytes::Bytes;

use super::auth::{Auth, Proof};
use super::gate::{Closed, Gate};
use super::reply::{self, Answer};
use super::request::Call;
use super::{Settings, SettingsError};
use crate::clock::Clock;
use crate::clouds::budget::{Budget, Wait};
use crate::clouds::endpoint::{Endpoint, is_region};
use crate::clouds::redact::Redactor;
use crate::clouds::transport::EXCHANGE_TIMEOUT;
use crate::clouds::{CloudError, Fault, Transport, TransportError};

const TOO_LATE: &str = "the account has more calls to make than its pace allows";

/// One project of Huawei Cloud with the credentials to call it. Clones share everything: pace, pauses, tokens.
///
/// # Guarantees
///
/// - Calls keep to the account's pace; a throttled account pauses as a whole.
/// - Refused credentials rest for a while, growing with every refusal; meanwhile callers get the refusal from memory.
/// - A call refused for its credentials is repeated once if there is reason to expect more: a token fetched anew, or a
///   signature with the cloud's time when ours is off. Nothing else is repeated.
///
/// New credentials need a new session: this one remembers how the old ones did.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    region: String,
    project_id: String,
    dli: Endpoint,
    auth: Auth,
    wire: Wire,
    budget: Budget,
    gate: Gate,
    /// The longest list of queue users that came unasked-for in one answer.
    largest_page: AtomicUsize,
}

impl Session {
    /// A session for these settings. Sends nothing.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] if a setting would not be safe to put into a host name, a path or a header.
    pub fn new(settings: Settings, transport: Arc<dyn Transport>, clock: Clock) -> Result<Self, SettingsError> {
        let Settings { region, project_id, endpoints, credentials, requests_per_second } = settings;
        if !is_region(&region) {
            return Err(SettingsError::Region(region.escape_default().take(64).collect()));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !((1..=64).contains(&project_id.len()) && project_id.bytes().all(plain)) {
            return Err(SettingsError::ProjectId(project_id.escape_default().take(64).collect()));
        }
        if requests_per_second == Some(0) {
            return Err(SettingsError::Rate);
        }
        let iam = endpoints.iam.unwrap_or_else(|| Endpoint::vendor("iam", &region));
        let dli = endpoints.dli.unwrap_or_else(|| Endpoint::vendor("dli", &region));
        let mut redactor = Redactor::default();
        let auth = Auth::new(credentials, project_id.clone(), iam, &mut redactor)?;
        Ok(Self(Arc::new(Inner {
            region,
            project_id,
            dli,
            auth,
            wire: Wire { transport, clock, redactor },
            budget: Budget::new(requests_per_second, rand::random::<f64>),
            gate: Gate::default(),
            largest_page: AtomicUsize::new(0),
        })))
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// The project's id in that region.
    #[must_use]
    pub fn project_id(&self) -> &str {
        &self.0.project_id
    }

    /// Where Data Lake Insight is reached.
    #[must_use]
    pub fn dli_endpoint(&self) -> &Endpoint {
        &self.0.dli
    }

    /// The size of the largest page of queue users ever received; grows with `page`.
    pub(super) fn largest_page(&self, page: usize) -> usize {
        self.0.largest_page.fetch_max(page, Ordering::Relaxed)
    }

    /// Makes one call to Data Lake Insight. It is sent by `call.send_by`, or not at all.
    pub(super) async fn call(&self, call: &Call) -> Result<Answer, CloudError> {
        let Inner { auth, wire, budget, gate, dli, .. } = &*self.0;
        let pass = gate.pass(call.send_by).await.map_err(|closed| not_presented(call, closed))?;
        let turn = budget.turn(call.send_by).await.map_err(|wait| not_in_turn(call, &wait))?;

        let (proof, mut result) = attempt(auth, wire, dli, call, None).await;
        if let (Some(proof), Err(Refused { error: CloudError::CredentialsRejected { .. }, .. })) = (&proof, &result)
            && Instant::now() < call.send_by
        {
            let date = result.as_ref().err().and_then(|refused| refused.date);
            if auth.can_do_better(proof, wire, date) {
                result = attempt(auth, wire, dli, call, Some(proof)).await.1;
            }
        }
        let result = result.map_err(|refused| refused.error);

        match &result {
            Err(CloudError::Throttled { fault, retry_after }) if fault.status.is_some() => {
                let pause = budget.throttled(&turn, *retry_after);
                return Err(CloudError::Throttled { fault: fault.clone(), retry_after: Some(pause) });
            }
            Err(CloudError::CredentialsRejected { fault }) => gate.refused(&pass, fault),
            // Said by whoever came before the credentials were looked at, or by nobody.
            Err(CloudError::Throttled { .. } | CloudError::Unavailable { .. } | CloudError::UnexpectedReply { .. }) => {
            }
            Err(error) if error.fault().status.is_none() => {}
            Ok(_) | Err(_) => gate.accepted(&pass),
        }
        if result.as_ref().err().is_none_or(|error| error.fault().status.is_some()) {
            budget.answered(&turn);
        }
        result
    }
}

/// Shows which account, and nothing of its credentials.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("region", &self.0.region)
            .field("project_id", &self.0.project_id)
            .finish_non_exhaustive()
    }
}

/// What every exchange needs: the network, the time, and what must not show.
pub(super) struct Wire {
    transport: Arc<dyn Transport>,
    pub(super) clock: Clock,
    pub(super) redactor: Redactor,
}

impl Wire {
    /// Carries a request, with a bound on the time that holds for every transport.
    pub(super) async fn exchange(
        &self,
        operation: &'static str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, CloudError> {
        let sent = Instant::now();
        let result = timeout(EXCHANGE_TIMEOUT, self.transport.send(request)).await;
        let result = result.unwrap_or(Err(TransportError::Timeout(EXCHANGE_TIMEOUT)));
        let status = result.as_ref().ok().map(|response| response.status().as_u16());
        tracing::debug!(operation, status, elapsed = ?sent.elapsed(), "cloud call");
        result.map_err(|error| {
            let fault = Fault::of(operation, self.redactor.message(&error.to_string(), &[]));
            match error {
                TransportError::TooLarge(_) => CloudError::UnexpectedReply { fault },
                TransportError::Refused(_) => CloudError::Rejected { fault },
                TransportError::Connect(_) => CloudError::Unreachable { fault },
                TransportError::Timeout(_) | TransportError::Interrupted(_) => CloudError::Unavailable { fault },
            }
        })
    }
}

/// An error, and what time it was for the cloud when it said so.
struct Refused {
    error: CloudError,
    date: Option<jiff::Timestamp>,
}

impl From<CloudError> for Refused {
    fn from(error: CloudError) -> Self {
        Self { error, date: None }
    }
}

/// Authenticates and sends once. The proof is what the call was authenticated with, if it came to that.
async fn attempt(
    auth: &Auth,
    wire: &Wire,
    endpoint: &Endpoint,
    call: &Call,
    refused: Option<&Proof>,
) -> (Option<Proof>, Result<Answer, Refused>) {
    let (request, proof) = match auth.authenticate(wire, endpoint, call, refused).await {
        Ok(authenticated) => authenticated,
        Err(error) => return (None, Err(error.into())),
    };
    if Instant::now() > call.send_by {
        return (None, Err(not_sent(call, TOO_LATE).into()));
    }
    let result = match wire.exchange(call.operation, request).await {
        Ok(response) => {
            let now = wire.clock.now();
            reply::read(call.operation, &response, now, &wire.redactor, proof.token())
                .map_err(|error| Refused { error, date: reply::date(response.headers()) })
        }
        Err(error) => Err(error.into()),
    };
    (Some(proof), result)
}

fn not_presented(call: &Call, closed: Closed) -> CloudError {
    match closed {
        Closed::Refused(fault) => {
            CloudError::CredentialsRejected { fault: Fault { operation: call.operation, ..fault } }
        }
        Closed::OnTrial => not_sent(call, "another call is still trying out the credentials"),
    }
}

fn not_in_turn(call: &Call, wait: &Wait) -> CloudError {
    match wait {
        Wait::Paused(left) => CloudError::Throttled {
            fault: Fault::of(call.operation, "not sent: the account pauses after it was throttled"),
            retry_after: Some(*left),
        },
        Wait::TooLong => not_sent(call, TOO_LATE),
    }
}

/// The call has not been carried out, and will not be.
pub(super) fn not_sent(call: &Call, why: &str) -> CloudError {
    let fault = Fault::of(call.operation, format!("not sent: {why}"));
    CloudError::Throttled { fault, retry_after: None }
}

#[cfg(test)]
#[path = "session_tests.rs"]
pub(super) mod tests;
