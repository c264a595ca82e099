//! Control plane, simulated cloud and operator together, as `up` and `demo` run them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::control_plane::{self, ControlPlane, Options};
use crate::failure::{Failure, Result};
use crate::kubectl::Kubectl;
use crate::places::{self, Places, cannot, make_directory, make_empty_directory, write_private};
use crate::process::{self, Daemon, Guard};
use crate::progress::{pause, say};
use crate::samples::{Kind, Samples};
use crate::simulator::Simulator;

/// A directory that one command at a time works in; its content is new.
pub(crate) struct Workbench {
    /// Logs, kubeconfigs, data.
    pub(crate) directory: PathBuf,
    /// Watches over what is started.
    pub(crate) guard: Guard,
    _lock: File,
}

impl Workbench {
    /// Empties the directory, unless another command is using it.
    pub(crate) fn prepare(places: &Places, name: &str) -> Result<Self> {
        let directory = places.target.join(name);
        make_directory(&places.target)?;
        let path = places.target.join(format!("{name}.lock"));
        let lock = File::create(&path).map_err(|error| cannot("lock", &path, error))?;
        lock.try_lock().map_err(|error| {
            Failure::new(format!("another command uses {}", directory.display()))
                .why(error)
                .advice("end the other `cargo xtask` of this checkout, or wait for it")
        })?;
        make_empty_directory(&directory)?;
        Ok(Self { directory, guard: Guard::start()?, _lock: lock })
    }
}

/// Everything that runs; dropping it stops it, the operator first.
pub(crate) struct Environment {
    operator: Daemon,
    /// The cloud.
    pub(crate) simulator: Simulator,
    /// Where the objects are.
    pub(crate) control_plane: ControlPlane,
    /// What to apply first.
    pub(crate) samples: Samples,
    workbench: Workbench,
}

impl Environment {
    /// Builds and starts everything, with the samples of these kinds.
    pub(crate) fn start(places: &Places, options: Options, kinds: &[&'static Kind]) -> Result<Self> {
        Self::start_as(places, options, kinds, |control_plane| {
            let mut operator = Command::new(places.built("cloud-access-operator"));
            operator.env("KUBECONFIG", control_plane.kubeconfig("operator")).env("NO_PROXY", places::no_proxy());
            Ok(operator)
        })
    }

    /// The same, with an operator that `launch` knows how to start.
    pub(crate) fn start_as(
        places: &Places,
        options: Options,
        kinds: &[&'static Kind],
        launch: impl FnOnce(&ControlPlane) -> Result<Command>,
    ) -> Result<Self> {
        let workbench = Workbench::prepare(places, "dev")?;
        let (directory, guard) = (workbench.directory.as_path(), &workbench.guard);
        let binaries = control_plane::obtain(places, guard)?;
        say("==> Building operator and simulator");
        let mut build = places::cargo();
        build.args(["build", "--locked", "--bins", "-p", "cloud-access-operator", "-p", "simulator"]);
        process::run("building operator and simulator", build.current_dir(&places.workspace))?;

        say("==> Starting etcd and kube-apiserver");
        let control_plane = ControlPlane::start(&binaries, guard, directory, options)?;
        control_plane.prepare(places)?;
        say("==> Starting the simulated cloud, and the operator under its own ServiceAccount");
        let simulator = Simulator::start(places, guard, directory)?;
        let samples = Samples::read(places, &control_plane.kubectl("tenant"), &simulator, kinds)?;
        let operator = settings(launch(&control_plane)?, &simulator);
        let operator = Daemon::start(guard, "operator", operator, directory)?;
        Ok(Self { operator, simulator, control_plane, samples, workbench })
    }

    /// Fails, with the end of its log, if anything has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.operator.check()?;
        self.simulator.check()?;
        self.control_plane.check()
    }

    /// kubectl as the team that keeps its access in its namespace.
    pub(crate) fn tenant(&self) -> Kubectl {
        self.control_plane.kubectl("tenant")
    }

    /// Writes the sample accounts, pointed to the simulator, to a file that can be applied.
    fn write_accounts(&self) -> Result<PathBuf> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": self.samples.accounts});
        let path = self.workbench.directory.join("accounts.json");
        write_private(&path, &format!("{list:#}\n")).map(|()| path)
    }

    /// The operator's process.
    pub(crate) fn operator(&self) -> u32 {
        self.operator.id()
    }

    /// Where the operator's log is.
    pub(crate) fn operator_log(&self) -> &Path {
        self.operator.log()
    }
}

/// The operator with intervals short enough to watch it work.
fn settings(mut operator: Command, simulator: &Simulator) -> Command {
    operator.args(["--drift-interval=5s", "--in-flight-window=5s"]);
    operator.args(["--allow-endpoint", &simulator.url()]);
    // Any port that is free; the log says which.
    operator.args(["--metrics-address", "127.0.0.1:0"]);
    operator.env("RUST_LOG", places::log_filter());
    operator
}

/// `cargo xtask up`.
pub(crate) fn up(places: &Places, options: Options, kinds: &[&'static Kind]) -> Result<()> {
    let mut environment = Environment::start(places, options, kinds)?;
    let apply = |kind: &&Kind| format!("    kubectl apply -f {}\n", kind.file());
    let kubeconfig = |name| environment.control_plane.kubeconfig(name).display().to_string();
    say(format!(
        "
Ready. In another terminal, as the team whose namespace is team-data:

    export KUBECONFIG={tenant}
    kubectl apply -f {accounts}   # the sample accounts, pointed to the simulated cloud
{samples}    kubectl get queuegrants,poolmemberships,workspacemembers,hpcusers

Administrator    {admin}
Onlooker         {viewer}
API server       {api_server}
Simulated cloud  {cloud}   (its admin API: simulator/README.md)
Operator's log   {log}

Ctrl-C stops everything.",
        tenant = kubeconfig("tenant"),
        accounts = environment.write_accounts()?.display(),
        samples = kinds.iter().map(apply).collect::<String>(),
        admin = kubeconfig("admin"),
        viewer = kubeconfig("viewer"),
        api_server = environment.control_plane.url(),
        cloud = environment.simulator.url(),
        log = environment.operator_log().display(),
    ));
    while let Ok(()) = pause() {
        environment.check()?;
    }
    say("==> Stopping");
    Ok(())
}
