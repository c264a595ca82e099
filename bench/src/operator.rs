//! The shipped binary, under its own ServiceAccount, in one namespace.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;
use crate::cluster::Space;
use crate::process::Process;
use crate::simulator::Simulator;

/// Starts it; its log is appended to a file in `directory`. Dropping it stops it.
pub fn start(
    program: &Path,
    directory: &Path,
    space: &Space,
    simulator: &Simulator,
    flags: &[&str],
) -> Result<Process> {
    let log = OpenOptions::new().create(true).append(true).open(directory.join("bench-operator.log"))?;
    let mut command = Command::new(program);
    command.args(["--watch-namespace", &space.namespace]);
    command.args(["--allow-endpoint", &simulator.url, "--metrics-address", "127.0.0.1:0"]).args(flags);
    command.env("KUBECONFIG", &space.cluster.kubeconfig).env("RUST_LOG", "warn");
    Process::start(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log))
}
