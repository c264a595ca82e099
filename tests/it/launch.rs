//! What runs beside a test: servers, and the operator as a process of its own, which can be killed, stopped, and started anew
//! as it was.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use tokio::time::{Instant, sleep};

/// Serves it on a free port. Returns where.
pub async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    endpoint
}

/// How an operator is started.
#[derive(Debug, Clone)]
pub struct Launch {
    pub kubeconfig: PathBuf,
    pub log: PathBuf,
    pub arguments: Vec<String>,
    pub environment: Vec<(&'static str, String)>,
}

impl Launch {
    fn start(&self) -> Child {
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloud-access-operator"));
        command.env("KUBECONFIG", &self.kubeconfig).env("RUST_LOG", "trace").env("LOG_FORMAT", "json");
        command.envs(self.environment.iter().cloned());
        command.args(&self.arguments).stdin(Stdio::null()).stderr(log).spawn().unwrap()
    }
}

/// An operator that may be running. Clones are handles to the same one.
#[derive(Debug, Clone, Default)]
pub struct Process(Arc<Mutex<Option<(Launch, Child)>>>);

impl Process {
    pub fn start(&self, launch: Launch) {
        let child = launch.start();
        *self.0.lock().unwrap() = Some((launch, child));
    }

    pub fn runs(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }

    /// Ends it where it stands.
    pub fn kill(&self) {
        if let Some((_, mut child)) = self.0.lock().unwrap().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Ends it where it stands, and starts it anew: as a kubelet does.
    pub fn crash(&self) {
        if let Some((launch, child)) = &mut *self.0.lock().unwrap() {
            child.kill().unwrap();
            child.wait().unwrap();
            *child = launch.start();
        }
    }

    /// Starts it anew if it has ended by itself. Returns whether it had.
    pub fn revive(&self) -> bool {
        let mut process = self.0.lock().unwrap();
        let Some((launch, child)) = &mut *process else { return false };
        let has_ended = child.try_wait().unwrap().is_some();
        if has_ended {
            *child = launch.start();
        }
        has_ended
    }

    /// `TERM`, `STOP`, `CONT`.
    pub fn signal(&self, signal: &str) -> Result<(), String> {
        let process = self.0.lock().unwrap();
        let (_, child) = process.as_ref().ok_or("it does not run")?;
        let told = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        told.map(drop).map_err(|error| error.to_string())
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&self, patience: Duration) -> Result<ExitStatus, String> {
        let until = Instant::now() + patience;
        loop {
            let status = {
                let mut process = self.0.lock().unwrap();
                let (_, child) = process.as_mut().ok_or("it does not run")?;
                child.try_wait().map_err(|error| error.to_string())?
            };
            if let Some(status) = status {
                self.0.lock().unwrap().take();
                return Ok(status);
            }
            if Instant::now() > until {
                return Err("instead it goes on".to_owned());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}
