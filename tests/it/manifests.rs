//! What ships: CRDs are not stale and keep the rules of the API, permissions are the least.

use std::fs;
use std::path::Path;

use cloud_access_operator::api::{ACCOUNT_FINALIZER, FINALIZER};
use cloud_access_operator::app::crds;
use serde_json::{Value, json};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let documents = text.split("\n---\n").filter(|document| !document.trim().is_empty());
    documents.map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

#[test]
fn the_crds_are_what_the_code_says() {
    for crd in crds() {
        let path = root().join("crds").join(format!("{}.yaml", crd.spec.names.plural));
        let shipped = fs::read_to_string(&path).unwrap_or_default();
        let generated = serde_saphyr::to_string(&crd).unwrap();
        assert!(shipped == generated, "{} is stale: run `cargo xtask generate`", path.display());
    }
}

/// Every schema below one, with its path.
pub fn walk(schema: &Value, path: &str, visit: &mut dyn FnMut(&str, &Value)) {
    visit(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), visit);
    }
    if schema["items"].is_object() {
        walk(&schema["items"], &format!("{path}[]"), visit);
    }
}

#[test]
fn every_string_and_list_is_bounded_and_described_and_spec_has_no_default() {
    for crd in crds() {
        let crd = serde_json::to_value(crd).unwrap();
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut wrong = Vec::new();
        walk(schema, &kind, &mut |path, schema| {
            let has = |field: &str| !schema[field].is_null();
            match schema["type"].as_str() {
                Some("string") if !(has("enum") || has("maxLength") && has("pattern")) => {
                    wrong.push(format!("{path}: no bound"));
                }
                Some("array") if !(has("maxItems") && has("x-kubernetes-list-type")) => {
                    wrong.push(format!("{path}: no bound"));
                }
                _ => {}
            }
            let is_item = path.ends_with("[]");
            if !has("description") && !is_item && path != kind {
                wrong.push(format!("{path}: no description"));
            }
            if has("nullable") || (has("default") && path.starts_with(&format!("{kind}.spec"))) {
                wrong.push(format!("{path}: nullable, or a default under spec"));
            }
        });
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn a_new_object_is_not_current_before_it_was_looked_at() {
    let crd = crds().into_iter().find(|crd| crd.spec.names.plural == "queuegrants").unwrap();
    let crd = serde_json::to_value(crd).unwrap();
    let status = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
    assert_eq!(status["default"], json!({"observedGeneration": -1}));
}

/// What of `deploy/base/rbac.yaml` is the operator's, of these kinds.
pub fn of_operator(kinds: &[&str]) -> Vec<Value> {
    let is_ours = |document: &Value| {
        document["metadata"]["name"] == "cloud-access-operator" && kinds.iter().any(|kind| document["kind"] == *kind)
    };
    documents(&root().join("deploy/base/rbac.yaml")).into_iter().filter(is_ours).collect()
}

/// All that the operator may do, everywhere and in its own namespace.
pub fn operator_rules() -> Vec<Value> {
    let roles = of_operator(&["ClusterRole", "Role"]);
    roles.iter().flat_map(|role| role["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn the_operator_may_do_no_more_than_it_does() {
    for rule in operator_rules() {
        assert!(!rule.to_string().contains('*'), "a wildcard: {rule}");
        if rule["resources"].to_string().contains("secrets") {
            assert_eq!(rule["verbs"], json!(["get"]), "Secrets are never listed, watched or written");
        }
    }
}

#[test]
fn nobody_but_the_operator_may_write_by_the_shipped_roles() {
    let is_role = |document: &Value| matches!(document["kind"].as_str(), Some("ClusterRole" | "Role"));
    let roles = documents(&root().join("deploy/base/rbac.yaml")).into_iter().filter(is_role);
    let others: Vec<_> = roles.filter(|role| role["metadata"]["name"] != "cloud-access-operator").collect();
    assert!(!others.is_empty());
    for rule in others.iter().flat_map(|role| role["rules"].as_array().unwrap()) {
        assert_eq!(rule["verbs"], json!(["get", "list", "watch"]), "{rule}");
    }
}

#[test]
fn the_policy_is_about_the_account_that_the_operator_runs_as_and_about_its_finalizers() {
    let account = documents(&root().join("deploy/base/rbac.yaml")).remove(0);
    let (namespace, name) = (&account["metadata"]["namespace"], &account["metadata"]["name"]);
    let user = format!("system:serviceaccount:{}:{}", namespace.as_str().unwrap(), name.as_str().unwrap());
    let policy = documents(&root().join("deploy/base/policy.yaml")).remove(0);
    let condition = json!([{
        "name": "by-the-operator", "expression": format!("request.userInfo.username == '{user}'")
    }]);
    assert_eq!(policy["spec"]["matchConditions"], condition);
    assert_eq!(policy["spec"]["failurePolicy"], "Fail");
    assert!(policy["spec"]["validations"].to_string().contains(&format!(
        "name != '{FINALIZER}' && name != '{ACCOUNT_FINALIZER}' && !name.endsWith('.{ACCOUNT_FINALIZER}')"
    )));
}

#[test]
fn every_manifest_of_the_operator_is_in_the_kustomization() {
    let base = root().join("deploy/base");
    let kustomization = documents(&base.join("kustomization.yaml")).remove(0);
    let mut listed: Vec<String> = serde_json::from_value(kustomization["resources"].clone()).unwrap();
    let names = fs::read_dir(base).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut shipped: Vec<_> = names.filter(|name| name != "kustomization.yaml").collect();
    shipped.push("../../crds".to_owned());
    listed.sort();
    shipped.sort();
    assert_eq!(listed, shipped);
}

#[test]
fn every_crd_is_in_the_kustomization() {
    let kustomization = documents(&root().join("crds/kustomization.yaml")).remove(0);
    let listed: Vec<_> =
        kustomization["resources"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    let mut shipped: Vec<_> = crds().iter().map(|crd| format!("{}.yaml", crd.spec.names.plural)).collect();
    shipped.sort();
    assert_eq!(listed, shipped);
}
