//! The account on the wire: authenticates, sends and judges one call.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use tokio::time::Instant;

use super::auth::{Auth, Proof};
use super::reply::{self, Answer};
use super::request::{Call, Service, is_id};
use super::{Settings, SettingsError};
use crate::clock::Clock;
use crate::clouds::caller::{Attempt, Caller, Wire};
use crate::clouds::endpoint::{Endpoint, is_huawei_region};
use crate::clouds::redact::Redactor;
use crate::clouds::{CloudError, Keyring, Purpose, Transport, Vendor};

/// One project of Huawei Cloud with the credentials to call it.
///
/// # Guarantees
///
/// - Calls keep to the pace, and go in the order of their [`Purpose`]; when one is throttled, all with these credentials pause.
/// - Refused credentials rest for a while, growing with every refusal; meanwhile callers get the refusal from memory.
/// - A call refused for its credentials is repeated once if there is reason to expect more: a token fetched anew, or a
///   signature with the cloud's time when ours is off. Nothing else is repeated.
///
/// Pace, pauses and tokens are those of the credentials: see [`Keyring`]. New ones need a new session.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    region: String,
    project_id: String,
    dli: Reach,
    dws: Reach,
    data_arts: Reach,
    iam: Reach,
    auth: Auth,
    caller: Caller,
}

/// One service, as far as this account reaches it.
struct Reach {
    endpoint: Endpoint,
    /// The longest page of the list that it is read for.
    largest_page: AtomicUsize,
}

impl Session {
    /// A session for these settings, which shares with others of the keyring what is known of its credentials. Sends nothing.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] if a setting would not be safe to put into a host name, a path or a header.
    pub fn new(
        settings: Settings,
        keyring: &Keyring,
        transport: Arc<dyn Transport>,
        clock: Clock,
    ) -> Result<Self, SettingsError> {
        let Settings { region, project_id, endpoints, credentials, requests_per_second } = settings;
        if !is_huawei_region(&region) {
            return Err(SettingsError::Region(region.escape_default().take(64).collect()));
        }
        if !is_id(&project_id) {
            return Err(SettingsError::ProjectId(project_id.escape_default().take(64).collect()));
        }
        if requests_per_second == Some(0) {
            return Err(SettingsError::Rate);
        }
        let reach = |service: Service, other: Option<Endpoint>| Reach {
            endpoint: other.unwrap_or_else(|| Endpoint::huawei(service.host(), &region)),
            largest_page: AtomicUsize::new(0),
        };
        let dli = reach(Service::Dli, endpoints.dli);
        let dws = reach(Service::Dws, endpoints.dws);
        let data_arts = reach(Service::DataArts, endpoints.data_arts);
        let iam = reach(Service::Iam, endpoints.iam);
        let mut redactor = Redactor::default();
        let credential = keyring.credential(Vendor::Huawei, &credentials.parts(), requests_per_second);
        let auth = Auth::new(credentials, project_id.clone(), iam.endpoint.clone(), keyring, &mut redactor)?;
        let wire =
            Wire { transport, clock, skew: keyring.skew(Vendor::Huawei), observer: keyring.observer(), redactor };
        let caller = Caller::new(wire, credential);
        Ok(Self(Arc::new(Inner { region, project_id, dli, dws, data_arts, iam, auth, caller })))
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

    /// When what is presented now ends, by its issuer's word: a token, or a temporary key that was exchanged for. None for what has no end.
    #[must_use]
    pub fn credential_expires_at(&self) -> Option<Timestamp> {
        self.0.auth.expires_at()
    }

    /// The size of the largest page of users ever received from the service; grows with `page`.
    pub(super) fn largest_page(&self, service: Service, page: usize) -> usize {
        self.reach(service).largest_page.fetch_max(page, Ordering::Relaxed)
    }

    /// Makes one call. It is sent by `call.send_by`, or not at all.
    pub(super) async fn call(&self, call: &Call, purpose: &Purpose) -> Result<Answer, CloudError> {
        self.0.caller.call(&self.authenticated(call, purpose)).await
    }

    /// Makes one write. It is sent by `call.send_by`, or not at all.
    pub(super) async fn write(&self, call: &Call, purpose: &Purpose) -> Result<Answer, CloudError> {
        self.0.caller.write(&self.authenticated(call, purpose)).await
    }

    fn authenticated<'a>(&'a self, call: &'a Call, purpose: &'a Purpose) -> Authenticated<'a> {
        Authenticated { auth: &self.0.auth, endpoint: &self.reach(call.service).endpoint, call, purpose }
    }

    fn reach(&self, service: Service) -> &Reach {
        match service {
            Service::Dli => &self.0.dli,
            Service::Dws => &self.0.dws,
            Service::DataArts => &self.0.data_arts,
            Service::Iam => &self.0.iam,
        }
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

/// A call with the credentials it is made with.
struct Authenticated<'a> {
    auth: &'a Auth,
    endpoint: &'a Endpoint,
    call: &'a Call,
    purpose: &'a Purpose,
}

impl Attempt for Authenticated<'_> {
    type Proof = Proof;
    type Answer = Answer;

    fn service(&self) -> &'static str {
        self.call.service.name()
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

    async fn authenticate(&self, wire: &Wire, refused: Option<&Proof>) -> Result<(Request<Bytes>, Proof), CloudError> {
        self.auth.authenticate(wire, self.endpoint, self.call, refused).await
    }

    fn read(&self, wire: &Wire, response: &Response<Bytes>, proof: &Proof) -> Result<Answer, CloudError> {
        let redactor = wire.redactor.hiding(&proof.hidden());
        let answer = reply::read(self.call.operation, response, wire.clock.now(), &redactor)?;
        (self.call.confirm)(&answer)?;
        Ok(answer)
    }

    fn request_id(answer: &Answer) -> Option<&str> {
        answer.request_id()
    }

    fn can_do_better(&self, wire: &Wire, proof: &Proof, date: Option<Timestamp>) -> bool {
        proof.can_do_better(wire, date)
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
pub(super) mod tests;

#[cfg(test)]
#[path = "sharing_tests.rs"]
mod sharing_tests;
