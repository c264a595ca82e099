//! What scenarios expect, and what is instead.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud_access_operator::api::parse_duration;
use kube::api::ListParams;
use serde_json::Value;
use tokio::time::Instant;

use crate::metrics::shows;
use crate::runner::{KINDS, Runner};
use crate::script::Step;

/// How often is looked at first, and, where time costs nothing, once that has gone on for a while.
const LOOK: Duration = Duration::from_millis(50);
const LATER_LOOK: Duration = Duration::from_millis(500);
const LATER: Duration = Duration::from_secs(3);

/// How long the real world is watched for quiet.
const REAL_QUIET: Duration = Duration::from_secs(2);

/// The condition of that type in a status, or null.
fn condition(status: &Value, type_: &str) -> Value {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.find(|condition| condition["type"] == type_).cloned().unwrap_or_default()
}

/// What is written to accounts is gathered for less than this.
const GATHERING: Duration = Duration::from_secs(12);

/// A call that changes nothing, by its line.
fn is_read(call: &str) -> bool {
    ["List", "Show", "Describe", "Get"].iter().any(|verb| call.trim_start().starts_with(verb))
}

impl Runner {
    /// A step that expects something.
    pub(crate) async fn expect(&mut self, step: &Step) -> Result<(), String> {
        match step.words().as_slice() {
            ["expect", "access", target] => self.eventually(async |it: &Self| it.access(target, &step.body)).await,
            ["expect", "password", user, "on", cluster, password] => {
                self.eventually(async |it: &Self| it.password(cluster, user, password)).await
            }
            ["expect", "calls"] => self.calls(&step.body).await,
            ["expect", "no", "write"] => {
                let calls = self.journal(self.calls_seen);
                let written: Vec<_> = calls.iter().filter(|call| !is_read(call)).collect();
                if written.is_empty() { Ok(()) } else { Err(format!("instead: {written:?}")) }
            }
            ["expect", "no", "call", "refused"] => self.no_call_refused(),
            ["expect", "quiet", time] => self.quiet(parse_duration(time).ok_or("not a duration")?).await,
            ["expect", "writes", count] => self.writes(count.parse().map_err(|_| "not a number")?).await,
            ["expect", "event", name, reason] => self.eventually(async |it: &Self| it.event(name, reason).await).await,
            ["expect", "revocations", "held", "by", account, count] => {
                self.eventually(async |it: &Self| it.held(account, count).await).await
            }
            ["expect", "unmanaged", "by", account] => {
                self.eventually(async |it: &Self| it.unmanaged(account, &step.body).await).await
            }
            ["expect", "plan", name] => self.eventually(async |it: &Self| it.plan(name, &step.body).await).await,
            ["expect", "metric", ..] => {
                let expected = step.rest.split_once(' ').map_or("", |(_, expected)| expected);
                self.eventually(async |it: &Self| shows(&it.world.metrics().await?, expected)).await
            }
            ["expect", "at", "most", count, "calls"] => self.at_most(count.parse().map_err(|_| "not a number")?).await,
            ["expect", "namespace", "gone"] => self.eventually(Self::namespace_is_gone).await,
            ["expect", name, "never", "stalled"] => self.never_stalled(name).await,
            ["expect", "account", name, "gone"] => {
                self.eventually(async |it: &Self| it.account_is_gone(name).await).await
            }
            ["expect", "account", name, "there"] => {
                if self.account_is_gone(name).await.is_err() {
                    Ok(())
                } else {
                    Err("instead it is gone".to_owned())
                }
            }
            ["expect", "account", name, ..] => {
                let fields = step.rest.splitn(3, ' ').nth(2).unwrap_or_default();
                self.eventually(async |it: &Self| it.account_stands(name, fields).await).await
            }
            ["expect", name, "gone"] => self.eventually(async |it: &Self| it.is_there(name, false).await).await,
            ["expect", name, "there"] => self.is_there(name, true).await,
            ["expect", name, ..] => {
                let fields = step.rest.split_once(' ').map_or("", |(_, fields)| fields);
                self.eventually(async |it: &Self| it.status(name, fields).await).await
            }
            _ => Err("no such expectation".to_owned()),
        }
    }

