//! "Adding a Workspace User", replacing roles, deleting users, and their habits either way.

use serde_json::{Value, json};
use simulator::dataarts::{EmptyRoles, FailureAs, MixedBatch, UpdateAbsent};
use simulator::{Presence, Repetition};

use crate::harness::{Cloud, Reply, WORKSPACE};

const ALICE: &str = "a11ce000000000000000000000000001";
const BOB: &str = "b0b00000000000000000000000000002";
const GHOST: &str = "90057000000000000000000000000003";
const GROUP: &str = "96009000000000000000000000000004";

/// The body that the vendor's clients send.
fn users(ids: &[&str], roles: &[&str]) -> Value {
    let users: Vec<Value> = ids.iter().map(|id| json!({"user_id": id})).collect();
    json!({"type": 0, "user_ids": users, "roles_ids": role_ids(roles)})
}

fn groups(ids: &[&str], roles: &[&str]) -> Value {
    let groups: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
    json!({"type": 1, "groups": groups, "roles_ids": role_ids(roles)})
}

fn role_ids(roles: &[&str]) -> Vec<Value> {
    roles.iter().map(|role| json!({"role_id": role})).collect()
}

async fn add(cloud: &Cloud, body: &Value) -> Reply {
    cloud.workspace("POST", "/users", body).await
}

async fn update(cloud: &Cloud, id: &str, body: &Value) -> Reply {
    cloud.workspace("PUT", &format!("/users/{id}"), body).await
}

async fn delete(cloud: &Cloud, ids: &[&str]) -> Reply {
    cloud.workspace("POST", "/delete-users", &json!({"user_ids": ids})).await
}

/// The truth about a member.
fn roles(cloud: &Cloud, id: &str) -> String {
    cloud.simulator.users(WORKSPACE).unwrap().remove(id).unwrap_or_default().join(" ")
}

fn not_success(reply: &Reply) -> bool {
    reply.status == 200 && reply.json() == json!({"message": null, "is_success": false})
}

fn failed(reply: &Reply) -> bool {
    reply.refusal() == (400, "DAYU.4402".to_owned())
}

