//! Golden exchanges of writes: what is asked, which calls it takes, and what comes of the answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;

use super::super::tests::{USERS, WORKSPACE, data_arts, error, list, row, set};
use super::*;
use crate::clouds::IN_FLIGHT;
use crate::clouds::script::{Script, answer, answer_with, kind, purpose};

const DELETE: &str = "POST /v2/p/0d4a9b3f5e6c4f0f9d3f7e2b1a5c8d90/delete-users";

fn done() -> Value {
    json!({"message": null, "is_success": true})
}

fn change(id: &str, before: &[&str], after: &[&str]) -> Membership {
    Membership { id: id.to_owned(), before: set(before), after: set(after), identity: None, purpose: purpose() }
}

/// The same, saying all that there is to say of a user.
fn known(change: Membership) -> Membership {
    let name = Some(format!("{}-name", change.id));
    let identity = Identity::User { name, domain_id: Some("d1".to_owned()), domain_name: None };
    Membership { identity: Some(identity), ..change }
}

/// The same, saying no more than that it is a user.
fn user(change: Membership) -> Membership {
    let identity = Identity::User { name: None, domain_id: None, domain_name: None };
    Membership { identity: Some(identity), ..change }
}

fn kinds(results: &[Result<(), CloudError>]) -> Vec<&'static str> {
    results.iter().map(kind).collect()
}

/// Makes changes; the answers are told as status and body. Returns the kinds of the results and what was sent.
async fn make(changes: &[Membership], answers: Vec<(u16, Value)>) -> (Vec<&'static str>, Vec<String>) {
    let script = Script::of(answers.into_iter().map(|(status, body)| answer(status, body)));
    let results = data_arts(&script).change(WORKSPACE, changes).await;
    (kinds(&results), script.sent())
}

