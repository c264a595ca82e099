//! One call before it is authenticated: what to do, on which service, and until when it may be sent.

use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use serde_json::Value;
use tokio::time::Instant;

use super::sign::encode;
use crate::clouds::endpoint::Endpoint;

pub(super) const CONTENT_TYPE: &str = "application/json";

/// One call.
pub(super) struct Call {
    /// What it does, in the words of a sentence.
    pub(super) operation: &'static str,
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) body: Option<Bytes>,
    /// It is not sent later than this.
    pub(super) send_by: Instant,
}

impl Call {
    pub(super) fn get(operation: &'static str, target: String, send_by: Instant) -> Self {
        Self { operation, method: Method::GET, target, body: None, send_by }
    }

    pub(super) fn with_body(mut self, method: Method, body: &Value) -> Self {
        self.method = method;
        self.body = Some(Bytes::from(body.to_string()));
        self
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
            request.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        }
        Ok(request)
    }
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
