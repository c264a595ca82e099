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
use crate::clouds::access_key::AccessKey;
use crate::clouds::caller::{Wire, not_sent};
use crate::clouds::endpoint::Endpoint;
use crate::clouds::exchange::{Keys, Signer};
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
    means: Means,
    project_id: String,
}

/// What requests are authenticated by.
enum Means {
    /// A signature.
    Key(Keys),
    /// A token of a user with a password.
    Token { user: User, iam: Endpoint, tokens: Arc<Renewal<SecretString>> },
}

/// An IAM user.
struct User {
    domain_name: String,
    name: String,
    password: SecretString,
}

/// What one request was authenticated with.
pub(super) enum Proof {
    /// A signature.
    Signature(Signer),
    /// A token.
    Token { number: u64, value: SecretString },
}

impl Proof {
    /// What must not show in an answer's words, beside what never must.
    pub(super) fn hidden(&self) -> Vec<SecretString> {
        match self {
            Self::Signature(signer) => signer.hidden(),
            Self::Token { value, .. } => vec![value.clone()],
        }
    }

    /// After this was refused: would another one have a chance? `date` is the time at which the cloud says it refused.
    pub(super) fn can_do_better(&self, wire: &Wire, date: Option<Timestamp>) -> bool {
        match self {
            Self::Signature(signer) => signer.can_do_better(wire, date),
            Self::Token { .. } => true,
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
        let origin = iam.to_string();
        let parts = credentials.parts();
        let tokens = keyring.tokens(Vendor::Huawei, &[&parts[..], &[&origin, &project_id]].concat());
        let keys = keyring.keys(Vendor::Huawei, &parts);
        let means = match credentials {
            Credentials::AccessKey { id, secret, security_token } => {
                let key = AccessKey { id, secret, security_token };
                key.check(is_in_id).map_err(SettingsError::Credential)?;
                for part in key.hidden() {
                    redactor.hide(part.expose_secret());
                }
                Means::Key(Keys::Given(Arc::new(key)))
            }
            Credentials::PodIdentity(identity) => {
                Means::Key(Keys::Exchanged { exchange: Box::new(identity), issued: keys })
            }
            Credentials::Password { domain_name, user_name, password } => {
                check("domain name", !domain_name.is_empty())?;
                check("user name", !user_name.is_empty())?;
                check("password", !password.expose_secret().is_empty())?;
                redactor.hide(password.expose_secret());
                Means::Token { user: User { domain_name, name: user_name, password }, iam, tokens }
            }
        };
        Ok(Self { means, project_id })
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
        let proof = match &self.means {
            Means::Key(keys) => {
                let refused = match refused {
                    Some(Proof::Signature(signer)) => Some(signer),
                    Some(Proof::Token { .. }) | None => None,
                };
                let signer = keys.signer(wire, call.operation, call.send_by, refused).await?;
                self.sign(&mut request, endpoint, call, &signer).map_err(unfit)?;
                Proof::Signature(signer)
            }
            Means::Token { user, iam, tokens } => {
                let old = match refused {
                    Some(Proof::Token { number, .. }) => Some(*number),
                    Some(Proof::Signature(_)) | None => None,
                };
                let token = tokens.get(old, call.send_by, self.fetch(wire, user, iam, call.send_by)).await;
                let token =
                    token.unwrap_or_else(|| Err(not_sent(call.operation, "another call is still fetching a token")))?;
                insert(&mut request, AUTH_TOKEN_HEADER, token.value.expose_secret()).map_err(unfit)?;
                Proof::Token { number: token.number, value: token.value }
            }
        };
        Ok((request, proof))
    }

    /// When what was issued for these credentials ends, if anything was.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        match &self.means {
            Means::Key(keys) => keys.expires_at(),
            Means::Token { tokens, .. } => tokens.expires_at(),
        }
    }

    /// Signs content type, host, and the headers that are added here. Not the user agent: proxies rewrite it.
    fn sign(
        &self,
        request: &mut Request<Bytes>,
        endpoint: &Endpoint,
        call: &Call,
        signer: &Signer,
    ) -> Result<(), http::Error> {
        let (date, host) = (timestamp(signer.now), endpoint.authority());
        let mut headers = vec![(DATE_HEADER, date.as_str()), (PROJECT_HEADER, self.project_id.as_str())];
        headers.extend(signer.key.token().map(|token| (SECURITY_TOKEN_HEADER, token)));
        for (name, value) in &headers {
            insert(request, name, value)?;
        }
        headers.push(("host", &host));
        if call.body.is_some() {
            headers.push((CONTENT_TYPE.as_str(), call.service.content_type()));
        }
        let body = call.body.as_deref().unwrap_or_default();
        let unsigned = Unsigned { method: call.method.as_str(), target: &call.target, headers: &headers, body };
        let authorization = sign(&unsigned, &signer.key.id, signer.key.secret.expose_secret()).authorization;
        insert(request, AUTHORIZATION.as_str(), &authorization)
    }

    /// `POST /v3/auth/tokens`: 201, with the token in a header.
    async fn fetch(
        &self,
        wire: &Wire,
        user: &User,
        iam: &Endpoint,
        send_by: Instant,
    ) -> Result<Fresh<SecretString>, CloudError> {
        let body = token::body(&user.domain_name, &user.name, user.password.expose_secret(), &self.project_id);
        let body = Bytes::from(body.to_string());
        let target = target(&["v3", "auth", "tokens"], &[("nocatalog", "1")]);
        let call = Call { method: Method::POST, body: Some(body), ..Call::get(Service::Iam, FETCH, target, send_by) };
        let unfit = |_| CloudError::Rejected { fault: Fault::of(FETCH, "not sent: not a valid request") };
        let request = call.to_request(iam).map_err(unfit)?;
        let response = wire.exchange(Service::Iam.name(), FETCH, request).await?;
        let answer = reply::read(FETCH, &response, wire.clock.now(), &wire.redactor);
        let answer = wire.heard(Service::Iam.name(), answer)?;
        let value = response.headers().get(SUBJECT_TOKEN_HEADER).and_then(|value| value.to_str().ok());
        match value {
            Some(value) if !value.is_empty() => Ok(Fresh {
                value: SecretString::from(value),
                issued_at: skew::date(response.headers()).unwrap_or_else(|| wire.now().0),
                expires_at: token::expiry(&answer.json),
            }),
            _ => Err(answer.unexpected("no token in the answer")),
        }
    }
}

fn check(what: &'static str, fits: bool) -> Result<(), SettingsError> {
    if fits { Ok(()) } else { Err(SettingsError::Credential(what)) }
}

/// The id stands between `Access=` and a comma.
pub(super) fn is_in_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Adds a header that no log shows.
pub(super) fn insert(request: &mut Request<Bytes>, name: &'static str, value: &str) -> Result<(), http::Error> {
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
