//! Between an operator and all that it talks to: every exchange with the API server or a cloud passes here, is numbered, and
//! may be harmed.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::lines::{self, Released};
use crate::launch::Process;

/// Whom the operator talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    ApiServer,
    Cloud,
}

/// One request of the operator.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// From 0, in the order in which they begin; watches and what is about the Lease have none.
    pub number: Option<usize>,
    pub peer: Peer,
    pub method: Method,
    pub path: String,
    pub is_watch: bool,
    pub at: Instant,
    /// Calls to clouds that have begun and not ended yet.
    pub calls_under_way: usize,
    /// What is sent, if it is JSON.
    pub body: Value,
}

impl Exchange {
    /// It changes something, and not just the Lease.
    pub fn writes(&self) -> bool {
        self.peer == Peer::ApiServer && self.method != Method::GET && !self.path.contains("/leases")
    }
}

/// When in an exchange something happens to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before the request is forwarded.
    Before,
    /// When the request is carried out, before the answer arrives.
    Between,
    /// When the operator has the answer.
    After,
}

/// What may happen to the operator itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// It dies, and is started anew; a request that it has not sent by then is not forwarded.
    Crash,
    /// It is told to stop, and is started anew when it has.
    Stop,
    /// It stands still for so many seconds. The exchange goes on meanwhile.
    Freeze(u64),
}

/// What may happen to an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Something happens to the operator there.
    Strike(Place, Blow),
    /// Not forwarded, and answered with this status.
    Answer(u16),
    /// Not forwarded; the connection breaks.
    ResetBefore,
    /// Carried out; the connection breaks before the answer.
    ResetAfter,
    /// Carried out; the answer ends in its middle.
    Truncate,
    /// Carried out, and never answered.
    Hang,
    /// Forwarded so many milliseconds later.
    Delay(u64),
    /// Carried out; the list that is answered has lost all that was in it.
    Empty,
    /// Carried out; the answer is kept.
    Keep,
    /// Carried out; answered what was kept last.
    Recall,
    /// A watch is told that its version is too old, by an event.
    Expire,
    /// A watch ends as soon as it is opened.
    End,
    /// A watch is told nothing.
    Stall,
    /// A watch is told nothing until [`Rig::release`], and then all of it.
    Hold,
    /// A watch is not told of one event: that of this number, from 0.
    Lose(usize),
    /// Of objects that a watch is told of, or that are answered, nobody can read the specs.
    Garble,
}

impl Harm {
    /// It is done before the request is forwarded.
    fn comes_before(self) -> bool {
        use Harm::{Answer, Delay, ResetBefore, Strike};
        matches!(self, Strike(Place::Before, _) | ResetBefore | Answer(_) | Delay(_))
    }
}

/// Harm to some exchanges, as they come.
type Rule = Box<dyn FnMut(&Exchange) -> Option<Harm> + Send>;

/// Looks at each exchange before it is forwarded.
type Watcher = Box<dyn Fn(&Exchange) + Send>;

/// Clones are handles to the same one.
#[derive(Clone, Default)]
pub struct Rig(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    exchanges: Vec<Exchange>,
    numbered: usize,
    rules: Vec<Rule>,
    watchers: Vec<Watcher>,
    /// When harm was done.
    harmed: Vec<(Instant, Harm, String)>,
    process: Process,
    calls_under_way: usize,
    released: Released,
    kept: Bytes,
}

impl Rig {
    /// Whom it kills.
    pub fn aim_at(&self, process: &Process) {
        self.0.lock().unwrap().process = process.clone();
    }

    /// From now on harms what the rule says, once others have passed.
    pub fn harm(&self, rule: impl FnMut(&Exchange) -> Option<Harm> + Send + 'static) {
        self.0.lock().unwrap().rules.push(Box::new(rule));
    }

    /// Harms the exchange of this number.
    pub fn harm_at(&self, number: usize, harm: Harm) {
        self.harm(move |exchange| (exchange.number == Some(number)).then_some(harm));
    }

    /// No more harm.
    pub fn spare(&self) {
        self.0.lock().unwrap().rules.clear();
    }

    /// Watches that were held are told what they missed, and go on.
    pub fn release(&self) {
        self.0.lock().unwrap().released.now();
    }

    /// Shows each exchange before it is forwarded.
    pub fn show(&self, watcher: impl Fn(&Exchange) + Send + 'static) {
        self.0.lock().unwrap().watchers.push(Box::new(watcher));
    }

