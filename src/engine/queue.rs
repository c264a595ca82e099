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

/// Runs passes until told to stop; then waits for the running ones, for a while.
pub(crate) async fn run<K: AccessKind>(
    engine: Arc<Engine<K>>,
    requests: mpsc::UnboundedReceiver<ScheduleRequest<Group>>,
    mut stop: signal::Receiver<bool>,
) {
    let requests = stream::unfold(requests, async |mut requests| requests.recv().await.map(|next| (next, requests)));
    let mut scheduler = pin!(scheduler(requests));
    let mut passes = JoinSet::new();
    let mut running: HashMap<Id, Group> = HashMap::new();
    loop {
        let next = async {
            if running.len() < engine.settings.concurrent_passes {
                let idle = |group: &Group| may_run(group, running.values());
                scheduler.as_mut().hold_unless(idle).next().await
            } else {
                scheduler.as_mut().hold().next().await
            }
        };
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(done) = passes.join_next_with_id() => {
                finish(&engine, done, &mut running);
            }
            group = next => {
                let Some(group) = group else { break };
                let pass = passes.spawn(one_pass(Arc::clone(&engine), group.clone()));
                running.insert(pass.id(), group);
            }
        }
    }
    if !passes.is_empty() {
        info!(passes = passes.len(), "stopping when the running passes are done");
        drop(timeout(engine.settings.grace, async { while passes.join_next().await.is_some() {} }).await);
    }
}

/// Passes of one realm at once: a cloud that is slow, or asks to wait, holds up no other.
const PASSES_PER_REALM: usize = 16;

/// A group may run when it does not run already, and its realm leaves room.
fn may_run<'a>(group: &Group, running: impl Iterator<Item = &'a Group>) -> bool {
    let mut beside = 0;
    for busy in running {
        if busy == group {
            return false;
        }
        beside += usize::from(busy.realm() == group.realm());
    }
    beside < PASSES_PER_REALM || group.realm().is_none()
}

async fn one_pass<K: AccessKind>(engine: Arc<Engine<K>>, group: Group) -> Option<Instant> {
    let limit = engine.settings.pass_timeout;
    timeout(limit, course::run(&engine, &group)).await.unwrap_or_else(|_| {
        warn!(%group, ?limit, "a pass took too long and was given up");
        Some(Instant::now() + engine.settings.retry_after_refusal)
    })
}

fn finish<K: AccessKind>(
    engine: &Engine<K>,
    done: Result<(Id, Option<Instant>), JoinError>,
    running: &mut HashMap<Id, Group>,
) {
    let (id, next) = match done {
        Ok(done) => done,
        Err(failure) => {
            let next = Instant::now() + engine.settings.retry_after_refusal;
            let id = failure.id();
            if let Some(group) = running.get(&id) {
                error!(%group, "a pass panicked; its target is looked at again later, the others go on");
            }
            (id, Some(next))
        }
    };
    if let (Some(message), Some(run_at)) = (running.remove(&id), next) {
        drop(engine.requests.send(ScheduleRequest { message, run_at }));
    }
}
