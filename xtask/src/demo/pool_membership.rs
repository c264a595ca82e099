//! PoolMembership: a user is in one pool at a time, so an edit moves the user.

use serde_json::json;

use super::Story;
use super::stage::Stage;
use crate::failure::Result;
use crate::progress::say;
use crate::samples::{Claim, Kind};
use crate::simulator::Simulator;

/// A user between pools.
pub(super) static STORY: Story = Story {
    kind: Kind {
        name: "PoolMembership",
        target: "/clusterId",
        principal: &["/userName"],
        access: "/poolName",
        in_cloud: |pool| pool,
        make: make_cluster_and_pools,
    },
    scenes: &[
        ("A PoolMembership puts a database user into a resource pool", a_user_enters_a_pool),
        ("An edit moves the user to another pool", a_user_moves),
        ("A deleted PoolMembership takes its user out of the pool", a_user_leaves),
    ],
};

/// A user whom somebody else has placed.
const OUTSIDER: &str = "oscar";
const ANOTHER_POOL: &str = "adhoc";

fn make_cluster_and_pools(simulator: &Simulator, claim: &Claim) -> Result<()> {
    let cluster = format!("dws/clusters/{}", claim.target);
    simulator.make(&cluster)?;
    let mut pools = claim.access.iter().map(String::as_str).chain([ANOTHER_POOL]);
    pools.try_for_each(|pool| simulator.make(&format!("{cluster}/pools/{pool}")))
}

fn a_user_enters_a_pool(stage: &mut Stage<'_>) -> Result<()> {
    stage.grant_by_hand(OUTSIDER, ANOTHER_POOL)?;
    stage.apply_samples()
}

fn a_user_moves(stage: &mut Stage<'_>) -> Result<()> {
    let hero = stage.hero()?;
    stage.edit(&hero, &json!({"poolName": ANOTHER_POOL}))?;
    say(format!("    {} left one pool and entered the other; everybody else stayed.", hero.principal));
    stage.table()
}

fn a_user_leaves(stage: &mut Stage<'_>) -> Result<()> {
    let hero = stage.hero()?;
    stage.delete(&hero.name)?;
    say(format!("    {} is in no pool of ours; {OUTSIDER} stays in {ANOTHER_POOL}.", hero.principal));
    Ok(())
}
