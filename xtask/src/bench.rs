//! `cargo xtask bench`: the operator against a bare client, on a real API server and simulated clouds.

use std::process::Command;

use crate::control_plane::{self, ControlPlane, Options};
use crate::environment::Workbench;
use crate::failure::{Failure, Result};
use crate::places::{self, Places};
use crate::process::{self, Daemon};
use crate::progress::{Stopwatch, human, say};

/// Measures; `arguments` say what, as the bench binary takes them.
pub(crate) fn bench(places: &Places, arguments: &[String]) -> Result<()> {
    let watch = Stopwatch::start();
    let workbench = Workbench::prepare(places, "dev-bench")?;
    let binaries = control_plane::obtain(places, &workbench.guard)?;
    say("==> Building operator, simulator and benchmark for release");
    let mut build = places::cargo();
    build.args(["build", "--release", "--locked", "--bins"]);
    build.args(["-p", "cloud-access-operator", "-p", "simulator", "-p", "bench"]);
    process::run("building for release", build.current_dir(&places.workspace))?;

    say("==> Starting etcd and kube-apiserver");
    let mut control_plane = ControlPlane::start(&binaries, &workbench.guard, &workbench.directory, Options::default())?;
    control_plane.prepare(places)?;

    say("==> Measuring");
    let programs = places.target.join("release");
    let mut bench = Command::new(programs.join("bench"));
    bench.arg("--environment").arg(&workbench.directory).arg("--programs").arg(&programs);
    bench.arg("--docs").arg(places.workspace.join("docs"));
    bench.args(["--commit", &commit(places)?]).args(arguments).env("NO_PROXY", places::no_proxy());
    // A daemon, so that with it goes what it has started, however this ends.
    if let Err(failure) = Daemon::start(&workbench.guard, "bench", bench, &workbench.directory)?.follow() {
        if matches!(failure, Failure::Told(_)) {
            // A dead API server explains more than the benchmark that missed it.
            control_plane.check()?;
        }
        return Err(failure);
    }
    say(format!("==> Measured in {}; docs/benchmarks.md tells it", human(watch.elapsed())));
    Ok(())
}

/// What is built, with a word if it is more than what was committed; the page that is written is no part of it.
fn commit(places: &Places) -> Result<String> {
    let git = |arguments: &[&str]| process::capture(Command::new("git").args(arguments).current_dir(&places.workspace));
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--", ".", ":!docs"])?;
    Ok(format!("{}{}", commit.trim(), if changed.is_empty() { "" } else { " with changes" }))
}
