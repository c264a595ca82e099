//! Golden exchanges of writes: what is asked, which calls it takes, and what comes of the answers.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::super::tests::{CLUSTER, Told, calls, cloud, dws, error, no_pool, pools, set, users};
use super::*;
use crate::clouds::IN_FLIGHT;
use crate::clouds::script::{Script, answer, kind, purpose};

const WORKLOAD: &str = "POST /v2/p/clusters/e59d6b86-9072-46eb-a996-13f8b44994c1/workload";
const JOIN_P1: &str = "POST queues/p1/users/batch-create";
const LEAVE_P1: &str = "POST queues/p1/users/batch-delete";
const JOIN_P2: &str = "POST queues/p2/users/batch-create";
const USERS_P1: &str = "GET queues/p1/users";
const USERS_P2: &str = "GET queues/p2/users";

fn done() -> Value {
    json!({"workload_res_code": 0, "workload_res_str": ""})
}

/// What DWS answers when it refuses and does not say why.
fn refusal() -> Value {
    json!({"workload_res_code": 1})
}

fn change(user: &str, before: &[&str], after: &[&str]) -> Placement {
    Placement { user: user.to_owned(), before: set(before), after: set(after), purpose: purpose() }
}

fn kinds(results: &[Result<(), CloudError>]) -> Vec<&'static str> {
    results.iter().map(kind).collect()
}

/// Makes changes. Returns the kinds of the results and the calls.
async fn place(changes: &[Placement], told: Vec<Told>) -> (Vec<&'static str>, Vec<String>) {
    let script = cloud(told);
    let results = dws(&script).place(CLUSTER, changes).await;
    (kinds(&results), calls(&script))
}

#[tokio::test(start_paused = true)]
async fn users_are_put_into_pools_and_taken_out_as_the_vendors_pages_show() {
    let script = cloud(vec![(JOIN_P1, 200, done()), (LEAVE_P1, 200, done())]);
    let changes = [change("ann", &[], &["p1"]), change("bob", &["p1"], &[]), change("cid", &["p1"], &["p1"])];
    assert_eq!(kinds(&dws(&script).place(CLUSTER, &changes).await), ["ok"; 3]);
    assert_eq!(
        script.sent(),
        [
            format!(
                r#"{WORKLOAD}/queues/p1/users/batch-delete {{"queue_name":"p1","user_list":[{{"user_name":"bob"}}]}}"#
            ),
            format!(
                r#"{WORKLOAD}/queues/p1/users/batch-create {{"queue_name":"p1","user_list":[{{"user_name":"ann"}}]}}"#
            ),
        ]
    );
    assert_eq!(
        script.header("content-type"),
        [const { "application/json;charset=utf-8" }; 2].map(|t| Some(t.to_owned()))
    );
}

