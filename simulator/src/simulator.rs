//! The handle of a simulated account: the router, and every admin operation as a method.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use serde_json::Value;

use crate::dli::{Queue, QueueKind};
use crate::faults::Fault;
use crate::journal::{Change, Entry};
use crate::settings::{AccessKey, Settings};
use crate::switches::Switches;
use crate::world::World;
use crate::{admin, dli, gateway};

/// A simulated cloud account. Clones are handles to the same one.
#[derive(Clone)]
pub struct Simulator {
    world: Arc<Mutex<World>>,
}

/// An outside edit names a queue that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchQueue;

impl fmt::Display for NoSuchQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no such queue")
    }
}

impl std::error::Error for NoSuchQueue {}

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
    /// An account without queues.
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

    /// Creates a queue; says whether it is new.
    pub fn create_queue(&self, name: &str, kind: QueueKind) -> bool {
        let mut world = self.world();
        let created_ms = world.time_of_day().as_millisecond();
        let new = world.dli.create(name, kind, created_ms);
        if new {
            world.record(outside_edit(name, "create", Vec::new()));
        }
        new
    }

    /// Removes a queue with its access list; says whether it was there.
    pub fn remove_queue(&self, name: &str) -> bool {
        let mut world = self.world();
        let Some(changed) = world.dli.remove(name) else {
            return false;
        };
        world.record(outside_edit(name, "remove", changed));
        true
    }

    /// The queues, by name.
    pub fn queues(&self) -> BTreeMap<String, QueueKind> {
        let world = self.world();
        let queues = world.dli.iter();
        queues.map(|(name, q)| (name.clone(), q.kind)).collect()
    }

    /// The truth about a queue: users and what they hold, sorted; administrators hold `ALL`. The owner is
    /// left out. None if there is no such queue.
    pub fn users(&self, queue: &str) -> Option<BTreeMap<String, Vec<String>>> {
        self.world().dli.get(queue).map(Queue::users)
    }

    /// Someone else gives a user these privileges, beside those that are held.
    pub fn outside_grant(&self, queue: &str, user: &str, privileges: &[&str]) -> Result<(), NoSuchQueue> {
        self.edit(queue, user, "grant", |queue, user| {
            let mut set = queue.held(user);
            set.extend(privileges.iter().map(|&name| name.to_owned()));
            Some(dli::Row::Holds(set))
        })
    }

    /// Someone else replaces what a user holds; an empty list takes everything.
    pub fn outside_set(&self, queue: &str, user: &str, privileges: &[&str]) -> Result<(), NoSuchQueue> {
        let set = privileges.iter().map(|&name| name.to_owned()).collect();
        self.edit(queue, user, "update", |_, _| Some(dli::Row::Holds(set)))
    }

    /// Someone else makes a user an administrator.
    pub fn outside_set_administrator(&self, queue: &str, user: &str) -> Result<(), NoSuchQueue> {
        self.edit(queue, user, "update", |_, _| Some(dli::Row::Administrator))
    }

    /// Someone else takes everything from a user, also from an administrator.
    pub fn outside_remove(&self, queue: &str, user: &str) -> Result<(), NoSuchQueue> {
        self.edit(queue, user, "revoke", |_, _| None)
    }

    fn edit(
        &self,
        queue: &str,
        user: &str,
        action: &str,
        row: impl FnOnce(&Queue, &str) -> Option<dli::Row>,
    ) -> Result<(), NoSuchQueue> {
        let mut world = self.world();
        let user = dli::key(&world.switches, user);
        let list = world.dli.get_mut(queue).ok_or(NoSuchQueue)?;
        let row = row(list, &user);
        let privileges = row.as_ref().map(dli::Row::privileges).unwrap_or_default();
        let changed = list.set_outside(&user, row).into_iter().collect();
        world.record(Entry { principals: vec![user], privileges, ..outside_edit(queue, action, changed) });
        Ok(())
    }

    /// Makes a user one whom IAM does not know, or who has never logged in: grants are refused.
    pub fn add_unknown_user(&self, user: &str) {
        self.world().iam.set_unknown(user, true);
    }

    /// The opposite; every user is known at the start.
    pub fn remove_unknown_user(&self, user: &str) {
        self.world().iam.set_unknown(user, false);
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

    /// Turns the switches named in a JSON object.
    pub fn patch_switches(&self, patch: Value) -> Result<(), serde_json::Error> {
        let mut world = self.world();
        let mut all = serde_json::to_value(&world.switches)?;
        let patch: serde_json::Map<String, Value> = serde_json::from_value(patch)?;
        if let Value::Object(fields) = &mut all {
            fields.extend(patch);
        }
        world.switches = serde_json::from_value(all)?;
        Ok(())
    }
}

/// The journal's word on a change that came through no call.
fn outside_edit(queue: &str, action: &str, changed: Vec<Change>) -> Entry {
    Entry {
        target: Some(queue.to_lowercase()),
        action: Some(action.to_owned()),
        changed,
        succeeded: true,
        ..Entry::blank("dli", "OutsideEdit")
    }
}
