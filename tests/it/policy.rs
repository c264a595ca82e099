//! `deploy/policy.yaml`: of an access object, the operator's own account writes the status and its own finalizer.

use std::path::Path;
use std::time::Duration;

use cloud_access_operator::api::FINALIZER;
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::environment::{admin, client_of, environment};
use crate::manifests::{documents, root};
use crate::runner::KINDS;

const NAMESPACE: &str = "policy";

/// A finalizer that is somebody else's.
const OTHERS: &str = "example.org/held";

/// How long the API server may take to know of the policy.
const PATIENCE: Duration = Duration::from_secs(30);

fn objects(kind: &str, client: &Client) -> Api<DynamicObject> {
    let (group, version) = if kind == "Namespace" { ("", "v1") } else { ("cloudaccess.dev", "v1alpha1") };
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    match kind {
        "Namespace" => Api::all_with(client.clone(), &resource),
        _ => Api::namespaced_with(client.clone(), NAMESPACE, &resource),
    }
}

/// The first object of a kind in the samples, with something of everything that others may have put there.
fn sample(kind: &str) -> Value {
    let samples = documents(&root().join(format!("deploy/samples/{}.yaml", kind.to_lowercase())));
    let mut sample = samples.into_iter().find(|sample| sample["kind"] == kind).unwrap();
    sample["metadata"] = json!({
        "name": "known", "namespace": NAMESPACE, "finalizers": [OTHERS], "labels": {"team": "data"},
        "annotations": {"example.org/why": "because"}, "ownerReferences": [owner("first")]
    });
    sample
}

fn owner(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": "00000000-0000-0000-0000-000000000001"})
}

/// What the operator may not change, and what is said then.
fn forbidden() -> Vec<(Value, &'static str)> {
    let metadata = |field: &str, value: Value| json!({"metadata": {field: value}});
    let finalizers = "of the finalizers, the operator may only add and drop its own, cloudaccess.dev/revoke";
    vec![
        (json!({"spec": {"suspend": true}}), "the operator may not change a spec"),
        (json!({"spec": {"validUntil": "2030-01-01T00:00:00Z"}}), "the operator may not change a spec"),
        (metadata("labels", json!({"team": "other"})), "the operator may not change labels"),
        (metadata("labels", Value::Null), "the operator may not change labels"),
        (metadata("annotations", json!({"example.org/new": "x"})), "the operator may not change annotations"),
        (metadata("annotations", Value::Null), "the operator may not change annotations"),
        (metadata("ownerReferences", json!([owner("second")])), "the operator may not change ownerReferences"),
        (metadata("ownerReferences", Value::Null), "the operator may not change ownerReferences"),
        (metadata("finalizers", json!([OTHERS, "example.org/new"])), finalizers),
        (metadata("finalizers", json!([FINALIZER])), finalizers),
        (metadata("finalizers", json!([OTHERS, "evilcloudaccess.dev/in-use"])), finalizers),
        (metadata("finalizers", Value::Null), finalizers),
        (
            json!({"metadata": {"finalizers": [OTHERS, FINALIZER]}, "spec": {"suspend": true}}),
            "the operator may not change a spec",
        ),
    ]
}

async fn try_patch(objects: &Api<DynamicObject>, patch: &Value, params: &PatchParams) -> Result<DynamicObject, String> {
    objects.patch("known", params, &Patch::Merge(patch)).await.map_err(|error| error.to_string())
}

/// Waits until the API server, which has just been told of the policy, goes by it.
async fn in_force(objects: &Api<DynamicObject>) {
    let (patch, dry) = (json!({"spec": {"suspend": true}}), PatchParams::default().dry_run());
    let refused = async {
        while try_patch(objects, &patch, &dry).await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
}

async fn check(kind: &str, environment: &Path) {
    let (everything, params) = (objects(kind, &admin(environment).await), PatchParams::default());
    let by_operator = objects(kind, &client_of("operator", environment).await);
    let new: DynamicObject = serde_json::from_value(sample(kind)).unwrap();
    let refused = by_operator.create(&PostParams::default(), &new).await.unwrap_err().to_string();
    assert!(refused.contains("cannot create resource"), "{refused}");
    let created = everything.create(&PostParams::default(), &new).await.unwrap();
    in_force(&by_operator).await;
    for (patch, expected) in forbidden() {
        let said = try_patch(&by_operator, &patch, &params).await.unwrap_err();
        assert!(said.contains(&format!("denied request: {expected}")), "{patch}: {said}");
        try_patch(&everything, &patch, &params.clone().dry_run()).await.unwrap();
    }
    let refused = by_operator.delete("known", &DeleteParams::default()).await.unwrap_err().to_string();
    assert!(refused.contains("cannot delete resource"), "{refused}");

    // What a status patch says of the rest goes nowhere.
    let status = json!({"status": {"observedGeneration": 1}, "spec": {"suspend": true}, "metadata": {"labels": null}});
    let reported = by_operator.patch_status("known", &params, &Patch::Merge(&status)).await.unwrap();
    assert_eq!(reported.data["status"]["observedGeneration"], 1);
    assert_eq!(reported.data["spec"], created.data["spec"]);
    assert_eq!(reported.metadata.labels, created.metadata.labels);

    // Its own finalizer comes, also as the first one, and goes, and with it the object.
    for finalizers in [json!([OTHERS, FINALIZER]), json!([OTHERS]), json!([FINALIZER, OTHERS])] {
        try_patch(&by_operator, &json!({"metadata": {"finalizers": finalizers}}), &params).await.unwrap();
    }
    try_patch(&everything, &json!({"metadata": {"finalizers": [FINALIZER]}}), &params).await.unwrap();
    everything.delete("known", &DeleteParams::default()).await.unwrap();
    try_patch(&by_operator, &json!({"metadata": {"finalizers": []}}), &params).await.unwrap();
    assert!(everything.get_opt("known").await.unwrap().is_none());
}

#[tokio::test]
async fn the_operator_may_write_no_more_than_status_and_its_finalizer_on_a_real_api_server() {
    let environment = environment().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    let namespaces = objects("Namespace", &admin(&environment).await);
    let params = PatchParams::apply("policy").force();
    namespaces.patch(NAMESPACE, &params, &Patch::Apply(&namespace)).await.unwrap();
    for kind in KINDS {
        check(kind, &environment).await;
    }
}