#[tokio::test(start_paused = true)]
async fn who_moves_leaves_before_joining_a_pool_that_was_seen_to_exist() {
    let changes = [change("ann", &["p1"], &["p2"]), change("bob", &["p1"], &["p2"]), change("cid", &[], &["p2"])];
    let told = vec![(USERS_P2, 200, users(&[])), (LEAVE_P1, 200, done()), (JOIN_P2, 200, done())];
    let (results, calls) = place(&changes, told).await;
    assert_eq!((results, calls), (vec!["ok"; 3], vec![USERS_P2.into(), LEAVE_P1.into(), JOIN_P2.into()]));
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_the_last_list_of_the_cluster_showed_is_known_to_exist() {
    let script = cloud(vec![
        ("GET queues", 200, pools(&["p1"])),
        ("GET queues", 200, pools(&[])),
        (USERS_P1, 200, users(&["ann"])),
        (USERS_P2, 200, users(&[])),
        (LEAVE_P1, 200, done()),
        (JOIN_P2, 200, done()),
    ]);
    let client = dws(&script);
    let change = [change("ann", &["p1"], &["p2"])];
    // Named, and not listed.
    assert!(client.users(CLUSTER, &set(&["p2"]), &purpose()).await.is_ok());
    assert_eq!(kinds(&client.place(CLUSTER, &change).await), ["ok"]);
    assert_eq!(calls(&script)[3..], [LEAVE_P1, JOIN_P2]);

    assert!(client.users(CLUSTER, &set(&[]), &purpose()).await.is_ok());
    assert_eq!(kinds(&client.place(CLUSTER, &change).await), ["ok"]);
    assert_eq!(calls(&script)[6..], [USERS_P2, LEAVE_P1, JOIN_P2], "the list before the last one does not count");
}

#[tokio::test(start_paused = true)]
async fn who_would_move_to_no_pool_stays() {
    let changes = [change("ann", &["p1"], &["p9"]), change("bob", &["p1"], &[])];
    let absent = |show: Told| vec![("GET queues/p9/users", 500, error("DWS.9999")), show, (LEAVE_P1, 200, done())];
    let script = cloud(absent(("GET queues/p9", 500, no_pool())));
    assert_eq!(kinds(&dws(&script).place(CLUSTER, &changes).await), ["pool not found", "ok"]);
    let leave = script.sent().into_iter().find(|sent| sent.contains("batch-delete")).unwrap_or_default();
    assert!(leave.contains("bob") && !leave.contains("ann"), "{leave}");

    let (results, calls) = place(&changes, absent(("GET queues/p9", 403, error("DWS.0015")))).await;
    assert_eq!(results, ["access denied", "ok"]);
    assert_eq!(calls.last().map(String::as_str), Some(LEAVE_P1));
}

#[tokio::test(start_paused = true)]
async fn who_could_not_leave_does_not_join() {
    for (status, body, expected) in [
        (403, error("DWS.7023"), "target not ready"),
        (403, error("DWS.0015"), "access denied"),
        (404, error("DWS.0047"), "target not found"),
        (500, json!({}), "unavailable"),
        (200, json!("done"), "unexpected reply"),
        (200, json!({"workload_res_code": true}), "unexpected reply"),
    ] {
        let told = vec![(USERS_P2, 200, users(&[])), (LEAVE_P1, status, body.clone())];
        let (results, calls) = place(&[change("ann", &["p1"], &["p2"])], told).await;
        assert_eq!((results, calls.len()), (vec![expected], 2), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_refusals_one_look_at_the_pools_concerned_decides() {
    // Bob does not exist any more, and cannot be taken out; eve is in the pool already; cid is not to be had there.
    let changes = [change("bob", &["p1"], &[]), change("cid", &[], &["p1"]), change("eve", &[], &["p1"])];
    let told = vec![(LEAVE_P1, 500, refusal()), (JOIN_P1, 500, refusal()), (USERS_P1, 200, users(&["eve"]))];
    let (results, calls) = place(&changes, told).await;
    assert_eq!(results, ["ok", "rejected", "ok"]);
    assert_eq!(calls, [LEAVE_P1, JOIN_P1, JOIN_P1, JOIN_P1, USERS_P1]);

    let told = vec![(LEAVE_P1, 500, refusal()), (USERS_P1, 200, users(&["bob"]))];
    assert_eq!(place(&changes[..1], told).await.0, ["rejected"]);
    let told = vec![(LEAVE_P1, 500, refusal()), (USERS_P1, 200, users(&["Bob"]))];
    assert_eq!(place(&changes[..1], told).await.0, ["rejected"], "it may be the same user");
    let changes = [change("bob", &["p1"], &[])];
    let told = vec![(LEAVE_P1, 200, json!({"workload_res_code": 103})), (USERS_P1, 200, users(&[]))];
    assert_eq!(place(&changes[..1], told).await.0, ["ok"], "a refusal with HTTP 200 is one");
}

#[tokio::test(start_paused = true)]
async fn one_who_left_the_pool_by_a_refused_call_joins_the_next_time() {
    let told = vec![(USERS_P2, 200, users(&[])), (LEAVE_P1, 500, refusal()), (USERS_P1, 200, users(&[]))];
    let (results, calls) = place(&[change("ann", &["p1"], &["p2"])], told).await;
    assert_eq!(results, ["rejected"]);
    assert_eq!(calls, [USERS_P2, LEAVE_P1, USERS_P1, USERS_P2]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_cannot_be_looked_into_is_as_bad_as_the_look() {
    for (status, body, expected) in [
        (429, error("APIG.0308"), "throttled"),
        (404, error("DWS.0047"), "target not found"),
        (403, error("DWS.0015"), "access denied"),
        (200, json!({}), "unexpected reply"),
    ] {
        let told = vec![
            (LEAVE_P1, 400, error("DWS.0001")),
            (USERS_P1, status, body.clone()),
            ("GET queues/p1", status, body.clone()),
        ];
        assert_eq!(place(&[change("ann", &["p1"], &[])], told).await.0, [expected], "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_does_not_exist_is_told_apart_from_a_failing_service() {
    let join = [change("ann", &[], &["p1"])];
    let told = |look: Told| vec![(JOIN_P1, 500, error("DWS.9999")), look, ("GET queues/p1", 500, no_pool())];
    assert_eq!(place(&join, told((USERS_P1, 500, error("DWS.9999")))).await.0, ["pool not found"]);
    assert_eq!(place(&join, told((USERS_P1, 200, users(&[])))).await.0, ["unavailable"]);
    assert_eq!(place(&join, told((USERS_P1, 200, users(&["ann"])))).await.0, ["ok"]);
}

#[tokio::test(start_paused = true)]
async fn a_user_that_the_database_does_not_know_is_told_apart() {
    let unknown = json!({"workload_res_code": 1, "workload_res_str": "ERROR: role \"ann\" does not exist"});
    let told = vec![(JOIN_P1, 500, unknown), (USERS_P1, 200, users(&[]))];
    assert_eq!(place(&[change("ann", &[], &["p1"])], told).await.0, ["principal not found"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_names_alike_the_very_name_counts() {
    let told = || vec![(USERS_P2, 200, users(&["ann"])), (LEAVE_P1, 500, refusal()), (USERS_P1, 200, users(&["Ann"]))];
    let looked = [change("ann", &["p1"], &[]), change("cid", &["p2"], &[])];
    let leave_p2 = ("POST queues/p2/users/batch-delete", 500, refusal());
    let (results, _) = place(&looked, told().into_iter().chain([leave_p2]).collect()).await;
    assert_eq!(results, ["ok", "ok"], "ann is in the other pool, and Ann somebody else");
}

#[tokio::test(start_paused = true)]
async fn a_failing_service_is_no_absence_for_those_who_are_written_to() {
    let failure = |call| (call, 500, error("DWS.9999"));
    let told = vec![failure(LEAVE_P1), failure(USERS_P1), failure("GET queues/p1")];
    assert_eq!(place(&[change("ann", &["p1"], &[])], told).await.0, ["unavailable"]);
    let told = vec![failure(JOIN_P1), failure(USERS_P1), failure("GET queues/p1")];
    assert_eq!(place(&[change("ann", &[], &["p1"])], told).await.0, ["unavailable"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_a_reason_says_so() {
    let script = cloud(vec![(LEAVE_P1, 500, refusal()), (USERS_P1, 200, users(&["ann"]))]);
    let results = dws(&script).place(CLUSTER, &[change("ann", &["p1"], &[])]).await;
    let words = results[0].as_ref().map_err(ToString::to_string);
    let expected = "the cloud refused: take users out of a resource pool: no reason given (HTTP 500, 1)";
    assert_eq!(words, Err(expected.to_owned()));
}

/// A cloud that refuses calls with a user called `bad…`, in these words.
fn picky(status: u16, words: &'static str) -> std::sync::Arc<Script> {
    let pool: Mutex<BTreeSet<String>> = Mutex::default();
    Script::by(move |request| {
        let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
        if request.method() == Method::GET {
            return answer(200, users(&pool.iter().map(String::as_str).collect::<Vec<_>>()));
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let named = body["user_list"].as_array().cloned().unwrap_or_default();
        let named: BTreeSet<String> =
            named.iter().filter_map(|row| Some(row["user_name"].as_str()?.to_owned())).collect();
        if named.iter().any(|user| user.starts_with("bad")) {
            return answer(status, words);
        }
        pool.extend(named);
        answer(200, done())
    })
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_of_fifty_and_is_halved_until_the_culprit_is_alone() {
    let mut changes: Vec<_> = (0..120).map(|number| change(&format!("user{number}"), &[], &["p1"])).collect();
    changes[70].user = "bad".to_owned();
    let script = picky(500, r#"{"workload_res_code":1}"#);
    let results = dws(&script).place(CLUSTER, &changes).await;
    for (index, result) in results.iter().enumerate() {
        assert_eq!(kind(result), if index == 70 { "rejected" } else { "ok" }, "{index}");
    }
    assert!(results[70].as_ref().is_err_and(|error| error.fault().partly));
    let sizes: Vec<usize> = script.sent().iter().map(|sent| sent.matches("user_name").count()).collect();
    assert_eq!(sizes.iter().max(), Some(&50));
    assert!(sizes.len() < 20, "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_user_for_whom_dws_fails_holds_up_nobody() {
    let changes: Vec<_> = ["a", "b", "c", "bad", "e", "f"].into_iter().map(|user| change(user, &[], &["p1"])).collect();
    let script = picky(500, r#"{"error_code":"DWS.9999","error_msg":"m"}"#);
    let results = dws(&script).place(CLUSTER, &changes).await;
    assert_eq!(kinds(&results), ["ok", "ok", "ok", "unavailable", "ok", "ok"]);
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_sent_is_refused_without_a_call() {
    for change in [
        change("", &[], &["p1"]),
        change("ann", &[], &["default_pool"]),
        change("ann", &["DEFAULT_POOL"], &["p1"]),
        change("ann", &[], &["a/b"]),
        change("ann", &[".."], &[]),
    ] {
        let (results, calls) = place(std::slice::from_ref(&change), vec![]).await;
        assert_eq!((results, calls.len()), (vec!["rejected"], 0), "{change:?}");
    }
    let script = cloud(vec![]);
    let results = dws(&script).place("a/b", &[change("ann", &[], &["p1"])]).await;
    assert_eq!((kinds(&results), script.sent().len()), (vec!["rejected"], 0));
    assert!(place(&[], vec![("GET queues", 200, pools(&[]))]).await.1.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_late_and_all_is_over_within_the_in_flight_window() {
    let start = Instant::now();
    let late = std::sync::Arc::new(Mutex::new(Duration::ZERO));
    let latest = std::sync::Arc::clone(&late);
    let script = Script::slow(Duration::from_secs(9), move |request| {
        *latest.lock().unwrap_or_else(PoisonError::into_inner) = start.elapsed();
        if request.method() == Method::GET { answer(200, users(&[])) } else { answer(500, refusal()) }
    });
    let changes: Vec<_> = (0..400)
        .map(|number| change(&format!("user{number}"), &[&format!("p{}", number % 9)], &[&format!("q{}", number % 9)]))
        .collect();
    let results = dws(&script).place(CLUSTER, &changes).await;
    assert!(start.elapsed() < IN_FLIGHT, "{:?}", start.elapsed());
    assert!(*late.lock().unwrap_or_else(PoisonError::into_inner) <= REPAIR_WINDOW);
    assert!(results.iter().all(Result::is_err));
    assert!(results.iter().any(|result| kind(result) == "throttled"), "the rest was not sent alone");
    assert!(script.sent().len() < 30, "{}", script.sent().len());
}

#[test]
fn the_work_can_go_on_in_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    let client = dws(&cloud(vec![]));
    is_send(&client.users(CLUSTER, &BTreeSet::new(), &purpose()));
    is_send(&client.place(CLUSTER, &[]));
}

#[tokio::test(start_paused = true)]
async fn who_has_left_joins_whatever_comes_up_meanwhile_and_is_tried_again_after_a_list() {
    let (hurry, signal) = tokio::sync::watch::channel(());
    let script = Script::by(move |request| {
        if request.uri().path().ends_with("batch-delete") {
            hurry.send_replace(());
        }
        if request.method() == Method::GET { answer(200, users(&[])) } else { answer(200, done()) }
    });
    let recalled = Purpose { recall: crate::clouds::Recall::by(&signal), ..purpose() };
    let moving = Placement { purpose: recalled.clone(), ..change("ann", &["p1"], &["p2"]) };
    let joining = Placement { purpose: recalled, ..change("bob", &[], &["p3"]) };
    assert_eq!(kinds(&dws(&script).place(CLUSTER, &[moving, joining]).await), ["ok", "turn missed"]);

    let script = Script::slow(FIRST_WINDOW / 2 + Duration::from_secs(1), |request| {
        if request.method() == Method::GET { answer(200, users(&[])) } else { answer(200, done()) }
    });
    let results = dws(&script).place(CLUSTER, &[change("ann", &["p1"], &["p2"])]).await;
    assert_eq!((kinds(&results), calls(&script)), (vec!["throttled"], vec![USERS_P2.into(), LEAVE_P1.into()]));
}
