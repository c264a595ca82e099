//! Argo CD: how it shows objects, by the scripts of `deploy/argocd` and the interpreter that it has, and what its users are told.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cloud_access_operator::api::GROUP;
use cloud_access_operator::app::crds;
use serde_json::{Value, json};

use crate::manifests::{documents, root};
use crate::runner::KINDS;

mod actions;
mod applications;
mod interpreter;
mod synced;

pub use interpreter::health;

/// What Argo CD has for all kinds of the group, in the layout of its own `resource_customizations`.
fn customizations() -> PathBuf {
    root().join("deploy/argocd/resource_customizations").join(GROUP)
}

/// What it has for one kind.
fn of_kind(kind: &str) -> PathBuf {
    customizations().join(kind)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every kind that there is, with its schema.
fn kinds() -> Vec<(String, Value)> {
    let kind = |crd| {
        let crd = serde_json::to_value(crd).unwrap();
        let schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
        (crd["spec"]["names"]["kind"].as_str().unwrap().to_owned(), schema)
    };
    crds().into_iter().map(kind).collect()
}

/// The names in a directory.
fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The files that test cases name, which are all that are in `testdata` beside them.
fn assert_named(directory: &Path, cases: &[&Value]) {
    let paths = cases.iter().flat_map(|case| [&case["inputPath"], &case["expectedOutputPath"]]);
    let named: BTreeSet<_> =
        paths.filter_map(Value::as_str).map(|path| path.strip_prefix("testdata/").unwrap().to_owned()).collect();
    assert_eq!(names(&directory.join("testdata")), named, "{}", directory.display());
}

#[test]
fn every_kind_has_its_scripts_and_what_is_alike_is_the_same() {
    let all: BTreeSet<_> = kinds().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(names(&customizations()), all);
    let scripts = ["discovery.lua", "suspend/action.lua", "resume/action.lua", "reconcile/action.lua"];
    for (kind, schema) in kinds() {
        let same = |script: &str| {
            let copy_of = of_kind("QueueGrant").join(script);
            assert!(read(&of_kind(&kind).join(script)) == read(&copy_of), "{kind}: copy {}", copy_of.display());
        };
        same("health.lua");
        // An account can neither be suspended nor asked for a look.
        let has_actions = schema["properties"]["spec"]["properties"]["suspend"].is_object();
        assert_eq!(has_actions, KINDS.contains(&kind.as_str()), "{kind}");
        assert_eq!(of_kind(&kind).join("actions").exists(), has_actions, "{kind}");
        if has_actions {
            for script in scripts {
                same(&format!("actions/{script}"));
            }
        }
    }
}

#[test]
fn health_is_what_its_test_cases_say() {
    let mut seen = BTreeSet::new();
    for (kind, _) in kinds() {
        let directory = of_kind(&kind);
        let cases = yaml(&directory.join("health_test.yaml"));
        let cases: Vec<_> = cases["tests"].as_array().unwrap().iter().collect();
        assert_named(&directory, &cases);
        for case in cases {
            let path = directory.join(case["inputPath"].as_str().unwrap());
            let object = yaml(&path);
            assert_eq!(object["kind"], kind.as_str(), "{}", path.display());
            let (status, message) = health(&object);
            assert_eq!(json!({"status": status, "message": message}), case["healthStatus"], "{}", path.display());
            seen.insert(status);
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["Degraded", "Healthy", "Progressing", "Suspended"]);
}

#[test]
fn the_config_map_has_the_scripts() {
    let config_map = documents(&root().join("deploy/argocd/argocd-cm.yaml")).remove(0);
    let mut entries = config_map["data"].as_object().unwrap().clone();
    let mut take = |key: &str, kind: &str| {
        let entry = entries.remove(&format!("resource.customizations.{key}.{GROUP}_{kind}"));
        entry.unwrap_or_else(|| panic!("no {key} of {kind}: run `cargo xtask generate`")).as_str().unwrap().to_owned()
    };
    for (kind, _) in kinds() {
        assert_eq!(take("health", &kind), read(&of_kind(&kind).join("health.lua")));
    }
    for kind in KINDS {
        let actions: Value = serde_saphyr::from_str(&take("actions", kind)).unwrap();
        let directory = of_kind(kind).join("actions");
        let script =
            |action: &str| json!({"name": action, "action.lua": read(&directory.join(action).join("action.lua"))});
        let definitions = ["reconcile", "resume", "suspend"].map(script);
        let discovery = read(&directory.join("discovery.lua"));
        assert_eq!(actions, json!({"discovery.lua": discovery, "definitions": definitions}));
    }
    assert!(entries.is_empty(), "{entries:?} is of no kind");
}
