//! Puts the credentials into a request: a signature, or a token fetched for the purpose.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request};
use jiff::{Timestamp, tz::Offset};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::request::{Call, Service, target};
use super::sign::{DATE_HEADER, Unsigned, sign};
use super::{Credentials, SettingsError, reply, token};
use crate::clouds::caller::{Wire, not_sent};
use crate::clouds::endpoint::Endpoint;
use crate::clouds::redact::Redactor;
use crate::clouds::renewal::{Fresh, Renewal};
use crate::clouds::skew;
use crate::clouds::{CloudError, Fault, Keyring, Vendor};

const FETCH: &str = "fetch an IAM token";
const PROJECT_HEADER: &str = "x-project-id";
const SECURITY_TOKEN_HEADER: &str = "x-security-token";
const AUTH_TOKEN_HEADER: &str = "x-auth-token";
const SUBJECT_TOKEN_HEADER: &str = "x-subject-token";

/// Who calls, and for which project.
pub(super) struct Auth {
    credentials: Credentials,
    project_id: String,
    iam: Endpoint,
    tokens: Arc<Renewal<SecretString>>,
}

/// What one request was authenticated with.
pub(super) enum Proof {
    /// A signature of that time.
    Signature { skew: i64 },
    /// A token; kept as a list because that is how it is taken out of messages.
    Token { number: u64, value: [SecretString; 1] },
}

impl Proof {
    /// What must not show in an answer's words, beside the credentials.
    pub(super) fn token(&self) -> &[SecretString] {
        match self {
            Self::Signature { .. } => &[],
            Self::Token { value, .. } => value,
        }
    }
}

impl Auth {
    /// Checks the credentials' form, and has the redactor hide them.
    pub(super) fn new(
        credentials: Credentials,
        project_id: String,
        iam: Endpoint,
        keyring: &Keyring,
        redactor: &mut Redactor,
    ) -> Result<Self, SettingsError> {
        match &credentials {
            Credentials::AccessKey { id, secret, security_token } => {
                // The id stands between `Access=` and a comma.
                let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                check("access key id", !id.is_empty() && id.bytes().all(plain))?;
                check("secret access key", !secret.expose_secret().is_empty())?;
                let token = security_token.as_ref().map(ExposeSecret::expose_secret);
                let fits = |token: &str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
                check("security token", token.is_none_or(fits))?;
                for credential in [Some(id.as_str()), Some(secret.expose_secret()), token].into_iter().flatten() {
                    redactor.hide(credential);
                }
            }
            Credentials::Password { domain_name, user_name, password } => {
                check("domain name", !domain_name.is_empty())?;
                check("user name", !user_name.is_empty())?;
                check("password", !password.expose_secret().is_empty())?;
                redactor.hide(password.expose_secret());
            }
        }
        let origin = iam.to_string();
        let parts = [credentials.parts(), vec![&origin, &project_id]].concat();
        let tokens = keyring.tokens(Vendor::Huawei, &parts);
        Ok(Self { credentials, project_id, iam, tokens })
    }

    /// Makes the request for `call`, authenticated by anything but what was `refused`.
    pub(super) async fn authenticate(
        &self,
        wire: &Wire,
        endpoint: &Endpoint,
        call: &Call,
        refused: Option<&Proof>,
    ) -> Result<(Request<Bytes>, Proof), CloudError> {
        let unfit = |_| CloudError::Rejected { fault: Fault::of(call.operation, "not sent: not a valid request") };
        let mut request = call.to_request(endpoint).map_err(unfit)?;
        match &self.credentials {
            Credentials::AccessKey { id, secret, security_token } => {
                let (now, skew) = wire.now();
                let date = timestamp(now);
                let token = security_token.as_ref().map(ExposeSecret::expose_secret);
                let headers = self.signing_headers(&date, token);
                let signature = signature(call, endpoint, &headers, id, secret.expose_secret());
                for (name, value) in headers {
                    insert(&mut request, name, value).map_err(unfit)?;
                }
                insert(&mut request, AUTHORIZATION.as_str(), &signature).map_err(unfit)?;
                Ok((request, Proof::Signature { skew }))
            }
            Credentials::Password { domain_name, user_name, password } => {
                let old = match refused {
                    Some(Proof::Token { number, .. }) => Some(*number),
                    Some(Proof::Signature { .. }) | None => None,
                };
                let body = token::body(domain_name, user_name, password.expose_secret(), &self.project_id);
                let fetch = self.fetch(wire, Bytes::from(body.to_string()), call.send_by);
                let token = self.tokens.get(old, call.send_by, fetch).await;
                let token =
                    token.unwrap_or_else(|| Err(not_sent(call.operation, "another call is still fetching a token")))?;
                insert(&mut request, AUTH_TOKEN_HEADER, token.value.expose_secret()).map_err(unfit)?;
                Ok((request, Proof::Token { number: token.number, value: [token.value] }))
            }
        }
    }

