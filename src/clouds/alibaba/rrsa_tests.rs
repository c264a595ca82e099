//! What is sent to assume the RAM role, and how its keys are used, renewed and refused.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use super::*;
use crate::clouds::Keyring;
use crate::clouds::alibaba::session::tests::{clock, done, get, rejected, settings};
use crate::clouds::alibaba::{Credentials, Session};
use crate::clouds::script::{Scratch, Script, answer, answer_with, kind};

const MINUTE: Duration = Duration::from_mins(1);
/// Of three parts, as a signed token is.
const TOKEN: &str = "header.payload-of-a-token.signature-of-a-token";

/// The variables that have to be there.
const NEEDED: [(&str, &str); 2] =
    [(ROLE, "acs:ram::113511544585****:role/access"), (PROVIDER, "acs:ram::113511544585****:oidc-provider/ack-rrsa")];

fn role(file: &str, more: &[(&'static str, &'static str)]) -> Result<Rrsa, EnvironmentError> {
    let given = NEEDED.into_iter().chain(more.iter().copied()).chain([(TOKEN_FILE, file)]);
    Rrsa::from_environment(&Environment::of(given))
}

fn session(script: &Arc<Script>, keyring: &Keyring, file: &Scratch) -> Session {
    let credentials = Credentials::Rrsa(role(file.path(), &[]).unwrap());
    Session::new(settings(credentials), keyring, script.clone(), clock()).unwrap()
}

/// The n-th key, which lives for an hour by the clock of the tests.
fn key(n: usize) -> Value {
    json!({"RequestId": "r", "Credentials": {
        "AccessKeyId": format!("STS.{n}"),
        "AccessKeySecret": format!("secret{n}"),
        "SecurityToken": format!("security-token-{n}"),
        "Expiration": "2025-01-02T04:04:05Z",
    }})
}

/// Issues keys, and takes all calls but those with a key that is refused.
fn cloud(refuses: fn(&str) -> bool) -> Arc<Script> {
    let issued = AtomicUsize::new(0);
    Script::slow(Duration::from_secs(1), move |request| {
        let token = request.headers().get("x-acs-security-token").map(|token| token.to_str().unwrap_or_default());
        match token {
            None => answer(200, key(issued.fetch_add(1, Ordering::Relaxed) + 1)),
            Some(token) if refuses(token) => answer(
                400,
                json!({"RequestId": "r", "Code": "InvalidSecurityToken.Expired", "Message": format!("{token} is over")}),
            ),
            Some(_) => answer(200, done()),
        }
    })
}

/// The key that each request was signed with; none for an exchange.
fn signed_with(script: &Script) -> Vec<Option<String>> {
    script.header("x-acs-security-token")
}

#[expect(clippy::unnecessary_wraps, reason = "a header that is there")]
fn token(n: usize) -> Option<String> {
    Some(format!("security-token-{n}"))
}

#[tokio::test(start_paused = true)]
async fn the_token_goes_into_the_form_and_a_key_of_the_role_signs_with_all_of_its_parts() {
    let (script, file) = (cloud(|_| false), Scratch::new(format!("{TOKEN}\n")));
    let session = session(&script, &Keyring::default(), &file);
    assert_eq!(session.credential_expires_at(), None);
    assert!(get(&session).await.is_ok());
    assert_eq!(session.credential_expires_at(), "2025-01-02T04:04:05Z".parse().ok());
    let expected = "POST /?Action=AssumeRoleWithOIDC&Format=JSON&Timestamp=2025-01-02T03%3A04%3A05Z&Version=2015-04-01 \
                    DurationSeconds=3600&OIDCProviderArn=acs%3Aram%3A%3A113511544585%2A%2A%2A%2A%3Aoidc-provider%2Fack-rrsa\
                    &OIDCToken=header.payload-of-a-token.signature-of-a-token\
                    &RoleArn=acs%3Aram%3A%3A113511544585%2A%2A%2A%2A%3Arole%2Faccess&RoleSessionName=cloud-access-operator";
    assert_eq!(script.sent()[0], expected);
    let requests = script.requests();
    assert_eq!(requests[0].uri().host(), Some("sts.aliyuncs.com"));
    assert_eq!(requests[0].headers().get("authorization"), None, "not signed");
    let authorization = requests[1].headers()["authorization"].to_str().unwrap_or_default();
    assert!(authorization.starts_with("ACS3-HMAC-SHA256 Credential=STS.1,"), "{authorization}");
    assert_eq!(script.header("x-acs-accesskey-id"), [None, Some("STS.1".to_owned())]);
    assert_eq!(signed_with(&script), [None, token(1)]);
}

