//! What is sent to exchange the pod identity, and how its keys are used, renewed and refused.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::*;
use crate::clouds::Keyring;
use crate::clouds::endpoint::AllowedEndpoints;
use crate::clouds::huawei::session::tests::{get, new, rejected, settings};
use crate::clouds::huawei::{Credentials, Session};
use crate::clouds::script::{Scratch, Script, answer, answer_with, kind};

const AGENT: &str = "http://169.254.170.23/v1/credentials";
const MINUTE: Duration = Duration::from_mins(1);

fn identity(file: &Scratch) -> PodIdentity {
    PodIdentity::from_environment(&Environment::of([(URI, AGENT), (TOKEN_FILE, file.path())])).unwrap()
}

fn session(script: &Arc<Script>, keyring: &Keyring, file: &Scratch) -> Session {
    new(settings(Credentials::PodIdentity(identity(file))), script, keyring)
}

/// The n-th key, which lives for an hour by the clock of the tests.
fn key(n: usize) -> Value {
    json!({"credentials": {
        "accessKeyId": format!("HST{n}"),
        "secretAccessKey": format!("secret{n}"),
        "securityToken": format!("security-token-{n}"),
        "expiration": "2025-01-02T04:04:05.574000Z",
    }})
}

/// Issues keys and takes all calls but those with a key that is refused.
fn cloud(refuses: fn(&str) -> bool) -> Arc<Script> {
    let issued = AtomicUsize::new(0);
    Script::slow(Duration::from_secs(1), move |request| {
        let token = request.headers().get("x-security-token").map(|token| token.to_str().unwrap_or_default());
        match token {
            None => answer(200, key(issued.fetch_add(1, Ordering::Relaxed) + 1)),
            Some(token) if refuses(token) => {
                answer(401, json!({"error_code": "APIGW.0301", "error_msg": "HST1 secret1 security-token-1 is over"}))
            }
            Some(_) => answer(200, json!({})),
        }
    })
}

/// The key that each request was signed with; none for an exchange.
fn signed_with(script: &Script) -> Vec<Option<String>> {
    script.header("x-security-token")
}

#[expect(clippy::unnecessary_wraps, reason = "a header that is there")]
fn token(n: usize) -> Option<String> {
    Some(format!("security-token-{n}"))
}

#[tokio::test(start_paused = true)]
async fn a_pods_token_is_exchanged_for_a_key_that_signs_with_all_of_its_parts() {
    let (script, file) = (cloud(|_| false), Scratch::new("pod.token\n"));
    let session = session(&script, &Keyring::default(), &file);
    assert_eq!(session.credential_expires_at(), None);
    assert!(get(&session).await.is_ok());
    assert_eq!(session.credential_expires_at(), "2025-01-02T04:04:05.574Z".parse().ok());
    let requests = script.requests();
    assert_eq!((requests[0].method(), requests[0].uri().to_string().as_str()), (&Method::POST, AGENT));
    assert_eq!(
        (requests[0].headers()["authorization"].to_str().ok(), &requests[0].body()[..]),
        (Some("pod.token"), &b"{}"[..])
    );
    assert!(!format!("{requests:?}").contains("pod.token"), "no log shows the token");
    let authorization = requests[1].headers()["authorization"].to_str().unwrap_or_default();
    assert!(authorization.starts_with("SDK-HMAC-SHA256 Access=HST1, SignedHeaders=host;"), "{authorization}");
    assert!(authorization.contains("x-security-token"), "{authorization}");
    assert_eq!(signed_with(&script), [None, token(1)]);
}

