//! Golden exchanges: which calls a list of a workspace's members takes, and what comes of the answers.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::clouds::huawei::session::tests::{key, session};
use crate::clouds::script::{Script, answer, kind, purpose};

pub(super) const WORKSPACE: &str = "0d4a9b3f5e6c4f0f9d3f7e2b1a5c8d90";
pub(super) const USERS: &str = "/v2/p/0d4a9b3f5e6c4f0f9d3f7e2b1a5c8d90/users";

pub(super) fn data_arts(script: &Arc<Script>) -> DataArts {
    DataArts::new(session(script, key()))
}

pub(super) fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A row as the vendor's page shows it, with a name and an account made of the id.
pub(super) fn row(id: &str, roles: &[&str]) -> Value {
    let roles: Vec<Value> = roles.iter().map(|role| json!({"role_id": role, "role_name": "x"})).collect();
    json!({
        "id": format!("row-{id}"), "user_id": id, "user_name": format!("{id}-name"), "domain_id": "d1",
        "domain_name": "acme", "domain_owner": false, "roles": roles, "type": 0, "create_time": 1_700_000_000_000_u64,
    })
}

pub(super) fn list(rows: &[Value]) -> Value {
    json!({"count": rows.len(), "total_page": 1, "data": rows})
}

pub(super) fn error(code: &str) -> Value {
    json!({"error_code": code, "error_msg": "m"})
}

/// Reads the members; the answers are told as status and body. Returns the result and what was sent.
async fn members(answers: Vec<(u16, Value)>) -> (Result<WorkspaceMembers, CloudError>, Vec<String>) {
    let script = Script::of(answers.into_iter().map(|(status, body)| answer(status, body)));
    let result = data_arts(&script).members(WORKSPACE, &purpose()).await;
    (result, script.sent())
}

#[tokio::test(start_paused = true)]
async fn the_members_of_a_workspace_are_read_by_the_ids_of_users_and_groups() {
    let owner = json!({"user_id": "boss", "domain_owner": "true", "roles": null});
    let group = json!({"user_id": "g1", "user_name": "analysts", "domain_owner": "false", "type": "1", "roles": []});
    let body = json!({"count": "3", "data": [row("u1", &["r00002", "r00003"]), owner, group]});
    let script = Script::of([answer(200, body)]);
    let member = |id: &str, roles: &[&str], owner| Member { id: id.to_owned(), roles: set(roles), owner };
    let expected = [member("u1", &["r00002", "r00003"], false), member("boss", &[], true), member("g1", &[], false)];
    let result = data_arts(&script).members(WORKSPACE, &purpose()).await;
    assert_eq!(result, Ok(WorkspaceMembers::Members(expected.to_vec())));
    assert_eq!(script.sent(), [format!("GET {USERS}?limit=100&offset=0")]);
    assert_eq!(script.requests()[0].uri().host(), Some("dayu.cn-north-4.myhuaweicloud.com"));
    assert_eq!(script.header("x-project-id"), [Some("p".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_whole_list_is_an_error_and_never_an_empty_one() {
    let with = |field: &str, value: Value| {
        let mut row = row("u1", &["r00001"]);
        row[field] = value;
        list(&[row])
    };
    for body in [
        json!({}),
        json!([]),
        json!(null),
        json!({"count": 0}),
        json!({"count": 0, "data": null}),
        json!({"count": 0, "data": {}}),
        json!({"count": 1, "data": []}),
        json!({"count": "", "data": []}),
        json!({"count": -1, "data": []}),
        json!({"count": {}, "data": []}),
        with("user_id", json!(null)),
        with("user_id", json!("")),
        with("roles", json!(null)),
        with("roles", json!("r00001")),
        with("roles", json!([{"role_code": "admin"}])),
        with("domain_owner", json!("maybe")),
        with("domain_owner", json!(1)),
        list(&[row("u1", &[]), row("u1", &[])]),
    ] {
        let (result, _) = members(vec![(200, body.clone()), (200, body.clone()), (200, body.clone())]).await;
        assert_eq!(kind(&result), "unexpected reply", "{body}");
    }
    let (result, _) = members(vec![(200, json!({"is_success": false, "message": null}))]).await;
    assert_eq!(kind(&result), "rejected");
    let (result, _) = members(vec![(200, list(&[]))]).await;
    assert_eq!(result, Ok(WorkspaceMembers::Members(Vec::new())));
}

#[tokio::test(start_paused = true)]
async fn a_workspace_is_gone_only_when_its_roles_are_not_found_either() {
    let gone = || (400, json!({"errorCode": "DLS.6036", "errorMsg": "workspace does not exist"}));
    let (result, sent) = members(vec![gone(), gone()]).await;
    assert_eq!(result, Ok(WorkspaceMembers::WorkspaceGone));
    assert_eq!(sent[1], format!("GET /v2/p/users/role?workspace_id={WORKSPACE}"));
    for (status, body, expected) in [
        (200, json!([{"role_id": "r00001"}]), "unexpected reply"),
        (200, json!([]), "unexpected reply"),
        (400, json!({"errors": [{"error_code": "DAYU.3601", "error_msg": "no permission in asset"}]}), "access denied"),
        (400, error("DAYU.4402"), "rejected"),
        (404, error("APIG.0101"), "rejected"),
        (404, json!({}), "unexpected reply"),
        (500, error("DAYU.3531"), "unavailable"),
    ] {
        let (result, _) = members(vec![gone(), (status, body.clone())]).await;
        assert_eq!(kind(&result), expected, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_absence_needs_no_second_look() {
    for (status, body, expected) in [
        (400, json!({"errors": [{"error_code": "DAYU.3601", "error_msg": "no permission in asset"}]}), "access denied"),
        (404, error("DAYU.3601"), "access denied"),
        (404, error("APIGW.0101"), "rejected"),
        (404, json!({}), "unexpected reply"),
        (400, error("DAYU.4402"), "rejected"),
        (500, error("DAYU.3531"), "unavailable"),
        (401, error("APIG.0301"), "credentials rejected"),
    ] {
        let (result, sent) = members(vec![(status, body.clone())]).await;
        assert_eq!((kind(&result), sent.len()), (expected, 1), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_would_change_the_path_is_not_sent() {
    for workspace in ["", "..", "a/b", "a b", &"a".repeat(65)] {
        let script = Script::of([]);
        assert_eq!(kind(&data_arts(&script).members(workspace, &purpose()).await), "rejected", "{workspace}");
        assert!(script.sent().is_empty());
    }
}
