//! What the demo's scenes share: the running environment, what is claimed so far, and the checks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::environment::Environment;
use crate::failure::{Failure, Result};
use crate::kubectl::{Kubectl, print_indented};
use crate::process;
use crate::progress::{Attempt, say, wait_for};
use crate::samples::Grant;
use crate::simulator::Access;

/// How long any step may take. The operator looks for drift every 5 seconds here.
const LIMIT: Duration = Duration::from_secs(40);

/// Where the story is played.
pub(super) struct Stage {
    /// What runs.
    pub(super) environment: Environment,
    /// kubectl as a member of the team.
    pub(super) kubectl: Kubectl,
    /// Objects that are applied now, by name.
    claimed: BTreeMap<String, Grant>,
    /// What others hold in the cloud, by queue.
    foreign: BTreeMap<String, Access>,
}

impl Stage {
    /// Before the first scene: nothing is claimed yet.
    pub(super) fn set(environment: Environment) -> Result<Self> {
        let mut foreign = BTreeMap::new();
        for queue in environment.samples.queues() {
            foreign.insert(queue.to_owned(), environment.simulator.access(queue)?);
        }
        Ok(Self { kubectl: environment.tenant(), environment, claimed: BTreeMap::new(), foreign })
    }

    /// The sample that most of the story is about.
    pub(super) fn hero(&self) -> Result<Grant> {
        self.environment
            .samples
            .grants
            .first()
            .cloned()
            .ok_or_else(|| Failure::new("deploy/samples/queuegrant.yaml has no QueueGrant"))
    }

    /// Somebody grants access in the cloud's console.
    pub(super) fn grant_by_hand(&mut self, queue: &str, user: &str, privilege: &str) -> Result<()> {
        say(format!("    In the cloud's console, somebody grants {user} {privilege} on {queue}."));
        self.environment.simulator.set_by_hand(queue, user, &[privilege])?;
        let users = self.foreign.entry(queue.to_owned()).or_default();
        users.insert(user.to_owned(), BTreeSet::from([privilege.to_owned()]));
        Ok(())
    }

    /// Applies objects that must be accepted.
    pub(super) fn apply(&self, shown: &str, objects: &[Value]) -> Result<()> {
        say(format!("    $ kubectl apply -f {shown}"));
        for object in objects {
            let printed = self.kubectl.apply(object)?;
            print_indented(&printed.map_err(|refused| Failure::new("the API server refused a sample").why(refused))?);
        }
        Ok(())
    }

    /// From now on this object claims its access.
    pub(super) fn claim(&mut self, grant: Grant) {
        self.claimed.insert(grant.name.clone(), grant);
    }

    /// Deletes an object, waits until it is gone, and claims its access no more.
    pub(super) fn delete(&mut self, name: &str) -> Result<()> {
        self.kubectl.show(&["delete", "queuegrant", name, "--timeout=40s"])?;
        self.claimed.remove(name);
        Ok(())
    }

    /// Waits until every queue's list is what was claimed plus what others hold: no less, and no more.
    pub(super) fn the_cloud_holds_what_it_should(&mut self) -> Result<()> {
        for queue in self.foreign.keys().cloned().collect::<Vec<_>>() {
            let expected = self.expected(&queue);
            let found = wait_for(&format!("the access list of {queue}"), LIMIT, || {
                self.environment.check()?;
                let found = self.environment.simulator.access(&queue)?;
                if found == expected {
                    return Ok(Attempt::Done(found));
                }
                Ok(Attempt::NotYet(format!("expected {}\nfound    {}", shown(&expected), shown(&found))))
            })?;
            say(format!("    ok: the cloud's list of {queue} is {}", shown(&found)));
        }
        Ok(())
    }

    /// Waits until an object's condition `Ready` is True for this reason, about the present spec.
    pub(super) fn is_ready(&mut self, name: &str, reason: &str) -> Result<String> {
        let message = wait_for(&format!("{name} to be Ready: {reason}"), LIMIT, || {
            self.environment.check()?;
            let object = self.kubectl.json(&["get", "queuegrant", name, "--output=json"])?;
            Ok(match ready(&object) {
                Some((true, found, message)) if found == reason => Attempt::Done(message.to_owned()),
                Some((_, found, message)) => Attempt::NotYet(format!("its reason is {found}: {message}")),
                None => Attempt::NotYet("it has no condition Ready about its present spec".into()),
            })
        })?;
        say(format!("    ok: {name} is Ready: {reason}"));
        Ok(message)
    }

    /// The table that users look at.
    pub(super) fn table(&self) -> Result<()> {
        self.kubectl.show(&["get", "queuegrants"])
    }

    /// Adds to a failure what the operator said last.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        let log = self.environment.operator_log();
        let advice = format!("read the operator's log, {}, which ends:\n{}", log.display(), process::tail(log));
        failure.advice(advice)
    }

    fn expected(&self, queue: &str) -> Access {
        let mut access = self.foreign.get(queue).cloned().unwrap_or_default();
        for grant in self.claimed.values().filter(|grant| grant.queue == queue) {
            access.entry(grant.user.clone()).or_default().extend(grant.privileges.iter().cloned());
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
    let user = |(user, privileges): (&String, &BTreeSet<String>)| {
        format!("{user}: {}", privileges.iter().map(String::as_str).collect::<Vec<_>>().join("+"))
    };
    let users: Vec<String> = access.iter().map(user).collect();
    if users.is_empty() { "empty".into() } else { users.join(", ") }
}
