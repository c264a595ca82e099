//! What `Current` promises, and whether it is so: computed from specs and from what the simulator did, not from statuses.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulator::Entry;

use super::asked::Asked;
use super::record::{Story, Version};
use super::rules::Status;

/// A Secret is read so often at least to see how an account stands.
const SECRET_READ: SignedDuration = SignedDuration::from_mins(1);

/// A scenario, with what kstatus says of each version.
pub struct Told<'a> {
    pub story: &'a Story,
    pub statuses: Vec<Option<Status>>,
}

impl<'a> Told<'a> {
    /// What kstatus says of a version is true. It is checked when the status is written; whatever else is written to the object
    /// changes neither the status nor what kstatus says.
    pub fn check(&self, index: usize) -> Result<(), String> {
        let version = &self.story.versions[index];
        if self.statuses[index] != Some(Status::Current) {
            return Ok(());
        }
        let before = self.before(index).next();
        let is_new = before.is_none_or(|(_, before)| before.object["status"] != version.object["status"]);
        match (is_new, version.by_operator) {
            (false, _) => self.was_current(before),
            (true, true) => self.check_written(index),
            // Somebody restores or forges it: the word of whoever did.
            (true, false) => Ok(()),
        }
    }

    /// The operator has just written this status.
    fn check_written(&self, index: usize) -> Result<(), String> {
        let version = &self.story.versions[index];
        let spec = version.spec();
        let Some(asked) = &version.asked else { return self.secret_is_there(index) };
        if spec["suspend"] == true {
            // It keeps the Ready that it had (ADR 21): it was current before.
            let mut before = self.before(index);
            return self.was_current(before.find(|(_, it)| it.spec()["suspend"] != true && it.is_observed()));
        }
        if self.is_over(index) || time(spec, "validFrom") > Some(version.at) {
            return self.nothing_is_left(index, asked);
        }
        self.is_looked_at(index, asked)?;
        // In mode Observe access need not hold, but then the object is Drifted (ADR 23).
        if spec["mode"] == "Observe" && version.condition("Ready")["reason"] == "Drifted" {
            return Ok(());
        }
        self.password_is_set(index, asked)?;
        self.is_held(version, asked)
    }

    fn was_current(&self, before: Option<(usize, &Version)>) -> Result<(), String> {
        let was_so = before.is_some_and(|(index, _)| self.statuses[index] == Some(Status::Current));
        if was_so { Ok(()) } else { Err("it was not so before".to_owned()) }
    }

    /// The versions of the same object before one, the latest first.
    fn before(&self, index: usize) -> impl Iterator<Item = (usize, &'a Version)> + use<'a> {
        let (versions, uid) = (&self.story.versions, &self.story.versions[index].meta()["uid"]);
        versions[..index].iter().enumerate().rev().filter(move |(_, version)| version.meta()["uid"] == *uid)
    }

    /// Its time is over, or a later end than that has passed once, whatever the clock says now (ADR 20).
    fn is_over(&self, index: usize) -> bool {
        let version = &self.story.versions[index];
        let Some(until) = time(version.spec(), "validUntil") else { return false };
        let passed = |it: &Version| time(it.spec(), "validUntil").filter(|until| *until <= it.at);
        until <= version.at || self.before(index).any(|(_, it)| passed(it) >= Some(until))
    }

    /// Its target was listed after the spec had become what it is.
    fn is_looked_at(&self, index: usize, asked: &Asked) -> Result<(), String> {
        let version = &self.story.versions[index];
        let generation = &version.meta()["generation"];
        let same = self.before(index).take_while(|(_, it)| it.meta()["generation"] == *generation);
        let since = same.last().map_or(version.journal, |(_, first)| first.journal);
        let is_looked_at = self.last_look(version, asked).is_some_and(|look| look > since);
        if is_looked_at { Ok(()) } else { Err("nobody has looked since the last change of the spec".to_owned()) }
    }

    /// The operator's last look at the target before a version.
    fn last_look(&self, version: &Version, asked: &Asked) -> Option<u64> {
        let is_look = |entry: &&Entry| {
            entry.succeeded && entry.operation.starts_with("List") && entry.target.as_ref() == Some(&asked.target)
        };
        self.until(version).iter().rev().find(is_look).map(|entry| entry.sequence)
    }

    /// The journal when a version was written.
    fn until(&self, version: &Version) -> &'a [Entry] {
        &self.story.journal[..usize::try_from(version.journal).unwrap()]
    }

