//! Querying the members of a workspace, and roles.

use serde_json::{Value, json};
use simulator::dataarts::{OwnerAs, WorkspaceAbsent};
use simulator::{OffsetUnit, OverLimit};

use crate::harness::{Cloud, PROJECT, Reply, WORKSPACE, let_pass};

/// A user id that ends in this number.
fn id(number: u32) -> String {
    format!("{number:032}")
}

/// A workspace whose members are the users 0 … 9.
fn ten_members() -> Cloud {
    let cloud = Cloud::with_workspace(|_| ());
    for number in 0..10 {
        cloud.simulator.outside_set(WORKSPACE, &id(number), &["r00002"]).unwrap();
    }
    cloud
}

fn members(reply: &Reply) -> Vec<String> {
    let rows = reply.json()["data"].as_array().unwrap().clone();
    rows.iter().map(|row| row["user_id"].as_str().unwrap().to_owned()).collect()
}

async fn list(cloud: &Cloud, query: &str) -> Reply {
    cloud.workspace("GET", &format!("/users?{query}"), &Value::Null).await
}

#[tokio::test(start_paused = true)]
async fn a_member_is_listed_by_ids_names_and_roles() {
    let cloud = Cloud::with_workspace(|_| ());
    cloud.simulator.add_iam_user(&id(1), "alice");
    cloud.simulator.outside_set(WORKSPACE, &id(1), &["r00004", "r00002"]).unwrap();
    let body = list(&cloud, "limit=10&offset=0").await.json();
    let row_id = body["data"][0]["id"].clone();
    let expected = json!({
        "count": 1,
        "total_page": 1,
        "data": [{
            "id": row_id,
            "user_id": id(1),
            "user_name": "alice",
            "display_user_name": "alice",
            "domain_id": "d0000000000000000000000000000001",
            "domain_name": "sim-domain",
            "domain_owner": false,
            "description": null,
            "workspace_id": WORKSPACE,
            "roles": [
                {"role_id": "r00002", "role_code": "developer", "role_name": "Developer", "description": ""},
                {"role_id": "r00004", "role_code": "viewer", "role_name": "Viewer", "description": ""},
            ],
            "create_time": 1_735_787_045_000_i64,
            "create_user": "sim-owner",
            "update_time": 1_735_787_045_000_i64,
            "update_user": "sim-owner",
            "type": 0,
        }],
    });
    assert_eq!(body, expected);
    let row_id = row_id.as_str().unwrap();
    assert!(row_id.len() == 32 && row_id != id(1), "{row_id}");
}

#[tokio::test(start_paused = true)]
async fn a_group_is_listed_with_its_type() {
    let cloud = Cloud::with_workspace(|_| ());
    cloud.simulator.add_iam_group(&id(7), "analysts");
    cloud.simulator.outside_set(WORKSPACE, &id(7), &["r00004"]).unwrap();
    let row = list(&cloud, "").await.json()["data"][0].clone();
    assert_eq!((&row["type"], &row["user_id"], &row["user_name"]), (&json!(1), &json!(id(7)), &json!("analysts")));
}

#[tokio::test(start_paused = true)]
async fn the_owners_row_is_there_or_not_and_says_so_in_either_way() {
    let cloud = Cloud::with_workspace(|s| s.dataarts.owner_row = true);
    let row = async || list(&cloud, "").await.json()["data"][0].clone();
    let owner = row().await;
    assert_eq!((&owner["user_name"], &owner["domain_owner"]), (&json!("sim-owner"), &json!(true)));
    assert_eq!(owner["roles"][0]["role_id"], "r00001");
    cloud.simulator.set_switches(|s| s.dataarts.owner_as = OwnerAs::String);
    assert_eq!(row().await["domain_owner"], "true");
    assert!(cloud.simulator.users(WORKSPACE).unwrap().is_empty());
    cloud.simulator.set_switches(|s| s.dataarts.owner_row = false);
    cloud.simulator.outside_set(WORKSPACE, &id(1), &["r00002"]).unwrap();
    assert_eq!((row().await["user_id"].clone(), row().await["domain_owner"].clone()), (json!(id(1)), json!("false")));
}

#[tokio::test(start_paused = true)]
async fn the_owners_row_comes_first_and_once_and_is_counted() {
    let cloud = Cloud::with_workspace(|s| s.dataarts.owner_row = true);
    let owner = members(&list(&cloud, "").await).remove(0);
    cloud.simulator.outside_set(WORKSPACE, &owner, &["r00004"]).unwrap();
    cloud.simulator.outside_set(WORKSPACE, &id(0), &["r00004"]).unwrap();
    let all = list(&cloud, "").await;
    assert_eq!((members(&all), &all.json()["count"]), (vec![owner, id(0)], &json!(2)));
}

#[tokio::test(start_paused = true)]
async fn numbers_of_members_and_pages_are_told_or_left_out() {
    let cloud = ten_members();
    let body = list(&cloud, "limit=4&offset=0").await.json();
    assert_eq!((&body["count"], &body["total_page"]), (&json!(10), &json!(3)));
    cloud.simulator.set_switches(|s| s.dataarts.count_present = false);
    let body = list(&cloud, "limit=4&offset=0").await.json();
    assert_eq!((body.get("count"), body.get("total_page")), (None, None));
}

