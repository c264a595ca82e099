//! The client for the API server: it does not retry by itself, waits for no answer for ever, opens no watch over and over, and
//! writes only while this process leads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::USER_AGENT;
use http::{HeaderValue, Method, Request};
use kube::client::Body;
use kube::{Client, Config};
use tokio::time::{Instant, sleep_until};
use tower::{BoxError, service_fn};

use crate::lease::{Leadership, NotLeading};

/// A watch of the same objects is opened no more often than this: an API server, or a gateway before it, that ends every watch
/// at once would be asked thousands of times a second.
const WATCH_PAUSE: Duration = Duration::from_secs(1);

/// So much longer than a watch lasts may the API server say nothing, before the connection counts as broken.
const SILENCE: Duration = Duration::from_secs(10);

/// Who is asking, in audit logs; and up to the slash the field manager of what is written, which would be `unknown` otherwise.
const NAME: &str = concat!("cloud-access-operator/", env!("CARGO_PKG_VERSION"));

/// A client whose watches last so long. With a pool of connections of its own.
pub fn connect(config: &Config, watch_timeout: Duration, leadership: &Leadership) -> Result<Client, kube::Error> {
    let client = bare(config, watch_timeout + SILENCE)?;
    let namespace = client.default_namespace().to_owned();
    let gate = Arc::new(Gate { leadership: leadership.clone(), watches: Mutex::default() });
    let gated = service_fn(move |request: Request<Body>| {
        let (gate, client) = (Arc::clone(&gate), client.clone());
        async move {
            let ticket = gate.ticket(&request);
            gate.pass(ticket).await?;
            Ok::<_, BoxError>(client.send(request).await?)
        }
    });
    Ok(Client::new(gated, namespace))
}

/// A client that may always write, and waits no longer than this: for the Lease.
pub fn bare(config: &Config, silence: Duration) -> Result<Client, kube::Error> {
    let mut config = config.clone();
    // The engine has its own retries; the client's would hold up a pass for minutes.
    config.default_retry = false;
    config.read_timeout = Some(silence);
    // Otherwise the time runs while a connection is idle, and a request on it would be cut off.
    config.reset_reader_on_write = true;
    config.headers.push((USER_AGENT, HeaderValue::from_static(NAME)));
    Client::try_from(config)
}

/// What the gate has to know of a request.
struct Ticket {
    writes: bool,
    /// If it opens a watch: when it may be sent.
    turn: Option<Instant>,
}

/// What every request passes.
struct Gate {
    leadership: Leadership,
    /// When the next watch of each path may be opened.
    watches: Mutex<HashMap<String, Instant>>,
}

impl Gate {
    fn ticket<B>(&self, request: &Request<B>) -> Ticket {
        let query = request.uri().query().unwrap_or_default();
        let is_watch = query.split('&').any(|parameter| parameter == "watch=true");
        let turn = is_watch.then(|| self.turn(request.uri().path()));
        Ticket { writes: request.method() != Method::GET, turn }
    }

    async fn pass(&self, ticket: Ticket) -> Result<(), NotLeading> {
        if let Some(turn) = ticket.turn {
            sleep_until(turn).await;
        }
        if ticket.writes { self.leadership.check() } else { Ok(()) }
    }

    /// When this watch may be opened.
    fn turn(&self, path: &str) -> Instant {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let turn = watches.get(path).copied().map_or(now, |next| next.max(now));
        watches.insert(path.to_owned(), turn + WATCH_PAUSE);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(leadership: Leadership) -> Gate {
        Gate { leadership, watches: Mutex::default() }
    }

    async fn asked(gate: &Gate, method: Method, uri: &str) -> Result<Duration, NotLeading> {
        let (request, start) = (Request::builder().method(method).uri(uri), Instant::now());
        gate.pass(gate.ticket(&request.body(()).unwrap())).await.map(|()| start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_lead_may_read_and_not_write() {
        let gate = gate(Leadership::of_another());
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(asked(&gate, method, "/apis/a/one").await, Err(NotLeading));
        }
        assert_eq!(asked(&gate, Method::GET, "/apis/a?watch=true").await, Ok(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_is_opened_once_a_second_and_nothing_else_waits() {
        let gate = gate(Leadership::without_rivals());
        let (watch, other) = ("/apis/a?watch=true&resourceVersion=1", "/apis/b?limit=100&watch=true");
        assert_eq!(asked(&gate, Method::GET, watch).await, Ok(Duration::ZERO));
        assert_eq!(asked(&gate, Method::GET, other).await, Ok(Duration::ZERO));
        for _ in 0..3 {
            assert_eq!(asked(&gate, Method::GET, watch).await, Ok(WATCH_PAUSE));
            assert_eq!(asked(&gate, Method::GET, "/apis/a?limit=100").await, Ok(Duration::ZERO));
            assert_eq!(asked(&gate, Method::PATCH, "/apis/a/one").await, Ok(Duration::ZERO));
        }
        tokio::time::advance(Duration::from_mins(5)).await;
        assert_eq!(asked(&gate, Method::GET, watch).await, Ok(Duration::ZERO));
    }
}
