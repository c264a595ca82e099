//! Golden exchanges: which calls a list of a cluster's users takes, and what comes of the answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::*;
use crate::clouds::huawei::session::tests::{key, session};
use crate::clouds::script::{Script, answer, kind, purpose};

pub(super) const CLUSTER: &str = "e59d6b86-9072-46eb-a996-13f8b44994c1";
const WORKLOAD: &str = "/v2/p/clusters/e59d6b86-9072-46eb-a996-13f8b44994c1/workload";

pub(super) type Told = (&'static str, u16, Value);

/// Answers each call as told: what is told several times in a row, the last one for good.
pub(super) fn cloud(told: Vec<Told>) -> Arc<Script> {
    let told: Mutex<VecDeque<Told>> = Mutex::new(told.into());
    Script::by(move |request| {
        let asked = asked(request.method(), request.uri().path());
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = told.iter().position(|(call, ..)| *call == asked) else {
            panic!("nobody has told what to answer to {asked}")
        };
        let (_, status, body) = told[first].clone();
        if told.iter().filter(|(call, ..)| *call == asked).count() > 1 {
            told.remove(first);
        }
        answer(status, body)
    })
}

/// A call without what all have in common.
fn asked(method: &http::Method, path: &str) -> String {
    format!("{method} {}", path.strip_prefix(WORKLOAD).unwrap_or(path).trim_start_matches('/')).trim_end().to_owned()
}

pub(super) fn calls(script: &Script) -> Vec<String> {
    script.requests().iter().map(|request| asked(request.method(), request.uri().path())).collect()
}

pub(super) fn dws(script: &Arc<Script>) -> Dws {
    Dws::new(session(script, key()))
}

pub(super) fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub(super) fn pools(names: &[&str]) -> Value {
    json!({"workload_res_code": 0, "workload_res_str": "", "workload_queue_name_list": names})
}

pub(super) fn users(names: &[&str]) -> Value {
    let rows: Vec<Value> = names
        .iter()
        .map(|name| json!({"user_name": name, "occupy_resource_list": [{"resource_name": "cpu"}]}))
        .collect();
    json!({"user_list": rows, "count": names.len()})
}

pub(super) fn error(code: &str) -> Value {
    json!({"externalMessage": "m", "errCode": code, "error_code": code, "error_msg": "m"})
}

/// What DWS answers when asked to show a pool that does not exist.
pub(super) fn no_pool() -> Value {
    json!({"workload_res_code": 1, "workload_res_str": null, "workload_queue": null})
}

fn listed(users: &[(&str, &[&str])], unknown_pools: &[&str]) -> ClusterUsers {
    let users = users.iter().map(|(user, pools)| ((*user).to_owned(), set(pools))).collect();
    ClusterUsers::Users { users, unknown_pools: set(unknown_pools) }
}

/// Lists the users of the cluster. Returns the result and the calls.
async fn list(named: &[&str], told: Vec<Told>) -> (Result<ClusterUsers, CloudError>, Vec<String>) {
    let script = cloud(told);
    let result = dws(&script).users(CLUSTER, &set(named), &purpose()).await;
    (result, calls(&script))
}

#[tokio::test(start_paused = true)]
async fn every_pool_but_the_default_one_is_read_as_the_vendors_pages_show() {
    let script = cloud(vec![
        ("GET queues", 200, pools(&["default_pool", "p1", "p2"])),
        ("GET queues/p1/users", 200, users(&["ann", "Bob"])),
        ("GET queues/p2/users", 200, json!({"workload_res_code": 0, "queue_name": "p2", "user_list": [], "count": 0})),
    ]);
    let result = dws(&script).users(CLUSTER, &set(&["p1", "Default_Pool"]), &purpose()).await;
    assert_eq!(result, Ok(listed(&[("ann", &["p1"]), ("Bob", &["p1"])], &[])));
    assert_eq!(
        script.sent(),
        [
            format!("GET {WORKLOAD}/queues"),
            format!("GET {WORKLOAD}/queues/p1/users?limit=100&offset=0"),
            format!("GET {WORKLOAD}/queues/p2/users?limit=100&offset=0"),
        ]
    );
    assert_eq!(script.requests()[0].uri().host(), Some("dws.cn-north-4.myhuaweicloud.com"));
}

#[tokio::test(start_paused = true)]
async fn a_list_of_whole_pools_is_one_too_and_a_user_may_be_in_several() {
    let told = vec![
        ("GET queues", 200, json!({"queue_list": [{"queue_name": "p1", "x": 1}], "workload_queue_name_list": ["p2"]})),
        ("GET queues/p1/users", 200, users(&["ann"])),
        ("GET queues/p2/users", 200, users(&["ann"])),
    ];
    assert_eq!(list(&[], told).await.0, Ok(listed(&[("ann", &["p1", "p2"])], &[])));
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_named_is_read_even_if_it_is_not_listed() {
    let told = vec![("GET queues", 200, pools(&[])), ("GET queues/p9/users", 200, users(&["ann"]))];
    let (result, calls) = list(&["p9"], told).await;
    assert_eq!(result, Ok(listed(&[("ann", &["p9"])], &[])));
    assert_eq!(calls, ["GET queues", "GET queues/p9/users"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_whole_list_of_pools_is_an_error() {
    for body in [
        json!({}),
        json!([]),
        json!(null),
        json!({"workload_queue_name_list": null, "queue_list": null}),
        json!({"workload_queue_name_list": {}}),
        json!({"workload_queue_name_list": [1]}),
        json!({"queue_list": [{}]}),
        json!({"workload_queue_name_list": ["p1"], "workload_res_code": true}),
        json!({"workload_queue_name_list": ["a/b"]}),
    ] {
        let (result, _) = list(&[], vec![("GET queues", 200, body.clone())]).await;
        assert_eq!(kind(&result), "unexpected reply", "{body}");
    }
    let (result, _) = list(&[], vec![("GET queues", 200, json!({"workload_res_code": 7}))]).await;
    assert_eq!(kind(&result), "rejected");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_whole_list_of_users_is_an_error_and_never_an_empty_one() {
    for body in [
        json!({}),
        json!([]),
        json!({"user_list": null}),
        json!({"user_list": null, "count": 1}),
        json!({"user_list": {}}),
        json!({"user_list": [{}]}),
        json!({"user_list": [{"user_name": null}]}),
        json!({"user_list": [{"user_name": ""}]}),
        json!({"user_list": [], "count": 1}),
        json!({"user_list": [], "count": "many"}),
        json!({"user_list": [], "count": -1}),
        json!({"user_list": [], "queue_name": "other"}),
        json!({"user_list": [{"user_name": "ann"}, {"user_name": "ann"}]}),
        json!({"user_list": [], "workload_res_code": []}),
    ] {
        let told = vec![("GET queues", 200, pools(&["p1"])), ("GET queues/p1/users", 200, body.clone())];
        assert_eq!(kind(&list(&[], told).await.0), "unexpected reply", "{body}");
    }
    for body in [json!({"user_list": null, "count": 0}), json!({"user_list": []}), json!({"count": "0"})] {
        let told = vec![("GET queues", 200, pools(&["p1"])), ("GET queues/p1/users", 200, body)];
        assert_eq!(list(&[], told).await.0, Ok(listed(&[], &[])));
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_list_of_users_is_read_to_its_end() {
    let names: Vec<String> = (0..130).map(|number| format!("user{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let first = json!({"user_list": users(&names[..100])["user_list"], "count": 130});
    let told = vec![
        ("GET queues", 200, pools(&["p1"])),
        ("GET queues/p1/users", 200, first),
        ("GET queues/p1/users", 200, users(&names)),
    ];
    let (result, calls) = list(&[], told).await;
    let Ok(ClusterUsers::Users { users, .. }) = result else { panic!("{result:?}") };
    assert_eq!((users.len(), calls.len()), (130, 3));
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_vanished_meanwhile_is_gone_only_if_list_and_show_agree() {
    let told = |pools_again: Value, show: (u16, Value)| {
        vec![
            ("GET queues", 200, pools(&["p1", "p2"])),
            ("GET queues", 200, pools_again),
            ("GET queues/p1/users", 500, error("DWS.9999")),
            ("GET queues/p2/users", 200, users(&["ann"])),
            ("GET queues/p1", show.0, show.1),
        ]
    };
    let shown = json!({"workload_res_code": 0, "workload_queue": {"queue_name": "p1"}});
    let (result, calls) = list(&["p1"], told(pools(&["p2"]), (500, no_pool()))).await;
    assert_eq!(result, Ok(listed(&[("ann", &["p2"])], &["p1"])), "it is named");
    assert_eq!(calls.iter().filter(|call| *call == "GET queues").count(), 2);
    assert_eq!(list(&[], told(pools(&["p2"]), (500, no_pool()))).await.0, Ok(listed(&[("ann", &["p2"])], &[])));
    assert_eq!(kind(&list(&[], told(pools(&["p1"]), (500, no_pool()))).await.0), "unavailable");
    assert_eq!(kind(&list(&[], told(pools(&["p2"]), (200, shown))).await.0), "unavailable");
    assert_eq!(kind(&list(&[], told(pools(&["p2"]), (500, error("DWS.9999")))).await.0), "unavailable");
    assert_eq!(kind(&list(&[], told(pools(&["p2"]), (200, json!({})))).await.0), "unexpected reply");
}

#[tokio::test(start_paused = true)]
async fn a_listed_pool_whose_users_cannot_be_read_is_an_error() {
    for (status, body, expected) in [
        (500, json!({}), "unavailable"),
        (503, error("DWS.9998"), "unavailable"),
        (400, error("DWS.0001"), "rejected"),
        (403, error("DWS.0015"), "access denied"),
        (403, error("DWS.7023"), "target not ready"),
    ] {
        let told = vec![
            ("GET queues", 200, pools(&["p1"])),
            ("GET queues/p1/users", status, body),
            ("GET queues/p1", 500, no_pool()),
        ];
        assert_eq!(kind(&list(&[], told).await.0), expected, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_named_pool_is_unknown_only_if_it_is_neither_shown_nor_has_users() {
    let told = |users: (u16, Value), show: (u16, Value)| {
        vec![
            ("GET queues", 200, pools(&["p1"])),
            ("GET queues/p1/users", 200, super::tests::users(&["ann"])),
            ("GET queues/p9/users", users.0, users.1),
            ("GET queues/p9", show.0, show.1),
        ]
    };
    let failure = || (500, error("DWS.9999"));
    let shown = || (200, json!({"workload_queue": {"queue_name": "p9"}}));
    for (users, show) in [
        (failure(), (500, no_pool())),
        (failure(), (200, json!({"workload_res_code": 0, "workload_queue": null}))),
        (failure(), (500, json!({"workload_res_code": -1}))),
        ((400, error("DWS.0001")), (400, error("DWS.0001"))),
        ((404, error("DWS.0047")), (500, no_pool())),
        (failure(), failure()),
    ] {
        let (result, _) = list(&["p9"], told(users.clone(), show)).await;
        assert_eq!(result, Ok(listed(&[("ann", &["p1"])], &["p9"])), "{users:?}");
    }
    for (users, show, expected) in [
        (failure(), shown(), "unavailable"),
        (failure(), (500, json!({})), "unavailable"),
        (failure(), (403, error("DWS.0015")), "access denied"),
        (failure(), (200, json!({"workload_queue": {"queue_name": "other"}})), "unexpected reply"),
        ((400, error("DWS.0001")), shown(), "rejected"),
        ((500, json!({})), (500, no_pool()), "unavailable"),
        ((403, error("DWS.0015")), (500, no_pool()), "access denied"),
        ((200, json!({})), (500, no_pool()), "unexpected reply"),
    ] {
        assert_eq!(kind(&list(&["p9"], told(users.clone(), show)).await.0), expected, "{users:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_differs_from_a_listed_one_in_case_alone_is_unknown_and_not_asked_for() {
    let told = vec![("GET queues", 200, pools(&["p1"])), ("GET queues/p1/users", 200, users(&["ann"]))];
    let (result, calls) = list(&["P1", "p1"], told).await;
    assert_eq!(result, Ok(listed(&[("ann", &["p1"])], &["P1"])));
    assert_eq!(calls, ["GET queues", "GET queues/p1/users"]);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_cannot_be_shown_has_users_all_the_same_once_dws_has_recovered() {
    let told = vec![
        ("GET queues", 200, pools(&[])),
        ("GET queues/p9/users", 500, error("DWS.9999")),
        ("GET queues/p9/users", 200, users(&["ann"])),
        ("GET queues/p9", 500, no_pool()),
    ];
    assert_eq!(list(&["p9"], told).await.0, Ok(listed(&[("ann", &["p9"])], &[])));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_would_change_the_path_is_not_sent_and_holds_up_nobody() {
    let told = vec![("GET queues", 200, pools(&["p1"])), ("GET queues/p1/users", 200, users(&["ann"]))];
    let (result, calls) = list(&["", "..", "a/b", "a\\b", "a\nb"], told).await;
    assert_eq!(result, Ok(listed(&[("ann", &["p1"])], &["", "..", "a/b", "a\\b", "a\nb"])));
    assert_eq!(calls.len(), 2);
    for cluster in ["", "..", "a/b", "a b", &"a".repeat(65)] {
        let script = cloud(vec![]);
        assert_eq!(kind(&dws(&script).users(cluster, &set(&[]), &purpose()).await), "rejected", "{cluster}");
        assert!(script.sent().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_gone_only_when_two_different_calls_say_so() {
    for (status, code) in [(404, "DWS.0047"), (401, "DWS.0047"), (404, "DWS.3027")] {
        let told = vec![("GET queues", status, error(code)), ("GET", 404, error("DWS.0047"))];
        let (result, calls) = list(&["p1"], told).await;
        assert_eq!(result, Ok(ClusterUsers::ClusterGone));
        assert_eq!(calls, ["GET queues", "GET"]);
    }
    let told = vec![
        ("GET queues", 200, pools(&["p1"])),
        ("GET queues/p1/users", 404, error("DWS.0047")),
        ("GET", 404, error("DWS.0047")),
    ];
    assert_eq!(list(&[], told).await.0, Ok(ClusterUsers::ClusterGone));
    for (status, body, expected) in [
        (200, json!({"workload_status": {"workload_switch": "on"}}), "unexpected reply"),
        (403, error("DWS.0015"), "access denied"),
        (400, error("DWS.0001"), "rejected"),
        (500, error("DWS.9999"), "unavailable"),
        (404, json!({}), "unexpected reply"),
    ] {
        let told = vec![("GET queues", 404, error("DWS.0047")), ("GET", status, body.clone())];
        assert_eq!(kind(&list(&[], told).await.0), expected, "{body}");
    }
    for (status, body, expected) in [
        (403, error("DWS.0015"), "access denied"),
        (404, error("APIGW.0101"), "rejected"),
        (404, json!({}), "unexpected reply"),
        (500, error("DWS.9999"), "unavailable"),
    ] {
        let (result, calls) = list(&[], vec![("GET queues", status, body.clone())]).await;
        assert_eq!((kind(&result), calls.len()), (expected, 1), "{body}");
    }
}
