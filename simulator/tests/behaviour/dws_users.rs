//! "Associating a User to a Resource Pool" and its opposite, and their habits either way.

use serde_json::{Value, json};
use simulator::UserNames;
use simulator::dws::{Batch, BusySpelling, PlacedAlready, PlacedElsewhere, UnknownUser};

use crate::harness::{CLUSTER, Cloud, Reply, let_pass};

/// Status and `workload_res_code`.
fn told(reply: &Reply) -> (u16, Value) {
    (reply.status, reply.json()["workload_res_code"].clone())
}

fn ok() -> (u16, Value) {
    (200, json!(0))
}

fn refused() -> (u16, Value) {
    (200, json!(1))
}

/// The truth about a user: the pool, or nothing.
fn pool(cloud: &Cloud, user: &str) -> String {
    cloud.simulator.users(CLUSTER).unwrap().remove(user).unwrap_or_default().join(" ")
}

async fn listed(cloud: &Cloud, pool: &str) -> Value {
    cloud.dws("GET", &format!("/queues/{pool}/users"), "").await.json()["count"].clone()
}

#[tokio::test(start_paused = true)]
async fn users_enter_a_pool_and_leave_it() {
    let cloud = Cloud::with_cluster(|_| ());
    let entered = cloud.associate("etl", &["bob", "carol"]).await;
    assert_eq!((entered.status, entered.json()), (200, json!({"workload_res_code": 0, "workload_res_str": ""})));
    assert_eq!((pool(&cloud, "bob"), pool(&cloud, "carol")), ("etl".to_owned(), "etl".to_owned()));
    let left = cloud.dissociate("etl", &["bob"]).await;
    assert_eq!((left.status, left.json()), (200, json!({"workload_res_code": 0, "workload_res_str": ""})));
    assert_eq!((pool(&cloud, "bob"), pool(&cloud, "carol")), (String::new(), "etl".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_body_must_name_the_pool_of_the_path_and_users() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.simulator.outside_set(CLUSTER, "carol", &["etl"]).unwrap();
    for body in [
        json!({"queue_name": "reports", "user_list": [{"user_name": "carol"}]}),
        json!({"user_list": [{"user_name": "carol"}]}),
        json!({"queue_name": "etl"}),
        json!({"queue_name": "etl", "user_list": []}),
        json!({"queue_name": "etl", "user_list": [{}]}),
        json!({"queue_name": "etl", "user_list": [{"user_name": "carol"}, {"user_name": ""}]}),
        json!({"queue_name": "etl", "user_list": ["carol"]}),
    ] {
        for verb in ["batch-create", "batch-delete"] {
            let reply = cloud.dws("POST", &format!("/queues/etl/users/{verb}"), &body.to_string()).await;
            assert_eq!(reply.refusal(), (400, "DWS.0001".to_owned()), "{verb} {body}");
        }
    }
    assert_eq!(pool(&cloud, "carol"), "etl");
}

#[tokio::test(start_paused = true)]
async fn nobody_enters_an_absent_pool_and_leaving_one_does_nothing_silently() {
    let cloud = Cloud::with_cluster(|_| ());
    assert_eq!(cloud.associate("gone", &["bob"]).await.refusal(), (500, "DWS.9999".to_owned()));
    assert_eq!(told(&cloud.dissociate("gone", &["bob"]).await), ok());
    assert!(cloud.simulator.users(CLUSTER).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nobody_enters_the_default_pool_by_a_call() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.associate("etl", &["bob"]).await;
    assert_eq!(told(&cloud.associate("default_pool", &["bob"]).await), refused());
    assert_eq!(told(&cloud.associate("default_pool", &["carol"]).await), refused());
    assert_eq!(pool(&cloud, "bob"), "etl");
}

#[tokio::test(start_paused = true)]
async fn leaving_a_pool_that_one_is_not_in_is_a_failure_without_words() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.associate("etl", &["bob"]).await;
    for (pool, user) in [("reports", "bob"), ("etl", "carol"), ("default_pool", "carol")] {
        let reply = cloud.dissociate(pool, &[user]).await;
        assert_eq!((reply.status, reply.json()), (500, json!({"workload_res_code": 1})), "{pool} {user}");
    }
    assert_eq!(pool(&cloud, "bob"), "etl");
    cloud.simulator.add_unknown_user("bob");
    let dropped = cloud.dissociate("etl", &["bob"]).await;
    assert_eq!((dropped.status, dropped.json()), (500, json!({"workload_res_code": 1})));
}

#[tokio::test(start_paused = true)]
async fn who_sits_elsewhere_is_refused_or_moves() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.associate("etl", &["bob"]).await;
    assert_eq!(told(&cloud.associate("reports", &["bob"]).await), refused());
    assert_eq!(pool(&cloud, "bob"), "etl");
    cloud.simulator.set_switches(|s| s.dws.placed_elsewhere = PlacedElsewhere::Moved);
    assert_eq!(told(&cloud.associate("reports", &["bob"]).await), ok());
    assert_eq!(pool(&cloud, "bob"), "reports");
    assert_eq!((listed(&cloud, "etl").await, listed(&cloud, "reports").await), (json!(0), json!(1)));
}

#[tokio::test(start_paused = true)]
async fn who_sits_there_already_is_accepted_or_refused() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.associate("etl", &["bob"]).await;
    assert_eq!(told(&cloud.associate("etl", &["bob"]).await), ok());
    cloud.simulator.set_switches(|s| s.dws.placed_already = PlacedAlready::Refused);
    assert_eq!(told(&cloud.associate("etl", &["bob"]).await), refused());
    assert_eq!(pool(&cloud, "bob"), "etl");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_user_is_refused_by_a_code_or_by_a_fault_of_the_server() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.simulator.add_unknown_user("ghost");
    assert_eq!(told(&cloud.associate("etl", &["ghost"]).await), refused());
    cloud.simulator.set_switches(|s| s.dws.unknown_user = UnknownUser::ServerError);
    assert_eq!(cloud.associate("etl", &["ghost"]).await.refusal(), (500, "DWS.9999".to_owned()));
    cloud.simulator.remove_unknown_user("ghost");
    assert_eq!(told(&cloud.associate("etl", &["ghost"]).await), ok());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_database_user_is_in_no_pool_any_more() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.associate("etl", &["ghost"]).await;
    let from = cloud.simulator.journal_last();
    cloud.simulator.add_unknown_user("ghost");
    assert_eq!((pool(&cloud, "ghost"), listed(&cloud, "etl").await), (String::new(), json!(0)));
    let entry = cloud.simulator.journal_after(from).remove(0);
    assert_eq!((entry.operation.as_str(), entry.action.as_deref()), ("OutsideEdit", Some("revoke")));
}

