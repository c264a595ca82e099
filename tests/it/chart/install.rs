//! Releases on a real API server, on which nothing else is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::rendering::is_monitoring;
use super::{HELMS, NAMESPACE, RELEASE, chart, helm, identity, objects, of_values, read_yaml, told, value_sets};
use crate::environment::empty_environment;
use crate::kubectl::{kubectl, kubectl_prints};
use crate::manifests::{documents, root};

/// One test at a time: what is installed is seen by all.
static TURN: Mutex<()> = Mutex::new(());

/// Those whose Secrets, accounts and objects are somebody's.
const NAMESPACES: [&str; 4] = ["cloud-access-system", "team-data", "team-hpc", "restricted"];

/// How long the API server may take to know of a policy, or to empty a kind that goes: if the kind has just been changed, it is
/// still at that, and tries again a minute later.
const PATIENCE: Duration = Duration::from_mins(5);

const DEFINITION: &str = "crd/queuegrants.cloudaccess.dev";

/// The API server, while it is this test's turn.
pub struct Cluster {
    pub environment: PathBuf,
    /// For files.
    pub scratch: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Cluster {
    pub fn new(test: &str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        fs::create_dir_all(&scratch).unwrap();
        let cluster = Self { environment: empty_environment(), scratch, _turn: turn };
        for namespace in NAMESPACES {
            let enforced = json!({"pod-security.kubernetes.io/enforce": "restricted"});
            let labels = if namespace == "restricted" { enforced } else { json!({}) };
            let metadata = json!({"name": namespace, "labels": labels});
            cluster.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}), &[]);
        }
        cluster
    }

    pub fn kubectl(&self, arguments: &[&str]) -> String {
        kubectl_prints(&self.environment, arguments)
    }

    /// Which of these objects there are.
    pub fn which(&self, arguments: &[&str]) -> String {
        self.kubectl(&[&["get", "--ignore-not-found", "--output=name"], arguments].concat())
    }

    fn has(&self, arguments: &[&str]) -> bool {
        !self.which(arguments).is_empty()
    }

    fn get(&self, what: &str) -> Value {
        serde_json::from_str(&self.kubectl(&["get", what, "--output=json"])).unwrap()
    }

    /// As a file for kubectl.
    fn file(&self, objects: &Value) -> String {
        let path = self.scratch.join("objects.json");
        fs::write(&path, objects.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn apply(&self, objects: &Value, options: &[&str]) {
        let file = self.file(objects);
        self.kubectl(&[&["apply", "--server-side", "--force-conflicts", "--filename", &file], options].concat());
    }

    /// Waits until nothing is in the way any more.
    pub fn wait_for(&self, what: &str, in_the_way: impl Fn() -> String) {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = in_the_way();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < until, "waited in vain until {what}, on {}: {left}", self.environment.display());
            sleep(Duration::from_millis(200));
        }
    }

    /// As an administrator may, who does not wait for an operator.
    pub fn give_up_finalizers(&self, objects: &[&str], namespace: &str) {
        for object in objects {
            let patch = r#"{"metadata": {"finalizers": null}}"#;
            self.kubectl(&["patch", object, "--namespace", namespace, "--type=merge", "--patch", patch]);
        }
    }

    pub fn helm(&self, program: &str, arguments: &[&str]) -> String {
        let done = told(&helm(program, &self.environment.join("admin.kubeconfig"), arguments));
        done.unwrap_or_else(|told| panic!("{program} {arguments:?}: {told}"))
    }
}

#[test]
fn every_set_of_values_is_accepted_by_a_real_api_server() {
    let cluster = Cluster::new("dry-run");
    for values in value_sets() {
        let (monitoring, others): (Vec<_>, Vec<_>) = of_values(&values).into_iter().partition(is_monitoring);
        // Their definitions are not there: `rendering.rs` looks at them.
        let known = ["ServiceMonitor", "PrometheusRule"];
        assert!(monitoring.iter().all(|object| known.iter().any(|kind| object["kind"] == *kind)));
        assert!(!others.is_empty());
        let list = json!({"apiVersion": "v1", "kind": "List", "items": others});
        cluster.apply(&list, &["--dry-run=server", "--validate=strict"]);
    }
}

/// The pod that a Deployment would make.
fn pod(deployment: &Value) -> Value {
    let template = &deployment["spec"]["template"];
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "spec": template["spec"],
        "metadata": {"name": "operator", "namespace": "restricted", "labels": template["metadata"]["labels"]}
    });
    pod["spec"]["serviceAccountName"] = json!("default");
    pod
}

#[test]
fn every_pod_is_let_into_a_restricted_namespace_by_a_real_api_server() {
    let cluster = Cluster::new("restricted");
    let account = json!({"name": "default", "namespace": "restricted"});
    cluster.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}), &[]);
    let of_chart = value_sets().into_iter().flat_map(|values| of_values(&values));
    let overlay = root().join("deploy/overlays/high-availability");
    let of_deploy = objects(&cluster.kubectl(&["kustomize", overlay.to_str().unwrap()]));
    let deployments: Vec<_> = of_chart.chain(of_deploy).filter(|object| object["kind"] == "Deployment").collect();
    assert_eq!(deployments.len(), value_sets().len() + 1);
    for deployment in deployments {
        let file = cluster.file(&pod(&deployment));
        cluster.kubectl(&["create", "--dry-run=server", "--filename", &file]);
    }
    let mut loose = pod(&documents(&root().join("deploy/base/deployment.yaml"))[0]);
    loose["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    let file = cluster.file(&loose);
    let refused = kubectl(&cluster.environment, &["create", "--dry-run=server", "--filename", &file]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("violates PodSecurity \"restricted:latest\""), "{said}");
}

