//! One HTTP exchange, with limits on time and size; the seam at which tests replace the network.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::uri::Scheme;

use super::endpoint;

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
    /// No connection could be made: name, route, port or certificate.
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

/// The network: TLS by `rustls` with `ring`, no redirects, no cookies, no retries. Through a proxy if the environment names
/// one, but for this machine.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    /// For what goes in the clear, which no proxy is to see.
    loopback: reqwest::Client,
}

impl HttpTransport {
    /// A transport with its own pool of connections. Installs the process-wide crypto provider if there is none.
    ///
    /// # Errors
    ///
    /// [`TransportError::Connect`] if TLS cannot be set up, as when the machine has no root certificates.
    pub fn new() -> Result<Self, TransportError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // An error means that another thread has just installed one, which serves as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let builder = || {
            reqwest::Client::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(EXCHANGE_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
        };
        let client = builder().build().map_err(explain)?;
        let loopback = builder().no_proxy().build().map_err(explain)?;
        Ok(Self { client, loopback })
    }

    async fn exchange(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let uri = request.uri();
        let encrypted = uri.scheme() == Some(&Scheme::HTTPS);
        if !encrypted && !uri.host().is_some_and(endpoint::is_loopback) {
            return Err(TransportError::Refused("only https leaves this machine"));
        }
        let request = reqwest::Request::try_from(request).map_err(explain)?;
        let client = if encrypted { &self.client } else { &self.loopback };
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
mod tests {
    use http::StatusCode;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Sends one request to a server that gives these bytes for an answer, and closes.
    async fn against(bytes: Vec<u8>) -> (Result<http::Response<Bytes>, TransportError>, String) {
        let Ok(listener) = TcpListener::bind("127.0.0.1:0").await else { panic!("no loopback") };
        let Ok(address) = listener.local_addr() else { panic!("no address") };
        let server = async {
            let Ok((mut stream, _)) = listener.accept().await else {
                return String::new();
            };
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap_or_default();
            // The client may hang up before it has read all.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            String::from_utf8_lossy(&request[..read]).into_owned()
        };
        let uri = format!("http://{address}/path?secret=1");
        tokio::join!(send(&uri), server)
    }

    async fn send(uri: &str) -> Result<http::Response<Bytes>, TransportError> {
        let request = http::Request::get(uri).header("x-test", "1").body(Bytes::new());
        HttpTransport::new()?.send(request.unwrap_or_default()).await
    }

    #[tokio::test]
    async fn a_request_goes_out_as_it_is_and_the_answer_comes_back_whatever_its_status() {
        let (answer, request) =
            against(b"HTTP/1.1 404 No\r\nx-request-id: r1\r\ncontent-length: 2\r\n\r\nhi".to_vec()).await;
        let answer = answer.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert_eq!(answer.headers()["x-request-id"], "r1");
        assert_eq!(answer.body(), "hi");
        assert!(request.starts_with("GET /path?secret=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.to_lowercase().contains("\r\nhost: 127.0.0.1:"), "{request}");
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let (answer, _) =
            against(b"HTTP/1.1 302 Go\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
        assert_eq!(answer.map(|answer| answer.status()), Ok(StatusCode::FOUND));
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_not_kept_whether_its_length_is_told_or_not() {
        for head in ["content-length: 10485760\r\n", "connection: close\r\n"] {
            let mut bytes = format!("HTTP/1.1 200 OK\r\n{head}\r\n").into_bytes();
            bytes.resize(bytes.len() + 10_485_760, b' ');
            let (answer, _) = against(bytes).await;
            assert_eq!(answer.err(), Some(TransportError::TooLarge(BODY_LIMIT)), "{head}");
        }
    }

    #[tokio::test]
    async fn a_body_that_ends_early_is_no_answer() {
        let (answer, _) = against(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}".to_vec()).await;
        let Err(TransportError::Interrupted(reason)) = answer else { panic!("{answer:?}") };
        assert!(!reason.contains("secret"), "{reason}");
    }

    #[tokio::test]
    async fn a_closed_port_is_told_apart_and_no_url_shows() {
        let Err(error @ TransportError::Connect(_)) = send("http://127.0.0.1:1/path?secret=1").await else {
            panic!("connected")
        };
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[tokio::test]
    async fn nothing_leaves_this_machine_in_the_clear() {
        for uri in ["http://example.com/", "http://127.0.0.1.example.com/", "http://10.0.0.1/"] {
            assert!(matches!(send(uri).await, Err(TransportError::Refused(_))), "{uri}");
        }
    }
}
