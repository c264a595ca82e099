//! What has to hold of a random world once it has settled, and of all the calls that it caused.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::alphabet::KINDS;
use super::cluster::{Access, Cluster};
use super::matrix::{LOOKS, Matrix};
use super::oracle;

impl Matrix {
    /// Waits until everything is as the oracle says, and notes what others hold since.
    pub(super) async fn check(&mut self) -> Result<(), String> {
        self.remember().await;
        self.leave_behind().await;
        let mut looks = LOOKS.into_iter();
        loop {
            // Even what is right already is given time to go wrong.
            let wait = looks.next();
            tokio::time::sleep(Duration::from_secs(wait.unwrap_or_default())).await;
            let cluster = self.cluster().await;
            let mut foreign = self.foreign.clone();
            cluster.adopt(&mut foreign);
            match (self.differs(&cluster, &foreign), wait) {
                (Ok(()), _) => {
                    self.foreign = foreign;
                    self.tally.count(&cluster);
                    return Ok(());
                }
                (Err(instead), None) => return Err(instead),
                (Err(_), Some(_)) => {}
            }
        }
    }

    /// What deleted objects leave to others: what they own, if they may.
    async fn leave_behind(&mut self) {
        let cluster = self.cluster().await;
        for object in std::mem::take(&mut self.deleted) {
            let retains = object["spec"]["deletionPolicy"] == "Retain" && cluster.allows(&object);
            if !retains || cluster.out_of_time(&object) == Some("Expired") {
                continue;
            }
            let (target, principal) = oracle::row(&object);
            let held = self.runner.world.simulator.users(&target).unwrap_or_default().remove(&principal);
            let owned: BTreeSet<_> =
                object["status"]["owned"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let left = held.unwrap_or_default().into_iter().filter(|held| owned.contains(held.as_str()));
            self.foreign.entry((target, principal)).or_default().extend(left);
        }
    }

    fn differs(&self, cluster: &Cluster, foreign: &Access) -> Result<(), String> {
        for object in &cluster.objects {
            if !object["metadata"]["deletionTimestamp"].is_null() {
                return Err(format!("it was deleted, and is still there: {object:#}"));
            }
            cluster.differs(object)?;
        }
        let mut expected = foreign.clone();
        cluster.add_wanted(&mut expected);
        let mut held = Access::new();
        for target in KINDS.iter().flat_map(|kind| kind.targets) {
            for (user, strings) in self.runner.world.simulator.users(target).unwrap() {
                held.insert((target.to_string(), user), strings.into_iter().collect());
            }
        }
        held.retain(|_, strings| !strings.is_empty());
        expected.retain(|_, strings| !strings.is_empty());
        let all: BTreeSet<_> = held.keys().chain(expected.keys()).collect();
        let wrong: Vec<_> = all.into_iter().filter(|row| held.get(*row) != expected.get(*row)).collect();
        let lines =
            wrong.iter().map(|row| format!("{row:?} holds {:?}, not {:?}\n", held.get(*row), expected.get(*row)));
        if wrong.is_empty() { Ok(()) } else { Err(lines.collect()) }
    }

    /// No call was about what was allowed at no moment, and nothing else was ever granted.
    pub(super) fn check_calls(&self) -> Result<(), String> {
        let targets: BTreeSet<_> = self.ever.keys().map(|(target, _)| target).collect();
        let principals: BTreeSet<_> = self.ever.keys().map(|(_, principal)| principal).collect();
        let calls = self.runner.world.simulator.journal_after(0);
        for call in calls.iter().filter(|call| call.operation != "OutsideEdit") {
            if call.target.as_ref().is_some_and(|target| !targets.contains(target)) {
                return Err(format!("a call about a target that nobody may ask for: {call:?}"));
            }
            let is_write = call.action.is_some();
            let strange = |principal: &&String| {
                let row = call.target.clone().map(|target| (target, (*principal).clone()));
                if is_write {
                    !row.is_some_and(|row| self.ever.contains_key(&row))
                } else {
                    !principals.contains(principal)
                }
            };
            if let Some(principal) = call.principals.iter().find(strange) {
                return Err(format!("a call about {principal:?}, who may get nothing: {call:?}"));
            }
            for change in &call.changed {
                let before: BTreeSet<_> = change.before.iter().collect();
                let row = (call.target.clone().unwrap_or_default(), change.principal.clone());
                let may = |granted: &&String| self.ever.get(&row).is_some_and(|ever| ever.contains(*granted));
                if !change.after.iter().filter(|after| !before.contains(after)).all(|granted| may(&granted)) {
                    return Err(format!("something was granted that nobody may get: {call:?}"));
                }
            }
        }
        Ok(())
    }
}
