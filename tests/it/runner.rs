//! Runs one scenario in one world.

use std::time::Duration;

use cloud_access_operator::api::parse_duration;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde_json::{Value, json};

use crate::manifests::of_operator;
use crate::metrics::are_bounded;
use crate::privileges::{may_lead, refusals};
use crate::script::{Script, Step};
use crate::world::World;

/// The kinds of access objects.
pub const KINDS: [&str; 4] = ["QueueGrant", "PoolMembership", "WorkspaceMember", "HpcUser"];

/// How long an expectation may take to come true. Virtual time costs nothing.
const PURE_PATIENCE: Duration = Duration::from_mins(10);
const REAL_PATIENCE: Duration = Duration::from_mins(1);

/// One scenario under way.
pub struct Runner {
    pub(crate) world: World,
    /// How long an expectation may take to come true.
    pub(crate) patience: Duration,
    /// Journal entries and writes that earlier steps have accounted for.
    pub(crate) calls_seen: u64,
    pub(crate) writes_seen: usize,
    pub(crate) patching: Vec<tokio::task::AbortHandle>,
    /// Every value of every Secret that was applied.
    pub(crate) secrets: Vec<String>,
    /// Every ClusterCloudAccount that was applied, by its name in the API server.
    cluster_accounts: Vec<String>,
}

/// A step that did not go as the script says, and what is instead.
pub struct Broken(pub String);

