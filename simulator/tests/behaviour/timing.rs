//! Latency, and lists that lag behind.

use std::time::Duration;

use tokio::time::Instant;

use crate::harness::{Cloud, let_pass};

#[tokio::test(start_paused = true)]
async fn every_call_takes_the_latency_and_none_by_default() {
    let cloud = Cloud::new();
    let start = Instant::now();
    cloud.list().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    cloud.simulator.set_switches(|s| s.latency_ms = 250);
    cloud.list().await;
    assert_eq!(start.elapsed().as_millis(), 250);
}

#[tokio::test(start_paused = true)]
async fn lists_show_a_grant_only_after_the_delay_but_it_holds_at_once() {
    let cloud = Cloud::with(|s| s.grant_visible_after_ms = 30_000);
    cloud.simulator.outside_set("queue1", "alice", &["RESTART"]).unwrap();
    cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await;
    assert_eq!(cloud.truth("alice"), ["RESTART", "SUBMIT_JOB"]);
    assert_eq!(cloud.list().await.held("alice"), ["RESTART"]);
    let_pass(29).await;
    assert_eq!(cloud.list().await.held("alice"), ["RESTART"]);
    let_pass(1).await;
    assert_eq!(cloud.list().await.held("alice"), ["RESTART", "SUBMIT_JOB"]);
}

#[tokio::test(start_paused = true)]
async fn lists_show_a_revoked_privilege_until_the_delay_is_over() {
    let cloud = Cloud::with(|s| s.revoke_visible_after_ms = 30_000);
    cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await;
    assert_eq!(cloud.list().await.held("alice"), ["SUBMIT_JOB"]);
    cloud.authorize("update", "alice", &[]).await;
    assert!(cloud.truth("alice").is_empty());
    assert_eq!(cloud.list().await.held("alice"), ["SUBMIT_JOB"]);
    let_pass(30).await;
    assert_eq!(cloud.list().await.users(), ["sim-owner"]);
}

#[tokio::test(start_paused = true)]
async fn grants_and_revokes_lag_separately_and_outside_edits_do_not() {
    let cloud = Cloud::with(|s| s.grant_visible_after_ms = 30_000);
    cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await;
    cloud.simulator.outside_grant("queue1", "bob", &["RESTART"]).unwrap();
    assert_eq!(cloud.list().await.users(), ["sim-owner", "bob"]);
    cloud.simulator.outside_set("queue1", "alice", &["SUBMIT_JOB"]).unwrap();
    assert_eq!(cloud.list().await.held("alice"), ["SUBMIT_JOB"]);
    cloud.authorize("revoke", "alice", &["SUBMIT_JOB"]).await;
    assert_eq!(cloud.list().await.users(), ["sim-owner", "bob"]);
}
