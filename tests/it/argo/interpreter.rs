//! Runs scripts as Argo CD does.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::of_kind;
use crate::tools::tool;

/// What Argo CD says of an object: Healthy, Progressing, Degraded or Suspended, and why.
pub fn health(object: &Value) -> (String, String) {
    // It asks no script of these.
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return ("Progressing".to_owned(), "Pending deletion".to_owned());
    }
    let kind = object["kind"].as_str().unwrap();
    let health = run(&of_kind(kind).join("health.lua"), object);
    let field = |name: &str| health[name].as_str().unwrap_or_else(|| panic!("no {name} in {health}")).to_owned();
    (field("status"), field("message"))
}

/// What a script gives for an object.
pub(super) fn run(script: &Path, object: &Value) -> Value {
    let mut command = Command::new(tool("lua"));
    let mut child =
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(object.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}\n{object}", script.display());
    serde_json::from_slice(&output.stdout).unwrap()
}
