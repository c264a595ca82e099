//! RAM roles for service accounts (RRSA): a token that the kubelet keeps in a file is exchanged for a temporary key of a role.
//!
//! The vendor's page is "AssumeRoleWithOIDC" of the Security Token Service. The call is not signed: the token says who calls. It
//! is sent in the form, so that it gets into no URL. Which codes a refusal has is unverified.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, Response};
use jiff::Timestamp;

use super::reply;
use super::request::FORM;
use super::session::{is_in_id, timestamp};
use crate::clouds::access_key::AccessKey;
use crate::clouds::caller::Wire;
use crate::clouds::endpoint::is_alibaba_region;
use crate::clouds::environment::{Environment, EnvironmentError};
use crate::clouds::exchange::{Exchange, fresh};
use crate::clouds::own_endpoint::OwnEndpoint;
use crate::clouds::renewal::Fresh;
use crate::clouds::signature::encode;
use crate::clouds::skew;
use crate::clouds::token_file::{FileToken, TokenFile};
use crate::clouds::{CloudError, Fault};

const SERVICE: &str = "sts";
const EXCHANGE: &str = "assume the RAM role";
const ROLE: &str = "ALIBABA_CLOUD_ROLE_ARN";
const PROVIDER: &str = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN";
const TOKEN_FILE: &str = "ALIBABA_CLOUD_OIDC_TOKEN_FILE";
const SESSION_NAME: &str = "ALIBABA_CLOUD_ROLE_SESSION_NAME";
const STS_ENDPOINT: &str = "ALIBABA_CLOUD_STS_ENDPOINT";
const STS_REGION: &str = "ALIBABA_CLOUD_STS_REGION";
const VPC_ENDPOINT: &str = "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED";
/// How the role's session is called unless the environment says.
const USUAL_SESSION_NAME: &str = "cloud-access-operator";
/// The vendor's own default, which every role allows.
const DURATION_SECONDS: &str = "3600";

/// The RAM role that has been given to the operator's own pod. Its environment says what it is; an account object only says
/// that it is to be used. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Rrsa(Arc<Role>);

#[derive(Debug)]
struct Role {
    sts: OwnEndpoint,
    arn: String,
    provider: String,
    session_name: String,
    token_file: TokenFile,
}

impl Rrsa {
    /// What the variables say that the webhook of ACK sets: `ALIBABA_CLOUD_ROLE_ARN`, `ALIBABA_CLOUD_OIDC_PROVIDER_ARN` and
    /// `ALIBABA_CLOUD_OIDC_TOKEN_FILE`, and if they are there `ALIBABA_CLOUD_ROLE_SESSION_NAME`, `ALIBABA_CLOUD_STS_ENDPOINT`,
    /// `ALIBABA_CLOUD_STS_REGION` and `ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED`. No file is read yet.
    ///
    /// # Errors
    ///
    /// One that is needed is missing, or the endpoint is none.
    pub fn from_environment(environment: &Environment) -> Result<Self, EnvironmentError> {
        let (arn, provider) = (environment.require(ROLE)?, environment.require(PROVIDER)?);
        let token_file = TokenFile::from_environment(environment, TOKEN_FILE)?;
        let session_name = environment.get(SESSION_NAME).unwrap_or_else(|| USUAL_SESSION_NAME.to_owned());
        let sts = sts(environment)?;
        Ok(Self(Arc::new(Role { sts, arn, provider, session_name, token_file })))
    }

    /// All that tells it from others.
    pub(super) fn parts(&self) -> [&str; 5] {
        let Role { sts, arn, provider, session_name, token_file } = &*self.0;
        [sts.written(), arn, provider, session_name, &token_file.path]
    }
}

