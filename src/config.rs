//! Flags of the operator; each can be given as an environment variable instead.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::api::parse_duration;

/// Keeps who may use which cloud data service in Git.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Command {
    /// What to do; without one, the operator runs.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// How it runs.
    #[command(flatten)]
    pub run: RunOptions,
}

/// What else the binary can do.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Write the CustomResourceDefinitions, as YAML.
    Crds {
        /// Write one file per kind into this directory, instead of all to stdout.
        #[arg(long)]
        output_dir: Option<PathBuf>,
    },
}

/// How the operator runs.
#[derive(Debug, Clone, Args)]
pub struct RunOptions {
    /// Watch only this namespace; can be given several times. Without it: all.
    #[arg(long = "watch-namespace", env = "WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,

    /// The operator's own namespace, where ClusterCloudAccounts have their Secrets. Without it: that of the pod, or of the
    /// kubeconfig's context.
    #[arg(long, env = "POD_NAMESPACE")]
    pub namespace: Option<String>,

    /// Accounts may name this endpoint, besides the vendors' own domains: `https://host`, or on loopback
    /// `http://127.0.0.1:port`. The host may have public addresses; for others say which:
    /// `https://host=10.0.0.0/8`, more ranges after a `+`. Can be given several times.
    #[arg(long = "allow-endpoint", env = "ALLOW_ENDPOINTS", value_delimiter = ',')]
    pub allow_endpoints: Vec<String>,

    /// A file with root certificates in PEM, trusted besides the machine's own when clouds are reached.
    #[arg(long, env = "CA_BUNDLE")]
    pub ca_bundle: Option<PathBuf>,

    /// How often a target is looked at when nothing happens, to repair what was changed by hand.
    #[arg(long, env = "DRIFT_INTERVAL", default_value = "5m", value_parser = duration)]
    pub drift_interval: Duration,

    /// How long a write may take to land in the cloud; absence is not believed before. Not below a minute in production.
    #[arg(long, env = "IN_FLIGHT_WINDOW", default_value = "60s", value_parser = duration)]
    pub in_flight_window: Duration,

    /// How long to wait for what an object needs (account, Secret, target, user) before it counts as stalled.
    #[arg(long, env = "STALLED_AFTER", default_value = "10m", value_parser = duration)]
    pub stalled_after: Duration,

    /// How long events are gathered before their target is looked at.
    #[arg(long, env = "DEBOUNCE", default_value = "50ms", value_parser = duration)]
    pub debounce: Duration,

    /// How long a Secret is believed to be as it was read.
    #[arg(long, env = "SECRET_INTERVAL", default_value = "45s", value_parser = duration)]
    pub secret_interval: Duration,

    /// How long a watch of the API server lasts before it is opened anew; one that says nothing is given up within ten seconds of that.
    #[arg(long, env = "WATCH_TIMEOUT", default_value = "60s", value_parser = duration)]
    pub watch_timeout: Duration,

    /// How often everything is listed anew, for changes that a watch may have lost.
    #[arg(long, env = "RESYNC_INTERVAL", default_value = "15m", value_parser = duration)]
    pub resync_interval: Duration,

    /// What the Lease is called by which replicas elect one that acts; it is in the operator's own namespace.
    #[arg(long, env = "LEASE_NAME", default_value = "cloud-access-operator")]
    pub lease_name: String,

    /// How long the others wait for the replica that acts, after it was last heard of, before one takes over.
    #[arg(long, env = "LEASE_DURATION", default_value = "12s", value_parser = lease_duration)]
    pub lease_duration: Duration,

    /// What this replica is called in the Lease.
    #[arg(long, env = "POD_NAME", default_value = "cloud-access-operator")]
    pub pod_name: String,

    /// Where metrics are served, at `/metrics`. Port 0 is any that is free; the log says which.
    #[arg(long, env = "METRICS_ADDRESS", default_value = "0.0.0.0:8080")]
    pub metrics_address: SocketAddr,

    /// How logs are written.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "write a whole number above zero and ms, s, m or h, such as 90s".to_owned())
}

fn lease_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    let reasonable = Duration::from_secs(3)..=Duration::from_mins(10);
    if reasonable.contains(&duration) { Ok(duration) } else { Err("write at least 3s, and at most 10m".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Command::command().debug_assert();
    }
}