    /// The principal holds what is asked for; or did when the operator last looked, and others took it away since.
    fn is_held(&self, version: &Version, asked: &Asked) -> Result<(), String> {
        let look = self.last_look(version, asked).unwrap_or_default();
        let since = &self.until(version)[usize::try_from(look).unwrap()..];
        let mut held = version.held.clone();
        for [before, after] in asked.edits(since).rev() {
            held = &(&held - &set(after)) | &set(before);
        }
        let is_held = asked.is_within(&version.held) || asked.is_within(&held);
        let instead = || format!("{} holds {:?} on {}", asked.principal, version.held, asked.target);
        if is_held { Ok(()) } else { Err(instead()) }
    }

    /// Of one whose time is over, or has not come, nothing is left: what is, others have granted, or other objects ask for.
    fn nothing_is_left(&self, index: usize, asked: &Asked) -> Result<(), String> {
        let version = &self.story.versions[index];
        let mut left = &version.held & &asked.access;
        for [_, after] in asked.edits(self.until(version)) {
            left = &left - &set(after);
        }
        for asks in self.others(index).filter_map(|other| other.asked.as_ref()) {
            if asks.target == asked.target && asks.principal == asked.principal {
                left = &left - &asks.access;
            }
        }
        if left.is_empty() { Ok(()) } else { Err(format!("{} still holds {left:?}", asked.principal)) }
    }

    /// The objects beside one that are there when it is written.
    fn others(&self, index: usize) -> impl Iterator<Item = &'a Version> + use<'a> {
        let (versions, uid) = (&self.story.versions, &self.story.versions[index].meta()["uid"]);
        let latest: BTreeMap<_, _> = versions[..index].iter().map(|it| (it.meta()["uid"].as_str(), it)).collect();
        latest.into_values().filter(move |it| !it.is_last && it.meta()["uid"] != *uid)
    }

    /// What was granted with a password has the one that its Secret holds, unless others have set another one since.
    fn password_is_set(&self, index: usize, asked: &Asked) -> Result<(), String> {
        let version = &self.story.versions[index];
        let secret = &version.spec()["passwordSecretRef"];
        if secret.is_null()
            || version.object["status"]["owned"] == json!([])
            || self.others_set_password(version, asked)
        {
            return Ok(());
        }
        let named = self.others(index).find(|it| {
            it.kind() == "Secret"
                && it.meta()["name"] == secret["name"]
                && it.meta()["namespace"] == version.meta()["namespace"]
        });
        let value = named.map(|it| &it.object["data"][secret["key"].as_str().unwrap_or_default()]);
        let set = serde_json::to_value(k8s_openapi::ByteString(version.password.clone().unwrap_or_default().into()));
        if value == set.ok().as_ref() { Ok(()) } else { Err("the password is another one".to_owned()) }
    }

    /// Somebody has set a password by hand after the operator had, which nobody can see.
    fn others_set_password(&self, version: &Version, asked: &Asked) -> bool {
        let is_write = |entry: &&Entry| {
            entry.target.as_ref() == Some(&asked.target) && entry.principals.contains(&asked.principal)
        };
        let writes: Vec<_> = self.until(version).iter().filter(is_write).collect();
        let last_own = writes.iter().rposition(|entry| entry.operation != "OutsideEdit");
        let since = last_own.map_or(&[][..], |own| &writes[own..]);
        since.iter().any(|entry| entry.operation == "OutsideEdit" && entry.action.as_deref() == Some("password"))
    }

    /// The Secret that an account names is there, or was when it may have been read last.
    fn secret_is_there(&self, index: usize) -> Result<(), String> {
        let version = &self.story.versions[index];
        let vendor = if version.spec()["huawei"].is_null() { "alibaba" } else { "huawei" };
        let secret = &version.spec()[vendor]["credentials"]["secretRef"]["name"];
        if secret.is_null() {
            return Ok(());
        }
        let own = json!("team-operator");
        let namespace = if version.kind() == "ClusterCloudAccount" { &own } else { &version.meta()["namespace"] };
        let mut written = self.story.versions[..index].iter().rev();
        let last = written
            .find(|it| it.kind() == "Secret" && it.meta()["name"] == *secret && it.meta()["namespace"] == *namespace);
        let was_there = last.is_some_and(|it| !it.is_last || version.at.duration_since(it.at) < SECRET_READ);
        if was_there { Ok(()) } else { Err("its Secret is missing".to_owned()) }
    }
}

fn time(spec: &Value, field: &str) -> Option<Timestamp> {
    spec[field].as_str()?.parse().ok()
}

fn set(strings: &[String]) -> BTreeSet<String> {
    strings.iter().cloned().collect()
}
