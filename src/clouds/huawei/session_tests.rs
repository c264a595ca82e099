//! What a session sends for one call, and how it takes refusals.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::clouds::TransportError;
use crate::clouds::endpoint::AllowedEndpoints;
use crate::clouds::huawei::{Credentials, Endpoints};
use crate::clouds::script::{Script, answer, answer_with, purpose};
use crate::clouds::transport::EXCHANGE_TIMEOUT;

const CALLS: &str = "GET /v1.0/p/queues";
const FETCH: &str = concat!(
    r#"POST /v3/auth/tokens?nocatalog=1 {"auth":{"identity":{"methods":["password"],"password":"#,
    r#"{"user":{"domain":{"name":"acme"},"name":"robot","password":"correct horse"}}},"scope":{"project":{"id":"p"}}}}"#
);

pub(crate) fn key() -> Credentials {
    Credentials::AccessKey { id: "AKID".to_owned(), secret: SecretString::from("s3cr3t"), security_token: None }
}

pub(crate) fn password() -> Credentials {
    Credentials::Password {
        domain_name: "acme".to_owned(),
        user_name: "robot".to_owned(),
        password: SecretString::from("correct horse"),
    }
}

pub(crate) fn settings(credentials: Credentials) -> Settings {
    Settings {
        region: "cn-north-4".to_owned(),
        project_id: "p".to_owned(),
        endpoints: Endpoints::default(),
        credentials,
        requests_per_second: Some(100),
    }
}

pub(crate) fn clock() -> Clock {
    Clock::virtual_from("2025-01-02T03:04:05Z".parse().unwrap_or_default())
}

