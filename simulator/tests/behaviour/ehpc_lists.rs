//! What E-HPC tells: lists of users, page by page, and the status of a cluster.

use serde_json::{Value, json};
use simulator::ehpc::{TotalCount, UsersWhenEmpty, VisibleTo};

use crate::ehpc_caller::{CLUSTER, Hpc, PASSWORD, refused, succeeded};
use crate::harness::let_pass;

/// A cluster with this many users, made from outside: `user.000`, `user.001` …
fn with_users(number: usize) -> Hpc {
    let hpc = Hpc::new();
    for n in 0..number {
        hpc.cloud.simulator.outside_set(CLUSTER, &format!("user.{n:03}"), &["users"]).unwrap();
    }
    hpc
}

/// Number of rows, page number, page size, and total of a page.
async fn page(hpc: &Hpc, number: &str, size: &str) -> (usize, Value, Value, Value) {
    let body = hpc.v2018("ListUsers", &[("PageNumber", number), ("PageSize", size)]).await.json();
    let rows = body["Users"]["UserInfo"].as_array().unwrap().len();
    (rows, body["PageNumber"].clone(), body["PageSize"].clone(), body["TotalCount"].clone())
}

#[tokio::test(start_paused = true)]
async fn each_generation_lists_users_in_its_own_words_and_without_passwords() {
    let hpc = Hpc::new();
    hpc.add(&[("alice.01", "users"), ("bob.admin", "wheel")]).await;
    let first = hpc.v2018("ListUsers", &[]).await;
    let row = |name: &str, group: &str| json!({"Name": name, "Group": group, "AddTime": "2025-01-02T03:04:05"});
    let expected = json!({"UserInfo": [row("alice.01", "users"), row("bob.admin", "wheel")]});
    assert_eq!(first.json()["Users"], expected);
    let second = hpc.v2024("ListUsers", &[]).await;
    let row = |name: &str, group: &str, user_id: &str, group_id: &str| {
        json!({
            "UserName": name, "Group": group, "UserId": user_id, "GroupId": group_id, "AddTime": "2025-01-02T03:04:05Z",
        })
    };
    let expected =
        json!({"UserInfo": [row("alice.01", "users", "1001", "100"), row("bob.admin", "wheel", "1002", "10")]});
    assert_eq!(second.json()["Users"], expected);
    for reply in [first, second] {
        assert!(succeeded(&reply));
        assert!(!reply.text.contains(PASSWORD));
    }
}

#[tokio::test(start_paused = true)]
async fn pages_have_ten_rows_unless_asked_for_up_to_fifty() {
    let hpc = with_users(60);
    let body = hpc.v2018("ListUsers", &[]).await.json();
    assert_eq!((&body["PageNumber"], &body["PageSize"], &body["TotalCount"]), (&json!(1), &json!(10), &json!(60)));
    assert_eq!(body["Users"]["UserInfo"].as_array().unwrap().len(), 10);
    assert_eq!(page(&hpc, "1", "50").await, (50, json!(1), json!(50), json!(60)));
    assert_eq!(page(&hpc, "2", "50").await, (10, json!(2), json!(50), json!(60)));
    assert_eq!(page(&hpc, "3", "50").await, (0, json!(3), json!(50), json!(60)));
    for (name, value) in
        [("PageSize", "51"), ("PageSize", "0"), ("PageSize", "x"), ("PageNumber", "0"), ("PageNumber", "-1")]
    {
        refused(&hpc.v2024("ListUsers", &[(name, value)]).await, 400, "InvalidParams");
    }
}

#[tokio::test(start_paused = true)]
async fn a_smaller_largest_page_cuts_what_was_asked_for_and_says_so() {
    let hpc = with_users(25);
    hpc.turn(|s| s.page_size_max = 20);
    assert_eq!(page(&hpc, "1", "50").await, (20, json!(1), json!(20), json!(25)));
    assert_eq!(page(&hpc, "2", "50").await, (5, json!(2), json!(20), json!(25)));
    assert_eq!(page(&hpc, "2", "5").await, (5, json!(2), json!(5), json!(25)));
}

