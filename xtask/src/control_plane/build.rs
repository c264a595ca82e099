//! Builds the control plane with Go, from the modules in `control-plane/`, which pin everything with checksums.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{ETCD, KUBE_APISERVER, KUBECTL, versions};
use crate::failure::{Failure, Result};
use crate::places::{self, Places, cannot, make_directory};
use crate::process::{self, Daemon, Guard};
use crate::progress::{Stopwatch, human, say};

/// One program to build.
struct Recipe {
    program: &'static str,
    module: &'static str,
    package: &'static str,
    version: &'static str,
    /// On two idle cores, with nothing downloaded.
    takes: &'static str,
}

/// Builds what `directory` lacks; each program appears there whole or not at all.
pub(super) fn install(places: &Places, guard: &Guard, root: &Path, directory: &Path, kubectl: bool) -> Result<()> {
    check_go()?;
    let (etcd, kubernetes) = (versions::etcd()?, versions::kubernetes()?);
    let kube = |program, package, takes| Recipe { program, module: "kubernetes", package, version: kubernetes, takes };
    let mut recipes = vec![
        Recipe { program: ETCD, module: ETCD, package: ".", version: etcd, takes: "a minute" },
        kube(KUBE_APISERVER, "k8s.io/kubernetes/cmd/kube-apiserver", "4 minutes"),
    ];
    if kubectl {
        recipes.push(kube(KUBECTL, "k8s.io/kubernetes/cmd/kubectl", "a minute"));
    }
    make_directory(directory)?;
    for recipe in recipes {
        let installed = directory.join(recipe.program);
        if !places::is_executable(&installed) {
            recipe.build(places, guard, root, &installed)?;
        }
    }
    Ok(())
}

impl Recipe {
    fn build(&self, places: &Places, guard: &Guard, root: &Path, installed: &Path) -> Result<()> {
        let Self { program, version, takes, .. } = self;
        say(format!(
            "==> Building {program} {version} from the Go module proxy: about {takes} on two cores, only once"
        ));
        let partial = root.join(format!("partial-{program}"));
        let watch = Stopwatch::start();
        let daemon = Daemon::start(guard, &format!("build-{program}"), self.command(places, &partial), root)?;
        let log = daemon.log().to_path_buf();
        daemon.finish(&format!("building {program}")).map_err(|failure| explain(failure, &log))?;
        // In the same directory tree: the program is there whole, or not at all.
        fs::rename(&partial, installed).map_err(|error| cannot("install", installed, error))?;
        say(format!("    {program} built in {}", human(watch.elapsed())));
        Ok(())
    }

    fn command(&self, places: &Places, output: &Path) -> Command {
        let mut go = Command::new("go");
        go.arg("build").arg("-C").arg(places.workspace.join("xtask/control-plane").join(self.module));
        go.args(["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", &self.linker_flags(), "-o"]);
        go.arg(output).arg(self.package);
        // No C compiler needed; a user's Go workspace or flags do not change what is built.
        go.env("CGO_ENABLED", "0").env("GOWORK", "off").env("GOFLAGS", "");
        go
    }

    /// Kubernetes reports the version that it was linked with; clients, kubectl among them, read it.
    fn linker_flags(&self) -> String {
        let mut flags = String::from("-s -w");
        if let ("kubernetes", Some((major, minor))) = (self.module, versions::major_and_minor(self.version)) {
            for (name, value) in [("gitVersion", self.version), ("gitMajor", major), ("gitMinor", minor)] {
                // Writing to a String cannot fail.
                let _ = write!(flags, " -X k8s.io/component-base/version.{name}={value}");
            }
        }
        flags
    }
}

fn check_go() -> Result<()> {
    if places::on_path("go").is_some() {
        return process::capture(Command::new("go").arg("version")).map(drop);
    }
    Err(Failure::new("the control plane must be built, and there is no Go to build it with").advice(
        "install Go 1.26 or newer (https://go.dev/doc/install), \
         or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver and kubectl",
    ))
}

fn explain(failure: Failure, log: &Path) -> Failure {
    let advice = format!(
        "if it says that the Go version is too old, install Go 1.26 or newer; if modules cannot be downloaded, check \
         `go env GOPROXY`; or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver and kubectl. \
         The whole log: {}",
        log.display()
    );
    failure.advice(advice)
}
