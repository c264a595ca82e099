//! One HTTP exchange, with limits on time and size; the seam at which tests replace the network.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::uri::Scheme;

use super::endpoint::{self, AllowedEndpoints};
use super::network::Network;
use super::own_endpoint;
use super::resolver::{self, Guard, Lookup, Rules};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one exchange may take, from the first byte sent to the last byte read.
pub(super) const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);
/// How large an answer may be. A list of ten thousand users is about one megabyte.
pub(super) const BODY_LIMIT: usize = 8 << 20;

/// Carries one HTTP request to a cloud and brings the answer back, whatever its status.
pub trait Transport: Send + Sync {
    /// Sends `request`, whose URI is absolute, once: no retry, no redirect.
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>>;
}

/// Why there is no answer. Messages hold neither URL nor header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection could be made: name, address, route, port or certificate.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// There was no complete answer in time.
    #[error("no complete answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The connection broke before the answer was complete.
    #[error("the connection broke: {0}")]
    Interrupted(String),
    /// The answer is larger than anything that is read.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The request was not sent.
    #[error("not sent: {0}")]
    Refused(&'static str),
}

/// The network: TLS by `rustls` with `ring`, no redirects, no cookies, no retries, to the addresses that its hosts may have.
/// Through the proxy if there is one, but for this machine. Where the operator's own environment says that its credentials are
/// issued, addresses are not looked at.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    /// For what goes in the clear, which no proxy is to see.
    loopback: reqwest::Client,
    /// For where the operator's own environment says, whatever address that has.
    own: reqwest::Client,
    /// For hosts that are addresses, which no resolver is asked for.
    allowed: AllowedEndpoints,
}

impl HttpTransport {
    /// A transport with its own pool of connections. Installs the process-wide crypto provider if there is none.
    ///
    /// # Errors
    ///
    /// [`TransportError::Connect`] if TLS cannot be set up, as when the machine has no root certificates.
    pub fn new(network: &Network) -> Result<Self, TransportError> {
        Self::with_lookup(network, &resolver::system())
    }

    fn with_lookup(network: &Network, lookup: &Lookup) -> Result<Self, TransportError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // An error means that another thread has just installed one, which serves as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let builder = |rules| {
            reqwest::Client::builder()
                .no_proxy()
                .dns_resolver(Guard::new(Arc::clone(lookup), rules))
                .tls_certs_merge(network.roots.certificates.clone())
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(EXCHANGE_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
        };
        let allowed = network.allowed.clone();
        let proxied = |rules| match &network.proxy {
            Some(proxy) => builder(rules).proxy(proxy.rule()?).build(),
            None => builder(rules).build(),
        };
        let proxy = network.proxy.as_ref().map(|proxy| proxy.host.clone());
        let client = proxied(Rules::Allowed { allowed: allowed.clone(), proxy }).map_err(explain)?;
        let own = proxied(Rules::Anywhere).map_err(explain)?;
        let loopback = builder(Rules::Loopback).build().map_err(explain)?;
        Ok(Self { client, loopback, own, allowed })
    }

    async fn exchange(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let uri = request.uri();
        let encrypted = uri.scheme() == Some(&Scheme::HTTPS);
        let own = own_endpoint::is_own(&request);
        let stays = if own { own_endpoint::is_near } else { endpoint::is_loopback };
        if !encrypted && !uri.host().is_some_and(stays) {
            return Err(TransportError::Refused("only https leaves this machine"));
        }
        let request = reqwest::Request::try_from(request).map_err(explain)?;
        // Looked at as the client reads it, to whom `2130706433` is an address, too.
        let host = request.url().host_str().unwrap_or_default();
        if encrypted
            && !own
            && let Some(address) = endpoint::address_of(host)
        {
            let permitted = self.allowed.permitted(host, [address]);
            permitted.map_err(|error| TransportError::Connect(error.to_string()))?;
        }
        let client = match (encrypted, own) {
            (false, _) => &self.loopback,
            (true, false) => &self.client,
            (true, true) => &self.own,
        };
        let mut response = client.execute(request).await.map_err(explain)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(explain)? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(TransportError::TooLarge(BODY_LIMIT));
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = http::Response::new(body.freeze());
        *answer.status_mut() = response.status();
        std::mem::swap(answer.headers_mut(), response.headers_mut());
        Ok(answer)
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        self.exchange(request).boxed()
    }
}

/// Takes by value for `map_err`.
#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err wants")]
fn explain(error: reqwest::Error) -> TransportError {
    if error.is_timeout() {
        return TransportError::Timeout(EXCHANGE_TIMEOUT);
    }
    // The outermost message names the URL; the innermost cause says what happened.
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let reason = if std::ptr::eq(cause, std::ptr::from_ref(&error) as *const dyn std::error::Error) {
        "no reason given".to_owned()
    } else {
        cause.to_string()
    };
    if error.is_connect() || error.is_builder() {
        TransportError::Connect(reason)
    } else {
        TransportError::Interrupted(reason)
    }
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "reach_tests.rs"]
mod reach_tests;
