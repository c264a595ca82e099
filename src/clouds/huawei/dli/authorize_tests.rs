//! Golden exchanges of writes: what is asked, which calls it takes, and what comes of the answers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::tests::{change, dli, error, list, row};
use super::*;
use crate::clouds::script::{Script, answer, kind, purpose};

fn done() -> Value {
    json!({"is_success": true, "message": ""})
}

/// Makes changes on `q1`. Returns the kinds of the results and what was sent, writes as `action user privileges`.
async fn authorize(changes: &[Authorization], answers: Vec<(u16, Value)>) -> (Vec<&'static str>, Vec<String>) {
    let script = Script::of(answers.into_iter().map(|(status, body)| answer(status, body)));
    let results = dli(&script).authorize("Q1", changes).await;
    (results.iter().map(kind).collect(), written(&script))
}

fn written(script: &Script) -> Vec<String> {
    let line = |request: &http::Request<bytes::Bytes>| match serde_json::from_slice::<Value>(request.body()) {
        Ok(body) => {
            assert_eq!(request.uri().path(), "/v1.0/p/queues/user-authorization");
            assert_eq!(body["queue_name"], "q1");
            let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
            format!("{} {} {}", text("action"), text("user_name"), body["privileges"])
        }
        Err(_) => format!("{} {}", request.method(), request.uri().path()),
    };
    script.requests().iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn each_change_is_the_call_that_touches_least_and_removals_go_first() {
    let changes = [
        change("adds", &["A"], &["A", "B", "C"]),
        change("swaps", &["A", "F"], &["B", "F"]),
        change("rests", &["A"], &["A"]),
        change("loses", &["A", "B"], &["B"]),
    ];
    let answers = vec![(200, done()), (200, done()), (200, done())];
    let (results, sent) = authorize(&changes, answers).await;
    assert_eq!(results, ["ok"; 4]);
    assert_eq!(sent, [r#"revoke loses ["A"]"#, r#"update swaps ["B","F"]"#, r#"grant adds ["B","C"]"#]);
}

#[tokio::test(start_paused = true)]
async fn results_are_in_the_order_of_the_changes() {
    let changes = [change("ann", &[], &["A"]), change("bob", &["A"], &[]), change("cid", &["A"], &["B"])];
    let answers = vec![(200, done()), (403, json!({})), (500, json!({}))];
    let (results, sent) = authorize(&changes, answers).await;
    assert_eq!(sent.len(), 3);
    assert_eq!(results, ["unavailable", "ok", "access denied"]);
}

#[tokio::test(start_paused = true)]
async fn a_write_is_done_only_if_the_answer_says_so() {
    for (status, body, expected) in [
        (200, json!({}), "unexpected reply"),
        (200, json!({"is_success": null}), "unexpected reply"),
        (200, json!({"message": "ok"}), "unexpected reply"),
        (204, json!(""), "unexpected reply"),
        (302, json!({}), "unexpected reply"),
        (404, error("APIG.0101", ""), "access denied"),
    ] {
        let answers = vec![(status, body.clone()), (400, error("DLI.0003", ""))];
        let (results, _) = authorize(&[change("ann", &[], &["A"])], answers).await;
        assert_eq!(results, [expected], "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_refusals_the_list_is_read_once_and_what_is_still_wanted_replaces() {
    let changes = [
        change("holds", &[], &["A"]),
        change("lost", &["A"], &[]),
        change("adds", &["A"], &["A", "B"]),
        change("loses", &["A", "B"], &["B"]),
        change("fresh", &[], &["A"]),
    ];
    let refusal = || (400, error("DLI.0006", "already so"));
    let now = list(&[row("holds", &["A"]), row("adds", &["A", "X"]), row("loses", &["A", "Y"])]);
    let mut answers = vec![refusal(), refusal(), refusal(), refusal(), refusal(), (200, now)];
    answers.extend([(200, done()), (200, done()), (200, json!({"is_success": false, "message": "still not"}))]);
    let (results, sent) = authorize(&changes, answers).await;
    assert_eq!(
        sent[5..],
        [
            "GET /v1.0/p/queues/q1/users",
            r#"update loses ["Y"]"#,
            r#"update adds ["A","B","X"]"#,
            r#"update fresh ["A"]"#
        ]
    );
    assert_eq!(results, ["ok", "ok", "ok", "ok", "rejected"]);
}

#[tokio::test(start_paused = true)]
async fn taking_away_the_last_privilege_after_a_refusal_replaces_by_nothing() {
    let answers = vec![(400, error("DLI.0001", "")), (200, list(&[row("ann", &["A"])])), (200, done())];
    let (results, sent) = authorize(&[change("ann", &["A"], &[])], answers).await;
    assert_eq!((results, sent[2].as_str()), (vec!["ok"], "update ann []"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_repaired_after_an_outage_or_a_denial() {
    for (status, body, expected) in [
        (400, error("DLI.0999", ""), "unavailable"),
        (400, error("DLI.0003", ""), "access denied"),
        (401, json!({}), "credentials rejected"),
        (400, error("DLI.0002", "queue q1 does not exist"), "target not found"),
        (200, json!({}), "unexpected reply"),
    ] {
        let (results, sent) = authorize(&[change("ann", &[], &["A"])], vec![(status, body.clone())]).await;
        assert_eq!((results, sent.len()), (vec![expected], 1), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_cannot_be_looked_into_is_as_bad_as_the_look() {
    for (status, body, expected) in
        [(200, json!({}), "unexpected reply"), (400, error("DLI.0003", ""), "access denied")]
    {
        let answers = vec![(400, error("DLI.0006", "")), (status, body.clone())];
        let (results, sent) = authorize(&[change("ann", &[], &["A"])], answers).await;
        assert_eq!((results, sent.len()), (vec![expected], 2), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_administrators_row_is_never_written() {
    for change in [change("boss", &["ALL"], &[]), change("boss", &[], &["ALL"]), change("", &[], &["A"])] {
        let (results, sent) = authorize(&[change], vec![]).await;
        assert_eq!((results, sent.len()), (vec!["rejected"], 0));
    }
    // It has become one since the list; whether the cloud tells upper from lower case is not known.
    let boss = json!({"is_admin": true, "user_name": "Boss", "privileges": ["ALL"]});
    let answers = vec![(400, error("DLI.0007", "is an administrator")), (200, list(&[boss]))];
    let (results, sent) = authorize(&[change("boss", &[], &["A"])], answers).await;
    assert_eq!((results, sent.len()), (vec!["rejected"], 2));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_names_the_user_and_not_the_queue_is_about_the_user() {
    for (code, message, expected) in [
        ("DLI.0002", "The user Ann does not exist", "principal not found"),
        ("DLI.0001", "user 'ann' not found", "principal not found"),
        ("DLI.0002", "Queue q1 does not exist for user ann", "target not found"),
        ("DLI.0002", "The user joann does not exist", "target not found"),
        ("DLI.0002", "no such object", "target not found"),
        ("DLI.0001", "user ann may not", "rejected"),
    ] {
        let changes = [change("ann", &[], &["A"])];
        let answers =
            vec![(400, error(code, message)), (200, list(&[row("bob", &["A"])])), (400, error(code, message))];
        let (results, _) = authorize(&changes, answers).await;
        assert_eq!(results, [expected], "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_that_is_gone_has_nothing_left_to_take_away() {
    let answers = vec![(400, error("DLI.0002", "user ann does not exist")), (200, list(&[row("bob", &["A"])]))];
    let (results, sent) = authorize(&[change("ann", &["A"], &[])], answers).await;
    assert_eq!((results, sent.len()), (vec!["ok"], 2));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_late_and_all_is_over_within_the_in_flight_window() {
    let script: Arc<Script> = Script::slow(Duration::from_secs(29), |_| answer(400, error("DLI.0006", "")));
    let changes: Vec<_> = (0..50).map(|number| change(&format!("user{number}"), &[], &["A"])).collect();
    let start = Instant::now();
    let results = dli(&script).authorize("q1", &changes).await;
    assert!(start.elapsed() < crate::clouds::IN_FLIGHT, "{:?}", start.elapsed());
    assert!(results.iter().all(Result::is_err));
    assert!(results.iter().any(|result| kind(result) == "turn missed"), "the rest was not sent");
    assert!(script.sent().len() < 10, "{:?}", script.sent());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_whose_look_misses_its_turn_is_no_missed_turn() {
    let (hurry, signal) = tokio::sync::watch::channel(());
    let script = Script::by(move |_| {
        hurry.send_replace(());
        answer(400, error("DLI.0006", ""))
    });
    let recalled = Purpose { recall: crate::clouds::Recall::by(&signal), ..purpose() };
    let changes = [Authorization { purpose: recalled, ..change("ann", &[], &["A"]) }];
    let results = dli(&script).authorize("q1", &changes).await;
    assert_eq!((kind(&results[0]), script.sent().len()), ("throttled", 1));
}
