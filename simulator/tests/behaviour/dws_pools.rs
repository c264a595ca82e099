//! Querying pools and their users, and how absent clusters and pools are told.

use serde_json::{Value, json};
use simulator::dws::{ClusterAbsent, DefaultPoolUsers};
use simulator::{OffsetUnit, OverLimit, Presence};

use crate::harness::{CLUSTER, Cloud, Reply};

/// A cluster whose pool `etl` holds the users `u00` … `u11`.
fn twelve_users() -> Cloud {
    let cloud = Cloud::with_cluster(|_| ());
    for number in 0..12 {
        cloud.simulator.outside_set(CLUSTER, &format!("u{number:02}"), &["etl"]).unwrap();
    }
    cloud
}

fn names(reply: &Reply) -> Vec<String> {
    let rows = reply.json()["user_list"].as_array().unwrap().clone();
    rows.iter().map(|row| row["user_name"].as_str().unwrap().to_owned()).collect()
}

fn pools(reply: &Reply) -> Value {
    reply.json()["workload_queue_name_list"].clone()
}

#[tokio::test(start_paused = true)]
async fn pools_are_listed_by_name_all_at_once_with_the_default_one() {
    let cloud = Cloud::with_cluster(|_| ());
    let expected = json!({
        "workload_res_code": 0,
        "workload_res_str": "",
        "workload_queue_name_list": ["default_pool", "etl", "reports"],
    });
    assert_eq!(cloud.dws("GET", "/queues", "").await.json(), expected);
}