/// The chart as it may have been before: an older version, whose QueueGrants knew less.
fn previous_chart(cluster: &Cluster) -> PathBuf {
    let previous = cluster.scratch.join("previous");
    let _ = fs::remove_dir_all(&previous);
    assert!(Command::new("cp").arg("-R").arg(chart()).arg(&previous).status().unwrap().success());
    let mut about = read_yaml(&previous.join("Chart.yaml"));
    about["version"] = json!("0.0.1");
    fs::write(previous.join("Chart.yaml"), about.to_string()).unwrap();
    let path = previous.join("files/crds/queuegrants.yaml");
    let mut definition = read_yaml(&path);
    let version = &mut definition["spec"]["versions"][0];
    version["additionalPrinterColumns"].as_array_mut().unwrap().retain(|column| column["name"] != "Until");
    let fields = version.pointer_mut("/schema/openAPIV3Schema/properties/spec/properties").unwrap();
    assert!(fields.as_object_mut().unwrap().remove("suspend").is_some());
    fs::write(path, definition.to_string()).unwrap();
    previous
}

/// What the API server has of the definition of QueueGrants: whether it knows the field and the column that are new.
fn knows_what_is_new(cluster: &Cluster) -> (bool, bool) {
    let version = cluster.get(DEFINITION)["spec"]["versions"][0].take();
    let field = version.pointer("/schema/openAPIV3Schema/properties/spec/properties/suspend").is_some();
    let columns = version["additionalPrinterColumns"].as_array().unwrap();
    (field, columns.iter().any(|column| column["name"] == "Until"))
}

/// The operator's account of the release may not change what is asked for.
fn assert_the_policy_holds(cluster: &Cluster) {
    let operator = "system:serviceaccount:platform:access-cloud-access-operator";
    let patch = r#"{"metadata": {"labels": {"team": "other"}}}"#;
    let arguments = ["patch", "queuegrant", "alice-etl", "--namespace=team-data", "--type=merge", "--dry-run=server"];
    let arguments = [&arguments[..], &["--patch", patch, "--as", operator]].concat();
    cluster.wait_for("a policy forbids it", || {
        let told = told(&kubectl(&cluster.environment, &arguments));
        let is_forbidden = told.as_ref().is_err_and(|told| told.contains("the operator may not change labels"));
        if is_forbidden { String::new() } else { format!("{told:?}") }
    });
}

/// Install, another release beside it, upgrade, uninstall, install again, and everything goes.
fn live(cluster: &Cluster, program: &str) {
    let (previous, current) = (previous_chart(cluster), chart());
    let (previous, current) = (previous.to_str().unwrap(), current.to_str().unwrap());
    let platform = ["--namespace", "platform"];
    let helm = |arguments: &[&str]| cluster.helm(program, &[arguments, &platform].concat());
    let notes = helm(&["install", "access", previous, "--create-namespace"]);
    assert!(notes.contains("rollout status deployment/access-cloud-access-operator"), "{notes}");
    assert_eq!(knows_what_is_new(cluster), (false, false), "{program}");
    cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
    let sample = root().join("deploy/samples/queuegrant.yaml");
    cluster.kubectl(&["apply", "--namespace=team-data", "--filename", sample.to_str().unwrap()]);

    let beside = "crds.enabled=false,policies.finalizers=false,watchNamespaces={team-hpc}";
    let other = ["--namespace", "other"];
    let install = ["install", "access", current, "--create-namespace", "--set", beside];
    cluster.helm(program, &[&install[..], &other].concat());
    cluster.helm(program, &[&["uninstall", "access"], &other[..]].concat());

    helm(&["upgrade", "access", current]);
    assert_eq!(knows_what_is_new(cluster), (true, true), "{program}: an upgrade changes the definitions");
    assert!(cluster.has(&["queuegrant/alice-etl", "--namespace=team-data"]), "{program}: the object is still there");
    assert_the_policy_holds(cluster);

    let installed = super::rendered(program, "access", "platform", &[]);
    helm(&["uninstall", "access"]);
    for object in installed {
        let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        let is_there = cluster.has(&[&format!("{kind}/{name}"), "--namespace=platform"]);
        assert_eq!(is_there, kind == "CustomResourceDefinition", "{program} uninstall: {}", identity(&object));
    }
    assert!(cluster.has(&["queuegrant/alice-etl", "--namespace=team-data"]), "{program} uninstall took the object");

    helm(&["install", "access", current, "--set", "crds.keep=false"]);
    assert!(cluster.has(&["queuegrant/alice-etl", "--namespace=team-data"]), "{program}: installed again");
    helm(&["uninstall", "access"]);
    cluster.wait_for("the definitions are gone, which were not to be kept", || cluster.which(&["crd"]));
}

#[test]
fn a_release_is_installed_upgraded_and_uninstalled_and_leaves_objects_on_a_real_api_server() {
    let cluster = Cluster::new("releases");
    for program in HELMS {
        live(&cluster, program);
    }
}

#[test]
fn a_release_takes_over_what_kubectl_applied_on_a_real_api_server() {
    let cluster = Cluster::new("take-over");
    let (chart, deploy) = (chart(), root().join("deploy"));
    for program in HELMS {
        cluster.kubectl(&["apply", "--server-side", "--kustomize", deploy.to_str().unwrap()]);
        cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
        let install = ["install", RELEASE, chart.to_str().unwrap(), "--take-ownership", "--set", "crds.keep=false"];
        cluster.helm(program, &[&install[..], &["--namespace", NAMESPACE]].concat());
        cluster.helm(program, &["uninstall", RELEASE, "--namespace", NAMESPACE]);
        cluster.wait_for("all of it is gone", || {
            cluster.which(&["crd"]) + &cluster.which(&["deployment,service,role", "--namespace", NAMESPACE])
        });
    }
}
