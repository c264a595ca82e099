//! One call before it is authenticated: what to do, on which service, and until when it may be sent.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use serde_json::Value;
use tokio::time::Instant;

use super::reply::Answer;
use crate::clouds::endpoint::Endpoint;
use crate::clouds::signature::encode;
use crate::clouds::transport::EXCHANGE_TIMEOUT;
use crate::clouds::{CloudError, IN_FLIGHT};

/// Until when, after the changes were asked for, a write may be sent.
pub(super) const FIRST_WINDOW: Duration = Duration::from_secs(20);
/// Until when, after the list was read, a write may be sent that replaces a whole entry: it takes away what was granted since.
pub(super) const REPLACE_WINDOW: Duration = Duration::from_secs(10);
/// Until when a call may be sent that follows from a refusal.
pub(super) const REPAIR_WINDOW: Duration = Duration::from_secs(25);
const _: () = assert!(REPAIR_WINDOW.as_secs() + EXCHANGE_TIMEOUT.as_secs() < IN_FLIGHT.as_secs());

/// Who answers a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// Data Lake Insight.
    Dli,
    /// Data Warehouse Service.
    Dws,
    /// DataArts Studio.
    DataArts,
    /// Identity and Access Management.
    Iam,
}

impl Service {
    /// The first label of the service's host.
    pub(super) fn host(self) -> &'static str {
        match self {
            Self::Dli => "dli",
            Self::Dws => "dws",
            Self::DataArts => "dayu",
            Self::Iam => "iam",
        }
    }

    /// What the operator calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Dli => "dli",
            Self::Dws => "dws",
            Self::DataArts => "dataarts",
            Self::Iam => "iam",
        }
    }

    /// What a body is said to be.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Dws => "application/json;charset=utf-8",
            Self::Dli | Self::DataArts | Self::Iam => "application/json",
        }
    }
}

/// One call.
pub(super) struct Call {
    pub(super) service: Service,
    /// What it does, in the words of a sentence.
    pub(super) operation: &'static str,
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) body: Option<Bytes>,
    /// It is not sent later than this.
    pub(super) send_by: Instant,
    /// Whether a success says that it was done.
    pub(super) confirm: fn(&Answer) -> Result<(), CloudError>,
}

impl Call {
    pub(super) fn get(service: Service, operation: &'static str, target: String, send_by: Instant) -> Self {
        Self { service, operation, method: Method::GET, target, body: None, send_by, confirm: |_| Ok(()) }
    }

    pub(super) fn with_body(mut self, method: Method, body: &Value) -> Self {
        self.method = method;
        self.body = Some(Bytes::from(body.to_string()));
        self
    }

    /// A success has to say so in this way.
    pub(super) fn confirmed_by(self, confirm: fn(&Answer) -> Result<(), CloudError>) -> Self {
        Self { confirm, ..self }
    }

    /// The request without headers that say who calls.
    pub(super) fn to_request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!("{endpoint}{}", self.target))
            // Or messages may be Chinese.
            .header("x-language", "en-us")
            .body(self.body.clone().unwrap_or_default())?;
        if self.body.is_some() {
            let content_type = HeaderValue::from_static(self.service.content_type());
            request.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
        }
        Ok(request)
    }
}

/// Is this an id, and safe in a path: 1 to 64 letters, digits, hyphens and underscores?
pub(super) fn is_id(word: &str) -> bool {
    (1..=64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Can this name be one segment of a path, and name no other path?
pub(super) fn is_segment(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.chars().any(|c| c == '/' || c == '\\' || c.is_control())
}

/// Path and query as they go over the wire.
pub(super) fn target(segments: &[&str], query: &[(&str, &str)]) -> String {
    let mut path = String::new();
    for segment in segments {
        path.extend(["/", &encode(segment.as_bytes())]);
    }
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encode(value.as_bytes()))).collect();
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_encoded_segment_by_segment() {
        assert_eq!(target(&["v1.0", "a b", "é/"], &[]), "/v1.0/a%20b/%C3%A9%2F");
        assert_eq!(target(&["q"], &[("limit", "1"), ("tags", "k=v&x")]), "/q?limit=1&tags=k%3Dv%26x");
    }
}
