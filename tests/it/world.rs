//! The two worlds that scenarios run in: the same steps, the same expectations.
//!
//! The pure world runs engine and clients as they are, in this process, on virtual time: the object store is in memory,
//! and calls to the cloud go straight into the simulator's router. The real world runs the shipped binary against a real
//! API server, and the simulator over HTTP.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use cloud_access_operator::api::parse_duration;
use cloud_access_operator::app::Operator;
use cloud_access_operator::clock::Clock;
use cloud_access_operator::clouds::Environment;
use cloud_access_operator::clouds::endpoint::AllowedEndpoints;
use cloud_access_operator::engine::{AccessKind, Settings, kind_tasks, watch_accounts};
use cloud_access_operator::lease::Leadership;
use cloud_access_operator::metrics::Metrics;
use futures::FutureExt;
use futures::future::BoxFuture;
use kube::Client;
use simulator::Simulator;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::canaries::Collected;
use crate::environment::admin;
use crate::in_process::InProcess;
use crate::launch::{Launch, Process, serve};
use crate::metrics::{fetch, served_at};
use crate::object_store::ObjectStore;

/// Does the work in a time of its own, which passes as soon as nothing else is left to do.
pub fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(work)
}

/// How the operator runs.
pub enum Operation {
    /// In this process.
    Pure { store: ObjectStore, clock: Clock, running: Option<Running> },
    /// A process of its own.
    Real { kubeconfig: PathBuf, log: PathBuf, running: Process },
}

/// An operator that runs in this process.
pub struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    metrics: Metrics,
}

/// A world to run one scenario in.
pub struct World {
    pub simulator: Simulator,
    pub client: Client,
    /// The namespace of the scenario.
    pub namespace: String,
    /// Further ones, by the names that the scenario gives them.
    pub others: Vec<String>,
    /// Where the cloud is.
    pub endpoint: String,
    /// The file with the token of the operator's pod, once it has one.
    pod_token: PathBuf,
    pub operation: Operation,
    /// What is logged, where that is collected in the pure world.
    pub collected: Option<Collected>,
    /// What spreads the operator's pauses, in the pure world.
    pub random: fn() -> f64,
    settings: Vec<(String, String)>,
    run: RunOperator,
}

/// Runs an operator in this process until told to stop.
type RunOperator = fn(Operator, watch::Receiver<bool>) -> BoxFuture<'static, ()>;

/// What scenarios call the operator's own namespace.
const OPERATOR: &str = "operator";

/// How long the operator may take to stop: its calls are short here.
const STOPPING: Duration = Duration::from_secs(10);

/// The operator's settings in scenarios, unless they say otherwise: short, so that the real world need not wait.
const SETTINGS: [(&str, &str); 8] = [
    ("drift-interval", "1h"),
    ("in-flight-window", "3s"),
    ("stalled-after", "10m"),
    ("debounce", "50ms"),
    ("secret-interval", "1s"),
    ("watch-timeout", "60s"),
    ("resync-interval", "15m"),
    // Whoever starts after a crash waits for so long.
    ("lease-duration", "6s"),
];

impl World {
    pub fn pure(settings: &[(String, String)]) -> Self {
        let clock = Clock::virtual_from("2026-01-01T00:00:00Z".parse().unwrap());
        let now = {
            let clock = clock.clone();
            Arc::new(move || clock.now())
        };
        let simulator = Simulator::new(simulator::Settings { clock: now.clone(), ..simulator::Settings::default() });
        let store = ObjectStore::new(now);
        Self {
            simulator,
            client: store.client("user"),
            namespace: "team".to_owned(),
            others: Vec::new(),
            endpoint: "http://127.0.0.1:1".to_owned(),
            pod_token: pod_token(),
            operation: Operation::Pure { store, clock, running: None },
            collected: None,
            random: || 0.5,
            settings: with_defaults(settings),
            run: |operator, stop| operator.run(stop, watch::channel(false).0).boxed(),
        }
    }

    pub async fn real(name: &str, settings: &[(String, String)], environment: &Path) -> Self {
        Self::real_with(name, settings, environment, |router| router).await
    }

    /// The real world; its clouds are reached through what `around` puts before them.
    pub async fn real_with(
        name: &str,
        settings: &[(String, String)],
        environment: &Path,
        around: impl FnOnce(Router) -> Router,
    ) -> Self {
        let simulator = Simulator::new(simulator::Settings::default());
        let endpoint = serve(around(simulator.router())).await;
        let log = environment.join(format!("scenario-{name}.log"));
        drop(std::fs::remove_file(&log));
        Self {
            simulator,
            client: admin(environment).await,
            namespace: format!("scenario-{name}"),
            others: Vec::new(),
            endpoint,
            pod_token: pod_token(),
            operation: Operation::Real {
                kubeconfig: environment.join("operator.kubeconfig"),
                log,
                running: Process::default(),
            },
            collected: None,
            random: || 0.5,
            settings: with_defaults(settings),
            run: |operator, stop| operator.run(stop, watch::channel(false).0).boxed(),
        }
    }

