//! The clusters of the project with their pools, and what is done to them in the console.

use std::collections::BTreeSet;

use super::DEFAULT_POOL;
use crate::access::{AccessList, Row, Target};
use crate::console::{NoSuchTarget, outside_edit};
use crate::journal::Entry;
use crate::simulator::Simulator;
use crate::switches::Switches;

/// A cluster; each of its users holds one pool, or none and is in `default_pool`.
#[derive(Default)]
pub(crate) struct Cluster {
    /// All pools but `default_pool`.
    pools: BTreeSet<String>,
    pub(crate) list: AccessList,
    /// The database users who have ever been in a pool.
    seen: BTreeSet<String>,
}

impl Cluster {
    pub(crate) fn has_pool(&self, pool: &str) -> bool {
        pool == DEFAULT_POOL || self.pools.contains(pool)
    }

    /// All pools, sorted, the default one first.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &str> {
        std::iter::once(DEFAULT_POOL).chain(self.pools.iter().map(String::as_str))
    }

    /// The users that lists show of a pool, sorted.
    pub(crate) fn members(&self, pool: &str, visible_after_ms: u64) -> Vec<String> {
        let rows = self.list.visible(visible_after_ms, visible_after_ms);
        if pool == DEFAULT_POOL {
            return self.seen.iter().filter(|user| !rows.contains_key(*user)).cloned().collect();
        }
        let inside = rows.into_iter().filter(|(_, row)| row.strings().iter().any(|held| held == pool));
        inside.map(|(user, _)| user).collect()
    }

    /// Remembers that the database has this user.
    pub(crate) fn see(&mut self, user: &str) {
        self.seen.insert(user.to_owned());
    }
}

impl Target for Cluster {
    const SERVICE: &'static str = "dws";

    fn list(&self) -> &AccessList {
        &self.list
    }

    fn list_mut(&mut self) -> &mut AccessList {
        &mut self.list
    }

    fn principal(switches: &Switches, principal: &str) -> String {
        switches.dws.user_names.key(principal)
    }

    /// One pool a user; to be in `default_pool` is to be in none.
    fn joined(held: BTreeSet<String>, given: BTreeSet<String>) -> BTreeSet<String> {
        let Some(pool) = given.into_iter().next() else {
            return held;
        };
        BTreeSet::from([pool]).into_iter().filter(|pool| pool != DEFAULT_POOL).collect()
    }

    /// A pool that someone has put a user into is there.
    fn edited(&mut self, user: &str) {
        self.pools.extend(self.list.held(user));
        self.see(user);
    }
}

#[expect(clippy::must_use_candidate, reason = "called for what they do, whatever they say")]
impl Simulator {
    /// Creates a DWS cluster with nothing but `default_pool`; says whether it is new. The vendor's ids are UUIDs.
    pub fn create_dws_cluster(&self, id: &str) -> bool {
        self.create(id, |world| world.dws.insert(id, Cluster::default()))
    }

    /// Creates a resource pool; says whether it is new.
    pub fn create_pool(&self, cluster: &str, pool: &str) -> Result<bool, NoSuchTarget> {
        let mut world = self.world();
        let entry = outside_edit(&world, cluster, "create").ok_or(NoSuchTarget)?;
        let found = world.dws.get_mut(cluster).ok_or(NoSuchTarget)?;
        let new = pool != DEFAULT_POOL && found.pools.insert(pool.to_owned());
        if new {
            world.record(Entry { privileges: vec![pool.to_owned()], ..entry });
        }
        Ok(new)
    }

    /// Removes a resource pool; its users fall back to `default_pool`. Says whether it was there.
    pub fn remove_pool(&self, cluster: &str, pool: &str) -> Result<bool, NoSuchTarget> {
        let mut world = self.world();
        let entry = outside_edit(&world, cluster, "remove").ok_or(NoSuchTarget)?;
        let found = world.dws.get_mut(cluster).ok_or(NoSuchTarget)?;
        if !found.pools.remove(pool) {
            return Ok(false);
        }
        let list = &mut found.list;
        let users = list.users().into_iter().filter(|(user, _)| list.held(user).contains(pool));
        let users: Vec<String> = users.map(|(user, _)| user).collect();
        let changed = users.iter().filter_map(|user| list.set_outside(user, Row::default())).collect();
        world.record(Entry { privileges: vec![pool.to_owned()], changed, ..entry });
        Ok(true)
    }
}
