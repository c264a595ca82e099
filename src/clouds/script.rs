//! A transport for tests: answers are told beforehand or computed, and what was sent can be looked at afterwards. And a file
//! that is gone after the test.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};

use super::{CloudError, Purpose, Transport, TransportError, Urgency};

type Answered = Result<Response<Bytes>, TransportError>;
type Answers = dyn Fn(&Request<Bytes>) -> Answered + Send + Sync;

/// What calls are for, where that does not matter.
pub(super) fn purpose() -> Purpose {
    Purpose::new(Urgency::Change, "team", "target")
}

/// Answers each request by a function, after a fixed time, and keeps all requests.
pub(super) struct Script {
    answer: Box<Answers>,
    takes: Duration,
    sent: Mutex<Vec<Request<Bytes>>>,
}

impl Script {
    /// Answers by a function of the request.
    pub(super) fn by(answer: impl Fn(&Request<Bytes>) -> Answered + Send + Sync + 'static) -> Arc<Self> {
        Self::slow(Duration::ZERO, answer)
    }

    /// Answers by a function of the request, each answer taking `takes`.
    pub(super) fn slow(
        takes: Duration,
        answer: impl Fn(&Request<Bytes>) -> Answered + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), takes, sent: Mutex::default() })
    }

    /// Answers in this order, whatever is asked; then the connection breaks.
    pub(super) fn of(answers: impl IntoIterator<Item = Answered>) -> Arc<Self> {
        let answers: Mutex<VecDeque<Answered>> = Mutex::new(answers.into_iter().collect());
        Self::by(move |_| {
            let next = answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            next.unwrap_or_else(|| Err(TransportError::Interrupted("the script has ended".to_owned())))
        })
    }

    /// What was sent, one line each: method, path and query, body.
    pub(super) fn sent(&self) -> Vec<String> {
        let line = |request: &Request<Bytes>| {
            let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
            let body = String::from_utf8_lossy(request.body());
            format!("{} {target} {body}", request.method()).trim_end().to_owned()
        };
        self.requests().iter().map(line).collect()
    }

    /// A header of every request sent.
    pub(super) fn header(&self, name: &str) -> Vec<Option<String>> {
        let value = |request: &Request<Bytes>| request.headers().get(name)?.to_str().map(str::to_owned).ok();
        self.requests().iter().map(value).collect()
    }

    /// Every request sent.
    pub(super) fn requests(&self) -> Vec<Request<Bytes>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Transport for Script {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Answered> {
        let answer = (self.answer)(&request);
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        async move {
            if !self.takes.is_zero() {
                tokio::time::sleep(self.takes).await;
            }
            answer
        }
        .boxed()
    }
}

/// An answer.
#[expect(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "reads well in a list of answers")]
pub(super) fn answer(status: u16, body: impl ToString) -> Answered {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    Ok(response)
}

/// An answer with a header.
pub(super) fn answer_with(status: u16, header: &'static str, value: &str, body: impl ToString) -> Answered {
    let mut response = answer(status, body)?;
    if let Ok(value) = http::HeaderValue::from_str(value) {
        response.headers_mut().insert(header, value);
    }
    Ok(response)
}

/// The name of the variant, or of success.
pub(super) fn kind<T>(result: &Result<T, CloudError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(CloudError::Throttled { .. }) => "throttled",
        Err(CloudError::TurnMissed { .. }) => "turn missed",
        Err(CloudError::Unavailable { .. }) => "unavailable",
        Err(CloudError::Unreachable { .. }) => "unreachable",
        Err(CloudError::CredentialsRejected { .. }) => "credentials rejected",
        Err(CloudError::AccessDenied { .. }) => "access denied",
        Err(CloudError::TargetNotFound { .. }) => "target not found",
        Err(CloudError::TargetNotReady { .. }) => "target not ready",
        Err(CloudError::PoolNotFound { .. }) => "pool not found",
        Err(CloudError::PrincipalNotFound { .. }) => "principal not found",
        Err(CloudError::Rejected { .. }) => "rejected",
        Err(CloudError::UnexpectedReply { .. }) => "unexpected reply",
    }
}

/// A file of a test's own.
pub(super) struct Scratch(String);

impl Scratch {
    pub(super) fn new(content: impl AsRef<[u8]>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("cloud-access-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let scratch = Self(std::env::temp_dir().join(name).to_string_lossy().into_owned());
        scratch.write(content);
        scratch
    }

    pub(super) fn path(&self) -> &str {
        &self.0
    }

    pub(super) fn write(&self, content: impl AsRef<[u8]>) {
        std::fs::write(&self.0, content).unwrap();
    }

    pub(super) fn remove(&self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remove();
    }
}
