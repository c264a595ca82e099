//! kubectl, as who may do everything.

use std::path::Path;
use std::process::{Command, Output};

use crate::tools::tool;

/// Runs it. It takes as long as it takes: only where other tasks have threads of their own.
pub fn kubectl(environment: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(tool("kubectl"));
    command.args(arguments).env("KUBECONFIG", environment.join("admin.kubeconfig"));
    // Discovery is cached by address, and ports are used again by other clusters.
    command.env("KUBECACHEDIR", environment.join("kubectl-cache")).output().unwrap()
}

/// What it prints, where it has to succeed.
pub fn kubectl_prints(environment: &Path, arguments: &[&str]) -> String {
    let output = kubectl(environment, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {}: {said}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}
