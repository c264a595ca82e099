//! "Obtaining a User Token Through Password Authentication", what the token is good for, and who there is.

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

const USER: &str = "a11ce000000000000000000000000001";
const GROUP: &str = "96009000000000000000000000000004";

async fn user(cloud: &Cloud, id: &str) -> Reply {
    cloud.call("GET", &format!("/v3.0/OS-USER/users/{id}"), "").await
}

async fn group(cloud: &Cloud, id: &str) -> Reply {
    cloud.call("GET", &format!("/v3/groups/{id}"), "").await
}

#[tokio::test(start_paused = true)]
async fn users_and_groups_are_looked_up_by_id_and_have_a_name_whether_registered_or_not() {
    let cloud = Cloud::new();
    let domain = "d0000000000000000000000000000001";
    assert_eq!(user(&cloud, USER).await.json()["user"]["name"], "user-a11ce000");
    assert_eq!(group(&cloud, GROUP).await.json()["group"]["name"], "group-96009000");
    cloud.simulator.add_iam_user(USER, "alice");
    assert_eq!(cloud.admin("PUT", &format!("/iam/groups/{GROUP}?name=analysts"), "").await.status, 204);
    let found = user(&cloud, USER).await.json()["user"].clone();
    assert_eq!((&found["id"], &found["name"], &found["domain_id"]), (&json!(USER), &json!("alice"), &json!(domain)));
    assert_eq!(found["is_domain_owner"], false);
    let found = group(&cloud, GROUP).await.json()["group"].clone();
    assert_eq!(
        (&found["id"], &found["name"], &found["domain_id"]),
        (&json!(GROUP), &json!("analysts"), &json!(domain))
    );
    assert_eq!(cloud.admin("PUT", &format!("/iam/users/{USER}?name=bob"), "").await.status, 204);
    assert_eq!(user(&cloud, USER).await.json()["user"]["name"], "bob");
}

#[tokio::test(start_paused = true)]
async fn the_owner_of_the_account_is_a_user_who_says_so() {
    let cloud = Cloud::new();
    let owner = user(&cloud, "0e000000000000000000000000000000").await.json()["user"].clone();
    assert_eq!((&owner["name"], &owner["is_domain_owner"]), (&json!("sim-owner"), &json!(true)));
    let domains = cloud.call("GET", "/v3/auth/domains", "").await.json()["domains"].clone();
    assert_eq!((&domains[0]["name"], &domains[0]["id"]), (&json!("sim-domain"), &owner["domain_id"]));
}

#[tokio::test(start_paused = true)]
async fn who_is_unknown_or_of_the_other_kind_or_no_id_at_all_is_not_found() {
    let cloud = Cloud::new();
    cloud.simulator.add_iam_user(USER, "alice");
    cloud.simulator.add_iam_group(GROUP, "analysts");
    let ghost = "90057000000000000000000000000003";
    cloud.simulator.add_unknown_user(ghost);
    for id in [ghost, GROUP, "alice"] {
        assert_eq!(user(&cloud, id).await.refusal(), (404, "IAM.0004".to_owned()), "{id}");
    }
    for id in [ghost, USER, "analysts"] {
        let reply = group(&cloud, id).await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (404, &json!(404)), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn look_ups_are_signed_with_the_project_in_the_header_alone() {
    let mut cloud = Cloud::new();
    let path = format!("/v3.0/OS-USER/users/{USER}");
    assert_eq!(cloud.send(cloud.request("GET", &path, "")).await.status, 401);
    let mut request = cloud.request("GET", &path, "");
    request.headers_mut().insert("x-project-id", "f".repeat(32).parse().unwrap());
    assert_eq!(cloud.send(cloud.sign(request, "")).await.refusal(), (403, "APIGW.0302".to_owned()));
    cloud.secret = "wrong".to_owned();
    for path in [path.as_str(), "/v3/groups/x", "/v3/auth/domains"] {
        assert_eq!(cloud.call("GET", path, "").await.status, 401, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn look_ups_are_journalled_with_the_id() {
    let cloud = Cloud::new();
    user(&cloud, USER).await;
    group(&cloud, GROUP).await;
    cloud.call("GET", "/v3/auth/domains", "").await;
    let entries = cloud.simulator.journal_after(1);
    let told: Vec<_> = entries.iter().map(|e| (e.operation.as_str(), e.principals.join(" "))).collect();
    let expected = [("ShowUser", USER), ("ShowGroup", GROUP), ("ListAuthDomains", "")];
    assert_eq!(told, expected.map(|(name, who)| (name, who.to_owned())));
    assert!(entries.iter().all(|e| e.service == "iam" && e.target.is_none() && e.succeeded));
}
