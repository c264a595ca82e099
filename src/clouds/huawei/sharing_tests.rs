//! What sessions of the same credential share, and what those of others do not.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures::future::join_all;
use secrecy::SecretString;
use serde_json::json;
use tokio::time::advance;

use super::tests::{clock, get, key, new, password, rejected, settings, token};
use super::*;
use crate::clouds::Observer;
use crate::clouds::huawei::Credentials;
use crate::clouds::script::{Script, answer, answer_with};

const SECOND: Duration = Duration::from_secs(1);

fn refusal() -> Result<Response<Bytes>, crate::clouds::TransportError> {
    answer(401, json!({"error_code": "APIG.0301", "error_msg": "verify aksk signature fail"}))
}

/// A key of the same id as [`key`].
fn another(secret: &str, token: Option<&str>) -> Credentials {
    let (id, security_token) = ("AKID".to_owned(), token.map(SecretString::from));
    Credentials::AccessKey { id, secret: SecretString::from(secret), security_token }
}

/// A cloud that refuses, as long as it is told to, after a second.
fn cloud(refuses: &Arc<AtomicBool>) -> Arc<Script> {
    let refuses = Arc::clone(refuses);
    Script::slow(SECOND, move |_| if refuses.load(Ordering::Relaxed) { refusal() } else { answer(200, json!({})) })
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_not_sent_by_another_session_and_one_probe_ends_the_pause_for_all() {
    let refuses = Arc::new(AtomicBool::new(true));
    let (script, keyring) = (cloud(&refuses), Keyring::default());
    let sessions = [(); 3].map(|()| new(settings(key()), &script, &keyring));
    for session in &sessions {
        assert!(rejected(&get(session).await));
    }
    assert_eq!(script.sent().len(), 1, "three accounts, one bad signature");

    refuses.store(false, Ordering::Relaxed);
    advance(30 * SECOND).await;
    let probe = async {
        tokio::time::sleep(SECOND / 2).await;
        script.sent().len()
    };
    let calls = sessions.iter().flat_map(|session| [get(session), get(session)]);
    let (results, sent) = tokio::join!(join_all(calls), probe);
    assert!(results.iter().all(Result::is_ok));
    assert_eq!((sent, script.sent().len()), (2, 7), "one is sent, then the others");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_for_somebody_elses_id_pauses_nobody_else() {
    let (script, keyring) = (Script::by(|_| refusal()), Keyring::default());
    let sessions = [key(), another("wrong", None), another("s3cr3t", Some("token"))]
        .map(|credentials| new(settings(credentials), &script, &keyring));
    for (number, session) in sessions.iter().enumerate() {
        assert!(rejected(&get(session).await));
        assert_eq!(script.sent().len(), number + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_made_anew_neither_ends_nor_shortens_the_pause() {
    let refuses = Arc::new(AtomicBool::new(true));
    let (script, keyring) = (cloud(&refuses), Keyring::default());
    let made_anew = || async { rejected(&get(&new(settings(key()), &script, &keyring)).await) };
    // Each pause is twice as long as the one before.
    for (number, pause) in (1..).zip([30, 60, 120, 240]) {
        assert!(made_anew().await);
        assert_eq!(script.sent().len(), number);
        advance((pause - 1) * SECOND).await;
        assert!(made_anew().await);
        assert_eq!(script.sent().len(), number, "within the pause of {pause} s");
        advance(SECOND).await;
    }
}

/// Keeps what is said of clocks.
struct Listener(Arc<Mutex<Vec<(Vendor, i64)>>>);

impl Observer for Listener {
    fn clock_is_off(&self, vendor: Vendor, seconds: i64) {
        self.0.lock().unwrap().push((vendor, seconds));
    }
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_corrected_once_for_all_sessions() {
    let script = Script::slow(SECOND, |request| {
        let date = request.headers().get("x-sdk-date").and_then(|date| date.to_str().ok());
        if date.is_some_and(|date| date.starts_with("20250102T0334")) {
            answer(200, json!({}))
        } else {
            answer_with(401, "date", "Thu, 02 Jan 2025 03:34:06 GMT", json!({"error_code": "APIG.0301"}))
        }
    });
    let told: Arc<Mutex<Vec<_>>> = Arc::default();
    let keyring = Keyring::new(Listener(Arc::clone(&told)));
    let session = |credentials| new(settings(credentials), &script, &keyring);
    let (one, two, three) = (session(key()), session(another("two", None)), session(another("three", None)));
    let results = tokio::join!(get(&one), get(&two));
    assert!(results.0.is_ok() && results.1.is_ok());
    assert_eq!(script.sent().len(), 4, "both had signed with our time");
    assert!(get(&three).await.is_ok());
    assert_eq!(script.sent().len(), 5, "and from then on nobody does");
    assert_eq!(*told.lock().unwrap(), [(Vendor::Huawei, 1800)]);
}

#[tokio::test(start_paused = true)]
async fn a_date_that_is_wildly_off_corrects_nothing() {
    for (date, calls) in [("Fri, 03 Jan 2025 03:04:05 GMT", 2), ("Fri, 03 Jan 2025 03:04:06 GMT", 1)] {
        let script = Script::by(move |_| answer_with(401, "date", date, json!({"error_code": "APIG.0301"})));
        assert!(rejected(&get(&new(settings(key()), &script, &Keyring::default())).await));
        assert_eq!(script.sent().len(), calls, "{date}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_throttled_call_pauses_all_sessions_of_the_key_and_no_others() {
    let script = Script::of([
        answer_with(429, "retry-after", "7", json!({"error_code": "APIG.0308"})),
        answer(200, json!({})),
        answer(200, json!({})),
    ]);
    let keyring = Keyring::default();
    let session = |credentials| new(settings(credentials), &script, &keyring);
    let paused = async |session: &Session| matches!(get(session).await, Err(CloudError::Throttled { .. }));
    let (one, two) = (session(key()), session(key()));
    assert!(paused(&one).await && paused(&two).await);
    drop((one, two));
    assert!(paused(&session(key())).await, "one that was made anew");
    assert!(get(&session(another("other", None))).await.is_ok());
    advance(7 * SECOND).await;
    assert!(get(&session(key())).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_lowest_pace_of_the_accounts_of_a_key_holds_for_all_of_them() {
    let (script, keyring) = (Script::by(|_| answer(200, json!({}))), Keyring::default());
    let session = |requests_per_second| {
        let settings = Settings { requests_per_second, ..settings(key()) };
        new(settings, &script, &keyring)
    };
    let (fast, slow) = (session(None), session(Some(1)));
    let spend = || async {
        let start = Instant::now();
        assert!(join_all((0..4).map(|_| get(&fast))).await.iter().all(Result::is_ok));
        start.elapsed()
    };
    assert_eq!(spend().await, 3 * SECOND);
    drop(slow);
    advance(SECOND).await;
    assert_eq!(spend().await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_token_serves_all_sessions_of_the_user_for_the_same_project() {
    let script = Script::by(|request| match request.method().as_str() {
        "POST" => token("tok1"),
        _ => answer(200, json!({})),
    });
    let keyring = Keyring::default();
    let session = |project: &str, credentials| {
        let settings = Settings { project_id: project.to_owned(), ..settings(credentials) };
        Session::new(settings, &keyring, script.clone(), clock()).unwrap()
    };
    let fetched = || script.requests().iter().filter(|request| request.method() == http::Method::POST).count();
    let sessions = [session("p", password()), session("p", password())];
    assert!(join_all(sessions.iter().map(get)).await.iter().all(Result::is_ok));
    assert_eq!(fetched(), 1);
    assert!(get(&session("q", password())).await.is_ok());
    assert_eq!(fetched(), 2, "for the other project");
    let wrong = Credentials::Password {
        domain_name: "acme".to_owned(),
        user_name: "robot".to_owned(),
        password: SecretString::from("incorrect"),
    };
    assert!(get(&session("p", wrong)).await.is_ok());
    assert_eq!(fetched(), 3, "for another password");
}
