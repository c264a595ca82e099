//! Builds the control plane with Go, from the modules in `control-plane/`.

use std::fmt::Write as _;
use std::path::Path;

use super::{ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, versions};
use crate::failure::Result;
use crate::go::Recipe;
use crate::places::{self, Places, make_directory};
use crate::process::Guard;

const WITHOUT_GO: &str = ", or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver and kubectl, and for tests \
                          also kube-controller-manager";

/// Builds those of the programs that `directory` lacks.
pub(super) fn install(
    places: &Places,
    guard: &Guard,
    root: &Path,
    directory: &Path,
    programs: &[&'static str],
) -> Result<()> {
    make_directory(directory)?;
    for program in programs {
        let installed = directory.join(program);
        if !places::is_executable(&installed) {
            recipe(places, program)?.build(guard, root, &installed)?;
        }
    }
    Ok(())
}

fn recipe(places: &Places, program: &'static str) -> Result<Recipe> {
    let modules = places.workspace.join("xtask/control-plane");
    if program == ETCD {
        return Ok(Recipe {
            program,
            version: versions::etcd()?.to_owned(),
            module: modules.join(ETCD),
            package: ".".into(),
            linker_flags: String::new(),
            takes: "a minute",
            without_go: WITHOUT_GO,
        });
    }
    let takes = match program {
        KUBE_APISERVER => "4 minutes",
        // Most of it has been compiled for kube-apiserver, where that was built.
        KUBE_CONTROLLER_MANAGER => "2 minutes",
        _ => "a minute",
    };
    let version = versions::kubernetes()?;
    Ok(Recipe {
        program,
        version: version.to_owned(),
        module: modules.join("kubernetes"),
        package: format!("k8s.io/kubernetes/cmd/{program}"),
        linker_flags: linker_flags(version),
        takes,
        without_go: WITHOUT_GO,
    })
}

/// Kubernetes reports the version that it was linked with; clients, kubectl among them, read it.
fn linker_flags(version: &str) -> String {
    let mut flags = String::new();
    if let Some((major, minor)) = versions::major_and_minor(version) {
        for (name, value) in [("gitVersion", version), ("gitMajor", major), ("gitMinor", minor)] {
            // Writing to a String cannot fail.
            let _ = write!(flags, " -X k8s.io/component-base/version.{name}={value}");
        }
    }
    flags
}