    /// How many exchanges had a number.
    pub fn numbered(&self) -> usize {
        self.0.lock().unwrap().numbered
    }

    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0.lock().unwrap().exchanges.clone()
    }

    /// What harm was done, when, and to what.
    pub fn harmed(&self) -> Vec<(Instant, Harm, String)> {
        self.0.lock().unwrap().harmed.clone()
    }

    /// Whether something was opened as a watch more often in a second than an operator should, by path.
    pub fn hasty_watches(&self, starts: usize) -> BTreeMap<String, usize> {
        let mut opened: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
        for exchange in self.exchanges().into_iter().filter(|exchange| exchange.is_watch) {
            opened.entry(exchange.path).or_default().push(exchange.at);
        }
        let hasty = |times: &Vec<Instant>| {
            times.windows(2).filter(|pair| pair[1] - pair[0] < Duration::from_millis(500)).count()
        };
        opened.into_iter().map(|(path, times)| (path, hasty(&times))).filter(|(_, count)| *count > starts).collect()
    }

    /// What passes the rig on its way to this peer.
    pub fn around(&self, peer: Peer, router: Router) -> Router {
        let rig = self.clone();
        router.layer(from_fn(move |request: Request, next: Next| {
            let rig = rig.clone();
            async move { Ok::<_, Infallible>(rig.pass(peer, request, next).await) }
        }))
    }

    async fn pass(&self, peer: Peer, request: Request, next: Next) -> Response {
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, 16 << 20).await else { return broken() };
        let query = head.uri.query().unwrap_or_default();
        let (exchange, harm) = self.begin(Exchange {
            number: None,
            peer,
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            is_watch: peer == Peer::ApiServer && query.contains("watch=true"),
            at: Instant::now(),
            calls_under_way: 0,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        });
        let _under_way = UnderWay { rig: self, peer };
        if let Some(harm) = harm.filter(|harm| harm.comes_before()) {
            self.note(harm, &exchange);
        }
        match harm {
            Some(Harm::Strike(Place::Before, blow)) => {
                self.strike(blow);
                if blow == Blow::Crash {
                    return broken();
                }
            }
            Some(Harm::ResetBefore) => return broken(),
            Some(Harm::Answer(status)) => return refusal(peer, status),
            Some(Harm::Delay(milliseconds)) => sleep(Duration::from_millis(milliseconds)).await,
            Some(_) | None => {}
        }
        let request = Request::from_parts(head, Body::from(body));
        // It is carried out also if the operator dies meanwhile.
        let Ok(response) = tokio::spawn(async move { next.run(request).await }).await else { return broken() };
        let Some(harm) = harm.filter(|harm| !harm.comes_before()) else { return response };
        self.note(harm, &exchange);
        if exchange.is_watch {
            let released = self.0.lock().unwrap().released.clone();
            return lines::harmed(response, harm, released);
        }
        self.harm_answer(harm, response).await
    }

    /// What becomes of the answer to a request that has been carried out.
    async fn harm_answer(&self, harm: Harm, response: Response) -> Response {
        let (head, body) = response.into_parts();
        let Ok(body) = to_bytes(body, 64 << 20).await else { return broken() };
        match harm {
            Harm::Strike(Place::Between, blow) => {
                self.strike(blow);
                if blow == Blow::Crash { broken() } else { Response::from_parts(head, Body::from(body)) }
            }
            Harm::ResetAfter => broken(),
            Harm::Truncate => Response::from_parts(head, half(&body)),
            Harm::Empty => lines::emptied(head, &body),
            Harm::Garble => lines::garbled_answer(head, &body),
            Harm::Keep => {
                self.0.lock().unwrap().kept = body.clone();
                Response::from_parts(head, Body::from(body))
            }
            Harm::Recall => lines::replaced(head, self.0.lock().unwrap().kept.clone()),
            Harm::Hang => std::future::pending().await,
            Harm::Strike(_, blow) => {
                let rig = self.clone();
                tokio::spawn(async move {
                    // So that the answer gets there.
                    sleep(Duration::from_millis(2)).await;
                    rig.strike(blow);
                });
                Response::from_parts(head, Body::from(body))
            }
            Harm::ResetBefore | Harm::Answer(_) | Harm::Delay(_) => unreachable!("done before"),
            Harm::Expire | Harm::End | Harm::Stall | Harm::Hold | Harm::Lose(_) => unreachable!("for watches"),
        }
    }

    fn begin(&self, mut exchange: Exchange) -> (Exchange, Option<Harm>) {
        let mut state = self.0.lock().unwrap();
        // Lists of what others have, too, differ from run to run.
        if !exchange.is_watch && !exchange.path.contains("/leases") && exchange.path != "/api/v1/namespaces" {
            exchange.number = Some(state.numbered);
            state.numbered += 1;
        }
        state.calls_under_way += usize::from(exchange.peer == Peer::Cloud);
        exchange.calls_under_way = state.calls_under_way;
        for watcher in &state.watchers {
            watcher(&exchange);
        }
        let harm = state.rules.iter_mut().find_map(|rule| rule(&exchange));
        state.exchanges.push(exchange.clone());
        (exchange, harm)
    }

    fn note(&self, harm: Harm, exchange: &Exchange) {
        let what = format!("{} {}", exchange.method, exchange.path);
        self.0.lock().unwrap().harmed.push((Instant::now(), harm, what));
    }

    fn strike(&self, blow: Blow) {
        let process = self.0.lock().unwrap().process.clone();
        // It may have ended already, whatever it is told.
        match blow {
            Blow::Crash => process.crash(),
            Blow::Stop => drop(process.signal("TERM")),
            Blow::Freeze(seconds) => {
                drop(process.signal("STOP"));
                tokio::spawn(async move {
                    sleep(Duration::from_secs(seconds)).await;
                    drop(process.signal("CONT"));
                });
            }
        }
    }
}

/// A call to a cloud, until it is answered or the caller has gone.
struct UnderWay<'a> {
    rig: &'a Rig,
    peer: Peer,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.rig.0.lock().unwrap().calls_under_way -= usize::from(self.peer == Peer::Cloud);
    }
}

/// No answer: the connection ends.
fn broken() -> Response {
    Response::new(Body::from_stream(stream::once(async { Err::<Bytes, _>(io::Error::other("broken off")) })))
}

/// The first half of an answer, after which the connection ends.
fn half(body: &Bytes) -> Body {
    let half = body.slice(..body.len() / 2);
    let end = stream::once(async {
        // So that the half is sent before.
        sleep(Duration::from_millis(5)).await;
        Err(io::Error::other("broken off"))
    });
    Body::from_stream(stream::once(async move { Ok(half) }).chain(end))
}

/// As the peer says no.
fn refusal(peer: Peer, status: u16) -> Response {
    let reason = match status {
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    let body = match peer {
        Peer::ApiServer => json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": status, "reason": reason,
            "message": "harm",
        }),
        Peer::Cloud => json!({"error_code": "Harm.0001", "error_msg": "harm"}),
    };
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}
