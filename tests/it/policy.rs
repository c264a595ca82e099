//! `deploy/base/policy.yaml`: of an access object, the operator's own account writes the status and its own finalizer.

use std::path::Path;
use std::time::Duration;

use cloud_access_operator::api::{ACCOUNT_FINALIZER, FINALIZER, RELEASE};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::environment::{admin, client_as, client_of, environment};
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
        "Namespace" | "ClusterCloudAccount" => Api::all_with(client.clone(), &resource),
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

/// A client of somebody who may do to the objects of a kind what tenants may.
async fn tenant(kind: &str, environment: &Path) -> Client {
    let client = admin(environment).await;
    let name = format!("tenant-of-{}", kind.to_lowercase());
    let resources = [format!("{}s", kind.to_lowercase())];
    let role: Role = serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": NAMESPACE},
        "rules": [{
            "apiGroups": ["cloudaccess.dev"], "resources": resources,
            "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"]
        }]
    }))
    .unwrap();
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": NAMESPACE},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]
    }))
    .unwrap();
    let params = PostParams::default();
    Api::namespaced(client.clone(), NAMESPACE).create(&params, &role).await.unwrap();
    Api::namespaced(client, NAMESPACE).create(&params, &binding).await.unwrap();
    let tenant = client_as(&name, environment).await;
    let known = async {
        while objects(kind, &tenant).get("known").await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.unwrap();
    tenant
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

    // Nobody else takes the operator's finalizer off, who may write all but that.
    let own = json!({"metadata": {"finalizers": [OTHERS, FINALIZER]}});
    try_patch(&everything, &own, &params).await.unwrap();
    let by_tenant = objects(kind, &tenant(kind, environment).await);
    for left in [json!([OTHERS]), json!([]), Value::Null, json!([OTHERS, "example.org/new"])] {
        let said = try_patch(&by_tenant, &json!({"metadata": {"finalizers": left}}), &params).await.unwrap_err();
        assert!(said.contains("cannot release resource") && said.contains("holds the object"), "{said}");
    }
    let edit = json!({"metadata": {"finalizers": [FINALIZER, OTHERS]}, "spec": {"suspend": true}});
    try_patch(&by_tenant, &edit, &params.clone().dry_run()).await.unwrap();
    try_patch(&everything, &json!({"metadata": {"finalizers": [OTHERS]}}), &params).await.unwrap();

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

/// An account with what is worth rewriting: where its credentials go, and who may ask for what.
fn account(kind: &str) -> Value {
    let mut account = json!({
        "apiVersion": "cloudaccess.dev/v1alpha1", "kind": kind, "metadata": {"name": "known", "finalizers": [OTHERS]},
        "spec": {"huawei": {
            "region": "cn-north-4", "projectId": "0123456789abcdef0123456789abcdef",
            "credentials": {"secretRef": {"name": "huawei-credentials"}}
        }}
    });
    if kind == "ClusterCloudAccount" {
        account["spec"]["allowedNamespaces"] = json!({"matchLabels": {"cloud": "yes"}});
        account["spec"]["rules"] = json!([{"principals": ["dev-*"]}]);
    } else {
        account["metadata"]["namespace"] = json!(NAMESPACE);
    }
    account
}

#[tokio::test]
async fn the_operator_rewrites_no_account_on_a_real_api_server() {
    let environment = environment().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    let namespaces = objects("Namespace", &admin(&environment).await);
    let params = PatchParams::apply("policy").force();
    namespaces.patch(NAMESPACE, &params, &Patch::Apply(&namespace)).await.unwrap();
    for (kind, own) in [
        ("CloudAccount", ACCOUNT_FINALIZER.to_owned()),
        ("ClusterCloudAccount", format!("cloud-access-system.{ACCOUNT_FINALIZER}")),
    ] {
        let (everything, params) = (objects(kind, &admin(&environment).await), PatchParams::default());
        let by_operator = objects(kind, &client_of("operator", &environment).await);
        everything.patch("known", &PatchParams::apply("policy"), &Patch::Apply(&account(kind))).await.unwrap();
        let edit = json!({"spec": {"driftInterval": "7m"}});
        let refused = async {
            while try_patch(&by_operator, &edit, &params.clone().dry_run()).await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, refused).await.unwrap();
        for (patch, expected) in [
            (json!({"spec": {"huawei": {"credentials": {"secretRef": {"name": "other"}}}}}), "may not change a spec"),
            (json!({"spec": {"huawei": {"endpoints": {"dli": "https://a.example"}}}}), "may not change a spec"),
            (json!({"spec": {"revocationLimit": {"count": 0, "window": "1h"}}}), "may not change a spec"),
            (json!({"metadata": {"annotations": {RELEASE: "0"}}}), "may not change annotations"),
            (json!({"metadata": {"finalizers": []}}), "may only add and drop its own"),
        ] {
            let said = try_patch(&by_operator, &patch, &params).await.unwrap_err();
            assert!(said.contains(expected), "{kind} {patch}: {said}");
        }
        if kind == "ClusterCloudAccount" {
            for rules in [json!({"rules": [{}]}), json!({"allowedNamespaces": {"matchLabels": null}})] {
                let said = try_patch(&by_operator, &json!({"spec": rules}), &params).await.unwrap_err();
                assert!(said.contains("may not change a spec"), "{rules}: {said}");
            }
        }
        for finalizers in [json!([OTHERS, own]), json!([OTHERS])] {
            try_patch(&by_operator, &json!({"metadata": {"finalizers": finalizers}}), &params).await.unwrap();
        }
        try_patch(&everything, &json!({"metadata": {"finalizers": []}}), &params).await.unwrap();
        everything.delete("known", &DeleteParams::default()).await.unwrap();
    }
}
