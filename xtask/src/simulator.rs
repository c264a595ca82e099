//! The simulated cloud as a child process, and its admin API: what the cloud really holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::loopback;
use crate::places::Places;
use crate::process::{Daemon, Guard};
use crate::progress::{Attempt, wait_for};

/// The principals of a target and what they hold there.
pub(crate) type Access = BTreeMap<String, BTreeSet<String>>;

/// A running simulator.
#[derive(Debug)]
pub(crate) struct Simulator {
    daemon: Daemon,
    address: SocketAddr,
    announced: Value,
}

impl Simulator {
    /// Starts it on a free port.
    pub(crate) fn start(places: &Places, guard: &Guard, directory: &Path) -> Result<Self> {
        let mut command = Command::new(places.built("simulator"));
        command.args(["--listen", "127.0.0.1:0"]);
        let mut daemon = Daemon::start(guard, "simulator", command, directory)?;
        let announced = wait_for("the simulator", Duration::from_secs(20), || {
            daemon.check()?;
            let log = fs::read_to_string(daemon.log()).unwrap_or_default();
            let line = log.lines().find_map(|line| serde_json::from_str::<Value>(line).ok());
            Ok(line.map_or_else(|| Attempt::NotYet("it has not printed its address".into()), Attempt::Done))
        })?;
        let address =
            announced.get("address").and_then(Value::as_str).map(|address| address.trim_start_matches("http://"));
        let address = address.and_then(|address| address.parse().ok());
        let address = address.ok_or_else(|| Failure::new("the simulator printed no address").why(&announced))?;
        Ok(Self { daemon, address, announced })
    }

    /// Fails if it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.daemon.check()
    }

    /// Its address, as an endpoint of an account.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it said about itself at its start: address, project, credentials.
    pub(crate) fn announced(&self, key: &str) -> Result<&str> {
        let value = self.announced.get(key).and_then(Value::as_str);
        value.ok_or_else(|| Failure::new(format!("the simulator did not tell its {key}")))
    }

    /// Makes something that was not there, such as a queue; `path` is where the admin API has it.
    pub(crate) fn make(&self, path: &str) -> Result<()> {
        self.admin("PUT", path, None).map(drop)
    }

    /// What the admin API tells under a path.
    pub(crate) fn look_up(&self, path: &str) -> Result<Value> {
        self.admin("GET", path, None)
    }

    /// Who holds what on a target now: the truth, whatever any list says.
    pub(crate) fn access(&self, target: &str) -> Result<Access> {
        serde_json::from_value(self.look_up(&format!("targets/{target}/users"))?)
            .map_err(|error| Failure::new("cannot read the simulator's list of users").why(error))
    }

    /// Gives a principal access as somebody does in the cloud's console, beside what is held.
    pub(crate) fn grant_by_hand(&self, target: &str, principal: &str, access: &str) -> Result<()> {
        self.admin("POST", &format!("targets/{target}/users/{principal}"), Some(&json!([access]))).map(drop)
    }

    /// Takes everything from a principal as somebody does in the cloud's console.
    pub(crate) fn remove_by_hand(&self, target: &str, principal: &str) -> Result<()> {
        self.admin("DELETE", &format!("targets/{target}/users/{principal}"), None).map(drop)
    }

    fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        loopback::request(self.address, method, &format!("/_admin/{path}"), body)
    }
}