pub(crate) fn new(settings: Settings, script: &Arc<Script>, keyring: &Keyring) -> Session {
    Session::new(settings, keyring, script.clone(), clock()).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn session(script: &Arc<Script>, credentials: Credentials) -> Session {
    new(settings(credentials), script, &Keyring::default())
}

pub(crate) async fn get(session: &Session) -> Result<serde_json::Value, CloudError> {
    let send_by = Instant::now() + Duration::from_secs(20);
    let call = Call::get(Service::Dli, "list queues", "/v1.0/p/queues".to_owned(), send_by);
    session.call(&call, &purpose()).await.map(|answer| answer.json)
}

pub(crate) fn rejected(result: &Result<serde_json::Value, CloudError>) -> bool {
    matches!(result, Err(CloudError::CredentialsRejected { .. }))
}

pub(crate) fn token(value: &str) -> Result<Response<Bytes>, TransportError> {
    answer_with(201, "x-subject-token", value, json!({"token": {"expires_at": "2025-01-03T03:04:05.000000Z"}}))
}

#[tokio::test(start_paused = true)]
async fn an_access_key_signs_host_project_and_time_and_no_user_agent() {
    let script = Script::of([answer(200, json!({}))]);
    assert_eq!(get(&session(&script, key())).await, Ok(json!({})));
    assert_eq!(script.sent(), [CALLS]);
    assert_eq!(script.requests()[0].uri().host(), Some("dli.cn-north-4.myhuaweicloud.com"));
    assert_eq!(script.header("x-sdk-date"), [Some("20250102T030405Z".to_owned())]);
    assert_eq!(script.header("x-project-id"), [Some("p".to_owned())]);
    let authorization = script.header("authorization").remove(0).unwrap_or_default();
    let expected = "SDK-HMAC-SHA256 Access=AKID, SignedHeaders=host;x-project-id;x-sdk-date, Signature=";
    assert!(authorization.starts_with(expected), "{authorization}");
    assert!(!format!("{:?}", script.requests()).contains("Access="), "no log shows the signature");
}

#[tokio::test(start_paused = true)]
async fn a_write_signs_its_content_type_and_a_temporary_key_its_token() {
    let script = Script::of([answer(200, json!({}))]);
    let credentials = Credentials::AccessKey {
        id: "AKID".to_owned(),
        secret: SecretString::from("s3cr3t"),
        security_token: Some(SecretString::from("passing==")),
    };
    let call = Call::get(Service::Dli, "grant", "/x".to_owned(), Instant::now());
    let call = call.with_body(http::Method::PUT, &json!({"a": 1}));
    assert!(session(&script, credentials).call(&call, &purpose()).await.is_ok());
    assert_eq!(script.sent(), [r#"PUT /x {"a":1}"#]);
    assert_eq!(script.header("x-security-token"), [Some("passing==".to_owned())]);
    assert_eq!(script.header("content-type"), [Some("application/json".to_owned())]);
    let authorization = script.header("authorization").remove(0).unwrap_or_default();
    assert!(authorization.contains("SignedHeaders=content-type;host;x-project-id;x-sdk-date;x-security-token,"));
}

#[tokio::test(start_paused = true)]
async fn every_service_has_its_host_and_its_own_word_for_json() {
    for (service, host, content_type) in [
        (Service::Dli, "dli", "application/json"),
        (Service::Dws, "dws", "application/json;charset=utf-8"),
        (Service::DataArts, "dayu", "application/json"),
        (Service::Iam, "iam", "application/json"),
    ] {
        let script = Script::of([answer(200, json!({}))]);
        let call = Call::get(service, "write", "/x".to_owned(), Instant::now());
        let call = call.with_body(http::Method::POST, &json!({}));
        assert!(session(&script, key()).call(&call, &purpose()).await.is_ok());
        let expected = format!("{host}.cn-north-4.myhuaweicloud.com");
        assert_eq!(script.requests()[0].uri().host(), Some(expected.as_str()));
        assert_eq!(script.header("content-type"), [Some(content_type.to_owned())]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_with_a_port_is_called_and_signed_with_it() {
    let allowed = AllowedEndpoints::new(["http://127.0.0.1:9000"]).unwrap_or_default();
    let settings = Settings {
        endpoints: Endpoints { dli: allowed.check("http://127.0.0.1:9000").ok(), ..Endpoints::default() },
        ..settings(key())
    };
    let script = Script::of([answer(200, json!({}))]);
    let session = new(settings, &script, &Keyring::default());
    assert!(get(&session).await.is_ok());
    assert_eq!(script.requests()[0].uri().to_string(), "http://127.0.0.1:9000/v1.0/p/queues");
}

#[tokio::test(start_paused = true)]
async fn bad_credentials_are_sent_once_and_then_refused_from_memory() {
    let refusal = || answer(401, json!({"error_code": "APIG.0301", "error_msg": "key AKID is wrong"}));
    let script = Script::by(move |_| refusal());
    let session = session(&script, key());
    let results = futures::future::join_all((0..20).map(|_| get(&session))).await;
    assert!(results.iter().all(rejected));
    assert_eq!(script.sent().len(), 1, "twenty callers, one bad signature");
    let shown = results[19].as_ref().err().map(ToString::to_string).unwrap_or_default();
    assert!(shown.contains("key [redacted] is wrong (HTTP 401, APIG.0301)"), "{shown}");
    tokio::time::advance(Duration::from_secs(29)).await;
    assert!(rejected(&get(&session).await));
    assert_eq!(script.sent().len(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(rejected(&get(&session).await));
    assert_eq!(script.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_corrected_once_by_the_clouds() {
    let script = Script::by(|request| {
        let date = request.headers().get("x-sdk-date").and_then(|date| date.to_str().ok());
        if date == Some("20250102T033405Z") {
            answer(200, json!({}))
        } else {
            answer_with(401, "date", "Thu, 02 Jan 2025 03:34:05 GMT", json!({"error_code": "APIG.0303"}))
        }
    });
    let session = session(&script, key());
    assert!(get(&session).await.is_ok());
    assert_eq!(script.sent().len(), 2);
    assert!(get(&session).await.is_ok(), "it is remembered");
    assert_eq!(script.sent().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_bad_signature_is_not_repeated_when_the_clocks_agree_or_the_correction_is_refused_too() {
    for (date, calls) in [("Thu, 02 Jan 2025 03:08:05 GMT", 1), ("Thu, 02 Jan 2025 04:04:05 GMT", 2), ("never", 1)] {
        let script = Script::by(move |_| answer_with(401, "date", date, json!({"error_code": "APIG.0301"})));
        assert!(rejected(&get(&session(&script, key())).await));
        assert_eq!(script.sent().len(), calls, "{date}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_is_exchanged_once_for_a_token_that_serves_all() {
    let script = Script::by(|request| match request.method().as_str() {
        "POST" => token("tok1"),
        _ => answer(200, json!({})),
    });
    let session = session(&script, password());
    let results = futures::future::join_all((0..5).map(|_| get(&session))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(session.credential_expires_at(), "2025-01-03T03:04:05Z".parse().ok());
    let mut expected = vec![FETCH];
    expected.extend([CALLS; 5]);
    assert_eq!(script.sent(), expected);
    assert_eq!(script.requests()[0].uri().host(), Some("iam.cn-north-4.myhuaweicloud.com"));
    assert_eq!(script.header("x-auth-token")[..2], [None, Some("tok1".to_owned())]);
    assert_eq!(script.header("authorization")[1], None);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_fetched_anew_and_the_call_repeated_once() {
    let expired = || answer(401, json!({"error_code": "APIG.0307", "error_msg": "tok1 has expired"}));
    let script = Script::of([token("tok1"), expired(), token("tok2"), answer(200, json!({}))]);
    assert!(get(&session(&script, password())).await.is_ok());
    assert_eq!(script.sent(), [FETCH, CALLS, FETCH, CALLS]);
    assert_eq!(script.header("x-auth-token")[3], Some("tok2".to_owned()));

    let script = Script::of([token("tok1"), expired(), token("tok1"), expired(), token("tok3")]);
    let result = get(&session(&script, password())).await;
    assert!(rejected(&result));
    assert_eq!(script.sent(), [FETCH, CALLS, FETCH, CALLS]);
    assert!(!format!("{result:?}").contains("tok1"), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_tried_once_and_then_rests() {
    let script =
        Script::by(|_| answer(401, json!({"error": {"code": 401, "message": "The username or password is wrong."}})));
    let session = session(&script, password());
    let results = futures::future::join_all((0..5).map(|_| get(&session))).await;
    assert!(results.iter().all(rejected));
    assert_eq!(script.sent(), [FETCH]);
}

#[tokio::test(start_paused = true)]
async fn a_token_answer_without_a_token_is_unexpected() {
    let script = Script::of([answer(201, json!({"token": {}}))]);
    let result = get(&session(&script, password())).await;
    assert!(matches!(result, Err(CloudError::UnexpectedReply { .. })), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_account_sends_nothing_until_its_pause_is_over() {
    let script = Script::of([
        answer(200, json!({})),
        answer_with(429, "retry-after", "7", json!({"error_code": "APIG.0308"})),
        answer(200, json!({})),
    ]);
    let session = session(&script, key());
    assert!(get(&session).await.is_ok());
    for (waited, left) in [(0, 7), (3, 4)] {
        tokio::time::advance(Duration::from_secs(waited)).await;
        let Err(CloudError::Throttled { retry_after, .. }) = get(&session).await else { panic!("not throttled") };
        assert_eq!(retry_after, Some(Duration::from_secs(left)));
    }
    assert_eq!(script.sent().len(), 2);
    tokio::time::advance(Duration::from_secs(4)).await;
    assert!(get(&session).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_the_network_does_is_told_apart() {
    for (error, expected) in [
        (TransportError::Connect("refused".to_owned()), "the cloud cannot be reached"),
        (TransportError::Interrupted("reset".to_owned()), "the cloud is unavailable"),
        (TransportError::Timeout(Duration::from_secs(30)), "the cloud is unavailable"),
        (TransportError::TooLarge(8), "the cloud answered something unexpected"),
    ] {
        let script = Script::of([Err(error.clone())]);
        let result = get(&session(&script, key())).await;
        let said = result.as_ref().map_or_else(ToString::to_string, |_| "an answer".to_owned());
        assert!(said.starts_with(expected), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_hangs_is_given_up() {
    let script = Script::slow(Duration::from_hours(1), |_| answer(200, json!({})));
    let start = Instant::now();
    let result = get(&session(&script, key())).await;
    assert!(matches!(result, Err(CloudError::Unavailable { .. })), "{result:?}");
    assert_eq!(start.elapsed(), EXCHANGE_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_time_is_over_before_it_is_authenticated_is_not_sent() {
    let script = Script::slow(Duration::from_secs(25), |_| token("tok1"));
    let result = get(&session(&script, password())).await;
    assert!(matches!(result, Err(CloudError::TurnMissed { .. })), "{result:?}");
    assert_eq!(script.sent(), [FETCH]);
}

#[test]
fn settings_that_would_change_a_host_a_path_or_a_header_are_refused() {
    let refused = |settings: Settings| Session::new(settings, &Keyring::default(), Script::of([]), clock()).err();
    for region in ["", "evil.com/", "cn-north-4.evil", "CN-NORTH-4", "cn north-4", "cn", "-north-4"] {
        let settings = Settings { region: region.to_owned(), ..settings(key()) };
        assert!(matches!(refused(settings), Some(SettingsError::Region(_))), "{region}");
    }
    for project_id in ["", "a/b", "..", "a b", "é"] {
        let settings = Settings { project_id: project_id.to_owned(), ..settings(key()) };
        assert!(matches!(refused(settings), Some(SettingsError::ProjectId(_))), "{project_id}");
    }
    for (id, secret, token) in [("", "s", "t"), ("a,b", "s", "t"), ("a\n", "s", "t"), ("a", "", "t"), ("a", "s", "é")]
    {
        let credentials = Credentials::AccessKey {
            id: id.to_owned(),
            secret: SecretString::from(secret),
            security_token: Some(SecretString::from(token)),
        };
        assert!(matches!(refused(settings(credentials)), Some(SettingsError::Credential(_))), "{id:?}");
    }
    assert_eq!(refused(Settings { requests_per_second: Some(0), ..settings(key()) }), Some(SettingsError::Rate));
}

#[test]
fn a_session_shows_no_credential() {
    let shown = format!("{:?}", session(&Script::of([]), key()));
    assert_eq!(shown, r#"Session { region: "cn-north-4", project_id: "p", .. }"#);
}

#[tokio::test(start_paused = true)]
async fn a_write_waits_while_the_account_pauses_if_its_turn_then_still_comes_in_time() {
    for (pause, expected, calls) in [("7", true, 2), ("60", false, 1)] {
        let script = Script::of([
            answer_with(429, "retry-after", pause, json!({"error_code": "APIG.0308"})),
            answer(200, json!({})),
        ]);
        let call = Call::get(Service::Dli, "grant", "/x".to_owned(), Instant::now() + Duration::from_secs(20));
        let result = session(&script, key()).write(&call, &purpose()).await;
        assert_eq!((result.is_ok(), script.sent().len()), (expected, calls), "{pause}");
    }
}
