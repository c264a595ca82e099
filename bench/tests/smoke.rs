//! The benchmark at a small size, as part of all tests: what is counted, and no times.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::PathBuf;
use std::time::Duration;

use bench::bench::Bench;
use bench::workload::Workload;

/// Long enough for any machine.
const LIMIT: Duration = Duration::from_mins(5);

/// Where the operator and the simulator were built: beside this test, with the tests of their packages. Alone, it takes them
/// as they are.
fn programs() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned()
}

#[tokio::test]
async fn objects_cost_the_necessary_calls_and_three_writes_and_nothing_once_they_are_settled() {
    let environment = std::env::var("CLOUD_ACCESS_TEST_ENV");
    let environment = environment.unwrap_or_else(|_| panic!("this test needs a control plane: run `cargo xtask test`"));
    let bench = Bench::start(environment.as_ref(), &programs()).await.unwrap();
    let workload = Workload::mixed(300, 20);
    let stage = bench.stage(&workload, Duration::ZERO).await.unwrap();
    stage.space.create_all(&workload.items()).await.unwrap();

    let operator = stage.operator(&["--drift-interval", "1h"]).unwrap();
    stage.view.all_ready(300, LIMIT).await.unwrap();
    stage.quiet(0, workload.necessary_calls()).await.unwrap();
    let calls = bench.simulator.calls_after(0).await.unwrap();
    let most = workload.necessary_calls() * 105 / 100;
    assert!(calls.len() <= most, "{} calls instead of {most}", calls.len());
    assert_eq!(stage.view.writes(), 900, "finalizer, record and how it rests, for each object");
    drop(operator);

    let restarted = calls.last().unwrap().sequence;
    let operator = stage.operator(&["--drift-interval", "1h"]).unwrap();
    stage.quiet(restarted, workload.list_calls()).await.unwrap();
    let calls = bench.simulator.calls_after(restarted).await.unwrap();
    assert_eq!(calls.len(), workload.list_calls(), "one list of each target");
    assert!(!calls.iter().any(bench::simulator::Call::writes), "{calls:?}");
    assert_eq!(stage.view.writes(), 900, "what is settled is not written to");
    drop(operator);
    stage.clear().await.unwrap();
}
