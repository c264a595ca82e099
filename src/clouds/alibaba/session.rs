//! The account on the wire: signs, sends and judges one call.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use jiff::{Timestamp, tz::Offset};
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::reply::{self, Answer};
use super::request::{Call, FORM};
use super::sign::{Unsigned, sign};
use super::{Credentials, Generation, Settings, SettingsError};
use crate::clock::Clock;
use crate::clouds::access_key::AccessKey;
use crate::clouds::caller::{Attempt, Caller, Wire};
use crate::clouds::endpoint::{Endpoint, is_alibaba_region};
use crate::clouds::exchange::{Keys, Signer};
use crate::clouds::redact::Redactor;
use crate::clouds::signature::hash;
use crate::clouds::{CloudError, Fault, Keyring, Purpose, Transport, Vendor};

/// Says that an action cannot be called by this HTTP method. The gateway says it before it calls the service.
const UNSUPPORTED_METHOD: &str = "UnsupportedHTTPMethod";

/// One region of an account of Alibaba Cloud with the credentials to call it. Clones share what was learnt of the cloud.
///
/// # Guarantees
///
/// - Calls keep to the pace, and go in the order of their [`Purpose`]; when one is throttled, all with these credentials pause.
/// - Refused credentials rest for a while, growing with every refusal; meanwhile callers get the refusal from memory.
/// - A call refused for its credentials is repeated once, with the cloud's time, if ours is off. A form that the cloud
///   takes only as a query is repeated as one. Nothing else is repeated.
///
/// Pace and pauses are those of the credentials: see [`Keyring`]. New ones need a new session.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    region: String,
    endpoint: Endpoint,
    generation: Generation,
    keys: Keys,
    caller: Caller,
    /// A number that never comes twice, but in tests.
    nonce: fn() -> u128,
    /// The actions whose parameters the cloud takes in the query only, as it has said.
    query_only: Mutex<BTreeSet<&'static str>>,
}

impl Session {
    /// A session for these settings, which shares with others of the keyring what is known of its credentials. Sends nothing.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] if a setting would not be safe to put into a host name or a header.
    pub fn new(
        settings: Settings,
        keyring: &Keyring,
        transport: Arc<dyn Transport>,
        clock: Clock,
    ) -> Result<Self, SettingsError> {
        Self::with_nonces(settings, keyring, transport, clock, rand::random::<u128>)
    }

    fn with_nonces(
        settings: Settings,
        keyring: &Keyring,
        transport: Arc<dyn Transport>,
        clock: Clock,
        nonce: fn() -> u128,
    ) -> Result<Self, SettingsError> {
        let Settings { region, endpoint, generation, credentials, requests_per_second } = settings;
        if !is_alibaba_region(&region) {
            return Err(SettingsError::Region(region.escape_default().take(64).collect()));
        }
        if requests_per_second == Some(0) {
            return Err(SettingsError::Rate);
        }
        let parts = credentials.parts();
        let credential = keyring.credential(Vendor::Alibaba, &parts, requests_per_second);
        let issued = keyring.keys(Vendor::Alibaba, &parts);
        let mut redactor = Redactor::default();
        let keys = match credentials {
            Credentials::AccessKey { id, secret, security_token } => {
                let key = AccessKey { id, secret, security_token };
                key.check(is_in_id).map_err(SettingsError::Credential)?;
                for part in key.hidden() {
                    redactor.hide(part.expose_secret());
                }
                Keys::Given(Arc::new(key))
            }
            Credentials::Rrsa(role) => Keys::Exchanged { exchange: Box::new(role), issued },
        };
        let wire =
            Wire { transport, clock, skew: keyring.skew(Vendor::Alibaba), observer: keyring.observer(), redactor };
        Ok(Self(Arc::new(Inner {
            endpoint: endpoint.unwrap_or_else(|| Endpoint::alibaba("ehpc", &region)),
            region,
            generation,
            keys,
            caller: Caller::new(wire, credential),
            nonce,
            query_only: Mutex::default(),
        })))
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// Where E-HPC is reached.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// Which generation of the API the account's clusters belong to.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.0.generation
    }

    /// When what is presented now ends, by its issuer's word: a temporary key that was exchanged for. None for what has no end.
    #[must_use]
    pub fn credential_expires_at(&self) -> Option<Timestamp> {
        self.0.keys.expires_at()
    }

    /// Makes one call. It is sent by `call.send_by`, or not at all.
    pub(super) async fn call(&self, call: &Call, purpose: &Purpose) -> Result<Answer, CloudError> {
        self.0.caller.call(&Signed { session: &self.0, call, purpose }).await
    }

    /// Makes one write. It is sent by `call.send_by`, or not at all.
    pub(super) async fn write(&self, call: &Call, purpose: &Purpose) -> Result<Answer, CloudError> {
        self.0.caller.write(&Signed { session: &self.0, call, purpose }).await
    }

