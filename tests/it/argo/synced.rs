//! The samples, applied as Argo CD and kubectl do: once the operator has settled they are as they were written, so that
//! applying them again changes nothing, and nobody sees a difference.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cloud_access_operator::api::REQUESTED_AT;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::actions::act;
use super::health;
use crate::docs::files_below;
use crate::environment::environment;
use crate::kubectl::{kubectl, kubectl_prints};
use crate::manifests::{documents, root};
use crate::runner::{KINDS, Runner};
use crate::world::World;

/// How manifests are applied, to kubectl.
type Way = &'static [&'static str];

/// With `ServerSideApply=true`, this is how Argo CD does it.
const SERVER_SIDE: Way = &["--server-side", "--force-conflicts", "--field-manager=argocd-controller"];
const CLIENT_SIDE: Way = &["--server-side=false"];

/// How long the operator may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Longer than the operator gathers what it tells of accounts.
const QUIET: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samples_applied_by_the_server_stay_as_written() {
    samples_stay_as_written("samples-server-side", SERVER_SIDE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samples_applied_by_the_client_stay_as_written() {
    samples_stay_as_written("samples-client-side", CLIENT_SIDE).await;
}

async fn samples_stay_as_written(name: &str, way: Way) {
    let environment = environment().await;
    let stage = Stage::prepare(name, way, &environment).await;
    stage.apply();
    let settled = stage.settle().await;
    stage.assert_as_written(&settled);
    stage.assert_applying_changes_nothing(&settled).await;

    // What an action has set is nothing that the manifests say, and stays.
    stage.act_on_all("suspend").await;
    let suspended = stage.settle().await;
    assert!(claims(&suspended).all(|claim| reason(claim) == "Suspended"), "{suspended:?}");
    stage.assert_applying_changes_nothing(&suspended).await;
    stage.act_on_all("resume").await;
    stage.act_on_all("reconcile").await;
    let resumed = stage.settle().await;
    for claim in claims(&resumed) {
        let asked = &claim["metadata"]["annotations"][REQUESTED_AT];
        assert!(asked.is_string() && claim["status"]["lastHandledReconcileAt"] == *asked, "{claim}");
        assert_eq!(reason(claim), "Granted", "{claim}");
    }
    stage.assert_applying_changes_nothing(&resumed).await;
    stage.leave().await;
}

/// Those that are about access.
fn claims(objects: &[Value]) -> impl Iterator<Item = &Value> {
    objects.iter().filter(|object| KINDS.iter().any(|kind| object["kind"] == *kind))
}

/// Why an object is Ready, or is not.
fn reason(object: &Value) -> &str {
    object["status"]["conditions"][0]["reason"].as_str().unwrap()
}

/// An operator, clouds with what the samples are about, and the samples in a folder.
struct Stage {
    runner: Runner,
    environment: PathBuf,
    samples: Vec<Value>,
    folder: String,
    way: Way,
}

impl Stage {
    async fn prepare(name: &str, way: Way, environment: &Path) -> Self {
        let runner = Runner::begin(World::real(name, &[], environment).await).await;
        // The samples have their own.
        let namespace = &runner.world.namespace;
        kubectl_prints(environment, &["delete", "cloudaccounts,secrets", "--all", "--namespace", namespace]);
        let files = files_below(&root().join("deploy/samples"), "yaml");
        let mut samples: Vec<_> = files.iter().flat_map(|file| documents(file)).collect();
        let folder = environment.join(name);
        fs::create_dir_all(&folder).unwrap();
        for (number, sample) in samples.iter_mut().enumerate() {
            place(&runner.world, sample);
            make_target(&runner, sample);
            fs::write(folder.join(format!("{number}.yaml")), serde_saphyr::to_string(sample).unwrap()).unwrap();
        }
        let folder = folder.to_str().unwrap().to_owned();
        Self { runner, environment: environment.to_owned(), samples, folder, way }
    }

    fn apply(&self) {
        kubectl_prints(&self.environment, &[&["apply", "--filename", &self.folder], self.way].concat());
    }

    /// Neither would it, as `kubectl diff` tells, nor does it.
    async fn assert_applying_changes_nothing(&self, settled: &[Value]) {
        let output = kubectl(&self.environment, &[&["diff", "--filename", &self.folder], self.way].concat());
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && said.is_empty(), "{said}");
        self.apply();
        sleep(QUIET).await;
        assert_eq!(versions(&self.live().await), versions(settled), "they were applied again");
    }

    /// The samples as they are in the API server, without the entries of who wrote what: the status, the operator alone, by name.
    async fn live(&self) -> Vec<Value> {
        let mut live = Vec::new();
        for sample in &self.samples {
            let text = |field: &str| sample["metadata"][field].as_str().unwrap_or_default();
            let kind = sample["kind"].as_str().unwrap();
            let mut object = self.runner.api(kind, text("namespace")).get(text("name")).await.unwrap();
            let entries = object.metadata.managed_fields.take().unwrap_or_default();
            let mut of_status = entries.iter().filter(|entry| entry.subresource.as_deref() == Some("status"));
            assert!(of_status.all(|entry| entry.manager.as_deref() == Some("cloud-access-operator")), "{entries:?}");
            live.push(serde_json::to_value(object).unwrap());
        }
        live
    }

    /// Waits until Argo CD shows all as Healthy, and nothing is written any more.
    async fn settle(&self) -> Vec<Value> {
        let until = Instant::now() + PATIENCE;
        let mut before = self.live().await;
        loop {
            sleep(QUIET).await;
            let live = self.live().await;
            let ours = live.iter().filter(|object| object["kind"] != "Secret");
            let other: Vec<_> = ours.map(health).filter(|(status, _)| status != "Healthy").collect();
            if other.is_empty() && versions(&live) == versions(&before) {
                return live;
            }
            assert!(Instant::now() < until, "not Healthy, or not quiet: {other:?}");
            before = live;
        }
    }

    /// The operator has added its finalizer and the status, and nothing else.
    fn assert_as_written(&self, live: &[Value]) {
        for (sample, live) in self.samples.iter().zip(live).filter(|(sample, _)| sample["kind"] != "Secret") {
            assert_eq!(live["spec"], sample["spec"]);
            assert_eq!(live["metadata"]["labels"], sample["metadata"]["labels"]);
            let annotations = live["metadata"]["annotations"].as_object().into_iter().flatten();
            let others = annotations.filter(|(name, _)| *name != "kubectl.kubernetes.io/last-applied-configuration");
            assert_eq!(others.count(), 0, "{live}");
        }
    }

    /// Does to every object of access what somebody does who clicks on an action in Argo CD.
    async fn act_on_all(&self, action: &str) {
        for object in claims(&self.live().await) {
            let text = |field: &str| object["metadata"][field].as_str().unwrap();
            let objects = self.runner.api(object["kind"].as_str().unwrap(), text("namespace"));
            let mut after = act(action, object);
            // What the operator writes meanwhile stands in nobody's way.
            after["metadata"].as_object_mut().unwrap().remove("resourceVersion");
            objects.patch(text("name"), &PatchParams::default(), &Patch::Merge(after)).await.unwrap();
        }
    }

    async fn leave(mut self) {
        // Every other operator sees it, too.
        for account in self.samples.iter().filter(|sample| sample["kind"] == "ClusterCloudAccount") {
            let name = account["metadata"]["name"].as_str().unwrap();
            kubectl_prints(&self.environment, &["delete", "clustercloudaccount", name]);
        }
        self.runner.end().await.unwrap_or_else(|broken| panic!("{}", broken.0));
        self.runner.clean_up().await;
    }
}

/// A sample in the namespaces of a world, with accounts that lead to its clouds.
fn place(world: &World, sample: &mut Value) {
    let namespace = match sample["metadata"]["namespace"].as_str() {
        Some("cloud-access-system") => world.own_namespace(),
        _ => world.namespace.clone(),
    };
    if sample["kind"] == "ClusterCloudAccount" {
        let name = world.cluster_name(sample["metadata"]["name"].as_str().unwrap());
        sample["metadata"]["name"] = json!(name);
    } else {
        sample["metadata"]["namespace"] = json!(namespace);
    }
    let endpoint = &world.endpoint;
    if let Some(huawei) = sample.pointer_mut("/spec/huawei") {
        huawei["endpoints"] = json!({"dli": endpoint, "dws": endpoint, "dataArts": endpoint, "iam": endpoint});
    }
    if let Some(alibaba) = sample.pointer_mut("/spec/alibaba") {
        alibaba["endpoint"] = json!(endpoint);
    }
}

/// Makes in the cloud what a sample is about; it may be there already.
fn make_target(runner: &Runner, sample: &Value) {
    let spec = |field: &str| sample["spec"][field].as_str().unwrap_or_default();
    let words = match sample["kind"].as_str().unwrap() {
        "QueueGrant" => vec!["queue", spec("queueName")],
        "PoolMembership" => vec!["cluster", spec("clusterId"), "with", spec("poolName")],
        "WorkspaceMember" => vec!["workspace", spec("workspaceId")],
        "HpcUser" => vec!["hpc", "cluster", spec("clusterId")],
        _ => return,
    };
    drop(runner.cloud(&words, ""));
    if let (Some(id), Some(name)) = (sample["spec"]["group"]["id"].as_str(), sample["spec"]["group"]["name"].as_str()) {
        runner.world.simulator.add_iam_group(id, name);
    }
}

/// How often each has been written, and its spec.
fn versions(objects: &[Value]) -> BTreeMap<String, (Value, Value)> {
    let version = |object: &Value| {
        let metadata = &object["metadata"];
        let name = format!("{} {}", object["kind"], metadata["name"]);
        (name, (metadata["resourceVersion"].clone(), metadata["generation"].clone()))
    };
    objects.iter().map(version).collect()
}
