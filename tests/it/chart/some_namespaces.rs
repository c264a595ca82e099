//! An operator that is installed for one namespace, with the rights that it has then.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::install::Cluster;
use super::{chart, read_yaml};
use crate::launch::{Launch, Process};
use crate::privileges::refusals;

const OWN_NAMESPACE: &str = "one-team";

/// A CloudAccount whose Secret is not there, so that no cloud is asked, and an object that needs it.
fn objects(namespace: &str) -> Value {
    let account = json!({
        "apiVersion": "cloudaccess.dev/v1alpha1", "kind": "CloudAccount",
        "metadata": {"name": "huawei", "namespace": namespace},
        "spec": {"huawei": {
            "region": "cn-north-4", "projectId": "0123456789abcdef0123456789abcdef",
            "credentials": {"secretRef": {"name": "missing"}}
        }}
    });
    let grant = json!({
        "apiVersion": "cloudaccess.dev/v1alpha1", "kind": "QueueGrant",
        "metadata": {"name": "one-team", "namespace": namespace},
        "spec": {
            "accountRef": {"kind": "CloudAccount", "name": "huawei"},
            "queueName": "etl", "userName": "alice", "privileges": ["SUBMIT_JOB"]
        }
    });
    json!({"apiVersion": "v1", "kind": "List", "items": [account, grant]})
}

/// The operator, which does not outlive its test.
struct Operator(Process);

impl Drop for Operator {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// Starts the operator as who it is in the release. Returns where its log is, too.
fn start(cluster: &Cluster) -> (Operator, PathBuf) {
    let account = "access-cloud-access-operator";
    let token = cluster.kubectl(&["create", "token", account, "--namespace", OWN_NAMESPACE]);
    let mut content = read_yaml(&cluster.environment.join("admin.kubeconfig"));
    content["users"][0]["user"] = json!({"token": token.trim()});
    let (kubeconfig, log) = (cluster.scratch.join("operator.kubeconfig"), cluster.scratch.join("operator.log"));
    fs::write(&kubeconfig, content.to_string()).unwrap();
    let _ = fs::remove_file(&log);
    let arguments = ["--watch-namespace=team-data", "--namespace", OWN_NAMESPACE, "--lease-name", account];
    let arguments = arguments.into_iter().chain(["--metrics-address=127.0.0.1:0"]).map(str::to_owned).collect();
    let process = Process::default();
    process.start(Launch { kubeconfig, log: log.clone(), arguments, environment: Vec::new() });
    (Operator(process), log)
}

#[test]
fn its_rights_are_enough_there_and_it_does_not_act_elsewhere_on_a_real_api_server() {
    let cluster = Cluster::new("some-namespaces");
    let (chart, own) = (chart(), ["--namespace", OWN_NAMESPACE]);
    let values = ["--create-namespace", "--set", "watchNamespaces={team-data},crds.keep=false"];
    cluster.helm("helm4", &[&["install", "access", chart.to_str().unwrap()], &own[..], &values].concat());
    cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
    for namespace in ["team-data", "team-hpc"] {
        cluster.apply(&objects(namespace), &[]);
    }
    let (operator, log) = start(&cluster);
    let reason = |kind: &str, namespace: &str| {
        let path = "--output=jsonpath={.status.conditions[?(@.type==\"Ready\")].reason}";
        cluster.kubectl(&["get", kind, "--namespace", namespace, path])
    };
    cluster.wait_for("the object of the namespace is served", || {
        let reason = reason("queuegrant/one-team", "team-data");
        if reason == "SecretNotFound" { String::new() } else { format!("it is {reason:?}") }
    });
    cluster.wait_for("its account is served", || {
        let reason = reason("cloudaccount/huawei", "team-data");
        if reason == "SecretNotFound" { String::new() } else { format!("it is {reason:?}") }
    });
    drop(operator);
    let refused = refusals(&fs::read_to_string(log).unwrap());
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(reason("queuegrant/one-team", "team-hpc"), "", "an object of another namespace was served");
    assert_eq!(reason("cloudaccount/huawei", "team-hpc"), "", "an account of another namespace was served");
    let elsewhere = ["auth", "can-i", "get", "secrets", "--namespace=team-hpc"];
    let operator = format!("--as=system:serviceaccount:{OWN_NAMESPACE}:access-cloud-access-operator");
    let may = crate::kubectl::kubectl(&cluster.environment, &[&elsewhere[..], &[&operator]].concat());
    assert_eq!(String::from_utf8_lossy(&may.stdout).trim(), "no");
    cluster.give_up_finalizers(&["queuegrant/one-team", "cloudaccount/huawei"], "team-data");
    cluster.helm("helm4", &[&["uninstall", "access"], &own[..]].concat());
    cluster.wait_for("all of it is gone", || cluster.which(&["crd"]));
}