    /// Serves this kind alone in place of the operator's own, in the pure world.
    pub fn serve_only<K: AccessKind>(&mut self) {
        self.run = |operator, stop| {
            let (context, publisher) = operator.context(stop);
            let (known, accounts_known) = watch::channel(false);
            let tasks = kind_tasks::<K>(&context, accounts_known);
            let accounts = watch_accounts(context, vec![tasks.account_use], known);
            Box::pin(async move {
                _ = tokio::join!(tasks.run, accounts, publisher);
            })
        };
    }

    /// Every namespace that the operator watches.
    pub fn namespaces(&self) -> Vec<String> {
        let others = self.others.iter().map(|other| self.other(other));
        [self.namespace.clone()].into_iter().chain(others).collect()
    }

    /// The identities of the operator's own pod, as its environment names them: once it has a token.
    fn identities(&self) -> Vec<(&'static str, String)> {
        if !self.pod_token.exists() {
            return Vec::new();
        }
        let (settings, file) = (simulator::Settings::default(), self.pod_token.display().to_string());
        vec![
            ("HC_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", self.endpoint)),
            ("HC_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.clone()),
            ("ALIBABA_CLOUD_ROLE_ARN", settings.role_arn),
            ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", settings.oidc_provider_arn),
            ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", file),
            ("ALIBABA_CLOUD_STS_ENDPOINT", self.endpoint.clone()),
        ]
    }

    /// The kubelet replaces the token of the operator's pod, and the clouds take no other.
    pub fn rotate_pod_token(&self, token: &str) {
        std::fs::write(&self.pod_token, token).unwrap();
        self.simulator.set_pod_token(token);
    }

    /// The operator's own namespace.
    pub fn own_namespace(&self) -> String {
        self.other(OPERATOR)
    }

    /// The name of something of the cluster, where other scenarios have theirs, too.
    pub fn cluster_name(&self, name: &str) -> String {
        self.other(name)
    }