impl Role {
    /// `POST`, with the action in the query and what it needs in a form.
    fn request(&self, time: &str, token: &FileToken) -> Result<Request<Bytes>, http::Error> {
        let query =
            [("Action", "AssumeRoleWithOIDC"), ("Format", "JSON"), ("Timestamp", time), ("Version", "2015-04-01")];
        let form = [
            ("DurationSeconds", DURATION_SECONDS),
            ("OIDCProviderArn", &self.provider),
            ("OIDCToken", token.expose()),
            ("RoleArn", &self.arn),
            ("RoleSessionName", &self.session_name),
        ];
        let mut request = self.sts.post_with(&pairs(&query)).body(Bytes::from(pairs(&form)))?;
        // Or answers may be XML.
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        Ok(request)
    }

    async fn make(&self, wire: &Wire) -> Result<Fresh<Arc<AccessKey>>, CloudError> {
        let token = self.token_file.read(EXCHANGE).await?;
        let (now, added) = wire.now();
        let response = self.send(wire, now, &token).await?;
        let result = read(wire, &response, &token);
        // Nobody else would find out that our clock is off: without a key, nothing is signed.
        if let (Err(CloudError::CredentialsRejected { .. }), Some(theirs)) = (&result, skew::date(response.headers()))
            && wire.skew.correct(added, &wire.clock, theirs)
        {
            return read(wire, &self.send(wire, wire.now().0, &token).await?, &token);
        }
        result
    }

    async fn send(&self, wire: &Wire, now: Timestamp, token: &FileToken) -> Result<Response<Bytes>, CloudError> {
        let unfit = |_| CloudError::Rejected { fault: Fault::of(EXCHANGE, "not sent: not a valid request") };
        let request = self.request(&timestamp(now), token).map_err(unfit)?;
        wire.exchange(SERVICE, EXCHANGE, request).await
    }
}

fn read(wire: &Wire, response: &Response<Bytes>, token: &FileToken) -> Result<Fresh<Arc<AccessKey>>, CloudError> {
    let answer = reply::read(EXCHANGE, response, &token.hidden_by(&wire.redactor), &[]);
    let answer = wire.heard(SERVICE, answer)?;
    let field = |name| answer.json.get("Credentials")?.get(name)?.as_str();
    let key = ["AccessKeyId", "AccessKeySecret", "SecurityToken"].map(field);
    fresh(wire, response.headers(), key, field("Expiration"), is_in_id)
        .ok_or_else(|| answer.unexpected("no usable key in the answer"))
}

impl Exchange for Rrsa {
    fn exchange<'a>(&'a self, wire: &'a Wire) -> BoxFuture<'a, Result<Fresh<Arc<AccessKey>>, CloudError>> {
        self.0.make(wire).boxed()
    }
}

/// Where the Security Token Service is.
fn sts(environment: &Environment) -> Result<OwnEndpoint, EnvironmentError> {
    let inner = environment.get(VPC_ENDPOINT).is_some_and(|enabled| enabled.eq_ignore_ascii_case("true"));
    let (variable, given) = match (environment.get(STS_ENDPOINT), environment.get(STS_REGION)) {
        (Some(endpoint), _) if endpoint.contains("://") => (STS_ENDPOINT, Some(endpoint)),
        (Some(host), _) => (STS_ENDPOINT, Some(format!("https://{host}"))),
        (None, Some(region)) => {
            let service = if inner { "sts-vpc" } else { "sts" };
            let host = is_alibaba_region(&region).then(|| format!("https://{service}.{region}.aliyuncs.com"));
            (STS_REGION, host)
        }
        (None, None) => (STS_ENDPOINT, Some("https://sts.aliyuncs.com".to_owned())),
    };
    let endpoint = given.and_then(|origin| OwnEndpoint::parse(&origin)).filter(OwnEndpoint::is_origin);
    let why = "it has to be a host, or a region, such as sts.cn-hangzhou.aliyuncs.com and cn-hangzhou";
    endpoint.ok_or(EnvironmentError::Unfit { variable, why })
}

/// Names and values as in a query.
fn pairs(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}", encode(value.as_bytes()))).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
#[path = "rrsa_tests.rs"]
mod tests;
