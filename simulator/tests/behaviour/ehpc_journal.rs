//! E-HPC in the journal, under faults, and through the admin API.

use serde_json::{Value, json};
use simulator::{Action, Change, Fault, Reply};

use crate::ehpc_caller::{CLUSTER, Hpc, KEY, PASSWORD, SECRET, refused, succeeded};
use crate::harness::let_pass;

#[tokio::test(start_paused = true)]
async fn an_entry_says_who_asked_for_what_and_what_became_of_it() {
    let hpc = Hpc::new();
    let reply = hpc.add(&[("bob.admin", "wheel"), ("alice.01", "users")]).await;
    let entry = hpc.last_entry();
    assert_eq!((entry.service.as_str(), entry.operation.as_str()), ("ehpc", "AddUsers"));
    assert_eq!(entry.target.as_deref(), Some(CLUSTER));
    assert_eq!(entry.principals, ["bob.admin", "alice.01"]);
    assert_eq!(entry.privileges, ["users", "wheel"]);
    assert_eq!((entry.action, entry.status, entry.succeeded), (None, Some(200), true));
    assert_eq!(entry.credential.as_deref(), Some(KEY));
    assert_eq!(json!(entry.request_id), reply.json()["RequestId"]);
    let added = |principal: &str, group: &str| Change {
        principal: principal.to_owned(),
        before: vec![],
        after: vec![group.to_owned()],
    };
    assert_eq!(entry.changed, [added("bob.admin", "wheel"), added("alice.01", "users")]);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_password_is_an_action_and_changes_no_access() {
    let hpc = Hpc::new();
    hpc.add(&[("alice.01", "users")]).await;
    let pairs = [("User.1.Name", "alice.01"), ("User.1.Password", PASSWORD)];
    hpc.v2018("ModifyUserPasswords", &pairs).await;
    let first = hpc.last_entry();
    hpc.update("alice.01", &[("Group", "users"), ("Password", PASSWORD)]).await;
    let second = hpc.last_entry();
    hpc.cloud.simulator.outside_set_password(CLUSTER, "alice.01", PASSWORD).unwrap();
    let third = hpc.last_entry();
    assert_eq!(third.operation, "OutsideEdit");
    for entry in [first, second, third] {
        assert_eq!(entry.action.as_deref(), Some("password"));
        assert_eq!((entry.principals, entry.changed), (vec!["alice.01".to_owned()], vec![]));
    }
    hpc.update("alice.01", &[("Group", "wheel")]).await;
    assert_eq!(hpc.last_entry().action, None);
}

#[tokio::test(start_paused = true)]
async fn no_password_and_no_key_gets_into_journal_faults_or_answers() {
    let mut hpc = Hpc::new();
    let mut answers = Vec::new();
    let added = [("User.1.Name", "alice.01"), ("User.1.Group", "users"), ("User.1.Password", PASSWORD)];
    for version in ["2018-04-12", "2024-07-30", "1999-01-01"] {
        let pairs = [&[("ClusterId", CLUSTER)], &added[..]].concat();
        answers.push(hpc.send("GET", version, "AddUsers", &pairs, &[]).await);
        answers.push(hpc.send("POST", version, "AddUsers", &[], &pairs).await);
    }
    answers.push(hpc.create(&[("bob.admin", "wheel")]).await);
    answers.push(hpc.create(&[("bob.admin", "nobody")]).await);
    answers.push(hpc.v2024("CreateUsers", &[("User", &format!("[{{\"Password\":\"{PASSWORD}\""))]).await);
    answers.push(hpc.update("bob.admin", &[("Password", PASSWORD)]).await);
    answers.push(hpc.update("nobody", &[("Password", PASSWORD)]).await);
    let landing = Action::LandLater { after_ms: 60_000, answer: Some(Reply::new(503, "ServiceUnavailable", "")) };
    hpc.cloud.simulator.add_fault(Fault::on("UpdateUser", landing));
    answers.push(hpc.update("bob.admin", &[("Password", PASSWORD)]).await);
    answers.push(hpc.cloud.admin("GET", "/faults", "").await);
    hpc.cloud.simulator.outside_set_password(CLUSTER, "bob.admin", PASSWORD).unwrap();
    let_pass(60).await;
    hpc.secret = "wrong".to_owned();
    answers.push(hpc.create(&[("bob.admin", "wheel")]).await);
    answers.push(hpc.cloud.admin("GET", "/journal", "").await);
    for answer in answers {
        for secret in [PASSWORD, "Pa5s", SECRET] {
            assert!(!answer.text.contains(secret), "{}", answer.text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_published_code_can_be_answered_in_the_envelope_of_alibaba() {
    let hpc = Hpc::new();
    for (status, code) in [
        (400, "NotEnabled"),
        (400, "InDebt"),
        (400, "InvalidOpt"),
        (403, "ConflictOpt"),
        (403, "InvalidClusterStatus"),
        (404, "ManagerNotFound"),
        (406, "AgentError"),
        (406, "AgentError.Account.GetentPasswdFailure"),
        (406, "AgentError.Account.GetUserListFailure"),
        (406, "AgentError.Account.UserAddFailure"),
        (406, "AgentError.Account.DomainNotExist"),
        (407, "NotAuthorized"),
        (409, "PartFailure"),
        (500, "UnknownError"),
        (503, "ServiceUnavailable"),
    ] {
        hpc.cloud.simulator.add_fault(Fault::on("AddUsers", Action::Answer(Reply::new(status, code, "why"))));
        let reply = hpc.add(&[("alice.01", "users")]).await;
        refused(&reply, status, code);
        assert_eq!(
            (&reply.json()["Message"], &reply.json()["RequestId"]),
            (&json!("why"), &json!(reply.header("x-request-id")))
        );
    }
    assert!(hpc.truth().is_empty());
}

#[tokio::test(start_paused = true)]
async fn faults_meet_cluster_and_user_and_may_let_the_call_land_later() {
    let hpc = Hpc::new();
    let fault = json!({
        "service": "ehpc", "target": CLUSTER, "principal": "bob.admin", "action": {"land_later": {"after_ms": 60_000}},
    });
    hpc.cloud.admin("POST", "/faults", &fault.to_string()).await;
    assert!(succeeded(&hpc.add(&[("alice.01", "users")]).await));
    assert!(hpc.create(&[("carl", "users"), ("bob.admin", "wheel")]).await.closed);
    assert_eq!(hpc.truth(), ["alice.01:users"]);
    let_pass(60).await;
    assert_eq!(hpc.truth(), ["alice.01:users", "bob.admin:wheel", "carl:users"]);
    assert_eq!(hpc.last_entry().operation, "LateEffect");
    assert_eq!(hpc.password("bob.admin").as_deref(), Some(PASSWORD));
}

#[tokio::test(start_paused = true)]
async fn a_fault_says_in_the_words_of_alibaba_that_nothing_was_done() {
    let hpc = Hpc::new();
    hpc.cloud.simulator.add_fault(Fault::next(Action::IsSuccessFalse { message: String::new() }));
    let reply = hpc.update("alice.01", &[("Group", "users")]).await;
    assert_eq!((reply.status, &reply.json()["Success"]), (200, &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn clusters_statuses_and_passwords_are_arranged_over_the_admin_api() {
    let hpc = Hpc::new();
    let admin = async |method: &str, path: &str, body: &str| {
        let reply = hpc.cloud.admin(method, path, body).await;
        (reply.status, serde_json::from_str::<Value>(&reply.text).unwrap_or_default())
    };
    assert_eq!(admin("PUT", "/ehpc/clusters/next?visible_to=2024", "").await.0, 201);
    assert_eq!(admin("PUT", "/ehpc/clusters/next", "").await.0, 204);
    assert_eq!(admin("PUT", "/ehpc/clusters/other?visible_to=1999", "").await.0, 400);
    let on_next = [("ClusterId", "next")];
    refused(&hpc.send("GET", "2018-04-12", "ListUsers", &on_next, &[]).await, 404, "ClusterNotFound");
    assert!(succeeded(&hpc.send("GET", "2024-07-30", "ListUsers", &on_next, &[]).await));
    assert_eq!(admin("PUT", "/ehpc/clusters/next/status", r#""stopped""#).await.0, 204);
    refused(&hpc.send("GET", "2024-07-30", "ListUsers", &on_next, &[]).await, 403, "InvalidClusterStatus");
    assert_eq!(admin("PUT", "/ehpc/clusters/gone/status", r#""stopped""#).await.0, 404);

    assert_eq!(admin("PUT", "/targets/next/users/al", r#"["wheel"]"#).await.0, 204);
    assert_eq!(admin("GET", "/targets/next/users", "").await, (200, json!({"al": ["wheel"]})));
    let password = "/ehpc/clusters/next/users/al/password";
    assert_eq!(admin("GET", password, "").await, (200, json!(hpc.cloud.simulator.hpc_password("next", "al"))));
    assert_eq!(admin("PUT", password, &json!(PASSWORD).to_string()).await.0, 204);
    assert_eq!(admin("GET", password, "").await, (200, json!(PASSWORD)));
    for (method, body) in [("GET", ""), ("PUT", r#""Pa5sword""#)] {
        assert_eq!(admin(method, "/ehpc/clusters/next/users/nobody/password", body).await.0, 404);
        assert_eq!(admin(method, "/ehpc/clusters/gone/users/al/password", body).await.0, 404);
    }
}

#[tokio::test(start_paused = true)]
async fn access_keys_of_alibaba_are_arranged_over_the_admin_api() {
    let mut hpc = Hpc::new();
    let path = "/alibaba/access-keys/NEXT";
    let key = r#"{"secret": "next", "security_token": "token"}"#;
    assert_eq!(hpc.cloud.admin("PUT", path, key).await.status, 204);
    (hpc.key, hpc.secret, hpc.token) = ("NEXT".to_owned(), "next".to_owned(), Some("token".to_owned()));
    assert!(succeeded(&hpc.v2018("ListUsers", &[]).await));
    assert_eq!(hpc.cloud.admin("DELETE", path, "").await.status, 204);
    assert_eq!(hpc.cloud.admin("DELETE", path, "").await.status, 404);
    refused(&hpc.v2018("ListUsers", &[]).await, 404, "InvalidAccessKeyId.NotFound");
}
