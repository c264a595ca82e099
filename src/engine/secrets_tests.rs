//! How Secrets are read, and what is used while they cannot be.

use std::convert::Infallible;
use std::io;

use futures::future::join_all;
use http::{Request, Response};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::client::Body;
use secrecy::ExposeSecret;
use serde_json::json;

use super::*;

/// Status and body.
type Answer = (u16, Vec<u8>);

/// An API server: what it says next, and what it was asked.
#[derive(Clone, Default)]
struct Server {
    /// Without one, it is silent.
    answer: Arc<Mutex<Option<Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn says(&self, status: u16, body: impl Into<Vec<u8>>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some((status, body.into()));
    }

    fn has(&self, secret: &Secret) {
        self.says(200, json!(secret).to_string());
    }

    fn fails_with(&self, code: u16, reason: &str) {
        let status = json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "words"});
        self.says(code, status.to_string());
    }

    fn is_silent(&self) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What it was asked since this was last called.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let asked = format!("{} {}", request.method(), request.uri());
            server.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
            let answer = server.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
            async move {
                let Some((status, body)) = answer else { return std::future::pending().await };
                // Many ask before the first one is answered.
                tokio::time::sleep(Duration::from_millis(10)).await;
                let mut response = Response::new(Body::from(body));
                *response.status_mut() = status.try_into().unwrap_or_default();
                Ok::<_, Infallible>(response)
            }
        });
        Client::new(service, "default")
    }

    fn secrets(&self) -> Secrets {
        let settings = Settings {
            namespaces: Vec::new(),
            own_namespace: String::new(),
            drift_interval: Duration::from_mins(10),
            in_flight_window: Duration::from_secs(90),
            stalled_after: Duration::from_mins(2),
            debounce: Duration::from_millis(50),
            secret_interval: INTERVAL,
            watch_timeout: Duration::from_mins(1),
            resync_interval: Duration::from_mins(15),
            call_timeout: TIMEOUT,
            pass_timeout: Duration::from_mins(10),
            retry_after_refusal: Duration::from_secs(5),
            concurrent_passes: 4,
            grace: Duration::from_secs(10),
            random: || 0.0,
        };
        Secrets::new(self.client(), &settings)
    }
}

const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(7);
const MOMENT: Duration = Duration::from_millis(1);

fn secret(version: &str, password: impl AsRef<[u8]>) -> Secret {
    let password = ByteString(password.as_ref().to_vec());
    Secret {
        metadata: ObjectMeta {
            uid: Some("uid".to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("password".to_owned(), password)])),
        ..Secret::default()
    }
}

fn key(name: &str) -> ObjectKey {
    ObjectKey { namespace: "data".to_owned(), name: name.to_owned() }
}

/// The version of a Secret as it is got, or why it is not.
async fn get(secrets: &Secrets) -> Result<String, Problem> {
    secrets.get(&key("login"), INTERVAL, "HpcUser alice").await.map(|secret| secret.version().to_string())
}

fn version(version: &str) -> String {
    format!("uid/{version}")
}

