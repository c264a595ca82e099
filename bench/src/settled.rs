//! Objects that are settled already: the bench writes down what an operator would have left behind, in the clouds and in etcd.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Result;
use crate::bench::Stage;
use crate::cluster::at_once;
use crate::workload::{Item, Workload};

/// How long no call comes once all is done.
const QUIET: Duration = Duration::from_secs(2);
/// How long anything may take before it counts as broken.
const LIMIT: Duration = Duration::from_mins(20);

/// One object of each kind, as the operator left it.
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
        let numbered: Vec<(usize, &Item)> = others.iter().enumerate().collect();
        let keep =
            async |&(number, item): &(usize, &Item)| self.space.keep(item, &like(&templates, item, number)?).await;
        at_once(&numbered, keep).await?;
        self.view.all_ready(items.len(), LIMIT).await.map(drop)
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
            templates.insert(item.kind.name, (item.clone(), self.space.kept(item).await?));
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

/// An object as it would be kept, had its user created it and the operator settled it.
fn like(templates: &Templates, item: &Item, number: usize) -> Result<Value> {
    let (other, kept) = templates.get(item.kind.name).ok_or("no object of this kind was settled")?;
    let status = kept["status"].to_string();
    let status = status.replace(&other.target, &item.target).replace(&other.principal, &item.principal);
    let mut object = kept.clone();
    object["metadata"]["name"] = json!(item.name);
    // As long as any other.
    let uid = kept["metadata"]["uid"].as_str().and_then(|uid| uid.get(..24)).ok_or("it has no uid")?;
    object["metadata"]["uid"] = json!(format!("{uid}{number:012x}"));
    object["spec"] = item.manifest()["spec"].take();
    object["status"] = serde_json::from_str(&status)?;
    Ok(object)
}
