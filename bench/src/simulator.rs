//! The simulated clouds: a process of our own, its admin API and its journal.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Result;
use crate::process::Process;

/// A running simulator; dropping it stops it.
#[derive(Debug)]
pub struct Simulator {
    /// Where it listens.
    pub url: String,
    announced: Value,
    http: reqwest::Client,
    _process: Process,
}

/// One call to a cloud, as far as it is looked at.
#[derive(Debug, Clone, Deserialize)]
pub struct Call {
    /// Its place in the journal.
    pub sequence: u64,
    /// When it took effect.
    pub timestamp: Timestamp,
    /// The vendor's name of it.
    pub operation: String,
    /// What it was about.
    pub target: Option<String>,
    /// What it did, such as `grant`; none for reads.
    pub action: Option<String>,
    /// Whom it was about.
    pub principals: Vec<String>,
    /// Whether it went well.
    pub succeeded: bool,
}

impl Call {
    /// Whether it was to change something, by its name: the journal has no action for users of a cluster.
    #[must_use]
    pub fn writes(&self) -> bool {
        !["Describe", "Get", "List", "Show"].iter().any(|verb| self.operation.starts_with(verb))
    }
}

#[derive(Deserialize)]
struct Journal {
    last: u64,
    entries: Vec<Call>,
}

impl Simulator {
    /// Starts it on a free port; its output goes to a file in `directory`.
    pub async fn start(program: &Path, directory: &Path) -> Result<Self> {
        let log = directory.join("bench-simulator.log");
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(File::create(&log)?);
        let process = Process::start(&mut command)?;
        let announced = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let text = fs::read_to_string(&log).unwrap_or_default();
                let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                if let Some(announced) = lines.next() {
                    return announced;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let announced = announced.await.map_err(|_| "the simulator does not say where it listens")?;
        let url = announced["url"].as_str().unwrap_or_default().to_owned();
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { url, announced, http, _process: process })
    }

    /// What it said about itself at its start.
    pub fn told(&self, key: &str) -> Result<String> {
        let value = self.announced[key].as_str();
        Ok(value.ok_or_else(|| format!("the simulator did not tell its {key}"))?.to_owned())
    }

    /// Back to the start, with services as their pages have them, and this latency.
    pub async fn reset(&self, latency: Duration) -> Result<()> {
        self.admin("POST", "reset", None).await?;
        self.switch(json!({"count_present": true, "ehpc": {"post_2018": "accepted"}})).await?;
        self.latency(latency).await
    }

    /// From now on calls take so long.
    pub async fn latency(&self, latency: Duration) -> Result<()> {
        self.switch(json!({"latency_ms": u64::try_from(latency.as_millis())?})).await
    }

    async fn switch(&self, switches: Value) -> Result<()> {
        self.admin("PATCH", "switches", Some(switches)).await.map(drop)
    }

    /// Makes what is not there yet, such as a queue.
    pub async fn make(&self, path: &str) -> Result<()> {
        self.admin("PUT", path, None).await.map(drop)
    }

    /// Where the journal ends now.
    pub async fn last(&self) -> Result<u64> {
        let journal: Journal = serde_json::from_slice(&self.admin("GET", "journal?after=0", None).await?)?;
        Ok(journal.last)
    }

    /// The calls since then; what was done past all calls is left out.
    pub async fn calls_after(&self, sequence: u64) -> Result<Vec<Call>> {
        let answer = self.admin("GET", &format!("journal?after={sequence}"), None).await?;
        let journal: Journal = serde_json::from_slice(&answer)?;
        Ok(journal.entries.into_iter().filter(|call| call.operation != "OutsideEdit").collect())
    }

    /// Asks the admin API.
    pub async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Result<Vec<u8>> {
        let request = self.http.request(method.parse()?, format!("{}/_admin/{path}", self.url));
        let request = match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        };
        let answer = request.send().await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_is_a_write_whatever_the_journal_says_of_it() {
        for (operation, writes) in
            [("AddUsers", true), ("DeleteUsers", true), ("ListUsers", false), ("DescribeCluster", false)]
        {
            let call: Call = serde_json::from_value(json!({
                "sequence": 1, "timestamp": "2026-01-01T00:00:00Z", "operation": operation, "target": "ehpc-0",
                "action": null, "principals": ["user00001"], "succeeded": true,
            }))
            .unwrap();
            assert_eq!(call.writes(), writes, "{operation}");
        }
    }
}
