//! One more object among many: how long until it is Ready.

use std::time::{Duration, Instant};

use super::{Extent, LIMIT, Sink, milliseconds};
use crate::Result;
use crate::bench::Bench;
use crate::kinds::KINDS;
use crate::results::Row;
use crate::workload::Workload;

/// How many are made, one after the other.
const SAMPLES: usize = 100;

/// How many objects fail while others are made.
const FAILING: usize = 1_000;

/// What else goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    Looks,
    Failures,
}

pub(super) async fn one_more(bench: &Bench, extent: &Extent, sink: Sink<'_>) -> Result<()> {
    for objects in &extent.sizes {
        let workload = Workload { kinds: vec![&KINDS[0]], objects: *objects, targets: 100 };
        for latency in extent.latencies() {
            for (beside, said) in [
                (Beside::Nothing, "nothing else to do"),
                (Beside::Looks, "all targets looked at every 30 s"),
                (Beside::Failures, "1000 others refused"),
            ] {
                let rows = measure(bench, &workload, latency, beside).await?;
                sink(format!("{workload}, {}, {said}", milliseconds(latency)), rows)?;
            }
        }
    }
    Ok(())
}

async fn measure(bench: &Bench, workload: &Workload, latency: Duration, beside: Beside) -> Result<Vec<Row>> {
    let stage = bench.stage(workload, Duration::ZERO).await?;
    stage.settle(workload).await?;
    bench.simulator.latency(latency).await?;
    let after = bench.simulator.last().await?;
    let operator = stage.operator(&["--drift-interval", if beside == Beside::Looks { "30s" } else { "1h" }])?;
    if beside == Beside::Looks {
        // There is no quiet to wait for.
        while bench.simulator.calls_after(after).await?.len() < workload.list_calls() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    } else {
        stage.quiet(after, workload.list_calls()).await?;
    }
    // The samples come first, so that they are spread over all targets.
    let first_failing = workload.objects + SAMPLES;
    if beside == Beside::Failures {
        let failing: Vec<_> = (first_failing..first_failing + FAILING).map(|number| workload.item(number)).collect();
        for item in &failing {
            bench.simulator.make(&format!("iam/unknown-users/{}", item.principal)).await?;
        }
        let writes = stage.view.writes();
        stage.space.create_all(&failing).await?;
        // Finalizer, record, and that it was refused.
        while stage.view.writes() < writes + 3 * FAILING {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    let mut times = Vec::with_capacity(SAMPLES);
    for number in workload.objects..workload.objects + SAMPLES {
        let item = workload.item(number);
        let began = Instant::now();
        stage.space.create(&item).await?;
        let ready = stage.view.ready(item.kind, &item.name, LIMIT).await?;
        times.push(ready.saturating_duration_since(began).as_secs_f64());
    }
    drop(operator);
    stage.clear().await?;
    Ok(rows(workload, latency, beside, times))
}

fn rows(workload: &Workload, latency: Duration, beside: Beside, mut times: Vec<f64>) -> Vec<Row> {
    times.sort_by(f64::total_cmp);
    let (kind, on_target) = (workload.kinds[0], workload.objects / 100);
    let trips = kind.list_calls(on_target) + 1 + kind.list_calls(on_target + 1);
    let alone = 0.3 + latency.as_secs_f64() * super::count(trips);
    let bound = if beside == Beside::Nothing { alone } else { 2.0 * alone };
    let made_of = format!("its pass takes {trips} calls");
    vec![
        Row::told("applied to Ready, half of them within", format!("{:.2} s", times[times.len() / 2])),
        Row::at_most("applied to Ready, 99 of 100 within", times[times.len() * 99 / 100 - 1], bound, " s", &made_of),
    ]
}