fn outcome(result: &Result<String, Problem>) -> Option<Outcome> {
    result.as_ref().err().map(|problem| problem.outcome)
}

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_a_time_read_a_secret_once_and_believe_it_for_an_interval() {
    let server = Server::default();
    let secrets = server.secrets();
    server.has(&secret("1", "one"));
    let all = join_all((0..20).map(|_| get(&secrets))).await;
    assert!(all.iter().all(|read| *read == Ok(version("1"))), "{all:?}");
    assert_eq!(server.asked(), ["GET /api/v1/namespaces/data/secrets/login"]);
    server.has(&secret("2", "two"));
    pass(INTERVAL.saturating_sub(MOMENT)).await;
    assert_eq!(get(&secrets).await, Ok(version("1")));
    assert_eq!(server.asked().len(), 0);
    pass(MOMENT).await;
    assert_eq!(get(&secrets).await, Ok(version("2")));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_wants_it_younger_reads_it_earlier_and_nobody_believes_it_longer_than_the_interval() {
    let server = Server::default();
    let secrets = server.secrets();
    server.has(&secret("1", "one"));
    for (wait, age, reads) in [(0, 20, 1), (10, 20, 0), (9, 20, 0), (1, 20, 1), (29, 900, 0), (1, 900, 1), (0, 0, 1)] {
        pass(Duration::from_secs(wait)).await;
        let read = secrets.get(&key("login"), Duration::from_secs(age), "HpcUser alice").await;
        assert!(read.is_ok());
        assert_eq!(server.asked().len(), reads, "{wait} s later, if it is to be younger than {age} s");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_last_read_is_used_for_five_minutes_while_the_api_server_does_not_say_what_it_is() {
    let silent = |server: &Server| server.is_silent();
    let failing = |server: &Server| server.fails_with(500, "InternalError");
    let throttling = |server: &Server| server.fails_with(429, "TooManyRequests");
    let garbled = |server: &Server| server.says(200, "<html>");
    let not_text = |server: &Server| server.says(200, [0xff, 0xfe]);
    for fails in [silent, failing, throttling, garbled, not_text] as [fn(&Server); 5] {
        let server = Server::default();
        let secrets = server.secrets();
        server.has(&secret("1", "one"));
        assert_eq!(get(&secrets).await, Ok(version("1")));
        let read = Instant::now();
        fails(&server);
        while read.elapsed() + TIMEOUT < LAST_GOOD {
            assert_eq!(get(&secrets).await, Ok(version("1")), "after {:?}", read.elapsed());
            pass(Duration::from_millis(900)).await;
        }
        assert!(server.asked().len() > 20, "meanwhile it is tried again and again");
        pass(LAST_GOOD.saturating_sub(read.elapsed())).await;
        assert_eq!(outcome(&get(&secrets).await), Some(Outcome::AccountNotReady));
        server.has(&secret("2", "two"));
        pass(FAILED).await;
        assert_eq!(get(&secrets).await, Ok(version("2")));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_or_forbidden_is_told_at_once_and_what_was_read_before_is_forgotten() {
    for (code, reason, told, words) in [
        (404, "NotFound", Outcome::SecretNotFound, "HpcUser alice needs Secret login in namespace data"),
        (403, "Forbidden", Outcome::AccountNotReady, "the operator may not read Secret login"),
    ] {
        let server = Server::default();
        let secrets = server.secrets();
        server.has(&secret("1", "one"));
        assert_eq!(get(&secrets).await, Ok(version("1")));
        server.fails_with(code, reason);
        pass(INTERVAL).await;
        let read = get(&secrets).await;
        assert_eq!(outcome(&read), Some(told));
        assert!(read.is_err_and(|problem| problem.message.starts_with(words)), "{reason}");
        server.fails_with(500, "InternalError");
        pass(FAILED).await;
        assert_eq!(outcome(&get(&secrets).await), Some(Outcome::AccountNotReady), "nothing is known of it any more");
    }
}

#[tokio::test(start_paused = true)]
async fn all_who_ask_share_one_failure_for_a_second() {
    let missing = |server: &Server| server.fails_with(404, "NotFound");
    let failing = |server: &Server| server.fails_with(503, "ServiceUnavailable");
    let silent = |server: &Server| server.is_silent();
    for fails in [missing, failing, silent] as [fn(&Server); 3] {
        let server = Server::default();
        let secrets = server.secrets();
        fails(&server);
        let began = Instant::now();
        let all = join_all((0..20).map(|_| get(&secrets))).await;
        assert!(all.iter().all(|read| read.is_err() && *read == all[0]), "{all:?}");
        assert!(began.elapsed() <= TIMEOUT + Duration::from_millis(10), "{:?}", began.elapsed());
        assert_eq!(server.asked().len(), 1);
        server.has(&secret("1", "one"));
        pass(FAILED.saturating_sub(MOMENT)).await;
        assert_eq!(get(&secrets).await, all[0]);
        assert_eq!(server.asked().len(), 0);
        pass(MOMENT).await;
        assert_eq!(get(&secrets).await, Ok(version("1")));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_doubted_is_read_again_at_once_and_not_used_any_more() {
    let server = Server::default();
    let secrets = server.secrets();
    server.has(&secret("1", "one"));
    assert_eq!(get(&secrets).await, Ok(version("1")));
    server.has(&secret("2", "two"));
    secrets.doubt(&key("other")).await;
    assert_eq!(get(&secrets).await, Ok(version("1")));
    secrets.doubt(&key("login")).await;
    assert_eq!(get(&secrets).await, Ok(version("2")));
    secrets.doubt(&key("login")).await;
    server.fails_with(500, "InternalError");
    assert_eq!(outcome(&get(&secrets).await), Some(Outcome::AccountNotReady));
    server.has(&secret("3", "three"));
    secrets.doubt(&key("login")).await;
    assert_eq!(get(&secrets).await, Ok(version("3")), "the failure is not shared any longer");
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_forgotten_when_nobody_has_asked_for_it_since_long() {
    let server = Server::default();
    let secrets = server.secrets();
    server.has(&secret("1", "one"));
    let known = || {
        let slots = secrets.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.of.keys().map(|key| key.name.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    assert!(secrets.get(&key("old"), INTERVAL, "").await.is_ok());
    pass(LAST_GOOD / 2).await;
    assert!(secrets.get(&key("young"), INTERVAL, "").await.is_ok());
    pass((LAST_GOOD / 2).saturating_sub(Duration::from_secs(1))).await;
    assert_eq!(get(&secrets).await, Ok(version("1")));
    assert_eq!(known().len(), 3, "all were asked for a short while ago");
    pass(INTERVAL).await;
    assert_eq!(get(&secrets).await, Ok(version("1")));
    assert_eq!(known().into_iter().collect::<Vec<_>>(), ["login", "young"]);
}

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_secret_shows_nothing_of_itself_in_messages_or_logs() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let _logging = tracing::subscriber::set_default(subscriber.with_writer(move || writer.clone()).finish());
    let whole = json!(secret("1", "hunter2")).to_string();
    let cut = whole[..whole.len() - 1].to_owned();
    let not_text = [whole.as_bytes(), &[0xff]].concat();
    let of_the_wrong_kind = br#"{"data": "hunter2"}"#.to_vec();
    let not_encoded = br#"{"data": {"password": "hunter2!"}}"#.to_vec();
    for body in [cut.into_bytes(), not_text, of_the_wrong_kind, not_encoded, b"hunter2".to_vec()] {
        let server = Server::default();
        server.says(200, body);
        let Err(problem) = get(&server.secrets()).await else { panic!("this is not a Secret") };
        assert_eq!(problem.outcome, Outcome::AccountNotReady);
        let logged = log.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for told in [problem.message, String::from_utf8_lossy(&logged).into_owned()] {
            assert!(!told.contains("hunter2") && !told.contains("aHVudGVyM"), "{told}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_page_shows_nothing_of_itself_in_messages() {
    let server = Server::default();
    server.says(502, "<html>hunter2</html>");
    let message = "Secret login could not be read: the API server answered HTTP 502; it will be tried again";
    assert!(get(&server.secrets()).await.is_err_and(|problem| problem.message == message));
}

#[test]
fn a_value_is_read_without_the_blanks_around_it_and_a_blank_one_is_missing() {
    let data = |value: &[u8]| SecretData {
        name: "login".to_owned(),
        version: "uid/1".into(),
        data: BTreeMap::from([("password".to_owned(), ByteString(value.to_vec()))]),
    };
    let missing = "Secret login has no key password, or a blank one";
    for (value, read) in [
        (b"one".as_slice(), Ok("one")),
        (b" \t one two \r\n", Ok("one two")),
        (b"", Err((Outcome::SecretNotFound, missing))),
        (b" \n", Err((Outcome::SecretNotFound, missing))),
        (b"one\xff", Err((Outcome::AccountNotReady, "key password of Secret login is not UTF-8 text"))),
    ] {
        let secret = data(value).required("password").map(|secret| secret.expose_secret().to_owned());
        let expected = read.map(str::to_owned).map_err(|(outcome, message)| Problem::new(outcome, message));
        assert_eq!(secret, expected, "{value:?}");
    }
    assert_eq!(data(b"one").text("user"), Ok(None));
}
