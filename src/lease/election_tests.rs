//! Replicas that stand for election, in virtual time, before an API server that has moods.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::advance;
use tower::service_fn;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const DURATION: Duration = Duration::from_secs(12);
/// A look, and the attempts after it.
const MOMENT: Duration = Duration::from_secs(2);

/// How the API server is for one of its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    /// What is asked for is done so much later.
    Slow(Duration),
    /// Nothing is done, nor answered.
    Hangs,
    Fails,
    /// All is done, and nothing answered.
    LosesAnswers,
}

/// The API server, as far as it keeps one Lease.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<(Option<Lease>, u64)>>);

impl Server {
    fn client(&self, mood: &Arc<Mutex<Mood>>) -> Client {
        let (server, mood) = (self.clone(), Arc::clone(mood));
        let service = service_fn(move |request: Request<Body>| {
            let (server, mood) = (server.clone(), *mood.lock().unwrap());
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap();
                let sent = serde_json::from_slice(&body).ok();
                let work = async move {
                    match mood {
                        Mood::Hangs => pending().await,
                        Mood::Fails => return status(500, "InternalError"),
                        Mood::Slow(time) => sleep(time).await,
                        Mood::Well | Mood::LosesAnswers => {}
                    }
                    let answer = server.answer(&head.method, sent);
                    if mood == Mood::LosesAnswers { pending().await } else { answer }
                };
                // It goes on when nobody waits for it any more.
                Ok::<_, Infallible>(spawn(work).await.unwrap())
            }
        });
        Client::new(service, "default")
    }

    fn answer(&self, method: &Method, sent: Option<Lease>) -> Response<Body> {
        let (stored, version) = &mut *self.0.lock().unwrap();
        let matches = |stored: &Lease, sent: &Lease| stored.metadata.resource_version == sent.metadata.resource_version;
        match (stored.as_ref(), sent) {
            (Some(stored), None) => return answer(200, stored),
            (None, None) => return status(404, "NotFound"),
            (Some(_), Some(_)) if method == Method::POST => return status(409, "AlreadyExists"),
            (None, Some(_)) if method == Method::PUT => return status(404, "NotFound"),
            (Some(stored), Some(sent)) if !matches(stored, &sent) => return status(409, "Conflict"),
            (_, Some(mut sent)) => {
                *version += 1;
                sent.metadata.resource_version = Some(version.to_string());
                *stored = Some(sent);
            }
        }
        answer(200, stored)
    }

    fn lease(&self) -> Option<Lease> {
        self.0.lock().unwrap().0.clone()
    }
}

#[expect(clippy::disallowed_methods, reason = "the API server and the replicas run beside the test")]
fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}

fn answer(status: u16, body: &impl serde::Serialize) -> Response<Body> {
    let body = Body::from(serde_json::to_vec(body).unwrap());
    Response::builder().status(status).body(body).unwrap()
}

fn status(code: u16, reason: &str) -> Response<Body> {
    answer(code, &json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason}))
}

/// A process that stands for election.
struct Replica {
    mood: Arc<Mutex<Mood>>,
    leadership: Leadership,
    stop: Arc<signal::Sender<bool>>,
    task: JoinHandle<Option<Lost>>,
}

impl Replica {
    fn start(server: &Server, identity: &str) -> Self {
        let mood = Arc::new(Mutex::new(Mood::Well));
        let settings =
            Settings { namespace: "own".into(), name: "it".into(), identity: identity.into(), duration: DURATION };
        let (mut election, leadership) = Election::new(server.client(&mood), settings, Clock::system());
        let stop = Arc::new(signal::channel(false).0);
        let mut stopped = stop.subscribe();
        let task = async move {
            let lost = tokio::select! {
                biased;
                lost = async {
                    let began = election.campaign().await;
                    election.hold(began).await
                } => Some(lost),
                _ = stopped.wait_for(|stop| *stop) => None,
            };
            if lost.is_none() {
                election.release().await;
            }
            lost
        };
        Self { mood, leadership, stop, task: spawn(task) }
    }