    /// The namespace and the name of an object, as the scenario writes it: `NAME`, `OTHER/NAME`, or `operator/NAME`.
    pub fn place<'a>(&self, written: &'a str) -> Result<(String, &'a str), String> {
        match written.split_once('/') {
            None => Ok((self.namespace.clone(), written)),
            Some((other, name)) if other == OPERATOR || self.others.iter().any(|known| known == other) => {
                Ok((self.other(other), name))
            }
            Some((other, _)) => Err(format!("say `namespace {other}` at the top")),
        }
    }

    fn other(&self, name: &str) -> String {
        format!("{}-{name}", self.namespace)
    }

    /// Kubernetes writes of the operator so far, where they can be counted.
    pub fn writes(&self) -> Option<Vec<String>> {
        match &self.operation {
            Operation::Pure { store, .. } => Some(store.writes("operator")),
            Operation::Real { .. } => None,
        }
    }

    /// What the operator has logged; in the pure world, if it is collected, with what the scenario has.
    pub fn log(&self) -> Option<String> {
        match &self.operation {
            Operation::Pure { .. } => self.collected.as_ref().map(Collected::text),
            Operation::Real { log, .. } => Some(std::fs::read_to_string(log).unwrap_or_default()),
        }
    }

    /// What the running operator counts.
    pub async fn metrics(&self) -> Result<String, String> {
        match &self.operation {
            Operation::Pure { running, .. } => Ok(running.as_ref().ok_or("it does not run")?.metrics.text()),
            Operation::Real { running, .. } => {
                if !running.runs() {
                    return Err("it does not run".to_owned());
                }
                let log = self.log().unwrap_or_default();
                fetch(served_at(&log).ok_or("it does not say where its metrics are served")?).await
            }
        }
    }

    /// What the operator proves with who it is, in the real world.
    pub fn token(&self) -> Option<String> {
        let Operation::Real { kubeconfig, .. } = &self.operation else { return None };
        let kubeconfig: serde_json::Value =
            serde_saphyr::from_str(&std::fs::read_to_string(kubeconfig).unwrap()).unwrap();
        kubeconfig["users"][0]["user"]["token"].as_str().map(str::to_owned)
    }

    /// The object store of the pure world.
    pub fn store(&self) -> Result<&ObjectStore, String> {
        match &self.operation {
            Operation::Pure { store, .. } => Ok(store),
            Operation::Real { .. } => Err("only the pure world can do this: say `only pure`".to_owned()),
        }
    }

    /// What time it is in the pure world.
    pub fn now(&self) -> jiff::Timestamp {
        match &self.operation {
            Operation::Pure { clock, .. } => clock.now(),
            Operation::Real { .. } => panic!("only the pure world has a time of its own"),
        }
    }

    /// Sets the clock of the pure world by so much, such as `+1h` or `-90s`.
    pub fn set_clock(&self, by: &str) -> Result<(), String> {
        let Operation::Pure { clock, .. } = &self.operation else {
            return Err("only the pure world can do this: say `only pure`".to_owned());
        };
        let (back, time) = by.strip_prefix('-').map_or((false, by.trim_start_matches('+')), |time| (true, time));
        let time = jiff::SignedDuration::try_from(parse_duration(time).ok_or("not a duration")?).unwrap();
        clock.set_by(if back { -time } else { time });
        Ok(())
    }

    pub fn is_pure(&self) -> bool {
        matches!(self.operation, Operation::Pure { .. })
    }

    /// How the operator is started in the real world.
    pub fn launch(&self) -> Launch {
        let Operation::Real { kubeconfig, log, .. } = &self.operation else { panic!("it is no process of its own") };
        let own_namespace = self.own_namespace();
        let own =
            ["--metrics-address", "127.0.0.1:0", "--allow-endpoint", &self.endpoint, "--namespace", &own_namespace];
        let mut arguments = own.map(str::to_owned).to_vec();
        arguments
            .extend(self.namespaces().into_iter().flat_map(|namespace| ["--watch-namespace".to_owned(), namespace]));
        arguments.extend(self.settings.iter().flat_map(|(name, value)| [format!("--{name}"), value.clone()]));
        Launch { kubeconfig: kubeconfig.clone(), log: log.clone(), arguments, environment: self.identities() }
    }

    /// The operator of the real world.
    pub fn process(&self) -> &Process {
        let Operation::Real { running, .. } = &self.operation else { panic!("it is no process of its own") };
        running
    }

    pub fn start_operator(&mut self) {
        if !self.is_pure() {
            return self.process().start(self.launch());
        }
        let setting =
            |name: &str| parse_duration(&self.settings.iter().find(|(key, _)| key == name).unwrap().1).unwrap();
        let (own_namespace, identities) = (self.own_namespace(), self.identities());
        let Operation::Pure { store, clock, running } = &mut self.operation else { return };
        let (stop, stopped) = watch::channel(false);
        let metrics = Metrics::default();
        let operator = Operator {
            client: store.client("operator"),
            settings: Settings {
                namespaces: Vec::new(),
                own_namespace,
                drift_interval: setting("drift-interval"),
                in_flight_window: setting("in-flight-window"),
                stalled_after: setting("stalled-after"),
                debounce: setting("debounce"),
                secret_interval: setting("secret-interval"),
                watch_timeout: setting("watch-timeout"),
                resync_interval: setting("resync-interval"),
                call_timeout: Duration::from_secs(30),
                pass_timeout: Duration::from_mins(10),
                retry_after_refusal: Duration::from_secs(5),
                concurrent_passes: 8,
                grace: Duration::from_secs(5),
                random: self.random,
            },
            clock: clock.clone(),
            transport: Arc::new(InProcess(self.simulator.router())),
            allowed: AllowedEndpoints::new([&self.endpoint]).unwrap(),
            environment: Environment::of(identities.iter().map(|(name, value)| (*name, value.as_str()))),
            metrics: metrics.clone(),
            leadership: Leadership::without_rivals(),
        };
        *running = Some(Running { stop, task: tokio::spawn((self.run)(operator, stopped)), metrics });
    }

    /// Tells the operator to stop, and waits until it has.
    pub async fn stop_operator(&mut self) -> Result<(), String> {
        match &mut self.operation {
            Operation::Pure { running, .. } => {
                let Running { stop, task, .. } = running.take().ok_or("it does not run")?;
                stop.send_replace(true);
                let ended = tokio::time::timeout(STOPPING, task).await.map_err(|_| "instead it goes on")?;
                ended.map_err(|error| error.to_string())
            }
            Operation::Real { running, .. } => {
                running.signal("TERM")?;
                let status = running.ended(STOPPING).await?;
                if status.success() { Ok(()) } else { Err(format!("instead it ended with {status}")) }
            }
        }
    }

    /// Stops the operator where it stands: nothing is finished, nothing is said goodbye to.
    pub fn kill_operator(&mut self) {
        match &mut self.operation {
            Operation::Pure { running, .. } => {
                if let Some(operator) = running.take() {
                    operator.task.abort();
                }
            }
            Operation::Real { running, .. } => running.kill(),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill_operator();
        drop(std::fs::remove_file(&self.pod_token));
    }
}

/// A file that no other world has.
fn pod_token() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("scenario-token-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn with_defaults(settings: &[(String, String)]) -> Vec<(String, String)> {
    let own = |name: &str| settings.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    SETTINGS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), own(name).unwrap_or_else(|| (*value).to_owned())))
        .collect()
}