#[tokio::test(start_paused = true)]
async fn one_exchange_serves_all_sessions_and_calls_and_is_repeated_at_half_of_its_life() {
    let (script, keyring, file) = (cloud(|_| false), Keyring::default(), Scratch::new("one"));
    let sessions = [(); 3].map(|()| session(&script, &keyring, &file));
    let calls = || sessions.iter().flat_map(|session| (0..2).map(|_| get(session)));
    assert!(join_all(calls()).await.iter().all(Result::is_ok));
    file.write("two");
    tokio::time::advance(29 * MINUTE).await;
    assert!(join_all(calls()).await.iter().all(Result::is_ok));
    tokio::time::advance(MINUTE).await;
    assert!(join_all(calls()).await.iter().all(Result::is_ok));
    let expected = [vec![None], vec![token(1); 12], vec![None], vec![token(2); 6]].concat();
    assert_eq!(signed_with(&script), expected);
    assert!(script.sent()[13].contains("&OIDCToken=two&"), "the file was read anew");
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
    assert!(!format!("{result:?}").contains("security-token"), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_exchange_rests_and_shows_no_secret() {
    for (status, code) in [
        (403, "AuthenticationFail.NoPermission"),
        (400, "AuthenticationFail.OIDCToken.Expired"),
        (404, "EntityNotExist.Role"),
        (400, "InvalidParameter.OIDCToken"),
    ] {
        let body = json!({"RequestId": "r", "Code": code, "Message": format!("{TOKEN} signature-of-a-token")});
        let script = Script::by(move |_| answer(status, &body));
        let file = Scratch::new(TOKEN);
        let session = session(&script, &Keyring::default(), &file);
        let results = join_all((0..5).map(|_| get(&session))).await;
        assert!(results.iter().all(rejected), "{results:?}");
        assert_eq!(script.sent().len(), 1, "{status}");
        assert!(!format!("{results:?}").contains("of-a-token"), "{results:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_corrected_before_there_is_a_key() {
    let script = Script::by(|request| {
        let right = request.uri().query().is_none_or(|query| query.contains("T03%3A34%3A05Z"));
        match (right, request.headers().get("x-acs-date")) {
            (true, None) => answer(200, key(1)),
            (_, Some(date)) if date == "2025-01-02T03:34:05Z" => answer(200, done()),
            _ => answer_with(
                400,
                "date",
                "Thu, 02 Jan 2025 03:34:05 GMT",
                json!({"RequestId": "r", "Code": "InvalidTimeStamp.Expired", "Message": "m"}),
            ),
        }
    });
    let file = Scratch::new("token");
    assert!(get(&session(&script, &Keyring::default(), &file)).await.is_ok());
    assert_eq!(signed_with(&script), [None, None, token(1)]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_whole_key_is_unexpected() {
    for body in [
        json!({"RequestId": "r"}),
        json!({"RequestId": "r", "Credentials": {"AccessKeyId": "a", "AccessKeySecret": "s"}}),
        json!({"RequestId": "r", "Credentials": {"AccessKeyId": "a,", "AccessKeySecret": "s", "SecurityToken": "t"}}),
    ] {
        let script = Script::by(move |_| answer(200, &body));
        let result = get(&session(&script, &Keyring::default(), &Scratch::new("token"))).await;
        assert_eq!(kind(&result), "unexpected reply");
    }
}

#[test]
fn the_environment_says_where_the_service_is() {
    for (variables, expected) in [
        (&[][..], "https://sts.aliyuncs.com/"),
        (&[(VPC_ENDPOINT, "true")], "https://sts.aliyuncs.com/"),
        (&[(STS_REGION, "cn-hangzhou")], "https://sts.cn-hangzhou.aliyuncs.com/"),
        (&[(STS_REGION, "cn-hangzhou"), (VPC_ENDPOINT, "false")], "https://sts.cn-hangzhou.aliyuncs.com/"),
        (&[(STS_REGION, "cn-hangzhou"), (VPC_ENDPOINT, "True")], "https://sts-vpc.cn-hangzhou.aliyuncs.com/"),
        (
            &[(STS_ENDPOINT, "sts-vpc.cn-beijing.aliyuncs.com"), (STS_REGION, "x")],
            "https://sts-vpc.cn-beijing.aliyuncs.com/",
        ),
        (&[(STS_ENDPOINT, "https://sts.private.example:8443")], "https://sts.private.example:8443/"),
    ] {
        assert_eq!(
            role("/f", variables).map(|role| role.0.sts.written().to_owned()),
            Ok(expected.to_owned()),
            "{variables:?}"
        );
    }
    for (variable, value) in [
        (STS_ENDPOINT, "http://sts.aliyuncs.com"),
        (STS_ENDPOINT, "sts.aliyuncs.com/x"),
        (STS_ENDPOINT, "user@sts.aliyuncs.com"),
        (STS_REGION, "evil.example/"),
    ] {
        let refused = role("/f", &[(variable, value)]).err();
        assert!(matches!(refused, Some(EnvironmentError::Unfit { variable: told, .. }) if told == variable), "{value}");
    }
}

#[test]
fn the_environment_says_all_or_what_is_missing() {
    for missing in [ROLE, PROVIDER, TOKEN_FILE] {
        let all = NEEDED.into_iter().chain([(TOKEN_FILE, "/f")]);
        let environment = Environment::of(all.filter(|(name, _)| *name != missing));
        assert_eq!(Rrsa::from_environment(&environment).err(), Some(EnvironmentError::Missing(missing)));
    }
    let named = role("/f", &[(SESSION_NAME, "nightly")]).map(|role| role.0.session_name.clone());
    assert_eq!(named, Ok("nightly".to_owned()));
}
