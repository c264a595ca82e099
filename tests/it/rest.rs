//! What holds after every scenario in the pure world, however it has left things: who comes new is served soon (P7), and then
//! all comes to rest (P1).

use std::time::Duration;

use serde_json::json;
use simulator::QueueKind;
use tokio::time::{Instant, sleep};

use crate::runner::{Broken, Runner};

/// Who comes new is served within so long.
const SERVED: Duration = Duration::from_secs(10);

/// Then nobody does anything for so long, in which what is missing comes to count as stalled; then nothing is written for so long.
const BEFORE_REST: Duration = Duration::from_mins(11);
const AT_REST: Duration = Duration::from_mins(2);

impl Runner {
    /// From here on the clouds are well, nobody edits, and the operator runs.
    async fn all_is_well(&mut self) {
        self.patching.iter().for_each(tokio::task::AbortHandle::abort);
        self.world.simulator.clear_faults();
        if self.world.metrics().await.is_err() {
            self.world.start_operator();
        }
    }

    /// P7: an object with an account and a queue of its own is Ready soon, whatever is broken beside it. Into a namespace that is
    /// going nobody comes.
    pub(crate) async fn somebody_comes_new(&mut self) -> Result<(), String> {
        self.all_is_well().await;
        match self.serves_a_newcomer().await {
            Err(why) if why.contains("the namespace is being terminated") => Ok(()),
            served => served.map_err(|why| format!("P7: {why}")),
        }
    }

    async fn serves_a_newcomer(&mut self) -> Result<(), String> {
        let mut key = simulator::Settings::default().access_keys.remove(0);
        key.id += "-NEWCOMER";
        self.world.simulator.create_queue("newcomers", QueueKind::Sql);
        self.apply(&json!({
            "kind": "Secret", "metadata": {"name": "newcomer"},
            "stringData": {"access-key-id": key.id, "secret-access-key": key.secret}
        }))
        .await?;
        self.world.simulator.set_access_key(key);
        self.apply_huawei("newcomer", "newcomer").await?;
        let spec = json!({
            "accountRef": {"kind": "CloudAccount", "name": "newcomer"},
            "queueName": "newcomers", "userName": "newcomer", "privileges": ["SUBMIT_JOB"]
        });
        let come = Instant::now();
        self.apply(&json!({"kind": "QueueGrant", "metadata": {"name": "newcomer"}, "spec": spec})).await?;
        let (objects, name) = self.find("QueueGrant", "newcomer")?;
        loop {
            let object = objects.get(&name).await.map_err(|error| error.to_string())?;
            let mut conditions = object.data["status"]["conditions"].as_array().into_iter().flatten();
            if conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True") {
                return Ok(());
            }
            if come.elapsed() > SERVED {
                return Err(format!("who comes new is not served within {SERVED:?}: {}", object.data["status"]));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// P1: sooner or later nothing is written any more; what a cloud refuses is tried again.
    pub(crate) async fn comes_to_rest(&mut self) -> Result<(), Broken> {
        if !self.world.is_pure() {
            return Ok(());
        }
        self.all_is_well().await;
        sleep(BEFORE_REST).await;
        let (calls, writes) = (self.world.simulator.journal_last(), self.world.writes());
        sleep(AT_REST).await;
        let mut made = self.world.simulator.journal_after(calls).into_iter();
        let changes = made.find(|entry| !entry.changed.is_empty());
        let written = self.world.writes().unwrap_or_default().split_off(writes.unwrap_or_default().len());
        if changes.is_some() || !written.is_empty() {
            return Err(Broken(format!(" P1: at rest, instead {changes:?}, and {written:?}")));
        }
        Ok(())
    }
}
