//! Pod identity of Cloud Container Engine: a token that the kubelet keeps in a file is exchanged for a temporary key.
//!
//! The vendor's page is "Using Pod Identity" of the CCE user guide. What refusals look like is unverified.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};

use super::auth::{insert, is_in_id};
use super::reply;
use crate::clouds::access_key::AccessKey;
use crate::clouds::caller::Wire;
use crate::clouds::environment::{Environment, EnvironmentError};
use crate::clouds::exchange::{Exchange, fresh};
use crate::clouds::own_endpoint::OwnEndpoint;
use crate::clouds::renewal::Fresh;
use crate::clouds::token_file::{FileToken, TokenFile};
use crate::clouds::{CloudError, Fault};

const SERVICE: &str = "pod-identity";
const EXCHANGE: &str = "exchange the pod identity";
const URI: &str = "HC_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN_FILE: &str = "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// The identity that CCE has given to the operator's own pod. Its environment says what it is; an account object only says that
/// it is to be used.
#[derive(Debug, Clone)]
pub struct PodIdentity {
    uri: OwnEndpoint,
    token_file: TokenFile,
}

impl PodIdentity {
    /// What `HC_CONTAINER_CREDENTIALS_FULL_URI` and `HC_CONTAINER_AUTHORIZATION_TOKEN_FILE` say, as CCE sets them. No file is
    /// read yet.
    ///
    /// # Errors
    ///
    /// One of them is missing, or the URI would leave the node unencrypted.
    pub fn from_environment(environment: &Environment) -> Result<Self, EnvironmentError> {
        let why = "it has to be the URI of an https origin, or of a loopback or link-local address";
        let uri = OwnEndpoint::parse(&environment.require(URI)?);
        let uri = uri.ok_or(EnvironmentError::Unfit { variable: URI, why })?;
        let token_file = TokenFile::from_environment(environment, TOKEN_FILE)?;
        Ok(Self { uri, token_file })
    }

    /// All that tells it from others.
    pub(super) fn parts(&self) -> [&str; 2] {
        [self.uri.written(), &self.token_file.path]
    }

    /// `POST` with the token as it is, and an empty object.
    fn request(&self, token: &FileToken) -> Result<Request<Bytes>, http::Error> {
        let mut request = self.uri.post().body(Bytes::from_static(b"{}"))?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        insert(&mut request, AUTHORIZATION.as_str(), token.expose())?;
        Ok(request)
    }

    async fn make(&self, wire: &Wire) -> Result<Fresh<Arc<AccessKey>>, CloudError> {
        let token = self.token_file.read(EXCHANGE).await?;
        let unfit = |_| CloudError::Rejected { fault: Fault::of(EXCHANGE, "not sent: not a valid request") };
        let response = wire.exchange(SERVICE, EXCHANGE, self.request(&token).map_err(unfit)?).await?;
        let redactor = token.hidden_by(&wire.redactor);
        let answer = wire.heard(SERVICE, reply::read(EXCHANGE, &response, wire.clock.now(), &redactor))?;
        let field = |name| answer.json.pointer(name)?.as_str();
        let key = ["/credentials/accessKeyId", "/credentials/secretAccessKey", "/credentials/securityToken"].map(field);
        fresh(wire, response.headers(), key, field("/credentials/expiration"), is_in_id)
            .ok_or_else(|| answer.unexpected("no usable key in the answer"))
    }
}

impl Exchange for PodIdentity {
    fn exchange<'a>(&'a self, wire: &'a Wire) -> BoxFuture<'a, Result<Fresh<Arc<AccessKey>>, CloudError>> {
        self.make(wire).boxed()
    }
}

#[cfg(test)]
#[path = "pod_identity_tests.rs"]
mod tests;
