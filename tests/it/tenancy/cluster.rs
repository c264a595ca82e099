//! What is in the API server of a random world at one moment, and what the oracle says of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use kube::api::ListParams;
use serde_json::Value;

use super::objects::is_served;
use super::oracle;
use crate::runner::Runner;

/// Who holds what: by target and principal.
pub type Access = BTreeMap<(String, String), BTreeSet<String>>;

pub struct Cluster {
    pub objects: Vec<Value>,
    accounts: BTreeMap<String, Value>,
    labels: BTreeMap<String, Value>,
    now: Timestamp,
}

impl Cluster {
    pub async fn of(runner: &Runner, now: Timestamp) -> Self {
        let list = async |kind: &str, namespace: &str| {
            let list = runner.api(kind, namespace).list(&ListParams::default()).await.unwrap();
            list.into_iter().map(|object| serde_json::to_value(object).unwrap()).collect::<Vec<_>>()
        };
        let mut objects = Vec::new();
        for (kind, namespace) in runner.everywhere() {
            // Items of a list need not say their kind.
            let kinds = list(kind, &namespace).await.into_iter().map(|mut object| {
                object["kind"] = kind.into();
                object
            });
            objects.extend(kinds);
        }
        let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
        let accounts = list("ClusterCloudAccount", "").await.into_iter();
        let namespaces = list("Namespace", "").await.into_iter();
        Self {
            objects,
            accounts: accounts.map(|account| (name(&account), account["spec"].clone())).collect(),
            labels: namespaces.map(|namespace| (name(&namespace), namespace["metadata"]["labels"].clone())).collect(),
            now,
        }
    }

    /// Whether the object's account allows what it asks for.
    pub fn allows(&self, object: &Value) -> bool {
        let account = &self.accounts[object["spec"]["accountRef"]["name"].as_str().unwrap()];
        let labels = &self.labels[object["metadata"]["namespace"].as_str().unwrap()];
        oracle::allows(account, labels, object)
    }

    /// An account's spec.
    pub fn account(&self, name: &str) -> &Value {
        &self.accounts[name]
    }

    /// Why there is no access for an object at this time, whatever the rules say.
    pub fn out_of_time(&self, object: &Value) -> Option<&'static str> {
        let time =
            |place: &str| object.pointer(place).and_then(Value::as_str).map(|time| time.parse::<Timestamp>().unwrap());
        let passed = time("/status/expiredAt").map_or(self.now, |passed| passed.max(self.now));
        if time("/spec/validUntil").is_some_and(|until| until <= passed) {
            return Some("Expired");
        }
        time("/spec/validFrom").filter(|from| self.now < *from).map(|_| "NotYetValid")
    }

    /// The objects that want something now, and get it.
    fn live(&self) -> impl Iterator<Item = &Value> {
        let live = |object: &&Value| self.allows(object) && self.out_of_time(object).is_none() && is_served(object);
        self.objects.iter().filter(live)
    }

    /// Adds what the objects want that are allowed it.
    pub fn add_wanted(&self, to: &mut Access) {
        for object in self.live() {
            to.entry(oracle::row(object)).or_default().extend(oracle::access(object));
        }
    }

    /// Takes from others what is taken over or removed: whoever adopts leaves them only what objects want that do not.
    pub fn adopt(&self, from: &mut Access) {
        let (adopting, keeping): (Vec<_>, Vec<_>) =
            self.live().partition(|object| object["spec"]["adoptionPolicy"] == "Adopt");
        for adopts in &adopting {
            let row = oracle::row(adopts);
            let Some(theirs) = from.get_mut(&row) else { continue };
            let kept =
                keeping.iter().filter(|object| oracle::row(object) == row).flat_map(|object| oracle::access(object));
            let kept: BTreeSet<_> = kept.collect();
            theirs.retain(|string| kept.contains(string) && !oracle::access(adopts).contains(string));
        }
    }

    /// When access next begins or ends for an object, if that comes before so long a time is over.
    pub fn next_turn(&self, within: SignedDuration) -> Option<SignedDuration> {
        let times = |object: &Value| {
            let times = ["/spec/validFrom", "/spec/validUntil"]
                .map(|place| object.pointer(place).and_then(Value::as_str).map(str::to_owned));
            times.into_iter().flatten().map(|time| time.parse::<Timestamp>().unwrap().duration_since(self.now))
        };
        self.objects.iter().flat_map(times).filter(|wait| wait.is_positive() && *wait <= within).min()
    }

    /// How the object stands instead of how it should.
    pub fn differs(&self, object: &Value) -> Result<(), String> {
        let status = &object["status"];
        let mut conditions = status["conditions"].as_array().into_iter().flatten();
        let ready = conditions.find(|condition| condition["type"] == "Ready");
        let reason = ready.and_then(|ready| ready["reason"].as_str()).unwrap_or_default();
        let owned: BTreeSet<_> = status["owned"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let allowed = self.allows(object);
        let rests = match (allowed, self.out_of_time(object)) {
            (_, Some(out_of_time)) => reason == out_of_time,
            // The operator does not even look for what no target can be called.
            _ if oracle::target(object).contains('/') => reason == "InvalidSpec",
            (false, None) => reason == "NotAllowed",
            (true, None) if is_served(object) => matches!(reason, "Granted" | "AlreadyHeld"),
            (true, None) => {
                matches!(reason, "TargetNotFound" | "PrincipalNotFound" | "PoolNotFound" | "InvalidSpec" | "Rejected")
            }
        };
        let ended = !allowed || self.out_of_time(object).is_some();
        let finalizers = object["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty());
        if !rests {
            return Err(format!("{} and {reason}: {object:#}", if allowed { "allowed" } else { "not allowed" }));
        }
        if status["observedGeneration"] != object["metadata"]["generation"] {
            return Err(format!("it was not looked at: {object:#}"));
        }
        if ended && (!owned.is_empty() || finalizers) {
            return Err(format!("it owns something: {object:#}"));
        }
        let wanted = oracle::access(object);
        if owned.iter().all(|owned| wanted.contains(*owned)) {
            Ok(())
        } else {
            Err(format!("it owns more: {object:#}"))
        }
    }
}