    /// Makes one write with its parameters in a form, so that no password gets into a URL; in the query if the cloud refuses
    /// exactly that, and from then on.
    ///
    /// The vendor's metadata of 2018-04-12 knows only the query; whether a form is taken is unverified. The transport sends
    /// neither in the clear.
    pub(super) async fn write_with_form(&self, mut call: Call, purpose: &Purpose) -> Result<Answer, CloudError> {
        if !self.query_only(|actions| actions.contains(call.action)) {
            call.method = Method::POST;
            match self.write(&call, purpose).await {
                Err(error) if error.code() == Some(UNSUPPORTED_METHOD) => {
                    self.query_only(|actions| actions.insert(call.action));
                }
                result => return result,
            }
        }
        call.method = Method::GET;
        self.write(&call, purpose).await
    }

    fn query_only(&self, look: impl FnOnce(&mut BTreeSet<&'static str>) -> bool) -> bool {
        look(&mut self.0.query_only.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Shows which account, and nothing of its credentials.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("region", &self.0.region)
            .field("generation", &self.0.generation)
            .finish_non_exhaustive()
    }
}

/// The id stands between `Credential=` and a comma.
pub(super) fn is_in_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

/// A call with the key that signs it.
struct Signed<'a> {
    session: &'a Inner,
    call: &'a Call,
    purpose: &'a Purpose,
}

impl Signed<'_> {
    fn sign(&self, signer: &Signer, nonce: &str) -> Result<Request<Bytes>, http::Error> {
        let Inner { endpoint, .. } = self.session;
        let (key, date) = (&signer.key, timestamp(signer.now));
        let mut request = self.call.to_request(endpoint)?;
        let (body, host) = (self.call.body(), endpoint.authority());
        let content_hash = hash(&body);
        let mut headers = vec![
            ("x-acs-action", self.call.action),
            ("x-acs-version", self.call.generation.version()),
            ("x-acs-date", &date),
            ("x-acs-signature-nonce", nonce),
            ("x-acs-content-sha256", &content_hash),
        ];
        if let Some(token) = key.token() {
            headers.extend([("x-acs-accesskey-id", key.id.as_str()), ("x-acs-security-token", token)]);
        }
        for (name, value) in &headers {
            insert(&mut request, HeaderName::from_static(name), value)?;
        }
        headers.push(("host", &host));
        if request.headers().contains_key(CONTENT_TYPE) {
            headers.push((CONTENT_TYPE.as_str(), FORM));
        }
        let query = self.call.query();
        let unsigned = Unsigned { method: self.call.method.as_str(), query: &query, headers: &headers, body: &body };
        let authorization = sign(&unsigned, &key.id, key.secret.expose_secret()).authorization;
        insert(&mut request, AUTHORIZATION, &authorization)?;
        Ok(request)
    }
}

impl Attempt for Signed<'_> {
    type Proof = Signer;
    type Answer = Answer;

    fn service(&self) -> &'static str {
        "ehpc"
    }

    fn operation(&self) -> &'static str {
        self.call.operation
    }

    fn purpose(&self) -> &Purpose {
        self.purpose
    }

    fn send_by(&self) -> Instant {
        self.call.send_by
    }

    async fn authenticate(
        &self,
        wire: &Wire,
        refused: Option<&Signer>,
    ) -> Result<(Request<Bytes>, Signer), CloudError> {
        let Call { operation, send_by, .. } = self.call;
        let signer = self.session.keys.signer(wire, operation, *send_by, refused).await?;
        let nonce = format!("{:032x}", (self.session.nonce)());
        let unfit = |_| CloudError::Rejected { fault: Fault::of(self.call.operation, "not sent: not a valid request") };
        Ok((self.sign(&signer, &nonce).map_err(unfit)?, signer))
    }

    fn read(&self, wire: &Wire, response: &Response<Bytes>, signer: &Signer) -> Result<Answer, CloudError> {
        let redactor = wire.redactor.hiding(&signer.hidden());
        let answer = reply::read(self.call.operation, response, &redactor, &self.call.passwords)?;
        (self.call.confirm)(&answer)?;
        Ok(answer)
    }

    fn request_id(answer: &Answer) -> Option<&str> {
        answer.request_id()
    }

    fn can_do_better(&self, wire: &Wire, signer: &Signer, date: Option<Timestamp>) -> bool {
        signer.can_do_better(wire, date)
    }
}

/// Adds a header that no log shows.
fn insert(request: &mut Request<Bytes>, name: HeaderName, value: &str) -> Result<(), http::Error> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Ok(())
}

/// `2025-01-02T03:04:05Z`.
pub(super) fn timestamp(time: Timestamp) -> String {
    Offset::UTC.to_datetime(time).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
#[path = "session_tests.rs"]
pub(super) mod tests;
