//! Starts etcd and kube-apiserver on free ports, with fresh data, and prepares the cluster for the operator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::access::{ADMIN, NAMESPACE_CONTROLLER, OPERATOR, OPERATOR_NAMESPACE, Server, Tokens};
use super::controllers::namespace_controller;
use super::{Binaries, KUBE_CONTROLLER_MANAGER};
use crate::failure::{Failure, Result};
use crate::kubectl::Kubectl;
use crate::loopback::free_ports;
use crate::places::{Places, cannot, make_directory, write_private};
use crate::process::{Daemon, Guard, capture};
use crate::progress::{Attempt, Stopwatch, human, say, wait_for};

const PERSONAS: &str = include_str!("personas.yaml");

/// Everything that the API server is asked for, without bodies.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
";

/// The operator's ServiceAccount, as `deploy/` names it.
const ACCOUNT: &str = "cloud-access-operator";

/// What may be chosen about a control plane.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// Write every request to `audit.log`.
    pub(crate) audit: bool,
}

/// A running control plane; dropping it stops it, each before what it needs to go in peace: the store goes last.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    controllers: Option<Daemon>,
    apiserver: Daemon,
    etcd: Daemon,
    server: Server,
    kubectl_program: PathBuf,
}

impl ControlPlane {
    /// Starts both and waits until the API server is ready.
    pub(crate) fn start(binaries: &Binaries, guard: &Guard, directory: &Path, options: Options) -> Result<Self> {
        let watch = Stopwatch::start();
        let [client, peer, secure] = free_ports()?;
        let store = format!("http://127.0.0.1:{client}");
        let etcd = Daemon::start(guard, "etcd", etcd(binaries, directory, &store, peer), directory)?;
        write_private(&directory.join("etcd.url"), &store)?;
        let server = Server {
            url: format!("https://127.0.0.1:{secure}"),
            certificates: directory.join("certificates").join("apiserver.crt"),
            directory: directory.to_path_buf(),
        };
        let tokens = Tokens::new()?;
        tokens.write(&directory.join("tokens.csv"))?;
        tokens.write_kubeconfigs(&server)?;
        let apiserver = kube_apiserver(binaries, directory, &store, secure, options)?;
        let apiserver = Daemon::start(guard, "kube-apiserver", apiserver, directory)?;
        let kubectl_program = binaries.kubectl.clone();
        let mut started = Self { controllers: None, apiserver, etcd, server, kubectl_program };
        started.wait_until_ready()?;
        say(format!("    kube-apiserver ready after {}", human(watch.elapsed())));
        Ok(started)
    }

    /// kubectl as the administrator.
    pub(crate) fn admin(&self) -> Kubectl {
        self.kubectl(ADMIN)
    }

    /// kubectl as somebody who has a kubeconfig.
    pub(crate) fn kubectl(&self, persona: &str) -> Kubectl {
        let cache = self.server.directory.join("kubectl-cache");
        Kubectl::new(self.kubectl_program.clone(), self.server.kubeconfig(persona), cache)
    }

    /// The API server's address.
    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// The certificates by which clients know the API server.
    pub(crate) fn certificates(&self) -> &Path {
        &self.server.certificates
    }

    /// Where somebody's kubeconfig is.
    pub(crate) fn kubeconfig(&self, persona: &str) -> PathBuf {
        self.server.kubeconfig(persona)
    }

