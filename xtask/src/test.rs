//! `cargo xtask test`: all tests, with a real API server for those that need one.

use std::process::Command;

use crate::control_plane::{self, ControlPlane, Options};
use crate::environment::Workbench;
use crate::failure::Result;
use crate::places::{self, Places};
use crate::process;
use crate::progress::{Stopwatch, human, say};
use crate::tools;

/// Where tests find kubeconfigs, `admin.kubeconfig`, `operator.kubeconfig`, `tenant.kubeconfig`, `viewer.kubeconfig`; and
/// `audit.log`, which has every request to the API server, and `etcd.url`. In `empty/` are those of another one, on which
/// nothing is installed.
const TEST_ENVIRONMENT: &str = "CLOUD_ACCESS_TEST_ENV";

/// Where tests find the programs that they run beside the operator.
const TEST_TOOLS: &str = "CLOUD_ACCESS_TEST_TOOLS";

/// Runs the tests; `arguments` are for `cargo test`.
pub(crate) fn test(places: &Places, arguments: &[String]) -> Result<()> {
    run(places, arguments, &[])
}

/// The same, with these variables.
pub(crate) fn run(places: &Places, arguments: &[String], variables: &[(&str, String)]) -> Result<()> {
    let watch = Stopwatch::start();
    let workbench = Workbench::prepare(places, "dev-test")?;
    let binaries = control_plane::obtain(places, &workbench.guard)?;
    let controllers = control_plane::obtain_controllers(places, &workbench.guard)?;
    let tools = tools::obtain(places, &workbench.guard, &workbench.directory)?;
    tools::add(&tools, "kubectl", &binaries.kubectl)?;

    // Built first: an idle control plane would only slow the compiler down, and compile errors come sooner.
    say("==> Building the tests");
    process::run("building the tests", cargo_test(places).args(selection(arguments)).arg("--no-run"))?;

    say("==> Starting etcd and kube-apiserver");
    let mut control_plane =
        ControlPlane::start(&binaries, &workbench.guard, &workbench.directory, Options { audit: true })?;
    control_plane.prepare(places)?;
    // Nothing is installed there.
    let empty = workbench.directory.join("empty");
    places::make_directory(&empty)?;
    let mut empty = ControlPlane::start(&binaries, &workbench.guard, &empty, Options::default())?;
    // Nobody waits for it: the tests that need it do.
    control_plane.start_controllers(&controllers, &workbench.guard)?;

    say("==> Running the tests");
    let mut tests = cargo_test(places);
    tests.args(arguments).env(TEST_ENVIRONMENT, &workbench.directory).env("NO_PROXY", places::no_proxy());
    tests.env(TEST_TOOLS, &tools).envs(variables.iter().map(|(name, value)| (name, value)));
    if let Err(failure) = process::run("`cargo test`", &mut tests) {
        // A dead API server explains more than the tests that missed it.
        control_plane.check()?;
        empty.check()?;
        return Err(failure.advice(format!("the API server's log is in {}", workbench.directory.display())));
    }
    say(format!("==> All tests passed, {} in total", human(watch.elapsed())));
    Ok(())
}

fn cargo_test(places: &Places) -> Command {
    let mut cargo = places::cargo();
    cargo.args(["test", "--workspace", "--locked"]).current_dir(&places.workspace);
    cargo
}

/// What of the arguments says which tests to build: those after a second `--` are for the test programs.
fn selection(arguments: &[String]) -> impl Iterator<Item = &String> {
    arguments.iter().take_while(|argument| *argument != "--")
}
