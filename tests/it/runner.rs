//! Runs one scenario in one world.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud_access_operator::api::parse_duration;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::script::{Script, Step};
use crate::world::World;

/// How long an expectation may take to come true. Virtual time costs nothing.
const PURE_PATIENCE: Duration = Duration::from_mins(10);
const REAL_PATIENCE: Duration = Duration::from_mins(1);

/// How long the real world is watched for quiet.
const REAL_QUIET: Duration = Duration::from_secs(2);

pub struct Runner {
    world: World,
    /// Journal entries and writes that earlier steps have accounted for.
    calls_seen: u64,
    writes_seen: usize,
}

impl Runner {
    /// Runs a scenario; panics with its name, line and what is instead.
    pub async fn run(script: &Script, world: World) {
        let mut runner = Self { world, calls_seen: 0, writes_seen: 0 };
        runner.prepare().await;
        runner.world.start_operator();
        for step in &script.steps {
            if let Err(instead) = runner.step(step).await {
                panic!("{}:{}: `{} {}`\n{instead}", script.name, step.line, step.words[0], step.rest);
            }
        }
        runner.world.kill_operator();
        runner.clean_up().await;
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let (group, version) = match kind {
            "Secret" | "Namespace" => ("", "v1"),
            "Event" => ("events.k8s.io", "v1"),
            _ => ("cloudaccess.dev", "v1alpha1"),
        };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match kind {
            "Namespace" => Api::all_with(self.world.client.clone(), &resource),
            _ => Api::namespaced_with(self.world.client.clone(), &self.world.namespace, &resource),
        }
    }

    /// What every scenario starts with: a namespace, a Secret and an account that leads to the simulator.
    async fn prepare(&self) {
        if !self.world.is_pure() {
            drop(self.api("Namespace").delete(&self.world.namespace, &DeleteParams::default()).await);
            self.apply(&json!({"kind": "Namespace", "metadata": {"name": self.world.namespace}})).await.unwrap();
        }
        let key = simulator::Settings::default().access_keys.remove(0);
        self.apply(&json!({
            "kind": "Secret", "metadata": {"name": "huawei-credentials"},
            "stringData": {"access-key-id": key.id, "secret-access-key": key.secret}
        }))
        .await
        .unwrap();
        self.apply_account("huawei", "huawei-credentials").await.unwrap();
    }

    /// An account that leads to the simulator, with the credentials of a Secret.
    async fn apply_account(&self, name: &str, secret: &str) -> Result<(), String> {
        self.apply(&json!({
            "kind": "CloudAccount", "metadata": {"name": name},
            "spec": {"huawei": {
                "region": "cn-north-4", "projectId": simulator::Settings::default().project_id,
                "endpoints": {"dli": self.world.endpoint, "iam": self.world.endpoint},
                "credentials": {"secretRef": {"name": secret}}
            }}
        }))
        .await
    }

    /// What a scenario leaves in a real API server.
    async fn clean_up(&self) {
        if self.world.is_pure() {
            return;
        }
        let grants = self.api("QueueGrant");
        for grant in grants.list(&ListParams::default()).await.unwrap() {
            let name = grant.metadata.name.unwrap();
            let free = json!({"metadata": {"finalizers": null}});
            drop(grants.patch(&name, &PatchParams::default(), &Patch::Merge(&free)).await);
            drop(grants.delete(&name, &DeleteParams::default()).await);
        }
    }

    async fn apply(&self, manifest: &Value) -> Result<(), String> {
        let mut manifest = manifest.clone();
        let kind = manifest["kind"].as_str().ok_or("no kind")?.to_owned();
        let name = manifest["metadata"]["name"].as_str().ok_or("no name")?.to_owned();
        if manifest["apiVersion"].is_null() {
            let core = matches!(kind.as_str(), "Secret" | "Namespace");
            manifest["apiVersion"] = json!(if core { "v1" } else { "cloudaccess.dev/v1alpha1" });
        }
        if kind.ends_with("Grant") && manifest["spec"]["accountRef"].is_null() {
            manifest["spec"]["accountRef"] = json!({"kind": "CloudAccount", "name": "huawei"});
        }
        if kind == "Secret" && self.world.is_pure() {
            encode_secret(&mut manifest);
        }
        let params = PatchParams::apply("scenario").force();
        let applied = self.api(&kind).patch(&name, &params, &Patch::Apply(&manifest)).await;
        applied.map(drop).map_err(|error| error.to_string())
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        let yaml = || serde_saphyr::from_str::<Value>(&step.text()).map_err(|error| error.to_string());
        match step.words().as_slice() {
            ["cloud", what @ ..] => self.cloud(what, &step.rest),
            ["apply", "account", name, secret] => self.apply_account(name, secret).await,
            ["apply"] => self.apply(&yaml()?).await,
            ["patch", kind, name] => {
                let mut patch = yaml()?;
                if *kind == "Secret" && self.world.is_pure() {
                    encode_secret(&mut patch);
                }
                let patched = self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
                patched.map(drop).map_err(|error| error.to_string())
            }
            ["delete", kind, name] => {
                let deleted = self.api(kind).delete(name, &DeleteParams::default()).await;
                deleted.map(drop).map_err(|error| error.to_string())
            }
            ["wait", time] => {
                assert!(self.world.is_pure(), "only the pure world can wait: say `only pure`");
                tokio::time::sleep(parse_duration(time).ok_or("not a duration")?).await;
                Ok(())
            }
            ["kill", "operator"] => {
                self.world.kill_operator();
                Ok(())
            }
            ["start", "operator"] => {
                self.world.start_operator();
                Ok(())
            }
            ["expect", "access", queue] => self.eventually(async |it: &Self| it.access(queue, &step.body)).await,
            ["expect", "calls"] => self.calls(&step.body).await,
            ["expect", "quiet", time] => self.quiet(parse_duration(time).ok_or("not a duration")?).await,
            ["expect", "writes", count] => self.writes(count.parse().map_err(|_| "not a number")?).await,
            ["expect", "event", name, reason] => self.eventually(async |it: &Self| it.event(name, reason).await).await,
            ["expect", name, "gone"] => self.eventually(async |it: &Self| it.is_there(name, false).await).await,
            ["expect", name, "there"] => self.is_there(name, true).await,
            ["expect", name, ..] => {
                let fields = step.rest.split_once(' ').map_or("", |(_, fields)| fields);
                self.eventually(async |it: &Self| it.status(name, fields).await).await
            }
            _ => Err("no such step".to_owned()),
        }
    }

