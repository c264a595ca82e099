//! The one controller of Kubernetes that tests need: without it a namespace that is deleted stays for ever.

use std::path::Path;
use std::process::Command;

/// kube-controller-manager with that controller alone. It serves nothing, so that it needs no port.
pub(super) fn namespace_controller(program: &Path, kubeconfig: &Path) -> Command {
    let mut controllers = Command::new(program);
    controllers.arg("--kubeconfig").arg(kubeconfig);
    controllers.args(["--controllers=namespace-controller", "--secure-port=0", "--leader-elect=false"]);
    controllers
}
