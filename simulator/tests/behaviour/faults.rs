//! Scripted faults: which call they meet, and what each does to it.

use std::time::Duration;

use serde_json::{Value, json};
use simulator::{Action, Fault};
use tokio::time::{Instant, timeout};

use crate::harness::{CLUSTER, Cloud, Reply, WORKSPACE, let_pass};

/// Adds a fault as the admin API takes it.
async fn fault(cloud: &Cloud, fault: Value) {
    let reply = cloud.admin("POST", "/faults", &fault.to_string()).await;
    assert_eq!(reply.json(), json!({"added": 1}), "{fault}");
}

async fn grant(cloud: &Cloud) -> Reply {
    cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await
}

fn granted(cloud: &Cloud) -> bool {
    !cloud.truth("alice").is_empty()
}

#[tokio::test(start_paused = true)]
async fn a_fault_meets_only_what_all_its_fields_match() {
    let cloud = Cloud::new();
    cloud.simulator.create_queue("queue2", simulator::QueueKind::Sql);
    for wrong in [
        json!({"service": "iam"}),
        json!({"operation": "ListQueueUsers"}),
        json!({"target": "queue2"}),
        json!({"principal": "bob"}),
    ] {
        cloud.simulator.clear_faults();
        let mut all = json!({
            "service": "dli", "operation": "AuthorizeQueueUser", "target": "queue1", "principal": "alice",
            "action": {"answer": {"status": 503}},
        });
        fault(&cloud, all.clone()).await;
        assert_eq!(grant(&cloud).await.status, 503);
        assert!(cloud.simulator.faults().is_empty());
        all.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        fault(&cloud, all).await;
        assert_eq!(grant(&cloud).await.status, 200, "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn skip_and_times_choose_the_calls_and_null_means_for_ever() {
    let cloud = Cloud::new();
    let statuses = async || {
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push(cloud.list().await.status);
        }
        seen
    };
    fault(&cloud, json!({"skip": 1, "times": 2, "action": {"answer": {"status": 500}}})).await;
    assert_eq!(statuses().await, [200, 500, 500, 200, 200]);
    fault(&cloud, json!({"times": null, "action": {"answer": {"status": 500}}})).await;
    assert_eq!(statuses().await, [500; 5]);
    cloud.simulator.clear_faults();
    assert_eq!(statuses().await, [200; 5]);
}

#[tokio::test(start_paused = true)]
async fn of_several_faults_the_first_that_is_ready_is_played() {
    let cloud = Cloud::new();
    let both = json!([
        {"skip": 1, "action": {"answer": {"status": 500}}},
        {"times": 2, "action": {"answer": {"status": 503}}},
    ]);
    cloud.admin("POST", "/faults", &both.to_string()).await;
    let statuses =
        [cloud.list().await.status, cloud.list().await.status, cloud.list().await.status, cloud.list().await.status];
    assert_eq!(statuses, [503, 500, 503, 200]);
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_not_let_in_use_up_no_fault() {
    let mut cloud = Cloud::new();
    fault(&cloud, json!({"action": {"answer": {"status": 500}}})).await;
    let good = std::mem::replace(&mut cloud.secret, "wrong".to_owned());
    assert_eq!(cloud.list().await.status, 401);
    cloud.secret = good;
    assert_eq!(cloud.list().await.status, 500);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_in_the_envelope_that_belongs_to_its_code() {
    let cloud = Cloud::new();
    let throttled = json!({"answer": {
        "status": 429, "code": "APIGW.0308", "message": "slow down", "headers": {"Retry-After": "7"}}});
    fault(&cloud, json!({"action": throttled})).await;
    let reply = grant(&cloud).await;
    assert_eq!(reply.refusal(), (429, "APIGW.0308".to_owned()));
    assert_eq!(reply.header("retry-after"), "7");
    assert_eq!(reply.json()["request_id"], reply.header("x-request-id"));

    fault(&cloud, json!({"action": {"answer": {"status": 400, "code": "DLI.0999", "message": "server"}}})).await;
    assert_eq!(grant(&cloud).await.json(), json!({"error_code": "DLI.0999", "error_msg": "server"}));
    fault(&cloud, json!({"action": {"answer": {"status": 502, "body": {"any": "thing"}}}})).await;
    assert_eq!(grant(&cloud).await.json(), json!({"any": "thing"}));
    fault(&cloud, json!({"action": {"answer": {"status": 502}}})).await;
    assert_eq!(grant(&cloud).await.text, "");
    assert!(!granted(&cloud));
}

#[tokio::test(start_paused = true)]
async fn every_service_puts_an_answer_into_its_own_envelope() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.simulator.create_workspace(WORKSPACE);
    fault(&cloud, json!({"service": "dws", "action": {"answer": {"status": 503, "code": "DWS.1", "message": "m"}}}))
        .await;
    let expected = json!({"externalMessage": "m", "errCode": "DWS.1", "error_code": "DWS.1", "error_msg": "m"});
    assert_eq!(cloud.associate("etl", &["bob"]).await.json(), expected);
    let dayu = json!({"answer": {"status": 500, "code": "DAYU.3531", "message": "m"}});
    fault(&cloud, json!({"service": "dataarts", "action": dayu})).await;
    let reply = cloud.workspace("GET", "/users", &Value::Null).await;
    assert_eq!((reply.status, reply.json()), (500, json!({"error_code": "DAYU.3531", "error_msg": "m"})));
    fault(&cloud, json!({"operation": "ListAuthDomains", "action": {"answer": {"status": 403, "message": "m"}}})).await;
    let reply = cloud.call("GET", "/v3/auth/domains", "").await;
    assert_eq!(reply.json(), json!({"error": {"code": 403, "message": "m", "title": "Forbidden"}}));
    fault(&cloud, json!({"action": {"answer": {"status": 429, "code": "APIGW.0308"}}})).await;
    assert_eq!(cloud.associate("etl", &["bob"]).await.json().get("errCode"), None);
}

#[tokio::test(start_paused = true)]
async fn every_service_denies_success_in_its_own_words() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.simulator.create_workspace(WORKSPACE);
    let denied = json!({"times": 2, "action": {"is_success_false": {"message": "no"}}});
    fault(&cloud, denied).await;
    let reply = cloud.associate("etl", &["bob"]).await;
    assert_eq!((reply.status, reply.json()), (200, json!({"workload_res_code": 1, "workload_res_str": "no"})));
    let reply = cloud.workspace("POST", "/delete-users", &Value::Null).await;
    assert_eq!((reply.status, reply.json()), (200, json!({"message": "no", "is_success": false})));
    fault(&cloud, json!({"action": {"is_success_false": {}}})).await;
    let reply = cloud.workspace("POST", "/delete-users", &Value::Null).await;
    assert_eq!(reply.json(), json!({"message": null, "is_success": false}));
    assert!(cloud.simulator.users(CLUSTER).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_fault_meets_calls_about_one_of_many_principals() {
    let cloud = Cloud::with_cluster(|_| ());
    fault(&cloud, json!({"target": CLUSTER, "principal": "carol", "action": "apply_then_reset"})).await;
    assert!(!cloud.associate("etl", &["bob"]).await.closed);
    assert!(cloud.associate("etl", &["dave", "carol"]).await.closed);
    assert_eq!(cloud.simulator.users(CLUSTER).unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn success_can_be_denied_in_an_answer_of_200() {
    let cloud = Cloud::new();
    fault(&cloud, json!({"action": {"is_success_false": {"message": "no"}}})).await;
    let reply = grant(&cloud).await;
    assert_eq!((reply.status, reply.json()), (200, json!({"is_success": false, "message": "no"})));
    assert!(!granted(&cloud));
}

#[tokio::test(start_paused = true)]
async fn a_delayed_call_is_handled_later_even_when_its_caller_has_gone() {
    let cloud = Cloud::new();
    fault(&cloud, json!({"action": {"delay_ms": 5000}})).await;
    let start = Instant::now();
    assert!(grant(&cloud).await.succeeded());
    assert_eq!(start.elapsed().as_secs(), 5);
    cloud.simulator.outside_remove("queue1", "alice").unwrap();

    fault(&cloud, json!({"action": {"delay_ms": 5000}})).await;
    assert!(timeout(Duration::from_secs(1), grant(&cloud)).await.is_err());
    assert!(!granted(&cloud));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(granted(&cloud));
}

#[tokio::test(start_paused = true)]
async fn a_hanging_call_is_never_answered_handled_or_not() {
    for (action, applied) in [("hang", false), ("apply_then_hang", true)] {
        let cloud = Cloud::new();
        fault(&cloud, json!({"action": action})).await;
        assert!(timeout(Duration::from_hours(1), grant(&cloud)).await.is_err());
        assert_eq!(granted(&cloud), applied, "{action}");
        let entry = cloud.simulator.journal_after(1).remove(0);
        assert_eq!((entry.status, entry.fault.as_deref()), (None, Some(action)));
        assert!(cloud.list().await.succeeded());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_closes_the_connection_handled_or_not() {
    for (action, applied) in [("reset", false), ("apply_then_reset", true)] {
        let cloud = Cloud::new();
        fault(&cloud, json!({"action": action})).await;
        let reply = grant(&cloud).await;
        assert!(reply.closed && reply.broken && reply.text.is_empty(), "{action}: {reply:?}");
        assert_eq!(granted(&cloud), applied, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_can_be_handled_and_answered_with_an_error_or_late() {
    let cloud = Cloud::new();
    fault(&cloud, json!({"action": {"apply_then_answer": {"status": 500, "code": "DLI.0999"}}})).await;
    assert_eq!(grant(&cloud).await.refusal(), (500, "DLI.0999".to_owned()));
    assert!(granted(&cloud));
    fault(&cloud, json!({"action": {"apply_then_delay_ms": 5000}})).await;
    assert!(timeout(Duration::from_secs(1), cloud.authorize("update", "alice", &[])).await.is_err());
    assert!(!granted(&cloud));
}

#[tokio::test(start_paused = true)]
async fn an_effect_can_land_after_its_answer_and_after_later_calls() {
    let cloud = Cloud::new();
    let late = json!({"land_later": {"after_ms": 30_000, "answer": {"status": 504, "code": "APIGW.0201"}}});
    fault(&cloud, json!({"operation": "AuthorizeQueueUser", "action": late})).await;
    let reply = grant(&cloud).await;
    assert_eq!(reply.status, 504);
    cloud.authorize("grant", "alice", &["RESTART"]).await;
    assert_eq!(cloud.truth("alice"), ["RESTART"]);
    cloud.authorize("update", "alice", &[]).await;
    let_pass(29).await;
    assert!(!granted(&cloud));
    let_pass(1).await;
    assert_eq!(cloud.list().await.held("alice"), ["SUBMIT_JOB"]);
    let entries = cloud.simulator.journal_after(1);
    let told: Vec<_> = entries.iter().map(|e| (e.operation.as_str(), e.status, e.changed.len())).collect();
    let expected = [
        ("AuthorizeQueueUser", Some(504), 0),
        ("AuthorizeQueueUser", Some(200), 1),
        ("AuthorizeQueueUser", Some(200), 1),
        ("LateEffect", None, 1),
        ("ListQueueUsers", Some(200), 0),
    ];
    assert_eq!(told, expected);
    assert_eq!(entries[3].request_id.as_deref(), Some(reply.header("x-request-id")));
}

#[tokio::test(start_paused = true)]
async fn late_effects_land_in_the_order_in_which_they_are_due() {
    let cloud = Cloud::new();
    for (after_ms, privilege) in [(9000, "RESTART"), (3000, "SUBMIT_JOB")] {
        fault(&cloud, json!({"action": {"land_later": {"after_ms": after_ms}}})).await;
        cloud.authorize("update", "alice", &[privilege]).await;
    }
    let_pass(10).await;
    assert_eq!(cloud.truth("alice"), ["RESTART"]);
}

#[tokio::test(start_paused = true)]
async fn a_late_effect_without_an_answer_closes_the_connection() {
    let cloud = Cloud::new();
    fault(&cloud, json!({"action": {"land_later": {"after_ms": 1000}}})).await;
    assert!(grant(&cloud).await.closed);
    let_pass(1).await;
    assert!(granted(&cloud));
}

#[tokio::test(start_paused = true)]
async fn a_truncated_answer_breaks_off_before_its_announced_end() {
    let cloud = Cloud::new();
    fault(&cloud, json!({"action": "truncated_body"})).await;
    let reply = cloud.list().await;
    assert!(reply.broken && !reply.closed && reply.status == 200, "{reply:?}");
    assert_eq!(reply.header("content-length"), cloud.list().await.text.len().to_string());
}

#[tokio::test(start_paused = true)]
async fn a_bad_answer_is_complete_but_no_json() {
    let cloud = Cloud::new();
    fault(&cloud, json!({"action": "bad_json"})).await;
    let reply = cloud.list().await;
    assert!(!reply.broken && !reply.text.is_empty());
    assert!(serde_json::from_str::<Value>(&reply.text).is_err(), "{reply:?}");
}

#[tokio::test(start_paused = true)]
async fn a_huge_answer_goes_on_for_ten_megabytes_or_as_long_as_asked() {
    let cloud = Cloud::new();
    fault(&cloud, json!({"action": {"huge_body": {}}})).await;
    assert!(cloud.list().await.text.len() >= 10 * 1024 * 1024);
    fault(&cloud, json!({"action": {"huge_body": {"bytes": 200_000}}})).await;
    let reply = cloud.list().await;
    assert!((200_000..300_000).contains(&reply.text.len()));
    assert_eq!(reply.users(), ["sim-owner"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_drips_byte_by_byte() {
    let cloud = Cloud::new();
    let length = cloud.list().await.text.len();
    fault(&cloud, json!({"action": {"slow_drip": {"every_ms": 1000}}})).await;
    let start = Instant::now();
    assert_eq!(cloud.list().await.text.len(), length);
    assert_eq!(start.elapsed().as_secs(), length as u64);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_sends_elsewhere_and_does_nothing() {
    let cloud = Cloud::new();
    fault(&cloud, json!({"action": {"redirect": {"location": "http://127.0.0.1:1/"}}})).await;
    let reply = grant(&cloud).await;
    assert_eq!((reply.status, reply.header("location")), (307, "http://127.0.0.1:1/"));
    assert!(!granted(&cloud));
}

#[tokio::test(start_paused = true)]
async fn faults_are_added_from_rust_as_well() {
    let cloud = Cloud::new();
    let reply = simulator::Reply::new(400, "DLI.0003", "denied");
    let fault = Fault { principal: Some("alice".to_owned()), ..Fault::next(Action::Answer(reply)) };
    cloud.simulator.add_fault(fault);
    assert!(cloud.authorize("grant", "bob", &["RESTART"]).await.succeeded());
    assert_eq!(grant(&cloud).await.refusal(), (400, "DLI.0003".to_owned()));
}