    /// Fails if anything of it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.etcd.check()?;
        self.apiserver.check()?;
        self.controllers.as_mut().map_or(Ok(()), Daemon::check)
    }

    /// From here on namespaces that are deleted are emptied and vanish; [`Self::prepare`] has to be done.
    pub(crate) fn start_controllers(&mut self, program: &Path, guard: &Guard) -> Result<()> {
        let command = namespace_controller(program, &self.kubeconfig(NAMESPACE_CONTROLLER));
        let started = Daemon::start(guard, KUBE_CONTROLLER_MANAGER, command, &self.server.directory)?;
        self.controllers = Some(started);
        Ok(())
    }

    /// Applies the CRDs, the operator's permissions and the personas, and writes `operator.kubeconfig`.
    pub(crate) fn prepare(&self, places: &Places) -> Result<()> {
        let admin = self.admin();
        let apply = |what: &str, option: &str, path: &Path| {
            let mut command = admin.command(["apply", "--server-side", option]);
            let applied = capture(command.arg(path)).map(drop);
            applied.map_err(|failure| failure.about(format!("the API server did not take {what}")))
        };
        apply("deploy/, which includes crds/", "-k", &places.workspace.join("deploy"))?;
        admin.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"])?;
        let personas = self.server.directory.join("personas.yaml");
        write_private(&personas, PERSONAS)?;
        apply("the personas of tests and demo", "-f", &personas)?;

        self.server.write_kubeconfig(OPERATOR, &self.operator_token()?).map(drop)
    }

    /// A token of the operator's ServiceAccount.
    pub(crate) fn operator_token(&self) -> Result<String> {
        let token = ["create", "token", ACCOUNT, "--namespace", OPERATOR_NAMESPACE, "--duration=24h"];
        Ok(self.admin().run(&token)?.trim().to_owned())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let admin = self.admin();
        let waited = wait_for("kube-apiserver to be ready", Duration::from_mins(1), || {
            self.check()?;
            Ok(match admin.run(&["get", "--raw", "/readyz"]) {
                Ok(_) => Attempt::Done(()),
                Err(failure) => Attempt::NotYet(failure.to_string()),
            })
        });
        waited.map_err(|failure| match failure {
            Failure::Interrupted => Failure::Interrupted,
            told @ Failure::Told(_) if self.check().is_err() => told,
            Failure::Told(_) => self.apiserver.failure("does not become ready; its last words:"),
        })
    }
}

fn etcd(binaries: &Binaries, directory: &Path, client: &str, peer: u16) -> Command {
    let peer = format!("http://127.0.0.1:{peer}");
    let mut etcd = Command::new(&binaries.etcd);
    etcd.arg("--data-dir").arg(directory.join("etcd"));
    etcd.args(["--listen-client-urls", client, "--advertise-client-urls", client]);
    etcd.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    etcd.args(["--initial-cluster", &format!("default={peer}")]);
    // The data is thrown away at the next start: no need to wait for the disk.
    etcd.args(["--unsafe-no-fsync", "--log-level=warn"]);
    etcd
}

fn kube_apiserver(
    binaries: &Binaries,
    directory: &Path,
    store: &str,
    secure: u16,
    options: Options,
) -> Result<Command> {
    let certificates = directory.join("certificates");
    make_directory(&certificates)?;
    // The API server makes this key for its own certificate, before it reads the key for signing tokens of service
    // accounts: one file serves both, and no tool to make keys is needed.
    let key = certificates.join("apiserver.key");
    let mut apiserver = Command::new(&binaries.kube_apiserver);
    apiserver.args([
        &format!("--etcd-servers={store}"),
        &format!("--secure-port={secure}"),
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        // There is nobody to reach it through the `kubernetes` Service, and it refuses to publish a loopback address.
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=RBAC",
        "--profiling=false",
    ]);
    let file = |name: &str, path: &Path| format!("--{name}={}", path.display());
    apiserver.args([
        file("cert-dir", &certificates),
        file("service-account-key-file", &key),
        file("service-account-signing-key-file", &key),
        file("token-auth-file", &directory.join("tokens.csv")),
    ]);
    if options.audit {
        let policy = directory.join("audit-policy.yaml");
        fs::write(&policy, AUDIT_POLICY).map_err(|error| cannot("write", &policy, error))?;
        apiserver.args([file("audit-policy-file", &policy), file("audit-log-path", &directory.join("audit.log"))]);
    }
    Ok(apiserver)
}
