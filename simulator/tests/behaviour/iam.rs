//! "Obtaining a User Token Through Password Authentication", and what the token is good for.

use serde_json::{Value, json};

use crate::harness::{Cloud, PROJECT, Reply, let_pass};

fn body(user: &str, password: &str, scope: &Value) -> Value {
    json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": user, "password": password, "domain": {"name": "sim-domain"},
        }}},
        "scope": scope,
    }})
}

async fn ask(cloud: &Cloud, body: &Value) -> Reply {
    cloud.send(cloud.request("POST", "/v3/auth/tokens?nocatalog=1", &body.to_string())).await
}

async fn token(cloud: &Cloud) -> String {
    let reply = ask(cloud, &body("sim-operator", "simulatedPassword1", &json!({"project": {"id": PROJECT}}))).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.header("x-subject-token").to_owned()
}

async fn list_with(cloud: &Cloud, token: &str) -> Reply {
    let mut request = cloud.request("GET", &format!("/v1.0/{PROJECT}/queues/queue1/users"), "");
    request.headers_mut().insert("x-auth-token", token.parse().unwrap());
    cloud.send(request).await
}

#[tokio::test(start_paused = true)]
async fn a_password_gives_a_token_that_lets_in() {
    let cloud = Cloud::new();
    for scope in [json!({"project": {"id": PROJECT}}), json!({"project": {"name": "cn-north-4"}})] {
        let reply = ask(&cloud, &body("sim-operator", "simulatedPassword1", &scope)).await;
        assert_eq!(reply.status, 201);
        assert_eq!(reply.json()["token"]["expires_at"], "2025-01-03T03:04:05.000000Z");
        assert_eq!(reply.json()["token"].get("catalog"), None);
        assert!(list_with(&cloud, reply.header("x-subject-token")).await.succeeded());
    }
    assert_ne!(token(&cloud).await, token(&cloud).await);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_user_password_or_domain_is_unauthorized_in_iams_envelope() {
    let cloud = Cloud::new();
    let scope = json!({"project": {"id": PROJECT}});
    let mut other_domain = body("sim-operator", "simulatedPassword1", &scope);
    other_domain["auth"]["identity"]["password"]["user"]["domain"]["name"] = json!("other");
    for wrong in [body("sim-operator", "wrong", &scope), body("nobody", "simulatedPassword1", &scope), other_domain] {
        let reply = ask(&cloud, &wrong).await;
        assert_eq!(reply.status, 401);
        let expected = json!({"code": 401, "message": "The username or password is wrong.", "title": "Unauthorized"});
        assert_eq!(reply.json()["error"], expected);
        assert_eq!(reply.header("x-subject-token"), "");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_or_scope_that_makes_no_sense_is_refused() {
    let cloud = Cloud::new();
    let other = json!({"project": {"id": "f".repeat(32)}});
    assert_eq!(ask(&cloud, &json!({})).await.status, 400);
    assert_eq!(ask(&cloud, &body("sim-operator", "simulatedPassword1", &json!({}))).await.status, 400);
    assert_eq!(ask(&cloud, &body("sim-operator", "simulatedPassword1", &other)).await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_after_its_life() {
    let cloud = Cloud::with(|s| s.token_lifetime_seconds = 600);
    let token = token(&cloud).await;
    let_pass(599).await;
    assert!(list_with(&cloud, &token).await.succeeded());
    let_pass(1).await;
    assert_eq!(list_with(&cloud, &token).await.refusal(), (401, "APIGW.0307".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn tokens_can_die_early_and_others_be_issued_afterwards() {
    let cloud = Cloud::new();
    let old = token(&cloud).await;
    assert_eq!(cloud.simulator.revoke_tokens(), 1);
    assert_eq!(list_with(&cloud, &old).await.refusal(), (401, "APIGW.0307".to_owned()));
    assert!(list_with(&cloud, &token(&cloud).await).await.succeeded());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_never_issued_is_no_token() {
    let cloud = Cloud::new();
    assert_eq!(list_with(&cloud, "invented").await.refusal(), (401, "APIGW.0301".to_owned()));
}