#[tokio::test(start_paused = true)]
async fn members_are_added_given_other_roles_and_deleted() {
    let cloud = Cloud::with_workspace(|_| ());
    let added = add(&cloud, &users(&[ALICE, BOB], &["r00003", "r00002"])).await;
    assert_eq!((added.status, added.json()), (200, json!({"message": null, "is_success": true})));
    assert_eq!((roles(&cloud, ALICE), roles(&cloud, BOB)), ("r00002 r00003".to_owned(), "r00002 r00003".to_owned()));
    assert!(update(&cloud, ALICE, &users(&[ALICE], &["r00004"])).await.succeeded());
    assert_eq!((roles(&cloud, ALICE), roles(&cloud, BOB)), ("r00004".to_owned(), "r00002 r00003".to_owned()));
    assert!(delete(&cloud, &[ALICE, BOB]).await.succeeded());
    assert!(cloud.simulator.users(WORKSPACE).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn groups_are_members_like_users_and_stay_groups() {
    let cloud = Cloud::with_workspace(|_| ());
    assert!(add(&cloud, &groups(&[GROUP], &["r00004"])).await.succeeded());
    let row = cloud.workspace("GET", "/users", &Value::Null).await.json()["data"][0].clone();
    assert_eq!(
        (&row["type"], &row["user_id"], &row["user_name"]),
        (&json!(1), &json!(GROUP), &json!("group-96009000"))
    );
    assert!(not_success(&update(&cloud, GROUP, &users(&[GROUP], &["r00002"])).await));
    assert!(update(&cloud, GROUP, &groups(&[GROUP], &["r00002"])).await.succeeded());
    assert_eq!(roles(&cloud, GROUP), "r00002");
    assert!(delete(&cloud, &[GROUP]).await.succeeded());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_as_the_page_says_is_refused() {
    let cloud = Cloud::with_workspace(|_| ());
    let good = users(&[ALICE], &["r00002"]);
    let many: Vec<String> = (0..101).map(|number| format!("{number:032}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut bad = vec![json!({}), users(&[], &["r00002"]), users(&[ALICE], &[]), users(&many, &["r00002"])];
    for (field, value) in [("type", json!(2)), ("type", json!(1)), ("type", json!("0")), ("roles_ids", json!("r00002"))]
    {
        let mut body = good.clone();
        body[field] = value;
        bad.push(body);
    }
    for field in ["type", "roles_ids", "user_ids"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(field);
        bad.push(body);
    }
    for (field, value) in [
        ("user_id", json!("alice")),
        ("user_id", json!(ALICE.to_uppercase())),
        ("user_name", json!("not a name")),
        ("user_name", json!("")),
        ("is_domain_owner", json!("no")),
        ("is_domain_owner", json!(0)),
    ] {
        let mut body = good.clone();
        body["user_ids"][0][field] = value;
        bad.push(body);
    }
    for body in bad {
        assert!(failed(&add(&cloud, &body).await), "{body}");
    }
    for body in [json!({}), json!({"user_ids": []}), json!({"user_ids": ["alice"]}), json!({"user_ids": many})] {
        assert!(failed(&cloud.workspace("POST", "/delete-users", &body).await), "{body}");
    }
    assert!(cloud.simulator.users(WORKSPACE).unwrap().is_empty());
    assert!(add(&cloud, &users(&many[..100], &["r00002"])).await.succeeded());
}

#[tokio::test(start_paused = true)]
async fn names_and_domains_must_be_iams_when_they_are_given() {
    let cloud = Cloud::with_workspace(|_| ());
    cloud.simulator.add_iam_user(ALICE, "alice");
    cloud.simulator.add_iam_group(GROUP, "analysts");
    let right = json!({
        "user_id": ALICE, "user_name": "alice", "domain_id": "d0000000000000000000000000000001",
        "domain_name": "sim-domain", "is_domain_owner": "false",
    });
    let body = |user: &Value| json!({"type": 0, "user_ids": [user], "roles_ids": [{"role_id": "r00002"}]});
    for (field, wrong) in [
        ("user_name", json!("bob")),
        ("domain_id", json!("d0000000000000000000000000000002")),
        ("domain_name", json!("other")),
        ("is_domain_owner", json!(true)),
        ("is_domain_owner", json!("true")),
    ] {
        let mut user = right.clone();
        user[field] = wrong;
        assert!(failed(&add(&cloud, &body(&user)).await), "{user}");
    }
    assert!(add(&cloud, &body(&right)).await.succeeded());
    let group =
        |name: &str| json!({"type": 1, "groups": [{"id": GROUP, "name": name}], "roles_ids": [{"role_id": "r00002"}]});
    assert!(failed(&add(&cloud, &group("others")).await));
    assert!(add(&cloud, &group("analysts")).await.succeeded());
    let mut user = right.clone();
    user["is_domain_owner"] = json!(false);
    assert!(update(&cloud, ALICE, &body(&user)).await.succeeded());
}

#[tokio::test(start_paused = true)]
async fn an_update_names_one_member_the_one_of_the_path() {
    let cloud = Cloud::with_workspace(|_| ());
    add(&cloud, &users(&[ALICE, BOB], &["r00002"])).await;
    assert!(failed(&update(&cloud, ALICE, &users(&[BOB], &["r00004"])).await));
    assert!(failed(&update(&cloud, ALICE, &users(&[ALICE, BOB], &["r00004"])).await));
    assert_eq!((roles(&cloud, ALICE), roles(&cloud, BOB)), ("r00002".to_owned(), "r00002".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn unknown_members_unknown_roles_and_the_owner_are_refused_in_either_way() {
    let cloud = Cloud::with_workspace(|s| s.dataarts.owner_row = true);
    let owner = cloud.workspace("GET", "/users", &Value::Null).await.json()["data"][0]["user_id"].clone();
    let owner = owner.as_str().unwrap();
    cloud.simulator.outside_set_administrator(WORKSPACE, BOB).unwrap();
    cloud.simulator.outside_set(WORKSPACE, GHOST, &["r00002"]).unwrap();
    cloud.simulator.add_unknown_user(GHOST);
    for habit in [FailureAs::IsSuccessFalse, FailureAs::Dayu4402] {
        cloud.simulator.set_switches(|s| s.dataarts.failure_as = habit);
        let replies = [
            add(&cloud, &users(&[GHOST], &["r00002"])).await,
            update(&cloud, GHOST, &users(&[GHOST], &["r00004"])).await,
            add(&cloud, &groups(&[GHOST], &["r00002"])).await,
            add(&cloud, &users(&[ALICE], &["r00009"])).await,
            add(&cloud, &users(&[owner], &["r00002"])).await,
            update(&cloud, BOB, &users(&[BOB], &["r00004"])).await,
            delete(&cloud, &[owner]).await,
            delete(&cloud, &[BOB]).await,
        ];
        for reply in replies {
            assert_eq!(
                (not_success(&reply), failed(&reply)),
                (habit == FailureAs::IsSuccessFalse, habit == FailureAs::Dayu4402)
            );
        }
    }
    let truth = cloud.simulator.users(WORKSPACE).unwrap();
    assert_eq!(truth.into_values().flatten().collect::<Vec<_>>(), ["r00002", "r00001"]);
    assert!(delete(&cloud, &[GHOST]).await.succeeded());
}

#[tokio::test(start_paused = true)]
async fn the_custom_role_can_be_held_like_any_other() {
    let cloud = Cloud::with_workspace(|_| ());
    assert!(add(&cloud, &users(&[ALICE], &["2b6ce3c35b1d4e6fa3c9d7a10f8e4b52"])).await.succeeded());
    assert_eq!(roles(&cloud, ALICE), "2b6ce3c35b1d4e6fa3c9d7a10f8e4b52");
}

#[tokio::test(start_paused = true)]
async fn adding_a_member_again_is_refused_or_adds_the_roles() {
    let cloud = Cloud::with_workspace(|_| ());
    add(&cloud, &users(&[ALICE], &["r00002"])).await;
    let again = async |habit| {
        cloud.simulator.set_switches(|s| s.dataarts.duplicate_add = habit);
        add(&cloud, &users(&[ALICE], &["r00004"])).await
    };
    assert!(failed(&again(Repetition::Refused).await));
    assert!(not_success(&again(Repetition::NotSuccess).await));
    assert_eq!(roles(&cloud, ALICE), "r00002");
    assert!(again(Repetition::Ok).await.succeeded());
    assert_eq!(roles(&cloud, ALICE), "r00002 r00004");
}

#[tokio::test(start_paused = true)]
async fn deleting_who_is_no_member_is_refused_or_accepted() {
    let cloud = Cloud::with_workspace(|_| ());
    let attempt = async |habit| {
        cloud.simulator.set_switches(|s| s.dataarts.delete_absent = habit);
        delete(&cloud, &[ALICE]).await
    };
    assert!(failed(&attempt(Repetition::Refused).await));
    assert!(not_success(&attempt(Repetition::NotSuccess).await));
    assert!(attempt(Repetition::Ok).await.succeeded());
}

#[tokio::test(start_paused = true)]
async fn an_update_of_who_is_no_member_is_refused_or_makes_one() {
    let cloud = Cloud::with_workspace(|_| ());
    assert!(failed(&update(&cloud, ALICE, &users(&[ALICE], &["r00002"])).await));
    assert_eq!(roles(&cloud, ALICE), "");
    cloud.simulator.set_switches(|s| s.dataarts.update_absent = UpdateAbsent::Creates);
    assert!(update(&cloud, ALICE, &users(&[ALICE], &["r00002"])).await.succeeded());
    assert_eq!(roles(&cloud, ALICE), "r00002");
}

#[tokio::test(start_paused = true)]
async fn an_update_to_no_roles_is_refused_or_removes_the_member() {
    let cloud = Cloud::with_workspace(|_| ());
    add(&cloud, &users(&[ALICE], &["r00002"])).await;
    assert!(failed(&update(&cloud, ALICE, &users(&[ALICE], &[])).await));
    assert_eq!(roles(&cloud, ALICE), "r00002");
    cloud.simulator.set_switches(|s| s.dataarts.empty_roles = EmptyRoles::Removes);
    assert!(update(&cloud, ALICE, &users(&[ALICE], &[])).await.succeeded());
    assert!(cloud.simulator.users(WORKSPACE).unwrap().is_empty());
    assert!(failed(&add(&cloud, &users(&[ALICE], &[])).await));
}

#[tokio::test(start_paused = true)]
async fn a_batch_with_a_bad_member_does_nothing_or_the_good_ones_and_fails_either_way() {
    for (habit, held, left) in [(MixedBatch::RefusedWhole, "", "r00002"), (MixedBatch::Partial, "r00002", "")] {
        let cloud = Cloud::with_workspace(|s| s.dataarts.mixed_batch = habit);
        cloud.simulator.add_unknown_user(GHOST);
        assert!(not_success(&add(&cloud, &users(&[ALICE, GHOST, BOB], &["r00002"])).await));
        assert_eq!((roles(&cloud, ALICE).as_str(), roles(&cloud, BOB).as_str()), (held, held), "{habit:?}");
        cloud.simulator.outside_set(WORKSPACE, ALICE, &["r00002"]).unwrap();
        assert!(failed(&delete(&cloud, &[GHOST, ALICE]).await));
        assert_eq!(roles(&cloud, ALICE), left, "{habit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn success_is_said_or_left_unsaid() {
    let cloud = Cloud::with_workspace(|s| s.dataarts.success_flag = Presence::Absent);
    let replies = [
        add(&cloud, &users(&[ALICE], &["r00002"])).await,
        update(&cloud, ALICE, &users(&[ALICE], &["r00004"])).await,
        delete(&cloud, &[ALICE]).await,
    ];
    for reply in replies {
        assert_eq!((reply.status, reply.json()), (200, json!({"message": null})));
    }
    assert!(failed(&delete(&cloud, &[ALICE]).await));
}

#[tokio::test(start_paused = true)]
async fn calls_are_journalled_with_workspace_ids_roles_and_what_each_member_had() {
    let cloud = Cloud::with_workspace(|_| ());
    cloud.simulator.outside_set(WORKSPACE, BOB, &["r00004"]).unwrap();
    let from = cloud.simulator.journal_last();
    add(&cloud, &users(&[ALICE], &["r00003", "r00002"])).await;
    update(&cloud, BOB, &users(&[BOB], &["r00002"])).await;
    delete(&cloud, &[BOB, ALICE]).await;
    cloud.workspace("GET", "/users", &Value::Null).await;
    let entries = cloud.simulator.journal_after(from);
    assert!(entries.iter().all(|e| e.service == "dataarts" && e.target.as_deref() == Some(WORKSPACE) && e.succeeded));
    let told: Vec<_> = entries
        .iter()
        .map(|e| (e.operation.as_str(), e.action.as_deref(), e.principals.join(" "), e.privileges.join(" ")))
        .collect();
    let expected = [
        ("AddWorkspaceUsers", Some("grant"), ALICE.to_owned(), "r00003 r00002"),
        ("UpdateWorkspaceUserOrGroup", Some("update"), BOB.to_owned(), "r00002"),
        ("DeleteWorkspaceUsers", Some("revoke"), format!("{BOB} {ALICE}"), ""),
        ("ListWorkspaceUsers", None, String::new(), ""),
    ];
    assert_eq!(told, expected.map(|(name, action, who, what)| (name, action, who, what.to_owned())));
    let changes = serde_json::to_value(&entries[2].changed).unwrap();
    let expected = json!([
        {"principal": BOB, "before": ["r00002"], "after": []},
        {"principal": ALICE, "before": ["r00002", "r00003"], "after": []},
    ]);
    assert_eq!(changes, expected);
}
