//! Runs passes: one per target at a time, so many at once, each under a timeout, and none that can take another down.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use kube::runtime::scheduler::{ScheduleRequest, scheduler};
use tokio::sync::{mpsc, watch as signal};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout};
use tracing::{error, info, warn};

use super::Engine;
use super::course;
use super::group::Group;
use super::kind::AccessKind;
use super::ready::{Ready, Start};
use crate::metrics::PassResult;

/// Runs passes until told to stop; then waits for the running ones, for a while.
pub(crate) async fn run<K: AccessKind>(
    engine: Arc<Engine<K>>,
    requests: mpsc::UnboundedReceiver<ScheduleRequest<Group>>,
    mut stop: signal::Receiver<bool>,
) {
    let requests = stream::unfold(requests, async |mut requests| requests.recv().await.map(|next| (next, requests)));
    let mut scheduler = pin!(scheduler(requests));
    let mut ready = Ready::new(engine.settings.concurrent_passes, Arc::clone(&engine.in_passes));
    let mut passes = JoinSet::new();
    let mut groups: HashMap<Id, Group> = HashMap::new();
    loop {
        while let Some(start) = ready.next() {
            let group = start.group.clone();
            let pass = passes.spawn(one_pass(Arc::clone(&engine), start));
            groups.insert(pass.id(), group);
        }
        engine.metrics.set_due(ready.waiting());
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(done) = passes.join_next_with_id() => finish(&engine, done, &mut groups, &mut ready),
            group = scheduler.next() => {
                let Some(group) = group else { break };
                if due(&engine, group, &mut ready) {
                    engine.metrics.pass_is_due();
                }
            }
        }
    }
    if !passes.is_empty() {
        info!(passes = passes.len(), "stopping when the running passes are done");
        drop(timeout(engine.settings.grace, async { while passes.join_next().await.is_some() {} }).await);
    }
}

/// A pass is due: now, or when its target has rested. Returns whether it was not yet.
fn due<K: AccessKind>(engine: &Engine<K>, group: Group, ready: &mut Ready) -> bool {
    let due = engine.due(&group);
    if let Some(run_at) = engine.rests_until(&group, &due) {
        engine.schedule_at(run_at, group);
        false
    } else {
        ready.add(group, due)
    }
}

/// One pass. Returns when to look at the group again. Its target rests, unless the pass was given up.
async fn one_pass<K: AccessKind>(engine: Arc<Engine<K>>, start: Start) -> Option<Instant> {
    let Start { group, due, hurry } = start;
    let (limit, started) = (engine.settings.pass_timeout, Instant::now());
    let pass = engine.metrics.pass(&due.urgency.to_string());
    let Ok(ended) = timeout(limit, course::run(&engine, &group, hurry)).await else {
        warn!(%group, ?limit, "a pass took too long and was given up");
        pass.end(PassResult::Error, limit);
        return Some(Instant::now() + engine.settings.retry_after_refusal);
    };
    pass.end(ended.result, started.elapsed());
    engine.rest(&group, due, started, &ended);
    ended.next
}

fn finish<K: AccessKind>(
    engine: &Engine<K>,
    done: Result<(Id, Option<Instant>), JoinError>,
    groups: &mut HashMap<Id, Group>,
    ready: &mut Ready,
) {
    let (id, next) = match done {
        Ok(done) => done,
        Err(failure) => {
            let next = Instant::now() + engine.settings.retry_after_refusal;
            let id = failure.id();
            if let Some(group) = groups.get(&id) {
                error!(%group, "a pass panicked; its target is looked at again later, the others go on");
            }
            (id, Some(next))
        }
    };
    let Some(group) = groups.remove(&id) else { return };
    if ready.finished(&group) {
        // Counted when it became due.
        due(engine, group, ready);
    } else if let Some(run_at) = next {
        engine.schedule_at(run_at, group);
    }
}
