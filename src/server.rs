//! What the process tells of itself over HTTP: its metrics, that it lives, and whether it is ready.

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::{StreamExt, stream};
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::metrics::{self, Metrics};

/// Connections at once; more wait until one ends.
const CONNECTIONS: usize = 32;

/// How long a connection may take, from its first byte to its last. Each serves one request, so that nobody holds one.
const LIMIT: Duration = Duration::from_secs(10);

/// How long it may take to say what it wants: those who say nothing hold up nobody for long, and no probe.
const HEAD_LIMIT: Duration = Duration::from_secs(1);

/// What a connection may keep in memory of what it is sent.
const LONGEST_HEAD: usize = 16 << 10;

/// A pause when the system gives no connection: for want of file descriptors, for example.
const PAUSE: Duration = Duration::from_secs(1);

/// A server that listens, and answers while it runs.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    metrics: Metrics,
    ready: watch::Receiver<bool>,
}

impl Server {
    /// Listens there; port 0 is any that is free. `ready` turns true when all that is watched is known.
    pub async fn bind(address: SocketAddr, metrics: Metrics, ready: watch::Receiver<bool>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { address: listener.local_addr()?, listener, metrics, ready })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers, for as long as this is polled.
    pub async fn run(self) {
        let connections = stream::repeat(&self).then(Self::accept);
        connections.for_each_concurrent(CONNECTIONS, |connection| self.serve(connection)).await;
    }

    async fn accept(&self) -> TcpStream {
        loop {
            match self.listener.accept().await {
                Ok((connection, _)) => return connection,
                Err(error) => warn!(%error, "a connection to the metrics could not be accepted"),
            }
            sleep(PAUSE).await;
        }
    }

    /// One request, and its answer. Who is too slow, or goes away, gets none.
    async fn serve(&self, connection: TcpStream) {
        let service = service_fn(|request| ready(Ok::<_, Infallible>(self.answer(&request))));
        let mut server = http1::Builder::new();
        server.keep_alive(false).max_buf_size(LONGEST_HEAD).timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
        drop(timeout(LIMIT, server.serve_connection(TokioIo::new(connection), service)).await);
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let page = match request.uri().path() {
            "/metrics" => Self::metrics,
            "/livez" => Self::livez,
            "/readyz" => Self::readyz,
            _ => return text(StatusCode::NOT_FOUND, "there are only /metrics, /livez and /readyz\n"),
        };
        if request.method() != Method::GET {
            let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n");
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            return refusal;
        }
        page(self)
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let mut page = text(StatusCode::OK, self.metrics.text());
        page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
        page
    }

    /// Whoever answers lives.
    #[expect(clippy::unused_self, reason = "a page like the others")]
    fn livez(&self) -> Response<Full<Bytes>> {
        text(StatusCode::OK, "ok\n")
    }

    /// Also of a replica that waits for its turn: it could take over at once.
    fn readyz(&self) -> Response<Full<Bytes>> {
        if *self.ready.borrow() {
            return text(StatusCode::OK, "ok\n");
        }
        text(
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: not all lists are there yet; the log says which cannot be read\n",
        )
    }
}

/// An answer in plain text.
fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
