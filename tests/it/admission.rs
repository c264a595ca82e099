//! A wrong manifest is refused by the API server with a sentence that says what is allowed.

use std::path::Path;

use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use serde_json::{Value, json};

use crate::world::{admin, environment};

const NAMESPACE: &str = "admission";

async fn api(kind: &str, environment: &Path) -> Api<DynamicObject> {
    let (group, version) = if kind == "Namespace" { ("", "v1") } else { ("cloudaccess.dev", "v1alpha1") };
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let client = admin(environment).await;
    if kind == "Namespace" {
        Api::all_with(client, &resource)
    } else {
        Api::namespaced_with(client, NAMESPACE, &resource)
    }
}

fn grant() -> Value {
    json!({
        "apiVersion": "cloudaccess.dev/v1alpha1", "kind": "QueueGrant", "metadata": {"name": "grant"},
        "spec": {
            "accountRef": {"kind": "CloudAccount", "name": "huawei"},
            "queueName": "etl", "userName": "alice", "privileges": ["SUBMIT_JOB"]
        }
    })
}

fn account() -> Value {
    json!({
        "apiVersion": "cloudaccess.dev/v1alpha1", "kind": "CloudAccount", "metadata": {"name": "account"},
        "spec": {"huawei": {
            "region": "cn-north-4", "projectId": "0123456789abcdef0123456789abcdef",
            "credentials": {"secretRef": {"name": "huawei-credentials"}}
        }}
    })
}

async fn apply(objects: &Api<DynamicObject>, object: &Value) -> Result<DynamicObject, String> {
    let name = object["metadata"]["name"].as_str().unwrap();
    let params = PatchParams::apply("admission").force();
    objects.patch(name, &params, &Patch::Apply(object)).await.map_err(|error| error.to_string())
}

/// Applies the object with one field changed, and expects these words of the API server.
async fn refused(objects: &Api<DynamicObject>, mut object: Value, field: &str, value: Value, expected: &[&str]) {
    *object.pointer_mut(field).unwrap_or_else(|| panic!("no {field}")) = value.clone();
    let said = apply(objects, &object).await.err().unwrap_or_else(|| panic!("{field} = {value} was accepted"));
    for words in expected {
        assert!(said.contains(words), "{field} = {value}: {said}");
    }
}

#[tokio::test]
async fn a_wrong_manifest_is_refused_with_a_sentence_on_a_real_api_server() {
    let environment = environment();
    let namespaces = api("Namespace", &environment).await;
    apply(&namespaces, &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}))
        .await
        .unwrap();
    let (grants, accounts) = (api("QueueGrant", &environment).await, api("CloudAccount", &environment).await);
    let new = apply(&grants, &grant()).await.unwrap();
    assert_eq!(new.data["status"]["observedGeneration"], -1, "it was not looked at yet");
    apply(&accounts, &account()).await.unwrap();

    let cannot_change = |field: &str| format!("{field} cannot be changed");
    for (field, value, expected) in [
        ("/spec/privileges", json!(["FLY"]), vec!["Unsupported value", "SUBMIT_JOB", "SCALE_QUEUE"]),
        ("/spec/privileges", json!(["SUBMIT_JOB", "SUBMIT_JOB"]), vec!["duplicate"]),
        ("/spec/privileges", json!([]), vec!["Required value"]),
        ("/spec/queueName", json!("other"), vec![&cannot_change("queueName")]),
        ("/spec/userName", json!("bob"), vec![&cannot_change("userName")]),
        ("/spec/accountRef/name", json!("other"), vec![&cannot_change("accountRef")]),
        ("/spec/accountRef/kind", json!("Secret"), vec!["supported values", "CloudAccount"]),
    ] {
        refused(&grants, grant(), field, value, &expected).await;
    }
    let mut fresh = grant();
    fresh["metadata"]["name"] = json!("fresh");
    for (field, value, expected) in [
        ("/spec/queueName", json!("12345"), "must not start with an underscore nor consist of digits only"),
        ("/spec/queueName", json!("_etl"), "must not start with an underscore nor consist of digits only"),
        ("/spec/queueName", json!("a/../b"), "should match '^[A-Za-z0-9_]+$'"),
        ("/spec/userName", json!("alice/../bob"), "should match"),
        ("/spec/userName", json!(""), "at least 1 chars"),
        ("/spec/accountRef/name", json!("../other"), "should match"),
    ] {
        refused(&grants, fresh.clone(), field, value, &[expected]).await;
    }
    for (field, value, expected) in [
        ("/spec", json!({"requestsPerSecond": 5}), "exactly one vendor must be given"),
        ("/spec/huawei/region", json!("eu-west-101"), "region cannot be changed"),
        ("/spec/huawei/projectId", json!("ffffffffffffffffffffffffffffffff"), "projectId cannot be changed"),
        ("/spec/huawei/projectId", json!("My-project-is-thirty-two-letters"), "should match '^[0-9a-f]{32}$'"),
    ] {
        refused(&accounts, account(), field, value, &[expected]).await;
    }
    for name in ["grant", "account"] {
        let objects = if name == "grant" { &grants } else { &accounts };
        objects.delete(name, &DeleteParams::default()).await.unwrap();
    }
}