    fn cloud(&self, what: &[&str], rest: &str) -> Result<(), String> {
        let simulator = &self.world.simulator;
        let said = |result: Result<(), simulator::NoSuchQueue>| result.map_err(|_| "no such queue".to_owned());
        match what {
            ["queue", queue] => drop(simulator.create_queue(queue, simulator::QueueKind::Sql)),
            ["no", "queue", queue] => drop(simulator.remove_queue(queue)),
            ["grant", user, privileges @ .., "on", queue] => said(simulator.outside_grant(queue, user, privileges))?,
            ["revoke", "tokens"] => drop(simulator.revoke_tokens()),
            ["revoke", user, privileges @ .., "on", queue] => {
                let held = simulator.users(queue).ok_or("no such queue")?.remove(*user).unwrap_or_default();
                let left: Vec<_> = held.iter().map(String::as_str).filter(|held| !privileges.contains(held)).collect();
                said(if left.is_empty() {
                    simulator.outside_remove(queue, user)
                } else {
                    simulator.outside_set(queue, user, &left)
                })?;
            }
            ["administrator", user, "on", queue] => said(simulator.outside_set_administrator(queue, user))?,
            ["unknown", "user", user] => simulator.add_unknown_user(user),
            ["known", "user", user] => simulator.remove_unknown_user(user),
            ["no", "faults"] => simulator.clear_faults(),
            ["fault", ..] => {
                let fault = rest.split_once(' ').map_or("", |(_, json)| json);
                simulator.add_fault(serde_json::from_str(fault).map_err(|error| error.to_string())?);
            }
            ["switch", name, value] => {
                let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
                simulator.patch_switches(json!({*name: value})).map_err(|error| error.to_string())?;
            }
            ["key", id, secret] => simulator.set_access_key(simulator::AccessKey {
                id: (*id).to_owned(),
                secret: (*secret).to_owned(),
                security_token: None,
            }),
            ["no", "key", id] => drop(simulator.remove_access_key(id)),
            _ => return Err("no such thing can be done to the cloud".to_owned()),
        }
        Ok(())
    }

