//! Builds the control plane with Go, from the modules in `control-plane/`, which pin everything with checksums.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, versions};
use crate::failure::{Failure, Result};
use crate::places::{self, Places, cannot, make_directory};
use crate::process::{self, Daemon, Guard};
use crate::progress::{Stopwatch, human, say};

/// One program to build.
struct Recipe {
    program: &'static str,
    module: &'static str,
    package: String,
    version: &'static str,
    /// On two idle cores, with nothing downloaded.
    takes: &'static str,
}

/// Builds those of the programs that `directory` lacks; each appears there whole or not at all.
pub(super) fn install(
    places: &Places,
    guard: &Guard,
    root: &Path,
    directory: &Path,
    programs: &[&'static str],
) -> Result<()> {
    check_go()?;
    make_directory(directory)?;
    for program in programs {
        let installed = directory.join(program);
        if !places::is_executable(&installed) {
            Recipe::of(program)?.build(places, guard, root, &installed)?;
        }
    }
    Ok(())
}

impl Recipe {
    fn of(program: &'static str) -> Result<Self> {
        if program == ETCD {
            return Ok(Self {
                program,
                module: ETCD,
                package: ".".into(),
                version: versions::etcd()?,
                takes: "a minute",
            });
        }
        let takes = match program {
            KUBE_APISERVER => "4 minutes",
            // Most of it has been compiled for kube-apiserver, where that was built.
            KUBE_CONTROLLER_MANAGER => "2 minutes",
            _ => "a minute",
        };
        let package = format!("k8s.io/kubernetes/cmd/{program}");
        Ok(Self { program, module: "kubernetes", package, version: versions::kubernetes()?, takes })
    }

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
        go.arg(output).arg(&self.package);
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
         or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver and kubectl, and for tests also \
         kube-controller-manager",
    ))
}

fn explain(failure: Failure, log: &Path) -> Failure {
    let advice = format!(
        "if it says that the Go version is too old, install Go 1.26 or newer; if modules cannot be downloaded, check \
         `go env GOPROXY`; or set KUBEBUILDER_ASSETS to a directory with all programs. \
         The whole log: {}",
        log.display()
    );
    failure.advice(advice)
}