#[tokio::test(start_paused = true)]
async fn the_users_of_a_pool_are_told_with_their_number() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.simulator.outside_set(CLUSTER, "bob", &["etl"]).unwrap();
    cloud.simulator.outside_set(CLUSTER, "carol", &["reports"]).unwrap();
    let expected = json!({
        "workload_res_code": 0,
        "workload_res_str": "",
        "queue_name": "etl",
        "user_list": [{"user_name": "bob", "occupy_resource_list": []}],
        "count": 1,
    });
    assert_eq!(cloud.dws("GET", "/queues/etl/users", "").await.json(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_code_of_zero_may_be_left_out_of_lists() {
    let cloud = Cloud::with_cluster(|s| s.dws.code_when_ok = Presence::Absent);
    for path in ["/queues", "/queues/etl/users"] {
        let reply = cloud.dws("GET", path, "").await;
        assert_eq!((reply.status, reply.json().get("workload_res_code")), (200, None), "{path}");
    }
    assert_eq!(cloud.associate("etl", &["bob"]).await.json()["workload_res_code"], 0);
}

#[tokio::test(start_paused = true)]
async fn ten_users_are_listed_unless_a_limit_is_given() {
    let cloud = twelve_users();
    assert_eq!(names(&cloud.dws("GET", "/queues/etl/users", "").await).len(), 10);
    assert_eq!(names(&cloud.dws("GET", "/queues/etl/users?limit=100", "").await).len(), 12);
    for query in ["limit=0", "limit=-1", "limit=x", "offset=-1"] {
        let reply = cloud.dws("GET", &format!("/queues/etl/users?{query}"), "").await;
        assert_eq!(reply.refusal(), (400, "DWS.0001".to_owned()), "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_number_of_users_is_told_or_left_out() {
    let cloud = twelve_users();
    assert_eq!(cloud.dws("GET", "/queues/etl/users?limit=5", "").await.json()["count"], 12);
    cloud.simulator.set_switches(|s| s.dws.count_present = false);
    assert_eq!(cloud.dws("GET", "/queues/etl/users?limit=5", "").await.json().get("count"), None);
}

#[tokio::test(start_paused = true)]
async fn offset_counts_rows_or_pages_or_nothing() {
    let cloud = twelve_users();
    for (unit, expected) in [
        (OffsetUnit::Rows, ["u01", "u02", "u03", "u04"]),
        (OffsetUnit::Pages, ["u04", "u05", "u06", "u07"]),
        (OffsetUnit::Ignored, ["u00", "u01", "u02", "u03"]),
    ] {
        cloud.simulator.set_switches(|s| s.dws.offset_unit = unit);
        assert_eq!(names(&cloud.dws("GET", "/queues/etl/users?limit=4&offset=1", "").await), expected, "{unit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_beyond_the_maximum_is_capped_or_refused() {
    let cloud = twelve_users();
    let page = async || cloud.dws("GET", "/queues/etl/users?limit=100", "").await;
    cloud.simulator.set_switches(|s| s.dws.max_limit = Some(4));
    assert_eq!(names(&page().await).len(), 4);
    cloud.simulator.set_switches(|s| s.dws.over_limit = OverLimit::Refuse);
    assert_eq!(page().await.refusal(), (400, "DWS.0001".to_owned()));
    cloud.simulator.set_switches(|s| s.dws.max_limit = None);
    assert_eq!(names(&page().await).len(), 12);
}

#[tokio::test(start_paused = true)]
async fn an_absent_pool_looks_like_a_fault_of_the_server_or_like_no_pool_at_all() {
    let cloud = Cloud::with_cluster(|_| ());
    let users = cloud.dws("GET", "/queues/gone/users", "").await;
    let message = users.message();
    let expected = json!({
        "externalMessage": message, "errCode": "DWS.9999", "error_code": "DWS.9999", "error_msg": message,
    });
    assert_eq!((users.status, users.json()), (500, expected));
    let shown = cloud.dws("GET", "/queues/gone", "").await;
    let body = shown.json();
    assert_eq!((shown.status, &body["workload_res_code"], &body["workload_queue"]), (500, &json!(1), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_shown_by_its_name() {
    let cloud = Cloud::with_cluster(|_| ());
    for pool in ["etl", "default_pool"] {
        let reply = cloud.dws("GET", &format!("/queues/{pool}"), "").await;
        let body = reply.json();
        assert_eq!((reply.status, &body["workload_res_code"]), (200, &json!(0)), "{pool}");
        assert_eq!(body["workload_queue"]["queue_name"], pool);
    }
}

#[tokio::test(start_paused = true)]
async fn resource_management_is_on() {
    let cloud = Cloud::with_cluster(|_| ());
    assert_eq!(cloud.dws("GET", "", "").await.json()["workload_status"]["workload_switch"], "on");
}

#[tokio::test(start_paused = true)]
async fn an_absent_cluster_is_told_in_each_of_four_ways_by_every_call() {
    for (told, expected) in [
        (ClusterAbsent::NotFound0047, (404, "DWS.0047")),
        (ClusterAbsent::NotFound3027, (404, "DWS.3027")),
        (ClusterAbsent::Unauthorized0047, (401, "DWS.0047")),
        (ClusterAbsent::Forbidden0015, (403, "DWS.0015")),
    ] {
        let cloud = Cloud::with(|s| s.dws.cluster_absent = told);
        let write = json!({"queue_name": "etl", "user_list": [{"user_name": "bob"}]}).to_string();
        for (method, path, body) in [
            ("GET", "", ""),
            ("GET", "/queues", ""),
            ("GET", "/queues/etl", ""),
            ("GET", "/queues/etl/users", ""),
            ("POST", "/queues/etl/users/batch-create", write.as_str()),
            ("POST", "/queues/etl/users/batch-delete", write.as_str()),
        ] {
            let reply = cloud.dws(method, path, body).await;
            assert_eq!(reply.refusal(), (expected.0, expected.1.to_owned()), "{method} {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_id_that_is_no_uuid_is_a_bad_parameter_unless_there_is_such_a_cluster() {
    let cloud = Cloud::new();
    assert_eq!(cloud.dws_at("dwh", "GET", "/queues", "").await.refusal(), (400, "DWS.0001".to_owned()));
    cloud.simulator.create_dws_cluster("dwh");
    assert_eq!(cloud.dws_at("dwh", "GET", "/queues", "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn pools_of_a_logical_cluster_are_told_only_to_who_names_it_but_their_users_to_everyone() {
    let cloud = Cloud::with_cluster(|s| s.dws.pools_hidden = vec!["etl".to_owned()]);
    assert_eq!(pools(&cloud.dws("GET", "/queues", "").await), json!(["default_pool", "reports"]));
    assert_eq!(cloud.dws("GET", "/queues/etl", "").await.status, 500);
    let named = "logical_cluster_name=lc1";
    let all = cloud.dws("GET", &format!("/queues?{named}"), "").await;
    assert_eq!(pools(&all), json!(["default_pool", "etl", "reports"]));
    assert_eq!(cloud.dws("GET", &format!("/queues/etl?{named}"), "").await.status, 200);
    assert_eq!(cloud.associate("etl", &["bob"]).await.json()["workload_res_code"], 0);
    assert_eq!(names(&cloud.dws("GET", "/queues/etl/users", "").await), ["bob"]);
}

#[tokio::test(start_paused = true)]
async fn the_default_pool_lists_nobody_or_who_is_in_no_other() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.simulator.outside_set(CLUSTER, "bob", &["etl"]).unwrap();
    cloud.simulator.outside_set(CLUSTER, "carol", &["default_pool"]).unwrap();
    cloud.simulator.outside_set(CLUSTER, "ghost", &["etl"]).unwrap();
    cloud.simulator.add_unknown_user("ghost");
    let users = async || names(&cloud.dws("GET", "/queues/default_pool/users", "").await);
    assert!(users().await.is_empty());
    cloud.simulator.set_switches(|s| s.dws.default_pool_users = DefaultPoolUsers::Shown);
    assert_eq!(users().await, ["carol"]);
    cloud.dissociate("etl", &["bob"]).await;
    assert_eq!(users().await, ["bob", "carol"]);
    assert!(cloud.simulator.users(CLUSTER).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_removed_pool_leaves_its_users_in_none() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.simulator.outside_set(CLUSTER, "bob", &["etl"]).unwrap();
    cloud.simulator.outside_set(CLUSTER, "carol", &["reports"]).unwrap();
    assert_eq!(cloud.simulator.remove_pool(CLUSTER, "etl"), Ok(true));
    assert_eq!(cloud.simulator.remove_pool(CLUSTER, "etl"), Ok(false));
    assert_eq!(cloud.simulator.remove_pool(CLUSTER, "default_pool"), Ok(false));
    assert_eq!(pools(&cloud.dws("GET", "/queues", "").await), json!(["default_pool", "reports"]));
    assert_eq!(cloud.simulator.users(CLUSTER).unwrap().into_keys().collect::<Vec<_>>(), ["carol"]);
    let entry = cloud.simulator.journal_after(0).into_iter().rfind(|e| e.operation == "OutsideEdit").unwrap();
    assert_eq!((entry.action.as_deref(), entry.privileges), (Some("remove"), vec!["etl".to_owned()]));
    assert_eq!((entry.changed[0].principal.as_str(), entry.changed[0].before.join(" ")), ("bob", "etl".to_owned()));
}
