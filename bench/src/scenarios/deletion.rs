//! Deletions: of all objects, and of one while thousands wait for the account's budget.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Extent, LIMIT, Sink, times};
use crate::bench::{Bench, Stage};
use crate::cluster::at_once;
use crate::kinds::KINDS;
use crate::results::Row;
use crate::workload::{Item, Workload};
use crate::{Result, bare};

/// What a process before this one has sent may land for so long, and holds back what is deleted.
const SURE_AFTER: Duration = Duration::from_secs(2);

pub(super) async fn all(bench: &Bench, extent: &Extent, sink: Sink<'_>) -> Result<()> {
    for (case, workload, latency) in extent.cases() {
        let (mut pairs, mut last) = (Vec::new(), Run::default());
        for _ in 0..extent.runs {
            let bare = bare_run(bench, &workload, latency).await?;
            last = operator_run(bench, &workload, latency).await?;
            pairs.push((last.seconds, bare.seconds));
        }
        let necessary = workload.necessary_calls();
        let rows = vec![
            times("time until all are gone, of the bare client's", &pairs, 1.2),
            Row::told("cloud calls, of the necessary ones", format!("{} / {necessary}", last.calls)),
            // By whoever deletes, and by the operator that lets go.
            Row::exactly("Kubernetes writes", last.writes, 2 * workload.objects),
        ];
        sink(case, rows)?;
    }
    Ok(())
}

/// How long it took until all were gone, and what it took.
#[derive(Default)]
struct Run {
    seconds: f64,
    calls: usize,
    writes: usize,
}

async fn bare_run(bench: &Bench, workload: &Workload, latency: Duration) -> Result<Run> {
    let stage = bench.stage(workload, Duration::ZERO).await?;
    stage.settle(workload).await?;
    bench.simulator.latency(latency).await?;
    let (began, writes) = (Instant::now(), stage.view.writes());
    let items = workload.items();
    let deleted = at_once(&items, async |item| stage.space.delete(item).await).await?;
    bare::revoke(&stage.space, &bench.simulator, items.into_iter().zip(deleted).collect()).await?;
    gone(stage, began, writes).await
}

async fn operator_run(bench: &Bench, workload: &Workload, latency: Duration) -> Result<Run> {
    let stage = bench.stage(workload, Duration::ZERO).await?;
    stage.settle(workload).await?;
    let after = bench.simulator.last().await?;
    let operator = stage.operator(&["--drift-interval", "1h", "--in-flight-window", "1s"])?;
    stage.quiet(after, workload.list_calls()).await?;
    tokio::time::sleep(SURE_AFTER).await;
    bench.simulator.latency(latency).await?;
    let after = bench.simulator.last().await?;
    let (began, writes) = (Instant::now(), stage.view.writes());
    at_once(&workload.items(), async |item| stage.space.delete(item).await).await?;
    let run = gone(stage, began, writes).await?;
    drop(operator);
    Ok(Run { calls: bench.simulator.calls_after(after).await?.len(), ..run })
}

async fn gone(stage: Stage<'_>, began: Instant, writes: usize) -> Result<Run> {
    let ended = stage.view.all_gone(LIMIT).await?;
    let run = Run { seconds: (ended - began).as_secs_f64(), calls: 0, writes: stage.view.writes() - writes };
    stage.clear().await?;
    Ok(run)
}

/// How many grants wait for the budget.
const WAITING: usize = 5_000;

/// The calls a second that the account has.
const PACE: u32 = 20;

pub(super) async fn urgent(bench: &Bench, extent: &Extent, sink: Sink<'_>) -> Result<()> {
    let waiting = if extent.quick { WAITING / 5 } else { WAITING };
    for (other, said) in [(false, "on the same target"), (true, "on another target of the account")] {
        let row = urgent_row(bench, waiting, other).await?;
        sink(format!("{waiting} grants wait at {PACE} calls a second, {said}"), vec![row])?;
    }
    Ok(())
}

async fn urgent_row(bench: &Bench, waiting: usize, other: bool) -> Result<Row> {
    // Objects alternate between the two targets: the even ones wait on the first.
    let workload = Workload { kinds: vec![&KINDS[0]], objects: 2, targets: 2 };
    let account = json!({"requestsPerSecond": PACE});
    let stage = bench.stage_with(&workload, Duration::from_millis(50), &account).await?;
    stage.space.create_all(&workload.items()).await?;
    let operator = stage.operator(&["--drift-interval", "1h"])?;
    stage.view.all_ready(2, LIMIT).await?;
    let grants: Vec<Item> = (1..=waiting).map(|number| workload.item(2 * number)).collect();
    stage.space.create_all(&grants).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;

    let item = workload.item(usize::from(other));
    let (after, deleted) = (bench.simulator.last().await?, jiff::Timestamp::now());
    stage.space.delete(&item).await?;
    let revoked = tokio::time::timeout(LIMIT, async {
        loop {
            let calls = bench.simulator.calls_after(after).await?;
            let revokes = |call: &&crate::simulator::Call| call.action.as_deref() == Some("revoke");
            if let Some(at) = calls.iter().position(|call| revokes(&call)) {
                let grants = calls[..at].iter().filter(|call| call.timestamp > deleted && call.writes()).count();
                return Ok::<_, crate::Failure>((calls[at].timestamp, grants));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let (revoked, grants) = revoked.await.map_err(|_| "nothing was revoked")??;
    drop(operator);
    stage.clear().await?;
    let seconds = (revoked - deleted).total(jiff::Unit::Second)?;
    Ok(Row::at_most("deleted to revoked", seconds, 3.0, " s", &format!("{grants} grants in between")))
}
