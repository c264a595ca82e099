//! One received request, and the seam between the gateway and a service's operations.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, Uri};
use percent_encoding::percent_decode_str;

use crate::answer::Answer;
use crate::journal::Change;
use crate::signature::{Signed, query_pairs};
use crate::world::World;
use crate::{dataarts, dli, dws, ehpc, iam, pods};

/// The gateway takes no more than this ("API Request Signing Guide": 12 MB).
const LARGEST_BODY: usize = 12 * 1024 * 1024;

/// Recognises the requests of one service.
type Route = fn(&Received) -> Option<Box<dyn Operation>>;

/// Every service: each says which requests are its operations.
const SERVICES: &[Route] = &[dli::route, dws::route, dataarts::route, ehpc::route, iam::route, pods::route];

/// The operation that a request asks for, if it is of any service.
pub(crate) fn route(request: &Received) -> Option<Box<dyn Operation>> {
    SERVICES.iter().find_map(|route| route(request))
}

/// One thing that a service can be asked to do, with its parameters.
pub(crate) trait Operation: Send + Sync {
    /// What the journal and the faults get to see.
    fn summary(&self) -> Summary;

    /// Who may ask for it.
    fn caller(&self) -> Caller<'_>;

    /// Does it. Called again, later, when a fault lets the effect land late.
    fn run(&self, world: &mut World) -> Outcome;
}

/// Who may ask for an operation.
#[derive(Clone, Copy)]
pub(crate) enum Caller<'a> {
    /// Anyone: the body says who it is.
    Anyone,
    /// A pod, whose token says who it is. No gateway is in front.
    Pod,
    /// Whoever has credentials of this account of Huawei Cloud.
    Huawei,
    /// The same, and the path names this project.
    HuaweiProject(&'a str),
    /// Whoever has an access key of this account of Alibaba Cloud.
    Alibaba,
}

/// What an operation does, to whom, where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) target: Option<String>,
    pub(crate) principals: Vec<String>,
    pub(crate) action: Option<String>,
    pub(crate) privileges: Vec<String>,
}

/// What an operation has done.
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    pub(crate) changed: Vec<Change>,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self { answer, changed: Vec::new() }
    }
}

/// A request, read to its end.
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    /// Reads a request; none if its body is too large or breaks off.
    pub(crate) async fn read(request: Request<Body>) -> Option<Self> {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, LARGEST_BODY).await.ok()?;
        Some(Self { method: head.method, uri: head.uri, headers: head.headers, body })
    }

    /// The path's segments, decoded.
    pub(crate) fn segments(&self) -> Vec<String> {
        let path = self.uri.path().trim_start_matches('/');
        let decode = |segment| percent_decode_str(segment).decode_utf8_lossy().into_owned();
        path.split('/').map(decode).collect()
    }

    /// The first value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let pairs = query_pairs(self.uri.query().unwrap_or_default());
        let found = pairs.into_iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value)
    }

    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What was signed.
    pub(crate) fn signed(&self) -> Signed<'_> {
        Signed { method: &self.method, uri: &self.uri, headers: &self.headers, body: &self.body }
    }
}
