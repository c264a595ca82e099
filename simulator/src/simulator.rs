//! The handle of a simulated account: the router, credentials, journal, faults and switches. What is done to
//! targets is in `console`.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use serde_json::{Map, Value};

use crate::faults::Fault;
use crate::journal::Entry;
use crate::settings::{AccessKey, Settings};
use crate::switches::Switches;
use crate::world::World;
use crate::{admin, gateway};

/// A simulated cloud account. Clones are handles to the same one.
#[derive(Clone)]
pub struct Simulator {
    world: Arc<Mutex<World>>,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Simulator")
    }
}

impl Default for Simulator {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

#[expect(clippy::must_use_candidate, reason = "called for what they do, whatever they say")]
impl Simulator {
    /// An account without targets.
    pub fn new(settings: Settings) -> Self {
        Self { world: Arc::new(Mutex::new(World::new(settings))) }
    }

    /// All services and, under `/_admin/`, the admin API. Needs a tokio runtime when called.
    pub fn router(&self) -> Router {
        Router::new().nest("/_admin", admin::router()).fallback(gateway::handle).with_state(self.clone())
    }

    /// The state, with everything applied that is due.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.settle();
        world
    }

    /// Back to the start: settings as given, nothing else.
    pub fn reset(&self) {
        let mut world = self.world();
        *world = World::new(world.settings.clone());
    }

    /// All issued IAM tokens die; says how many.
    pub fn revoke_tokens(&self) -> usize {
        self.world().iam.revoke_tokens()
    }

    /// Adds an access key, or replaces the one of that id and forgets its lock-out.
    pub fn set_access_key(&self, key: AccessKey) {
        self.world().keyring.insert(key);
    }

    /// Takes an access key away; says whether it was there.
    pub fn remove_access_key(&self, id: &str) -> bool {
        self.world().keyring.remove(id)
    }

    /// Every IAM token that was issued, alive or not.
    pub fn tokens(&self) -> Vec<String> {
        self.world().iam.tokens()
    }

    /// The journal's entries after a sequence number; 0 for all.
    pub fn journal_after(&self, sequence: u64) -> Vec<Entry> {
        self.world().journal.after(sequence)
    }

    /// The newest sequence number; 0 at the start.
    pub fn journal_last(&self) -> u64 {
        self.world().journal.last()
    }

    /// Adds a fault after those that are there.
    pub fn add_fault(&self, fault: Fault) {
        self.world().faults.faults.push(fault);
    }

    /// The faults that are still to be played, with what is left of `skip` and `times`.
    pub fn faults(&self) -> Vec<Fault> {
        self.world().faults.faults.clone()
    }

    /// Forgets the faults. What is on its way lands nevertheless.
    pub fn clear_faults(&self) {
        self.world().faults.faults.clear();
    }

    /// The switches as they are.
    pub fn switches(&self) -> Switches {
        self.world().switches.clone()
    }

    /// Turns switches: `simulator.set_switches(|s| s.latency_ms = 20)`.
    pub fn set_switches(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.world().switches);
    }

    /// Turns the switches named in a JSON object, nested ones too.
    pub fn patch_switches(&self, patch: Value) -> Result<(), serde_json::Error> {
        let mut world = self.world();
        let mut all = serde_json::to_value(&world.switches)?;
        let patch: Map<String, Value> = serde_json::from_value(patch)?;
        merge(&mut all, Value::Object(patch));
        world.switches = serde_json::from_value(all)?;
        Ok(())
    }
}

/// Puts the fields of objects into one another, and replaces everything else.
fn merge(into: &mut Value, patch: Value) {
    match (into, patch) {
        (Value::Object(fields), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(fields.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch,
    }
}
