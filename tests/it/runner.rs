//! Runs one scenario in one world.

use std::time::Duration;

use cloud_access_operator::api::parse_duration;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde_json::{Value, json};

use crate::script::{Script, Step};
use crate::world::World;

/// The kinds of access objects.
pub const KINDS: [&str; 4] = ["QueueGrant", "PoolMembership", "WorkspaceMember", "HpcUser"];

/// One scenario under way.
pub struct Runner {
    pub(crate) world: World,
    /// Journal entries and writes that earlier steps have accounted for.
    pub(crate) calls_seen: u64,
    pub(crate) writes_seen: usize,
    relabelling: Vec<tokio::task::AbortHandle>,
    /// Every value of every Secret that was applied.
    pub(crate) secrets: Vec<String>,
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.relabelling.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

impl Runner {
    /// Runs a scenario; panics with its name, line and what is instead.
    pub async fn run(script: &Script, world: World) {
        let (relabelling, secrets) = (Vec::new(), Vec::new());
        let mut runner = Self { world, calls_seen: 0, writes_seen: 0, relabelling, secrets };
        runner.prepare().await;
        runner.world.start_operator();
        for step in &script.steps {
            if let Err(instead) = runner.step(step).await {
                panic!("{}:{}: `{} {}`\n{instead}", script.name, step.line, step.words[0], step.rest);
            }
        }
        runner.world.kill_operator();
        if let Err(leak) = runner.no_secret_leaked().await {
            panic!("{}: {leak}", script.name);
        }
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

    /// What every scenario starts with: a namespace, and for each cloud a Secret and an account that leads to the
    /// simulator.
    async fn prepare(&mut self) {
        if !self.world.is_pure() {
            drop(self.api("Namespace").delete(&self.world.namespace, &DeleteParams::default()).await);
            self.apply(&json!({"kind": "Namespace", "metadata": {"name": self.world.namespace}})).await.unwrap();
        }
        let mut settings = simulator::Settings::default();
        let keys = [("huawei", settings.access_keys.remove(0)), ("alibaba", settings.alibaba_keys.remove(0))];
        for (vendor, key) in keys {
            self.apply(&json!({
                "kind": "Secret", "metadata": {"name": format!("{vendor}-credentials")},
                "stringData": {"access-key-id": key.id, "secret-access-key": key.secret}
            }))
            .await
            .unwrap();
        }
        self.apply_huawei("huawei", "huawei-credentials").await.unwrap();
        self.apply_alibaba("alibaba", "alibaba-credentials", "2018-04-12").await.unwrap();
    }

    /// An account of Huawei Cloud that leads to the simulator, with the credentials of a Secret.
    async fn apply_huawei(&mut self, name: &str, secret: &str) -> Result<(), String> {
        let endpoint = &self.world.endpoint;
        self.apply(&json!({
            "kind": "CloudAccount", "metadata": {"name": name},
            "spec": {"huawei": {
                "region": "cn-north-4", "projectId": simulator::Settings::default().project_id,
                "endpoints": {"dli": endpoint, "dws": endpoint, "dataArts": endpoint, "iam": endpoint},
                "credentials": {"secretRef": {"name": secret}}
            }}
        }))
        .await
    }

    /// An account of Alibaba Cloud that leads to the simulator, with the credentials of a Secret.
    async fn apply_alibaba(&mut self, name: &str, secret: &str, version: &str) -> Result<(), String> {
        self.apply(&json!({
            "kind": "CloudAccount", "metadata": {"name": name},
            "spec": {"alibaba": {
                "region": "cn-hangzhou", "ehpcApiVersion": version, "endpoint": self.world.endpoint,
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
        for kind in KINDS {
            let objects = self.api(kind);
            for object in objects.list(&ListParams::default()).await.unwrap() {
                let name = object.metadata.name.unwrap();
                let free = json!({"metadata": {"finalizers": null}});
                drop(objects.patch(&name, &PatchParams::default(), &Patch::Merge(&free)).await);
                drop(objects.delete(&name, &DeleteParams::default()).await);
            }
        }
    }

    async fn apply(&mut self, manifest: &Value) -> Result<(), String> {
        let mut manifest = manifest.clone();
        let kind = manifest["kind"].as_str().ok_or("no kind")?.to_owned();
        let name = manifest["metadata"]["name"].as_str().ok_or("no name")?.to_owned();
        if manifest["apiVersion"].is_null() {
            let core = matches!(kind.as_str(), "Secret" | "Namespace");
            manifest["apiVersion"] = json!(if core { "v1" } else { "cloudaccess.dev/v1alpha1" });
        }
        if KINDS.contains(&kind.as_str()) && manifest["spec"]["accountRef"].is_null() {
            let account = if kind == "HpcUser" { "alibaba" } else { "huawei" };
            manifest["spec"]["accountRef"] = json!({"kind": "CloudAccount", "name": account});
        }
        if kind == "Secret" {
            self.take_secret(&mut manifest);
        }
        let params = PatchParams::apply("scenario").force();
        let applied = self.api(&kind).patch(&name, &params, &Patch::Apply(&manifest)).await;
        applied.map(drop).map_err(|error| error.to_string())
    }

    /// Notes the values of a Secret that is applied, which are to show nowhere.
    fn take_secret(&mut self, manifest: &mut Value) {
        let values = manifest["stringData"].as_object().into_iter().flatten();
        let hidden = values.filter(|(key, _)| !matches!(key.as_str(), "access-key-id" | "domain-name" | "user-name"));
        self.secrets.extend(hidden.filter_map(|(_, value)| value.as_str()).map(str::to_owned));
        if self.world.is_pure() {
            encode_secret(manifest);
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        let yaml = || serde_saphyr::from_str::<Value>(&step.text()).map_err(|error| error.to_string());
        match step.words().as_slice() {
            ["cloud", what @ ..] => self.cloud(what, &step.rest),
            ["apply", "account", name, secret] => self.apply_huawei(name, secret).await,
            ["apply", "account", name, secret, version] => self.apply_alibaba(name, secret, version).await,
            ["apply"] => self.apply(&yaml()?).await,
            ["patch", kind, name] => {
                let mut patch = yaml()?;
                if *kind == "Secret" {
                    self.take_secret(&mut patch);
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
            ["release", "revocations", "of", account] => self.release(account).await,
            ["clock", by] => self.world.set_clock(by),
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

    async fn release(&self, account: &str) -> Result<(), String> {
        let accounts = self.api("CloudAccount");
        let held = accounts.get(account).await.map_err(|error| error.to_string())?;
        let id = &held.data["status"]["held"]["id"];
        let patch = json!({"metadata": {"annotations": {"cloudaccess.dev/releaseRevocations": id}}});
        let patched = accounts.patch(account, &PatchParams::default(), &Patch::Merge(&patch)).await;
        patched.map(drop).map_err(|error| error.to_string())
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
        let said = |result: Result<(), simulator::NoSuchTarget>| result.map_err(|_| "no such target".to_owned());
        let there = |there: bool| if there { Ok(()) } else { Err("no such target, or it is there already".to_owned()) };
        match what {
            ["queue", queue] => drop(simulator.create_queue(queue, simulator::QueueKind::Sql)),
            ["cluster", cluster, "with", pools @ ..] => {
                there(simulator.create_dws_cluster(cluster))?;
                pools.iter().try_for_each(|pool| said(simulator.create_pool(cluster, pool).map(drop)))?;
            }
            ["pool", pool, "on", cluster] => said(simulator.create_pool(cluster, pool).map(drop))?,
            ["no", "pool", pool, "on", cluster] => said(simulator.remove_pool(cluster, pool).map(drop))?,
            ["workspace", workspace] => there(simulator.create_workspace(workspace))?,
            ["hpc", "cluster", cluster] => there(simulator.create_hpc_cluster(cluster))?,
            ["hpc", "cluster", cluster, "of", "2024"] => {
                there(simulator.create_hpc_cluster_visible_to(cluster, simulator::ehpc::VisibleTo::V2024))?;
            }
            ["status", cluster, status] => said(simulator.set_hpc_status(cluster, status))?,
            ["no", "target", target] => there(simulator.remove_target(target))?,
            ["grant", user, strings @ .., "on", target] => said(simulator.outside_grant(target, user, strings))?,
            ["password", user, "on", cluster, password] => {
                said(simulator.outside_set_password(cluster, user, password))?;
            }
            ["revoke", "tokens"] => drop(simulator.revoke_tokens()),
            ["revoke", user, strings @ .., "on", target] => {
                let held = simulator.users(target).ok_or("no such target")?.remove(*user).unwrap_or_default();
                let left: Vec<_> = held.iter().map(String::as_str).filter(|held| !strings.contains(held)).collect();
                said(if left.is_empty() {
                    simulator.outside_remove(target, user)
                } else {
                    simulator.outside_set(target, user, &left)
                })?;
            }
            ["administrator", user, "on", target] => said(simulator.outside_set_administrator(target, user))?,
            ["unknown", "user", user] => simulator.add_unknown_user(user),
            ["known", "user", user] => simulator.remove_unknown_user(user),
            ["no", "faults"] => simulator.clear_faults(),
            ["fault", ..] => {
                let fault = rest.split_once(' ').map_or("", |(_, json)| json);
                simulator.add_fault(serde_json::from_str(fault).map_err(|error| error.to_string())?);
            }
            ["switch", name, value] => {
                let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
                let patch = name.rsplit('.').fold(value, |value, name| json!({name: value}));
                simulator.patch_switches(patch).map_err(|error| error.to_string())?;
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
