//! "Granting Users with the Queue Usage Permission", and its habits either way.

use serde_json::json;
use simulator::{AdministratorRefusal, ErrorEnvelope, Repetition, UnknownGrantee, UserNames};

use crate::harness::{Cloud, Reply};

fn refused(reply: &Reply, code: &str) -> bool {
    reply.refusal() == (400, code.to_owned())
}

fn not_success(reply: &Reply) -> bool {
    reply.status == 200 && reply.json()["is_success"] == json!(false)
}

#[tokio::test(start_paused = true)]
async fn a_grant_adds_a_revoke_takes_and_an_update_replaces() {
    let cloud = Cloud::new();
    let reply = cloud.authorize("grant", "tenant2", &["SUBMIT_JOB", "DROP_QUEUE"]).await;
    assert_eq!((reply.status, reply.json()), (200, json!({"is_success": true, "message": ""})));
    assert_eq!(cloud.truth("tenant2"), ["DROP_QUEUE", "SUBMIT_JOB"]);
    assert!(cloud.authorize("grant", "tenant2", &["RESTART"]).await.succeeded());
    assert_eq!(cloud.truth("tenant2"), ["DROP_QUEUE", "RESTART", "SUBMIT_JOB"]);
    assert!(cloud.authorize("revoke", "tenant2", &["DROP_QUEUE"]).await.succeeded());
    assert_eq!(cloud.truth("tenant2"), ["RESTART", "SUBMIT_JOB"]);
    assert!(cloud.authorize("update", "tenant2", &["CANCEL_JOB"]).await.succeeded());
    assert_eq!(cloud.truth("tenant2"), ["CANCEL_JOB"]);
}

#[tokio::test(start_paused = true)]
async fn an_update_with_an_empty_list_and_a_revoke_of_the_last_privilege_remove_the_user() {
    let cloud = Cloud::new();
    for (action, privileges) in [("update", &[][..]), ("revoke", &["SUBMIT_JOB"])] {
        assert!(cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await.succeeded());
        assert!(cloud.authorize(action, "alice", privileges).await.succeeded());
        assert!(cloud.simulator.users("queue1").unwrap().is_empty());
        assert_eq!(cloud.list().await.users(), ["sim-owner"]);
    }
}

#[tokio::test(start_paused = true)]
async fn queue_names_are_stored_and_compared_in_lower_case() {
    let cloud = Cloud::new();
    let body = json!({"queue_name": "QUEUE1", "user_name": "alice", "action": "grant", "privileges": ["SUBMIT_JOB"]});
    assert!(cloud.authorize_with(&body).await.succeeded());
    assert_eq!(cloud.truth("alice"), ["SUBMIT_JOB"]);
    let reply = cloud.get("/queues/Queue1/users").await;
    assert_eq!(reply.json()["queue_name"], "queue1");
}

#[tokio::test(start_paused = true)]
async fn each_of_the_eight_privileges_can_be_granted_and_nothing_else() {
    let cloud = Cloud::new();
    let all = [
        "CANCEL_JOB",
        "DROP_QUEUE",
        "GRANT_PRIVILEGE",
        "RESTART",
        "REVOKE_PRIVILEGE",
        "SCALE_QUEUE",
        "SHOW_PRIVILEGES",
        "SUBMIT_JOB",
    ];
    assert!(cloud.authorize("grant", "alice", &all).await.succeeded());
    assert_eq!(cloud.truth("alice"), all);
    for other in ["ALL", "SHOW_PRIVILEGE", "CREATE_QUEUE", "submit_job", ""] {
        for action in ["grant", "revoke", "update"] {
            let reply = cloud.authorize(action, "alice", &["SUBMIT_JOB", other]).await;
            assert!(refused(&reply, "DLI.0001"), "{action} {other}");
        }
    }
    assert_eq!(cloud.truth("alice"), all);
}

