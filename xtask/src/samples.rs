//! `deploy/samples`, the objects a reader starts with, pointed to the simulated cloud.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::kubectl::Kubectl;
use crate::places::Places;
use crate::simulator::Simulator;

/// What one QueueGrant asks for.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// The object's name.
    pub(crate) name: String,
    /// The target.
    pub(crate) queue: String,
    /// The principal.
    pub(crate) user: String,
    /// The access.
    pub(crate) privileges: BTreeSet<String>,
    /// The whole object.
    pub(crate) manifest: Value,
}

impl Grant {
    /// Reads a manifest.
    pub(crate) fn of(manifest: Value) -> Result<Self> {
        let text = |pointer: &str| {
            let found = manifest.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            found.ok_or_else(|| Failure::new(format!("a QueueGrant in deploy/samples has no {pointer}")))
        };
        let privileges = manifest.pointer("/spec/privileges").and_then(Value::as_array).into_iter().flatten();
        Ok(Self {
            name: text("/metadata/name")?,
            queue: text("/spec/queueName")?,
            user: text("/spec/userName")?,
            privileges: privileges.filter_map(Value::as_str).map(str::to_owned).collect(),
            manifest,
        })
    }

    /// The same object for somebody else, under another name.
    pub(crate) fn like(&self, name: &str, user: &str, privileges: &[&str]) -> Result<Self> {
        let mut manifest = self.manifest.clone();
        manifest["metadata"]["name"] = json!(name);
        manifest["spec"]["userName"] = json!(user);
        manifest["spec"]["privileges"] = json!(privileges);
        Self::of(manifest)
    }
}

/// The samples.
#[derive(Debug)]
pub(crate) struct Samples {
    /// The account and its Secret, pointed to the simulator.
    pub(crate) account: Vec<Value>,
    /// The QueueGrants, as they are.
    pub(crate) grants: Vec<Grant>,
}

impl Samples {
    /// Reads them, and makes the queues that they are about.
    pub(crate) fn read(places: &Places, kubectl: &Kubectl, simulator: &Simulator) -> Result<Self> {
        let directory = places.workspace.join("deploy/samples");
        let account = objects(kubectl, &directory.join("account.yaml"))?.into_iter();
        let grants = objects(kubectl, &directory.join("queuegrant.yaml"))?.into_iter();
        let samples = Self {
            account: account.map(|object| point_to(simulator, object)).collect::<Result<_>>()?,
            grants: grants.map(Grant::of).collect::<Result<_>>()?,
        };
        samples.queues().into_iter().try_for_each(|queue| simulator.add_queue(queue))?;
        Ok(samples)
    }

    /// The queues of all grants.
    pub(crate) fn queues(&self) -> BTreeSet<&str> {
        self.grants.iter().map(|grant| grant.queue.as_str()).collect()
    }
}

/// The objects of a file.
fn objects(kubectl: &Kubectl, path: &Path) -> Result<Vec<Value>> {
    let path = path.display().to_string();
    let printed = kubectl.run(&["create", "--dry-run=client", "--output=json", "--filename", &path])?;
    let mut objects = Vec::new();
    for document in serde_json::Deserializer::from_str(&printed).into_iter::<Value>() {
        let document = document.map_err(|error| Failure::new(format!("kubectl cannot render {path}")).why(error))?;
        match document.get("items").and_then(Value::as_array) {
            Some(items) => objects.extend(items.iter().cloned()),
            None => objects.push(document),
        }
    }
    Ok(objects)
}

/// Points an account to the simulator and gives its Secret the simulator's keys; other objects stay as they are.
fn point_to(simulator: &Simulator, mut object: Value) -> Result<Value> {
    match object.get("kind").and_then(Value::as_str) {
        Some("Secret") => {
            object["stringData"] = json!({
                "access-key-id": simulator.announced("access_key_id")?,
                "secret-access-key": simulator.announced("secret_access_key")?,
            });
        }
        Some("CloudAccount") => {
            let account = &mut object["spec"]["huawei"];
            account["endpoints"] = json!({"dli": simulator.url(), "iam": simulator.url()});
            account["region"] = json!(simulator.announced("region")?);
            account["projectId"] = json!(simulator.announced("project_id")?);
        }
        _ => {}
    }
    Ok(object)
}
