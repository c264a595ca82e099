//! What is done to clusters, passwords and access keys past all calls, as in Alibaba's console.

use super::{Cluster, VisibleTo};
use crate::console::{NoSuchTarget, outside_edit};
use crate::journal::Entry;
use crate::settings::AccessKey;
use crate::simulator::Simulator;

#[expect(clippy::must_use_candidate, reason = "called for what they do, whatever they say")]
impl Simulator {
    /// Creates a running E-HPC cluster that both generations of the API see; says whether it is new.
    pub fn create_hpc_cluster(&self, id: &str) -> bool {
        self.create_hpc_cluster_visible_to(id, VisibleTo::Both)
    }

    /// The same, seen by these generations only.
    pub fn create_hpc_cluster_visible_to(&self, id: &str, visible_to: VisibleTo) -> bool {
        self.create(id, |world| {
            let created = world.time_of_day();
            world.ehpc.insert(id, Cluster::new(visible_to, created));
        })
    }

    /// Sets the status of an E-HPC cluster, as the vendor writes it; in any but `running` users can be neither
    /// listed nor changed.
    pub fn set_hpc_status(&self, cluster: &str, status: &str) -> Result<(), NoSuchTarget> {
        let mut world = self.world();
        let cluster = world.ehpc.get_mut(cluster).ok_or(NoSuchTarget)?;
        status.clone_into(&mut cluster.status);
        Ok(())
    }

    /// The password of a user of an E-HPC cluster; none if there is no such user. No call gives it.
    pub fn hpc_password(&self, cluster: &str, user: &str) -> Option<String> {
        let world = self.world();
        let user = world.switches.ehpc.names.key(user);
        world.ehpc.get(cluster)?.password(&user).map(str::to_owned)
    }

    /// Someone else sets the password of a user of an E-HPC cluster.
    pub fn outside_set_password(&self, cluster: &str, user: &str, password: &str) -> Result<(), NoSuchTarget> {
        let mut world = self.world();
        let user = world.switches.ehpc.names.key(user);
        let held = world.ehpc.get_mut(cluster).ok_or(NoSuchTarget)?;
        if !held.set_password(&user, password) {
            return Err(NoSuchTarget);
        }
        if let Some(entry) = outside_edit(&world, cluster, "password") {
            world.record(Entry { principals: vec![user], ..entry });
        }
        Ok(())
    }

    /// Adds an access key of Alibaba Cloud, or replaces the one of that id.
    pub fn set_alibaba_key(&self, key: AccessKey) {
        self.world().alibaba.insert(key);
    }

    /// Takes an access key of Alibaba Cloud away; says whether it was there.
    pub fn remove_alibaba_key(&self, id: &str) -> bool {
        self.world().alibaba.remove(id)
    }
}
