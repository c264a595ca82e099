//! Golden exchanges: what is asked, what is sent for it, and what comes of the answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::clouds::huawei::session::tests::{key, session};
use crate::clouds::script::{Script, answer, kind, purpose};

const USERS: &str = "/v1.0/p/queues/q1/users";

pub(super) fn dli(script: &Arc<Script>) -> Dli {
    Dli::new(session(script, key()))
}

fn set(privileges: &[&str]) -> BTreeSet<String> {
    privileges.iter().map(|privilege| (*privilege).to_owned()).collect()
}

pub(super) fn row(name: &str, privileges: &[&str]) -> Value {
    json!({"is_admin": false, "user_name": name, "privileges": privileges})
}

pub(super) fn list(rows: &[Value]) -> Value {
    json!({"is_success": true, "message": "", "queue_name": "q1", "privileges": rows})
}

pub(super) fn error(code: &str, message: &str) -> Value {
    json!({"error_code": code, "error_msg": message})
}

pub(super) fn change(user: &str, before: &[&str], after: &[&str]) -> Authorization {
    Authorization { user: user.to_owned(), before: set(before), after: set(after), purpose: purpose() }
}

/// Reads the users of `q1`; the answers are told as status and body. Returns the result and what was sent.
async fn users(answers: Vec<(u16, Value)>) -> (Result<QueueUsers, CloudError>, Vec<String>) {
    let script = Script::of(answers.into_iter().map(|(status, body)| answer(status, body)));
    let result = dli(&script).users("Q1", &purpose()).await;
    (result, script.sent())
}

#[tokio::test(start_paused = true)]
async fn the_users_of_a_queue_are_read_as_the_vendors_example_shows_them() {
    let body = json!({"is_success": true, "message": "", "queue_name": "queue1", "privileges": [
        {"is_admin": true, "privileges": ["ALL"], "user_name": "tenant1"},
        {"is_admin": false, "privileges": ["SUBMIT_JOB", "SHOW_PRIVILEGE"], "user_name": "user2"},
    ]});
    let script = Script::of([answer(200, body)]);
    let users = dli(&script).users("Queue1", &purpose()).await;
    let user = |name: &str, admin, privileges: &[&str]| QueueUser {
        name: name.to_owned(),
        admin,
        privileges: set(privileges),
    };
    let expected = [user("tenant1", true, &["ALL"]), user("user2", false, &["SUBMIT_JOB", "SHOW_PRIVILEGES"])];
    assert_eq!(users, Ok(QueueUsers::Users(expected.to_vec())));
    assert_eq!(script.sent(), ["GET /v1.0/p/queues/queue1/users?limit=100&offset=0"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_whole_list_is_an_error_and_never_an_empty_one() {
    for body in [
        json!({}),
        json!([]),
        json!(null),
        json!({"is_success": true}),
        json!({"is_success": true, "privileges": null}),
        json!({"is_success": true, "privileges": {}}),
        json!({"privileges": []}),
        json!({"is_success": true, "privileges": [{"is_admin": false, "privileges": []}]}),
        json!({"is_success": true, "privileges": [{"user_name": "", "privileges": []}]}),
        json!({"is_success": true, "privileges": [{"user_name": "ann"}]}),
        json!({"is_success": true, "privileges": [{"user_name": "ann", "privileges": ["A"], "is_admin": "no"}]}),
        json!({"is_success": true, "privileges": [], "count": 1}),
        json!({"is_success": true, "privileges": [], "count": -1}),
        json!({"is_success": true, "queue_name": "other", "privileges": []}),
        list(&[row("ann", &["A"]), row("ann", &["A"])]),
    ] {
        let (result, _) = users(vec![(200, body.clone()), (200, body.clone()), (200, body.clone())]).await;
        assert_eq!(kind(&result), "unexpected reply", "{body}");
    }
    let (result, _) = users(vec![(200, json!({"is_success": false, "privileges": []}))]).await;
    assert_eq!(kind(&result), "rejected");
    let (result, _) = users(vec![(200, list(&[]))]).await;
    assert_eq!(result, Ok(QueueUsers::Users(Vec::new())));
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_gone_only_when_the_list_of_all_queues_lacks_it() {
    for code in ["DLI.0002", "DLI.0023"] {
        let queues = json!({"is_success": true, "queues": [{"queue_name": "other"}]});
        let (result, sent) = users(vec![(400, error(code, "no queue q1")), (200, queues)]).await;
        assert_eq!(result, Ok(QueueUsers::QueueGone));
        assert_eq!(sent, [format!("GET {USERS}?limit=100&offset=0"), "GET /v1.0/p/queues?queue_type=all".to_owned()]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_not_gone_when_the_list_of_all_queues_shows_it_or_cannot_be_read() {
    for (status, body, expected) in [
        (200, json!({"is_success": true, "queues": [{"queue_name": "Q1"}]}), "unexpected reply"),
        (200, json!({"is_success": true, "queues": [{"queueName": "q1"}]}), "unexpected reply"),
        (200, json!({"queues": []}), "unexpected reply"),
        (200, json!({"is_success": true}), "unexpected reply"),
        (200, json!({"is_success": true, "queues": [{}]}), "unexpected reply"),
        (200, json!({"is_success": true, "queues": [], "queue_count": 1}), "unexpected reply"),
        (200, json!({"is_success": false, "queues": []}), "rejected"),
        (400, error("DLI.0003", "denied"), "access denied"),
        (400, error("DLI.0002", "no project"), "target not found"),
        (403, json!({}), "access denied"),
        (500, json!({}), "unavailable"),
    ] {
        let (result, _) = users(vec![(400, error("DLI.0002", "none")), (status, body.clone())]).await;
        assert_eq!(kind(&result), expected, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_absence_needs_no_second_look() {
    for (status, body, expected) in [
        (404, error("APIGW.0101", "The API does not exist or has not been published"), "rejected"),
        (404, json!({}), "unexpected reply"),
        (403, error("APIG.0302", ""), "access denied"),
        (400, error("DLI.0003", ""), "access denied"),
        (400, error("DLI.0999", ""), "unavailable"),
        (400, error("DLI.0001", ""), "rejected"),
        (401, error("APIG.0301", ""), "credentials rejected"),
        (500, error("DLI.1234", ""), "unavailable"),
        (302, json!({}), "unexpected reply"),
    ] {
        let (result, sent) = users(vec![(status, body.clone())]).await;
        assert_eq!((kind(&result), sent.len()), (expected, 1), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_would_change_the_path_is_not_sent() {
    for queue in ["", ".", "..", "a/b", "a\\b", "a\nb", &"a".repeat(129)] {
        let script = Script::of([]);
        assert_eq!(kind(&dli(&script).users(queue, &purpose()).await), "rejected", "{queue}");
        let results = dli(&script).authorize(queue, &[change("ann", &[], &["A"])]).await;
        assert_eq!(results.iter().map(kind).collect::<Vec<_>>(), ["rejected"], "{queue}");
        assert!(script.sent().is_empty());
    }
}
