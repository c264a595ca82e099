//! What a session sends for one call, and how it takes refusals.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::clouds::endpoint::AllowedEndpoints;
use crate::clouds::script::{Script, answer, answer_with, purpose};

const DATE: &str = "2025-01-02T03:04:05Z";

fn key() -> Credentials {
    Credentials::AccessKey { id: "AKID".to_owned(), secret: SecretString::from("s3cr3t"), security_token: None }
}

pub(crate) fn settings(credentials: Credentials) -> Settings {
    Settings {
        region: "cn-hangzhou".to_owned(),
        endpoint: None,
        generation: Generation::V2018,
        credentials,
        requests_per_second: Some(100),
    }
}

pub(crate) fn clock() -> Clock {
    Clock::virtual_from(DATE.parse().unwrap_or_default())
}

fn new(settings: Settings, script: &Arc<Script>) -> Session {
    Session::with_nonces(settings, &Keyring::default(), script.clone(), clock(), || 7)
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn session(script: &Arc<Script>, generation: Generation) -> Session {
    new(Settings { generation, ..settings(key()) }, script)
}

fn call(method: Method, passwords: &[&str]) -> Call {
    let mut parameters = vec![("ClusterId".to_owned(), "c 1".to_owned())];
    parameters.extend(passwords.iter().map(|password| ("User.1.Password".to_owned(), (*password).to_owned())));
    Call {
        operation: "add cluster users",
        action: "AddUsers",
        generation: Generation::V2018,
        method,
        parameters,
        passwords: passwords.iter().map(|password| SecretString::from(*password)).collect(),
        send_by: Instant::now() + Duration::from_secs(20),
        confirm: |_| Ok(()),
    }
}

pub(crate) async fn get(session: &Session) -> Result<Value, CloudError> {
    session.call(&call(Method::GET, &[]), &purpose()).await.map(|answer| answer.json)
}

pub(crate) fn done() -> Value {
    json!({"RequestId": "r"})
}

fn refusal(code: &str) -> Value {
    json!({"RequestId": "r", "Code": code, "Message": "words"})
}

pub(crate) fn rejected(result: &Result<Value, CloudError>) -> bool {
    matches!(result, Err(CloudError::CredentialsRejected { .. }))
}

#[tokio::test(start_paused = true)]
async fn a_read_goes_out_as_the_vendor_documents_it() {
    let script = Script::of([answer(200, done())]);
    assert_eq!(get(&session(&script, Generation::V2018)).await, Ok(done()));
    assert_eq!(script.sent(), ["GET /?ClusterId=c%201"]);
    assert_eq!(script.requests()[0].uri().to_string(), "https://ehpc.cn-hangzhou.aliyuncs.com/?ClusterId=c%201");
    for (name, value) in [
        ("accept", "application/json"),
        ("x-acs-action", "AddUsers"),
        ("x-acs-version", "2018-04-12"),
        ("x-acs-date", DATE),
        ("x-acs-signature-nonce", "00000000000000000000000000000007"),
        ("x-acs-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ] {
        assert_eq!(script.header(name), [Some(value.to_owned())], "{name}");
    }
    let authorization = script.header("authorization").remove(0).unwrap_or_default();
    let expected = "ACS3-HMAC-SHA256 Credential=AKID,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;\
                    x-acs-signature-nonce;x-acs-version,Signature=";
    assert!(authorization.starts_with(expected), "{authorization}");
    assert!(!format!("{:?}", script.requests()).contains("Credential="), "no log shows the signature");
}

#[tokio::test(start_paused = true)]
async fn what_is_signed_is_what_is_sent() {
    for method in [Method::GET, Method::POST] {
        let script = Script::of([answer(200, done())]);
        assert!(session(&script, Generation::V2018).call(&call(method, &["a+b &*~"]), &purpose()).await.is_ok());
        let request = script.requests().remove(0);
        let headers: Vec<(&str, &str)> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default())).collect();
        let (host, authorization) =
            (("host", "ehpc.cn-hangzhou.aliyuncs.com"), request.headers()[AUTHORIZATION].clone());
        let unsigned = Unsigned {
            method: request.method().as_str(),
            query: request.uri().query().unwrap_or_default(),
            headers: &[headers, vec![host]].concat(),
            body: request.body(),
        };
        assert_eq!(request.headers()["x-acs-content-sha256"], hash(request.body()).as_str());
        assert_eq!(authorization, sign(&unsigned, "AKID", "s3cr3t").authorization.as_str());
    }
}

