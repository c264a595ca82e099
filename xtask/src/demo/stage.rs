//! What the scenes of a story share: the running environment, what is claimed so far, and the checks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::environment::Environment;
use crate::failure::{Failure, Result};
use crate::kubectl::Kubectl;
use crate::process;
use crate::progress::{Attempt, say, wait_for};
use crate::samples::{Claim, Sample};
use crate::simulator::Access;

/// How long any step may take. The operator looks for drift every 5 seconds here.
const LIMIT: Duration = Duration::from_secs(40);

/// Where one story is played.
pub(super) struct Stage<'a> {
    /// What runs.
    pub(super) environment: &'a mut Environment,
    /// kubectl as a member of the team.
    pub(super) kubectl: Kubectl,
    /// What the story starts with.
    pub(super) sample: Sample,
    /// Objects that are applied now, by name.
    claimed: BTreeMap<String, Claim>,
    /// What others hold in the cloud, by target.
    foreign: BTreeMap<String, Access>,
}

impl<'a> Stage<'a> {
    /// Before the first scene: nothing is claimed yet.
    pub(super) fn set(environment: &'a mut Environment, sample: Sample) -> Result<Self> {
        let mut foreign = BTreeMap::new();
        for claim in &sample.claims {
            foreign.insert(claim.target.clone(), environment.simulator.access(&claim.target)?);
        }
        Ok(Self { kubectl: environment.tenant(), environment, sample, claimed: BTreeMap::new(), foreign })
    }

    /// The sample that most of the story is about.
    pub(super) fn hero(&self) -> Result<Claim> {
        let none = || Failure::new(format!("{} has no {}", self.sample.kind.file(), self.sample.kind.name));
        self.sample.claims.first().cloned().ok_or_else(none)
    }

    /// Somebody grants access in the cloud's console, on the hero's target.
    pub(super) fn grant_by_hand(&mut self, principal: &str, access: &str) -> Result<()> {
        let target = self.hero()?.target;
        say(format!("    In the cloud's console, somebody grants {principal} {access} on {target}."));
        self.environment.simulator.grant_by_hand(&target, principal, access)?;
        let list = self.foreign.entry(target).or_default();
        list.entry(principal.to_owned()).or_default().insert(access.to_owned());
        Ok(())
    }

    /// Applies the samples, and waits until the cloud holds what they ask for.
    pub(super) fn apply_samples(&mut self) -> Result<()> {
        self.kubectl.show_apply(&self.sample.kind.file(), &self.sample.objects)?;
        let claims = self.sample.claims.clone();
        for claim in &claims {
            self.claim(claim.clone());
        }
        for claim in &claims {
            self.is_ready(&claim.name, "Granted")?;
        }
        self.the_cloud_holds_what_it_should()?;
        self.table()
    }

    /// From now on this object claims its access.
    pub(super) fn claim(&mut self, claim: Claim) {
        self.claimed.insert(claim.name.clone(), claim);
    }

    /// From now on this object claims nothing, though it is there.
    pub(super) fn ended(&mut self, name: &str) -> Result<()> {
        self.claimed.remove(name);
        self.the_cloud_holds_what_it_should()
    }

    /// Edits fields of an object's spec, and waits until the cloud holds what it asks for now.
    pub(super) fn edit(&mut self, claim: &Claim, spec: &Value) -> Result<()> {
        self.patch(&claim.name, spec)?;
        self.claim(claim.like(&claim.name, spec)?);
        self.is_ready(&claim.name, "Granted")?;
        self.the_cloud_holds_what_it_should()
    }

    /// Edits fields of an object's spec.
    pub(super) fn patch(&self, name: &str, spec: &Value) -> Result<()> {
        let patch = json!({"spec": spec}).to_string();
        self.kubectl.show(&["patch", &self.sample.kind.resource(), name, "--type=merge", "--patch", &patch])
    }

    /// Deletes an object, waits until it is gone, and claims its access no more.
    pub(super) fn delete(&mut self, name: &str) -> Result<()> {
        self.kubectl.show(&["delete", &self.sample.kind.resource(), name, "--timeout=40s"])?;
        self.ended(name)
    }

    /// Waits until the list of every target is what was claimed plus what others hold: no less, and no more.
    pub(super) fn the_cloud_holds_what_it_should(&mut self) -> Result<()> {
        for target in self.foreign.keys().cloned().collect::<Vec<_>>() {
            let expected = self.expected(&target);
            let found = self.wait_for(&format!("the access list of {target}"), |stage| {
                let found = stage.environment.simulator.access(&target)?;
                if found == expected {
                    return Ok(Attempt::Done(found));
                }
                Ok(Attempt::NotYet(format!("expected {}\nfound    {}", shown(&expected), shown(&found))))
            })?;
            say(format!("    ok: the cloud's list of {target} is {}", shown(&found)));
        }
        Ok(())
    }

    /// Waits until an object's condition `Ready` is True for this reason, about the present spec.
    pub(super) fn is_ready(&mut self, name: &str, reason: &str) -> Result<String> {
        let message = self.wait_for(&format!("{name} to be Ready: {reason}"), |stage| {
            let resource = stage.sample.kind.resource();
            let object = stage.kubectl.json(&["get", &resource, name, "--output=json"])?;
            Ok(match ready(&object) {
                Some((true, found, message)) if found == reason => Attempt::Done(message.to_owned()),
                Some((_, found, message)) => Attempt::NotYet(format!("its reason is {found}: {message}")),
                None => Attempt::NotYet("it has no condition Ready about its present spec".into()),
            })
        })?;
        say(format!("    ok: {name} is Ready: {reason}"));
        Ok(message)
    }

    /// Tries until something is there, as long as everything runs and a step may take.
    pub(super) fn wait_for<T>(
        &mut self,
        what: &str,
        mut attempt: impl FnMut(&mut Self) -> Result<Attempt<T>>,
    ) -> Result<T> {
        wait_for(what, LIMIT, || {
            self.environment.check()?;
            attempt(self)
        })
    }

    /// The table that users look at.
    pub(super) fn table(&self) -> Result<()> {
        self.kubectl.show(&["get", &format!("{}s", self.sample.kind.resource())])
    }

    /// Adds to a failure what the operator said last.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        let log = self.environment.operator_log();
        let advice = format!("read the operator's log, {}, which ends:\n{}", log.display(), process::tail(log));
        failure.advice(advice)
    }

    fn expected(&self, target: &str) -> Access {
        let mut access = self.foreign.get(target).cloned().unwrap_or_default();
        for claim in self.claimed.values().filter(|claim| claim.target == target) {
            access.entry(claim.principal.clone()).or_default().extend(claim.access.iter().cloned());
        }
        access
    }
}

/// Status, reason and message of the condition, if it is about the present generation.
fn ready(object: &Value) -> Option<(bool, &str, &str)> {
    let generation = object.pointer("/metadata/generation")?;
    let status = object.get("status")?;
    let conditions = status.get("conditions")?.as_array()?;
    let condition = conditions.iter().find(|condition| condition["type"] == "Ready")?;
    if status.get("observedGeneration")? != generation {
        return None;
    }
    Some((
        condition["status"] == "True",
        condition["reason"].as_str()?,
        condition["message"].as_str().unwrap_or_default(),
    ))
}

/// An access list on one line.
fn shown(access: &Access) -> String {
    let row = |(principal, held): (&String, &BTreeSet<String>)| {
        format!("{principal}: {}", held.iter().map(String::as_str).collect::<Vec<_>>().join("+"))
    };
    let rows: Vec<String> = access.iter().map(row).collect();
    if rows.is_empty() { "empty".into() } else { rows.join(", ") }
}
