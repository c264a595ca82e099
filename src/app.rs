//! Puts everything together: flags, clients, accounts, and an engine per kind.

use std::fs;
use std::future::pending;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Either, join, join_all, select};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Client, Config};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info};

use crate::api::{self, CloudAccount, ClusterCloudAccount};
use crate::clock::Clock;
use crate::clouds::endpoint::{AllowedEndpoints, EndpointError};
use crate::clouds::network::{Network, Proxy, ProxyError, Roots, RootsError};
use crate::clouds::{
    Environment, HttpTransport, Keyring, Observer, RequestMade, Transport, TransportError, Urgency, Vendor,
};
use crate::config::{Action, Command, RunOptions};
use crate::engine::{self, Context, Events, KindTasks, Settings, Task};
use crate::kinds::Clouds;
use crate::lease::{self, Election, LeaderOnly, Leadership, Lost};
use crate::metrics::Metrics;
use crate::server::Server;
use crate::{api_server, every_kind, telemetry};

/// How long events may still be published after the work has ended.
const LAST_EVENTS: Duration = Duration::from_secs(2);

/// Why the operator could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No way to the API server is known.
    #[error("no cluster is configured: set KUBECONFIG, or run in a pod with a ServiceAccount")]
    NoCluster(#[source] kube::config::InferConfigError),
    /// The client for the API server could not be made.
    #[error("the client for the API server could not be made")]
    Client(#[source] kube::Error),
    /// An `--allow-endpoint` is not one.
    #[error("--allow-endpoint is not an endpoint")]
    Endpoint(#[source] EndpointError),
    /// There is no file where root certificates were to be, or it cannot be read.
    #[error("--ca-bundle {} cannot be read: give the path of a file with certificates in PEM", .path.display())]
    NoBundle {
        /// Where it was to be.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// A file holds no root certificates, or broken ones.
    #[error("--ca-bundle {} cannot be used", .path.display())]
    Bundle {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        source: RootsError,
    },
    /// The environment names a proxy in a way that is not understood.
    #[error("HTTPS_PROXY or ALL_PROXY cannot be used")]
    Proxy(#[source] ProxyError),
    /// The client for the clouds could not be made.
    #[error("the client for the clouds could not be made")]
    Transport(#[source] TransportError),
    /// Files could not be written.
    #[error("the CustomResourceDefinitions could not be written")]
    Write(#[source] io::Error),
    /// Nobody could read the metrics.
    #[error("metrics cannot be served at {address}: give another --metrics-address, or stop what listens there")]
    Listen {
        /// Where they were to be served.
        address: SocketAddr,
        /// Why they cannot be.
        source: io::Error,
    },
    /// Another replica may be acting.
    #[error("this replica does not lead any more, and ends; started anew it waits for its turn")]
    Lost(#[source] Lost),
    /// The runtime or its signal handlers could not be set up.
    #[error("the process could not be set up")]
    Process(#[source] io::Error),
}

/// Does what the command line says.
#[must_use]
pub fn main(command: Command) -> ExitCode {
    telemetry::init(command.run.log_format);
    let done = match command.action {
        Some(Action::Crds { output_dir }) => write_crds(output_dir.as_deref()).map_err(StartError::Write),
        None => tokio::runtime::Runtime::new().map_err(StartError::Process).and_then(|runtime| {
            // On a worker thread, as the tasks it waits for: from here, threads would wake each other all the time.
            let operator = runtime.spawn(async move { operate(&command.run).await });
            let ended = runtime.block_on(operator).unwrap_or_else(|panic| resume_unwind(panic.into_panic()));
            // Whatever is still under way ends with the process, at once.
            runtime.shutdown_background();
            ended
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // The libraries' errors spell out their own causes.
            let cause = std::error::Error::source(&failure).map(ToString::to_string).unwrap_or_default();
            error!("{failure}: {cause}");
            ExitCode::FAILURE
        }
    }
}

/// Every CRD of the operator.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    macro_rules! all {
        ($($kind:ty),*) => {
            vec![
                api::crd::crd::<CloudAccount>(),
                api::crd::crd::<ClusterCloudAccount>(),
                $(api::crd::crd::<<$kind as engine::AccessKind>::Object>()),*
            ]
        };
    }
    every_kind!(all)
}

/// Writes every CRD as YAML: one file per kind into a directory, or all to stdout.
fn write_crds(directory: Option<&Path>) -> io::Result<()> {
    for crd in crds() {
        let yaml = serde_saphyr::to_string(&crd).map_err(io::Error::other)?;
        match directory {
            Some(directory) => fs::write(directory.join(format!("{}.yaml", crd.spec.names.plural)), yaml)?,
            None => write!(io::stdout(), "---\n{yaml}")?,
        }
    }
    Ok(())
}

/// Runs the operator until a signal ends it.
async fn operate(options: &RunOptions) -> Result<(), StartError> {
    // Fails only when a provider is installed already, which is then the one that is used.
    drop(rustls::crypto::ring::default_provider().install_default());
    let network = network(options)?;
    let config = Config::infer().await.map_err(StartError::NoCluster)?;
    let own_namespace = options.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let (election, leadership) = election(options, &config, &own_namespace)?;
    let client = api_server::connect(&config, options.watch_timeout, &leadership).map_err(StartError::Client)?;
    let transport = Arc::new(HttpTransport::new(&network).map_err(StartError::Transport)?);
    let metrics = Metrics::default();
    let address = options.metrics_address;
    let (ready, is_ready) = watch::channel(false);
    let server = Server::bind(address, metrics.clone(), is_ready).await;
    let server = server.map_err(|source| StartError::Listen { address, source })?;
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Process)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Process)?;
    let operator = Operator {
        client,
        settings: settings(options, own_namespace),
        clock: Clock::system(),
        transport: Arc::new(LeaderOnly::new(transport, leadership.clone())),
        allowed: network.allowed,
        environment: Environment::of_process(),
        metrics: metrics.clone(),
        leadership,
    };
    info!(version = env!("CARGO_PKG_VERSION"), "cloud-access-operator starts");
    info!(address = %server.address(), "metrics are served");
    let order = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("cloud-access-operator stops");
        stop.send_replace(true);
    };
    let (done, all_done) = watch::channel(false);
    // Beside the watches, which may take their time with a long list.
    let mut standing = JoinSet::new();
    standing.spawn(stand(election, options.lease_name.clone(), metrics, all_done));
    // Metrics are served until the last pass is done.
    let work = select(Box::pin(join(operator.run(stopped, ready), order)), Box::pin(server.run()));
    tokio::select! {
        // Nothing is finished then: another replica may be at it.
        Some(Ok(lost)) = standing.join_next() => return lost.map_err(StartError::Lost),
        _ = work => {}
    }
    done.send_replace(true);
    standing.join_all().await;
    Ok(())
}

/// Stands for election until all is done, and gives the Lease back then.
async fn stand(
    mut election: Election,
    lease: String,
    metrics: Metrics,
    mut done: watch::Receiver<bool>,
) -> Result<(), Lost> {
    metrics.set_leader(&lease, false);
    let lost = tokio::select! {
        lost = async {
            let began = election.campaign().await;
            metrics.set_leader(&lease, true);
            election.hold(began).await
        } => Some(lost),
        _ = done.wait_for(|done| *done) => None,
    };
    metrics.set_leader(&lease, false);
    if let Some(lost) = lost {
        return Err(lost);
    }
    election.release().await;
    Ok(())
}

/// Who stands for election, with connections of its own: nothing that the others do holds up a renewal.
fn election(options: &RunOptions, config: &Config, own_namespace: &str) -> Result<(Election, Leadership), StartError> {
    let client = api_server::bare(config, options.lease_duration).map_err(StartError::Client)?;
    let settings = lease::Settings {
        namespace: own_namespace.to_owned(),
        name: options.lease_name.clone(),
        // A container that is started anew is another process in the same pod.
        identity: format!("{}_{:016x}", options.pod_name, rand::random::<u64>()),
        duration: options.lease_duration,
    };
    Ok(Election::new(client, settings, Clock::system()))
}

/// How the clouds are reached, from the flags and the environment.
fn network(options: &RunOptions) -> Result<Network, StartError> {
    let allowed = AllowedEndpoints::new(&options.allow_endpoints).map_err(StartError::Endpoint)?;
    let proxy = Proxy::from_environment(&Environment::of_process()).map_err(StartError::Proxy)?;
    let roots = options.ca_bundle.as_deref().map(roots).transpose()?.unwrap_or_default();
    Ok(Network { allowed, roots, proxy })
}

/// The root certificates in a file.
fn roots(path: &Path) -> Result<Roots, StartError> {
    let bundle = fs::read(path).map_err(|source| StartError::NoBundle { path: path.to_owned(), source })?;
    Roots::from_pem(&bundle).map_err(|source| StartError::Bundle { path: path.to_owned(), source })
}

/// The engine's settings, from the flags.
fn settings(options: &RunOptions, own_namespace: String) -> Settings {
    Settings {
        own_namespace,
        namespaces: options.watch_namespaces.clone(),
        drift_interval: options.drift_interval,
        in_flight_window: options.in_flight_window,
        stalled_after: options.stalled_after,
        debounce: options.debounce,
        secret_interval: options.secret_interval,
        watch_timeout: options.watch_timeout,
        resync_interval: options.resync_interval,
        call_timeout: Duration::from_secs(30),
        pass_timeout: Duration::from_mins(10),
        retry_after_refusal: Duration::from_secs(10),
        concurrent_passes: 256,
        grace: Duration::from_secs(20),
        random: rand::random::<f64>,
    }
}

/// The operator, with everything that reaches beyond the process passed in.
pub struct Operator {
    /// The client for the API server.
    pub client: Client,
    /// How the engine paces itself.
    pub settings: Settings,
    /// What time it is.
    pub clock: Clock,
    /// How clouds are reached.
    pub transport: Arc<dyn Transport>,
    /// Which endpoints accounts may name.
    pub allowed: AllowedEndpoints,
    /// What its environment says of its own identities.
    pub environment: Environment,
    /// What it counts.
    pub metrics: Metrics,
    /// Until when it may act.
    pub leadership: Leadership,
}

impl Operator {
    /// Runs until told to stop and the running passes are done. `ready` turns true when all that is watched is known.
    pub async fn run(self, stop: watch::Receiver<bool>, ready: watch::Sender<bool>) {
        let (context, publisher) = self.context(stop);
        let (accounts, mut accounts_known) = watch::channel(false);
        macro_rules! tasks {
            ($($kind:ty),*) => { vec![$(engine::kind_tasks::<$kind>(&context, accounts_known.clone())),*] };
        }
        let kinds: Vec<KindTasks> = every_kind!(tasks);
        let (mut runs, mut known, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        for KindTasks { run, all_known, account_use } in kinds {
            runs.push(run);
            known.push(all_known);
            changed.push(account_use);
        }
        let watch_accounts = engine::watch_accounts(context, changed, accounts);
        let tell = async {
            join_all(known).await;
            // Whoever would say so is gone when the operator ends before.
            if accounts_known.wait_for(|known| *known).await.is_ok() {
                ready.send_replace(true);
            }
            pending::<()>().await;
        };
        let work = select(Box::pin(join(join_all(runs), watch_accounts)), Box::pin(tell));
        // What is left to publish when the work has ended gets a little time, and no more: events are no record.
        if let Either::Left((_, publisher)) = select(Box::pin(work), publisher).await {
            drop(tokio::time::timeout(LAST_EVENTS, publisher).await);
        }
    }

    /// What every kind's engine shares, and the publisher of its events.
    #[must_use]
    pub fn context(self, stop: watch::Receiver<bool>) -> (Context, Task) {
        let (events, publisher) = Events::channel();
        let publisher = publisher.run(self.client.clone(), self.clock.clone()).boxed();
        let keyring = Keyring::new(CallCounts(self.metrics.clone()));
        let (transport, allowed, environment) = (self.transport, self.allowed, self.environment);
        let clouds = Clouds { allowed, keyring, transport, clock: self.clock.clone(), environment };
        let resolve = Arc::new(move |spec: &_, secret: Option<&_>| clouds.resolve(spec, secret));
        let outside = engine::Outside {
            client: self.client,
            settings: self.settings,
            clock: self.clock,
            resolve,
            events,
            metrics: self.metrics,
            leadership: self.leadership,
            stop,
        };
        (Context::new(outside), publisher)
    }
}

/// Counts how calls go.
struct CallCounts(Metrics);

impl Observer for CallCounts {
    fn clock_is_off(&self, vendor: Vendor, seconds: i64) {
        self.0.set_clock_skew(&vendor.to_string(), seconds);
    }

    fn call_waits(&self, vendor: Vendor, urgency: Urgency) {
        self.0.call_waits(&vendor.to_string(), &urgency.to_string());
    }

    fn call_waited(&self, vendor: Vendor, urgency: Urgency, waited: Duration) {
        self.0.call_waited(&vendor.to_string(), &urgency.to_string(), waited);
    }

    fn request_made(&self, request: &RequestMade) {
        let RequestMade { service, operation, status, took } = *request;
        self.0.request_made(service, operation, status, took);
    }

    fn throttled(&self, service: &'static str) {
        self.0.throttled(service);
    }
}
