//! Objects that are settled: what they cost while nothing happens, and how soon a new process has looked at all of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{CALLS_AT_ONCE, Extent, Sink, count, milliseconds, ratio};
use crate::Result;
use crate::bench::{Bench, Stage};
use crate::process::Process;
use crate::results::Row;
use crate::simulator::Call;
use crate::workload::Workload;

/// A settled workload under an operator that was just started.
struct Restarted<'a> {
    stage: Stage<'a>,
    operator: Process,
    began: jiff::Timestamp,
    /// From the start of the process to the last call of its queue.
    seconds: f64,
    calls: Vec<Call>,
    writes: usize,
}

async fn restart<'a>(
    bench: &'a Bench,
    workload: &Workload,
    latency: Duration,
    flags: &[&str],
    account: &Value,
) -> Result<Restarted<'a>> {
    let stage = bench.stage_with(workload, Duration::ZERO, account).await?;
    stage.settle(workload).await?;
    bench.simulator.latency(latency).await?;
    let (after, writes, began) = (bench.simulator.last().await?, stage.view.writes(), jiff::Timestamp::now());
    let operator = stage.operator(flags)?;
    stage.quiet(after, workload.list_calls()).await?;
    let calls = bench.simulator.calls_after(after).await?;
    let ended = calls.last().map_or(began, |call| call.timestamp);
    let writes = stage.view.writes() - writes;
    Ok(Restarted { operator, began, seconds: (ended - began).total(jiff::Unit::Second)?, calls, writes, stage })
}

/// Calls a second, of an account that is limited.
const PACE: u32 = 20;

/// The least time that lists of all targets take with the busiest credential: by its pace, if it has one, or else so many calls
/// at once; but no less than the longest list, whose pages come one after the other.
fn least_seconds(workload: &Workload, latency: Duration, pace: Option<u32>) -> f64 {
    let groups = workload.by_target();
    let lists = |account: &'static str| {
        let of_account = groups.values().filter(move |items| items[0].kind.account == account);
        of_account.map(|items| items[0].kind.list_calls(items.len()))
    };
    let least = |account| {
        let calls = count(lists(account).sum());
        let one_by_one = count(lists(account).max().unwrap_or_default()) * latency.as_secs_f64();
        let all = pace.map_or(calls * latency.as_secs_f64() / count(CALLS_AT_ONCE), |pace| calls / f64::from(pace));
        all.max(one_by_one)
    };
    least("huawei").max(least("alibaba"))
}

pub(super) async fn restarts(bench: &Bench, extent: &Extent, sink: Sink<'_>) -> Result<()> {
    for objects in &extent.sizes {
        for workload in &extent.workloads(*objects) {
            for latency in extent.latencies() {
                for pace in [None, Some(PACE)] {
                    let rows = restart_rows(bench, workload, latency, pace).await?;
                    let limited = pace.map(|pace| format!(", {pace} calls a second")).unwrap_or_default();
                    sink(format!("{workload}, {}{limited}", milliseconds(latency)), rows)?;
                }
            }
        }
    }
    Ok(())
}

async fn restart_rows(bench: &Bench, workload: &Workload, latency: Duration, pace: Option<u32>) -> Result<Vec<Row>> {
    let account = pace.map_or(json!({}), |pace| json!({"requestsPerSecond": pace}));
    let again = restart(bench, workload, latency, &["--drift-interval", "1h"], &account).await?;
    let least = least_seconds(workload, latency, pace);
    let first = again.calls.first().map_or(again.began, |call| call.timestamp);
    let lists = again.seconds - (first - again.began).total(jiff::Unit::Second)?;
    let rows = vec![
        ratio("time to the last list, of the budget's own", again.seconds, least, 1.3, " s"),
        Row::told("of that from the first call", format!("{lists:.2} s")),
        Row::exactly("cloud calls", again.calls.len(), workload.list_calls()),
        Row::exactly("cloud writes", writes_of(&again.calls), 0),
        Row::exactly("Kubernetes writes", again.writes, 0),
    ];
    drop(again.operator);
    again.stage.clear().await?;
    Ok(rows)
}

fn writes_of(calls: &[Call]) -> usize {
    calls.iter().filter(|call| call.writes()).count()
}

/// Looks on for one drift interval: five minutes, or one where that takes too long.
pub(super) async fn idle(bench: &Bench, extent: &Extent, sink: Sink<'_>) -> Result<()> {
    let minutes: u32 = if extent.quick { 1 } else { 5 };
    let latency = extent.latencies()[0];
    for objects in &extent.sizes {
        for targets in &extent.targets {
            let workload = Workload::mixed(*objects, *targets);
            let rows = idle_rows(bench, &workload, latency, minutes).await?;
            sink(format!("{workload}, looked at every {minutes} min"), rows)?;
        }
    }
    Ok(())
}

async fn idle_rows(bench: &Bench, workload: &Workload, latency: Duration, minutes: u32) -> Result<Vec<Row>> {
    let interval = Duration::from_mins(u64::from(minutes));
    let again = restart(bench, workload, latency, &["--drift-interval", &format!("{minutes}m")], &json!({})).await?;
    let (after, before) = (bench.simulator.last().await?, again.stage.view.writes());
    let cpu = again.operator.cpu_seconds()?;
    tokio::time::sleep(interval).await;
    let cpu = (again.operator.cpu_seconds()? - cpu) / interval.as_secs_f64() * 100.0;
    let calls = bench.simulator.calls_after(after).await?;
    let mut rows = vec![
        // Intervals are spread by a tenth.
        Row::at_most(
            "calls of lists in an interval, of one list a target",
            count(calls.len()) / count(workload.list_calls()),
            1.2,
            " ×",
            &format!("{} / {}", calls.len(), workload.list_calls()),
        ),
        Row::exactly("cloud writes", writes_of(&calls), 0),
        Row::exactly("Kubernetes writes", again.stage.view.writes() - before, 0),
        Row::at_most("CPU, of one core", cpu, f64::from(5 / minutes), " %", ""),
    ];
    rows.push(resident(&again.operator, workload)?);
    drop(again.operator);
    again.stage.clear().await?;
    Ok(rows)
}

fn resident(operator: &Process, workload: &Workload) -> Result<Row> {
    let (what, mebibytes) = ("resident memory, settled", operator.memory("VmRSS")?);
    Ok(match (workload.targets, workload.objects) {
        (100, ..=10_000) => Row::at_most(what, mebibytes, 40.0, " MiB", ""),
        (100, 100_000) => Row::at_most(what, mebibytes, 300.0, " MiB", ""),
        _ => Row::told(what, format!("{mebibytes:.1} MiB")),
    })
}

/// A hundred thousand objects: whether they fit.
pub(super) async fn large(bench: &Bench, extent: &Extent, sink: Sink<'_>) -> Result<()> {
    if extent.quick {
        return Ok(());
    }
    let workload = Workload::mixed(100_000, 100);
    let again = restart(bench, &workload, extent.latencies()[0], &["--drift-interval", "1h"], &json!({})).await?;
    let rows = vec![
        resident(&again.operator, &workload)?,
        Row::told("peak memory", format!("{:.1} MiB", again.operator.memory("VmHWM")?)),
        Row::told("time to the last list", format!("{:.1} s", again.seconds)),
        Row::exactly("Kubernetes writes", again.writes, 0),
    ];
    // Nothing is measured after this, and deleting so many in one call is more than the API server has time for.
    sink(workload.to_string(), rows)
}
