//! The Helm chart: what it renders, by Helm 3 and by Helm 4, and what becomes of that on a real API server.

mod drift;
mod install;
mod rendering;
mod some_namespaces;
mod values;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::manifests::root;
use crate::tools::tool;

const HELMS: [&str; 2] = ["helm3", "helm4"];

/// The release by which the chart is the same as `deploy/`.
const RELEASE: &str = "cloud-access-operator";
const NAMESPACE: &str = "cloud-access-system";

/// The oldest Kubernetes that the chart is for.
const OLDEST: &str = "1.30.0";

fn chart() -> PathBuf {
    root().join("charts/cloud-access-operator")
}

/// The sets of values that are tried.
fn value_sets() -> Vec<PathBuf> {
    let files = fs::read_dir(chart().join("ci")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

fn read_yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Runs Helm, with nothing of a user's own settings.
fn helm(program: &str, kubeconfig: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(tool(program));
    command.args(arguments).env("KUBECONFIG", kubeconfig);
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(variable, Path::new(env!("CARGO_TARGET_TMPDIR")).join(program).join(variable));
    }
    command.output().unwrap()
}

/// What it prints, or what it complains about.
fn told(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

/// What a release would consist of, as text.
fn template(program: &str, release: &str, namespace: &str, options: &[&str]) -> Result<String, String> {
    let chart = chart();
    let mut arguments = vec!["template", release, chart.to_str().unwrap(), "--namespace", namespace];
    arguments.extend(["--kube-version", OLDEST]);
    arguments.extend(options);
    told(&helm(program, Path::new("/dev/null"), &arguments))
}

/// The objects of a text with several documents.
fn objects(text: &str) -> Vec<Value> {
    let documents = text.split("\n---").map(|document| document.trim_start_matches("---"));
    let read = |document| serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{document}\n{error}"));
    documents
        .filter(|document| !document.trim().is_empty())
        .map(read)
        .filter(|object: &Value| !object.is_null())
        .collect()
}

/// The objects of a release.
fn rendered(program: &str, release: &str, namespace: &str, options: &[&str]) -> Vec<Value> {
    objects(
        &template(program, release, namespace, options).unwrap_or_else(|told| panic!("{program} {options:?}: {told}")),
    )
}

/// The objects that Helm 3 makes of these values.
fn of_values(values: &Path) -> Vec<Value> {
    rendered("helm3", RELEASE, NAMESPACE, &["--values", values.to_str().unwrap()])
}

/// Kind, namespace and name.
fn identity(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

fn by_identity(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let count = objects.len();
    let objects: BTreeMap<_, _> = objects.into_iter().map(|object| (identity(&object), object)).collect();
    assert_eq!(objects.len(), count, "an object is there twice");
    objects
}
