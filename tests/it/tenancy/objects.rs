//! Objects of random worlds, and their edits.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::alphabet::{KINDS, Kind, LONGEST, SHARED};
use super::oracle;
use crate::histories::random::Random;

/// The kind of an object.
pub fn kind(object: &Value) -> &'static Kind {
    KINDS.iter().find(|kind| object["kind"] == kind.name).unwrap()
}

/// The cloud has its target, and takes its user and its access.
pub fn is_served(object: &Value) -> bool {
    let kind = kind(object);
    let unknown = |access: &String| kind.no_access.contains(&access.as_str());
    kind.targets.contains(&&*oracle::target(object))
        && kind.users.contains(&oracle::principal(object))
        && !oracle::access(object).iter().any(unknown)
}

/// Several objects may be about its user.
pub fn is_shared(object: &Value) -> bool {
    let kind = kind(object);
    kind.adds_up && kind.users[..SHARED].contains(&oracle::principal(object))
}

/// An object about one of these users of its kind. One that no cloud would serve does not change what it asks for.
pub struct Made<'a> {
    pub kind: &'static Kind,
    pub name: &'a str,
    /// The namespace, as scenarios write it; none for their own.
    pub namespace: Option<&'a str>,
    pub account: &'a str,
    pub target: &'a str,
    pub user: &'a str,
}

impl Made<'_> {
    pub fn manifest(&self, random: &mut Random, now: Timestamp) -> Value {
        let account = json!({"kind": "ClusterCloudAccount", "name": self.account});
        let mut spec = json!({"accountRef": account, self.kind.field: self.target});
        match self.kind.name {
            "WorkspaceMember" if self.user.ends_with('1') => spec["group"] = json!({"id": self.user}),
            "WorkspaceMember" => spec["user"] = json!({"id": self.user}),
            _ => spec["userName"] = json!(self.user),
        }
        if self.kind.name == "HpcUser" {
            spec["passwordSecretRef"] = json!({"name": "password", "key": "password"});
        }
        let no_access = !self.kind.no_access.is_empty() && random.chance(15);
        let shared = self.kind.adds_up && self.kind.users[..SHARED].contains(&self.user);
        let (field, asked) = access(random, self.kind, no_access && !shared);
        spec[field] = asked;
        let mut object = json!({"kind": self.kind.name, "metadata": {"name": self.name}, "spec": spec});
        if let Some(namespace) = self.namespace {
            object["metadata"]["namespace"] = json!(namespace);
        }
        if random.chance(35) {
            let policies = policies(random, &object);
            merge(&mut object["spec"], policies);
        }
        if random.chance(45) {
            merge(&mut object["spec"], dates(random, now, now));
        }
        object
    }
}

/// Fields of a spec are set.
fn merge(spec: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else { return };
    spec.as_object_mut().unwrap().extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
}

/// The field of access, and something that it may ask for.
fn access(random: &mut Random, kind: &Kind, no_access: bool) -> (&'static str, Value) {
    let from = if no_access { kind.no_access } else { kind.access };
    let several: BTreeSet<&str> = random.some(from);
    match kind.name {
        "QueueGrant" => ("privileges", json!(several)),
        "PoolMembership" => ("poolName", json!(random.pick(from))),
        "WorkspaceMember" => ("roles", json!(several)),
        _ => ("group", json!(random.pick(from))),
    }
}

/// Policies; what several objects share is left behind by none.
fn policies(random: &mut Random, object: &Value) -> Value {
    let deletion = if is_shared(object) { "Revoke" } else { random.pick(&["Revoke", "Retain", "Retain"]) };
    json!({"adoptionPolicy": random.pick(&["Adopt", "Adopt", "Keep"]), "deletionPolicy": deletion})
}

/// Access for a while, most of the time for as long as some rule allows it, give or take a second.
fn dates(random: &mut Random, created: Timestamp, now: Timestamp) -> Value {
    let second = |seconds: i64| SignedDuration::from_secs(seconds);
    let from = random.pick(&[None, None, Some(-3600), Some(-1), Some(60), Some(300)]).map(|after| now + second(after));
    let longest = random.pick(&LONGEST).1;
    let base = random.pick(&[created, now]);
    let until = from.map_or(base, |from| from.max(base)) + second(longest + random.pick(&[-1, 0, 0, 0, 1]));
    json!({"validFrom": from.map(|from| from.to_string()), "validUntil": until.to_string()})
}

/// An edit of an object's spec, as a merge patch.
pub fn edit(random: &mut Random, object: &Value, now: Timestamp) -> Value {
    let created = object["metadata"]["creationTimestamp"].as_str().unwrap().parse().unwrap();
    let fields = match random.below(10) {
        0..4 if is_served(object) => {
            let (field, asked) = access(random, kind(object), false);
            json!({field: asked})
        }
        4..6 => policies(random, object),
        6 => json!({"validFrom": null, "validUntil": null}),
        _ => dates(random, created, now),
    };
    json!({"spec": fields})
}