#[tokio::test(start_paused = true)]
async fn parameters_that_are_missing_or_make_no_sense_are_bad() {
    let cloud = Cloud::new();
    let good = json!({"queue_name": "queue1", "user_name": "a", "action": "grant", "privileges": ["SUBMIT_JOB"]});
    for name in ["queue_name", "user_name", "action", "privileges"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(name);
        assert!(refused(&cloud.authorize_with(&body).await, "DLI.0001"), "{name}");
    }
    for (name, value) in [
        ("action", json!("give")),
        ("user_name", json!("")),
        ("queue_name", json!("")),
        ("privileges", json!([])),
        ("privileges", json!("SUBMIT_JOB")),
    ] {
        let mut body = good.clone();
        body[name] = value;
        assert!(refused(&cloud.authorize_with(&body).await, "DLI.0001"), "{body}");
    }
    assert!(cloud.simulator.users("queue1").unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_queue_is_a_missing_object_that_the_message_names() {
    let cloud = Cloud::new();
    let body = json!({"queue_name": "Gone", "user_name": "alice", "action": "grant", "privileges": ["SUBMIT_JOB"]});
    let reply = cloud.authorize_with(&body).await;
    assert!(refused(&reply, "DLI.0002"));
    assert!(reply.message().contains("queue named gone"), "{reply:?}");
}

#[tokio::test(start_paused = true)]
async fn error_bodies_come_in_either_envelope() {
    let cloud = Cloud::new();
    let plain = cloud.get("/queues/gone/users").await.json();
    assert_eq!(plain["error_code"], "DLI.0002");
    cloud.simulator.set_switches(|s| s.error_envelope = ErrorEnvelope::IdAndName);
    let named = cloud.get("/queues/gone/users").await.json();
    assert_eq!(named["error_id"], "DLI.0002");
    assert_eq!(named["error_name"], plain["error_msg"]);
    assert!(named.get("error_code").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_caller_without_the_right_is_denied_and_update_needs_both_rights() {
    let all = ["GRANT_PRIVILEGE", "REVOKE_PRIVILEGE", "SHOW_PRIVILEGES"];
    for (lacking, allowed) in [
        ("GRANT_PRIVILEGE", [false, true, false, true]),
        ("REVOKE_PRIVILEGE", [true, false, false, true]),
        ("SHOW_PRIVILEGES", [true, true, true, false]),
        ("", [true; 4]),
    ] {
        let cloud = Cloud::with(|s| {
            s.caller_privileges = all.iter().filter(|held| **held != lacking).map(ToString::to_string).collect();
        });
        let replies = [
            cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await,
            cloud.authorize("revoke", "alice", &["SUBMIT_JOB"]).await,
            cloud.authorize("update", "alice", &["RESTART"]).await,
            cloud.list().await,
        ];
        for (reply, allowed) in replies.iter().zip(allowed) {
            assert_eq!(reply.succeeded(), allowed, "{lacking}: {reply:?}");
            assert!(allowed || refused(reply, "DLI.0003"), "{lacking}: {reply:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_administrator_and_the_owner_can_be_neither_granted_nor_changed() {
    let cloud = Cloud::new();
    cloud.simulator.outside_set_administrator("queue1", "boss").unwrap();
    for user in ["boss", "sim-owner"] {
        for action in ["grant", "revoke", "update"] {
            cloud.simulator.set_switches(|s| s.administrator_refusal = AdministratorRefusal::NotSuccess);
            assert!(not_success(&cloud.authorize(action, user, &["SUBMIT_JOB"]).await), "{action} {user}");
            cloud.simulator.set_switches(|s| s.administrator_refusal = AdministratorRefusal::Permission);
            let reply = cloud.authorize(action, user, &["SUBMIT_JOB"]).await;
            assert!(refused(&reply, "DLI.0003"), "{action} {user}");
        }
    }
    assert_eq!(cloud.truth("boss"), ["ALL"]);
    assert!(cloud.truth("sim-owner").is_empty());
}

#[tokio::test(start_paused = true)]
async fn granting_what_is_held_is_accepted_or_refused_as_a_whole() {
    let cloud = Cloud::new();
    assert!(cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await.succeeded());
    let again = async |habit| {
        cloud.simulator.set_switches(|s| s.grant_held = habit);
        cloud.authorize("grant", "alice", &["SUBMIT_JOB", "RESTART"]).await
    };
    assert!(refused(&again(Repetition::Refused).await, "DLI.0006"));
    assert!(not_success(&again(Repetition::NotSuccess).await));
    assert_eq!(cloud.truth("alice"), ["SUBMIT_JOB"]);
    assert!(again(Repetition::Ok).await.succeeded());
    assert_eq!(cloud.truth("alice"), ["RESTART", "SUBMIT_JOB"]);
}

#[tokio::test(start_paused = true)]
async fn revoking_what_is_not_held_is_accepted_or_refused_as_a_whole() {
    let cloud = Cloud::new();
    assert!(cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await.succeeded());
    let again = async |habit| {
        cloud.simulator.set_switches(|s| s.revoke_absent = habit);
        cloud.authorize("revoke", "alice", &["SUBMIT_JOB", "RESTART"]).await
    };
    let reply = again(Repetition::Refused).await;
    assert!(refused(&reply, "DLI.0002"));
    assert!(!reply.message().contains("queue"), "{reply:?}");
    assert!(not_success(&again(Repetition::NotSuccess).await));
    assert_eq!(cloud.truth("alice"), ["SUBMIT_JOB"]);
    assert!(again(Repetition::Ok).await.succeeded());
    assert!(cloud.truth("alice").is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_update_is_never_refused_for_repeating_itself() {
    let cloud = Cloud::with(|s| {
        s.grant_held = Repetition::Refused;
        s.revoke_absent = Repetition::Refused;
    });
    for privileges in [&["SUBMIT_JOB"][..], &["SUBMIT_JOB"], &[], &[]] {
        assert!(cloud.authorize("update", "alice", privileges).await.succeeded());
        assert_eq!(cloud.truth("alice"), privileges);
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_to_an_unknown_user_is_refused_in_each_of_three_ways() {
    let cloud = Cloud::new();
    cloud.simulator.add_unknown_user("ghost");
    for action in ["grant", "update"] {
        let attempt = async |habit| {
            cloud.simulator.set_switches(|s| s.unknown_grantee = habit);
            cloud.authorize(action, "ghost", &["SUBMIT_JOB"]).await
        };
        assert!(refused(&attempt(UnknownGrantee::UnknownCode).await, "DLI.2909"));
        let missing = attempt(UnknownGrantee::ObjectMissing).await;
        assert!(refused(&missing, "DLI.0002"));
        assert!(missing.message().contains("user named ghost"), "{missing:?}");
        assert!(not_success(&attempt(UnknownGrantee::NotSuccess).await));
    }
    assert!(cloud.truth("ghost").is_empty());
    cloud.simulator.remove_unknown_user("ghost");
    assert!(cloud.authorize("grant", "ghost", &["SUBMIT_JOB"]).await.succeeded());
}

#[tokio::test(start_paused = true)]
async fn what_a_user_holds_can_be_revoked_after_the_user_has_gone_from_iam() {
    let cloud = Cloud::new();
    assert!(cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await.succeeded());
    cloud.simulator.add_unknown_user("alice");
    assert!(refused(&cloud.authorize("grant", "alice", &["RESTART"]).await, "DLI.2909"));
    assert!(cloud.authorize("revoke", "alice", &["SUBMIT_JOB"]).await.succeeded());
    assert!(refused(&cloud.authorize("revoke", "alice", &["SUBMIT_JOB"]).await, "DLI.2909"));
}

#[tokio::test(start_paused = true)]
async fn user_names_that_differ_in_case_are_two_users_or_one() {
    let cloud = Cloud::new();
    cloud.simulator.add_unknown_user("ghost");
    assert!(cloud.authorize("grant", "Alice", &["SUBMIT_JOB"]).await.succeeded());
    assert!(cloud.authorize("grant", "alice", &["RESTART"]).await.succeeded());
    assert!(cloud.authorize("grant", "Ghost", &["RESTART"]).await.succeeded());
    assert_eq!(cloud.list().await.users(), ["sim-owner", "Alice", "Ghost", "alice"]);

    let cloud = Cloud::with(|s| s.user_names = UserNames::CaseInsensitive);
    cloud.simulator.add_unknown_user("ghost");
    assert!(cloud.authorize("grant", "Alice", &["SUBMIT_JOB"]).await.succeeded());
    assert!(cloud.authorize("grant", "alice", &["RESTART"]).await.succeeded());
    assert!(!cloud.authorize("grant", "Ghost", &["RESTART"]).await.succeeded());
    assert_eq!(cloud.list().await.users(), ["sim-owner", "alice"]);
    assert_eq!(cloud.truth("alice"), ["RESTART", "SUBMIT_JOB"]);
    cloud.simulator.outside_remove("queue1", "ALICE").unwrap();
    assert!(cloud.truth("alice").is_empty());
}