#[tokio::test(start_paused = true)]
async fn a_form_signs_its_content_type_and_a_temporary_key_its_token() {
    let script = Script::of([answer(200, done())]);
    let credentials = Credentials::AccessKey {
        id: "STS.AKID".to_owned(),
        secret: SecretString::from("s3cr3t"),
        security_token: Some(SecretString::from("passing==")),
    };
    assert!(new(settings(credentials), &script).call(&call(Method::POST, &["Pa5s w0rd+"]), &purpose()).await.is_ok());
    assert_eq!(script.sent(), ["POST / ClusterId=c%201&User.1.Password=Pa5s%20w0rd%2B"]);
    assert_eq!(script.header("content-type"), [Some("application/x-www-form-urlencoded".to_owned())]);
    assert_eq!(script.header("x-acs-security-token"), [Some("passing==".to_owned())]);
    assert_eq!(script.header("x-acs-accesskey-id"), [Some("STS.AKID".to_owned())]);
    let authorization = script.header("authorization").remove(0).unwrap_or_default();
    assert!(authorization.contains("SignedHeaders=content-type;host;x-acs-accesskey-id;x-acs-action;"));
    assert!(authorization.contains(";x-acs-security-token;x-acs-signature-nonce;x-acs-version,"), "{authorization}");
}

