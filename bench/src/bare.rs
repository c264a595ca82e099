//! What the operator is measured against: clients that do the same, and think of nothing.

use std::collections::BTreeMap;

use cloud_access_operator::api::FINALIZER;
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::Result;
use crate::cloud::{Accounts, Cloud};
use crate::cluster::{Space, at_once};
use crate::simulator::Simulator;
use crate::workload::{Item, Workload};

/// Targets at once, as many as the operator serves in one realm.
const TARGETS_AT_ONCE: usize = 16;

/// Objects at once, as Terraform does by default.
const PARALLELISM: usize = 10;

/// An object as its user made it.
pub type Made = (Item, DynamicObject);

/// Does for objects what the operator does: finalizer, record, cloud, and how they rest; target by target.
pub async fn converge(space: &Space, simulator: &Simulator, made: Vec<Made>) -> Result<()> {
    let accounts = Accounts::new(simulator)?;
    let work = by_target(made).map(|group| converge_target(space, &accounts, group));
    stream::iter(work).buffer_unordered(TARGETS_AT_ONCE).try_collect::<()>().await
}

async fn converge_target(space: &Space, accounts: &Accounts, mut group: Vec<Made>) -> Result<()> {
    let (kind, target) = (group[0].0.kind, group[0].0.target.clone());
    let cloud = kind.connect(accounts.of(kind.account))?;
    cloud.list(&target, kind.named()).await?;
    group = write(&group, async |item, object| space.set_finalizers(item, object, &[FINALIZER]).await).await?;
    let record = |item: &Item| status(item, "Reconciling");
    group = write(&group, async |item, object| space.set_status(item, object, &record(item)).await).await?;
    let items: Vec<Item> = group.iter().map(|(item, _)| item.clone()).collect();
    cloud.write(&target, &items, true).await?;
    cloud.list(&target, kind.named()).await?;
    let ready = |item: &Item| status(item, "Ready");
    write(&group, async |item, object| {
        let object = space.set_status(item, object, &ready(item)).await?;
        space.tell(item, &object, "granted").await?;
        Ok(object)
    })
    .await
    .map(drop)
}

/// Takes away what deleted objects held, and lets them go; target by target.
pub async fn revoke(space: &Space, simulator: &Simulator, deleted: Vec<Made>) -> Result<()> {
    let accounts = Accounts::new(simulator)?;
    let work = by_target(deleted).map(|group| revoke_target(space, &accounts, group));
    stream::iter(work).buffer_unordered(TARGETS_AT_ONCE).try_collect::<()>().await
}

async fn revoke_target(space: &Space, accounts: &Accounts, group: Vec<Made>) -> Result<()> {
    let (kind, target) = (group[0].0.kind, group[0].0.target.clone());
    let cloud = kind.connect(accounts.of(kind.account))?;
    cloud.list(&target, kind.named()).await?;
    let items: Vec<Item> = group.iter().map(|(item, _)| item.clone()).collect();
    cloud.write(&target, &items, false).await?;
    cloud.list(&target, kind.named()).await?;
    write(&group, async |item, object| {
        let object = space.set_finalizers(item, object, &[]).await?;
        space.tell(item, &object, "released").await?;
        Ok(object)
    })
    .await
    .map(drop)
}

fn by_target(made: Vec<Made>) -> impl Iterator<Item = Vec<Made>> {
    let mut groups = BTreeMap::<_, Vec<Made>>::new();
    for (item, object) in made {
        groups.entry((item.kind.name, item.target.clone())).or_default().push((item, object));
    }
    groups.into_values()
}

/// Writes to each object of a target, so many at a time.
async fn write(
    group: &[Made],
    write: impl AsyncFn(&Item, &DynamicObject) -> Result<DynamicObject>,
) -> Result<Vec<Made>> {
    let write = &write;
    at_once(group, |(item, object)| async move { Ok((item.clone(), write(item, object).await?)) }).await
}

/// A status as long as the operator's.
fn status(item: &Item, type_: &str) -> Value {
    let condition = |type_: &str| {
        json!({
            "type": type_, "status": "True", "reason": "Granted", "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": 1,
            "message": format!("{} holds {} on {}", item.principal, item.kind.access, item.target),
        })
    };
    json!({
        "observedGeneration": 1, "conditions": [condition(type_), condition("Held")],
        "target": format!("bench:{}", item.target), "principal": item.principal,
        "observed": [item.kind.access], "owned": [item.kind.access], "grantedAt": "2026-01-01T00:00:00Z",
    })
}

/// Access object by object, a list and a write for each, and nothing in Kubernetes: as Terraform does it. Every worker has
/// a budget of its own, so that nothing but their number bounds them.
pub async fn object_by_object(simulator: &Simulator, workload: &Workload) -> Result<()> {
    let items = workload.items();
    let each = items.chunks(items.len().div_ceil(PARALLELISM)).map(|items| async move {
        let accounts = Accounts::new(simulator)?;
        for item in items {
            let cloud: Box<dyn Cloud> = item.kind.connect(accounts.of(item.kind.account))?;
            // A list that others change meanwhile is refused by the clients: it was asked for, and that is what counts.
            drop(cloud.list(&item.target, item.kind.named()).await);
            cloud.write(&item.target, std::slice::from_ref(item), true).await?;
        }
        Ok(())
    });
    stream::iter(each).buffer_unordered(PARALLELISM).try_collect::<()>().await
}