#[tokio::test(start_paused = true)]
async fn one_exchange_serves_all_sessions_and_calls_and_is_repeated_at_half_of_its_life() {
    let (script, keyring, file) = (cloud(|_| false), Keyring::default(), Scratch::new("one"));
    let sessions = [(); 3].map(|()| session(&script, &keyring, &file));
    let calls = || sessions.iter().flat_map(|session| (0..5).map(|_| get(session)));
    assert!(join_all(calls()).await.iter().all(Result::is_ok));
    assert_eq!(signed_with(&script).iter().filter(|token| token.is_none()).count(), 1);
    file.write("two");
    tokio::time::advance(29 * MINUTE).await;
    assert!(join_all(calls()).await.iter().all(Result::is_ok));
    assert_eq!(signed_with(&script)[1..], vec![token(1); 30]);
    tokio::time::advance(MINUTE).await;
    assert!(join_all(calls()).await.iter().all(Result::is_ok));
    let signed = signed_with(&script);
    assert_eq!((signed[31].clone(), &signed[32..]), (None, &vec![token(2); 15][..]));
    let sent = script.header("authorization");
    assert_eq!([&sent[0], &sent[31]], [&Some("one".to_owned()), &Some("two".to_owned())], "the file was read anew");
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_exchanged_anew_once() {
    let (once, file) = (cloud(|token| token == "security-token-1"), Scratch::new("token"));
    assert!(get(&session(&once, &Keyring::default(), &file)).await.is_ok());
    assert_eq!(signed_with(&once), [None, token(1), None, token(2)]);

    let always = cloud(|_| true);
    let session = session(&always, &Keyring::default(), &file);
    let result = get(&session).await;
    assert!(rejected(&result) && rejected(&get(&session).await));
    assert_eq!(signed_with(&always), [None, token(1), None, token(2)], "and then they rest");
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_signature_was_refused_for_its_time_is_kept() {
    let script = Script::by(|request| match request.headers().get("x-sdk-date") {
        None => answer(200, key(1)),
        Some(date) if date == "20250102T033405Z" => answer(200, json!({})),
        Some(_) => answer_with(401, "date", "Thu, 02 Jan 2025 03:34:05 GMT", json!({"error_code": "APIG.0301"})),
    });
    let file = Scratch::new("token");
    assert!(get(&session(&script, &Keyring::default(), &file)).await.is_ok());
    assert_eq!(signed_with(&script), [None, token(1), token(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_exchange_rests_and_shows_no_secret() {
    for (status, body) in [
        (401, json!({"error_code": "X.1", "error_msg": "header.payload-of-a-token.signature-of-a-token no"})),
        (403, json!({"error_msg": "no", "error_code": "X.1"})),
        (400, json!({"message": "payload-of-a-token", "code": "X.1"})),
        (404, json!({"code": "X.1", "message": "no association"})),
    ] {
        let script = Script::by(move |_| answer(status, &body));
        let file = Scratch::new("header.payload-of-a-token.signature-of-a-token");
        let session = session(&script, &Keyring::default(), &file);
        let results = join_all((0..5).map(|_| get(&session))).await;
        assert!(results.iter().all(rejected), "{results:?}");
        assert_eq!(script.sent().len(), 1, "{status}");
        assert!(!format!("{results:?}").contains("of-a-token"), "{results:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_exchange_pauses_all_calls() {
    let script = Script::of([answer_with(429, "retry-after", "7", "{}"), answer(200, key(1)), answer(200, "{}")]);
    let (keyring, file) = (Keyring::default(), Scratch::new("token"));
    let sessions = [(); 2].map(|()| session(&script, &keyring, &file));
    for session in &sessions {
        assert_eq!(kind(&get(session).await), "throttled");
    }
    assert_eq!(script.sent().len(), 1);
    tokio::time::advance(Duration::from_secs(7)).await;
    assert!(get(&sessions[1]).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn no_part_of_an_exchanged_key_shows_when_the_cloud_repeats_it() {
    let script = Script::by(|request| match request.method() {
        &Method::POST => answer(200, key(1)),
        _ => answer(500, json!({"error_code": "X.1", "error_msg": "HST1 secret1 security-token-1"})),
    });
    let result = get(&session(&script, &Keyring::default(), &Scratch::new("token"))).await;
    let shown = result.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(shown.contains("[redacted] [redacted] [redacted] (HTTP 500, X.1)"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_missing_file_is_told_and_tried_again_at_once() {
    let (script, file) = (cloud(|_| false), Scratch::new("token"));
    file.remove();
    let session = session(&script, &Keyring::default(), &file);
    let told = get(&session).await.err().map(|error| error.to_string()).unwrap_or_default();
    let expected =
        format!("exchange the pod identity: not sent: the file {}, which {TOKEN_FILE} names, cannot be", file.path());
    assert!(told.contains(&expected), "{told}");
    assert_eq!(script.sent().len(), 0);
    file.write("token");
    assert!(get(&session).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_whole_key_is_unexpected() {
    for body in [
        json!({}),
        json!({"credentials": null}),
        json!({"credentials": {"accessKeyId": "a", "secretAccessKey": "s"}}),
        json!({"credentials": {"accessKeyId": "a", "secretAccessKey": "", "securityToken": "t"}}),
        json!({"credentials": {"accessKeyId": "a, b", "secretAccessKey": "s", "securityToken": "t"}}),
        json!({"credentials": {"accessKeyId": "a", "secretAccessKey": "s", "securityToken": "t\n"}}),
    ] {
        let script = Script::by(move |_| answer(200, &body));
        let result = get(&session(&script, &Keyring::default(), &Scratch::new("token"))).await;
        assert_eq!(kind(&result), "unexpected reply");
    }
}

#[test]
fn no_account_can_name_the_agent_as_its_endpoint() {
    for uri in [AGENT, "http://169.254.170.23", "http://127.0.0.1:9000", "http://localhost:9000"] {
        let given = Environment::of([(URI, uri), (TOKEN_FILE, "/f")]);
        assert!(PodIdentity::from_environment(&given).is_ok(), "{uri}");
        assert!(AllowedEndpoints::default().check(uri).is_err(), "{uri}");
    }
}

#[test]
fn the_environment_says_all_or_what_is_missing() {
    let of = |variables: &[(&'static str, &'static str)]| {
        let identity = PodIdentity::from_environment(&Environment::of(variables.iter().copied()));
        identity.err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(of(&[]), format!("the operator's environment has no {URI}"));
    assert_eq!(of(&[(URI, AGENT), (TOKEN_FILE, "")]), format!("the operator's environment has no {TOKEN_FILE}"));
    assert!(of(&[(URI, "http://10.0.0.1/"), (TOKEN_FILE, "/f")]).starts_with(URI));
    assert_eq!(of(&[(URI, AGENT), (TOKEN_FILE, "/f")]), "");
}
