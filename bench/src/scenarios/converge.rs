//! Objects that become Ready: those that wait when the operator starts, and those that are created while it runs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Extent, LIMIT, Sink, count, milliseconds, ratio, times};
use crate::bench::{Bench, Stage};
use crate::process::Process;
use crate::results::{Row, number};
use crate::simulator::Call;
use crate::workload::Workload;
use crate::{Result, bare};

/// How long a run took, and what it called.
struct Run {
    seconds: f64,
    calls: Vec<Call>,
    writes: usize,
    /// From the first call to the first Ready.
    first_ready: f64,
    /// What it cost the operator: MiB at most, and seconds of CPU.
    peak: Option<f64>,
    cpu: Option<f64>,
}

/// How long an operator takes to start that has nothing to do.
const STARTING: Duration = Duration::from_secs(3);

/// The most objects that are measured object by object.
const MOST_ONE_BY_ONE: usize = 1_000;

/// Who is there first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Objects,
    Operator,
}

pub(super) async fn waiting(bench: &Bench, extent: &Extent, sink: Sink<'_>) -> Result<()> {
    every(bench, extent, First::Objects, sink).await
}

pub(super) async fn created(bench: &Bench, extent: &Extent, sink: Sink<'_>) -> Result<()> {
    every(bench, extent, First::Operator, sink).await
}

async fn every(bench: &Bench, extent: &Extent, first: First, sink: Sink<'_>) -> Result<()> {
    for (case, workload, latency) in extent.cases() {
        sink(case, compare(bench, extent, &workload, latency, first).await?)?;
    }
    Ok(())
}

async fn compare(
    bench: &Bench,
    extent: &Extent,
    workload: &Workload,
    latency: Duration,
    first: First,
) -> Result<Vec<Row>> {
    let mut pairs = Vec::new();
    for _ in 1..extent.runs {
        let bare = bare_run(bench, workload, latency, first).await?;
        pairs.push((operator_run(bench, workload, latency, first).await?.seconds, bare.seconds));
    }
    let bare = bare_run(bench, workload, latency, first).await?;
    let run = operator_run(bench, workload, latency, first).await?;
    pairs.push((run.seconds, bare.seconds));
    let necessary = workload.necessary_calls();
    let mut rows = vec![
        times("time until all Ready, of the bare client's", &pairs, 1.1),
        first_ready(workload, run.first_ready),
        Row::exactly("Kubernetes writes", run.writes, 3 * workload.objects),
    ];
    if first == First::Operator {
        let calls = format!("{} / {necessary}", run.calls.len());
        rows.push(Row::told("cloud calls, of those necessary if all were known at once", calls));
        rows.push(Row::told("calls of lists of the busiest target", busiest(&run.calls).to_string()));
        return Ok(rows);
    }
    rows.push(ratio("cloud calls, of the necessary ones", count(run.calls.len()), count(necessary), 1.05, ""));
    rows.extend(run.peak.map(|mebibytes| peak(workload, mebibytes)));
    if workload.objects <= MOST_ONE_BY_ONE {
        let (seconds, calls) = one_by_one(bench, workload, latency).await?;
        let times = seconds / run.seconds;
        let figure = format!("{times:.1} times as long ({seconds:.1} s, {calls} calls)");
        rows.push(Row::told("object by object, without Kubernetes", figure));
    }
    Ok(rows)
}

/// How often the target was read that was read most.
fn busiest(calls: &[Call]) -> usize {
    let mut lists = BTreeMap::<_, usize>::new();
    for call in calls.iter().filter(|call| !call.writes()) {
        *lists.entry(&call.target).or_default() += 1;
    }
    lists.into_values().max().unwrap_or_default()
}

/// Over many targets, most wait for their turn.
fn first_ready(workload: &Workload, seconds: f64) -> Row {
    let what = "first Ready after the first call";
    match workload.targets {
        1 => Row::at_most(what, seconds, 3.0, " s", ""),
        _ => Row::told(what, format!("{seconds:.1} s")),
    }
}

fn peak(workload: &Workload, mebibytes: f64) -> Row {
    let bound = if workload.targets == 1 { 96.0 } else { 64.0 };
    Row::at_most("peak memory", mebibytes, bound, " MiB", "")
}