#[tokio::test(start_paused = true)]
async fn the_total_is_right_or_too_small_or_absent() {
    let hpc = with_users(25);
    assert_eq!(page(&hpc, "1", "10").await.3, json!(25));
    hpc.turn(|s| s.total_count = TotalCount::Small);
    assert_eq!(page(&hpc, "1", "50").await.3, json!(12));
    hpc.turn(|s| s.total_count = TotalCount::Absent);
    let body = hpc.v2018("ListUsers", &[]).await.json();
    assert!(body.get("TotalCount").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_page_without_rows_has_one_of_four_shapes() {
    let hpc = Hpc::new();
    for (shape, expected) in [
        (UsersWhenEmpty::EmptyList, Some(json!({"UserInfo": []}))),
        (UsersWhenEmpty::Null, Some(Value::Null)),
        (UsersWhenEmpty::Absent, None),
        (UsersWhenEmpty::ObjectWithoutList, Some(json!({}))),
    ] {
        hpc.turn(|s| s.users_when_empty = shape);
        assert_eq!(hpc.v2018("ListUsers", &[]).await.json().get("Users"), expected.as_ref(), "{shape:?}");
        assert_eq!(hpc.v2024("ListUsers", &[]).await.json().get("Users"), expected.as_ref(), "{shape:?}");
    }
    hpc.add(&[("alice.01", "users")]).await;
    assert_eq!(hpc.listed().await, ["alice.01:users"]);
}

#[tokio::test(start_paused = true)]
async fn lists_show_what_a_call_has_changed_only_after_the_delay() {
    let hpc = Hpc::with(|s| s.visible_after_ms = 30_000);
    hpc.add(&[("alice.01", "users")]).await;
    assert!(hpc.v2018("ListUsers", &[]).await.json()["Users"]["UserInfo"].as_array().unwrap().is_empty());
    let_pass(30).await;
    assert_eq!(hpc.listed().await, ["alice.01:users"]);
    hpc.regroup(&[("alice.01", "wheel")]).await;
    assert_eq!(
        (hpc.listed().await, hpc.truth()),
        (vec!["alice.01:users".to_owned()], vec!["alice.01:wheel".to_owned()])
    );
    let_pass(30).await;
    assert_eq!(hpc.listed().await, ["alice.01:wheel"]);
    hpc.delete(&["alice.01"]).await;
    assert_eq!((hpc.listed().await, hpc.truth().len()), (vec!["alice.01:wheel".to_owned()], 0));
    hpc.cloud.simulator.outside_set(CLUSTER, "bo", &["users"]).unwrap();
    assert_eq!(hpc.listed().await, ["alice.01:wheel", "bo:users"]);
    let_pass(30).await;
    assert_eq!(hpc.listed().await, ["bo:users"]);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_does_not_run_tells_its_status_and_nothing_else() {
    let hpc = Hpc::new();
    hpc.cloud.simulator.set_hpc_status(CLUSTER, "stopped").unwrap();
    let shown = hpc.v2018("DescribeCluster", &[]).await;
    assert_eq!((shown.status, &shown.json()["ClusterInfo"]["Status"]), (200, &json!("stopped")));
    let shown = hpc.v2024("GetCluster", &[]).await;
    assert_eq!((shown.status, &shown.json()["ClusterStatus"]), (200, &json!("stopped")));
    refused(&hpc.v2018("ListUsers", &[]).await, 403, "InvalidClusterStatus");
    refused(&hpc.v2024("ListUsers", &[]).await, 403, "InvalidClusterStatus");
    refused(&hpc.add(&[("alice.01", "users")]).await, 403, "InvalidClusterStatus");
    refused(&hpc.update("alice.01", &[("Group", "users")]).await, 403, "InvalidClusterStatus");
    refused(&hpc.delete(&["alice.01"]).await, 403, "InvalidClusterStatus");
    hpc.cloud.simulator.set_hpc_status(CLUSTER, "running").unwrap();
    assert!(succeeded(&hpc.add(&[("alice.01", "users")]).await));
    assert!(hpc.cloud.simulator.set_hpc_status("other", "running").is_err());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_not_there_or_of_the_other_generation_is_not_found() {
    let hpc = Hpc::new();
    let simulator = &hpc.cloud.simulator;
    assert!(!simulator.create_hpc_cluster(CLUSTER));
    for (visible_to, first, second) in
        [(VisibleTo::Both, true, true), (VisibleTo::V2018, true, false), (VisibleTo::V2024, false, true)]
    {
        assert!(simulator.remove_target(CLUSTER));
        refused(&hpc.v2018("ListUsers", &[]).await, 404, "ClusterNotFound");
        refused(&hpc.v2024("GetCluster", &[]).await, 404, "ClusterNotFound");
        assert!(simulator.create_hpc_cluster_visible_to(CLUSTER, visible_to));
        for action in ["ListUsers", "DescribeCluster"] {
            assert_eq!(succeeded(&hpc.v2018(action, &[]).await), first, "{visible_to:?}");
        }
        for action in ["ListUsers", "GetCluster"] {
            assert_eq!(succeeded(&hpc.v2024(action, &[]).await), second, "{visible_to:?}");
        }
    }
}
