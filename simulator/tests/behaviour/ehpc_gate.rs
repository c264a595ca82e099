//! Who is let in by Alibaba's gateway: signatures, dates, nonces, keys, tokens, methods, throttling, RAM.

use serde_json::json;
use simulator::ehpc::{Form2024, Post2018};
use simulator::{AccessKey, Action, Fault};

use crate::ehpc_caller::{CLUSTER, Hpc, KEY, PASSWORD, Pairs, SECRET, refused, succeeded};
use crate::harness::{Reply, let_pass};

const QUERY: &str = "ClusterId=ehpc-hz-FYUr32abcd";

async fn list(hpc: &Hpc) -> Reply {
    hpc.v2018("ListUsers", &[]).await
}

#[tokio::test(start_paused = true)]
async fn a_signed_call_is_let_in_and_every_answer_has_a_request_id() {
    let mut hpc = Hpc::new();
    assert!(succeeded(&list(&hpc).await));
    hpc.secret = "wrong".to_owned();
    let reply = list(&hpc).await;
    refused(&reply, 400, "SignatureDoesNotMatch");
    let body = reply.json();
    assert_eq!(body["RequestId"], reply.header("x-request-id"));
    assert_eq!(
        body.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["Code", "HostId", "Message", "Recommend", "RequestId"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_signature_or_with_a_part_unsigned_is_incomplete() {
    let hpc = Hpc::new();
    let unsigned = hpc.request("GET", "2018-04-12", "ListUsers", QUERY, "");
    refused(&hpc.cloud.send(unsigned).await, 400, "IncompleteSignature");
    let mut added_later = hpc.sign(hpc.request("GET", "2018-04-12", "ListUsers", QUERY, ""), "");
    added_later.headers_mut().insert("x-acs-more", "x".parse().unwrap());
    refused(&hpc.cloud.send(added_later).await, 400, "IncompleteSignature");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_not_signed_is_refused() {
    let hpc = Hpc::new();
    let signed = hpc.sign(hpc.request("POST", "2024-07-30", "GetCluster", "", QUERY), QUERY);
    let (head, _) = signed.into_parts();
    let changed = axum::http::Request::from_parts(head, "ClusterId=other".to_owned().into());
    refused(&hpc.cloud.send(changed).await, 400, "SignatureDoesNotMatch");
}

#[tokio::test(start_paused = true)]
async fn a_date_more_than_fifteen_minutes_off_is_refused_either_way() {
    let hpc = Hpc::new();
    for (ahead, good) in [(900, true), (-900, true), (901, false), (-901, false)] {
        hpc.cloud.simulator.set_switches(|s| s.clock_ahead_seconds = ahead);
        let reply = list(&hpc).await;
        assert_eq!(succeeded(&reply), good, "{ahead}");
        if !good {
            refused(&reply, 400, "InvalidTimeStamp.Expired");
        }
    }
    hpc.cloud.simulator.set_switches(|s| s.clock_ahead_seconds = 0);
    let mut request = hpc.request("GET", "2018-04-12", "ListUsers", QUERY, "");
    request.headers_mut().insert("x-acs-date", "yesterday".parse().unwrap());
    refused(&hpc.cloud.send(hpc.sign(request, "")).await, 400, "InvalidTimeStamp.Expired");
}

#[tokio::test(start_paused = true)]
async fn a_nonce_lets_in_once_for_ever_but_a_bad_signature_does_not_use_it_up() {
    let mut hpc = Hpc::new();
    let again = async |hpc: &Hpc| {
        let mut request = hpc.request("GET", "2018-04-12", "ListUsers", QUERY, "");
        request.headers_mut().insert("x-acs-signature-nonce", "same".parse().unwrap());
        hpc.cloud.send(hpc.sign(request, "")).await
    };
    hpc.secret = "wrong".to_owned();
    refused(&again(&hpc).await, 400, "SignatureDoesNotMatch");
    hpc.secret = SECRET.to_owned();
    assert!(succeeded(&again(&hpc).await));
    refused(&again(&hpc).await, 400, "SignatureNonceUsed");
    let_pass(24 * 3600).await;
    refused(&again(&hpc).await, 400, "SignatureNonceUsed");
}

#[tokio::test(start_paused = true)]
async fn access_keys_are_added_replaced_and_removed() {
    let mut hpc = Hpc::new();
    let key = |id: &str, secret: &str| AccessKey { id: id.to_owned(), secret: secret.to_owned(), security_token: None };
    hpc.key = "NEXT".to_owned();
    refused(&list(&hpc).await, 404, "InvalidAccessKeyId.NotFound");
    hpc.cloud.simulator.set_alibaba_key(key("NEXT", SECRET));
    assert!(succeeded(&list(&hpc).await));
    hpc.cloud.simulator.set_alibaba_key(key("NEXT", "rotated"));
    refused(&list(&hpc).await, 400, "SignatureDoesNotMatch");
    assert!(hpc.cloud.simulator.remove_alibaba_key("NEXT"));
    assert!(!hpc.cloud.simulator.remove_alibaba_key("NEXT"));
    refused(&list(&hpc).await, 404, "InvalidAccessKeyId.NotFound");
    hpc.cloud.simulator.reset();
    hpc.cloud.simulator.create_hpc_cluster(CLUSTER);
    hpc.key = KEY.to_owned();
    assert!(succeeded(&list(&hpc).await));
}

#[tokio::test(start_paused = true)]
async fn a_temporary_key_needs_its_token_and_a_permanent_one_must_have_none() {
    let mut hpc = Hpc::new();
    hpc.token = Some("token-1".to_owned());
    refused(&list(&hpc).await, 400, "InvalidSecurityToken.Malformed");
    hpc.cloud.simulator.set_alibaba_key(AccessKey {
        id: KEY.to_owned(),
        secret: SECRET.to_owned(),
        security_token: Some("token-2".to_owned()),
    });
    refused(&list(&hpc).await, 400, "InvalidSecurityToken.Expired");
    hpc.token = None;
    refused(&list(&hpc).await, 400, "InvalidSecurityToken.Malformed");
    hpc.token = Some("token-2".to_owned());
    assert!(succeeded(&list(&hpc).await));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_published_is_not_found_in_the_envelope_of_alibaba() {
    let hpc = Hpc::new();
    for (version, action) in [("2018-04-12", "CreateUsers"), ("2024-07-30", "AddUsers"), ("2014-05-26", "ListUsers")] {
        let reply = hpc.send("GET", version, action, &[("ClusterId", CLUSTER)], &[]).await;
        refused(&reply, 404, "InvalidApi.NotFound");
        let entry = hpc.last_entry();
        assert_eq!((entry.service.as_str(), entry.operation.as_str()), ("ehpc", "Unknown"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_to_the_first_generation_is_refused_in_two_ways_or_accepted() {
    let hpc = Hpc::new();
    let form =
        [("ClusterId", CLUSTER), ("User.1.Name", "alice.01"), ("User.1.Group", "users"), ("User.1.Password", PASSWORD)];
    let post = async || hpc.send("POST", "2018-04-12", "AddUsers", &[], &form).await;
    hpc.cloud.simulator.add_fault(Fault::on("AddUsers", Action::Reset));
    refused(&post().await, 400, "UnsupportedHTTPMethod");
    assert_eq!(hpc.cloud.simulator.faults().len(), 1, "the product, whose fault it is, was not reached");
    hpc.cloud.simulator.clear_faults();
    hpc.turn(|s| s.post_2018 = Post2018::Refused403);
    refused(&post().await, 403, "UnsupportedHTTPMethod");
    assert!(hpc.truth().is_empty());
    hpc.turn(|s| s.post_2018 = Post2018::Accepted);
    assert!(succeeded(&post().await));
    assert_eq!(hpc.password("alice.01").as_deref(), Some(PASSWORD));
}

#[tokio::test(start_paused = true)]
async fn each_action_of_the_second_generation_has_one_method() {
    let hpc = Hpc::new();
    for (wrong, action) in [
        ("GET", "CreateUsers"),
        ("GET", "UpdateUser"),
        ("GET", "GetCluster"),
        ("POST", "ListUsers"),
        ("POST", "DeleteUsers"),
    ] {
        let reply = hpc.send(wrong, "2024-07-30", action, &[("ClusterId", CLUSTER)], &[]).await;
        refused(&reply, 400, "UnsupportedHTTPMethod");
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_generation_takes_parameters_from_the_query_and_from_a_form_or_from_the_query_only() {
    let hpc = Hpc::new();
    let users = json!([{"UserName": "alice.01", "Group": "users", "Password": PASSWORD}]).to_string();
    let (id, user) = (("ClusterId", CLUSTER), ("User", users.as_str()));
    let create = async |query: Pairs<'_>, form: Pairs<'_>| {
        let reply = hpc.send("POST", "2024-07-30", "CreateUsers", query, form).await;
        hpc.cloud.simulator.outside_remove(CLUSTER, "alice.01").unwrap();
        reply
    };
    assert!(succeeded(&create(&[], &[id, user]).await));
    assert!(succeeded(&create(&[id], &[user]).await));
    assert!(succeeded(&create(&[id, user], &[]).await));
    hpc.turn(|s| s.form_2024 = Form2024::QueryOnly);
    refused(&create(&[], &[id, user]).await, 400, "MissingClusterId");
    refused(&create(&[id], &[user]).await, 400, "MissingUser");
    assert!(succeeded(&create(&[id, user], &[]).await));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_form_has_no_parameters() {
    let hpc = Hpc::new();
    let mut request = hpc.request("POST", "2024-07-30", "GetCluster", "", QUERY);
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    refused(&hpc.cloud.send(hpc.sign(request, QUERY)).await, 400, "MissingClusterId");
}

#[tokio::test(start_paused = true)]
async fn throttling_counts_calls_a_second_with_any_status_and_says_how_long_to_wait() {
    let hpc = Hpc::with(|s| s.throttling = Some(2));
    for status in [400, 429, 503] {
        hpc.turn(|s| s.throttling_status = status);
        assert!(succeeded(&list(&hpc).await));
        assert!(succeeded(&list(&hpc).await));
        let reply = list(&hpc).await;
        refused(&reply, status, "Throttling.User");
        assert!(!reply.headers.contains_key("x-acs-retry-after"));
        let_pass(1).await;
    }
    hpc.turn(|s| (s.throttling, s.retry_after_ms) = (Some(0), Some(1500)));
    assert_eq!(list(&hpc).await.header("x-acs-retry-after"), "1500");
    hpc.turn(|s| s.throttling = None);
    assert!(succeeded(&list(&hpc).await));
}

#[tokio::test(start_paused = true)]
async fn the_other_clouds_limit_does_not_count_here() {
    let hpc = Hpc::new();
    hpc.cloud.simulator.set_switches(|s| s.requests_per_second = Some(0));
    assert!(succeeded(&list(&hpc).await));
}

#[tokio::test(start_paused = true)]
async fn ram_denies_the_actions_that_are_named_with_407() {
    let hpc = Hpc::with(|s| s.ram_denied = vec!["AddUsers".to_owned()]);
    refused(&hpc.add(&[("alice.01", "users")]).await, 407, "NotAuthorized");
    assert!(hpc.truth().is_empty());
    assert!(succeeded(&hpc.create(&[("alice.01", "users")]).await));
}