    fn feel(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn leads(&self) -> bool {
        self.leadership.check().is_ok()
    }
}

/// How it ended, which it does soon.
async fn ended(task: JoinHandle<Option<Lost>>) -> Option<Lost> {
    timeout(2 * DURATION, task).await.unwrap().unwrap()
}

async fn pass(time: Duration) {
    // In steps, so that everybody gets to run.
    let step = Duration::from_millis(50);
    for _ in 0..time.as_millis() / step.as_millis() {
        sleep(step).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_dies_is_followed_when_the_lease_is_over_and_not_before() {
    let server = Server::default();
    let first = Replica::start(&server, "first");
    pass(SECOND).await;
    let second = Replica::start(&server, "second");
    pass(10 * DURATION).await;
    assert!(first.leads() && !second.leads());
    first.task.abort();
    pass(9 * SECOND).await;
    assert!(!second.leads());
    pass(MOMENT + SECOND + MOMENT).await;
    assert!(second.leads());
    assert_eq!(server.lease().unwrap().spec.unwrap().lease_transitions, Some(1));
}

#[tokio::test(start_paused = true)]
async fn who_stops_is_followed_at_once() {
    let server = Server::default();
    let first = Replica::start(&server, "first");
    pass(SECOND).await;
    let second = Replica::start(&server, "second");
    pass(DURATION).await;
    first.stop.send_replace(true);
    pass(MOMENT).await;
    assert!(second.leads() && !first.leads());
    assert_eq!(ended(first.task).await, None);
}

#[tokio::test(start_paused = true)]
async fn who_gets_no_answers_stops_before_another_can_lead() {
    for mood in [Mood::Hangs, Mood::Fails, Mood::LosesAnswers, Mood::Slow(DURATION)] {
        let server = Server::default();
        let first = Replica::start(&server, "first");
        pass(SECOND).await;
        let second = Replica::start(&server, "second");
        pass(DURATION).await;
        first.feel(mood);
        let cut = Instant::now();
        while first.leads() {
            assert!(!second.leads() && cut.elapsed() <= DURATION * 3 / 4, "{mood:?}");
            advance(Duration::from_millis(10)).await;
        }
        assert_eq!(ended(first.task).await, Some(Lost::Expired), "{mood:?}");
        pass(2 * DURATION).await;
        assert!(second.leads(), "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_now_and_then_costs_nobody_the_lease() {
    let server = Server::default();
    let first = Replica::start(&server, "first");
    pass(SECOND).await;
    for mood in [Mood::LosesAnswers, Mood::Fails, Mood::Hangs, Mood::Slow(SECOND)] {
        first.feel(mood);
        pass(3 * SECOND).await;
        first.feel(Mood::Well);
        pass(DURATION).await;
        assert!(first.leads(), "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_deleted_is_its_holders_still() {
    let server = Server::default();
    let first = Replica::start(&server, "first");
    pass(SECOND).await;
    let second = Replica::start(&server, "second");
    pass(DURATION).await;
    server.0.lock().unwrap().0 = None;
    pass(DURATION).await;
    assert!(first.leads() && !second.leads());
    // Also if nobody makes it anew.
    first.task.abort();
    server.0.lock().unwrap().0 = None;
    pass(2 * DURATION).await;
    assert!(second.leads());
}

#[tokio::test(start_paused = true)]
async fn who_finds_another_holder_is_lost() {
    let server = Server::default();
    let first = Replica::start(&server, "first");
    pass(SECOND).await;
    {
        let (lease, version) = &mut *server.0.lock().unwrap();
        let lease = lease.as_mut().unwrap();
        *version += 1;
        lease.metadata.resource_version = Some(version.to_string());
        lease.spec.as_mut().unwrap().holder_identity = Some("somebody".to_owned());
    }
    let Replica { leadership, task, .. } = first;
    assert_eq!(ended(task).await, Some(Lost::Taken("somebody".to_owned())));
    assert!(leadership.check().is_err());
}

/// Three replicas, started anew when they end, each with an API server in moods of its own: at no time do two of them lead, and
/// when all are well again one does. Fails when a term is longer than the Lease.
#[tokio::test(start_paused = true)]
async fn never_do_two_lead_whatever_the_api_server_does() {
    for seed in 0..25_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut below = move |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        let server = Server::default();
        let start = |number: usize, life: usize| Replica::start(&server, &format!("{number}-{life}"));
        let mut replicas: Vec<_> = (0..3).map(|number| start(number, 0)).collect();
        for life in 1..150 {
            let at = usize::try_from(below(3)).unwrap();
            let milliseconds = below(15_000);
            match below(7) {
                0 => replicas[at].task.abort(),
                1 => drop(replicas[at].stop.send_replace(true)),
                2 | 3 => replicas[at].feel(Mood::Well),
                4 => replicas[at].feel(Mood::Slow(Duration::from_millis(milliseconds))),
                5 => replicas[at].feel([Mood::Hangs, Mood::Fails][at % 2]),
                _ => replicas[at].feel(Mood::LosesAnswers),
            }
            let until = Instant::now() + Duration::from_millis(below(6_000));
            while Instant::now() < until {
                let leaders = replicas.iter().filter(|replica| replica.leads() && !replica.task.is_finished()).count();
                assert!(leaders <= 1, "seed {seed}: {leaders} lead");
                sleep(Duration::from_millis(25)).await;
            }
            for (number, replica) in replicas.iter_mut().enumerate() {
                if replica.task.is_finished() {
                    *replica = start(number, life);
                }
            }
        }
        for replica in &replicas {
            replica.feel(Mood::Well);
        }
        pass(3 * DURATION).await;
        assert_eq!(replicas.iter().filter(|replica| replica.leads()).count(), 1, "seed {seed}");
        for replica in replicas {
            replica.task.abort();
        }
    }
}
