//! On a real API server: what it admits, and, once its schemas are loosened, what the operator makes of the rest.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;

use cloud_access_operator::app::crds;
use futures::FutureExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use super::*;
use crate::environment::{admin, environment, environment_alone};
use crate::runner::forget;

/// How long the API server may take to know of a schema.
const PATIENCE: Duration = Duration::from_secs(30);

/// What keeps strings out of a schema.
const BOUNDS: [&str; 7] =
    ["pattern", "minLength", "maxLength", "enum", "format", "x-kubernetes-validations", "maxItems"];

/// What the API server was asked for by the operator, as its audit log has it.
fn asked_by_the_operator(environment: &Path) -> Vec<String> {
    let log = std::fs::read_to_string(environment.join("audit.log")).unwrap();
    let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let own = entries.filter(|entry| entry["user"]["username"] == OPERATOR);
    own.map(|entry| format!("{} {}", entry["verb"].as_str().unwrap(), entry["requestURI"].as_str().unwrap())).collect()
}

/// Tries every string at those places of the specs; says how many were refused, and how many admitted.
async fn try_all(name: &str, environment: &Path, is_tried: fn(&str) -> bool) -> (usize, usize) {
    let mut runner = begin(World::real(name, &[], environment).await).await;
    let other = runner.world.place(&format!("{OTHER}/x")).unwrap().0;
    let (mut refused, mut admitted) = (0, 0);
    for object in objects(&runner.world.endpoint) {
        // Without an attempt it is admitted.
        for right in with_string(&object, "/kind", object["kind"].as_str().unwrap(), admitted) {
            runner.apply(&right).await.unwrap();
        }
        admitted += 1;
        for pointer in strings(&object["spec"], "/spec").into_iter().filter(|pointer| is_tried(pointer)) {
            for text in attempts(&other, name_there(&pointer)) {
                let attempt = with_string(&object, &pointer, &text, admitted);
                if runner.apply(&attempt[0]).await.is_err() {
                    refused += 1;
                    continue;
                }
                admitted += 1;
                for needing in &attempt[1..] {
                    runner.apply(needing).await.unwrap();
                }
            }
        }
    }
    runner.until_all_are_looked_at().await;
    runner.no_claim_counts_elsewhere().await;
    let mut asked = asked_by_the_operator(environment);
    // ClusterCloudAccounts of others have their Secrets there, and the operator its Lease.
    let beside = format!("get /api/v1/namespaces/{}/secrets/", runner.world.own_namespace());
    let lease = format!(" /apis/coordination.k8s.io/v1/namespaces/{}/leases", runner.world.own_namespace());
    let is_own = |request: &str| {
        let (_, rest) = request.split_once(&lease).unwrap_or(("", "no"));
        matches!(rest.trim_end_matches('?'), "" | "/cloud-access-operator")
    };
    asked.retain(|request| !request.starts_with(&beside) && !is_own(request));
    let own = format!("/api/v1/namespaces/{}/secrets/", runner.world.namespace);
    assert!(asked.iter().any(|request| request.contains(&own)), "no Secret was read");
    assert_eq!(trespasses(&asked, &runner.world.namespace, &other), BTreeSet::new());
    assert!(runner.end().await.is_ok());
    runner.clean_up().await;
    let accounts = runner.api("CloudAccount", &runner.world.namespace);
    for account in accounts.list(&ListParams::default()).await.unwrap() {
        drop(forget(&accounts, &account.metadata.name.unwrap()).await);
    }
    (refused, admitted)
}

#[tokio::test]
async fn no_string_leads_to_another_namespace_on_a_real_api_server() {
    let (refused, admitted) = try_all("borders", &environment().await, |_| true).await;
    assert!(refused > admitted, "{refused} strings refused, {admitted} admitted");
}

/// Takes the bounds out of a schema and all below it.
fn loosen(schema: &mut Value) {
    for bound in BOUNDS {
        schema.as_object_mut().unwrap().remove(bound);
    }
    for property in schema["properties"].as_object_mut().into_iter().flat_map(|properties| properties.values_mut()) {
        loosen(property);
    }
    if schema["items"].is_object() {
        loosen(&mut schema["items"]);
    }
}

/// Gives the API server the schemas of our kinds, and waits until it goes by them.
async fn set_schemas(environment: &Path, loose: bool) {
    let client = admin(environment).await;
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    for crd in crds() {
        let name = crd.metadata.name.clone().unwrap();
        let mut versions = serde_json::to_value(&crd.spec.versions).unwrap();
        if loose {
            // The status too: it repeats what a spec names.
            loosen(&mut versions[0]["schema"]["openAPIV3Schema"]);
        }
        let patch = Patch::Merge(json!({"spec": {"versions": versions}}));
        definitions.patch(&name, &PatchParams::default(), &patch).await.unwrap();
    }
    let goes_by_them = async {
        for object in objects("https://example.org") {
            while is_admitted(&client, &object).await != loose {
                sleep(Duration::from_millis(100)).await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, goes_by_them).await.unwrap();
}

/// Whether an object of that kind may name what no object can be called.
async fn is_admitted(client: &kube::Client, object: &Value) -> bool {
    let kind = kube::core::GroupVersionKind::gvk("cloudaccess.dev", "v1alpha1", object["kind"].as_str().unwrap());
    let resource = kube::discovery::ApiResource::from_gvk(&kind);
    let objects = Api::<kube::api::DynamicObject>::namespaced_with(client.clone(), "default", &resource);
    let pointers = strings(&object["spec"], "/spec");
    let pointer = pointers.iter().find(|pointer| pointer.ends_with("Ref/name")).unwrap();
    let mut probe = with_string(object, pointer, "../x", 0).swap_remove(0);
    probe["apiVersion"] = json!("cloudaccess.dev/v1alpha1");
    let params = PatchParams::apply("borders").dry_run();
    objects.patch("attempt-0", &params, &Patch::Apply(&probe)).await.is_ok()
}

#[tokio::test]
async fn not_even_a_loose_schema_lets_a_string_lead_to_another_namespace_on_a_real_api_server() {
    let environment = environment_alone().await;
    set_schemas(&environment, true).await;
    let is_reference = |pointer: &str| pointer.contains("Ref/") && !pointer.ends_with("/kind");
    let tried = AssertUnwindSafe(try_all("borders-loose", &environment, is_reference)).catch_unwind().await;
    set_schemas(&environment, false).await;
    let (refused, admitted) = tried.unwrap_or_else(|panic| resume_unwind(panic));
    assert!(admitted > 10 * refused, "{refused} strings refused, {admitted} admitted");
}
