//! How an account makes a call, whoever its vendor: it waits until its turn has come,
//! makes one attempt, one more if the credentials were refused and there is reason to expect more, and learns from how
//! that ended.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};

use super::audit::Sending;
use super::budget::Wait;
use super::keyring::InUse;
use super::observer::{Observer, RequestMade};
use super::redact::Redactor;
use super::skew::{self, Skew};
use super::transport::EXCHANGE_TIMEOUT;
use super::{CloudError, Fault, Purpose, Transport, TransportError};
use crate::clock::Clock;

const TOO_LATE: &str = "the account has more calls to make than its pace allows";

/// One call, as its vendor makes it.
pub(super) trait Attempt {
    /// What the request was authenticated with.
    type Proof;
    /// What a success says.
    type Answer;

    /// Who is asked.
    fn service(&self) -> &'static str;

    /// What the call does, in the words of a sentence.
    fn operation(&self) -> &'static str;

    /// What it is for.
    fn purpose(&self) -> &Purpose;

    /// It is not sent later than this.
    fn send_by(&self) -> Instant;

    /// Makes the request, authenticated by anything but what was `refused`.
    async fn authenticate(
        &self,
        wire: &Wire,
        refused: Option<&Self::Proof>,
    ) -> Result<(Request<Bytes>, Self::Proof), CloudError>;

    /// Takes the answer for what it is. One to a write says that it was done.
    fn read(&self, wire: &Wire, response: &Response<Bytes>, proof: &Self::Proof) -> Result<Self::Answer, CloudError>;

    /// The vendor's id of a request that succeeded.
    fn request_id(answer: &Self::Answer) -> Option<&str>;

    /// After `proof` was refused: would another one have a chance? `date` is the time at which the cloud says it refused.
    fn can_do_better(&self, wire: &Wire, proof: &Self::Proof, date: Option<Timestamp>) -> bool;
}

/// An account on the wire, with all that its calls have in common.
pub(super) struct Caller {
    wire: Wire,
    credential: InUse,
}

impl Caller {
    /// Calls by `wire`, which present this credential.
    pub(super) fn new(wire: Wire, credential: InUse) -> Self {
        Self { wire, credential }
    }

    /// Makes one write. While the account pauses it waits, if its turn then still comes in time: what is throttled was not
    /// carried out, and a batch that began anew each time would never come to its end.
    pub(super) async fn write<A: Attempt>(&self, call: &A) -> Result<A::Answer, CloudError> {
        loop {
            match self.make(call, Effect::Writes).await {
                Err(CloudError::Throttled { retry_after: Some(pause), .. })
                    if Instant::now() + pause < call.send_by() =>
                {
                    sleep(pause).await;
                }
                result => return result,
            }
        }
    }

    /// Makes one call that changes nothing. It is sent in time, or not at all.
    pub(super) async fn call<A: Attempt>(&self, call: &A) -> Result<A::Answer, CloudError> {
        self.make(call, Effect::Reads).await
    }

    async fn make<A: Attempt>(&self, call: &A, effect: Effect) -> Result<A::Answer, CloudError> {
        let Self { wire, credential } = self;
        let (operation, send_by) = (call.operation(), call.send_by());
        let turn = credential.turn(call.purpose(), send_by).await.map_err(|wait| not_in_turn(operation, wait))?;

        let (proof, mut result) = attempt(wire, call, effect, None).await;
        if let (Some(proof), Err(Refused { error: CloudError::CredentialsRejected { .. }, .. })) = (&proof, &result)
            && Instant::now() < send_by
        {
            let date = result.as_ref().err().and_then(|refused| refused.date);
            if call.can_do_better(wire, proof, date) {
                result = attempt(wire, call, effect, Some(proof)).await.1;
            }
        }
        let result = result.map_err(|refused| refused.error);

        match &result {
            Err(CloudError::Throttled { fault, retry_after }) if fault.status.is_some() => {
                let pause = credential.throttled(&turn, *retry_after);
                return Err(CloudError::Throttled { fault: fault.clone(), retry_after: Some(pause) });
            }
            Err(CloudError::CredentialsRejected { fault }) if fault.status.is_some() => {
                credential.refused(&turn, fault);
            }
            // Said by whoever came before the credentials were looked at, or by nobody.
            Err(
                CloudError::Throttled { .. }
                | CloudError::TurnMissed { .. }
                | CloudError::Unavailable { .. }
                | CloudError::UnexpectedReply { .. },
            ) => {}
            Err(error) if error.fault().status.is_none() => {}
            Ok(_) | Err(_) => credential.accepted(&turn),
        }
        if result.as_ref().err().is_none_or(|error| error.fault().status.is_some()) {
            credential.answered(&turn);
        }
        result
    }
}

