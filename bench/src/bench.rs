//! What every scenario has at hand: the control plane, the clouds, the operator's binary, and a stage for each measurement.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::Result;
use crate::cluster::{Cluster, Space, at_once};
use crate::operator;
use crate::process::Process;
use crate::simulator::Simulator;
use crate::view::View;
use crate::workload::Workload;

/// Everything that measurements share.
pub struct Bench {
    cluster: Cluster,
    /// The clouds.
    pub simulator: Simulator,
    directory: PathBuf,
    operator: PathBuf,
    /// Namespaces begin like this.
    prefix: String,
    stages: AtomicUsize,
}

impl Bench {
    /// Connects to the control plane whose kubeconfigs are in `environment`, and starts the clouds; `programs` is where the
    /// operator and the simulator were built.
    pub async fn start(environment: &Path, programs: &Path) -> Result<Self> {
        // The clients for the clouds install it themselves, the one for the admin API does not.
        let cluster = Cluster::connect(environment).await?;
        Ok(Self {
            cluster,
            simulator: Simulator::start(&programs.join("simulator"), environment).await?,
            directory: environment.to_owned(),
            operator: programs.join("cloud-access-operator"),
            prefix: format!("bench-{}", std::process::id()),
            stages: AtomicUsize::new(0),
        })
    }

    /// A new namespace, and clouds that hold nothing but the targets of a workload.
    pub async fn stage(&self, workload: &Workload, latency: Duration) -> Result<Stage<'_>> {
        self.stage_with(workload, latency, &json!({})).await
    }

    /// The same; `account` is what else the accounts' specs say.
    pub async fn stage_with(&self, workload: &Workload, latency: Duration, account: &Value) -> Result<Stage<'_>> {
        self.simulator.reset(latency).await?;
        let targets: Vec<Vec<String>> = workload.all_targets().map(|(kind, target)| kind.make(&target)).collect();
        at_once(&targets, async |paths| {
            for path in paths {
                self.simulator.make(path).await?;
            }
            Ok(())
        })
        .await?;
        let name = format!("{}-{}", self.prefix, self.stages.fetch_add(1, Ordering::Relaxed));
        let space = self.cluster.namespace(&name, &self.simulator, account).await?;
        Ok(Stage { bench: self, view: View::of(&space).await?, space })
    }
}

/// Where one measurement takes place.
pub struct Stage<'a> {
    /// What it shares with others.
    pub bench: &'a Bench,
    /// Its objects.
    pub space: Space,
    /// What is seen of them.
    pub view: View,
}

impl Stage<'_> {
    /// Starts the operator.
    pub fn operator(&self, flags: &[&str]) -> Result<Process> {
        let Bench { operator, directory, simulator, .. } = self.bench;
        operator::start(operator, directory, &self.space, simulator, flags)
    }

    /// Takes everything away.
    pub async fn clear(self) -> Result<()> {
        self.space.clear().await
    }
}