async fn bare_run(bench: &Bench, workload: &Workload, latency: Duration, first: First) -> Result<Run> {
    let stage = bench.stage(workload, latency).await?;
    let items = workload.items();
    let creates = Instant::now();
    let objects = stage.space.create_all(&items).await?;
    let began = if first == First::Objects { Instant::now() } else { creates };
    bare::converge(&stage.space, &bench.simulator, items.into_iter().zip(objects).collect()).await?;
    finish(stage, began, None, workload).await
}

async fn operator_run(bench: &Bench, workload: &Workload, latency: Duration, first: First) -> Result<Run> {
    let stage = bench.stage(workload, latency).await?;
    let start = || stage.operator(&["--drift-interval", "1h"]);
    let (began, operator) = match first {
        First::Objects => {
            stage.space.create_all(&workload.items()).await?;
            (Instant::now(), start()?)
        }
        First::Operator => {
            let operator = start()?;
            tokio::time::sleep(STARTING).await;
            let began = Instant::now();
            stage.space.create_all(&workload.items()).await?;
            (began, operator)
        }
    };
    finish(stage, began, Some(operator), workload).await
}

/// Waits until all is Ready, and takes everything away.
async fn finish(stage: Stage<'_>, began: Instant, operator: Option<Process>, workload: &Workload) -> Result<Run> {
    let ended = stage.view.all_ready(workload.objects, LIMIT).await?;
    let now = jiff::Timestamp::now();
    let first = stage.view.first_ready().unwrap_or(ended);
    let calls = stage.bench.simulator.calls_after(0).await?;
    let since_first = now.duration_since(calls.first().map_or(now, |call| call.timestamp)).unsigned_abs();
    let told = |tell: fn(&Process) -> Result<f64>| operator.as_ref().map(tell).transpose();
    let run = Run {
        seconds: (ended - began).as_secs_f64(),
        first_ready: since_first.saturating_sub(ended - first).as_secs_f64(),
        calls,
        writes: stage.view.writes(),
        peak: told(|operator| operator.memory("VmHWM"))?,
        cpu: told(Process::cpu_seconds)?,
    };
    drop(operator);
    stage.clear().await?;
    Ok(run)
}

async fn one_by_one(bench: &Bench, workload: &Workload, latency: Duration) -> Result<(f64, usize)> {
    let stage = bench.stage(workload, latency).await?;
    let began = Instant::now();
    bare::object_by_object(&bench.simulator, workload).await?;
    let seconds = began.elapsed().as_secs_f64();
    stage.clear().await?;
    Ok((seconds, bench.simulator.calls_after(0).await?.len()))
}

/// How ten times the objects compare; and how they do for the bare client, which shows what of it is the API server's.
pub(super) async fn growth(bench: &Bench, extent: &Extent, sink: Sink<'_>) -> Result<()> {
    let (small, latency) = (if extent.quick { 100 } else { 1_000 }, extent.latencies()[0]);
    for targets in [100, 1] {
        let (few, many) = (Workload::mixed(small, targets), Workload::mixed(10 * small, targets));
        let bare_few = bare_run(bench, &few, latency, First::Objects).await?;
        let few = operator_run(bench, &few, latency, First::Objects).await?;
        let bare_many = bare_run(bench, &many, latency, First::Objects).await?;
        let many = operator_run(bench, &many, latency, First::Objects).await?;
        let cpu = |run: &Run| run.cpu.unwrap_or_default();
        let rows = vec![
            ratio("time until all Ready", many.seconds, few.seconds, 11.0, " s"),
            grown("time of the bare client", bare_many.seconds, bare_few.seconds),
            grown("CPU of the operator", cpu(&many), cpu(&few)),
            ratio("cloud calls", count(many.calls.len()), count(few.calls.len()), 11.0, ""),
        ];
        sink(format!("{small} → {} mixed over {targets}, {}", 10 * small, milliseconds(latency)), rows)?;
    }
    Ok(())
}

/// How much more of it there is, without a bound.
fn grown(measure: &str, many: f64, few: f64) -> Row {
    Row::told(measure, format!("{} × ({} / {} s)", number(many / few), number(many), number(few)))
}