#[tokio::test(start_paused = true)]
async fn a_database_administrator_is_in_no_pool_and_enters_none() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.simulator.outside_set_administrator(CLUSTER, "dbadmin").unwrap();
    assert_eq!(told(&cloud.associate("etl", &["dbadmin"]).await), refused());
    assert_eq!(listed(&cloud, "etl").await, 0);
    assert_eq!(pool(&cloud, "dbadmin"), "ALL");
}

#[tokio::test(start_paused = true)]
async fn a_batch_with_a_bad_member_does_nothing_or_the_good_ones_and_fails_either_way() {
    for (habit, placed) in [(Batch::Atomic, ""), (Batch::Partial, "etl")] {
        let cloud = Cloud::with_cluster(|s| s.dws.batch = habit);
        cloud.simulator.add_unknown_user("ghost");
        assert_eq!(told(&cloud.associate("etl", &["bob", "ghost", "carol"]).await), refused());
        assert_eq!((pool(&cloud, "bob").as_str(), pool(&cloud, "carol").as_str()), (placed, placed), "{habit:?}");
        cloud.simulator.outside_set(CLUSTER, "bob", &["etl"]).unwrap();
        assert_eq!(told(&cloud.dissociate("etl", &["nobody", "bob"]).await), (500, json!(1)));
        assert_eq!(pool(&cloud, "bob").is_empty(), habit == Batch::Partial, "{habit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_come_with_the_status_that_the_switch_says() {
    let cloud = Cloud::with_cluster(|s| s.dws.refusal_status = 400);
    assert_eq!(told(&cloud.associate("default_pool", &["bob"]).await), (400, json!(1)));
    assert_eq!(told(&cloud.associate("etl", &["bob"]).await), ok());
}

#[tokio::test(start_paused = true)]
async fn a_busy_cluster_refuses_every_write_in_either_spelling_and_reads_nothing_less() {
    let cloud = Cloud::with_cluster(|s| s.dws.busy = true);
    for write in [cloud.associate("etl", &["bob"]).await, cloud.dissociate("etl", &["bob"]).await] {
        assert_eq!(write.refusal(), (403, "DWS.7023".to_owned()));
    }
    cloud.simulator.set_switches(|s| s.dws.busy_spelling = BusySpelling::Wrapped);
    let wrapped = cloud.associate("etl", &["bob"]).await;
    assert_eq!(wrapped.refusal(), (500, "DWS.9999".to_owned()));
    assert!(wrapped.message().contains("DWS.7023"), "{wrapped:?}");
    assert_eq!((pool(&cloud, "bob"), listed(&cloud, "etl").await), (String::new(), json!(0)));
}

#[tokio::test(start_paused = true)]
async fn user_names_that_differ_in_case_are_two_users_or_one() {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.associate("etl", &["Bob"]).await;
    assert_eq!(told(&cloud.associate("reports", &["bob"]).await), ok());
    assert_eq!((pool(&cloud, "Bob"), pool(&cloud, "bob")), ("etl".to_owned(), "reports".to_owned()));

    let cloud = Cloud::with_cluster(|s| s.dws.user_names = UserNames::CaseInsensitive);
    cloud.simulator.add_unknown_user("ghost");
    cloud.associate("etl", &["Bob"]).await;
    assert_eq!(told(&cloud.associate("reports", &["bob"]).await), refused());
    assert_eq!(told(&cloud.associate("reports", &["Ghost"]).await), refused());
    assert_eq!(told(&cloud.dissociate("etl", &["BOB"]).await), ok());
    assert_eq!(pool(&cloud, "bob"), "");
}

#[tokio::test(start_paused = true)]
async fn lists_lag_behind_calls_but_not_behind_outside_edits() {
    let cloud = Cloud::with_cluster(|s| s.dws.visible_after_ms = 30_000);
    cloud.associate("etl", &["bob"]).await;
    cloud.simulator.outside_set(CLUSTER, "carol", &["etl"]).unwrap();
    assert_eq!((pool(&cloud, "bob"), listed(&cloud, "etl").await), ("etl".to_owned(), json!(1)));
    let_pass(30).await;
    assert_eq!(listed(&cloud, "etl").await, 2);
    cloud.dissociate("etl", &["bob", "carol"]).await;
    assert_eq!(listed(&cloud, "etl").await, 2);
    let_pass(30).await;
    assert_eq!(listed(&cloud, "etl").await, 0);
}

#[tokio::test(start_paused = true)]
async fn calls_are_journalled_with_cluster_users_pool_and_what_each_user_had() {
    let cloud = Cloud::with_cluster(|s| s.dws.placed_elsewhere = PlacedElsewhere::Moved);
    cloud.associate("etl", &["bob"]).await;
    let from = cloud.simulator.journal_last();
    cloud.associate("reports", &["carol", "bob"]).await;
    cloud.dissociate("reports", &["bob"]).await;
    for path in ["", "/queues", "/queues/etl", "/queues/etl/users"] {
        cloud.dws("GET", path, "").await;
    }
    let entries = cloud.simulator.journal_after(from);
    let told: Vec<_> = entries
        .iter()
        .map(|e| (e.operation.as_str(), e.action.as_deref(), e.principals.join(" "), e.privileges.join(" ")))
        .collect();
    let expected = [
        ("AddQueueUserList", Some("grant"), "carol bob", "reports"),
        ("DeleteQueueUserList", Some("revoke"), "bob", "reports"),
        ("ShowWorkload", None, "", ""),
        ("ListWorkloadQueues", None, "", ""),
        ("ShowWorkloadQueue", None, "", "etl"),
        ("ListWorkloadQueueUsers", None, "", "etl"),
    ];
    assert_eq!(told, expected.map(|(name, action, who, what)| (name, action, who.to_owned(), what.to_owned())));
    assert!(entries.iter().all(|e| e.service == "dws" && e.target.as_deref() == Some(CLUSTER) && e.succeeded));
    let changes = serde_json::to_value(&entries[0].changed).unwrap();
    let expected = json!([
        {"principal": "carol", "before": [], "after": ["reports"]},
        {"principal": "bob", "before": ["etl"], "after": ["reports"]},
    ]);
    assert_eq!(changes, expected);
}

#[tokio::test(start_paused = true)]
async fn another_project_is_forbidden() {
    let cloud = Cloud::with_cluster(|_| ());
    let path = format!("/v2/{}/clusters/{CLUSTER}/workload/queues", "f".repeat(32));
    assert_eq!(cloud.call("GET", &path, "").await.refusal(), (403, "APIGW.0302".to_owned()));
}