#[tokio::test(start_paused = true)]
async fn a_nonce_never_comes_twice() {
    let script = Script::by(|_| answer(200, done()));
    let session = Session::new(settings(key()), &Keyring::default(), script.clone(), clock())
        .unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..100 {
        assert!(get(&session).await.is_ok());
    }
    let nonces: BTreeSet<_> = script.header("x-acs-signature-nonce").into_iter().flatten().collect();
    assert_eq!(nonces.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_with_a_port_is_called_and_signed_with_it() {
    let allowed = AllowedEndpoints::new(["http://127.0.0.1:9000"]).unwrap_or_default();
    let script = Script::of([answer(200, done())]);
    let settings = Settings { endpoint: allowed.check("http://127.0.0.1:9000").ok(), ..settings(key()) };
    assert!(get(&new(settings, &script)).await.is_ok());
    assert_eq!(script.requests()[0].uri().to_string(), "http://127.0.0.1:9000/?ClusterId=c%201");
}

#[tokio::test(start_paused = true)]
async fn bad_credentials_are_sent_once_and_then_refused_from_memory() {
    for (status, code) in
        [(400, "SignatureDoesNotMatch"), (404, "InvalidAccessKeyId.NotFound"), (403, "InvalidSecurityToken.Expired")]
    {
        let script = Script::by(move |_| answer(status, refusal(code)));
        let session = session(&script, Generation::V2018);
        let results = futures::future::join_all((0..20).map(|_| get(&session))).await;
        assert!(results.iter().all(rejected));
        assert_eq!(script.sent().len(), 1, "twenty callers, one bad signature");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_corrected_once_by_the_clouds_and_each_try_has_its_own_nonce() {
    static NONCES: AtomicU64 = AtomicU64::new(0);
    let script = Script::by(|request| {
        let date = request.headers().get("x-acs-date").and_then(|date| date.to_str().ok());
        if date == Some("2025-01-02T03:34:05Z") {
            answer(200, done())
        } else {
            answer_with(400, "date", "Thu, 02 Jan 2025 03:34:05 GMT", refusal("InvalidTimeStamp.Expired"))
        }
    });
    let nonce = || u128::from(NONCES.fetch_add(1, Ordering::Relaxed));
    let session = Session::with_nonces(settings(key()), &Keyring::default(), script.clone(), clock(), nonce);
    let session = session.unwrap_or_else(|error| panic!("{error}"));
    assert!(get(&session).await.is_ok());
    assert_eq!(script.sent().len(), 2);
    assert!(get(&session).await.is_ok(), "it is remembered");
    assert_eq!(script.sent().len(), 3);
    let nonces: BTreeSet<_> = script.header("x-acs-signature-nonce").into_iter().collect();
    assert_eq!(nonces.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_bad_signature_is_not_repeated_when_the_clocks_agree_or_the_correction_is_refused_too() {
    for (date, calls) in [("Thu, 02 Jan 2025 03:08:05 GMT", 1), ("Thu, 02 Jan 2025 04:04:05 GMT", 2), ("never", 1)] {
        let script = Script::by(move |_| answer_with(400, "date", date, refusal("InvalidTimeStamp.Expired")));
        assert!(rejected(&get(&session(&script, Generation::V2018)).await));
        assert_eq!(script.sent().len(), calls, "{date}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_account_sends_nothing_until_its_pause_is_over() {
    let script = Script::of([
        answer(200, done()),
        answer_with(400, "x-acs-retry-after", "7000", refusal("Throttling.User")),
        answer(200, done()),
    ]);
    let session = session(&script, Generation::V2018);
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
async fn a_password_goes_into_a_url_only_after_the_cloud_has_refused_exactly_the_form() {
    let by_method = |status: u16, code: &'static str| {
        Script::by(move |request| match request.method() {
            &Method::POST => answer(status, refusal(code)),
            _ => answer(200, done()),
        })
    };
    let (form, query) =
        ("POST / ClusterId=c%201&User.1.Password=Pa5s-w0rd", "GET /?ClusterId=c%201&User.1.Password=Pa5s-w0rd");
    for status in [400, 403] {
        let script = by_method(status, UNSUPPORTED_METHOD);
        let session = session(&script, Generation::V2018);
        for _ in 0..2 {
            assert!(session.write_with_form(call(Method::GET, &["Pa5s-w0rd"]), &purpose()).await.is_ok());
        }
        assert_eq!(script.sent(), [form, query, query], "it is remembered");
        let other = Call { action: "ModifyUserPasswords", ..call(Method::GET, &["Pa5s-w0rd"]) };
        assert!(session.write_with_form(other, &purpose()).await.is_ok());
        assert_eq!(script.sent()[3..], [form, query], "for each action");
    }
    for (status, code) in
        [(400, "InvalidParams"), (405, "Other"), (400, "UnsupportedHTTPMethod.X"), (500, "UnknownError")]
    {
        let script = by_method(status, code);
        let session = session(&script, Generation::V2018);
        assert!(session.write_with_form(call(Method::GET, &["Pa5s-w0rd"]), &purpose()).await.is_err());
        assert_eq!(script.sent(), [form], "{code}");
    }
    let script = by_method(200, UNSUPPORTED_METHOD);
    assert!(
        session(&script, Generation::V2018)
            .write_with_form(call(Method::GET, &["Pa5s-w0rd"]), &purpose())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_password_in_a_url_never_leaves_this_machine_in_the_clear() {
    for entry in ["http://ehpc.private.example", "http://ehpc.cn-hangzhou.aliyuncs.com", "http://10.0.0.1"] {
        assert!(AllowedEndpoints::new([entry]).is_err(), "{entry}");
        assert!(AllowedEndpoints::default().check(entry).is_err(), "{entry}");
        let request = Request::get(format!("{entry}/?User.1.Password=Pa5s-w0rd")).body(Bytes::new());
        let transport = crate::clouds::HttpTransport::new(&crate::clouds::network::Network::default())
            .unwrap_or_else(|error| panic!("{error}"));
        let result = transport.send(request.unwrap_or_default()).await;
        let Err(error @ crate::clouds::TransportError::Refused(_)) = result else { panic!("{result:?}") };
        assert!(!error.to_string().contains("Pa5s"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_password_and_no_key_shows_in_an_error_whatever_the_cloud_repeats() {
    let body = json!({
        "RequestId": "Pa5s-w0rd.",
        "Code": "SignatureDoesNotMatch",
        "Message": "AKID s3cr3t GET\n/\nUser.1.Password=Pa5s-w0rd.%2B&x=Pa5s-w0rd.%252B {\"Password\":\"Pa5s-w0rd.+\"}",
    });
    for method in [Method::GET, Method::POST] {
        let script = Script::of([answer(400, &body)]);
        let error = session(&script, Generation::V2018).call(&call(method, &["Pa5s-w0rd.+"]), &purpose()).await;
        let shown = format!("{error:?} {}", error.as_ref().map_or_else(ToString::to_string, |_| String::new()));
        for secret in ["Pa5s-w0rd.%2B", "Pa5s-w0rd.+", "Pa5s-w0rd.%252B", "s3cr3t", "AKID", "GET"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn settings_that_would_change_a_host_or_a_header_are_refused() {
    let refused = |settings: Settings| Session::new(settings, &Keyring::default(), Script::of([]), clock()).err();
    for region in ["", "evil.com/", "cn-hangzhou.evil", "CN-HANGZHOU", "cn", "-hangzhou", "oss-cn-hangzhou", "cn-"] {
        let settings = Settings { region: region.to_owned(), ..settings(key()) };
        assert!(matches!(refused(settings), Some(SettingsError::Region(_))), "{region}");
    }
    for region in ["cn-hangzhou", "cn-wuhan-lr", "me-east-1", "cn-hongkong", "ap-southeast-5"] {
        assert_eq!(refused(Settings { region: region.to_owned(), ..settings(key()) }), None, "{region}");
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
    let shown = format!("{:?}", session(&Script::of([]), Generation::V2024));
    assert_eq!(shown, r#"Session { region: "cn-hangzhou", generation: V2024, .. }"#);
}
