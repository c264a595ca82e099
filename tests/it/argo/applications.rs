//! The examples of Applications and of what they hold; and the ConfigMap, installed as the docs say.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{GROUP, of_kind, read};
use crate::environment::environment;
use crate::kubectl::kubectl_prints;
use crate::manifests::{documents, root};
use crate::runner::KINDS;

fn example(name: &str) -> PathBuf {
    root().join("deploy/argocd").join(name)
}

/// When Argo CD applies an object, before those of later waves.
fn wave(object: &Value) -> i32 {
    let wave = &object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"];
    wave.as_str().map_or(0, |wave| wave.parse().unwrap())
}

#[test]
fn the_operator_comes_before_access_and_nothing_goes_unasked() {
    let applications = documents(&example("application.yaml"));
    assert_eq!(applications.len(), 2);
    assert!(wave(&applications[0]) < wave(&applications[1]));
    let operator = &applications[0]["spec"];
    let kustomization = root().join(operator["source"]["path"].as_str().unwrap()).join("kustomization.yaml");
    assert!(kustomization.is_file(), "{}", kustomization.display());
    assert_eq!(operator["destination"]["namespace"], "cloud-access-system");
    for application in &applications {
        assert_eq!(
            (&application["apiVersion"], &application["kind"]),
            (&json!("argoproj.io/v1alpha1"), &json!("Application"))
        );
        let options: Vec<_> = application["spec"]["syncPolicy"]["syncOptions"].as_array().unwrap().iter().collect();
        for option in ["ServerSideApply=true", "Prune=confirm", "Delete=confirm"] {
            assert!(options.contains(&&json!(option)), "{option}: {application}");
        }
        assert!(application["spec"]["ignoreDifferences"].is_null(), "there are none");
    }
}

#[test]
fn accounts_come_after_secrets_and_access_after_accounts() {
    let objects = documents(&example("access.yaml"));
    let waves: BTreeMap<_, _> = objects.iter().map(|object| (object["kind"].as_str().unwrap(), wave(object))).collect();
    assert!(waves.iter().any(|(kind, _)| KINDS.contains(kind)));
    for (kind, own) in &waves {
        let before = if KINDS.contains(kind) { waves["CloudAccount"] } else { 0 };
        assert!(*own > before, "{kind}");
    }
    for object in objects {
        let options = &object["metadata"]["annotations"]["argocd.argoproj.io/sync-options"];
        assert_eq!(options, "Prune=confirm,Delete=confirm", "{object}");
    }
}

#[tokio::test]
async fn the_examples_and_the_config_map_are_accepted_by_a_real_api_server() {
    let environment = environment().await;
    let run = |arguments: &str| kubectl_prints(&environment, &arguments.split(' ').collect::<Vec<_>>());
    let file = |name: &str| example(name).display().to_string();
    run("create namespace argocd");
    run("create configmap argocd-cm --namespace argocd --from-literal=timeout.reconciliation=60s");
    run(&format!("patch configmap argocd-cm --namespace argocd --patch-file {}", file("argocd-cm.yaml")));
    let config_map: Value =
        serde_json::from_str(&run("get configmap argocd-cm --namespace argocd --output json")).unwrap();
    assert_eq!(config_map["data"]["timeout.reconciliation"], "60s", "what others have set stays");
    let key = format!("resource.customizations.health.{GROUP}_QueueGrant");
    assert_eq!(config_map["data"][key], read(&of_kind("QueueGrant").join("health.lua")));
    run("create namespace argocd-team-data");
    let access = documents(&example("access.yaml")).into_iter().map(|mut object| {
        object["metadata"]["namespace"] = json!("argocd-team-data");
        object
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": access.collect::<Vec<_>>()});
    let path = environment.join("argocd-access.json");
    std::fs::write(&path, list.to_string()).unwrap();
    run(&format!("apply --server-side --dry-run=server --filename {}", path.display()));
}