    /// Looks until it is as expected, for as long as patience lasts.
    async fn eventually(&self, look: impl AsyncFn(&Self) -> Result<(), String>) -> Result<(), String> {
        let (began, pure) = (Instant::now(), self.world.is_pure());
        loop {
            match look(self).await {
                Ok(()) => return Ok(()),
                Err(instead) if began.elapsed() > self.patience => return Err(instead),
                Err(_) if pure && began.elapsed() > LATER => tokio::time::sleep(LATER_LOOK).await,
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    fn no_call_refused(&self) -> Result<(), String> {
        let entries = self.world.simulator.journal_after(0);
        let refused = entries.into_iter().find(|entry| entry.status.is_some_and(|status| status >= 400));
        refused.map_or(Ok(()), |entry| Err(format!("instead: {entry:?}")))
    }

    fn password(&self, cluster: &str, user: &str, expected: &str) -> Result<(), String> {
        let password = self.world.simulator.hpc_password(cluster, user);
        if password.as_deref() == Some(expected) { Ok(()) } else { Err(format!("instead: {password:?}")) }
    }

    fn access(&self, target: &str, expected: &[String]) -> Result<(), String> {
        let users = self.world.simulator.users(target).ok_or("no such target")?;
        let shown: BTreeMap<_, _> = users.into_iter().filter(|(_, held)| !held.is_empty()).collect();
        let lines: Vec<_> = shown.iter().map(|(user, held)| format!("{user}: {}", held.join(" "))).collect();
        let mut expected = expected.to_vec();
        expected.sort();
        if lines == expected { Ok(()) } else { Err(format!("instead:\n  {}", lines.join("\n  "))) }
    }

    pub(crate) async fn get(&self, name: &str) -> Result<Option<Value>, String> {
        for kind in KINDS {
            let (objects, name) = self.find(kind, name)?;
            if let Some(object) = objects.get_opt(&name).await.unwrap() {
                return Ok(Some(serde_json::to_value(object).unwrap()));
            }
        }
        Ok(None)
    }

    async fn never_stalled(&self, name: &str) -> Result<(), String> {
        let object = self.get(name).await?.ok_or("instead: no such object")?;
        let uid = object["metadata"]["uid"].as_str().unwrap();
        let versions = if self.world.is_pure() { self.world.store()?.versions(uid) } else { vec![object.clone()] };
        let stalled = versions.into_iter().find(|version| condition(&version["status"], "Stalled")["status"] == "True");
        stalled.map_or(Ok(()), |version| Err(format!("instead: {:#}", version["status"])))
    }

    async fn is_there(&self, name: &str, expected: bool) -> Result<(), String> {
        let object = self.get(name).await?;
        if object.is_some() == expected { Ok(()) } else { Err(format!("instead: {object:?}")) }
    }

    async fn namespace_is_gone(&self) -> Result<(), String> {
        if self.world.is_pure() {
            return if self.world.store()?.is_empty(&self.world.namespace) {
                Ok(())
            } else {
                Err("instead: it is not empty".to_owned())
            };
        }
        let found =
            self.api("Namespace", "").get_opt(&self.world.namespace).await.map_err(|error| error.to_string())?;
        found.map_or(Ok(()), |namespace| Err(format!("instead: {:#}", namespace.data["status"])))
    }

    async fn account_is_gone(&self, account: &str) -> Result<(), String> {
        let (accounts, name) = self.find_account(account)?;
        let found = accounts.get_opt(&name).await.map_err(|error| error.to_string())?;
        found.map_or(Ok(()), |account| Err(format!("instead: {:?}", account.metadata)))
    }

    async fn account_status(&self, account: &str) -> Result<Value, String> {
        let (accounts, name) = self.find_account(account)?;
        let account = accounts.get(&name).await.map_err(|error| error.to_string())?;
        Ok(account.data["status"].clone())
    }

    async fn held(&self, account: &str, expected: &str) -> Result<(), String> {
        let status = self.account_status(account).await?;
        let held = status["held"]["count"].as_u64().unwrap_or(0).to_string();
        if held == expected { Ok(()) } else { Err(format!("instead: {status:#}")) }
    }

    async fn unmanaged(&self, account: &str, expected: &[String]) -> Result<(), String> {
        let status = self.account_status(account).await?;
        let listed = status["unmanaged"].as_array().into_iter().flatten();
        let line = |one: &Value| format!("{}: {}", one["target"].as_str().unwrap_or_default(), one["principals"]);
        let lines: Vec<_> = listed.map(line).collect();
        if lines == expected { Ok(()) } else { Err(format!("instead: {lines:#?}")) }
    }

    async fn plan(&self, name: &str, expected: &[String]) -> Result<(), String> {
        let object = self.get(name).await?.ok_or("instead: no such object")?;
        let lines: Vec<_> =
            object["status"]["plan"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let expected: Vec<_> = expected.iter().map(|line| line.trim()).collect();
        if lines == expected { Ok(()) } else { Err(format!("instead: {lines:#?}")) }
    }

    async fn account_stands(&self, account: &str, fields: &str) -> Result<(), String> {
        let (accounts, name) = self.find_account(account)?;
        let account = accounts.get(&name).await.map_err(|error| error.to_string())?;
        self.shows(&serde_json::to_value(account).unwrap(), fields).await
    }

    async fn status(&self, name: &str, fields: &str) -> Result<(), String> {
        let object = self.get(name).await?.ok_or("instead: no such object")?;
        self.shows(&object, fields).await
    }

    async fn shows(&self, object: &Value, fields: &str) -> Result<(), String> {
        if let Some((_, wanted)) = fields.split_once("message~") {
            let message = self.shown(object, "message").await?;
            if !message.contains(wanted) {
                return Err(format!("instead the message is: {message}"));
            }
        }
        let fields = fields.split("message~").next().unwrap_or_default();
        for (field, expected) in fields.split_whitespace().filter_map(|field| field.split_once('=')) {
            let shown = self.shown(object, field).await?;
            if shown != expected {
                return Err(format!("instead {field}={shown}; status: {:#}", object["status"]));
            }
        }
        Ok(())
    }

    /// One field of an object, as scenarios write it.
    pub(crate) async fn shown(&self, object: &Value, field: &str) -> Result<String, String> {
        let status = &object["status"];
        let condition = |type_: &str| condition(status, type_);
        let text = |value: &Value| value.as_str().unwrap_or("absent").to_owned();
        let list = |value: &Value| {
            let strings: Vec<_> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            strings.join(",")
        };
        Ok(match field {
            "ready" => text(&condition("Ready")["status"]),
            "reason" => text(&condition("Ready")["reason"]),
            "message" => text(&condition("Ready")["message"]),
            "reconciling" => text(&condition("Reconciling")["status"]),
            "stalled" => text(&condition("Stalled")["status"]),
            "held" => text(&condition("Held")["status"]),
            "owned" => list(&status["owned"]),
            "observed" => list(&status["observed"]),
            "expires" if status["credentialsExpireAt"].is_string() => "later".to_owned(),
            "rules" => status["rules"].as_array().map_or(0, Vec::len).to_string(),
            "claims" => {
                let claims = status["claims"].as_array().into_iter().flatten();
                let claims = claims.map(|claim| format!("{}:{}", text(&claim["reason"]), claim["count"]));
                claims.collect::<Vec<_>>().join(",")
            }
            "finalizers" => list(&object["metadata"]["finalizers"]),
            "expired" => text(&status["expiredAt"]),
            "handled" => text(&status["lastHandledReconcileAt"]),
            "generation" => status["observedGeneration"].to_string(),
            "secret" if status["secretVersion"] == self.secret_version(object).await => "current".to_owned(),
            "secret" => text(&status["secretVersion"]),
            "current" => (status["observedGeneration"] == object["metadata"]["generation"]).to_string(),
            _ => return Err(format!("no such field: {field}")),
        })
    }

    /// The version of the Secret that an object names, as it is now.
    async fn secret_version(&self, object: &Value) -> Value {
        let named = |field: &str| object["spec"]["passwordSecretRef"][field].as_str().unwrap();
        let namespace = object["metadata"]["namespace"].as_str().unwrap();
        let meta = self.api("Secret", namespace).get(named("name")).await.unwrap().metadata;
        Value::from(format!("{}/{}/{}", meta.uid.unwrap(), meta.resource_version.unwrap(), named("key")))
    }

    async fn event(&self, name: &str, reason: &str) -> Result<(), String> {
        let (events, name) = self.find("Event", name)?;
        let events = events.list(&ListParams::default()).await.unwrap();
        let said: Vec<_> = events
            .into_iter()
            .filter(|event| event.data["regarding"]["name"] == name)
            .map(|event| event.data["reason"].as_str().unwrap_or_default().to_owned())
            .collect();
        if said.iter().any(|said| said == reason) { Ok(()) } else { Err(format!("instead: {said:?}")) }
    }

    /// The resourceVersion of every access object.
    async fn versions(&self) -> Vec<Option<String>> {
        let mut versions = Vec::new();
        for (kind, namespace) in self.everywhere() {
            let objects = self.api(kind, &namespace).list(&ListParams::default()).await.unwrap();
            versions.extend(objects.into_iter().map(|object| object.metadata.resource_version));
        }
        versions
    }

    /// Waits until nothing has happened for a while: the cloud was not called but for lists, and nothing was written.
    async fn settle(&self) {
        let calm = if self.world.is_pure() { Duration::from_secs(1) } else { Duration::from_millis(700) };
        let calls = || self.journal(0).into_iter().filter(|call| !is_read(call)).count();
        let state = || (calls(), self.world.writes().map(|writes| writes.len()));
        let mut before = state();
        loop {
            tokio::time::sleep(calm).await;
            let now = state();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// The calls after one of the journal, in words; what was done by hand left out.
    pub(crate) fn journal(&self, after: u64) -> Vec<String> {
        let entries = self.world.simulator.journal_after(after);
        let calls = entries.into_iter().filter(|entry| entry.operation != "OutsideEdit");
        let words = calls.map(|entry| {
            let mut words = vec![entry.operation];
            words.extend(entry.action);
            words.extend(entry.principals);
            words.extend(entry.privileges);
            words.extend(entry.target);
            if !entry.succeeded {
                words.push(format!("-> {}", entry.error_code.unwrap_or_else(|| "no success".to_owned())));
            }
            words.join(" ")
        });
        words.filter(|call| self.world.is_pure() || !is_read(call)).collect()
    }

    async fn calls(&mut self, expected: &[String]) -> Result<(), String> {
        self.settle().await;
        let mut calls = self.journal(self.calls_seen);
        self.calls_seen = self.world.simulator.journal_last();
        let mut expected = expected.to_vec();
        if !self.world.is_pure() {
            // What is sent at once arrives in any order there.
            expected.retain(|call| !is_read(call));
            expected.sort();
            calls.sort();
        }
        if calls == expected { Ok(()) } else { Err(format!("instead:\n  {}", calls.join("\n  "))) }
    }

    /// So many calls at most, reads included: nothing was asked again and again.
    async fn at_most(&mut self, count: u64) -> Result<(), String> {
        self.settle().await;
        let last = self.world.simulator.journal_last();
        let made = last - std::mem::replace(&mut self.calls_seen, last);
        if made <= count { Ok(()) } else { Err(format!("instead {made}")) }
    }

    async fn writes(&mut self, expected: usize) -> Result<(), String> {
        self.settle().await;
        let Some(writes) = self.world.writes() else {
            return Ok(());
        };
        let fresh = &writes[std::mem::replace(&mut self.writes_seen, writes.len())..];
        // How accounts stand is told some seconds later, whatever else happens.
        let is_of_account = |line: &&String| line.starts_with("PATCH cloudaccounts") && line.ends_with(" status");
        let fresh: Vec<_> = fresh.iter().filter(|line| !is_of_account(line)).cloned().collect();
        if fresh.len() == expected {
            Ok(())
        } else {
            Err(format!("instead {}:\n  {}", fresh.len(), fresh.join("\n  ")))
        }
    }

    async fn quiet(&mut self, time: Duration) -> Result<(), String> {
        self.settle().await;
        if self.world.is_pure() {
            tokio::time::sleep(GATHERING).await;
        }
        let (calls, writes) = (self.world.simulator.journal_last(), self.world.writes());
        let versions = self.versions().await;
        tokio::time::sleep(if self.world.is_pure() { time } else { time.min(REAL_QUIET) }).await;
        let made: Vec<_> = self.journal(calls).into_iter().filter(|call| !is_read(call)).collect();
        let versions_now = self.versions().await;
        if versions_now != versions {
            return Err(format!("instead objects were written: {versions:?}, then {versions_now:?}"));
        }
        if !made.is_empty() || self.world.writes() != writes {
            return Err(format!("instead calls {made:?}, writes {:?}", self.world.writes()));
        }
        self.calls_seen = self.world.simulator.journal_last();
        self.writes_seen = writes.map_or(0, |writes| writes.len());
        Ok(())
    }
}
