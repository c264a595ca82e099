//! Runs one scenario in one world.

use std::time::Duration;

use cloud_access_operator::api::parse_duration;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde_json::{Value, json};

use crate::script::{Script, Step};
use crate::world::World;

/// One scenario under way.
pub struct Runner {
    pub(crate) world: World,
    /// Journal entries and writes that earlier steps have accounted for.
    pub(crate) calls_seen: u64,
    pub(crate) writes_seen: usize,
    relabelling: Vec<tokio::task::AbortHandle>,
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.relabelling.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

impl Runner {
    /// Runs a scenario; panics with its name, line and what is instead.
    pub async fn run(script: &Script, world: World) {
        let mut runner = Self { world, calls_seen: 0, writes_seen: 0, relabelling: Vec::new() };
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

    pub(crate) fn api(&self, kind: &str) -> Api<DynamicObject> {
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
            ["relabel", kind, name] => {
                self.relabel(kind, name);
                Ok(())
            }
            ["kill", "operator"] => {
                self.world.kill_operator();
                Ok(())
            }
            ["stop", "operator"] => self.world.stop_operator().await,
            ["start", "operator"] => {
                self.world.start_operator();
                Ok(())
            }
            ["expect", ..] => self.expect(step).await,
            ["hold" | "release" | "objects" | "with" | "without", ..] => self.store_step(step),
            _ => Err("no such step".to_owned()),
        }
    }

    /// What happens to the API server of the pure world.
    fn store_step(&self, step: &Step) -> Result<(), String> {
        let store = self.world.store()?;
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        match step.words().as_slice() {
            ["hold", "watches"] => store.hold_watches(true),
            ["release", "watches"] => store.hold_watches(false),
            ["objects", "cannot", "be", "read", names @ ..] => store.set_unreadable(owned(names)),
            ["objects", "can", "be", "read"] => store.set_unreadable(Vec::new()),
            ["objects", "refuse", "patches", names @ ..] => store.set_refusing(owned(names)),
            ["with", "crds"] => store.set_crds(true),
            ["without", "crds"] => store.set_crds(false),
            _ => return Err("no such step".to_owned()),
        }
        Ok(())
    }

    /// From here on somebody changes a label of the object, ten times a second, for as long as the world stands.
    fn relabel(&mut self, kind: &str, name: &str) {
        let (objects, name) = (self.api(kind), name.to_owned());
        let relabel = async move {
            for count in 0_u64.. {
                let label = json!({"metadata": {"labels": {"count": count.to_string()}}});
                drop(objects.patch(&name, &PatchParams::default(), &Patch::Merge(&label)).await);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        self.relabelling.push(tokio::spawn(relabel).abort_handle());
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