#[tokio::test(start_paused = true)]
async fn offset_counts_rows_or_pages_or_nothing() {
    let cloud = ten_members();
    for (unit, first) in [(OffsetUnit::Rows, 1), (OffsetUnit::Pages, 4), (OffsetUnit::Ignored, 0)] {
        cloud.simulator.set_switches(|s| s.dataarts.offset_unit = unit);
        let expected: Vec<String> = (first..first + 4).map(id).collect();
        assert_eq!(members(&list(&cloud, "limit=4&offset=1").await), expected, "{unit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_have_a_default_size_and_a_largest_one_or_not() {
    let cloud = ten_members();
    assert_eq!(members(&list(&cloud, "").await).len(), 10);
    cloud.simulator.set_switches(|s| s.dataarts.default_limit = Some(3));
    assert_eq!(members(&list(&cloud, "").await).len(), 3);
    cloud.simulator.set_switches(|s| s.dataarts.max_limit = Some(4));
    assert_eq!(members(&list(&cloud, "limit=100").await).len(), 4);
    cloud.simulator.set_switches(|s| s.dataarts.over_limit = OverLimit::Refuse);
    assert_eq!(list(&cloud, "limit=100").await.refusal(), (400, "DAYU.4402".to_owned()));
    for query in ["limit=0", "limit=x", "offset=-1"] {
        assert_eq!(list(&cloud, query).await.refusal(), (400, "DAYU.4402".to_owned()), "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn roles_are_a_bare_array_and_need_an_instance_or_a_workspace() {
    let cloud = Cloud::with_workspace(|_| ());
    let roles = async |query: &str| cloud.call("GET", &format!("/v2/{PROJECT}/users/role{query}"), "").await;
    for query in [format!("?workspace_id={WORKSPACE}"), "?instance_id=any".to_owned()] {
        let all = roles(&query).await.json();
        let ids: Vec<&str> = all.as_array().unwrap().iter().map(|role| role["role_id"].as_str().unwrap()).collect();
        assert_eq!(ids[..4], ["r00001", "r00002", "r00003", "r00004"]);
        let custom = all.as_array().unwrap().last().unwrap();
        assert_eq!((custom["role_code"].as_str(), custom["role_name"].as_str()), (Some("custom"), Some("Auditor")));
    }
    assert_eq!(roles("").await.refusal(), (400, "DAYU.4402".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_absent_workspace_is_told_in_each_of_three_ways_by_every_call() {
    let user = json!({"type": 0, "user_ids": [{"user_id": id(1)}], "roles_ids": [{"role_id": "r00002"}]});
    for (told, place, code) in [
        (WorkspaceAbsent::Dls6036, "/errorCode", "DLS.6036"),
        (WorkspaceAbsent::Dayu3601, "/errors/0/error_code", "DAYU.3601"),
        (WorkspaceAbsent::Dayu4402, "/error_code", "DAYU.4402"),
    ] {
        let cloud = Cloud::with(|s| s.dataarts.workspace_absent = told);
        let one = format!("/users/{}", id(1));
        let replies = [
            list(&cloud, "").await,
            cloud.workspace("POST", "/users", &user).await,
            cloud.workspace("PUT", &one, &user).await,
            cloud.workspace("POST", "/delete-users", &json!({"user_ids": [id(1)]})).await,
            cloud.call("GET", &format!("/v2/{PROJECT}/users/role?workspace_id={WORKSPACE}"), "").await,
        ];
        for reply in replies {
            assert_eq!((reply.status, reply.json().pointer(place)), (400, Some(&json!(code))), "{reply:?}");
        }
        let entries = cloud.simulator.journal_after(1);
        assert!(entries.iter().all(|entry| entry.error_code.as_deref() == Some(code)), "{entries:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lists_lag_behind_calls_but_not_behind_outside_edits() {
    let cloud = Cloud::with_workspace(|s| s.dataarts.visible_after_ms = 30_000);
    let user = json!({"type": 0, "user_ids": [{"user_id": id(1)}], "roles_ids": [{"role_id": "r00002"}]});
    cloud.workspace("POST", "/users", &user).await;
    cloud.simulator.outside_set(WORKSPACE, &id(2), &["r00002"]).unwrap();
    assert_eq!(members(&list(&cloud, "").await), [id(2)]);
    let_pass(30).await;
    assert_eq!(members(&list(&cloud, "").await), [id(1), id(2)]);
    cloud.workspace("POST", "/delete-users", &json!({"user_ids": [id(1), id(2)]})).await;
    assert_eq!(members(&list(&cloud, "").await), [id(1), id(2)]);
    let_pass(30).await;
    assert!(members(&list(&cloud, "").await).is_empty());
}

#[tokio::test(start_paused = true)]
async fn another_project_is_forbidden_and_a_wrong_method_not_published() {
    let cloud = Cloud::with_workspace(|_| ());
    let other = cloud.call("GET", &format!("/v2/{}/{WORKSPACE}/users", "f".repeat(32)), "").await;
    assert_eq!(other.refusal(), (403, "APIGW.0302".to_owned()));
    for (method, path) in [("DELETE", "/users"), ("GET", "/delete-users"), ("GET", "/users/x")] {
        let reply = cloud.workspace(method, path, &Value::Null).await;
        assert_eq!(reply.refusal(), (404, "APIGW.0101".to_owned()), "{method} {path}");
    }
}