    /// After `proof` was refused: would another one have a chance? `date` is the time at which the cloud says it refused.
    pub(super) fn can_do_better(proof: &Proof, wire: &Wire, date: Option<Timestamp>) -> bool {
        match (proof, date) {
            (Proof::Token { .. }, _) => true,
            (Proof::Signature { .. }, None) => false,
            (Proof::Signature { skew }, Some(theirs)) => wire.skew.correct(*skew, &wire.clock, theirs),
        }
    }

    /// When what was issued for these credentials ends, if anything was.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        self.tokens.expires_at()
    }

    /// What is signed, beside the content type and the host. Not the user agent: proxies rewrite it.
    fn signing_headers<'a>(&'a self, date: &'a str, token: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
        let mut headers = vec![(DATE_HEADER, date), (PROJECT_HEADER, self.project_id.as_str())];
        headers.extend(token.map(|token| (SECURITY_TOKEN_HEADER, token)));
        headers
    }

    /// `POST /v3/auth/tokens`: 201, with the token in a header.
    async fn fetch(&self, wire: &Wire, body: Bytes, send_by: Instant) -> Result<Fresh<SecretString>, CloudError> {
        let target = target(&["v3", "auth", "tokens"], &[("nocatalog", "1")]);
        let call =
            Call { service: Service::Iam, operation: FETCH, method: Method::POST, target, body: Some(body), send_by };
        let unfit = |_| CloudError::Rejected { fault: Fault::of(FETCH, "not sent: not a valid request") };
        let request = call.to_request(&self.iam).map_err(unfit)?;
        let response = wire.exchange(FETCH, request).await?;
        let answer = reply::read(FETCH, &response, wire.clock.now(), &wire.redactor, &[])?;
        let value = response.headers().get(SUBJECT_TOKEN_HEADER).and_then(|value| value.to_str().ok());
        match value {
            Some(value) if !value.is_empty() => Ok(Fresh {
                value: SecretString::from(value),
                issued_at: skew::date(response.headers()).unwrap_or_else(|| wire.clock.now()),
                expires_at: token::expiry(&answer.json),
            }),
            _ => Err(answer.unexpected("no token in the answer")),
        }
    }
}

fn check(what: &'static str, fits: bool) -> Result<(), SettingsError> {
    if fits { Ok(()) } else { Err(SettingsError::Credential(what)) }
}

/// The value of the `Authorization` header.
fn signature(call: &Call, endpoint: &Endpoint, headers: &[(&str, &str)], id: &str, secret: &str) -> String {
    let host = endpoint.authority();
    let mut headers = headers.to_vec();
    headers.push(("host", &host));
    if call.body.is_some() {
        headers.push((CONTENT_TYPE.as_str(), call.service.content_type()));
    }
    let body = call.body.as_deref().unwrap_or_default();
    let request = Unsigned { method: call.method.as_str(), target: &call.target, headers: &headers, body };
    sign(&request, id, secret).authorization
}

/// Adds a header that no log shows.
fn insert(request: &mut Request<Bytes>, name: &'static str, value: &str) -> Result<(), http::Error> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    request.headers_mut().insert(HeaderName::from_static(name), value);
    Ok(())
}

/// `20250102T030405Z`.
fn timestamp(time: Timestamp) -> String {
    Offset::UTC.to_datetime(time).strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signatures_time_is_written_as_the_vendor_reads_it() {
        let time: Timestamp = "2025-01-02T03:04:05.999Z".parse().unwrap_or_default();
        assert_eq!(timestamp(time), "20250102T030405Z");
    }
}
