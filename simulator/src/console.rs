//! What is done to targets and their access lists past all calls, as in the clouds' consoles.

use std::collections::BTreeMap;
use std::fmt;

use crate::access::Edit;
use crate::dli::{Queue, QueueKind};
use crate::journal::Entry;
use crate::simulator::Simulator;
use crate::world::World;

/// There is no target of this name, in any service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchTarget;

impl fmt::Display for NoSuchTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no such target")
    }
}

impl std::error::Error for NoSuchTarget {}

/// Targets of all services are told apart by their names alone.
#[expect(clippy::must_use_candidate, reason = "called for what they do, whatever they say")]
impl Simulator {
    /// Creates a queue; says whether it is new.
    pub fn create_queue(&self, name: &str, kind: QueueKind) -> bool {
        self.create(name, |world| {
            let created_ms = world.time_of_day().as_millisecond();
            let queue = Queue::new(&world.dli, kind, created_ms);
            world.dli.insert(name, queue);
        })
    }

    /// Removes a queue with its access list; says whether it was there.
    pub fn remove_queue(&self, name: &str) -> bool {
        self.remove_target(name)
    }

    /// The queues, by name.
    pub fn queues(&self) -> BTreeMap<String, QueueKind> {
        let world = self.world();
        let queues = world.dli.iter();
        queues.map(|(name, q)| (name.clone(), q.kind)).collect()
    }

    /// Adds a target, unless one of any service has its name; says whether it is new.
    pub(crate) fn create(&self, target: &str, add: impl FnOnce(&mut World)) -> bool {
        let mut world = self.world();
        if world.service_of(target).is_some() {
            return false;
        }
        add(&mut world);
        if let Some(entry) = outside_edit(&world, target, "create") {
            world.record(entry);
        }
        true
    }

    /// Removes a target of any service with its access list; says whether it was there.
    pub fn remove_target(&self, target: &str) -> bool {
        let mut world = self.world();
        let Some(entry) = outside_edit(&world, target, "remove") else {
            return false;
        };
        let changed = world.service_of_mut(target).and_then(|service| service.remove(target)).unwrap_or_default();
        world.record(Entry { changed, ..entry });
        true
    }

    /// The truth about a target: principals and what they hold, sorted. Administrators hold `ALL` or what
    /// their service calls so; the owner, whom every target has, is left out. None if there is no such target.
    pub fn users(&self, target: &str) -> Option<BTreeMap<String, Vec<String>>> {
        let world = self.world();
        world.service_of(target).and_then(|service| service.users(target))
    }

    /// Someone else gives a principal these, beside what is held, or instead of it where only one can be held.
    pub fn outside_grant(&self, target: &str, principal: &str, strings: &[&str]) -> Result<(), NoSuchTarget> {
        self.edit(target, principal, Edit::Grant(strings))
    }

    /// Someone else replaces what a principal holds; an empty list takes everything.
    pub fn outside_set(&self, target: &str, principal: &str, strings: &[&str]) -> Result<(), NoSuchTarget> {
        self.edit(target, principal, Edit::Set(strings))
    }

    /// Someone else makes a principal an administrator.
    pub fn outside_set_administrator(&self, target: &str, principal: &str) -> Result<(), NoSuchTarget> {
        self.edit(target, principal, Edit::Administrator)
    }

    /// Someone else takes everything from a principal, also from an administrator.
    pub fn outside_remove(&self, target: &str, principal: &str) -> Result<(), NoSuchTarget> {
        self.edit(target, principal, Edit::Remove)
    }

    fn edit(&self, target: &str, principal: &str, edit: Edit) -> Result<(), NoSuchTarget> {
        edit_row(&mut self.world(), target, principal, edit).ok_or(NoSuchTarget)
    }

    /// Makes a user one to whom no service grants anything: IAM does not know this name or id, or the user has
    /// never logged in, or there is no such database user (then also in no resource pool any more); a cluster's
    /// domain takes no account of this name.
    pub fn add_unknown_user(&self, user: &str) {
        let mut world = self.world();
        world.iam.set_unknown(user, true);
        let key = world.switches.dws.user_names.key(user);
        let placed = world.dws.iter().filter(|(_, cluster)| !cluster.list.held(&key).is_empty());
        let clusters: Vec<String> = placed.map(|(id, _)| id.clone()).collect();
        for cluster in clusters {
            edit_row(&mut world, &cluster, user, Edit::Remove);
        }
    }

    /// The opposite; every user is known at the start.
    pub fn remove_unknown_user(&self, user: &str) {
        self.world().iam.set_unknown(user, false);
    }
}

/// Edits a row and journals it; none if there is no such target.
fn edit_row(world: &mut World, target: &str, principal: &str, edit: Edit) -> Option<()> {
    let entry = outside_edit(world, target, edit.action())?;
    let switches = world.switches.clone();
    let edited = world.service_of_mut(target)?.edit(&switches, target, principal, edit)?;
    world.record(Entry {
        principals: vec![edited.principal],
        privileges: edited.holds,
        changed: edited.changed.into_iter().collect(),
        ..entry
    });
    Some(())
}

/// The journal's word on what came through no call; none if there is no such target.
pub(crate) fn outside_edit(world: &World, target: &str, action: &str) -> Option<Entry> {
    let service = world.service_of(target)?;
    Some(Entry {
        target: Some(service.key(target)),
        action: Some(action.to_owned()),
        succeeded: true,
        ..Entry::blank(service.name(), "OutsideEdit")
    })
}
