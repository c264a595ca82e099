//! Targets of all services, found by their names alone.

use serde_json::json;
use simulator::{NoSuchTarget, QueueKind};

use crate::harness::{CLUSTER, Cloud, WORKSPACE};

const HPC: &str = "ehpc-hz-FYUr32";
const ALICE: &str = "a11ce000000000000000000000000001";

/// One target of each service.
fn all() -> Cloud {
    let cloud = Cloud::with_cluster(|_| ());
    cloud.simulator.create_workspace(WORKSPACE);
    cloud.simulator.create_hpc_cluster(HPC);
    cloud
}

/// The truth about a principal.
fn held(cloud: &Cloud, target: &str, principal: &str) -> String {
    cloud.simulator.users(target).unwrap().remove(principal).unwrap_or_default().join(" ")
}

#[tokio::test(start_paused = true)]
async fn access_to_targets_of_every_service_is_read_and_edited_in_the_same_words() {
    let cloud = all();
    let simulator = &cloud.simulator;
    for (target, principal, first, second, both) in [
        ("queue1", "alice", "RESTART", "SUBMIT_JOB", "RESTART SUBMIT_JOB"),
        (CLUSTER, "alice", "etl", "reports", "reports"),
        (WORKSPACE, ALICE, "r00002", "r00004", "r00002 r00004"),
        (HPC, "alice1", "users", "wheel", "wheel"),
    ] {
        let from = simulator.journal_last();
        simulator.outside_grant(target, principal, &[first]).unwrap();
        assert_eq!(held(&cloud, target, principal), first);
        simulator.outside_grant(target, principal, &[second]).unwrap();
        assert_eq!(held(&cloud, target, principal), both);
        simulator.outside_set(target, principal, &[first]).unwrap();
        assert_eq!(held(&cloud, target, principal), first);
        simulator.outside_remove(target, principal).unwrap();
        assert!(simulator.users(target).unwrap().is_empty());
        let entries = simulator.journal_after(from);
        assert!(entries.iter().all(|e| e.operation == "OutsideEdit" && e.target.as_deref() == Some(target)));
        assert_eq!(entries.iter().map(|e| e.changed.len()).collect::<Vec<_>>(), [1; 4]);
    }
}

#[tokio::test(start_paused = true)]
async fn administrators_hold_what_their_service_calls_so() {
    let cloud = all();
    for (target, principal, expected) in
        [("queue1", "boss", "ALL"), (CLUSTER, "dbadmin", "ALL"), (WORKSPACE, ALICE, "r00001")]
    {
        cloud.simulator.outside_set_administrator(target, principal).unwrap();
        assert_eq!(held(&cloud, target, principal), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_belongs_to_one_target_of_all_services() {
    let cloud = all();
    let simulator = &cloud.simulator;
    for taken in ["queue1", CLUSTER, WORKSPACE, HPC] {
        let before = simulator.journal_last();
        assert!(!simulator.create_queue(taken, QueueKind::Sql), "{taken}");
        assert!(!simulator.create_dws_cluster(taken), "{taken}");
        assert!(!simulator.create_workspace(taken), "{taken}");
        assert!(!simulator.create_hpc_cluster(taken), "{taken}");
        assert_eq!(simulator.journal_last(), before);
    }
    assert_eq!(simulator.queues().into_keys().collect::<Vec<_>>(), ["queue1"]);
}

#[tokio::test(start_paused = true)]
async fn a_target_of_any_service_is_removed_with_all_access_and_comes_back_empty() {
    let cloud = all();
    let simulator = &cloud.simulator;
    for (target, service) in [("queue1", "dli"), (CLUSTER, "dws"), (WORKSPACE, "dataarts"), (HPC, "ehpc")] {
        simulator.outside_set(target, "someone", &["something"]).unwrap();
        let from = simulator.journal_last();
        assert!(simulator.remove_target(target));
        assert!(!simulator.remove_target(target));
        assert_eq!(simulator.users(target), None);
        assert_eq!(simulator.outside_remove(target, "someone"), Err(NoSuchTarget));
        let entries = simulator.journal_after(from);
        let told = (entries.len(), entries[0].service.as_str(), entries[0].action.as_deref());
        assert_eq!(told, (1, service, Some("remove")));
        assert_eq!(entries[0].changed[0].before, ["something"]);
    }
    assert!(simulator.create_workspace(CLUSTER));
    assert!(simulator.users(CLUSTER).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn someone_who_is_put_into_a_pool_that_is_not_there_makes_it() {
    let cloud = all();
    cloud.simulator.outside_set(CLUSTER, "bob", &["adhoc"]).unwrap();
    let pools = cloud.dws("GET", "/queues", "").await.json()["workload_queue_name_list"].clone();
    assert_eq!(pools, json!(["default_pool", "adhoc", "etl", "reports"]));
    assert_eq!(cloud.simulator.create_pool(CLUSTER, "adhoc"), Ok(false));
    assert_eq!(cloud.simulator.create_pool(CLUSTER, "default_pool"), Ok(false));
    assert_eq!(cloud.simulator.create_pool(WORKSPACE, "adhoc"), Err(NoSuchTarget));
}