    /// Looks until it is as expected, for as long as patience lasts.
    async fn eventually(&self, look: impl AsyncFn(&Self) -> Result<(), String>) -> Result<(), String> {
        let until = Instant::now() + if self.world.is_pure() { PURE_PATIENCE } else { REAL_PATIENCE };
        loop {
            match look(self).await {
                Ok(()) => return Ok(()),
                Err(instead) if Instant::now() > until => return Err(instead),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn access(&self, queue: &str, expected: &[String]) -> Result<(), String> {
        let users = self.world.simulator.users(queue).ok_or("no such queue")?;
        let shown: BTreeMap<_, _> = users.into_iter().filter(|(_, held)| !held.is_empty()).collect();
        let lines: Vec<_> = shown.iter().map(|(user, held)| format!("{user}: {}", held.join(" "))).collect();
        let mut expected = expected.to_vec();
        expected.sort();
        if lines == expected { Ok(()) } else { Err(format!("instead:\n  {}", lines.join("\n  "))) }
    }

    async fn get(&self, name: &str) -> Option<Value> {
        let object = self.api("QueueGrant").get_opt(name).await.unwrap()?;
        Some(serde_json::to_value(object).unwrap())
    }

    async fn is_there(&self, name: &str, expected: bool) -> Result<(), String> {
        let object = self.get(name).await;
        if object.is_some() == expected { Ok(()) } else { Err(format!("instead: {object:?}")) }
    }

    async fn status(&self, name: &str, fields: &str) -> Result<(), String> {
        let object = self.get(name).await.ok_or("instead: no such object")?;
        let status = &object["status"];
        let condition = |type_: &str| {
            let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
            conditions.into_iter().find(|condition| condition["type"] == type_).unwrap_or_default()
        };
        let text = |value: &Value| value.as_str().unwrap_or("absent").to_owned();
        let list = |value: &Value| {
            let strings: Vec<_> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            strings.join(",")
        };
        if let Some((_, wanted)) = fields.split_once("message~") {
            let message = text(&condition("Ready")["message"]);
            if !message.contains(wanted) {
                return Err(format!("instead the message is: {message}"));
            }
        }
        let fields = fields.split("message~").next().unwrap_or_default();
        for (field, expected) in fields.split_whitespace().filter_map(|field| field.split_once('=')) {
            let shown = match field {
                "ready" => text(&condition("Ready")["status"]),
                "reason" => text(&condition("Ready")["reason"]),
                "reconciling" => text(&condition("Reconciling")["status"]),
                "stalled" => text(&condition("Stalled")["status"]),
                "held" => text(&condition("Held")["status"]),
                "owned" => list(&status["owned"]),
                "observed" => list(&status["observed"]),
                "generation" => status["observedGeneration"].to_string(),
                "current" => (status["observedGeneration"] == object["metadata"]["generation"]).to_string(),
                _ => return Err(format!("no such field: {field}")),
            };
            if shown != expected {
                return Err(format!("instead {field}={shown}; status: {status:#}"));
            }
        }
        Ok(())
    }

    async fn event(&self, name: &str, reason: &str) -> Result<(), String> {
        let events = self.api("Event").list(&ListParams::default()).await.unwrap();
        let said: Vec<_> = events
            .into_iter()
            .filter(|event| event.data["regarding"]["name"] == name)
            .map(|event| event.data["reason"].as_str().unwrap_or_default().to_owned())
            .collect();
        if said.iter().any(|said| said == reason) { Ok(()) } else { Err(format!("instead: {said:?}")) }
    }

    /// Waits until nothing has happened for a while: the cloud was not called but for lists, and nothing was written.
    async fn settle(&self) {
        let calm = if self.world.is_pure() { Duration::from_secs(1) } else { Duration::from_millis(700) };
        let state = || (self.journal(0).len(), self.world.writes().map(|writes| writes.len()));
        let mut before = state();
        loop {
            tokio::time::sleep(calm).await;
            let now = state();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// The calls after one of the journal, in words; what was done by hand left out.
    fn journal(&self, after: u64) -> Vec<String> {
        let entries = self.world.simulator.journal_after(after);
        let calls = entries.into_iter().filter(|entry| entry.operation != "OutsideEdit");
        let words = calls.map(|entry| {
            let mut words = vec![entry.operation];
            words.extend(entry.action);
            words.extend(entry.principals);
            words.extend(entry.privileges);
            words.extend(entry.target);
            if !entry.succeeded {
                words.push(format!("-> {}", entry.error_code.unwrap_or_else(|| "no success".to_owned())));
            }
            words.join(" ")
        });
        words.filter(|call| self.world.is_pure() || !call.starts_with("List")).collect()
    }

    async fn calls(&mut self, expected: &[String]) -> Result<(), String> {
        self.settle().await;
        let calls = self.journal(self.calls_seen);
        self.calls_seen = self.world.simulator.journal_last();
        let expected: Vec<_> =
            expected.iter().filter(|call| self.world.is_pure() || !call.starts_with("List")).collect();
        if calls.iter().eq(expected) { Ok(()) } else { Err(format!("instead:\n  {}", calls.join("\n  "))) }
    }

    async fn writes(&mut self, expected: usize) -> Result<(), String> {
        self.settle().await;
        let Some(writes) = self.world.writes() else {
            return Ok(());
        };
        let fresh = &writes[std::mem::replace(&mut self.writes_seen, writes.len())..];
        if fresh.len() == expected {
            Ok(())
        } else {
            Err(format!("instead {}:\n  {}", fresh.len(), fresh.join("\n  ")))
        }
    }

    async fn quiet(&mut self, time: Duration) -> Result<(), String> {
        self.settle().await;
        let (calls, writes) = (self.world.simulator.journal_last(), self.world.writes());
        tokio::time::sleep(if self.world.is_pure() { time } else { time.min(REAL_QUIET) }).await;
        let made: Vec<_> = self.journal(calls).into_iter().filter(|call| !call.starts_with("List")).collect();
        if !made.is_empty() || self.world.writes() != writes {
            return Err(format!("instead calls {made:?}, writes {:?}", self.world.writes()));
        }
        self.calls_seen = self.world.simulator.journal_last();
        Ok(())
    }
}

/// The API server turns `stringData` into `data`; the store in memory does not.
fn encode_secret(manifest: &mut Value) {
    let Some(plain) = manifest.as_object_mut().and_then(|fields| fields.remove("stringData")) else {
        return;
    };
    let encode = |text: &str| serde_json::to_value(k8s_openapi::ByteString(text.as_bytes().to_vec())).unwrap();
    for (key, value) in plain.as_object().unwrap() {
        manifest["data"][key] = encode(value.as_str().unwrap());
    }
}
