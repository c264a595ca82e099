//! What a scenario comes to: every version of every object, with what the cloud holds at the moment when it is written.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use jiff::Timestamp;
use serde_json::Value;
use simulator::{Entry, Simulator};

use super::asked::Asked;
use crate::canaries::Collected;
use crate::runner::Runner;
use crate::script::Script;
use crate::world::{Operation, World, in_virtual_time};

/// One version of an object. Whoever waits may look at the moment when it is written.
pub struct Version {
    pub by_operator: bool,
    /// The object left the API server with it.
    pub is_last: bool,
    pub object: Value,
    /// By the operator's clock.
    pub at: Timestamp,
    /// Of an access object that can be read.
    pub asked: Option<Asked>,
    /// What its principal holds.
    pub held: BTreeSet<String>,
    /// The password of its account.
    pub password: Option<String>,
    /// How far the cloud's journal had come.
    pub journal: u64,
}

impl Version {
    fn of(event: &Value, by_operator: bool, at: Timestamp, simulator: &Simulator) -> Self {
        let object = event["object"].clone();
        let asked = Asked::of(&object, simulator);
        Self {
            by_operator,
            is_last: event["type"] == "DELETED",
            at,
            held: asked.as_ref().map(|asked| asked.held(simulator)).unwrap_or_default(),
            password: asked.as_ref().and_then(|asked| simulator.hpc_password(&asked.target, &asked.principal)),
            asked,
            journal: simulator.journal_last(),
            object,
        }
    }

    pub fn kind(&self) -> &str {
        self.object["kind"].as_str().unwrap_or_default()
    }

    pub fn meta(&self) -> &Value {
        &self.object["metadata"]
    }

    pub fn spec(&self) -> &Value {
        &self.object["spec"]
    }

    /// The condition of that type, or null.
    pub fn condition(&self, type_: &str) -> &Value {
        let mut conditions = self.object["status"]["conditions"].as_array().into_iter().flatten();
        conditions.find(|condition| condition["type"] == type_).unwrap_or(&Value::Null)
    }

    /// The status is about this generation of the spec.
    pub fn is_observed(&self) -> bool {
        self.object["status"]["observedGeneration"] == self.meta()["generation"]
    }
}

/// What a scenario came to.
pub struct Story {
    pub name: String,
    /// In the order in which they were written.
    pub versions: Vec<Version>,
    pub journal: Vec<Entry>,
    /// Why it did not hold; then this is as far as it came.
    pub broken: Option<String>,
}

impl Story {
    /// Plays a scenario in the pure world. At its end somebody comes new.
    pub fn of(script: &Script) -> Self {
        let mut script = script.clone();
        script.steps.extend(Script::parse(&script.name, "somebody comes new").steps);
        let (collected, _guard) = Collected::begin();
        in_virtual_time(async {
            let mut world = World::pure(&script.settings);
            world.collected = Some(collected);
            let (simulator, versions) = (world.simulator.clone(), witness(&world));
            // One that does not hold leaves the others running.
            let played = AssertUnwindSafe(Runner::run(&script, world)).catch_unwind().await;
            let broken = played.err().map(|panic| said(panic.as_ref()));
            let versions = std::mem::take(&mut *versions.lock().unwrap());
            Self { name: script.name.clone(), versions, journal: simulator.journal_after(0), broken }
        })
    }
}

/// What whoever panicked said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// From here on the versions of all objects are collected.
fn witness(world: &World) -> Arc<Mutex<Vec<Version>>> {
    let Operation::Pure { store, clock, .. } = &world.operation else { panic!("only the pure world can be seen so") };
    let (versions, simulator, clock) = (Arc::<Mutex<Vec<Version>>>::default(), world.simulator.clone(), clock.clone());
    let seen = Arc::clone(&versions);
    store.set_witness(move |who, event| {
        seen.lock().unwrap().push(Version::of(event, who == "operator", clock.now(), &simulator));
    });
    versions
}
