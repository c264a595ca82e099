//! Objects that are settled already: the bench writes what an operator would have left behind, lists and statuses alike.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud_access_operator::api::FINALIZER;
use serde_json::{Value, json};

use crate::Result;
use crate::bench::Stage;
use crate::cluster::at_once;
use crate::workload::{Item, Workload};

/// How long no call comes once all is done.
const QUIET: Duration = Duration::from_secs(2);
/// How often a write is tried again.
const MOST_TRIES: u32 = 10;
/// How long anything may take before it counts as broken.
const LIMIT: Duration = Duration::from_mins(20);

/// The status of one object of each kind, as the operator left it.
type Templates = BTreeMap<&'static str, (Item, Value)>;

impl Stage<'_> {
    /// Settles all objects of a workload. One of each kind is settled by an operator, which stops then; the others look like
    /// it.
    pub async fn settle(&self, workload: &Workload) -> Result<()> {
        let items = workload.items();
        let (first, others) = items.split_at(workload.kinds.len().min(items.len()));
        let templates = self.templates(first).await?;
        let mut lists: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
        for item in others {
            lists.entry(&item.target).or_default().insert(&item.principal, json!([item.kind.access]));
        }
        for (target, users) in lists {
            self.bench.simulator.admin("PATCH", &format!("targets/{target}/users"), Some(json!(users))).await?;
        }
        at_once(others, async |item| self.settle_one(item, &status_of(item, &templates)?).await).await?;
        self.view.all_ready(items.len(), LIMIT).await.map(drop)
    }

    /// Again where the API server is too busy, as it is with a hundred thousand objects.
    async fn settle_one(&self, item: &Item, status: &Value) -> Result<()> {
        let mut tries = 0;
        loop {
            // What failed may have been done.
            let there = if tries == 0 { None } else { self.space.get(item).await.ok() };
            let settled = async {
                let object = match there {
                    Some(object) => object,
                    None => self.space.create_with(item, &[FINALIZER]).await?,
                };
                self.space.set_status(item, &object, status).await.map(drop)
            };
            match settled.await {
                Err(_) if tries < MOST_TRIES => tries += 1,
                settled => return settled,
            }
            tokio::time::sleep(QUIET).await;
        }
    }

    /// Has an operator settle these.
    async fn templates(&self, items: &[Item]) -> Result<Templates> {
        self.space.create_all(items).await?;
        let operator = self.operator(&[])?;
        self.view.all_ready(items.len(), LIMIT).await?;
        self.quiet(0, 0).await?;
        drop(operator);
        let mut templates = Templates::new();
        for item in items {
            let status = self.space.get(item).await?.data["status"].clone();
            templates.insert(item.kind.name, (item.clone(), status));
        }
        Ok(templates)
    }

    /// Waits until there were so many calls after that place in the journal, and no more come.
    pub async fn quiet(&self, after: u64, calls: usize) -> Result<()> {
        let waited = tokio::time::timeout(LIMIT, async {
            let (mut seen, mut last) = (0, after);
            loop {
                let new = self.bench.simulator.calls_after(last).await?;
                if new.is_empty() && seen >= calls {
                    return Ok::<_, crate::Failure>(());
                }
                seen += new.len();
                last = new.last().map_or(last, |call| call.sequence);
                tokio::time::sleep(QUIET).await;
            }
        });
        waited.await.map_err(|_| format!("there were no {calls} calls within {LIMIT:?}, or more all the time"))?
    }
}

/// The status that the operator would have written.
fn status_of(item: &Item, templates: &Templates) -> Result<Value> {
    let (like, status) = templates.get(item.kind.name).ok_or("no object of this kind was settled")?;
    let text = status.to_string().replace(&like.target, &item.target).replace(&like.principal, &item.principal);
    Ok(serde_json::from_str(&text)?)
}
