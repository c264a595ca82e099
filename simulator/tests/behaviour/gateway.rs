//! Who is let in: signatures, dates, lock-out, temporary keys, projects, throttling.

use axum::body::Body;
use axum::http::Request;
use simulator::{AccessKey, DateRefusal};

use crate::harness::{Cloud, KEY, PROJECT, Reply, SECRET, let_pass};

const LIST: &str = "/v1.0/0123456789abcdef0123456789abcdef/queues/queue1/users?limit=100&offset=0";
const BAD_SIGNATURE: (u16, &str) = (401, "APIGW.0301");

fn is(reply: &Reply, (status, code): (u16, &str)) -> bool {
    reply.status == status && reply.code() == code
}

#[tokio::test(start_paused = true)]
async fn a_signed_call_is_let_in_and_every_answer_has_a_request_id() {
    let cloud = Cloud::new();
    let good = cloud.call("GET", LIST, "").await;
    assert!(good.succeeded(), "{good:?}");
    let bad = cloud.send(cloud.request("GET", LIST, "")).await;
    assert_eq!(bad.refusal(), (401, "APIGW.0301".to_owned()));
    assert_eq!(bad.json()["request_id"], bad.header("x-request-id"));
    assert_eq!(good.header("x-request-id").len(), 32);
    assert_ne!(good.header("x-request-id"), bad.header("x-request-id"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_not_signed_is_refused() {
    let cloud = Cloud::new();
    let target = format!("/v1.0/{PROJECT}/queues/user-authorization");
    let body = r#"{"queue_name":"queue1","user_name":"eve","action":"grant","privileges":["SUBMIT_JOB"]}"#;
    let signed = cloud.sign(cloud.request("PUT", &target, body), r#"{"other": "body"}"#);
    assert!(is(&cloud.send(signed).await, BAD_SIGNATURE));
    assert!(cloud.truth("eve").is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_access_key_is_refused_however_often_without_locking_others() {
    let mut cloud = Cloud::new();
    cloud.key = "NOBODY".to_owned();
    for _ in 0..10 {
        assert!(is(&cloud.list().await, BAD_SIGNATURE));
    }
    cloud.key = KEY.to_owned();
    assert!(cloud.list().await.succeeded());
}

#[tokio::test(start_paused = true)]
async fn a_date_up_to_fifteen_minutes_off_is_accepted_either_way() {
    for (ahead, accepted) in [(0, true), (15 * 60, true), (-15 * 60, true), (15 * 60 + 1, false), (-15 * 60 - 1, false)]
    {
        let cloud = Cloud::with(|s| s.clock_ahead_seconds = ahead);
        assert_eq!(cloud.list().await.status == 200, accepted, "{ahead}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_date_has_the_code_that_the_switch_says_and_does_not_lock() {
    for (switch, code) in [(DateRefusal::Apigw0301, "APIGW.0301"), (DateRefusal::Apigw0303, "APIGW.0303")] {
        let cloud = Cloud::with(|s| {
            s.date_refusal = switch;
            s.clock_ahead_seconds = 3600;
        });
        for _ in 0..10 {
            assert!(is(&cloud.list().await, (401, code)));
        }
        cloud.simulator.set_switches(|s| s.clock_ahead_seconds = 0);
        assert!(cloud.list().await.succeeded());
    }
}

#[tokio::test(start_paused = true)]
async fn the_sixth_bad_signature_in_a_row_locks_the_key_for_five_minutes() {
    let mut cloud = Cloud::new();
    for bad in [5, 5, 6] {
        cloud.secret = "wrong".to_owned();
        for _ in 0..bad {
            assert!(is(&cloud.list().await, BAD_SIGNATURE));
        }
        cloud.secret = SECRET.to_owned();
        // Five are forgotten at the first good one.
        assert_eq!(cloud.list().await.status, if bad == 5 { 200 } else { 401 });
    }
    let_pass(299).await;
    let locked = cloud.list().await;
    assert!(is(&locked, BAD_SIGNATURE));
    assert!(locked.message().contains("failure limit"), "{locked:?}");
    let_pass(1).await;
    assert!(cloud.list().await.succeeded());
}

#[tokio::test(start_paused = true)]
async fn a_temporary_key_needs_its_security_token_signed_or_not() {
    let mut cloud = Cloud::new();
    let token = Some("temporary".to_owned());
    cloud.simulator.set_access_key(AccessKey { id: "TEMP".to_owned(), secret: "s".to_owned(), security_token: token });
    (cloud.key, cloud.secret) = ("TEMP".to_owned(), "s".to_owned());
    assert!(is(&cloud.list().await, BAD_SIGNATURE));
    for (token, status) in [("other", 401), ("temporary", 200)] {
        let mut request = cloud.signed("GET", LIST, "");
        request.headers_mut().insert("x-security-token", token.parse().unwrap());
        assert_eq!(cloud.send(request).await.status, status);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_is_refused_and_its_successor_accepted() {
    let mut cloud = Cloud::new();
    cloud.simulator.remove_access_key(KEY);
    assert!(is(&cloud.list().await, BAD_SIGNATURE));
    let next = AccessKey { id: "NEXT".to_owned(), secret: "next".to_owned(), security_token: None };
    cloud.simulator.set_access_key(next);
    (cloud.key, cloud.secret) = ("NEXT".to_owned(), "next".to_owned());
    assert!(cloud.list().await.succeeded());
}

#[tokio::test(start_paused = true)]
async fn another_project_is_forbidden_in_the_path_and_in_the_header() {
    let cloud = Cloud::new();
    let other = "f".repeat(32);
    let reply = cloud.call("GET", &format!("/v1.0/{other}/queues"), "").await;
    assert!(is(&reply, (403, "APIGW.0302")));
    let mut request = cloud.request("GET", LIST, "");
    request.headers_mut().insert("x-project-id", other.parse().unwrap());
    let reply = cloud.send(cloud.sign(request, "")).await;
    assert!(is(&reply, (403, "APIGW.0302")));
}

#[tokio::test(start_paused = true)]
async fn a_path_or_method_that_is_not_published_is_not_found_at_the_gateway() {
    let cloud = Cloud::new();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/v1.0/p/authorization/privileges"),
        ("GET", "/v2.0/p/queues"),
        ("POST", "/v1.0/p/queues/user-authorization"),
        ("GET", "/v1.0/p/queues/queue1/users/alice"),
    ] {
        let reply = cloud.call(method, path, "").await;
        assert!(is(&reply, (404, "APIGW.0101")), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_beyond_twelve_megabytes_is_too_large() {
    let cloud = Cloud::new();
    let request = Request::put("/").body(Body::from(vec![b' '; 12 * 1024 * 1024 + 1]));
    let reply = cloud.send(request.unwrap()).await;
    assert!(is(&reply, (413, "APIGW.0201")));
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_rate_are_throttled_until_the_second_has_passed() {
    let cloud = Cloud::with(|s| s.requests_per_second = Some(2));
    assert!(cloud.list().await.succeeded());
    assert!(cloud.list().await.succeeded());
    let refused = cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await;
    assert!(is(&refused, (429, "APIGW.0308")));
    assert!(refused.message().contains("limit:2,time:1 second"), "{refused:?}");
    assert!(cloud.truth("alice").is_empty());
    let_pass(1).await;
    assert!(cloud.list().await.succeeded());
    cloud.simulator.set_switches(|s| s.requests_per_second = None);
    for _ in 0..10 {
        assert!(cloud.list().await.succeeded());
    }
}