impl Drop for Runner {
    fn drop(&mut self) {
        self.patching.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

impl Runner {
    /// Runs a scenario; panics with its name, line and what is instead.
    pub async fn run(script: &Script, mut world: World) {
        world.others.clone_from(&script.others);
        let mut runner = Self::begin(world).await;
        let played = match runner.play(script).await {
            Ok(()) => runner.comes_to_rest().await,
            broken => broken,
        };
        let ended = match played {
            Ok(()) => {
                let killed = script.steps.iter().any(|step| step.words[0] == "kill");
                runner.end().await.and_then(|()| runner.audit_equals_journal(killed))
            }
            broken => broken,
        };
        if let Err(Broken(what)) = ended {
            panic!("{}:{what}", script.name);
        }
        runner.clean_up().await;
    }

    /// A world with what every scenario starts with, and a running operator.
    pub async fn begin(world: World) -> Self {
        let (patching, secrets, cluster_accounts) = (Vec::new(), Vec::new(), Vec::new());
        let patience = if world.is_pure() { PURE_PATIENCE } else { REAL_PATIENCE };
        let mut runner = Self { world, patience, calls_seen: 0, writes_seen: 0, patching, secrets, cluster_accounts };
        runner.prepare().await;
        runner.world.start_operator();
        runner
    }

    /// All steps of a script.
    pub async fn play(&mut self, script: &Script) -> Result<(), Broken> {
        for step in &script.steps {
            let broken = |instead| Broken(format!("{}: `{} {}`\n{instead}", step.line, step.words[0], step.rest));
            self.step(step).await.map_err(broken)?;
        }
        Ok(())
    }

    /// What holds at the end of every scenario, once its operator is gone.
    pub async fn end(&mut self) -> Result<(), Broken> {
        // It may have been stopped by the scenario.
        let metrics = self.world.metrics().await.unwrap_or_default();
        are_bounded(&metrics).map_err(|label| Broken(format!(" {label}")))?;
        self.world.kill_operator();
        let refused = refusals(&self.world.log().unwrap_or_default());
        if !refused.is_empty() {
            return Err(Broken(format!(" the operator was refused {refused:?}")));
        }
        self.no_secret_leaked(metrics).await.map_err(|leak| Broken(format!(" {leak}")))
    }

    /// The objects of a kind in a namespace.
    pub(crate) fn api(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let (group, version) = match kind {
            "Secret" | "Namespace" => ("", "v1"),
            "Event" => ("events.k8s.io", "v1"),
            _ => ("cloudaccess.dev", "v1alpha1"),
        };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match kind {
            "Namespace" | "ClusterCloudAccount" => Api::all_with(self.world.client.clone(), &resource),
            _ => Api::namespaced_with(self.world.client.clone(), namespace, &resource),
        }
    }

    /// The objects of a kind beside one, and the name of that one, which the scenario writes `NAME` or `OTHER/NAME`.
    pub(crate) fn find(&self, kind: &str, written: &str) -> Result<(Api<DynamicObject>, String), String> {
        if kind == "ClusterCloudAccount" {
            return Ok((self.api(kind, ""), self.world.cluster_name(written)));
        }
        let (namespace, name) = self.world.place(written)?;
        Ok((self.api(kind, &namespace), name.to_owned()))
    }

    /// What every scenario starts with: its namespaces, each with what leads to the simulator.
    async fn prepare(&mut self) {
        for namespace in self.world.namespaces().into_iter().chain([self.world.own_namespace()]) {
            self.apply(&json!({"kind": "Namespace", "metadata": {"name": namespace}})).await.unwrap();
        }
        self.let_lead().await;
        self.prepare_secrets("operator/").await.unwrap();
        self.prepare_accounts("").await.unwrap();
        for other in self.world.others.clone() {
            self.prepare_accounts(&format!("{other}/")).await.unwrap();
        }
    }

    /// What the operator may do in its own namespace, which is another one in each scenario.
    async fn let_lead(&self) {
        if self.world.is_pure() {
            return;
        }
        for mut manifest in of_operator(&["Role", "RoleBinding"]) {
            let kind = manifest["kind"].as_str().unwrap().to_owned();
            manifest["metadata"]["namespace"] = json!(self.world.own_namespace());
            let gvk = GroupVersionKind::gvk("rbac.authorization.k8s.io", "v1", &kind);
            let resource = ApiResource::from_gvk(&gvk);
            let api: Api<DynamicObject> =
                Api::namespaced_with(self.world.client.clone(), &self.world.own_namespace(), &resource);
            let params = PatchParams::apply("scenario").force();
            api.patch("cloud-access-operator", &params, &Patch::Apply(&manifest)).await.unwrap();
        }
        may_lead(&self.world.client, &self.world.own_namespace()).await;
    }

    /// What a scenario leaves in a real API server.
    pub(crate) async fn clean_up(&self) {
        if self.world.is_pure() {
            return;
        }
        for account in &self.cluster_accounts {
            drop(forget(&self.api("ClusterCloudAccount", ""), account).await);
        }
        for (kind, namespace) in self.everywhere() {
            let objects = self.api(kind, &namespace);
            for object in objects.list(&ListParams::default()).await.unwrap() {
                drop(forget(&objects, &object.metadata.name.unwrap()).await);
            }
        }
    }

    /// Every kind of access objects in every namespace.
    pub(crate) fn everywhere(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let namespaces = self.world.namespaces();
        KINDS.into_iter().flat_map(move |kind| namespaces.clone().into_iter().map(move |namespace| (kind, namespace)))
    }

    pub(crate) async fn apply(&mut self, manifest: &Value) -> Result<(), String> {
        let mut manifest = manifest.clone();
        let kind = manifest["kind"].as_str().ok_or("no kind")?.to_owned();
        let mut name = manifest["metadata"]["name"].as_str().ok_or("no name")?.to_owned();
        if let Some(other) = manifest["metadata"]["namespace"].as_str() {
            name = format!("{other}/{name}");
        }
        let (namespace, name) = self.world.place(&name)?;
        let mut name = name.to_owned();
        match kind.as_str() {
            "Namespace" => {}
            "ClusterCloudAccount" => {
                name = self.world.cluster_name(&name);
                manifest["metadata"]["name"] = json!(name);
                self.cluster_accounts.push(name.clone());
            }
            _ => manifest["metadata"]["namespace"] = json!(namespace),
        }
        if manifest["apiVersion"].is_null() {
            let core = matches!(kind.as_str(), "Secret" | "Namespace");
            manifest["apiVersion"] = json!(if core { "v1" } else { "cloudaccess.dev/v1alpha1" });
        }
        if KINDS.contains(&kind.as_str()) && manifest["spec"]["accountRef"].is_null() {
            let account = if kind == "HpcUser" { "alibaba" } else { "huawei" };
            manifest["spec"]["accountRef"] = json!({"kind": "CloudAccount", "name": account});
        }
        if manifest["spec"]["accountRef"]["kind"] == "ClusterCloudAccount" {
            let account = &mut manifest["spec"]["accountRef"]["name"];
            *account = json!(self.world.cluster_name(account.as_str().unwrap_or_default()));
        }
        if kind == "Secret" {
            self.take_secret(&mut manifest);
        }
        let params = PatchParams::apply("scenario").force();
        let applied = self.api(&kind, &namespace).patch(&name, &params, &Patch::Apply(&manifest)).await;
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

    pub(crate) async fn step(&mut self, step: &Step) -> Result<(), String> {
        let yaml = || serde_saphyr::from_str::<Value>(&step.text()).map_err(|error| error.to_string());
        match step.words().as_slice() {
            ["cloud", what @ ..] => self.cloud(what, &step.rest),
            ["apply", "account" | "cluster", ..] | ["release", "revocations", ..] | ["label" | "rotate", ..] => {
                self.account_step(step).await
            }
            ["apply"] => self.apply(&yaml()?).await,
            ["patch", kind, name] => {
                let mut patch = yaml()?;
                if *kind == "Secret" {
                    self.take_secret(&mut patch);
                }
                let (objects, name) = self.find(kind, name)?;
                let patched = objects.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await;
                patched.map(drop).map_err(|error| error.to_string())
            }
            ["status", kind, name] => {
                let (patch, (objects, name)) = (json!({"status": yaml()?}), self.find(kind, name)?);
                let patched = objects.patch_status(&name, &PatchParams::default(), &Patch::Merge(&patch)).await;
                patched.map(drop).map_err(|error| error.to_string())
            }
            ["delete", "namespace"] => self.delete_namespace().await,
            ["delete", kind, name] => {
                let (objects, name) = self.find(kind, name)?;
                let deleted = objects.delete(&name, &DeleteParams::default()).await;
                deleted.map(drop).map_err(|error| error.to_string())
            }
            ["forget", kind, name] => {
                let (objects, name) = self.find(kind, name)?;
                forget(&objects, &name).await.map_err(|error| error.to_string())
            }
            ["wait", time] => {
                assert!(self.world.is_pure(), "only the pure world can wait: say `only pure`");
                tokio::time::sleep(parse_duration(time).ok_or("not a duration")?).await;
                Ok(())
            }
            ["clock", by] => self.world.set_clock(by),
            ["relabel", kind, name] => {
                self.keep_patching(kind, name, |count| json!({"labels": {"count": count.to_string()}}))
            }
            ["ask", "for", "looks", "at", kind, name] => self.keep_patching(
                kind,
                name,
                |count| json!({"annotations": {"cloudaccess.dev/requestedAt": count.to_string()}}),
            ),
            [what, "operator"] => self.operator_step(what).await,
            ["somebody", "comes", "new"] => self.somebody_comes_new().await,
            ["expect", ..] => self.expect(step).await,
            ["hold" | "release" | "objects" | "patches" | "with" | "without", ..] => self.store_step(step),
            _ => Err("no such step".to_owned()),
        }
    }

    async fn operator_step(&mut self, what: &str) -> Result<(), String> {
        match what {
            "kill" => self.world.kill_operator(),
            "stop" => self.world.stop_operator().await?,
            "start" => self.world.start_operator(),
            _ => return Err("no such step".to_owned()),
        }
        Ok(())
    }

    async fn delete_namespace(&self) -> Result<(), String> {
        if self.world.is_pure() {
            self.world.store()?.delete_namespace(&self.world.namespace);
            return Ok(());
        }
        let deleted = self.api("Namespace", "").delete(&self.world.namespace, &DeleteParams::default()).await;
        deleted.map(drop).map_err(|error| error.to_string())
    }

    /// What happens to the API server of the pure world.
    fn store_step(&self, step: &Step) -> Result<(), String> {
        let store = self.world.store()?;
        let key = |name: &&str| self.world.place(name).map(|(namespace, name)| format!("{namespace}/{name}"));
        let keys = |names: &[&str]| names.iter().map(key).collect::<Result<Vec<_>, _>>();
        match step.words().as_slice() {
            ["hold", "watches"] => store.hold_watches(true),
            ["release", "watches"] => store.hold_watches(false),
            ["objects", "cannot", "be", "read", names @ ..] => store.set_unreadable(keys(names)?),
            ["objects", "can", "be", "read"] => store.set_unreadable(Vec::new()),
            ["objects", "refuse", "patches", names @ ..] => store.set_refusing(keys(names)?),
            ["patches", "take", time] => store.set_patch_time(parse_duration(time).ok_or("no duration")?),
            ["with", "crds"] => store.set_crds(true),
            ["without", "crds"] => store.set_crds(false),
            ["with", "lists"] => store.set_unlistable(Vec::new()),
            ["without", "lists", "of", resources @ ..] => {
                store.set_unlistable(resources.iter().map(|resource| (*resource).to_owned()).collect());
            }
            _ => return Err("no such step".to_owned()),
        }
        Ok(())
    }

    /// From here on somebody changes the object's metadata, ten times a second, for as long as the world stands.
    fn keep_patching(&mut self, kind: &str, name: &str, metadata: fn(u64) -> Value) -> Result<(), String> {
        let (objects, name) = self.find(kind, name)?;
        let patch = async move {
            for count in 0_u64.. {
                let patch = json!({"metadata": metadata(count)});
                drop(objects.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        self.patching.push(tokio::spawn(patch).abort_handle());
        Ok(())
    }
}

/// The object vanishes, whatever its finalizers hold it for.
pub(crate) async fn forget(objects: &Api<DynamicObject>, name: &str) -> kube::Result<()> {
    let free = json!({"metadata": {"finalizers": null}});
    objects.patch(name, &PatchParams::default(), &Patch::Merge(&free)).await?;
    objects.delete(name, &DeleteParams::default()).await.map(drop)
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