fn body_of(request: &Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn each_change_is_the_call_that_the_vendors_pages_show_and_removals_go_first() {
    let changes = [
        known(change("u1", &[], &["r00002"])),
        known(change("u2", &["r00001"], &["r00002", "r00003"])),
        known(change("u3", &["r00001", "r00002"], &["r00002"])),
        change("u4", &["r00001"], &[]),
        change("u5", &["r00001"], &["r00001"]),
    ];
    let (results, sent) = make(&changes, vec![(200, done()); 4]).await;
    assert_eq!(results, ["ok"; 5]);
    let user = |id: &str| {
        format!(r#"[{{"domain_id":"d1","is_domain_owner":false,"user_id":"{id}","user_name":"{id}-name"}}]"#)
    };
    assert_eq!(
        sent,
        [
            format!(r#"{DELETE} {{"user_ids":["u4"]}}"#),
            format!(r#"PUT {USERS}/u3 {{"roles_ids":[{{"role_id":"r00002"}}],"type":0,"user_ids":{}}}"#, user("u3")),
            format!(
                r#"PUT {USERS}/u2 {{"roles_ids":[{{"role_id":"r00002"}},{{"role_id":"r00003"}}],"type":0,"user_ids":{}}}"#,
                user("u2")
            ),
            format!(r#"POST {USERS} {{"roles_ids":[{{"role_id":"r00002"}}],"type":0,"user_ids":{}}}"#, user("u1")),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn those_with_equal_roles_are_added_together_and_groups_apart() {
    let group = Identity::Group { name: Some("analysts".to_owned()) };
    let changes = [
        known(change("u1", &[], &["r00002", "r00003"])),
        known(change("u2", &[], &["r00004"])),
        known(change("u3", &[], &["r00003", "r00002"])),
        Membership { identity: Some(group), ..change("g1", &[], &["r00004"]) },
    ];
    let script = Script::by(|_| answer(200, done()));
    assert_eq!(kinds(&data_arts(&script).change(WORKSPACE, &changes).await), ["ok"; 4]);
    let bodies: Vec<Value> = script.requests().iter().map(body_of).collect();
    assert_eq!(bodies.len(), 3);
    assert_eq!(bodies[0]["user_ids"].as_array().map(Vec::len), Some(2));
    assert_eq!(bodies[1]["user_ids"][0]["user_id"], "u2");
    let group = json!({"type": 1, "groups": [{"id": "g1", "name": "analysts"}], "roles_ids": [{"role_id": "r00004"}]});
    assert_eq!(bodies[2], group);
}

#[tokio::test(start_paused = true)]
async fn what_the_change_leaves_out_is_taken_from_the_last_list_and_needs_no_iam() {
    let group =
        json!({"user_id": "g1", "user_name": "analysts", "roles": [{"role_id": "r1"}, {"role_id": "r2"}], "type": 1});
    let bare = json!({"user_id": "u2", "user_name": "u2-name", "domain_id": "d1", "roles": [], "type": "0"});
    let script = Script::by(move |request| match request.method().as_str() {
        "GET" => answer(200, list(&[row("u1", &["r1", "r2"]), group.clone(), bare.clone()])),
        _ => answer(200, done()),
    });
    let client = data_arts(&script);
    assert!(client.members(WORKSPACE, &purpose()).await.is_ok());
    let changes =
        [change("u1", &["r1", "r2"], &["r1"]), change("g1", &["r1", "r2"], &["r2"]), change("u2", &[], &["r1"])];
    assert_eq!(kinds(&client.change(WORKSPACE, &changes).await), ["ok"; 3]);
    let sent = script.sent();
    assert_eq!(sent.len(), 4);
    assert!(
        sent[1].starts_with(&format!("PUT {USERS}/u1 ")) && sent[1].contains(r#""domain_name":"acme""#),
        "{sent:?}"
    );
    assert!(sent[2].contains(r#""groups":[{"id":"g1","name":"analysts"}]"#), "{sent:?}");
    assert!(sent[3].starts_with(&format!("PUT {USERS}/u2 ")), "a member without roles is not added: {sent:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_list_says_of_a_member_counts_more_than_what_the_change_says() {
    let script = Script::by(|request| match request.method().as_str() {
        "GET" => answer(200, list(&[row("u1", &["r1"])])),
        _ => answer(200, done()),
    });
    let client = data_arts(&script);
    assert!(client.members(WORKSPACE, &purpose()).await.is_ok());
    let identity = Identity::User { name: Some("old".to_owned()), domain_id: Some("d0".to_owned()), domain_name: None };
    let changes = [Membership { identity: Some(identity), ..change("u1", &["r1"], &["r2"]) }];
    assert_eq!(kinds(&client.change(WORKSPACE, &changes).await), ["ok"]);
    let user = &body_of(&script.requests()[1])["user_ids"][0];
    assert_eq!([&user["user_name"], &user["domain_id"]], ["u1-name", "d1"]);
}

/// IAM knows the user `u1` and the group `g1`; DataArts takes everything.
fn with_iam() -> Arc<Script> {
    Script::by(|request| match (request.uri().host().unwrap_or_default(), request.uri().path()) {
        ("iam.cn-north-4.myhuaweicloud.com", "/v3.0/OS-USER/users/u1") => {
            let user = json!({"id": "u1", "name": "ann", "domain_id": "d9", "is_domain_owner": true, "email": "x"});
            answer(200, json!({"user": user}))
        }
        ("iam.cn-north-4.myhuaweicloud.com", "/v3/groups/g1") => {
            answer(200, json!({"group": {"id": "g1", "name": "analysts", "domain_id": "d9", "links": {}}}))
        }
        ("iam.cn-north-4.myhuaweicloud.com", _) => {
            answer(404, json!({"error": {"code": 404, "message": "Could not find user", "title": "Not Found"}}))
        }
        _ => answer(200, done()),
    })
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_said_is_looked_up_in_iam_once_and_kept() {
    let script = with_iam();
    let client = data_arts(&script);
    let group = Some(Identity::Group { name: None });
    let changes = [change("u1", &[], &["r1"]), Membership { identity: group, ..change("g1", &[], &["r1"]) }];
    for _ in 0..2 {
        assert_eq!(kinds(&client.change(WORKSPACE, &changes).await), ["ok", "ok"]);
    }
    let sent = script.sent();
    assert_eq!(sent[..2], ["GET /v3.0/OS-USER/users/u1", "GET /v3/groups/g1"]);
    assert_eq!(sent.iter().filter(|sent| sent.starts_with("GET")).count(), 2);
    let user = json!({"user_id": "u1", "user_name": "ann", "domain_id": "d9", "is_domain_owner": true});
    assert_eq!(body_of(&script.requests()[2])["user_ids"], json!([user]));
    assert_eq!(body_of(&script.requests()[3])["groups"], json!([{"id": "g1", "name": "analysts"}]));
}

#[tokio::test(start_paused = true)]
async fn what_the_change_says_counts_more_than_what_iam_says() {
    let script = with_iam();
    let identity =
        Identity::User { name: Some("eve".to_owned()), domain_id: None, domain_name: Some("acme".to_owned()) };
    let changes = [Membership { identity: Some(identity), ..change("u1", &[], &["r1"]) }];
    assert_eq!(kinds(&data_arts(&script).change(WORKSPACE, &changes).await), ["ok"]);
    let user = &body_of(&script.requests()[1])["user_ids"][0];
    assert_eq!([&user["user_name"], &user["domain_id"], &user["domain_name"]], ["eve", "d9", "acme"]);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_iam_does_not_know_is_nobodys_and_holds_up_nobody() {
    let script = with_iam();
    let changes = [change("u1", &[], &["r1"]), change("u9", &[], &["r1"]), change("u8", &["r1"], &[])];
    let results = data_arts(&script).change(WORKSPACE, &changes).await;
    assert_eq!(kinds(&results), ["ok", "principal not found", "ok"]);
    assert_eq!(script.sent().iter().filter(|sent| sent.contains("u8")).count(), 1, "a removal needs no look-up");
}

#[tokio::test(start_paused = true)]
async fn only_iams_own_word_says_that_there_is_nobody_of_that_id() {
    for (status, body, expected) in [
        (404, json!({"error": {"code": 404, "message": "Could not find user"}}), "principal not found"),
        (404, json!({"error_code": "IAM.0004", "error_msg": "Could not find user"}), "principal not found"),
        (404, error("APIGW.0101"), "rejected"),
        (404, json!({}), "unexpected reply"),
        (403, json!({"error": {"code": 403, "message": "no"}}), "access denied"),
        (500, json!({}), "unavailable"),
        (200, json!({}), "unexpected reply"),
        (200, json!({"user": {"id": "u2", "name": "x", "domain_id": "d"}}), "unexpected reply"),
        (200, json!({"user": {"id": "u1", "name": "", "domain_id": "d"}}), "unexpected reply"),
        (200, json!({"user": {"id": "u1", "name": "x"}}), "unexpected reply"),
    ] {
        let (results, sent) = make(&[user(change("u1", &[], &["r1"]))], vec![(status, body.clone())]).await;
        assert_eq!((results, sent.len()), (vec![expected], 1), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_neither_said_to_be_a_user_nor_a_group_is_asked_for_as_both() {
    let script = with_iam();
    assert_eq!(kinds(&data_arts(&script).change(WORKSPACE, &[change("g1", &["r1", "r2"], &["r1"])]).await), ["ok"]);
    let sent = script.sent();
    assert_eq!(sent[..2], ["GET /v3.0/OS-USER/users/g1", "GET /v3/groups/g1"]);
    assert!(sent[2].contains(r#""groups":[{"id":"g1","name":"analysts"}]"#), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn what_iam_has_said_is_asked_anew_after_a_failure_that_may_be_about_it() {
    let look_up = || (200, json!({"user": {"id": "u1", "name": "x", "domain_id": "d"}}));
    for (failure, look, asked) in [
        ((500, error("DAYU.4402")), true, 2),
        ((500, error("DAYU.3531")), true, 2),
        ((503, json!({})), false, 1),
        ((403, error("DAYU.3601")), false, 1),
    ] {
        let looks = look.then(|| (200, list(&[])));
        let again = (asked == 2).then(look_up);
        let answers = [look_up(), failure].into_iter().chain(looks).chain(again).chain([(200, done())]);
        let script = Script::of(answers.map(|(status, body)| answer(status, body)));
        let client = data_arts(&script);
        assert_ne!(kinds(&client.change(WORKSPACE, &[change("u1", &[], &["r1"])]).await), ["ok"]);
        assert_eq!(kinds(&client.change(WORKSPACE, &[change("u1", &[], &["r1"])]).await), ["ok"]);
        assert_eq!(script.sent().iter().filter(|sent| sent.contains("OS-USER")).count(), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn members_are_changed_before_anybody_else_is_looked_up() {
    let script = with_iam();
    let changes = [change("u1", &[], &["r1"]), known(change("u2", &["r1"], &["r1", "r2"]))];
    assert_eq!(kinds(&data_arts(&script).change(WORKSPACE, &changes).await), ["ok", "ok"]);
    let sent = script.sent();
    assert!(sent[0].starts_with("PUT") && sent[1].starts_with("GET /v3.0/OS-USER/users/u1"), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_write_is_done_only_if_the_answer_says_so() {
    for change in [known(change("u1", &[], &["r1"])), known(change("u1", &["r1"], &["r2"])), change("u1", &["r1"], &[])]
    {
        for body in [json!({}), json!({"is_success": null}), json!({"message": null}), json!([]), json!("ok")] {
            let (results, sent) = make(std::slice::from_ref(&change), vec![(200, body.clone())]).await;
            assert_eq!((results, sent.len()), (vec!["unexpected reply"], 1), "{body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_refusals_one_look_at_the_list_decides() {
    for (status, body) in [
        (400, error("DAYU.4402")),
        (200, json!({"is_success": false, "message": null})),
        (200, json!({"is_success": "false"})),
        (500, error("DAYU.3531")),
    ] {
        let wanted = [
            (known(change("u1", &[], &["r1"])), list(&[row("u1", &["r1"])])),
            (known(change("u1", &["r1", "r2"], &["r1"])), list(&[row("u1", &["r1", "r3"])])),
            (change("u1", &["r1"], &[]), list(&[])),
        ];
        for (change, now) in wanted {
            let (results, sent) = make(std::slice::from_ref(&change), vec![(status, body.clone()), (200, now)]).await;
            assert_eq!((results, sent.len()), (vec!["ok"], 2), "{change:?} {body}");
        }
        let refused = if status == 500 { "unavailable" } else { "rejected" };
        let unwanted = [
            (known(change("u1", &[], &["r1"])), list(&[])),
            (known(change("u1", &["r1", "r2"], &["r1"])), list(&[row("u1", &["r1", "r2"])])),
            (change("u1", &["r1"], &[]), list(&[row("u1", &["r1"])])),
        ];
        for (change, now) in unwanted {
            let (results, _) = make(std::slice::from_ref(&change), vec![(status, body.clone()), (200, now)]).await;
            assert_eq!(results, [refused], "{change:?} {body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_looked_into_after_an_outage_or_a_denial() {
    for (status, body, expected) in [
        (500, json!({}), "unavailable"),
        (403, error("DAYU.3601"), "access denied"),
        (401, json!({}), "credentials rejected"),
        (400, error("DLS.6036"), "target not found"),
    ] {
        let (results, sent) = make(&[change("u1", &["r1"], &[])], vec![(status, body.clone())]).await;
        assert_eq!((results, sent.len()), (vec![expected], 1), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_cannot_be_looked_into_is_as_bad_as_the_look() {
    let gone = || (400, error("DLS.6036"));
    for (look, expected) in [
        (vec![(200, json!({}))], "unexpected reply"),
        (vec![(400, error("DAYU.3601"))], "access denied"),
        (vec![gone(), gone()], "target not found"),
    ] {
        let answers = [vec![(400, error("DAYU.4402"))], look].concat();
        assert_eq!(make(&[change("u1", &["r1"], &[])], answers).await.0, [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_owner_is_never_written_and_neither_is_what_would_change_the_path() {
    let mut owner = row("boss", &["r1"]);
    owner["domain_owner"] = json!(true);
    let script = Script::of([answer(200, list(&[owner]))]);
    let client = data_arts(&script);
    assert!(client.members(WORKSPACE, &purpose()).await.is_ok());
    let changes = [change("boss", &["r1"], &[]), change("boss", &["r1"], &["r2"]), change("a/b", &["r1"], &[])];
    assert_eq!(kinds(&client.change(WORKSPACE, &changes).await), ["rejected"; 3]);
    assert_eq!(kinds(&client.change("..", &[change("u1", &["r1"], &[])]).await), ["rejected"]);
    assert_eq!(script.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn batches_are_of_a_hundred_and_halved_until_the_culprit_is_alone() {
    for (status, words, alone) in
        [(400, "DAYU.4402", "rejected"), (200, "", "rejected"), (500, "DAYU.3531", "unavailable")]
    {
        let members: Mutex<BTreeSet<String>> = Mutex::default();
        let script = Script::by(move |request| {
            let mut members = members.lock().unwrap_or_else(PoisonError::into_inner);
            if request.method() == Method::GET {
                return answer(200, list(&members.iter().map(|id| row(id, &["r1"])).collect::<Vec<_>>()));
            }
            let named = body_of(request)["user_ids"].as_array().cloned().unwrap_or_default();
            let named: Vec<String> =
                named.iter().filter_map(|user| Some(user["user_id"].as_str()?.to_owned())).collect();
            if named.iter().any(|id| id == "bad") {
                return answer(status, if words.is_empty() { json!({"is_success": false}) } else { error(words) });
            }
            members.extend(named);
            answer(200, done())
        });
        let mut changes: Vec<_> =
            (0..230).map(|number| known(change(&format!("u{number:03}"), &[], &["r1"]))).collect();
        changes[229].id = "bad".to_owned();
        let results = data_arts(&script).change(WORKSPACE, &changes).await;
        assert!(results[..229].iter().all(Result::is_ok), "{words}");
        assert_eq!(kind(&results[229]), alone);
        assert!(results[229].as_ref().is_err_and(|error| error.fault().partly));
        let sizes: Vec<usize> = script.sent().iter().map(|sent| sent.matches("user_id\"").count()).collect();
        assert!(sizes.iter().all(|size| *size <= 100) && sizes.len() < 20, "{sizes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_late_and_all_is_over_within_the_in_flight_window() {
    let start = Instant::now();
    let late = Arc::new(Mutex::new(Duration::ZERO));
    let latest = Arc::clone(&late);
    let script = Script::slow(Duration::from_secs(9), move |request| {
        *latest.lock().unwrap_or_else(PoisonError::into_inner) = start.elapsed();
        if request.method() == Method::GET { answer(200, list(&[])) } else { answer(400, error("DAYU.4402")) }
    });
    let changes: Vec<_> = (0..50).map(|number| known(change(&format!("u{number}"), &["r1"], &["r2"]))).collect();
    let results = data_arts(&script).change(WORKSPACE, &changes).await;
    assert!(start.elapsed() < IN_FLIGHT, "{:?}", start.elapsed());
    assert!(*late.lock().unwrap_or_else(PoisonError::into_inner) <= REPAIR_WINDOW);
    assert!(results.iter().all(Result::is_err));
    assert!(results.iter().any(|result| kind(result) == "turn missed"), "the rest was not sent");
    // One tries out the credentials, then sixteen at a time are replaced, and made in parts.
    assert!(script.sent().len() < 35, "{}", script.sent().len());
}

#[tokio::test(start_paused = true)]
async fn roles_are_replaced_only_right_after_the_list_and_members_added_later_too() {
    let throttled = |after: &str| answer_with(429, "retry-after", after, json!({}));
    for (pause, replaced) in [("9", "ok"), ("11", "throttled")] {
        for (before, expected) in [(&["r1"][..], replaced), (&[], "ok")] {
            let script = Script::of([throttled(pause), answer(200, json!({"is_success": true}))]);
            let results = data_arts(&script).change(WORKSPACE, &[known(change("u1", before, &["r2"]))]).await;
            assert_eq!(kind(&results[0]), expected, "{pause} {before:?}");
        }
    }
}

#[test]
fn the_work_can_go_on_in_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    let client = data_arts(&Script::of([]));
    is_send(&client.members(WORKSPACE, &purpose()));
    is_send(&client.change(WORKSPACE, &[]));
}
