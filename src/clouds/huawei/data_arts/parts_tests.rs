//! Golden exchanges of writes that the service refuses as a whole: they are made in parts.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::Request;

use super::super::tests::{WORKSPACE, data_arts, error, list, row, set};
use super::*;
use crate::clouds::script::{Script, answer, kind, purpose};

/// The ids of the roles that a call names.
fn roles_of(request: &Request<Bytes>) -> Vec<String> {
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let roles = body["roles_ids"].as_array().cloned().unwrap_or_default();
    roles.iter().filter_map(|role| Some(role["role_id"].as_str()?.to_owned())).collect()
}

/// A workspace in which `u1`, whom IAM calls `ann`, has some roles. A call that names a role `bad`, or the user by another
/// name, is refused; and so is one that adds a member, or changes somebody who is none.
fn workspace(roles: BTreeSet<String>, (status, refusal): (u16, Value)) -> Arc<Script> {
    let held = Mutex::new(roles);
    Script::by(move |request| {
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        let path = request.uri().path();
        if path.starts_with("/v3.0/OS-USER") {
            return answer(200, json!({"user": {"id": "u1", "name": "ann", "domain_id": "d1"}}));
        }
        if request.method() == Method::GET {
            let roles: Vec<&str> = held.iter().map(String::as_str).collect();
            return answer(200, list(&if roles.is_empty() { vec![] } else { vec![row("u1", &roles)] }));
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let roles = roles_of(request);
        let misnamed = body["user_ids"][0]["user_name"].as_str().is_some_and(|name| name != "ann");
        if misnamed || roles.iter().any(|role| role == "bad") || path.ends_with("/users") != held.is_empty() {
            return answer(status, refusal.clone());
        }
        *held = roles.into_iter().collect();
        answer(200, json!({"is_success": true}))
    })
}

/// Changes the roles of `u1`, who is called `name`. Returns the result, and what was written.
async fn make(
    (before, after): (&[&str], &[&str]),
    name: &str,
    refusal: (u16, Value),
) -> (Result<(), CloudError>, Vec<String>) {
    let script = workspace(set(before), refusal);
    let identity = Identity::User { name: Some(name.to_owned()), domain_id: Some("d1".to_owned()), domain_name: None };
    let change = Membership {
        id: "u1".to_owned(),
        before: set(before),
        after: set(after),
        identity: Some(identity),
        purpose: purpose(),
    };
    let mut results = data_arts(&script).change(WORKSPACE, &[change]).await;
    let written = script.requests().into_iter().filter(|request| request.method() != Method::GET);
    let written = written.map(|request| {
        let last = request.uri().path().rsplit('/').next().unwrap_or_default();
        format!("{} {last} {}", request.method(), roles_of(&request).join(" ")).trim_end().to_owned()
    });
    (results.remove(0), written.collect())
}

fn no() -> (u16, Value) {
    (200, json!({"is_success": false, "message": null}))
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_refused_holds_up_no_other_and_above_all_no_removal() {
    for (change, written) in [
        ((&["a"][..], &["bad"][..]), &["PUT u1 bad", "POST delete-users", "POST users bad"][..]),
        ((&["a", "b"], &["b", "bad"]), &["PUT u1 b bad", "PUT u1 b", "PUT u1 b bad"]),
        ((&["a"], &["bad", "c"]), &["PUT u1 bad c", "POST delete-users", "POST users bad", "POST users c"]),
        ((&["a"], &["a", "bad", "c"]), &["PUT u1 a bad c", "PUT u1 a bad", "PUT u1 a c"]),
        ((&[], &["a", "bad", "c"]), &["POST users a bad c", "POST users a", "PUT u1 a bad", "PUT u1 a c"]),
    ] {
        let (result, calls) = make(change, "ann", no()).await;
        assert_eq!((kind(&result), calls), ("rejected", written.iter().map(ToString::to_string).collect()));
        assert!(result.is_err_and(|error| error.fault().partly), "{change:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_asks_for_one_thing_has_no_parts() {
    for change in [(&["a"][..], &["a", "bad"][..]), (&["a", "bad"], &["bad"]), (&[], &["bad"])] {
        let (result, calls) = make(change, "ann", no()).await;
        assert_eq!((kind(&result), calls.len()), ("rejected", 1), "{change:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_definite_refusal_is_made_in_parts() {
    for (refusal, expected) in [
        ((500, error("DAYU.3531")), "unavailable"),
        ((503, json!({})), "unavailable"),
        ((403, error("DAYU.3601")), "access denied"),
        ((400, error("DLS.6036")), "target not found"),
    ] {
        let (result, calls) = make((&["a"], &["bad"]), "ann", refusal).await;
        assert_eq!((kind(&result), calls), (expected, vec!["PUT u1 bad".to_owned()]));
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_added_by_a_wrong_name_is_added_in_parts_by_the_name_that_iam_has() {
    let (result, calls) = make((&[], &["a", "b"]), "eve", no()).await;
    assert_eq!(result, Ok(()));
    assert_eq!(calls, ["POST users a b", "POST users a", "PUT u1 a b"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_a_reason_says_what_was_asked_for() {
    let (result, _) = make((&["a"], &["a", "bad"]), "ann", no()).await;
    let words = result.map_err(|error| error.to_string());
    let expected = "the cloud refused: update a workspace member: no reason given; asked for roles a, bad (HTTP 200)";
    assert_eq!(words, Err(expected.to_owned()));
}
