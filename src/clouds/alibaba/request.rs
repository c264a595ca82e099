//! One call before it is signed: what to do, with which parameters, and until when it may be sent.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use secrecy::SecretString;
use tokio::time::Instant;

use super::Generation;
use super::reply::Answer;
use crate::clouds::CloudError;
use crate::clouds::endpoint::Endpoint;
use crate::clouds::signature::{canonical_query, encode};

pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// One call. Has no `Debug`: its parameters may hold passwords.
pub(super) struct Call {
    /// What it does, in the words of a sentence.
    pub(super) operation: &'static str,
    /// What it does, in the vendor's word.
    pub(super) action: &'static str,
    pub(super) generation: Generation,
    /// GET carries the parameters in the query, POST in a form.
    pub(super) method: Method,
    /// By name.
    pub(super) parameters: Vec<(String, String)>,
    /// Those among the parameters: they must not show in anything that is said about the call.
    pub(super) passwords: Vec<SecretString>,
    /// It is not sent later than this.
    pub(super) send_by: Instant,
    /// Whether a success says that it was done.
    pub(super) confirm: fn(&Answer) -> Result<(), CloudError>,
}

impl Call {
    /// The query as it goes over the wire.
    pub(super) fn query(&self) -> String {
        if self.method == Method::GET { self.encoded() } else { String::new() }
    }

    /// The body as it goes over the wire.
    pub(super) fn body(&self) -> Bytes {
        if self.method == Method::GET { Bytes::new() } else { self.encoded().into() }
    }

    /// The request without headers that say who calls.
    pub(super) fn to_request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, http::Error> {
        let query = self.query();
        let target = if query.is_empty() { query } else { format!("?{query}") };
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!("{endpoint}/{target}"))
            // Or answers may be XML.
            .header(ACCEPT, "application/json")
            .body(self.body())?;
        if self.method != Method::GET {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        }
        Ok(request)
    }

    /// In the order and spelling that is signed, so that there is no doubt about either. A space is `%20` in a form too:
    /// whoever reads `+` as a space reads that as well.
    fn encoded(&self) -> String {
        let pair =
            |(name, value): &(String, String)| format!("{}={}", encode(name.as_bytes()), encode(value.as_bytes()));
        canonical_query(&self.parameters.iter().map(pair).collect::<Vec<_>>().join("&"))
    }
}