/// What a call does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Reads,
    Writes,
}

/// What every exchange needs: the network, the time, who is told, and what must not show.
pub(super) struct Wire {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) clock: Clock,
    pub(super) skew: Arc<Skew>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) redactor: Redactor,
}

impl Wire {
    /// What time it is for the cloud, and the seconds that were added to ours.
    pub(super) fn now(&self) -> (Timestamp, i64) {
        self.skew.now(&self.clock)
    }

    /// Has it counted if a service asks for fewer requests.
    pub(super) fn heard<T>(&self, service: &'static str, answer: Result<T, CloudError>) -> Result<T, CloudError> {
        if let Err(CloudError::Throttled { .. }) = &answer {
            self.observer.throttled(service);
        }
        answer
    }

    /// Carries a request, with a bound on the time that holds for every transport.
    pub(super) async fn exchange(
        &self,
        service: &'static str,
        operation: &'static str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, CloudError> {
        let sent = Instant::now();
        let result = timeout(EXCHANGE_TIMEOUT, self.transport.send(request)).await;
        let result = result.unwrap_or(Err(TransportError::Timeout(EXCHANGE_TIMEOUT)));
        let status = result.as_ref().ok().map(|response| response.status().as_u16());
        let took = sent.elapsed();
        tracing::debug!(service, operation, status, ?took, "cloud call");
        if !matches!(result, Err(TransportError::Refused(_))) {
            self.observer.request_made(&RequestMade { service, operation, status, took });
        }
        result.map_err(|error| {
            let fault = Fault::of(operation, self.redactor.message(&error.to_string()));
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
    date: Option<Timestamp>,
}

impl From<CloudError> for Refused {
    fn from(error: CloudError) -> Self {
        Self { error, date: None }
    }
}

/// Authenticates and sends once. The proof is what the call was authenticated with, if it came to that.
async fn attempt<A: Attempt>(
    wire: &Wire,
    call: &A,
    effect: Effect,
    refused: Option<&A::Proof>,
) -> (Option<A::Proof>, Result<A::Answer, Refused>) {
    let (request, proof) = match call.authenticate(wire, refused).await {
        Ok(authenticated) => authenticated,
        Err(error) => return (None, Err(error.into())),
    };
    if Instant::now() > call.send_by() {
        return (None, Err(not_sent(call.operation(), TOO_LATE).into()));
    }
    let (service, operation) = (call.service(), call.operation());
    let sending = (effect == Effect::Writes).then(|| Sending::new(call.purpose(), service, operation));
    let (status, result) = match wire.exchange(service, operation, request).await {
        Ok(response) => {
            let refused = |error| Refused { error, date: skew::date(response.headers()) };
            let answer = wire.heard(service, call.read(wire, &response, &proof));
            (Some(response.status()), answer.map_err(refused))
        }
        Err(error) => (None, Err(error.into())),
    };
    if let Some(sending) = sending {
        sending.end(status, result.as_ref().map(A::request_id).map_err(|refused| &refused.error));
    }
    (Some(proof), result)
}

fn not_in_turn(operation: &'static str, wait: Wait) -> CloudError {
    match wait {
        Wait::Refused(fault) => CloudError::CredentialsRejected { fault: Fault { operation, ..fault } },
        Wait::Paused(left) => CloudError::Throttled {
            fault: Fault::of(operation, "not sent: the account pauses after it was throttled"),
            retry_after: Some(left),
        },
        Wait::TooLong => not_sent(operation, TOO_LATE),
        Wait::Recalled => not_sent(operation, "something more urgent came up"),
        Wait::OnTrial => not_sent(operation, "another call is still trying out the credentials"),
    }
}

/// The call has not been carried out, and will not be.
pub(super) fn not_sent(operation: &'static str, why: &str) -> CloudError {
    let fault = Fault::of(operation, format!("not sent: {why}"));
    CloudError::TurnMissed { fault }
}
