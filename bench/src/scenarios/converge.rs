//! Objects that wait when the operator starts, against a bare client and against one that goes object by object.

use std::time::{Duration, Instant};

use super::{Extent, LIMIT, Sink, milliseconds};
use crate::bench::{Bench, Stage};
use crate::results::{Row, number};
use crate::simulator::Call;
use crate::workload::Workload;
use crate::{Result, bare};

/// How long a run took, and what it called.
struct Run {
    seconds: f64,
    calls: Vec<Call>,
    writes: usize,
    first_ready: f64,
}

/// The most objects that are measured object by object.
const MOST_ONE_BY_ONE: usize = 1_000;

pub(super) async fn waiting(bench: &Bench, extent: &Extent, sink: Sink<'_>) -> Result<()> {
    for objects in &extent.sizes {
        for workload in extent.workloads(*objects) {
            for latency in extent.latencies() {
                let case = format!("{workload}, {}", milliseconds(latency));
                let rows = match workload.impossible() {
                    Some(why) => vec![Row::told("all Ready", why)],
                    None => compare(bench, &workload, latency).await?,
                };
                sink(case, rows)?;
            }
        }
    }
    Ok(())
}

async fn compare(bench: &Bench, workload: &Workload, latency: Duration) -> Result<Vec<Row>> {
    let bare = bare_run(bench, workload, latency).await?;
    let run = operator_run(bench, workload, latency).await?;
    let necessary = workload.necessary_calls();
    let mut rows = vec![
        ratio("time until all Ready, of the bare client's", run.seconds, bare.seconds, 1.1, " s"),
        ratio("cloud calls, of the necessary ones", count(run.calls.len()), count(necessary), 1.05, ""),
        Row::told(
            "cloud calls of the bare client, of the necessary ones",
            format!("{} / {necessary}", bare.calls.len()),
        ),
        Row::exactly("Kubernetes writes", run.writes, 3 * workload.objects),
        Row::told("first Ready after the start", format!("{:.2} s", run.first_ready)),
    ];
    if workload.objects <= MOST_ONE_BY_ONE {
        let one_by_one = one_by_one(bench, workload, latency).await?;
        let times = format!(
            "{:.1} times as fast ({:.1} s, {} calls)",
            one_by_one.seconds / run.seconds,
            one_by_one.seconds,
            one_by_one.calls.len()
        );
        rows.push(Row::told("object by object, without Kubernetes", times));
    }
    Ok(rows)
}

fn ratio(measure: &str, figure: f64, of: f64, bound: f64, unit: &str) -> Row {
    Row::at_most(measure, figure / of, bound, " ×", &format!("{} / {}{unit}", number(figure), number(of)))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(value: usize) -> f64 {
    value as f64
}

async fn bare_run(bench: &Bench, workload: &Workload, latency: Duration) -> Result<Run> {
    let stage = bench.stage(workload, latency).await?;
    let items = workload.items();
    let objects = stage.space.create_all(&items).await?;
    let (began, writes) = (Instant::now(), stage.view.writes());
    bare::converge(&stage.space, &bench.simulator, items.into_iter().zip(objects).collect()).await?;
    finish(stage, began, writes, workload).await
}

async fn operator_run(bench: &Bench, workload: &Workload, latency: Duration) -> Result<Run> {
    let stage = bench.stage(workload, latency).await?;
    stage.space.create_all(&workload.items()).await?;
    let (began, writes) = (Instant::now(), stage.view.writes());
    let operator = stage.operator(&["--drift-interval", "1h"])?;
    let run = finish(stage, began, writes, workload).await;
    drop(operator);
    run
}

/// Waits until all is Ready, and takes everything away.
async fn finish(stage: Stage<'_>, began: Instant, writes: usize, workload: &Workload) -> Result<Run> {
    let ended = stage.view.all_ready(workload.objects, LIMIT).await?;
    let first = stage.view.first_ready().unwrap_or(ended);
    let run = Run {
        seconds: (ended - began).as_secs_f64(),
        first_ready: first.saturating_duration_since(began).as_secs_f64(),
        calls: stage.bench.simulator.calls_after(0).await?,
        writes: stage.view.writes() - writes,
    };
    stage.clear().await?;
    Ok(run)
}

async fn one_by_one(bench: &Bench, workload: &Workload, latency: Duration) -> Result<Run> {
    let stage = bench.stage(&Workload { objects: 0, ..workload.clone() }, latency).await?;
    let began = Instant::now();
    bare::object_by_object(&bench.simulator, workload).await?;
    let seconds = began.elapsed().as_secs_f64();
    stage.clear().await?;
    let calls = bench.simulator.calls_after(0).await?;
    Ok(Run { seconds, calls, writes: 0, first_ready: seconds })
}
