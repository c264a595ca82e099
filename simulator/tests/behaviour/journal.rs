//! What the journal remembers, and what it never does.

use serde_json::json;
use simulator::{Action, Change, Fault};

use crate::harness::{Cloud, KEY, PROJECT, START, let_pass};

#[tokio::test(start_paused = true)]
async fn a_write_is_journalled_with_caller_answer_and_change() {
    let cloud = Cloud::new();
    let from = cloud.simulator.journal_last();
    let_pass(7).await;
    let reply = cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await;
    let entries = cloud.simulator.journal_after(from);
    let entry = serde_json::to_value(&entries).unwrap();
    let expected = json!([{
        "sequence": from + 1,
        "timestamp": "2025-01-02T03:04:12Z",
        "service": "dli",
        "operation": "AuthorizeQueueUser",
        "target": "queue1",
        "principals": ["alice"],
        "action": "grant",
        "privileges": ["SUBMIT_JOB"],
        "status": 200,
        "error_code": null,
        "succeeded": true,
        "request_id": reply.header("x-request-id"),
        "changed": [{"principal": "alice", "before": [], "after": ["SUBMIT_JOB"]}],
        "credential": KEY,
        "fault": null,
    }]);
    assert_eq!(entry, expected);
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_call_is_journalled_by_its_name() {
    let cloud = Cloud::new();
    cloud.list().await;
    cloud.get("/queues?queue_type=all").await;
    cloud.get("/queues/queue1").await;
    cloud.authorize("update", "alice", &[]).await;
    cloud.send(cloud.request("POST", "/v3/auth/tokens", "{}")).await;
    cloud.get("/elsewhere").await;
    cloud.admin("GET", "/dli/queues", "").await;
    let entries = cloud.simulator.journal_after(0);
    let names: Vec<&str> = entries.iter().map(|entry| entry.operation.as_str()).collect();
    assert_eq!(
        names,
        ["OutsideEdit", "ListQueueUsers", "ListQueues", "ShowQueue", "AuthorizeQueueUser", "CreateToken", "Unknown"]
    );
    assert!(entries.iter().all(|entry| entry.changed.is_empty()));
    assert_eq!(entries.iter().map(|e| e.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    assert!(entries.iter().all(|entry| entry.timestamp == START.parse().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn refused_calls_are_journalled_with_their_code_and_change_nothing() {
    let mut cloud = Cloud::new();
    cloud.authorize("grant", "alice", &["EVERYTHING"]).await;
    cloud.secret = "wrong".to_owned();
    cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await;
    let entries = cloud.simulator.journal_after(1);
    let codes: Vec<_> = entries.iter().map(|e| (e.status, e.error_code.as_deref(), e.succeeded)).collect();
    assert_eq!(codes, [(Some(400), Some("DLI.0001"), false), (Some(401), Some("APIGW.0301"), false)]);
    assert!(entries.iter().all(|e| e.changed.is_empty() && e.credential.as_deref() == Some(KEY)));
}

#[tokio::test(start_paused = true)]
async fn outside_edits_are_told_apart_and_have_no_caller() {
    let cloud = Cloud::new();
    let simulator = &cloud.simulator;
    simulator.outside_set("queue1", "alice", &["SUBMIT_JOB"]).unwrap();
    simulator.outside_grant("queue1", "alice", &["RESTART"]).unwrap();
    simulator.outside_set_administrator("queue1", "alice").unwrap();
    simulator.outside_remove("queue1", "alice").unwrap();
    simulator.outside_set("queue1", "bob", &["RESTART"]).unwrap();
    simulator.remove_queue("queue1");
    let entries = simulator.journal_after(1);
    assert!(entries.iter().all(|e| e.operation == "OutsideEdit" && e.status.is_none() && e.credential.is_none()));
    let told: Vec<_> = entries
        .iter()
        .map(|e| (e.action.as_deref().unwrap(), e.changed[0].before.join(" "), e.changed[0].after.join(" ")))
        .collect();
    let expected = [
        ("update", "", "SUBMIT_JOB"),
        ("grant", "SUBMIT_JOB", "RESTART SUBMIT_JOB"),
        ("update", "RESTART SUBMIT_JOB", "ALL"),
        ("revoke", "ALL", ""),
        ("update", "", "RESTART"),
        ("remove", "RESTART", ""),
    ];
    assert_eq!(told, expected.map(|(action, before, after)| (action, before.to_owned(), after.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_change_is_journalled_also_when_the_caller_is_told_of_a_failure() {
    let cloud = Cloud::new();
    cloud.simulator.add_fault(Fault::on("AuthorizeQueueUser", Action::ApplyThenReset));
    cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await;
    let entry = cloud.simulator.journal_after(1).remove(0);
    assert_eq!((entry.status, entry.succeeded, entry.fault.as_deref()), (None, false, Some("apply_then_reset")));
    let principal = "alice".to_owned();
    assert_eq!(entry.changed, [Change { principal, before: vec![], after: vec!["SUBMIT_JOB".to_owned()] }]);
}

#[tokio::test(start_paused = true)]
async fn no_secret_gets_into_the_journal() {
    let cloud = Cloud::new();
    let body = json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": "sim-operator", "password": "simulatedPassword1", "domain": {"name": "sim-domain"}}}},
        "scope": {"project": {"id": PROJECT}},
    }});
    let answer = cloud.send(cloud.request("POST", "/v3/auth/tokens", &body.to_string())).await;
    let token = answer.header("x-subject-token").to_owned();
    let mut request = cloud.request("GET", &format!("/v1.0/{PROJECT}/queues"), "");
    request.headers_mut().insert("x-auth-token", token.parse().unwrap());
    cloud.send(request).await;
    let signed = cloud.signed("GET", &format!("/v1.0/{PROJECT}/queues"), "");
    let signature = signed.headers()["authorization"].to_str().unwrap().split("Signature=").nth(1).unwrap().to_owned();
    cloud.send(signed).await;
    let entries = cloud.simulator.journal_after(1);
    assert_eq!(entries[0].credential.as_deref(), Some("user:sim-operator"));
    assert_eq!(entries[1].credential.as_deref(), Some("user:sim-operator"));
    let journal = serde_json::to_string(&entries).unwrap();
    for secret in [token.as_str(), "simulatedPassword1", "simulatedSecretKey", &signature] {
        assert!(!journal.contains(secret), "{secret}");
    }
}
