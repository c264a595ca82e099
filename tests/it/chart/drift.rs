//! The chart and `deploy/` are the same.

use std::path::Path;

use serde_json::Value;

use super::{NAMESPACE, RELEASE, by_identity, chart, objects, read_yaml, rendered};
use crate::docs::files_below;
use crate::kubectl::kubectl_prints;
use crate::manifests::{documents, root};

/// What Helm needs, and kustomize not.
fn is_helms(key: &str) -> bool {
    key.starts_with("helm.sh/") || key.starts_with("app.kubernetes.io/")
}

/// An object without what only Helm says of it.
fn plain(mut object: Value) -> Value {
    let metadata = object["metadata"].as_object_mut().unwrap();
    for field in ["labels", "annotations"] {
        if let Some(texts) = metadata.get_mut(field).and_then(Value::as_object_mut) {
            texts.retain(|key, _| !is_helms(key));
        }
        metadata.retain(|name, value| name != field || value.as_object().is_none_or(|texts| !texts.is_empty()));
    }
    object
}

/// What of a folder is not the namespace, which Helm makes itself.
fn kustomized(folder: &str) -> Vec<Value> {
    let folder = root().join(folder);
    // No API server is asked.
    let nowhere = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let text = kubectl_prints(nowhere, &["kustomize", folder.to_str().unwrap()]);
    objects(&text).into_iter().filter(|object| object["kind"] != "Namespace").collect()
}

fn assert_same(folder: &str, options: &[&str]) {
    let kustomized = by_identity(kustomized(folder).into_iter().map(plain).collect());
    let rendered = rendered("helm3", RELEASE, NAMESPACE, options).into_iter().map(plain);
    let rendered = by_identity(rendered.collect());
    assert_eq!(kustomized.keys().collect::<Vec<_>>(), rendered.keys().collect::<Vec<_>>(), "{folder}");
    for (identity, object) in &kustomized {
        assert_eq!(object, &rendered[identity], "{identity} of {folder}, and of the chart");
    }
}

#[test]
fn the_chart_installs_what_deploy_does() {
    assert_same("deploy", &[]);
}

#[test]
fn the_overlay_for_high_availability_is_the_chart_with_two_replicas() {
    assert_same("deploy/overlays/high-availability", &["--set", "replicaCount=2"]);
}

#[test]
fn the_overlay_for_some_namespaces_is_the_chart_that_watches_them() {
    assert_same("deploy/overlays/namespaced", &["--set", "watchNamespaces={team-data,team-hpc}"]);
}

#[test]
fn the_chart_has_the_definitions_of_all_kinds() {
    let of_chart = files_below(&chart().join("files/crds"), "yaml");
    let shipped = files_below(&root().join("crds"), "yaml").len() - 1;
    assert_eq!(of_chart.len(), shipped, "run `cargo xtask generate`");
    for path in of_chart {
        let other = root().join("crds").join(path.file_name().unwrap());
        assert!(read_yaml(&path) == read_yaml(&other), "{} is stale: run `cargo xtask generate`", path.display());
    }
}

#[test]
fn all_speak_of_the_version_that_is_built() {
    let chart = read_yaml(&chart().join("Chart.yaml"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    let deployment = documents(&root().join("deploy/base/deployment.yaml")).remove(0);
    let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, &format!("cloud-access-operator:{}", env!("CARGO_PKG_VERSION")));
}
